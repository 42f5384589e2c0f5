r"""The learnability curve alpha(P) and its branches: stable, metastable, coexisting.

The whole law gives one alpha for every P (F is convex).  Several states at one P come from the number k of neurons in the specialised
well, an integer: branch k solves the equations with k neurons held beyond the barrier (ldt.adaptation.equations), and of its leading
-log evidence

    G_k(P) = max_t [y.t - kappa |t|^2/2 - K_k(t)],    kappa = ridge/P,

the smallest is the **stable** state, the others are **metastable** as long as the well they need is there.  G_k(P) = G_{k+1}(P) is a
transition (coexistence); P* is the first, 0 -> 1.  Where branch k + 1 is the better one from its first moment on ("onset"), as many
neurons beyond a fixed cut were better before: how much before is the error of that P.  The end of a branch (**spinodal**) is where one of
the two wells of a neuron's action at the branch's own tilt disappears: the specialised one at small P, the typical one at large P (never
for a target without He_1 or He_2: its action is flat at w = 0).  dG_k/dP = |y - f_k|^2/(2 ridge), so the difference of neighbours changes
sign once where f_{k+1} is closer to y.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ldt.adaptation.equations import Solution, sector_law, solve, solve_on
from ldt.adaptation.neuron import Grid, first_grid
from ldt.adaptation.two_layer import Adaptation, barrier_of, check_model, described, positive, sector, wells_of
from ldt.errors import ConvergenceError, ModelError
from ldt.numerics.workers import one_blas_thread
from ldt.results import _Record

Array = NDArray[np.float64]

#: How far above the samples asked for (a factor) the ends of branches are looked for.
ABOVE = 10.0
#: Ends of branches are found to this part of P.
END = 1e-3
#: The ratio of neighbouring P in searches.
STRIDE = 1.2
MAX_POINTS = 1000


@dataclass(frozen=True)
class Transition(_Record):
    """From ``before`` to ``after`` specialised neurons at ``samples`` = P, where both states are equally good; ``alphas`` on either side.

    ``error`` (of P) is how much it moves with the cut between the wells.  ``kind`` is "coexistence", or "onset" where the state after it
    is the better one as soon as its barrier is there; the error then reaches down to the P at which so many neurons beyond that barrier,
    held there, would tie.
    """

    before: int
    after: int
    samples: float
    error: float
    alphas: tuple[float, float]
    kind: str


@dataclass(frozen=True)
class Branch(_Record):
    """The states with k = ``specialised`` neurons in the outer well.

    ``alpha``, ``free_energy`` (nats) and ``state`` ("stable", "metastable" or "absent") at each of the curve's samples; NaN where absent.
    ``spinodals`` are the P at which its wells appear and vanish (to 1e-3; None: there from the first sample on, or not gone at 10 times
    the last of the samples asked for).
    """

    specialised: int
    alpha: tuple[float, ...]
    free_energy: tuple[float, ...]
    state: tuple[str, ...]
    spinodals: tuple[float | None, float | None]


@dataclass(frozen=True)
class AdaptationCurve(_Record):
    """alpha(P): ``whole`` (one Adaptation for each of ``samples``), ``branches`` by number of specialised neurons, ``transitions``.

    ``threshold`` is P*, the first transition (None: no transition up to the last sample).  ``mixture`` is alpha averaged over the branches
    with weights exp(-G_k) (None where branches are missing).  ``complete`` says whether every branch that is stable somewhere is listed.
    """

    picture: ClassVar[str] = "ldt.plots.adaptation:plot_adaptation"

    samples: tuple[float, ...]
    ridge: float
    degree: int | None
    whole: tuple[Adaptation, ...]
    branches: tuple[Branch, ...]
    transitions: tuple[Transition, ...]
    threshold: float | None
    mixture: tuple[float | None, ...]
    complete: bool
    status: str
    advice: str
    model: Any = None

    def stable(self, i: int) -> int | None:
        """The number of specialised neurons of the stable state at ``samples[i]``; None with one well only, or where it is missing."""
        return next((b.specialised for b in self.branches if b.state[i] == "stable"), None)


def adaptation_curve(
    model: Any, *, samples: Sequence[float], ridge: float = 1.0, degree: int | None = None, branches: int = 6,
    progress: Callable[[int, int, str], None] | None = None,
) -> AdaptationCurve:  # fmt: skip
    """The learnability curve of a two-layer network with all its branches.

    Parameters
    ----------
    model, ridge, degree
        As for ``ldt.kernel_adaptation``.
    samples : sequence of float
        P, ascending.
    branches : int
        How many numbers of specialised neurons to follow at most, k = 0, 1, ..., branches - 1.
    progress : callable of (done, total, text), optional

    Returns
    -------
    AdaptationCurve

    Raises
    ------
    ModelError, ConvergenceError
        As for ``ldt.kernel_adaptation``.

    Notes
    -----
    The whole law has one alpha(P); branches hold k neurons beyond the barrier, and the one of least free energy (nats) is stable.
    Cost: seconds; it grows with the number of samples and branches.
    Source: docs/adaptation.md, section "Two layers", eq. 6.

    Examples
    --------
    >>> import ldt
    >>> found = ldt.adaptation_curve(ldt.AlignmentSum(40, 40, c="orthonormal"), samples=[200, 400, 800], branches=4)
    >>> [found.stable(i) for i in range(3)], f"{found.threshold:.0f}"
    ([0, 0, 2], '418')
    """
    check_model(model)
    r = positive("ridge", ridge)
    points = _points(samples)
    if isinstance(branches, bool) or not isinstance(branches, int) or not 0 <= branches <= 100:
        raise ModelError(f"branches: must be an integer from 0 to 100, got {branches!r}")
    with one_blas_thread():
        return _curve(model, points, r, degree, branches, progress or (lambda done, total, text: None))


def _curve(
    model: Any, points: list[float], r: float, degree: int | None, branches: int, tell: Callable[[int, int, str], None]
) -> AdaptationCurve:
    """What ``adaptation_curve`` returns."""
    grid = first_grid(model, degree)
    whole: list[Adaptation] = []
    t: Array | None = None
    for i, p in enumerate(points):
        grid, found = solve_on(grid, r / p, t)
        t = found.t
        whole.append(described(grid, found, p, r))
        tell(i + 1, len(points), f"P = {p:g}")
    family = _family(grid, points, r) if branches else None
    kept: list[Branch] = []
    transitions: list[Transition] = []
    missing = ""
    if family is not None:
        transitions, missing = _transitions(family, points, branches)
        kept = _states([_branch(family, k, points) for k in range(min(len(transitions) + 1, branches))], family, points, not missing)
    complete = not missing
    status = "ok" if complete and all(a.status == "ok" for a in whole) else "warning"
    advice = "; ".join(filter(None, [next((a.advice for a in whole if a.advice), ""), missing]))
    return AdaptationCurve(
        tuple(points), r, degree, tuple(whole), tuple(kept), tuple(transitions), transitions[0].samples if transitions else None,
        tuple(_mixture(kept, i, complete) for i in range(len(points))), complete, status, advice, model,
    )  # fmt: skip


def _points(samples: Sequence[float]) -> list[float]:
    if isinstance(samples, (int, float)) or not len(samples) or len(samples) > MAX_POINTS:
        raise ModelError(f"samples: must be 1 to {MAX_POINTS} positive numbers, ascending, got {samples!r}")
    points = [positive("samples", p) for p in samples]
    if any(b <= a for a, b in itertools.pairwise(points)):
        raise ModelError("samples: must ascend")
    return points


class _Family:
    """Branches by (k, P), each solved from its neighbour; None where the branch's own barrier is not there."""

    def __init__(self, grid: Grid, guess: float, p: float, ridge: float) -> None:
        self.grid, self.guess, self.p, self.ridge = grid, guess, p, ridge
        self._last: dict[int, tuple[float, Array]] = {}

    def state(self, k: int, p: float) -> tuple[Grid, Solution] | None:
        guesses = [self._last.get(k), (self.guess, None)]
        if k == 0:  # from the innermost barrier there can be, that of a network that has learned nothing: a wide cut lets neurons out
            bare = barrier_of(self.grid, self.grid.y * (p / self.ridge))
            guesses = [None if bare is None else (bare, None), *guesses]
        for cut, t in filter(None, guesses):
            found = sector(self.grid, cut, k, self.ridge / p, t)
            if found is not None and found[0].cut is not None:
                self._last[k] = (found[0].cut, found[1].t)
                return found
        if k == 0:  # with the typical well alone, no neuron has anywhere else to be
            grid, whole = solve_on(self.grid, self.ridge / p)
            wells = wells_of(grid, whole.t)
            if len(wells) == 1 and wells[0].w < 0.5 * self.guess:
                return grid, whole
        return None

    def cut(self, k: int) -> float:
        """Where branch k last had its barrier."""
        return self._last[k][0] if k in self._last else self.guess

    def lead(self, k: int, p: float) -> float | None:
        """G_{k+1} - G_k; None where one of the two is missing."""
        there = self.state(k + 1, p)
        here = None if there is None else self.state(k, p)
        return None if here is None or there is None else there[1].free_energy - here[1].free_energy

    def lead_at(self, cut: float, k: int, p: float) -> float:
        """G_{k+1} - G_k with the same cut for both, whether it is a barrier or not."""
        split = self.grid.cut_at(cut)
        here, there = (solve(sector_law(split, cut, n), self.ridge / p).free_energy for n in (k, k + 1))
        return there - here

    def better(self, k: int, p: float) -> bool:
        """Whether k + 1 specialised neurons are better than k at P, on their own barrier or, where they have none, beyond that of k."""
        there, here = self.state(k + 1, p), self.state(k, p)
        if there is not None and here is not None:
            return there[1].free_energy < here[1].free_energy
        cut = None if here is None else here[0].cut
        return there is not None or (k < self.grid.model.width and self.lead_at(cut or self.guess, k, p) < 0.0)

    def alpha(self, found: Solution) -> float:
        return float(found.f @ self.grid.y) / float(self.grid.y @ self.grid.y)

    def end(self, k: int, dead: float, living: float) -> tuple[float, float]:
        """The P between ``dead`` and ``living`` where branch k ends, as the last dead and the first living P (1e-3 apart)."""
        while abs(dead - living) > END * living:
            middle = math.sqrt(dead * living)
            dead, living = (dead, middle) if self.state(k, middle) is not None else (middle, living)
        return dead, living


