"""Sweeps: a grid of models x levels x methods (x repeats) from a TOML file (docs/sweeps.md), one record a finished point.

A point's seed is made from the sweep's seed and the point itself, so that it does not depend on the order, on what else is in the grid
or on how often the run was stopped:  seed = first 63 bits of SHA-256("sweep seed : digest of the point").
"""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ldt.errors import LdtError, ModelError, shown
from ldt.models.files import TEXTS, read_model
from ldt.results import _Record
from ldt.scaling.records import Record, Store, digest, now, versions
from ldt.scaling.widths import width_law
from ldt.tails.methods import method_of, plan_of

FIELDS = ("kind", "seed", "levels", "quantity", "side", "repeats", "models", "methods", *TEXTS)
#: Options that a sweep decides itself.
OWN = ("rng", "workers", "progress")
MAX_POINTS = 1_000_000
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Point:
    """One question: ``model``, and the strict-JSON ``content`` that says everything about it."""

    model: Any
    content: dict[str, Any]

    @property
    def key(self) -> str:
        """The digest by which a record is found again."""
        return digest(self.content)

    @property
    def text(self) -> str:
        """A few words for progress."""
        return f"{self.content['method']}, {self.model.name}, level {self.content['level']:g}"


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep file, each once, in the file's order."""

    name: str
    seed: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class SweepResult(_Record):
    """``records`` of all points in the sweep's order; how many were ``computed`` now and ``reused``; ``notes`` on the file."""

    picture: ClassVar[str] = "ldt.plots.scaling:plot_sweep"

    records: tuple[Record, ...]
    computed: int
    reused: int
    notes: tuple[str, ...]

    @property
    def statuses(self) -> dict[str, int]:
        """How many points are ok, warning, failed."""
        return {name: sum(r.status == name for r in self.records) for name in ("ok", "warning", "failed")}


# -- reading -------------------------------------------------------------------------------------------------------------------


def read_sweep(path: str | Path) -> Sweep:
    """The points of a sweep file; ModelError naming the file and the field for what makes no sense.

    >>> read_sweep("no/such/sweep.toml")
    Traceback (most recent call last):
    ldt.errors.ModelError: no/such/sweep.toml: cannot be read (No such file or directory)
    """
    name = str(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ModelError(f"{name}: larger than {MAX_BYTES} bytes; a sweep file is at most that")
        table = tomllib.loads(data.decode())
    except ModelError:
        raise
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: not valid TOML: {str(error).splitlines()[0]}") from None
    try:
        return _sweep(table, name, Path(path).parent)
    except ModelError as error:
        raise error if str(error).startswith(name) else ModelError(f"{name}: {error}") from None


def _sweep(table: dict[str, Any], name: str, folder: Path) -> Sweep:
    _known(table, FIELDS, "")
    if table.get("kind") != "sweep":
        raise ModelError(f"kind: must be 'sweep', got {shown(table.get('kind'))}")
    seed = _integer("seed", table.get("seed"), 0, 2**63 - 1)
    repeats = _integer("repeats", table.get("repeats", 1), 1, MAX_POINTS)
    quantity, side = table.get("quantity", "tail"), table.get("side", "upper")
    for field, value, allowed in (("quantity", quantity, ("tail", "density")), ("side", side, ("upper", "lower"))):
        if value not in allowed:
            raise ModelError(f"{field}: must be {' or '.join(map(repr, allowed))}, got {value!r}")
    methods = _tables(table, "methods")
    points: dict[str, Point] = {}
    for i, block in enumerate(_tables(table, "models"), 1):
        at = f"models, number {i}"
        levels = _levels(block.pop("levels", table.get("levels")), at)
        for model, level, (j, asked) in itertools.product(_models(block, folder, at), levels, enumerate(methods, 1)):
            method, options = _method(model, level, quantity, asked, f"methods, number {j}")
            drawn = "rng" in method_of(model, plan_of(model, level).method if method == "auto" else method).options
            for repeat in range(repeats if drawn else 1):
                content = {"model": model.to_dict(), "level": level, "quantity": quantity, "side": side, "method": method,
                           "options": options, "repeat": repeat}  # fmt: skip
                try:
                    point = Point(model, {**content, "seed": _seed(seed, content) if drawn else None})
                    key = point.key
                except ValueError as error:  # what strict JSON cannot say: nan, inf
                    raise ModelError(f"{at}: {error}") from None
                points.setdefault(key, point)
            if len(points) > MAX_POINTS:
                raise ModelError(f"a sweep has at most {MAX_POINTS} points")
    return Sweep(name, seed, tuple(points.values()))


def _seed(seed: int, content: dict[str, Any]) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{digest(content)}".encode()).digest()[:8], "big") >> 1


def _tables(table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = table.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(t, dict) for t in found):
        raise ModelError(f"{name}: needs at least one [[{name}]]")
    return [dict(t) for t in found]


def _models(block: dict[str, Any], folder: Path, at: str) -> Iterator[Any]:
    """The models of one block: every field that is a list is a direction of the grid; width may be a law in d."""
    file = block.pop("file", None)
    if not isinstance(file, str) or not file:
        raise ModelError(f"{at}: file: must name a model file, got {file!r}")
    axes = [[(field, v) for v in (value if isinstance(value, list) else [value])] for field, value in block.items()]
    if not all(axes):
        raise ModelError(f"{at}: an empty list")
    for chosen in itertools.product(*axes):
        fields = {k: {int(d): c for d, c in v.items()} if isinstance(v, dict) and all(d.isdigit() for d in v) else v for k, v in chosen}
        law = fields.get("width")
        if isinstance(law, str):
            plain = read_model(folder / file, **{k: v for k, v in fields.items() if k != "width"})
            fields["width"] = width_law(law)(plain.dim)
        yield read_model(folder / file, **fields)


def _levels(value: Any, at: str) -> list[float]:
    if value is None:
        raise ModelError(f"levels: missing; give them for all models or in {at}")
    levels = value if isinstance(value, list) else [value]
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, (int, float)) or not -1e300 < level < 1e300:
            raise ModelError(f"levels: must be finite numbers, got {shown(level)}")
    if not levels:
        raise ModelError("levels: an empty list")
    return [float(level) for level in levels]


