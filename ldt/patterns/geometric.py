r"""Costs in nats at finite sizes: the assignments of the engine with their constants, minimised as geometric programs.

    F(x) = 1/2 sum_k c_k e^(a_k.x) + sum_j n_j (e^(x_j) - 1 - x_j)/2,     x = logarithms of the parameters,   h_i.x + g_i >= 0

The first sum is a posynomial, the second what stretched layers cost (x = ln D): both are convex in x, so a point that satisfies the
Karush-Kuhn-Tucker conditions is the minimum.  Parameters that count neurons are then made integers by branch and bound, which is exact
because every relaxation is a minimum.  Constants: ldt.patterns.constants; the target is orthonormal, <y, y> = 1.
Source: Boyd and Vandenberghe, Convex Optimization (2004), section 4.5 and, for the conditions, 5.5.3; the costs are [S], [P].
Validity: leading energies as the widths grow.  Left out: fluctuations, the entropy of choosing neurons, ln C(N, M), the bulk's own
share, the shrinking of w_perp (22 % at leading order, two layers).  A hand-over of the target itself at amplitude w
("specialization" on y, "shared") is linear in w.  ``ldt.patterns.variational`` has the finite sizes where they are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError
from ldt.models.architecture import Architecture
from ldt.numerics.posynomials import Monomial, Posynomial, parse, parse_monomial
from ldt.patterns.constants import average_inverse, inverse_overlap, lazy_constant, noise, require
from ldt.patterns.engine import Step, Variant, checked_assignment, degree_of, fan_in, order_of, symbol_order, variants
from ldt.results import _Record

Array = NDArray[np.float64]
TIE = 0.01  # assignments within this fraction are tied
RESIDUAL = 1e-6
BRANCHES = 400
HALF = Fraction(1, 2)
FAR = 80.0  # logarithms of parameters beyond this are no optimum


@dataclass(frozen=True)
class NumericCost(_Record):
    """One assignment's least ``cost`` in nats, its ``parameters`` there (counts are integers), the cost with real counts (``relaxed``), and
    the ``formula`` that was minimised: constants included, and to it ``stretches`` (n, D) of n (D - 1 - ln D)/2 nats."""

    assignment: tuple[str, ...]
    cost: float
    parameters: dict[str, float | int]
    relaxed: float
    formula: Posynomial
    stretches: tuple[tuple[Monomial, str], ...]

    @property
    def name(self) -> str:
        """The rules from the input to the readout."""
        return " - ".join(self.assignment)

    @property
    def text(self) -> str:
        """The formula with its stretches, as text."""
        return " + ".join([*(f"{n} ({d} - 1 - ln {d})" for n, d in self.stretches), *map(str, self.formula.terms)])

    def latex(self) -> str:
        """The formula as LaTeX, without dollar signs."""
        names = [(n.latex(), Monomial.of({d: 1}).latex()) for n, d in self.stretches]
        return " + ".join([*(rf"{n}\,({d} - 1 - \ln {d})" for n, d in names), *(t.latex() for t in self.formula.terms)])

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types."""
        return {
            "assignment": list(self.assignment), "cost": self.cost, "parameters": dict(self.parameters), "relaxed": self.relaxed,
            "formula": self.text,
        }  # fmt: skip


