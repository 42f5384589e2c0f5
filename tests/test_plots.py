"""Pictures: the axes carry the numbers of the result, labelled, with no display."""

from __future__ import annotations

import pytest

import ldt

pytest.importorskip("matplotlib")

from ldt import plots


@pytest.fixture(scope="module")
def model() -> ldt.AlignmentSum:
    return ldt.AlignmentSum(8, 8)


def test_curve_and_gap(model: ldt.AlignmentSum) -> None:
    levels = [0.5, 1.0, 1.5]
    result = ldt.tail(model, levels, method="exact")
    rates = [ldt.rate(model, x) for x in levels]
    convex, whole = [r.convex for r in rates], [r.nonconvex for r in rates]
    _, (upper, lower) = plots.figure_of(2)
    assert plots.plot_curve(result, rate=convex, nonconvex=whole, density=-result.logp, ax=upper) is upper
    assert list(upper.lines[0].get_ydata()) == list(-result.logp)
    assert "nats" in upper.get_ylabel() and r"\alpha" in upper.get_xlabel() and upper.get_title() == model.name
    plots.plot_gap(result, convex, nonconvex=whole, ax=lower)
    assert min(lower.lines[1].get_ydata()) > 0.0  # Chernoff
    assert min(lower.lines[2].get_ydata()) > 0.0  # the convex rate is the hull


def test_specialised(model: ldt.AlignmentSum) -> None:
    _, ax = plots.figure_of()
    result = ldt.tail(model, 1.0, method="exact")
    plots.plot_specialised(result, ax)
    heights = [bar.get_height() for bar in ax.patches]
    assert sum(heights) == pytest.approx(1.0, abs=1e-3)
    assert ax.get_xlabel() and ax.get_ylabel()
    linear = ldt.tail(ldt.AlignmentSum(8, 8, activation="linear", target=1), 1.0, method="exact")
    with pytest.raises(ldt.ModelError, match="specialised"):
        plots.plot_specialised(linear)


@pytest.mark.parametrize("overlap", ["concentrated", "full"])
def test_tilted_density(overlap: str) -> None:
    _, ax = plots.figure_of()
    plots.plot_tilted_density(ldt.tilted(ldt.AlignmentSum(8, 8, overlap=overlap), 1.0), ax)
    assert ax.get_yscale() == "log"
    x, y = ax.lines[0].get_data()
    area = float((0.5 * (y[1:] + y[:-1]) * (x[1:] - x[:-1])).sum())
    assert area == pytest.approx(1.0, abs=0.02)
    assert "w" in ax.get_xlabel()


def test_axes_are_made_when_none_are_given(model: ldt.AlignmentSum) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_backend()
    plt.switch_backend("agg")
    try:
        assert plots.plot_specialised(ldt.tail(model, 1.0, method="exact")).figure is plt.gcf()
    finally:
        plt.close("all")
        plt.switch_backend(before)


def test_learnability_draws_bound_and_measurement_together() -> None:
    pytest.importorskip("sklearn")
    from ldt.lazy import Kernel, learnability

    result = learnability(Kernel("erf"), "wine", (1, 3), samples=(8, 32), repeats=2, rng=1)
    _, ax = plots.figure_of()
    assert plots.plot_learnability(result, ax) is ax
    drawn = [list(line.get_ydata()) for line in ax.lines]
    for curve in result.curves:
        assert list(curve.bound) in drawn and list(curve.measured) in drawn and list(curve.any_measure) in drawn
    assert ax.get_xlabel() and ax.get_ylabel()


def test_flow_elimination_and_universality() -> None:
    import numpy as np

    from ldt.rg import Action, eliminate, one_loop, power_law, scaling_intervals, universality

    flow = one_loop(Action.of(power_law(0.5, 2000), 100.0, 0.1))
    _, ax = plots.figure_of()
    plots.plot_flow(flow, scaling_intervals(flow, 0.5), ax)
    assert list(ax.lines[0].get_ydata()) == list(flow.r_scaled[flow.cutoff >= 1])
    assert any("irrelevant" in text.get_text() for text in ax.get_legend().get_texts())
    phi = np.random.default_rng(1).standard_normal((20, 200))
    rows = [eliminate(phi, power_law(0.5, 200), 0.1, phi[:, 0], c) for c in (5, 50, 150)]
    _, ax = plots.figure_of()
    plots.plot_elimination(rows, ax)
    assert list(ax.lines[1].get_ydata()) == [r.scalar_error for r in rows]
    result = universality(samples=(16, 64), modes=5, chains=64, steps=20, rng=1)
    _, ax = plots.figure_of()
    plots.plot_universality(result, ax)
    assert list(ax.lines[0].get_ydata()) == list(result.gaussian)
