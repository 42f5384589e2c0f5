"""Kernel adaptation: from the rare event to the trained network (docs/adaptation.md).

Two layers (``kernel_adaptation``, ``adaptation_curve``), the grokking transition (``grokking_transition``, ``grokking_phases``), and any
number of layers on given data (``solve_network``).
"""

from ldt.adaptation.branches import AdaptationCurve, Branch, Transition, adaptation_curve
from ldt.adaptation.deep import DeepAdaptation, DeepNetwork, network_gradient, solve_network
from ldt.adaptation.grokking import GrokkingModel, GrokkingTransition, GrokkingWells, grokking_phases, grokking_transition
from ldt.adaptation.two_layer import Adaptation, Well, kernel_adaptation

__all__ = [
    "Adaptation", "AdaptationCurve", "Branch", "DeepAdaptation", "DeepNetwork", "GrokkingModel", "GrokkingTransition", "GrokkingWells",
    "Transition", "Well", "adaptation_curve", "grokking_phases", "grokking_transition", "kernel_adaptation", "network_gradient",
    "solve_network",
]  # fmt: skip
