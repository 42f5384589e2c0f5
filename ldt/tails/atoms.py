r"""One neuron's law as finitely many atoms, and sectors as sums of draws from them: what importance sampling draws.

The tail needs a neuron's g^2 alone.  The nodes of the sectors' quadrature (ldt.models.neuron) are atoms (mass exp(lw_j), g_j^2) of a finite
law whose M(theta) is that of the neuron to rounding.  In a sector at tilt theta a neuron of bin b is atom j with probability

    p_j = exp(lw_j + theta g_j^2)/M_b(theta),      ratio of prior to drawn mass:  M_b(theta) exp(-theta g_j^2),

so that a sample's weight hangs on T = sum_i g_i^2 alone, and is exact for the law that is drawn from.  A neuron that carries the event
alone is drawn by 0.8 of prior times Phi(-level/sqrt V) (for the density, the normal density of variance V), V with the mean of the others,
and 0.2 of its tilt: closer to its law given the event, with ratios of its own.

n neurons of one bin are n look-ups (ldt.numerics.alias) or, where n is many times the number K of atoms, one multinomial draw of how many
of them are at each atom (K binomial draws, whatever n): the same law.

What the atoms miss of the neuron's law is measured by a rule that shares no nodes with them (``misfit``), and is part of the error.  That
M agrees at real tilts is enough where T is a sum of many; of FEW neurons the event's mean over one of them is compared as well.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

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
#: One neuron has at least 1/CARRIED of an event that it carries alone.
CARRIED = 20.0
#: Keeps a variance positive where g is 0.
TINY = 1e-300
#: The second rule: points on a cell of half a standard deviation, cells of that width, and mass below exp(-DROP) left out.
POINTS, CELLS, DROP = 10, 4000, 60.0
#: So few neurons see more of one's law than its M at real tilts (few may all be small, and two large ones sum to a narrow range of sizes);
#: and the cells of the second rule that halve towards 0 for them.
FEW = 4
HALVINGS = {"w": 170, "v": 170, "wr": 40}


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


def bin_atoms(law: SectorLaw, index: int, level: float, density: bool) -> list[Atoms]:
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
            alone = _normalised(lw + log_event(level, 2.0 * model.variance_scale * (_others(law, theta) + gg + TINY), density))
            log_p = _normalised(np.logaddexp(math.log(1.0 - DEFENCE) + alone, math.log(DEFENCE) + log_p))
            found.append(Atoms(1, np.exp(log_p), gg, log_m, theta, lw - log_p))
        else:
            found.append(Atoms(n, np.exp(log_p), gg, log_m, theta))
    return found


def _normalised(logs: Array) -> Array:
    return np.asarray(logs - np.logaddexp.reduce(logs))


def log_event(level: float, v: Any, density: bool) -> Any:
    """log Phi(-level/sqrt v), or the log of the normal density of variance v at ``level``."""
    if density:
        return -0.5 * level * level / v - 0.5 * np.log(2.0 * math.pi * v)
    return log_ndtr_array(-level / np.sqrt(v))


def _others(law: SectorLaw, theta: float) -> float:
    """The sum of g^2 over all neurons but one, in the typical bin at their tilted mean."""
    nodes, end, others = law.bins.nodes, law.bins.start[1], law.model.width - 1
    return float(others * log_moment(theta, nodes.lw[:end], nodes.gg[:end], -1.0)[1]) if others else 0.0


def carrier(law: SectorLaw, index: int, level: float, density: bool, value: float) -> float:
    """Where the neuron begins that carries the event alone in a sector without specialised neurons: the lower tenth of the law
    prior(x) Phi(-level/sqrt V), V its own, in the typical bin.  inf where it would not be alone: half a neuron beyond, or more; or where
    one neuron, the others at their prior means, has less than 1/CARRIED of the event, whose log is about ``value`` (of linear overlaps two
    large neurons carry it at any angle)."""
    theta = law.model.variance_scale * law.sectors[index].s ** 2
    x, lw, gg = (a[: law.bins.start[1]] for a in (law.bins.nodes.x, law.bins.nodes.lw, law.bins.nodes.gg))

    def reached(others: float, density: bool) -> Array:
        return np.asarray(lw + log_event(level, 2.0 * law.model.variance_scale * (others + gg + TINY), density))

    def beyond(log_mass: Array) -> Array:
        mass = np.exp(log_mass - log_mass.max())
        return np.asarray(np.cumsum(mass[::-1])[::-1] / mass.sum())

    one = math.log(law.model.width) + float(np.logaddexp.reduce(reached(_others(law, 0.0), density)))
    place = int(np.searchsorted(-beyond(reached(0.0, False)), -0.9))
    alone = place < len(x) and law.model.width * beyond(lw + theta * gg)[place] < 0.5 and one > value - math.log(CARRIED)
    return float(x[place]) if alone else math.inf


def misfit(law: SectorLaw, sectors: tuple[Sector, ...], level: float, density: bool) -> float:
    """The most (nats) that the atoms differ from Gauss's rule on small equal cells, at the tilts of ``sectors``: in sum_b n_b log M_b, or
    of FEW neurons in sum_b n_b log E_b[event], one neuron at a time drawn by the prior, the others at their tilted means."""
    neuron, bins, width = law.model.neuron, law.bins, law.model.width
    end, step = float(bins.nodes.edges[-1]), 0.5 * neuron.scale
    edges = step * np.arange(min(CELLS, math.ceil(end / step)))
    far = np.geomspace(edges[-1], end, CELLS) if end > CELLS * step else np.array([end])
    few = width <= FEW
    small = step * 0.5 ** np.arange(1, HALVINGS[neuron.kind]) if few else []  # where the density of few neurons at small levels comes from
    edges = np.union1d(np.concatenate([edges, far, small]), [c for c in bins.cuts if c < end])
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
    kappa = law.model.variance_scale
    for sector, theta in zip(sectors, thetas, strict=True):
        apart = event = 0.0
        for b, n in enumerate((width - sector.k, *sector.special)):
            if n:
                part = slice(bins.start[b], bins.start[b + 1])
                rule = lw[place == b].ravel(), gg[place == b].ravel()
                one, mean = log_moment(theta, bins.nodes.lw[part], bins.nodes.gg[part], bins.deficit[b])[:2]
                apart += n * abs(one - log_moment(theta, *rule, -1.0 if b else outside)[0])
                if few:
                    others = max(sector.cumulants[1] / (2.0 * kappa * sector.s) - mean, 0.0) if width > 1 else 0.0
                    logs = [
                        np.logaddexp.reduce(lws + log_event(level, 2.0 * kappa * (others + ggs + TINY), density))
                        for lws, ggs in ((bins.nodes.lw[part], bins.nodes.gg[part]), rule)
                    ]
                    event += n * abs(float(logs[0] - logs[1]))
        worst = max(worst, apart, event)
    return worst


__all__ = ["Atoms", "bin_atoms", "carrier", "effort", "log_event", "misfit"]
