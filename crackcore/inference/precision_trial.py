"""Which precision a heavy model is quicker in on this machine, without changing its scores by much."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from crackcore.models.deploy.fused_conv import has_fast_bfloat16
from crackcore.models.devices import Device

log = logging.getLogger(__name__)

FLOAT32, BFLOAT16 = "float32", "bfloat16"
GAIN = 1.2  # a change of numbers that saves less time than this is not worth it
SCORE_CHANGE = 3e-2

Run = Callable[[str], NDArray[np.float32]]
_found: dict[tuple[str, str, int], str] = {}


def quicker_precision(run: Run, *, model_sha256: str, device: Device, threads: int) -> str:
    """float32 or bfloat16, by running a small picture in both; asked once a model, device and program run.

    `run` gives the scores of that picture in a precision. bfloat16 is taken only where it is at least
    a fifth quicker and no score changes by more than 3e-2.
    """
    if not has_bfloat16(device):
        return FLOAT32
    key = model_sha256, device.label, threads
    if key not in _found:
        _found[key] = _measured(run, device)
    return _found[key]


def has_bfloat16(device: Device) -> bool:
    """Whether this device multiplies bfloat16 in hardware."""
    return torch.cuda.is_bf16_supported() if device.kind == "cuda" else has_fast_bfloat16()


def _measured(run: Run, device: Device) -> str:
    full, seconds_full = _timed(run, FLOAT32, device)
    half, seconds_half = _timed(run, BFLOAT16, device)
    change = float(np.abs(full - half).max())
    log.info(
        "a trial took %.3f s in float32, %.3f s in bfloat16; scores differ by %.1e at most",
        *(seconds_full, seconds_half, change),
    )
    quicker = seconds_full > GAIN * seconds_half
    return BFLOAT16 if quicker and change <= SCORE_CHANGE else FLOAT32  # NaN compares as False


def _timed(run: Run, precision: str, device: Device) -> tuple[NDArray[np.float32], float]:
    run(precision)  # weights are laid out at the first use
    best = float("inf")
    for _ in range(2):
        started = time.perf_counter()
        scores = run(precision)  # ends with a copy to the CPU, so that a GPU has finished, too
        best = min(best, time.perf_counter() - started)
    return scores, best
