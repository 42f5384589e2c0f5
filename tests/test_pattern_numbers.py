"""Costs with constants: geometric programs, reductions to alignments, three layers, sample complexity; each against something else."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats

from ldt.errors import ModelError
from ldt.models.alignment import AlignmentSum
from ldt.models.architecture import Architecture, Layer, Target
from ldt.patterns import three_layer as deep
from ldt.patterns.complexity import discrepancy_of, sample_complexity
from ldt.patterns.constants import average_fit, average_inverse, inverse_overlap, lazy_constant
from ldt.patterns.engine import pattern_table, variants
from ldt.patterns.geometric import _Convex, _integers, _solve, formula, numeric_table
from ldt.patterns.two_layer import pattern_costs
from ldt.patterns.variational import alignment_of, variational
from ldt.reference import linear_log_tail

MODELS = Path(__file__).parent.parent / "data" / "models"
READOUT = Layer("readout")
TALK = 4.0 / math.sqrt(6.0 * math.pi)  # the talk's level 1, in units of the orthonormal He_3


def model(name: str, **widths: Any) -> Architecture:
    return Architecture.from_file(MODELS / f"{name}.toml").with_widths(**widths)


# -- geometric programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "dim"), [("d", 10), ("64*d", 100), ("d^2", 1000), ("d", 10**5)])
def test_two_layers_agree_with_the_costs_found_by_quadrature(width: str, dim: int) -> None:
    """Specialization is the same function of (M, w) as ldt.patterns.two_layer's concentrated one, minimised by other means."""
    net = model("two_layer_erf", N=width)
    table = numeric_table(net, dim, TALK)
    costs = pattern_costs(AlignmentSum(round(table.sizes["N"]), dim), 1.0)
    row = table["specialization - gp"]
    assert row.cost == pytest.approx(costs["specialization"].cost, rel=1e-8)
    assert row.parameters["M"] == costs["specialization"].parameters["M"]
    assert row.parameters["w"] == pytest.approx(costs["specialization"].parameters["w"], rel=1e-4)
    assert table["gp - gp"].cost == pytest.approx(costs["gp"].cost, rel=0.01)
    assert table["gfl - gp"].cost == pytest.approx(costs["gfl"].cost, rel=0.01)


def test_constants_of_the_theory_notes() -> None:
    """9 a sqrt(N d) at w = sqrt 3, M = 3 a sqrt(N/d); 10.657 d at w = 2.691 with one neuron; 0.9 d^3; 1.016 (N d)^(3/4)."""
    net = model("two_layer_erf", N="10^6*d")
    row = numeric_table(net, 100, TALK)["specialization - gp"]
    assert row.cost == pytest.approx(9 * math.sqrt(100 * 1e8), rel=1e-6) and row.parameters["M"] == 3000
    few = numeric_table(model("two_layer_erf", N="0.01*d"), 10**6, TALK)["specialization - gp"]
    assert few.parameters["M"] == 1
    one = optimize.minimize_scalar(lambda w: 1e6 * w * w / 2 + 1e4 * (3 + 2 * w * w) ** 3 / (2 * w**6), bounds=(0.1, 5), method="bounded")
    assert few.cost == pytest.approx(one.fun, rel=1e-8)
    table = numeric_table(model("two_layer_erf"), 10**9, TALK)
    assert table["gp - gp"].cost == pytest.approx(0.9e27, rel=0.01)
    assert table["gfl - gp"].cost == pytest.approx(1.016 * 1e18**0.75, rel=0.01)


def test_linear_cnn_numbers_are_the_closed_forms() -> None:
    """D^2 - D = N_w S/N and the Chernoff rate of the variance-gamma law."""
    table = numeric_table(model("linear_cnn_patterns"), 10**4)
    excess = (math.sqrt(1 + 4 * 100) - 1) / 2
    row = table["gfl - gp"]
    assert row.parameters["D"] == pytest.approx(1 + excess, rel=1e-6)
    assert row.cost == pytest.approx(50 * (excess - math.log1p(excess)) + 5000 / (1 + excess), rel=1e-10)
    assert table["gp - gp"].cost == pytest.approx(5000.0) and table["specialization - gp"].cost == pytest.approx(1000.0)


