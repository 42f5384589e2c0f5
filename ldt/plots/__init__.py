"""Pictures: every function takes a result and, if you like, axes, and returns the axes; ``result.plot()`` calls the right one.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; lines differ in style as well.  Matplotlib is
imported when a picture is drawn; without axes given, ``pyplot``'s current backend draws (``figure_of`` needs no display).
"""

from __future__ import annotations

from ldt.plots.adaptation import plot_adaptation, plot_effective_action, plot_grokking, plot_kernel_change, plot_neuron_density
from ldt.plots.answers import plot_calibration, plot_levels, plot_methods, plot_place, plot_result
from ldt.plots.lazy import plot_components, plot_learnability
from ldt.plots.learned import plot_learned
from ldt.plots.patterns import plot_costs, plot_exponents, plot_phases
from ldt.plots.rg import plot_elimination, plot_flow, plot_learning_curve, plot_universality
from ldt.plots.scaling import plot_grid, plot_scaling, plot_study, plot_sweep
from ldt.plots.style import BLACK, BLUE, GREEN, LINE_STYLES, ORANGE, PATTERN_STYLE, PURPLE, RED, SKY, figure_of
from ldt.plots.tails import plot_curve, plot_gap, plot_rate, plot_specialised, plot_tilted_density
from ldt.plots.weights import plot_largest, plot_weights

__all__ = [
    "BLACK", "BLUE", "GREEN", "LINE_STYLES", "ORANGE", "PATTERN_STYLE", "PURPLE", "RED", "SKY", "figure_of", "plot_adaptation",
    "plot_calibration", "plot_components", "plot_costs", "plot_curve", "plot_effective_action", "plot_elimination", "plot_exponents",
    "plot_flow", "plot_gap", "plot_grid", "plot_grokking", "plot_kernel_change", "plot_largest", "plot_learnability", "plot_learned",
    "plot_learning_curve", "plot_levels", "plot_methods", "plot_neuron_density", "plot_phases", "plot_place", "plot_rate", "plot_result",
    "plot_scaling", "plot_specialised", "plot_study", "plot_sweep", "plot_tilted_density", "plot_universality", "plot_weights",
]  # fmt: skip
