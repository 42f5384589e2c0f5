"""Where the work runs and how long: the same bytes everywhere, partial results on Ctrl-C, the asked error, progress."""

from __future__ import annotations

import io
import json
import math
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import ldt
from ldt.cli import progress as bars
from ldt.cli.main import commands
from ldt.cli.render import Output
from ldt.numerics.workers import mapper
from ldt.tails.atoms import bin_atoms
from ldt.tails.sectors import sector_law

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "importance": lambda w: ldt.tail(ldt.AlignmentSum(20, 100), 1.0, method="importance", samples=20_000, rng=3, workers=w),
    "lone neuron": lambda w: ldt.tail(ldt.AlignmentSum(1, 5), 0.3, method="importance", samples=20_000, rng=3, workers=w),
    "to an error": lambda w: ldt.tail(ldt.AlignmentSum(50, 50), 1.0, method="importance", target_error=0.006, rng=3, workers=w),
    "density": lambda w: ldt.logpdf(
        ldt.AlignmentSum(20, 20, overlap="full"), 1.0, method="importance", samples=20_000, rng=3, workers=w
    ),
    "computed overlap": lambda w: ldt.tail(
        ldt.AlignmentSum(4, 5, c="raw", activation="tanh", overlap="full"), 0.5, method="importance", samples=300, rng=3, workers=w
    ),
    "montecarlo": lambda w: ldt.tail(ldt.AlignmentSum(50, 5), 0.05, method="montecarlo", target_error=0.02, rng=3, workers=w),
    "montecarlo density": lambda w: ldt.logpdf(ldt.AlignmentSum(50, 5), 0.05, method="montecarlo", samples=90_000, rng=3, workers=w),
}


def strip(result: Any) -> str:
    """Everything about a result but the time it took, as text."""
    content = result.to_dict()
    content["cost"].pop("seconds")
    return json.dumps(content)


@pytest.fixture(scope="module")
def processes() -> Iterator[Any]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map


@contextmanager
def local_cluster() -> Iterator[Any]:
    from dask.distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as own, Client(own) as client:
        yield client


@pytest.mark.parametrize("name", QUESTIONS)
def test_same_bytes_by_threads_and_processes(name: str, processes: Any) -> None:
    ask = QUESTIONS[name]
    one = strip(ask(1))
    for workers in (2, 4, processes, map):
        assert strip(ask(workers)) == one


def test_same_bytes_on_a_cluster_that_loses_a_worker() -> None:
    """One of two worker processes is killed after the first block has come back."""
    model, killed = ldt.AlignmentSum(1000, 1000), []

    def ask(workers: Any, progress: Any = None) -> str:
        return strip(ldt.tail(model, 1.0, method="importance", samples=12_000, rng=3, workers=workers, progress=progress))

    with local_cluster() as client:
        pids = client.run(os.getpid)

        def kill(done: int, total: int, logp: float, error: float) -> None:
            if not killed:
                killed.append(next(iter(pids.values())))
                os.kill(killed[0], signal.SIGKILL)

        assert ask(client, kill) == ask(1)
        assert killed and killed[0] not in client.run(os.getpid).values()
        for name in ("montecarlo", "density"):
            assert strip(QUESTIONS[name](client)) == strip(QUESTIONS[name](1))


def test_same_bytes_by_a_scheduler_that_runs_already() -> None:
    """``--scheduler tcp://...`` against a live scheduler, which the command must leave running; and an address without one."""
    asked = "tail --width 20 --dim 100 --level 1 --method importance --samples 5000 --seed 3 --json".split()

    def answer(*more: str) -> Any:
        done = CliRunner().invoke(commands, [*asked, *more])
        assert done.exit_code == 0, done.output
        record = json.loads(done.stdout)
        record["cost"].pop("seconds")
        return record

    with local_cluster() as client:
        address = client.scheduler.address
        assert address.startswith("tcp://")
        assert answer() == answer("--scheduler", address)
        assert len(client.nthreads()) == 2
    refused = CliRunner().invoke(commands, [*asked, "--scheduler", "nowhere://1"])
    assert refused.exit_code == 2 and "scheduler" in refused.stderr and "nowhere" in refused.stderr


