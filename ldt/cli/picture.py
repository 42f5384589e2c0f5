"""``--plot FILE``: a picture's file and format are checked before anything is computed; what it shows is drawn at the end."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ldt.cli.help import files
from ldt.cli.render import Output
from ldt.errors import ModelError

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("png", "pdf", "svg")


def plot_option(what: str) -> Callable[[F], F]:
    """Adds --plot; the command gets ``plot``, a file name or None."""
    return click.option("--plot", metavar="FILE", shell_complete=files, help=f"Draw {what} to FILE (png, pdf or svg).")


class Picture:
    """The file of one picture."""

    def __init__(self, path: str, out: Output) -> None:
        from ldt.plots.style import require

        self.form = Path(path).suffix.lower().lstrip(".")
        if self.form not in FORMATS:
            raise ModelError(f"plot: the file must end in .png, .pdf or .svg, got {path!r}")
        require()
        self._out, self._target = out, out.reserve(path, "--plot")

    def draw(self, fill: Callable[[Any], Any], **size: Any) -> None:
        """Let ``fill`` draw on fresh axes (or make a figure) and save it; where there is nothing to draw, say so and leave no file."""
        from ldt.plots import figure_of

        figure, ax = figure_of(**size)
        try:
            made = fill(ax)
        except ModelError as error:
            self._out.say(f"no picture: {error}")
            self._out.drop(self._target)
            return
        self.save(made if hasattr(made, "savefig") else figure)

    def save(self, figure: Any) -> None:
        """The figure into the file."""
        self._target.write(image(figure, self.form))


def picture_of(path: str | None, out: Output) -> Picture | None:
    """The picture of --plot, if one is asked for."""
    return None if path is None else Picture(path, out)


def image(figure: Any, form: str) -> bytes:
    """The figure as bytes, the same ones every time."""
    from matplotlib import rc_context

    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "ldt"}):
        figure.savefig(buffer, format=form, dpi=150, metadata=dated)
    return buffer.getvalue()
