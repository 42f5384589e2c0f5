"""The linear convolutional network at C = N_w = S: where GFL is the exact optimum (docs/theory.md, section 8; [P])."""

from __future__ import annotations

from dataclasses import replace

from ldt.errors import ModelError
from ldt.models.alignment import AlignmentSum


def linear_cnn(size: int, model: AlignmentSum | None = None) -> AlignmentSum:
    """The network with C = N_w = S = ``size`` (so d = size^2); weight variance, c and target from a linear ``model``.

    >>> linear_cnn(10).name
    'linear, He_1, concentrated overlap, N = 10, d = 10, c = 1 (talk), sigma_a^2 = 0.1, sigma_w^2 = 1'
    """
    base = model if model is not None else AlignmentSum(1, 1, activation="linear", target=1)
    if base.activation != "linear":
        raise ModelError(f"activation: the linear CNN needs 'linear', got {base.activation_name!r}")
    return replace(base, width=size, dim=size, readout_variance=1.0 / size, overlap="concentrated")
