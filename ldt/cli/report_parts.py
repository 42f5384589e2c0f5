"""The sections of a report, for an alignment, a network and an architecture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ldt.cli.ask import attempt
from ldt.cli.curve import curve_figure, curve_row
from ldt.cli.page import Page, Source, paragraph, preformatted, table
from ldt.cli.progress import Bar
from ldt.cli.render import Output
from ldt.texts import ERROR_KINDS, digits, number, result_rows, specialised_of

NEURONS = (
    "A = c sum_i a_i g(w_i) over N independent neurons, with a_i ~ N(0, sigma_a^2/N) and input weights of variance sigma_w^2/d: the"
    " alignment of a random two-layer network with the target."
)
LEVELS = 25
DRAWN = 40


def _figure(fill: Callable[[Any], Any], **size: Any) -> Any:
    from ldt.plots import figure_of

    figure, ax = figure_of(**size)
    fill(ax)
    return figure


def _headline(page: Page, result: Any, model: Any) -> None:
    """The answer, large."""
    event = f"P(A >= {result.level:g})"
    if not math.isfinite(result.logp):
        page.head = paragraph(f"-log {event}: no answer", "answer") + paragraph(f"{model.name}; {result.status}: {result.advice}", "soft")
        return
    small = f"{event} = 10^{result.log10p:.4g}; error {result.error:.2g} nats ({ERROR_KINDS[result.error_kind]}); {result.method}"
    page.head = paragraph(f"-log {event} = {digits(-result.logp, max(result.error, 1e-9))} nats", "answer")
    page.head += paragraph(f"{model.name}. {small}; status {result.status}", "soft")


def _model(page: Page, model: Any, source: Source, note: str) -> None:
    fields = [(k.replace("_", " "), _plain(v)) for k, v in model.to_dict().items() if v not in (None, "", {}, [])]
    parts = [paragraph(note), table((), fields)]
    if source.text:
        parts += [paragraph(f"The commands below read it from {source.words.split(' ')[0]}:"), preformatted(source.text.strip())]
    page.add("Model", *parts)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items() if v not in ("", None))
    if isinstance(value, (list, tuple)):
        return "; ".join(_plain(v) for v in value)
    return number(value) if isinstance(value, float) else str(value)


def _again(page: Page, words: str, level: float, ridge: float, seed: int | None, kinds: list[str]) -> None:
    """How to make the page again, and what to cite."""
    from ldt import __version__
    from ldt.citations import bibtex

    again = "" if seed is None else f" --seed {seed}"
    whole = f"ldt-rate report {words} --level {level:g} --ridge {ridge:g}{again} -o report.html"
    same = "nothing is drawn" if seed is None else "the same seed gives the same numbers for any number of workers"
    page.add(
        "This page again",
        paragraph(f"Made by ldt {__version__}; {same}. All numbers are natural logarithms (nats) unless they say otherwise."),
        preformatted(whole),
        paragraph("What it rests on:"),
        preformatted(bibtex(kinds)),
    )  # fmt: skip


# -- a sum over neurons ------------------------------------------------------------------------------------------------------


def alignment_report(
    model: Any, *, source: Source, level: float, ridge: float, seed: int, out: Output
) -> tuple[Page, list[str]]:  # fmt: skip
    """The page of an AlignmentSum, and the statuses that decide the exit code."""
    import numpy as np

    import ldt
    from ldt import plots
    from ldt.patterns.two_layer import pattern_costs

    page = Page(f"How rare is A >= {level:g}? {model.label or model.name}")
    ask = f"ldt-rate tail {source.words} --level {level:g}"
    asked: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("exact", {}, f"{ask} --method exact"),
        ("saddlepoint", {}, f"{ask} --method saddlepoint"),
        ("importance", {"rng": seed}, f"{ask} --method importance --seed {seed}"),
        ("saddlepoint", {"form": "classical"}, f"{ask} --method saddlepoint --form classical"),
    )
    results: list[Any] = []
    rows: list[tuple[str, ...]] = []
    commands: list[str] = []
    with Bar(out, "report") as bar:
        for i, (method, options, command) in enumerate(asked):
            bar.update(i, len(asked) + 3, method)
            found = attempt(lambda m=method, o=options: ldt.tail(model, level, method=m, **o), out, method)  # type: ignore[misc]
            name = method + (f", {options['form']}" if "form" in options else "")
            if found is None:
                rows.append((name, "no answer", "", "", "", ""))
                continue
            results.append(found)
            rows.append(_row(name, found, results[0]))
            commands.append(command)
        best = results[0] if results else ldt.tail(model, level)
        _headline(page, best, model)
        _model(page, model, source, NEURONS)
        header = ("method", f"-log P(A >= {level:g}) [nats]", "error [nats]", "the error is", "from the first [nats]", "status")
        rate = attempt(lambda: ldt.rate(model, level), out, "rate")
        parts = [table(header, rows)]
        if rate is not None:
            whole = "" if rate.specialised is None else f" with {rate.specialised} specialised"
            words = f"Large-deviation values: I({level:g}) = {rate.convex:.8g} nats (convex, Chernoff); {rate.nonconvex:.8g} nats"
            parts.append(paragraph(words + f" for whole neurons{whole}. Neither has the prefactor that the values above have."))
        law = specialised_of(best.detail)
        if law:
            parts.append(paragraph(f"Specialised neurons given the event: {law}."))
        page.add("Numbers", *parts, preformatted("\n".join(commands)))
        bar.update(len(asked), len(asked) + 3, "pictures")
        pictures = []
        levels = np.linspace(0.04 * level, 1.5 * level, LEVELS)
        points = [curve_row(model, float(x), "upper", best.method, {}, out) for x in levels]
        if any(row[1] is not None for row in points):
            command = f"ldt-rate curve {source.words} --from {levels[0]:g} --to {levels[-1]:g} --points {LEVELS} --plot curve.svg"
            caption = "How rare each level is, with the convex rate and that of whole neurons; below, how far it lies above the convex one."
            pictures.append(page.picture(curve_figure(points, model, "upper"), caption, command))
        answer = f"{ask} --method {best.method} --plot answer.svg"
        caption = "How many neurons specialise, given the event." if law else "Where the level lies in the law of A."
        pictures.append(page.picture(_figure(best.plot), caption, answer))
        if len(results) > 1:
            line = f"from ldt.plots import plot_methods\nplot_methods(ldt.compare(model, {level:g}, rng={seed}))"
            caption = "Each method's stated error, and how far it is from the first."
            pictures.append(page.picture(_figure(lambda ax: plots.plot_methods(results, ax)), caption, source.script(line)))
        bar.update(len(asked) + 1, len(asked) + 3, "weights")
        pictures += _weights(page, model, source, level, seed, out)
        page.add("Pictures", *pictures)
        costs = attempt(lambda: pattern_costs(model, level), out, "patterns")
        if costs is not None:
            cells = [(p.name, f"{p.cost:.6g}", ", ".join(f"{k} = {number(v)}" for k, v in p.parameters.items()) or "-", p.formula)
                     for p in costs.patterns]  # fmt: skip
            priced = f"ldt-rate patterns {source.words} --level {level:g}"
            ties = f" (tied: {', '.join(costs.ties)})" if costs.ties else ""
            page.add(
                "Patterns",
                paragraph(f"Cheapest: {costs.winner}{ties}. Costs are leading energies in nats, without prefactors; the network's own value"
                          " stands above."),
                table(("pattern", "cost [nats]", "at", "formula"), cells),
                page.picture(_figure(costs.plot), "What each pattern costs.", f"{priced} --plot costs.svg"),
            )  # fmt: skip
    _complexity(page, best, source, level, ridge)
    _again(page, source.words, level, ridge, seed, ["alignment", *dict.fromkeys(r.method for r in results)])
    return page, [best.status]


def _row(name: str, result: Any, first: Any) -> tuple[str, ...]:
    known = math.isfinite(result.logp)
    away = "" if result is first or not known else f"{first.logp - result.logp:+.2g}"
    error = f"{result.error:.2g}" if math.isfinite(result.error) else "unknown"
    advice = f": {result.advice}" if result.advice else ""
    value = digits(-result.logp, max(result.error, 1e-9)) if known else "no answer"
    return name, value, error, ERROR_KINDS[result.error_kind], away, result.status + advice


def _weights(page: Page, model: Any, source: Source, level: float, seed: int, out: Output) -> list[str]:
    """Pictures of the tilted law and of weights given the event, where they can be had."""
    import ldt

    found = []
    tilted = attempt(lambda: ldt.tilted(model, level), out, "tilted law")
    if tilted is not None:
        script = source.script(f"ldt.tilted(model, {level:g}).plot()")
        found.append(page.picture(_figure(tilted.plot), "One neuron's density under the tilted law, and its wells.", script))
    if model.width <= 10_000:
        drawn = attempt(lambda: ldt.sample_given(model, level, DRAWN, rng=seed), out, "weights")
        if drawn is not None:
            command = f"ldt-rate sample {source.words} --level {level:g} --size {DRAWN} --seed {seed} --plot weights.svg"
            found.append(page.picture(_figure(drawn.plot), f"Weights of {DRAWN} networks given the event: exact draws.", command))
    return found


def _complexity(page: Page, result: Any, source: Source, level: float, ridge: float, options: str = "") -> None:
    from ldt.errors import ModelError
    from ldt.patterns.complexity import sample_complexity

    title = "Sample complexity"
    law = f"Below P* = 2 kappa (-log P)/k samples, with ridge kappa = {ridge:g} and k = E (f - y)^2 under the prior,"
    law += f" A >= {level:g} is not learned"
    try:
        found = sample_complexity(result, ridge=ridge)
    except ModelError as error:
        page.add(title, paragraph(f"{law}. P* is not stated here: {error}."))
        return
    page.add(
        title,
        paragraph(f"P* = {digits(found.samples, max(found.error, 1e-6 * found.samples))} samples, error {found.error:.2g}", "answer"),
        paragraph(f"{law}. Here k = {found.discrepancy:.6g} and -log P = {found.neg_log_p:.8g} nats."),
        preformatted(source.script(f"ldt.sample_complexity(ldt.tail(model, {level:g}{options}), ridge={ridge:g})")),
    )


# -- a network ---------------------------------------------------------------------------------------------------------------


def network_report(
    model: Any, *, source: Source, level: float, ridge: float, seed: int, out: Output, options: dict[str, Any]
) -> tuple[Page, list[str]]:  # fmt: skip
    """The page of a network, by splitting."""
    import ldt
    from ldt.patterns.reading import read_patterns

    page = Page(f"How rare is A >= {level:g}? {model.name}")
    with Bar(out, "splitting") as bar:
        result = ldt.tail(model, level, method="splitting", rng=seed, progress=bar, **options)
    extra = "".join(f" --{k} {v}" for k, v in options.items())
    given = f", method='splitting', rng={seed}" + "".join(f", {k}={v}" for k, v in options.items())
    command = f"ldt-rate tail {source.words} --level {level:g} --method splitting --seed {seed}{extra}"
    _headline(page, result, model)
    _model(page, model, source, f"All {model.dimension} weights are random numbers; the network is sampled as a black box.")
    rows = [(name, words) for name, words in result_rows(result) if words and name != "cost"]
    detail = result.detail
    rows += [("replicates", ", ".join(f"{-x:.4g}" for x in detail.replicates)), ("acceptance", _plain(detail.acceptance)),
             ("memory of the moves", number(detail.memory))]  # fmt: skip
    page.add("Numbers", table((), rows), preformatted(command))
    if detail.climbed:
        caption = "The levels climbed, and where every replicate ended."
        page.add("Pictures", page.picture(_figure(result.plot), caption, f"{command} --plot levels.svg"))
    if len(detail.scores):
        cells = [(r.layer, r.units, *("-" if x is None else f"{x:.3g}" for x in (r.second_well, r.outliers, r.inflation, r.perpendicular)),
                  r.pattern) for r in read_patterns(model, detail.weights, level)]  # fmt: skip
        line = "from ldt.patterns.reading import read_patterns\n"
        line += f"read_patterns(model, ldt.tail(model, {level:g}{given}).detail.weights, {level:g})"
        header = ("layer", "units", "second well (mean)", "beyond 3 sd", "inflation D", "variance across, beyond 3 sd", "pattern")
        page.add("Patterns", paragraph(f"Read off {len(detail.scores)} sampled networks given the event."), table(header, cells),
                 preformatted(source.script(line)))  # fmt: skip
    _complexity(page, result, source, level, ridge, given)
    _again(page, source.words + extra, level, ridge, seed, ["network", "splitting"])
    return page, [result.status]


# -- an architecture ---------------------------------------------------------------------------------------------------------


def architecture_report(
    model: Any, value: Any, *, source: Source, level: float, ridge: float, out: Output
) -> tuple[Page, list[str]]:  # fmt: skip
    """The page of an architecture: exponents, and where its base has a value, nats and P*."""
    import ldt
    from ldt.cli.architecture import power, samples_of
    from ldt.errors import ModelError
    from ldt.patterns.phases import phases

    found = ldt.pattern_table(model)
    base = model.base
    page = Page(f"What feature learning costs: {model.label or model.name}")
    page.head = paragraph(f"P* >~ {found.winner.value} ~ {power(base, found.winner.exponent)}", "answer")
    page.head += paragraph(f"cheapest: {found.winner.name}" + "".join(f"; tied: {row.name}" for row in found.ties), "soft")
    note = "Every assignment of GP, GFL and specialization to the layers is tried; costs add, what is free is optimised."
    _model(page, model, source, note)
    rows = [(row.name, str(row.cost), ", ".join(f"{k} = {v}" for k, v in row.optimum.items()) or "-", str(row.value),
             f"{row.exponent}" + (" (GFL at rest)" if row.at_rest else "")) for row in found.rows]  # fmt: skip
    header = ("assignment", "cost", "at", "value", f"exponent of {base}")
    page.add("Patterns", table(header, rows), preformatted(f"ldt-rate patterns {source.words}"))
    tall, caption = max(3.2, 0.36 * len(rows) + 1.4), f"Exponents of {base} in the cost of every assignment."
    drawn = _figure(found.plot, width=7.2, height=tall)
    pictures = [page.picture(drawn, caption, f"ldt-rate patterns {source.words} --plot exponents.svg")]
    free = [s for s in model.symbols if s != base][:2]
    if free:
        try:
            diagram = phases(model, ",".join(free), 6)
        except ModelError as error:
            out.say(f"phase diagram: {error}")
        else:
            command = f"ldt-rate patterns {source.words} --phase {','.join(free)} --plot phases.svg"
            caption = "Which pattern wins, over the exponents of the sizes."
            pictures.append(page.picture(_figure(diagram.plot, width=7.2, height=6.4), caption, command))
    if value is not None:
        numbers = ldt.numeric_table(model, value, level)
        samples = samples_of(model, numbers, ridge)
        cells = [(row.name, f"{row.cost:.6g}", f"{samples[row.name]:.6g}", _plain(row.parameters) or "-") for row in numbers.rows]
        sizes = ", ".join(f"{k} = {number(v)}" for k, v in numbers.sizes.items())
        command = f"ldt-rate patterns {source.words} --dim {value} --level {level:g} --ridge {ridge:g}"
        page.add("Numbers", paragraph(f"At {sizes}, A >= {level:g}: leading energies, and P* = 2 kappa cost/k at ridge kappa = {ridge:g}."),
                 table(("assignment", "cost [nats]", "P*", "at"), cells), preformatted(command))  # fmt: skip
        pictures.append(page.picture(_figure(numbers.plot, width=7.2, height=max(3.2, 0.36 * len(cells) + 1.4)),
                                     f"What every assignment costs at {sizes}.", f"{command} --plot costs.svg"))  # fmt: skip
    page.add("Pictures", *pictures)
    text = f"P* >~ 2 (kappa/k) {found.winner.value}: below that many samples the target is not learned, by any pattern. Costs are"
    page.add("Sample complexity", paragraph(text + " leading energies: the exponents are exact, the constants of P* are estimates."))
    _again(page, source.words + ("" if value is None else f" --dim {value}"), level, ridge, None, ["architecture"])
    return page, ["ok"]
