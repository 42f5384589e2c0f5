r"""Sums with discrete parts off any common lattice with the rest.

All parts discrete, with finitely many values: they are listed and their probabilities added.  Discrete and continuous parts, D + C:

    P(S >= x) = sum_a P(D = a) P(C >= x - a),

over the atoms a that matter under the tilt of the whole sum; the probabilities of D come from the tilted lattice law by a discrete
Fourier transform, those of C from its own exact method.  Where there are too many atoms the straight contour is tried, and its
error says whether it converged.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ldt.errors import LdtError, MethodError
from ldt.models.law_atoms import Atoms
from ldt.models.laws import Affine, Law
from ldt.models.sums import Sum
from ldt.numerics.inversion import EPS

if TYPE_CHECKING:
    from ldt.tails.sum_exact import Value

MAX_LISTED = 200_000
MAX_CONDITIONED = 3000
#: Atoms below this share of the tilted law (log) are left out; their bound joins the error.
NEGLIGIBLE = -41.0


def by_atoms(model: Sum, x: float, density: bool, side: str) -> Value:
    """The exact value for sums with discrete parts that are not all on one lattice."""
    from ldt.tails.sum_exact import SumDetail, Value, _inverted, _tail, certain

    discrete = Sum([(law, n) for law, n in model.parts if law.discrete], model.name)
    rest = [(law, n) for law, n in model.parts if not law.discrete]
    if not rest:
        listed = _listed(model)
        if listed is None:
            raise MethodError(
                "method: the law is discrete with too many values off any lattice for 'exact'; use method='saddlepoint' or 'importance'"
            )
        values, logp = listed
        tie = 16.0 * EPS * (abs(x) + float(np.max(np.abs(values))))
        chosen = np.abs(values - x) <= tie if density else values >= x - tie if side == "upper" else values <= x + tie
        if not np.any(chosen):
            return certain(0)
        if np.all(chosen):
            return certain(1)
        value = float(np.logaddexp.reduce(logp[chosen]))
        return Value(value, 64.0 * EPS * (1.0 + abs(value)), SumDetail("listed atoms", nodes=len(values)))
    continuous = Sum([*rest, (_constant(model._constant), 1)], model.name)
    atoms = _tilted_atoms(model, discrete, x, side, density)
    if atoms is None:
        s_side = side if model.light(side) else ("lower" if side == "upper" else "upper")
        if density:
            from ldt.tails.sum_saddle import saddle

            return _inverted(model, x, saddle(model, x, s_side, pole=False), True)
        from ldt.tails.sum_exact import _asked

        return _asked(model, x, side, lambda s: _tail(model, x, s))
    return _conditioned(continuous, atoms, x, density, side)


def _conditioned(continuous: Sum, atoms: tuple[Any, Any, float], x: float, density: bool, side: str) -> Value:
    from ldt.tails.sum_exact import SumDetail, Value, complement, sum_exact

    values, logp, log_left = atoms
    results = []
    for a in values:
        try:
            results.append(sum_exact(continuous, x - float(a), density=density, side=side))
        except MethodError:  # an end of the support, in density only: a null set
            results.append(Value(-math.inf, 0.0, SumDetail("support")))
    logs = logp + np.array([r.logp for r in results])
    total = float(np.logaddexp.reduce(logs))
    if total == -math.inf:
        return Value(total, 0.0, SumDetail("support", certain="P = 0"))
    weights = np.exp(logs - total)
    share = math.exp(min(log_left - total, 0.0))
    error = float(np.sum(weights * np.array([r.error for r in results]))) + share + 32.0 * EPS * (1.0 + abs(total))
    nodes = sum(r.detail.nodes for r in results)
    value = Value(min(total, 0.0) if not density else total, error, SumDetail("atoms", cancellation=share, nodes=nodes))
    if not density and total > -0.3:  # close to 1: the other side is the small one
        other = "lower" if side == "upper" else "upper"
        flipped = [sum_exact(continuous, x - float(a), side=other) for a in values]
        logs = logp + np.array([r.logp for r in flipped])
        small = float(np.logaddexp.reduce(logs))
        return complement(Value(small, error, value.detail)) if small > -math.inf else value
    return value


def _constant(value: float) -> Law:
    from ldt.models.laws import Constant

    return Constant(value)


def _listed(model: Sum) -> tuple[Any, Any] | None:
    """(values, log probabilities) of a sum of finitely many atoms; None where there are too many."""
    values, logp = np.array([model._constant]), np.array([0.0])
    for law, n in model.parts:
        base = law.base if isinstance(law, Affine) else law
        weight, shift = (law.weight, law.shift) if isinstance(law, Affine) else (1.0, 0.0)
        if isinstance(base, Atoms):
            atoms, probabilities = base.values, base.logp
        elif math.isfinite(base.support[1] - base.support[0]) and base.support[1] - base.support[0] < 10_000 and base.lattice is not None:
            atoms = np.arange(base.support[0], base.support[1] + 0.5)
            probabilities = np.asarray(base.logpdf(atoms))
        else:
            return None
        if n > 10_000:
            return None
        for _ in range(n):
            if len(values) * len(atoms) > 20 * MAX_LISTED:
                return None
            values, logp = _merged((values[:, None] + (shift + weight * atoms)).ravel(), (logp[:, None] + probabilities).ravel())
            if len(values) > MAX_LISTED:
                return None
    return values, logp


def _merged(values: Any, logp: Any) -> tuple[Any, Any]:
    """Equal values (up to rounding) joined."""
    order = np.argsort(values, kind="stable")
    values, logp = values[order], logp[order]
    scale = 8.0 * EPS * float(np.max(np.abs(values), initial=0.0))
    starts = np.flatnonzero(np.append(True, np.diff(values) > scale))
    return values[starts], np.logaddexp.reduceat(logp, starts)


def _tilted_atoms(model: Sum, discrete: Sum, x: float, side: str, density: bool) -> tuple[Any, Any, float] | None:
    """(atoms, log probabilities, log of a bound on what is left out) of the discrete part, as far as they matter to the question.

    What is left out, and the rounding of the transform, is below m eps of the tilted law; Chernoff's factor exp(K(s) - s x) turns that into
    a probability (a density has the same scale up to the width of the tilted law).
    """
    from ldt.tails.sum_exact import _Scaled
    from ldt.tails.sum_saddle import reach, saddle

    if discrete.lattice is None:
        listed = _listed(discrete)
        return None if listed is None or len(listed[0]) > MAX_CONDITIONED else (*listed, -math.inf)
    upper = side == "upper" if not density else x >= model._mean
    towards = "upper" if upper else "lower"
    if (x >= model._mean) != upper or not model.light(towards):
        s0 = 0.0  # a probability that is not small: no tilt is needed
    else:
        s0 = saddle(model, x, towards, pole=not density)
    scaled = _Scaled(discrete, *discrete.lattice)
    s = s0 * scaled.span
    try:
        mean = scaled.cumulants(s)[1] if s0 else scaled._mean
        centre = round(mean)
        left, right = reach(scaled, centre, s if s else 1e-300, density=True)  # type: ignore[arg-type]
    except LdtError:
        return None
    m = math.ceil(left + right) + 8
    if not m <= 1 << 22:
        return None
    turn = 2j * math.pi / m * np.arange(m)
    j = centre + (np.arange(m) - m // 2)
    frame = scaled.frame(s, float(j[0]))
    base = frame.cgf(np.array([s + 0j]))[0]
    tilted = np.real(np.fft.fft(np.exp(frame.cgf(s + turn) - base - turn * frame.excess))) / m  # P_s(J = j[0] + i)
    keep = (tilted > 4e-17) & (j >= scaled.support[0]) & (j <= scaled.support[1])
    keep &= np.log(np.maximum(tilted, 1e-300)) > NEGLIGIBLE
    if np.count_nonzero(keep) > MAX_CONDITIONED:
        return None
    j, tilted = j[keep], tilted[keep]
    logp = np.log(tilted) + frame.scale - s * (j - (centre - m // 2))
    chernoff = model.frame(s0, x).scale
    scale = -0.5 * math.log(model.cumulants(s0)[2]) if density and s0 else 0.0
    return scaled.offset + scaled.span * j, logp, math.log(m * EPS) + chernoff + scale
