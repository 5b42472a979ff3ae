"""A retraining that outlives the program: a folder with its order, its pictures, its state and its answer.

    run = begin(order)                        # state/retraining/<moment>/
    report = RetrainProcess(run).run(hear)    # on a thread that may wait
    for run in unfinished(): ...              # after a kill or a restart

| in the folder | is |
|---|---|
| `order.json` | what was asked for |
| `pictures/` | the corrected pictures as they were then, as our own training set |
| `steps.json`, `before.json` | how many steps fit into the time asked for; how the old model does |
| `model.learning.*` | best weights, checkpoints and log while it learns |
| `model.safetensors`, `report.json` | the candidate and how it did |
| `lock` | held by the process that works on it |

The pictures are copied first, so that a picture that is corrected or moved meanwhile changes nothing,
and a retraining that was broken off goes on with the very same ones.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crackcore import storage
from crackcore.errors import CrackError, InputRefused
from crackcore.models.catalogue import InstalledModel
from crackcore.progress import Progress
from crackcore.resources import state_folder
from crackcore.training.checkpoint_files import checkpoints
from crackcore.training.child import NICENESS, TrainingProcess, Wishes
from crackcore.training.pairs import TrainingPair
from crackcore.training.retrain_order import (
    CORRECTED,
    RetrainOrder,
    order_of,
    report_of,
    row_of_order,
    row_of_report,
)
from crackcore.training.retrain_report import RetrainReport, learning_file
from crackcore.training.settings import TrainSettings, TrainSource
from crackcore.training.training_log import Hear, log_lines

if TYPE_CHECKING:
    from crackcore.training.retraining import RetrainRequest

log = logging.getLogger(__name__)

FEWEST_STEPS = 20
MOST_STEPS = 20_000
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, CrackError)


@dataclass(frozen=True)
class RetrainRun:
    """One retraining on disk."""

    folder: Path

    @property
    def out(self) -> Path:
        """The candidate."""
        return self.folder / "model.safetensors"

    def order(self) -> RetrainOrder:
        """What was asked for; raises like `order_of`, or OSError."""
        return order_of(json.loads((self.folder / "order.json").read_bytes()))

    def report(self) -> RetrainReport | None:
        """What came out; None while it is not finished."""
        try:
            row = json.loads((self.folder / "report.json").read_bytes())
        except FileNotFoundError:
            return None
        return report_of(self.out, row)

    def has_learned(self) -> bool:
        """Whether there are weights that could be judged."""
        return learning_file(self.out).is_file()

    def step(self) -> int:
        """The step it can go on from, 0 for the beginning."""
        kept = checkpoints(learning_file(self.out))
        return int(kept[0].stem) if kept else 0


@dataclass(frozen=True)
class UnfinishedRun:
    """A retraining that waits for somebody: `report` is there when it is finished and not decided on.

    `trouble` says why it cannot go on, empty when it can. `events` are those that tell its course so far,
    as `perform` would say them.
    """

    run: RetrainRun
    name: str
    base: str
    step: int
    steps: int  # 0: not known yet
    has_learned: bool
    report: RetrainReport | None = None
    trouble: str = ""
    events: tuple[dict[str, Any], ...] = ()


def runs_folder() -> Path:
    """Where retrainings lie."""
    return state_folder() / "retraining"


def begin(order: RetrainOrder) -> RetrainRun:
    """Write an order down. Raises FileProblem when that cannot be done."""
    moment = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    folder = runs_folder() / moment
    storage.make_folder(folder)
    text = json.dumps(row_of_order(order), indent=2)
    storage.write_durably(folder / "order.json", text.encode("ascii"))
    return RetrainRun(folder)


def unfinished() -> list[UnfinishedRun]:
    """Retrainings that nobody works on and nobody has decided on, the newest first.

    Folders that hold no order (the program was killed while it was written) are taken away.
    """
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted(runs_folder().iterdir(), reverse=True):
            if not folder.is_dir():
                continue
            lock = storage.Lock(folder / "lock")
            try:
                if lock.take() is False:  # another window is at it
                    continue
                if (folder / "order.json").is_file():
                    found.append(_looked_at(RetrainRun(folder)))
                else:
                    storage.remove_tree(folder)
            finally:
                lock.release()
    return found


def _looked_at(run: RetrainRun) -> UnfinishedRun:
    name = base = trouble = ""
    report: RetrainReport | None = None
    try:
        row = json.loads((run.folder / "order.json").read_bytes())
        name, base = str(row["name"]), str(row["base"]["name"])
        report = run.report()
        if report is None:
            run.order()
    except CrackError as error:
        trouble = error.message
    except _UNREADABLE as error:
        log.warning("a retraining cannot be read", exc_info=error)
        trouble = "Its files are damaged."
    course = tuple(earlier(run))
    learned = run.has_learned()
    return UnfinishedRun(run, name, base, run.step(), _known_steps(run), learned, report, trouble, course)


def throw_away(run: RetrainRun) -> None:
    """Remove all of a retraining; a model that was installed from it stays."""
    storage.remove_tree(run.folder)


class RetrainProcess(TrainingProcess[RetrainReport]):
    """A retraining in a child process, from the beginning or from where it was broken off."""

    def __init__(
        self, run: RetrainRun, *, only_judge: bool = False, threads: int = 0, niceness: int = NICENESS
    ) -> None:
        """With `only_judge` nothing more is learned: the best weights so far are judged."""
        super().__init__(
            partial(perform, run.folder, only_judge),
            learning_file(run.out),
            partial(report_of, run.out),
            threads=threads,
            niceness=niceness,
        )


def perform(folder: Path, only_judge: bool, progress: Progress, hear: Hear, wishes: Wishes) -> dict[str, Any]:
    """Do what the order in the folder says, or go on with it; the report's row.

    `hear` gets, beside what `retrain` says: "copying" and "reading" (`done`, `of`), "measuring" (how
    long a step takes), "earlier" for each check of a run that goes on, and "sides" (how many of the
    corrected pictures `learn` and `check`, and how many `old` samples learn along). "before", "check" and
    "earlier" hold `corrected_f1`, at 2 px on the corrected pictures that check.
    """
    from crackcore.training.retraining import RetrainRequest, retrain

    run = RetrainRun(folder)
    lock = storage.Lock(folder / "lock")
    if lock.take() is False:
        raise InputRefused(folder, "another window is at work on this retraining.", hint="Close it there.")
    try:
        finished = run.report()
        if finished is not None:
            return row_of_report(finished)
        order = run.order()
        corrected = _corrected(run, order, progress, hear)
        old = [p for source in order.old for p in _old(source, order.old_at_most, progress, hear)]
        request = RetrainRequest(
            order.base,
            corrected,
            run.out,
            name=order.name,
            old=old,
            iterations=order.iterations,
            seed=order.seed,
            device=order.device,
            resume=True,
            only_judge=only_judge,
            checkpoint_every_s=30.0,
        )
        if not only_judge:
            steps = _known_steps(run) or _fitting_steps(request, order.seconds, hear)
            storage.write_durably(folder / "steps.json", json.dumps({"steps": steps}).encode())
            request = replace(request, iterations=steps)
        for event in earlier(run):
            hear(event)
        report = retrain(
            request, progress, hear=_with_figures(hear, folder), stop=wishes.stop, leave=wishes.leave
        )
        row = row_of_report(report)
        storage.write_durably(folder / "report.json", json.dumps(row).encode("ascii"))
        storage.remove_tree(folder / "pictures")
        return row
    finally:
        lock.release()


def earlier(run: RetrainRun) -> Iterator[dict[str, Any]]:
    """What tells the course of a run so far: "sides", "before" and "earlier"."""
    with contextlib.suppress(OSError, ValueError):
        yield dict(json.loads((run.folder / "before.json").read_bytes()))
    lines = log_lines(learning_file(run.out).with_suffix(".log.jsonl"))
    for line in lines or log_lines(run.out.with_suffix(".log.jsonl")):
        if line.get("event") == "start":
            yield _sides(line["pictures"])
        elif line.get("event") == "check":
            yield {**_with_own_figure(line), "event": "earlier"}


def _with_own_figure(event: dict[str, Any]) -> dict[str, Any]:
    row = event["scores"]["sets"].get(CORRECTED, {})
    return {**event, "corrected_f1": row.get("f1_2px", 0.0)}


def _with_figures(hear: Hear, folder: Path) -> Hear:
    """Says what concerns the corrected pictures alone in words of its own."""

    def said(event: dict[str, Any]) -> None:
        if "scores" in event:
            event = _with_own_figure(event)
        if event["event"] == "before":
            storage.write_durably(folder / "before.json", json.dumps(event).encode("ascii"))
        if event["event"] == "start":
            hear(_sides(event["pictures"]))
        hear(event)

    return said


def _sides(pictures: list[dict[str, Any]]) -> dict[str, Any]:
    ours = [p["side"] for p in pictures if p["set"] == CORRECTED]
    old = sum(p["side"] == "learn" for p in pictures) - ours.count("learn")
    return {"event": "sides", "learn": ours.count("learn"), "check": ours.count("check"), "old": old}


# ---------------------------------------------------------------- pictures


def _corrected(run: RetrainRun, order: RetrainOrder, progress: Progress, hear: Hear) -> list[TrainingPair]:
    """The corrected pictures, copied at the first time."""
    from crackcore.training.pairs import read_pairs

    folder = run.folder / "pictures"
    if not folder.is_dir():
        _copy(folder, order, _telling(progress, hear, "copying"))
    found = read_pairs(folder, progress=_telling(progress, hear, "reading"))
    rows = json.loads((folder / "manifest.json").read_bytes())["pictures"]
    digests = {Path(row["image"]).stem: row["sha256"] for row in rows}  # those of the photos, not the copies
    return [replace(p, set_name=CORRECTED, sha256=digests.get(p.stem) or p.sha256) for p in found.pairs]


def _copy(folder: Path, order: RetrainOrder, progress: Progress) -> None:
    from crackcore.exports import export, images_of
    from crackcore.projects.store import ProjectStore

    store = ProjectStore.open(order.project, read_only=True)
    try:
        report = export(
            "training-set",
            images_of(store),
            folder,
            project=store.project,
            progress=progress,
            only_approved=not order.also_edited,
            photo_pixels=True,
            keep_metadata=True,
        )
    finally:
        store.close(save=False)
    if not report.written:
        storage.remove_tree(folder)
        why = f" ({report.skipped[0][1]})" if report.skipped else ""
        raise InputRefused(order.project, f"no picture to learn from{why}.", hint="Approve some first.")


def _old(source: TrainSource, at_most: int, progress: Progress, hear: Hear) -> Sequence[TrainingPair]:
    """At most so many pictures of a data set, always the same ones, evenly spread."""
    from crackcore.datasets import read_dataset
    from crackcore.datasets.reading import spread
    from crackcore.training.pairs import read_pairs

    told = _telling(progress, hear, "reading")
    kind = "crack-free" if source.kind == "crack-free" else "auto"
    with read_dataset(source.folder, kind, progress=told) as dataset:
        there = [s for s in dataset.pairs if not source.side or s.side == source.side]
        kept = {s.stem for s in spread(there, at_most)}
        left_out = {s.stem for s in dataset.pairs} - kept
    found = read_pairs(
        source.folder,
        kind=source.kind,
        rule=source.rule,
        side=source.side,
        leave_out=left_out,
        progress=told,
    )
    return found.pairs


def _telling(progress: Progress, hear: Hear, event: str) -> Progress:
    said = 0.0

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal said
        progress(done, total, note)
        if time.monotonic() - said > 0.2:
            said = time.monotonic()
            hear({"event": event, "done": done, "of": total})

    return report


# ---------------------------------------------------------------- how many steps


def _known_steps(run: RetrainRun) -> int:
    try:
        return int(json.loads((run.folder / "steps.json").read_bytes())["steps"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _fitting_steps(request: RetrainRequest, seconds: float, hear: Hear) -> int:
    """The steps asked for, or those that fit into the time."""
    if request.iterations:
        return request.iterations
    hear({"event": "measuring"})
    step_s = seconds_of_a_step(request.base, request.steps(), request.corrected, request.device)
    return max(FEWEST_STEPS, min(MOST_STEPS, int(seconds / step_s)))


def seconds_of_a_step(
    base: InstalledModel, settings: TrainSettings, pairs: Sequence[TrainingPair], device: str = "auto"
) -> float:
    """How long a step of learning takes here: the faster one of two, after one that warms up."""
    import torch

    from crackcore.models import devices
    from crackcore.models.model_files import load_network
    from crackcore.training.batches import batch_of, normalised
    from crackcore.training.criteria import Moment
    from crackcore.training.published_criteria import create_criterion

    place = devices.choose_device(device)
    network = load_network(base).to(place.torch_device).train()
    criterion = create_criterion(settings, base.spec.architecture, len(pairs))
    shortest = float("inf")
    for i in range(3):
        begun = time.monotonic()
        pixels, labels = batch_of(pairs, settings, i)
        inputs = normalised(pixels, base.spec.preprocessing).to(place.torch_device)
        use_bf16 = settings.mixed or place.kind == "cuda"
        with torch.autocast(place.kind, torch.bfloat16) if use_bf16 else contextlib.nullcontext():
            loss = criterion(network, inputs, torch.from_numpy(labels).to(place.torch_device), Moment(i))
        float(loss.detach())
        loss.backward()  # type: ignore[no-untyped-call]
        if place.kind == "cuda":
            torch.cuda.synchronize()
        if i:
            shortest = min(shortest, time.monotonic() - begun)
    return shortest
