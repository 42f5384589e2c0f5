"""Files from strangers: what the fuzz campaign (benchmarks/fuzz.py) found, and a small run of it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

import ldt
from ldt.scaling.records import MAX_BYTES, digest, read

spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parents[1] / "benchmarks/fuzz.py")
assert spec is not None and spec.loader is not None
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)

RECORD = '{"record": 1, "key": "%s", "point": {"a": 1}, "status": "ok", "reason": "", "result": %s, "versions": %s, "time": ""}\n'
TALK = Path(__file__).parents[1] / "data/models/talk.toml"
SWEEP = (
    "kind = 'sweep'\nseed = 1\nlevels = %s\n" + f"models = [{{ file = '{TALK}', dim = 5, width = 5 }}]\n"
    "methods = [{ method = 'importance'%s }]\n"
)
FOUND = [
    ("weights", '[{"weight": ' + "9" * 400 + ', "dof": 1}]', "term 1: weight"),  # OverflowError
    ("weights", '[{"weight": ' + "9" * 5000 + ', "dof": 1}]', "not valid JSON"),  # Python's limit on digits
    ("weights", "weight,dof,dof\n1,2,3\n", "'dof' twice"),  # the last one counted
    ("weights", "weight" + "[" * 4000 + ",dof\n1,1\n", "unknown field"),  # a message of 4000 characters
    ("record", "[" * 100_000 + "\n", "line 1"),  # RecursionError
    ("record", RECORD % (digest({"a": 1}), '"abc"', "{}"), "line 1"),  # AttributeError, later
    ("record", RECORD % (digest({"a": 1}), '{"logp": "x"}', "{}"), "line 1"),
    ("record", RECORD % (digest({"a": 1}), '{"logp": ' + "9" * 400 + "}", "{}"), "line 1"),
    ("record", RECORD % (digest({"a": 1}), "null", "[]"), "line 1"),
    ("law", "gamma(1e308, scale=1e308)", "double precision"),  # OverflowError
    ("sweep", "kind = 'sweep'\nseed = " + "9" * 4000, "seed"),
    ("sweep", SWEEP % ("[" + "9" * 400 + "]", ""), "levels"),  # OverflowError
    ("sweep", SWEEP % ("[1.0]", ", target_error = nan"), "methods?|models"),  # ValueError of strict JSON
    ("sweep", SWEEP % ("[1.0]", ", target_error = 2020-01-01"), "methods, number 1: target_error: must be a number"),
    ("sweep", "#" * 1_000_001, "larger than"),
    ("sweep", (SWEEP % ("[1.0]", "")).replace("talk.toml", "9" * 5000), "cannot be read"),  # a message of 5000 characters
]


@pytest.mark.parametrize("kind, text, word", FOUND, ids=[f"{k}-{i}" for i, (k, _, _) in enumerate(FOUND)])
def test_what_was_found(kind: str, text: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(ldt.ModelError, match=word) as caught:
        fuzz.parse(kind, text, tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 1000


def test_huge_records_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jsonl"
    path.touch()
    os.truncate(path, MAX_BYTES + 1)  # sparse
    with pytest.raises(ldt.ModelError, match="larger than"):
        read(path)


def test_a_block_of_mutated_files() -> None:
    found = fuzz.block("files", 1, 0.0)
    assert found["cases"] >= 100 and found["answered"] > 0 and found["findings"] == []
