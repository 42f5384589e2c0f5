r"""Softmax averages over Gaussian keys, as a table in two numbers.

A token with logit b a attends to itself and to K = L - 1 keys with logits b t_1..b t_K, t ~ N(0, 1).  With p_0, r_1..r_K the softmax, e_i =
He_2(t_i) and z_i = He_3(t_i), attention needs ten averages over t (ldt.models.networks.attention),

    own weight    p_0 S t_i,   p_0 S e_i,   p_0 S' t_i e_j
    keys          S r_i,   S r_i t_i,   S r_i e_i + S' r_i t_i t_j,   S' r_i t_i t_j,   S r_i z_i + S' r_i t_i e_j,   S' r_i e_j,
                  S' (r_i e_i e_j + r_i z_i t_j) + S'' r_i t_i t_j e_k

(S over all, S', S'' over different keys).  The softmax is the law of the largest of logit + Gumbel noise (Gumbel 1954; Yellott 1977), so
with m_n(x) = E[He_n(t); t + G/b <= x] and k(x) = P(a + G/b <= x) = exp(-e^(-b (x - a))) each is one integral, for instance

    E p_0 S t_i = K int k' m_1 m_0^(K-1) dx,    E S' r_i t_i e_j = K (K - 1) int k m_1' m_2 m_0^(K-2) dx.

All integrands are analytic and decay, so that the trapezoid rule converges faster than any power.  In a and b/(b + 2), from b = 0 (where
r = 1/L) to b = inf (where the largest takes all), the averages are smooth: bicubic splines interpolate them.  (derived here)
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]

AVERAGES = 10
ROOM = 12  # columns, so that loops over them fill vector registers
HALF = 2.0  # the b in the middle of the table
CELLS_A = 16  # cells a unit of a
CELLS_B = 64  # cells in b/(b + HALF)
STEP = 0.35  # of trapezoid sums over the noise: the strip of analyticity pi/2 leaves e^(-pi^2/STEP) = 6e-13
NOISE = STEP * np.arange(-10, 93)  # where the Gumbel density is above 1e-14


@lru_cache(maxsize=8)
def key_table(length: int, bound: int) -> Array:
    """Spline coefficients of the averages, shape (32 bound + 3, CELLS_B + 3, ROOM), for |a| <= bound.

    >>> key_table(2, 3).shape
    (99, 67, 12)
    """
    from scipy.interpolate import make_interp_spline

    knots_a, a = _knots(-float(bound), float(bound), 2 * bound * CELLS_A)
    knots_b, x = _knots(0.0, 1.0, CELLS_B)
    values = np.zeros((len(a), len(x), AVERAGES))
    values[:, 0, 3] = (length - 1) / length
    for j in range(1, len(x) - 1):
        values[:, j] = key_averages(HALF * x[j] / (1.0 - x[j]), a, length)
    values[:, -1] = hard_averages(a, length)
    half = make_interp_spline(a, values, k=3, t=knots_a).c
    whole = make_interp_spline(x, np.moveaxis(half, 1, 0), k=3, t=knots_b).c
    table = np.zeros((len(a), len(x), ROOM))
    table[:, :, :AVERAGES] = np.moveaxis(whole, 1, 0)
    table.setflags(write=False)
    return table


def key_averages(b: float, a: Array, length: int) -> Array:
    """The ten averages at slope b > 0 and own keys ``a``, shape (n, 10); to some 1e-9 of their sizes.

    >>> bool(abs(key_averages(0.01, np.array([0.5]), 4)[0, 3] - 0.75) < 1e-2)
    True
    """
    low = min(-9.0, float(np.min(a))) - 4.0 / b
    high = max(9.0, float(np.max(a))) + (32.0 + math.log(length)) / b
    h = min(STEP / b, 0.15)
    x = np.arange(low, high, h)
    own, keys = _integrands(*_noisy(x, b), length - 1)
    arrival = np.exp(-b * np.maximum(x - a[:, None], -700.0 / b))
    chance = np.exp(-arrival)
    return np.asarray(h * np.concatenate([(b * arrival * chance) @ own, chance @ keys], axis=1))


def hard_averages(a: Array, length: int) -> Array:
    """The ten averages where the largest logit takes all, shape (n, 10)."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    low = np.maximum(a, -10.0)
    width = np.maximum(a, 0.0) + 10.0 - low
    x: Array = np.asarray(low[:, None] + width[:, None] * (nodes + 1.0) / 2.0, dtype=np.float64)
    _, keys = _integrands(_primitives(x.ravel()), _densities(x.ravel()), length - 1)
    beyond = 0.5 * width[:, None] * np.einsum("s,nsf->nf", weights, keys.reshape(len(a), len(nodes), -1))
    own, _ = _integrands(_primitives(a), _densities(a), length - 1)
    return np.concatenate([own, beyond], axis=1)


