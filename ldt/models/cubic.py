r"""The talk's sum of cubes, A = sum_c a_c^3/sqrt(15 N), a_c ~ N(0, 1): no exponential moment exists.                      [S]

Of one term X = a^3, phi(s) = E exp(s X) is finite on the imaginary axis only and analytic in the upper half-plane.  There
(derived in docs/theory.md; the substitution a = b - (1/6k) i completes the cube)

    phi(s) = sqrt(2 pi) (3k)^(-1/3) Ai_e(z),   k = -i s,   z = 1/(12 k (3k)^(1/3)),   Ai_e(z) = exp(2/3 z^(3/2)) Ai(z),

because 2/3 z^(3/2) = 1/(108 k^2).  On the cut, s > 0 approached from above, z = x e^(2 pi i/3) and

    phi(s + i0) = sqrt(pi/2) (3s)^(-1/3) [e^(-xi) Bi(x) + i e^(-xi) Ai(x)],   x = 1/(12 s (3s)^(1/3)),   xi = 1/(108 s^2),

so that tan arg phi = Ai/Bi ~ e^(-2 xi)/2, the exact exponentially small jump.  For |s| < 0.02 the asymptotic series
sum_j (6j-1)!! s^(2j)/(2j)! is exact to e^(-1/(54 s^2)) < 1e-20 and gives log phi with full relative accuracy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

from ldt.errors import NoTiltError
from ldt.models.alignment import _integer
from ldt.numerics.complexes import log1p

MAX_TERMS = 10**12
#: Below this |s| the moment series replaces the Airy functions.
SERIES = 0.02
#: Above this |s| they are used; between, where they lose two digits in phi - 1, a quadrature on a = r e^(i pi/5).
AIRY = 0.2
NO_TILT = (
    "E exp(s A) is infinite for every s != 0 (the sum has heavy tails), so there is no {what};"
    " use method='exact' (the branch cut), 'conditional' or 'bigjump'"
)


class CubeLaw:
    """The law of X = a^3, a ~ N(0, 1), through phi on the cut and above it (``ldt.tails.cut.CutLaw``)."""

    one_sided = False

    def cut(self, s: Any) -> tuple[Any, Any]:
        """(log |phi(s + i0)|, log arg phi(s + i0)) for an array of s > 0; relative accuracy for each."""
        import numpy as np
        from scipy.special import airye

        with np.errstate(over="ignore", divide="ignore"):
            x = np.minimum(1.0 / (12.0 * s * np.cbrt(3.0 * s)), 1e6)  # beyond, Ai_e/Bi_e is 1/2 to the last digit
            ai, _, bi, _ = airye(x)
            log_ratio = np.log(ai / bi) - 1.0 / (54.0 * s * s)
        ratio = np.exp(log_ratio)
        angle = np.where(log_ratio < -9.0, log_ratio - ratio * ratio / 3.0, np.log(np.arctan(np.maximum(ratio, 1e-300))))
        return self.off(s + 0j).real, angle

    def off(self, s: Any) -> Any:
        """log phi(s) for an array of complex s in the first quadrant (the cut taken from above), accurate relative to phi - 1."""
        import numpy as np
        from scipy.special import airye

        s = np.asarray(s, dtype=complex)
        out = np.empty_like(s)
        tiny, large = np.abs(s) < SERIES, np.abs(s) > AIRY
        out[tiny] = log1p(_moments(s[tiny]))
        middle = ~(tiny | large)
        out[middle] = log1p(_rotated(s[middle]))
        k = -1j * s[large]
        root = (3.0 * k) ** (1.0 / 3.0)
        out[large] = np.log(math.sqrt(2.0 * math.pi) * airye(1.0 / (12.0 * k * root))[0] / root)
        return out

    def varied(self) -> CubeLaw:
        """Itself: closed forms have no other way; the paths of ``ldt.tails.cut`` differ."""
        return self

    def smallest(self, n: float, t: float) -> float:
        """An s > 0 below which the integrand on the cut is negligible."""
        return 1e-3 / (abs(t) + math.sqrt(15.0 * n) + 1.0)


def _moments(s: Any) -> Any:
    """phi(s) - 1 by its asymptotic series, |s| < SERIES: terms (6j-1)!!/(2j)! s^(2j), 45 of them, where they are smallest."""
    import numpy as np

    u = s * s
    total = np.zeros_like(u)
    for j in range(len(_RATIOS), 0, -1):
        total = (1.0 + total) * u * _RATIOS[j - 1]
    return total


#: m_j/m_(j-1), m_j = E a^(6j)/(2j)!.
_RATIOS = [(6 * j - 5) * (6 * j - 3) * (6 * j - 1) / ((2 * j) * (2 * j - 1)) for j in range(1, 46)]


def _rotated(s: Any) -> Any:
    """phi(s) - 1 as int_0^inf [e^(-a^2/2) expm1(s a^3) da, a = r e^(i pi/5), + e^(-r^2/2) expm1(-s r^3) dr]/sqrt(2 pi)."""
    from ldt.models.cubic_loops import expm1_sums

    cubes, turned, w, w_turned = _gauss()
    return expm1_sums(s, turned, w_turned) + expm1_sums(s, -cubes, w)


@cache
def _gauss() -> tuple[Any, Any, Any, Any]:
    """r^3, a^3 and both weights on (0, 17), where e^(-0.155 r^2) has fallen below 1e-19."""
    import numpy as np

    x, w = np.polynomial.legendre.leggauss(100)
    r, w = 8.5 * (1.0 + x), 8.5 * w / math.sqrt(2.0 * math.pi)
    turn = complex(math.cos(math.pi / 5), math.sin(math.pi / 5))
    a = r * turn
    return r**3 + 0j, r**3 * turn**3, w * np.exp(-0.5 * r * r) + 0j, w * np.exp(-0.5 * a * a) * turn


@dataclass(frozen=True)
class CubicSum:
    """The sum of cubes A = sum_c a_c^3/sqrt(15 N) of N standard normals: mean 0, variance 1, no exponential moment.     [S]

    Parameters
    ----------
    n : int
        N, the number of terms, 1 to 1e12.

    Raises
    ------
    ModelError
        Where n is not such an integer.

    Notes
    -----
    E exp(sA) is infinite for every s != 0, so that tilts, rates and importance sampling are refused (NoTiltError); the tail is found on the
    cut of the transform: P(A > x) = (1/pi) int_0^inf Im[phi(s/sqrt(15N) + i0)^N] e^(-sx) ds/s.
    Cost: of an exact tail, about 20 ms for any n.  Levels are in units of A (standard deviations), log P in nats.
    Source: [S]; docs/theory.md, section 10.

    Examples
    --------
    >>> import ldt
    >>> f"{ldt.tail(CubicSum(10), 3.0).logp:.9f}"
    '-4.861581699'
    """

    kind: ClassVar[str] = "heavy"
    symmetric: ClassVar[bool] = True
    mean: ClassVar[float] = 0.0
    variance: ClassVar[float] = 1.0
    sign: ClassVar[float] = 1.0

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _integer("n", self.n, 1, MAX_TERMS))

    @cached_property
    def term(self) -> Any:
        """The law of one cube (ldt.models.heavy_terms.Term)."""
        from ldt.models.heavy_terms import made

        return made("cube")

    @property
    def shift(self) -> float:
        """A = shift + factor * sum of terms: 0."""
        return 0.0

    @property
    def factor(self) -> float:
        """1/sqrt(15 N)."""
        return 1.0 / math.sqrt(15.0 * self.n)

    def cgf(self, s: Any) -> Any:
        """NoTiltError: it is infinite."""
        raise NoTiltError(NO_TILT.format(what="cgf"))

    def rvs(self, size: int = 1, random_state: Any = None, *, rng: Any = None) -> Any:
        """Draws of A, shape (size,)."""
        from ldt.models.heavy_sum import draws
        from ldt.numerics.random import one_of

        return draws(self, size, one_of(random_state, rng))

    @property
    def name(self) -> str:
        """One line."""
        return f"sum of cubes of N = {self.n} standard normals over sqrt(15 N)"

    def to_dict(self) -> dict[str, Any]:
        """The model as strict JSON types."""
        return {"kind": "cubic", "n": self.n}
