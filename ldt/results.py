"""Results: immutable records that carry their own error, provenance and advice.

``logp`` is a natural logarithm (nats) throughout, so that an event of probability exp(-10^6) is an ordinary
answer; ``p`` and ``log10p`` are derived from it.  ``error`` is the absolute error of ``logp`` in nats and
``error_kind`` says what it means:

* ``bound``     the true value is within ``error`` of ``logp`` (up to the stated rounding model),
* ``estimate``  a numerical error estimate from independent variations,
* ``stderr``    one standard error of a sampling estimate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from typing import Any, ClassVar

from ldt.errors import ModelError
from ldt.texts import html_of

LN10 = math.log(10.0)


def jsonable(value: Any) -> Any:
    """Turn a result's content into strict JSON types: non-finite numbers become None, arrays become lists."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        return {f.name: jsonable(getattr(value, f.name)) for f in fields(value)}
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return str(value)


class Drawn:
    """What has a picture: ``picture`` names the function of ldt.plots that draws it, as 'module:function' (loaded when called)."""

    picture: ClassVar[str] = ""

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The picture of this result on ``ax`` (by default on new axes of pyplot); returns the axes.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        **options
            Of the drawing function in ldt.plots.

        Raises
        ------
        ModelError
            If there is nothing to draw, or matplotlib is missing (``pip install 'ldt[plot]'``).
        """
        module, _, function = self.picture.partition(":")
        if not function:
            raise ModelError(f"plot: a {type(self).__name__} has no picture; print it")
        return getattr(import_module(module), function)(self, ax=ax, **options)


class _Record(Drawn):
    """Shared behaviour of the result classes: ``to_dict``, a picture, and a table for Jupyter."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as strict JSON types (NaN and infinities become None)."""
        return {f.name: jsonable(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        return html_of(self)


@dataclass(frozen=True)
class Cost:
    """What an answer took.

    Attributes
    ----------
    nodes : int
        Evaluated in quadratures and contours.
    samples : int
        Drawn.
    seconds : float
        Of wall time.

    Notes
    -----
    Cost: that of the answer it belongs to.
    Source: counted while the answer was found.

    Examples
    --------
    >>> import ldt
    >>> ldt.tail(ldt.AlignmentSum(5, 5), 1.0, method="exact").cost.nodes > 0
    True
    """

    nodes: int = 0
    samples: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {"nodes": self.nodes, "samples": self.samples, "seconds": self.seconds}


@dataclass(frozen=True)
class TailResult(_Record):
    """log P(A >= level) (``quantity='tail'``, ``side='upper'``), its lower twin, or log p(level) (``'density'``).

    Attributes
    ----------
    logp, error : float or array
        In nats; for an array of levels they, ``level`` and ``status`` are arrays of the levels' shape.
    error_kind : {"bound", "estimate", "stderr"}
        What ``error`` means: a bound, a numerical estimate, one standard error.
    method, quantity, side : str
    status : {"ok", "warning", "failed"}
        'warning': an answer whose error exceeds what was asked or expected, ``advice`` says what to do; 'failed': ``logp`` is NaN.
    level, model, seed, advice, cost : the question, its provenance, and what it took
    detail : of the method
        What it knows beyond log P; for an array of levels a tuple with one entry a level.

    Notes
    -----
    Natural logarithms, so that P = exp(-10^6) is an ordinary answer; ``p``, ``log10p`` and ``interval`` follow from it.  ``plot`` draws it.
    Cost: ``cost.seconds`` is the wall time it took.
    Source: docs/start.md; the meaning of the errors: docs/accuracy.md and docs/calibration.md.

    Examples
    --------
    >>> r = TailResult(logp=-2302.585092994046, error=1e-9, level=1.0, method="exact")
    >>> round(r.log10p, 6), r.p
    (-1000.0, 0.0)
    """

    picture: ClassVar[str] = "ldt.plots.answers:plot_result"

    logp: Any
    error: Any
    error_kind: str = "estimate"
    method: str = ""
    status: Any = "ok"
    quantity: str = "tail"
    side: str = "upper"
    level: Any = None
    model: Any = None
    seed: int | None = None
    advice: Any = ""
    cost: Cost = field(default_factory=Cost)
    detail: Any = None

    @property
    def p(self) -> Any:
        """The probability (or density) itself; underflows to 0 below 1e-308, where ``logp`` still holds."""
        if isinstance(self.logp, float):
            return math.exp(self.logp) if self.logp < 709.0 else math.inf
        import numpy as np

        return np.exp(self.logp)

    @property
    def log10p(self) -> Any:
        """Base-10 logarithm of the probability."""
        return self.logp / LN10

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of log P (nats; one level): of an interval that covers it in 95 % of runs if sampled, else within ``error``.

        A method that knows a better one than 1.96 standard errors either side has it in ``detail.interval``.

        >>> TailResult(logp=-10.0, error=0.5, error_kind="stderr").interval
        (-10.98, -9.02)
        """
        own = getattr(self.detail, "interval", None)
        if own is not None:
            return (-math.inf if own[0] is None else own[0], math.inf if own[1] is None else own[1])
        reach = (1.96 if self.error_kind == "stderr" else 1.0) * self.error
        return (self.logp - reach, self.logp + reach) if math.isfinite(self.logp) else (-math.inf, math.inf)

    def __repr__(self) -> str:
        if not isinstance(self.logp, float):
            return f"TailResult({self.quantity}, method={self.method!r}, levels={len(self.logp)}, logp={self.logp!r})"
        text = f"TailResult(logp={self.logp!r} +- {self.error:.1e} nats [{self.error_kind}], {self.quantity}"
        text += f" {self.side}" if self.quantity == "tail" else ""
        text += f" at {self.level!r}, method={self.method!r}, status={self.status!r}"
        return text + (f", advice={self.advice!r})" if self.advice else ")")


@dataclass(frozen=True)
class RateResult(_Record):
    """Large-deviation values at one level, all in nats.

    Attributes
    ----------
    convex, tilt, curvature : float
        I(alpha) = sup_s [s alpha - K(s)] (Chernoff; the convex hull), the maximiser s (1/units of A) and K''(s).
    nonconvex, specialised, sector_tilt : float, int or None, float
        min_k of the sectors' own rates, log-multiplicity included: the large-deviation value when the number k of specialised neurons is an
        integer, attained at ``specialised`` neurons with tilt ``sector_tilt``.  With one well only, ``nonconvex`` equals ``convex`` and
        ``specialised`` is None.
    level, model

    Notes
    -----
    ``plot`` draws s alpha - K(s) with its maximum.
    Cost: see ``ldt.rate``.
    Source: docs/theory.md, section 3.

    Examples
    --------
    >>> import ldt
    >>> r = ldt.rate(ldt.AlignmentSum(12, 400), 1.0)
    >>> r.nonconvex > r.convex, r.specialised
    (True, 1)
    """

    picture: ClassVar[str] = "ldt.plots.tails:plot_rate"

    level: float
    convex: float
    tilt: float
    curvature: float
    nonconvex: float
    specialised: int | None
    sector_tilt: float
    model: Any = None


@dataclass(frozen=True)
class Plan(_Record):
    """What ``method='auto'`` would do.

    Attributes
    ----------
    method, reason : str
    candidates : tuple of dict
        Every method with its predicted ``seconds`` (None where it does not apply) and a note.

    Notes
    -----
    Cost: none; nothing has been run.
    Source: measured; docs/choosing.md.

    Examples
    --------
    >>> import ldt
    >>> [c["method"] for c in ldt.plan(ldt.AlignmentSum(5, 5), 1.0).candidates][:2]
    ['exact', 'saddlepoint']
    """

    method: str
    reason: str
    candidates: tuple[dict[str, Any], ...] = ()
