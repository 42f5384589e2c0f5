"""One HTML page that needs nothing else: style, pictures (inline SVG) and text in one file, and a policy that forbids the rest."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --soft: #595959; --line: #c9c9c9; --box: #f4f4f2; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --paper: #17181a; --soft: #b0b0b0; --line: #4a4a4a; --box: #232528; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.2rem 4rem; max-width: 62rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 0.3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 0.6rem; padding-bottom: 0.2rem; border-bottom: 1px solid var(--line); }
p { max-width: 46rem; }
.answer { font-size: 1.9rem; font-weight: 600; margin: 1rem 0 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.soft { color: var(--soft); margin: 0.1rem 0 0.8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
figure { margin: 1.2rem 0 1.8rem; }
figure svg { display: block; width: 100%; max-width: 40rem; height: auto; background: #ffffff; border: 1px solid var(--line); border-radius: 4px; }
figcaption { color: var(--soft); font-size: 0.92rem; margin-top: 0.4rem; max-width: 46rem; }
pre { background: var(--box); padding: 0.6rem 0.8rem; border-radius: 4px; overflow-x: auto; font: 0.82rem/1.45 ui-monospace, monospace; margin: 0.5rem 0; }
nav a { margin-right: 1rem; color: inherit; }
@media print { body { max-width: none; padding: 0; } figure, table { break-inside: avoid; } pre { white-space: pre-wrap; } }
"""  # noqa: E501

#: Nothing may be fetched from anywhere, and no script may run.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def escaped(text: Any) -> str:
    """Text as HTML."""
    return html.escape(str(text))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escaped(text)}</p>\n"


def preformatted(text: str) -> str:
    """Text as it stands: commands, files."""
    return f"<pre>{escaped(text)}</pre>\n"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; without a header the first column is one.

    >>> table((), [("N", 50)]).count("<th")
    1
    """
    lines = ['<div class="wide"><table>']
    if header:
        lines.append("<tr>" + "".join(f'<th scope="col">{escaped(name)}</th>' for name in header) + "</tr>")
    for row in rows:
        cells = [f"<td>{escaped(cell)}</td>" for cell in row]
        if not header:
            cells[0] = f'<th scope="row">{escaped(row[0])}</th>'
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join(lines) + "\n</table></div>\n"


@dataclass(frozen=True)
class Source:
    """Where a report's model comes from: its ``words`` on the command line, the ``python`` that makes it, the ``text`` of its file."""

    words: str
    python: str
    text: str = ""

    def script(self, line: str) -> str:
        """A line of Python that follows the model's."""
        reader = "from ldt.models.files import read_model\n" if self.python.startswith("read_model") else ""
        return f"# Python\nimport ldt\n{reader}model = {self.python}\n{line}"


class Page:
    """Sections in order; ``text`` is the whole file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.pictures = 0
        self.sections: list[tuple[str, str]] = []
        self.head = ""

    def add(self, title: str, *parts: str) -> None:
        """A section of parts that are HTML already."""
        self.sections.append((title, "".join(parts)))

    def picture(self, figure: Any, caption: str, command: str) -> str:
        """The figure as SVG with a caption and the command that draws it."""
        from ldt.cli.picture import image

        self.pictures += 1
        svg = image(figure, "svg").decode()
        svg = svg[svg.index("<svg") :]
        own = f"p{self.pictures}-"  # names are unique on a page
        svg = re.sub(r'\bid="', f'id="{own}', svg)
        svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{own}", svg)
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
        svg = svg.replace("<svg", f'<svg role="img" aria-label="{escaped(caption)}"', 1)
        return f"<figure>\n{svg}<figcaption>{escaped(caption)}</figcaption>\n{preformatted(command)}</figure>\n"

    def text(self) -> str:
        """The file."""
        links = "".join(f'<a href="#s{i}">{escaped(name)}</a>' for i, (name, _) in enumerate(self.sections))
        body = "".join(f'<section id="s{i}">\n<h2>{escaped(name)}</h2>\n{text}</section>\n' for i, (name, text) in enumerate(self.sections))
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escaped(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            f"<h1>{escaped(self.title)}</h1>\n{self.head}<nav>{links}</nav>\n{body}</body>\n</html>\n"
        )
