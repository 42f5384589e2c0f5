"""Which pattern wins where: the plane of two sizes' exponents cut, exactly, into the regions of the winner.

Every variant's exponent is a maximum of linear forms in the sizes' exponents (ldt.numerics.exact_programs), the winner's

    E(b) = min over variants q of max over vertices v of q of v(b).

The region where E equals one form v is: v is the largest form of a variant that has it, and no variant has all its forms below v.  It is
a union of convex polygons, cut out of a window by half-planes in rational arithmetic; polygons that make up one convex polygon
are joined.  A boundary is an equation of two monomials, such as N1^2 = N2 d.
Validity: inside the window, 0 <= both exponents <= ``top``; the other sizes are at the architecture's own widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

from ldt.errors import ModelError
from ldt.models.architecture import Architecture
from ldt.numerics.posynomials import Monomial
from ldt.patterns.engine import Variant, pattern_table, symbol_order, variants
from ldt.results import _Record

Point = tuple[Fraction, Fraction]
Line = tuple[Fraction, Fraction, Fraction]  # a x + b y + c
Polygon = tuple[Point, ...]
MOST_LAYERS = 4  # readout included: beyond, the vertices are too many to list


@dataclass(frozen=True)
class Region(_Record):
    """Where ``value`` is the winner's cost: ``winners`` attain it everywhere, ``partly`` in a part; ``polygons`` (convex, exact vertices in
    exponents) make it up.

    ``inequalities``: one list a polygon, each inequality (p, q, c) meaning p x + q y + c >= 0 for the two exponents x and y; ``conditions``
    are the same as comparisons of monomials.
    """

    value: Monomial
    winners: tuple[str, ...]
    partly: tuple[str, ...]
    polygons: tuple[Polygon, ...]
    inequalities: tuple[tuple[Line, ...], ...]
    conditions: tuple[tuple[str, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types; rationals as text."""
        return {
            "value": str(self.value), "winners": list(self.winners), "partly": list(self.partly),
            "conditions": [list(c) for c in self.conditions],
            "inequalities": [[[str(v) for v in line] for line in lines] for lines in self.inequalities],
            "polygons": [[[str(x), str(y)] for x, y in polygon] for polygon in self.polygons],
        }  # fmt: skip


@dataclass(frozen=True)
class PhaseDiagram(_Record):
    """The regions of the winner in the exponents of ``symbols`` (one or two), within 0 <= exponent <= ``top``."""

    picture: ClassVar[str] = "ldt.plots.patterns:plot_phases"

    symbols: tuple[str, ...]
    top: Fraction
    regions: tuple[Region, ...]
    architecture: Architecture = field(repr=False)

    def at(self, *exponents: Fraction | int | str) -> Region:
        """A region that contains these exponents."""
        x, y = (*(Fraction(e) for e in exponents), Fraction(1, 2) if len(self.symbols) == 1 else Fraction(0))[:2]
        for region in self.regions:
            if any(all(a * x + b * y + c >= 0 for a, b, c in _edges(polygon)) for polygon in region.polygons):
                return region
        raise ModelError(f"exponents: must be from 0 to {self.top}, got {', '.join(map(str, exponents))}")


