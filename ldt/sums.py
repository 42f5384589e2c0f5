r"""Sums of independent terms as laws of their own: ``IidSum``, ``WeightedSum``, ``CompoundSum``, ``EmpiricalSum``.

Each has the methods of a frozen SciPy law, far into the tails, and is a model for ``ldt.tail``, ``ldt.logpdf`` and ``ldt.plan``, which
also give errors.  Which method for which sum: docs/sums.md.

``sf`` is P(S > x) and ``cdf`` P(S <= x), as in SciPy; ``ldt.tail`` is P(S >= x).  On a lattice the two differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ldt.errors import ModelError, shown
from ldt.models.law_atoms import Atoms
from ldt.models.law_families import Gamma, NoncentralChi2, Normal
from ldt.models.law_text import parse_law
from ldt.models.laws import Affine, Constant, Law, as_law
from ldt.models.sum_files import read_terms
from ldt.models.sums import CompoundLaw, Part, Sum, weighted
from ldt.numerics.random import generator, one_of
from ldt.tails.sum_exact import Value, complement, lattice_index, sum_exact
from ldt.tails.sum_inverse import quantile

MAX_COUNT = 10**12
#: Effective number of data points under a tilt below which EmpiricalSum is not to be trusted.
RELIABLE = 30.0


class _Methods(Sum):
    """SciPy-like methods.  Arguments broadcast; NaN gives NaN; logs are nats; errors are raised as by ``ldt.tail``."""

    def mean(self) -> float:
        """E S."""
        return self._mean

    def var(self) -> float:
        """Variance of S."""
        return self._var

    def std(self) -> float:
        """Standard deviation of S."""
        return math.sqrt(self._var)

    def cgf(self, s: Any) -> Any:
        """log E exp(sS) of real s, inf outside the tilt range; complex s must lie in the strip."""
        s = np.asarray(s)
        if s.dtype.kind not in "iufc":
            raise ModelError(f"s: must be a number or an array of them, got {shown(s.tolist())}")
        a, b = self.tilt_range
        inside = ((np.real(s) > a) & (np.real(s) < b)) | (s == 0.0)
        with np.errstate(all="ignore"):
            safe = np.where(inside, s, 0.0)
            found = self.centred(safe.ravel()).reshape(s.shape) + safe * float(self._centre)
        return np.where(s == 0.0, 0.0, np.where(inside, found, np.where(np.isnan(s), np.nan, np.inf)))[()]

    def logsf(self, x: Any) -> Any:
        """log P(S > x)."""
        return _each(self._logsf, x)

    def logcdf(self, x: Any) -> Any:
        """log P(S <= x)."""
        return _each(lambda v: sum_exact(self, v, side="lower").logp, x, below=-math.inf, above=0.0)

    def sf(self, x: Any) -> Any:
        """P(S > x); underflows to 0 below 1e-308, where ``logsf`` still holds."""
        return np.exp(self.logsf(x))

    def cdf(self, x: Any) -> Any:
        """P(S <= x)."""
        return np.exp(self.logcdf(x))

    def logpdf(self, x: Any) -> Any:
        """log density; ModelError for discrete laws, which have ``logpmf``."""
        if self.discrete:
            raise ModelError("logpdf: the law is discrete and has no density; use logpmf")
        return _each(lambda v: sum_exact(self, v, density=True).logp, x, below=-math.inf, above=-math.inf)

    def pdf(self, x: Any) -> Any:
        """Density."""
        return np.exp(self.logpdf(x))

    def logpmf(self, x: Any) -> Any:
        """log P(S = x); ModelError for continuous laws, which have ``logpdf``."""
        if not self.discrete:
            raise ModelError("logpmf: the law is not discrete; use logpdf")
        return _each(lambda v: sum_exact(self, v, density=True).logp, x, below=-math.inf, above=-math.inf)

    def pmf(self, x: Any) -> Any:
        """P(S = x)."""
        return np.exp(self.logpmf(x))

    def ppf(self, q: Any) -> Any:
        """The smallest x with P(S <= x) >= q, to the precision of x itself; NaN for q outside [0, 1]."""
        return _each(lambda v: self._quantile(v, True), q, below=math.nan, above=math.nan)

    def isf(self, q: Any) -> Any:
        """The smallest x with P(S > x) <= q."""
        return _each(lambda v: self._quantile(v, False), q, below=math.nan, above=math.nan)

    def rvs(self, size: Any = None, random_state: Any = None, *, rng: Any = None) -> Any:
        """Draws of S; ``rng`` as everywhere (None, a seed, a SeedSequence or a Generator), ``random_state`` is SciPy's name of it."""
        shape = () if size is None else (size,) if np.ndim(size) == 0 else tuple(size)
        if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and 0 <= n <= 10**9 for n in shape):
            raise ModelError(f"size: must be an integer from 0 to 1e9 or a tuple of them, got {shown(size)}")
        drawn = self.draw(math.prod(shape), generator(one_of(random_state, rng))).reshape(shape)
        return float(drawn) if size is None else drawn

    def _logsf(self, x: float) -> float:
        return self._above(x).logp

    def _above(self, x: float) -> Value:
        if self.lattice is not None:
            k, on = lattice_index(self, x)
            span, offset = self.lattice
            return sum_exact(self, offset + span * (k + 1 if on else k))
        if self.degenerate or (self.atom is not None and self.atom[0] == x):
            return complement(sum_exact(self, x, side="lower"))
        if self.discrete:  # just beyond what counts as x
            return sum_exact(self, x + 64.0 * 2.0**-52 * (abs(x) + abs(self._mean) + math.sqrt(self._var)))
        return sum_exact(self, x)

    def _quantile(self, q: float, lower: bool) -> float:
        if not 0.0 <= q <= 1.0:
            return math.nan
        return quantile(self, q, lower)


