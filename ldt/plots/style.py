"""What all pictures share: colours, figures without a display, the axes to draw on.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; lines differ in style as well, so that print in grey does.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from textwrap import fill
from typing import Any

from ldt.errors import ModelError

BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"

LINE_STYLES = ((BLUE, "o", "-"), (RED, "s", "--"), (GREEN, "^", "-."), (PURPLE, "D", ":"), (ORANGE, "v", "-"), (SKY, "P", "--"))


#: Pattern -> (colour, line style, label).
PATTERN_STYLE = {
    "gp": (BLUE, "--", "GP"),
    "gfl": (GREEN, "-.", "GFL"),
    "specialization": (RED, ":", "specialization"),
}


def figure_of(panels: int = 1, width: float = 6.4, height: float = 4.4) -> tuple[Any, Any]:
    """(figure, axes) that need no display and belong to no pyplot state: for programs that save files.

    ``panels`` > 1 stacks them, with one horizontal axis and the first twice as high; then axes is an array.
    """
    require()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if panels == 1:
        return figure, figure.add_subplot()
    return figure, figure.subplots(panels, 1, sharex=True, height_ratios=[2.0] + [1.0] * (panels - 1))


def axes_of(ax: Any) -> Any:
    """``ax``, or new axes of pyplot's current backend; ModelError where matplotlib is missing."""
    if ax is not None:
        return ax
    require()
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def require() -> None:
    """ModelError where matplotlib is missing."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise ModelError("plot: needs matplotlib (pip install 'ldt[plot]')")


def title(ax: Any, what: Any) -> None:
    """A model's name, or text, above the axes, in lines that fit the default width."""
    text = what if isinstance(what, str) else getattr(what, "name", "")
    if text:
        ax.set_title(fill(text, 78), fontsize="small")


def legend_outside(ax: Any, below: bool = True, ncols: int = 1, size: float = 8) -> None:
    """A legend under the horizontal axis's label (or above the title), by a distance in points: whatever the height of the axes."""
    from matplotlib.transforms import ScaledTranslation

    lines = ax.get_title().count("\n") + 1
    points = -38.0 if below else 8.0 + 13.0 * lines
    away = ax.transAxes + ScaledTranslation(0.0, points / 72.0, ax.figure.dpi_scale_trans)
    place = {"loc": "upper left", "bbox_to_anchor": (-0.08, 0.0)} if below else {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    ax.legend(frameon=False, fontsize=size, ncols=ncols, borderaxespad=0.0, bbox_transform=away, **place)


def size_ticks(axis: Any, values: Iterable[float], most: int = 9) -> None:
    """Ticks of a logarithmic axis at the sizes themselves, written out, where they are few and close together."""
    sizes = sorted(set(values))
    if not 1 < len(sizes) <= most or sizes[-1] / sizes[0] > 200.0 or min(b / a for a, b in pairwise(sizes)) < 1.15:
        return
    axis.set_ticks(sizes, [f"{v:g}" for v in sizes])
    axis.set_ticks([], minor=True)


def event(result: Any) -> str:
    """The event of a result as mathematics without dollar signs: 'A \\geq 1'."""
    relation = "=" if result.quantity == "density" else r"\leq" if result.side == "lower" else r"\geq"
    return rf"{symbol(result.model)} {relation} {result.level:g}"


def symbol(model: Any) -> str:
    """What the model's random number is called: A of networks, S of sums."""
    return "S" if getattr(model, "kind", "") in ("sum", "heavy") else "A"
