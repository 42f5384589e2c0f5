"""Pictures of patterns: phase diagrams, costs."""

from __future__ import annotations

from typing import Any

from ldt.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, axes_of, legend_outside, title


def plot_phases(diagram: Any, ax: Any = None) -> Any:
    """The regions of the winning pattern in the plane of two sizes' exponents (or along one), each labelled with its cost.

    Parameters
    ----------
    diagram : ldt.patterns.phases.PhaseDiagram
    ax : matplotlib Axes, optional
    """
    ax = axes_of(ax)
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
    ax.set_xlabel(rf"$\log_{{{base}}} {_symbol(diagram.symbols[0])}$")
    if len(diagram.symbols) == 2:
        ax.set_ylabel(rf"$\log_{{{base}}} {_symbol(diagram.symbols[1])}$")
    else:
        ax.set_yticks([])
    title(ax, diagram.architecture.label or diagram.architecture.name)
    legend_outside(ax)
    return ax


def _symbol(name: str) -> str:
    from ldt.numerics.posynomials import Monomial

    return Monomial.of({name: 1}).latex()


def plot_costs(table: Any, ax: Any = None) -> Any:
    """What the patterns cost, in nats, as bars on a logarithmic axis; the winner is filled, the network's own -log P a line.

    Parameters
    ----------
    table : PatternTable, NumericTable or VariationalCost
        From ``ldt.patterns.two_layer.pattern_costs``, ``ldt.numeric_table`` or ``ldt.variational``.
    ax : matplotlib Axes, optional
    """
    ax = axes_of(ax)
    costs, winner, known = _costs_of(table)
    rows = sorted(costs.items(), key=lambda item: item[1])
    for i, (name, cost) in enumerate(rows):
        best = name == winner
        ax.barh(i, cost, height=0.6, color=SKY if best else "white", edgecolor=BLACK, lw=0.8, hatch="" if best else "///")
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        ax.annotate(f"{cost:.4g}", (cost, i), xytext=(5, 0), textcoords="offset points", va="center", fontsize="small", bbox=behind)
    ax.set_yticks(range(len(rows)), [name + (" (winner)" if name == winner else "") for name, _ in rows])
    ax.invert_yaxis()
    ax.set_xscale("log")
    least = min([cost for _, cost in rows] + ([known[0]] if known else []))
    ax.set_xlim(0.3 * least, 8.0 * max(cost for _, cost in rows))  # room for the numbers
    if known:
        ax.axvline(known[0], color=RED, ls="--", lw=1.4, label=f"{known[1]}: {known[0]:.6g}")
        ax.legend(frameon=False, fontsize="small", loc="lower right")
    ax.set_xlabel(rf"cost of $A \geq {table.level:g}$  [nats]")
    model = getattr(table, "model", None)
    architecture = getattr(table, "architecture", None)
    sizes = ", ".join(f"{s} = {v:.4g}" for s, v in getattr(table, "sizes", {}).items())
    name = model.name if model is not None else f"{architecture.label or architecture.name}; {sizes}" if architecture is not None else ""
    title(ax, name)
    return ax


def _costs_of(table: Any) -> tuple[dict[str, float], str, tuple[float, str] | None]:
    """({pattern: nats}, the winner, (the network's own -log P, what is claimed of it) or None)."""
    if hasattr(table, "patterns"):
        return {p.name: float(p.cost) for p in table.patterns}, table.winner, None
    if hasattr(table, "rows"):
        return {row.name: float(row.cost) for row in table.rows}, table.winner.name, None
    known = (float(table.neg_log_p), rf"$-\log P$ ({table.claim})") if table.claim != "estimate" else None
    return {k: float(v) for k, v in table.costs.items()}, table.winner, known


def plot_exponents(table: Any, ax: Any = None) -> Any:
    """The exponent of the base in the cost of every assignment of patterns to layers, least (the winner) on top.

    Parameters
    ----------
    table : ArchitectureTable
        From ``ldt.pattern_table``.
    ax : matplotlib Axes, optional
    """
    ax = axes_of(ax)
    rows = table.rows
    winning = {table.winner.name, *(row.name for row in table.ties)}
    top = max(float(row.exponent) for row in rows)
    for i, row in enumerate(rows):
        best = row.name in winning
        ax.barh(i, float(row.exponent), height=0.6, color=SKY if best else "white", edgecolor=BLACK, lw=0.8, hatch="" if best else "///")
        text = f"  {row.exponent}:  ${row.value.latex()}$" + ("  (GFL at rest)" if row.at_rest else "")
        ax.text(float(row.exponent), i, text, va="center", ha="left", fontsize="small")
    ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize="small")
    ax.invert_yaxis()
    ax.set_xlim(0.0, 1.5 * max(top, 0.1))
    ax.set_xlabel(f"exponent of {table.architecture.base} in $-\\log P$, hence in $P^*$")
    name = table.architecture.label or table.architecture.name
    title(ax, f"{name} (filled: the winner and what ties with it)")
    return ax


__all__ = ["plot_costs", "plot_exponents", "plot_phases"]
