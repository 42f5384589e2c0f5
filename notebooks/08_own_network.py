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
# # Your own network, by splitting
#
# Any function from standard-normal parameters to a number is a network. No formula is needed: populations of networks climb from the prior to the event, and
# what they lose on the way is its probability. The weights that arrive are returned.

# %%
import numpy as np

import ldt

DATA = np.random.default_rng(0).standard_normal((100, 5))
TARGET = DATA[:, 0] * DATA[:, 1]


def score(z):
    """(n, 24) standard normals -> n alignments of 4 ReLU neurons in 5 dimensions with x1 x2, on fixed data."""
    z = z.reshape(len(z), 4, 6)
    hidden = np.maximum(z[:, :, :5] @ DATA.T / np.sqrt(5), 0.0)
    output = np.einsum("ni,nit->nt", z[:, :, 5] / 2.0, hidden)
    return output @ TARGET / len(TARGET)


network = ldt.FunctionNetwork(score, dimension=24, units=4)
result = ldt.tail(network, 0.6, method="splitting", rng=1, particles=400)
print(f"log P(A >= 0.6) = {result.logp:.2f} +- {result.error:.2f} (one standard error), {result.status} {result.advice}")

assert result.status == "ok" and result.error < 0.3
assert (result.detail.scores >= 0.6).all()

# %% [markdown]
# An event that is not rare can be counted, and the two agree.

# %%
easy = ldt.tail(network, 0.3, method="splitting", rng=2, particles=400)
counted = ldt.tail(network, 0.3, method="montecarlo", rng=3, samples=100_000)
print(f"level 0.3: splitting {easy.logp:.3f} +- {easy.error:.3f}, counted {counted.logp:.3f} +- {counted.error:.3f}")

assert abs(easy.logp - counted.logp) < 4 * np.hypot(easy.error, counted.error)

# %% [markdown]
# ## A network with a known answer
#
# The shipped two-layer network is given to splitting as a black box with all its N (d + 1) weights; the exact law of its alignment is that of `AlignmentSum` with the
# full overlap.

# %%
from ldt.patterns.reading import read_patterns

black_box = ldt.TwoLayerNetwork(5, 5)
climbed = ldt.tail(black_box, 1.0, method="splitting", rng=1, particles=200, replicates=4)
truth = ldt.tail(ldt.AlignmentSum(5, 5, overlap="full"), 1.0, method="exact")
print(f"splitting {climbed.logp:.2f} +- {climbed.error:.2f}, exact {truth.logp:.6f}")

assert abs(climbed.logp - truth.logp) < 4 * climbed.error

# %% [markdown]
# What pattern do the weights show?

# %%
reading = read_patterns(black_box, climbed.detail.weights, 1.0)[0]
print(f"{reading.layer}: {reading.pattern}; {reading.beyond_cut:.2f} of {reading.units} neurons specialised (exactly {truth.detail.mean_specialised:.2f})")

# %%
import matplotlib.pyplot as plt

from ldt.plots import BLACK, BLUE

layer = black_box.layers[0]
weights = layer.units(climbed.detail.weights[:, : black_box.hidden]) @ layer.direction  # in prior standard deviations
figure, ax = plt.subplots(layout="constrained")
ax.hist(weights.ravel(), bins=60, density=True, color=BLUE, alpha=0.6, label="given A >= 1")
grid = np.linspace(-5, 5, 200)
ax.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=BLACK, ls="--", label="prior")
ax.set_xlabel("weight along the target [prior standard deviations]")
ax.set_ylabel("density")
ax.legend(frameon=False);
