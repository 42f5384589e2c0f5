"""UQpy: subset simulation with two kernels, its default 1000 samples a level and conditional probability 0.1.

The first population is drawn from the prior, and the target is given by its marginals, as UQpy's manual asks; ``max_level`` is raised
from 10 to 400 because the events need more.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from events import EVENTS, Answer, Event
from UQpy.distributions import JointIndependent, Normal
from UQpy.reliability import SubsetSimulation
from UQpy.run_model.model_execution.PythonModel import PythonModel
from UQpy.run_model.RunModel import RunModel
from UQpy.sampling import ModifiedMetropolisHastings, Stretch

LIMIT = """import sys; sys.path.insert(0, {here!r})
import numpy as np
from events import EVENTS

def limit(samples):
    event = EVENTS[{index}]
    return list(event.level - event.scores(np.atleast_2d(samples)))
"""
SIZE = 1000


def _common(event: Event, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """(the first population, the arguments that both kernels take)."""
    random = np.random.RandomState(seed)
    prior = random.standard_normal((SIZE, event.dimension))
    return prior, {"dimension": event.dimension, "seed": prior[: SIZE // 10].tolist(), "random_state": random}


def _subset(event: Event, sampler: Any, prior: np.ndarray) -> Answer:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "limit.py").write_text(LIMIT.format(here=str(Path(__file__).parent), index=EVENTS.index(event)))
        os.chdir(folder)
        sys.path.insert(0, folder)
        model = RunModel(model=PythonModel(model_script="limit.py", model_object_name="limit"))
        found = SubsetSimulation(sampling=sampler, runmodel_object=model, samples_init=prior, nsamples_per_subset=SIZE, max_level=400)
        os.chdir("/")
    p = found.failure_probability
    return math.log(p) if p > 0.0 else -math.inf, float(found.dependent_chains_CoV), len(model.qoi_list)


def modified_metropolis(event: Event, seed: int) -> Answer:
    prior, common = _common(event, seed)
    sampler = ModifiedMetropolisHastings(log_pdf_target=[Normal().log_pdf] * event.dimension, **common)
    return _subset(event, sampler, prior)


def stretch(event: Event, seed: int) -> Answer:
    prior, common = _common(event, seed)
    sampler = Stretch(log_pdf_target=JointIndependent([Normal()] * event.dimension).log_pdf, **common)
    return _subset(event, sampler, prior)
