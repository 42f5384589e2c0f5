r"""Running many chains, a segment of sweeps at a time, from and to a checkpoint.

A sweep is ``steps`` gradients: one HMC trajectory, or that many steps of MALA or of Langevin dynamics; HMC of two layers also offers every
neuron two replacements (ldt.experiments.moves).  During the warm-up each chain adapts its step to the acceptance of ``ACCEPT``.

The random stream of (network, segment) is a block of its own and nothing else is random, so a run is a function of the experiment alone:
whatever the workers, and however often it was stopped (even by kill -9) and taken up again, it ends in the same bytes.  Checkpoints are
written beside the file and moved over it, so that there is a whole one at any moment.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ldt.errors import MethodError, ModelError
from ldt.experiments.activations import Array
from ldt.experiments.experiment import Experiment
from ldt.experiments.moves import exchange, trajectory
from ldt.numerics.random import block_generator
from ldt.numerics.workers import mapper, one_blas_thread

FORMAT = "ldt-learn-1"
SEGMENT = 10  # sweeps
ACCEPT = {"hmc": 0.8, "mala": 0.6, "langevin": 0.95}
GAIN = {"hmc": 0.2, "mala": 0.2, "langevin": 1.0}  # of log h a sweep, a quarter of it in the second half of the warm-up
TRACES = ("energy", "alignment", "train_error", "specialised", "acceptance")
#: |w . w*| beyond this is counted as specialised, in units of sigma_w (between the wells of theory section 3).
SPECIALISED = 0.8
FIRST_STEP = 0.05
PAUSE = 20.0  # seconds between checkpoints


@dataclass
class Chains:
    """Where all networks are: whitened weights ``z`` (K, D), steps ``h`` (K,), the number of sweeps ``done``, the ``traces`` of every sweep
    (K, sweeps, 5: TRACES) and the kept neurons' ``w``, ``rho`` and readouts ``a`` (K, kept, N; three layers: no a)."""

    z: Array
    h: Array
    traces: Array
    w: Array
    rho: Array
    a: Array
    done: int = 0

    @classmethod
    def fresh(cls, experiment: Experiment) -> Chains:
        """All networks at their starts."""
        k, total = experiment.networks, experiment.warmup + experiment.sweeps
        kept, first = total // experiment.keep, experiment.stack.sizes[1]
        last = experiment.stack.width if len(experiment.stack.sizes) == 2 else 0
        z = np.array([experiment.start(network) for network in range(k)])
        return cls(z, np.full(k, FIRST_STEP), np.full((k, total, len(TRACES)), np.nan),
                   np.full((k, kept, first), np.nan), np.full((k, kept, first), np.nan), np.full((k, kept, last), np.nan))  # fmt: skip


