"""Model files: TOML that says everything about a model, checked field by field (docs/models.md).  ``kind`` says which family:
'alignment', or 'network' with its ``architecture``.

Every field of the model must be there, so that no number hangs on a default; ``label``, ``description`` and ``source`` are
optional.  What cannot be read, is not TOML, is unknown, missing or of the wrong type is a ModelError of one line that names the
file and the field.
"""

from __future__ import annotations

import difflib
import math
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ldt.errors import ModelError
from ldt.models.alignment import ACTIVATIONS, MAX_DEGREE, AlignmentSum

KINDS = ("alignment", "network")
FIELDS = ("width", "dim", "readout_variance", "weight_variance", "c", "target", "activation", "overlap")
TEXTS = ("label", "description", "source")
#: architecture: (its class in ldt.models.networks, its fields)
NETWORKS = {
    "two_layer": ("TwoLayerNetwork", ("width", "dim", "readout_variance", "weight_variance", "c", "target", "activation")),
    "three_layer": ("ThreeLayerNetwork", ("width1", "width2", "dim", "c", "target", "points")),
    "cnn": ("ConvolutionalNetwork",
            ("channels", "patch", "patches", "readout_variance", "weight_variance", "c", "target", "activation")),
    "attention": ("AttentionNetwork", ("dim", "heads", "length", "c", "points")),
    "parity": ("ParityNetwork", ("width", "dim", "readout_variance", "weight_variance", "c")),
}
MAX_BYTES = 1_000_000
#: What people write for a field whose name here is another.
ALIASES = {
    "n": "width", "d": "dim", "dimension": "dim", "sigma_a": "readout_variance", "sigma_w": "weight_variance",
    "prefactor": "c", "convention": "c", "name": "label", "phi": "activation", "y": "target", "type": "kind",
}  # fmt: skip


def read_model(path: str | Path, **changes: Any) -> Any:
    """The model of a TOML file; keyword arguments replace its fields ("-" reads standard input).

    Parameters
    ----------
    path : str or Path
    **changes
        Fields of the model, as its constructor takes them.

    Raises
    ------
    ModelError
        One line: the file, the field, the value and what is allowed; also for a file that cannot be read, is larger than
        1 MB or is not TOML (with line and column).

    Examples
    --------
    >>> read_model("no/such/model.toml")
    Traceback (most recent call last):
    ldt.errors.ModelError: no/such/model.toml: cannot be read (No such file or directory)
    """
    data, name = read_bytes(path)
    return parse_model(data, name, **changes)


def read_any(path: str | Path, **changes: Any) -> Any:
    """The model of a TOML file of any kind: an AlignmentSum, or an Architecture (which takes no ``changes``); as ``read_model``."""
    return parse_any(*read_bytes(path), **changes)


def parse_any(data: str | bytes, name: str = "model", **changes: Any) -> Any:
    """The model of TOML text of any kind; as ``read_any``."""
    if _toml(data, name).get("kind") == "architecture":
        from ldt.models.architecture_files import parse_architecture

        if changes:
            raise ModelError(f"{next(iter(changes))}: not a field of an architecture, whose sizes are in its widths")
        return parse_architecture(data, name)
    return parse_model(data, name, **changes)


def read_bytes(path: str | Path) -> tuple[bytes, str]:
    """The content of a model file and its name in messages ("-" reads standard input); ModelError where it cannot be read."""
    name = "<stdin>" if str(path) == "-" else str(path)
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL in the name, a closed stdin
        raise ModelError(f"{name!r}: cannot be read ({error})") from None
    if len(data) > MAX_BYTES:
        raise ModelError(f"{name}: larger than {MAX_BYTES} bytes; a model file is at most that")
    return data, name


def parse_model(data: str | bytes, name: str = "model", **changes: Any) -> Any:
    """The model of TOML text; ``name`` stands for the file in messages.  As ``read_model`` otherwise.

    >>> text = 'kind = "alignment"\\nwidht = 5'
    >>> parse_model(text)
    Traceback (most recent call last):
    ldt.errors.ModelError: model: unknown field 'widht'; did you mean 'width'?
    """
    table = _toml(data, name)
    fields = _known_fields(table, name)
    for field in changes:
        if field not in fields:
            raise ModelError(f"{field}: not a field of a model; allowed: {', '.join(fields)}")
    if table.get("kind") == "architecture":
        raise ModelError(
            f"{name}: kind: 'architecture' has patterns (ldt-rate patterns, ldt.pattern_table) and no law;"
            f" needed: {' or '.join(map(repr, KINDS))}"
        )
    found = _fields(table, fields, name, changes)
    found.update(changes)
    try:
        return _constructor(table)(**found)
    except ModelError as error:
        # A message starts with its field; what the caller changed is not the file's fault.
        field = str(error).partition(":")[0].split(" ")[0]
        raise error if field in changes else ModelError(f"{name}: {error}") from None


