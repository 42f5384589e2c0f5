"""What one would write for the event at hand: a shifted FFT, quadrature in mpmath and python-flint, Imhof's integral, NumPy sampling."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from events import Answer, Event
from mpmath import mp, mpc, mpf, nstr
from scipy import stats
from scipy.special import log_ndtr, ndtr

POINTS = 2**16


# -- exponentially shifted FFT on a lattice --------------------------------------------------------------------------------------


def shifted_fft(event: Event, seed: int) -> Answer:
    """The laws of the terms rounded to a lattice of 2^16 points, tilted so that the sum's mean is the level, transformed and multiplied
    (the idea of sisFFT; Wilson & Keich 2016).  Cubes have no tilt: the plain FFT."""
    terms = {"concentrated": _one_neuron, "cubes": _one_cube, "chisquares": _chi_squares, "gammas": _one_gamma}[event.kind]
    x, laws = terms(event)
    step = x[1] - x[0]

    def tilted(t: float) -> tuple[float, float, list[np.ndarray]]:
        mean, log_m, made = 0.0, 0.0, []
        for log_p, count in laws:
            top = np.max(log_p + t * x)
            q = np.exp(log_p + t * x - top)
            size = q.sum()
            made.append(q / size)
            mean += count * float(np.sum(q * x) / size)
            log_m += count * (top + math.log(size))
        return mean, log_m, made

    t = 0.0
    if event.kind != "cubes":
        largest = {"chisquares": lambda: 0.5 / max(event.sizes[0]), "gammas": lambda: 1.0 / event.sizes[2], "concentrated": lambda: 1e5}
        low, high = 0.0, largest[event.kind]()
        for _ in range(60):
            t = 0.5 * (low + high)
            low, high = (t, high) if tilted(t)[0] < event.level else (low, t)
    _, log_m, made = tilted(t)
    # x[origin] = 0: the transform of a law that starts at -origin
    origin = round(-x[0] / step)
    spectrum = np.ones(POINTS // 2 + 1, dtype=complex)
    for q, (_, count) in zip(made, laws, strict=True):
        spectrum *= np.fft.rfft(np.roll(q, -origin)) ** count
    law = np.maximum(np.roll(np.fft.irfft(spectrum, POINTS), origin), 0.0)
    weight = np.clip((x - event.level) / step + 0.5, 0.0, 1.0)
    value = float(np.sum(law * weight * np.exp(-t * np.maximum(x - event.level, -step))))
    return log_m - t * event.level + math.log(value), math.nan, POINTS


Lattice = tuple[np.ndarray, list[tuple[np.ndarray, int]]]


def _log(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(p)


def _cells(x: np.ndarray, cdf: Callable[[Any], Any], sf: Callable[[Any], Any]) -> np.ndarray:
    """log P(X in the cell of each lattice point), accurate in both tails."""
    half = 0.5 * (x[1] - x[0])
    below, above = cdf(x + half) - cdf(x - half), sf(x - half) - sf(x + half)
    return _log(np.where(cdf(x) < 0.5, below, above))


def _one_neuron(event: Event) -> Lattice:
    n, d = event.sizes
    reach = 3.0 if n < 30 else 2.0
    x = (np.arange(POINTS) - POINTS // 2) * (2.0 * reach / POINTS)
    z, dz = np.linspace(0.0, 42.0, 2001, retstep=True)  # of both signs; the trapezoid sum of a normal density is exact
    mass = np.exp(-0.5 * z * z) * 2.0 * dz / math.sqrt(2.0 * math.pi)
    w = z / math.sqrt(d)
    half = 0.5 * (x[1] - x[0])
    p = np.zeros(POINTS)
    p[POINTS // 2] = 0.5 * mass[0]
    for sd, m in zip(w[1:] ** 3 / (3.0 + 2.0 * w[1:] ** 2) ** 1.5 / math.sqrt(n), mass[1:], strict=True):
        p += m * (ndtr(-(np.abs(x) - half) / sd) - ndtr(-(np.abs(x) + half) / sd))
    return x, [(_log(p), n)]


def _one_cube(event: Event) -> Lattice:
    n = event.sizes[0]
    x = (np.arange(POINTS) - POINTS // 2) * (32.0 / POINTS)
    root = math.sqrt(15.0 * n)
    return x, [(_cells(x, lambda y: ndtr(np.cbrt(y * root)), lambda y: ndtr(-np.cbrt(y * root))), n)]


def _chi_squares(event: Event) -> Lattice:
    weights, dof = event.sizes
    x = np.arange(POINTS) * (3.0 * event.level / POINTS)
    laws = [stats.chi2(dof, scale=w) for w in weights]
    return x, [(_cells(x, law.cdf, law.sf), 1) for law in laws]


def _one_gamma(event: Event) -> Lattice:
    n, shape, scale = event.sizes
    law = stats.gamma(shape, scale=scale)
    x = np.arange(POINTS) * (2.0 * event.level / POINTS)
    return x, [(_cells(x, law.cdf, law.sf), n)]


# -- quadrature ------------------------------------------------------------------------------------------------------------------


def flint_quadrature(event: Event, seed: int) -> Answer:
    """python-flint: acb.integral over a broken line, Gauss-Legendre in w (the twin of ldt's tests); the sums' closed forms."""
    if event.kind in ("concentrated", "full"):
        sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
        import naive

        mp.dps = 40  # for reading all digits
        value, radius = naive.flint_tail(*event.sizes, event.level, full=event.kind == "full", digits=15)
        return nstr(value, 30), float(radius), 0
    from flint import arb

    ball = arb(arb(event.truth()).str(30))
    return ball.mid().str(30, radius=False), float(ball.rad()), 0


def mpmath_quadrature(event: Event, seed: int) -> Answer:
    """mpmath.quad to 20 digits: Bromwich's integral on a broken line; cubes: Gil-Pelaez; gammas: its incomplete gamma function."""
    mp.dps = 20
    x = mpf(event.level)
    calls = 0
    if event.kind == "gammas":
        n, shape, scale = event.sizes
        return nstr(mp.log(mp.gammainc(n * shape, x / scale, regularized=True)), 30), math.nan, 1
    if event.kind == "cubes":
        n = event.sizes[0]

        def gil_pelaez(k: Any) -> Any:
            nonlocal calls
            calls += 1
            if k < mpf(10) ** -12:
                return x
            u = k / mp.sqrt(15 * n)
            phi = mp.sqrt(2 * mp.pi) * (3 * u) ** (-mpf(1) / 3) * mp.exp(1 / (108 * u * u)) * mp.airyai(1 / (12 * u * mp.cbrt(3 * u)))
            return mp.sin(k * x) * phi**n / k

        mp.dps = 30
        p = mpf(1) / 2 - mp.quad(gil_pelaez, mp.linspace(0, 40, 81)) / mp.pi
        return nstr(mp.log(p), 30), math.nan, calls
    if event.kind == "chisquares":
        weights, dof = event.sizes
        s0, corner = mpf(1) / max(weights) / 2 * mpf("0.8"), mpf(1) / max(weights)

        def transform(s: Any) -> Any:
            value = mpf(1)
            for w in weights:
                value *= (1 - 2 * w * s) ** (-mpf(dof) / 2)
            return value
    else:
        n, d = event.sizes
        s0 = mpf(_saddle(n, d, event.level))
        corner = max(s0, 5 / x)
        step = mpf("0.12")
        end = 12 + int(math.sqrt(float(s0) ** 2 / (8 * n)) * 2)
        z = [k * step for k in range(1, int(end / 0.12))]
        mass = [2 * step * mp.npdf(v) for v in z]
        g2 = [(v * v / d / (3 + 2 * v * v / d)) ** 3 for v in z]

        def transform(s: Any) -> Any:
            theta = s * s / (2 * n)
            return (step * mp.npdf(0) + mp.fsum(m * mp.exp(theta * g) for m, g in zip(mass, g2, strict=True))) ** n

    shift = mp.log(abs(transform(mpc(s0)))) - s0 * x

    def integrand(s: Any) -> Any:
        nonlocal calls
        calls += 1
        return transform(s) * mp.exp(-s * x - shift) / s

    turn, ray = mpc(s0, corner), 50 / x
    pieces = [mpc(s0), mpc(s0, corner / 4), mpc(s0, corner / 2), turn, turn + ray * mpc(1, 1) / 4, turn + ray * mpc(1, 1)]
    p = mp.quad(integrand, pieces).imag / mp.pi
    return nstr(mp.log(p) + shift, 30), math.nan, calls


def _saddle(n: int, d: int, level: float) -> float:
    """K'(s) = level, by bisection in NumPy."""
    z = np.linspace(0.0, 60.0, 20001)
    g2 = (z * z / d / (3.0 + 2.0 * z * z / d)) ** 3
    low, high = 1e-3, 1e6
    for _ in range(80):
        s = math.sqrt(low * high)
        e = -0.5 * z * z + s * s / (2 * n) * g2
        q = np.exp(e - e.max())
        low, high = (s, high) if s * np.sum(q * g2) / np.sum(q) < level else (low, s)
    return s


def imhof(event: Event, seed: int) -> Answer:
    """Imhof (1961), eq. 3.2, by scipy.integrate.quad: 1/2 + (1/pi) int sin theta(u)/(u rho(u)) du."""
    from scipy.integrate import quad

    weights, dof = np.array(event.sizes[0]), event.sizes[1]

    def integrand(u: float) -> float:
        theta = 0.5 * dof * np.sum(np.arctan(weights * u)) - 0.5 * event.level * u
        return float(np.sin(theta) / (u * np.prod((1.0 + (weights * u) ** 2) ** (0.25 * dof))))

    value, error, info = quad(integrand, 0.0, np.inf, limit=1000, epsabs=1e-13, epsrel=1e-13, full_output=1)[:3]
    p = 0.5 + value / math.pi
    return math.log(p) if p > 0.0 else -math.inf, error / math.pi / p if p > 0.0 else math.nan, int(info["neval"])


def _gx2(event: Event, method: str) -> Answer:
    import gx2

    weights, dof = np.array(event.sizes[0]), event.sizes[1]
    zeros = np.zeros(len(weights))
    p = float(gx2.cdf(event.level, weights, zeros + dof, zeros, 0.0, 0.0, side="upper", method=method))
    return math.log(p) if p > 0.0 else -math.inf, math.nan, 0


def gx2_imhof(event: Event, seed: int) -> Answer:
    return _gx2(event, "imhof")


def gx2_ruben(event: Event, seed: int) -> Answer:
    return _gx2(event, "ruben")


def scipy_gamma(event: Event, seed: int) -> Answer:
    """The closed form: the sum is a gamma variable."""
    n, shape, scale = event.sizes
    return float(stats.gamma(n * shape, scale=scale).logsf(event.level)), math.nan, 1


# -- our own algorithms in plain NumPy -------------------------------------------------------------------------------------------


def numpy_tilt(event: Event, seed: int, size: int = 20_000) -> Answer:
    """One exponential tilt; of neurons by a table, readouts integrated out."""
    random = np.random.default_rng(seed)
    if event.kind == "gammas":
        n, shape, scale = event.sizes
        s = 1.0 / scale - n * shape / event.level
        total = random.gamma(n * shape, 1.0 / (1.0 / scale - s), size)
        logs = np.where(total >= event.level, -s * total, -np.inf) - n * shape * math.log1p(-s * scale)
    elif event.kind == "chisquares":
        weights, dof = np.array(event.sizes[0]), event.sizes[1]
        low, high = 0.0, 0.5 / weights.max()
        for _ in range(60):
            s = 0.5 * (low + high)
            low, high = (s, high) if np.sum(dof * weights / (1.0 - 2.0 * s * weights)) < event.level else (low, s)
        total = random.chisquare(dof, (size, len(weights))) @ (weights / (1.0 - 2.0 * s * weights))
        logs = np.where(total >= event.level, -s * total, -np.inf) - 0.5 * dof * np.sum(np.log1p(-2.0 * s * weights))
    else:
        n, d = event.sizes
        s = _saddle(n, d, event.level)
        w = np.linspace(-8.0, 8.0, 16001)
        g2, theta = (w * w / (3.0 + 2.0 * w * w)) ** 3, s * s / (2 * n)
        prior = -0.5 * d * w * w
        e = prior + theta * g2
        q = np.exp(e - e.max())
        log_m = e.max() + math.log(np.sum(q)) - (prior.max() + math.log(np.sum(np.exp(prior - prior.max()))))
        total = g2[random.choice(len(w), (size, n), p=q / q.sum())].sum(axis=1)
        logs = n * log_m - theta * total + log_ndtr(-event.level / np.sqrt(total / n))
    return _average(logs)


def numpy_conditional(event: Event, seed: int, size: int = 100_000) -> Answer:
    """Asmussen & Kroese: n P(the largest cube makes the event | the others)."""
    n = event.sizes[0]
    cubes = np.random.default_rng(seed).standard_normal((size, n - 1)) ** 3
    need = np.maximum(cubes.max(axis=1), event.level * math.sqrt(15.0 * n) - cubes.sum(axis=1))
    return _average(math.log(n) + log_ndtr(-np.cbrt(need)))


def _average(logs: np.ndarray) -> Answer:
    top = logs.max()
    y = np.exp(logs - top)
    return float(top + math.log(y.mean())), float(y.std() / y.mean() / math.sqrt(len(y))), len(y)