def advance(task: tuple[Experiment, int, int, int, Array, float]) -> tuple[Array, float, Array, list[tuple[Array, Array, Array]]]:
    """Sweeps first..last of one network from weights z and step h: (z, h, traces, kept neurons)."""
    experiment, network, first, last, z, h = task
    random = block_generator(experiment.seed, 2, network, first)
    post = experiment.posterior(network // experiment.chains)
    stack, sampler = experiment.stack, experiment.sampler
    hmc, adjust = sampler == "hmc", sampler != "langevin"
    offers = hmc and len(stack.sizes) == 2
    rows, kept = [], []
    u, slope = post.energy(z)
    for sweep in range(first, last):
        accepted = 0.0
        for _ in range(1 if hmc else experiment.steps):
            length = h * random.uniform(0.85, 1.15) if hmc else h
            z, u, slope, chance = trajectory(post, z, u, slope, length, experiment.steps if hmc else 1, random, adjust)
            accepted += chance if hmc else chance / experiment.steps
        if offers:
            z, _ = exchange(post, z, random, fresh=False)
            z, _ = exchange(post, z, random, fresh=True)
            u, slope = post.energy(z)
        if sweep < experiment.warmup:
            gain = GAIN[sampler] if sweep < experiment.warmup // 2 else 0.25 * GAIN[sampler]
            h = min(max(h * math.exp(gain * (accepted - ACCEPT[sampler])), 1e-5), 2.0)
        phi = stack.features(post.x, z)
        readouts = post.readouts(post.evidence(phi), random)
        residual = post.y - phi @ readouts
        w, rho = experiment.neurons(z)
        special = np.abs(w) > SPECIALISED * math.sqrt(stack.variances[0])
        rows.append((u, experiment.share(z, readouts), float(residual @ residual) / len(residual), float(special.sum()), accepted))
        if (sweep + 1) % experiment.keep == 0:
            kept.append((w, rho, readouts if len(stack.sizes) == 2 else readouts[:0]))
    return z, h, np.array(rows), kept


def run(
    experiment: Experiment, *, checkpoint: Any = None, workers: Any = 1, progress: Callable[[int, int, str], object] | None = None
) -> tuple[Chains, bool]:
    """All sweeps of all networks: (chains, whether Ctrl-C ended them early).

    Parameters
    ----------
    experiment : Experiment
    checkpoint : str or Path, optional
        A file that is taken up where it stands, and brought up to date every ``PAUSE`` seconds and at the end.
    workers : int or map-like callable
    progress : callable of (done, total, text)
        Sweeps of all networks done and wanted.

    Raises
    ------
    ModelError
        A checkpoint of another experiment, or none at all.
    MethodError
        Without the extra ldt[experiments].
    """
    check_extra()
    path = None if checkpoint is None else Path(checkpoint)
    chains = load(path, experiment) if path is not None and path.exists() else Chains.fresh(experiment)
    if path is not None and not path.exists():
        save(path, experiment, chains)  # a file that cannot be written is said now
    total = experiment.warmup + experiment.sweeps
    apply, close = mapper(workers)
    saved = time.monotonic()
    try:
        with one_blas_thread():  # sums in another order would be other bytes
            while chains.done < total:
                first, last = chains.done, min(chains.done + SEGMENT, total)
                tasks = [(experiment, i, first, last, chains.z[i], float(chains.h[i])) for i in range(experiment.networks)]
                found = []
                for i, part in enumerate(apply(advance, tasks)):
                    found.append(part)
                    if progress is not None:
                        sweeps = first * experiment.networks + (i + 1) * (last - first)
                        progress(sweeps, total * experiment.networks, _words(chains, experiment))
                _put(chains, found, first, last, experiment.keep)
                if path is not None and (chains.done == total or time.monotonic() - saved > PAUSE):
                    save(path, experiment, chains)
                    saved = time.monotonic()
    except KeyboardInterrupt:
        if path is not None:
            save(path, experiment, chains)
        return chains, True
    finally:
        close()
    return chains, False


def _put(chains: Chains, found: list[Any], first: int, last: int, keep: int) -> None:
    """One segment of all networks, entered whole."""
    at = first // keep
    for i, (z, h, rows, kept) in enumerate(found):
        chains.z[i], chains.h[i], chains.traces[i, first:last] = z, h, rows
        for j, (w, rho, a) in enumerate(kept):
            chains.w[i, at + j], chains.rho[i, at + j], chains.a[i, at + j] = w, rho, a
    chains.done = last


def _words(chains: Chains, experiment: Experiment) -> str:
    done = chains.traces[:, experiment.warmup : chains.done, 1]
    return f"A_f = {done.mean():.3f}" if done.size else "warming up"


def check_extra() -> None:
    """MethodError unless the libraries of the extra can be imported: better now than after an hour."""
    try:
        import arviz_stats.base  # noqa: F401
        import threadpoolctl  # noqa: F401
    except ImportError as error:
        raise MethodError(f"learn: needs {error.name}; install ldt[experiments]") from None


def save(path: Path, experiment: Experiment, chains: Chains) -> None:
    """The checkpoint, whole or not at all."""
    head = json.dumps({"format": FORMAT, "experiment": experiment.to_dict(), "done": chains.done}, sort_keys=True, allow_nan=False)
    stream = io.BytesIO()
    arrays: dict[str, Any] = {name: getattr(chains, name) for name in ("z", "h", "traces", "w", "rho", "a")}
    np.savez_compressed(stream, head=np.array(head), **arrays)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(stream.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ModelError(f"checkpoint: {path} cannot be written ({error.strerror})") from None


def load(path: Path, experiment: Experiment) -> Chains:
    """The chains of a checkpoint of this experiment; ModelError where it is not one."""
    head, arrays = _read(path)
    mine, theirs = json.loads(json.dumps(experiment.to_dict())), head["experiment"]
    for name in sorted(mine.keys() | theirs.keys()):
        if mine.get(name) != theirs.get(name):
            what = "another model" if name == "model" else f"{name} = {theirs.get(name)!r}, not {mine.get(name)!r}"
            raise ModelError(f"checkpoint: {path} is of an experiment with {what}; name another file or remove it")
    return Chains(**arrays, done=int(head["done"]))


def seed_of(path: Any) -> int:
    """The seed of a checkpoint's experiment."""
    return int(_read(Path(path))[0]["experiment"]["seed"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = {name: file[name] for name in ("z", "h", "traces", "w", "rho", "a")}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise ModelError(f"checkpoint: {path} is not a checkpoint of ldt-rate learn; name another file or remove it") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise ModelError(f"checkpoint: {path} is not of the format {FORMAT} that this version reads; remove it to start anew")
    return head, arrays


__all__ = ["SPECIALISED", "TRACES", "Chains", "advance", "load", "run", "save", "seed_of"]
