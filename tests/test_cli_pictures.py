"""``--plot`` on every command with a picture: written whole, in the three formats, refused in one line before anything is computed."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from ldt.cli.main import COMMANDS, commands

pytest.importorskip("matplotlib")

DATA = Path(__file__).parents[1] / "data"
MODELS = DATA / "models"
SMALL = "--width 8 --dim 8"

#: Command lines, without --plot.
LINES = {
    "tail": f"tail {SMALL} --level 1",
    "tail of a network": f"tail {MODELS}/two_layer_network.toml --level 0.2 --method splitting --particles 60 --replicates 2 --seed 1",
    "tail density": f"tail {SMALL} --level 1 --density --method saddlepoint",
    "curve": f"curve {MODELS}/linear_cnn.toml --from 0.1 --to 1 --points 3",
    "patterns": f"patterns {SMALL} --level 1",
    "exponents": f"patterns {MODELS}/cnn.toml",
    "costs": f"patterns {MODELS}/cnn.toml --dim 100",
    "phases": f"patterns {MODELS}/two_layer_erf.toml --phase N",
    "scaling": f"scaling {SMALL} --setting specialization --dims 3,5 --seed 1",
    "sweep": "sweep {folder}/sweep.toml -o {folder}/records.jsonl",
    "study": f"study {MODELS}/two_layer_erf.toml --values 5,10 --method patterns --method exact",
    "sample": f"sample {SMALL} --level 1 --size 5 --seed 1",
    "sum": "sum --law gamma(2,scale=3) --n 100 --x 900",
    "lazy": "lazy --degrees 1,3",
    "adapt": f"adapt {SMALL} --samples 10..100",
    "rg": "rg --modes 100 --samples 20 --seed 1",
    "learn": f"learn {SMALL} --samples 40 --networks 2 --sweeps 20 --warmup 10 --seed 1",
}
#: Commands whose answer is no picture.
WITHOUT = {"plan", "doctor", "cite", "examples", "report"}


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, list(args))


def line(name: str, folder: Path) -> list[str]:
    if name == "sweep":
        text = (DATA / "sweeps" / "talk.toml").read_text().replace("../models", str(MODELS)).replace("[5, 10, 20, 50]", "[3, 5]")
        (folder / "sweep.toml").write_text(text)
    return [part.format(folder=folder) for part in LINES[name].split()]


def test_every_command_has_a_picture_or_is_known_to_have_none() -> None:
    assert {text.split()[0] for text in LINES.values()} | WITHOUT >= set(COMMANDS)


@pytest.mark.parametrize("name", LINES)
def test_a_picture_is_written(name: str, tmp_path: Path) -> None:
    if name == "learn":
        pytest.importorskip("arviz_stats")
    path = tmp_path / "picture.svg"
    result = run(*line(name, tmp_path), "--plot", str(path))
    assert result.exit_code in (0, 3), result.output
    root = ElementTree.fromstring(path.read_text())
    assert root.tag.endswith("svg") and len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 5


@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_formats_and_the_same_bytes_every_time(form: str, start: bytes, tmp_path: Path) -> None:
    pictures = []
    for i in range(2):
        path = tmp_path / f"{i}.{form}"
        assert run(*LINES["lazy"].split(), "--plot", str(path)).exit_code == 0
        pictures.append(path.read_bytes())
    assert pictures[0].startswith(start) and pictures[0] == pictures[1]


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("path", "word"), [("picture.gif", ".png"), ("missing/picture.png", "cannot write"), ("picture", ".svg")])
def test_a_bad_name_is_one_line_before_anything_is_computed(
    name: str, path: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ldt.tails.methods

    def never(*_: object) -> None:
        raise AssertionError("computed before the picture's name was checked")

    monkeypatch.setattr(ldt.tails.methods.Method, "load", never)
    monkeypatch.setattr("ldt.scaling.run.run", never)
    result = run(*line(name, tmp_path), "--plot", str(tmp_path / path))
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.count("\n") == 1 and "plot" in result.stderr and word in result.stderr
    assert not (tmp_path / "records.jsonl").exists()


def test_where_there_is_nothing_to_draw_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    result = run("tail", *SMALL.split(), "--level", "1", "--method", "montecarlo", "--samples", "100", "--seed", "1", "--plot", str(path))
    assert result.exit_code in (3, 4)
    assert "no picture" in result.stderr and not list(tmp_path.iterdir())
