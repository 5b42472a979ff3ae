"""Viewport: which part of an image is seen, and how large. The half pixel lives here and only here.

Image coordinates are (y, x) with pixel centres at whole numbers; pixel (0, 0) reaches from -0.5 to
0.5. Screen coordinates are device pixels of the widget counted from its top left corner, where
pixel 0 reaches from 0 to 1. The image's top left corner always falls on a whole device pixel, so
that every repaint of a part lands on the same raster as the repaint of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

MAX_SCALE = 64.0
_KEEP_PX = 48  # so much of the image stays on the screen, however far it is pushed


@dataclass(frozen=True)
class Viewport:
    """`scale` is device pixels per image pixel; `centre` is what lies in the middle of the widget."""

    height: int  # of the widget, in device pixels
    width: int
    image_height: int
    image_width: int
    scale: float = 1.0
    centre_y: float = 0.0
    centre_x: float = 0.0
    fitted: bool = False

    @property
    def origin(self) -> tuple[int, int]:
        """Where the image's top left corner lies: (y, x) in whole device pixels."""
        return (
            round(self.height / 2 - (self.centre_y + 0.5) * self.scale),
            round(self.width / 2 - (self.centre_x + 0.5) * self.scale),
        )

    @property
    def extent(self) -> tuple[int, int]:
        """Device pixels whose centre lies on the image, counted from its corner: height, width."""
        return ceil(self.image_height * self.scale - 0.5), ceil(self.image_width * self.scale - 0.5)

    def to_image(self, y: float, x: float) -> tuple[float, float]:
        """From device pixels to image coordinates."""
        top, left = self.origin
        return (y - top) / self.scale - 0.5, (x - left) / self.scale - 0.5

    def to_screen(self, y: float, x: float) -> tuple[float, float]:
        """From image coordinates to device pixels."""
        top, left = self.origin
        return (y + 0.5) * self.scale + top, (x + 0.5) * self.scale + left

    def corner_to_screen(self, row: float, column: float) -> tuple[float, float]:
        """Where the top left corner of a pixel lies, in device pixels."""
        return self.to_screen(row - 0.5, column - 0.5)

    def has_raster_of(self, other: Viewport) -> bool:
        """Whether both show the same image at the same scale in the same widget, moved at most."""
        return self == replace(other, centre_y=self.centre_y, centre_x=self.centre_x, fitted=self.fitted)

    @property
    def fit_scale(self) -> float:
        if not (self.image_height and self.image_width):
            return 1.0
        fit = min(self.height / self.image_height, self.width / self.image_width)
        return max(min(fit, MAX_SCALE), 1e-6)

    def fit(self) -> Viewport:
        """The whole image, as large as it goes."""
        return replace(
            self,
            scale=self.fit_scale,
            centre_y=self.image_height / 2 - 0.5,
            centre_x=self.image_width / 2 - 0.5,
            fitted=True,
        )

    def scaled_to(self, scale: float, at: tuple[float, float] | None = None) -> Viewport:
        """With another scale; the image point under `at` (y, x in device pixels) stays there."""
        at_y, at_x = at if at is not None else (self.height / 2, self.width / 2)
        y, x = self.to_image(at_y, at_x)
        scale = min(max(scale, min(self.fit_scale, 1.0) / 2), MAX_SCALE)
        return replace(
            self,
            scale=scale,
            centre_y=y + (self.height / 2 - at_y) / scale,
            centre_x=x + (self.width / 2 - at_x) / scale,
            fitted=False,
        )._kept_in_sight()

    def moved(self, down: float, right: float) -> Viewport:
        """With the image pushed by so many device pixels."""
        return replace(
            self,
            centre_y=self.centre_y - down / self.scale,
            centre_x=self.centre_x - right / self.scale,
            fitted=False,
        )._kept_in_sight()

    def centred_on(self, y: float, x: float) -> Viewport:
        return replace(self, centre_y=y, centre_x=x, fitted=False)._kept_in_sight()

    def resized(self, height: int, width: int) -> Viewport:
        """For another size of the widget: the centre stays, and what was fitted is fitted again."""
        new = replace(self, height=height, width=width)
        return new.fit() if self.fitted else new

    def for_image(self, height: int, width: int) -> Viewport:
        """The same view of another image of this size."""
        new = replace(self, image_height=height, image_width=width)
        return new.fit() if self.fitted else new

    def for_grid(self, height: int, width: int) -> Viewport:
        """The same view of the same image in finer or coarser pixels, of which it has so many now."""
        factor = height / self.image_height
        made = replace(
            self,
            image_height=height,
            image_width=width,
            scale=self.scale / factor,
            centre_y=(self.centre_y + 0.5) * factor - 0.5,
            centre_x=(self.centre_x + 0.5) * factor - 0.5,
        )
        if self.fitted:
            return made.fit()
        return made if made.scale <= MAX_SCALE else replace(made, scale=MAX_SCALE)

    def finer(self, factor: int) -> Viewport:
        """The same view of the same image in pixels `factor` times as small: a map laid over it.

        Its corner lies on the same device pixel. For other factors than powers of two the rounding of
        a centre between two device pixels might fall to the other side, so the centre is taken from
        the corner there.
        """
        if factor == 1:
            return self
        made = replace(
            self,
            image_height=self.image_height * factor,
            image_width=self.image_width * factor,
            scale=self.scale / factor,
            centre_y=(self.centre_y + 0.5) * factor - 0.5,
            centre_x=(self.centre_x + 0.5) * factor - 0.5,
        )
        if made.origin != self.origin:
            top, left = self.origin
            made = replace(
                made,
                centre_y=(self.height / 2 - top) / made.scale - 0.5,
                centre_x=(self.width / 2 - left) / made.scale - 0.5,
            )
        return made

    def _kept_in_sight(self) -> Viewport:
        def kept(centre: float, widget: int, image: int) -> float:
            spare = (widget / 2 - min(_KEEP_PX, widget / 2, image * self.scale)) / self.scale
            return min(max(centre, -0.5 - spare), image - 0.5 + spare)

        return replace(
            self,
            centre_y=kept(self.centre_y, self.height, self.image_height),
            centre_x=kept(self.centre_x, self.width, self.image_width),
        )