def _family(grid: Grid, points: Sequence[float], ridge: float) -> _Family | None:
    """The branches, with a first guess of the barrier from the P at which about one neuron of the whole law has crossed it."""
    low = points[0]
    outside = 1.0
    while outside > 0.01:  # from where all neurons are typical
        low /= 30.0
        outside = sum(w.neurons for w in wells_of(*_whole(grid, ridge / low))[1:])
    best, guess, at, t = math.inf, None, points[0], None
    high = 3.0 * points[-1]
    for p in np.geomspace(low, high, max(40, math.ceil(10.0 * math.log10(high / low)))):
        grid, t = _whole(grid, ridge / p, t)
        wells = wells_of(grid, t)
        if len(wells) > 1:
            distance = abs(math.log(max(sum(w.neurons for w in wells[1:]), 1e-300)))
            if distance < best:
                best, guess, at = distance, wells[1].edge, float(p)
    return None if guess is None else _Family(grid, guess, at, ridge)


def _whole(grid: Grid, kappa: float, start: Array | None = None) -> tuple[Grid, Array]:
    grid, found = solve_on(grid, kappa, start)
    return grid, found.t


def _transitions(family: _Family, points: Sequence[float], branches: int) -> tuple[list[Transition], str]:
    """The transitions k -> k + 1 at P up to the last one asked for; and what is missing, in words.

    A state k + 1 is there from some P on; the lead over k is followed from there (or from the last transition) until it changes sign.
    """
    from scipy.optimize import brentq

    out: list[Transition] = []
    p, end = family.p, points[-1]
    for k in range(min(branches, family.grid.model.width)):
        if k == branches - 1:
            more = f"states of {branches} or more specialised neurons were not followed: raise branches"
            return out, more if family.better(k, end) else ""
        none = f"k = {k + 1} is better than k = {k} at P = {end:g}, but no state with a barrier of its own was found"
        lead = family.lead(k, p)
        while lead is not None and lead <= 0.0:  # k + 1 is better already: go back to where it is not
            p /= STRIDE
            lead = family.lead(k, p)
        low, last = p, lead
        while (lead is None or lead > 0.0) and p < end:
            low, last = p, lead
            p = min(p * STRIDE, end)
            lead = family.lead(k, p)
        if lead is None or lead > 0.0:
            return out, none if family.better(k, end) else ""
        if last is None:  # born between low and p: is it the worse state when it appears?
            low = family.end(k + 1, low, p)[1]
            last = family.lead(k, low)
        if last is None:
            return out, none
        if last <= 0.0:
            out.append(_transition(family, k, low, "onset"))
        else:
            x = brentq(lambda x, k=k: _known(family.lead(k, math.exp(x))), math.log(low), math.log(p), xtol=1e-9, rtol=1e-12)
            out.append(_transition(family, k, math.exp(float(x)), "coexistence"))
        p = out[-1].samples
    return out, ""


