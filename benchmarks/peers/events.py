"""The events that every package is asked for: P(A >= level), A a function of standard normals.

``scores`` is what a black box sees: rows of ``dimension`` standard normals to A.  ``truth`` is proved, by ball arithmetic: ldt's certified
method for alignments and cubes (benchmarks/peers/numeric_rows.py has an independent quadrature of the first), closed forms and FLINT's
quadrature for the sums, which share nothing with ldt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Event:
    """P(A >= level); ``kind`` says how ``sizes`` are read, ``rough`` names P for the reader."""

    kind: str  # concentrated, full: (N, d); cubes: (N,); chisquares: (weights, degrees of freedom); gammas: (n, shape, scale)
    sizes: tuple[Any, ...]
    level: float

    @property
    def name(self) -> str:
        if self.kind == "chisquares":
            weights, dof = self.sizes
            what = "6, 3, 1" if len(weights) == 3 else f"1/j^2, j = 1..{len(weights)}"
            return f"chi-squares, weights {what}, {dof} dof each, level {self.level:g}"
        if self.kind == "gammas":
            return "{} gamma({}, scale={})".format(*self.sizes) + f", level {self.level:g}"
        what = {"concentrated": "concentrated overlap, N = d =", "full": "full overlap, N = d =", "cubes": "cubes, N ="}[self.kind]
        return f"{what} {self.sizes[0]}, level {self.level:g}"

    @property
    def dimension(self) -> int:
        """Standard normals behind A: readouts and first weights, or all weights; one a cube, a degree of freedom, a gamma."""
        if self.kind == "chisquares":
            return len(self.sizes[0]) * int(self.sizes[1])
        n = self.sizes[0]
        return {"concentrated": 2 * n, "full": n * (self.sizes[-1] + 1), "cubes": n, "gammas": n}[self.kind]

    def scores(self, x: np.ndarray) -> np.ndarray:
        """A of each row of x, shape (rows, dimension)."""
        if self.kind == "cubes":
            return np.sum(x**3, axis=1) / math.sqrt(15.0 * self.sizes[0])
        if self.kind == "chisquares":
            weights, dof = self.sizes
            return (x * x).reshape(len(x), len(weights), dof).sum(axis=2) @ np.array(weights)
        if self.kind == "gammas":
            from scipy.special import gammainccinv, gammaincinv, ndtr

            _, shape, scale = self.sizes
            terms, up = np.empty_like(x), x > 0.0
            terms[up], terms[~up] = gammainccinv(shape, ndtr(-x[up])), gammaincinv(shape, ndtr(x[~up]))  # finite far out, too
            return scale * np.sum(terms, axis=1)
        n, d = self.sizes
        a = x[:, :n] / math.sqrt(n)
        if self.kind == "concentrated":
            w = x[:, n:] / math.sqrt(d)
            return np.sum(a * w**3 / (3.0 + 2.0 * w * w) ** 1.5, axis=1)
        z = x[:, n:].reshape(len(x), n, d)
        w = z[:, :, 0] / math.sqrt(d)
        return np.sum(a * w**3 / (1.0 + 2.0 / d * np.einsum("ijk,ijk->ij", z, z)) ** 1.5, axis=1)

    def start(self) -> np.ndarray:
        """The design point that theory knows (docs/theory.md), where FORM starts: three neurons specialise; one cube; the sums' own."""
        x = np.zeros(self.dimension)
        if self.kind == "concentrated":
            n, d = self.sizes
            x[:3], x[n : n + 3] = 27.0**0.5 * self.level * math.sqrt(n) / 3.0, math.sqrt(3.0 * d)
        elif self.kind == "full":
            n, d = self.sizes
            x[:3], x[n : n + 3 * d : d] = 1.0, math.sqrt(2.1606 * d)
            x[:3] *= self.level / self.scores(x[None])[0]
        elif self.kind == "cubes":
            x[0] = (self.level * math.sqrt(15.0 * self.sizes[0])) ** (1.0 / 3.0)
        elif self.kind == "chisquares":
            x[0] = math.sqrt(self.level / self.sizes[0][0])
        else:
            n, shape, scale = self.sizes
            from scipy import stats

            x[:] = stats.norm.isf(stats.gamma.sf(self.level / n, shape, scale=scale))
        return x

    def model(self) -> Any:
        """The same as a model of ldt."""
        import ldt

        if self.kind in ("concentrated", "full"):
            return ldt.AlignmentSum(*self.sizes, overlap=self.kind)
        if self.kind == "cubes":
            return ldt.CubicSum(*self.sizes)
        if self.kind == "chisquares":
            return ldt.WeightedSum.chi2(self.sizes[0], float(self.sizes[1]))
        n, shape, scale = self.sizes
        return ldt.IidSum(ldt.parse_law(f"gamma({shape}, scale={scale})"), n)

    def truth(self) -> str:
        """log P to 30 digits after the point; 45 digits where that takes no more than a closed form."""
        from flint import arb, ctx

        if self.kind in ("concentrated", "full", "cubes"):
            import ldt

            return str(ldt.tail(self.model(), self.level, method="certified", digits=30).detail.ball)
        ctx.prec = 400
        if self.kind == "gammas":
            n, shape, scale = self.sizes
            return str((arb(self.level) / scale).gamma_upper(arb(n * shape), 1).log().str(45))
        return str(self._chisquares().str(45))

    def _chisquares(self) -> Any:
        """Two degrees of freedom: partial fractions.  One: Imhof's integrand on a contour right of 0, by FLINT's proved quadrature."""
        from flint import acb, arb

        weights, dof = [arb(w) for w in self.sizes[0]], self.sizes[1]
        x = arb(self.level)
        if dof == 2:
            value = arb(0)
            for j, mine in enumerate(weights):
                value += math.prod((mine / (mine - v) for i, v in enumerate(weights) if i != j), start=(-x / (2 * mine)).exp())
            return value.log()
        s0 = 0.3 / weights[0]  # from there up, and out to the right, where exp(-8 x) ends it

        def integrand(t: Any, _: bool) -> Any:
            s = s0 + t
            value = (-s * x).exp() / s
            for w in weights:
                value /= (1 - 2 * w * s).sqrt()
            return value

        goal = arb(10) ** -60
        up = acb.integral(integrand, acb(0), acb(0, 2), abs_tol=goal, rel_tol=goal)
        out = acb.integral(integrand, acb(0, 2), acb(8, 8), abs_tol=goal, rel_tol=goal)
        return ((up + out).imag / arb.pi()).log()


