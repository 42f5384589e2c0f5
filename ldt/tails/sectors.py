r"""Sector decomposition of the alignment's law.

The tilted density of one neuron has several wells: near w = 0 (typical) and further out (specialised).  Cutting its coordinate
into bins, M = sum_b M_b, gives exactly (multinomial theorem; derived in docs/theory.md)

    P(A >= alpha) = sum_n N!/(n_0! n_1! ...) P_n,      K_n(s) = sum_b n_b log M_b(kappa s^2),

each sector n = (n_0, n_1, ...) with its own saddle.  Bin 0 is the typical one; k = n_1 + n_2 + ... is the number of specialised
neurons, and the weights of the sectors in P are its law given the event.

The first cut is at the barrier of the tilted density of the whole law.  That is enough when the specialised well is convex (levels
at which a neuron sits at w ~ sqrt 3 or beyond).  At lower levels one neuron's own rate is concave in alpha, so that a sector's tilt again
has two wells; it is then cut again at the valley between them (``refine``), until every sector that matters is unimodal.

With an overlap that is linear far out the whole law's saddle may be out of reach; the first cut is then at the valley before the far
well at a tilt near the end of the range (``_far_start``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.errors import NoTiltError
from ldt.models.loops import bin_sizes
from ldt.models.neuron import Contour, Nodes
from ldt.tails.bins import MAX_SECTORS, Bins, Sector, Table, s_limit
from ldt.tails.loops import sector_cgf
from ldt.tails.search import deepest_valley, depths, tilted_density

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: How far (nats) a sector's integrand on another one's path may rise above the highest sector's.
SHARED = 1.0
#: A valley of the tilted density shallower than this (nats) is no reason for a cut.
VALLEY = 0.5
#: Real tilts are served by the rough nodes where these are evenly spaced and not more than this.
MAX_EVEN = 1500
#: How far (a factor) beyond their saddles' tilts they serve.
REACH = 1.08
#: Fewer neurons than this beyond a cut, and the cut is too far out.
IDLE = 1e-3


class Rule(NamedTuple):
    """How nodes are made: ``order`` of a Gauss panel; of evenly spaced nodes the ``step`` in standard deviations; whether they serve
    ``real`` tilts only."""

    order: int = 16
    step: float = 0.5
    real: bool = False


class Valley(NamedTuple):
    """A valley of a sector's tilted density: depth in nats, place, and of the lighter side the neurons, the exponent theta g^2, and
    whether it is the outward side."""

    depth: float
    place: float
    neurons: float
    exponent: float
    outward: bool


@dataclass(frozen=True)
class SectorLaw:
    """The law of A in sectors at one level, on nodes that serve them all: of those ``tried`` the first ``kept``, the others are their
    neighbours; ``left_out``: log bound on the rest, relative.

    ``rough`` nodes find the wells; the nodes' ``rule``, and the tilt ``end`` up to which they serve the last bin."""

    model: Any
    level: float
    bins: Bins
    tried: Table
    kept: int
    left_out: float
    rough: Nodes
    rule: Rule
    end: float

    @cached_property
    def table(self) -> Table:
        """The sectors that count."""
        return self.tried.take(slice(self.kept))

    @cached_property
    def sectors(self) -> tuple[Sector, ...]:
        """The sectors as objects."""
        return tuple(self.table.sector(i) for i in range(len(self.table.special)))

    @property
    def main(self) -> Sector:
        """The sector of the largest Chernoff bound."""
        return self.table.main(self.level)

    def paths(self) -> list[tuple[float, NDArray[np.int64], Array]]:
        """(saddle, sectors, log height of each there): contours that serve every sector.

        A sector's integrand is largest, on any path, at most exp(K - s level) of where the path meets the real axis.  A path serves
        all sectors of which that height, times their multiplicity, is at most SHARED nats above the highest sector's: then little
        is lost to cancellation, and the bins' moments, which cost most, are had once for all.
        """
        heights, counts = self.table.log_bounds(self.level), self.table.counts(self.model.width)
        best = float(np.max(heights))
        saddles, deltas, weights = self.table.values[:, 0], self.table.deltas(), self.table.values[:, 6]
        left = np.argsort(-heights, kind="stable")
        found = []
        while len(left):
            s = float(saddles[left[0]])
            sizes = np.maximum(self.bins.sizes(s), -1e300)  # of a bin without nodes, in which no sector has a neuron
            here = counts[left] @ sizes + weights[left] - s * self.level - best
            # Right of its saddle a sector's integrand decays as fast as through it; left of it few specialised neurons pile up
            # against their cut, and it oscillates for long.
            off = (saddles[left] - s) / deltas[left]
            joined = (here <= SHARED) & (off >= -4.0) & (off <= 1.5)
            joined[0] = True
            found.append((s, left[joined], here[joined]))
            left = left[~joined]
        return found

    @cached_property
    def rugged(self) -> NDArray[np.bool_]:
        """Which sectors may have ``valleys``."""
        plain = self.plain_wells
        if plain is None:
            return np.ones(self.kept, dtype=np.bool_)
        _, log_x, parts, density, gg = plain
        thetas = self.model.variance_scale * self.table.values[:, 0] ** 2
        return depths(thetas, self.table.counts(self.model.width), density, gg, log_x, np.array(parts), VALLEY) > 0.0

    def valleys(self, sector: Sector) -> list[Valley]:
        """The deepest valley of the sector's tilted density in each bin that holds neurons and has one."""
        bins, theta = self.bins, self.model.variance_scale * sector.s**2
        x, log_x, parts, density, gg = self.wells(theta)
        found = []
        for b, n in enumerate((self.model.width - sector.k, *sector.special)):
            i, j = parts[b], parts[b + 1]
            depth, lowest = deepest_valley(theta, density, gg, log_x, i, j, VALLEY) if n and j - i >= 3 else (0.0, -1)
            if lowest < 0:
                continue
            place = float(x[lowest])
            first, last = bins.start[b], bins.start[b + 1]
            middle = min(max(int(np.searchsorted(bins.nodes.x, place)), first), last)
            inner, outer = bin_sizes(theta, np.array([first, middle, last]), bins.nodes.lw, bins.nodes.gg)
            minor = slice(middle, last) if outer <= inner else slice(first, middle)
            tilt = theta * bins.nodes.gg[minor]
            exponent = float(tilt[np.argmax(bins.nodes.lw[minor] + tilt)]) if minor.start < minor.stop else 0.0
            lighter = math.exp(-abs(outer - inner)) if minor.start < minor.stop else 0.0
            found.append(Valley(depth, place, n * lighter / (1.0 + lighter), exponent, bool(outer <= inner)))
        return found

    def wells(self, theta: float) -> tuple[Array, Array, list[int], Array, Array]:
        """(x, log x, bounds of the bins, log density, what theta tilts it by) on rough places."""
        plain = self.plain_wells
        if plain is not None:
            return plain
        x, density = _tilted(theta, self.rough)
        return x, np.log(x), [0, *np.searchsorted(x, self.bins.cuts).tolist(), len(x)], density, np.zeros(len(x))

    @cached_property
    def plain_wells(self) -> tuple[Array, Array, list[int], Array, Array] | None:
        """``wells`` of all tilts, where every place has one g^2."""
        x, density = _tilted(0.0, self.rough)
        if len(x) < len(self.rough.x):
            return None
        return x, np.log(x), [0, *np.searchsorted(x, self.bins.cuts).tolist(), len(x)], density, self.rough.gg

    def hidden(self, sector: Sector, step: float) -> float:
        """What the contour sum cannot see, relative to the sector: a second well of the tilted law that holds lambda << 1 neurons adds
        lambda exp(E (s/s0)^2) to K, of phase rate 2 E/s0 and height h = exp(-E (y/s0)^2).  Nodes, ``step`` y apart at y, follow it
        while the phase turns by less than 2 pi between them; what it makes of exp K there, exp(-lambda) [exp(lambda h) - 1] of the
        value at the saddle, is the error (nothing for lambda >> 1: the contour has ended).
        """
        total = 0.0
        for valley in self.valleys(sector):
            if valley.exponent > 0.0:
                reach = valley.neurons * math.exp(-7.0 / (valley.exponent * step * step))
                total = max(total, math.exp(reach - valley.neurons) if reach > 1.0 else math.exp(-valley.neurons) * math.expm1(reach))
        return total

    def refine(self, sector: Sector) -> SectorLaw | None:
        """The law cut once more, at the deepest valley of the tilted density of ``sector``; None where it has none."""
        valleys = self.valleys(sector)
        if not valleys:
            return None
        valley = max(valleys)
        cut = self._innermost(sector, valley)
        main = self.main
        cuts, place = self._with(cut)
        inner = (self.model.width - main.k, *main.special)[place]
        outer = round(valley.neurons) if valley.outward else inner - round(valley.neurons)
        # From no neuron beyond the cut the search finds all that count, unless these are many more.
        outer = min(outer, inner) if outer > 100 else 0
        first = [*main.special[:place], outer, *main.special[place:]]
        if place:
            first[place - 1] -= outer
        finer = build(self.model, self.level, cuts, self.rough, main.s, tuple(first), self.rule)
        return finer if len(finer.bins.cuts) > len(self.bins.cuts) else None

    def _with(self, cut: float) -> tuple[tuple[float, ...], int]:
        """The cuts with one more, and its place among them."""
        place = int(np.searchsorted(self.bins.cuts, cut))
        return (*self.bins.cuts[:place], cut, *self.bins.cuts[place:]), place

    def _innermost(self, sector: Sector, valley: Valley) -> float:
        """Where to cut for this valley.  A cut beyond which next to no neuron is (IDLE) only lets the tilt pile up against it, with a
        new valley further in: then the innermost of these is the place."""
        cut = valley.place
        while valley.outward and valley.neurons < IDLE:
            cuts, place = self._with(cut)
            bins = Bins(self.model, self.rough, cuts)
            inner = replace(self, bins=bins)
            found = bins.solve(self.level, sector.s, (*sector.special[:place], 0, *sector.special[place:]))
            low = cuts[place - 1] if place else 0.0
            further = [v for v in inner.valleys(found) if low < v.place < cut]
            if not further:
                break
            valley = further[0]
            cut = valley.place
        return cut


