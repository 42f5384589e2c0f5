"""``ldt-rate patterns`` for an architecture: the table of assignments, numbers at a size, the phase diagram, P*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ldt.cli.picture import picture_of
from ldt.cli.render import DONE, Output, aligned, exit_code, number, table

HEADER = ("assignment", "cost", "optimum", "value", "exponent", "single", "nats", "parameters", "samples", "at_rest")


def answer(
    architecture: Any, value: Any, *, level: Any, bounds: bool, seed: Any, at: Sequence[str], base: str | None, assignment: str | None,
    phase: str | None, top: str | None, plot: str | None, ridge: Any, variational: bool, out: Output,
) -> int:  # fmt: skip
    """Prints the answer and returns the exit code."""
    from ldt.errors import ModelError
    from ldt.patterns.engine import pattern_table

    architecture = changed(architecture, at, base)
    for name, given, needs in (
        ("top", top, "phase" if phase is None else ""),
        ("variational", variational, "dim" if value is None else ""),
        ("bounds", bounds, "" if variational else "variational"),
        ("level", level, "dim" if value is None else ""),
        ("ridge", ridge, "dim" if value is None else ""),
    ):
        if given and needs:
            raise ModelError(f"{name}: needs --{needs}")
    picture = picture_of(plot, out)
    level, ridge = 1.0 if level is None else level, 1.0 if ridge is None else ridge
    found = pattern_table(architecture, assignment)
    numbers = diagram = exact = None
    if value is not None:
        from ldt.patterns.geometric import numeric_table

        numbers = numeric_table(architecture, value, level, assignment)
    if variational:
        from ldt.patterns.variational import variational as evaluate

        exact = evaluate(architecture, value, level, bound=bounds, rng=seed)
    if phase is not None:
        from ldt.patterns.phases import phases

        diagram = phases(architecture, phase, top or 6)
    samples = None if numbers is None else samples_of(architecture, numbers, ridge)
    record = found.to_dict() | {
        "numbers": None if numbers is None else numbers.to_dict(), "phases": None if diagram is None else diagram.to_dict(),
        "variational": None if exact is None else {k: v for k, v in exact.to_dict().items() if k != "architecture"},
        "samples": samples, "ridge": ridge if numbers is not None else None,
    }  # fmt: skip
    rows = _rows(found, numbers, samples)
    out.answer(record, _text(architecture, found, numbers, diagram, exact, samples, rows), (HEADER, rows))
    if picture is not None:
        shown = diagram or exact or numbers or found
        picture.draw(shown.plot, width=7.2, height=5.2 if diagram is None else 6.4)
    bound = getattr(exact, "bound", None)
    return exit_code([bound.status]) if bound is not None else DONE


def changed(architecture: Any, at: Sequence[str], base: str | None) -> Any:
    """The architecture with the sizes of --at and the base of --base."""
    from ldt.cli.options import number as as_number
    from ldt.errors import ModelError
    from ldt.models.architecture import Architecture

    widths: dict[str, Any] = {}
    for text in at:
        symbol, equals, law = text.partition("=")
        symbol = symbol.strip()
        if not equals or symbol not in architecture.symbols:
            sizes = ", ".join(architecture.symbols)
            raise ModelError(f"at: must be a size and its law, like {architecture.symbols[-1]}=64*d^0.5; sizes: {sizes}; got {text!r}")
        law = as_number(law)
        widths[symbol] = law
    if base is None:
        return architecture.with_widths(**widths)
    if base not in architecture.symbols:
        raise ModelError(f"base: must be one of the sizes {', '.join(architecture.symbols)}, got {base!r}")
    missing = [s for s in architecture.symbols if s not in widths and s != base and architecture.exponents[s]]
    if missing and base != architecture.base:
        raise ModelError(f"at: missing {', '.join(missing)}, whose law is in powers of {architecture.base} and not of {base}")
    return Architecture(architecture.layers, architecture.target, {**architecture.widths, base: base, **widths}, base, architecture.label)


def samples_of(architecture: Any, numbers: Any, ridge: Any) -> dict[str, float]:
    """P* of every row of a numeric table."""
    from ldt.patterns.complexity import discrepancy_of, sample_complexity

    if architecture.layers[-1].prior == "mean-field":
        k = 1.0  # <y, y>; the variance of f falls with the width
    else:
        k = discrepancy_of(architecture)
    return {row.name: sample_complexity(row, ridge=ridge, discrepancy=k).samples for row in numbers.rows}


def _rows(found: Any, numbers: Any, samples: dict[str, float] | None) -> list[tuple[Any, ...]]:
    rows = []
    for row in found.rows:
        at = ", ".join(f"{s} = {x}" for s, x in row.optimum.items())
        nats, words = None, ""
        if numbers is not None:
            exact = numbers[row.name]
            nats, words = exact.cost, ", ".join(f"{s} = {number(v)}" for s, v in exact.parameters.items())
        single = "" if row.single is None or str(row.single) == str(row.cost) else str(row.single)
        rows.append((row.name, str(row.cost), at, str(row.value), str(row.exponent), single, nats, words,
                     None if samples is None else samples[row.name], row.at_rest))  # fmt: skip
    return rows


def _text(
    architecture: Any, found: Any, numbers: Any, diagram: Any, exact: Any, samples: dict[str, float] | None, rows: Sequence[Sequence[Any]]
) -> str:
    base = architecture.base
    header = ["assignment", "cost", "at", "value", f"exponent of {base}", "with single neurons"]
    cells = [[row[0], row[1], row[2] or "-", row[3], row[4] + ("*" if row[9] else ""), row[5]] for row in rows]
    text = table(header, cells, left=len(header))
    tied = ", ".join(row.name for row in found.ties)
    lines = [
        ("winner", f"{found.winner.name}: cost ~ {found.winner.value} ~ {power(base, found.winner.exponent)}"),
        ("ties", tied),
        ("P*", f">~ {found.winner.value}: below that many samples, times 2 ridge/k, it is not learned"),
        ("widths", ", ".join(f"{s} = {architecture.width(s)}" for s in architecture.symbols)),
        ("model", architecture.name),
        ("*", "GFL rests at D ~ 1, where it is GP" if any(row[9] for row in rows) else ""),
    ]
    if numbers is not None and samples is not None:
        sizes = ", ".join(f"{s} = {number(v)}" for s, v in numbers.sizes.items())
        text += f"\nat {sizes}, A >= {numbers.level:g} (leading energies)\n"
        body = [[r.name, f"{r.cost:.6g}", f"{samples[r.name]:.6g}", ", ".join(f"{s} = {number(v)}" for s, v in r.parameters.items()) or "-"]
                for r in numbers.rows]  # fmt: skip
        text += table(["assignment", "nats", "P*", "parameters"], body, left=1)
        ties = ", ".join(r.name for r in numbers.ties)
        lines.insert(2, ("in nats", f"{numbers.winner.name}" + (f" (within 1 %: {ties})" if ties else "")))
    if exact is not None:
        text += "\n" + _variational(exact)
    if diagram is not None:
        text += f"\nwho wins, for exponents of {', '.join(diagram.symbols)} from 0 to {diagram.top}\n"
        body = []
        for region in diagram.regions:
            where = " or ".join(" and ".join(c) or "everywhere" for c in region.conditions)
            partly = f" (partly {', '.join(region.partly)})" if region.partly else ""
            body.append([str(region.value), where, ", ".join(region.winners) + partly])
        text += table(["value", "where", "winners"], body, left=3)
    return text + "\n" + aligned(lines)


def power(base: str, exponent: Any) -> str:
    """The base to an exponent, as text."""
    from ldt.numerics.posynomials import Monomial

    return str(Monomial.of({base: exponent}))


def _variational(exact: Any) -> str:
    error = "" if exact.error != exact.error else f", error {exact.error:.1g}"
    lines = [(f"-log P ({exact.claim})", f"{exact.neg_log_p:.8g} nats{error}")]
    lines += [(name, f"{cost:.6g} nats" + "".join(f", {k} = {number(v)}" for k, v in exact.parameters[name].items()))
              for name, cost in sorted(exact.costs.items(), key=lambda item: item[1])]  # fmt: skip
    if exact.bound is not None:
        found = exact.bound
        lines.append(("bound", f"-log P <= {found.bound:.6g} +- {found.error:.2g} nats (one standard error; {found.pattern})"))
        lines.append(("", found.advice))
    lines.append(("note", exact.note))
    return aligned(lines)
