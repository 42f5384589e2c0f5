"""Pictures of tails: over levels, the law of specialised neurons, the tilted density, weights given the event, levels climbed."""

from __future__ import annotations

from typing import Any

from ldt.plots.style import BLACK, BLUE, GREEN, PURPLE, RED, SKY, axes_of, event, symbol, title


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
    >>> from ldt.plots import figure_of
    >>> figure, ax = figure_of()
    >>> plot_curve(TailResult([-1.0, -2.0], [0.1, 0.1], level=[0.5, 1.0]), ax=ax).get_ylabel()
    '$-\\\\log P(A \\\\geq \\\\alpha)$  [nats]'
    """
    import numpy as np

    ax = axes_of(ax)
    level, logp, error = (np.asarray(v, dtype=float) for v in (result.level, result.logp, result.error))
    name, at = symbol(result.model), "x" if symbol(result.model) == "S" else r"\alpha"
    relation = r"\leq" if result.side == "lower" else r"\geq"
    what = rf"$-\log p({at})$" if result.quantity == "density" else rf"$-\log P({name} {relation} {at})$"
    marker = "o" if len(level) <= 40 else ""
    shown = np.where(np.isfinite(error), error, 0.0)
    ax.errorbar(level, -logp, yerr=shown, color=BLACK, marker=marker, ms=3.5, lw=1.4, label=what, zorder=3)
    if density is not None:
        ax.plot(level, -np.asarray(density, dtype=float), color=GREEN, ls=":", lw=1.6, label=rf"$-\log p({at})$")
    if rate is not None:
        ax.plot(level, np.asarray(rate, dtype=float), color=BLUE, ls="--", lw=1.4, label=r"rate $I(\alpha)$, convex")
    if nonconvex is not None:
        text = "rate, whole neurons (non-convex)"
        ax.plot(level, np.asarray(nonconvex, dtype=float), color=RED, ls="-.", lw=1.4, label=text)
    ax.set_xlabel(rf"level ${at}$  [units of ${name}$]")
    ax.set_ylabel(what + "  [nats]" if density is None and rate is None else r"$-\log P$  [nats]")
    title(ax, result.model)
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

    ax = axes_of(ax)
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
        Of one level, by ``method="exact"``, ``"saddlepoint"`` or ``"importance"``, with a two-well tilted law.
    ax : matplotlib Axes, optional

    Raises
    ------
    ModelError
        If the result carries no such law.
    """
    from ldt.errors import ModelError
    from ldt.texts import specialised_law

    law = specialised_law(result.detail)
    if not law:
        raise ModelError("result: carries no law of the number of specialised neurons (one well only, or another method)")
    ax = axes_of(ax)
    least = 1e-4 * max(law.values())
    shown = {k: p for k, p in law.items() if p > least}
    low, high = min(shown), max(shown)
    narrow = high - low < 60
    ax.bar(list(shown), list(shown.values()), width=0.8 if narrow else 1.0, color=SKY, edgecolor=BLACK, lw=0.6 if narrow else 0.0)
    mean = sum(k * p for k, p in law.items())
    ax.axvline(mean, color=RED, ls="--", lw=1.4, label=f"mean {mean:.3g}")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlim(low - 0.9, high + 0.9)
    ax.set_ylim(0.0, 1.18 * max(shown.values()))  # room for the legend
    ax.set_xlabel("number of specialised neurons")
    ax.set_ylabel(f"probability given ${event(result)}$")
    title(ax, result.model)
    ax.legend(frameon=False, loc="upper right")
    return ax


def plot_tilted_density(law: Any, ax: Any = None, *, points: int = 2001) -> Any:
    """One neuron's density under the tilted law and under the prior, on a logarithmic axis.

    Parameters
    ----------
    law : TiltedLaw
        From ``ldt.tilted(model, level)``.
    ax : matplotlib Axes, optional
    points : int
        Points of the coordinate.
    """
    import numpy as np

    ax = axes_of(ax)
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
    title(ax, model)
    ax.legend(frameon=False, loc="upper center", ncols=3, fontsize="small")
    return ax


def plot_rate(result: Any, ax: Any = None, *, points: int = 101) -> Any:
    """The Legendre transform at one level: s alpha - K(s) over the tilt s, its maximum I(alpha), and the non-convex value above it.

    Parameters
    ----------
    result : RateResult
        From ``ldt.rate(model, level)``.
    ax : matplotlib Axes, optional
    points : int
        Tilts at which K is evaluated, on either side of the maximum.
    """
    import numpy as np

    ax = axes_of(ax)
    grid = result.tilt * np.append(np.linspace(0.5, 1.0, points), 1.0 + np.geomspace(1e-4, 0.5, points))
    value = grid * result.level - np.asarray(result.model.cgf(grid), dtype=float)
    below = max(5.0 * (result.nonconvex - result.convex), 0.15 * result.convex)  # what is shown of the curve
    shown = np.isfinite(value) & (value > result.convex - below)
    ax.plot(grid[shown], value[shown], color=BLACK, lw=1.6, label=r"$s\alpha - K(s)$")
    ax.plot([result.tilt], [result.convex], color=BLUE, marker="o", ms=7, ls="none", label=rf"$I(\alpha)$ = {result.convex:.6g}, convex")
    ax.axhline(result.convex, color=BLUE, ls="--", lw=1.0)
    if result.specialised is not None:
        what = f"{result.nonconvex:.6g} with {result.specialised} whole neuron{'' if result.specialised == 1 else 's'}"
        ax.axhline(result.nonconvex, color=RED, ls="-.", lw=1.4, label=what)
    top = max(result.convex, result.nonconvex)
    ax.set_ylim(result.convex - below, top + 0.35 * (top - result.convex + below))  # room for the legend
    ax.set_xlabel("tilt $s$  [1/units of $A$]")
    ax.set_ylabel("[nats]")
    model_name = getattr(result.model, "name", "")
    title(ax, rf"{model_name}; $\alpha$ = {result.level:g}")
    ax.legend(frameon=False, fontsize="small", loc="upper center", ncols=2)
    return ax


__all__ = ["plot_curve", "plot_gap", "plot_rate", "plot_specialised", "plot_tilted_density"]
