r"""The exponent of a minimised posynomial, exactly: a linear program over exponents, solved by its finitely many bases.

With every size and every parameter a power of one large base, a sum grows as its largest term, so that the exponent of
min F over the parameters x, subject to monomials >= 1, is

    E(b) = min over x, t of t   subject to   t >= c_k(b) + a_k.x  (terms),   g_j(b) + h_j.x >= 0  (bounds),

where c_k and g_j are linear in the sizes' exponents b.  By duality E(b) = max over the vertices v of the dual polytope
{lambda, mu >= 0: sum lambda = 1, sum lambda_k a_k = sum mu_j h_j} of v.(c, -g)(b): a *maximum of finitely many linear forms*, each of
them a monomial in the sizes.  The polytope does not depend on b, so its vertices, found once by solving every square subsystem in
rational arithmetic, give the exponent at any sizes, the optimum's value as a formula and the phase boundaries.
At given sizes, programs of more than FEW_BASES subsystems are solved by the simplex method on the dual, in rationals and with Bland's
rule; those of more than MOST_BASES can only be solved so.
Source: strong duality of linear programs (e.g. Schrijver 1986, section 7.4; the simplex method: chapter 11).
Validity: E is finite where the program has a feasible optimum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations

from ldt.errors import ModelError
from ldt.numerics.posynomials import Monomial

Matrix = list[list[Fraction]]
FEW_BASES = 300  # two hidden layers have up to 126, three 1716
MOST_BASES = 2000


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
    def rows(self) -> tuple[tuple[list[Fraction], Monomial], ...]:
        """(a, right) of every constraint a.(x, t) >= right, right a monomial in the sizes; bounds first."""
        bounds = [([b.power_of(s) for s in self.parameters] + [Fraction(0)], self._rest(b) ** -1) for b in self.bounds]
        terms = [([-k.power_of(s) for s in self.parameters] + [Fraction(1)], self._rest(k)) for k in self.terms]
        return tuple(bounds + terms)

    @cached_property
    def bases(self) -> int:
        """How many square subsystems there are."""
        return math.comb(len(self.rows), len(self.parameters) + 1)

    @cached_property
    def vertices(self) -> tuple[Vertex, ...]:
        """Every basis whose multipliers are not negative; ModelError where there are too many to list."""
        if self.bases > MOST_BASES:
            raise ModelError(f"cost: {len(self.parameters)} parameters are too many to list its bases; exponents at given widths exist")
        found = []
        for chosen in combinations(range(len(self.rows)), len(self.parameters) + 1):
            vertex = self._vertex(chosen) if chosen[-1] >= len(self.bounds) else None
            if vertex is not None:
                found.append(vertex)
        if not found:
            raise ModelError("cost: has no optimum: it falls without end as a parameter grows")
        return tuple(found)

    def _vertex(self, chosen: Sequence[int]) -> Vertex | None:
        """The vertex of a basis; None where it is singular or a multiplier negative."""
        n = len(self.parameters)
        unit = [[Fraction(int(i == j)) for j in range(n + 1)] for i in range(n + 1)]
        inverse = solve([self.rows[i][0] for i in chosen], unit)
        if inverse is None or any(v < 0 for v in inverse[n]):
            return None
        right = [self.rows[i][1] for i in chosen]
        solved = [_combine(weights, right) for weights in inverse]
        return Vertex(solved[n], tuple(zip(self.parameters, solved[:n], strict=True)), sum(i < len(self.bounds) for i in chosen))

    def best(self, sizes: Mapping[str, Fraction], raised: Sequence[str] = ()) -> Vertex:
        """The vertex that is the optimum at these sizes; of several, one where the powers of ``raised`` parameters have the largest sum."""
        n = len(self.parameters)
        value = [right.exponent(sizes) for _, right in self.rows]
        # Dual: max value.v, v >= 0, sum_i v_i a_i = e_t - eps sum of raised; the right side is a pair, compared lexicographically.
        equations = [[a[k] for a, _ in self.rows] for k in range(n + 1)]
        wanted = [(Fraction(int(k == n)), Fraction(-int(k < n and self.parameters[k] in raised))) for k in range(n + 1)]
        basis = _simplex(equations, wanted, value)
        vertex = None if basis is None else self._vertex(sorted(basis))
        if vertex is None:
            raise ModelError("cost: has no optimum: it falls without end as a parameter grows")
        return vertex

    @cached_property
    def values(self) -> tuple[Monomial, ...]:
        """The monomials in the sizes of which the largest is the optimum's value."""
        return tuple({v.value.shape: v.value for v in self.vertices}.values())

    def exponent(self, sizes: Mapping[str, Fraction]) -> Fraction:
        """E at sizes that are the base to these powers."""
        if self.bases > FEW_BASES:
            return self.best(sizes).value.exponent(sizes)
        return max(v.exponent(sizes) for v in self.values)

    def at(self, sizes: Mapping[str, Fraction], natural: Sequence[str] = (), raised: Sequence[str] = ()) -> Optimum:
        """The exponent and an optimum: where several do, one with the ``natural`` parameters at 1 and the others off their bounds (of a
        program with many bases, one where these and the ``raised`` parameters are large).

        ModelError where the bounds exclude each other at these sizes.
        """
        vertices = self.vertices if self.bases <= FEW_BASES else (self.best(sizes, (*natural, *raised)),)
        exponent = max(vertex.value.exponent(sizes) for vertex in vertices)
        best: tuple[tuple[int, int], Vertex, dict[str, Fraction]] | None = None
        for vertex in vertices:
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


