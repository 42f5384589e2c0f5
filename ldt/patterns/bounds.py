"""Rigorous upper bounds on -log P(A >= alpha), one for every pattern.

Formula.  A given the weights is N(0, V), V = (c^2 sigma_a^2/N) sum_i g_i^2, so P = E[Phi(-alpha/sqrt V)], and
for any law q of the weights Jensen's inequality gives, exactly,
    -log P(A >= alpha) <= KL(q||prior) + E_q[-log Phi(-alpha/sqrt V)].
Two evaluations of the right-hand side, which share the law q only:
    sampling    every neuron drawn; the mean of ln q/prior - log Phi(-alpha/sqrt V), unbiased
    transform   KL by quadrature and, with G = sum g_i^2, b = N a^2, a = alpha/(|c| sigma_a), z^2 = b/G,
                Mills' inequality Phi(-z) >= phi(z) z/(1 + z^2):
                    -log Phi(-z) <= z^2/2 + ln(2 pi)/2 + ln(1 + z^2) - (ln z^2)/2,
                whose average is three integrals of psi(t) = E_q exp(-t G):
                    E 1/G = int psi dt,   E ln G = ln G_0 + int (e^(-t G_0) - psi) dt/t,
                    E ln(1 + G/b) = int (1 - psi) e^(-t b) dt/t.
                Deterministic, at any N; still an upper bound.
Source: Jensen's inequality for a Gaussian scale mixture, derived in docs/theory.md.
Validity: E_q 1/V must be finite.  With g ~ w^m at the origin GP and GFL need N > 2m neurons (6 for He_3);
sampling needs N > 4m for a finite variance and N > 8m for a standard error to be trusted; the result's status
says so.  Specialised laws, whose weights are cut away from 0, have no such limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ldt.errors import MethodError, ModelError
from ldt.models.layers import GFL, GP, SPECIALIZATION
from ldt.numerics.random import block_generator, entropy_of
from ldt.patterns.averages import reduced_level, require_overlap, weight_scale
from ldt.patterns.trials import TrialLaw
from ldt.patterns.two_layer import pattern_costs
from ldt.results import Cost, _Record

if TYPE_CHECKING:
    from ldt.models.alignment import AlignmentSum

MAX_DRAWS = 2_000_000_000  # neurons a call may draw
BLOCK_DRAWS = 20_000_000  # neurons a random stream serves


@dataclass(frozen=True)
class BoundResult(_Record):
    """-log P(A >= level) <= ``bound`` [nats], the sum of ``divergence`` KL(q||prior) and ``loss``.

    ``loss`` is E_q[-log Phi(-alpha/sqrt V)].  A sampled bound averages ln q/prior along with it, as the two vary
    against each other; there ``loss`` is what the exact divergence leaves of the sampled sum.
    ``error``: one standard error of ``bound`` (``error_kind`` "stderr"; infinite where the variance is), or the
    transform's numerical "estimate".
    ``transform``: the deterministic value of the same bound, a check of the sampled one; Mills' inequality makes
    it exceed the exact expectation by 2 E z^-4 or so.
    ``tail_index``: E_q V^-j is finite exactly for j below it.
    ``status``: "ok"; "warning", where ``advice`` says why the error is not to be trusted; "failed", where the
    bound is +infinity.
    """

    bound: float
    error: float
    error_kind: str
    divergence: float
    loss: float
    pattern: str
    parameters: dict[str, Any]
    method: str
    transform: float
    tail_index: float
    status: str = "ok"
    advice: str = ""
    level: float = math.nan
    seed: int | None = None
    cost: Cost = field(default_factory=Cost)
    model: Any = field(default=None, repr=False)


def trial_law(
    model: AlignmentSum, level: float, pattern: str, parameters: Mapping[str, Any] | None = None
) -> TrialLaw:
    """The trial law of a pattern; what ``parameters`` leaves out comes from the optimum of the leading
    energies.

    gp: none; gfl: D; specialization: M, mu, v, r, cut, sign, permutations (see ldt.patterns.trials).
    Raises ModelError for a pattern or parameter that does not exist.
    """
    allowed = {GP: (), GFL: ("D",), SPECIALIZATION: ("M", "mu", "v", "r", "cut", "sign", "permutations")}
    if pattern not in allowed:
        raise ModelError(f"pattern: must be one of {', '.join(allowed)}, got {pattern!r}")
    given = dict(parameters or {})
    for name in given:
        if name not in allowed[pattern]:
            options = ", ".join(allowed[pattern]) or "nothing"
            raise ModelError(f"parameters: {pattern} takes {options}, got {name!r}")
    if pattern == GP:
        return TrialLaw(model)
    row = pattern_costs(model, level)[pattern].parameters
    if pattern == GFL:
        return TrialLaw(model, inflation=float(given.get("D", row["D"])))
    count = _integer("M", given.get("M", row["M"]), 1, int(model.width))
    mu = float(given.get("mu", row["w"]))
    return TrialLaw(
        model,
        specialised=count,
        mu=mu,
        v=float(given.get("v", weight_scale(model) ** 2)),
        r=float(given.get("r", row.get("r", 1.0))),
        cut=float(given.get("cut", 0.5 * mu)),
        sign=float(given.get("sign", row["sign"])),
        permutations=bool(given.get("permutations", True)),
    )


def _integer(name: str, value: Any, low: int, high: int) -> int:
    try:
        number = int(value)
        good = not isinstance(value, (bool, str)) and number == value and low <= number <= high
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise ModelError(f"{name}: must be an integer from {low} to {high}, got {value!r}")
    return number


def _parameters(law: TrialLaw, pattern: str) -> dict[str, Any]:
    if pattern == GP:
        return {}
    if pattern == GFL:
        return {"D": law.inflation}
    names = ("mu", "v", "cut", "sign", "permutations") + (("r",) if law.model.overlap == "full" else ())
    return {"M": law.specialised} | {name: getattr(law, name) for name in names}


# -- the deterministic evaluation --------------------------------------------------------------------------


def mills_loss(law: TrialLaw, a: float) -> tuple[float, float]:
    """(E_q of Mills' bound on -log Phi(-z), a numerical error estimate); (inf, 0) where E_q 1/V is infinite.

    The integrals are trapezoidal in y = ln t, where the integrands are analytic in a strip of half-width
    pi/2; the estimate is the change when every second node is dropped.
    """
    if law.tail_index() <= 1.0:
        return math.inf, 0.0
    b, mean, step = float(law.model.width) * a * a, law.mean_total(), 0.2 if law.fine else 0.4
    y, blocks = -math.log(max(mean, b)) - 37.0, []
    while (
        True
    ):  # t psi(t) falls off like t^(1 - kappa) or faster: extend until what is left out is below 1e-14
        nodes = y + step * np.arange(50)
        log_psi = law.log_laplace(np.exp(nodes))
        blocks.append((nodes, log_psi))
        y = float(nodes[-1]) + step
        integrand = nodes + log_psi
        peak = max(float(np.max(p + q)) for p, q in blocks)
        if not math.isfinite(integrand[-1]):
            break
        slope = (integrand[-1] - integrand[-6]) / (5.0 * step)
        if y > 5.0 - math.log(mean) and slope < 0.0 and integrand[-1] - math.log(-slope) < peak - 33.0:
            break
        if y > 650.0:
            return math.inf, 0.0
    y_all = np.concatenate([p for p, _ in blocks])
    log_psi = np.concatenate([p for _, p in blocks])
    t = np.exp(y_all)
    inverse = np.exp(log_psi + y_all + math.log(mean))  # integrand of mean * E 1/G in y
    log_mean = np.exp(-t * mean) - np.exp(log_psi)
    small = t * mean < 1e-3  # there both are 1 - O(t): subtract in expm1 form
    log_mean[small] = np.expm1(-t[small] * mean) - np.expm1(log_psi[small])
    extra = -np.expm1(log_psi) * np.exp(-t * b)

    def total(every: int) -> float:
        h = step * every
        e_inverse = h * float(np.sum(inverse[::every])) / mean
        e_log = math.log(mean) + h * float(np.sum(log_mean[::every]))
        e_extra = h * float(np.sum(extra[::every]))
        return 0.5 * b * e_inverse + 0.5 * math.log(2.0 * math.pi) + 0.5 * math.log(b) - 0.5 * e_log + e_extra

    value = total(1)
    return value, abs(value - total(2)) + 1e-12 * abs(value)


# -- the sampled evaluation --------------------------------------------------------------------------------


def _sampled(law: TrialLaw, a: float, samples: int, entropy: int) -> tuple[float, float]:
    """(mean, standard error) of ln q/prior - log Phi(-z); every block of draws has its own stream."""
    from scipy.special import log_ndtr

    rows = max(1, min(samples, BLOCK_DRAWS // int(law.model.width)))
    values = np.empty(samples)
    for block, start in enumerate(range(0, samples, rows)):
        stop = min(start + rows, samples)
        totals, ratios = law.draw(stop - start, block_generator(entropy, block))
        with np.errstate(divide="ignore"):
            values[start:stop] = ratios - log_ndtr(-math.sqrt(float(law.model.width)) * a / np.sqrt(totals))
    if not np.all(np.isfinite(values)):
        return math.inf, math.inf
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(samples)


def default_samples(width: int) -> int:
    """Samples where none are asked for: about 2e7 neurons in all, 32 to 20 000 (V self-averages)."""
    return int(min(20_000, max(32, 20_000_000 // width)))


def variational_bound(
    model: AlignmentSum,
    level: float,
    pattern: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    method: str = "sampling",
    samples: int | None = None,
    rng: Any = None,
) -> BoundResult:
    """Upper bound [nats] on -log P(A >= level) from a pattern's trial law ("gp", "gfl" or "specialization").

    ``parameters`` fixes the law (see ``trial_law``).  ``method="sampling"`` draws all N neurons
    ``samples`` times; ``"transform"`` is deterministic and its work does not depend on N.  ``rng``: None,
    int, SeedSequence or Generator.

    Raises ModelError for a bad argument; MethodError, with the predicted cost, where sampling would draw
    over 2e9 neurons.

    Source: docs/theory.md (variational bounds).

    >>> from ldt.models.alignment import AlignmentSum
    >>> result = variational_bound(AlignmentSum(20, 20), 1.0, "specialization", samples=2000, rng=1)
    >>> result.status, result.bound + 4 * result.error > 173.317221
    ('ok', True)
    """
    return _evaluate(trial_law(model, level, pattern, parameters), level, pattern, method, samples, rng)


def _evaluate(
    law: TrialLaw, level: float, pattern: str, method: str, samples: int | None, rng: Any
) -> BoundResult:
    model, start = law.model, time.perf_counter()
    if method not in ("sampling", "transform"):
        raise ModelError(f"method: must be sampling or transform, got {method!r}")
    a = reduced_level(model, level)
    require_overlap(model)
    width = int(model.width)
    count = default_samples(width) if samples is None else samples
    count = _integer("samples", count, 2, 10**9)
    if method == "sampling" and count * width > MAX_DRAWS:
        raise MethodError(
            f"samples: {count} of {width} neurons are {count * width:.1e} draws, {count * width / 1e7:.0f} s or so;"
            f" at most {MAX_DRAWS:.0e} are made: take fewer samples, or method='transform'"
        )
    divergence, index = law.divergence(), law.tail_index()
    mills, mills_error = mills_loss(law, a)
    found: dict[str, Any] = {"divergence": divergence, "transform": divergence + mills, "tail_index": index}
    found |= {
        "pattern": pattern,
        "parameters": _parameters(law, pattern),
        "method": method,
        "level": float(level),
        "model": model,
    }
    if not math.isfinite(mills):
        advice = (
            f"E_q[1/V] is infinite (tail index {index:.3g} <= 1: too few neurons for this pattern), so the "
            "bound is +infinity; the specialization bound has no such limit"
        )
        kind = "stderr" if method == "sampling" else "estimate"
        return BoundResult(math.inf, math.inf, kind, loss=math.inf, status="failed", advice=advice, **found)
    if method == "transform":
        cost = Cost(seconds=time.perf_counter() - start)
        return BoundResult(divergence + mills, mills_error, "estimate", loss=mills, cost=cost, **found)
    entropy = entropy_of(rng)
    bound, error = _sampled(law, a, count, entropy)
    slack = 2.0 * _mills_excess(math.sqrt(width / law.mean_total()) * a)
    status, advice = _verdict(index, bound, error, divergence + mills, slack)
    if index <= 2.0:
        error = math.inf
    cost = Cost(samples=count * width, seconds=time.perf_counter() - start)
    found |= {"loss": bound - divergence, "status": status, "advice": advice}
    return BoundResult(bound, error, "stderr", seed=entropy, cost=cost, **found)


def _mills_excess(z: float) -> float:
    """ln of Phi(-z)/(phi(z) z/(1 + z^2)): what Mills' inequality gives away, about 2/z^4."""
    from scipy.special import log_ndtr

    return float(log_ndtr(-z)) + 0.5 * z * z + 0.5 * math.log(2.0 * math.pi) + math.log((1.0 + z * z) / z)


def _verdict(index: float, bound: float, error: float, transform: float, slack: float) -> tuple[str, str]:
    other = "; use method='transform'"
    if not math.isfinite(bound):
        return "failed", "a drawn V underflowed to 0" + other
    if index <= 2.0:
        return (
            "warning",
            f"Var_q[1/V] is infinite (tail index {index:.3g} <= 2), so no standard error exists" + other,
        )
    if index <= 4.0:
        return (
            "warning",
            f"1/V has no fourth moment (tail index {index:.3g} <= 4): the standard error is unsure" + other,
        )
    if bound - transform > 5.0 * error + 1e-9 * abs(
        bound
    ) or transform - bound > 5.0 * error + slack + 1e-9 * abs(bound):
        return "warning", "the samples and the deterministic transform disagree; take more samples" + other
    return "ok", ""


# -- the best of a pattern ---------------------------------------------------------------------------------


def best_bound(
    model: AlignmentSum,
    level: float,
    pattern: str,
    *,
    method: str = "sampling",
    samples: int | None = None,
    rng: Any = None,
) -> BoundResult:
    """The pattern's bound with its parameters optimised: D (gfl); M, mu, v, cut and r (specialization);
    none for gp.

    The optimiser sees the deterministic transform only, so the samples of the reported bound are fresh and
    it is unbiased. Arguments and errors as ``variational_bound``.

    >>> from ldt.models.alignment import AlignmentSum
    >>> result = best_bound(AlignmentSum(100, 20), 1.0, "specialization", method="transform")
    >>> 371.0126 < result.bound < 376.0
    True
    """
    a = reduced_level(model, level)
    law = trial_law(model, level, pattern)
    if pattern == GFL:
        law = _best_stretch(law, a)
    elif pattern == SPECIALIZATION:
        law = _best_specialists(law, a)
    return _evaluate(law, level, pattern, method, samples, rng)


def _objective(law: TrialLaw, a: float) -> float:
    return law.divergence() + mills_loss(law, a)[0]


def _best_stretch(law: TrialLaw, a: float) -> TrialLaw:
    """Golden-section descent in ln D, the bracket growing from the leading optimum."""
    from scipy.optimize import minimize_scalar

    if law.tail_index() <= 1.0:
        return law

    def cost(x: float) -> float:
        return _objective(TrialLaw(law.model, inflation=math.exp(x), fine=False), a)

    x, step = math.log(law.inflation), 0.3
    here = cost(x)
    for direction in (1.0, -1.0):
        while (there := cost(x + direction * step)) < here:
            x, here = x + direction * step, there
    found = minimize_scalar(cost, bounds=(x - step, x + step), method="bounded", options={"xatol": 1e-4})
    return TrialLaw(law.model, inflation=math.exp(float(found.x) if found.fun < here else x))


def _best_specialists(law: TrialLaw, a: float) -> TrialLaw:
    """Nelder-Mead at each M; M itself by strides that double on success and halve on failure."""
    m, stride = law.specialised, max(1, law.specialised // 8)
    tried = {m: _best_at(_with(law, fine=False), a)}
    while stride:
        here = m
        for k in (here + stride, here - stride):
            k = min(max(k, 1), int(law.model.width))
            if k not in tried:
                tried[k] = _best_at(_with(tried[here][1], specialised=k), a)
            if tried[k][0] < tried[m][0]:
                m = k
        stride = stride // 2 if m == here else 2 * stride
    return _with(tried[m][1], fine=True)


def _with(law: TrialLaw, **changes: Any) -> TrialLaw:
    from dataclasses import replace

    return replace(law, **changes)


def _best_at(law: TrialLaw, a: float) -> tuple[float, TrialLaw]:
    """Nelder-Mead in (ln mu, ln v, logit cut/mu, [ln r]) at one M: (objective, law)."""
    from scipy.optimize import minimize

    full = law.model.overlap == "full"

    def build(z: Any) -> TrialLaw:
        mu = math.exp(z[0])
        return _with(
            law, mu=mu, v=math.exp(z[1]), cut=mu / (1.0 + math.exp(-z[2])), r=math.exp(z[3]) if full else 1.0
        )

    def cost(z: Any) -> float:
        try:
            return _objective(build(z), a)
        except (ModelError, OverflowError):  # a cut that leaves nothing to sample: not a law to consider
            return math.inf

    ratio = min(max(law.cut / law.mu, 0.02), 0.98)
    z0 = np.array(
        [math.log(law.mu), math.log(law.v), math.log(ratio / (1.0 - ratio)), math.log(law.r)][
            : 4 if full else 3
        ]
    )
    simplex = np.vstack([z0, z0 + np.diag([0.05, 0.3, 0.3, 0.1][: z0.size])])
    found = minimize(
        cost,
        z0,
        method="Nelder-Mead",
        options={"xatol": 3e-3, "fatol": 1e-3, "maxfev": 160, "initial_simplex": simplex},
    )
    return float(found.fun), build(found.x)
