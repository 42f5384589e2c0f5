r"""Plain Monte Carlo for networks: parameters are drawn, hits counted, the interval is the exact binomial one (ldt.tails.montecarlo).

Where the network averages over data points, hits can be due to the average's error; the same draws on finer, fresh points tell how
many are.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.workers import mapper, sample_count
from ldt.results import Cost
from ldt.tails.montecarlo import _proportion

BLOCK_NUMBERS = 2_000_000  # parameters drawn in one block
CHECKED = 2_000  # samples that are looked at again on fresh points


def counting(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = 20_000, rng: Any = None, workers: Any = 1
) -> dict[str, Any]:
    """Estimate log P(A >= level) (A <= level for side 'lower') of a network by counting; a dict of TailResult fields."""
    n = sample_count(samples)
    entropy = entropy_of(rng)
    block = max(1, min(4096, BLOCK_NUMBERS // model.dimension))
    sizes = [min(block, n - b * block) for b in range(-(-n // block))]
    run, close = mapper(workers)
    try:
        work = partial(count, model=model, level=level, side=side, entropy=entropy, check=-(-CHECKED // len(sizes)))
        parts = list(run(work, enumerate(sizes)))
    finally:
        close()
    hits, checked, flips = (sum(p[i] for p in parts) for i in range(3))
    found: dict[str, Any] = {"seed": entropy, "error_kind": "stderr", "cost": Cost(samples=n), **_proportion(hits, n)}
    if checked and math.isfinite(found["logp"]):
        # Hits gained or lost on fresh points, per hit expected among those checked; one more, as none seen does not mean none.
        average = math.sqrt(flips + 1.0) / max(checked * hits / n, 1.0)
        found["error"] = math.hypot(found["error"], average)
        if average > 0.5:
            advice = f"the average over the data adds up to {average:.2g} nats of error; raise points or samples"
            found |= {"status": "warning", "advice": advice}
    return found


def count(task: tuple[int, int], *, model: Any, level: float, side: str, entropy: int, check: int) -> tuple[int, int, int]:
    """(hits, samples looked at again, hits among them gained or lost on fresh points) of one block."""
    b, size = task
    random = block_generator(entropy, b)
    z = random.standard_normal((size, model.dimension))
    hit = _hits(model, z, level, side)
    fine = model.refined(b)
    if fine is None:
        return int(np.count_nonzero(hit)), 0, 0
    again = _hits(fine, z[:check], level, side)
    return int(np.count_nonzero(hit)), len(again), int(np.count_nonzero(again != hit[:check]))


def _hits(network: Any, z: Any, level: float, side: str) -> Any:
    from ldt.models.networks.base import checked

    score = checked(network.score, z, "score")
    return score >= level if side == "upper" else score <= level
