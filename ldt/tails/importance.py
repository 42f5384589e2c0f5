r"""Importance sampling, exponentially tilted and stratified over sectors.

    P = sum_n E_q[W_n],   W_n = multiplicity * prod_i prior(w_i)/q_n(w_i) * Phi(-alpha/sqrt V(w)),   V = (c^2 sigma_a^2/N) sum_i g_i^2

with q_n the sector's tilted law (a neuron that specialises alone: its law given the event, in mixture with its tilt).  Readouts are
integrated out; for the density, the normal density of variance V replaces Phi.

Neurons are drawn as atoms of a finite law (ldt.tails.atoms) whose masses are known, so the estimate is unbiased for it whatever the
saddle points say: they only place the samples.  How far the finite law is from the neuron's is measured by a second rule and added to
the error.  Sectors are sampled in proportion to share times spread (Neyman allocation after a pilot, which is then dropped); those
left out have a Chernoff bound below 1e-4 of the value, which is added to the error too.

The error is one standard error of log P.  Samples cannot tell what they never met, so they are checked: no weight may dominate, and every
sector must come out as its saddle point says, and below its Chernoff bound, to within what noise and the next order allow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.sums import LogSums
from ldt.numerics.workers import Progress, checked_progress, checked_target, interrupted, mapper, sample_count
from ldt.results import Cost
from ldt.tails.atoms import Atoms, bin_atoms, carrier, effort, log_event, misfit
from ldt.tails.saddlepoint import SAFETY, Evaluation, evaluate, refined, saddle_value
from ldt.tails.sectors import SectorLaw, build, measurable, sector_law

#: Look-ups (at most one a neuron) in one block, samples in one, and look-ups in one call unless ``samples`` says otherwise.
BLOCK_LOOKUPS = 2_000_000
BLOCK_SAMPLES = 8_192
MAX_LOOKUPS = 4_000_000_000
#: Samples that an estimate rests on, at the least (where the width allows).
LEAST = 256
#: Error (nats) aimed at if nothing is asked, and the share of the value that may be left out (and is added to the error).
TARGET_ERROR = 0.01
LEFT_OUT = 1e-4
#: Weights that are all but equal are now and then small, and n samples may have met none of those: the variance counts so many more of them
#: than were met, as the interval of a proportion does (Agresti & Coull 1998: z^2/2 of either kind).
UNSEEN = 2.0
#: Misfit of the neuron's finite law (nats) that is worth a word.
MISFIT = 1e-3
#: Relative variance per sample above which a finer law is looked for.
SCATTER = 4.0
#: How far (nats, besides noise and the next order) a sector of more than LEAST_SHARE may be from its saddle-point value.
ASTRAY, LEAST_SHARE = 0.3, 1e-3


@dataclass(frozen=True)
class ImportanceDetail:
    """``samples`` behind the estimate (the pilot's are not), ``relative_variance`` v per sample, effective sample size ``ess`` =
    samples/(1 + v), and for each sector its ``specialised`` counts by bin, ``share`` of the value and ``drawn`` samples; ``largest``
    share of one sample."""

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


@dataclass(frozen=True)
class Stratum:
    """What it takes to draw from one sector: log multiplicity and the neurons of its bins."""

    log_weight: float
    bins: tuple[Atoms, ...]
    variance_scale: float
    level: float
    density: bool


def block_sums(task: tuple[Stratum, int, tuple[int, int], int]) -> LogSums:
    """The sums of n weights of one sector: one block of work (stratum, entropy, place in the stream, n)."""
    stratum, entropy, place, n = task
    random = block_generator(entropy, *place)
    state = random.bit_generator.random_raw(4)
    total = np.zeros(n)
    logs = np.full(n, stratum.log_weight)
    for atoms in stratum.bins:
        atoms.add(random, state, total, logs)
    return LogSums.of(logs + log_event(stratum.level, 2.0 * stratum.variance_scale * total, stratum.density))


class _Run:
    """The state of one estimate: a sum for every sector, blocks drawn so far, and about how many samples it will take."""

    def __init__(
        self, law: SectorLaw, level: float, density: bool, entropy: int, map_: Callable[..., Any], progress: Progress | None,
        first: int = 0, before: int = 0,
    ) -> None:  # fmt: skip
        self.law, self.level, self.density, self.entropy = law, level, density, entropy
        self.strata: dict[int, Stratum] = {}
        self.sums = [LogSums()] * len(law.sectors)
        self.blocks = [first] * len(law.sectors)
        self.before = before
        self.effort = effort(law)
        self.map, self.progress = map_, progress
        self.goal = 0

    @property
    def drawn(self) -> int:
        """Samples drawn in all."""
        return sum(s.n for s in self.sums)

    def after(self, law: SectorLaw) -> _Run:
        """A run of ``law`` on streams that this one has not touched."""
        run = _Run(law, self.level, self.density, self.entropy, self.map, self.progress, max(self.blocks), self.before + self.drawn)
        if law is self.law:
            run.strata = self.strata
        return run

    def stratum(self, i: int) -> Stratum:
        """Sector i, made when first needed."""
        if i not in self.strata:
            bins = tuple(bin_atoms(self.law, i, self.level, self.density))
            scale = self.law.model.variance_scale
            self.strata[i] = Stratum(self.law.sectors[i].log_weight, bins, scale, self.level, self.density)
        return self.strata[i]

    def draw(self, wanted: list[int]) -> None:
        """At least ``wanted[i]`` more samples of sector i, in equal blocks combined in block order."""
        tasks, owners = [], []
        most = max(1, min(BLOCK_SAMPLES, BLOCK_LOOKUPS // self.effort))
        for i, n in enumerate(wanted):
            count = -(-n // most)
            for _ in range(count):
                tasks.append((self.stratum(i), self.entropy, (i, self.blocks[i]), min(most, max(-(-n // count), 2))))
                owners.append(i)
                self.blocks[i] += 1
        for i, sums in zip(owners, self.map(block_sums, tasks), strict=True):
            self.sums[i] = self.sums[i] + sums  # one step: an interruption leaves whole blocks
            if self.progress is not None:
                total, variance = self.estimate()
                done = self.before + self.drawn
                self.progress(done, max(self.before + self.goal, done), total, math.sqrt(variance))

    def estimate(self) -> tuple[float, float]:
        """(log value, relative variance of the estimate); (NaN, inf) until every sector has samples."""
        if not all(s.n for s in self.sums):
            return math.nan, math.inf
        logs = np.array([s.log_mean() for s in self.sums])
        total = float(np.logaddexp.reduce(logs))
        if total == -math.inf:
            return math.nan, math.inf
        shares = np.exp(logs - total)
        variance = sum(p * p * (s.relative_variance() + UNSEEN / s.n) / s.n for p, s in zip(shares, self.sums, strict=True) if p > 0.0)
        return total, float(variance)

    def shares(self, total: float) -> list[float]:
        return [math.exp(s.log_mean() - total) if s.n else 0.0 for s in self.sums]


def importance(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None,
    rng: Any = None, workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) (or log p) at level > 0; a dict of TailResult fields.

    Sampling stops at an error of ``target_error`` nats (0.01 if neither is given) or after about ``samples`` (MAX_LOOKUPS look-ups).
    """
    target = checked_target(target_error) if target_error is not None else 0.0 if samples is not None else TARGET_ERROR
    budget = sample_count(samples) if samples is not None else None
    checked_progress(progress)
    entropy = entropy_of(rng)
    level = measurable(model, level)
    found = refined(sector_law(model, level), level, density)
    tolerance = min(LEFT_OUT, 0.01 * target) if target else LEFT_OUT
    kept = _kept(found, level, density, tolerance)
    map_, close = mapper(workers)
    run = pilot = _Run(kept.law, level, density, entropy, map_, progress)
    stopped = False
    try:
        _pilot(pilot, budget)
        finer = _with_carrier(pilot)
        if finer is not None:
            kept = _kept(evaluate(finer, level, density), level, density, tolerance)
            run = pilot = pilot.after(kept.law)
            _pilot(pilot, budget)
        run = pilot.after(kept.law)
        _sample(run, pilot, budget, target - kept.left_out - kept.misfit)
    except KeyboardInterrupt:
        stopped = True
    finally:
        close()
    fields = _result(run, kept, entropy, target)
    return interrupted(fields, run.before + run.drawn) if stopped else fields


@dataclass(frozen=True)
class _Kept:
    law: SectorLaw
    left_out: float  # bound on what is left out, relative to the saddle-point value
    misfit: float  # of the atoms to the neuron's law, in nats
    expected: tuple[tuple[float, float, float], ...]  # of each sector: log of its saddle-point value, the next order, log of a bound

    def astray(self, run: _Run, total: float) -> str:
        """What is wrong with a sector that does not come out as expected, or ''."""
        for sector, sums, (value, following, bound) in zip(self.law.sectors, run.sums, self.expected, strict=True):
            noise = 5.0 * math.sqrt((sums.relative_variance() + 1.0) / sums.n)
            found = sums.log_mean()
            low, high = value - ASTRAY - SAFETY * following - noise, value + ASTRAY + SAFETY * following + noise
            matters = max(value, found) - total > math.log(LEAST_SHARE)
            if matters and (found < low or (found > min(high, bound + noise))):
                return f"the sector of {list(sector.special)} specialised neurons came out {found - value:+.2g} nats off its saddle point"
        return ""


def _pilot(run: _Run, budget: int | None) -> None:
    """The first few samples in every sector, by which the others are shared out.  They do not enter the estimate: whether a run ends, and
    by which law it draws, must not hang on the samples that it averages, or their mean is biased (by a quarter of the error, measured)."""
    run.draw([_least(run, 32, budget)] * len(run.law.sectors))


def _least(run: _Run, n: int, budget: int | None) -> int:
    """n samples a sector, or as few as the budget and the width allow."""
    count = len(run.law.sectors)
    most: int = MAX_LOOKUPS // (100 * run.effort * count) + 2
    return max(4, min(n, (budget or n * 4 * count) // (4 * count), most))


def _sample(run: _Run, pilot: _Run, budget: int | None, target: float) -> None:
    """Rounds of samples until the standard error is ``target`` (if that is positive) or the budget is used up."""
    cap = budget if budget is not None else max(MAX_LOOKUPS // run.effort, 8 * len(run.law.sectors))
    floor, source = _least(run, 8, budget), pilot
    while run.drawn < cap:
        total, variance = source.estimate()
        if not math.isfinite(total) or (source is run and target > 0.0 and variance <= target**2):
            break
        run.draw(_allocation(run, source, target, cap, floor))
        source = run


def _with_carrier(run: _Run) -> SectorLaw | None:
    """A finer law where the weights of a sector without specialised neurons scatter because one neuron of many sizes carries the event
    alone: cut where that neuron begins, so that it is drawn by its own law.  None where there is no such sector."""
    law = run.law
    total, _ = run.estimate()
    scatter = [p * p * min(s.relative_variance(), 1e6) for p, s in zip(run.shares(total), run.sums, strict=True)]
    worst = int(np.argmax(scatter))
    sector = law.sectors[worst]
    if scatter[worst] < SCATTER or sector.k or law.model.width == 1:
        return None
    # Few samples of weights that scatter tend to come out low: the saddle points' value counts too, where it is a number.
    value = float(np.fmax(total, evaluate(law, run.level, run.density).log_value))
    cut = carrier(law, worst, run.level, run.density, value)
    if cut == math.inf:
        return None
    return build(law.model, law.level, (cut, *law.bins.cuts), law.rough, sector.s, (0, *sector.special), law.rule)


def _kept(found: Evaluation, level: float, density: bool, tolerance: float) -> _Kept:
    """Drop sectors whose Chernoff bounds sum to less than ``tolerance`` of the value (but never the heaviest)."""
    law, log_value, weights = found.law, found.log_value, found.weights
    bounds = law.table.log_bounds(level)
    reference = log_value if math.isfinite(log_value) else float(bounds.max())
    # For a density, Daniels' factor turns the tail's bound into its scale, with e^2 to spare.
    if density:
        bounds = bounds - 0.5 * np.log(2.0 * math.pi * law.table.values[:, 3]) + 2.0
    relative = np.exp(np.minimum(bounds - reference, 300.0))
    order = np.argsort(relative)
    dropped = order[np.cumsum(relative[order]) < tolerance]
    keep = [i for i in range(len(law.sectors)) if i not in set(dropped.tolist()) or i == int(np.argmax(weights))]
    left = float(sum(relative[i] for i in dropped if i not in keep)) + math.exp(min(law.left_out + bounds.max() - reference, 300.0))
    kept = replace(law, tried=law.table.take(keep), kept=len(keep))
    expected = []
    for i in keep:
        value, following = saddle_value(law.sectors[i], level, density)
        known = math.isfinite(value) and following < 1.0
        expected.append((law.sectors[i].log_weight + value, following, float(bounds[i])) if known else (reference, math.inf, math.inf))
    main = tuple(law.sectors[i] for i in sorted(keep, key=lambda i: -weights[i])[:3])
    return _Kept(kept, left, misfit(kept, main, level, density), tuple(expected))


def _allocation(run: _Run, source: _Run, target: float, cap: int, floor: int) -> list[int]:
    """Samples to add: Neyman's share times spread as ``source`` shows them, towards the target error, at most eight times as many each
    round; ``floor`` in every sector, LEAST in all, one more at least."""
    total, _ = source.estimate()
    pairs = zip(source.shares(total), source.sums, strict=True)
    spread = np.array([p * math.sqrt(min(s.relative_variance(), 1e6) + 0.05) for p, s in pairs])
    now = np.array([s.n for s in run.sums], dtype=float)
    least = min(LEAST, MAX_LOOKUPS // (20 * run.effort) + 2)
    need = max(1.2 * float(spread.sum()) ** 2 / target**2, 1.2 * run.drawn, least) if target > 0.0 else cap
    run.goal = int(min(need, cap))
    more = np.maximum(min(need, cap, 8.0 * max(source.drawn, least)) * spread / spread.sum() - now, floor - now).clip(min=0.0)
    more[int(np.argmax(spread / np.maximum(now, 1.0)))] += more.sum() < 1.0
    return [int(x) for x in np.ceil(more)]


def _result(run: _Run, kept: _Kept, entropy: int, target: float) -> dict[str, Any]:
    total, variance = run.estimate()
    n = run.drawn
    found: dict[str, Any] = {"error_kind": "stderr", "seed": entropy, "cost": Cost(samples=run.before + n)}
    if not math.isfinite(total):
        reached = any(s.first > 0.0 for s in run.sums)
        advice = "not every sector has been sampled" if reached else "no sample reached the event"
        return found | {"logp": math.nan, "error": math.inf, "status": "failed", "advice": advice}
    shares = run.shares(total)
    largest = max((p * s.largest / s.first for p, s in zip(shares, run.sums, strict=True) if s.first > 0.0), default=1.0)
    error = math.sqrt(variance) + kept.left_out + kept.misfit
    detail = ImportanceDetail(
        n, 1.0 / (variance + 1.0 / n), variance * n, [list(s.special) for s in run.law.sectors], shares, [s.n for s in run.sums], largest
    )
    found |= {"logp": total, "error": error, "detail": detail}
    if largest > 0.2 or detail.ess < 30.0:
        return found | {"status": "warning", "advice": "few samples carry the estimate, so that its error may be too small; draw more"}
    if kept.misfit > MISFIT:
        return found | {"status": "warning", "advice": f"one neuron's law is known to {kept.misfit:.2g} nats only; no samples mend that"}
    astray = kept.astray(run, total)
    if astray:
        return found | {"status": "warning", "advice": f"{astray}: the error may be too small; draw more, or compare method='exact'"}
    if target and error > target:
        return found | {"status": "warning", "advice": f"the error asked for ({target:g}) needs more samples; pass samples="}
    return found
