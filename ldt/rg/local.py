r"""Finite data, white high modes: each sample's loss flows by a heat equation (exact), the ridge rule being its u = 0 line.

Convention of ldt.rg: the weight of a field is exp(-S/2).  One sample costs V(g) = r g^2 + u g^4, g = f(x_mu) - y_mu; r = 1/s^2.  If the
eliminated modes are white on the samples, h_mu ~ N(0, c) independently with c = sum_(k>Lambda) lambda_k, they are integrated out
sample by sample, exactly:

    exp(-V_c(g)/2) = E_h exp(-V(g + h)/2)   <=>   dV/dc = V''/2 - V'^2/4          (up to a constant)
    dr/dc = 6u - r^2,      du/dc = -4 r u + 15 v_6,      dv_n/dc = (2n+2)(2n+1)/2 v_(n+1) - sum_(i+j=n+1) i j v_i v_j,   V = sum v_n g^(2n).

u = 0: 1/r -> 1/r + c, the ridge s^2 -> s^2 + c.  u > 0: exp(-V/2) is a noise law, and adding h adds cumulants, so

    variance -> variance + c,    fourth cumulant unchanged,    excess kurtosis ~ (1 + c/variance)^(-2) -> 0:

u is irrelevant as high modes are eliminated, and the renormalised ridge is variance + c whatever u (exact). At g = 0, r_c = 1/c - k2/c^2
and u_c = -k4/(12 c^4), with k2, k4 the cumulants of q(x) = exp(-V(x)/2 - x^2/2c). These cancel at small c, where with W1 .. W4 the
derivatives of -V/2 the same is a sum of joint cumulants under q, u_c = -[k(W4) + 4k(W3,W1) + 3k(W2,W2) + 6k(W2,W1,W1) +
k(W1,W1,W1,W1)]/12. Truncating at order 2 (dropping v_6) is the one-loop flow: r is then exact to first order in u, and u too. """

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError, ModelError, positive
from ldt.results import _Record


@dataclass(frozen=True)
class LocalCouplings(_Record):
    """V_c's Taylor coefficients ``r`` and ``u`` at g = 0, and, of the noise law exp(-V_c/2): its ``variance`` (the renormalised
    ridge) and excess ``kurtosis``."""

    c: float
    r: float
    u: float
    variance: float
    kurtosis: float


def local_exact(r: float, u: float, c: float) -> LocalCouplings:
    """The elimination of white modes of variance c, by one-dimensional quadrature: exact to rounding.

    >>> local_exact(2.0, 0.0, 0.5).variance, round(local_exact(2.0, 0.0, 0.5).r, 12)
    (1.0, 1.0)
    """
    _couplings(r, u, c)
    k2, k4 = _cumulants(r, u)
    if c == 0.0:
        return LocalCouplings(0.0, float(r), float(u), k2, k4 / k2**2)
    # 1/c - q2/c^2 cancels for small c; by parts, 1 = <x (V' + 2x/c)>/2 under exp(-V/2 - x^2/2c), so 1 - q2/c = <x V'>/2
    moments = _moments(r + 1.0 / c, u)
    force = r * moments[2] + 2.0 * u * moments[4]
    small = c * max(r, math.sqrt(u)) < 1.0
    quartic = _quartic(r, u, c) if small else -_cumulants(r + 1.0 / c, u)[1] / (12.0 * c**4)
    return LocalCouplings(float(c), force / c, quartic, k2 + c, k4 / (k2 + c) ** 2)


def local_flow(r: float, u: float, c: float, order: int = 2) -> Any:
    """v_1 .. v_order of V_c by the truncated flow (order 2: one loop, (r, u)); an array.

    >>> local_flow(2.0, 0.0, 0.5).round(9).tolist()
    [1.0, 0.0]
    """
    from scipy.integrate import solve_ivp

    _couplings(r, u, c)
    if isinstance(order, bool) or not isinstance(order, int) or not 2 <= order <= 40:
        raise ModelError(f"order: must be an integer from 2 to 40, got {order!r}")
    n = np.arange(1, order + 1)
    up = 0.5 * (2 * n + 2) * (2 * n + 1)

    def slope(_: float, v: Any) -> Any:
        nv = n * v
        return up * np.append(v[1:], 0.0) - np.convolve(nv, nv)[:order]  # (i, j) with i + j = n + 1

    start = np.zeros(order)
    start[:2] = r, u
    done = solve_ivp(slope, (0.0, c), start, rtol=1e-11, atol=1e-14, method="DOP853") if c > 0.0 else None
    if done is not None and not done.success:
        raise ConvergenceError(f"local_flow: {done.message}")
    return start if done is None else done.y[:, -1]


def _quartic(r: float, u: float, c: float) -> float:
    """u_c by joint cumulants of the derivatives of W = -V/2 (set partitions of four derivatives)."""
    x, w = _rule(r + 1.0 / c, u)
    w = w / w.sum()
    w1, w2, w3 = -r * x - 2.0 * u * x**3, -r - 6.0 * u * x**2, -12.0 * u * x
    off = w2 - w @ w2
    joint = -12.0 * u + 4.0 * (w @ (w3 * w1)) + 3.0 * (w @ off**2) + 6.0 * (w @ (off * w1**2)) + (w @ w1**4) - 3.0 * (w @ w1**2) ** 2
    return float(-joint / 12.0)


def _rule(r: float, u: float) -> tuple[Any, Any]:
    """Equidistant nodes and exp(-(r x^2 + u x^4)/2) there: the trapezoidal rule, which converges geometrically here."""
    x = np.linspace(-14.0, 14.0, 2801) / math.sqrt(max(r, math.sqrt(u)))
    return x, np.exp(-0.5 * (r * x**2 + u * x**4))


def _moments(r: float, u: float) -> dict[int, float]:
    """<x^2> and <x^4> under exp(-(r x^2 + u x^4)/2)."""
    x, w = _rule(r, u)
    return {n: float((w * x**n).sum() / w.sum()) for n in (2, 4)}


def _cumulants(r: float, u: float) -> tuple[float, float]:
    m = _moments(r, u)
    if u == 0.0:
        return 1.0 / r, 0.0
    return m[2], m[4] - 3.0 * m[2] ** 2


def _couplings(r: Any, u: Any, c: Any) -> None:
    for name, value, zero in (("r", r, False), ("u", u, True), ("c", c, True)):
        positive(name, value, zero=zero)


__all__ = ["LocalCouplings", "local_exact", "local_flow"]
