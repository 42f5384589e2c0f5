"""The command ``ldt-rate``: a table of commands, each loaded when it is called, and one place for exit codes.

0 done; 2 usage or bad input (one line); 3 answered, but not to the accuracy asked or expected; 4 no answer by this method;
130 interrupted; 141 the reader of standard output went away.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from importlib import import_module
from typing import Any

import click

from ldt import __version__
from ldt.cli.help import COMPLETION, with_examples
from ldt.cli.render import BROKEN_PIPE, DONE, INTERRUPTED, NO_ANSWER, USAGE, OutputError, painted
from ldt.errors import ConvergenceError, LdtError, MethodError, NoTiltError

#: name: (module whose ``command`` it is, one line for --help)
COMMANDS = {
    "tail": ("ldt.cli.tail", "How rare: -log P(A >= level), or the density, with its error."),
    "curve": ("ldt.cli.curve", "log P, density and rate over a range of levels."),
    "patterns": ("ldt.cli.patterns", "What GP, GFL and specialization cost, and which wins."),
    "scaling": ("ldt.cli.scaling", "How -log P grows with d, against the predicted laws."),
    "sweep": ("ldt.cli.sweep", "A grid of models, levels and methods, into records that a stopped run goes on with."),
    "study": ("ldt.cli.study", "An architecture's patterns beside other methods, over a range of sizes."),
    "sample": ("ldt.cli.sample", "Exact draws of the weights given A >= level."),
    "sum": ("ldt.cli.sum", "P(S >= x) of any sum of independent terms."),
    "adapt": ("ldt.cli.adapt", "What a two-layer network learns from P samples: branches, P*, a neuron's wells."),
    "lazy": ("ldt.cli.lazy", "What a lazy network pays for a component, and the data it needs, on real inputs too."),
    "rg": ("ldt.cli.rg", "How the ridge and the couplings (r, u) flow as modes are eliminated."),
    "report": ("ldt.cli.report", "One page of a model: numbers, errors, pictures, patterns, P*, and how to make each again."),
    "learn": ("ldt.cli.learn", "Train networks on P samples and lay their weights over the tilted density."),
    "plan": ("ldt.cli.plan", "Which method, why, and at what cost; nothing is run."),
    "examples": ("ldt.cli.examples", "The shipped model files, into a folder."),
    "cite": ("ldt.cli.cite", "BibTeX for what a result used."),
    "doctor": ("ldt.cli.doctor", "Versions, cache, and a self-check against known answers."),
}


class Commands(click.Group):
    """Loads a command's module when the command is called; turns errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(found, click.Command)
        return with_examples(found, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"commands: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:  # not while a shell asks for completions
            click.echo(ctx.get_help(), err=True)
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return _pipe_broke()

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["prog_name"] = extra.get("prog_name") or "ldt-rate"
        sys.exit(self._code(extra["prog_name"], args, extra | {"standalone_mode": False}))

    def _code(self, prog_name: str, args: tuple[Any, ...], extra: dict[str, Any]) -> int:
        try:
            code = super().main(*args, **extra)
            _flush()
            return code if isinstance(code, int) else DONE
        except click.ClickException as error:
            where = f"{error.ctx.command_path}: " if isinstance(error, click.UsageError) and error.ctx else f"{prog_name}: "
            return _refuse(where + error.format_message(), USAGE)
        except (NoTiltError, MethodError, ConvergenceError) as error:
            return _refuse(f"{prog_name}: {error}", NO_ANSWER)
        except LdtError as error:
            return _refuse(f"{prog_name}: {error}", USAGE)
        except (click.Abort, KeyboardInterrupt):
            return _refuse(f"{prog_name}: interrupted", INTERRUPTED)
        except BrokenPipeError:
            return _pipe_broke()


def _refuse(message: str, code: int) -> int:
    with contextlib.suppress(OSError):
        text = " ".join(message.split())
        where, colon, what = text.partition(": ")
        click.echo(painted(where + colon, sys.stderr, fg="red", bold=True) + what, err=True)
    return code


def _flush() -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"stdout: cannot be written ({error.strerror or error})") from None


def _pipe_broke() -> int:
    """The reader has what it wanted: stop quietly, and let the interpreter's last flush go nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


@click.group(cls=Commands, epilog=COMPLETION, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ldt-rate", message="%(prog)s %(version)s")
def commands() -> None:
    """How rare it is that a random neural network is aligned with a target, by which pattern, and at what cost.

    A MODEL is a TOML file (docs/models.md; "-" reads standard input) or --width and --dim. Exit codes: 0 done, 2 bad input,
    3 answered but not accurately enough, 4 no answer by this method, 130 interrupted.
    """


def main() -> None:
    """Entry point of ``ldt-rate``."""
    try:
        commands.main()
    finally:
        gc.freeze()  # nothing to collect at exit: saves 0.2 s once Numba is loaded


if __name__ == "__main__":
    main()
