"""Trial laws of the weights: the patterns as probability laws with an exact divergence from the prior.

Formulas, with s^2 = sigma_w^2/d:
    bulk        N - M neurons, w_1 ~ N(0, D s^2); if M > 0 then D = 1 and |w_1| < cut is given
    specialist  M neurons, w_1 ~ (N(mu, v) + N(-mu, v))/2 given |w_1| > cut, or one sign, N(mu, v) given
                sign w_1 > cut, where g^2 is not even; full overlap: rho is r times its prior law
    KL = N (D-1-ln D)/2                                                                       (M = 0)
    KL = -(N-M) ln P(|w_1| < cut) + M [KL_1 + (d-1)(r-1-ln r)/2] - ln C(N, M)                 (M > 0)
with KL_1, one specialist's divergence in w_1, by quadrature.  The last term is exact: the law is the uniform
mixture of the C(N, M) ways to choose the specialists; the cut makes the ways disjoint in weight space, so the
mixture's density is 1/C(N, M) times that of the one way it lies in; and sum g_i^2 has one law in all of them.
``permutations=False`` takes a single way: the bulk is not cut, and there is no ln C(N, M).
Source: derived in docs/theory.md.  Validity: D > 0, 0 <= M <= N, mu, v, r, cut > 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ldt.errors import ModelError
from ldt.patterns.averages import (
    Array,
    BulkRule,
    is_even,
    log_laplace,
    overlap_at,
    panels,
    rho_rule,
    vanishing_order,
    weight_scale,
)
from ldt.patterns.two_layer import log_choices, stretch_energy

if TYPE_CHECKING:
    from ldt.models.alignment import AlignmentSum

SPREAD = 8.5  # the specialists' quadrature ends this many sqrt(v) from mu
MIN_ACCEPTED = 0.02  # rejection sampling of a cut law needs at least this acceptance


@dataclass(frozen=True)
class TrialLaw:
    """A product law of the weights (see the module's text); ``specialised`` = M, ``inflation`` = D;
    ``fine=False``: coarse quadratures, for searches."""

    model: AlignmentSum
    inflation: float = 1.0
    specialised: int = 0
    mu: float = 0.0
    v: float = 0.0
    r: float = 1.0
    cut: float = 0.0
    sign: float = 1.0
    permutations: bool = True
    fine: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.specialised <= self.model.width:
            raise ModelError(
                f"M: must be an integer from 0 to the width {self.model.width}, got {self.specialised!r}"
            )
        if not (math.isfinite(self.inflation) and self.inflation > 0.0):
            raise ModelError(f"D: must be finite and > 0, got {self.inflation!r}")
        if self.specialised:
            for name in ("mu", "v", "r", "cut"):
                value = getattr(self, name)
                if not (math.isfinite(value) and value > 0.0):
                    raise ModelError(f"{name}: must be finite and > 0, got {value!r}")
            if self.inflation != 1.0:
                raise ModelError("D: the neurons that do not specialise keep their prior, so D must be 1")
            if self.accepted < MIN_ACCEPTED:
                raise ModelError(f"cut: leaves only {self.accepted:.1e} of N(mu, v): lower it or raise mu")
            if self.permutations and self.bulk_accepted < MIN_ACCEPTED:
                raise ModelError(
                    f"cut: leaves only {self.bulk_accepted:.1e} of the prior to the other neurons; raise it"
                )

    # -- masses and divergence -----------------------------------------------------------------------------

    @cached_property
    def even(self) -> bool:
        """Whether both signs of w_1 are used."""
        return is_even(self.model)

    @property
    def bulk(self) -> int:
        """Number of neurons that do not specialise."""
        return int(self.model.width) - self.specialised

    @property
    def bulk_cut(self) -> float:
        """Where the bulk's |w_1| is cut (infinite: nowhere)."""
        return self.cut if self.specialised and self.permutations else math.inf

    @property
    def bulk_accepted(self) -> float:
        """P(|w_1| < cut) under the prior."""
        return math.erf(self.bulk_cut / (weight_scale(self.model) * math.sqrt(2.0)))

    @property
    def accepted(self) -> float:
        """Mass of the specialists' mixture beyond the cut."""
        root = math.sqrt(2.0 * self.v)
        mass = math.erfc((self.cut - self.mu) / root) / 2.0
        return mass + math.erfc((self.cut + self.mu) / root) / 2.0 if self.even else mass

    @cached_property
    def _specialists(self) -> tuple[Array, Array, Array]:
        """Nodes |w_1| > cut, their probabilities, and the log-ratio of the law's density to the prior's."""
        width = math.sqrt(self.v)
        low, high = (
            max(self.cut, self.mu - SPREAD * width),
            max(self.mu + SPREAD * width, self.cut + SPREAD * width),
        )
        w, h = panels(low, high, 2.0 * width, 20 if self.fine else 6)
        log_density, log_prior = self._specialist_densities(w)
        return w, h * np.exp(log_density) * (2.0 if self.even else 1.0), log_density - log_prior

    def _specialist_densities(self, w: Array) -> tuple[Array, Array]:
        """Log-densities at |w_1| = w > cut (sign w_1 = w if one-sided) of a specialist's law and of the
        prior.
        """
        log_density = (
            -0.5 * (w - self.mu) ** 2 / self.v
            - 0.5 * math.log(2.0 * math.pi * self.v)
            - math.log(self.accepted)
        )
        if self.even:  # the mixture's density, at w and -w alike
            log_density = log_density + np.log1p(np.exp(-2.0 * w * self.mu / self.v)) - math.log(2.0)
        scale = weight_scale(self.model)
        return log_density, -0.5 * (w / scale) ** 2 - 0.5 * math.log(2.0 * math.pi * scale**2)

    def divergence(self) -> float:
        """KL(law||prior) in nats, exact up to the 1-D quadrature (relative 1e-12)."""
        if not self.specialised:
            return stretch_energy(self.inflation, float(self.bulk))
        _, mass, log_ratio = self._specialists
        one = float(mass @ log_ratio)
        if self.model.overlap == "full":
            one += stretch_energy(self.r, float(self.model.dim) - 1.0)
        return self.specialised * one + self._ways()

    def _ways(self) -> float:
        """-(N-M) ln P(|w_1| < cut) - ln C(N, M) [nats], 0 without permutations."""
        if not (self.specialised and self.permutations):
            return 0.0
        outside = math.erfc(self.bulk_cut / (weight_scale(self.model) * math.sqrt(2.0)))
        return -self.bulk * math.log1p(-outside) - log_choices(int(self.model.width), self.specialised)

    def tail_index(self) -> float:
        """E V^-j is finite exactly for j < this index (infinite where g^2 is bounded away from 0 on some
        neuron).
        """
        order = vanishing_order(self.model)
        index = self.bulk / (2.0 * order) if order else math.inf
        if self.specialised:
            w = self._specialists[0]
            g = overlap_at(self.model, self.sign * w[:, None], rho_rule(self.model, self.r)[0][None, :])
            crosses = bool(np.any(g[1:] * g[:-1] <= 0.0))
            index += self.specialised / 2.0 if crosses else math.inf
        return index

    # -- the law of V = sum g_i^2 --------------------------------------------------------------------------

    @cached_property
    def _bulk_rule(self) -> BulkRule:
        return BulkRule.build(self.model, max(1.0, self.inflation), self.bulk_cut, self.fine)

    @cached_property
    def _specialist_squares(self) -> tuple[Array, Array]:
        w, mass, _ = self._specialists
        rho, rho_mass = rho_rule(self.model, self.r, self.fine)
        g = np.broadcast_to(overlap_at(self.model, self.sign * w[:, None], rho[None, :]), (w.size, rho.size))
        joint = np.outer(mass / mass.sum(), rho_mass)
        return (g**2).ravel(), joint.ravel()

    def log_laplace(self, t: Array) -> Array:
        """log E exp(-t sum_i g_i^2) for an array of t >= 0: two one-neuron quadratures, whatever N."""
        total = np.zeros(t.size)
        if self.bulk:
            total += self.bulk * self._bulk_rule.log_laplace(t, self.inflation)
        if self.specialised:
            total += self.specialised * log_laplace(*self._specialist_squares, t)
        return total

    def mean_total(self) -> float:
        """E sum_i g_i^2."""
        total = self.bulk * self._bulk_rule.mean_square(self.inflation) if self.bulk else 0.0
        if self.specialised:
            squares, mass = self._specialist_squares
            total += self.specialised * float(squares @ mass)
        return total

    def draw(self, rows: int, random: np.random.Generator, chunk: int = 500_000) -> tuple[Array, Array]:
        """(sum_i g_i^2, ln q(w)/prior(w)), each (rows,): every neuron is drawn, at most ``chunk`` of them
        at a time.

        E_q of the second is the divergence; adding it to -log Phi leaves little variance near the best law
        of a family.
        """
        totals, ratios = np.zeros(rows), np.full(rows, self._ways())
        for count, draw, log_ratio in (
            (self.bulk, self._draw_bulk, self._bulk_ratio),
            (self.specialised, self._draw_specialists, self._specialist_ratio),
        ):
            many = max(1, chunk // max(count, 1))
            for start in range(0, rows, many):
                part = slice(start, min(rows, start + many))
                for first in range(0, count, chunk):
                    shape = (part.stop - start, min(chunk, count - first))
                    w, rho = draw(shape, random)
                    totals[part] += np.sum(overlap_at(self.model, w, rho) ** 2, axis=1)
                    ratios[part] += log_ratio(w, rho)
        return totals, ratios

    def _draw_rho(self, shape: tuple[int, int], ratio: float, random: np.random.Generator) -> Any:
        if self.model.overlap == "concentrated":
            return None
        scale = 2.0 * ratio * float(self.model.weight_variance) / float(self.model.dim)
        return random.standard_gamma((float(self.model.dim) - 1.0) / 2.0, shape) * scale

    def _draw_bulk(self, shape: tuple[int, int], random: np.random.Generator) -> tuple[Array, Any]:
        sd = weight_scale(self.model) * math.sqrt(self.inflation)
        w = random.standard_normal(shape) * sd
        if self.bulk_cut < math.inf:
            bad = np.abs(w) >= self.bulk_cut
            while bad.any():
                w[bad] = random.standard_normal(int(bad.sum())) * sd
                bad = np.abs(w) >= self.bulk_cut
        return w, self._draw_rho(shape, 1.0, random)

    def _bulk_ratio(self, w: Array, rho: Any) -> Any:
        if self.inflation == 1.0:
            return 0.0
        half = np.sum((w / weight_scale(self.model)) ** 2, axis=1) / 2.0
        return half * (1.0 - 1.0 / self.inflation) - 0.5 * w.shape[1] * math.log(self.inflation)

    def _draw_specialists(self, shape: tuple[int, int], random: np.random.Generator) -> tuple[Array, Any]:
        def signs(size: Any) -> Any:
            return random.choice(np.array([-1.0, 1.0]), size) if self.even else 1.0

        def outside(x: Array) -> Any:
            return np.abs(x) <= self.cut if self.even else x <= self.cut

        sd = math.sqrt(self.v)
        w = signs(shape) * (self.mu + sd * random.standard_normal(shape))
        bad = outside(w)
        while bad.any():
            size = int(bad.sum())
            w[bad] = signs(size) * (self.mu + sd * random.standard_normal(size))
            bad = outside(w)
        return w * self.sign, self._draw_rho(shape, self.r, random)

    def _specialist_ratio(self, w: Array, rho: Any) -> Any:
        log_density, log_prior = self._specialist_densities(np.abs(w))
        ratio = np.sum(log_density - log_prior, axis=1)
        if rho is None:
            return ratio
        shape, scale = (
            (float(self.model.dim) - 1.0) / 2.0,
            2.0 * float(self.model.weight_variance) / float(self.model.dim),
        )
        return ratio + np.sum(rho / scale * (1.0 - 1.0 / self.r) - shape * math.log(self.r), axis=1)
