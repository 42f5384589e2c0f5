"""``ldt-rate lazy``: the lazy network's eigenvalues, what alignment costs, how much data it takes; on real data too."""

from __future__ import annotations

from typing import Any

import click

from ldt.cli.options import checked_seed, output_options, seed_option
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import Output, aligned, digits, exit_code, number, table

HEADER = (
    "degree", "target", "variance", "error", "degeneracy", "density", "tail", "tail_error", "samples_needed",
    "samples_needed_any", "status",
)  # fmt: skip


NOT_EIGEN = "He_k is no eigenfunction under N(0, I): the variance of A is exact, a bound on data needs --measure sphere"


def degrees_of(text: Any) -> list[int]:
    """The degrees in text like 1,3,5.

    >>> degrees_of("1,3")
    [1, 3]
    """
    from ldt.errors import ModelError

    values = [as_number(part) for part in str(text).split(",")]
    for value in values:
        if not isinstance(value, int):
            raise ModelError(f"degrees: must be integers separated by commas, like 1,3,5, got {text!r}")
    return values


def kernel_options(command: Any) -> Any:
    """Adds what a kernel needs; the command gets ``kernel``, a Kernel."""
    import functools

    names = ("kind", "depth", "weight_variance", "readout_variance", "bias_variance", "length")

    @functools.wraps(command)
    def with_kernel(**rest: Any) -> Any:
        given = {name: rest.pop(name) for name in names}
        from ldt.lazy import Kernel

        return command(kernel=Kernel(**{k: v for k, v in given.items() if v is not None}), **rest)

    decorators = [
        click.option("--kernel", "kind", metavar="NAME", help="erf (default), relu, laplace or rbf."),
        click.option("--depth", type=as_number, metavar="L", help="Hidden layers (erf, relu)."),
        click.option("--weight-variance", type=as_number, metavar="X", help="sigma_w^2 (erf, relu)."),
        click.option("--readout-variance", type=as_number, metavar="X", help="sigma_a^2."),
        click.option("--bias-variance", type=as_number, metavar="X", help="sigma_b^2 (erf, relu)."),
        click.option("--length", type=as_number, metavar="X", help="Length in units of sqrt d (laplace, rbf)."),
    ]
    for decorate in reversed(decorators):
        with_kernel = decorate(with_kernel)
    return with_kernel


