"""``ldt-rate examples``: the shipped model files, written to a folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from ldt.cli.options import output_options
from ldt.cli.render import DONE, Output, aligned


@click.command("examples")
@click.argument("folder", metavar="[FOLDER]", required=False)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@output_options(csv=False, file=False)
def command(folder: str | None, force: bool, out: Output) -> int:
    """Write the shipped model files to FOLDER, which is made if it is missing; without FOLDER, list them.

    Files of these names are left alone unless --force is given.
    """
    from ldt.errors import ModelError

    shipped = {entry.name: entry.read_bytes() for entry in sorted(files("ldt").joinpath("examples").iterdir(), key=lambda e: e.name)
               if entry.name.endswith(".toml")}  # fmt: skip
    written: list[str] = []
    if folder is not None:
        place = Path(folder)
        there = [name for name in shipped if (place / name).exists()]
        if there and not force:
            raise ModelError(f"folder: {folder!r} has {', '.join(there)} already; give another folder, or --force to replace")
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"folder: cannot make {folder!r} ({error.strerror or error})") from None
        for name, data in shipped.items():
            out.reserve(str(place / name), "folder").write(data)
            written.append(str(place / name))
    rows = [(name, about(data)) for name, data in shipped.items()]
    record: dict[str, Any] = {"folder": folder, "files": [{"name": name, "about": text} for name, text in rows], "written": written}
    text = aligned(rows)
    if folder is None:
        text += "\nldt-rate examples FOLDER writes them\n"
    else:
        text += f"\n{len(written)} files in {folder}; for example: ldt-rate report {Path(folder, 'talk.toml')} -o report.html\n"
    out.answer(record, text)
    return DONE


def about(data: bytes) -> str:
    """The kind of a model file and its label, or its first comment."""
    import tomllib

    content = data.decode()
    found = tomllib.loads(content)
    words = found.get("label") or content.splitlines()[0].lstrip("# ").rstrip(":.")
    return f"{found.get('kind', 'alignment')}: {words}"
