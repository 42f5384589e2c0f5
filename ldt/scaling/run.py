"""The scaling check: every grid evaluated, its exponents beside the predicted ones, and one verdict.

``scaling`` runs the grids of ldt.scaling.settings point by point (ldt.scaling.points) and fits exponents (ldt.scaling.fits) to every
column that has at least two values.  The verdict is "warning" as soon as one point has a problem (a |z| above 4, a failed method, two
deterministic values further apart than their errors), and the problems are listed; it is "ok" otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ldt.errors import Interrupted, ModelError
from ldt.models.alignment import AlignmentSum
from ldt.results import _Record
from ldt.scaling.fits import LocalExponent, WindowFit, local_exponents, window_fits
from ldt.scaling.laws import Law
from ldt.scaling.points import LIMIT, Point, evaluate, predicted_seconds
from ldt.scaling.settings import BOUND_NAME, TARGET_ERROR, Series, series_of
from ldt.scaling.widths import WidthLaw, width_law

#: Seconds that sampling one point may take, as predicted, unless ``max_seconds`` says otherwise.
MAX_SECONDS = 20.0
#: Columns whose exponents are shown: the Value attributes, and the keys of the pattern costs.
MEASURED = ("exact", "sampled", "saddle", "closed_form", "bound", "transform")
PATTERNS = ("gp", "gfl", "specialization", "one_neuron")


@dataclass(frozen=True)
class Grid(_Record):
    """One grid's results.  ``local``: {column: exponents between neighbours}; ``fits``: {column: fits over the whole grid and over its
    upper half}; ``expected`` pattern and the ``exponent`` that its law predicts along this grid."""

    picture: ClassVar[str] = "ldt.plots.scaling:plot_grid"

    setting: str
    title: str
    width: str
    laws: tuple[Law, ...]
    expected: str
    exponent: float
    points: tuple[Point, ...]
    local: dict[str, tuple[LocalExponent, ...]]
    fits: dict[str, tuple[WindowFit, ...]]

    @property
    def main(self) -> str:
        """The column whose exponent is the setting's: the exact value, or the trial law's deterministic bound."""
        return "transform" if self.setting == BOUND_NAME else "exact"

    @property
    def measured(self) -> str:
        """The sampled column."""
        return "bound" if self.setting == BOUND_NAME else "sampled"


@dataclass(frozen=True)
class ScalingResult(_Record):
    """All grids, what was ``left_out`` and why, the ``seed`` behind every stream, and the verdict.

    ``z_count``, ``z_rms`` and ``z_max`` sum up the z-scores (rms about 1 where the error bars are right).
    """

    picture: ClassVar[str] = "ldt.plots.scaling:plot_scaling"

    model: AlignmentSum
    level: float
    grids: tuple[Grid, ...]
    left_out: tuple[tuple[str, str], ...]
    status: str
    problems: tuple[str, ...]
    seed: int
    target_error: float
    z_count: int
    z_rms: float
    z_max: float
    seconds: float

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings that were run, in order."""
        return tuple(dict.fromkeys(grid.setting for grid in self.grids))


@dataclass(frozen=True)
class Task:
    """What ``scaling`` is about to do: the grids, what is left out, and the predicted ``seconds`` of each grid."""

    model: AlignmentSum
    level: float
    series: tuple[Series, ...]
    left_out: tuple[tuple[str, str], ...]
    target_error: float
    max_seconds: float
    seconds: tuple[float, ...]