def specialised_law(law: SectorLaw, weights: Any) -> tuple[float, Any, Any]:
    """(cut, numbers, probabilities): the law of the number of specialised neurons, from the sectors' shares of P."""
    j = main_cut(law, weights)
    ks = law.table.special[:, j:].sum(axis=1)
    numbers = np.arange(ks.min(), ks.max() + 1)
    return law.bins.cuts[j], numbers, np.maximum(np.bincount(ks - ks.min(), weights=weights), 0.0)


def main_cut(law: SectorLaw, weights: Any) -> int:
    """Of the cuts, the one that lies deepest below the highest conditional density of a neuron beyond it: it parts typical from
    specialised."""
    if len(law.bins.cuts) == 1:
        return 0
    x, _ = _tilted(0.0, law.rough)
    edges = (0.0, *law.bins.cuts, math.inf)
    density = np.full(len(x), -np.inf)
    for i in (i for i in np.argsort(weights)[::-1][:20] if weights[i] > 1e-3):
        sector = law.sectors[i]
        sizes = law.bins.sizes(sector.s)
        _, here = _tilted(law.model.variance_scale * sector.s**2, law.rough)
        for b, n in enumerate((law.model.width - sector.k, *sector.special)):
            if n:
                inside = (x >= edges[b]) & (x < edges[b + 1])
                density[inside] = np.logaddexp(density[inside], math.log(n * weights[i]) + here[inside] - sizes[b])
    depth = [np.max(density[x >= cut], initial=-np.inf) - np.interp(cut, x, np.maximum(density, -1e300)) for cut in law.bins.cuts]
    return int(np.argmax(depth))


