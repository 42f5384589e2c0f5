"""Two-layer kernel adaptation and the grokking transition, against closed forms, quadratures of their own, sampling and ``ldt.rate``."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

import ldt
from ldt.adaptation import GrokkingModel, adaptation_curve, grokking_phases, grokking_transition, kernel_adaptation
from ldt.adaptation.equations import log_moment, solve, solve_on, whole_law
from ldt.adaptation.grokking import overlaps as grokking_overlaps
from ldt.adaptation.neuron import first_grid, overlaps

pytestmark = pytest.mark.nojit


def talk(width: int = 40, dim: int = 40, **changes: Any) -> ldt.AlignmentSum:
    return ldt.AlignmentSum(width, dim, **{"c": "orthonormal", **changes})


# -- closed forms and the identity ---------------------------------------------------------------------------------------------


def test_a_linear_network_has_a_closed_form() -> None:
    """K(s) = -(N/2) log(1 - s^2/(N d)); one neuron stays Gaussian, with variance 1/(d - s^2/N)."""
    n, d = 30, 12
    for p in (1.0, 30.0, 500.0):
        s = brentq(lambda s, p=p: s / d / (1.0 - s * s / (n * d)) + s / p - 1.0, 0.0, math.sqrt(n * d) * (1 - 1e-12), xtol=1e-14)
        found = kernel_adaptation(talk(n, d, activation="linear", target=1), samples=p)
        assert found.alpha == pytest.approx(1.0 - s / p, abs=1e-12)
        assert found.tilt[0] == pytest.approx(s, rel=1e-11)
        w, precision = np.linspace(-1.0, 1.0, 7), d - s * s / n
        assert np.allclose(found.log_density(w), 0.5 * math.log(precision / (2 * math.pi)) - 0.5 * precision * w * w, atol=1e-9)
        assert np.asarray(found.kernel_after)[0, 0] == pytest.approx(1.0 / precision, rel=1e-10)


@pytest.mark.parametrize(
    ("model", "samples"),
    [
        (talk(), (40, 350, 600, 4000)),
        (talk(overlap="full"), (40, 350, 600, 4000)),
        (talk(200, 60), (100, 1500)),
        (talk(20, 10, activation="tanh", target=1), (10, 300)),
        (talk(20, 10, target={1: 1.0, 3: 0.1}), (10, 1000)),
        (talk(20, 10, activation="relu", target=2), (10, 60)),
        (talk(activation="relu", target=2), (100, 200)),  # at the edge of the cone: neurons of |w_1| up to 1000
        (talk(20, 10, c="ratio"), (10, 100)),
    ],
    ids=lambda v: v.name if isinstance(v, ldt.AlignmentSum) else "",
)
def test_one_component_is_the_saddle_point_of_the_rate(model: ldt.AlignmentSum, samples: tuple[float, ...]) -> None:
    """alpha = 1 - kappa s (theory section 7), s from ldt.rate at alpha, to 1e-10."""
    y2 = 6.0 if model.c == "ratio" else 1.0  # A_f is fitted to 1 with the weight <y, y>
    for p in samples:
        for ridge in (1.0, 7.0):
            found = kernel_adaptation(model, samples=p * ridge, ridge=ridge)
            assert abs(found.alpha - (1.0 - ldt.rate(model, found.alpha).tilt / (p * y2))) < 1e-10
            assert found.status == "ok" and found.error < 1e-10
            assert found.residual < (1e-10 if model.activation == "relu" and model.dim == 40 else 1e-11)


def test_the_transform_is_what_the_free_energy_and_the_bound_say() -> None:
    """G = I(alpha) + P(1 - alpha)^2/(2 ridge) (Legendre), so P >= 2 ridge I(alpha): the unlearnability bound with k = 1."""
    model = talk(30, 20)
    for p in (50.0, 400.0, 1200.0):
        found = kernel_adaptation(model, samples=p)
        rate = ldt.rate(model, found.alpha).convex
        assert found.free_energy == pytest.approx(rate + 0.5 * p * (1.0 - found.alpha) ** 2, rel=1e-11)
        assert p >= 2.0 * rate


def test_conventions_of_c_agree_where_they_mean_the_same_network() -> None:
    number = talk(20, 20).prefactor
    a, b = kernel_adaptation(talk(20, 20), samples=300.0), kernel_adaptation(talk(20, 20, c=number), samples=300.0)
    assert a.alpha == pytest.approx(b.alpha, rel=1e-12)
    raw, ratio = (kernel_adaptation(talk(20, 20, c=c), samples=50.0) for c in ("raw", "ratio"))
    assert raw.alpha == pytest.approx(ratio.alpha, rel=1e-12)
    # y as written is sqrt 6 times the unit one: the same as readouts of a sixth of the variance and a ridge of a sixth
    small = kernel_adaptation(talk(20, 20, readout_variance=1.0 / 6.0), samples=50.0, ridge=1.0 / 6.0)
    assert raw.alpha == pytest.approx(small.alpha, rel=1e-10)


# -- the full equations -------------------------------------------------------------------------------------------------------


def test_overlaps_are_averages_over_inputs() -> None:
    """<phi(w.x), e_{k,m}> by Gauss-Hermite quadrature over x in three dimensions, e_{1,1} and e_{3,1} written out."""
    x, p = np.polynomial.hermite_e.hermegauss(40)
    p = p / p.sum()
    x1, x2, x3 = np.meshgrid(x, x, x, indexing="ij")
    weight = p[:, None, None] * p[None, :, None] * p[None, None, :]
    perp = x2 * x2 + x3 * x3
    basis = {(1, 0): x1, (3, 0): (x1**3 - 3 * x1) / math.sqrt(6), (1, 1): x1 * (perp - 2) / 2.0,
             (3, 1): (x1**3 - 3 * x1) / math.sqrt(6) * (perp - 2) / 2.0, (1, 2): x1 * (perp**2 - 8 * perp + 8) / 8.0}  # fmt: skip
    for e in basis.values():
        assert np.sum(weight * e * e) == pytest.approx(1.0, rel=1e-9)
    w = np.array([0.4, 0.3, -0.2])
    for name, phi in (("tanh", np.tanh), ("erf", ldt.models.hermite.erf)):
        values = phi(w[0] * x1 + w[1] * x2 + w[2] * x3)
        found = overlaps(talk(5, 3, activation=name), tuple(basis), np.array([w[0]]), np.array([w[1] ** 2 + w[2] ** 2]))
        for row, e in zip(found, basis.values(), strict=True):
            assert row[0] == pytest.approx(float(np.sum(weight * values * e)), abs=1e-9)


def test_full_equations_hold_by_another_quadrature() -> None:
    """f = sigma_a^2 E_pi[h (t.h)] and t = (y - f)/kappa by adaptive quadrature of the density (concentrated overlap)."""
    model, p = talk(30, 20), 700.0
    found = kernel_adaptation(model, samples=p, degree=5)
    t, f, y = (np.array(v) for v in (found.tilt, found.mean, found.target))
    assert np.allclose(t, (y - f) * p, atol=1e-8)
    pairs = ((1, 0), (3, 0), (1, 1), (5, 0), (3, 1), (1, 2))

    def density(w: float) -> tuple[float, Any]:
        h = overlaps(model, pairs, np.array([w]), np.array([1.0]))[:, 0]
        return math.exp(-10.0 * w * w + 0.5 / 30.0 * float(t @ h) ** 2), h

    def average(g: Any) -> float:
        return float(quad(g, 0.0, 5.0, epsabs=1e-13, epsrel=1e-12, limit=400, points=[0.5, 1.0, 1.5, 2.0])[0])

    total = average(lambda w: density(w)[0])
    for i in range(len(pairs)):
        mean = average(lambda w, i=i: density(w)[0] * density(w)[1][i] * float(t @ density(w)[1])) / total
        assert mean == pytest.approx(f[i], abs=1e-9)


def test_gradient_and_hessian_are_those_of_the_moment() -> None:
    grid = first_grid(talk(8, 6), 5)
    t = np.array([-2.0, 9.0, 1.0, -3.0, 0.5, 0.2])
    here, h = log_moment(grid, t), 1e-4
    for i, e in enumerate(np.eye(6) * h):
        up, down = log_moment(grid, t + e), log_moment(grid, t - e)
        assert (up.value - down.value) / (2 * h) == pytest.approx(here.gradient[i], abs=1e-7)
        assert np.allclose((up.gradient - down.gradient) / (2 * h), here.hessian[i], atol=1e-7)
    assert np.linalg.eigvalsh(here.hessian).min() > -1e-15  # K is convex, so that the solution is the only one


def test_the_solution_does_not_depend_on_the_start() -> None:
    model = talk(30, 20)
    grid, found = solve_on(first_grid(model, 5), 1.0 / 600.0)
    random = np.random.default_rng(1)
    for size in (1.0, 100.0, 2000.0):
        again = solve(whole_law(grid), 1.0 / 600.0, size * random.standard_normal(len(found.t)))
        assert np.allclose(again.t, found.t, rtol=1e-8, atol=1e-7)


def test_the_other_components_matter_less_as_the_ridge_grows() -> None:
    """At fixed P the relative difference of alpha falls as 1/ridge once ridge/P exceeds the kernel's eigenvalues."""
    model, p = talk(40, 40), 1000.0
    ridges = np.array([1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
    gap = []
    for ridge in ridges:
        one, full = (kernel_adaptation(model, samples=p, ridge=float(ridge), degree=k) for k in (None, 9))
        gap.append(abs(full.alpha - one.alpha) / one.alpha)
    assert all(b < a for a, b in itertools.pairwise(gap))
    slope = np.diff(np.log(gap)) / np.diff(np.log(ridges))
    assert gap[0] > 0.1 and gap[-1] < 1e-3
    assert slope[-1] == pytest.approx(-1.0, abs=0.02)


# -- branches --------------------------------------------------------------------------------------------------------------------


def test_a_number_of_specialised_neurons_by_another_quadrature() -> None:
    """One neuron held beyond the cut: alpha from K_1 = (N - 1) log M_typ + log M_sp, integrals by adaptive quadrature."""
    model, p, cut, n, d = talk(40, 40), 600.0, 0.9, 40, 40
    found = kernel_adaptation(model, samples=p, specialised=1, cut=cut)

    def mean_square(s: float, low: float, high: float) -> float:
        def terms(w: float, k: int) -> float:
            g = model.prefactor * float(model.unit_overlap(w))
            return math.exp(-0.5 * d * w * w + 0.5 * s * s * g * g / n) * (g * g) ** k

        total, second = (quad(terms, low, high, args=(k,), epsabs=0, epsrel=1e-12, limit=400)[0] for k in (0, 1))
        return float(second / total)

    def gap(s: float) -> float:
        return s / n * ((n - 1) * mean_square(s, 0.0, cut) + mean_square(s, cut, 6.0)) - (1.0 - s / p)

    s = brentq(gap, 100.0, 600.0, xtol=1e-10)
    assert found.tilt[0] == pytest.approx(s, rel=1e-9)
    assert found.alpha == pytest.approx(1.0 - s / p, abs=1e-9)


def test_branches_meet_at_the_transitions() -> None:
    model = talk(1000, 100)
    found = adaptation_curve(model, samples=[1000, 3000, 3600], branches=6)
    assert found.complete and found.status == "ok"
    assert [t.before for t in found.transitions] == list(range(len(found.transitions)))
    assert found.threshold == found.transitions[0].samples
    for t in found.transitions:
        before, after = (kernel_adaptation(model, samples=t.samples, specialised=k) for k in (t.before, t.after))
        assert before.free_energy == pytest.approx(after.free_energy, abs=1e-5)
        assert t.alphas == pytest.approx((before.alpha, after.alpha), abs=1e-7)
        assert t.error < 0.01 * t.samples
    for i, p in enumerate(found.samples):
        states = [b.state[i] for b in found.branches]
        assert states.count("stable") == 1 and states.index("stable") == sum(t.samples < p for t in found.transitions)
    low, _ = found.branches[1].spinodals
    assert low is not None and low < found.threshold  # a metastable stretch before the transition
    assert all(math.isnan(b.alpha[0]) == (b.state[0] == "absent") for b in found.branches)
    json.dumps(found.to_dict(), allow_nan=False)


def test_free_energy_falls_with_the_loss() -> None:
    """dG_k/dP = |y - f_k|^2/(2 ridge), at a fixed cut."""
    model = talk(40, 40)
    for k in (0, 1, 2):
        up, here, down = (kernel_adaptation(model, samples=p, specialised=k, cut=0.9) for p in (600.6, 600.0, 599.4))
        loss = (1.0 - here.alpha) ** 2
        assert (up.free_energy - down.free_energy) / 1.2 == pytest.approx(0.5 * loss, rel=1e-6)


def test_missing_branches_are_told() -> None:
    found = adaptation_curve(talk(1000, 100), samples=[6000], branches=3)
    assert not found.complete and found.status == "warning" and "branches" in found.advice
    assert found.mixture == (None,)


def test_transitions_do_not_depend_on_the_samples_asked_for() -> None:
    """P* lies far below, or the first samples far below it; and a ridge that only rescales P."""
    near = adaptation_curve(talk(), samples=[300, 6000])
    ends = [t.samples for t in near.transitions]
    assert len(ends) == 4 and near.complete
    for samples, ridge in (([1e5], 1.0), ([1e9], 1.0), ([1e-3, 1e12], 1.0), ([100.0], 1e-12)):
        far = adaptation_curve(talk(), samples=samples, ridge=ridge)
        assert far.complete and far.status == "ok" and far.stable(len(samples) - 1) == 4
        for a, b in zip(near.transitions, far.transitions, strict=True):
            assert abs(b.samples / ridge - a.samples) < a.error + b.error / ridge
    low, high = near.branches[1].spinodals
    assert low is not None and low == pytest.approx(near.threshold, rel=3e-3) and high is None  # an onset is a spinodal


def test_an_onset_reaches_down_to_the_tie_at_its_barrier() -> None:
    """One neuron is the better state as soon as it has a barrier, and was better before: that is the error of P*."""
    model = talk(12, 400)
    found = adaptation_curve(model, samples=[3000])
    first = found.transitions[0]
    assert first.kind == "onset" and first.error > 0.2 * first.samples
    cut = kernel_adaptation(model, samples=1.01 * first.samples, specialised=1).grid.cut
    tie = first.samples - first.error
    none, one = (kernel_adaptation(model, samples=tie, specialised=k, cut=cut).free_energy for k in (0, 1))
    assert one == pytest.approx(none, rel=0.01)


def test_a_better_state_without_a_barrier_is_told() -> None:
    """A single neuron that carries the target is no well of its own action: k = 0 is not called stable because k = 1 was not found."""
    found = adaptation_curve(talk(1, 40), samples=[40, 4000])
    assert found.stable(0) == 0 and found.stable(1) is None
    assert not found.complete and found.status == "warning" and "k = 1 is better" in found.advice
    assert found.threshold is None and found.mixture[1] is None


def test_quadratures_are_refined_while_they_differ() -> None:
    """At d = 4 a strong tilt makes a neuron's law narrower than its prior's panels; f = E_pi[h (t.h)] by trapezoids."""
    model = talk(4, 4, overlap="full")
    found = kernel_adaptation(model, samples=1000.0, degree=5)
    assert found.error < 1e-6 and found.grid.order > 20
    pairs = ((1, 0), (3, 0), (1, 1), (5, 0), (3, 1), (1, 2))
    w, x = np.meshgrid(np.linspace(0.0, 8.0, 1601), np.linspace(-18.0, 3.5, 801))
    h = overlaps(model, pairs, w.ravel(), np.exp(x.ravel()))
    along = np.array(found.tilt) @ h
    ends = np.where(w.ravel() > 0.0, 0.0, -math.log(2.0))
    logs = -2.0 * w.ravel() ** 2 + 1.5 * x.ravel() - 2.0 * np.exp(x.ravel()) + along**2 / 8.0 + ends
    mass = np.exp(logs - logs.max())
    assert np.allclose((h * along) @ mass / mass.sum(), found.mean, atol=1e-6)
    weak = kernel_adaptation(model, samples=1e9, degree=5)  # rounding ends Newton's steps before their own tolerance
    assert 1.0 - weak.alpha < 1e-5 and weak.residual < 1e-9


def test_a_linear_target_has_one_well_and_no_transition() -> None:
    found = adaptation_curve(talk(40, 40, target=1), samples=[10, 1000])
    assert found.transitions == () and found.threshold is None and found.branches == ()
    assert all(len(a.wells) == 1 for a in found.whole)


def test_sampling_agrees_where_neurons_are_many() -> None:
    """Exact one-component posterior by importance sampling of the weights: mean of V/(V + kappa) under the evidence of y = 1."""
    n, d, p = 400, 3, 120.0
    model, random = talk(n, d), np.random.default_rng(3)
    g2 = (model.prefactor * model.unit_overlap(random.standard_normal((40_000, n)) / math.sqrt(d))) ** 2
    v = g2.mean(axis=1)
    weight = np.exp(-0.5 / (v + 1.0 / p)) / np.sqrt(v + 1.0 / p)
    weight /= weight.sum()
    share = v / (v + 1.0 / p)
    exact = float(weight @ share)
    noise = math.sqrt(float(np.sum(weight**2 * (share - exact) ** 2)))
    found = kernel_adaptation(model, samples=p).alpha
    assert noise < 2e-3
    assert abs(found - exact) < 0.02 * exact  # mean field: off by O(1/N)
    assert abs(found - exact) < 0.2 * abs(float(np.mean(share)) - exact)  # adaptation itself is many times larger


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"samples": -1.0}, "samples"),
        ({"samples": "many"}, "samples"),
        ({"samples": 10.0, "ridge": 0.0}, "ridge"),
        ({"samples": 10.0, "ridge": 1e-300}, "ridge"),
        ({"samples": 10.0, "degree": 2}, "degree"),
        ({"samples": 10.0, "specialised": 41}, "specialised"),
        ({"samples": 10.0, "specialised": 1}, "one well"),
        ({"samples": 10.0, "specialised": 1, "cut": 1e3}, "cut"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ldt.ModelError, match=words):
        kernel_adaptation(talk(), **arguments)