def _known(lead: float | None) -> float:
    if lead is None:
        raise ConvergenceError("samples: a branch was lost between two numbers of samples where it is there")
    return lead


def _transition(family: _Family, k: int, p: float, kind: str) -> Transition:
    """The transition at P, with its error: what moving the cuts of both states by 5 % does to it."""
    states, moved = [], []
    for n in (k, k + 1):
        found = family.state(n, p)
        if found is None:
            raise ConvergenceError(f"samples: the branch of {n} specialised neurons was lost at P = {p:g}")
        grid, solution = found
        states.append(solution)
        split = grid.cut_at(0.95 * (grid.cut or family.guess))
        moved.append(solve(sector_law(split, split.cut or 0.0, n), family.ridge / p, solution.t).free_energy - solution.free_energy)
    y = family.grid.y
    slope = (np.sum((y - states[1].f) ** 2) - np.sum((y - states[0].f) ** 2)) / (2.0 * family.ridge)
    error = abs(moved[1] - moved[0]) / max(abs(float(slope)), 1e-300)
    if kind == "onset":
        error = max(error, END * p, p - _tie(family, family.cut(k + 1), k, p))
    return Transition(k, k + 1, p, float(error), (family.alpha(states[0]), family.alpha(states[1])), kind)


def _tie(family: _Family, cut: float, k: int, p: float) -> float:
    """The P, at most ``p``, at which k and k + 1 neurons beyond ``cut`` are as good."""
    from scipy.optimize import brentq

    if family.lead_at(cut, k, p) >= 0.0:
        return p
    low = p / STRIDE
    while family.lead_at(cut, k, low) < 0.0:
        low /= STRIDE
    return math.exp(float(brentq(lambda x: family.lead_at(cut, k, math.exp(x)), math.log(low), math.log(p), xtol=1e-4)))


