"""Measure every speed target in one run and write the table of docs/speed.md.

    python benchmarks/speed.py [--write] [--skip-cold] [--growth]

CPU seconds (user + system, of this process or of the child), because machines are shared; the median of warm repeats on fresh model
objects.  A whole process is timed as the CPU of the child, the best of five.  The C loop that importance sampling is compared with is
compiled by the C compiler found (-O3): one tilt for all neurons, xoshiro256++, g^2 from a table of its inverse distribution, readouts
integrated out, and the mean weight at the end, which must be P.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ldt

DOC = Path(__file__).parents[1] / "docs/speed.md"
PICTURE = DOC.with_name("speed.svg")
LEVELS = 100_000
RATE = [sys.executable, "-c", "from ldt.cli.main import main; main()"]
LOOP = r"""
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static uint64_t s[4] = {1, 2, 3, 4};
static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
static inline uint64_t next(void) {
  uint64_t r = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
  s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t; s[3] = rotl(s[3], 45);
  return r;
}
int main(int argc, char **argv) {
  int n = atoi(argv[1]); long samples = atol(argv[2]);
  double level = atof(argv[3]), theta = atof(argv[4]), log_m = atof(argv[5]), kappa = atof(argv[6]);
  static double table[4097];
  for (int i = 0; i <= 4096; i++) if (scanf("%lf", &table[i]) != 1) return 1;
  double total = 0; clock_t start = clock();
  for (long j = 0; j < samples; j++) {
    double v = 0;
    for (int i = 0; i < n; i++) {
      double u = (next() >> 11) * 0x1p-53 * 4096; int k = (int)u;
      v += table[k] + (u - k) * (table[k + 1] - table[k]);
    }
    total += exp(n * log_m - theta * v) * 0.5 * erfc(level / sqrt(4 * kappa * v));
  }
  printf("%.4g %.10g\n", 1e9 * (clock() - start) / CLOCKS_PER_SEC / ((double)n * samples), log(total / samples));
}
"""


def cpu(
    call: Callable[[], Any], repeats: int = 9, least: float = 0.0, of: Callable[[list[float]], float] = statistics.median
) -> float:
    """Median (or another figure) of the CPU seconds of a call, after one that is not counted; each repeat is of as many calls as take
    ``least`` seconds."""
    call()
    times = []
    for _ in range(repeats):
        start, calls = time.process_time(), 0
        while calls == 0 or time.process_time() - start < least:
            call()
            calls += 1
        times.append((time.process_time() - start) / calls)
    return of(times)


def child(command: list[str], repeats: int = 5, **environment: str) -> float:
    """Least CPU seconds of a process over the repeats."""
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def ask(model: Callable[[], Any], level: float, method: str, **options: Any) -> Callable[[], Any]:
    """A question of a fresh model."""
    return lambda: ldt.tail(model(), level, method=method, **options)


def table(cold: bool) -> list[tuple[str, str, float, float, str]]:
    """(what, target as text, target, measured, unit)."""
    rows: list[tuple[str, str, float, float, str]] = []

    def row(what: str, target: float, value: float, unit: str) -> None:
        rows.append((what, f"{target:g} {unit}", target, value, unit))
        print(f"{what:75s} {target:8g} {value:10.4g} {unit}", flush=True)

    for n, d in ((50, 50), (12, 400), (1000, 1000), (10**4, 50), (10**9, 10)):
        row(f"exact, concentrated, ({n:g}, {d})", 3, 1e3 * cpu(ask(lambda n=n, d=d: ldt.AlignmentSum(n, d), 1.0, "exact")), "ms")
    for n in (50, 1000):
        row(f"exact, full overlap, ({n}, {n})", 50, 1e3 * cpu(ask(lambda n=n: ldt.AlignmentSum(n, n, overlap="full"), 1.0, "exact")), "ms")
    small, large = (cpu(ask(lambda n=n: ldt.AlignmentSum(n, 50), 1.0, "exact")) for n in (50, 10**12))
    row("exact, N = 1e12 over N = 50, d = 50", 3, large / small, "times")
    row("saddlepoint, one point, (50, 50)", 0.5, 1e3 * cpu(ask(lambda: ldt.AlignmentSum(50, 50), 1.0, "saddlepoint"), least=0.05), "ms")
    variances = (1.0 + 1e-9 * i for i in range(10**6))
    for method, target in (("exact", 3.0), ("saddlepoint", 0.5)):
        fresh = lambda method=method: ldt.tail(ldt.AlignmentSum(50, 50, weight_variance=next(variances)), 1.0, method=method)  # noqa: E731
        row(f"{method}, (50, 50), of a neuron's law not asked about before", target, 1e3 * cpu(fresh), "ms")
    levels = np.linspace(0.2, 2.0, LEVELS)
    fifty = ldt.AlignmentSum(50, 50)
    row(f"saddlepoint, {LEVELS} levels at (50, 50), a level", 20,
        1e6 / LEVELS * cpu(lambda: ldt.tail(fifty, levels, method="saddlepoint"), 3), "us")  # fmt: skip
    drawn = 400_000
    least = cpu(lambda: ldt.tail(fifty, 1.0, method="importance", samples=200, rng=1), 5)
    full = cpu(lambda: ldt.tail(fifty, 1.0, method="importance", samples=drawn, rng=1), 5)
    each = 1e9 * (full - least) / (drawn - 200) / 50
    loop = c_loop()
    row(f"importance sampling, a neuron ({each:.2f} ns) over the C loop ({loop:.2f} ns)", 1, each / loop, "times")
    one_percent = ask(lambda: ldt.AlignmentSum(50, 50), 1.0, "importance", target_error=0.01, rng=1)
    row("importance sampling, to 1 % at (50, 50)", 15, 1e3 * cpu(one_percent), "ms")
    grid = [(n, d) for n in np.geomspace(10, 1e4, 8).astype(int) for d in np.geomspace(5, 500, 5).astype(int)]
    start = time.process_time()
    for n, d in grid:
        ldt.tail(ldt.AlignmentSum(int(n), int(d)), 1.0, method="exact")
    seconds = (time.process_time() - start) / len(grid) * 1e4 / 2
    row(f"phase diagram of 10,000 points on 2 workers, from {len(grid)} points on one", 60, seconds, "s")
    row("cubes, exact, N = 1000", 20, 1e3 * cpu(ask(lambda: ldt.CubicSum(1000), 8.0, "exact")), "ms")
    bare = child([sys.executable, "-c", "pass"])
    row("import ldt, over bare Python", 30, 1e3 * (child([sys.executable, "-c", "import ldt"]) - bare), "ms")
    row("ldt-rate --help, whole process", 0.15, child([*RATE, "--help"]), "s")
    question = [*RATE, "tail", "--width", "50", "--dim", "50", "--level", "1"]
    row("ldt-rate tail, warm cache, whole process", 0.8, child(question), "s")
    if cold:
        with tempfile.TemporaryDirectory() as folder:
            row("ldt-rate tail, first ever (cold compile), whole process", 10, child(question, 1, LDT_CACHE_DIR=folder), "s")
    return rows


def c_loop() -> float:
    """ns a neuron of the plain C loop at (50, 50), level 1; NaN without a compiler."""
    from ldt.tails.sectors import chernoff

    model = ldt.AlignmentSum(50, 50)
    whole, nodes = chernoff(model, 1.0)
    theta = model.variance_scale * whole.s**2
    tilted = np.exp(nodes.lw + theta * nodes.gg)
    inverse = np.interp(np.arange(4097) / 4096 * tilted.sum(), np.cumsum(tilted) - 0.5 * tilted, nodes.gg)
    asked = [50, 200_000, 1.0, theta, math.log(tilted.sum()), model.variance_scale]
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "loop.c"), Path(folder, "loop")
        source.write_text(LOOP)
        try:
            subprocess.run(["cc", "-O3", "-march=native", "-o", program, source, "-lm"], check=True)
        except (OSError, subprocess.CalledProcessError):
            return float("nan")
        command, table = [program, *map(repr, asked)], "\n".join(map(repr, inverse.tolist()))
        runs = [subprocess.run(command, check=True, capture_output=True, text=True, input=table).stdout.split() for _ in range(5)]
    print(f"the C loop says log P = {runs[0][1]}; exact: {ldt.logsf(model, 1.0):.6f}", flush=True)
    return min(float(run[0]) for run in runs)


#: (axis, sizes, question of a size)
AXES: list[tuple[str, list[float], Callable[[float], tuple[Any, Any]]]] = [
    ("N at d = 50", [10, 100, 1e3, 1e4, 1e6, 1e9, 1e12], lambda x: (ldt.AlignmentSum(int(x), 50), 1.0)),
    ("d at N = 50", [2, 10, 50, 200, 1000, 5000], lambda x: (ldt.AlignmentSum(50, int(x)), 1.0)),
    ("level at (50, 50)", [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0], lambda x: (ldt.AlignmentSum(50, 50), x)),
    ("levels at (50, 50)", [1, 3, 10, 30, 100], lambda x: (ldt.AlignmentSum(50, 50), np.linspace(0.5, 1.5, int(x)))),
]


def growth() -> list[tuple[str, str, list[float], list[float]]]:
    """(method, axis, sizes, CPU ms, the least of five) along N, d, level and number of levels, of questions asked before."""
    out = []
    for method in ("exact", "saddlepoint"):
        for name, sizes, make in AXES:
            times = [1e3 * cpu(lambda x=x, make=make, method=method: ldt.tail(*make(x), method=method), 5, 0.01, min) for x in sizes]
            print(method, name, [f"{x:g}: {t:.2f}" for x, t in zip(sizes, times, strict=True)], flush=True)
            out.append((method, name, list(sizes), times))
    return out


def draw(curves: list[tuple[str, str, list[float], list[float]]]) -> None:
    """The growth as a picture beside the page."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "ldt"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(AXES), figsize=(11.0, 2.8), sharey=True, layout="constrained")
    for method, name, sizes, times in curves:
        ax = axes[[axis for axis, _, _ in AXES].index(name)]
        ax.loglog(sizes, times, "o-", ms=3, label=method)
        ax.set_xlabel(name)
    axes[0].set_ylabel("CPU ms")
    axes[0].legend(frameon=False)
    figure.savefig(PICTURE, metadata={"Date": None})
    plt.close(figure)


