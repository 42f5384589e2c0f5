"""Pictures: every function takes a result and, if you like, axes, and returns the axes.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; lines differ in style as well.  Matplotlib is
imported when a picture is drawn; without axes given, ``pyplot``'s current backend draws (``figure_of`` needs no display).
"""

from __future__ import annotations

import math
from typing import Any

BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"


def figure_of(panels: int = 1, width: float = 6.4, height: float = 4.4) -> tuple[Any, Any]:
    """(figure, axes) that need no display and belong to no pyplot state: for programs that save files.

    ``panels`` > 1 stacks them, with one horizontal axis and the first twice as high; then axes is an array.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if panels == 1:
        return figure, figure.add_subplot()
    return figure, figure.subplots(panels, 1, sharex=True, height_ratios=[2.0] + [1.0] * (panels - 1))


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def plot_curve(result: Any, *, rate: Any = None, nonconvex: Any = None, density: Any = None, ax: Any = None) -> Any:
    """-log P over the levels of a result (``tail(model, levels)``), in nats.

    Parameters
    ----------
    result : TailResult
        With arrays ``level``, ``logp``, ``error``; NaN leaves a gap.
    rate, nonconvex, density : arrays of the levels' length, optional
        I(alpha), the non-convex large-deviation value, and log p(alpha); drawn as lines.
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> from ldt.results import TailResult
    >>> figure, ax = figure_of()
    >>> plot_curve(TailResult([-1.0, -2.0], [0.1, 0.1], level=[0.5, 1.0]), ax=ax).get_ylabel()
    '$-\\\\log P$  [nats]'
    """
    import numpy as np

    ax = _axes(ax)
    level, logp, error = (np.asarray(v, dtype=float) for v in (result.level, result.logp, result.error))
    relation = r"\leq" if result.side == "lower" else r"\geq"
    what = r"$-\log p(\alpha)$" if result.quantity == "density" else rf"$-\log P(A {relation} \alpha)$"
    marker = "o" if len(level) <= 40 else ""
    shown = np.where(np.isfinite(error), error, 0.0)
    ax.errorbar(level, -logp, yerr=shown, color=BLACK, marker=marker, ms=3.5, lw=1.4, label=what, zorder=3)
    if density is not None:
        ax.plot(level, -np.asarray(density, dtype=float), color=GREEN, ls=":", lw=1.6, label=r"$-\log p(\alpha)$")
    if rate is not None:
        ax.plot(level, np.asarray(rate, dtype=float), color=BLUE, ls="--", lw=1.4, label=r"rate $I(\alpha)$, convex")
    if nonconvex is not None:
        text = "rate, whole neurons (non-convex)"
        ax.plot(level, np.asarray(nonconvex, dtype=float), color=RED, ls="-.", lw=1.4, label=text)
    ax.set_xlabel(r"level $\alpha$  [units of $A$]")
    ax.set_ylabel(r"$-\log P$  [nats]")
    _title(ax, result.model)
    ax.legend(frameon=False)
    return ax


def plot_gap(result: Any, rate: Any, *, nonconvex: Any = None, ax: Any = None) -> Any:
    """How far -log P lies above the convex rate I(alpha), in nats: prefactors, and neurons that come in whole numbers.

    Parameters
    ----------
    result : TailResult
        With arrays ``level``, ``logp``.
    rate, nonconvex : arrays of the levels' length
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = _axes(ax)
    level, logp, convex = (np.asarray(v, dtype=float) for v in (result.level, result.logp, rate))
    ax.axhline(0.0, color=BLUE, ls="--", lw=1.4)
    ax.plot(level, -logp - convex, color=BLACK, marker="o" if len(level) <= 40 else "", ms=3.5, lw=1.4)
    if nonconvex is not None:
        ax.plot(level, np.asarray(nonconvex, dtype=float) - convex, color=RED, ls="-.", lw=1.4)
    ax.set_xlabel(r"level $\alpha$  [units of $A$]")
    ax.set_ylabel("above the convex\nrate  [nats]")
    return ax


