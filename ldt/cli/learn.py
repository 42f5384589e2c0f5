"""``ldt-rate learn``: networks sampled from their posterior, what they learned, and the tilted density they are compared with."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from ldt.cli.options import checked_seed, model_options, output_options, seed_option
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import INTERRUPTED, Output, aligned, digits, exit_code, number, table

HEADER = (
    "overlap", "source", "share", "kolmogorov", "kolmogorov_error", "kolmogorov_null", "wasserstein", "wasserstein_error",
    "wasserstein_null", "specialised", "special_w", "special_rho",
)  # fmt: skip


@click.command("learn")
@model_options
@click.option("--samples", type=as_number, required=True, metavar="P", help="Training samples of the model's target.")
@click.option("--networks", type=as_number, default=30, show_default=True, metavar="K", help="Networks (a multiple of --chains).")
@click.option("--ridge", type=as_number, default=1.0, show_default=True, metavar="X", help="kappa: variance of the noise on one label.")
@click.option("--chains", type=as_number, default=2, show_default=True, metavar="N", help="Networks that share a data set (for R-hat).")
@click.option("--sweeps", type=as_number, default=300, show_default=True, metavar="N", help="Sweeps after the warm-up.")
@click.option("--warmup", type=as_number, default=100, show_default=True, metavar="N", help="Sweeps that adapt the step, not counted.")
@click.option("--keep", type=as_number, default=10, show_default=True, metavar="N", help="Keep the weights of every N-th sweep.")
@click.option("--steps", type=as_number, default=12, show_default=True, metavar="N", help="Gradients a sweep.")
@click.option("--sampler", default="hmc", show_default=True, metavar="NAME", help="hmc, mala or langevin (unadjusted).")
@click.option("--labels", default="orthonormal", show_default=True, metavar="NAME", help="orthonormal (<y, y> = 1) or raw.")
@click.option("--checkpoint", metavar="FILE", help="Go on from FILE if it is there; keep it up to date.")
@click.option("--workers", type=as_number, default=1, metavar="N", help="Threads that sample; the numbers do not depend on it.")
@click.option("--weights", metavar="FILE", help="Write w . w*, |w_perp|^2 and readouts of all kept networks to FILE (.npz).")
@plot_option("the weights over the tilted density")
@seed_option
@output_options()
def command(
    model: Any, samples: Any, workers: Any, checkpoint: str | None, weights: str | None, plot: str | None, seed: Any, out: Output,
    **options: Any,
) -> int:  # fmt: skip
    """Sample K networks from the posterior on P samples of MODEL's target and compare them with the large-deviation law.

    Ctrl-C answers from what was sampled until then; with --checkpoint the same command goes on from there, also after a crash.
    """
    import ldt
    from ldt.cli.progress import Bar
    from ldt.errors import ModelError
    from ldt.experiments import learn

    if weights and Path(weights).suffix.lower() != ".npz":
        raise ModelError(f"weights: the file must end in .npz, got {weights!r}")
    picture = picture_of(plot, out)
    target = out.reserve(weights, "--weights") if weights else None
    code = None
    with Bar(out, "learn") as bar:
        try:
            found = learn(
                model, samples, rng=checked_seed(seed), checkpoint=checkpoint, workers=workers, progress=bar.update, **options
            )  # fmt: skip
        except ldt.Interrupted as stop:
            found, code = stop.result, INTERRUPTED
    if target is not None:
        target.write_with(lambda stream: _savez(stream, found))
    if picture is not None:
        picture.draw(found.plot)
    rows = [[getattr(c, name) for name in HEADER] for c in found.comparisons]
    out.answer(found.to_dict(), _text(found, checkpoint), (HEADER, rows))
    out.advise(found.status, found.advice)
    return exit_code([found.status]) if code is None else code


def _savez(stream: Any, found: Any) -> None:
    import numpy as np

    np.savez_compressed(stream, w=found.w, rho=found.rho, a=found.a, shares=found.shares, seed=np.array(str(found.experiment.seed)))


def _text(found: Any, checkpoint: str | None) -> str:
    e, d = found.experiment, found.diagnosis
    known = math.isfinite(found.share)

    def both(value: float, error: float) -> str:
        return f"{digits(value, error)} +- {error:.2g}"

    rows = [
        ("learned share A_f", both(found.share, found.share_error) + " (one standard error)" if known else "no answer"),
        ("specialised", both(found.specialised, found.specialised_error) + " neurons a network" if known else ""),
        ("  |w . w*|", number(found.special_w) if math.isfinite(found.special_w) else ""),
        ("  |w_perp|^2", number(found.special_rho) if math.isfinite(found.special_rho) else ""),
        ("training error", number(found.train_error) if known else ""),
        ("networks", f"{e.networks} on {e.datasets} data sets of P = {e.samples}, kappa = {e.ridge:g}, {e.labels} labels"),
        ("sampler", f"{e.sampler}, {found.sweeps} sweeps after {e.warmup}, acceptance {found.acceptance:.2f}" if known else e.sampler),
        ("R-hat", ", ".join(f"{name} {value:.3f}" for name, value in d.rhat.items()) + " (worst data set)" if d else ""),
        ("effective", ", ".join(f"{name} {value:.0f}" for name, value in d.ess.items()) + " (least data set)" if d else ""),
        ("status", found.status + (f": {found.advice}" if found.advice else "")),
        ("model", e.model.name),
        ("seed", str(e.seed)),
        ("checkpoint", checkpoint or ""),
    ]  # fmt: skip
    text = aligned(rows)
    if not found.comparisons:
        return text
    header = ["law", "by", "share", "Kolmogorov", "+-", "null", "Wasserstein", "+-", "specialised", "|w.w*|", "|w_perp|^2"]
    cells = [
        [c.overlap, c.source, f"{c.share:.3f}", f"{c.kolmogorov:.4f}", f"{c.kolmogorov_error:.4f}", f"{c.kolmogorov_null:.4f}",
         f"{c.wasserstein:.4f}", f"{c.wasserstein_error:.4f}", f"{c.specialised:.2f}", f"{c.special_w:.3f}", f"{c.special_rho:.3f}"]
        for c in found.comparisons
    ]  # fmt: skip
    return text + "\n" + table(header, cells, left=2)


__all__ = ["command"]
