r"""The density at level 0, where no saddle point and no decaying contour exist.

A given the weights is N(0, V), so p(0) = E[1/sqrt(2 pi V)] = (1/pi) int_0^inf M(-kappa y^2)^N dy   (V = 2 kappa sum g^2).

It is infinite when few neurons can all be near g = 0: for g ~ w^m near 0, P(g^2 < e) ~ e^(1/(2m)) and the integrand falls as
y^(-N/m), so that N > m is needed (N > 3 for He_3).  The integral is taken in u = log y by the trapezoidal rule, twice with other
nodes and another step: the change is the error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ldt.errors import MethodError
from ldt.models.loops import log_moment
from ldt.models.neuron import Contour

#: How far out, in u = log y, the integral is taken (the overlaps that count there are 1e-10 of the typical).
REACH = 55.0


def log_density_at_zero(model: Any) -> tuple[float, float]:
    """(log p(0), error) in nats; MethodError where the density is infinite there."""
    law, kappa, n = model.neuron, model.variance_scale, model.width
    order = _order_at_zero(model)
    if n <= order:
        raise MethodError(f"level: the density is infinite at 0 for N = {n} neurons whose overlap vanishes as w^{order:g} there")
    # The integrand in u falls as exp(-(N/order - 1) u) in the end: beyond REACH that power law closes the integral.
    scale = 1.0 / math.sqrt(2.0 * kappa * n * law.moments(1)[1])
    decay = n / order - 1.0 if order else math.inf
    first, last = math.log(scale) - 40.0, math.log(scale) + min(REACH, max(4.0, 40.0 / decay))
    far = -kappa * np.exp(2.0 * np.linspace(math.log(scale) - 2.0, last, 40))
    contour = Contour(far.astype(complex), np.array([True]), np.array([np.inf]))
    x_end = float(law.rough(0.0).edges[-1])
    values = []
    for quadrature, step in ((16, 0.05), (13, 0.031)):
        nodes = law.nodes(np.array([0.0]), [contour], (), x_end, quadrature)
        u = np.arange(first, last, step)
        logs = np.array([x + n * log_moment(-kappa * math.exp(2.0 * x), nodes.lw, nodes.gg, 0.0)[0] for x in u])
        logs[-1] += math.log(0.5 + 1.0 / (decay * step))
        values.append(float(np.logaddexp.reduce(logs)) + math.log(step / math.pi))
    return values[0], 2.0 * abs(values[0] - values[1]) + 1e-13 * (1.0 + abs(values[0]))


def _order_at_zero(model: Any) -> float:
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
    return {"logp": value, "error": error, "error_kind": "estimate", "method": "exact"}
