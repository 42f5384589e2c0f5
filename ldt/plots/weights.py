"""Pictures of what is drawn given the event: the weights of every neuron, the largest term of a sum."""

from __future__ import annotations

import math
from typing import Any

from ldt.plots.style import BLACK, BLUE, ORANGE, RED, SKY, axes_of, legend_outside, title

#: Ordinary neurons that are drawn: more only thicken the cloud.
MOST = 3000


def plot_weights(sample: Any, ax: Any = None) -> Any:
    """Every neuron's weights given the event: readout against the weight along the target, specialised neurons marked.

    Parameters
    ----------
    sample : ConditionalSample
        From ``ldt.sample_given(model, level, size)`` of an AlignmentSum; ordinary neurons beyond 3,000 are thinned.
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    model = sample.model
    w, a = np.asarray(sample.w), np.asarray(sample.a)
    special = _specialised(sample)
    n = math.sqrt(float(model.width) / float(model.readout_variance))
    rest = np.flatnonzero(~special)
    rest = rest[:: max(1, -(-len(rest) // MOST))]
    label = "other neurons" if special.any() else "neurons"
    ax.plot(w.ravel()[rest], n * a.ravel()[rest], color=SKY, marker="o", ms=3, mec=BLUE, mew=0.2, ls="none", alpha=0.7, label=label)
    if special.any():
        chosen = special.ravel()
        style = {"color": ORANGE, "marker": "D", "ms": 5, "mec": BLACK, "mew": 0.5, "ls": "none"}
        ax.plot(w.ravel()[chosen], n * a.ravel()[chosen], label="specialised", **style)
    sd = math.sqrt(float(model.weight_variance) / float(model.dim))
    ax.axvspan(-2.0 * sd, 2.0 * sd, color="0.9", lw=0, zorder=0, label=r"prior, $\pm 2$ standard deviations")
    ax.axhline(0.0, color="0.7", lw=0.8, zorder=0)
    ax.set_xlabel(r"weight along the target, $w_1$  [1/units of $x_1$]")
    ax.set_ylabel(r"readout, $a\,\sqrt{N}/\sigma_a$  [prior standard deviations]")
    relation = r"\leq" if sample.level < 0 else r"\geq"
    title(ax, f"{model.name}; {len(w)} networks given $A {relation} {sample.level:g}$")
    legend_outside(ax, below=False, ncols=3)
    return ax


def _specialised(sample: Any) -> Any:
    """Which neurons are beyond the first cut: of draw i the ``specialised[i]`` outermost."""
    import numpy as np

    found = np.zeros(sample.w.shape, dtype=bool)
    if sample.specialised is None:
        return found.ravel()
    x = np.abs(sample.w / np.sqrt(1.0 + 2.0 * sample.rho) if sample.model.neuron.kind == "v" else sample.w)
    for i, k in enumerate(sample.specialised):
        if k:
            found[i, np.argsort(-x[i])[: int(k)]] = True
    return found.ravel()


def plot_largest(sample: Any, ax: Any = None, *, bins: int = 30) -> Any:
    """Many small terms or one large?  The law of the largest term's share of the sum, given the event.

    Parameters
    ----------
    sample : SumSample
        From ``ldt.sample_given`` of a sum.
    ax : matplotlib Axes, optional
    bins : int
        Of the histogram; fewer where few draws count.
    """
    import numpy as np

    ax = axes_of(ax)
    share, weight = np.asarray(sample.largest, dtype=float), np.asarray(sample.weights, dtype=float)
    shown = weight > 0.0
    bins = min(bins, max(6, round(2.0 * math.sqrt(sample.effective))))
    edges = np.linspace(min(0.0, float(share[shown].min())), max(1.0, float(share[shown].max())), bins + 1)
    ax.hist(share, bins=edges, weights=weight, color=SKY, edgecolor=BLACK, lw=0.6)
    ax.axvline(sample.largest_share, color=RED, ls="--", lw=1.4, label=f"mean {sample.largest_share:.3g}")
    ax.set_xlabel("share of the largest term in the sum")
    ax.set_ylabel("probability in a bin, given the event")
    exact = "exact draws" if sample.exact else f"weighted draws, {sample.effective:.0f} effective"
    title(ax, f"{sample.model.name}; level {sample.level:g}; {exact}")
    ax.legend(frameon=False)
    return ax


__all__ = ["plot_largest", "plot_weights"]
