"""A fuzz campaign: every answer is right to its reported error, or refused with a reason; every bad file is a ModelError that says where.

    python benchmarks/fuzz.py OUTPUT [--blocks N] [--first K] [--part models|sums|weighted|cubes|files] [--certify 0.05]
                                  [--cases 200]

hypothesis draws the cases, ``--cases`` a block; block k is drawn from seed k, so that a campaign is cut, resumed (blocks that OUTPUT counts
are passed over) and repeated at will.  OUTPUT gets one JSON line a block, {"part", "block", "cases", "answered", "refused", "certified",
"uncertified", "agreed", "findings": [...]}; ``python benchmarks/fuzz.py OUTPUT --count`` adds them up.

Oracles.  models (AlignmentSum, any activation, width, dimension, level): ``exact`` against ``certified`` on a share of the cases, against
the saddle point with its own error on all, and P(A >= x) against its neighbour's.  cubes: against ``certified`` on a share.  sums: both
sides against closed forms in ball arithmetic (incomplete gamma and beta functions, erfc) where the law of the sum is known and n <= 1e4,
against each other and against the saddle point on all.  weighted: sums of exponentials with different weights of either sign against
their partial fractions in ball arithmetic.  files: mutations of good TOML models, sweeps, records, laws and weights.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import ldt
from ldt.errors import ConvergenceError, MethodError, ModelError, NoTiltError
from ldt.models.law_text import parse_law

REFUSALS = (ModelError, MethodError, NoTiltError, ConvergenceError)
BLOCK = 200
SECONDS = 120  # of CPU: a case that takes longer is a finding
PATIENCE = 20  # of CPU: ball arithmetic of models and cubes that takes longer is left, and counted as 'uncertified'
ROOT = Path(__file__).parents[1]


class TooSlowError(BaseException):
    """The alarm."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """TooSlowError after so many seconds of CPU; the clock of an alarm around it stands meanwhile."""

    def ring(*_: Any) -> None:
        raise TooSlowError

    old = signal.signal(signal.SIGPROF, ring)
    left, _ = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left)
        signal.signal(signal.SIGPROF, old)


def proved(count: Counter[str], ask: Callable[..., Any], model: Any, level: float, digits: int) -> Any:
    """The certified answer; None, counted, where it cannot be had or takes too long."""
    try:
        with alarm(PATIENCE):
            found = ask(model, level, method="certified", digits=digits)
    except (ConvergenceError, TooSlowError):
        count["uncertified"] += 1
        return None
    count["certified"] += 1
    return found


def disagreement(result: Any, balls: Any) -> str | None:
    """How an exact answer misses a certified one, if it does."""
    if abs(balls.logp - result.logp) > result.error + balls.error:
        return f"exact {result.logp!r} +- {result.error:.2g}, certified {balls.logp!r} +- {balls.error:.2g}"
    return None


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(low), math.log(high)).map(math.exp)


def whole(low: float, high: float) -> st.SearchStrategy[int]:
    return log_uniform(low, high).map(lambda x: max(1, round(x)))


def drawn(case: Any, share: float) -> bool:
    """Whether this case is one of the share that ball arithmetic checks: by a hash of its own."""
    return random.Random(repr(case)).random() < share


def outside(result: Any, probability: Any) -> str | None:
    """How a result misses log of a ball, beyond its error and the ball's radius; None where it does not."""
    log = probability.log()
    off = abs(log - type(log)(result.logp))
    if off > type(log)(result.error):  # certainly
        return f"{result.side}: {result.logp!r} +- {result.error:.2g}, ball arithmetic {log.str(20)}"
    return None


# -- models ------------------------------------------------------------------------------------------------------------------

