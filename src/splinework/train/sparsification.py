"""`sparsify`: data in, the smallest network that is as good out. Structure first, then accuracy."""

import copy
import math
import time
from dataclasses import replace
from typing import Any

import torch
from typing_extensions import Unpack

from splinework.errors import ConfigError
from splinework.interpret.edit.pruning import without_weak
from splinework.interpret.scores import Attribution, attribution
from splinework.nn.arrays import data_of
from splinework.nn.network import KAN
from splinework.nn.precision import delivered
from splinework.train.callbacks import Callback, StopBelow
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import DataSplit, Samples, take_rows
from splinework.train.delivery import deliver, working_copy
from splinework.train.elimination import MAX_ERROR_RATIO, StructureCandidate, StructureSearch, narrowed
from splinework.train.fitting import FitResult, fit
from splinework.train.history import join_histories
from splinework.train.losses import Squared
from splinework.train.multistart import MIN_UNEXPLAINED_SHARE, best_start
from splinework.train.options import SparsifyKeywords, TrainingOptions, options_of, with_options
from splinework.train.penalties import GroupLasso, Penalty
from splinework.train.plan import make_plan
from splinework.train.run import TrainingRun
from splinework.train.threads import one_thread

N_DENSE_STARTS, N_DENSE_STEPS, N_PENALISED_STEPS = 3, 30, 8
"""Of the network as it came: starts, steps without the penalty, and with it."""
MIN_VALUES_PER_PARAMETER, N_SCARCE_STARTS = 4, 8
"""With fewer values per parameter, starts end far apart; then there are this number of them."""
MIN_PRUNING_THRESHOLD, MAX_PRUNING_THRESHOLD = 1e-3, 3e-2
"""What has an attribution below three times the relative error is pruned first, within these bounds."""


@with_options(SparsifyKeywords)
def sparsify(
    model: KAN,
    x: Any,
    y: Any,
    *,
    penalty: float | Penalty = 1e-3,
    accuracy: float = 1e-9,
    options: TrainingOptions | None = None,
    **keywords: Unpack[SparsifyKeywords],
) -> FitResult:
    """Fits the smallest part of a network that explains the data as well as all of it.

    First the structure: the network is fitted from several starts, then with a penalty that lets few edges do the work
    and says in which order nodes and edges matter. What does not matter is pruned, narrower networks are tried from fresh
    starts, and inputs, nodes and edges are taken out while the rest can make up for it. Each candidate gets splines as
    rich as it takes before it is refused, so that a few fine edges may stand for many coarse ones. It is as good if its
    held-out error is at most 1.5 times that of the best so far; where the data are noisy, if the Bayesian information
    criterion is no higher. So the penalty proposes and the data decide: the answer hardly depends on its weight.

    Then accuracy: `fit` without a penalty on what is left, with finer grids and higher degrees. Many networks have the
    same output, so a penalty alone, as in Liu et al. 2024 (§2.5.1), finds another structure for every seed and weight.

    Args:
        model: The network; unchanged. What is masked in it stays so.
        x: `(N, inputs)`: a tensor, an array or a frame, in raw units.
        y: `(N, outputs)`, or `(N,)` for one output, in raw units.
        penalty: A weight of `GroupLasso`, or a recipe such as `Sparsity(1e-2)`; 0 goes without.
        accuracy: The last phase ends at this held-out error, as a share of y's spread; 0 goes on to the limit.
        callbacks: Functions of a `Step`; the last phase is a fit of its own to them.
        validation: Held-out rows, as in `fit`. Where there are none, the information criterion judges.
        **keywords: Fields of `TrainingOptions`.
        options: These as one object; what is named beside it counts instead.

    Returns:
        `FitResult`: a model without the edges, nodes and inputs that did not matter (inputs keep their columns), and the
        history of all phases, with its decisions of the kind `structure`.

    Raises:
        ShapeError: If x and y do not fit the model or each other.
        DataError: If there are no rows, or some are not finite.
        ConfigError: For a setting that makes no sense.

    >>> x = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) - 1
    >>> sparsify(KAN([2, 1]), x, x[:, 1] ** 2, progress=False).model.active_inputs()
    ['x2']
    """
    penalties = _penalties(penalty)
    chosen = options_of(sparsify, options, keywords, TrainingOptions)
    if not 0 <= accuracy < 1:
        raise ConfigError(f"accuracy is a share of the spread of y, from 0 to below 1, got {accuracy}.")
    began, budget = time.monotonic(), chosen.budget
    with torch.inference_mode(False), torch.enable_grad():
        work = working_copy(model, "sparsify", "x, y")
        work.take_names(x)
        timed = replace(chosen, budget=None if budget is None else 0.6 * budget)
        search = _new_search(work, take_rows(work, x, y, chosen), x, timed)
        search.run.deadline = None if timed.budget is None else began + timed.budget
        with one_thread(search.objective.is_small), search.run.listening(timed):
            _run_search(search, penalties)
    run = search.run
    if run.stopped:
        run.history.decide("stop", f"the search for a structure ended: {run.stopped}")
        if run.deadline is None or time.monotonic() < run.deadline:  # not for want of time: somebody wants an end
            run.best = search.best.model
            return FitResult(deliver(run, model, search.objective, x), run.history)
    callbacks: list[Callback] = [*chosen.callbacks, _stop_at_accuracy(search, accuracy)]
    polishing = replace(chosen, starts=1, standardise=False, callbacks=callbacks)
    while True:
        candidate = search.best
        left = None if budget is None else max(began + budget - time.monotonic(), 0.0)
        begun = delivered(copy.deepcopy(candidate.model), model, x)
        result = fit(begun, x, y, options=replace(polishing, budget=left))
        if len(search.path) == 1 or not _lost_accuracy(search, result.model, accuracy):
            return FitResult(result.model, join_histories(run.history, result.history), result.training_data)
        search.path.pop()
        run.history.decide("structure", f"{candidate.edges} edges stayed behind the dense network; one more step back")


