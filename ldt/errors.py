"""Exceptions of the package; each message is one line that says what is wrong and what is allowed."""

from __future__ import annotations

from typing import Any


class LdtError(Exception):
    """Base class of the errors that the package raises on purpose."""


class ModelError(LdtError, ValueError):
    """A model, level or option that makes no sense; the message names the argument."""


class NoTiltError(LdtError, ValueError):
    """The exponential moment that the method needs is infinite."""


class MethodError(LdtError, ValueError):
    """The question has no answer by the method that was asked for; the message names one that has."""


class ConvergenceError(LdtError, ArithmeticError):
    """A numerical procedure did not reach an answer it can vouch for."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a sampling method; ``result`` is the usable answer of what was drawn until then (status 'warning', or 'failed').

    It derives from KeyboardInterrupt, so that a program that does not ask for it ends as it would have.
    """

    def __init__(self, result: Any) -> None:
        super().__init__("interrupted; .result is what was found until then")
        self.result = result
