"""The tool strip on the left and the options of the tool in hand, above."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QSlider, QSpinBox, QToolBar, QWidget

from app.editing import ToolBox
from app.theme.icons import pixmap
from app.theme.scheme import FIELD_PX, Theme
from crackcore.masks.strokes import MAX_DIAMETER_PX, MIN_DIAMETER_PX

TITLES = {
    "brush": ("Brush", "Marks crack. Hold Alt (or press X) to erase."),
    "eraser": ("Eraser", "Marks sound surface. Hold Alt (or press X) to draw."),
    "fill": ("Fill", "Fills the region under the cursor."),
    "polygon": ("Polygon", "Click corners; Enter closes, Backspace drops the last, Esc cancels."),
    "pan": ("Move", "Drag to move the picture."),
}
FILL_TITLES = {"shown": "What is shown", "score": "Score", "colour": "Colour of the photo"}


class ToolOptions(QToolBar):
    """One row: name of the tool, its size or tolerance, and what it does."""

    def __init__(self, tool_box: ToolBox, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Tool options", parent)
        self.setObjectName("options")
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._box = tool_box
        self._theme = theme
        self._picture = QLabel()
        self._name = QLabel()
        self._name.setProperty("heading", True)
        self._name.setMinimumWidth(72)
        self.size_box = QSpinBox()
        self.size_box.setRange(MIN_DIAMETER_PX, MAX_DIAMETER_PX)
        self.size_box.setSuffix(" px")
        self.size_box.setAccessibleName("Size of the stamp")
        self.size_box.setKeyboardTracking(False)
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(0, 100)
        self.size_slider.setFixedWidth(150)
        self.size_slider.setAccessibleName("Size of the stamp")
        self.size_slider.setToolTip("Size of the stamp: [ and ], or Shift and the wheel")
        self.size_slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tolerance = QSpinBox()
        self.tolerance.setRange(0, 255)
        self.tolerance.setAccessibleName("Tolerance of the fill")
        self.fill_by = QComboBox()
        for value, title in FILL_TITLES.items():
            self.fill_by.addItem(title, value)
        self.fill_by.setAccessibleName("What the fill follows")
        for field in (self.size_box, self.tolerance, self.fill_by):
            field.setMinimumHeight(FIELD_PX)
        self._hint = QLabel()
        self._hint.setProperty("soft", True)

        self.addWidget(self._picture)
        self.addWidget(self._name)
        self._size_actions = [
            self.addWidget(_soft("Size")),
            self.addWidget(self.size_slider),
            self.addWidget(self.size_box),
        ]
        self._fill_actions = [
            self.addWidget(_soft("Follows")),
            self.addWidget(self.fill_by),
            self.addWidget(_soft("Tolerance")),
            self.addWidget(self.tolerance),
        ]
        self.addSeparator()
        self.addWidget(self._hint)

        self.size_box.valueChanged.connect(self._typed)
        self.size_slider.valueChanged.connect(lambda value: self._typed(_px_of(value)))
        self.tolerance.valueChanged.connect(lambda value: setattr(tool_box, "fill_tolerance", value))
        self.fill_by.activated.connect(
            lambda index: setattr(tool_box, "fill_by", self.fill_by.itemData(index))
        )
        tool_box.changed.connect(self._refresh)
        theme.changed.connect(self._refresh)
        self._refresh()

    def add_at_end(self, actions: list[QAction], last: QWidget) -> None:
        """What belongs at the right end of the row."""
        spacer = QWidget()
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)
        for action in actions:
            self.addAction(action)
        self.addWidget(last)

    def _typed(self, px: int) -> None:
        self._box.size_px = px

    def _refresh(self) -> None:
        box = self._box
        name = box.current.name
        title, hint = TITLES[name]
        opposite = {"brush": "Eraser", "eraser": "Brush"}.get(name, "") if box.swapped else ""
        self._name.setText(f"{title} → {opposite}" if opposite else title)
        self._hint.setText(hint)
        self._picture.setPixmap(pixmap(name, self._theme.scheme.text, 18, self.devicePixelRatioF()))
        for action in self._size_actions:
            action.setVisible(name in ("brush", "eraser"))
        for action in self._fill_actions:
            action.setVisible(name == "fill")
        for widget, value in (
            (self.size_box, box.size_px),
            (self.size_slider, _value_of(box.size_px)),
            (self.tolerance, box.fill_tolerance),
        ):
            widget.blockSignals(True)
            widget.setValue(value)
            widget.blockSignals(False)
        self.fill_by.setCurrentIndex(self.fill_by.findData(box.fill_by))


class ToolStrip(QToolBar):
    """One button a tool, top down; the actions come from the table of actions."""

    def __init__(self, actions: dict[str, QAction], tool_box: ToolBox, parent: QWidget | None = None) -> None:
        super().__init__("Tools", parent)
        self.setObjectName("tools")
        self.setMovable(False)
        self.setFloatable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setIconSize(QSize(22, 22))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._actions = actions
        self._box = tool_box
        for action in actions.values():
            action.setCheckable(True)
            self.addAction(action)
        tool_box.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        for name, action in self._actions.items():
            action.setChecked(name == self._box.current.name)


def _soft(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("soft", True)
    return label


# The slider is quadratic: sizes that cracks need (1 to 30 px) take its first third.
def _px_of(value: int) -> int:
    return max(MIN_DIAMETER_PX, round((value / 100) ** 2 * MAX_DIAMETER_PX))


def _value_of(px: int) -> int:
    return round(float((px / MAX_DIAMETER_PX) ** 0.5) * 100)