TARGETS = st.sampled_from(
    [1, 3, 5, 7, {1: 1.0, 3: 0.1}, {1: 1.0, 3: -0.4}, {3: 1.0, 5: 0.2}, {0: 0.3, 2: 1.0}, {2: 1.0}, {1: 1.0, 2: 0.5}, 2]
)
CASES = st.fixed_dictionaries(
    {"width": whole(1, 1e10), "dim": whole(1, 3000), "target": TARGETS,
     "activation": st.sampled_from(["erf"] * 8 + ["linear", "relu", "tanh"]), "overlap": st.sampled_from(["concentrated"] * 3 + ["full"]),
     "c": st.sampled_from(["talk", "raw", "ratio", "orthonormal"]) | log_uniform(0.01, 100.0),
     "readout_variance": st.just(1.0) | log_uniform(0.01, 100.0), "weight_variance": st.just(1.0) | log_uniform(0.01, 30.0)}
)  # fmt: skip
LEVELS = log_uniform(1e-3, 30.0)


def models(count: Counter[str], case: tuple[dict[str, Any], float, bool, bool], share: float) -> str | None:
    """None, or what is wrong."""
    fields, spreads, absolute, density = case
    if fields["overlap"] == "full" and fields["activation"] in ("relu", "tanh"):
        fields = fields | {"overlap": "concentrated"}  # two-dimensional: minutes a case
    model = ldt.AlignmentSum(**fields)
    level = spreads if absolute else spreads * math.sqrt(model.variance)
    ask = ldt.logpdf if density else ldt.tail
    result = ask(model, level, method="exact")
    if not math.isfinite(result.logp):
        return f"logp {result.logp}"
    if drawn(case, share) and fields["activation"] in ("erf", "linear"):
        balls = proved(count, ask, model, level, 10)
        if balls is not None and (said := disagreement(result, balls)):
            return said
    rough = ask(model, level, method="saddlepoint")
    count["agreed"] += 1
    if abs(rough.logp - result.logp) > rough.error + result.error:
        return f"saddlepoint {rough.logp!r} +- {rough.error:.2g}, exact {result.logp!r} +- {result.error:.2g}"
    if not density:
        more = ldt.tail(model, level * 1.001, method="exact")
        if more.logp > result.logp + result.error + more.error:
            return f"P grows with the level: {result.logp!r}, {more.logp!r}"
    return None


# -- sums and cubes ------------------------------------------------------------------------------------------------------------

LAWS = st.one_of(
    st.builds("gamma({:.6g}, scale={:.6g})".format, log_uniform(0.1, 50.0), log_uniform(0.1, 10.0)),
    st.builds("chi2({:.6g})".format, log_uniform(0.5, 50.0)), st.just("laplace"), st.just("uniform"), st.just("expon"), st.just("logistic"),
    st.builds("invgauss({:.6g})".format, log_uniform(0.1, 5.0)), st.builds("poisson({:.6g})".format, log_uniform(0.05, 50.0)),
    st.builds("binom({}, {:.4g})".format, st.integers(1, 40), st.floats(0.02, 0.98)),
    st.builds("norm({:.5g}, {:.5g})".format, st.floats(-3, 3), log_uniform(0.1, 5.0)),
)  # fmt: skip


def closed_form(text: str, n: int, level: float) -> tuple[Any, Any] | None:
    """(P(S >= level), P(S <= level)) as balls, where the sum's law is a known one and not too large for its series."""
    import flint
    from flint import arb

    name, _, rest = text.partition("(")
    numbers = [float(part.split("=")[-1]) for part in rest.rstrip(")").split(",") if part]
    near = text.startswith(("poisson", "binom")) and 0.0 < abs(level - round(level)) < 1e-9 * max(1.0, abs(level))
    if n > 10_000 or near:  # a few roundings off a lattice point counts as the point (docs/sums.md)
        return None
    x = arb(level)

    def pair() -> tuple[Any, Any] | None:
        if name in ("gamma", "chi2", "expon"):
            shape, scale = (numbers[0], numbers[1]) if name == "gamma" else (0.5 * numbers[0], 2.0) if name == "chi2" else (1.0, 1.0)
            if level <= 0.0:
                return None
            above = (x / scale).gamma_upper(n * arb(shape), 1)
            return above, 1 - above
        if name == "poisson":
            k, rate = math.ceil(level), n * arb(numbers[0])
            return (1 - rate.gamma_upper(arb(k), 1), rate.gamma_upper(arb(math.floor(level) + 1), 1)) if level > 0.0 else None
        if name == "binom":
            total, p = n * int(numbers[0]), arb(numbers[1])
            up, down = math.ceil(level), math.floor(level)
            if not 0 < up <= total or not 0 <= down < total:
                return None
            return p.beta_lower(arb(up), arb(total - up + 1), 1), (1 - p).beta_lower(arb(total - down), arb(down + 1), 1)
        if name == "norm":
            z = (x - n * arb(numbers[0])) / (arb(numbers[1]) * (2 * arb(n)).sqrt())
            return z.erfc() / 2, (-z).erfc() / 2
        if name == "invgauss" and level > 0.0:
            mean, shape = n * arb(numbers[0]), arb(n) ** 2
            root = (2 * x / shape).sqrt()
            one, two = (x / mean - 1) / root, (x / mean + 1) / root
            mirrored = (2 * shape / mean).exp() * two.erfc() / 2
            return one.erfc() / 2 - mirrored, (-one).erfc() / 2 + mirrored
        return None

    return sharp(flint, pair)


