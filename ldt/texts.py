"""Numbers and results as words: the digits that an error leaves, a result's rows, and those rows as an HTML table.

The command line, Jupyter and reports say the same thing because they ask here.  Nothing heavy is imported.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

ERROR_KINDS = {
    "bound": "the true value is within this",
    "estimate": "numerical estimate from independent variations",
    "stderr": "one standard error",
}
#: Rows of a table of levels that are shown.
MOST_ROWS = 24


def digits(value: Any, error: Any = 0.0) -> str:
    """``value`` with the decimals that ``error`` leaves it (two digits of the error), at most 16 digits in all.

    >>> digits(442.409210238869, 5.0e-11), digits(173.3, 0.04), digits(2.5e7, 1e6)
    ('442.409210238869', '173.300', '25000000')
    >>> digits(7.3134e-193, 1e-195)
    '7.313e-193'
    """
    if value is None or not math.isfinite(value):
        return "none"
    if not error or not math.isfinite(error):
        return repr(float(value) + 0.0)  # not -0.0
    if 0.0 < abs(value) < 1e-4:
        return f"{value:.{min(15, max(1, math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 1))}e}"
    whole = len(str(int(abs(value))))
    decimals = min(max(0, 2 - math.floor(math.log10(error)) - 1), max(0, 16 - whole))
    return f"{value:.{decimals}f}"


def number(value: Any) -> str:
    """A number for people: six digits, 'none' where there is none.

    >>> number(0.1234567), number(None), number(10**12)
    ('0.123457', 'none', '1000000000000')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# -- a result in words -------------------------------------------------------------------------------------------------------


def result_rows(result: Any, *, verbose: bool = False) -> list[tuple[str, str]]:
    """(name, text) of a TailResult at one level; rows that do not apply have no text."""
    level = f"{result.level:.12g}" if isinstance(result.level, (int, float)) else "level"
    symbol = "S" if getattr(result.model, "kind", "") in ("sum", "heavy") else "A"
    what = f"p({level})" if result.quantity == "density" else f"P({symbol} {'<=' if result.side == 'lower' else '>='} {level})"
    found = math.isfinite(result.logp)
    error = float(result.detail["error"]) if _many_digits(result) else result.error
    rows = [
        (f"-log {what}", f"{_logp(result)} nats" if found else "infinite" if result.logp == -math.inf and error == 0.0 else "no answer"),
        ("error", f"{error:.2g} nats ({ERROR_KINDS[result.error_kind]})" if math.isfinite(error) else "unknown"),
        (f"log10 {what}", digits(result.log10p, result.error / math.log(10.0)) if found else ""),
        ("enclosure", f"log {what} = {result.detail.ball} nats" if hasattr(result.detail, "ball") else ""),
        ("method", result.method),
        ("model", getattr(result.model, "name", "")),
        ("specialised", specialised_of(result.detail) or _by_layer(result.detail)),
        ("samples", _samples(result)),
        ("status", result.status + (f": {result.advice}" if result.advice else "")),
        ("seed", "" if result.seed is None else str(result.seed)),
        ("cost", _cost(result.cost)),
    ]
    if verbose:
        rows += [(f"  {name}", text) for name, text in _details(result)]
    return rows


def specialised_law(detail: Any) -> dict[int, float]:
    """{number of specialised neurons: its probability given the event}; empty where the method does not know it."""
    numbers, probability = getattr(detail, "specialised", None), getattr(detail, "probability", None)
    if isinstance(numbers, dict):  # means by layer, of networks
        return {}
    if numbers is not None and probability is None and hasattr(detail, "share"):  # counts by bin, for every sector
        numbers, probability = [sum(counts) for counts in numbers], detail.share
    law: dict[int, float] = {}
    for k, p in zip(numbers if numbers is not None else (), probability if probability is not None else (), strict=True):
        law[int(k)] = law.get(int(k), 0.0) + float(p)
    return law if len(law) > 1 or sum(law) > 0 else {}


def specialised_of(detail: Any) -> str:
    """The law of the number of specialised neurons given the event, in words; '' where there is none.

    >>> from types import SimpleNamespace
    >>> specialised_of(SimpleNamespace(specialised=[2, 3, 4], probability=[0.0001, 0.72, 0.2799]))
    '3.28 neurons on average (3: 72.0 %, 4: 28.0 %)'
    """
    law = specialised_law(detail)
    if not law:
        return ""
    mean = sum(k * p for k, p in law.items())
    likely = [(k, p) for k, p in law.items() if p >= 0.0005]
    shown = sorted(sorted(likely, key=lambda kp: -kp[1])[:6])
    more = ", ..." if len(likely) > len(shown) else ""
    words = ", ".join(f"{k}: {100 * p:.1f} %" for k, p in shown)
    return f"{mean:.3g} neuron{'' if abs(mean - 1) < 5e-4 else 's'} on average ({words}{more})"


def _samples(result: Any) -> str:
    detail = result.detail
    if not hasattr(detail, "samples"):
        return ""
    parts = [f"{detail.samples} drawn"]
    if hasattr(detail, "ess"):
        parts.append(f"{detail.ess:.0f} effective")
    if hasattr(detail, "relative_variance"):
        parts.append(f"relative variance {detail.relative_variance:.3g} a sample")
    if hasattr(detail, "hits"):
        parts.append(f"{detail.hits} in the event")
    return ", ".join(parts)


