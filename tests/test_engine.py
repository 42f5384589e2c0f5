"""The pattern engine: the literature's table derived, exponents against another solver, phases, formulas, refusals."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from ldt.errors import LdtError, ModelError
from ldt.models.architecture import Architecture, Layer, Target
from ldt.models.layers import LAYERS
from ldt.models.networks.of_architecture import network_of
from ldt.numerics.posynomials import Posynomial, parse, parse_monomial
from ldt.patterns.engine import pattern_table, variants
from ldt.patterns.phases import phases
from ldt.patterns.variational import alignment_of, variational

MODELS = Path(__file__).parent.parent / "data" / "models"
READOUT = Layer("readout")


def model(name: str) -> Architecture:
    return Architecture.from_file(MODELS / f"{name}.toml")


def dense(inputs: str, width: str, activation: str = "erf", variance: float = 1.0) -> Layer:
    return Layer("fully connected", {"inputs": inputs, "width": width}, activation, variance)


def two_layer(activation: str = "erf", target: Any = 3, **widths: Any) -> Architecture:
    goal = target if isinstance(target, Target) else Target("hermite", target)
    return Architecture((dense("d", "N", activation), READOUT), goal, {"d": "d", "N": "d", **widths})


def three_layer(n1: Any = "d", n2: Any = "d", target: Any = 3) -> Architecture:
    return Architecture((dense("d", "N1"), dense("N1", "N2"), READOUT), Target("hermite", target), {"d": "d", "N1": n1, "N2": n2})


def shapes(text: str) -> set[Any]:
    """The terms of a posynomial, constants and order left aside."""
    return {t.shape for t in parse(text).terms}


def same(found: Posynomial, text: str) -> bool:
    return {t.shape for t in found.terms} == shapes(text)


# -- the table of the literature (docs/theory.md, section 9) ------------------------------------------------------------------

# model, assignment, cost, minimiser, value, cost with single neurons.  In the CNN d = N_w S.
TABLE: list[tuple[str, str, str, dict[str, str], str, str]] = [
    ("two_layer_erf", "specialization - gp", "d*M + N/M", {"M": "sqrt(N/d)"}, "sqrt(N*d)", "d + N"),
    ("two_layer_erf", "gp - gp", "d^3", {}, "d^3", ""),
    ("two_layer_erf", "gfl - gp", "N*D + (d/D)^3", {"D": "(d^3/N)^(1/4)"}, "(N*d)^(3/4)", ""),
    ("three_layer_erf", "specialization - specialization - gp", "d*M1 + N1*M2/M1 + N2/M2", {}, "(N1*N2*d)^(1/3)", "d + N1 + N2"),
    ("three_layer_erf", "gp - specialization - gp", "d*M2 + N2/M2", {"M2": "sqrt(N2/d)"}, "sqrt(N2*d)", "d + N2"),
    ("three_layer_erf", "specialization - gp - gp", "d*M1 + N1/M1", {"M1": "sqrt(N1/d)"}, "sqrt(N1*d)", "d + N1"),
    ("three_layer_erf", "specialization - shared - gp", "d*M1 + N1*beta/M1 + N2/beta",
     {"beta": "(N2^2/(N1*d))^(1/3)", "M1": "(N1*N2/d^2)^(1/3)"}, "(N1*N2*d)^(1/3)", ""),
    ("three_layer_erf", "gp - gp - gp", "d^3", {}, "d^3", ""),
    ("cnn", "gp - gp", "N_w*S", {}, "N_w*S", ""),
    ("cnn", "gfl - gp", "N*D + N_w*S/D", {"D": "sqrt(N_w*S/N)"}, "sqrt(N*N_w*S)", ""),
    ("cnn", "specialization - gp", "M*S + N_w*N/M", {}, "sqrt(S*N_w*N)", "S + N_w*N"),
    ("parity_relu", "gp - gp", "d^2", {}, "d^2", ""),
    ("parity_relu", "gfl - gp", "N*D + (d/D)^2", {}, "(N*d)^(2/3)", ""),
    ("parity_relu", "specialization - gp", "d*M + N/M", {}, "sqrt(N*d)", "d + N"),
    ("attention", "gp - gp", "L*d^3", {}, "L*d^3", ""),
    ("attention", "specialization - gp", "M^2 + H*L*d^3/M^2", {"M": "(H*L*d^3)^(1/4)"}, "sqrt(H*L*d^3)", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "assignment", "cost", "minimiser", "value", "single"), TABLE)
def test_the_table_is_derived(name: str, assignment: str, cost: str, minimiser: dict[str, str], value: str, single: str) -> None:
    row = pattern_table(model(name))[assignment]
    assert same(row.cost, cost)
    assert row.value.shape == parse_monomial(value).shape
    assert {s: row.optimum[s].shape for s in minimiser} == {s: parse_monomial(x).shape for s, x in minimiser.items()}
    if single:
        assert row.single is not None and same(row.single, single)
    # At the minimiser every term that counts has the value's size.
    at = dict(row.optimum)
    for term in row.cost.terms:
        left = term.without(at)
        for s, x in at.items():
            left = left * x ** term.power_of(s)
        assert left.shape == row.value.shape


def test_exponents_and_winners_of_the_table() -> None:
    exponent = {n: {r.name: r.exponent for r in pattern_table(model(n)).rows} for n in ("cnn", "parity_relu", "two_layer_erf")}
    assert exponent["cnn"] == {"gfl - gp": Fraction(3, 4), "specialization - gp": Fraction(3, 4), "gp - gp": 1}
    assert exponent["parity_relu"] == {"specialization - gp": 1, "gfl - gp": Fraction(4, 3), "gp - gp": 2}
    assert exponent["two_layer_erf"] == {"specialization - gp": 1, "gfl - gp": Fraction(3, 2), "gp - gp": 3}
    table = pattern_table(three_layer())
    assert table.winner.exponent == 1
    names = {table.winner.name, *(row.name for row in table.ties)}
    assert names == {  # the five assignments of the table but GP-GP tie at N1 = N2 = d
        "gp - specialization - gp", "specialization - gp - gp", "specialization - specialization - gp", "specialization - shared - gp",
    }  # fmt: skip


def test_attention_saturates() -> None:
    """At fixed d the paper's sqrt(H L d^3) needs M = (H L d^3)^(1/4) <= d; beyond, the bounded softmax makes the cost grow as L."""
    for power, expected in ((1, Fraction(2)), (2, Fraction(3))):
        row = pattern_table(model("attention").with_widths(L=f"d^{power}"))["specialization - gp"]
        assert row.exponent == expected
    fixed = Architecture(model("attention").layers, Target("attention"), {"d": 20, "L": "L", "H": 1}, "L")
    assert pattern_table(fixed)["specialization - gp"].exponent == 1
    many = Architecture(model("attention").layers, Target("attention"), {"d": 20, "L": "L", "H": "L"}, "L")
    assert pattern_table(many)["specialization - gp"].exponent == 1  # sqrt(H L)


