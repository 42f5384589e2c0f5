"""Posynomials: sums of products of powers with positive coefficients, exact in their exponents.

    F = sum_k c_k prod_s s^(p_ks),   c_k > 0,  p_ks rational

``parse`` reads them from text by a small grammar (it never evaluates the text as code); they print as plain text and as LaTeX:

    sum = product {"+" product};  product = power {("*" | "/") power};  power = atom ["^" exponent]   ("**" is read as "^")
    atom = number | name | "(" sum ")" | "sqrt(" sum ")";  exponent = a number, a name of ``integers``, or "(" arithmetic of them ")"

Validity: a sum may be raised to a positive integer power only, and nothing may be divided by a sum.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ldt.errors import ModelError

Number = Fraction | float
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<mark>\*\*|[-+*/^()]))"
)
MAX_TEXT = 200
MAX_POWER = 100
GREEK = ("alpha", "beta", "kappa", "psi")


@dataclass(frozen=True)
class Monomial:
    """``coefficient`` > 0 times a product of powers; ``powers`` are (symbol, exponent) pairs in order of appearance, none 0.

    >>> half = Monomial.of({"N": Fraction(1, 2), "d": Fraction(1, 2)})
    >>> str(half), (half * half).latex(), half.value({"N": 4, "d": 9})
    ('sqrt(N d)', 'N d', 6.0)
    """

    coefficient: Number = Fraction(1)
    powers: tuple[tuple[str, Fraction], ...] = ()

    @classmethod
    def of(cls, powers: Mapping[str, Fraction | int], coefficient: Number = Fraction(1)) -> Monomial:
        """From a mapping of exponents; zeros are dropped."""
        return cls(coefficient, tuple((s, Fraction(p)) for s, p in powers.items() if p))

    def power_of(self, symbol: str) -> Fraction:
        """The exponent of ``symbol``, 0 where it does not occur."""
        return dict(self.powers).get(symbol, Fraction(0))

    @property
    def shape(self) -> frozenset[tuple[str, Fraction]]:
        """The exponents without order and without the coefficient: equal for monomials that are proportional."""
        return frozenset(self.powers)

    def __mul__(self, other: Monomial) -> Monomial:
        powers = dict(self.powers)
        for symbol, p in other.powers:
            powers[symbol] = powers.get(symbol, Fraction(0)) + p
        return Monomial.of(powers, self.coefficient * other.coefficient)

    def __pow__(self, power: Fraction | int) -> Monomial:
        p = Fraction(power)
        c = self.coefficient**p.numerator if p.denominator == 1 else float(self.coefficient) ** float(p)
        c = Fraction(1) if self.coefficient == 1 else c
        return Monomial.of({s: q * p for s, q in self.powers}, c)

    def __truediv__(self, other: Monomial) -> Monomial:
        return self * other**-1

    def without(self, symbols: Iterable[str]) -> Monomial:
        """The same with these symbols set to 1."""
        left = set(symbols)
        return Monomial(self.coefficient, tuple((s, p) for s, p in self.powers if s not in left))

    def ordered(self, symbols: Iterable[str]) -> Monomial:
        """The same, these symbols first and in this order."""
        place = {s: i for i, s in enumerate(symbols)}
        return Monomial(self.coefficient, tuple(sorted(self.powers, key=lambda sp: place.get(sp[0], len(place)))))

    def bare(self) -> Monomial:
        """The same with coefficient 1."""
        return Monomial(Fraction(1), self.powers)

    def log(self, logs: Mapping[str, float]) -> float:
        """Its natural logarithm, from those of its symbols."""
        return math.log(self.coefficient) + sum(float(p) * logs[s] for s, p in self.powers)

    def value(self, sizes: Mapping[str, float]) -> float:
        """Its value at positive sizes of its symbols."""
        return math.exp(self.log({s: math.log(sizes[s]) for s, _ in self.powers}))

    def exponent(self, exponents: Mapping[str, Fraction]) -> Fraction:
        """The power of the base, where each symbol is the base to a power."""
        return sum((p * exponents[s] for s, p in self.powers), Fraction(0))

    def __str__(self) -> str:
        return _print(self, latex=False)

    def latex(self) -> str:
        """As LaTeX, without dollar signs."""
        return _print(self, latex=True)

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"


@dataclass(frozen=True)
class Posynomial:
    """A sum of monomials; terms of the same shape are merged.

    >>> cost = parse("d*M + N/M")
    >>> str(cost), cost.latex(), round(cost.value({"d": 4, "M": 2, "N": 6}), 12)
    ('d M + N/M', 'd M + \\\\frac{N}{M}', 11.0)
    """

    terms: tuple[Monomial, ...] = ()

    @classmethod
    def of(cls, terms: Iterable[Monomial]) -> Posynomial:
        """From monomials, merging those of the same shape."""
        merged: dict[frozenset[tuple[str, Fraction]], Monomial] = {}
        for term in terms:
            seen = merged.get(term.shape)
            merged[term.shape] = term if seen is None else Monomial(seen.coefficient + term.coefficient, seen.powers)
        return cls(tuple(merged.values()))

    def __add__(self, other: Posynomial) -> Posynomial:
        return Posynomial.of(self.terms + other.terms)

    def __mul__(self, other: Posynomial | Monomial) -> Posynomial:
        terms = (other,) if isinstance(other, Monomial) else other.terms
        return Posynomial.of(a * b for a in self.terms for b in terms)

    def __pow__(self, power: int) -> Posynomial:
        result = Posynomial((Monomial(),))
        for _ in range(power):
            result = result * self
        return result

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, in order of appearance."""
        return tuple(dict.fromkeys(s for term in self.terms for s, _ in term.powers))

    def without(self, symbols: Iterable[str]) -> Posynomial:
        """The same with these symbols set to 1 (coefficients add)."""
        left = tuple(symbols)
        return Posynomial.of(term.without(left) for term in self.terms)

    def bare(self) -> Posynomial:
        """Every coefficient 1: the scaling alone."""
        return Posynomial(tuple(term.bare() for term in self.terms))

    def value(self, sizes: Mapping[str, float]) -> float:
        """The sum at positive sizes of its symbols."""
        return math.fsum(term.value(sizes) for term in self.terms)

    def __str__(self) -> str:
        return " + ".join(str(term) for term in self.terms) or "0"

    def latex(self) -> str:
        """As LaTeX, without dollar signs."""
        return " + ".join(term.latex() for term in self.terms) or "0"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"


