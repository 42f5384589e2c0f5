r"""Grokking as a first-order transition: one neuron's action for the target He_1 + eps He_3.

With q = w.w*, D = 1 + 2(sigma_w^2 + q^2), ridge sigma^2 on n samples, readouts a ~ N(0, sigma_a^2/N),

    S(q) = d {q^2/(2 sigma_w^2) - (2u/pi)(q^2/D)(b - 2 c q^2/D)^2},      u = n^2 sigma_a^2/(sigma^4 d N),
    (b, sqrt6 c) = (sigma^2/n)[Q + sigma^2/n]^(-1)(1, sqrt6 eps),         Q = sigma_a^2 E[h h^T],

(b, sqrt6 c) the discrepancy that the network has left.  Before the transition all neurons are in the well at q = 0, a Gaussian of
variance v, 1/v = S''(0) = d [1/sigma_w^2 - 4 u b^2/(pi (1 + 2 sigma_w^2))], so that b and v determine each other (``kernel``):

* ``leading``   d large: Q = diag(4 sigma_a^2 v/(pi D_0), 0), D_0 = 1 + 2 sigma_w^2; He_3 is not learned at all before the transition, c
= eps
* ``diagonal``  the same with He_3's own share of order v^3
* ``full``      E[h h^T] over the Gaussian with D as it is

The transition u_c is where the two outer wells together are as probable as the central one; ``depth`` where they are as deep.
Source: Rubin, Seroussi, Ringel, arXiv 2310.03789 (published: u_c ~ 30.2, sigma^2 ~ 0.18); the factor sigma^2/n in (b, c) as derived in
docs/adaptation.md.  Frozen discrepancy: neurons that cross are not fed back; with feedback there is a mixed phase instead of a jump
(ldt.adaptation.equations).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError, positive
from ldt.results import _Record

Array = NDArray[np.float64]

KERNELS = ("leading", "diagonal", "full")


class Discrepancy(NamedTuple):
    """What is left to learn of He_1 (``b``) and of He_3 (``c``), and the variance of the central well."""

    b: float
    c: float
    variance: float


@dataclass(frozen=True)
class GrokkingModel(_Record):
    """Width N, samples n, input dimension d, variances sigma_w^2 and sigma_a^2 (its published value is 8/N), and which Q.

    >>> model = GrokkingModel()
    >>> round(model.u(0.18), 3)
    30.234
    """

    width: int = 700
    samples: float = 3000.0
    dim: int = 150
    weight_variance: float = 0.5
    readout_variance: float = 8.0 / 700.0
    epsilon: float = -0.3
    kernel: str = "leading"

    def __post_init__(self) -> None:
        for name in ("width", "samples", "dim", "weight_variance", "readout_variance"):
            positive(name, getattr(self, name))
        if isinstance(self.epsilon, bool) or not isinstance(self.epsilon, Real) or not math.isfinite(self.epsilon):
            raise ModelError(f"epsilon: must be a finite number, got {self.epsilon!r}")
        if self.kernel not in KERNELS:
            raise ModelError(f"kernel: must be one of {', '.join(KERNELS)}, got {self.kernel!r}")

    def u(self, noise: float) -> float:
        """u at ridge sigma^2 = ``noise``."""
        return self.samples**2 * self.readout_variance / (noise**2 * self.dim * self.width)

    def noise(self, u: float) -> float:
        """sigma^2 at u."""
        return math.sqrt(self.samples**2 * self.readout_variance / (u * self.dim * self.width))

    def moments(self, variance: float) -> Array:
        """Q of the central well of that variance, 2 x 2 in (He_1, He_3/sqrt 6)."""
        d0 = 1.0 + 2.0 * self.weight_variance
        if self.kernel == "full":
            x, p = np.polynomial.hermite_e.hermegauss(60)
            h = overlaps(x * math.sqrt(variance), self.weight_variance)
            return np.asarray(self.readout_variance * (h * (p / p.sum())) @ h.T)
        first = 4.0 / math.pi * variance / d0
        third = 40.0 / math.pi * variance**3 / d0**3 if self.kernel == "diagonal" else 0.0
        return self.readout_variance * np.diag([first, third])

    def discrepancy(self, u: float) -> Discrepancy:
        """(b, c) and the variance of the central well, solved together.  ConvergenceError where they have no solution."""
        from scipy.optimize import brentq

        kappa = self.noise(u) / self.samples
        y = np.array([1.0, math.sqrt(6.0) * self.epsilon])

        def left(variance: float) -> Array:
            return np.asarray(kappa * np.linalg.solve(self.moments(variance) + kappa * np.eye(2), y))

        def excess(x: float) -> float:
            variance = math.exp(x)
            pull = 4.0 * u / math.pi * float(left(variance)[0]) ** 2 / (1.0 + 2.0 * self.weight_variance)
            return 1.0 / variance - self.dim * (1.0 / self.weight_variance - pull)

        low, high = math.log(self.weight_variance / self.dim * (1.0 - 1e-12)), math.log(100.0 * self.weight_variance)
        if not excess(low) * excess(high) < 0.0:
            raise ConvergenceError(f"u: the central well has no self-consistent variance at u = {u:g}; none was found up to 100 sigma_w^2")
        variance = math.exp(float(brentq(excess, low, high, xtol=1e-14, rtol=1e-14)))
        b, third = left(variance)
        return Discrepancy(float(b), float(third) / math.sqrt(6.0), variance)

    def action(self, q: Any, u: float, at: Discrepancy | None = None) -> Array:
        """S(q) in nats, shape of ``q``."""
        b, c, _ = at or self.discrepancy(u)
        x = np.asarray(q, dtype=float) ** 2
        share = x / (1.0 + 2.0 * (self.weight_variance + x))
        return np.asarray(self.dim * (x / (2.0 * self.weight_variance) - 2.0 * u / math.pi * share * (b - 2.0 * c * share) ** 2))

    def wells(self, u: float) -> GrokkingWells:
        """The central and the outer well, the barrier, and how the probability is shared."""
        at = self.discrepancy(u)
        q = np.linspace(0.0, max(6.0 * math.sqrt(self.weight_variance), 2.0), 8001)
        s = self.action(q, u, at)
        slope = np.sign(np.diff(s))
        tops = [i for i in range(1, len(q) - 1) if slope[i - 1] > 0 >= slope[i]]
        bottoms = [i for i in range(1, len(q) - 1) if slope[i - 1] < 0 <= slope[i]]
        if not tops or not bottoms:
            return GrokkingWells(u, self.noise(u), at, None, None, None, None, None)
        top, bottom = tops[0], bottoms[-1]
        outer = float(np.logaddexp.reduce(-s[top:]) - np.logaddexp.reduce(-s[:top]))
        return GrokkingWells(u, self.noise(u), at, float(q[bottom]), float(s[bottom]), float(q[top]), float(s[top]), outer)


class GrokkingWells(NamedTuple):
    """At u: the outer well ``q`` and its ``depth`` S(q) - S(0) (nats), the barrier's place and height, and the log odds of the two outer
    wells against the central one; None with one well."""

    u: float
    noise: float
    discrepancy: Discrepancy
    q: float | None
    depth: float | None
    barrier: float | None
    height: float | None
    log_odds: float | None


@dataclass(frozen=True)
class GrokkingTransition(_Record):
    """``onset``: u where the outer wells appear; ``u``, ``noise``: the transition (equal probability); ``depth``: where S is equal;
    ``wells`` at it."""

    model: GrokkingModel
    onset: float | None
    u: float | None
    noise: float | None
    depth: float | None
    wells: GrokkingWells | None


def overlaps(q: Array, weight_variance: float) -> Array:
    """<erf(w.x), (He_1, He_3/sqrt 6)> at q = w.w*, |w|^2 = sigma_w^2 + q^2; shape (2,) + q.shape."""
    d = 1.0 + 2.0 * (weight_variance + q * q)
    root = math.sqrt(math.pi)
    return np.stack([2.0 / root * q / np.sqrt(d), -4.0 / root * q**3 / d**1.5 / math.sqrt(6.0)])


def grokking_transition(model: GrokkingModel | None = None, *, low: float = 0.5, high: float = 500.0) -> GrokkingTransition:
    """The grokking transition in u: onset of the outer wells, equal depth, equal probability (None where not between the ends).

    Parameters
    ----------
    model : GrokkingModel, optional
        Widths, data, target and how Q is averaged; the published parameters by default.
    low, high : float
        Where u is looked for.

    Returns
    -------
    GrokkingTransition

    Raises
    ------
    ConvergenceError
        If the central well's own equations are not solved.

    Notes
    -----
    The action is in nats, u has no units.  What counts as the transition is a choice: docs/adaptation.md lists all of them.
    Cost: under a second.
    Source: Rubin, Seroussi, Ringel, arXiv 2310.03789; docs/adaptation.md, section "Grokking", eqs. 9 and 10.

    Examples
    --------
    >>> found = grokking_transition()
    >>> f"{found.u:.2f}", f"{found.noise:.3f}"
    ('30.22', '0.180')
    """
    from scipy.optimize import brentq

    model = model or GrokkingModel()
    grid = np.geomspace(low, high, 40)
    wells = [model.wells(float(u)) for u in grid]
    first = next((i for i, w in enumerate(wells) if w.q is not None), None)
    if first is None:
        return GrokkingTransition(model, None, None, None, None, None)
    onset = None
    living = float(grid[first])
    if first:
        dead = float(grid[first - 1])
        while living - dead > 1e-7 * living:
            middle = 0.5 * (dead + living)
            dead, living = (dead, middle) if model.wells(middle).q is not None else (middle, living)
        onset = living
    points = [living, *map(float, grid[first:])] if onset else list(map(float, grid[first:]))

    def root(name: str) -> float | None:
        def value(u: float) -> float:
            found = getattr(model.wells(u), name)
            return math.nan if found is None else float(found)

        values = [value(u) for u in points]
        for a, b, x, z in zip(points, points[1:], values, values[1:], strict=False):
            if x * z < 0.0:
                return float(brentq(value, a, b, xtol=1e-12, rtol=1e-12))
        return None

    at = root("log_odds")
    return GrokkingTransition(
        model, onset, at, None if at is None else model.noise(at), root("depth"), None if at is None else model.wells(at)
    )  # fmt: skip


def grokking_phases(epsilons: Any, model: GrokkingModel | None = None) -> tuple[GrokkingTransition, ...]:
    """The phase diagram in (u, eps): the transition for each eps.  Below its onset one well; then three, the outer ones rare; beyond u_c
    they rule."""
    from dataclasses import replace

    base = model or GrokkingModel()
    return tuple(grokking_transition(replace(base, epsilon=float(e))) for e in epsilons)


__all__ = ["GrokkingModel", "GrokkingTransition", "GrokkingWells", "grokking_phases", "grokking_transition"]
