r"""Saddle-point tails (Lugannani-Rice) and densities (Daniels): per sector and summed, or of the whole law at one saddle.

With K'(s) = alpha, r = sqrt(2(s alpha - K)), u = s sqrt(K''), l_j = K^(j)/K''^(j/2):

    P(A >= alpha) ~ Phi(-r) + phi(r) (1/u - 1/r)                                  (Lugannani & Rice 1980, eq. 10)
    p(alpha)      ~ exp(K - s alpha)/sqrt(2 pi K'')                               (Daniels 1954, eq. 2.6)

The next order multiplies the density by 1 + (l_4/8 - 5 l_3^2/24) and adds to the tail
phi(r) [(l_4/8 - 5 l_3^2/24)/u - l_3/(2 u^2) - 1/u^3 + 1/r^3]                     (Daniels 1987, eqs. 2.7, 4.7).

The error estimate is its size or, where its parts cancel, |l_4|/8 + 5 l_3^2/24 (times min(1, sqrt u) for the tail).  Two things it
cannot see are measured besides:

* sectors: the law is cut until the next-order terms are small, where that helps, and evaluated twice with different cuts, on which
  the value must not depend; the change is part of the error;
* one saddle ('classical'): the number of specialised neurons is an integer, so the tilted law of A is a row of bumps, mu apart and
  sigma wide (the specialised neuron's mean contribution, and the spread at fixed number).  By Poisson summation the row differs from
  its smooth envelope by a ripple of relative size 2 exp(-2 pi^2 sigma^2/mu^2)    (derived in docs/theory.md).
  The verdict fires when ripple or next-order term exceeds 0.1; with a ripple the distance to the sum over sectors, and the error of
  that sum, are added: the truth lies within them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError, NoTiltError
from ldt.models.loops import log_moment
from ldt.tails.bins import Sector
from ldt.tails.expansion import tail_or_density
from ldt.tails.origin import order_at_zero
from ldt.tails.saddle_levels import Answers, Half, answers, bands_of, half_of, middle_of
from ldt.tails.sectors import SectorLaw, main_cut, measurable, sector_law, sector_laws, unsectored

Array = NDArray[np.float64]

#: The next-order term x is itself an asymptotic estimate: P is taken to be known to a factor 1 + SAFETY x, a density to one of
#: 1 + DENSITY_SAFETY x.  Measured on a grid of N, d, levels and overlaps (as in tests/test_levels.py): the largest errors of log P were
#: 0.68 of the estimate, those of log p 0.94 of it.
SAFETY, DENSITY_SAFETY = 3.0, 6.0
#: Rounding of the expansion's own terms, which are of order one.
ROUNDING = 1e-15
#: Ripple or next-order term above which the single saddle is not to be trusted.
DOUBT = 0.1
#: Levels are at least this many standard deviations: s^4 must be a number.
LEAST = 1e-70
#: Sectors are cut again, at most MAX_CUTS times, while the next-order terms exceed GOAL.
GOAL = 0.02
MAX_CUTS = 16
#: A level whose sectors look this much worse than those of its band's middle is handed back.
WORSE = 2.0


@dataclass(frozen=True)
class SaddleDetail:
    """``form`` ('sectors' or 'classical'); ``tilt``; ``next_order`` and ``cut_spread`` or ``ripple`` and ``gap`` (nats): the parts of
    the error; ``trusted``: the verdict; ``specialised``/``probability``: law of the number of specialised neurons (sectors)."""

    form: str
    tilt: float
    next_order: float
    cut_spread: float
    ripple: float
    gap: float
    trusted: bool
    cut: float | None
    specialised: Any = None
    probability: Any = None

    def complement(self) -> dict[str, Any]:
        """The detail for the complementary event: the law of the number of specialised neurons is not known there."""
        return {"detail": replace(self, specialised=None, probability=None)}


class Band(NamedTuple):
    """Two decompositions, how much may be wrong with a sector of each (``goals``), log bounds on what they leave out, and the law of the
    number of specialised neurons in the first: cut, numbers, and the place of each sector among them (None with one well only)."""

    halves: tuple[Half, Half]
    goals: tuple[float, float]
    left_out: tuple[float, float]
    cut: float | None
    numbers: NDArray[np.int64] | None
    place: NDArray[np.int64] | None


@dataclass(frozen=True)
class Evaluation:
    """Log value, mean |next-order term|, and the sectors' shares."""

    law: SectorLaw
    log_value: float
    next_order: float
    weights: Any


