"""Pictures of the lazy limit."""

from __future__ import annotations

from typing import Any

from ldt.plots.style import BLACK, BLUE, LINE_STYLES, axes_of, legend_outside, title


def plot_learnability(result: Any, ax: Any = None) -> Any:
    """Cross-measure learnability of each degree against P: measured (points) and bound (lines), both averaged over the same draws, and
    the bound for any training data at all (thin lines).  Each draw has its own bound; the largest ratio of any draw to it is in the legend.

    Parameters
    ----------
    result : ldt.lazy.LearnabilityResult
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
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
    title(ax, f"{result.data}, d = {result.dim}, ridge {result.ridge:g}; {result.kernel.name}")
    legend_outside(ax, below=False, ncols=2, size=7.5)
    return ax


def plot_components(costs: Any, ax: Any = None) -> Any:
    """What a lazy network pays for each component: -log P(A >= level) against the degree, with the eigenvalue.

    Parameters
    ----------
    costs : LazyCost or sequence of LazyCost
        From ``ldt.lazy.lazy_cost``, one a degree.
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If no component is resolved from zero.
    """
    from ldt.errors import ModelError

    every = [costs] if hasattr(costs, "component") else list(costs)
    known = [c for c in every if c.status == "ok"]
    if not known:
        raise ModelError("costs: no component stands clear of zero, so that there is nothing to draw")
    ax = axes_of(ax)
    for c in known:
        part = c.component
        ax.vlines(part.degree, 0.1, c.tail, color=BLUE, lw=1.2)
        ax.plot([part.degree], [c.tail], color=BLUE, marker="o", ms=7, mec=BLACK, mew=0.6)
        ax.annotate(rf"$\lambda$ = {part.value:.2g}", (part.degree, c.tail), textcoords="offset points", xytext=(8, 0), va="center",
                    fontsize="small")  # fmt: skip
    degrees = [c.component.degree for c in every]
    missing = [c.component.degree for c in every if c.status != "ok"]
    ax.set_yscale("log")
    ax.set_ylim(0.5 * min(c.tail for c in known), 4.0 * max(c.tail for c in known))
    ax.set_xlim(min(degrees) - 0.5, max(degrees) + 1.0)
    ax.set_xticks(sorted(set(degrees)))
    ax.set_xlabel("degree of the target" + (f" (not resolved: {', '.join(map(str, missing))})" if missing else ""))
    ax.set_ylabel(rf"$-\log P(A \geq {known[0].level:g})$  [nats]")
    part = known[0].component
    title(ax, f"{part.kernel.name}; d = {part.dim}, {part.measure}")
    return ax


__all__ = ["plot_components", "plot_learnability"]
