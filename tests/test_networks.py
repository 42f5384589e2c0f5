"""Networks: their averages against simulation of their definitions, their bookkeeping, their files, and what they refuse."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

import ldt
from ldt.models.files import NETWORKS, read_model
from ldt.models.networks import (
    AttentionNetwork,
    ConvolutionalNetwork,
    FunctionNetwork,
    Network,
    ParityNetwork,
    ThreeLayerNetwork,
    TwoLayerNetwork,
)
from ldt.models.networks.points import hermite_rule
from ldt.models.networks.softmax_keys import ROOM, hard_averages, interpolate, key_averages, key_table
from ldt.patterns.reading import read_patterns

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "data" / "models").glob("*_network.toml"))
SMALL = [
    TwoLayerNetwork(4, 5), ConvolutionalNetwork(3, 4, 2), ConvolutionalNetwork(3, 4, 2, activation="linear", target=1),
    ThreeLayerNetwork(3, 2, 3, points=64), AttentionNetwork(3, 2, 4, points=64), ParityNetwork(3, 4),
    FunctionNetwork(lambda z: z.sum(axis=1), 12, units=3),
]  # fmt: skip


def simulate(sample: object, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of what ``sample`` returns, rows over draws."""
    parts = np.concatenate([sample() for _ in range(rounds)])  # type: ignore[operator]
    return parts.mean(axis=0), parts.std(axis=0) / math.sqrt(len(parts))


@pytest.mark.parametrize("size", [1.0, 4.0])
def test_attention_is_the_papers(size: float) -> None:
    """f and y written out token by token, on plain random tokens."""
    d, length = 4, 5
    rng = np.random.default_rng(3)
    z = size * rng.standard_normal((1, d * d))
    h = AttentionNetwork(d, 1, length, points=16384).features(z)[0]
    a = z.reshape(d, d) / d

    def sample() -> np.ndarray:
        x = rng.standard_normal((50_000, length, d))
        p = np.exp(np.einsum("nai,ij,nbj->nab", x, a, x))
        p /= p.sum(axis=2, keepdims=True)
        v = np.einsum("nab,nbi->ni", p, x) / math.sqrt(length)
        m = x[:, :, 1] * x[:, :, 2]
        y = (x[:, :, 0].sum(axis=1) * m.sum(axis=1) - (x[:, :, 0] * m).sum(axis=1)) / math.sqrt(length * (length - 1))
        return v * y[:, None] / math.sqrt(d)  # w_h ~ N(0, I/d)

    mean, error = simulate(sample, 6)
    assert np.all(np.abs(h - mean) < 5.0 * error + 0.06 * np.linalg.norm(h))


def test_attention_at_leading_order() -> None:
    """Small A: E[v Y] to first order, with its 1/L corrections, is where the control variate leaves nothing to sample."""
    d, length = 5, 6
    a = 1e-4 * np.random.default_rng(1).standard_normal((d, d))
    h = AttentionNetwork(d, 1, length, points=1024).features((a * d).reshape(1, -1))[0] * math.sqrt(d * (length - 1))
    k = length - 1
    first = k * k / length**2 * np.array([0, a[0, 2], a[0, 1], 0, 0])
    first -= k / length**2 * np.array([a[1, 2] + a[2, 1], a[2, 0], a[1, 0], 0, 0])
    assert np.allclose(h, first, atol=2e-6 * np.sqrt(d))


