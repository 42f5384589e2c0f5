"""Black-box networks: standard-normal parameters and a score; see ``base`` for what one needs, docs/networks.md for how to write one."""

from ldt.models.networks.additive import ConvolutionalNetwork, TwoLayerNetwork
from ldt.models.networks.attention import AttentionNetwork
from ldt.models.networks.base import FunctionNetwork, Layer, Network, ReadoutNetwork
from ldt.models.networks.parity import ParityNetwork
from ldt.models.networks.three_layer import ThreeLayerNetwork

__all__ = [
    "AttentionNetwork", "ConvolutionalNetwork", "FunctionNetwork", "Layer", "Network", "ParityNetwork", "ReadoutNetwork",
    "ThreeLayerNetwork", "TwoLayerNetwork",
]  # fmt: skip
