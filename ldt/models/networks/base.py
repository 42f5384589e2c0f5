r"""Networks as black boxes: standard-normal parameters and a score.

A network is D independent standard-normal parameters z and a score A(z); nothing else need be known (``Network``).  All networks
here, and most that people use, are moreover linear in their last layer,

    A = sum_r xi_r h_r(z),   xi ~ N(0, I_R)    (``ReadoutNetwork``: parameters are (z, xi), h are the ``features``),

so that given z the alignment is Gaussian of variance V(z) = |h(z)|^2 and P(A >= level | z) = Phi(-level/sqrt V).  Samplers then move
z alone and never lose a chain to an unlucky readout; the readouts given the event are drawn exactly at the end.

What samplers ask of either kind is one number a chain, its ``summary`` q (the score A, or V), and log P(A >= level | q): 0 or -inf,
or log Phi(-level/sqrt q).  ``layers`` names the exchangeable units (the neurons of one layer, the heads, the filters) that may be
moved one at a time; a ``State`` keeps what makes such a move cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ModelError

Array = NDArray[np.float64]
MAX_PARAMETERS = 10**6


@dataclass(frozen=True)
class Layer:
    """Exchangeable units: ``count`` blocks of ``size`` consecutive parameters from ``start``, and the target's ``direction`` in a
    unit's parameters (None where a unit has no such direction)."""

    name: str
    start: int
    count: int
    size: int
    direction: tuple[float, ...] | None = None

    def unit(self, j: int) -> slice:
        """The parameters of unit j."""
        return slice(self.start + j * self.size, self.start + (j + 1) * self.size)

    def units(self, x: Array) -> Array:
        """All units of the rows of x (C-contiguous), a view of shape (n, count, size)."""
        one = x.itemsize
        shape, strides = (len(x), self.count, self.size), (x.strides[0], self.size * one, one)
        return np.lib.stride_tricks.as_strided(x[:, self.start :], shape, strides)


class Network:
    """A black box: subclass it, give ``dimension`` and ``score``, and optionally ``layers`` and ``symmetric``.

    Attributes
    ----------
    dimension : int
        D, the number of standard-normal parameters.
    symmetric : bool
        Set only if A and -A have one law without an atom at 0.
    layers : tuple of Layer
        The exchangeable units that may be moved one at a time.

    Raises
    ------
    ModelError
        When asked, for a dimension out of range or scores that are not n finite numbers.

    Notes
    -----
    ``score`` maps standard-normal parameters of shape (n, dimension) to n alignments, in units of A.
    Cost: one call of ``score`` a batch of chains and sweep.
    Source: docs/networks.md, section "Your own network in 20 lines".

    Examples
    --------
    >>> class Chain(Network):
    ...     dimension = 3
    ...     def score(self, parameters):
    ...         return parameters.prod(axis=1)
    >>> Chain().score(np.array([[1.0, 2.0, 3.0]]))
    array([6.])
    """

    kind: ClassVar[str] = "network"
    #: Whether A and -A have one law.
    symmetric: bool = False
    #: D, the number of standard-normal parameters.
    dimension: int
    label: str = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The exchangeable units; by default all parameters are one unit."""
        return (Layer("parameters", 0, 1, self.hidden),)

    def score(self, parameters: Array) -> Array:
        """A for every row of ``parameters``, shape (n, dimension) -> (n,)."""
        raise NotImplementedError("a network needs score(parameters)")

    # -- what samplers use ----------------------------------------------------------------------------------------------

    @property
    def hidden(self) -> int:
        """How many parameters a sampler moves."""
        size = getattr(self, "dimension", None)
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size <= MAX_PARAMETERS:
            raise ModelError(f"dimension: must be an integer from 1 to {MAX_PARAMETERS}, got {size!r}")
        return int(size)

    def summary(self, x: Array) -> Array:
        """The number that decides a chain's chance of the event: the score, checked."""
        return checked(self.score, x, "score")

    def log_given(self, level: Any, q: Array) -> Array:
        """log P(A >= level | q): 0 or -inf."""
        return np.where(q >= level, 0.0, -np.inf)

    def state(self, x: Array, q: Array | None = None) -> State:
        """The chains at x, with what makes one-unit moves cheap; ``q``: their summaries, if known."""
        return State(self, x, q)

    def complete(self, x: Array, level: float, random: np.random.Generator) -> tuple[Array, Array]:
        """(parameters, scores) of chains at x given A >= level."""
        return x, self.summary(x)

    def refined(self, seed: int) -> Network | None:
        """The same network with a finer, independent average over the data; None where the average is exact."""
        return None

    # -- names ---------------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """One line that says everything."""
        return f"{self.label or type(self).__name__}, {self.dimension} standard-normal parameters"

    def to_dict(self) -> dict[str, Any]:
        """The model as strict JSON types."""
        return {"kind": self.kind, "architecture": type(self).__name__, "dimension": int(self.dimension), "symmetric": bool(self.symmetric)}


