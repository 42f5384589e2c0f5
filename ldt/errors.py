"""Exceptions of the package; each message is one line that says what is wrong and what is allowed."""

from __future__ import annotations


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
