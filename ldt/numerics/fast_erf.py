r"""erf for averages over many points, in loops that vectorise: ten times as fast as libm's.

    erf(x) = x p(y)/q(y),   y = 2 x^2/5.9^2 - 1,   |x| <= 5.9,

a rational function of degree 8 over 8 fitted to least absolute error (weighted linear least squares, the weights raised where the error is
largest: Lawson 1961): 1.8e-11 absolute, and +-1 to that beyond 5.9; 1.2e-10 relative to erf for small x.  Not for tails.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]
LAST = 5.9
SCALE = 2.0 / LAST**2


@compiled
def fast_erf(x: float) -> float:
    """erf(x); written without branch, and with NumPy's division, which asks no questions, so that loops over it vectorise."""
    t = LAST if x > LAST else x
    t = -LAST if t < -LAST else t
    y = t * t * SCALE - 1.0
    p = 0.00032432766245642464
    p = p * y + 0.016405400325808343
    p = p * y + 0.15787082818125525
    p = p * y + 0.6777585339789237
    p = p * y + 1.6340030610585181
    p = p * y + 2.3910897276126613
    p = p * y + 2.132933740538685
    p = p * y + 1.0784628467158883
    p = p * y + 0.23969721309186248
    q = 0.013405195295352933
    q = q * y + 0.24783428699981236
    q = q * y + 1.5986959324270842
    q = q * y + 5.396837014137948
    q = q * y + 10.934515325494802
    q = q * y + 13.924773951213579
    q = q * y + 11.02308633541569
    q = q * y + 4.99927146534722
    q = q * y + 1.0
    return float(np.divide(t * p, q))


__all__ = ["fast_erf"]
