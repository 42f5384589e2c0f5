"""What a result stands on, as BibTeX: the software, the paper, and the papers of the method that found it.

Only references whose details have been looked up have an entry; of others the docs name authors and year, and a comment says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldt import __version__

ENTRIES: dict[str, tuple[str, dict[str, str]]] = {
    "ldt": ("software", {
        "title": "ldt: a large-deviation engine for random neural networks", "author": "{ldt contributors}", "version": __version__,
        "license": "MIT",
    }),
    "rubin2025mitigating": ("misc", {
        "title": "Mitigating the Curse of Detail: Scaling Arguments for Feature Learning and Sample Complexity",
        "author": "Rubin, Noa and Davidovich, Orit and Ringel, Zohar", "year": "2025", "eprint": "2512.04165", "archiveprefix": "arXiv",
    }),
    "ringel-talk": ("misc", {
        "title": "Patterns of Feature Learning and Their Sample Complexity", "author": "Ringel, Zohar", "note": "Talk",
    }),
    "lugannani1980saddle": ("article", {
        "title": "Saddle point approximation for the distribution of the sum of independent random variables",
        "author": "Lugannani, Robert and Rice, Stephen", "journal": "Advances in Applied Probability", "volume": "12", "number": "2",
        "pages": "475--490", "year": "1980", "doi": "10.2307/1426607",
    }),
    "daniels1954saddlepoint": ("article", {
        "title": "Saddlepoint Approximations in Statistics", "author": "Daniels, H. E.", "journal": "The Annals of Mathematical Statistics",
        "volume": "25", "number": "4", "pages": "631--650", "year": "1954", "doi": "10.1214/aoms/1177728652",
    }),
    "shirts2008statistically": ("article", {
        "title": "Statistically optimal analysis of samples from multiple equilibrium states", "author": "Shirts, M. R. and Chodera, J. D.",
        "journal": "The Journal of Chemical Physics", "volume": "129", "pages": "124105", "year": "2008", "doi": "10.1063/1.2978177",
    }),
    "howard2024wilsonian": ("misc", {
        "title": "Wilsonian Renormalization of Neural Network Gaussian Processes",
        "author": "Howard, Jessica N. and Jefferson, Ro and Maiti, Anindita and Ringel, Zohar", "year": "2024", "eprint": "2405.06008",
        "archiveprefix": "arXiv",
    }),
    "lavie2024": ("misc", {"author": "Lavie and Ringel", "year": "2024", "eprint": "2406.02663", "archiveprefix": "arXiv"}),
    "perazacoppola2025": ("misc", {
        "author": "{Peraza Coppola} and Helias and Ringel", "year": "2025", "eprint": "2510.25553", "archiveprefix": "arXiv",
    }),
}  # fmt: skip

ALWAYS = ("ldt", "rubin2025mitigating")
TALK = ("ringel-talk",)
SADDLE = ("lugannani1980saddle", "daniels1954saddlepoint")

#: Method, kind of model or subject -> keys of entries; and what is named by author and year only.
METHODS: dict[str, tuple[str, ...]] = {
    "saddlepoint": SADDLE, "umbrella": ("shirts2008statistically",), "hamiltonian": ("shirts2008statistically",), "lazy": ("lavie2024",),
    "rg": ("howard2024wilsonian", "perazacoppola2025"),
}  # fmt: skip
NAMED: dict[str, str] = {
    "splitting": "Au, Beck (2001) and Cerou, Guyader (2007): multilevel splitting",
    "umbrella": "Swendsen, Wang (1986): replica exchange",
    "hamiltonian": "Duane et al. (1987), Neal (2011): Hamiltonian Monte Carlo; Swendsen, Wang (1986): replica exchange",
    "importance": "Siegmund (1976): exponential tilting",
    "conditional": "Asmussen, Kroese: conditional Monte Carlo",
    "bigjump": "Foss, Korshunov, Zachary (2013): the principle of one big jump",
    "montecarlo": "Lancaster (1961): mid-P intervals; Clopper, Pearson (1934): exact ones",
    "sum": "Imhof (1961), Davies (1980): quadratic forms in normal variables",
}
#: Parts of a command's JSON that tell what it used.
MARKS = {"components": "lazy", "elimination": "rg"}


def uses_of(record: Any) -> list[str]:
    """What a result, its ``to_dict()`` or a command's JSON used: methods, kinds of model and subjects, by name.

    >>> uses_of({"method": "umbrella", "model": {"kind": "network"}})
    ['network', 'umbrella']
    """
    content = record if isinstance(record, Mapping) else record.to_dict()
    found: set[str] = set()
    for key, value in content.items():
        if key in ("method", "kind") and isinstance(value, str):
            found.add(value)
        if key in MARKS:
            found.add(MARKS[key])
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if isinstance(part, Mapping):
                found.update(uses_of(part))
    return sorted(found)


def bibtex(source: Any = ()) -> str:
    """BibTeX of the software and the papers behind ``source``.

    Parameters
    ----------
    source : a result, its ``to_dict()``, the JSON of a command, or names of methods and subjects
        Nothing: the software and its paper alone.

    Returns
    -------
    str

    Examples
    --------
    >>> import ldt
    >>> text = bibtex(ldt.TailResult(-1.0, 0.1, method="saddlepoint"))
    >>> [line.split("{")[1].rstrip(",") for line in text.splitlines() if line.startswith("@")]
    ['ldt', 'rubin2025mitigating', 'lugannani1980saddle', 'daniels1954saddlepoint']
    """
    names = list(source) if isinstance(source, (list, tuple, set)) else uses_of(source)
    keys = dict.fromkeys(ALWAYS)
    if "alignment" in names or "architecture" in names:
        keys.update(dict.fromkeys(TALK))
    for name in names:
        keys.update(dict.fromkeys(METHODS.get(name, ())))
    comments = [f"% also used, named in the docs without an entry here: {NAMED[name]}\n" for name in names if name in NAMED]
    return "\n".join([_entry(key) for key in keys]) + ("\n" + "".join(comments) if comments else "")


def _entry(key: str) -> str:
    kind, fields = ENTRIES[key]
    width = max(map(len, fields))
    body = "".join(f"  {name:<{width}} = {{{_braced(name, text)}}},\n" for name, text in fields.items())
    return f"@{kind}{{{key},\n{body}}}\n"


def _braced(name: str, text: str) -> str:
    """Titles keep their capitals."""
    return f"{{{text}}}" if name == "title" else text


__all__ = ["bibtex", "uses_of"]
