"""The front door of the experiments: train many networks, and say what they learned, how surely, and what theory says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ldt.errors import Interrupted, LdtError, ModelError
from ldt.experiments.activations import Array
from ldt.experiments.diagnostics import WATCHED, Diagnosis, diagnose
from ldt.experiments.experiment import Experiment
from ldt.experiments.run import ACCEPT, SPECIALISED, TRACES, Chains, run, seed_of
from ldt.experiments.theory import FULL, Comparison, adapted, compare, compare_components, density, self_consistent
from ldt.models.alignment import OVERLAPS
from ldt.numerics.random import entropy_of
from ldt.results import _Record, jsonable
from ldt.tails.tilting import tilted_law

#: Sweeps after the warm-up below which nothing is said.
LEAST = 4


@dataclass(frozen=True)
class LearnResult(_Record):
    """What networks sampled from the posterior have learned.

    ``share`` is the mean of A_f = <f, y>/<y, y> over networks, ``share_error`` its standard error over data sets; ``specialised`` the mean
    number of neurons with |w . w*| > 0.8 sigma_w, ``special_w`` and ``special_rho`` their mean |w . w*| and |w_perp|^2; ``train_error`` the
    mean squared error on the samples; ``acceptance`` of Metropolis steps (for Langevin dynamics: what it would have been); ``shares`` and
    ``counts`` the means of each data set.  ``w``, ``rho``, ``a`` are the kept neurons, shape (networks, draws, N), ``traces`` those of
    ldt.experiments.run; they are not part of ``to_dict``.
    """

    picture: ClassVar[str] = "ldt.plots.learned:plot_learned"

    experiment: Experiment
    sweeps: int
    share: float
    share_error: float
    specialised: float
    specialised_error: float
    special_w: float
    special_rho: float
    train_error: float
    acceptance: float
    diagnosis: Diagnosis | None
    comparisons: tuple[Comparison, ...]
    status: str
    advice: str
    shares: Array = field(repr=False)
    counts: Array = field(repr=False)
    w: Array = field(repr=False)
    rho: Array = field(repr=False)
    a: Array = field(repr=False)
    traces: Array = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the kept weights and traces, as strict JSON types."""
        return {f.name: jsonable(getattr(self, f.name)) for f in fields(self) if f.name not in ("w", "rho", "a", "traces")}

    def density(self, comparison: Comparison, w: Any) -> Array:
        """The density of one neuron's w . w* (both signs) that ``comparison`` was made with, at ``w``."""
        e = self.experiment
        assert e.sum is not None
        law = replace(e.sum, overlap=comparison.overlap, c=e.labels)
        if comparison.source == FULL:
            return adapted(law, e.samples, e.ridge)[1](np.asarray(w, dtype=float))
        tilted = tilted_law(replace(law, c="orthonormal"), comparison.share * math.sqrt(e.power))
        return density(tilted, w)[0]


def learn(
    model: Any, samples: int, *, rng: Any = None, checkpoint: Any = None, workers: Any = 1, progress: Any = None, theory: bool = True,
    **options: Any,
) -> LearnResult:  # fmt: skip
    """Sample ``networks`` networks from their posterior on ``samples`` samples of the model's target, and compare them with theory.

    Parameters
    ----------
    model : AlignmentSum, TwoLayerNetwork or ThreeLayerNetwork
    samples : int
        P.
    rng : None, int, SeedSequence or Generator
        None: the seed of the checkpoint, if there is one.
    checkpoint : str or Path, optional
        File to go on from and to keep.
    workers : int or map-like callable
    progress : callable of (done, total, text), optional
    theory : bool
        Compare two-layer networks with the tilted laws (both overlap forms, at the self-consistent and at the measured share) and, for
        erf, with the full equations of kernel adaptation.
    **options
        ``ridge``, ``networks``, ``chains``, ``sweeps``, ``warmup``, ``keep``, ``sampler``, ``steps``, ``labels`` of ``Experiment``.

    Returns
    -------
    LearnResult
        ``status`` is 'warning' where chains have not converged, with advice.

    Raises
    ------
    ModelError
        An argument that makes no sense, by name.
    MethodError
        Without the extra ldt[experiments].
    Interrupted
        Ctrl-C; its ``result`` is the answer from the sweeps done until then.

    Examples
    --------
    >>> from ldt import AlignmentSum
    >>> r = learn(AlignmentSum(6, 6), 60, networks=4, sweeps=60, warmup=40, rng=1, theory=False)
    >>> r.w.shape, r.experiment.datasets
    ((4, 6, 6), 2)
    """
    known = {f.name for f in fields(Experiment)} - {"model", "samples", "seed"}
    for name in options:
        if name not in known:
            raise ModelError(f"{name}: no such option; options are {', '.join(sorted(known))}")
    seed = seed_of(checkpoint) if rng is None and checkpoint is not None and Path(checkpoint).exists() else entropy_of(rng)
    experiment = Experiment(model, samples, seed=seed, **options)
    chains, stopped = run(experiment, checkpoint=checkpoint, workers=workers, progress=progress)
    found = summary(experiment, chains, theory and not stopped)
    if not stopped:
        return found
    words = f"interrupted after {chains.done} of {experiment.warmup + experiment.sweeps} sweeps"
    words += f"; the same command goes on from {checkpoint}" if checkpoint is not None else "; give a checkpoint to go on from"
    status = "failed" if found.status == "failed" else "warning"
    raise Interrupted(replace(found, status=status, advice="; ".join(filter(None, [words, found.advice]))))


