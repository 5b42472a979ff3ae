"""What a report says when masks in it rest on a model whose results are for research only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crackcore.domain.model_families import RESEARCH, research_note


def notes_on_terms(facts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """One sentence, or none. `facts` are those of the pictures that were written (`source.facts_of`)."""
    rows = list(facts)
    marked = [row for row in rows if row.get("model_family") == RESEARCH]
    if not marked:
        return ()
    note = research_note(RESEARCH, ", ".join(sorted({str(row.get("model", "")) for row in marked})))
    if len(marked) == len(rows):
        return (note,)
    return (f"{note[:-1]}: {len(marked)} of {len(rows)} pictures.",)
