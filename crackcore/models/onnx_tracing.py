"""A network as an ONNX graph for any accepted size, in memory, and compared with what torch gives.

torch traces the network once. What would bind the graph to the traced size, or has no
counterpart in ONNX, is replaced while tracing by something equal: padding to accepted sizes (left
out: the graph takes accepted sizes only), adaptive pooling (two matrix products), unpooling by
indices (a scatter), instance norm (its sums), kernels that are computed on the way (their shape is
stated).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from crackcore.domain.model_spec import Preprocessing
from crackcore.models.any_size import sizes_as_given
from crackcore.models.trial import as_input

INPUT = "image"
OPSET = 17
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Traced:
    """A serialised graph, its names of outputs, and how far its values are from torch's.

    `difference` is the largest one over all outputs and sizes, relative to the output's own range
    where that is above 1.
    """

    data: bytes
    outputs: tuple[str, ...]
    difference: float


class _Equivalents(TorchFunctionMode):
    """Calls that cannot be exported as they are, answered by something equal that can."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _EQUIVALENTS.get(func, func)(*args, **(kwargs or {}))


def pooled_by_matrices(x: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """`adaptive_avg_pool2d` as two products with matrices of means, made for the size of `x`."""
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    left, right = _means(x.shape[2], rows), _means(x.shape[3], columns)
    return torch.matmul(torch.matmul(left, x), right.transpose(0, 1))


def _means(length: int, parts: int) -> Tensor:
    """(parts, length): row i takes the mean from floor(i length / parts) to ceil((i+1) length / parts)."""
    place = torch.arange(length)[None, :]
    part = torch.arange(parts)[:, None]
    starts = torch.div(part * length, parts, rounding_mode="floor")
    ends = torch.div((part + 1) * length + (parts - 1), parts, rounding_mode="floor")
    inside = ((place >= starts) & (place < ends)).to(torch.float32)
    return inside / inside.sum(1, keepdim=True)


def unpooled_by_scatter(
    x: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`max_unpool2d` as a scatter along the pixels of each channel; `output_size` must be given."""
    assert output_size is not None
    height, width = output_size[-2:]
    empty = torch.zeros(x.shape[0], x.shape[1], height * width, dtype=x.dtype)
    filled = empty.scatter(2, indices.flatten(2), x.flatten(2))
    return filled.reshape(x.shape[0], x.shape[1], height, width)


def normed_by_hand(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`instance_norm` on the picture's own statistics."""
    assert use_input_stats
    apart = x - x.mean((2, 3), keepdim=True)
    out = apart / torch.sqrt((apart * apart).mean((2, 3), keepdim=True) + eps)
    if weight is not None:
        out = out * weight[:, None, None]
    return out if bias is None else out + bias[:, None, None]


def convolved(x: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`conv2d` whose kernel may be computed on the way: its shape, which is fixed, is then stated."""
    if not isinstance(weight, nn.Parameter):
        weight = weight.reshape([int(n) for n in weight.shape])
    return functional.conv2d(x, weight, *args, **kwargs)


_EQUIVALENTS: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.adaptive_avg_pool2d: pooled_by_matrices,
    functional.max_unpool2d: unpooled_by_scatter,
    functional.instance_norm: normed_by_hand,
    functional.conv2d: convolved,
}


def traced(
    network: nn.Module,
    outputs: Sequence[str],
    before: Preprocessing,
    *,
    sizes: Sequence[tuple[int, int]],
    any_size: bool,
    metadata: Mapping[str, str],
) -> Traced:
    """The network (eval mode, CPU) as ONNX, traced at the first size and compared at all of them.

    With `any_size` height and width of the graph's input are free. `before` is what the network's
    input is made with; the graph itself takes the result. Raises RuntimeError and what torch, onnx
    and onnxruntime raise when the graph cannot be made; a graph that differs is returned all the same.
    """
    import onnx
    import onnxruntime

    buffer = io.BytesIO()
    free = {2: "height", 3: "width"}
    with warnings.catch_warnings(), sizes_as_given(), _Equivalents(), torch.no_grad():
        # The tracer warns wherever a size is looked at, the exporter of what it is unsure about and
        # of its own end some day. Whether it went well is measured below; torch's version is fixed.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (as_input(_noise(sizes[0]), before),),
            buffer,  # type: ignore[arg-type]
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_axes=dict.fromkeys((INPUT, *outputs), free) if any_size else None,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(buffer.getvalue())
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    difference = max(_difference(network, session, size, before) for size in sizes)
    return Traced(data, tuple(outputs), difference)


def _difference(network: nn.Module, session: Any, size: tuple[int, int], before: Preprocessing) -> float:
    given = as_input(_noise(size), before)
    with torch.inference_mode():
        ours = network(given)
    listed = list(ours) if isinstance(ours, (tuple, list)) else [ours]
    theirs: list[NDArray[np.float32]] = session.run(None, {INPUT: given.numpy()})
    largest = 0.0
    for mine, other in zip(listed, theirs, strict=True):
        values = mine.float().numpy()
        if values.shape != other.shape or not np.isfinite(other).all():
            return float("inf")
        apart = float(np.abs(values - other).max()) / max(1.0, float(np.abs(values).max()))
        largest = max(largest, apart)
    return largest


def _noise(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture of noise, the same for the same size."""
    return np.random.default_rng(size).integers(0, 256, (*size, 3), dtype=np.uint8)
