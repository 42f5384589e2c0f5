"""Relative variance per sample of the importance sampler over N, d and alpha; run `python benchmarks/importance_map.py`.

Also the z-score of each estimate against the exact value.  Sampling is asked for 2 % of P at each point.
"""

from __future__ import annotations

import ldt


def main() -> None:
    """Print the map and its worst point."""
    worst = (0.0, "")
    print(f"{'N':>7} {'d':>5} {'alpha':>6} {'log P':>14} {'rel. variance':>14} {'z':>6}")
    for width in (1, 5, 20, 50, 100, 1000, 10**4):
        for dim in (2, 5, 20, 50, 100, 400, 1000):
            for level in (0.05, 0.3, 1.0, 3.0):
                model = ldt.AlignmentSum(width, dim)
                exact = ldt.tail(model, level, method="exact")
                found = ldt.tail(model, level, method="importance", target_error=0.02, rng=1)
                variance = found.detail.relative_variance
                z = (found.logp - exact.logp) / found.error
                print(f"{width:7d} {dim:5d} {level:6g} {exact.logp:14.4f} {variance:14.3f} {z:6.2f}", flush=True)
                worst = max(worst, (variance, f"N = {width}, d = {dim}, alpha = {level:g}"))
    print(f"largest relative variance per sample: {worst[0]:.3f} at {worst[1]}")


if __name__ == "__main__":
    main()