def phases(architecture: Architecture, symbols: str | Sequence[str], top: Fraction | int | str = 6) -> PhaseDiagram:
    """The phase diagram of the winner in one or two sizes' exponents, exactly.

    Parameters
    ----------
    architecture : Architecture
    symbols : str or sequence of str
        One or two sizes, "N1,N2" say; the others stay at the architecture's widths.
    top : int, Fraction or str
        The largest exponent (of the base), at most 1000.

    Returns
    -------
    PhaseDiagram
        ``regions`` with exact polygons in exponents (no units), winners and conditions; ``plot`` draws it.

    Raises
    ------
    ModelError
        For symbols that are not sizes of the network, or a ``top`` that is no positive rational number.

    Notes
    -----
    E(b) = min over variants of max over vertices v of v(b), cut into polygons in rational arithmetic.
    Cost: tenths of a second to a minute, growing with the number of variants.
    Source: docs/theory.md, section 9.

    Examples
    --------
    >>> from ldt.models.architecture import Architecture, Layer, Target
    >>> net = Architecture((Layer("fully connected", {"inputs": "d", "width": "N"}), Layer("readout")), Target("hermite", 3),
    ...                    {"d": "d", "N": "d"})
    >>> for region in phases(net, "N").regions:
    ...     print(region.value, *region.conditions[0], *region.winners, sep=" | ")
    (N d^3)^(1/4) | N <= d | specialization - gp
    sqrt(N d) | N <= d^5 | d <= N | specialization - gp
    d^3 | d^5 <= N | gp - gp
    """
    names = tuple(s.strip() for s in symbols.split(",")) if isinstance(symbols, str) else tuple(symbols)
    for s in names:
        if s not in architecture.symbols:
            raise ModelError(f"phase: {s!r} is not a size of this network; its sizes: {', '.join(architecture.symbols)}")
    if not 1 <= len(names) <= 2 or len(set(names)) < len(names):
        raise ModelError(f"phase: needs one size or two different ones, got {', '.join(names)}")
    try:
        limit = Fraction(top)
    except (TypeError, ValueError, ZeroDivisionError):
        raise ModelError(f"top: must be a positive rational number, got {top!r}") from None
    if not 0 < limit <= 1000:
        raise ModelError(f"top: must be a positive rational number up to 1000, got {top!r}")
    if len(architecture.layers) > MOST_LAYERS:
        raise ModelError(f"phase: diagrams are for at most {MOST_LAYERS - 1} layers and the readout; exponents at given widths can be had")
    plane = _Plane(architecture, names)
    moving = [v for v in variants(architecture) if not v.resting]
    shapes = {plane.line(value): value for v in moving for value in v.program.values}
    forms = _without_dominated(list(dict.fromkeys(frozenset(plane.line(value) for value in v.program.values) for v in moving)))
    height = limit if len(names) == 2 else Fraction(1)
    zero = Fraction(0)
    window: Polygon = ((zero, zero), (limit, zero), (limit, height), (zero, height))
    regions = []
    for form in dict.fromkeys(f for group in forms for f in sorted(group)):
        pieces = _joined(_region(form, forms, window))
        if pieces:
            regions.append(_described(architecture, plane, moving, shapes[form], pieces, window))
    regions.sort(key=lambda r: min(r.polygons))
    return PhaseDiagram(names, limit, tuple(regions), architecture)


class _Plane:
    """Monomials in the sizes as lines in the plane of two exponents, and back."""

    def __init__(self, architecture: Architecture, names: tuple[str, ...]) -> None:
        self.names = names
        self.fixed = {s: p for s, p in architecture.exponents.items() if s not in names}
        self.base = architecture.base

    def line(self, value: Monomial) -> Line:
        x = value.power_of(self.names[0])
        y = value.power_of(self.names[1]) if len(self.names) == 2 else Fraction(0)
        return x, y, value.without(self.names).exponent(self.fixed)

    def condition(self, line: Line) -> str:
        """a x + b y + c >= 0 as a comparison of two monomials with whole exponents."""
        scale = math.lcm(*(v.denominator for v in line))
        powers = dict(zip((*self.names, self.base), (*line[: len(self.names)], line[2]), strict=True))
        whole = {s: int(v * scale) for s, v in powers.items()}
        shared = math.gcd(*whole.values()) or 1
        above = Monomial.of({s: Fraction(v, shared) for s, v in whole.items() if v > 0})
        below = Monomial.of({s: Fraction(-v, shared) for s, v in whole.items() if v < 0})
        return f"{below} <= {above}"


def _without_dominated(forms: list[frozenset[Line]]) -> list[frozenset[Line]]:
    """Leaves out a maximum of forms that contains another one's: it is never the smaller."""
    return [f for f in forms if not any(g < f for g in forms)]


def _region(form: Line, forms: Sequence[frozenset[Line]], window: Polygon) -> list[Polygon]:
    """The polygons on which the least of the maxima is ``form``."""
    found: list[Polygon] = []
    start = [window]
    for own in forms:
        if form not in own:
            continue
        inside = [p for polygon in start if (p := _clipped(polygon, [_minus(form, other) for other in own if other != form]))]
        # What is above this maximum is left for the other groups that have the form.
        start = [p for polygon in start for p in _outside(polygon, [_minus(form, other) for other in own if other != form])]
        found += inside
    for group in forms:
        if form in group:
            continue
        kept: list[Polygon] = []
        for polygon in found:
            rest: Polygon | None = polygon
            for other in sorted(group):
                if rest is None:
                    break
                part = _clip(rest, _minus(other, form))
                if part is not None:
                    kept.append(part)
                rest = _clip(rest, _minus(form, other))
        found = kept
    return found