# -- exponents against another solver -------------------------------------------------------------------------------------------


def linprog_exponent(architecture: Architecture, variant: Any) -> float:
    """The exponent of one variant by SciPy's linear programming, in floats."""
    names, sizes = variant.parameters, architecture.exponents
    rest = [float(t.without(names).exponent(sizes)) for t in variant.terms.terms]
    rows = [[float(t.power_of(s)) for s in names] + [-1.0] for t in variant.terms.terms]
    rows += [[-float(b.power_of(s)) for s in names] + [0.0] for b in variant.bounds]
    limits = [-c for c in rest] + [float(b.without(names).exponent(sizes)) for b in variant.bounds]
    found = optimize.linprog([0.0] * len(names) + [1.0], A_ub=rows, b_ub=limits, bounds=[(None, None)] * (len(names) + 1))
    assert found.status == 0
    return float(found.fun)


POWERS = st.fractions(0, 7, max_denominator=6)


@settings(max_examples=6, deadline=None)
@given(n1=POWERS, n2=POWERS, m=st.sampled_from([1, 3, 5]))
def test_exponents_against_linear_programming(n1: Fraction, n2: Fraction, m: int) -> None:
    net = three_layer(f"d^({n1})", f"d^({n2})", m)
    table = pattern_table(net)
    best: dict[str, float] = {}
    for variant in variants(net):
        best[variant.name] = min(best.get(variant.name, 1e9), linprog_exponent(net, variant))
    assert {row.name: float(row.exponent) for row in table.rows} == pytest.approx(best, abs=1e-8)
    for row in table.rows:  # the optimum that is shown is feasible and has the value
        at = net.exponents | {s: x.exponent(net.exponents) for s, x in row.optimum.items()}
        powers = at | {s: Fraction(0) for s in row.variant.parameters if s not in at}
        assert max(t.exponent(powers) for t in row.variant.terms.terms) == row.exponent == row.value.exponent(net.exponents)
        assert all(b.exponent(powers) >= 0 for b in row.variant.bounds)


