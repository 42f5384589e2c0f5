r"""Exact tails and densities of sums without a tilt: ``ldt.tails.cut`` with sides, supports and complements.

Of a law on [0, inf) the smaller of P(S > t) and P(S <= t) is found by its own path and the other is its complement; a law symmetric about 0
needs t > 0 only.  Of a sum of several laws (ldt.models.cut_laws) the upper tail goes by the cut of S where that is heavy and by the saddle
of -S where it is light, the lower one likewise.  A probability is computed to relative accuracy down to 1e-300 and beyond (log P to 1e-8 at
log P = -1e6).
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError, MethodError
from ldt.models.cut_laws import centre, cut_law, shift_of
from ldt.models.heavy_sum import standard
from ldt.models.sums import Sum
from ldt.results import Cost
from ldt.tails.cut import WORTHLESS, log_lower, log_upper
from ldt.tails.sum_exact import SumDetail, Value, certain, complement

LOG_HALF = -math.log(2.0)
APART = "level: the evaluations on the cut did not agree; use method='conditional' or 'montecarlo'"
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


def without_tilt(model: Sum, x: float, *, density: bool, side: str) -> Value | None:
    """The exact value of a sum that is heavy on at least one side; None where the transform of one of its laws is not known."""
    one = model.heavy(side)
    if one is not None:
        return heavy_value(one, x, density=density, side=side) if one.term.law is not None else None
    law, mirror = cut_law(model), cut_law(model, mirrored=True)
    if law is None or mirror is None or (model.atom is not None and model.atom[0] == x):
        return None
    t = float(Fraction(x) - Fraction(shift_of(model)))

    def of(towards: str, dense: bool) -> Value:
        if towards == "upper":
            return _value(log_lower(mirror, 1, -t, dense) if model.light("upper") else log_upper(law, 1, t, dense))
        return _value(log_lower(law, 1, t, dense) if model.light("lower") else log_upper(mirror, 1, -t, dense))

    towards, other = ("upper", "lower") if x >= centre(model) else ("lower", "upper")
    try:
        found = of(towards, False)
        small = found.logp < LOG_HALF
    except ConvergenceError:  # far on the other side of the bulk
        small = False
    if not small:
        towards, found = other, of(other, False)
    if density:
        return of(towards, True)
    return found if towards == side else complement(found)


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
    value = _value(found)
    if right != (side == "upper"):
        value = complement(value)
        if not math.isfinite(value.logp):  # the small one was not to be had
            raise ConvergenceError(APART)
    return value


def _value(found: tuple[float, float, int, Any]) -> Value:
    if not found[1] < WORTHLESS:
        raise ConvergenceError(APART)
    return Value(found[0], found[1], found[3])


def no_tilt(model: Any, level: float, **_: Any) -> dict[str, Any]:
    """NoTiltError: what the saddle point and the tilt need does not exist."""
    from ldt.errors import NoTiltError
    from ldt.models.cubic import NO_TILT

    raise NoTiltError("method: " + NO_TILT.format(what="saddle point and no tilted law"))