def test_a_cost_that_falls_without_end_has_no_minimum() -> None:
    """2/x + x y^2 with nothing that holds y up, and the same with y >= 1; M^2 + 7/M over integers by brute force."""
    falling = _Convex(("x", "y"), np.array([math.log(2.0), 0.0]), np.array([[-1.0, 0.0], [1.0, 2.0]]), np.zeros(0), (), np.zeros((0, 2)),
                      np.zeros(0))  # fmt: skip
    with pytest.raises(ModelError, match="falls without end as"):
        _solve(falling, np.zeros(2), {})
    held = _Convex(falling.names, falling.logs, falling.slopes, falling.counts, (), np.array([[0.0, 1.0]]), np.zeros(1))
    assert math.exp(_solve(held, np.ones(2), {})[0]) == pytest.approx(2.0 * math.sqrt(2.0), rel=1e-10)
    whole = _Convex(("M",), np.array([0.0, math.log(7.0)]), np.array([[2.0], [-1.0]]), np.zeros(0), (), np.array([[1.0]]), np.zeros(1))
    found, x = _integers(whole, ("M",), *_solve(whole, np.ones(1), {}))
    assert math.exp(found) == pytest.approx(min(m * m + 7.0 / m for m in range(1, 9)), rel=1e-10) and round(math.exp(x[0])) == 2


@pytest.mark.parametrize("name", ["three_layer_erf", "parity_relu", "cnn"])
def test_minima_against_a_simplex_search(name: str) -> None:
    """The formula that is printed, minimised over real parameters by Nelder-Mead with a penalty for the bounds."""
    net = model(name)
    sizes = net.sizes_at(400)
    table = numeric_table(net, 400)
    found: dict[str, float] = {}
    for variant in variants(net):
        if variant.resting:
            continue
        posynomial, stretches, bounds = formula(net, variant, 1.0)

        def cost(x: Any, variant: Any = variant, posynomial: Any = posynomial, stretches: Any = stretches, bounds: Any = bounds) -> float:
            at = sizes | {s: math.exp(v) for s, v in zip(variant.parameters, x, strict=True)}
            total = posynomial.value(at) + sum(n.value(at) * (at[d] - 1 - math.log(at[d])) for n, d in stretches)
            return math.log(total) + sum(1e3 * max(0.0, -b.log({s: math.log(v) for s, v in at.items()})) for b in bounds)

        n, options = len(variant.parameters), {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-9, "fatol": 1e-12}
        best = cost(())  if n == 0 else min(
            optimize.minimize(cost, start, method="Nelder-Mead", options=options).fun
            for start in ([0.3] * n, [0.9] * n, [2.0] * n)
        )  # fmt: skip
        found[variant.name] = min(found.get(variant.name, math.inf), math.exp(best))
    for row in table.rows:
        assert row.relaxed <= found[row.name] * (1 + 1e-7), row.name
        assert row.relaxed >= found[row.name] * (1 - 2e-3), row.name  # the penalty lets the search cut corners
        assert row.cost >= row.relaxed * (1 - 1e-12)


def test_counts_are_the_best_integers() -> None:
    """Against every pair of integers, the amplitudes minimised for each."""
    net = model("three_layer_erf", N1="4*d", N2="9*d")
    name = "specialization - specialization - gp"
    row = numeric_table(net, 50, assignment=name)[name]
    assert all(isinstance(row.parameters[s], int) for s in ("M1", "M2"))
    sizes = net.sizes_at(50)
    best = math.inf
    for variant in (v for v in variants(net) if v.name == name):
        posynomial, _, bounds = formula(net, variant, 1.0)
        shrink = any(b.power_of("w2") == -1 and len(b.powers) == 1 for b in bounds)  # w2 <= 1 on the target's own strength

        def cost(x: Any, m: Any, posynomial: Any = posynomial, shrink: bool = shrink) -> float:
            w = [math.exp(x[0]), min(math.exp(x[1]), 1.0) if shrink else math.exp(x[1])]
            return math.log(posynomial.value(sizes | {"M1": m[0], "M2": m[1], "w1": w[0], "w2": w[1]}))

        for m in itertools.product(range(1, 9), (*range(1, 10), 200, 450)):
            best = min(best, optimize.minimize(cost, [0.4, -0.5], args=(m,), method="Nelder-Mead").fun)
    assert math.log(row.cost) <= best + 1e-6