def _each(one: Callable[[float], float], x: Any, below: float = 0.0, above: float = -math.inf) -> Any:
    """``one`` of every element; NaN for NaN, ``below`` and ``above`` for minus and plus infinity."""
    try:
        values = np.asarray(x, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ModelError(f"x: must be a number or an array of them, got {shown(x)}") from None
    ends = {math.inf: above, -math.inf: below}
    flat = [math.nan if math.isnan(v) else ends[v] if v in ends else one(v) for v in values.ravel().tolist()]
    return np.array(flat).reshape(values.shape)[()]


def _count(name: str, value: Any) -> int:
    number: Any = value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not 1 <= number <= MAX_COUNT or not float(number).is_integer():
        raise ModelError(f"{name}: must be an integer from 1 to 1e12, got {shown(value)}")
    return int(number)


def _floats(name: str, value: Any) -> Any:
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        found = np.array(math.nan)
    if not np.all(np.isfinite(found)):
        raise ModelError(f"{name}: must hold finite numbers")
    return found


def _real(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, (bool, str)):
        raise ModelError(f"{name}: must be a finite number, got {shown(value)}")
    return number


class IidSum(_Methods):
    """X_1 + ... + X_n, independent with one law.

    Parameters
    ----------
    law : frozen scipy.stats law, or a Law such as ``CgfLaw``
        Heavy tails included: ``exact`` without a tilt for the laws of docs/heavy.md, sampling and the big jump for the others.
    n : int, 1 to 1e12

    Raises
    ------
    ModelError
        For what is not a law, or a count that is no integer from 1 to 1e12.

    Notes
    -----
    K(s) = n K_1(s), inverted along a path through the saddle; sf is P(S > x), ``ldt.tail`` P(S >= x).
    Cost: milliseconds to a second, which does not grow with n.  S has the law's units, logs are nats.
    Source: docs/sums.md, section "How exact works"; Daniels 1954, eq. 2.6 for the saddle.

    Examples
    --------
    >>> from scipy import stats
    >>> S = IidSum(stats.gamma(2, scale=3), 100)
    >>> bool(abs(S.logsf(900.0) - stats.gamma(200, scale=3).logsf(900.0)) < 1e-9)
    True
    >>> S = IidSum(stats.levy(), 100)                          # heavy: S/n^2 is again a Levy variable
    >>> bool(abs(S.logsf(1e6) - stats.levy.logsf(100.0)) < 1e-12)
    True
    """

    def __init__(self, law: Any, n: Any) -> None:
        self.law, self.n = as_law(law), _count("n", n)
        super().__init__([(self.law, self.n)], f"sum of {self.n} {self.law.name}")


class WeightedSum(_Methods):
    """shift + sum_j w_j (X_j1 + ... + X_jn_j) + sigma Z, all independent, Z standard normal.

    Parameters
    ----------
    laws : one law or a sequence of laws
    weights : float or sequence, default 1
        Any sign, any size; terms of weight 0 vanish.
    counts : int or sequence of int, default 1
    sigma, shift : float
        A Gaussian part and a constant.

    Raises
    ------
    ModelError
        For laws, weights and counts that do not fit, or are not finite.

    Notes
    -----
    K(s) = shift s + sigma^2 s^2/2 + sum_j n_j K_j(w_j s).
    Cost: grows with the number of different terms, not with counts.  S has the laws' units, logs are nats.
    Source: docs/sums.md, section "How exact works"; chi-squares: Imhof 1961, Davies 1980.

    Examples
    --------
    >>> from scipy import stats
    >>> S = WeightedSum(stats.expon(), [1.0, 2.0, 3.0])
    >>> known = 4.5 * np.exp(-20.0 / 3.0) - 4.0 * np.exp(-20.0 / 2.0) + 0.5 * np.exp(-20.0)
    >>> bool(abs(S.sf(20.0) / known - 1.0) < 1e-12)
    True
    """

    def __init__(self, laws: Any, weights: Any = 1.0, *, counts: Any = 1, sigma: Any = 0.0, shift: Any = 0.0) -> None:
        known = [as_law(law) for law in laws] if isinstance(laws, (Sequence, np.ndarray)) else [as_law(laws)]
        try:
            w, c = np.atleast_1d(np.asarray(weights, dtype=float)), np.atleast_1d(np.asarray(counts))
            index, w, c = np.broadcast_arrays(np.arange(len(known)), w, c)
        except (TypeError, ValueError, OverflowError):
            raise ModelError("weights: laws, weights and counts must be numbers of one length (or 1)") from None
        if w.ndim != 1 or not len(w) or not np.all(np.isfinite(w)):
            raise ModelError("weights: must be a finite number or a sequence of them")
        gathered: dict[tuple[int, float], int] = {}
        for i, weight, count in zip(index.tolist(), w.tolist(), c.tolist(), strict=True):
            key = (i, weight)
            gathered[key] = gathered.get(key, 0) + _count("counts", count)
        parts: list[Part] = [(weighted(known[i], weight), count) for (i, weight), count in gathered.items()]
        parts += _extras(sigma, shift)
        super().__init__(parts, f"weighted sum of {sum(gathered.values())} terms")

    @classmethod
    def chi2(cls, weights: Any, dof: Any = 1.0, ncp: Any = 0.0, *, sigma: Any = 0.0, shift: Any = 0.0) -> WeightedSum:
        """sum_j w_j chi2(dof_j, ncp_j) + sigma Z + shift (Imhof 1961; Davies 1980); equal weights are joined.

        >>> S = WeightedSum.chi2([6, 3, 1], [2, 2, 2])
        >>> round(float(S.cdf(2.0)), 15)
        0.006452882006066
        """
        try:
            w, k, c = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=float)) for v in (weights, dof, ncp)))
        except (TypeError, ValueError, OverflowError):
            raise ModelError("weights: weights, dof and ncp must be numbers of one length (or 1)") from None
        if w.ndim != 1 or not (np.all(np.isfinite(w)) and np.all(np.isfinite(k)) and np.all(np.isfinite(c))):
            raise ModelError("weights: weights, dof and ncp must be finite")
        if not np.all(k > 0.0) or not np.all(c >= 0.0):
            raise ModelError("dof: must be positive, and ncp not negative")
        parts: list[Part] = []
        for weight in np.unique(w[w != 0.0]):
            chosen = w == weight
            d, noncentral = math.fsum(k[chosen]), math.fsum(c[chosen])
            law: Law = NoncentralChi2(d, noncentral) if noncentral > 0.0 else Affine(Gamma(0.5 * d), 2.0, name=f"chi2({d:g})")
            parts.append((weighted(law, float(weight)), 1))
        made = cls.__new__(cls)
        Sum.__init__(made, parts + _extras(sigma, shift), f"weighted sum of {len(w)} chi-squares")
        return made

    @classmethod
    def from_file(cls, path: str, text: str | None = None) -> WeightedSum:
        """The sum of a CSV or JSON file (docs/sums.md); ``text`` is its content where that has been read already."""
        content = read_terms(path, text)
        parts: list[Part] = []
        laws: dict[Any, Law] = {}
        for term in content["terms"]:
            if "law" in term:
                law = laws.setdefault(term["law"], parse_law(term["law"])) if isinstance(term["law"], str) else parse_law(term["law"])
            else:
                one = cls.chi2([1.0], [term["dof"]], [term.get("ncp", 0.0)])
                law = laws.setdefault((term["dof"], term.get("ncp", 0.0)), one.parts[0][0])
            parts.append((weighted(law, term["weight"]), term["count"]))
        made = cls.__new__(cls)
        extras = _extras(content["sigma"], content["shift"])
        Sum.__init__(made, parts + extras, f"weighted sum of {sum(n for _, n in parts)} terms")
        return made

    @classmethod
    def quadratic_form(cls, matrix: Any, mean: Any = None, cov: Any = None, *, linear: Any = None, constant: float = 0.0) -> WeightedSum:
        """x'Ax + l'x + constant, x ~ N(mean, cov), by the eigenvalues of cov^(1/2)' A cov^(1/2): chi-squares and a Gaussian part.

        >>> import numpy as np
        >>> S = WeightedSum.quadratic_form(np.diag([6.0, 3.0, 1.0]), mean=[0.5, 0.0, 0.0])
        >>> round(S.mean(), 12)
        11.5
        """
        a = _floats("matrix", matrix)
        if a.ndim != 2 or a.shape[0] != a.shape[1] or not np.all(np.isfinite(a)):
            raise ModelError(f"matrix: must be a finite square matrix, got shape {a.shape}")
        d = a.shape[0]
        a = 0.5 * (a + a.T)
        mu = np.zeros(d) if mean is None else _floats("mean", mean)
        root = np.eye(d)
        if cov is not None:
            c = _floats("cov", cov)
            if c.shape != (d, d) or not np.all(np.abs(c - c.T) <= 1e-12 * np.max(np.abs(c))):
                raise ModelError(f"cov: must be a symmetric {d} x {d} matrix")
            values, vectors = np.linalg.eigh(c)
            if np.min(values) < -1e-12 * np.max(np.abs(values)):
                raise ModelError("cov: must have no negative eigenvalue")
            root = vectors * np.sqrt(np.maximum(values, 0.0))
        ell = np.zeros(d) if linear is None else _floats("linear", linear)
        if mu.shape != (d,) or ell.shape != (d,) or root.shape != (d, d):
            raise ModelError(f"mean: mean, linear and cov must fit the {d} x {d} matrix")
        values, vectors = np.linalg.eigh(root.T @ a @ root)
        slope = vectors.T @ (root.T @ (2.0 * a @ mu + ell))  # of each standard normal coordinate
        small = np.abs(values) <= 4.0 * d * 2.0**-52 * np.max(np.abs(values), initial=0.0)
        lam, b = values[~small], slope[~small]
        shift = float(mu @ a @ mu + ell @ mu) + _real("constant", constant) - math.fsum(b * b / (4.0 * lam))
        sigma = math.sqrt(math.fsum(slope[small] ** 2))
        return cls.chi2(lam, 1.0, (b / (2.0 * lam)) ** 2, sigma=sigma, shift=shift)


