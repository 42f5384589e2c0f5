r"""Three layers, f = a.erf(W erf(V x)): the layer-wise variational energy, minimised numerically, and a rigorous sampled bound.

Trial laws, for <f, y> >= alpha with y = h_m(x_1), h_m = He_m/sqrt(m!), and q_1, rho_2 the prior variances of the preactivations:

    gp - gp - gp     alpha^2/(2 sigma_a^2 V):  y passes the middle layer at its own strength, or is made there as u^m; V is the sum
    gp - specialization - gp     M middle neurons whose preactivation is w u + noise r rho_2:
                     M [w^2/(2 s_u) + (N_1 - 1)(r - 1 - ln r)/2] + N_2 alpha^2/(2 M sigma_a^2 G(w, r)),   s_u the strength of u below
    specialization - gfl - gp    M first neurons with w_1 = w, |w_perp|^2 = r sigma_1^2, and the middle weights' variance along
                     (1, .., 1, 0, ..) of these M times D:
                     M [d w^2/(2 sigma_1^2) + (d - 1)(r - 1 - ln r)/2] + N_2 (D - 1 - ln D)/2 + alpha^2/(2 sigma_a^2 V),
                     V = E_t g(t)^2,  t ~ N(0, sigma_2^2 D M/N_1),  g(t) = E erf(t s(x) + sqrt rho_2 z) h_m(x_1),
                     s = mean over the M of erf(w x_1 + w_perp.x): mean erf(w x_1/sqrt(1 + 2 r)), variance 1/M of one's.
    ("shared" is the same law with +-t in place of a Gaussian t: dearer by ln D; at D = 1 the middle layer is GP.)
    gfl - gfl - gp   w_1 ~ N(0, D_1 sigma_1^2/d) in all first neurons, and the middle weights' variance along e = w_1/|w_1| times D_2:
                     N_1 (D_1 - 1 - ln D_1)/2 + N_2 (D_2 - 1 - ln D_2)/2 + alpha^2/(2 sigma_a^2 V),
                     V = E g(t)^2, t ~ N(0, sigma_2^2 D_2), g as above with s = e.phi/sqrt N_1, of variance E erf^2/N_1 and
                     mean E w_1 erf(w_1 x_1/sqrt(1 + 2 sigma_1^2)) over the standard deviation of w_1
    gfl - specialization - gp   the same first layer, and M middle neurons with t ~ N(w, sigma_2^2) and noise r rho_2:
                     N_1 (D_1 - 1 - ln D_1)/2 + M [w^2/(2 sigma_2^2) + (N_1 - 1)(r - 1 - ln r)/2] + N_2 alpha^2/(2 M sigma_a^2 E g(t)^2)

The energies are estimates: V at its mean, the bulk as Gaussian noise independent of x_1.  "gp - specialization" needs N_1 >> d besides:
the weights that read x_1 off N_1 random features read the other directions too, a noise of variance w^2 d/N_1 that its energy leaves
out (its bound at N_1 = d is several times its energy, at N_1 = 16 d about 5 % above it).  ``three_layer_bound`` draws the trial laws
but the first as real networks (a specialised middle neuron's weights have a mean w/(E erf' |V_1|) along the first layer's weights V_1 on
x_1, and a variance times r across): KL + E_q[-log Phi(-alpha/sqrt V)] >= -log P for any q, whatever the energies leave out.  There the
averages over x are two independent scrambled Sobol sets, V = mean g g' of the two, which is unbiased; since -log Phi(-alpha/sqrt V) is
convex in V, its noise can only raise the bound.
Source: [P] for the patterns; derived in docs/theory.md, section 9.
Validity: erf in both layers, odd m; the bound for N_1 d + N_1 N_2 up to about 1e5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError
from ldt.numerics.random import block_generator, entropy_of
from ldt.results import Cost, _Record

Array = NDArray[np.float64]
GP_GP, GP_SPECIAL, SPECIAL_GFL = "gp - gp - gp", "gp - specialization - gp", "specialization - gfl - gp"
GFL_GFL, GFL_SPECIAL = "gfl - gfl - gp", "gfl - specialization - gp"
MAX_WEIGHTS = 200_000


@dataclass(frozen=True)
class ThreeLayer:
    """Sizes and variances: ``variances`` are sigma_1^2, sigma_2^2 and sigma_a^2 (of a readout weight times N_2); target He_``degree``."""

    dim: int
    first: int
    second: int
    degree: int = 3
    variances: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def below(self) -> float:
        """E erf^2 of the first layer."""
        q = self.variances[0]
        return 2.0 / math.pi * math.asin(2.0 * q / (1.0 + 2.0 * q))

    @property
    def noise(self) -> float:
        """rho_2, the prior variance of a middle preactivation."""
        return self.variances[1] * self.below


@dataclass(frozen=True)
class Energy(_Record):
    """One trial law's leading energy in nats and its parameters (counts are integers)."""

    name: str
    cost: float
    parameters: dict[str, float | int]


