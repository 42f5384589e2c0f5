r"""The constants of a layer's hand-over: how strongly one neuron's output overlaps with a function in its preactivation.

With a preactivation w v + noise of variance rho (v a standard normal function of the input), the Hermite identity gives

    <phi, He_k(v)> = w^k E phi^(k)          lazy weights, w small: strength (2k-1)!! (E phi^(k))^2 (E w^2)^k on average over w
    erf            C_k (w^2/(1 + 2 rho + 2 w^2))^(k/2)                        so 1/G = ((1 + 2 rho)/w^2 + 2)^k/C_k^2
    relu, linear   b_k w^k (w^2 + rho)^((1-k)/2)                              so 1/G = (w^2 + rho)^(k-1)/(b_k^2 w^(2k))

Both inverse squared overlaps are posynomials in w, so that costs with constants stay geometric programs.  The target is
normalised, <y, y> = 1; of a sum of He_k the lowest degree that the network expresses counts.  2-parity: x_1 x_2 is reached from one
direction (w, w)/sqrt 2, with w_1 w_2 = w^2/2; its lazy average E(w_1 w_2)^2 is (E w^2)^2, and with one of the two directions
(1, +-1)/sqrt 2 stretched, 3/4 of (D E w^2)^2.
Source: derived in docs/theory.md, section 9.
Validity: leading order as the widths grow (rho at its prior mean, E over lazy w at leading order); erf, relu and linear.
"""

from __future__ import annotations

import math
from fractions import Fraction

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

    return float(homogeneous_averages(activation, (k,))[0]) * rho ** float((1.0 - k) / 2.0)


def share(target: Target, m: int) -> float:
    """y_m^2/<y, y>: what the degree m of the normalised target contributes for a unit of <phi, He_m>^2."""
    return dict(target.terms)[m] ** 2 / target.norm if target.terms else 1.0


def lazy_constant(layer: Layer, rho: float, degree: int, target: Target | None, stretched: bool) -> float:
    """Strength handed on from lazy or stretched weights, in units of (received strength)^degree; ``target`` None: a pass-through."""
    value = derivative(layer.activation, degree, rho) ** 2
    if target is None:
        return value
    if target.kind == "parity":
        return value * (0.75 if stretched else 1.0)
    return value * math.prod(range(2 * degree - 1, 0, -2)) * share(target, degree)


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


__all__ = ["derivative", "inverse_overlap", "lazy_constant", "noise", "require", "second_moment", "share"]
