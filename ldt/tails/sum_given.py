r"""Draws of the terms of a sum given {S >= x} or {S <= x}.

*Light on the asked side.*  Terms from their laws tilted by s, K'(s) = x, accepted with probability

    exp(-s (S - x)) on the event,      s > 0 for the upper tail, s < 0 for the lower,

which is the law of the terms given the event, exactly (rejection from the tilted law; Bucklew, Introduction to Rare Event Simulation, 2004,
ch. 6).  The acceptance is P exp(s x - K(s)), about 1/(s sd_s(S) sqrt(2 pi)): 1 in 350 at P = exp(-10^4), whatever n.  Terms known only by
their density are drawn from a histogram of it; their ratio to the tilted law stays as a weight, and the sample says that it is weighted.

*Not rare*, s = 0: plain rejection.  *Heavy* on the asked side: ldt.tails.heavy_given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ldt.errors import ConvergenceError, ModelError
from ldt.models.laws import Affine, Law
from ldt.models.sums import Sum
from ldt.numerics.random import block_generator, entropy_of
from ldt.results import Drawn
from ldt.tails.sum_exact import lattice_index
from ldt.tails.sum_saddle import saddle
from ldt.tails.sum_sampling import edge_of

#: Numbers kept at most, and drawn at most in all.
MAX_CELLS = 50_000_000
EFFORT = 300_000_000
#: Numbers drawn before the acceptance is judged.
PATIENCE = 4_000_000
PIECE = 2_000_000


@dataclass(frozen=True)
class SumSample(Drawn):
    """``size`` draws given the event.

    ``x`` (size, n): the terms with their weights, in the order in which they were given (cubes: a^3; a compound sum is one term), so that S
    is their sum and a constant; ``S`` (size,): the sum in the model's units; ``largest`` (size,): the largest term's share of the sum of
    terms; ``weights`` (size,), sum 1: all equal if ``exact``, else 0 for draws that miss the event; ``effective`` = 1/sum w^2;
    ``log_p`` and ``log_p_error`` (one standard error): what weighted draws say of log P, else NaN; ``route``: how they were drawn.
    """

    picture: ClassVar[str] = "ldt.plots.weights:plot_largest"

    x: Any
    S: Any
    largest: Any
    weights: Any
    exact: bool
    effective: float
    log_p: float
    log_p_error: float
    route: str
    seed: int
    model: Any
    level: float

    @property
    def largest_share(self) -> float:
        """Mean share of the largest term in the sum, given the event."""
        return float(np.sum(self.weights * self.largest))


def checked_size(size: Any, n: int) -> int:
    """``size`` where size * n numbers can be kept; ModelError otherwise."""
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size <= 10**7:
        raise ModelError(f"size: must be an integer from 1 to 1e7, got {size!r}")
    if size * n > MAX_CELLS:
        raise ModelError(f"size: {size} draws of {n:.3g} terms are too many; at most {MAX_CELLS // n}")
    return int(size)


def sample(model: Sum, level: float, size: int, *, rng: Any = None, side: str = "upper") -> SumSample:
    """``size`` draws of the terms given S >= level, or S <= level for ``side='lower'``.

    Raises
    ------
    ModelError
        Where the event has probability 0, or size times the number of terms exceeds 5e7.
    ConvergenceError
        Where they would take more than 3e8 numbers.
    """
    n = sum(count for _, count in model.parts)
    size = checked_size(size, max(n, 1))
    inside = model.degenerate or (math.isfinite(model._mean) and (level <= model._mean) == (side == "upper"))
    if not inside and not model.light(side):
        one = model.heavy(side)
        if one is not None:
            from ldt.tails.heavy_given import sample as heavy_sample

            return heavy_sample(model, one, level, size, rng=rng, side=side)
    edge = edge_of(model, level, side)
    if (model.support[1] < edge) if side == "upper" else (model.support[0] > edge):
        raise ModelError(f"level: the event has probability 0, because {level:g} is outside the support")
    s = 0.0 if inside or not model.light(side) else saddle(model, level, side, pole=False, tol=1e-6)
    entropy = entropy_of(rng)
    return _rejected(model, level, _nearest(model, level, side), edge, size, n, s, side, entropy)


def _nearest(model: Sum, x: float, side: str) -> float:
    """The first value of S in the event."""
    if model.lattice is None:
        return x
    k, on = lattice_index(model, x)
    return model.lattice[1] + model.lattice[0] * (k if side == "upper" or on else k - 1)


def _rejected(model: Sum, level: float, first: float, edge: float, size: int, n: int, s: float, side: str, entropy: int) -> SumSample:
    random = block_generator(entropy, 0)
    rows: list[Any] = []
    logs: list[Any] = []
    got = tried = 0
    step, most = min(1000, max(1, PIECE // max(n, 1))), max(1, min(100_000, PIECE // max(n, 1)))
    while got < size:
        if tried * max(n, 1) >= PATIENCE and got * EFFORT < size * max(n, 1) * tried:
            why = "ask for fewer draws" if s or model.light(side) else "no tilt exists on this side: ask for a level less far out"
            raise ConvergenceError(f"level: too rare for rejection ({got} draws in {tried} tries of {n} terms); {why}")
        x, log_weights = _terms(model, s, step, random)
        total = model._constant + np.sum(x, axis=1)
        keep = (total >= edge) if side == "upper" else (total <= edge)
        if s:
            keep &= -random.standard_exponential(step) <= np.minimum(-s * (total - first), 0.0)
        rows.append(x[keep])
        logs.append(log_weights[keep])
        got, tried = got + int(np.count_nonzero(keep)), tried + step
        step = min(2 * step, most)
    x, log_w = np.concatenate(rows)[:size], np.concatenate(logs)[:size]
    weights = np.exp(log_w - np.max(log_w))
    weights /= np.sum(weights)
    exact = not np.any(log_w)
    sums = np.sum(x, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.max(x, axis=1) / sums if n else np.ones(size)
    route = "rejection" if not s else "tilt and rejection" if exact else "tilt and rejection, weighted by the density's table"
    effective = 1.0 / float(np.sum(weights**2))
    return SumSample(
        x, model._constant + sums, largest, weights, exact, effective, math.nan, math.nan, route, entropy, model, level
    )  # fmt: skip


def _terms(model: Sum, s: float, size: int, random: np.random.Generator) -> tuple[Any, Any]:
    """(terms (size, n) under the tilt s, log weight of each row)."""
    if not model.parts:
        return np.zeros((size, 0)), np.zeros(size)
    pieces, logs = [], np.zeros(size)
    for law, count in model.parts:
        x, weights = _draw(law, s, size * count, random)
        pieces.append(x.reshape(size, count))
        logs += np.sum(weights.reshape(size, count), axis=1)
    return np.concatenate(pieces, axis=1), logs


def _draw(law: Law, s: float, size: int, random: np.random.Generator) -> tuple[Any, Any]:
    """``size`` single terms under the tilt, and their log weights."""
    inner = law.base if isinstance(law, Affine) else law
    if s == 0.0:
        return law.rvs(size, random), np.zeros(size)
    tilted = inner.tilted(s * (law.weight if isinstance(law, Affine) else 1.0))
    if tilted is None:
        return law.tilted_sum_rvs(s, 1, size, random)
    x = tilted.rvs(size, random)
    return (law.shift + law.weight * x if isinstance(law, Affine) else x), np.zeros(size)
