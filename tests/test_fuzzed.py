"""What the fuzz campaign (benchmarks/fuzz.py) found in models and sums, each against an answer that shares no code with the fault."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from mpmath import mp

import ldt
from ldt.models.neuron import _log_mean_root


@pytest.mark.parametrize("dim", [2, 5, 20])
def test_mean_root_of_the_full_overlap(dim: int) -> None:
    """E sqrt(1 + 2 z t), z ~ Gamma(a, 1), is (2t)^-a U(a, a + 3/2, 1/(2t)) (DLMF 13.4.4); 5e-14 was lost at t = t_max."""
    a, t_max = 0.5 * (dim - 1), 2.0 / dim
    found = _log_mean_root(a, t_max)
    with mp.workdps(40):
        for y in (1.0, 0.99, 0.5, -0.5):
            t = mp.mpf(t_max) * (1 + mp.mpf(y)) / 2
            truth = mp.log((2 * t) ** -a * mp.hyperu(a, a + mp.mpf(3) / 2, 1 / (2 * t)))
            assert abs(found(y) - truth) < 2e-15


@pytest.mark.parametrize("dim", [2, 20, 2981, 10**6])
def test_prior_of_the_full_overlap_has_mass_one(dim: int) -> None:
    """A relative error of the prior's mass is one of log P: at log P = -8314 the loss was 1e-10, four times the error reported."""
    neuron = ldt.AlignmentSum(1000, dim, overlap="full").neuron
    z = np.arange(-2560, 2561) / 64.0  # the trapezoid sum of what is nearly a normal density is exact
    assert abs(math.fsum(np.exp(neuron.log_prior(z * neuron.scale))) * neuron.scale / 64.0 - 1.0) < 4e-15


def test_full_overlap_at_large_dimension_against_ball_arithmetic() -> None:
    pytest.importorskip("flint")
    model = ldt.AlignmentSum(66773, 2981, overlap="full", target={1: 1.0, 2: 0.5}, c="ratio")
    found, proved = (ldt.tail(model, 1.0832870676749586, method=m) for m in ("exact", "certified"))
    assert abs(found.logp - proved.logp) <= found.error + proved.error


@pytest.mark.parametrize("law", ["norm", "norm(-3.8768e-44, 0.36788)", "gamma(4)"])
def test_saddle_point_of_sums_a_rounding_off_the_mean(law: str) -> None:
    """There the level counts as the mean: what that does to P is in the error."""
    total = ldt.IidSum(ldt.parse_law(law), 1)
    level = float(total.mean() + 1e-13 * math.sqrt(total.var()))
    exact, rough = (ldt.tail(total, level, method=m) for m in ("exact", "saddlepoint"))
    assert abs(exact.logp - rough.logp) <= exact.error + rough.error


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_saddle_point_of_sums_at_the_last_atom(side: str) -> None:
    """Its tilt is infinite and K'' is 0 there: no expansion, said so (a division by zero before)."""
    total = ldt.IidSum(scipy.stats.rv_discrete(values=([0.1, 0.35, 0.7], [0.2, 0.3, 0.5])), 3)
    for level in (total.support[1] - 0.01, total.support[0] + 0.01):
        exact, rough = (ldt.tail(total, level, method=m, side=side) for m in ("exact", "saddlepoint"))
        assert rough.status == "failed" or abs(exact.logp - rough.logp) <= exact.error + rough.error


@pytest.mark.parametrize(
    "model",
    [
        ldt.AlignmentSum(2, 2924, overlap="full", c=34.597970832402744, target=7, weight_variance=0.37386335628661244),
        ldt.AlignmentSum(9574, 2899, c="orthonormal", readout_variance=0.7728036456905307, weight_variance=0.02595206382790045),
    ],
)
def test_saddle_point_where_a_bin_has_one_node(model: ldt.AlignmentSum) -> None:
    """Its log M is a straight line, whose second derivative the series of a band were divided by."""
    exact, rough = (ldt.tail(model, 1.0, method=m) for m in ("exact", "saddlepoint"))
    assert abs(exact.logp - rough.logp) <= exact.error + rough.error


@pytest.mark.parametrize(
    ("model", "level", "density"),
    [
        (ldt.AlignmentSum(1, 13, c=83.62724, target={1: 1.0, 3: -0.4}, readout_variance=0.12936302), 0.001, True),
        (ldt.AlignmentSum(1, 1, c="orthonormal", target=5), 0.0012310958149335215, False),
        (ldt.AlignmentSum(1, 103, c="raw", target=7, weight_variance=0.03431597148774085), 0.03431597148774085, True),
        (ldt.AlignmentSum(1, 468, c="raw", target=1, weight_variance=0.213518, readout_variance=0.213518), 1.17362, True),
    ],
)
def test_saddle_point_of_one_neuron_is_within_its_error(model: ldt.AlignmentSum, level: float, density: bool) -> None:
    """Twice the safety of sums of many: these were up to 1.5 times further off than stated."""
    ask = ldt.logpdf if density else ldt.tail
    exact, rough = (ask(model, level, method=m) for m in ("exact", "saddlepoint"))
    assert abs(exact.logp - rough.logp) <= exact.error + rough.error


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"width": 1, "dim": 1, "weight_variance": 0.010613831496859748, "readout_variance": 0.010613831496859748}, 1.0),
        ({"width": 31279353, "dim": 1, "readout_variance": 0.010613831496859748}, 1.0),
        ({"width": 3, "dim": 3, "overlap": "full", "target": 5, "c": 0.8552300017927242}, 2.2790220750588897e-05),
    ],
)
def test_density_where_the_expansion_is_worth_little(fields: dict[str, float | str], level: float) -> None:
    """A relative error beyond 1 was stated as log(1 + x), and two cuts that differ by 10^5 nats as that."""
    model = ldt.AlignmentSum(**({"target": 7, "c": 0.010613831496859748} | fields))
    rough, found = (ldt.logpdf(model, level, method=m) for m in ("saddlepoint", "exact"))
    assert abs(rough.logp - found.logp) <= rough.error + found.error
    assert rough.status == "warning"


def test_panels_at_the_end_of_the_nodes() -> None:
    """A panel of one unit in the last place beside the outermost node was halved into one of no width."""
    model = ldt.AlignmentSum(1, 2, target={3: 1.0, 5: 0.2}, weight_variance=0.041542342528471665, c="raw")
    with np.errstate(divide="raise"):
        assert ldt.logpdf(model, 0.3979304345977092, method="exact").status == "ok"