def sharp(flint: Any, pair: Callable[[], tuple[Any, Any] | None]) -> tuple[Any, Any] | None:
    """A pair of balls to 60 bits, at as much precision as it takes (or None)."""
    for flint.ctx.prec in (200, 1000, 4000):
        found = pair()
        if found is None or all(p > 0 and p.rel_accuracy_bits() > 60 for p in found):
            flint.ctx.prec = 53
            return found
    flint.ctx.prec = 53
    return None


def weighted(count: Counter[str], case: tuple[list[float], float], share: float) -> str | None:
    """sum_j w_j E_j: P(S > x) = sum_(w_j > 0) exp(-x/w_j) prod_(i != j) w_j/(w_j - w_i), x >= 0."""
    import flint
    from flint import arb

    weights, spreads = case
    total = ldt.WeightedSum.chi2([0.5 * w for w in weights], 2.0)
    level = float(total.mean() + spreads * math.sqrt(total.var()))
    up, down = ldt.tail(total, level), ldt.tail(total, level, side="lower")

    def beyond(signs: float) -> Any:
        x, w = arb(level) * signs, [arb(v) * signs for v in weights]
        value = arb(0)
        for j, mine in enumerate(w):
            if mine > 0:
                value += math.prod((mine / (mine - v) for i, v in enumerate(w) if i != j), start=(-x / mine).exp())
        return value

    def pair() -> tuple[Any, Any]:
        return (beyond(1.0), 1 - beyond(1.0)) if level >= 0.0 else (1 - beyond(-1.0), beyond(-1.0))

    balls = sharp(flint, pair)
    if balls is None:
        empty = min(up.logp, down.logp) == -math.inf and max(up.logp, down.logp) == 0.0
        return None if empty else "the partial fractions lost all digits"
    count["certified"] += 1
    return outside(up, balls[0]) or outside(down, balls[1])


def sums(count: Counter[str], case: tuple[str, int, float], share: float) -> str | None:
    """One law, n times, at so many standard deviations."""
    text, n, spreads = case
    total = ldt.IidSum(parse_law(text), n)
    level = float(total.mean() + spreads * math.sqrt(total.var()))
    up, down = ldt.tail(total, level), ldt.tail(total, level, side="lower")
    if min(up.logp, down.logp) == -math.inf:
        return None if max(up.logp, down.logp) == 0.0 else f"one side 0, the other {max(up.logp, down.logp)!r}"
    both = math.exp(up.logp) + math.exp(down.logp)
    error = up.error * math.exp(up.logp) + down.error * math.exp(down.logp) + 1e-14
    if balls := closed_form(text, n, level):
        count["certified"] += 1
        for result, ball in zip((up, down), balls, strict=True):
            if said := outside(result, ball):
                return said
    lattice = text.startswith(("poisson", "binom"))
    if both < 1.0 - error or (not lattice and both > 1.0 + error):
        return f"the sides add up to {both!r} (error {error:.2g})"
    try:
        rough = ldt.tail(total, level, method="saddlepoint")
    except REFUSALS:
        return None
    count["agreed"] += 1
    if abs(rough.logp - up.logp) > rough.error + up.error:
        return f"saddlepoint {rough.logp!r} +- {rough.error:.2g}, exact {up.logp!r} +- {up.error:.2g}"
    return None