def _extras(sigma: Any, shift: Any) -> list[Part]:
    scale = _real("sigma", sigma)
    if scale < 0.0:
        raise ModelError(f"sigma: must not be negative, got {sigma!r}")
    parts: list[Part] = [(Constant(_real("shift", shift)), 1)]
    return [*parts, (weighted(Normal(), scale), 1)] if scale else parts


class CompoundSum(_Methods):
    """X_1 + ... + X_N with N independent of the terms: insurance claims, shot noise.  P(S = 0) >= P(N = 0).

    Parameters
    ----------
    number : frozen law on 0, 1, 2, ...
        Such as stats.poisson(2).
    law : frozen scipy.stats law, or a Law
        Of one term.

    Raises
    ------
    ModelError
        For laws that cannot be compounded: a number that is not on 0, 1, 2, ...

    Notes
    -----
    K(s) = K_N(K_X(s)).
    Cost: as IidSum.  S has the units of a term, logs are nats.
    Source: docs/sums.md, sections "How exact works" and "Laws".

    Examples
    --------
    >>> from scipy import stats
    >>> S = CompoundSum(stats.poisson(2.0), stats.expon())
    >>> round(float(S.cdf(0.0)), 12), round(S.var(), 12)
    (0.135335283237, 4.0)
    """

    def __init__(self, number: Any, law: Any) -> None:
        self.number, self.law = as_law(number), as_law(law)
        compound = CompoundLaw(self.number, self.law)
        super().__init__([(compound, 1)], f"{self.number.name} many {self.law.name}")


