"""Options that the commands share: the model, its changes, the forms of output; numbers as people type them.

Values are turned into numbers where they are numbers and otherwise passed on as text, so that one place (the model, the
front door) says what is allowed, in the same words as in Python.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ldt.cli.help import files, one_of
from ldt.cli.render import Output
from ldt.errors import ModelError

F = TypeVar("F", bound=Callable[..., Any])

CHANGES = ("width", "dim", "readout_variance", "weight_variance", "c", "target", "activation", "overlap")


def number(text: Any) -> Any:
    """The number that ``text`` writes (an integer where it is one), or ``text`` itself.

    >>> number("1e6"), number("0.5"), number("-3"), number("many")
    (1000000, 0.5, -3, 'many')
    """
    if not isinstance(text, str):  # a default
        return text
    text = text.strip()
    with contextlib.suppress(ValueError):
        if len(text) < 300:
            return int(text)
    with contextlib.suppress(ValueError):
        value = float(text)
        return int(value) if value.is_integer() and abs(value) < 2.0**53 else value
    return text


def target(text: str) -> Any:
    """k, or ((k, coefficient), ...) from pairs k:coefficient separated by commas.

    >>> target("3"), target("1:1,3:0.1")
    (3, ((1, 1), (3, 0.1)))
    """
    if ":" not in text:
        return number(text)
    terms = []
    for pair in text.split(","):
        degree, _, coefficient = pair.partition(":")
        terms.append((number(degree), number(coefficient)))
    if len({k for k, _ in terms}) < len(terms):
        raise ModelError(f"target: each degree once, like 1:1,3:0.1; got {text!r}")
    return tuple(terms)


def _target(_: Any, __: Any, text: str | None) -> Any:
    return None if text is None else target(text)


def integer(name: str, value: Any, low: int, high: int) -> int:
    """``value`` as an integer in [low, high]; ModelError naming ``name`` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        top = f"{high:.0e}".replace("e+0", "e").replace("e+", "e") if high >= 10**6 else str(high)
        raise ModelError(f"{name}: must be an integer from {low} to {top}, got {value!r}")
    return value


def model_options(command: F, build: Callable[[str | None, dict[str, Any]], Any] | None = None) -> F:
    """Adds MODEL and the options that change its fields; the command gets ``model``: what ``build`` makes of the file's name and the
    changes (by default the model)."""

    @functools.wraps(command)
    def with_model(*args: Any, model_file: str | None, **rest: Any) -> Any:
        changes = {name: rest.pop(name) for name in CHANGES}
        return command(*args, model=(build or build_model)(model_file, {k: v for k, v in changes.items() if v is not None}), **rest)

    decorators = [
        click.argument("model_file", metavar="[MODEL]", required=False, shell_complete=files),
        click.option("--width", type=number, metavar="N", help="Number of neurons N, 1 to 1e12."),
        click.option("--dim", type=number, metavar="D", help="Input dimension d, 1 to 1e6."),
        click.option("--readout-variance", type=number, metavar="X", help="sigma_a^2; a_i has variance sigma_a^2/N."),
        click.option("--weight-variance", type=number, metavar="X", help="sigma_w^2; w_i has variance sigma_w^2/d."),
        click.option("--c", type=number, metavar="C", help="Prefactor: talk, raw, ratio, orthonormal or a number."),
        click.option("--target", callback=_target, metavar="K", help="He_K, or a sum like 1:1,3:0.1 (degree:coefficient)."),
        click.option("--activation", metavar="NAME", shell_complete=one_of("erf", "relu", "tanh", "linear"),
                     help="erf, relu, tanh or linear."),
        click.option("--overlap", metavar="FORM", shell_complete=one_of("concentrated", "full"), help="concentrated or full."),
    ]
    for decorate in reversed(decorators):
        with_model = decorate(with_model)
    return with_model  # type: ignore[return-value]


def build_model(path: str | None, changes: dict[str, Any]) -> Any:
    """The model of a file with fields changed, or of ``changes`` alone (then width and dim must be among them)."""
    from ldt.models.alignment import AlignmentSum
    from ldt.models.files import read_model

    if path is not None:
        return read_model(path, **changes)
    for name in ("width", "dim"):
        if name not in changes:
            raise ModelError(f"{name}: missing; give a MODEL file (ldt-rate examples writes some) or --width and --dim")
    return AlignmentSum(**changes)


def sum_over_neurons(model: Any) -> None:
    """ModelError for a network, from commands that need the law of a sum over neurons."""
    if model.kind != "alignment":
        raise ModelError(f"kind: this command is for models of kind 'alignment', got {model.kind!r}; 'tail' and 'plan' take networks")


