"""Studies: what the patterns predict for an architecture beside what other methods find, over a range of sizes.

A study is an architecture (a model file and changes of its sizes), values of its base, a level and methods; its record is a flat
table with one row for each value, method and pattern, so that files of different methods can be laid side by side:

    exact         contour inversion of the alignment (where the architecture is one; attention: to leading order in the scores)
    closed-form   the linear CNN's variance-gamma law, by mpmath
    importance    tilted sampling of the same alignment, one standard error
    patterns      the engine's leading energies, every assignment, with its exact exponent
    energies      costs with true constants at finite sizes (ldt.patterns.variational)
    bound         three layers: KL + E_q[-log Phi], sampled from the two cheapest trial laws as real networks
    splitting     the network itself, all its weights climbing from the prior to the event, and the pattern that they show
    umbrella      the same network by replica exchange and MBAR, the second opinion (needs pymbar)
    hamiltonian   the same along gradients, for three layers: larger networks than the other two reach (needs pymbar)

A new way of finding -log P is one function of a Question and one entry in METHODS; it returns rows.  What the sampled weights look like
(how many neurons specialised, say) goes into ``observables``.
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


@dataclass(frozen=True)
class Effort:
    """What a sampler of whole networks may spend: independent ``replicates`` of ``particles`` chains, ``moves`` sweeps over all units at
    every level, and the ``points`` of its average over the data, where that is not in closed form (0: the network's own)."""

    replicates: int = 4
    particles: int = 500
    moves: int = 4
    points: int = 0


@dataclass(frozen=True)
class Question:
    """-log P(A >= level) of the architecture where its base has this ``value``."""

    architecture: Architecture
    value: float
    level: float
    seed: int
    effort: Effort


Method = Callable[[Question], list[StudyRow]]


def _exact(q: Question) -> list[StudyRow]:
    from ldt.patterns.variational import alignment_of
    from ldt.tails.exact import exact

    logp, error, detail = exact(alignment_of(q.architecture, q.value), q.level)
    seen: dict[str, Any] = {}
    if getattr(detail, "specialised", None) is not None:
        seen["specialised"] = float(sum(n * p for n, p in zip(detail.specialised, detail.probability, strict=True)))
    return [StudyRow("exact", -logp, error, "estimate", observables=seen, note=_claim(q.architecture))]


def _claim(architecture: Architecture) -> str:
    return "leading order in the scores" if architecture.layers[0].kind == "softmax attention" else ""


def _closed_form(q: Question) -> list[StudyRow]:
    from ldt.patterns.variational import alignment_of
    from ldt.reference import linear_log_tail

    logp = float(linear_log_tail(alignment_of(q.architecture, q.value), q.level))
    return [StudyRow("closed-form", -logp, 2.0**-50 * abs(logp), "bound", note=_claim(q.architecture))]


def _importance(q: Question) -> list[StudyRow]:
    from ldt.patterns.variational import alignment_of
    from ldt.tails.importance import importance

    found = importance(alignment_of(q.architecture, q.value), q.level, target_error=0.02, rng=q.seed)
    detail, status = found["detail"], found.get("status", "ok")
    return [StudyRow("importance", -found["logp"], found["error"], found["error_kind"], status, samples=detail.samples, seed=found["seed"],
                     note=found.get("advice", "") or _claim(q.architecture))]  # fmt: skip


def _patterns(q: Question) -> list[StudyRow]:
    from ldt.patterns.engine import pattern_table
    from ldt.patterns.geometric import numeric_table

    exponents = {row.name: str(row.exponent) for row in pattern_table(q.architecture).rows}
    table = numeric_table(q.architecture, q.value, q.level)
    return [
        StudyRow("patterns", row.cost, pattern=row.name, exponent=exponents[row.name], parameters=dict(row.parameters),
                 note="winner" if row is table.winner else "")
        for row in table.rows
    ]  # fmt: skip


def _energies(q: Question) -> list[StudyRow]:
    from ldt.patterns.variational import variational

    found = variational(q.architecture, q.value, q.level)
    return [
        StudyRow("energies", cost, pattern=name, parameters=dict(found.parameters[name]), note="winner" if name == found.winner else "")
        for name, cost in found.costs.items()
    ]


def _bound(q: Question) -> list[StudyRow]:
    from ldt.patterns.three_layer import three_layer_bound
    from ldt.patterns.variational import is_three_layer, three_layer_of, variational

    if not is_three_layer(q.architecture):
        raise MethodError("method: the sampled bound of whole networks is written for three erf layers; others have method exact")
    net, rows = three_layer_of(q.architecture, q.value), []
    energies = variational(q.architecture, q.value, q.level)
    laws = [(name, p) for name, p in energies.parameters.items() if p]  # GP throughout is no event to draw
    for name, parameters in sorted(laws, key=lambda law: energies.costs[law[0]])[:2]:
        found = three_layer_bound(net, q.level, parameters=parameters, rng=q.seed)
        rows.append(StudyRow("bound", found.bound, found.error, "stderr", found.status, name, parameters=dict(found.parameters),
                             samples=found.cost.samples, seed=found.seed, note=found.advice or "-log P is at most this"))  # fmt: skip
    return rows


def _sampled(method: str) -> Method:
    """A method of networks (ldt.tails.methods) as a method of studies."""

    def run(q: Question) -> list[StudyRow]:
        from ldt.models.networks.of_architecture import network_of
        from ldt.tails.methods import method_of

        network: Any = network_of(q.architecture, q.value)
        if q.effort.points and hasattr(network, "points"):
            network = replace(network, points=q.effort.points)
        found = method_of(network, method).load()(
            network, q.level, replicates=q.effort.replicates, particles=q.effort.particles, moves=q.effort.moves, rng=q.seed
        )
        seen = seen_in(network, found["detail"].weights, q.level)
        return [StudyRow(method, -found["logp"], found["error"], found["error_kind"], found.get("status", "ok"), observables=seen,
                         samples=found["cost"].samples, seed=found["seed"], note=found.get("advice", ""))]  # fmt: skip

    return run


def seen_in(network: Any, weights: Any, level: float) -> dict[str, Any]:
    """What networks given the event, rows of ``weights``, look like (ldt.patterns.reading): for every layer its pattern, the mean number of
    units in a second well and beyond 3 prior standard deviations, and the inflation of the others; and ``carriers``, how
    many units of the last layer carry the variance V of A: the mean of (sum of shares)^2/(sum of squares)."""
    import numpy as np

    from ldt.patterns.reading import read_patterns

    if not len(weights):
        return {}
    seen: dict[str, Any] = {}
    for layer in read_patterns(network, weights, level):
        seen[f"{layer.layer}: pattern"] = layer.pattern
        seen[f"{layer.layer}: inflation"] = layer.inflation
        if layer.second_well is not None:
            seen[f"{layer.layer}: second well"] = layer.second_well
        if layer.outliers is not None:
            seen[f"{layer.layer}: specialised"] = layer.outliers
        if layer.beyond_cut is not None:
            seen[f"{layer.layer}: beyond cut"] = layer.beyond_cut
    h = network.features(np.ascontiguousarray(weights[:, : network.hidden]))
    share = np.sum(h.reshape(len(h), network.layers[-1].count, -1) ** 2, axis=2)
    seen["carriers"] = float(np.mean(share.sum(axis=1) ** 2 / np.sum(share**2, axis=1)))
    return seen


METHODS: dict[str, Method] = {
    "exact": _exact, "closed-form": _closed_form, "importance": _importance, "patterns": _patterns, "energies": _energies,
    "bound": _bound, "splitting": _sampled("splitting"), "umbrella": _sampled("umbrella"),
    "hamiltonian": _sampled("hamiltonian"),
}  # fmt: skip


def study(
    architecture: Architecture, values: Iterable[float], methods: Sequence[str], level: float = 1.0, *, rng: Any = None,
    effort: Effort | None = None,
) -> Iterator[StudyRow]:
    """The rows of a study, as they are found; a method that fails at a value gives a row that says so.

    Parameters
    ----------
    architecture : Architecture
    values : increasing values of its base
    methods : names in METHODS
    level : of the orthonormal target
    rng : None or a seed; each value and method has its own stream
    effort : Effort, optional
        Of the methods that sample whole networks.

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
    return _rows(architecture, points, sizes, tuple(dict.fromkeys(methods)), float(level), entropy, effort or Effort())


def _rows(
    architecture: Architecture, points: list[float], sizes: list[dict[str, float]], methods: tuple[str, ...], level: float, entropy: int,
    effort: Effort,
) -> Iterator[StudyRow]:
    import numpy as np

    before: dict[tuple[str, str], tuple[float, float]] = {}
    for i, value in enumerate(points):
        for name in methods:
            key = (list(METHODS).index(name), i)
            seed = int(np.random.SeedSequence(entropy, spawn_key=key).generate_state(1, np.uint64)[0]) >> 1
            start = time.perf_counter()
            try:
                found = METHODS[name](Question(architecture, value, level, seed, effort))
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


__all__ = ["COLUMNS", "METHODS", "Effort", "Question", "StudyRow", "seen_in", "study"]