def _method(model: Any, level: float, quantity: str, asked: dict[str, Any], at: str) -> tuple[str, dict[str, Any]]:
    """(name, options), checked against what the model's methods take."""
    options = dict(asked)
    name = options.pop("method", None)
    try:
        how = method_of(model, plan_of(model, level).method if name == "auto" else name)
    except ModelError as error:
        raise ModelError(f"{at}: {error}") from None
    allowed = [o for o in how.options if o not in OWN]
    for option, value in options.items():
        if option not in allowed:
            raise ModelError(f"{at}: {option}: not an option of method {name!r} in a sweep (its options: {', '.join(allowed) or 'none'})")
        if not isinstance(value, (bool, int, float, str)):
            raise ModelError(f"{at}: {option}: must be a number or a text, got {shown(value)}")
    if quantity == "density" and not how.density:
        raise ModelError(f"{at}: {name!r} gives tails, not densities")
    return str(name), options


def _known(table: dict[str, Any], fields: tuple[str, ...], at: str) -> None:
    for field in table:
        if field not in fields:
            raise ModelError(f"{at}unknown field {field!r}; known fields: {', '.join(fields)}")


def _integer(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ModelError(f"{name}: must be an integer from {low} to {high:g}, got {shown(value)}")
    return value


# -- running -------------------------------------------------------------------------------------------------------------------


def notes_on(sweep: Sweep, store: Store) -> tuple[str, ...]:
    """What there is to say about the records found: a torn line, other versions, points that the sweep does not have."""
    keys = {point.key for point in sweep.points}
    old = [r for r in store.known.values() if not r.usable]
    stray = [r for r in store.known.values() if r.usable and r.key not in keys]
    made_by = ", ".join(sorted({str(r.versions.get("ldt")) for r in old}))
    return tuple(filter(None, [
        f"{store.path}: removed an unfinished last line ({store.torn} bytes); its point is computed again" if store.torn else "",
        f"{store.path}: {len(old)} records of another version (ldt {made_by}) are kept but not used" if old else "",
        f"{store.path}: {len(stray)} records belong to no point of {sweep.name} as it is now; they are kept" if stray else "",
        "" if store.locked else f"{store.path}: no file locks here: do not run another sweep into it",
    ]))  # fmt: skip


def run(
    sweep: Sweep, store: Store, ask: Callable[..., Any], *, workers: Any = 1,
    progress: Callable[[int, int, str], object] | None = None,
) -> SweepResult:  # fmt: skip
    """Compute the points that have no usable record; ``ask`` is ldt.tail or its like, with ``quantity``; ``progress(done, total, text)``.

    A point without an answer is a record with status 'failed' and the reason.  Ctrl-C leaves the records of the points finished.
    """
    notes, made = notes_on(sweep, store), versions()
    todo = [p for p in sweep.points if p.key not in store.known or not store.known[p.key].usable]
    reused = len(sweep.points) - len(todo)
    for i, point in enumerate(todo):
        extra: dict[str, Any] = {}
        if point.content["seed"] is not None:
            extra = {"rng": point.content["seed"], "workers": workers}
        if progress is not None:
            progress(reused + i, len(sweep.points), point.text)
        store.append(replace(_answer(point, ask, extra), versions=made))
    return SweepResult(tuple(store.known[p.key] for p in sweep.points), len(todo), reused, notes)


def _answer(point: Point, ask: Callable[..., Any], extra: dict[str, Any]) -> Record:
    content = point.content
    try:
        found = ask(
            point.model, content["level"], quantity=content["quantity"], side=content["side"], method=content["method"],
            **content["options"], **extra,
        )  # fmt: skip
    except LdtError as error:
        return Record(point.key, content, "failed", f"{type(error).__name__}: {error}", None, {}, now())
    return Record(point.key, content, found.status, found.advice, found.to_dict(), {}, now())


__all__ = ["Point", "Sweep", "SweepResult", "notes_on", "read_sweep", "run"]
