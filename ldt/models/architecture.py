"""An architecture: layers with their sizes, a target, and how the sizes grow.  What the pattern engine reads.

Sizes are symbols ("N1") or numbers.  ``widths`` says what every symbol is: a number, or a constant times a power of ``base``
("64*d^0.5"), so that exponents (powers of the base) and numbers (at a value of the base) both follow.  Kinds of layers, their
fields and rules are those of ldt.models.layers.

Targets, all with <y, y> = 1 in the convention "orthonormal":
    hermite     y = sum_k y_k He_k(x_1),  x ~ N(0, I_d)
    parity      y = x_1 x_2
    teacher     y = sum_i a*_i t(w*.x_i), |a*| = |w*| = 1, t = sum_k y_k He_k: a single-index convolutional teacher
    attention   y = (L (L-1))^(-1/2) sum_(a != b) x_1^a x_2^b x_3^b                                              [P]
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ldt.errors import ModelError
from ldt.models.layers import COMPONENTS, LAYERS, LayerKind
from ldt.numerics.posynomials import Monomial, parse_monomial

PRIORS = ("standard", "mean-field")
TARGETS = {"hermite": True, "parity": False, "teacher": True, "attention": False}  # whether it has terms
MAX_DEGREE = 30
MAX_LAYERS = 6  # readout included: the number of assignments is four times as large with every layer
MAX_SIZE = 1e15
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}")
RESERVED = ("M", "D", "w", "K", "beta", "m", "u", "y", "G", "sqrt")


@dataclass(frozen=True)
class Target:
    """What the network must be aligned with; ``terms`` are (degree, coefficient) pairs for "hermite" and "teacher".

    >>> Target("hermite", {3: 1.0}).name, Target("parity").name, Target("teacher", {1: 1.0, 3: 0.5}).name
    ('He_3(x_1)', 'x_1 x_2', 'sum_i a*_i (He_1 + 0.5 He_3)(w*.x_i)')
    """

    kind: str = "hermite"
    terms: Any = ()

    def __post_init__(self) -> None:
        if self.kind not in TARGETS:
            raise ModelError(f"target: kind must be one of {', '.join(TARGETS)}, got {self.kind!r}")
        if not TARGETS[self.kind]:
            if self.terms:
                raise ModelError(f"target: {self.kind!r} takes no terms, got {self.terms!r}")
            return
        pairs = (
            self.terms.items() if isinstance(self.terms, Mapping) else ((self.terms, 1.0),) if isinstance(self.terms, int) else self.terms
        )
        found: dict[int, float] = {}
        try:
            for k, value in pairs:
                if type(k) is not int or isinstance(value, bool) or not 1 <= k <= MAX_DEGREE or not math.isfinite(value):
                    raise ValueError
                if value:
                    found[k] = float(value)
        except (TypeError, ValueError):
            raise ModelError(f"target: terms must map degrees from 1 to {MAX_DEGREE} to finite coefficients, got {self.terms!r}") from None
        if not found:
            raise ModelError(f"target: {self.kind!r} needs at least one term that is not 0")
        object.__setattr__(self, "terms", tuple(sorted(found.items())))

    @property
    def name(self) -> str:
        """As a formula."""
        if self.kind == "parity":
            return "x_1 x_2"
        if self.kind == "attention":
            return "sum_(a != b) x_1^a x_2^b x_3^b"
        text = " + ".join(f"He_{k}" if v == 1.0 else f"{v:g} He_{k}" for k, v in self.terms)
        if self.kind == "hermite":
            return f"{text}(x_1)" if len(self.terms) == 1 else f"({text})(x_1)"
        return f"sum_i a*_i ({text})(w*.x_i)"

    @property
    def norm(self) -> float:
        """<y, y> of the target as written (unnormalised Hermite polynomials)."""
        return sum(v * v * math.factorial(k) for k, v in self.terms) if self.terms else 1.0

    @property
    def degrees(self) -> tuple[int, ...]:
        """The degrees that it contains, in its linear direction."""
        return tuple(k for k, _ in self.terms) if self.terms else {"parity": (2,), "attention": (1,)}[self.kind]


@dataclass(frozen=True)
class Layer:
    """One layer; ``sizes`` maps the kind's fields to symbols or numbers, ``weight_variance`` is sigma^2 (one weight has
    sigma^2/fan-in, or sigma^2/fan-in^2 under the "mean-field" prior of a readout).

    >>> Layer("fully connected", {"inputs": "d", "width": "N1"}).sizes
    {'inputs': 'd', 'width': 'N1'}
    """

    kind: str
    sizes: Mapping[str, str | int] = field(default_factory=dict)
    activation: str = ""
    weight_variance: float = 1.0
    prior: str = "standard"

    def __post_init__(self) -> None:
        if self.kind not in LAYERS:
            raise ModelError(f"type: must be one of {', '.join(LAYERS)}, got {self.kind!r}")
        kind = LAYERS[self.kind]
        names = tuple(name for name, _ in kind.sizes)
        for name in self.sizes:
            if name not in names:
                raise ModelError(f"{name}: not a size of a {self.kind} layer; its sizes: {', '.join(names) or 'none'}")
        for name in names:
            if name not in self.sizes:
                raise ModelError(f"{name}: missing; a {self.kind} layer has {', '.join(names)}")
            _check_size(name, self.sizes[name])
        if kind.activated:
            object.__setattr__(self, "activation", self.activation or "erf")
            if self.activation not in COMPONENTS:
                raise ModelError(f"activation: must be one of {', '.join(COMPONENTS)}, got {self.activation!r}")
        elif self.activation:
            raise ModelError(f"activation: a {self.kind} layer has none, got {self.activation!r}")
        variance = self.weight_variance
        if isinstance(variance, bool) or not isinstance(variance, (int, float)) or not 0.0 < variance < math.inf:
            raise ModelError(f"weight_variance: must be a positive number, got {variance!r}")
        if self.prior not in PRIORS:
            raise ModelError(f"prior: must be one of {', '.join(PRIORS)}, got {self.prior!r}")
        if self.prior != "standard" and self.kind != "readout":
            raise ModelError(f"prior: {self.prior!r} is a scaling of the readout; a {self.kind} layer is 'standard'")

    @property
    def rules(self) -> LayerKind:
        """Its kind's entry in ldt.models.layers.LAYERS."""
        return LAYERS[self.kind]


