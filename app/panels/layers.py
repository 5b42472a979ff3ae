"""What is drawn over the photograph: mask and score, filled or outlined, how strong."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.document import LayerOptions
from app.theme.scheme import FIELD_PX, SPACE


class LayersPanel(QWidget):
    """Shows a value and hands out changed ones; whoever joins it to the canvas owns the value."""

    options_changed = Signal(object)  # LayerOptions

    def __init__(self, options: LayerOptions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._options = options
        self.mask_box = QCheckBox("Mask")
        self.style_choice = QComboBox()
        self.style_choice.setMinimumHeight(FIELD_PX)
        self.style_choice.addItem("Filled", False)
        self.style_choice.addItem("Outline", True)
        self.style_choice.setAccessibleName("How the mask is drawn")
        self.score_box = QCheckBox("Score")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setAccessibleName("Overlay opacity")
        self.number = QLabel()
        self.number.setMinimumWidth(self.number.fontMetrics().horizontalAdvance("100 %"))
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE + 2, SPACE // 2, SPACE + 2, SPACE + 2)
        layout.setSpacing(SPACE)
        what = QHBoxLayout()
        what.setSpacing(SPACE)
        what.addWidget(self.mask_box)
        what.addWidget(self.style_choice, 1)
        what.addSpacing(SPACE)
        what.addWidget(self.score_box)
        layout.addLayout(what)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        label = QLabel("Opacity")
        label.setBuddy(self.opacity)
        row.addWidget(label)
        row.addWidget(self.opacity, 1)
        row.addWidget(self.number)
        layout.addLayout(row)

        self.mask_box.toggled.connect(lambda on: self._change(overlay_visible=on))
        self.score_box.toggled.connect(lambda on: self._change(score_visible=on))
        self.style_choice.activated.connect(lambda index: self._change(outline=bool(index)))
        self.opacity.valueChanged.connect(lambda value: self._change(opacity=value / 100))
        self.set_options(options)

    @property
    def options(self) -> LayerOptions:
        return self._options

    def set_options(self, options: LayerOptions) -> None:
        """Show these; says nothing."""
        self._options = options
        for widget in (self.mask_box, self.score_box, self.style_choice, self.opacity):
            widget.blockSignals(True)
        self.mask_box.setChecked(options.overlay_visible)
        self.score_box.setChecked(options.score_visible)
        self.style_choice.setCurrentIndex(int(options.outline))
        self.opacity.setValue(round(options.opacity * 100))
        for widget in (self.mask_box, self.score_box, self.style_choice, self.opacity):
            widget.blockSignals(False)
        self.number.setText(f"{round(options.opacity * 100)} %")

    def _change(self, **changes: object) -> None:
        self.set_options(replace(self._options, **changes))  # type: ignore[arg-type]
        self.options_changed.emit(self._options)
