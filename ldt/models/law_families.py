r"""Laws with a closed-form cgf, in standard units (loc 0, scale 1); ``Affine`` shifts and scales them.

    gamma(a)           -a log(1 - s)                          Laplace             -log(1 - s^2)
    ncx2(k, nc)        -k/2 log(1 - 2s) + nc s/(1 - 2s)       inverse Gaussian    (1 - sqrt(1 - 2 mu^2 s))/mu
    normal             s^2/2                                  NIG(a, b)           sqrt(a^2 - b^2) - sqrt(a^2 - (b + s)^2)
    exponnorm(k)       s^2/2 - log(1 - k s)                   uniform             log((e^s - 1)/s)
    logistic           log Gamma(1-s) + log Gamma(1+s)        Gumbel              log Gamma(1 - s)
    Poisson            lam (e^s - 1)                          binomial            n log(1 - p + p e^s)
    neg. binomial      -r log((1 - (1-p) e^s)/p)              Skellam             lam (e^s - 1) + mu (e^-s - 1)

(Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions, 1994-95; Johnson, Kemp & Kotz, Univariate Discrete Distributions, 2005.)
Tilted laws stay in their family, up to scale, for all but logistic and Gumbel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ldt.models.laws import INF, Affine, Law, _summed

Cumulants = tuple[float, float, float, float, float]


def log1pmx(z: Any) -> Any:
    """log(1 + z) - z of a float or of real or complex arrays, accurate near 0.

    Below 0.2, with r = z/(2 + z): log(1 + z) = 2 artanh r (Abramowitz & Stegun 4.1.27) and z = 2r + r z, so that it is
    2 r^3 (1/3 + r^2/5 + r^4/7 + ...) - r z, |r| < 0.112: nine terms.

    >>> round(log1pmx(1e-9) * 1e18, 12)
    -0.499999999667
    """
    if isinstance(z, (int, float)):
        return _log1pmx_near_0(z) if abs(z) < 0.2 else float(special.log1p(z)) - z
    z = np.atleast_1d(np.asarray(z))
    small = np.abs(z) < 0.2
    out = np.asarray(special.log1p(z) - z)
    if np.any(small):
        out[small] = _log1pmx_near_0(z[small])
    return out


def _log1pmx_near_0(z: Any) -> Any:
    r = z / (2.0 + z)
    square = r * r
    total = 1.0 / 19.0
    for k in range(17, 2, -2):
        total = 1.0 / k + square * total
    return r * (2.0 * square * total - z)


class Normal(Law):
    name, mean, var, continuation, gaussian = "norm", 0.0, 1.0, "cut", 1.0

    def centred(self, s: Any) -> Any:
        return 0.5 * s * s

    def cumulants(self, s: float) -> Cumulants:
        return 0.5 * s * s, s, 1.0, 0.0, 0.0

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.standard_normal(size)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return math.sqrt(n) * random.standard_normal(size)

    def tilted(self, s: float) -> Law:
        return Affine(self, 1.0, s)


class Gamma(Law):
    support, tilt_range, continuation = (0.0, INF), (-INF, 1.0), "cut"

    def __init__(self, a: float) -> None:
        self.a, self.mean, self.var, self.name = a, a, a, f"gamma({a:g})"

    def cgf(self, s: Any) -> Any:
        return -self.a * special.log1p(-s)

    def centred(self, s: Any) -> Any:
        return -self.a * log1pmx(-s)

    def cumulants(self, s: float) -> Cumulants:
        a, v = self.a, 1.0 / (1.0 - s)
        return self.centred(s), a * v, a * v**2, 2.0 * a * v**3, 6.0 * a * v**4

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.standard_gamma(self.a, size)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return random.standard_gamma(n * self.a, size)

    def tilted(self, s: float) -> Law:
        return Affine(self, 1.0 / (1.0 - s))


class NoncentralChi2(Law):
    support, tilt_range, continuation = (0.0, INF), (-INF, 0.5), "cut"

    def __init__(self, df: float, nc: float) -> None:
        self.df, self.nc, self.mean, self.var = df, nc, df + nc, 2.0 * df + 4.0 * nc
        self.name = f"ncx2({df:g}, {nc:g})"

    def cgf(self, s: Any) -> Any:
        return -0.5 * self.df * special.log1p(-2.0 * s) + self.nc * s / (1.0 - 2.0 * s)

    def centred(self, s: Any) -> Any:
        return -0.5 * self.df * log1pmx(-2.0 * s) + self.nc * 2.0 * s * s / (1.0 - 2.0 * s)

    def cumulants(self, s: float) -> Cumulants:
        k, c, v = 0.5 * self.df, self.nc, 1.0 / (1.0 - 2.0 * s)
        # K^(m) = k 2^m (m-1)! v^m + nc 2^(m-1) m! v^(m+1)
        k1, k2, k3 = 2 * k * v + c * v**2, 4 * k * v**2 + 4 * c * v**3, 16 * k * v**3 + 24 * c * v**4
        return self.centred(s), k1, k2, k3, 96 * k * v**4 + 192 * c * v**5

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return random.noncentral_chisquare(n * self.df, n * self.nc, size)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.noncentral_chisquare(self.df, self.nc, size)

    def tilted(self, s: float) -> Law:
        v = 1.0 / (1.0 - 2.0 * s)
        return Affine(NoncentralChi2(self.df, self.nc * v), v)


class AsymmetricLaplace(Law):
    """up E - down E' with exponential E, E'."""

    continuation = "cut"

    def __init__(self, up: float, down: float, name: str = "") -> None:
        self.up, self.down, self.mean, self.var = up, down, up - down, up * up + down * down
        self.tilt_range, self.name = (-1.0 / down, 1.0 / up), name or f"asymmetric Laplace({up:g}, {down:g})"

    def cgf(self, s: Any) -> Any:
        return -special.log1p(-self.up * s) - special.log1p(self.down * s)

    def centred(self, s: Any) -> Any:
        return -log1pmx(-self.up * s) - log1pmx(self.down * s)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return self.up * random.standard_gamma(n, size) - self.down * random.standard_gamma(n, size)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return self.up * random.standard_exponential(size) - self.down * random.standard_exponential(size)

    def tilted(self, s: float) -> Law:
        return AsymmetricLaplace(self.up / (1.0 - self.up * s), self.down / (1.0 + self.down * s))


class InverseGaussian(Law):
    """Mean mu, variance mu^3/lam."""

    support, continuation = (0.0, INF), "cut"

    def __init__(self, mu: float, lam: float = 1.0) -> None:
        self.mu, self.lam, self.mean, self.var = mu, lam, mu, mu**3 / lam
        self.tilt_range, self.name = (-INF, lam / (2.0 * mu * mu)), f"invgauss({mu:g}, lambda={lam:g})"

    def cgf(self, s: Any) -> Any:
        return 2.0 * self.mu * s / (1.0 + np.sqrt(1.0 - 2.0 * self.mu * self.mu * s / self.lam))

    def centred(self, s: Any) -> Any:
        z = self.mu * self.mu * np.asarray(s) / self.lam
        return self.lam / self.mu * 2.0 * z * z / (1.0 + np.sqrt(1.0 - 2.0 * z)) ** 2

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.wald(self.mu, self.lam, size)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return random.wald(n * self.mu, n * n * self.lam, size)

    def tilted(self, s: float) -> Law:
        return InverseGaussian(self.mu / math.sqrt(1.0 - 2.0 * self.mu**2 * s / self.lam), self.lam)


class NormalInverseGaussian(Law):
    continuation = "cut"

    def __init__(self, a: float, b: float) -> None:
        self.a, self.b, self.c = a, b, math.sqrt(a * a - b * b)
        self.mean, self.var = b / self.c, a * a / self.c**3
        self.tilt_range, self.name = (-a - b, a - b), f"norminvgauss({a:g}, {b:g})"

    def centred(self, s: Any) -> Any:
        s = np.asarray(s)
        root = np.sqrt(self.a - self.b - s) * np.sqrt(self.a + self.b + s)
        # c - root - s b/c, with c^2 - root^2 = s (2 b + s): no difference of near values.
        return s * (s + self.mean * (self.c - root)) / (self.c + root)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return self.sum_rvs(1, size, random)

    def sum_rvs(self, n: int, size: Any, random: np.random.Generator) -> Any:
        v = random.wald(n / self.c, float(n * n), size)
        return self.b * v + np.sqrt(v) * random.standard_normal(size)

    def tilted(self, s: float) -> Law:
        return NormalInverseGaussian(self.a, self.b + s)


class ExponentialNormal(Law):
    """Z + k E, normal plus exponential."""

    continuation, gaussian = "cut", 1.0

    def __init__(self, k: float) -> None:
        self.k, self.mean, self.var, self.tilt_range, self.name = k, k, 1.0 + k * k, (-INF, 1.0 / k), f"exponnorm({k:g})"

    def cgf(self, s: Any) -> Any:
        return 0.5 * s * s - special.log1p(-self.k * s)

    def centred(self, s: Any) -> Any:
        return 0.5 * s * s - log1pmx(-self.k * s)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.standard_normal(size) + self.k * random.standard_exponential(size)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return math.sqrt(n) * random.standard_normal(size) + self.k * random.standard_gamma(n, size)

    def tilted(self, s: float) -> Law:
        return Affine(ExponentialNormal(self.k / (1.0 - self.k * s)), 1.0, s)


class VarianceGamma(Law):
    """Difference of two gamma variables of shape a: up G - down G'; K = -a log((1 - up s)(1 + down s))."""

    continuation = "cut"

    def __init__(self, a: float, up: float, down: float) -> None:
        self.a, self.up, self.down = a, up, down
        self.mean, self.var = a * (up - down), a * (up * up + down * down)
        self.tilt_range, self.name = (-1.0 / down, 1.0 / up), f"variance gamma({a:g}, {up:g}, {down:g})"

    def cgf(self, s: Any) -> Any:
        return -self.a * (special.log1p(-self.up * s) + special.log1p(self.down * s))

    def centred(self, s: Any) -> Any:
        return -self.a * (log1pmx(-self.up * s) + log1pmx(self.down * s))

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return self.up * random.standard_gamma(self.a, size) - self.down * random.standard_gamma(self.a, size)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return self.up * random.standard_gamma(n * self.a, size) - self.down * random.standard_gamma(n * self.a, size)

    def tilted(self, s: float) -> Law:
        return VarianceGamma(self.a, self.up / (1.0 - self.up * s), self.down / (1.0 + self.down * s))


