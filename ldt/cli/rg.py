"""``ldt-rate rg``: eliminated modes renormalise the ridge (u = 0); the one-loop flow of (r, u), its scaling, learning curves."""

from __future__ import annotations

from typing import Any

import click

from ldt.cli.lazy import kernel_options
from ldt.cli.options import checked_seed, integer, output_options, seed_option
from ldt.cli.options import number as as_number
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import Output, exit_code, number, table

HEADER = (
    "samples", "modes", "cutoff", "ridge", "scalar", "dressed", "delta", "exact_error", "scalar_error", "scalar_bound", "dressed_error",
    "bare_error",
)  # fmt: skip
COLUMNS = ("cutoff", "r", "u", "r_scaled", "u_scaled", "loop")


@click.command("rg")
@click.option("--exponent", type=as_number, default=0.5, show_default=True, metavar="A", help="a: lambda_k = k^(-1-a).")
@click.option("--modes", type=as_number, default=4000, show_default=True, metavar="K", help="Modes.")
@click.option("--samples", type=as_number, default=100, show_default=True, metavar="P", help="Data P.")
@click.option("--ridge", type=as_number, default=0.1, show_default=True, metavar="X", help="s^2; r = P/s^2.")
@click.option("--coupling", type=as_number, default=0.1, show_default=True, metavar="V", help="v: u = P v, the quartic loss a datum.")
@click.option("--data", metavar="NAME", help="Eliminate modes of a real kernel: digits, breast_cancer, wine or diabetes (extra ldt[data]).")
@click.option("--curves", is_flag=True, help="Also sample the learning curve at u > 0: does the exponent change? (Tens of seconds.)")
@click.option("--workers", type=as_number, default=1, metavar="N", help="Threads that sample; the numbers do not depend on it.")
@plot_option("elimination, flow and learning curves")
@kernel_options
@seed_option
@output_options()
def command(
    kernel: Any, exponent: Any, modes: Any, samples: Any, ridge: Any, coupling: Any, data: str | None, curves: bool, workers: Any,
    plot: str | None, seed: Any, out: Output,
) -> int:  # fmt: skip
    """How the ridge and the couplings (r, u) of S = sum f_k^2/lambda_k + r int (f-y)^2 + u int (f-y)^4 flow as modes are eliminated."""
    from ldt.errors import ModelError
    from ldt.numerics.random import entropy_of
    from ldt.results import jsonable
    from ldt.rg import Action, one_loop, power_law, scaling_intervals, universality

    for name, value, least in (("exponent", exponent, 0.0), ("ridge", ridge, 0.0), ("coupling", coupling, -1.0)):
        if isinstance(value, str) or not least < value < float("inf") or value < 0.0:
            raise ModelError(f"{name}: must be a finite number {'> 0' if least == 0.0 else '>= 0'}, got {value!r}")
    integer("samples", samples, 10, 5000)
    integer("modes", modes, 20, 100_000)
    picture = picture_of(plot, out)
    seed = entropy_of(checked_seed(seed))
    rows, source, fit = _eliminations(kernel, data, exponent, modes, samples, ridge, seed)
    flow = one_loop(Action.of(power_law(exponent, modes), samples / ridge, samples * coupling))
    intervals = scaling_intervals(flow, exponent) if (flow.u > 0.0).all() else ()
    test = universality(v=coupling, rng=seed, workers=workers) if curves else None
    shown = _thinned(flow)
    record = jsonable({
        "exponent": exponent, "modes": modes, "samples": samples, "ridge": ridge, "coupling": coupling, "seed": seed, "source": source,
        "elimination": rows, "spectrum_fit": fit, "flow": [dict(zip(COLUMNS, s, strict=True)) for s in shown],
        "flow_status": flow.status, "flow_advice": flow.advice, "intervals": intervals, "universality": test,
    })  # fmt: skip
    text = _text(rows, source, fit, flow, shown, intervals, test, seed)
    out.answer(record, text, (HEADER, [[getattr(r, name) for name in HEADER] for r in rows]))
    out.advise(flow.status, flow.advice, "flow: ")
    if picture is not None:
        picture.save(_figure(rows, flow, intervals, test))
    return exit_code([flow.status, *([test.status] if test else [])])


