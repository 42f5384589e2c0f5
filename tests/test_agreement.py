"""Methods against each other on the same question, sides and shapes against each other, workers against each other."""

from __future__ import annotations

import itertools
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import ldt
from ldt.tails.methods import family

METHODS = ("exact", "saddlepoint", "importance", "montecarlo", "mpmath")


def relu_copy(x: Any) -> Any:
    return 0.5 * (x + np.abs(x))


def swish(x: Any) -> Any:
    return x / (1.0 + np.exp(-x))


MODELS: dict[str, tuple[ldt.AlignmentSum, float]] = {
    "bulk": (ldt.AlignmentSum(5, 5), 0.05),
    "small": (ldt.AlignmentSum(2, 3), 0.3),
    "talk": (ldt.AlignmentSum(50, 50), 1.0),
    "full": (ldt.AlignmentSum(20, 20, overlap="full"), 1.0),
    "ratio": (ldt.AlignmentSum(30, 20, c="ratio", readout_variance=2.0, weight_variance=0.7), 0.2),
    "raw-he1": (ldt.AlignmentSum(10, 10, c="raw", target=1), 1.0),
    "mixed": (ldt.AlignmentSum(12, 10, c="orthonormal", target={1: 1.0, 3: -0.3}), 0.9),
    "he5-full": (ldt.AlignmentSum(6, 4, target=5, overlap="full"), 0.1),
    "relu": (ldt.AlignmentSum(10, 5, c="raw", target=2, activation="relu"), 0.7),
    "relu-asymmetric": (ldt.AlignmentSum(10, 5, c="raw", target={1: 1.0, 2: 1.0}, activation="relu"), 1.2),
    "relu-full": (ldt.AlignmentSum(10, 5, c="raw", target=2, activation="relu", overlap="full"), 0.7),
    "tanh": (ldt.AlignmentSum(10, 10, c="raw", target={1: 1.0, 3: 0.2}, activation="tanh"), 1.0),
    "tanh-full": (ldt.AlignmentSum(8, 6, c="raw", target=3, activation="tanh", overlap="full"), 0.5),
    "linear": (ldt.AlignmentSum(16, 9, target=1, activation="linear"), 1.0),
    "swish": (ldt.AlignmentSum(10, 10, c="raw", target={2: 1.0}, activation=swish), 0.3),
    "wide": (ldt.AlignmentSum(3000, 8), 0.6),
}


def options(method: str, seed: int = 11) -> dict[str, Any]:
    if method == "importance":
        return {"samples": 4000, "rng": seed}
    return {"samples": 20_000, "rng": seed} if method == "montecarlo" else {"dps": 12} if method == "mpmath" else {}


def slack(r: ldt.TailResult) -> float:
    """The stated error; five of them where it is a standard error."""
    return float(r.error) * (5.0 if r.error_kind == "stderr" else 1.0)


@pytest.mark.parametrize("ask", [ldt.tail, ldt.logpdf], ids=["tail", "density"])
@pytest.mark.parametrize("name", [pytest.param(k, marks=[pytest.mark.slow] if k in ("relu-full", "tanh") else []) for k in MODELS])
def test_methods_agree(name: str, ask: Any) -> None:
    model, level = MODELS[name]
    results = []
    for method in METHODS:
        try:
            result = ask(model, level, method=method, **options(method))
        except ldt.MethodError as refusal:
            assert method == "mpmath" and "method='" in str(refusal)
            continue
        assert result.method == method
        if result.status != "failed":
            results.append(result)
        else:
            assert method in ("montecarlo", "saddlepoint") and result.advice
    assert len(results) >= 3
    for one, two in itertools.combinations(results, 2):
        if "montecarlo" in (one.method, two.method) and min(one.logp, two.logp) < -8.0:
            continue  # a handful of hits has no standard error
        assert abs(one.logp - two.logp) <= slack(one) + slack(two), (one, two)