def markdown(rows: list[tuple[str, str, float, float, str]], curves: list[tuple[str, str, list[float], list[float]]]) -> str:
    """The generated part of docs/speed.md."""
    import numba
    import scipy

    said = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"  # noqa: E501
    lines = [f"{said}, Numba {numba.__version__}; CPU time, load average {os.getloadavg()[0]:.1f}.", "",
             "| what | at most | measured | |", "|---|--:|--:|---|"]  # fmt: skip
    lines += [f"| {what} | {text} | {value:.3g} {unit} | {'' if value <= target else f'{value / target:.1f} times over'} |"
              for what, text, target, value, unit in rows]  # fmt: skip
    lines += ["", "Growth, CPU ms (of a question asked before, so that what `saddlepoint` shares between levels is there):", "",
              "![CPU time of exact and saddlepoint along N, d, level and number of levels](speed.svg)", "",
              "| along | method | |", "|---|---|---|"]  # fmt: skip
    lines += [f"| {name} | {method} | {', '.join(f'{x:g}: {t:.2g}' for x, t in zip(sizes, times, strict=True))} |"
              for method, name, sizes, times in curves]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    parser.add_argument("--skip-cold", action="store_true")
    parser.add_argument("--growth", action="store_true", help="measure and draw the growth alone")
    asked = parser.parse_args()
    rows = [] if asked.growth else table(not asked.skip_cold)
    curves = growth()
    if asked.write or asked.growth:
        draw(curves)
    if asked.write and rows:
        text = markdown(rows, curves)
        head, _, rest = DOC.read_text(encoding="utf-8").partition("<!-- speed -->\n")
        _, _, tail = rest.partition("<!-- end -->")
        DOC.write_text(f"{head}<!-- speed -->\n{text}\n<!-- end -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
