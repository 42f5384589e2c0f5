"""Averages of one neuron's overlap over w_1 and rho = |w_perp|^2: the quadratures behind the pattern costs.

Formula.  w_1 ~ N(0, D s^2), s^2 = sigma_w^2/d, given |w_1| < high where asked, d rho/sigma_w^2 ~ chi^2_(d-1):
    E F(w_1, rho) = int F(e^x, .) p(e^x) e^x dx
by Gauss-Legendre panels in x = ln|w_1|, both signs unless F is even, times a generalised Gauss-Laguerre rule
in rho, from its Jacobi matrix (Golub and Welsch 1969), which cannot overflow at large d.  Panels in ln|w_1|
resolve exp(-t g^2), g ~ w^m, at every scale of t with the same nodes; their width falls as 1/m.
Source: derived in docs/theory.md.
Validity: g smooth for w_1 != 0; relative accuracy about 1e-12 for analytic overlaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError

if TYPE_CHECKING:
    from ldt.models.alignment import AlignmentSum

Array = NDArray[np.float64]

DEPTH = 34.0  # the rule starts at |w_1| = s e^-34: the mass left out is 1e-15
REACH = 9.0  # and ends 9 standard deviations out: the mass left out is 2e-19
NODES = 16
ZERO = 1e-12  # an overlap below this everywhere is rounding noise of one that vanishes identically


def overlap_at(model: AlignmentSum, w: Any, rho: Any) -> Array:
    """Unit overlap g(w_1, rho) as a float array; ``rho`` is dropped for the concentrated overlap."""
    return np.asarray(model.unit_overlap(w, None if model.overlap == "concentrated" else rho), dtype=float)


def weight_scale(model: AlignmentSum) -> float:
    """Standard deviation s = sigma_w/sqrt(d) of one weight under the prior."""
    return math.sqrt(float(model.weight_variance) / float(model.dim))


def typical_rho(model: AlignmentSum) -> float:
    """Prior mean of |w_perp|^2: sigma_w^2 (d-1)/d, or the concentrated overlap's fixed sigma_w^2."""
    if model.overlap == "concentrated":
        return float(model.weight_variance)
    return float(model.weight_variance) * (float(model.dim) - 1.0) / float(model.dim)


def reduced_level(model: AlignmentSum, level: Any) -> float:
    """a = alpha/(|c| sigma_a): the level where A = z sqrt(sum g_i^2/N).  ModelError unless level > 0."""
    try:
        value = float(level)
    except (TypeError, ValueError):
        raise ModelError(f"level: a number is needed, got {level!r}") from None
    if not (math.isfinite(value) and value > 0.0):
        raise ModelError(
            f"level: patterns describe a rare event, so the level must be finite and > 0, got {level!r}"
        )
    return value / (float(model.prefactor) * math.sqrt(float(model.readout_variance)))


def largest_weight(model: AlignmentSum) -> float:
    """|w_1| up to which the overlap may be asked for: computed overlaps are tabulated up to |w| = Q_MAX."""
    from ldt.models.hermite import HOMOGENEOUS, Q_MAX

    if model.activation == "erf" or model.activation in HOMOGENEOUS:
        return 1e30
    return max(math.sqrt(max(Q_MAX**2 - 10.0 * typical_rho(model), 0.0)), 1e-300)


def panels(low: float, high: float, width: float, nodes: int = NODES) -> tuple[Array, Array]:
    """Composite Gauss-Legendre nodes and weights on [low, high] with panels no wider than ``width``."""
    count = max(1, math.ceil((high - low) / width))
    x, h = np.polynomial.legendre.leggauss(nodes)
    edges = np.linspace(low, high, count + 1)
    half = np.diff(edges)[:, None] / 2.0
    middle = (edges[:-1] + edges[1:])[:, None] / 2.0
    return (middle + half * x).ravel(), (half * h).ravel()