@dataclass(frozen=True)
class ThreeLayerBound(_Record):
    """``bound`` >= -log P(A >= level) up to ``error`` (one standard error): ``divergence`` + ``loss`` of the trial law ``pattern``;
    ``mean_variance`` is E_q V."""

    pattern: str
    bound: float
    error: float
    divergence: float
    loss: float
    mean_variance: float
    parameters: dict[str, float | int]
    status: str
    advice: str
    seed: int
    cost: Cost = field(default_factory=Cost)


def energies(net: ThreeLayer, level: float) -> tuple[Energy, ...]:
    """The least leading energies [nats] of the five trial laws, cheapest first."""
    found = (_lazy(net, level), _second_layer(net, level), _first_layer(net, level), *_stretched_first(net, level))
    return tuple(sorted(found, key=lambda energy: energy.cost))


def _lazy(net: ThreeLayer, level: float) -> Energy:
    from ldt.models.alignment import AlignmentSum

    s1, s2, sa = net.variances
    first = AlignmentSum(1, net.dim, 1.0, s1, "orthonormal", net.degree, "erf", "full" if net.dim > 1 else "concentrated").variance
    slope = _derivative(1, net.noise)
    passed = slope**2 * s2 * first
    made = _double_factorial(net.degree) * (_derivative(net.degree, net.noise) * (s2 * _strength(net)) ** (net.degree / 2)) ** 2
    made /= math.factorial(net.degree)
    return Energy(GP_GP, level**2 / (2.0 * sa * (passed + made)), {})


def _derivative(k: int, rho: float) -> float:
    """E erf^(k)(sqrt rho z)."""
    from ldt.models.hermite import erf_constant

    return float(erf_constant(k) / (1.0 + 2.0 * rho) ** (k / 2.0))


def _double_factorial(k: int) -> int:
    return math.prod(range(2 * k - 1, 0, -2))


def _strength(net: ThreeLayer) -> float:
    """Strength of x_1 in the first layer's kernel."""
    return _derivative(1, net.variances[0]) ** 2 * net.variances[0] / net.dim


def _second_layer(net: ThreeLayer, level: float) -> Energy:
    from ldt.models.hermite import erf_constant

    sa, s_u = net.variances[2], net.variances[1] * _strength(net)
    scale = erf_constant(net.degree) ** 2 / math.factorial(net.degree)

    def parts(x: Array) -> tuple[float, float, float]:
        w2, r = math.exp(2.0 * x[0]), math.exp(x[1])
        overlap = scale * (w2 / (1.0 + 2.0 * w2 + 2.0 * r * net.noise)) ** net.degree
        return w2 / (2.0 * s_u) + (net.first - 1) * (r - 1.0 - x[1]) / 2.0, net.second * level**2 / (2.0 * sa * overlap), 0.0

    count, x, cost = _best_count(parts, net.second, [(0.3, -0.3), (0.0, -1e-3), (-1.0, -1e-3)])
    return Energy(GP_SPECIAL, cost, {"M2": count, "w2": math.exp(x[0]), "r2": math.exp(x[1])})


