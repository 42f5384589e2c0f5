"""Pictures of trained networks."""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import ModelError
from ldt.plots.style import BLACK, ORANGE, SKY, axes_of, title


def plot_learned(result: Any, ax: Any = None) -> Any:
    """Weights w . w* of trained networks as a histogram, over the tilted densities in both overlap forms (two-layer networks).

    Parameters
    ----------
    result : ldt.experiments.LearnResult
        Solid lines: at the self-consistent share; dashed: at the measured one.
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If the run ended before any weights were kept.
    """
    from dataclasses import replace

    import numpy as np

    from ldt.experiments.theory import density
    from ldt.tails.tilting import tilted_law

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
        law = tilted_law(replace(e.sum, overlap=c.overlap, c="orthonormal"), c.share * math.sqrt(e.power))
        style, color = "-" if c.source == "self-consistent" else "--", ORANGE if c.overlap == "concentrated" else BLACK
        label = rf"tilted, {c.overlap}, $\alpha$ = {c.share:.3f} ({c.source})"
        ax.plot(w, 2.0 * density(law, w)[0], color=color, ls=style, lw=1.4, label=label)
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
