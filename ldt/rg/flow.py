r"""u > 0 on the continuum: the one-loop flow of (r, u) as the cutoff falls, mode by mode.

    S = sum_k f_k^2/lambda_k + r int (f-y)^2 + u int (f-y)^4,     weight exp(-S/2),     int = average over the data measure,

phi_k orthonormal under it.  With S/2 as the energy, u = 0 is the posterior of prior variances lambda_k and r = P/s^2.  Write f - y = g + h,
h the eliminated modes: at u = 0 a Gaussian of means m_k = -y_k/(1 + r lambda_k) and variances G_k = lambda_k/(1 + r lambda_k).  What
couples them to g is

    X = 6u int g^2 h^2 + 4u int g h^3 + 4u int g^3 h,      S' = S + <X> - Var(X)/4 + ...,

and for white high modes (int g^2 phi_k^2 = int g^2, int g^3 phi_k = 0, g slow against them: int int g^2 C^2 g^2 = int g^4 sum G_k^2)

    r' = r + 6u sum_k (G_k + m_k^2),      u' = u - 18 u^2 sum_k (G_k^2 + 2 G_k m_k^2).

One mode at a time these are the flow equations. *Exact*: the first-order term of r' without targets above the cutoff, on a basis with sum
phi_k^2 constant in each shell (Fourier pairs). *One loop*: the u^2 term of u' (leading order in derivatives of g). *Heuristic*: the terms
in m_k^2, which take the target's high modes for white too. *Neglected*: (int g^3 h)^2 (a sextic coupling), two-loop terms of order u^2 in
r' (the mode-by-mode flow has those of a single pair; not the sunset 4u^2 <(int h^3)^2> between pairs), and order u^3. At u = 0 the modes
of the continuum action do not couple, so r does not flow: the ridge of ldt.rg.ridge is an effect of finite data.

*Scaling.* Lengths in units of the cutoff's, f in units of its amplitude: r~ = r Lambda^(-1-a), u~ = u Lambda^(-1-2a). As Lambda falls
both grow, with exponents 1 + a and 1 + 2a (relevant) while r~ << 1; from k* = r^(1/(1+a)) down the data pin the modes and the strength of
the loop,

    loop = 18 u Lambda G_Lambda^2      (= -du/dlog(1/Lambda)/u; also the shift of u over one e-fold),

turns from growth with exponent 1 + 2a to decay with exponent 1 (irrelevant). Its peak, near k*, decides: with r = P/s^2 and u = P v it
falls as P^(-a/(1+a)). """

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ldt.errors import ModelError, positive
from ldt.results import _Record
from ldt.rg.ridge import Array, _spectrum


@dataclass(frozen=True)
class Action(_Record):
    """S with prior variances ``spectrum`` (K,), couplings ``r`` > 0 and ``u`` >= 0 and the target's modes ``target`` (K,)."""

    spectrum: Array
    r: float
    u: float
    target: Array

    @classmethod
    def of(cls, spectrum: Any, r: float, u: float, target: Any = None) -> Action:
        """Checked; ``target`` defaults to 0.

        Raises
        ------
        ModelError
            For couplings out of range or shapes that differ.
        """
        lam = _spectrum(spectrum)
        r, u = positive("r", r), positive("u", u, zero=True)
        y = np.zeros(len(lam)) if target is None else np.asarray(target, dtype=float)
        if y.shape != lam.shape or not np.all(np.isfinite(y)):
            raise ModelError(f"target: must have one finite number for each of {len(lam)} modes, got shape {y.shape}")
        return cls(lam, r, u, y)


@dataclass(frozen=True)
class Flow(_Record):
    """The couplings at every cutoff, from K (nothing eliminated) down: arrays of equal length.

    ``r_scaled`` = r lambda_Lambda, ``u_scaled`` = u Lambda lambda_Lambda^2, ``loop`` = 18 u Lambda G_Lambda^2, at cutoffs >= 1.
    """

    picture: ClassVar[str] = "ldt.plots.rg:plot_flow"

    cutoff: Array
    r: Array
    u: Array
    r_scaled: Array
    u_scaled: Array
    loop: Array
    status: str
    advice: str = ""


