r"""Sums of n independent copies of a heavy-tailed law: S = X_1 + ... + X_n, E exp(sX) infinite for every s > 0 (or every s < 0).

Inside, S = sign (shift + factor (Y_1 + ... + Y_n)) with Y the standard ``Term`` whose upper tail is heavy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from ldt.errors import MethodError, ModelError, NoTiltError
from ldt.models.alignment import _integer

MAX_TERMS = 10**9
MAX_DRAWS = 4_000_000_000
PIECE = 1_000_000


@dataclass(frozen=True)
class HeavySum:
    """The sum of n independent copies of a law with a heavy upper tail (or a heavy lower one only).

    Parameters
    ----------
    law : frozen continuous scipy.stats law
        Exact answers for lomax, pareto, genpareto, weibull_min/max (c < 1), lognorm, gibrat, levy, levy_l, burr12 and fisk (c <= 1), t and
        cauchy, any loc and scale; sampling and the big jump for the others.
    n : int
        1 to 1e9.

    Raises
    ------
    ModelError
        For what is not such a law, or n.

    Examples
    --------
    >>> from scipy import stats
    >>> import ldt
    >>> r = ldt.tail(HeavySum(stats.levy(), 100), 1e6)      # S/n^2 is again a Levy variable
    >>> bool(abs(r.logp - stats.levy.logsf(100.0)) <= r.error)
    True
    """

    kind: ClassVar[str] = "heavy"
    symmetric: ClassVar[bool] = False

    law: Any
    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _integer("n", self.n, 1, MAX_TERMS))
        self._parts  # noqa: B018

    @cached_property
    def _parts(self) -> tuple[Any, float, float, float]:
        from ldt.models.heavy_terms import term_of

        return term_of(self.law)

    @property
    def term(self) -> Any:
        """The standard term Y (ldt.models.heavy_terms.Term)."""
        return self._parts[0]

    @property
    def shift(self) -> float:
        """S = sign (shift + factor sum Y)."""
        return self.n * self._parts[1]

    @property
    def factor(self) -> float:
        """S = sign (shift + factor sum Y)."""
        return self._parts[2]

    @property
    def sign(self) -> float:
        """-1 where the heavy tail is the lower one."""
        return self._parts[3]

    @property
    def mean(self) -> float:
        """E S (inf or NaN where there is none)."""
        return float(self.sign * (self.shift + self.factor * self.n * self.term.mean))

    @property
    def variance(self) -> float:
        """Var S (inf where it is infinite)."""
        return float(self.factor**2 * self.n * self.term.var)

    def cgf(self, s: Any) -> Any:
        """NoTiltError: it is infinite on the heavy side."""
        from ldt.models.cubic import NO_TILT

        raise NoTiltError(NO_TILT.format(what="cgf").replace("s A", "s S"))

    def rvs(self, size: int = 1, *, rng: Any = None) -> Any:
        """Draws of S, shape (size,)."""
        return draws(self, size, rng)

    @property
    def name(self) -> str:
        """One line."""
        return f"sum of n = {self.n} terms {self.law_name}"

    @property
    def law_name(self) -> str:
        """The law with its parameters."""
        values = [*(f"{v:g}" for v in self.law.args), *(f"{k}={v:g}" for k, v in self.law.kwds.items())]
        return f"{self.law.dist.name}({', '.join(values)})"

    def to_dict(self) -> dict[str, Any]:
        """The model as strict JSON types."""
        return {"kind": self.kind, "law": self.law_name, "n": self.n}


def sums(term: Any, n: int, size: int, random: Any) -> Any:
    """``size`` sums of n standard terms, in pieces of bounded memory."""
    import numpy as np

    total = np.zeros(size)
    piece = max(1, PIECE // size)
    for first in range(0, n, piece):
        total += np.sum(term.rvs((size, min(piece, n - first)), random), axis=1)
    return total


def draws(model: Any, size: Any, rng: Any) -> Any:
    """``size`` draws of the sum."""
    import numpy as np

    from ldt.numerics.random import generator

    size = _integer("size", size, 1, 10**9)
    if size * model.n > MAX_DRAWS:
        raise ModelError(f"size: {size} draws of {model.n:.3g} terms are too many; at most {MAX_DRAWS // model.n}")
    random = generator(rng)
    block = max(1, min(size, PIECE // min(model.n, PIECE)))
    parts = [sums(model.term, model.n, min(block, size - i), random) for i in range(0, size, block)]
    return model.sign * (model.shift + model.factor * np.concatenate(parts))


def standard(model: Any, level: float, side: str) -> tuple[float, str]:
    """(t, side) in standard units: the event is {sum Y >= t} ('upper') or {sum Y <= t} ('lower')."""
    t = (model.sign * level - model.shift) / model.factor
    return t, side if model.sign > 0.0 else {"upper": "lower", "lower": "upper"}[side]


def heavy_side(model: Any, level: float, side: str, method: str) -> float:
    """t of the event {sum Y >= t} on the heavy side; MethodError for the light side."""
    t, side = standard(model, level, side)
    if side == "upper":
        return t
    if model.term.symmetric:
        return -t
    raise MethodError(f"side: {method!r} is for the side of the large jumps; use method='exact' or 'montecarlo' for the other")


def bulk_scale(term: Any, n: float) -> float:
    """The size of the fluctuations of a sum of n terms without its rare jumps: sqrt(n var), or where the variance is infinite that of the
    terms up to the size that one of them reaches, u with n P(Y > u) = 1."""
    if math.isfinite(term.var):
        return math.sqrt(n * term.var)
    import numpy as np

    return abs(float(term.isf(np.array([-math.log(n + 1.0)]))[0])) + abs(float(term.isf(np.array([math.log(0.75)]))[0]))
