"""``ldt-rate study``: what the patterns predict for an architecture beside what other methods find, over a range of sizes."""

from __future__ import annotations

import math
from typing import Any

import click

from ldt.cli.options import checked_seed, output_options, seed_option
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import Output, exit_code, number, table


@click.command("study")
@click.argument("model_file", metavar="MODEL")
@click.option("--values", required=True, metavar="V,V,...", help="Values of the base, increasing.")
@click.option("--method", "methods", multiple=True, required=True, metavar="NAME",
              help="exact, closed-form, importance, patterns, energies, bound, splitting, umbrella, hamiltonian; several.")  # fmt: skip
@click.option("--at", multiple=True, metavar="S=LAW", help="A size's law, like N1=64*d^0.5 or H=4; several times.")
@click.option("--base", metavar="S", help="The size that grows, in whose powers the others are given.")
@click.option("--level", type=as_number, default=1.0, show_default=True, metavar="A", help="The level of the orthonormal target.")
@click.option("--replicates", type=as_number, metavar="N", help="Samplers of networks: independent replicates (4).")
@click.option("--particles", type=as_number, metavar="N", help="Samplers of networks: chains (500), of each level except for splitting.")
@click.option("--moves", type=as_number, metavar="N", help="Samplers of networks: sweeps (4), at every level for splitting.")
@click.option("--points", type=as_number, metavar="N", help="Samplers of networks: points of averages over the data (the network's own).")
@seed_option
@plot_option("-log P by every method and pattern against the size")
@output_options()
def command(
    model_file: str, values: str, methods: tuple[str, ...], at: tuple[str, ...], base: str | None, level: Any, seed: Any,
    plot: str | None, out: Output, **spend: Any,
) -> int:  # fmt: skip
    """-log P(A >= level) of the architecture MODEL by every METHOD, and the patterns' predictions, at each value of its base.

    With -o FILE.csv the record begins with the command that made it.
    """
    from ldt.cli.architecture import changed
    from ldt.cli.progress import Bar
    from ldt.errors import ModelError
    from ldt.models.architecture import Architecture
    from ldt.numerics.random import entropy_of
    from ldt.scaling.studies import COLUMNS, Effort, study

    architecture = changed(Architecture.from_file(model_file), at, base)
    points = [as_number(part) for part in values.split(",") if part.strip()]
    if not points or not all(isinstance(p, (int, float)) for p in points):
        raise ModelError(f"values: must be numbers separated by commas, got {values!r}")
    picture = picture_of(plot, out)
    entropy = entropy_of(checked_seed(seed))
    given = {name: value for name, value in spend.items() if value is not None}
    rows = []
    with Bar(out, "study") as bar:
        for row in study(architecture, points, methods, level, rng=entropy, effort=Effort(**given)):
            rows.append(row)
            found = f"{row.method} {row.pattern} {number(row.neg_log_p)} [{row.status}] {row.note}"
            out.say(f"{architecture.base} = {number(row.value)}: {found}", 1)
            bar.update(points.index(row.value) if row.value in points else 0, len(points), f"{architecture.base} = {number(row.value)}")
    made = " ".join(
        ["ldt-rate study", model_file, *(f"--at '{a}'" for a in at), *([f"--base {base}"] if base else []), f"--values {values}",
         *(f"--method {m}" for m in methods), f"--level {number(level)}", *(f"--{name} {number(value)}" for name, value in given.items()),
         f"--seed {entropy}"]
    )  # fmt: skip
    record = {"command": made, "architecture": architecture.to_dict(), "rows": [row.to_dict() for row in rows]}
    if out.form == "csv":
        from ldt.cli.render import to_csv

        out.put(f"# {made}\n" + to_csv(COLUMNS, [row.cells() for row in rows]))
    else:
        out.answer(record, _text(architecture, rows))
    if picture is not None:
        from ldt.plots import plot_study

        picture.draw(lambda ax: plot_study(rows, ax), width=7.2)
    return exit_code([row.status for row in rows])


def _text(architecture: Any, rows: list[Any]) -> str:
    header = [architecture.base, "method", "pattern", "-log P", "+-", "local exponent", "predicted", "parameters", "note"]
    cells = []
    for row in rows:
        words = ", ".join(f"{k} = {number(v)}" for k, v in (*row.parameters.items(), *row.observables.items()))
        cells.append([
            number(row.value), row.method, row.pattern or "-", number(row.neg_log_p), "-" if math.isnan(row.error) else f"{row.error:.2g}",
            "-" if math.isnan(row.local_exponent) else f"{row.local_exponent:.3f}", row.exponent or "-", words or "-", row.note,
        ])  # fmt: skip
    return table(header, cells, left=3)


__all__ = ["command"]
