"""How an answer leaves the program: aligned text, tables, strict JSON, CSV, whole files only, and the exit codes.

Standard output (or the file of ``-o``) carries the answer, standard error everything said about it.  A file is made beside its
target under another name before anything is computed, and takes the target's name when it is complete: an unwritable path is
known at once, and nothing is ever half-written.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click

from ldt.cli.pulse import Pulse
from ldt.errors import LdtError
from ldt.texts import ERROR_KINDS as ERROR_KINDS
from ldt.texts import digits as digits
from ldt.texts import number as number

DONE, USAGE, INACCURATE, NO_ANSWER, INTERRUPTED, BROKEN_PIPE = 0, 2, 3, 4, 130, 141


class OutputError(LdtError):
    """A file or stream that cannot be written."""


def exit_code(statuses: Iterable[str]) -> int:
    """The exit code of one or more results' statuses: the worst one's.

    >>> exit_code(["ok", "warning"]), exit_code(["ok", "failed"])
    (3, 4)
    """
    found = set(statuses)
    return NO_ANSWER if "failed" in found else INACCURATE if "warning" in found else DONE


# -- colour ------------------------------------------------------------------------------------------------------------------


def colourful(stream: Any) -> bool:
    """Whether ``stream`` is a terminal that may be written to in colour: NO_COLOR (no-color.org), if set and not empty, forbids it."""
    return stream is not None and bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, stream: Any, **style: Any) -> str:
    """``text`` in click's ``style`` where the stream may be coloured."""
    return click.style(text, **style) if colourful(stream) else text


STATUS: dict[str, dict[str, Any]] = {
    "ok": {"fg": "green"}, "warning": {"fg": "yellow", "bold": True}, "failed": {"fg": "red", "bold": True},
}  # fmt: skip


def highlighted(text: str, stream: Any) -> str:
    """An answer with its first line and its verdicts standing out, on a terminal."""
    if not colourful(stream):
        return text
    first, newline, rest = text.partition("\n")
    rest = re.sub(r"(?m)^(status +)(ok|warning|failed)\b", lambda m: m[1] + click.style(m[2], **STATUS[m[2]]), rest)
    rest = re.sub(r"(?m)\bWRONG\b", lambda m: click.style(m[0], **STATUS["failed"]), rest)
    return click.style(first, bold=True) + newline + rest


# -- text --------------------------------------------------------------------------------------------------------------------


