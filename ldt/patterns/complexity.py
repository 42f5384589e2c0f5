r"""Sample complexity from the prior: the unlearnability bound.

For Bayesian regression with P data points, ridge kappa (continuum normalisation) and prior Pr over networks f,

    log Pr_post[A >= alpha] <= P k/(2 kappa) + log Pr_prior[A >= alpha],     k = E_prior <(f - y)^2>,
    so that alignment needs   P >= P* = -2 kappa log Pr_prior[A >= alpha]/k.

Proof: the posterior is the prior times exp(-P <(f-y)^2>/(2 kappa)) over its normaliser, the factor is at most 1, and by Jensen's
inequality the normaliser is at least exp(-P k/(2 kappa)).  The prior has mean 0, so k = <y, y> + E <f^2>.
Source: [P]; docs/theory.md, section 9.
Validity: exact as a bound if log Pr_prior is; with a leading energy in its place it is an estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ldt.errors import ModelError, positive
from ldt.models.architecture import Architecture
from ldt.results import TailResult, _Record


@dataclass(frozen=True)
class SampleComplexity(_Record):
    """``samples`` = P* = 2 ridge ``neg_log_p``/``discrepancy``, its ``error`` from that of -log P, and what went into it."""

    samples: float
    error: float
    neg_log_p: float
    discrepancy: float
    ridge: float


def sample_complexity(source: Any, level: float | None = None, *, ridge: float = 1.0, discrepancy: float | None = None) -> SampleComplexity:
    """The number of samples below which A >= ``level`` is not learned, P* = 2 kappa (-log P)/k.

    Parameters
    ----------
    source : AlignmentSum, TailResult, NumericCost or float
        A model (its exact tail at ``level`` is taken), a result of ``ldt.tail``, a pattern's cost, or -log P itself in nats.
    level : float
        With a model.
    ridge : float
        kappa > 0.
    discrepancy : float
        k = E (f-y)^2; known for a model (and a result that carries one), needed with a cost or a number.

    Returns
    -------
    SampleComplexity
        ``samples`` = P* (a number of samples) with the ``error`` that -log P (nats) gives it.

    Raises
    ------
    ModelError
        For a ridge or k that is not positive, or a k that is missing.

    Notes
    -----
    log Pr_post[A >= alpha] < P k/(2 kappa) + log Pr_prior[A >= alpha], so that fewer than P* samples cannot make it likely.
    Exact as a bound if log P is; with a pattern's leading energy in its place it is an estimate.
    Cost: that of ``tail`` for a model, else none.
    Source: [P]; docs/theory.md, section 9.

    Examples
    --------
    >>> import ldt
    >>> found = ldt.sample_complexity(ldt.AlignmentSum(50, 50, c="ratio"), 0.3761263890318375, ridge=0.1)
    >>> round(found.neg_log_p, 6), round(found.discrepancy, 4), round(found.samples, 3)   # 442.409210 is the talk's level 1
    (442.40921, 6.4646, 13.687)
    >>> ldt.sample_complexity(100.0, ridge=0.5, discrepancy=2.0).samples
    50.0
    """
    from ldt.models.alignment import AlignmentSum

    ridge = positive("ridge", ridge)
    model, error = None, 0.0
    if isinstance(source, AlignmentSum):
        if level is None:
            raise ModelError("level: missing; a model needs the level that A is to reach")
        from ldt.tails.exact import exact

        logp, error, _ = exact(source, positive("level", level))
        model, cost = source, -logp
    elif isinstance(source, TailResult):
        if source.quantity != "tail" or not isinstance(source.logp, float):
            raise ModelError("source: must be the tail at one level")
        model, cost, error = source.model, -source.logp, float(source.error)
    else:
        value = getattr(source, "cost", source)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ModelError(f"source: must be a model, a result, a pattern's cost or -log P in nats, got {type(source).__name__}")
        cost = float(value)
    if not math.isfinite(cost):
        raise ModelError(f"source: -log P must be finite, got {cost!r}")
    k = discrepancy if discrepancy is not None else discrepancy_of(model) if model is not None else None
    if k is None:
        raise ModelError("discrepancy: missing; k = E (f-y)^2 is known for a model only")
    k = positive("discrepancy", k)
    factor = 2.0 * ridge / k
    return SampleComplexity(factor * cost, factor * error, cost, k, ridge)


def discrepancy_of(model: Any) -> float:
    """k = <y, y> + E <f^2> of a prior: an AlignmentSum or an Architecture (y orthonormal).

    For an AlignmentSum y is the sum of He_k as written, but for c = "orthonormal", where <y, y> = 1.
    E <f^2> of a two-layer network is sigma_a^2 E phi(|w| z)^2, taken at |w|^2 = sigma_w^2 for the concentrated overlap and averaged
    over |w|^2 for the full one.  A custom prefactor c says nothing of y: y is then orthonormal.

    >>> import ldt
    >>> round(discrepancy_of(ldt.AlignmentSum(20, 20, c="raw")), 6)      # 6 + (2/pi) arcsin(2/3)
    6.464559
    """
    if isinstance(model, Architecture):
        from ldt.patterns.constants import noise

        last = model.layers[-1]
        if last.prior == "mean-field":
            raise ModelError("prior: a mean-field readout makes f small as the width grows; give discrepancy (it tends to 1)")
        return 1.0 + noise(model)[-1]
    import numpy as np

    from ldt.models.alignment import AlignmentSum

    if not isinstance(model, AlignmentSum):
        raise ModelError(f"discrepancy: k is not known for a {type(model).__name__}; give it")
    norm = sum(v * v * math.factorial(k) for k, v in model.target)
    y2 = norm if model.c in ("raw", "ratio", "talk") else 1.0
    variance = float(model.weight_variance)
    if model.overlap == "concentrated":
        return float(y2 + float(model.readout_variance) * _square(model, np.array([variance]))[0])
    # |w|^2 = sigma_w^2 chi^2_d/d: Gauss-Laguerre in its own gamma law.
    from scipy.special import gammaln

    t, h = np.polynomial.legendre.leggauss(200)
    shape = 0.5 * float(model.dim)
    low, high = max(0.0, 1.0 - 12.0 / math.sqrt(shape)), 1.0 + 12.0 / math.sqrt(shape) + 40.0 / shape
    r = low + (high - low) * (t + 1.0) / 2.0
    density = np.exp(shape * math.log(shape) + (shape - 1.0) * np.log(r) - shape * r - gammaln(shape)) * h * (high - low) / 2.0
    return float(y2) + float(model.readout_variance) * float(density @ _square(model, variance * r))


def _square(model: Any, q: Any) -> Any:
    """E phi(sqrt q z)^2 for an array of q."""
    import numpy as np

    if model.activation in ("erf", "relu", "linear"):
        from ldt.patterns.constants import second_moment

        return np.array([second_moment(model.activation, float(v)) for v in q])
    z, h = np.polynomial.legendre.leggauss(400)
    z, h = 12.0 * z, 12.0 * h * np.exp(-72.0 * z * z) / math.sqrt(2.0 * math.pi)
    phi = model._phi
    return np.array([float(h @ np.asarray(phi(math.sqrt(v) * z), dtype=float) ** 2) for v in q])


__all__ = ["SampleComplexity", "discrepancy_of", "sample_complexity"]
