r"""Patterns read off sampled networks: for each layer, how many units are specialised, what has inflated, and which pattern that is.

Three readings, on weights in prior standard deviations:

* outliers: a unit's overlap with the target's direction is beyond 3 of them, which is the paper's overlap > 3/sqrt d at sigma_w = 1 (Rubin,
  Davidovich, Ringel, arXiv 2512.04165).  A lazy layer of N units has 0.0027 N of them by chance.
* sector cut: the unit's g^2 is beyond the cut between ordinary and specialised neurons (theory section 3) at the asked level,
where the network
  is a sum over units with a known law.  At a level with one well there is no cut.
* variance inflation D, of the target's direction over units that are no outliers; for a layer without such a direction, of its leading
  direction: the mean largest eigenvalue of a network's sum over units of v v', over that of prior draws.

A layer is *specialised* if it has at least half an outlier more than by chance, else *GFL* if D >= 1.5, else *GP* (lazy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, ModelError, NoTiltError
from ldt.models.networks.additive import AdditiveNetwork
from ldt.models.networks.base import Layer, Network

Array = NDArray[np.float64]

OUTLIER = 3.0
BY_CHANCE = 0.0026997960632601866  # P(|z| > 3)
INFLATED = 1.5


@dataclass(frozen=True)
class LayerReading:
    """One layer: ``units``; ``outliers`` and ``beyond_cut``, mean numbers of specialised units by either rule (None where it does
    not apply), with ``outlier_law``, the share of networks with 0, 1, 2, ... outliers; ``inflation`` D along the target (or the
    leading direction),
    ``perpendicular``: the variance of outliers in the other directions; the ``pattern``."""

    layer: str
    units: int
    outliers: float | None
    outlier_law: tuple[float, ...]
    beyond_cut: float | None
    inflation: float
    perpendicular: float | None
    pattern: str


def read_patterns(network: Network, weights: Any, level: float | None = None) -> tuple[LayerReading, ...]:
    """The pattern of every layer in ``weights``, shape (n, dimension), as ``detail.weights`` of a result gives them.

    Raises
    ------
    ModelError
        ``network`` is none, or the weights are not (n, dimension) finite numbers.

    Examples
    --------
    >>> from ldt.models.networks import TwoLayerNetwork
    >>> prior = np.random.default_rng(1).standard_normal((200, 420))
    >>> read_patterns(TwoLayerNetwork(20, 20), prior)[0].pattern
    'GP'
    """
    if not isinstance(network, Network):
        raise ModelError(f"network: must be a network, got {type(network).__name__}")
    z = np.asarray(weights, dtype=float)
    if z.ndim != 2 or not len(z) or z.shape[1] != network.dimension or not np.all(np.isfinite(z)):
        raise ModelError(f"weights: must be finite, of shape (n, {network.dimension}), got shape {z.shape}")
    x = np.ascontiguousarray(z[:, : network.hidden])
    return tuple(_read(network, layer, x, level) for layer in network.layers)


def _read(network: Network, layer: Layer, x: Array, level: float | None) -> LayerReading:
    units = layer.units(x)
    if layer.direction is None:
        inflation = _leading(units) / _leading(np.random.default_rng(0).standard_normal((max(len(x), 500), layer.count, layer.size)))
        return LayerReading(layer.name, layer.count, None, (), None, inflation, None, "GFL" if inflation >= INFLATED else "GP")
    overlap = units @ np.asarray(layer.direction)
    out = np.abs(overlap) > OUTLIER
    counts = out.sum(axis=1)
    law = np.bincount(counts) / len(x)
    # Normals cut at 3 have variance 0.9733.
    inflation = float(np.mean(overlap[~out] ** 2)) / 0.97334 if not np.all(out) else float("nan")
    size = np.sum(units**2, axis=2) - overlap**2
    perpendicular = float(np.mean(size[out])) / (layer.size - 1) if np.any(out) and layer.size > 1 else None
    pattern = "specialised" if np.mean(counts) - BY_CHANCE * layer.count >= 0.5 else "GFL" if inflation >= INFLATED else "GP"
    return LayerReading(
        layer.name, layer.count, float(np.mean(counts)), tuple(float(p) for p in law), _beyond_cut(network, units, level), inflation,
        perpendicular, pattern,
    )  # fmt: skip


def _beyond_cut(network: Network, units: Array, level: float | None) -> float | None:
    from ldt.tails.sectors import sector_law

    known = getattr(network, "sum", None)
    if level is None or known is None or not isinstance(network, AdditiveNetwork):
        return None
    try:
        law = sector_law(known, abs(float(level)))
    except (ConvergenceError, NoTiltError):
        return None
    if not law.bins.cuts:
        return None
    nodes = law.bins.nodes
    edge = 2.0 * known.variance_scale * float(nodes.gg[min(int(np.searchsorted(nodes.x, law.bins.cuts[0])), len(nodes.gg) - 1)])
    n, count, size = units.shape
    share = np.sum(network.unit_features(np.ascontiguousarray(units).reshape(-1, size)) ** 2, axis=1).reshape(n, count)
    return float(np.mean(np.count_nonzero(share > edge, axis=1)))


def _leading(units: Array) -> float:
    """The mean over networks of the largest eigenvalue of sum over units of v v'."""
    return float(np.mean(np.linalg.norm(units, 2, axis=(1, 2)) ** 2))


__all__ = ["LayerReading", "read_patterns"]
