r"""Networks whose V = |h|^2 is a sum over hidden units: two layers, convolutions, attention heads.  One unit's move then costs one
unit's evaluation.

* ``TwoLayerNetwork``: f = sum_i a_i phi(w_i . x), all N(d + 1) weights; the features are h_i = c sigma_a g(w_i)/sqrt N with the
  full overlap g of ``AlignmentSum``, in closed form.
* ``ConvolutionalNetwork``: N_w patches of size S, C channels, f = sum_ic a_ic phi(w_c . x_i), a_ic ~ N(0, sigma_a^2/(N_w C)),
  w_c ~ N(0, sigma_w^2 I_S/S), teacher y = sum_i a*_i y_k He_k(w* . x_i), a*_i = N_w^(-1/2), w* = e_1.  Patches are independent and He_k
  has mean zero, so <f, y> = sum_ic a_ic a*_i <phi(w_c . x), y(x_1)> exactly: h_ic = c sigma_a a*_i g(w_c)/sqrt(N_w C).  Its law is that
  of an AlignmentSum with N = C, d = S and readout variance sigma_a^2/N_w (full overlap), which tests use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ldt.errors import ModelError
from ldt.models.alignment import AlignmentSum
from ldt.models.networks.base import Array, Layer, ReadoutNetwork, State, field_integer, field_positive
from ldt.numerics.compiled import compiled


class ClosedForm(NamedTuple):
    """A unit's share of V for compiled loops: strength g^2 at the weights w = scale z, with q = |w| and the target's ``degrees`` k,
    g = sum_k y_k u^k, u = w_1/sqrt(1 + 2 q^2) (``erf``), or q sum_k y_k (w_1/q)^k."""

    erf: bool
    scale: float
    strength: float
    degrees: Any
    coefficients: Array


@compiled
def unit_share(form: ClosedForm, first: float, square: float) -> float:
    """The share of V of a unit whose parameters z have z_1 = ``first`` and |z|^2 = ``square``."""
    w = form.scale * first
    q2 = form.scale * form.scale * square
    if form.erf:
        u = w / math.sqrt(1.0 + 2.0 * q2)
    else:
        u = w / math.sqrt(q2) if q2 > 0.0 else 0.0
    g = 0.0
    for k in range(form.degrees.size):
        power = form.coefficients[k]
        for _ in range(form.degrees[k]):
            power *= u
        g += power
    return form.strength * g * g * (1.0 if form.erf else q2)


class AdditiveNetwork(ReadoutNetwork):
    """V = sum over the units of one layer; subclasses give ``layers`` (one) and ``unit_features`` (n, size) -> (n, r).

    ``closed_form`` says what a unit's share of V is, if that is known in closed form: its moves then run in compiled loops.
    """

    closed_form: ClosedForm | None = None

    def unit_features(self, block: Array) -> Array:
        """The features that one unit makes, (n, size) -> (n, readouts/count)."""
        raise NotImplementedError

    def features(self, x: Array) -> Array:
        """All units' features, unit by unit."""
        (layer,) = self.layers
        found = self.unit_features(np.ascontiguousarray(layer.units(x)).reshape(-1, layer.size))
        return np.asarray(found.reshape(len(x), self.readouts))

    def state(self, x: Array, q: Array | None = None) -> AdditiveState:
        """Chains that remember every unit's share of V."""
        return AdditiveState(self, x, q)


class AdditiveState(State):
    """Chains that remember every unit's share of V."""

    arrays: ClassVar[tuple[str, ...]] = ("x", "q", "share")
    network: AdditiveNetwork

    def __init__(self, network: AdditiveNetwork, x: Array, q: Array | None = None) -> None:
        self.network, self.x = network, x
        (self.layer,) = network.layers
        self.share = self._shares(x)
        self.q = self.share.sum(axis=1) if q is None else q

    def _shares(self, x: Array) -> Array:
        features = self.network.features(x)
        each = features.shape[1] // self.layer.count
        return np.asarray(np.sum(features.reshape(len(x), self.layer.count, each) ** 2, axis=2))

    def unit(self, layer: Layer, rows: Any, j: Any, block: Array) -> Array:
        features = self.network.unit_features(block.reshape(-1, layer.size))
        self._new = np.sum(features * features, axis=1).reshape(j.shape)
        # Summed afresh rather than corrected by differences, so that no rounding accumulates.
        share = self.share[rows]
        share[np.arange(len(rows))[:, None], j] = self._new
        self._pending = share.sum(axis=1)
        return self._pending

    def accept(self, layer: Layer, rows: Any, j: Any, block: Array, taken: Any) -> None:
        super().accept(layer, rows, j, block, taken)
        self.share[rows[taken, None], j[taken]] = self._new[taken]

    def replace(self, x: Array, taken: Any, q: Array) -> None:
        super().replace(x, taken, q)
        self.share[taken] = self._shares(x[taken])


