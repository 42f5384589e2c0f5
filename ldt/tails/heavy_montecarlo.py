"""Plain Monte Carlo of the sum of cubes: hits are counted; for the density, one term is integrated out: p(t) = E f(t - S_(n-1))."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ldt.models.heavy_sum import MAX_DRAWS, PIECE, standard, sums
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.sums import LogSums
from ldt.tails.montecarlo import SAMPLES, counted, mean_weight, proportion


def run(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level), log P(A <= level) or log p(level) from 100,000 draws or ``samples``: a dict of TailResult fields."""
    entropy = entropy_of(rng)
    what = _Block(model, *standard(model, level, side), density, entropy)
    found = counted(
        partial(block_hits, what=what), LogSums() if density else 0, mean_weight if density else proportion, samples=samples,
        target_error=target_error, default=SAMPLES, most=MAX_DRAWS // model.n, what=f"{model.n:.3g} terms",
        block=max(1, min(65_536, PIECE // model.n)), workers=workers, progress=progress,
    )  # fmt: skip
    found["advice"] = found.get("advice", "").replace("'importance'", "'conditional'")
    return {"seed": entropy, **found}


@dataclass(frozen=True)
class _Block:
    """What it takes to draw from the sum: shipped with every block."""

    model: Any
    t: float
    side: str
    density: bool
    entropy: int


def block_hits(task: tuple[int, int], *, what: _Block) -> int | LogSums:
    """Hits among the draws of one block, or for the density the sums of their weights."""
    b, size = task
    random = block_generator(what.entropy, b)
    term, n = what.model.term, what.model.n
    if what.density:
        return LogSums.of(term.log_pdf(what.t - sums(term, n - 1, size, random)) - math.log(what.model.factor))
    total = sums(term, n, size, random)
    return int(np.count_nonzero(total >= what.t if what.side == "upper" else total <= what.t))