def safety(model: Any, density: bool) -> float:
    """What the next-order term is multiplied by: twice as much for one neuron, which is no sum of many (errors to 1.5 of the estimate were
    found by fuzzing there, and only there)."""
    return (DENSITY_SAFETY if density else SAFETY) * (2.0 if model.width == 1 else 1.0)


def in_nats(relative: Any) -> Any:
    """log(1 + x) of a relative error x of P; x itself beyond 1, where the expansion may be wrong either way."""
    return np.where(relative > 1.0, relative, np.log1p(relative))


def near_zero(model: Any, levels: Array, density: bool) -> Array:
    """What the next-order term is multiplied by besides, at levels x (in standard deviations) next to 0 of few neurons: with g ~ w^m there,
    P(V < v) ~ v^(N/(2m)), so that 1/2 - P ~ x^(N/m) for N < m, and the density is as int_x^1 y^(N/m - 2) dy; no expansion knows of it."""
    out = np.ones(len(levels))
    if model.width >= 2 * max(model.target[-1][0], 1):  # m is at most the target's degree
        return out
    share = model.width / max(order_at_zero(model), 1.0)
    power = (1.0 if density else 0.5) - share
    if share >= 2.0 or (power <= 0.0 and not density):
        return out
    logs = np.maximum(0.5 * math.log(model.variance) - np.log(levels), 0.0)
    return np.exp(power * logs) if not density else 1.0 + (np.expm1(power * logs) / power if power else logs)


def saddle_value(sector: Sector, level: float, density: bool) -> tuple[float, float]:
    """(log value, size of the next order relative to it) of one sector at its saddle; (nan, inf) where the expansion has no meaning."""
    return tail_or_density(sector.s, sector.cumulants, level, density)


def saddlepoint(
    model: Any, level: float, *, density: bool = False, form: str = "sectors"
) -> tuple[float, float, SaddleDetail]:
    """(log value, error, detail) at level > 0, in nats; ``form`` is 'sectors' or 'classical'.  NaN where no expansion holds."""
    if form == "classical":
        return _classical(model, level, density)
    values, errors, details = saddlepoints(model, np.array([level]), density=density)
    return float(values[0]), float(errors[0]), details[0]


def saddlepoints(model: Any, levels: Array, *, density: bool = False) -> tuple[Array, Array, list[SaddleDetail]]:
    """(log values, errors, details) by sectors at all the levels > 0; what a level's answer is does not depend on the others."""
    values, errors = np.empty(len(levels)), np.empty(len(levels))
    details: list[Any] = [None] * len(levels)
    bands = bands_of(levels)
    for number in np.unique(bands):
        which = np.flatnonzero(bands == number)
        band = _band(model, int(number), density) if isinstance(model.activation, str) else None
        todo = which
        if band is not None:
            found, error, told, fine = _answered(model, band, levels[which], density)
            values[which], errors[which] = found, error
            for i, detail in zip(which, told, strict=True):
                details[i] = detail
            todo = which[~fine]
        for i in todo:
            values[i], errors[i], details[i] = alone(model, float(levels[i]), density)
    return values, errors, details


def alone(model: Any, level: float, density: bool) -> tuple[float, float, SaddleDetail]:
    """(log value, error, detail) from sectors of the level's own."""
    found, error, told, _ = _answered(model, decomposed(model, level, density), np.array([level]), density)
    return float(found[0]), float(error[0]), told[0]


@lru_cache(maxsize=256)
def _band(model: Any, number: int, density: bool) -> Band | None:
    """What the levels of a band share; None where nothing is found at its middle."""
    try:
        return decomposed(model, middle_of(number), density)
    except (NoTiltError, ConvergenceError):  # a lower level of the band may still have its answer
        return None


