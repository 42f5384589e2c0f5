"""docs/peers.md from the records of peers.py: a table an event, and whether the two goals hold.

*Error* of a row is the root mean square of value - truth over its seeds, infinite where a seed gave no number.  *To the same error*: of
ldt's rows whose error is no larger than a peer's, the fastest.  *At equal time*: the error of that splitting row whose time is nearest to
the peer's, times the root of its time over the peer's (its replicates are independent: half the time is half of them).
"""

from __future__ import annotations

import importlib.metadata
import math
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from events import EVENTS, Event
from mpmath import mp, mpf
from peers import PEERS, Peer, number

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


class Race(NamedTuple):
    """ldt against every peer that answered one event: how many times faster to the peer's error (0: no row of ldt is as close), by peer;
    the smallest errors, ours and theirs."""

    ratios: dict[str, float]
    best: Line
    rival: Line

    @property
    def fast(self) -> bool:
        return all(ratio >= FAST for ratio in self.ratios.values())

    @property
    def sharper(self) -> bool:
        return self.best.error < self.rival.error


def race(lines: list[Line]) -> Race:
    ours, peers = [x for x in lines if x.peer.ours], [x for x in lines if not x.peer.ours and math.isfinite(x.error)]
    ratios = {}
    for peer in peers:
        times = [x.cpu for x in ours if x.error <= peer.error]
        ratios[peer.peer.name] = peer.cpu / max(min(times), 1e-6) if times else 0.0
    return Race(ratios, min(ours, key=lambda x: x.error), min(peers, key=lambda x: x.error))


def told(races: dict[str, Race]) -> list[str]:
    """The first goal: for how many events, by peer, by event."""
    fast, sharper = [name for name, r in races.items() if r.fast], [name for name, r in races.items() if r.sharper]
    pairs = [(name, ratio) for r in races.values() for name, ratio in r.ratios.items()]
    hundred, faster = (sum(ratio >= x for _, ratio in pairs) for x in (FAST, 1.0))
    out = [f"*At least {FAST:g} times faster to the same error than every peer, and an error that no peer reaches*: the second is met for "
           f"{len(sharper)} of {len(races)} events, the first for {len(fast)}, both for {len(set(fast) & set(sharper))}.  Of {len(pairs)} "
           f"pairs of a peer and an event that it answered, {hundred} are met {FAST:g} times faster, {faster} faster:", "",
           "| peer | events answered | 100 times | times faster: least | median | most |",
           "|---|--:|--:|--:|--:|--:|"]  # fmt: skip
    for peer in PEERS:
        mine = sorted(ratio for name, ratio in pairs if name == peer.name)
        if mine:
            numbers = f"{two(mine[0])} | {two(statistics.median(mine))} | {two(mine[-1])}"
            out.append(f"| {peer.name} | {len(mine)} | {sum(x >= FAST for x in mine)} | {numbers} |")
    out += ["", "| event | least times faster | than | smallest error | of | of the peers | of |",
            "|---|--:|---|--:|---|--:|---|"]  # fmt: skip
    for name, r in races.items():
        peer = min(r.ratios, key=lambda x: r.ratios[x])
        cells = [name, two(r.ratios[peer]), peer, two(r.best.error), r.best.peer.name, two(r.rival.error), r.rival.peer.name]
        out.append("| " + " | ".join(cells) + " |")
    return [*out, ""]


def goal_splitting(lines: list[Line]) -> tuple[bool, str] | None:
    """Splitting against subset simulation, error at equal time."""
    rows = [x for x in lines if x.peer.name.startswith("ldt splitting, black box")]
    subsets = [x for x in lines if "subset" in x.peer.name]
    if not rows or not subsets:
        return None
    ours = [x for x in rows if math.isfinite(x.error)]
    if not ours:
        return False, "ldt: fails"
    good, words = True, []
    for them in subsets:
        name = them.peer.name.split(",")[0].replace(" sampling", "").replace(" simulation", "") + "," + them.peer.name.split(",", 1)[1]
        if math.isinf(them.error):
            words.append(f"{name}: fails")
            continue
        us = min(ours, key=lambda x: abs(math.log(x.cpu / them.cpu)))
        mine = us.error * math.sqrt(us.cpu / them.cpu)
        good &= mine < them.error
        words.append(f"{name}: {two(mine)} against {two(them.error)}")
    return good, "; ".join(words)


def page(records: list[dict[str, Any]]) -> str:
    """The tables and the goals."""
    mp.dps = 60
    asked = len({(r["event"], r["row"], r["seed"]) for r in records if r["row"] != "truth"})
    whole = sum(p.seeds for p in PEERS for e in EVENTS if p.takes(e))
    out = ["Versions: " + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES) + ".", "",
           f"Answers: {asked} of at most {whole} (fewer seeds where a row took more than its budget); rows not asked are not shown.", ""]
    races: dict[str, Race] = {}
    split: dict[str, tuple[bool, str]] = {}
    tables: list[str] = []
    for event in EVENTS:
        balls = [r["ball"] for r in records if r["event"] == event.name and r["row"] == "truth"]
        lines = [x for p in PEERS if p.takes(event) and (x := line_of(p, event, records, _middle(balls[0]) if balls else mp.nan))]
        if not balls or not any(x.peer.ours for x in lines) or all(x.peer.ours or math.isinf(x.error) for x in lines):
            continue
        title = event.name[0].upper() + event.name[1:]
        tables += [f"### {title}", "", f"log P = {mp.nstr(_middle(balls[0]), 12)}", "", *HEAD, *(shown(x) for x in lines), ""]
        races[event.name] = race(lines)
        goal = goal_splitting(lines)
        if goal:
            split[event.name] = goal
    out += ["## The goals", "", *told(races)]
    out += ["*Black-box splitting has a smaller error at equal time than the subset simulations of OpenTURNS and UQpy*: "
            f"met for {sum(met for met, _ in split.values())} of {len(split)} events.", ""]  # fmt: skip
    out += [f"- {name}: {'**met**' if met else 'not met'}; {words}" for name, (met, words) in split.items()]
    return "\n".join([*out, "", "## The tables", "", *tables])


def _middle(ball: str) -> Any:
    """The midpoint of a printed ball."""
    return mpf(ball.strip("[]").split(" +/-")[0])


def write(records: list[dict[str, Any]]) -> None:
    """Put the page between its marks in docs/peers.md."""
    head, _, rest = DOC.read_text(encoding="utf-8").partition("<!-- peers -->\n")
    _, _, tail = rest.partition("<!-- end -->")
    DOC.write_text(f"{head}<!-- peers -->\n{page(records)}\n<!-- end -->{tail}", encoding="utf-8")
