r"""The error that an average over the data adds to a tail, and its removal to leading order.

A sampler ends with weights z of the law given A_n >= level, A_n with an average over n points.  For Gaussian readouts, exactly,

    P(A >= level) = P(A_n >= level) E[Phi(-level/sqrt V)/Phi(-level/sqrt V_n) | A_n >= level],

so the selected weights, evaluated on fresh points, correct for the errors they were selected for.  V itself is known from F fresh
points of two scramblings: features h_1, h_2 give V_1, V_2 and, averaged, V_12.  Noise in h raises V, by twice as much in V_1 as in
V_12; the bias of log P is extrapolated away, 2 S_12 - (S_1 + S_2)/2, and the size of that step is reported as the average's error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.models.networks.base import ReadoutNetwork

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Refinement:
    """``shift``: log P less log P_n; its ``error``; the effective share ``ess`` of the weights; and the ``network`` of fresh points with
    ``log_weights`` to it."""

    shift: float
    error: float
    ess: float
    network: Any
    log_weights: Array


class _Mean(ReadoutNetwork):
    """The features averaged over two networks."""

    def __init__(self, first: Any, second: Any) -> None:
        self.pair = (first, second)
        self.readouts = first.readouts

    @property
    def hidden(self) -> int:
        return int(self.pair[0].hidden)

    def features(self, x: Array) -> Array:
        return np.asarray(0.5 * (self.pair[0].features(x) + self.pair[1].features(x)))


def refine(network: Any, level: float, x: Array, q: Array, seed: int) -> Refinement:
    """The correction from weights x (summaries q) of the law given the event; none for networks without an average."""
    first, second = network.refined(2 * seed), network.refined(2 * seed + 1)
    if first is None or second is None:
        return Refinement(0.0, 0.0, 1.0, network, np.zeros(len(x)))
    h1, h2 = first.features(x), second.features(x)
    here = network.log_given(level, q)

    def shift(h: Array) -> tuple[float, Array]:
        log_w = network.log_given(level, np.sum(h * h, axis=1)) - here
        top = float(np.max(log_w))
        return top + math.log(float(np.mean(np.exp(log_w - top)))), log_w

    (s1, _), (s2, _), (s12, log_w) = shift(h1), shift(h2), shift(0.5 * (h1 + h2))
    w = np.exp(log_w - np.max(log_w))
    ess = float(np.sum(w)) ** 2 / float(np.sum(w * w)) / len(w)
    step = 0.5 * (s1 + s2) - s12
    return Refinement(s12 - step, abs(step), ess, _Mean(first, second), log_w)
