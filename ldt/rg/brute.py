r"""Brute force for the flow: eliminate a few modes by quadrature, exactly, and sample small actions directly.

*Basis.*  Fourier modes on the circle, int = the average over it: 1, then sqrt 2 cos(qx), sqrt 2 sin(qx) for q = 1, 2, ...  On a grid of
more than 4 q_max points quartic integrals are exact.

*Elimination.*  For a constant kept field g, h = sum of the eliminated modes and A = int h^2, B = int h^3, C = int h^4,

    S'(g) = r g^2 + u g^4 - 2 log E_h exp(-3u g^2 A - 2u g B - u C/2),      h_k ~ N(0, G_k),

whose Taylor coefficients are cumulants under the weight exp(-uC/2): r' = r + 6u <A> - 4u^2 <B^2>,
u' = u - 9u^2 Var A + 12 u^3 k(A,B,B) - (4/3) u^4 k4(B).  Gauss-Hermite in each eliminated mode; exact up to the quadrature.

*Sampling.*  Hybrid Monte Carlo (Duane et al. 1987) on S/2, masses 1/lambda_k + r, in independent chains whose scatter gives the error;
step lengths are set while the chains warm up, then fixed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError, ModelError
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.workers import mapper
from ldt.results import _Record
from ldt.rg.flow import Action
from ldt.rg.ridge import Array

BLOCK = 64


def fourier(modes: int, points: int | None = None) -> Array:
    """The first ``modes`` Fourier functions at equidistant points of the circle: (points, modes), orthonormal under the average.

    >>> b = fourier(5)
    >>> bool(np.allclose(b.T @ b / len(b), np.eye(5)))
    True
    """
    if isinstance(modes, bool) or not isinstance(modes, (int, np.integer)) or not 1 <= modes <= 4096:
        raise ModelError(f"modes: must be an integer from 1 to 4096, got {modes!r}")
    top = modes // 2
    n = 4 * top + 1 if points is None else points
    x = 2.0 * math.pi * np.arange(n) / n
    basis = np.ones((n, modes))
    for k in range(1, modes):
        q = (k + 1) // 2
        basis[:, k] = math.sqrt(2.0) * (np.cos(q * x) if k % 2 else np.sin(q * x))
    return basis


def fourier_spectrum(exponent: float, modes: int) -> Array:
    """k^(-1-a) in pairs: the constant takes k = 1, cos(qx) and sin(qx) both take k = 2q (so that no phase is preferred).

    >>> fourier_spectrum(1.0, 5).tolist()
    [1.0, 0.25, 0.25, 0.0625, 0.0625]
    """
    k = np.arange(modes)
    return np.asarray(np.where(k == 0, 1.0, 2.0 * ((k + 1) // 2)) ** (-1.0 - exponent))


def eliminate_by_quadrature(action: Action, kept: int, nodes: int = 24) -> tuple[float, float]:
    """(r', u') for a constant kept field: exact elimination of the modes from ``kept`` on (at most 4 of them; no target there).

    Raises
    ------
    ModelError
        For more than 4 eliminated modes, or a target on one of them.
    """
    lam = action.spectrum[kept:]
    if not 1 <= len(lam) <= 4 or np.any(action.target[kept:] != 0.0):
        raise ModelError(f"kept: 1 to 4 modes without a target can be eliminated by quadrature, got {len(lam)}")
    basis = fourier(len(action.spectrum))[:, kept:]
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    g = np.sqrt(lam / (1.0 + action.r * lam))
    mesh = np.stack([m.ravel() for m in np.meshgrid(*[x] * len(lam), indexing="ij")], axis=1) * g
    weight = np.stack([m.ravel() for m in np.meshgrid(*[w] * len(lam), indexing="ij")]).prod(0)
    h = mesh @ basis.T
    a, b, c = ((h**n).mean(1) for n in (2, 3, 4))
    weight = weight * np.exp(-0.5 * action.u * c)
    weight /= weight.sum()
    da = a - weight @ a
    b2 = weight @ b**2
    r, u = action.r, action.u
    r_new = r + 6.0 * u * (weight @ a) - 4.0 * u**2 * b2
    u_new = u - 9.0 * u**2 * (weight @ da**2) + 12.0 * u**3 * (weight @ (da * b**2)) - 4.0 / 3.0 * u**4 * (weight @ b**4 - 3.0 * b2**2)
    return float(r_new), float(u_new)


@dataclass(frozen=True)
class Sampled(_Record):
    """Means and standard errors of (f_k - y_k)^2 (``square``) and f_k (``mean``) for each mode, and of their sum ``loss`` = int (f-y)^2."""

    square: Array
    square_error: Array
    mean: Array
    mean_error: Array
    loss: float
    loss_error: float
    acceptance: float
    seed: int


def sample(action: Action, *, chains: int = 256, steps: int = 200, warmup: int = 60, rng: Any = None, workers: Any = 1) -> Sampled:
    """Sample exp(-S/2) on the Fourier basis.

    Parameters
    ----------
    action : Action
    chains : int
        A multiple of 64; independent, so their scatter is the error.
    steps, warmup : int
        Trajectories after and before the step length is fixed.
    rng, workers
        As everywhere: the numbers do not depend on ``workers``.

    Raises
    ------
    ConvergenceError
        If fewer than 40 % of the moves are accepted.
    """
    for name, value, low in (("chains", chains, BLOCK), ("steps", steps, 10), ("warmup", warmup, 10)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 10**6 or (name == "chains" and value % BLOCK):
            raise ModelError(f"{name}: must be an integer >= {low}{' and a multiple of 64' if name == 'chains' else ''}, got {value!r}")
    entropy = entropy_of(rng)
    run, close = mapper(workers)
    try:
        blocks = list(run(partial(_block, action, steps, warmup, entropy), range(chains // BLOCK)))
    finally:
        close()
    square, mean, accept = (np.concatenate([b[i] for b in blocks]) for i in range(3))
    loss = square.sum(1)
    acceptance = float(accept.mean())
    if acceptance < 0.4:
        raise ConvergenceError(f"sample: only {acceptance:.0%} of the moves were accepted; warm up longer")

    def stats(v: Array) -> tuple[Any, Any]:
        return v.mean(0), v.std(0, ddof=1) / math.sqrt(len(v))

    (s, se), (m, me), (l, le) = stats(square), stats(mean), stats(loss)
    return Sampled(s, se, m, me, float(l), float(le), acceptance, entropy)


def _block(action: Action, steps: int, warmup: int, entropy: int, block: int) -> tuple[Array, Array, Array]:
    """Chain averages of (f-y)^2 and f, and acceptance, of 64 chains."""
    random = block_generator(entropy, block)
    lam, r, u, y = action.spectrum, action.r, action.u, action.target
    basis = fourier(len(lam))
    mass = 1.0 / lam + r
    root, points = np.sqrt(mass), len(basis)

    def force(f: Array) -> tuple[Array, Array]:
        """Gradient and value of S/2."""
        e = f - y
        g = e @ basis.T
        g2 = g * g
        gradient = f / lam + r * e + 2.0 * u * ((g2 * g) @ basis) / points
        return gradient, 0.5 * ((f * f / lam).sum(1) + r * (e * e).sum(1) + u * (g2 * g2).mean(1))

    f = r * lam / (1.0 + r * lam) * y + random.standard_normal((BLOCK, len(lam))) / root
    grad, energy = force(f)
    step, square, mean, accept = 0.5, np.zeros(f.shape), np.zeros(f.shape), np.zeros(BLOCK)
    for i in range(warmup + steps):
        p = random.standard_normal(f.shape) * root
        length = step * random.uniform(0.8, 1.2)
        count = max(2, round(1.5 / step))
        new, g_new, start = f, grad, energy + 0.5 * ((p / root) ** 2).sum(1)
        for _ in range(count):
            p = p - 0.5 * length * g_new
            new = new + length * p / mass
            g_new, e_new = force(new)
            p = p - 0.5 * length * g_new
        with np.errstate(over="ignore"):
            take = random.random(BLOCK) < np.exp(np.minimum(start - e_new - 0.5 * ((p / root) ** 2).sum(1), 0.0))
        f, grad, energy = np.where(take[:, None], new, f), np.where(take[:, None], g_new, grad), np.where(take, e_new, energy)
        if i < warmup:
            step = min(max(step * math.exp(0.15 * (float(take.mean()) - 0.85)), 0.01), 0.8)
        else:
            square += (f - y) ** 2
            mean += f
            accept += take
    return square / steps, mean / steps, accept / steps


__all__ = ["Sampled", "eliminate_by_quadrature", "fourier", "fourier_spectrum", "sample"]
