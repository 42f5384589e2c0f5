r"""Eigenvalues of a rotation-invariant kernel on a symmetric measure, and the variance of its alignment with a target.

Sphere of radius sqrt d in d dimensions, uniform (Funk-Hecke).  With P_k the Legendre polynomial in d dimensions, P_k(1) = 1,

    lambda_k = E_t[kappa(t) P_k(t)],  t = cos(theta),  density of theta ~ sin(theta)^(d-2),     sum_k n_k lambda_k = kappa(1),

for each of the n_k = C(k+d-1,k) - C(k+d-3,k-2) spherical harmonics of degree k; the zonal one, normalised to mean square 1,
is sqrt(n_k) P_k(x_1/sqrt d).  kappa is analytic in theta for all kernels here, so Gauss-Legendre in theta converges
geometrically where Gauss-Jacobi in t would meet (1-t)^(1/2) or (1-t)^(3/2).

Gaussian measure N(0, I_d).  Eigenfunctions are psi(|x|) times a harmonic; He_k(x_1)/sqrt(k!) is *not* one, but
A = <f, He_k(x_1)/sqrt(k!)> is Gaussian all the same, with variance

    V = sum_j E_(r,r')[h_j(r) h_j(r') lambda_j(r,r')],      h_j(r) = E_t[He_k(r t) sqrt(n_j) P_j(t)]/sqrt(k!),   j = k, k-2, ...

with r^2 ~ chi^2_d (Gauss-Legendre in r: the kernels are smooth in r, not in r^2). The eigenvalues of degree j are those of the integral
operator lambda_j(r,r') on the radial law. Closed for rbf (Mehler; Zhu et al. 1998), m = degree + 2 x radial order:

    lambda = (2A/S)^(d/2) B^m,   A = 1/4, b = 1/(2 l^2 d), S = A + b + sqrt(A^2 + 2Ab),  B = b/S.

Error: change when all node numbers grow by half (four times that where r is integrated: laplace has a kink at r = r', and converges
like a power), plus rounding.  A component that is zero by parity comes out within its error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import roots_legendre

from ldt.errors import ModelError
from ldt.lazy.kernels import Array, Kernel
from ldt.results import _Record

EPS = 2.0**-52
MEASURES = ("sphere", "gaussian")
MAX_DEGREE = 60


@dataclass(frozen=True)
class Component(_Record):
    """One component of a kernel: ``value`` +- ``error`` is the variance of A = <f, target>, the target having mean square 1.

    ``exact_eigenfunction`` says whether ``value`` is also an eigenvalue; ``degeneracy`` is n_k.
    """

    degree: int
    value: float
    error: float
    degeneracy: int
    target: str
    measure: str
    dim: int
    exact_eigenfunction: bool
    kernel: Kernel

    @property
    def resolved(self) -> bool:
        """Whether the value stands clear of its error (else it may be zero, by parity)."""
        return self.value > 4.0 * self.error


def degeneracy(dim: int, degree: int) -> int:
    """Number of spherical harmonics of one degree in d >= 2 dimensions, exactly.

    >>> [degeneracy(3, k) for k in range(4)], degeneracy(2, 5), degeneracy(10, 3)
    ([1, 3, 5, 7], 2, 210)
    """
    below = math.comb(degree + dim - 3, degree - 2) if degree >= 2 else 0
    return math.comb(degree + dim - 1, degree) - below


def legendre(dim: int, degree: int, t: Any) -> Array:
    """P_0 .. P_degree in d dimensions, P_k(1) = 1, at t: an array (degree + 1, *t.shape).

    >>> legendre(3, 2, 0.5)[2].item()
    -0.125
    """
    t = np.asarray(t, dtype=float)
    values = np.ones((degree + 1, *t.shape))
    if degree >= 1:
        values[1] = t
    for k in range(1, degree):
        values[k + 1] = ((2 * k + dim - 2) * t * values[k] - k * values[k - 1]) / (k + dim - 2)
    return values


def zonal(dim: int, degree: int, x: Any) -> Array:
    """sqrt(n_k) P_k(x_1/|x|) at the rows of x (n, d): the zonal harmonic about the first axis, mean square 1 on the sphere."""
    x = np.asarray(x, dtype=float)
    return np.asarray(math.sqrt(degeneracy(dim, degree)) * legendre(dim, degree, x[:, 0] / np.linalg.norm(x, axis=1))[degree])


def component(kernel: Kernel, dim: int, degree: int, measure: str = "sphere") -> Component:
    """The variance lambda of A = <f, target>: an eigenvalue on the sphere (zonal harmonic of degree k), the variance along
    He_k(x_1)/sqrt(k!) under N(0, I_d).

    Raises
    ------
    ModelError
        For dim < 2, a degree outside 0 .. 60, or an unknown measure.

    Examples
    --------
    >>> c = component(Kernel("rbf", length=0.5), 3, 2)
    >>> from scipy.special import ive
    >>> bool(abs(c.value / (ive(2.5, 4.0) * math.sqrt(math.pi / 8)) - 1) < 1e-12)
    True
    """
    _check(dim, degree, measure)
    fine, coarse = (_value(kernel, dim, degree, measure, more) for more in (True, False))
    error = (1.0 if measure == "sphere" else 4.0) * abs(fine[0] - coarse[0]) + fine[1]
    name = f"sqrt(n_{degree}) P_{degree}(x_1/sqrt d)" if measure == "sphere" else f"He_{degree}(x_1)/sqrt({degree}!)"
    return Component(degree, max(fine[0], 0.0), error, degeneracy(dim, degree), name, measure, dim, measure == "sphere", kernel)


def components(kernel: Kernel, dim: int, degrees: Sequence[int], measure: str = "sphere") -> tuple[Component, ...]:
    """``component`` for each degree."""
    return tuple(component(kernel, dim, k, measure) for k in degrees)


def gaussian_eigenvalues(kernel: Kernel, dim: int, degree: int, count: int = 1) -> tuple[Array, float]:
    """The largest ``count`` (1 to 8) eigenvalues of one degree under N(0, I_d), each n_k-fold, and their absolute error.

    >>> values, error = gaussian_eigenvalues(Kernel("rbf", length=0.5), 4, 1)
    >>> bool(abs(values[0] - rbf_gaussian_eigenvalue(0.5, 4, 1)) < 1e-12)
    True
    """
    _check(dim, degree, "gaussian")
    if not isinstance(count, int) or not 1 <= count <= 8:
        raise ModelError(f"count: must be an integer from 1 to 8, got {count!r}")
    found: list[Array] = []
    for fine in (False, True):
        r, w = _radial(dim, degree, fine)
        root = np.sqrt(w)
        block = root[:, None] * _block(kernel, dim, degree, r, fine)[0] * root
        found.append(np.array(np.linalg.eigvalsh(block)[::-1][:count], dtype=float))
    return found[1], 4.0 * float(np.max(np.abs(found[1] - found[0]))) + 16.0 * EPS * float(found[1][0])


def rbf_gaussian_eigenvalue(length: float, dim: int, order: int) -> float:
    """The closed eigenvalue of rbf under N(0, I_d) for functions of total order m = degree + 2 * radial order (Mehler)."""
    b = 1.0 / (2.0 * length**2 * dim)
    total = 0.25 + b + math.sqrt(0.0625 + 0.5 * b)
    return math.exp(0.5 * dim * math.log(0.5 / total) + order * math.log(b / total))


def _value(kernel: Kernel, dim: int, degree: int, measure: str, fine: bool) -> tuple[float, float]:
    if measure == "sphere":
        t, w = _angles(dim, degree, fine)
        terms = w * kernel.of_products(1.0, 1.0, t) * legendre(dim, degree, t)[degree]
        return float(terms.sum()), 8.0 * EPS * (degree + 2) * float(np.abs(terms).sum())
    r, w = _radial(dim, degree, fine)
    total, rounding = 0.0, 0.0
    for j in range(degree % 2, degree + 1, 2):
        h = w * _hermite_on_sphere(dim, degree, j, r)
        block, size = _block(kernel, dim, j, r, fine)
        total += float(h @ block @ h)
        rounding += 8.0 * EPS * (degree + 2) * float(np.abs(h) @ size @ np.abs(h))
    return total, rounding


def _block(kernel: Kernel, dim: int, degree: int, r: Array, fine: bool) -> tuple[Array, Array]:
    """lambda_j(r, r') at the nodes, and the sums of absolute values, which rounding is measured by."""
    t, w = _angles(dim, degree, fine)
    p = w * legendre(dim, degree, t)[degree]
    q = r * r / dim
    values, sizes = np.empty((len(r), len(r))), np.empty((len(r), len(r)))
    for i in range(len(r)):
        terms = kernel.of_products(q[i], q[:, None], r[i] * r[:, None] * t / dim)
        values[i], sizes[i] = terms @ p, np.abs(terms) @ np.abs(p)
    return 0.5 * (values + values.T), sizes


def _hermite_on_sphere(dim: int, degree: int, j: int, r: Array) -> Array:
    """h_j(r): the part of degree j of He_k(r t)/sqrt(k!) on the sphere of radius r."""
    t, w = _angles(dim, degree, True)
    x = r[:, None] * t
    he, last = np.ones_like(x), np.zeros_like(x)
    for k in range(degree):  # He_(k+1)/sqrt((k+1)!) from the two before
        he, last = (x * he - math.sqrt(k) * last) / math.sqrt(k + 1), he
    return np.asarray(he @ (w * math.sqrt(degeneracy(dim, j)) * legendre(dim, degree, t)[j]))


@lru_cache(maxsize=64)
def _angles(dim: int, degree: int, fine: bool) -> tuple[Array, Array]:
    """Nodes cos(theta) and weights of the angle's law: Gauss-Legendre where sin^(d-2) is not below exp(-60 - 10 k)."""
    half = min(0.5 * math.pi, math.sqrt((120.0 + 20.0 * degree) / max(dim - 2, 1)))
    count = (120 if fine else 80) + 3 * degree
    u, w = roots_legendre(count)
    t = np.sin(half * u)
    weight = w * np.exp(0.5 * (dim - 2) * np.log1p(-t * t))
    return t, weight / weight.sum()


@lru_cache(maxsize=64)
def _radial(dim: int, degree: int, fine: bool) -> tuple[Array, Array]:
    """Nodes and weights of r = |x|, density ~ r^(d-1) exp(-r^2/2), where that is not negligible."""
    centre, reach = math.sqrt(dim - 1.0), 8.5 + 2.0 * math.sqrt(degree)
    low, high = max(0.0, centre - reach), centre + reach
    u, w = roots_legendre(96 if fine else 64)
    r = 0.5 * (high + low) + 0.5 * (high - low) * u
    x = r - centre  # log of r^(d-1) exp(-r^2/2) against its value at the centre, without cancellation at large d
    weight = w * np.exp((dim - 1) * np.log1p(x / centre) - x * centre - 0.5 * x * x)
    return r, weight / weight.sum()


def _check(dim: Any, degree: Any, measure: Any) -> None:
    for name, value, low, high in (("dim", dim, 2, 10**6), ("degree", degree, 0, MAX_DEGREE)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
            raise ModelError(f"{name}: must be an integer from {low} to {high}, got {value!r}")
    if measure not in MEASURES:
        raise ModelError(f"measure: must be one of {', '.join(MEASURES)}, got {measure!r}")


__all__ = [
    "MEASURES", "Component", "component", "components", "degeneracy", "gaussian_eigenvalues", "legendre", "rbf_gaussian_eigenvalue",
    "zonal",
]  # fmt: skip