@dataclass(frozen=True, kw_only=True)
class OverlapNetwork(AdditiveNetwork):
    """Units whose overlap is that of the neurons of an AlignmentSum (full overlap); subclasses say their ``shape``."""

    unit_name: ClassVar[str]

    readout_variance: float = 1.0
    weight_variance: float = 1.0
    c: str | float = "talk"
    target: Any = 3
    activation: Any = "erf"
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", self.sum.target)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(units, parameters of each, readouts of each), the latter with equal shares of the unit's overlap."""
        raise NotImplementedError

    @cached_property
    def sum(self) -> AlignmentSum:
        """The law of A as a sum over units: it knows the exact answer."""
        units, size, each = self.shape
        share = field_positive("readout_variance", self.readout_variance) / each
        return AlignmentSum(units, size, share, self.weight_variance, self.c, self.target, self.activation, overlap="full")

    @property
    def hidden(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def readouts(self) -> int:  # type: ignore[override]
        return self.shape[0] * self.shape[2]

    @property
    def layers(self) -> tuple[Layer, ...]:
        units, size, _ = self.shape
        return (Layer(self.unit_name, 0, units, size, (1.0, *[0.0] * (size - 1))),)

    @property
    def prefactor(self) -> float:
        """The number |c| that multiplies the unit overlap."""
        return self.sum.prefactor

    def unit_features(self, block: Array) -> Array:
        scale = self.sum.weight_variance / self.sum.dim
        rho = scale * np.einsum("nd,nd->n", block[:, 1:], block[:, 1:])
        g = self.sum.unit_overlap(np.sqrt(scale) * block[:, 0], rho)
        each = self.shape[2]
        return np.repeat((np.sqrt(2.0 * self.sum.variance_scale / each) * g)[:, None], each, axis=1)

    @cached_property
    def closed_form(self) -> ClosedForm | None:  # type: ignore[override]
        known = self.sum.closed_form
        if known is None:
            return None
        strength, scale = 2.0 * self.sum.variance_scale, math.sqrt(self.sum.weight_variance / self.sum.dim)
        return ClosedForm(self.sum.activation == "erf", scale, strength, *(np.array(part) for part in known))


@dataclass(frozen=True)
class TwoLayerNetwork(OverlapNetwork):
    """All N(d + 1) weights of a two-layer network, as a black box whose exact answer is known (``sum``).

    Parameters
    ----------
    width, dim : int
        N and d, 1 (2) to 10,000.
    readout_variance, weight_variance, c, target, activation
        As for ``AlignmentSum``, with overlap 'full'; by name only.

    Raises
    ------
    ModelError
        As ``AlignmentSum``, naming the field.

    Notes
    -----
    Given the hidden weights A ~ N(0, V), V = sum_i h_i^2 with h_i = c sigma_a g(w_i)/sqrt N.
    A is in the units that ``c`` sets, log P in nats.
    Cost: of one network, N (d + 1) multiplications; no average over data.
    Source: [S]; docs/theory.md, section 2, docs/networks.md, section "Shipped".

    Examples
    --------
    >>> network = TwoLayerNetwork(width=20, dim=20)
    >>> network.dimension, network.sum.overlap
    (420, 'full')
    """

    architecture: ClassVar[str] = "two_layer"
    unit_name: ClassVar[str] = "neurons"

    width: int
    dim: int

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("dim", 2)):
            object.__setattr__(self, name, field_integer(name, getattr(self, name), least, 10_000))
        super().__post_init__()

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.width, self.dim, 1)

    @property
    def name(self) -> str:
        return f"two-layer network, all {self.dimension} weights, {self.sum.name}"

    def to_dict(self) -> dict[str, Any]:
        known = {k: v for k, v in self.sum.to_dict().items() if k != "overlap"}
        return known | {"kind": self.kind, "architecture": self.architecture, "dimension": self.dimension}


@dataclass(frozen=True)
class ConvolutionalNetwork(OverlapNetwork):
    """A convolutional network on non-overlapping patches, linear or not, with a teacher of one filter.

    Parameters
    ----------
    channels, patch, patches : int
        C, S and N_w; the input has dimension d = N_w S.
    readout_variance, weight_variance : float
        a_ic ~ N(0, readout_variance/(N_w C)), w_c ~ N(0, weight_variance I_S/S).
    c, target, activation
        As for ``AlignmentSum``; the target's polynomial acts on w* . x_i and needs mean zero (no degree 0).

    Raises
    ------
    ModelError
        Naming the field: sizes out of range, a target of degree 0, a target without overlap.

    Notes
    -----
    <f, y> = sum_ic a_ic a*_i <phi(w_c . x), y> exactly, so that the law is an AlignmentSum's: N = C, d = S, readout variance sigma_a^2/N_w.
    A is in the units that ``c`` sets, log P in nats.
    Cost: of one network, C filters of S weights; no average over data.
    Source: [P]; docs/theory.md, section 8, docs/networks.md.

    Examples
    --------
    >>> ConvolutionalNetwork(channels=5, patch=6, patches=4).dimension
    50
    """

    architecture: ClassVar[str] = "cnn"
    unit_name: ClassVar[str] = "channels"

    channels: int
    patch: int
    patches: int

    def __post_init__(self) -> None:
        for name, least in (("channels", 1), ("patch", 2), ("patches", 1)):
            object.__setattr__(self, name, field_integer(name, getattr(self, name), least, 10_000))
        super().__post_init__()
        if any(k == 0 for k, _ in self.target):
            raise ModelError("target: the teacher of a convolutional network needs degrees of 1 or more")

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.channels, self.patch, self.patches)  # sum_i a*_i^2 = 1 over the patches

    @property
    def name(self) -> str:
        shape = f"C = {self.channels}, S = {self.patch}, N_w = {self.patches}"
        return f"convolutional network, {shape}, {self.sum.activation_name}, {self.sum.target_name}, c = {self.prefactor:.10g}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "architecture": self.architecture, "channels": self.channels, "patch": self.patch, "patches": self.patches,
            "readout_variance": self.readout_variance, "weight_variance": self.weight_variance, "c": self.c, "prefactor": self.prefactor,
            "target": {str(k): y for k, y in self.target}, "activation": self.sum.activation_name, "dimension": self.dimension,
        }  # fmt: skip


__all__ = ["AdditiveNetwork", "ClosedForm", "ConvolutionalNetwork", "OverlapNetwork", "TwoLayerNetwork", "unit_share"]
