"""A copy of a network whose parts are replaced by faster ones that do the same.

Which part becomes what stands in one table, by class. What no line of the table knows stays as it
is; convolutions, wherever they are left, are packed for the library that computes them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from crackcore.models import (
    cgnet,
    dbpn,
    deepcrack_liu,
    deepcrack_tip,
    deepcrack_tip_paper,
    kbpn,
    pspnet,
    resnet34,
    unet16,
)
from crackcore.models.deploy.constant_maps import compute_kernel_maps_once
from crackcore.models.deploy.enlarged_conv import EnlargedConv
from crackcore.models.deploy.fused_conv import FusedConv, factor_and_shift, slope_of
from crackcore.models.deploy.joined_maps import JoinedDbpn
from crackcore.models.deploy.pyramid import OptionalBranch, ReducedPyramid

Rewrite = Callable[[Any, torch.dtype], nn.Module]


def rewritten(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of `network` in eval mode that computes in `dtype`, and in float32 where that is needed.

    The copy's weights have other names; results of its parts may be of `dtype`.
    """
    copy = compute_kernel_maps_once(deepcopy(network).eval().requires_grad_(False))
    return _replaced(copy, dtype)


def _replaced(part: nn.Module, dtype: torch.dtype) -> nn.Module:
    rewrite = _REWRITES.get(type(part))
    return _children(part, dtype) if rewrite is None else rewrite(part, dtype)


def _children(part: nn.Module, dtype: torch.dtype) -> nn.Module:
    for name, child in list(part.named_children()):
        setattr(part, name, _replaced(child, dtype))
    return part


class AsFloat(nn.Module):
    """A part whose result is wanted in float32, whatever it computes in: logits, pictures, kernels."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, *x: Tensor) -> Tensor:
        out: Tensor = self.part(*x)
        return out.float()


def _conv(conv: nn.Conv2d | nn.ConvTranspose2d, dtype: torch.dtype) -> FusedConv:
    return FusedConv(conv, dtype=dtype)


def _sequence(part: nn.Sequential, dtype: torch.dtype) -> nn.Module:
    """conv - norm - activation becomes one step; the places in the sequence stay what they were."""
    steps: list[nn.Module] = list(part)
    at = 0
    while at < len(steps):
        step = steps[at]
        behind = at + 1
        if not isinstance(step, (nn.Conv2d, nn.ConvTranspose2d)):
            steps[at] = _replaced(step, dtype)
        else:
            norm = steps[behind] if behind < len(steps) else None
            if type(norm) is nn.BatchNorm2d:
                behind += 1
            slope = None
            if behind < len(steps) and _has_one_slope(steps[behind]):
                slope = slope_of(steps[behind])
                behind += 1
            steps[at] = FusedConv(step, norm if type(norm) is nn.BatchNorm2d else None, slope, dtype)
            for gone in range(at + 1, behind):
                steps[gone] = nn.Identity()
        at = behind
    return nn.Sequential(*steps)


def _has_one_slope(part: nn.Module) -> bool:
    one = isinstance(part, nn.PReLU) and part.weight.numel() == 1
    return one or isinstance(part, (nn.ReLU, nn.LeakyReLU))


def _conv_relu(part: Any, dtype: torch.dtype) -> nn.Module:
    return FusedConv(part.conv, None, 0.0, dtype)


# ---------------------------------------------------------------------- DeepCrack of Zou


class _FullSizeFuse(nn.Module):
    """The fuse stage that enlarges nothing: both maps are convolved one after the other, not joined."""

    def __init__(self, plain: deepcrack_tip.Fuse, first: int, dtype: torch.dtype) -> None:
        super().__init__()
        conv = plain.nn.conv
        self.of_down = FusedConv(_slice_of(conv, 0, first, bias=False), dtype=dtype)
        self.of_up = FusedConv(_slice_of(conv, first, conv.in_channels, bias=True), None, 0.0, dtype)
        self.head = FusedConv(plain.conv, dtype=dtype)

    def forward(self, down: Tensor, up: Tensor) -> Tensor:
        out: Tensor = self.head(self.of_up(up, self.of_down(down)))
        return out.float()


def _deepcrack_tip(net: deepcrack_tip.DeepCrackTip, dtype: torch.dtype) -> nn.Module:
    for k in deepcrack_tip.SCALES:
        fuse: Any = net.get_submodule(f"fuse{k}")
        if fuse.times > 1:
            made: nn.Module = EnlargedConv(fuse.nn.conv, fuse.times, slope=0.0, head=fuse.conv, dtype=dtype)
        else:
            first = net.get_submodule(f"down{k}.nn")[-1].conv.out_channels  # type: ignore[index]
            made = _FullSizeFuse(fuse, first, dtype)
        setattr(net, f"fuse{k}", made)
    net.final = FusedConv(net.final)  # type: ignore[assignment]
    return _children(net, dtype)


def _deepcrack_tip_paper(net: deepcrack_tip_paper.DeepCrackTipPaper, dtype: torch.dtype) -> nn.Module:
    for k in deepcrack_tip_paper.SCALES:
        score: Any = net.get_submodule(f"score{k}")
        setattr(net, f"score{k}", AsFloat(FusedConv(score, dtype=dtype)))
    net.final = FusedConv(net.final)  # type: ignore[assignment]
    return _children(net, dtype)


def _slice_of(conv: nn.Conv2d, first: int, last: int, *, bias: bool) -> nn.Conv2d:
    """The share of a 3x3 convolution that its input channels `first` to `last` have."""
    made = nn.Conv2d(last - first, conv.out_channels, 3, padding=1, bias=bias).to(conv.weight.device)
    with torch.no_grad():
        made.weight.copy_(conv.weight[:, first:last])
        if made.bias is not None and conv.bias is not None:
            made.bias.copy_(conv.bias)
    return made


# ---------------------------------------------------------------------- DeepCrack of Liu


class _Float32Norm(nn.Module):
    """A norm by the picture's own statistics: those are taken in float32."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x.float())
        return out.to(x.dtype)