def decomposed(model: Any, level: float, density: bool) -> Band:
    """Two decompositions for this level and those near it."""
    first, second = (_cut(law, density) for law in sector_laws(model, level, real=True))
    law, half, now = first
    goals = max(GOAL, WORSE * float(now.scores[0])), max(GOAL, WORSE * float(second[2].scores[0]))
    cut = numbers = place = None
    if law.bins.cuts:
        j = main_cut(law, now.shares[0, : law.kept])
        ks = law.table.special[:, j:].sum(axis=1)
        cut, numbers, place = law.bins.cuts[j], np.arange(ks.min(), ks.max() + 1), ks - ks.min()
    return Band((half, second[1]), goals, (law.left_out, second[0].left_out), cut, numbers, place)


def _cut(law: SectorLaw, density: bool) -> tuple[SectorLaw, Half, Answers]:
    """``refined``, made ready and answered at its own level."""
    for _ in range(MAX_CUTS + 1):
        half = half_of(law)
        now = answers(np.array([law.level]), density, half)
        finer = law.refine(law.table.sector(int(now.worst[0]))) if now.scores[0] >= GOAL else None
        if finer is None:
            break
        law = finer
    return law, half, now


def _answered(
    model: Any, band: Band, levels: Array, density: bool
) -> tuple[Array, Array, list[SaddleDetail], NDArray[np.bool_]]:
    """(log values, errors, details, whether the band's sectors do) at levels of the band."""
    first, second = (answers(levels, density, half) for half in band.halves)
    values, orders = np.where(np.maximum(first.orders, second.orders) < 100.0, first.values, np.nan), first.orders
    spread = np.abs(values - second.values)
    left = first.left + second.left + sum(math.exp(min(log, 700.0)) for log in band.left_out)
    unsure = safety(model, density) * near_zero(model, levels, density)
    errors = in_nats(unsure * np.maximum(orders, second.orders)) + np.where(spread > 1.0, 3.0, 1.0) * spread
    errors += first.roundings + ROUNDING + left
    law: list[Any] = [None] * len(levels)
    if band.numbers is not None and band.place is not None:
        table = np.zeros((len(levels), len(band.numbers)))
        for place, share in zip(band.place, first.shares.T, strict=False):
            table[:, place] += share
        law = list(table)
    rows = zip(first.tilts.tolist(), orders.tolist(), spread.tolist(), (errors < DOUBT).tolist(), law, strict=True)
    details = [SaddleDetail("sectors", s, order, gap, 0.0, 0.0, trusted, band.cut, band.numbers, p) for s, order, gap, trusted, p in rows]
    fine = first.listed & second.listed & (first.scores <= band.goals[0]) & (second.scores <= band.goals[1]) & np.isfinite(values)
    return values, errors, details, fine


def evaluate(law: SectorLaw, level: float, density: bool) -> Evaluation:
    """The sum over the sectors' expansions."""
    pairs = [saddle_value(s, level, density) for s in law.sectors]
    # Where the expansion fails the Chernoff bound stands in, with its whole weight as error: such a sector must be cut or negligible.
    logs = np.array([s.log_weight + v if math.isfinite(v) else s.log_bound(level) for s, (v, _) in zip(law.sectors, pairs, strict=True)])
    total = float(np.logaddexp.reduce(logs))
    weights = np.exp(logs - total)
    following = float(np.sum(weights * np.minimum([x for _, x in pairs], 1e3)))
    return Evaluation(law, total if following < 100.0 else math.nan, following if following < 100.0 else math.inf, weights)


def refined(law: SectorLaw, level: float, density: bool) -> Evaluation:
    """Cut the sector with the largest error while that matters and it has a valley to cut at."""
    now = evaluate(law, level, density)
    for _ in range(MAX_CUTS):
        scores = scores_of(now, density)
        if max(scores) < GOAL:
            return now
        finer = now.law.refine(now.law.sectors[int(np.argmax(scores))])
        if finer is None:
            return now
        now = evaluate(finer, level, density)
    return now


