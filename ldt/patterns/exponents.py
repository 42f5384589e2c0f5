"""The two-layer network's exponents: with target He_m and N = d^p, each pattern's cost is d^E with E rational.

What the pattern engine (ldt.patterns.engine) says of two fully connected layers with a bounded activation:
    GP               d^m                           E = m
    GFL              N (D - 1 - ln D) + (d/D)^m    E = m(p+1)/(m+1) at D = d^z, z = (m-p)/(m+1)     (p <= m)
                                                   E = m at D = 1, as D - 1 - ln D vanishes there   (p >= m)
    specialization   M d w^2 + N/(M w^(2m))        E = (m+p)/(m+1) at M = 1, w < 1                  (p <= 1)
                                                   E = (p+1)/2 at w = 1, M > 1                      (p >= 1)
    one neuron       the same at M = 1
Source: [S] for the patterns and d + N; [P] for the phases; the boundaries derived in docs/theory.md.
Validity: p >= 0.  Constants, logarithms and the entropy ln C(N, M) do not enter an exponent.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from ldt.errors import ModelError
from ldt.models.architecture import Architecture, Layer, Target
from ldt.models.layers import GFL, GP, SPECIALIZATION
from ldt.numerics.exact_programs import Optimum, Program
from ldt.numerics.posynomials import Monomial
from ldt.patterns.engine import variants
from ldt.patterns.two_layer import ONE_NEURON

Rational = int | str | float | Fraction


def _arguments(m: int, p: Rational) -> tuple[int, dict[str, Fraction]]:
    if type(m) is not int or m < 1:
        raise ModelError(f"m: the Hermite degree must be an integer >= 1, got {m!r}")
    try:
        power = Fraction(str(p)) if isinstance(p, float) else Fraction(p)
    except (TypeError, ValueError, ZeroDivisionError):
        raise ModelError(f"p: N = d^p needs a rational number, got {p!r}") from None
    if isinstance(p, bool) or power < 0:
        raise ModelError(f"p: N = d^p >= 1 needs p >= 0, got {p!r}")
    return m, {"d": Fraction(1), "N": power}


@lru_cache(maxsize=128)
def _programs(m: int, fixed_weight: bool = False) -> dict[str, tuple[Program, ...]]:
    """Each pattern's programs, from the engine; ``fixed_weight`` and one neuron add the bounds w >= 1 and M <= 1."""
    layer = Layer("fully connected", {"inputs": "d", "width": "N"}, "bounded")
    network = Architecture((layer, Layer("readout")), Target("hermite", m), {"d": "d", "N": "d"})
    found: dict[str, tuple[Program, ...]] = {}
    for variant in variants(network):
        program = variant.program
        if variant.rules[0] == SPECIALIZATION:
            if fixed_weight:
                program = replace(program, bounds=(*program.bounds, Monomial.of({"w": 1})))
            found[ONE_NEURON] = (replace(program, bounds=(*program.bounds, Monomial.of({"M": -1}))),)
        found[variant.rules[0]] = (*found.get(variant.rules[0], ()), program)
    return found


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
    m, sizes = _arguments(m, p)
    programs = _programs(m, fixed_weight)
    return {name: min(q.exponent(sizes) for q in programs[name]) for name in (GP, GFL, SPECIALIZATION, ONE_NEURON)}


def optimal_powers(m: int, p: Rational) -> dict[str, Fraction]:
    """Powers of d of the optimum parameters at N = d^p: D (GFL), and M and w (specialization).

    >>> {name: str(e) for name, e in optimal_powers(3, 1).items()}
    {'D': '1/2', 'M': '0', 'w': '0'}
    """
    m, sizes = _arguments(m, p)
    found = {"D": Fraction(0)}
    for name in (GFL, SPECIALIZATION):
        best: Optimum = min((q.at(sizes, ("w",)) for q in _programs(m)[name]), key=lambda o: o.exponent)
        found.update(best.powers)
    return found


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
    tied = [name for name in (GP, SPECIALIZATION, GFL) if table[name] == min(table.values())]
    return tied[0], tuple(tied[1:])


def phase_boundary(m: int) -> Fraction:
    """p at which N = d^p passes from specialization to GP, 2m - 1: where the value sqrt(N d) of the one is d^m of the other.

    >>> str(phase_boundary(3))
    '5'
    """
    m, _ = _arguments(m, 1)
    special = max((q.values for q in _programs(m)[SPECIALIZATION]), key=len)
    lines = [(v.power_of("N"), v.power_of("d")) for v in special]
    return max((m - d) / n for n, d in lines if n and all(n * (m - d) / n + d >= a * (m - d) / n + b for a, b in lines))
