r"""Draws of the terms of a heavy-tailed sum given {sum Y >= t}.

*Exact, by rejection*, where that takes at most EFFORT numbers:

* plain draws, accepted where the event happens (probability P);
* any n - 1 terms from the law, the last from the law given X > m = max(M, t - S): that is the law of the terms given the event
  and 'the last is the largest', up to the factor G(m).  The largest of n terms with sum t is at least t/n, so G(m) <= G(t/n):
  accepting with G(m)/G(t/n) is exact, with probability P/(n G(t/n)).  For regularly varying tails that does not vanish as t grows.

*Weighted*, elsewhere, and declared as such: by the number k of terms beyond a barrier b (sectors),

    P = sum_k C(n, k) E[ the n - k others <= b, k > b; S >= t ],      b = half of t - n mu.

The others are tilted by theta: truncated at b they have every exponential moment.  k = 0: theta makes the sum reach t (many small), and
the weights are bounded by that at S = t.  k >= 1: k - 1 terms are drawn beyond b and the last beyond max(b, t - rest); theta is the secant
slope of log G from b to t, or less if the rest reaches t - b with less: log G is convex, so that the weights exp(-theta S) G(t - S) are
bounded by those at the ends.  Tilted draws come from a table of cells, within which the law itself is drawn, so that weights are exact and
self-normalised means are consistent.  Every k up to 40 has a chance; more are left out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError
from ldt.models.heavy_sum import heavy_side, standard
from ldt.numerics.random import block_generator, entropy_of
from ldt.tails.sum_given import EFFORT, PATIENCE, SumSample, checked_size

PILOT = 400
CELLS = 1500


def sample(model: Any, one: Any, level: float, size: int, *, rng: Any = None, side: str = "upper") -> SumSample:
    """``size`` draws of the terms given S >= level (S <= level for ``side='lower'``), on the side of the large jumps; ``one`` is the
    HeavySum of the model (or the CubicSum itself).

    Raises
    ------
    ModelError
        Where size * n exceeds 5e7 numbers.
    ConvergenceError
        Where weighted draws are worth fewer than 10 of them.
    """
    n, term = one.n, one.term
    size = checked_size(size, n)
    t = heavy_side(one, level, side, "sample_given")
    entropy = entropy_of(rng)
    random = block_generator(entropy, 0)
    found = _rejected(term, n, t, size, random)
    if found is None:
        found = _weighted(term, n, t, size, random)
    y, weights, exact, log_p, error, route = found
    total = np.sum(y, axis=1)
    turned = term.symmetric and standard(one, level, side)[1] == "lower"
    sign = -one.sign if turned else one.sign
    effective = 1.0 / float(np.sum(weights**2))
    if not exact and effective < min(10.0, 0.5 * size):
        raise ConvergenceError(f"level: the {size} weighted draws are worth {effective:.2g}; ask for more draws")
    unit = 1.0 if term.name == "cube" else one.factor
    return SumSample(
        one.sign * one.shift / n + sign * unit * y, one.sign * one.shift + sign * one.factor * total, np.max(y, axis=1) / total, weights,
        exact, effective, log_p, error, route, entropy, model, level,
    )  # fmt: skip


def _rejected(term: Any, n: int, t: float, size: int, random: np.random.Generator) -> Any:
    """Exact draws, or None where the acceptance is too small (found by trying)."""
    bound = float(term.log_sf(np.array([t / n]))[0]) if t > 0.0 else 0.0
    step = max(1, min(20_000, 2_000_000 // n))
    for plain in (True, False):
        if not plain and not t > 0.0:
            return None
        rows: list[Any] = []
        got = tried = 0
        while got < size:
            y = term.rvs((step, n), random)
            if plain:
                keep = np.sum(y, axis=1) >= t
            else:
                m = np.maximum(np.max(y[:, :-1], axis=1), t - np.sum(y[:, :-1], axis=1)) if n > 1 else np.full(step, t)
                log_g = term.log_sf(m)
                keep = np.log1p(-random.random(step)) <= log_g - bound
                y[:, -1] = np.maximum(term.isf(log_g + np.log1p(-random.random(step))), m)
            rows.append(y[keep])
            got, tried = got + int(np.sum(keep)), tried + step
            if tried * n >= PATIENCE and got * EFFORT < size * n * tried:
                break
        if got >= size:
            y = np.concatenate(rows)[:size]
            if not plain:
                y = random.permuted(y, axis=1)
            return y, np.full(size, 1.0 / size), True, math.nan, math.nan, "rejection" if plain else "rejection from the largest term"
    return None


class _Bulk:
    """Terms not larger than b, tilted by theta: cells of the law, chosen with probability prop. to mass e^(theta x)."""

    def __init__(self, term: Any, b: float) -> None:
        self.term = term
        log_b = float(term.log_sf(np.array([b]))[0])
        lower = np.concatenate([[-math.inf], np.linspace(math.log(1e-9), math.log(0.5), 400)])
        upper = np.linspace(math.log(0.5), log_b, CELLS)[1:]
        p, q = np.exp(lower), np.exp(upper)
        self.low = np.concatenate([p[:-1], q])  # the cell in p = P(X <= x) below the median, in q = P(X > x) above
        self.high = np.concatenate([p[1:], np.concatenate([[0.5], q[:-1]])])
        self.split = len(p) - 1
        self.log_mass = np.log(self.high - self.low)
        middle = 0.5 * (self.low + self.high)
        self.x = term.isf(np.where(np.arange(len(middle)) < self.split, np.log1p(-middle), np.log(middle)))

    def mean(self, theta: float) -> float:
        """Mean of the tilted cells."""
        w = self.log_mass + theta * self.x
        w = np.exp(w - np.max(w))
        return float(np.sum(w * self.x) / np.sum(w))

    def draw(self, theta: float, shape: tuple[int, int], random: np.random.Generator) -> tuple[Any, Any]:
        """(terms, log weight of each row: density of the law over that of the draw)."""
        logs = self.log_mass + theta * self.x
        chance = np.exp(logs - np.max(logs))
        chance /= np.sum(chance)
        edges = np.cumsum(chance)
        cell = np.minimum(np.searchsorted(edges, random.random(shape), side="right"), len(chance) - 1)
        u = self.low[cell] + random.random(shape) * (self.high[cell] - self.low[cell])
        x = self.term.isf(np.where(cell < self.split, np.log1p(-u), np.log(np.maximum(u, 1e-320))))
        with np.errstate(divide="ignore"):
            ratio = self.log_mass - np.log(chance)
        return x, np.sum(ratio[cell], axis=1)


def _weighted(term: Any, n: int, t: float, size: int, random: np.random.Generator) -> Any:
    from scipy.optimize import brentq

    rest = t - ((n - 1) * term.mean if math.isfinite(term.mean) else 0.0)
    b = 0.5 * rest
    if not b > max(float(term.isf(np.array([math.log(0.4)]))[0]), 0.0):
        raise ConvergenceError("level: too near the bulk for weighted draws and too rare for rejection; draw from model.rvs")
    bulk = _Bulk(term, b)
    most = 5.0 * term.hazard(b)

    def reaching(level: float) -> float:
        """The tilt that brings n truncated terms to ``level``, between none and the most."""
        if n * bulk.mean(most) < level:
            return float(most)
        return float(brentq(lambda s: n * bulk.mean(s) - level, 0.0, most)) if n * bulk.mean(0.0) < level else 0.0

    log_b, log_t = (float(v) for v in term.log_sf(np.array([b, rest])))
    theta0, theta = reaching(t), min((log_b - log_t) / (rest - b), reaching(t - b))
    numbers = np.arange(min(n, 40) + 1)
    floor = np.where(numbers <= 2, 0.05, 0.04 * 0.5 ** (numbers - 1.0))
    pilots = np.full(len(numbers), -math.inf)
    for k in numbers[:3]:
        _, logs = _sector(term, bulk, n, t, b, int(k), theta0 if k == 0 else theta, PILOT, random)
        pilots[k] = 0.5 * (np.logaddexp.reduce(2.0 * logs) - math.log(PILOT))
    guess = np.exp(pilots - np.max(pilots))
    chance = guess / np.sum(guess) + floor
    chance /= np.sum(chance)
    counts = random.multinomial(size, chance)
    y, logs = np.empty((size, n)), np.empty(size)
    row = 0
    for k in numbers:
        if counts[k]:
            piece = slice(row, row + int(counts[k]))
            y[piece], logs[piece] = _sector(term, bulk, n, t, b, int(k), theta0 if k == 0 else theta, int(counts[k]), random)
            logs[piece] -= math.log(chance[k])
            row += int(counts[k])
    top = float(np.max(logs))
    if top == -math.inf:
        raise ConvergenceError(f"level: none of {size} weighted draws reached it; ask for more draws")
    weights = np.exp(logs - top)
    mean = float(np.mean(weights))
    error = float(np.std(weights)) / mean / math.sqrt(size)
    order = random.permutation(size)
    weights = weights[order] / np.sum(weights)
    return random.permuted(y[order], axis=1), weights, False, top + math.log(mean), error, "weighted, by the number of large terms"


def _sector(
    term: Any, bulk: _Bulk, n: int, t: float, b: float, k: int, theta: float, size: int, random: np.random.Generator
) -> tuple[Any, Any]:
    """Draws with k terms beyond b, and log weights (-inf outside the event)."""
    y = np.empty((size, n))
    y[:, k:], logs = bulk.draw(theta, (size, n - k), random)
    if k == 0:
        return y, np.where(np.sum(y, axis=1) >= t, logs, -math.inf)
    log_b = float(term.log_sf(np.array([b]))[0])
    y[:, 1:k] = term.isf(log_b + np.log1p(-random.random((size, k - 1))))
    m = np.maximum(b, t - np.sum(y[:, 1:], axis=1))
    log_g = term.log_sf(m)
    y[:, 0] = np.maximum(term.isf(log_g + np.log1p(-random.random(size))), m)
    choose = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
    return y, logs + choose + (k - 1) * log_b + log_g
