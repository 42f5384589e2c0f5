"""Every public name says what it takes and gives, in which units, when it fails, what it costs and on what it rests, with an example
that runs (pytest's --doctest-modules)."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import ldt

ROOT = Path(__file__).parents[1]
NAMES = sorted(set(ldt.__all__) - {"__version__"})
SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples")


def sections(text: str) -> dict[str, str]:
    """The numpydoc sections of a docstring; each must be one we know, and they must stand in order."""
    found = dict(re.findall(r"^(\w+)\n-{4,}\n(.*?)(?=^\w+\n-{4,}\n|\Z)", text, flags=re.M | re.S))
    assert list(found) == [name for name in SECTIONS if name in found], list(found)
    for heading, line in re.findall(r"^(\w+)\n(-{4,})$", text, flags=re.M):
        assert len(heading) == len(line), heading
    return found


def needed(thing: Any) -> tuple[str, ...]:
    if not inspect.isclass(thing):
        return ("Parameters", "Returns", "Raises", "Notes", "Examples")
    if issubclass(thing, BaseException):
        return ("Examples",)
    if thing.__module__ == "ldt.results":
        return ("Attributes", "Notes", "Examples")
    first = "Attributes" if thing in (ldt.Network, ldt.ReadoutNetwork) else "Parameters"  # those are subclassed
    return (first, "Raises", "Notes", "Examples")


@pytest.mark.parametrize("name", NAMES)
def test_sections(name: str) -> None:
    thing = getattr(ldt, name)
    text = inspect.getdoc(thing) or ""
    found = sections(text)
    assert set(needed(thing)) <= set(found), f"{name} lacks {set(needed(thing)) - set(found)}"
    assert text.splitlines()[0].endswith((".", "[S]", ":")) or not text.splitlines()[1], name  # a summary
    assert doctest.DocTestParser().get_examples(found["Examples"]), name
    if "Notes" in found:
        assert "Cost: " in found["Notes"] and "Source: " in found["Notes"], name
        assert re.search(r"\b(nats|units|seconds)\b", text), f"{name}: in which units?"


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_the_signature(name: str) -> None:
    thing = getattr(ldt, name)
    found = sections(inspect.getdoc(thing) or "")
    if "Parameters" not in found or (inspect.isclass(thing) and issubclass(thing, BaseException)):
        return
    listed = re.findall(r"^(\*{0,2}\w+(?:, \w+)*)(?: :|$)", found["Parameters"], flags=re.M)
    documented = {part.lstrip("*") for line in listed for part in line.split(", ")}
    taken = set(inspect.signature(thing).parameters) - {"self", "label", "scramble", "name", "drift", "gaussian"}
    assert taken <= documented, f"{name}: {taken - documented} not documented"
    assert documented <= set(inspect.signature(thing).parameters), f"{name}: {documented} against {taken}"


@pytest.mark.parametrize("name", NAMES)
def test_sources_are_there(name: str) -> None:
    """Pages, sections and files that a docstring names exist."""
    notes = sections(inspect.getdoc(getattr(ldt, name)) or "").get("Notes", "")
    source = " ".join(notes.partition("Source: ")[2].split())
    for path in re.findall(r"\b((?:docs|ldt)/[\w/]+\.(?:md|py))", source):
        assert (ROOT / path).exists(), path
    for page, rest in re.findall(r"docs/(\w+)\.md, sections? ((?:\"[^\"]+\"|[\d, ()\w]|and)+)", source):
        headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / f"{page}.md").read_text(), flags=re.M)
        plain = [heading.replace("`", "") for heading in headings]
        for title in re.findall(r'"([^"]+)"', rest):
            assert title in plain, (page, title)
        for number in re.findall(r"(?<![\w.])(\d{1,2})(?![\w.])", re.sub(r"\([^)]*\)|\"[^\"]*\"", "", rest)):
            assert any(heading.startswith(f"{number}. ") for heading in headings), (page, number)


def test_pictures_say_what_they_take() -> None:
    from ldt import plots

    for name in plots.__all__:
        thing = getattr(plots, name)
        if name.startswith("plot_"):
            text = inspect.getdoc(thing) or ""
            assert "Parameters\n----------\n" in text, name
            assert "ax : matplotlib Axes" in text or "ax" not in inspect.signature(thing).parameters, name