@pytest.mark.parametrize("length", [2, 3, 32])
def test_softmax_averages(length: int) -> None:
    """The ten averages over the keys, written out on plain random keys; and what interpolation between them adds."""
    rng = np.random.default_rng(5)
    for b, a in ((0.4, 0.5), (1.0, -2.0), (3.0, 1.5), (9.0, 2.0)):

        def sample(b: float = b, a: float = a) -> np.ndarray:
            t = rng.standard_normal((20_000, length - 1))
            logits = np.concatenate([np.full((len(t), 1), b * a), b * t], axis=1)
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            own, r = p[:, 0], p[:, 1:]
            e, z = t * t - 1, t**3 - 3 * t
            other = ~np.eye(length - 1, dtype=bool)
            pairs = lambda f, g: np.einsum("ni,nj,ij->n", f, g, other)  # noqa: E731
            tte = sum(
                r[:, i] * t[:, i] * (pairs(t * (np.arange(length - 1) != i), e * (np.arange(length - 1) != i))) for i in range(length - 1)
            )
            return np.stack([
                own * t.sum(1), own * e.sum(1), own * pairs(t, e), r.sum(1), (r * t).sum(1), (r * e).sum(1) + pairs(r * t, t),
                pairs(r * t, t), (r * z).sum(1) + pairs(r * t, e), pairs(r, e), pairs(r * e, e) + pairs(r * z, t) + tte,
            ], axis=1)  # fmt: skip

        mean, error = simulate(sample, 3)
        exact = key_averages(b, np.array([a]), length)[0]
        assert np.all(np.abs(exact - mean) < 5.0 * error + 1e-9), (b, a, (exact - mean) / error)
        found = np.empty((1, ROOM))
        interpolate(key_table(length, 7), np.array([a]), np.array([b]), found)
        assert np.allclose(found[0, :10], exact, rtol=0, atol=2e-5)
    # Where the largest takes all, the limit of large slopes, which it nears like 1/b^2.
    a = np.linspace(-3.0, 3.0, 7)
    far, farther, hard = key_averages(100.0, a, length), key_averages(200.0, a, length), hard_averages(a, length)
    assert np.allclose(farther + (farther - far) / 3.0, hard, rtol=0, atol=3e-5)


def test_three_layer_features() -> None:
    rng = np.random.default_rng(3)
    network = ThreeLayerNetwork(3, 2, 3, points=8192, c="raw")
    z = 1.5 * rng.standard_normal((1, network.hidden))
    w, v = z[0, :9].reshape(3, 3) / math.sqrt(3), z[0, 9:].reshape(2, 3) / math.sqrt(3)

    def sample() -> np.ndarray:
        x = rng.standard_normal((100_000, 3))
        y = x[:, 0] ** 3 - 3.0 * x[:, 0]
        return erf(erf(x @ w.T) @ v.T) * y[:, None] / math.sqrt(2)

    mean, error = simulate(sample, 10)
    assert np.all(np.abs(network.features(z)[0] - mean) < 5.0 * error + 2e-3)


def test_hermite_rule_is_exact_for_cubics() -> None:
    x, w = hermite_rule(3, 256, 3, 0)
    assert abs(w @ x[:, 0] ** 3 - 6.0) < 1e-10
    assert abs(w @ (x[:, 0] ** 2 * x[:, 1])) < 1e-10
    assert abs(w @ (x @ [0.3, -0.5, 0.2]) ** 3 - 6.0 * 0.3**3) < 1e-10
    assert abs(w @ x[:, 2]) < 1e-10


@pytest.mark.parametrize(
    "network",
    [TwoLayerNetwork(6, 4), ConvolutionalNetwork(5, 4, 3), ConvolutionalNetwork(5, 4, 3, activation="relu", target=2, c="raw")],
)
def test_variance_of_prior_draws(network: TwoLayerNetwork) -> None:
    """Var A over all weights is that of the sum, whose moments are quadratures."""
    a = network.score(np.random.default_rng(5).standard_normal((200_000, network.dimension)))
    assert np.mean(a * a) == pytest.approx(network.sum.variance, rel=6.0 * np.std(a * a) / np.mean(a * a) / math.sqrt(len(a)))