def test_not_converged_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldt.adaptation.equations.MAX_STEPS", 1)
    with pytest.raises(ldt.ConvergenceError, match="residual"):
        kernel_adaptation(talk(), samples=2000.0)


# -- grokking --------------------------------------------------------------------------------------------------------------------


def test_grokking_transition() -> None:
    found = grokking_transition()
    assert found.u == pytest.approx(30.2, rel=0.01)
    assert found.noise == pytest.approx(0.18, abs=0.005)
    assert found.onset is not None and found.depth is not None and found.onset < found.u < found.depth
    wells = found.wells
    assert wells is not None and wells.q is not None
    model, at = found.model, wells.discrepancy
    q = np.linspace(-2.0, 2.0, 4001)
    s = model.action(q, found.u, at)
    minima = q[1:-1][(s[1:-1] < s[:-2]) & (s[1:-1] <= s[2:])]
    assert np.allclose(minima, [-wells.q, 0.0, wells.q], atol=1e-3)
    # the central well's variance and its discrepancy determine each other
    curvature = (2 * model.action(1e-4, found.u, at)) / 1e-8
    assert at.variance == pytest.approx(1.0 / curvature, rel=1e-4)
    kappa = found.noise / model.samples
    assert at.b == pytest.approx(kappa / (model.readout_variance * 2 / math.pi * at.variance + kappa), rel=1e-9)
    # equal probability, by adaptive quadrature
    ends = ((0.0, wells.barrier), (wells.barrier, 2.0))
    centre, outer = (quad(lambda x: math.exp(-float(model.action(x, found.u, at))), *e)[0] for e in ends)
    assert outer == pytest.approx(centre, rel=1e-3)


def test_grokking_action_is_that_of_the_adaptation_equations() -> None:
    """S(q) - S(0) = d q^2/(2 sigma_w^2) - (sigma_a^2/2N)(t.h)^2 with t = (n/sigma^2)(b, sqrt6 c)."""
    model, q, u = GrokkingModel(), np.linspace(0.0, 1.5, 9), 25.0
    at = model.discrepancy(u)
    t = model.samples / model.noise(u) * np.array([at.b, math.sqrt(6.0) * at.c])
    energy = model.dim * q * q / (2 * model.weight_variance)
    pull = model.readout_variance / (2 * model.width) * (t @ grokking_overlaps(q, model.weight_variance)) ** 2
    assert np.allclose(model.action(q, u, at), energy - pull, rtol=1e-12, atol=1e-10)


def test_grokking_phase_diagram() -> None:
    rows = grokking_phases((-0.5, -0.3, -0.2))
    us = [r.u for r in rows]
    assert all(u is not None for u in us) and us == sorted(us)  # type: ignore[type-var]
    for name, value in (("kernel", "none"), ("epsilon", None), ("width", None), ("dim", 0)):
        with pytest.raises(ldt.ModelError, match=name):
            GrokkingModel(**{name: value})  # type: ignore[arg-type]
