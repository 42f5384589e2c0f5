"""Renormalization of kernel regression: eliminated modes renormalise the ridge (u = 0) and make (r, u) flow (u > 0).

>>> from ldt.rg import power_law, scalar_ridge
>>> round(scalar_ridge(power_law(1.0, 1000), 0.1, 10), 6)
0.194167
"""

from ldt.rg.brute import Sampled, eliminate_by_quadrature, fourier, fourier_spectrum, sample
from ldt.rg.curves import (
    LearningCurve,
    Universality,
    equivalent_error,
    fit_exponent,
    gaussian_loss,
    learning_curve,
    predicted_exponent,
    regression_errors,
    universality,
)
from ldt.rg.flow import Action, Flow, ScalingInterval, one_loop, reduced, scaling_intervals
from ldt.rg.local import LocalCouplings, local_exact, local_flow
from ldt.rg.ridge import Elimination, dressed_ridge, effective_ridge, eliminate, empirical_modes, power_law, regress, scalar_ridge

__all__ = [
    "Action", "Elimination", "Flow", "LearningCurve", "LocalCouplings", "Sampled", "ScalingInterval", "Universality", "dressed_ridge",
    "effective_ridge", "eliminate", "eliminate_by_quadrature", "empirical_modes", "equivalent_error", "fit_exponent", "fourier",
    "fourier_spectrum", "gaussian_loss", "learning_curve", "local_exact", "local_flow", "one_loop", "power_law", "predicted_exponent",
    "reduced", "regress", "regression_errors", "sample", "scalar_ridge", "scaling_intervals", "universality",
]  # fmt: skip