def scores_of(now: Evaluation, density: bool) -> list[float]:
    """What is wrong with each sector, times its share: its next order, and a valley that the expansion does not know of."""
    scores = []
    for sector, weight in zip(now.law.sectors, now.weights, strict=True):
        following = min(saddle_value(sector, now.law.level, density)[1], 1e3)
        scores.append(weight * (following + max((v.depth for v in now.law.valleys(sector)), default=0.0)) if weight > 1e-4 else 0.0)
    return scores


def _classical(model: Any, level: float, density: bool) -> tuple[float, float, SaddleDetail]:
    law = sector_law(model, level)
    try:
        whole = unsectored(model, level)
    except NoTiltError:
        raise NoTiltError(
            f"form: at level {level:g} the saddle of the whole law lies too near the end of its tilts to be told from it (one neuron"
            " with an unbounded overlap carries it); form='sectors' and method='exact' apply"
        ) from None
    value, following = saddle_value(whole, level, density)
    ripple = gap = 0.0
    cut = law.bins.cuts[0] if law.bins.cuts else None
    if cut is not None:
        ripple = _ripple(law, whole)
        if ripple > DOUBT:
            finest = refined(law, level, density)
            gap = abs(value - finest.log_value) + math.log1p(safety(model, density) * finest.next_order)
    unsure = safety(model, density) * float(near_zero(model, np.array([level]), density)[0])
    error = math.log1p(unsure * (following + ripple)) + gap + whole.rounding(level) + ROUNDING
    trusted = ripple <= DOUBT and following <= DOUBT
    return value, error, SaddleDetail("classical", whole.s, following, 0.0, ripple, gap, trusted, cut)


def _ripple(law: SectorLaw, whole: Sector) -> float:
    """2 exp(-2 pi^2 sigma^2/mu^2): how far a row of bumps, one a specialised neuron, is from smooth."""
    kappa, s = law.model.variance_scale, whole.s
    bins = law.bins
    if bins.empty.any():
        return 0.0
    i = bins.start[1]
    t, sp = (
        log_moment(kappa * s * s, bins.nodes.lw[part], bins.nodes.gg[part], -1.0) for part in (slice(0, i), slice(i, None))
    )
    number = law.model.width * math.exp(sp[0] - np.logaddexp(sp[0], t[0]))
    mu = 2.0 * kappa * s * sp[1]
    each = [2.0 * kappa * m[1] + 4.0 * (kappa * s) ** 2 * m[2] for m in (sp, t)]
    variance = number * each[0] + (law.model.width - number) * each[1]
    return 2.0 * math.exp(-2.0 * math.pi**2 * variance / mu**2)


def run(model: Any, level: float, *, density: bool, side: str, form: str = "sectors") -> dict[str, Any]:
    """The method 'saddlepoint' at level > 0: a dict of TailResult fields."""
    if form not in ("sectors", "classical"):
        raise ModelError(f"form: must be 'sectors' or 'classical', got {form!r}")
    return _told(*saddlepoint(model, measurable(model, level, LEAST), density=density, form=form))


def run_many(model: Any, levels: Array, *, density: bool, form: str = "sectors") -> list[dict[str, Any]] | None:
    """``run`` at all the levels > 0 at once; None where they are better asked one by one."""
    if form != "sectors":
        return None
    usual = np.array([measurable(model, x, LEAST) for x in levels]) if np.any(levels < 1e-40) else levels
    values, errors, details = saddlepoints(model, usual, density=density)
    return [_told(*one) for one in zip(values.tolist(), errors.tolist(), details, strict=True)]


def _told(logp: float, error: float, detail: SaddleDetail) -> dict[str, Any]:
    found: dict[str, Any] = {"logp": logp, "error": error, "error_kind": "estimate", "detail": detail}
    if not math.isfinite(logp) or not math.isfinite(error):
        return found | {
            "logp": math.nan,
            "error": math.inf,
            "status": "failed",
            "advice": "no saddle-point expansion holds here; use method='exact'",
        }
    if not detail.trusted:
        other = "form='sectors' or " if detail.form == "classical" else ""
        found |= {"status": "warning", "advice": f"the expansion is not reliable here; use {other}method='exact'"}
    return found