@pytest.mark.nojit
@pytest.mark.parametrize("network", SMALL, ids=lambda n: n.name)
def test_states_keep_their_summaries(network: Network) -> None:
    rng = np.random.default_rng(2)
    state = network.state(rng.standard_normal((6, network.hidden)))
    other = network.state(rng.standard_normal((6, network.hidden)))
    for layer in network.layers:
        rows = np.array([5, 0, 3])
        j = np.stack([rng.permutation(layer.count)[: min(2, layer.count)] for _ in rows])
        block = rng.standard_normal((*j.shape, layer.size))
        new = state.unit(layer, rows, j, block)
        state.accept(layer, rows, j, block, np.array([True, False, True]))
        assert state.q[5] == new[0]
        assert np.allclose(state.block(layer, rows, j)[0], block[0])
        assert np.allclose(state.q, network.summary(state.x), rtol=1e-12)
    x = rng.standard_normal(state.x.shape)
    state.replace(x, np.arange(6) < 2, network.summary(x))
    state.exchange(other, np.array([0, 1]), np.array([4, 2]))
    state.select(np.array([1, 1, 5]))
    layer = network.layers[0]
    state.unit(layer, np.arange(3), np.zeros((3, 1), dtype=int), rng.standard_normal((3, 1, layer.size)))
    for one in (state, other):
        assert np.allclose(one.q, network.summary(one.x), rtol=1e-12)


@pytest.mark.parametrize("network", SMALL[:5], ids=lambda n: n.name)
def test_completed_weights_are_in_the_event(network: Network) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((50, network.hidden))
    level = 2.0 * math.sqrt(float(np.median(network.summary(x))))
    z, a = network.complete(x, level, rng)
    assert z.shape == (50, network.dimension)
    assert np.all(a >= level)
    assert np.allclose(network.score(z), a, rtol=1e-10)


