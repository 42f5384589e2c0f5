r"""What is trained: an architecture on P samples of its own target, many networks at once.

Inputs are x ~ N(0, I_d), labels y = s sum_k y_k He_k(x_1): s makes <y, y> = 1 (``orthonormal``, the convention of theory section 7) or is 1
(``raw``).  What is watched is the learned share of the target,

    A_f = <f, y>/<y, y>,

an average over the law of x, not over the samples: closed for two layers (ldt.models.hermite), over Sobol points for three.
``ridge`` is kappa of exp(-sum_mu (f - y)^2/(2 kappa)), so that the continuum normalisation of the tilt is kappa/P.

Networks come in data sets of ``chains`` each: chain 0 of a data set starts from the prior, chain 1 with planted specialised neurons, and so
on in turn, so that chains that agree have forgotten where they began (R-hat).  Random streams: block (0, data set) draws the data,
(1, network) the start, (2, network, segment) the moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.experiments.activations import NAMES, Array
from ldt.experiments.posterior import Posterior, Stack
from ldt.models.alignment import AlignmentSum
from ldt.models.networks.points import hermite_rule
from ldt.numerics.random import block_generator

SAMPLERS = ("hmc", "mala", "langevin")
LABELS = ("orthonormal", "raw")


@dataclass(frozen=True)
class Experiment:
    """Posterior sampling of ``networks`` networks.

    Parameters
    ----------
    model : AlignmentSum, TwoLayerNetwork or ThreeLayerNetwork
        Gives widths, d, variances, activation and target; its ``c`` and ``overlap`` do not matter to training.
    samples : int
        P.
    ridge : float
        kappa > 0.
    networks, chains : int
        How many networks, and how many of them share a data set.
    sweeps, warmup, keep : int
        Sweeps after ``warmup`` ones; weights are kept every ``keep`` sweeps.
    sampler : {"hmc", "mala", "langevin"}
        ldt.experiments.moves.
    steps : int
        Gradients a sweep.
    labels : {"orthonormal", "raw"}
    seed : int

    >>> Experiment(AlignmentSum(4, 5), samples=20, networks=6).datasets
    3
    """

    model: Any
    samples: int
    ridge: float = 1.0
    networks: int = 30
    chains: int = 2
    sweeps: int = 300
    warmup: int = 100
    keep: int = 10
    sampler: str = "hmc"
    steps: int = 12
    labels: str = "orthonormal"
    seed: int = field(default=0)

    def __post_init__(self) -> None:
        limits = {
            "samples": (2, 100_000), "networks": (1, 100_000), "chains": (1, 64), "sweeps": (4, 10**7), "warmup": (0, 10**7),
            "keep": (1, 10**6), "steps": (1, 1000), "seed": (0, 2**64),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
                raise ModelError(f"{name}: must be an integer from {low} to {high}, got {value!r}")
            object.__setattr__(self, name, int(value))
        if isinstance(self.ridge, (bool, str)) or not math.isfinite(self.ridge) or not 1e-6 <= self.ridge <= 1e6:
            raise ModelError(f"ridge: must be a number from 1e-6 to 1e6 (kappa, the variance of label noise), got {self.ridge!r}")
        object.__setattr__(self, "ridge", float(self.ridge))
        if self.sampler not in SAMPLERS:
            raise ModelError(f"sampler: must be one of {', '.join(SAMPLERS)}, got {self.sampler!r}")
        if self.labels not in LABELS:
            raise ModelError(f"labels: must be one of {', '.join(LABELS)}, got {self.labels!r}")
        if self.networks % self.chains:
            raise ModelError(f"networks: must be a multiple of chains (the {self.chains} that share a data set), got {self.networks}")
        if self.keep > self.sweeps:
            raise ModelError(f"keep: must be at most sweeps ({self.sweeps}), got {self.keep}")
        if self.stack.activation not in NAMES:
            raise ModelError(f"activation: networks are trained with one of {', '.join(NAMES)}, got {self.stack.activation!r}")

    @property
    def datasets(self) -> int:
        """How many independent data sets there are."""
        return self.networks // self.chains

    @cached_property
    def sum(self) -> AlignmentSum | None:
        """The law of A of a two-layer network in the full form and with c = 'ratio'; None for three layers."""
        law = self.model if isinstance(self.model, AlignmentSum) else getattr(self.model, "sum", None)
        if isinstance(law, AlignmentSum) and getattr(self.model, "architecture", "two_layer") == "two_layer":
            return replace(law, overlap="full", c="ratio")
        return None

    @cached_property
    def stack(self) -> Stack:
        """The layers; ModelError for a model that cannot be trained here."""
        if self.sum is not None:
            s = self.sum
            return Stack((s.dim, s.width), s.activation_name, (s.weight_variance,), s.readout_variance)
        if getattr(self.model, "architecture", "") == "three_layer":
            m = self.model
            return Stack((m.dim, m.width1, m.width2), "erf", (1.0, 1.0))
        name = getattr(self.model, "architecture", getattr(self.model, "kind", type(self.model).__name__))
        raise ModelError(f"model: 'alignment' models and 'two_layer' and 'three_layer' networks are trained, got {name!r}")

    @cached_property
    def terms(self) -> tuple[tuple[int, float], ...]:
        """(k, coefficient) of the labels in He_k."""
        own = self.sum.target if self.sum is not None else ((self.model.target, 1.0),)
        scale = 1.0 if self.labels == "raw" else sum(y * y * math.factorial(k) for k, y in own) ** -0.5
        return tuple((k, scale * y) for k, y in own)

    @property
    def power(self) -> float:
        """<y, y>."""
        return sum(y * y * math.factorial(k) for k, y in self.terms)

    def target(self, x: Array) -> Array:
        """The labels at inputs x (n, d)."""
        coefficients = np.zeros(1 + self.terms[-1][0])
        for k, y in self.terms:
            coefficients[k] = y
        return np.asarray(np.polynomial.hermite_e.hermeval(x[:, 0], coefficients))

    def posterior(self, dataset: int) -> Posterior:
        """The posterior given data set number ``dataset``."""
        x = block_generator(self.seed, 0, dataset).standard_normal((self.samples, self.stack.sizes[0]))
        return Posterior(self.stack, x, self.target(x), self.ridge)

    def start(self, network: int) -> Array:
        """Whitened weights to start from: the prior's, with ``planted`` first-layer neurons moved to specialised values in odd chains."""
        random = block_generator(self.seed, 1, network)
        z = random.standard_normal(self.stack.hidden)
        if network % self.chains % 2:
            d, n = self.stack.sizes[:2]
            first = z[: n * d].reshape(n, d)
            count = min(n, 1 + round(3.0 * math.sqrt(n / d)))
            sign = np.where(random.random(count) < 0.5, 1.0, -1.0)
            first[:count, 0] = 1.4 * sign * math.sqrt(d)
            first[:count, 1:] *= 0.5
        return z

    def share(self, z: Array, readouts: Array) -> float:
        """A_f of one network."""
        if self.sum is not None:
            w = self.stack.weights(z)[0]
            rho = np.einsum("nd,nd->n", w[:, 1:], w[:, 1:])
            # A/<y,y> for the model's own target times s <target, target>: only the scale s of the labels differs.
            own = self.sum.target[0][1]
            return float(self._sign * self.sum.prefactor * (readouts @ self.sum.unit_overlap(w[:, 0], rho)) * own / self.terms[0][1])
        m = self.model
        x, o = hermite_rule(m.dim, max(m.points, 2**14), m.target, m.scramble)
        return float(o @ (self.stack.features(x, z) @ readouts)) * self.terms[0][1] / self.power

    @cached_property
    def _sign(self) -> float:
        """The overlap of erf and one He_k is kept without the sign of its constant."""
        from ldt.models.hermite import erf_constant

        target = self.sum.target if self.sum is not None else ((1, 1.0),)
        single = self.stack.activation == "erf" and len(target) == 1
        return math.copysign(1.0, target[0][1] * erf_constant(target[0][0])) if single else 1.0

    def neurons(self, z: Array) -> tuple[Array, Array]:
        """(w . w*, |w_perp|^2) of the first layer's neurons, shape (N,) each."""
        w = self.stack.weights(z)[0]
        return w[:, 0].copy(), np.einsum("nd,nd->n", w[:, 1:], w[:, 1:])

    def to_dict(self) -> dict[str, Any]:
        """The experiment as strict JSON types."""
        names = ("samples", "ridge", "networks", "chains", "sweeps", "warmup", "keep", "sampler", "steps", "labels", "seed")
        return {"model": self.model.to_dict(), **{name: getattr(self, name) for name in names}}


__all__ = ["LABELS", "SAMPLERS", "Experiment"]
