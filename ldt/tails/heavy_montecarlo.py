"""Plain Monte Carlo of sums without a tilt: hits are counted; the interval is the exact binomial one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.models.heavy_sum import MAX_DRAWS, PIECE, standard, sums
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.workers import mapper, sample_count
from ldt.results import Cost
from ldt.tails.montecarlo import proportion


def run(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = 100_000, rng: Any = None, workers: Any = 1
) -> dict[str, Any]:
    """Estimate log P(S >= level) or log P(S <= level): a dict of TailResult fields."""
    size = sample_count(samples)
    t, side = standard(model, level, side)
    if size * model.n > MAX_DRAWS:
        raise ModelError(f"samples: {size} samples of {model.n:.3g} terms are too many; at most {MAX_DRAWS // model.n} here")
    entropy = entropy_of(rng)
    block = max(1, min(65_536, PIECE // model.n))
    tasks = [(b, min(block, size - b * block)) for b in range(-(-size // block))]

    def one(task: tuple[int, int]) -> int:
        total = sums(model.term, model.n, task[1], block_generator(entropy, task[0]))
        return int(np.count_nonzero(total >= t if side == "upper" else total <= t))

    run_map, close = mapper(workers)
    try:
        hits = sum(run_map(one, tasks))
    finally:
        close()
    found = {"seed": entropy, "error_kind": "stderr", "cost": Cost(samples=size), **proportion(hits, size)}
    if found.get("advice"):
        found["advice"] = found["advice"].replace("'importance'", "'conditional'")
    return found
