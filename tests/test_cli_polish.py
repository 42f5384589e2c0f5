"""What makes the command pleasant: examples that run, completion, colour on terminals only, signs of life, citations, model files."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import ldt
from ldt.cli.help import EXAMPLES
from ldt.cli.main import COMMANDS, commands
from ldt.cli.pulse import CLEAR, Pulse

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "ldt.cli.main"]
SMALL = ["--width", "5", "--dim", "5"]


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(commands, list(args), input=stdin, prog_name="ldt-rate")


def on_terminal(*args: str, **environment: str) -> str:
    """What a terminal would see of both streams."""
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    inherited = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    environment = inherited | {"TERM": "xterm"} | environment
    with subprocess.Popen([*COMMAND, *args], stdin=slave, stdout=slave, stderr=slave, env=environment) as child:
        os.close(slave)
        seen = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            seen += data
        os.close(master)
        child.wait()
    return seen.decode()


# -- help --------------------------------------------------------------------------------------------------------------------


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    for name, lines in EXAMPLES.items():
        text = run(name, "--help").stdout
        for line in lines:
            assert f"ldt-rate {name}" in line
            assert f"  {line}\n" in text, name  # not rewrapped


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    if name == "learn":
        pytest.importorskip("arviz_stats")
    assert run("examples", str(tmp_path)).exit_code == 0
    monkeypatch.chdir(tmp_path)
    sweep = (ROOT / "data" / "sweeps" / "talk.toml").read_text().replace("../models/", "").replace("[5, 10, 20, 50]", "[3, 5]")
    Path("grid.toml").write_text(sweep)
    for line in EXAMPLES[name]:
        stdin = None
        for part in line.split(" | "):
            done = run(*shlex.split(part)[1:], stdin=stdin)
            assert done.exit_code in (0, 3), done.output
            stdin = done.stdout
        for path in re.findall(r"(?:-o|--plot) (\S+)", line):
            assert Path(path).stat().st_size > 100


# -- completion --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [("ldt-rate ta", "plain,tail"), ("ldt-rate tail --rep", "plain,--replicates"), ("ldt-rate tail --method imp", "plain,importance"),
     ("ldt-rate tail data/mod", "file,data/mod"), ("ldt-rate curve --plot fig", "file,fig"), ("ldt-rate tail --overlap f", "plain,full")],
)  # fmt: skip
def test_completion(words: str, found: str) -> None:
    asked = {"_LDT_RATE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['ldt-rate']; from ldt.cli.main import main; main()"],
        capture_output=True, text=True, env=os.environ | asked,
    )  # fmt: skip
    assert found in done.stdout.splitlines(), done


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_help_says_how_to_complete(shell: str) -> None:
    assert f"_LDT_RATE_COMPLETE={shell}_source ldt-rate" in run("--help").stdout


# -- colour ------------------------------------------------------------------------------------------------------------------


def test_colour_is_for_terminals() -> None:
    line = ["tail", *SMALL, "--level", "1", "--method", "saddlepoint"]
    seen = on_terminal(*line)
    assert "\x1b[1m-log P(A >= 1)" in seen and "\x1b[32mok" in seen
    refused = on_terminal("tail", "--width", "x", "--dim", "5", "--level", "1")
    assert "\x1b[31m" in refused and "width" in refused
    piped = subprocess.run([*COMMAND, *line], capture_output=True, text=True)
    assert "\x1b" not in piped.stdout + piped.stderr
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[3" not in on_terminal(*line, **environment) and "\x1b[1m" not in on_terminal(*line, **environment)
    assert "\x1b[32m" in on_terminal(*line, NO_COLOR="")  # set but empty does not count


def test_json_is_never_coloured() -> None:
    seen = on_terminal("plan", *SMALL, "--level", "1", "--json")
    assert json.loads(re.sub(r"\r\x1b\[K(\w+: \d+ s)?", "", seen))["method"]


# -- signs of life -----------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_seconds_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("ldt.cli.pulse.QUIET", 0.05)
    monkeypatch.setattr("ldt.cli.pulse.FRAME", 0.02)
    pulse = Pulse()
    pulse.start("tail")
    end = time.monotonic() + 20.0
    while stream.getvalue().count("tail: 0 s") < 2 and time.monotonic() < end:
        time.sleep(0.01)
    with pulse.silent():
        stream.write("a line\n")
    pulse.stop()
    text = stream.getvalue()
    assert text.startswith(f"{CLEAR}tail: 0 s") and text.endswith(("a line\n", CLEAR))
    assert f"{CLEAR}a line\n" in text  # the line of seconds is gone before another is written
    before = stream.getvalue()
    time.sleep(0.1)
    assert stream.getvalue() == before


def test_elsewhere_there_are_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("ldt.cli.pulse.LINE", 0.01)
    pulse = Pulse()
    pulse.start("rg")
    time.sleep(0.5)
    pulse.stop()
    lines = stream.getvalue().splitlines()
    assert 1 <= len(lines) <= 8 and lines[0] == "rg: 0 s so far"  # each twice as late as the one before


def test_what_is_quick_says_nothing() -> None:
    done = run("plan", *SMALL, "--level", "1")
    assert done.stderr == ""


# -- examples, cite ----------------------------------------------------------------------------------------------------------


def test_examples_are_the_shipped_model_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "models"
    done = run("examples", str(folder), "--json")
    assert done.exit_code == 0, done.output
    shipped = {p.name: p.read_bytes() for p in (ROOT / "data" / "models").glob("*.toml")}
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == shipped
    assert {entry["name"] for entry in json.loads(done.stdout)["files"]} == set(shipped)
    (folder / "talk.toml").write_text("mine")
    again = run("examples", str(folder))
    assert (again.exit_code, again.stdout) == (2, "") and "--force" in again.stderr
    assert (folder / "talk.toml").read_text() == "mine"
    assert run("examples", str(folder), "--force").exit_code == 0
    assert (folder / "talk.toml").read_bytes() == shipped["talk.toml"]
    blocked = run("examples", str(folder / "talk.toml"))
    assert blocked.exit_code == 2 and blocked.stderr.count("\n") == 1
    listed = run("examples").stdout
    assert all(name in listed for name in shipped)


def bib(text: str) -> dict[str, dict[str, str]]:
    """Entries of BibTeX as we write it: {key: {field: value}}."""
    found: dict[str, dict[str, str]] = {}
    for entry in re.findall(r"^@\w+\{([\w-]+),\n(.*?)^\}$", text, flags=re.M | re.S):
        found[entry[0]] = dict(re.findall(r"^  (\w+) *= \{(.*)\},$", entry[1], flags=re.M))
    return found


def test_cite_says_what_the_citation_file_says() -> None:
    found = bib(run("cite").stdout)
    assert list(found) == ["ldt", "rubin2025mitigating"]
    file = (ROOT / "CITATION.cff").read_text()
    for field in ("title", "version", "license"):
        assert found["ldt"][field].strip("{}") == re.search(rf'^{field}: "?([^"\n]+)"?$', file, re.M).group(1)  # type: ignore[union-attr]
    paper = found["rubin2025mitigating"]
    assert f'title: "{paper["title"].strip("{}")}"' in file and f"arXiv:{paper['eprint']}" in file
    assert all(name.split(",")[0] in file for name in paper["author"].split(" and "))


def test_cite_reads_a_result(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert run("tail", *SMALL, "--level", "1", "--method", "saddlepoint", "-o", str(path)).exit_code == 0
    text = run("cite", str(path)).stdout
    assert {"lugannani1980saddle", "ringel-talk"} <= set(bib(text))
    exact = run("tail", *SMALL, "--level", "1", "--method", "exact", "--json").stdout
    assert "lugannani1980saddle" not in bib(run("cite", "-", stdin=exact).stdout)
    sums = run("sum", "--law", "norm", "--x", "3", "--json").stdout
    assert "Imhof" in run("cite", "-", stdin=sums).stdout
    rg = run("rg", "--modes", "60", "--samples", "20", "--seed", "1", "--json").stdout
    assert "howard2024wilsonian" in bib(run("cite", "-", stdin=rg).stdout)
    for bad in ("[1]", "{", ""):
        done = run("cite", "-", stdin=bad)
        assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert run("cite", str(tmp_path / "none.json")).exit_code == 2
    assert run("cite", "--method", "magic").exit_code == 2


def test_every_arxiv_number_in_an_entry_is_in_the_docs() -> None:
    """No reference here that the theory pages do not rest on."""
    from ldt.citations import ENTRIES

    sources = "".join(p.read_text() for folder in ("docs", "ldt") for p in (ROOT / folder).rglob("*") if p.suffix in (".md", ".py"))
    sources = sources.replace((ROOT / "ldt" / "citations.py").read_text(), "")
    for _, fields in ENTRIES.values():
        first = re.sub(r"[{}]", "", fields["author"]).split(" and ")[0].split(",")[0]
        assert first in sources or first == "ldt contributors", fields
        assert fields.get("eprint", "") in sources, fields


def test_versions_agree() -> None:
    assert f"version = {{{ldt.__version__}}}" in re.sub(r" +", " ", run("cite").stdout)


