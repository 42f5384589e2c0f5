"""``ldt-rate patterns``: what each pattern costs, where it is cheapest, which wins; of an alignment or of an architecture."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import click

from ldt.cli.options import build_model, checked_seed, model_options, output_options, seed_option, sum_over_neurons
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import DONE, Output, aligned, exit_code, number, table

HEADER = ("pattern", "cost", "with_multiplicity", "parameters", "formula", "bound", "bound_error", "bound_status", "exponent")


def _any_model(path: str | None, changes: dict[str, Any]) -> Any:
    """An AlignmentSum; or (Architecture, value of its base or None), whose sizes --dim alone may change."""
    if path is None:
        return build_model(path, changes)
    from ldt.errors import ModelError
    from ldt.models.architecture import Architecture
    from ldt.models.files import parse_any, read_bytes

    data, name = read_bytes(path)
    found = parse_any(data, name)
    if isinstance(found, Architecture):
        for field in changes:
            if field != "dim":
                raise ModelError(f"{field}: not a field of an architecture; its sizes are set by --at SYMBOL=LAW and --dim")
        return found, changes.get("dim")
    return parse_any(data, name, **changes)


#: Options that an alignment does not have.
FOR_ARCHITECTURES = ("at", "base", "assignment", "phase", "top", "ridge", "variational")


@click.command("patterns")
@partial(model_options, build=_any_model)
@click.option("--level", type=as_number, metavar="A", help="The level alpha, in units of A (architectures: of the orthonormal target; 1).")
@click.option("--bounds", is_flag=True, help="Also rigorous bounds, KL + E_q[-log Phi], sampled from trial laws.")
@click.option("--samples", type=as_number, metavar="N", help="Alignments: samples for each bound.")
@click.option("--power", metavar="P", help="Alignments: exponents of d at N = d^P (default: P = log N/log d of the model).")
@click.option("--at", multiple=True, metavar="S=LAW", help="Architectures: a size's law, like N1=64*d^0.5 or H=4; several times.")
@click.option("--base", metavar="S", help="Architectures: the size that grows, in whose powers the others are given.")
@click.option("--assignment", metavar="R,R,...", help="Architectures: this rule for each layer only.")
@click.option("--phase", metavar="S[,S]", help="Architectures: which pattern wins, over the exponents of one or two sizes.")
@click.option("--top", metavar="X", help="Architectures: the largest exponent of --phase (default 6).")
@plot_option("the costs, or of architectures the phase diagram (--phase), the costs (--dim) or the exponents,")
@click.option("--ridge", type=as_number, metavar="K", help="Architectures: kappa of P* = 2 kappa cost/k (default 1).")
@click.option("--variational", is_flag=True, help="Architectures: with --dim, costs with true constants where they are known.")
@seed_option
@output_options()
def command(
    model: Any, level: Any, bounds: bool, samples: Any, power: str | None, seed: Any, plot: str | None, out: Output, **options: Any
) -> int:
    """What each pattern costs for A >= level, and which wins.

    MODEL is an alignment (with the exact -log P beside the costs) or an architecture: then every assignment of patterns to layers, its
    cost, exact exponent and, with --dim (the value of the base), nats; P* is the number of samples below which nothing is learned.
    """
    from ldt.errors import ModelError

    if isinstance(model, tuple):
        from ldt.cli.architecture import answer

        for name, value in (("samples", samples), ("power", power)):
            if value is not None:
                raise ModelError(f"{name}: for an alignment only, and this model is an architecture")
        return answer(*model, level=level, bounds=bounds, seed=checked_seed(seed), plot=plot, out=out, **options)
    for name in FOR_ARCHITECTURES:
        if options[name]:
            raise ModelError(f"{name}: for an architecture only, and this model is an alignment")
    if level is None:
        raise ModelError("level: missing; give --level A")
    return _alignment(model, level, bounds, samples, power, seed, plot, out)


def _alignment(model: Any, level: Any, bounds: bool, samples: Any, power: str | None, seed: Any, plot: str | None, out: Output) -> int:
    import ldt
    from ldt.cli.ask import attempt
    from ldt.models.layers import GFL, GP, SPECIALIZATION
    from ldt.patterns.two_layer import pattern_costs

    sum_over_neurons(model)
    picture = picture_of(plot, out)
    costs = pattern_costs(model, level)
    exact = attempt(lambda: ldt.tail(model, level, method="exact"), out, "exact")
    powers = exponents_of(model, power)
    statuses, found = [exact.status] if exact is not None else [], {}
    seed = checked_seed(seed)
    if bounds:
        from ldt.numerics.random import entropy_of
        from ldt.patterns.bounds import best_bound, default_samples

        seed = entropy_of(seed)
        draws = samples if isinstance(samples, int) else default_samples(model.width)
        out.say(f"bounds: {draws} samples of {model.width} neurons for each of 3 patterns")
        for name in (GP, GFL, SPECIALIZATION):
            bound = attempt(partial(best_bound, model, level, name, samples=samples, rng=seed), out, f"{name}, bound")
            if bound is not None:
                found[name] = bound
                # A pattern that is infinitely dear as a trial law is an answer, and not a failure.
                statuses.append("ok" if bound.status == "failed" else bound.status)
                if bound.advice:
                    out.say(f"{name}: {bound.status}: {bound.advice}")
    rows = []
    for row in costs.patterns:
        bound = found.get(row.name)
        words = ", ".join(f"{k} = {number(v)}" for k, v in row.parameters.items())
        rows.append((row.name, row.cost, row.with_multiplicity, words, row.formula, bound and bound.bound, bound and bound.error,
                     bound and bound.status, powers["exponents"].get(row.name, "")))  # fmt: skip
    record = costs.to_dict() | {
        "model": model.to_dict(), "exact": None if exact is None else exact.to_dict(), "exponents": powers,
        "bounds": {name: _bound(b) for name, b in found.items()}, "seed": seed if bounds else None,
    }  # fmt: skip
    out.answer(record, _text(model, level, costs, exact, rows, powers, bool(found)), (HEADER, rows))
    if picture is not None:
        picture.draw(costs.plot)
    return exit_code(statuses) if statuses else DONE


def _bound(bound: Any) -> dict[str, Any]:
    return {k: v for k, v in bound.to_dict().items() if k != "model"}


def exponents_of(model: Any, power: str | None) -> dict[str, Any]:
    """{"p": text, "exponents": {pattern: number as text}} for a target of one He_m; empty where there is no power law."""
    from ldt.errors import ModelError
    from ldt.patterns.exponents import exponents

    degrees = [k for k, _ in model.target]
    if len(degrees) != 1 or degrees[0] < 1 or (power is None and (model.dim < 2 or model.activation not in ("erf", "tanh"))):
        if power is not None:
            raise ModelError(f"power: exponents are for a target of one He_m with m >= 1, got {model.target_name}")
        return {"p": None, "exponents": {}}
    p = power if power is not None else f"{math.log(model.width) / math.log(model.dim):.4g}"
    return {"p": p, "exponents": {name: _readable(e) for name, e in exponents(degrees[0], p).items()}}


def _readable(exponent: Any) -> str:
    """A fraction as such while it says something (33333/40000 does not)."""
    return str(exponent) if exponent.denominator <= 100 else f"{float(exponent):.5g}"


def _text(model: Any, level: Any, costs: Any, exact: Any, rows: Any, powers: dict[str, Any], bounded: bool) -> str:
    header = ["pattern", "cost", "counted", "at"] + (["bound", "+-"] if bounded else []) + (["exponent"] if powers["exponents"] else [])
    cells = []
    for name, cost, counted, words, _, bound, error, status, power in rows:
        cell = [name, f"{cost:.6g}", "-" if counted is None else f"{counted:.6g}", words or "-"]
        if bounded:
            cell.append("-" if status is None else "none" if status == "failed" else f"{bound:.6g}")
            cell.append("" if error is None else number(error))
        cells.append(cell + ([power] if powers["exponents"] else []))
    ties = f" (tied: {', '.join(costs.ties)})" if costs.ties else ""
    text = table(header, cells, left=1)
    text += "\n" + aligned([
        ("winner", costs.winner + ties),
        ("exact", "" if exact is None else f"-log P(A >= {level:.12g}) = {-exact.logp:.8g} nats, error {exact.error:.1g}"),
        ("model", model.name),
        ("exponents", f"cost ~ d^exponent at N = d^{powers['p']}" if powers["exponents"] else ""),
        ("note", "costs are leading energies in nats; counted: with the equivalent choices of neurons"
         + ("; bounds are rigorous, up to their sampling error" if bounded else "")),
    ])  # fmt: skip
    return text