def cubes(count: Counter[str], case: tuple[int, float, bool], share: float) -> str | None:
    """Exact against certified, and against its neighbour."""
    n, x, density = case
    model = ldt.CubicSum(n)
    ask = ldt.logpdf if density else ldt.tail
    result = ask(model, x, method="exact")
    if n <= 300 and drawn(case, share):
        balls = proved(count, ask, model, x, 9)
        if balls is not None and (said := disagreement(result, balls)):
            return said
    more = ldt.tail(model, x * 1.001)
    here = ldt.tail(model, x)
    count["agreed"] += 1
    return f"P grows with the level: {here.logp!r}, {more.logp!r}" if more.logp > here.logp + here.error + more.error else None


# -- files ---------------------------------------------------------------------------------------------------------------------

PIECES = ["", "\x00", "\n", "[", "]", "{", "}", '"', "=", "1e400", "-0", "nan", "inf", "9" * 400, "9" * 5000, "[[" * 2000, "true", "{}",
          "[]", "null", "1e-400", "\ud7ff", "1_000", "0x10", "'''", "a.b", "-1", "1979-05-27", "#", ",", "(" * 300, "__import__", "..",
          "/etc/passwd", "%s", "\u03b5"]  # fmt: skip
LAW_TEXTS = ["gamma(2, scale=3)", "compound(poisson(3), gamma(2, 1.5))", "norm", "binom(10, 0.3)", "t(3)"]
WEIGHTS = ["weight,law,count\n1,\"gamma(2, scale=3)\",2\n-0.5,norm,1\n", "weight,dof,ncp\n6,1,0\n3,2,0.5\n",
           '{"terms": [{"weight": 2.0, "law": "expon"}, {"weight": 1.5, "dof": 3, "ncp": 1}], "sigma": 1.0, "shift": 0.5}']  # fmt: skip


def record_lines() -> str:
    """Two good records."""
    from ldt.scaling.records import Record, digest

    point = {"model": {"kind": "alignment"}, "level": 1.0}
    result = {"logp": -1.0, "error": 0.1}
    return 2 * Record(digest(point), point, "ok", "", result, {"ldt": ldt.__version__}, "2026-01-01T00:00:00Z").line().decode()


def sources() -> dict[str, list[str]]:
    """Good texts by kind."""
    return {
        "model": [p.read_text() for p in sorted((ROOT / "data/models").glob("*.toml"))],
        "sweep": [p.read_text().replace("../models", str(ROOT / "data/models")) for p in sorted((ROOT / "data/sweeps").glob("*.toml"))],
        "record": [record_lines()], "law": LAW_TEXTS, "weights": WEIGHTS,
    }  # fmt: skip


def mutated(text: str, dice: random.Random) -> str:
    """A text with a few places deleted, doubled, swapped or replaced."""
    for _ in range(dice.randint(1, 4)):
        i, j = sorted(dice.randrange(len(text) + 1) for _ in range(2))
        j = min(j, i + dice.choice([1, 3, 12, 80]))
        kind = dice.randrange(5)
        if kind == 0:
            text = text[:i] + text[j:]
        elif kind == 1:
            text = text[:j] + text[i:j] + text[j:]
        elif kind == 2:
            text = text[:i] + dice.choice(PIECES) + text[j:]
        elif kind == 3:  # a value
            lines = text.split("\n")
            k = dice.randrange(len(lines))
            head, sign, _ = lines[k].partition("=")
            lines[k] = f"{head}{sign} {dice.choice(PIECES)}" if sign else dice.choice(PIECES)
            text = "\n".join(lines)
        else:
            text = text[:i] + chr(dice.randrange(1, 256)) + text[i:]
    return text


