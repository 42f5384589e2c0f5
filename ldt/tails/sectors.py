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

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, NoTiltError
from ldt.models.neuron import Contour, Nodes
from ldt.tails.loops import saddle, sector_cgf

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)
#: Sectors whose Chernoff bound is this many nats below the largest are left out (and bounded).
SECTOR_DROP = 45.0
#: With more sectors than this the number of specialised neurons is as good as continuous: one contour serves.
MAX_SECTORS = 600
#: How many sectors are tried at most, the negligible ones included.
MAX_TRIED = 12_000
#: A valley of the tilted density shallower than this (nats) is no reason for a cut.
VALLEY = 0.5
#: Fewer neurons than this beyond a cut, and the cut is too far out.
IDLE = 1e-3


@lru_cache(maxsize=4096)
def log_binomial(n: int, k: int) -> float:
    """log C(n, k): a sum of logs for small k; beyond, Stirling's series with the difference log n!/(n - k)! taken by log1p, since
    the log-gammas themselves would cancel (n log n = 3e13 at n = 1e12).

    >>> abs(log_binomial(5, 2) - math.log(10)) < 1e-15
    True
    """
    k = min(k, n - k)
    if k <= 3000:
        return float(np.sum(np.log((n - np.arange(k)) / (np.arange(k) + 1.0))))
    m = n - k
    falling = k * math.log(n) - (m + 0.5) * math.log1p(-k / n) - k + (1.0 / n - 1.0 / m) / 12.0
    return falling - math.lgamma(k + 1.0)


def log_multinomial(n: int, special: tuple[int, ...]) -> float:
    """log of n!/(n_0! n_1! ...) with n_0 = n - sum(special)."""
    total = 0.0
    for k in special:
        total += log_binomial(n, k)
        n -= k
    return total


@dataclass(frozen=True)
class Sector:
    """``special``: neurons in bins 1, 2, ...; saddle ``s``, cumulants (K, ..., K'''') there; ``log_weight``: log multiplicity."""

    special: tuple[int, ...]
    s: float
    cumulants: tuple[float, ...]
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

    def sizes(self, sector: Sector) -> Array:
        """log M of each bin at the sector's saddle (-inf of a bin without nodes)."""
        tilted = self.nodes.lw + self.model.variance_scale * sector.s**2 * self.nodes.gg
        parts = (tilted[i:j] for i, j in itertools.pairwise(self.start))
        return np.array([np.logaddexp.reduce(part, initial=-np.inf) for part in parts])

    def allowed(self, special: tuple[int, ...]) -> bool:
        """Whether such a sector exists: counts not negative, none in a bin without nodes."""
        n0 = self.model.width - sum(special)
        return n0 >= 0 and min(special, default=0) >= 0 and not any(
            n and e for n, e in zip((n0, *special), self.empty, strict=True)
        )

    def bounded(self, special: tuple[int, ...]) -> bool:
        """Whether no neuron is in the last bin, which alone reaches out to infinity: then every tilt exists."""
        return bool(special) and special[-1] == 0

    def solve(self, level: float, guess: float, special: tuple[int, ...]) -> Sector:
        """The sector with its saddle at ``level``, or at the end of its tilts where that is out of reach (``Sector.reached``)."""
        args = self.arguments(special)
        limit = math.inf if self.bounded(special) else s_limit(self.model)
        s = saddle(level, guess, limit, *args[:-1])
        if not math.isfinite(s):
            s = limit * (1.0 - 1e-13)
            if limit == math.inf or not sector_cgf(s, *args)[1] < level:
                raise ConvergenceError(f"level: no saddle point found at level {level:g} with {sum(special)} specialised neurons")
        return Sector(special, s, sector_cgf(s, *args), log_multinomial(self.model.width, special))

    def relevant(self, level: float, guess: float, first: tuple[int, ...]) -> tuple[list[Sector], float]:
        """Sectors whose Chernoff bound is within SECTOR_DROP of the largest, searched outwards from ``first``, best first, and the
        log of (the largest bound left out, relative to the largest, times the number of neighbours left out).

        More than MAX_SECTORS come back where there are more; after MAX_TRIED the best that have unseen neighbours count as left out.
        """
        while not self.allowed(first):
            first = tuple(max(0, k - 1) if not e else 0 for k, e in zip(first, self.empty[1:], strict=True))
            if not any(first):
                break
        found = {first: self.solve(level, guess, first)}
        # Every sector with at most one neuron out of the typical bin is tried: a far bin need not be a neighbour of the best.
        for seed in [(0,) * len(first), *(tuple(int(i == j) for i in range(len(first))) for j in range(len(first)))]:
            if seed not in found and self.allowed(seed) and sum(first) <= 3:
                found[seed] = self.solve(level, guess, seed)
        bounds = {n: s.log_bound(level) for n, s in found.items()}
        front = [(-bound, n) for n, bound in bounds.items()]
        heapq.heapify(front)
        best, expanded = -front[0][0], 0
        while front and expanded <= MAX_SECTORS and len(found) <= MAX_TRIED:
            bound, at = heapq.heappop(front)
            if -bound < best - SECTOR_DROP:
                break
            expanded += 1
            for near in _neighbours(at):
                if near in found or not self.allowed(near):
                    continue
                found[near] = self.solve(level, found[at].s, near)
                bounds[near] = found[near].log_bound(level)
                best = max(best, bounds[near])
                heapq.heappush(front, (-bounds[near], near))
        kept = [found[n] for n in sorted(found) if bounds[n] >= best - SECTOR_DROP]
        if not all(sector.reached(level) for sector in kept):
            end = "lies too near the end of the tilts (the overlap is linear far out); only method='montecarlo' applies"
            raise ConvergenceError(f"level: at level {level:g} a saddle point that matters {end}")
        left = [v for v in bounds.values() if v < best - SECTOR_DROP] + [-b for b, _ in front if -b >= best - SECTOR_DROP]
        return kept, max(left) - best + math.log(4.0 * len(left)) if left else -math.inf


