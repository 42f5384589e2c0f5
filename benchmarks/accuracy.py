"""Errors of every deterministic method against known answers, and whether the errors stated are true; `python benchmarks/accuracy.py`
prints the tables and writes them to docs/accuracy.md.

The known answers are those of data/reference (made outside this package) and closed forms.  *stated/true* below 1 would be dishonest.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldt
from ldt import reference

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "accuracy.md"


@dataclass(frozen=True)
class Row:
    """One question: what it is, the answer, the known answer and the error of that (nats)."""

    what: str
    result: Any
    truth: float
    truth_error: float


def _file(name: str) -> list[dict[str, str]]:
    lines = (ROOT / "data" / "reference" / f"{name}.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _two_layer(method: str, **options: Any) -> list[Row]:
    rows = []
    for r in reference.TWO_LAYER:
        what = f"two layers, {r.overlap}, N = {r.width}, d = {r.dim}"
        rows.append(Row(what, ldt.tail(r.model(), r.level, method=method, **options), -r.neg_log_p, r.error))
    return rows


def _linear(method: str) -> list[Row]:
    """The linear CNN's variance-gamma law in closed form."""
    rows = []
    for width, level in ((1, 1.0), (4, 1.0), (100, 1.0), (100, 0.01), (10**4, 3.0)):
        model = ldt.AlignmentSum(width, 50, activation="linear", target=1)
        truth = float(reference.linear_log_tail(model, level))
        rows.append(Row(f"linear, N = {width}, d = 50, level {level:g}", ldt.tail(model, level, method=method), truth, 0.0))
    return rows


def _quadratic_forms(method: str) -> list[Row]:
    rows = []
    for r in _file("quadratic_forms"):
        weights, dof, ncp = ([float(v) for v in r[k].split()] for k in ("lambda", "dof", "ncp"))
        law = ldt.WeightedSum.chi2(weights, dof, ncp)
        cdf = float(r["cdf"])
        what = f"weighted chi-squares {r['lambda']}; {r['dof']}; {r['ncp']}; q = {r['q']}"
        rows.append(Row(what, ldt.tail(law, float(r["q"]), method=method, side="lower"), math.log(cdf), 1e-15 / cdf))
    return rows


def _cubes(method: str) -> list[Row]:
    rows = []
    for r in _file("cubic_sum"):
        digits = len(re.sub(r"e.*|\D", "", r["p"]).lstrip("0"))
        result = ldt.tail(ldt.CubicSum(int(r["N"])), float(r["x"]), method=method)
        rows.append(Row(f"cubes, N = {r['N']}, x = {r['x']}", result, math.log(float(r["p"])), 10.0 ** (1 - digits)))
    return rows


TABLES = {
    "exact": lambda: _two_layer("exact") + _linear("exact") + _quadratic_forms("exact") + _cubes("exact"),
    "saddlepoint": lambda: _two_layer("saddlepoint") + _quadratic_forms("saddlepoint"),
    "classical": lambda: _two_layer("saddlepoint", form="classical"),
}


def table(name: str) -> str:
    """One method's table, in Markdown."""
    lines = ["| question | log P | true error | stated error | stated/true | status |", "|---|--:|--:|--:|--:|---|"]
    for row in TABLES[name]():
        gap = abs(row.result.logp - row.truth)
        blur = max(row.truth_error, 4e-16 * abs(row.truth))
        true = f"{gap:.1e}" if gap > blur else f"< {blur:.0e}"
        ratio = f"{row.result.error / gap:.1f}" if gap > blur else "-"
        lines.append(f"| {row.what} | {row.result.logp:.10g} | {true} | {row.result.error:.1e} | {ratio} | {row.result.status} |")
    return "\n".join(lines)


def main() -> None:
    text = DOCUMENT.read_text()
    for name in TABLES:
        body = table(name)
        print(f"{name}\n{body}\n")
        old = re.compile(rf"(?<=<!-- table: {name} -->\n).*?(?=<!-- end -->)", re.S)
        text, found = old.subn(lambda _, body=body: body + "\n", text)
        if found != 1:
            raise SystemExit(f"{DOCUMENT.name}: needs one '<!-- table: {name} -->' ... '<!-- end -->'")
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
