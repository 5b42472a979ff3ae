"""Networks made ready for use: the same function with less work and less memory."""

from __future__ import annotations

from torch import nn

from crackcore.models.deploy.form import DeployForm, PlainForm, RewrittenForm, architecture_of

__all__ = ["PRECISIONS", "DeployForm", "deploy_form"]

PRECISIONS = ("float32", "bfloat16")


def deploy_form(network: nn.Module, *, precision: str = "float32", score_only: bool = False) -> DeployForm:
    """A copy of `network` for inference: eval mode, batch norm folded, channels-last.

    Gives the same outputs in the same order within 1e-4 (float32), the score within 3e-2
    (bfloat16); with `score_only` the score's tensor alone, without the work of the others.
    Networks without a form of their own are only placed well in memory. Raises ValueError for a
    precision that is not in `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"no precision called {precision!r}")
    known = architecture_of(network)
    form: DeployForm = (
        PlainForm(network, precision=precision)
        if known is None
        else RewrittenForm(network, known, precision=precision)
    )
    form.score_only = score_only
    return form
