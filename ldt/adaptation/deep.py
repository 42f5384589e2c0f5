r"""Kernel adaptation of a network with L hidden layers on n data points.

The posterior's pre-activations are taken to be Gaussian, w ~ N(0, Sigma) in the first layer, h_l ~ N(0, K_l) on the n inputs in layer l
>= 2.
With G of ldt.adaptation.kernel_maps, K_1 = X Sigma X^T, Q_l = sigma_l^2 G(K_{l-1}), Q_f = sigma_a^2 G(K_L), the free energy is

    F = y^T (Q_f + s^2)^-1 y/2 + log det(Q_f + s^2)/2 + sum_{l>=2} N_l KL(K_l || Q_l) + N_1 KL(Sigma || sigma_1^2/d),

and its stationary points are, with t = (Q_f + s^2)^-1 y and A = t t^T - (Q_f + s^2)^-1   (Seroussi, Naveh, Ringel 2023;
docs/adaptation.md, eqs. 11-14),

    f = Q_f t,    K_l^-1 = Q_l^-1 - D_l/N_l,    Sigma^-1 = d/sigma_1^2 - D_1/N_1,
    D_L = sigma_a^2 G'(K_L)*[A],    D_l = sigma_{l+1}^2 G'(K_l)*[E_{l+1}],  E_l = D_l + D_l K_l D_l/N_l,    D_1 <- X^T D_1 X,

the E_l being -2 N_l dKL(K_l||Q_l)/dQ_l at a stationary point: no inverse of a kernel is needed, so kernels may be singular (linear layers).
Unknowns are the D_l; in the limit N -> infinity they drop out (Gaussian process), and Newton-Krylov steps follow the solution from there in
lambda = 1/N over its final value.  Exact for linear layers as N -> infinity at fixed n, an ansatz (Gaussian pre-activations) otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.adaptation.kernel_maps import ACTIVATIONS, adjoint, layer_kernel
from ldt.errors import ConvergenceError, ModelError, positive
from ldt.numerics.workers import one_blas_thread
from ldt.results import _Record

Array = NDArray[np.float64]

#: Norm of D - map(D) over that of D at which a solution is accepted, and what is enough on the way to the widths asked for.
TOLERANCE, ON_THE_WAY = 1e-10, 1e-4
NEWTON_STEPS = 20
#: The residual of a guess from which Newton's steps gain nothing.
WORTHLESS = 1.0
#: The smallest step of the continuation in 1/N.
LEAST_STEP = 1.0 / 512.0


class _Infeasible(Exception):
    """A covariance is not positive, or a number not finite, at these D."""


class _State(NamedTuple):
    """All that follows from the D_l: weight covariance, K_l (l >= 2), Q_l (l >= 2), Q_f, t, and the map of the D_l."""

    sigma: Array
    kernels: tuple[Array, ...]
    priors: tuple[Array, ...]
    top: Array
    t: Array
    mapped: tuple[Array, ...]
    energy: float


@dataclass(frozen=True)
class DeepAdaptation(_Record):
    """The adapted network: ``mean`` f on the n inputs (``gp_mean`` without adaptation), kernels, free energy (-log evidence, nats, up to
    n log(2 pi)/2).

    ``weight_covariance`` is Sigma (d x d), ``kernels`` K_2 .. K_L and ``readout_kernel`` Q_f (n x n).  ``residual`` is what is left of
    the equations, relative.  One solution was sought: the one that continues the Gaussian process's; others are possible.
    """

    mean: Array
    gp_mean: Array
    weight_covariance: Array
    kernels: tuple[Array, ...]
    readout_kernel: Array
    free_energy: float
    gp_free_energy: float
    residual: float
    path: tuple[float, ...]
    evaluations: int
    sought: str
    network: DeepNetwork
    state: tuple[Array, ...] = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Strict JSON without the n x n kernels."""
        kept = super().to_dict()
        for name in ("kernels", "readout_kernel", "state"):
            del kept[name]
        return kept

    def predict(self, inputs: Any) -> Array:
        """The mean f at new inputs, shape (m, d) -> (m,): the adapted kernels extended by the prior's conditional law,
        K_l = Q_l + Q_l[:, train] E_l Q_l[train, :]/N_l."""
        net = self.network
        new = np.asarray(inputs, dtype=float)
        if new.ndim != 2 or new.shape[1] != net.x.shape[1]:
            raise ModelError(f"inputs: must have shape (m, {net.x.shape[1]}), got {new.shape}")
        n, z = len(net.x), np.concatenate([net.x, new])
        k = z @ self.weight_covariance @ z.T
        for layer in range(1, len(net.widths)):
            q = net.weight_variances[layer] * layer_kernel(net.activation, k)
            d, width = self.state[layer], net.widths[layer]
            e = d + d @ self.kernels[layer - 1] @ d / width
            k = q + q[:, :n] @ e @ q[:n, :] / width
        top = net.readout_variance * layer_kernel(net.activation, k)
        t = np.linalg.solve(self.readout_kernel + net.ridge * np.eye(n), net.y)
        return np.asarray(top[n:, :n] @ t)


