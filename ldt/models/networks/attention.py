r"""Softmax attention as in Rubin, Davidovich, Ringel, arXiv 2512.04165 (theory section 5):

    f = L^(-1/2) sum_h sum_ab softmax_b(x^a' A_h x^b) w_h . x^b,   entries of A_h ~ N(0, 1/d^2),  w_h ~ N(0, I/(d H)),
    y = (L (L - 1))^(-1/2) sum_(a != b) x_1^a x_2^b x_3^b,         tokens x^1..x^L ~ N(0, I_d).

(The talk writes exp(-x' A x) and puts the indices elsewhere.)  <y, y> = 1.  f is linear in the w_h, so A = sum_h w_h . u_h with
u_h = (L - 1)^(-1/2) E[v Y], v = sum_b p_b x^b the output of token 1 (the tokens are exchangeable), Y = sum_(a != b) x_1^a x_2^b x_3^b.

The average over the data.  Given token 1 = q, the logits of the others are k . x^b, k = A' q, and involve x^b along k only: t_b =
x^b . K, K = k/|k|; its own logit is |k| a, a = q . K.  The average over the rest of x^b is taken in closed form: with t, e, z = He_1..3(t)
and M = (0, K_3, K_2, 0..),

    E[x^b_1] = K_1 t,  E[x^b_2 x^b_3] = K_2 K_3 e,  E[x^b_i x^b_1] = d_i1 + K_i K_1 e,  E[x^b_i x^b_2 x^b_3] = K_i K_2 K_3 z + M_i t,

and that over the t_b comes from a table in (a, |k|) (ldt.models.networks.softmax_keys), which leaves q: d dimensions, for scrambled Sobol
points.  Control variate: the softmax to first order in A, g (1 + l_b - mean l)/L, whose average is known exactly: the zeroth order gives
0, the first (the leading order of theory section 5, and its 1/L corrections)

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
from ldt.models.networks.points import FINER, field_points, normal_columns
from ldt.models.networks.softmax_keys import ROOM, interpolate, key_table
from ldt.numerics.compiled import compiled

BATCH = 64  # points at a time, the least number of points


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
    Cost: of one network, H (d^2 + 200) multiplications at each of the points; once, half a second for the table of L.
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
    points: int = 512
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
        points = normal_columns(self.dim, self.points, self.scramble)
        table = key_table(self.length, math.ceil(math.sqrt(self.dim)) + 5)
        a = np.ascontiguousarray(block) / self.dim
        scale = self.c / math.sqrt((self.length - 1) * self.dim * self.heads)
        return scale * head_overlaps(a.reshape(-1, self.dim, self.dim), points, table, self.length)

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
def head_overlaps(matrices: Array, points: Array, table: Array, length: int) -> Array:
    """E[v Y] for every matrix A (n, d, d) over ``points`` (d, m), m a multiple of BATCH: shape (n, d).  See the head of this file."""
    n, d, m = matrices.shape[0], matrices.shape[1], points.shape[1]
    keys = float(length - 1)
    ratio = keys / length
    out = np.zeros((n, d))
    k = np.empty((d, BATCH))
    own, beta, inverse = np.empty(BATCH), np.empty(BATCH), np.empty(BATCH)
    f = np.empty((BATCH, ROOM))
    along_q, along_k = np.empty(BATCH), np.empty(BATCH)
    for index in range(n):
        a, total = matrices[index], out[index]
        norm = 0.0
        for i in range(d):
            for j in range(d):
                norm += a[i, j] * a[i, j]
        first = 1.0 / (1.0 + (norm / (2.0 * math.log(length))) ** 2)
        for start in range(0, m, BATCH):
            q = points[:, start : start + BATCH]
            own[:] = 0.0
            beta[:] = 0.0
            for j in range(d):
                kj, qj = k[j], q[j]
                kj[:] = 0.0
                for i in range(d):
                    factor, qi = a[i, j], q[i]
                    for s in range(BATCH):
                        kj[s] += factor * qi[s]
                for s in range(BATCH):
                    own[s] += kj[s] * qj[s]
                    beta[s] += kj[s] * kj[s]
            for s in range(BATCH):
                beta[s] = math.sqrt(beta[s])
                inverse[s] = np.divide(1.0, beta[s] + 1e-300)  # no check for 0, so that the loop vectorises
                own[s] *= inverse[s]
            interpolate(table, own, beta, f)
            t0, t1, t2 = 0.0, 0.0, 0.0
            for s in range(BATCH):
                k1, k2, k3 = k[0, s] * inverse[s], k[1, s] * inverse[s], k[2, s] * inverse[s]
                k23, q1, q23 = k2 * k3, q[0, s], q[1, s] * q[2, s]
                # The control variate taken off: the zeroth order ratio of sum r, and the first order in A.
                order = first * beta[s] * ratio / length
                own_t = f[s, 0] + order
                key_0 = f[s, 3] - ratio + order * own[s]
                key_t = f[s, 4] - order * keys
                along_q[s] = q1 * k23 * f[s, 1] + q23 * k1 * own_t + k1 * k23 * f[s, 2]
                along_k[s] = (q1 * k23 * f[s, 7] + q23 * k1 * f[s, 5] + k1 * k23 * f[s, 9]) * inverse[s]
                mixed = q1 * key_t + k1 * f[s, 6]
                t0 += q23 * key_0 + k23 * f[s, 8]
                t1 += mixed * k3
                t2 += mixed * k2
            total[0] += t0
            total[1] += t1
            total[2] += t2
            for i in range(d):
                x = 0.0
                for s in range(BATCH):
                    x += along_q[s] * q[i, s] + along_k[s] * k[i, s]
                total[i] += x
        for i in range(d):
            total[i] /= m
        total[0] -= first * ratio / length * (a[1, 2] + a[2, 1])
        total[1] += first * ratio * (ratio * a[0, 2] - a[2, 0] / length)
        total[2] += first * ratio * (ratio * a[0, 1] - a[1, 0] / length)
    return out


__all__ = ["AttentionNetwork"]
