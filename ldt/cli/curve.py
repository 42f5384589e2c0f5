"""``ldt-rate curve``: log P, density and rate over a range of levels, as a table, CSV, JSON or picture."""

from __future__ import annotations

import math
from typing import Any

import click

from ldt.cli.options import integer, method_options, model_options, output_options, sum_over_neurons
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import INTERRUPTED, Output, digits, exit_code, number, table

HEADER = (
    "level", "logp", "error", "error_kind", "log_density", "density_error", "rate", "rate_nonconvex", "tilt", "mean_specialised",
    "method", "status",
)  # fmt: skip
MAX_POINTS = 10_000


@click.command("curve")
@model_options
@click.option("--from", "start", type=as_number, required=True, metavar="A", help="First level.")
@click.option("--to", "stop", type=as_number, required=True, metavar="B", help="Last level.")
@click.option("--points", type=as_number, default=21, metavar="N", show_default=True, help="How many levels.")
@click.option("--log", "logarithmic", is_flag=True, help="Equal steps in the logarithm of the level.")
@click.option("--side", default="upper", metavar="SIDE", show_default=True, help="upper: P(A >= level); lower: P(A <= level).")
@plot_option("log P and the rates")
@method_options
@output_options()
def command(
    model: Any, start: Any, stop: Any, points: Any, logarithmic: bool, side: str, plot: str | None, method: str,
    options: dict[str, Any], out: Output,
) -> int:  # fmt: skip
    """log P, density and rate of MODEL over a range of levels."""
    from ldt.api import SIDES
    from ldt.cli.ask import resolve
    from ldt.cli.progress import Bar
    from ldt.errors import ModelError

    sum_over_neurons(model)
    if side not in SIDES:
        raise ModelError(f"side: must be 'upper' or 'lower', got {side!r}")
    levels = levels_between(start, stop, integer("points", points, 1, MAX_POINTS), logarithmic)
    picture = picture_of(plot, out)
    chosen, taken = resolve(model, levels[-1], method, options, out)
    if len(levels) > 1 and chosen in ("importance", "montecarlo"):
        out.say(f"{chosen}: {len(levels)} levels, each with a tail and a density")
    rows: list[tuple[Any, ...]] = []
    code = None
    with Bar(out, "curve") as bar:
        try:
            for x in levels:
                rows.append(curve_row(model, x, side, chosen, taken, out))
                bar.update(len(rows), len(levels), f"level {x:g}")
        except KeyboardInterrupt:
            if not rows:
                raise
            out.say(f"interrupted after {len(rows)} of {len(levels)} levels")
            code = INTERRUPTED
    record = {
        "model": model.to_dict(), "quantity": "tail", "side": side, "levels": len(rows),
        "curve": [dict(zip(HEADER, row, strict=True)) for row in rows], "seed": taken.get("rng"),
    }  # fmt: skip
    out.answer(_strict(record), _text(model, rows), (HEADER, rows))
    if picture is not None:
        picture.save(curve_figure(rows, model, side))
    return exit_code(row[-1] for row in rows) if code is None else code


def levels_between(start: Any, stop: Any, points: int, logarithmic: bool) -> list[float]:
    """The levels from ``start`` to ``stop``, ends included exactly.

    >>> levels_between(0.5, 2, 3, False), levels_between(0.5, 2, 3, True)
    ([0.5, 1.25, 2.0], [0.5, 1.0, 2.0])
    """
    from ldt.errors import ModelError

    for name, value in (("from", start), ("to", stop)):
        if isinstance(value, str) or not math.isfinite(value):
            raise ModelError(f"{name}: must be a finite number, got {value!r}")
    if logarithmic and not (start > 0 and stop > 0):
        raise ModelError(f"from, to: --log needs levels greater than 0, got {start!r} and {stop!r}")
    if points == 1:
        return [float(start)]
    steps = [i / (points - 1) for i in range(points)]
    if logarithmic:
        inner = [start * (stop / start) ** t for t in steps]
    else:
        inner = [start + (stop - start) * t for t in steps]
    return [float(start), *map(float, inner[1:-1]), float(stop)]


def curve_row(model: Any, level: float, side: str, method: str, options: dict[str, Any], out: Output) -> tuple[Any, ...]:
    """The fields of HEADER at one level; None where there is no answer."""
    import ldt
    from ldt.cli.ask import attempt

    at = f"level {level:g}"
    tail = attempt(lambda: ldt.tail(model, level, method=method, side=side, **options), out, at)
    density = attempt(lambda: ldt.logpdf(model, level, method=method, **options), out, f"{at}, density")
    rate = attempt(lambda: ldt.rate(model, level), out, f"{at}, rate")
    if tail is not None and tail.advice:
        out.say(f"{at}: {tail.status}: {tail.advice}")
    return (
        level,
        tail and tail.logp, tail and tail.error, tail and tail.error_kind,
        density and density.logp, density and density.error,
        rate and rate.convex, rate and rate.nonconvex, rate and rate.tilt,
        mean_specialised(tail),
        tail.method if tail else method,
        tail.status if tail else "failed",
    )  # fmt: skip


def mean_specialised(result: Any) -> float | None:
    """Mean number of specialised neurons given the event, where the method knows its law."""
    from ldt.texts import specialised_law

    law = specialised_law(result.detail) if result is not None else {}
    return sum(k * p for k, p in law.items()) if law else None


def _text(model: Any, rows: list[tuple[Any, ...]]) -> str:
    header = ("level", "-log P", "error", "-log density", "rate", "non-convex", "tilt", "specialised", "status")
    cells = []
    for level, logp, error, _, density, density_error, convex, nonconvex, tilt, specialised, _, status in rows:
        cells.append((
            f"{level:.6g}", digits(None if logp is None else -logp, error), "none" if error is None else f"{error:.1e}",
            digits(None if density is None else -density, max(density_error or 0.0, 1e-9)), number(convex), number(nonconvex),
            number(tilt), "-" if specialised is None else f"{specialised:.2f}", status,
        ))  # fmt: skip
    return f"{model.name}; method {rows[0][-2]}; nats\n" + table(header, cells)


def _strict(value: Any) -> Any:
    from ldt.results import jsonable

    return jsonable(value)


def curve_figure(rows: list[tuple[Any, ...]], model: Any, side: str) -> Any:
    """log P with the rates above, how far it lies above the convex one below."""
    from ldt.plots import figure_of, plot_curve, plot_gap
    from ldt.results import TailResult

    def column(i: int) -> list[float]:
        return [math.nan if row[i] is None else row[i] for row in rows]

    figure, (upper, lower) = figure_of(2, height=5.6)
    result = TailResult(column(1), column(2), level=column(0), model=model, side=side)
    plot_curve(result, rate=column(6), nonconvex=column(7), density=column(4), ax=upper).set_xlabel("")
    plot_gap(result, column(6), nonconvex=column(7), ax=lower)
    return figure
