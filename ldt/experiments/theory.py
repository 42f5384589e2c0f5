r"""What the large-deviation law predicts for trained networks, and how far they are from it.

One component (theory section 7): the mean predictor is taken to be alpha y.  With A = <f, y>/sqrt<y, y> (c = 'orthonormal'), rate I and
tilt s = I'(A), the likelihood exp(-P (n - A)^2/(2 kappa)), n = sqrt<y, y>, makes I(A) + P (n - A)^2/(2 kappa) least at

    A = n - (kappa/P) s(A),   alpha = A/n,                                                  (from [P] eq. 103)

where I is convex, so that there is one such A.  The prediction for single neurons is the tilted law at A (ldt.tails.tilting); the full
equations (ldt.adaptation) let the mean predictor have every other Hermite component as well.

Distances between the laws of |w . w*| (both are even): Kolmogorov's sup |F - G| and Wasserstein's int |F - G|, on ``CELLS`` cells; errors
by a bootstrap over data sets (the networks of one are not independent).  ``null`` is the distance that as many independent networks of the
tilted law itself would show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError
from ldt.experiments.activations import Array
from ldt.results import _Record
from ldt.tails.rate import rate_at
from ldt.tails.tilting import tilted_law

BOOTSTRAPS, CELLS, RADII = 400, 2000, 400
#: Degrees beyond the target's that the full equations keep.
MORE = 6
FULL = "full equations"


def self_consistent(law: Any, samples: int, ridge: float, power: float = 1.0) -> float:
    """alpha of one component: the share of the target that the tilted law predicts to be learned.

    ``law`` is an AlignmentSum with c = 'orthonormal'.

    >>> from ldt import AlignmentSum, rate
    >>> law = AlignmentSum(20, 20, c="orthonormal", overlap="full")
    >>> alpha = self_consistent(law, 800, 1.0)
    >>> abs(alpha - (1.0 - rate(law, alpha).tilt / 800)) < 1e-8
    True
    """
    from scipy.optimize import brentq

    n = math.sqrt(power)
    low, high = 1e-18 * n, n

    def excess(level: float) -> float:
        return level - n + ridge / samples * rate_at(law, level).tilt

    if not excess(low) < 0.0 < excess(high):
        raise ConvergenceError(f"level: no self-consistent alignment between {low:.3g} and {high:.3g} at P = {samples}, ridge = {ridge:g}")
    return float(brentq(excess, low, high, xtol=1e-21 * n, rtol=1e-12)) / n


@dataclass(frozen=True)
class Comparison(_Record):
    """Trained networks against the law of one ``overlap`` form at the ``share`` alpha (``source``: the tilted law at the self-consistent or
    the measured share, or that of the full equations).

    ``kolmogorov``, ``wasserstein`` of |w . w*| with bootstrap errors and ``null`` values; ``specialised`` neurons a network, their mean
    |w . w*| and mean |w_perp|^2 in the tilted law.
    """

    overlap: str
    source: str
    share: float
    kolmogorov: float
    kolmogorov_error: float
    kolmogorov_null: float
    wasserstein: float
    wasserstein_error: float
    wasserstein_null: float
    specialised: float
    special_w: float
    special_rho: float


def density(tilted: Any, w: Any) -> tuple[Array, Array]:
    """(p(w), E[rho | w]) of one neuron's w = w . w* and rho = |w_perp|^2 in the tilted law, averaged over neurons and sectors.

    >>> from ldt import AlignmentSum
    >>> w = np.linspace(-5.0, 5.0, 4001)
    >>> p, _ = density(tilted_law(AlignmentSum(20, 20, overlap="full"), 1.0), w)
    >>> bool(abs(p.sum() * (w[1] - w[0]) - 1.0) < 1e-3)
    True
    """
    model, law = tilted.model, tilted.model.neuron
    w = np.atleast_1d(np.asarray(w, dtype=float))
    if model.overlap == "concentrated":
        return np.exp(tilted.log_density(w)), np.full(w.shape, model.weight_variance)
    scale = model.weight_variance / model.dim
    log_rho = np.linspace(math.log(1e-4 * model.weight_variance), math.log(6.0 * model.weight_variance), RADII)
    rho, k = np.exp(log_rho), 0.5 * (model.dim - 1)
    prior = k * (log_rho - math.log(2.0 * scale)) - rho / (2.0 * scale) - math.lgamma(k) + math.log(log_rho[1] - log_rho[0])
    prior = prior[None, :] - 0.5 * w[:, None] ** 2 / scale - 0.5 * math.log(2.0 * math.pi * scale)
    gg = np.asarray(model.unit_overlap(w[:, None], rho[None, :])) ** 2
    place = np.abs(w)[:, None] / (np.sqrt(1.0 + 2.0 * rho) if law.kind == "v" else np.ones(RADII))  # the coordinate that bins are cut in
    bins, total = tilted.law.bins, np.zeros(prior.shape)
    edges = (0.0, *bins.cuts, math.inf)
    for sector, share in zip(tilted.law.sectors, tilted.probability, strict=True):
        if share < 1e-9:
            continue
        theta = model.variance_scale * sector.s**2
        for b, n in enumerate((model.width - sector.k, *sector.special)):
            if n:
                part = slice(bins.start[b], bins.start[b + 1])
                log_m = np.logaddexp.reduce(bins.nodes.lw[part] + theta * bins.nodes.gg[part])
                inside = (place >= edges[b]) & (place < edges[b + 1])
                total += inside * np.exp(prior + theta * gg - log_m) * (share * n / model.width)
    p = total.sum(axis=1)
    return p, np.divide(total @ rho, p, out=np.zeros_like(p), where=p > 0.0)


def compare(w: Array, law: Any, power: float, share: float, source: str, cut: float, effective: float, seed: int) -> Comparison:
    """Kept weights w (data sets, draws) against the tilted law of ``law`` at the share ``share``."""
    edges = cells(w, law)
    middle = 0.5 * (edges[1:] + edges[:-1])
    p, rho = density(tilted_law(law, share * math.sqrt(power)), middle)
    return _compared(w, law, share, source, cut, effective, seed, edges, p, rho)


def compare_components(w: Array, law: Any, samples: int, ridge: float, cut: float, effective: float, seed: int) -> Comparison:
    """Kept weights against the full equations of kernel adaptation, every Hermite component of the mean up to ``MORE`` degrees beyond the
    target's (ldt.adaptation); c of ``law`` says what the labels are.  Their density is of w alone: no |w_perp|^2."""
    share, p_of = adapted(law, samples, ridge)
    edges = cells(w, law)
    p = p_of(0.5 * (edges[1:] + edges[:-1]))
    return _compared(w, law, share, FULL, cut, effective, seed, edges, p, np.full(p.shape, math.nan))


