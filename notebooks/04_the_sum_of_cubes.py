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
# # The sum of cubes: many small terms or one large
#
# `A = sum_c a_c^3/sqrt(15 N)` with standard normal `a_c` has no tilt: a cube's tail falls slower than any exponential. The talk asks when the event is carried by
# many small terms and when by one large one; with `z = A/N^(1/4)` the leading theory says below and above `z_c = 1.7267`.

# %%
import ldt
from ldt.errors import NoTiltError
from ldt.tails.transition import Z_C, leading

cubes = ldt.CubicSum(1000)
r = ldt.tail(cubes, 8.0)
print(f"log P(A >= 8) = {r.logp:.10f} +- {r.error:.0e}, by {r.method}")
assert abs(r.logp + 29.8931562794) < 1e-9

try:
    ldt.tail(cubes, 8.0, method="saddlepoint")
except NoTiltError as refusal:
    print("saddle point:", refusal)
else:
    raise AssertionError("a saddle point was found where there is none")

# %% [markdown]
# Other methods on the same event. Asmussen and Kroese's conditional Monte Carlo integrates the largest term out; the big-jump asymptote is one number.

# %%
for method, options in (("conditional", {"samples": 2000, "rng": 1}), ("bigjump", {})):
    other = ldt.tail(cubes, 8.0, method=method, **options)
    print(f"{method:12} {other.logp:10.4f} +- {other.error:.2g}   {other.status}   {other.advice}")
    assert other.status == "warning"  # both are off by nats here, and say so

# %% [markdown]
# The share of the largest term given the event, from exact draws, against the leading theory, which jumps from 0 to 1/2.

# %%
import matplotlib.pyplot as plt
import numpy as np

from ldt.plots import BLACK, BLUE, ORANGE, RED

figure, ax = plt.subplots(layout="constrained")
z = np.array([1.0, 1.5, 1.8, 2.1, 2.5, 3.2])
for n, colour, marker in ((100, ORANGE, "o"), (1000, BLUE, "s")):
    shares = [ldt.sample_given(ldt.CubicSum(n), x * n**0.25, 300, rng=1).largest_share for x in z]
    ax.plot(z, shares, color=colour, marker=marker, ms=4, label=f"N = {n}, drawn")
fine = np.linspace(1.0, 3.2, 400)
ax.plot(fine, [leading(x).share for x in fine], color=BLACK, ls="--", label="leading theory")
ax.axvline(Z_C, color=RED, ls=":", label=f"$z_c$ = {Z_C:.4f}")
ax.set_xlabel(r"$z = A/N^{1/4}$")
ax.set_ylabel("mean share of the largest term given the event")
ax.legend(frameon=False);

# %%
assert abs(leading(Z_C).one_share - 0.5) < 1e-9
assert shares[0] < 0.3 < 0.7 < shares[-1]
