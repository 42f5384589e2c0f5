"""What --help adds to each command: an example or two that run as they stand where the model files are (ldt-rate examples)."""

from __future__ import annotations

import click

#: Command: its examples.  A test runs them.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "tail": ("ldt-rate tail --width 12 --dim 400 --level 1",
             "ldt-rate tail talk.toml --level 1 --method importance --seed 1 --plot law.png"),
    "curve": ("ldt-rate curve talk.toml --from 0.1 --to 1.5 --points 8 --plot curve.svg",),
    "patterns": ("ldt-rate patterns cnn.toml --dim 100", "ldt-rate patterns three_layer_erf.toml --phase N1,N2 --plot phases.pdf"),
    "scaling": ("ldt-rate scaling talk.toml --setting specialization --dims 5,10,20 --seed 1 --plot scaling.png",),
    "sweep": ("ldt-rate sweep grid.toml -o records.jsonl",),
    "study": ("ldt-rate study two_layer_erf.toml --values 5,10,20 --method exact --method patterns -o study.csv",),
    "sample": ("ldt-rate sample talk.toml --level 1 --size 20 --seed 1 -o weights.csv --plot weights.png",),
    "sum": ("ldt-rate sum --law 'gamma(2, scale=3)' --n 100 --x 900",
            "ldt-rate sum --law 'gamma(2, scale=3)' --n 100 --x 900 --certify --digits 30"),
    "adapt": ("ldt-rate adapt adapt_talk.toml --ridge 1 --samples 40..4000 --plot curve.png",),
    "lazy": ("ldt-rate lazy --kernel erf --dim 10 --degrees 1,3,5",),
    "rg": ("ldt-rate rg --exponent 0.5 --modes 400 --samples 100 --seed 1",),
    "learn": ("ldt-rate learn talk_full.toml --width 8 --dim 8 --samples 200 --networks 4 --sweeps 60 --warmup 40 --seed 1",),
    "plan": ("ldt-rate plan talk.toml --level 1",),
    "report": ("ldt-rate report talk.toml --level 1 --seed 1 -o report.html",),
    "examples": ("ldt-rate examples models",),
    "cite": ("ldt-rate cite --method saddlepoint", "ldt-rate tail talk.toml --level 1 --json | ldt-rate cite -"),
    "doctor": ("ldt-rate doctor",),
}

#: At the end of ``ldt-rate --help``.
COMPLETION = """\b
Completion of commands, options and files: add the line of your shell to its start-up file.
  bash  eval "$(_LDT_RATE_COMPLETE=bash_source ldt-rate)"
  zsh   eval "$(_LDT_RATE_COMPLETE=zsh_source ldt-rate)"
  fish  _LDT_RATE_COMPLETE=fish_source ldt-rate | source"""


def with_examples(command: click.Command, name: str) -> click.Command:
    """The command with its examples at the end of --help."""
    shown = EXAMPLES.get(name, ())
    if shown and command.epilog is None:
        command.epilog = "\b\n" + ("Example:" if len(shown) == 1 else "Examples:") + "".join(f"\n  {line}" for line in shown)
    return command


def files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[click.shell_completion.CompletionItem]:
    """File names, completed by the shell itself."""
    return [click.shell_completion.CompletionItem(incomplete, type="file")]


def one_of(*names: str) -> object:
    """Completion of a parameter that takes one of ``names``."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete
