"""The same rare events through the packages people would otherwise use, and through ldt.

    benchmarks/peers/run                    # makes the environment, then: python peers.py --write

Black-box events get the standard normals behind A (2N for the concentrated overlap: readouts and first weights) and the limit state
A - alpha <= 0.
Settings are each package's defaults with the sample sizes that the rows name; a run has ``--seconds`` of CPU, what
takes longer is stopped and said.  Every row: value - truth averaged over seeds, reported error, scatter over seeds, CPU seconds, calls.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DOC = Path(__file__).parents[2] / "docs/peers.md"
#: log P at level 1, ball arithmetic (data/reference/frozen.csv).
TRUTH = {(5, 5): -43.67772944183699, (20, 20): -173.31722119693899, (50, 50): -442.40921023883}
Answer = tuple[float, float, int]  # log P, reported error of it, calls


def alignment(x: np.ndarray, n: int, d: int) -> np.ndarray:
    """A of rows of 2n standard normals."""
    a, w = x[:, :n] / math.sqrt(n), x[:, n:] / math.sqrt(d)
    return np.sum(a * w**3 / (3.0 + 2.0 * w * w) ** 1.5, axis=1)


# -- peers: (n, d, seed) -> Answer ---------------------------------------------------------------------------------------------


def _event(n: int, d: int, seed: int) -> tuple[Any, Any, Any]:
    import openturns as ot

    ot.RandomGenerator.SetSeed(seed)

    class Limit(ot.OpenTURNSPythonFunction):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(2 * n, 1)

        def _exec(self, x: Any) -> list[float]:
            return [float(alignment(np.array(x)[None], n, d)[0])]

        def _exec_sample(self, x: Any) -> Any:
            return alignment(np.asarray(x), n, d)[:, None]

    function = ot.Function(Limit())
    vector = ot.RandomVector(ot.Normal(2 * n))
    return ot, function, ot.ThresholdEvent(ot.CompositeRandomVector(function, vector), ot.Greater(), 1.0)


def _simulated(result: Any, function: Any) -> Answer:
    calls = max(result.getOuterSampling() * result.getBlockSize(), function.getCallsNumber())
    p = result.getProbabilityEstimate()
    return math.log(p) if p > 0.0 else -math.inf, result.getCoefficientOfVariation(), calls


def ot_subset(n: int, d: int, seed: int, size: int = 10_000) -> Answer:
    ot, function, event = _event(n, d, seed)
    algorithm = ot.SubsetSampling(event)
    algorithm.setMaximumOuterSampling(size // 100)
    algorithm.setBlockSize(100)
    algorithm.run()
    return _simulated(algorithm.getResult(), function)


def _form(n: int, d: int, seed: int) -> tuple[Any, Any, Any]:
    ot, function, event = _event(n, d, seed)
    solver = ot.AbdoRackwitz()
    solver.setMaximumIterationNumber(1000)
    start = np.zeros(2 * n)
    start[:3], start[n : n + 3] = 27.0**0.5 * math.sqrt(n) / 3.0, math.sqrt(3.0 * d)  # the known optimum at N = d
    solver.setStartingPoint(list(start))
    algorithm = ot.FORM(solver, event)
    algorithm.run()
    return ot, function, algorithm.getResult()


def ot_form(n: int, d: int, seed: int) -> Answer:
    _, function, result = _form(n, d, seed)
    beta = result.getHasoferReliabilityIndex()
    from scipy.special import log_ndtr

    return float(log_ndtr(-beta)), math.nan, function.getCallsNumber()


def ot_form_importance(n: int, d: int, seed: int) -> Answer:
    ot, function, result = _form(n, d, seed)
    algorithm = ot.PostAnalyticalImportanceSampling(result)
    algorithm.setMaximumOuterSampling(1000)
    algorithm.setBlockSize(100)
    algorithm.setMaximumCoefficientOfVariation(0.01)
    algorithm.run()
    return _simulated(algorithm.getResult(), function)


def ot_nais(n: int, d: int, seed: int) -> Answer:
    ot, function, event = _event(n, d, seed)
    algorithm = ot.NAIS(event, 0.1)
    algorithm.setMaximumOuterSampling(100)
    algorithm.setBlockSize(100)
    algorithm.run()
    return _simulated(algorithm.getResult(), function)


def ot_line(n: int, d: int, seed: int) -> Answer:
    _, _, result = _form(n, d, seed)
    _, function, event = _event(n, d, seed)
    alpha = result.getStandardSpaceDesignPoint()
    from openturns.experimental import LineSampling

    algorithm = LineSampling(event, alpha)
    algorithm.setMaximumOuterSampling(1000)
    algorithm.run()
    return _simulated(algorithm.getResult(), function)


def uqpy_subset(n: int, d: int, seed: int) -> Answer:
    import os
    import sys
    import tempfile

    from UQpy.distributions import JointIndependent, Normal
    from UQpy.reliability import SubsetSimulation
    from UQpy.run_model.model_execution.PythonModel import PythonModel
    from UQpy.run_model.RunModel import RunModel
    from UQpy.sampling import ModifiedMetropolisHastings

    with tempfile.TemporaryDirectory() as folder:
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport numpy as np\nfrom peers import alignment\n"
        body = f"def limit(samples):\n    return list(1.0 - alignment(np.atleast_2d(samples), {n}, {d}))\n"
        Path(folder, "limit.py").write_text(code + body)
        os.chdir(folder)
        sys.path.insert(0, folder)
        model = RunModel(model=PythonModel(model_script="limit.py", model_object_name="limit"))
        prior = JointIndependent([Normal()] * (2 * n))
        seeds = np.random.default_rng(seed).standard_normal((100, 2 * n))
        sampler = ModifiedMetropolisHastings(dimension=2 * n, pdf_target=prior.pdf, seed=[list(s) for s in seeds], random_state=seed)
        found = SubsetSimulation(sampling=sampler, runmodel_object=model, conditional_probability=0.1,
                                 nsamples_per_subset=1000, max_level=60)  # fmt: skip
        os.chdir("/")
    return math.log(found.failure_probability), float(found.independent_chains_CoV), 1000 * len(found.samples)


def cbree(n: int, d: int, seed: int) -> Answer:
    from rareeventestimation import CBREE
    from rareeventestimation.problem.problem import NormalProblem

    problem = NormalProblem(lambda x: 1.0 - alignment(np.atleast_2d(x), n, d), 2 * n, 2000)
    problem.set_sample(2000, seed=seed)
    found = CBREE(seed=seed).solve(problem)
    p = float(found.prob_fail_hist[-1])
    return math.log(p) if p > 0.0 else -math.inf, math.nan, int(np.sum(found.costs_hist) if hasattr(found, "costs_hist") else 0)


def shifted_fft(n: int, d: int, seed: int) -> Answer:
    """Exponentially shifted FFT on a lattice: the law of one a g rounded to a lattice, tilted, its n-th power transformed."""
    lattice, reach = 2**16, 3.0 if n < 30 else 2.0
    step = 2.0 * reach / lattice
    x = (np.arange(lattice) - lattice // 2) * step
    w = np.linspace(0.0, 14.0, 1001)[1:]
    mass = np.exp(-0.5 * w * w) * 2.0 * (w[1] - w[0]) / math.sqrt(2.0 * math.pi)
    w = w / math.sqrt(d)
    w_far = np.linspace(w[-1], 6.0, 401)[1:]
    mass = np.concatenate([mass, np.exp(-0.5 * d * w_far**2) * 2.0 * (w_far[1] - w_far[0]) * math.sqrt(d / (2.0 * math.pi))])
    w = np.concatenate([w, w_far])
    sd = w**3 / (3.0 + 2.0 * w * w) ** 1.5 / math.sqrt(n)
    from scipy.special import ndtr

    edges = np.concatenate([x - step / 2, [x[-1] + step / 2]])
    p = np.zeros(lattice)
    for s, m in zip(sd, mass, strict=True):
        tail = ndtr(-np.abs(edges) / s)  # accurate on both sides
        p += m * np.where(edges[:-1] >= 0, tail[:-1] - tail[1:], np.where(edges[1:] <= 0, tail[1:] - tail[:-1], 1.0 - tail[1:] - tail[:-1]))
    low, high = 0.0, 1e5  # tilt to mean 1/n
    with np.errstate(divide="ignore", over="ignore"):
        log_p = np.log(p)
        for _ in range(60):
            t = 0.5 * (low + high)
            q = np.exp(log_p + t * x - np.max(log_p + t * x))
            low, high = (t, high) if n * np.sum(q * x) / np.sum(q) < 1.0 else (low, t)
    top = float(np.max(log_p + t * x))
    size = float(np.sum(q))
    q = np.fft.irfft(np.fft.rfft(np.fft.ifftshift(q / size)) ** n, lattice)
    q = np.fft.fftshift(q)
    inside = x >= 1.0 - step / 2
    weight = np.where(np.isclose(x, 1.0, atol=step / 4), 0.5, 1.0)
    value = float(np.sum(np.maximum(q, 0.0)[inside] * weight[inside] * np.exp(-t * (x[inside] - 1.0))))
    return n * (top + math.log(size)) - t + math.log(value), math.nan, 0


def numpy_tilt(n: int, d: int, seed: int, size: int = 20_000) -> Answer:
    """Plain NumPy: one exponential tilt of the neurons (a table), readouts integrated out."""
    from scipy.special import log_ndtr

    w = np.linspace(-8.0, 8.0, 16001)
    g2 = (w * w / (3.0 + 2.0 * w * w)) ** 3
    prior = -0.5 * d * w * w
    low, high = 1e-3, 1e6
    for _ in range(80):
        s = math.sqrt(low * high)
        e = prior + s * s / (2 * n) * g2
        q = np.exp(e - e.max())
        low, high = (s, high) if s * np.sum(q * g2) / np.sum(q) < 1.0 else (low, s)
    theta, rng = s * s / (2 * n), np.random.default_rng(seed)
    log_m = e.max() + math.log(np.sum(q)) - (prior.max() + math.log(np.sum(np.exp(prior - prior.max()))))
    total = g2[rng.choice(len(w), (size, n), p=q / q.sum())].sum(axis=1)
    logs = n * log_m - theta * total + log_ndtr(-1.0 / np.sqrt(total / n))
    top = logs.max()
    y = np.exp(logs - top)
    return top + math.log(y.mean()), float(y.std() / y.mean() / math.sqrt(size)), size


def flint_quadrature(n: int, d: int, seed: int) -> Answer:
    """python-flint: acb.integral over a broken line, Gauss-Legendre in w (the tests' own twin)."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    import naive

    value, radius = naive.flint_tail(n, d, 1.0, digits=15)
    return float(value), float(radius), 0


def ldt_by(method: str, **options: Any) -> Callable[[int, int, int], Answer]:
    def answer(n: int, d: int, seed: int) -> Answer:
        import ldt

        more = {"rng": seed} if method in ("importance", "splitting") else {}
        model = ldt.TwoLayerNetwork(n, d) if method == "splitting" else ldt.AlignmentSum(n, d)
        result = ldt.tail(model, 1.0, method=method, **options, **more)
        return result.logp, result.error, result.cost.samples or result.cost.nodes

    return answer


ROWS: list[tuple[str, Callable[..., Answer], bool]] = [
    ("OpenTURNS subset sampling, 1e4 a level", ot_subset, True),
    ("OpenTURNS FORM (Abdo-Rackwitz, from the known optimum)", ot_form, False),
    ("OpenTURNS FORM + importance sampling, 1e5", ot_form_importance, True),
    ("OpenTURNS NAIS, 1e4 a level", ot_nais, True),
    ("OpenTURNS line sampling, 1e3 lines", ot_line, True),
    ("UQpy subset simulation, modified Metropolis, 1e3 a level", uqpy_subset, True),
    ("rareeventestimation CBREE", cbree, True),
    ("shifted FFT on 2^16 points (NumPy)", shifted_fft, False),
    ("tilted importance sampling, 2e4 (NumPy)", numpy_tilt, True),
    ("python-flint quadrature", flint_quadrature, False),
    ("ldt exact", ldt_by("exact"), False),
    ("ldt certified", ldt_by("certified"), False),
    ("ldt saddlepoint", ldt_by("saddlepoint"), False),
    ("ldt importance to 1 %", ldt_by("importance", target_error=0.01), True),
]


def _child(function: Callable[..., Answer], n: int, d: int, seed: int, pipe: Any) -> None:
    try:
        if function.__name__ == "answer":
            function(5, 5, seed)  # compile
        start = time.process_time()
        found = function(n, d, seed)
        pipe.send((*found, time.process_time() - start))
    except BaseException as error:
        pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ''}")


