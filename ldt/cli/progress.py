"""How far a long run is, on standard error: a bar with the time left and the running estimate on a terminal (rich, loaded when first
drawn), a line now and then elsewhere, nothing with -q."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from ldt.cli.render import Output

#: Seconds between lines, between drawings, and before the first drawing: what ends sooner needs no bar.
LINE, FRAME, QUIET = 5.0, 0.1, 0.5


def duration(seconds: float) -> str:
    """
    >>> duration(42.3), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Bar:
    """One run's progress.  As a callable it is the ``progress=`` of the sampling methods; ``update`` serves other counts."""

    def __init__(self, out: Output, label: str) -> None:
        self._out, self._label = out, label
        self._start = self._last = time.monotonic()
        self._drawn: Any = None
        self._shown = out.verbosity >= 0
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn is not None:
            self._drawn[0].stop()
            self._drawn = None

    def __call__(self, done: int, total: int, logp: float, error: float) -> None:
        """Samples drawn and wanted, and the estimate so far."""
        known = math.isfinite(logp) and math.isfinite(error)
        self.update(done, total, f"-log P = {-logp:.6g} +- {error:.2g}" if known else "no estimate yet")

    def update(self, done: int, total: int, text: str = "") -> None:
        """``done`` of ``total`` things, and what to say of them."""
        now = time.monotonic()
        wait = (FRAME if self._drawn is not None else QUIET) if self._terminal else LINE
        if not self._shown or now - self._last < wait:
            return
        self._last = now
        if self._terminal:
            self._draw(done, total, text)
            return
        self._out.pulse.stop()
        left = f", about {duration((now - self._start) * (total - done) / done)} left" if done else ""
        self._out.say(f"{self._label}: {done} of {total}{left}" + (f"; {text}" if text else ""))

    def _draw(self, done: int, total: int, text: str) -> None:
        if self._drawn is None:
            self._out.pulse.stop()
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            name, words = TextColumn("{task.description}"), TextColumn("{task.fields[text]}")
            columns = name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), words
            bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
            bar.start()
            self._drawn = bar, bar.add_task(self._label, text="")
        bar, task = self._drawn
        bar.update(task, completed=done, total=total, text=text, refresh=True)
