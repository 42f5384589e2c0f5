r"""Importance sampling, exponentially tilted and stratified over sectors.

    P = sum_n E_q[W_n],   W_n = multiplicity * prod_i prior(w_i)/q_n(w_i) * Phi(-alpha/sqrt V(w)),   V = (c^2 sigma_a^2/N) sum_i g_i^2

with q_n the sector's tilted law (a neuron that specialises alone: its law given the event, in mixture with its tilt).  Readouts are
integrated out; for the density, the normal density of variance V replaces Phi.

Every neuron is drawn from a table (ldt.tails.tilting) whose density is known exactly, so the estimate is unbiased whatever the
quadrature and the saddle points say: they only place the samples.  Sectors are sampled in proportion to share times spread
(Neyman allocation after a pilot); those left out have a Chernoff bound below 1e-4 of the value, which is added to the error.

The error is one standard error of log P; the samples are checked for a dominating weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.special import log_ndtr_array
from ldt.numerics.workers import mapper, sample_count
from ldt.results import Cost
from ldt.tails.saddlepoint import Evaluation, evaluate, refined
from ldt.tails.sectors import SectorLaw, build, sector_law
from ldt.tails.tilting import SectorSamplers

#: Neurons drawn in one block (bounds the memory), and in one call unless ``samples`` says otherwise.
BLOCK_NEURONS = 500_000
MAX_NEURONS = 400_000_000
PILOT = 128
#: Relative variance per sample above which a finer law is looked for.
SCATTER = 4.0


@dataclass(frozen=True)
class ImportanceDetail:
    """``samples`` drawn, ``ess`` effective sample size, ``relative_variance`` per sample, and for each sector its ``specialised``
    counts by bin, ``share`` of the value and ``drawn`` samples; ``largest`` share of one sample in the value."""

    samples: int
    ess: float
    relative_variance: float
    specialised: list[list[int]]
    share: list[float]
    drawn: list[int]
    largest: float

    def complement(self) -> dict[str, Any]:
        """The detail for the complementary event: the sectors' shares are not known there."""
        return {"detail": replace(self, specialised=[], share=[])}


@dataclass
class _Sums:
    """Running sums of one sector's weights, scaled by exp(-top)."""

    n: int = 0
    top: float = -math.inf
    first: float = 0.0
    second: float = 0.0
    largest: float = 0.0

    def add(self, logs: Any) -> None:
        top = max(self.top, float(np.max(logs)))
        keep = math.exp(self.top - top) if self.n else 0.0
        scaled = np.exp(logs - top)
        self.first = self.first * keep + float(np.sum(scaled))
        self.second = self.second * keep * keep + float(np.sum(scaled * scaled))
        self.largest = max(self.largest * keep, float(np.max(scaled)))
        self.top, self.n = top, self.n + len(logs)

    def log_mean(self) -> float:
        return self.top + math.log(self.first / self.n) if self.first > 0.0 else -math.inf

    def relative_variance(self) -> float:
        """Var W / (E W)^2 per sample."""
        mean = self.first / self.n
        return max(self.second / self.n / mean**2 - 1.0, 0.0) * self.n / max(self.n - 1, 1) if mean > 0.0 else math.inf


def log_weights(samplers: SectorSamplers, index: int, level: float, density: bool, random: Any, n: int) -> Any:
    """log W of n samples of one sector."""
    law = samplers.law
    total = np.zeros(n)
    logs = np.full(n, law.sectors[index].log_weight)
    for count, sampler in samplers.bins(index):
        for first in range(0, count, BLOCK_NEURONS):
            m = min(count - first, BLOCK_NEURONS)
            _, _, gg, ratio = sampler.draw(random, n * m)
            total += gg.reshape(n, m).sum(axis=1)
            logs += ratio.reshape(n, m).sum(axis=1)
    v = 2.0 * law.model.variance_scale * total
    return logs + log_event(level, v, density)


def log_event(level: float, v: Any, density: bool) -> Any:
    """log Phi(-level/sqrt v), or the log of the normal density of variance v at ``level``."""
    if density:
        return -0.5 * level * level / v - 0.5 * np.log(2.0 * math.pi * v)
    return log_ndtr_array(-level / np.sqrt(v))


