"""Model files: what is read is what was meant, and whatever is wrong is one line that names file and field."""

from __future__ import annotations

import io
import math
import re
import sys
from pathlib import Path

import pytest

from ldt import AlignmentSum, ModelError
from ldt.models.files import FIELDS, MAX_BYTES, parse_model, read_model

MODELS = Path(__file__).parents[1] / "data" / "models"
GOOD = {
    "kind": '"alignment"',
    "width": "20",
    "dim": "10",
    "readout_variance": "1.5",
    "weight_variance": "0.5",
    "c": '"ratio"',
    "target": '{ "1" = 1.0, "3" = 0.1 }',
    "activation": '"erf"',
    "overlap": '"full"',
}


def text(**changes: str | None) -> str:
    """The good file with fields changed (None: left out)."""
    return "".join(f"{k} = {v}\n" for k, v in {**GOOD, **changes}.items() if v is not None)


def refused(content: str | bytes, *words: str, **changes: object) -> None:
    """``content`` is refused with one line that starts with the file's name and contains ``words``."""
    with pytest.raises(ModelError) as caught:
        parse_model(content, "my.toml", **changes)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("my.toml: ")
    for word in words:
        assert word in message


def test_every_field_arrives() -> None:
    expected = AlignmentSum(20, 10, 1.5, 0.5, "ratio", {1: 1.0, 3: 0.1}, "erf", "full")
    assert parse_model(text()) == expected


@pytest.mark.parametrize("name", ["talk", "talk_full", "linear_cnn"])
def test_shipped_models(name: str) -> None:
    model = AlignmentSum.from_file(MODELS / f"{name}.toml")
    assert model.label
    expected = {
        "talk": AlignmentSum(50, 50),
        "talk_full": AlignmentSum(50, 50, overlap="full"),
        "linear_cnn": AlignmentSum(10, 10, readout_variance=0.1, activation="linear", target=1),
    }
    assert model == expected[name]


def test_changes_replace_fields_and_their_errors_do_not_blame_the_file() -> None:
    assert parse_model(text(), width=7, c=2.0) == AlignmentSum(7, 10, 1.5, 0.5, 2.0, {1: 1.0, 3: 0.1}, "erf", "full")
    with pytest.raises(ModelError, match=r"^width: must be an integer"):
        parse_model(text(), width=0)
    with pytest.raises(ModelError, match=r"^widht: not a field"):
        parse_model(text(), widht=0)
    assert parse_model(text(width=None), width=3).width == 3


def test_target_as_a_degree() -> None:
    assert parse_model(text(target="3")).target == ((3, 1.0),)


@pytest.mark.parametrize("field", ["kind", *FIELDS])
def test_missing_field(field: str) -> None:
    refused(text(**{field: None}), "missing field", repr(field))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("widht", "width"), ("Dim", "dim"), ("activations", "activation"), ("overlaps", "overlap"),
     ("readout_var", "readout_variance"), ("N", "width"), ("d", "dim"), ("prefactor", "c")],
)  # fmt: skip
def test_unknown_field_suggests_the_nearest(wrong: str, meant: str) -> None:
    refused(text() + f"{wrong} = 1\n", f"unknown field {wrong!r}", f"did you mean {meant!r}?")