def measurable(model: Any, level: float, least: float = 1e-140) -> float:
    """The level, but at least ``least`` standard deviations: there s^2 still is a number, and log P is log(1/2) to all digits but for the
    smallest N."""
    return max(level, least * math.sqrt(model.variance)) if level < 1e-40 else level


def chernoff(model: Any, level: float) -> tuple[Sector, Nodes]:
    """The saddle of the whole law at level > 0, on rough nodes wide enough for its tilt."""
    law, kappa = model.neuron, model.variance_scale
    limit = law.theta_max
    theta = law.first_tilt
    for _ in range(300):
        theta = min(theta, 0.5 * (limit + (theta / 3.0))) if limit < math.inf else theta
        nodes = law.rough(theta)
        bins = Bins(model, nodes, ())
        s = math.sqrt(theta / kappa)
        if sector_cgf(s, *bins.arguments(()))[1] > level:
            return bins.solve(level, 0.7 * s, ()), nodes
        theta *= 3.0
    raise NoTiltError(f"level: no tilt reaches level {level:g}; only method='montecarlo' applies")


def _tilted(theta: float, nodes: Nodes) -> tuple[Array, Array]:
    """(x, log tilted density of the coordinate), unnormalised, on rough nodes."""
    return tilted_density(theta, nodes.x, nodes.lw, nodes.gg)


