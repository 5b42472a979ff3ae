"""CSSR: cracks in low-resolution pictures, found after enlarging them, both learnt together.

Source: Kondo and Ukita, "Crack Segmentation for Low-Resolution Images using Joint Learning with
Super-Resolution", MVA 2021, and its code: DBPN x4 with six stages, then a U-Net with VGG-16 encoder
(38,302,127 parameters). Any segmentation network of the catalogue can take the U-Net's place.
Weights carry the names of its checkpoints (`sr_model.*`, `segmentation_model.*`).

Input (N, 3, H, W) float, RGB 0..1, the picture at low resolution, any size from 1 px. Steps:

====================== ============================================================= =========
part                   what                                                          size
====================== ============================================================= =========
sr_model               DBPN (see there)                                              4H x 4W
clip                   to 0..1, in inference only                                    4H x 4W
instance norm          per picture and channel, eps 1e-5, no weights                 4H x 4W
segmentation_model     the segmentation network, its sigmoid inside                  4H x 4W
====================== ============================================================= =========

Output: `sr_raw` and `sr` (N, 3, 4H, 4W), before and after clipping; `prob` and `logit` (N, 1, 4H, 4W).

Quirk that is reproduced: what training sees is not clipped, what inference sees is. The published
way to normalise by fixed figures ("all") does not run and is left out.

Sizes the original refuses (the U-Net wants multiples of 16, thus 4 here) work: the segmentation
network continues the enlarged picture by itself. Maps of networks that give more than they were
shown are cropped to the enlarged picture.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from crackcore.models.dbpn import Dbpn
from crackcore.models.joint import CrackFinder, JointMaps, clipped


class Cssr(nn.Module):
    """DBPN and a segmentation network, one after the other."""

    def __init__(
        self,
        stages: int = 6,
        segmentation: str = "unet16",
        width: float = 1.0,
        scale: int = 4,
        **segmentation_arguments: Any,
    ) -> None:
        super().__init__()
        self._finder = CrackFinder(segmentation)
        self.sr_model = Dbpn(scale, stages, width)
        self.segmentation_model = self._finder.create(width, **segmentation_arguments)

    def parts(self, x: Tensor, *, clip: bool | None = None) -> JointMaps:
        """All that is computed on the way. `clip` None: outside training only."""
        sr_raw: Tensor = self.sr_model(x)
        sr = clipped(sr_raw) if (not self.training if clip is None else clip) else sr_raw
        prob, logit, segmentation = self._finder.read(self.segmentation_model, sr)
        return JointMaps(sr_raw, sr, prob, logit, segmentation)

    def forward(self, x: Tensor, clip: bool | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps = self.parts(x, clip=clip)
        return maps.sr_raw, maps.sr, maps.prob, maps.logit


def build(
    stages: int = 6,
    segmentation: str = "unet16",
    width: float = 1.0,
    scale: int = 4,
    **segmentation_arguments: Any,
) -> Cssr:
    """The network for a `ModelSpec` with architecture "cssr".

    `segmentation` is a name of the catalogue, further arguments go to that network. Raises
    UnknownModel or ValueError when it cannot serve.
    """
    return Cssr(stages, segmentation, width, scale, **segmentation_arguments)
