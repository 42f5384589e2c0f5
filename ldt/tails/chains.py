r"""The moves of ldt.tails.moves, compiled, chain by chain, for networks whose units have a closed form (``ClosedForm``).

The formulas, acceptance probabilities included, are those at the head of ldt.tails.moves; here a rejected proposal costs nothing but its
draw, and a draw y = e +- L^(-1) m of the specialised law, z = L y, has its density in y at once:

    log r(z) = (|z|^2 - |y|^2 - |L^(-1) m|^2)/2 + log cosh(y . L^(-1) m) - log det L.

Random numbers are consumed chain by chain from one generator.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.models.networks.additive import ClosedForm, unit_share
from ldt.numerics.compiled import compiled
from ldt.numerics.special import log_ndtr
from ldt.tails.mixture import Mixture

Array = NDArray[np.float64]

REFRESH, BIRTH, DEATH, SPLIT, MERGE = range(5)


class Laws(NamedTuple):
    """Laws of specialised units, one a row: ``root`` L and ``inverse`` L^(-1), transposed, ``centre`` L^(-1) m, ``axis`` L^(-T) L^(-1) m,
    ``log_det`` of L, ``odds`` above which log r counts as specialised, and ``stretch`` 1 - 1/(largest eigenvalue of L L')."""

    root: Array
    inverse: Array
    centre: Array
    axis: Array
    log_det: Array
    odds: Array
    stretch: Array


def stacked(mixtures: list[Mixture]) -> Laws:
    """The mixtures as arrays."""
    centre = np.array([m.inverse @ m.mean for m in mixtures])
    share = np.array([m.share for m in mixtures])
    return Laws(
        np.array([m.root.T for m in mixtures]), np.array([m.inverse.T for m in mixtures]), centre,
        np.array([m.inverse.T @ c for m, c in zip(mixtures, centre, strict=True)]),
        np.array([np.sum(np.log(np.diag(m.root))) for m in mixtures]), np.log1p(-share) - np.log(share),
        1.0 - 1.0 / np.array([m.largest for m in mixtures]),
    )  # fmt: skip


@compiled
def log_given(level: float, v: float) -> float:
    """log P(A >= level | V = v) for level > 0."""
    return log_ndtr(-level / math.sqrt(v)) if v > 0.0 else -math.inf


@compiled
def crank_nicolson(
    x: Array, q: Array, share: Array, level: float, form: ClosedForm, wholes: int, steps: Array, spread: float, random: Any
) -> Any:  # fmt: skip
    """One sweep: ``wholes`` moves of the whole vector, then one of each unit (if there are several); in place.

    ``steps``: centres of b for whole-vector and one-unit moves.  Returns how many of each were accepted.
    """
    n, count = share.shape
    size = x.shape[1] // count
    taken = np.zeros(2, np.int64)
    new = np.empty(x.shape[1])
    fresh = np.empty(count)
    for c in range(n):
        u = log_given(level, q[c])
        for _ in range(wholes):
            b = min(steps[0] * math.exp(spread * random.standard_normal()), 1.0)
            a = math.sqrt(1.0 - b * b)
            total = 0.0
            for j in range(count):
                square = 0.0
                for i in range(j * size, (j + 1) * size):
                    new[i] = a * x[c, i] + b * random.standard_normal()
                    square += new[i] * new[i]
                fresh[j] = unit_share(form, new[j * size], square)
                total += fresh[j]
            now = log_given(level, total)
            if math.log1p(-random.random()) < now - u:
                x[c] = new
                share[c] = fresh
                q[c] = total
                u = now
                taken[0] += 1
        for j in range(count if count > 1 else 0):
            b = min(steps[1] * math.exp(spread * random.standard_normal()), 1.0)
            a = math.sqrt(1.0 - b * b)
            square = 0.0
            for i in range(size):
                new[i] = a * x[c, j * size + i] + b * random.standard_normal()
                square += new[i] * new[i]
            mine = unit_share(form, new[0], square)
            total = 0.0  # summed afresh, so that no rounding accumulates
            for i in range(count):
                total += mine if i == j else share[c, i]
            now = log_given(level, total)
            if math.log1p(-random.random()) < now - u:
                x[c, j * size : (j + 1) * size] = new[:size]
                share[c, j] = mine
                q[c] = total
                u = now
                taken[1] += 1
    return taken


@compiled
def square_of(z: Array) -> float:
    """|z|^2."""
    total = 0.0
    for value in z:
        total += value * value
    return total


@compiled
def multiply(columns: Array, x: Array, out: Array) -> None:
    """out = L x for lower-triangular L, whose columns are the rows of ``columns``."""
    out[:] = 0.0
    for j in range(x.size):
        for i in range(j, x.size):
            out[i] += columns[j, i] * x[j]


@compiled
def ratio_of(laws: Laws, k: int, y: Array, square: float) -> float:
    """log r of a unit with L^(-1) z = y and |z|^2 = ``square`` under law k."""
    cross = 0.0
    length = 0.0
    centre = laws.centre[k]
    for i in range(y.size):
        cross += y[i] * centre[i]
        length += y[i] * y[i] + centre[i] * centre[i]
    cross = abs(cross)
    return float(0.5 * (square - length) - laws.log_det[k] + cross + math.log1p(math.exp(-2.0 * cross)) - math.log(2.0))


@compiled
def log_ratio(laws: Laws, k: int, z: Array, y: Array) -> float:
    """log of law k over the prior at the unit z; ``y`` is room for L^(-1) z."""
    multiply(laws.inverse[k], z, y)
    return ratio_of(laws, k, y, square_of(z))


@compiled
def draw(laws: Laws, k: int, random: Any, z: Array, y: Array) -> float:
    """Draws a unit z of law k, with y = L^(-1) z; returns log r there."""
    sign = 1.0 if random.random() < 0.5 else -1.0
    for i in range(z.size):
        y[i] = random.standard_normal() + sign * laws.centre[k, i]
    multiply(laws.root[k], y, z)
    return ratio_of(laws, k, y, square_of(z))


@compiled
def is_specialised(laws: Laws, k: int, z: Array, y: Array) -> bool:
    """Whether a unit is more likely specialised than not under law k."""
    # |y|^2 >= |z|^2/(largest eigenvalue) bounds log r at the cost of two products, and excludes nearly all ordinary units.
    cross = 0.0
    bound = 0.0
    for i in range(z.size):
        cross += laws.axis[k, i] * z[i]
        bound += 0.5 * laws.stretch[k] * z[i] * z[i] - 0.5 * laws.centre[k, i] * laws.centre[k, i]
    if bound + abs(cross) - laws.log_det[k] <= laws.odds[k] - 1e-9:
        return False
    return bool(log_ratio(laws, k, z, y) > laws.odds[k])


@compiled
def pick(special: Any, wanted: bool, skip: int, ways: int, random: Any) -> int:
    """One of the ``ways`` units that are (not) specialised, apart from ``skip``, at random."""
    rank = min(int(random.random() * ways), ways - 1)
    for j in range(special.size):
        if special[j] == wanted and j != skip:
            if rank == 0:
                return j
            rank -= 1
    return -1


@compiled
def specialised_moves(x: Array, q: Array, share: Array, level: float, form: ClosedForm, laws: Laws, turns: int, random: Any) -> Any:
    """``turns`` moves of specialised units of every chain, in place; the last of ``laws`` is this level's.

    Returns (proposed, accepted) of refresh, birth, death, split and merge.
    """
    n, count = share.shape
    size = x.shape[1] // count
    here = laws.log_det.size - 1
    tally = np.zeros((5, 2), np.int64)
    special = np.empty(count, np.bool_)
    z = np.empty((2, size))
    y = np.empty(size)
    for c in range(n):
        units = x[c].reshape(count, size)
        number = 0
        for j in range(count):
            special[j] = is_specialised(laws, here, units[j], y)
            number += special[j]
        u = log_given(level, q[c])
        for turn in range(turns):
            kind = turn % (3 if count > 1 else 2)
            there = min(int(random.random() * (here + 1)), here)
            move = REFRESH
            if kind:
                rise = random.random() < 0.5
                move = (BIRTH if kind == 1 else SPLIT) if rise else (DEATH if kind == 1 else MERGE)
            first = number if move != BIRTH else count - number
            second = 0 if kind < 2 else count - number if move == SPLIT else number - 1
            if first <= 0 or (kind == 2 and second <= 0):
                continue
            i = pick(special, move != BIRTH, -1, first, random)
            j = pick(special, move == MERGE, i, second, random) if kind == 2 else i
            # The change of the log of r, and of the choice of units; then what each unit must be after the move.
            if move == REFRESH:
                odds = log_ratio(laws, here, units[i], y) - draw(laws, here, random, z[0], y)
            elif move == BIRTH:
                odds = math.log((count - number) / (number + 1.0)) - draw(laws, there, random, z[0], y)
            elif move == DEATH:
                odds = log_ratio(laws, there, units[i], y) - math.log((count - number + 1.0) / number)
                for k in range(size):
                    z[0, k] = random.standard_normal()
            elif move == SPLIT:
                odds = math.log((count - number) / (number + 1.0)) + log_ratio(laws, here, units[i], y)
                odds -= draw(laws, there, random, z[0], y) + draw(laws, there, random, z[1], y)
            else:
                odds = log_ratio(laws, there, units[i], y) + log_ratio(laws, there, units[j], y)
                odds -= math.log((count - number + 1.0) / number) + draw(laws, here, random, z[0], y)
                for k in range(size):
                    z[1, k] = random.standard_normal()
            tally[move, 0] += 1
            mine = unit_share(form, z[0, 0], square_of(z[0]))
            other = unit_share(form, z[1, 0], square_of(z[1])) if kind == 2 else 0.0
            total = 0.0
            for k in range(count):
                total += mine if k == i else other if k == j else share[c, k]
            now = log_given(level, total)
            if not math.log1p(-random.random()) < now - u + odds:
                continue
            if is_specialised(laws, here, z[0], y) != (move != DEATH):
                continue
            if kind == 2 and is_specialised(laws, here, z[1], y) != (move == SPLIT):
                continue
            units[i] = z[0]
            share[c, i] = mine
            special[i] = move != DEATH
            if kind == 2:
                units[j] = z[1]
                share[c, j] = other
                special[j] = move == SPLIT
            number += (move == BIRTH or move == SPLIT) - (move == DEATH or move == MERGE)
            q[c] = total
            u = now
            tally[move, 1] += 1
    return tally
