r"""The adapted state of a two-layer network at one number of samples: mean predictor, neuron's law, kernels, wells.

Solves ldt.adaptation.equations on two quadratures; their difference is the error.  ``degree`` None is the one-component ansatz (mean
predictor along the target only), an integer the full equations with every component of that degree or less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ldt import errors
from ldt.adaptation.equations import (
    FLOOR,
    Law,
    Solution,
    effective_action,
    log_density,
    sector_law,
    solve,
    solve_on,
    tilted_mass,
    whole_law,
)
from ldt.adaptation.neuron import Grid, first_grid
from ldt.errors import ModelError
from ldt.models.alignment import AlignmentSum
from ldt.numerics.workers import one_blas_thread
from ldt.results import _Record

Array = NDArray[np.float64]

#: A barrier of the effective action lower than this (nats) separates nothing.
LEAST_BARRIER = 1e-3
#: Quadratures that agree on alpha to this are good; beyond FINEST nodes a panel, or MOST nodes, no finer one is tried.
GOOD, FINEST, MOST = 1e-8, 76, 200_000


@dataclass(frozen=True)
class Well(_Record):
    """A minimum of one neuron's effective action at |w_1| = ``w``: ``action`` over its value at 0 (nats), the ``barrier`` on the way in
    to it from smaller |w| (None for the innermost), the share of neurons in it and their mean number."""

    w: float
    action: float
    barrier: float | None
    edge: float | None
    share: float
    neurons: float


@dataclass(frozen=True)
class Adaptation(_Record):
    """The adapted network at ``samples`` = P.

    ``alpha`` is the learned share <f, y>/<y, y> of the target, ``error`` the difference between two quadratures, ``residual`` what is
    left of the equations, relative to |y|.  ``mean`` and ``tilt`` are f and t = (y - f) P/ridge in the orthonormal ``components``;
    ``truncation`` is how much alpha moves from degree - 2 to ``degree`` (None for one component).  ``free_energy`` is the leading -log
    evidence in nats.
    ``specialised`` is the number of neurons held in the outer well, None for the whole law, whose solution is the only one.
    ``kernel_before`` and ``kernel_after`` are sigma_a^2 E[h h^T] under the prior and the adapted law.
    """

    picture: ClassVar[str] = "ldt.plots.adaptation:plot_neuron_density"

    samples: float
    ridge: float
    alpha: float
    error: float
    residual: float
    components: tuple[str, ...]
    target: tuple[float, ...]
    mean: tuple[float, ...]
    tilt: tuple[float, ...]
    truncation: float | None
    free_energy: float
    specialised: int | None
    wells: tuple[Well, ...]
    kernel_before: Any
    kernel_after: Any
    status: str = "ok"
    advice: str = ""
    sought: str = ""
    model: Any = None
    grid: Any = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        kept = super().to_dict()
        del kept["grid"]
        return kept

    def log_density(self, w: Any) -> Array:
        """log pi(w_1) of one neuron (nats per unit of w_1), averaged over all neurons of the whole law; shape of ``w``."""
        return log_density(self.grid, np.array(self.tilt), w)

    def action(self, w: Any) -> Array:
        """Effective action S(w_1) = -log[pi(w_1)/pi(0)] of one neuron, in nats; shape of ``w``."""
        return effective_action(self.grid, np.array(self.tilt), w)


def kernel_adaptation(
    model: Any, *, samples: float, ridge: float = 1.0, degree: int | None = None, specialised: int | None = None, cut: float | None = None
) -> Adaptation:
    """The self-consistent (adapted-kernel) state of a two-layer network trained on P samples.

    Parameters
    ----------
    model : AlignmentSum
        Its convention of ``c`` says what the target is: ``orthonormal`` (y over its norm), ``raw`` and ``ratio`` (y as written), ``talk``
        or a number (orthonormal y, readouts larger by c/c_orthonormal).
    samples, ridge : float
        P and the ridge; the equations see kappa = ridge/P only.
    degree : int, optional
        None: one component, in which this is the saddle point of ``ldt.rate``: alpha = 1 - (ridge/P) s.  Else the full equations up to it.
    specialised, cut : int and float, optional
        Hold that many neurons at |w_1| > ``cut`` (default: the barrier of the whole law's action).

    Returns
    -------
    Adaptation

    Raises
    ------
    ModelError
        An argument that makes no sense, by name; ``specialised`` where the action has one well only.
    ConvergenceError
        With the residual, where the equations were not solved.

    Notes
    -----
    Leading order in N; F is strictly convex, so the solution (for a given ``specialised``) is the only one.  Free energies are in nats.
    Cost: 0.1 s with one component, seconds with a ``degree``; it does not grow with N.
    Source: docs/adaptation.md, section "Two layers", eqs. 1-8.

    Examples
    --------
    >>> import ldt
    >>> model = ldt.AlignmentSum(40, 40, c="orthonormal")
    >>> found = ldt.kernel_adaptation(model, samples=1600)
    >>> f"{found.alpha:.6f}", abs(found.alpha - (1 - ldt.rate(model, found.alpha).tilt / 1600)) < 1e-10
    ('0.762672', True)
    """
    check_model(model)
    p, r = positive("samples", samples), positive("ridge", ridge)
    with one_blas_thread():
        return _adapted(model, p, r, degree, specialised, cut)


def _adapted(model: Any, p: float, r: float, degree: int | None, specialised: int | None, cut: float | None) -> Adaptation:
    """What ``kernel_adaptation`` returns."""
    grid, found = solve_on(first_grid(model, degree), r / p)
    if specialised is None:
        return described(grid, found, p, r)
    if isinstance(specialised, bool) or not isinstance(specialised, int) or not 0 <= specialised <= model.width:
        raise ModelError(f"specialised: must be an integer from 0 to {model.width}, got {specialised!r}")
    if cut is not None:
        place = positive("cut", cut)
        if place >= grid.reach:
            raise ModelError(f"cut: no neuron reaches |w_1| = {place:g}")
        split = grid.cut_at(place)
        return described(split, solve(sector_law(split, place, specialised), r / p, found.t), p, r, specialised)
    guess = barrier_of(grid, found.t)
    settled = None if guess is None else sector(grid, guess, specialised, r / p)
    if settled is None:
        raise ModelError("specialised: a neuron's action has one well only here, so no number of specialised neurons is defined; give cut")
    return described(*settled, p, r, specialised)


def sector(grid: Grid, guess: float, k: int, kappa: float, start: Array | None = None) -> tuple[Grid, Solution] | None:
    """The state with k neurons beyond the barrier of its own action; None where, starting at ``guess``, there is no such barrier."""
    cut, last = guess, None
    for _ in range(25):
        split = grid.cut_at(cut)
        found = solve(sector_law(split, cut, k), kappa, start)
        start, new = found.t, barrier_of(split, found.t, cut)
        if new is None:
            return None
        off = new - cut
        if abs(off) < 1e-6 * cut:
            wider = split.grown(tilted_mass(split, found.t))
            if wider is None:
                return split, found
            grid, last = wider, None
        # The secant of barrier(cut) - cut, kept within a fifth of the cut; the barrier itself at first.
        step = off if last is None or off == last[1] else -off * (cut - last[0]) / (off - last[1])
        last = cut, off
        cut += min(max(step, -0.2 * cut), 0.2 * cut)
    return None


def described(grid: Grid, found: Solution, p: float, r: float, k: int | None = None) -> Adaptation:
    """The state of a solution, with its error from a second quadrature, refined while they differ."""
    kappa, cut = r / p, grid.cut
    last, off = math.inf, math.inf
    while True:
        fine = grid.refined()
        second = solve(_law(fine, cut, k), kappa, found.t)
        alpha, other = _share(fine, second), _share(grid, found)
        last, off = off, abs(alpha - other)
        if off < GOOD or off > 0.5 * last or fine.order >= FINEST or len(fine.w) > MOST:
            break
        grid, found = fine, second
    truncation = None
    lower = None if grid.degree is None else grid.degree - 2
    if lower is not None and lower >= max(j for j, _ in grid.model.target):
        less = Grid(grid.model, lower, grid.reach, grid.low, grid.high, grid.order, cut)
        truncation = abs(_share(less, solve(_law(less, cut, k), kappa)) - other)
    error = max(off, second.residual)
    sought = "the only solution: F is strictly convex" if k is None else "the one with this number of neurons beyond their own barrier"
    status, advice = "ok", ""
    if error > GOOD:
        status, advice = "warning", f"the quadrature over one neuron is good to {error:.1e} only"
    elif grid.degree is not None and (truncation is None or truncation > 1e-3):
        status = "warning"
        moved = "at the target's own, what is cut off is not measured"
        if truncation is not None:
            moved = f"the last two degrees moved alpha by {truncation:.1e}"
        advice = f"the components are cut off at degree {grid.degree}: {moved}; raise degree"
    return Adaptation(
        p, r, alpha, error, second.residual, grid.names, _floats(grid.y), _floats(second.f), _floats(second.t), truncation,
        second.free_energy, k, wells_of(fine, second.t), kernel(fine, np.zeros(len(grid.y))),
        _kernel_after(fine, second.t, cut, k), status, advice, sought, grid.model, fine,
    )  # fmt: skip


def _law(grid: Grid, cut: float | None, k: int | None) -> Law:
    return whole_law(grid) if k is None or cut is None else sector_law(grid, cut, k)


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _share(grid: Grid, found: Solution) -> float:
    return float(found.f @ grid.y) / float(grid.y @ grid.y)


def kernel(grid: Grid, t: Array, part: NDArray[np.bool_] | None = None) -> Array:
    """sigma_a^2 E[h h^T] under the neuron's law tilted by t, shape (components, components): the kernel in the components' basis."""
    lw, h = tilted_mass(grid, t), grid.h
    if part is not None:
        lw, h = lw[part], h[:, part]
    mass = np.exp(np.maximum(lw - lw.max(), -FLOOR))
    mass /= mass.sum()
    return np.asarray(grid.model.readout_variance * (h * mass) @ h.T)


def _kernel_after(grid: Grid, t: Array, cut: float | None, k: int | None) -> Array:
    if k is None or cut is None:
        return kernel(grid, t)
    far, share = np.abs(grid.w) > cut, k / grid.model.width
    return np.asarray((1.0 - share) * kernel(grid, t, ~far) + share * kernel(grid, t, far))


# -- wells ---------------------------------------------------------------------------------------------------------------------


def folded_action(grid: Grid, t: Array) -> tuple[Array, Array]:
    """(|w|, action of |w| over that at 0) on a fine even grid."""
    sigma = math.sqrt(grid.model.weight_variance / grid.model.dim)
    r = np.linspace(0.0, grid.reach, int(min(max(800, 12.0 * grid.reach / sigma), 40_000)))
    s = effective_action(grid, t, r)
    return r, s if grid.even else -np.logaddexp(-s, -effective_action(grid, t, -r)) + math.log(2.0)


def _turns(s: Array) -> tuple[list[int], list[int]]:
    """Indices of minima and of the maxima between them, barriers below LEAST_BARRIER ignored; an end that
    falls towards it is a minimum."""
    slope = np.sign(np.diff(s))
    low = [0] if slope[0] > 0 else []
    high: list[int] = []
    for i in range(1, len(s) - 1):
        if slope[i - 1] < 0 <= slope[i]:
            low.append(i)
        elif slope[i - 1] > 0 >= slope[i] and low:
            high.append(i)
    if len(high) == len(low) > 0 and slope[-1] < 0:  # a well beyond the range
        low.append(len(s) - 1)
    while high:
        height = [s[h] - max(s[low[i]], s[low[i + 1]]) if i + 1 < len(low) else math.inf for i, h in enumerate(high)]
        i = int(np.argmin(height))
        if height[i] >= LEAST_BARRIER:
            break
        low.pop(i if s[low[i]] > s[low[i + 1]] else i + 1)
        high.pop(i)
    return low, high


def wells_of(grid: Grid, t: Array) -> tuple[Well, ...]:
    """The wells of one neuron's effective action, from the innermost out."""
    r, s = folded_action(grid, t)
    low, high = _turns(s)
    lw = tilted_mass(grid, t)
    mass = np.exp(lw - lw.max())
    mass /= mass.sum()
    edges = [0.0, *(float(r[h]) for h in high[: len(low) - 1]), math.inf]
    found = []
    for i, at in enumerate(low):
        inside = (np.abs(grid.w) >= edges[i]) & (np.abs(grid.w) < edges[i + 1])
        share = float(mass[inside].sum())
        barrier = float(s[high[i - 1]]) if i else None
        found.append(Well(float(r[at]), float(s[at]), barrier, edges[i] if i else None, share, share * grid.model.width))
    return tuple(found)


def barrier_of(grid: Grid, t: Array, near: float | None = None) -> float | None:
    """|w_1| of the first barrier of the action, or of the one within a third of ``near``; None with one well."""

    def minus(w: Array) -> Array:
        s = -effective_action(grid, t, w)
        return s if grid.even else np.logaddexp(s, -effective_action(grid, t, -w))

    if near is not None:
        r = np.linspace(near / 1.3, min(near * 1.3, grid.reach), 25)
        top = int(np.argmin(minus(r)))
        if not 0 < top < len(r) - 1:
            return barrier_of(grid, t)
    else:
        r, s = folded_action(grid, t)
        low, high = _turns(s)
        if len(low) < 2:
            return None
        top = high[0]
    low_end, high_end = float(r[top - 1]), float(r[top + 1])
    for _ in range(3):
        r = np.linspace(low_end, high_end, 25)
        top = min(max(int(np.argmin(minus(r))), 1), len(r) - 2)
        low_end, high_end = float(r[top - 1]), float(r[top + 1])
    left, middle, right = minus(r[top - 1 : top + 2])
    bend = left - 2.0 * middle + right
    return float(r[top] + (0.5 * (left - right) / bend * (r[1] - r[0]) if bend > 0.0 else 0.0))


def check_model(model: Any) -> None:
    if not isinstance(model, AlignmentSum):
        raise ModelError(f"model: must be an AlignmentSum (two layers), got {type(model).__name__}")
    model.neuron.theta_max  # noqa: B018  NoTiltError where A has no exponential moments at all


def positive(name: str, value: Any) -> float:
    number = errors.positive(name, value)
    if not 1e-15 < number < 1e15:
        raise ModelError(f"{name}: must be a number between 1e-15 and 1e15, got {value!r}")
    return number


__all__ = ["Adaptation", "Well", "kernel_adaptation"]
