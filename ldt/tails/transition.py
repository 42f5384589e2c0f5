r"""The sum of cubes at leading order: many small terms against one large one.                                              [S]

With z = A/N^(1/4), N -> infinity,

    -log P ~ sqrt N min_(0 <= y <= z) J(y),      J(y) = (z - y)^2/2 + 15^(1/3) y^(2/3)/2,

y N^(1/4) the part of A that the largest term brings (a = (y sqrt(15 N) N^(1/4))^(1/3), cost a^2/2).  J starts with infinite slope, so
y = 0 is always a local minimum (many small); another appears beyond a spinodal.  With g = 15^(1/3)/2 they tie where J(y) = z^2/2 and
J' = 0, that is z y - y^2/2 = g y^(2/3) and z - y = (2g/3) y^(-1/3), hence

    y = z/2,   z_c = (4 g/3 2^(1/3))^(3/4) = 1.72668...,

so that at the transition the largest term jumps from nothing to half of the sum.                              (derived in docs/theory.md)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ldt.errors import MethodError

#: Cost of the jump: G y^(2/3).
G = 0.5 * 15.0 ** (1.0 / 3.0)
#: The transition.
Z_C = (4.0 * G / 3.0 * 2.0 ** (1.0 / 3.0)) ** 0.75
#: Below it the jump is not even a local minimum: z = y + (2G/3) y^(-1/3) at its smallest, y = (2G/9)^(3/4).
Z_SPINODAL = 4.0 * (2.0 * G / 9.0) ** 0.75


@dataclass(frozen=True)
class Transition:
    """At one z: ``rate`` = min J, the ``share`` y/z of the largest term there, the ``phase`` ('many small' | 'one large'), and both
    candidates: ``many`` = z^2/2, ``one`` (None below the spinodal) with its ``one_share``."""

    z: float
    rate: float
    share: float
    phase: str
    many: float
    one: float | None
    one_share: float | None


def leading(z: float) -> Transition:
    """The leading theory at z > 0.

    >>> abs(leading(Z_C).one - Z_C**2 / 2) < 1e-12, round(leading(1.8).share, 3) > 0.5
    (True, True)
    """
    from scipy.optimize import brentq

    many = 0.5 * z * z
    if z < Z_SPINODAL:
        return Transition(z, many, 0.0, "many small", many, None, None)
    low = (2.0 * G / 9.0) ** 0.75
    y = z if z <= low else float(brentq(lambda y: y - z + 2.0 * G / 3.0 * y ** (-1.0 / 3.0), low, z, xtol=1e-15, rtol=1e-15))
    one = 0.5 * (z - y) ** 2 + G * y ** (2.0 / 3.0)
    large = one <= many
    return Transition(z, min(one, many), y / z if large else 0.0, "one large" if large else "many small", many, one, y / z)


def run(model: Any, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """Leading theory: a dict of TailResult fields.  No error is known at this order; the status says so."""
    if model.term.name != "cube":
        raise MethodError("method: 'transition' is the leading theory of CubicSum; use 'bigjump' or 'exact'")
    z = level / model.n**0.25
    found = leading(z)
    advice = "leading order in sqrt(N): prefactors and corrections of order z^4 are left out; use method='exact'"
    logp = -math.sqrt(model.n) * found.rate
    return {"logp": logp, "error": math.inf, "error_kind": "estimate", "detail": found, "status": "warning", "advice": advice}
