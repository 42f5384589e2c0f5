r"""Power laws in spectra: Zipf's exponent with its uncertainty, by the ``powerlaw`` library (Alstott, Bullmore, Plenz 2014).

A spectrum lambda_k ~ k^(-z) has a share of values above x that falls as x^(-1/z), so the density exponent that the library fits by
maximum likelihood (Clauset, Shalizi, Newman 2009, eq. 3.1) is alpha = 1 + 1/z and

    z = 1/(alpha - 1),      dz = z^2 dalpha.      In the notation of ldt.rg, z = 1 + a.

The library's error is for independent draws; eigenvalues repel, so it overstates their scatter and says nothing of curvature.  Three
errors are therefore reported: the library's, the change of z when the window holds half the values, and (for kernels on data)
the scatter over random halves of the data.  No power law is implied: the likelihood-ratio test against a lognormal comes with it.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.numerics.random import block_generator, entropy_of
from ldt.results import _Record


@dataclass(frozen=True)
class ZipfFit(_Record):
    """lambda_k ~ k^(-``exponent``) over the ``count`` largest values.

    ``likelihood_error``, ``window_error`` and ``data_error`` (NaN without data) as in the module's text; ``error`` is their root
    sum of squares.  ``rank_slope`` is the least-squares slope of log lambda against log k in the window, a second opinion.
    ``distance`` is the Kolmogorov-Smirnov one; ``against_lognormal`` > 0 favours the power law, at ``p_value`` (both NaN where
    the library finds no lognormal fit).
    """

    exponent: float
    error: float
    likelihood_error: float
    window_error: float
    data_error: float
    rank_slope: float
    count: int
    smallest: float
    distance: float
    against_lognormal: float
    p_value: float


def fit_zipf(values: Any, count: int | None = None, most: int | None = None) -> ZipfFit:
    """Zipf's exponent of positive values (a spectrum, word counts ...).

    Parameters
    ----------
    values : array
        At least 10 positive ones; zeros (or negative rounding) are left out.
    count : int, optional
        How many of the largest to fit; by default the library's choice of the smallest Kolmogorov-Smirnov distance, from 10 to
        ``most`` (all).

    Raises
    ------
    ModelError
        For too few values, or if powerlaw is not installed (extra ``ldt[data]``).
    """
    x = np.sort(np.asarray(values, dtype=float).ravel())[::-1]
    x = x[x > 0.0]
    if len(x) < 10 or not np.all(np.isfinite(x)):
        raise ModelError(f"values: a fit needs at least 10 positive finite values, got {len(x)}")
    for name, value in (("count", count), ("most", most)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 10 <= value <= len(x)):
            raise ModelError(f"{name}: must be an integer from 10 to {len(x)}, got {value!r}")
    fit = _fit(x, (float(x[(most or len(x)) - 1]), float(x[9])) if count is None else float(x[count - 1]))
    law = fit.power_law
    smallest = float(fit.xmin)
    inside = x[x >= smallest]
    z = 1.0 / (float(law.alpha) - 1.0)
    half = max(10, len(inside) // 2)
    window = abs(1.0 / (float(_fit(x, float(x[half - 1])).power_law.alpha) - 1.0) - z) if half < len(inside) else math.nan
    ratio, p = _against_lognormal(fit)
    slope = float(np.polyfit(np.log(np.arange(1, len(inside) + 1)), np.log(inside), 1)[0])
    likelihood = z * z * float(law.standard_err)
    return ZipfFit(
        z, math.hypot(likelihood, window if math.isfinite(window) else 0.0), likelihood, window, math.nan, -slope, len(inside), smallest,
        float(law.D), ratio, p,
    )  # fmt: skip


def fit_kernel_spectrum(kernel: Any, x: Any, *, count: int | None = None, halves: int = 6, rng: Any = None) -> ZipfFit:
    """The fit of a kernel's eigenvalues on data (K/n), and its scatter over ``halves`` random halves of the data.

    At most n/4 eigenvalues are fitted: those nearer to rank n say more of n than of the kernel.

    Parameters
    ----------
    kernel : Kernel
    x : array (n, d)
    """
    from dataclasses import replace

    x = np.asarray(x, dtype=float)
    gram = kernel(x) / len(x)
    values = _eigenvalues(gram)
    fit = fit_zipf(values, count, min(max(10, len(x) // 4), len(values)))
    entropy, found = entropy_of(rng), []
    for i in range(halves):
        pick = block_generator(entropy, i).choice(len(x), len(x) // 2, replace=False)
        part = _eigenvalues(gram[np.ix_(pick, pick)] * (len(x) / len(pick)))
        found.append(fit_zipf(part, min(fit.count, len(part))).exponent)
    # a half scatters about the whole with the variance of n - n/2 further points: as much as the whole does about the truth
    scatter = float(np.sqrt(np.mean((np.array(found) - fit.exponent) ** 2))) if halves else math.nan
    parts = [v for v in (fit.likelihood_error, fit.window_error, scatter) if math.isfinite(v)]
    return replace(fit, data_error=scatter, error=math.hypot(*parts))


def _against_lognormal(fit: Any) -> tuple[float, float]:
    """Log likelihood ratio and its p-value; NaN where the library says that its lognormal fit is not to be trusted."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ratio, p = fit.distribution_compare("power_law", "lognormal")
    return (math.nan, math.nan) if said else (float(ratio), float(p))


def _eigenvalues(gram: Any) -> Any:
    values = np.linalg.eigvalsh(gram)
    return values[values > 1e-12 * values[-1]]


def _fit(x: Any, xmin: Any) -> Any:
    try:
        import powerlaw
    except ImportError:
        raise ModelError("values: the fit needs the powerlaw library; pip install 'ldt[data]'") from None
    return powerlaw.Fit(x, xmin=xmin, verbose=0)


__all__ = ["ZipfFit", "fit_kernel_spectrum", "fit_zipf"]
