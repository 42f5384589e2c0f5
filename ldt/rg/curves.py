r"""Learning curves and their exponents: predicted and measured, for u = 0 and for small u.

Power laws: lambda_k = k^(-1-a), y_k^2 = k^(-1-b), ridge s^2, P data, no noise on the labels.

*Finite data, u = 0* (large-P theory; exact asymptotically for independent features).  With kappa of ldt.rg.ridge and
L_k = P lambda_k/(P lambda_k + kappa),

    E|f-y|^2 = sum_k (1 - L_k)^2 y_k^2/(1 - sum_k L_k^2/P).

k* = (P/kappa)^(1/(1+a)) modes are learned, and the error falls as k*^(-B), B = min(b, 2(1+a)) (saturation).  kappa -> s^2 where the
ridge rules, kappa ~ P^(-a) where the eliminated modes do:

    exponent  B/(1+a)  (ridge),      B  (ridgeless).

*Continuum, u > 0* (ldt.rg.flow), r = P/s^2 and u = P v: a draw's loss at u = 0 is

    <int (f-y)^2> = sum_k [y_k^2/(1 + r lambda_k)^2 + lambda_k/(1 + r lambda_k)],      exponent min(a, B)/(1+a).

One loop: the same with r(Lambda -> 0). Since (r(0) - r)/r ~ P^(-min(a,B)/(1+a)), u should be irrelevant for the exponent and change only
the approach to it (heuristic as an all-orders claim; measured here by sampling). """

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ldt.errors import ModelError, positive, shown
from ldt.numerics.random import block_generator, entropy_of
from ldt.results import _Record
from ldt.rg.brute import fourier_spectrum, sample
from ldt.rg.flow import Action, one_loop
from ldt.rg.ridge import Array, _spectrum, effective_ridge, power_law, regress

REGIMES = ("ridge", "ridgeless", "continuum")


def predicted_exponent(a: float, b: float, regime: str = "ridge") -> float:
    """Minus the exponent of the error's power of P.

    >>> predicted_exponent(1.0, 1.0), predicted_exponent(1.0, 1.0, "ridgeless"), predicted_exponent(1.0, 3.0, "continuum")
    (0.5, 1.0, 0.5)
    """
    if regime not in REGIMES:
        raise ModelError(f"regime: must be one of {', '.join(REGIMES)}, got {regime!r}")
    positive("a", a)
    positive("b", b)
    big = min(b, 2.0 * (1.0 + a))
    return big if regime == "ridgeless" else (min(a, big) if regime == "continuum" else big) / (1.0 + a)


def equivalent_error(spectrum: Any, target_squares: Any, ridge: float, samples: float) -> float:
    """The mean test error of the posterior mean in the large-P theory, labels without noise."""
    lam, y2 = _spectrum(spectrum), np.asarray(target_squares, dtype=float)
    positive("samples", samples)
    kappa = effective_ridge(lam, ridge, samples)
    missing = kappa / (kappa + samples * lam)
    return float((missing**2 * y2).sum() / (1.0 - ((1.0 - missing) ** 2).sum() / samples))


def regression_errors(spectrum: Any, target: Any, ridge: float, samples: int, *, repeats: int = 8, rng: Any = None) -> tuple[float, float]:
    """(mean, standard error) of the test error of full regression on independent standard normal features.

    >>> lam = power_law(1.0, 50)
    >>> mean, error = regression_errors(lam, lam**0.5, 0.5, 40, repeats=20, rng=1)
    >>> bool(abs(mean - equivalent_error(lam, lam, 0.5, 40)) < 5 * error)
    True
    """
    lam, y = _spectrum(spectrum), np.asarray(target, dtype=float)
    entropy = entropy_of(rng)
    _whole("samples", samples, 1)
    _whole("repeats", repeats, 2)
    found = []
    for i in range(repeats):
        phi = block_generator(entropy, i).standard_normal((samples, len(lam)))
        found.append(float(((regress(phi, lam, ridge, phi @ y) - y) ** 2).sum()))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(repeats))


@dataclass(frozen=True)
class LearningCurve(_Record):
    """Test error against P: ``theory``, ``measured`` +- ``error``, and the exponents of both over the same window, with the
    ``predicted`` asymptotic one.  ``local`` are the theory's local exponents, which show the drift."""

    picture: ClassVar[str] = "ldt.plots.rg:plot_learning_curve"

    samples: tuple[int, ...]
    theory: tuple[float, ...]
    measured: tuple[float, ...]
    error: tuple[float, ...]
    theory_exponent: float
    exponent: float
    exponent_error: float
    predicted: float
    local: tuple[float, ...]
    seed: int


