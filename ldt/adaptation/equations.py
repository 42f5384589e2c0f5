r"""Kernel adaptation of a two-layer network: one neuron's law and the mean predictor, each determined by the other.

With the mean predictor f and the discrepancy as tilt, kappa = ridge/P (docs/adaptation.md, eqs. 1-4),

    t = (y - f)/kappa,    pi(w) prop. to prior(w) exp((sigma_a^2/2N) (t.h(w))^2),    f = sigma_a^2 E_pi[h (t.h)],

vectors in the orthonormal functions of ldt.adaptation.neuron.  These are the stationarity conditions of

    F(t) = K(t) + (kappa/2)|t|^2 - y.t,    K(t) = N log E_prior exp((sigma_a^2/2N)(t.h)^2) = log E_prior exp(t.<f, e>),

which is strictly convex: K is a cumulant generating function.  So **there is one solution** for every P, ridge and set of components, and
Newton's method with a line search finds it from anywhere.  With the target's direction alone, alpha = 1 - kappa s and s = t is the saddle
point of ldt.rate at alpha.  -min F is the leading -log evidence.   [derived; D from P eq. 103]

With k neurons held in the specialised well, K_k = (N - k) log M_typ + k log M_sp + log C(N, k) takes K's place: again convex, so one
solution for every k, and it is among the k that there are several (ldt.adaptation.branches).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.adaptation.neuron import Grid
from ldt.errors import ConvergenceError
from ldt.tails.search import log_binomial

Array = NDArray[np.float64]

#: Newton's steps go on until the equations hold to this, relative to the target's norm; where rounding stops them earlier (the residual no
#: longer halves), there is no answer unless they hold to ACCEPTED.
TOLERANCE, ACCEPTED = 1e-12, 1e-9
MAX_STEPS = 200
#: Masses below exp(-FLOOR) of the largest are as good as nothing.
FLOOR = 230.0


class Moment(NamedTuple):
    """log M of one part of a neuron's law with its derivatives in t, and the log weights under the tilt."""

    value: float
    gradient: Array
    hessian: Array


def log_moment(grid: Grid, t: Array, part: NDArray[np.bool_] | None = None) -> Moment:
    """log E[exp((sigma_a^2/2N)(t.h)^2); part] with gradient and Hessian in t; of the whole law without ``part``."""
    rate = grid.model.readout_variance / grid.model.width
    lw, h = (grid.lw, grid.h) if part is None else (grid.lw[part], grid.h[:, part])
    along = t @ h
    exponent = 0.5 * rate * along * along
    tilted = lw + exponent
    top = float(np.max(tilted))
    mass = np.exp(np.maximum(tilted - top, -FLOOR))  # products of smaller numbers are subnormal, and a hundred times slower
    total = float(mass.sum())
    mass /= total
    if part is None and float(exponent.max()) < 300.0:  # keeps the digits of N log M at large N and small tilt
        value = math.log1p(float(np.where(tilted > -FLOOR, np.exp(lw), 0.0) @ np.expm1(exponent)))
    else:
        value = top + math.log(total)
    weighted = h * mass
    second = weighted @ h.T
    slope = h * along
    first = slope @ mass
    # Sums of positive terms and their covariance, not differences of large moments.
    centred = (slope - first[:, None]) * mass
    return Moment(value, rate * first, rate * second + rate * rate * (centred @ slope.T))


class Law(NamedTuple):
    """K or K_k: neuron parts with the number of neurons in each, and the log multiplicity."""

    grid: Grid
    parts: tuple[tuple[int, NDArray[np.bool_] | None], ...]
    multiplicity: float

    def cumulants(self, t: Array) -> Moment:
        value, size = self.multiplicity, len(t)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        for count, part in self.parts:
            if count:
                found = log_moment(self.grid, t, part)
                value += count * found.value
                gradient = gradient + count * found.gradient
                hessian = hessian + count * found.hessian
        return Moment(value, gradient, hessian)


def whole_law(grid: Grid) -> Law:
    """All neurons alike: K(t)."""
    return Law(grid, ((grid.model.width, None),), 0.0)


def sector_law(grid: Grid, cut: float, k: int) -> Law:
    """k neurons beyond |w| = ``cut``: K_k(t)."""
    far = np.abs(grid.w) > cut
    n = grid.model.width
    return Law(grid, ((n - k, ~far), (k, far)), log_binomial(n, k))


class Unsolved(ConvergenceError):
    """Newton's steps ended at ``t`` with that ``residual``."""

    def __init__(self, t: Array, residual: float) -> None:
        super().__init__(f"samples: the adaptation equations did not converge; their residual is {residual:.2e} of the target's norm")
        self.t = t


class Solution(NamedTuple):
    """t, f = grad K, the leading -log evidence (nats), the relative residual of the equations, and Newton's steps."""

    t: Array
    f: Array
    free_energy: float
    residual: float
    steps: int