def _best_count(parts: Callable[[Array], tuple[float, float, float]], most: int, starts: list[Any]) -> tuple[int, Array, float]:
    """min over integers M <= most and x of M e(x) + demand(x)/M + rest(x): real M first, then the integers around it."""

    def at(count: int | None) -> tuple[float, Array]:
        def log_cost(x: Array) -> float:
            energy, demand, rest = parts(x)
            m = min(max(math.sqrt(demand / energy), 1.0), float(most)) if count is None else float(count)
            return math.log(m * energy + demand / m + rest)

        return _minimum(log_cost, starts)

    _, x = at(None)
    energy, demand, _ = parts(x)
    real = min(max(math.sqrt(demand / energy), 1.0), float(most))
    tried = {m: at(m) for m in {math.floor(real), min(math.ceil(real), most)}}
    count = min(tried, key=lambda m: tried[m][0])
    return count, tried[count][1], math.exp(tried[count][0])


def _minimum(function: Callable[[Array], float], starts: list[Any]) -> tuple[float, Array]:
    """Nelder-Mead from each start, restarted at the best: (value, point)."""
    from scipy.optimize import minimize

    def guarded(x: Array) -> float:
        return function(x) if np.all(np.abs(x) < 40.0) else 1e6

    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000, "maxfev": 4000}
    found = min((minimize(guarded, np.array(s), method="Nelder-Mead", options=options) for s in starts), key=lambda f: float(f.fun))
    again = minimize(guarded, found.x, method="Nelder-Mead", options=options)
    return float(again.fun), np.asarray(again.x)


# -- a stretched first layer -----------------------------------------------------------------------------------------------


def stretched_overlap(net: ThreeLayer, stretch: float, r: float, t: Any) -> Array:
    """g(t): the overlap of a middle neuron with h_m when t e.phi/sqrt N_1 is in its preactivation, the first layer's w_1 stretched by D_1
    and the neuron's other weights' variance by r."""
    from scipy.special import erf

    u, weight, _, _ = _rules(net.degree)
    s1, s2, _ = net.variances
    spread = stretch * s1 / net.dim
    x = u / math.sqrt(1.0 + 2.0 * s1)
    mean = math.sqrt(spread) * 2.0 / math.sqrt(math.pi) * x / np.sqrt(1.0 + 2.0 * spread * x * x)  # E w f(w) = E w^2 E f'(w)
    q = s1 + (stretch - 1.0) * s1 / net.dim
    below = 2.0 / math.pi * math.asin(2.0 * q / (1.0 + 2.0 * q))
    t = np.asarray(t, dtype=float)[..., None]
    return np.asarray(erf(t * mean / np.sqrt(1.0 + 2.0 * r * s2 * below + 2.0 * t * t * below / net.first)) @ weight)


