r"""Ball arithmetic (python-flint, the optional extra ``ldt[certified]``): every number is a midpoint and a radius that holds the truth.

One lemma serves every trapezoidal sum (derived in docs/certified.md): let f be analytic for -b < Im x < a, continuous up to the edges
and decaying there.  Then

    |h sum_j f(jh) - int f dx| <= A/(exp(2 pi a/h) - 1) + B/(exp(2 pi b/h) - 1),   A = int |f(x + ia)| dx,   B = int |f(x - ib)| dx.

The working precision of python-flint is one global number, so a lock is held while it is changed: callers in other threads wait.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ldt.errors import MethodError

LOG2_10 = math.log2(10.0)
_LOCK = threading.RLock()


def flint() -> Any:
    """The module; MethodError saying how to install it."""
    try:
        import flint as module
    except ImportError:
        raise MethodError("method: 'certified' needs python-flint: pip install 'ldt[certified]'") from None
    return module


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Work with ``bits`` bits, alone."""
    ctx = flint().ctx
    with _LOCK:
        saved = ctx.prec
        ctx.prec = bits
        try:
            yield
        finally:
            ctx.prec = saved


def aliasing(distance: Any, step: Any) -> Any:
    """1/(exp(2 pi distance/step) - 1): the lemma's factor."""
    return 1 / (2 * flint().arb.pi() * distance / step).expm1()


def within(radius: Any) -> Any:
    """The ball [-radius, radius], ``radius`` itself a ball."""
    return flint().arb(0, radius.abs_upper())


def disc(radius: Any) -> Any:
    """The complex ball of this radius about 0 (the square that holds it)."""
    return flint().acb(within(radius), within(radius))


@dataclass(frozen=True)
class Enclosure:
    """What a certified answer holds: log P (or log p) lies within ``ball``, in nats.

    ``ball`` prints as '[midpoint +/- radius]' and is read back exactly by ``flint.arb``; ``digits``: certified digits after the point;
    ``bits``: working precision; ``nodes``: of the outer sum, ``inner``: of the sum over one neuron (0 where there is none);
    ``cut``, ``discretised``, ``rounding``: log10 of the three parts of the error of P (or p) relative to it.
    """

    ball: str
    digits: int
    bits: int
    nodes: int
    inner: int
    cut: float
    discretised: float
    rounding: float

    def complement(self) -> dict[str, Any]:
        """TailResult fields of the complementary event: log(1 - P), a ball again."""
        from dataclasses import replace

        arb = flint().arb
        with precision(int(LOG2_10 * self.digits) + 128):
            log = arb(self.ball)
            other = (-log.exp()).log1p()
            digits = digits_of(other)
            logp, error = as_floats(other)
            return {"logp": logp, "error": error, "detail": replace(self, ball=other.str(max(digits, 1) + 20), digits=digits)}


def digits_of(ball: Any) -> int:
    """Digits after the point that the ball settles (may be negative)."""
    radius = float(ball.rad())
    return math.floor(-math.log10(radius)) if 0.0 < radius < math.inf else (400 if radius == 0.0 else -400)


def as_floats(ball: Any) -> tuple[float, float]:
    """(value, error): the ball lies within ``error`` of the float ``value``, rounding included."""
    value = float(ball.mid())
    error = float(abs(ball - flint().arb(value)).abs_upper())
    return value, math.nextafter(error * (1.0 + 2.0**-50), math.inf)


def parts(total: Any, *errors: Any) -> tuple[float, ...]:
    """log10 of each error over the total, for reading (-400 for none)."""
    size = float(abs(total.mid()).log()) if total.mid() != 0 else -math.inf
    logs = []
    for error in errors:
        upper = error.abs_upper()
        logs.append(round((float(upper.log()) - size) / math.log(10.0), 1) if upper > 0 else -400.0)
    return tuple(logs)
