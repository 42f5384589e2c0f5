"""Splitting, umbrella sampling and counting of networks: against exact answers, each other, and those who would fool them."""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from scipy.special import log_ndtr

import ldt
from ldt.cli.main import commands
from ldt.models.networks import AttentionNetwork, ConvolutionalNetwork, FunctionNetwork, ParityNetwork, ThreeLayerNetwork, TwoLayerNetwork
from ldt.tails.mixture import fit
from ldt.tails.moves import Mover
from ldt.tails.replicates import combined, division

ROOT = Path(__file__).parents[1]
QUICK = {"replicates": 4, "particles": 150, "moves": 3}
LADDERS = {"splitting": QUICK, "umbrella": {"replicates": 4, "particles": 50, "moves": 9}}
FIVE, TEN = -33.753169166225, -67.720649283530  # full overlap, alpha = 1: two_layer_full.csv of the reference values


class Slow(TwoLayerNetwork):
    """Without what lets it move in compiled loops."""

    closed_form = None  # type: ignore[assignment]


def linear_score(z: np.ndarray) -> np.ndarray:
    return np.asarray(z.sum(axis=1) / math.sqrt(z.shape[1]))


def within(result: ldt.TailResult, truth: float) -> None:
    assert abs(result.logp - truth) < 3.5 * result.error
    assert 0.0 < result.error < 1.0


# -- against exact answers ---------------------------------------------------------------------------------------------------


def test_two_layers() -> None:
    result = ldt.tail(TwoLayerNetwork(10, 10), 1.0, method="splitting", rng=1, replicates=5, particles=200, moves=4)
    within(result, TEN)
    assert result.status == "ok"
    d = result.detail
    assert np.allclose(TwoLayerNetwork(10, 10).score(d.weights), d.scores)
    assert np.all(d.scores >= 1.0)
    assert "weights" not in result.to_dict()["detail"]
    drawn = ldt.sample_given(ldt.AlignmentSum(10, 10, overlap="full"), 1.0, 500, rng=1)
    exact = np.count_nonzero(np.abs(drawn.w) > 3.0 / math.sqrt(10), axis=1)
    assert np.mean(d.specialised["neurons"]) == pytest.approx(np.mean(exact), abs=0.25)


def test_z_scores() -> None:
    """Many seeds at (5, 5): no bias beyond chance, and a 95 % interval that covers."""
    z = []
    for seed in range(16):
        r = ldt.tail(TwoLayerNetwork(5, 5), 1.0, method="splitting", rng=seed, **QUICK)
        z.append((r.logp - FIVE) / r.error)
    assert np.count_nonzero(np.abs(z) > 1.96) <= 4  # chance 1e-2 at a coverage of 90 %
    assert abs(np.mean(z)) * 4.0 < 3.9


@pytest.mark.slow
@pytest.mark.parametrize(("size", "truth", "allowed"), [(20, -140.228295428941, 0.4), (40, -287.5326, 1.5)])
def test_specialised_neurons_change_their_number(size: int, truth: float, allowed: float) -> None:
    """Plain chains freeze with two specialised neurons at (40, 40) and are 30 nats off."""
    r = ldt.tail(TwoLayerNetwork(size, size), 1.0, method="splitting", rng=1, workers=2)
    assert abs(r.logp - truth) < 3.0 * r.error and r.error <= allowed


def test_linear_cnn_closed_form() -> None:
    network = ConvolutionalNetwork(5, 4, 3, activation="linear", target=1)
    truth = ldt.logsf(network.sum, 2.0)
    within(ldt.tail(network, 2.0, method="splitting", rng=2, **QUICK), truth)


def test_compiled_score() -> None:
    """A user's own compiled function is a network."""
    import numba

    @numba.njit
    def score(z: np.ndarray) -> np.ndarray:
        out = np.empty(len(z))
        for i in range(len(z)):
            out[i] = z[i].sum() / np.sqrt(z.shape[1])
        return out

    within(ldt.tail(FunctionNetwork(score, 6, units=3), 4.0, method="splitting", rng=3, **QUICK), float(log_ndtr(-4.0)))


