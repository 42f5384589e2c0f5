r"""The stored studies of trained networks (data/experiments, made by data/experiments/run.sh; read in docs/experiments.md).

``overlap``    (a) the law of w . w* at d = N = 40, P = 40 d, kappa = 1 against the tilted density in both overlap forms;
``threshold``  (b) P* at A_f = 0.1 against d at N = d, its exponent, and what the exact law of A predicts;
``count``      (c) how many neurons specialise against sqrt(N/d) at d = 12 and 24, P = 40 sqrt(N d);
``samplers``   (d) one posterior, at d = N = 8, P = 400, by HMC with exchanges, by MALA and by unadjusted Langevin dynamics.

Each network run keeps its checkpoint in ``work``, so a stopped study goes on where it was.  Run as ``python -m ldt.experiments.studies NAME
--work DIR -o FILE``.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ldt.errors import Interrupted
from ldt.experiments.activations import Array
from ldt.experiments.experiment import SAMPLERS
from ldt.experiments.learn import LearnResult, learn
from ldt.experiments.run import TRACES
from ldt.experiments.theory import adapted, self_consistent
from ldt.models.alignment import OVERLAPS, AlignmentSum
from ldt.numerics.random import block_generator
from ldt.tails.exact import exact

SHARE = 0.1
BOOTSTRAPS = 1000
REACH = 2.0  # of A in averages over its law
Row = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How much is done: ``FULL`` is what is stored, ``SMALL`` what the tests run."""

    dims: tuple[int, ...]
    ratios: tuple[float, ...]  # P/d
    counts: tuple[tuple[int, tuple[int, ...]], ...]  # d and widths of (c)
    overlap_dim: int
    sampler_dim: int
    networks: tuple[int, int, int, int]  # of a point of (b); of (c); of (a); of (d)
    sweeps: tuple[int, int]  # of (b) and (c); of (a)
    warmup: tuple[int, int, int]  # of (b) and (d); of (a); of (c)
    keep: int  # neurons of (a) are stored every so many sweeps


FULL = Size(
    (8, 12, 16, 24, 32, 48), (14, 17, 20, 23, 27, 32), ((24, (6, 12, 24, 48)), (12, (12, 24, 48, 96, 192))), 40, 8, (32, 16, 256, 8),
    (60, 1600), (40, 400, 60), 20,
)  # fmt: skip
SMALL = Size((3, 4), (10, 40), ((6, (4, 8)),), 6, 3, (4, 4, 4, 4), (12, 20), (10, 10, 10), 1)


def trained(work: Path, model: AlignmentSum, samples: int, name: str, **options: Any) -> LearnResult:
    """One run, from its checkpoint in ``work`` if there is one."""
    work.mkdir(parents=True, exist_ok=True)
    print(f"{name}: N = {model.width}, d = {model.dim}, P = {samples}", file=sys.stderr, flush=True)
    return learn(model, samples, checkpoint=work / f"{name}.npz", **options)


# -- (b) --------------------------------------------------------------------------------------------------------------


def threshold(work: Path, size: Size = FULL) -> Iterator[Row]:
    """One row for every (d, P) around the threshold, from which ``threshold_summary`` makes P*: P/d grows through ``ratios``, from three
    below the last crossing, until the share is past 0.14, and goes back where it begins beyond 0.1."""
    first = 0
    for d in size.dims:
        found: dict[int, float] = {}
        at = first
        while 0 <= at < len(size.ratios):
            samples = round(size.ratios[at] * d)
            r = trained(work, AlignmentSum(d, d), samples, f"threshold-{d}-{samples}", networks=size.networks[0], sweeps=size.sweeps[0],
                        warmup=size.warmup[0], rng=2, theory=False)  # fmt: skip
            yield {"d": d, "N": d, "P": samples, **_measured(r), "shares": " ".join(f"{x:.6g}" for x in r.shares)}
            found[at] = r.share
            if max(found.values()) > 1.4 * SHARE or max(found) == len(size.ratios) - 1:
                at = min(found) - 1
                if found[at + 1] < SHARE:
                    break
            else:
                at = max(found) + 1
        first = max(0, min((i for i in found if found[i] >= SHARE), default=first + 3) - 3)


