"""The one table of dispatch: which methods answer questions about which kind of model, and the options each takes.

A model says its ``kind`` and whether it is ``symmetric`` (A and -A have one law without an atom at 0).  A runner is

    runner(model, level, *, density: bool, side: str, **options) -> dict of TailResult fields

in nats; of a symmetric model it sees levels > 0 and side 'upper' only, because the front door mirrors the rest.  A new kind of
model or a new method is a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ldt.errors import ModelError
from ldt.results import Plan

SAMPLING = ("samples", "target_error", "rng", "workers", "progress")
REPLICATES = ("replicates", "particles", "moves", "target_error", "rng", "workers", "progress")


@dataclass(frozen=True)
class Method:
    """``runner`` as 'module:function', loaded when called; the names of its ``options``; whether it also gives the ``density``; where it
    can take all levels at once ``many``, a runner of (model, levels, density, options) -> list of dicts, or None if it rather does not."""

    runner: str
    options: tuple[str, ...] = ()
    density: bool = True
    many: str = ""

    def load(self) -> Callable[..., dict[str, Any]]:
        """The runner itself."""
        return _load(self.runner)

    def load_many(self) -> Callable[..., list[dict[str, Any]] | None] | None:
        """The runner of many levels, if there is one."""
        return _load(self.many) if self.many else None


@dataclass(frozen=True)
class Family:
    """The ``methods`` of one kind of model, ``plan`` ('module:function' of (model, level, side, density) -> Plan), which is what 'auto'
    follows, and for symmetric models the runner ``origin`` of the density at level 0, if that needs one of its own."""

    methods: Mapping[str, Method]
    plan: str
    origin: str | None = None


FAMILIES: dict[str, Family] = {
    "alignment": Family(
        {
            "exact": Method("ldt.tails.exact:run"),
            "saddlepoint": Method("ldt.tails.saddlepoint:run", ("form",), many="ldt.tails.saddlepoint:run_many"),
            "importance": Method("ldt.tails.importance:importance", SAMPLING),
            "montecarlo": Method("ldt.tails.montecarlo:montecarlo", SAMPLING),
            "mpmath": Method("ldt.tails.multiprecision:run", ("dps",)),
            "certified": Method("ldt.tails.certified:run", ("digits",)),
        },
        plan="ldt.tails.choose:choose",
        origin="ldt.tails.origin:run",
    ),
    "network": Family(
        {
            "splitting": Method("ldt.tails.splitting:splitting", REPLICATES, density=False),
            "umbrella": Method("ldt.tails.umbrella:umbrella", REPLICATES, density=False),
            "hamiltonian": Method("ldt.tails.hamiltonian:hamiltonian", REPLICATES, density=False),
            "montecarlo": Method("ldt.tails.counting:counting", SAMPLING, density=False),
        },
        plan="ldt.tails.choose:choose_network",
    ),
    "sum": Family(
        {
            "exact": Method("ldt.tails.sum_exact:run"),
            "saddlepoint": Method("ldt.tails.sum_saddlepoint:run"),
            "importance": Method("ldt.tails.sum_sampling:importance", SAMPLING),
            "montecarlo": Method("ldt.tails.sum_sampling:montecarlo", SAMPLING),
            "conditional": Method("ldt.tails.asmussen_kroese:run", SAMPLING),
            "bigjump": Method("ldt.tails.bigjump:run"),
            "certified": Method("ldt.tails.certified_sums:run", ("digits",)),
        },
        plan="ldt.tails.sum_choose:choose",
    ),
    "heavy": Family(
        {
            "exact": Method("ldt.tails.heavy_exact:run"),
            "conditional": Method("ldt.tails.asmussen_kroese:run", SAMPLING),
            "bigjump": Method("ldt.tails.bigjump:run"),
            "transition": Method("ldt.tails.transition:run", density=False),
            "montecarlo": Method("ldt.tails.heavy_montecarlo:run", SAMPLING),
            "saddlepoint": Method("ldt.tails.heavy_exact:no_tilt"),
            "importance": Method("ldt.tails.heavy_exact:no_tilt", SAMPLING),
            "certified": Method("ldt.tails.certified_cubes:run", ("digits",)),
        },
        plan="ldt.tails.heavy_plan:choose",
    ),
}


def family(model: Any) -> Family:
    """The family of a model; ModelError for what is not a model."""
    kind = getattr(model, "kind", None)
    if isinstance(model, type) or not isinstance(kind, str) or kind not in FAMILIES:
        raise ModelError(f"model: must be a model such as AlignmentSum, got {type(model).__name__}")
    return FAMILIES[kind]


def method_of(model: Any, name: Any) -> Method:
    """The method of this name; ModelError naming those that the model has."""
    methods = family(model).methods
    if not isinstance(name, str) or name not in methods:
        raise ModelError(f"method: must be one of {', '.join((*methods, 'auto'))}, got {name!r}")
    return methods[name]


def plan_of(model: Any, level: float, side: str = "upper", density: bool = False) -> Plan:
    """The Plan for one model, level (finite) and side, or for the density; nothing is run."""
    found: Plan = _load(family(model).plan)(model, level, side, density)
    return found


def origin_of(model: Any) -> Callable[..., dict[str, Any]] | None:
    """The runner of the density at level 0, where the family has one of its own."""
    name = family(model).origin
    return None if name is None else _load(name)


def _load(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
