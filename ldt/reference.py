r"""Systems with known answers: numbers and closed forms to check this package (or another) against.

Tables.  ``TWO_LAYER``: -log P(A >= 1) of the two-layer erf network with target He_3, c = "talk".  The numbers come from contour
integration along two different bent paths, in extended precision, not from this package's exact method; they agree to the digits
given.  The row (100, 100) was first circulated as 891.157365665789; both ``method="mpmath"``, which shares no code with the exact
method, and ``method="exact"`` give 891.157360665789, which stands here.

Closed forms.  The linear CNN (docs/theory.md) has E exp(s A) = (1 - b^2 s^2)^(-C/2), b = |c| sigma_a sigma_w |y_1|/sqrt(N d): A is
a variance-gamma variable with, at z = |x|/b and nu = (C - 1)/2,

    p(x) = (z/2)^nu K_nu(z) / (b sqrt(pi) Gamma(C/2)),      K_nu the modified Bessel function,
    P(A >= x) = E Phi(-z/sqrt V),  V ~ chi^2_C     (one integral; for even C also a finite sum of positive terms),

(Madan, Carr & Chang 1998, eq. 23, without drift).  Evaluated with mpmath alone; no code is shared with the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ldt.errors import ModelError


@dataclass(frozen=True)
class Reference:
    """A known answer for AlignmentSum(width, dim, overlap=overlap): -log P(A >= level) = ``neg_log_p`` +- ``error`` nats."""

    width: int
    dim: int
    level: float
    neg_log_p: float
    error: float
    overlap: str = "concentrated"

    def model(self) -> Any:
        """The model of this row (two layers, erf, He_3, c = "talk")."""
        from ldt.models.alignment import AlignmentSum

        return AlignmentSum(self.width, self.dim, overlap=self.overlap)


TWO_LAYER = (
    Reference(1, 5, 1.0, 22.967074581026, 1e-12),
    Reference(2, 5, 1.0, 30.388651269528, 1e-12),
    Reference(5, 5, 1.0, 43.677729441837, 1e-12),
    Reference(10, 10, 1.0, 85.303145667690, 1e-12),
    Reference(20, 20, 1.0, 173.317221196939, 1e-12),
    Reference(50, 50, 1.0, 442.409210238833, 1e-12),
    Reference(100, 100, 1.0, 891.157360665789, 1e-12),
    Reference(200, 200, 1.0, 1789.515794005682, 2e-12),
    Reference(1000, 1000, 1.0, 8985.565378297, 1e-9),
    Reference(100, 20, 1.0, 371.012602240759, 1e-12),
    Reference(20, 100, 1.0, 407.401109939114, 1e-12),
    Reference(12, 400, 1.0, 656.717289880155, 1e-12),
    Reference(5, 5, 1.0, 33.753169166225, 1e-12, "full"),
    Reference(10, 10, 1.0, 67.720649283530, 1e-12, "full"),
    Reference(20, 20, 1.0, 140.228295428941, 1e-12, "full"),
)


def linear_scale(model: Any) -> float:
    """b = |c| sigma_a sigma_w |y_1|/sqrt(N d) of a linear model: the scale of its variance-gamma law."""
    import math

    if model.activation != "linear":
        raise ModelError(f"activation: the closed form is for 'linear', got {model.activation_name!r}")
    slope = abs(dict(model.target)[1])
    return float(model.prefactor * slope * math.sqrt(model.readout_variance * model.weight_variance / model.width / model.dim))


def linear_log_density(model: Any, x: float, dps: int = 30) -> Any:
    """log p(x) of a linear model (an mpf, nats), by the Bessel function; x = 0 needs C >= 2.

    >>> from ldt.models.alignment import AlignmentSum
    >>> laplace = AlignmentSum(2, 2, activation="linear", target=1)    # b = 1/2: p(x) = exp(-2 |x|)
    >>> abs(linear_log_density(laplace, 3.0) + 6) < 1e-25
    True
    """
    import mpmath

    with mpmath.workdps(dps):
        b, count = mpmath.mpf(linear_scale(model)), model.width
        nu, z = mpmath.mpf(count - 1) / 2, abs(mpmath.mpf(x)) / b
        front = -mpmath.log(b * mpmath.sqrt(mpmath.pi)) - mpmath.loggamma(mpmath.mpf(count) / 2)
        if z == 0:
            if count < 2:
                raise ModelError("level: the density of one channel is infinite at 0")
            return front + mpmath.loggamma(nu) - mpmath.log(2)  # (z/2)^nu K_nu(z) -> Gamma(nu)/2
        return front + nu * mpmath.log(z / 2) + mpmath.log(mpmath.besselk(nu, z))


def linear_log_tail(model: Any, x: float, dps: int = 30, *, quadrature: bool = False) -> Any:
    """log P(A >= x) of a linear model for x >= 0 (an mpf, nats).

    An even number C of channels has a finite sum (A is the difference of two Gamma(C/2) variables); an odd one, or
    ``quadrature=True``, integrates over the law of |w|^2.

    >>> from ldt.models.alignment import AlignmentSum
    >>> laplace = AlignmentSum(2, 2, activation="linear", target=1)
    >>> import math
    >>> abs(linear_log_tail(laplace, 3.0) - (-6 - math.log(2))) < 1e-15
    True
    """
    import mpmath

    if x < 0:
        raise ModelError(f"level: the closed form is written for x >= 0, got {x!r}")
    with mpmath.workdps(dps):
        z = mpmath.mpf(x) / mpmath.mpf(linear_scale(model))
        if model.width % 2 == 0 and model.width <= 20_000 and not quadrature:
            return _gamma_difference(model.width // 2, z)
        return _mixture(model.width, z)


def _gamma_difference(m: int, z: Any) -> Any:
    """log P(G_1 - G_2 >= z), G Gamma(m): exp(-z) sum_j c_j sum_(i <= j) z^i/i!, c_j = C(2m-2-j, m-1) 2^-(2m-1-j)."""
    import mpmath

    # c_j/c_(j+1) as j falls from m - 1, c_(m-1) = 2^-m; the inner sums are cumulative.
    weights = [mpmath.mpf(2) ** -m]
    for j in range(m - 1, 0, -1):
        weights.append(weights[-1] * (2 * m - 1 - j) / (m - j) / 2)
    weights.reverse()
    term, inner, total = mpmath.mpf(1), mpmath.mpf(0), mpmath.mpf(0)
    for j, weight in enumerate(weights):
        inner += term
        total += weight * inner
        term *= z / (j + 1)
    return mpmath.log(total) - z


def _mixture(count: int, z: Any) -> Any:
    """log E Phi(-z/sqrt V), V ~ chi^2_C: A given the weights is Gaussian.  A trapezoid sum in u = log V, halved until it stands."""
    import mpmath

    half = mpmath.mpf(count) / 2
    # Phi falls like exp(-z^2/(2v)): the summand tops near v (v - C) = z^2.
    top = mpmath.log(half + mpmath.sqrt(half * half + z * z))

    def log_term(u: Any) -> Any:
        v = mpmath.exp(u)
        return half * u - v / 2 + mpmath.log(mpmath.erfc(z / mpmath.sqrt(2 * v)) / 2)

    peak = log_term(top)

    def one_side(u: Any, step: Any) -> Any:
        total = mpmath.mpf(0)
        while True:
            term = mpmath.exp(log_term(u) - peak)
            total += term
            if term <= mpmath.eps * total / 1000:
                return total
            u += step

    step = 1 / mpmath.sqrt(half + z)
    total = one_side(top, step) + one_side(top - step, -step)
    while True:
        between = one_side(top + step / 2, step) + one_side(top - step / 2, -step)
        agree = abs(total - between) <= mpmath.eps * 1000 * total
        total, step = total + between, step / 2
        if agree:
            return peak + mpmath.log(total * step) - mpmath.loggamma(half) - half * mpmath.log(2)


__all__ = ["TWO_LAYER", "Reference", "linear_log_density", "linear_log_tail", "linear_scale"]
