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
# # Turn the knobs
#
# N, d and the level by sliders; the exact tail, the law of the number of specialised neurons and the three patterns, redrawn in under 0.2 s.

# %%
import time

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import clear_output, display

import ldt
from ldt.patterns.two_layer import pattern_costs
from ldt.plots import BLACK, BLUE, GREEN, ORANGE, SKY


def draw(log10_width, log10_dim, level, axes):
    """Exact -log P against the patterns' costs, and the law of the number of specialised neurons; returns -log P in nats."""
    model = ldt.AlignmentSum(round(10**log10_width), round(10**log10_dim))
    result = ldt.tail(model, level, method="exact")
    costs = {p.name: p.cost for p in pattern_costs(model, level).patterns[:3]}
    left, right = axes
    left.clear(), right.clear()
    left.barh(["exact", *costs], [-result.logp, *costs.values()], color=[BLACK, BLUE, GREEN, ORANGE])
    left.set_xscale("log")
    left.set_xlabel("-log P  [nats]")
    left.set_title(f"N = {model.width}, d = {model.dim}: {-result.logp:.6g} nats", fontsize="small")
    if result.detail.specialised is not None:
        number, probability = np.asarray(result.detail.specialised), np.asarray(result.detail.probability)
        shown = probability > 1e-3
        right.bar(number[shown], probability[shown], color=SKY, edgecolor=BLACK)
    right.xaxis.get_major_locator().set_params(integer=True)
    right.set_xlabel(f"specialised neurons given A >= {level:g}")
    return -result.logp


# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
draw(1.7, 1.7, 1.0, axes)
times = []
for log10_width, log10_dim, level in ((1.7, 1.7, 0.9), (1.1, 2.6, 1.0), (3.0, 3.0, 1.0), (4.0, 1.7, 0.5), (6.0, 1.0, 1.0)):
    start = time.perf_counter()
    draw(log10_width, log10_dim, level, axes)
    times.append(time.perf_counter() - start)
print(f"seconds a redraw: median {np.median(times):.3f}, most {max(times):.3f}")
assert abs(draw(np.log10(50), np.log10(50), 1.0, axes) - 442.409210238833) < 1e-9

# %% [markdown]
# The sliders need a running kernel.

# %%
output = widgets.Output()
knobs = {
    "log10_width": widgets.FloatSlider(1.7, min=0, max=9, step=0.05, description="log10 N", continuous_update=False),
    "log10_dim": widgets.FloatSlider(1.7, min=0.3, max=4, step=0.05, description="log10 d", continuous_update=False),
    "level": widgets.FloatSlider(1.0, min=0.02, max=2.0, step=0.02, description="level", continuous_update=False),
}


def redraw(_=None):
    with output:
        clear_output(wait=True)
        draw(**{name: knob.value for name, knob in knobs.items()}, axes=axes)
        display(figure)


for knob in knobs.values():
    knob.observe(redraw, names="value")
redraw()
plt.close(figure)
widgets.VBox([*knobs.values(), output])