def _check_size(name: str, size: Any) -> None:
    if isinstance(size, str):
        if not _SYMBOL.fullmatch(size) or size in RESERVED or re.fullmatch(r"(M|D|w|K|beta)\d+", size):
            raise ModelError(f"{name}: must be a whole number or a symbol like N1 (not {', '.join(RESERVED)}), got {size!r}")
    elif isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
        raise ModelError(f"{name}: must be a whole number from 1 to {MAX_SIZE:.0e} or a symbol, got {size!r}")


@dataclass(frozen=True)
class Architecture:
    """Layers from input to readout, a target, and what the symbols of the sizes are.

    Parameters
    ----------
    layers : sequence of Layer
        At least one, and then a readout.
    target : Target
    widths : mapping
        {size: its law}: a number, or a power of the base like "64*d^0.5".
    base : str
        The size that grows.
    label : str

    Raises
    ------
    ModelError
        Naming the field, where layers do not fit together, a symbol has no width, or the first layer is not made for the target.

    Notes
    -----
    Sizes are numbers of neurons, inputs, patches ... (no units); it has patterns (``pattern_table``, ``numeric_table`` in nats) and no law.
    Cost: none.
    Source: docs/models.md and docs/theory.md, section 9.

    Examples
    --------
    >>> net = Architecture((Layer("fully connected", {"inputs": "d", "width": "N"}), Layer("readout")), Target("hermite", 3),
    ...                    {"d": "d", "N": "64*d"})
    >>> net.exponents["N"], net.sizes_at(20)
    (Fraction(1, 1), {'d': 20.0, 'N': 1280.0})
    """

    layers: tuple[Layer, ...]
    target: Target
    widths: Mapping[str, str | int | float]
    base: str = "d"
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "layers", tuple(self.layers))
        put(self, "widths", dict(self.widths))
        self._name_numbers()
        if not 2 <= len(self.layers) <= MAX_LAYERS or self.layers[-1].kind != "readout":
            raise ModelError(
                f"layers: must be 1 to {MAX_LAYERS - 1} layers and then one readout, got {[layer.kind for layer in self.layers]}"
            )
        first = self.layers[0]
        if self.target.kind not in first.rules.targets:
            made = [name for name, kind in LAYERS.items() if self.target.kind in kind.targets]
            raise ModelError(
                f"target: a network that begins with a {first.kind} layer has no rule for {self.target.kind!r};"
                f" that target needs {' or '.join(made)}"
            )
        for below, above in zip(self.layers, self.layers[1:], strict=False):
            if below.kind not in above.rules.follows:
                raise ModelError(
                    f"layers: a {above.kind} layer cannot follow a {below.kind} one; it follows {', '.join(above.rules.follows) or 'none'}"
                )
            if above.kind == "fully connected":
                units = [str(below.sizes[name]) for name in below.rules.units]
                given = str(above.sizes["inputs"])
                if len(units) == 1 and given != units[0]:
                    raise ModelError(f"inputs: must be the {units[0]} units of the layer below, got {given!r}")
                if len(units) > 1:
                    raise ModelError(f"layers: a fully connected layer on a {below.kind} one is not implemented; put the readout there")
        self._check_widths()

    def _name_numbers(self) -> None:
        """Sizes given as numbers get symbols of their own, those of their kind; equal inputs of the next layer the same one."""
        widths, layers = dict(self.widths), list(self.layers)
        taken = {s for layer in layers for s in layer.sizes.values() if isinstance(s, str)} | set(widths)
        for i, layer in enumerate(layers):
            sizes = dict(layer.sizes)
            for name, short in layer.rules.sizes:
                if isinstance(sizes[name], str):
                    continue
                number = int(sizes[name])
                below = [s for s in layers[i - 1].sizes.values() if widths.get(str(s)) == number] if i and name == "inputs" else []
                symbol = str(below[-1]) if below else next(s for s in (short, *(f"{short}{k}" for k in range(i + 1, 99))) if s not in taken)
                taken.add(symbol)
                sizes[name], widths[symbol] = symbol, number
            layers[i] = replace(layer, sizes=sizes)
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "widths", widths)

    def _check_widths(self) -> None:
        if not isinstance(self.base, str) or not _SYMBOL.fullmatch(self.base):
            raise ModelError(f"base: must be a symbol such as d, got {self.base!r}")
        needed = self.symbols
        for symbol in self.widths:
            if symbol not in needed:
                raise ModelError(f"widths: {symbol!r} is not a size of any layer; sizes: {', '.join(needed)}")
        for symbol in needed:
            if symbol not in self.widths:
                raise ModelError(
                    f"widths: missing {symbol!r}; every symbol needs a number or a power of {self.base}, like 64*{self.base}^0.5"
                )
            self.width(symbol)

    def width(self, symbol: str) -> Monomial:
        """What a symbol is: a constant times a power of the base."""
        found = parse_monomial(self.widths[symbol], name=f"widths: {symbol}")
        foreign = [s for s, _ in found.powers if s != self.base]
        if foreign:
            raise ModelError(f"widths: {symbol}: {foreign[0]!r} is not the base; write a number times a power of {self.base}")
        power = found.power_of(self.base)
        if power < 0 or (power == 0 and not 1 <= float(found.coefficient) <= MAX_SIZE):
            raise ModelError(f"widths: {symbol}: must be at least 1 as {self.base} grows, got {self.widths[symbol]!r}")
        return found

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the sizes, in order of appearance."""
        return tuple(dict.fromkeys(str(s) for layer in self.layers for s in layer.sizes.values()))

    @property
    def exponents(self) -> dict[str, Fraction]:
        """Each symbol's power of the base."""
        return {s: self.width(s).power_of(self.base) for s in self.symbols}

    def sizes_at(self, value: float) -> dict[str, float]:
        """Each symbol's number at a value of the base; ModelError where one is not from 1 to 1e15."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < math.inf:
            raise ModelError(f"{self.base}: must be a number from 1 on, got {value!r}")
        sizes = {s: math.exp(self.width(s).log({self.base: math.log(value)})) for s in self.symbols}
        sizes = {s: float(round(v)) if abs(v - round(v)) < 1e-9 * v else v for s, v in sizes.items()}
        for s, v in sizes.items():
            if not 1.0 <= v <= MAX_SIZE:
                raise ModelError(
                    f"widths: {s} = {self.widths[s]} is {v:.3g} at {self.base} = {value:g}; a size is from 1 to {MAX_SIZE:.0e}"
                )
        return sizes

    def whole(self, symbol: Any, value: float) -> int:
        """A symbol's number at a value of the base, where it is a whole one; ModelError otherwise."""
        size = self.sizes_at(value)[str(symbol)]
        if size != round(size):
            raise ModelError(f"widths: {symbol} = {size:.6g} is not a whole number at {self.base} = {value:g}")
        return round(size)

    def with_widths(self, **widths: str | int | float) -> Architecture:
        """The same with some symbols' widths replaced."""
        for s in widths:
            if s not in self.symbols:
                raise ModelError(f"widths: {s!r} is not a size of this network; its sizes: {', '.join(self.symbols)}")
        return Architecture(self.layers, self.target, {**self.widths, **widths}, self.base, self.label)

    @property
    def name(self) -> str:
        """One line: layers, activations and target."""
        words = [f"{layer.activation} {layer.kind}".strip() for layer in self.layers]
        words[-1] = "readout" if self.layers[-1].prior == "standard" else "mean-field readout"
        return f"{' - '.join(words)}; target {self.target.name}"

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types."""
        return {
            "kind": "architecture", "base": self.base, "widths": {s: str(w) for s, w in self.widths.items()},
            "target": {"kind": self.target.kind, "terms": {str(k): v for k, v in self.target.terms}},
            "layers": [
                {"type": x.kind, **x.sizes, "activation": x.activation, "weight_variance": x.weight_variance, "prior": x.prior}
                for x in self.layers
            ],
        }  # fmt: skip

    @classmethod
    def from_file(cls, path: str | Path) -> Architecture:
        """Read a TOML model file of kind "architecture" (docs/models.md)."""
        from ldt.models.files import read_any

        found = read_any(path)
        if not isinstance(found, cls):
            raise ModelError(f"{path}: kind: must be 'architecture' here, got {found.to_dict()['kind']!r}")
        return found


__all__ = ["Architecture", "Layer", "Target"]