def test_files() -> None:
    assert len(FILES) == 6
    for path in FILES:
        model = read_model(path)
        assert model.kind == "network" and model.to_dict()["architecture"] in NETWORKS
        assert ldt.plan(model, 1.0).method == "splitting"
    assert read_model(ROOT / "data/models/two_layer_network.toml", width=5).width == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("architecture = \"attention\"", ""), "missing field 'architecture'"),
        (("\"attention\"", '"resnet"'), "architecture: must be one of two_layer"),
        (("heads = 1", ""), "missing field 'heads'"),
        (("heads = 1", "head = 1"), "unknown field 'head'; did you mean 'heads'"),
        (("heads = 1", "heads = 0"), "heads: must be an integer"),
        (("points = 512", "points = 500"), "points: must be a power of 2"),
    ],
)
def test_bad_files(change: tuple[str, str], words: str, tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text((ROOT / "data/models/attention_network.toml").read_text().replace(*change))
    with pytest.raises(ldt.ModelError, match=re.escape(words)) as caught:
        read_model(path)
    assert "\n" not in str(caught.value) and "my.toml" in str(caught.value)


def test_alignment_from_file_refuses_a_network() -> None:
    with pytest.raises(ldt.ModelError, match="kind"):
        ldt.AlignmentSum.from_file(FILES[0])


def test_reading_prior_and_planted_weights() -> None:
    network = ThreeLayerNetwork(6, 5, 4, points=64)
    z = np.random.default_rng(0).standard_normal((300, network.dimension))
    assert [r.pattern for r in read_patterns(network, z)] == ["GP", "GP"]
    z[:, :4] = [5.0, 0.1, 0.0, 0.0]  # one neuron of the first layer on the target
    z[:, 24:54] += np.repeat(3.0 * np.random.default_rng(1).standard_normal((300, 1)), 30, axis=1)
    first, middle = read_patterns(network, z)
    assert first.pattern == "specialised" and first.outliers == pytest.approx(1.0, abs=0.05)
    assert first.second_well == pytest.approx(1.0, abs=0.1) and middle.second_well is None
    assert middle.pattern == "GFL" and middle.inflation > 1.5
    with pytest.raises(ldt.ModelError, match="weights"):
        read_patterns(network, z[:, 1:])


def test_reading_the_sector_cut() -> None:
    """On exact draws given the event, the outlier rule and the sector cut count the same specialised neurons, theirs and the sampler's."""
    model = ldt.AlignmentSum(10, 10, overlap="full")
    drawn = ldt.sample_given(model, 1.0, 400, rng=1)
    rng = np.random.default_rng(0)
    perp = rng.standard_normal((400, 10, 9))
    perp *= np.sqrt(drawn.rho / np.sum(perp**2, axis=2))[:, :, None]
    hidden = math.sqrt(10) * np.concatenate([drawn.w[:, :, None], perp], axis=2).reshape(400, 100)
    z = np.concatenate([hidden, math.sqrt(10) * drawn.a], axis=1)
    (reading,) = read_patterns(TwoLayerNetwork(10, 10), z, 1.0)
    assert reading.beyond_cut == pytest.approx(np.mean(drawn.specialised), abs=0.02)
    assert reading.pattern == "specialised" and reading.second_well == pytest.approx(np.mean(drawn.specialised), abs=0.5)
    assert reading.perpendicular is not None and reading.perpendicular < 0.7


@pytest.mark.parametrize("size", [4, 10, 20])
def test_a_stretched_layer_is_not_specialised(size: int) -> None:
    """Exact draws of CNNs given A >= 1: the linear one's optimum is GFL, however many filters lie beyond 3; the erf one has two wells."""
    for activation, target, expected in (("linear", 1, "GFL"), ("erf", 3, "specialised")):
        network = ConvolutionalNetwork(size, size, size, activation=activation, target=target, c="orthonormal")
        drawn = ldt.sample_given(network.sum, 1.0, 600, rng=1)
        z = np.random.default_rng(0).standard_normal((600, network.dimension))
        layer = network.layers[0]
        layer.units(z)[:, :, 0] = drawn.w * math.sqrt(size)
        (reading,) = read_patterns(network, z)
        assert reading.pattern == expected, (activation, reading)
        if reading.second_well is not None:  # the sector cut counts the same ones
            assert reading.second_well == pytest.approx(np.mean(drawn.specialised), abs=0.5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TwoLayerNetwork(0, 5), "width"), (lambda: ThreeLayerNetwork(3, 3, 3, target=2), "target"),
        (lambda: ThreeLayerNetwork(3, 3, 3, c="talk"), "c"), (lambda: AttentionNetwork(2, 1, 5), "dim"),
        (lambda: ConvolutionalNetwork(3, 3, 3, target={0: 1.0, 1: 1.0}, activation="relu", c="raw"), "target"),
        (lambda: FunctionNetwork(3, 4), "function"), (lambda: FunctionNetwork(len, 4, units=3), "units"),  # type: ignore[arg-type]
        (lambda: FunctionNetwork(len, 0), "dimension"),
    ],
)  # fmt: skip
def test_bad_arguments(make: object, words: str) -> None:
    with pytest.raises(ldt.ModelError, match=f"^{words}"):
        make()  # type: ignore[operator]


def test_own_readout_network_sets_its_size() -> None:
    class Product(ldt.ReadoutNetwork):
        readouts = 1

        def __init__(self, hidden: int) -> None:
            self.hidden = hidden

        def features(self, x: np.ndarray) -> np.ndarray:
            return x.prod(axis=1, keepdims=True)

    network = Product(2)
    assert (network.hidden, network.dimension) == (2, 3)
    found = ldt.tail(network, 1.0, method="splitting", rng=1, particles=50, moves=1, replicates=2)
    assert np.isfinite(found.logp)
    with pytest.raises(ldt.ModelError, match="hidden: must be an integer from 1"):
        Product(0)
    del network.__dict__["hidden"]
    with pytest.raises(ldt.ModelError, match="hidden: a readout network needs hidden"):
        _ = network.dimension
