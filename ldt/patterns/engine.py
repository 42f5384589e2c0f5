"""The pattern engine: every assignment of rules to layers, composed into one cost, and its exact exponent.

    cost = sum over layers of what their rule costs + alpha^2/(2 <y|K|y>) at the readout,   each in the strengths it receives

The rules are data (ldt.models.layers).  For each layer every rule is tried on every feature that it can read; what can be handed
on in several ways becomes several *variants* of one assignment, and the cheapest counts.  A cost without constants is a
posynomial, whose exponent is found exactly (ldt.numerics.exact_programs); with constants it is a geometric program
(ldt.patterns.geometric).  A stretched layer (GFL) costs n (D - 1 - ln D), which is nothing at D = 1 and not n: the lazy layer is
therefore one of GFL's variants, and an assignment that does best there is "at rest" and repeats another row.
Source: [S], [P]; derived in docs/theory.md, section 9.
Validity: scalings, as the base grows; logarithms and the entropy of choosing neurons do not enter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from ldt.errors import ModelError
from ldt.models.architecture import Architecture
from ldt.models.layers import COMPONENT_WORDS, COMPONENTS, GP, Hand, Rule
from ldt.numerics.exact_programs import Program
from ldt.numerics.posynomials import Monomial, Posynomial, parse, parse_monomial
from ldt.results import _Record


@dataclass(frozen=True)
class Step:
    """One layer's rule as applied: ``rule`` is its data, ``symbols`` maps its local names to sizes, parameters and strengths."""

    rule: Rule
    hands: tuple[Hand, ...]
    symbols: Mapping[str, Monomial]
    index: int
    at_rest: bool = False


@dataclass(frozen=True)
class Variant:
    """One way of composing an assignment: ``terms`` (scalings), ``bounds`` (monomials >= 1), ``parameters``, and the steps.

    ``counts`` are integer parameters, ``natural`` those that rest at 1, ``stretched`` factors on variances, ``resting`` those of them
    that this variant sets to 1.
    """

    rules: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    terms: Posynomial = field(default_factory=Posynomial)
    bounds: tuple[Monomial, ...] = ()
    parameters: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    natural: tuple[str, ...] = ()
    stretched: tuple[str, ...] = ()
    resting: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The rules from the input to the readout."""
        return " - ".join(self.rules)

    @cached_property
    def program(self) -> Program:
        """The linear program of its exponent; equal programs are solved once."""
        return _shared(Program(self.terms.terms, self.bounds, self.parameters))


@lru_cache(maxsize=4096)
def _shared(program: Program) -> Program:
    return program


@dataclass(frozen=True)
class PatternRow(_Record):
    """One assignment: its ``cost`` (a posynomial without constants), where it is least, its ``value`` there, the base's ``exponent``.

    ``optimum`` gives the parameters as monomials of the sizes (those at rest are left out of ``cost``), ``single`` the cost with every
    count of neurons at 1, where nothing else is free.  ``at_rest``: GFL whose D does not grow, which is the row with GP in its place
    and does not compete.
    """

    assignment: tuple[str, ...]
    cost: Posynomial
    optimum: dict[str, Monomial]
    value: Monomial
    exponent: Fraction
    single: Posynomial | None
    at_rest: bool
    variant: Variant = field(repr=False)

    @property
    def name(self) -> str:
        """The rules from the input to the readout."""
        return " - ".join(self.assignment)

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types."""
        return {
            "assignment": list(self.assignment), "cost": str(self.cost), "optimum": {k: str(v) for k, v in self.optimum.items()},
            "value": str(self.value), "exponent": str(self.exponent), "single": None if self.single is None else str(self.single),
            "at_rest": self.at_rest,
            "layers": [{"rule": s.rule.name, "validity": s.rule.validity, "source": s.rule.source} for s in self.variant.steps],
        }  # fmt: skip

    def latex(self) -> str:
        """The row as LaTeX, without dollar signs."""
        at = ",\\ ".join(f"{Monomial.of({k: 1}).latex()} = {v.latex()}" for k, v in self.optimum.items())
        return f"{self.cost.latex()}" + (rf"\quad ({at})" if at else "") + rf"\;\to\; {self.value.latex()}"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"


