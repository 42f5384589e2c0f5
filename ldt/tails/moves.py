r"""Moves of chains in a network's parameters that leave prior(z) exp(U(q(z))) invariant, U = log P(A >= level | q) or any other potential.

* preconditioned Crank-Nicolson (Neal 1999; Cotter et al. 2013): z' = sqrt(1 - b^2) z + b xi, accepted with min(1, e^(U' - U)); of the whole
  vector and of one unit (a neuron, a filter, a head) of every chain.  Step sizes b vary from chain to chain about a centre that follows
  the acceptance.
* moves of specialised units (S of N, as the population's fitted law p_s says, ldt.tails.mixture), in pairs of opposites:
    refresh        one of the S is drawn anew from p_s
    birth, death   an ordinary unit is drawn from p_t and becomes specialised; a specialised one is drawn from the prior and ceases to be
    split, merge   a specialised and an ordinary unit are both drawn from p_t and share the load; two specialised ones become one, drawn
                   from p_s, and an ordinary one, drawn from the prior
  where p_t is the specialised units' law at this or an earlier, lower level, in which each carries less.  Metropolis and Hastings, with the
  choice of the units counted and draws of the wrong sort refused, and r = p/prior:
    refresh e^(U' - U) r_s(z)/r_s(z'),   birth e^(U' - U) (N - S)/(S + 1) /r_t(z'),   split e^(U' - U) (N - S)/(S + 1)
    r_s(z_i)/(r_t(z_i') r_t(z_j')),
  death and merge the inverses.  So the number of specialised units changes in one step, over any barrier.

One sweep visits every unit.  A black box - a plain score of parameters without units - is moved as a whole only: laws of whole vectors
cost it more evaluations than they save.  Networks whose units have a closed form are moved chain by chain in compiled loops
(ldt.tails.chains); for all others every move is vectorised over the chains, as their score is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.models.networks.base import Layer, Network, State
from ldt.tails.chains import Laws, crank_nicolson, specialised_moves, stacked
from ldt.tails.mixture import MAX_ROWS, Mixture, fit

Array = NDArray[np.float64]

TARGET = 0.4  # acceptance of pCN moves
FIRST = 0.5  # step before anything is known
MOST_LAWS = 16  # of specialised units that moves at one level draw from
PAIRS = ("refresh", "birth", "split")
SINGLE = 2  # moves of either kind in a sweep where all parameters are one unit
SPREAD = 0.2  # of log b over the chains; at 0.7 the chains that crawl cost half of the information


@dataclass
class Tally:
    """Proposed and accepted moves of one kind."""

    proposed: int = 0
    accepted: int = 0


@dataclass
class Mover:
    """Step sizes and laws of specialised units of the layers of one network, learned as the population moves."""

    network: Network
    steps: dict[str, float] = field(default_factory=dict)
    #: By layer: those that moves draw from, the last of this level; [] for none.
    laws: dict[str, list[Mixture]] = field(default_factory=dict)
    tally: dict[str, Tally] = field(default_factory=dict)
    adapting: bool = True
    _past: dict[str, list[Mixture | None]] = field(default_factory=dict)
    _stack: Laws | None = None

    def frozen(self) -> Mover:
        """A mover that knows what this one does now, and learns no more."""
        return Mover(self.network, dict(self.steps), dict(self.laws), adapting=False)

    def learn(self, x: Array) -> None:
        """Fits the laws of specialised units to chains at x; called at every new level."""
        if black_box(self.network):
            return
        self._stack = None
        for layer in self.network.layers:
            past = self._past.setdefault(layer.name, [])
            thin = -(-len(x) * layer.count // MAX_ROWS)  # chains, not units: kin have their specialised units at the same places
            past.append(fit(layer.units(x[::thin]).reshape(-1, layer.size), past[-1] if past else None))
            found = [m for m in past[len(past) // 2 :] if m is not None]
            self.laws[layer.name] = [] if past[-1] is None else _thinned(found)

    def sweep(self, state: State, level: float, random: np.random.Generator) -> None:
        """A whole-vector move; then for every layer, each unit once, and as many moves of specialised units as it has units, 6 to 18.

        Where all parameters are one unit: two whole-vector moves and two of the unit as a specialised one; of a black box one of the whole.
        """
        if getattr(self.network, "closed_form", None) is not None:
            self._compiled_sweep(state, level, random)
            return
        rows = np.arange(len(state.q))
        u = self.network.log_given(level, state.q)
        self._whole(state, level, u, random)
        if black_box(self.network):
            return
        for layer in self.network.layers:
            for j in range(layer.count):
                if layer.size < state.x.shape[1]:
                    self._step(state, level, u, layer, rows, np.full((len(rows), 1), j), random)
            if layer.size == state.x.shape[1]:
                for _ in range(1, SINGLE):
                    self._whole(state, level, u, random)
            self._specialised_moves(state, level, u, layer, random)

    def _compiled_sweep(self, state: Any, level: float, random: np.random.Generator) -> None:
        (layer,) = self.network.layers
        n, form = len(state.q), self.network.closed_form  # type: ignore[attr-defined]
        steps = np.array([self.steps.setdefault("whole", FIRST), self.steps.setdefault(layer.name, FIRST)])
        wholes = 1 if layer.count > 1 else SINGLE
        accepted = crank_nicolson(state.x, state.q, state.share, level, form, wholes, steps, SPREAD, random)
        self._count("whole", n * wholes, int(accepted[0]), wholes)
        if layer.count > 1:
            self._count(layer.name, n * layer.count, int(accepted[1]), layer.count)
        if not self.laws.get(layer.name):
            return
        if self._stack is None:
            self._stack = stacked(self.laws[layer.name])
        moves = specialised_moves(state.x, state.q, state.share, level, form, self._stack, _turns(layer), random)
        for name, (proposed, taken) in zip(("refresh", "birth", "death", "split", "merge"), moves.tolist(), strict=True):
            self._count(f"{layer.name}, {name}", proposed, taken)

    def _whole(self, state: State, level: float, u: Array, random: np.random.Generator) -> None:
        b = self._sizes("whole", len(u), random)
        x = np.sqrt(1.0 - b * b) * state.x + b * random.standard_normal(state.x.shape)
        q = self.network.summary(x)
        new = self.network.log_given(level, q)
        taken = _accept(new - u, random)
        state.replace(x, taken, q)
        u[taken] = new[taken]
        self._tell("whole", taken)

    def _step(self, state: State, level: float, u: Array, layer: Layer, rows: Any, j: Any, random: np.random.Generator) -> None:
        b = self._sizes(layer.name, len(u), random)[:, :, None]
        block = np.sqrt(1.0 - b * b) * state.block(layer, rows, j) + b * random.standard_normal((len(u), 1, layer.size))
        new = self.network.log_given(level, state.unit(layer, rows, j, block))
        taken = _accept(new - u, random)
        state.accept(layer, rows, j, block, taken)
        u[taken] = new[taken]
        self._tell(layer.name, taken)

    def _specialised_moves(self, state: State, level: float, u: Array, layer: Layer, random: np.random.Generator) -> None:
        laws = self.laws.get(layer.name)
        if not laws:
            return
        here = laws[-1]
        units = np.ascontiguousarray(layer.units(state.x)).reshape(-1, layer.size)
        special = here.specialised(units).reshape(len(u), layer.count)
        for turn in range(_turns(layer)):
            there = laws[int(random.integers(len(laws)))]
            pair = PAIRS[turn % (len(PAIRS) if layer.count > 1 else 2)]
            # +1: birth, split or refresh; -1: their opposites, for half of the chains.
            up = np.ones(len(u), dtype=bool) if pair == "refresh" else random.random(len(u)) < 0.5
            self._pair(state, level, u, layer, special, pair, up, here, there, random)

    def _pair(
        self, state: State, level: float, u: Array, layer: Layer, special: Any, pair: str, up: Any, here: Mixture, there: Mixture,
        random: np.random.Generator,
    ) -> None:  # fmt: skip
        # Which units: the first specialised except in a birth; the second, of split and merge, of the other sort or again specialised.
        first = np.where((up & (pair == "birth"))[:, None], ~special, special)
        chosen, ways = _choose(first, random)
        rows = np.flatnonzero(ways > 0)
        picked = [chosen]
        if pair == "split":
            second = np.where(up[:, None], ~special, special)
            second[np.arange(len(u)), chosen] = False
            other, more = _choose(second, random)
            rows = np.flatnonzero((ways > 0) & (more > 0))
            picked.append(other)
        if not len(rows):
            return
        j, rise = np.stack(picked, axis=1)[rows], up[rows]
        n = special.sum(axis=1)[rows]
        old = state.block(layer, rows, j)
        block, wanted = np.empty_like(old), np.empty(j.shape, dtype=bool)
        last = j.shape[1] - 1
        law = here if pair == "refresh" else there
        for i in range(j.shape[1]):
            block[:, i] = law.draw_specialised(len(rows), random)
            wanted[:, i] = True
        if pair != "refresh":
            down = ~rise
            block[down, last] = random.standard_normal((int(down.sum()), layer.size))
            wanted[down, last] = False
            if pair == "split":
                block[down, 0] = here.draw_specialised(int(down.sum()), random)
        # What log P(A >= level | q) must exceed after the move; where it cannot, or a unit is of the wrong sort, the network is not asked.
        least = u[rows]
        if pair == "refresh":
            least += here.log_component(block[:, 0]) - here.log_component(old[:, 0])
        else:
            low, high = np.where(rise[:, None, None], old, block), np.where(rise[:, None, None], block, old)
            fewer = n - (~rise)
            climb = np.log((layer.count - fewer) / (fewer + 1.0))
            climb -= sum(there.log_component(high[:, i]) for i in range(last + 1))
            if pair == "split":
                climb += here.log_component(low[:, 0])
            least -= np.where(rise, climb, -climb)
        least += np.log1p(-random.random(len(rows)))
        now = here.specialised(block.reshape(-1, layer.size)).reshape(j.shape)
        most = float(self.network.log_given(level, np.array([np.inf]))[0])
        asked = np.flatnonzero(np.all(now == wanted, axis=1) & (least < most))
        taken = np.zeros(len(rows), dtype=bool)
        if len(asked):
            rows_asked, j_asked, block_asked = rows[asked], j[asked], block[asked]
            new = self.network.log_given(level, state.unit(layer, rows_asked, j_asked, block_asked))
            yes = new > least[asked]
            state.accept(layer, rows_asked, j_asked, block_asked, yes)
            taken[asked] = yes
            u[rows[taken]] = new[yes]
            special[rows[taken, None], j[taken]] = now[taken]
        names = {"refresh": ("refresh", ""), "birth": ("birth", "death"), "split": ("split", "merge")}[pair]
        self._tell(f"{layer.name}, {names[0]}", taken[rise])
        if names[1]:
            self._tell(f"{layer.name}, {names[1]}", taken[~rise])

    def _sizes(self, name: str, n: int, random: np.random.Generator) -> Array:
        centre = self.steps.setdefault(name, FIRST)
        return np.asarray(np.minimum(centre * np.exp(SPREAD * random.standard_normal((n, 1))), 1.0))

    def _tell(self, name: str, taken: Any) -> None:
        self._count(name, len(taken), int(np.count_nonzero(taken)))

    def _count(self, name: str, proposed: int, accepted: int, moves: int = 1) -> None:
        """Books the outcome of ``moves`` moves of every chain and lets the step follow."""
        tally = self.tally.setdefault(name, Tally())
        tally.proposed += proposed
        tally.accepted += accepted
        if self.adapting and name in self.steps:  # so slowly that it is all but fixed within a sweep
            step = self.steps[name] * np.exp(min(0.2 * moves, 1.0) * (accepted / proposed - TARGET))
            self.steps[name] = float(min(max(step, 1e-4), 1.0))


def black_box(network: Network) -> bool:
    """Whether a network is a plain score of parameters without units."""
    return not hasattr(network, "readouts") and all(layer.size == network.hidden for layer in network.layers)


def _turns(layer: Layer) -> int:
    """Moves of specialised units in one sweep."""
    return min(max(layer.count, 6), 18) if layer.count > 1 else SINGLE


def _accept(log_ratio: Array, random: np.random.Generator) -> Any:
    return np.log1p(-random.random(len(log_ratio))) < log_ratio


def _choose(pool: Any, random: np.random.Generator) -> tuple[Any, Any]:
    """For every row of a mask one of its entries at random, and how many there are."""
    size = pool.sum(axis=1)
    rank = np.minimum((random.random(len(pool)) * size).astype(int), size - 1)
    return np.argmax(np.cumsum(pool, axis=1) > rank[:, None], axis=1), size


def _thinned(laws: list[Mixture]) -> list[Mixture]:
    """At most MOST_LAWS of them, the last included."""
    return laws[:: -max(1, -(-len(laws) // MOST_LAWS))][::-1]
