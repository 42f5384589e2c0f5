"""The report: one page that needs nothing else, whose numbers are the methods' own, whose commands make them again, and which a
browser shows as it should."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import ldt
from ldt.cli.main import commands
from ldt.reference import TWO_LAYER

pytest.importorskip("matplotlib")

MODELS = Path(__file__).parents[1] / "data" / "models"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars"]  # fmt: skip

REPORTS = {
    "alignment": "talk.toml --width 10 --dim 10 --seed 3",
    "architecture": "three_layer_erf.toml --dim 20 --seed 3",
    "network": "two_layer_network.toml --width 5 --dim 5 --level 0.3 --particles 60 --replicates 4 --seed 3",
}


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, list(args), prog_name="ldt-rate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model files and the three reports."""
    found = tmp_path_factory.mktemp("reports")
    assert run("examples", str(found)).exit_code == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        for name, line in REPORTS.items():
            done = run("report", *line.split(), "-o", f"{name}.html", "--json")
            assert done.exit_code in (0, 3), done.output
            summary = json.loads(done.stdout)
            assert summary["report"] == f"{name}.html" and summary["pictures"] >= 1
            assert summary["seed"] == (None if name == "architecture" else 3)  # nothing is drawn for an architecture
    return found


class Reading(HTMLParser):
    """What a page has: text, preformatted blocks, tables, ids, references, and whether every tag is closed."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.blocks: list[str] = []
        self.rows: list[list[str]] = []
        self.svgs = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
                self.references.append(value or "")
            self.references += re.findall(r"url\(([^)]*)\)", value or "")
        self.svgs += tag == "svg"
        if tag == "pre":
            self.blocks.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "pre" in self.open:
            self.blocks[-1] += data
        elif self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def read(path: Path) -> Reading:
    page = Reading()
    page.feed(path.read_text())
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_is_whole_and_needs_nothing_else(folder: Path, name: str) -> None:
    page = read(folder / f"{name}.html")
    assert page.svgs >= 1
    assert len(page.ids) == len(set(page.ids))
    assert all(ref.startswith("#") for ref in page.references)  # nothing is fetched
    assert {ref[1:] for ref in page.references} <= set(page.ids)  # and what is referred to is there
    text = (folder / f"{name}.html").read_text()
    assert "default-src 'none'" in html.unescape(text) and "<script" not in text and "@import" not in text
    for section in ("Model", "Patterns", "Sample complexity", "This page again", "P*"):
        assert section in page.text
    assert "kind = " in page.blocks[0]  # the model's own file
    assert "@software{ldt," in page.blocks[-1]


def test_the_numbers_are_the_methods_own(folder: Path) -> None:
    known = next(r for r in TWO_LAYER if (r.width, r.dim, r.overlap) == (10, 10, "concentrated"))
    page = read(folder / "alignment.html")
    rows = {row[0]: row for row in page.rows if row}
    for method in ("exact", "saddlepoint", "importance"):
        value, error = float(rows[method][1]), float(rows[method][2])
        assert abs(value - known.neg_log_p) <= 5.0 * error + 1e-9, method
    cost = ldt.sample_complexity(ldt.AlignmentSum(10, 10), 1.0)
    assert f"P* = {cost.samples:.3f}"[:-1] in page.text
    assert abs(cost.samples - 2.0 * known.neg_log_p / cost.discrepancy) < 1e-8


def test_the_commands_make_it_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command on the page runs as it stands; those of the numbers give the numbers of the page."""
    monkeypatch.chdir(folder)
    seen = 0
    for name in REPORTS:
        page = read(Path(f"{name}.html"))
        for block in page.blocks:
            for line in block.splitlines():
                if not line.startswith("ldt-rate") or line.startswith("ldt-rate report"):
                    continue
                done = run(*shlex.split(line)[1:])
                assert done.exit_code in (0, 3), f"{line}: {done.output}"
                seen += 1
                if line.startswith("ldt-rate tail") and "--plot" not in line:
                    value = re.search(r"^-log P\S* .*?  (\S+) nats", done.stdout, re.M).group(1)  # type: ignore[union-attr]
                    assert value.rstrip("0") in page.text.replace("0 nats", " nats") or value[:8] in page.text, line
    assert seen >= 15


def test_the_scripts_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib.pyplot as plt

    monkeypatch.chdir(folder)
    before = plt.get_backend()
    plt.switch_backend("agg")
    try:
        scripts = [b for name in REPORTS for b in read(Path(f"{name}.html")).blocks if b.startswith("# Python")]
        assert len(scripts) >= 4
        for script in scripts:
            exec(compile(script, "script", "exec"), {})
    finally:
        plt.close("all")
        plt.switch_backend(before)


