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

from ldt.errors import ConvergenceError
from ldt.results import Cost
from ldt.tails.loops import contour_sum
from ldt.tails.sectors import SectorLaw, measurable, rounding, sector_law, specialised_law

MAX_NODES = 20_000
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
    """One evaluation of log P (or log p) on the curve ``q`` with trapezoid step ``step``."""
    values, noises, conditioning, nodes, decayed = [], [], 0.0, 0, True
    for sector in law.sectors:
        args = law.bins.arguments(sector.special)
        scale, value, noise, used, last = contour_sum(law.level, density, sector.s, q, sector.delta, step, MAX_NODES, *args)
        nodes += int(used)
        decayed &= bool(last < 1e-15)
        values.append((sector.log_weight + scale, value))
        noises.append(sector.log_weight + scale + math.log(noise + law.hidden(sector, step) * abs(value)))
        conditioning = max(conditioning, rounding(sector, law.level))
    # Signed values: the noise of a negligible sector may come out negative, and must not be lost or turned into NaN.
    top = max(a for a, _ in values)
    signed = np.array([v * math.exp(a - top) for a, v in values])
    total = float(np.sum(signed))
    if not total > 0.0:
        return Inversion(math.nan, signed, 1e300 * np.exp(np.array(noises) - max(noises)), conditioning, nodes, decayed)
    log_value = top + math.log(total)
    relative = np.exp(np.minimum(np.array(noises) - log_value, 700.0))
    return Inversion(log_value, signed / total, relative, conditioning, nodes, decayed)


def _inverted(law: SectorLaw, *, density: bool, q: float, step: float) -> tuple[SectorLaw, Inversion]:
    """Invert, cutting the noisiest sector again while that lowers the noise."""
    result = invert(law, density=density, q=q, step=step)
    for _ in range(MAX_CUTS):
        if result.cancellation <= TARGET * max(1.0, abs(result.log_value)):
            break
        worst = law.sectors[int(np.argmax(result.noise))]
        finer = law.refine(worst)
        if finer is None:
            break
        law = finer
        result = invert(law, density=density, q=q, step=step)
    return law, result


def exact(model: Any, level: float, *, density: bool = False) -> tuple[float, float, ExactDetail]:
    """(log P(A >= level) or log p(level), error, detail) for level > 0, in nats.

    ConvergenceError where the sums do not decay or lose every digit.
    """
    step, q = 0.08, 0.5
    law, first = _inverted(sector_law(model, float(level)), density=density, q=q, step=step)
    other, second = _inverted(sector_law(model, float(level), variant=1), density=density, q=0.35, step=step / 1.31)
    for _ in range(4):
        variation = abs(first.log_value - second.log_value)
        # A relative error e of g moves the level by e: log P by e alpha p/P, which is e s alpha where the saddle tells, and at most
        # about 2 |log P| (Gaussian) + 1.
        reach = max(max(s.s for s in law.sectors) * law.level, 2.0 * abs(first.log_value) + 1.0)
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
    best = law.sectors[int(np.argmax(first.weights))]
    detail = ExactDetail(
        number, probability, cut, len(law.bins.cuts), best.s, variation, cancellation, conditioning, len(law.sectors),
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
