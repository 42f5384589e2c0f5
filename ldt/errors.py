"""Exceptions of the package; each message is one line that says what is wrong and what is allowed."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def shown(value: Any, most: int = 80) -> str:
    """repr, cut to what a line of a message can hold (also of integers too long for Python to print).

    >>> shown("x" * 1000, 5)
    "'xxxx..."
    """
    try:
        text = repr(value)
    except ValueError:
        text = f"an integer of {value.bit_length()} bits" if isinstance(value, int) else type(value).__name__
    return text if len(text) <= most else text[:most] + "..."


class LdtError(Exception):
    """Base class of the errors that the package raises on purpose; its message is one line of at most 1000 characters.

    Examples
    --------
    >>> import ldt
    >>> try:
    ...     ldt.AlignmentSum(width=0, dim=5)
    ... except ldt.LdtError as error:
    ...     print(error)
    width: must be an integer from 1 to 1e+12, got 0
    """

    def __str__(self) -> str:
        text = super().__str__()  # a file may bring a name or a value of any length into it
        return text if len(text) <= 1000 else f"{text[:600]} ... {text[-300:]}"


class ModelError(LdtError, ValueError):
    """A model, level or option that makes no sense; the message names the argument.

    Examples
    --------
    >>> import ldt
    >>> try:
    ...     ldt.tail(ldt.AlignmentSum(5, 5), 1.0, side="left")
    ... except ldt.ModelError as error:
    ...     print(error)
    side: must be 'upper' or 'lower', got 'left'
    """


class NoTiltError(LdtError, ValueError):
    """The exponential moment that the method needs is infinite; the message names methods that do without.

    Examples
    --------
    >>> import ldt
    >>> try:
    ...     ldt.rate(ldt.CubicSum(10), 3.0)
    ... except ldt.NoTiltError as error:
    ...     print(str(error)[:39])
    model: E exp(s A) is infinite for every
    """


def positive(name: str, value: Any, *, zero: bool = False) -> float:
    """``value`` as a float, finite and > 0 (with ``zero`` >= 0); ModelError naming it otherwise."""
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not (0.0 < number < math.inf or (zero and number == 0.0)):
        raise ModelError(f"{name}: must be a {'finite number >= 0' if zero else 'positive finite number'}, got {shown(value)}")
    return number


class MethodError(LdtError, ValueError):
    """The question has no answer by the method that was asked for; the message names one that has.

    Examples
    --------
    >>> import ldt
    >>> try:
    ...     ldt.logpdf(ldt.TwoLayerNetwork(5, 5), 1.0, method="splitting")
    ... except ldt.MethodError as error:
    ...     print(error)
    method: 'splitting' gives tails, not densities
    """


class ConvergenceError(LdtError, ArithmeticError):
    """A numerical procedure did not reach an answer it can vouch for.

    Examples
    --------
    >>> import ldt
    >>> issubclass(ldt.ConvergenceError, ArithmeticError)
    True
    """


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a sampling method; ``result`` is the usable answer of what was drawn until then (status 'warning', or 'failed').

    It derives from KeyboardInterrupt, so that a program that does not ask for it ends as it would have.

    Parameters
    ----------
    result : TailResult or a command's result
        The answer from what was drawn until then.

    Examples
    --------
    >>> import ldt
    >>> try:
    ...     raise ldt.Interrupted(ldt.TailResult(-10.0, 0.5, error_kind="stderr", status="warning"))
    ... except KeyboardInterrupt as stop:
    ...     print(stop.result.logp)
    -10.0
    """

    def __init__(self, result: Any) -> None:
        super().__init__("interrupted; .result is what was found until then")
        self.result = result
