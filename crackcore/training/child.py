"""A training in a process of its own, so that the window stays smooth and lives on if it dies.

    child = TrainingChild(request)
    report = child.run(hear, progress)     # on a thread that may wait, for example a lane
    child.pause(); child.go_on(); child.stop(); child.cancel()     # from any other thread

`TrainingProcess` is the same for anything that trains; `retrain_runs` has one for retraining.
The process runs at low priority and leaves one core free. It speaks JSON over a pipe: the events of
`run.train`, and "pausing", "paused", "going on", "stopping". It hears orders on a thread of its own and
answers at once, also in the middle of a long step. When the program that started it is gone, it
writes a checkpoint and ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from crackcore.errors import Cancelled, CrackError, InputRefused, ModelProblem, TrainingStopped
from crackcore.models.catalogue import read_installed
from crackcore.progress import Progress, unheard
from crackcore.training.checkpoint_files import checkpoints, remove_unfinished
from crackcore.training.settings import TrainReport, TrainRequest
from crackcore.training.training_log import Hear, nobody

Report = TypeVar("Report")

log = logging.getLogger(__name__)

NICENESS = 10
_HEARTBEAT_S = 0.05
_LONGEST_LETTER = 64 << 20
_LAST_SECONDS = 60.0  # what a child has left to write its state once nobody listens
State = Literal["new", "running", "pausing", "paused", "stopping", "ended"]
_STATES: dict[str, State] = {
    "pausing": "pausing",
    "paused": "paused",
    "going on": "running",
    "stopping": "stopping",
}


class Wishes:
    """What the one who started a child wants of it; asked before every step."""

    def stop(self) -> bool:
        """Whether to end with the best so far. Waits here while there is a pause."""
        raise NotImplementedError

    def leave(self) -> bool:
        """Whether to write the state and end without an answer."""
        raise NotImplementedError


Work = Callable[[Progress, Hear, Wishes], dict[str, Any]]
"""What a child does: a function of a module, or a `partial` of one; answers what JSON can hold."""


class TrainingProcess(Generic[Report]):
    """One training in a child process; to be run once."""

    def __init__(
        self,
        work: Work,
        out: Path,
        answer: Callable[[dict[str, Any]], Report],
        *,
        threads: int = 0,
        niceness: int = NICENESS,
    ) -> None:
        """`out` is where the training keeps its best weights and its checkpoints; `answer` makes the
        report of what `work` said. `threads` torch may use, 0 for all cores but one.
        """
        self._work, self._out, self._make = work, out, answer
        self._threads, self._niceness = threads, niceness
        self._orders: Connection | None = None
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._state: State = "new"
        self._place = (0, 0)
        self.process_id = 0

    @property
    def state(self) -> State:
        """Where the training is; "pausing" and "stopping" until the step at hand is done."""
        return self._state

    def pause(self) -> None:
        """Wait after the step at hand; memory is kept."""
        self._order("pause")

    def go_on(self) -> None:
        """End a pause."""
        self._order("go on")

    def stop(self) -> None:
        """End after the step at hand; the best weights so far are the answer, the state is kept."""
        self._order("stop")

    def leave(self) -> None:
        """Write the state after the step at hand and end; `run` raises Cancelled."""
        self._order("leave")

    def cancel(self) -> None:
        """End at once; `run` raises Cancelled. What was on disk stays there."""
        self._cancelled.set()

    def run(self, hear: Hear = nobody, progress: Progress = unheard) -> Report:
        """Start the child, wait for its end, and return what came out.

        `hear` gets every event. `progress` is called every 50 ms; what it raises (Cancelled) ends the
        child at once. Raises what `run.train` raises, Cancelled after `cancel`, and TrainingStopped
        when the child died.
        """
        context = multiprocessing.get_context("spawn")  # a fork would copy Qt's and torch's threads half
        events, theirs = context.Pipe(duplex=False)
        orders, ours = context.Pipe(duplex=False)
        process = context.Process(
            target=_run,
            args=(theirs, orders, self._work, self._threads, self._niceness),
            name="training",  # no daemon: a project is inspected in a child of its own before it is read
        )
        process.start()
        theirs.close()
        orders.close()
        with self._lock:
            self._orders, self._state = ours, "running"
        self.process_id = process.pid or 0
        ended = False
        try:
            last = self._listen(events, hear, progress)
            ended = True
            return self._answer(last)
        except (EOFError, OSError, ValueError) as error:
            log.warning("the training process died", exc_info=error)
            raise TrainingStopped(self._obituary()) from error
        finally:
            self._state = "ended"
            with self._lock:
                self._orders = None
                ours.close()
            events.close()
            if ended:
                process.join(5.0)
            if process.is_alive():
                process.kill()
            process.join()
            process.close()
            if not ended:
                remove_unfinished(self._out)

    def _listen(self, events: Connection, hear: Hear, progress: Progress) -> dict[str, Any]:
        """Everything until the last word, which is returned."""
        note = ""
        while True:
            if self._cancelled.is_set():
                raise Cancelled
            progress(*self._place, note)
            if not events.poll(_HEARTBEAT_S):
                continue
            event: dict[str, Any] = json.loads(events.recv_bytes(_LONGEST_LETTER))
            kind = event["event"]
            if kind in ("answer", "failed", "refused", "left"):
                return event
            if kind == "step":
                self._place = (event["iteration"], event["of"])
            elif kind == "check":
                note = f"F1 {event['f1']:.3f}"
            self._state = _STATES.get(kind, self._state)
            hear(event)

    def _answer(self, event: dict[str, Any]) -> Report:
        if event["event"] == "answer":
            return self._make(event["answer"])
        if event["event"] == "left":
            raise Cancelled
        if event["event"] == "refused":
            raise _refusal(event)
        log.warning("a training failed:\n%s", event["trace"])
        raise TrainingStopped("The training ended because of a fault in the program.", hint=self._way_on())

    def _obituary(self) -> str:
        done, total = self._place
        where = f"at step {done} of {total}" if done else "before its first step"
        way = self._way_on()
        return f"The training process ended unexpectedly {where}{f'; {way}' if way else '.'}"

    def _way_on(self) -> str:
        kept = checkpoints(self._out)
        return f"it can go on from step {int(kept[0].stem)}." if kept else ""

    def _order(self, order: str) -> None:
        with self._lock:
            if self._orders is None:
                return
            with contextlib.suppress(OSError):  # it has ended meanwhile; `run` says how
                self._orders.send_bytes(order.encode())


class TrainingChild(TrainingProcess[TrainReport]):
    """`run.train` in a child process."""

    def __init__(self, request: TrainRequest, *, threads: int = 0, niceness: int = NICENESS) -> None:
        """`request` is sent to the child: with many pictures rather as `sources` than as `pairs`."""
        out = request.out
        super().__init__(
            partial(_train, request), out, partial(_report, out), threads=threads, niceness=niceness
        )
        self._place = (0, request.settings.iterations)


def _train(request: TrainRequest, progress: Progress, hear: Hear, wishes: Wishes) -> dict[str, Any]:
    from crackcore.training.run import train

    report = train(request, progress, hear=hear, stop=wishes.stop)
    return {"best_f1": report.best_f1, "seconds": report.seconds, "held_out": list(report.held_out)}


def _report(out: Path, row: dict[str, Any]) -> TrainReport:
    log_file = out.with_suffix(".log.jsonl")
    return TrainReport(read_installed(out), row["best_f1"], row["seconds"], log_file, tuple(row["held_out"]))


def _refusal(event: dict[str, Any]) -> CrackError:
    """The child's refusal as an error of the same meaning."""
    message, hint, kind = event["message"], event["hint"], event["kind"]
    if kind == "input":
        return InputRefused(event["path"], event["reason"], hint=hint)
    return TrainingStopped(message, hint=hint) if kind == "model" else CrackError(message, hint=hint)