@dataclass(frozen=True)
class NumericTable(_Record):
    """Every assignment's cost at these ``sizes`` and ``level`` (of the orthonormal target), cheapest first; ``ties`` are within 1 %."""

    picture: ClassVar[str] = "ldt.plots.patterns:plot_costs"

    rows: tuple[NumericCost, ...]
    winner: NumericCost
    ties: tuple[NumericCost, ...]
    sizes: dict[str, float]
    level: float
    architecture: Architecture = field(repr=False)

    def __getitem__(self, assignment: str) -> NumericCost:
        for row in self.rows:
            if row.name == assignment:
                return row
        raise KeyError(assignment)

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types."""
        return {
            "sizes": dict(self.sizes), "level": self.level, "rows": [row.to_dict() for row in self.rows],
            "winner": list(self.winner.assignment), "ties": [list(row.assignment) for row in self.ties],
        }  # fmt: skip


def numeric_table(architecture: Architecture, value: float, level: float = 1.0, assignment: Any = None) -> NumericTable:
    """Every assignment's least leading energy in nats for A >= ``level``, where the base has this ``value``.

    Parameters
    ----------
    architecture : Architecture
        With the activations erf, relu and linear (others have exponents only).
    value : float
        Of the base: d = 20, say.
    level : float > 0
        Of A = <f, y>/sqrt<y, y>.
    assignment : sequence of rule names, optional

    Returns
    -------
    NumericTable
        ``rows``, cheapest first: ``cost`` in nats and ``parameters``; counts of neurons are integers.

    Raises
    ------
    ModelError
        Sizes, level or assignment that make no sense.
    ConvergenceError
        A minimum that does not satisfy its conditions.

    Notes
    -----
    A geometric program: min over x of 1/2 sum_k c_k exp(a_k . x) + sum_j n_j (e^(x_j) - 1 - x_j)/2, counts by branch and bound.
    Leading energies: without fluctuations, ln C(N, M) and the shrinking of w_perp.
    Cost: milliseconds an assignment.
    Source: Boyd and Vandenberghe 2004, section 4.5; costs [S], [P], docs/theory.md, section 9.

    Examples
    --------
    >>> from ldt.models.architecture import Layer, Target
    >>> net = Architecture((Layer("fully connected", {"inputs": "d", "width": "N"}), Layer("readout")), Target("hermite", 3),
    ...                    {"d": "d", "N": "d"})
    >>> talk = 4 / (6 * 3.14159265358979) ** 0.5        # the talk's level 1, in units of the orthonormal target
    >>> found = numeric_table(net, 10**4, talk).winner
    >>> found.name, found.parameters["M"], round(found.cost, 3)
    ('specialization - gp', 3, 90000.0)
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0.0 < level < math.inf:
        raise ModelError(f"level: patterns describe a rare event, so the level must be finite and > 0, got {level!r}")
    sizes = architecture.sizes_at(value)
    wanted = None if assignment is None else checked_assignment(architecture, assignment)
    best: dict[tuple[str, ...], NumericCost] = {}
    for variant in variants(architecture, wanted):
        if variant.resting:
            continue
        found = _minimised(architecture, variant, sizes, float(level))
        if variant.rules not in best or found.cost < best[variant.rules].cost:
            best[variant.rules] = found
    if not best:
        raise ModelError(f"assignment: {assignment} hands no strength of the target to the readout")
    rows = tuple(sorted(best.values(), key=lambda row: row.cost))
    ties = tuple(row for row in rows[1:] if row.cost <= rows[0].cost * (1.0 + TIE))
    return NumericTable(rows, rows[0], ties, sizes, float(level), architecture)


# -- the function ----------------------------------------------------------------------------------------------------------


def formula(
    architecture: Architecture, variant: Variant, level: float
) -> tuple[Posynomial, tuple[tuple[Monomial, str], ...], tuple[Monomial, ...]]:
    """(posynomial in nats, stretches, bounds) of one variant, constants included."""
    m, rho = order_of(architecture), noise(architecture)
    terms: list[Monomial] = []
    stretches: list[tuple[Monomial, str]] = []
    bounds: list[Monomial] = []
    inverse: dict[str, Posynomial] = {}
    parity = architecture.target.kind == "parity"
    for step in variant.steps:
        layer = architecture.layers[step.index]
        if step.index == 0:
            inverse = {f: Posynomial((step.symbols[f] ** -1,)) for f in ("u", "y") if f in step.symbols}
        received = {f: strength * Monomial(1.0 / layer.weight_variance) for f, strength in inverse.items()}
        rule = step.rule
        if rule.cost:
            scale = Monomial(level**2 if layer.kind == "readout" else HALF * 2)
            for term in parse(rule.cost, {"m": m}).terms:
                found = _numeric(term, 1, step, received) * scale * Monomial(HALF)
                terms += [t * _extra(architecture, step) for t in found.terms]
        if rule.stretch:
            count, d = rule.stretch
            stretches.append((_numeric(parse_monomial(count), 1, step, {}).terms[0] * Monomial(HALF), step.symbols[d].powers[0][0]))
        handed: dict[str, Posynomial] = {}
        averaged = False
        for hand in step.hands:
            k = degree_of(hand, m)
            target = None if hand.feature == "u" or hand.degree != "m" else architecture.target
            strength = parse_monomial(hand.strength, {"m": m})
            if hand.constant is not None:
                handed[hand.feature] = _numeric(strength, -1, step, received) * Monomial(1.0 / hand.constant)
            elif "G" in hand.strength:
                overlap = inverse_overlap(layer, rho[step.index], k, target, step.symbols["w"].powers[0][0])
                handed[hand.feature] = _numeric(strength, -1, step, {**received, "G": overlap})
            elif strength.power_of("u") == k and strength.power_of("D") in (0, k) and not (parity and rule.stretch is None):
                factor = step.symbols["D"] ** -1 if strength.power_of("D") else Monomial()
                average = average_inverse(layer, rho[step.index], k, target, received["u"] * factor)
                averaged = True
                handed[hand.feature] = average * _numeric(strength.without(("u", "D")), -1, step, received)
            else:
                constant = lazy_constant(layer, rho[step.index], k, target, rule.stretch is not None)
                handed[hand.feature] = _numeric(strength, -1, step, received) * Monomial(1.0 / constant)
        # What saturates of itself needs no bound.
        free = {"1/w"} if any("G" in hand.strength for hand in step.hands) else {"1/(D*u)"} if averaged else set()
        bounds += [_bound(text, step, m) for text in rule.bounds if text not in free]
        inverse = handed
    return Posynomial.of(terms), tuple(stretches), tuple(bounds)


