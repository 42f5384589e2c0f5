"""The network of an architecture: all its weights as random numbers, at a value of the base; the target is orthonormal."""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import ModelError
from ldt.models.architecture import Architecture
from ldt.models.networks.additive import ConvolutionalNetwork, TwoLayerNetwork
from ldt.models.networks.attention import AttentionNetwork
from ldt.models.networks.base import ReadoutNetwork
from ldt.models.networks.parity import ParityNetwork
from ldt.models.networks.three_layer import ThreeLayerNetwork


def network_of(architecture: Architecture, value: float) -> ReadoutNetwork:
    """The network whose A = <f, y>/sqrt<y, y> the architecture means, where its base has this ``value``.

    Raises
    ------
    ModelError
        A size that is not whole, or an architecture of which no network is shipped (docs/networks.md shows how to write one).

    Examples
    --------
    >>> from ldt.models.architecture import Layer, Target
    >>> layer = Layer("fully connected", {"inputs": "d", "width": "N"})
    >>> net = Architecture((layer, Layer("readout")), Target("hermite", 3), {"d": "d", "N": "2*d"})
    >>> print(network_of(net, 10).name)
    two-layer network, all 220 weights, erf, He_3, full overlap, N = 20, d = 10, c = 0.9213177319 (orthonormal)...
    """
    first, *middle, last = architecture.layers
    size = {name: architecture.whole(first.sizes[name], value) for name, _ in first.rules.sizes}
    readout = last.weight_variance
    if last.prior == "mean-field":
        below = architecture.layers[-2]
        readout /= math.prod(architecture.whole(below.sizes[name], value) for name in below.rules.units)
    target = architecture.target
    terms: dict[int, float] = dict(target.terms)
    variances: dict[str, Any] = {"readout_variance": readout, "weight_variance": first.weight_variance}
    named: dict[str, Any] = {"c": "orthonormal", "target": terms, "activation": first.activation}
    plain = readout == 1.0 and all(layer.weight_variance == 1.0 for layer in architecture.layers[:-1])
    if first.kind == "fully connected" and not middle and target.kind == "hermite" and first.activation != "bounded":
        return TwoLayerNetwork(size["width"], size["inputs"], **variances, **named)
    if first.kind == "fully connected" and not middle and target.kind == "parity" and first.activation == "relu":
        return ParityNetwork(size["width"], size["inputs"], **variances)
    if first.kind == "patch convolution" and not middle and first.activation != "bounded":
        return ConvolutionalNetwork(size["channels"], size["patch"], size["patches"], **variances, **named)
    if first.kind == "softmax attention" and not middle and plain:
        return AttentionNetwork(size["inputs"], size["heads"], size["context"])
    if (
        [layer.kind for layer in (first, *middle)] == ["fully connected"] * 2
        and all(layer.activation == "erf" for layer in (first, *middle))
        and target.kind == "hermite"
        and len(terms) == 1
        and plain
    ):
        second = architecture.whole(middle[0].sizes["width"], value)
        return ThreeLayerNetwork(size["width"], second, size["inputs"], "orthonormal", next(iter(terms)))
    raise ModelError(
        "architecture: no network of this kind is shipped: those are two layers with Hermite targets, relu with x_1 x_2, CNNs, and, at unit"
        " variances, attention and three erf layers with one He_k"
    )


__all__ = ["network_of"]
