"""Posterior sampling against what is known exactly: Gaussian-process regression, quadratic energies, simulation-based calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from ldt.errors import ConvergenceError, ModelError
from ldt.experiments import moves, run, theory
from ldt.experiments.activations import NAMES, activate
from ldt.experiments.diagnostics import diagnose
from ldt.experiments.experiment import Experiment
from ldt.experiments.learn import learn
from ldt.experiments.posterior import Posterior, Stack
from ldt.models.alignment import AlignmentSum
from ldt.models.networks.three_layer import ThreeLayerNetwork
from ldt.numerics.random import block_generator


def problem(stack: Stack, samples: int = 12, ridge: float = 0.3, seed: int = 0) -> tuple[Posterior, Any, Any]:
    """A posterior with random labels, whitened weights, and the generator that made them."""
    random = block_generator(seed)
    x = random.standard_normal((samples, stack.sizes[0]))
    return Posterior(stack, x, random.standard_normal(samples), ridge), random.standard_normal(stack.hidden), random


# -- energy and gradient ---------------------------------------------------------------------------------------------------


@pytest.mark.nojit
def test_fast_erf_is_erf() -> None:
    x = np.concatenate([np.linspace(-7.0, 7.0, 20_001), [0.0, 1e-300, -1e-9, 30.0, -1e5]])
    value, slope = activate("erf", x)
    assert np.abs(value - special.erf(x)).max() < 1e-13
    for t in (0.03, 0.9, 3.75, 5.5):
        assert abs(float(activate("erf", np.array([t]))[0][0]) - float(mpmath.erf(t))) < 1e-13
    assert np.abs(slope - 2.0 / math.sqrt(math.pi) * np.exp(-x * x)).max() < 1e-15


@pytest.mark.nojit
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", [(3, 4), (3, 4, 2), (2, 3, 3, 2), (2, 17)], ids=str)
def test_energy_is_the_log_density_and_its_slope_is_its_slope(name: str, sizes: tuple[int, ...]) -> None:
    stack = Stack(sizes, name, (0.7, 1.3, 0.9), readout_variance=1.7)
    post, z, _ = problem(stack)
    phi = stack.features(post.x, z)
    cov = post.ridge * np.eye(len(post.y)) + 1.7 / sizes[-1] * phi @ phi.T
    direct = -stats.multivariate_normal(np.zeros(len(post.y)), cov).logpdf(post.y) - 0.5 * len(post.y) * math.log(2.0 * math.pi)
    value, slope = post.energy(z)
    assert value == pytest.approx(0.5 * z @ z + direct, abs=1e-9)
    for i in range(0, len(z), 3):
        step = np.zeros(len(z))
        step[i] = 1e-6
        assert slope[i] == pytest.approx((post.energy(z + step)[0] - post.energy(z - step)[0]) / 2e-6, abs=2e-7)


def test_readouts_only_is_gaussian_process_regression() -> None:
    """The lazy limit: hidden weights frozen, f is a Gaussian process with kernel tau phi phi'; its regression is written in functions."""
    stack = Stack((3, 5), readout_variance=2.0)
    post, z, random = problem(stack, samples=9)
    new = random.standard_normal((4, 3))
    phi, phi_new = stack.features(post.x, z), stack.features(new, z)
    tau = 2.0 / 5.0
    inverse = np.linalg.inv(tau * phi @ phi.T + post.ridge * np.eye(9))
    mean = tau * phi_new @ phi.T @ inverse @ post.y
    cov = tau * phi_new @ phi_new.T - tau * phi_new @ phi.T @ inverse @ (tau * phi @ phi_new.T)
    found = post.evidence(phi)
    assert np.allclose(phi_new @ found.mean, mean, atol=1e-12)
    draws = np.array([phi_new @ post.readouts(found, random) for _ in range(20_000)])
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 5.0 * np.sqrt(np.diag(cov) / len(draws)))
    spread = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert np.all(np.abs(np.cov(draws.T) - cov) < 6.0 * spread / math.sqrt(len(draws)))