def one_loop(action: Action, down_to: int = 0) -> Flow:
    """Eliminate modes K, K-1, .., down_to + 1, each with the couplings that the ones before it left.

    Returns
    -------
    Flow
        ``warning`` where the loop strength exceeds 0.3 or u turns negative: one loop is then no longer enough.

    >>> flow = one_loop(Action.of([1.0, 0.25], 1.0, 0.1), down_to=1)
    >>> flow.r.tolist(), flow.u.round(12).tolist()   # G = 0.2
    ([1.0, 1.12], [0.1, 0.0928])
    """
    lam, y = action.spectrum, action.target
    modes = len(lam)
    if isinstance(down_to, bool) or not isinstance(down_to, (int, np.integer)) or not 0 <= down_to <= modes:
        raise ModelError(f"down_to: must be an integer from 0 to {modes}, got {down_to!r}")
    r, u = action.r, action.u
    rs, us = [r], [u]
    for k in range(modes - 1, down_to - 1, -1):
        g = lam[k] / (1.0 + r * lam[k])
        m2 = (y[k] / (1.0 + r * lam[k])) ** 2
        r, u = r + 6.0 * u * (g + m2), u - 18.0 * u * u * g * (g + 2.0 * m2)
        rs.append(r)
        us.append(u)
    cutoff = np.arange(modes, down_to - 1, -1)
    ra, ua = np.array(rs), np.array(us)
    top = lam[np.maximum(cutoff, 1) - 1]
    g_top = top / (1.0 + ra * top)
    loop = 18.0 * ua * cutoff * g_top**2
    bad = bool((ua < 0.0).any() or loop.max() > 0.3)
    advice = f"the loop strength reaches {loop.max():.2g} and u falls to {ua.min():.2g}: beyond one loop" if bad else ""
    return Flow(cutoff.astype(float), ra, ua, ra * top, ua * cutoff * top**2, loop, "warning" if bad else "ok", advice)


def reduced(action: Action, kept: int, flowed: bool = True) -> Action:
    """The action of the first ``kept`` modes, with the couplings that flowed there (or, for comparison, the bare ones)."""
    if not 1 <= kept <= len(action.spectrum):
        raise ModelError(f"kept: must be an integer from 1 to {len(action.spectrum)}, got {kept!r}")
    flow = one_loop(action, kept)
    r, u = (float(flow.r[-1]), float(flow.u[-1])) if flowed else (action.r, action.u)
    return Action.of(action.spectrum[:kept], r, u, action.target[:kept])


@dataclass(frozen=True)
class ScalingInterval(_Record):
    """Cutoffs ``low`` .. ``high`` over which the local exponent d log(quantity)/d log(1/Lambda) stays within ``tolerance`` of the
    ``predicted`` one; ``measured`` is the fit over it (None where there is no such interval of at least a factor 2)."""

    quantity: str
    predicted: float
    tolerance: float
    low: float | None
    high: float | None
    measured: float | None


def scaling_intervals(flow: Flow, exponent: float, tolerance: float = 0.1) -> tuple[ScalingInterval, ...]:
    """Where the flow scales: r~ (1 + a), u~ (1 + 2a), and the loop strength above (1 + 2a) and below (-1) the scale k*.

    A positive exponent means growth as the cutoff falls (relevant), a negative one decay (irrelevant).  Needs u > 0.
    """
    if not (flow.u > 0.0).all():
        raise ModelError("flow: scaling intervals need u > 0 along the whole flow")
    wanted = (
        ("r scaled", flow.r_scaled, 1.0 + exponent), ("u scaled", flow.u_scaled, 1.0 + 2.0 * exponent),
        ("loop, above k*", flow.loop, 1.0 + 2.0 * exponent), ("loop, below k*", flow.loop, -1.0),
    )  # fmt: skip
    return tuple(_interval(name, flow.cutoff, values, predicted, tolerance) for name, values, predicted in wanted)


def _interval(name: str, cutoff: Array, values: Array, predicted: float, tolerance: float) -> ScalingInterval:
    keep = cutoff >= 1.0
    x, v = -np.log(cutoff[keep]), np.log(values[keep])
    grid = np.linspace(x[0], x[-1], max(2, round(8 * float(x[-1] - x[0]))))  # eight points an e-fold
    w = np.interp(grid, x, v)
    near = np.abs(np.diff(w) / np.diff(grid) - predicted) <= tolerance
    best, start = (0, 0), None
    for i, good in enumerate([*near, False]):
        if good and start is None:
            start = i
        elif not good and start is not None:
            best, start = max(best, (i - start, start)), None
    length, first = best
    if length == 0 or grid[first + length] - grid[first] < math.log(2.0):
        return ScalingInterval(name, predicted, tolerance, None, None, None)
    part = slice(first, first + length + 1)
    slope = float(np.polyfit(grid[part], w[part], 1)[0])
    return ScalingInterval(name, predicted, tolerance, float(np.exp(-grid[first + length])), float(np.exp(-grid[first])), slope)


__all__ = ["Action", "Flow", "ScalingInterval", "one_loop", "reduced", "scaling_intervals"]