@dataclass(frozen=True, eq=False)
class DeepNetwork(_Record):
    """A deep network and its training data.

    Parameters
    ----------
    x, y : arrays
        Inputs (n, d) and labels (n,).
    widths : sequence of float
        N_1 .. N_L, one for each hidden layer.
    activation : {"erf", "relu", "linear"}
    ridge : float
        s^2 > 0.
    weight_variances : sequence of float
        sigma_1^2 .. sigma_L^2 (default 1): w ~ N(0, sigma_1^2 I/d) in the first layer.
    readout_variance : float
        sigma_a^2: a_i ~ N(0, sigma_a^2/N_L).

    Raises
    ------
    ModelError
        Naming the field.

    Notes
    -----
    Pre-activations are taken for Gaussian: exact for linear layers as N grows, else an ansatz.  Free energies are in nats.
    Cost: none before ``solve_network``.
    Source: Seroussi, Naveh, Ringel 2023; docs/adaptation.md, section "Any number of layers, on data", eq. 11.

    Examples
    --------
    >>> network = DeepNetwork(np.eye(2), np.array([1.0, -1.0]), widths=(50, 50))
    >>> network.weight_variances
    (1.0, 1.0)
    """

    x: Any
    y: Any
    widths: tuple[int, ...]
    activation: str = "erf"
    ridge: float = 1.0
    weight_variances: tuple[float, ...] = ()
    readout_variance: float = 1.0

    def __post_init__(self) -> None:
        put = object.__setattr__
        x, y = _numbers("x", self.x), _numbers("y", self.y)
        if x.ndim != 2 or not x.size or not np.all(np.isfinite(x)):
            raise ModelError(f"x: must be finite numbers of shape (n, d), got shape {x.shape}")
        if y.shape != (len(x),) or not np.all(np.isfinite(y)):
            raise ModelError(f"y: must be {len(x)} finite numbers, got shape {y.shape}")
        widths = tuple(positive("widths", w) for w in np.atleast_1d(np.asarray(self.widths, dtype=object)).tolist())
        if not widths or min(widths) < 1.0:
            raise ModelError(f"widths: must be one or more numbers of neurons, got {self.widths!r}")
        given = np.atleast_1d(np.asarray(self.weight_variances, dtype=object)).tolist()
        variances = tuple(positive("weight_variances", v) for v in given) or (1.0,) * len(widths)
        if len(variances) != len(widths):
            raise ModelError(f"weight_variances: must be {len(widths)} positive numbers, got {self.weight_variances!r}")
        for name in ("ridge", "readout_variance"):
            put(self, name, positive(name, getattr(self, name)))
        if self.activation not in ACTIVATIONS:
            raise ModelError(f"activation: must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        for name, value in (("x", x), ("y", y), ("widths", widths), ("weight_variances", variances)):
            put(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """The network; of the data only their shape."""
        kept = super().to_dict()
        del kept["x"], kept["y"]
        return {**kept, "samples": len(self.x), "dim": self.x.shape[1]}

    def free_energy(self, sigma: Array, kernels: Sequence[Array]) -> float:
        """F at any positive Sigma (d, d) and K_2 .. K_L (n, n), in nats."""
        d = self.x.shape[1]
        value = self.widths[0] * _divergence(sigma, self.weight_variances[0] / d * np.eye(d))
        below = self.x @ sigma @ self.x.T
        for k, width, variance in zip(kernels, self.widths[1:], self.weight_variances[1:], strict=True):
            value += width * _divergence(k, variance * layer_kernel(self.activation, below))
            below = k
        return value + self._fit(self.readout_variance * layer_kernel(self.activation, below))[0]

    def gradient(self, sigma: Array, kernels: Sequence[Array]) -> tuple[Array, ...]:
        """dF/dSigma, dF/dK_2 .. dF/dK_L as symmetric matrices (Tr(gradient dK) = dF); the equations' own residual, by inverses."""
        d = self.x.shape[1]
        chain = [self.x @ sigma @ self.x.T, *kernels]
        above = -self._fit(self.readout_variance * layer_kernel(self.activation, chain[-1]))[2] / 2.0
        variance, out = self.readout_variance, []
        for layer in range(len(chain) - 1, 0, -1):
            down = variance * adjoint(self.activation, chain[layer], above)
            variance = self.weight_variances[layer]
            prior, width = np.linalg.inv(variance * layer_kernel(self.activation, chain[layer - 1])), self.widths[layer]
            out.append(down + 0.5 * width * (prior - np.linalg.inv(chain[layer])))
            above = 0.5 * width * (prior - prior @ chain[layer] @ prior)
        down = self.x.T @ (variance * adjoint(self.activation, chain[0], above)) @ self.x
        out.append(down + 0.5 * self.widths[0] * (d / self.weight_variances[0] * np.eye(d) - np.linalg.inv(sigma)))
        return tuple(out[::-1])

    def _fit(self, top: Array) -> tuple[float, Array, Array]:
        """(y.t/2 + log det/2, t, A) of a readout kernel."""
        from scipy.linalg import solve_triangular

        lower = np.linalg.cholesky(top + self.ridge * np.eye(len(self.y)))
        root = solve_triangular(lower, np.eye(len(lower)), lower=True, check_finite=False)
        inverse = root.T @ root
        t = inverse @ self.y
        return 0.5 * float(self.y @ t) + float(np.sum(np.log(np.diagonal(lower)))), t, np.outer(t, t) - inverse

    def _evaluate(self, ds: Sequence[Array], scale: float) -> _State:
        """What follows from the D_l with widths N_l/scale; _Infeasible where a covariance is not positive."""
        d = self.x.shape[1]
        v, widths = self.weight_variances, self.widths
        root, energy = _posterior(math.sqrt(v[0] / d) * np.eye(d), ds[0], scale / widths[0])
        sigma = root @ root.T
        energy *= widths[0]
        root = self.x @ root
        below = root @ root.T
        chain, priors = [below], []
        for layer in range(1, len(widths)):
            q = v[layer] * layer_kernel(self.activation, below)
            root = math.sqrt(v[layer]) * root if self.activation == "linear" else _root(q)
            root, divergence = _posterior(root, ds[layer], scale / widths[layer])
            below = root @ root.T
            energy += widths[layer] * divergence
            chain.append(below)
            priors.append(q)
        top = self.readout_variance * layer_kernel(self.activation, below)
        fit, t, a = self._fit(top)
        mapped: list[Array] = []
        variance = self.readout_variance
        for layer in range(len(widths) - 1, -1, -1):
            down = variance * adjoint(self.activation, chain[layer], a)
            if layer:
                old = ds[layer]
                a = old + scale / widths[layer] * old @ chain[layer] @ old
                variance = v[layer]
            mapped.append(down if layer else self.x.T @ down @ self.x)
        return _State(sigma, tuple(chain[1:]), tuple(priors), top, t, tuple(mapped[::-1]), energy + fit)


def solve_network(
    network: DeepNetwork, *, progress: Callable[[int, int, str], None] | None = None, tolerance: float = TOLERANCE
) -> DeepAdaptation:
    """The adapted state of a deep network, by continuation in 1/N from the Gaussian process.

    Parameters
    ----------
    network : DeepNetwork
    progress : callable of (done, total, text), optional
    tolerance : float
        Of the equations' relative residual.

    Returns
    -------
    DeepAdaptation
        Kernels, predictions, free energy (nats), residual.

    Raises
    ------
    ConvergenceError
        With the point reached and the residual there, where the solution cannot be followed to the widths asked for.

    Notes
    -----
    One solution is sought, the one that continues the Gaussian process's; others may exist.
    Cost: n^3 a step of Newton and Krylov; at n = 512, d = 32 and two layers of 200, 31 s of CPU for He_3 alone, 6 s for He_1 + 0.3 He_3.
    Source: Seroussi, Naveh, Ringel 2023; docs/adaptation.md, section "Any number of layers, on data", eqs. 12-14.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> found = solve_network(DeepNetwork(x, np.array([1.0, -1.0, 0.5]), widths=(50, 50), ridge=0.1))
    >>> found.residual < 1e-10, bool(max(abs(g).max() for g in network_gradient(found)) < 1e-8)
    (True, True)
    """
    if not isinstance(network, DeepNetwork):
        raise ModelError(f"network: must be a DeepNetwork, got {type(network).__name__}")
    accepted = positive("tolerance", tolerance)
    if not 1e-14 <= accepted <= ON_THE_WAY:
        raise ModelError(f"tolerance: must be from 1e-14 to {ON_THE_WAY:g}, got {tolerance!r}")
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is infeasible
        return _followed(network, accepted, progress)


def _followed(network: DeepNetwork, tolerance: float, progress: Callable[[int, int, str], None] | None) -> DeepAdaptation:
    """What ``solve_network`` returns."""
    n, d = network.x.shape
    shapes = [(d, d)] + [(n, n)] * (len(network.widths) - 1)
    ds: tuple[Array, ...] = tuple(np.zeros(s) for s in shapes)
    for _ in network.widths:  # with no scale the D_l follow one from another, from the top down
        ds = network._evaluate(ds, 0.0).mapped
    start = network._evaluate(ds, 0.0)
    path, step, last, evaluations, residual, before = [0.0], 1.0, start, 0, 0.0, ds
    growth = 2.0
    while path[-1] < 1.0:
        scale = min(1.0, path[-1] + step)
        ahead = (scale - path[-1]) / (path[-1] - path[-2]) if len(path) > 1 else 0.0
        guess = tuple(a + ahead * (a - b) for a, b in zip(ds, before, strict=True))
        found, state, residual, used = _newton(network, guess, scale, tolerance if scale == 1.0 else max(tolerance, ON_THE_WAY))
        evaluations += used
        if found is None or state is None:
            step, growth = 0.5 * step, 1.0
            if step < LEAST_STEP:
                raise ConvergenceError(
                    f"widths: the solution was followed from N = infinity to {path[-1]:.4g} of the 1/N asked for and not further"
                    f" (residual {residual:.1e} at the next step); no solution is returned"
                )
            continue
        before, ds, last = ds, found, state
        path.append(scale)
        step, growth = growth * step, 2.0  # not right after a step that was too long
        if progress is not None:
            progress(round(1000 * scale), 1000, f"1/N at {scale:.3g} of its value")
    return DeepAdaptation(
        last.top @ last.t, start.top @ start.t, last.sigma, last.kernels, last.top, last.energy, start.energy, residual, tuple(path),
        evaluations, "one solution, by continuation in 1/N from the Gaussian process", network, ds,
    )  # fmt: skip


def _numbers(name: str, values: Any) -> Array:
    """``values`` as real numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ModelError(f"{name}: must be an array of real numbers, got {array.dtype} of shape {array.shape}")
    return array.astype(float)


def network_gradient(found: DeepAdaptation) -> tuple[Array, ...]:
    """dF/dSigma, dF/dK_l at a solution, by inverses (non-singular kernels only, else ModelError): 0 within rounding."""
    try:
        return found.network.gradient(found.weight_covariance, found.kernels)
    except np.linalg.LinAlgError:
        raise ModelError("found: a kernel is singular, so there is no gradient by inverses; see its residual instead") from None


def _newton(network: DeepNetwork, ds: tuple[Array, ...], scale: float, tolerance: float) -> tuple[Any, _State | None, float, int]:
    """(D, state, residual, evaluations) of D = map(D) at 1/N = scale, from ``ds``; D None where Newton does not get there."""
    from scipy.sparse.linalg import LinearOperator, gmres

    shapes = [a.shape for a in ds]
    used = 0

    def unpack(x: Array) -> tuple[Array, ...]:
        ends = np.cumsum([0, *(math.prod(s) for s in shapes)])
        parts = [x[i:j].reshape(s) for i, j, s in zip(ends, ends[1:], shapes, strict=False)]
        return tuple(0.5 * (p + p.T) for p in parts)

    def residual_of(x: Array) -> tuple[Array, _State]:
        nonlocal used
        used += 1
        state = network._evaluate(unpack(x), scale)
        left = x - np.concatenate([m.ravel() for m in state.mapped])
        if not np.all(np.isfinite(left)):
            raise _Infeasible
        return left, state

    x = np.concatenate([a.ravel() for a in ds])
    try:
        r, state = residual_of(x)
    except _Infeasible:
        return None, None, math.inf, used
    sizes: list[float] = []
    for _ in range(NEWTON_STEPS):
        size = float(np.linalg.norm(r)) / max(float(np.linalg.norm(x)), 1e-300)
        if size < tolerance:
            return unpack(x), state, size, used
        sizes.append(size)
        if size > WORTHLESS or (len(sizes) > 2 and size > 0.5 * sizes[-3]):  # a shorter step along the path is cheaper
            return None, None, size, used
        step = 1e-7 * float(np.linalg.norm(x))

        def slope(v: Array, x: Array = x, r: Array = r, step: float = step) -> Array:
            norm = float(np.linalg.norm(v))
            if norm == 0.0:
                return np.zeros_like(v)
            h = step / norm
            try:
                return np.asarray((residual_of(x + h * v)[0] - r) / h)
            except _Infeasible:
                return np.asarray(v)

        move, _ = gmres(LinearOperator((len(x), len(x)), matvec=slope), -r, rtol=1e-2, restart=30, maxiter=1)
        length = 1.0
        while length > 1e-3:
            try:
                after, new = residual_of(x + length * move)
                if float(np.linalg.norm(after)) < (1.0 - 1e-3 * length) * float(np.linalg.norm(r)):
                    x, r, state = x + length * move, after, new
                    break
            except _Infeasible:
                pass
            length *= 0.5
        else:
            return None, None, size, used
    return None, None, sizes[-1], used


def _posterior(root: Array, d: Array, scale: float) -> tuple[Array, float]:
    """(a root of K, KL(K||Q)) for K = R S R^T, with Q = R R^T and S = (1 - scale R^T D R)^-1: KL = [Tr S - r - log det S]/2; _Infeasible
    where S is not positive."""
    from scipy.linalg import solve_triangular

    inner = np.eye(root.shape[1]) - scale * (root.T @ d @ root)
    try:
        lower = np.linalg.cholesky(0.5 * (inner + inner.T))
    except np.linalg.LinAlgError:
        raise _Infeasible from None
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True, check_finite=False)
    log_det = -2.0 * float(np.sum(np.log(np.diagonal(lower))))
    return root @ inverse.T, 0.5 * (float(np.sum(inverse**2)) - len(lower) - log_det)


def _root(q: Array) -> Array:
    """R with R R^T = Q: Cholesky's, or that of the eigenvectors where Q is singular to rounding."""
    try:
        return np.asarray(np.linalg.cholesky(q))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(q)
        keep = values > 1e-14 * values[-1]
        return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


def _divergence(k: Array, q: Array) -> float:
    """KL(N(0, K) || N(0, Q)) of non-singular covariances, nats."""
    ratio = np.linalg.solve(q, k)
    return 0.5 * (float(np.trace(ratio)) - len(k) - float(np.linalg.slogdet(ratio)[1]))


__all__ = ["DeepAdaptation", "DeepNetwork", "network_gradient", "solve_network"]
