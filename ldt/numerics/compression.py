r"""Few nodes for many: the Gauss rule of a discrete measure.

A measure sum_j exp(lw_j) delta(x_j) of m points is replaced by n points that share its first 2n - 1 moments (the Gauss rule of the
measure itself).  The Lanczos process started from the square roots of the weights gives the Jacobi matrix, whose eigenvalues are the
points and whose eigenvectors' first components the square roots of the new weights (Golub, Welsch 1969; Golub, Meurant 2010,
ch. 4 and 5).  Every step is made orthogonal to all before, so that the recurrence keeps its digits for any weights.  Smooth integrands of
modest range come out to rounding with n of 10 to 30; the caller checks those that it needs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Measures taken together, times their points: bounds the memory.
BLOCK = 400_000


def gauss_rules(lw: Array, x: Array, n: int, parts: int = 1) -> tuple[Array, Array]:
    """(log weights, points) of the n-point rules of the measures in the rows of ``lw`` and ``x``; shapes (measures, m) to (measures,
    parts n), with weight -inf where fewer are needed.  ``parts`` > 1: of that many parts of each measure, in order of x, for integrands of
    many scales.

    >>> x = np.linspace(-1.0, 1.0, 200)[None]
    >>> lw, points = gauss_rules(np.full((1, 200), -np.log(200.0)), x, 7)
    >>> bool(abs(np.sum(np.exp(lw) * np.exp(points)) - np.mean(np.exp(x))) < 1e-14)
    True
    """
    rows = max(1, BLOCK // lw.shape[1])
    found = [_in_parts(lw[i : i + rows], x[i : i + rows], n, parts) for i in range(0, len(lw), rows)]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _in_parts(lw: Array, x: Array, n: int, parts: int) -> tuple[Array, Array]:
    count = len(lw)
    if parts > 1:
        order = np.argsort(x, axis=1)
        each = -(-lw.shape[1] // parts)
        more = ((0, 0), (0, each * parts - lw.shape[1]))
        lw = np.pad(np.take_along_axis(lw, order, axis=1), more, constant_values=-np.inf).reshape(count * parts, each)
        x = np.pad(np.take_along_axis(x, order, axis=1), more, mode="edge").reshape(count * parts, each)
    weights, points = _rules(lw, x, n)
    return weights.reshape(count, parts * n), points.reshape(count, parts * n)


def _rules(lw: Array, x: Array, n: int) -> tuple[Array, Array]:
    top = lw.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)  # a part may be empty
    start = np.exp(0.5 * (lw - top))
    norm = np.linalg.norm(start, axis=1, keepdims=True)
    there = start > 0.0
    there[norm[:, 0] == 0.0] = True
    low, high = np.min(np.where(there, x, np.inf), axis=1, keepdims=True), np.max(np.where(there, x, -np.inf), axis=1, keepdims=True)
    middle, half = 0.5 * (low + high), np.maximum(0.5 * (high - low), 1e-300)
    t = np.where(there, (x - middle) / half, 0.0)
    basis = np.zeros((len(lw), n, lw.shape[1]))
    jacobi = np.zeros((len(lw), n, n))
    v = start / np.where(norm > 0.0, norm, 1.0)
    for k in range(n):
        basis[:, k] = v
        w = t * v
        jacobi[:, k, k] = np.einsum("ij,ij->i", v, w)
        known = basis[:, : k + 1]
        for _ in range(2):
            w = w - np.matmul(np.matmul(known, w[:, :, None])[:, None, :, 0], known)[:, 0]
        size = np.linalg.norm(w, axis=1)
        size[size < 1e-14] = 0.0
        if k + 1 < n:
            jacobi[:, k, k + 1] = jacobi[:, k + 1, k] = size
        v = w / np.where(size > 0.0, size, 1.0)[:, None] * (size > 0.0)[:, None]
    points, vectors = np.linalg.eigh(jacobi)
    with np.errstate(divide="ignore"):
        weights = 2.0 * np.log(np.abs(vectors[:, 0]) * norm) + top
    return weights, middle + half * points


__all__ = ["gauss_rules"]
