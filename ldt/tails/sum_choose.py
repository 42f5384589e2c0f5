"""Which method answers a question about a sum, and why; nothing is run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ldt.models.cut_laws import cut_law
from ldt.models.heavy_sum import MAX_DRAWS, HeavySum, heavy_side
from ldt.models.law_quadrature import DensityLaw
from ldt.models.laws import Affine
from ldt.models.sums import Sum
from ldt.results import Plan
from ldt.tails.certified_sums import KNOWN, terms_of
from ldt.tails.choose import PROVED, installed

#: Probabilities above this are left of 1 by the light side with an error below 1e-8.
CARRIED = 1e-5


def _by_complement(model: Sum, one: HeavySum, level: float) -> bool:
    """Whether the other side is light and P on the heavy one is above CARRIED for certain: one term reaches the level, the others at
    their lower end."""
    side = "lower" if model.light("upper") else "upper" if model.light("lower") else ""
    if not side or not math.isfinite(one.term.support):
        return False
    alone = heavy_side(one, level, side, "auto") - (one.n - 1) * one.term.support
    with np.errstate(all="ignore"):
        log_one = float(one.term.log_sf(np.array([alone]))[0])
    return log_one > math.log(CARRIED / one.n)


def choose(model: Sum, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The plan for one sum, level and side."""
    upper = model.degenerate or model.light("upper")
    lower = model.degenerate or model.light("lower")
    terms = sum(n for _, n in model.parts)
    loose = model.discrete and model.lattice is None and not model.degenerate
    law = model.parts[0][0] if model.parts else None
    one = None if upper and lower else model.heavy(side)
    known = not (upper and lower) and (cut_law(model) is not None if one is None else one.term.law is not None)
    alone = terms == 1 and isinstance(law.base if isinstance(law, Affine) else law, DensityLaw)
    if alone:
        chosen, reason = "exact", "one term with a density: its own tail integral, heavy tails included"
    elif known:
        chosen, reason = "exact", "no tilt exists; the transform on its cut gives every digit at a cost that does not grow with n"
    elif one is not None and not density and model.light(side):
        chosen, reason = "exact", f"a tilt exists on the {side} side"
    elif one is not None and _by_complement(model, one, level):
        chosen, reason = "exact", "P is not small: it is the complement of the light side, which is exact"
    elif one is not None:
        drawn = 1e5 * one.n <= MAX_DRAWS
        chosen, reason = "conditional" if drawn else "bigjump", "no tilt exists and the transform is not known on its cut"
    elif not (upper or lower):
        chosen, reason = "montecarlo", "no term has an exponential moment on either side (heavy tails): no tilt exists"
    elif loose and terms > 20:
        chosen, reason = "saddlepoint", "the terms are discrete and off any lattice: the sum is nearly smooth, but has no exact inversion"
    elif loose:
        chosen, reason = "exact", "few discrete terms: their values are listed"
    elif model.lattice is not None:
        chosen, reason = "exact", "a lattice law: one period of the contour gives every digit"
    elif upper and lower:
        chosen, reason = "exact", "E exp(sS) is finite around 0: the contour gives every digit at a cost that does not grow with n"
    else:
        side = "upper" if upper else "lower"
        chosen, reason = "exact", f"only the {side} tail is light: it is exact, the other is its complement and exact while not small"
    proved = terms_of(model) is not None
    notes: list[tuple[str, float | None, Any]] = [
        ("exact", None if loose and terms > 20 else 2.0 if known else 0.02,
         "the transform on its cut, and a ray" if known else "contour inversion of the cgf"),
        ("saddlepoint", 0.003 if upper or lower else None, "Lugannani-Rice; its error falls as 1/n"),
        ("importance", 0.1 if upper or lower else None, "tilted samples; the independent check"),
        ("montecarlo", 0.1, "100000 plain samples: of use where P is above 1e-4 or so"),
        ("conditional", 1e5 * one.n * 3e-8 if one is not None and 1e5 * one.n <= MAX_DRAWS else None,
         "Asmussen-Kroese: the largest term integrated out; says where not to trust it" if one is not None else "for heavy tails"),
        ("bigjump", None if one is None else 1e-4, "for heavy tails" if one is None else "one term makes the event; estimates its error"),
        ("certified", 0.02 if proved and installed("flint") else None, PROVED if proved else f"{KNOWN} only"),
    ]  # fmt: skip
    return Plan(chosen, reason, tuple({"method": m, "seconds": s, "note": note} for m, s, note in notes))
