"""``ldt-rate scaling``: the main job. How -log P grows with d, by every method, against d + N, d^3 and (N d)^(3/4)."""

from __future__ import annotations

import itertools
import math
import os
from typing import Any

import click

from ldt.cli.options import (
    checked_seed,
    integer,
    model_options,
    output_options,
    scheduler_option,
    seed_option,
    sum_over_neurons,
    workers_of,
)  # fmt: skip
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import INTERRUPTED, Output, digits, exit_code, number, table


def _dims(_: Any, __: Any, text: str | None) -> list[int] | None:
    from ldt.errors import ModelError

    if text is None:
        return None
    return [integer("dims", as_number(part), 1, 10**6) for part in text.split(",") if part.strip()] or _none(ModelError, text)


def _none(error: type[Exception], text: str) -> Any:
    raise error(f"dims: must be integers separated by commas, got {text!r}")


@click.command("scaling")
@model_options
@click.option("--level", type=as_number, default=1.0, show_default=True, metavar="A", help="The level alpha, in units of A.")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME",
    help="specialization, gp, gfl-cnn or gfl-bound; may be given several times (default: all that make sense).",
)
@click.option("--dims", callback=_dims, metavar="D,D,...", help="The values of d; the plain grid alone is run then.")
@click.option("--grid-width", "law", metavar="LAW", help="N along the grid: a number or const*d^p, such as 64*d^0.5 (default: d).")
@click.option("--target-error", type=as_number, metavar="X", help="Sample until log P's error is X nats.")
@click.option("--max-seconds", type=as_number, metavar="S", help="Leave out sampling predicted to take longer at one point.")
@click.option(
    "--workers",
    type=as_number,
    default=os.cpu_count() or 1,
    metavar="N",
    help="Threads that sample (default: one a core); the numbers do not depend on it.",
)
@scheduler_option
@plot_option("the grids")
@seed_option
@output_options()
def command(
    model: Any, level: Any, settings: tuple[str, ...], dims: list[int] | None, law: str | None, target_error: Any, max_seconds: Any,
    workers: Any, scheduler: str | None, plot: str | None, seed: Any, out: Output,
) -> int:  # fmt: skip
    """How -log P(A >= level) of MODEL's network grows with d, against the predicted scalings.

    The file's width and dim are replaced by the grids'.
    """
    from ldt.cli.progress import Bar
    from ldt.errors import Interrupted
    from ldt.scaling.run import flat_rows, prepare, run

    sum_over_neurons(model)
    picture = picture_of(plot, out)
    extra = {"target_error": target_error, "max_seconds": max_seconds}
    task = prepare(
        model, level, settings=list(settings) or None, dims=dims, width=law, **{k: v for k, v in extra.items() if v is not None}
    )  # fmt: skip
    points = sum(len(s.dims) for s in task.series)
    out.say(f"scaling: {points} points in {len(task.series)} grids, about {sum(task.seconds):.0f} s (within a factor of a few)")
    done = itertools.count()
    code = None
    with Bar(out, "scaling") as bar:

        def progress(series: Any, d: int) -> None:
            bar.update(next(done), points, f"{series.setting}, N = {series.width.text}, d = {d}")

        try:
            result = run(task, rng=checked_seed(seed), workers=workers_of(workers, scheduler), progress=progress)
        except Interrupted as stop:
            result, code = stop.result, INTERRUPTED
    out.answer({**result.to_dict(), "settings": result.settings}, text_of(result), flat_rows(result))
    if picture is not None:
        picture.save(result.plot())
    return exit_code([result.status]) if code is None else code


# -- the text --------------------------------------------------------------------------------------------------------------


