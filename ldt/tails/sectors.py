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

from ldt.errors import ConvergenceError, NoTiltError
from ldt.models.loops import bin_sizes
from ldt.models.neuron import Contour, Nodes
from ldt.tails.expansion import Cumulants
from ldt.tails.loops import sector_cgf
from ldt.tails.search import deepest_valley, search, solve, tilted_density

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)
#: Sectors whose Chernoff bound is this many nats below the largest are left out (and bounded).
SECTOR_DROP = 38.0
#: With more sectors than this the number of specialised neurons is as good as continuous: one contour serves.
MAX_SECTORS = 600
#: How many sectors are tried at most, the negligible ones included.
MAX_TRIED = 12_000
#: How far (nats) a sector's integrand on another one's path may rise above the highest sector's.
SHARED = 1.0
#: A valley of the tilted density shallower than this (nats) is no reason for a cut.
VALLEY = 0.5
#: Fewer neurons than this beyond a cut, and the cut is too far out.
IDLE = 1e-3


@dataclass(frozen=True)
class Sector:
    """``special``: neurons in bins 1, 2, ...; saddle ``s``, cumulants (K, ..., K'''') there; ``log_weight``: log multiplicity."""

    special: tuple[int, ...]
    s: float
    cumulants: Cumulants
    log_weight: float

    @property
    def k(self) -> int:
        """Number of specialised neurons."""
        return sum(self.special)

    @cached_property
    def delta(self) -> float:
        """The scale on which the integrand varies near the saddle.  Higher cumulants count: a far well that is about to take over
        adds a small part to K, of a scale of its own."""
        _, _, k2, k3, k4 = self.cumulants
        return min(self.s, 1.0 / math.sqrt(k2), k2 / max(abs(k3), 1e-300), math.sqrt(k2 / max(abs(k4), 1e-300)))

    def reached(self, level: float) -> bool:
        """Whether ``s`` is the saddle; else it ends the tilts, and serves for a bound alone."""
        return self.cumulants[1] > 0.999 * level

    def log_bound(self, level: float) -> float:
        """log of the Chernoff bound: multiplicity times exp(K(s) - s level)."""
        return self.log_weight + self.cumulants[0] - self.s * level


