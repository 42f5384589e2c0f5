r"""u = 0: eliminating the modes above a cutoff from kernel regression renormalises the ridge.

f = sum_k f_k phi_k, prior f_k ~ N(0, lambda_k), data y_mu = f(x_mu) + noise of variance s^2, P points; Phi is the (P, K) matrix of
features, Phi_< that of the kept ones.

*Exact*, for any features and data: integrating out f_k, k > Lambda, leaves the same regression on the kept modes with the noise matrix

    s^2 I  ->  s^2 I + K_>,      K_> = sum_(k>Lambda) lambda_k phi_k phi_k'.

*Scalar ridge*: s^2 -> s^2 + mu with mu = sum_(k>Lambda) lambda_k (K_>'s mean diagonal for phi_k of mean square 1).  With
B = (K_< + (s^2 + mu) I)^(-1), D = K_> - mu I and delta = ||B^(1/2) D B^(1/2)|| < 1, the exact and the scalar predictors' kept modes obey,
rigorously given the data,

    |f - f^scalar| <= ||Lambda Phi_<' B^(1/2)||  |B^(1/2) D B y|/(1 - delta)

from (B^(-1) + D)^(-1) y - B y = -B^(1/2) (1 + B^(1/2) D B^(1/2))^(-1) B^(1/2) D B y. delta <= ||D||/(s^2 + mu) is small when many modes
share mu: for independent features ||D|| is about 2 sqrt(P sum_(k>Lambda) lambda_k^2) + P lambda_(Lambda+1).

*Dressed ridge* (large-P theory, heuristic for real features): with kappa = s^2 + sum_k lambda_k kappa/(kappa + P lambda_k), a mode keeps
the share P lambda_k/(kappa + P lambda_k) of its target, and eliminating all k > Lambda at fixed kappa gives

    s^2(Lambda) = s^2 + sum_(k>Lambda) lambda_k kappa/(kappa + P lambda_k):     a flow with fixed kappa at every cutoff,

equal to the scalar rule while P lambda_k << kappa (modes that the data do not resolve).  Sources: Bordelon, Canatar, Pehlevan 2020;
Howard et al., arXiv 2405.06008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError, positive
from ldt.results import _Record

Array = NDArray[np.float64]


def power_law(exponent: float, modes: int) -> Array:
    """lambda_k = k^(-1-a), k = 1 .. modes.

    >>> power_law(1.0, 3).tolist()
    [1.0, 0.25, 0.1111111111111111]
    """
    if isinstance(exponent, (bool, str)) or not -1.0 < exponent < 20.0:
        raise ModelError(f"exponent: must be a number between -1 and 20, got {exponent!r}")
    if isinstance(modes, bool) or not isinstance(modes, (int, np.integer)) or not 1 <= modes <= 10**7:
        raise ModelError(f"modes: must be an integer from 1 to 1e7, got {modes!r}")
    return np.arange(1, modes + 1, dtype=float) ** (-1.0 - exponent)


def scalar_ridge(spectrum: Any, ridge: float, cutoff: int) -> float:
    """s^2 + sum_(k > cutoff) lambda_k.

    >>> scalar_ridge([1.0, 0.25, 0.125], 0.5, 1)
    0.875
    """
    lam = _spectrum(spectrum)
    return float(_ridge(ridge) + lam[_cutoff(cutoff, len(lam)) :].sum())


def effective_ridge(spectrum: Any, ridge: float, samples: float) -> float:
    """kappa: the root of kappa = s^2 + sum_k lambda_k kappa/(kappa + P lambda_k), by Brent's method.

    >>> k = effective_ridge([1.0], 0.5, 1.0)
    >>> bool(abs(k - (0.5 + k / (k + 1))) < 1e-15)
    True
    """
    from scipy.optimize import brentq

    lam = _spectrum(spectrum)
    low, samples = _ridge(ridge), positive("samples", samples, zero=True)
    if low == 0.0 and samples >= len(lam):
        raise ModelError(f"ridge: must be positive once P >= the number of modes ({samples:g} >= {len(lam)})")
    high = low + float(lam.sum())
    # as an equation for 1/kappa, s^2/kappa + sum lambda/(kappa + P lambda) = 1 has a monotone left side
    def excess(k: float) -> float:
        return low / k + float((lam / (k + samples * lam)).sum()) - 1.0

    return float(brentq(excess, max(low, 1e-14 * high), high, xtol=1e-300, rtol=1e-15))


def dressed_ridge(spectrum: Any, ridge: float, samples: float, cutoff: int) -> float:
    """s^2 + sum_(k > cutoff) lambda_k kappa/(kappa + P lambda_k)."""
    lam = _spectrum(spectrum)
    kappa = effective_ridge(lam, ridge, samples)
    high = lam[_cutoff(cutoff, len(lam)) :]
    return float(ridge + (high * kappa / (kappa + samples * high)).sum())


def regress(features: Array, spectrum: Any, noise: Any, labels: Any) -> Array:
    """The predictor's modes f_k = lambda_k phi_k'(Phi Lambda Phi' + noise)^(-1) y.

    Parameters
    ----------
    features : array (P, K)
    spectrum : array (K,)
    noise : float or array (P, P)
        A ridge, or a noise matrix.
    labels : array (P,)
    """
    from scipy.linalg import solve

    lam = np.asarray(spectrum, dtype=float)
    matrix = (features * lam) @ features.T
    matrix = matrix + (noise if np.ndim(noise) else noise * np.eye(len(features)))
    return np.asarray(lam * (features.T @ solve(matrix, labels, assume_a="pos")))


@dataclass(frozen=True)
class Elimination(_Record):
    """How well one elimination does on one data set; errors are of the kept modes, |f - f_full|/|f_full| (Euclidean).

    ``exact_error`` noise matrix s^2 + K_> (rounding); ``scalar_error`` ridge s^2 + mu, with its rigorous ``scalar_bound`` (inf where
    delta >= 1); ``dressed_error`` the dressed ridge; ``bare_error`` the modes dropped and the ridge left alone.
    """

    samples: int
    modes: int
    cutoff: int
    ridge: float
    scalar: float
    dressed: float
    delta: float
    exact_error: float
    scalar_error: float
    scalar_bound: float
    dressed_error: float
    bare_error: float


def eliminate(features: Any, spectrum: Any, ridge: float, labels: Any, cutoff: int) -> Elimination:
    """Regression on all modes against regression on the first ``cutoff`` with the high modes integrated out.

    Parameters
    ----------
    features : array (P, K)
        phi_k(x_mu), of mean square 1 under the data measure.
    spectrum : array (K,)
        Positive.
    ridge : float
        s^2 > 0.
    labels : array (P,)
    cutoff : int
        Lambda, 1 to K - 1.
    """
    lam, phi, y = _spectrum(spectrum), np.asarray(features, dtype=float), np.asarray(labels, dtype=float)
    if phi.ndim != 2 or phi.shape[1] != len(lam) or y.shape != phi.shape[:1]:
        raise ModelError(f"features, labels: must be (P, {len(lam)}) and (P,), got {phi.shape} and {y.shape}")
    if not _ridge(ridge) > 0.0:
        raise ModelError(f"ridge: must be a positive finite number, got {ridge!r}")
    cutoff = _cutoff(cutoff, len(lam))
    p, low, high = len(y), phi[:, :cutoff], phi[:, cutoff:]
    full = regress(phi, lam, ridge, y)[:cutoff]
    scalar, dressed = scalar_ridge(lam, ridge, cutoff), dressed_ridge(lam, ridge, p, cutoff)
    above = (high * lam[cutoff:]) @ high.T
    norm = float(np.linalg.norm(full))

    def error(noise: Any) -> float:
        return float(np.linalg.norm(regress(low, lam[:cutoff], noise, y) - full)) / norm

    values, vectors = np.linalg.eigh((low * lam[:cutoff]) @ low.T + scalar * np.eye(p))
    root = (vectors / np.sqrt(values)) @ vectors.T
    off = above - (scalar - ridge) * np.eye(p)
    delta, bound = float(np.linalg.norm(root @ off @ root, 2)), np.inf
    if delta < 1.0:
        reach = float(np.linalg.norm(lam[:cutoff, None] * (low.T @ root), 2))
        bound = reach * float(np.linalg.norm(root @ (off @ (root @ (root @ y))))) / (1.0 - delta) / norm
    return Elimination(
        p, len(lam), cutoff, float(ridge), scalar, dressed, delta, error(ridge * np.eye(p) + above), error(scalar), bound, error(dressed),
        error(ridge),
    )  # fmt: skip


def empirical_modes(gram: Any) -> tuple[Array, Array]:
    """A real kernel's spectrum on its own data: (eigenvalues of K/n, decreasing; features sqrt(n) v_k at the n points, (n, K)).

    The features are orthonormal under the empirical measure; modes below 1e-10 of the largest are left out.
    """
    k = np.asarray(gram, dtype=float)
    values, vectors = np.linalg.eigh(k / len(k))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = int((values > 1e-10 * values[0]).sum())
    return values[:kept].copy(), np.sqrt(len(k)) * vectors[:, :kept]


def _spectrum(value: Any) -> Array:
    lam = np.asarray(value, dtype=float)
    if lam.ndim != 1 or lam.size == 0 or not np.all((lam > 0.0) & np.isfinite(lam)):
        raise ModelError("spectrum: must be a one-dimensional array of positive finite numbers")
    return lam


def _ridge(value: Any) -> float:
    return positive("ridge", value, zero=True)


def _cutoff(value: Any, modes: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < modes:
        raise ModelError(f"cutoff: must be an integer from 0 to {modes - 1}, got {value!r}")
    return int(value)


__all__ = [
    "Elimination", "dressed_ridge", "effective_ridge", "eliminate", "empirical_modes", "power_law", "regress", "scalar_ridge",
]  # fmt: skip
