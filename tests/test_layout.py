"""The shape of the package: imports point downward, start is light, files are small, one door to Numba."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ldt

PACKAGE = Path(ldt.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("numpy", "scipy", "numba", "matplotlib", "mpmath")

# A part may import from parts of a lower rank and from itself; the public names of `ldt` rank as the api.
RANK = {
    "errors": 0,
    "texts": 0,
    "citations": 1,
    "results": 1,
    "numerics": 1,
    "models": 2,
    "tails": 3,
    "patterns": 4,
    "adaptation": 4,
    "lazy": 4,
    "rg": 4,
    "sums": 4,
    "reference": 4,
    "scaling": 5,
    "experiments": 5,
    "api": 6,
    "plots": 7,
    "cli": 8,
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything a file imports, inside functions too."""
    module = ["ldt", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = ".".join(module[: -node.level]) if node.level else ""
            base = ".".join(filter(None, [stem, node.module]))
            if base == "ldt":
                yield from ((node.lineno, f"ldt.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base


def test_imports_point_downward() -> None:
    wrong = []
    for path in SOURCES:
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        assert here in RANK, f"give ldt/{here} a rank in this test"
        for line, name in imports(path):
            if name == "ldt" or name.startswith("ldt."):
                there = name.removeprefix("ldt").strip(".").split(".")[0]
                if there not in ("__version__", here) and RANK.get(there, RANK["api"]) >= RANK[here]:
                    wrong.append(f"{path.relative_to(PACKAGE.parent)}:{line} imports {name}")
    assert wrong == []


def test_numba_is_used_through_one_file_only() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in SOURCES
        for _, name in imports(path)
        if name.split(".")[0] in ("numba", "llvmlite")
    }
    assert users <= {"numerics/compiled.py"}


def test_files_are_small() -> None:
    sources = [*SOURCES, *Path(__file__).parent.glob("*.py")]
    lines = {str(path): len(path.read_text().splitlines()) for path in sources}
    assert {path: count for path, count in lines.items() if count > 600} == {}


def test_public_names_load_and_are_listed() -> None:
    assert set(ldt.__all__) <= set(dir(ldt))
    for name, home in ldt._HOME.items():
        assert getattr(ldt, name) is getattr(importlib.import_module(home), name)
    with pytest.raises(AttributeError, match="no_such_name"):
        ldt.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import ldt; ldt.__version__; dir(ldt)",
        "import sys; sys.argv = ['ldt-rate', '--help']; from ldt.cli.main import main; main()",
        "import sys; sys.argv = ['ldt-rate', '--version']; from ldt.cli.main import main; main()",
    ],
    ids=["import", "--help", "--version"],
)
def test_start_loads_nothing_heavy(code: str) -> None:
    """Read from the interpreter's own import log, which no way of exiting can hide."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True)
    log = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in log}
    assert done.returncode == 0, done.stderr
    assert "ldt" in loaded
    assert loaded.isdisjoint(HEAVY)
    if "--version" in code:
        assert ldt.__version__ in done.stdout