class Bins:
    """Nodes cut into bins at ``cuts``, with what the compiled loops need."""

    def __init__(self, model: Any, nodes: Nodes, cuts: tuple[float, ...]) -> None:
        self.model, self.nodes, self.cuts = model, nodes, cuts
        self.start = np.array([0, *np.searchsorted(nodes.x, cuts), len(nodes.x)])
        outside = float(np.sum(np.exp(nodes.lw[self.start[1] :]))) if cuts else 0.0
        self.deficit = np.array([outside] + [-1.0] * len(cuts))
        self.empty = np.diff(self.start) == 0

    def arguments(self, special: tuple[int, ...]) -> tuple[Any, ...]:
        """The trailing arguments of the compiled loops for a sector."""
        count = np.array([self.model.width - sum(special), *special], dtype=float)
        return (self.model.variance_scale, count, self.start, self.nodes.lw, self.nodes.gg, self.deficit)

    def shared(self, specials: list[tuple[int, ...]]) -> tuple[Any, ...]:
        """The trailing arguments of the compiled loops for several sectors."""
        counts = np.array([[self.model.width - sum(special), *special] for special in specials], dtype=float)
        return (self.model.variance_scale, counts, *self.arguments(specials[0])[2:])

    def sizes(self, sector: Sector) -> Array:
        """log M of each bin at the sector's saddle (-inf of a bin without nodes)."""
        return bin_sizes(self.model.variance_scale * sector.s**2, self.start, self.nodes.lw, self.nodes.gg)

    def allowed(self, special: tuple[int, ...]) -> bool:
        """Whether such a sector exists: counts not negative, none in a bin without nodes."""
        n0 = self.model.width - sum(special)
        return n0 >= 0 and min(special, default=0) >= 0 and not any(
            n and e for n, e in zip((n0, *special), self.empty, strict=True)
        )

    def bounded(self, special: tuple[int, ...]) -> bool:
        """Whether no neuron is in the last bin, which alone reaches out to infinity: then every tilt exists."""
        return bool(special) and special[-1] == 0

    @property
    def _law(self) -> tuple[Any, ...]:
        """What the compiled search needs to know of the law."""
        return (s_limit(self.model), self.model.variance_scale, self.start, self.nodes.lw, self.nodes.gg, self.deficit)

    def solve(self, level: float, guess: float, special: tuple[int, ...]) -> Sector:
        """The sector with its saddle at ``level``, or at the end of its tilts where that is out of reach (``Sector.reached``)."""
        found = solve(level, guess, np.array(special, dtype=np.int64), self.model.width, *self._law)
        if not math.isfinite(found[0]):
            raise ConvergenceError(f"level: no saddle point found at level {level:g} with {sum(special)} specialised neurons")
        return Sector(special, found[0], found[1:6], found[6])

    def relevant(self, level: float, guess: float, first: tuple[int, ...]) -> tuple[list[Sector], float]:
        """Sectors whose Chernoff bound is within SECTOR_DROP of the largest, searched outwards from ``first``, best first, and the
        log of (the largest bound left out, relative to the largest, times the number of neighbours left out).

        More than MAX_SECTORS come back where there are more; after MAX_TRIED the best that have unseen neighbours count as left out.
        """
        while not self.allowed(first):
            first = tuple(max(0, k - 1) if not e else 0 for k, e in zip(first, self.empty[1:], strict=True))
            if not any(first):
                break
        # Every sector with at most one neuron out of the typical bin is tried: a far bin need not be a neighbour of the best.
        near = np.eye(len(first) + 1, len(first), -1, dtype=np.int64)[: len(first) + 1 if first and sum(first) <= 3 else 0]
        numbers, found, worth, expanded, all_solved = search(
            level, guess, np.array(first, dtype=np.int64), near, SECTOR_DROP, MAX_SECTORS, MAX_TRIED, self.model.width, self.empty,
            *self._law,
        )  # fmt: skip
        if not all_solved:
            raise ConvergenceError(f"level: no saddle point found at level {level:g} in one of the sectors")
        least = float(np.max(worth)) - SECTOR_DROP
        rows = sorted((tuple(n), i) for i, n in enumerate(numbers.tolist()) if worth[i] >= least)
        values = found.tolist()
        kept = [Sector(n, s, (k0, k1, k2, k3, k4), w) for n, (s, k0, k1, k2, k3, k4, w) in ((n, values[i]) for n, i in rows)]
        if not all(sector.reached(level) for sector in kept):
            end = "lies too near the end of the tilts (the overlap is linear far out); only method='montecarlo' applies"
            raise ConvergenceError(f"level: at level {level:g} a saddle point that matters {end}")
        left = worth[(worth < least) | ~expanded]
        return kept, float(np.max(left)) - least - SECTOR_DROP + math.log(4.0 * len(left)) if len(left) else -math.inf


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
    """The law of A in sectors at one level, on nodes that serve every sector; ``left_out``: log bound on the rest, relative.

    ``rough`` nodes find the wells; the nodes' ``order``, and whether they serve ``real`` tilts only."""

    model: Any
    level: float
    bins: Bins
    sectors: tuple[Sector, ...]
    left_out: float
    rough: Nodes
    order: int
    real: bool = True

    def paths(self) -> list[tuple[float, NDArray[np.int64], Array]]:
        """(saddle, sectors, log height of each there): contours that serve every sector.

        A sector's integrand is largest, on any path, at most exp(K - s level) of where the path meets the real axis.  A path serves
        all sectors of which that height, times their multiplicity, is at most SHARED nats above the highest sector's: then little
        is lost to cancellation, and the bins' moments, which cost most, are had once for all.
        """
        heights = np.array([s.log_bound(self.level) for s in self.sectors])
        best = float(np.max(heights))
        saddles, deltas, weights = np.array([(s.s, s.delta, s.log_weight) for s in self.sectors]).T
        counts = np.array([[self.model.width - s.k, *s.special] for s in self.sectors], dtype=float)
        left = np.argsort(-heights, kind="stable")
        found = []
        while len(left):
            s = float(saddles[left[0]])
            sizes = np.maximum(self.bins.sizes(self.sectors[left[0]]), -1e300)  # of a bin without nodes, in which no sector has a neuron
            here = counts[left] @ sizes + weights[left] - s * self.level - best
            # Right of its saddle a sector's integrand decays as fast as through it; left of it few specialised neurons pile up
            # against their cut, and it oscillates for long.
            off = (saddles[left] - s) / deltas[left]
            joined = (here <= SHARED) & (off >= -4.0) & (off <= 1.5)
            joined[0] = True
            found.append((s, left[joined], here[joined]))
            left = left[~joined]
        return found

    def valleys(self, sector: Sector) -> list[Valley]:
        """The deepest valley of the sector's tilted density in each bin that holds neurons and has one."""
        bins, rough, theta = self.bins, self.rough, self.model.variance_scale * sector.s**2
        x, density = _tilted(theta, rough)
        parts = [0, *np.searchsorted(x, bins.cuts), len(x)]
        lw, gg = bins.nodes.lw, bins.nodes.gg
        found = []
        for b, n in enumerate((self.model.width - sector.k, *sector.special)):
            i, j = parts[b], parts[b + 1]
            depth, lowest = _valley(x[i:j], density[i:j], VALLEY) if n and j - i >= 3 else (0.0, -1)
            if lowest < 0:
                continue
            place = float(x[i + lowest])
            first, last = bins.start[b], bins.start[b + 1]
            middle = min(max(int(np.searchsorted(bins.nodes.x, place)), first), last)
            inner, outer = bin_sizes(theta, np.array([first, middle, last]), lw, gg)
            minor = slice(middle, last) if outer <= inner else slice(first, middle)
            exponent = theta * float(gg[minor][np.argmax(lw[minor] + theta * gg[minor])]) if minor.start < minor.stop else 0.0
            lighter = math.exp(-abs(outer - inner)) if minor.start < minor.stop else 0.0
            found.append(Valley(depth, place, n * lighter / (1.0 + lighter), exponent, bool(outer <= inner)))
        return found

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
        main = max(self.sectors, key=lambda s: s.log_bound(self.level))
        cuts, place = self._with(cut)
        inner = (self.model.width - main.k, *main.special)[place]
        outer = round(valley.neurons) if valley.outward else inner - round(valley.neurons)
        # From no neuron beyond the cut the search finds all that count, unless these are many more.
        outer = min(outer, inner) if outer > 100 else 0
        first = [*main.special[:place], outer, *main.special[place:]]
        if place:
            first[place - 1] -= outer
        finer = build(self.model, self.level, cuts, self.rough, main.s, tuple(first), self.order, self.real)
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
    ks = np.array([sum(s.special[j:]) for s in law.sectors])
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
        sizes = law.bins.sizes(sector)
        _, here = _tilted(law.model.variance_scale * sector.s**2, law.rough)
        for b, n in enumerate((law.model.width - sector.k, *sector.special)):
            if n:
                inside = (x >= edges[b]) & (x < edges[b + 1])
                density[inside] = np.logaddexp(density[inside], math.log(n * weights[i]) + here[inside] - sizes[b])
    depth = [np.max(density[x >= cut], initial=-np.inf) - np.interp(cut, x, np.maximum(density, -1e300)) for cut in law.bins.cuts]
    return int(np.argmax(depth))


