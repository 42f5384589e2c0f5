"""``ldt-rate patterns``: what GP, GFL and specialization cost, where each is cheapest, which wins; bounds and exponents."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import click

from ldt.cli.options import checked_seed, level_option, model_options, output_options, seed_option, sum_over_neurons
from ldt.cli.options import number as as_number
from ldt.cli.render import DONE, Output, aligned, exit_code, number, table

HEADER = ("pattern", "cost", "parameters", "formula", "bound", "bound_error", "bound_status", "exponent")


@click.command("patterns")
@model_options
@level_option
@click.option("--bounds", is_flag=True, help="Also each pattern's rigorous bound, KL + E_q[-log Phi], sampled from its trial law.")
@click.option("--samples", type=as_number, metavar="N", help="Samples for each bound.")
@click.option("--power", metavar="P", help="Exponents of d at N = d^P (default: P = log N/log d of the model).")
@seed_option
@output_options()
def command(model: Any, level: Any, bounds: bool, samples: Any, power: str | None, seed: Any, out: Output) -> int:
    """What each pattern costs for A >= level, which wins, and the exact -log P beside them."""
    import ldt
    from ldt.cli.ask import attempt
    from ldt.patterns.two_layer import GFL, GP, SPECIALIZATION, pattern_costs

    sum_over_neurons(model)
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
        rows.append((row.name, row.cost, words, row.formula, bound and bound.bound, bound and bound.error, bound and bound.status,
                     powers["exponents"].get(row.name, "")))  # fmt: skip
    record = costs.to_dict() | {
        "model": model.to_dict(), "exact": None if exact is None else exact.to_dict(), "exponents": powers,
        "bounds": {name: _bound(b) for name, b in found.items()}, "seed": seed if bounds else None,
    }  # fmt: skip
    out.answer(record, _text(model, level, costs, exact, rows, powers, bool(found)), (HEADER, rows))
    return exit_code(statuses) if statuses else DONE


def _bound(bound: Any) -> dict[str, Any]:
    return {k: v for k, v in bound.to_dict().items() if k != "model"}


def exponents_of(model: Any, power: str | None) -> dict[str, Any]:
    """{"p": text, "exponents": {pattern: fraction as text}} for a target of one He_m; empty where there is no power law."""
    from ldt.errors import ModelError
    from ldt.patterns.exponents import exponents

    degrees = [k for k, _ in model.target]
    if len(degrees) != 1 or degrees[0] < 1 or (power is None and (model.dim < 2 or model.activation not in ("erf", "tanh"))):
        if power is not None:
            raise ModelError(f"power: exponents are for a target of one He_m with m >= 1, got {model.target_name}")
        return {"p": None, "exponents": {}}
    p = power if power is not None else f"{math.log(model.width) / math.log(model.dim):.4g}"
    return {"p": p, "exponents": {name: str(e) for name, e in exponents(degrees[0], p).items()}}


def _text(model: Any, level: Any, costs: Any, exact: Any, rows: Any, powers: dict[str, Any], bounded: bool) -> str:
    header = ["pattern", "cost", "at"] + (["bound", "+-"] if bounded else []) + (["exponent"] if powers["exponents"] else [])
    cells = []
    for name, cost, words, _, bound, error, status, power in rows:
        cell = [name, f"{cost:.6g}", words or "-"]
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
        ("note", "costs are leading energies in nats" + ("; bounds are rigorous, up to their sampling error" if bounded else "")),
    ])  # fmt: skip
    return text
