"""The kinds of layers and their pattern rules, as data: all that the pattern engine knows about a layer stands here.

A layer reads its inputs through a kernel K and hands the next layer another.  Of a kernel only two *strengths* <v|K|v> matter:

    u   of the target's linear direction        (x_1 for He_m(x_1); one bilinear score x_1^a x_2^b for attention)
    y   of the target itself

A neuron whose preactivation contains the function w v costs w^2/(2 <v|K|v>) nats, the reproducing-kernel norm of w v.  A readout
costs alpha^2/(2 <y|K|y>).  Each rule says in these terms what a pattern costs and what strengths it hands on; the engine
(ldt.patterns.engine) composes them.  In the texts below, which ldt.numerics.posynomials reads,

    u, y        strengths that the layer receives;       m     the order of the target in u: y ~ u^m (lowest degree it contains)
    G           w^(2k), w <= 1, for a hand-over of degree k: the squared overlap of a neuron at amplitude w (with constants:
                the activation's own, which saturates; ldt.patterns.constants)
    M, D, beta  free parameters; other names are sizes of the layer.

A cost is in units of 1/2 nat.  A *stretch* (n, D) costs n (D - 1 - ln D)/2, of order n D for large D and exactly 0 at D = 1.
A hand-over is possible where the activation has a Hermite component of its degree.

To add a pattern, add a Rule to its layer's entry; to add a kind of layer, add an entry to LAYERS (CONTRIBUTING shows both).
Sources: [S] Ringel's talk; [P] Rubin, Davidovich, Ringel, arXiv 2512.04165; derivations in docs/theory.md, section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

GP, GFL, SPECIALIZATION, SHARED = "gp", "gfl", "specialization", "shared"


@dataclass(frozen=True)
class Hand:
    """``strength`` of ``feature`` ("u" or "y") handed on; the activation needs a component of ``degree`` (a number, or "m").

    ``constant`` multiplies the strength in numbers, where it is not the general one (ldt.patterns.constants).
    """

    feature: str
    strength: str
    degree: int | str
    constant: float | None = None


@dataclass(frozen=True)
class Rule:
    """One pattern of one layer.

    ``reads``: the feature it works on, if any.  ``cost``: posynomial in units of 1/2 nat, "" if free.  ``stretch``: (count, D).
    ``counts``: parameters that count neurons, and so are integers.  ``bounds``: monomials that must be >= 1.
    ``natural``: values at which parameters rest unless the optimum wants otherwise (the formulas are shown there).
    ``lazy_at``: parameter whose value 1 makes the rule the layer's ``gp``.
    """

    name: str
    hands: tuple[Hand, ...]
    validity: str
    source: str
    reads: str = ""
    cost: str = ""
    stretch: tuple[str, str] | None = None
    parameters: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    natural: tuple[str, ...] = ()
    lazy_at: str = ""


@dataclass(frozen=True)
class LayerKind:
    """A kind of layer: ``sizes`` (field of the file: symbol in its rules), what the first layer receives, its rules.

    ``targets``: kinds of target that a network beginning with this layer can be asked for (empty: never first).
    ``follows``: kinds that may stand before it.  ``activated``: whether it has an activation.  ``fan_in`` and ``units``: sizes
    whose product is what the layer reads, and hands on.
    """

    name: str
    sizes: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    targets: tuple[str, ...] = ()
    receives: tuple[tuple[str, str], ...] = ()
    follows: tuple[str, ...] = ()
    activated: bool = True
    fan_in: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


FULLY_CONNECTED = LayerKind(
    name="fully connected",
    sizes=(("inputs", "d"), ("width", "N")),
    targets=("hermite", "parity"),
    receives=(("u", "1/d"),),
    follows=("fully connected", "patch convolution"),
    fan_in=("inputs",),
    units=("width",),
    rules=(
        Rule(
            GP,
            hands=(Hand("u", "u", 1), Hand("y", "y", 1), Hand("y", "u^m", "m")),
            validity="weights as the prior draws them",
            source="[S]; strength u^m: E over the weights of their 2m-th moment",
        ),
        Rule(
            GFL, reads="u", stretch=("N", "D"), parameters=("D",), bounds=("D", "1/(D*u)"), lazy_at="D",
            hands=(Hand("u", "D*u", 1), Hand("y", "(D*u)^m", "m")),
            validity="1 <= D <= 1/u: one eigendirection's variance times D; beyond, the activation saturates",
            source="[S] N (D - 1 - ln D)/2",
        ),
        Rule(
            GFL, reads="y", stretch=("N", "D"), parameters=("D",), bounds=("D", "1/(D*y)"), lazy_at="D",
            hands=(Hand("y", "D*y", 1),),
            validity="1 <= D <= 1/y: the target's own direction in the kernel it receives, variance times D",
            source="[P]; N (D - 1 - ln D)/2",
        ),
        Rule(
            SPECIALIZATION, reads="u", cost="M*w^2/u", parameters=("M", "w"), counts=("M",), bounds=("1/w", "M", "N/M"), natural=("w",),
            hands=(Hand("u", "M*G/N", 1), Hand("y", "M*G/N", "m")),
            validity="1 <= M <= N neurons at amplitude w <= 1; an amplitude above 1 gains no more than another neuron does",
            source="[S] d M + N/M; w < 1 derived",
        ),
        Rule(
            SPECIALIZATION, reads="y", cost="M*w^2/y", parameters=("M", "w"), counts=("M",), bounds=("1/w", "M", "N/M"), natural=("w",),
            hands=(Hand("y", "M*w^2/N", 1),),
            validity="1 <= M <= N neurons whose preactivation is w y, w <= 1",
            source="[P]",
        ),
        Rule(
            SHARED, reads="y", cost="beta/y", parameters=("beta",), bounds=("N/beta",),
            hands=(Hand("y", "beta/N", 1),),
            validity="0 < beta <= N: all N neurons take +-sqrt(beta/N) y into their preactivation",
            source="[P]",
        ),
    ),
)  # fmt: skip

PATCH_CONVOLUTION = LayerKind(
    name="patch convolution",
    sizes=(("patches", "N_w"), ("patch", "S"), ("channels", "N")),
    targets=("teacher",),
    receives=(("u", "1/S"),),
    fan_in=("patch",),
    units=("patches", "channels"),
    rules=(
        Rule(
            GP,
            hands=(Hand("y", "u^m/N_w", "m"),),
            validity="filters as the prior draws them; the target is spread over N_w patches",
            source="[S], [P]",
        ),
        Rule(
            GFL, reads="u", stretch=("N", "D"), parameters=("D",), bounds=("D", "1/(D*u)"), lazy_at="D",
            hands=(Hand("y", "(D*u)^m/N_w", "m"),),
            validity="1 <= D <= S",
            source="[S] N D + d/D; the exact optimum of the linear network (docs/theory.md, section 8)",
        ),
        Rule(
            SPECIALIZATION, reads="u", cost="M*w^2/u", parameters=("M", "w"), counts=("M",), bounds=("1/w", "M", "N/M"), natural=("w",),
            hands=(Hand("y", "M*G/(N*N_w)", "m"),),
            validity="1 <= M <= N channels at amplitude w <= 1",
            source="[P]; at M = 1 [S] S + N_w N",
        ),
    ),
)  # fmt: skip

SOFTMAX_ATTENTION = LayerKind(
    name="softmax attention",
    sizes=(("inputs", "d"), ("context", "L"), ("heads", "H")),
    targets=("attention",),
    receives=(("u", "1/d^2"),),
    activated=False,
    fan_in=("inputs",),
    units=("heads", "inputs"),
    rules=(
        Rule(
            GP,
            hands=(Hand("y", "u/(L*d)", 1, constant=2.0),),
            validity="leading order in the scores",
            source="[P] L d^3",
        ),
        Rule(
            GFL, stretch=("2*H", "D"), parameters=("D",), bounds=("D", "1/(D*u)"), lazy_at="D",
            hands=(Hand("y", "D*u/(L*d)", 1, constant=2.0),),
            validity="1 <= D <= d^2, leading order in the scores: both entries of every head's score matrix, variance times D",
            source="derived: the exact optimum at leading order (a sum of 2H products of two normals)",
        ),
        Rule(
            SPECIALIZATION, reads="u", cost="K*M^2", parameters=("K", "M"), counts=("K",), bounds=("K", "H/K", "M", "d/M"), natural=("K",),
            hands=(Hand("y", "K*M^2*u/(H*L*d)", 1, constant=1.0),),
            validity="K of the heads have a score-matrix entry M/d; 1 <= M <= d, since beyond sqrt(2 ln L) the softmax saturates",
            source="[P] M^2 + H L d^3/M^2 at K = 1; the bound M <= d derived",
        ),
    ),
)  # fmt: skip

READOUT = LayerKind(
    name="readout",
    sizes=(),
    follows=("fully connected", "patch convolution", "softmax attention"),
    activated=False,
    rules=(
        Rule(
            GP, reads="y", cost="1/y", hands=(), validity="Gaussian given the layers below, and integrated exactly",
            source="[S] alpha^2/(2 <y|K|y>)",
        ),
    ),
)  # fmt: skip

LAYERS = {kind.name: kind for kind in (FULLY_CONNECTED, PATCH_CONVOLUTION, SOFTMAX_ATTENTION, READOUT)}

#: Activation -> whether it has a Hermite component of degree k.  "bounded" stands for any bounded one with all components.
COMPONENTS: dict[str, Callable[[int], bool]] = {
    "erf": lambda k: k % 2 == 1,
    "tanh": lambda k: k % 2 == 1,
    "relu": lambda k: k < 2 or k % 2 == 0,
    "linear": lambda k: k == 1,
    "bounded": lambda k: True,
}
COMPONENT_WORDS = {
    "erf": "odd degrees only", "tanh": "odd degrees only", "relu": "degree 1 and even degrees only", "linear": "degree 1 only",
    "bounded": "all degrees",
}  # fmt: skip

__all__ = ["COMPONENTS", "COMPONENT_WORDS", "GFL", "GP", "LAYERS", "SHARED", "SPECIALIZATION", "Hand", "LayerKind", "Rule"]
