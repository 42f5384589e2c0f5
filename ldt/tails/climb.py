r"""One population climbs to the level: adaptive multilevel splitting, as a sequential Monte Carlo sampler.

With U_L(q) = log P(A >= L | q) the laws prior x exp(U_L) lead from the prior (L = -inf) or, for readout networks, from their half
(L = 0) to the law given the event; the next level is where the effective sample size of the weights exp(U_L' - U_L) has fallen to
KEEP of the particles.  For a plain score the weights are 0 or 1, and SURVIVE of the particles do: subset simulation (Au, Beck 2001; Cerou,
Guyader 2007; independent draws would make 0.2 the cheapest).  For Gaussian readouts the weights are smooth and the levels fewer.

    P = prod_levels mean(exp(U_L' - U_L)),

unbiased for fixed levels and moves (Del Moral 2004).  At every level ``particles`` chains are drawn from the pool (systematically) and
moved (ldt.tails.moves); where they are after each of the sweeps is the next pool, so that no state that was paid for is thrown away
(waste-free sequential Monte Carlo: Dau, Chopin 2022, J. R. Stat. Soc. B 84, 114).  A population that chooses its own levels, steps and
proposals biases P by O(levels/particles), which repeats share; so a first climb finds the ``Route`` - levels, and at each what its moves
know - and a second, independent population follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.models.networks.base import Network, State
from ldt.tails.moves import Mover

Array = NDArray[np.float64]

KEEP, SURVIVE = 0.5, 0.2
MAX_LEVELS = 20_000
MOST_STOPS = 16  # after which sweeps of a level the chains are pooled: bounds the memory


@dataclass(frozen=True)
class Rung:
    """One level: the ``level`` reached; log of the mean weight on the way to it and the relative ``variance`` that this mean would have
    were the pool independent; then, after the moves there, (proposed, accepted) of each kind and the ``memory``: the rank correlation of q
    before and after them."""

    level: float
    log_ratio: float
    variance: float
    moves: dict[str, tuple[int, int]]
    memory: float


#: Levels, and the mover (learning no more) that moves the population at each.
Route = list[tuple[float, Mover]]


@dataclass
class Climb:
    """A finished climb: log P, its ``rungs``, the chains ``x`` with summaries ``q``, how many ``ancestors`` at the start the pool descends
    from, ``stuck`` (why it did not arrive, or ''), and the ``route`` taken."""

    logp: float
    rungs: list[Rung]
    x: Array
    q: Array
    ancestors: int
    stuck: str
    route: Route
    evaluations: int


def climb(
    network: Network, level: float, particles: int, moves: int, random: np.random.Generator, route: Route | None = None,
    watch: Callable[[float, Any], None] | None = None,
) -> Climb:  # fmt: skip
    """Takes a population of ``particles`` chains from the prior to the event A >= level, along ``route`` if there is one; ``watch(level,
    state)`` sees every rung's chains after their ``moves`` sweeps."""
    every = -(-moves // MOST_STOPS)
    x = random.standard_normal((particles * (moves // every), network.hidden))
    q = network.summary(x)
    smooth = network.symmetric and hasattr(network, "readouts")
    at, logp = (0.0, -math.log(2.0)) if smooth else (-math.inf, 0.0)
    u = network.log_given(at, q)
    mover = Mover(network)
    origin = np.arange(len(q))
    rungs: list[Rung] = []
    taken: Route = []
    stuck, evaluations = "", len(q)
    while at < level:
        if route is None:
            beyond = next_level(network, at, level, q, u)
        else:
            beyond, mover = route[len(rungs)]
        new = u if beyond is None else network.log_given(beyond, q)
        if beyond is None or np.max(new) == -math.inf:
            stuck = f"no particle got beyond {at!r}"
            break
        if len(rungs) == MAX_LEVELS:
            stuck = f"{MAX_LEVELS} levels were not enough; reached {at!r}"
            break
        top = float(np.max(new - u))
        weights = np.exp(new - u - top)
        mean = float(np.mean(weights))
        logp += top + math.log(mean)
        at = beyond
        mover.tally = {}
        if route is None:
            mover.learn(x[systematic(weights, random)])
        index = systematic(weights, random, particles)
        state = network.state(x[index], q[index])  # not anew: in another batch a sum may round otherwise, to below the level
        origin = np.tile(origin[index], moves // every)
        stops = []
        for sweep in range(1, moves + 1):
            mover.sweep(state, at, random)
            if sweep % every == 0:
                stops.append((state.x.copy(), state.q.copy()))
        memory = rank_correlation(q[index], state.q)
        variance = float(np.var(weights)) / (mean * mean * len(weights))
        x, q = (np.concatenate(parts) for parts in zip(*stops, strict=True))
        u = network.log_given(at, q)
        tallies = {name: (tally.proposed, tally.accepted) for name, tally in mover.tally.items()}
        rebuilt = 0 if type(state) is State else particles  # what a state remembers beyond q is computed anew
        evaluations += rebuilt + sum(proposed for proposed, _ in tallies.values())
        rungs.append(Rung(at, top + math.log(mean), variance, tallies, memory))
        taken.append((at, mover.frozen() if route is None else mover))
        if watch is not None:
            watch(at, state)
    last = slice(-particles, None)
    return Climb(math.nan if stuck else logp, rungs, x[last], q[last], len(np.unique(origin)), stuck, taken, evaluations)


def next_level(network: Network, at: float, level: float, q: Array, u: Array) -> float | None:
    """The next level, at most ``level``, that leaves KEEP of the effective sample size, or of a plain score lets SURVIVE of the particles
    pass; None where no particle passes any."""
    smooth = network.symmetric and hasattr(network, "readouts")
    keep = KEEP if smooth else SURVIVE

    def size(x: float) -> float:
        log_w = network.log_given(x, q) - u
        top = float(np.max(log_w))
        if top == -math.inf:
            return 0.0
        w = np.exp(log_w - top)
        return float(np.sum(w)) ** 2 / float(np.sum(w * w)) / len(q)

    if size(level) >= keep:
        return level
    if not smooth:
        ordered = np.sort(q)
        middle = float(ordered[int((1.0 - keep) * len(q))])
        if middle <= at:  # ties: on to the next value that some particle has
            above = ordered[ordered > at]
            if not len(above):
                return None
            middle = float(above[0])
        return min(middle, level)
    low, high = at, level
    for _ in range(60):
        mid = 0.5 * (low + high)
        if not low < mid < high:
            break
        low, high = (mid, high) if size(mid) >= keep else (low, mid)
    return low if low > at else None


def systematic(weights: Array, random: np.random.Generator, size: int | None = None) -> Any:
    """Indices of a systematic resampling to ``size`` (as many as weights): each kept in proportion to its weight, to within one."""
    size = len(weights) if size is None else size
    total = np.cumsum(weights)
    points = (random.random() + np.arange(size)) * (total[-1] / size)
    return np.minimum(np.searchsorted(total, points, side="right"), len(weights) - 1)


def rank_correlation(before: Array, after: Array) -> float:
    """Spearman's correlation; 1 where all are equal (nothing moved)."""
    a, b = np.argsort(np.argsort(before)), np.argsort(np.argsort(after))
    if np.ptp(before) == 0.0 or np.ptp(after) == 0.0:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1])

