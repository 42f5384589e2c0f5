"""``ldt-rate adapt``: the learnability curve of a two-layer network by kernel adaptation, with its branches and transitions."""

from __future__ import annotations

import math
from typing import Any

import click

from ldt.cli.options import integer, model_options, output_options, sum_over_neurons
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import Output, aligned, exit_code, number, table

HEADER = (
    "samples", "alpha", "error", "residual", "truncation", "free_energy", "stable_specialised", "stable_alpha", "mixture", "specialised",
    "metastable", "status",
)  # fmt: skip


def samples_of(text: Any, points: int) -> list[float]:
    """Numbers of samples from text: one number, A..B (``points`` of them, equal steps in log) or numbers separated by commas.

    >>> samples_of("40..4000", 3), samples_of("100,200", 9)
    ([40.0, 400.0, 4000.0], [100.0, 200.0])
    """
    from ldt.errors import ModelError

    text = str(text)
    ends = text.split("..")
    values = [as_number(part) for part in (ends if len(ends) == 2 else text.split(","))]
    if any(isinstance(v, str) or not 0.0 < v < math.inf for v in values) or len(ends) > 2:
        raise ModelError(f"samples: must be positive numbers like 1600, 40..4000 or 100,200,400, got {text!r}")
    if len(ends) < 2:
        return [float(v) for v in values]
    low, high = (float(v) for v in values)
    if not low < high or points < 2:
        raise ModelError(f"samples: A..B must have A < B and at least 2 points, got {text!r} with {points}")
    inner = [math.exp(math.log(low) + math.log(high / low) * i / (points - 1)) for i in range(1, points - 1)]
    return [low, *(float(f"{p:.12g}") for p in inner), high]


@click.command("adapt")
@model_options
@click.option("--ridge", type=as_number, default=1.0, show_default=True, metavar="X", help="Ridge of the regression; it enters as ridge/P.")
@click.option("--samples", default="40..4000", show_default=True, metavar="P", help="A..B, one number, or several with commas.")
@click.option("--points", type=as_number, default=13, show_default=True, metavar="N", help="How many P in A..B.")
@click.option("--degree", type=as_number, metavar="K", help="Full equations with every component up to degree K (default: one component).")
@click.option("--branches", type=as_number, default=6, show_default=True, metavar="N", help="Follow k = 0 .. N-1 specialised neurons.")
@plot_option("curve, density and effective action")
@output_options()
def command(
    model: Any, ridge: Any, samples: str, points: Any, degree: Any, branches: Any, plot: str | None, out: Output
) -> int:  # fmt: skip
    """The share alpha of the target that MODEL, trained on P samples, learns; every stable and metastable state; P*.

    alpha is of the whole law, whose solution is the only one; states differ by the number of specialised neurons.
    """
    from ldt.adaptation import adaptation_curve
    from ldt.cli.progress import Bar

    sum_over_neurons(model)
    grid = samples_of(samples, integer("points", points, 1, 1000))
    if degree is not None:
        degree = integer("degree", degree, 0, 30)
    picture = picture_of(plot, out)
    with Bar(out, "adapt") as bar:
        found = adaptation_curve(model, samples=grid, ridge=ridge, degree=degree, branches=branches, progress=bar.update)
    rows = [_row(found, i) for i in range(len(grid))]
    out.answer(found.to_dict(), _text(found, rows, branches), (HEADER, rows))
    out.advise(found.status, found.advice)
    if picture is not None:
        picture.save(_figure(found))
    return exit_code([found.status])


def _row(found: Any, i: int) -> tuple[Any, ...]:
    at = found.whole[i]
    stable = next((b for b in found.branches if b.state[i] == "stable"), None)
    others = [b.specialised for b in found.branches if b.state[i] == "metastable"]
    outer = sum(w.neurons for w in at.wells[1:]) if len(at.wells) > 1 else None
    return (
        at.samples, at.alpha, at.error, at.residual, at.truncation, at.free_energy, None if stable is None else stable.specialised,
        None if stable is None else stable.alpha[i], found.mixture[i], outer, " ".join(map(str, others)), at.status,
    )  # fmt: skip


def _text(found: Any, rows: Any, branches: int) -> str:
    from ldt.adaptation.branches import ABOVE

    what = "one component" if found.degree is None else f"all components up to degree {found.degree}"
    text = f"{found.model.name}\nkernel adaptation, {what}, ridge {found.ridge:g}\n"
    header = ["P", "alpha", "k stable", "alpha(k)", "alpha, k mixed", "E k, whole law", "k metastable", "residual", "status"]
    cells = [
        [f"{r[0]:.6g}", f"{r[1]:.8f}", number(r[6]), number(r[7]), number(r[8]), number(r[9]), r[10] or "-", f"{r[3]:.0e}", r[11]]
        for r in rows
    ]
    text += table(header, cells)
    lines = []
    for t in found.transitions:
        name = "P*" if t.before == 0 else f"k = {t.before} -> {t.after}"
        lines.append((name, f"{t.samples:.6g} +- {t.error:.1g} ({t.kind}), alpha {t.alphas[0]:.4g} -> {t.alphas[1]:.4g}"))
    for b in found.branches:
        low, high = ("" if p is None else f"{p:.4g}" for p in b.spinodals)
        lines.append((f"spinodals k = {b.specialised}", f"{low or 'none'}, {high or f'none to P = {ABOVE * found.samples[-1]:.4g}'}"))
    if not found.transitions:
        none = "none up to the last P: no second well of a neuron's action takes over" if found.complete else "none found"
        lines.append(("transitions", none if branches else "not sought: only the whole law was asked for"))
    lines.append((found.status if found.advice else "", found.advice))
    return text + aligned(lines)


def _figure(found: Any) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ldt.plots import plot_adaptation, plot_effective_action, plot_neuron_density

    figure = Figure(figsize=(16.0, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    plot_adaptation(found, axes[0])
    plot_neuron_density(found.whole[-1], axes[1])
    plot_effective_action(found.whole, axes[2])
    return figure