def _neighbours(at: tuple[int, ...]) -> list[tuple[int, ...]]:
    """One neuron more or less in one bin, or moved between two bins."""
    out = []
    for b in range(len(at)):
        for step in (1, -1):
            moved = (*at[:b], at[b] + step, *at[b + 1 :])
            out.append(moved)
            out.extend((*moved[:c], moved[c] - step, *moved[c + 1 :]) for c in range(b + 1, len(at)))
    return out


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
    """The law of A in sectors at one level, on nodes that serve every sector; ``left_out``: log bound on the rest, relative."""

    model: Any
    level: float
    bins: Bins
    sectors: tuple[Sector, ...]
    left_out: float
    rough: Nodes
    order: int

    def valleys(self, sector: Sector) -> list[Valley]:
        """The deepest valley of the sector's tilted density in each bin that holds neurons and has one."""
        theta = self.model.variance_scale * sector.s**2
        counts = (self.model.width - sector.k, *sector.special)
        x, density = tilted_density(theta, self.rough)
        rough = [0, *np.searchsorted(x, self.bins.cuts), len(x)]
        nodes = self.bins.nodes
        found = []
        for b, n in enumerate(counts):
            inside = slice(rough[b], rough[b + 1])
            if n == 0 or len(x[inside]) < 3:
                continue
            deepest = deepest_valley(x[inside], density[inside], VALLEY)
            if deepest is None:
                continue
            place = float(x[inside][deepest[1]])
            first, last = self.bins.start[b], self.bins.start[b + 1]
            middle = min(max(int(np.searchsorted(nodes.x, place)), first), last)
            tilted = nodes.lw + theta * nodes.gg
            low, high = (float(np.logaddexp.reduce(tilted[part])) for part in (slice(first, middle), slice(middle, last)))
            minor = slice(first, middle) if low < high else slice(middle, last)
            exponent = theta * float(nodes.gg[minor][np.argmax(tilted[minor])]) if minor.start < minor.stop else 0.0
            neurons = n * math.exp(min(low, high) - float(np.logaddexp(low, high)))
            found.append(Valley(deepest[0], place, neurons, exponent, high <= low))
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
        finer = build(self.model, self.level, cuts, self.rough, main.s, tuple(first), self.order)
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
    """(cut, numbers, probabilities): the law of the number of specialised neurons, from the sectors' shares of P.

    Of the cuts, the one that lies deepest below the highest conditional density of a neuron beyond it parts typical from specialised.
    """
    x, _ = tilted_density(0.0, law.rough)
    edges = (0.0, *law.bins.cuts, math.inf)
    density = np.full(len(x), -np.inf)
    for i in (i for i in np.argsort(weights)[::-1][:20] if weights[i] > 1e-3):
        sector = law.sectors[i]
        theta = law.model.variance_scale * sector.s**2
        tilted = law.bins.nodes.lw + theta * law.bins.nodes.gg
        _, here = tilted_density(theta, law.rough)
        for b, n in enumerate((law.model.width - sector.k, *sector.special)):
            if n:
                log_m = np.logaddexp.reduce(tilted[law.bins.start[b] : law.bins.start[b + 1]])
                inside = (x >= edges[b]) & (x < edges[b + 1])
                density[inside] = np.logaddexp(density[inside], math.log(n * weights[i]) + here[inside] - log_m)
    depth = [np.max(density[x >= cut], initial=-np.inf) - np.interp(cut, x, np.maximum(density, -1e300)) for cut in law.bins.cuts]
    j = int(np.argmax(depth))
    ks = np.array([sum(s.special[j:]) for s in law.sectors])
    numbers = np.arange(ks.min(), ks.max() + 1)
    return law.bins.cuts[j], numbers, np.maximum(np.bincount(ks - ks.min(), weights=weights), 0.0)


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
    # Two scales at which the tilt begins to matter: on the typical neurons, and where theta g^2 comes near the prior's b w^2.
    x = np.geomspace(law.scale, law.limit, 200)
    ratio = np.max(law.atoms(x)[1], axis=1) / (x * x)
    theta = min(4.0 / max(float(np.max(law.rough(0.0).gg)), 1e-300), 0.3 * law.b / max(float(np.max(ratio)), 1e-300))
    for _ in range(300):
        theta = min(theta, 0.5 * (limit + (theta / 3.0))) if limit < math.inf else theta
        nodes = law.rough(theta)
        bins = Bins(model, nodes, ())
        s = math.sqrt(theta / kappa)
        if sector_cgf(s, *bins.arguments(()))[1] > level:
            return bins.solve(level, 0.7 * s, ()), nodes
        theta *= 3.0
    raise NoTiltError(f"level: no tilt reaches level {level:g}; only method='montecarlo' applies")


