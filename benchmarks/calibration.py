"""How often the 95 % intervals of the sampling methods cover the exact value; `python benchmarks/calibration.py` prints the tables and
writes them to docs/calibration.md, `python benchmarks/calibration.py montecarlo` those of one method alone.

Every row is one question asked with as many seeds as there are replicates.  A row for another method or model is a Case more: the model,
the level, log P known otherwise (None: by method='exact') and the options.  `--records FILE` keeps every answer as a line, and a study
that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_ndtr

import ldt
from ldt.models.networks import ConvolutionalNetwork, FunctionNetwork, Layer, ReadoutNetwork, TwoLayerNetwork

DOCUMENT = Path(__file__).parents[1] / "docs" / "calibration.md"
REPLICATES = 400


@dataclass(frozen=True)
class Case:
    """One row of a method's table."""

    what: str
    model: Any
    level: float
    options: dict[str, Any]
    truth: float | None = None
    density: bool = False
    replicates: int = REPLICATES


def _sums(options: dict[str, Any]) -> list[Case]:
    """The regimes of the two-layer network, with coexistence of numbers of specialised neurons."""
    model = ldt.AlignmentSum
    return [
        Case("one neuron", model(1, 5), 1.0, options),
        Case("two neurons, a moderate event", model(2, 10), 0.05, options),
        Case("few neurons", model(5, 5), 1.0, options),
        Case("3 or 4 specialised neurons coexist", model(50, 50), 1.0, options),
        Case("one neuron carries a moderate event", model(50, 50), 0.05, options),
        Case("1 or 2 specialised neurons coexist", model(20, 100), 1.0, options),
        Case("one specialised neuron", model(12, 400), 1.0, options),
        Case("lazy and specialised coexist", model(100, 20), 0.1, options),
        Case("lazy, a moderate event", model(100, 3), 0.1, options),
        Case("full overlap", model(20, 20, overlap="full"), 1.0, options),
        Case("3 specialised neurons of 1000", model(1000, 1000), 1.0, options),
        Case("lazy, wide", model(3000, 5), 1.0, options),
        Case("density, coexistence", model(20, 100), 1.0, options, density=True),
    ]


def _plain() -> list[Case]:
    model = ldt.AlignmentSum
    cases = [
        Case("P = 0.27", model(50, 50), 1e-3, {"samples": 1000}),
        Case("P = 0.016", model(100, 3), 0.1, {"samples": 2000}),
        Case("P = 0.0086, few neurons", model(2, 5), 0.1, {"samples": 1000}),
        Case("P = 0.0086, to an error", model(2, 5), 0.1, {"target_error": 0.1}),
        Case("P = 0.27, to an error", model(50, 50), 1e-3, {"target_error": 0.02}),
        Case("P = 0.016, full overlap", model(5, 5, overlap="full"), 0.1, {"samples": 2000}),
        Case("density", model(5, 5), 0.1, {"samples": 2000}, density=True),
    ]
    return [replace(case, replicates=1000) for case in cases]


class Concentrated(ReadoutNetwork):
    """One's own class: N neurons of the concentrated overlap, whose only parameters are w_1 and the readouts."""

    def __init__(self, width: int, dim: int) -> None:
        self.sum = ldt.AlignmentSum(width, dim)
        self.readouts = width
        self.label = f"own class, concentrated overlap, N = {width}, d = {dim}"

    @property
    def hidden(self) -> int:
        return self.readouts

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (Layer("neurons", 0, self.hidden, 1, (1.0,)),)

    def features(self, x: Any) -> Any:
        return math.sqrt(2.0 * self.sum.variance_scale) * self.sum.unit_overlap(x / math.sqrt(self.sum.dim))


def linear_score(z: Any) -> Any:
    """Standard normal."""
    return np.asarray(z.sum(axis=1) / math.sqrt(z.shape[1]))


def blind_score(z: Any) -> Any:
    """The concentrated overlap with N = d = 5, as a function of readouts and first weights."""
    w = z[:, 5:] / math.sqrt(5.0)
    return np.asarray(np.sum(z[:, :5] * w**3 / (3.0 + 2.0 * w * w) ** 1.5, axis=1) / math.sqrt(5.0))


def _networks() -> list[Case]:
    few = {"particles": 100, "moves": 3}
    blind = FunctionNetwork(blind_score, 10, label="a black box, concentrated overlap, N = d = 5")
    truth = ldt.logsf(ldt.AlignmentSum(5, 5), 0.427)
    two, cnn = TwoLayerNetwork, ConvolutionalNetwork
    own, plain = Concentrated(3, 5), FunctionNetwork(linear_score, 6, units=3, label="own function, a linear score")
    cases = [
        Case("2, 3 or 4 specialised neurons coexist", two(5, 5), 1.0, few),
        Case("2 or 3 specialised neurons coexist", two(5, 10), 1.0, few),
        Case("3 or 4 specialised neurons coexist", two(10, 10), 1.0, few),
        Case("lazy", two(30, 4), 0.5, few),
        Case("channels", cnn(5, 4, 3), 1.0, few),
        Case("linear channels, GFL", cnn(5, 4, 3, activation="linear", target=1), 2.0, few),
        Case("an own class", own, 1.0, few, truth=ldt.logsf(own.sum, 1.0)),
        Case("a plain score, levels of 0 and 1", plain, 4.0, few, truth=float(log_ndtr(-4.0))),
    ]
    return [
        Case("one neuron", two(1, 5), 1.0, few), Case("a moderate event", two(5, 5), 0.1, few),
        Case("1 or 2 specialised neurons coexist", two(5, 10), 0.3, few, replicates=200), *(replace(case, replicates=40) for case in cases),
        Case("3 or 4 coexist, replicates 1.4 nats apart", two(10, 10), 1.0, {"particles": 30, "moves": 1}, replicates=100),
        Case("2, 3 or 4 coexist, default options", two(5, 5), 1.0, {}, replicates=8),
        Case("a black box", blind, 0.427, few, truth=truth, replicates=200),
        Case("a black box, default options", blind, 0.427, {}, truth=truth, replicates=40),
    ]  # fmt: skip