def _simplex(
    equations: Sequence[Sequence[Fraction]], wanted: Sequence[tuple[Fraction, Fraction]], value: Sequence[Fraction]
) -> list[int] | None:
    """A basis of max value.v over v >= 0 with equations v = wanted (a right side of pairs: the second entries are infinitesimal).

    Two phases, Bland's rule.  None where nothing is feasible, or the value unbounded.
    """
    m, n = len(equations), len(value)
    rows: list[list[Fraction]] = []
    for k, (row, (b, eps)) in enumerate(zip(equations, wanted, strict=True)):
        sign = -1 if (b, eps) < (Fraction(0), Fraction(0)) else 1
        rows.append([*(sign * v for v in row), *(Fraction(int(j == k)) for j in range(m)), sign * b, sign * eps])
    basis = list(range(n, n + m))

    def pivot(i: int, j: int) -> None:
        scale = rows[i][j]
        rows[i] = [v / scale if v else v for v in rows[i]]
        for k in range(m):
            factor = rows[k][j]
            if k != i and factor:
                rows[k] = [v - factor * w if w else v for v, w in zip(rows[k], rows[i], strict=True)]
        basis[i] = j

    def climb(gain: Sequence[Fraction], columns: int) -> bool:
        while True:
            prices = [gain[j] for j in basis]
            enter = next(
                (
                    j
                    for j in range(columns)
                    if j not in basis and gain[j] > sum((p * r[j] for p, r in zip(prices, rows, strict=True) if p and r[j]), Fraction(0))
                ),
                None,
            )
            if enter is None:
                return True
            ratios = [((r[-2] / r[enter], r[-1] / r[enter]), basis[i], i) for i, r in enumerate(rows) if r[enter] > 0]
            if not ratios:
                return False
            pivot(min(ratios)[2], enter)

    climb([Fraction(0)] * n + [Fraction(-1)] * m, n + m)
    if any(j >= n and (r[-2] or r[-1]) for j, r in zip(basis, rows, strict=True)):
        return None
    for i in range(m):  # what is left of the first phase is at 0, and leaves
        if basis[i] >= n:
            column = next((j for j in range(n) if rows[i][j] and j not in basis), None)
            if column is None:
                return None
            pivot(i, column)
    return basis if climb(list(value), n) else None


def _combine(weights: Sequence[Fraction], monomials: Sequence[Monomial]) -> Monomial:
    """The product of the monomials to these powers."""
    product = Monomial()
    for weight, monomial in zip(weights, monomials, strict=True):
        if weight:
            product = product * monomial**weight
    return product


__all__ = ["Optimum", "Program", "Vertex", "solve"]
