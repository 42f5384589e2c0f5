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
# # The talk's network: three methods, three patterns, three scalings
#
# Ringel's talk predicts -log P ~ d + N (specialization), d^3 (lazy/GP) and (N d)^(3/4) (GFL) for `A >= 1`. Here the exact value, its saddle
# point and a simulation are computed side by side and laid next to the three predictions.

# %%
import itertools
import math

import ldt
from ldt.patterns.two_layer import pattern_costs

model = ldt.AlignmentSum(width=50, dim=50)
exact, saddle, sampled = ldt.compare(model, 1.0, ("exact", "saddlepoint", "importance"), rng=1)
for r in (exact, saddle, sampled):
    print(f"{r.method:12} -log P = {-r.logp:.6f} +- {r.error:.1e} ({r.error_kind})")

assert abs(exact.logp + 442.409210238833) < exact.error
assert abs(saddle.logp - exact.logp) < saddle.error
assert abs(sampled.logp - exact.logp) < 4 * sampled.error

# %% [markdown]
# The patterns: the cheapest way to the event of each kind, in nats, with the parameters that make it cheapest.

# %%
table = pattern_costs(model, 1.0)
for p in table.patterns:
    print(f"{p.name:20} {p.cost:12.1f} nats   {p.formula:45} {p.parameters}")

assert table.winner == "specialization"
assert table["specialization"].parameters["M"] == 3
assert all(p.cost > -exact.logp for p in table.patterns)

# %% [markdown]
# One neuron's density under the tilt has two wells: the typical one, and a specialised one that holds three or four of the fifty neurons.

# %%
from ldt.plots import plot_tilted_density

plot_tilted_density(ldt.tilted(model, 1.0));

# %% [markdown]
# ## Specialization: N = d
#
# The exact local exponents fall to 1; the cheapest pattern's leading cost is 4 % above the truth at d = 20 and 0.2 % at d = 1000; at d = 5 and 10 it is 1-2 % below, since it leaves prefactors out.

# %%
from ldt.plots import plot_scaling
from ldt.scaling.run import scaling

found = scaling(model, dims=[5, 10, 20, 50, 100, 200, 500, 1000], rng=1)
grid = found.grids[0]
fit = grid.fits["exact"][-1]
print(f"exponent over d = {fit.low}..{fit.high}: {fit.exponent:.4f}; largest z of sampling {found.z_max:.2f}")
last = grid.local["exact"][-1]
print(f"between d = {last.low} and {last.high}: {last.exponent:.4f}")
plot_scaling(found)  # a figure of its own

# %%
assert 1.0 < last.exponent < 1.01
assert found.z_max < 4.5

# %% [markdown]
# ## Lazy: N far above d^5
#
# There the exponent drifts to 3, slowly; at d = 300 it is 2.94. The exact method's cost does not grow with N.

# %%
wide = [(d, -ldt.tail(ldt.AlignmentSum(10**12, d), 1.0).logp) for d in (10, 30, 100, 300)]
for (d0, y0), (d1, y1) in itertools.pairwise(wide):
    print(f"d = {d0:3d}..{d1:3d}: local exponent {math.log(y1 / y0) / math.log(d1 / d0):.3f}")

assert 2.8 < math.log(wide[-1][1] / wide[-2][1]) / math.log(3) < 3.0

# %% [markdown]
# ## GFL: the linear CNN, where it is the exact optimum
#
# With N_w = C = S = sqrt(d) the law is variance-gamma, known in closed form, and -log P ~ d^(3/4).

# %%
from ldt import reference
from ldt.scaling.linear_cnn import linear_cnn

for size in (10, 100, 1000):
    cnn = linear_cnn(size)
    y = -ldt.tail(cnn, 1.0).logp
    closed = -float(reference.linear_log_tail(cnn, 1.0))
    print(f"d = {size**2:8d}: -log P = {y:.6f}, closed form {closed:.6f}, over d^(3/4): {y / size**1.5:.4f}")
    assert abs(y - closed) < 1e-9 * y
