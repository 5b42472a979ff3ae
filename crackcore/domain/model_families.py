"""The two families of models that ship, and what follows for whoever uses a model's results.

"open": learned only from sets whose terms let the model ship in anything. "research": learned also from
sets that may only be used for non-commercial research. A model that a user trained or imported belongs
to neither; its licence text says what is known. But a model made from a research one stays one.
"""

from __future__ import annotations

from crackcore.names import shown_name

OPEN, RESEARCH = "open", "research"
FAMILIES = (OPEN, RESEARCH)
RESEARCH_TAG = "Research only"
RESEARCH_MARK = "Made with a model for non-commercial research only."
"""Stands in every report and export that rests on such a model."""


def family_made_from(base: str) -> str:
    """The family of what a user makes from a model of family `base`: the restriction stays, the promise
    does not.

    >>> family_made_from("research"), family_made_from("open"), family_made_from("")
    ('research', '', '')
    """
    return RESEARCH if base == RESEARCH else ""


def research_note(family: str, model: str = "") -> str:
    """The sentence for a result of a model of this family; empty where there is nothing to say.

    >>> research_note("research", "cgnet-research")
    'Made with a model for non-commercial research only (cgnet-research).'
    >>> research_note("open")
    ''
    """
    if family != RESEARCH:
        return ""
    return f"{RESEARCH_MARK[:-1]} ({shown_name(model)})." if model else RESEARCH_MARK
