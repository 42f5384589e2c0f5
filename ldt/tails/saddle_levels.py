r"""Saddle-point tails by sectors at many levels of one model: what does not depend on the level is found once.

Levels of one band [2^(j/8), 2^((j+1)/8)) share a decomposition into sectors, found at the band's middle (P does not depend on the
cuts), its nodes and the saddles' place and drift there.  A level then takes one evaluation or two of the cumulants of each sector
that counts: within CLOSE of the saddle they are moved there by Taylor's polynomial.

A level is handed back, to a decomposition of its own, where the band's may not do: where a sector that counts has its saddle beyond
the nodes' reach, is a neighbour of those listed, or is worth another cut.  The answer depends on the level alone, never on
what else was asked.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.models.loops import bin_sizes
from ldt.numerics.compiled import compiled
from ldt.tails.bins import EPS
from ldt.tails.expansion import Cumulants, tail_or_density
from ldt.tails.loops import sector_cgf
from ldt.tails.search import depth, tilted_density
from ldt.tails.sectors import VALLEY, SectorLaw

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Bands an octave of levels.
BANDS = 8
#: A saddle this near, relative to it, is reached by Taylor's polynomial.
CLOSE = 1e-3
#: Sectors this far (nats) below the heaviest are left out, and their Chernoff bounds added to the error.
DROP = 20.0
#: Up to as many neurons log M is summed plainly, to EPS: M - 1, summed for more, costs another exponential a node.
PLAIN = 10_000
#: A share of P that is worth a look for valleys.
COUNTS = 1e-4


class Half(NamedTuple):
    """One decomposition, for the compiled loop: of each sector the neurons in the bins, and what was found (``sectors.Table``) at the
    level ``middle``.  The first ``kept`` count there; the others, their neighbours, are too light to.  ``main`` is the heaviest.  No
    tilt goes beyond ``end`` with a neuron in the last bin.  Then the nodes, and the places where wells are looked for: log density,
    g^2 and log x, cut at ``parts``; several g^2 at each place if not ``plain``."""

    middle: float
    kappa: float
    end: float
    main: int
    kept: int
    counts: Array
    found: Array
    start: Index
    lw: Array
    gg: Array
    deficit: Array
    plain: bool
    x: Array
    wells_lw: Array
    wells_gg: Array
    log_x: Array
    parts: Index


class Answers(NamedTuple):
    """At every level: log value, mean next order, rounding, bound on what is left out, tilt of the heaviest sector, whether the list of
    sectors does, the worst sector and how much is wrong with it, and the sectors' shares (level, sector)."""

    values: Array
    orders: Array
    roundings: Array
    left: Array
    tilts: Array
    listed: NDArray[np.bool_]
    worst: Index
    scores: Array
    shares: Array


@compiled
def answers(levels: Array, density: bool, half: Half) -> Answers:
    """The sum over the sectors' expansions at every level."""
    # One by one, because a call that is handed them all would count references to them all.
    middle, kappa, end, main, kept, counts, known, start, lw, gg, deficit, plain, x, wells_lw, wells_gg, log_x, parts = half
    n, sectors = levels.size, counts.shape[0]
    weights, neurons = known[:, 6].copy(), np.sum(counts[0])
    values, orders, roundings, left, tilts = np.empty(n), np.zeros(n), np.zeros(n), np.zeros(n), np.empty(n)
    listed, worst, scores, shares = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros((n, sectors))
    logs, bounds, following, s = np.empty(sectors), np.empty(sectors), np.empty(sectors), np.empty(sectors)
    for i in range(n):
        logs[:] = -np.inf
        following[:] = 0.0
        best = -np.inf
        sizes, scale = np.empty(0), 0.0
        for turn in range(sectors):
            j = main if turn == 0 else turn - 1 if turn <= main else turn
            if turn > 0:
                # Any tilt gives an upper bound: most sectors need no more.
                bound = weights[j] - s[main] * levels[i]
                for b in range(sizes.size):
                    if counts[j, b] > 0.0:
                        bound += counts[j, b] * sizes[b]
                bounds[j] = bound
                if bound < best - DROP:
                    continue
            guess, k2 = known[j, 0], known[j, 3]
            if k2 > 0.0:  # the saddle moves by 1/K'' a level, and that by -K'''/K''^3
                off = (levels[i] - middle) / k2
                off *= 1.0 - 0.5 * off * known[j, 4] / k2
                guess += off if abs(off) < 0.5 * guess else 0.0
            s[j], k, found = _saddle(levels[i], guess, end, kappa, counts[j], start, lw, gg, deficit)
            if turn == 0:
                if density and k[2] > 0.0:  # Daniels' factor makes a density's scale of a tail's bound, with e^2 to spare
                    scale = 2.0 - 0.5 * math.log(2.0 * math.pi * k[2])
                sizes = bin_sizes(kappa * s[j] ** 2, start, lw, gg)
            worth = weights[j] + k[0] - s[j] * levels[i]
            bounds[j] = worth
            if worth < best - DROP:
                continue
            listed[i] = listed[i] and found and j < kept
            if j >= kept:
                continue
            best = max(best, worth)
            bounds[j] = -np.inf
            value, next_order = tail_or_density(s[j], k, levels[i], density)
            # Where the expansion fails the Chernoff bound stands in, with its whole weight as error.
            logs[j] = weights[j] + value if math.isfinite(value) else worth
            following[j] = min(next_order, 1e3)
            rounding = 4.0 * EPS * (abs(k[0]) + abs(s[j] * levels[i]) + abs(weights[j]))
            roundings[i] = max(roundings[i], rounding + (EPS * neurons if deficit[0] < 0.0 else 0.0))
        top = np.max(logs)
        total = 0.0
        for j in range(sectors):
            total += math.exp(logs[j] - top)
        values[i] = top + math.log(total)
        for j in range(sectors):
            left[i] += math.exp(min(bounds[j] + scale - values[i], 0.0))
            shares[i, j] = math.exp(logs[j] - values[i])
            orders[i] += shares[i, j] * following[j]
            if shares[i, j] > COUNTS:
                theta, tilted, by = kappa * s[j] ** 2, wells_lw, wells_gg
                if not plain:
                    tilted = tilted_density(theta, x, wells_lw, wells_gg)[1]
                    by = np.zeros(tilted.size)
                score = shares[i, j] * (following[j] + depth(theta, counts[j], tilted, by, log_x, parts, VALLEY))
                if score > scores[i]:
                    worst[i], scores[i] = j, score
        tilts[i] = s[np.argmax(logs)]
    return Answers(values, orders, roundings, left, tilts, listed, worst, scores, shares)


