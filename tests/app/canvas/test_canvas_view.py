"""The real widget, grabbed and looked at pixel by pixel; real mouse and key events."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.canvas import CanvasView, render
from app.document import Document, LayerOptions
from app.editing import ToolBox
from app.theme import data_colours
from crackcore.arrays import HAND_CRACK, HAND_SOUND, HAND_UNDECIDED
from crackcore.domain.box import Box
from crackcore.domain.image_record import ImageRecord, Threshold
from crackcore.domain.prediction import Prediction
from crackcore.domain.project import ViewState
from crackcore.imaging.pyramid import photo_levels
from crackcore.masks import strokes

WIDTH, HEIGHT = 400, 300
GREY = 100
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
PLAIN, ALT, SHIFT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
OPAQUE = LayerOptions(opacity=1.0)


def document_of(
    photo: np.ndarray, score: np.ndarray | None = None, hand: np.ndarray | None = None
) -> Document:
    size = photo.shape[:2]
    document = Document(ImageRecord("p1", "p1.jpg", "", *size))
    prediction = None if score is None else Prediction(score, "m", "0" * 64)
    document.set_loaded(
        photo_levels(photo), np.zeros(size, np.uint8) if hand is None else hand, prediction, None
    )
    return document


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


@pytest.fixture
def toolbox(qapp: QApplication) -> ToolBox:
    box = ToolBox()
    box.choose("pan")  # no ring in the pictures
    return box


@pytest.fixture
def view(qtbot: QtBot, toolbox: ToolBox) -> CanvasView:
    view = CanvasView(toolbox)
    qtbot.addWidget(view)
    view.resize(WIDTH, HEIGHT)
    view.set_layers(OPAQUE)
    view.show()
    qtbot.waitExposed(view)
    return view


def grabbed(view: CanvasView) -> np.ndarray:
    """(H, W, 3) uint8 of what the widget shows."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def place(view: CanvasView, scale: float, y: float, x: float) -> None:
    view.set_view_state(ViewState("", x, y, 1 / scale))


# ---------------------------------------------------------------- what is drawn


