"""``ldt-rate learn``: answers, forms, checkpoints that survive Ctrl-C and kill -9, exit codes; the stored studies in small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ldt.cli.main import commands
from ldt.experiments import studies

SMALL = ["learn", "--width", "4", "--dim", "4", "--samples", "40", "--networks", "4", "--sweeps", "60", "--warmup", "30", "--seed", "5"]


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, list(args), prog_name="ldt-rate")


def test_answer_in_every_form(tmp_path: Path) -> None:
    picture, weights = tmp_path / "a.png", tmp_path / "w.npz"
    result = run(*SMALL, "--plot", str(picture), "--weights", str(weights), "--json")
    assert result.exit_code in (0, 3), result.stderr
    record = json.loads(result.stdout)
    assert record["status"] == ("ok" if result.exit_code == 0 else "warning")
    assert len(record["comparisons"]) >= 2 and {c["overlap"] for c in record["comparisons"]} == {"concentrated", "full"}
    assert record["experiment"]["ridge"] == 1.0 and len(record["shares"]) == 2
    assert picture.read_bytes()[1:4] == b"PNG"
    with np.load(weights) as file:
        assert file["w"].shape == file["a"].shape == (4, 6, 4)
    text = run(*SMALL).stdout
    assert "learned share A_f" in text and "R-hat" in text and "self-consistent" in text and "seed" in text
    assert run(*SMALL, "--csv").stdout.startswith("overlap,source,share,kolmogorov")


def test_three_layers(tmp_path: Path) -> None:
    result = run("learn", "data/models/three_layer_network.toml", "--samples", "40", "--networks", "2", "--sweeps", "20", "--warmup", "10",
                 "--seed", "1", "--json", "--plot", str(tmp_path / "a.svg"))  # fmt: skip
    assert result.exit_code in (0, 3), result.stderr
    assert json.loads(result.stdout)["comparisons"] == []


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--networks", "5"], "networks:"), (["--ridge", "x"], "ridge:"), (["--samples", "1"], "samples:"), (["--sampler", "x"], "sampler"),
        (["--weights", "w.csv"], "weights:"), (["--plot", "p.gif"], "plot:"), (["--checkpoint", "no/such/folder/c.npz"], "checkpoint:"),
        (["--seed", "-1"], "seed:"), (["--workers", "0"], "workers:"),
    ],
    ids=lambda x: str(x)[:20],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(extra: list[str], word: str) -> None:
    result = run(*SMALL, *extra)
    assert result.exit_code == 2
    assert word in result.stderr and result.stderr.count("\n") == 1


LONG = [*SMALL[:-2], "--sweeps", "100000", "--json"]


def started(arguments: list[str], checkpoint: Path, done: int) -> subprocess.Popen[str]:
    """The command as a process of its own that writes checkpoints as often as it can, once it has done ``done`` sweeps."""
    code = "import sys; from ldt.experiments import run; from ldt.cli.main import main; run.PAUSE = 0.0"
    code += f"; sys.argv = {['ldt-rate', *arguments]}; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell in the background has children ignore it
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    end = time.monotonic() + 120.0
    while time.monotonic() < end and process.poll() is None:
        if checkpoint.exists():
            with open(checkpoint, "rb") as stream, np.load(stream) as file:
                if json.loads(str(file["head"]))["done"] >= done:
                    return process
        time.sleep(0.05)
    raise AssertionError(process.communicate()[1])


def test_control_c_leaves_a_usable_answer(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.npz"
    process = started([*LONG, "--seed", "5", "--checkpoint", str(checkpoint)], checkpoint, 60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    record = json.loads(out)
    assert record["status"] == "warning" and "interrupted after" in record["advice"] and str(checkpoint) in record["advice"]
    assert abs(record["share"]) < 1.0 and record["sweeps"] >= 30


def test_kill_and_resume_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    arguments = [*SMALL[:-4], "--warmup", "200", "--json"]
    process = started([*arguments, "--seed", "5", "--checkpoint", str(parts)], parts, 20)
    process.kill()
    process.communicate()
    first = run(*arguments, "--seed", "5", "--checkpoint", str(whole))
    again = run(*arguments, "--checkpoint", str(parts))  # the seed is the checkpoint's
    assert again.stdout == first.stdout and first.exit_code in (0, 3)
    assert parts.read_bytes() == whole.read_bytes()


def test_studies_in_small(tmp_path: Path) -> None:
    """Every stored study, from the same script: files with the command that made them, and a second run that computes nothing."""
    for name in studies.STUDIES:
        assert studies.main([name, "--small", "--work", str(tmp_path / "work"), "-o", str(tmp_path / "out")]) == 0
    found = {path.name: path.read_text() for path in (tmp_path / "out").glob("*.csv")}
    assert set(found) == {"overlap.csv", "overlap_histogram.csv", "threshold.csv", "threshold_summary.csv", "count.csv", "samplers.csv"}
    for name, text in found.items():
        assert text.startswith("# python -m ldt.experiments.studies ") and text.count("\n") > 2, name
    assert studies.main(["count", "--small", "--work", str(tmp_path / "work"), "-o", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "count.csv").read_text() == found["count.csv"]


@pytest.mark.nojit
def test_crossing_and_slope() -> None:
    assert studies.crossing([1.0, 2.0, 3.0], [0.2, 0.05, 0.15]) == pytest.approx(2.5)
    assert np.isnan(studies.crossing([1.0, 2.0], [0.0, 0.05]))
    rows = [{"d": d, "P": p, "shares": " ".join([str(0.1 * p / (3.0 * d**0.9))] * 4)} for d in (4, 8, 16) for p in range(5, 60, 9)]
    *points, fit = studies.threshold_summary(rows, predict=False)
    assert [p["P_star"] for p in points] == pytest.approx([3.0 * d**0.9 for d in (4, 8, 16)])
    assert fit["P_star"] == pytest.approx(0.9) and fit["error"] < 1e-9


def test_predictions_of_one_component() -> None:
    """The P at which the mean of A is 0.1, against a plain sum over the exact density."""
    from ldt.models.alignment import AlignmentSum
    from ldt.tails.exact import exact

    law = AlignmentSum(4, 3, c="orthonormal")
    p = studies.law_samples(law)
    u = (np.arange(150) + 0.5) / 150
    a = 2.0 * u**3  # the density has a peak at 0
    logs = np.array([exact(law, float(x), density=True)[0] for x in a]) + 2.0 * np.log(u)
    most = (logs - 0.5 * p * (1.0 - a) ** 2).max()
    plus, minus = (np.exp(logs - 0.5 * p * (1.0 - s * a) ** 2 - most) for s in (1.0, -1.0))
    assert float(((plus - minus) * a).sum() / (plus + minus).sum()) == pytest.approx(0.1, rel=5e-3)
