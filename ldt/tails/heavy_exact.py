r"""Exact tails and densities of sums without a tilt: ``ldt.tails.cut`` with sides, supports and complements.

Of a law on [0, inf) the smaller of P(S > t) and P(S <= t) is found by its own path and the other is its complement; a law symmetric about 0
needs t > 0 only.  A probability is computed to relative accuracy down to 1e-300 and beyond (log P to 1e-8 at log P = -1e6).
"""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import MethodError
from ldt.models.heavy_sum import standard
from ldt.numerics.special import log_complement
from ldt.results import Cost
from ldt.tails.cut import log_lower, log_upper

LOG_HALF = -math.log(2.0)
#: Errors above this deserve a warning, relative to max(1, |log P|).
ASKED = 1e-8


def run(model: Any, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """log P(S >= level), log P(S <= level) or log p(level): a dict of TailResult fields."""
    term = model.term
    if term.law is None:
        raise MethodError(f"method: 'exact' does not know the transform of {term.name}; use method='conditional' or 'montecarlo'")
    t, side = standard(model, level, side)
    found = _symmetric(model, t, density, side) if term.symmetric else _positive(model, t, density, side)
    logp, error, nodes, detail = found
    # a last-digit change of the level moves log P by this much
    if density:
        logp -= math.log(model.factor)
    fields: dict[str, Any] = {"logp": logp, "error": error, "error_kind": "estimate", "cost": Cost(nodes=nodes), "detail": detail}
    if error > ASKED * max(1.0, abs(logp)):
        fields |= {"status": "warning", "advice": "the two evaluations differ; compare with method='conditional' or 'importance'"}
    return fields


Found = tuple[float, float, int, Any]


def _symmetric(model: Any, t: float, density: bool, side: str) -> Found:
    law, n = model.term.law, model.n
    if density:
        if t == 0.0 and not _finite_at_zero(model):
            raise MethodError(f"level: the density of {n} cubes is infinite at 0; it is finite for 4 or more")
        return log_upper(law, n, abs(t), True)
    if side == "lower":
        t = -t
    if t == 0.0:
        return LOG_HALF, 2.0**-53, 0, None
    found = log_upper(law, n, abs(t))
    return found if t > 0.0 else _complement(found)


def _finite_at_zero(model: Any) -> bool:
    return bool(model.term.name != "cube" or model.n > 3)


def _positive(model: Any, t: float, density: bool, side: str) -> Found:
    law, n = model.term.law, model.n
    if t <= 0.0:
        if density and t == 0.0:
            raise MethodError("level: this is the end of the support, where the density may be 0 or infinite; ask inside it")
        return (-math.inf if density or side == "lower" else 0.0), 0.0, 0, None
    upper = log_upper(law, n, t)
    right = upper[0] < LOG_HALF
    if density:
        return (log_upper if right else log_lower)(law, n, t, True)
    found = upper if right else log_lower(law, n, t)
    return found if right == (side == "upper") else _complement(found)


def _complement(found: Found) -> Found:
    return *log_complement(found[0], found[1]), found[2], found[3]


def no_tilt(model: Any, level: float, **_: Any) -> dict[str, Any]:
    """NoTiltError: what the saddle point and the tilt need does not exist."""
    from ldt.errors import NoTiltError
    from ldt.models.cubic import NO_TILT

    raise NoTiltError("method: " + NO_TILT.format(what="saddle point and no tilted law"))