def _branch(family: _Family, k: int, points: Sequence[float]) -> Branch:
    found = [family.state(k, p) for p in points]
    alpha = tuple(math.nan if f is None else family.alpha(f[1]) for f in found)
    energy = tuple(math.nan if f is None else f[1].free_energy for f in found)
    return Branch(k, alpha, energy, tuple("absent" if f is None else "metastable" for f in found), _spinodals(family, k, points))


def _spinodals(family: _Family, k: int, points: Sequence[float]) -> tuple[float | None, float | None]:
    """The ends of the interval of P, up to ABOVE points[-1], in which branch k has its wells."""
    start = next((p for p in (*points[::-1], family.p, family.p * STRIDE, family.p * STRIDE**4) if family.state(k, p) is not None), None)
    if start is None:
        return None, None
    ends: list[float | None] = []
    for factor, limit in ((1.0 / STRIDE, 0.0 if k else math.inf), (STRIDE**3, points[-1] * ABOVE)):
        p = start
        while (factor < 1.0) == (p > limit) and family.state(k, p * factor) is not None:
            p *= factor
        ends.append(math.sqrt(math.prod(family.end(k, p * factor, p))) if (factor < 1.0) == (p > limit) else None)
    return ends[0], ends[1]


def _states(branches: list[Branch], family: _Family, points: Sequence[float], complete: bool) -> list[Branch]:
    """Names the best branch at each P stable; not the last one where more neurons, of a branch that is missing, are better."""
    states = [list(b.state) for b in branches]
    for i, p in enumerate(points):
        there = [j for j, s in enumerate(states) if s[i] != "absent"]
        best = min(there, key=lambda j: branches[j].free_energy[i], default=None)
        if best is not None and (complete or best < len(branches) - 1 or not family.better(branches[best].specialised, p)):
            states[best][i] = "stable"
    return [replace(b, state=tuple(s)) for b, s in zip(branches, states, strict=True)]


def _mixture(branches: list[Branch], i: int, complete: bool) -> float | None:
    there = [b for b in branches if b.state[i] != "absent"]
    if not there or not (complete or any(b.state[i] == "stable" for b in there)):
        return None
    least = min(b.free_energy[i] for b in there)
    weight = [math.exp(least - b.free_energy[i]) for b in there]
    return sum(w * b.alpha[i] for w, b in zip(weight, there, strict=True)) / sum(weight)


__all__ = ["AdaptationCurve", "Branch", "Transition", "adaptation_curve"]
