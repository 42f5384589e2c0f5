"""Model files of kind "architecture": TOML, every field there, checked by name (docs/models.md).

kind = "architecture";  base = "d";  [widths] symbol = number or power of the base;  [target] kind and terms;
one [[layers]] a layer: type, its sizes, activation (where it has one), weight_variance, prior
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldt.errors import ModelError
from ldt.models.architecture import TARGETS, Architecture, Layer, Target
from ldt.models.files import TEXTS, _nearest, _toml
from ldt.models.layers import LAYERS

FIELDS = ("kind", "base", "widths", "target", "layers")


def parse_architecture(data: str | bytes, name: str = "model") -> Architecture:
    """The architecture of TOML text; ModelError of one line, naming ``name`` and the field, for whatever is wrong.

    >>> parse_architecture('kind = "architecture"\\nbase = "d"\\nwidth = 5')
    Traceback (most recent call last):
    ldt.errors.ModelError: model: unknown field 'width'; did you mean 'widths'?
    """
    table = _toml(data, name)
    _names(table, FIELDS, TEXTS, name, "an architecture")
    if table["kind"] != "architecture":
        raise ModelError(f"{name}: kind: must be 'architecture', got {table['kind']!r}")
    for field in TEXTS:
        if not isinstance(table.get(field, ""), str):
            raise ModelError(f"{name}: {field}: must be a text, got {table[field]!r}")
    for field, kind in (("widths", dict), ("target", dict), ("layers", list)):
        if not isinstance(table[field], kind):
            raise ModelError(
                f"{name}: {field}: must be {'[[layers]] entries' if kind is list else f'a table [{field}]'}, got {table[field]!r}"
            )
    try:
        target = _target(table["target"])
        layers = tuple(_layer(entry, i) for i, entry in enumerate(table["layers"], 1))
        return Architecture(layers, target, table["widths"], table["base"], table.get("label", ""))
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None


def _names(table: Mapping[str, Any], needed: tuple[str, ...], optional: tuple[str, ...], where: str, what: str) -> None:
    """ModelError for a field that is not known, or not there."""
    for field in table:
        if field not in needed + optional:
            raise ModelError(f"{where}: unknown field {field!r}; {_nearest(field, needed + optional)}")
    for field in needed:
        if field not in table:
            raise ModelError(f"{where}: missing field {field!r}; {what} has {', '.join(needed)}")


def _target(table: Mapping[str, Any]) -> Target:
    kind = table.get("kind", "")
    needed = ("kind", "terms") if TARGETS.get(kind if isinstance(kind, str) else "") else ("kind",)
    if kind and kind not in TARGETS:
        raise ModelError(f"target: kind must be one of {', '.join(TARGETS)}, got {kind!r}")
    _names(table, needed, (), "target", "this target")
    if len(needed) == 1:
        return Target(kind)
    terms = table["terms"]
    if not isinstance(terms, dict) or not all(k.isascii() and k.isdigit() and len(k) < 4 for k in terms):
        raise ModelError(f'target: terms: must be a table of degrees like {{ "3" = 1.0 }}, got {terms!r}')
    return Target(kind, {int(k): v for k, v in terms.items()})


def _layer(entry: Any, number: int) -> Layer:
    where = f"layers: layer {number}"
    if not isinstance(entry, dict):
        raise ModelError(f"{where}: must be a table [[layers]], got {entry!r}")
    if "type" not in entry:
        raise ModelError(f"{where}: missing field 'type'; one of {', '.join(LAYERS)}")
    kind = LAYERS.get(entry["type"]) if isinstance(entry["type"], str) else None
    if kind is None:
        raise ModelError(f"{where}: type: must be one of {', '.join(LAYERS)}, got {entry['type']!r}")
    sizes = tuple(name for name, _ in kind.sizes)
    needed = ("type", *sizes, *(("activation",) if kind.activated else ()), "weight_variance", "prior")
    _names(entry, needed, (), where, f"a {kind.name} layer")
    try:
        return Layer(kind.name, {s: entry[s] for s in sizes}, entry.get("activation", ""), entry["weight_variance"], entry["prior"])
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


__all__ = ["parse_architecture"]