@settings(max_examples=6, deadline=None)
@given(
    name=st.sampled_from(["two_layer_erf", "cnn", "parity_relu", "linear_cnn_patterns"]),
    p=st.fractions(0, 6, max_denominator=3),
)
def test_slopes_at_huge_sizes_are_the_exponents(name: str, p: Fraction) -> None:
    net = model(name, N=f"d^({p})")
    low, high = 1e6 ** (2 / 7), 1e6 ** (2.5 / 7)  # N up to 1e13
    if p < 2:
        low, high = 1e6, 1e7
    first, second = (numeric_table(net, v) for v in (low, high))
    for row in pattern_table(net).rows:
        slope = math.log(second[row.name].cost / first[row.name].cost) / math.log(high / low)
        assert abs(slope - float(row.exponent)) < (0.06 if p < 2 else 0.35), (row.name, slope, row.exponent)


def test_slopes_of_three_layers() -> None:
    net = model("three_layer_erf", N1="d^(3/2)", N2="d^(5/4)")
    first, second = (numeric_table(net, v) for v in (1e8, 1e9))
    for row in pattern_table(net).rows:
        slope = math.log(second[row.name].cost / first[row.name].cost) / math.log(10)
        assert slope == pytest.approx(float(row.exponent), abs=0.05), row.name


@given(scale=st.floats(0.2, 5.0), level=st.floats(0.1, 3.0))
@settings(max_examples=3, deadline=None)
def test_variances_enter_as_they_must(scale: float, level: float) -> None:
    """The readout's variance is the square of a unit of A; a linear layer's too; an erf layer's input variance is not."""
    for name, layer in (("two_layer_erf", 1), ("three_layer_erf", 2), ("linear_cnn_patterns", 0), ("attention", 0), ("attention", 1)):
        net = model(name)
        changed = list(net.layers)
        old = changed[layer]
        changed[layer] = Layer(old.kind, old.sizes, old.activation, scale, old.prior)
        scaled = Architecture(tuple(changed), net.target, net.widths, net.base)
        one, two = numeric_table(net, 100, level), numeric_table(scaled, 100, level * math.sqrt(scale))
        assert {r.name: r.cost for r in one.rows} == pytest.approx({r.name: r.cost for r in two.rows}, rel=1e-7)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_average_fit_against_quadrature(k: int) -> None:
    def mean(x: float) -> float:
        parts = ((0, 0.03), (0.03, 0.3), (0.3, 1), (1, 3), (3, 8), (8, 30))
        f = lambda z: 2 * stats.norm.pdf(z) * (z * z / (x + 2 * z * z)) ** k  # noqa: E731
        return sum(integrate.quad(f, *p, epsabs=0, epsrel=1e-10)[0] for p in parts)

    for x in (2e-3, 0.1, 3.0, 30.0, 3e3, 1e6, 5e8):
        for whole, tolerance in ((False, 0.03), (True, 0.25)):
            fit = sum(c * x ** float(p) for p, c in average_fit(False, k, whole))
            assert fit * mean(x) == pytest.approx(1.0, abs=tolerance)


def test_overlaps_against_the_alignment_model() -> None:
    """1/G and its average against AlignmentSum's own overlap and moments."""
    for activation, m in (("erf", 1), ("erf", 5), ("relu", 1), ("relu", 2), ("relu", 4), ("linear", 1)):
        layer, target = Layer("fully connected", {"inputs": "d", "width": "N"}, activation, 1.3), Target("hermite", m)
        exact = AlignmentSum(1, 30, 1.0, 1.3, "orthonormal", m, activation)
        for w in (0.1, 0.9, 4.0):
            g = float(exact.unit_overlap(w)) * exact.prefactor
            assert inverse_overlap(layer, 1.3, m, target, "w").value({"w": w}) == pytest.approx(g**-2, rel=1e-10)
        from ldt.numerics.posynomials import parse

        average = average_inverse(layer, 1.3, m, target, parse("v^-1")).value({"v": 1.3 / 30})
        assert average * exact.variance == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("stretch", [1.0, 10.0, 200.0])
