r"""Large-deviation values: the convex rate and the true, non-convex one.

    I(alpha) = sup_s [s alpha - K(s)]                                            (Chernoff, Legendre, Gaertner-Ellis)

is the convex hull of what an integer number of specialised neurons can do.  Per sector (ldt.tails.sectors), with its multiplicity,

    J(alpha) = min_n sup_s [s alpha - K_n(s)] - log multiplicity_n,

which is the exponent of the largest term of the exact sum, so that J >= I - log(number of sectors) and, in practice, J > I.

With an overlap that is linear far out, K ends at s_max; where K' reaches the level only in the far well, which tells when s is within about
exp(-b) of s_max (b = d/(2 sigma_w^2)), then I = s_max alpha - K(s_max) without that well, and the curvature is infinite to all digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ldt.errors import NoTiltError
from ldt.models.loops import log_moment
from ldt.models.neuron import real_contour
from ldt.results import RateResult
from ldt.tails.bins import s_limit
from ldt.tails.saddlepoint import refined
from ldt.tails.sectors import measurable, sector_law, unsectored


def rate_at(model: Any, level: float) -> RateResult:
    """The rates at a level that is not 0."""
    x = measurable(model, abs(level))
    sign = 1.0 if level > 0.0 else -1.0
    finest = refined(sector_law(model, x), x, False).law
    best = finest.main
    try:
        whole = unsectored(model, x)
        convex, tilt, curvature = -whole.log_bound(x), whole.s, whole.cumulants[2]
    except NoTiltError:
        tilt, curvature = s_limit(model), math.inf
        convex = tilt * x - _cgf_without_far_well(model)
    one_well = not finest.bins.cuts
    return RateResult(
        level, convex, sign * tilt, curvature,
        convex if one_well else -best.log_bound(x), None if one_well else best.k, sign * (tilt if one_well else best.s), model,
    )  # fmt: skip


def _cgf_without_far_well(model: Any) -> float:
    """K at the end of the tilts from the weights below sigma_w, where an overlap that is flat at small weights turns linear."""
    theta = model.neuron.theta_max
    nodes = model.neuron.nodes(np.array([0.0, theta]), [real_contour(theta)], (), math.sqrt(model.weight_variance))
    return float(model.width * log_moment(theta, nodes.lw, nodes.gg, 0.0)[0])
