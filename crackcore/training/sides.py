"""Which of a request's pictures train and which check: the split of `splits`, as a training asks for it."""

from __future__ import annotations

from crackcore.progress import Progress, unheard
from crackcore.training.pairs import ONLY_TEACH
from crackcore.training.settings import TrainRequest
from crackcore.training.splits import hold_out, photo_groups


def split(request: TrainRequest, progress: Progress = unheard) -> list[bool]:
    """True per pair that is held out: by source photo, a share of every set.

    Stems asked for take their group along; so do near-duplicates in other sets.
    """
    at = [i for i, p in enumerate(request.pairs) if p.kind not in ONLY_TEACH]
    chosen = [request.pairs[i] for i in at]
    groups = photo_groups(
        [p.pixels for p in chosen],
        [p.stem for p in chosen],
        sets=[p.set_name for p in chosen],
        names=[p.group for p in chosen],
        name_gaps=request.name_gaps,
        progress=progress,
    )
    held = {g for g, p in zip(groups, chosen, strict=True) if p.stem in request.held_out_stems}
    for name in dict.fromkeys(p.set_name for p in chosen):
        ours = [(g, p) for g, p in zip(groups, chosen, strict=True) if p.set_name == name]
        if len(ours) < 2:
            continue
        share = max(0.0, request.settings.hold_out_share - sum(g in held for g, _ in ours) / len(ours))
        numbers, keys = [g for g, _ in ours], [p.sha256 for _, p in ours]
        more = hold_out(keys, numbers, fraction=share, seed=request.settings.seed)
        held |= {g for g, out in zip(numbers, more, strict=True) if out}
    side = dict(zip(at, groups, strict=True))
    return [side.get(i, -1) in held for i in range(len(request.pairs))]
