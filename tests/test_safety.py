"""The same call from threads, forked and spawned children, without a home or a cache, on a full disk: the same answer or a clear word."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from scipy import stats

import ldt
from ldt.scaling.records import read

MODEL = ldt.AlignmentSum(20, 20)


def answers(_: int = 0) -> list[str]:
    """Every kind of engine once: contours, saddles, compiled sampling, the cut, an atomic sum."""
    results = [
        ldt.tail(MODEL, 1.0, method="exact"), ldt.logpdf(MODEL, 0.3, method="exact"), ldt.tail(MODEL, 1.0, method="saddlepoint"),
        ldt.tail(MODEL, 1.0, method="importance", samples=2000, rng=1), ldt.tail(ldt.CubicSum(100), 5.0),
        ldt.tail(ldt.IidSum(stats.gamma(2, scale=3), 10), 200.0), ldt.tail(ldt.IidSum(stats.poisson(3), 10), 80.0),
    ]  # fmt: skip
    return [f"{r.logp!r} {r.error!r} {r.seed}" for r in results]


def test_eight_threads() -> None:
    expected = answers()
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(answers, range(16)))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_children(start: str) -> None:
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this platform")
    expected = answers()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as pool:
        assert all(found == expected for found in pool.map(answers, range(2)))


# One small compiled function and its cache, which is what disks and homes are for.
SMALL = """from ldt.numerics.special import log_ndtr
from ldt.numerics.compiled import cache_info
print(repr(log_ndtr(-3.0)))
print(cache_info().enabled, cache_info().reason)
"""
LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))\n"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code with these variables of the environment ('' removes one)."""
    env = {k: v for k, v in {**os.environ, **environment}.items() if v}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)


def value() -> str:
    from ldt.numerics.special import log_ndtr

    return repr(log_ndtr(-3.0))


def test_a_home_and_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")  # nothing can be made below a file, whoever asks
    for env in ({"LDT_CACHE_DIR": f"{blocked}/cache"}, {"LDT_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": f"{blocked}/home"}):
        run = python(SMALL, **env)
        assert run.returncode == 0 and run.stderr == ""
        number, info = run.stdout.splitlines()
        assert number == value() and info.startswith("False") and "cannot be written" in info


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of this kind")
def test_a_full_disk_under_the_cache(tmp_path: Path) -> None:
    run = python(LIMIT.format(512) + SMALL, LDT_CACHE_DIR=str(tmp_path / "cache"))
    assert run.returncode == 0 and run.stderr == ""
    number, info = run.stdout.splitlines()
    assert number == value() and "writing to the cache directory failed" in info
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]  # nothing half written stays



@pytest.mark.skipif(sys.platform == "win32", reason="no limits of this kind")
def test_a_full_disk_under_the_output(tmp_path: Path) -> None:
    out = tmp_path / "answer.txt"
    arguments = f"sys.argv = ['ldt-rate', 'tail', '--width', '5', '--dim', '5', '--level', '1', '--json', '-o', {str(out)!r}]"
    run = python("import sys\n" + LIMIT.format(64) + arguments + "\nfrom ldt.cli.main import main; sys.exit(main())")
    assert run.returncode == 2 and "Traceback" not in run.stderr and str(out) in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of this kind")
def test_a_full_disk_under_the_records(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(
        "kind = 'alignment'\nwidth = 5\ndim = 5\nreadout_variance = 1.0\nweight_variance = 1.0\nc = 'talk'\ntarget = 3\n"
        "activation = 'erf'\noverlap = 'concentrated'\n"
    )
    (tmp_path / "sweep.toml").write_text(
        "kind = 'sweep'\nseed = 1\nlevels = [0.5, 1.0]\nmodels = [{ file = 'model.toml' }]\nmethods = [{ method = 'exact' }]\n"
    )
    call = f"import sys\nsys.argv = ['ldt-rate', 'sweep', {str(tmp_path / 'sweep.toml')!r}, '-o', {str(tmp_path / 'r.jsonl')!r}]\n"
    end = "from ldt.cli.main import main; sys.exit(main())"
    run = python(call + LIMIT.format(1500) + end)
    assert run.returncode == 2 and "Traceback" not in run.stderr and "cannot write" in run.stderr
    again = python(call + end)  # the torn line is dropped, and the point asked again
    assert again.returncode == 0
    found, model = read(tmp_path / "r.jsonl"), ldt.AlignmentSum(5, 5)
    assert [r.logp for r in found] == [ldt.tail(model, x, method="exact").logp for x in (0.5, 1.0)]