def _cost(cost: Any) -> str:
    parts = [f"{cost.nodes} nodes"] if cost.nodes else []
    parts += [f"{cost.samples} samples"] if cost.samples else []
    return ", ".join([*parts, f"{cost.seconds:.2g} s"])


def _details(result: Any) -> list[tuple[str, str]]:
    """The scalar parts of the detail."""
    content = result.to_dict()["detail"]
    if not isinstance(content, dict):
        return []
    kept = {k: v for k, v in content.items() if isinstance(v, (int, float, str, bool))}
    return [(k.replace("_", " "), v if isinstance(v, str) else number(v)) for k, v in kept.items()]


def _by_layer(detail: Any) -> str:
    """The mean number of specialised units of each layer over replicates, in words."""
    layers = getattr(detail, "specialised", None)
    if not isinstance(layers, dict):
        return ""
    return ", ".join(f"{sum(means) / len(means):.3g} {name} on average" for name, means in layers.items() if means)


def _many_digits(result: Any) -> bool:
    """Whether the detail holds more digits than a float carries."""
    return isinstance(result.detail, dict) and "dps" in result.detail


def _logp(result: Any) -> str:
    if _many_digits(result):
        import mpmath

        whole = len(str(int(abs(result.logp))))
        text = str(mpmath.nstr(result.detail["logp"], whole + result.detail["dps"], strip_zeros=False))
        return text[1:] if text.startswith("-") else "-" + text  # arithmetic would round to the ambient precision
    return digits(-result.logp, result.error)


# -- HTML --------------------------------------------------------------------------------------------------------------------

#: No colours of its own: the text and lines take those of the page, light or dark.
TABLE = "border-collapse:collapse;color:inherit;background:transparent;font-variant-numeric:tabular-nums"
CELL = "padding:0.15em 0.9em 0.15em 0;text-align:left;vertical-align:top;color:inherit;background:transparent"
RULE = "border-bottom:1px solid currentColor"


def html_table(caption: str, rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> str:
    """A small table that is legible on light and dark pages; all text is escaped.  Without a ``header`` the first column is one.

    >>> html_table("a < b", [("x", "1")]).count("&lt;"), "<script>" in html_table("", [("<script>", "")])
    (1, False)
    """
    lines = [f'<table style="{TABLE}">']
    if caption:
        lines.append(f'<caption style="{CELL};caption-side:top;font-weight:bold">{html.escape(caption)}</caption>')
    if header:
        heads = "".join(f'<th scope="col" style="{CELL};{RULE}">{html.escape(text)}</th>' for text in header)
        lines.append(f"<tr>{heads}</tr>")
    for row in rows:
        cells = [f'<td style="{CELL}">{html.escape(str(text))}</td>' for text in row]
        if not header:
            cells[0] = f'<th scope="row" style="{CELL};font-weight:normal;opacity:0.75">{html.escape(str(row[0]))}</th>'
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "".join(lines) + "</table>"


def html_of(record: Any) -> str:
    """A result as such a table: its rows in words, or for several levels one line a level."""
    name = type(record).__name__
    logp = getattr(record, "logp", None)
    if isinstance(logp, float) and hasattr(record, "quantity"):
        return html_table(name, [(k, v) for k, v in result_rows(record) if v])
    if hasattr(logp, "ravel") and hasattr(record, "quantity"):
        return _levels_html(record, name)
    rows = [(str(k).replace("_", " "), _cell(v)) for k, v in record.to_dict().items() if v not in (None, "", {}, [])]
    return html_table(name, rows)


def _levels_html(result: Any, name: str) -> str:
    columns = [getattr(result, field).ravel().tolist() for field in ("level", "logp", "error", "status")]
    rows = [
        (f"{x:.6g}", digits(-p if math.isfinite(p) else None, e), f"{e:.1e}", str(status))
        for x, p, e, status in zip(*columns, strict=True)
    ]
    left_out = len(rows) - MOST_ROWS
    more = f" (the first {MOST_ROWS} of {len(rows)} levels)" if left_out > 0 else ""
    what = "-log p" if result.quantity == "density" else f"-log P(A {'<=' if result.side == 'lower' else '>='} level)"
    model = getattr(result.model, "name", "")
    return html_table(f"{name}: {model}, {result.method}{more}", rows[:MOST_ROWS], ("level", what + " [nats]", "error", "status"))


def _cell(value: Any) -> str:
    """A field of a result in few words."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        if "name" in value and isinstance(value["name"], str):
            return value["name"]
        inner = [f"{k} = {_cell(v)}" for k, v in value.items() if not isinstance(v, (dict, list)) and v is not None]
        return _short(", ".join(inner))
    if isinstance(value, list):
        if len(value) > 8:
            return f"{len(value)} entries: {_cell(value[:4])}, ..."
        return _short(", ".join(_cell(v) for v in value))
    return _short(str(value))


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[: most - 4] + " ..."


__all__ = ["ERROR_KINDS", "digits", "html_of", "html_table", "number", "result_rows", "specialised_law", "specialised_of"]
