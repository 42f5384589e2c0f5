"""Records of finished points: one strict JSON object a line, appended and forced to disk, so that a killed run loses at most the point
that it was at.

    {"record": 1, "key": ..., "point": {...}, "status": ..., "reason": ..., "result": {...}, "versions": {...}, "time": ...}

``point`` is the whole question (model, level, quantity, side, method, options, repeat, seed) and ``key`` its digest; ``result`` is
TailResult.to_dict(), or null with the ``reason`` where there is no answer.  Lines are never rewritten: where two have one key, the
later one counts.  A last line without its end was being written when its program died: it is no record.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ldt import __version__
from ldt.errors import ModelError
from ldt.results import _Record

FORMAT = 1
MAX_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Record(_Record):
    """One finished point; fields as in the file."""

    key: str
    point: dict[str, Any]
    status: str
    reason: str
    result: dict[str, Any] | None
    versions: dict[str, str]
    time: str

    @property
    def logp(self) -> float:
        """log P in nats; NaN without an answer."""
        return self._number("logp", math.nan)

    @property
    def error(self) -> float:
        """Its error in nats; inf without an answer."""
        return self._number("error", math.inf)

    def _number(self, name: str, otherwise: float) -> float:
        value = (self.result or {}).get(name)
        return otherwise if value is None else float(value)

    @property
    def usable(self) -> bool:
        """Whether this version of the package made it: another's numbers may differ."""
        return self.versions.get("ldt") == __version__

    def line(self) -> bytes:
        """The line of the file."""
        return (json.dumps({"record": FORMAT, **self.to_dict()}, allow_nan=False) + "\n").encode()


def digest(content: Mapping[str, Any]) -> str:
    """A name for strict-JSON content that depends on nothing else (128 bits of SHA-256).

    >>> digest({"a": 1, "b": 0.1}) == digest({"b": 0.1, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def versions() -> dict[str, str]:
    """Versions of what numbers depend on."""
    from importlib.metadata import version

    return {"ldt": __version__, "python": platform.python_version(), **{name: version(name) for name in ("numpy", "scipy", "numba")}}


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read(path: str | Path) -> list[Record]:
    """The records of a file: of each point the latest, in the order in which points were first finished.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ModelError
        A file that cannot be read, or a line that is no record, by number (a torn last line is passed over).
    """
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise ModelError(f"{path}: larger than {MAX_BYTES} bytes")
        data = Path(path).read_bytes()
    except ModelError:
        raise
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    return list(_parse(data, str(path))[0].values())


def _parse(data: bytes, name: str) -> tuple[dict[str, Record], int]:
    """(records by key, bytes of whole lines)."""
    whole = data.rfind(b"\n") + 1
    with contextlib.suppress(ModelError):
        _record(data[whole:], name, 0)
        whole = len(data)  # complete but for its end
    found: dict[str, Record] = {}
    for i, line in enumerate(data[:whole].splitlines(), 1):
        if line.strip():
            record = _record(line, name, i)
            found[record.key] = record
    return found, whole


def _record(line: bytes, name: str, number: int) -> Record:
    try:
        content = json.loads(line)
        if content.pop("record") != FORMAT:
            raise ModelError(f"{name}: line {number}: a record of another format; this version writes and reads format {FORMAT}")
        record = Record(**content)
        if not isinstance(record.point, dict) or record.key != digest(record.point):
            raise ValueError("key")
        if not isinstance(record.result, (dict, type(None))) or not isinstance(record.versions, dict):
            raise ValueError("result")
        record.logp, record.error  # noqa: B018  (numbers, or ValueError, TypeError)
        return record
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{name}: line {number}: not a record of a sweep; move the file away or repair the line") from None


class Store:
    """A records file open for appending, locked against other sweeps; a context.  ``known``: its records by key; ``torn``: bytes of an
    unfinished last line that were removed."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            new = not os.path.exists(self.path)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            if new:
                self._sync_folder()
        except (OSError, ValueError) as error:
            raise ModelError(f"output: cannot write {self.path!r} ({getattr(error, 'strerror', None) or error})") from None
        try:
            self.locked = self._lock()
            data = self._read()
            self.known, whole = _parse(data, self.path)
            self.torn = len(data) - whole
            if self.torn:
                os.ftruncate(self._file, whole)
            elif data and not data.endswith(b"\n"):
                os.write(self._file, b"\n")
        except BaseException:
            os.close(self._file)
            raise

    def _sync_folder(self) -> None:
        folder = os.open(os.path.dirname(os.path.abspath(self.path)), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _lock(self) -> bool:
        """Locked until closed or the program is gone; False where the platform or the file system has no such locks."""
        try:
            import fcntl
        except ImportError:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"output: {self.path!r} is being written by another sweep") from None
        except OSError:  # network file systems without locks; notes_on says so
            return False
        return True

    def _read(self) -> bytes:
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()

    def append(self, record: Record) -> None:
        """Write one record, on disk when this returns."""
        data = record.line()
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            raise ModelError(f"output: cannot write {self.path!r} ({error.strerror or error})") from None
        self.known[record.key] = record

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


__all__ = ["Record", "Store", "digest", "read"]
