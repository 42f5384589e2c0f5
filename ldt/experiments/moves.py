r"""Moves of one chain on the posterior: trajectories of all weights, and replacement of single neurons.

``trajectory``: leapfrog with momenta drawn afresh, z' = z + h p, p' = p - h dU, accepted with probability min(1, exp(-Delta H))
(Duane et al. 1987; Neal 2011).  One leapfrog step, accepted so, is MALA; not accepted or rejected at all it is Langevin dynamics
z' = z - (h^2/2) dU + h xi, whose stationary law is wrong by an amount that falls with h (Roberts and Tweedie 1996): ``acceptance`` then
says what a Metropolis step would have accepted, and the step is adapted to keep that near 1.

``exchange`` (two layers): in the whitened weights of a neuron let z_1 be the target's direction, s = |z_perp|^2.  A neuron is offered new
(z_1, s) with its own direction of z_perp, from the even mixture of the prior and of a broad law at specialised values, or an altogether new
neuron from the prior; accepted by Metropolis and Hastings.  That lets neurons specialise and despecialise at rates that gradient dynamics
does not have (the wells of theory section 3 are far apart), so that the number of specialised neurons mixes.  All N offers are worked out
with matrix products and decided one after the other in a compiled loop.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ldt.experiments.activations import Array, activate
from ldt.experiments.posterior import Posterior
from ldt.numerics.compiled import compiled

#: Specialised offers: z_1/sqrt d ~ +-Gamma(shape, mean), s ~ factor * chi^2_(d-1).
SHAPE, MEAN = 12.0, 1.5
FACTORS = (0.15, 0.3, 0.6)


def trajectory(
    post: Posterior, z: Array, u: float, slope: Array, h: float, steps: int, random: np.random.Generator, adjust: bool
) -> tuple[Array, float, Array, float]:
    """One trajectory of ``steps`` leapfrog steps h from z with U = u and dU = slope: (z, U, dU, probability of acceptance).

    ``adjust=False``: taken whatever that probability is (unless the energy is no longer finite).
    """
    p = random.standard_normal(len(z))
    threshold = math.log(random.random())
    start = u + 0.5 * float(p @ p)
    q, g, v = z, slope, u
    for _ in range(steps):
        p = p - 0.5 * h * g
        q = q + h * p
        v, g = post.energy(q)
        p = p - 0.5 * h * g
    change = v + 0.5 * float(p @ p) - start
    if not math.isfinite(change):
        return z, u, slope, 0.0
    if not adjust or threshold < -change:
        return q, v, g, math.exp(min(0.0, -change))
    return z, u, slope, math.exp(min(0.0, -change))


def exchange(post: Posterior, z: Array, random: np.random.Generator, fresh: bool) -> tuple[Array, int]:
    """Offers every neuron of a two-layer network a replacement: (z, how many were accepted)."""
    d, n = post.stack.sizes
    old = z.reshape(n, d)
    if fresh:
        new, log_ratio = random.standard_normal((n, d)), np.zeros(n)
    else:
        new, log_ratio = _radial_offers(old, random)
    w = post.stack.scale(0) * np.vstack([old, new])
    phi, _ = activate(post.stack.activation, post.x @ w.T)
    gram, overlap = phi.T @ phi, phi.T @ post.y
    g = post.stack.tau * gram[:n, :n]
    g.flat[:: n + 1] += post.ridge
    inverse = np.linalg.inv(g)
    taken = decide(gram, overlap, post.stack.tau, post.ridge, log_ratio, np.log(random.random(n)), 0.5 * (inverse + inverse.T))
    return np.where(taken[:, None], new, old).reshape(-1), int(taken.sum())


def _radial_offers(old: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """New neurons with their old directions of z_perp, and log [prior(new) q(old)]/[prior(old) q(new)]."""
    n, d = old.shape
    s_old = np.einsum("nd,nd->n", old[:, 1:], old[:, 1:])
    special = random.random(n) < 0.5
    factor = np.array(FACTORS)[random.integers(0, len(FACTORS), n)]
    sign = np.where(random.random(n) < 0.5, 1.0, -1.0)
    far = sign * math.sqrt(d) * random.gamma(SHAPE, MEAN / SHAPE, n)
    z1 = np.where(special, far, random.standard_normal(n))
    s = np.where(special, factor, 1.0) * random.chisquare(d - 1, n)
    new = np.empty_like(old)
    new[:, 0] = z1
    new[:, 1:] = old[:, 1:] * np.sqrt(s / s_old)[:, None]
    return new, _log_excess(old[:, 0], s_old, d) - _log_excess(z1, s, d)


def _log_excess(z1: Array, s: Array, d: int) -> Array:
    """log q/prior of the offers' law of (z_1, s): q = prior/2 + special/2."""
    w = np.maximum(np.abs(z1) / math.sqrt(d), 1e-300)
    rate = SHAPE / MEAN
    log_far = SHAPE * math.log(rate) + (SHAPE - 1.0) * np.log(w) - rate * w - math.lgamma(SHAPE) - math.log(2.0 * math.sqrt(d))
    log_far += 0.5 * z1 * z1 + 0.5 * math.log(2.0 * math.pi)
    k = 0.5 * (d - 1)
    parts = [-k * math.log(f) + 0.5 * s * (1.0 - 1.0 / f) for f in FACTORS]
    log_radius = np.logaddexp.reduce(parts, axis=0) - math.log(len(FACTORS))
    return np.asarray(np.logaddexp(0.0, log_far + log_radius) - math.log(2.0))


