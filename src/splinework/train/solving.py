"""`solve`: fits a model to equations, given as residuals at points; no data are needed."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Unpack

from splinework.interpret.edit.degree import raise_layer
from splinework.nn.frame import Frame
from splinework.nn.network import KAN
from splinework.splines.bases import LINEAR_BASIS
from splinework.train.data_split import HELD_OUT_SHARE, MIN_HELD_OUT_ROWS, set_units
from splinework.train.delivery import deliver, working_copy
from splinework.train.fitting import FitResult
from splinework.train.grid_adaptation import extend_grids
from splinework.train.jacobian import ParameterVector
from splinework.train.journal import fingerprint_of, open_journal
from splinework.train.optim import Optimiser, SSBroyden, make_optimiser
from splinework.train.options import SolveKeywords, TrainingOptions, options_of, with_options
from splinework.train.penalties import Penalty
from splinework.train.plan import TrainingPlan, make_plan
from splinework.train.refinement import MAX_DEGREE
from splinework.train.residual import Residual, ResidualObjective, ResidualTerm, as_list
from splinework.train.residual_jacobian import expand, highest_order, matches_autograd
from splinework.train.residual_terms import check_term, term_of
from splinework.train.run import TrainingRun
from splinework.train.stages import polish, run_stages
from splinework.train.threads import one_thread

MAX_START_ROUNDS, MAX_START_RESIDUAL = 4, 1e-7
"""Rounds of starts, and the share of the mean square at which a converged start is good enough to end them."""


@with_options(SolveKeywords)
def solve(
    model: KAN,
    residuals: Residual | Sequence[Residual],
    *,
    frame: Frame | None = None,
    options: TrainingOptions | None = None,
    **keywords: Unpack[SolveKeywords],
) -> FitResult:
    """Changes a copy of the model until the residuals vanish: `Σ weight · mean(residual²)` is minimised.

    As in `fit`, the numbers come from Levenberg–Marquardt on the exact Jacobian where the model is small enough, from
    several starts of which the best is kept; grids are refined and degrees raised while that lowers the residual at
    points held out. Where the residual takes derivatives of order n, splines of a degree below n + 5 are replaced by
    such at once (unless `degree="keep"`): derivatives of a spline are n orders less accurate than the spline.

    Args:
        model: The network; left unchanged.
        residuals: The residuals to minimise, with their points.
        frame: A frame around the network: residuals are given `FramedKAN(network, frame)`, and their points have the frame's
            columns. The result is the network without it.
        validation: Share of the points to hold out of every residual, or residuals of their own; None holds out 15 % of
            each that has 40 points or more. 0 holds out none.
        callbacks: Functions of a `Step`, whose `rmse` is the root of the weighted mean square of the residuals.
        starts: As for `fit`; where None is given, up to four rounds of them, until one converges to a small residual.
        **keywords: Fields of `TrainingOptions`.
        options: These as one object; what is named beside it counts instead.

    Returns:
        `FitResult(.model, .history)`; the model in the dtype of the points, as in `fit`, the numbers found in float64.

    Raises:
        ConfigError: If a residual does not depend on the model, or a setting makes no sense.
        ShapeError: If points do not fit the model, or a residual has not one row per point.
        DataError: If there are no points, or points or residuals are not finite.

    >>> import splinework as sw
    >>> def decay(model, t):  # u' = -u
    ...     u, slope = sw.derivatives.partials(model, t, (), 0)
    ...     return slope + u
    >>> t = torch.linspace(0, 1, 60)[:, None]
    >>> result = solve(KAN([1, 1], domain=(0, 1), dtype=torch.float64),
    ...                [Residual(decay, t), Residual(lambda model, t: model(t) - 1, [[0.0]])], progress=False)
    >>> abs(result.model(torch.ones(1, 1, dtype=torch.float64)).item() - math.exp(-1)) < 1e-10
    True
    """
    chosen = options_of(solve, options, keywords, TrainingOptions)
    with torch.inference_mode(False), torch.enable_grad():
        work = working_copy(model, "solve", "residuals")
        task = _task(work, residuals, frame, chosen)
        method, warning = _method(task.objective, chosen.optimiser)
        plan = make_plan(task.objective, replace(chosen, optimiser=method))
        run = TrainingRun.of(chosen, _objective(task.whole.model, task.held, ()) if task.held else None, task.generator)
        if chosen.checkpoint is not None:
            run.journal = open_journal(Path(chosen.checkpoint), _fingerprint(task, plan, chosen))
        sizes = f"{task.objective.count} points to fit, {sum(len(t.x) for t in task.held)} held out"
        run.history.decide("optimiser", f"optimiser {plan.method.name}, {plan.why}; {sizes}")
        if warning:
            run.warn(warning)
        run.judge_anew(task.objective, run.held_out)
        with one_thread(task.whole.is_small), run.listening(chosen):
            _take_all_steps(run, task, plan, chosen.starts is None)
        run.history.decide("stop", f"ended: {run.stopped or 'converged'}")
        assert run.best is not None
        left = task.whole.on(run.best).unexplained_share()
        if not left <= 1e-2:
            run.warn(
                f"the residuals are not solved: {left:.2g} of their mean square is left; give the model more nodes, more "
                "starts or more steps, or weigh the residuals otherwise."
            )
        final = task.everything if run.held_out is None else task.objective
        return FitResult(deliver(run, model, final, *(each.points for each in as_list(residuals))), run.history)


@dataclass(frozen=True)
class _Task:
    """The checked problem.

    Attributes:
        whole: All points.
        objective: The points that are fitted.
        held: Those that are held out.
        everything: The objective of the last polish, including held-out points of the fitted residuals.
        tails: Extrapolation of the edges in the returned model.
        generator: Source of randomness.
    """

    whole: ResidualObjective
    objective: ResidualObjective
    held: Sequence[ResidualTerm]
    everything: ResidualObjective
    tails: str
    generator: torch.Generator


def _task(work: KAN, residuals: Any, frame: Frame | None, options: TrainingOptions) -> _Task:
    """The residuals, checked; the model gets units, degrees and tails that suit them."""
    used = [term_of(work, each, n, frame=frame) for n, each in enumerate(as_list(residuals), start=1)]
    set_units(work, torch.cat([term.seen() for term in used]), None, always=False)
    terms = [check_term(work, term) for term in used]
    share = options.validation is None or isinstance(options.validation, (int, float))
    given = [] if share else as_list(options.validation)
    held = [check_term(work, term_of(work, each, n, "validation ", frame)) for n, each in enumerate(given, start=1)]
    generator = torch.Generator().manual_seed(options.seed)
    whole, tails = _objective(work, terms, tuple(options.penalties)), work.config.extrapolation
    if options.degree == "auto":
        _raise_degrees(whole)
    # Edges may go on beyond their grids while they are trained, because grids will cover what is there in the end.
    if whole.order and all(one.basis.degree is not None and one.grid_kind == "adaptive" for one in work.kan_layers):
        whole = whole.on(_with_extrapolation(work, "natural"))
    if not given:
        terms, held = _split(terms, options.validation, generator)
    objective = replace(whole, terms=tuple(terms))
    return _Task(whole, objective, held, whole if held and not given else objective, tails, generator)


def _take_all_steps(run: TrainingRun, task: _Task, plan: TrainingPlan, again: bool) -> None:
    """All stages; then, where points were held out or tails were others meanwhile, a polish on all points."""
    objective, everything = task.objective, task.everything
    try:
        started = _best_round(run, objective, plan) if again and plan.starts > 1 else None
        run_stages(run, objective if started is None else started, plan if started is None else replace(plan, starts=1))
    except KeyboardInterrupt:
        run.stopped = "interrupted; the best state so far was kept"
    assert run.best is not None
    changed = run.best.config.extrapolation != task.tails
    if changed:
        extend_grids(run.best, everything.activations())
        run.best = _with_extrapolation(run.best, task.tails)
    if (changed or everything is not objective) and plan.method.second_order and not run.over:
        try:
            polish(run, everything, plan)
        except KeyboardInterrupt:
            run.stopped = "interrupted; the best state so far was kept"


def _best_round(run: TrainingRun, objective: ResidualObjective, plan: TrainingPlan) -> ResidualObjective:
    """The best of several rounds of starts, each converged: a residual tells less early than data do which start is stuck."""
    first = replace(plan, grids=None, raises=False)
    best, least = objective, math.inf
    for attempt in range(1, MAX_START_ROUNDS + 1):
        found = run_stages(run, objective.on(copy.deepcopy(objective.model)), first)
        left = found.unexplained_share()
        if left < least:
            best, least = replace(objective, model=found.model), left
        if least < MAX_START_RESIDUAL or run.over:
            break
        run.history.decide(
            "start", f"round {attempt} of starts left {left:.2g} of the mean square, the best so far {least:.2g}"
        )
    return best


# --------------------------------------------------------------------------------------------- the model at work


@torch.no_grad()
def _raise_degrees(objective: ResidualObjective) -> None:
    """Gives splines at least the degree that derivatives of this order want; the function stays about what it was."""
    degree = min(objective.order + 5, MAX_DEGREE)
    u = objective.activations()
    for layer, nodes in zip(objective.model.kan_layers, objective.model.config.nodes[1:], strict=True):
        following = nodes.combine(layer(u))
        basis = layer.basis
        low = basis.degree is not None and basis != LINEAR_BASIS and basis.degree < degree
        if low and layer.grid_kind == "adaptive":
            raise_layer(layer, degree, u)
        u = following


def _with_extrapolation(model: KAN, extrapolation: str) -> KAN:
    """The same numbers and grids with other tails.

    On linear tails no second derivative is left: the residual would jump whenever a hidden value leaves its grid, and
    descent would end there. The splines themselves go on smoothly for some cells.
    """
    config, first = replace(model.config, extrapolation=extrapolation), next(model.parameters())
    other = KAN(config, dtype=first.dtype, device=first.device, generator=torch.Generator())
    other.load_state_dict(model.state_dict())
    for new, old in zip(other.parameters(), model.parameters(), strict=True):
        new.requires_grad_(old.requires_grad)
    return other


def _objective(model: KAN, terms: Sequence[ResidualTerm], penalties: tuple[Penalty, ...]) -> ResidualObjective:
    """The objective, measured by what a model that is zero everywhere leaves, or else by what this one does."""
    order = max(highest_order(model, lambda term=term: term.values(model)) for term in terms)  # type: ignore[misc]
    plain = ResidualObjective(model, penalties, terms=tuple(terms), order=order)
    nothing = copy.deepcopy(model)
    parameters = ParameterVector.of(nothing)
    parameters.write(nothing, torch.zeros_like(parameters.read(nothing)))
    for candidate in (nothing, model):
        size = plain.on(candidate).loss_value()
        if math.isfinite(size) and size > 0:
            return replace(plain, size=size)
    return plain


def _split(
    terms: list[ResidualTerm], validation: Any, generator: torch.Generator
) -> tuple[list[ResidualTerm], list[ResidualTerm]]:
    """Points to fit and points to hold out."""
    used, held = [], []
    for term in terms:
        count = len(term.x)
        share = validation if validation is not None else HELD_OUT_SHARE if count >= MIN_HELD_OUT_ROWS else 0.0
        out = 0 if term.coupled else min(round(share * count), count - 1)
        order = torch.randperm(count, generator=generator).to(term.x.device)
        used.append(term.take(order[out:].sort().values) if out else term)
        if out:
            held.append(term.take(order[:out].sort().values))
    return used, held


def _method(objective: ResidualObjective, optimiser: str | Optimiser) -> tuple[str | Optimiser, str]:
    """The optimiser, or another where it needs a Jacobian that there is not, with a warning."""
    if optimiser != "auto" and not make_optimiser(optimiser).second_order:
        return optimiser, ""
    for term in objective.terms:
        if term.coupled and term.n_values > 200:  # each takes a backward pass
            why = f"{term.name} has {term.n_values} values that depend on several points each"
        elif _is_known(objective.model, term):
            continue
        else:
            why = f"{term.name} takes derivatives otherwise than by sw.derivatives.partials or sw.derivatives.jet"
        return SSBroyden(), (
            f"{why}, so that there is no Jacobian for second-order steps; ssbroyden is used, which is less accurate in the "
            "end."
        )
    return optimiser, ""


def _is_known(model: KAN, term: ResidualTerm) -> bool:
    """Whether the Jacobian that is worked out is the true one, at some of the points."""
    parameters = ParameterVector.of(model)
    few = term if term.coupled else term.take(torch.arange(min(len(term.x), 50), device=term.x.device))

    def values() -> Tensor:
        return few.values(model)

    return matches_autograd(model, parameters, values, expand(model, parameters, values, coupled=term.coupled))


def _fingerprint(task: _Task, plan: TrainingPlan, options: TrainingOptions) -> str:
    """A hash of all that must be the same to resume from a checkpoint; a function is identified by its values."""
    model = task.objective.model
    parts: dict[str, Any] = {f"model.{name}": value for name, value in model.state_dict().items()}
    parts["config"] = model.config
    for kind, terms in (("used", task.objective.terms), ("held out", task.held)):
        for n, term in enumerate(terms):
            parts.update({f"{kind}.{n}.x": term.x, f"{kind}.{n}.data": term.data, f"{kind}.{n}.weight": term.weight})
            parts[f"{kind}.{n}.values"] = term.values(model).detach()
    parts.update(plan=plan, penalties=task.objective.penalties, seed=options.seed, budget=options.budget)
    return fingerprint_of(parts)