def test_parity_of_stretched_weights_against_sampling(stretch: float) -> None:
    """E <f, y>^2 of a relu neuron, weights stretched along (1, 1): the average that the geometric program fits; and of lazy weights."""
    from ldt.numerics.posynomials import parse

    d, layer = 40, Layer("fully connected", {"inputs": "d", "width": "N"}, "relu")
    w = np.random.default_rng(3).standard_normal((60_000, d)) / math.sqrt(d)
    along, across = (w[:, 0] + w[:, 1]) * math.sqrt(stretch / 2.0), (w[:, 0] - w[:, 1]) / math.sqrt(2.0)
    square = along**2 + across**2 + (w[:, 2:] ** 2).sum(axis=1)
    mean = float(np.mean(((along**2 - across**2) / 2.0) ** 2 / square)) / (2.0 * math.pi)
    if stretch == 1.0:
        assert lazy_constant(layer, 1.0, 2, Target("parity"), False) / (d * (d + 2)) == pytest.approx(mean, rel=0.04)
    else:  # w across and the missing directions of |w|^2 are of order 1/stretch and 1/d
        fit = average_inverse(layer, 1.0, 2, Target("parity"), parse("v^-1")).value({"v": stretch / d})
        assert fit * mean == pytest.approx(1.0, abs=0.12)


def test_what_has_no_numbers_says_so() -> None:
    layer = Layer("fully connected", {"inputs": "d", "width": "N"}, "tanh")
    net = Architecture((layer, READOUT), Target("hermite", 3), {"d": "d", "N": "d"})
    with pytest.raises(ModelError, match="'tanh' has exponents only"):
        numeric_table(net, 10)
    for level in (0, -1, math.nan, True, "high"):
        with pytest.raises(ModelError, match="level"):
            numeric_table(model("two_layer_erf"), 10, level)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="number from 1"):
        numeric_table(model("two_layer_erf"), 0.5)
    with pytest.raises(ModelError, match="three erf layers"):
        variational(model("parity_relu"), 10)


# -- reductions -----------------------------------------------------------------------------------------------------------------


def test_cnn_is_an_alignment_sum_over_channels() -> None:
    """One network of drawn weights: its alignment, averaged over x by quasi-Monte-Carlo, against the sum over channels."""
    random = np.random.default_rng(3)
    net = model("cnn", N_w=3, S=4, N=5)
    law = alignment_of(net, 1)
    assert (law.width, law.dim, law.overlap) == (5, 4, "full") and law.readout_variance == pytest.approx(1 / 3)
    w = random.standard_normal((5, 4)) / 2.0 * 1.5
    a = random.standard_normal((3, 5))
    star = np.array([0.6, -0.48, 0.64])
    x = special.ndtri(stats.qmc.Sobol(12, seed=1).random(2**17)).reshape(-1, 3, 4)
    teacher = (x[..., 0] + 0.3 * (x[..., 0] ** 3 - 3 * x[..., 0])) / math.sqrt(1 + 6 * 0.09)
    values = (a * special.erf(x @ w.T)).sum(axis=(1, 2)) * (teacher @ star)
    g = law.unit_overlap(w[:, 0], (w[:, 1:] ** 2).sum(axis=1)) * law.prefactor
    assert float(values.mean()) == pytest.approx(float((star @ a) @ g), abs=4e-3)


def test_cnn_costs_are_those_of_its_alignment() -> None:
    found = variational(model("cnn"), 10**4)
    assert found.claim == "exact" and found.error < 1e-6
    table = numeric_table(model("cnn"), 10**4)
    assert found.costs["gp"] == pytest.approx(table["gp - gp"].cost, rel=0.03)  # full against concentrated overlap
    assert min(found.costs.values()) > 0.95 * found.neg_log_p


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_linear_cnn_grows_as_three_quarters(size: int) -> None:
    """-log P of d = size^2 by the closed form; d^(3/4) with a prefactor that tends to 1."""
    found = variational(model("linear_cnn_patterns"), size**2)
    exact = -float(linear_log_tail(AlignmentSum(size, size, 1 / size, activation="linear", target=1), 1.0))
    assert found.neg_log_p == pytest.approx(exact, abs=10 * found.error + 1e-9)
    assert found.winner == "gfl"
    assert found.costs["gfl"] < found.neg_log_p < 1.2 * found.costs["gfl"]


