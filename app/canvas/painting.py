"""What lies where the image is seen: photograph, score, mask, or a map that is looked at instead."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter

from app.canvas import render
from app.canvas.photo import ShownPhoto
from app.canvas.viewport import Viewport
from app.document import Document, LayerOptions
from app.document.looked_at import LookedAt
from app.theme import data_colours
from crackcore.domain.box import Box

OUTLINE_OVER_MAP = LayerOptions(outline=True)


class Painting:
    """Draws one document; the photograph is kept between repaints, everything else is made anew."""

    def __init__(self) -> None:
        # A threshold step or a dab paints only its own layer over the kept photograph.
        self._photo = ShownPhoto()
        self._picture = ShownPhoto()  # that is looked at in its place, on its own finer raster
        self.layers = LayerOptions()
        self.look: LookedAt | None = None
        self.outline_over_look = False

    def forget(self) -> None:
        """Let go of the arrays of the photograph and of what was drawn."""
        self._photo.forget()
        self._picture.forget()

    def look_at(self, look: LookedAt | None) -> None:
        self.look = look
        self._picture.forget()

    def outline_px(self, line_px: int) -> int:
        """How far the mask reaches beyond its pixels on the screen."""
        outlined = self.layers.outline or (self.look is not None and self.look.covers_mask)
        return line_px if outlined else 0

    def draw(
        self, painter: QPainter, document: Document, view: Viewport, seen: Box, *, bare: bool, line_px: int
    ) -> None:
        """Paint the rectangle `seen` of the screen, which lies on the image; in device pixels.

        `bare` is the photograph alone.
        """
        look = None if bare else self.look
        painter.drawImage(_qrect(seen), self._ground(document, view, look), _qrect(seen))
        if bare:
            return
        if look is not None and look.heat is not None:
            pixels = render.score_pixels(look.heat, view.finer(look.factor), seen)
            if look.classes:
                table = (0, *(data_colours.argb(c.colour, c.opacity) for c in look.classes))
            else:
                table = data_colours.score_table(self.layers.colour_map, self.layers.opacity)
            painter.drawImage(seen.left, seen.top, render.indexed_image(pixels, table))
            if self.outline_over_look:
                self._draw_mask(painter, document, view, seen, OUTLINE_OVER_MAP, line_px)
            return
        if self.layers.score_visible and document.heat is not None:
            pixels = render.score_pixels(document.heat, view, seen)
            table = data_colours.score_table(self.layers.colour_map, self.layers.opacity)
            painter.drawImage(seen.left, seen.top, render.indexed_image(pixels, table))
        if self.layers.overlay_visible:
            self._draw_mask(painter, document, view, seen, self.layers, self.outline_px(line_px))

    def _ground(self, document: Document, view: Viewport, look: LookedAt | None) -> QImage:
        if look is not None and look.picture is not None:
            return self._picture.image(look.picture, view.finer(look.factor))
        assert document.photo_levels is not None
        return self._photo.image(document.photo_levels, view)

    def _draw_mask(
        self,
        painter: QPainter,
        document: Document,
        view: Viewport,
        seen: Box,
        layers: LayerOptions,
        outline_px: int,
    ) -> None:
        mask = render.mask_pixels(document, view, seen, outline_px=outline_px)
        if mask is not None:
            image = render.indexed_image(mask, render.mask_colours(layers))
            painter.drawImage(seen.left, seen.top, image)


def _qrect(box: Box) -> QRect:
    return QRect(box.left, box.top, box.width, box.height)
