r"""Exact tails and densities of sums by inversion of the cumulant generating function (ldt.numerics.inversion).

Which path: on a lattice the periodic line; where K is analytic off the real axis (gamma, chi-squares, Laplace, inverse Gaussian,
normal, compound Poisson sums of these) the bent one; else the straight one.  Some have a way of their own: few uniform terms (exact
rational arithmetic) and one term with a density (its own integral), both in ldt.tails.sum_single; sums of discrete and continuous
parts, and finitely many atoms off any lattice, in ldt.tails.sum_atoms; heavy-tailed terms whose transform is known on its cut, in
ldt.tails.heavy_exact.

The tail on x's side of the mean is computed by a saddle of its own sign; if it exceeds 1/2, the other is too, and the complement taken.
Every number is computed twice, with another crossing, slope or cut-off, and another step.  The error adds twice the change, the
cancellation (eps times the absolute over the signed sum) and the conditioning: eps times the exponents, which is also what
a last-digit change of x does to log P.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError, MethodError, NoTiltError
from ldt.models.law_atoms import IntegerLaw
from ldt.models.law_quadrature import SMALL, DensityLaw
from ldt.models.laws import Affine
from ldt.models.sums import Frame, Sum
from ldt.numerics.inversion import EPS, Inverted, bent, periodic, straight
from ldt.numerics.special import log_complement
from ldt.results import Cost
from ldt.tails.sum_saddle import curvature, reach, saddle

LOG_HALF = -math.log(2.0)
#: Two evaluations share the cgf and the conditioning: no error below this is claimed.
FLOOR = 2e-14
SAFETY = 4.0
MAX_LATTICE_NODES = 1 << 24
#: Spans from 0 out to which a heavy-tailed lattice law is answered by the complement of its light side.
MAX_HEAVY_LATTICE = 2000
#: Nodes times the values of one law known by its probabilities.
MAX_LATTICE_WORK = 1 << 30
MAX_NODES, MAX_NODES_QUADRATURE = 1 << 17, 1 << 14


@dataclass(frozen=True)
class SumDetail:
    """How a tail of a sum was found: the ``path``, the real ``tilt`` where it crosses, and the parts of the error (nats):
    ``variation`` between two evaluations, ``cancellation``, ``conditioning``.  ``certain`` is 'P = 0' or 'P = 1' where x lies outside the
    support, so that logp = -inf or 0 holds exactly."""

    path: str
    tilt: float = math.nan
    variation: float = 0.0
    cancellation: float = 0.0
    conditioning: float = 0.0
    nodes: int = 0
    certain: str = ""


@dataclass(frozen=True)
class Value:
    """log value, its error (nats), and how."""

    logp: float
    error: float
    detail: Any


def certain(probability: int) -> Value:
    """P = 0 or P = 1, exactly."""
    return Value(-math.inf if probability == 0 else 0.0, 0.0, SumDetail("support", certain=f"P = {probability}"))


def complement(value: Value) -> Value:
    """log(1 - P) of log P."""
    if value.detail.certain:
        return certain(0 if value.logp == 0.0 else 1)
    if value.logp == -math.inf:
        return Value(0.0, value.error, value.detail)
    if value.logp >= 0.0:
        return Value(math.nan, math.inf, value.detail)
    return Value(*log_complement(value.logp, value.error), value.detail)


def sum_exact(model: Sum, x: float, *, density: bool = False, side: str = "upper") -> Value:
    """log P(S >= x), log P(S <= x) for ``side='lower'``, or log p(x) (on a lattice, log P(S = x)), with its error in nats.

    NoTiltError where neither side has a tilt, MethodError where no exact method applies, ConvergenceError where none converged.
    """
    if model.degenerate:
        return _degenerate(model, x, density, side)
    if model.lattice is not None:
        return _on_lattice(model, x, density, side)
    outside = _outside(model, x, density, side)
    if outside is not None:
        return outside
    if model.discrete or any(law.discrete for law, _ in model.parts):
        from ldt.tails.sum_atoms import by_atoms

        return by_atoms(model, x, density, side)
    from ldt.tails.sum_single import single, uniform

    special = uniform(model, x, density, side) or single(model, x, density, side)
    if special is not None:
        return special
    if not (model.light("upper") and model.light("lower")):
        from ldt.tails.heavy_exact import without_tilt

        found = without_tilt(model, x, density=density, side=side)
        if found is not None:
            return found
    if density:
        return _density(model, x)
    value = _asked(model, x, side, lambda s: _tail(model, x, s))
    if side == "lower" and model.atom is not None and model.atom[0] == x:  # P(S <= x) = P(S < x) + P(S = x)
        return _with_atom(value, model.atom[1])
    return value


def _degenerate(model: Sum, x: float, density: bool, side: str) -> Value:
    value = model._mean
    if density:
        return certain(1) if x == value else certain(0)
    return certain(1) if (value >= x if side == "upper" else value <= x) else certain(0)


def _outside(model: Sum, x: float, density: bool, side: str) -> Value | None:
    """The exact answer where x is no inner point of the support of a law without atoms at its ends."""
    low, high = model.support
    if low < x < high:
        return None
    if model.atom is not None and x == model.atom[0]:  # an end of the support with positive probability
        if density:
            raise MethodError("level: the law has an atom there, so that no density exists")
        if (x == low) == (side == "upper"):
            return certain(1)
        return Value(model.atom[1], EPS * (1.0 + abs(model.atom[1])), SumDetail("atom"))
    if density:
        if x in (low, high):
            raise MethodError(f"level: {x:g} is an end of the support, where the density may be infinite; ask inside it")
        return certain(0)
    return certain(1) if (x <= low) == (side == "upper") else certain(0)


def _with_atom(value: Value, log_atom: float) -> Value:
    total = float(np.logaddexp(value.logp, log_atom))
    return Value(total, value.error + EPS * (1.0 + abs(log_atom)), value.detail)


def _asked(model: Any, x: float, side: str, one: Any) -> Value:
    """P(S >= x), or P(S < x) for the lower ``side``: directly where it is below 1/2 and has a tilt, else from the other."""
    order = ["upper", "lower"] if x >= model._mean or not math.isfinite(model._mean) else ["lower", "upper"]
    usable = [s for s in order if model.light(s)]
    if not usable:
        model.check_light(order[0])
    found: dict[str, Value] = {usable[0]: one(usable[0])}
    first = found[usable[0]]
    if len(usable) == 2 and not first.logp < LOG_HALF:
        found[usable[1]] = one(usable[1])
    if side in found:
        return found[side]
    value = complement(found["lower" if side == "upper" else "upper"])
    if side not in usable and not value.error < 1e-6:
        model.check_light(side)
    return value


def _judged(model: Any, first: Inverted, second: Inverted, conditioning: float, path: str, tilt: float, x: float) -> Value:
    variation = abs(first.log_value - second.log_value)
    cancellation = first.noise + second.noise
    error = 2.0 * variation + cancellation + conditioning + FLOOR
    if not error < 0.1:
        light = model.light("upper") and model.light("lower")
        use = "'saddlepoint' or 'importance'" if light else "'conditional' or 'montecarlo'"
        raise ConvergenceError(f"level: the inversion of {model.name} did not converge at {x:g}; use method={use}")
    nodes = first.nodes + second.nodes
    return Value(first.log_value, float(error), SumDetail(path, tilt, variation, float(cancellation), float(conditioning), nodes))


def _conditioning(model: Sum, s0: float, x: float) -> float:
    """What rounding of K, of the excess and of the laws' own quadrature does to log P."""
    laws = 0.0
    for law, n in model.parts:
        base = law.base if isinstance(law, Affine) else law
        if isinstance(base, DensityLaw):  # what the quadrature misses of the mass; a small tilt sees it only as far as it tilts
            tilt = abs(s0) * math.sqrt(law.var) if math.isfinite(law.var) else 1.0
            missed = base.tilted_defect(s0 * (law.weight if isinstance(law, Affine) else 1.0))
            laws += SAFETY * n * missed * (min(1.0, tilt) if tilt > SMALL else tilt * tilt)
    return EPS * (2.0 * model.frame(s0, x).size + abs(s0) * abs(x)) + laws


