"""``ldt-rate tail``: log P(A >= level), or the density there, with its error and what it means."""

from __future__ import annotations

import math
from typing import Any

import click

from ldt.cli.options import level_option, method_options, model_options, output_options
from ldt.cli.render import ERROR_KINDS, INTERRUPTED, Output, aligned, digits, exit_code, number

HEADER = ("level", "quantity", "side", "logp", "error", "error_kind", "method", "status", "seed", "width", "dim", "c")


@click.command("tail")
@model_options
@level_option
@method_options
@click.option("--side", default="upper", metavar="SIDE", show_default=True, help="upper: P(A >= level); lower: P(A <= level).")
@click.option("--density", is_flag=True, help="The log density at the level instead.")
@output_options()
def command(model: Any, level: Any, method: str, options: dict[str, Any], side: str, density: bool, out: Output) -> int:
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
    return exit_code([result.status]) if code is None else code


def text_of(result: Any, *, verbose: bool = False) -> str:
    """A result as aligned lines."""
    level = f"{result.level:.12g}"
    what = f"p({level})" if result.quantity == "density" else f"P(A {'<=' if result.side == 'lower' else '>='} {level})"
    found = math.isfinite(result.logp)
    error = float(result.detail["error"]) if _many_digits(result) else result.error
    rows = [
        (f"-log {what}", f"{_logp(result)} nats" if found else "no answer"),
        ("error", f"{error:.2g} nats ({ERROR_KINDS[result.error_kind]})" if math.isfinite(error) else "unknown"),
        (f"log10 {what}", digits(result.log10p, result.error / math.log(10.0)) if found else ""),
        ("method", result.method),
        ("model", result.model.name),
        ("specialised", specialised_of(result.detail) or _by_layer(result.detail)),
        ("samples", _samples(result)),
        ("status", result.status + (f": {result.advice}" if result.advice else "")),
        ("seed", "" if result.seed is None else str(result.seed)),
        ("cost", _cost(result.cost)),
    ]
    if verbose:
        rows += [(f"  {name}", text) for name, text in _details(result)]
    return aligned(rows)


def _by_layer(detail: Any) -> str:
    """The mean number of specialised units of each layer over replicates, in words."""
    layers = getattr(detail, "specialised", None)
    if not isinstance(layers, dict):
        return ""
    return ", ".join(f"{sum(means) / len(means):.3g} {name} on average" for name, means in layers.items() if means)


def _many_digits(result: Any) -> bool:
    """Whether the detail holds more digits than a float carries."""
    return isinstance(result.detail, dict) and "dps" in result.detail


def _logp(result: Any) -> str:
    if _many_digits(result):
        import mpmath

        whole = len(str(int(abs(result.logp))))
        text = str(mpmath.nstr(result.detail["logp"], whole + result.detail["dps"], strip_zeros=False))
        return text[1:] if text.startswith("-") else "-" + text  # arithmetic would round to the ambient precision
    return digits(-result.logp, result.error)


def specialised_law(detail: Any) -> dict[int, float]:
    """{number of specialised neurons: its probability given the event}; empty where the method does not know it."""
    numbers, probability = getattr(detail, "specialised", None), getattr(detail, "probability", None)
    if isinstance(numbers, dict):  # means by layer, of networks
        return {}
    if numbers is not None and probability is None and hasattr(detail, "share"):  # counts by bin, for every sector
        numbers, probability = [sum(counts) for counts in numbers], detail.share
    law: dict[int, float] = {}
    for k, p in zip(numbers if numbers is not None else (), probability if probability is not None else (), strict=True):
        law[int(k)] = law.get(int(k), 0.0) + float(p)
    return law if len(law) > 1 or sum(law) > 0 else {}


def specialised_of(detail: Any) -> str:
    """The law of the number of specialised neurons given the event, in words; '' where there is none.

    >>> from types import SimpleNamespace
    >>> specialised_of(SimpleNamespace(specialised=[2, 3, 4], probability=[0.0001, 0.72, 0.2799]))
    '3.28 neurons on average (3: 72.0 %, 4: 28.0 %)'
    """
    law = specialised_law(detail)
    if not law:
        return ""
    mean = sum(k * p for k, p in law.items())
    likely = [(k, p) for k, p in law.items() if p >= 0.0005]
    shown = sorted(sorted(likely, key=lambda kp: -kp[1])[:6])
    more = ", ..." if len(likely) > len(shown) else ""
    words = ", ".join(f"{k}: {100 * p:.1f} %" for k, p in shown)
    return f"{mean:.3g} neuron{'' if abs(mean - 1) < 5e-4 else 's'} on average ({words}{more})"


def _samples(result: Any) -> str:
    detail = result.detail
    if not hasattr(detail, "samples"):
        return ""
    parts = [f"{detail.samples} drawn"]
    if hasattr(detail, "ess"):
        parts.append(f"{detail.ess:.0f} effective")
    if hasattr(detail, "relative_variance"):
        parts.append(f"relative variance {detail.relative_variance:.3g} a sample")
    if hasattr(detail, "hits"):
        parts.append(f"{detail.hits} in the event")
    return ", ".join(parts)


def _cost(cost: Any) -> str:
    parts = [f"{cost.nodes} nodes"] if cost.nodes else []
    parts += [f"{cost.samples} samples"] if cost.samples else []
    return ", ".join([*parts, f"{cost.seconds:.2g} s"])


def _details(result: Any) -> list[tuple[str, str]]:
    """The scalar parts of the detail."""
    content = result.to_dict()["detail"]
    if not isinstance(content, dict):
        return []
    kept = {k: v for k, v in content.items() if isinstance(v, (int, float, str, bool))}
    return [(k.replace("_", " "), v if isinstance(v, str) else number(v)) for k, v in kept.items()]