class Uniform(Law):
    name, mean, var, support = "uniform", 0.5, 1.0 / 12.0, (0.0, 1.0)

    def centred(self, s: Any) -> Any:
        """log(sinh(s/2)/(s/2)): even, by the side where exp(-|s|) is small; a series below 0.3."""
        s = np.atleast_1d(np.asarray(s))
        y = np.where(np.real(s) < 0.0, -s, s)
        small = np.abs(y) < 0.3
        safe = np.where(small, 1.0, y)
        out = np.asarray(0.5 * safe + np.log(-special.expm1(-safe) / safe))
        u = y[small] ** 2 / 4.0  # log(sinh v/v) = v^2/6 - v^4/180 + v^6/2835 - ...  (DLMF 4.19.7 with v -> iv)
        coefficients = (1 / 6, -1 / 180, 1 / 2835, -1 / 37800, 1 / 467775, -691 / 3831077250, 2 / 127702575)
        total = np.zeros_like(u)
        for c in reversed(coefficients):
            total = u * (c + total)
        out[small] = total
        return out

    def radius(self, s: float) -> float:
        return 2.0 + 0.25 * abs(s)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.random(size)

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        def draw(shape: Any) -> Any:
            u = random.random(shape)
            if abs(s) < 1e-8:
                return u
            return 1.0 + np.log(u + (1.0 - u) * math.exp(-s)) / s if s > 0.0 else np.log1p(u * math.expm1(s)) / s

        return _summed(draw, n, size), np.zeros(size)


