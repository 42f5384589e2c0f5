"""The one door to Numba: ``@compiled`` makes machine code of a loop and keeps it between runs.

Numba's stock cache looks only at the file of the function itself: edit a *callee* in another file, or install
a newer version over an older one, and the caller keeps its old compiled callee and returns wrong numbers.
Here the machine code of every function lives in one per-user directory named by a hash of

* all ``.py`` files of this package (names and contents),
* the versions of Numba, llvmlite, NumPy and Python, and
* the settings of Numba that change machine code,

so any edit anywhere in the package starts from an empty directory.  Further rules:

* one file a signature, written atomically, carrying a checksum and the signature and processor it is for:
  concurrent processes cannot mix entries, and a damaged file is a miss;
* nothing is read or written once the sources on disk differ from those that the process started with;
* only module-level functions of this package are kept (a closure or a function argument would never hit);
* a directory that belongs to, or can be written by, somebody else is refused, because entries are pickles.

Where no directory can be had, functions are compiled anew in each process: slower, same numbers.
``cache_info()`` says which.  Environment: ``LDT_CACHE_DIR`` chooses the place (empty or ``off``: no cache),
``NUMBA_DISABLE_JIT=1`` leaves plain Python.  Compiled code releases the GIL and is neither parallel nor
fast-math.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import re
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

PACKAGE = os.path.realpath(Path(__file__).parents[1])
PREFIX = "loops-"
KEEP = 12  # versions of the package whose machine code is kept; the least recently used go first
CODE_SETTINGS = (
    "OPT",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "ENABLE_AVX",
    "DISABLE_INTEL_SVML",
)


class CacheInfo(NamedTuple):
    """Where machine code is kept: ``directory`` or None, its ``key``, ``enabled``, the ``reason`` if not."""

    directory: str | None
    key: str
    enabled: bool
    reason: str


def compiled(func: F) -> F:
    """Compile ``func`` with Numba (nopython, ``nogil=True``) at its first call; keep the code between runs.

    The undecorated function stays available as ``.py_func``; with ``NUMBA_DISABLE_JIT=1`` it is returned as
    it is.  Raises nothing of its own: Numba's typing errors appear at the first call.

    >>> @compiled
    ... def half(x: float) -> float:
    ...     return 0.5 * x
    >>> half(3.0)
    1.5
    """
    import numba

    if numba.config.DISABLE_JIT:
        return func
    dispatcher = numba.njit(nogil=True)(func)
    code = func.__code__
    path = os.path.realpath(code.co_filename)
    if path.startswith(PACKAGE + os.sep) and func.__closure__ is None and "<locals>" not in func.__qualname__:
        store = _store()
        if store.directory is not None:
            module = os.path.relpath(path, PACKAGE).removesuffix(".py").replace(os.sep, ".")
            dispatcher._cache = _FunctionCache(store, f"{module}.{func.__qualname__}-{code.co_firstlineno}")
    return cast(F, dispatcher)


def cache_info() -> CacheInfo:
    """Where this process keeps machine code, and why not if it does not.

    >>> info = cache_info()
    >>> info.enabled == (info.directory is not None) == (info.reason == "")
    True
    """
    store = _store()
    return CacheInfo(store.directory, store.key, store.directory is not None, store.reason)


class _Store:
    """The directory of this process, and whether it may still be used."""

    def __init__(self) -> None:
        import numba

        self.directory: str | None = None
        self.key = ""
        self.stamp = _stat_sources()
        try:
            self.key = _key([path for path, _, _ in self.stamp])
        except OSError:  # a file vanished since: the tree is being replaced
            self.stamp = []
        if numba.config.DISABLE_JIT:
            self.reason = "NUMBA_DISABLE_JIT is set"
        elif not self.stamp:
            self.reason = "the sources of the package are not on disk as files"
        elif not _private_interface_present():
            self.reason = "this version of Numba keeps compiled code in another way"
        else:
            self.directory, self.reason = _open_directory(self.key)

    def usable(self) -> bool:
        """Whether the sources on disk are still those of the key; after a change the cache stays off."""
        if self.directory is not None and _stat_sources() != self.stamp:
            self.directory, self.reason = None, "the package's sources changed after this process started"
        return self.directory is not None


@functools.cache
def _store() -> _Store:
    return _Store()


def _stat_sources() -> list[tuple[str, int, int]]:
    """Path, modification time and size of every source file of the package, sorted."""
    found, folders = [], [PACKAGE]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith("."):  # an editor's lock or backup
                        continue
                    if entry.name.endswith(".py"):
                        status = entry.stat()
                        found.append((entry.path, status.st_mtime_ns, status.st_size))
                    elif entry.name != "__pycache__" and entry.is_dir():
                        folders.append(entry.path)
        except OSError:  # a zip archive, or a tree that is being replaced: no cache
            return []
    return sorted(found)


def _key(paths: list[str]) -> str:
    """Hash of what machine code depends on, apart from signature and processor (which each file states)."""
    import llvmlite
    import numba
    import numpy as np

    settings = [(name, getattr(numba.config, name, None)) for name in CODE_SETTINGS]
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version)
    digest = hashlib.sha256(repr((versions, settings)).encode())
    for path in paths:
        with open(path, "rb") as file:
            content = file.read()
        digest.update(f"\0{os.path.relpath(path, PACKAGE)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _base_directory() -> str:
    """The user's cache directory for this package, or '' if it is switched off or there is no such place."""
    chosen = os.environ.get("LDT_CACHE_DIR")
    if chosen is not None:
        return "" if chosen.strip().lower() in ("", "off") else os.path.abspath(os.path.expanduser(chosen))
    if os.name == "nt":
        place = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        place = os.path.expanduser("~/Library/Caches")
    else:
        place = os.environ.get("XDG_CACHE_HOME", "")
        place = place if os.path.isabs(place) else os.path.expanduser("~/.cache")
    return os.path.join(place, "ldt") if os.path.isabs(place) else ""