def _measured(r: LearnResult) -> Row:
    assert r.diagnosis is not None
    return {
        "share": r.share, "share_error": r.share_error, "specialised": r.specialised, "specialised_error": r.specialised_error,
        "special_w": r.special_w, "special_rho": r.special_rho, "networks": r.experiment.networks,
        "doubtful": len(r.diagnosis.doubtful), "datasets": r.experiment.datasets, "worst_rhat": max(r.diagnosis.rhat.values()),
        "ess": r.diagnosis.total_ess, "status": r.status,
    }  # fmt: skip


def crossing(samples: Sequence[float], shares: Sequence[float], level: float = SHARE) -> float:
    """P at which the line through (P, share) first passes ``level`` upwards; NaN if it does not.

    >>> crossing([100, 200, 300], [0.0, 0.05, 0.15])
    250.0
    """
    for (p0, a0), (p1, a1) in zip(zip(samples, shares, strict=True), list(zip(samples, shares, strict=True))[1:], strict=False):
        if a0 < level <= a1:
            return p0 + (p1 - p0) * (level - a0) / (a1 - a0)
    return math.nan


def threshold_summary(rows: Sequence[Row], predict: bool = True) -> list[Row]:
    """P*(d) with bootstrap error over data sets, the predictions for the same share, and fitted exponents (d = 'fit')."""
    random = block_generator(2, 9)
    dims = sorted({int(row["d"]) for row in rows})
    out, boots = [], []
    for d in dims:
        mine = sorted((row for row in rows if int(row["d"]) == d), key=lambda row: int(row["P"]))
        samples = [float(row["P"]) for row in mine]
        shares = [np.array(str(row["shares"]).split(), dtype=float) for row in mine]
        value = crossing(samples, [float(x.mean()) for x in shares])
        picks = random.integers(0, len(shares[0]), (BOOTSTRAPS, len(shares[0])))  # one choice for all P: their data sets are nested
        boot = np.array([crossing(samples, [float(x[pick].mean()) for x in shares]) for pick in picks])
        boots.append(boot)
        row: Row = {"d": d, "P_star": value, "error": float(np.nanstd(boot)), "outside": float(np.isnan(boot).mean())}
        out.append({**row, **predictions(d)} if predict else row)
    fit: Row = {"d": "fit", "outside": 0.0}
    if len(dims) > 1:
        x = np.log(dims)
        weights = np.array([row["P_star"] / max(row["error"], 1e-9) for row in out])
        slopes = [_slope(x, np.log([b[i] for b in boots]), weights) for i in range(BOOTSTRAPS)]
        fit["P_star"] = _slope(x, np.log([row["P_star"] for row in out]), weights)
        fit["error"] = float(np.nanstd(slopes))
        for name in out[0]:
            if name not in fit and name != "d":
                fit[name] = _slope(x, np.log([row[name] for row in out]), weights)
    return [*out, fit]


def _slope(x: Array, y: Array, weights: Array) -> float:
    """Slope of the weighted least-squares line; NaN where a point is missing."""
    if not np.all(np.isfinite(y)):
        return math.nan
    return float(np.polyfit(x, y, 1, w=weights)[0])


def predictions(d: int, ridge: float = 1.0) -> Row:
    """P* at N = d, share 0.1, in both overlap forms: of one component ``saddle`` s(A)/(1 - A) and ``law``, the P at which the mean of A
    over the exact p(A) exp(-P (1 - A)^2/(2 kappa)) is 0.1; ``equations``, where the full equations learn 0.1; ``bound``, the least P
    there can be, -2 kappa log Pr(A >= 0.1)/E(f - y)^2."""
    out: Row = {}
    for form in OVERLAPS:
        law = AlignmentSum(d, d, c="orthonormal", overlap=form)
        out[f"saddle_{form}"] = ridge * saddle_samples(law)
        out[f"law_{form}"] = ridge * law_samples(law)
        out[f"equations_{form}"] = ridge * equation_samples(law)
        out[f"bound_{form}"] = -2.0 * ridge * exact(law, SHARE, density=False)[0] / (1.0 + prior_power(law))
    return out


def equation_samples(law: AlignmentSum) -> float:
    """P/kappa at which the full equations learn 0.1."""
    from scipy.optimize import brentq

    return float(brentq(lambda p: adapted(law, p, 1.0)[0] - SHARE, 1.0, 200.0 * law.dim, rtol=1e-4))