def _tail(model: Sum, x: float, side: str) -> Value:
    """P(S >= x), or P(S < x) for the lower side, through a saddle of that side."""
    value = _inverted(model, x, saddle(model, x, side, pole=True), False)
    atom = _taken_out(model, x)
    if atom is not None and (atom[0] >= x) == (side == "upper"):
        return _with_atom(value, atom[1])
    return value


def _taken_out(model: Sum, x: float) -> tuple[float, float] | None:
    """The atom (value, log probability), where the path needs it taken out: on the straight line, where it never decays; at x itself."""
    atom = model.atom
    return atom if atom is not None and (model.continuation != "cut" or atom[0] == x) else None


def _density(model: Sum, x: float) -> Value:
    sides = ["upper", "lower"] if x >= model._mean or not math.isfinite(model._mean) else ["lower", "upper"]
    usable = [s for s in sides if model.light(s)]
    if not usable:
        model.check_light(sides[0])
    # towards a side without a tilt no saddle exists, and any line will do: that of the tail
    return _inverted(model, x, saddle(model, x, usable[0], pole=usable[0] != sides[0]), True)


def _inverted(model: Sum, x: float, s0: float, density: bool) -> Value:
    """Twice along the path that fits."""
    conditioning = _conditioning(model, s0, x)
    taken = _taken_out(model, x)
    atom = None if taken is None else (taken[1], taken[0] - x)
    with np.errstate(over="ignore"):
        if model.continuation == "cut":
            first, second, step = None, None, 0.05
            for _ in range(4):
                first = _along_bend(model, x, s0, 0.6, step, density, atom)
                other = _moved(model, s0, density)
                second = _along_bend(model, x, other, 0.45, step / 1.31, density, atom)
                if abs(first.log_value - second.log_value) + first.noise + second.noise <= max(1e-13, 4.0 * conditioning):
                    break
                step *= 0.5
            assert first is not None and second is not None
            return _judged(model, first, second, conditioning, "bent", s0, x)
        slow = any(isinstance(law.base if isinstance(law, Affine) else law, DensityLaw) for law, _ in model.parts)
        most = MAX_NODES_QUADRATURE if slow else MAX_NODES
        left, right = reach(model, x, s0, density=density)
        step = 2.0 * math.pi / (left + right)
        frame = model.frame(s0, x)
        first = straight(frame.cgf, frame.excess, s0, frame.scale, step, density, most, atom)
        other = _moved(model, s0, density)
        left, right = reach(model, x, other, density=density)
        step = 2.0 * math.pi / (left + right) / 1.31
        frame = model.frame(other, x)
        second = straight(frame.cgf, frame.excess, other, frame.scale, step, density, most, atom)
        return _judged(model, first, second, conditioning, "straight", s0, x)