def _eliminations(
    kernel: Any, data: str | None, exponent: float, modes: int, samples: int, ridge: float, seed: int
) -> tuple[Any, str, Any]:
    """Eliminations over cutoffs, what they were done on, and the fit of a real spectrum."""
    import numpy as np

    from ldt.errors import ModelError
    from ldt.numerics.random import block_generator
    from ldt.rg import eliminate, empirical_modes, power_law

    random, fit = block_generator(seed, 0), None
    if data:
        from ldt.lazy import fit_kernel_spectrum, standardised

        x, y = standardised(data)
        if samples > len(x):
            raise ModelError(f"samples: {data} has {len(x)} inputs, got {samples}")
        if len(x) > 1000:
            pick = random.choice(len(x), 1000, replace=False)
            x, y = x[pick], y[pick]
        lam, features = empirical_modes(kernel(x))
        fit = fit_kernel_spectrum(kernel, x, rng=seed)
        train = random.choice(len(x), samples, replace=False)
        phi, labels = features[train], y[train]
        source = f"{kernel.name} on {data}: modes of {len(x)} real inputs, trained on {samples} of them with their own labels"
    else:
        lam = power_law(exponent, modes)
        phi = random.standard_normal((samples, modes))
        labels = phi @ (np.sqrt(lam) * random.standard_normal(modes))
        source = f"lambda_k = k^(-{1 + exponent:g}), {modes} modes, independent normal features, a target of the same spectrum"
    cutoffs = sorted({int(c) for c in np.geomspace(4, len(lam) // 2, 9)})
    return [eliminate(phi, lam, ridge, labels, c) for c in cutoffs], source, fit


def _thinned(flow: Any) -> list[tuple[float, ...]]:
    """The flow at about three cutoffs a factor of ten."""
    import numpy as np

    wanted = np.unique(np.round(np.geomspace(1, flow.cutoff[0], 2 + int(3 * np.log10(flow.cutoff[0])))))[::-1]
    where = (flow.cutoff[0] - wanted).astype(int)
    return [tuple(float(getattr(flow, name)[i]) for name in COLUMNS) for i in where]


def _text(rows: Any, source: str, fit: Any, flow: Any, shown: Any, intervals: Any, test: Any, seed: int) -> str:
    text = f"u = 0: {source}\n"
    header = ["cutoff", "s^2 + sum", "dressed", "delta", "noise matrix", "scalar", "bound", "dressed", "ridge kept"]
    cells = [
        [str(r.cutoff), f"{r.scalar:.6g}", f"{r.dressed:.6g}", f"{r.delta:.3g}", f"{r.exact_error:.1e}", f"{r.scalar_error:.2e}",
         f"{r.scalar_bound:.2e}" if r.delta < 1.0 else "-", f"{r.dressed_error:.2e}", f"{r.bare_error:.2e}"]
        for r in rows
    ]  # fmt: skip
    text += table(header, cells)
    text += "errors of the kept modes against full regression; the noise matrix is exact, the bound rigorous given the data\n"
    if fit is not None:
        text += f"spectrum: k^(-z), z = {fit.exponent:.3f} +- {fit.error:.2g} over the {fit.count} largest (rank slope {fit.rank_slope:.3f}"
        text += f"; errors: likelihood {fit.likelihood_error:.2g}, window {number(fit.window_error)}, data {fit.data_error:.2g})\n"
    text += "\nu > 0: one-loop flow on the continuum\n"
    text += table(["cutoff", "r", "u", "r scaled", "u scaled", "loop"], [[f"{s[0]:g}", *(f"{v:.5g}" for v in s[1:])] for s in shown])
    for row in intervals:
        where = "no interval" if row.low is None else f"{row.measured:+.4f} over {row.low:.4g} .. {row.high:.4g}"
        verdict = "" if row.measured is None else ": relevant" if row.measured > 0.0 else ": irrelevant"
        text += f"{row.quantity}: exponent predicted {row.predicted:+.4g}, read off {where}{verdict}\n"
    if flow.advice:
        text += f"{flow.status}: {flow.advice}\n"
    if test is not None:
        text += f"\nlearning curve at a = 2, b = 3, s^2 = 1, u = {test.v:g} P: exponent predicted {test.predicted:.4f}\n"
        columns = zip(test.samples, test.gaussian, test.one_loop, test.measured, test.error, strict=True)
        text += table(["P", "u = 0", "one loop", "sampled", "+-"], [[str(p), *(f"{v:.6g}" for v in rest)] for p, *rest in columns])
        for name, local in test.local.items():
            text += f"exponent {name:9} {test.exponents[name]:.4f}; local {', '.join(f'{v:.4f}' for v in local)}\n"
        text += f"sampling errors: {test.exponent_error:.4f}; local {', '.join(f'{v:.4f}' for v in test.local_error)}\n"
        text += f"{test.status}: {test.advice}\n" if test.advice else ""
    return text + f"seed {seed}\n"


def _figure(rows: Any, flow: Any, intervals: Any, test: Any) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ldt.plots import plot_elimination, plot_flow, plot_universality

    panels = 2 + (test is not None)
    figure = Figure(figsize=(5.6 * panels, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels)
    plot_elimination(rows, axes[0])
    plot_flow(flow, intervals, axes[1])
    if test is not None:
        plot_universality(test, axes[2])
    return figure