def _open_directory(key: str) -> tuple[str | None, str]:
    """Make and check the directory of ``key``; returns it and '', or None and the reason."""
    base = _base_directory()
    if not base:
        off = "LDT_CACHE_DIR" in os.environ
        return None, "switched off by LDT_CACHE_DIR" if off else "no home directory"
    directory = os.path.join(base, PREFIX + key)
    try:
        new = not os.path.isdir(directory)
        os.makedirs(base, mode=0o700, exist_ok=True)
        os.makedirs(directory, mode=0o700, exist_ok=True)
        status = os.lstat(directory)
        if not stat.S_ISDIR(status.st_mode):
            return None, f"{directory} is not a directory"
        if os.name != "nt" and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
            return None, f"{directory} belongs to, or can be written by, another user"
        tempfile.TemporaryFile(dir=directory).close()
        os.utime(directory)
        if new:
            _remove_old(base, keep=directory)
    except OSError as error:
        return None, f"{directory} cannot be written ({error.strerror or error})"
    return directory, ""


def _remove_old(base: str, keep: str) -> None:
    """Remove the code of all but the ``KEEP`` last used keys; touches only names of our own making."""
    with os.scandir(base) as entries:
        named = [entry for entry in entries if re.fullmatch(PREFIX + "[0-9a-f]{32}", entry.name)]
    ours = [entry for entry in named if entry.is_dir(follow_symlinks=False)]
    ours.sort(key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    for old in ours[KEEP:]:
        if old.path == keep:
            continue
        try:
            with os.scandir(old.path) as entries:
                for entry in entries:
                    if entry.name.endswith((".loop", ".part")):
                        os.unlink(entry.path)
            os.rmdir(old.path)
        except OSError:  # another process got there first, or still writes: next time
            continue


def _private_interface_present() -> bool:
    """Whether Numba has what ``_FunctionCache`` needs (no public way places one function's cache)."""
    try:
        from numba.core.compiler import CompileResult
        from numba.core.dispatcher import Dispatcher
        from numba.core.serialize import dumps
    except ImportError:
        return False
    return callable(dumps) and hasattr(Dispatcher, "enable_caching") and hasattr(CompileResult, "_rebuild")


class _FunctionCache:
    """What a Numba dispatcher asks of its cache, for one function: load and save the code of a signature."""

    def __init__(self, store: _Store, name: str) -> None:
        self._store, self._name = store, name

    @property
    def cache_path(self) -> str | None:
        return self._store.directory

    def _locate(self, sig: Any, context: Any) -> tuple[str, Any]:
        """The file of a signature on this processor, and the identity that the file must state."""
        identity = (tuple(sig), context.codegen().magic_tuple())
        text = repr(identity)
        if self._store.directory is None or " at 0x" in text:  # a type known by its address never comes back
            return "", None
        tag = hashlib.sha256(text.encode()).hexdigest()[:16]
        return os.path.join(self._store.directory, f"{self._name}-{tag}.loop"), identity

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        from numba.core.compiler import CompileResult

        if not self._store.usable():
            return None
        target_context.refresh()
        path, identity = self._locate(sig, target_context)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        stored, payload = pickle.loads(data[32:])
        return CompileResult._rebuild(target_context, *payload) if stored == identity else None

    def save_overload(self, sig: Any, result: Any) -> None:
        from numba.core.serialize import dumps

        if result.lifted or result.library.has_dynamic_globals or not self._store.usable():
            return
        path, identity = self._locate(sig, result.target_context)
        if not path:
            return
        data = dumps((identity, result._reduce()))
        part = ""
        try:
            handle, part = tempfile.mkstemp(suffix=".part", dir=self._store.directory)
            with open(handle, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            os.replace(part, path)
        except OSError:  # disk full, directory removed: the code in memory serves this process
            self._store.directory, self._store.reason = None, "writing to the cache directory failed"
            with contextlib.suppress(OSError):
                os.unlink(part)

    def enable(self) -> None:
        """Part of the interface; the store decides."""

    def disable(self) -> None:
        """Part of the interface; the store decides."""

    def flush(self) -> None:
        """Part of the interface; nothing is held back."""
