r"""Overlaps of a neuron with Hermite polynomials.

For x ~ N(0, I_d) and a weight vector w of norm q, the Stein/Hermite identity gives

    <phi(w.x), He_k(x_1)> = (w_1/q)^k b_k(q),      b_k(q) = E[phi(q z) He_k(z)],  z ~ N(0, 1),

with He_k the probabilists' Hermite polynomial (Mehler's formula for the pair (w.x/q, x_1) of correlation w_1/q).

* erf: b_k = C_k u^k with u = q/sqrt(1 + 2 q^2), C_k = (2/sqrt(pi)) (-1)^m (2m)!/m! for k = 2m + 1, and 0 for even k
  (erf' = 2 exp(-x^2)/sqrt(pi) and the generating function of its Gaussian averages; derived in docs/theory.md).
* positively homogeneous phi (relu, linear): b_k(q) = q b_k(1), b_k(1) in closed form.
* any other phi: b_k by adaptive Gauss-Kronrod quadrature over z, tabulated in q by Chebyshev interpolation that is
  refined until its coefficients fall below 1e-13.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError

Array = NDArray[np.float64]
Activation = Callable[[Any], Any]

#: Largest q at which a computed activation's table ends (far beyond any weight that matters).
Q_MAX = 1.0e3
#: Half-width of the Gaussian average over z; the mass beyond is below 1e-300.
Z_MAX = 38.0
#: Chebyshev coefficients on one piece of the table.
PIECE = 14
#: A Hermite average over 1 + q that is nowhere larger is the quadrature's rounding of 0.
NOTHING = 1e-13


def erf_constant(k: int) -> float:
    """C_k of the erf overlap C_k u^k: 2/sqrt(pi) at k = 1, -4/sqrt(pi) at k = 3, 0 for even k.

    >>> round(erf_constant(3) * math.sqrt(math.pi), 12)
    -4.0
    """
    if k % 2 == 0:
        return 0.0
    m = (k - 1) // 2
    return 2.0 / math.sqrt(math.pi) * (-1.0) ** m * math.factorial(2 * m) / math.factorial(m)


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def linear(x: Any) -> Any:
    """The identity."""
    return np.asarray(x)


def erf(x: Any) -> Any:
    """SciPy's error function."""
    from scipy.special import erf as scipy_erf

    return scipy_erf(x)


NAMED: dict[str, Activation] = {"erf": erf, "relu": relu, "tanh": np.tanh, "linear": linear}
HOMOGENEOUS = ("relu", "linear")


def _hermite(k: int, z: Array) -> Array:
    return np.asarray(np.polynomial.hermite_e.hermeval(z, [0.0] * k + [1.0]))


def hermite_averages(phi: Activation, ks: tuple[int, ...], q: Array) -> Array:
    """b_k(q) = E[phi(q z) He_k(z)] by adaptive quadrature; shape (len(ks), len(q)).

    Raises ModelError where ``phi`` returns a value that is not finite, ConvergenceError where the quadrature does not
    reach 1e-12 of the scale of the integrand.

    >>> b = hermite_averages(erf, (1, 3), np.array([1.0]))
    >>> bool(abs(b[1, 0] - erf_constant(3) / 3.0**1.5) < 1e-13)
    True
    """
    from scipy.integrate import quad_vec

    def integrand(z: float) -> Array:
        weight = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        plus, minus = _call(phi, q * z), _call(phi, -q * z)
        rows = [(plus + (-1.0) ** k * minus) * float(_hermite(k, np.asarray(z))) * weight / (1.0 + q) for k in ks]
        return np.concatenate(rows)

    # The kinks of phi(q z) and its fast part sit at z ~ 1/q: break the range there on a few scales.
    value, error = quad_vec(
        integrand, 0.0, Z_MAX, epsabs=1e-14, epsrel=1e-14, norm="max", limit=4000, points=[1e-3, 1e-2, 0.1, 0.5, 1, 2, 4, 8]
    )
    scale = max(1.0, float(np.max(np.abs(value))))
    if not error < 1e-11 * scale:
        raise ConvergenceError(f"activation: its Hermite average did not converge (error {error:.1e}); is it smooth enough?")
    return np.asarray(value.reshape(len(ks), len(q)) * (1.0 + q))


def _call(phi: Activation, x: Array) -> Array:
    with np.errstate(all="ignore"):
        y = np.asarray(phi(x))
    if y.dtype.kind not in "iuf":
        raise ModelError(f"activation: must return real numbers, got an array of {y.dtype}")
    y = np.asarray(y, dtype=float)
    if y.shape != x.shape:
        raise ModelError(f"activation: must map an array to an array of its shape, got {y.shape} for {x.shape}")
    if not np.all(np.isfinite(y)):
        bad = float(x[~np.isfinite(y)][0])
        raise ModelError(f"activation: returned a value that is not finite at x = {bad:g}; it must be finite on the real line")
    return y


