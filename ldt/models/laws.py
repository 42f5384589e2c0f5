r"""The law of one term X of a sum: what is known of it, whoever made it.

A ``Law`` carries mean, variance, support, lattice, and the cumulant generating function K(s) = log E exp(sX), analytic in the strip
``tilt_range`` (Re s) and, where ``continuation`` is 'cut', in the whole plane but the real axis beyond it, with

    K(s) = drift s + gaussian s^2/2 + o(|s|) or with a real part that only falls,   |s| -> inf off the real axis,

which is what lets a contour be bent.  ``centred`` is K(s) - s E X, computed without that difference where it matters (n up to 1e6); of
a law without a finite mean it is K itself (``centre`` 0).
Each side has its own class: ``light(side)`` says whether a tilt of the needed sign exists (the lower tail of a lognormal law is light).

``as_law`` turns frozen SciPy laws, and laws, into laws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ldt.errors import ModelError, NoTiltError

INF = math.inf
Range = tuple[float, float]


class Law:
    """Base class: the law of one real random variable.  Values of ``s`` are arrays, real or complex; logs are nats."""

    name: str = "law"
    mean: float = math.nan
    var: float = math.nan
    support: Range = (-INF, INF)
    #: Open interval of real s where E exp(sX) is finite; an end at 0 means no tilt on that side.
    tilt_range: Range = (-INF, INF)
    #: (span, offset) if X is on offset + span * integers, else None.
    lattice: Range | None = None
    #: Whether X takes single values with positive probability.
    discrete: bool = False
    #: (value, log probability) of the one single value that a law with a density otherwise takes with positive probability, or None.
    atom: Range | None = None
    continuation: str = "strip"
    drift: float = 0.0
    gaussian: float = 0.0

    def light(self, side: str = "upper") -> bool:
        """Whether E exp(sX) is finite for some s > 0 (``upper``) or s < 0 (``lower``)."""
        return self.tilt_range[1] > 0.0 if side == "upper" else self.tilt_range[0] < 0.0

    @property
    def centre(self) -> float:
        """What ``centred`` is taken about: the mean, or 0 where that is not finite."""
        return self.mean if math.isfinite(self.mean) else 0.0

    @property
    def tail_class(self) -> str:
        """'light' if E exp(sX) is finite around 0, else 'heavy' (on at least one side)."""
        return "light" if self.light("upper") and self.light("lower") else "heavy"

    def centred(self, s: Any) -> Any:
        """K(s) - s centre for Re s in ``tilt_range`` (or off the cuts)."""
        raise NoTiltError(f"law: E exp(sX) of {self.name} is not known")

    def cgf(self, s: Any) -> Any:
        """K(s) = log E exp(sX), any branch of the logarithm that is continuous along lines and exact under exp(n K)."""
        return self.centred(s) + s * self.centre

    def radius(self, s: float) -> float:
        """A radius of a disc around real s on which K is analytic and of moderate size."""
        room = min(s - self.tilt_range[0], self.tilt_range[1] - s)
        scale = 1.0 / math.sqrt(self.var) if 0.0 < self.var < INF else 1.0
        return 0.5 * room if room < INF else scale

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        """(K(s) - s centre, K'(s), K''(s), K''', K'''') at real s in ``tilt_range``: Cauchy's integral on a circle of 64 points."""
        r, m = self.radius(s), 64
        turn = np.exp(2j * np.pi * np.arange(m) / m)
        values = np.asarray(self.centred(s + r * turn))
        here = float(np.real(self.centred(np.array([s]))[0]))
        c = [float(np.real(np.mean((values - here) * turn**-k))) * math.factorial(k) / r**k for k in range(5)]
        return here, self.centre + c[1], c[2], c[3], c[4]

    def logpdf(self, x: Any) -> Any:
        """log density at x; of a discrete law, log probability of x."""
        raise NotImplementedError

    def logsf(self, x: Any) -> Any:
        """log P(X > x)."""
        raise NotImplementedError

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        """Independent draws."""
        raise NotImplementedError

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        """``size`` draws of the sum of n independent copies, in pieces of bounded memory."""
        return _summed(lambda shape: self.rvs(shape, random), n, size)

    def tilted(self, s: float) -> Law | None:
        """The law with density proportional to exp(s x) times this one's, where it is a named law; else None."""
        return None

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        """(sums, log weights): sums of n draws of a proposal near the tilted law, and log(tilted density/proposal) of each sample."""
        law = self.tilted(s)
        if law is None:
            raise NoTiltError(f"law: the tilted law of {self.name} cannot be sampled")
        return law.sum_rvs(n, size, random), np.zeros(size)

    def to_dict(self) -> dict[str, Any]:
        return {"law": self.name}

    def __repr__(self) -> str:
        return self.name


def _summed(draw: Callable[[Any], Any], n: int, size: int, piece: int = 1_000_000) -> Any:
    total = np.zeros(size)
    for first in range(0, n, max(1, piece // size)):
        m = min(n - first, max(1, piece // size))
        total += np.sum(draw((size, m)), axis=1)
    return total


class Affine(Law):
    """shift + weight X, weight of either sign and not 0."""

    base: Law
    weight: float
    shift: float

    def __init__(self, base: Law, weight: float, shift: float = 0.0, name: str = "") -> None:
        inner: Law = base
        if isinstance(base, Affine):
            inner, outer_weight, outer_shift = base.base, weight, shift
            weight, shift = outer_weight * base.weight, outer_shift + outer_weight * base.shift
        self.base = base = inner
        self.weight, self.shift = float(weight), float(shift)
        if not math.isfinite(self.weight) or self.weight == 0.0 or not math.isfinite(self.shift):
            raise ModelError(f"law: weight and shift must be finite and the weight not 0, got {weight!r}, {shift!r}")
        self.name = name or f"{self.shift:g} + {self.weight:g} * {base.name}"
        self.mean = self.shift + self.weight * base.mean
        self.var = self.weight**2 * base.var
        self.support = _image(base.support, self.weight, self.shift)
        a, b = base.tilt_range
        self.tilt_range = _image((a, b), 1.0 / self.weight, 0.0)
        if base.lattice is not None:
            self.lattice = (abs(self.weight) * base.lattice[0], self.shift + self.weight * base.lattice[1])
        self.discrete, self.continuation = base.discrete, base.continuation
        self.atom = None if base.atom is None else (self.shift + self.weight * base.atom[0], base.atom[1])
        self.drift = self.shift + self.weight * base.drift
        self.gaussian = self.weight**2 * base.gaussian

    @property
    def centre(self) -> float:
        return self.shift + self.weight * self.base.centre

    def centred(self, s: Any) -> Any:
        return self.base.centred(self.weight * s)

    def radius(self, s: float) -> float:
        return self.base.radius(self.weight * s) / abs(self.weight)

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        k = self.base.cumulants(self.weight * s)
        w = self.weight
        return k[0], self.shift + w * k[1], w * w * k[2], w**3 * k[3], w**4 * k[4]

    def logpdf(self, x: Any) -> Any:
        inner = self.base.logpdf((np.asarray(x) - self.shift) / self.weight)
        return inner if self.discrete else inner - math.log(abs(self.weight))

    def logsf(self, x: Any) -> Any:
        y = (np.asarray(x) - self.shift) / self.weight
        if self.weight > 0.0:
            return self.base.logsf(y)
        return np.log1p(-np.exp(self.base.logsf(np.nextafter(y, -INF) if self.discrete else y)))

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return self.shift + self.weight * self.base.rvs(size, random)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return n * self.shift + self.weight * self.base.sum_rvs(n, size, random)

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        sums, logs = self.base.tilted_sum_rvs(self.weight * s, n, size, random)
        return n * self.shift + self.weight * sums, logs


def _image(interval: Range, weight: float, shift: float) -> Range:
    """weight * interval + shift, in order; 0 * inf does not occur because the weight is not 0."""
    ends = sorted(shift + weight * e for e in interval)
    return ends[0], ends[1]


class Constant(Law):
    """One value with probability 1."""

    discrete = True
    continuation = "cut"

    def __init__(self, value: float) -> None:
        self.name, self.mean, self.var = f"constant({value:g})", float(value), 0.0
        self.support, self.drift = (self.mean, self.mean), self.mean

    def centred(self, s: Any) -> Any:
        return 0.0 * s

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        return 0.0, self.mean, 0.0, 0.0, 0.0

    def logpdf(self, x: Any) -> Any:
        return np.where(np.asarray(x) == self.mean, 0.0, -INF)

    def logsf(self, x: Any) -> Any:
        return np.where(np.asarray(x) < self.mean, 0.0, -INF)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return np.full(size, self.mean)

    def tilted(self, s: float) -> Law:
        return self


class CgfLaw(Law):
    """A law known by its cumulant generating function.

    Parameters
    ----------
    cgf : callable
        K(s) of complex arrays, analytic for Re s in ``tilt_range``, with K(0) = 0.
    tilt_range : (float, float)
        Open interval around (or ending at) 0 where E exp(sX) is finite.
    support : (float, float)
    lattice : (span, offset) or None
    continuation : {"strip", "cut"}
        'cut' if K also is analytic off the real axis and grows as ``drift`` s + ``gaussian`` s^2/2 there (see the module).
    rvs : callable (size, numpy Generator) -> array, optional
        Draws, for ``montecarlo``.

    Raises
    ------
    ModelError
        For a cgf that is no such function, an interval without 0 inside, or moments that make no sense.

    Notes
    -----
    Its sums are inverted along the straight line, or with 'cut' along a bent one, which needs far fewer nodes.
    Cost: that of ``cgf`` at the nodes, some hundreds.  X has the caller's units, logs are nats.
    Source: docs/sums.md, sections "Laws" and "How exact works".

    Examples
    --------
    >>> import numpy as np
    >>> law = CgfLaw(lambda s: -np.log1p(-s), tilt_range=(-np.inf, 1.0), support=(0.0, np.inf), continuation="cut")
    >>> round(law.mean, 12), round(law.var, 12)
    (1.0, 1.0)
    """

    def __init__(
        self, cgf: Callable[[Any], Any], *, tilt_range: Range, support: Range = (-INF, INF), lattice: Range | None = None,
        continuation: str = "strip", drift: float = 0.0, gaussian: float = 0.0, name: str = "user's cgf",
        rvs: Callable[[Any, np.random.Generator], Any] | None = None,
    ) -> None:  # fmt: skip
        if not callable(cgf):
            raise ModelError(f"cgf: must be a function of complex arrays, got {cgf!r}")
        if continuation not in ("strip", "cut"):
            raise ModelError(f"continuation: must be 'strip' or 'cut', got {continuation!r}")
        a, b = float(tilt_range[0]), float(tilt_range[1])
        if not a <= 0.0 <= b or a == b:
            raise ModelError(f"tilt_range: must be an interval that holds or ends at 0, got {tilt_range!r}")
        self._cgf, self._rvs, self.name = cgf, rvs, name
        self.tilt_range, self.support = (a, b), (float(support[0]), float(support[1]))
        self.lattice, self.discrete = lattice, lattice is not None
        self.continuation, self.drift, self.gaussian = continuation, float(drift), float(gaussian)
        start = np.asarray(cgf(np.array([0.0 + 0.0j])))
        if start.shape != (1,) or not abs(complex(start[0])) < 1e-12:
            raise ModelError("cgf: must map arrays to arrays with K(0) = 0")
        if not a < 0.0 < b:
            raise ModelError("tilt_range: must hold 0 inside; for a one-sided law give the mean by shifting the law")
        k = super().cumulants(0.0) if self._set_scale() else (0.0,) * 5
        self.mean, self.var = k[1], max(k[2], 0.0)

    def _set_scale(self) -> bool:
        """A first mean and a scale for the circle of ``cumulants``."""
        self.mean, room = 0.0, min(-self.tilt_range[0], self.tilt_range[1])
        h = 1e-3 * min(room, 1.0)
        self.var = max(float(np.real(self._cgf(np.array([h + 0j])) + self._cgf(np.array([-h + 0j])))[0]) / h**2, 1e-300)
        return True

    def centred(self, s: Any) -> Any:
        return np.asarray(self._cgf(np.asarray(s))) - s * self.mean

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        if self._rvs is None:
            raise ModelError(f"law: no draws are known of {self.name}; give CgfLaw(..., rvs=...)")
        return self._rvs(size, random)


def as_law(law: Any) -> Law:
    """The Law behind ``law``: a Law, or a frozen scipy.stats law, continuous or discrete.

    >>> from scipy import stats
    >>> as_law(stats.gamma(2, scale=3)).tilt_range[1] * 3
    1.0
    >>> as_law(stats.lognorm(1.0)).light("upper"), as_law(stats.lognorm(1.0)).light("lower")
    (False, True)
    """
    if isinstance(law, Law):
        return law
    from ldt.models.law_scipy import from_scipy

    return from_scipy(law)
