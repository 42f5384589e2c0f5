"""How often the 95 % intervals of the sampling methods cover the exact value; `python benchmarks/calibration.py` prints the tables and
writes them to docs/calibration.md, `python benchmarks/calibration.py montecarlo` those of one method alone.

Every row is one question asked with as many seeds as there are replicates.  A row for another method or model is a Case more: the model,
the level, log P known otherwise (None: by method='exact') and the options.
"""

from __future__ import annotations

import argparse
import math
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ldt

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


CASES = {
    "importance": [*_sums({"target_error": 0.05}), *_sums({"samples": 400})],
    "montecarlo": _plain(),
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


def measure(method: str, case: Case, replicates: int | None = None) -> Row:
    """The replicates of one case, seeds 0, 1, 2, ..."""
    ask = ldt.logpdf if case.density else ldt.tail
    row = Row(case, ask(case.model, case.level, method="exact").logp if case.truth is None else case.truth)
    start = time.perf_counter()
    for seed in range(replicates or case.replicates):
        result = ask(case.model, case.level, method=method, rng=seed, **case.options)
        low, high = result.interval
        row.asked += 1
        row.covered += low <= row.truth <= high
        row.failed += result.status == "failed"
        row.warnings += result.status == "warning"
        row.samples += result.cost.samples
        if math.isfinite(result.logp):
            row.scores.append((result.logp - row.truth) / result.error)
    row.seconds = time.perf_counter() - start
    return row


HEADER = ("| regime | model | level | options | log P | replicates | covered | z mean | z spread | warnings | samples |\n"
          "|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n")  # fmt: skip


def line(row: Row) -> str:
    """A row of the table."""
    case, model = row.case, row.case.model
    size = f"N = {model.width}, d = {model.dim}" if isinstance(model, ldt.AlignmentSum) else model.name
    options = ", ".join(f"{k} = {v:g}" for k, v in case.options.items())
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
    parser.add_argument("--replicates", type=int, help="for every case; the document is then left alone")
    chosen = parser.parse_args()
    if not set(chosen.methods) <= set(CASES):
        parser.error(f"METHOD: must be of {', '.join(CASES)}")
    for method in chosen.methods or CASES:
        print(f"\n{method}\n{HEADER}", end="")
        lines = []
        for case in CASES[method]:
            lines.append(line(measure(method, case, chosen.replicates)))
            print(lines[-1], end="", flush=True)
        if chosen.replicates is None:
            write(method, HEADER + "".join(lines))


if __name__ == "__main__":
    main()
