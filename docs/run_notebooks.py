"""Run the notebooks and store them with their outputs: `python docs/run_notebooks.py [NAME ...]` (needs `ldt[notebooks]`).

`notebooks/NAME.py` is what people edit and what the tests run; `notebooks/NAME.ipynb` is made from it, for Jupyter and the documentation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def main() -> None:
    for name in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.py")):
        notebook = jupytext.read(FOLDER / f"{name}.py")
        where = {"metadata": {"path": str(FOLDER)}}
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where, record_timing=False).execute()
        for i, cell in enumerate(notebook.cells):
            cell["id"] = str(i)  # the same file from the same run
        notebook.metadata.pop("widgets", None)
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")
        print(name)


if __name__ == "__main__":
    main()
