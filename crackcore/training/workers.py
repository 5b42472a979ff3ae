"""One training in several processes, started by torchrun, each with its share of every batch.

    torchrun --standalone --nproc-per-node 2 -m crackcore train --data DIR --out FILE ...

Gradients are averaged (DistributedDataParallel); the first process checks, writes and speaks. On
CUDA every process has a GPU of its own (nccl) and batch norm looks at the whole batch; on CPUs (gloo)
it looks at each process's share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from crackcore.errors import TrainingStopped
from crackcore.models.devices import Device

_PATIENCE = timedelta(hours=2)  # the others wait while the first one checks


@dataclass(frozen=True)
class Workers:
    """Which of how many processes this is; `local` is its number on this machine."""

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, batch: int, accumulate: int) -> int:
        """How many crops of a batch are ours; raises TrainingStopped where they do not divide evenly."""
        if batch % (self.count * accumulate):
            raise TrainingStopped(
                f"A batch of {batch} cannot be cut into {self.count * accumulate} equal parts.",
                hint="Choose a batch that is a multiple of processes times accumulation.",
            )
        return batch // self.count

    def mean(self, value: torch.Tensor) -> float:
        """The mean of a number over all processes; not a number where it is so in one of them."""
        value = value.detach().clone().float()
        if self.count > 1:
            distributed.all_reduce(value)
            value /= self.count
        return float(value)

    def agreed(self, flag: bool) -> bool:
        """What the first process says."""
        if self.count == 1:
            return flag
        told = [flag]
        distributed.broadcast_object_list(told, src=0)
        return told[0]


def place() -> Workers:
    """Which process torchrun made this one; the only one where it did not start it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Workers()
    return Workers(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def joined(device: Device) -> Iterator[Workers]:
    """This process among those that torchrun started; alone where it did not."""
    workers = place()
    if workers.count == 1:
        yield workers
        return
    if device.kind == "cuda":
        torch.cuda.set_device(workers.local)
    distributed.init_process_group("nccl" if device.kind == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield workers
    finally:
        distributed.destroy_process_group()


def spread(step: nn.Module, workers: Workers, device: Device) -> nn.Module:
    """`step` as one of several that learn together; itself where it is alone."""
    if workers.count == 1:
        return step
    if device.kind == "cuda":
        step = nn.SyncBatchNorm.convert_sync_batchnorm(step)  # type: ignore[no-untyped-call]
    places = [workers.local] if device.kind == "cuda" else None
    # not every criterion looks at every branch
    return DistributedDataParallel(step, device_ids=places, find_unused_parameters=True)


def unsent(step: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
    """Gradients stay here for now: all parts of an accumulated batch but the last."""
    if last or not isinstance(step, DistributedDataParallel):
        return nullcontext()
    return cast(AbstractContextManager[Any], step.no_sync())
