"""Architectures from files and from the shell: model files, ldt-rate patterns and study, one line for what is wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import ldt
from ldt.cli.main import commands
from ldt.errors import ModelError
from ldt.models.architecture_files import parse_architecture
from ldt.models.files import read_any, read_model
from ldt.scaling.studies import METHODS, Question, StudyRow, study

MODELS = Path(__file__).parents[1] / "data" / "models"
THREE = str(MODELS / "three_layer_erf.toml")
ARCHITECTURES = ("two_layer_erf", "three_layer_erf", "cnn", "linear_cnn_patterns", "parity_relu", "attention")


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(commands, list(args), input=stdin, prog_name="ldt-rate")


def answer(*args: str) -> dict[str, Any]:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


# -- files ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_shipped_architectures(name: str) -> None:
    found = ldt.Architecture.from_file(MODELS / f"{name}.toml")
    assert found == read_any(MODELS / f"{name}.toml") and found.label
    assert ldt.pattern_table(found).rows
    with pytest.raises(ModelError, match="kind: 'architecture' has patterns"):
        read_model(MODELS / f"{name}.toml")


GOOD = (MODELS / "three_layer_erf.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('base = "d"\n', "", ("missing field 'base'",)),
        ('base = "d"\n', 'base = "d"\nwidth = 5\n', ("unknown field 'width'", "'widths'")),
        ('base = "d"\n', "base = 7\n", ("base", "7")),
        ("[widths]\n", "[width]\n", ("unknown field 'width'",)),
        ('N2 = "d"\n', "", ("widths", "missing 'N2'")),
        ('N2 = "d"\n', 'N2 = "d"\nN3 = "d"\n', ("widths", "'N3'")),
        ('N2 = "d"\n', "N2 = 0\n", ("widths: N2", "0")),
        ('N2 = "d"\n', 'N2 = "__import__(1)"\n', ("widths: N2", "cannot read")),
        ('N2 = "d"\n', "N2 = [1]\n", ("widths: N2", "[1]")),
        ('kind = "hermite"\n', 'kind = "sine"\n', ("target: kind", "'sine'")),
        ('terms = { "3" = 1.0 }\n', "", ("target: missing field 'terms'",)),
        ('terms = { "3" = 1.0 }\n', 'terms = { "x" = 1.0 }\n', ("target: terms", "degrees")),
        ('terms = { "3" = 1.0 }\n', 'terms = { "3" = true }\n', ("target: terms",)),
        ('kind = "hermite"\n', 'kind = "parity"\n', ("target: unknown field 'terms'",)),
        ('type = "readout"\n', 'type = "redout"\n', ("layer 3: type", "'redout'")),
        ('type = "readout"\n', "", ("layer 3: missing field 'type'",)),
        ('activation = "erf"\n', "", ("layer 1: missing field 'activation'",)),
        ('width = "N1"\n', 'widht = "N1"\n', ("layer 1: unknown field 'widht'", "'width'")),
        ('inputs = "N1"\n', 'inputs = "d"\n', ("inputs", "N1 units", "'d'")),
        ('label = "three-layer erf, He_3"\n', "label = 3\n", ("label", "text")),
        ('[target]\nkind = "hermite"\nterms = { "3" = 1.0 }\n', 'target = "He_3"\n', ("unknown field",)),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line(old: str, new: str, words: tuple[str, ...]) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    with pytest.raises(ModelError) as caught:
        parse_architecture(text, "net.toml")
    message = str(caught.value)
    assert message.startswith("net.toml: ") and "\n" not in message
    for word in words if "target = " not in new else ():
        assert word in message, message


def test_sizes_may_be_numbers() -> None:
    text = GOOD.replace('inputs = "d"', "inputs = 20").replace('width = "N1"', "width = 64").replace('inputs = "N1"', "inputs = 64")
    text = text.replace('d = "d"\nN1 = "d"\nN2', 'N2').replace('width = "N2"', 'width = "N2"')
    net = parse_architecture(text)
    assert net.sizes_at(100) == {"d": 20.0, "N": 64.0, "N2": 100.0}
    assert str(ldt.pattern_table(net)["gp - specialization - gp"].cost) == "d M2 + N2/M2"


# -- ldt-rate patterns ----------------------------------------------------------------------------------------------------------


def test_patterns_of_an_architecture() -> None:
    found = answer("patterns", THREE)
    rows = {" - ".join(row["assignment"]): row for row in found["rows"]}
    assert rows["specialization - shared - gp"]["value"] == "(N1 N2 d)^(1/3)"
    assert {row["exponent"] for row in rows.values()} == {"1", "9/7", "7/5", "3/2", "2", "3"}
    assert found["exponent"] == "1" and len(found["ties"]) == 3
    assert all(layer["validity"] and layer["source"] for row in rows.values() for layer in row["layers"])
    text = run("patterns", THREE).stdout
    for word in ("d M1 + N1 beta/M1 + N2/beta", "(N1 N2/d^2)^(1/3)", "winner", "ties", "P*", "d + N1 + N2"):
        assert word in text


def test_patterns_at_sizes() -> None:
    found = answer("patterns", THREE, "--at", "N1=64*d", "--at", "N2=d", "--dim", "20", "--ridge", "0.5")
    assert found["numbers"]["sizes"] == {"d": 20.0, "N1": 1280.0, "N2": 20.0}
    net = ldt.Architecture.from_file(THREE).with_widths(N1="64*d")
    from ldt.patterns.complexity import discrepancy_of
    from ldt.patterns.geometric import numeric_table

    for row, expected in zip(found["numbers"]["rows"], numeric_table(net, 20).rows, strict=True):
        assert row["cost"] == pytest.approx(expected.cost)
        assert found["samples"][expected.name] == pytest.approx(expected.cost / discrepancy_of(net))
    rows = list(csv.DictReader(io.StringIO(run("patterns", THREE, "--dim", "20", "--csv").stdout)))
    assert len(rows) == 12 and float(rows[0]["nats"]) > 0
    one = answer("patterns", THREE, "--assignment", "gp,specialization", "--dim", "20")
    assert [row["assignment"] for row in one["rows"]] == [["gp", "specialization", "gp"]]


def test_patterns_in_another_base() -> None:
    found = answer("patterns", str(MODELS / "attention.toml"), "--base", "L", "--at", "d=20", "--dim", "100", "--variational")
    assert {row["exponent"] for row in found["rows"]} == {"1"}
    assert found["variational"]["claim"] == "leading order"


def test_phases_and_their_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "phases.png"
    found = answer("patterns", THREE, "--phase", "N1,N2", "--plot", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert ["N1 <= d^5", "N1 <= N2", "d <= N1"] in [region["conditions"][0] for region in found["phases"]["regions"]]
    assert run("patterns", str(MODELS / "two_layer_erf.toml"), "--phase", "N", "--top", "8").stdout.count("d^5 <= N") == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("patterns {three} --at N3=d", ("at", "N1", "'N3=d'")),
        ("patterns {three} --at N1", ("at", "N1")),
        ("patterns {three} --at N1=0 --dim 20", ("N1", "0")),
        ("patterns {three} --at N1=d-1", ("N1", "'d-1'", "cannot read")),
        ("patterns {three} --at N1=os.system('x')", ("N1", "cannot read")),
        ("patterns {three} --dim 0", ("d", "from 1", "0")),
        ("patterns {three} --dim many", ("d", "from 1", "'many'")),
        ("patterns {three} --width 5", ("width", "--at")),
        ("patterns {three} --level 1", ("level", "--dim")),
        ("patterns {three} --level -1 --dim 20", ("level", "> 0")),
        ("patterns {three} --ridge 0 --dim 20", ("ridge", "0")),
        ("patterns {three} --phase N1,N2 --plot x.gif", ("plot", ".png")),
        ("patterns {three} --phase S", ("phase", "'S'")),
        ("patterns {three} --phase N1 --top x", ("top", "'x'")),
        ("patterns {three} --assignment gp,gp,gfl", ("layer 3 (readout)", "'gfl'")),
        ("patterns {three} --bounds", ("bounds", "--variational")),
        ("patterns {three} --variational", ("variational", "--dim")),
        ("patterns {three} --power 1", ("power", "alignment")),
        ("patterns {three} --base S", ("base", "'S'")),
        ("patterns {three} --base N1", ("at", "missing", "N2")),
        ("patterns {talk} --level 1 --at N=d", ("at", "architecture")),
        ("patterns {talk} --level 1 --phase N", ("phase", "architecture")),
        ("patterns {talk}", ("level", "--level")),
        ("tail {three} --level 1", ("kind", "architecture", "patterns")),
        ("study {three} --values 8 --method splittings", ("method", "'splittings'", "exact")),
        ("study {three} --values 8,8 --method exact", ("values", "increasing")),
        ("study {three} --values x --method exact", ("values", "'x'")),
        ("study {talk} --values 8 --method exact", ("kind", "architecture")),
    ],
)
def test_bad_requests_are_one_line_and_exit_2(line: str, words: tuple[str, ...]) -> None:
    result = run(*(part.format(three=THREE, talk=str(MODELS / "talk.toml")) for part in line.split()))
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and len(result.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in result.stderr, result.stderr


# -- studies --------------------------------------------------------------------------------------------------------------------


def test_a_small_study(tmp_path: Path) -> None:
    """Linear CNN: exact, closed form and sampling agree; the record begins with the command that makes it again."""
    path = tmp_path / "study.csv"
    line = ["study", str(MODELS / "linear_cnn_patterns.toml"), "--values", "100,2500"]
    line += [part for m in ("exact", "closed-form", "importance", "patterns") for part in ("--method", m)]
    result = run(*line, "--seed", "5", "-o", str(path))
    assert result.exit_code == 0, result.output
    first, rest = path.read_text().split("\n", 1)
    assert first.startswith("# ldt-rate study") and "--seed 5" in first
    rows = list(csv.DictReader(io.StringIO(rest)))
    for value in ("100.0", "2500.0"):
        found = {row["method"]: row for row in rows if row["value"] == value and not row["pattern"]}
        exact, error = float(found["exact"]["neg_log_p"]), float(found["exact"]["error"])
        assert abs(exact - float(found["closed-form"]["neg_log_p"])) <= error + 1e-9
        assert abs(exact - float(found["importance"]["neg_log_p"])) <= 5 * float(found["importance"]["error"])
    predicted = {row["pattern"]: row["exponent"] for row in rows if row["pattern"]}
    assert predicted == {"gfl - gp": "3/4", "specialization - gp": "3/4", "gp - gp": "1"}
    again = tmp_path / "again.csv"
    run(*line, "--seed", "5", "-o", str(again))
    drop = lambda text: [",".join(c for i, c in enumerate(row) if i != 17) for row in csv.reader(io.StringIO(text))]  # noqa: E731
    assert drop(path.read_text()) == drop(again.read_text())  # all but the seconds


def test_a_method_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another way of finding -log P, and what it saw of the weights, is a function in METHODS."""

    def mine(q: Question) -> list[StudyRow]:
        return [StudyRow("mine", q.value, 0.1, "stderr", observables={"specialised_first": 1.5}, seed=q.seed)]

    monkeypatch.setitem(METHODS, "mine", mine)
    rows = list(study(ldt.Architecture.from_file(THREE), [8, 16], ["mine"], rng=1))
    assert [row.local_exponent for row in rows][1:] == [1.0] and rows[0].sizes == {"d": 8.0, "N1": 8.0, "N2": 8.0}
    assert rows[0].seed != rows[1].seed and json.loads(rows[0].cells()[14]) == {"specialised_first": 1.5}


def test_a_method_that_does_not_apply_is_a_failed_row() -> None:
    rows = list(study(ldt.Architecture.from_file(THREE), [8], ["exact"]))
    assert rows[0].status == "failed" and "not a sum over neurons" in rows[0].note
    result = run("study", THREE, "--values", "8", "--method", "exact")
    assert result.exit_code == 4 and "failed" not in result.stderr