Composed = dict[str, float]


def by_grid(n1: float, n2: float, m: int) -> Composed:
    """{assignment: exponent} of three layers from the rules in words, every parameter on a grid of steps of 1/4 in exponents; written
    without the engine.  The grid can only be too dear, and by less than a step."""
    grid, weak = [i / 4 for i in range(25)], [-i / 4 for i in range(13)]
    none = -100.0
    first = [("gp", none, -1.0, -float(m))]
    first += [("gfl", n1 + s if s else none, s - 1, m * (s - 1)) for s in grid if s <= 1]
    first += [("specialization", c + 2 * w + 1, c + 2 * w - n1, c + 2 * w * m - n1) for c in grid if c <= n1 for w in weak]
    found: Composed = {}
    for name, cost, u, y in first:
        second = [("gp", none, y), ("gp", none, m * u)]
        second += [("gfl", n2 + s if s else none, m * (s + u)) for s in grid if s <= -u]
        second += [("gfl", n2 + s if s else none, s + y) for s in grid if s <= -y]
        for c in grid:
            second += [("specialization", c + 2 * w - u, c + 2 * w * m - n2) for w in weak if c <= n2]
            second += [("specialization", c + 2 * w - y, c + 2 * w - n2) for w in weak if c <= n2]
        second += [("shared", b - y, b - n2) for b in grid + weak if b <= n2]
        for other, more, strength in second:
            key = f"{name} - {other} - gp"
            found[key] = min(found.get(key, 1e9), max(cost, more, -strength))
    return found


@pytest.mark.parametrize(("n1", "n2", "m"), [("5/4", "3", 5), ("0", "7/4", 1), ("9/4", "1/2", 3)])
def test_exponents_against_a_grid(n1: str, n2: str, m: int) -> None:
    table = pattern_table(three_layer(f"d^({n1})", f"d^({n2})", m))
    found = by_grid(float(Fraction(n1)), float(Fraction(n2)), m)
    assert {row.name for row in table.rows} == set(found)
    for row in table.rows:
        assert -1e-9 < found[row.name] - float(row.exponent) < 0.25, row.name


def deep(layers: int, *powers: str) -> Architecture:
    names = ["d", *(f"N{i}" for i in range(1, layers + 1))]
    widths = dict(zip(names, ["d", *(f"d^({p})" for p in powers)], strict=True))
    return Architecture((*(dense(a, b) for a, b in itertools.pairwise(names)), READOUT), Target("hermite", 3), widths)


def test_four_layers() -> None:
    """Any depth enumerates: three rules on the first layer, four on the others; programs too large to list against SciPy's."""
    net = deep(4, "1", "3/2", "3/4", "2")
    rows = {row.name: row for row in pattern_table(net, "specialization,shared,gfl,specialization").rows}
    assert len({v.rules for v in variants(deep(3, "1", "1", "1"))}) == 3 * 4**2
    (row,) = rows.values()
    found = variants(net, row.assignment)
    assert max(v.program.bases for v in found) > 2000
    assert float(row.exponent) == pytest.approx(min(linprog_exponent(net, v) for v in found), abs=1e-9)
    with pytest.raises(ModelError, match="phase: diagrams are for at most 3 layers"):
        phases(net, "N1")
    with pytest.raises(ModelError, match="1 to 5 layers"):
        deep(6, "1", "1", "1", "1", "1", "1")


