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
# # Kernel adaptation, and networks that were trained
#
# The weights that align a random network with its target by chance are, at large ridge, those of a network trained on it: the discrepancy between target and mean
# predictor is the tilt. Here the equations are solved on all branches, and their density is laid over the weights of networks that were really trained (Langevin and
# hybrid Monte Carlo; the data are stored in `data/experiments`, each file with the command that made it).

# %%
import csv

import matplotlib.pyplot as plt
import numpy as np

import ldt

model = ldt.AlignmentSum(40, 40, c="orthonormal")
at = ldt.kernel_adaptation(model, samples=1600, ridge=1.0)
rate = ldt.rate(model, at.alpha)
kappa = 1.0 / 1600
print(f"one component: alpha = {at.alpha:.6f}, tilt {rate.tilt:.6f}; 1 - kappa s = {1 - kappa * rate.tilt:.12f}")

assert abs(at.alpha - (1.0 - kappa * rate.tilt)) < 1e-10

# %% [markdown]
# "LDT = kernel adaptation" is an identity in the one-component ansatz. The full equations feed the mean's other components back into the tilt; at this ridge
# they matter much.

# %%
full = ldt.kernel_adaptation(model, samples=1600, ridge=1.0, degree=9)
print(f"all components up to degree 9: alpha = {full.alpha:.3f} instead of {at.alpha:.3f}")
for ridge in (1e3, 1e4):
    one, many = (ldt.kernel_adaptation(model, samples=1000, ridge=ridge, degree=k).alpha for k in (None, 9))
    print(f"ridge {ridge:g}: alpha {one:.6g} and {many:.6g}, relative difference {abs(many / one - 1):.1e}")

assert abs(many / one - 1) < 2e-3 and full.alpha < 0.7 * at.alpha

# %% [markdown]
# The learnability curve and its branches: k specialised neurons, each stable in its own window of P, metastable beyond.

# %%
from ldt.plots import plot_adaptation

curve = ldt.adaptation_curve(model, samples=list(np.geomspace(150, 1600, 18)), branches=4)
figure, ax = plt.subplots(layout="constrained")
plot_adaptation(curve, ax=ax)
for t in curve.transitions:
    print(f"{t.before} -> {t.after} specialised neurons at P = {t.samples:.1f} +- {t.error:.1f}")

assert 300 < curve.threshold < 600

# %% [markdown]
# The talk's y = He_1 + 0.1 He_3: one neuron's effective action S(w.w*), and the kernel in the mean's components before and after. The linear part inflates the
# central well and splits it; another pair of wells, at |w| of order 1, is where a neuron specialises on He_3.

# %%
from ldt.plots import plot_effective_action, plot_grokking, plot_kernel_change

mixed = ldt.AlignmentSum(40, 40, c="orthonormal", target={1: 1.0, 3: 0.1})
states = [ldt.kernel_adaptation(mixed, samples=p, degree=9) for p in (400, 4000, 16000)]
figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.2), layout="constrained")
plot_effective_action(states, ax=left)
plot_kernel_change(states[-1], ax=right)
for s in states:
    print(f"P = {s.samples:5g}: alpha {s.alpha:.3f}; wells at |w| = " + ", ".join(f"{w.w:.2f} ({w.neurons:.2f} neurons)" for w in s.wells))

assert len(states[0].wells) == 1 and states[-1].wells[-1].w > 1.0

# %% [markdown]
# Grokking (y = He_1 + eps He_3 at N = 700, n = 3000, d = 150): three wells at the transition, and the phase diagram in (u, eps).

# %%
from ldt.adaptation import grokking_phases, grokking_transition

at = grokking_transition()
print(f"eps = -0.3: outer wells from u = {at.onset:.2f}, as probable as the centre at u_c = {at.u:.2f} (sigma^2 = {at.noise:.3f}), as deep at {at.depth:.2f}")
figure, ax = plt.subplots(layout="constrained")
plot_grokking(grokking_phases(np.linspace(-0.6, -0.15, 10)), ax=ax)

assert abs(at.u / 30.2 - 1) < 0.01

# %% [markdown]
# ## Against trained networks
#
# The law of w.w* over 256 networks at d = N = 40, P = 1600, kappa = 1, and the densities that the equations predict.

# %%
def rows(name):
    with open(f"../data/experiments/{name}.csv") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


bins = rows("overlap_histogram")
left, right = (np.array([float(r[k]) for r in bins]) for k in ("from", "to"))
count = {k: np.array([float(r[k]) for r in bins]) for k in bins[0] if k not in ("from", "to")}
figure, ax = plt.subplots(layout="constrained")
ax.stairs(count["neurons"], np.append(left, right[-1]), fill=True, color="0.8", label="trained networks")
styles = (("full, full equations", "#0072B2", "-"), ("concentrated, full equations", "#009E73", "--"), ("full, self-consistent", "#D55E00", ":"))
for name, colour, style in styles:
    ax.plot(0.5 * (left + right), count[name], color=colour, ls=style, lw=1.6, label=name)
ax.set_yscale("log")
ax.set_ylim(0.3, None)
ax.set_xlabel(r"$|w\cdot w_*|$")
ax.set_ylabel("neurons in a bin")
ax.legend(frameon=False);

# %%
distance = {(r["overlap"], r["source"]): float(r["kolmogorov"]) for r in rows("overlap")}
for key, value in distance.items():
    print(f"{key[0]:13} {key[1]:16} Kolmogorov distance {value:.3f}")

assert distance["full", "full equations"] < 0.2 * distance["full", "self-consistent"]

# %% [markdown]
# One component is not enough at this ridge; the full equations come five times closer, and the full overlap puts the specialised neurons where the networks
# have them. The threshold P* at A_f = 0.1 against d (N = d):

# %%
summary = rows("threshold_summary")
d, P, error = (np.array([float(r[k]) for r in summary if r["d"] != "fit"]) for k in ("d", "P_star", "error"))
fit = next(r for r in summary if r["d"] == "fit")
figure, ax = plt.subplots(layout="constrained")
ax.errorbar(d, P, yerr=error, color="black", marker="o", ls="none", capsize=3, label=f"trained networks: exponent {float(fit['P_star']):.2f}({100 * float(fit['error']):.0f})")
for name, text, colour, style in (
    ("equations_full", "full equations", "#0072B2", "-"), ("law_full", "one component", "#D55E00", ":"), ("bound_full", "unlearnability bound", "#009E73", "--"),
):
    values = np.array([float(r[name]) for r in summary if r["d"] != "fit"])
    ax.plot(d, values, color=colour, ls=style, label=f"{text} (full overlap): {float(fit[name]):.2f}")
    assert (values < P).all()
ax.set_xscale("log")
ax.set_yscale("log")
ax.set_xlabel("input dimension d = N")
ax.set_ylabel("samples P* where a tenth is learned")
ax.legend(frameon=False);
