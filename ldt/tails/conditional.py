r"""Exact draws of the weights given the event, by rejection from a mixture of tilted sectors.

With T = sum_i g_i^2, V = 2 kappa T and h(T) = exp(-theta T) Phi(-alpha/sqrt V), the law of the weights given A >= alpha is
prop. to prior(w) exp(theta T) h(T), and in each sector h(T) <= h* = max over T > 0.  So: draw the sector with probability prop. to
multiplicity * M-product * h*, its weights exactly from the tilt, accept with probability h(T)/h*.  No sector's probability
has to be known.  Then A | w, A >= alpha is a truncated normal, and the readouts given w and A are normal on a plane:

    a = a0 + c g (sigma_a^2/N) (A - c g.a0)/V,      a0 ~ N(0, sigma_a^2/N).                          (derived in docs/theory.md)

Sectors with a bound below 1e-12 of the whole are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ldt.errors import ConvergenceError, Interrupted
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.special import log_ndtr_array
from ldt.results import Drawn
from ldt.tails.saddlepoint import refined
from ldt.tails.sectors import SectorLaw, sector_law, specialised_law
from ldt.tails.tilting import SectorSamplers, check_draws

MAX_REJECTIONS = 1_000_000


@dataclass(frozen=True)
class ConditionalSample(Drawn):
    """``size`` exact draws given the event: ``a``, ``w`` (= w_1), ``rho`` (= |w_perp|^2) of shape (size, N), ``A`` of shape (size,).

    ``specialised`` (size,): neurons beyond the first cut (None without one); ``proposals``: how many draws the rejection took.
    """

    picture: ClassVar[str] = "ldt.plots.weights:plot_weights"

    a: Any
    w: Any
    rho: Any
    A: Any
    specialised: Any
    proposals: int
    seed: int
    model: Any
    level: float


def _log_h(theta: float, kappa: float, level: float, total: Any) -> Any:
    return -theta * total + log_ndtr_array(-level / np.sqrt(2.0 * kappa * np.asarray(total, dtype=float)))


def _log_h_max(theta: float, kappa: float, level: float) -> float:
    """max over T > 0 of log h, by golden-section search in log T (unimodal: log Phi rises and flattens, -theta T falls)."""
    from scipy.optimize import minimize_scalar

    guess = math.log(level / (2.0 * math.sqrt(kappa * theta)))
    found = minimize_scalar(
        lambda t: -float(_log_h(theta, kappa, level, np.array([math.exp(t)]))[0]),
        bounds=(guess - 30.0, guess + 30.0), method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    return -float(found.fun) + 1e-9


def conditional_sample(model: Any, level: float, size: int, *, rng: Any = None) -> ConditionalSample:
    """``size`` exact draws of (a, w) given A >= level (A <= level for level < 0).

    Raises
    ------
    Interrupted
        Ctrl-C between draws; its ``result`` is the sample of those made until then, each as exact as ever.
    """
    check_draws(model, size)
    entropy = entropy_of(rng)
    random = block_generator(entropy, 0)
    n, kappa = model.width, model.variance_scale
    w, rho, g = np.empty((size, n)), np.empty((size, n)), np.empty((size, n))
    proposals = done = size
    edge = math.inf
    if level == 0.0:
        w, rho = model.neuron.prior_draw((size, n), random)
    else:
        found = refined(sector_law(model, abs(level)), abs(level), False)
        if found.law.bins.cuts:
            edge, _, _ = specialised_law(found.law, found.weights)
        done, proposals = _draw_weights(model, abs(level), found.law, random, w, rho)
    w, rho = w[:done], rho[:done]
    g = model.unit_overlap(w, rho)
    v = 2.0 * kappa * np.sum(g * g, axis=1)
    total = _truncated_normal(abs(level), np.sqrt(v), random)
    total = math.copysign(1.0, level) * total
    sa2, c = model.readout_variance / n, model.prefactor
    a0 = math.sqrt(sa2) * random.standard_normal((done, n))
    a = a0 + c * g * (sa2 * (total - c * np.sum(a0 * g, axis=1)) / v)[:, None]
    x = w / np.sqrt(1.0 + 2.0 * rho) if model.neuron.kind == "v" else w
    numbers = np.sum(np.abs(x) >= edge, axis=1) if edge < math.inf else None
    drawn = ConditionalSample(a, w, rho, total, numbers, proposals, entropy, model, level)
    if done < size:
        raise Interrupted(drawn)
    return drawn


def _draw_weights(model: Any, level: float, law: SectorLaw, random: np.random.Generator, w: Any, rho: Any) -> tuple[int, int]:
    """Fill the rows of w and rho with exact draws; how many (all, unless Ctrl-C came first) and the number of proposals."""
    kappa = model.variance_scale
    tops = np.array([_log_h_max(kappa * s.s**2, kappa, level) for s in law.sectors])
    logs = np.array([s.log_weight + s.cumulants[0] for s in law.sectors]) + tops
    keep = np.flatnonzero(logs > logs.max() - 28.0)
    share = np.exp(logs[keep] - logs[keep].max())
    share /= share.sum()
    samplers = SectorSamplers(law)
    proposals, row = 0, 0
    try:
        while row < len(w):
            proposals += 1
            if proposals > MAX_REJECTIONS:
                raise ConvergenceError(f"level: {row} of {len(w)} draws accepted in {MAX_REJECTIONS} proposals; ask for fewer draws")
            pick = int(keep[random.choice(len(keep), p=share)])
            w[row], rho[row] = samplers.draw_weights(pick, random)
            total = float(np.sum(model.unit_overlap(w[row], rho[row]) ** 2))
            theta = kappa * law.sectors[pick].s ** 2
            if math.log(random.random()) < float(_log_h(theta, kappa, level, np.array([total]))[0]) - tops[pick]:
                row += 1
    except KeyboardInterrupt:
        pass  # the caller raises Interrupted with the rows that are whole
    return row, proposals


def _truncated_normal(level: float, sd: Any, random: np.random.Generator) -> Any:
    """N(0, sd^2) given >= level, by inversion in log space: log Phi(-x/sd) = log Phi(-level/sd) + log u."""
    from scipy.special import ndtri_exp

    logs = log_ndtr_array(-level / sd) + np.log(random.random(len(sd)))
    return np.maximum(-sd * ndtri_exp(logs), level)


