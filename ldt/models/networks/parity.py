r"""Two relu layers and the 2-parity y = x_1 x_2, x ~ N(0, I_d):  f(x) = sum_i a_i relu(w_i . x),  a_i ~ N(0, sigma_a^2/N),  w_i ~
N(0, sigma_w^2 I_d/d).  By Stein's identity

    <relu(w . x), x_1 x_2> = w_1 w_2 E[relu''(w . x)] = w_1 w_2/(sqrt(2 pi) |w|),

and <y, y> = 1.  A specialised neuron has w along (1, 1) or (1, -1), so that no one direction is the target's.  (derived here)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ldt.models.networks.additive import AdditiveNetwork
from ldt.models.networks.base import Array, Layer, field_integer, field_positive


@dataclass(frozen=True)
class ParityNetwork(AdditiveNetwork):
    """All N(d + 1) weights of the relu network with target x_1 x_2; ``c`` multiplies A = <f, y>.

    >>> ParityNetwork(width=6, dim=4).dimension
    30
    """

    architecture: ClassVar[str] = "parity"

    width: int
    dim: int
    readout_variance: float = 1.0
    weight_variance: float = 1.0
    c: float = 1.0
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "width", field_integer("width", self.width, 1, 10_000))
        put(self, "dim", field_integer("dim", self.dim, 2, 10_000))
        for name in ("readout_variance", "weight_variance", "c"):
            put(self, name, field_positive(name, getattr(self, name)))

    @property
    def hidden(self) -> int:
        return self.width * self.dim

    @property
    def readouts(self) -> int:  # type: ignore[override]
        return self.width

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (Layer("neurons", 0, self.width, self.dim),)

    @property
    def prefactor(self) -> float:
        """What <f, y> is multiplied by."""
        return self.c

    def unit_features(self, block: Array) -> Array:
        scale = self.c * math.sqrt(self.readout_variance * self.weight_variance / (2.0 * math.pi * self.dim * self.width))
        return np.asarray(scale * block[:, 0] * block[:, 1] / np.linalg.norm(block, axis=1))[:, None]

    @property
    def name(self) -> str:
        return f"relu network, N = {self.width}, d = {self.dim}, x_1 x_2, c = {self.c:.10g}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "architecture": self.architecture, "width": self.width, "dim": self.dim, "c": self.c, "prefactor": self.c,
            "readout_variance": self.readout_variance, "weight_variance": self.weight_variance, "dimension": self.dimension,
        }  # fmt: skip


__all__ = ["ParityNetwork"]