class EmpiricalSum(_Methods):
    """The sum of n draws, with replacement, from data: the bootstrap law.  What the sampling of the data adds is not in it.

    Parameters
    ----------
    data : array of floats
        At least 2; any shape, flattened.
    n : int
        1 to 1e12.

    Attributes
    ----------
    reliable_tilt : (float, float)
        The range of s where the weights exp(s x_i) leave an effective number (sum w)^2/sum w^2 of at least 30 data points (or of all but a
        tenth, where there are fewer).
    reliable_levels : (float, float)
        The levels with their saddle in it; beyond, ``ldt.tail`` says 'warning': there the answer rests on a few largest data.

    Raises
    ------
    ModelError
        For data that are not at least 2 finite numbers, or a count out of range.

    Notes
    -----
    K(s) = n log mean exp(s x_i).
    Cost: grows with the number of data, not with n.  S has the data's units, logs are nats.
    Source: docs/sums.md, section "Data".

    Examples
    --------
    >>> import numpy as np
    >>> S = EmpiricalSum(np.random.default_rng(1).exponential(size=500), 40)
    >>> low, high = S.reliable_levels
    >>> bool(low < S.mean() < high)
    True
    """

    def __init__(self, data: Any, n: Any) -> None:
        try:
            x = np.asarray(data, dtype=float).ravel()
        except (TypeError, ValueError, OverflowError):
            raise ModelError("data: must be numbers") from None
        if len(x) < 2 or not np.all(np.isfinite(x)):
            raise ModelError(f"data: must be at least 2 finite numbers, got {len(x)}")
        self.n, self.size_of_data = _count("n", n), len(x)
        law = Atoms.of(x, np.full(len(x), 1.0 / len(x)), f"{len(x)} data")
        super().__init__([(law, self.n)], f"sum of {self.n} of {len(x)} data")
        self.reliable_tilt: tuple[float, float] = (-math.inf, math.inf)
        self.reliable_levels: tuple[float, float] = self.support
        if isinstance(law, Atoms):
            self.reliable_tilt = (-self._reach(-x), self._reach(x))
            k = [self.n * law.cumulants(s)[1] for s in self.reliable_tilt]
            self.reliable_levels = (k[0], k[1])

    def _reach(self, x: Any) -> float:
        """The largest s > 0 with enough effective data."""
        from scipy.optimize import brentq

        least = min(RELIABLE, 0.9 * len(x))
        y = x - np.max(x)

        def spare(s: float) -> float:
            w = np.exp(s * y)
            return float(np.sum(w)) ** 2 / float(w @ w) - least

        high = 1.0 / float(np.std(x))
        while spare(high) > 0.0 and high < 1e300:
            high *= 2.0
        return float(brentq(spare, 0.0, high, rtol=1e-12)) if high < 1e300 else math.inf

    def caution(self, level: float) -> str:
        low, high = self.reliable_levels
        if low <= level <= high:
            return ""
        return f"the level is outside the range {low:.6g} to {high:.6g} that the data support: a few extreme data decide the answer"


__all__ = ["CompoundSum", "EmpiricalSum", "IidSum", "WeightedSum"]