def summary(experiment: Experiment, chains: Chains, theory: bool = True) -> LearnResult:
    """What chains that are ``chains.done`` sweeps long say."""
    traces = chains.traces[:, experiment.warmup : chains.done]
    first, last = experiment.warmup // experiment.keep, chains.done // experiment.keep
    w, rho, a = (x[:, first:last] for x in (chains.w, chains.rho, chains.a))
    if traces.shape[1] < LEAST:
        nan = math.nan
        advice = f"no answer: {traces.shape[1]} sweeps after the warm-up of {experiment.warmup}"
        return LearnResult(experiment, traces.shape[1], nan, math.inf, nan, math.inf, nan, nan, nan, nan, None, (), "failed", advice,
                           np.full(experiment.datasets, nan), np.full(experiment.datasets, nan), w, rho, a, traces)  # fmt: skip
    trace = {name: traces[:, :, i] for i, name in enumerate(TRACES)}
    diagnosis = diagnose({name: trace[name] for name in WATCHED}, experiment.chains)
    shares, counts = (trace[name].reshape(experiment.datasets, -1).mean(axis=1) for name in ("alignment", "specialised"))
    share_error, count_error = (_error(means, trace[name], diagnosis) for name, means in (("alignment", shares), ("specialised", counts)))
    cut = SPECIALISED * math.sqrt(experiment.stack.variances[0])
    far = np.abs(w) > cut
    words = [diagnosis.advice]
    acceptance = float(trace["acceptance"].mean())
    if experiment.sampler == "langevin" and acceptance < 0.9:
        words.append(f"a Metropolis step would have accepted only {acceptance:.2f} of the Langevin steps, which biases their law; "
                     "ask for more warmup, in which the step shrinks, or for sampler mala or hmc")  # fmt: skip
    elif acceptance < 0.5 * ACCEPT[experiment.sampler]:
        words.append(f"only {acceptance:.2f} of the moves were accepted; ask for more warmup, in which the step adapts")
    comparisons: tuple[Comparison, ...] = ()
    if theory and experiment.sum is not None and w.shape[1]:
        comparisons, missing = _comparisons(experiment, w, float(shares.mean()), cut, diagnosis.total_ess)
        words += missing
    advice = "; ".join(filter(None, words))
    return LearnResult(
        experiment, traces.shape[1], float(shares.mean()), share_error, float(counts.mean()), count_error,
        float(np.abs(w[far]).mean()) if far.any() else math.nan, float(rho[far].mean()) if far.any() else math.nan,
        float(trace["train_error"].mean()), acceptance, diagnosis, comparisons, "warning" if advice else "ok", advice,
        shares, counts, w, rho, a, traces,
    )  # fmt: skip


def _error(means: Array, trace: Array, diagnosis: Diagnosis) -> float:
    """Standard error over data sets; of one data set, over its effective draws."""
    if len(means) > 1:
        return float(means.std(ddof=1) / math.sqrt(len(means)))
    return float(trace.std() / math.sqrt(max(diagnosis.ess["alignment"], 1.0)))


def _comparisons(
    experiment: Experiment, w: Array, share: float, cut: float, effective: float
) -> tuple[tuple[Comparison, ...], list[str]]:
    """Both overlap forms, at the share that is self-consistent, at the one that was measured, and by the full equations (erf); and, in
    words, those that could not be computed: the networks were sampled all the same."""
    e, rows = experiment, w.reshape(experiment.datasets, -1)
    assert e.sum is not None
    found, missing = [], []
    for form in OVERLAPS:
        law = replace(e.sum, overlap=form, c="orthonormal")
        for source in ("self-consistent", "measured", FULL) if e.stack.activation == "erf" else ("self-consistent", "measured"):
            try:
                if source == FULL:
                    found.append(compare_components(rows, replace(law, c=e.labels), e.samples, e.ridge, cut, effective, e.seed))
                    continue
                level = share if source == "measured" else self_consistent(law, e.samples, e.ridge, e.power)
                if level > 1e-3:  # at 0 the tilted law is the prior
                    found.append(compare(rows, law, e.power, level, source, cut, effective, e.seed))
            except LdtError as error:
                missing.append(f"no comparison with the {form} law, {source} ({error})")
    return tuple(found), missing


__all__ = ["LearnResult", "learn", "summary"]
