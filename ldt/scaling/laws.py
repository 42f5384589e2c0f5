r"""The predicted scalings with their prefactors: what each pattern's cost tends to as d grows.

With a = level/(|c| sigma_a), m the order of g ~ w^m at small w, and N = const d^p along the grid:

    GP               P a^2 d^m                               P = 0.9 for the talk (finite d: a^2/(2 E g^2))
    GFL              Q a^(2/(m+1)) (N d)^(m/(m+1))           Q = ((m+1)/(2m)) (2 m P)^(1/(m+1)) = 1.016
    specialization   R a sqrt(N d), M* = T a sqrt(N/d)       R = min over w of |w|/|g| = 9, T = 3   (full overlap: 7.395, 2.673)
    one neuron       the same at M = 1: the talk's d + N; proportional to d at N = const d

GFL is N D/2 + P a^2 (d/D)^m at its best D = (2 m P a^2 d^m/N)^(1/(m+1)).  P and R are limits of the costs of
ldt.patterns.two_layer, taken at d = 1e6, the largest a model may have (P with its 1/d correction removed).
Source: [S] for the patterns, prefactors derived in docs/theory.md.  Validity: as d grows, GFL where D > 1 (N < d^m), specialization where
M* > 1 (N > d); exponents for other N = d^p are those of ldt.patterns.exponents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ldt.models.alignment import MAX_DIM, MAX_WIDTH, AlignmentSum
from ldt.models.layers import GFL, GP, SPECIALIZATION
from ldt.patterns.averages import reduced_level, vanishing_order
from ldt.patterns.two_layer import ONE_NEURON, pattern_costs
from ldt.reference import linear_scale
from ldt.results import _Record
from ldt.scaling.linear_cnn import linear_cnn
from ldt.scaling.widths import WidthLaw


@dataclass(frozen=True)
class Law(_Record):
    """``prefactor`` N^``width_power`` d^``dim_power`` nats; ``exponent`` in d along the grid; ``formula`` and ``finite`` (the form at
    the actual d that the tables show) in words."""

    pattern: str
    prefactor: float
    width_power: float
    dim_power: float
    exponent: float
    formula: str
    finite: str

    def __call__(self, width: float, d: float) -> float:
        """The leading law's value at one width and d, in nats."""
        return float(self.prefactor * float(width) ** self.width_power * float(d) ** self.dim_power)


def two_layer_laws(model: AlignmentSum, level: float, law: WidthLaw) -> tuple[Law, ...]:
    """GP, GFL, specialization and (at N = const d) one neuron for a two-layer network along N = ``law``; ModelError where a
    pattern has no cost.

    >>> from ldt.scaling.widths import width_law
    >>> for found in two_layer_laws(AlignmentSum(50, 50), 1.0, width_law("d")):
    ...     print(found.pattern, found.formula, found.exponent)
    gp 0.9 a^2 d^3 3.0
    gfl 1.016 a^(1/2) (N d)^(3/4) 1.5
    specialization 9 a sqrt(N d), M = 3 a sqrt(N/d) 1.0
    one neuron (d + N) 10.66 d, M = 1 1.0
    """
    a, m, p = reduced_level(model, level), vanishing_order(model), law.power
    if m < 1:
        return ()
    large, half = (replace(model, width=MAX_WIDTH, dim=n) for n in (MAX_DIM, MAX_DIM // 2))
    table = pattern_costs(large, level)
    ends = [costs[GP].cost / float(n.dim) ** m for costs, n in ((table, large), (pattern_costs(half, level), half))]
    gp = 2.0 * ends[0] - ends[1]
    gfl = (m + 1) / (2.0 * m) * (2.0 * m * gp) ** (1.0 / (m + 1))
    free = table[SPECIALIZATION].continuous or {}
    special = free["cost"] / math.sqrt(MAX_WIDTH * MAX_DIM)
    count = free["M"] / (a * math.sqrt(MAX_WIDTH / MAX_DIM))
    many = f", M = {count:.4g} a sqrt(N/d)" if 1.0 < free["M"] < MAX_WIDTH else ""  # else the cost does not depend on M
    power = Fraction(m, m + 1)
    found = [
        Law(GP, gp, 0.0, float(m), float(m), f"{gp / a**2:.4g} a^2 {_to('d', m)}", "a^2/(2 E g^2)"),
        Law(GFL, gfl, float(power), float(power), float(power * (1 + p)),
            f"{gfl / a ** (2.0 / (m + 1)):.4g} {_to('a', Fraction(2, m + 1))} {_to('(N d)', power)}",
            "min over D >= 1 of N (D - 1 - ln D)/2 + a^2/(2 E_D g^2)"),
        Law(SPECIALIZATION, special, 0.5, 0.5, float((1 + p) / 2), f"{special / a:.4g} a sqrt(N d)" + many,
            "min over integers M >= 1 and w of " + table[SPECIALIZATION].formula.replace("w^2/(2 s^2)", "d w^2/(2 sigma_w^2)")),
    ]  # fmt: skip
    if p == 1:
        width = min(MAX_WIDTH, law(MAX_DIM))
        one = pattern_costs(replace(model, width=width, dim=MAX_DIM), level)[ONE_NEURON].cost / MAX_DIM
        found.append(Law(ONE_NEURON, one, 0.0, 1.0, 1.0, f"{one:.4g} d, M = 1", "the same at M = 1: the talk's d + N"))
    return tuple(found)


def _to(base: str, power: Fraction | int) -> str:
    """``base`` to a power, as a formula."""
    power = Fraction(power)
    return base if power == 1 else f"{base}^{power}" if power.denominator == 1 else f"{base}^({power})"


def linear_cnn_laws(model: AlignmentSum, level: float) -> tuple[Law, ...]:
    """GP, GFL and specialization of the linear CNN at C = N_w = S = sqrt(d), against d; every prefactor is exact.

    >>> [(law.pattern, law.formula) for law in linear_cnn_laws(linear_cnn(10), 1.0)]
    [('gp', '0.5 d'), ('gfl', '1 d^(3/4)'), ('specialization', '1 d^(3/4)')]
    """
    z = level / linear_scale(linear_cnn(1, model))  # level/b at size 1; level/b = z S^(3/2), d = S^2
    free = "min over D >= 1 of C (D - 1 - ln D)/2 + GP cost/D: the Chernoff rate of A itself"
    return (
        Law(GP, 0.5 * z * z, 0.0, 1.0, 1.0, f"{0.5 * z * z:.4g} d", "(level/b)^2/(2 C), b^2 = 1/(N_w C S)"),
        Law(GFL, z, 0.0, 0.75, 0.75, f"{z:.4g} d^(3/4)", free),
        Law(SPECIALIZATION, z, 0.0, 0.75, 0.75, f"{z:.4g} d^(3/4)", "level/b at every M: the same power, no entropy gained"),
    )


def costs_of(model: AlignmentSum, level: float) -> dict[str, Any]:
    """The pattern costs of one model as plain numbers: gp, gfl, D, specialization, M, w, one_neuron, winner, ties."""
    table = pattern_costs(model, level)
    special = table[SPECIALIZATION]
    return {
        "gp": table[GP].cost, "gfl": table[GFL].cost, "D": table[GFL].parameters.get("D", 1.0),
        "specialization": special.cost, "M": special.parameters["M"], "w": special.parameters["w"],
        "one_neuron": table[ONE_NEURON].cost, "winner": table.winner, "ties": list(table.ties),
    }  # fmt: skip


__all__ = ["Law", "costs_of", "linear_cnn_laws", "two_layer_laws"]
