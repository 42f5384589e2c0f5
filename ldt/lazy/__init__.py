"""The lazy limit: kernels of infinitely wide networks, their spectra, what alignment costs, and data that no measure can spare.

>>> from ldt.lazy import Kernel, component, lazy_cost
>>> round(lazy_cost(component(Kernel("erf"), 20, 3)).density) > 1000
True
"""

from ldt.lazy.bound import LazyCost, gaussian_cost, lazy_cost, overlap_bound, posterior_log_probability, samples_needed
from ldt.lazy.data import DATASETS, Learnability, LearnabilityResult, learnability, raw_inputs, real_inputs, standardised
from ldt.lazy.kernels import Kernel
from ldt.lazy.powerlaws import ZipfFit, fit_kernel_spectrum, fit_zipf
from ldt.lazy.spectra import Component, component, components, degeneracy, gaussian_eigenvalues, legendre, zonal

__all__ = [
    "DATASETS", "Component", "Kernel", "LazyCost", "Learnability", "LearnabilityResult", "ZipfFit", "component", "components", "degeneracy",
    "fit_kernel_spectrum", "fit_zipf", "gaussian_cost", "gaussian_eigenvalues", "lazy_cost", "learnability", "legendre",
    "overlap_bound", "posterior_log_probability", "raw_inputs", "real_inputs", "samples_needed", "standardised", "zonal",
]  # fmt: skip
