"""The documentation has every public name, and its links and file names lead somewhere (`.ci/run` builds the site)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ldt

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMED = r"\b((?:data/(?:models|studies|sweeps|reference)|benchmarks|tests|notebooks)/[\w./]+\.(?:toml|py|csv|sh|json|ipynb))\b"


def test_the_api_page_has_every_public_name() -> None:
    named = set(re.findall(r"auto(?:function|class|exception):: (\w+)", (ROOT / "docs" / "api.md").read_text()))
    assert named == set(ldt.__all__) - {"__version__"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_named_exist(page: Path) -> None:
    for name in re.findall(NAMED, page.read_text()):
        assert (ROOT / name).exists(), name