def _moved(model: Sum, s0: float, density: bool) -> float:
    """Another crossing of the real axis, a fraction of the saddle's width away and on the safe side of every singularity."""
    width = min(1.0 / math.sqrt(curvature(model, s0, not density)), *(abs(e - s0) for e in model.tilt_range))
    return s0 - math.copysign(0.2 * width, s0)


def _along_bend(
    model: Sum, x: float, s0: float, slope: float, step: float, density: bool, atom: tuple[float, float] | None
) -> Inverted:
    width = min(1.0 / math.sqrt(curvature(model, s0, not density)), *(0.9 * abs(e - s0) for e in model.tilt_range))
    side = float(np.sign(x - model.drift))
    frame = model.frame(s0, x)
    return bent(frame.cgf, frame.excess, s0, frame.scale, width, side * slope, step, density, atom)


# -- lattices ----------------------------------------------------------------------------------------------------------------


class _Scaled:
    """A lattice sum in units of its span, J = (S - offset)/span, as the saddle point routines see it."""

    def __init__(self, model: Sum, span: float, offset: float) -> None:
        self.model, self.span, self.offset = model, span, offset
        self._mean = (model._mean - offset) / span
        self._var = model._var / span**2
        self.support = tuple(round((e - offset) / span) if math.isfinite(e) else e for e in model.support)
        self.tilt_range = (model.tilt_range[0] * span, model.tilt_range[1] * span)
        self.lattice = (1.0, 0.0)
        self.light, self.check_light = model.light, model.check_light

    def frame(self, s0: float, j: float) -> Frame:
        inner = self.model.frame(s0 / self.span, self.offset + self.span * j)
        return Frame(lambda s: inner.cgf(s / self.span), inner.excess / self.span, inner.scale, inner.size)

    discrete = True

    def excess(self, j: float) -> float:
        return self.model.excess(self.offset + self.span * j) / self.span

    def centred(self, s: Any) -> Any:
        return self.model.centred(np.asarray(s) / self.span)

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        k, w = self.model.cumulants(s / self.span), self.span
        return k[0], (k[1] - self.offset) / w, k[2] / w**2, k[3] / w**3, k[4] / w**4


def lattice_index(model: Sum, x: float) -> tuple[int, bool]:
    """(the smallest k with offset + span k >= x, whether x is a lattice point), x within a few roundings of one counting as one."""
    assert model.lattice is not None
    span, offset = model.lattice
    place = (x - offset) / span
    near = round(place)
    slack = 8.0 * EPS * ((abs(x) + abs(offset)) / span + abs(place)) + 1e-12
    if abs(place - near) <= slack:
        return near, True
    return math.ceil(place), False