def _numeric(monomial: Monomial, sign: int, step: Step, inverse: Mapping[str, Posynomial]) -> Posynomial:
    """monomial^sign with its strengths given by their inverses, which are posynomials."""
    found = Posynomial((Monomial(monomial.coefficient) ** sign,))
    for s, p in monomial.powers:
        if s in inverse:
            power = -p * sign
            if power.denominator != 1 or power < 0:
                raise ModelError(f"rules: {step.rule.name}: a strength may enter a cost only as a negative whole power, got {s}^{p * sign}")
            found = found * inverse[s] ** int(power)
        else:
            found = found * step.symbols[s] ** (p * sign)
    return found


def _bound(text: str, step: Step, m: int) -> Monomial:
    """A bound as a scaling: the strengths in it without their constants."""
    found = Monomial()
    for s, p in parse_monomial(text, {"m": m}).powers:
        found = found * step.symbols[s] ** p
    return found


def _extra(architecture: Architecture, step: Step) -> Monomial:
    """A mean-field readout's weights have a variance smaller by the fan-in."""
    return fan_in(architecture) if architecture.layers[step.index].prior == "mean-field" else Monomial()


# -- the minimum -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Convex:
    """F at given sizes as arrays: ln F and its gradient in the logarithms of the parameters."""

    names: tuple[str, ...]
    logs: Array  # (terms,)
    slopes: Array  # (terms, parameters)
    counts: Array  # n_j/2 nats
    stretched: tuple[int, ...]
    rows: Array  # bounds: rows x + offsets >= 0
    offsets: Array

    def log_value(self, x: Array) -> tuple[float, Array]:
        e = self.logs + self.slopes @ x
        top = float(np.max(e))
        parts = np.exp(e - top)
        total, gradient = float(np.sum(parts)), self.slopes.T @ parts
        for j, n in zip(self.stretched, self.counts, strict=True):
            rise = math.expm1(min(float(x[j]), 700.0))
            with np.errstate(over="ignore", under="ignore"):
                total += float(np.exp(np.log(n) - top) * (rise - x[j]))
                gradient[j] += float(np.exp(np.log(n) - top) * rise)
        return top + math.log(total), np.asarray(gradient / total)

    def hessian(self, x: Array, log_value: float) -> Array:
        """Second derivatives of F over F: those of ln F but for the square of a gradient that vanishes along what is free."""
        parts = np.exp(self.logs + self.slopes @ x - log_value)
        found = self.slopes.T @ (parts[:, None] * self.slopes)
        for j, n in zip(self.stretched, self.counts, strict=True):
            found[j, j] += n * math.exp(min(x[j], 700.0) - log_value)
        return np.asarray(found)


