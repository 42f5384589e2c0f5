r"""Patterns read off sampled networks: for each layer, how many units are specialised, what has inflated, and which pattern that is.

Four readings, on weights in prior standard deviations:

* second well: the density of |overlap with the target's direction| falls, has a dip, and rises again (theory section 3): its units are
  beyond the dip.  A stretched Gaussian has none, however far it is stretched.
* outliers: a unit's overlap with the target's direction is beyond 3 of them, which is the paper's overlap > 3/sqrt d at sigma_w = 1 (Rubin,
  Davidovich, Ringel, arXiv 2512.04165).  A lazy layer of N units has 0.0027 N of them by chance.
* sector cut: the unit's g^2 is beyond the cut between ordinary and specialised neurons at the asked level, where the network is a sum
  over units with a known law.  At a level with one well there is no cut.
* variance inflation D, of the target's direction over units that are no outliers; for a layer without such a direction, of its leading
  direction: the mean largest eigenvalue of a network's sum over units of v v', over that of prior draws.

A layer is *specialised* if it has a second well, else *GFL* if D >= 1.5, else *GP* (lazy).
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
INFLATED = 1.5
CELL = 0.5  # of the histogram of |overlap|, which has at most MOST_CELLS
MOST_CELLS = 400
RISE = 5.0  # standard errors by which the density must rise after a dip


@dataclass(frozen=True)
class LayerReading:
    """One layer: ``units``; ``second_well``, ``outliers`` and ``beyond_cut``, mean numbers of specialised units by each rule (None where it
    does not apply, or there is no second well), with ``outlier_law``, the share of networks with 0, 1, 2, ... outliers; ``inflation`` D
    along the target (or the leading direction), ``perpendicular``: the variance of outliers in the other directions; the ``pattern``.
    """

    layer: str
    units: int
    second_well: float | None
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
        return LayerReading(layer.name, layer.count, None, None, (), None, inflation, None, "GFL" if inflation >= INFLATED else "GP")
    overlap = units @ np.asarray(layer.direction)
    out = np.abs(overlap) > OUTLIER
    counts = out.sum(axis=1)
    law = np.bincount(counts) / len(x)
    # Normals cut at 3 have variance 0.9733.
    inflation = float(np.mean(overlap[~out] ** 2)) / 0.97334 if not np.all(out) else float("nan")
    size = np.sum(units**2, axis=2) - overlap**2
    perpendicular = float(np.mean(size[out])) / (layer.size - 1) if np.any(out) and layer.size > 1 else None
    well = second_well(overlap)
    pattern = "specialised" if well is not None else "GFL" if inflation >= INFLATED else "GP"
    return LayerReading(
        layer.name, layer.count, well, float(np.mean(counts)), tuple(float(p) for p in law), _beyond_cut(network, units, level),
        inflation, perpendicular, pattern,
    )  # fmt: skip


def second_well(overlap: Array) -> float | None:
    """Mean number of units, of ``overlap`` (networks, units), beyond the dip of the density of |overlap|; None where it only falls.

    A rise counts if it is ``RISE`` standard errors high, over networks, from the lowest cell of a histogram to a later one.

    >>> z = np.random.default_rng(1).standard_normal((500, 20))
    >>> second_well(2.0 * z) is None
    True
    >>> z[:, 0] += 6.0
    >>> round(second_well(z), 1)
    1.0
    """
    size = np.abs(overlap)
    cell = max(CELL, float(size.max()) / MOST_CELLS)
    place = np.minimum(size / cell, MOST_CELLS).astype(int)
    counts = np.zeros((len(size), int(place.max()) + 1))
    np.add.at(counts, (np.arange(len(size))[:, None], place), 1.0)
    mean = counts.mean(axis=0)
    best, dip = 0.0, 0
    for j in range(1, len(mean)):
        i = int(np.argmin(mean[:j]))
        rise = counts[:, j] - counts[:, i]
        error = float(rise.std()) / np.sqrt(len(rise))
        if mean[j] > mean[i] and mean[j] - mean[i] > best * error:
            best, dip = (mean[j] - mean[i]) / max(error, 1e-300), i
    return float(np.mean(np.sum(size > (dip + 0.5) * cell, axis=1))) if best > RISE else None


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


__all__ = ["LayerReading", "read_patterns", "second_well"]
