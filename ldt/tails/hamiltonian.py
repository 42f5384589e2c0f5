r"""Hamiltonian umbrella sampling: replica exchange whose chains follow gradients, for networks that know the slope of their variance.

Given the hidden parameters z the alignment is Gaussian of variance V(z), so that the laws on a ladder of levels L_k have the densities

    exp(-U_k),   U_k(z) = |z|^2/2 - log Phi(-L_k/sqrt V(z)),
    dU_k = z - (L_k/2) V^(-3/2) h(L_k/sqrt V) dV,   h(t) = exp(-t^2/2)/(sqrt(2 pi) Phi(-t)).

Every chain is moved by leapfrog trajectories with momenta drawn afresh and accepted by Metropolis (Duane et al. 1987; Neal 2011), step
sizes by level following the acceptance; neighbours on the ladder exchange chains, and MBAR combines all of them (ldt.tails.umbrella).
A gradient moves all weights at the cost of about three scores, where moves of one unit at a time need as many scores as there are units.

Two starts: replicates 0, 2, ... begin each level with chains that climbed to it from the prior, replicates 1, 3, ... with chains that went
on to ``BEYOND`` times the level.  The first have too few specialised units at first, the others too many; where they have not met in
the end, the replicates disagree, and the result says so.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ldt.errors import MethodError
from ldt.models.networks.base import Network, State, field_integer
from ldt.numerics.random import block_generator
from ldt.tails.climb import next_level, rank_correlation, systematic
from ldt.tails.splitting import Replicate, finished, repeated_work
from ldt.tails.umbrella import SETTLING, exchanged, load_mbar, log_ratios

Array = NDArray[np.float64]

STEPS = 10  # leapfrog steps of a trajectory
FIRST = 0.05  # their size before anything is known
ACCEPT = 0.8
BEYOND = 1.3
APART = 10  # trajectories of one chain that count as one chain more
PILOT = 4  # times as many chains as walkers find the ladder


class Chains(State):
    """Chains at x with summaries q and the slope dV of each."""

    arrays: ClassVar[tuple[str, ...]] = ("x", "q", "slope")

    network: Any

    def __init__(self, network: Any, x: Array) -> None:
        self.network, self.x = network, x
        self.q, self.slope = network.slope(x)


def hamiltonian(
    model: Any, level: float, *, density: bool = False, side: str = "upper", replicates: Any = 4, particles: Any = 16, moves: Any = 60,
    **rest: Any,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) of a network with a slope by replica exchange along gradients; a dict of TailResult fields.

    Parameters
    ----------
    replicates : int
        Independent ladders, 2 to 1000; their spread is the error.
    particles : int
        Chains a level, 2 to 1e5.
    moves : int
        Trajectories of every chain, 3 to 1e6; neighbours exchange chains after each.
    target_error, rng, workers, progress
        As in ``ldt.tails.splitting.repeated_work``.
    """
    load_mbar()
    if not hasattr(model, "slope"):
        raise MethodError("method: 'hamiltonian' needs a network with the slope of its variance (three_layer); others have 'umbrella'")
    n, sweeps = field_integer("particles", particles, 2, 10**5), field_integer("moves", moves, 3, 10**6)
    work = partial(ladder, level=level, walkers=n, sweeps=sweeps)
    return repeated_work(work, model, side, replicates, lognormal=False, particles=max(n, n * sweeps // APART), **rest)


def potential(level: float, x: Array, q: Array, slope: Array) -> tuple[Array, Array]:
    """(U, dU) of chains x with V = q and dV = slope."""
    from scipy.special import log_ndtr

    t = level / np.sqrt(q)
    log_tail = log_ndtr(-t)
    hazard = np.exp(-0.5 * t * t - 0.5 * math.log(2.0 * math.pi) - log_tail)
    return 0.5 * np.sum(x * x, axis=1) - log_tail, x - (0.5 * hazard * t / q)[:, None] * slope


def trajectory(chains: Chains, level: float, h: Array, random: np.random.Generator) -> float:
    """One trajectory of every chain, steps h (n,): the mean chance of acceptance."""
    h = h[:, None]
    x, q, slope = chains.x, chains.q, chains.slope
    u, du = potential(level, x, q, slope)
    p = random.standard_normal(x.shape)
    start = u + 0.5 * np.sum(p * p, axis=1)
    for _ in range(STEPS):
        p = p - 0.5 * h * du
        x = x + h * p
        q, slope = chains.network.slope(x)
        u, du = potential(level, x, q, slope)
        p = p - 0.5 * h * du
    with np.errstate(invalid="ignore", over="ignore"):
        gain = start - u - 0.5 * np.sum(p * p, axis=1)
    gain = np.where(np.isnan(gain), -np.inf, gain)
    taken = np.log1p(-random.random(len(gain))) < gain
    for name, new in (("x", x), ("q", q), ("slope", slope)):
        getattr(chains, name)[taken] = new[taken]
    return float(np.mean(np.exp(np.minimum(gain, 0.0))))


class _Rung:
    """A level, its chains and the size of their steps."""

    def __init__(self, level: float, chains: Chains, step: float) -> None:
        self.level, self.chains, self.step = level, chains, step
        self.offered, self.accepted = 0, 0.0

    def move(self, random: np.random.Generator, adapt: float) -> None:
        n = len(self.chains.q)
        chance = trajectory(self.chains, self.level, self.step * random.uniform(0.7, 1.3, n), random)
        self.step = min(max(self.step * math.exp(adapt * (chance - ACCEPT)), 1e-5), 1.0)
        self.offered, self.accepted = self.offered + n, self.accepted + n * chance


def ladder(r: int, *, network: Network, level: float, walkers: int, sweeps: int, entropy: int) -> Replicate:
    """Replicate r: a climb along gradients that makes the ladder, replica exchange, MBAR."""
    random = block_generator(entropy, r)
    above = r % 2 == 1
    rungs, stuck, evaluations = _climb(network, level, BEYOND * level if above else level, walkers, random)
    common: dict[str, Any] = {"levels": tuple(rung.level for rung in rungs[1:]), "ancestors": walkers, "stuck": stuck, "floor": 0.0}
    top = rungs[-1].chains
    if stuck:
        common |= {"acceptance": {}, "memories": (), "evaluations": evaluations}
        return finished(math.nan, network, level, top.x, top.q, random, common)
    levels = [rung.level for rung in rungs]
    settle = math.ceil(SETTLING * sweeps)
    seen: list[list[Array]] = [[] for _ in rungs]
    tops: list[tuple[Array, Array]] = []
    swaps = [0, 0]
    start = top.q.copy()
    for sweep in range(sweeps):
        rungs[0].chains = Chains(network, random.standard_normal(top.x.shape))
        for rung in rungs[1:]:
            rung.move(random, 0.3 if sweep < settle else 0.0)
        for k in range(sweep % 2, len(levels) - 1, 2):
            swaps[0] += walkers
            swaps[1] += exchanged(network, levels[k], levels[k + 1], rungs[k].chains, rungs[k + 1].chains, random)
        if sweep >= settle:
            for k, rung in enumerate(rungs):
                seen[k].append(rung.chains.q.copy())
            tops.append((rungs[-1].chains.x.copy(), rungs[-1].chains.q.copy()))
    logs = log_ratios(network, levels, [np.concatenate(q) for q in seen])
    tops = tops[:: max(1, len(tops) // 16)]
    x, q = np.concatenate([t[0] for t in tops]), np.concatenate([t[1] for t in tops])
    offered = sum(rung.offered for rung in rungs)
    common |= {
        "climbed": logs[1:], "memories": (rank_correlation(start, rungs[-1].chains.q),),
        "acceptance": {"trajectory": (offered, round(sum(rung.accepted for rung in rungs))), "exchange": (swaps[0], swaps[1])},
        "evaluations": evaluations + STEPS * offered,
    }  # fmt: skip
    return finished(logs[-1], network, level, x, q, random, common)


def _climb(network: Network, level: float, last: float, walkers: int, random: np.random.Generator) -> tuple[list[_Rung], str, int]:
    """(rungs from level 0, why it stuck or '', scores) with ``level`` as the last rung; if ``last`` is beyond it, the climb goes on and all
    rungs begin with the chains found there."""
    chains = Chains(network, random.standard_normal((PILOT * walkers, network.hidden)))
    rungs = [_Rung(0.0, Chains(network, chains.x[:walkers].copy()), FIRST)]
    at, u, step, evaluations = 0.0, network.log_given(0.0, chains.q), FIRST, len(chains.q)
    while at < last:
        beyond = next_level(network, at, level if at < level else last, chains.q, u)
        if beyond is None:
            return rungs, f"no chain got beyond {at!r}", evaluations
        new = network.log_given(beyond, chains.q)
        chains.select(systematic(np.exp(new - u - np.max(new - u)), random))
        pilot = _Rung(beyond, chains, step)
        for _ in range(3):
            pilot.move(random, 1.0)
        evaluations += STEPS * pilot.offered
        at, step, u = beyond, pilot.step, network.log_given(beyond, chains.q)
        if at <= level:
            rungs.append(_Rung(at, Chains(network, chains.x[::PILOT].copy()), step))
    if last > level:
        for rung in rungs:
            rung.chains = Chains(network, chains.x[::PILOT].copy())
    return rungs, "", evaluations


__all__ = ["Chains", "hamiltonian", "ladder", "potential", "trajectory"]
