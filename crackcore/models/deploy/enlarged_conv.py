"""A 3x3 convolution of an enlarged map, without the enlarged map.

Bilinear enlargement works on each channel by itself, a convolution's tap mixes channels at one
place: the two can change order. So each of the nine taps is applied at low resolution (a product of
matrices), and what is enlarged, shifted and added are its few outputs instead of its many inputs.
Enlarging, shifting and adding are linear along each axis, too, and are done as products with small
matrices, block after block, so that nothing of full size but the result is ever in memory. Exact
but for rounding, borders (zero padding of the enlarged map) included.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crackcore.models.deploy.fused_conv import folded_weights

BLOCK_ROWS, BLOCK_COLUMNS = 128, 64  # measured: smaller ones cost calls, larger ones multiply by more zeros


class EnlargedConv(nn.Module):
    """Bilinear enlargement (corners not aligned), conv 3x3 with padding 1, norm, leaky ReLU.

    `forward` takes the low maps, which stand for their concatenation. With a `head`, a conv 3x3
    with padding 1 to one channel without activation, the result is that one map, in float32.
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        times: int,
        *,
        norm: nn.BatchNorm2d | None = None,
        slope: float | None = None,
        head: nn.Conv2d | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if conv.kernel_size != (3, 3) or conv.padding != (1, 1) or conv.stride != (1, 1) or conv.groups != 1:
            raise ValueError("only 3x3 convolutions with padding 1")
        self.times, self.slope, self.dtype = times, slope, dtype
        self.outside = conv.out_channels
        weight, bias = folded_weights(conv, norm)
        # (tap down, inside, tap across * outside)
        by_tap = weight.permute(2, 1, 3, 0).reshape(3, conv.in_channels, 3 * self.outside)
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", by_tap.to(dtype).contiguous())
        zero = torch.zeros(self.outside, device=weight.device)
        self.register_buffer("bias", (zero if bias is None else bias).to(dtype))
        self.head_weight: Tensor | None
        self.head_bias: Tensor | None
        taps = None if head is None else head.weight.detach().permute(1, 2, 3, 0).reshape(-1, 9)
        self.register_buffer("head_weight", None if taps is None else taps.to(dtype).contiguous())
        self.register_buffer("head_bias", None if head is None or head.bias is None else head.bias.detach())
        self._lines: dict[tuple[int, torch.device], Tensor] = {}

    def forward(self, *lows: Tensor) -> Tensor:
        pictures = [self._one(*(low[n] for low in lows)) for n in range(lows[0].shape[0])]
        return torch.stack(pictures) if len(pictures) > 1 else pictures[0][None]

    def _one(self, *lows: Tensor) -> Tensor:
        """(C, h s, w s) of one picture, channels-last in memory."""
        places = [low.to(self.dtype).permute(1, 2, 0) for low in lows]
        height, width = (n * self.times for n in places[0].shape[:2])
        head = self.head_weight is not None
        out = torch.empty(
            (height, width) if head else (height, width, self.outside),
            dtype=torch.float32 if head else self.dtype,
            device=places[0].device,
        )
        margin = 1 if head else 0
        for top in range(0, height, BLOCK_ROWS):
            rows = _Span(top, min(height, top + BLOCK_ROWS), height, margin, self.times)
            tapped = self._tapped([p[rows.low] for p in places])
            down = self._line(places[0].shape[0])[rows.wide, :, rows.low].flatten(1)
            for left in range(0, width, BLOCK_COLUMNS):
                columns = _Span(left, min(width, left + BLOCK_COLUMNS), width, margin, self.times)
                block = self._block(tapped, down, columns, places[0].shape[1])
                if head:
                    block = self._headed(block)
                out[rows.own, columns.own] = block[rows.inner, columns.inner]
        if not head:
            return out.permute(2, 0, 1)
        return out[None] if self.head_bias is None else out[None] + self.head_bias.float()

    def _tapped(self, places: list[Tensor]) -> Tensor:
        """(3 * rows, columns * 3, outside): the taps at low resolution."""
        rows, columns = places[0].shape[:2]
        out = torch.empty((3, rows * columns, 3 * self.outside), dtype=self.dtype, device=places[0].device)
        start = 0
        for place in places:
            values = place.reshape(rows * columns, -1)
            end = start + values.shape[1]
            for tap in range(3):
                if start == 0:
                    torch.mm(values, self.weight[tap, start:end], out=out[tap])
                else:
                    out[tap].addmm_(values, self.weight[tap, start:end])
            start = end
        return out.view(3 * rows, columns * 3, self.outside)

    def _block(self, tapped: Tensor, down: Tensor, columns: _Span, low_width: int) -> Tensor:
        """(rows, columns, outside) of the activated result, with the margin a head needs."""
        across = self._line(low_width)[columns.wide, :, columns.low]
        across = across.transpose(1, 2).reshape(across.shape[0], -1)
        here = tapped[:, 3 * columns.low.start : 3 * columns.low.stop]
        wide = torch.bmm(across.expand(here.shape[0], -1, -1), here)
        block = torch.mm(down, wide.view(wide.shape[0], -1)).view(down.shape[0], -1, self.outside)
        block += self.bias
        if self.slope is None:
            return block
        return functional.relu_(block) if self.slope == 0.0 else functional.leaky_relu_(block, self.slope)

    def _headed(self, block: Tensor) -> Tensor:
        """(rows, columns) float32: the head's taps as one product, then shifted and added."""
        assert self.head_weight is not None
        rows, columns = block.shape[:2]
        taps = torch.mm(block.view(rows * columns, -1), self.head_weight).float().view(rows, columns, 9)
        out = torch.zeros((rows + 2, columns + 2), device=block.device)
        for tap in range(9):
            y, x = 2 - tap // 3, 2 - tap % 3
            out[y : y + rows, x : x + columns] += taps[:, :, tap]
        return out[1:-1, 1:-1]

    def _line(self, length: int) -> Tensor:
        """`enlarging_matrix` of a side, kept: pictures come in few sizes."""
        key = length, self.weight.device
        if key not in self._lines:
            if len(self._lines) > 8:
                self._lines.clear()
            self._lines[key] = enlarging_matrix(length, self.times).to(self.weight.device, self.dtype)
        return self._lines[key]


class _Span:
    """One block along one axis: what it gives, what it computes for that, and what it is made of."""

    def __init__(self, start: int, end: int, length: int, margin: int, times: int) -> None:
        first, last = max(0, start - margin), min(length, end + margin)
        self.own = slice(start, end)
        self.wide = slice(first, last)
        self.inner = slice(start - first, end - first)
        # one more to each side, for a tap to the side, then bilinear between two neighbours
        self.low = slice(max(0, (first - 1) // times - 1), min(length // times, last // times + 2))


def enlarging_matrix(length: int, times: int) -> Tensor:
    """(length * times, 3, length) float64: a line enlarged bilinearly, as each of three taps sees it.

    Tap 0 sees the place before, tap 2 the place behind; outside the enlarged line they see zero.
    """
    line = functional.interpolate(
        torch.eye(length, dtype=torch.float64)[None], scale_factor=times, mode="linear", align_corners=False
    )[0].T
    seen = torch.zeros(length * times, 3, length, dtype=torch.float64)
    seen[1:, 0], seen[:, 1], seen[:-1, 2] = line[:-1], line, line[1:]
    return seen
