"""The compile cache, in real processes on a copy of the package: never stale, never in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import ldt
from ldt.numerics import compiled as module

CALLEE = """
from ldt.numerics.compiled import compiled
from ldt.numerics.probe_constants import SHIFT

@compiled
def callee(x):
    return {factor} * x + SHIFT
"""
CALLER = """
from ldt.numerics.compiled import compiled
from ldt.numerics.probe_callee import callee

@compiled
def caller(x):
    return callee(x) + 1
"""
CHILD = """
import json, os, sys
from ldt.numerics import compiled
from ldt.numerics.probe_caller import caller
here = os.path.dirname(os.path.realpath(compiled.__file__))
assert here == os.path.realpath(os.path.join(os.getcwd(), "ldt", "numerics")), here
{between}
value = caller({argument})
info = compiled.cache_info()
hits = sum(caller.stats.cache_hits.values()) if hasattr(caller, "stats") else None
print(json.dumps(dict(value=value, hits=hits, **info._asdict())))
"""


class Copy:
    """A copy of the package with two loops added, one calling the other across files."""

    def __init__(self, root: Path) -> None:
        self.root, self.cache = root, root / "cache"
        shutil.copytree(Path(ldt.__file__).parent, root / "ldt", ignore=shutil.ignore_patterns("__pycache__"))
        self.write("probe_constants", "SHIFT = 0.0\n")
        self.write("probe_callee", CALLEE.format(factor=2))
        self.write("probe_caller", CALLER)

    def write(self, name: str, text: str) -> None:
        (self.root / "ldt" / "numerics" / f"{name}.py").write_text(text)

    def run(self, argument: str = "10.0", between: str = "", **environment: str) -> dict:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "LDT_", "PYTHONPATH"))}
        env |= {"LDT_CACHE_DIR": str(self.cache), "PYTHONPATH": str(self.root)}
        env |= {"PYTHONDONTWRITEBYTECODE": "1"}  # Python's own cache would hide an edit within one second
        code = CHILD.format(argument=argument, between=between)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.root, env=env | environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def loops(self) -> list[Path]:
        return sorted(self.cache.rglob("*.loop"))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_an_edited_callee_or_constant_in_another_file_is_seen(copy: Copy) -> None:
    first, second = copy.run(), copy.run()
    assert (first["value"], first["hits"], first["enabled"], first["reason"]) == (21.0, 0, True, "")
    assert (second["value"], second["hits"], second["key"]) == (21.0, 1, first["key"])
    copy.write("probe_callee", CALLEE.format(factor=3))
    edited = copy.run()
    assert (edited["value"], edited["hits"]) == (31.0, 0)
    copy.write("probe_constants", "SHIFT = 7.0\n")
    assert copy.run()["value"] == 38.0
    copy.write("probe_callee", CALLEE.format(factor=2))
    copy.write("probe_constants", "SHIFT = 0.0\n")
    back = copy.run()
    assert (back["value"], back["hits"], back["key"]) == (21.0, 1, first["key"])


def test_an_edit_while_the_process_runs_switches_its_cache_off(copy: Copy) -> None:
    """The process computes with what it imported, and saves nothing under the name of other sources."""
    path = copy.root / "ldt" / "numerics" / "probe_callee.py"
    edit = f"open({str(path)!r}, 'a').write('# edited')"
    running = copy.run(between=edit)
    assert (running["value"], running["enabled"]) == (21.0, False)
    assert "changed" in running["reason"]
    assert copy.loops == []


def test_signatures_and_damaged_files(copy: Copy) -> None:
    assert copy.run("10.0")["value"] == 21.0
    assert copy.run("10")["value"] == 21.0
    assert copy.run("10.0")["hits"] == copy.run("10")["hits"] == 1
    assert len(copy.loops) >= 2
    for path in copy.loops:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    damaged = copy.run()
    assert (damaged["value"], damaged["hits"]) == (21.0, 0)
    for path in copy.loops:
        path.write_bytes(path.read_bytes()[:20])
    assert copy.run()["value"] == 21.0
    assert copy.run()["hits"] == 1


def test_without_a_directory_it_still_computes(copy: Copy) -> None:
    blocker = copy.root / "file"
    blocker.write_text("")
    for place in (str(blocker / "below"), str(blocker), "", "off"):
        answer = copy.run(LDT_CACHE_DIR=place)
        assert (answer["value"], answer["enabled"], answer["directory"]) == (21.0, False, None)
        assert answer["reason"]


def test_directories_that_cannot_be_written_or_trusted(copy: Copy) -> None:
    directory = Path(copy.run()["directory"])
    directory.chmod(0o777)
    shared = copy.run()
    assert (shared["value"], shared["hits"], shared["enabled"]) == (21.0, 0, False)
    directory.chmod(0o500)
    read_only = copy.run()
    assert read_only["value"] == 21.0
    assert read_only["enabled"] == os.access(directory, os.W_OK)  # the superuser may write anyway
    directory.chmod(0o700)
    gone = copy.run("10", between=f"import shutil; shutil.rmtree({str(directory)!r})")
    assert (gone["value"], gone["enabled"]) == (21.0, False)


def test_plain_python_when_numba_is_disabled(copy: Copy) -> None:
    answer = copy.run(NUMBA_DISABLE_JIT="1")
    assert (answer["value"], answer["hits"], answer["enabled"]) == (21.0, None, False)
    assert "NUMBA_DISABLE_JIT" in answer["reason"]
    assert copy.loops == []


def test_settings_that_change_machine_code_change_the_key(copy: Copy) -> None:
    key = copy.run()["key"]
    assert copy.run(NUMBA_BOUNDSCHECK="1")["key"] != key
    assert copy.run(NUMBA_NUM_THREADS="1")["key"] == key


def test_only_old_directories_of_its_own_are_removed(tmp_path: Path) -> None:
    made = [tmp_path / f"{module.PREFIX}{i:032x}" for i in range(module.KEEP + 5)]
    for path in made:
        path.mkdir()
        (path / "f.loop").write_bytes(b"")
    (made[-1] / "notes.txt").write_text("not ours")
    for age, path in enumerate(made):
        os.utime(path, (1e9 - age, 1e9 - age))
    foreign = tmp_path / "loops-of-another-kind"
    foreign.mkdir()
    (tmp_path / f"{module.PREFIX}{'f' * 32}").symlink_to(foreign)
    module._remove_old(str(tmp_path), keep=str(made[-2]))
    assert [p for p in made if p.exists()] == [*made[: module.KEEP], *made[-2:]]
    assert (made[-1] / "notes.txt").read_text() == "not ours"
    assert foreign.is_dir()


def wheel(folder: Path, version: str, factor: int) -> Path:
    """A wheel of the package in which a loop's callee multiplies by ``factor``: what ``pip wheel`` makes, without a network."""
    root = Path(ldt.__file__).parents[1]
    files = {str(path.relative_to(root)): path.read_text() for path in (root / "ldt").rglob("*.py")}
    files["ldt/__init__.py"] = files["ldt/__init__.py"].replace(ldt.__version__, version)
    files["ldt/numerics/probe_constants.py"] = "SHIFT = 0.0\n"
    files["ldt/numerics/probe_callee.py"], files["ldt/numerics/probe_caller.py"] = CALLEE.format(factor=factor), CALLER
    info = f"ldt-{version}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: ldt\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    path = folder / f"ldt-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)  # one date: only the contents tell them apart
    return path