def _stretched_first(net: ThreeLayer, level: float) -> tuple[Energy, Energy]:
    from ldt.patterns.two_layer import stretch_energy

    _, s2, sa = net.variances
    _, _, z, p = _rules(net.degree)

    def log_cost(x: Array) -> float:
        one, two = 1.0 + math.exp(x[0]), 1.0 + math.exp(x[1])
        spread = float(p @ stretched_overlap(net, one, 1.0, math.sqrt(s2 * two) * z) ** 2)
        cost = stretch_energy(one, net.first) + stretch_energy(two, net.second) + level**2 / (2.0 * sa * max(spread, 1e-300))
        return math.log(cost)

    value, x = _minimum(log_cost, [(1.0, 1.0), (-2.0, 2.0)])
    both = Energy(GFL_GFL, math.exp(value), {"D1": 1.0 + math.exp(x[0]), "D2": 1.0 + math.exp(x[1])})

    def parts(x: Array) -> tuple[float, float, float]:
        w, r, one = math.exp(x[0]), math.exp(x[1]), 1.0 + math.exp(x[2])
        spread = float(p @ stretched_overlap(net, one, r, w + math.sqrt(s2) * z) ** 2)
        energy = w * w / (2.0 * s2) + stretch_energy(r, net.first - 1)
        return energy, net.second * level**2 / (2.0 * sa * max(spread, 1e-300)), stretch_energy(one, net.first)

    count, x, cost = _best_count(parts, net.second, [(1.0, -0.3, 1.0), (0.5 * math.log(net.dim), -0.1, -2.0)])
    found: dict[str, float | int] = {"D1": 1.0 + math.exp(x[2]), "M2": count, "w2": math.exp(x[0]), "r2": math.exp(x[1])}
    return both, Energy(GFL_SPECIAL, cost, found)


# -- M neurons of the first layer ------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _rules(degree: int) -> tuple[Array, Array, Array, Array]:
    """(u, weight h_m(u) p(u)) on u > 0, doubled as everything is odd times odd, and (z, p(z)) for the Gaussian t."""
    t, h = np.polynomial.legendre.leggauss(16)
    edges = np.concatenate([np.linspace(0.0, 1.0, 6), np.linspace(1.4, 9.0, 12)])
    half = np.diff(edges)[:, None] / 2.0
    u = (half * (t + 1.0) + edges[:-1, None]).ravel()
    weight = 2.0 * (half * h).ravel() * np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi)
    hermite = np.polynomial.hermite_e.hermeval(u, [0.0] * degree + [1.0]) / math.sqrt(math.factorial(degree))
    z, p = np.polynomial.hermite_e.hermegauss(40)
    return u, weight * hermite, z, p / math.sqrt(2.0 * math.pi)


def overlap(net: ThreeLayer, count: int, w: float, r: float, t: Any) -> Array:
    """g(t): the overlap of a middle neuron with h_m when t times the mean of the M specialised neurons is in its preactivation."""
    from scipy.special import erf

    u, weight, z, p = _rules(net.degree)
    rho = r * net.variances[0]
    mean = erf(w * u / math.sqrt(1.0 + 2.0 * rho))
    square = erf(w * u[:, None] + math.sqrt(rho) * z) ** 2 @ p
    variance = np.maximum(square - mean**2, 0.0) / count
    t = np.asarray(t, dtype=float)[..., None]
    return np.asarray(erf(t * mean / np.sqrt(1.0 + 2.0 * net.noise + 2.0 * t * t * variance)) @ weight)


def _spread(net: ThreeLayer, count: int, x: Array) -> float:
    """E V/sigma_a^2 at x = (ln w, ln r, ln(D - 1))."""
    _, _, z, p = _rules(net.degree)
    t = math.sqrt(net.variances[1] * (1.0 + math.exp(x[2])) * count / net.first) * z
    return float(p @ overlap(net, count, math.exp(x[0]), math.exp(x[1]), t) ** 2)


def _second_divergence(net: ThreeLayer, count: int, w: float, r: float) -> float:
    from ldt.patterns.two_layer import stretch_energy

    # The mean is w over what the first layer's drawn weights on x_1 pass on, |V_1|: E 1/|V_1|^2 of a chi^2 with N_1 degrees of freedom.
    inverse = net.first / (net.first - 2.0)
    return count * (inverse * w * w / (2.0 * net.variances[1] * _strength(net)) + stretch_energy(r, net.first - 1))


def _divergence(net: ThreeLayer, count: int, w: float, r: float, stretch: float) -> float:
    from ldt.patterns.two_layer import stretch_energy

    first = net.dim * w * w / (2.0 * net.variances[0]) + stretch_energy(r, net.dim - 1)
    return count * first + stretch_energy(stretch, net.second)


