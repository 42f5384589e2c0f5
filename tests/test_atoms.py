"""Draws from finite laws (ldt.numerics.alias) and the finite law of one neuron that importance sampling draws from (ldt.tails.atoms)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import ldt
from ldt.numerics.alias import Alias, add_sums, alias, pick
from ldt.numerics.random import block_generator
from ldt.tails import atoms
from ldt.tails.sectors import sector_law

LAWS = {
    "one": [1.0],
    "two": [0.75, 0.25],
    "equal": [1.0] * 8,
    "skewed": [0.9, 1e-3, 1e-6, 1e-9, 1e-300, 0.0],
    "random": list(np.random.default_rng(1).random(300) ** 8),
    "near a power of 2": list(np.random.default_rng(2).random(257)),
}


def words(n: int, state: list[int]) -> list[int]:
    """xoshiro256++ in Python's integers (Blackwell & Vigna 2021, figure 3)."""
    mask, (a, b, c, d), out = 2**64 - 1, state, []

    def turned(x: int, k: int) -> int:
        return (x << k | x >> (64 - k)) & mask

    for _ in range(n):
        out.append((turned((a + d) & mask, 23) + a) & mask)
        t = b << 17 & mask
        c, d = c ^ a, d ^ b
        b, a, c = b ^ c, a ^ d, c ^ t
        d = turned(d, 45)
    return out


def reached(table: Alias, count: int) -> Any:
    """The probability of each of ``count`` entries that the columns give, as exact multiples of 2^-64."""
    size, found = len(table.threshold), [0] * count
    for i, threshold in enumerate(table.threshold.tolist()):
        found[table.entry[2 * i]] += threshold
        found[table.entry[2 * i + 1]] += 2**64 - threshold
    return np.array([f / 2**64 / size for f in found])


@pytest.mark.nojit
@pytest.mark.parametrize("name", LAWS)
def test_columns_hold_the_law(name: str) -> None:
    p = np.array(LAWS[name]) / np.sum(LAWS[name])
    table = alias(p)
    assert np.abs(reached(table, len(p)) - p).max() < 1e-15
    assert np.all(reached(table, len(p))[p == 0.0] == 0.0)


@pytest.mark.nojit
def test_draws_follow_the_words() -> None:
    """The reference generator's words, looked up one by one; sums take them in order."""
    p = np.array(LAWS["random"]) / np.sum(LAWS["random"])
    table, state = alias(p), [1, 2**63 + 5, 3, 2**64 - 1]
    bits = len(table.threshold).bit_length() - 1
    drawn = []
    for word in words(60, state):
        column = word >> (64 - bits)
        above = (word << bits) % 2**64 >= int(table.threshold[column])
        drawn.append(int(table.entry[2 * column + above]))
    found = np.empty(60, dtype=np.int64)
    value = np.random.default_rng(3).random(len(p))
    total = np.ones(20)
    with np.errstate(over="ignore"):
        pick(np.array(state, dtype=np.uint64), table.threshold, table.entry, bits, found)
        add_sums(np.array(state, dtype=np.uint64), table.threshold, value[table.entry], bits, 3, total)
    assert found.tolist() == drawn
    np.testing.assert_allclose(total, 1.0 + value[drawn].reshape(20, 3).sum(axis=1), rtol=1e-15)


def test_draws_have_the_law() -> None:
    p = np.array(LAWS["random"]) / np.sum(LAWS["random"])
    table = alias(p)
    found = np.empty(2_000_000, dtype=np.int64)
    state = block_generator(7, 1).bit_generator.random_raw(4)
    pick(state, table.threshold, table.entry, len(table.threshold).bit_length() - 1, found)
    counts, expected = np.bincount(found, minlength=len(p)), len(found) * p
    many = expected > 20
    score = float(np.sum((counts - expected)[many] ** 2 / expected[many]))
    assert 1e-4 < stats.chi2.sf(score, int(many.sum())) < 1.0 - 1e-4
    serial = np.corrcoef(found[:-1], found[1:])[0, 1]
    assert abs(serial) * math.sqrt(len(found)) < 4.0


