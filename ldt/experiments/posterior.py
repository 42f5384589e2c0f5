r"""The posterior of a network on P data, its readouts integrated out exactly.

    f(x) = sum_r a_r phi_r(x; z),   a_r ~ N(0, tau),  tau = sigma_a^2/N,   z ~ N(0, I) (every other weight, whitened),
    p(z, a | data) propto exp(-|z|^2/2 - |a|^2/(2 tau) - sum_mu (f(x_mu) - y_mu)^2/(2 kappa)),

the Gaussian likelihood of theory section 7: kappa, the *ridge*, is the variance of the noise on one label (the temperature of Langevin
dynamics on the squared error); divided by P it is the ridge of the continuum normalisation, in which alpha = 1 - (kappa/P) s.
With Phi the P x N matrix of last-layer outputs and G = kappa I + tau Phi' Phi (Rasmussen and Williams 2006, section 2.1; Woodbury),

    U(z) = |z|^2/2 + y' C^(-1) y/2 + (log det C)/2,   C = kappa I_P + tau Phi Phi',
    a | z ~ N(m, kappa tau G^(-1)),   m = tau G^(-1) Phi' y,   r = y - Phi m = kappa C^(-1) y,
    dU/dPhi = tau Phi G^(-1) - r m'/kappa,

so that one energy and its gradient cost a few P x N products, and no chain waits for its readouts.  Widths beyond P are as
valid, but G is then larger than C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from ldt.experiments.activations import Array, activate
from ldt.numerics.compiled import compiled


@dataclass(frozen=True)
class Stack:
    """Widths and variances: ``sizes`` = (d, N_1, ..., N_L); weights of layer l have variance ``variances[l]``/fan-in, readouts the
    variance ``readout_variance``/N_L.

    >>> Stack((4, 3, 2), "erf").hidden
    18
    """

    sizes: tuple[int, ...]
    activation: str = "erf"
    variances: tuple[float, ...] = (1.0, 1.0, 1.0)
    readout_variance: float = 1.0

    @cached_property
    def hidden(self) -> int:
        """How many weights z has."""
        return sum(a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def width(self) -> int:
        """N, the number of readouts."""
        return self.sizes[-1]

    @property
    def tau(self) -> float:
        """Prior variance of one readout."""
        return self.readout_variance / self.width

    def scale(self, layer: int) -> float:
        """Standard deviation of a weight of layer ``layer``."""
        return math.sqrt(self.variances[layer] / self.sizes[layer])

    def weights(self, z: Array) -> list[Array]:
        """The weight matrices (fan-out x fan-in) of the whitened parameters z."""
        out, start = [], 0
        for layer, (fan_in, fan_out) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            stop = start + fan_in * fan_out
            out.append(self.scale(layer) * z[start:stop].reshape(fan_out, fan_in))
            start = stop
        return out

    def features(self, x: Array, z: Array) -> Array:
        """Phi, the last layer's outputs at the inputs x: shape (len(x), N)."""
        for w in self.weights(z):
            x, _ = activate(self.activation, x @ w.T)
        return x


@dataclass(frozen=True)
class Evidence:
    """What the data say of one matrix Phi: ``value`` = -log p(y | z), and what its gradient and the readouts need."""

    value: float
    mean: Array
    cholesky: Array
    residual: Array


@dataclass(frozen=True)
class Posterior:
    """The posterior of ``stack`` given inputs ``x`` (P, d), labels ``y`` (P,) and the ridge.

    >>> from ldt.numerics.random import block_generator
    >>> random = block_generator(1)
    >>> post = Posterior(Stack((3, 2), "erf"), random.standard_normal((5, 3)), random.standard_normal(5), 1.0)
    >>> z = random.standard_normal(6)
    >>> value, slope = post.energy(z)
    >>> step = np.zeros(6); step[2] = 1e-6
    >>> difference = (post.energy(z + step)[0] - post.energy(z - step)[0]) / 2e-6
    >>> bool(abs(difference - slope[2]) < 1e-7)
    True
    """

    stack: Stack
    x: Array
    y: Array
    ridge: float

    def evidence(self, phi: Array, gram: Array | None = None, overlap: Array | None = None) -> Evidence:
        """-log p(y | z) (nats, the constant P log(2 pi)/2 left out) for last-layer outputs ``phi``; Phi'Phi and Phi'y if known."""
        tau, n = self.stack.tau, phi.shape[1]
        g = tau * (phi.T @ phi if gram is None else gram)
        g.flat[:: n + 1] += self.ridge
        factor, _ = cho_factor(g, lower=True, check_finite=False)
        b = phi.T @ self.y if overlap is None else overlap
        mean = tau * cho_solve((factor, True), b, check_finite=False)
        residual = self.y - phi @ mean
        logdet = 2.0 * float(np.log(np.diag(factor)).sum()) + (len(self.y) - n) * math.log(self.ridge)
        return Evidence(0.5 * (float(self.y @ residual) / self.ridge + logdet), mean, factor, residual)

    def energy(self, z: Array) -> tuple[float, Array]:
        """(U, dU/dz) at whitened parameters z; U in nats."""
        stack, room = self.stack, self._room
        weights = stack.weights(z)
        inputs = [self.x]
        for w, (h, out, slope) in zip(weights, room, strict=True):
            np.matmul(inputs[-1], w.T, out=h)
            activate(stack.activation, h, out, slope)
            inputs.append(out)
        phi = inputs[-1]
        found = self.evidence(phi)
        inverse = cho_solve((found.cholesky, True), stack.tau * np.eye(stack.width), check_finite=False)
        back = np.matmul(phi, inverse, out=room[-1][0])
        subtract_outer(back, found.residual, found.mean / self.ridge)
        parts = []
        for layer in range(len(weights) - 1, -1, -1):
            back *= room[layer][2]
            parts.append((stack.scale(layer) * (back.T @ inputs[layer])).reshape(-1))
            if layer:
                back = np.matmul(back, weights[layer], out=room[layer - 1][0])
        gradient = np.concatenate(parts[::-1])
        gradient += z
        return 0.5 * float(z @ z) + found.value, gradient

    @cached_property
    def _room(self) -> list[list[Array]]:
        """Memory for each layer's h, phi and phi': allocating it anew takes as long as the arithmetic.  One thread at a time."""
        return [[np.empty((len(self.y), n)) for _ in range(3)] for n in self.stack.sizes[1:]]

    def readouts(self, found: Evidence, random: np.random.Generator) -> Array:
        """One exact draw of a given z."""
        noise = solve_triangular(found.cholesky, random.standard_normal(len(found.mean)), trans="T", lower=True, check_finite=False)
        return np.asarray(found.mean + math.sqrt(self.ridge * self.stack.tau) * noise)


@compiled
def subtract_outer(a: Array, u: Array, v: Array) -> None:
    """a -= u v'."""
    for i in range(u.size):
        for j in range(v.size):
            a[i, j] -= u[i] * v[j]


__all__ = ["Evidence", "Posterior", "Stack"]
