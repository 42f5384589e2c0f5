r"""The density at level 0, where no saddle point and no decaying contour exist.

A given the weights is N(0, V), so p(0) = E[1/sqrt(2 pi V)] = (1/pi) int_0^inf M(-kappa y^2)^N dy   (V = 2 kappa sum g^2).

It is infinite when few neurons can all be near g = 0: for g ~ w^m near 0, P(g^2 < e) ~ e^(1/(2m)) and the integrand falls as
y^(-N/m), so that N > m is needed (N > 3 for He_3); likewise m = 1 where g changes its sign elsewhere, and 1/m = d where g vanishes with
|w| alone.  The integral is taken in u = log y by the trapezoidal rule and closed by the power law that it falls by at the end; twice, with
other nodes, another step and another end: the change is the error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ldt.errors import MethodError
from ldt.models.loops import log_moment
from ldt.models.neuron import Contour

#: How far out, in u = log y, the integral is taken: the overlaps that count there are exp(-REACH) of the typical.  Two-dimensional nodes
#: do not go on to the smallest |w|; next to a zero other than at 0, g is known to rounding of its parts.
REACH, SMALL_WEIGHTS, CROSSING = 55.0, 14.0, 5.0
#: The integral ends where the integrand has fallen by this many nats.
FALLEN = 45.0
#: Slower than y^-FLAT it does not fall (N/m - 1 is at least 1/30, or not positive).
FLAT = 0.01


def log_density_at_zero(model: Any) -> tuple[float, float]:
    """(log p(0), error) in nats; MethodError where the density is infinite there."""
    law, kappa, n = model.neuron, model.variance_scale, model.width
    middle = -0.5 * math.log(2.0 * kappa * n * law.moments(1)[1])
    reach = CROSSING if _crosses(law) else SMALL_WEIGHTS if law.kind == "wr" else REACH
    far = -kappa * np.exp(2.0 * (middle + np.linspace(-2.0, reach, 40)))
    contour = Contour(far.astype(complex), np.array([True]), np.array([np.inf]))
    x_end = float(law.rough(0.0).edges[-1])
    values = []
    for quadrature, step, end in ((16, 0.05, reach), (13, 0.031, reach - 1.5)):
        nodes = law.nodes(np.array([0.0]), [contour], (), x_end, quadrature)
        logs: list[float] = []
        for u in middle + np.arange(-40.0, end, step):
            logs.append(u + n * log_moment(-kappa * math.exp(2.0 * u), nodes.lw, nodes.gg, 0.0)[0])
            if logs[-1] < max(logs) - FALLEN and u > middle:
                break
        decay = (logs[-2] - logs[-1]) / step
        if decay < FLAT:
            order = n / (1.0 + decay)
            raise MethodError(f"level: the density is infinite at 0 for N = {n} neurons whose overlap vanishes as w^{order:.3g} there")
        logs[-1] += math.log(0.5 + 1.0 / (decay * step))
        values.append(float(np.logaddexp.reduce(logs)) + math.log(step / math.pi))
    return values[0], 2.0 * abs(values[0] - values[1]) + 1e-13 * (1.0 + abs(values[0]))


def _crosses(law: Any) -> bool:
    """Whether g changes its sign where neurons are, other than at 0."""
    x = np.linspace(1e-3, 14.0, 2000) * law.scale
    return any(bool(np.any(g[1:] * g[:-1] < 0.0)) for g in (law.g(side) for side in (x, -x)))


def order_at_zero(model: Any) -> float:
    """m in g ~ w^m as w -> 0 (0 where g does not vanish there)."""
    law = model.neuron
    x = np.array([1e-6, 2e-6]) * law.scale
    gg = np.max(law.atoms(x)[1], axis=1)
    if gg[0] <= 0.0:
        gg = np.max(law.atoms(1e3 * x)[1], axis=1)
    return float(round(0.5 * math.log2(gg[1] / gg[0]))) if gg[0] > 0.0 else math.inf


def run(model: Any, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """The density at level 0: a dict of TailResult fields."""
    value, error = log_density_at_zero(model)
    found = {"logp": value, "error": error, "error_kind": "estimate", "method": "exact"}
    if error > 1e-8 * max(1.0, abs(value)):
        found |= {"status": "warning", "advice": "the error is larger than usual (a zero of the overlap other than at 0); ask next to 0"}
    return found