@dataclass(frozen=True)
class ArchitectureTable(_Record):
    """Every assignment's row, cheapest first; ``winner`` has the least exponent and ``ties`` share it.

    Sample complexity: P* >= 2 ridge cost/k (ldt.patterns.complexity), so P* grows as the winner's value.
    """

    picture: ClassVar[str] = "ldt.plots.patterns:plot_exponents"

    rows: tuple[PatternRow, ...]
    winner: PatternRow
    ties: tuple[PatternRow, ...]
    architecture: Architecture = field(repr=False)

    def __getitem__(self, assignment: str | Sequence[str]) -> PatternRow:
        wanted = _assignment(assignment)
        for row in self.rows:
            if row.assignment == wanted:
                return row
        raise KeyError(assignment)

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types."""
        return {
            "architecture": self.architecture.to_dict(), "rows": [row.to_dict() for row in self.rows],
            "winner": list(self.winner.assignment), "ties": [list(row.assignment) for row in self.ties],
            "exponent": str(self.winner.exponent), "sample_complexity": str(self.winner.value),
        }  # fmt: skip

    def _repr_latex_(self) -> str:
        lines = " \\\\ ".join(rf"\text{{{row.name}}} & {row.latex()} & {row.exponent}" for row in self.rows)
        return rf"$\begin{{array}}{{lll}} {lines} \end{{array}}$"

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><td>{row.name}</td><td>${row.cost.latex()}$</td><td>${row.value.latex()}$</td><td>{row.exponent}</td></tr>"
            for row in self.rows
        )
        return f"<table><tr><th>assignment</th><th>cost</th><th>value</th><th>exponent</th></tr>{body}</table>"


def pattern_table(architecture: Architecture, assignment: str | Sequence[str] | None = None) -> ArchitectureTable:
    """Every assignment of patterns to the layers, their costs and exact exponents at the architecture's widths.

    Parameters
    ----------
    architecture : Architecture
    assignment : sequence of rule names, optional
        One rule a layer, the readout's included or not; that row alone.

    Returns
    -------
    ArchitectureTable
        ``rows``, cheapest first: ``cost`` (a posynomial of the sizes, in nats up to constants), ``optimum``, ``value`` and exact
        ``exponent``.

    Raises
    ------
    ModelError
        The target cannot be expressed, or a layer has no such rule; with the reason.

    Notes
    -----
    cost = sum over layers of their rule's cost + alpha^2/(2 <y|K|y>) at the readout, minimised over what is free: an exact linear program.
    Valid as scalings when the base grows: no constants, logarithms or entropy of choosing neurons.
    Cost: milliseconds for two layers, up to seconds for many.
    Source: [S], [P]; docs/theory.md, section 9.

    Examples
    --------
    >>> from ldt.models.architecture import Architecture, Layer, Target
    >>> net = Architecture((Layer("fully connected", {"inputs": "d", "width": "N"}), Layer("readout")), Target("hermite", 3),
    ...                    {"d": "d", "N": "d^2"})
    >>> for row in pattern_table(net).rows:
    ...     print(row.name, "|", row.cost, "|", row.value, "|", row.exponent)
    specialization - gp | d M + N/M | sqrt(N d) | 3/2
    gfl - gp | N D + (d/D)^3 | (N d)^(3/4) | 9/4
    gp - gp | d^3 | d^3 | 3
    """
    wanted = None if assignment is None else checked_assignment(architecture, assignment)
    groups: dict[tuple[str, ...], list[Variant]] = {}
    for variant in variants(architecture, wanted):
        groups.setdefault(variant.rules, []).append(variant)
    if not groups:
        raise _inexpressible(architecture, wanted)
    rows = sorted((_row(architecture, name, found) for name, found in groups.items()), key=lambda row: (row.exponent, _effort(row)))
    running = [row for row in rows if not row.at_rest] or rows
    winner = running[0]
    ties = tuple(row for row in running[1:] if row.exponent == winner.exponent)
    return ArchitectureTable(tuple(rows), winner, ties, architecture)


def _effort(row: PatternRow) -> tuple[bool, int, int]:
    """Ties are listed simplest first: rows that stand for themselves, few layers away from GP, few parameters."""
    return row.at_rest, sum(name != GP for name in row.assignment), len(row.optimum)


def _row(architecture: Architecture, name: tuple[str, ...], found: list[Variant]) -> PatternRow:
    exponents = architecture.exponents
    solved = [(v, v.program.at(exponents, v.natural, v.stretched)) for v in found]
    # Where moving and resting do equally well, the row is one that moves.
    variant, best = min(solved, key=lambda pair: (pair[1].exponent, bool(pair[0].resting)))
    at_rest = bool(variant.resting) or any(best.powers[d] == 0 for d in variant.stretched)
    order = symbol_order(architecture)
    still = [s for s in variant.natural if not best.powers[s]]
    optimum = {s: x.ordered(order) for s, x in best.parameters.items() if s not in still} | {s: Monomial() for s in variant.resting}
    cost = shown(variant.terms.without(still), order)
    counts = [s for s in variant.counts if s not in still]
    only_counts = counts and set(counts) == set(variant.parameters) - set(still)
    single = shown(variant.terms.without(variant.parameters), order) if only_counts else None
    return PatternRow(name, cost, optimum, best.value.ordered(order), best.exponent, single, at_rest, variant)


def shown(cost: Posynomial, order: Sequence[str]) -> Posynomial:
    """The cost as it is printed: no constants, sizes before parameters."""
    return Posynomial.of(t.ordered(order) for t in cost.bare().terms).bare()


def symbol_order(architecture: Architecture) -> tuple[str, ...]:
    """Sizes in order of appearance, the input dimension last."""
    inputs = architecture.layers[0].sizes.get("inputs")
    return tuple(sorted(architecture.symbols, key=lambda s: s == inputs))


# -- composition -----------------------------------------------------------------------------------------------------------


def order_of(architecture: Architecture) -> int:
    """m: the lowest degree of the target that some layer of the network can produce; ModelError if there is none."""
    degrees = architecture.target.degrees
    layers = [layer for layer in architecture.layers if layer.rules.activated]
    if not layers:
        return degrees[0]
    for m in degrees:
        if any(COMPONENTS[layer.activation](m) for layer in layers):
            return m
    raise _inexpressible(architecture)


def _inexpressible(architecture: Architecture, wanted: tuple[str, ...] | None = None) -> ModelError:
    words = "; ".join(dict.fromkeys(f"{x.activation}: {COMPONENT_WORDS[x.activation]}" for x in architecture.layers if x.rules.activated))
    if wanted is not None:
        return ModelError(f"assignment: {' - '.join(wanted)} hands no strength of the target to the readout ({words})")
    return ModelError(f"target: {architecture.target.name} cannot be expressed by these activations ({words}), so A is 0 identically")


def variants(architecture: Architecture, wanted: tuple[str, ...] | None = None) -> tuple[Variant, ...]:
    """Every way of composing a cost (of the ``wanted`` assignment), without repetitions; empty where no strength of the target reaches the
    readout."""
    m = order_of(architecture)
    first = architecture.layers[0]
    local = {short: _size(architecture, 0, name) for name, short in first.rules.sizes}
    start = {f: _substitute(parse_monomial(text), local) for f, text in first.rules.receives}
    partial: list[tuple[Variant, dict[str, Monomial]]] = [(Variant(()), start)]
    for index in range(len(architecture.layers)):
        rules = architecture.layers[index].rules.rules
        rules = rules if wanted is None else tuple(rule for rule in rules if rule.name == wanted[index])
        partial = [after for before in partial for after in _extend(architecture, index, rules, m, *before)]
    found: dict[Any, Variant] = {}
    for variant, _ in partial:
        key = (variant.rules, frozenset(t.shape for t in variant.terms.terms), frozenset(b.shape for b in variant.bounds), variant.resting)
        found.setdefault(key, variant)
    return tuple(found.values())


def _extend(
    architecture: Architecture, index: int, rules: tuple[Rule, ...], m: int, before: Variant, strengths: dict[str, Monomial]
) -> Iterator[tuple[Variant, dict[str, Monomial]]]:
    """Each of the layer's ``rules`` on top of ``before``, with the strengths it hands on."""
    layer = architecture.layers[index]
    kind, lazy = layer.rules, next(rule for rule in layer.rules.rules if rule.name == GP)
    sizes = {short: _size(architecture, index, name) for name, short in kind.sizes}
    for rule in rules:
        if rule.reads and rule.reads not in strengths:
            continue
        names = {p: _parameter(architecture, index, p) for p in rule.parameters}
        symbols = sizes | strengths | {p: Monomial.of({name: 1}) for p, name in names.items()}
        for acting, resting in ((rule, False), *(((lazy, True),) if rule.lazy_at else ())):
            for hands in _routes(acting, strengths, m, layer.activation):
                step = Step(acting, hands, symbols, index, resting)
                after = _applied(architecture, before, step, rule.name, m, names, resting)
                handed = {h.feature: _strength(h, symbols, m) for h in hands}
                if kind.name == "readout" or handed:
                    yield after, handed