def adapted(law: Any, samples: float, ridge: float) -> tuple[float, Callable[[Array], Array]]:
    """(alpha, density of one neuron's w . w*) of the full equations."""
    from ldt.adaptation import kernel_adaptation

    found = kernel_adaptation(law, samples=samples, ridge=ridge, degree=max(k for k, _ in law.target) + MORE)
    return found.alpha, lambda w: np.asarray(np.exp(found.log_density(w)))


def cells(w: Array, law: Any) -> Array:
    """Edges of the cells of |w|."""
    return np.linspace(0.0, max(4.0 * math.sqrt(law.weight_variance), 1.01 * float(np.abs(w).max())), CELLS + 1)


def _compared(
    w: Array, law: Any, share: float, source: str, cut: float, effective: float, seed: int, edges: Array, p: Array, rho: Array
) -> Comparison:
    """Weights against the density p (of w, both signs) in the cells of |w|."""
    from ldt.numerics.random import block_generator

    random = block_generator(seed, 3)
    middle = 0.5 * (edges[1:] + edges[:-1])
    goal = p / p.sum()
    mine = counts(np.abs(w), edges)
    found = distances(mine.sum(axis=0), goal, edges)
    boot = np.array([distances(mine[random.integers(0, len(mine), len(mine))].sum(axis=0), goal, edges) for _ in range(BOOTSTRAPS)])
    neurons = law.width * max(1, round(effective))
    null = np.mean([distances(random.multinomial(neurons, goal).astype(float), goal, edges) for _ in range(50)], axis=0)
    far = goal * (middle > cut)
    (ks, ws), (ks_error, ws_error) = found, boot.std(axis=0)
    beyond = float(far.sum())
    return Comparison(
        law.overlap, source, share, ks, float(ks_error), float(null[0]), ws, float(ws_error), float(null[1]), law.width * beyond,
        float(far @ middle) / beyond if beyond > 0.0 else math.nan, float(far @ rho) / beyond if beyond > 0.0 else math.nan,
    )  # fmt: skip


def counts(x: Array, edges: Array) -> Array:
    """Histograms of the rows of x."""
    return np.array([np.histogram(row, edges)[0] for row in x], dtype=float)


def distances(count: Array, goal: Array, edges: Array) -> tuple[float, float]:
    """(Kolmogorov, Wasserstein-1) between counts and probabilities of the same cells."""
    gap = np.abs(np.cumsum(count / count.sum()) - np.cumsum(goal))
    return float(gap.max()), float(gap.sum() * (edges[1] - edges[0]))


__all__ = ["Comparison", "compare", "compare_components", "self_consistent"]