def measurable(model: Any, level: float) -> float:
    """The level, but at least 1e-140 standard deviations: there s^2 still is a number, and log P is log(1/2) to all digits but for the
    smallest N."""
    return max(level, 1e-140 * math.sqrt(model.variance)) if level < 1e-100 else level


def s_limit(model: Any) -> float:
    """sup of s with K(s) finite."""
    limit = model.neuron.theta_max
    return math.sqrt(limit / model.variance_scale) if limit < math.inf else math.inf


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
    model: Any, level: float, cuts: tuple[float, ...], rough: Nodes, guess: float, first: tuple[int, ...], order: int,
    real: bool = True,
) -> SectorLaw:
    """Sectors, saddles and nodes for the given cuts; the search for sectors starts at ``first`` with saddle ``guess``."""
    coarse = Bins(model, rough, cuts)
    sectors, _ = coarse.relevant(level, guess, first)
    if len(sectors) > MAX_SECTORS:
        return build(model, level, (), rough, guess, (), order, real)
    bins = Bins(model, fine_nodes(coarse, level, sectors, order, real), cuts)
    main = max(sectors, key=lambda s: s.log_bound(level))
    kept, left_out = bins.relevant(level, main.s, main.special)
    return SectorLaw(model, level, bins, tuple(kept), left_out, rough, order, real)