@pytest.mark.nojit
def test_compiled_moves_leave_the_law_alone() -> None:
    """Chains drawn exactly given A >= 1 keep their laws of V and of the number of outliers, under compiled and other moves alike."""
    network, size, n = TwoLayerNetwork(4, 5), 600, 4
    drawn = ldt.sample_given(network.sum, 1.0, size, rng=1)
    rng = np.random.default_rng(0)
    perp = rng.standard_normal((size, n, 4))
    perp *= np.sqrt(drawn.rho / np.sum(perp**2, axis=2))[:, :, None]
    x = math.sqrt(5) * np.concatenate([drawn.w[:, :, None], perp], axis=2).reshape(size, 20)
    before = network.summary(x)
    for compiled in (True, False):
        mover = Mover(network if compiled else Slow(4, 5))
        mover.learn(x)
        mover.adapting = False
        state = network.state(x.copy())
        for _ in range(6):
            mover.sweep(state, 1.0, rng)
        names = {"whole", "neurons", *(f"neurons, {move}" for move in ("refresh", "birth", "death", "split", "merge"))}
        assert names == set(mover.tally) and all(tally.accepted > 0 for tally in mover.tally.values())
        assert np.allclose(state.q, network.summary(state.x), rtol=1e-12)
        assert stats.ks_2samp(before, state.q).pvalue > 1e-3
        outliers = [np.count_nonzero(np.abs(layer.units(y)[:, :, 0]) > 3.0, axis=1) for y in (x, state.x) for layer in network.layers]
        assert abs(outliers[0].mean() - outliers[1].mean()) < 4.0 * math.sqrt(2.0 * np.var(outliers[0]) / size)


@pytest.mark.parametrize(("side", "level"), [("upper", 4.0), ("lower", -3.0)])
def test_plain_score(side: str, level: float) -> None:
    result = ldt.tail(FunctionNetwork(linear_score, 6, units=3), level, method="splitting", side=side, rng=3, **QUICK)
    within(result, float(log_ndtr(-abs(level))))
    assert np.all(result.detail.scores >= level if side == "upper" else result.detail.scores <= level)


@pytest.mark.parametrize("dimension", [1, 40])
@pytest.mark.parametrize(("side", "level"), [("upper", 6.0), ("lower", -2.0)])
def test_black_box_by_default(dimension: int, side: str, level: float) -> None:
    """A score of parameters without units is moved as a whole, and nothing else."""
    result = ldt.tail(FunctionNetwork(linear_score, dimension), level, method="splitting", side=side, rng=2)
    within(result, float(log_ndtr(-abs(level))))
    assert result.error < 0.1 and result.status == "ok"
    assert list(result.detail.acceptance) == ["whole"]
    assert result.detail.acceptance["whole"] == pytest.approx(0.4, abs=0.15)


def test_umbrella() -> None:
    pytest.importorskip("pymbar")
    result = ldt.tail(TwoLayerNetwork(4, 4), 1.0, method="umbrella", rng=1, replicates=8, particles=50, moves=20)
    within(result, ldt.logsf(TwoLayerNetwork(4, 4).sum, 1.0))
    plain = ldt.tail(FunctionNetwork(linear_score, 4), -2.5, method="umbrella", side="lower", rng=1, particles=60, moves=20)
    within(plain, float(log_ndtr(-2.5)))