def _valley(x: Array, density: Array, least: float) -> tuple[float, int]:
    return deepest_valley(0.0, density, density, np.log(x), 0, len(x), least)


def build(
    model: Any, level: float, cuts: tuple[float, ...], rough: Nodes, guess: float, first: tuple[int, ...], rule: Rule
) -> SectorLaw:
    """Sectors, saddles and nodes for the given cuts; the search for sectors starts at ``first`` with saddle ``guess``."""
    coarse = Bins(model, rough, cuts)
    tried, kept, left_out = coarse.relevant(level, guess, first)
    found = tried.take(slice(kept))
    if kept > MAX_SECTORS:
        return build(model, level, (), rough, guess, (), rule)
    end, x_end = _end(model, found, rule)
    if rule.real and model.neuron.kind != "wr" and max(x_end, float(rough.edges[-1])) <= MAX_EVEN * rule.step * model.neuron.scale:
        if x_end <= float(rough.edges[-1]):
            return SectorLaw(model, level, coarse, tried, kept, left_out, rough, rule, end)
        return build(model, level, cuts, model.neuron.rough(0.0, x_end, rule.step), guess, first, rule)
    bins = Bins(model, fine_nodes(coarse, level, found, x_end, rule), cuts)
    main = found.main(level)
    return SectorLaw(model, level, bins, *bins.relevant(level, main.s, main.special), rough, rule, end)


def _end(model: Any, table: Table, rule: Rule) -> tuple[float, float]:
    """The tilt up to which the nodes have to serve the last bin, which alone reaches out to infinity, and how far out it takes them: the
    largest saddle of the sectors with a neuron there and, for ``real`` tilts, REACH beyond or half the way to the end of all tilts."""
    saddles = table.values[:, 0]
    if table.special.shape[1]:
        saddles = saddles[table.special[:, -1] > 0]
    highest, limit = float(saddles.max(initial=0.0)), s_limit(model)
    if rule.real and highest == 0.0:  # nobody is there: any tilt will do to bound what it would be worth
        highest = min(float(table.values[:, 0].min()), 0.5 * limit)
    reach, kappa = model.neuron.reach, model.variance_scale
    if rule.real:
        end = min(REACH * highest, 0.5 * (highest + limit))
        try:
            return end, reach(kappa * end**2)
        except NoTiltError:  # only the saddles themselves are within reach
            pass
    return highest, reach(kappa * highest**2)


