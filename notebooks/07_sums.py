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
# # Sums: published examples, reproduced
#
# `ldt.IidSum`, `WeightedSum`, `CompoundSum` are laws with SciPy's methods, far into the tails, with a stated error. Here they meet examples from the literature.

# %% [markdown]
# ## Quadratic forms: Imhof (1961), Davies (1980), Farebrother (1984)
#
# `Q = sum_j lambda_j chi2(dof_j, ncp_j)`. The test forms of Imhof, Biometrika 48, 419, table 1, which Farebrother's AS 204 and Davies' AS 155 (Applied Statistics 33, 332; 29,
# 323) test with as well, scaled by ten: `P(Q <= q)` within one unit of the fourth digit, which is what they print.

# %%
import math

import numpy as np
from scipy import stats

import ldt

PUBLISHED = [
    ((6, 3, 1), (1, 1, 1), (0, 0, 0), {1: 0.0542, 7: 0.4936, 20: 0.8760}),
    ((6, 3, 1), (2, 2, 2), (0, 0, 0), {2: 0.0064, 20: 0.6002, 60: 0.9839}),
    ((6, 3, 1), (6, 4, 2), (0, 0, 0), {10: 0.0027, 50: 0.5648, 120: 0.9912}),
    ((6, 3, 1), (2, 4, 6), (0, 0, 0), {10: 0.0334, 30: 0.5804, 80: 0.9913}),
    ((7, 3), (6, 2), (6, 2), {20: 0.0061, 100: 0.5913, 200: 0.9779}),
    ((7, 3), (1, 1), (6, 2), {10: 0.0451, 60: 0.5924, 150: 0.9777}),
    ((7, 3, -7, -3), (6, 2, 1, 1), (6, 2, 6, 2), {-40: 0.0782, 40: 0.5221, 140: 0.9604}),
]
for weights, dof, ncp, table in PUBLISHED:
    form = ldt.WeightedSum.chi2(weights, dof, ncp)
    for q, printed in table.items():
        p = float(form.cdf(q))
        print(f"{weights} {dof} {ncp}  P(Q <= {q:4d}) = {p:.14f}   printed {printed:.4f}")
        assert abs(p - printed) < 1e-4

# %% [markdown]
# Those methods stop where the tail gets thin: Davies' integral at absolute errors near 1e-9, Farebrother's series near 1e-10. With two degrees of freedom each the form is a sum of
# exponentials, whose tail is a sum of three terms: exact at any depth.

# %%
form = ldt.WeightedSum.chi2((6, 3, 1), 2)
rates = 1.0 / (2.0 * np.array([6.0, 3.0, 1.0]))
for q in (300.0, 2000.0, 8000.0):
    factors = [math.prod(r / (r - s) for j, r in enumerate(rates) if j != i) for i, s in enumerate(rates)]
    terms = [math.log(f) - s * q for f, s in zip(factors[:1], rates[:1], strict=True)]  # the others are e^-25 of it and less
    known = terms[0] + math.log1p(sum(f / factors[0] * math.exp(-(s - rates[0]) * q) for f, s in zip(factors[1:], rates[1:], strict=True)))
    r = ldt.tail(form, q)
    print(f"log P(Q >= {q:6.0f}) = {r.logp:.10f} +- {r.error:.0e}   log10 P = {r.log10p:.1f}")
    assert abs(r.logp - known) <= r.error < 1e-10

# %% [markdown]
# ## The saddle point: Daniels (1954), Lugannani and Rice (1980)
#
# Daniels, Annals of Mathematical Statistics 25, 631: for the gamma law the saddle-point density has the right shape at every x, only its constant is Stirling's. Lugannani and Rice,
# Advances in Applied Probability 12, 475: the tail of one exponential variable, where the central limit theorem has nothing to say.

# %%
n = 5
S = ldt.IidSum(stats.expon(), n)
ratios = []
for x in (0.5, 5.0, 30.0):
    s = 1.0 - n / x  # K'(s) = n/(1 - s) = x
    plain = -n * math.log(1.0 - s) - s * x - 0.5 * math.log(2.0 * math.pi * x * x / n)  # (K'' = x^2/n)
    ratios.append(plain - float(S.logpdf(x)))
