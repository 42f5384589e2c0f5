r"""Draws from a finite law at one table look-up each: the alias method on a xoshiro256++ stream.

A law on K = 2^m entries is laid out in K columns of mass 1/K with at most two entries each (Walker 1977; Vose 1991).  One 64-bit word
picks the column by its top m bits and the entry by whether the others exceed the column's threshold, so that every probability is met to
2^-64 and the rounding of its layout (a few 1e-16).  An entry of no probability is never drawn.

The words are xoshiro256++'s (Blackwell & Vigna 2021, "Scrambled linear pseudorandom number generators"), period 2^256 - 1, started from
256 random bits; the sums are of doubles in the order drawn, so that their bytes are the same on every machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]
Words = NDArray[np.uint64]


class Alias(NamedTuple):
    """Columns of a finite law: their ``threshold`` (K,) on the scale of a word, and the entries below and above it, ``entry`` (2K,)."""

    threshold: Words
    entry: NDArray[np.int64]


@compiled
def _layout(p: Array, scaled: Array, entry: NDArray[np.int64], stack: NDArray[np.int64]) -> None:
    """Fill ``scaled`` (K,), each column's share of its first entry, and ``entry`` (2K,) for probabilities ``p`` (at most K)."""
    size = scaled.size
    light = 0
    heavy = size
    for i in range(size):
        scaled[i] = p[i] * size if i < p.size else 0.0
        entry[2 * i] = entry[2 * i + 1] = min(i, p.size - 1)  # columns beyond the entries are padding of no mass
        if scaled[i] < 1.0:
            stack[light] = i
            light += 1
        else:
            heavy -= 1
            stack[heavy] = i
    top = heavy  # the heavy entry that gives at present; those before it have become light
    while light > 0 and top < size:
        light -= 1
        low = stack[light]
        high = stack[top]
        entry[2 * low + 1] = entry[2 * high]
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            stack[light] = high
            light += 1
            top += 1
    # What rounding has left on the stacks is full.
    for i in range(light):
        scaled[stack[i]] = 1.0
    for i in range(top, size):
        scaled[stack[i]] = 1.0


def alias(p: Array) -> Alias:
    """The columns for probabilities ``p`` (sum 1; 2 to 2^32 of them).

    >>> table = alias(np.array([0.75, 0.25]))
    >>> table.entry.tolist(), (table.threshold / 2.0**64).tolist()
    ([0, 0, 1, 0], [1.0, 0.5])
    """
    size = 2 ** max(1, int(len(p) - 1).bit_length())
    scaled, entry, stack = np.empty(size), np.empty(2 * size, dtype=np.int64), np.empty(size, dtype=np.int64)
    _layout(p, scaled, entry, stack)
    full = scaled >= 1.0
    threshold = np.where(full, 0.0, scaled * 2.0**64).astype(np.uint64)
    threshold[full] = np.uint64(2**64 - 1)
    entry[1::2][full] = entry[::2][full]
    return Alias(threshold, entry)


@compiled
def _step(a: Any, b: Any, c: Any, d: Any) -> Any:
    """(word, next state) of xoshiro256++."""
    r = a + d
    word = ((r << np.uint64(23)) | (r >> np.uint64(41))) + a
    t = b << np.uint64(17)
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    return word, a, b, c, (d << np.uint64(45)) | (d >> np.uint64(19))


@compiled
def add_sums(state: Words, threshold: Words, value: Array, bits: int, count: int, total: Array) -> None:
    """Add to every element of ``total`` the sum of ``count`` draws of ``value[entry]`` (2K,); ``state`` (4,) moves on."""
    shift = np.uint64(64 - bits)
    rest = np.uint64(bits)
    one = np.uint64(1)
    a, b, c, d = state[0], state[1], state[2], state[3]
    for j in range(total.size):
        sum_ = 0.0
        for _ in range(count):
            word, a, b, c, d = _step(a, b, c, d)
            column = word >> shift
            place = column << one
            if word << rest >= threshold[column]:
                place |= one
            sum_ += value[place]
        total[j] += sum_
    state[0], state[1], state[2], state[3] = a, b, c, d


@compiled
def pick(state: Words, threshold: Words, entry: NDArray[np.int64], bits: int, found: NDArray[np.int64]) -> None:
    """Fill ``found`` with drawn entries; ``state`` (4,) moves on."""
    shift = np.uint64(64 - bits)
    rest = np.uint64(bits)
    one = np.uint64(1)
    a, b, c, d = state[0], state[1], state[2], state[3]
    for j in range(found.size):
        word, a, b, c, d = _step(a, b, c, d)
        column = word >> shift
        place = column << one
        if word << rest >= threshold[column]:
            place |= one
        found[j] = entry[place]
    state[0], state[1], state[2], state[3] = a, b, c, d


__all__ = ["Alias", "add_sums", "alias", "pick"]
