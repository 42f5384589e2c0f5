"""Pictures of kernel adaptation: learnability curves, one neuron's density and action, kernels, the grokking transition."""

from __future__ import annotations

import math
from typing import Any

from ldt.plots.style import BLACK, BLUE, LINE_STYLES, ORANGE, PURPLE, RED, SKY, axes_of, title


def plot_adaptation(result: Any, ax: Any = None) -> Any:
    """Learnability curve alpha(P) of kernel adaptation: the whole law, and the states by number of specialised neurons (stable: thick).

    Parameters
    ----------
    result : ldt.adaptation.AdaptationCurve
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    p = np.asarray(result.samples)
    ax.plot(p, [a.alpha for a in result.whole], color=BLACK, lw=1.6, label="all neurons alike", zorder=3)
    for b, (colour, marker, style) in zip(result.branches, LINE_STYLES * len(result.branches), strict=False):
        alpha = np.asarray(b.alpha)
        ax.plot(p, alpha, color=colour, ls=style, lw=0.8, label=f"{b.specialised} specialised")
        stable = np.array([s == "stable" for s in b.state])
        ax.plot(p[stable], alpha[stable], color=colour, marker=marker, ms=5, ls="none")
    for i, t in enumerate(result.transitions):
        ax.axvline(t.samples, color=PURPLE, ls=":", lw=1.2, label=f"$P^*$ = {t.samples:.4g}" if i == 0 else None)
    ax.set_xscale("log")
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("training samples P")
    ax.set_ylabel(r"learned share of the target, $\alpha$")
    title(ax, result.model)
    ax.legend(frameon=False, fontsize=7.5)
    return ax


def plot_neuron_density(result: Any, ax: Any = None, *, points: int = 2001) -> Any:
    """One neuron's density after adaptation, and before, on a logarithmic axis.

    Parameters
    ----------
    result : ldt.adaptation.Adaptation
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    model = result.model
    reach = max(1.6 * max((w.w for w in result.wells), default=0.0), 6.0 * math.sqrt(model.weight_variance / model.dim))
    w = np.linspace(-reach, reach, points)
    after = np.exp(result.log_density(w))
    variance = model.weight_variance / model.dim
    before = np.exp(-0.5 * w * w / variance) / math.sqrt(2.0 * math.pi * variance)
    ax.fill_between(w, after, 1e-300, color=SKY, alpha=0.35, lw=0)
    ax.plot(w, after, color=BLUE, lw=1.5, label=f"adapted, P = {result.samples:g}")
    ax.plot(w, before, color=BLACK, ls="--", lw=1.2, label="prior")
    ax.set_yscale("log")
    ax.set_ylim(1e-9 * after.max(), 50.0 * max(after.max(), before.max()))
    ax.set_xlabel(r"weight along the target, $w\cdot w^*$")
    ax.set_ylabel("density of one neuron")
    title(ax, model)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_effective_action(results: Any, ax: Any = None, *, points: int = 801) -> Any:
    """The effective action S(w.w*) of one neuron, one line for each P.

    Parameters
    ----------
    results : ldt.adaptation.Adaptation, or a sequence of them
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    few = list(results) if isinstance(results, (list, tuple)) else [results]
    few = [few[i] for i in sorted({round(x) for x in np.linspace(0, len(few) - 1, min(5, len(few)))})]
    outer = max((w.w for r in few for w in r.wells), default=0.0)
    model = few[0].model
    w = np.linspace(-1.0, 1.0, points) * max(1.6 * outer, 8.0 * math.sqrt(model.weight_variance / model.dim))
    lowest, wells = 0.0, 0.0
    for r, (colour, _, style) in zip(few, LINE_STYLES, strict=False):
        s = r.action(w)
        lowest = min(lowest, float(s.min()))
        wells = max([wells, *(x.action for x in r.wells), *(x.barrier or 0.0 for x in r.wells)])
        ax.plot(w, s, color=colour, ls=style, lw=1.4, label=f"P = {r.samples:.4g}")
    ax.axhline(0.0, color="0.7", lw=0.8)
    ax.set_ylim(1.3 * lowest - 0.5, max(1.6 * wells, 6.0))
    ax.set_xlabel(r"weight along the target, $w\cdot w^*$")
    ax.set_ylabel(r"effective action $S(w)-S(0)$  [nats]")
    title(ax, model)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_kernel_change(result: Any, ax: Any = None) -> Any:
    """The kernel's diagonal in the components' basis before and after adaptation, and what ridge/P it competes with.

    Parameters
    ----------
    result : ldt.adaptation.Adaptation
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    x = np.arange(len(result.components))
    ax.bar(x - 0.2, np.diagonal(result.kernel_before), 0.4, color=SKY, edgecolor=BLACK, lw=0.6, label="before")
    ax.bar(x + 0.2, np.diagonal(result.kernel_after), 0.4, color=ORANGE, edgecolor=BLACK, lw=0.6, label=f"after, P = {result.samples:g}")
    ax.axhline(result.ridge / result.samples, color=RED, ls="--", lw=1.2, label="ridge/P")
    ax.set_yscale("log")
    ax.set_xticks(x, result.components, rotation=45 if len(x) > 4 else 0, fontsize="small")
    ax.set_ylabel(r"kernel, $\sigma_a^2\langle h_k^2\rangle$")
    title(ax, result.model)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_grokking(transitions: Any, ax: Any = None) -> Any:
    """Phase diagram in (u, eps): where the outer wells appear, and where they take over.

    Parameters
    ----------
    transitions : sequence of ldt.adaptation.GrokkingTransition
    ax : matplotlib Axes, optional
    """
    import numpy as np

    ax = axes_of(ax)
    eps = np.array([t.model.epsilon for t in transitions])
    onset, at = (np.array([getattr(t, name) or math.nan for t in transitions]) for name in ("onset", "u"))
    top = np.nanmax(np.append(at, onset)) * 1.3 if not (np.isnan(at).all() and np.isnan(onset).all()) else 100.0
    ax.plot(eps, onset, color=BLUE, ls="--", lw=1.4, label="outer wells appear")
    ax.plot(eps, at, color=RED, lw=1.6, label="outer wells as probable as the centre, $u_c$")
    ax.fill_between(eps, onset, at, color=SKY, alpha=0.4, lw=0)
    ax.fill_between(eps, at, top, color=ORANGE, alpha=0.3, lw=0)
    ax.set_yscale("log")
    ax.set_xlabel(r"$\epsilon$ of the target He$_1$ + $\epsilon$ He$_3$")
    ax.set_ylabel(r"$u=n^2\sigma_a^2/(\sigma^4dN)$")
    ax.set_title("white: one well; blue: three, the centre rules; orange: the outer two rule", fontsize="small")
    ax.legend(frameon=False, fontsize="small")
    return ax