ZETA = special.zeta(np.arange(2.0, 40.0))


def _gumbel_centred(s: Any) -> Any:
    """log Gamma(1 - s) - gamma s; below 0.3 by sum_k zeta(k) s^k/k from k = 2 (DLMF 5.7.3), because 1 - s is rounded."""
    s = np.atleast_1d(np.asarray(s, dtype=complex))
    small = np.abs(s) < 0.3
    out = np.asarray(special.loggamma(1.0 - np.where(small, 0.5, s)) - s * np.euler_gamma)
    y, total = s[small], np.zeros(np.count_nonzero(small), dtype=complex)
    for k in range(39, 1, -1):
        total = ZETA[k - 2] / k + y * total
    out[small] = y * y * total
    return out


class Logistic(Law):
    name, mean, var, tilt_range = "logistic", 0.0, math.pi**2 / 3.0, (-1.0, 1.0)

    def centred(self, s: Any) -> Any:
        return _gumbel_centred(s) + _gumbel_centred(-np.asarray(s))

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.logistic(size=size)

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        """X = log(G/G') with gamma variables of shapes 1 + s and 1 - s."""

        def draw(shape: Any) -> Any:
            return _log_gamma_rvs(1.0 + s, shape, random) - _log_gamma_rvs(1.0 - s, shape, random)

        return _summed(draw, n, size), np.zeros(size)