def unsectored(model: Any, level: float) -> Sector:
    """The saddle of the whole law, on nodes made for it: one sector with all neurons in one bin."""
    whole, rough = chernoff(model, level)
    rule = rule_of(model, 0, True)
    return build(model, level, (), _served(model, whole.s, rough, rule), whole.s, (), rule).sectors[0]


def sector_law(model: Any, level: float, *, variant: int = 0) -> SectorLaw:
    """The law in sectors at level > 0; ``variant`` 1 uses another cut and other nodes."""
    return _laws(model, level, (variant,), False)[0]


def sector_laws(model: Any, level: float, *, real: bool = False) -> list[SectorLaw]:
    """Both variants of the law in sectors at level > 0: on their difference no answer must hang, a free error estimate.

    The nodes serve contours or, if ``real``, real tilts only.
    """
    return _laws(model, level, (0, 1), real)


def _laws(model: Any, level: float, variants: tuple[int, ...], real: bool) -> list[SectorLaw]:
    use = [(rule_of(model, variant, real), 0.93 if variant else 1.0) for variant in variants]
    try:
        whole, rough = chernoff(model, level)
    except NoTiltError:
        far = [(_far_start(model, level, shift), rule) for rule, shift in use]
        if None in [start for start, _ in far]:
            raise
        return [
            build(model, level, (start[0],), _served(model, start[2], start[1], rule), start[2], (start[3],), rule)
            for start, rule in far if start is not None
        ]  # fmt: skip
    theta = model.variance_scale * whole.s**2
    x, density = _tilted(theta, rough)
    _, lowest = _valley(x, density, 0.05)
    if lowest < 0:
        return [build(model, level, (), _served(model, whole.s, rough, rule), whole.s, (), rule) for rule, _ in use]
    tilted = rough.lw + theta * rough.gg
    mass = np.exp(tilted - tilted.max())
    laws = []
    for rule, shift in use:
        cut = float(x[lowest]) * shift
        share = float(np.sum(mass[rough.x >= cut]) / np.sum(mass))
        laws.append(build(model, level, (cut,), _served(model, whole.s, rough, rule), whole.s, (round(model.width * share),), rule))
    return laws


def rule_of(model: Any, variant: int, real: bool) -> Rule:
    """The nodes of either variant.  The trapezoid rule in steps of h errs by exp(-2 pi^2 (width/h)^2) for a Gaussian, and wells are half a
    standard deviation wide or more; and by exp(-2 pi a/h) where the overlap is singular at a distance a, sigma_w or so, off the real
    axis, which for few dimensions asks for more."""
    return Rule(13 if variant else 16, (0.5 if variant else 0.38) * min(1.0, math.sqrt(model.dim) / 3.0), real)


def _served(model: Any, s: float, rough: Nodes, rule: Rule) -> Nodes:
    """Nodes spaced as real tilts need, as far out as rough ones and as thrice the tilt of s needs: few specialised neurons need a higher
    one than the whole law."""
    law, theta = model.neuron, model.variance_scale * s * s
    if not rule.real or law.kind == "wr":
        return rough
    x_end = float(rough.edges[-1])
    try:
        x_end = max(x_end, law.reach(min(3.0 * theta, 0.5 * (theta + law.theta_max))))
    except NoTiltError:  # too far out for these tilts: nobody may need them
        pass
    return law.rough(0.0, x_end, rule.step)  # type: ignore[no-any-return]


