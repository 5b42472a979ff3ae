"""Where a network runs: the GPU when there is one, else the CPU, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from crackcore.errors import DeviceProblem

WISHES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Device:
    """A place to compute. `kind` is "cpu" or "cuda"; `label` is for people; `why` explains a fall-back."""

    kind: str
    label: str
    why: str = ""

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.kind)


def choose_device(wish: str = "auto") -> Device:
    """The device for a wish (auto, cpu, cuda). Raises DeviceProblem when cuda is wished and not there."""
    if wish not in WISHES:
        raise DeviceProblem(f'There is no device called "{wish}".', hint="Use auto, cpu or cuda.")
    if wish != "cpu" and torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_name(0))
    if wish == "cuda":
        raise DeviceProblem("There is no usable CUDA device on this machine.", hint="Use auto or cpu.")
    return cpu("" if wish == "cpu" else "no CUDA device found")


def cpu(why: str = "") -> Device:
    """The CPU, with the number of cores this process may use."""
    return Device("cpu", f"CPU, {usable_cores()} cores", why)


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_device(wish: str = "auto") -> str:
    """One line for a chip: the name, and why it is the CPU where that is not obvious."""
    device = choose_device(wish)
    return f"{device.label} ({device.why})" if device.why else device.label
