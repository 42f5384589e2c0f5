"""Sweeps: the same records whatever happened on the way to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ldt
from ldt.scaling import records
from ldt.scaling.sweeps import read_sweep

MODEL = """kind = "alignment"
width = 5
dim = 5
readout_variance = 1.0
weight_variance = 1.0
c = "talk"
target = 3
activation = "erf"
overlap = "concentrated"
"""
SWEEP = """kind = "sweep"
seed = 7
levels = [0.05, 0.1]
repeats = 2
[[models]]
file = "model.toml"
width = [5, 8]
[[methods]]
method = "exact"
[[methods]]
method = "montecarlo"
samples = 20_000
"""
POINTS = 4 + 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.toml").write_text(MODEL)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    return tmp_path


def strip(path: Path) -> list[str]:
    """The records of a file without clock and seconds, in order."""
    lines = []
    for record in records.read(path):
        content = record.to_dict()
        content.pop("time")
        if content["result"]:
            content["result"]["cost"].pop("seconds")
        lines.append(json.dumps(content))
    return lines


def cli(*args: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ldt.cli.main", "sweep", *map(str, args)], capture_output=True, text=True)


def test_a_sweep_and_its_records(folder: Path) -> None:
    out = folder / "records.jsonl"
    first = ldt.sweep(folder / "sweep.toml", out)
    assert (first.computed, first.reused, len(first.records)) == (POINTS, 0, POINTS)
    assert [r.key for r in records.read(out)] == [r.key for r in first.records]
    again = ldt.sweep(folder / "sweep.toml", out)
    assert (again.computed, again.reused, again.records) == (0, POINTS, first.records)
    for record in first.records:
        point, result = record.point, record.result
        assert result is not None and record.status == "ok" and record.versions["ldt"] == ldt.__version__
        assert set(record.versions) == {"ldt", "python", "numpy", "scipy", "numba"}
        model = ldt.AlignmentSum(point["model"]["width"], 5)
        rng = {} if point["seed"] is None else {"rng": point["seed"]}
        alone = ldt.tail(model, point["level"], method=point["method"], **point["options"], **rng)
        assert (record.logp, record.error, result["seed"]) == (alone.logp, alone.error, alone.seed)
    seeds = [r.point["seed"] for r in first.records if r.point["seed"] is not None]
    assert len(set(seeds)) == len(seeds) == 8


def test_seeds_do_not_depend_on_the_rest_of_the_grid(folder: Path) -> None:
    def seeds() -> dict[str, Any]:
        return {p.key: p.content["seed"] for p in read_sweep(folder / "sweep.toml").points}

    whole = seeds()
    (folder / "sweep.toml").write_text(SWEEP.replace("[0.05, 0.1]", "[0.1]").replace("[5, 8]", "[8]"))
    part = seeds()
    assert len(part) == 3 and part.items() <= whole.items()
    (folder / "sweep.toml").write_text(SWEEP.replace("seed = 7", "seed = 8"))
    other = seeds()
    assert {k for k in other if k in whole} == {k for k, s in whole.items() if s is None}


def test_killed_and_resumed(folder: Path) -> None:
    """kill -9 in the middle: what was finished stays, byte for byte, and the end is that of an uninterrupted run."""
    sweep = folder / "sweep.toml"
    sweep.write_text(SWEEP.replace("samples = 20_000", "samples = 400_000"))
    whole, out = folder / "whole.jsonl", folder / "killed.jsonl"
    assert cli(sweep, "-o", whole, "-q").returncode == 0
    command = [sys.executable, "-m", "ldt.cli.main", "sweep", str(sweep), "-o", str(out), "-q"]
    with subprocess.Popen(command) as running:
        while running.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < 3):
            time.sleep(0.005)
        running.kill()
    before = out.read_bytes()
    done = before.count(b"\n")
    assert running.returncode == -signal.SIGKILL and 3 <= done < POINTS
    resumed = cli(sweep, "-o", out, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["computed"] == POINTS - done
    assert out.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert strip(out) == strip(whole)


def test_interrupted(folder: Path) -> None:
    """Ctrl-C: exit 130, no record of the point that was cut short."""
    sweep, out = folder / "sweep.toml", folder / "r.jsonl"
    sweep.write_text(SWEEP.replace("samples = 20_000", "samples = 400_000"))
    command = [sys.executable, "-m", "ldt.cli.main", "sweep", str(sweep), "-o", str(out)]
    # A shell that runs the tests in the background has its children ignore SIGINT.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as running:
        while running.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < 5):
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        words = running.stderr.read()
    assert running.returncode == 130 and "interrupted" in words and "Traceback" not in words
    assert all("interrupted" not in r.reason for r in records.read(out))
    ldt.sweep(sweep, out)
    assert all(r.status == "ok" for r in records.read(out)) and len(records.read(out)) == POINTS


def test_torn_last_line(folder: Path) -> None:
    out = folder / "r.jsonl"
    ldt.sweep(folder / "sweep.toml", out)
    whole, clean = out.read_bytes(), strip(out)
    out.write_bytes(whole[:-40])
    assert len(records.read(out)) == POINTS - 1
    done = cli(folder / "sweep.toml", "-o", out, "--json")
    assert "unfinished last line" in done.stderr and json.loads(done.stdout)["computed"] == 1
    assert strip(out) == clean
    out.write_bytes(whole[:-1])  # a whole record but for its line end
    assert ldt.sweep(folder / "sweep.toml", out).computed == 0
    assert out.read_bytes() == whole


def test_records_of_another_version(folder: Path) -> None:
    out = folder / "r.jsonl"
    ldt.sweep(folder / "sweep.toml", out)
    lines = out.read_text().splitlines(keepends=True)
    clean = strip(out)
    old = [line.replace(f'"ldt": "{ldt.__version__}"', '"ldt": "0.0.9"') for line in lines[:4]]
    out.write_text("".join([*old, *lines[4:]]))
    again = ldt.sweep(folder / "sweep.toml", out)
    assert again.computed == 4 and any("4 records of another version (ldt 0.0.9)" in note for note in again.notes)
    assert out.read_text().splitlines(keepends=True)[:4] == old  # kept
    assert strip(out) == clean


def test_changed_sweep(folder: Path) -> None:
    out = folder / "r.jsonl"
    ldt.sweep(folder / "sweep.toml", out)
    (folder / "sweep.toml").write_text(SWEEP.replace("[0.05, 0.1]", "[0.1, 0.2]"))
    again = ldt.sweep(folder / "sweep.toml", out)
    assert (again.computed, again.reused) == (POINTS // 2, POINTS // 2)
    assert any(f"{POINTS // 2} records belong to no point" in note for note in again.notes)
    assert len(records.read(out)) == POINTS + POINTS // 2
    assert {r.point["level"] for r in again.records} == {0.1, 0.2}


def test_two_sweeps_into_one_file(folder: Path) -> None:
    out = folder / "r.jsonl"
    with records.Store(out):
        done = cli(folder / "sweep.toml", "-o", out)
    assert done.returncode == 2 and "another sweep" in done.stderr
    assert cli(folder / "sweep.toml", "-o", out, "-q").returncode == 0


def test_points_without_an_answer(folder: Path) -> None:
    (folder / "sweep.toml").write_text(
        """kind = "sweep"
