r"""What the units of a layer look like in a population: most as the prior says, some specialised.

The law of one unit's parameters z is fitted by q(z) = (1 - e) N(z; 0, I) + e [N(z; m, S) + N(z; -m, S)]/2, the prior's share held at the
prior: expectation-maximisation on the pooled units (Dempster, Laird, Rubin 1977).  A draw from the specialised
part is a proposal that can turn an ordinary unit into a specialised one in one step (ldt.tails.moves); it is corrected for exactly, so a
poor fit costs acceptance and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]

MAX_ROWS = 12_000  # that a fit is asked to see
ROUNDS = 12  # of expectation-maximisation from scratch
AGAIN = 3  # from the mixture of the level before
#: The specialised share of proposals is at least this: attempts while there are hardly any specialised units yet.
LEAST = 0.02


@dataclass(frozen=True)
class Mixture:
    """``share`` e, ``mean`` m, lower Cholesky ``root`` of S, its ``inverse``, and ``largest``, the largest eigenvalue of S."""

    share: float
    mean: Array
    root: Array
    inverse: Array
    largest: float

    @property
    def _log_det(self) -> float:
        return float(np.sum(np.log(np.diag(self.root))))

    def log_component(self, z: Array) -> Array:
        """log of the specialised component over the prior, at the rows of z."""
        return log_components(np.ascontiguousarray(z), self.inverse, self.inverse @ self.mean, self._log_det)

    def specialised(self, z: Array) -> Any:
        """Whether each row is more likely specialised than not."""
        odds = math.log1p(-self.share) - math.log(self.share)
        # |y|^2 >= |z|^2/lambda_max(S) bounds the component at the cost of two products, and excludes nearly all ordinary units.
        stretch = 1.0 - 1.0 / self.largest
        m = self.inverse @ self.mean
        bound = np.abs(np.einsum("nd,d->n", z, self.inverse.T @ m)) - 0.5 * float(m @ m) - self._log_det
        bound += 0.5 * stretch * np.einsum("nd,nd->n", z, z)
        found = bound > odds - 1e-9
        found[found] = self.log_component(z[found]) > odds
        return found

    def draw_specialised(self, n: int, random: np.random.Generator) -> Array:
        """n draws from the specialised component."""
        sign = np.where(random.random(n) < 0.5, -1.0, 1.0)
        return lower_products(self.root, random.standard_normal((n, self.mean.size))) + sign[:, None] * self.mean


@compiled
def lower_products(lower: Array, x: Array) -> Array:
    """L x for lower-triangular L and every row of x.  (BLAS would start threads for so little, which workers then fight over.)"""
    out = np.empty_like(x)
    for a in range(x.shape[0]):
        for i in range(x.shape[1]):
            total = 0.0
            for j in range(i + 1):
                total += lower[i, j] * x[a, j]
            out[a, i] = total
    return out


@compiled
def log_components(z: Array, inverse: Array, centre: Array, log_det: float) -> Array:
    """log of the component with L^(-1) = ``inverse``, L^(-1) m = ``centre`` over the prior, at the rows of z."""
    found = np.empty(z.shape[0])
    y = lower_products(inverse, z)
    for a in range(z.shape[0]):
        cross, square = 0.0, 0.0
        for i in range(z.shape[1]):
            cross += y[a, i] * centre[i]
            square += z[a, i] * z[a, i] - y[a, i] * y[a, i] - centre[i] * centre[i]
        cross = abs(cross)
        found[a] = 0.5 * square + cross + math.log1p(math.exp(-2.0 * cross)) - math.log(2.0) - log_det
    return found


def fit(units: Array, before: Mixture | None) -> Mixture | None:
    """The mixture for pooled ``units`` (m, size), starting from ``before`` if there is one; None where nothing stands out."""
    m, size = units.shape
    least = 2.0 * size + 10.0
    found = before
    if found is None:
        if m < 2 * least:
            return None
        _, vectors = np.linalg.eigh(units.T @ units)
        along = units @ vectors[:, -1]
        weight = (np.abs(along) > 3.0).astype(float)
        if weight.sum() < least:
            weight = (np.abs(along) >= np.sort(np.abs(along))[-int(least)]).astype(float)
        found = _maximise(units, weight, np.sign(along))
    for _ in range(ROUNDS if before is None else AGAIN):
        component = found.log_component(units) + math.log(found.share)
        weight = np.exp(component - np.logaddexp(math.log1p(-found.share), component))
        if weight.sum() < least:
            return None
        sign = np.sign(units @ (found.inverse.T @ (found.inverse @ found.mean)))
        found = _maximise(units, weight, np.where(sign == 0.0, 1.0, sign))
    return found


def _maximise(units: Array, weight: Array, sign: Array) -> Mixture:
    total, size = float(weight.sum()), units.shape[1]
    aligned = units * sign[:, None]
    mean = weight @ aligned / total
    centred = aligned - mean
    covariance = (centred * weight[:, None]).T @ centred / total
    # Shrunk towards a multiple of the identity, as few rows determine few entries.
    pull = size / (size + total)
    covariance = (1.0 - pull) * covariance + (pull * max(float(np.trace(covariance)) / size, 1e-6) + 1e-9) * np.eye(size)
    root = np.linalg.cholesky(covariance)
    share = min(max(total / len(units), LEAST), 0.9)
    return Mixture(share, mean, root, np.linalg.inv(root), float(np.linalg.norm(root, 2)) ** 2)
