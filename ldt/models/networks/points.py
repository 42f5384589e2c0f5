r"""Averages over Gaussian data by scrambled Sobol points (Sobol 1967; Owen 1997), and the error that they add.

An average over n points differs from the true one, and a rare event selects the weights for which it differs upwards.  Networks with such
averages therefore offer ``refined(seed)``: the same network with ``FINER`` times the points and another scramble, which the
weights were not selected on; samplers reweight to it (ldt.tails.averages).
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError
from ldt.models.networks.base import field_integer

Array = NDArray[np.float64]

FINER = 8
MAX_POINTS = 2**20


def field_points(value: Any) -> int:
    """A power of 2 from 64 to 2^20; ModelError otherwise."""
    n = field_integer("points", value, 64, MAX_POINTS)
    if n & (n - 1):
        raise ModelError(f"points: must be a power of 2, got {n}")
    return n


@lru_cache(maxsize=16)
def normal_points(dim: int, n: int, seed: int) -> Array:
    """n scrambled Sobol points of N(0, I_dim), shape (n, dim); n a power of 2."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, dim, n])))
    try:
        engine = qmc.Sobol(dim, scramble=True, rng=random)
    except TypeError:  # SciPy before 1.15
        engine = qmc.Sobol(dim, scramble=True, seed=random)
    uniform = engine.random(n)
    found = np.asarray(ndtri(np.clip(uniform, 2.0**-54, 1.0 - 2.0**-54)))
    found.setflags(write=False)
    return found


@lru_cache(maxsize=16)
def normal_columns(dim: int, n: int, seed: int) -> Array:
    """The same points, one a column, for loops over them: shape (dim, n)."""
    found = np.ascontiguousarray(normal_points(dim, n, seed).T)
    found.setflags(write=False)
    return found


@lru_cache(maxsize=16)
def hermite_rule(dim: int, n: int, degree: int, seed: int) -> tuple[Array, Array]:
    """Points x (n, dim) and weights o with sum_n o_n F(x_n) = E[F(x) He_degree(x_1)] for odd F and odd degree.

    The weights are He_degree(x_1)/n changed least so that the rule is exact for all odd polynomials F of degree 1 and 3 (as long as there
    are 4 times as many points as those): the lazy part of a network is nearly linear, and would otherwise swamp its small overlap.
    """
    x = normal_points(dim, n, seed)
    y = np.polynomial.hermite_e.hermeval(x[:, 0], [0.0] * degree + [1.0])
    columns, moments = [x[:, i] for i in range(dim)], [float(degree == 1 and i == 0) for i in range(dim)]
    if dim * (dim + 1) * (dim + 2) // 6 + dim <= n // 4:
        columns += [x[:, i] ** 3 - 3.0 * x[:, i] for i in range(dim)]
        moments += [6.0 * float(degree == 3 and i == 0) for i in range(dim)]
        columns += [(x[:, i] ** 2 - 1.0) * x[:, j] for i, j in permutations(range(dim), 2)]
        columns += [x[:, i] * x[:, j] * x[:, k] for i, j, k in combinations(range(dim), 3)]
        moments += [0.0] * (len(columns) - len(moments))
    basis = np.stack(columns, axis=1)
    weights = y / n
    weights = weights + basis @ np.linalg.solve(basis.T @ basis, np.asarray(moments) - basis.T @ weights)
    weights.setflags(write=False)
    return x, weights


def norm_factor(c: str | float, degree: int) -> float:
    """What <f, He_degree> is multiplied by: conventions 'raw' 1, 'ratio' 1/degree!, 'orthonormal' 1/sqrt(degree!), or a number."""
    if isinstance(c, str):
        return {"raw": 1.0, "ratio": 1.0 / math.factorial(degree), "orthonormal": 1.0 / math.sqrt(math.factorial(degree))}[c]
    return float(c)