class HermiteTable:
    """b_k(q) on 0 <= q <= Q_MAX for a computed activation, by Chebyshev interpolation in q/(1 + q).

    ``table(q)`` has shape (len(ks),) + q.shape.  The interpolant of b_k/(1 + q) is doubled until its last
    coefficients are below 1e-13 of the largest; ConvergenceError if 1024 do not suffice.  What is nothing but rounding is 0.
    ``error`` is the absolute error of b_k/(1 + q): the interpolant's tail and the rounding of quadrature and series.
    """

    def __init__(self, phi: Activation, ks: tuple[int, ...]) -> None:
        self.ks = ks
        cheb = np.polynomial.chebyshev
        top = Q_MAX / (1.0 + Q_MAX)
        n = 32
        while True:
            nodes = np.cos(math.pi * (np.arange(n) + 0.5) / n)
            tau = 0.5 * top * (nodes + 1.0)
            q = tau / (1.0 - tau)
            values = hermite_averages(phi, ks, q) / (1.0 + q)
            coefficients = np.array([cheb.chebfit(nodes, row, n - 1) for row in values])
            size = max(float(np.max(np.abs(coefficients))), 1e-300)
            tail = float(np.max(np.abs(coefficients[:, -4:])))
            if size < NOTHING:
                coefficients = np.zeros((len(ks), 1))
                break
            if tail < 1e-13 * size:
                break
            if n >= 1024:
                raise ConvergenceError("activation: its overlap b_k(q) is too rough in q to tabulate to 1e-13")
            n *= 2
        self._pieces, cut = _pieces(coefficients)
        self._top = top
        self.error = 4.0 * tail + 5e-15 * size + cut

    def __call__(self, q: Array) -> Array:
        q = np.asarray(q, dtype=float)
        if np.any(q > Q_MAX):
            raise ModelError(f"activation: the computed overlap is tabulated for |w| <= {Q_MAX:g} only")
        from ldt.models.loops import piecewise

        place = np.ascontiguousarray(q / (1.0 + q) / self._top).ravel()
        rows = [piecewise(place, piece).reshape(q.shape) for piece in self._pieces]
        return np.stack(rows) * (1.0 + q)


def _pieces(coefficients: Array) -> tuple[Array, float]:
    """Chebyshev series on -1 <= x <= 1, shape (k, n), as polynomials on equal pieces: Chebyshev coefficients of shape (k, pieces, PIECE),
    and the largest error seen between their nodes.  A long series costs as many multiplications as it has terms."""
    cheb = np.polynomial.chebyshev
    t = np.cos(math.pi * (np.arange(PIECE) + 0.5) / PIECE)
    between = np.linspace(-1.0, 1.0, 9)
    fit = np.linalg.inv(cheb.chebvander(t, PIECE - 1)).T
    count = max(8, coefficients.shape[1] // 2)
    while True:
        middle, half = (2.0 * np.arange(count)[:, None] + 1.0) / count - 1.0, 1.0 / count
        pieces = cheb.chebval(middle + half * t, coefficients.T) @ fit
        seen = pieces @ cheb.chebvander(between, PIECE - 1).T
        error = float(np.max(np.abs(seen - cheb.chebval(middle + half * between, coefficients.T))))
        if error <= 4e-15 * max(float(np.max(np.abs(seen))), 1e-300) or count >= 8192:
            return np.ascontiguousarray(pieces), error
        count *= 2


@lru_cache(maxsize=32)
def hermite_table(phi: Activation, ks: tuple[int, ...]) -> HermiteTable:
    """The table of an activation, built once a process."""
    return HermiteTable(phi, ks)


def homogeneous_averages(name: str, ks: tuple[int, ...]) -> tuple[float, ...]:
    """b_k(1) of relu or linear: E[z He_k] = 1 at k = 1 alone; E[max(z, 0) He_k] = He_(k-2)(0)/sqrt(2 pi) for
    k >= 2 (two integrations by parts: max(z, 0)'' is a delta function), He_(2m)(0) = (-1)^m (2m - 1)!!.

    >>> [round(b * math.sqrt(2.0 * math.pi), 12) for b in homogeneous_averages("relu", (0, 2, 3, 4, 6))]
    [1.0, 1.0, 0.0, -1.0, 3.0]
    """
    if name == "linear":
        return tuple(float(k == 1) for k in ks)
    half = {0: 1.0 / math.sqrt(2.0 * math.pi), 1: 0.5}
    return tuple(half[k] if k in half else (k % 2 == 0) * (-1.0) ** (k // 2 - 1) * _odd_factorial(k - 3) * half[0] for k in ks)


def _odd_factorial(n: int) -> int:
    """n!! of an odd n (1 at -1)."""
    return math.prod(range(n, 0, -2))