def test_wide_networks_are_lazy() -> None:
    """Sampled two-layer networks of large width approach regression with the arcsine kernel, in mean and in spread."""
    random = block_generator(3)
    x, y = random.standard_normal((4, 3)), np.array([0.5, -0.3, 0.2, 0.4])
    new = np.array([[0.5, -0.4, 0.3]])

    def kernel(a: Any, b: Any) -> Any:
        dot, aa, bb = a @ b.T / 3.0, np.sum(a * a, 1) / 3.0, np.sum(b * b, 1) / 3.0
        return 2.0 / math.pi * np.arcsin(2.0 * dot / np.sqrt(np.outer(1.0 + 2.0 * aa, 1.0 + 2.0 * bb)))

    inverse = np.linalg.inv(kernel(x, x) + 0.1 * np.eye(4))
    mean = float((kernel(new, x) @ inverse @ y)[0])
    variance = float((kernel(new, new) - kernel(new, x) @ inverse @ kernel(x, new))[0, 0])
    post = Posterior(Stack((3, 100)), x, y, 0.1)
    values = []
    for _ in range(2):
        z = random.standard_normal(300)
        u, slope = post.energy(z)
        for sweep in range(220):
            z, u, slope, _ = moves.trajectory(post, z, u, slope, 0.35, 5, random, True)
            if sweep >= 60:
                values.append(float((post.stack.features(new, z) @ post.readouts(post.evidence(post.stack.features(x, z)), random))[0]))
    # 1/N corrections are about 0.01 here; autocorrelation of f is short because readouts are drawn afresh.
    assert abs(np.mean(values) - mean) < 0.02 + 4.0 * math.sqrt(variance / len(values))
    assert np.var(values) == pytest.approx(variance, rel=0.35)


# -- moves ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quadratic:
    """Stands in for a posterior: U = k |z|^2/2."""

    k: float

    def energy(self, z: Any) -> tuple[float, Any]:
        return 0.5 * self.k * float(z @ z), self.k * z


@pytest.mark.parametrize("adjust", [True, False])
def test_langevin_on_a_quadratic_energy(adjust: bool) -> None:
    """Unadjusted: variance 1/(k (1 - h^2 k/4)) exactly; Metropolis takes that bias away."""
    k, h, random = 4.0, 0.6, block_generator(5)
    post: Any = Quadratic(k)
    z = random.standard_normal(40)
    u, slope = post.energy(z)
    squares = []
    for step in range(6000):
        z, u, slope, _ = moves.trajectory(post, z, u, slope, h, 1, random, adjust)
        if step >= 50:
            squares.append(float(z @ z) / 40.0)
    expected = 1.0 / k if adjust else 1.0 / (k * (1.0 - 0.25 * h * h * k))
    batches = np.array(squares[: 5900]).reshape(20, -1).mean(axis=1)
    assert abs(batches.mean() - expected) < 5.0 * batches.std(ddof=1) / math.sqrt(20.0)
    assert 1.0 / (k * (1.0 - 0.25 * h * h * k)) > 1.5 / k  # the two are told apart


