"""The small version of benchmarks/calibration.py: 95 % intervals cover in about 95 % of the replicates."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy import stats


def _study() -> Any:
    path = Path(__file__).parents[1] / "benchmarks" / "calibration.py"
    spec = importlib.util.spec_from_file_location("calibration", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module
    spec.loader.exec_module(module)
    return module


STUDY = _study()
#: Rows of each method that are cheap and unlike each other, coexistence among them.
SMALL = [("importance", i) for i in (1, 3, 5)] + [("montecarlo", i) for i in (1, 3)]


@pytest.mark.parametrize(("method", "index"), SMALL)
def test_intervals_cover(method: str, index: int) -> None:
    """Between 93 and 97 %, give or take what 400 replicates leave open (one false alarm in 10^4 at either end)."""
    row = STUDY.measure(method, STUDY.CASES[method][index], 400)
    low, high = stats.binom.ppf(1e-4, 400, 0.93), stats.binom.ppf(1 - 1e-4, 400, 0.97)
    assert low <= row.covered <= high
    assert row.failed == 0 and abs(row.mean) < 0.3 and 0.85 < row.spread < 1.15


def at_least_ninety(index: int, replicates: int) -> None:
    row = STUDY.measure("splitting", STUDY.CASES["splitting"][index], replicates)
    assert row.covered >= stats.binom.ppf(1e-3, replicates, 0.9) and row.failed == 0
    assert abs(row.mean) * math.sqrt(replicates) < 3.9


@pytest.mark.parametrize("index", [1, 8])
def test_intervals_of_splitting_cover(index: int) -> None:
    """In 90 % of the replicates or more, give or take what 30 of them leave open."""
    at_least_ninety(index, 30)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(STUDY.CASES["splitting"]) - 2))
def test_intervals_of_splitting_cover_everywhere(index: int) -> None:
    at_least_ninety(index, 100)


def test_the_document_has_every_row() -> None:
    """Whoever adds a case has to measure it."""
    text = STUDY.DOCUMENT.read_text()
    for method, cases in STUDY.CASES.items():
        table = text.partition(f"<!-- table: {method} -->")[2].partition("<!-- end -->")[0].lstrip("\n")
        assert table.startswith(STUDY.HEADER) and table.count("\n") == 2 + len(cases)