def _integrands(m: Array, slope: Array, keys: int) -> tuple[Array, Array]:
    """What the own noise's density (3 columns) and its distribution (7) multiply: from m_0..m_3 and their derivatives, (4, n) each."""
    k, (m0, m1, m2, _), (d0, d1, d2, d3) = float(keys), m, slope
    log_m0 = np.log(np.maximum(m0, 1e-300))
    one, two, three = (np.exp((keys - i) * log_m0) if keys >= i else np.zeros_like(m0) for i in (1, 2, 3))
    one, two, three = k * one, k * (k - 1.0) * two, k * (k - 1.0) * (k - 2.0) * three
    own = [m1 * one, m2 * one, m1 * m2 * two]
    pairs = d1 * m1 * two
    rest = [d0 * one, d1 * one, d2 * one + pairs, pairs, d3 * one + d1 * m2 * two, d0 * m2 * two]
    rest.append((d2 * m2 + d3 * m1) * two + d1 * m1 * m2 * three)
    return np.stack(own, axis=1), np.stack(rest, axis=1)


def _noisy(x: Array, b: float) -> tuple[Array, Array]:
    """m_0..m_3 at x and their derivatives, (4, n) each: the sum over t where the noise is wide, else over the noise."""
    if b <= 2.0:
        t = np.asarray(0.15 * np.arange(-66, 67), dtype=np.float64)
        arrival = np.exp(-b * (x[:, None] - t))
        chance = np.exp(-arrival)
        weights = 0.15 * _densities(t)
        return np.asarray(weights @ chance.T), np.asarray(weights @ (b * arrival * chance).T)
    weights = STEP * np.exp(-NOISE - np.exp(-NOISE))
    at = np.asarray(x[:, None] - NOISE / b, dtype=np.float64)
    return np.asarray(_primitives(at) @ weights), np.asarray(_densities(at) @ weights)


def _densities(t: Array) -> Array:
    """He_n(t) phi(t), n = 0..3."""
    phi = np.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
    return np.stack([phi, t * phi, (t * t - 1.0) * phi, (t * t - 3.0) * t * phi])


def _primitives(t: Array) -> Array:
    """Their integrals from -inf: Phi, then -He_(n-1) phi."""
    from scipy.special import ndtr

    phi = np.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
    return np.stack([np.asarray(ndtr(t), dtype=np.float64), -phi, -t * phi, (1.0 - t * t) * phi])


def _knots(low: float, high: float, cells: int) -> tuple[Array, Array]:
    """Uniform knots of a cubic spline, and as many points as it has coefficients: the cells' ends and two midpoints."""
    h = (high - low) / cells
    ends = low + h * np.arange(cells + 1)
    ends[-1] = high
    points = np.concatenate([ends[:1], [low + 0.5 * h], ends[1:-1], [high - 0.5 * h], ends[-1:]])
    return np.asarray(low + h * np.arange(-3, cells + 4), dtype=np.float64), points


@compiled
def cell(u: float, cells: int) -> tuple[int, float, float, float, float]:
    """The cell of the coordinate u (in cells), and the values there of the four cubic B-splines that start at or before it."""
    i = min(max(int(u), 0), cells - 1)
    u -= i
    v = 1.0 - u
    u2, v2, sixth = u * u, v * v, 1.0 / 6.0
    return i, v2 * v * sixth, (4.0 + 3.0 * u2 * (u - 2.0)) * sixth, (4.0 + 3.0 * v2 * (v - 2.0)) * sixth, u2 * u * sixth


@compiled
def interpolate(table: Array, a: Array, b: Array, out: Array) -> None:
    """The averages at the points (a, b), shape (n,) each, into ``out`` (n, ROOM)."""
    cells = table.shape[0] - 3
    bound = 0.5 * cells / CELLS_A
    for s in range(a.size):
        i, w0, w1, w2, w3 = cell((a[s] + bound) * CELLS_A, cells)
        j, x0, x1, x2, x3 = cell(np.divide(CELLS_B * b[s], b[s] + HALF), CELLS_B)
        r0, r1, r2, r3 = table[i, j : j + 4], table[i + 1, j : j + 4], table[i + 2, j : j + 4], table[i + 3, j : j + 4]
        for f in range(ROOM):
            total = w0 * (x0 * r0[0, f] + x1 * r0[1, f] + x2 * r0[2, f] + x3 * r0[3, f])
            total += w1 * (x0 * r1[0, f] + x1 * r1[1, f] + x2 * r1[2, f] + x3 * r1[3, f])
            total += w2 * (x0 * r2[0, f] + x1 * r2[1, f] + x2 * r2[2, f] + x3 * r2[3, f])
            out[s, f] = total + w3 * (x0 * r3[0, f] + x1 * r3[1, f] + x2 * r3[2, f] + x3 * r3[3, f])


__all__ = ["interpolate", "key_averages", "key_table"]
