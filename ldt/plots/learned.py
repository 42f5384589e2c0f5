"""Pictures of trained networks."""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import ModelError
from ldt.plots.style import BLACK, ORANGE, SKY, axes_of, title

STYLES = {"self-consistent": ":", "measured": "--", "full equations": "-"}


def plot_learned(result: Any, ax: Any = None) -> Any:
    """Weights w . w* of trained networks as a histogram, over the predicted densities in both overlap forms (two-layer networks).

    Parameters
    ----------
    result : ldt.experiments.LearnResult
        Solid lines: the full equations; dotted: the tilted law at the self-consistent share; dashed: at the measured one.
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If the run ended before any weights were kept.
    """
    import numpy as np

    ax = axes_of(ax)
    e = result.experiment
    scale = math.sqrt(e.stack.variances[0])
    size = np.abs(result.w[np.isfinite(result.w)])
    if not size.size:
        raise ModelError("plot: no weights were kept")
    edges = np.linspace(0.0, max(2.6 * scale, 1.01 * float(size.max())), 66)
    count, _ = np.histogram(size, edges)
    height = count / (count.sum() * (edges[1] - edges[0]))
    ax.stairs(height, edges, fill=True, color=SKY, alpha=0.6, label=f"{e.networks} trained networks")
    w = np.linspace(0.0, edges[-1], 1001)
    for c in result.comparisons:
        color = ORANGE if c.overlap == "concentrated" else BLACK
        label = rf"{c.overlap}, $\alpha$ = {c.share:.3f} ({c.source})"
        ax.plot(w, 2.0 * result.density(c, w), color=color, ls=STYLES[c.source], lw=1.4, label=label)
    ax.set_yscale("log")
    ax.set_ylim(1e-4, 3.0 * math.sqrt(2.0 * e.stack.sizes[0] / math.pi) / scale)
    ax.set_xlim(0.0, edges[-1])
    ax.set_xlabel(r"weight along the target, $|w \cdot w_*|$")
    ax.set_ylabel("density over all neurons")
    sizes = f"N = {e.stack.sizes[1]}, d = {e.stack.sizes[0]}, P = {e.samples}, $\\kappa$ = {e.ridge:g}"
    title(ax, f"{sizes}: $A_f$ = {result.share:.3f}")
    ax.legend(frameon=False, fontsize=7.5)
    return ax


__all__ = ["plot_learned"]