def _minimised(architecture: Architecture, variant: Variant, sizes: Mapping[str, float], level: float) -> NumericCost:
    for layer in architecture.layers:
        if layer.rules.activated:
            require(layer.activation)
    posynomial, stretches, bounds = formula(architecture, variant, level)
    logs = {s: math.log(v) for s, v in sizes.items()}
    names = variant.parameters
    problem = _Convex(
        names,
        np.array([t.without(names).log(logs) for t in posynomial.terms]),
        np.array([[float(t.power_of(s)) for s in names] for t in posynomial.terms]).reshape(len(posynomial.terms), len(names)),
        np.array([math.exp(n.log(logs)) for n, _ in stretches]),
        tuple(names.index(d) for _, d in stretches),
        np.array([[float(b.power_of(s)) for s in names] for b in bounds]).reshape(len(bounds), len(names)),
        np.array([b.without(names).log(logs) for b in bounds]),
    )
    start = np.zeros(len(names))
    if names:
        start = _inside(problem)
    relaxed, x = _solve(problem, start, {})
    cost, x = _integers(problem, variant.counts, relaxed, x)
    order = symbol_order(architecture)
    parameters: dict[str, float | int] = {
        s: round(math.exp(v)) if s in variant.counts else math.exp(v) for s, v in zip(names, x.tolist(), strict=True)
    }
    shown = Posynomial.of(t.ordered(order) for t in posynomial.terms)
    return NumericCost(variant.rules, math.exp(cost), parameters, math.exp(relaxed), shown, stretches)


def _inside(problem: _Convex) -> Array:
    """A point that satisfies the bounds, as far inside as the tightest allows (at most 1 in the logarithm)."""
    from scipy.optimize import linprog

    n = len(problem.names)
    if not len(problem.rows):
        return np.zeros(n)
    found = linprog(
        [0.0] * n + [-1.0], A_ub=np.hstack([-problem.rows, np.ones((len(problem.rows), 1))]), b_ub=problem.offsets,
        bounds=[(-60.0, 60.0)] * n + [(None, 1.0)],
    )  # fmt: skip
    if found.status != 0 or found.x[-1] < -1e-9:
        raise ModelError("widths: the bounds of an assignment's parameters exclude each other at these sizes")
    return np.asarray(found.x[:n])


def _solve(problem: _Convex, start: Array, fixed: Mapping[int, tuple[float, float]]) -> tuple[float, Array]:
    """(ln F, x) at the minimum, with the box ``fixed`` {parameter: (low, high)} added to the bounds."""
    if not len(start):
        return problem.log_value(start)[0], start
    from scipy.optimize import minimize

    box = [fixed.get(j, (-FAR, FAR)) for j in range(len(start))]
    low, high = np.array([b[0] for b in box]), np.array([b[1] for b in box])
    rows, offsets = problem.rows, problem.offsets
    constraints = [{"type": "ineq", "fun": lambda x: rows @ x + offsets, "jac": lambda x: rows}] if len(rows) else []
    x = np.clip(start, low, high)
    residual = math.inf
    for scale in (1.0, 0.5, 0.25, 2.0):  # the same point again with other rounding, until the conditions hold
        found = minimize(
            lambda z, s=scale: tuple(v * s for v in problem.log_value(z)), x, jac=True, method="SLSQP", bounds=box,
            constraints=constraints, options={"maxiter": 500, "ftol": 1e-15},
        )  # fmt: skip
        x = _polished(problem, np.clip(found.x, low, high), low, high)
        residual = _residual(problem, x, low, high)
        if residual < RESIDUAL:
            for j in set(range(len(x))) - set(fixed):
                if abs(x[j]) > FAR - 1.0:
                    raise ModelError(f"cost: has no optimum: it falls without end as {problem.names[j]} {'grows' if x[j] > 0 else 'falls'}")
            return problem.log_value(x)[0], x
    raise ConvergenceError(f"cost: the minimum was not reached (Karush-Kuhn-Tucker residual {residual:.1e})")


def _active(problem: _Convex, x: Array, low: Array, high: Array) -> Array:
    """The inward normals of the bounds that hold with equality at x, one a row."""
    identity = np.eye(len(x))
    rows = [row for row, s in zip(problem.rows, problem.rows @ x + problem.offsets, strict=True) if s < 1e-7]
    rows += [identity[j] for j in range(len(x)) if x[j] - low[j] < 1e-9] + [-identity[j] for j in range(len(x)) if high[j] - x[j] < 1e-9]
    return np.array(rows).reshape(-1, len(x))