def test_compare_and_auto() -> None:
    model, level = MODELS["talk"]
    by_name = {r.method: r for r in ldt.compare(model, level, samples=1000, rng=1)}
    assert set(by_name) == {"exact", "saddlepoint", "importance"}
    plan = ldt.plan(model, level)
    auto = ldt.tail(model, level)
    assert auto.method == plan.method == "exact"
    assert auto.logp == by_name["exact"].logp
    for one in (model, ldt.CubicSum(100), ldt.IidSum(ldt.parse_law("expon"), 10), ldt.TwoLayerNetwork(5, 5)):
        assert {c["method"] for c in ldt.plan(one, level).candidates} == set(family(one).methods)


# -- level 0, sides -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 0.0, -0.0, np.float64(0.0)])
@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_level_zero_is_one_half(method: str, side: str, level: Any) -> None:
    for model in (ldt.AlignmentSum(50, 50), ldt.AlignmentSum(10**12, 10**6), ldt.AlignmentSum(1, 2, overlap="full")):
        result = ldt.tail(model, level, method=method, side=side)
        assert result.logp == math.log(0.5)
        assert 0.0 < result.error < 1e-15 and result.status == "ok"


@pytest.mark.parametrize("method", METHODS)
def test_sides_mirror_each_other(method: str) -> None:
    model = MODELS["bulk"][0]
    for level in (0.05,) if method == "mpmath" else (0.02, 0.05):
        upper, lower = (
            ldt.tail(model, x, method=method, side=side, **options(method)) for x, side in ((level, "upper"), (-level, "lower"))
        )
        assert upper.logp == lower.logp and upper.error == lower.error


@pytest.mark.parametrize("method", METHODS)
def test_sides_add_up_to_one(method: str) -> None:
    model = MODELS["bulk"][0]
    for level in (0.05, -0.05) if method == "mpmath" else (1e-6, 0.02, 0.05, -0.05):
        upper, lower = (ldt.tail(model, level, method=method, side=side, **options(method)) for side in ("upper", "lower"))
        assert np.logaddexp(upper.logp, lower.logp) == pytest.approx(0.0, abs=1e-14)
        assert upper.error > 0.0 and lower.error > 0.0


def test_complement_of_a_very_rare_event() -> None:
    """1 - exp(-442) is 1: log P is not 0 with error 0, and neither side raises."""
    result = ldt.tail(MODELS["talk"][0], 1.0, method="exact", side="lower")
    assert -1e-15 < result.logp <= 0.0 and 0.0 < result.error < 1e-15
    deep = ldt.tail(MODELS["talk"][0], -1.0, method="exact", side="lower")
    assert deep.logp == pytest.approx(-442.409210238833, abs=1e-9)


def test_density_is_even() -> None:
    model, level = MODELS["full"]
    for method in ("exact", "saddlepoint"):
        assert ldt.logpdf(model, level, method=method).logp == ldt.logpdf(model, -level, method=method).logp


# -- shapes -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3), (2, 1, 2), (0,), ()])
@pytest.mark.parametrize("method", ["exact", "saddlepoint", "montecarlo"])
def test_levels_broadcast(shape: tuple[int, ...], method: str) -> None:
    model = MODELS["bulk"][0]
    levels = np.linspace(-0.1, 0.1, max(1, math.prod(shape)))[: math.prod(shape)].reshape(shape)
    result = ldt.tail(model, levels, method=method, **options(method))
    if shape == ():
        assert isinstance(result.logp, float)
        return
    assert result.logp.shape == result.error.shape == result.status.shape == result.level.shape == shape
    assert len(result.detail) == levels.size
    single = [ldt.tail(model, float(x), method=method, **options(method)).logp for x in levels.ravel()]
    np.testing.assert_array_equal(result.logp.ravel(), single)
    json.dumps(result.to_dict(), allow_nan=False)
    repr(result), result._repr_html_(), result.p, result.log10p


