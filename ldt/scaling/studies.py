"""Studies: what the patterns predict for an architecture beside what other methods find, over a range of sizes.

A study is an architecture (a model file and changes of its sizes), values of its base, a level and methods; its record is a flat
table with one row for each value, method and pattern, so that files of different methods can be laid side by side:

    exact         contour inversion of the alignment (where the architecture is one; attention: to leading order in the scores)
    closed-form   the linear CNN's variance-gamma law, by mpmath
    importance    tilted sampling of the same alignment, one standard error
    patterns      the engine's leading energies, every assignment, with its exact exponent
    energies      costs with true constants at finite sizes (ldt.patterns.variational)
    bound         three layers: KL + E_q[-log Phi], sampled from each trial law as real networks

A new way of finding -log P is one function and one entry in METHODS; it gets the architecture, the base's value, the level and a seed,
and returns rows.  What the sampled weights look like (how many neurons specialised, say) goes into ``observables``.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ldt.errors import ConvergenceError, MethodError, ModelError, NoTiltError
from ldt.models.architecture import Architecture
from ldt.results import _Record

COLUMNS = ("system", "base", "value", "sizes", "level", "method", "pattern", "neg_log_p", "error", "error_kind", "status", "exponent",
           "local_exponent", "parameters", "observables", "samples", "seed", "seconds", "note")  # fmt: skip


@dataclass(frozen=True)
class StudyRow(_Record):
    """One method's -log P (or one pattern's cost) in nats at one value of the base.

    ``error_kind`` as in ldt.results, or "none" where no error is known (leading energies).  ``exponent``: the predicted one of this
    pattern; ``local_exponent``: d ln(neg_log_p)/d ln(base) from the value before, by the same method and pattern.
    """

    method: str
    neg_log_p: float
    error: float = math.nan
    error_kind: str = "none"
    status: str = "ok"
    pattern: str = ""
    exponent: str = ""
    local_exponent: float = math.nan
    parameters: dict[str, Any] = field(default_factory=dict)
    observables: dict[str, Any] = field(default_factory=dict)
    samples: int = 0
    seed: int | None = None
    seconds: float = 0.0
    note: str = ""
    system: str = ""
    base: str = ""
    value: float = math.nan
    sizes: dict[str, float] = field(default_factory=dict)
    level: float = math.nan

    def cells(self) -> tuple[Any, ...]:
        """The row in the order of COLUMNS; mappings as JSON text."""
        found = self.to_dict()
        return tuple(json.dumps(v, sort_keys=True) if isinstance(v := found[name], dict) else v for name in COLUMNS)


Method = Callable[[Architecture, float, float, int], list[StudyRow]]


def _exact(architecture: Architecture, value: float, level: float, seed: int) -> list[StudyRow]:
    from ldt.patterns.variational import alignment_of
    from ldt.tails.exact import exact

    logp, error, detail = exact(alignment_of(architecture, value), level)
    seen: dict[str, Any] = {}
    if getattr(detail, "specialised", None) is not None:
        seen["specialised"] = float(sum(n * p for n, p in zip(detail.specialised, detail.probability, strict=True)))
    return [StudyRow("exact", -logp, error, "estimate", observables=seen, note=_claim(architecture))]


def _claim(architecture: Architecture) -> str:
    return "leading order in the scores" if architecture.layers[0].kind == "softmax attention" else ""


def _closed_form(architecture: Architecture, value: float, level: float, seed: int) -> list[StudyRow]:
    from ldt.patterns.variational import alignment_of
    from ldt.reference import linear_log_tail

    logp = float(linear_log_tail(alignment_of(architecture, value), level))
    return [StudyRow("closed-form", -logp, 2.0**-50 * abs(logp), "bound", note=_claim(architecture))]


def _importance(architecture: Architecture, value: float, level: float, seed: int) -> list[StudyRow]:
    from ldt.patterns.variational import alignment_of
    from ldt.tails.importance import importance

    found = importance(alignment_of(architecture, value), level, target_error=0.02, rng=seed)
    detail, status = found["detail"], found.get("status", "ok")
    return [StudyRow("importance", -found["logp"], found["error"], found["error_kind"], status, samples=detail.samples, seed=found["seed"],
                     note=found.get("advice", "") or _claim(architecture))]  # fmt: skip


def _patterns(architecture: Architecture, value: float, level: float, seed: int) -> list[StudyRow]:
    from ldt.patterns.engine import pattern_table
    from ldt.patterns.geometric import numeric_table

    exponents = {row.name: str(row.exponent) for row in pattern_table(architecture).rows}
    table = numeric_table(architecture, value, level)
    return [
        StudyRow("patterns", row.cost, pattern=row.name, exponent=exponents[row.name], parameters=dict(row.parameters),
                 note="winner" if row is table.winner else "")
        for row in table.rows
    ]  # fmt: skip


def _energies(architecture: Architecture, value: float, level: float, seed: int) -> list[StudyRow]:
    from ldt.patterns.variational import variational

    found = variational(architecture, value, level)
    return [
        StudyRow("energies", cost, pattern=name, parameters=dict(found.parameters[name]), note="winner" if name == found.winner else "")
        for name, cost in found.costs.items()
    ]


def _bound(architecture: Architecture, value: float, level: float, seed: int) -> list[StudyRow]:
    from ldt.patterns.three_layer import three_layer_bound
    from ldt.patterns.variational import is_three_layer, three_layer_of, variational

    if not is_three_layer(architecture):
        raise MethodError("method: the sampled bound of whole networks is written for three erf layers; others have method exact")
    net, rows = three_layer_of(architecture, value), []
    for name, parameters in variational(architecture, value, level).parameters.items():
        if not parameters:  # GP throughout is no event to draw
            continue
        found = three_layer_bound(net, level, parameters=parameters, rng=seed)
        rows.append(StudyRow("bound", found.bound, found.error, "stderr", found.status, name, parameters=dict(found.parameters),
                             samples=found.cost.samples, seed=found.seed, note=found.advice or "-log P is at most this"))  # fmt: skip
    return rows


METHODS: dict[str, Method] = {
    "exact": _exact, "closed-form": _closed_form, "importance": _importance, "patterns": _patterns, "energies": _energies,
    "bound": _bound,
}  # fmt: skip


def study(
    architecture: Architecture, values: Iterable[float], methods: Sequence[str], level: float = 1.0, *, rng: Any = None
) -> Iterator[StudyRow]:
    """The rows of a study, as they are found; a method that fails at a value gives a row that says so.

    Parameters
    ----------
    architecture : Architecture
    values : increasing values of its base
    methods : names in METHODS
    level : of the orthonormal target
    rng : None or a seed; each value and method has its own stream

    Raises
    ------
    ModelError
        Values, level or methods that make no sense.

    Examples
    --------
    >>> from ldt.models.architecture import Layer, Target
    >>> layer = Layer("patch convolution", {"patches": "n", "patch": "n", "channels": "n"}, "linear")
    >>> net = Architecture((layer, Layer("readout")), Target("teacher", 1), {"n": "d^(1/2)"})
    >>> rows = list(study(net, [100, 10000], ["exact", "closed-form"]))
    >>> [(row.method, round(row.neg_log_p, 6)) for row in rows[:2]], round(rows[-1].local_exponent, 3)
    ([('exact', 24.019971), ('closed-form', 24.019971)], 0.772)
    """
    from ldt.numerics.random import entropy_of

    points = list(values)
    if not points or any(b <= a for a, b in itertools.pairwise(points)):
        raise ModelError(f"values: must be increasing values of {architecture.base}, got {points}")
    for name in methods:
        if name not in METHODS:
            raise ModelError(f"method: must be one of {', '.join(METHODS)}, got {name!r}")
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0.0 < level < math.inf:
        raise ModelError(f"level: must be finite and > 0, got {level!r}")
    sizes = [architecture.sizes_at(value) for value in points]
    entropy = entropy_of(rng)
    return _rows(architecture, points, sizes, tuple(dict.fromkeys(methods)), float(level), entropy)


def _rows(
    architecture: Architecture, points: list[float], sizes: list[dict[str, float]], methods: tuple[str, ...], level: float, entropy: int
) -> Iterator[StudyRow]:
    import numpy as np

    before: dict[tuple[str, str], tuple[float, float]] = {}
    for i, value in enumerate(points):
        for name in methods:
            key = (list(METHODS).index(name), i)
            seed = int(np.random.SeedSequence(entropy, spawn_key=key).generate_state(1, np.uint64)[0]) >> 1
            start = time.perf_counter()
            try:
                found = METHODS[name](architecture, value, level, seed)
            except (ModelError, MethodError, NoTiltError, ConvergenceError) as error:
                found = [StudyRow(name, math.nan, status="failed", note=str(error))]
            seconds = time.perf_counter() - start
            for row in found:
                last = before.get((name, row.pattern))
                good = math.isfinite(row.neg_log_p) and row.neg_log_p > 0.0
                local = math.log(row.neg_log_p / last[1]) / math.log(value / last[0]) if last and good else math.nan
                if good:
                    before[name, row.pattern] = value, row.neg_log_p
                yield replace(
                    row, system=architecture.label or architecture.name, base=architecture.base, value=float(value), sizes=sizes[i],
                    level=level, local_exponent=local, seconds=round(seconds, 3),
                )  # fmt: skip


__all__ = ["COLUMNS", "METHODS", "StudyRow", "study"]
