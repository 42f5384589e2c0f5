r"""Plain Monte Carlo for networks: parameters are drawn, hits counted, the interval is binomial (ldt.tails.montecarlo).

Where the network averages over data points, hits can be due to the average's error; the same draws on finer, fresh points tell how
many are.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ldt.numerics.random import block_generator, entropy_of
from ldt.tails.montecarlo import counted, proportion

BLOCK_NUMBERS = 2_000_000  # parameters drawn in one block
MAX_NUMBERS = 4_000_000_000
#: Samples of each of the first blocks that are looked at again on fresh points.
CHECKED, CHECKED_BLOCKS = 500, 4


def counting(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) (A <= level for side 'lower') of a network by counting; a dict of TailResult fields.

    As ``ldt.tails.montecarlo``, 20,000 samples by default.
    """
    entropy = entropy_of(rng)
    found = counted(
        partial(count, model=model, level=level, side=side, entropy=entropy), np.zeros(3, dtype=np.int64), _answer,
        samples=samples, target_error=target_error, default=20_000, most=MAX_NUMBERS // model.dimension,
        what=f"{model.dimension} parameters", block=max(1, min(4096, BLOCK_NUMBERS // model.dimension)), workers=workers, progress=progress,
    )  # fmt: skip
    return {"seed": entropy, **found}


def _answer(total: Any, n: int) -> dict[str, Any]:
    hits, checked, flips = (int(x) for x in total)
    found = proportion(hits, n)
    if checked and math.isfinite(found["logp"]):
        # Hits gained or lost on fresh points, per hit expected among those checked; one more, as none seen does not mean none.
        average = math.sqrt(flips + 1.0) / max(checked * hits / n, 1.0)
        found["error"] = math.hypot(found["error"], average)
        if average > 0.5:
            advice = f"the average over the data adds up to {average:.2g} nats of error; raise points or samples"
            found |= {"status": "warning", "advice": advice}
    return found


def count(task: tuple[int, int], *, model: Any, level: float, side: str, entropy: int) -> Any:
    """[hits, samples looked at again, hits among them gained or lost on fresh points] of one block."""
    b, size = task
    random = block_generator(entropy, b)
    z = random.standard_normal((size, model.dimension))
    hit = _hits(model, z, level, side)
    fine = model.refined(b) if b < CHECKED_BLOCKS else None
    if fine is None:
        return np.array([np.count_nonzero(hit), 0, 0])
    again = _hits(fine, z[:CHECKED], level, side)
    return np.array([np.count_nonzero(hit), len(again), np.count_nonzero(again != hit[:CHECKED])])


def _hits(network: Any, z: Any, level: float, side: str) -> Any:
    from ldt.models.networks.base import checked

    score = checked(network.score, z, "score")
    return score >= level if side == "upper" else score <= level
