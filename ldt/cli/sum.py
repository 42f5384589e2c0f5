"""``ldt-rate sum``: P(S >= x), P(S <= x) or the density of a sum of independent terms, with its error."""

from __future__ import annotations

import math
import sys
from typing import Any

import click

from ldt.cli.options import checked_seed, integer, number, output_options, seed_option
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import ERROR_KINDS, Output, aligned, exit_code
from ldt.texts import digits as shown

HEADER = ("x", "quantity", "side", "logp", "error", "error_kind", "method", "status", "seed", "sum")


@click.command("sum")
@click.option("--law", metavar="LAW",
              help="Law of one term, like 'gamma(2, scale=3)': any of scipy.stats, compound(number, claim), or cubes (a^3/sqrt(15 n)).")
@click.option("--n", type=number, metavar="N", help="Number of terms (with --law; default 1).")
@click.option("--file", "path", metavar="FILE", help="Weighted terms from CSV or JSON (docs/sums.md); '-' for standard input.")
@click.option("--x", type=number, required=True, metavar="X", help="Where: P(S >= x).")
@click.option("--side", default="upper", metavar="SIDE", show_default=True, help="upper: P(S >= x); lower: P(S <= x).")
@click.option("--density", is_flag=True, help="The log density at x instead (of a lattice law, log P(S = x)).")
@click.option("--method", default="auto", metavar="NAME", show_default=True,
              help="auto, exact, saddlepoint, importance, montecarlo; heavy tails: conditional, bigjump; cubes: transition; "
              "certified.")
@click.option("--certify", is_flag=True, help="A rigorous enclosure by ball arithmetic: --method certified.")
@click.option("--digits", type=number, metavar="N", help="Digits after the point to certify (certified).")
@click.option("--samples", type=number, metavar="N", help="Samples to draw (importance, montecarlo, conditional).")
@click.option("--target-error", type=number, metavar="X", help="Sample until the error of log P is X nats.")
@seed_option
@click.option("--workers", type=number, metavar="N", help="Threads that sample; the numbers do not depend on it.")
@plot_option("the place of x in the law")
@output_options()
def command(
    law: str | None, n: Any, path: str | None, x: Any, side: str, density: bool, method: str, certify: bool, digits: Any, samples: Any,
    target_error: Any, seed: Any, workers: Any, plot: str | None, out: Output,
) -> int:  # fmt: skip
    """How rare: -log P(S >= x) of S = X_1 + ... + X_n or of a weighted sum, in nats; heavy tails included."""
    import ldt
    from ldt.api import SIDES
    from ldt.errors import ModelError
    from ldt.tails.methods import method_of, plan_of

    if (law is None) == (path is None):
        raise ModelError("law: give either --law (with --n) or --file")
    if path is not None and n is not None:
        raise ModelError("n: goes with --law; a file has its own counts")
    if side not in SIDES:
        raise ModelError(f"side: must be 'upper' or 'lower', got {side!r}")
    if law is not None:
        count = integer("n", 1 if n is None else n, 1, 10**12)
        model: Any = ldt.CubicSum(count) if law.strip() == "cubes" else ldt.IidSum(ldt.parse_law(law), count)
    else:
        model = ldt.WeightedSum.from_file(str(path), sys.stdin.read() if path == "-" else None)
    seed = checked_seed(seed)
    if isinstance(x, bool) or not isinstance(x, (int, float)) or not math.isfinite(x):
        raise ModelError(f"x: must be a finite number, got {x!r}")
    if certify and method not in ("auto", "certified"):
        raise ModelError(f"--certify: goes with --method certified, not with {method!r}")
    method = "certified" if certify else method
    chosen = plan_of(model, float(x), side, density).method if method == "auto" else method
    allowed = method_of(model, chosen).options
    asked = (("digits", digits), ("samples", samples), ("target_error", target_error), ("workers", workers))
    given = {name: value for name, value in asked if value is not None}
    for name in given:
        if name not in allowed:
            raise ModelError(f"--{name.replace('_', '-')}: not an option of method {chosen!r}")
    if seed is not None and "rng" in allowed:
        given["rng"] = seed
    picture = picture_of(plot, out)
    if density:
        result = ldt.logpdf(model, float(x), method=chosen, **given)
    else:
        result = ldt.tail(model, float(x), method=chosen, side=side, **given)
    row = (result.level, result.quantity, side, result.logp, result.error, result.error_kind, result.method, result.status, result.seed,
           model.name)  # fmt: skip
    out.answer(result.to_dict(), _text(result, side), (HEADER, [row]))
    out.advise(result.status, result.advice)
    if picture is not None:
        picture.draw(result.plot)
    return exit_code([result.status])


def _text(result: Any, side: str) -> str:
    what = f"p({result.level:.12g})" if result.quantity == "density" else f"P(S {'<=' if side == 'lower' else '>='} {result.level:.12g})"
    sure = getattr(result.detail, "certain", "")
    found = math.isfinite(result.logp)
    answer = f"{shown(-result.logp, result.error)} nats" if found else "infinite" if result.logp == -math.inf else "no answer"
    rows = [
        (f"-log {what}", answer),
        ("error", f"{result.error:.2g} nats ({ERROR_KINDS[result.error_kind]})" if math.isfinite(result.error) else "unknown"),
        (f"log10 {what}", shown(result.log10p, result.error / math.log(10.0)) if found else ""),
        ("enclosure", f"log {what} = {result.detail.ball} nats" if hasattr(result.detail, "ball") else ""),
        ("exactly", sure),
        ("method", result.method + (f" ({result.detail.path})" if getattr(result.detail, "path", "") else "")),
        ("sum", result.model.name),
        ("status", result.status + (f": {result.advice}" if result.advice and result.status != "ok" else "")),
        ("seed", "" if result.seed is None else str(result.seed)),
    ]
    return aligned(rows)
