"""ldt: the methods that apply, with their defaults."""

from __future__ import annotations

from events import Answer, Event

import ldt


def _asked(event: Event, method: str, **options: object) -> Answer:
    result = ldt.tail(event.model(), event.level, method=method, **options)
    return result.logp, result.error, result.cost.samples or result.cost.nodes


def exact(event: Event, seed: int) -> Answer:
    return _asked(event, "exact")


def saddlepoint(event: Event, seed: int) -> Answer:
    return _asked(event, "saddlepoint")


def importance(event: Event, seed: int) -> Answer:
    return _asked(event, "importance", target_error=0.01, rng=seed)


def conditional(event: Event, seed: int) -> Answer:
    return _asked(event, "conditional", rng=seed)


def certified(event: Event, seed: int) -> Answer:
    """A proved ball of 30 digits after the point, told to 40 digits, with an error that counts those left out."""
    from flint import arb, ctx

    found = ldt.tail(event.model(), event.level, method="certified", digits=30)
    ctx.prec = 300  # for reading all digits
    ball = arb(arb(found.detail.ball).str(40))
    return ball.mid().str(40, radius=False), float(ball.rad()), found.cost.nodes


def splitting(event: Event, seed: int, particles: int | None = None) -> Answer:
    """As blind as the others: a function of standard normals, nothing said of neurons."""
    network = ldt.FunctionNetwork(event.scores, event.dimension)
    result = ldt.tail(network, event.level, method="splitting", rng=seed, particles=particles)
    return result.logp, result.error, result.cost.samples


def splitting_small(event: Event, seed: int) -> Answer:
    return splitting(event, seed, 200)


def network_splitting(event: Event, seed: int) -> Answer:
    """The network as ldt knows it: which parameters are one neuron's."""
    result = ldt.tail(ldt.TwoLayerNetwork(*event.sizes), event.level, method="splitting", rng=seed)
    return result.logp, result.error, result.cost.samples