class Gumbel(Law):
    name, mean, var, tilt_range = "gumbel_r", float(np.euler_gamma), math.pi**2 / 6.0, (-INF, 1.0)

    def centred(self, s: Any) -> Any:
        return _gumbel_centred(s)

    def radius(self, s: float) -> float:
        return 0.5 * (1.0 - s)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.gumbel(size=size)

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        """X = -log G with a gamma variable of shape 1 - s."""
        return _summed(lambda shape: -_log_gamma_rvs(1.0 - s, shape, random), n, size), np.zeros(size)


def _log_gamma_rvs(a: float, size: Any, random: np.random.Generator) -> Any:
    """log of gamma variables, also where they underflow: G_a = G_(a+1) U^(1/a)."""
    return np.log(random.standard_gamma(a + 1.0, size)) - random.standard_exponential(size) / a


# -- lattice laws: on the integers ---------------------------------------------------------------------------------------------


class Poisson(Law):
    lattice, discrete, support = (1.0, 0.0), True, (0.0, INF)

    def __init__(self, lam: float) -> None:
        self.lam, self.mean, self.var, self.name = lam, lam, lam, f"poisson({lam:g})"

    def cgf(self, s: Any) -> Any:
        return self.lam * special.expm1(s)

    def cumulants(self, s: float) -> Cumulants:
        k = self.lam * math.exp(s)
        return self.lam * (math.expm1(s) - s), k, k, k, k

    def centred(self, s: Any) -> Any:
        return self.lam * (special.expm1(s) - s)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.poisson(self.lam, size).astype(float)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return random.poisson(n * self.lam, size).astype(float)

    def tilted(self, s: float) -> Law:
        return Poisson(self.lam * math.exp(s))


class Binomial(Law):
    lattice, discrete = (1.0, 0.0), True

    def __init__(self, n: int, p: float) -> None:
        self.n, self.p, self.mean, self.var = n, p, n * p, n * p * (1.0 - p)
        self.support, self.name = (0.0, float(n)), f"binom({n}, {p:g})"

    def centred(self, s: Any) -> Any:
        s = np.atleast_1d(np.asarray(s))
        right = np.real(s) > math.log1p(-self.p) - math.log(self.p)  # from the side that does not overflow
        p, y = np.where(right, 1.0 - self.p, self.p), np.where(right, -s, s)
        return self.n * (special.log1p(p * special.expm1(y)) - p * y)

    def cumulants(self, s: float) -> Cumulants:
        odds = math.log(self.p) - math.log1p(-self.p) + s
        p, q, n = float(special.expit(odds)), float(special.expit(-odds)), self.n
        v = n * p * q
        return float(self.centred(np.array([s]))[0]), n * p, v, v * (q - p), v * (1.0 - 6.0 * p * q)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.binomial(self.n, self.p, size).astype(float)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return random.binomial(n * self.n, self.p, size).astype(float)

    def tilted(self, s: float) -> Law:
        odds = math.log(self.p / (1.0 - self.p)) + s
        return Binomial(self.n, float(special.expit(odds)))


class NegativeBinomial(Law):
    """Failures before the r-th success (r > 0 real)."""

    lattice, discrete, support = (1.0, 0.0), True, (0.0, INF)

    def __init__(self, r: float, p: float) -> None:
        self.r, self.p, self.q = r, p, 1.0 - p
        self.mean, self.var = r * self.q / p, r * self.q / p**2
        self.tilt_range, self.name = (-INF, -math.log1p(-p)), f"nbinom({r:g}, {p:g})"

    def centred(self, s: Any) -> Any:
        return -self.r * special.log1p(-self.q / self.p * special.expm1(s)) - s * self.mean

    def radius(self, s: float) -> float:
        return min(0.5 * (self.tilt_range[1] - s), 1.0)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return random.negative_binomial(self.r, self.p, size).astype(float)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return random.negative_binomial(n * self.r, self.p, size).astype(float)

    def tilted(self, s: float) -> Law:
        return NegativeBinomial(self.r, -math.expm1(math.log(self.q) + s))


class Skellam(Law):
    lattice, discrete = (1.0, 0.0), True

    def __init__(self, up: float, down: float) -> None:
        self.up, self.down, self.mean, self.var, self.name = up, down, up - down, up + down, f"skellam({up:g}, {down:g})"

    def centred(self, s: Any) -> Any:
        return self.up * (special.expm1(s) - s) + self.down * (special.expm1(-s) + s)

    def radius(self, s: float) -> float:
        return 1.0

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return (random.poisson(self.up, size) - random.poisson(self.down, size)).astype(float)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return Skellam(n * self.up, n * self.down).rvs(size, random)

    def tilted(self, s: float) -> Law:
        return Skellam(self.up * math.exp(s), self.down * math.exp(-s))
