r"""Exact tails and densities of sums without a tilt: ``ldt.tails.cut`` with sides, supports and complements.

Of a law on [0, inf) the smaller of P(S > t) and P(S <= t) is found by its own path and the other is its complement; a law symmetric about 0
needs t > 0 only.  A probability is computed to relative accuracy down to 1e-300 and beyond (log P to 1e-8 at log P = -1e6).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ldt.errors import MethodError
from ldt.models.heavy_sum import standard
from ldt.results import Cost
from ldt.tails.cut import log_lower, log_upper
from ldt.tails.sum_exact import SumDetail, Value, certain, complement

LOG_HALF = -math.log(2.0)
#: Errors above this deserve a warning, relative to max(1, |log P|).
ASKED = 1e-8


def run(model: Any, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """log P(A >= level), log P(A <= level) or log p(level) of a CubicSum: a dict of TailResult fields."""
    value = heavy_value(model, level, density=density, side=side)
    found: dict[str, Any] = {"logp": value.logp, "error": value.error, "error_kind": "estimate", "detail": value.detail}
    found["cost"] = Cost(nodes=value.detail.nodes)
    if value.error > ASKED * max(1.0, abs(value.logp)):
        found |= {"status": "warning", "advice": "the two evaluations differ; compare with method='conditional' or 'montecarlo'"}
    return found


def heavy_value(model: Any, level: float, *, density: bool, side: str) -> Value:
    """The same as a Value; ``model`` is a HeavySum or CubicSum whose term has a transform."""
    t, side = standard(model, level, side)
    value = _symmetric(model, t, density, side) if model.term.symmetric else _positive(model, t, density, side)
    return replace(value, logp=value.logp - math.log(model.factor)) if density else value


def _symmetric(model: Any, t: float, density: bool, side: str) -> Value:
    law, n = model.term.law, model.n
    if density:
        if t == 0.0 and not _finite_at_zero(model):
            raise MethodError(f"level: the density of {n} cubes is infinite at 0; it is finite for 4 or more")
        return _value(log_upper(law, n, abs(t), True))
    if side == "lower":
        t = -t
    if t == 0.0:
        return Value(LOG_HALF, 2.0**-53, SumDetail("symmetry"))
    found = _value(log_upper(law, n, abs(t)))
    return found if t > 0.0 else complement(found)


def _finite_at_zero(model: Any) -> bool:
    return bool(model.term.name != "cube" or model.n > 3)


def _positive(model: Any, t: float, density: bool, side: str) -> Value:
    law, n = model.term.law, model.n
    if t <= 0.0:
        if density and t == 0.0:
            raise MethodError("level: this is the end of the support, where the density may be 0 or infinite; ask inside it")
        return certain(0 if density or side == "lower" else 1)
    right = t >= (n * model.term.mean if math.isfinite(model.term.mean) else float(model.term.isf(np.array([-math.log(n + 1.0)]))[0]))
    found = (log_upper if right else log_lower)(law, n, t)
    if not found[0] < LOG_HALF:  # the other one is the small one
        right = not right
        found = (log_upper if right else log_lower)(law, n, t)
    if density:
        return _value((log_upper if right else log_lower)(law, n, t, True))
    return _value(found) if right == (side == "upper") else complement(_value(found))


def _value(found: tuple[float, float, int, Any]) -> Value:
    return Value(found[0], found[1], found[3])


def no_tilt(model: Any, level: float, **_: Any) -> dict[str, Any]:
    """NoTiltError: what the saddle point and the tilt need does not exist."""
    from ldt.errors import NoTiltError
    from ldt.models.cubic import NO_TILT

    raise NoTiltError("method: " + NO_TILT.format(what="saddle point and no tilted law"))