def _applied(
    architecture: Architecture, before: Variant, step: Step, name: str, m: int, names: Mapping[str, str], resting: bool
) -> Variant:
    rules = (*before.rules, name)
    steps = (*before.steps, step)
    if resting:
        return replace(before, rules=rules, steps=steps, resting=(*before.resting, *names.values()))
    rule, symbols = step.rule, step.symbols
    terms = list(before.terms.terms)
    if rule.cost:
        extra = fan_in(architecture) if architecture.layers[step.index].prior == "mean-field" else Monomial()
        terms += [_substitute(t, symbols) * extra for t in parse(rule.cost, {"m": m}).terms]
    if rule.stretch:
        count, d = rule.stretch
        terms.append((_substitute(parse_monomial(count), symbols) * symbols[d]).bare())
    bounds = tuple(_substitute(parse_monomial(b, {"m": m}), symbols) for b in rule.bounds)
    return replace(
        before, rules=rules, steps=steps, terms=Posynomial.of(terms).bare(), bounds=before.bounds + bounds,
        parameters=before.parameters + tuple(names.values()), counts=before.counts + tuple(names[p] for p in rule.counts),
        natural=before.natural + tuple(names[p] for p in rule.natural),
        stretched=before.stretched + ((names[rule.stretch[1]],) if rule.stretch else ()),
    )  # fmt: skip


