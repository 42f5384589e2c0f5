"""Every result that has a picture: drawn by ``result.plot()``, labelled, with nothing outside the page and no tick over another."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ldt
from ldt.results import Drawn

pytest.importorskip("matplotlib")

from ldt import plots
from ldt.lazy import Kernel, components, lazy_cost
from ldt.patterns.two_layer import pattern_costs
from ldt.rg import Action, learning_curve, one_loop, power_law
from ldt.scaling.run import prepare, run
from ldt.scaling.studies import study

MODELS = Path(__file__).parents[1] / "data" / "models"
SMALL = ldt.AlignmentSum(8, 8)
GAMMAS = ldt.IidSum(ldt.parse_law("gamma(2, scale=3)"), 100)


@functools.cache
def architecture(name: str = "three_layer_erf") -> Any:
    return ldt.Architecture.from_file(MODELS / f"{name}.toml")


def splitting(method: str = "splitting", **options: Any) -> Any:
    return ldt.tail(ldt.TwoLayerNetwork(5, 5), 0.3, method=method, replicates=3, particles=60, rng=1, **options)


#: What is drawn, by name: a call that makes the result, which then draws itself.
DRAWN: dict[str, Callable[[], Any]] = {
    "law of specialised neurons": lambda: ldt.tail(SMALL, 1.0, method="exact"),
    "the same, sampled": lambda: ldt.tail(SMALL, 1.0, method="importance", rng=1),
    "levels": lambda: ldt.tail(SMALL, [0.5, 1.0, 1.5], method="exact"),
    "levels of a sum, lower side": lambda: ldt.tail(GAMMAS, np.linspace(300.0, 500.0, 5), side="lower"),
    "one level of a sum": lambda: ldt.tail(GAMMAS, 900.0),
    "a density": lambda: ldt.logpdf(GAMMAS, 700.0),
    "a sum without a tilt": lambda: ldt.tail(ldt.CubicSum(20), 5.0),
    "plain sampling": lambda: ldt.tail(ldt.AlignmentSum(20, 3), 0.1, method="montecarlo", samples=2000, rng=1),
    "a network, plainly sampled": lambda: ldt.tail(ldt.TwoLayerNetwork(4, 4), 0.05, method="montecarlo", samples=2000, rng=1),
    "splitting": splitting,
    "rate": lambda: ldt.rate(ldt.AlignmentSum(12, 400), 1.0),
    "rate, one well": lambda: ldt.rate(ldt.AlignmentSum(10, 10, activation="linear", target=1), -1.0),
    "adapted neuron": lambda: ldt.kernel_adaptation(ldt.AlignmentSum(40, 40, c="orthonormal"), samples=800.0),
    "learnability curve": lambda: ldt.adaptation_curve(ldt.AlignmentSum(40, 40, c="orthonormal"), samples=[200, 500, 800], branches=4),
    "tilted law": lambda: ldt.tilted(SMALL, 1.0),
    "weights": lambda: ldt.sample_given(SMALL, 1.0, 20, rng=1),
    "weights, none specialised": lambda: ldt.sample_given(ldt.AlignmentSum(8, 8, activation="linear", target=1), 1.0, 20, rng=1),
    "largest term": lambda: ldt.sample_given(ldt.CubicSum(20), 6.0, 50, rng=1),
    "costs": lambda: pattern_costs(SMALL, 1.0),
    "exponents": lambda: ldt.pattern_table(architecture()),
    "costs of an architecture": lambda: ldt.numeric_table(architecture(), 30),
    "phases": lambda: ldt.phases(architecture("two_layer_erf"), "N", 6),
    "scaling": lambda: run(prepare(SMALL, settings=["specialization"], dims=[3, 5]), rng=1),
    "lazy cost": lambda: lazy_cost(components(Kernel("erf"), 10, [3])[0]),
    "flow": lambda: one_loop(Action.of(power_law(0.5, 200), 100.0, 1.0)),
    "learning curve": lambda: learning_curve(1.0, 2.0, 0.1, (8, 16), modes=60, repeats=2, rng=1),
}


@functools.cache
def made(name: str) -> Any:
    return DRAWN[name]()


def legible(figure: Any) -> list[str]:
    """What is wrong with a picture: text outside the page, tick labels that overlap, empty or unlabelled axes."""
    figure.canvas.draw()
    page, wrong = figure.bbox, []
    ticks = {axis: (*axis.get_ticklabels(), *axis.get_minorticklabels()) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)}
    of_ticks = {label for labels in ticks.values() for label in labels}  # those out of view are kept outside
    for text in figure.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_visible() and artist.get_text().strip()):
        box = text.get_window_extent()
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        if box.width and not inside and text not in of_ticks:
            wrong.append(f"outside the page: {text.get_text()!r}")
    for ax in figure.axes:
        if not (ax.lines or ax.patches or ax.collections):
            wrong.append("an empty panel")
        if not ax.get_xlabel() or not (ax.get_ylabel() or ax.get_yticklabels() or not ax.get_yticks().size):
            wrong.append("an axis without a label")
        for axis, low, high in ((ax.xaxis, "x0", "x1"), (ax.yaxis, "y0", "y1")):
            shown = [t.get_window_extent() for t in ticks[axis] if t.get_visible() and t.get_text()]
            spans = sorted((getattr(b, low), getattr(b, high)) for b in shown if getattr(b, low) >= 0)
            wrong += ["tick labels overlap" for a, b in pairwise(spans) if a[1] > b[0] + 0.5]
    return wrong


@pytest.mark.parametrize("name", DRAWN)
def test_the_picture_is_legible(name: str) -> None:
    figure, ax = plots.figure_of()
    result = made(name)
    assert isinstance(result, Drawn)
    assert result.plot(ax) is ax
    assert legible(figure) == []
    assert any("nats" in label for label in (ax.get_xlabel(), ax.get_ylabel())) or name not in ("levels", "rate", "costs", "splitting")


def test_the_picture_shows_the_numbers() -> None:
    """What is drawn is what the result says."""
    _, ax = plots.figure_of()
    found = splitting()
    plots.plot_levels(found, ax)
    x, y = ax.lines[0].get_data()
    assert list(x) == list(found.detail.levels) and list(y) == [-v for v in found.detail.climbed]
    assert y[-1] == pytest.approx(-found.detail.replicates[0], abs=1e-12)  # the climb ends where the replicate does
    _, ax = plots.figure_of()
    costs = pattern_costs(SMALL, 1.0)
    costs.plot(ax)
    assert sorted(bar.get_width() for bar in ax.patches) == sorted(p.cost for p in costs.patterns)
    _, ax = plots.figure_of()
    sample = ldt.sample_given(SMALL, 1.0, 20, rng=1)
    sample.plot(ax)
    assert len(ax.lines[1].get_xdata()) == int(sample.specialised.sum())


def test_umbrella_climbs_too() -> None:
    pytest.importorskip("pymbar")
    found = splitting("umbrella", moves=6)
    assert len(found.detail.climbed) == len(found.detail.levels)
    assert found.detail.climbed[-1] == pytest.approx(found.detail.replicates[0], abs=1e-12)
    assert all(a > b for a, b in pairwise(found.detail.climbed))


def test_several_methods_and_many_repeats() -> None:
    figure, ax = plots.figure_of()
    results = ldt.compare(SMALL, 1.0, rng=1)
    plots.plot_methods(results, ax)
    assert legible(figure) == []
    assert [t.get_text().split("\n")[0] for t in ax.get_yticklabels()] == [r.method for r in results]
    truth = results[0].logp
    figure, ax = plots.figure_of()
    repeats = [ldt.tail(SMALL, 1.0, method="importance", samples=300, rng=i) for i in range(12)]
    plots.plot_calibration(repeats, truth, ax)
    assert legible(figure) == []
    covered = sum(r.interval[0] <= truth <= r.interval[1] for r in repeats)
    assert f"{covered} of 12" in ax.get_legend().get_texts()[0].get_text()
    with pytest.raises(ldt.ModelError, match="none has a value"):
        plots.plot_methods([], ax)


def test_studies_sweeps_and_components(tmp_path: Path) -> None:
    figure, ax = plots.figure_of()
    rows = list(study(architecture("two_layer_erf"), [5, 10], ["exact", "patterns"], 1.0, rng=1))
    plots.plot_study(rows, ax)
    assert legible(figure) == []
    text = (Path(__file__).parents[1] / "data" / "sweeps" / "talk.toml").read_text().replace("../models", str(MODELS))
    (tmp_path / "sweep.toml").write_text(text.replace("[5, 10, 20, 50]", "[3, 5]"))
    figure, ax = plots.figure_of()
    found = ldt.sweep(tmp_path / "sweep.toml", tmp_path / "records.jsonl")
    found.plot(ax)
    assert legible(figure) == []
    drawn = sum(len(line.lines[0].get_xdata()) for line in ax.containers)
    assert drawn == sum(math.isfinite(r.logp) for r in found.records)
    figure, ax = plots.figure_of()
    plots.plot_components([lazy_cost(c) for c in components(Kernel("erf"), 10, [1, 2, 3])], ax)
    assert legible(figure) == [] and "not resolved: 2" in ax.get_xlabel()


def test_what_has_no_picture_says_so() -> None:
    with pytest.raises(ldt.ModelError, match="Plan has no picture"):
        ldt.plan(SMALL, 1.0).plot()
    failed = ldt.TailResult(math.nan, math.inf, level=1.0, model=SMALL)
    with pytest.raises(ldt.ModelError, match="no finite value"):
        failed.plot()


def test_without_matplotlib_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['matplotlib'] = None\nimport ldt\ntry: ldt.TailResult(-1.0, 0.1, level=1.0).plot()\n"
    code += "except ldt.ModelError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "plot: needs matplotlib (pip install 'ldt[plot]')\n", done.stderr


# -- Jupyter -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWN)
def test_html_is_well_formed_and_has_no_colours_of_its_own(name: str) -> None:
    from html.parser import HTMLParser

    class Balanced(HTMLParser):
        open: list[str]

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    result = made(name)
    if not hasattr(result, "_repr_html_"):
        return
    text = result._repr_html_()
    parser = Balanced()
    parser.open = []
    parser.feed(text)
    parser.close()
    assert parser.open == [] and text.startswith("<table")
    assert "#" not in text.replace("&#", "") and "white" not in text and "black" not in text
    assert len(text) < 20_000


def test_html_escapes_what_others_wrote() -> None:
    class Model:
        name = "<script>alert('x')</script>"
        kind = "alignment"

    text = ldt.TailResult(-1.0, 0.1, level=1.0, model=Model(), advice="a < b & c")._repr_html_()
    assert "<script" not in text and "&lt;script&gt;" in text and "a &lt; b &amp; c" in text
