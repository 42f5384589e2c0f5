"""Which method answers a question about a sum without a tilt; nothing is run."""

from __future__ import annotations

from typing import Any

from ldt.models.heavy_sum import MAX_DRAWS, standard
from ldt.results import Plan
from ldt.tails.certified_cubes import MAX_TERMS
from ldt.tails.choose import PROVED, installed


def choose(model: Any, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The plan for one model, level and side."""
    known, n = model.term.law is not None, model.n
    sampled = 1e5 * n * 3e-8 if 1e5 * n <= MAX_DRAWS else None
    why = f"draws n = {n:.3g} terms a sample" if sampled is None else ""
    cubes = model.term.name == "cube"
    none = "E exp(sX) is infinite: no tilt"
    rows = [
        ("exact", (0.02 if cubes else 2.0) if known else None, "the cut and a ray" if known else "the transform is not known"),
        ("conditional", sampled, why or "100000 draws, the largest term integrated out; says where not to trust it"),
        ("bigjump", 1e-4, "one term makes the event; with an estimate of its error"),
        ("transition", 1e-4 if cubes else None, "leading theory" if cubes else "CubicSum only"),
        ("montecarlo", sampled, why or "100000 plain samples: of use where P is above 1e-4 or so"),
        ("saddlepoint", None, none),
        ("importance", None, none),
        ("certified", 0.005 * n if cubes and n <= MAX_TERMS and installed("flint") else None,
         PROVED if cubes and n <= MAX_TERMS else f"CubicSum of at most {MAX_TERMS} terms only"),
    ]  # fmt: skip
    candidates = tuple({"method": m, "seconds": s, "note": note} for m, s, note in rows)
    if known:
        return Plan("exact", "no tilt exists; the transform on its cut gives every digit at a cost that does not grow with n", candidates)
    if not density and not model.term.symmetric and standard(model, level, side)[1] == "lower":
        return Plan("montecarlo", "the side without large jumps of a sum whose transform is not known", candidates)
    return Plan("conditional" if sampled else "bigjump", "no tilt exists and the transform is not known on its cut", candidates)