def learning_curve(
    a: float, b: float, ridge: float, samples: Sequence[int] = (16, 32, 64, 128, 256), *, modes: int = 2000, repeats: int = 8,
    rng: Any = None,
) -> LearningCurve:  # fmt: skip
    """Finite data, u = 0: full regression on Gaussian features against the large-P theory.

    The ``predicted`` exponent is that of the regime with the larger share in kappa at the window's middle.
    """
    lam, y = power_law(a, modes), power_law(b, modes) ** 0.5
    entropy = entropy_of(rng)
    for p in samples:
        _whole("samples", p, 1)
    theory = [equivalent_error(lam, y * y, ridge, p) for p in samples]
    pairs = [regression_errors(lam, y, ridge, p, repeats=repeats, rng=np.random.SeedSequence((entropy, i))) for i, p in enumerate(samples)]
    measured, error = [v for v, _ in pairs], [e for _, e in pairs]
    slope, slope_error = fit_exponent(samples, measured, error)
    kappa = effective_ridge(lam, ridge, float(np.sqrt(samples[0] * samples[-1])))
    regime = "ridge" if ridge > 0.5 * kappa else "ridgeless"
    local = -np.diff(np.log(theory)) / np.diff(np.log(np.asarray(samples, dtype=float)))
    return LearningCurve(
        tuple(samples), tuple(theory), tuple(measured), tuple(error), fit_exponent(samples, theory)[0], slope, slope_error,
        predicted_exponent(a, b, regime), tuple(map(float, local)), entropy,
    )  # fmt: skip


@dataclass(frozen=True)
class Universality(_Record):
    """Losses against P on the same modes: ``gaussian`` (u = 0, exact), ``one_loop``, ``measured`` +- ``error`` (sampled, u = P v); their
    exponents over the window and between neighbours (``local``); ``predicted`` is the asymptotic one."""

    picture: ClassVar[str] = "ldt.plots.rg:plot_universality"

    v: float
    samples: tuple[int, ...]
    gaussian: tuple[float, ...]
    one_loop: tuple[float, ...]
    measured: tuple[float, ...]
    error: tuple[float, ...]
    exponents: dict[str, float]
    local: dict[str, tuple[float, ...]]
    exponent_error: float
    local_error: tuple[float, ...]
    predicted: float
    seed: int
    status: str
    advice: str = ""


def universality(
    a: float = 2.0, b: float = 3.0, ridge: float = 1.0, v: float = 0.1, samples: Sequence[int] = (8, 32, 128, 512), *, modes: int = 33,
    chains: int = 128, steps: int = 200, rng: Any = None, workers: Any = 1,
) -> Universality:  # fmt: skip
    """Does u change the exponent?  Sample the continuum action at r = P/s^2, u = P v, and compare with u = 0 on the same modes.

    The target's squares follow k^(-1-b) on all modes (in pairs, like the spectrum).
    """
    if len(samples) < 2:
        raise ModelError("samples: an exponent needs at least two values of P")
    positive("ridge", ridge)
    positive("v", v, zero=True)
    for p in samples:
        _whole("samples", p, 1)
    lam, entropy = fourier_spectrum(a, modes), entropy_of(rng)
    y = fourier_spectrum(b, modes) ** 0.5
    gaussian, flowed, measured, error, notes = [], [], [], [], []
    for i, p in enumerate(samples):
        action = Action.of(lam, p / ridge, p * v, y)
        flow = one_loop(action)
        if flow.advice:
            notes.append(f"P = {p}: {flow.advice}")
        gaussian.append(gaussian_loss(lam, y, action.r))
        flowed.append(gaussian_loss(lam, y, float(flow.r[-1])))
        found = sample(action, chains=chains, steps=steps, rng=np.random.SeedSequence((entropy, i)), workers=workers)
        measured.append(found.loss)
        error.append(found.loss_error)
    curves = {"gaussian": gaussian, "one_loop": flowed, "measured": measured}
    pairs = [slice(i, i + 2) for i in range(len(samples) - 1)]
    return Universality(
        float(v), tuple(samples), tuple(gaussian), tuple(flowed), tuple(measured), tuple(error),
        {k: fit_exponent(samples, c)[0] for k, c in curves.items()},
        {k: tuple(fit_exponent(samples[s], c[s])[0] for s in pairs) for k, c in curves.items()},
        fit_exponent(samples, measured, error)[1], tuple(fit_exponent(samples[s], measured[s], error[s])[1] for s in pairs),
        predicted_exponent(a, b, "continuum"), entropy, "warning" if notes else "ok", "; ".join(notes),
    )  # fmt: skip


def gaussian_loss(spectrum: Any, target: Any, r: float) -> float:
    """<int (f-y)^2> at u = 0: bias and scatter of a draw, exactly."""
    lam, y = _spectrum(spectrum), np.asarray(target, dtype=float)
    return float(((y / (1.0 + r * lam)) ** 2 + lam / (1.0 + r * lam)).sum())


def _whole(name: str, value: Any, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= 10**6:
        raise ModelError(f"{name}: must be an integer from {low} to 1e6, got {shown(value)}")


def fit_exponent(samples: Any, values: Any, errors: Any = None) -> tuple[float, float]:
    """(-slope of log value against log P by least squares, its sampling error).

    >>> tuple(round(v, 12) for v in fit_exponent([10, 100], [1.0, 0.1], [0.0, 0.0]))
    (1.0, 0.0)
    """
    x, y = np.log(np.asarray(samples, dtype=float)), np.asarray(values, dtype=float)
    weight: Array = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    error = 0.0 if errors is None else float(np.sqrt(((weight * np.asarray(errors) / y) ** 2).sum()))
    return -float(weight @ np.log(y)), error


__all__ = [
    "LearningCurve", "Universality", "equivalent_error", "fit_exponent", "gaussian_loss", "learning_curve", "predicted_exponent",
    "regression_errors", "universality",
]  # fmt: skip
