"""CanvasView: the widget that shows a document and turns mouse and keys into image coordinates."""

from __future__ import annotations

from math import ceil, floor

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from app.canvas import cursor as cursors
from app.canvas import render
from app.canvas.painting import Painting
from app.canvas.viewport import Viewport
from app.document import Document, LayerOptions
from app.document.looked_at import LookedAt
from app.editing.tool import Point, Preview, ToolKey
from app.editing.toolbox import ToolBox
from crackcore.domain.box import Box
from crackcore.domain.project import ViewState

ZOOM_STEP = 1.25  # for one notch of the wheel
_NOTCH = 120

_TOOL_KEYS = {
    Qt.Key.Key_Return: ToolKey.FINISH,
    Qt.Key.Key_Enter: ToolKey.FINISH,
    Qt.Key.Key_Backspace: ToolKey.BACK,
    Qt.Key.Key_Escape: ToolKey.CANCEL,
}
_TYPED_INTO = (QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit, QComboBox)


class CanvasView(QWidget):
    """Shows one document. Everything it draws is computed for the visible part only."""

    cursor_moved = Signal(object)  # (y, x) whole image pixel under the cursor, or None
    view_changed = Signal()
    layers_changed = Signal()
    message = Signal(str)

    def __init__(self, toolbox: ToolBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._toolbox = toolbox
        self._tool = toolbox.current
        self._document: Document | None = None
        self._peeking = False
        self._view = Viewport(1, 1, 0, 0).fit()
        self._painting = Painting()
        self._cursor: Point | None = None
        self._drawn: list[Box] = []  # where the tool's preview was drawn last
        self._pan_from: QPointF | None = None
        self._gesture: Qt.MouseButton | None = None
        self._space = False
        self._alt = False
        self._wheel_rest = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # every pixel is painted here
        self.setMinimumSize(120, 90)
        toolbox.changed.connect(self._tool_changed)
        self._tool_changed()

    # ------------------------------------------------------------------ document and layers

    @property
    def document(self) -> Document | None:
        return self._document

    def set_document(self, document: Document | None, *, keep_view: bool) -> None:
        """Show another document; with `keep_view` the view stays put if its size is the same."""
        old = self._document
        if document is old:
            return
        self._tool.abort()
        self._gesture = None
        if old is not None:
            old.loaded.disconnect(self._loaded)
            old.released.disconnect(self._all_changed)
            old.hand_changed.disconnect(self._hand_changed)
            old.prediction_changed.disconnect(self.update)
            old.threshold_changed.disconnect(self.update)
            old.frozen_changed.disconnect(self.update)
        self._document = document
        if document is not None:
            document.loaded.connect(self._loaded)
            document.released.connect(self._all_changed)
            document.hand_changed.connect(self._hand_changed)
            document.prediction_changed.connect(self.update)
            document.threshold_changed.connect(self.update)
            document.frozen_changed.connect(self.update)
            size = document.size_px
            same = size == (self._view.image_height, self._view.image_width)
            view = self._view.for_image(*size)
            self._set_view(view if keep_view and same else view.fit(), force=True)
        self._all_changed()

    @property
    def is_in_gesture(self) -> bool:
        """Whether a mouse button is held that draws or moves."""
        return self._gesture is not None

    @property
    def layers(self) -> LayerOptions:
        return self._painting.layers

    def set_layers(self, layers: LayerOptions) -> None:
        if layers != self._painting.layers:
            self._painting.layers = layers
            self.update()
            self.layers_changed.emit()

    @property
    def looked_at(self) -> LookedAt | None:
        return self._painting.look

    def look_at(self, look: LookedAt | None, *, outline: bool = False) -> None:
        """Show a map in place of the result, with or without the mask's outline; None ends it."""
        if (look, outline) != (self._painting.look, self._painting.outline_over_look):
            self._painting.look_at(look)
            self._painting.outline_over_look = outline
            self.update()

    def peek(self, hidden: bool) -> None:
        """Hide all layers over the photograph while `hidden`."""
        if hidden != self._peeking:
            self._peeking = hidden
            self.update()

    def _loaded(self) -> None:
        """Arrays came; on another grid than before, the same place stays in sight."""
        size = self._document.size_px if self._document is not None else (0, 0)
        if self._view.image_height and size != (self._view.image_height, self._view.image_width):
            self._tool.abort()  # what it has drawn so far lies elsewhere now
            self._gesture = None
            self._set_view(self._view.for_grid(*size))
        self._all_changed()

    def _all_changed(self) -> None:
        self._painting.forget()
        self._show_cursor()
        self.update()

    def _hand_changed(self, box: Box) -> None:
        margin = self._painting.outline_px(self._line_px()) + 1
        self._update_box(render.screen_box(self._view, box, margin))

    # ------------------------------------------------------------------ view

    @property
    def viewport(self) -> Viewport:
        return self._view

    @property
    def scale(self) -> float:
        """Device pixels for one pixel of the image."""
        return self._view.scale

    def fit(self) -> None:
        self._set_view(self._view.fit())

    def actual_size(self) -> None:
        """One pixel of the image is one pixel of the screen; around the cursor when it is here."""
        self._set_view(self._view.scaled_to(1.0, self._zoom_point()))

    def zoom_by(self, factor: float) -> None:
        self._set_view(self._view.scaled_to(self._view.scale * factor, self._zoom_point()))

    def centre_on(self, y: float, x: float) -> None:
        self._set_view(self._view.centred_on(y, x))

    def view_state(self) -> ViewState:
        """What to write into the project, to come back to this view."""
        view = self._view
        image_id = "" if self._document is None else self._document.record.id
        per_screen_px = 0.0 if view.fitted else 1.0 / view.scale
        return ViewState(image_id, view.centre_x, view.centre_y, per_screen_px)

    def set_view_state(self, state: ViewState) -> None:
        if state.px_per_screen_px <= 0:
            self.fit()
        else:
            view = self._view.scaled_to(1.0 / state.px_per_screen_px)
            self._set_view(view.centred_on(state.centre_y, state.centre_x))

    def _zoom_point(self) -> tuple[float, float] | None:
        if self._cursor is None or not self.underMouse():
            return None
        return self._view.to_screen(*self._cursor)

    def _set_view(self, view: Viewport, *, force: bool = False) -> None:
        if view != self._view or force:
            at = None if self._cursor is None else self._view.to_screen(*self._cursor)
            old, self._view = self._view, view
            if at is not None:  # the mouse did not move, so what lies under it did
                self._cursor = view.to_image(*at)
            self._repaint_moved(old)
            self.view_changed.emit()

    def _repaint_moved(self, old: Viewport) -> None:
        """Repaint after the view changed; a pan moves what is on the screen and paints only the rest."""
        ratio = self.devicePixelRatioF()
        down, right = (new - was for new, was in zip(self._view.origin, old.origin, strict=True))
        if not self._view.has_raster_of(old) or down % ratio or right % ratio or not self.isVisible():
            self.update()
            return
        self.scroll(int(right / ratio), int(down / ratio))
        # The tool's preview went along with the picture; the cursor did not.
        for box in self._drawn:
            moved = Box(box.top + down, box.bottom + down, box.left + right, box.right + right)
            self._update_box(moved)
        self._update_preview()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit_to_widget()

    def _fit_to_widget(self) -> None:
        ratio = self.devicePixelRatioF()
        # Rounded up: Qt shows the device pixels that a widget of fractional size covers in part.
        height, width = max(1, ceil(self.height() * ratio)), max(1, ceil(self.width() * ratio))
        if (height, width) != (self._view.height, self._view.width):
            self._set_view(self._view.resized(height, width))

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        self._fit_to_widget()  # the screen's pixel ratio may have changed without a resize
        ratio = self.devicePixelRatioF()
        painter = QPainter(self)
        ground = self.palette().color(QPalette.ColorRole.Shadow)
        document = self._document
        if document is None or not document.is_loaded or document.photo_levels is None:
            painter.fillRect(event.rect(), ground)
            return
        painter.scale(1 / ratio, 1 / ratio)  # from here on, one unit is one device pixel
        # One by one: after a pan they are two strips at a corner, whose common rectangle is everything.
        for part in event.region():  # type: ignore[attr-defined]
            rect = _device_box(part, ratio).clipped(self._view.height, self._view.width)
            seen = render.on_image(self._view, rect)
            if seen != rect:
                painter.fillRect(_qrect(rect), ground)
            if not seen.is_empty:
                self._painting.draw(
                    painter, document, self._view, seen, bare=self._peeking, line_px=self._line_px()
                )
        preview = self._preview()
        cursors.draw(painter, self._view, self._cursor, preview, line_px=self._line_px())

    def _line_px(self) -> int:
        return max(1, round(self.devicePixelRatioF()))

    def _update_box(self, box: Box) -> None:
        box = box.clipped(self._view.height, self._view.width)
        if not box.is_empty:
            ratio = self.devicePixelRatioF()
            left, top = floor(box.left / ratio), floor(box.top / ratio)
            self.update(left, top, ceil(box.right / ratio) - left, ceil(box.bottom / ratio) - top)

    # ------------------------------------------------------------------ the tool and its preview

    def _tool_changed(self) -> None:
        self._tool = self._toolbox.current
        self._show_cursor()
        self._update_preview()

    def _preview(self) -> Preview:
        if self._pans or self._document is None or not self._document.is_loaded:
            return Preview()
        return self._tool.preview(opposite=self._opposite(self._alt))

    def _update_preview(self) -> None:
        """Repaint where the preview was and where it is now."""
        boxes = cursors.covered(self._view, self._cursor, self._preview())
        for box in (*self._drawn, *boxes):
            self._update_box(box)
        self._drawn = boxes

    def _opposite(self, momentary: bool) -> bool:
        return self._toolbox.swapped != momentary

    @property
    def _pans(self) -> bool:
        return self._space or self._tool.pans or self._pan_from is not None

    def _show_cursor(self) -> None:
        document = self._document
        if document is None or not document.is_loaded:
            self.unsetCursor()
        elif self._pan_from is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._pans:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif document.read_only:
            self.setCursor(Qt.CursorShape.ForbiddenCursor)
        elif self._tool.preview(opposite=False).stamp_px:
            self.setCursor(Qt.CursorShape.BlankCursor)  # the ring is the cursor
        else:
            self.setCursor(Qt.CursorShape.CrossCursor)

    # ------------------------------------------------------------------ mouse

    def _device_point(self, position: QPointF) -> tuple[float, float]:
        ratio = self.devicePixelRatioF()
        return position.y() * ratio, position.x() * ratio

    def _follow(self, position: QPointF) -> Point:
        """Note where the cursor is, and say so."""
        self._cursor = self._view.to_image(*self._device_point(position))
        y, x = floor(self._cursor[0] + 0.5), floor(self._cursor[1] + 0.5)
        inside = 0 <= y < self._view.image_height and 0 <= x < self._view.image_width
        self.cursor_moved.emit((y, x) if inside and self._document is not None else None)
        return self._cursor

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._gesture is not None or self._document is None or not self._document.is_loaded:
            return
        point = self._follow(event.position())
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._pans):
            self._gesture = button
            self._pan_from = event.position()
            self._show_cursor()
        elif button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton) and not self._tool.pans:
            self._gesture = button
            alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
            opposite = self._opposite(alt != (button == Qt.MouseButton.RightButton))
            sentence = self._tool.press(self._document, point, opposite=opposite)
            if sentence:
                self.message.emit(sentence)
        self._update_preview()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        # Qt sends this instead of the second press: for a brush it is one more dab.
        self.mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and not self._pans:
            self._tool.key(ToolKey.FINISH)
            self._update_preview()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is not None:
            ratio = self.devicePixelRatioF()
            step = event.position() - self._pan_from
            self._pan_from = event.position()
            self._set_view(self._view.moved(step.y() * ratio, step.x() * ratio))
            self._follow(event.position())
            return
        point = self._follow(event.position())
        self._tool.move(point)
        self._update_preview()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != self._gesture:
            return
        self._gesture = None
        if self._pan_from is not None:
            self._pan_from = None
            self._show_cursor()
        else:
            self._tool.release(self._follow(event.position()))
        self._update_preview()

    def enterEvent(self, event: QEnterEvent) -> None:
        # Space and Escape should work where the mouse is, but never steal what is being typed.
        if not isinstance(QApplication.focusWidget(), _TYPED_INTO):
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:
        self._cursor = None
        self.cursor_moved.emit(None)
        self._update_preview()

    def wheelEvent(self, event: QWheelEvent) -> None:
        # With Shift or Alt held, some platforms report a turn of the wheel as sideways.
        delta = event.angleDelta().y() or event.angleDelta().x()
        event.accept()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._wheel_rest += delta
            steps = int(self._wheel_rest / _NOTCH)
            self._wheel_rest -= steps * _NOTCH
            if steps:
                self._toolbox.resize(steps)
        elif delta and self._document is not None:
            scale = self._view.scale * ZOOM_STEP ** (delta / _NOTCH)
            self._set_view(self._view.scaled_to(scale, self._device_point(event.position())))
            self._follow(event.position())

    # ------------------------------------------------------------------ keys

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            # A pending polygon's Enter closes it, and must not reach the action that has this key.
            if self._tool.is_pending and event.key() in _TOOL_KEYS:
                event.accept()
                return True
        elif event.type() == QEvent.Type.PaletteChange:
            self.update()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
            self._show_cursor()
        elif key == Qt.Key.Key_Alt:
            self._alt = True
        elif key not in _TOOL_KEYS or not self._tool.key(_TOOL_KEYS[Qt.Key(key)]):
            super().keyPressEvent(event)
            return
        self._update_preview()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._show_cursor()
        elif event.key() == Qt.Key.Key_Alt:
            self._alt = False
        else:
            super().keyReleaseEvent(event)
            return
        self._update_preview()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        # A key let go elsewhere is never reported here.
        self._space = self._alt = False
        self._show_cursor()
        self._update_preview()
        super().focusOutEvent(event)


def _device_box(rect: QRect, ratio: float) -> Box:
    return Box(
        floor(rect.top() * ratio),
        ceil((rect.top() + rect.height()) * ratio),
        floor(rect.left() * ratio),
        ceil((rect.left() + rect.width()) * ratio),
    )


def _qrect(box: Box) -> QRect:
    return QRect(box.left, box.top, box.width, box.height)
