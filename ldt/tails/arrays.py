"""Answers at arrays of levels: all at once where a method can (``Method.many``), and gathered into one result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.special import log_complement
from ldt.results import Cost, TailResult
from ldt.tails.methods import Method

Array = NDArray[np.float64]


def complement(found: dict[str, Any]) -> dict[str, Any]:
    """log(1 - P) with its error, from log P at the mirrored level."""
    logq, error = log_complement(found["logp"], found["error"])
    # What the detail says of the mirrored event (its hits, its specialised neurons) is not true of this one.
    told: dict[str, Any] = getattr(found.get("detail"), "complement", dict)()
    if found.get("interrupted"):
        told = {k: v for k, v in told.items() if k not in ("status", "advice")}
    return {**found, "logp": logq, "error": error, **told}


def answers(how: Method, model: Any, x: Array, density: bool, options: dict[str, Any]) -> list[dict[str, Any]] | None:
    """What the method finds for P(A >= x) or the density at every x != 0 of a symmetric law; None where it takes levels one by one."""
    run = how.load_many()
    found: list[dict[str, Any]] | None = None if run is None else run(model, np.abs(x), density=density, **options)
    if found is None or density:
        return found
    return [complement(one) if below else one for one, below in zip(found, (x < 0.0).tolist(), strict=True)]


def gathered(
    results: Sequence[TailResult], at_once: list[dict[str, Any]] | None, method: str, question: dict[str, Any], seconds: float
) -> TailResult:
    """One result of arrays of the levels' shape: of ``results`` for every level or, with ``at_once`` for those other than 0, for 0."""
    level = question["level"]
    rows = [(r.logp, r.error, r.status, r.advice, r.detail) for r in results]
    kind = results[0].error_kind if results else "estimate"
    seconds = sum(r.cost.seconds for r in results) if at_once is None else seconds
    if at_once is not None:
        zeros = iter(rows)
        others = ((d["logp"], d["error"], d.get("status", "ok"), d.get("advice", ""), d.get("detail")) for d in at_once)
        rows = [next(zeros) if zero else next(others) for zero in (level == 0.0).ravel().tolist()]
        if level.size and level.flat[0] != 0.0:
            kind = at_once[0]["error_kind"]
    methods = {r.method for r in results} | ({method} if at_once else set())

    def column(i: int, dtype: Any = float) -> Any:
        return np.array([row[i] for row in rows], dtype=dtype).reshape(level.shape)

    return TailResult(
        logp=column(0), error=column(1), error_kind=kind, method=methods.pop() if len(methods) == 1 else method, status=column(2, object),
        advice=column(3, object), seed=results[0].seed if results else None, detail=tuple(row[4] for row in rows),
        cost=Cost(sum(r.cost.nodes for r in results), sum(r.cost.samples for r in results), seconds), **question,
    )  # fmt: skip


__all__ = ["answers", "complement", "gathered"]