def tilted_density(theta: float, nodes: Nodes) -> tuple[Array, Array]:
    """(x, log tilted density of the coordinate), unnormalised, on rough nodes (one x may carry several)."""
    x, index = np.unique(nodes.x, return_inverse=True)
    tilted = nodes.lw + theta * nodes.gg
    top = np.full(len(x), -np.inf)
    np.maximum.at(top, index, tilted)
    mass = np.zeros(len(x))
    np.add.at(mass, index, np.exp(tilted - top[index]))
    return x, top + np.log(mass) - np.log(np.gradient(x))


def deepest_valley(x: Array, density: Array, least: float) -> tuple[float, int] | None:
    """(depth in nats, index) of the deepest valley (the lower of the highest points on either side, less the valley), if it is
    ``least`` deep: of the density of x or, failing that, of log x, in which a wide plateau is a well as much as a peak is (an unbounded
    overlap has one near the end of its tilts)."""
    for curve in (density, density + np.log(x)):
        left, right = np.maximum.accumulate(curve), np.maximum.accumulate(curve[::-1])[::-1]
        depth = np.minimum(left, right) - curve
        i = int(np.argmax(depth))
        if depth[i] >= least:
            return float(depth[i]), i
    return None


def build(
    model: Any, level: float, cuts: tuple[float, ...], rough: Nodes, guess: float, first: tuple[int, ...], order: int
) -> SectorLaw:
    """Sectors, saddles and nodes for the given cuts; the search for sectors starts at ``first`` with saddle ``guess``."""
    coarse = Bins(model, rough, cuts)
    sectors, _ = coarse.relevant(level, guess, first)
    if len(sectors) > MAX_SECTORS:
        return build(model, level, (), rough, guess, (), order)
    bins = Bins(model, fine_nodes(coarse, level, sectors, order), cuts)
    main = max(sectors, key=lambda s: s.log_bound(level))
    kept, left_out = bins.relevant(level, main.s, main.special)
    return SectorLaw(model, level, bins, tuple(kept), left_out, rough, order)