def _penalties(penalty: Any) -> tuple[Penalty, ...]:
    if isinstance(penalty, Penalty):
        return (penalty,)
    if isinstance(penalty, bool) or not isinstance(penalty, (int, float)):
        raise ConfigError(f"penalty is a weight or a recipe such as Sparsity(1e-3), got {penalty!r}.")
    return (GroupLasso(float(penalty)),) if penalty else ()


def _new_search(work: KAN, rows: DataSplit, x: Any, options: TrainingOptions) -> StructureSearch:
    """A search that has not begun."""

    def objective(part: Samples) -> DataObjective:
        return DataObjective(work, u=part.u, t=part.t, criterion=rows.criterion, weights=part.weights)

    used = objective(rows.used)
    held_out = None if rows.held_out is None else objective(rows.held_out)
    plan = make_plan(used, replace(options, starts=1, grids=None, degree="keep"))
    run = TrainingRun(held_out=held_out, generator=torch.Generator().manual_seed(options.seed))
    run.history.decide("optimiser", f"optimiser {plan.method.name}, {plan.why}; {rows.held_out_count} rows held out")
    return StructureSearch(run, used, held_out, data_of(work, x), plan.method)


def _run_search(search: StructureSearch, penalties: tuple[Penalty, ...]) -> None:
    """Searches from the dense network to the smallest one; an interruption keeps the best so far."""
    try:
        search.accept(_fit_dense(search), "the dense network")
        scores, pruned = _score_with_penalty(search, penalties)
        _try_narrower(search, scores, pruned)
        search.eliminate()
        # What is left may be one node's work done by two, each with half of the inputs.
        while _try_narrower(search, scores, None):
            search.eliminate()
    except KeyboardInterrupt:
        search.run.stopped = "interrupted; the best structure so far was kept"
        if not search.path:
            search.accept(search.look(search.objective.model), "the network as it was then")