stirling = math.lgamma(n) - ((n - 0.5) * math.log(n) - n + 0.5 * math.log(2.0 * math.pi))
print("log(saddle point/exact) =", ratios, "   Stirling's constant:", stirling)
assert max(abs(r - stirling) for r in ratios) < 1e-12

one = ldt.IidSum(stats.expon(), 1)
for x in (0.5, 3.0, 7.0, 30.0):
    s = 1.0 - 1.0 / x
    r, u = math.copysign(math.sqrt(2.0 * (x - 1.0 - math.log(x))), s), s * x
    formula = math.log(stats.norm.sf(r) + stats.norm.pdf(r) * (1.0 / u - 1.0 / r))
    ours = ldt.tail(one, x, method="saddlepoint")
    print(f"P(X > {x:4}): exact {math.exp(-x):.6g}, Lugannani-Rice {math.exp(formula):.6g} ({100 * math.expm1(formula + x):+.2f} %)")
    assert abs(ours.logp - formula) < 1e-9
    assert abs(formula + x) <= ours.error

# %% [markdown]
# ## Heavy tails: Asmussen and Kroese (2006), and where they cannot be trusted
#
# Advances in Applied Probability 38, 545: with the largest term integrated out, the relative error for Pareto terms stays bounded however rare the event. The exact value comes from
# the transform on its cut.

# %%
errors = []
for x in (1e3, 1e5, 1e8):
    S = ldt.IidSum(stats.pareto(1.5), 10)
    drawn, exact = ldt.tail(S, x, method="conditional", samples=10_000, rng=1), ldt.tail(S, x, method="exact")
    print(f"log P(S >= {x:.0e}) = {exact.logp:.12f} +- {exact.error:.0e}, drawn {drawn.logp:.6f} +- {drawn.error:.1e} ({drawn.status})")
    assert abs(drawn.logp - exact.logp) < 4.0 * drawn.error + exact.error
    errors.append(drawn.error)
assert errors[0] > errors[1] > errors[2]

# %% [markdown]
# For the cubes of standard normals (the talk's sum, notebook 04) at N = 100, A = 8, the same estimator is mostly too low, by more than its standard error says; it warns.

# %%
cubes = ldt.CubicSum(100)
drawn, exact = ldt.tail(cubes, 8.0, method="conditional", samples=10_000, rng=1), ldt.tail(cubes, 8.0, method="exact")
print(f"exact {exact.logp:.10f}, drawn {drawn.logp:.4f} +- {drawn.error:.2g}: {drawn.status}, {drawn.advice}")
assert drawn.status == "warning" and exact.error < 1e-10

# %% [markdown]
# ## Stable laws: Levy and Cauchy
#
# No mean, no tilt; sums have the law of one term, scaled by n^2 and by n (Feller, vol. 2, VI.1).

# %%
for law, power in ((stats.levy(), 2), (stats.cauchy(), 1)):
    S = ldt.IidSum(law, 1000)
    x = 40.0 * 1000**power
    print(law.dist.name, ldt.tail(S, x), float(law.logsf(40.0)))
    assert abs(ldt.tail(S, x).logp - law.logsf(40.0)) < 1e-11

# %% [markdown]
# ## How it happens: the terms given the event
#
# Exponential terms share a large sum evenly (Dirichlet); of Pareto terms one takes all.

# %%
for law, x in ((stats.expon(), 100.0), (stats.pareto(1.5), 1e4)):
    given = ldt.sample_given(ldt.IidSum(law, 10), x, 2000, rng=1)
    print(f"{law.dist.name:7} share of the largest of 10 terms given S >= {x:g}: {given.largest_share:.3f}   exact draws: {given.exact}")
dirichlet = sum(1.0 / k for k in range(1, 11)) / 10.0  # of the largest of 10 uniform spacings
spacings = ldt.sample_given(ldt.IidSum(stats.expon(), 10), 100.0, 2000, rng=1)
assert abs(spacings.largest_share - dirichlet) < 5.0 * spacings.largest.std() / math.sqrt(2000)
assert given.largest_share > 0.95
