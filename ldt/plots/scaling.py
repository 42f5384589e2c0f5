"""Pictures of growth with size: the scaling check, studies, sweeps."""

from __future__ import annotations

import math
from typing import Any

from ldt.plots.style import BLACK, LINE_STYLES, ORANGE, PATTERN_STYLE, PURPLE, axes_of, legend_outside, require, size_ticks, title


def plot_scaling(result: Any, ax: Any = None) -> Any:
    """-log P against d, log-log, one panel a grid: exact line, sampled points with bars, predicted laws, winner shaded.

    Parameters
    ----------
    result : ldt.scaling.run.ScalingResult
    ax : matplotlib Axes, optional
        For a result of one grid.

    Returns
    -------
    matplotlib Axes or Figure
        The axes given, or else a figure of all grids that belongs to no pyplot state; ``figure.savefig`` writes it.

    Raises
    ------
    ModelError
        If axes are given for several grids.
    """
    from ldt.errors import ModelError

    if ax is not None:
        if len(result.grids) > 1:
            raise ModelError(f"ax: one axes has no room for {len(result.grids)} grids; leave it out, or draw one with plot_grid")
        return plot_grid(result.grids[0], result.level, ax)
    require()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grids = result.grids
    columns = min(2, len(grids))
    rows = -(-len(grids) // columns)
    figure = Figure(figsize=(6.4 * columns, 4.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, grid in zip(axes, grids, strict=False):
        plot_grid(grid, result.level, ax)
    for ax in axes[len(grids) :]:
        ax.remove()
    return figure


def plot_grid(grid: Any, level: float = 1.0, ax: Any = None) -> Any:
    """One grid of the scaling check: exact line, sampled points with bars, predicted laws, the cheapest pattern shaded.

    Parameters
    ----------
    grid : ldt.scaling.run.Grid
    level : float
        The level that was asked, for the label.
    ax : matplotlib Axes, optional
    """
    ax = axes_of(ax)
    from ldt.scaling.run import column

    for i, p in enumerate(grid.points):
        winner = p.patterns.get("winner")
        if winner in PATTERN_STYLE:
            ds = [q.d for q in grid.points]
            low = math.sqrt(ds[i - 1] * p.d) if i else p.d / 1.15
            high = math.sqrt(ds[i + 1] * p.d) if i + 1 < len(ds) else p.d * 1.15
            ax.axvspan(low, high, color=PATTERN_STYLE[winner][0], alpha=0.09, lw=0)
    for law in grid.laws:
        if law.pattern in PATTERN_STYLE:
            colour, style, name = PATTERN_STYLE[law.pattern]
            predicted = [law(p.model.width, p.d) for p in grid.points]
            ax.plot([p.d for p in grid.points], predicted, color=colour, ls=style, lw=1.5, label=f"{name}: {law.formula}")
    d, y, _ = column(grid.points, "exact")
    ax.plot(d, y, color=BLACK, lw=1.6, label="exact", zorder=3)
    if grid.setting == "gfl-bound":
        d, y, _ = column(grid.points, "transform")
        ax.plot(d, y, color=PURPLE, lw=1.6, label="GFL trial law: bound", zorder=3)
    d, y, e = column(grid.points, grid.measured if grid.setting == "gfl-bound" else "sampled")
    if d:
        ax.errorbar(d, y, yerr=e, color=ORANGE, marker="o", ms=5, ls="none", mec=BLACK, mew=0.6, capsize=2, label="sampled", zorder=4)
    ax.set_xscale("log")
    ax.set_yscale("log")
    size_ticks(ax.xaxis, [p.d for p in grid.points])
    ax.set_xlabel("input dimension d")
    ax.set_ylabel(rf"$-\log P(A \geq {level:g})$  [nats]")
    ax.set_title(f"{grid.setting}, N = {grid.width} (shaded: cheapest pattern)", fontsize=10)
    ax.legend(frameon=False, fontsize=7.5)
    return ax


def plot_study(rows: Any, ax: Any = None) -> Any:
    """-log P against the size that grows, log-log: a line for every method and pattern of a study.

    Parameters
    ----------
    rows : sequence of ldt.scaling.studies.StudyRow
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If no row has a positive value.
    """
    from ldt.errors import ModelError

    series: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        if math.isfinite(row.neg_log_p) and row.neg_log_p > 0.0:
            series.setdefault((row.method, row.pattern), []).append(row)
    if not series:
        raise ModelError("rows: none has a positive -log P to draw")
    ax = axes_of(ax)
    for i, ((method, pattern), found) in enumerate(series.items()):
        colour, marker, style = LINE_STYLES[i % len(LINE_STYLES)]
        label = f"{method}: {pattern}" if pattern and pattern != method else method
        label += f", exponent {found[0].exponent}" if found[0].exponent else ""
        bars = [0.0 if not math.isfinite(r.error) else min(r.error, 0.999 * r.neg_log_p) for r in found]
        ax.errorbar([r.value for r in found], [r.neg_log_p for r in found], yerr=bars, color=colour, marker=marker, ms=5, ls=style, lw=1.4,
                    capsize=2, label=label)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    size_ticks(ax.xaxis, [r.value for found in series.values() for r in found])
    ax.set_xlabel(f"size {rows[0].base}")
    ax.set_ylabel(rf"$-\log P(A \geq {rows[0].level:g})$  [nats]")
    title(ax, rows[0].system)
    legend_outside(ax, ncols=2)
    return ax


#: Directions of a sweep: label of the axis, and the symbol by which lines are told apart.
AXES = {"dim": "input dimension d", "width": "width N", "level": "level  [units of $A$]"}
SYMBOLS = {"dim": "d", "width": "N", "level": "level"}


def _lines(rows: list[Any]) -> tuple[str, dict[str, list[tuple[float, Any]]]]:
    """The direction to draw against, and {what a line is: [(place, record), ...]}: one line for every method, kind of model and
    value of what is not drawn against, but for a width that follows d."""
    places = [{"level": r.point["level"], **{k: r.point["model"].get(k) for k in ("dim", "width")}} for r in rows]
    axis = max(AXES, key=lambda name: len({p[name] for p in places if p[name] is not None}))
    kinds = [r.point["model"].get("overlap") or r.point["model"].get("kind", "") for r in rows]
    other = {"dim": "width", "width": "dim"}.get(axis, "")
    series: dict[str, list[tuple[float, Any]]] = {}
    for row, place, kind in zip(rows, places, kinds, strict=True):
        alike = [p for p, its in zip(places, kinds, strict=True) if its == kind]
        told = [k for k in AXES if k != axis and len({p[k] for p in alike}) > 1]
        if other in told and len({p[axis] for p in alike}) == len({(p[axis], p[other]) for p in alike}):
            told.remove(other)  # it follows from the place
        words = [row.point["method"], *([str(kind)] if len(set(kinds)) > 1 else []), *(f"{SYMBOLS[k]} = {place[k]:g}" for k in told)]
        if place[axis] is not None:
            series.setdefault(", ".join(words), []).append((float(place[axis]), row))
    return axis, series


def plot_sweep(result: Any, ax: Any = None) -> Any:
    """-log P of a sweep's points against whichever of d, N and the level varies most; a line for every method and the rest.

    Parameters
    ----------
    result : ldt.scaling.sweeps.SweepResult
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If no point has an answer.
    """
    from ldt.errors import ModelError

    rows = [r for r in result.records if r.status != "failed" and math.isfinite(r.logp)]
    if not rows:
        raise ModelError("result: no point has an answer to draw")
    ax = axes_of(ax)
    axis, series = _lines(rows)
    for i, (name, found) in enumerate(series.items()):
        found.sort(key=lambda pair: pair[0])
        colour, marker, style = LINE_STYLES[i % len(LINE_STYLES)]
        bars = [r.error if math.isfinite(r.error) else 0.0 for _, r in found]
        ax.errorbar([x for x, _ in found], [-r.logp for _, r in found], yerr=bars, color=colour, marker=marker, ms=5, ls=style, lw=1.2,
                    capsize=2, alpha=0.85, label=name)  # fmt: skip
    if axis != "level" and min(-r.logp for r in rows) > 0.0:
        ax.set_xscale("log")
        ax.set_yscale("log")
        size_ticks(ax.xaxis, [x for found in series.values() for x, _ in found])
    ax.set_xlabel(AXES[axis])
    ax.set_ylabel(r"$-\log P$  [nats]")
    legend_outside(ax, ncols=2)
    return ax


__all__ = ["plot_grid", "plot_scaling", "plot_study", "plot_sweep"]