def aligned(rows: Iterable[tuple[str, str]]) -> str:
    """Names in one column, what they mean in the other; rows without content are left out.

    >>> print(aligned([("error", "1e-9"), ("-log P(A >= 1)", "12.5"), ("advice", "")]), end="")
    error           1e-9
    -log P(A >= 1)  12.5
    """
    kept = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in kept), default=0)
    return "".join(f"{name:<{width}}  {text}\n" for name, text in kept)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 0) -> str:
    """Columns aligned to the right, the first ``left`` and the last one's overhang to the left.

    >>> print(table(["d", "-log P"], [["5", "43.7"], ["10", "85.3"]]), end="")
     d  -log P
     5    43.7
    10    85.3
    """
    cells = [list(header), *[list(r) for r in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        parts = [cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(parts).rstrip() + "\n")
    return "".join(lines)


def to_json(record: Mapping[str, Any]) -> str:
    """One line of strict JSON: NaN and infinities are an error here, because ``jsonable`` has made them null."""
    return json.dumps(record, allow_nan=False) + "\n"


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV whose floats read back exactly; None and what is not finite become empty cells.

    >>> to_csv(["d", "x"], [[5, 0.1], [10, None]])
    'd,x\\n5,0.1\\n10,\\n'
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(["" if v is None or (isinstance(v, float) and not math.isfinite(v)) else _plain(v) for v in row])
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


# -- files -------------------------------------------------------------------------------------------------------------------


class Target:
    """A file to be written as a whole: opened under a temporary name at once, renamed by ``commit``."""

    def __init__(self, path: str, option: str = "-o") -> None:
        self.path, self._part, self._option = path, "", option
        try:
            self._stream = self._open(os.path.realpath(path))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"{option}: cannot write {path!r} ({reason})") from None

    def _open(self, real: str) -> BinaryIO:
        if not self.path:
            raise ValueError("no name")
        if os.path.isdir(real):
            raise ValueError("it is a directory")
        self._real = real
        mode = None
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(self.path).st_mode
        if mode is not None and not stat.S_ISREG(mode):  # a device or pipe: there is nothing to rename
            return open(self.path, "wb")
        if mode is not None and not os.access(real, os.W_OK):
            raise ValueError("Permission denied")
        handle, self._part = tempfile.mkstemp(prefix=".ldt-", suffix=".part", dir=os.path.dirname(real))
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(self._part, stat.S_IMODE(mode) if mode is not None else 0o666 & ~umask)
        return open(handle, "wb")

    def write(self, data: bytes | str) -> None:
        """Add to the file's content."""
        self.write_with(lambda stream: stream.write(data.encode() if isinstance(data, str) else data))

    def write_with(self, fill: Callable[[Any], Any]) -> None:
        """Let ``fill`` write to the binary stream."""
        try:
            fill(self._stream)
        except OSError as error:
            raise OutputError(f"{self._option}: cannot write {self.path!r} ({error.strerror or error})") from None

    def commit(self) -> None:
        """Give the complete file its name."""
        try:
            self._stream.close()
            if self._part:
                os.replace(self._part, self._real)
                self._part = ""
        except OSError as error:
            raise OutputError(f"{self._option}: cannot write {self.path!r} ({error.strerror or error})") from None

    def discard(self) -> None:
        """Remove what ``commit`` has not named."""
        with contextlib.suppress(OSError):
            self._stream.close()
        if self._part:
            with contextlib.suppress(OSError):
                os.unlink(self._part)


class Output:
    """Where one command's answer goes and in which form; a context that leaves no half-written file behind."""

    def __init__(self, *, json: bool = False, csv: bool = False, path: str | None = None, quiet: int = 0, verbose: int = 0) -> None:
        suffix = Path(path).suffix.lower() if path else ""
        chosen = "json" if json else "csv" if csv else ""
        self.form = chosen or {".json": "json", ".csv": "csv"}.get(suffix, "text")
        self.verbosity = verbose - quiet
        self.pulse = Pulse()
        self._targets: list[Target] = []
        self._target = self.reserve(path, "-o") if path and path != "-" else None
        if self._target is None and sys.stdout is None:
            raise OutputError("stdout: is closed; name a file with -o")

    def reserve(self, path: str, option: str) -> Target:
        """Another file of this command, committed together with the answer."""
        if any(os.path.realpath(path) == os.path.realpath(t.path) for t in self._targets):
            raise OutputError(f"{option}: {path!r} is written by another option already")
        target = Target(path, option)
        self._targets.append(target)
        return target

    def drop(self, target: Target) -> None:
        """Forget a reserved file: nothing is written to it."""
        self._targets.remove(target)
        target.discard()

    def say(self, text: str, at: int = 0) -> None:
        """A line on standard error, unless the verbosity is below ``at``."""
        if self.verbosity >= at:
            with self.pulse.silent():
                click.echo(text, err=True)

    def answer(
        self,
        record: Mapping[str, Any],
        text: str,
        rows: tuple[Sequence[str], Iterable[Sequence[Any]]] | None = None,
    ) -> None:
        """The answer in the form that was asked for: ``record`` as JSON, ``rows`` as CSV, or ``text``."""
        if self.form == "json":
            self.put(to_json(record))
        elif self.form == "csv" and rows is not None:
            self.put(to_csv(*rows))
        else:
            self.put(text if self._target is not None else highlighted(text, sys.stdout))

    def advise(self, status: str, advice: str, what: str = "") -> None:
        """Status and advice on standard error, unless the answer's own text on standard output has said it."""
        if advice and (self.form != "text" or self._target is not None):
            self.say(f"{what}{painted(status, sys.stderr, **STATUS.get(status, {}))}: {advice}")

    def put(self, data: str) -> None:
        """Text to the file of ``-o`` or to standard output."""
        self.pulse.stop()
        if self._target is not None:
            self._target.write(data)
            return
        try:
            click.echo(data, nl=False)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"stdout: cannot be written ({error.strerror or error})") from None

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.pulse.stop()
        try:
            if kind is None:
                for target in self._targets:
                    target.commit()
        finally:
            for target in self._targets:
                target.discard()
        if kind is None:
            for target in self._targets:
                self.say(f"wrote {target.path}", at=1)
