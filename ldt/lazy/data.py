r"""The bound on real data: kernel regression on inputs that scikit-learn ships, targets of growing degree.

Inputs are centred, turned to their leading ``dim`` principal components, scaled to variance 1 each and put on the sphere of radius
sqrt d.  The targets are the zonal harmonics about the first component, y = sqrt(n_k) P_k(x_1/sqrt d) (mean square 1 under the
uniform measure).  *Cross-measure learnability*: train on real inputs, ask for the target's share f_t = <f, phi_t> under the uniform
measure.  It needs no sampling: f_t = lambda_k phi_t(X)'(K + s^2)^(-1) y (ldt.lazy.bound).  Validity: exact up to rounding and the
error of lambda_k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ldt.errors import ModelError
from ldt.lazy.bound import overlap_bound, samples_needed
from ldt.lazy.kernels import Array, Kernel
from ldt.lazy.spectra import Component, component, zonal
from ldt.numerics.random import block_generator, entropy_of
from ldt.results import _Record

#: Data sets that scikit-learn ships inside its package; nothing is downloaded.
DATASETS = ("digits", "breast_cancer", "wine", "diabetes")


@dataclass(frozen=True)
class Learnability(_Record):
    """One degree: ``measured`` (mean of the draws), ``low`` and ``high`` f_t at each of ``samples``, and the mean
    ``bound`` of the same draws; ``any_measure`` is the bound that holds for any training data (m = n_k).  ``worst_ratio`` is the largest
    f_t/bound of any draw, ``violations`` counts draws above their own bound; ``needed`` is the P below which f_t >= 1/2 is impossible on
    this data (m = ``feature``), ``needed_any`` on any data at all (m = n_k)."""

    part: Component
    feature: float
    samples: tuple[int, ...]
    measured: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bound: tuple[float, ...]
    any_measure: tuple[float, ...]
    worst_ratio: float
    violations: int
    needed: float
    needed_any: float


@dataclass(frozen=True)
class LearnabilityResult(_Record):
    """All degrees on one data set."""

    picture: ClassVar[str] = "ldt.plots.lazy:plot_learnability"

    data: str
    inputs: int
    dim: int
    ridge: float
    repeats: int
    kernel: Kernel
    curves: tuple[Learnability, ...]
    seed: int
    status: str
    advice: str = ""


def real_inputs(name: str, dim: int | None = None) -> Array:
    """Real inputs (n, dim) on the sphere of radius sqrt(dim); dim defaults to 10, or the rank of the data if that is less.

    Raises
    ------
    ModelError
        For an unknown name, a dim above the data's rank, or if scikit-learn is not installed (extra ``ldt[data]``).
    """
    x = raw_inputs(name)
    x = x - x.mean(0)
    u, s, _ = np.linalg.svd(x / np.where(x.std(0) > 0.0, x.std(0), 1.0), full_matrices=False)
    rank = int((s > 1e-8 * s[0]).sum())
    dim = min(10, rank) if dim is None else dim
    if isinstance(dim, bool) or not isinstance(dim, int) or not 2 <= dim <= rank:
        raise ModelError(f"dim: must be an integer from 2 to {rank} (the rank of {name}), got {dim!r}")
    u = u[:, :dim] * np.sign(u[np.abs(u[:, :dim]).argmax(0), np.arange(dim)])  # signs that do not depend on the LAPACK
    return np.asarray(u * (np.sqrt(dim) / np.linalg.norm(u, axis=1))[:, None])


def raw_inputs(name: str) -> Array:
    """The data set's own features (n, p), floats."""
    return np.asarray(_load(name).data, dtype=float)


