"""docs/peers.md from the records of peers.py: a table an event, and whether the two goals hold.

*Error* of a row is the root mean square of value - truth over its seeds, infinite where a seed gave no number.  *To the same error*: of
ldt's rows whose error is no larger than a peer's, the fastest.  *At equal time*: splitting's error times the root of its time over the
peer's (its replicates are independent: half the time is half of them).
"""

from __future__ import annotations

import importlib.metadata
import math
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from events import EVENTS, Event
from mpmath import mp, mpf
from peers import PEERS, SEEDS, Peer, number

DOC = Path(__file__).parents[2] / "docs/peers.md"
PACKAGES = ("openturns", "UQpy", "torch", "rareeventestimation", "gx2", "numpy", "scipy", "mpmath", "python-flint", "numba", "ldt")
FAST = 100.0
HEAD = ("| | value - truth | reported error | scatter | CPU s | wall s | evaluations | runs |", "|---|--:|--:|--:|--:|--:|--:|--:|")


class Line(NamedTuple):
    """What the seeds of one row say together."""

    peer: Peer
    bias: Any
    error: float
    reported: float
    scatter: float
    cpu: float
    wall: float
    calls: float
    good: int
    asked: int
    failure: str


def line_of(peer: Peer, event: Event, records: list[dict[str, Any]], truth: Any) -> Line | None:
    """The line of one row, or None where nothing was asked."""
    mine = list({r["seed"]: r for r in records if r["event"] == event.name and r["row"] == peer.name}.values())
    if not mine:
        return None
    good = [r for r in mine if "failed" not in r and math.isfinite(number(r["value"]))]
    said = sorted({r["failed"] if "failed" in r else f"log P = {r['value']}" for r in mine if r not in good})
    failure = said[0] if said else ""
    if not good:
        nan = math.nan
        return Line(peer, nan, math.inf, nan, nan, max(number(r.get("cpu", "nan")) for r in mine), nan, nan, 0, len(mine), failure)
    off = [mpf(str(r["value"])) - truth for r in good]
    error = float(mp.sqrt(sum(x * x for x in off) / len(off))) if len(good) == len(mine) else math.inf

    def middle(key: str) -> float:
        return statistics.median(number(r[key]) for r in good)

    if isinstance(good[0]["value"], float):
        error = max(error, 2.0**-53 * abs(float(truth)))  # a double that is closer is so by luck
    elif not math.isnan(middle("error")):
        error = max(error, middle("error"))  # the truth has no more digits
    scatter = statistics.stdev(float(x) for x in off) if len(off) > 1 else math.nan
    cpu, wall, calls = middle("cpu"), middle("wall"), middle("calls")
    return Line(peer, sum(off) / len(off), error, middle("error"), scatter, cpu, wall, calls, len(good), len(mine), failure)


def two(x: float, sign: str = "") -> str:
    """Two digits, or nothing."""
    return "" if math.isnan(x) else f"{x:{sign}.2g}"


def shown(line: Line) -> str:
    if not line.good:
        took = "" if math.isnan(line.cpu) else two(line.cpu)
        return f"| {line.peer.name} | {line.failure} | | | {took} | | | {line.asked} |"
    lost = f" ({line.asked - line.good} of {line.asked} failed: {line.failure})" if line.good < line.asked else ""
    calls = f"{line.calls:.0f}" if line.calls else ""
    cells = [two(float(line.bias), "+"), two(line.reported), two(line.scatter), two(line.cpu), two(line.wall), calls, str(line.asked)]
    return f"| {line.peer.name}{lost} | " + " | ".join(cells) + " |"


def goal_all(lines: list[Line]) -> tuple[bool, str]:
    """A hundred times faster to the same error than every peer, and an error that no peer reaches."""
    ours, peers = [x for x in lines if x.peer.ours], [x for x in lines if not x.peer.ours and math.isfinite(x.error)]
    best = min(ours, key=lambda x: x.error)
    ratios = []
    for peer in peers:
        times = [x.cpu for x in ours if x.error <= peer.error]
        ratios.append((peer.cpu / max(min(times), 1e-6) if times else 0.0, peer.peer.name))
    slow = sorted(r for r in ratios if r[0] < FAST)
    rival = min(peers, key=lambda x: x.error)
    sharper = best.error < rival.error
    text = f"{len(ratios) - len(slow)} of {len(ratios)} peers that answered are met {FAST:g} times faster"
    if slow:
        text += "; not " + ", ".join(f"{name} ({ratio:.2g})" if ratio else f"{name} (no row of ldt is as close)" for ratio, name in slow)
    text += f"; smallest error {two(best.error)} ({best.peer.name}), of the peers {two(rival.error)} ({rival.peer.name})"
    return not slow and sharper, text


