"""The settings in which the predicted scalings can be seen, each a grid in d: what is fixed, what is measured, what is expected.

    specialization   the two-layer network at N = d: -log P follows sqrt(N d) (one neuron: the talk's d + N)
    gp               the same network at fixed N >> d^(2m-1), where the lazy pattern truly is the cheapest: d^m
    gfl-cnn          the linear CNN at C = N_w = S = sqrt(d), where GFL is the exact optimum: sqrt(C d) = d^(3/4)
    gfl-bound        GFL as a trial law in the two-layer network, N = d: KL + E_q[-log Phi], minimised over D, bounds -log P from
                     above and follows (N d)^(m/(m+1)); it needs N > 2m neurons to be finite, 8m for an honest error bar

Source: [S] for the patterns, [P] for the CNN; grids chosen for this package.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ldt.errors import ModelError
from ldt.models.alignment import MAX_DIM, MAX_WIDTH, AlignmentSum
from ldt.models.layers import GFL, GP, SPECIALIZATION
from ldt.patterns.averages import vanishing_order
from ldt.patterns.exponents import exponents, winner
from ldt.patterns.two_layer import ONE_NEURON, pattern_costs
from ldt.scaling.laws import Law, linear_cnn_laws, two_layer_laws
from ldt.scaling.linear_cnn import linear_cnn
from ldt.scaling.widths import WidthLaw, width_law

SPECIAL_NAME, GP_NAME, CNN_NAME, BOUND_NAME = "specialization", "gp", "gfl-cnn", "gfl-bound"
SETTINGS = (SPECIAL_NAME, GP_NAME, CNN_NAME, BOUND_NAME)
TITLES = {
    SPECIAL_NAME: "two-layer network, N = {width}",
    GP_NAME: "two-layer network, N = {width}: width far above d^{boundary}",
    CNN_NAME: "linear CNN, C = N_w = S = sqrt(d): GFL is the exact optimum",
    BOUND_NAME: "two-layer network, N = {width}: GFL as a trial law, KL + E_q[-log Phi] at its best D",
}
DIMS = {
    SPECIAL_NAME: (5, 10, 20, 50, 100, 200, 500, 1000),
    CNN_NAME: (9, 100, 900, 10**4, 90_000, 10**6, 10**8),
    BOUND_NAME: (30, 100, 300, 1000, 3000, 10**4, 10**5, 10**6),
}
#: The grids of the gp setting: width, d.  Sampling draws every neuron, so it is for the first only.
GP_GRIDS = ((10**6, (3, 4, 6, 8, 10, 12)), (10**9, (3, 5, 10, 20, 50, 100)), (10**12, (3, 5, 10, 20, 50, 100, 200, 300)))
#: Error of log P (nats) that sampling aims at by default.
TARGET_ERROR = 0.02


@dataclass(frozen=True)
class Series:
    """One grid: ``dims`` d along a width law, of one setting; ``expected`` names the pattern whose law it should follow and
    ``exponent`` that law's power of d along the grid (in gp: while GP is the cheapest; otherwise as d grows)."""

    setting: str
    title: str
    model: AlignmentSum
    width: WidthLaw
    dims: tuple[int, ...]
    laws: tuple[Law, ...]
    expected: str
    exponent: float

    def at(self, d: int) -> AlignmentSum:
        """The model at d; ModelError naming d where there is none."""
        if self.setting == CNN_NAME:
            return linear_cnn(_root(d), self.model)
        return replace(self.model, width=self.width(d), dim=d)

    def law(self, pattern: str) -> Law | None:
        """The predicted law of one pattern."""
        return next((law for law in self.laws if law.pattern == pattern), None)


def _root(d: int) -> int:
    size = math.isqrt(d)
    if size * size != d or size > MAX_DIM:
        raise ModelError(f"dims: the linear CNN has C = N_w = S = sqrt(d), so d must be the square of an integer up to 1e6, got {d}")
    return size


def series_of(
    model: AlignmentSum,
    level: float,
    names: Sequence[str] | None = None,
    dims: Sequence[int] | None = None,
    width: WidthLaw | None = None,
) -> tuple[tuple[Series, ...], tuple[tuple[str, str], ...]]:
    """(the grids to run, (setting, reason) for every setting that is left out).

    Without ``names``: every setting that makes sense for the model, or the plain grid ("specialization") alone where ``dims`` or
    ``width`` asks for a grid of one's own.  A setting asked for by name that makes no sense is a ModelError.

    >>> grids, left_out = series_of(AlignmentSum(50, 50), 1.0)
    >>> [(s.setting, s.width.text) for s in grids], left_out
    ([('specialization', 'd'), ('gp', '1e+06'), ('gp', '1e+09'), ('gp', '1e+12'), ('gfl-cnn', 'd^(1/2)'), ('gfl-bound', 'd')], ())
    """
    for name in names or ():
        if name not in SETTINGS:
            raise ModelError(f"setting: must be one of {', '.join(SETTINGS)}, got {name!r}")
    grids: list[Series] = []
    left_out: list[tuple[str, str]] = []
    own_grid = dims is not None or width is not None
    for name in SETTINGS:
        reason = _no_sense(model, name, named=bool(names))
        if names and name not in names:
            continue
        if reason and names:
            raise ModelError(f"setting: {name} makes no sense here: {reason}")
        if not reason and own_grid and not names and name != _main(model):
            reason = "a grid given by --dims or --width is run alone; add --setting to choose others"
        if reason:
            left_out.append((name, reason))
            continue
        found, why = _build(model, level, name, dims, width)
        grids += found
        if why:
            left_out.append((name, why))
    return tuple(grids), tuple(left_out)


