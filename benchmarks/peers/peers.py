"""The same rare events through the packages people would otherwise use, and through ldt.

    benchmarks/peers/run                    # makes the environment, then: python peers.py --write
    python peers.py [--records FILE] [--seconds 150] [--budget 20] [--events TEXT] [--rows TEXT] [--write]

Every question is asked in a process of its own, forked with the package loaded; rows that are not slow are first asked another, easy event
there, uncounted.  ``--seconds`` of CPU later it is stopped, and that is its answer.  Random methods run with 3 seeds, subset simulation and
splitting with 10, fewer once they have taken their budget.  Answers are kept in ``--records``, one JSON line each, and not asked again: a
run goes on where it was stopped.  table.py makes the page of them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import math
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from events import EVENTS, Event

HERE = Path(__file__).parent
SEEDS, MANY = 3, 10
SMOOTH = ("concentrated", "chisquares", "gammas")
EVERY = ("concentrated", "full", "cubes", "chisquares", "gammas")


@dataclass(frozen=True)
class Peer:
    """A row of the table: 'module:function', for which kinds of events, with how many seeds; ``black``: sees A as a black box;
    ``slow``: asked last."""

    name: str
    call: str
    kinds: tuple[str, ...]
    seeds: int = 1
    black: bool = False
    ours: bool = False
    slow: bool = False

    def takes(self, event: Event) -> bool:
        return event.kind in self.kinds


def _black(name: str, call: str, seeds: int = SEEDS, slow: bool = False) -> Peer:
    return Peer(name, call, EVERY, seeds, black=True, slow=slow)


PEERS = [
    _black("OpenTURNS subset sampling, 1e4 a level", "openturns_rows:subset", MANY),
    _black("OpenTURNS subset sampling, 1e5 a level", "openturns_rows:subset_large", MANY, slow=True),
    Peer("OpenTURNS FORM, from the known design point", "openturns_rows:form", EVERY, black=True),
    _black("OpenTURNS FORM + importance sampling, 1e5", "openturns_rows:form_importance"),
    _black("OpenTURNS NAIS, 1e4 a level", "openturns_rows:nais"),
    _black("OpenTURNS line sampling, 1e3 lines", "openturns_rows:line"),
    _black("UQpy subset simulation, modified Metropolis, 1e3 a level", "uqpy_rows:modified_metropolis", MANY, slow=True),
    _black("UQpy subset simulation, stretch moves, 1e3 a level", "uqpy_rows:stretch", MANY, slow=True),
    _black("rareeventestimation SIS, Gaussian mixture", "rare_rows:sis", slow=True),
    _black("rareeventestimation SIS, conditional sampling", "rare_rows:sis_sampling", slow=True),
    _black("rareeventestimation EnKF", "rare_rows:enkf"),
    _black("rareeventestimation CBREE", "rare_rows:cbree"),
    Peer("shifted FFT, 2^16 points (NumPy)", "numeric_rows:shifted_fft", ("concentrated", "cubes", "chisquares", "gammas")),
    Peer("mpmath quadrature, 20 digits", "numeric_rows:mpmath_quadrature", ("concentrated", "cubes", "chisquares", "gammas")),
    Peer("python-flint quadrature or closed form", "numeric_rows:flint_quadrature", ("concentrated", "full", "chisquares", "gammas")),
    Peer("Imhof's integral (SciPy quad)", "numeric_rows:imhof", ("chisquares",)),
    Peer("gx2 Imhof", "numeric_rows:gx2_imhof", ("chisquares",)),
    Peer("gx2 Ruben", "numeric_rows:gx2_ruben", ("chisquares",)),
    Peer("SciPy closed form", "numeric_rows:scipy_gamma", ("gammas",)),
    Peer("one tilt, 2e4 samples (NumPy)", "numeric_rows:numpy_tilt", SMOOTH, SEEDS),
    Peer("Asmussen-Kroese, 1e5 samples (NumPy)", "numeric_rows:numpy_conditional", ("cubes",), SEEDS),
    Peer("ldt exact", "ldt_rows:exact", EVERY, ours=True),
    Peer("ldt certified, 30 digits", "ldt_rows:certified", EVERY, ours=True),
    Peer("ldt saddlepoint", "ldt_rows:saddlepoint", (*SMOOTH, "full"), ours=True),
    Peer("ldt importance to 1 %", "ldt_rows:importance", (*SMOOTH, "full"), SEEDS, ours=True),
    Peer("ldt splitting, black box", "ldt_rows:splitting", EVERY, MANY, black=True, ours=True),
    Peer("ldt splitting, black box, 200 chains", "ldt_rows:splitting_small", EVERY, MANY, black=True, ours=True),
    Peer("ldt splitting, told the neurons", "ldt_rows:network_splitting", ("full",), SEEDS, black=True, ours=True),
]  # fmt: skip
#: An event of each kind to warm on: none of those asked.
WARM = {
    "concentrated": Event("concentrated", (7, 6), 0.9), "full": Event("full", (7, 6), 0.9), "cubes": Event("cubes", (7,), 4.0),
    "chisquares": Event("chisquares", ((5.0, 2.0), 2), 80.0), "gammas": Event("gammas", (30, 2, 1), 110.0),
}  # fmt: skip


@cache
def _ready(peer: Peer, kind: str) -> tuple[Callable[[Event, int], Any], Event]:
    """(the row's function, its package loaded and ldt's loops compiled; the event to warm on: an easy one for climbs, which take long)."""
    module, _, function = peer.call.partition(":")
    ask: Callable[[Event, int], Any] = getattr(importlib.import_module(module), function)
    warm = replace(WARM[kind], level=0.2 * WARM[kind].level) if peer.black else WARM[kind]
    for share in (1.0, 0.2, 0.03) if peer.ours else ():  # other levels, other loops
        with contextlib.suppress(Exception):
            ask(replace(warm, level=share * warm.level), 1)
    return ask, warm


def _child(peer: Peer, event: Event, seed: int, pipe: Any) -> None:
    """Ask and tell."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # some packages print
    warnings.simplefilter("ignore")
    ask, warm = _ready(peer, event.kind)
    if warm.kind in ("concentrated", "full"):
        warm = replace(warm, sizes=(7, 8))  # a neuron's law that nobody has asked about
    if not peer.slow:
        with contextlib.suppress(Exception):  # only what is asked counts, also as a failure
            ask(warm, 1)
    try:
        cpu, wall = time.process_time(), time.perf_counter()
        found = ask(event, seed)
        answer = {"value": found[0], "error": found[1], "calls": found[2], "cpu": time.process_time() - cpu,
                  "wall": time.perf_counter() - wall}  # fmt: skip
        answer = {k: (v if isinstance(v, str) or math.isfinite(v) else str(v)) for k, v in answer.items()}
    except BaseException as error:
        first = str(error).strip().splitlines()
        answer = {"failed": f"{type(error).__name__}: {first[0][:90] if first else ''}"}
    pipe.send(answer)


