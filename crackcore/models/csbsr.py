"""CSBSR: cracks in low-resolution pictures of unknown blur, enlarged and searched jointly.

Source: Kondo and Ukita, "Joint Learning of Blind Super-Resolution and Crack Segmentation for
Realistic Degraded Images", IEEE TIM 73 (2024), and its code: KBPN x4, then PSPNet with ResNet-34
(89,249,704 parameters). Weights carry the names of its checkpoints (`segmentation_model.*`,
`sr_model.*`, in this order).

Input (N, 3, H, W) float, RGB 0..1, the picture at low resolution, any size from 1 px. Steps:

====================== ============================================================= =========
part                   what                                                          size
====================== ============================================================= =========
sr_model               KBPN (see there): picture and kernel                          4H x 4W
clip                   to 0..1, in inference only                                    4H x 4W
instance norm          per picture and channel, eps 1e-5, no weights                 4H x 4W
segmentation_model     PSPNet, its sigmoid inside                                    4H x 4W
====================== ============================================================= =========

Output: `sr_raw` and `sr` (N, 3, 4H, 4W), before and after clipping; `prob` and `logit`
(N, 1, 4H, 4W); `kernel` (N, 1, 21, 21), its sum 1.

Quirk that is reproduced: what training sees is not clipped. With odd H or W, PSPNet's main map is 4 px
longer than the enlarged picture; it is cropped here, where the original leaves it so.

Not copied, as mistakes of the published code: pictures cut into 112 px patches whose remainders are
dropped; the percentile 50 logged as 95; the third weight of the loss lost by a comma; a vertical
flip that is configured and never made.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from crackcore.models.joint import CrackFinder, JointMaps, clipped
from crackcore.models.kbpn import Kbpn


class Csbsr(nn.Module):
    """KBPN and a segmentation network, one after the other."""

    def __init__(
        self,
        segmentation: str = "pspnet",
        width: float = 1.0,
        stages: int = 4,
        **segmentation_arguments: Any,
    ) -> None:
        super().__init__()
        self._finder = CrackFinder(segmentation)
        self.segmentation_model = self._finder.create(width, **segmentation_arguments)
        self.sr_model = Kbpn(stages, width)

    def parts(self, x: Tensor, *, clip: bool | None = None, true_kernel: Tensor | None = None) -> JointMaps:
        """All that is computed on the way. `clip` None: outside training only; `true_kernel` as in KBPN."""
        sr_raw, _, kernel, _ = self.sr_model(x, true_kernel)
        sr = clipped(sr_raw) if (not self.training if clip is None else clip) else sr_raw
        prob, logit, segmentation = self._finder.read(self.segmentation_model, sr)
        return JointMaps(sr_raw, sr, prob, logit, segmentation, kernel)

    def forward(
        self, x: Tensor, clip: bool | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        maps = self.parts(x, clip=clip)
        return maps.sr_raw, maps.sr, maps.prob, maps.logit, maps.kernel


def build(
    segmentation: str = "pspnet", width: float = 1.0, stages: int = 4, **segmentation_arguments: Any
) -> Csbsr:
    """The network for a `ModelSpec` with architecture "csbsr".

    `segmentation` is a name of the catalogue, further arguments go to that network. Raises
    UnknownModel or ValueError when it cannot serve.
    """
    return Csbsr(segmentation, width, stages, **segmentation_arguments)
