"""``ldt-rate plan``: the methods for one question, what each would cost, and which ``auto`` takes; nothing is run."""

from __future__ import annotations

from typing import Any

import click

from ldt.cli.options import level_option, model_options, output_options
from ldt.cli.render import DONE, Output, aligned, table


@click.command("plan")
@model_options
@level_option
@output_options()
def command(model: Any, level: Any, out: Output) -> int:
    """Which method, why, and at what predicted cost; nothing is run."""
    import ldt

    found = ldt.plan(model, level)
    record = found.to_dict() | {"level": float(level), "model": model.to_dict()}
    names = list(dict.fromkeys(key for candidate in found.candidates for key in candidate))
    rows = [[candidate.get(name) for name in names] for candidate in found.candidates]
    text = aligned([("method", found.method), ("because", found.reason), ("model", model.name)])
    if rows:
        cells = [["" if v is None else f"{v:.2g}" if isinstance(v, float) else str(v) for v in row] for row in rows]
        text += "\n" + table(names, cells, left=len(names))
    out.answer(record, text, (names, rows))
    return DONE