def _corner(model: Sum, scaled: _Scaled, k: int) -> Value | None:
    """P(S at an end of its support): every term is at its own end.  None elsewhere."""
    if k not in scaled.support:
        return None
    logs = [n * float(law.logpdf(law.support[k != scaled.support[0]])) for law, n in model.parts]
    if not all(math.isfinite(v) for v in logs):
        return None
    return Value(math.fsum(logs), 8.0 * EPS * math.fsum(abs(v) for v in logs), SumDetail("corner"))


def _on_lattice(model: Sum, x: float, density: bool, side: str) -> Value:
    assert model.lattice is not None
    span, offset = model.lattice
    k, on = lattice_index(model, x)
    scaled = _Scaled(model, span, offset)
    low, high = scaled.support
    far = "upper" if not k <= scaled._mean or scaled._mean == math.inf else "lower"
    if not model.light(far) and abs(k) > MAX_HEAVY_LATTICE:
        raise MethodError(
            f"method: 'exact' has no tilt on the {far} side of {model.name} (heavy tail on a lattice), and the complement of the other side"
            f" carries to {MAX_HEAVY_LATTICE} spans only; use method='montecarlo'"
        )
    if density:
        if not on or k < low or k > high:
            return certain(0)
        corner = _corner(model, scaled, k)
        if corner is not None:
            return corner
        sides = ["upper", "lower"] if k >= scaled._mean else ["lower", "upper"]
        usable = [s for s in sides if model.light(s)] or [sides[0]]
        model.check_light(usable[0])
        return _periodic(scaled, k, saddle(scaled, k, usable[0], pole=False), True)  # type: ignore[arg-type]
    if side == "lower":  # P(S <= x) = P(J < k), k the first lattice point above x
        k = k + 1 if on else k
    if k > high:
        return certain(0) if side == "upper" else certain(1)
    if k <= low:
        return certain(1) if side == "upper" else certain(0)
    for end, own in ((high, "upper"), (low, "lower")):  # one value on one side, all others on the other
        if math.isfinite(end) and k == (end if own == "upper" else end + 1):
            corner = _corner(model, scaled, int(end))
            if corner is not None:
                return corner if side == own else complement(corner)
    return _asked(scaled, k, side, lambda s: _periodic(scaled, k, saddle(scaled, k, s, pole=True), False))  # type: ignore[arg-type]


def _periodic(scaled: Any, k: int, s0: float, density: bool) -> Value:
    found = []
    for i, s in enumerate((s0, _moved(scaled, s0, density))):
        left, right = reach(scaled, k, s, density=density)
        m = math.ceil((left + right) * (1.0 + 0.31 * i)) + 3 + i
        if m > MAX_LATTICE_NODES:
            raise MethodError(
                f"method: 'exact' needs {m:.1e} nodes, because the sum spreads over that many lattice points; use method='saddlepoint'"
            )
        for law, _ in scaled.model.parts:
            base, weight = (law.base, law.weight) if isinstance(law, Affine) else (law, 1.0)
            points = len(base._window(s / scaled.span * weight)[0]) if isinstance(base, IntegerLaw) else 0
            if m * points > MAX_LATTICE_WORK:
                raise MethodError(f"method: 'exact' needs {m:.1e} nodes of {points:.1e} values each here; use method='montecarlo'")
        frame = scaled.frame(s, k)
        found.append(periodic(frame.cgf, frame.excess, s, frame.scale, m, density))
    x = scaled.offset + scaled.span * k
    conditioning = _conditioning(scaled.model, s0 / scaled.span, x)
    return _judged(scaled.model, found[0], found[1], conditioning, "periodic", s0 / scaled.span, x)


def run(model: Sum, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """The method 'exact': a dict of TailResult fields."""
    value = sum_exact(model, level, density=density, side=side)
    found: dict[str, Any] = {
        "logp": value.logp, "error": value.error, "error_kind": "estimate", "detail": value.detail, "cost": Cost(nodes=value.detail.nodes),
    }  # fmt: skip
    if value.detail.certain:
        return found | {"error_kind": "bound", "advice": f"{value.detail.certain} exactly: x is outside the support"}
    if not value.error < 1e-8 * max(1.0, 1e-3 * abs(value.logp)):
        advice = "the error is larger than usual: a rough density, or x near a point where the law is not smooth"
        return found | {"status": "warning", "advice": advice}
    return found | caution(model, level)


def caution(model: Sum, level: float) -> dict[str, Any]:
    """A warning where the model itself says that it is not to be trusted at this level (data)."""
    advice = model.caution(level)
    return {"status": "warning", "advice": advice} if advice else {}


__all__ = ["NoTiltError", "SumDetail", "Value", "certain", "complement", "lattice_index", "run", "sum_exact"]