def saddle_samples(law: AlignmentSum) -> float:
    """P/kappa at which the self-consistent share is 0.1."""
    from ldt.tails.rate import rate_at

    return rate_at(law, SHARE).tilt / (1.0 - SHARE)


def law_samples(law: AlignmentSum, points: int = 80) -> float:
    """P/kappa at which the mean of A under its exact prior density times exp(-(P/kappa)(1 - A)^2/2) is 0.1."""
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import brentq

    narrow = math.sqrt(law.variance)  # the peak at 0 of lazy networks
    grid = narrow * np.sinh(np.linspace(0.02, math.asinh(REACH / narrow), points))
    logs = np.array([float(exact(law, float(a), density=True)[0]) for a in grid])
    edges = narrow * np.sinh(np.linspace(0.0, math.asinh(REACH / narrow), 20_001))
    middle, step = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    values = np.where(middle < grid[0], logs[0], PchipInterpolator(grid, logs)(np.maximum(middle, grid[0]))) + np.log(step)

    def excess(p: float) -> float:
        plus, minus = values - 0.5 * p * (1.0 - middle) ** 2, values - 0.5 * p * (1.0 + middle) ** 2
        most = plus.max()
        plus, minus = np.exp(plus - most), np.exp(minus - most)
        return float(((plus - minus) * middle).sum() / (plus + minus).sum()) - SHARE

    return float(brentq(excess, 1.0, 1e5, xtol=1e-6))


def prior_power(law: AlignmentSum, draws: int = 200_000) -> float:
    """E f^2 over the prior of an erf network: sigma_a^2 (2/pi) E arcsin(2q/(1 + 2q)), q = |w|^2."""
    q = law.weight_variance / law.dim * block_generator(3).chisquare(law.dim, draws)
    return law.readout_variance * float(np.mean(2.0 / math.pi * np.arcsin(2.0 * q / (1.0 + 2.0 * q))))


# -- (c) --------------------------------------------------------------------------------------------------------------


def count(work: Path, size: Size = FULL) -> Iterator[Row]:
    """One row a (d, N): specialised neurons (and for cuts 0.7, 0.9 and 1 instead of 0.8; ``count_slope``: |w| over sqrt(1 + 2 |w_perp|^2)
    beyond 0.6, which ordinary neurons of small d do not reach), the share, M* of both forms at that share, and the share and number beyond
    1 of the full equations in both forms."""
    for d, widths in size.counts:
        for n in widths:
            samples = round(40.0 * math.sqrt(n * d))
            r = trained(work, AlignmentSum(n, d), samples, f"count-{d}-{n}-{samples}", networks=size.networks[1], sweeps=size.sweeps[0],
                        warmup=size.warmup[2], rng=3, theory=False)  # fmt: skip
            ratio = math.sqrt(n / d)
            row = {"N": n, "d": d, "P": samples, "sqrt_N_over_d": ratio, **_measured(r)}
            for cut in (0.7, 0.9, 1.0):
                row[f"count_cut_{cut}"] = float((np.abs(r.w) > cut).sum(axis=2).mean())
            beyond = (np.abs(r.w) / np.sqrt(1.0 + 2.0 * r.rho) > 0.6).sum(axis=2).reshape(r.experiment.datasets, -1).mean(axis=1)
            row |= {"count_slope": float(beyond.mean()), "count_slope_error": float(beyond.std(ddof=1) / math.sqrt(len(beyond)))}
            for form in OVERLAPS:
                law = AlignmentSum(n, d, c="orthonormal", overlap=form)
                row[f"consistent_share_{form}"] = self_consistent(law, samples, 1.0)
                share, density = adapted(law, samples, 1.0)
                w = np.linspace(1.0, 5.0, 2001)
                row |= {f"equations_share_{form}": share, f"equations_count_{form}": 2.0 * n * float(np.trapezoid(density(w), w))}
            scaled = r.share / AlignmentSum(n, d, c="orthonormal").prefactor
            yield row | {"M_concentrated": 3.0 * scaled * ratio, "M_full": 2.6728 * scaled * ratio}


# -- (d) --------------------------------------------------------------------------------------------------------------


