"""One point of a grid: -log P(A >= level) by every method that applies, the patterns' costs, and whether they agree.

    z = (sampled - exact)/sqrt(stderr^2 + error^2)        both as -log P, in nats

Each method answers for itself: what fails is kept as failed, with the reason, and what is not run says why.  Two deterministic
values disagree when they differ by more than their stated errors; a sampled one when |z| > 4.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ldt.errors import ConvergenceError, MethodError, ModelError, NoTiltError
from ldt.models.alignment import AlignmentSum
from ldt.models.layers import GFL
from ldt.patterns.bounds import best_bound, default_samples
from ldt.reference import linear_log_tail
from ldt.results import _Record
from ldt.scaling.laws import costs_of
from ldt.scaling.settings import BOUND_NAME, CNN_NAME, Series

#: |z| above which sampling and the exact value are said to disagree.
LIMIT = 4.0
#: Measured seconds: a neuron drawn from a trial law, everything else of one point (one well; full overlap, computed overlap).
TRIAL_NEURON = 1e-7
DETERMINISTIC, TWO_DIMENSIONAL = 0.15, 5.0


@dataclass(frozen=True)
class Value(_Record):
    """One method's -log P in nats (for a bound: what it says -log P is at most).

    ``status``: "ok", "warning" (``note`` says what to mind), "failed" or "not run" (``note`` says why; ``value`` is NaN).
    ``error_kind`` as in ldt.results.  ``samples``, ``ess`` and ``relative_variance`` (per sample) of sampling only.
    """

    value: float = math.nan
    error: float = math.nan
    error_kind: str = "estimate"
    status: str = "ok"
    note: str = ""
    samples: int = 0
    ess: float = math.nan
    relative_variance: float = math.nan
    seed: int | None = None
    seconds: float = 0.0

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)


NOT_RUN = Value(status="not run")


@dataclass(frozen=True)
class Point(_Record):
    """Everything at one d: values by method, pattern costs (empty if they have none, then ``note`` says why), ``z``-score of the
    sampled value (against ``exact``; of the sampled bound against ``transform``) and ``problems``, one line each.

    ``closed_form``: the linear CNN's independent exact tail.  ``bound`` and ``transform``: the GFL trial law's, sampled and
    deterministic, with its ``divergence`` KL(q||prior) and ``inflation`` D.
    """

    d: int
    model: AlignmentSum
    exact: Value
    sampled: Value = NOT_RUN
    saddle: Value = NOT_RUN
    closed_form: Value = NOT_RUN
    bound: Value = NOT_RUN
    transform: Value = NOT_RUN
    divergence: float = math.nan
    inflation: float = math.nan
    patterns: dict[str, Any] = field(default_factory=dict)
    z: float = math.nan
    problems: tuple[str, ...] = ()
    note: str = ""

    @property
    def measured(self) -> Value:
        """The sampled value of this point's setting."""
        return self.bound if self.bound.status != "not run" else self.sampled


def evaluate(series: Series, d: int, level: float, *, seed: int, target_error: float, workers: Any, max_seconds: float) -> Point:
    """The point of ``series`` at d."""
    model = series.at(d)
    found: dict[str, Any] = {"exact": _timed(lambda: _exact(model, level))}
    entropy = stream(seed, series.setting, model)
    if series.setting == BOUND_NAME:
        found |= _bound(model, level, entropy, max_seconds)
        found["z"] = _z(found["bound"], found["transform"])
    else:
        found["saddle"] = _timed(lambda: _saddle(model, level))
        seconds = sampling_seconds(model, target_error)
        if seconds > max_seconds:
            note = f"would take about {seconds:.2g} s to sample {model.width:.3g} neurons often enough (--max-seconds {max_seconds:g})"
            found["sampled"] = Value(status="not run", note=note)
        else:
            found["sampled"] = _timed(lambda: _sampled(model, level, target_error, entropy, workers))
        found["z"] = _z(found["sampled"], found["exact"])
    if series.setting == CNN_NAME:
        found["closed_form"] = _timed(lambda: _closed_form(model, level))
    try:
        found["patterns"] = costs_of(model, level)
    except ModelError as error:
        found["note"] = f"patterns: {error}"
    return Point(d, model, problems=tuple(_problems(found, d)), **found)


def stream(seed: int, setting: str, model: AlignmentSum) -> int:
    """The seed of one point: from the run's seed, the setting, N and d, so that it does not depend on what else is run."""
    import numpy as np

    key = (zlib.crc32(setting.encode()), model.width, model.dim)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0]) >> 1


# -- the methods ---------------------------------------------------------------------------------------------------------------


def _timed(ask: Callable[[], Value]) -> Value:
    from dataclasses import replace

    start = time.perf_counter()
    try:
        value = ask()
    except (ConvergenceError, MethodError, NoTiltError) as error:
        value = Value(status="failed", note=str(error))
    return replace(value, seconds=time.perf_counter() - start)


def _exact(model: AlignmentSum, level: float) -> Value:
    from ldt.tails.exact import exact

    logp, error, _ = exact(model, level)
    poor = error > 1e-8 * max(1.0, abs(logp))
    return Value(-logp, error, status="warning" if poor else "ok", note="the error is larger than usual" if poor else "")