# ---------------------------------------------------------------- in the child


class _Orders(Wishes):
    """What the other process wants, heard on a thread of its own."""

    def __init__(self, orders: Connection, say: Hear) -> None:
        self._orders, self._say = orders, say
        self._may_go = threading.Event()
        self._may_go.set()
        self.is_stopped = self.is_leaving = False
        threading.Thread(target=self._listen, daemon=True, name="orders").start()

    def wait(self) -> None:
        """Return at once, or when a pause ends."""
        if self._may_go.is_set():
            return
        self._say({"event": "paused"})
        self._may_go.wait()

    def stop(self) -> bool:
        self.wait()
        return self.is_stopped

    def leave(self) -> bool:
        return self.is_leaving

    def _listen(self) -> None:
        while True:
            try:
                order = self._orders.recv_bytes(64).decode()
            except (EOFError, OSError):
                self.is_stopped = self.is_leaving = True
                self._may_go.set()
                time.sleep(_LAST_SECONDS)
                os._exit(3)
            if order == "pause" and not self.is_stopped:
                self._may_go.clear()
                self._say({"event": "pausing"})
            elif order == "go on":
                self._may_go.set()
                self._say({"event": "going on"})
            elif order in ("stop", "leave"):
                self.is_leaving = self.is_leaving or order == "leave"
                self.is_stopped = True
                self._may_go.set()
                self._say({"event": "stopping"})


def _run(events: Connection, orders: Connection, work: Work, threads: int, niceness: int) -> None:
    _step_back(niceness)
    _be_quiet()
    lock = threading.Lock()

    def say(event: dict[str, Any]) -> None:
        with lock, contextlib.suppress(OSError):  # nobody listens any more: the orders' end says so too
            events.send_bytes(json.dumps(event).encode("ascii"))

    asked = _Orders(orders, say)

    def progress(done: int, total: int, note: str = "") -> None:
        asked.wait()

    from crackcore.training.run import limit_opencv_threads

    limit_opencv_threads()
    _limit_threads(threads)
    try:
        say({"event": "answer", "answer": work(progress, say, asked)})
    except Cancelled:
        say({"event": "left"})
    except MemoryError:
        say(
            {
                "event": "refused",
                "kind": "model",
                "message": "There was not enough memory to go on.",
                "hint": "Close other programs; the last good state was kept.",
                "path": "",
                "reason": "",
            }
        )
    except CrackError as error:
        kind = "model" if isinstance(error, ModelProblem) else "other"
        about = {"path": "", "reason": ""}
        if isinstance(error, InputRefused):
            kind, about = "input", {"path": str(error.path or ""), "reason": error.reason}
        say({"event": "refused", "kind": kind, "message": error.message, "hint": error.hint, **about})
    except Exception:  # noqa: BLE001 - whatever it is, the one who waits must hear of it
        say({"event": "failed", "trace": traceback.format_exc(limit=20)})
    events.close()


def _limit_threads(threads: int) -> None:
    """One core is left to the window where the training runs on the CPU."""
    import torch

    from crackcore.models.devices import usable_cores

    torch.set_num_threads(threads or max(1, usable_cores() - 1))


def _step_back(niceness: int) -> None:
    """Let the window go first; before torch starts threads, which inherit it."""
    if not niceness:
        return
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
    else:
        with contextlib.suppress(OSError):  # a system that forbids it only makes the window less smooth
            os.nice(niceness)


def _be_quiet() -> None:
    """Nothing on standard output, where the asking command may be writing its one answer."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
