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
# # Why one saddle is not enough
#
# The number of specialised neurons is an integer, so -log P(A >= alpha) is not convex; a single tilt sees its convex hull only. In between two numbers
# they coexist, and the classical saddle point is wrong by nats - silently, unless someone looks.

# %%
import ldt

model = ldt.AlignmentSum(50, 50)
off = {}
for level in (1.0, 0.1, 0.05, 0.02):
    truth = ldt.tail(model, level, method="exact")
    one = ldt.tail(model, level, method="saddlepoint", form="classical")
    summed = ldt.tail(model, level, method="saddlepoint")
    off[level] = one.logp - truth.logp
    print(
        f"level {level:4}: exact {truth.logp:.4f}, one saddle off by {off[level]:+.2f} (trusted: {one.detail.trusted}), "
        f"sum over sectors off by {summed.logp - truth.logp:+.4f} +- {summed.error:.4f}"
    )
    assert abs(summed.logp - truth.logp) < summed.error

assert abs(off[0.1] - 3.54) < 0.01 and abs(off[0.05] - 4.33) < 0.01 and abs(off[0.02] - 2.55) < 0.01
assert not one.detail.trusted

# %% [markdown]
# The curve: the exact value above the convex rate, and the rate with whole neurons. Every bump is one more neuron.

# %%
import matplotlib.pyplot as plt
import numpy as np

from ldt.plots import plot_gap

levels = np.linspace(0.02, 1.2, 60)
curve = ldt.tail(model, levels, method="exact")
rates = [ldt.rate(model, a) for a in levels]
convex, whole = np.array([r.convex for r in rates]), np.array([r.nonconvex for r in rates])
figure, ax = plt.subplots(layout="constrained")
plot_gap(curve, convex, nonconvex=whole, ax=ax);

# %%
assert (whole >= convex - 1e-9).all() and (whole - convex).max() > 3.0

# %% [markdown]
# At coexistence the law of the number has two peaks: at N = 20, d = 100 one neuron or two.

# %%
from ldt.plots import plot_specialised

both = ldt.tail(ldt.AlignmentSum(20, 100), 1.0, method="exact")
plot_specialised(both)
for k, p in zip(both.detail.specialised, both.detail.probability, strict=True):
    if p > 1e-3:
        print(f"{k} specialised: {p:.3f}")

assert sum(p > 0.1 for p in both.detail.probability) == 2

# %% [markdown]
# ## The worst case: one neuron must, and the tilt offers half a neuron
#
# At N = 12, d = 400 the single saddle misses by 28 nats, a factor of 10^12, because the tilted law must mix none and one on average.

# %%
few = ldt.AlignmentSum(12, 400)
truth = ldt.tail(few, 1.0, method="exact")
one = ldt.tail(few, 1.0, method="saddlepoint", form="classical")
rate = ldt.rate(few, 1.0)
print(f"exact {truth.logp:.4f}; one saddle {one.logp:.4f} (trusted: {one.detail.trusted}); convex rate {rate.convex:.1f}, whole neurons {rate.nonconvex:.1f}")

assert abs(truth.logp + 656.717289880155) < 1e-9 and not one.detail.trusted and one.logp - truth.logp > 25