def _first_layer(net: ThreeLayer, level: float) -> Energy:
    best: Energy | None = None
    count = 1
    while count <= net.first:

        def log_cost(x: Array, count: int = count) -> float:
            spread = _spread(net, count, x)
            w, r, stretch = math.exp(x[0]), math.exp(x[1]), 1.0 + math.exp(x[2])
            return math.log(_divergence(net, count, w, r, stretch) + level**2 / (2.0 * net.variances[2] * max(spread, 1e-300)))

        last = best.parameters if best is not None else {"w1": 1.6, "r1": 0.5, "D2": 5.0}
        start = (math.log(last["w1"]), math.log(last["r1"]), math.log(max(last["D2"] - 1.0, 1e-3)))
        value, x = _minimum(log_cost, [start] if best is not None else [start, (0.0, -0.1, 0.0), (0.9, -1.0, 3.0)])
        cost = math.exp(value)
        if best is not None and cost >= best.cost:
            break
        found: dict[str, float | int] = {"M1": count, "w1": math.exp(x[0]), "r1": math.exp(x[1]), "D2": 1.0 + math.exp(x[2])}
        best = Energy(SPECIAL_GFL, cost, found)
        count += 1 if count < 20 else count // 20
    assert best is not None
    return best


# -- the bound -------------------------------------------------------------------------------------------------------------


def three_layer_bound(
    net: ThreeLayer, level: float, *, parameters: dict[str, Any] | None = None, samples: int = 200, points: int = 4096, rng: Any = None
) -> ThreeLayerBound:
    """Upper bound [nats] on -log P(A >= level) of the network itself.

    Parameters
    ----------
    parameters : dict with M1, w1, r1, D2 or M2, w2, r2 or D1, D2 or D1, M2, w2, r2, optional
        Of the trial law "specialization - gfl", "gp - specialization", "gfl - gfl" or "gfl - specialization"; otherwise those of the
        least energy.
    samples : int
        Networks drawn.
    points : int
        Points of each Sobol set over x, a power of 2.

    Raises ModelError for a network that is too large.
    """
    import time

    from ldt.patterns.two_layer import stretch_energy

    if net.dim * net.first + net.first * net.second > MAX_WEIGHTS:
        raise ModelError(f"samples: the bound draws whole networks of at most {MAX_WEIGHTS} weights; this one has more")
    for name, value, low in (("samples", samples, 8), ("points", points, 64)):
        if type(value) is not int or not low <= value <= 2**22 or (name == "points" and value & (value - 1)):
            raise ModelError(f"{name}: must be an integer from {low}, a power of 2 for points, got {value!r}")
    start, entropy = time.perf_counter(), entropy_of(rng)
    if parameters is None:
        parameters = next(energy.parameters for energy in energies(net, level) if energy.parameters)
    p = dict(parameters)
    if set(p) == {"M1", "w1", "r1", "D2"} and 1 <= p["M1"] <= net.first:
        pattern, divergence = SPECIAL_GFL, _divergence(net, int(p["M1"]), p["w1"], p["r1"], p["D2"])
    elif set(p) == {"D1", "D2"}:
        pattern, divergence = GFL_GFL, stretch_energy(p["D1"], net.first) + stretch_energy(p["D2"], net.second)
    elif set(p) == {"D1", "M2", "w2", "r2"} and 1 <= p["M2"] <= net.second:
        each = p["w2"] ** 2 / (2.0 * net.variances[1]) + stretch_energy(p["r2"], net.first - 1)
        pattern, divergence = GFL_SPECIAL, stretch_energy(p["D1"], net.first) + p["M2"] * each
    elif set(p) == {"M2", "w2", "r2"} and 1 <= p["M2"] <= net.second and net.first > 2:
        pattern, divergence = GP_SPECIAL, _second_divergence(net, int(p["M2"]), p["w2"], p["r2"])
    else:
        raise ModelError(
            f"parameters: must be M1, w1, r1, D2 or M2, w2, r2 or D1, D2 or D1, M2, w2, r2, with M1, M2 up to the width, got {p}"
        )
    spreads = np.array([_drawn_spread(net, p, points, entropy, b) for b in range(samples)])
    cost = Cost(samples=samples, seconds=time.perf_counter() - start)
    if np.any(spreads <= 0.0):
        advice = "a drawn V was not positive: take more points"
        return ThreeLayerBound(pattern, math.inf, math.inf, divergence, math.inf, float(spreads.mean()), p, "failed", advice, entropy, cost)
    from scipy.special import log_ndtr

    losses = -log_ndtr(-level / np.sqrt(net.variances[2] * spreads))
    error = float(losses.std(ddof=1)) / math.sqrt(samples)
    few = net.second <= 8 or float(losses.max()) > 0.2 * float(losses.sum())
    advice = "1/V has heavy tails here: the standard error is unsure; take more samples, or a wider network" if few else ""
    return ThreeLayerBound(
        pattern, divergence + float(losses.mean()), error, divergence, float(losses.mean()), net.variances[2] * float(spreads.mean()), p,
        "warning" if few else "ok", advice, entropy, cost,
    )  # fmt: skip


