r"""Umbrella sampling on a ladder of levels, combined by MBAR: the second opinion on splitting.

Chains run side by side in the laws prior x exp(U_k), U_k = log P(A >= L_k | q), at levels L_0 (where the law is the prior) < ... <
L_K = level, and neighbours exchange chains (replica exchange, Swendsen, Wang 1986): those at low levels, where the number of
specialised units changes easily, carry the change up.  All chains together give the ratios of the normalising constants Z_k by the
multistate Bennett acceptance ratio (Shirts, Chodera 2008, J. Chem. Phys. 129, 124105; the library pymbar), where Z_0 is known and Z_K = P.

Splitting's estimate is the product of ratios along one climb of a population; here the climb only supplies the ladder and the first
chains, and the estimate rests on equilibrium.  Replicates are independent from the start, ladder included, and their spread is the error.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import MethodError
from ldt.models.networks.base import Network, State, field_integer
from ldt.numerics.random import block_generator
from ldt.tails.climb import climb, rank_correlation
from ldt.tails.moves import Mover
from ldt.tails.splitting import Replicate, finished, repeated_work

Array = NDArray[np.float64]

#: The first third of the sweeps settles and is left out.
SETTLING = 1.0 / 3.0
MAX_SAMPLES = 30_000  # that MBAR sees


def umbrella(
    model: Any, level: float, *, density: bool = False, side: str = "upper", replicates: Any = 4, particles: Any = 100, moves: Any = 30,
    **rest: Any,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) of a network by umbrella sampling and MBAR; a dict of TailResult fields.

    Parameters
    ----------
    replicates : int
        Independent ladders, 2 to 1000; their spread is the error.
    particles : int
        Chains a level, 2 to 1e5.
    moves : int
        Sweeps over all units, 3 to 1e6; neighbours exchange chains after each.
    target_error, rng, workers, progress
        As in ``ldt.tails.splitting.repeated_work``.
    """
    load_mbar()
    n, sweeps = field_integer("particles", particles, 2, 10**5), field_integer("moves", moves, 3, 10**6)
    work = partial(ladder, level=level, walkers=n, sweeps=sweeps)
    return repeated_work(work, model, side, replicates, lognormal=False, particles=n, **rest)


def load_mbar() -> Any:
    """pymbar's MBAR; MethodError where pymbar is not installed."""
    for name in ("pymbar", "pymbar.mbar_solvers", "pymbar.timeseries"):
        logging.getLogger(name).setLevel(logging.ERROR)  # advertises on import
    try:
        from pymbar import MBAR
    except ImportError:
        raise MethodError("method: 'umbrella' needs pymbar: pip install 'ldt[mbar]'; 'splitting' does without") from None
    return MBAR


def ladder(r: int, *, network: Network, level: float, walkers: int, sweeps: int, entropy: int) -> Replicate:
    """Replicate r: a climb that makes the ladder, replica exchange, MBAR."""
    random = block_generator(entropy, r)
    smooth = network.symmetric and hasattr(network, "readouts")
    levels = [0.0 if smooth else -math.inf]
    starts = [random.standard_normal((walkers, network.hidden))]

    def keep(reached: float, state: State) -> None:
        levels.append(reached)
        starts.append(state.x[:: max(1, len(state.x) // walkers)][:walkers].copy())

    pilot = climb(network, level, max(4 * walkers, 100), 4, random, watch=keep)
    common: dict[str, Any] = {"levels": tuple(levels[1:]), "ancestors": pilot.ancestors, "stuck": pilot.stuck, "floor": 0.0}
    if pilot.stuck:
        common |= {"acceptance": {}, "memories": (), "evaluations": pilot.evaluations}
        return finished(pilot.logp, network, level, pilot.x, pilot.q, random, common)
    states = [network.state(x) for x in starts]
    movers = [Mover(network), *(mover for _, mover in pilot.route)]
    settle = math.ceil(SETTLING * sweeps)
    seen: list[list[Array]] = [[] for _ in levels]
    swaps = [0, 0]
    tops: list[tuple[Array, Array]] = []
    start = states[-1].q.copy()
    for sweep in range(sweeps):
        for k, (state, mover) in enumerate(zip(states, movers, strict=True)):
            mover.adapting = sweep < settle
            if k == 0:
                fresh = random.standard_normal(state.x.shape)
                state.replace(fresh, np.ones(walkers, dtype=bool), network.summary(fresh))
            else:
                mover.sweep(state, levels[k], random)
        for k in range(sweep % 2, len(levels) - 1, 2):
            swaps[0] += walkers
            swaps[1] += exchanged(network, levels[k], levels[k + 1], states[k], states[k + 1], random)
        if sweep >= settle:
            for k, state in enumerate(states):
                seen[k].append(state.q.copy())
            tops.append((states[-1].x.copy(), states[-1].q.copy()))
    ladder_logs = log_ratios(network, levels, [np.concatenate(q) for q in seen])
    logp = ladder_logs[-1]
    tops = tops[:: max(1, len(tops) // 8)][-8:]
    x, q = np.concatenate([t[0] for t in tops]), np.concatenate([t[1] for t in tops])
    tallies: dict[str, tuple[int, int]] = {"exchange": (swaps[0], swaps[1])}
    for mover in movers:
        for name, tally in mover.tally.items():
            a, b = tallies.get(name, (0, 0))
            tallies[name] = (a + tally.proposed, b + tally.accepted)
    common |= {
        "climbed": ladder_logs[1:], "acceptance": tallies, "memories": (rank_correlation(start, states[-1].q),),
        "evaluations": pilot.evaluations + sum(a for a, _ in tallies.values()),
    }  # fmt: skip
    return finished(logp, network, level, x, q, random, common)


def exchanged(network: Network, below: float, above: float, low: State, high: State, random: np.random.Generator) -> int:
    """Offers every chain at the level ``below`` to one at the level ``above``; how many were swapped."""
    other = random.permutation(len(low.q))
    with np.errstate(invalid="ignore"):
        gain = network.log_given(below, high.q[other]) + network.log_given(above, low.q)
        gain = gain - network.log_given(below, low.q) - network.log_given(above, high.q[other])
    taken = np.flatnonzero(np.log1p(-random.random(len(gain))) < gain)
    low.exchange(high, taken, other[taken])
    return len(taken)


def log_ratios(network: Network, levels: list[float], seen: list[Array]) -> tuple[float, ...]:
    """log P(A >= each level) from all chains' summaries, by MBAR."""
    thin = max(1, -(-sum(len(q) for q in seen) // MAX_SAMPLES))
    kept = [q[::thin] for q in seen]
    q = np.concatenate(kept)
    u = np.array([-network.log_given(x, q) for x in levels])
    mbar = load_mbar()(u, np.array([len(k) for k in kept]), solver_protocol="robust")
    f = mbar.compute_free_energy_differences(compute_uncertainty=False)["Delta_f"]
    # Z_0 is 1, or 1/2 for readout networks, whose lowest level is 0.
    start = float(network.log_given(levels[0], q[:1])[0])
    return tuple(float(-x) + start for x in f[0])
