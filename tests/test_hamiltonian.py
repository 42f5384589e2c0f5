"""Replica exchange along gradients: slopes, laws in closed form, and the other samplers of networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

import ldt
from ldt.models.alignment import AlignmentSum
from ldt.models.networks import ReadoutNetwork, ThreeLayerNetwork, TwoLayerNetwork
from ldt.reference import linear_log_tail
from ldt.tails.hamiltonian import Chains, potential, trajectory

pytest.importorskip("pymbar")


class Products(ReadoutNetwork):
    """A = sum_r xi_r z_r/sqrt(n): a linear CNN with filters of one weight, in closed form."""

    hidden = readouts = 6

    def features(self, x: np.ndarray) -> np.ndarray:
        return x / math.sqrt(self.hidden)

    def slope(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.sum(x * x, axis=1) / self.hidden, 2.0 * x / self.hidden


def test_slopes_and_potentials_by_differences() -> None:
    net = ThreeLayerNetwork(width1=5, width2=4, dim=3, points=256)
    x, step = np.random.default_rng(1).standard_normal((2, net.hidden)), 1e-5
    v, slope = net.slope(x)
    assert np.allclose(v, net.summary(x), rtol=1e-12)
    u, du = potential(0.5, x, v, slope)
    for i in range(net.hidden):
        plus, minus = x.copy(), x.copy()
        plus[:, i] += step
        minus[:, i] -= step
        assert np.allclose((net.summary(plus) - net.summary(minus)) / (2 * step), slope[:, i], atol=1e-8 * abs(slope).max())
        change = [potential(0.5, z, net.summary(z), slope)[0] for z in (plus, minus)]
        assert np.allclose((change[0] - change[1]) / (2 * step), du[:, i], rtol=1e-5, atol=1e-5)
    assert np.allclose(u, 0.5 * np.sum(x * x, axis=1) - special.log_ndtr(-0.5 / np.sqrt(v)))


def test_trajectories_leave_the_law_alone() -> None:
    """From exact draws of the law given the event (by rejection) trajectories return the same law of V."""
    net, random, level = Products(), np.random.default_rng(3), 0.8
    x = random.standard_normal((60_000, 6))
    x = x[random.random(len(x)) < special.ndtr(-level / np.sqrt(net.summary(x))) / 0.5][:3000]
    chains = Chains(net, x.copy())
    for _ in range(4):
        chance = trajectory(chains, level, random.uniform(0.05, 0.15, len(x)), random)
    assert 0.5 < chance < 1.0 and np.allclose(chains.q, net.summary(chains.x))
    before, after = np.log(net.summary(x)), np.log(chains.q)
    assert abs(before.mean() - after.mean()) < 4.0 * math.sqrt((before.var() + after.var()) / len(x))
    assert after.std() == pytest.approx(before.std(), rel=0.06)


@pytest.mark.parametrize("level", [2.0, 6.0])
def test_a_law_in_closed_form(level: float) -> None:
    found = ldt.tail(Products(), level, method="hamiltonian", rng=1)
    truth = float(linear_log_tail(AlignmentSum(6, 1, activation="linear", target=1), level))
    assert abs(found.logp - truth) < 3.5 * found.error and found.error < 0.3
    lower = ldt.tail(Products(), -level, method="hamiltonian", side="lower", rng=1)
    assert lower.logp == found.logp  # symmetric networks are mirrored
    assert np.allclose(Products().score(found.detail.weights), found.detail.scores) and np.all(found.detail.scores >= level)


def test_three_layers_against_splitting_and_plain_averages() -> None:
    net = ThreeLayerNetwork(3, 3, 3, c="orthonormal", points=512)
    found = ldt.tail(net, 0.1, method="hamiltonian", rng=1, particles=12, moves=40)
    v = net.refined(5).summary(np.random.default_rng(5).standard_normal((4000, net.hidden)))
    tails = special.ndtr(-0.1 / np.sqrt(v))
    truth, error = math.log(tails.mean()), float(tails.std()) / tails.mean() / math.sqrt(len(v))
    assert abs(found.logp - truth) < 4.0 * math.hypot(found.error, error) and found.error < 0.2
    other = ldt.tail(net, 0.5, method="splitting", rng=2, replicates=6, particles=150, moves=3)
    found = ldt.tail(net, 0.5, method="hamiltonian", rng=3, particles=16, moves=60)
    assert abs(found.logp - other.logp) < 3.5 * math.hypot(found.error, other.error)


def test_networks_without_a_slope_are_refused() -> None:
    with pytest.raises(ldt.MethodError, match="slope"):
        ldt.tail(TwoLayerNetwork(3, 3), 1.0, method="hamiltonian")


def test_the_same_bytes_with_any_workers() -> None:
    found = [ldt.tail(Products(), 3.0, method="hamiltonian", rng=4, replicates=2, particles=4, moves=9, workers=n) for n in (1, 2)]
    assert found[0].logp == found[1].logp and np.array_equal(found[0].detail.weights, found[1].detail.weights)
