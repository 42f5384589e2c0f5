"""``ldt-rate report``: one page of a model with its numbers and their errors, pictures, patterns, P*, and how to make each again."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import click

from ldt.cli.options import build_model, checked_seed, model_options, number, output_options, seed_option
from ldt.cli.page import Source
from ldt.cli.render import Output, aligned, exit_code


def _with_source(path: str | None, changes: dict[str, Any]) -> tuple[Any, Any, Source]:
    """(the model, of an architecture the value of its base, how both are named)."""
    from ldt.errors import ModelError
    from ldt.models.architecture import Architecture
    from ldt.models.files import parse_any, read_bytes

    arguments = "".join(f", {name}={value!r}" for name, value in changes.items())
    if path is None:
        return build_model(None, changes), None, Source(_options(changes), f"ldt.AlignmentSum({arguments[2:]})")
    data, name = read_bytes(path)
    shown, text = ("model.toml" if path == "-" else path), data.decode("utf-8-sig")
    model = parse_any(data, name)
    if isinstance(model, Architecture):
        value = changes.pop("dim", None)
        for field in changes:
            raise ModelError(f"{field}: not a field of an architecture; --dim is the value of its base")
        return model, value, Source(shlex.quote(shown), f"ldt.Architecture.from_file({shown!r})", text)
    model = parse_any(data, name, **changes)
    words = f"{shlex.quote(shown)} {_options(changes)}".strip()
    return model, None, Source(words, f"read_model({shown!r}{arguments})", text)


def _options(changes: dict[str, Any]) -> str:
    words = []
    for name, value in changes.items():
        text = ",".join(f"{k}:{v!r}" for k, v in value) if isinstance(value, tuple) else str(value)
        words.append(f"--{name.replace('_', '-')} {shlex.quote(text)}")
    return " ".join(words)


@click.command("report")
@partial(model_options, build=_with_source)
@click.option("--level", type=number, metavar="A", help="The level alpha, in units of A (default 1).")
@click.option("--ridge", type=number, default=1.0, show_default=True, metavar="K", help="kappa of P* = 2 kappa (-log P)/k.")
@click.option("--particles", type=number, metavar="N", help="Networks: chains of a climb (splitting).")
@click.option("--replicates", type=number, metavar="N", help="Networks: independent climbs (splitting).")
@click.option("-o", "--output", required=True, metavar="FILE", help="The page: FILE.html.")
@seed_option
@output_options(csv=False, file=False)
def command(
    model: Any, level: Any, ridge: Any, particles: Any, replicates: Any, output: str, seed: Any, out: Output
) -> int:  # fmt: skip
    """One self-contained HTML page of MODEL: the numbers and their errors, pictures, patterns, P*, and the commands for each.

    MODEL is an alignment, a network or an architecture (then --dim is the value of its base). The page loads nothing from anywhere.
    """
    from ldt.cli.report_parts import alignment_report, architecture_report, network_report
    from ldt.errors import ModelError
    from ldt.models.architecture import Architecture
    from ldt.numerics.random import entropy_of
    from ldt.plots.style import require

    found, value, source = model
    if Path(output).suffix.lower() not in (".html", ".htm"):
        raise ModelError(f"output: the file must end in .html, got {output!r}")
    require()
    if isinstance(ridge, str) or not 0.0 < ridge < float("inf"):
        raise ModelError(f"ridge: must be a positive finite number, got {ridge!r}")
    target = out.reserve(output, "-o")
    alpha = 1.0 if level is None else level
    if isinstance(alpha, str) or not 0.0 < alpha < float("inf"):
        raise ModelError(f"level: must be a positive finite number (a report is of a rare event), got {level!r}")
    entropy = entropy_of(checked_seed(seed))
    what = {"source": source, "level": alpha, "ridge": ridge, "out": out}
    chosen = {k: v for k, v in (("particles", particles), ("replicates", replicates)) if v is not None}
    if chosen and (isinstance(found, Architecture) or found.kind != "network"):
        raise ModelError(f"{next(iter(chosen))}: for a network only")
    if isinstance(found, Architecture):
        page, statuses = architecture_report(found, value, **what)
    elif found.kind == "network":
        page, statuses = network_report(found, options=chosen, seed=entropy, **what)
    else:
        page, statuses = alignment_report(found, seed=entropy, **what)
    target.write(page.text())
    drawn = None if isinstance(found, Architecture) else entropy
    record = {"report": output, "model": found.to_dict(), "level": float(alpha), "seed": drawn, "pictures": page.pictures,
              "sections": [name for name, _ in page.sections], "statuses": statuses}  # fmt: skip
    rows = [("report", output), ("model", found.name), ("pictures", str(page.pictures)), ("seed", "" if drawn is None else str(drawn))]
    out.answer(record, aligned([*rows, ("status", ", ".join(dict.fromkeys(statuses)))]))
    return exit_code(statuses)