def _minus(a: Line, b: Line) -> Line:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _clip(polygon: Polygon, line: Line) -> Polygon | None:
    """The part of a convex polygon with a x + b y + c >= 0, None where it has no area."""
    a, b, c = line
    sides = [a * x + b * y + c for x, y in polygon]
    if all(s >= 0 for s in sides):
        return polygon
    out: list[Point] = []
    for i, (p, s) in enumerate(zip(polygon, sides, strict=True)):
        q, t = polygon[i - 1], sides[i - 1]
        if (s > 0 > t) or (s < 0 < t):
            r = t / (t - s)
            out.append((q[0] + r * (p[0] - q[0]), q[1] + r * (p[1] - q[1])))
        if s >= 0:
            out.append(p)
    found = tuple(dict.fromkeys(out))
    return found if len(found) > 2 and _area(found) > 0 else None


def _clipped(polygon: Polygon, lines: Sequence[Line]) -> Polygon | None:
    found: Polygon | None = polygon
    for line in lines:
        if found is None:
            return None
        found = _clip(found, line)
    return found


def _outside(polygon: Polygon, lines: Sequence[Line]) -> list[Polygon]:
    """The convex pieces of a polygon on which some line is negative."""
    found = []
    rest: Polygon | None = polygon
    for line in lines:
        if rest is None:
            break
        part = _clip(rest, (-line[0], -line[1], -line[2]))
        if part is not None:
            found.append(part)
        rest = _clip(rest, line)
    return found


def _area(polygon: Polygon) -> Fraction:
    n = len(polygon)
    return sum((polygon[i][0] * polygon[(i + 1) % n][1] - polygon[(i + 1) % n][0] * polygon[i][1] for i in range(n)), Fraction(0)) / 2


def _hull(points: Sequence[Point]) -> Polygon:
    """Convex hull, counter-clockwise, without points inside its edges (Andrew's monotone chain)."""

    def half(order: Sequence[Point]) -> list[Point]:
        chain: list[Point] = []
        for p in order:
            while len(chain) > 1 and _area((chain[-2], chain[-1], p)) <= 0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    ordered = sorted(set(points))
    return tuple(half(ordered) + half(ordered[::-1]))


def _joined(pieces: list[Polygon]) -> tuple[Polygon, ...]:
    """Pieces whose union is convex made one, as long as there are any."""
    left = [_hull(p) for p in pieces]
    if len(left) > 1 and _area(_hull([x for p in left for x in p])) == sum(_area(p) for p in left):
        return (_hull([x for p in left for x in p]),)
    merged = True
    while merged:
        merged = False
        for i in range(len(left)):
            for j in range(i):
                hull = _hull(left[i] + left[j])
                if _area(hull) == _area(left[i]) + _area(left[j]):
                    left = [p for k, p in enumerate(left) if k not in (i, j)] + [hull]
                    merged = True
                    break
            if merged:
                break
    return tuple(sorted(left))


def _edges(polygon: Polygon) -> list[Line]:
    """The half-planes of a convex counter-clockwise polygon."""
    lines = []
    for (x, y), (u, v) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        a, b = y - v, u - x
        scale = max(abs(a), abs(b))
        lines.append((a / scale, b / scale, -(a * x + b * y) / scale))
    return lines


def _described(
    architecture: Architecture, plane: _Plane, found: Sequence[Variant], value: Monomial, pieces: tuple[Polygon, ...], window: Polygon
) -> Region:
    outer = set(_edges(window))
    lines = tuple(tuple(sorted(line for line in _edges(piece) if line not in outer)) for piece in pieces)
    conditions = tuple(tuple(plane.condition(line) for line in piece) for piece in lines)
    partly: dict[str, None] = {}
    for piece in pieces:
        middle = [sum((p[k] for p in piece), Fraction(0)) / len(piece) for k in (0, 1)]
        widths = {s: f"{architecture.base}^({e})" for s, e in zip(plane.names, middle, strict=False)}
        table = pattern_table(architecture.with_widths(**widths))
        partly |= {row.name: None for row in (table.winner, *table.ties)}
    # A maximum of linear forms that is nowhere below ``value`` and meets it at every corner of a convex polygon is it inside as well.
    corners = [dict(plane.fixed) | dict(zip(plane.names, corner, strict=False)) for piece in pieces for corner in piece]
    least = {name: [min(v.program.exponent(at) for v in found if v.name == name) for at in corners] for name in partly}
    winners = tuple(name for name in partly if least[name] == [value.exponent(at) for at in corners])
    rest = tuple(name for name in partly if name not in winners)
    return Region(value.ordered(symbol_order(architecture)), winners, rest, pieces, lines, conditions)


__all__ = ["PhaseDiagram", "Region", "phases"]
