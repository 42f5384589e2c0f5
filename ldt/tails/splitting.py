r"""Splitting: independent climbs (ldt.tails.climb) combined (ldt.tails.replicates), for any network of standard-normal parameters.

Every replicate is a block of work with its own random stream, so that the numbers do not depend on the workers.  The weights that reached
the event come back too: at most KEPT, drawn systematically from the chains of all replicates in proportion to what each says of P,
equally weighted, readouts included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.models.networks.base import Mirrored, Network, field_integer
from ldt.numerics.random import block_generator, entropy_of
from ldt.results import Cost, jsonable
from ldt.tails.averages import refine
from ldt.tails.climb import Rung, climb, systematic
from ldt.tails.moves import black_box
from ldt.tails.replicates import combined, doubts, repeated, specialised_counts

Array = NDArray[np.float64]

#: Most networks whose weights are returned.
KEPT = 1000


@dataclass(frozen=True)
class NetworkDetail:
    """What a sampler of networks knows beyond log P.

    ``replicates``: log P of each (NaN where one did not arrive); ``levels`` of the first replicate, ``climbed`` its log P(A >= each of
    them), and how many rungs each had;
    ``acceptance`` of each kind of move over all; ``memory``: median rank correlation of the chains before and after the moves of a level;
    ``ancestors``: prior draws each replicate descends from; ``specialised``: {layer: mean number of units with overlap > 3/sqrt d, one a
    replicate}; ``average_error``: what the average over the data adds (nats, part of the result's error; 0: exact, None: not known),
    ``average_shift`` what fresh points changed and ``average_ess`` the effective share of weights left by that; ``interval``: 95
    %, of log P; ``weights`` (n, D) and ``scores`` (n,): networks given the event, equally weighted, all standard-normal parameters in the
    network's order.
    """

    replicates: tuple[float, ...]
    levels: tuple[float, ...]
    rungs: tuple[int, ...]
    acceptance: dict[str, float]
    memory: float
    ancestors: tuple[int, ...]
    specialised: dict[str, tuple[float, ...]]
    average_error: float | None
    average_shift: float
    average_ess: float
    interval: tuple[float, float] | None
    weights: Array
    scores: Array
    climbed: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights and scores."""
        return {k: jsonable(v) for k, v in self.__dict__.items() if k not in ("weights", "scores")}


@dataclass(frozen=True)
class Replicate:
    """One replicate as plain data; ``floor`` is the variance of log p that independent particles would give."""

    logp: float
    shift: float
    average_error: float
    average_ess: float
    levels: tuple[float, ...]
    acceptance: dict[str, tuple[int, int]]
    memories: tuple[float, ...]
    ancestors: int
    counts: dict[str, Any]
    floor: float
    weights: Array
    scores: Array
    evaluations: int
    stuck: str
    climbed: tuple[float, ...] = ()


def splitting(
    model: Any, level: float, *, density: bool = False, side: str = "upper", replicates: Any = 8, particles: Any = None,
    moves: Any = None, **rest: Any,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) of a network by splitting; a dict of TailResult fields.

    Parameters
    ----------
    replicates : int
        Independent climbs, 2 to 1000; their spread is the error.
    particles : int, optional
        Chains a climb, 2 to 1e6; by default 400, of a black box (a plain score of parameters without units) 1000.
    moves : int, optional
        Sweeps over all units at every level, 1 to 1e5, by default 6, of a black box 10; where the chains are after each of them (of more
        than 16: after 8 to 16 of them) is the pool that goes on.
    target_error, rng, workers, progress
        As in ``repeated_work``.
    """
    chains, often = (1000, 10) if black_box(model) else (400, 6)
    n = field_integer("particles", chains if particles is None else particles, 2, 10**6)
    sweeps = field_integer("moves", often if moves is None else moves, 1, 10**5)
    work = partial(replicate, level=level, particles=n, moves=sweeps)
    return repeated_work(work, model, side, replicates, lognormal=True, particles=n, **rest)


def repeated_work(
    work: Any, model: Any, side: str, replicates: Any, *, lognormal: bool, particles: int, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """The TailResult fields of ``work(r, network=, entropy=)``, a Replicate, for r = 0, 1, ...; ``level`` of the work is the upper side's.

    Parameters
    ----------
    target_error : float, optional
        Replicates are added, up to 16 times as many, until the error is this small (nats).
    progress : callable of (done, total, logp, error), optional
    """
    count, entropy = field_integer("replicates", replicates, 2, 1000), entropy_of(rng)
    if side == "lower":
        model, work = Mirrored(model), partial(work, level=-work.keywords["level"])
    answer = partial(summarise, particles=particles, entropy=entropy, lognormal=lognormal, negative=side == "lower")
    work = partial(work, network=model, entropy=entropy)
    return repeated(work, answer, count, target_error=target_error, workers=workers, progress=progress)


def replicate(r: int, *, network: Network, level: float, particles: int, moves: int, entropy: int) -> Replicate:
    """Replicate r: one climb, corrected for the average over the data."""
    random = block_generator(entropy, r)
    few = max(particles // 8, min(particles, 50)) if black_box(network) else particles  # levels and steps need few, laws of units many
    scout = climb(network, level, few, moves, random)
    found = scout if scout.stuck else climb(network, level, particles, moves, random, scout.route)
    tallies: dict[str, tuple[int, int]] = {}
    for rung in found.rungs:
        for name, (proposed, accepted) in rung.moves.items():
            a, b = tallies.get(name, (0, 0))
            tallies[name] = (a + proposed, b + accepted)
    common = {
        "levels": tuple(rung.level for rung in found.rungs), "climbed": climbed(network, found.rungs),
        "acceptance": tallies, "memories": tuple(rung.memory for rung in found.rungs),
        "ancestors": found.ancestors, "evaluations": found.evaluations + (0 if found is scout else scout.evaluations), "stuck": found.stuck,
        "floor": sum(rung.variance for rung in found.rungs),
    }  # fmt: skip
    return finished(found.logp, network, level, found.x, found.q, random, common)


def climbed(network: Network, rungs: list[Rung]) -> tuple[float, ...]:
    """log P(A >= each level) as one climb estimates it."""
    start = -math.log(2.0) if network.symmetric and hasattr(network, "readouts") else 0.0
    return tuple(float(x) for x in start + np.cumsum([rung.log_ratio for rung in rungs]))


def finished(
    logp: float, network: Network, level: float, x: Array, q: Array, random: np.random.Generator, common: dict[str, Any]
) -> Replicate:
    """A replicate from chains x in the event: the average's error, the weights drawn; an empty one if it is stuck before."""
    if common["stuck"]:
        none = np.empty((0, network.dimension))
        return Replicate(math.nan, 0.0, 0.0, 1.0, counts={}, weights=none, scores=np.empty(0), **common)
    better = refine(network, level, x, q, int(random.integers(2**31)))
    index = systematic(np.exp(better.log_weights - np.max(better.log_weights)), random, min(len(x), 4 * KEPT))
    counts = specialised_counts(network, x[index])
    weights, scores = better.network.complete(x[index], level, random)
    return Replicate(logp + better.shift, better.shift, better.error, better.ess, counts=counts, weights=weights, scores=scores, **common)


def summarise(parts: list[Replicate], particles: int, entropy: int, *, lognormal: bool, negative: bool = False) -> dict[str, Any]:
    """The TailResult fields of finished replicates."""
    logs = np.array([p.logp for p in parts])
    evaluations = sum(p.evaluations for p in parts)
    found: dict[str, Any] = {"seed": entropy, "error_kind": "stderr", "cost": Cost(samples=evaluations)}
    memories = np.array([m for p in parts for m in p.memories])
    names = dict.fromkeys(name for p in parts for name in p.acceptance)
    totals = {name: [sum(p.acceptance.get(name, (0, 0))[i] for p in parts) for i in (0, 1)] for name in names}
    arrived = [p for p in parts if not p.stuck]
    counts = {name: [p.counts[name] for p in arrived] for name in (arrived[0].counts if arrived else {})}
    average = float(np.mean([p.average_error for p in arrived])) if arrived else 0.0
    detail: dict[str, Any] = {
        "replicates": tuple(float(x) for x in logs), "levels": parts[0].levels, "climbed": parts[0].climbed,
        "rungs": tuple(len(p.levels) for p in parts),
        "acceptance": {name: b / a for name, (a, b) in totals.items() if a}, "memory": float(np.median(memories)) if len(memories) else 0.0,
        "ancestors": tuple(p.ancestors for p in parts),
        "specialised": {name: tuple(float(np.mean(c)) for c in each) for name, each in counts.items()},
        "average_error": average, "average_shift": float(np.mean([p.shift for p in arrived])) if arrived else 0.0,
        "average_ess": min((p.average_ess for p in arrived), default=1.0),
    }  # fmt: skip
    stuck = [p.stuck for p in parts if p.stuck]
    if stuck:
        empty = NetworkDetail(**detail, interval=None, weights=parts[0].weights[:0], scores=parts[0].scores[:0])
        advice = f"{len(stuck)} of {len(parts)} replicates did not reach the level: {stuck[0]};"
        advice += " the event may be impossible, or use more particles"
        return found | {"logp": math.nan, "error": math.inf, "status": "failed", "advice": advice, "detail": empty}
    logp, spread = combined(logs, lognormal=lognormal)
    stderr = max(spread, math.sqrt(sum(p.floor for p in parts)) / len(parts))
    if max(len(p.levels) for p in parts) == 1 and logp > -1e-3:  # all but no particle outside the event: three in as many, as for no hit
        stderr = max(stderr, 3.0 / 1.96 / (particles * len(parts)))
    error = math.hypot(stderr, average)
    weights, scores = _pooled(arrived, logs, entropy)
    interval = (logp - 1.96 * error, min(logp + 1.96 * error, 0.0))
    if logp > 0.0:
        logp = 0.0
    whole = NetworkDetail(**detail, interval=interval, weights=weights, scores=-scores if negative else scores)
    found |= {"logp": logp, "error": error, "detail": whole}
    against = doubts(logs, memories, counts, particles, detail["average_ess"], average, stderr)
    return found | ({"status": "warning", "advice": "; ".join(against)} if against else {})


def _pooled(parts: list[Replicate], logs: Array, entropy: int) -> tuple[Array, Array]:
    """At most ``KEPT`` networks of all replicates, each replicate in proportion to its p."""
    random = block_generator(entropy, 0, 1)  # a stream that no replicate has
    share = np.repeat(np.exp(logs - np.max(logs)) / [len(p.scores) for p in parts], [len(p.scores) for p in parts])
    order = systematic(share, random, min(KEPT, len(share)))
    scores = np.concatenate([p.scores for p in parts])[order]
    return np.concatenate([p.weights for p in parts])[order], scores
