r"""Which sectors count: compiled search over the numbers of neurons in the bins, best first.

A sector's worth is the log of its Chernoff bound, log multiplicity + K(s) - s level at its saddle, which is concave enough in the
numbers that the sectors worth more than a threshold are connected by single moves: one neuron more or less in a bin, or moved
between two.  Saddles are started from a neighbour's.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled
from ldt.tails.loops import saddle, sector_cgf

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Up to here log C(n, k) is a sum of k logs.
SUMMED = 200


@compiled
def log_binomial(n: int, k: int) -> float:
    """log C(n, k): a sum of logs for small k; beyond, Stirling's series with the difference log n!/(n - k)! taken by log1p, since
    the log-gammas themselves would cancel (n log n = 3e13 at n = 1e12).

    >>> abs(log_binomial(5, 2) - math.log(10)) < 1e-15
    True
    """
    k = min(k, n - k)
    if k <= SUMMED:
        total = 0.0
        for i in range(k):
            total += math.log((n - i) / (i + 1.0))
        return total
    m = n - k
    x, y = 1.0 / n, 1.0 / m
    series = (x - y) / 12.0 - (x**3 - y**3) / 360.0 + (x**5 - y**5) / 1260.0
    return k * math.log(n) - (m + 0.5) * math.log1p(-k / n) - k + series - math.lgamma(k + 1.0)


@compiled
def log_multinomial(n: int, special: Index) -> float:
    """log of n!/(n_0! n_1! ...) with n_0 = n - sum(special)."""
    total = 0.0
    for k in special:
        total += log_binomial(n, k)
        n -= k
    return total


@compiled
def allowed(width: int, special: Index, empty: NDArray[np.bool_]) -> bool:
    """Whether such a sector exists: counts not negative, none in a bin without nodes."""
    left = width
    for b in range(special.size):
        if special[b] < 0 or (special[b] > 0 and empty[b + 1]):
            return False
        left -= special[b]
    return left == 0 or (left > 0 and not empty[0])


@compiled
def solve(
    level: float, guess: float, special: Index, width: int, limit: float, kappa: float, start: Index, lw: Array, gg: Array, deficit: Array
) -> tuple[float, float, float, float, float, float, float]:
    """(s, K, ..., K'''', log multiplicity) of the sector at its saddle, or at the end of its tilts (below ``limit``) where the saddle
    is out of reach; s is NaN where there is neither."""
    count = np.empty(special.size + 1)
    count[0] = width
    for b in range(special.size):
        count[b + 1] = special[b]
        count[0] -= special[b]
    end = math.inf if special.size > 0 and special[-1] == 0 else limit  # nobody in the last bin, which alone reaches to infinity
    s = saddle(level, guess, end, kappa, count, start, lw, gg)
    if not math.isfinite(s):
        s = end * (1.0 - 1e-13)
        if end == math.inf or not sector_cgf(s, kappa, count, start, lw, gg, deficit)[1] < level:
            return math.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    k0, k1, k2, k3, k4 = sector_cgf(s, kappa, count, start, lw, gg, deficit)
    return s, k0, k1, k2, k3, k4, log_multinomial(width, special)


@compiled
def search(
    level: float, guess: float, first: Index, seeds: Index, drop: float, most: int, tried: int, width: int, empty: NDArray[np.bool_],
    limit: float, kappa: float, start: Index, lw: Array, gg: Array, deficit: Array,
) -> tuple[Index, Array, Array, NDArray[np.bool_], bool]:  # fmt: skip
    """(numbers, (s, K, ..., K'''', log multiplicity), worth, whether expanded, whether all saddles were found) of the sectors tried.

    From ``first`` and the ``seeds`` outwards, best first, until none within ``drop`` of the best is left, or ``most`` have been
    expanded, or ``tried`` tried.
    """
    bins = first.size
    moves = bins * (bins + 1)
    room = tried + moves + seeds.shape[0] + 2
    numbers = np.empty((room, bins), dtype=np.int64)
    found = np.empty((room, 7))
    worth = np.empty(room)
    expanded = np.zeros(room, dtype=np.bool_)
    new = np.empty(bins, dtype=np.int64)
    size = 0
    best = -np.inf
    opened = 0
    at = -1
    while True:
        # The starts at once, then the neighbours of the best one not yet expanded.
        for i in range(1 + seeds.shape[0] if at < 0 else moves):
            s = guess
            if at >= 0:
                s = found[at, 0]
                move(numbers, at, i, new)
            else:
                for b in range(bins):
                    new[b] = first[b] if i == 0 else seeds[i - 1, b]
            if _listed(numbers, size, new) or not allowed(width, new, empty):
                continue
            s, k0, k1, k2, k3, k4, weight = solve(level, s, new, width, limit, kappa, start, lw, gg, deficit)
            if not math.isfinite(s):
                return numbers[:size], found[:size], worth[:size], expanded[:size], False
            for b in range(bins):
                numbers[size, b] = new[b]
            found[size, 0], found[size, 1], found[size, 2], found[size, 3] = s, k0, k1, k2
            found[size, 4], found[size, 5], found[size, 6] = k3, k4, weight
            worth[size] = weight + k0 - s * level
            best = max(best, worth[size])
            size += 1
        at = -1
        for j in range(size):
            if not expanded[j] and (at < 0 or worth[j] > worth[at]):
                at = j
        if at < 0 or worth[at] < best - drop or opened > most or size > tried:
            return numbers[:size], found[:size], worth[:size], expanded[:size], True
        expanded[at] = True
        opened += 1


@compiled
def move(numbers: Index, at: int, which: int, new: Index) -> None:
    """Row ``at`` after single move number ``which``, into ``new``: for each bin and sign one neuron more or less there, or taken from
    or given to a later bin."""
    bins = new.size
    for b in range(bins):
        new[b] = numbers[at, b]
    for b in range(bins):
        each = bins - b
        if which < 2 * each:
            step = 1 if which < each else -1
            other = b + which % each
            new[b] += step
            if other > b:
                new[other] -= step
            return
        which -= 2 * each


@compiled
def _listed(numbers: Index, size: int, new: Index) -> bool:
    """Whether ``new`` is among the first ``size`` rows."""
    for j in range(size - 1, -1, -1):
        same = True
        for b in range(new.size):
            same = same and numbers[j, b] == new[b]
        if same:
            return True
    return False


@compiled
def tilted_density(theta: float, x: Array, lw: Array, gg: Array) -> tuple[Array, Array]:
    """(x, log tilted density of the coordinate), unnormalised, on rough nodes: ascending, as many (next to each other) at each x."""
    inner = 1
    while inner < x.size and x[inner] == x[0]:
        inner += 1
    n = x.size // inner
    places = np.empty(n)
    density = np.empty(n)
    for i in range(n):
        places[i] = x[i * inner]
    for i in range(n):
        top = -np.inf
        for j in range(i * inner, (i + 1) * inner):
            top = max(top, lw[j] + theta * gg[j])
        mass = 0.0
        for j in range(i * inner, (i + 1) * inner):
            mass += math.exp(lw[j] + theta * gg[j] - top)
        low, high = max(i - 1, 0), min(i + 1, n - 1)
        density[i] = top + math.log(mass) - math.log((places[high] - places[low]) / (high - low)) if n > 1 else top + math.log(mass)
    return places, density


@compiled
def deepest(theta: float, steep: float, density: Array, gg: Array, log_x: Array, first: int, last: int) -> tuple[float, int]:
    """(depth, index) of the deepest valley of density + theta gg + steep log x between two places: how far below the lower of the
    highest points on either side.  The highest of all parts them: left of it the highest so far counts, right of it from the end."""
    peak, top = first, -np.inf
    for i in range(first, last):
        here = density[i] + theta * gg[i] + steep * log_x[i]
        if here > top:
            peak, top = i, here
    depth, place = 0.0, -1
    for side in range(2):
        high = -np.inf
        for n in range(peak - first if side == 0 else last - 1 - peak):
            i = first + n if side == 0 else last - 1 - n
            here = density[i] + theta * gg[i] + steep * log_x[i]
            high = max(high, here)
            if high - here > depth:
                depth, place = high - here, i
    return depth, place


@compiled
def deepest_valley(theta: float, density: Array, gg: Array, log_x: Array, first: int, last: int, least: float) -> tuple[float, int]:
    """(depth in nats, index) of the deepest valley of the density tilted by theta gg, if it is ``least`` deep, else (0, -1): of the
    density of x or, failing that, of log x, in which a wide plateau is a well as much as a peak is (an unbounded overlap has one near
    the end of its tilts)."""
    for steep in (0.0, 1.0):
        depth, place = deepest(theta, steep, density, gg, log_x, first, last)
        if place >= 0 and depth >= least:
            return depth, place
    return 0.0, -1


@compiled
def depth(theta: float, count: Array, density: Array, gg: Array, log_x: Array, parts: Index, least: float) -> float:
    """Depth of the deepest valley, if it is ``least`` deep, in the bins (cut at ``parts``) that hold neurons; else 0."""
    worst = 0.0
    for b in range(count.size):
        if count[b] > 0.0 and parts[b + 1] - parts[b] >= 3:
            worst = max(worst, deepest_valley(theta, density, gg, log_x, parts[b], parts[b + 1], least)[0])
    return worst


@compiled
def depths(thetas: Array, counts: Array, density: Array, gg: Array, log_x: Array, parts: Index, least: float) -> Array:
    """``depth`` of several sectors."""
    out = np.empty(thetas.size)
    for i in range(thetas.size):
        out[i] = depth(thetas[i], counts[i], density, gg, log_x, parts, least)
    return out
