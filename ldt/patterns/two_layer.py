"""What GP, GFL and specialization cost in a two-layer network: leading energies with prefactors, minimised.

Formulas.  With a = alpha/(|c| sigma_a), s^2 = sigma_w^2/d and the unit overlap g(w_1, rho):
    GP               a^2/(2 E g^2), the average over the prior at the actual d
    GFL              min over D >= 1 of N (D - 1 - ln D)/2 + a^2/(2 E_D g^2), E_D with w_1 ~ N(0, D s^2)
    specialization   min over integers 1 <= M <= N, over w and (full overlap) over rho, of
                     M e(w, rho) + N a^2/(2 M g(w, rho)^2),
                     e = w^2/(2 s^2) + ((d-1)/2)(r - 1 - ln r), r = rho/rho_typ, rho_typ = sigma_w^2 (d-1)/d
    one neuron       the same at M = 1: the talk's d + N
"All variances times D" stretches the one eigendirection w_1; stretching w_perp too would cost d times more.
The w_perp term of e is the Kullback-Leibler divergence of N(0, r s^2 I_(d-1)) from the prior, hence (d-1)/2
and not the leading d/2; the concentrated overlap, where rho is no variable, has no such term.
Source: [S] for the patterns; prefactors derived in docs/theory.md.
Validity: leading energies in nats.  They leave out fluctuations, the bulk's own share of the variance and
ln C(N, M) (``log_multiplicity``, which ``with_multiplicity`` counts); for rigorous bounds see
ldt.patterns.bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ldt.errors import ModelError
from ldt.models.layers import GFL, GP, SPECIALIZATION
from ldt.patterns.averages import (
    Array,
    BulkRule,
    is_even,
    largest_weight,
    overlap_at,
    reduced_level,
    require_overlap,
    typical_rho,
    weight_scale,
)
from ldt.results import _Record

if TYPE_CHECKING:
    from ldt.models.alignment import AlignmentSum

ONE_NEURON = "one neuron (d + N)"
TIE = 0.01  # patterns whose costs differ by less than this fraction are tied


@dataclass(frozen=True)
class PatternCost(_Record):
    """One pattern's minimum ``cost`` in nats, where it is attained, and the formula that was minimised.

    ``parameters``: D (GFL); M, w = |w_1|, sign and, for the full overlap, rho and r (specialization).
    ``continuous``: the optimum over real M in [1, N], {"cost", "M", "w", ...} (specialization only).
    ``log_multiplicity``: ln C(N, M), plus M ln 2 where both signs of w serve alike; not subtracted from
    ``cost``.  ``with_multiplicity``: -log Phi(-sqrt(2 cost)) - log_multiplicity, which counts the
    equivalent minima (specialization only; an estimate of -log P, no bound).
    """

    name: str
    cost: float
    parameters: dict[str, float | int]
    formula: str
    kind: str = "leading energy"
    continuous: dict[str, float] | None = None
    log_multiplicity: float | None = None
    with_multiplicity: float | None = None
    note: str = ""


@dataclass(frozen=True)
class PatternTable(_Record):
    """The patterns' costs for one model and level.

    ``winner`` is the cheapest pattern and ``ties`` the others within 1 % of it.  GFL contains GP (D = 1)
    and is always the cheaper by a little, so where the two tie, the winner is named gp.  The row for one
    neuron does not compete.
    """

    picture: ClassVar[str] = "ldt.plots.patterns:plot_costs"

    patterns: tuple[PatternCost, ...]
    winner: str
    ties: tuple[str, ...]
    level: float
    a: float
    model: Any = field(default=None, repr=False)

    def __getitem__(self, name: str) -> PatternCost:
        for pattern in self.patterns:
            if pattern.name == name:
                return pattern
        raise KeyError(name)


def pattern_costs(model: AlignmentSum, level: float) -> PatternTable:
    """Minimum costs [nats] of GP, GFL and specialization for A >= ``level`` > 0; the work does not depend
    on N.

    Raises ModelError for a level that is not finite and positive, and for a model whose overlap vanishes
    identically.

    Source: [S]; prefactors derived in docs/theory.md.

    >>> from ldt.models.alignment import AlignmentSum
    >>> table = pattern_costs(AlignmentSum(width=10**6, dim=10**4), 1.0)
    >>> table.winner, table["specialization"].parameters["M"]
    ('specialization', 30)
    >>> round(table["specialization"].cost / (9 * 1e5), 4)
    1.0
    """
    a = reduced_level(model, level)
    require_overlap(model)
    slope = linear_slope(model)
    rows = (_gp_gfl(model, a) if slope is None else _gp_gfl_linear(model, a, slope)) + (
        _specialised(model, a) if slope is None else _specialised_linear(model, a, slope)
    )
    winner, ties = _rank({row.name: row.cost for row in rows if row.name != ONE_NEURON})
    return PatternTable(rows, winner, ties, float(level), a, model)


def _rank(costs: dict[str, float]) -> tuple[str, tuple[str, ...]]:
    best = min(costs.values())
    tied = [name for name, cost in costs.items() if cost <= best * (1.0 + TIE)]
    winner = min(costs, key=lambda name: costs[name])
    if winner == GFL and GP in tied:
        winner = GP
    return winner, tuple(name for name in tied if name != winner)


def linear_slope(model: AlignmentSum) -> float | None:
    """k if g = k w_1 (then everything has a closed form), else None."""
    w = math.sqrt(float(model.weight_variance)) * np.array([-50.0, -3.0, -0.4, -0.01, 0.01, 0.4, 3.0, 50.0])
    ratios = np.concatenate([overlap_at(model, w, q * typical_rho(model)) / w for q in (0.1, 1.0, 2.0)])
    slope = float(np.mean(ratios))
    return abs(slope) if slope and np.all(np.abs(ratios - slope) <= 1e-11 * abs(slope)) else None


# -- GP and GFL --------------------------------------------------------------------------------------------


def stretch_energy(inflation: float, count: float = 1.0) -> float:
    """n (D - 1 - ln D)/2 [nats]: the divergence of n Gaussians whose variance is D times the prior's,
    exact near D = 1.

    >>> abs(stretch_energy(1.0 + 1e-8) / 2.5e-17 - 1) < 1e-6
    True
    """
    e = inflation - 1.0
    if abs(e) < 1e-2:
        return count * e * e * sum((-e) ** k / (k + 2.0) for k in range(8)) / 2.0
    return count * (e - math.log(inflation)) / 2.0


def _gp_gfl(model: AlignmentSum, a: float) -> tuple[PatternCost, ...]:
    from scipy.optimize import minimize_scalar

    width = float(model.width)
    gp = a * a / 2.0 / BulkRule.build(model).mean_square()
    # N (D - 1 - ln D)/2 alone exceeds the GP cost beyond `top`: D - 1 - ln D >= (D - 1)/2 - 1/2 for D >= 1.
    top = min(3.0 + 4.0 * gp / width, (largest_weight(model) / (9.0 * weight_scale(model))) ** 2)
    rule = BulkRule.build(model, top)

    def log_ratio(
        x: float,
    ) -> float:  # ln(cost/GP cost) as a function of x = ln(D - 1), resolved also near D = 1
        inflation = 1.0 + math.exp(x)
        stretch, rest = stretch_energy(inflation, width), a * a / 2.0 / rule.mean_square(inflation)
        gain = (stretch + (rest - gp)) / gp
        return math.log1p(gain) if abs(gain) < 0.5 else math.log((stretch + rest) / gp)

    grid = np.linspace(-12.0, math.log(top - 1.0), 161)
    values = [log_ratio(float(x)) for x in grid]
    best = int(np.argmin(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found = minimize_scalar(
        log_ratio, bounds=(float(low), float(high)), method="bounded", options={"xatol": 1e-9}
    )
    inflation, cost, note = 1.0 + math.exp(float(found.x)), gp * math.exp(float(found.fun)), ""
    if best == 0 or found.fun >= 0.0:  # D - 1 below 1e-5: the boundary D = 1
        inflation, cost, note = 1.0, gp, "D = 1: GFL is GP here"
    elif best == grid.size - 1:
        raise ModelError(
            "model: GFL's optimum lies beyond the weights for which this activation's overlap is known"
        )
    return (
        PatternCost(GP, gp, {}, "a^2/(2 E g^2)"),
        PatternCost(GFL, cost, {"D": inflation}, "N (D-1-ln D)/2 + a^2/(2 E_D g^2)", note=note),
    )


def _gp_gfl_linear(model: AlignmentSum, a: float, slope: float) -> tuple[PatternCost, ...]:
    """g = k w_1: E_D g^2 = D k^2 s^2 and D^2 - D = a^2/(N k^2 s^2); GFL is then the exact Chernoff rate."""
    width = float(model.width)
    gp = (a / (slope * weight_scale(model))) ** 2 / 2.0
    x = 2.0 * gp / width
    excess = 2.0 * x / (1.0 + math.sqrt(1.0 + 4.0 * x))  # D - 1, with no cancellation
    inflation = 1.0 + excess
    cost = stretch_energy(inflation, width) + gp / inflation
    return (
        PatternCost(GP, gp, {}, "a^2/(2 E g^2)"),
        PatternCost(
            GFL,
            cost,
            {"D": inflation},
            "N (D-1-ln D)/2 + a^2/(2 E_D g^2)",
            note="linear overlap: closed form",
        ),
    )


# -- specialization ----------------------------------------------------------------------------------------


def neuron_energy(model: AlignmentSum, w: Any, r: Any = 1.0) -> Array:
    """e(w, rho) [nats]: w^2/(2 s^2) + ((d-1)/2)(r - 1 - ln r), or its first term if concentrated."""
    energy = np.asarray(w, dtype=float) ** 2 / (2.0 * weight_scale(model) ** 2)
    if model.overlap == "concentrated":
        return energy
    ratio = np.asarray(r, dtype=float)
    return np.asarray(energy + 0.5 * (float(model.dim) - 1.0) * (ratio - 1.0 - np.log(ratio)))


def _log_cost(
    model: AlignmentSum, a: float, sign: float, fixed: float | None
) -> Callable[[Array, Array], Array]:
    """(ln w, ln r) -> ln of the cost with the best real M in [1, N], or with M = ``fixed``."""
    width = float(model.width)

    def log_cost(x: Array, y: Array) -> Array:
        w, r = np.exp(x), np.exp(y)
        energy = neuron_energy(model, w, r)
        g = overlap_at(model, sign * w, r * typical_rho(model))
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            demand = np.log(width * a * a / 2.0) - 2.0 * np.log(np.abs(g))  # ln of N a^2/(2 g^2)
            m = 0.5 * (demand - np.log(energy)) if fixed is None else np.full_like(g, math.log(fixed))
            m = np.clip(m, 0.0, math.log(width)) if fixed is None else m
            value = np.logaddexp(m + np.log(energy), demand - m)
        return np.where(np.isfinite(value), value, 1e300)

    return log_cost


def _minima(model: AlignmentSum, f: Callable[[Array, Array], Array]) -> list[tuple[float, float, float]]:
    """Local minima (value, ln w, ln r) of ``f``, best first.

    A grid that grows until its best point is inside, then Nelder-Mead from its best and its local minima.
    """
    from scipy.optimize import minimize

    full = model.overlap == "full"
    unit = 0.5 * math.log(float(model.weight_variance))
    ceiling = math.log(largest_weight(model))
    x_low, x_high, y_low, y_high = unit - 7.0, min(unit + 5.0, ceiling), -5.0, 2.0
    while True:
        x = np.linspace(x_low, x_high, max(64, math.ceil((x_high - x_low) / 0.1)))
        y = np.linspace(y_low, y_high, math.ceil((y_high - y_low) / 0.1)) if full else np.zeros(1)
        values = f(x[:, None], y[None, :])
        # Values that double precision cannot tell apart: of those the one nearest to the prior's rho.
        level = values <= values.min() + 1e-13 * (1.0 + abs(values.min()))
        i, j = min(
            zip(*np.nonzero(level), strict=True), key=lambda p: (abs(y[p[1]]), abs(x[p[0]] - x.mean()))
        )
        if not values[i, j] < 1e300:
            raise ModelError("model: the overlap underflows for every weight, so specialization has no cost")
        if i == 0 and x_low > unit - 60.0:
            x_low -= 8.0
        elif i == x.size - 1 and x_high < min(unit + 60.0, ceiling):
            x_high = min(x_high + 8.0, ceiling)
        elif full and j == 0 and y_low > -60.0:
            y_low -= 8.0
        elif full and j == y.size - 1 and y_high < min(10.0, 2.0 * (ceiling - unit) - 1.0):
            y_high += 1.0
        elif i in (0, x.size - 1) or (full and j in (0, y.size - 1)):
            raise ModelError(
                "model: specialization has no minimum at weights for which this activation's overlap is known"
            )
        else:
            break
    padded = np.pad(values, 1, constant_values=np.inf)
    inner = padded[1:-1, 1:-1]
    local = np.ones_like(values, dtype=bool)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        shape = values.shape
        local &= inner <= padded[1 + dx : 1 + dx + shape[0], 1 + dy : 1 + dy + shape[1]]
    starts = [
        (float(values[i, j]), i, j),
        *sorted((float(values[p]), *p) for p in zip(*np.nonzero(local), strict=True))[:5],
    ]
    found = []
    for _, p, q in starts:

        def objective(z: Array) -> float:
            if z[0] > ceiling:
                return 1e300
            return float(f(np.array([[z[0]]]), np.array([[z[1] if full else 0.0]]))[0, 0])

        z0 = np.array([x[p], y[q]] if full else [x[p]])
        simplex = np.vstack([z0, z0 + 0.05 * np.eye(z0.size)])
        options = {"xatol": 1e-9, "fatol": 1e-15, "maxiter": 800, "initial_simplex": simplex}
        done = minimize(objective, z0, method="Nelder-Mead", options=options)
        found.append((float(done.fun), float(done.x[0]), float(done.x[1]) if full else 0.0))
    return sorted(found)


def best_specialization(model: AlignmentSum, a: float, count: float | None = None) -> dict[str, float]:
    """Cheapest {cost, M, w, sign, [rho, r]} at M = ``count``, or over real M in [1, N] if it is None."""
    options = []
    for sign in (1.0,) if is_even(model) else (1.0, -1.0):
        for value, x, y in _minima(model, _log_cost(model, a, sign, count))[:1]:
            options.append((value, x, y, sign))
    value, x, y, sign = min(options)
    w, r = math.exp(x), math.exp(y)
    if count is None:
        energy = float(neuron_energy(model, w, r))
        g = float(overlap_at(model, sign * w, r * typical_rho(model)))
        count = min(max(math.sqrt(float(model.width) / (2.0 * energy)) * a / abs(g), 1.0), float(model.width))
    found = {"cost": math.exp(value), "M": count, "w": w, "sign": sign}
    return found | ({"rho": r * typical_rho(model), "r": r} if model.overlap == "full" else {})


def _specialised(model: AlignmentSum, a: float) -> tuple[PatternCost, ...]:
    relaxed = best_specialization(model, a)
    one = best_specialization(model, a, 1.0)
    tried = {1: one}
    first = int(relaxed["M"])
    for m in {first, first + 1}:
        if m not in tried and m <= model.width:
            tried[m] = best_specialization(model, a, float(m))
    m = min(tried, key=lambda k: tried[k]["cost"])
    while True:  # walk on if a neighbour is cheaper: the cost need not be unimodal in M where wells compete
        for k in (m - 1, m + 1):
            if k not in tried and 1 <= k <= model.width:
                tried[k] = best_specialization(model, a, float(k))
        best = min(tried, key=lambda k: tried[k]["cost"])
        if best == m:
            break
        m = best
    formula = "M w^2/(2 s^2) + N a^2/(2 M g^2)"
    if model.overlap == "full":
        formula = "M [w^2/(2 s^2) + (d-1)(r-1-ln r)/2] + N a^2/(2 M g^2)"

    def row(
        name: str, count: int, best: dict[str, float], continuous: dict[str, float] | None
    ) -> PatternCost:
        parameters: dict[str, float | int] = {"M": count} | {
            k: v for k, v in best.items() if k not in ("cost", "M")
        }
        choices = log_multiplicity(model, count)
        whole = counted(best["cost"], choices)
        return PatternCost(name, best["cost"], parameters, formula, "leading energy", continuous, choices, whole)

    return row(SPECIALIZATION, m, tried[m], relaxed), row(ONE_NEURON, 1, one, None)


def _specialised_linear(model: AlignmentSum, a: float, slope: float) -> tuple[PatternCost, ...]:
    """g = k w: the cost depends on X = M w^2 only; X = s sqrt(N) a/k, cost sqrt(N) a/(k s) at every M."""
    s, root = weight_scale(model), math.sqrt(float(model.width))
    cost, w = root * a / (slope * s), math.sqrt(s * root * a / slope)
    best: dict[str, float] = {"cost": cost, "M": 1.0, "w": w, "sign": 1.0}
    extra = {"rho": typical_rho(model), "r": 1.0} if model.overlap == "full" else {}
    note = "linear overlap: closed form; every M with the same M w^2 costs the same, M = 1 is shown"
    return tuple(
        PatternCost(
            name,
            cost,
            {"M": 1, "w": w, "sign": 1.0} | extra,
            "M w^2/(2 s^2) + N a^2/(2 M g^2)",
            continuous=best | extra if name == SPECIALIZATION else None,
            log_multiplicity=log_multiplicity(model, 1),
            note=note,
        )
        for name in (SPECIALIZATION, ONE_NEURON)
    )


def counted(energy: float, choices: float) -> float:
    """-log P [nats] by the first-order reliability method with its minima counted: a half-space at distance
    sqrt(2 energy) from the origin of standard normals has P = Phi(-sqrt(2 energy)), and there are
    e^choices of them (Rackwitz, Fiessler 1978, for the half-space).

    >>> round(counted(180.0, math.log(8 * 1140)), 2)  # N = d = 20, M = 3; exact 173.32
    174.75
    """
    from scipy.special import log_ndtr

    return -float(log_ndtr(-math.sqrt(2.0 * energy))) - choices


def log_multiplicity(model: AlignmentSum, count: int) -> float:
    """ln C(N, M) [nats], plus M ln 2 where g^2 is even: the log-number of choices of M neurons."""
    choices = log_choices(int(model.width), count)
    return choices + count * math.log(2.0) if is_even(model) else choices


def log_choices(width: int, count: int) -> float:
    """ln C(N, M) for 0 <= M <= N, N up to 1e12, by a sum of logarithms or SciPy's log-beta.

    >>> round(log_choices(5, 2), 12) == round(math.log(10), 12)
    True
    """
    count = min(count, width - count)
    if count == 0:
        return 0.0
    if count <= 10_000:
        j = np.arange(1, count + 1, dtype=float)
        return float(np.sum(np.log((width - count + j) / j)))
    from scipy.special import betaln

    return float(-math.log1p(width) - betaln(width - count + 1.0, count + 1.0))
