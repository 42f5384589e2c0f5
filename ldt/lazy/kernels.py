r"""Kernels of infinitely wide networks, in closed form, and two stationary ones.

A network with L hidden layers of widths N_l, weights of variance sigma_w^2/fan-in, biases of variance sigma_b^2 and a readout of
variance sigma_a^2/N_L becomes a Gaussian process.  With Sigma = sigma_w^2 x.x'/d + sigma_b^2 at the input and, layer after layer,

    K(x,x') = E[phi(u) phi(v)],  (u,v) ~ N(0, Sigma),      Sigma <- sigma_w^2 K + sigma_b^2,      kernel = sigma_a^2 K,

    erf   K = (2/pi) arcsin(2 S12/sqrt((1 + 2 S11)(1 + 2 S22)))               (Williams 1997, eq. 11)
    relu  K = sqrt(S11 S22) (sin t + (pi - t) cos t)/(2 pi),  cos t = S12/sqrt(S11 S22)    (Cho and Saul 2009, eq. 6)

    laplace  exp(-|x-x'|/(l sqrt d)),       rbf  exp(-|x-x'|^2/(2 l^2 d)),        both times sigma_a^2.

Exact in the limit of infinite width.  Everything depends on x.x/d, x'.x'/d and x.x'/d alone.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError, positive

Array = NDArray[np.float64]
KINDS = ("erf", "relu", "laplace", "rbf")


@dataclass(frozen=True)
class Kernel:
    """The prior covariance E[f(x) f(x')] of an infinitely wide network, or a stationary one.

    Parameters
    ----------
    kind : {"erf", "relu", "laplace", "rbf"}
    depth : int
        Hidden layers L, 1 to 64 (networks only).
    weight_variance, readout_variance, bias_variance : float
        sigma_w^2 > 0, sigma_a^2 > 0, sigma_b^2 >= 0; the stationary kernels use the second only.
    length : float
        l, in units of sqrt d (laplace and rbf).

    Raises
    ------
    ModelError
        For a value out of range, by name.

    Examples
    --------
    >>> k = Kernel("erf")
    >>> x = np.array([[1.0, 1.0]])
    >>> bool(abs(k(x)[0, 0] - 2 / math.pi * math.asin(2 / 3)) < 1e-15)
    True
    """

    kind: str = "erf"
    depth: int = 1
    weight_variance: float = 1.0
    readout_variance: float = 1.0
    bias_variance: float = 0.0
    length: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"kind: must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or not 1 <= self.depth <= 64:
            raise ModelError(f"depth: must be an integer from 1 to 64, got {self.depth!r}")
        if self.depth > 1 and not self.is_network:
            raise ModelError(f"depth: must be 1 for {self.kind!r}, which is not the kernel of a network, got {self.depth!r}")
        for name in ("weight_variance", "readout_variance", "length"):
            positive(name, getattr(self, name))
        if self.bias_variance != 0.0:
            positive("bias_variance", self.bias_variance)
            if not self.is_network:
                raise ModelError(f"bias_variance: must be 0 for {self.kind!r}, got {self.bias_variance!r}")

    @property
    def is_network(self) -> bool:
        """Whether this is the kernel of a network, and so has weights, biases and depth."""
        return self.kind in ("erf", "relu")

    @property
    def name(self) -> str:
        """One line that says which kernel."""
        if not self.is_network:
            return f"{self.kind}, length {self.length:g} sqrt d"
        bias = f", bias variance {self.bias_variance:g}" if self.bias_variance else ""
        return f"{self.kind}, {self.depth} hidden layer{'s' if self.depth > 1 else ''}, sigma_w^2 = {self.weight_variance:g}{bias}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as strict JSON types."""
        return asdict(self)

    def __call__(self, x: Any, z: Any = None) -> Array:
        """The (n, m) matrix of k between the rows of x (n, d) and of z (m, d); z = x by default."""
        a = np.atleast_2d(np.asarray(x, dtype=float))
        b = a if z is None else np.atleast_2d(np.asarray(z, dtype=float))
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
            raise ModelError(f"x, z: must be arrays (n, d) and (m, d), got shapes {a.shape} and {b.shape}")
        d = a.shape[1]
        return self.of_products((a * a).sum(1)[:, None] / d, (b * b).sum(1)[None, :] / d, a @ b.T / d)

    def of_products(self, xx: Any, zz: Any, xz: Any) -> Array:
        """k from x.x/d, z.z/d and x.z/d, arrays that broadcast together."""
        p, q, c = (np.asarray(v, dtype=float) for v in (xx, zz, xz))
        if not self.is_network:
            square = np.maximum(p + q - 2.0 * c, 0.0)
            power = np.sqrt(square) / self.length if self.kind == "laplace" else square / (2.0 * self.length**2)
            return np.asarray(self.readout_variance * np.exp(-power))
        layer = _erf_layer if self.kind == "erf" else _relu_layer
        for _ in range(self.depth):
            p, q, c = layer(*(self.weight_variance * v + self.bias_variance for v in (p, q, c)))
        return np.asarray(self.readout_variance * c)


def _erf_layer(p: Array, q: Array, c: Array) -> tuple[Array, Array, Array]:
    scale = 2.0 / math.pi
    cross = np.clip(2.0 * c / np.sqrt((1.0 + 2.0 * p) * (1.0 + 2.0 * q)), -1.0, 1.0)
    return tuple(scale * np.arcsin(v) for v in (2.0 * p / (1.0 + 2.0 * p), 2.0 * q / (1.0 + 2.0 * q), cross))  # type: ignore[return-value]


def _relu_layer(p: Array, q: Array, c: Array) -> tuple[Array, Array, Array]:
    size = np.sqrt(p * q)
    cosine = np.clip(np.divide(c, size, out=np.zeros(np.broadcast(c, size).shape), where=size > 0.0), -1.0, 1.0)
    angle = np.arccos(cosine)
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    return 0.5 * p, 0.5 * q, size * (sine + (math.pi - angle) * cosine) / (2.0 * math.pi)


__all__ = ["KINDS", "Kernel"]