# -- printing --------------------------------------------------------------------------------------------------------------


def _print(term: Monomial, latex: bool) -> str:
    """c (top/bottom)^(a/q): one fractional power around integer ones where the exponents allow."""
    front = "" if term.coefficient == 1 else _number(term.coefficient)
    if not term.powers:
        return front or "1"
    q = math.lcm(*(p.denominator for _, p in term.powers))
    inner = [(s, int(p * q)) for s, p in term.powers]
    a = math.gcd(*(abs(p) for _, p in inner)) if q > 1 or len(inner) > 1 else 1
    if all(p < 0 for _, p in inner) and q > 1:
        a = -a
    power = Fraction(a, q)
    body, plain = _quotient([(s, p // a) for s, p in inner], latex)
    if power != 1:
        if power == Fraction(1, 2):
            body = rf"\sqrt{{{body}}}" if latex else f"sqrt({body})"
        elif latex:
            body = (rf"\left({body}\right)" if not plain else body) + f"^{{{power}}}"
        else:
            body = (body if plain else f"({body})") + (f"^{power}" if power.denominator == 1 else f"^({power})")
    elif front and body.startswith("1/"):
        return front + body[1:]
    return f"{front} {body}" if front else body


def _quotient(powers: list[tuple[str, int]], latex: bool) -> tuple[str, bool]:
    """The text of a product of integer powers, and whether it is a single bare symbol."""
    top = [_symbol_power(s, p, latex) for s, p in powers if p > 0]
    bottom = [_symbol_power(s, -p, latex) for s, p in powers if p < 0]
    above = " ".join(top) or "1"
    if not bottom:
        return above, len(powers) == 1 and powers[0][1] == 1
    below = " ".join(bottom)
    if latex:
        return rf"\frac{{{above}}}{{{below}}}", False
    return f"{above}/{below}" if len(bottom) == 1 else f"{above}/({below})", False


def _symbol_power(symbol: str, power: int, latex: bool) -> str:
    if latex:
        name = re.match(r"([A-Za-z]+)_?(\w*)", symbol)
        assert name is not None
        head, tail = name.groups()
        head = f"\\{head}" if head in GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
        symbol = f"{head}_{{{tail}}}" if len(tail) > 1 else f"{head}_{tail}" if tail else head
        return symbol if power == 1 else f"{symbol}^{{{power}}}"
    return symbol if power == 1 else f"{symbol}^{power}"


def _number(value: Number) -> str:
    return str(value) if isinstance(value, Fraction) and value.denominator == 1 else f"{float(value):.4g}"


# -- reading ---------------------------------------------------------------------------------------------------------------


def parse(text: Any, integers: Mapping[str, int] | None = None, name: str = "expression") -> Posynomial:
    """The posynomial that ``text`` writes; ``integers`` are names allowed in exponents.  ModelError, naming ``name``, otherwise.

    >>> str(parse("64*d**0.5")), str(parse("M*w^(2*m)/N", {"m": 3})), str(parse("sqrt(N*d)"))
    ('64 sqrt(d)', 'M w^6/N', 'sqrt(N d)')
    >>> parse("__import__('os')")
    Traceback (most recent call last):
    ldt.errors.ModelError: expression: cannot read "__import__('os')" at ...
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool) and math.isfinite(text) and text > 0:
        return Posynomial((Monomial(Fraction(str(text)) if isinstance(text, float) else Fraction(text)),))
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise ModelError(f"{name}: must be a positive number or a product of powers like 64*d^0.5, got {str(text)[:60]!r}")
    reader = _Reader(text, integers or {}, name)
    found = reader.sum(0)
    if reader.peek() is not None:
        raise reader.error()
    return found


def parse_monomial(text: Any, integers: Mapping[str, int] | None = None, name: str = "expression") -> Monomial:
    """As ``parse``, for a text of one term."""
    found = parse(text, integers, name)
    if len(found.terms) != 1:
        raise ModelError(f"{name}: must be one product of powers like 64*d^0.5, not a sum, got {text!r}")
    return found.terms[0]


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, integers: Mapping[str, int], name: str) -> None:
        self.text, self.integers, self.name = text, integers, name
        self.tokens: list[tuple[str, str]] = []
        at = 0
        self.i = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise self.error(text[at:].strip())
            self.tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            at = match.end()

    def error(self, at: str | None = None) -> ModelError:
        where = at if at is not None else (self.peek() or "its end")
        return ModelError(
            f"{self.name}: cannot read {self.text!r} at {where[:20]!r}; allowed: numbers, names, + * / ^ and sqrt, like 64*d^0.5"
        )

    def peek(self) -> str | None:
        return self.tokens[self.i][1] if self.i < len(self.tokens) else None

    def take(self) -> tuple[str, str]:
        if self.i >= len(self.tokens):
            raise self.error()
        self.i += 1
        return self.tokens[self.i - 1]

    def expect(self, mark: str) -> None:
        if self.peek() != mark:
            raise self.error()
        self.i += 1

    def sum(self, depth: int) -> Posynomial:
        if depth > 20:
            raise self.error("too many brackets")
        found = self.product(depth)
        while self.peek() == "+":
            self.i += 1
            found = found + self.product(depth)
        return found

    def product(self, depth: int) -> Posynomial:
        found = self.power(depth)
        while self.peek() in ("*", "/"):
            mark = self.take()[1]
            other = self.power(depth)
            if mark == "/":
                if len(other.terms) != 1:
                    raise self.error("division by a sum")
                other = Posynomial((other.terms[0] ** -1,))
            found = found * other
        return found

    def power(self, depth: int) -> Posynomial:
        base = self.atom(depth)
        if self.peek() not in ("^", "**"):
            return base
        self.i += 1
        p = self.exponent(depth)
        if abs(p) > MAX_POWER:
            raise self.error(f"the exponent {p}")
        if len(base.terms) == 1:
            if abs(math.log(base.terms[0].coefficient) * p) > 650.0:
                raise self.error("a number that is too large")
            return Posynomial((base.terms[0] ** p,))
        if p.denominator != 1 or p < 1 or p > 20:
            raise self.error("a power of a sum")
        return base ** int(p)

    def atom(self, depth: int) -> Posynomial:
        kind, token = self.take()
        if token == "(":
            found = self.sum(depth + 1)
            self.expect(")")
            return found
        if kind == "number":
            if not 1e-300 < float(token) < 1e300:
                raise self.error(f"{token}, which is not a positive number")
            return Posynomial((Monomial(Fraction(token)),))
        if kind != "name":
            self.i -= 1
            raise self.error()
        if token == "sqrt" and self.peek() == "(":
            self.i += 1
            found = self.sum(depth + 1)
            self.expect(")")
            if len(found.terms) != 1:
                raise self.error("the root of a sum")
            return Posynomial((found.terms[0] ** Fraction(1, 2),))
        return Posynomial((Monomial.of({token: Fraction(1)}),))

    def exponent(self, depth: int) -> Fraction:
        if self.peek() == "(":
            self.i += 1
            found = self.arithmetic(depth + 1)
            self.expect(")")
            return found
        return self.factor(depth)

    def arithmetic(self, depth: int) -> Fraction:
        if depth > 20:
            raise self.error("too many brackets")
        found = self.quotient(depth)
        while self.peek() in ("+", "-"):
            sign = 1 if self.take()[1] == "+" else -1
            found += sign * self.quotient(depth)
        return found

    def quotient(self, depth: int) -> Fraction:
        found = self.factor(depth)
        while self.peek() in ("*", "/"):
            mark = self.take()[1]
            other = self.factor(depth)
            if mark == "/" and other == 0:
                raise self.error("division by 0")
            found = found * other if mark == "*" else found / other
        return found

    def factor(self, depth: int) -> Fraction:
        kind, token = self.take()
        if token in ("-", "+"):
            return self.factor(depth) * (-1 if token == "-" else 1)
        if kind == "number" and len(token) < 20:
            return Fraction(token)
        if kind == "name" and token in self.integers:
            return Fraction(self.integers[token])
        if token == "(":
            found = self.arithmetic(depth + 1)
            self.expect(")")
            return found
        self.i -= 1
        raise self.error()


__all__ = ["Monomial", "Posynomial", "parse", "parse_monomial"]
