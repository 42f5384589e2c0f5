r"""Tilted laws of one neuron, as something to draw from.

In a bin of the coordinate x the tilted density is prior(x) exp(theta g(x)^2)/M_b(theta).  It is tabulated on cells and drawn as
the piecewise linear function through the table; the ratio prior/q of true prior density to the density q actually drawn from is known
for every draw.  Through one rejection step that ratio makes draws exactly tilted: no normalising constant from a quadrature enters.

For the full overlap of erf the coordinate is v = w_1/sqrt(1 + 2 rho), and rho given v has density prop. to
rho^(a-1) exp(-b_v rho) sqrt(1 + 2 rho), b_v = b(1 + 2 v^2), whatever the tilt: drawn by rejection from the mixture of
Gamma(a) and Gamma(a + 1) that the tangent of the (concave) root gives.  For other activations rho given w_1 is tabulated too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError
from ldt.models.neuron import NeuronLaw
from ldt.numerics.compiled import compiled
from ldt.results import Drawn
from ldt.tails.sectors import SectorLaw, sector_law

Array = NDArray[np.float64]

#: The table ends where the tilted density is exp(-WINDOW) of its peak; the mass beyond is left out (below 1e-20 of the bin).
WINDOW = 50.0
CELLS = 2048
RADIAL_CELLS = 96
RADIAL_BLOCK = 4096
#: Head room of the rejection step: the table's relative error must stay below this.
SLACK = 2e-3


@compiled
def _draw_cells(
    random: np.random.Generator, n: int, left: Array, width: Array, low: Array, high: Array, total: Array
) -> tuple[Array, Array]:
    """n draws from the piecewise linear density (values low, high at the ends of each cell), and its unnormalised value there."""
    out = np.empty(n)
    value = np.empty(n)
    for i in range(n):
        u = random.random() * total[-1]
        j = np.searchsorted(total, u, side="right")
        j = min(j, left.size - 1)
        a = random.random()
        b = random.random()
        t = max(a, b) if random.random() * (low[j] + high[j]) < high[j] else min(a, b)
        out[i] = left[j] + width[j] * t
        value[i] = low[j] + (high[j] - low[j]) * t
    return out, value


class Table:
    """A piecewise linear density on cells [left, left + width]."""

    def __init__(self, left: Array, width: Array, log_low: Array, log_high: Array) -> None:
        top = max(float(log_low.max()), float(log_high.max()))
        self.left, self.width = left, width
        self.low, self.high = np.exp(log_low - top), np.exp(log_high - top)
        self.total = np.cumsum(0.5 * width * (self.low + self.high))
        if not self.total[-1] > 0.0:
            raise ConvergenceError("tilt: the table of the tilted density is empty")

    def draw(self, random: np.random.Generator, n: int) -> tuple[Array, Array]:
        """(points, log density of the table there)."""
        x, value = _draw_cells(random, n, self.left, self.width, self.low, self.high, self.total)
        return x, np.log(value / self.total[-1])



class BinSampler:
    """Draws of one neuron from the tilted density in lo <= |x| < hi, or out to where no mass is left (at least ``end``)."""

    def __init__(self, law: NeuronLaw, theta: float, lo: float, hi: float, end: float) -> None:
        self.law, self.theta = law, theta
        if hi == math.inf:
            hi = max(end, float(law.rough(theta).edges[-1]), lo + 4.0 * law.scale)
        self.table = self._table(lo, hi)

    def _table(self, lo: float, hi: float) -> Table:
        edges = np.linspace(lo, hi, 4001)
        logs = self._log_outer(edges)
        inside = np.flatnonzero(logs > logs.max() - WINDOW)
        x = np.linspace(edges[max(inside[0] - 1, 0)], edges[min(inside[-1] + 1, len(edges) - 1)], CELLS + 1)
        left, width, low, high = [], [], [], []
        for side in (1.0,) if self.law.even else (1.0, -1.0):
            f = self._log_outer(x, side)
            left.append(side * (x[:-1] if side > 0 else x[1:]))
            width.append(np.diff(x))
            low.append(f[:-1] if side > 0 else f[1:])
            high.append(f[1:] if side > 0 else f[:-1])
        return Table(np.concatenate(left), np.concatenate(width), np.concatenate(low), np.concatenate(high))

    def _log_outer(self, x: Array, side: float | None = None) -> Array:
        """Log of prior times exp(theta g^2) at x (folded if the law is even; one side, or both sides' larger, otherwise)."""
        law = self.law
        if side is None and not law.even:
            return np.maximum(self._log_outer(x, 1.0), self._log_outer(x, -1.0))
        at = x if side is None else side * x
        out: Array = law.log_prior(at)
        if law.kind == "wr":
            inner, gg = law.inner(at, self.theta)
            return np.asarray(out + np.logaddexp.reduce(inner + self.theta * gg, axis=1))
        gg = law.g(at) ** 2
        return np.asarray(out + self.theta * gg)

    def draw(self, random: np.random.Generator, n: int) -> tuple[Array, Array | None, Array, Array]:
        """(x, rho or None, g^2, log prior - log q): n draws with the log ratio of the prior's density to the one drawn from.

        Prior and q are densities of x (of (x, |w_perp|) for a two-dimensional overlap); ``even`` laws carry both signs of x in x > 0.
        """
        law = self.law
        x, log_q = self.table.draw(random, n)
        log_prior = law.log_prior(x) + (math.log(2.0) if law.even else 0.0)
        if law.kind == "wr":
            r, log_r = self._draw_radius(x, random)
            return x, r * r, law._gg(x, r), log_prior + law._log_radial(r) - log_q - log_r
        return x, None, law.g(x) ** 2, log_prior - log_q

    def _draw_radius(self, x: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """|w_perp| given x from a table of its tilted density, one table a draw; (r, log density of the table)."""
        parts = [self._draw_radius_block(x[i : i + RADIAL_BLOCK], random) for i in range(0, len(x), RADIAL_BLOCK)]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _draw_radius_block(self, x: Array, random: np.random.Generator) -> tuple[Array, Array]:
        law, m = self.law, RADIAL_CELLS
        lo, hi = law.radial_window(x, self.theta, 12.0)
        grid = lo[:, None] + (hi - lo)[:, None] * np.linspace(0.0, 1.0, m + 1)
        with np.errstate(divide="ignore"):
            logs = law._log_radial(grid) + self.theta * law._gg(x[:, None], grid)
        f = np.exp(logs - logs.max(axis=1, keepdims=True))
        mass = np.cumsum(0.5 * (f[:, 1:] + f[:, :-1]), axis=1)
        j = (mass < random.random(len(x))[:, None] * mass[:, -1:]).sum(axis=1).clip(max=m - 1)
        rows = np.arange(len(x))
        low, high = f[rows, j], f[rows, j + 1]
        a, b = random.random(len(x)), random.random(len(x))
        t = np.where(random.random(len(x)) * (low + high) < high, np.maximum(a, b), np.minimum(a, b))
        step = (hi - lo) / m
        return lo + step * (j + t), np.log((low + (high - low) * t) / (mass[:, -1] * step))

    def draw_exact(self, random: np.random.Generator, n: int) -> tuple[Array, Array | None, Array]:
        """(x, rho or None, g^2) drawn exactly from the tilted density, by rejection against the table.

        ConvergenceError if the table's error exceeds the head room: then the draws would not be exact.
        """
        xs: list[Array] = []
        rhos: list[Array | None] = []
        ggs: list[Array] = []
        got = 0
        reference = self._log_constant
        slack = SLACK if self.law.kind != "wr" else 0.05
        while got < n:
            x, rho, gg, ratio = self.draw(random, int(1.1 * (n - got)) + 8)
            excess = ratio + self.theta * gg - reference
            if float(excess.max()) > slack:
                raise ConvergenceError("tilt: the table of the tilted density is too coarse for exact draws")
            keep = np.log(random.random(len(x))) < excess - slack
            xs.append(x[keep])
            ggs.append(gg[keep])
            rhos.append(None if rho is None else rho[keep])
            got += int(keep.sum())
        rho_all = None if rhos[0] is None else np.concatenate([r for r in rhos if r is not None])[:n]
        return np.concatenate(xs)[:n], rho_all, np.concatenate(ggs)[:n]

    @property
    def _log_constant(self) -> float:
        """log of the table's normalising constant: log M_b(theta) up to the table's error."""
        if not hasattr(self, "_constant"):
            _, _, gg, ratio = self.draw(np.random.Generator(np.random.Philox(0)), 4096)
            self._constant = float(np.median(ratio + self.theta * gg))
        return self._constant


def radius_given(law: NeuronLaw, v: Array, random: np.random.Generator) -> Array:
    """rho = |w_perp|^2 given v (full overlap of erf): exact rejection from two gammas."""
    a, rate = law.a, law.b * (1.0 + 2.0 * v * v)
    centre = a / rate
    # sqrt(1 + 2 rho) <= (1 + centre + rho)/sqrt(1 + 2 centre): weights (1 + centre) of Gamma(a), a/rate of Gamma(a + 1).
    out = np.empty_like(v)
    todo = np.arange(len(v))
    while len(todo):
        c, r = centre[todo], rate[todo]
        bigger = random.random(len(todo)) * (1.0 + c + a / r) >= 1.0 + c
        rho = random.gamma(a + bigger, 1.0) / r
        accept = random.random(len(todo)) * (1.0 + c + rho) < np.sqrt((1.0 + 2.0 * rho) * (1.0 + 2.0 * c))
        out[todo[accept]] = rho[accept]
        todo = todo[~accept]
    return out


def weights_of(law: NeuronLaw, x: Array, rho: Array | None, random: np.random.Generator) -> tuple[Array, Array]:
    """(w_1, rho) of drawn coordinates, with the sign of an even law restored."""
    model = law.model
    if law.kind == "v":
        rho = radius_given(law, x, random)
        x = x * np.sqrt(1.0 + 2.0 * rho)
    elif rho is None:
        full = model.overlap == "full"
        rho = random.gamma(law.a, 1.0 / law.b, len(x)) if full else np.full(len(x), model.weight_variance)
    if law.even:
        x = np.where(random.random(len(x)) < 0.5, x, -x)
    return x, rho


@dataclass(frozen=True)
class TiltedLaw(Drawn):
    """The exponentially tilted law of the network at a level: a mixture over sectors (numbers of neurons in each bin).

    ``sectors``, ``probability``: the sectors and their saddle-point shares; ``sign`` of the level.  Given a sector at tilt s, the
    neurons are independent: w has density prop. to prior(w) exp(theta g(w)^2) in its bin, theta = kappa s^2, and
    a | w ~ N(s c sigma_a^2 g/N, sigma_a^2/N)                                     (theory section 2)
    """

    picture: ClassVar[str] = "ldt.plots.tails:plot_tilted_density"

    law: SectorLaw
    probability: Any
    sign: float = 1.0

    @property
    def model(self) -> Any:
        """The model whose law is tilted."""
        return self.law.model

    @property
    def tilt(self) -> float:
        """The tilt s of the heaviest sector, with the sign of the level."""
        return self.sign * self.law.sectors[int(np.argmax(self.probability))].s

    def log_density(self, x: Any) -> Array:
        """Log density (nats) of one neuron's coordinate (w_1; v for the full overlap of erf), averaged over neurons and sectors.

        >>> from ldt import AlignmentSum, tilted
        >>> t = tilted(AlignmentSum(5, 5), 1.0)
        >>> grid = np.linspace(-6.0, 6.0, 4001)
        >>> bool(abs(np.trapezoid(np.exp(t.log_density(grid)), grid) - 1.0) < 1e-2)
        True
        """
        law = self.model.neuron
        x = np.atleast_1d(np.asarray(x, dtype=float))
        size = np.maximum(np.abs(x), 1e-300)
        out = np.full(x.shape, -np.inf)
        edges = (0.0, *self.law.bins.cuts, math.inf)
        start = self.law.bins.start
        for sector, share in zip(self.law.sectors, self.probability, strict=True):
            if share < 1e-12:
                continue
            theta = self.model.variance_scale * sector.s**2
            if law.kind == "wr":
                inner, gg = law.inner(x, theta)
                density = law.log_prior(x) + np.logaddexp.reduce(inner + theta * gg, axis=1)
            else:
                density = law.log_prior(x) + theta * law.g(x) ** 2
            for b, n in enumerate((self.model.width - sector.k, *sector.special)):
                inside = (size >= edges[b]) & (size < edges[b + 1])
                if n and inside.any():
                    nodes = self.law.bins.nodes
                    part = slice(start[b], start[b + 1])
                    log_m = np.logaddexp.reduce(nodes.lw[part] + theta * nodes.gg[part])
                    here = math.log(share * n / self.model.width) + density[inside] - log_m
                    out[inside] = np.logaddexp(out[inside], here)
        return out

    def rvs(self, size: int = 1, *, rng: Any = None) -> dict[str, Array]:
        """Draws of all N neurons: ``w``, ``a``, ``rho`` of shape (size, N), ``A`` and the number ``k`` of specialised neurons."""
        from ldt.numerics.random import generator

        check_draws(self.model, size)
        random = generator(rng)
        share = np.asarray(self.probability) / np.sum(self.probability)
        picks = random.choice(len(share), size=size, p=share)
        n = self.model.width
        w, a, rho = np.empty((size, n)), np.empty((size, n)), np.empty((size, n))
        samplers = SectorSamplers(self.law)
        for row, pick in enumerate(picks):
            sector = self.law.sectors[pick]
            w[row], rho[row] = samplers.draw_weights(int(pick), random)
            g = self.model.unit_overlap(w[row], rho[row])
            sa2 = self.model.readout_variance / n
            mean = self.sign * sector.s * self.model.prefactor * sa2 * g
            a[row] = mean + math.sqrt(sa2) * random.standard_normal(n)
        total = self.model.prefactor * np.sum(a * self.model.unit_overlap(w, rho), axis=1)
        return {"w": w, "a": a, "rho": rho, "A": total, "k": np.array([self.law.sectors[p].k for p in picks])}


def check_draws(model: Any, size: Any) -> None:
    """ModelError unless ``size`` draws of all weights are a sensible thing to hold in memory (5e6 neurons)."""
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ModelError(f"size: must be a positive integer, got {size!r}")
    if size * model.width > 5_000_000:
        raise ModelError(
            f"size: {size} draws of {model.width} neurons do not fit in memory; at most {5_000_000 // model.width} at a time"
        )


class SectorSamplers:
    """Bin samplers of a sector law, made when first needed."""

    def __init__(self, law: SectorLaw) -> None:
        self.law = law
        self._made: dict[tuple[int, int], BinSampler] = {}

    def bins(self, index: int) -> list[tuple[int, BinSampler]]:
        """(count, sampler) of each occupied bin of the sector with this index."""
        sector = self.law.sectors[index]
        model, bins = self.law.model, self.law.bins
        theta = model.variance_scale * sector.s**2
        edges = (0.0, *bins.cuts, math.inf)
        end = float(self.law.rough.edges[-1])
        counts = (model.width - sector.k, *sector.special)
        out = []
        for b, n in enumerate(counts):
            if n == 0:
                continue
            if (index, b) not in self._made:
                self._made[index, b] = BinSampler(model.neuron, theta, edges[b], edges[b + 1], end)
            out.append((n, self._made[index, b]))
        return out

    def draw_weights(self, index: int, random: np.random.Generator) -> tuple[Array, Array]:
        """(w_1, rho) of all N neurons, tilted exactly, in random order."""
        parts = [sampler.draw_exact(random, n) for n, sampler in self.bins(index)]
        x = np.concatenate([p[0] for p in parts])
        rho = None if parts[0][1] is None else np.concatenate([p[1] for p in parts if p[1] is not None])
        order = random.permutation(len(x))
        return weights_of(self.law.model.neuron, x[order], None if rho is None else rho[order], random)


def tilted_law(model: Any, level: float) -> TiltedLaw:
    """The tilted law at a level that is not 0; sector shares by saddle point."""
    from ldt.tails.saddlepoint import refined

    found = refined(sector_law(model, abs(level)), abs(level), False)
    return TiltedLaw(found.law, found.weights, math.copysign(1.0, level))