@pytest.mark.parametrize("name", ["alignment", "architecture"])
def test_the_same_seed_makes_the_same_page(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    line = next(b for b in read(Path(f"{name}.html")).blocks if b.startswith("ldt-rate report")).replace("report.html", "again.html")
    assert run(*shlex.split(line)[1:]).exit_code == 0
    assert Path("again.html").read_bytes() == Path(f"{name}.html").read_bytes()


@pytest.mark.parametrize(
    ("line", "word"),
    [("{m} -o x.txt", ".html"), ("{m}", "-o"), ("{m} --level -1 -o x.html", "level"), ("{m} --ridge 0 -o x.html", "ridge"),
     ("{m} --particles 50 -o x.html", "particles"), ("{m} -o none/x.html", "cannot write"), ("none.toml -o x.html", "none.toml"),
     ("{a} --width 5 -o x.html", "width")],
)  # fmt: skip
def test_bad_input_is_one_line_and_no_page(line: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("report", *line.format(m=MODELS / "talk.toml", a=MODELS / "cnn.toml").split())
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert done.stderr.count("\n") == 1 and word in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_a_file_says_stays_text(tmp_path: Path) -> None:
    text = (MODELS / "two_layer_erf.toml").read_text()
    text = re.sub('^label = .*', 'label = "<script>alert(1)</script>"', text, flags=re.M)
    (tmp_path / "evil.toml").write_text(text)
    done = run("report", str(tmp_path / "evil.toml"), "--seed", "1", "-o", str(tmp_path / "evil.html"))
    assert done.exit_code == 0, done.output
    page = (tmp_path / "evil.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


# -- in a browser ------------------------------------------------------------------------------------------------------------

LOOK = """<script>
addEventListener("load", () => {
  const seen = {title: document.title, wide: document.documentElement.scrollWidth, window: innerWidth, pictures: [], small: [], failed: []};
  for (const svg of document.querySelectorAll("svg")) {
    const box = svg.getBoundingClientRect(), ink = svg.getBBox();
    seen.pictures.push([box.width, box.height, ink.width, ink.height, box.right]);
  }
  for (const e of document.querySelectorAll("p, td, th, pre, figcaption, h1, h2")) {
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height || parseFloat(getComputedStyle(e).fontSize) < 12) seen.small.push(e.textContent.slice(0, 40));
  }
  for (const a of document.querySelectorAll("nav a")) if (!document.querySelector(a.getAttribute("href"))) seen.failed.push(a.textContent);
  seen.fetched = performance.getEntriesByType("resource").map(r => r.name);
  const style = getComputedStyle(document.body);
  seen.colours = [style.color, style.backgroundColor];
  document.body.dataset.seen = JSON.stringify(seen);
});
</script>"""


def look(path: Path, profile: Path, width: int, *options: str) -> dict[str, Any]:
    """What the browser makes of a copy of the page that may run the one script above."""
    assert CHROMIUM is not None
    text = path.read_text()
    policy = re.search(r'content="([^"]*style-src[^"]*)"', text)
    assert policy is not None
    copy = path.with_suffix(".looked-at.html")
    text = text.replace(policy.group(1), policy.group(1) + "; script-src 'unsafe-inline'", 1)
    copy.write_text(text.replace("</body>", LOOK + "</body>", 1))
    window = [f"--user-data-dir={profile}", f"--window-size={width},2000", "--virtual-time-budget=5000"]
    command = [CHROMIUM, *QUIET, *options, *window, "--dump-dom", copy.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found is not None, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return seen


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
@pytest.mark.parametrize("name", REPORTS)
def test_a_browser_shows_it(folder: Path, name: str, tmp_path: Path) -> None:
    page = read(folder / f"{name}.html")
    for width in (1200, 500):
        seen = look(folder / f"{name}.html", tmp_path, width)
        assert seen["wide"] <= seen["window"]  # nothing sticks out: wide tables scroll by themselves
        assert len(seen["pictures"]) == page.svgs
        for w, h, ink_w, ink_h, right in seen["pictures"]:
            assert w > 250 and h > 100 and ink_w > 100 and ink_h > 60 and right <= seen["window"]
        assert seen["small"] == [] and seen["failed"] == [] and seen["fetched"] == []
    picture = tmp_path / "page.png"
    subprocess.run(
        [CHROMIUM or "", *QUIET, f"--user-data-dir={tmp_path}", "--window-size=1100,1600", f"--screenshot={picture}",
         (folder / f"{name}.html").as_uri()],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    from matplotlib.image import imread

    assert float(imread(picture)[..., :3].std()) > 0.02  # not blank


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
def test_it_is_legible_in_the_dark(folder: Path, tmp_path: Path) -> None:
    def brightness(colour: str) -> float:
        return sum(float(v) for v in re.findall(r"\d+", colour)[:3]) / 3.0

    ink, paper = map(brightness, look(folder / "alignment.html", tmp_path, 1200)["colours"])
    assert paper - ink > 150
    ink, paper = map(brightness, look(folder / "alignment.html", tmp_path, 1200, "--blink-settings=preferredColorScheme=0")["colours"])
    assert ink - paper > 150
