"""Which method answers a question, and at what predicted cost; nothing is run.

The predictions are scalings fitted to measured times on one core (benchmarks/), good to a factor of a few.
"""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import NoTiltError
from ldt.results import Plan
from ldt.tails.importance import MAX_NEURONS

#: Seconds a neuron drawn, by tilted and by plain sampling.
TILTED_NEURON = 6e-8
PLAIN_NEURON = 4e-8


def choose(model: Any, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The plan for one model and level, the same for both sides."""
    width = model.width
    try:
        tilt_ends = model.neuron.theta_max < math.inf
        tilt, why = True, ""
    except NoTiltError as error:
        tilt, tilt_ends, why = False, False, str(error)
    two_dimensional = model.neuron.kind == "wr"
    seconds = {
        "exact": (3.0 if two_dimensional else 0.03) if tilt else None,
        "saddlepoint": (2.0 if two_dimensional else 0.02) if tilt else None,
        "importance": _importance_cost(width, two_dimensional) if tilt and width <= MAX_NEURONS // 20 else None,
        "montecarlo": 1e5 * width * PLAIN_NEURON if 1e5 * width <= 4e9 else None,
        "mpmath": 60.0 if tilt and model.activation in ("erf", "linear") else None,
    }
    notes = {
        "exact": ("contour inversion by sectors" + ("; two-dimensional: 1 to 10 s" if two_dimensional else "")) if tilt else why,
        "saddlepoint": "Lugannani-Rice by sectors; its error is a few per cent of P" if tilt else why,
        "importance": "to 1 % of P; the independent check" if seconds["importance"] else why or f"draws N = {width:.3g} neurons a sample",
        "montecarlo": "100000 plain samples: of use where P is above 1e-4 or so",
        "mpmath": "to any number of digits, slowly" if seconds["mpmath"] else why or "erf and linear only",
    }
    if level == 0.0:
        chosen, reason = "exact", "the law is symmetric: P(A >= 0) = 1/2"
    elif tilt:
        chosen = "exact"
        reason = (
            "E exp(sA) is finite"
            + (" up to a finite s" if tilt_ends else "")
            + ": the contour gives every digit at a cost that does not grow with N"
        )
    else:
        chosen, reason = "montecarlo", why
    candidates = tuple({"method": m, "seconds": seconds[m], "note": notes[m]} for m in seconds)
    return Plan(chosen, reason, candidates)


def _importance_cost(width: int, two_dimensional: bool) -> float:
    samples = 1e4 if width < 10**5 else 1e2
    return max(0.02, samples * width * TILTED_NEURON * (300.0 if two_dimensional else 1.0))


def choose_network(model: Any, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The plan for a network of standard-normal parameters: splitting, whatever the level and side."""
    candidates = (
        {"method": "splitting", "seconds": None, "note": "independent climbs from the prior to the event; returns the weights"},
        {"method": "umbrella", "seconds": None, "note": "replica exchange and MBAR; the independent check (needs pymbar)"},
        {"method": "montecarlo", "seconds": None, "note": "plain samples: of use where P is above 1e-4 or so"},
    )
    return Plan("splitting", "nothing but samples of the score is needed, and rare events are reached level by level", candidates)
