"""Relative variance per sample of the importance sampler over N in 1..1e6, d in 2..1000, alpha in 0.05..3; `python
benchmarks/importance_map.py` prints the map and its worst point, `--random 1000` that many points drawn between those of the grid.

Also the z-score of each estimate against the exact value.  The whole grid takes about a minute of CPU.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
from collections.abc import Iterator

import ldt

WIDTHS = (1, 2, 3, 5, 10, 20, 50, 100, 1000, 10**4, 10**5, 10**6)
DIMS = (2, 3, 5, 10, 20, 50, 100, 200, 400, 1000)
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0)


def points(count: int, least: float, most: float) -> Iterator[tuple[int, int, float]]:
    """The grid, or ``count`` points drawn evenly in the logarithms."""
    if not count:
        yield from ((n, d, a) for n, d, a in itertools.product(WIDTHS, DIMS, LEVELS) if least <= n <= most)
    draw = random.Random(1)
    for _ in range(count):
        sizes = [math.exp(draw.uniform(math.log(low), math.log(high))) for low, high in ((least, most), (2, 1000), (0.05, 3.0))]
        yield round(sizes[0]), round(sizes[1]), sizes[2]


def main() -> None:
    """Print the map and its worst point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=0, metavar="COUNT")
    parser.add_argument("--least", type=float, default=1, metavar="N", help="smallest width")
    parser.add_argument("--most", type=float, default=1e6, metavar="N", help="largest width")
    parser.add_argument("--overlap", default="concentrated")
    chosen = parser.parse_args()
    worst, scores = (0.0, ""), []
    print(f"{'N':>7} {'d':>5} {'alpha':>7} {'log P':>14} {'rel. variance':>14} {'z':>6} {'samples':>8} status")
    for width, dim, level in points(chosen.random, chosen.least, chosen.most):
        model = ldt.AlignmentSum(width, dim, overlap=chosen.overlap)
        exact = ldt.tail(model, level, method="exact")
        found = ldt.tail(model, level, method="importance", samples=4000, rng=1)
        variance, z = found.detail.relative_variance, (found.logp - exact.logp) / found.error
        row = f"{width:7d} {dim:5d} {level:7.4g} {exact.logp:14.4f} {variance:14.3f} {z:6.2f} {found.detail.samples:8d} {found.status}"
        print(row, flush=True)
        scores.append(z)
        worst = max(worst, (variance, f"N = {width}, d = {dim}, alpha = {level:g}"))
    rms = math.sqrt(sum(z * z for z in scores) / len(scores))
    print(f"{len(scores)} points; largest relative variance per sample {worst[0]:.3f} at {worst[1]}; z-scores: root mean square {rms:.2f}")


if __name__ == "__main__":
    main()