def prepare(
    model: AlignmentSum,
    level: float = 1.0,
    *,
    settings: Sequence[str] | None = None,
    dims: Sequence[int] | None = None,
    width: WidthLaw | str | int | None = None,
    target_error: float = TARGET_ERROR,
    max_seconds: float = MAX_SECONDS,
) -> Task:
    """Check the arguments (ModelError by name) and predict the cost; nothing is evaluated but the patterns' costs.

    >>> task = prepare(AlignmentSum(1, 2), settings=["specialization"], dims=[5, 10])
    >>> [(s.setting, s.dims, s.expected, s.exponent) for s in task.series]
    [('specialization', (5, 10), 'specialization', 1.0)]
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not (math.isfinite(level) and level > 0.0):
        raise ModelError(f"level: must be a finite number > 0 (a rare event), got {level!r}")
    for name, value, top in (("target_error", target_error, 1.0), ("max_seconds", max_seconds, 1e9)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < top:
            raise ModelError(f"{name}: must be a number between 0 and {top:g}, got {value!r}")
    law = width if isinstance(width, WidthLaw) or width is None else width_law(width)
    series, left_out = series_of(model, float(level), settings, dims, law)
    for one in series:
        for d in one.dims:
            one.at(d)  # a width out of range is said now
    seconds = tuple(predicted_seconds(one, target_error, max_seconds) for one in series)
    return Task(model, float(level), series, left_out, float(target_error), float(max_seconds), seconds)


def scaling(
    model: AlignmentSum,
    level: float = 1.0,
    *,
    settings: Sequence[str] | None = None,
    dims: Sequence[int] | None = None,
    width: WidthLaw | str | int | None = None,
    target_error: float = TARGET_ERROR,
    max_seconds: float = MAX_SECONDS,
    rng: Any = None,
    workers: Any = 1,
) -> ScalingResult:
    """How -log P(A >= level) grows with d, by every method, against the predicted scalings.

    Parameters
    ----------
    model : AlignmentSum
        Its width and dim are replaced by the grids'.
    level : float
        In the units of A, > 0.
    settings : names of ldt.scaling.settings.SETTINGS, optional
        Default: all that make sense; the plain grid alone where ``dims`` or ``width`` is given.
    dims : integers, optional
        The values of d.
    width : WidthLaw or str, optional
        N as a function of d, such as "64*d^0.5" (ldt.scaling.widths).
    target_error : float
        Error of log P (nats) at which sampling stops.
    max_seconds : float
        Sampling that is predicted to take longer than this at one point is not run, and the point says so.
    rng : None, int, SeedSequence or Generator
    workers : int or map-like callable
        For sampling; the numbers do not depend on it.

    Returns
    -------
    ScalingResult

    Raises
    ------
    ModelError
        Naming the argument.

    Examples
    --------
    >>> found = scaling(AlignmentSum(1, 2), dims=[10, 20], rng=1)
    >>> exponent = found.grids[0].fits["exact"][0].exponent
    >>> found.status, f"{exponent:.4f}"
    ('ok', '1.0227')
    """
    task = prepare(
        model, level, settings=settings, dims=dims, width=width, target_error=target_error, max_seconds=max_seconds
    )  # fmt: skip
    return run(task, rng=rng, workers=workers)


def run(task: Task, *, rng: Any = None, workers: Any = 1, progress: Callable[[Series, int], None] | None = None) -> ScalingResult:
    """Evaluate a prepared task; ``progress(series, d)`` is called before each point.  Ctrl-C raises Interrupted with the points done."""
    from ldt.numerics.random import entropy_of

    start, seed = time.perf_counter(), entropy_of(rng)
    points: list[list[Point]] = [[] for _ in task.series]
    stopped = False
    try:
        for series, found in zip(task.series, points, strict=True):
            for d in series.dims:
                if progress is not None:
                    progress(series, d)
                found.append(
                    evaluate(
                        series, d, task.level, seed=seed, target_error=task.target_error, workers=workers, max_seconds=task.max_seconds
                    )
                )
    except KeyboardInterrupt:
        stopped = True
    grids = [_grid(series, tuple(found)) for series, found in zip(task.series, points, strict=True) if found]
    problems = tuple(f"{grid.setting}, N = {grid.width}: {line}" for grid in grids for point in grid.points for line in point.problems)
    if stopped:
        problems += (f"interrupted after {sum(map(len, points))} of {sum(len(s.dims) for s in task.series)} points",)
    scores = [abs(p.z) for grid in grids for p in grid.points if math.isfinite(p.z)]
    rms = math.sqrt(sum(z * z for z in scores) / len(scores)) if scores else math.nan
    result = ScalingResult(
        task.model, task.level, tuple(grids), task.left_out, "warning" if problems else "ok", problems, seed, task.target_error,
        len(scores), rms, max(scores, default=math.nan), time.perf_counter() - start,
    )  # fmt: skip
    if stopped:
        raise Interrupted(result)
    return result


def column(points: Sequence[Point], name: str) -> tuple[list[int], list[float], list[float]]:
    """(d, values, errors) of one column where it has a positive value; errors are 0 for pattern costs."""
    d, y, e = [], [], []
    for point in points:
        if name in MEASURED:
            found = getattr(point, name)
            value, error = found.value, found.error if math.isfinite(found.error) else 0.0
        else:
            value, error = float(point.patterns.get(name, math.nan)), 0.0
        if math.isfinite(value) and value > 0.0:
            d.append(point.d)
            y.append(value)
            e.append(error)
    return d, y, e


def _grid(series: Series, points: tuple[Point, ...]) -> Grid:
    local, fits = {}, {}
    for name in (*MEASURED, *PATTERNS):
        d, y, e = column(points, name)
        if len(d) > 1:
            local[name] = local_exponents(d, y, e)
            fits[name] = window_fits(d, y, e)
    return Grid(
        series.setting, series.title, series.width.text, series.laws, series.expected, series.exponent, points, local, fits
    )  # fmt: skip


def flat_rows(result: ScalingResult) -> tuple[list[str], list[list[Any]]]:
    """(header, rows) for CSV: one row a point, one column a number; empty where a method was not run."""
    header = ["setting", "width_law", "d", "width", "dim", "readout_variance", "level", "c"]
    for name in MEASURED:
        header += [name, f"{name}_error", f"{name}_status"]
    header += ["samples", "ess", "relative_variance", "seed", "z", "divergence", "inflation"]
    keys = ("gp", "gfl", "D", "specialization", "M", "w", "one_neuron", "winner")
    header += [f"pattern_{key}" for key in keys]
    rows = []
    for grid in result.grids:
        for p in grid.points:
            row: list[Any] = [
                grid.setting,
                grid.width,
                p.d,
                p.model.width,
                p.model.dim,
                p.model.readout_variance,
                result.level,
                p.model.prefactor,
            ]
            for name in MEASURED:
                value = getattr(p, name)
                row += [value.value, value.error, value.status]
            drawn = p.measured
            row += [drawn.samples, drawn.ess, drawn.relative_variance, drawn.seed, p.z, p.divergence, p.inflation]
            rows.append(row + [p.patterns.get(key) for key in keys])
    return header, rows


__all__ = ["LIMIT", "Grid", "ScalingResult", "Task", "column", "flat_rows", "prepare", "run", "scaling"]
