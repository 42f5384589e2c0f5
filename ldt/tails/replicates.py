r"""Independent replicates: one number, one honest error, and the doubts.

The estimate p of a climb is unbiased (for fixed levels) and log p is asymptotically normal with mean log P - v/2, v its variance,
as levels and particles grow together (Berard, Del Moral, Doucet 2014, Electron. J. Probab. 19, 94).  So from R replicates of log p
with mean m and variance v,

    log P = m + v/2,      error = (t sqrt(v/R)) and (v/2)((R - 1)/chi^2 - 1), in quadrature, over 1.96,

with the 97.5 % point t of Student's law and the 2.5 % point chi^2 of the chi-square law, R - 1 degrees of freedom: the half width of the
mean's 95 % interval, and how far v may lie above its estimate.  So +-1.96 errors is a 95 % interval or wider whatever R.  (The mean of p
itself would be carried by the largest of R draws once v > 1, and the mean of log p is biased.)

Levels and moves that a population chooses for itself bias p by about (levels)/(particles) (Cerou, Guyader 2007 for the levels; for the
moves measured, docs/networks.md); replicates share that bias, so it is added to the error in quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.workers import checked_progress, checked_target, interrupted, mapper

Array = NDArray[np.float64]

#: With an error asked for, at most this many times the replicates are run.
MOST = 16

#: The spread of log p up to which its law is near enough to normal: intervals are measured to cover (docs/calibration.md).
SPREAD = 1.5
#: Share of the variance of the number of specialised units that lies between replicates, beyond which they sit in different states.
DIVIDED = 0.3


def repeated(
    work: Callable[[int], Any], answer: Callable[[list[Any]], dict[str, Any]], replicates: int, *, target_error: Any, workers: Any,
    progress: Any,
) -> dict[str, Any]:  # fmt: skip
    """``answer`` of the replicates ``work(0), work(1), ...``: ``replicates`` of them, and with ``target_error`` (nats) as many again, up to
    MOST times as many, until the error is that small.  Ctrl-C leaves the answer of those that were finished."""
    target = checked_target(target_error) if target_error is not None else 0.0
    checked_progress(progress)
    parts: list[Any] = []
    goal, stopped = replicates, False
    run, close = mapper(workers)
    try:
        while len(parts) < goal:
            for part in run(work, range(len(parts), goal)):
                parts.append(part)
                if progress is not None:
                    now = answer(parts) if len(parts) > 1 else {"logp": math.nan, "error": math.inf}
                    progress(len(parts), goal, now["logp"], now["error"])
            found = answer(parts)
            if target and math.isfinite(found["logp"]) and found["error"] > target:
                need = math.ceil(1.1 * len(parts) * (found["error"] / target) ** 2)
                goal = min(max(need, len(parts) + 1), 2 * len(parts), MOST * replicates)
    except KeyboardInterrupt:
        stopped = True
    finally:
        close()
    if stopped and len(parts) < 2:
        none = {"logp": math.nan, "error": math.inf, "error_kind": "stderr", "status": "failed", "advice": "fewer than two replicates"}
        return interrupted(none, len(parts), "replicates")
    found = answer(parts)
    if target and found["error"] > target and found.get("status", "ok") == "ok":
        found |= {"status": "warning", "advice": f"the error asked for ({target:g}) needs more replicates, particles or moves"}
    return interrupted(found, len(parts), "replicates") if stopped else found


def combined(logs: Array, *, lognormal: bool) -> tuple[float, float]:
    """(log P, its error) from replicates' log p (two or more); without ``lognormal`` their plain mean."""
    from scipy.special import chdtri, logsumexp, stdtrit

    r = len(logs)
    v = float(np.var(logs, ddof=1))
    mean, half = float(np.mean(logs)), float(stdtrit(r - 1, 0.975)) * math.sqrt(v / r)
    if not lognormal:
        return mean, half / 1.96
    normal, error = mean + v / 2.0, math.hypot(half, v / 2.0 * ((r - 1) / float(chdtri(r - 1, 0.975)) - 1.0)) / 1.96
    if v <= SPREAD**2:
        return normal, error
    plain = float(logsumexp(logs)) - math.log(r)
    return plain, math.hypot(error, normal - plain)


def division(counts: list[Array]) -> float:
    """The share of the variance of a count (one array a replicate) that lies between replicates, sampling noise of the means taken off."""
    means = np.array([np.mean(c) for c in counts])
    within = float(np.mean([np.var(c) for c in counts]))
    between = max(float(np.var(means, ddof=1)), 0.0)
    return between / (between + within) if between > 0.0 else 0.0


def doubts(
    logs: Array, memories: Array, counts: dict[str, list[Array]], particles: int, ess: float, average: float, stderr: float
) -> list[str]:
    """What speaks against an answer, each with what to do; [] for nothing."""
    found = []
    spread = float(np.std(logs, ddof=1))
    if len(logs) < 4:
        found.append(f"{len(logs)} replicates say little about their own spread; use 4 or more")
    if particles < 50:
        found.append(f"{particles} particles are few; use 50 or more")
    if spread > SPREAD:
        found.append(f"replicates differ by {spread:.2g} nats (one standard deviation); use more particles or moves")
    if len(memories) and float(np.median(memories)) > 0.7:
        found.append(f"chains remember {float(np.median(memories)):.2f} of their ranks after the moves of a level; use more moves")
    for layer, each in counts.items():
        share = division(each)
        if share > DIVIDED:
            means = ", ".join(f"{np.mean(c):.2f}" for c in each)
            found.append(f"replicates disagree on the number of specialised units ({layer}: {means}); use more moves or particles")
    if ess < 0.1:
        found.append(f"the average over the data is too coarse for this event (effective share {ess:.2g} of the weights); raise points")
    if average > max(stderr, 0.05):
        found.append(f"the average over the data adds {average:.2g} nats of error; raise points")
    return found


def specialised_counts(network: Any, x: Array) -> dict[str, Any]:
    """{layer: number of units a chain whose overlap with the target's direction is beyond 3 prior standard deviations}."""
    found = {}
    for layer in network.layers:
        if layer.direction is not None:
            found[layer.name] = np.count_nonzero(np.abs(layer.units(x) @ np.asarray(layer.direction)) > 3.0, axis=1)
    return found
