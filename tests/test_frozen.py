"""Numbers that must not drift: 200 values from ball arithmetic (benchmarks/frozen.py), with and without JIT, one or more BLAS threads."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

import ldt

ROOT = Path(__file__).parents[1]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("frozen", ROOT / "benchmarks/frozen.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FROZEN = _script()
ROWS = FROZEN.read()


def found(row: dict[str, str]) -> ldt.TailResult:
    ask = ldt.tail if row["quantity"] == "tail" else ldt.logpdf
    return ask(FROZEN.model_of(row), float(row["level"]), method="exact")


def check(rows: list[dict[str, str]]) -> list[float]:
    """Every value within 1e-10 (relative beyond 1) and within its own error; the values."""
    values = []
    for row in rows:
        result, truth = found(row), float(row["log"])
        off = abs(result.logp - truth)
        assert off <= 1e-10 * max(1.0, abs(truth)), (row, result)
        assert off <= result.error + float(row["radius"]) + 2.0**-52 * abs(truth), (row, result)
        values.append(result.logp)
    return values


def test_the_table_is_whole() -> None:
    asked = list(FROZEN.questions())
    assert len(asked) == len(ROWS) == 200
    assert [{k: v for k, v in row.items() if k not in ("log", "radius")} for row in ROWS] == asked
    assert all(0.0 < float(row["radius"]) < 1e-11 and math.isfinite(float(row["log"])) for row in ROWS)


@pytest.mark.nojit  # CI runs it with and without JIT (about a minute of CPU in all)
@pytest.mark.parametrize("part", range(4))
def test_every_value(part: int) -> None:
    check(ROWS[part::4])


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_of_blas(threads: int) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(threads):
        check(ROWS)


@pytest.mark.slow
def test_the_table_can_be_made_again() -> None:
    pytest.importorskip("flint")
    for row in ROWS[::20]:
        again, truth = FROZEN.answer(row), float(row["log"])
        assert abs(float(again["log"]) - truth) <= float(row["radius"]) + float(again["radius"]) + 2.0**-52 * abs(truth)
