r"""erf for averages over many points, in loops that vectorise: more than ten times as fast as libm's.

    erf(x) = x p(x^2)/q(x^2),   |x| <= 5.9,

a rational function of degree 10 over 10, fitted in 50 digits to least absolute error (linear least squares, the weights raised where the
error is largest: Lawson 1961); all coefficients are positive, so that nothing cancels.  Error below 3e-14 absolute, and as much beyond
5.9, and 3e-13 relative to erf for small x.  Not for tails.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]
LAST = 5.9


@compiled
def fast_erf(x: float) -> float:
    """erf(x); written without branch, and with NumPy's division, which asks no questions, so that loops over it vectorise."""
    t = LAST if x > LAST else x
    t = -LAST if t < -LAST else t
    y = t * t
    p = 3.082683837701948e-14
    p = p * y + 3.2216545719631806e-11
    p = p * y + 3.2958847913637653e-09
    p = p * y + 1.0868233958260462e-07
    p = p * y + 3.0318856381758812e-06
    p = p * y + 4.863532965399677e-05
    p = p * y + 0.0007847588852655675
    p = p * y + 0.006557025422441385
    p = p * y + 0.06475904318749759
    p = p * y + 0.21793789575727293
    p = p * y + 1.128379167095189
    q = 1.5008787725544402e-12
    q = q * y + 4.020319094908723e-10
    q = q * y + 2.0034508416706645e-08
    q = q * y + 5.98477686900187e-07
    q = q * y + 1.2693440460022198e-05
    q = q * y + 0.00020103384323489276
    q = q * y + 0.0024017814396998832
    q = q * y + 0.021267336127472575
    q = q * y + 0.1328831293256334
    q = q * y + 0.5264757646232732
    q = q * y + 1.0
    return float(np.divide(t * p, q))


@compiled
def erf_all(x: Array) -> Array:
    """erf of every entry of x (rows, points)."""
    out = np.empty_like(x)
    for a in range(x.shape[0]):
        for t in range(x.shape[1]):
            out[a, t] = fast_erf(x[a, t])
    return out


__all__ = ["erf_all", "fast_erf"]
