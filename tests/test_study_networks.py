"""Studies that sample the network itself: which network an architecture is, and small versions of data/studies/*_network.csv."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from ldt.errors import ModelError
from ldt.models.architecture import Architecture
from ldt.models.networks import ParityNetwork
from ldt.models.networks.of_architecture import network_of
from ldt.patterns.variational import alignment_of
from ldt.scaling.studies import Effort, StudyRow, study

MODELS = Path(__file__).parents[1] / "data" / "models"


def model(name: str, **widths: Any) -> Architecture:
    return Architecture.from_file(MODELS / f"{name}.toml").with_widths(**widths)


def test_parity_overlap_against_sampled_inputs() -> None:
    """<relu(w.x), x_1 x_2> on plain random inputs, from the features of a network of one neuron."""
    random = np.random.default_rng(2)
    network, z = ParityNetwork(1, 3, readout_variance=2.0, weight_variance=1.5, c=0.7), np.array([[1.1, -0.6, 0.8]])
    x = random.standard_normal((2_000_000, 3))
    values = np.maximum(x @ z[0] * math.sqrt(1.5 / 3), 0.0) * x[:, 0] * x[:, 1]
    expected = 0.7 * math.sqrt(2.0) * float(values.mean())
    error = 0.7 * math.sqrt(2.0) * float(values.std()) / math.sqrt(len(x))
    assert abs(network.features(z)[0, 0] - expected) < 5.0 * error


@pytest.mark.parametrize(("name", "value"), [("two_layer_erf", 6), ("cnn", 16), ("linear_cnn_patterns", 16)])
def test_the_network_of_an_architecture_has_its_law(name: str, value: int) -> None:
    """V over prior weights has the mean that the alignment's law says."""
    net = model(name)
    network = network_of(net, value)
    v = network.summary(np.random.default_rng(1).standard_normal((40_000, network.hidden)))
    assert float(v.mean()) == pytest.approx(alignment_of(net, value).variance, abs=5.0 * float(v.std()) / 200.0)


def test_networks_of_the_others() -> None:
    three = network_of(model("three_layer_erf", N1="2*d"), 4)
    assert three.name.startswith("three-layer erf network, N1 = 8, N2 = 4, d = 4, He_3, c = 0.40824829")
    assert network_of(model("attention", L=12), 5).name.startswith("softmax attention, d = 5, H = 1, L = 12, c = 1")
    assert network_of(model("parity_relu"), 5) == ParityNetwork(5, 5)
    with pytest.raises(ModelError, match="whole number"):
        network_of(model("cnn"), 17)
    with pytest.raises(ModelError, match="no network"):
        network_of(Architecture(model("three_layer_erf").layers, model("two_layer_erf").target.__class__("hermite", {1: 1.0, 3: 1.0}),
                                {"d": "d", "N1": "d", "N2": "d"}), 4)  # fmt: skip


@pytest.mark.parametrize(("name", "value", "level"), [("two_layer_erf", 3, 0.7), ("cnn", 9, 0.7)])
def test_splitting_of_the_network_against_exact(name: str, value: int, level: float) -> None:
    rows: dict[str, StudyRow] = {
        row.method: row for row in study(model(name), [value], ["exact", "splitting"], level, rng=1, effort=Effort(particles=150, moves=2))
    }
    found, exact = rows["splitting"], rows["exact"]
    assert abs(found.neg_log_p - exact.neg_log_p) < 4.0 * found.error and found.error < 1.0
    if name == "two_layer_erf":  # specialised units by the sector cut, read off the weights, against the exact law
        assert found.observables["neurons: beyond cut"] == pytest.approx(exact.observables["specialised"], abs=0.5)


def test_the_second_opinions_of_a_study() -> None:
    """Umbrella sampling of two layers against the exact value, and three layers along gradients."""
    pytest.importorskip("pymbar")
    exact, found = study(model("two_layer_erf"), [3], ["exact", "umbrella"], 0.5, rng=1, effort=Effort(4, 50, 12))
    assert found.method == "umbrella" and abs(found.neg_log_p - exact.neg_log_p) < 4.0 * found.error and found.error < 0.5
    (deep,) = study(model("three_layer_erf"), [3], ["hamiltonian"], 0.5, rng=1, effort=Effort(2, 12, 20, 512))
    assert deep.neg_log_p == pytest.approx(10.4, abs=0.7)  # splitting: 10.3 +- 1.2; tests/test_hamiltonian.py compares them closely
    assert deep.observables["carriers"] >= 1.0


def test_splitting_of_a_three_layer_network() -> None:
    """Against plain averages of P(A >= level | weights) at a level where these still work."""
    net, level = model("three_layer_erf"), 0.1
    (row,) = study(net, [3], ["splitting"], level, rng=2, effort=Effort(4, 200, 2, 256))
    network = network_of(net, 3)
    v = network.summary(np.random.default_rng(5).standard_normal((4000, network.hidden)))
    tails = special.ndtr(-level / np.sqrt(v))
    truth, error = -math.log(tails.mean()), float(tails.std()) / tails.mean() / math.sqrt(len(v))
    assert truth > 2.0 and abs(row.neg_log_p - truth) < 4.0 * math.hypot(row.error, error)
    assert {"first layer: specialised", "middle layer: pattern", "carriers"} <= set(row.observables)