@compiled
def _saddle(
    level: float, guess: float, end: float, kappa: float, count: Array, start: Index, lw: Array, gg: Array, deficit: Array
) -> tuple[float, Cumulants, bool]:
    """(s, (K, ..., K'''') there, whether K'(s) = level): Newton's steps on log s, the last by Taylor's polynomial."""
    a, b = 0.0, math.inf if count.size > 1 and count[-1] == 0.0 else end
    s = min(guess, b)
    for _ in range(100):
        k0, k1, k2, k3, k4 = sector_cgf(s, kappa, count, start, lw, gg, deficit)
        if not k2 > 0.0:
            break
        step = (level - k1) / (s * k2)
        if abs(step) <= CLOSE:
            d = 0.0
            for _ in range(3):
                d += (level - k1 - d * (k2 + d * (k3 + d * k4 / 3.0) / 2.0)) / (k2 + d * (k3 + d * k4 / 2.0))
            k0 += d * (k1 + d * (k2 + d * (k3 + d * k4 / 4.0) / 3.0) / 2.0)
            return s + d, (k0, level, k2 + d * (k3 + d * k4 / 2.0), k3 + d * k4, k4), True
        if step > 0.0:
            a = s
        else:
            b = s
        new = s * math.exp(min(max(step, -1.0), 1.0))
        s = new if a < new < b else 0.5 * (a + b) if b < math.inf else 2.0 * s
        if b - a <= 1e-13 * b:
            break
    return s, (k0, k1, k2, k3, k4), False


def half_of(law: SectorLaw) -> Half:
    """A decomposition made ready."""
    model, bins, nodes = law.model, law.bins, law.bins.nodes
    x, log_x, parts, lw, gg = law.wells(0.0)
    if law.plain_wells is None:
        x, lw, gg = law.rough.x, law.rough.lw, law.rough.gg
    deficit = bins.deficit if model.width > PLAIN else np.full(len(bins.deficit), -1.0)
    return Half(
        law.level, model.variance_scale, law.end, int(np.argmax(law.table.log_bounds(law.level))), law.kept,
        law.tried.counts(model.width), law.tried.values, bins.start, nodes.lw, nodes.gg, deficit, law.plain_wells is not None, x, lw, gg,
        log_x, np.array(parts),
    )  # fmt: skip


def bands_of(levels: Array) -> NDArray[np.int64]:
    """The number j of each level's band."""
    mantissa, exponent = np.frexp(levels)
    edges = 2.0 ** (np.arange(BANDS) / BANDS - 1.0)
    return np.asarray(BANDS * (exponent.astype(np.int64) - 1) + np.searchsorted(edges, mantissa, side="right") - 1)


def middle_of(band: int) -> float:
    """The level in the middle of a band."""
    return float(2.0 ** ((band + 0.5) / BANDS))


__all__ = ["Answers", "Half", "answers", "bands_of", "half_of", "middle_of"]