def text_of(result: Any) -> str:
    """The answer as tables, one a grid, with the exponents below."""
    c = result.model.c if isinstance(result.model.c, str) else f"{result.model.c:g}"
    lines = [
        f"-log P(A >= {result.level:g}) in nats; {result.model.activation_name}, {result.model.target_name}, c: {c}; seed {result.seed}\n"
    ]
    for grid in result.grids:
        lines += [_grid_text(grid), ""]
    for name, why in result.left_out:
        lines.append(f"left out: {name}: {why}")
    if result.z_count:
        lines.append(f"z-scores of sampling: {result.z_count}, root mean square {result.z_rms:.2f}, largest {result.z_max:.2f}")
    lines += [f"problem: {line}" for line in result.problems]
    lines.append(f"status {result.status}, {result.seconds:.0f} s")
    return "\n".join(lines) + "\n"


def _grid_text(grid: Any) -> str:
    bound = grid.setting == "gfl-bound"
    closed = any(p.closed_form.known for p in grid.points)
    header = ["d", "N", "exact"]
    header += ["closed form"] if closed else []
    header += ["bound, sampled", "z", "bound, transform", "D"] if bound else ["sampled", "z", "saddle"]
    header += ["GP", "GFL", "special.", "winner"]
    rows = []
    for p in grid.points:
        row = [f"{p.d}", f"{p.model.width:.4g}", _value(p.exact)]
        row += [_value(p.closed_form)] if closed else []
        row += [_bar(p.measured), f"{p.z:.2f}" if math.isfinite(p.z) else "-"]
        row += [_value(p.transform), number(p.inflation)] if bound else [_value(p.saddle)]
        costs = [p.patterns.get(k) for k in ("gp", "gfl", "specialization")]
        row += ["-" if v is None or not math.isfinite(v) else f"{v:.6g}" for v in costs]
        rows.append([*row, str(p.patterns.get("winner", "-"))])
    title = f"== {grid.setting}: {grid.title}"
    return "\n".join([title, table(header, rows).rstrip("\n"), *_notes(grid), *_exponents(grid)])


def _value(value: Any) -> str:
    return digits(value.value, max(value.error, 1e-6 * abs(value.value))) if value.known else value.status


def _bar(value: Any) -> str:
    return f"{digits(value.value, value.error)} +- {value.error:.1g}" if value.known else value.status


def _notes(grid: Any) -> list[str]:
    """Why something is missing or doubtful, each reason once."""
    notes: dict[str, list[str]] = {}
    for p in grid.points:
        for name, value in (("exact", p.exact), ("sampled", p.measured), ("saddle", p.saddle)):
            if value.note:
                notes.setdefault(f"{name}: {value.note}", []).append(str(p.d))
    return [f"note: d = {', '.join(ds)}: {text}" for text, ds in notes.items()]


def _exponents(grid: Any) -> list[str]:
    """Predicted laws, local exponents and fits with window and drift."""
    lines = [f"predicted: {law.pattern} {law.formula}, exponent {law.exponent:.4g}" for law in grid.laws]
    lines.append(f"expected here: {grid.expected}, exponent {grid.exponent:.4g}")
    main = grid.main
    if main in grid.local:
        local = ", ".join(f"{e.exponent:.3f} ({e.low:g}-{e.high:g})" for e in grid.local[main])
        lines.append(f"local exponents of {main} (d window): {local}")
    for name in (main, grid.measured, "saddle", "gp", "gfl", "specialization"):
        for fit in grid.fits.get(name, ())[:1]:
            drift = f", drift {fit.drift:+.3f} a decade" if math.isfinite(fit.drift) else ""
            # What the errors of the values make of the fit; how far the exponent itself moves is what its two ends say.
            kind = "sampling" if name == grid.measured else "numerical"
            error = f"; {kind} error {fit.error:.1g}" if fit.error > 0.0 else ""
            lines.append(
                f"fit {name:14} {fit.exponent:.4f} over d = {fit.low:g}..{fit.high:g}; local from {fit.first:.3f} to"
                f" {fit.last:.3f}{drift}{error}"
            )
    return lines
