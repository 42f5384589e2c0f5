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
# # Patterns of deep networks, and their phase diagrams
#
# The talk's recipe as a program: choose GP, GFL or specialization for every layer, add up the costs, optimise what is free, and the cheapest wins. Exponents are
# exact rationals.

# %%
from pathlib import Path

import ldt

models = Path("../data/models")
three = ldt.Architecture.from_file(models / "three_layer_erf.toml")
table = ldt.pattern_table(three)
table

# %%
for row in table.rows[:4]:
    print(f"{row.name:40} {row.value!s:20} exponent {row.exponent}")
print("winner:", table.winner.name, "with", table.winner.value)

# %% [markdown]
# Numbers instead of symbols: at d = 20 in nats, with prefactors and whole neurons.

# %%
numbers = ldt.numeric_table(three, 20)
for row in numbers.rows[:4]:
    print(f"{row.name:40} {row.cost:10.1f} nats   {row.parameters}")

assert numbers.rows[0].cost <= numbers.rows[1].cost and all(row.cost >= row.relaxed - 1e-6 for row in numbers.rows)

# %% [markdown]
# ## Phase diagram
#
# The winner in the plane of the exponents of N1 and N2, with exact straight boundaries.

# %%
from ldt.plots import plot_phases

diagram = ldt.phases(three, "N1,N2", top=4)
plot_phases(diagram)
for region in diagram.regions:
    print(f"{region.value!s:24} {', '.join(region.winners)}  where {' and '.join(region.conditions[0])}")

# %%
two = ldt.Architecture.from_file(models / "two_layer_erf.toml")
boundaries = [(str(r.value), r.winners) for r in ldt.phases(two, "N").regions]
print(boundaries)
assert boundaries[-1] == ("d^3", ("gp - gp",))

# %% [markdown]
# ## From nats to data
#
# P* = -2 kappa log P/k: below it, alignment is not learned.

# %%
P = ldt.sample_complexity(ldt.AlignmentSum(50, 50, c="ratio"), 0.3761263890318375, ridge=1.0)
print(f"P* = {P.samples:.2f} samples at ridge 1, from -log P = {P.neg_log_p:.3f} nats and k = {P.discrepancy:.3f}")
assert abs(P.samples - 2 * P.neg_log_p / P.discrepancy) < 1e-9