def test_what_is_shipped_is_small() -> None:
    law = sector_law(ldt.AlignmentSum(50, 50), 1.0)
    for i in range(len(law.sectors)):
        assert len(pickle.dumps(bin_atoms(law, i, 1.0, False))) < 20_000


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two", None, True, 1000])
def test_workers_that_make_no_sense(workers: Any) -> None:
    with pytest.raises(ldt.ModelError, match="workers"):
        mapper(workers)


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------------


def stop_after(n: int) -> Callable[..., None]:
    """A progress callback in which Ctrl-C arrives at the n-th call."""
    calls = []

    def progress(*_: Any) -> None:
        calls.append(1)
        if len(calls) == n:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("method", ["importance", "montecarlo"])
@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_sampling_answers_with_what_it_has(method: str, workers: int) -> None:
    model, level = ldt.AlignmentSum(50, 50), 1e-3
    with pytest.raises(ldt.Interrupted) as stop:
        ldt.tail(model, level, method=method, samples=2_000_000, rng=1, workers=workers, progress=stop_after(4))
    found = stop.value.result
    assert found.status == "warning" and f"interrupted after {found.cost.samples} samples" in found.advice
    assert 0 < found.cost.samples < 1_000_000
    assert abs(found.logp - ldt.logsf(model, level)) < 4.5 * found.error
    assert isinstance(stop.value, KeyboardInterrupt)


def test_interrupted_before_there_is_an_answer() -> None:
    with pytest.raises(ldt.Interrupted) as stop:
        ldt.tail(ldt.AlignmentSum(50, 50), 1.0, method="importance", rng=1, progress=stop_after(1))
    assert stop.value.result.status == "failed" and math.isnan(stop.value.result.logp)
    assert "interrupted" in stop.value.result.advice


def test_interrupted_among_levels() -> None:
    model, levels = ldt.AlignmentSum(5, 5), [0.3, 1.0, -0.5, 2.0]
    with pytest.raises(ldt.Interrupted) as stop:
        ldt.tail(model, levels, method="montecarlo", samples=70_000, rng=1, progress=stop_after(3))
    assert list(stop.value.result.status[2:]) == ["failed", "failed"]
    assert "before this level" in stop.value.result.advice[3]


LIVE = "import sys, ldt.cli.progress as p; p.LINE = 0.2; from ldt.cli.main import main; sys.argv = ['ldt-rate', *sys.argv[1:]]; main()"