@given(powers=st.lists(POWERS, min_size=3, max_size=3), pick=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_the_simplex_finds_what_the_list_of_bases_has(powers: list[Fraction], pick: int) -> None:
    net = deep(2, *(str(p) for p in powers[:2]))
    found = variants(net)
    program = found[pick % len(found)].program
    best = max(vertex.value.exponent(net.exponents) for vertex in program.vertices)
    for raised in ((), program.parameters[:1]):
        assert program.best(net.exponents, raised).value.exponent(net.exponents) == best


def test_boundaries_are_honoured() -> None:
    """N < d: less than one neuron is not to be had, its weight shrinks; N > d^m: D stays 1 and GFL is GP."""
    row = pattern_table(two_layer(N="d^(1/2)"))["specialization - gp"]
    assert row.exponent == Fraction(7, 8) and row.optimum["M"].powers == ()
    assert row.optimum["w"].exponent({"d": Fraction(1), "N": Fraction(1, 2)}) == Fraction(-1, 16)
    row = pattern_table(two_layer(N="d^4"))["gfl - gp"]
    assert row.exponent == 3 and row.at_rest
    shared = pattern_table(three_layer("1", "d^4"))["specialization - shared - gp"]
    assert shared.optimum["beta"].exponent({"d": Fraction(1), "N1": Fraction(0), "N2": Fraction(4)}) <= 4  # beta <= N2
    assert pattern_table(two_layer(N="d^5")).winner.name == "gp - gp"
    assert [row.name for row in pattern_table(two_layer(N="d^5")).ties] == ["specialization - gp"]


# -- what a change of names or scales may do ------------------------------------------------------------------------------------


@given(a=POWERS, b=POWERS)
@settings(max_examples=4, deadline=None)
def test_names_do_not_matter(a: Fraction, b: Fraction) -> None:
    one = pattern_table(three_layer(f"d^({a})", f"d^({b})"))
    renamed = Architecture(
        (dense("x", "N2"), dense("N2", "N1"), READOUT), Target("hermite", 3), {"x": "x", "N2": f"x^({a})", "N1": f"x^({b})"}, "x"
    )
    two = pattern_table(renamed)
    assert [(r.name, r.exponent, r.at_rest) for r in one.rows] == [(r.name, r.exponent, r.at_rest) for r in two.rows]
    swap = {"d": "x", "N1": "N2", "N2": "N1"}
    for r in one.rows:
        assert {(swap[s], p) for s, p in r.value.powers} == set(two[r.name].value.powers)


@given(v1=st.floats(0.1, 10.0), v2=st.floats(0.1, 10.0), front=st.floats(0.5, 100.0))
@settings(max_examples=4, deadline=None)
def test_constants_do_not_enter_exponents(v1: float, v2: float, front: float) -> None:
    plain = three_layer()
    scaled = Architecture(
        (dense("d", "N1", "erf", v1), dense("N1", "N2", "erf", v2), Layer("readout", {}, "", v1 * v2)), Target("hermite", {3: front}),
        {"d": "d", "N1": f"{front:.3f}*d", "N2": "d"},
    )  # fmt: skip
    assert [(r.name, r.exponent) for r in pattern_table(scaled).rows] == [(r.name, r.exponent) for r in pattern_table(plain).rows]


def test_a_linear_layer_in_between_hands_on_what_it_gets() -> None:
    """A lazy linear layer passes the target at its own strength: no row gets cheaper, and the lazy cost is unchanged."""
    deep = Architecture(
        (dense("d", "N1"), dense("N1", "N2", "linear"), READOUT), Target("hermite", 3), {"d": "d", "N1": "d", "N2": "d^9"}
    )
    flat = pattern_table(two_layer(N="d"))
    table = pattern_table(deep)
    for name in ("gp", "gfl", "specialization"):
        assert table[f"{name} - gp - gp"].exponent == flat[f"{name} - gp"].exponent


def test_mean_field_multiplies_the_readout_by_the_width() -> None:
    net = replace(two_layer(), layers=(dense("d", "N"), Layer("readout", {}, "", 1.0, "mean-field")))
    table = pattern_table(net)
    assert same(table["gp - gp"].cost, "N*d^3") and same(table["specialization - gp"].cost, "d*M + N^2/M")
    assert table["specialization - gp"].value.shape == parse_monomial("N*sqrt(d)").shape


def test_sums_of_hermite_polynomials_go_by_their_lowest_degree() -> None:
    one, three = (pattern_table(two_layer(target={1: 1.0, 3: 5.0})), pattern_table(two_layer(target=1)))
    assert [(r.name, r.exponent) for r in one.rows] == [(r.name, r.exponent) for r in three.rows]
    even = pattern_table(two_layer(target={2: 1.0, 3: 1.0}))  # erf has no He_2
    assert even["gp - gp"].exponent == 3


# -- phases ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "symbols"), [("three_layer_erf", "N1,N2"), ("cnn", "N,S"), ("attention", "L,H"), ("two_layer_erf", "N")])
def test_phases_tile_the_window_and_agree_with_the_table(name: str, symbols: str) -> None:
    net = model(name)
    diagram = phases(net, symbols, 7)
    area = Fraction(0)
    for region in diagram.regions:
        for polygon in region.polygons:
            shifted = (*polygon[1:], polygon[0])
            area += sum((x * v - u * y for (x, y), (u, v) in zip(polygon, shifted, strict=True)), Fraction(0)) / 2
    assert area == (49 if "," in symbols else 7)
    draw = random.Random(1)
    for _ in range(10):
        point = [Fraction(draw.randrange(0, 84), 12) for _ in diagram.symbols]
        moved = net.with_widths(**{s: f"{net.base}^({e})" for s, e in zip(diagram.symbols, point, strict=True)})
        region = diagram.at(*point)
        winner = pattern_table(moved).winner
        assert region.value.exponent(moved.exponents) == winner.exponent
        for row in region.winners:
            assert pattern_table(moved)[row].exponent == winner.exponent


def test_phases_of_the_literature() -> None:
    """Two layers: GP for N >> d^(2m-1).  Three layers: the third pattern at small N1, GP-specialization at large N1."""
    assert [r.conditions for r in phases(two_layer(), "N").regions][-1] == (("d^5 <= N",),)
    diagram = phases(three_layer(), "N1,N2")
    assert diagram.at("1/2", 1).winners == ("gfl - specialization - gp", "specialization - specialization - gp")
    assert diagram.at(2, "3/2").winners == ("gp - specialization - gp",)
    assert diagram.at(6, 6).winners == ("gp - gp - gp",)
    # On the line N2 = d the winner changes at N1 = d.
    assert diagram.at(Fraction(99, 100), 1).value != diagram.at(Fraction(101, 100), 1).value


# -- refusals -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: pattern_table(two_layer("linear")), ("target", "He_3", "linear: degree 1 only")),
        (lambda: pattern_table(two_layer("relu", 3)), ("target", "relu: degree 1 and even degrees")),
        (lambda: pattern_table(two_layer("erf", Target("parity"))), ("target", "x_1 x_2", "odd")),
        (lambda: pattern_table(two_layer(), "shared,gp"), ("layer 1", "no strength of the target")),
        (lambda: pattern_table(two_layer(), "gp,gfl"), ("layer 2 (readout)", "no rule 'gfl'")),
        (lambda: pattern_table(two_layer(), "gp,gp,gp"), ("assignment", "one rule for each")),
        (lambda: pattern_table(two_layer(), "lazy"), ("layer 1 (fully connected)", "no rule 'lazy'", "gfl, gp")),
        (lambda: two_layer(N=0), ("N", "positive number", "'0'")),
        (lambda: two_layer(N="0*d"), ("N", "0")),
        (lambda: two_layer(N="1/d"), ("N", "at least 1")),
        (lambda: two_layer(N="d + 1"), ("N", "not a sum")),
        (lambda: two_layer(N="S"), ("N", "'S' is not the base")),
        (lambda: two_layer(K="d"), ("widths", "'K'")),
        (lambda: dense("d", ""), ("width", "symbol")),
        (lambda: Layer("fully connected", {"inputs": "d", "width": 0}), ("width", "whole number from 1")),
        (lambda: Layer("fully connected", {"inputs": "d"}), ("width", "missing")),
        (lambda: Layer("fully connected", {"inputs": "d", "width": "M"}), ("width", "'M'")),
        (lambda: Layer("pooling", {}), ("type", "'pooling'")),
        (lambda: Layer("readout", {}, "erf"), ("activation", "none")),
        (lambda: Layer("fully connected", {"inputs": "d", "width": "N"}, "erf", -1.0), ("weight_variance", "positive")),
        (lambda: Layer("fully connected", {"inputs": "d", "width": "N"}, "erf", 1.0, "mean-field"), ("prior", "readout")),
        (lambda: Architecture((READOUT,), Target("hermite", 3), {}), ("layers", "readout")),
        (lambda: Architecture((dense("d", "N"), dense("d", "N2"), READOUT), Target("hermite", 3), {}), ("inputs", "N units", "'d'")),
        (lambda: two_layer("erf", Target("teacher", 1)), ("target", "'teacher'", "patch convolution")),
        (lambda: two_layer("erf", Target("attention")), ("target", "'attention'", "softmax attention")),
        (lambda: Target("hermite", {0: 1.0}), ("target", "degrees from 1")),
        (lambda: Target("sine"), ("target", "'sine'")),
        (lambda: phases(two_layer(), "N1"), ("phase", "'N1'", "d, N")),
        (lambda: phases(two_layer(), "N", 0), ("top", "positive")),
    ],
)
def test_impossible_requests_are_refused_with_the_reason(build: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        build()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


def test_a_new_layer_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of CONTRIBUTING: a layer whose weights are shared in g groups has N/g free neurons."""
    from ldt.models.layers import COMPONENTS, GP, SPECIALIZATION, Hand, LayerKind, Rule

    grouped = LayerKind(
        name="grouped", sizes=(("inputs", "d"), ("width", "N"), ("groups", "g")), targets=("hermite",), receives=(("u", "1/d"),),
        follows=(), fan_in=("inputs",), units=("width",),
        rules=(
            Rule(GP, hands=(Hand("y", "u^m", "m"),), validity="prior", source="here"),
            Rule(SPECIALIZATION, reads="u", cost="M*w^2/u", parameters=("M", "w"), counts=("M",), bounds=("1/w", "M", "N/(g*M)"),
                 natural=("w",), hands=(Hand("y", "g*M*G/N", "m"),), validity="M of N/g", source="here"),
        ),
    )  # fmt: skip
    monkeypatch.setitem(LAYERS, "grouped", grouped)
    monkeypatch.setitem(LAYERS, "readout", replace(LAYERS["readout"], follows=(*LAYERS["readout"].follows, "grouped")))
    layer = Layer("grouped", {"inputs": "d", "width": "N", "groups": "g"})
    net = Architecture((layer, READOUT), Target("hermite", 3), {"d": "d", "N": "d^2", "g": "d^(1/2)"})
    row = pattern_table(net).winner
    assert row.name == "specialization - gp" and row.value.shape == parse_monomial("sqrt(N*d/g)").shape
    assert COMPONENTS["erf"](3)
    for refused in (variational, alignment_of, network_of):  # what knows nothing of the layer says so
        with pytest.raises(ModelError, match="architecture"):
            refused(net, 16)


# -- formulas -------------------------------------------------------------------------------------------------------------------


def test_formulas_print_as_text_and_latex() -> None:
    row = pattern_table(three_layer())["specialization - shared - gp"]
    assert str(row.cost) == "d M1 + N1 beta/M1 + N2/beta"
    assert row.cost.latex() == r"d M_1 + \frac{N_1 \beta}{M_1} + \frac{N_2}{\beta}"
    assert row._repr_latex_().startswith("$") and r"\beta" in row._repr_latex_()
    assert str(row.optimum["beta"]) == "(N2^2/(N1 d))^(1/3)"
    table = pattern_table(three_layer())
    assert "<table>" in table._repr_html_() and table._repr_latex_().count(r"\\") == len(table.rows) - 1


SIZES = {"a": 1.7, "b_1": 0.3, "N2": 40.0}


@given(
    terms=st.lists(
        st.tuples(
            st.floats(0.01, 100.0),
            st.dictionaries(st.sampled_from(list(SIZES)), st.fractions(-4, 4, max_denominator=6), max_size=3),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_parsing_is_evaluating(terms: list[tuple[float, dict[str, Fraction]]]) -> None:
    """Text written here, read by the parser and evaluated, against Python's own arithmetic."""
    text = " + ".join("*".join([repr(round(c, 6)), *(f"{s}^({p})" for s, p in powers.items())]) for c, powers in terms)
    expected = 0.0
    for c, powers in terms:
        value = round(c, 6)
        for s, p in powers.items():
            value *= SIZES[s] ** float(p)
        expected += value
    assert parse(text).value(SIZES) == pytest.approx(expected, rel=1e-10)


@given(st.text(alphabet="dN123456789.*/^+-() ebsqrt_'\"[]{}:,=", max_size=30))
def test_no_text_is_ever_evaluated(text: str) -> None:
    try:
        parse(text)
    except LdtError as error:
        assert "\n" not in str(error)