def once(index: int, n: int, d: int, seed: int, seconds: float) -> Any:
    """(log P, error, calls, CPU seconds) or the failure in words, in a process of its own with a CPU limit."""
    import resource

    here, there = multiprocessing.Pipe(duplex=False)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        _child(ROWS[index][1], n, d, seed, there)

    process = multiprocessing.get_context("fork").Process(target=limited)
    process.start()
    there.close()
    try:
        found = here.recv() if here.poll(20 * seconds) else f"over {seconds:g} s"
    except EOFError:
        found = f"over {seconds:g} s of CPU"
    process.kill()
    process.join()
    return found


def versions() -> str:
    names = ("openturns", "UQpy", "rareeventestimation", "numpy", "scipy", "python-flint", "ldt")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def run(seconds: float, seeds: int, sizes: list[int], log: Path | None) -> str:
    """The table."""
    lines = [f"Versions: {versions()}.", ""]
    for (n, d), truth in ((size, truth) for size, truth in TRUTH.items() if size[0] in sizes):
        lines += [f"({n}, {d}), concentrated overlap, level 1: log P = {truth:.6f}", "",
                  "| | value - truth | reported error | scatter | CPU s | calls |", "|---|--:|--:|--:|--:|--:|"]  # fmt: skip
        for index, (name, _, random) in enumerate(ROWS):
            found = [once(index, n, d, seed, seconds) for seed in range(1, (seeds if random else 1) + 1)]
            good = [f for f in found if not isinstance(f, str) and math.isfinite(f[0])]
            if log:
                with open(log, "a") as file:
                    file.write(json.dumps([n, d, name, found]) + "\n")
            if not good:
                bad = found[0] if isinstance(found[0], str) else f"log P = {found[0][0]}"
                lines.append(f"| {name} | {bad} | | | | |")
                continue
            values = [f[0] for f in good]
            scatter = f"{statistics.stdev(values):.2g}" if len(values) > 1 else ""
            error = statistics.median(f[1] for f in good)
            lost = f" ({len(found) - len(good)} of {len(found)} failed)" if len(good) < len(found) else ""
            said = "" if math.isnan(error) else f"{error:.2g}"
            lines.append(f"| {name}{lost} | {statistics.mean(values) - truth:+.2g} | {said} | {scatter} | "
                         f"{statistics.median(f[3] for f in good):.2g} | {statistics.median(f[2] for f in good):g} |")  # fmt: skip
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/peers.md")
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--sizes", default="5,20,50", help="of N = d")
    parser.add_argument("--log", type=Path)
    asked = parser.parse_args()
    text = run(asked.seconds, asked.seeds, [int(x) for x in asked.sizes.split(",")], asked.log)
    print(text)
    if asked.write:
        head, _, rest = DOC.read_text(encoding="utf-8").partition("<!-- peers -->\n")
        _, _, tail = rest.partition("<!-- end -->")
        DOC.write_text(f"{head}<!-- peers -->\n{text}\n<!-- end -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
