"""``ldt-rate cite``: BibTeX for the software, its paper, and what a result used."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from ldt.cli.options import output_options
from ldt.cli.render import DONE, Output


@click.command("cite")
@click.argument("result", metavar="[RESULT]", required=False)
@click.option("--method", "methods", multiple=True, metavar="NAME",
              help="A method or subject, such as saddlepoint, umbrella, lazy or rg; several times.")  # fmt: skip
@output_options(csv=False)
def command(result: str | None, methods: tuple[str, ...], out: Output) -> int:
    """BibTeX for what RESULT used: a file that a command wrote with --json or -o FILE.json, or "-" for standard input.

    Without one, the software and its paper.
    """
    from ldt.citations import METHODS, NAMED, bibtex, uses_of
    from ldt.errors import ModelError

    for name in methods:
        if name not in METHODS and name not in NAMED:
            raise ModelError(f"method: must be one of {', '.join(sorted({*METHODS, *NAMED}))}, got {name!r}")
    uses = list(methods) + ([] if result is None else uses_of(_content(result)))
    text = bibtex(uses)
    out.answer({"uses": uses, "bibtex": text}, text)
    return DONE


def _content(path: str) -> dict[str, Any]:
    from ldt.errors import ModelError

    try:
        if path == "-":
            text = sys.stdin.read()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        found = json.loads(text)
    except OSError as error:
        raise ModelError(f"result: {path!r} cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise ModelError(f"result: {path!r} is not the JSON of a result ({str(error).splitlines()[0]})") from None
    if not isinstance(found, dict):
        raise ModelError(f"result: {path!r} is not the JSON of a result (an object is, not a {type(found).__name__})")
    return found