def solve(law: Law, kappa: float, start: Array | None = None) -> Solution:
    """The minimiser of F on the nodes of ``law``.

    Unsolved, with the residual, where the equations are not met (TOLERANCE).
    """
    grid = law.grid
    y = grid.y
    size = float(np.linalg.norm(y))
    t = np.zeros(len(y)) if start is None else np.array(start, dtype=float)
    if not _exists(grid, t):
        t = np.zeros(len(y))
    found = law.cumulants(t)
    value = found.value + 0.5 * kappa * float(t @ t) - float(y @ t)
    residual = math.inf
    for step in range(MAX_STEPS):
        gradient = found.gradient + kappa * t - y
        last, residual = residual, float(np.linalg.norm(gradient)) / size
        move = np.linalg.solve(found.hessian + kappa * np.eye(len(y)), -gradient)
        slope = float(gradient @ move)
        met = residual < TOLERANCE or 0.5 * last < residual < ACCEPTED
        if met and abs(slope) < 1e-13 * (1.0 + abs(value) + abs(float(y @ t))):
            return Solution(t, found.gradient, -value, residual, step)
        length = 1.0
        while length > 1e-12:
            trial = t + length * move
            if _exists(grid, trial):
                after = law.cumulants(trial)
                new = after.value + 0.5 * kappa * float(trial @ trial) - float(y @ trial)
                better = float(np.linalg.norm(after.gradient + kappa * trial - y)) < 0.5 * residual * size
                rounding = 1e-13 * (1.0 + abs(after.value) + 0.5 * kappa * float(trial @ trial) + abs(float(y @ trial)))
                if new <= value + 1e-4 * length * slope or (better and new <= value + rounding):
                    t, found, value = trial, after, new
                    break
            length *= 0.5
        else:
            break
    if residual < ACCEPTED:  # as far as rounding lets Newton's steps go; the result carries the residual
        return Solution(t, found.gradient, -value, residual, MAX_STEPS)
    raise Unsolved(t, residual)


def _exists(grid: Grid, t: Array) -> bool:
    """Whether E exp((sigma_a^2/2N)(t.h)^2) is finite: always for bounded overlaps; a cone's edge for those linear far out."""
    from ldt.models.hermite import HOMOGENEOUS

    model = grid.model
    if model.activation not in HOMOGENEOUS:
        return True
    cosine = np.concatenate([np.array([1.0, -1.0]) if grid.flat else np.linspace(-1.0, 1.0, 801)])
    h = grid.overlaps(cosine, np.maximum(1.0 - cosine * cosine, 0.0))
    steepest = float(np.max((t @ h) ** 2))
    return bool(model.readout_variance / model.width * steepest < (1.0 - 1e-12) * model.dim / model.weight_variance)


def tilted_mass(grid: Grid, t: Array) -> Array:
    """Log mass of the nodes under pi (not normalised)."""
    along = t @ grid.h
    result: Array = grid.lw + 0.5 * grid.model.readout_variance / grid.model.width * along * along
    return result


def solve_on(grid: Grid, kappa: float, start: Array | None = None) -> tuple[Grid, Solution]:
    """The whole law's solution on a grid that is widened until it holds the tilted law."""
    while True:
        found: Solution | None = None
        stop: Unsolved | None = None
        try:
            found = solve(whole_law(grid), kappa, start)
            start = found.t
        except Unsolved as error:  # near a cone's edge log M diverges by tails that this grid may have cut off
            stop, start = error, error.t
        wider = grid.grown(tilted_mass(grid, start))
        if wider is not None:
            grid = wider
        elif found is not None:
            return grid, found
        elif stop is not None:
            raise stop


def effective_action(grid: Grid, t: Array, w: Any) -> Array:
    """S(w) = -log of one neuron's density over its value at w = 0 (nats), rho averaged out; shape of ``w``."""
    points = np.atleast_1d(np.asarray(w, dtype=float)).ravel()
    value = _log_density(grid, t, np.append(points, 0.0))
    return np.asarray((value[-1] - value[:-1]).reshape(np.shape(w)))


def log_density(grid: Grid, t: Array, w: Any) -> Array:
    """log pi(w_1), normalised; shape of ``w``."""
    points = np.asarray(w, dtype=float)
    return np.asarray(_log_density(grid, t, points.ravel()).reshape(points.shape) - log_moment(grid, t).value)


def _log_density(grid: Grid, t: Array, w: Array) -> Array:
    model = grid.model
    variance = model.weight_variance / model.dim
    prior = -0.5 * w * w / variance - 0.5 * math.log(2.0 * math.pi * variance)
    rate = 0.5 * model.readout_variance / model.width
    if grid.flat:
        along = t @ grid.overlaps(w, np.full_like(w, model.weight_variance))
        return np.asarray(prior + rate * along * along)
    n = grid.radial
    rho = grid.rho[:n]
    inner = grid.lw[:n] - grid.lw[:n].max()
    inner = inner - math.log(float(np.exp(inner).sum()))
    exponent = inner + rate * (t @ grid.overlaps(np.repeat(w, n), np.tile(rho, len(w)))).reshape(len(w), n) ** 2
    top = exponent.max(axis=1)
    return np.asarray(prior + top + np.log(np.exp(exponent - top[:, None]).sum(axis=1)))