def goal_splitting(lines: list[Line]) -> tuple[bool, str] | None:
    """Splitting against subset simulation, error at equal time."""
    ours = [x for x in lines if x.peer.name == "ldt splitting, black box"]
    subsets = [x for x in lines if "subset" in x.peer.name]
    if not ours or not subsets:
        return None
    us, good, words = ours[0], True, []
    for them in subsets:
        name = them.peer.name.split(",")[0].replace(" sampling", "").replace(" simulation", "") + "," + them.peer.name.split(",", 1)[1]
        if math.isinf(them.error):
            words.append(f"{name}: fails")
            continue
        mine = us.error * math.sqrt(us.cpu / them.cpu)
        good &= mine < them.error
        words.append(f"{name}: {two(mine)} against {two(them.error)}")
    return good and math.isfinite(us.error), "; ".join(words)


def page(records: list[dict[str, Any]]) -> str:
    """The tables and the goals."""
    mp.dps = 60
    asked = len({(r["event"], r["row"], r["seed"]) for r in records if r["row"] != "truth"})
    whole = sum(1 if not p.random else SEEDS for p in PEERS for e in EVENTS if p.takes(e))
    out = ["Versions: " + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES) + ".", "",
           f"Answers: {asked} of the {whole} that {SEEDS} seeds make (fewer where a row took more than its budget); a row not asked yet is "
           "not shown.", ""]  # fmt: skip
    verdicts: list[tuple[str, tuple[bool, str], tuple[bool, str] | None]] = []
    tables: list[str] = []
    for event in EVENTS:
        balls = [r["ball"] for r in records if r["event"] == event.name and r["row"] == "truth"]
        lines = [x for p in PEERS if p.takes(event) and (x := line_of(p, event, records, _middle(balls[0]) if balls else mp.nan))]
        if not balls or not any(x.peer.ours for x in lines) or all(x.peer.ours or math.isinf(x.error) for x in lines):
            continue
        title = event.name[0].upper() + event.name[1:]
        tables += [f"### {title}", "", f"log P = {mp.nstr(_middle(balls[0]), 12)}", "", *HEAD, *(shown(x) for x in lines), ""]
        verdicts.append((event.name, goal_all(lines), goal_splitting(lines)))
    met = sum(v[1][0] for v in verdicts)
    split = [v for v in verdicts if v[2]]
    out += ["## The goals", "",
            f"*At least {FAST:g} times faster to the same error than every peer, and an error that no peer reaches*: met for {met} of "
            f"{len(verdicts)} events.", ""]  # fmt: skip
    out += [f"- {name}: {'**met**' if goal[0] else 'not met'}; {goal[1]}" for name, goal, _ in verdicts]
    out += ["", "*Black-box splitting has a smaller error at equal time than the subset simulations of OpenTURNS and UQpy*: "
            + (f"met for {sum(v[2][0] for v in split if v[2])} of {len(split)} events." if split else "not measured yet."), ""]  # fmt: skip
    out += [f"- {name}: {'**met**' if goal[0] else 'not met'}; {goal[1]}" for name, _, goal in split if goal]
    return "\n".join([*out, "", "## The tables", "", *tables])


def _middle(ball: str) -> Any:
    """The midpoint of a printed ball."""
    return mpf(ball.strip("[]").split(" +/-")[0])


def write(records: list[dict[str, Any]]) -> None:
    """Put the page between its marks in docs/peers.md."""
    head, _, rest = DOC.read_text(encoding="utf-8").partition("<!-- peers -->\n")
    _, _, tail = rest.partition("<!-- end -->")
    DOC.write_text(f"{head}<!-- peers -->\n{page(records)}\n<!-- end -->{tail}", encoding="utf-8")
