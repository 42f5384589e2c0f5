"""``ldt-rate sample``: exact draws of the weights given A >= level, into a CSV or NPZ file, and a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ldt.cli.options import checked_seed, integer, level_option, model_options, output_options, seed_option, sum_over_neurons
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import DONE, INTERRUPTED, Output, aligned, number, to_csv

HEADER = ("draw", "neuron", "a", "w", "rho")


@click.command("sample")
@model_options
@level_option
@click.option("--size", type=as_number, default=1, metavar="N", show_default=True, help="How many networks to draw.")
@click.option("-o", "--output", metavar="FILE", help="Write all weights to FILE: .csv (draw, neuron, a, w, rho) or .npz.")
@seed_option
@plot_option("the weights of every neuron")
@output_options(csv=False, file=False)
def command(model: Any, level: Any, size: Any, output: str | None, seed: Any, plot: str | None, out: Output) -> int:
    """Exact draws of the weights (a, w_1 and rho = |w_perp|^2 of every neuron) given A >= level; A <= level below 0.

    Standard output gets a summary, FILE the weights.
    """
    import ldt
    from ldt.errors import ModelError

    sum_over_neurons(model)
    suffix = Path(output).suffix.lower() if output else ""
    if output and suffix not in (".csv", ".npz"):
        raise ModelError(f"output: the file must end in .csv or .npz, got {output!r}")
    target = out.reserve(output, "-o") if output else None
    picture = picture_of(plot, out)
    size, seed = integer("size", size, 1, 5_000_000), checked_seed(seed)
    out.say(f"sample: {size} networks of {model.width} neurons, by rejection", at=1)
    code = DONE
    try:
        drawn = ldt.sample_given(model, level, size, rng=seed)
    except ldt.Interrupted as stop:
        drawn, code = stop.result, INTERRUPTED
        out.say(f"interrupted: {len(drawn.A)} of {size} networks were drawn, each as exact as ever")
        if not len(drawn.A):
            return code
    if target is not None and suffix == ".npz":
        _write_npz(target, drawn)
    elif target is not None:
        _write_csv(target, drawn)
    summary = summary_of(drawn)
    record = {"model": model.to_dict(), "level": float(level), "size": len(drawn.A), "seed": drawn.seed, "file": output, **summary}
    words = [(k.replace("_", " "), v if isinstance(v, str) else number(v)) for k, v in summary.items() if not isinstance(v, dict)]
    counts = ", ".join(f"{k}: {n}" for k, n in summary["specialised"].items())
    text = aligned([
        ("networks", str(len(drawn.A))), *words, ("specialised", f"{counts} (number of neurons: networks)" if counts else ""),
        ("model", model.name), ("seed", str(drawn.seed)), ("weights", output or "not kept; -o FILE.csv or FILE.npz keeps them"),
    ])  # fmt: skip
    out.answer(_plain(record), text)
    if picture is not None:
        picture.draw(drawn.plot)
    return code


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    from ldt.results import jsonable

    return dict(jsonable(record))


def summary_of(drawn: Any) -> dict[str, Any]:
    """What the draws look like: A, and the weights of specialised neurons (beyond the first cut) and of the others."""
    import numpy as np

    full = drawn.model.overlap == "full"
    found: dict[str, Any] = {"A_mean": float(drawn.A.mean()), "A_least": float(drawn.A.min()), "A_greatest": float(drawn.A.max())}
    found["proposals"] = int(drawn.proposals)
    found["specialised"] = {}
    if drawn.specialised is None:
        return found
    numbers, counts = np.unique(drawn.specialised, return_counts=True)
    found["specialised"] = {int(k): int(n) for k, n in zip(numbers, counts, strict=True)}
    x = np.abs(drawn.w / np.sqrt(1.0 + 2.0 * drawn.rho) if drawn.model.neuron.kind == "v" else drawn.w)
    special = np.zeros(x.shape, dtype=bool)
    for i, k in enumerate(drawn.specialised):  # the k outermost neurons of draw i
        special[i, np.argpartition(-x[i], int(k) - 1)[: int(k)] if k else []] = True
    for name, rows in (("specialised", special), ("other", ~special)):
        if rows.any():
            found[f"mean_abs_w_{name}"] = float(np.abs(drawn.w[rows]).mean())
            if full:
                found[f"mean_rho_{name}"] = float(drawn.rho[rows].mean())
    return found


def _write_npz(target: Any, drawn: Any) -> None:
    import numpy as np

    arrays = {"a": drawn.a, "w": drawn.w, "rho": drawn.rho, "A": drawn.A, "level": drawn.level, "seed": np.array(str(drawn.seed))}
    if drawn.specialised is not None:
        arrays["specialised"] = drawn.specialised
    target.write_with(lambda stream: np.savez(stream, **arrays))


def _write_csv(target: Any, drawn: Any) -> None:
    for i in range(len(drawn.A)):  # one network at a time: the text of all may not fit in memory
        rows = [(i, j, *values) for j, values in enumerate(zip(drawn.a[i], drawn.w[i], drawn.rho[i], strict=True))]
        text = to_csv(HEADER, rows)
        target.write(text if i == 0 else text.partition("\n")[2])
