"""What is shared between sectors and between levels changes no answer: fast exponentials, common paths, bands of levels."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import ldt
from ldt.numerics.exponentials import quick_cis, quick_exp, quick_expm1
from ldt.tails import exact, saddlepoint, sectors
from ldt.tails.search import log_binomial

EPS = 2.0**-52
MODELS = [ldt.AlignmentSum(50, 50), ldt.AlignmentSum(12, 400), ldt.AlignmentSum(20, 20, overlap="full"), ldt.AlignmentSum(10**9, 10)]


@pytest.mark.nojit
def test_exponentials() -> None:
    rng = np.random.default_rng(0)
    with mpmath.workdps(40):
        for a in (*rng.uniform(-700.0, 700.0, 300), *rng.uniform(-1.0, 1.0, 300), *(10.0 ** rng.uniform(-300, 0, 50))):
            assert abs(mpmath.mpf(quick_exp(float(a))) / mpmath.exp(mpmath.mpf(a)) - 1) < 3 * EPS
            assert abs(mpmath.mpf(quick_expm1(float(a))) / mpmath.expm1(mpmath.mpf(a)) - 1) < 4 * EPS
        for b in (*rng.uniform(-8.0, 8.0, 300), *rng.uniform(-1.6e6, 1.6e6, 300), *rng.uniform(-1e12, 1e12, 50)):
            c, s = quick_cis(float(b))
            off = 2 * EPS if abs(b) <= 1.6e6 else EPS * abs(b)
            assert abs(c + 1 - mpmath.cos(mpmath.mpf(b))) < off and abs(s - mpmath.sin(mpmath.mpf(b))) < off
        small = 1e-5
        assert abs(mpmath.mpf(quick_cis(small)[0]) / (mpmath.cos(mpmath.mpf(small)) - 1) - 1) < 4 * EPS
    assert quick_exp(-1e300) == 0.0 and quick_expm1(-700.0) == -1.0


@pytest.mark.parametrize(("n", "k"), [(5, 2), (400, 199), (10**6, 201), (10**9, 3000), (10**12, 10**5), (1000, 990)])
def test_log_binomial(n: int, k: int) -> None:
    with mpmath.workdps(60):
        truth = mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)
        assert abs(log_binomial(n, k) / truth - 1) < 1e-14


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize(("model", "level"), [(MODELS[0], 1.0), (ldt.AlignmentSum(10**4, 50), 1.0), (MODELS[2], 0.4)])
def test_common_paths_change_nothing(model: ldt.AlignmentSum, level: float, density: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sector on a path of its own gives the same shares as several on one."""
    law = sectors.sector_laws(model, level)[0]
    together = exact.invert(law, density=density, q=0.5, step=exact.STEP)
    assert len(law.paths()) < len(law.sectors)
    monkeypatch.setattr(sectors, "SHARED", -1e9)
    alone = exact.invert(law, density=density, q=0.5, step=exact.STEP)
    assert len(law.paths()) == len(law.sectors)
    assert abs(together.log_value - alone.log_value) <= together.cancellation + alone.cancellation + together.conditioning
    assert np.all(np.abs(together.weights - alone.weights) <= together.noise + alone.noise + 4 * together.conditioning)


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.width:g}-{m.dim}")
def test_many_levels_are_as_one(model: ldt.AlignmentSum, density: bool) -> None:
    levels = np.array([[-1.0, 0.0, 0.03], [0.4, 1.0, 1.7]])
    for side in ("upper",) if density else ("upper", "lower"):
        options = {} if density else {"side": side}
        ask = ldt.logpdf if density else ldt.tail
        many = ask(model, levels, method="saddlepoint", **options)
        ones = [ask(model, float(x), method="saddlepoint", **options) for x in levels.ravel()]
        for name in ("logp", "error", "status", "advice"):
            assert list(getattr(many, name).ravel()) == [getattr(r, name) for r in ones]
        assert [d is None for d in many.detail] == [r.detail is None for r in ones]
        assert many.level.shape == levels.shape and many.method == "saddlepoint" and many.side == side


def test_the_order_of_questions_does_not_matter() -> None:
    saddlepoint._band.cache_clear()
    first = ldt.tail(ldt.AlignmentSum(30, 40), 1.0, method="saddlepoint")
    saddlepoint._band.cache_clear()
    many = ldt.tail(ldt.AlignmentSum(30, 40), np.linspace(0.9, 1.1, 21), method="saddlepoint")
    assert many.logp[10] == first.logp and many.error[10] == first.error


@pytest.mark.parametrize(("model", "low"), [(m, 0.3) for m in MODELS], ids=lambda v: "" if isinstance(v, float) else f"{v.width:g}-{v.dim}")
def test_a_band_answers_as_the_level_alone(model: ldt.AlignmentSum, low: float) -> None:
    """Both are as close to the exact value as they say, and where the expansion is good they hardly differ."""
    levels = np.linspace(low, 2.0, 12)
    values, errors, details = saddlepoint.saddlepoints(model, levels)
    for x, value, error, detail in zip(levels, values, errors, details, strict=True):
        truth = ldt.tail(model, float(x), method="exact")
        one, error_one, by_itself = saddlepoint.alone(model, float(x), False)
        assert abs(value - truth.logp) <= error + truth.error and abs(one - truth.logp) <= error_one + truth.error
        assert abs(value - one) < 0.3 * min(error, error_one) or error > saddlepoint.DOUBT
        assert (detail.cut is None) == (by_itself.cut is None)


@pytest.mark.parametrize("overlap", ["concentrated", "full"])
@pytest.mark.parametrize("density", [False, True])
def test_the_stated_error_of_saddlepoint_is_true(density: bool, overlap: str) -> None:
    """From the bulk to far out, against exact."""
    ask = ldt.logpdf if density else ldt.tail
    for n, d in ((1, 2), (1, 100), (2, 2), (2, 20), (5, 5), (20, 100), (300, 20), (10**4, 1000)):
        model = ldt.AlignmentSum(n, d, overlap=overlap)
        for z in (0.03, 0.3, 1.0, 3.0, 5.0, 30.0):
            level = z * model.variance**0.5
            truth, found = ask(model, level, method="exact"), ask(model, level, method="saddlepoint")
            assert found.status == "failed" or abs(found.logp - truth.logp) <= found.error + truth.error, (n, d, z)


@pytest.mark.nojit
def test_a_level_in_a_band_without_jit() -> None:
    r = ldt.tail(ldt.AlignmentSum(5, 5), 1.0, method="saddlepoint")
    assert abs(r.logp + 43.67772944183704) < r.error < 0.2