@pytest.mark.nojit
@pytest.mark.parametrize("seed", range(5))
def test_exchange_decides_like_determinants(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, samples, tau, ridge = 7, 30, 0.7, 0.3
    phi, y = random.standard_normal((samples, 2 * n)), 2.0 * random.standard_normal(samples)
    log_ratio, log_u = 2.0 * random.standard_normal(n), np.log(random.random(n))

    def evidence(columns: Any) -> float:
        cov = ridge * np.eye(samples) + tau * phi[:, columns] @ phi[:, columns].T
        return float(stats.multivariate_normal(np.zeros(samples), cov).logpdf(y))

    at = np.arange(n)
    for i in range(n):
        offer = at.copy()
        offer[i] = n + i
        if log_u[i] < log_ratio[i] + evidence(offer) - evidence(at):
            at = offer
    inverse = np.linalg.inv(ridge * np.eye(n) + tau * phi[:, :n].T @ phi[:, :n])
    taken = moves.decide(phi.T @ phi, phi.T @ y, tau, ridge, log_ratio, log_u, 0.5 * (inverse + inverse.T))
    assert np.array_equal(taken, at >= n)


def test_offers_density_is_normalised() -> None:
    """q/prior averages to 1 over the prior, and prior/q over the offers."""
    random = block_generator(7)
    d, n = 6, 400_000
    old = random.standard_normal((n, d))
    s = np.sum(old[:, 1:] ** 2, axis=1)
    excess = np.exp(moves._log_excess(old[:, 0], s, d))
    assert excess.mean() == pytest.approx(1.0, abs=5.0 * excess.std() / math.sqrt(n))
    new, ratio = moves._radial_offers(old, random)
    s_new = np.sum(new[:, 1:] ** 2, axis=1)
    back = np.exp(-moves._log_excess(new[:, 0], s_new, d))
    assert back.mean() == pytest.approx(1.0, abs=5.0 * back.std() / math.sqrt(n))
    assert np.allclose(ratio, moves._log_excess(old[:, 0], s, d) - moves._log_excess(new[:, 0], s_new, d))


def ranks(sizes: tuple[int, ...], sampler: str, repeats: int, seed: int) -> Any:
    """Simulation-based calibration (Talts et al. 2018): ranks (repeats, 4) of the truth among 19 draws from the posterior of its data,
    which must be independent: further apart where many repeats would show that they are not quite."""
    settle, apart = (40, 8) if repeats > 100 else (20, 3)
    stack, ridge, test = Stack(sizes), 0.2, block_generator(seed, 0).standard_normal((1, sizes[0]))
    found = []
    for repeat in range(repeats):
        random = block_generator(seed, 1, repeat)
        x = random.standard_normal((sizes[-1] + 3, sizes[0]))
        truth, a = random.standard_normal(stack.hidden), math.sqrt(stack.tau) * random.standard_normal(stack.width)
        post = Posterior(stack, x, stack.features(x, truth) @ a + math.sqrt(ridge) * random.standard_normal(len(x)), ridge)

        def watched(z: Any, a: Any, post: Posterior = post) -> Any:
            phi = stack.features(post.x, z)
            return float((stack.features(test, z) @ a)[0]), float(z @ z), float(np.sum((post.y - phi @ a) ** 2)), abs(float(z[0]))

        z, draws = random.standard_normal(stack.hidden), []
        u, slope = post.energy(z)
        for sweep in range(settle + 19 * apart):
            steps = 5 if sampler == "hmc" else 1
            for _ in range(1 if sampler == "hmc" else 5):
                z, u, slope, _ = moves.trajectory(post, z, u, slope, 0.35 * random.uniform(0.7, 1.3), steps, random, True)
            if sampler == "hmc" and len(sizes) == 2:
                z, _ = moves.exchange(post, z, random, fresh=sweep % 2 == 0)
                u, slope = post.energy(z)
            if sweep >= settle and (sweep - settle) % apart == apart - 1:
                draws.append(watched(z, post.readouts(post.evidence(stack.features(x, z)), random)))
        found.append((np.array(draws) < np.array(watched(truth, a))).sum(axis=0))
    return np.array(found)


@pytest.mark.parametrize(
    ("sizes", "sampler", "repeats"),
    [
        pytest.param((2, 2), "hmc", 60, id="two layers, hmc and exchange"),
        pytest.param((2, 2, 2), "mala", 50, id="three layers, mala"),
        pytest.param((2, 2), "hmc", 4000, id="two layers, many", marks=pytest.mark.slow),
        pytest.param((2, 2, 2), "hmc", 2000, id="three layers, many", marks=pytest.mark.slow),
    ],
)
def test_simulation_based_calibration(sizes: tuple[int, ...], sampler: str, repeats: int) -> None:
    found = ranks(sizes, sampler, repeats, seed=11)
    for column in found.T:  # 20 ranks in 5 classes of 4
        counts = np.bincount(column // 4, minlength=5)
        assert stats.chisquare(counts).pvalue > 1e-3
        assert abs(column.mean() - 9.5) < 4.0 * math.sqrt((20**2 - 1) / 12.0 / repeats)


def test_langevin_tells_what_it_would_have_rejected() -> None:
    model = AlignmentSum(6, 6)
    common = {"networks": 4, "sweeps": 120, "keep": 20, "rng": 4, "theory": False}
    good = learn(model, 90, sampler="langevin", warmup=150, **common)
    assert 0.9 < good.acceptance < 0.99
    bad = learn(model, 90, sampler="langevin", warmup=0, steps=2, ridge=1e-3, **common)
    assert bad.status == "warning"
    assert "Langevin" in bad.advice


def test_learned_means_are_those_of_prior_draws_weighted_by_the_likelihood() -> None:
    """The joint posterior of (w, a) with nothing integrated out and no chain: importance sampling from the prior, its errors measured."""
    n, d, samples, ridge, draws = 3, 3, 12, 0.5, 150_000
    r = learn(AlignmentSum(n, d), samples, ridge=ridge, networks=8, chains=8, sweeps=400, warmup=60, rng=21, theory=False)
    assert r.status == "ok"
    random = np.random.default_rng(5)
    w, a = random.standard_normal((draws, n, d)) / math.sqrt(d), random.standard_normal((draws, n)) / math.sqrt(n)
    overlap = np.sum(a * -4.0 / math.sqrt(6.0 * math.pi) * w[..., 0] ** 3 / (1.0 + 2.0 * np.sum(w * w, axis=2)) ** 1.5, axis=1)
    count = (np.abs(w[..., 0]) > 0.8).sum(axis=1)
    data = r.experiment.posterior(0)
    loss = np.zeros(draws)
    for x, y in zip(data.x, data.y, strict=True):
        loss += (np.sum(a * special.erf(w @ x), axis=1) - y) ** 2
    weight = np.exp(-(loss - loss.min()) / (2.0 * ridge))
    weight /= weight.sum()
    assert 1.0 / np.sum(weight**2) > 1000
    for name, values in (("alignment", overlap), ("specialised", count)):
        mean = float(weight @ values)
        chains = r.traces[:, :, run.TRACES.index(name)].mean(axis=1)
        error = math.hypot(float(chains.std(ddof=1)) / math.sqrt(8.0), math.sqrt(float(np.sum(weight**2 * (values - mean) ** 2))))
        assert abs(float(chains.mean()) - mean) < 4.5 * error, name


# -- experiments ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["orthonormal", "raw"])
@pytest.mark.parametrize(
    "model",
    [
        AlignmentSum(3, 4), AlignmentSum(3, 4, target={1: -0.5, 3: 0.3}, c="raw"), AlignmentSum(3, 4, target={3: -2.0}, c="ratio"),
        AlignmentSum(3, 4, activation="tanh", c="raw"), AlignmentSum(3, 4, activation="relu", target=2, c="raw"),
        AlignmentSum(3, 4, activation="linear", target=1), ThreeLayerNetwork(3, 2, 4),
    ],
    ids=lambda m: m.name[:24],
)  # fmt: skip
def test_share_is_the_average_over_fresh_inputs(model: Any, labels: str) -> None:
    e = Experiment(model, 20, networks=2, labels=labels)
    random = block_generator(2)
    z, a = 1.5 * e.start(0), random.standard_normal(e.stack.width)
    x = random.standard_normal((200_000, 4))
    y = e.target(x)
    each = (e.stack.features(x, z) @ a) * y / e.power
    assert e.power == pytest.approx(float(np.mean(y * y)), rel=0.1)
    assert abs(e.share(z, a) - each.mean()) < 5.0 * each.std() / math.sqrt(len(x)) + (2e-3 if isinstance(model, ThreeLayerNetwork) else 0.0)


@pytest.mark.parametrize("form", ["concentrated", "full"])
def test_self_consistent_share_minimises_the_action(form: str) -> None:
    law = AlignmentSum(12, 12, c="orthonormal", overlap=form)
    samples, ridge, power = 300, 1.5, 6.0
    share = theory.self_consistent(law, samples, ridge, power)
    n = math.sqrt(power)

    def action(a: float) -> float:
        return float(theory.rate_at(law, a * n).convex) + samples * power * (1.0 - a) ** 2 / (2.0 * ridge)

    assert action(share) < min(action(share - 1e-3), action(share + 1e-3), *(action(a) for a in np.linspace(0.02, 0.98, 25)))


@pytest.mark.parametrize("form", ["concentrated", "full"])
def test_density_agrees_with_draws_of_the_tilted_law(form: str) -> None:
    tilted = theory.tilted_law(AlignmentSum(15, 12, c="orthonormal", overlap=form), 0.6)
    edges = np.linspace(0.0, 4.0, 2001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    p, rho = theory.density(tilted, middle)
    mass = 2.0 * p * (edges[1] - edges[0])
    assert mass.sum() == pytest.approx(1.0, abs=1e-4)
    drawn = tilted.rvs(1500, rng=8)
    w = np.abs(drawn["w"])
    assert theory.distances(theory.counts(w, edges).sum(axis=0), mass, edges)[0] < 2.5 / math.sqrt(w.size)
    far = middle > 0.9
    assert (w > 0.9).sum() == pytest.approx(w.size * mass[far].sum(), rel=0.06)
    assert drawn["rho"][w > 0.9].mean() == pytest.approx(float(mass[far] @ rho[far] / mass[far].sum()), rel=0.03)


def test_full_equations_without_data_are_the_prior() -> None:
    law = AlignmentSum(8, 8, c="orthonormal", overlap="full")
    w = block_generator(6).standard_normal((50, 800)) / math.sqrt(8.0)
    c = theory.compare_components(w, law, 10, 1e4, 0.8, 5000.0, 1)
    assert c.source == "full equations" and abs(c.share) < 1e-3
    assert c.kolmogorov < 2.0 / math.sqrt(w.size) and c.kolmogorov_error < 0.01


@pytest.mark.nojit
def test_distances_are_scipys() -> None:
    random = np.random.default_rng(1)
    x, y = random.random(300), random.random(400) ** 1.3
    edges = np.linspace(0.0, 1.0, 20_001)
    ks, ws = theory.distances(theory.counts(x[None], edges)[0], theory.counts(y[None], edges)[0] / 400.0, edges)
    assert ks == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-3)
    assert ws == pytest.approx(stats.wasserstein_distance(x, y), abs=1e-4)


def test_no_data_leaves_the_prior() -> None:
    """At an enormous ridge the posterior is the prior: w_1 is N(0, 1/d), the share averages to 0, R-hat is 1."""
    r = learn(AlignmentSum(8, 8), 40, ridge=1e5, networks=4, sweeps=200, warmup=60, keep=5, rng=3, theory=False)
    assert r.status == "ok", r.advice
    assert stats.kstest(r.w[:, ::2].ravel() * math.sqrt(8.0), "norm").pvalue > 1e-3
    assert abs(r.share) < 5.0 * max(r.share_error, 1e-3)


# -- honesty ----------------------------------------------------------------------------------------------------------------


def test_chains_that_disagree_are_reported() -> None:
    random = np.random.default_rng(0)
    good = random.standard_normal((4, 300))
    stuck = np.repeat([[1.0], [2.0], [1.0], [1.0]], 300, axis=1)
    verdict = diagnose({"alignment": good, "specialised": stuck}, chains=2)
    assert verdict.status == "warning" and verdict.doubtful == (0,)
    assert verdict.rhat["specialised"] == math.inf
    assert "not converged on 1 of 2 data sets" in verdict.advice and "more sweeps" in verdict.advice
    assert diagnose({"alignment": good}, chains=2).status == "ok"
    assert diagnose({"alignment": good + np.arange(300) / 50.0}, chains=1).status == "warning"  # a single chain that drifts


def test_short_runs_say_so() -> None:
    r = learn(AlignmentSum(8, 8), 200, networks=2, sweeps=10, warmup=2, keep=5, rng=1, theory=False)
    assert r.status == "warning" and ("R-hat" in r.advice or "effective" in r.advice)
    assert r.to_dict()["status"] == "warning"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"samples": 0}, "samples"), ({"samples": 1}, "samples"), ({"samples": 1.5}, "samples"), ({"ridge": -1.0}, "ridge"),
        ({"ridge": math.nan}, "ridge"), ({"networks": 3}, "networks"), ({"sampler": "adam"}, "sampler"), ({"labels": "x"}, "labels"),
        ({"keep": 1000}, "keep"), ({"sweeps": True}, "sweeps"), ({"steps": 0}, "steps"), ({"nonsense": 1}, "nonsense"),
        ({"model": AlignmentSum(3, 3, activation=np.sin, c="raw")}, "activation"), ({"model": SimpleNamespace(kind="sum")}, "model"),
    ],
    ids=lambda x: str(x)[:30],
)  # fmt: skip
def test_bad_input_is_named(change: dict[str, Any], name: str) -> None:
    given: dict[str, Any] = {"model": AlignmentSum(4, 4), "samples": 30, **change}
    with pytest.raises(ModelError, match=f"^{name}:"):
        learn(given.pop("model"), given.pop("samples"), **given)


