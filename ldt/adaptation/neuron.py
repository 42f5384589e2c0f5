r"""One neuron of a two-layer network in the basis that its mean predictor lives in, on quadrature nodes.

With prior and target invariant under rotations of x_perp, so is the mean predictor; it has components only along the orthonormal

    e_{k,m}(x) = He_k(x_1)/sqrt(k!) L_m(|x_perp|^2),     L_m: the invariant Hermite polynomial of degree 2m in d - 1 variables,

and for phi(w.x), rho = |w_perp|^2, q^2 = w^2 + rho (ldt.models.hermite: b_j(q) = E[phi(q z) He_j(z)])

    <phi(w.x), e_{k,m}> = w^k rho^m q^-(k+2m) b_{k+2m}(q)/sqrt(k!) sqrt(E u^{2m}/(2m)!),

u one coordinate of a uniform point of the unit sphere in d - 1 dimensions.   (Stein/Hermite identity and the rotation average of
sum_|a|=2m w^a (Rw)^a/a! = (w.Rw)^{2m}/(2m)!; derived in docs/adaptation.md, eq. 8.)

Nodes are composite Gauss-Legendre panels in w_1 and, for the full overlap, in log rho, in steps of 2.5 prior standard deviations.
They share nothing with the quadrature of ldt.models.neuron, against which the tests compare.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError
from ldt.models import hermite

Array = NDArray[np.float64]

#: Densities are followed down to exp(-DROP) of their peak.
DROP = 50.0
MAX_NODES = 3_000_000
#: Length of a panel in prior standard deviations.
STEP = 2.5
#: e_{k,m}: the pair (k, m).
Component = tuple[int, int]


def components_of(model: Any, degree: int | None) -> tuple[Component, ...]:
    """The pairs (k, m) of degree k + 2m <= ``degree`` that the mean can have; the target's own for None.

    Degrees of the parity that the target lacks have mean 0 by symmetry.  Activations that have no b_j(q) at a degree are left out.
    """
    own = tuple((k, 0) for k, _ in model.target)
    if degree is None:
        return own
    highest = max(k for k, _ in model.target)
    if isinstance(degree, bool) or not isinstance(degree, int) or not highest <= degree <= 30:
        raise ModelError(f"degree: must be an integer from the target's {highest} to 30, got {degree!r}")
    parities = {k % 2 for k, _ in model.target}
    pairs = [(k, m) for k in range(degree + 1) for m in range((degree - k) // 2 + 1) if k % 2 in parities]
    if model.dim < 2:
        pairs = [(k, m) for k, m in pairs if m == 0]
    return tuple(p for p in sorted(pairs, key=lambda p: (p[0] + 2 * p[1], p[1])) if p in own or _present(model, p))


def _present(model: Any, pair: Component) -> bool:
    q = np.array([0.3, 1.0, 3.0])
    j = pair[0] + 2 * pair[1]
    return bool(np.max(np.abs(_averages(model, (j,), q))) > 1e-12)


def _averages(model: Any, degrees: tuple[int, ...], q: Array) -> Array:
    """b_j(q)/q^j for erf, else b_j(q); shape (degrees,) + q.shape."""
    if model.activation == "erf":
        u = 1.0 / np.sqrt(1.0 + 2.0 * q * q)
        return np.stack([hermite.erf_constant(j) * u**j for j in degrees])
    if model.activation in hermite.HOMOGENEOUS:
        return np.stack([b * q for b in hermite.homogeneous_averages(str(model.activation), degrees)])
    return np.asarray(hermite.hermite_table(model._phi, degrees)(q))


def overlaps(model: Any, components: tuple[Component, ...], w: Array, rho: Array) -> Array:
    """<phi(w.x), e_{k,m}> of neurons (w_1, rho); shape (components,) + w.shape.

    >>> from ldt.models.alignment import AlignmentSum
    >>> model, one = AlignmentSum(5, 5, c="orthonormal"), np.array([1.0])
    >>> bool(abs(overlaps(model, ((3, 0),), one, one)[0, 0] + model.prefactor * model.unit_overlap(1.0)) < 1e-15)
    True
    """
    q = np.sqrt(w * w + rho)
    degrees = tuple(sorted({k + 2 * m for k, m in components}))
    rows = dict(zip(degrees, _averages(model, degrees, q), strict=True))
    erf = model.activation == "erf"
    out = np.empty((len(components), *w.shape))
    safe = q if erf else np.where(q > 0.0, q, 1.0)
    cosine, sine2 = (w, rho) if erf else (w / safe, rho / (safe * safe))
    for i, (k, m) in enumerate(components):
        constant = math.exp(0.5 * (_log_sphere_moment(m, model.dim) - math.lgamma(2 * m + 1.0) - math.lgamma(k + 1.0)))
        out[i] = constant * cosine**k * sine2**m * rows[k + 2 * m]
    return out


def _log_sphere_moment(m: int, dim: int) -> float:
    """log E u^{2m}, u one coordinate of a uniform point of the unit sphere in dim - 1 dimensions."""
    if m == 0:
        return 0.0
    half = 0.5 * (dim - 1)
    return math.lgamma(half) + math.lgamma(m + 0.5) - 0.5 * math.log(math.pi) - math.lgamma(half + m)


@dataclass(frozen=True)
class Target:
    """What the network is trained on: ``gain`` times its output is fitted to ``size`` (a unit vector ``direction``)."""

    components: tuple[Component, ...]
    direction: Array
    size: float
    gain: float

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"He_{k}" + (f" L_{m}" if m else "") for k, m in self.components)


def target_of(model: Any, degree: int | None) -> Target:
    """The target in the orthonormal basis, by the model's convention of c.

    ``raw`` and ``ratio``: y as written.  ``orthonormal``: y divided by its norm.  ``talk`` or a number: the same, with readouts c/c_orth
    times larger, so that A = 1 is still what is learned.
    """
    components = components_of(model, degree)
    norm2 = sum(v * v * math.factorial(k) for k, v in model.target)
    known = {(k, 0): v * math.sqrt(math.factorial(k)) for k, v in model.target}
    direction = np.array([known.get(p, 0.0) for p in components]) / math.sqrt(norm2)
    if model.c in ("raw", "ratio"):
        return Target(components, direction, math.sqrt(norm2), 1.0)
    return Target(components, direction, 1.0, float(model.prefactor / (model.unit_constant / math.sqrt(norm2))))


class Grid:
    """Nodes of one neuron: ``w``, ``rho``, log prior mass ``lw``, overlaps ``h`` of shape (components, nodes), gain included.

    One-component grids (``degree`` None) have a single row, the overlap with the target's direction.  Where (t.h)^2 is even in w only
    w > 0 is kept.  ``reach`` is the largest |w|, ``low`` and ``high`` the range of log(rho/sigma_w^2).  No panel crosses |w| = ``cut``.
    """

    def __init__(
        self, model: Any, degree: int | None, reach: float, low: float, high: float, order: int = 12, cut: float | None = None
    ) -> None:
        self.model, self.degree, self.order, self.cut = model, degree, order, cut
        self.reach, self.low, self.high = reach, low, high
        self.target = target_of(model, degree)
        self.even = len({k % 2 for k, _ in self.target.components}) == 1
        self.flat = model.overlap == "concentrated" or model.activation == "linear"
        sigma = math.sqrt(model.weight_variance / model.dim)
        edges = [0.0, reach] if cut is None or not 0.0 < cut < reach else [0.0, cut, reach]
        parts = [_panels(lo, hi, STEP * sigma, order) for lo, hi in itertools.pairwise(edges)]
        w, weight = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        if not self.even:
            w, weight = np.concatenate([-w[::-1], w]), np.concatenate([weight[::-1], weight])
        line = np.log(weight) - 0.5 * (w / sigma) ** 2 - math.log(sigma * math.sqrt(2.0 * math.pi)) + math.log(2.0) * self.even
        self.line = w
        if self.flat:
            self.w, self.lw, self.rho = w, line, np.full_like(w, model.weight_variance)
            self.radial = 1
        else:
            a, b = 0.5 * (model.dim - 1), 0.5 * model.dim / model.weight_variance
            x, weight = _panels(low, high, STEP * math.sqrt(1.0 / a), order - 2)
            r = model.weight_variance * np.exp(x)
            radial = np.log(weight) + a * np.log(b * r) - b * r - math.lgamma(a)
            if len(w) * len(r) > MAX_NODES:
                raise ModelError(f"dim: the full overlap at d = {model.dim} needs {len(w) * len(r):.1e} nodes; use the concentrated one")
            self.w, self.rho = np.repeat(w, len(r)), np.tile(r, len(w))
            self.lw = (line[:, None] + radial[None, :]).ravel()
            self.radial = len(r)
        self.h = self.overlaps(self.w, self.rho)

    def overlaps(self, w: Array, rho: Array) -> Array:
        """The rows of ``h`` anywhere."""
        rows = self.target.gain * overlaps(self.model, self.target.components, w, rho)
        return self.target.direction[None, :] @ rows if self.degree is None else rows

    @property
    def y(self) -> Array:
        """The target in the rows' basis."""
        return np.array([self.target.size]) if self.degree is None else self.target.size * self.target.direction

    @property
    def names(self) -> tuple[str, ...]:
        return ("y",) if self.degree is None else self.target.names

    def refined(self) -> Grid:
        """The same region with more nodes a panel: another quadrature, to measure the error with."""
        return Grid(self.model, self.degree, self.reach, self.low, self.high, self.order + 8, self.cut)

    def cut_at(self, cut: float) -> Grid:
        """The same region with panels that end at |w| = ``cut``."""
        return Grid(self.model, self.degree, self.reach, self.low, self.high, self.order, cut)

    def grown(self, tilted: Array) -> Grid | None:
        """A wider grid, if the log mass ``tilted`` is not negligible at an edge; None if all is well."""
        shape = (len(self.line), self.radial)
        table = tilted.reshape(shape) - float(np.max(tilted))
        far = float(np.max(table[-1] if self.even else table[[0, -1]]))
        reach, low, high = self.reach, self.low, self.high
        if far > -DROP:
            reach *= 1.5
        if not self.flat:
            low -= 1.5 if float(np.max(table[:, 0])) > -DROP else 0.0
            high += 0.5 if float(np.max(table[:, -1])) > -DROP else 0.0
        if (reach, low, high) == (self.reach, self.low, self.high):
            return None
        closed = self.model.activation in ("erf", *hermite.HOMOGENEOUS)
        limit = 1e4 * math.sqrt(self.model.weight_variance) if closed else 0.9 * hermite.Q_MAX
        if reach > limit:
            raise ConvergenceError(f"samples: the tilted law of a neuron reaches beyond |w| = {limit:g}, near the end of its tilts")
        return Grid(self.model, self.degree, reach, low, high, self.order, self.cut)


def first_grid(model: Any, degree: int | None) -> Grid:
    """A grid with all of the prior, and of a tilted law that specialises at |w| of a few sigma_w."""
    sigma = math.sqrt(model.weight_variance)
    spread = math.sqrt(2.0 / max(model.dim - 1, 1))
    return Grid(model, degree, max(4.0 * sigma, 14.0 * sigma / math.sqrt(model.dim)), -3.0 - 12.0 * spread, 0.5 + 9.0 * spread)


def _panels(low: float, high: float, width: float, order: int) -> tuple[Array, Array]:
    n = max(4, math.ceil((high - low) / width))
    if n * order > MAX_NODES:
        raise ModelError(f"dim: the law of a neuron needs {n * order:.1e} nodes, at most {MAX_NODES:.0e}")
    x, weight = np.polynomial.legendre.leggauss(order)
    half = 0.5 * (high - low) / n
    left = low + 2.0 * half * np.arange(n)
    return (left[:, None] + half * (x + 1.0)).ravel(), np.tile(half * weight, n)