def test_unknown_field_without_a_neighbour_lists_all() -> None:
    refused(text() + "zzz = 1\n", "unknown field 'zzz'", *FIELDS)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("kind", '"heavy"', ("must be 'alignment'", "'heavy'")),
        ("width", "0", ("from 1 to 1e+12", "got 0")),
        ("width", "-3", ("got -3",)),
        ("width", "2.5", ("integer", "2.5")),
        ("width", '"50"', ("integer", "'50'")),
        ("width", "true", ("integer", "True")),
        ("width", "nan", ("integer", "nan")),
        ("width", "9" * 400, ("integer",)),
        ("dim", "inf", ("integer", "inf")),
        ("dim", "1979-05-27", ("integer",)),
        ("readout_variance", "-1.0", ("positive number", "-1.0")),
        ("readout_variance", "0.0", ("positive number",)),
        ("readout_variance", "9" * 400, ("positive number",)),
        ("weight_variance", "nan", ("positive number", "nan")),
        ("weight_variance", "inf", ("positive number", "inf")),
        ("weight_variance", '"1"', ("positive number", "'1'")),
        ("weight_variance", "[1.0]", ("positive number", "[1.0]")),
        ("c", '"paper"', ("talk, raw, ratio, orthonormal", "'paper'")),
        ("c", "-1", ("positive number", "-1")),
        ("c", "true", ("positive number", "True")),
        ("target", '"3"', ("degree", "'3'")),
        ("target", "3.0", ("degree", "3.0")),
        ("target", "true", ("degree", "True")),
        ("target", "[3]", ("degree", "[3]")),
        ("target", "{}", ("at least one",)),
        ("target", '{ "3" = 0.0 }', ("not zero",)),
        ("target", '{ "x" = 1.0 }', ("degree", "'x'")),
        ("target", '{ "-1" = 1.0 }', ("degree", "'-1'")),
        ("target", '{ "03" = 1.0 }', ("degree", "'03'")),
        ("target", '{ "99" = 1.0 }', ("degree", "99")),
        ("target", '{ "3" = nan }', ("He_3", "finite", "nan")),
        ("target", '{ "3" = "1" }', ("He_3", "'1'")),
        ("target", '{ "3" = true }', ("He_3", "True")),
        ("activation", '"sigmoid"', ("erf, relu, tanh, linear", "'sigmoid'")),
        ("activation", "3", ("erf, relu, tanh, linear", "3")),
        ("overlap", '"ful"', ("concentrated, full", "'ful'")),
        ("overlap", "[]", ("concentrated, full",)),
        ("label", "3", ("text", "3")),
    ],
)
def test_wrong_value_is_named_with_what_is_allowed(field: str, value: str, words: tuple[str, ...]) -> None:
    refused(text(**{field: value}), field, *words)


def test_full_overlap_at_dimension_one() -> None:
    refused(text(dim="1"), "dim", "full overlap", "2")


@pytest.mark.parametrize(
    "content",
    ["width = ", "kind = 'alignment'\nwidth 3", "[[[", 'a = "\n"', "width = 1\nwidth = 2", "width = " + "9" * 5000],
)
def test_syntax_errors_give_one_line(content: str) -> None:
    refused(content, "not valid TOML")


def test_syntax_error_gives_the_position() -> None:
    refused(text() + "width\n", "line 10")


def test_not_text_and_too_deep() -> None:
    refused(b"\xff\xfe\x00", "UTF-8")
    refused("a = " + "[" * 100_000, "my.toml")


def test_byte_order_mark_is_harmless() -> None:
    assert parse_model(b"\xef\xbb\xbf" + text().encode()) == parse_model(text())


def test_unreadable_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "none" / "x.toml", "bad\0name"):
        with pytest.raises(ModelError, match="cannot be read") as caught:
            read_model(path)
        assert "\n" not in str(caught.value)


def test_file_of_limited_size(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    path.write_text(text() + "#" * MAX_BYTES)
    with pytest.raises(ModelError, match="larger than"):
        read_model(path)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text().encode())))
    assert read_model("-") == parse_model(text())


def test_documented_fields_are_the_fields() -> None:
    page = (MODELS.parents[1] / "docs" / "models.md").read_text()
    assert set(FIELDS) | {"kind"} <= set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    block = page.split("```toml\n")[1].split("```")[0]
    assert parse_model(block) == AlignmentSum(50, 50)


def test_documented_constants() -> None:
    """docs/models.md's numbers for c, from their formulas."""
    page = (MODELS.parents[1] / "docs" / "models.md").read_text()
    root = math.sqrt(math.pi)
    for value in (4 / root, 4 / (6 * root), 4 / (math.sqrt(6) * root)):
        assert f"= {value:.10f}" in page
