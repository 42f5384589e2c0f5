r"""Softmax attention as in Rubin, Davidovich, Ringel, arXiv 2512.04165 (theory section 5):

    f = L^(-1/2) sum_h sum_ab softmax_b(x^a' A_h x^b) w_h . x^b,   entries of A_h ~ N(0, 1/d^2),  w_h ~ N(0, I/(d H)),
    y = (L (L - 1))^(-1/2) sum_(a != b) x_1^a x_2^b x_3^b,         tokens x^1..x^L ~ N(0, I_d).

(The talk writes exp(-x' A x) and puts the indices elsewhere.)  <y, y> = 1.  f is linear in the w_h, so A = sum_h w_h . u_h with
u_h = (L - 1)^(-1/2) E[v Y], v = sum_b p_b x^b the output of token 1 (the tokens are exchangeable), Y = sum_(a != b) x_1^a x_2^b x_3^b.

The average over the data.  Given token 1 = q, the logits of the others are k . x^b, k = A' q, and involve x^b along k only: t_b =
x^b . k/|k|. The average over the rest of x^b is taken in closed form: with K = k/|k|, Hermite polynomials He_1..3(t) = t, e, z and
M = (0, K_3, K_2, 0..),

    E[x^b_1] = K_1 t,  E[x^b_2 x^b_3] = K_2 K_3 e,  E[x^b_i x^b_1] = d_i1 + K_i K_1 e,  E[x^b_i x^b_2 x^b_3] = K_i K_2 K_3 z + M_i t,

which leaves d + L - 1 dimensions, for scrambled Sobol points.  Control variate: p_b less its expansion to first order in A, g (1 +
l_b - mean l)/L, whose average is known exactly: the zeroth order gives 0, the first (the leading order of theory section 5, and
its 1/L corrections)

    E[v Y]_1 = (L-1)^2/L^2 (A_12 e_3 + A_13 e_2) - (L-1)/L^2 [(A_23 + A_32) e_1 + A_31 e_2 + A_21 e_3],

with weight g = 1/(1 + (|A|^2/(2 log L))^2) on the first order, as it is of no use once the softmax saturates.
(derived here)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ldt.models.networks.additive import AdditiveNetwork
from ldt.models.networks.base import Array, Layer, field_integer, field_positive
from ldt.models.networks.points import FINER, field_points, normal_points
from ldt.numerics.compiled import compiled


@dataclass(frozen=True)
class AttentionNetwork(AdditiveNetwork):
    """All H (d^2 + d) weights of softmax attention with H heads on L tokens of dimension d.

    Parameters
    ----------
    dim, heads, length : int
        d (3 to 64), H (1 to 256) and L (2 to 4096).
    c : float
        Multiplies A = <f, y>; <y, y> = 1, so that 'raw', 'ratio' and 'orthonormal' are the same: 1.
    points : int
        Sobol points of the average over the data, a power of 2.

    Raises
    ------
    ModelError
        Naming the field that is out of range.

    Notes
    -----
    f = L^(-1/2) sum_h sum_ab softmax_b(x^a' A_h x^b) w_h . x^b; the talk places the indices elsewhere.
    The average over the data is over points; results say what that adds to their error (nats).
    Cost: of one network, H heads times ``points`` softmaxes over L tokens.
    Source: [P]; docs/networks.md, section "Shipped".

    Examples
    --------
    >>> AttentionNetwork(dim=8, heads=1, length=32).dimension
    72
    """

    architecture: ClassVar[str] = "attention"

    dim: int
    heads: int
    length: int
    c: float = 1.0
    points: int = 1024
    scramble: int = field(default=0, repr=False)
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "dim", field_integer("dim", self.dim, 3, 64))
        put(self, "heads", field_integer("heads", self.heads, 1, 256))
        put(self, "length", field_integer("length", self.length, 2, 4096))
        put(self, "points", field_points(self.points))
        put(self, "c", field_positive("c", self.c))

    @property
    def hidden(self) -> int:
        return self.heads * self.dim**2

    @property
    def readouts(self) -> int:  # type: ignore[override]
        return self.heads * self.dim

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (Layer("heads", 0, self.heads, self.dim**2),)

    @property
    def prefactor(self) -> float:
        """What <f, y> is multiplied by."""
        return self.c

    def unit_features(self, block: Array) -> Array:
        points = normal_points(self.dim + self.length - 1, self.points, self.scramble)
        a = np.ascontiguousarray(block) / self.dim
        scale = self.c / math.sqrt((self.length - 1) * self.dim * self.heads)
        return scale * head_overlaps(a.reshape(-1, self.dim, self.dim), points, self.length)

    def refined(self, seed: int) -> AttentionNetwork:
        """The same network on ``FINER`` times the points, scrambled anew."""
        return replace(self, points=FINER * self.points, scramble=self.scramble + 1 + seed)

    @property
    def name(self) -> str:
        return f"softmax attention, d = {self.dim}, H = {self.heads}, L = {self.length}, c = {self.c:.10g}, {self.points} points"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "architecture": self.architecture, "dim": self.dim, "heads": self.heads, "length": self.length, "c": self.c,
            "prefactor": self.c, "points": self.points, "dimension": self.dimension,
        }  # fmt: skip


@compiled
def head_overlaps(matrices: Array, points: Array, length: int) -> Array:
    """E[v Y] for every matrix A (n, d, d) over ``points`` (m, d + L - 1): shape (n, d).  See the head of this file."""
    n, d = matrices.shape[0], matrices.shape[1]
    keys = length - 1
    out = np.zeros((n, d))
    k = np.empty(d)
    r = np.empty(keys)
    for index in range(n):
        a = matrices[index]
        norm = 0.0
        for i in range(d):
            for j in range(d):
                norm += a[i, j] * a[i, j]
        first = 1.0 / (1.0 + (norm / (2.0 * math.log(length))) ** 2)
        total = out[index]
        for s in range(points.shape[0]):
            q = points[s, :d]
            t = points[s, d:]
            own = 0.0
            square = 0.0
            for j in range(d):
                k[j] = 0.0
                for i in range(d):
                    k[j] += q[i] * a[i, j]
                own += k[j] * q[j]
                square += k[j] * k[j]
            beta = math.sqrt(square)
            for j in range(d):
                k[j] = k[j] / beta if beta > 0.0 else 0.0
            top = own
            mean = own
            for b in range(keys):
                top = max(top, beta * t[b])
                mean += beta * t[b]
            mean /= length
            z = math.exp(own - top)
            for b in range(keys):
                r[b] = math.exp(beta * t[b] - top)
                z += r[b]
            # The softmax less its first-order expansion; for the token itself, then the keys.
            self_weight = math.exp(own - top) / z - (1.0 + first * (own - mean)) / length
            s1 = 0.0
            s2 = 0.0
            s3 = 0.0
            for b in range(keys):
                r[b] = r[b] / z - (1.0 + first * (beta * t[b] - mean)) / length
                e = t[b] * t[b] - 1.0
                s1 += t[b]
                s2 += e
                s3 += t[b] * e
            w1 = 0.0  # sum r
            wt = 0.0  # sum r t
            we = 0.0  # sum r e
            wz = 0.0  # sum r He_3
            cross = 0.0  # sum r times the pairs of three different tokens, and of two, that go with K_i K_1 K_2 K_3
            wte = 0.0  # sum r t e
            for b in range(keys):
                x = t[b]
                e = x * x - 1.0
                h3 = x * x * x - 3.0 * x
                w1 += r[b]
                wt += r[b] * x
                we += r[b] * e
                wz += r[b] * h3
                wte += r[b] * x * e
                cross += r[b] * (e * (s2 - e) + h3 * (s1 - x) + x * ((s1 - x) * (s2 - e) - (s3 - x * e)))
            k1 = k[0]
            k23 = k[1] * k[2]
            q1 = q[0]
            q23 = q[1] * q[2]
            pairs = wt * s1 - we - w1  # sum_b r_b t_b (S1 - t_b)
            ownpart = self_weight * (q1 * k23 * s2 + q23 * k1 * s1 + k1 * k23 * (s1 * s2 - s3))
            along = q1 * k23 * (wz + wt * s2 - wte) + q23 * k1 * (we + pairs) + k1 * k23 * cross
            mixed = q1 * wt + k1 * pairs
            for i in range(d):
                total[i] += ownpart * q[i] + along * k[i]
            total[0] += q23 * w1 + k23 * (w1 * s2 - we)
            total[1] += mixed * k[2]
            total[2] += mixed * k[1]
        for i in range(d):
            total[i] /= points.shape[0]
        ratio = keys / length
        total[0] -= first * ratio / length * (a[1, 2] + a[2, 1])
        total[1] += first * ratio * (ratio * a[0, 2] - a[2, 0] / length)
        total[2] += first * ratio * (ratio * a[0, 1] - a[1, 0] / length)
    return out


__all__ = ["AttentionNetwork"]