@compiled
def decide(gram: Array, overlap: Array, tau: float, ridge: float, log_ratio: Array, log_u: Array, inverse: Array) -> Any:
    """Which of the n offers (columns n.. of the features) are taken, one after the other; ``inverse`` = G^(-1) of the columns 0..n-1.

    With H = G^(-1), m = H b and b = Phi' y: taking column i out changes b' H b by -m_i^2/H_ii and log det G by log H_ii; putting in phi,
    with g = tau Phi' phi (0 at i) and c its Schur complement, changes them by (phi.y - g' H b without i)^2/c and log c.  O(n^2) an offer.
    """
    n = log_ratio.size
    at = np.arange(n)
    taken = np.zeros(n, np.bool_)
    b = overlap[:n].copy()
    m = np.empty(n)
    g = np.empty(n)
    t = np.empty(n)
    v = np.empty(n)
    multiply(inverse, b, m)
    for i in range(n):
        new = n + i
        for j in range(n):
            g[j] = tau * gram[new, at[j]]
        g[i] = 0.0
        multiply(inverse, g, t)
        h = inverse[i, i]
        c = ridge + tau * gram[new, new] + t[i] * t[i] / h
        beta = overlap[new] + t[i] * m[i] / h
        for j in range(n):
            c -= g[j] * t[j]
            beta -= g[j] * m[j]
        if not c > 0.0:
            continue
        change = 0.5 * tau / ridge * (beta * beta / c - m[i] * m[i] / h) - 0.5 * (math.log(c) + math.log(h))
        if log_u[i] < log_ratio[i] + change:
            taken[i] = True
            at[i] = new
            b[i] = overlap[new]
            for j in range(n):
                v[j] = t[j] - inverse[j, i] * t[i] / h
            v[i] = -1.0
            for j in range(n):
                if j != i:
                    f = inverse[j, i] / h
                    for k in range(n):
                        if k != i:
                            inverse[j, k] += v[j] * v[k] / c - f * inverse[i, k]
            for j in range(n):
                inverse[i, j] = -v[j] / c
                inverse[j, i] = -v[j] / c
            multiply(inverse, b, m)
    return taken


@compiled
def multiply(a: Array, x: Array, out: Array) -> None:
    """out = a x."""
    out[:] = 0.0
    for k in range(x.size):  # by rows of the symmetric a: the inner loop vectorises
        for j in range(x.size):
            out[j] += a[k, j] * x[k]
