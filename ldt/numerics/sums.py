"""Running sums of weights known by their logarithms, in a form that can be shipped and added in any grouping of blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LogSums:
    """``n`` weights: sums of their ``first``, ``second`` and ``third`` powers and the ``largest``, scaled by exp(-top) (its power).

    >>> both = LogSums.of(np.log([1.0, 2.0])) + LogSums.of(np.log([3.0]))
    >>> both.n, round(math.exp(both.log_mean()), 12), round(both.relative_variance(), 12)
    (3, 2.0, 0.25)
    """

    n: int = 0
    top: float = -math.inf
    first: float = 0.0
    second: float = 0.0
    largest: float = 0.0
    third: float = 0.0

    @classmethod
    def of(cls, logs: Any) -> LogSums:
        """The sums of an array of log weights, of which none may be NaN or +inf."""
        top = float(np.max(logs))
        if math.isnan(top) or top == math.inf:
            raise ArithmeticError(f"weights: a log weight is {top}")
        if top == -math.inf:
            return cls(len(logs))
        scaled = np.exp(logs - top)
        square = scaled * scaled
        return cls(len(logs), top, float(np.sum(scaled)), float(np.sum(square)), float(np.max(scaled)), float(np.sum(square * scaled)))

    def __add__(self, other: LogSums) -> LogSums:
        top = max(self.top, other.top)
        if top == -math.inf:
            return LogSums(self.n + other.n)
        a, b = math.exp(self.top - top), math.exp(other.top - top)
        return LogSums(
            self.n + other.n, top, self.first * a + other.first * b, self.second * a * a + other.second * b * b,
            max(self.largest * a, other.largest * b), self.third * a**3 + other.third * b**3,
        )  # fmt: skip

    def log_mean(self) -> float:
        """log of the mean weight; -inf where all are 0."""
        return self.top + math.log(self.first / self.n) if self.first > 0.0 else -math.inf

    def relative_variance(self) -> float:
        """Var W / (E W)^2 per sample."""
        mean = self.first / self.n if self.n else 0.0
        return max(self.second / self.n / mean**2 - 1.0, 0.0) * self.n / max(self.n - 1, 1) if mean > 0.0 else math.inf

    def skewness(self) -> float:
        """Of the weights; 0 where they do not vary."""
        if not (self.first > 0.0 and self.relative_variance() > 1e-14):
            return 0.0
        m1, m2, m3 = self.first / self.n, self.second / self.n, self.third / self.n
        return float((m3 - 3.0 * m1 * m2 + 2.0 * m1**3) / (m2 - m1 * m1) ** 1.5)