def _main(model: AlignmentSum) -> str:
    return CNN_NAME if model.activation == "linear" else SPECIAL_NAME


def _no_sense(model: AlignmentSum, name: str, named: bool) -> str:
    """Why a setting is not for this model; '' where it is."""
    if model.activation == "linear":
        if tuple(k for k, _ in model.target) != (1,):
            return "a linear network has an overlap with He_1 only"
        return "" if name == CNN_NAME else "the overlap is linear, so GFL is exact and every pattern has its closed form in gfl-cnn"
    talk = model.activation == "erf" and tuple(k for k, _ in model.target) == (3,)
    if name == CNN_NAME and not talk and not named:
        return "a different network, shown beside the erf He_3 network only; run it with a linear model"
    order = vanishing_order(model)
    if order < 1 and name != CNN_NAME:
        return "the overlap does not vanish at w_1 = 0, so no predicted power law exists"
    if order < 2 and name in (GP_NAME, BOUND_NAME):
        return "the overlap is linear at small weights, so the patterns' exponents all coincide"
    return ""


def _build(model: AlignmentSum, level: float, name: str, dims: Sequence[int] | None, width: WidthLaw | None) -> tuple[list[Series], str]:
    if name == CNN_NAME:
        if width is not None:
            raise ModelError("width: the linear CNN fixes its own width, C = sqrt(d)")
        grid = _checked(dims, model, name) if dims is not None else DIMS[CNN_NAME]
        base = model if model.activation == "linear" else None
        cnn = linear_cnn(_root(grid[0]), base)
        return [Series(name, TITLES[name], cnn, width_law("d^0.5"), grid, linear_cnn_laws(cnn, level), GFL, 0.75)], ""
    if name == GP_NAME:
        return _gp_series(model, level, dims, width)
    law = width or width_law("d")
    grid = _checked(dims, model, name) if dims is not None else DIMS[name]
    laws = two_layer_laws(model, level, law)
    if name == BOUND_NAME:
        expected, exponent = GFL, float(exponents(vanishing_order(model), law.power)[GFL]) if law.power >= 0 else math.nan
    else:
        expected, exponent = _expected(model, level, law)
    return [Series(name, TITLES[name].format(width=law.text), model, law, grid, laws, expected, exponent)], ""


def _expected(model: AlignmentSum, level: float, law: WidthLaw) -> tuple[str, float]:
    """(the pattern that wins as d grows, its exponent); at N = const d one neuron, where more than one never pays."""
    order = vanishing_order(model)
    if law.power < 0:
        return "", math.nan
    best = winner(order, law.power)[0]
    if best == SPECIALIZATION and law.power == 1:
        large = replace(model, width=max(1, min(MAX_WIDTH, round(law.constant * MAX_DIM))), dim=MAX_DIM)
        if pattern_costs(large, level)[SPECIALIZATION].parameters["M"] == 1:
            best = ONE_NEURON
    return best, float(exponents(order, law.power)[best])


def _gp_series(model: AlignmentSum, level: float, dims: Sequence[int] | None, width: WidthLaw | None) -> tuple[list[Series], str]:
    """One grid a width; the d at which GP is not the cheapest are left out, and said."""
    order = vanishing_order(model)
    series, outside = [], []
    wanted = _checked(dims, model, GP_NAME) if dims is not None else None
    for size, standard in GP_GRIDS if width is None else ((None, DIMS[SPECIAL_NAME]),):
        law = width if size is None else width_law(size)
        assert law is not None
        inside = []
        for d in wanted or standard:
            table = pattern_costs(replace(model, width=law(d), dim=d), level)
            # GFL contains GP (D = 1), so what parts the two regimes is specialization.
            if table[GP].cost < table[SPECIALIZATION].cost:
                inside.append(d)
            else:
                outside.append(f"d = {d} at N = {law(d):g}")
        if len(inside) > 1 or (wanted is not None and inside):
            title = TITLES[GP_NAME].format(width=law.text, boundary=2 * order - 1)
            series.append(Series(GP_NAME, title, model, law, tuple(inside), two_layer_laws(model, level, law), GP, float(order)))
    return series, f"specialization is the cheaper at {', '.join(outside)}" if outside else ""


def _checked(dims: Sequence[int], model: AlignmentSum, name: str) -> tuple[int, ...]:
    """The d asked for, sorted and each once."""
    least = 2 if model.overlap == "full" and name != CNN_NAME else 1
    most = MAX_DIM**2 if name == CNN_NAME else MAX_DIM
    for d in dims:
        if isinstance(d, bool) or not isinstance(d, int) or not least <= d <= most:
            raise ModelError(f"dims: must be integers from {least} to {most:.0e}, got {d!r}")
    if not dims:
        raise ModelError("dims: needs at least one value of d")
    found = tuple(sorted(set(dims)))
    if name == CNN_NAME:
        for d in found:
            _root(d)
    return found


__all__ = ["SETTINGS", "Series", "series_of"]