def samplers(work: Path, size: Size = FULL) -> Iterator[Row]:
    """One row a sampler on the same data sets: the share, the mean energy, and their differences from HMC with errors over data sets."""
    d = size.sampler_dim
    first: dict[str, Array] = {}
    for name in SAMPLERS:
        length = 1 if name == "hmc" else 3
        r = trained(work, AlignmentSum(d, d), 50 * d, f"samplers-{name}", networks=size.networks[3], sweeps=5 * length * size.sweeps[0],
                    warmup=5 * size.warmup[0], sampler=name, rng=4, theory=False)  # fmt: skip
        means = {"share": r.shares, "energy": r.traces[:, :, TRACES.index("energy")].reshape(r.experiment.datasets, -1).mean(axis=1)}
        row: Row = {"sampler": name, "N": d, "d": d, "P": 50 * d, "sweeps": r.sweeps, "acceptance": r.acceptance, **_measured(r)}
        for what, values in means.items():
            gap = values - first.setdefault(what, values)
            row |= {f"{what}_mean": float(values.mean()), f"{what}_minus_hmc": float(gap.mean()),
                    f"{what}_minus_hmc_error": float(gap.std(ddof=1) / math.sqrt(len(gap)))}  # fmt: skip
        yield row


# -- files ------------------------------------------------------------------------------------------------------------


def overlap(work: Path, size: Size = FULL, workers: int = 1) -> LearnResult:
    """The networks of (a)."""
    d = size.overlap_dim
    return trained(work, AlignmentSum(d, d, overlap="full"), 40 * d, "overlap", networks=size.networks[2], sweeps=size.sweeps[1],
                   warmup=size.warmup[1], keep=size.keep, rng=1, workers=workers)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Rows as CSV."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def overlap_tables(r: LearnResult, cells: int = 80) -> dict[str, str]:
    """Files of (a): the comparisons, and |w . w*| of all kept neurons in ``cells`` cells beside what each tilted law expects there."""
    measured = {name if name in ("networks", "doubtful", "datasets", "worst_rhat", "ess", "status") else f"measured_{name}": value
                for name, value in _measured(r).items()}  # fmt: skip
    e, size = r.experiment, np.abs(r.w).ravel()
    edges = np.linspace(0.0, max(2.4 * math.sqrt(e.stack.variances[0]), 1.001 * float(size.max())), cells + 1)
    fine = np.linspace(0.0, edges[-1], 20 * cells + 1)
    columns: dict[str, Array] = {"from": edges[:-1], "to": edges[1:], "neurons": np.histogram(size, edges)[0].astype(float)}
    for c in r.comparisons:
        p = r.density(c, 0.5 * (fine[1:] + fine[:-1]))
        columns[f"{c.overlap}, {c.source}"] = 2.0 * size.size * (fine[1] - fine[0]) * p.reshape(cells, 20).sum(axis=1)
    rows = [dict(zip(columns, map(float, values), strict=True)) for values in zip(*columns.values(), strict=True)]
    return {"overlap.csv": table([{**measured, **c.to_dict()} for c in r.comparisons]), "overlap_histogram.csv": table(rows)}


STUDIES: dict[str, Callable[..., Any]] = {"overlap": overlap, "threshold": threshold, "count": count, "samplers": samplers}


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m ldt.experiments.studies``."""
    parser = argparse.ArgumentParser(prog="python -m ldt.experiments.studies", description="The stored studies of trained networks.")
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the CSV files")
    parser.add_argument("--small", action="store_true", help="seconds instead of an hour")
    parser.add_argument("--workers", type=int, default=1, help="threads of overlap, which takes an hour on two cores")
    given = parser.parse_args(arguments)
    size = SMALL if given.small else FULL
    given.output.mkdir(parents=True, exist_ok=True)
    made = f"# python -m ldt.experiments.studies {given.study}{' --small' if given.small else ''}\n"
    try:
        if given.study == "overlap":
            files = overlap_tables(overlap(given.work, size, given.workers))
        else:
            rows = list(STUDIES[given.study](given.work, size))
            files = {f"{given.study}.csv": table(rows)}
            if given.study == "threshold":
                files["threshold_summary.csv"] = table(threshold_summary(rows))
    except Interrupted as stop:
        print(stop.result.advice, file=sys.stderr)
        return 130
    for name, text in files.items():
        (given.output / name).write_text(made + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
