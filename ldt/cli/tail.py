"""``ldt-rate tail``: log P(A >= level), or the density there, with its error and what it means."""

from __future__ import annotations

from typing import Any

import click

from ldt.cli.options import level_option, method_options, model_options, output_options
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import INTERRUPTED, Output, aligned, exit_code
from ldt.texts import result_rows

HEADER = ("level", "quantity", "side", "logp", "error", "error_kind", "method", "status", "seed", "width", "dim", "c")


@click.command("tail")
@model_options
@level_option
@method_options
@click.option("--side", default="upper", metavar="SIDE", show_default=True, help="upper: P(A >= level); lower: P(A <= level).")
@click.option("--density", is_flag=True, help="The log density at the level instead.")
@click.option("--certify", is_flag=True, help="A rigorous enclosure by ball arithmetic: --method certified.")
@plot_option("the answer (the law of specialised neurons, the levels climbed, or its place)")
@output_options()
def command(
    model: Any, level: Any, method: str, options: dict[str, Any], side: str, density: bool, certify: bool, plot: str | None, out: Output
) -> int:  # fmt: skip
    """How rare: -log P(A >= level) of MODEL in nats, or the density.

    MODEL is a TOML file ("-" for standard input); options change its fields, and --width with --dim does without one.
    """
    import ldt
    from ldt.api import SIDES
    from ldt.cli.ask import resolve
    from ldt.cli.progress import Bar
    from ldt.errors import ModelError
    from ldt.tails.methods import method_of

    if side not in SIDES:
        raise ModelError(f"side: must be 'upper' or 'lower', got {side!r}")
    if certify and method not in ("auto", "certified"):
        raise ModelError(f"--certify: goes with --method certified, not with {method!r}")
    method = "certified" if certify else method
    picture = picture_of(plot, out)
    chosen, taken = resolve(model, level, method, options, out)
    code = None
    with Bar(out, chosen) as bar:
        if "progress" in method_of(model, chosen).options:
            taken["progress"] = bar
        try:
            if density:
                result = ldt.logpdf(model, level, method=chosen, **taken)
            else:
                result = ldt.tail(model, level, method=chosen, side=side, **taken)
        except ldt.Interrupted as stop:
            result, code = stop.result, INTERRUPTED
    row = (result.level, result.quantity, side, result.logp, result.error, result.error_kind, result.method, result.status,
           result.seed, *(getattr(model, name, None) for name in ("width", "dim", "prefactor")))  # fmt: skip
    out.answer(result.to_dict(), text_of(result, verbose=out.verbosity > 0), (HEADER, [row]))
    out.advise(result.status, result.advice)
    if picture is not None:
        picture.draw(result.plot)
    return exit_code([result.status]) if code is None else code


def text_of(result: Any, *, verbose: bool = False) -> str:
    """A result as aligned lines."""
    return aligned(result_rows(result, verbose=verbose))
