"""One question for the front door: the method resolved, its options checked under the names of the command line, its
predicted cost said before it starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ldt.cli.options import METHOD_OPTIONS, workers_of
from ldt.cli.render import Output
from ldt.errors import ModelError

SAMPLING = ("importance", "montecarlo")

def resolve(model: Any, level: Any, method: str, options: dict[str, Any], out: Output) -> tuple[str, dict[str, Any]]:
    """(method, the options it takes), auto decided by the plan; a word on what sampling will cost.

    A seed is accepted by every method, since a method that draws nothing gives the same answer with any.
    """
    from ldt.api import plan
    from ldt.tails.methods import method_of

    if method != "auto":
        method_of(model, method)
    chosen, seen = method, None
    if method == "auto" or method in SAMPLING:
        seen = plan(model, level)
        chosen = seen.method if method == "auto" else method
    allowed = method_of(model, chosen).options
    if "workers" in allowed:
        allowed = (*allowed, "scheduler")
    for name in options:
        if name not in allowed and name != "rng":
            known = ", ".join(METHOD_OPTIONS[k] for k in allowed if k in METHOD_OPTIONS) or "none"
            why = ", which auto chose here" if method == "auto" else ""
            raise ModelError(f"{METHOD_OPTIONS[name]}: not an option of method {chosen!r}{why} (its options: {known})")
    if chosen in SAMPLING and seen is not None and model.kind == "alignment":
        announce(model, seen, chosen, options, out)
    taken = {k: v for k, v in options.items() if k in allowed}
    scheduler = taken.pop("scheduler", None)
    if scheduler is not None:
        taken["workers"] = workers_of(taken.get("workers", os.cpu_count() or 1), scheduler)
    return chosen, taken


def announce(model: Any, seen: Any, method: str, options: dict[str, Any], out: Output) -> None:
    """Say on standard error what a sampling method is about to take, by the plan's own figures."""
    from ldt.tails.choose import PLAIN_NEURON, importance_seconds

    samples, asked = options.get("samples"), options.get("target_error")
    good = samples is None or (isinstance(samples, int) and 2 <= samples <= 10**10)
    workers = options.get("workers", 1)
    good = good and isinstance(workers, int) and 1 <= workers <= 256
    if not good or not (asked is None or (isinstance(asked, (int, float)) and 0.0 < asked < 1.0)):
        return  # the method will refuse it
    seconds = next((c.get("seconds") for c in seen.candidates if c["method"] == method), None)
    if seconds is None and (method == "importance" or samples is None):
        return  # the method does not apply, and will say so
    what = "its default number of samples"
    if samples is not None:
        what = f"{'at most ' if asked else ''}{samples} samples"
        seconds = max(0.02, samples * (model.width * PLAIN_NEURON if method == "montecarlo" else importance_seconds(model)))
    elif method == "importance" and seconds is not None:
        what = f"an error of {asked or 0.01:g} nats"
        seconds = seconds * max(1.0, (0.01 / (asked or 0.01)) ** 2)
    elif asked:
        out.say(f"{method}: an error of {asked:g} nats with {model.width} neurons: the longer the rarer the event")
        return
    out.say(f"{method}: {what} of {model.width} neurons: about {seconds:.2g} s (within a factor of a few)")


def attempt(ask: Callable[[], Any], out: Output, what: str) -> Any:
    """The result of ``ask``, or None where it has no answer, said on standard error."""
    from ldt.errors import ConvergenceError, MethodError, NoTiltError

    try:
        return ask()
    except (ConvergenceError, MethodError, NoTiltError) as error:
        out.say(f"{what}: {error}")
        return None