class ReadoutNetwork(Network):
    """A network linear in its readouts: subclass it, give ``hidden``, ``readouts`` and ``features``; ``score`` follows.

    Attributes
    ----------
    hidden, readouts : int
        How many parameters come before the readouts, and how many readouts.
    features : method
        Maps hidden parameters (n, hidden) to h of shape (n, readouts) with A = sum_r xi_r h_r.

    Raises
    ------
    ModelError
        When asked, for features that are not finite or have another shape.

    Notes
    -----
    The xi are standard normal, the last ``readouts`` of the ``dimension`` parameters; the law of A is symmetric, and given the rest
    P(A >= level) = Phi(-level/|h|), so that samplers move the hidden parameters alone.  A has the units of the features; log P is in nats.
    Cost: one call of ``features`` a batch of chains and sweep.
    Source: docs/networks.md, section "Your own network in 20 lines".

    Examples
    --------
    >>> class Product(ReadoutNetwork):
    ...     hidden, readouts = 2, 1
    ...     def features(self, x):
    ...         return x[:, :1] * x[:, 1:]
    >>> Product().score(np.array([[2.0, 3.0, 0.5]]))
    array([3.])
    """

    symmetric = True
    readouts: int

    @property
    def hidden(self) -> int:
        """How many parameters come before the readouts; an attribute of the class, of the object, or a property."""
        if "hidden" not in self.__dict__:
            raise ModelError("hidden: a readout network needs hidden, the number of its parameters before the readouts")
        return int(self.__dict__["hidden"])

    if not TYPE_CHECKING:  # to type checkers it is read-only, so that subclasses may make it a property without setter

        @hidden.setter
        def hidden(self, value: int) -> None:
            self.__dict__["hidden"] = field_integer("hidden", value, 1, MAX_PARAMETERS)

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """Hidden parameters and readouts."""
        return self.hidden + self.readouts

    def features(self, x: Array) -> Array:
        """h for every row of hidden parameters, shape (n, hidden) -> (n, readouts)."""
        raise NotImplementedError("a readout network needs features(x)")

    def score(self, parameters: Array) -> Array:
        """A = sum_r xi_r h_r."""
        return np.asarray(np.sum(self.features(parameters[:, : self.hidden]) * parameters[:, self.hidden :], axis=1))

    def summary(self, x: Array) -> Array:
        """V = |h|^2."""
        h = checked(self.features, x, "features")
        return np.asarray(np.sum(h * h, axis=1))

    def log_given(self, level: Any, q: Array) -> Array:
        """log Phi(-level/sqrt V); at V = 0 the alignment is 0."""
        from scipy.special import log_ndtr

        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.asarray(-level / np.sqrt(q))
        z = np.where(np.isnan(z), np.inf, z)  # level 0 at V = 0
        return np.asarray(log_ndtr(z))

    def complete(self, x: Array, level: float, random: np.random.Generator) -> tuple[Array, Array]:
        """Readouts given z and A >= level: A from its Gaussian tail, the rest of xi orthogonal to h, as the prior has it."""
        h = np.asarray(self.features(x), dtype=float)
        size = np.sqrt(np.sum(h * h, axis=1))
        along = _normal_beyond(level / size, random)
        xi = random.standard_normal(h.shape)
        unit = h / size[:, None]
        xi += unit * (along - np.sum(xi * unit, axis=1))[:, None]
        return np.concatenate([x, xi], axis=1), along * size


