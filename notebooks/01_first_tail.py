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
# # The first tail, in five lines
#
# How improbable is it that a random two-layer erf network is aligned with He_3, `A >= 1`?
# `A = sum_i a_i w_i^3/(3 + 2 w_i^2)^(3/2)`, `a_i ~ N(0, 1/N)`, `w_i ~ N(0, 1/d)`. Natural logarithms (nats) throughout.

# %%
import ldt

model = ldt.AlignmentSum(width=50, dim=50)
result = ldt.tail(model, 1.0)
print(f"log P(A >= 1) = {result.logp:.10f} +- {result.error:.0e} nats, by {result.method}; P = 10^{result.log10p:.3f}")

assert abs(result.logp + 442.409210238833) < result.error

# %% [markdown]
# What happens when it happens: the law of the number of specialised neurons, and exact draws of the weights.

# %%
from ldt.plots import plot_specialised

plot_specialised(result)
draws = ldt.sample_given(model, 1.0, 200, rng=2)
mean, drawn = result.detail.mean_specialised, draws.specialised.mean()
print(f"specialised neurons: {mean:.3f} on average, {drawn:.3f} among {len(draws.A)} draws")

assert (draws.A >= 1.0).all()
assert abs(drawn - mean) < 5 * draws.specialised.std() / len(draws.A) ** 0.5

# %% [markdown]
# An independent check shares nothing with the inversion: tilted sampling, stratified over the number of specialised neurons.

# %%
sampled = ldt.tail(model, 1.0, method="importance", rng=1)
print(f"sampled: {sampled.logp:.3f} +- {sampled.error:.3f} (one standard error)")

assert abs(sampled.logp - result.logp) < 4 * sampled.error