def parse(kind: str, text: str, folder: Path) -> None:
    """Read a text as what it claims to be."""
    path = folder / f"fuzz.{kind}"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    if kind == "model":
        from ldt.models.files import read_any

        read_any(path)
    elif kind == "sweep":
        from ldt.scaling.sweeps import read_sweep

        read_sweep(path)
    elif kind == "record":
        from ldt.scaling.records import read

        for record in read(path):
            record.logp, record.error, record.usable  # noqa: B018
    elif kind == "law":
        parse_law(text)
    else:
        ldt.WeightedSum.from_file(str(path))


def files(count: Counter[str], case: tuple[str, int], share: float) -> str | None:
    """A mutated file is read or refused by a ModelError of one line."""
    kind, number = case
    dice = random.Random(number)
    text = mutated(dice.choice(sources()[kind]), dice)
    with tempfile.TemporaryDirectory() as folder:
        try:
            parse(kind, text, Path(folder))
        except ModelError as error:
            if "\n" in str(error) or len(str(error)) > 1000 or not str(error).strip():
                return f"message of {len(str(error))} characters: {str(error)[:200]!r}"
            raise
    return None


# -- the campaign --------------------------------------------------------------------------------------------------------------

PARTS: dict[str, tuple[Callable[[Counter[str], Any, float], str | None], st.SearchStrategy[Any]]] = {
    "models": (models, st.tuples(CASES, LEVELS, st.booleans(), st.booleans())),
    "sums": (sums, st.tuples(LAWS, whole(1, 1e6), st.floats(-8.0, 12.0))),
    "weighted": (weighted, st.tuples(st.lists(st.builds(math.copysign, log_uniform(1e-3, 1e3), st.sampled_from([1, 1, -1])), min_size=1,
                                              max_size=8, unique=True), st.floats(-6.0, 15.0))),
    "cubes": (cubes, st.tuples(whole(1, 1e5), log_uniform(0.01, 40.0), st.booleans())),
    "files": (files, st.tuples(st.sampled_from(sorted(sources())), st.integers(0, 2**63))),
}


def block(part: str, number: int, share: float, size: int = BLOCK) -> dict[str, Any]:
    """The record of one block of cases."""
    check, cases = PARTS[part]
    count: Counter[str] = Counter()
    findings: list[dict[str, str]] = []

    def one(case: Any) -> None:
        count["cases"] += 1
        said: str | None = None
        try:
            with alarm(SECONDS), warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                said = check(count, case, share)
            count["answered"] += 1
        except REFUSALS as error:
            count["refused"] += 1
            if not str(error).strip():
                said = f"{type(error).__name__} without a reason"
        except TooSlowError:
            said = f"more than {SECONDS} s of CPU"
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})"
        if said is not None:
            findings.append({"case": repr(case), "found": said})

    run = settings(max_examples=size, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    seed(number)(run(given(cases)(one)))()
    keys = ("cases", "answered", "refused", "certified", "uncertified", "agreed")
    return {"part": part, "block": number, **{k: count[k] for k in keys}, "findings": findings}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def counts(done: list[dict[str, Any]]) -> str:
    """What the blocks add up to, as docs/robustness.md has it."""
    keys = ("cases", "answered", "refused", "certified", "agreed")
    lines = ["| part | cases | answered | refused with a reason | checked by balls | by another method | findings |", "|---|" + "--:|" * 6]
    rows = {part: [sum(b[k] for b in done if b["part"] == part) for k in keys]
            + [sum(len(b["findings"]) for b in done if b["part"] == part)] for part in PARTS}  # fmt: skip
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    return "\n".join([*lines, *(f"| {part} | " + " | ".join(f"{n:,}" for n in row) + " |" for part, row in rows.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--certify", type=float, default=0.05)
    parser.add_argument("--cases", type=int, default=BLOCK)
    parser.add_argument("--count", action="store_true")
    asked = parser.parse_args()
    done = read(asked.output)
    if asked.count:
        print(counts(done))
        return
    seen = {(b["part"], b["block"]) for b in done}
    for number in range(asked.first, asked.first + asked.blocks):
        for part in [asked.part] if asked.part else PARTS:
            if (part, number) not in seen:
                found = block(part, number, asked.certify, asked.cases)
                with open(asked.output, "a") as file:
                    file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
