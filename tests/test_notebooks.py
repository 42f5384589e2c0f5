"""Every notebook's code runs from a fresh namespace, its own asserts hold, and its stored twin is made from the same source."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")

FOLDER = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))


def _cells(path: Path) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]


def test_each_notebook_has_its_source() -> None:
    assert [p.stem for p in SOURCES] == sorted(p.stem for p in FOLDER.glob("*.ipynb")) and len(SOURCES) >= 8


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    code = [source for kind, source in _cells(path) if kind == "code"]
    assert any("assert" in source for source in code)
    monkeypatch.chdir(FOLDER)
    space: dict[str, object] = {"__name__": path.stem}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # of the widgets' own libraries
        try:
            for i, source in enumerate(code):
                exec(compile(source, f"{path.name}[{i}]", "exec"), space)
        finally:
            plt.close("all")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_the_stored_notebook_is_of_this_source(path: Path) -> None:
    """`python docs/run_notebooks.py` makes it, with outputs."""
    import json

    stored = path.with_suffix(".ipynb")
    assert _cells(stored) == _cells(path)
    cells = json.loads(stored.read_text())["cells"]
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert not any(output["output_type"] == "error" for cell in cells for output in cell.get("outputs", ()))
