"""Width laws N = const d^p, read from text such as ``64*d^0.5`` by ldt.numerics.posynomials and never evaluated.

N is the law's value rounded to the nearest integer, which must be a width: 1 to 1e12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ldt.errors import ModelError
from ldt.models.alignment import MAX_WIDTH
from ldt.numerics.posynomials import parse_monomial

ALLOWED = "a width law reads like d, 64*d^0.5, 2*d^(3/2) or 1e9"
MAX_TEXT = 60


@dataclass(frozen=True)
class WidthLaw:
    """N(d) = ``constant`` d^``power``; call it with d.  ``text`` is its normal form.

    >>> law = width_law("64*d^0.5")
    >>> law(100), law.text, law.power
    (640, '64 d^(1/2)', Fraction(1, 2))
    """

    constant: float
    power: Fraction

    def __call__(self, dim: int) -> int:
        """The width at input dimension ``dim``; ModelError, naming d, where it is not from 1 to 1e12."""
        size = math.log10(self.constant) + float(self.power) * math.log10(dim)
        width = round(self.constant * float(dim) ** float(self.power)) if abs(size) < 20.0 else (0 if size < 0.0 else 10**20)
        if not 1 <= width <= MAX_WIDTH:
            shown = f"{width:.3g}" if abs(size) < 20.0 else f"10^{size:.0f}"
            raise ModelError(f"width: N = {self.text} is {shown} at d = {dim}; a width is an integer from 1 to 1e12")
        return width

    @property
    def text(self) -> str:
        """The law as a formula."""
        if self.power == 0:
            return f"{self.constant:g}"
        front = "" if self.constant == 1.0 else f"{self.constant:g} "
        power = f"({self.power})" if self.power.denominator > 1 or self.power < 0 else str(self.power)
        return front + ("d" if self.power == 1 else f"d^{power}")


def width_law(text: str | int | float) -> WidthLaw:
    """The law that ``text`` writes; ModelError, with what is allowed, for anything else.

    >>> width_law("d"), width_law("2 * d**(3/2)").text, width_law("1e9")(7)
    (WidthLaw(constant=1.0, power=Fraction(1, 1)), '2 d^(3/2)', 1000000000)
    >>> width_law("d^d")
    Traceback (most recent call last):
    ldt.errors.ModelError: width: a width law reads like d, 64*d^0.5, 2*d^(3/2) or 1e9; got 'd^d'
    """
    shown = repr(text) if len(repr(text)) <= MAX_TEXT else repr(text)[:MAX_TEXT] + "..."
    refusal = ModelError(f"width: {ALLOWED}; got {shown}")
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise refusal
    if not isinstance(text, str):
        text = repr(text)
    try:
        law = parse_monomial(text if len(text) <= MAX_TEXT else "", name="width")
    except ModelError:
        raise refusal from None
    if any(symbol != "d" for symbol, _ in law.powers):
        raise refusal
    found = WidthLaw(float(law.coefficient), law.power_of("d"))
    if not (0.0 < found.constant < 1e100 and abs(found.power) <= 20):
        raise ModelError(f"width: the constant must be positive and the power between -20 and 20; got {shown}")
    return found


__all__ = ["WidthLaw", "width_law"]
