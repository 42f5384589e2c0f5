"""Which method answers a question, and at what predicted cost; nothing is run.

The predictions are scalings fitted to measured times on one core (benchmarks/), good to a factor of a few.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any

from ldt.errors import NoTiltError
from ldt.results import Plan
from ldt.tails.atoms import BINOMIAL

#: Seconds a look-up and a sample of importance sampling, and a neuron of plain sampling.
LOOK_UP, SAMPLE = 1.2e-9, 1e-7
PLAIN_NEURON = 4e-8
#: Atoms of one neuron's law, where its overlap hangs on one coordinate and where on two.
ATOMS = (300, 3500)
PROVED = "ball arithmetic: the error is a proved bound (needs python-flint, ldt[certified])"


def choose(model: Any, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The plan for one model and level, the same for both sides."""
    width = model.width
    try:
        tilt_ends = model.neuron.theta_max < math.inf
        tilt, why = True, ""
    except NoTiltError as error:
        tilt, tilt_ends, why = False, False, str(error)
    two_dimensional = model.neuron.kind == "wr"
    named = model.activation in ("erf", "linear", "relu")
    seconds = {
        "exact": (3.0 if two_dimensional else 0.03) if tilt else None,
        "saddlepoint": (2.0 if two_dimensional else 0.02) if tilt else None,
        "importance": 0.02 + 1e4 * importance_seconds(model) if tilt else None,
        "montecarlo": 1e5 * width * PLAIN_NEURON if 1e5 * width <= 4e9 else None,
        "mpmath": 60.0 if tilt and (named or (model.activation == "tanh" and model.overlap == "concentrated")) else None,
        "certified": 2.0 if tilt and model.activation in ("erf", "linear") and installed("flint") else None,
    }
    notes = {
        "exact": ("contour inversion by sectors" + ("; two-dimensional: 1 to 10 s" if two_dimensional else "")) if tilt else why,
        "saddlepoint": "Lugannani-Rice by sectors; its error is a few per cent of P" if tilt else why,
        "importance": "to 1 % of P; the independent check" if tilt else why,
        "montecarlo": "100000 plain samples: of use where P is above 1e-4 or so",
        "mpmath": "to any number of digits, slowly" if seconds["mpmath"] else why or "not for callables, nor tanh with the full overlap",
        "certified": why or ("erf and linear only" if model.activation not in ("erf", "linear") else PROVED),
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


def importance_seconds(model: Any) -> float:
    """Seconds of one sample of importance sampling."""
    return LOOK_UP * min(int(model.width), BINOMIAL * ATOMS[model.neuron.kind == "wr"]) + SAMPLE


def installed(package: str) -> bool:
    """Whether an optional package is there; nothing is imported."""
    return find_spec(package) is not None


def choose_network(model: Any, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The plan for a network of standard-normal parameters: splitting, whatever the level and side."""
    sloped = hasattr(model, "slope")
    along = "umbrella sampling along gradients: wide layers (needs pymbar)" if sloped else "for networks that give their slope"
    candidates = (
        {"method": "splitting", "seconds": None, "note": "independent climbs from the prior to the event; returns the weights"},
        {"method": "umbrella", "seconds": None, "note": "replica exchange and MBAR; the independent check (needs pymbar)"},
        {"method": "hamiltonian", "seconds": None, "note": along},
        {"method": "montecarlo", "seconds": None, "note": "plain samples: of use where P is above 1e-4 or so"},
    )
    return Plan("splitting", "nothing but samples of the score is needed, and rare events are reached level by level", candidates)