seed = 1
levels = [1.0]
models = [{ file = "model.toml", width = [5, 100_000_000_000] }]
methods = [{ method = "exact" }, { method = "importance" }, { method = "montecarlo", samples = 4 }]
"""
    )
    found = ldt.sweep(folder / "sweep.toml", folder / "r.jsonl")
    assert found.statuses == {"ok": 4, "warning": 0, "failed": 2}
    by = {(r.point["model"]["width"], r.point["method"]): r for r in found.records}
    assert "no sample reached" in by[5, "montecarlo"].reason
    refused = by[10**11, "montecarlo"]
    assert refused.result is None and refused.reason.startswith("ModelError: ") and "too many" in refused.reason
    again = cli(folder / "sweep.toml", "-o", folder / "r.jsonl")
    assert again.returncode == 4 and "ModelError" in again.stdout and "Traceback" not in again.stderr


@pytest.mark.parametrize("line", ["{}", "words", '{"record": 1, "key": "a"}', '{"record": 2}', "\x00", "[1]"])
def test_lines_that_are_no_records(folder: Path, line: str) -> None:
    out = folder / "r.jsonl"
    ldt.sweep(folder / "sweep.toml", out)
    whole = out.read_text()
    out.write_text(line + "\n" + whole)
    done = cli(folder / "sweep.toml", "-o", out)
    assert done.returncode == 2 and "line 1" in done.stderr and out.read_text() == line + "\n" + whole


def test_a_record_that_was_edited_is_refused(folder: Path) -> None:
    out = folder / "r.jsonl"
    ldt.sweep(folder / "sweep.toml", out)
    out.write_text(out.read_text().replace('"level": 0.05', '"level": 0.5', 1))
    with pytest.raises(ldt.ModelError, match="line 1"):
        records.read(out)


BAD = {
    "kind": (SWEEP.replace('"sweep"', '"sweeps"'), "kind"),
    "seed": (SWEEP.replace("seed = 7", "seed = -7"), "seed"),
    "no seed": (SWEEP.replace("seed = 7", ""), "seed"),
    "field": (SWEEP.replace("repeats", "repeat"), "repeat"),
    "levels": (SWEEP.replace("0.05", "nan"), "levels"),
    "no levels": (SWEEP.replace("levels = [0.05, 0.1]", ""), "levels"),
    "empty": (SWEEP.replace("[5, 8]", "[]"), "empty"),
    "method": (SWEEP.replace('"exact"', '"exactly"'), "exactly"),
    "option": (SWEEP.replace("samples", "sample"), "sample"),
    "own option": (SWEEP.replace("samples = 20_000", "rng = 1"), "rng"),
    "model field": (SWEEP.replace("width", "widht"), "widht"),
    "model value": (SWEEP.replace("[5, 8]", "[5, 0]"), "width"),
    "law": (SWEEP.replace("[5, 8]", '"d d"'), "width"),
    "no model": (SWEEP.replace("model.toml", "other.toml"), "other.toml"),
    "no models": (SWEEP.replace("[[models]]", "[models]"), "models"),
    "density": (SWEEP.replace("seed = 7", 'seed = 7\nquantity = "mean"'), "quantity"),
    "toml": (SWEEP + "\n[[", "TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_sweep_files_that_make_no_sense(folder: Path, name: str) -> None:
    text, word = BAD[name]
    (folder / "sweep.toml").write_text(text)
    with pytest.raises(ldt.ModelError, match=word) as error:
        ldt.sweep(folder / "sweep.toml", folder / "r.jsonl")
    assert "sweep.toml" in str(error.value) and "\n" not in str(error.value)
    assert not (folder / "r.jsonl").exists()


def test_unwritable(folder: Path) -> None:
    with pytest.raises(ldt.ModelError, match="output"):
        ldt.sweep(folder / "sweep.toml", folder / "no" / "r.jsonl")
    with pytest.raises(ldt.ModelError, match="output"):
        ldt.sweep(folder / "sweep.toml", folder)


def test_density_and_width_law(folder: Path) -> None:
    (folder / "sweep.toml").write_text(
        """kind = "sweep"
seed = 1
quantity = "density"
levels = 0.3
models = [{ file = "model.toml", dim = [4, 9], width = "2*d^0.5", c = ["talk", "raw"] }]
methods = [{ method = "exact" }]
"""
    )
    found = ldt.sweep(folder / "sweep.toml", folder / "r.jsonl")
    assert [(r.point["model"]["width"], r.point["model"]["c"]) for r in found.records] == [
        (4, "talk"), (4, "raw"), (6, "talk"), (6, "raw")
    ]  # fmt: skip
    assert found.records[0].logp == ldt.logpdf(ldt.AlignmentSum(4, 4), 0.3, method="exact").logp


def test_shipped_sweeps() -> None:
    for path in (Path(__file__).parents[1] / "data" / "sweeps").glob("*.toml"):
        assert len(read_sweep(path).points) > 10


def test_locks_held_and_locks_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another sweep's lock is refused; a file system without locks is not taken for one, and the store says so."""
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "records.jsonl"
    with records.Store(path) as store:
        assert store.locked
        with pytest.raises(ldt.ModelError, match="another sweep"):
            records.Store(path)

    def none(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with records.Store(path) as store:
        assert not store.locked