def _routes(rule: Rule, strengths: Mapping[str, Monomial], m: int, activation: str) -> list[tuple[Hand, ...]]:
    """The rule's hand-overs that the strengths and the activation allow; one choice for each feature that has several."""
    able = COMPONENTS.get(activation, COMPONENTS["bounded"])
    choices: dict[str, list[Hand]] = {}
    for hand in rule.hands:
        needs = {s for s, _ in parse_monomial(hand.strength, {"m": m}).powers}
        if needs & {"u", "y"} <= set(strengths) and able(m if hand.degree == "m" else int(hand.degree)):
            choices.setdefault(hand.feature, []).append(hand)
    if m == 1 and "y" in choices:  # then y is u
        choices.pop("u", None)
    routes: list[tuple[Hand, ...]] = [()]
    for hands in choices.values():
        routes = [(*route, hand) for route in routes for hand in hands]
    return routes


def degree_of(hand: Hand, m: int) -> int:
    """The degree of a hand-over as a number."""
    return m if hand.degree == "m" else int(hand.degree)


def _strength(hand: Hand, symbols: Mapping[str, Monomial], m: int) -> Monomial:
    """A handed strength as a scaling: G is w^(2k)."""
    local = dict(symbols)
    if "w" in symbols:
        local["G"] = symbols["w"] ** (2 * degree_of(hand, m))
    return _substitute(parse_monomial(hand.strength, {"m": m}), local)


def _substitute(monomial: Monomial, symbols: Mapping[str, Monomial]) -> Monomial:
    found = Monomial(monomial.coefficient)
    for s, p in monomial.powers:
        found = found * symbols[s] ** p
    return found


def _size(architecture: Architecture, index: int, name: str) -> Monomial:
    return Monomial.of({str(architecture.layers[index].sizes[name]): Fraction(1)})


def fan_in(architecture: Architecture) -> Monomial:
    """What the readout reads: the units of the layer below."""
    below = len(architecture.layers) - 2
    found = Monomial()
    for name in architecture.layers[below].rules.units:
        found = found * _size(architecture, below, name)
    return found


def _parameter(architecture: Architecture, index: int, name: str) -> str:
    """M, or M1, M2, ... where several layers below the readout could have one; beta is numbered from three such layers on."""
    hidden = len(architecture.layers) - 1
    return name if hidden == 1 or (name == "beta" and hidden == 2) else f"{name}{index + 1}"


def _assignment(assignment: str | Iterable[str]) -> tuple[str, ...]:
    parts = assignment.replace(" - ", ",").split(",") if isinstance(assignment, str) else assignment
    return tuple(str(part).strip() for part in parts)


def checked_assignment(architecture: Architecture, assignment: str | Sequence[str]) -> tuple[str, ...]:
    """The assignment with its readout; ModelError naming the layer that has no such rule."""
    wanted = _assignment(assignment)
    if len(wanted) == len(architecture.layers) - 1:
        wanted = (*wanted, GP)
    if len(wanted) != len(architecture.layers):
        raise ModelError(f"assignment: needs one rule for each of the {len(architecture.layers) - 1} layers, got {', '.join(wanted)}")
    for i, (name, layer) in enumerate(zip(wanted, architecture.layers, strict=True), 1):
        rules = {rule.name for rule in layer.rules.rules}
        if name not in rules:
            raise ModelError(f"assignment: layer {i} ({layer.kind}) has no rule {name!r}; its rules: {', '.join(sorted(rules))}")
        reads = {rule.reads for rule in layer.rules.rules if rule.name == name}
        if i == 1 and reads == {"y"}:
            raise ModelError(f"assignment: layer 1 receives no strength of the target, which {name!r} needs")
    return wanted


__all__ = ["ArchitectureTable", "PatternRow", "Step", "Variant", "order_of", "pattern_table", "symbol_order", "variants"]
