r"""Sums of n independent copies of a heavy-tailed law, in the units of its standard term Y (ldt.models.heavy_terms):

    S = sign (shift + factor (Y_1 + ... + Y_n)),     E exp(sY) infinite for every s > 0.

``HeavySum`` is what the methods without a tilt see of an ``IidSum``; ``CubicSum`` has the same attributes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ldt.errors import MethodError, ModelError
from ldt.models.alignment import _integer

if TYPE_CHECKING:
    from ldt.models.heavy_terms import Term
    from ldt.models.sums import Sum

MAX_DRAWS = 4_000_000_000
PIECE = 1_000_000


@dataclass(frozen=True)
class HeavySum:
    """n terms of one law: S = sign (shift + factor sum Y).

    Notes
    -----
    E exp(sS) is infinite for every s > 0 (or s < 0): no tilt; the exact tail integrates along the cut of the transform and a ray.
    Cost: of an exact tail, seconds for any n.  Levels have the units of S, log P is in nats.
    Source: docs/theory.md, section 10, and docs/heavy.md.
    """

    term: Term
    n: int
    shift: float
    factor: float
    sign: float
    name: str


def heavy_sum(model: Sum, side: str = "upper") -> HeavySum | None:
    """The sum as n heavy terms of one continuous law, its heavy side the one asked for if both are; None for other sums.

    >>> from scipy import stats
    >>> from ldt import IidSum
    >>> heavy_sum(IidSum(stats.pareto(2.0, loc=1.0, scale=3.0), 5)).shift, heavy_sum(IidSum(stats.norm(), 5))
    (20.0, None)
    """
    from ldt.models.heavy_terms import term_of
    from ldt.models.law_quadrature import DensityLaw
    from ldt.models.laws import Affine

    if len(model.parts) != 1:
        return None
    law, n = model.parts[0]
    base, weight, loc = (law.base, law.weight, law.shift) if isinstance(law, Affine) else (law, 1.0, 0.0)
    if not isinstance(base, DensityLaw) or base.tail_class == "light":
        return None
    asked = "upper" if (side == "upper") == (weight > 0.0) else "lower"
    upper = (asked == "upper") != base.light(asked)  # the side asked for, or the other where that one is light
    term, shift, factor, sign = term_of(base.dist, base.shapes, upper)
    sign = math.copysign(sign, sign * weight)
    shift = sign * (model._constant + n * loc) + n * abs(weight) * shift
    return HeavySum(term, n, shift, abs(weight) * factor, sign, model.name)


def as_heavy(model: Any, method: str, side: str = "upper") -> Any:
    """What the methods without a tilt work on; MethodError with the reason for sums that are not of one heavy law."""
    if model.kind == "heavy":
        return model
    found = model.heavy(side)
    if found is not None:
        return found
    if model.light("upper") and model.light("lower"):
        raise MethodError(f"method: {method!r} is for heavy tails, and this sum has a tilt; use method='exact' or 'importance'")
    raise MethodError(f"method: {method!r} needs equal terms of one continuous heavy-tailed law; use method='montecarlo'")


def sums(term: Any, n: int, size: int, random: Any) -> Any:
    """``size`` sums of n standard terms, in pieces of bounded memory."""
    import numpy as np

    total = np.zeros(size)
    piece = max(1, PIECE // size)
    for first in range(0, n, piece):
        total += np.sum(term.rvs((size, min(piece, n - first)), random), axis=1)
    return total


def draws(model: Any, size: Any, rng: Any) -> Any:
    """``size`` draws of the sum."""
    import numpy as np

    from ldt.numerics.random import generator

    size = _integer("size", size, 1, 10**9)
    if size * model.n > MAX_DRAWS:
        raise ModelError(f"size: {size} draws of {model.n:.3g} terms are too many; at most {MAX_DRAWS // model.n}")
    random = generator(rng)
    block = max(1, min(size, PIECE // min(model.n, PIECE)))
    parts = [sums(model.term, model.n, min(block, size - i), random) for i in range(0, size, block)]
    return model.sign * (model.shift + model.factor * np.concatenate(parts))


def standard(model: Any, level: float, side: str) -> tuple[float, str]:
    """(t, side) in standard units: the event is {sum Y >= t} ('upper') or {sum Y <= t} ('lower')."""
    t = (model.sign * level - model.shift) / model.factor
    return t, side if model.sign > 0.0 else {"upper": "lower", "lower": "upper"}[side]


def heavy_side(model: Any, level: float, side: str, method: str) -> float:
    """t of the event {sum Y >= t} on the heavy side; MethodError for the light side."""
    t, side = standard(model, level, side)
    if side == "upper":
        return t
    if model.term.symmetric:
        return -t
    raise MethodError(f"side: {method!r} is for the side of the large jumps; use method='exact' or 'montecarlo' for the other")


def bulk_scale(term: Any, n: float) -> float:
    """The size of the fluctuations of a sum of n terms without its rare jumps: sqrt(n var), or where the variance is infinite that of the
    terms up to the size that one of them reaches, u with n P(Y > u) = 1."""
    if math.isfinite(term.var):
        return math.sqrt(n * term.var)
    import numpy as np

    return abs(float(term.isf(np.array([-math.log(n + 1.0)]))[0])) + abs(float(term.isf(np.array([math.log(0.75)]))[0]))
