r"""Have the chains converged?  Rank-normalised split R-hat and bulk effective sample size (Vehtari et al., Bayesian Analysis 16 (2021)
667), by arviz-stats, for every data set, of the energy, the alignment and the number of specialised neurons.

The chains of a data set start far apart (from the prior, and with more specialised neurons than theory allows), so an R-hat near 1 says
that the number of specialised neurons is that of the posterior and not of the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.experiments.activations import Array
from ldt.results import _Record

RHAT_LIMIT, ESS_LIMIT = 1.05, 50.0
WATCHED = ("energy", "alignment", "specialised")


@dataclass(frozen=True)
class Diagnosis(_Record):
    """``rhat`` and ``ess``: the worst R-hat, and the least effective sample size, over data sets, by name; ``doubtful`` data sets exceed
    ``RHAT_LIMIT`` somewhere; ``total_ess`` of the alignment over all of them."""

    rhat: dict[str, float]
    ess: dict[str, float]
    doubtful: tuple[int, ...]
    total_ess: float
    status: str
    advice: str


def rhat_and_ess(draws: Array) -> tuple[float, float]:
    """(R-hat, bulk ESS) of draws (chains, n).  A quantity that never moved has R-hat 1 if all chains agree and infinity if not; a single
    chain is compared with itself, half with half.

    >>> x = np.random.default_rng(0).standard_normal((4, 500))
    >>> rhat, ess = rhat_and_ess(x)
    >>> bool(rhat < 1.01 and ess > 1000)
    True
    >>> rhat_and_ess(np.array([[1.0] * 50, [2.0] * 50]))
    (inf, 0.0)
    """
    from arviz_stats.base import array

    array_stats: Any = array.array_stats

    if np.all(draws == draws[:, :1]):
        return (1.0, float(draws.size)) if np.all(draws == draws[0, 0]) else (np.inf, 0.0)
    if len(draws) == 1:
        half = draws.shape[1] // 2
        draws = draws[:, : 2 * half].reshape(2, half)
    with np.errstate(invalid="ignore", divide="ignore"):
        rhat = float(array_stats.rhat(draws, chain_axis=0, draw_axis=1))
        ess = float(array_stats.ess(draws, chain_axis=0, draw_axis=1))
    return (rhat if np.isfinite(rhat) else np.inf, ess if np.isfinite(ess) else 0.0)


def diagnose(traces: dict[str, Array], chains: int) -> Diagnosis:
    """The verdict on traces {name: (networks, sweeps)}, ``chains`` consecutive networks a data set."""
    found = {name: np.array([rhat_and_ess(t) for t in x.reshape(-1, chains, x.shape[-1])]) for name, x in traces.items()}
    worst = {name: float(x[:, 0].max()) for name, x in found.items()}
    least = {name: float(x[:, 1].min()) for name, x in found.items()}
    rhats = np.max([x[:, 0] for x in found.values()], axis=0)
    doubtful = tuple(int(i) for i in np.flatnonzero(rhats > RHAT_LIMIT))
    count = len(rhats)
    words = []
    if doubtful:
        name = max(worst, key=lambda key: worst[key])
        words.append(
            f"not converged on {len(doubtful)} of {count} data sets (R-hat of the {name} up to {worst[name]:.3g}, limit {RHAT_LIMIT}): its"
            " chains, from the prior and from specialised neurons, still differ; ask for more sweeps and warmup"
        )
    thin = [name for name, value in least.items() if value < ESS_LIMIT]
    if thin and not doubtful:
        words.append(f"effective sample size of the {thin[0]} down to {least[thin[0]]:.3g} (limit {ESS_LIMIT:g}): ask for more sweeps")
    total = float(found["alignment"][:, 1].sum()) if "alignment" in found else 0.0
    return Diagnosis(worst, least, doubtful, total, "warning" if words else "ok", "; ".join(words))


__all__ = ["Diagnosis", "diagnose", "rhat_and_ess"]
