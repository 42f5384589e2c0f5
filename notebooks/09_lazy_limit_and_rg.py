# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The lazy limit, and renormalization
#
# An infinitely wide network is a Gaussian process: its alignment with one component is normal, and what it costs is one eigenvalue of its kernel.

# %%
from ldt.lazy import Kernel, component, lazy_cost, samples_needed

kernel = Kernel("erf")
for degree in (1, 3, 5):
    part = component(kernel, 20, degree)
    print(
        f"degree {degree}: eigenvalue {part.value:.3e} +- {part.error:.0e}, -log P(A >= 1) = {lazy_cost(part).tail:.1f} nats, "
        f"at ridge 0.1 half of it needs P >= {samples_needed(part.value, 0.1):.3g} samples"
    )

assert component(kernel, 20, 1).value > 100 * component(kernel, 20, 3).value

# %% [markdown]
# A wide finite network approaches it: N = 10^9 neurons, alignment with He_3, exactly, against the normal law with the same variance.

# %%
import math

import ldt

wide = ldt.AlignmentSum(10**9, 5, overlap="full", c="orthonormal")
level = 4.0 * math.sqrt(wide.variance)
normal = math.log(0.5 * math.erfc(4.0 / math.sqrt(2.0)))
exact = ldt.tail(wide, level, method="exact")
print(f"4 standard deviations out: exact {exact.logp:.8f}, normal law {normal:.8f}")

assert abs(exact.logp - normal) < 1e-4

# %% [markdown]
# ## Integrating modes out
#
# At u = 0, on finite data, high modes act as noise: eliminating those above a cutoff renormalises the ridge, s^2 -> s^2 + sum of the eliminated eigenvalues.

# %%
import numpy as np

from ldt.plots import plot_elimination
from ldt.rg import eliminate, power_law

random = np.random.default_rng(1)
spectrum = power_law(0.5, 2000)
features = random.standard_normal((60, 2000))
labels = features[:, 0] + 0.5 * features[:, 2]
rows = [eliminate(features, spectrum, 0.1, labels, cutoff) for cutoff in (10, 30, 100, 300, 1000)]
plot_elimination(rows)
for r in rows:
    print(f"cutoff {r.cutoff:5d}: error with the ridge renormalised {r.scalar_error:.1e}, left alone {r.bare_error:.1e}")

assert rows[-1].scalar_error < 0.5 * rows[-1].bare_error

# %% [markdown]
# With a quartic term, (r, u) flow as modes go. The strength of the loop is relevant above k* = r^(1/(1+a)) and irrelevant below, where data pin the modes.

# %%
from ldt.plots import plot_flow
from ldt.rg import Action, one_loop, scaling_intervals

flow = one_loop(Action.of(power_law(0.5, 20000), r=1000.0, u=1.0))
intervals = scaling_intervals(flow, 0.5)
plot_flow(flow, intervals)
for row in intervals:
    print(row.quantity, "measured", f"{row.measured:.3f}", "predicted", row.predicted)
