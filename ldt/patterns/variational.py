r"""Variational costs with true constants, for the architectures where they can be had; each says what it is.

    system                  claim           what is computed
    two layers, He_k sums   exact           the alignment is an AlignmentSum: contour inversion, the patterns' energies beside it
    CNN, linear or not      exact           channels are independent: A = sum_c a_c g(w_c), a_c ~ N(0, sigma_a^2/(N_w N)), w_c in S
                                            dimensions: an AlignmentSum, width N, d = S, readout variance sigma_a^2/N_w
    softmax attention       leading order   in the scores and in 1/L, A is a sum of 2H products of two normals: a variance-gamma law
    three layers, erf       estimate        layer-wise energies (ldt.patterns.three_layer); a rigorous sampled bound on request

Patches of x ~ N(0, I) are independent and t has no degree 0, so <phi(w.x_j), t(w*.x_i)> is 0 unless i = j; the projection of a_ic on
the unit vector a* is one Gaussian a channel.  Attention: softmax_b = (1 + s_ab - mean_b s)/L + O(s^2), hence, with q = 1/L,

    <f, y> = L^(-1/2) (1-q)^(1/2) sum_h {[(1-q) A_12 - q A_21] w_3 + [(1-q) A_13 - q A_31] w_2 - q (A_23 + A_32) w_1}_h.

The last product's variance is (L-1)^-2 of the others' and is left out; then E exp(s A) = (1 - sigma^2 s^2)^(-H) with
sigma^2 = (1-q)((1-q)^2 + q^2) sigma_A^2 sigma_a^2/(L H d^3).  It holds while the entries of A_h stay well below sqrt(2 ln L): the softmax
saturates beyond, and -log P then grows as L d, not as sqrt(L).
Source: [P] for the systems; reductions derived in docs/theory.md, sections 8 and 9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ldt.errors import ModelError
from ldt.models.alignment import AlignmentSum
from ldt.models.architecture import Architecture
from ldt.patterns.three_layer import ThreeLayer, ThreeLayerBound, energies, three_layer_bound
from ldt.results import _Record

EXACT, LEADING, ESTIMATE = "exact", "leading order", "estimate"


@dataclass(frozen=True)
class VariationalCost(_Record):
    """-log P(A >= level) of an architecture and its patterns' energies, in nats; A = <f, y>/sqrt<y, y>.

    ``claim``: "exact" (``neg_log_p`` is the network's own, within ``error``), "leading order" (exact for the leading term of A) or
    "estimate" (``neg_log_p`` is the least energy, with no error known: NaN).  ``costs``: {pattern: nats}.  ``bound``: a rigorous upper
    bound, where one was asked for.  ``model``: the AlignmentSum behind it, if any.
    """

    picture: ClassVar[str] = "ldt.plots.patterns:plot_costs"

    claim: str
    neg_log_p: float
    error: float
    costs: dict[str, float]
    parameters: dict[str, dict[str, float | int]]
    winner: str
    sizes: dict[str, float]
    level: float
    bound: Any = None
    model: Any = None
    note: str = ""
    architecture: Any = field(default=None, repr=False)


def variational(architecture: Architecture, value: float, level: float = 1.0, *, bound: bool = False, rng: Any = None) -> VariationalCost:
    """The variational costs of an architecture where the base has this ``value``.

    Parameters
    ----------
    architecture : Architecture
    value : float
        Of the base: d = 100, say.
    level : float > 0
        Of A = <f, y>/sqrt<y, y>.
    bound : bool
        Also a rigorous upper bound: for three layers sampled from the trial law (nats, with one standard error; small networks).
    rng : seed of that sampling

    Returns
    -------
    VariationalCost
        ``neg_log_p`` (nats) with ``claim``: exact, leading order or estimate, and ``error``; ``costs`` of the patterns.

    Raises
    ------
    ModelError
        Where no variational cost is known, with the reason; sizes and levels that make no sense.

    Notes
    -----
    Two layers and CNNs reduce to an AlignmentSum and are exact; attention is a variance-gamma law at leading order.
    Cost: that of ``tail``; with ``bound``, seconds to minutes.
    Source: [P] for the systems; docs/theory.md, sections 8 and 9.

    Examples
    --------
    >>> from ldt.models.architecture import Layer, Target
    >>> layer = Layer("patch convolution", {"patches": "n", "patch": "n", "channels": "n"}, "linear")
    >>> net = Architecture((layer, Layer("readout")), Target("teacher", 1), {"n": "d^(1/2)"})
    >>> found = variational(net, 100)
    >>> found.claim, round(found.neg_log_p, 4), found.model.width
    ('exact', 24.02, 10)
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0.0 < level < math.inf:
        raise ModelError(f"level: must be finite and > 0, got {level!r}")
    sizes = architecture.sizes_at(value)
    if is_three_layer(architecture):
        return _three_layer(architecture, value, float(level), bound, rng)
    from ldt.patterns.two_layer import pattern_costs
    from ldt.tails.exact import exact

    model = alignment_of(architecture, value)
    table = pattern_costs(model, level)
    logp, error, _ = exact(model, float(level))
    attention = architecture.layers[0].kind == "softmax attention"
    note = _saturation(architecture, value, level) if attention else ""
    return VariationalCost(
        LEADING if attention else EXACT, -logp, error, {row.name: row.cost for row in table.patterns},
        {row.name: dict(row.parameters) for row in table.patterns}, table.winner, sizes, float(level), None, model, note, architecture,
    )  # fmt: skip


def is_three_layer(architecture: Architecture) -> bool:
    """Whether the architecture is two fully connected erf layers and a readout with a target of one odd He_k."""
    kinds = [layer.kind for layer in architecture.layers]
    terms = architecture.target.terms
    return (
        kinds == ["fully connected", "fully connected", "readout"]
        and all(layer.activation == "erf" for layer in architecture.layers[:-1])
        and architecture.target.kind == "hermite"
        and len(terms) == 1
        and terms[0][0] % 2 == 1
    )


def alignment_of(architecture: Architecture, value: float) -> AlignmentSum:
    """The AlignmentSum that is the architecture's A (attention: to leading order), orthonormal target; ModelError where there is none.

    >>> from ldt.models.architecture import Layer, Target
    >>> layer = Layer("patch convolution", {"patches": 10, "patch": 20, "channels": 30}, "linear")
    >>> print(alignment_of(Architecture((layer, Layer("readout")), Target("teacher", 1), {}), 1).name)
    linear, He_1, concentrated overlap, N = 30, d = 20, c = 1 (orthonormal), sigma_a^2 = 0.1, sigma_w^2 = 1
    """
    first, last = architecture.layers[0], architecture.layers[-1]
    known = first.kind in ("fully connected", "patch convolution", "softmax attention")
    if len(architecture.layers) != 2 or architecture.target.kind == "parity" or not known:
        raise ModelError(
            "architecture: its alignment is not a sum over neurons of one weight's overlap; variational costs exist for two layers with"
            " Hermite targets, CNNs, attention, and three erf layers with one odd He_k"
        )
    if first.activation == "bounded":
        raise ModelError("activation: 'bounded' stands for a class of activations, and has exponents only")
    size = {short: architecture.whole(first.sizes[name], value) for name, short in first.rules.sizes}
    readout = last.weight_variance
    if last.prior == "mean-field":
        readout /= math.prod(architecture.whole(first.sizes[name], value) for name in first.rules.units)
    if first.kind == "softmax attention":
        length, dim = size["L"], size["d"]
        if length < 2:
            raise ModelError("context: must be at least 2 tokens")
        q = 1.0 / length
        scale = 2.0 * (1.0 - q) * ((1.0 - q) ** 2 + q**2) / (dim * length)
        return AlignmentSum(2 * size["H"], 1, scale * readout, first.weight_variance / dim**2, "talk", 1, "linear", "concentrated")
    dim = size["d"] if first.kind == "fully connected" else size["S"]
    readout = readout if first.kind == "fully connected" else readout / size["N_w"]
    form = "concentrated" if first.activation == "linear" or dim == 1 else "full"
    return AlignmentSum(
        size["N"], dim, readout, first.weight_variance, "orthonormal", dict(architecture.target.terms), first.activation, form
    )  # fmt: skip


def _saturation(architecture: Architecture, value: float, level: float) -> str:
    """A warning where the least energy asks for score entries at which the softmax saturates."""
    first = architecture.layers[0]
    d, length, heads = (float(architecture.whole(first.sizes[name], value)) for name in ("inputs", "context", "heads"))
    entry = (level * math.sqrt(heads * length * d**3)) ** 0.5 / d
    if entry <= 0.5 * math.sqrt(2.0 * math.log(length)):
        return ""
    return (
        f"one head's score entry would be {entry:.2g}, and the softmax saturates near sqrt(2 ln L) = {math.sqrt(2 * math.log(length)):.2g}:"
        " leading order does not hold for one head"
    )


def three_layer_of(architecture: Architecture, value: float) -> ThreeLayer:
    """The sizes and variances of a three-layer network where the base has this value; ModelError where a size is not whole."""
    first, second, last = architecture.layers
    dim = architecture.whole(first.sizes["inputs"], value)
    n1, n2 = (architecture.whole(layer.sizes["width"], value) for layer in (first, second))
    readout = last.weight_variance / (n2 if last.prior == "mean-field" else 1.0)
    variances = (first.weight_variance, second.weight_variance, readout)
    return ThreeLayer(dim, n1, n2, architecture.target.degrees[0], variances)


def _three_layer(architecture: Architecture, value: float, level: float, bound: bool, rng: Any) -> VariationalCost:
    net = three_layer_of(architecture, value)
    found = energies(net, level)
    rigorous: ThreeLayerBound | None = three_layer_bound(net, level, rng=rng) if bound else None
    return VariationalCost(
        ESTIMATE, found[0].cost, math.nan, {e.name: e.cost for e in found}, {e.name: dict(e.parameters) for e in found}, found[0].name,
        architecture.sizes_at(value), level, rigorous, None, "leading energies: no error is known; a bound is rigorous", architecture,
    )  # fmt: skip


__all__ = ["VariationalCost", "alignment_of", "is_three_layer", "three_layer_of", "variational"]