def _saddle(model: AlignmentSum, level: float) -> Value:
    from ldt.tails.saddlepoint import saddlepoint

    logp, error, detail = saddlepoint(model, level)
    if not (math.isfinite(logp) and math.isfinite(error)):
        return Value(status="failed", note="no saddle-point expansion holds here")
    return Value(
        -logp, error, status="ok" if detail.trusted else "warning", note="" if detail.trusted else "not reliable by its own verdict"
    )


def _sampled(model: AlignmentSum, level: float, target_error: float, entropy: int, workers: Any) -> Value:
    from ldt.tails.importance import importance

    found = importance(model, level, target_error=target_error, rng=entropy, workers=workers)
    if found.get("interrupted"):
        raise KeyboardInterrupt
    status, detail = found.get("status", "ok"), found["detail"]
    value = math.nan if status == "failed" else -found["logp"]
    return Value(
        value, found["error"], found["error_kind"], status, found.get("advice", ""), detail.samples, detail.ess,
        detail.relative_variance, found["seed"],
    )  # fmt: skip


def _closed_form(model: AlignmentSum, level: float) -> Value:
    logp = float(linear_log_tail(model, level))
    return Value(-logp, 2.0**-50 * abs(logp))


def _bound(model: AlignmentSum, level: float, entropy: int, max_seconds: float) -> dict[str, Any]:
    """The GFL trial law at its best D: the deterministic transform, and the same law sampled."""
    start = time.perf_counter()
    plain = best_bound(model, level, GFL, method="transform")
    transform = _bound_value(plain, time.perf_counter() - start)
    found = {"transform": transform, "divergence": plain.divergence, "inflation": float(plain.parameters["D"])}
    seconds = bound_seconds(model)
    if seconds > max_seconds:
        return found | {
            "bound": Value(status="not run", note=f"would take about {seconds:.2g} s to sample (--max-seconds {max_seconds:g})")
        }
    start = time.perf_counter()
    drawn = best_bound(model, level, GFL, rng=entropy)
    return found | {"bound": _bound_value(drawn, time.perf_counter() - start)}


def _bound_value(result: Any, seconds: float) -> Value:
    rows = result.cost.samples // int(result.model.width)
    return Value(
        result.bound if math.isfinite(result.bound) else math.nan, result.error, result.error_kind, result.status, result.advice,
        rows, seed=result.seed, seconds=seconds,
    )  # fmt: skip


# -- agreement -----------------------------------------------------------------------------------------------------------------


def _z(sampled: Value, truth: Value) -> float:
    if not (sampled.known and truth.known and math.isfinite(sampled.error)):
        return math.nan
    return (sampled.value - truth.value) / math.hypot(sampled.error, truth.error)


def _problems(found: dict[str, Any], d: int) -> list[str]:
    """What is wrong at this point, in words; a saddle point that distrusts itself is no problem, one that is wrong is."""
    exact, lines = found["exact"], []
    for name in ("exact", "sampled", "saddle", "closed_form", "bound", "transform"):
        value = found.get(name, NOT_RUN)
        if value.status == "failed" or (value.status == "warning" and name != "saddle"):
            lines.append(f"d = {d}: {name.replace('_', ' ')} {value.status}: {value.note}")
    if abs(found["z"]) > LIMIT:
        lines.append(f"d = {d}: sampling disagrees, z = {found['z']:.1f}")
    for name in ("saddle", "closed_form"):
        value = found.get(name, NOT_RUN)
        if value.known and exact.known and abs(value.value - exact.value) > value.error + exact.error:
            gap = value.value - exact.value
            lines.append(
                f"d = {d}: {name.replace('_', ' ')} is {gap:.2g} from exact, stated {value.error:.2g} and {exact.error:.2g}"
            )
    for name in ("bound", "transform"):
        value = found.get(name, NOT_RUN)
        slack = exact.error + (LIMIT if value.error_kind == "stderr" else 1.0) * value.error
        if value.known and exact.known and value.value < exact.value - slack:
            lines.append(f"d = {d}: the {name} {value.value:.6g} lies below the exact {exact.value:.6g}, which Jensen's inequality forbids")
    return lines


# -- predicted cost --------------------------------------------------------------------------------------------------------------


def sampling_seconds(model: AlignmentSum, target_error: float) -> float:
    """Predicted seconds of importance sampling, good to a factor of a few.

    The relative variance per sample is taken as 2 or, for a linear overlap, as 0.9 (C/10)^0.35, as measured.
    """
    from ldt.tails.choose import importance_seconds
    from ldt.tails.importance import LEAST

    variance = 0.9 * (model.width / 10.0) ** 0.35 if model.activation == "linear" else 2.0
    samples = max(variance / target_error**2, 1.0 / target_error, float(LEAST))
    return samples * importance_seconds(model) + 0.02


def bound_seconds(model: AlignmentSum) -> float:
    """Predicted seconds of the sampled bound."""
    return default_samples(int(model.width)) * model.width * TRIAL_NEURON


def predicted_seconds(series: Series, target_error: float, max_seconds: float) -> float:
    """Predicted seconds of one grid, sampling that would take over ``max_seconds`` a point left out."""
    total = 0.0
    for d in series.dims:
        model = series.at(d)
        slow = model.neuron.kind == "wr"
        total += TWO_DIMENSIONAL if slow else DETERMINISTIC
        seconds = bound_seconds(model) if series.setting == BOUND_NAME else sampling_seconds(model, target_error)
        total += seconds if seconds <= max_seconds else 0.0
    return total


__all__ = ["LIMIT", "Point", "Value", "evaluate", "predicted_seconds", "sampling_seconds", "stream"]
