"""Weighted sums from files.

CSV with a header: ``weight`` and either ``law`` (text, ldt.models.law_text) or ``dof`` and, if wanted, ``ncp`` (weighted chi-squares);
``count`` where terms repeat.  JSON: {"terms": [{"weight": .., "law": .., "count": ..}, ..], "sigma": .., "shift": ..}, with the same
fields a term.  Numbers are numbers and laws are matched against a grammar; nothing in a file is ever run.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from ldt.errors import ModelError, shown

FIELDS = ("weight", "law", "dof", "ncp", "count")
LARGEST = 50_000_000


def read_terms(path: str, text: str | None = None) -> dict[str, Any]:
    """{"terms": [fields of a term], "sigma": float, "shift": float} of a file (``text``: its content, already read)."""
    if text is None:
        try:
            if Path(path).stat().st_size > LARGEST:
                raise ModelError(f"file: {path!r} is larger than {LARGEST:.0e} bytes")
            text = Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise ModelError(f"file: cannot read {path!r} ({getattr(error, 'strerror', None) or error})") from None
    terms, extras = _from_json(text) if text.lstrip()[:1] in ("{", "[") else (_from_csv(text), {})
    if not terms:
        raise ModelError("file: holds no terms")
    found: dict[str, Any] = {"terms": [_term(t, i) for i, t in enumerate(terms, 1)]}
    for name in ("sigma", "shift"):
        found[name] = _number(extras.get(name, 0.0), name, "file")
    unknown = sorted(set(extras) - {"sigma", "shift"})
    if unknown:
        raise ModelError(f"file: unknown field {shown(unknown[0])}; allowed: terms, sigma, shift")
    return found


def _from_json(text: str) -> tuple[list[Any], dict[str, Any]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, or an integer of thousands of digits
        raise ModelError(f"file: not valid JSON ({error})") from None
    if isinstance(content, list):
        content = {"terms": content}
    terms = content.pop("terms", None)
    if not isinstance(terms, list):
        raise ModelError('file: JSON must be a list of terms or {"terms": [...], "sigma": .., "shift": ..}')
    return terms, content


def _from_csv(text: str) -> list[Any]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = csv.reader(io.StringIO("\n".join(lines)), skipinitialspace=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        body = [[cell.strip() for cell in row] for row in rows]
    except csv.Error as error:
        raise ModelError(f"file: not valid CSV ({error})") from None
    double = [name for i, name in enumerate(header) if name in header[:i]]
    if double:
        raise ModelError(f"file: the header has {shown(double[0])} twice")
    for i, row in enumerate(body, 1):
        if len(row) != len(header):
            raise ModelError(f"file: term {i} has {len(row)} cells under a header of {len(header)} (quote laws that hold commas)")
    return [{name: cell for name, cell in zip(header, row, strict=True) if cell} for row in body]


def _term(term: Any, i: int) -> dict[str, Any]:
    if not isinstance(term, dict):
        raise ModelError(f"file: term {i} must have named fields ({', '.join(FIELDS)})")
    unknown = sorted(set(term) - set(FIELDS))
    if unknown:
        raise ModelError(f"file: term {i}: unknown field {shown(unknown[0])}; allowed: {', '.join(FIELDS)}")
    if ("law" in term) == ("dof" in term):
        raise ModelError(f"file: term {i}: give either law or dof (chi-squared)")
    where = f"file: term {i}"
    found: dict[str, Any] = {k: _number(term[k], k, where) for k in ("dof", "ncp") if k in term}
    found["weight"] = _number(term.get("weight", 1.0), "weight", where)
    count = _number(term.get("count", 1), "count", where)
    if not count.is_integer() or not 1.0 <= count <= 1e12:
        raise ModelError(f"{where}: count must be an integer from 1 to 1e12, got {shown(term['count'])}")
    found["count"] = int(count)
    if "law" in term:
        found["law"] = term["law"]
    return found


def _number(value: Any, name: str, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ModelError(f"{where}: {name} must be a finite number, got {shown(value)}")
    return number
