"""PSPNet's pyramid with its means reduced before they are spread, and a branch that is computed on wish."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.deploy.fused_conv import FusedConv
from crackcore.models.pspnet import GRIDS, Pyramid


class ReducedPyramid(nn.Module):
    """`Pyramid` without its map of five times the channels.

    A mean over a coarse grid, its 1x1 convolution, its spreading and its share of the bottleneck are
    linear: both convolutions become one product on the few cells of the grid, and spreading those
    cells is one product with a matrix of their bilinear weights.
    """

    def __init__(self, plain: Pyramid, dtype: torch.dtype) -> None:
        super().__init__()
        bottleneck = plain.bottleneck
        inside = bottleneck.in_channels // (len(GRIDS) + 1)
        weight = bottleneck.weight.detach().double()[:, :, 0, 0]
        shares = []
        for number, stage in enumerate(plain.stages):
            assert isinstance(stage, nn.Sequential)
            own = stage[1].get_parameter("weight").detach().double()[:, :, 0, 0]
            shares.append((weight[:, number * inside : (number + 1) * inside] @ own).T)
        self.shares: Tensor  # (grids, inside, outside), in float32: there are few cells
        self.register_buffer("shares", torch.stack(shares).float())
        last = nn.Conv2d(inside, bottleneck.out_channels, 1, device=weight.device)
        with torch.no_grad():
            last.weight.copy_(bottleneck.weight[:, -inside:])
            assert last.bias is not None
            assert bottleneck.bias is not None
            last.bias.copy_(bottleneck.bias)
        self.last = FusedConv(last, None, 0.0, dtype)
        self.dtype = dtype

    def forward(self, features: Tensor) -> Tensor:
        """(N, outside, h, w) for features (N, inside, h, w)."""
        count, _, height, width = features.shape
        cells = [
            functional.adaptive_avg_pool2d(features, grid).flatten(2).transpose(1, 2).float() @ share
            for grid, share in zip(GRIDS, self.shares, strict=True)
        ]
        spread = spreading_matrix(height, width).to(features.device, self.dtype)
        priors = spread @ torch.cat(cells, 1).to(self.dtype)
        more = priors.view(count, height, width, -1).permute(0, 3, 1, 2)
        out: Tensor = self.last(features, more)
        return out


def spreading_matrix(height: int, width: int) -> Tensor:
    """(height * width, cells of all grids) float32: what each cell adds at each place, bilinearly."""
    columns = []
    for grid in GRIDS:
        cells = torch.eye(grid * grid).view(1, grid * grid, grid, grid)
        spread = functional.interpolate(cells, size=(height, width), mode="bilinear", align_corners=False)
        columns.append(spread[0].flatten(1).T)
    return torch.cat(columns, 1)


class OptionalBranch(nn.Module):
    """A part whose result is not always asked for; zeros of one channel where it is not `wanted`."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.wanted = True

    def forward(self, x: Tensor) -> Tensor:
        if not self.wanted:
            return x.new_zeros((x.shape[0], 1, *x.shape[2:]), dtype=torch.float32)
        out: Tensor = self.part(x)
        return out.float()
