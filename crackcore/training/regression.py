"""Logistic regression of crack on what a last layer sees, held back by the weights that it had before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Points:
    """Pixels to learn from.

    rows : float32 (n, d), what the layer sees. truth : float32 (n,), 1 crack, 0 sound. weight :
    float32 (n,), what each counts. logit : float32 (n,), what the old weights say.
    """

    rows: Row
    truth: Row
    weight: Row
    logit: Row

    @classmethod
    def of(cls, rows: Row, truth: Row, weight: Row, old: Row, bias: float) -> Points:
        return cls(rows, truth, weight, rows @ old.reshape(-1) + np.float32(bias))

    def sharing_one(self) -> Points:
        """Weights that add up to 1: pictures count alike, large or small."""
        return replace(self, weight=self.weight / max(float(self.weight.sum()), 1e-12))

    def with_crack_weighing(self, crack_weight: float) -> Points:
        return replace(self, weight=self.weight * np.where(self.truth > 0, np.float32(crack_weight), 1))

    def thinned(self, most: int, seed: int = 0) -> Points:
        """At most so many of the points, drawn evenly; their weights stay."""
        if len(self.truth) <= most:
            return self
        at = np.random.default_rng(seed).choice(len(self.truth), most, replace=False)
        return Points(self.rows[at], self.truth[at], self.weight[at], self.logit[at])


def joined(parts: Sequence[Points]) -> Points:
    """The points of several parts, one after another."""
    if len(parts) == 1:
        return parts[0]
    return Points(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.truth for p in parts]),
        np.concatenate([p.weight for p in parts]),
        np.concatenate([p.logit for p in parts]),
    )


def fitted(points: Points, strength: float, *, with_bias: bool = True, steps: int = 60) -> tuple[Row, float]:
    """How the weights (d,) and the bias change to fit the points.

    Minimises the weighted mean cross entropy plus strength / 2 |change|^2, the change measured in
    spreads of each feature, so that no feature is favoured by its scale. The bias is free. L-BFGS; the
    problem is convex, the answer does not depend on chance.
    """
    from scipy.optimize import minimize

    weight = (points.weight / points.weight.sum()).astype(np.float32)
    mean = weight @ points.rows if with_bias else np.zeros(points.rows.shape[1], np.float32)
    spread = np.sqrt(np.maximum(weight @ np.square(points.rows - mean), 0)) + np.float32(1e-3)
    rows = (points.rows - mean) / spread

    def cost(change: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = points.logit + rows @ change[:-1].astype(np.float32) + np.float32(change[-1])
        each = np.logaddexp(np.float32(0), logit) - points.truth * logit
        wrong = weight * (1 / (1 + np.exp(-np.clip(logit, -40, 40))) - points.truth)
        slope = np.append(wrong @ rows, wrong.sum() if with_bias else 0.0).astype(np.float64)
        slope[:-1] += strength * change[:-1]
        return float(weight @ each) + strength / 2 * float(change[:-1] @ change[:-1]), slope

    start = np.zeros(rows.shape[1] + 1)
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    change = (found[:-1] / spread).astype(np.float32)
    return change, float(found[-1] - change @ mean)
