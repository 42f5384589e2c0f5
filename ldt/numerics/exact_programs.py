r"""The exponent of a minimised posynomial, exactly: a linear program over exponents, solved by its finitely many bases.

With every size and every parameter a power of one large base, a sum grows as its largest term, so that the exponent of
min F over the parameters x, subject to monomials >= 1, is

    E(b) = min over x, t of t   subject to   t >= c_k(b) + a_k.x  (terms),   g_j(b) + h_j.x >= 0  (bounds),

where c_k and g_j are linear in the sizes' exponents b.  By duality E(b) = max over the vertices v of the dual polytope
{lambda, mu >= 0: sum lambda = 1, sum lambda_k a_k = sum mu_j h_j} of v.(c, -g)(b): a *maximum of finitely many linear forms*, each of
them a monomial in the sizes.  The polytope does not depend on b, so its vertices, found once by solving every square subsystem in
rational arithmetic, give the exponent at any sizes, the optimum's value as a formula and the phase boundaries.
Source: strong duality of linear programs (e.g. Schrijver 1986, section 7.4).
Validity: small programs (up to about 12 rows and 5 parameters); E is finite where the program has a feasible optimum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations

from ldt.errors import ModelError
from ldt.numerics.posynomials import Monomial

Matrix = list[list[Fraction]]


def solve(matrix: Sequence[Sequence[Fraction]], columns: Sequence[Sequence[Fraction]]) -> Matrix | None:
    """X with matrix X = columns by Gauss-Jordan elimination in rationals; None where the matrix is singular.

    >>> solve([[Fraction(2), Fraction(0)], [Fraction(1), Fraction(1)]], [[Fraction(4)], [Fraction(3)]])
    [[Fraction(2, 1)], [Fraction(1, 1)]]
    """
    n = len(matrix)
    rows = [[*a, *b] for a, b in zip(matrix, columns, strict=True)]
    for i in range(n):
        pivot = next((k for k in range(i, n) if rows[k][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        scale = rows[i][i]
        rows[i] = [v / scale if v else v for v in rows[i]]
        for k in range(n):
            factor = rows[k][i]
            if k != i and factor:
                rows[k] = [v - factor * w if w else v for v, w in zip(rows[k], rows[i], strict=True)]
    return [row[n:] for row in rows]


@dataclass(frozen=True)
class Vertex:
    """One basis: the optimum's ``value`` and each parameter's optimum as monomials in the sizes, where it is the right one, and
    how many bounds it makes tight."""

    value: Monomial
    optimum: tuple[tuple[str, Monomial], ...]
    tight: int = 0


@dataclass(frozen=True)
class Optimum:
    """The exponent at given sizes, the monomial that attains it, and the parameters as monomials and as exponents."""

    exponent: Fraction
    value: Monomial
    parameters: Mapping[str, Monomial]
    powers: Mapping[str, Fraction]


@dataclass(frozen=True)
class Program:
    """min over ``parameters`` of the largest of ``terms``, subject to ``bounds`` >= 1; coefficients are ignored.

    >>> from ldt.numerics.posynomials import parse, parse_monomial
    >>> cost = Program(parse("d*M + N/M").terms, (parse_monomial("M"),), ("M",))
    >>> [str(v) for v in cost.values]
    ['d', 'sqrt(d N)']
    >>> found = cost.at({"d": Fraction(1), "N": Fraction(3)})
    >>> found.exponent, str(found.parameters["M"])
    (Fraction(2, 1), 'sqrt(N/d)')
    """

    terms: tuple[Monomial, ...]
    bounds: tuple[Monomial, ...]
    parameters: tuple[str, ...]

    @cached_property
    def vertices(self) -> tuple[Vertex, ...]:
        """Every basis whose multipliers are not negative."""
        n = len(self.parameters)
        # One row (a, right side) a constraint: a.(x, t) >= right, right a monomial.
        rows = [([b.power_of(s) for s in self.parameters] + [Fraction(0)], self._rest(b) ** -1) for b in self.bounds]
        rows += [([-k.power_of(s) for s in self.parameters] + [Fraction(1)], self._rest(k)) for k in self.terms]
        unit = [[Fraction(int(i == j)) for j in range(n + 1)] for i in range(n + 1)]
        found = []
        for chosen in combinations(range(len(rows)), n + 1):
            if chosen[-1] < len(self.bounds):
                continue
            inverse = solve([rows[i][0] for i in chosen], unit)
            if inverse is None or any(v < 0 for v in inverse[n]):
                continue
            right = [rows[i][1] for i in chosen]
            solved = [_combine(weights, right) for weights in inverse]
            tight = sum(i < len(self.bounds) for i in chosen)
            found.append(Vertex(solved[n], tuple(zip(self.parameters, solved[:n], strict=True)), tight))
        if not found:
            raise ModelError("cost: has no optimum: it falls without end as a parameter grows")
        return tuple(found)

    @cached_property
    def values(self) -> tuple[Monomial, ...]:
        """The monomials in the sizes of which the largest is the optimum's value."""
        return tuple({v.value.shape: v.value for v in self.vertices}.values())

    def exponent(self, sizes: Mapping[str, Fraction]) -> Fraction:
        """E at sizes that are the base to these powers."""
        return max(v.exponent(sizes) for v in self.values)

    def at(self, sizes: Mapping[str, Fraction], natural: Sequence[str] = ()) -> Optimum:
        """The exponent and an optimum: where several do, one with the ``natural`` parameters at 1 and the others off their bounds.

        ModelError where the bounds exclude each other at these sizes.
        """
        exponent = self.exponent(sizes)
        best: tuple[tuple[int, int], Vertex, dict[str, Fraction]] | None = None
        for vertex in self.vertices:
            if vertex.value.exponent(sizes) != exponent:
                continue
            powers = dict(sizes) | {s: x.exponent(sizes) for s, x in vertex.optimum}
            if all(b.exponent(powers) >= 0 for b in self.bounds) and all(k.exponent(powers) <= exponent for k in self.terms):
                rank = (sum(bool(dict(vertex.optimum)[s].powers) for s in natural if s in self.parameters), vertex.tight)
                if best is None or rank < best[0]:
                    best = rank, vertex, powers
        if best is None:
            raise ModelError(f"widths: the bounds {', '.join(f'{b} >= 1' for b in self.bounds)} exclude each other at these sizes")
        _, vertex, powers = best
        return Optimum(exponent, vertex.value, dict(vertex.optimum), {s: powers[s] for s in self.parameters})

    def _rest(self, monomial: Monomial) -> Monomial:
        return monomial.bare().without(self.parameters)


def _combine(weights: Sequence[Fraction], monomials: Sequence[Monomial]) -> Monomial:
    """The product of the monomials to these powers."""
    product = Monomial()
    for weight, monomial in zip(weights, monomials, strict=True):
        if weight:
            product = product * monomial**weight
    return product


__all__ = ["Optimum", "Program", "Vertex", "solve"]
