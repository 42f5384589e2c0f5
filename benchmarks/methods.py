"""Seconds and errors of every method on a few problems; run `python benchmarks/methods.py`.

Warm times: the median of several calls on a fresh model object (nothing is remembered between calls).  Machines are noisy: compare
rows of one run.
"""

from __future__ import annotations

import argparse
import statistics
import time

import ldt

PROBLEMS = [
    ("concentrated", 50, 50, 1.0),
    ("concentrated", 12, 400, 1.0),
    ("concentrated", 1000, 1000, 1.0),
    ("concentrated", 10**4, 50, 1.0),
    ("concentrated", 10**9, 10, 1.0),
    ("concentrated", 10**12, 50, 1.0),
    ("concentrated", 50, 50, 0.05),
    ("full", 50, 50, 1.0),
    ("full", 1000, 1000, 1.0),
]


def timed(method: str, problem: tuple[str, int, int, float], repeats: int) -> tuple[float, ldt.TailResult]:
    """(median seconds, last result) of one method on one problem."""
    overlap, width, dim, level = problem
    seconds = []
    for seed in range(repeats):
        options = {"rng": seed} if method == "importance" else {}
        start = time.perf_counter()
        result = ldt.tail(ldt.AlignmentSum(width, dim, overlap=overlap), level, method=method, **options)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    for method in ("exact", "saddlepoint", "importance"):  # compile
        timed(method, PROBLEMS[0], 1)
    print(f"{'overlap':13} {'N':>14} {'d':>5} {'level':>6}  {'method':12} {'ms':>9}  {'log P':>18} {'error':>8}")
    for problem in PROBLEMS:
        for method in ("exact", "saddlepoint", "importance"):
            if method == "importance" and problem[1] > 10**6:
                continue
            seconds, result = timed(method, problem, repeats if method != "importance" else 3)
            overlap, width, dim, level = problem
            print(
                f"{overlap:13} {width:14d} {dim:5d} {level:6g}  {method:12} {1e3 * seconds:9.2f}  {result.logp:18.9f} {result.error:8.1e}"
            )


if __name__ == "__main__":
    main()
