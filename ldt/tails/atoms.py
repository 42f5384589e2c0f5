r"""One neuron's law as finitely many atoms, and sectors as sums of draws from them: what importance sampling draws.

The tail needs a neuron's g^2 alone.  The nodes of the sectors' quadrature (ldt.models.neuron) are atoms (mass exp(lw_j), g_j^2) of a finite
law whose M(theta) is that of the neuron to rounding.  In a sector at tilt theta a neuron of bin b is atom j with probability

    p_j = exp(lw_j + theta g_j^2)/M_b(theta),      ratio of prior to drawn mass:  M_b(theta) exp(-theta g_j^2),

so that a sample's weight hangs on T = sum_i g_i^2 alone, and is exact for the law that is drawn from.  A neuron that carries the event
alone is drawn by 0.8 of prior times Phi(-level/sqrt V), V with the mean of the others, and 0.2 of its tilt: closer to its law given
the event, with ratios of its own.

n neurons of one bin are n look-ups (ldt.numerics.alias) or, where n is many times the number K of atoms, one multinomial draw of how many
of them are at each atom (K binomial draws, whatever n): the same law.

What the atoms miss of the neuron's law is measured by a rule that shares no nodes with them (``misfit``), and is part of the error.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ldt.models.loops import log_moment
from ldt.models.neuron import OTHER
from ldt.numerics.alias import add_sums, alias, pick
from ldt.numerics.special import log_ndtr_array
from ldt.tails.bins import Sector
from ldt.tails.sectors import SectorLaw

Array = NDArray[np.float64]

#: Look-ups that take as long as one binomial draw.
BINOMIAL = 50
#: Share of the plain tilt mixed into a lone neuron's law, which keeps its weights bounded.
DEFENCE = 0.2
#: The second rule: points on a cell of half a standard deviation, cells of that width, and mass below exp(-DROP) left out.
POINTS, CELLS, DROP = 10, 4000, 60.0


@dataclass(frozen=True)
class Atoms:
    """``count`` neurons of one bin: ``p`` (K,) and ``gg`` (K,); the log ratio of prior to drawn mass is ``log_m`` - ``theta`` gg or, of a
    lone neuron, ``ratio`` (K,)."""

    count: int
    p: Array
    gg: Array
    log_m: float
    theta: float
    ratio: Array | None = None

    def add(self, random: np.random.Generator, state: NDArray[np.uint64], total: Array, logs: Array) -> None:
        """Draw the neurons of each sample: their g^2 is added to ``total``, their log ratios to ``logs``."""
        if self.ratio is None and self.count > BINOMIAL * len(self.p):
            order = np.argsort(self.p)  # the remainder, which is all that is rounded, comes last
            sums = random.multinomial(self.count, self.p[order], len(total)) @ self.gg[order]
            total += sums
            logs += self.count * self.log_m - self.theta * sums
            return
        table = alias(self.p)
        bits = len(table.threshold).bit_length() - 1
        with np.errstate(over="ignore"):  # words wrap; without Numba NumPy would warn
            if self.ratio is None:
                sums = np.zeros(len(total))
                add_sums(state, table.threshold, self.gg[table.entry], bits, self.count, sums)
                total += sums
                logs += self.count * self.log_m - self.theta * sums
            else:
                found = np.empty(len(total), dtype=np.int64)
                pick(state, table.threshold, table.entry, bits, found)
                total += self.gg[found]
                logs += self.ratio[found]


def effort(law: SectorLaw) -> int:
    """What one sample costs at most, in look-ups."""
    return min(int(law.model.width), BINOMIAL * len(law.bins.nodes.gg))


def bin_atoms(law: SectorLaw, index: int, level: float) -> list[Atoms]:
    """The neurons of the sector with this index, bin by bin."""
    sector, model, bins = law.sectors[index], law.model, law.bins
    theta = model.variance_scale * sector.s**2
    found = []
    for b, n in enumerate((model.width - sector.k, *sector.special)):
        if n == 0:
            continue
        part = slice(bins.start[b], bins.start[b + 1])
        lw, gg = bins.nodes.lw[part], bins.nodes.gg[part]
        log_m = log_moment(theta, lw, gg, bins.deficit[b])[0]
        log_p = _normalised(lw + theta * gg)
        if n == 1 and (sector.k == 1 if b else model.width == 1):
            alone = _normalised(lw + _reached(law, theta, level, model.width - 1, gg))
            log_p = _normalised(np.logaddexp(math.log(1.0 - DEFENCE) + alone, math.log(DEFENCE) + log_p))
            found.append(Atoms(1, np.exp(log_p), gg, log_m, theta, lw - log_p))
        else:
            found.append(Atoms(n, np.exp(log_p), gg, log_m, theta))
    return found


def _normalised(logs: Array) -> Array:
    return np.asarray(logs - np.logaddexp.reduce(logs))


def _reached(law: SectorLaw, theta: float, level: float, others: int, gg: Array) -> Array:
    """log Phi(-level/sqrt V) as a function of one neuron's g^2, the ``others`` in the typical bin at their tilted mean."""
    nodes, end = law.bins.nodes, law.bins.start[1]
    rest = others * log_moment(theta, nodes.lw[:end], nodes.gg[:end], -1.0)[1] if others else 0.0
    return np.asarray(log_ndtr_array(-level / np.sqrt(2.0 * law.model.variance_scale * (rest + gg + 1e-300))))


