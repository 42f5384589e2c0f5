r"""A neuron's nodes cut into bins, and the sectors: how many neurons are in each.

Sector n = (n_0, n_1, ...) holds n_b neurons in bin b and has the saddle point s of K_n(s) = sum_b n_b log M_b(kappa s^2); its Chernoff
bound is multiplicity times exp(K_n(s) - s level)                                                     (ldt.tails.sectors).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError
from ldt.models.loops import bin_sizes
from ldt.models.neuron import Nodes
from ldt.tails.expansion import Cumulants
from ldt.tails.search import search, solve

Array = NDArray[np.float64]
Index = NDArray[np.int64]

EPS = float(np.finfo(float).eps)
#: Sectors whose Chernoff bound is this many nats below the largest are left out (and bounded).
SECTOR_DROP = 45.0
#: With more sectors than this the number of specialised neurons is as good as continuous: one contour serves.
MAX_SECTORS = 600
#: How many sectors are tried at most, the negligible ones included.
MAX_TRIED = 12_000


class Sector(NamedTuple):
    """``special``: neurons in bins 1, 2, ...; saddle ``s``, cumulants (K, ..., K'''') there; ``log_weight``: log multiplicity."""

    special: tuple[int, ...]
    s: float
    cumulants: Cumulants
    log_weight: float

    @property
    def k(self) -> int:
        """Number of specialised neurons."""
        return sum(self.special)

    @property
    def delta(self) -> float:
        """The scale on which the integrand varies near the saddle.  Higher cumulants count: a far well that is about to take over
        adds a small part to K, of a scale of its own."""
        _, _, k2, k3, k4 = self.cumulants
        return min(self.s, 1.0 / math.sqrt(k2), k2 / max(abs(k3), 1e-300), math.sqrt(k2 / max(abs(k4), 1e-300)))

    def log_bound(self, level: float) -> float:
        """log of the Chernoff bound: multiplicity times exp(K(s) - s level)."""
        return self.log_weight + self.cumulants[0] - self.s * level

    def rounding(self, level: float) -> float:
        """What the exponents' own rounding adds to the error of a log probability, in nats."""
        return 4.0 * EPS * (abs(self.cumulants[0]) + abs(self.s * level) + abs(self.log_weight))


class Table(NamedTuple):
    """Sectors as rows of arrays: ``special`` neurons, and ``values`` s, K, ..., K'''', log multiplicity."""

    special: Index
    values: Array

    def sector(self, i: int) -> Sector:
        """Row i as an object."""
        s, k0, k1, k2, k3, k4, weight = self.values[i].tolist()
        return Sector(tuple(self.special[i].tolist()), s, (k0, k1, k2, k3, k4), weight)

    def main(self, level: float) -> Sector:
        """The one of the largest Chernoff bound."""
        return self.sector(int(np.argmax(self.log_bounds(level))))

    def take(self, which: Any) -> Table:
        """The rows of a mask, of indices or of a slice."""
        return Table(self.special[which], self.values[which])

    def counts(self, width: int) -> Array:
        """Neurons in every bin, the typical one included."""
        out = np.empty((len(self.special), self.special.shape[1] + 1))
        out[:, 0], out[:, 1:] = width - self.special.sum(axis=1), self.special
        return out

    def log_bounds(self, level: float) -> Array:
        """``Sector.log_bound`` of each."""
        return self.values[:, 6] + self.values[:, 1] - self.values[:, 0] * level

    def deltas(self) -> Array:
        """``Sector.delta`` of each."""
        s, _, _, k2, k3, k4, _ = self.values.T
        scales = 1.0 / np.sqrt(k2), k2 / np.maximum(np.abs(k3), 1e-300), np.sqrt(k2 / np.maximum(np.abs(k4), 1e-300))
        return np.asarray(np.minimum.reduce((s, *scales)))

    def rounding(self, level: float) -> float:
        """The largest ``Sector.rounding`` of them."""
        s, k0, weight = self.values[:, 0], self.values[:, 1], self.values[:, 6]
        return 4.0 * EPS * float(np.max(np.abs(k0) + np.abs(s * level) + np.abs(weight)))


class Bins:
    """Nodes cut into bins at ``cuts``, with what the compiled loops need."""

    def __init__(self, model: Any, nodes: Nodes, cuts: tuple[float, ...]) -> None:
        self.model, self.nodes, self.cuts = model, nodes, cuts
        self.start = np.array([0, *nodes.x.searchsorted(cuts).tolist(), len(nodes.x)] if cuts else [0, len(nodes.x)])
        outside = float(np.exp(nodes.lw[self.start[1] :]).sum()) if cuts else 0.0
        self.deficit = np.array([outside] + [-1.0] * len(cuts))
        self.empty = self.start[1:] == self.start[:-1]

    def arguments(self, special: tuple[int, ...]) -> tuple[Any, ...]:
        """The trailing arguments of the compiled loops for a sector."""
        count = np.array([self.model.width - sum(special), *special], dtype=float)
        return (self.model.variance_scale, count, self.start, self.nodes.lw, self.nodes.gg, self.deficit)

    def shared(self, counts: Array) -> tuple[Any, ...]:
        """The trailing arguments of the compiled loops for several sectors, of which these are the neurons in the bins."""
        return (self.model.variance_scale, counts, self.start, self.nodes.lw, self.nodes.gg, self.deficit)

    def sizes(self, s: float) -> Array:
        """log M of each bin at tilt s (-inf of a bin without nodes)."""
        return bin_sizes(self.model.variance_scale * s * s, self.start, self.nodes.lw, self.nodes.gg)

    def allowed(self, special: tuple[int, ...]) -> bool:
        """Whether such a sector exists: counts not negative, none in a bin without nodes."""
        n0 = self.model.width - sum(special)
        return n0 >= 0 and min(special, default=0) >= 0 and not any(
            n and e for n, e in zip((n0, *special), self.empty, strict=True)
        )

    @property
    def _law(self) -> tuple[Any, ...]:
        """What the compiled search needs to know of the law."""
        return (s_limit(self.model), self.model.variance_scale, self.start, self.nodes.lw, self.nodes.gg, self.deficit)

    def solve(self, level: float, guess: float, special: tuple[int, ...]) -> Sector:
        """The sector with its saddle at ``level``, or at the end of its tilts where that is out of reach."""
        found = solve(level, guess, np.array(special, dtype=np.int64), self.model.width, *self._law)
        if not math.isfinite(found[0]):
            raise ConvergenceError(f"level: no saddle point found at level {level:g} with {sum(special)} specialised neurons")
        return Sector(special, found[0], found[1:6], found[6])

    def relevant(self, level: float, guess: float, first: tuple[int, ...]) -> tuple[Table, int, float]:
        """Sectors whose Chernoff bound is within SECTOR_DROP of the largest, searched outwards from ``first``, and after them their
        neighbours, which are left out; how many count; and the log of (the largest bound left out, relative to the largest, times the
        number of neighbours left out).

        More than MAX_SECTORS come back where there are more; after MAX_TRIED the best that have unseen neighbours count as left out.
        """
        while not self.allowed(first):
            first = tuple(max(0, k - 1) if not e else 0 for k, e in zip(first, self.empty[1:], strict=True))
            if not any(first):
                break
        # Every sector with at most one neuron out of the typical bin is tried: a far bin need not be a neighbour of the best.
        near = _single(len(first)) if first and sum(first) <= 3 else np.empty((0, len(first)), dtype=np.int64)
        numbers, found, worth, expanded, all_solved = search(
            level, guess, np.array(first, dtype=np.int64), near, SECTOR_DROP, MAX_SECTORS, MAX_TRIED, self.model.width, self.empty,
            *self._law,
        )  # fmt: skip
        if not all_solved:
            raise ConvergenceError(f"level: no saddle point found at level {level:g} in one of the sectors")
        least = float(np.max(worth)) - SECTOR_DROP
        order = np.lexsort(numbers.T[::-1]) if len(first) else np.arange(len(worth))
        inside = worth[order] >= least
        rows = np.concatenate((order[inside], order[~inside]))
        tried, kept = Table(numbers[rows], found[rows]), int(np.count_nonzero(inside))
        if not tried.values[:kept, 2].min() > 0.999 * level:  # a tilt at its end
            end = "lies too near the end of the tilts (the overlap is linear far out); only method='montecarlo' applies"
            raise ConvergenceError(f"level: at level {level:g} a saddle point that matters {end}")
        left = worth[(worth < least) | ~expanded]
        return tried, kept, float(np.max(left)) - least - SECTOR_DROP + math.log(4.0 * len(left)) if len(left) else -math.inf


@lru_cache(maxsize=64)
def _single(bins: int) -> Index:
    """No neuron beyond the typical bin, and one in each other."""
    return np.eye(bins + 1, bins, -1, dtype=np.int64)


def s_limit(model: Any) -> float:
    """sup of s with K(s) finite."""
    limit = model.neuron.theta_max
    return math.sqrt(limit / model.variance_scale) if limit < math.inf else math.inf