@click.command("lazy")
@kernel_options
@click.option("--dim", type=as_number, metavar="D", help="Input dimension d (default 10).")
@click.option("--degrees", default="1,3,5", show_default=True, metavar="K,..", help="Degrees of the targets.")
@click.option("--measure", default="sphere", show_default=True, metavar="NAME", help="sphere or gaussian.")
@click.option("--level", type=as_number, default=1.0, show_default=True, metavar="A", help="The level of A; the target has mean square 1.")
@click.option("--ridge", type=as_number, default=0.1, show_default=True, metavar="X", help="s^2: ridge, or the posterior's noise.")
@click.option("--data", metavar="NAME", help="Also train on real inputs: digits, breast_cancer, wine or diabetes (extra ldt[data]).")
@click.option("--repeats", type=as_number, default=4, show_default=True, metavar="N", help="Training sets for each P.")
@plot_option("the costs, or with --data the measurement and its bound,")
@seed_option
@output_options()
def command(
    kernel: Any, dim: Any, degrees: str, measure: str, level: Any, ridge: Any, data: str | None, repeats: Any, plot: str | None, seed: Any,
    out: Output,
) -> int:  # fmt: skip
    """What a lazy (infinitely wide) network pays for each degree, and the data below which it cannot learn it."""
    from ldt.errors import ModelError
    from ldt.lazy import components, lazy_cost, learnability, real_inputs, samples_needed

    if data and measure != "sphere":
        raise ModelError(f"measure: must be sphere with --data, got {measure!r}")
    if any(isinstance(v, str) or not 0.0 < v < float("inf") for v in (level, ridge)):
        raise ModelError(f"level, ridge: must be positive finite numbers, got {level!r} and {ridge!r}")
    orders, picture = degrees_of(degrees), picture_of(plot, out)
    inputs = real_inputs(data, dim) if data else None
    size = (10 if dim is None else dim) if inputs is None else inputs.shape[1]
    rows, costs = [], [lazy_cost(c, level) for c in components(kernel, size, orders, measure)]
    for cost in costs:
        c = cost.component
        known, eigen = cost.status == "ok", c.exact_eigenfunction and cost.status == "ok"
        rows.append((
            c.degree, c.target, c.value, c.error, c.degeneracy, cost.density if known else None, cost.tail if known else None,
            cost.tail_error if known else None, samples_needed(c.value, ridge) if eigen else None,
            samples_needed(c.value, ridge, 0.5, c.degeneracy) if eigen else None, cost.status,
        ))  # fmt: skip
    measured = None
    if data:
        measured = learnability(kernel, data, orders, ridge=ridge, dim=dim, repeats=repeats, rng=checked_seed(seed))
        out.advise(measured.status, measured.advice)
    record = {
        "kernel": kernel.to_dict(), "measure": measure, "dim": size, "level": level, "ridge": ridge,
        "components": [dict(zip(HEADER, row, strict=True)) for row in rows], "data": None if measured is None else measured.to_dict(),
    }  # fmt: skip
    out.answer(record, _text(kernel, size, measure, level, ridge, rows, costs, measured), (HEADER, rows))
    if picture is not None:
        from ldt.plots import plot_components

        if measured is None:
            picture.draw(lambda ax: plot_components(costs, ax))
        else:
            picture.draw(measured.plot, width=7.2, height=5.2)
    return exit_code([*(cost.status for cost in costs), *([measured.status] if measured else [])])


def _text(kernel: Any, dim: int, measure: str, level: float, ridge: float, rows: Any, costs: Any, measured: Any) -> str:
    name = "lambda" if measure == "sphere" else "variance"
    header = ["target", name, "error", "n_k", f"-log p({level:g})", f"-log P(A >= {level:g})", "P needed", "P, any data"]
    cells = [
        [row[1], f"{row[2]:.9g}", f"{row[3]:.1e}", str(row[4]), number(row[5]), digits(row[6], max(row[7] or 0.0, 1e-6)),
         *map(number, row[8:10])]
        for row in rows
    ]
    text = f"{kernel.name}; d = {dim}, {measure}; nats\n" + table(header, cells, left=1)
    text += aligned([
        ("P needed", f"below it a share of 1/2 of the target cannot be learned at ridge {ridge:g}, for data with <phi^2> = 1"),
        ("any data", "the same for any training inputs whatever (<phi^2> <= n_k)"),
        ("note", "" if measure == "sphere" else NOT_EIGEN),
        *((f"degree {c.component.degree}", c.advice) for c in costs),
    ])  # fmt: skip
    if measured is None:
        return text
    text += f"\n{measured.data}: {measured.inputs} real inputs, {measured.repeats} draws for each P, seed {measured.seed}\n"
    cells = [
        [str(c.part.degree), str(p), f"{f:.5f}", f"{low:.5f}", f"{high:.5f}", f"{bound:.5f}"]
        for c in measured.curves
        for p, f, low, high, bound in zip(c.samples, c.measured, c.low, c.high, c.bound, strict=True)
    ]
    text += table(["degree", "P", "learned", "lowest", "highest", "bound"], cells)
    for c in measured.curves:
        text += f"degree {c.part.degree}: <phi^2> on the data {c.feature:.4g}, P needed there {c.needed:.4g}, "
        text += f"largest learned/bound {c.worst_ratio:.6f}\n"
    return text + f"draws above their bound: {sum(c.violations for c in measured.curves)}\n"