def attention_overlap(score: Any, value: Any, length: int, samples: int, seed: int) -> float:
    """<f, y> of one head by plain sampling of contexts of 3-dimensional tokens."""
    random = np.random.default_rng(seed)
    total = 0.0
    for _ in range(samples // 500):
        x = random.standard_normal((500, length, 3))
        scores = np.einsum("nai,ij,nbj->nab", x, score, x)
        weights = (special.softmax(scores, axis=2) - special.softmax(-scores, axis=2)) / 2  # what is odd in the scores: less noise
        f = np.einsum("nab,nb->n", weights, x @ value) / math.sqrt(length)
        pair = x[:, :, 0].sum(1) * (x[:, :, 1] * x[:, :, 2]).sum(1) - (x[:, :, 0] * x[:, :, 1] * x[:, :, 2]).sum(1)
        total += float((f * pair).sum()) / math.sqrt(length * (length - 1))
    return total / (500 * (samples // 500))


def test_attention_at_leading_order() -> None:
    """All entries of the scores that contribute at first order, at a small L where the terms in 1/L are seen."""
    length = 6
    score, value = np.zeros((3, 3)), np.array([0.5, 1.0, 2.0])
    score[0, 1], score[0, 2], score[1, 0], score[2, 1] = 0.10, -0.04, 0.1, 0.1
    q = 1 / length
    terms = ((1 - q) * 0.10 - q * 0.1) * 2.0 + ((1 - q) * -0.04) * 1.0 - q * 0.1 * 0.5  # A_12, A_21, A_13, A_32
    expected = math.sqrt((1 - q) / length) * terms
    assert attention_overlap(score, value, length, 100_000, 1) == pytest.approx(expected, rel=0.08)
    law = alignment_of(model("attention", d=10, L=length, H=3), 1)
    variance = (1 - q) * ((1 - q) ** 2 + q * q) / length * 2 * 3 / 100 / (10 * 3)  # 2H products: variances 1/d^2 and 1/(d H)
    assert law.variance == pytest.approx(variance, rel=1e-9)
    found = variational(model("attention", d=20, L=400, H=1), 1)
    q = 1 / 400
    slope = math.sqrt(400 * 20**3 / ((1 - q) * ((1 - q) ** 2 + q * q)))  # two products: a Laplace law
    assert found.neg_log_p == pytest.approx(slope + math.log(2.0), abs=10 * found.error + 1e-6)


def test_attention_overlap_saturates() -> None:
    """What bounds M <= d in the rules: the overlap of a head is linear in its score entry and then bounded by sqrt(2 ln L)."""
    length = 40
    gains = []
    for entry in (0.2, 20.0):
        score = np.zeros((3, 3))
        score[0, 1] = entry
        gains.append(attention_overlap(score, np.array([0.0, 0.0, 1.0]), length, 8_000, 2) * math.sqrt(length))
    assert gains[0] == pytest.approx(0.2, rel=0.3)
    assert gains[1] < math.sqrt(2 * math.log(length)) < 20.0


# -- three layers ---------------------------------------------------------------------------------------------------------------


def test_three_layer_overlap_against_sampling() -> None:
    """g(t) of one middle neuron: M specialised neurons and a Gaussian bulk, x and weights sampled."""
    net = deep.ThreeLayer(6, 400, 5)
    random = np.random.default_rng(5)
    x = deep.normal_points(6, 2**15, random)
    he3 = (x[:, 0] ** 3 - 3 * x[:, 0]) / math.sqrt(6)
    for count, t in ((1, 0.7), (3, 2.0)):
        values = []
        for _ in range(40):
            w = random.standard_normal((count, 6)) * math.sqrt(0.5 / 6)
            w[:, 0] = 1.4
            s = special.erf(x @ w.T).mean(axis=1)
            bulk = random.standard_normal(len(x)) * math.sqrt(net.noise)
            values.append(float(np.mean(special.erf(t * s + bulk) * he3)))
        rho = 0.5 * 5 / 6  # |w_perp|^2 over the 5 other directions
        expected = float(deep.overlap(net, count, 1.4, rho, t))
        assert np.mean(values) == pytest.approx(expected, rel=0.04)


def test_overlap_with_a_stretched_first_layer_against_sampling() -> None:
    """<erf(t e.phi + noise), h_3> of drawn first layers with w_1 stretched, e along w_1, averaged over the layers and x."""
    net, stretch, t = deep.ThreeLayer(16, 64, 16), 5.0, 3.0
    random = np.random.default_rng(3)
    x = deep.normal_points(16, 2**14, random)
    he3 = (x[:, 0] ** 3 - 3.0 * x[:, 0]) / math.sqrt(6.0)
    values = []
    for _ in range(40):
        w = random.standard_normal((64, 16)) / 4.0
        w[:, 0] *= math.sqrt(stretch)
        axis = w[:, 0] / np.linalg.norm(w[:, 0])
        v = random.standard_normal(64)
        v += (t - v @ axis) * axis  # of the noise only what is across
        values.append(float(np.mean(special.erf(special.erf(x @ w.T) @ v / 8.0) * he3)))
    expected = float(deep.stretched_overlap(net, stretch, 1.0, t))
    assert np.mean(values) == pytest.approx(expected, abs=4.0 * np.std(values) / math.sqrt(40) + 0.05 * abs(expected))


def test_three_layer_energies_have_the_exponents() -> None:
    """sqrt(N2 d), (N1 N2 d)^(1/3) up to GFL's logarithm, d^3: local slopes of the energies."""
    small, large = (
        {e.name: e.cost for e in deep.energies(deep.ThreeLayer(d, d, 16 * d), 1.0)} for d in (1000, 4000)
    )
    for name, exponent in ((deep.GP_GP, 3.0), (deep.GP_SPECIAL, 1.0), (deep.SPECIAL_GFL, 1.0)):
        assert math.log(large[name] / small[name]) / math.log(4) == pytest.approx(exponent, abs=0.03)


def test_three_layer_bound_lies_above_the_truth() -> None:
    """-log P of a tiny network by plain sampling of the middle weights' overlaps: P = E Phi(-alpha/sqrt V)."""
    net, level = deep.ThreeLayer(3, 3, 10), 0.3
    random = np.random.default_rng(7)
    x = deep.normal_points(3, 2**12, random)
    tails = []
    for _ in range(2000):
        first = random.standard_normal((3, 3)) / math.sqrt(3)
        second = random.standard_normal((10, 3)) / math.sqrt(3)
        v = float(np.mean(deep.overlaps_on(net, first, second, x) ** 2))
        tails.append(float(special.ndtr(-level / math.sqrt(v))))
    truth = -math.log(np.mean(tails))
    error = float(np.std(tails)) / np.mean(tails) / math.sqrt(len(tails))
    bound = deep.three_layer_bound(net, level, samples=40, points=2**12, rng=1)
    assert 3.0 < truth and error < 0.3 and bound.status in ("ok", "warning")
    assert bound.bound + 4 * bound.error > truth - 4 * error
    assert bound.bound - 4 * bound.error < 2.0 * truth
    other = deep.three_layer_bound(net, level, parameters={"M2": 1, "w2": 1.0, "r2": 0.4}, samples=40, points=2**12, rng=2)
    assert other.pattern == deep.GP_SPECIAL and other.bound + 4 * other.error > truth - 4 * error


def test_three_layer_bound_is_near_its_energy() -> None:
    found = variational(model("three_layer_erf"), 12, 1.0)
    assert found.claim == "estimate" and math.isnan(found.error)
    assert found.winner == "specialization - gfl - gp"
    parameters = found.parameters[found.winner]
    bound = deep.three_layer_bound(deep.ThreeLayer(12, 12, 12), 1.0, parameters=dict(parameters), samples=40, points=2048, rng=1)
    assert found.neg_log_p < bound.bound + 3 * bound.error < 1.4 * found.neg_log_p
    wide = deep.ThreeLayer(12, 192, 12)  # where a stretched first layer is cheaper, and GP-specialization near
    costs = deep.energies(wide, 1.0)
    assert [energy.name for energy in costs[:3]] == [deep.GFL_GFL, deep.GFL_SPECIAL, deep.GP_SPECIAL]
    for energy in costs[:3]:
        bound = deep.three_layer_bound(wide, 1.0, parameters=dict(energy.parameters), samples=16, points=2048, rng=1)
        assert bound.pattern == energy.name
        assert 0.85 * energy.cost < bound.bound + 3 * bound.error < 1.4 * energy.cost
    with pytest.raises(ModelError, match="parameters"):
        deep.three_layer_bound(wide, 1.0, parameters={"M1": 0, "w1": 1.0, "r1": 1.0, "D2": 1.0})


# -- sample complexity ----------------------------------------------------------------------------------------------------------


@given(ridge=st.floats(0.01, 10.0), level=st.floats(0.5, 6.0))
@settings(max_examples=20, deadline=None)
def test_the_unlearnability_bound_holds_where_the_posterior_is_known(ridge: float, level: float) -> None:
    """f = theta y, theta ~ N(0, 1): the posterior is N(c/(1 + c), 1/(1 + c)), c = P/kappa, and k = 2."""
    prior = float(stats.norm.logsf(level))
    found = sample_complexity(-prior, ridge=ridge, discrepancy=2.0)
    for p in np.linspace(0.0, 3.0, 13) * found.samples:
        c = p / ridge
        posterior = float(stats.norm.logsf((level - c / (1 + c)) * math.sqrt(1 + c)))
        assert posterior <= p * 2.0 / (2 * ridge) + prior + 1e-12
    assert found.samples * 2.0 / (2 * ridge) + prior == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("overlap", ["concentrated", "full"])
@pytest.mark.parametrize(("activation", "degree"), [("erf", 3), ("relu", 2), ("tanh", 3)])
def test_discrepancy_against_sampling(overlap: str, activation: str, degree: int) -> None:
    law = AlignmentSum(20, 7, 1.7, 1.3, "raw", degree, activation, overlap)
    random = np.random.default_rng(0)
    q = (random.standard_normal((200_000, 7)) ** 2).sum(axis=1) * 1.3 / 7 if overlap == "full" else np.full(200_000, 1.3)
    z = np.sqrt(q) * random.standard_normal(200_000)
    f = {"erf": special.erf, "relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[activation](z)
    assert discrepancy_of(law) == pytest.approx(math.factorial(degree) + 1.7 * float(np.mean(f**2)), rel=0.01)


def test_sample_complexity_of_everything() -> None:
    import ldt

    law = AlignmentSum(20, 20, c="orthonormal")
    result = ldt.tail(law, TALK, method="exact")
    one, two = ldt.sample_complexity(law, TALK, ridge=0.3), ldt.sample_complexity(result, ridge=0.3)
    assert one.samples == pytest.approx(two.samples) == pytest.approx(0.6 * 173.317221196939 / one.discrepancy, rel=1e-9)
    assert discrepancy_of(model("two_layer_erf")) == pytest.approx(one.discrepancy)
    row = numeric_table(model("two_layer_erf"), 20, TALK).winner
    assert ldt.sample_complexity(row, discrepancy=one.discrepancy).samples == pytest.approx(2 * row.cost / one.discrepancy)
    for arguments, word in (
        (((law,), {}), "level"), (((5.0,), {}), "discrepancy"), (((5.0,), {"discrepancy": 0.0}), "discrepancy"),
        (((5.0,), {"discrepancy": 1.0, "ridge": -1.0}), "ridge"), (((math.inf,), {"discrepancy": 1.0}), "finite"), ((("x",), {}), "source"),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=word):
            ldt.sample_complexity(*arguments[0], **arguments[1])  # type: ignore[arg-type]