def _far_start(model: Any, level: float, shift: float) -> tuple[float, Nodes, float, int] | None:
    """(cut, rough nodes, s, neurons beyond the cut) to start from where the whole law's tilt is out of reach; None where that is no help.

    An overlap that is linear far out has a far well of weight about exp(-b) (b = d/(2 sigma_w^2)) that reaches |w| ~ (theta_max -
    theta)^(-1/2): before it tells in the whole law, theta is within about exp(-2 b/3) of theta_max.  A neuron or a few known beyond a
    cut reaches the level at an ordinary tilt, and a law with none beyond it has every tilt.  Where the overlap is flat at small weights
    and b is large the far well lies beyond all reach; any cut will do then, and sigma_w is where the overlap turns linear.
    """
    law, kappa = model.neuron, model.variance_scale
    if law.theta_max == math.inf:
        return None
    flat = shift * math.sqrt(model.weight_variance)
    least = flat + 14.0 * law.scale
    found = None
    for halvings in range(1, 40):
        theta = law.theta_max * (1.0 - 0.5**halvings)
        s = math.sqrt(theta / kappa)
        try:
            rough = law.rough(theta, least)
        except NoTiltError:  # nearer to the end of the tilts there is nothing within reach
            break
        x, density = _tilted(theta, rough)
        _, lowest = _valley(x, density, 0.05)
        place = flat if lowest < 0 else float(x[lowest]) * shift
        bins = Bins(model, rough, (place,))
        number = next((k for k in _doubled(model.width) if sector_cgf(s, *bins.arguments((k,)))[1] > level), None)
        if number is None or (lowest < 0 and flat < 14.0 * law.scale):
            continue
        if found is None or number < found[3]:
            found = place, rough, s, number
        if number == 1:
            break
    return found


def _doubled(width: int) -> Iterator[int]:
    """1, 2, 4, ... and at last the width."""
    k = 1
    while k < width:
        yield k
        k *= 2
    yield width


def fine_nodes(bins: Bins, level: float, table: Table, x_end: float, rule: Rule) -> Nodes:
    """Quadrature nodes out to ``x_end`` at least that serve the saddles and, unless they are for real tilts only, the contours of all
    the given sectors, found on rough ``bins``.

    They are made for the sectors of extreme and middle tilt, for the heaviest, and for the heaviest with a neuron in each bin.
    """
    model, law = bins.model, bins.model.neuron
    by_tilt, worth = np.argsort(table.values[:, 0], kind="stable").tolist(), table.log_bounds(level)
    rows = [by_tilt[0], by_tilt[len(by_tilt) // 2], by_tilt[-1], int(np.argmax(worth))]
    for held in (table.special > 0).T:
        rows += [int(np.argmax(np.where(held, worth, -np.inf)))] if held.any() else []
    picked = [table.sector(i) for i in dict.fromkeys(rows)]
    tilts = np.array(sorted({0.0, *(model.variance_scale * s.s**2 for s in picked)}))
    needed = [np.array([model.width > s.k, *(n > 0 for n in s.special)]) for s in picked]
    contours = [Contour(_contour(model, level, s, rule.real), used, bins.sizes(s.s)) for s, used in zip(picked, needed, strict=True)]
    return law.nodes(tilts, contours, bins.cuts, max(x_end, float(bins.nodes.edges[-1])), rule.order)  # type: ignore[no-any-return]


def _contour(model: Any, level: float, sector: Sector, real: bool) -> NDArray[np.complex128]:
    """Complex theta on the sector's contour: at the saddle (only there if ``real``), near it, and out to where the integrand has fallen
    to nothing (far out it is the smallest weights that count, which only a small N ever sees)."""
    out: list[complex] = []
    kappa, delta = model.variance_scale, sector.delta
    far = max(45.0 / (0.35 * level), 40.0 * delta)
    steps = math.ceil(4.0 * math.log10(far / (40.0 * delta)))
    outer = (40.0 * delta * (far / (40.0 * delta)) ** (i / max(steps, 1)) for i in range(steps + 1))
    for y in itertools.chain((0.0,), () if real else (3.0 * delta, 9.0 * delta), () if real else outer):
        theta = kappa * complex(math.sqrt(sector.s**2 + 0.25 * y * y), y) ** 2
        if theta.real < 0.0 and model.width * model.neuron.log_moment_below(theta.real) < -80.0:
            break
        out.append(theta)
    return np.array(out)