def _fit_dense(search: StructureSearch) -> StructureCandidate:
    """The network as it came, fitted without a penalty: what the others are measured by."""
    objective = search.objective
    ample = objective.n_values >= MIN_VALUES_PER_PARAMETER * objective.model.parameter_count(active=True)
    starts = N_DENSE_STARTS if ample else N_SCARCE_STARTS
    if not search.method.second_order or len(objective.model.kan_layers) == 1:
        starts = 1
    model = best_start(search.run, search.objective, search.method, starts, search.steps(search.method.trial_steps))
    search.run.advance(search.objective.on(model), search.method, search.steps(N_DENSE_STEPS), "dense")
    return search.look(model)


def _score_with_penalty(search: StructureSearch, penalties: tuple[Penalty, ...]) -> tuple[Attribution, KAN]:
    """Attribution scores after training with the penalty, and the network pruned by them."""
    dense = search.best
    model = copy.deepcopy(dense.model)
    if penalties:
        objective = replace(search.objective.on(model), penalties=penalties)
        search.run.advance(objective, search.method, search.steps(N_PENALISED_STEPS), "penalised")
        if search.objective.on(model).unexplained_share() > max(MIN_UNEXPLAINED_SHARE, 2 * dense.error**2):
            search.run.history.decide("structure", "the penalty left too little of the function to go by; passed over")
            model = dense.model
    threshold = min(max(3 * dense.error, MIN_PRUNING_THRESHOLD), MAX_PRUNING_THRESHOLD)
    pruned = without_weak(model, search.x, threshold)
    return attribution(model, search.x), pruned


def _try_narrower(search: StructureSearch, scores: Attribution, pruned: KAN | None) -> bool:
    """Tries narrower networks on the living inputs from fresh starts, and the pruned one; whether one was accepted."""
    dense, most, before, misses = search.path[0].model, search.best.edges, len(search.path), 0
    inputs = search.best.model.kan_layers[0].alive.any(1)
    widest = max((max(n.sums, len(n.products)) for n in search.best.model.config.nodes[1:-1]), default=1)
    trials = [(narrowed(dense, search.x, scores, width, inputs), search.started) for width in _widths(widest)]
    if pruned is not None:
        trials.append((pruned, search.fitted))
    for model, fitted in sorted(trials, key=lambda trial: trial[0].active_edges()):
        if search.run.over or misses == 2 or model.active_edges() >= most:
            break
        candidate = fitted(model, f"{model.active_edges()} edges")
        if search.good(candidate):
            search.accept(candidate, "as good with fewer edges" if len(search.path) == before else "better")
            misses = 0
            if search.clean:
                break
        elif len(search.path) > before:
            misses += 1
    return len(search.path) > before


def _widths(widest: int) -> list[int]:
    """1, 2, 3, 4, 6, 9 and so on, below the widest."""
    widths = [1]
    while widths[-1] < widest:
        widths.append(max(widths[-1] + 1, 3 * widths[-1] // 2))
    return widths[:-1]


@torch.no_grad()
def _lost_accuracy(search: StructureSearch, model: KAN, accuracy: float) -> bool:
    """Whether the polished model is behind the dense network, on data free of noise."""
    return search.clean and search.look(copy.deepcopy(model).double()).error > max(
        MAX_ERROR_RATIO * search.path[0].error, accuracy
    )


def _stop_at_accuracy(search: StructureSearch, share: float) -> StopBelow:
    """Ends a fit when the held-out error is a share of the spread of y."""
    objective, level = search.objective, -math.inf
    if isinstance(objective.criterion, Squared):
        values = objective.t * objective.model.output_scaling.scale
        level = share * float(values.var(0, unbiased=False).mean().sqrt())
    return StopBelow("rmse_validation", level, f"a held-out error of {level:.3g} was enough")
