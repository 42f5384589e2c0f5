r"""Exact tails and densities by contour inversion, sector by sector.

    log P = logsumexp_n [log multiplicity_n + log P_n],   P_n = (1/2 pi i) int exp(K_n(s) - s alpha) ds/s

(ldt.tails.sectors, ldt.tails.loops).  The error has three measured parts: the change under a second, independent evaluation
with another cut, another node set, another path and another step; the cancellation, eps times the absolute over the signed
sum, with what the trapezoid misses; and the conditioning, eps times the size of the exponents.  A sector whose sum cancels is
cut again where its tilted density has a valley.  Valid for every N >= 1 and level where E exp(sA) exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError
from ldt.numerics.compiled import compiled
from ldt.results import Cost
from ldt.tails.loops import contour_sums
from ldt.tails.sectors import SectorLaw, measurable, sector_laws, specialised_law

Array = NDArray[np.float64]

MAX_NODES = 20_000
#: First trapezoid step of the contour sums; they halve it as need be.
STEP = 0.12
#: They do so while the trapezoid's error is above this, relative to the answer, and above the exponents' rounding.
ENOUGH = 1e-13
#: A sector this far (nats) below the highest may hide what it likes.
NEGLIGIBLE = -32.0
#: Sectors of a larger share are cut where more neurons than this are beyond a valley: the law of their number is an answer, too.
LIKELY = 0.05
#: The law is cut again (at most MAX_CUTS times) and steps are halved until noise and variation are below this, relative to
#: max(1, |log P|).
TARGET = 5e-12
MAX_CUTS = 40
#: Two evaluations further apart than this (nats) by no fault of their steps are not made to agree by finer ones.
HOPELESS = 1e-3
#: The two node sets are converged by one criterion (2e-14 a panel): what they share cannot be seen in their difference.
FLOOR = 1e-12


@dataclass(frozen=True)
class ExactDetail:
    """What the inversion saw.

    ``specialised`` and ``probability``: the law of the number of specialised neurons given the event (None with one well only);
    ``cut``: where the coordinate (w_1, or v = w_1/sqrt(1 + 2|w_perp|^2) for the full overlap) parts typical from specialised neurons,
    ``cuts`` how many there are in all; ``tilt``: saddle s of the heaviest sector; ``variation``, ``cancellation``, ``conditioning``:
    the parts of the error, in nats.
    """

    specialised: Any
    probability: Any
    cut: float | None
    cuts: int
    tilt: float
    variation: float
    cancellation: float
    conditioning: float
    sectors: int
    nodes: int

    def complement(self) -> dict[str, Any]:
        """The detail for the complementary event: the law of the number of specialised neurons is not known there."""
        return {"detail": replace(self, specialised=None, probability=None)}

    @property
    def mean_specialised(self) -> float:
        """Mean number of specialised neurons given the event (NaN with one well only)."""
        return float(np.dot(self.specialised, self.probability)) if self.specialised is not None else math.nan


@dataclass(frozen=True)
class Inversion:
    """One evaluation: log value, the sectors' shares and relative noise, the exponents' rounding, nodes, whether every sum had decayed."""

    log_value: float
    weights: Any
    noise: Any
    conditioning: float
    nodes: int
    decayed: bool

    @property
    def cancellation(self) -> float:
        """Noise of the sums, relative to the value."""
        return float(np.sum(self.noise))


def invert(law: SectorLaw, *, density: bool, q: float, step: float) -> Inversion:
    """One evaluation of log P (or log p) on paths of curve ``q`` with trapezoid step ``step``."""
    weights, counts, deltas = law.table.values[:, 6], law.table.counts(law.model.width), law.table.deltas()
    logs, values, noises = np.zeros((3, len(weights)))
    nodes, decayed = 0, True
    conditioning = law.table.rounding(law.level)
    enough = max(conditioning, ENOUGH)
    for s, members, bounds in law.paths():
        delta = min(s, float(np.min(deltas[members])))
        args = law.bins.shared(counts[members])
        for again in (False, True):
            found = contour_sums(law.level, density, s, q, delta, step, enough, MAX_NODES, bounds, *args)
            nodes += found.nodes
            logs[members], values[members], noises[members] = found.scale + weights[members], found.value, found.noise
            # The bounds took the heaviest sector's to be the answer.  It is less where that sector's tilt piles up against a cut.
            total = log_total(logs, values)
            if again or float(np.exp(logs[members] - total) @ found.noise) <= 8.0 * enough:
                break
            bounds = logs[members] + np.log(found.size) - total
        decayed &= found.last < 1e-15
        for j, i in enumerate(members):
            if not bounds[j] > NEGLIGIBLE or law.rugged[i]:
                noises[i] += abs(found.value[j]) * (law.hidden(law.table.sector(i), found.step) if bounds[j] > NEGLIGIBLE else 1.0)
    # Signed values: the noise of a negligible sector may come out negative, and must not be lost or turned into NaN.
    top = float(np.max(logs))
    signed = values * np.exp(logs - top)
    total = float(np.sum(signed))
    with np.errstate(divide="ignore"):
        log_noise = logs + np.log(noises)
    if not total > 0.0:
        return Inversion(math.nan, signed, 1e300 * np.exp(log_noise - np.max(log_noise)), conditioning, nodes, decayed)
    log_value = top + math.log(total)
    return Inversion(log_value, signed / total, np.exp(np.minimum(log_noise - log_value, 700.0)), conditioning, nodes, decayed)


@compiled
def log_total(logs: Array, values: Array) -> float:
    """log of the sum of the exp(logs) values that are positive (-700 of none)."""
    top, total = -1e300, 0.0
    for i in range(logs.size):
        if values[i] != 0.0:
            top = max(top, logs[i])
    for i in range(logs.size):
        if values[i] > 0.0:
            total += values[i] * math.exp(min(logs[i] - top, 0.0))
    return top + math.log(max(total, 1e-304))


def _hides(law: SectorLaw, i: int) -> bool:
    """Whether neurons of a sector sit beyond a valley, not told from those before it."""
    return any(valley.outward and valley.neurons > LIKELY for valley in law.valleys(law.table.sector(i))) if law.rugged[i] else False


def _inverted(law: SectorLaw, *, density: bool, q: float, step: float) -> tuple[SectorLaw, Inversion]:
    """Invert, cutting the noisiest sector again while that lowers the noise, and those that hide specialised neurons."""
    result = invert(law, density=density, q=q, step=step)
    for _ in range(MAX_CUTS):
        if result.cancellation > TARGET * max(1.0, abs(result.log_value)):
            noisy = (i for i in np.argsort(-result.noise) if result.noise[i] > 0.1 * TARGET)
        else:
            noisy = (i for i in np.flatnonzero(result.weights > LIKELY) if _hides(law, int(i)))
        finer = next((law for law in (law.refine(law.sectors[i]) for i in noisy) if law is not None), None)
        if finer is None:
            break
        law = finer
        result = invert(law, density=density, q=q, step=step)
    return law, result


def exact(model: Any, level: float, *, density: bool = False) -> tuple[float, float, ExactDetail]:
    """(log P(A >= level) or log p(level), error, detail) for level > 0, in nats.

    ConvergenceError where the sums do not decay or lose every digit.
    """
    step, q = STEP, 0.5
    laws = sector_laws(model, float(level))
    law, first = _inverted(laws[0], density=density, q=q, step=step)
    other, second = _inverted(laws[1], density=density, q=0.35, step=step / 1.31)
    for _ in range(4):
        variation = abs(first.log_value - second.log_value)
        # A relative error e of g moves the level by e: log P by e alpha p/P, which is e s alpha where the saddle tells, and at most
        # about 2 |log P| (Gaussian) + 1.
        reach = max(float(np.max(law.table.values[:, 0])) * law.level, 2.0 * abs(first.log_value) + 1.0)
        conditioning = max(first.conditioning, second.conditioning) + model.neuron.g_error * reach
        cancellation = first.cancellation + second.cancellation
        if variation + cancellation <= max(TARGET * max(1.0, abs(first.log_value)), 4.0 * conditioning):
            break
        if not (first.decayed and second.decayed) or variation > HOPELESS > 1e3 * cancellation:  # no finer step will help
            break
        step *= 0.5
        first = invert(law, density=density, q=q, step=step)
        second = invert(other, density=density, q=0.35, step=step / 1.31)
    left = math.exp(max(law.left_out, -700.0))
    # Thrice the change: both evaluations may be off the same way, by more than their difference.
    error = 3.0 * variation + cancellation + conditioning + left + FLOOR
    if not (first.decayed and second.decayed and error < 1.0):
        raise ConvergenceError(
            f"level: the contour sums did not converge at level {level:g} ({model.name}); use method='mpmath' or 'importance'"
        )
    cut = number = probability = None
    if law.bins.cuts:
        cut, number, probability = specialised_law(law, first.weights)
    best = law.table.sector(int(np.argmax(first.weights)))
    detail = ExactDetail(
        number, probability, cut, len(law.bins.cuts), best.s, variation, cancellation, conditioning, law.kept,
        first.nodes + second.nodes,
    )  # fmt: skip
    return first.log_value, error, detail


def run(model: Any, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """The method 'exact' at level > 0: a dict of TailResult fields."""
    usual = measurable(model, level)
    logp, error, detail = exact(model, usual, density=density)
    if level < usual:
        from ldt.tails.origin import log_density_at_zero

        # The density falls away from 0, so that the value lies between those at the two ends.
        error += (log_density_at_zero(model)[0] if density else -math.log(2.0)) - logp
    found = {"logp": logp, "error": error, "error_kind": "estimate", "detail": detail, "cost": Cost(nodes=detail.nodes)}
    if error > 1e-8 * max(1.0, abs(logp)):
        found |= {"status": "warning", "advice": "the error is larger than usual; method='mpmath' gives any accuracy"}
    return found
