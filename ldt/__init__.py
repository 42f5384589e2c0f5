"""ldt: how rare is it that a random neural network learns something, by which pattern, and at what cost.

A *model* says what is random, a *level* what is asked, a *method* how it is answered, and a *result* carries
the answer (a natural logarithm) with its error.  Names are loaded when first used: ``import ldt`` by itself
loads neither NumPy nor SciPy nor Numba.

>>> import ldt
>>> "tail" in dir(ldt)
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldt.adaptation.branches import adaptation_curve as adaptation_curve
    from ldt.adaptation.deep import DeepNetwork as DeepNetwork
    from ldt.adaptation.deep import solve_network as solve_network
    from ldt.adaptation.grokking import grokking_transition as grokking_transition
    from ldt.adaptation.two_layer import kernel_adaptation as kernel_adaptation
    from ldt.api import compare as compare
    from ldt.api import logcdf as logcdf
    from ldt.api import logpdf as logpdf
    from ldt.api import logsf as logsf
    from ldt.api import plan as plan
    from ldt.api import rate as rate
    from ldt.api import sample_given as sample_given
    from ldt.api import sweep as sweep
    from ldt.api import tail as tail
    from ldt.api import tilted as tilted
    from ldt.errors import ConvergenceError as ConvergenceError
    from ldt.errors import Interrupted as Interrupted
    from ldt.errors import LdtError as LdtError
    from ldt.errors import MethodError as MethodError
    from ldt.errors import ModelError as ModelError
    from ldt.errors import NoTiltError as NoTiltError
    from ldt.models.alignment import AlignmentSum as AlignmentSum
    from ldt.models.architecture import Architecture as Architecture
    from ldt.models.cubic import CubicSum as CubicSum
    from ldt.models.law_text import parse_law as parse_law
    from ldt.models.laws import CgfLaw as CgfLaw
    from ldt.models.networks import AttentionNetwork as AttentionNetwork
    from ldt.models.networks import ConvolutionalNetwork as ConvolutionalNetwork
    from ldt.models.networks import FunctionNetwork as FunctionNetwork
    from ldt.models.networks import Network as Network
    from ldt.models.networks import ReadoutNetwork as ReadoutNetwork
    from ldt.models.networks import ThreeLayerNetwork as ThreeLayerNetwork
    from ldt.models.networks import TwoLayerNetwork as TwoLayerNetwork
    from ldt.patterns.complexity import sample_complexity as sample_complexity
    from ldt.patterns.engine import pattern_table as pattern_table
    from ldt.patterns.geometric import numeric_table as numeric_table
    from ldt.patterns.phases import phases as phases
    from ldt.patterns.variational import variational as variational
    from ldt.results import Cost as Cost
    from ldt.results import Plan as Plan
    from ldt.results import RateResult as RateResult
    from ldt.results import TailResult as TailResult
    from ldt.sums import CompoundSum as CompoundSum
    from ldt.sums import EmpiricalSum as EmpiricalSum
    from ldt.sums import IidSum as IidSum
    from ldt.sums import WeightedSum as WeightedSum

__version__ = "0.1.0"

_HOME = {
    "AlignmentSum": "ldt.models.alignment",
    "Architecture": "ldt.models.architecture",
    "AttentionNetwork": "ldt.models.networks",
    "ConvolutionalNetwork": "ldt.models.networks",
    "FunctionNetwork": "ldt.models.networks",
    "Network": "ldt.models.networks",
    "ReadoutNetwork": "ldt.models.networks",
    "ThreeLayerNetwork": "ldt.models.networks",
    "TwoLayerNetwork": "ldt.models.networks",
    "CubicSum": "ldt.models.cubic",
    "compare": "ldt.api",
    "logcdf": "ldt.api",
    "logpdf": "ldt.api",
    "logsf": "ldt.api",
    "plan": "ldt.api",
    "rate": "ldt.api",
    "sample_given": "ldt.api",
    "sweep": "ldt.api",
    "tail": "ldt.api",
    "tilted": "ldt.api",
    "kernel_adaptation": "ldt.adaptation.two_layer",
    "adaptation_curve": "ldt.adaptation.branches",
    "grokking_transition": "ldt.adaptation.grokking",
    "DeepNetwork": "ldt.adaptation.deep",
    "solve_network": "ldt.adaptation.deep",
    "pattern_table": "ldt.patterns.engine",
    "numeric_table": "ldt.patterns.geometric",
    "phases": "ldt.patterns.phases",
    "variational": "ldt.patterns.variational",
    "sample_complexity": "ldt.patterns.complexity",
    "ConvergenceError": "ldt.errors",
    "Interrupted": "ldt.errors",
    "LdtError": "ldt.errors",
    "MethodError": "ldt.errors",
    "ModelError": "ldt.errors",
    "NoTiltError": "ldt.errors",
    "CgfLaw": "ldt.models.laws",
    "CompoundSum": "ldt.sums",
    "EmpiricalSum": "ldt.sums",
    "IidSum": "ldt.sums",
    "WeightedSum": "ldt.sums",
    "parse_law": "ldt.models.law_text",
    "Cost": "ldt.results",
    "Plan": "ldt.results",
    "RateResult": "ldt.results",
    "TailResult": "ldt.results",
}

_MODULES = {"adaptation", "citations", "experiments", "lazy", "patterns", "plots", "reference", "rg", "scaling", "tails"}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:  # so that ldt.citations.bibtex(...) needs no import of its own
        return import_module(f"ldt.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'ldt' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