def unsectored(model: Any, level: float) -> Sector:
    """The saddle of the whole law, on nodes made for it: one sector with all neurons in one bin."""
    whole, rough = chernoff(model, level)
    return build(model, level, (), rough, whole.s, (), 16, True).sectors[0]


def rounding(sector: Sector, level: float) -> float:
    """What the exponents' own rounding adds to the error of a log probability, in nats."""
    return 4.0 * EPS * (abs(sector.cumulants[0]) + abs(sector.s * level) + abs(sector.log_weight))


def sector_law(model: Any, level: float, *, variant: int = 0, real: bool = True) -> SectorLaw:
    """The law in sectors at level > 0, on nodes for real tilts (for contours too unless ``real``); ``variant`` 1 uses another cut and
    other nodes."""
    return _laws(model, level, (variant,), real)[0]


def sector_laws(model: Any, level: float, *, real: bool = False) -> list[SectorLaw]:
    """Both variants of the law in sectors at level > 0: on their difference no answer must hang, a free error estimate.

    The nodes serve contours or, if ``real``, real tilts only.
    """
    return _laws(model, level, (0, 1), real)


def _laws(model: Any, level: float, variants: tuple[int, ...], real: bool) -> list[SectorLaw]:
    use = [((13, 0.93) if variant else (16, 1.0)) for variant in variants]
    try:
        whole, rough = chernoff(model, level)
    except NoTiltError:
        far = [(_far_start(model, level, shift), order) for order, shift in use]
        if None in [start for start, _ in far]:
            raise
        return [
            build(model, level, (start[0],), start[1], start[2], (start[3],), order, real) for start, order in far if start is not None
        ]
    theta = model.variance_scale * whole.s**2
    x, density = _tilted(theta, rough)
    _, lowest = _valley(x, density, 0.05)
    if lowest < 0:
        return [build(model, level, (), rough, whole.s, (), order, real) for order, _ in use]
    tilted = rough.lw + theta * rough.gg
    mass = np.exp(tilted - tilted.max())
    laws = []
    for order, shift in use:
        cut = float(x[lowest]) * shift
        share = float(np.sum(mass[rough.x >= cut]) / np.sum(mass))
        laws.append(build(model, level, (cut,), rough, whole.s, (round(model.width * share),), order, real))
    return laws


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


def fine_nodes(bins: Bins, level: float, sectors: list[Sector], order: int, real: bool) -> Nodes:
    """Quadrature nodes that serve the saddles and, unless ``real``, the contours of all the given sectors, found on rough ``bins``.

    They are made for the sectors of extreme and middle tilt, for the heaviest, and for the heaviest with a neuron in each bin.
    """
    model, law = bins.model, bins.model.neuron
    by_tilt = sorted(sectors, key=lambda s: s.s)
    by_weight = sorted(sectors, key=lambda s: s.log_bound(level), reverse=True)
    picked = [by_tilt[0], by_tilt[len(by_tilt) // 2], by_tilt[-1], by_weight[0]]
    for b in range(len(bins.cuts)):
        picked += [s for s in by_weight if s.special[b]][:1]
    picked = list({s.special: s for s in picked}.values())
    x_end = float(bins.nodes.edges[-1])
    outer = [s.s for s in sectors if not bins.bounded(s.special)]
    if outer:
        x_end = max(x_end, float(law.rough(model.variance_scale * max(outer) ** 2).edges[-1]))
    tilts = np.array(sorted({0.0, *(model.variance_scale * s.s**2 for s in picked)}))
    needed = [np.array([model.width > s.k, *(n > 0 for n in s.special)]) for s in picked]
    contours = [Contour(_contour(model, level, s, real), used, bins.sizes(s)) for s, used in zip(picked, needed, strict=True)]
    return law.nodes(tilts, contours, bins.cuts, x_end, order)  # type: ignore[no-any-return]


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