@lru_cache(maxsize=64)
def _laguerre(dim: int, fine: bool) -> tuple[Array, Array]:
    """Nodes and weights for y ~ Gamma((d-1)/2, 1); few are needed once d is large, as the law is narrow."""
    from scipy.linalg import eigh_tridiagonal

    count = min(max(16, 400 // dim), 128)
    count = count if fine else max(5, count // 4)
    alpha = (dim - 3) / 2.0
    k = np.arange(count, dtype=float)
    nodes, vectors = eigh_tridiagonal(2.0 * k + 1.0 + alpha, np.sqrt(k[1:] * (k[1:] + alpha)))
    weights = vectors[0] ** 2
    return nodes, weights / weights.sum()


def rho_rule(model: AlignmentSum, ratio: float = 1.0, fine: bool = True) -> tuple[Array, Array]:
    """Nodes and probabilities of rho under ``ratio`` times its prior law (one node if concentrated)."""
    if model.overlap == "concentrated":
        return np.array([float(model.weight_variance)]), np.ones(1)
    nodes, weights = _laguerre(int(model.dim), fine)
    return nodes * (2.0 * ratio * float(model.weight_variance) / float(model.dim)), weights


def is_even(model: AlignmentSum) -> bool:
    """Whether g^2 is even in w_1 (then both signs of a specialised neuron serve alike)."""
    w = math.sqrt(float(model.weight_variance)) * np.array([0.03, 0.2, 0.7, 1.3, 2.9])
    plus, minus = overlap_at(model, w, typical_rho(model)), overlap_at(model, -w, typical_rho(model))
    return bool(
        np.all(np.abs(np.abs(plus) - np.abs(minus)) <= 1e-9 * np.maximum(np.abs(plus), np.abs(minus)))
    )


def require_overlap(model: AlignmentSum) -> None:
    """Raise ModelError if the overlap is identically zero: then A = 0 and no pattern has a meaning."""
    w = math.sqrt(float(model.weight_variance)) * np.geomspace(1e-2, 1e2, 41)
    for sign in (1.0, -1.0):
        g = overlap_at(model, sign * w, typical_rho(model))
        if not np.all(np.isfinite(g)):
            raise ModelError("model: the unit overlap is not finite, so no pattern has a cost")
        if np.any(np.abs(g) > ZERO * (1.0 + w)):
            return
    raise ModelError(
        f"model: the overlap of {model.activation!r} with target {model.target!r} is identically zero, "
        "so A = 0 and no pattern reaches the level"
    )


def vanishing_order(model: AlignmentSum) -> int:
    """Largest order m of a zero of g in w_1: g ~ w_1^m at the origin, 1 at a change of sign elsewhere, 0
    if none.

    P(g^2 < e) falls as e^(1/(2m)), so for n independent neurons E V^-j is finite only for j < n/(2m).
    """
    unit = math.sqrt(float(model.weight_variance))
    pair = unit * np.array([0.01, 0.02])
    near = np.abs(overlap_at(model, pair, typical_rho(model)))
    order = 0
    if np.all(near > 0.0):
        order = max(0, round(math.log(near[1] / near[0]) / math.log(2.0)))
    elif not np.any(near > 0.0):
        raise ModelError("model: the unit overlap underflows near w_1 = 0, so its order there is unknown")
    w = unit * np.geomspace(1e-2, 1e2, 400)
    for sign in (1.0, -1.0):
        g = overlap_at(model, sign * w, typical_rho(model))
        if order == 0 and np.any(g[1:] * g[:-1] < 0.0):
            order = 1
    return order


@dataclass(frozen=True)
class BulkRule:
    """Nodes of (w_1, rho) for every w_1 ~ N(0, D s^2), D <= ``largest``, given |w_1| < ``high``."""

    w: Array  # (n,) |w_1| nodes
    measure: Array  # (n,) quadrature weights of d|w_1|
    squares: Array  # (signs, n, k) g^2
    rho_weights: Array  # (k,)
    scale: float
    largest: float

    @classmethod
    def build(
        cls, model: AlignmentSum, largest: float = 1.0, high: float = math.inf, fine: bool = True
    ) -> BulkRule:
        """Evaluate g^2 once on all nodes (the only calls to ``model.unit_overlap``); ``fine=False``: 4
        digits, for searches.
        """
        scale = weight_scale(model)
        far = min(high, scale * math.sqrt(largest) * REACH)
        order = max(1, vanishing_order(model))
        x, h = panels(
            math.log(scale) - DEPTH, math.log(far), min(0.5, 1.5 / order), NODES if fine else NODES // 4
        )
        w = np.exp(x)
        rho, rho_weights = rho_rule(model, fine=fine)
        signs = (1.0,) if is_even(model) else (1.0, -1.0)
        squares = np.stack([overlap_at(model, s * w[:, None], rho[None, :]) for s in signs])
        squares = np.broadcast_to(squares, (len(signs), w.size, rho.size)) ** 2
        return cls(w, h * w, squares, rho_weights, scale, largest)

    def weights(self, inflation: float = 1.0) -> Array:
        """(n,) probabilities of |w_1| under N(0, D s^2), D = ``inflation``, given the restriction."""
        z = self.w / (self.scale * math.sqrt(inflation))
        mass = self.measure * np.exp(-0.5 * z * z)
        return np.asarray(mass / mass.sum())

    def mean_square(self, inflation: float = 1.0) -> float:
        """E g^2 with w_1 ~ N(0, D s^2): the variance of one neuron's overlap."""
        rows = (self.squares @ self.rho_weights).mean(axis=0)
        return float(self.weights(inflation) @ rows)

    def log_laplace(self, t: Array, inflation: float = 1.0) -> Array:
        """log E exp(-t g^2) for an array of t >= 0; exact in relative terms both at t -> 0 and at t ->
        infinity.
        """
        mass = (self.weights(inflation)[None, :, None] * self.rho_weights / len(self.squares)).ravel()
        return log_laplace(self.squares.ravel(), np.tile(mass, len(self.squares)), t)


def log_laplace(squares: Array, mass: Array, t: Array) -> Array:
    """log sum_i mass_i exp(-t squares_i) for probabilities ``mass``, in blocks; log1p form near 0."""
    keep = mass > 0.0
    squares, mass = squares[keep], mass[keep]
    out = np.empty(t.size)
    rows = max(1, 2_000_000 // squares.size)
    for start in range(0, t.size, rows):
        arguments = -t[start : start + rows, None] * squares
        lost = -(np.expm1(arguments) @ mass)
        direct = np.exp(arguments) @ mass
        with np.errstate(divide="ignore"):
            out[start : start + rows] = np.where(lost < 0.5, np.log1p(-np.minimum(lost, 0.5)), np.log(direct))
    return out