def _two_layer(kind: str, levels: dict[int, tuple[float, ...]]) -> list[Event]:
    return [Event(kind, (n, n), level) for n, several in levels.items() for level in several]


SIXES = ((6.0, 3.0, 1.0), 2)
SQUARES = (tuple(1.0 / j**2 for j in range(1, 21)), 1)
#: Levels of P = 1e-3, 1e-8 (to three digits) and 1.
EVENTS: list[Event] = [
    *_two_layer("concentrated", {5: (0.144, 0.427, 1.0), 20: (0.0278, 0.0919, 1.0), 50: (0.00751, 0.0254, 1.0)}),
    *_two_layer("full", {5: (0.555, 1.0), 20: (0.113, 1.0)}),
    Event("cubes", (100,), 3.0), Event("cubes", (100,), 8.0),
    Event("chisquares", SIXES, 100.0), Event("chisquares", SIXES, 300.0), Event("chisquares", SQUARES, 20.0),
    Event("gammas", (100, 2, 3), 800.0), Event("gammas", (100, 2, 3), 1500.0),
]  # fmt: skip

#: log P (as text where a double would hide digits), its reported error in nats (nan: none), calls of the limit state or nodes (0: unknown).
Answer = tuple[float | str, float, int]
Row = Callable[[Event, int], Answer]
