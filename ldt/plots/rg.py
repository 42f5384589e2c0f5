"""Pictures of renormalization: eliminated modes, the flow of the couplings, learning curves."""

from __future__ import annotations

import math
from typing import Any

from ldt.plots.style import BLACK, BLUE, GREEN, ORANGE, RED, axes_of, title


def plot_elimination(rows: Any, ax: Any = None) -> Any:
    """Error of the kept modes against the cutoff: bare ridge, scalar and dressed ridge, and the rigorous bound where there is one.

    Parameters
    ----------
    rows : sequence of ldt.rg.Elimination
        Of one data set, by cutoff.
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
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
    title(ax, f"u = 0: P = {rows[0].samples}, {rows[0].modes} modes, ridge {rows[0].ridge:g}")
    ax.legend(frameon=False, fontsize=7.5)
    return ax


def plot_flow(flow: Any, intervals: Any = (), ax: Any = None) -> Any:
    """The couplings in units of the cutoff and the strength of the loop, as the cutoff falls (to the right); scaling laws dotted.

    Parameters
    ----------
    flow : ldt.rg.Flow
    intervals : sequence of ldt.rg.ScalingInterval, optional
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
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
    text = f"u > 0, one loop: r from {flow.r[0]:.4g} to {flow.r[-1]:.4g}, u from {flow.u[0]:.4g} to {flow.u[-1]:.4g}"
    title(ax, text)
    ax.legend(frameon=False, fontsize=7.5, loc="upper left")
    return ax


def plot_universality(result: Any, ax: Any = None) -> Any:
    """Losses against P at u = 0 (exact), at one loop and sampled, with the predicted slope.

    Parameters
    ----------
    result : ldt.rg.Universality
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
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
    title(ax, "does u change the exponent?")
    ax.legend(frameon=False, fontsize=7.5)
    return ax


def plot_learning_curve(result: Any, ax: Any = None) -> Any:
    """Test error against P at u = 0: the large-P theory, measured on finite data, and the predicted slope.

    Parameters
    ----------
    result : ldt.rg.LearningCurve
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    p = np.asarray(result.samples, dtype=float)
    ax.plot(p, result.theory, color=BLUE, lw=1.5, label=f"theory: exponent {result.theory_exponent:.3f}")
    label = rf"measured: {result.exponent:.3f} $\pm$ {result.exponent_error:.2g}"
    ax.errorbar(p, result.measured, yerr=result.error, color=ORANGE, marker="o", ms=5, mec=BLACK, ls="none", capsize=2, label=label)
    ax.plot(p, 0.7 * result.theory[0] * (p / p[0]) ** -result.predicted, color=BLACK, ls=":", lw=1.0,
            label=f"asymptotic slope: {result.predicted:.3f}")  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("data P")
    ax.set_ylabel("test error")
    title(ax, "u = 0")
    ax.legend(frameon=False, fontsize="small")
    return ax


__all__ = ["plot_elimination", "plot_flow", "plot_learning_curve", "plot_universality"]
