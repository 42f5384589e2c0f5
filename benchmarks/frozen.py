"""Make data/reference/frozen.csv: 200 values of log P and log p from ball arithmetic, which must not drift.

    python benchmarks/frozen.py [FILE]

Every value is ``method="certified"`` (docs/certified.md) to 16 digits after the point (cubes: 12); ``radius`` bounds the error of ``log``.
About 5 minutes of CPU; rows that FILE already has are kept, so that it can be stopped and started again.
The tests compare ``method="exact"`` with the table (tests/test_frozen.py).
"""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldt
from ldt.cli.options import number, target

FILE = Path(__file__).parents[1] / "data/reference/frozen.csv"
MODEL = ("kind", "width", "dim", "overlap", "activation", "target", "c", "readout_variance", "weight_variance")
FIELDS = (*MODEL, "level", "quantity", "log", "radius")
HEAD = "# Certified by ball arithmetic (benchmarks/frozen.py): log P(A >= level) or log p(level), in nats, is within radius of log.\n"


def questions() -> Iterator[dict[str, str]]:
    """The rows without their answers."""

    def row(level: float, quantity: str = "tail", **fields: Any) -> dict[str, str]:
        model = {"kind": "alignment", "overlap": "concentrated", "activation": "erf", "target": "3", "c": "talk",
                 "readout_variance": 1.0, "weight_variance": 1.0, **fields}  # fmt: skip
        if model["kind"] == "cubic":
            model = {"kind": "cubic", "width": fields["width"]}
        return {name: str(model.get(name, "")) for name in MODEL} | {"level": repr(level), "quantity": quantity}

    sizes = [(1, 5), (2, 5), (5, 5), (10, 10), (20, 20), (50, 50), (100, 100), (100, 20), (20, 100), (12, 400), (1000, 10), (10**6, 10),
             (10**9, 10), (10**12, 50)]  # fmt: skip
    for (n, d), level in itertools.product(sizes, (0.1, 0.5, 1.0, 2.0)):
        yield row(level, width=n, dim=d)
    for (n, d), level in itertools.product(sizes, (0.3, 1.0)):
        yield row(level, "density", width=n, dim=d)
    for (n, d), level in itertools.product([(2, 2), (5, 5), (20, 20), (8, 60), (1000, 10)], (0.1, 1.0, 3.0)):
        yield row(level, width=n, dim=d, overlap="full")
        if level == 1.0:
            yield row(level, "density", width=n, dim=d, overlap="full")
    changes = [{"target": "1"}, {"target": "5"}, {"target": "1:1,3:0.1", "c": "raw"}, {"target": "1:1,3:-0.3", "c": "orthonormal"},
               {"c": "ratio"}, {"c": "raw"}, {"weight_variance": 3.0}, {"readout_variance": 0.25, "weight_variance": 0.5}]  # fmt: skip
    for change, (n, d), level in itertools.product(changes, [(6, 4), (40, 15)], (0.2, 1.0)):
        yield row(level, width=n, dim=d, **change)
    for change in changes:
        yield row(0.5, "density", width=9, dim=8, **change)
        yield row(0.7, width=5, dim=6, overlap="full", **change)
    for n, level in itertools.product([1, 4, 100, 10**6], (0.01, 1.0, 5.0)):
        yield row(level, width=n, dim=20, activation="linear", target="1")
    for n in (4, 100):
        yield row(1.0, "density", width=n, dim=20, activation="linear", target="1")
    for n, level in itertools.product([1, 3, 10, 30, 100], (0.1, 1.0, 3.0, 8.0, 25.0)):
        yield row(level, kind="cubic", width=n)
    for n, level in itertools.product([5, 20, 50], (0.5, 2.0, 6.0)):
        yield row(level, "density", kind="cubic", width=n)


def model_of(row: dict[str, str]) -> Any:
    """The model that a row describes."""
    if row["kind"] == "cubic":
        return ldt.CubicSum(int(row["width"]))
    return ldt.AlignmentSum(
        int(row["width"]), int(row["dim"]), float(row["readout_variance"]), float(row["weight_variance"]), number(row["c"]),
        target(row["target"]), row["activation"], row["overlap"],
    )  # fmt: skip


def read(path: Path = FILE) -> list[dict[str, str]]:
    """The rows of a table, as text."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def answer(row: dict[str, str]) -> dict[str, str]:
    """log and radius of a row, certified."""
    ask = ldt.tail if row["quantity"] == "tail" else ldt.logpdf
    result = ask(model_of(row), float(row["level"]), method="certified", digits=12 if row["kind"] == "cubic" else 16)
    middle, radius = result.detail.ball.strip("[]").split(" +/- ")
    return {"log": middle, "radius": radius}


def main(path: Path = FILE) -> None:
    """Answer what is not yet answered, in order."""
    known = {tuple(r[f] for f in FIELDS[:-2]): r for r in read(path)} if path.exists() else {}
    rows = list(questions())
    with open(path.with_suffix(".part"), "w", newline="", encoding="utf-8") as file:
        file.write(HEAD)
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        table.writeheader()
        for i, row in enumerate(rows):
            found = known.get(tuple(row[f] for f in FIELDS[:-2])) or row | answer(row)
            table.writerow(found)
            file.flush()
            print(f"{i + 1}/{len(rows)}", *(v for v in found.values() if v), file=sys.stderr)
    path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
