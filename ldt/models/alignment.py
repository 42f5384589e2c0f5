r"""The alignment of a random two-layer network with a target: a sum over neurons that is a Gaussian scale mixture.

    A = c sum_i a_i g(w_i),   a_i ~ N(0, sigma_a^2/N),   w_i ~ N(0, sigma_w^2 I_d/d),   i = 1..N,

where g is the overlap of one neuron with the target y = sum_k y_k He_k(x_1) (ldt.models.hermite).  Two forms:

* ``concentrated``  |w_perp|^2 set to its mean-field value sigma_w^2; for erf and He_3 (sigma_w = 1) this is the talk's
  g = w^3/(3 + 2 w^2)^(3/2)                                                                               [S]
* ``full``          |w_perp|^2 = rho with d rho/sigma_w^2 ~ chi^2_(d-1): the network's own overlap.

Given the weights A is Gaussian, so with theta = kappa s^2, kappa = c^2 sigma_a^2/(2N), M(theta) = E_w exp(theta g^2),

    K(s) = log E exp(s A) = N log M(theta).                                         (derived in docs/theory.md)

The law of A is symmetric.  Its cumulants, in the moments of g^2, are those of the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ldt.errors import ModelError

CONVENTIONS = ("talk", "raw", "ratio", "orthonormal")
OVERLAPS = ("concentrated", "full")
ACTIVATIONS = ("erf", "relu", "tanh", "linear")
MAX_WIDTH = 10**12
MAX_DIM = 10**6
MAX_DEGREE = 30
#: Neurons that ``rvs`` draws at most in one call (a few minutes).
MAX_NEURONS = 4_000_000_000


def _integer(name: str, value: Any, low: int, high: int) -> int:
    number = isinstance(value, (int, float)) or hasattr(value, "__index__")
    if isinstance(value, bool) or not number or (isinstance(value, float) and not value.is_integer()) or not low <= int(value) <= high:
        raise ModelError(f"{name}: must be an integer from {low} to {high:.6g}, got {value!r}")
    return int(value)


def _positive(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ModelError(f"{name}: must be a positive number, got {value!r}") from None
    if isinstance(value, (bool, str)) or not math.isfinite(number) or not 1e-100 < number < 1e100:
        raise ModelError(f"{name}: must be a positive number, got {value!r}")
    return number


def _target(value: Any) -> tuple[tuple[int, float], ...]:
    if not isinstance(value, (Mapping, tuple, list)):
        value = {value: 1.0}
    items = value.items() if isinstance(value, Mapping) else value
    terms: dict[int, float] = {}
    for entry in items:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2:
            raise ModelError(f"target: must map degrees k to coefficients of He_k, got {value!r}")
        k = _integer("target degree", entry[0], 0, MAX_DEGREE)
        try:
            coefficient = float(entry[1])
        except (TypeError, ValueError, OverflowError):
            coefficient = math.nan
        if not math.isfinite(coefficient):
            raise ModelError(f"target: coefficient of He_{k} must be a finite number, got {entry[1]!r}")
        if coefficient != 0.0:
            terms[k] = terms.get(k, 0.0) + coefficient
    if not terms:
        raise ModelError(f"target: needs at least one He_k with a coefficient that is not zero, got {value!r}")
    return tuple(sorted(terms.items()))


def _power(x: Any, k: int) -> Any:
    """x^k by squaring: several times faster than numpy's power on arrays."""
    if k == 0:
        return 1.0 + 0.0 * x
    half = _power(x, k // 2) if k > 1 else x
    return x if k == 1 else half * half * x if k % 2 else half * half


@dataclass(frozen=True)
class AlignmentSum:
    """Alignment of a random two-layer network with a sum of Hermite polynomials.

    Parameters
    ----------
    width : int
        N, number of neurons, 1 to 1e12.
    dim : int
        d, input dimension, 1 to 1e6 (2 or more for the full overlap).
    readout_variance, weight_variance : float
        sigma_a^2 and sigma_w^2.
    c : {"talk", "raw", "ratio", "orthonormal"} or positive float
        The prefactor's convention.  ``raw``: A = <f, y>; ``ratio``: <f, y>/<y, y>, the paper's A_f [P];
        ``orthonormal``: <f, y>/sqrt<y, y>; ``talk``: 1 on the unit overlap g [S].  For erf and one He_k the unit overlap is
        u^k, u = w_1/sqrt(1 + 2|w|^2); otherwise it is <phi(w.x), y> itself and ``talk`` exists for linear only.
        A number multiplies the unit overlap.
    target : int or mapping
        k for He_k, or {k: coefficient}.
    activation : {"erf", "relu", "tanh", "linear"} or callable
        A callable maps an array to an array of the same shape; its overlap is computed by quadrature.
    overlap : {"concentrated", "full"}

    Raises
    ------
    ModelError
        Naming the argument and what is allowed; also where the activation has no overlap with the target at all.

    Notes
    -----
    A = c sum_i a_i g(w_i) is Gaussian given the weights, so that K(s) = N log E exp(kappa s^2 g^2), kappa = c^2 sigma_a^2/(2N).
    Levels are in units of A; everything logarithmic is in nats.
    Cost: nothing is computed until a question is asked.
    Source: [S]; docs/theory.md, sections 1 and 2.

    Examples
    --------
    >>> model = AlignmentSum(width=50, dim=50)
    >>> round(model.prefactor, 6), round(AlignmentSum(50, 50, c="ratio").prefactor, 10)
    (1.0, 0.376126389)
    """

    kind: ClassVar[str] = "alignment"
    symmetric: ClassVar[bool] = True

    width: int
    dim: int
    readout_variance: float = 1.0
    weight_variance: float = 1.0
    c: str | float = "talk"
    target: Any = 3
    activation: str | Callable[[Any], Any] = "erf"
    overlap: str = "concentrated"
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "width", _integer("width", self.width, 1, MAX_WIDTH))
        put(self, "dim", _integer("dim", self.dim, 1, MAX_DIM))
        put(self, "readout_variance", _positive("readout_variance", self.readout_variance))
        put(self, "weight_variance", _positive("weight_variance", self.weight_variance))
        put(self, "target", _target(self.target))
        if self.overlap not in OVERLAPS:
            raise ModelError(f"overlap: must be one of {', '.join(OVERLAPS)}, got {self.overlap!r}")
        if not callable(self.activation) and self.activation not in ACTIVATIONS:
            raise ModelError(f"activation: must be one of {', '.join(ACTIVATIONS)} or a callable, got {self.activation!r}")
        if self.overlap == "full" and self.dim < 2:
            raise ModelError("dim: the full overlap needs d >= 2 (at d = 1 there is no w_perp), got 1")
        if not any(self._constants):
            raise ModelError(f"target: {self.activation_name} has no overlap with {self.target_name}, so A is 0 identically")
        if isinstance(self.c, str):
            if self.c not in CONVENTIONS:
                raise ModelError(f"c: must be one of {', '.join(CONVENTIONS)} or a positive number, got {self.c!r}")
            if self.c == "talk" and not (self.activation == "linear" or self._single_erf):
                raise ModelError(
                    "c: the convention 'talk' exists for erf with a single He_k and for linear only;"
                    " choose raw, ratio, orthonormal or a number"
                )
        else:
            put(self, "c", _positive("c", self.c))

    # -- the overlap ---------------------------------------------------------------------------------------------------

    @property
    def _single_erf(self) -> bool:
        return self.activation == "erf" and len(self.target) == 1

    @cached_property
    def _constants(self) -> tuple[float, ...]:
        """y_k b_k constants of the closed forms (erf, homogeneous), or y_k for tabulated activations."""
        from ldt.models import hermite

        ks = tuple(k for k, _ in self.target)
        if self.activation == "erf":
            return tuple(y * hermite.erf_constant(k) for k, y in self.target)
        if self.activation in hermite.HOMOGENEOUS:
            b = hermite.homogeneous_averages(str(self.activation), ks)
            return tuple(y * v for (_, y), v in zip(self.target, b, strict=True))
        table = hermite.hermite_table(self._phi, ks)
        import numpy as np

        seen = np.max(np.abs(table(np.linspace(0.05, 8.0, 40))), axis=1)
        return tuple(y if s > 1e-11 else 0.0 for (_, y), s in zip(self.target, seen, strict=True))

    @property
    def _phi(self) -> Callable[[Any], Any]:
        from ldt.models import hermite

        return hermite.NAMED[self.activation] if isinstance(self.activation, str) else self.activation

    @property
    def unit_constant(self) -> float:
        """|<phi(w.x), y>| / |unit overlap|: |C_k| for erf and one He_k, else 1."""
        return abs(self._constants[0]) if self._single_erf else 1.0

    @cached_property
    def closed_form(self) -> tuple[tuple[int, ...], tuple[float, ...]] | None:
        """(degrees k, coefficients y_k) of g = sum_k y_k u^k (erf; u = w_1/sqrt(1 + 2 q^2), q = |w|) or g = q sum_k y_k (w_1/q)^k (relu,
        linear); None where g is computed by quadrature."""
        from ldt.models import hermite

        if self.activation != "erf" and self.activation not in hermite.HOMOGENEOUS:
            return None
        scale = 1.0 / self._constants[0] if self._single_erf else 1.0
        terms = [(k, scale * y) for (k, _), y in zip(self.target, self._constants, strict=True) if y]
        return tuple(k for k, _ in terms), tuple(y for _, y in terms)

    @cached_property
    def prefactor(self) -> float:
        """The number |c| that multiplies the unit overlap."""
        if not isinstance(self.c, str):
            return float(self.c)
        norm = sum(y * y * math.factorial(k) for k, y in self.target)
        scale = {"talk": 1.0 / self.unit_constant, "raw": 1.0, "ratio": 1.0 / norm, "orthonormal": norm**-0.5}[self.c]
        return float(scale * self.unit_constant)

    def unit_overlap(self, w: Any, rho: Any = None) -> Any:
        """g(w_1, rho), vectorised; ``rho`` = |w_perp|^2 is sigma_w^2 for the concentrated form, whatever is passed.

        >>> abs(float(AlignmentSum(5, 5).unit_overlap(3.0**0.5)) - 3**1.5 / 27) < 1e-15
        True
        """
        import numpy as np

        from ldt.models import hermite

        w = np.asarray(w, dtype=float)
        if self.overlap == "concentrated":
            rho = self.weight_variance
        elif rho is None:
            raise ModelError("rho: the full overlap needs |w_perp|^2")
        q2 = w * w + np.asarray(rho, dtype=float)
        known = self.closed_form
        if known is not None and self.activation == "erf":
            u = w / np.sqrt(1.0 + 2.0 * q2)
            return sum(y * _power(u, k) for k, y in zip(*known, strict=True))
        q = np.sqrt(q2)
        cosine = np.divide(w, q, out=np.zeros_like(q), where=q > 0)
        if known is not None:
            return q * sum(y * _power(cosine, k) for k, y in zip(*known, strict=True))
        table = hermite.hermite_table(self._phi, tuple(k for k, _ in self.target))
        rows = table(q)
        return sum(y * _power(cosine, k) * row for (k, _), y, row in zip(self.target, self._constants, rows, strict=True) if y)

    # -- the law -------------------------------------------------------------------------------------------------------

    @cached_property
    def variance_scale(self) -> float:
        """kappa = c^2 sigma_a^2/(2N): theta = kappa s^2."""
        return self.prefactor**2 * self.readout_variance / (2.0 * self.width)

    @cached_property
    def neuron(self) -> Any:
        """The law of one neuron's overlap (ldt.models.neuron.NeuronLaw)."""
        from ldt.models.neuron import neuron_law

        return neuron_law(self)

    @property
    def mean(self) -> float:
        """0: the law is symmetric."""
        return 0.0

    @property
    def variance(self) -> float:
        """Var A = c^2 sigma_a^2 E g^2."""
        return 2.0 * self.width * self.variance_scale * float(self.neuron.moments(1)[1])

    @property
    def kurtosis(self) -> float:
        """Excess kurtosis of A: 3 Var(g^2)/(N (E g^2)^2)."""
        _, m1, m2 = self.neuron.moments(2)
        return 3.0 * float(m2 / m1**2 - 1.0) / self.width

    def cgf(self, s: Any) -> Any:
        """K(s) = log E exp(s A) in nats, for real s (scalar or array).  NoTiltError where it is infinite.

        >>> model = AlignmentSum(10, 4, activation="linear", target=1)
        >>> abs(model.cgf(1.0) - -5 * math.log1p(-1 / 40)) < 1e-14
        True
        """
        return self.cgf_derivatives(s, 0)[0]

    def cgf_derivatives(self, s: Any, order: int = 2) -> tuple[Any, ...]:
        """(K, K', ..., K^(order)) at real s, order at most 4; each of the shape of ``s``."""
        import numpy as np

        from ldt.models.neuron import cgf_derivatives

        if order not in range(5):
            raise ModelError(f"order: must be 0 to 4, got {order!r}")
        try:
            points = np.asarray(s, dtype=float)
        except (TypeError, ValueError):
            raise ModelError(f"s: must be a real number or an array of them, got {s!r}") from None
        if not np.all(np.isfinite(points)):
            raise ModelError("s: must be finite")
        rows = np.array([cgf_derivatives(self, float(x)) for x in points.ravel()]).reshape(points.size, 5).T
        return tuple(float(r[0]) if points.ndim == 0 else r.reshape(points.shape) for r in rows[: order + 1])

    def rvs(self, size: int = 1, *, rng: Any = None) -> Any:
        """Draws of A, shape (size,), by drawing all N neurons; blocks keep the memory bounded."""
        import numpy as np

        from ldt.numerics.random import generator

        size = _integer("size", size, 1, 10**9)
        if size * self.width > MAX_NEURONS:
            raise ModelError(f"size: {size} draws of {self.width:.3g} neurons are too many; at most {MAX_NEURONS // self.width}")
        random = generator(rng)
        out = np.empty(size)
        block = max(1, 2_000_000 // self.width)
        for start in range(0, size, block):
            stop = min(start + block, size)
            total = np.zeros(stop - start)
            for first in range(0, self.width, 2_000_000):
                n = min(2_000_000, self.width - first)
                w, rho = self.neuron.prior_draw((stop - start, n), random)
                total += np.sum(self.unit_overlap(w, rho) ** 2, axis=1)
            out[start:stop] = random.standard_normal(stop - start) * np.sqrt(2.0 * self.variance_scale * total)
        return out

    # -- names and files -----------------------------------------------------------------------------------------------

    @property
    def activation_name(self) -> str:
        """Name of the activation, for messages and records."""
        return self.activation if isinstance(self.activation, str) else getattr(self.activation, "__name__", "callable")

    @property
    def target_name(self) -> str:
        """The target as a formula, e.g. ``He_3`` or ``He_1 + 0.1 He_3``."""
        return " + ".join(f"He_{k}" if y == 1.0 else f"{y:g} He_{k}" for k, y in self.target)

    @property
    def name(self) -> str:
        """One line that says everything, the convention of c included."""
        c = f"c = {self.prefactor:.10g}" + (f" ({self.c})" if isinstance(self.c, str) else "")
        text = f"{self.activation_name}, {self.target_name}, {self.overlap} overlap, N = {self.width}, d = {self.dim}, {c}"
        if self.readout_variance != 1.0 or self.weight_variance != 1.0:
            text += f", sigma_a^2 = {self.readout_variance:g}, sigma_w^2 = {self.weight_variance:g}"
        return text

    def to_dict(self) -> dict[str, Any]:
        """The model as strict JSON types; ``prefactor`` is the number behind the convention."""
        return {
            "kind": self.kind,
            "width": self.width,
            "dim": self.dim,
            "readout_variance": self.readout_variance,
            "weight_variance": self.weight_variance,
            "c": self.c,
            "prefactor": self.prefactor,
            "target": {str(k): y for k, y in self.target},
            "activation": self.activation_name,
            "overlap": self.overlap,
        }

    @classmethod
    def from_file(cls, path: str | Path, **changes: Any) -> AlignmentSum:
        """Read a TOML model file (docs/models.md); keyword arguments replace its fields."""
        from ldt.models.files import read_model

        model = read_model(path, **changes)
        if not isinstance(model, cls):
            raise ModelError(f"{path}: kind: must be 'alignment' here, got {model.kind!r}")
        return model