def test_nothing_to_show_is_the_palette_s_ground(view: CanvasView) -> None:
    palette = view.palette()
    palette.setColor(QPalette.ColorRole.Shadow, QColor(12, 34, 56))
    view.setPalette(palette)
    assert (grabbed(view) == (12, 34, 56)).all()
    view.set_document(Document(ImageRecord("p1", "p1.jpg", "", 50, 50)), keep_view=False)
    assert (grabbed(view) == (12, 34, 56)).all()  # known, but not loaded yet
    view.set_document(document_of(grey(50, 50)), keep_view=False)
    view.fit()
    picture = grabbed(view)
    assert (picture[:, 50:350] == GREY).all()
    assert (picture[:, :50] == (12, 34, 56)).all()
    assert (picture[:, 350:] == (12, 34, 56)).all()


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0, 7.3, 16.0, 0.5, 0.125])
def test_every_pixel_of_the_photo_is_where_the_viewport_says(view: CanvasView, scale: float) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    view.set_document(document_of(photo), keep_view=False)
    place(view, scale, 480, 800)
    picture = grabbed(view)
    level = photo_levels(photo)[0] if scale >= 1 else None
    checked = 0
    for sy in range(3, HEIGHT, 41):
        for sx in range(3, WIDTH, 37):
            y, x = (int(np.floor(v + 0.5)) for v in view.viewport.to_image(sy + 0.5, sx + 0.5))
            if not (0 <= y < 1200 and 0 <= x < 1600):
                continue
            checked += 1
            if level is not None:
                assert (picture[sy, sx] == photo[y, x]).all()
            else:
                step = round(1 / scale)
                block = photo[y // step * step :, x // step * step :][:step, :step].reshape(-1, 3)
                assert np.abs(picture[sy, sx].astype(float) - block.mean(axis=0)).max() <= 3
    assert checked > 4


@pytest.mark.parametrize("scale", [1 / 8, 1 / 7.3, 1 / 3, 0.6, 0.9, 1.0, 1.7, 5.0])
def test_a_crack_of_one_pixel_shows_at_every_scale(view: CanvasView, scale: float) -> None:
    size = (1201, 1603)
    score = np.zeros(size, np.uint8)
    lines = np.zeros(size, np.uint8)
    cv2.line(lines, (100, 90), (1500, 1100), 1, 1)
    score[lines > 0] = 200
    score[:, 800] = 255
    document = document_of(grey(*size), score)
    view.set_document(document, keep_view=False)
    place(view, scale, 600, 800)
    picture = grabbed(view)
    orange = (picture == data_colours.CRACK_PREDICTED).all(axis=2)
    top, _ = view.viewport.corner_to_screen(0, 0)
    bottom, _ = view.viewport.corner_to_screen(*size)
    column = int(view.viewport.to_screen(0, 800)[1])
    rows = slice(max(0, int(np.ceil(top))), min(HEIGHT, int(bottom)))
    near = orange[rows, max(column - 1, 0) : column + 2].any(axis=1)
    assert near.all()  # the upright line has no gap
    # The slanted one neither: every pixel of it has orange on the screen where it lies.
    for y, x in np.argwhere(score == 200)[::7]:
        block = 1 << render.mask_level(scale, 99)
        at = view.viewport.corner_to_screen(int(y) // block * block, int(x) // block * block)
        end = view.viewport.corner_to_screen((int(y) // block + 1) * block, (int(x) // block + 1) * block)
        part = orange[max(0, round(at[0])) : round(end[0]), max(0, round(at[1])) : round(end[1])]
        assert part.size == 0 or part.any()
    # And nothing is drawn where no crack is.
    away = int(view.viewport.to_screen(0, 815 if scale > 0.3 else 1000)[1])
    if 0 <= away < WIDTH and scale < 1:
        assert orange[rows, away].mean() < 0.2


def test_far_below_the_coarsest_level_a_photo_is_still_smooth(view: CanvasView) -> None:
    photo = np.zeros((400, 400, 3), np.uint8)
    photo[::2] = 200  # the only level there is, at a tenth of its size: sampling would show stripes
    view.set_document(document_of(photo), keep_view=False)
    place(view, 0.4, 200, 200)
    picture = grabbed(view)[100:200, 160:240]
    assert np.abs(picture.astype(int) - 100).max() <= 25


def test_at_one_to_eight_the_mask_lies_exactly_where_the_pixel_is(view: CanvasView) -> None:
    score = np.zeros((800, 1600), np.uint8)
    score[403, 805] = 255
    view.set_document(document_of(grey(800, 1600), score), keep_view=False)
    place(view, 1 / 8, 399.5, 799.5)
    orange = (grabbed(view) == data_colours.CRACK_PREDICTED).all(axis=2)
    top, left = view.viewport.origin
    assert np.argwhere(orange).tolist() == [[top + 403 // 8, left + 805 // 8]]


def test_hand_model_and_undecided_have_their_own_colours(view: CanvasView) -> None:
    score = np.zeros((60, 80), np.uint8)
    score[10:50, 10:20] = 255
    hand = np.zeros((60, 80), np.uint8)
    hand[10:50, 30:40] = HAND_CRACK
    hand[10:50, 50:60] = HAND_UNDECIDED
    hand[10:20, 10:20] = HAND_SOUND
    document = document_of(grey(60, 80), score, hand)
    view.set_document(document, keep_view=False)
    place(view, 2.0, 30, 40)
    picture = grabbed(view)

    def at(y: int, x: int) -> tuple[int, ...]:
        sy, sx = view.viewport.to_screen(y, x)
        return tuple(int(v) for v in picture[int(sy), int(sx)])

    assert at(30, 15) == data_colours.CRACK_PREDICTED
    assert at(30, 35) == data_colours.CRACK_BY_HAND
    assert at(15, 15) == (GREY, GREY, GREY)
    undecided = np.array(at(30, 55)) - GREY
    assert (np.sign(undecided) == np.sign(np.array(data_colours.UNDECIDED) - GREY)).all()
    assert at(30, 55) not in (data_colours.UNDECIDED, (GREY, GREY, GREY))
    view.set_layers(LayerOptions(opacity=0.5))
    picture = grabbed(view)
    half = (np.array(data_colours.CRACK_PREDICTED) + GREY) / 2
    assert np.abs(np.array(at(30, 15)) - half).max() <= 2


def test_layers_are_hidden_by_option_and_while_peeking(view: CanvasView) -> None:
    score = np.full((60, 80), 255, np.uint8)
    view.set_document(document_of(grey(60, 80), score), keep_view=False)
    middle = HEIGHT // 2, WIDTH // 2
    assert tuple(grabbed(view)[middle]) == data_colours.CRACK_PREDICTED
    view.peek(True)
    assert tuple(grabbed(view)[middle]) == (GREY, GREY, GREY)
    view.peek(False)
    view.set_layers(LayerOptions(overlay_visible=False))
    assert tuple(grabbed(view)[middle]) == (GREY, GREY, GREY)
    view.set_layers(LayerOptions(overlay_visible=False, score_visible=True, opacity=1.0))
    assert tuple(grabbed(view)[middle]) == tuple(data_colours.colour_map("viridis")[255])


def test_an_outline_leaves_the_crack_itself_free(view: CanvasView) -> None:
    hand = np.zeros((60, 80), np.uint8)
    hand[20:40, 30:50] = HAND_CRACK
    view.set_document(document_of(grey(60, 80), None, hand), keep_view=False)
    view.set_layers(LayerOptions(outline=True, opacity=0.2))
    place(view, 3.0, 30, 40)
    drawn = (grabbed(view) == data_colours.CRACK_BY_HAND).all(axis=2)
    top, left = (int(v) for v in view.viewport.corner_to_screen(20, 30))
    bottom, right = (int(v) for v in view.viewport.corner_to_screen(40, 50))
    wanted = np.zeros_like(drawn)
    wanted[top - 1 : bottom + 1, left - 1 : right + 1] = True
    wanted[top:bottom, left:right] = False
    assert np.array_equal(drawn, wanted)


@pytest.mark.parametrize("outline", [False, True])
@pytest.mark.parametrize("scale", [0.13, 0.37, 1.0, 1.9, 6.4])
def test_repainting_parts_gives_the_same_picture_as_repainting_all(
    view: CanvasView, scale: float, outline: bool
) -> None:
    random = np.random.default_rng(5)
    photo = cv2.resize(random.integers(0, 256, (40, 50, 3), dtype=np.uint8), (1000, 800))
    score = (random.random((800, 1000)) < 0.01).astype(np.uint8) * 200
    document = document_of(photo, score)
    view.set_document(document, keep_view=False)
    view.set_layers(LayerOptions(outline=outline, opacity=1.0, score_visible=outline))
    place(view, scale, 390, 480)
    QApplication.processEvents()
    parts = grabbed(view)
    watch = PaintWatch(view)
    seen = render.on_image(view.viewport, Box(0, HEIGHT, 0, WIDTH))
    for step in range(6):
        share = (step + 0.5) / 6
        point = view.viewport.to_image(seen.top + share * seen.height, seen.left + share * seen.width)
        document.begin_stroke()
        code = HAND_CRACK if step % 2 else HAND_SOUND
        document.paint(
            strokes.line_box(point, point, 25),
            lambda p, a=point, c=code: strokes.dab(p, a, diameter_px=25, code=c),
        )
        watch.painted.clear()
        QApplication.processEvents()
        dirty = list(watch.painted)
        assert dirty
        fresh = grabbed(view)
        for rect in dirty:
            assert rect.width() * rect.height() < WIDTH * HEIGHT, "a dab repainted everything"
            part = slice(rect.top(), rect.bottom() + 1), slice(rect.left(), rect.right() + 1)
            parts[part] = fresh[part]
        assert np.array_equal(parts, fresh), "something changed outside of what was repainted"
        document.end_stroke("Brush")
    view._set_view(view.viewport.moved(23, -31))
    panned = grabbed(view)
    view._painting.forget()
    whole = grabbed(view)
    # Smoothing rounds to sixteenths of a pixel from wherever a strip begins.
    assert np.abs(panned.astype(int) - whole.astype(int)).max() <= (3 if scale < 1 else 0)


def on_the_screen(view: CanvasView) -> np.ndarray:
    """What lies in the window's own memory: the sum of all repaints so far, unlike a fresh grab."""
    QApplication.processEvents()
    image = view.screen().grabWindow(view.winId()).toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


@pytest.mark.parametrize("outline", [False, True])
@pytest.mark.parametrize("scale", [0.37, 1.0, 2.6])
def test_a_pan_leaves_the_same_picture_as_painting_anew(
    qtbot: QtBot, view: CanvasView, toolbox: ToolBox, scale: float, outline: bool
) -> None:
    random = np.random.default_rng(6)
    photo = cv2.resize(random.integers(0, 256, (40, 50, 3), dtype=np.uint8), (1000, 800))
    score = (random.random((800, 1000)) < 0.01).astype(np.uint8) * 200
    view.set_document(document_of(photo, score), keep_view=False)
    view.set_layers(LayerOptions(outline=outline, opacity=1.0, score_visible=outline))
    toolbox.choose("brush")
    toolbox.size_px = 30
    place(view, scale, 390, 480)
    qtbot.mouseMove(view, QPoint(50, 60))
    qtbot.mouseMove(view, QPoint(150, 130))  # its ring must not travel with the picture
    watch = PaintWatch(view)
    for down, right in ((10, 0), (-7, 13), (40, -60), (0, 350), (-400, 10), (3, 3)):
        view._set_view(view.viewport.moved(down, right))
        shown = on_the_screen(view)
        # Smoothing rounds to sixteenths of a pixel from wherever a strip begins.
        assert np.abs(shown.astype(int) - grabbed(view)).max() <= (3 if scale < 1 else 0)
    assert watch.painted


class PaintWatch(QObject):
    """Which rectangles of a widget Qt was asked to repaint."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.painted: list[QRect] = []
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.painted += [QRect(rect) for rect in event.region()]
        return False


def test_a_threshold_step_recolours_and_computes_nothing(view: CanvasView) -> None:
    score = np.zeros((60, 80), np.uint8)
    score[10:50, 10:30] = 100
    score[10:50, 30:60] = 180
    document = document_of(grey(60, 80), score)
    view.set_document(document, keep_view=False)
    levels = document.base()[0]
    counts = []
    for value in (90, 150, 200):
        document.set_threshold(Threshold(value, value), final=False)
        counts.append(int((grabbed(view) == data_colours.CRACK_PREDICTED).all(axis=2).sum()))
        assert document.base()[0] is levels
    scale = view.scale
    assert counts[0] == pytest.approx(40 * 50 * scale**2, rel=0.02)
    assert counts[1] == pytest.approx(40 * 30 * scale**2, rel=0.02)
    assert counts[2] == 0


def test_twice_as_dense_screens_show_device_pixels(qtbot: QtBot, toolbox: ToolBox) -> None:
    """One widget of an offscreen screen has ratio 1; the same arithmetic is asked of the viewport."""
    score = np.zeros((60, 80), np.uint8)
    score[30, 40] = 255
    document = document_of(grey(60, 80), score)
    view = CanvasView(toolbox)
    qtbot.addWidget(view)
    view.set_document(document, keep_view=False)
    state = view.viewport.resized(200, 300).scaled_to(2.0).centred_on(30, 40)
    seen = render.on_image(state, Box(0, 200, 0, 300))
    pixels = render.mask_pixels(document, state, seen)
    found = np.add(np.argwhere(pixels == render.SHOW_PREDICTED), (seen.top, seen.left))
    y, x = (int(v) for v in state.corner_to_screen(30, 40))
    assert sorted(map(tuple, found.tolist())) == [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)]


# ---------------------------------------------------------------- view


def wheel(view: CanvasView, x: float, y: float, delta: int, keys: Qt.KeyboardModifier = PLAIN) -> None:
    at = QPointF(x, y)
    event = QWheelEvent(
        at, view.mapToGlobal(at), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, keys,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def test_the_wheel_zooms_at_the_cursor(view: CanvasView) -> None:
    view.set_document(document_of(grey(3000, 4000)), keep_view=False)
    place(view, 0.5, 1500, 2000)
    point = view.viewport.to_image(77, 123)
    before = view.scale
    for delta in (120, 120, 30, -120, 240):
        wheel(view, 123, 77, delta)
        assert view.viewport.to_screen(*point) == pytest.approx((77, 123), abs=2.0)
    assert view.scale == pytest.approx(before * 1.25 ** (390 / 120))
    wheel(view, 123, 77, -390)
    assert view.scale == pytest.approx(before)


def test_shift_and_wheel_change_the_brush(view: CanvasView, toolbox: ToolBox) -> None:
    view.set_document(document_of(grey(300, 400)), keep_view=False)
    before = view.viewport
    toolbox.size_px = 6
    wheel(view, 50, 50, 120, SHIFT)
    wheel(view, 50, 50, 60, SHIFT)
    wheel(view, 50, 50, 60, SHIFT)
    assert toolbox.size_px == 8
    wheel(view, 50, 50, -240, SHIFT)
    assert toolbox.size_px == 6
    assert view.viewport == before


def test_fit_and_actual_size(view: CanvasView) -> None:
    view.set_document(document_of(grey(3000, 4000)), keep_view=False)
    assert view.viewport.fitted
    assert view.scale == pytest.approx(0.1)
    view.actual_size()
    assert view.scale == 1.0
    view.zoom_by(2.0)
    assert view.scale == 2.0
    view.fit()
    assert view.viewport.fitted


def test_the_view_stays_put_between_pictures_of_one_size(view: CanvasView) -> None:
    changes: list[None] = []
    view.view_changed.connect(lambda: changes.append(None))
    view.set_document(document_of(grey(900, 1200)), keep_view=True)
    assert view.viewport.fitted
    place(view, 3.0, 100, 200)
    here = view.viewport
    view.set_document(document_of(grey(900, 1200)), keep_view=True)
    assert view.viewport == here
    view.set_document(document_of(grey(900, 1201)), keep_view=True)
    assert view.viewport.fitted
    place(view, 3.0, 100, 200)
    view.set_document(document_of(grey(900, 1201)), keep_view=False)
    assert view.viewport.fitted
    assert changes


def test_a_view_can_be_kept_and_found_again(view: CanvasView) -> None:
    view.set_document(document_of(grey(900, 1200)), keep_view=False)
    assert view.view_state() == ViewState("p1", 599.5, 449.5, 0.0)
    place(view, 4.0, 321, 654)
    state = view.view_state()
    assert state == ViewState("p1", 654, 321, 0.25)
    view.fit()
    view.set_view_state(state)
    assert view.view_state() == state
    view.set_view_state(ViewState())
    assert view.viewport.fitted


def test_resizing_keeps_what_is_in_the_middle(view: CanvasView) -> None:
    view.set_document(document_of(grey(900, 1200)), keep_view=False)
    place(view, 2.0, 321, 654)
    view.resize(700, 500)
    QApplication.processEvents()
    assert view.viewport.to_image(250, 350) == pytest.approx((321, 654), abs=0.51)
    assert view.scale == 2.0


# ---------------------------------------------------------------- mouse and keys


def spot(view: CanvasView, y: float, x: float) -> QPoint:
    sy, sx = view.viewport.to_screen(y, x)
    return QPoint(int(sx), int(sy))


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 20])
@pytest.mark.parametrize("scale", [1.0, 4.0, 9.0])
def test_a_click_paints_exactly_the_ring(
    qtbot: QtBot, view: CanvasView, toolbox: ToolBox, size: int, scale: float
) -> None:
    document = document_of(np.full((600, 800, 3), 200, np.uint8))
    view.set_document(document, keep_view=False)
    toolbox.choose("brush")
    toolbox.size_px = size
    place(view, scale, 300, 400)
    at = spot(view, 301, 398) + QPoint(1, 0)
    qtbot.mouseMove(view, at + QPoint(30, 30))  # a mouse that is there already does not move
    qtbot.mouseMove(view, at)
    dark = np.abs(grabbed(view).astype(int) - 200).max(axis=2) > 30
    qtbot.mouseClick(view, LEFT, PLAIN, at)
    painted = np.argwhere(document.hand == HAND_CRACK)
    assert len(painted) == strokes.stamp(size).sum()
    # The ring on the screen runs along the edges of the very pixels that were painted.
    rows, columns = np.nonzero(dark)
    top, left = view.viewport.corner_to_screen(*painted.min(axis=0))
    bottom, right = view.viewport.corner_to_screen(*(painted.max(axis=0) + 1))
    if max(bottom - top, right - left) >= 9:  # smaller rings have ticks beside them
        assert rows.min() == pytest.approx(top, abs=2)
        assert rows.max() == pytest.approx(bottom, abs=2)
        assert columns.min() == pytest.approx(left, abs=2)
        assert columns.max() == pytest.approx(right, abs=2)
    view.set_document(None, keep_view=False)


def test_the_ring_is_drawn_along_pixel_edges(view: CanvasView) -> None:
    from app.canvas.cursor import ring, ring_on_screen

    for size in (1, 2, 3, 4, 5, 8, 13, 40, 200):
        outline = np.array(ring(size), np.float64)
        filled = np.zeros((size, size), np.uint8)
        # Pixel centres lie half a pixel from the corner the ring is counted from.
        strokes.polygon(filled, [(y - 0.5, x - 0.5) for y, x in outline[:-1]], code=1)
        assert np.array_equal(filled > 0, strokes.stamp(size)), size
    state = view.viewport.for_image(100, 100).scaled_to(4.0)
    corner = strokes.stamp_corner((50.3, 20.9), 6)
    first = ring_on_screen(state, (50.3, 20.9), 6).boundingRect()
    assert (first.top(), first.left()) == state.corner_to_screen(*corner)
    assert first.width() == 24


def test_the_ring_shows_on_black_on_white_and_on_grey(
    qtbot: QtBot, view: CanvasView, toolbox: ToolBox
) -> None:
    toolbox.choose("brush")
    toolbox.size_px = 20
    for shade in (0, 128, 255):
        view.set_document(document_of(np.full((60, 80, 3), shade, np.uint8)), keep_view=False)
        qtbot.mouseMove(view, spot(view, 20, 20))
        qtbot.mouseMove(view, spot(view, 30, 40))
        difference = np.abs(grabbed(view).astype(int) - shade).max(axis=2)
        assert np.count_nonzero(difference[20:280, 20:380] > 90) > 200, shade
    view.set_document(None, keep_view=False)


def test_moving_the_ring_leaves_nothing_behind(qtbot: QtBot, view: CanvasView, toolbox: ToolBox) -> None:
    """What is marked for repainting covers the old ring and the new one."""
    view.set_document(document_of(grey(300, 400)), keep_view=False)
    toolbox.choose("brush")
    clean = grabbed(view)
    for size, x in ((30, 100), (1, 180), (12, 240)):
        toolbox.size_px = size
        qtbot.mouseMove(view, QPoint(x, 90))
        drawn = (grabbed(view) != clean).any(axis=2)
        covered = np.zeros_like(drawn)
        for box in view._drawn:
            covered[box.clipped(HEIGHT, WIDTH).slices] = True
        assert drawn.any()
        assert not (drawn & ~covered).any()


@pytest.mark.parametrize(
    ("button", "keys", "swapped", "code"),
    [
        (LEFT, PLAIN, False, HAND_CRACK),
        (RIGHT, PLAIN, False, HAND_SOUND),
        (LEFT, ALT, False, HAND_SOUND),
        (RIGHT, ALT, False, HAND_CRACK),
        (LEFT, PLAIN, True, HAND_SOUND),
        (LEFT, ALT, True, HAND_CRACK),
    ],
)
def test_opposites_of_the_brush(
    qtbot: QtBot, view: CanvasView, toolbox: ToolBox, button: Qt.MouseButton, keys: Qt.KeyboardModifier,
    swapped: bool, code: int,
) -> None:  # fmt: skip
    document = document_of(grey(300, 400))
    view.set_document(document, keep_view=False)
    toolbox.choose("brush")
    if swapped:
        toolbox.toggle_opposite()
    qtbot.mouseClick(view, button, keys, spot(view, 100, 120))
    assert document.hand[100, 120] == code


def test_a_drag_paints_and_escape_takes_it_back(qtbot: QtBot, view: CanvasView, toolbox: ToolBox) -> None:
    document = document_of(grey(300, 400))
    view.set_document(document, keep_view=False)
    toolbox.choose("brush")
    qtbot.mousePress(view, LEFT, PLAIN, spot(view, 50, 50))
    qtbot.mouseMove(view, spot(view, 200, 300))
    assert document.hand[125, 175] == HAND_CRACK
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert not document.hand.any()
    qtbot.mouseMove(view, spot(view, 250, 50))
    qtbot.mouseRelease(view, LEFT, PLAIN, spot(view, 250, 50))
    assert not document.hand.any()
    assert document.undo_stack.count() == 0


def test_middle_button_and_space_pan(qtbot: QtBot, view: CanvasView, toolbox: ToolBox) -> None:
    document = document_of(grey(3000, 4000))
    view.set_document(document, keep_view=False)
    toolbox.choose("brush")
    place(view, 1.0, 1500, 2000)

    def dragged(button: Qt.MouseButton) -> tuple[int, int]:
        before = view.viewport.origin
        qtbot.mousePress(view, button, PLAIN, QPoint(100, 100))
        qtbot.mouseMove(view, QPoint(160, 130))
        qtbot.mouseRelease(view, button, PLAIN, QPoint(160, 130))
        after = view.viewport.origin
        return after[0] - before[0], after[1] - before[1]

    assert dragged(MIDDLE) == (30, 60)
    qtbot.keyPress(view, Qt.Key.Key_Space)
    assert view.cursor().shape() == Qt.CursorShape.OpenHandCursor
    assert dragged(LEFT) == (30, 60)
    qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert view.cursor().shape() == Qt.CursorShape.BlankCursor
    assert not document.hand.any()
    assert dragged(LEFT) == (0, 0)
    assert document.hand.any()
    toolbox.choose("pan")
    assert dragged(LEFT) == (30, 60)


def test_a_pending_polygon_keeps_enter_for_itself(qtbot: QtBot, view: CanvasView, toolbox: ToolBox) -> None:
    document = document_of(grey(300, 400))
    view.set_document(document, keep_view=False)
    toolbox.choose("polygon")
    key = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Return, PLAIN)
    key.ignore()
    QApplication.sendEvent(view, key)
    assert not key.isAccepted()  # nothing pending: the key belongs to whoever has it as a shortcut
    for y, x in ((50, 50), (50, 150), (150, 150)):
        qtbot.mouseClick(view, LEFT, PLAIN, spot(view, y, x))
    key = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Return, PLAIN)
    key.ignore()
    QApplication.sendEvent(view, key)
    assert key.isAccepted()
    before = grabbed(view)
    assert (np.abs(before.astype(int) - GREY).max(axis=2) > 90).sum() > 100  # the outline is drawn
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert document.hand[60, 120] == HAND_CRACK
    assert document.undo_stack.count() == 1


def test_a_double_click_closes_a_polygon(qtbot: QtBot, view: CanvasView, toolbox: ToolBox) -> None:
    document = document_of(grey(300, 400))
    view.set_document(document, keep_view=False)
    toolbox.choose("polygon")
    for y, x in ((50, 50), (50, 150), (150, 150)):
        qtbot.mouseClick(view, LEFT, PLAIN, spot(view, y, x))
    qtbot.mouseDClick(view, LEFT, PLAIN, spot(view, 150, 150))
    assert document.hand[60, 120] == HAND_CRACK
    assert not toolbox.current.is_pending


def test_the_cursor_is_told_in_image_pixels(qtbot: QtBot, view: CanvasView) -> None:
    view.set_document(document_of(grey(300, 400)), keep_view=False)
    place(view, 4.0, 150, 200)
    heard: list[object] = []
    view.cursor_moved.connect(heard.append)
    for dy, dx in ((0, 0), (3, 3)):  # the first and the last screen pixel of one image pixel
        top, left = view.viewport.corner_to_screen(140, 190)
        qtbot.mouseMove(view, QPoint(int(left) + dx, int(top) + dy))
    assert heard[-2:] == [(140, 190), (140, 190)]
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert heard[-1] is None


def test_switching_pictures_drops_a_stroke_in_progress(
    qtbot: QtBot, view: CanvasView, toolbox: ToolBox
) -> None:
    first, second = document_of(grey(300, 400)), document_of(grey(300, 400))
    view.set_document(first, keep_view=False)
    toolbox.choose("brush")
    qtbot.mousePress(view, LEFT, PLAIN, spot(view, 50, 50))
    view.set_document(second, keep_view=True)
    qtbot.mouseMove(view, spot(view, 100, 100))
    qtbot.mouseRelease(view, LEFT, PLAIN, spot(view, 100, 100))
    assert not first.hand.any()
    assert not second.hand.any()


def test_a_document_that_goes_and_comes_is_followed(view: CanvasView) -> None:
    document = document_of(grey(60, 80))
    view.set_document(document, keep_view=False)
    hand = document.hand
    document.release()
    assert tuple(grabbed(view)[150, 200]) != (GREY, GREY, GREY)
    document.set_loaded(photo_levels(grey(60, 80)), hand, None, None)
    assert tuple(grabbed(view)[150, 200]) == (GREY, GREY, GREY)


def test_a_message_of_a_tool_is_passed_on(qtbot: QtBot, view: CanvasView, toolbox: ToolBox) -> None:
    view.set_document(document_of(grey(300, 400)), keep_view=False)
    toolbox.choose("fill")
    toolbox.fill_by = "score"
    with qtbot.waitSignal(view.message) as heard:
        qtbot.mouseClick(view, LEFT, PLAIN, spot(view, 50, 50))
    assert "predict" in heard.args[0]


def test_the_canvas_takes_no_focus_from_somebody_typing(qtbot: QtBot, view: CanvasView) -> None:
    field = QLineEdit(view)
    field.show()
    view.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    from PySide6.QtGui import QEnterEvent

    enter = QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5))
    QApplication.sendEvent(view, enter)
    assert field.hasFocus()
    field.clearFocus()
    QApplication.sendEvent(view, enter)
    assert view.hasFocus()
