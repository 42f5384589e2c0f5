"""Random streams: one entropy, fixed blocks, one Philox generator a block, so the bytes do not depend on the workers."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from ldt.errors import ModelError


def entropy_of(rng: Any) -> int:
    """The integer entropy behind ``rng`` (None: fresh; int; SeedSequence; Generator or RandomState: one draw from it)."""
    if rng is None:
        return secrets.randbits(63)
    if isinstance(rng, (bool, float, str)):
        raise ModelError(f"rng: must be None, a non-negative integer, a SeedSequence or a Generator, got {rng!r}")
    if isinstance(rng, np.random.SeedSequence):
        return int(rng.generate_state(1, np.uint64)[0]) >> 1
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(0, 2**63 - 1))
    if isinstance(rng, np.random.RandomState):
        return int(rng.randint(0, 2**63 - 1, dtype=np.int64))
    try:
        value = int(rng)
    except (TypeError, ValueError):
        raise ModelError(f"rng: must be None, a non-negative integer, a SeedSequence or a Generator, got {rng!r}") from None
    if value < 0:
        raise ModelError(f"rng: a seed must not be negative, got {rng!r}")
    return value


def block_generator(entropy: int, *block: int) -> np.random.Generator:
    """The generator of one block (a tuple of non-negative integers) of the stream with this entropy."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy, spawn_key=tuple(block))))


def generator(rng: Any) -> np.random.Generator:
    """A generator for one use: ``rng`` itself if it is one."""
    return rng if isinstance(rng, np.random.Generator) else block_generator(entropy_of(rng))


def one_of(random_state: Any, rng: Any) -> Any:
    """``rng`` under either of the two names that SciPy gives it."""
    if random_state is not None and rng is not None:
        raise ModelError("random_state: give rng or random_state, which are one thing under two names, not both")
    return rng if random_state is None else random_state
