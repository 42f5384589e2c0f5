r"""The three-layer erf network with target He_k(x_1), k odd:

    f(x) = sum_j a_j erf(sum_i v_ji erf(w_i . x)),   w_i ~ N(0, I_d/d),  v_ji ~ N(0, 1/N1),  a_j ~ N(0, 1/N2),  x ~ N(0, I_d).

Given w and v the alignment is Gaussian with features h_j = <erf(v_j . phi(x)), y>.  The kernel of the middle layer is an arcsine, but this
average is not closed: erf(v . phi(x)) is not a function of a Gaussian.  It is taken over scrambled Sobol points with weights that are exact
for cubic polynomials (ldt.models.networks.points).  Hidden parameters: w (N1 x d), then v (N2 x N1), standard normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ldt.errors import ModelError
from ldt.models.networks.base import Array, Layer, ReadoutNetwork, State, field_integer, field_positive
from ldt.models.networks.points import FINER, field_points, hermite_rule, norm_factor
from ldt.numerics.compiled import compiled

CONVENTIONS = ("raw", "ratio", "orthonormal")


@dataclass(frozen=True)
class ThreeLayerNetwork(ReadoutNetwork):
    """All N1 d + N2 N1 + N2 weights of the three-layer erf network.

    Parameters
    ----------
    width1, width2, dim : int
        N1, N2 and d.
    c : {"ratio", "raw", "orthonormal"} or positive float
        ``ratio``: A = <f, y>/<y, y>, the paper's A_f.
    target : int
        k of He_k, odd, at most 9.
    points : int
        Sobol points of the average over the data, a power of 2.

    >>> ThreeLayerNetwork(width1=8, width2=8, dim=8).dimension
    136
    """

    architecture: ClassVar[str] = "three_layer"

    width1: int
    width2: int
    dim: int
    c: str | float = "ratio"
    target: int = 3
    points: int = 2048
    scramble: int = field(default=0, repr=False)
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("width1", "width2", "dim"):
            put(self, name, field_integer(name, getattr(self, name), 1, 1000))
        put(self, "target", field_integer("target", self.target, 1, 9))
        if self.target % 2 == 0:
            raise ModelError(f"target: erf networks are odd, so that only odd degrees overlap; got {self.target}")
        put(self, "points", field_points(self.points))
        if isinstance(self.c, str) and self.c not in CONVENTIONS:
            raise ModelError(f"c: must be one of {', '.join(CONVENTIONS)} or a positive number, got {self.c!r}")
        if not isinstance(self.c, str):
            put(self, "c", field_positive("c", self.c))

    @property
    def hidden(self) -> int:
        return self.width1 * (self.dim + self.width2)

    @property
    def readouts(self) -> int:  # type: ignore[override]
        return self.width2

    @property
    def layers(self) -> tuple[Layer, ...]:
        first = Layer("first layer", 0, self.width1, self.dim, (1.0, *[0.0] * (self.dim - 1)))
        return (first, Layer("middle layer", self.width1 * self.dim, self.width2, self.width1))

    @property
    def prefactor(self) -> float:
        """What <f, y> is multiplied by."""
        return norm_factor(self.c, self.target)

    def features(self, x: Array) -> Array:
        found = np.empty((len(x), self.width2))
        step = max(1, 2**24 // (self.width1 * self.points))  # bounds the memory of first-layer outputs
        for start in range(0, len(x), step):
            part = np.ascontiguousarray(x[start : start + step])
            phi = self._phi(self.layers[0].units(part))
            found[start : start + step] = self._features(phi, part)
        return found

    def _phi(self, w: Array) -> Array:
        """erf(w . x) at the points for w of shape (..., d)."""
        points, _ = hermite_rule(self.dim, self.points, self.target, self.scramble)
        flat = np.ascontiguousarray(w).reshape(-1, self.dim)
        return erf_products(flat / math.sqrt(self.dim), points).reshape(*w.shape[:-1], self.points)

    def _features(self, phi: Array, x: Array) -> Array:
        none = np.zeros((len(x), 0), dtype=np.int64)
        return self._changed(phi, np.arange(len(x)), none, np.zeros((len(x), 0, self.points)), x)

    def _changed(self, phi: Array, rows: Any, i: Any, new: Array, x: Array) -> Array:
        """The features of the chains ``rows`` with first-layer outputs i replaced by ``new``."""
        _, weights = hermite_rule(self.dim, self.points, self.target, self.scramble)
        v = np.ascontiguousarray(self.layers[1].units(x)) / math.sqrt(self.width1)
        return self._scale * middle_features(phi, rows, i, new, v, weights)

    @property
    def _scale(self) -> float:
        return self.prefactor / math.sqrt(self.width2)

    def state(self, x: Array) -> ThreeLayerState:
        """Chains that remember their first layer's outputs at the points."""
        return ThreeLayerState(self, x)

    def refined(self, seed: int) -> ThreeLayerNetwork:
        """The same network on ``FINER`` times the points, scrambled anew."""
        return replace(self, points=FINER * self.points, scramble=self.scramble + 1 + seed)

    @property
    def name(self) -> str:
        c = f"c = {self.prefactor:.10g}" + (f" ({self.c})" if isinstance(self.c, str) else "")
        shape = f"N1 = {self.width1}, N2 = {self.width2}, d = {self.dim}"
        return f"three-layer erf network, {shape}, He_{self.target}, {c}, {self.points} points"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "architecture": self.architecture, "width1": self.width1, "width2": self.width2, "dim": self.dim,
            "c": self.c, "prefactor": self.prefactor, "target": self.target, "points": self.points, "dimension": self.dimension,
        }  # fmt: skip


