"""Real trained networks: posterior sampling of two- and three-layer networks, compared with the large-deviation law.

``learn`` is the front door; ``Experiment`` says what is trained; ``ldt.experiments.studies`` made the files in data/experiments.
"""

from ldt.experiments.experiment import Experiment
from ldt.experiments.learn import LearnResult, learn
from ldt.experiments.posterior import Posterior, Stack
from ldt.experiments.theory import Comparison, self_consistent

__all__ = ["Comparison", "Experiment", "LearnResult", "Posterior", "Stack", "learn", "self_consistent"]
