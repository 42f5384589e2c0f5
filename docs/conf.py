"""The documentation site: ``sphinx-build -W -b html docs docs/_build/html`` (needs ``pip install -e '.[docs]'``).

Notebooks are shown with the outputs stored in them (``tests/test_notebooks.py`` runs their code; ``notebooks/run.py`` stores outputs).
"""

import ldt

project = "ldt"
author = "ldt contributors"
copyright = author
version = release = ldt.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "notebooks/*.py"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
suppress_warnings = ["ref.python"]  # two classes may have an attribute of one name

html_theme = "furo"
html_title = f"ldt {release}"
html_show_sourcelink = False


def _literal_bars(app, what, name, obj, options, lines):
    """|w| in a docstring is a norm: keep reStructuredText from reading it as a substitution (outside ``code`` and doctests)."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("``")
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[i] = "``".join(parts)


def setup(app):
    app.connect("autodoc-process-docstring", _literal_bars)
