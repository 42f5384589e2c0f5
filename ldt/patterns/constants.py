r"""The constants of a layer's hand-over: how strongly one neuron's output overlaps with a function in its preactivation.

With a preactivation w v + noise of variance rho (v a standard normal function of the input), the Hermite identity gives

    <phi, He_k(v)> = w^k E phi^(k)          w small
    erf            C_k (w^2/(1 + 2 rho + 2 w^2))^(k/2)                        so 1/G = ((1 + 2 rho)/w^2 + 2)^k/C_k^2
    relu, linear   b_k w^k (w^2 + rho)^((1-k)/2)                              so 1/G = (w^2 + rho)^(k-1)/(b_k^2 w^(2k))

Both inverse squared overlaps are posynomials in w, so that costs with constants stay geometric programs.  Lazy and stretched weights
hand on the average of the squared overlap over w ~ N(0, v), which is (2k-1)!! (E phi^(k))^2 v^k for small v and saturates; its
inverse is fitted, once and for all v, by a posynomial in 1/v (``average_fit``: within 3 %, in whole powers within 25 %).

The target is normalised, <y, y> = 1; of a sum of He_k the lowest degree that the network expresses counts.  2-parity: x_1 x_2 is
reached from one direction (w, w)/sqrt 2, with w_1 w_2 = w^2/2; its lazy average E(w_1 w_2)^2 is v^2, and with one of the two
directions (1, +-1)/sqrt 2 stretched, 3/4 of (D v)^2, both at leading order in v.
Source: derived in docs/theory.md, section 9.
Validity: rho at its prior mean; erf, relu and linear.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from ldt.errors import ModelError
from ldt.models.architecture import Architecture, Layer, Target
from ldt.numerics.posynomials import Monomial, Posynomial

WITH_CONSTANTS = ("erf", "relu", "linear")


def second_moment(activation: str, q: float) -> float:
    """E phi(sqrt q z)^2.

    >>> round(second_moment("erf", 1.0), 12) == round(2 / math.pi * math.asin(2 / 3), 12)
    True
    """
    require(activation)
    return 2.0 / math.pi * math.asin(2.0 * q / (1.0 + 2.0 * q)) if activation == "erf" else q / 2.0 if activation == "relu" else q


def require(activation: str) -> None:
    """ModelError where the constants are not known."""
    if activation not in WITH_CONSTANTS:
        raise ModelError(f"activation: numbers are known for {', '.join(WITH_CONSTANTS)}; {activation!r} has exponents only")


def noise(architecture: Architecture) -> tuple[float, ...]:
    """rho of every layer: the prior variance of its preactivations, sigma^2 E phi^2 of the layer below (1 at the input).

    For the readout it is the prior variance of f where the prior is "standard".
    """
    found, q = [], 1.0
    for layer in architecture.layers:
        rho = layer.weight_variance * q
        found.append(rho)
        q = second_moment(layer.activation, rho) if layer.rules.activated else rho
    return tuple(found)


def derivative(activation: str, k: int, rho: float) -> float:
    """E phi^(k)(sqrt rho z)."""
    require(activation)
    if activation == "erf":
        from ldt.models.hermite import erf_constant

        return float(erf_constant(k) / (1.0 + 2.0 * rho) ** (k / 2.0))
    from ldt.models.hermite import homogeneous_averages

    return float(homogeneous_averages(activation, (k,))[0] * rho ** ((1.0 - k) / 2.0))


def share(target: Target, m: int) -> float:
    """y_m^2/<y, y>: what the degree m of the normalised target contributes for a unit of <phi, He_m>^2."""
    return dict(target.terms)[m] ** 2 / target.norm if target.terms else 1.0


def lazy_constant(layer: Layer, rho: float, degree: int, target: Target | None, stretched: bool) -> float:
    """Strength handed on from lazy or stretched weights at leading order, in units of (received strength)^degree; ``target`` None: of
    the function itself that is received."""
    value = derivative(layer.activation, degree, rho) ** 2
    if target is None:
        return value
    if target.kind == "parity":
        return value * (0.75 if stretched else 1.0)
    return value * math.prod(range(2 * degree - 1, 0, -2)) * share(target, degree)


def average_inverse(layer: Layer, rho: float, degree: int, target: Target | None, inverse: Posynomial) -> Posynomial:
    """1/E G over w ~ N(0, v), as a posynomial; ``inverse`` is 1/v.  Linear layers exactly; parity with w along (1, 1), as
    stretched weights are, where (w_1 w_2)^2/|w|^2 = w^4/(4 (rho + w^2)) but for the small weight across.

    >>> erf = Layer("fully connected", {"inputs": "d", "width": "N"})
    >>> gp = average_inverse(erf, 1.0, 3, Target("hermite", 3), Posynomial((Monomial.of({"d": Fraction(1)}),)))
    >>> round(gp.value({"d": 100.0}) / (6 * math.pi / 16) / (2 * 1.0286e6), 2)    # 1/(2 E g^2) of docs/theory.md, section 7
    1.0
    """
    if layer.activation == "linear":
        return inverse**degree * Monomial(1.0 / lazy_constant(layer, rho, degree, target, False))
    require(layer.activation)
    from ldt.models.hermite import erf_constant, homogeneous_averages

    homogeneous = layer.activation == "relu"
    scale = (float(homogeneous_averages("relu", (degree,))[0]) if homogeneous else erf_constant(degree)) ** -2
    scale *= 1.0 if target is None else 4.0 if target.kind == "parity" else 1.0 / share(target, degree)
    whole = len(inverse.terms) > 1
    x = inverse * Monomial(rho if homogeneous else 1.0 + 2.0 * rho)
    found = Posynomial()
    for power, coefficient in average_fit(homogeneous, degree, whole):
        part = x ** int(power) if whole else Posynomial((x.terms[0] ** power,))
        found = found + part * Monomial(coefficient)
    return found * Monomial(scale) * (inverse if homogeneous else Posynomial((Monomial(),)))


@lru_cache(maxsize=64)
def average_fit(homogeneous: bool, k: int, whole: bool) -> tuple[tuple[Fraction, float], ...]:
    """(powers, coefficients) of the posynomial in x = 1/v that fits, in relative error, 1/E[(z^2/(x + 2 z^2))^k] (erf) or
    1/E[z^(2k)/(x + z^2)^(k-1)] (homogeneous), z ~ N(0, 1), for 1e-3 <= x <= 1e9; ``whole`` powers only where x is to be a sum.
    """
    import numpy as np
    from scipy.optimize import nnls

    top = k - 1 if homogeneous else k
    step = Fraction(1) if whole else Fraction(1, 4) if top == 1 else Fraction(1, 2)
    powers = [j * step for j in range(int(top / step) + 1)]
    x = np.logspace(-3.0, 9.0, 121)
    u = np.linspace(-12.0, 3.0, 3001)  # u = ln z: the integrand decays at both ends, so the trapezoidal rule converges exponentially
    z2 = np.exp(2.0 * u)
    density = np.exp(u - 0.5 * z2) * (u[1] - u[0]) * 2.0 / math.sqrt(2.0 * math.pi)
    ratio = z2**k / (x[:, None] + z2) ** (k - 1) if homogeneous else (z2 / (x[:, None] + 2.0 * z2)) ** k
    truth = ratio @ density  # the inverse of what is fitted
    table = np.array([x ** float(p) for p in powers]).T * truth[:, None]
    coefficients, _ = nnls(table, np.ones(x.size), maxiter=10_000)
    return tuple((p, float(c)) for p, c in zip(powers, coefficients, strict=True) if c > 0.0)


def inverse_overlap(layer: Layer, rho: float, degree: int, target: Target | None, w: str) -> Posynomial:
    """1/G as a posynomial in the amplitude ``w``; ``target`` None: of the linear direction.

    >>> erf = Layer("fully connected", {"inputs": "d", "width": "N"})
    >>> talk = inverse_overlap(erf, 1.0, 3, Target("hermite", 3), "w")
    >>> round(talk.value({"w": 3**0.5}) / (27 * 6 * math.pi / 16), 12)      # (3/w^2 + 2)^3 and the orthonormal target
    1.0
    """
    k, a = degree, Monomial.of({w: Fraction(-2)})
    require(layer.activation)
    if layer.activation == "erf":
        from ldt.models.hermite import erf_constant

        scale = erf_constant(k) ** -2
        body = Posynomial.of([Monomial(1.0 + 2.0 * rho) * a, Monomial(Fraction(2))]) ** k
    else:
        from ldt.models.hermite import homogeneous_averages

        scale = float(homogeneous_averages(layer.activation, (k,))[0]) ** -2
        body = Posynomial.of([Monomial.of({w: Fraction(2)}), Monomial(rho)]) ** (k - 1) * a**k
    if target is not None:
        scale *= 4.0 if target.kind == "parity" else 1.0 / share(target, k)
    return body * Monomial(scale)


__all__ = ["average_fit", "average_inverse", "derivative", "inverse_overlap", "lazy_constant", "noise", "require", "second_moment", "share"]
