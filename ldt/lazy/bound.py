r"""What a lazy network pays for a component, and how much data it takes at least, whatever the training measure.

*How rare* (exact).  A = <f, phi_t> ~ N(0, lambda):

    -log p(alpha) = alpha^2/(2 lambda) + log(2 pi lambda)/2,      -log P(A >= alpha) = -log Phi(-alpha/sqrt lambda).

*How much data* (exact).  Train on any P inputs x_mu with labels y and ridge (noise variance) s^2.  The predictor is
f(x) = k(x, X)(K + s^2)^(-1) y, and because phi_t is an eigenfunction under the *test* measure, <k(., x_mu), phi_t> = lambda phi_t(x_mu):

    f_t = <f, phi_t> = lambda phi_t(X)' (K + s^2)^(-1) y.

With m = mean_D phi_t^2, Y = mean_D y^2, X = lambda P m/s^2:

 (1) K >= 0:                     |f_t| <= lambda (P/s^2) sqrt(m Y)
 (2) K >= lambda phi_t phi_t' (Mercer), (phi,y) in the inner product of (K + s^2)^(-1) <= (lambda phi phi' + s^2)^(-1):
                                 |f_t| <= X/sqrt(1 + X) sqrt(Y/m);     0 <= f_t <= X/(1 + X) where y = phi_t on the data
 (3) K >= g, g the smallest eigenvalue of K (which depends on the data):   (1) with s^2 + g for s^2.

(2) is never weaker than (1).  So f_t >= alpha needs P >= alpha/(1 - alpha) s^2/(lambda m) for clean labels.  The only trace of the
training measure is m: 1 for the test measure itself, and at most max phi_t^2 (n_k for the zonal harmonic) for any measure at all.
A draw of the posterior at noise s^2 scatters about f_t with variance at most lambda: Pr(f_t >= alpha) <= Phi(-(alpha - bound)/sqrt lambda).
The idea: Lavie and Ringel, arXiv 2406.02663; (2) is derived here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from ldt.errors import ModelError, positive, shown
from ldt.lazy.spectra import Component
from ldt.numerics.special import log_ndtr
from ldt.results import _Record


@dataclass(frozen=True)
class LazyCost(_Record):
    """-log p(A = level) and -log P(A >= level) in nats, with the errors that the error of lambda gives them."""

    picture: ClassVar[str] = "ldt.plots.lazy:plot_components"

    component: Component
    level: float
    density: float
    density_error: float
    tail: float
    tail_error: float
    status: str
    advice: str = ""


def lazy_cost(part: Component, level: float = 1.0) -> LazyCost:
    """What a lazy network pays for A >= level (nats): exact but for the error of lambda.

    Where lambda is not resolved from zero the costs are infinite or unknown: they are NaN and the status is ``failed``.

    >>> from ldt.lazy import Kernel, component
    >>> cost = lazy_cost(component(Kernel("erf"), 10, 1))
    >>> cost.status, cost.tail > cost.density
    ('ok', True)
    """
    positive("level", level)
    if not part.resolved:
        advice = "lambda is zero within its error: zero by parity (add a bias), or below rounding; a lazy network cannot align"
        return LazyCost(part, level, math.nan, math.nan, math.nan, math.nan, "failed", advice)
    value = part.value
    density, tail = gaussian_cost(value, level)
    # the costs fall with lambda (where level^2 > lambda), and fastest at its lower end
    low_density, low_tail = gaussian_cost(value - part.error, level)
    rounding = 4.0 * 2.0**-52
    return LazyCost(
        part, level, density, abs(low_density - density) + rounding * abs(density), tail, abs(low_tail - tail) + rounding * abs(tail), "ok"
    )


def gaussian_cost(variance: float, level: float = 1.0) -> tuple[float, float]:
    """(-log p(level), -log P(A >= level)) of A ~ N(0, variance), in nats.

    >>> [round(v, 6) for v in gaussian_cost(1e-6)]
    [499994.011183, 500007.826695]
    """
    positive("variance", variance)
    level = _real("level", level)
    return level**2 / (2.0 * variance) + 0.5 * math.log(2.0 * math.pi * variance), -float(log_ndtr(-level / math.sqrt(variance)))


def overlap_bound(
    eigenvalue: float, ridge: float, samples: float, feature: float = 1.0, labels: float | None = None, smallest: float = 0.0
) -> float:
    """The most that |f_t| can be after training on any ``samples`` = P inputs.

    Parameters
    ----------
    eigenvalue, ridge : float
        lambda > 0 and s^2 >= 0 (a ridge of 0 needs ``smallest`` > 0, or the bound is infinite or that of clean labels, 1).
    feature : float
        m = mean_D phi_t^2.
    labels : float, optional
        Y = mean_D y^2; None for clean labels y = phi_t.
    smallest : float
        The smallest eigenvalue of the kernel matrix, if known.

    >>> overlap_bound(1e-3, 1.0, 100), overlap_bound(1e-3, 1.0, 100, labels=1.0) <= 0.1
    (0.09090909090909091, True)
    """
    positive("eigenvalue", eigenvalue)
    for name, value in (("ridge", ridge), ("samples", samples), ("feature", feature), ("smallest", smallest)):
        positive(name, value, zero=True)
    if labels is not None:
        positive("labels", labels, zero=True)
    weight = eigenvalue * samples * feature
    if labels is None:
        clean = weight / (ridge + weight) if weight > 0.0 else 0.0
        return min(clean, weight / (ridge + smallest)) if ridge + smallest > 0.0 else clean
    ratio = math.sqrt(labels / feature) if feature > 0.0 else 0.0
    found = math.inf
    if ridge > 0.0:
        x = weight / ridge
        found = x / math.sqrt(1.0 + x) * ratio
    if ridge + smallest > 0.0:
        found = min(found, weight / (ridge + smallest) * ratio)
    return found


def samples_needed(eigenvalue: float, ridge: float, level: float = 0.5, feature: float = 1.0) -> float:
    """The P below which f_t >= level is impossible for clean labels: level/(1 - level) s^2/(lambda m).

    >>> samples_needed(1e-3, 1.0)
    1000.0
    """
    positive("eigenvalue", eigenvalue)
    positive("feature", feature)
    positive("ridge", ridge, zero=True)
    if not positive("level", level) < 1.0:
        raise ModelError(f"level: must be between 0 and 1 (a ridge never gives all of the target back), got {level!r}")
    return level / (1.0 - level) * ridge / (eigenvalue * feature)


def posterior_log_probability(
    eigenvalue: float, ridge: float, samples: float, level: float, feature: float = 1.0, labels: float | None = None
) -> float:
    """Upper bound on log Pr(f_t >= level) for one draw of the posterior with noise s^2 (nats); log Pr <= 0 where it says nothing."""
    gap = _real("level", level) - overlap_bound(eigenvalue, ridge, samples, feature, labels)
    return float(log_ndtr(-gap / math.sqrt(eigenvalue))) if gap > 0.0 else 0.0


def _real(name: str, value: Any) -> float:
    """``value`` as a finite float of either sign."""
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ModelError(f"{name}: must be a finite number, got {shown(value)}")
    return number


__all__ = ["LazyCost", "gaussian_cost", "lazy_cost", "overlap_bound", "posterior_log_probability", "samples_needed"]