def _deepcrack_liu(net: deepcrack_liu.DeepCrackLiu, dtype: torch.dtype) -> nn.Module:
    for number in range(1, len(deepcrack_liu.STAGES) + 1):
        side: Any = net.get_submodule(f"side_conv{number}")
        setattr(net, f"side_conv{number}", AsFloat(FusedConv(side, dtype=dtype)))
    net.fuse_conv = FusedConv(net.fuse_conv)  # type: ignore[assignment]
    return _children(net, dtype)


# ---------------------------------------------------------------------- U-Net, PSPNet


def _unet16(net: unet16.UNet16, dtype: torch.dtype) -> nn.Module:
    del net.encoder  # the stages hold the same convolutions
    net.final = AsFloat(FusedConv(net.final, dtype=dtype))  # type: ignore[assignment]
    return _children(net, dtype)


def _decoder_block(block: unet16.DecoderBlock, dtype: torch.dtype) -> nn.Module:
    steps = list(block.block)
    if isinstance(steps[0], nn.Upsample):
        first: Any = steps[1]
        block.block = nn.Sequential(
            EnlargedConv(first.conv, 2, slope=0.0, dtype=dtype), *(_replaced(s, dtype) for s in steps[2:])
        )
        return block
    return _children(block, dtype)


class _FusedBasicBlock(nn.Module):
    def __init__(self, plain: resnet34.BasicBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv1 = FusedConv(plain.conv1, plain.bn1, 0.0, dtype)
        self.conv2 = FusedConv(plain.conv2, plain.bn2, 0.0, dtype)
        self.shortcut = None if plain.downsample is None else _replaced(plain.downsample, dtype)

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.shortcut is None else self.shortcut(x)
        out: Tensor = self.conv2(self.conv1(x), beside)
        return out


def _resnet34(net: resnet34.ResNet34, dtype: torch.dtype) -> nn.Module:
    net.conv1 = FusedConv(net.conv1, net.bn1, 0.0, dtype)  # type: ignore[assignment]
    net.bn1, net.relu = nn.Identity(), nn.Identity()  # type: ignore[assignment]
    return _children(net, dtype)


def _upsampler(part: pspnet.Upsampler, dtype: torch.dtype) -> nn.Module:
    conv, norm, act = part.conv
    return EnlargedConv(conv, 2, norm=norm, slope=slope_of(act), dtype=dtype)  # type: ignore[arg-type]


def _pspnet(net: pspnet.PSPNet, dtype: torch.dtype) -> nn.Module:
    net.final[0] = AsFloat(FusedConv(net.final[0], dtype=dtype))  # type: ignore[arg-type]
    aux: Any = net.aux[:-1]
    aux = _sequence(aux, dtype)
    net.aux = nn.Sequential(OptionalBranch(aux), net.aux[-1])
    return _children(net, dtype)


# ---------------------------------------------------------------------- super-resolution


def _block(part: Any, dtype: torch.dtype) -> nn.Module:
    return FusedConv(part.layer, None, slope_of(part.act), dtype)


def _kbpn(net: kbpn.Kbpn, dtype: torch.dtype) -> nn.Module:
    """Kernels are divided by their sums, which may be small: they are kept in float32 all along."""
    net.output_conv = AsFloat(_replaced(net.output_conv, dtype))  # type: ignore[assignment]
    estimate: Any = net.predictor.feat_ext
    estimate[-1] = AsFloat(_replaced(estimate[-1], dtype))
    for stage in net.back_projection_stages:
        look: Any = stage.get_submodule("kb")
        look.sr_reconst = AsFloat(_replaced(look.sr_reconst, dtype))
        change: Any = look.kernel_predictor.fe_cat
        change[-1] = AsFloat(_replaced(change[-1], dtype))
    return _children(net, dtype)


# ---------------------------------------------------------------------- CGNet


class _InFloat32(nn.Module):
    """A small part that computes in float32 between larger ones that do not."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.part(x.float())
        return out.to(x.dtype)


def _gate(part: Any, dtype: torch.dtype) -> nn.Module:
    part.fc = _InFloat32(part.fc)
    return part  # type: ignore[no-any-return]


def _cgnet_conv(part: Any, dtype: torch.dtype) -> nn.Module:
    if isinstance(part.conv, FusedConv):  # rewritten already
        return part  # type: ignore[no-any-return]
    part.conv = FusedConv(part.conv, part.bn, None, dtype)
    part.bn = nn.Identity()
    part.activate = part.activate.to(dtype)
    return _children(part, dtype)


def _context_guided_block(part: cgnet.ContextGuidedBlock, dtype: torch.dtype) -> nn.Module:
    """The norm follows the joining of both branches: each takes its half along."""
    half = part.f_loc.out_channels
    for branch, own in (("f_loc", slice(0, half)), ("f_sur", slice(half, None))):
        setattr(part, branch, FusedConv(getattr(part, branch), _share_of(part.bn, own), None, dtype))
    part.bn = nn.Identity()  # type: ignore[assignment]
    part.activate = part.activate.to(dtype)
    if part.down:
        # what blocks add their results to stays in float32: 21 roundings of it would be too many
        part.bottleneck = AsFloat(FusedConv(part.bottleneck, dtype=dtype))  # type: ignore[assignment]
    return _children(part, dtype)


def _cgnet(net: cgnet.CGNet, dtype: torch.dtype) -> nn.Module:
    """Pixels are given as 0..255 less a mean, of which bfloat16 would keep even numbers only."""
    _cgnet_conv(net.backbone.stem[0], torch.float32)
    return _children(net, dtype)


def _share_of(norm: nn.BatchNorm2d, channels: slice) -> nn.BatchNorm2d:
    factor, shift = (v[channels] for v in factor_and_shift(norm))
    made = nn.BatchNorm2d(len(factor), eps=0.0).eval()
    made.weight.data, made.bias.data = factor.float(), shift.float()
    return made


_REWRITES: dict[type, Rewrite] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv,
    nn.Sequential: _sequence,
    FusedConv: lambda part, dtype: part,
    EnlargedConv: lambda part, dtype: part,
    deepcrack_tip.DeepCrackTip: _deepcrack_tip,
    deepcrack_tip.ConvRelu: _conv_relu,
    deepcrack_tip_paper.DeepCrackTipPaper: _deepcrack_tip_paper,
    deepcrack_liu.DeepCrackLiu: _deepcrack_liu,
    deepcrack_liu.PictureNorm: lambda part, dtype: _Float32Norm(part),
    unet16.UNet16: _unet16,
    unet16.ConvRelu: _conv_relu,
    unet16.DecoderBlock: _decoder_block,
    resnet34.ResNet34: _resnet34,
    resnet34.BasicBlock: _FusedBasicBlock,
    pspnet.PSPNet: _pspnet,
    pspnet.Pyramid: ReducedPyramid,
    pspnet.Upsampler: _upsampler,
    dbpn.Dbpn: JoinedDbpn,
    kbpn.Kbpn: _kbpn,
    kbpn._Block: _block,
    cgnet.CGNet: _cgnet,
    cgnet._ConvNormAct: _cgnet_conv,
    cgnet._Gate: _gate,
    cgnet.ContextGuidedBlock: _context_guided_block,
}