def unsectored(model: Any, level: float) -> Sector:
    """The saddle of the whole law, on nodes made for it: one sector with all neurons in one bin."""
    whole, rough = chernoff(model, level)
    return build(model, level, (), rough, whole.s, (), 16).sectors[0]


def rounding(sector: Sector, level: float) -> float:
    """What the exponents' own rounding adds to the error of a log probability, in nats."""
    return 4.0 * EPS * (abs(sector.cumulants[0]) + abs(sector.s * level) + abs(sector.log_weight))


def sector_law(model: Any, level: float, *, variant: int = 0) -> SectorLaw:
    """The law in sectors at level > 0; ``variant`` 1 uses another cut and other nodes: a free error estimate."""
    order, shift = (13, 0.93) if variant else (16, 1.0)
    try:
        whole, rough = chernoff(model, level)
    except NoTiltError:
        far = _far_start(model, level, shift)
        if far is None:
            raise
        cut, rough, s, number = far
        return build(model, level, (cut,), rough, s, (number,), order)
    theta = model.variance_scale * whole.s**2
    x, density = tilted_density(theta, rough)
    deepest = deepest_valley(x, density, 0.05)
    if deepest is None:
        return build(model, level, (), rough, whole.s, (), order)
    cut = float(x[deepest[1]]) * shift
    tilted = rough.lw + theta * rough.gg
    mass = np.exp(tilted - tilted.max())
    share = float(np.sum(mass[rough.x >= cut]) / np.sum(mass))
    return build(model, level, (cut,), rough, whole.s, (round(model.width * share),), order)


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
        x, density = tilted_density(theta, rough)
        deepest = deepest_valley(x, density, 0.05)
        place = flat if deepest is None else float(x[deepest[1]]) * shift
        bins = Bins(model, rough, (place,))
        number = next((k for k in _doubled(model.width) if sector_cgf(s, *bins.arguments((k,)))[1] > level), None)
        if number is None or (deepest is None and flat < 14.0 * law.scale):
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


def fine_nodes(bins: Bins, level: float, sectors: list[Sector], order: int) -> Nodes:
    """Quadrature nodes that serve the saddles and contours of all the given sectors, found on rough ``bins``.

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
    contours = [Contour(_contour(model, level, s), used, bins.sizes(s)) for s, used in zip(picked, needed, strict=True)]
    return law.nodes(tilts, contours, bins.cuts, x_end, order)  # type: ignore[no-any-return]


def _contour(model: Any, level: float, sector: Sector) -> NDArray[np.complex128]:
    """Complex theta on the sector's contour: near the saddle, and out to where the integrand has fallen to nothing (far out it
    is the smallest weights that count, which only a small N ever sees)."""
    out: list[complex] = []
    kappa = model.variance_scale
    delta = sector.delta
    far = max(45.0 / (0.35 * level), 40.0 * delta)
    outer = np.geomspace(40.0 * delta, far, 1 + math.ceil(4.0 * math.log10(far / (40.0 * delta))))
    for y in (0.0, 3.0 * delta, 9.0 * delta, *outer):
        theta = kappa * complex(math.sqrt(sector.s**2 + 0.25 * y * y), y) ** 2
        if theta.real < 0.0 and model.width * model.neuron.log_moment_below(theta.real) < -80.0:
            break
        out.append(theta)
    return np.array(out)