def once(peer: Peer, event: Event, seed: int, seconds: float) -> dict[str, Any]:
    """The answer of one question, or how it failed.

    The child is watched from here: under a CPU limit of its own (RLIMIT_CPU) Linux would count its time in ticks of 4 ms.
    """
    _ready(peer, event.kind)
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_child, args=(peer, event, seed, there))
    process.start()
    there.close()
    found: dict[str, Any] = {}
    try:
        while not found and _cpu(process.pid) < seconds:  # a child's clock starts at 0
            if here.poll(0.5):
                found = here.recv()
    except EOFError:
        found = {"failed": "the process died"}
    process.kill()
    process.join()
    return found or {"failed": f"over {seconds:g} s of CPU", "cpu": seconds}


def _cpu(pid: int | None) -> float:
    """CPU seconds of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file, if there is one."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def number(value: Any) -> float:
    """A recorded number ('nan', '-inf' are text in strict JSON)."""
    return math.nan if value is None else float(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--records", type=Path, default=HERE.parents[1] / "data/peers.jsonl")
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--budget", type=float, default=20.0, help=f"CPU seconds of {SEEDS} seeds")
    parser.add_argument("--events", default="", help="only events whose name has this text")
    parser.add_argument("--rows", default="", help="only rows whose name has this text")
    parser.add_argument("--again", help="first forget the answers of rows whose name has this text (a new version of ldt: --again 'ldt ')")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/peers.md")
    asked = parser.parse_args()
    sys.path.insert(0, str(HERE))
    done = read(asked.records)
    if asked.again is not None:
        done = [r for r in done if asked.again not in r["row"]]
        asked.records.write_text("".join(json.dumps(r) + "\n" for r in done))

    def keep(record: dict[str, Any]) -> None:
        done.append(record)
        with open(asked.records, "a") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")

    events = [e for e in EVENTS if asked.events in e.name]
    for event in events:
        if not any(r["event"] == event.name and r["row"] == "truth" for r in done):
            keep({"event": event.name, "row": "truth", "seed": 0, "ball": event.truth()})
    asks = [(seed, p.slow, e, p) for p in PEERS if asked.rows in p.name for seed in range(1, p.seeds + 1) for e in events if p.takes(e)]
    for seed, _, event, peer in sorted(asks, key=lambda ask: ask[:2]):  # one seed of everything first, slow ones last
        mine = [r for r in done if r["event"] == event.name and r["row"] == peer.name]
        budget = asked.budget * peer.seeds / SEEDS
        over = any("CPU" in r.get("failed", "") for r in mine) or sum(number(r.get("cpu", 0.0)) for r in mine) > budget
        if not over and all(r["seed"] != seed for r in mine):
            keep({"event": event.name, "row": peer.name, "seed": seed, **once(peer, event, seed, asked.seconds)})
    if asked.write:
        import table

        table.write(done)


if __name__ == "__main__":
    main()