class FunctionNetwork(Network):
    """The network of a function of (n, dimension) standard-normal parameters, compiled or not, to n scores.

    Parameters
    ----------
    function : callable
    dimension : int
    units : int, optional
        How many equal blocks of consecutive parameters are exchangeable units (neurons); they are then moved one at a time too.
    symmetric : bool
    label : str

    Raises
    ------
    ModelError
        For what is no function, a dimension out of range, or units that do not divide it.

    Notes
    -----
    P(A >= level) of whatever ``function`` computes, in its own units; log P in nats, by splitting, umbrella sampling or counting.
    Cost: one call of ``function`` a batch of chains and sweep.
    Source: docs/networks.md, section "Your own network in 20 lines".

    Examples
    --------
    >>> FunctionNetwork(lambda z: z.sum(axis=1), 4).score(np.ones((2, 4)))
    array([4., 4.])
    """

    def __init__(
        self, function: Callable[[Array], Array], dimension: int, *, units: int = 1, symmetric: bool = False, label: str = ""
    ) -> None:
        if not callable(function):
            raise ModelError(f"function: must map parameters of shape (n, dimension) to n scores, got {function!r}")
        self.function, self.dimension, self.symmetric, self.label = function, dimension, symmetric, label
        size = self.hidden  # checks the dimension
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1 or size % units:
            raise ModelError(f"units: must be a positive integer that divides the dimension {size}, got {units!r}")
        self.units = int(units)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """``units`` blocks."""
        return (Layer("units" if self.units > 1 else "parameters", 0, self.units, self.hidden // self.units),)

    def score(self, parameters: Array) -> Array:
        """The function's value."""
        return self.function(parameters)


class Mirrored(Network):
    """The network of -A: its upper tail is the lower tail of A."""

    def __init__(self, network: Network) -> None:
        self.network, self.dimension = network, network.dimension

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The network's own."""
        return self.network.layers

    def score(self, parameters: Array) -> Array:
        """-A."""
        found: Array = -np.asarray(self.network.score(parameters), dtype=float)
        return found


class State:
    """Chains at x (n, hidden) with their summaries q; ``unit`` proposes new values of some units of some chains."""

    #: The arrays, one row a chain, that make a state.
    arrays: ClassVar[tuple[str, ...]] = ("x", "q")

    def __init__(self, network: Network, x: Array, q: Array | None = None) -> None:
        self.network, self.x = network, x
        self.q = network.summary(x) if q is None else q

    def block(self, layer: Layer, rows: Any, j: Any) -> Array:
        """Units j of the chains ``rows``: j of shape (m, p), result (m, p, size)."""
        return np.asarray(layer.units(self.x)[rows[:, None], j])

    def unit(self, layer: Layer, rows: Any, j: Any, block: Array) -> Array:
        """The summaries of the chains ``rows`` if their units j (m, p) were ``block`` (m, p, size); remembered until ``accept``."""
        changed = self.x[rows]
        layer.units(changed)[np.arange(len(rows))[:, None], j] = block
        self._pending = self.network.summary(changed)
        return self._pending

    def accept(self, layer: Layer, rows: Any, j: Any, block: Array, taken: Any) -> None:
        """Makes the change proposed last where the mask ``taken`` (m,) says so."""
        layer.units(self.x)[rows[taken, None], j[taken]] = block[taken]
        self.q[rows[taken]] = self._pending[taken]

    def replace(self, x: Array, taken: Any, q: Array) -> None:
        """Puts the chains of the mask ``taken`` at x, where their summaries are q."""
        self.x[taken], self.q[taken] = x[taken], q[taken]

    def select(self, index: Any) -> None:
        """Keeps the chains of ``index``, repetitions and all."""
        for name in self.arrays:
            setattr(self, name, getattr(self, name)[index])

    def exchange(self, other: State, mine: Any, theirs: Any) -> None:
        """Swaps chains ``mine`` of this state with ``theirs`` of another."""
        for name in self.arrays:
            a, b = getattr(self, name), getattr(other, name)
            a[mine], b[theirs] = b[theirs], a[mine]


def checked(function: Callable[[Array], Any], x: Array, what: str) -> Array:
    """What a user's function returns for x, or a ModelError that says what is wrong with it."""
    try:
        found = np.asarray(function(x), dtype=float)
    except (ModelError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise ModelError(f"{what}: raised {type(error).__name__}: {error}") from error
    if found.shape[:1] != (len(x),) or (what == "score" and found.ndim != 1):
        raise ModelError(f"{what}: must return one value a row, for input of shape {x.shape}; got shape {found.shape}")
    if not np.all(np.isfinite(found)):
        bad = int(np.count_nonzero(~np.isfinite(found).reshape(len(x), -1).all(axis=1)))
        raise ModelError(f"{what}: must be finite for every parameter vector; is NaN or infinite for {bad} of {len(x)} drawn")
    return found


def _normal_beyond(bound: Array, random: np.random.Generator) -> Array:
    """Standard normals given that they exceed ``bound``, by inversion in the logarithm of the upper tail."""
    from scipy.special import log_ndtr, ndtri_exp

    found: Array = np.maximum(bound, -ndtri_exp(log_ndtr(-bound) + np.log1p(-random.random(bound.shape))))
    return found


def field_positive(name: str, value: Any) -> float:
    """A positive finite float; ModelError naming the field otherwise."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise ModelError(f"{name}: must be a positive number, got {value!r}")
    number = float(value)
    if not math.isfinite(number) or not 1e-100 < number < 1e100:
        raise ModelError(f"{name}: must be a positive number, got {value!r}")
    return number


def field_integer(name: str, value: Any, low: int, high: int) -> int:
    """An integer in [low, high]; ModelError naming the field otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ModelError(f"{name}: must be an integer from {low} to {high}, got {value!r}")
    return int(value)


__all__ = ["FunctionNetwork", "Layer", "Mirrored", "Network", "ReadoutNetwork", "State", "checked", "field_integer", "field_positive"]
