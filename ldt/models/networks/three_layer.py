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
from ldt.models.networks.erf_layers import change_outputs, changed_overlaps, erf_outputs, middle_overlaps, overlaps, preactivations
from ldt.models.networks.points import FINER, field_points, hermite_rule, norm_factor, normal_columns
from ldt.numerics.fast_erf import erf_all

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

    Raises
    ------
    ModelError
        Naming the field: sizes out of range, an even target, points that are no power of 2.

    Notes
    -----
    f = sum_j a_j erf(sum_i v_ji erf(w_i . x)); given w and v, A ~ N(0, V) with features <erf(v_j . phi(x)), y> averaged over points.
    Results say what that average adds to their error (nats).
    Cost: of one network, N1 (d + N2) multiplications at each of the points.
    Source: [P]; docs/networks.md, sections "Shipped" and "The error of an average over the data".

    Examples
    --------
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
        _, weights = hermite_rule(self.dim, self.points, self.target, self.scramble)
        found = np.empty((len(x), self.width2))
        step = max(1, 2**24 // (self.width1 * self.points))  # bounds the memory of first-layer outputs
        for start in range(0, len(x), step):
            part = np.ascontiguousarray(x[start : start + step])
            phi = self._phi(self.layers[0].units(part))
            found[start : start + step] = self._scale * middle_overlaps(self._middle(part), phi, np.arange(len(part)), weights)
        return found

    def slope(self, x: Array) -> tuple[Array, Array]:
        """(V, dV/dx) for every row of hidden parameters, by the chain rule through the points."""
        points, weights = hermite_rule(self.dim, self.points, self.target, self.scramble)
        n1, n2, d = self.width1, self.width2, self.dim
        steep = 2.0 / math.sqrt(math.pi)
        v, out = np.empty(len(x)), np.empty_like(x)
        for c, z in enumerate(x):
            w, m = z[: n1 * d].reshape(n1, d) / math.sqrt(d), z[n1 * d :].reshape(n2, n1) / math.sqrt(n1)
            below = w @ points.T
            phi = erf_all(below)
            inner = m @ phi
            h = self._scale * (erf_all(inner) @ weights)
            v[c] = h @ h
            back = np.exp(-inner * inner)
            back *= (2.0 * steep * self._scale * h)[:, None] * weights
            out[c, n1 * d :] = (back @ phi.T).ravel() / math.sqrt(n1)
            down = m.T @ back
            np.multiply(below, below, out=below)
            np.negative(below, out=below)
            np.exp(below, out=below)
            down *= below
            out[c, : n1 * d] = (down @ points).ravel() * (steep / math.sqrt(d))
        return v, out

    def _phi(self, w: Array) -> Array:
        """erf(w . x) at the points for w of shape (..., d)."""
        points = normal_columns(self.dim, self.points, self.scramble)
        flat = np.ascontiguousarray(w).reshape(-1, self.dim)
        return np.asarray(erf_outputs(flat / math.sqrt(self.dim), points).reshape(*w.shape[:-1], self.points))

    def _middle(self, x: Array) -> Array:
        """The middle weights of chains, (n, N2, N1)."""
        return np.ascontiguousarray(self.layers[1].units(x)) / math.sqrt(self.width1)

    @property
    def _scale(self) -> float:
        return self.prefactor / math.sqrt(self.width2)

    def state(self, x: Array, q: Array | None = None) -> ThreeLayerState:
        """Chains that remember their first layer's outputs at the points."""
        return ThreeLayerState(self, x, q)

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
    """Chains that remember the first layer's outputs ``phi`` (n, N1, points), the middle preactivations ``inner`` (n, N2, points) and the
    features ``h`` (n, N2), so that a first-layer neuron's move costs N2 error functions a point and no sum over the N1 others.

    ``inner`` is corrected by differences, and summed afresh at every level, where the state is a new one.
    """

    arrays: ClassVar[tuple[str, ...]] = ("x", "q", "phi", "inner", "h")
    network: ThreeLayerNetwork

    def __init__(self, network: ThreeLayerNetwork, x: Array, q: Array | None = None) -> None:
        self.network, self.x = network, x
        self.phi = network._phi(network.layers[0].units(x))
        self.inner = self._summed(np.arange(len(x)))
        self.h = network._scale * overlaps(self.inner, self._weights)
        self.q = np.sum(self.h**2, axis=1) if q is None else q

    @property
    def _weights(self) -> Array:
        net = self.network
        return hermite_rule(net.dim, net.points, net.target, net.scramble)[1]

    def _summed(self, rows: Any) -> Array:
        return np.asarray(preactivations(self.network._middle(np.ascontiguousarray(self.x[rows])), self.phi, rows))

    def unit(self, layer: Layer, rows: Any, j: Any, block: Array) -> Array:
        net = self.network
        if layer.start == 0:
            self._new = net._phi(block)
            middle = net._middle(np.ascontiguousarray(self.x[rows]))
            self._h = net._scale * changed_overlaps(self.inner, self.phi, rows, j, self._new, middle, self._weights)
        else:
            self._new = np.ascontiguousarray(block) / math.sqrt(net.width1)
            self._h = self.h[rows]
            self._h[np.arange(len(rows))[:, None], j] = net._scale * middle_overlaps(self._new, self.phi, rows, self._weights)
        self._pending = np.sum(self._h**2, axis=1)
        return self._pending

    def accept(self, layer: Layer, rows: Any, j: Any, block: Array, taken: Any) -> None:
        super().accept(layer, rows, j, block, taken)
        mine = rows[taken]
        self.h[mine] = self._h[taken]
        if layer.start == 0:
            middle = self.network._middle(np.ascontiguousarray(self.x[mine]))
            change_outputs(self.inner, self.phi, mine, j[taken], self._new[taken], middle)
        else:
            self.inner[mine[:, None], j[taken]] = preactivations(self._new[taken], self.phi, mine)

    def replace(self, x: Array, taken: Any, q: Array) -> None:
        super().replace(x, taken, q)
        mine = np.flatnonzero(taken)
        self.phi[mine] = self.network._phi(self.network.layers[0].units(np.ascontiguousarray(x[mine])))
        self.inner[mine] = self._summed(mine)
        self.h[mine] = self.network._scale * overlaps(self.inner[mine], self._weights)


__all__ = ["ThreeLayerNetwork"]