CASES = {
    "importance": [*_sums({"target_error": 0.05}), *_sums({"samples": 400})],
    "montecarlo": _plain(),
    "splitting": _networks(),
}


@dataclass
class Row:
    """What a case's replicates showed: how many covered, and the standard deviation of z = (estimate - truth)/error."""

    case: Case
    truth: float
    covered: int = 0
    asked: int = 0
    failed: int = 0
    warnings: int = 0
    scores: list[float] = field(default_factory=list)
    samples: int = 0
    seconds: float = 0.0

    @property
    def coverage(self) -> float:
        """Share of the replicates whose interval covers."""
        return self.covered / self.asked

    @property
    def mean(self) -> float:
        """Mean of z."""
        return sum(self.scores) / max(len(self.scores), 1)

    @property
    def spread(self) -> float:
        """Root mean square of z about its mean."""
        return math.sqrt(sum((z - self.mean) ** 2 for z in self.scores) / max(len(self.scores), 1))


def truth_of(case: Case) -> float:
    """log P, by the exact method where the case does not bring it."""
    if case.truth is not None:
        return case.truth
    ask = ldt.logpdf if case.density else ldt.tail
    return float(ask(getattr(case.model, "sum", case.model), case.level, method="exact").logp)


def answers(method: str, case: Case, replicates: int, records: Path | None) -> Iterator[dict[str, Any]]:
    """The answers of seeds 0, 1, 2, ...: those of ``records`` and, appended to it, the others."""
    ask = ldt.logpdf if case.density else ldt.tail
    key = json.dumps([method, case.what, case.model.to_dict(), case.model.name, case.level, case.options, case.density])
    lines = [json.loads(text) for text in records.read_text().splitlines()] if records is not None and records.exists() else []
    known = {line["seed"]: line for line in lines if line["case"] == key}
    for seed in range(replicates):
        if seed not in known:
            result = ask(case.model, case.level, method=method, rng=seed, **case.options)
            low, high = result.interval
            logs = getattr(result.detail, "replicates", None)
            known[seed] = {
                "case": key, "seed": seed, "logp": result.logp, "error": result.error, "low": low, "high": high, "status": result.status,
                "advice": result.advice, "samples": result.cost.samples, "replicates": logs,
            }  # fmt: skip
            if records is not None:
                with records.open("a") as file:
                    file.write(json.dumps(known[seed]) + "\n")
        yield known[seed]


def measure(method: str, case: Case, replicates: int | None = None, records: Path | None = None) -> Row:
    """The replicates of one case, seeds 0, 1, 2, ..."""
    row = Row(case, truth_of(case))
    start = time.perf_counter()
    for answer in answers(method, case, replicates or case.replicates, records):
        row.asked += 1
        row.covered += answer["low"] <= row.truth <= answer["high"]
        row.failed += answer["status"] == "failed"
        row.warnings += answer["status"] == "warning"
        row.samples += answer["samples"]
        if math.isfinite(answer["logp"]):
            row.scores.append((answer["logp"] - row.truth) / answer["error"])
    row.seconds = time.perf_counter() - start
    return row


HEADER = ("| regime | model | level | options | log P | replicates | covered | z mean | z spread | warnings | samples |\n"
          "|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n")  # fmt: skip


def line(row: Row) -> str:
    """A row of the table."""
    case, model = row.case, row.case.model
    size = model.name
    if isinstance(model, (ldt.AlignmentSum, TwoLayerNetwork)):
        size = f"N = {model.width}, d = {model.dim}"
    elif isinstance(model, ConvolutionalNetwork):
        size = f"C = {model.channels}, S = {model.patch}, N_w = {model.patches}"
    options = ", ".join(f"{k} = {v:g}" for k, v in case.options.items()) or "default"
    return (
        f"| {case.what} | {size} | {case.level:g} | {options} | {row.truth:.4f} | {row.asked} | {100 * row.coverage:.1f} %"
        f" | {row.mean:+.2f} | {row.spread:.2f} | {row.warnings + row.failed} | {row.samples // row.asked} |\n"
    )


def write(method: str, table: str) -> None:
    """Replace the method's table in the document."""
    text = DOCUMENT.read_text()
    pattern = rf"(<!-- table: {method} -->\n).*?(<!-- end -->)"
    new, count = re.subn(pattern, lambda m: m[1] + table + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{DOCUMENT}: needs one table marked '<!-- table: {method} -->'")
    DOCUMENT.write_text(new)


def main() -> None:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(CASES)}; all without one")
    parser.add_argument("--records", type=Path, metavar="FILE", help="keep every answer there, and go on from it")
    parser.add_argument("--replicates", type=int, help="for every case; the document is then left alone")
    chosen = parser.parse_args()
    if not set(chosen.methods) <= set(CASES):
        parser.error(f"METHOD: must be of {', '.join(CASES)}")
    for method in chosen.methods or CASES:
        print(f"\n{method}\n{HEADER}", end="")
        lines = []
        for case in CASES[method]:
            lines.append(line(measure(method, case, chosen.replicates, chosen.records)))
            print(lines[-1], end="", flush=True)
        if chosen.replicates is None:
            write(method, HEADER + "".join(lines))


if __name__ == "__main__":
    main()
