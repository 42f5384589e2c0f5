"""A sign of life while a command that cannot say how far it is computes for more than two seconds: the seconds gone, on a terminal as a
line that is rewritten and vanishes, elsewhere as a line after ten seconds, twenty, forty, ..."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

#: Seconds before the first sign on a terminal, between two there, and before the first line elsewhere.
QUIET, FRAME, LINE = 2.0, 1.0, 10.0
CLEAR = "\r\x1b[K"


class Pulse:
    """Beats on standard error from ``start`` to ``stop``, in a thread of its own."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._shown = False

    def start(self, label: str) -> None:
        """Begin to count for ``label``."""
        if sys.stderr is None or self._thread is not None:
            return
        beat = self._redraw if sys.stderr.isatty() else self._report
        self._thread = threading.Thread(target=beat, args=(label, time.monotonic()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more signs; a line that stands there is wiped."""
        self._over.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None
        self._wipe()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """While another line is written."""
        with self._lock:
            self._wipe()
            yield

    def _wipe(self) -> None:
        if self._shown:
            self._shown = False
            self._write(CLEAR)

    def _redraw(self, label: str, begun: float) -> None:
        wait = QUIET
        while not self._over.wait(wait):
            wait = FRAME
            with self._lock:
                self._shown = True
                self._write(f"{CLEAR}{label}: {time.monotonic() - begun:.0f} s")

    def _report(self, label: str, begun: float) -> None:
        wait = LINE
        while not self._over.wait(wait):
            wait = time.monotonic() - begun  # twice as late each time
            with self._lock:
                self._write(f"{label}: {time.monotonic() - begun:.0f} s so far\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a stream that went away: there is nobody to tell
            sys.stderr.write(text)
            sys.stderr.flush()
