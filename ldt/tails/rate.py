r"""Large-deviation values: the convex rate and the true, non-convex one.

    I(alpha) = sup_s [s alpha - K(s)]                                            (Chernoff, Legendre, Gaertner-Ellis)

is the convex hull of what an integer number of specialised neurons can do.  Per sector (ldt.tails.sectors), with its multiplicity,

    J(alpha) = min_n sup_s [s alpha - K_n(s)] - log multiplicity_n,

which is the exponent of the largest term of the exact sum, so that J >= I - log(number of sectors) and, in practice, J > I.
"""

from __future__ import annotations

from typing import Any

from ldt.results import RateResult
from ldt.tails.saddlepoint import refined
from ldt.tails.sectors import sector_law, unsectored


def rate_at(model: Any, level: float) -> RateResult:
    """The rates at a level that is not 0."""
    x = abs(level)
    sign = 1.0 if level > 0.0 else -1.0
    law = sector_law(model, x)
    whole = unsectored(model, x)
    finest = refined(law, x, False).law
    best = max(finest.sectors, key=lambda s: s.log_bound(x))
    convex = -whole.log_bound(x)
    one_well = not finest.bins.cuts
    return RateResult(
        level, convex, sign * whole.s, whole.cumulants[2],
        convex if one_well else -best.log_bound(x), None if one_well else best.k, sign * (whole.s if one_well else best.s), model,
    )  # fmt: skip