def plot_specialised(result: Any, ax: Any = None) -> Any:
    """The law of the number of specialised neurons given the event, as bars.

    Parameters
    ----------
    result : TailResult
        Of one level, by ``method="exact"`` or ``"saddlepoint"``, with a two-well tilted law.

    Raises
    ------
    ModelError
        If the result carries no such law.
    """
    import numpy as np

    from ldt.errors import ModelError

    detail = result.detail
    if getattr(detail, "specialised", None) is None:
        raise ModelError("result: carries no law of the number of specialised neurons (one well only, or another method)")
    ax = _axes(ax)
    number, probability = np.asarray(detail.specialised), np.asarray(detail.probability, dtype=float)
    shown = probability > 1e-4 * probability.max()
    low, high = number[shown].min(), number[shown].max()
    ax.bar(number[shown], probability[shown], width=0.8 if high - low < 60 else 1.0, color=SKY, edgecolor=BLACK, lw=0.6)
    mean = float(np.dot(number, probability))
    ax.axvline(mean, color=RED, ls="--", lw=1.4, label=f"mean {mean:.3g}")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlim(low - 0.9, high + 0.9)
    ax.set_xlabel("number of specialised neurons")
    relation = "=" if result.quantity == "density" else r"\leq" if result.side == "lower" else r"\geq"
    ax.set_ylabel(rf"probability given $A {relation} {result.level:g}$")
    _title(ax, result.model)
    ax.legend(frameon=False)
    return ax


def plot_tilted_density(law: Any, ax: Any = None, *, points: int = 2001) -> Any:
    """One neuron's density under the tilted law and under the prior, on a logarithmic axis.

    Parameters
    ----------
    law : TiltedLaw
        From ``ldt.tilted(model, level)``.
    points : int
        Points of the coordinate.
    """
    import numpy as np

    ax = _axes(ax)
    model = law.model
    neuron = model.neuron
    reach = 6.0 * neuron.scale
    while True:  # as far out as the tilted density is above 1e-9 of its peak
        grid = np.linspace(-reach, reach, points)
        tilted = np.asarray(law.log_density(grid))
        if max(tilted[0], tilted[-1]) < tilted.max() - 21.0 or reach > 1e3 * neuron.scale:
            break
        reach *= 1.25
    prior = neuron.log_prior(grid)
    tilted, prior = np.exp(tilted), np.exp(prior)
    ax.fill_between(grid, tilted, 1e-300, color=SKY, alpha=0.35, lw=0)
    ax.plot(grid, tilted, color=BLUE, lw=1.5, label="tilted, averaged over neurons")
    ax.plot(grid, prior, color=BLACK, ls="--", lw=1.2, label="prior")
    ax.set_yscale("log")
    ax.set_ylim(1e-9 * tilted.max(), 500.0 * max(tilted.max(), prior.max()))  # room for the legend
    for i, cut in enumerate(law.law.bins.cuts):
        for side in (-cut, cut):
            ax.axvline(side, color=PURPLE, ls=":", lw=1.2, label="cut between sectors" if i == 0 and side > 0 else None)
    full = neuron.kind == "v"
    ax.set_xlabel(r"$v = w_1/\sqrt{1 + 2|w_\perp|^2}$" if full else r"weight along the target, $w_1$")
    ax.set_ylabel(rf"density of one neuron  [1/units of ${'v' if full else 'w_1'}$]")
    _title(ax, model)
    ax.legend(frameon=False, loc="upper center", ncols=3, fontsize="small")
    return ax


def _title(ax: Any, model: Any) -> None:
    if model is not None:
        ax.set_title(model.name, fontsize="small")


#: Pattern -> (colour, line style, label).
PATTERN_STYLE = {
    "gp": (BLUE, "--", "GP"),
    "gfl": (GREEN, "-.", "GFL"),
    "specialization": (RED, ":", "specialization"),
}