def output_options(csv: bool = True, file: bool = True) -> Callable[[F], F]:
    """Adds --json, --csv, -o, -q and -v; the command gets ``out``, an Output, and returns its exit code."""

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def with_output(*args: Any, as_json: bool, quiet: int, verbose: int, **rest: Any) -> Any:
            as_csv, path = rest.pop("as_csv", False), rest.pop("output", None) if file else None
            if as_json and as_csv:
                raise click.UsageError("--json and --csv exclude each other")
            with Output(json=as_json, csv=as_csv, path=path, quiet=quiet, verbose=verbose) as out:
                if out.verbosity >= 0:
                    out.pulse.start(click.get_current_context().info_name or "")
                return command(*args, out=out, **rest)

        decorators = [click.option("--json", "as_json", is_flag=True, help="Print one strict JSON object.")]
        if csv:
            decorators.append(click.option("--csv", "as_csv", is_flag=True, help="Print CSV."))
        if file:
            text = "Write the answer to FILE (whole or not at all)."
            decorators.append(click.option("-o", "--output", metavar="FILE", help=text, shell_complete=files))
        decorators.append(click.option("-q", "--quiet", count=True, help="Say less on standard error."))
        decorators.append(click.option("-v", "--verbose", count=True, help="Say more."))
        for add in reversed(decorators):
            with_output = add(with_output)
        return with_output  # type: ignore[return-value]

    return decorate


level_option = click.option(
    "--level", type=number, required=True, metavar="A", help="The level alpha of the alignment, in units of A."
)
seed_option = click.option("--seed", type=number, metavar="S", help="Seed of the random streams (default: fresh, and reported).")


def checked_seed(seed: Any) -> int | None:
    """The seed as a non-negative integer, or None."""
    if seed is not None and (not isinstance(seed, int) or seed < 0):
        raise ModelError(f"seed: must be a non-negative integer, got {seed!r}")
    return seed


METHODS = ("auto", "exact", "saddlepoint", "importance", "montecarlo", "mpmath", "certified", "splitting", "umbrella",
           "hamiltonian")  # fmt: skip
METHOD_OPTIONS = {"samples": "--samples", "target_error": "--target-error", "rng": "--seed", "workers": "--workers",
                  "scheduler": "--scheduler", "dps": "--dps", "digits": "--digits", "form": "--form",
                  "replicates": "--replicates", "particles": "--particles", "moves": "--moves"}  # fmt: skip

scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS",
    help="Sample on a Dask cluster: tcp://..., or local for --workers processes started here (needs ldt[cluster]).",
)  # fmt: skip


def workers_of(workers: Any, scheduler: str | None) -> Any:
    """What the methods take as ``workers``: the number of threads, or the client of a cluster that lasts as long as the command."""
    if scheduler is None:
        return workers
    from ldt.numerics.cluster import cluster

    return click.get_current_context().with_resource(cluster(scheduler, integer("workers", workers, 1, 256)))


def method_options(command: F) -> F:
    """Adds --method and what the methods take; the command gets ``method`` and ``options``, as typed."""

    @functools.wraps(command)
    def with_method(*args: Any, **rest: Any) -> Any:
        given = {"seed" if name == "rng" else name: rest.pop("seed" if name == "rng" else name) for name in METHOD_OPTIONS}
        given["seed"] = checked_seed(given["seed"])
        options = {"rng" if k == "seed" else k: v for k, v in given.items() if v is not None}
        return command(*args, options=options, **rest)

    decorators = [
        click.option("--method", default="auto", metavar="NAME", show_default=True, shell_complete=one_of(*METHODS),
                     help="auto, exact, saddlepoint, importance, montecarlo, mpmath, certified; networks: splitting, umbrella, "
                     "hamiltonian."),
        click.option("--samples", type=number, metavar="N", help="Samples to draw (importance, montecarlo)."),
        click.option("--target-error", type=number, metavar="X", help="Sample until log P's error is X nats (all methods that sample)."),
        seed_option,
        click.option("--workers", type=number, metavar="N", help="Threads that sample; the numbers do not depend on it."),
        scheduler_option,
        click.option("--dps", type=number, metavar="N", help="Digits after the point (mpmath)."),
        click.option("--digits", type=number, metavar="N", help="Digits after the point to certify (certified)."),
        click.option("--replicates", type=number, metavar="N", help="Independent repeats (splitting, umbrella, hamiltonian)."),
        click.option("--particles", type=number, metavar="N", help="Chains of a repeat, or of a level (splitting; umbrella, hamiltonian)."),
        click.option("--moves", type=number, metavar="N", help="Sweeps of moves (splitting: at every level; the others: in all)."),
        click.option("--form", metavar="FORM", help="sectors or classical (saddlepoint)."),
    ]  # fmt: skip
    for decorate in reversed(decorators):
        with_method = decorate(with_method)
    return with_method  # type: ignore[return-value]
