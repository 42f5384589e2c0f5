"""The front door: model -> level -> method -> result.

``tail`` and ``logpdf`` answer one question by one named method and say how well; ``auto`` chooses by ``plan``, which can be
read without running anything.  Symmetry (A and -A have one law), level 0 and arrays of levels are dealt with here, once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

from ldt.errors import ConvergenceError, Interrupted, MethodError, ModelError, NoTiltError
from ldt.results import Cost, Plan, RateResult, TailResult
from ldt.tails.methods import Method, family, method_of, origin_of, plan_of

SIDES = ("upper", "lower")
LOG_HALF = -math.log(2.0)


def tail(model: Any, level: Any, *, method: str = "auto", side: str = "upper", **options: Any) -> TailResult:
    """log P(A >= level), or log P(A <= level) for ``side='lower'``, in nats, with its error.

    Parameters
    ----------
    model : AlignmentSum, a network (ldt.models.networks), or a sum (IidSum and its kin, CubicSum, HeavySum)
    level : float or array of floats
        In the units of A as the model's ``c`` defines it; an array of any shape gives arrays of that shape.
    method : str
        Sums over neurons: "auto", "exact", "saddlepoint", "importance", "montecarlo", "mpmath", "certified"; networks: "auto",
        "splitting", "umbrella", "hamiltonian", "montecarlo"; sums: "auto", "exact", "saddlepoint", "importance", "montecarlo"; no tilt:
        "auto", "exact", "conditional", "bigjump", "transition", "montecarlo" (CubicSum, gamma and normal terms: "certified").
    side : {"upper", "lower"}
    **options
        ``saddlepoint``: form='sectors' | 'classical'; ``importance``, ``montecarlo``: samples, target_error (absolute error of
        log P in nats at which sampling stops), rng, workers, progress (ldt.numerics.workers); ``mpmath``: dps; ``certified``: digits;
        ``splitting``, ``umbrella``, ``hamiltonian``: replicates, particles, moves, target_error, rng, workers, progress.

    Returns
    -------
    TailResult
        ``logp`` (nats), ``error``, ``error_kind``, ``status``, ``detail``; arrays for an array of levels.

    Raises
    ------
    ModelError
        A level, method, side or option that makes no sense, by name.
    NoTiltError, MethodError
        The method does not apply to this model; the message names one that does.
    ConvergenceError
        The method did not reach an answer that it can vouch for.
    Interrupted
        Ctrl-C during sampling; its ``result`` is the answer from what was drawn until then.

    Notes
    -----
    P is found sector by sector: P = sum_n multiplicity_n P_n, P_n = (1/2 pi i) int exp(K_n(s) - s level) ds/s ("exact"), or P_n by
    Lugannani and Rice's formula ("saddlepoint").
    Cost: "exact" and "saddlepoint" do not grow with the number of neurons; ``plan`` predicts the seconds of every method.
    Source: docs/theory.md, sections 3 (sectors), 4 (contour), 5 (Lugannani and Rice 1980, eq. 10) and 6 (sampling).

    Examples
    --------
    >>> import ldt
    >>> r = ldt.tail(ldt.AlignmentSum(width=20, dim=20), 1.0, method="exact")
    >>> f"{r.logp:.6f}"
    '-173.317221'
    """
    return _each(model, level, method, "tail", _side(side), options)


def logpdf(model: Any, level: Any, *, method: str = "auto", **options: Any) -> TailResult:
    """log of the density of A at ``level``, in nats per unit of A (of a lattice law, log P(S = level)); as ``tail`` otherwise.

    Parameters
    ----------
    model : as for ``tail``
    level : float or array of floats
        In units of A; an array of any shape gives arrays of that shape.
    method : str
        As for ``tail``, where the method gives densities.
    **options
        As for ``tail``.

    Returns
    -------
    TailResult
        With ``quantity='density'``: ``logp`` is log p(level), ``error`` in nats.

    Raises
    ------
    ModelError
        A level, method or option that makes no sense, by name.
    NoTiltError, MethodError
        The method does not apply, or gives tails only.
    ConvergenceError
        The method did not reach an answer that it can vouch for.

    Notes
    -----
    p = (1/2 pi i) int exp(K(s) - s level) ds, by the same contours as the tail without 1/s.
    Cost: that of ``tail``.  Source: docs/theory.md, section 4.

    Examples
    --------
    >>> import ldt
    >>> r = ldt.logpdf(ldt.AlignmentSum(10**9, 10), 1.0, method="exact")
    >>> r.error < 1e-8
    True
    """
    return _each(model, level, method, "density", "upper", options)


def logsf(model: Any, level: Any) -> Any:
    """log P(A >= level) by the exact method: a float, or an array of the levels' shape (nats).

    Parameters
    ----------
    model : as for ``tail``
    level : float or array of floats of any shape, in units of A

    Returns
    -------
    float or array of the levels' shape, in nats

    Raises
    ------
    ModelError, NoTiltError, MethodError, ConvergenceError
        As ``tail``: the exact method does not apply to networks, for example.

    Notes
    -----
    ``ldt.tail(model, level, method='exact').logp``, which also has the error.
    Cost: that of the exact method, which does not grow with the number of neurons.  Source: docs/theory.md, sections 3 and 4.

    Examples
    --------
    >>> import ldt
    >>> model = ldt.AlignmentSum(width=5, dim=5)
    >>> bool(ldt.logsf(model, 1.0) == ldt.tail(model, 1.0, method="exact").logp)
    True
    """
    return tail(model, level, method="exact").logp


def logcdf(model: Any, level: Any) -> Any:
    """log P(A <= level) by the exact method: a float, or an array of the levels' shape (nats).

    Parameters
    ----------
    model : as for ``tail``
    level : float or array of floats of any shape, in units of A

    Returns
    -------
    float or array of the levels' shape, in nats

    Raises
    ------
    ModelError, NoTiltError, MethodError, ConvergenceError
        As ``tail``: the exact method does not apply to networks, for example.

    Notes
    -----
    ``ldt.tail(model, level, method='exact', side='lower').logp``, which also has the error.
    Cost: that of the exact method, which does not grow with the number of neurons.  Source: docs/theory.md, sections 3 and 4.

    Examples
    --------
    >>> import ldt
    >>> model = ldt.AlignmentSum(width=5, dim=5)
    >>> bool(ldt.logcdf(model, 1.0) == ldt.tail(model, 1.0, method="exact", side="lower").logp)
    True
    """
    return tail(model, level, method="exact", side="lower").logp


def rate(model: Any, level: float) -> RateResult:
    """Large-deviation values at one level: I(alpha) = sup_s [s alpha - K(s)], its tilt and curvature, and the non-convex value.

    Parameters
    ----------
    model : AlignmentSum
    level : float
        alpha, in units of A; the values are even in it.

    Returns
    -------
    RateResult
        ``convex`` = I(alpha) and ``nonconvex``, the least over whole numbers of specialised neurons; in nats.

    Raises
    ------
    ModelError
        For a model that is no sum over neurons, or a level that is not finite.
    NoTiltError
        Where E exp(sA) is infinite for every s != 0.

    Notes
    -----
    Neither value has the prefactor that ``tail`` has.
    Cost: milliseconds to tenths of a second; it does not grow with the number of neurons.
    Source: Chernoff, Legendre; the non-convex value: docs/theory.md, section 3.

    Examples
    --------
    >>> import ldt
    >>> r = ldt.rate(ldt.AlignmentSum(12, 400), 1.0)
    >>> f"{r.convex:.6f}", r.specialised
    ('621.095950', 1)
    """
    from ldt.tails.rate import rate_at

    _need_alignment(model)
    value = _level(level)
    if value == 0.0:
        return RateResult(0.0, 0.0, 0.0, model.variance, 0.0, None, 0.0, model)
    return rate_at(model, value)


def plan(model: Any, level: float, *, side: str = "upper") -> Plan:
    """What ``method='auto'`` would do at this level, why, and what each method would cost; nothing is run.

    Parameters
    ----------
    model : as for ``tail``
    level : float, in units of A
    side : {"upper", "lower"}

    Returns
    -------
    Plan
        ``method``, ``reason``, and ``candidates`` with predicted ``seconds`` (None where a method does not apply).

    Raises
    ------
    ModelError
        For what is not a model, a level that is not finite, or another side.

    Notes
    -----
    Cost: milliseconds; predicted seconds hold within a factor of a few.  Source: measured; docs/choosing.md.

    Examples
    --------
    >>> import ldt
    >>> ldt.plan(ldt.AlignmentSum(50, 50), 1.0).method
    'exact'
    """
    family(model)
    return plan_of(model, _level(level), _side(side))


def compare(model: Any, level: float, methods: Iterable[str] = ("exact", "saddlepoint", "importance"), **options: Any) -> list[TailResult]:
    """The same tail by several methods, one result each.

    Parameters
    ----------
    model : as for ``tail``
    level : float, in units of A
    methods : sequence of str
    **options
        Each goes to the methods that know it.

    Returns
    -------
    list of TailResult
        In the order of ``methods``; ``ldt.plots.plot_methods`` draws them.

    Raises
    ------
    ModelError, NoTiltError, MethodError, ConvergenceError
        As ``tail``, from the first method that fails.

    Notes
    -----
    Methods share no code where they can: agreement is evidence.  Cost: the sum of theirs.  Source: docs/theory.md, sections 4 to 6.

    Examples
    --------
    >>> import ldt
    >>> exact, saddle = ldt.compare(ldt.AlignmentSum(5, 5), 1.0, ("exact", "saddlepoint"))
    >>> abs(exact.logp - saddle.logp) < saddle.error
    True
    """
    known = {m: method_of(model, m).options for m in methods}
    return [tail(model, level, method=m, **{k: v for k, v in options.items() if k in known[m]}) for m in known]


def tilted(model: Any, level: float) -> Any:
    """The exponentially tilted law at this level, sector by sector: it can be sampled, its density evaluated.

    Parameters
    ----------
    model : AlignmentSum
    level : float, in units of A and not 0

    Returns
    -------
    ldt.tails.tilting.TiltedLaw
        ``rvs`` draws networks, ``log_density`` is one neuron's (nats), ``plot`` draws it.

    Raises
    ------
    ModelError
        At level 0, where the tilt is 0, and for models that are no sum over neurons.
    NoTiltError
        Where E exp(sA) is infinite for every s != 0.

    Notes
    -----
    Given a sector at tilt s, w has density prop. to prior(w) exp(kappa s^2 g(w)^2) in its bin, and
    a | w ~ N(s c sigma_a^2 g/N, sigma_a^2/N).
    Cost: that of one saddle-point answer.  Source: docs/theory.md, section 6; the law of Gaertner-Ellis and Cramer.

    Examples
    --------
    >>> import ldt
    >>> law = ldt.tilted(ldt.AlignmentSum(5, 5), 1.0)
    >>> law.tilt > 0.0
    True
    """
    from ldt.tails.tilting import tilted_law

    _need_alignment(model)
    value = _level(level)
    if value == 0.0:
        raise ModelError("level: at 0 the tilt is 0 and the tilted law is the prior; ask for a level that is not 0")
    return tilted_law(model, value)


def sample_given(model: Any, level: float, size: int = 1, *, side: str | None = None, rng: Any = None) -> Any:
    """Draws of what is random given A >= level, or given A <= level for ``side='lower'``.

    By default the side is 'upper', but 'lower' for symmetric laws at level < 0 and for sums of which only the lower tail is heavy.

    AlignmentSum: exact draws of the weights by sector and rejection, a ldt.tails.conditional.ConditionalSample: ``a`` and ``w`` of
    shape (size, N), ``rho`` = |w_perp|^2, ``A``, ``seed``; Ctrl-C raises ldt.Interrupted, whose ``result`` has the draws made until then.
    Sums: a ldt.tails.sum_given.SumSample with the terms; exact where rejection is feasible, else weighted, which its ``exact`` says.

    Parameters
    ----------
    model : AlignmentSum, or a sum (IidSum and its kin, CubicSum, HeavySum)
    level : float, in units of A (or S)
    size : int, networks (or sums) to draw
    side : {"upper", "lower"}, optional
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    ConditionalSample or SumSample
        ``a``, ``w`` and ``rho`` of shape (size, N), ``A`` of shape (size,); of sums ``x`` (size, n), ``S`` and ``weights`` (size,).
        Both ``plot``.

    Raises
    ------
    ModelError
        For another model, a level that is not finite, or a size that is out of range.
    ConvergenceError
        Where rejection accepts too few.

    Notes
    -----
    Sums over neurons: a sector is drawn, its tilted weights accepted with probability Phi(-level/sqrt V) exp(-theta T) over its maximum.
    Cost: a few proposals a draw, each of N neurons; more for sums without a tilt.  Source: docs/theory.md, sections 6 and 10.

    Examples
    --------
    >>> import ldt
    >>> drawn = ldt.sample_given(ldt.AlignmentSum(8, 5), 1.0, 3, rng=1)
    >>> drawn.w.shape, bool(drawn.A.min() >= 1.0)
    ((3, 8), True)
    >>> from scipy import stats
    >>> given = ldt.sample_given(ldt.IidSum(stats.expon(), 5), 100.0, 1000, rng=1)      # P = 2.5e-38
    >>> given.x.shape, given.exact, bool(given.S.min() >= 100.0)
    ((1000, 5), True, True)
    """
    value = _level(level)
    kind = getattr(model, "kind", None)
    side = None if side is None else _side(side)
    if kind == "sum":
        from ldt.tails.sum_given import sample as sum_sample

        only_lower = model.light("upper") and not model.light("lower")
        return sum_sample(model, value, size, rng=rng, side=side or ("lower" if only_lower else "upper"))
    towards = "lower" if value < 0.0 else "upper"
    if kind == "heavy":
        from ldt.tails.heavy_given import sample as heavy_sample

        return heavy_sample(model, model, value, size, rng=rng, side=side or towards)
    from ldt.tails.conditional import conditional_sample

    _need_alignment(model)
    if side is not None and side != towards:
        raise ModelError(f"side: at level {value:g} draws are given A {'<=' if value < 0.0 else '>='} level, got side={side!r}")
    return conditional_sample(model, value, size, rng=rng)


def sweep(path: Any, output: Any, *, workers: Any = 1, progress: Any = None) -> Any:
    """Every point of a sweep file (docs/sweeps.md) that the file ``output`` has no record of, appended to it one by one.

    Parameters
    ----------
    path : str or Path
        The sweep: a grid of models x levels x methods.
    output : str or Path
        Records, one JSON line a finished point (ldt.scaling.records.read reads them).
    workers : int, map-like callable or dask.distributed.Client
    progress : callable of (done, total, text), optional

    Returns
    -------
    ldt.scaling.sweeps.SweepResult

    Raises
    ------
    ModelError
        A sweep file that makes no sense, or records that are none, by name.

    Notes
    -----
    Each finished point is on disk before the next begins, so that a stopped sweep goes on where it was.
    Cost: the points'; each takes what ``plan`` says.  Levels are in units of A, results in nats.
    Source: format in docs/sweeps.md, section "The file".

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import ldt
    >>> model = ["kind = 'alignment'", "width = 5", "dim = 5", "readout_variance = 1.0", "weight_variance = 1.0",
    ...          "c = 'talk'", "target = 3", "activation = 'erf'", "overlap = 'concentrated'"]
    >>> grid = ["kind = 'sweep'", "seed = 1", "levels = [1.0]", "models = [{ file = 'model.toml', dim = [5, 20], width = 'd' }]",
    ...         "methods = [{ method = 'exact' }]"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "model.toml").write_text("\\n".join(model))
    ...     _ = Path(folder, "sweep.toml").write_text("\\n".join(grid))
    ...     first, again = (ldt.sweep(f"{folder}/sweep.toml", f"{folder}/records.jsonl") for _ in range(2))
    >>> [f"{r.logp:.4f}" for r in first.records], first.computed, again.computed
    (['-43.6777', '-173.3172'], 2, 0)
    """
    from ldt.scaling.records import Store
    from ldt.scaling.sweeps import read_sweep, run

    found = read_sweep(path)
    with Store(output) as store:
        return run(found, store, question, workers=workers, progress=progress)


def question(model: Any, level: float, *, quantity: str, side: str, method: str, **options: Any) -> TailResult:
    """``tail`` or, for ``quantity='density'``, ``logpdf``."""
    if quantity == "density":
        return logpdf(model, level, method=method, **options)
    return tail(model, level, method=method, side=side, **options)


# -- one question ----------------------------------------------------------------------------------------------------------


def _level(level: Any) -> float:
    try:
        value = math.nan if isinstance(level, (bool, str, bytes)) or not _is_real(level) else float(level)
    except (TypeError, ValueError, OverflowError):
        raise ModelError(f"level: must be a finite number, got {level!r}") from None
    if not math.isfinite(value):
        raise ModelError(f"level: must be a finite number, got {level!r}")
    return value


def _side(side: Any) -> str:
    if side not in SIDES:
        raise ModelError(f"side: must be 'upper' or 'lower', got {side!r}")
    return str(side)


def _is_real(array: Any) -> bool:
    """Whether the elements of an array (if it is one) are real numbers, not strings, truth values or complex numbers."""
    return getattr(getattr(array, "dtype", None), "kind", "f") in "iufO"


def _need_alignment(model: Any) -> None:
    """What only sums over neurons have (rates, tilted laws, conditional weights) is refused for other models by name."""
    from ldt.models.alignment import AlignmentSum

    if getattr(model, "kind", None) == "heavy":
        from ldt.models.cubic import NO_TILT

        raise NoTiltError("model: " + NO_TILT.format(what="rate function and no tilted law"))
    if getattr(model, "kind", None) == "sum":
        model.check_light("upper")
    if not isinstance(model, AlignmentSum):
        raise ModelError(f"model: must be an AlignmentSum, got {type(model).__name__}")


def _each(model: Any, level: Any, method: str, quantity: str, side: str, options: dict[str, Any]) -> TailResult:
    family(model)
    if method != "auto":
        method_of(model, method)
    if hasattr(level, "__len__") and not isinstance(level, (str, bytes, dict)) and getattr(level, "ndim", 1) > 0:
        return _broadcast(model, level, method, quantity, side, options)
    value = _level(level)
    start = time.perf_counter()
    density = quantity == "density"
    chosen = plan_of(model, value, side, density).method if method == "auto" else method
    how = _asked(model, chosen, density, options)
    if model.symmetric:
        found = _mirrored(model, -value if side == "lower" else value, chosen, density, options)
    else:
        found = how.load()(model, value, density=density, side=side, **options)
    fields = {"model": model, "level": value, "side": side, "quantity": quantity, "method": chosen, **found}
    cost, stopped = fields.pop("cost", Cost()), fields.pop("interrupted", False)
    result = TailResult(cost=Cost(cost.nodes, cost.samples, time.perf_counter() - start), **fields)
    if stopped:
        raise Interrupted(result)
    return result


def _asked(model: Any, method: str, density: bool, options: dict[str, Any]) -> Method:
    """The method, which must know the options and, if asked for them, give densities."""
    how = method_of(model, method)
    unknown = sorted(set(options) - set(how.options))
    if unknown:
        allowed = ", ".join(how.options) or "none"
        raise ModelError(f"{unknown[0]}: not an option of method {method!r} (its options: {allowed})")
    if density and not how.density:
        raise MethodError(f"method: {method!r} gives tails, not densities")
    return how


def _mirrored(model: Any, x: float, method: str, density: bool, options: dict[str, Any]) -> dict[str, Any]:
    """The upper tail or density at x of a symmetric law without an atom at 0, from its value at |x|."""
    run = method_of(model, method).load()
    if x == 0.0 and not density:
        return {"logp": LOG_HALF, "error": 2.0**-53, "error_kind": "bound"}
    if x == 0.0 and method not in ("montecarlo", "certified"):
        run = origin_of(model) or run
        options = {}
    found = run(model, abs(x), density=density, side="upper", **options)
    from ldt.tails.arrays import complement

    return complement(found) if x < 0.0 and not density else found


def _broadcast(model: Any, levels: Any, method: str, quantity: str, side: str, options: dict[str, Any]) -> TailResult:
    import numpy as np

    from ldt.tails.arrays import answers, gathered

    try:
        array = np.asarray(levels)
        if not _is_real(array):
            raise TypeError
        array = array.astype(float)
    except (TypeError, ValueError):
        raise ModelError(f"level: must be a finite number or an array of them, got {levels!r}") from None
    if not np.all(np.isfinite(array)):
        raise ModelError(f"level: must be finite, got {float(array[~np.isfinite(array)].ravel()[0])!r} among the levels")
    start = time.perf_counter()
    at_once = None
    if method != "auto" and model.symmetric:
        how = _asked(model, method, quantity == "density", options)
        away = array[array != 0.0]
        at_once = answers(how, model, -away if side == "lower" else away, quantity == "density", options)
    results: list[TailResult] = []
    stopped = False
    for x in array.ravel() if at_once is None else array[array == 0.0]:
        if stopped:
            results.append(_not_reached(model, float(x), method, quantity, side))
            continue
        try:
            results.append(_each(model, float(x), method, quantity, side, options))
        except Interrupted as stop:
            stopped = True
            results.append(stop.result)
    question = {"model": model, "level": array, "quantity": quantity, "side": side}
    found = gathered(results, at_once, method, question, time.perf_counter() - start)
    if stopped:
        raise Interrupted(found)
    return found


def _not_reached(model: Any, level: float, method: str, quantity: str, side: str) -> TailResult:
    """What stands for a level that Ctrl-C kept from being asked."""
    return TailResult(
        math.nan, math.inf, method=method, status="failed", quantity=quantity, side=side, level=level, model=model,
        advice="interrupted before this level",
    )  # fmt: skip


__all__ = [
    "ConvergenceError", "Interrupted", "MethodError", "ModelError", "NoTiltError", "compare", "logcdf", "logpdf", "logsf", "plan", "rate",
    "sample_given", "sweep", "tail", "tilted",
]  # fmt: skip
