"""Exact exponents: with target He_m and N = d^p, each pattern's cost is d^E with E rational.

Formulas, for g ~ w^m at small w and bounded at large w; w = d^x, M = d^y, D = d^z:
    GP               d^m                           E = m
    GFL              N (D - 1 - ln D) + (d/D)^m    E = m(p+1)/(m+1) at z = (m-p)/(m+1)              (p <= m)
                                                   E = m at z = 0                                   (p >= m)
    specialization   M d w^2 + N/(M w^(2m))        E = (m+p)/(m+1) at y = 0, x = (p-1)/(2(m+1))     (p <= 1)
                                                   E = (p+1)/2 at y = (p-1)/2, x = 0                (p >= 1)
    one neuron       the same at y = 0             E = (m+p)/(m+1) for p <= 1, p for p >= 1
Each sum grows as its largest term, so E is the least, over the free powers, of a maximum of affine functions.
*D >= 1*: at p > m the balance asks for D < 1.  The posynomial N D would then charge N for doing nothing, but
D - 1 - ln D vanishes at D = 1, so GFL becomes GP and its exponent stops at m, not at p.
*M >= 1*: at p < 1 the balance asks for less than one neuron.  M stays 1 and the weight shrinks instead,
w^2 = (N/d)^(1/(m+1)), which beats the fixed w = O(1) of d + N.
*M <= N* never binds, as (p-1)/2 < p.  At p > 1 larger weights only cost more where g is bounded (erf, tanh);
where g grows like w (relu, linear) one neuron at w^2 ~ (N/d)^(1/2) already reaches (p+1)/2.
Source: [S] for the patterns and d + N; [P] for the phases; the boundaries derived in docs/theory.md.
Validity: p >= 0.  Constants, logarithms and the entropy ln C(N, M) do not enter an exponent.
"""

from __future__ import annotations

from fractions import Fraction

from ldt.errors import ModelError
from ldt.patterns.two_layer import GFL, GP, ONE_NEURON, SPECIALIZATION

Rational = int | str | float | Fraction


def _arguments(m: int, p: Rational) -> tuple[int, Fraction]:
    if type(m) is not int or m < 1:
        raise ModelError(f"m: the Hermite degree must be an integer >= 1, got {m!r}")
    try:
        power = Fraction(str(p)) if isinstance(p, float) else Fraction(p)
    except (TypeError, ValueError, ZeroDivisionError):
        raise ModelError(f"p: N = d^p needs a rational number, got {p!r}") from None
    if isinstance(p, bool) or power < 0:
        raise ModelError(f"p: N = d^p >= 1 needs p >= 0, got {p!r}")
    return m, power


def exponents(m: int, p: Rational, *, fixed_weight: bool = False) -> dict[str, Fraction]:
    """{pattern: E}, cost ~ d^E at N = d^p, for target He_m; exact fractions (a float p is read as its
    decimal).

    ``fixed_weight=True`` holds the specialised weight at w = O(1), as the talk's d M + N/M and d + N do
    [S]: the exponents of specialization and of one neuron are then max(1, (p+1)/2) and max(1, p).

    Raises ModelError unless m >= 1 is an integer and p >= 0 is rational.

    >>> {name: str(e) for name, e in exponents(3, 1).items()}
    {'gp': '3', 'gfl': '3/2', 'specialization': '1', 'one neuron (d + N)': '1'}
    >>> str(exponents(3, 5)["specialization"]), str(exponents(3, "1/2")["specialization"])
    ('3', '7/8')
    """
    m, p = _arguments(m, p)
    one = max(Fraction(1), p)
    if p < 1 and not fixed_weight:
        one = (m + p) / (m + 1)
    return {
        GP: Fraction(m),
        GFL: min(Fraction(m), m * (p + 1) / (m + 1)),
        SPECIALIZATION: (p + 1) / 2 if p >= 1 else one,
        ONE_NEURON: one,
    }


def optimal_powers(m: int, p: Rational) -> dict[str, Fraction]:
    """Powers of d of the optimum parameters at N = d^p: D (GFL), and M and w (specialization).

    >>> {name: str(e) for name, e in optimal_powers(3, 1).items()}
    {'D': '1/2', 'M': '0', 'w': '0'}
    """
    m, p = _arguments(m, p)
    return {
        "D": max(Fraction(0), (m - p) / (m + 1)),
        "M": max(Fraction(0), (p - 1) / 2),
        "w": min(Fraction(0), (p - 1) / (2 * (m + 1))),
    }


def winner(m: int, p: Rational) -> tuple[str, tuple[str, ...]]:
    """(cheapest pattern, the others that tie with it in exponent).

    Among tied patterns the winner is the simplest: gp before specialization before gfl.  For p >= m GFL is
    GP (D = 1), and the two tie.  One neuron is a special case of specialization and does not compete.

    >>> winner(3, 1)
    ('specialization', ())
    >>> winner(3, 5)
    ('gp', ('specialization', 'gfl'))
    """
    table = exponents(m, p)
    best = min(table.values())
    tied = [name for name in (GP, SPECIALIZATION, GFL) if table[name] == best]
    return tied[0], tuple(tied[1:])


def phase_boundary(m: int) -> Fraction:
    """p at which N = d^p passes from specialization to GP: 2m - 1.

    >>> str(phase_boundary(3))
    '5'
    """
    return Fraction(2 * _arguments(m, 1)[0] - 1)
