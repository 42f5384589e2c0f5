"""Laws as text: ``gamma(2, scale=3)``, ``compound(poisson(2), expon(scale=1.5))``.

The text is split into names, numbers and brackets and matched against the grammar

    law    = name [ "(" argument { "," argument } ")" ]
    argument = law | [ name "=" ] number

It is never evaluated: a name is looked up among the distributions of scipy.stats and the laws below, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ldt.errors import ModelError
from ldt.models.law_families import VarianceGamma
from ldt.models.laws import Law, as_law
from ldt.models.sums import CompoundLaw

TOKEN = re.compile(r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[(),=]))")
LONGEST = 1000
OWN: dict[str, Callable[..., Law]] = {"variance_gamma": VarianceGamma}


def parse_law(text: Any) -> Law:
    """The law that ``text`` names: any of scipy.stats, ``variance_gamma``, ``compound(number, claim)``.

    Parameters
    ----------
    text : str
        Like "gamma(2, scale=3)", at most 1000 characters; it is parsed and never evaluated.

    Returns
    -------
    Law
        What IidSum and WeightedSum take; its values have the units of the text's numbers.

    Raises
    ------
    ModelError
        Naming what is wrong: a name that scipy.stats lacks, brackets, parameters out of range.

    Notes
    -----
    Cost: milliseconds, and the import of scipy.stats.
    Source: the grammar in docs/sums.md, section "Laws".

    Examples
    --------
    >>> parse_law("gamma(2, scale=3)").mean
    6.0
    >>> parse_law("compound(poisson(2), expon)").var
    4.0
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise ModelError(f"law: must be text like 'gamma(2, scale=3)', got {str(text)[:60]!r}")
    tokens: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None:
            raise ModelError(f"law: cannot read {text[place:].strip()[:20]!r} in {text!r}; a law is written like 'gamma(2, scale=3)'")
        tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        place = match.end()
    law, rest = _law(tokens, 0, text, 0)
    if rest != len(tokens):
        raise ModelError(f"law: {tokens[rest][1]!r} is left over in {text!r}")
    return law


def _law(tokens: list[tuple[str, str]], i: int, text: str, depth: int) -> tuple[Law, int]:
    if i >= len(tokens) or tokens[i][0] != "name" or depth > 3:
        raise ModelError(f"law: a name of a law is missing in {text!r}")
    name = tokens[i][1]
    i += 1
    values: list[Any] = []
    named: dict[str, float] = {}
    if i < len(tokens) and tokens[i][1] == "(":
        i += 1
        while i < len(tokens) and tokens[i][1] != ")":
            if tokens[i][0] == "number":
                if named:
                    raise ModelError(f"law: a number without a name follows a named one in {text!r}")
                values.append(float(tokens[i][1]))
                i += 1
            elif tokens[i][0] == "name" and i + 2 < len(tokens) and tokens[i + 1][1] == "=" and tokens[i + 2][0] == "number":
                if tokens[i][1] in named:
                    raise ModelError(f"law: {tokens[i][1]} is given twice in {text!r}")
                named[tokens[i][1]] = float(tokens[i + 2][1])
                i += 3
            elif name == "compound" and tokens[i][0] == "name":
                law, i = _law(tokens, i, text, depth + 1)
                values.append(law)
            else:
                raise ModelError(f"law: {tokens[i][1]!r} is not a number or name=number in {text!r}")
            if i < len(tokens) and tokens[i][1] == ",":
                i += 1
            elif i >= len(tokens) or tokens[i][1] != ")":
                raise ModelError(f"law: a comma or a closing bracket is missing in {text!r}")
        if i >= len(tokens):
            raise ModelError(f"law: a closing bracket is missing in {text!r}")
        i += 1
    return _made(name, values, named, text), i


def _made(name: str, values: list[Any], named: dict[str, float], text: str) -> Law:
    if name == "compound":
        if len(values) != 2 or named or not all(isinstance(v, Law) for v in values):
            raise ModelError(f"law: compound takes two laws, the number's and the claim's, in {text!r}")
        return CompoundLaw(values[0], values[1])
    from scipy import stats

    if name in OWN:
        try:
            return OWN[name](*values, **named)
        except (TypeError, OverflowError, ZeroDivisionError) as error:
            raise ModelError(f"law: {error} in {text!r}") from None
    dist = getattr(stats, name, None)
    if not isinstance(dist, (stats.rv_continuous, stats.rv_discrete)):
        import difflib

        known = [n for n in dir(stats) if isinstance(getattr(stats, n), (stats.rv_continuous, stats.rv_discrete))]
        close = difflib.get_close_matches(name, known, n=1)
        raise ModelError(f"law: no law {name!r} in scipy.stats" + (f"; did you mean {close[0]!r}?" if close else ""))
    try:
        frozen = dist(*values, **named)
    except (TypeError, ValueError) as error:
        shapes = f" (shapes: {dist.shapes})" if dist.shapes else " (no shapes, only loc and scale)"
        raise ModelError(f"law: {name}{shapes}: {error}") from None
    try:
        return as_law(frozen)
    except (OverflowError, ZeroDivisionError) as error:
        raise ModelError(f"law: the numbers in {text!r} are beyond double precision ({error})") from None