@contextmanager
def command(asked: str, code: str = LIVE) -> Iterator[subprocess.Popen[str]]:
    """``ldt-rate`` as a process that heeds SIGINT (a shell in the background has its children ignore it)."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *asked.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as running:
        yield running


def test_ctrl_c_on_the_command_line() -> None:
    """The partial answer on standard output, strict JSON and true, and exit code 130."""
    with command("tail --width 50 --dim 50 --level 1 --method importance --target-error 1e-4 --seed 1 --json --workers 2") as running:
        assert running.stderr is not None and running.stdout is not None
        for line in running.stderr:
            if re.search(r"importance: \d+ of \d+, about .* left; -log P = 442\.\d+ \+- ", line):
                break
        running.send_signal(signal.SIGINT)
        answer = json.loads(running.stdout.read())
    assert running.returncode == 130
    assert answer["status"] == "warning" and "interrupted" in answer["advice"]
    assert abs(answer["logp"] + 442.409210238833) < 4.5 * answer["error"] < 1.0


def test_ctrl_c_leaves_the_draws_made_until_then(tmp_path: Path) -> None:
    """SIGINT comes to ``ldt-rate sample`` at its 200th proposal; the file holds whole, exact draws."""
    stop = (
        "import os, signal, ldt.tails.conditional as c; count, right = [0], c._log_h\n"
        "def interrupting(*a):\n"
        "    if a[-1].size == 1 and getattr(c, 'drawing', False):\n"
        "        count[0] += 1\n"
        "        if count[0] == 200: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return right(*a)\n"
        "class Samplers(c.SectorSamplers):\n"
        "    def draw_weights(self, *a):\n"
        "        c.drawing = True\n"
        "        return super().draw_weights(*a)\n"
        "c._log_h, c.SectorSamplers = interrupting, Samplers\n"
    )
    path = tmp_path / "draws.npz"
    with command(f"sample --width 5 --dim 5 --level 1 --size 100000 --seed 1 --json -o {path}", stop + LIVE) as running:
        assert running.stdout is not None and running.stderr is not None
        answer, words = json.loads(running.stdout.read()), running.stderr.read()
    assert running.returncode == 130 and "interrupted" in words
    with np.load(path) as file:
        assert 0 < len(file["A"]) == answer["size"] < 200
        assert file["A"].min() >= 1.0 and file["a"].shape == file["w"].shape == (len(file["A"]), 5)


# -- the asked error -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["importance", "montecarlo"])
def test_samples_until_the_asked_error(method: str) -> None:
    model, level = ldt.AlignmentSum(50, 50), 1e-3
    for asked in (0.05, 0.01):
        found = ldt.tail(model, level, method=method, target_error=asked, rng=2)
        assert found.status == "ok" and 0.2 * asked < found.error <= asked
        assert abs(found.logp - ldt.logsf(model, level)) < 4.5 * found.error
    short = ldt.tail(model, level, method=method, target_error=0.001, samples=3000, rng=2)
    assert short.status == "warning" and "0.001" in short.advice and short.error > 0.001
    assert short.cost.samples < 4000


@pytest.mark.parametrize("asked", [0, 1.0, -0.1, math.nan, "small", True])
@pytest.mark.parametrize("method", ["importance", "montecarlo"])
def test_asked_errors_that_make_no_sense(asked: Any, method: str) -> None:
    with pytest.raises(ldt.ModelError, match="target_error"):
        ldt.tail(ldt.AlignmentSum(5, 5), 0.1, method=method, target_error=asked)


@pytest.mark.parametrize("method", ["importance", "montecarlo"])
def test_progress_counts_up_and_ends_at_the_answer(method: str) -> None:
    seen: list[tuple[int, int, float, float]] = []
    found = ldt.tail(
        ldt.AlignmentSum(50, 50), 1e-3, method=method, target_error=0.01, rng=2, progress=lambda *now: seen.append(now)
    )
    counts = [now[0] for now in seen]
    assert counts == sorted(set(counts)) and counts[-1] == found.cost.samples
    assert all(done <= total for done, total, _, _ in seen)
    assert seen[-1][2] == found.logp and seen[-1][3] == pytest.approx(found.error, abs=2e-4)
    with pytest.raises(ldt.ModelError, match="progress"):
        ldt.tail(ldt.AlignmentSum(5, 5), 0.1, method=method, progress=3)


# -- bars ----------------------------------------------------------------------------------------------------------------------


class Screen(io.StringIO):
    """Standard error, a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("quiet", [0, 1])
def test_bars(terminal: bool, quiet: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "140")
    for name in ("LINE", "FRAME", "QUIET"):
        monkeypatch.setattr(bars, name, 0.0)
    with bars.Bar(Output(quiet=quiet), "importance") as bar:
        for i in range(3):
            time.sleep(0.01)
            bar(10 * i, 40, -12.5 if i else math.nan, 0.25 if i else math.inf)
    text = screen.getvalue()
    if quiet:
        assert text == ""
        return
    assert "20 of 40, about 0 s left; -log P = 12.5 +- 0.25" in text if not terminal else "20/40" in text
    assert "12.5 +- 0.25" in text and ("\x1b" in text) == terminal