SHIPPED = {
    "two layers": (TwoLayerNetwork(4, 4), 1.0),
    "CNN": (ConvolutionalNetwork(4, 3, 3), 1.0),
    "linear CNN": (ConvolutionalNetwork(4, 3, 3, activation="linear", target=1), 2.0),
    "three layers": (ThreeLayerNetwork(3, 3, 3, points=64), 0.03),
    "attention": (AttentionNetwork(3, 1, 4, points=64), 0.3),
    "parity": (ParityNetwork(3, 4), 1.0),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_two_black_boxes_agree(name: str) -> None:
    """Splitting and umbrella sampling, on every shipped network, within their errors (and with the exact value where there is one)."""
    pytest.importorskip("pymbar")
    network, level = SHIPPED[name]
    a = ldt.tail(network, level, method="splitting", rng=1, replicates=6, particles=100, moves=3)
    b = ldt.tail(network, level, method="umbrella", rng=2, replicates=6, particles=50, moves=12)
    assert abs(a.logp - b.logp) < 3.5 * math.hypot(a.error, b.error)
    assert max(a.error, b.error) < 0.6
    if hasattr(network, "sum"):
        truth = ldt.logsf(network.sum, level)
        within(a, truth)
        within(b, truth)


def test_counting() -> None:
    result = ldt.tail(TwoLayerNetwork(5, 5), 0.1, method="montecarlo", samples=20_000, rng=1)
    low, high = result.detail.interval
    assert low - 0.1 < ldt.logsf(TwoLayerNetwork(5, 5).sum, 0.1) < high + 0.1
    lower = ldt.tail(FunctionNetwork(linear_score, 4), -1.0, method="montecarlo", side="lower", rng=1)
    within(lower, float(log_ndtr(-1.0)))


def test_average_over_the_data() -> None:
    """Coarse and fine averages differ by more than their errors before the correction, and agree after it."""
    options = {"method": "splitting", "replicates": 4, "particles": 100, "moves": 3}
    coarse = ldt.tail(ThreeLayerNetwork(3, 3, 3, points=64), 0.05, rng=1, **options)
    fine = ldt.tail(ThreeLayerNetwork(3, 3, 3, points=512), 0.05, rng=2, **options)
    assert abs(coarse.logp - fine.logp) < 3.5 * math.hypot(coarse.error, fine.error)
    assert coarse.detail.average_error > 0.0
    assert abs(fine.detail.average_shift) < abs(coarse.detail.average_shift)


# -- the same bytes ------------------------------------------------------------------------------------------------------------


def test_workers() -> None:
    network = FunctionNetwork(linear_score, 6)
    found = []
    with ProcessPoolExecutor(2) as pool:
        for workers in (1, 2, pool.map):
            r = ldt.tail(network, 3.0, method="splitting", rng=5, workers=workers, replicates=3, particles=60, moves=2)
            found.append((r.logp, r.error, r.detail.weights.tobytes()))
    assert found[0] == found[1] == found[2]


# -- those who would fool it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", LADDERS)
def test_constant_score(method: str) -> None:
    options = LADDERS[method]
    below = ldt.tail(FunctionNetwork(lambda z: np.full(len(z), 0.5), 3), 1.0, method=method, rng=1, **options)
    assert below.status == "failed" and math.isnan(below.logp) and "did not reach" in below.advice
    above = ldt.tail(FunctionNetwork(lambda z: np.full(len(z), 0.5), 3), 0.2, method=method, rng=1, **options)
    assert above.status == "warning" and above.logp == 0.0 and above.error > 1e-3


@pytest.mark.parametrize("method", ["splitting", "umbrella", "montecarlo"])
def test_bad_scores(method: str) -> None:
    def sometimes(z: np.ndarray) -> np.ndarray:
        return np.where(z[:, 0] > 1.0, np.nan, z[:, 0])

    def broken(z: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("oops")

    for score, words in ((sometimes, "NaN"), (broken, "raised ZeroDivisionError: oops"), (lambda z: z, "one value a row")):
        with pytest.raises(ldt.ModelError, match=words):
            ldt.tail(FunctionNetwork(score, 3), 0.5, method=method, rng=1)


@pytest.mark.parametrize("method", LADDERS)
def test_too_few(method: str) -> None:
    network = TwoLayerNetwork(5, 5)
    for options in ({"particles": 4}, {"particles": 10}, {"replicates": 2}):
        r = ldt.tail(network, 1.0, method=method, rng=1, **(LADDERS[method] | options))
        assert r.status != "ok" and r.advice
        assert not abs(r.logp - FIVE) > 4.0 * r.error
    least = {"moves": 1} if method == "splitting" else {"moves": 3, "particles": 25}
    r = ldt.tail(network, 1.0, method=method, rng=1, **(LADDERS[method] | least))
    assert r.error > 0.1 and abs(r.logp - FIVE) < 4.0 * r.error


@pytest.mark.parametrize("method", LADDERS)
def test_one_level_only(method: str) -> None:
    """An event likely enough for one level: nothing was climbed, and the error is that of counting."""
    r = ldt.tail(FunctionNetwork(linear_score, 3), -1.0, method=method, rng=1, **(LADDERS[method] | {"particles": 50}))
    assert len(r.detail.levels) == 1 and abs(r.logp - float(log_ndtr(1.0))) < 3.5 * r.error
    if method == "splitting":
        draws = 4 * 50 * LADDERS[method]["moves"]
        assert r.error >= 0.8 * math.sqrt(math.expm1(-float(log_ndtr(1.0))) / draws)


def test_frozen_chains_are_noticed() -> None:
    """Replicates that sit in different states are told apart from replicates of one law."""
    rng = np.random.default_rng(0)
    assert division([rng.poisson(3.0, 500) for _ in range(6)]) < 0.05
    assert division([rng.poisson(0.1, 500) + k for k in (2, 3, 2, 3, 2, 2)]) > 0.3


@pytest.mark.parametrize(
    ("options", "name"), [({"replicates": 1}, "replicates"), ({"particles": 1.5}, "particles"), ({"moves": 0}, "moves")]
)
def test_bad_options(options: dict[str, float], name: str) -> None:
    with pytest.raises(ldt.ModelError, match=name):
        ldt.tail(TwoLayerNetwork(3, 3), 1.0, method="splitting", **options)


def combinations(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(log P, error) of every row of replicates."""
    found = np.array([combined(x, lognormal=True) for x in logs])
    return found[:, 0], found[:, 1]


def test_combination_of_lognormal_replicates() -> None:
    """Unbiased while the spread of log p is small, and covering for any."""
    rng = np.random.default_rng(1)
    for spread in (0.1, 1.0, 3.0):
        value, error = combinations(rng.standard_normal((2000, 8)) * spread - spread**2 / 2.0)
        if spread < 1.5:
            assert abs(np.mean(value)) < 5.0 * np.std(value) / math.sqrt(2000)
        assert np.mean(np.abs(value) <= 1.96 * error) > 0.94


def test_combination_of_stuck_replicates() -> None:
    """Where populations miss patterns log p is skewed to the left, here as minus a gamma variable of known E p: closer than m + v/2."""
    scale = 6.0
    logs = -scale * np.random.default_rng(2).gamma(2.0, 1.0, (2000, 8)) + 2.0 * math.log1p(scale)
    value, error = combinations(logs)
    normal = np.mean(logs, axis=1) + np.var(logs, axis=1, ddof=1) / 2.0
    assert np.sqrt(np.mean(value**2)) < 0.2 * np.sqrt(np.mean(normal**2))
    assert np.mean(np.abs(value) <= 1.96 * error) > 0.95


def test_mixture_finds_specialised_units() -> None:
    rng = np.random.default_rng(0)
    units = rng.standard_normal((4000, 5))
    units[:200, 0] = 6.0 * np.where(rng.random(200) < 0.5, -1, 1) + 0.5 * units[:200, 0]
    law = fit(units, None)
    assert law is not None and abs(abs(law.mean[0]) - 6.0) < 0.3
    assert np.count_nonzero(law.specialised(units)) == pytest.approx(200, abs=8)
    # The density of a draw is that of its law: the mean of 1/r over draws where the prior can be reached is the prior's mass there.
    draws = law.draw_specialised(20_000, rng)
    inside = np.abs(draws[:, 0]) > 4.0
    prior_mass = math.erfc(4.0 / math.sqrt(2.0))
    assert np.mean(np.exp(-law.log_component(draws)) * inside) == pytest.approx(prior_mass, rel=0.3)


# -- words -------------------------------------------------------------------------------------------------------------------------


def test_command_line() -> None:
    path = str(ROOT / "data/models/two_layer_network.toml")
    options = ["--level", "1", "--method", "splitting", "--seed", "1", "--replicates", "4", "--particles", "60", "--moves", "2", "--json"]
    done = CliRunner().invoke(commands, ["tail", path, "--width", "4", "--dim", "4", *options])
    record = json.loads(done.stdout)
    assert done.exit_code in (0, 3)
    assert record["method"] == "splitting" and record["model"]["kind"] == "network"
    assert abs(record["logp"] - ldt.logsf(TwoLayerNetwork(4, 4).sum, 1.0)) < 4.0 * record["error"]
    for command in ("patterns", "sample"):
        refused = CliRunner().invoke(commands, [command, path, "--level", "1"])
        assert refused.exit_code == 2 and "kind" in refused.stderr


def test_tutorial() -> None:
    page = (ROOT / "docs" / "networks.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None and len(code[1].strip().splitlines()) <= 22
    space: dict[str, object] = {}
    exec(code[1], space)
    result = space["result"]
    assert isinstance(result, ldt.TailResult) and result.status == "ok"
    network = space["network"]
    plain = ldt.tail(network, 0.4, method="montecarlo", rng=2, samples=200_000)
    assert abs(result.logp - plain.logp) < 3.5 * math.hypot(result.error, plain.error)


def test_replicates_are_added_until_the_error_asked_for() -> None:
    seen: list[tuple[int, int]] = []
    result = ldt.tail(
        TwoLayerNetwork(3, 3), 0.5, method="splitting", replicates=4, particles=100, moves=3, target_error=0.05, rng=1,
        progress=lambda done, total, logp, error: seen.append((done, total)),
    )  # fmt: skip
    assert len(result.detail.replicates) > 4 and result.error <= 0.05
    assert [done for done, _ in seen] == list(range(1, len(result.detail.replicates) + 1))
    assert abs(result.logp - ldt.logsf(TwoLayerNetwork(3, 3).sum, 0.5)) < 4.0 * result.error
    missed = ldt.tail(TwoLayerNetwork(3, 3), 0.5, method="splitting", replicates=2, particles=60, moves=2, target_error=1e-3, rng=1)
    assert missed.status == "warning"


def test_interrupted_climbs_leave_what_is_finished() -> None:
    def stop(done: int, *_: Any) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(ldt.Interrupted) as caught:
        ldt.tail(TwoLayerNetwork(3, 3), 0.5, method="splitting", replicates=8, particles=60, moves=2, rng=1, progress=stop)
    partial = caught.value.result
    assert len(partial.detail.replicates) == 3 and partial.status == "warning" and "interrupted after 3 replicates" in partial.advice


def test_counting_until_an_error() -> None:
    net = TwoLayerNetwork(3, 3)
    result = ldt.tail(net, 0.1, method="montecarlo", target_error=0.05, rng=1)
    assert result.status == "ok" and result.error <= 0.05
    assert abs(result.logp - ldt.logsf(net.sum, 0.1)) < 4.0 * result.error