def plot_scaling(result: Any) -> Any:
    """-log P against d, log-log, one panel a grid: exact line, sampled points with bars, predicted laws, winner shaded.

    Parameters
    ----------
    result : ldt.scaling.run.ScalingResult

    Returns
    -------
    matplotlib Figure
        It belongs to no pyplot state; ``figure.savefig`` writes it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grids = result.grids
    columns = min(2, len(grids))
    rows = -(-len(grids) // columns)
    figure = Figure(figsize=(6.4 * columns, 4.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, grid in zip(axes, grids, strict=False):
        _plot_grid(grid, result.level, ax)
    for ax in axes[len(grids) :]:
        ax.remove()
    return figure


def _plot_grid(grid: Any, level: float, ax: Any) -> None:
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
    ax.set_xlabel("input dimension d")
    ax.set_ylabel(rf"$-\log P(A \geq {level:g})$  [nats]")
    ax.set_title(f"{grid.setting}, N = {grid.width} (shaded: cheapest pattern)", fontsize=10)
    ax.legend(frameon=False, fontsize=7.5)


def plot_phases(diagram: Any, ax: Any = None) -> Any:
    """The regions of the winning pattern in the plane of two sizes' exponents (or along one), each labelled with its cost.

    Parameters
    ----------
    diagram : ldt.patterns.phases.PhaseDiagram
    ax : matplotlib Axes, optional
    """
    ax = _axes(ax)
    colours = (SKY, ORANGE, GREEN, PURPLE, RED, BLUE)
    hatches = ("", "//", "..")
    for i, region in enumerate(diagram.regions):
        for j, polygon in enumerate(region.polygons):
            x, y = ([float(p[k]) for p in polygon] for k in (0, 1))
            style = {"facecolor": colours[i % 6], "hatch": hatches[i // 6 % 3], "alpha": 0.55, "edgecolor": BLACK, "lw": 0.8}
            names = ", ".join(region.winners) or ", ".join(region.partly)
            ax.fill(x, y, label=None if j else f"${region.value.latex()}$: {names}", **style)
    base = diagram.architecture.base
    top = float(diagram.top)
    ax.set_xlim(0.0, top)
    ax.set_ylim(0.0, top if len(diagram.symbols) == 2 else 1.0)
    ax.set_xlabel(rf"exponent of {diagram.symbols[0]}: $\log_{{{base}}}$")
    if len(diagram.symbols) == 2:
        ax.set_ylabel(rf"exponent of {diagram.symbols[1]}: $\log_{{{base}}}$")
    else:
        ax.set_yticks([])
    ax.set_title(diagram.architecture.label or diagram.architecture.name, fontsize="small")
    ax.legend(frameon=False, fontsize=6.5, loc="upper left", bbox_to_anchor=(0.0, -0.14))
    return ax


LINE_STYLES = ((BLUE, "o", "-"), (RED, "s", "--"), (GREEN, "^", "-."), (PURPLE, "D", ":"), (ORANGE, "v", "-"), (SKY, "P", "--"))


def plot_learnability(result: Any, ax: Any = None) -> Any:
    """Cross-measure learnability of each degree against P: measured (points) and bound (lines), both averaged over the same draws, and
    the bound for any training data at all (thin lines).  Each draw has its own bound; the largest ratio of any draw to it is in the legend.

    Parameters
    ----------
    result : ldt.lazy.LearnabilityResult
    """
    import numpy as np

    ax = _axes(ax)
    floor = min(min(v for v in c.measured if v > 0.0) for c in result.curves) / 4.0
    for curve, (colour, marker, style) in zip(result.curves, LINE_STYLES * len(result.curves), strict=False):
        p = np.asarray(curve.samples, dtype=float)
        label = rf"degree {curve.part.degree}, $\lambda$ = {curve.part.value:.2g}: largest learned/bound {curve.worst_ratio:.3f}"
        ax.plot(p, curve.measured, color=colour, marker=marker, ms=5, ls="none", label=label, zorder=3)
        ax.plot(p, curve.bound, color=colour, ls=style, lw=1.6, label="bound of the same draws")
        ax.plot(p, curve.any_measure, color=colour, ls=style, lw=0.7, alpha=0.7)
        if p[0] < curve.needed < p[-1]:
            ax.axvline(curve.needed, color=colour, ls=":", lw=1.0)
    ax.plot([], [], color=BLACK, lw=0.7, label="thin: bound for any training data")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_ylim(floor, 4.0)
    ax.set_xlabel("training inputs P")
    ax.set_ylabel(r"learned share of the target, $\langle f,\phi_t\rangle$")
    ax.set_title(f"{result.data}, d = {result.dim}, ridge {result.ridge:g}; {result.kernel.name}", fontsize="small")
    ax.legend(frameon=False, fontsize=7.5, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.06))
    return ax


def plot_elimination(rows: Any, ax: Any = None) -> Any:
    """Error of the kept modes against the cutoff: bare ridge, scalar and dressed ridge, and the rigorous bound where there is one.

    Parameters
    ----------
    rows : sequence of ldt.rg.Elimination
        Of one data set, by cutoff.
    """
    import numpy as np

    ax = _axes(ax)
    cutoff = [r.cutoff for r in rows]
    ax.plot(cutoff, [r.bare_error for r in rows], color=RED, ls=":", marker="x", ms=4, label="modes dropped, ridge kept")
    ax.plot(cutoff, [r.scalar_error for r in rows], color=BLUE, marker="o", ms=4, label=r"ridge $s^2+\sum_{k>\Lambda}\lambda_k$")
    ax.plot(cutoff, [r.dressed_error for r in rows], color=GREEN, ls="--", marker="^", ms=4, label="dressed ridge")
    bound = [r.scalar_bound if np.isfinite(r.scalar_bound) else math.nan for r in rows]
    if not all(map(math.isnan, bound)):
        ax.plot(cutoff, bound, color=BLUE, lw=0.8, label=r"rigorous bound ($\delta<1$)")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(r"cutoff $\Lambda$")
    ax.set_ylabel("error of the kept modes,\nrelative to full regression")
    ax.set_title(f"u = 0: P = {rows[0].samples}, {rows[0].modes} modes, ridge {rows[0].ridge:g}", fontsize="small")
    ax.legend(frameon=False, fontsize=7.5)
    return ax


def plot_flow(flow: Any, intervals: Any = (), ax: Any = None) -> Any:
    """The couplings in units of the cutoff and the strength of the loop, as the cutoff falls (to the right); scaling laws dotted.

    Parameters
    ----------
    flow : ldt.rg.Flow
    intervals : sequence of ldt.rg.ScalingInterval, optional
    """
    import numpy as np

    ax = _axes(ax)
    keep = flow.cutoff >= 1.0
    x = flow.cutoff[keep]
    curves = {
        "r scaled": (flow.r_scaled, BLUE, "-", r"$\tilde r = r\Lambda^{-1-a}$"),
        "u scaled": (flow.u_scaled, RED, "--", r"$\tilde u = u\Lambda^{-1-2a}$"),
        "loop": (flow.loop, BLACK, "-.", r"loop strength $18u\Lambda G_\Lambda^2$"),
    }
    for values, colour, style, label in curves.values():
        ax.plot(x, values[keep], color=colour, ls=style, lw=1.6, label=label)
    for row in intervals:
        if row.low is not None:
            values, colour = curves[row.quantity.split(",")[0]][:2]
            ends = np.array([row.high, row.low])
            start = float(np.interp(row.high, x[::-1], values[keep][::-1]))
            word = "relevant" if row.measured > 0.0 else "irrelevant"
            ax.plot(ends, 2.5 * start * (ends / ends[0]) ** -row.predicted, color=colour, ls=":", lw=1.1,
                    label=f"{row.quantity}: {row.measured:+.3f} ({row.predicted:+g} predicted), {word}")  # fmt: skip
    ax.axhline(1.0, color="0.7", lw=0.8)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.invert_xaxis()
    ax.set_ylim(top=1e5 * max(flow.r_scaled.max(), flow.u_scaled.max()))  # room for the legend
    ax.set_xlabel(r"cutoff $\Lambda$ (modes above are eliminated)")
    ax.set_ylabel("dimensionless couplings")
    title = f"u > 0, one loop: r from {flow.r[0]:.4g} to {flow.r[-1]:.4g}, u from {flow.u[0]:.4g} to {flow.u[-1]:.4g}"
    ax.set_title(title, fontsize="small")
    ax.legend(frameon=False, fontsize=7.5, loc="upper left")
    return ax


def plot_universality(result: Any, ax: Any = None) -> Any:
    """Losses against P at u = 0 (exact), at one loop and sampled, with the predicted slope.

    Parameters
    ----------
    result : ldt.rg.Universality
    """
    import numpy as np

    ax = _axes(ax)
    p = np.asarray(result.samples, dtype=float)
    ax.plot(p, result.gaussian, color=BLUE, lw=1.5, label=f"u = 0, exact: exponent {result.exponents['gaussian']:.3f}")
    ax.plot(p, result.one_loop, color=GREEN, ls="--", lw=1.5, label=f"u = {result.v:g} P, one loop: {result.exponents['one_loop']:.3f}")
    label = f"u = {result.v:g} P, sampled: {result.exponents['measured']:.3f}"
    ax.errorbar(p, result.measured, yerr=result.error, color=ORANGE, marker="o", ms=5, mec=BLACK, ls="none", capsize=2, label=label)
    start = 0.6 * min(result.gaussian[0], result.measured[0])
    ax.plot(p, start * (p / p[0]) ** -result.predicted, color=BLACK, ls=":", lw=1.0, label=f"predicted: {result.predicted:.3f}")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("data P")
    ax.set_ylabel(r"loss $\langle\int (f-y)^2\rangle$")
    ax.set_title("does u change the exponent?", fontsize="small")
    ax.legend(frameon=False, fontsize=7.5)
    return ax


__all__ = [
    "figure_of", "plot_curve", "plot_elimination", "plot_flow", "plot_gap", "plot_learnability", "plot_phases", "plot_scaling",
    "plot_specialised", "plot_tilted_density", "plot_universality",
]  # fmt: skip