@pytest.mark.parametrize("levels", [[0.05, 0.1], (0.05, 0.1), np.array([0.05, 0.1], dtype=object), np.array([0.05, 0.1])])
def test_sequences_of_levels(levels: Any) -> None:
    result = ldt.tail(MODELS["bulk"][0], levels, method="exact")
    assert isinstance(result.logp, np.ndarray) and result.logp.shape == (2,)
    assert list(ldt.logsf(MODELS["bulk"][0], levels)) == list(result.logp)


@pytest.mark.parametrize("level", [1, np.float32(1.0), np.int64(1), np.array(1.0)])
def test_kinds_of_numbers(level: Any) -> None:
    assert ldt.tail(MODELS["talk"][0], level, method="exact").logp == ldt.tail(MODELS["talk"][0], 1.0, method="exact").logp


def test_logcdf_and_logsf() -> None:
    model = MODELS["bulk"][0]
    levels = np.array([-0.1, 0.0, 0.1])
    np.testing.assert_allclose(np.logaddexp(ldt.logsf(model, levels), ldt.logcdf(model, levels)), 0.0, atol=1e-14)
    np.testing.assert_array_equal(ldt.logsf(model, levels), ldt.logcdf(model, -levels))


# -- records -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_records_are_strict_json(method: str) -> None:
    for model, level in (MODELS["bulk"], MODELS["small"]):
        for ask in (ldt.tail, ldt.logpdf):
            record = json.loads(json.dumps(ask(model, level, method=method, **options(method)).to_dict(), allow_nan=False))
            assert {"logp", "error", "error_kind", "method", "status", "seed", "level", "model", "detail"} <= set(record)
            assert record["model"]["width"] == model.width


# -- seeds and workers ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["talk", "full", pytest.param("tanh-full", marks=pytest.mark.slow), "wide"])
@pytest.mark.parametrize("method", ["importance", "montecarlo"])
def test_same_bytes_for_any_workers(name: str, method: str) -> None:
    model, level = MODELS[name]
    level = level if method == "importance" else math.sqrt(model.variance)
    samples = 3000
    with ThreadPoolExecutor(3) as pool:
        results = [
            ldt.tail(model, level, method=method, samples=samples, rng=7, workers=w) for w in (1, 2, 4, map, pool.map, np.int64(2))
        ]
    for ask in results[1:]:
        assert (ask.logp, ask.error, ask.seed, ask.detail) == (results[0].logp, results[0].error, 7, results[0].detail)


@pytest.mark.parametrize("method", ["importance", "montecarlo"])
def test_seeds(method: str) -> None:
    model = MODELS["bulk"][0]

    def ask(rng: Any) -> ldt.TailResult:
        return ldt.tail(model, 0.05, method=method, samples=500, rng=rng)

    assert ask(3).logp == ask(3).logp != ask(4).logp
    fresh = ask(None)
    assert isinstance(fresh.seed, int) and ask(fresh.seed).logp == fresh.logp
    sequence = np.random.SeedSequence(5)
    assert ask(sequence).logp == ask(np.random.SeedSequence(5)).logp
    generator = np.random.default_rng(5)
    first, second = ask(generator), ask(generator)
    assert first.logp != second.logp and ask(first.seed).logp == first.logp
    assert ask(np.random.default_rng(5)).logp == first.logp
    assert ask(2**63 - 1).logp != ask(2**64 + 5).logp


def test_levels_of_an_array_do_not_share_a_stream_by_accident() -> None:
    """One seed for the whole array is recorded; the array's first answer is the single level's."""
    result = ldt.tail(MODELS["bulk"][0], [0.05, 0.1], method="importance", samples=500, rng=9)
    assert result.seed == 9
    assert result.logp[0] == ldt.tail(MODELS["bulk"][0], 0.05, method="importance", samples=500, rng=9).logp