@pytest.mark.parametrize("width", [300, 3000])
def test_one_multinomial_draw_is_as_many_look_ups(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way the sum of g^2 has the mean and variance of the tilted law, and the estimate is right."""
    model = ldt.AlignmentSum(width, 5)
    law = sector_law(model, 1.0)
    index = max(range(len(law.sectors)), key=lambda i: law.sectors[i].log_bound(1.0))
    typical = atoms.bin_atoms(law, index, 1.0, False)[0]
    mean, square = float(typical.p @ typical.gg), float(typical.p @ typical.gg**2)
    truth = ldt.logsf(model, 1.0)
    assert len(typical.p) < width / 2
    for factor in (1, 10**9):
        monkeypatch.setattr(atoms, "BINOMIAL", factor)
        random = block_generator(11, 0)
        total, logs = np.zeros(4000), np.zeros(4000)
        typical.add(random, random.bit_generator.random_raw(4), total, logs)
        assert abs(total.mean() - typical.count * mean) < 4.5 * total.std() / math.sqrt(4000)
        assert total.var() == pytest.approx(typical.count * (square - mean**2), rel=0.15)
        np.testing.assert_allclose(logs, typical.count * typical.log_m - typical.theta * total)
        result = ldt.tail(model, 1.0, method="importance", samples=4000, rng=2)
        assert abs(result.logp - truth) < 4.5 * result.error


@pytest.mark.parametrize("width", [10**6, 10**9, 10**12])
@pytest.mark.parametrize("level", [1e-3, 1.0])
def test_any_width(width: int, level: float) -> None:
    model = ldt.AlignmentSum(width, 10)
    result = ldt.tail(model, level, method="importance", rng=3, target_error=0.001)
    assert result.status == "ok" and result.error <= 0.001
    assert abs(result.logp - ldt.logsf(model, level)) < 4.5 * result.error


MODELS = {
    "concentrated": (ldt.AlignmentSum(50, 50), 1.0),
    "low": (ldt.AlignmentSum(50, 50), 0.05),
    "full": (ldt.AlignmentSum(20, 20, overlap="full"), 1.0),
    "wide": (ldt.AlignmentSum(10**9, 10), 1.0),
    "high": (ldt.AlignmentSum(5, 5), 20.0),
    "relu": (ldt.AlignmentSum(10, 5, c="raw", target=2, activation="relu"), 0.7),
    "relu-full": (ldt.AlignmentSum(6, 5, c="raw", target=2, activation="relu", overlap="full"), 0.5),
    "tanh-full": (ldt.AlignmentSum(4, 5, c="raw", activation="tanh", overlap="full"), 0.5),
    "mixed": (ldt.AlignmentSum(12, 10, c="raw", target={1: 1.0, 3: -0.3}), 0.9),
}


@pytest.mark.parametrize("name", MODELS)
def test_misfit_is_rounding_and_sees_what_is_wrong(name: str) -> None:
    """Two quadratures that share no nodes agree; with the mass of the tilted neuron off by 1e-6, its N-fold effect shows."""
    model, level = MODELS[name]
    law = sector_law(model, level)
    sector = max(law.sectors, key=lambda s: s.log_bound(level))
    assert atoms.misfit(law, (sector,), level, False) < 1e-10
    theta = model.variance_scale * sector.s**2
    nodes = law.bins.nodes
    last = slice(law.bins.start[-2], None) if sector.special and sector.special[-1] else slice(0, law.bins.start[1])
    moved = nodes.gg.copy()
    moved[last] *= 1.0 + 1e-6
    tilted = np.exp(nodes.lw[last] + theta * nodes.gg[last] - np.max(nodes.lw[last] + theta * nodes.gg[last]))
    count = sector.special[-1] if last.stop is None else model.width - sector.k
    due = 1e-6 * count * theta * float(tilted @ nodes.gg[last] / tilted.sum())
    bins = type(law.bins)(model, nodes._replace(gg=moved), law.bins.cuts)
    assert atoms.misfit(replace(law, bins=bins), (sector,), level, False) == pytest.approx(due, rel=0.02)


def test_misfit_is_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.tails import importance

    monkeypatch.setattr(importance, "misfit", lambda *_: 0.05)
    result = ldt.tail(ldt.AlignmentSum(5, 5), 1.0, method="importance", samples=20_000, rng=1)
    assert result.error > 0.05 and result.status == "warning" and "known to 0.05 nats" in result.advice


def test_effective_samples_are_no_more_than_drawn() -> None:
    for model in (ldt.AlignmentSum(5, 5), ldt.AlignmentSum(10**6, 5), ldt.AlignmentSum(1, 5)):
        detail = ldt.tail(model, 1.0, method="importance", rng=1).detail
        assert 0.0 < detail.ess <= detail.samples
        assert detail.ess == pytest.approx(detail.samples / (1.0 + detail.relative_variance))