def test_two_versions_installed_one_after_the_other(tmp_path: Path) -> None:
    """Neither runs the other's machine code, the first finds its own again, and a sweep does not use the other's records."""
    pytest.importorskip("pip")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip())
    (site / "parents.pth").write_text(sysconfig.get_path("purelib") + "\n")  # numba and its kin, after this venv's own packages
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "LDT_", "PYTHON"))}
    env |= {"LDT_CACHE_DIR": str(tmp_path / "cache")}
    (tmp_path / "model.toml").write_text(
        "kind = 'alignment'\nwidth = 5\ndim = 5\nreadout_variance = 1.0\nweight_variance = 1.0\nc = 'talk'\ntarget = 3\n"
        "activation = 'erf'\noverlap = 'concentrated'\n"
    )
    sweep = "kind = 'sweep'\nseed = 1\nlevels = [1.0]\nmodels = [{ file = 'model.toml' }]\nmethods = [{ method = 'exact' }]\n"
    (tmp_path / "sweep.toml").write_text(sweep)
    code = "import json, sys, ldt\nfrom ldt.numerics.probe_caller import caller\n"
    code += "found = ldt.sweep('sweep.toml', 'records.jsonl')\n"
    code += "print(json.dumps([ldt.__version__, ldt.__file__, caller(10.0), sum(caller.stats.cache_hits.values()), found.computed,"
    code += " [r.logp for r in found.records], list(found.notes)]))"
    wheels = {version: wheel(tmp_path, version, factor) for version, factor in (("0.0.8", 2), ("0.0.9", 3))}

    def installed(version: str) -> list[Any]:
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheels[version])]
        subprocess.run(pip, check=True, env=env, capture_output=True, timeout=100)
        done = subprocess.run([python, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found: list[Any] = json.loads(done.stdout)
        assert found[0] == version and found[1].startswith(str(site))
        return found[2:]

    old, new, back = installed("0.0.8"), installed("0.0.9"), installed("0.0.8")
    assert old[:3] == [21.0, 0, 1] and old[4] == []
    assert new[:3] == [31.0, 0, 1] and "1 records of another version (ldt 0.0.8) are kept but not used" in new[4][0]
    assert back[:2] == [21.0, 1] and old[3] == new[3] == back[3]


@pytest.mark.nojit
def test_local_functions_and_closures_are_compiled_but_not_kept() -> None:
    factor = 3.0

    @module.compiled
    def local(x: float) -> float:
        return factor * x

    assert local(2.0) == 6.0
    assert type(getattr(local, "_cache", None)).__name__ in ("NullCache", "NoneType")


@pytest.mark.nojit
def test_finding_the_key_is_quick() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        module._key([path for path, _, _ in module._stat_sources()])
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.010