def carrier(law: SectorLaw, index: int, level: float) -> float:
    """Where the neuron begins that carries the event alone in a sector without specialised neurons: the lower tenth of the law
    prior(x) Phi(-level/sqrt V), V its own, in the typical bin.  inf where it would not be alone (half a neuron beyond, or more)."""
    theta = law.model.variance_scale * law.sectors[index].s ** 2
    x, lw, gg = (a[: law.bins.start[1]] for a in (law.bins.nodes.x, law.bins.nodes.lw, law.bins.nodes.gg))

    def beyond(log_mass: Array) -> Array:
        mass = np.exp(log_mass - log_mass.max())
        return np.asarray(np.cumsum(mass[::-1])[::-1] / mass.sum())

    place = int(np.searchsorted(-beyond(lw + _reached(law, theta, level, 0, gg)), -0.9))
    alone = place < len(x) and law.model.width * beyond(lw + theta * gg)[place] < 0.5
    return float(x[place]) if alone else math.inf


def misfit(law: SectorLaw, sectors: tuple[Sector, ...]) -> float:
    """The most (nats) that the atoms' sum_b n_b log M_b differs, at the tilts of ``sectors``, from the one by Gauss's rule on small equal
    cells."""
    neuron, bins, width = law.model.neuron, law.bins, law.model.width
    end, step = float(bins.nodes.edges[-1]), 0.5 * neuron.scale
    edges = step * np.arange(min(CELLS, math.ceil(end / step)))
    far = np.geomspace(edges[-1], end, CELLS) if end > CELLS * step else np.array([end])
    edges = np.union1d(np.concatenate([edges, far]), [c for c in bins.cuts if c < end])
    thetas = [law.model.variance_scale * s.s**2 for s in sectors]
    middle = 0.5 * (edges[:-1] + edges[1:])
    lw, gg = neuron.atoms(middle, max(thetas))
    place = np.searchsorted(np.asarray(bins.cuts), middle)
    keep = np.zeros(len(middle), dtype=bool)
    for theta, b in itertools.product((0.0, *thetas), range(len(bins.cuts) + 1)):
        mass = np.where(place == b, np.max(lw + theta * gg, axis=1), -np.inf)
        keep |= (place == b) & (mass > mass.max() - DROP)
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    half = 0.5 * np.diff(edges)[keep]
    lw, gg = neuron.atoms((middle[keep, None] + half[:, None] * nodes).ravel(), max(thetas), OTHER)
    lw = lw + np.log(half[:, None] * weights).ravel()[:, None]
    place = np.repeat(place[keep], POINTS)
    outside = float(np.sum(np.exp(lw[place > 0])))
    worst = 0.0
    for sector, theta in zip(sectors, thetas, strict=True):
        apart = 0.0
        for b, n in enumerate((width - sector.k, *sector.special)):
            if n:
                part = slice(bins.start[b], bins.start[b + 1])
                one = log_moment(theta, bins.nodes.lw[part], bins.nodes.gg[part], bins.deficit[b])[0]
                other = log_moment(theta, lw[place == b].ravel(), gg[place == b].ravel(), -1.0 if b else outside)[0]
                apart += n * abs(one - other)
        worst = max(worst, apart)
    return worst


__all__ = ["Atoms", "bin_atoms", "carrier", "effort", "misfit"]
