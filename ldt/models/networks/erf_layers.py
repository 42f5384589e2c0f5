"""Loops over the points of an average for chains of three-layer networks, ``BATCH`` points at a time so that they vectorise.

phi (n, N1, T) are first-layer outputs and inner (n, N2, T) middle preactivations of n chains at T points; ``rows`` (m,) are chains that
move.  T is a multiple of BATCH.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled
from ldt.numerics.fast_erf import fast_erf

Array = NDArray[np.float64]
BATCH = 64


@compiled
def add_products(x: Array, factors: Array, columns: Array, start: int) -> None:
    """x[s] += sum_i factors[i] columns[i, start + s]."""
    for i in range(factors.size):
        f, column = factors[i], columns[i, start : start + BATCH]
        for s in range(BATCH):
            x[s] += f * column[s]


@compiled
def add_erf(sums: Array, x: Array, weights: Array) -> None:
    """sums[s] += weights[s] erf(x[s])."""
    for s in range(BATCH):
        sums[s] += weights[s] * fast_erf(x[s])


@compiled
def total(sums: Array) -> float:
    """The sum of the entries."""
    found = 0.0
    for value in sums:
        found += value
    return found


@compiled
def erf_outputs(w: Array, columns: Array) -> Array:
    """erf(w . x) for weights w (r, d) at points, the columns (d, T): shape (r, T)."""
    out = np.empty((w.shape[0], columns.shape[1]))
    x = np.empty(BATCH)
    for a in range(w.shape[0]):
        for start in range(0, columns.shape[1], BATCH):
            x[:] = 0.0
            add_products(x, w[a], columns, start)
            here = out[a, start : start + BATCH]
            for s in range(BATCH):
                here[s] = fast_erf(x[s])
    return out


@compiled
def preactivations(v: Array, phi: Array, rows: Any) -> Array:
    """v phi for middle weights v (m, p, N1) of the chains ``rows``: shape (m, p, T)."""
    m, size, points = v.shape[0], v.shape[1], phi.shape[2]
    out = np.zeros((m, size, points))
    for a in range(m):
        for j in range(size):
            for start in range(0, points, BATCH):
                add_products(out[a, j, start : start + BATCH], v[a, j], phi[rows[a]], start)
    return out


@compiled
def overlaps(inner: Array, weights: Array) -> Array:
    """sum_t o_t erf(inner_t), shape (n, N2, T) -> (n, N2)."""
    n, size, points = inner.shape
    out = np.empty((n, size))
    sums = np.empty(BATCH)
    for a in range(n):
        for j in range(size):
            sums[:] = 0.0
            for start in range(0, points, BATCH):
                add_erf(sums, inner[a, j, start : start + BATCH], weights[start : start + BATCH])
            out[a, j] = total(sums)
    return out


@compiled
def middle_overlaps(v: Array, phi: Array, rows: Any, weights: Array) -> Array:
    """The overlaps of middle neurons with weights v (m, p, N1) in the chains ``rows``: shape (m, p)."""
    m, size, points = v.shape[0], v.shape[1], phi.shape[2]
    out = np.empty((m, size))
    x, sums = np.empty(BATCH), np.empty(BATCH)
    for a in range(m):
        for j in range(size):
            sums[:] = 0.0
            for start in range(0, points, BATCH):
                x[:] = 0.0
                add_products(x, v[a, j], phi[rows[a]], start)
                add_erf(sums, x, weights[start : start + BATCH])
            out[a, j] = total(sums)
    return out


@compiled
def changed_overlaps(inner: Array, phi: Array, rows: Any, i: Any, new: Array, v: Array, weights: Array) -> Array:
    """The overlaps (m, N2) of the chains ``rows``, with middle weights v (m, N2, N1), once their outputs i (m, p) are ``new`` (m, p, T)."""
    m, size, points = v.shape[0], v.shape[1], inner.shape[2]
    out = np.empty((m, size))
    change = np.empty((i.shape[1], points))
    factors = np.empty(i.shape[1])
    x, sums = np.empty(BATCH), np.empty(BATCH)
    for a in range(m):
        row = rows[a]
        for p in range(i.shape[1]):
            change[p] = new[a, p] - phi[row, i[a, p]]
        for j in range(size):
            for p in range(i.shape[1]):
                factors[p] = v[a, j, i[a, p]]
            sums[:] = 0.0
            for start in range(0, points, BATCH):
                x[:] = inner[row, j, start : start + BATCH]
                add_products(x, factors, change, start)
                add_erf(sums, x, weights[start : start + BATCH])
            out[a, j] = total(sums)
    return out


@compiled
def change_outputs(inner: Array, phi: Array, rows: Any, i: Any, new: Array, v: Array) -> None:
    """Makes that change, in place."""
    factor = np.empty(1)
    for a in range(v.shape[0]):
        row = rows[a]
        for p in range(i.shape[1]):
            change = (new[a, p] - phi[row, i[a, p]]).reshape(1, -1)
            for j in range(v.shape[1]):
                factor[0] = v[a, j, i[a, p]]
                for start in range(0, change.shape[1], BATCH):
                    add_products(inner[row, j, start : start + BATCH], factor, change, start)
            phi[row, i[a, p]] = new[a, p]


__all__ = ["change_outputs", "changed_overlaps", "erf_outputs", "middle_overlaps", "overlaps", "preactivations"]
