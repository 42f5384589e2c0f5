"""Pictures of answers: one level, the levels climbed on the way to it, several methods beside each other, many repeats of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ldt.plots.style import BLACK, BLUE, ORANGE, RED, SKY, axes_of, event, legend_outside, symbol, title
from ldt.plots.tails import plot_curve, plot_specialised
from ldt.texts import specialised_law


def plot_result(result: Any, ax: Any = None, **options: Any) -> Any:
    """The picture of a TailResult: several levels as a curve; one as the law of the number of specialised neurons, the levels that
    splitting climbed, or else its place in the law.

    Parameters
    ----------
    result : TailResult
    ax : matplotlib Axes, optional
    **options
        Of ``plot_curve``, ``plot_levels``, ``plot_specialised`` or ``plot_place``, whichever draws.
    """
    if not isinstance(result.level, (int, float)):
        return plot_curve(result, ax=ax, **options)
    if getattr(result.detail, "climbed", ()):
        return plot_levels(result, ax=ax, **options)
    if specialised_law(result.detail):
        return plot_specialised(result, ax=ax, **options)
    return plot_place(result, ax=ax, **options)


#: A quick method for the curve of ``plot_place``, by kind of model.
QUICK = {"alignment": "saddlepoint", "sum": "saddlepoint"}


def plot_place(result: Any, ax: Any = None, *, points: int = 31) -> Any:
    """Where one level lies: log P with its interval, its curve by a quick method where there is one, and that of a Gaussian with the
    same mean and variance.

    Parameters
    ----------
    result : TailResult
        Of one level.
    ax : matplotlib Axes, optional
    points : int
        Levels of the curve (the saddle point's; of sums of cubes the exact one's).

    Raises
    ------
    ModelError
        If the result is no finite number.
    """
    import numpy as np

    from ldt.errors import ModelError

    if not math.isfinite(result.logp):
        raise ModelError("result: has no finite value to draw")
    ax = axes_of(ax)
    model, level, name = result.model, float(result.level), symbol(result.model)
    mean, variance = _moment(model, "mean"), _moment(model, "variance", "var")
    low, high = result.interval
    bars = [[max(high + -result.logp, 0.0)], [max(result.logp - low, 0.0)]]
    if mean is not None and variance:
        sd = math.sqrt(variance)
        near, far = (mean, level) if abs(level - mean) > 0.5 * sd else (level - 2.0 * sd, level + 2.0 * sd)
        grid = np.linspace(near, far + 0.2 * (far - near), points)
        sign = -1.0 if result.side == "lower" else 1.0
        z = sign * (grid - mean) / sd
        density = result.quantity == "density"
        reference = 0.5 * z * z + math.log(sd * math.sqrt(2.0 * math.pi)) if density else -_log_sf(z)
        found = _quickly(result, grid)
        if found is not None:
            ax.plot(grid, -found[0], color=BLUE, lw=1.6, label=found[1], zorder=3)
        ax.plot(grid, reference, color=RED, ls="--", lw=1.4, label="a Gaussian of the same variance")
        ax.axvline(mean, color="0.6", ls=":", lw=1.0, label="mean")
        top = -result.logp if found is None else max(-result.logp, float(np.nanmax(-found[0])))
        ax.set_ylim(min(0.0, float(np.min(reference)), -result.logp) - 0.02 * top, 1.25 * top)
    else:
        ax.set_xlim(*sorted((0.0, 1.3 * level)))
    interval = ", 95 % interval" if result.error_kind == "stderr" else ""
    ax.errorbar([level], [-result.logp], yerr=bars, color=BLACK, marker="o", ms=6, capsize=3, ls="none", zorder=4,
                label=f"{result.method}: {-result.logp:.6g}{interval}")  # fmt: skip
    ax.set_xlabel(f"level  [units of ${name}$]")
    relation = r"\leq" if result.side == "lower" else r"\geq"
    ax.set_ylabel("$-\\log p$(level)  [nats]" if result.quantity == "density" else rf"$-\log P({name} {relation}$ level$)$  [nats]")
    title(ax, model)
    ax.legend(frameon=False, fontsize="small")
    return ax


def _moment(model: Any, *names: str) -> float | None:
    """A finite moment of the model, a property or a method; None where it has none."""
    for name in names:
        value = getattr(model, name, None)
        value = value() if callable(value) else value
        if isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
    return None


def _log_sf(z: Any) -> Any:
    from scipy.special import log_ndtr

    return log_ndtr(-z)


def _quickly(result: Any, grid: Any) -> tuple[Any, str] | None:
    """(log P over the grid, how) by a method that takes milliseconds a level; NaN where it has no answer; None where there is none."""
    import numpy as np

    from ldt.api import logpdf, tail
    from ldt.errors import LdtError

    model = result.model
    method = "exact" if getattr(getattr(model, "term", None), "name", "") == "cube" else QUICK.get(model.kind)
    if method is None or getattr(getattr(model, "neuron", None), "kind", "") == "wr":  # a two-dimensional overlap takes seconds
        return None
    found = np.full(len(grid), math.nan)
    for i, x in enumerate(grid.tolist()):
        try:
            one = logpdf(model, x, method=method) if result.quantity == "density" else tail(model, x, method=method, side=result.side)
        except LdtError:
            continue
        found[i] = one.logp
    return (found, {"exact": "exact", "saddlepoint": "saddle point"}[method]) if np.isfinite(found).any() else None


def plot_levels(result: Any, ax: Any = None) -> Any:
    """The levels that splitting or umbrella sampling climbed: -log P of each in the first replicate, and where every replicate ended.

    Parameters
    ----------
    result : TailResult
        Of a network, by ``method="splitting"`` or ``"umbrella"``.
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If the result has no such levels.
    """
    import numpy as np

    from ldt.errors import ModelError

    detail = result.detail
    if not getattr(detail, "climbed", ()):
        raise ModelError("result: has no levels; 'splitting' and 'umbrella' climb them")
    ax = axes_of(ax)
    sign = -1.0 if result.side == "lower" else 1.0
    ax.plot(sign * np.asarray(detail.levels), -np.asarray(detail.climbed), color=BLUE, marker="o", ms=4, lw=1.2,
            label=f"levels of the first replicate ({len(detail.levels)})")  # fmt: skip
    level = float(result.level)
    if math.isfinite(result.logp):
        label = rf"result {-result.logp:.5g} $\pm$ {result.error:.2g} (one standard error)"
        style = {"color": BLACK, "marker": "D", "ms": 5, "capsize": 4, "ls": "none", "zorder": 4}
        ax.errorbar([level], [-result.logp], yerr=[result.error], label=label, **style)
        _replicates(result, ax.inset_axes((0.60, 0.14, 0.36, 0.34) if sign > 0 else (0.10, 0.14, 0.36, 0.34)))
    ax.set_xlabel("level  [units of $A$]")
    relation = r"\leq" if result.side == "lower" else r"\geq"
    ax.set_ylabel(rf"$-\log P(A {relation}$ level$)$  [nats]")
    title(ax, result.model)
    ax.legend(frameon=False, fontsize="small", loc="upper left" if sign > 0 else "upper right")
    return ax


def _replicates(result: Any, ax: Any) -> None:
    """Where the replicates ended, beside the result with its error."""
    ends = [-x for x in result.detail.replicates]
    ax.axhspan(-result.logp - result.error, -result.logp + result.error, color="0.85", lw=0)
    ax.axhline(-result.logp, color=BLACK, lw=1.0)
    ax.plot(range(1, len(ends) + 1), ends, color=ORANGE, marker="o", ms=5, mec=BLACK, mew=0.5, ls="none")
    ax.set_xlim(0.4, len(ends) + 0.6)
    ax.set_xticks([])
    ax.tick_params(labelsize=7)
    ax.set_title(f"{len(ends)} replicates: $-\\log P$ [nats]", fontsize=8)


def plot_methods(results: Sequence[Any], ax: Any = None) -> Any:
    """Several methods' answers to one question: the stated error of each as a bar, and how far it is from the most accurate one.

    A dot beyond its bar is an error that was stated too small (for ``stderr``, one standard error: a third of dots lie beyond).

    Parameters
    ----------
    results : sequence of TailResult
        Of one model and level, as ``ldt.compare`` gives them.
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If none of them has a value.
    """
    from ldt.errors import ModelError

    known = [r for r in results if math.isfinite(r.logp) and math.isfinite(r.error)]
    if not known:
        raise ModelError("results: none has a value")
    ax = axes_of(ax)
    best = min(known, key=lambda r: r.error)
    floor = max(1e-16, 0.2 * min(max(r.error, 1e-15 * abs(r.logp)) for r in known))
    labels = []
    for i, r in enumerate(known):
        difference = abs(r.logp - best.logp)
        ax.barh(i, max(r.error, 2.0 * floor) - floor, left=floor, height=0.5, color=SKY, edgecolor=BLACK, lw=0.6,
                label="stated error" if i == 0 else None)  # fmt: skip
        if r is not best:
            ax.plot([max(difference, floor)], [i], color=RED, marker="D", ms=7, mec=BLACK, mew=0.6, ls="none", zorder=3)
        form = getattr(r.detail, "form", "")
        labels.append(r.method + (f"\n({form})" if form else ""))
    ax.plot([], [], color=RED, marker="D", ms=7, mec=BLACK, mew=0.6, ls="none", label=f"distance from {best.method}")
    ax.set_yticks(range(len(known)), labels)
    ax.set_ylim(len(known) - 0.4, -0.6)
    ax.set_xscale("log")
    top = max(max(r.error, abs(r.logp - best.logp)) for r in known)
    ax.set_xlim(floor, 10.0 * max(top, 10.0 * floor))
    what = f"p({best.level:g})" if best.quantity == "density" else f"P({event(best)})"
    ax.set_xlabel(rf"error of $\log {what}$  [nats]")
    title(ax, best.model)
    legend_outside(ax, below=False, ncols=2)
    return ax


def plot_calibration(results: Sequence[Any], truth: float, ax: Any = None) -> Any:
    """Are the error bars true?  The 95 % intervals of many repeats, in order of their middles, against the exact value.

    Parameters
    ----------
    results : sequence of TailResult
        One question by one sampling method with different seeds.
    truth : float
        The exact log P (nats).
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    ordered = sorted(results, key=lambda r: -r.logp)
    low, high = np.array([r.interval[0] for r in ordered]), np.array([r.interval[1] for r in ordered])
    inside = (low <= truth) & (truth <= high)
    x = np.arange(len(ordered))
    covers = f"covers ({int(inside.sum())} of {len(ordered)}, {100 * inside.mean():.1f} %)"
    for chosen, colour, label in ((inside, SKY, covers), (~inside, RED, "misses")):
        if chosen.any():
            ax.vlines(x[chosen], -high[chosen], -low[chosen], color=colour, lw=max(0.6, min(4.0, 160.0 / len(x))), label=label)
    ax.plot(x, [-r.logp for r in ordered], color=BLACK, marker=".", ms=3, ls="none")
    ax.axhline(-truth, color=BLUE, ls="--", lw=1.4, label=f"exact {-truth:.6g}")
    ax.set_xlabel("repeats, ordered")
    ax.set_ylabel("95 % interval of $-\\log P$  [nats]")
    title(ax, ordered[0].model)
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax


__all__ = ["plot_calibration", "plot_levels", "plot_methods", "plot_place", "plot_result"]
