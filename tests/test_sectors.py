"""The sector search: what is left out of the sum is negligible, and counted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import ldt
from ldt.tails.bins import SECTOR_DROP, Bins
from ldt.tails.sectors import chernoff


def compositions(total: int, bins: int) -> list[tuple[int, ...]]:
    """Every way of putting at most ``total`` neurons into ``bins`` bins beyond the typical one."""
    out = []
    for places in itertools.combinations_with_replacement(range(bins + 1), total):
        out.append(tuple(places.count(b) for b in range(1, bins + 1)))
    return out


def test_search_finds_every_sector_that_matters() -> None:
    """With many bins a sector has a hundred neighbours: the search must not stop at a number tried.  All C(15, 6) are tried here."""
    model = ldt.AlignmentSum(6, 10**4)
    level = 30.0 * math.sqrt(model.variance)
    whole, rough = chernoff(model, level)
    scale = model.neuron.scale
    bins = Bins(model, rough, tuple(scale * z for z in (2.75, 3.75, 4.75, 6.25, 8.25, 10.75, 14.25, 18.75, 90.0)))
    guess = (0, 0, 1, 0, 0, 0, 0, 0, 0)
    tried, kept, left_out = bins.relevant(level, whole.s, guess)
    bounds = {n: bins.solve(level, whole.s, n).log_bound(level) for n in compositions(6, 9) if bins.allowed(n)}
    best = max(bounds.values())
    missing = [v - best for n, v in bounds.items() if n not in set(map(tuple, tried.special[:kept].tolist()))]
    assert kept > 100
    assert np.logaddexp.reduce(missing) < -SECTOR_DROP + math.log(len(missing))
    assert np.logaddexp.reduce(missing) <= left_out + math.log(len(missing))


def test_hundreds_of_thousands_of_specialised_neurons() -> None:
    """Of 1e12 neurons 4e5 specialise: no search from 0 finds them, and one contour serves.  The Chernoff bound is close from above."""
    model = ldt.AlignmentSum(10**12, 300)
    bound = -ldt.rate(model, 5.0).convex
    for method in ("exact", "saddlepoint"):
        found = ldt.tail(model, 5.0, method=method)
        assert bound - 25.0 < found.logp < bound and found.error < 1e-4, method


def test_near_the_end_of_the_tilts_is_refused_in_words() -> None:
    """relu with He_4: one neuron carries the event where no tilt holds it (README, Limits)."""
    model = ldt.AlignmentSum(50, 3000, activation="relu", target=4, c="orthonormal")
    for method in ("exact", "saddlepoint", "importance"):
        with pytest.raises(ldt.ConvergenceError, match="montecarlo"):
            ldt.tail(model, 1.0, method=method)
