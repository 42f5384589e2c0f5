r"""Kernels of one layer, G(K) = E phi(h) phi(h)^T for h ~ N(0, K), and the adjoint of their derivative.

    erf     G_ij = (2/pi) asin(2 K_ij/sqrt((1 + 2 K_ii)(1 + 2 K_jj)))                                  (Williams 1996)
    relu    G_ij = sqrt(K_ii K_jj) (sin t + (pi - t) cos t)/(2 pi),  cos t = K_ij/sqrt(K_ii K_jj)       (Cho, Saul 2009)
    linear  G = K

``adjoint(K, A)`` is the symmetric D with Tr(A dG) = Tr(D dK) for every symmetric dK.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError

Array = NDArray[np.float64]

ACTIVATIONS = ("erf", "relu", "linear")


def layer_kernel(activation: str, k: Array) -> Array:
    """G(K), shape of ``k``.

    >>> bool(abs(layer_kernel("erf", np.array([[1.0]]))[0, 0] - 2 / math.pi * math.asin(2 / 3)) < 1e-15)
    True
    """
    if activation == "linear":
        return k
    diagonal = np.diagonal(k)
    if activation == "erf":
        return np.asarray(2.0 / math.pi * np.arcsin(_correlation(k)))
    if activation == "relu":
        root = np.sqrt(np.maximum(diagonal, 0.0))
        scale = np.outer(root, root)
        t = np.arccos(_cosine(k, scale))
        return np.asarray(scale * (np.sin(t) + (math.pi - t) * np.cos(t)) / (2.0 * math.pi))
    raise ModelError(f"activation: must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")


def adjoint(activation: str, k: Array, a: Array) -> Array:
    """D with Tr(A dG) = Tr(D dK), for symmetric ``a``; shape of ``k``."""
    if activation == "linear":
        return a
    diagonal = np.diagonal(k)
    if activation == "erf":
        m = 1.0 + 2.0 * diagonal
        r = _correlation(k)
        b = a * (2.0 / math.pi) / np.sqrt((1.0 - r) * (1.0 + r))
        d = 2.0 * b / np.sqrt(np.outer(m, m))
        d[np.diag_indices_from(d)] -= 2.0 * np.sum(b * r, axis=1) / m
        return np.asarray(d)
    if activation == "relu":
        root = np.sqrt(np.maximum(diagonal, 1e-300))
        t = np.arccos(_cosine(k, np.outer(root, root)))
        d = a * (math.pi - t) / (2.0 * math.pi)
        d[np.diag_indices_from(d)] += (a * np.sin(t)) @ root / (2.0 * math.pi * root)
        return np.asarray(d)
    raise ModelError(f"activation: must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")


def _correlation(k: Array) -> Array:
    m = 1.0 + 2.0 * np.diagonal(k)
    return np.asarray(np.minimum(np.maximum(2.0 * k / np.sqrt(np.outer(m, m)), -1.0), 1.0))


def _cosine(k: Array, scale: Array) -> Array:
    cosine = np.minimum(np.maximum(np.divide(k, scale, out=np.zeros_like(k), where=scale > 0.0), -1.0), 1.0)
    cosine[np.diag_indices_from(cosine)] = 1.0
    return np.asarray(cosine)