def test_networks_are_kept_when_a_law_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theory that does not converge after the sampling is said, and takes nothing away."""

    def fails(*_: Any) -> Any:
        raise ConvergenceError("samples: the adaptation equations did not converge")

    monkeypatch.setattr(theory, "adapted", fails)
    r = learn(AlignmentSum(4, 4), 40, networks=4, sweeps=80, warmup=30, rng=1)
    assert r.status == "warning" and "full equations (samples: the adaptation" in r.advice
    assert math.isfinite(r.share) and {c.source for c in r.comparisons} >= {"self-consistent"}


def test_networks_wider_than_their_data() -> None:
    r = learn(AlignmentSum(40, 3), 10, networks=2, sweeps=40, warmup=40, rng=2, theory=False)
    assert math.isfinite(r.share) and r.acceptance > 0.5


# -- resuming ---------------------------------------------------------------------------------------------------------------


def tiny() -> Experiment:
    return Experiment(AlignmentSum(4, 4), 30, networks=4, sweeps=30, warmup=15, keep=4, seed=9)


def test_bytes_depend_neither_on_workers_nor_on_stops(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PAUSE", 0.0)
    e = tiny()
    whole, stopped = run.run(e, checkpoint=tmp_path / "whole.npz", workers=3)
    assert not stopped and whole.done == 45

    def stop(done: int, total: int, text: str) -> None:
        if done > 60 + 45 * stops:
            raise KeyboardInterrupt

    for count in range(3):
        stops = count
        _, stopped = run.run(e, checkpoint=tmp_path / "parts.npz", progress=stop)
        assert stopped
    again, stopped = run.run(e, checkpoint=tmp_path / "parts.npz")
    assert not stopped
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert not list(tmp_path.glob(".*"))
    assert np.all(np.isfinite(again.traces)) and np.all(np.isfinite(again.w))


def test_longer_runs_go_the_same_way() -> None:
    """Nothing but the stream of (network, segment) is random: the first sweeps of a longer run are those of a shorter one."""
    short, _ = run.run(tiny())
    longer, _ = run.run(replace(tiny(), sweeps=45))
    assert np.array_equal(longer.traces[:, :40], short.traces[:, :40])


def test_checkpoints_of_something_else_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "c.npz"
    run.run(tiny(), checkpoint=path)
    with pytest.raises(ModelError, match="samples = 30, not 31"):
        run.run(replace(tiny(), samples=31), checkpoint=path)
    with pytest.raises(ModelError, match="another model"):
        run.run(replace(tiny(), model=AlignmentSum(4, 5)), checkpoint=path)
    assert run.seed_of(path) == 9
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelError, match="not a checkpoint"):
        run.run(tiny(), checkpoint=path)