def _known_fields(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The fields of the family that ``kind`` and ``architecture`` name."""
    if table.get("kind", "alignment") != "network":
        return FIELDS
    if "architecture" not in table:
        raise ModelError(f"{name}: missing field 'architecture'; a network's is one of {', '.join(NETWORKS)}")
    architecture = table["architecture"]
    if not isinstance(architecture, str) or architecture not in NETWORKS:
        raise ModelError(f"{name}: architecture: must be one of {', '.join(NETWORKS)}, got {architecture!r}")
    return NETWORKS[architecture][1]


def _constructor(table: Mapping[str, Any]) -> Any:
    if table["kind"] == "alignment":
        return AlignmentSum
    from ldt.models import networks

    return getattr(networks, NETWORKS[table["architecture"]][0])


def _toml(data: str | bytes, name: str) -> dict[str, Any]:
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ModelError(f"{name}: not text in UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise ModelError(f"{name}: not a model file (nested too deeply)") from None
    except ValueError as error:  # TOMLDecodeError, or an integer with thousands of digits
        raise ModelError(f"{name}: not valid TOML: {str(error).splitlines()[0]}") from None


def _fields(table: Mapping[str, Any], fields: tuple[str, ...], name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments, names and types checked."""
    heads = ("kind",) if table.get("kind") != "network" else ("kind", "architecture")
    known = (*heads, *fields, *TEXTS)
    for field in table:
        if field not in known:
            raise ModelError(f"{name}: unknown field {field!r}; {_nearest(field, known)}")
    for field in ("kind", *fields):
        if field not in table and field not in changes:
            raise ModelError(f"{name}: missing field {field!r}; a model file has {', '.join((*heads, *fields))}")
    if table["kind"] not in KINDS:
        raise ModelError(f"{name}: kind: must be {' or '.join(map(repr, KINDS))}, got {table['kind']!r}")
    for field in TEXTS:
        if not isinstance(table.get(field, ""), str):
            raise ModelError(f"{name}: {field}: must be a text, got {table[field]!r}")
    found = {field: _small(table[field]) for field in fields if field in table and field not in changes}
    if found.get("activation", "erf") not in ACTIVATIONS:
        raise ModelError(f"{name}: activation: must be one of {', '.join(ACTIVATIONS)}, got {found['activation']!r}")
    if "target" in found:
        found["target"] = _target(found["target"], name)
    return found | {"label": table.get("label", "")}


def _target(value: Any, name: str) -> Any:
    """k, or {k: coefficient} from a table whose keys are texts (all TOML keys are)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    allowed = f'a degree from 0 to {MAX_DEGREE}, or a table of them like {{ "1" = 1.0, "3" = 0.1 }}'
    if not isinstance(value, dict):
        raise ModelError(f"{name}: target: must be {allowed}, got {value!r}")
    terms = {}
    for key, coefficient in value.items():
        if not (key.isascii() and key.isdigit() and len(key) < 9 and str(int(key)) == key):
            raise ModelError(f"{name}: target: a degree must be an integer from 0 to {MAX_DEGREE}, got {key!r}")
        if isinstance(coefficient, bool) or not isinstance(coefficient, (int, float)):
            raise ModelError(f"{name}: target: the coefficient of He_{key} must be a finite number, got {coefficient!r}")
        terms[int(key)] = _small(coefficient)
    return terms


def _small(value: Any) -> Any:
    """An integer too large for a double becomes infinity, which every field refuses by name."""
    return math.inf if isinstance(value, int) and abs(value) > 10**300 else value


def _nearest(field: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(field.lower(), known, n=1, cutoff=0.6)
    guess = ALIASES.get(field.lower()) or (close[0] if close else None)
    return f"did you mean {guess!r}?" if guess else f"known fields: {', '.join(known)}"


__all__ = ["parse_any", "parse_model", "read_any", "read_bytes", "read_model"]
