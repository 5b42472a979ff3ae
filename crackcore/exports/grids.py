"""Pictures whose mask is finer than their photo: brought back to photo pixels, and said in the report."""

from __future__ import annotations

from dataclasses import replace

from crackcore.arrays import ClassMask, HandPlane
from crackcore.domain.prediction import Prediction
from crackcore.exports.source import ExportImage, Walk
from crackcore.masks.regridding import coarser_hand, coarser_mask, coarser_score


def in_photo_pixels(image: ExportImage) -> ExportImage:
    """The same picture with mask, hand plane and score in photo pixels; itself when they are already.

    A mask pixel is crack when any of those in its photo pixel is, so nothing that was found is lost; a
    score is their mean. See `masks.regridding`.
    """
    factor = image.record.magnification
    if factor == 1:
        return image

    def shown() -> ClassMask:
        return coarser_mask(image.shown(), factor)

    def hand() -> HandPlane:
        return coarser_hand(image.hand(), image.shown(), factor)

    def prediction() -> Prediction | None:
        found = image.prediction()
        return None if found is None else replace(found, score=coarser_score(found.score, factor))

    return replace(
        image,
        record=replace(image.record, magnification=1),
        shown=shown,
        hand=hand,
        prediction=prediction,
        brought_back=True,
    )


def notes_on_grids(walk: Walk, consequence: str) -> tuple[str, ...]:
    """What a report says of the pictures that were written on another grid than their photo's, or were
    brought back from one. `consequence` ends the sentence: what it means in this format."""
    left_out = {id(image) for image, _ in walk.skipped}
    written = [image for image in walk.images if id(image) not in left_out]
    notes = []
    finer = sum(image.record.magnification > 1 for image in written)
    if finer:
        pictures = "1 picture is" if finer == 1 else f"{finer} pictures are"
        notes.append(f"{pictures} four times finer than the photo: {consequence}.")
    back = sum(image.brought_back for image in written)
    if back:
        pictures = "1 picture was" if back == 1 else f"{back} pictures were"
        notes.append(
            f"{pictures} brought back to photo pixels: one is crack when any of the 16 pixels in it was."
        )
    return tuple(notes)
