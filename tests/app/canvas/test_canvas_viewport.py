"""The half pixel, zoom at a point, and what resizing keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.canvas import Viewport
from app.canvas.viewport import MAX_SCALE

widgets = st.integers(100, 2000)
images = st.integers(1, 12000)
shares = st.floats(0, 1)


def viewport(height: int, width: int, image_height: int, image_width: int) -> Viewport:
    return Viewport(height, width, image_height, image_width)


def test_pixel_centres_are_whole_numbers() -> None:
    view = Viewport(100, 100, 10, 10).scaled_to(8.0).centred_on(4.5, 4.5)
    assert view.origin == (10, 10)
    assert view.to_screen(0, 0) == (14.0, 14.0)  # the middle of the 8 x 8 square that begins at 10
    assert view.to_image(14.0, 14.0) == (0.0, 0.0)
    assert view.to_image(10.0, 10.0) == (-0.5, -0.5)
    assert view.corner_to_screen(0, 0) == (10.0, 10.0)
    assert view.corner_to_screen(10, 10) == (90.0, 90.0)


@given(widgets, widgets, images, images)
def test_fit_shows_the_whole_image(height: int, width: int, image_height: int, image_width: int) -> None:
    view = viewport(height, width, image_height, image_width).fit()
    top, left = view.corner_to_screen(0, 0)
    bottom, right = view.corner_to_screen(image_height, image_width)
    assert -1 <= top <= bottom <= height + 1
    assert -1 <= left <= right <= width + 1
    if view.scale < MAX_SCALE:
        assert bottom - top > height - 2 or right - left > width - 2


@given(widgets, widgets, images, images, shares, shares, st.floats(0.05, 20), st.floats(0.3, 3))
def test_zoom_keeps_the_point_under_the_cursor(
    height: int,
    width: int,
    image_height: int,
    image_width: int,
    sy: float,
    sx: float,
    start: float,
    factor: float,
) -> None:
    view = viewport(height, width, image_height, image_width).fit().scaled_to(start)
    top, left = view.corner_to_screen(0, 0)
    bottom, right = view.corner_to_screen(image_height, image_width)
    # A point that is both on the widget and on the image.
    y = max(top, 0) + sy * (min(bottom, height) - max(top, 0))
    x = max(left, 0) + sx * (min(right, width) - max(left, 0))
    point = view.to_image(y, x)
    zoomed = view.scaled_to(view.scale * factor, (y, x))
    if min(image_height, image_width) * zoomed.scale > 100:  # smaller ones are kept in sight instead
        assert zoomed.to_screen(*point) == pytest.approx((y, x), abs=0.51 + 1e-6 * max(y, x))


@given(
    widgets, widgets, images, images, st.lists(st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000)))
)
def test_the_image_cannot_be_lost(
    height: int, width: int, image_height: int, image_width: int, steps: list[tuple[int, int]]
) -> None:
    view = viewport(height, width, image_height, image_width).fit().scaled_to(1.0)
    for down, right in steps:
        view = view.moved(down, right)
        top, left = view.corner_to_screen(0, 0)
        bottom, end = view.corner_to_screen(image_height, image_width)
        assert min(bottom, height) - max(top, 0) >= min(48, image_height, height / 2) - 1
        assert min(end, width) - max(left, 0) >= min(48, image_width, width / 2) - 1


def test_panning_moves_by_whole_pixels_and_scale_is_limited() -> None:
    view = Viewport(600, 800, 3000, 4000).fit().scaled_to(1.0)
    moved = view.moved(17, -23)
    assert (moved.origin[0] - view.origin[0], moved.origin[1] - view.origin[1]) == (17, -23)
    assert view.scaled_to(1e9).scale == MAX_SCALE
    assert view.scaled_to(1e-9).scale == view.fit_scale / 2


def test_resizing_keeps_the_centre_and_a_fitted_view_fitted() -> None:
    view = Viewport(600, 800, 3000, 4000).scaled_to(1.0).centred_on(1000, 1500)
    resized = view.resized(300, 900)
    assert (resized.centre_y, resized.centre_x, resized.scale) == (1000, 1500, 1.0)
    fitted = view.fit().resized(300, 900)
    assert fitted.scale == 0.1
    assert fitted.fitted
    assert not fitted.moved(1, 1).fitted
    assert not fitted.scaled_to(1.0).fitted