class ThreeLayerState(State):
    """Chains that remember the first layer's outputs ``phi`` (n, N1, points) and the features ``h`` (n, N2)."""

    arrays: ClassVar[tuple[str, ...]] = ("x", "q", "phi", "h")
    network: ThreeLayerNetwork

    def __init__(self, network: ThreeLayerNetwork, x: Array) -> None:
        self.network, self.x = network, x
        self.phi = network._phi(network.layers[0].units(x))
        self.h = network._features(self.phi, x)
        self.q = np.sum(self.h**2, axis=1)

    def unit(self, layer: Layer, rows: Any, j: Any, block: Array) -> Array:
        net = self.network
        if layer.start == 0:
            self._phi = net._phi(block)
            self._h = net._changed(self.phi, rows, j, self._phi, self.x[rows])
        else:
            _, weights = hermite_rule(net.dim, net.points, net.target, net.scramble)
            self._h = self.h[rows]
            scaled = np.ascontiguousarray(block) / math.sqrt(net.width1)
            self._h[np.arange(len(rows))[:, None], j] = net._scale * one_middle(self.phi, rows, scaled, weights)
        self._pending = np.sum(self._h**2, axis=1)
        return self._pending

    def accept(self, layer: Layer, rows: Any, j: Any, block: Array, taken: Any) -> None:
        super().accept(layer, rows, j, block, taken)
        self.h[rows[taken]] = self._h[taken]
        if layer.start == 0:
            self.phi[rows[taken, None], j[taken]] = self._phi[taken]

    def replace(self, x: Array, taken: Any, q: Array) -> None:
        super().replace(x, taken, q)
        moved = np.ascontiguousarray(x[taken])
        self.phi[taken] = self.network._phi(self.network.layers[0].units(moved))
        self.h[taken] = self.network._features(np.ascontiguousarray(self.phi[taken]), moved)


@compiled
def erf_products(w: Array, x: Array) -> Array:
    """erf(w_a . x_t), shape (len(w), len(x))."""
    out = np.empty((w.shape[0], x.shape[0]))
    for a in range(w.shape[0]):
        for t in range(x.shape[0]):
            total = 0.0
            for k in range(w.shape[1]):
                total += w[a, k] * x[t, k]
            out[a, t] = math.erf(total)
    return out


@compiled
def middle_features(phi: Array, rows: Any, i: Any, new: Array, v: Array, weights: Array) -> Array:
    """sum_t o_t erf(sum_i v_ji phi_i(x_t)) of the chains ``rows`` (whose v are the rows of ``v``), outputs i replaced by ``new``."""
    m, n2, n1 = v.shape
    size = weights.size
    out = np.empty((m, n2))
    inner = np.empty(size)
    which = np.empty(n1, np.int64)
    for a in range(m):
        which[:] = -1
        for p in range(i.shape[1]):
            which[i[a, p]] = p
        for j in range(n2):
            inner[:] = 0.0
            for k in range(n1):
                f = v[a, j, k]
                source = phi[rows[a], k] if which[k] < 0 else new[a, which[k]]
                for t in range(size):
                    inner[t] += f * source[t]
            total = 0.0
            for t in range(size):
                total += weights[t] * math.erf(inner[t])
            out[a, j] = total
    return out


@compiled
def one_middle(phi: Array, rows: Any, v: Array, weights: Array) -> Array:
    """sum_t o_t erf(sum_i v_i phi_i(x_t)) for middle-layer units v (m, p, N1) of the chains ``rows``: shape (m, p)."""
    m, p, n1 = v.shape
    size = weights.size
    out = np.empty((m, p))
    inner = np.empty(size)
    for a in range(m):
        for b in range(p):
            inner[:] = 0.0
            for k in range(n1):
                f = v[a, b, k]
                for t in range(size):
                    inner[t] += f * phi[rows[a], k, t]
            total = 0.0
            for t in range(size):
                total += weights[t] * math.erf(inner[t])
            out[a, b] = total
    return out


__all__ = ["ThreeLayerNetwork"]