def _drawn_spread(net: ThreeLayer, p: dict[str, Any], points: int, entropy: int, block: int) -> float:
    """V/sigma_a^2 of one network drawn from the trial law, unbiased over two independent sets of x."""
    random = block_generator(entropy, block)
    s1, s2, _ = net.variances
    first = random.standard_normal((net.first, net.dim)) * math.sqrt(s1 / net.dim)
    second = random.standard_normal((net.second, net.first)) * math.sqrt(s2 / net.first)
    if "M1" in p:
        count = int(p["M1"])
        first[:count, 1:] *= math.sqrt(p["r1"])
        first[:count, 0] += p["w1"]
        along = second[:, :count].mean(axis=1, keepdims=True)
        second[:, :count] += (math.sqrt(p["D2"]) - 1.0) * along
    else:
        first[:, 0] *= math.sqrt(p.get("D1", 1.0))
        norm = float(np.linalg.norm(first[:, 0]))
        axis = first[:, 0] / norm
        if "D2" in p:
            second += (math.sqrt(p["D2"]) - 1.0) * (second @ axis)[:, None] * axis
        count = int(p.get("M2", 0))
        along = (second[:count] @ axis)[:, None]
        mean = p.get("w2", 0.0) / (math.sqrt(net.first) if "D1" in p else _derivative(1, s1) * norm)
        second[:count] = math.sqrt(p.get("r2", 1.0)) * (second[:count] - along * axis) + (along + mean) * axis
    one, two = (overlaps_on(net, first, second, normal_points(net.dim, points, random)) for _ in range(2))
    return float(np.mean(one * two))


def normal_points(dim: int, points: int, random: np.random.Generator) -> Array:
    """A scrambled Sobol set of standard normal points, shape (points, dim)."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    uniform = qmc.Sobol(dim, rng=random).random(points)
    return np.asarray(ndtri(np.clip(uniform, 2.0**-40, 1.0 - 2.0**-40)))


def overlaps_on(net: ThreeLayer, first: Array, second: Array, x: Array) -> Array:
    """<erf(W erf(V x)), h_m(x_1)> of every middle neuron, averaged over the points ``x``."""
    from scipy.special import erf

    hermite = np.polynomial.hermite_e.hermeval(x[:, 0], [0.0] * net.degree + [1.0]) / math.sqrt(math.factorial(net.degree))
    return np.asarray(hermite @ erf(erf(x @ first.T) @ second.T) / len(x))


__all__ = ["Energy", "ThreeLayer", "ThreeLayerBound", "energies", "overlap", "stretched_overlap", "three_layer_bound"]