def standardised(name: str) -> tuple[Array, Array]:
    """(inputs (n, p), labels (n,)): every feature that varies, and the data set's own labels, with mean 0 and variance 1."""
    data = _load(name)
    x, y = np.asarray(data.data, dtype=float), np.asarray(data.target, dtype=float)
    x = x[:, x.std(0) > 0.0]
    return (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()


def _load(name: str) -> Any:
    if name not in DATASETS:
        raise ModelError(f"data: must be one of {', '.join(DATASETS)}, got {name!r}")
    try:
        from sklearn import datasets
    except ImportError:
        raise ModelError("data: needs scikit-learn (pip install 'ldt[data]')") from None
    return getattr(datasets, f"load_{name}")()


def learnability(
    kernel: Kernel, data: str | Array, degrees: Sequence[int] = (1, 3, 5), *, ridge: float = 0.1, samples: Sequence[int] | None = None,
    dim: int | None = None, repeats: int = 4, rng: Any = None,
) -> LearnabilityResult:  # fmt: skip
    """Cross-measure learnability of each degree against P, with the bound of every draw.

    Parameters
    ----------
    kernel : Kernel
    data : str or array (n, d)
        A name in ``DATASETS``, or inputs on the sphere of radius sqrt d.
    degrees : sequence of int
    ridge : float
        s^2 > 0.
    samples : sequence of int, optional
        P; by default doubling up to n/2 or 800.
    repeats : int
        Random training sets for each P.

    Returns
    -------
    LearnabilityResult
        ``failed`` if any draw is above its bound (then lambda or the algebra is wrong), ``warning`` where a component is not resolved.
    """
    name = data if isinstance(data, str) else "array"
    x = real_inputs(data, dim) if isinstance(data, str) else np.asarray(data, dtype=float)
    if x.ndim != 2 or np.max(np.abs((x * x).sum(1) / x.shape[1] - 1.0)) > 1e-9:
        raise ModelError("data: inputs must be an array (n, d) on the sphere of radius sqrt d")
    if isinstance(ridge, (bool, str)) or not 0.0 < ridge < float("inf"):
        raise ModelError(f"ridge: must be a positive finite number, got {ridge!r}")
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= 1000:
        raise ModelError(f"repeats: must be an integer from 1 to 1000, got {repeats!r}")
    n, d = x.shape
    sizes = tuple(samples) if samples is not None else tuple(2**i for i in range(3, 20) if 2**i <= min(n // 2, 800))
    for p in sizes:
        if isinstance(p, bool) or not isinstance(p, (int, np.integer)) or not 1 <= p <= n:
            raise ModelError(f"samples: must be integers from 1 to {n}, got {p!r}")
    parts = [component(kernel, d, k) for k in degrees]
    unresolved = [c.degree for c in parts if not c.resolved]
    if unresolved:
        raise ModelError(f"degrees: {unresolved[0]} is not in the kernel ({kernel.name}): lambda is zero within its error; add a bias")
    features = np.stack([zonal(d, k, x) for k in degrees], axis=1)
    entropy = entropy_of(rng)
    f, bounds = np.empty((len(sizes), repeats, len(parts))), np.empty((len(sizes), repeats, len(parts)))
    for i, p in enumerate(sizes):
        for j in range(repeats):
            pick = block_generator(entropy, i, j).choice(n, p, replace=False)
            f[i, j], bounds[i, j] = _train(kernel(x[pick]), features[pick], parts, ridge)
    curves = []
    for t, part in enumerate(parts):
        value, bound = f[:, :, t], bounds[:, :, t]
        allowed = bound * (1.0 + 2.0 * part.error / part.value + 1e-9)
        m = float((features[:, t] ** 2).mean())
        mean, low, high, line = (tuple(map(float, v)) for v in (value.mean(1), value.min(1), value.max(1), bound.mean(1)))
        anything = tuple(overlap_bound(part.value, ridge, p, part.degeneracy) for p in sizes)
        curves.append(Learnability(
            part, m, tuple(map(int, sizes)), mean, low, high, line, anything,
            float((value / bound).max()), int((np.abs(value) > allowed).sum()),
            samples_needed(part.value, ridge, 0.5, m), samples_needed(part.value, ridge, 0.5, part.degeneracy),
        ))  # fmt: skip
    broken = sum(c.violations for c in curves)
    status, advice = ("failed", f"{broken} draws are above their bound, which cannot be: report it") if broken else ("ok", "")
    return LearnabilityResult(name, n, d, float(ridge), repeats, kernel, tuple(curves), entropy, status, advice)


def _train(gram: Array, phi: Array, parts: Sequence[Component], ridge: float) -> tuple[Array, Array]:
    """f_t for y = phi_t, and its bound, for each target; one factorisation for all."""
    from scipy.linalg import cho_factor, cho_solve

    p = len(gram)
    factor = cho_factor(gram + ridge * np.eye(p), lower=True)
    lam = np.array([c.value for c in parts])
    overlap = lam * np.einsum("pt,pt->t", phi, cho_solve(factor, phi))
    bound = [overlap_bound(c.value, ridge, p, float((phi[:, t] ** 2).mean())) for t, c in enumerate(parts)]
    return overlap, np.array(bound)


__all__ = ["DATASETS", "Learnability", "LearnabilityResult", "learnability", "raw_inputs", "real_inputs", "standardised"]
