r"""Saddle-point tails at many levels of one model: what does not depend on the level is found once.

Levels of one band [2^(j/8), 2^((j+1)/8)) share a decomposition into sectors, found at the band's middle (``ldt.tails.saddlepoint.
refined``; P does not depend on the cuts), and each bin's log M with its derivatives, as Chebyshev series in log theta.  A level then
takes a Newton solve for the saddle of each sector that counts, of some ten terms a step.

A level is handed back to the general method where the band's sectors may not do: where one that counts has its saddle beyond the
series or neighbours beyond the list, or where a cut more would be worth it.  The answer depends on the level alone, never on
what else was asked.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.models.loops import log_moment
from ldt.numerics.compiled import compiled
from ldt.tails.expansion import tail_or_density
from ldt.tails.search import deepest_valley, move
from ldt.tails.sectors import EPS, VALLEY, SectorLaw, main_cut

Array = NDArray[np.float64]

#: Bands an octave of levels.
BANDS = 8
#: Terms of the series on a piece, and how far (a factor in s) they reach beyond the saddles of the band's middle.
TERMS = 16
REACH = 1.08
#: Widths of a piece in log theta, tried in turn until the series' error is below SERIES times the sectors' next order.
WIDTHS = (0.16, 0.08, 0.04, 0.02)
SERIES = 1e-3
#: Sectors next to those that count lie further out: as far (a factor in s) as this the series follow them.
BEYOND = 1.6
#: Sectors this far (nats) below the heaviest are left out (and bounded).
DROP = 32.0
#: A level whose sectors look this much worse than those of the band's middle is handed back.
WORSE = 2.0


class Half(NamedTuple):
    """One decomposition of a band, for the compiled loop: ``series`` on pieces of log theta of ``width`` from ``low`` on; of each
    sector the neurons in the bins, the log multiplicity, the saddle at the band's middle and its slope, and whether it is of the
    ``fence``: next to those that count at the middle and not one of them (heaviest first, the fence last); where the wells are: log
    density, g^2 and log x of rough places, cut at ``parts``."""

    series: Array
    low: float
    width: float
    counts: Array
    weights: Array
    saddles: Array
    fence: NDArray[np.bool_]
    density: Array
    gg: Array
    log_x: Array
    parts: NDArray[np.int64]
    left_out: float
    error: float
    goal: float


class Band(NamedTuple):
    """Two decompositions of a band, and the law of the number of specialised neurons in the first: cut, numbers, and the place of each
    sector among them (None with one well only)."""

    halves: tuple[Half, Half]
    cut: float | None
    numbers: NDArray[np.int64] | None
    place: NDArray[np.int64] | None


@compiled
def tabulated(
    low: float, width: float, pieces: int, terms: int, counts: Array, start: NDArray[np.int64], lw: Array, gg: Array, deficit: Array
) -> tuple[Array, float, float]:
    """(series of L, theta L', ..., theta^4 L'''' of each bin on equal pieces in log theta, of shape (bin, piece, term, 5); the last
    terms of L times the most neurons; the last terms of theta L' and theta^2 L'' over the largest)."""
    bins = counts.shape[1]
    series = np.zeros((bins, pieces, terms, 5))
    values = np.empty((terms, 5))
    basis = np.empty((terms, terms))
    for i in range(terms):
        for k in range(terms):
            basis[i, k] = math.cos(math.pi * k * (i + 0.5) / terms) * (2.0 if k else 1.0) / terms
    error = relative = 0.0
    for b in range(bins):
        most = np.max(counts[:, b])
        if most == 0.0:
            continue
        for p in range(pieces):
            for i in range(terms):
                place = 0.5 * (1.0 + math.cos(math.pi * (i + 0.5) / terms))
                theta = math.exp(low + width * (p + place))
                l0, l1, l2, l3, l4 = log_moment(theta, lw[start[b] : start[b + 1]], gg[start[b] : start[b + 1]], deficit[b])
                values[i, 0], values[i, 1], values[i, 2] = l0, theta * l1, theta**2 * l2
                values[i, 3], values[i, 4] = theta**3 * l3, theta**4 * l4
            for k in range(terms):
                for i in range(terms):
                    for d in range(5):
                        series[b, p, k, d] += basis[i, k] * values[i, d]
            ends = np.zeros(5)
            for d in range(5):
                ends[d] = abs(series[b, p, terms - 1, d]) + abs(series[b, p, terms - 2, d])
            error = max(error, most * ends[0])
            for d in range(1, 3):
                scale = np.max(np.abs(values[:, d]))
                relative = max(relative, ends[d] / scale) if scale > 0.0 else relative  # all 0 in a bin of one node
    return series, error, relative


@compiled
def _cumulants(s: float, kappa: float, count: Array, series: Array, low: float, width: float, work: Array, out: Array) -> None:
    """K, K', ..., K'''' at s, into ``out``, from the bins' series (Clenshaw's recurrence, all five at once)."""
    pieces, terms = series.shape[1], series.shape[2]
    place = (math.log(kappa * s * s) - low) / width
    p = min(max(int(place), 0), pieces - 1)
    t = 2.0 * (place - p) - 1.0
    out[:] = 0.0
    for b in range(count.size):
        n = count[b]
        if n == 0.0:
            continue
        c = series[b, p]
        for d in range(5):
            work[0, d] = 0.0
            work[1, d] = 0.0
        for k in range(terms - 1, 0, -1):
            for d in range(5):
                new = 2.0 * t * work[0, d] - work[1, d] + c[k, d]
                work[1, d] = work[0, d]
                work[0, d] = new
        for d in range(5):
            work[0, d] = n * (t * work[0, d] - work[1, d] + c[0, d])
        # d/ds of L(kappa s^2) in theta^j L^(j): theta' = 2 theta/s
        out[0] += work[0, 0]
        out[1] += 2.0 * work[0, 1] / s
        out[2] += (2.0 * work[0, 1] + 4.0 * work[0, 2]) / s**2
        out[3] += (12.0 * work[0, 2] + 8.0 * work[0, 3]) / s**3
        out[4] += (12.0 * work[0, 2] + 48.0 * work[0, 3] + 16.0 * work[0, 4]) / s**4


@compiled
def _depth(theta: float, count: Array, density: Array, gg: Array, log_x: Array, parts: NDArray[np.int64]) -> float:
    """Depth of the deepest valley of the tilted density in the bins that hold neurons."""
    worst = 0.0
    for b in range(count.size):
        if count[b] > 0.0 and parts[b + 1] - parts[b] >= 3:
            worst = max(worst, deepest_valley(theta, density, gg, log_x, parts[b], parts[b + 1], VALLEY)[0])
    return worst


@compiled
def answers(
    levels: Array, middle: float, density: bool, kappa: float, series: Array, low: float, width: float, counts: Array, weights: Array,
    saddles: Array, fence: NDArray[np.bool_], wells: Array, gg: Array, log_x: Array, parts: NDArray[np.int64], goal: float,
) -> tuple[Array, Array, Array, Array, NDArray[np.bool_], Array]:  # fmt: skip
    """At every level: log value, mean next order, rounding, tilt of the heaviest sector, whether the band's sectors do, and the
    sectors' shares (level, sector)."""
    n, sectors = levels.size, counts.shape[0]
    values, orders, roundings, tilts = np.full(n, np.nan), np.full(n, np.inf), np.zeros(n), np.zeros(n)
    fine, shares = np.zeros(n, dtype=np.bool_), np.zeros((n, sectors))
    work, k, other = np.empty((2, 5)), np.empty(5), np.empty(5)
    units, sizes = np.eye(counts.shape[1]), np.empty(counts.shape[1])
    logs, following, s = np.empty(sectors), np.empty(sectors), np.empty(sectors)
    for i in range(n):
        logs[:] = -np.inf
        following[:] = 0.0
        best = -np.inf
        listed = True
        for j in range(sectors):
            if j > 0:
                # Any tilt gives an upper bound: most sectors need no more.
                bound = weights[j] - s[0] * levels[i]
                for b in range(sizes.size):
                    bound += counts[j, b] * sizes[b]
                if bound < best - DROP:
                    continue
            guess = saddles[j, 0] + saddles[j, 1] * (levels[i] - middle)
            s[j], found = _saddle(levels[i], guess, kappa, counts[j], series, low, width, work, k)
            if j == 0:
                for b in range(sizes.size):
                    _cumulants(s[0], kappa, units[b], series, low, width, work, other)
                    sizes[b] = other[0]
            worth = weights[j] + k[0] - s[j] * levels[i]
            if worth < best - DROP:
                continue
            listed = listed and found and not fence[j]
            best = max(best, worth)
            value, next_order = tail_or_density(s[j], (k[0], k[1], k[2], k[3], k[4]), levels[i], density)
            # Where the expansion fails the Chernoff bound stands in, with its whole weight as error.
            logs[j] = weights[j] + value if math.isfinite(value) else worth
            following[j] = min(next_order, 1e3)
            roundings[i] = max(roundings[i], 4.0 * EPS * (abs(k[0]) + abs(s[j] * levels[i]) + abs(weights[j])))
        top = np.max(logs)
        total = 0.0
        for j in range(sectors):
            total += math.exp(logs[j] - top)
        values[i] = top + math.log(total)
        orders[i] = 0.0
        score = 0.0
        heaviest = 0
        for j in range(sectors):
            shares[i, j] = math.exp(logs[j] - values[i])
            orders[i] += shares[i, j] * following[j]
            heaviest = j if logs[j] > logs[heaviest] else heaviest
            if listed and shares[i, j] > 1e-4:
                wrong = following[j] + _depth(kappa * s[j] ** 2, counts[j], wells, gg, log_x, parts)
                score = max(score, shares[i, j] * wrong)
        tilts[i] = s[heaviest]
        fine[i] = listed and score <= goal and orders[i] < 100.0
    return values, orders, roundings, tilts, fine, shares


@compiled
def _saddle(
    level: float, guess: float, kappa: float, count: Array, series: Array, low: float, width: float, work: Array, k: Array
) -> tuple[float, bool]:
    """(s, whether K'(s) = level there): Newton's steps on log s within the series' reach, the cumulants left in ``k``."""
    a, b = math.sqrt(math.exp(low) / kappa), math.sqrt(math.exp(low + width * series.shape[1]) / kappa)
    s = min(max(guess, a), b)
    for _ in range(60):
        _cumulants(s, kappa, count, series, low, width, work, k)
        if not k[2] > 0.0:
            break
        step = (level - k[1]) / (s * k[2])
        if abs(step) <= 1e-6:
            # The rest by Taylor's formula: to the square of 1e-6 in s and K'', to its cube in K.
            rest = s * step
            k[0] += rest * (k[1] + 0.5 * rest * k[2])
            k[1] = level
            k[2] += rest * k[3]
            return s + rest, True
        if step > 0.0:
            a = s
        else:
            b = s
        new = s * math.exp(min(max(step, -1.0), 1.0))
        s = new if a < new < b else 0.5 * (a + b)
        if b - a <= 1e-13 * b:
            break
    return s, False


def bands_of(levels: Array) -> NDArray[np.int64]:
    """The number j of each level's band."""
    mantissa, exponent = np.frexp(levels)
    edges = 2.0 ** (np.arange(BANDS) / BANDS - 1.0)
    return np.asarray(BANDS * (exponent.astype(np.int64) - 1) + np.searchsorted(edges, mantissa, side="right") - 1)


def middle_of(band: int) -> float:
    """The level in the middle of a band."""
    return float(2.0 ** ((band + 0.5) / BANDS))


def half(law: SectorLaw, weights: Array, score: float, goal: float) -> Half | None:
    """One decomposition made ready, with what is still wrong with it (``score``); None where the series do not converge."""
    model, bins, rough = law.model, law.bins, law.rough
    if len(rough.x) > 1 and rough.x[0] == rough.x[1]:  # several g^2 at one place: the compiled loop looks for wells otherwise
        return None
    sectors = [law.sectors[i] for i in np.argsort(-weights, kind="stable")]
    inside = {s.special for s in sectors}
    beyond = {near for s in sectors for near in _neighbours(s.special) if near not in inside and bins.allowed(near)}
    near, far = (pick(s.s for s in sectors) for pick in (min, max))
    middle = sectors[0].s
    sectors += [bins.solve(law.level, middle, special) for special in sorted(beyond)]
    low = 2.0 * math.log(min(near, max(near / BEYOND, min(s.s for s in sectors))) / REACH) + math.log(model.variance_scale)
    high = 2.0 * math.log(max(far, min(far * BEYOND, max(s.s for s in sectors))) * REACH) + math.log(model.variance_scale)
    if math.exp(high) >= model.neuron.theta_max or not all(s.cumulants[2] > 0.0 for s in sectors):
        return None
    counts = np.array([[model.width - s.k, *s.special] for s in sectors], dtype=float)
    for most in WIDTHS:
        pieces = math.ceil((high - low) / most)
        width = (high - low) / pieces
        nodes = bins.nodes
        series, error, relative = tabulated(low, width, pieces, TERMS, counts, bins.start, nodes.lw, nodes.gg, bins.deficit)
        error += relative
        if error <= SERIES * score:
            break
    else:
        return None
    fence = np.arange(len(sectors)) >= len(inside)
    x = rough.x
    spacing = np.log(np.gradient(x))
    parts = np.array([0, *np.searchsorted(x, bins.cuts), len(x)])
    return Half(
        series, low, width, counts, np.array([s.log_weight for s in sectors]), np.array([(s.s, 1.0 / s.cumulants[2]) for s in sectors]),
        fence, rough.lw - spacing, rough.gg, np.log(x), parts, law.left_out, error, goal,
    )  # fmt: skip


def _neighbours(at: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Whatever is one single move away."""
    row, new, bins = np.array([at], dtype=np.int64), np.empty(len(at), dtype=np.int64), len(at)
    out = []
    for which in range(bins * (bins + 1)):
        move(row, 0, which, new)
        out.append(tuple(new.tolist()))
    return out


def make_band(laws: list[SectorLaw], weights: list[Array], scores: list[float], goal: float) -> Band | None:
    """What the levels of a band share, from two decompositions at its middle with their sectors' shares, and what was still wrong with
    them (``goal`` is good enough); None where the levels can share nothing."""
    halves = [half(law, share, score, max(goal, WORSE * score)) for law, share, score in zip(laws, weights, scores, strict=True)]
    if halves[0] is None or halves[1] is None:
        return None
    law = laws[0]
    if not law.bins.cuts:
        return Band((halves[0], halves[1]), None, None, None)
    j = main_cut(law, weights[0])
    ks = halves[0].counts[~halves[0].fence][:, j + 1 :].sum(axis=1).astype(np.int64)
    return Band((halves[0], halves[1]), law.bins.cuts[j], np.arange(ks.min(), ks.max() + 1), ks - ks.min())


__all__ = ["Band", "Half", "answers", "bands_of", "make_band", "middle_of"]