class _Run:
    """The state of one estimate: a sum for every sector, blocks drawn so far."""

    def __init__(self, law: SectorLaw, level: float, density: bool, entropy: int, map_: Callable[..., Any], first: int = 0) -> None:
        self.law, self.level, self.density, self.entropy = law, level, density, entropy
        self.samplers = SectorSamplers(law, level)
        self.sums = [_Sums() for _ in law.sectors]
        self.blocks = [first] * len(law.sectors)
        self.block = max(1, min(4096, BLOCK_NEURONS // law.model.width))
        self.map = map_

    def draw(self, wanted: list[int]) -> None:
        """At least ``wanted[i]`` more samples of sector i, in whole blocks combined in block order."""
        tasks = []
        for i, n in enumerate(wanted):
            if n > 0:
                self.samplers.bins(i)  # tables are made here, once, before any thread reads them
            for _ in range(-(-n // self.block)):
                tasks.append((i, self.blocks[i], min(self.block, max(n, 2))))
                self.blocks[i] += 1
        for (i, _, _), logs in zip(tasks, self.map(self._one, tasks), strict=True):
            self.sums[i].add(logs)

    def _one(self, task: tuple[int, int, int]) -> Any:
        i, block, n = task
        return log_weights(self.samplers, i, self.level, self.density, block_generator(self.entropy, i, block), n)

    def estimate(self) -> tuple[float, float]:
        """(log value, relative variance of the estimate)."""
        logs = np.array([s.log_mean() if s.n else -math.inf for s in self.sums])
        total = float(np.logaddexp.reduce(logs))
        shares = np.exp(logs - total)
        # What n samples have never met has a probability of order 1/n: no error below that is believed.
        variance = sum(p * p * (s.relative_variance() + 1.0 / s.n) / s.n for p, s in zip(shares, self.sums, strict=True) if s.n and p > 0.0)
        return total, float(variance)

    def shares(self, total: float) -> list[float]:
        return [math.exp(s.log_mean() - total) if s.n else 0.0 for s in self.sums]


def importance(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, relative_error: Any = 0.01,
    rng: Any = None, workers: Any = 1,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) (or log p) at level > 0; a dict of TailResult fields.

    ``samples`` draws about that many in all; without it, sampling stops at ``relative_error`` or at MAX_NEURONS neurons drawn.
    """
    if not isinstance(relative_error, (int, float)) or not 0.0 < relative_error < 1.0:
        raise ModelError(f"relative_error: must be a number between 0 and 1, got {relative_error!r}")
    budget = sample_count(samples) if samples is not None else None
    if model.width > MAX_NEURONS // 20:
        raise ModelError(f"method: importance draws all N = {model.width:.3g} neurons of every sample; use method='exact' at this width")
    entropy = entropy_of(rng)
    found = refined(sector_law(model, level), level, density)
    kept = _kept(found, level, density)
    map_, close = mapper(workers)
    try:
        run = _piloted(_Run(kept.law, level, density, entropy, map_), budget)
        finer = _with_carrier(run)
        if finer is not None:
            kept = _kept(evaluate(finer, level, density), level, density)
            run = _piloted(_Run(kept.law, level, density, entropy, map_, max(run.blocks)), budget)
        count = len(kept.law.sectors)
        cap = budget if budget is not None else max(MAX_NEURONS // model.width, 8 * count)
        target = 0.0 if budget is not None else relative_error**2
        for _ in range(40):
            total, variance = run.estimate()
            used = sum(s.n for s in run.sums)
            if used >= cap or variance <= target:
                break
            wanted = _allocation(run, total, variance, target, cap - used)
            if sum(wanted) < 1:
                break
            run.draw(wanted)
    finally:
        close()
    return _result(run, kept.left_out, entropy, None if budget else relative_error)


@dataclass(frozen=True)
class _Kept:
    law: SectorLaw
    left_out: float  # bound on what is left out, relative to the saddle-point value


def _piloted(run: _Run, budget: int | None) -> _Run:
    """The run with its first few samples in every sector."""
    count, width = len(run.law.sectors), run.law.model.width
    run.draw([max(4, min(PILOT, (budget or PILOT * count) // (4 * count), MAX_NEURONS // (20 * width * count) + 2))] * count)
    return run


def _with_carrier(run: _Run) -> SectorLaw | None:
    """A finer law where the weights of a sector without specialised neurons scatter because one neuron of many sizes carries the event
    alone: cut where that neuron begins, so that it is drawn by its own law.  None where there is no such sector."""
    law = run.law
    total, _ = run.estimate()
    scatter = [p * p * min(s.relative_variance(), 1e6) for p, s in zip(run.shares(total), run.sums, strict=True)]
    worst = int(np.argmax(scatter))
    sector = law.sectors[worst]
    if scatter[worst] < SCATTER or sector.k or law.model.width == 1 or law.model.neuron.kind == "wr":
        return None
    cut = run.samplers.carrier(worst)
    if cut == math.inf:
        return None
    return build(law.model, law.level, (cut, *law.bins.cuts), law.rough, sector.s, (0, *sector.special), law.order)


def _kept(found: Evaluation, level: float, density: bool) -> _Kept:
    """Drop sectors whose Chernoff bounds sum to less than 1e-4 of the value (but never the heaviest)."""
    law, log_value, weights = found.law, found.log_value, found.weights
    bounds = np.array([s.log_bound(level) for s in law.sectors])
    reference = log_value if math.isfinite(log_value) else float(bounds.max())
    # For a density, Daniels' factor turns the tail's bound into its scale, with e^2 to spare.
    if density:
        bounds = bounds - np.array([0.5 * math.log(2.0 * math.pi * s.cumulants[2]) for s in law.sectors]) + 2.0
    relative = np.exp(np.minimum(bounds - reference, 300.0))
    order = np.argsort(relative)
    dropped = order[np.cumsum(relative[order]) < 1e-4]
    keep = [i for i in range(len(law.sectors)) if i not in set(dropped.tolist()) or i == int(np.argmax(weights))]
    left = float(sum(relative[i] for i in dropped if i not in keep)) + math.exp(min(law.left_out + bounds.max() - reference, 300.0))
    kept = SectorLaw(law.model, law.level, law.bins, tuple(law.sectors[i] for i in keep), law.left_out, law.rough, law.order)
    return _Kept(kept, left)


def _allocation(run: _Run, total: float, variance: float, target: float, room: int) -> list[int]:
    """Samples to add: Neyman's share times spread, towards the target variance, at most doubling-ish each round."""
    spread = np.array([p * math.sqrt(min(s.relative_variance(), 1e6) + 0.05) for p, s in zip(run.shares(total), run.sums, strict=True)])
    now = np.array([s.n for s in run.sums], dtype=float)
    used = float(now.sum())
    need = room + used if target == 0.0 else 1.2 * float(spread.sum()) ** 2 / target
    goal = min(need, used + room, 8.0 * used)
    return [int(x) for x in np.ceil(np.maximum(goal * spread / spread.sum() - now, 0.0))]


def _result(run: _Run, left_out: float, entropy: int, asked: float | None) -> dict[str, Any]:
    total, variance = run.estimate()
    n = sum(s.n for s in run.sums)
    shares = run.shares(total)
    largest = max(
        (p * s.largest / s.first for p, s in zip(shares, run.sums, strict=True) if s.n and s.first > 0.0), default=1.0
    )
    error = math.sqrt(variance) + left_out
    detail = ImportanceDetail(
        n, 1.0 / variance if variance > 0.0 else float(n), variance * n,
        [list(s.special) for s in run.law.sectors], shares, [s.n for s in run.sums], largest,
    )  # fmt: skip
    found = {
        "logp": total, "error": error, "error_kind": "stderr", "seed": entropy, "detail": detail,
        "cost": Cost(samples=n),
    }  # fmt: skip
    if not math.isfinite(total):
        return found | {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "no sample reached the event"}
    if variance <= 0.0 or largest > 0.2 or detail.ess < 30.0:
        return found | {"status": "warning", "advice": "few samples carry the estimate, so that its error may be too small; draw more"}
    if asked is not None and error > 1.05 * asked:
        return found | {"status": "warning", "advice": f"the relative error asked for ({asked:g}) needs more samples; pass samples="}
    return found