def _polished(problem: _Convex, x: Array, low: Array, high: Array) -> Array:
    """A few Newton steps along the active bounds, each taken if it lowers the conditions' residual."""
    best = _residual(problem, x, low, high)
    for _ in range(6):
        rows = _active(problem, x, low, high)
        value, gradient = problem.log_value(x)
        hessian = problem.hessian(x, value)
        k = len(rows)
        system = np.block([[hessian, -rows.T], [rows, np.zeros((k, k))]])
        step = np.linalg.lstsq(system, np.concatenate([-gradient, np.zeros(k)]), rcond=1e-12)[0][: len(x)]
        near = np.clip(x + step, low, high)
        after = _residual(problem, near, low, high)
        if not after < best:
            break
        x, best = near, after
    return x


def _residual(problem: _Convex, x: Array, low: Array, high: Array) -> float:
    """How far the gradient of ln F is from a combination of the active bounds, and the point from the feasible set."""
    from scipy.optimize import nnls

    _, gradient = problem.log_value(x)
    slack = problem.rows @ x + problem.offsets
    active = _active(problem, x, low, high)
    violation = max(0.0, -float(np.min(slack))) if len(slack) else 0.0
    off = float(nnls(active.T, gradient)[1]) if len(active) else float(np.linalg.norm(gradient))
    return max(off, violation)


def _integers(problem: _Convex, counts: tuple[str, ...], relaxed: float, x: Array) -> tuple[float, Array]:
    """The minimum with these parameters integers, by branch and bound from the relaxed one."""
    places = [problem.names.index(s) for s in counts]
    best: tuple[float, Array] | None = None
    queue: list[tuple[float, Array, dict[int, tuple[float, float]]]] = [(relaxed, x, {})]
    for _ in range(BRANCHES):
        if not queue:
            break
        queue.sort(key=lambda entry: -entry[0])
        value, point, box = queue.pop()
        if best is not None and value >= best[0]:
            continue
        values = {j: math.exp(point[j]) for j in places}
        split = [j for j in places if abs(values[j] - round(values[j])) > 1e-7 * values[j]]
        if not split:
            snapped = {**box, **{j: (math.log(round(values[j])),) * 2 for j in places}}
            found = _try(problem, point, snapped)
            if found is not None and (best is None or found[0] < best[0]):
                best = found
            continue
        j = max(split, key=lambda k: abs(values[k] - round(values[k])) / values[k])
        low, high = box.get(j, (0.0, FAR))
        for part in ((low, math.log(max(math.floor(values[j]), 1))), (math.log(math.ceil(values[j])), high)):
            found = _try(problem, point, {**box, j: part}) if part[0] <= part[1] else None
            if found is not None:
                queue.append((found[0], found[1], {**box, j: part}))
    if best is None and not queue:
        raise ModelError(f"widths: no integers {', '.join(counts)} satisfy an assignment's bounds at these sizes")
    if best is None or (queue and min(q[0] for q in queue) < best[0] - 1e-9):
        raise ConvergenceError(f"cost: {BRANCHES} branches did not settle the integers {', '.join(counts)}")
    return best


def _try(problem: _Convex, point: Array, box: Mapping[int, tuple[float, float]]) -> tuple[float, Array] | None:
    """The minimum in the box, None where the bounds leave nothing of it."""
    start = point.copy()
    for j, (low, high) in box.items():
        start[j] = min(max(start[j], low), high)
    if len(problem.rows):
        from scipy.optimize import linprog

        n = len(start)
        bounds = [box.get(j, (-FAR, FAR)) for j in range(n)]
        found = linprog([0.0] * n, A_ub=-problem.rows, b_ub=problem.offsets + 1e-12, bounds=bounds)
        if found.status == 2:
            return None
        if np.any(problem.rows @ start + problem.offsets < 0.0):
            start = np.asarray(found.x)
    return _solve(problem, start, box)


__all__ = ["NumericCost", "NumericTable", "formula", "numeric_table"]
