"""``ldt-rate doctor``: versions, where machine code is kept, and a self-check against known answers (ldt.reference)."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable
from typing import Any

import click

from ldt.cli.options import output_options
from ldt.cli.render import DONE, INACCURATE, Output, aligned, table

PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "mpmath", "click", "matplotlib")
ROWS = ((5, 5, "concentrated"), (50, 50, "concentrated"), (12, 400, "concentrated"), (10, 10, "full"))
HEADER = ("check", "reference", "found", "difference", "allowed", "passed")
#: The exact method's promise, relative to max(1, |log P|).
PROMISE = 1e-10


@click.command("doctor")
@output_options()
def command(out: Output) -> int:
    """Versions, cache, and a self-check against references that share no code with the methods. Exit 0 if all pass, 3 if not."""
    import ldt
    from ldt.numerics.compiled import cache_info

    start = time.perf_counter()
    versions = {"ldt": ldt.__version__, "python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}
    cache = cache_info()._asdict()
    rows = [check(name, ask, reference, slack) for name, ask, reference, slack in checks()]
    passed = all(row[-1] for row in rows)
    seconds = time.perf_counter() - start
    record = {
        "versions": versions, "cache": cache, "checks": [dict(zip(HEADER, _finite(row), strict=True)) for row in rows],
        "passed": passed, "seconds": seconds,
    }  # fmt: skip
    cells = [(r[0], f"{r[1]:.10g}", f"{r[2]:.10g}", f"{r[3]:.1e}", f"{r[4]:.1e}", "ok" if r[5] else "WRONG") for r in rows]
    place = cache["directory"] if cache["enabled"] else f"none ({cache['reason']})"
    text = aligned([(k, v or "not installed") for k, v in versions.items()] + [("machine code", place)]) + "\n"
    text += table(HEADER, cells, left=1)
    text += f"\n{'all checks passed' if passed else 'SOME CHECKS FAILED'} in {seconds:.1f} s\n"
    out.answer(record, text, (HEADER, rows))
    return DONE if passed else INACCURATE


def version_of(package: str) -> str | None:
    """Its installed version, or None."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def checks() -> list[tuple[str, Callable[[], Any], float, float]]:
    """(name, what to ask, known log P or log p, multiple of the stated error that is allowed)."""
    import ldt
    from ldt.reference import TWO_LAYER, linear_log_density, linear_log_tail

    known = {(r.width, r.dim, r.overlap): r for r in TWO_LAYER}
    found: list[tuple[str, Callable[[], Any], float, float]] = []
    for key in ROWS:
        row = known[key]
        ask = _ask(row.model(), row.level, "exact")
        found.append((f"exact, {row.overlap}, N = {row.width}, d = {row.dim}", ask, -row.neg_log_p, 1.0))
    row = known[5, 5, "concentrated"]
    found.append(("saddlepoint, N = d = 5", _ask(row.model(), 1.0, "saddlepoint"), -row.neg_log_p, 1.0))
    found.append(("importance, N = d = 5", _ask(row.model(), 1.0, "importance", rng=1), -row.neg_log_p, 5.0))
    found.append(("mpmath, N = d = 5", _ask(row.model(), 1.0, "mpmath", dps=12), -row.neg_log_p, 1.0))
    cnn = ldt.AlignmentSum(10, 10, readout_variance=0.1, activation="linear", target=1)
    found.append(("exact, linear, closed form", _ask(cnn, 1.0, "exact"), float(linear_log_tail(cnn, 1.0)), 1.0))
    density = float(linear_log_density(cnn, 1.0))
    found.append(("density, linear, closed form", lambda: ldt.logpdf(cnn, 1.0, method="exact"), density, 1.0))
    return found


def _ask(model: Any, level: float, method: str, **options: Any) -> Callable[[], Any]:
    import ldt

    return lambda: ldt.tail(model, level, method=method, **options)


def check(name: str, ask: Callable[[], Any], reference: float, slack: float) -> tuple[str, float, float, float, float, bool]:
    """One row: the difference must be within the stated error, and the exact method's within its promise too."""
    from ldt.errors import LdtError

    try:
        result = ask()
    except LdtError as error:
        return f"{name}: {error}", reference, math.nan, math.nan, math.nan, False
    difference = abs(result.logp - reference)
    allowed = slack * result.error + 2e-12 + 4e-16 * abs(reference)  # the references are rounded to 12 decimals
    if result.method == "exact":
        allowed = min(allowed, PROMISE * max(1.0, abs(reference)))
    return name, reference, result.logp, difference, allowed, bool(difference <= allowed)


def _finite(row: tuple[Any, ...]) -> list[Any]:
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in row]
