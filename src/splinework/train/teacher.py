"""Distillation of a Gaussian process: where rows are few or noisy, a network learns from the smooth estimate instead of the rows.

A network has no difficulty to be the better function; learning it from few rows is what fails. The process is fitted first, its
mean is known wherever one likes, without noise, and the network is trained on it (knowledge distillation, Hinton et al. 2015).
The held-out rows decide between that network and the one that learned from the rows themselves.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.additive_network import estimated_curves, leaves_nothing, rows_of, take_curves
from splinework.train.between_rows import (
    N_COMPARED_POINTS,
    draw_points,
    goes_astray,
    is_significant,
    new_points,
    outer_points,
    prefers,
)
from splinework.train.covariance import Covariance
from splinework.train.curve import CurveEstimate
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples, normalised_weights
from splinework.train.gaussian_process import MAX_EXACT_ROWS
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.plan import TrainingPlan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.run import TrainingRun
from splinework.train.smoothing import lacks_judge, smooth_edges
from splinework.train.stages import extend_margins, run_stages

MIN_ROWS, MAX_ROWS, MAX_INPUTS, MAX_OUTPUTS = 8, 20_000, 20, 6
"""Sizes for which there is a teacher: with fewer rows nothing can be estimated, more say enough themselves."""
MIN_BUDGET = 10.0
"""Seconds that are given, below which there is no teacher."""
MAX_NEGLIGIBLE_SHARE = 1e-10
"""Share of the variance left by a network that needs no teacher."""
MIN_NOISE_SHARE = 1e-3
"""Noise, as a share of the spread, below which a network may find the function itself, and is tried on the rows first."""
MIN_POINTS, POINTS_PER_PARAMETER, HELD_OUT_SHARE = 1500, 3, 0.15
"""Points that the network learns from, and the share of as many again by which its states are judged."""
OUTER_SHARE, HARD_SHARE = 0.5, 0.25
"""Points beyond the rows for each one between them, by which a taught network is judged, and points that are added at a time,
as a share of those that it has learned from: where it differs most from its teacher."""
N_CANDIDATES, N_EXCHANGES, N_EXCHANGE_STEPS = 2, 4, 20
"""Candidates for each point learned from, how often some are added at most, and steps after each time."""
MAX_RATIO, MAX_LOSS = 2.0, 1.1
"""How much more than between the rows a network may differ from its teacher all round, so that nothing is added; and how much
more between the rows after it has learned what lies beyond them."""
TARGET_SHARE = 0.25
"""Share of the teacher's own uncertainty below which following it more closely is not worth while: it adds 3 % to the error."""
N_STARTS, N_FINAL_STEPS, SETTLES = 4, 30, 0.2
"""Starts of the network, steps after the teacher has seen all rows, and the gain of ten steps below which a stage ends."""


def is_teachable(objective: DataObjective, plan: TrainingPlan, options: TrainingOptions) -> bool:
    """Whether a Gaussian process may teach this fit: least squares of a network with hidden nodes, by default settings.

    With `starts=1` a network goes on from its own numbers; a short budget is for the rows.
    """
    return is_knowable(objective, plan, options) and len(objective.model.kan_layers) > 1 and objective.count <= MAX_ROWS


def is_knowable(objective: DataObjective, plan: TrainingPlan, options: TrainingOptions) -> bool:
    """Whether a fit is one by default, by least squares, of so few inputs that a Gaussian process can be asked of unseen rows."""
    return (
        plan.smooths == "noisy"
        and plan.steps is None
        and options.starts != 1
        and (options.budget is None or options.budget >= MIN_BUDGET)
        and type(objective) is DataObjective
        and isinstance(objective.criterion, Squared)
        and not objective.penalties
        and all(layer.functions is None for layer in objective.model.kan_layers)
        and objective.count >= MIN_ROWS
        and objective.model.inputs <= MAX_INPUTS
        and objective.t.shape[1] <= MAX_OUTPUTS
        and objective.spread > 0
    )


def run_taught_stages(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, seed: int, begun: Sequence[Covariance] = ()
) -> tuple[str, ProcessTeacher | None]:
    """Runs the stages of a fit that may have a teacher; the run keeps the best state.

    A sum of curves is the simplest network of all: it stays unless held-out rows clearly prefer another one.
    The search for the process goes on from the covariances `begun`, where there are some.

    Returns:
        What the best state has learned from: `curves`, a Gaussian `process` or the `rows`; and the process, where there is one.
    """
    judge, curves = run.held_out, estimated_curves(objective)
    if curves is not None and leaves_nothing(curves, objective):
        take_curves(run, objective, plan, curves)
        run.history.decide("teacher", "a sum of curves leaves nothing to explain")
        return "curves", None
    taught, process = _run_process_stages(run, objective, plan, seed, curves, begun)
    learned = "process" if taught else "rows"
    if curves is None or run.over or _is_exact(run, objective):
        return learned, process
    assert run.best is not None
    assert judge is None or isinstance(judge, DataObjective)
    fresh = new_points(objective.u, N_COMPARED_POINTS, seed)
    suffices = process is None or not is_significant(
        (curves.left_out.square().cpu() - process.left_out.square()).mean(1)
    )
    if judge is not None:
        suffices = suffices and not prefers(run.best, curves, judge, fresh, clearly=True)
    if not (suffices and (judge is not None or process is not None)):
        return learned, process
    take_curves(run, objective, plan, curves)
    run.history.decide("teacher", "a sum of curves, one per input: held-out rows do not ask for more")
    return "curves", None


def _run_process_stages(
    run: TrainingRun,
    objective: DataObjective,
    plan: TrainingPlan,
    seed: int,
    curves: CurveEstimate | None,
    known: Sequence[Covariance],
) -> tuple[bool, ProcessTeacher | None]:
    """Runs the stages of networks that learn from the rows or from a Gaussian process; the run keeps the best state.

    A Gaussian process is fitted first. Where it is less uncertain of the function than a row is, the network learns from it at
    once, and then from the rows, with the smoothing that they ask for; it must do better than by chance to replace the first.
    Elsewhere the network learns from the rows as it would without, and from the process if that predicts held-out rows better.
    The process is blended with the curves, if any, and its search goes on from the `known` covariances.

    Returns:
        Whether the network that the process taught was chosen; and the process, where there is one.
    """
    begun, judge = copy.deepcopy(objective.model), run.held_out
    assert judge is None or isinstance(judge, DataObjective)
    rows, fresh = rows_of(objective), new_points(objective.u, N_COMPARED_POINTS, seed)
    teacher = ProcessTeacher.of(rows, seed, curves, known) if objective.count <= MAX_EXACT_ROWS else None
    noisy = teacher is not None and teacher.noise > max(
        teacher.uncertainty(fresh), MIN_NOISE_SHARE * math.sqrt(objective.spread)
    )
    if noisy:
        assert teacher is not None
        taught, sentence = teach(run, objective, plan, teacher, seed)
        run.judge_anew(objective.on(taught), judge)
        own = smooth_edges(run, objective.on(copy.deepcopy(taught)), plan.method)
        rival, rival_score, penalties = own.model, run.score(own), own.penalties
    else:
        run_stages(run, objective, plan)
        assert run.best is not None
        rival, rival_score, penalties = run.best, run.best_score, run.best_penalties
        if run.over or (_is_exact(run, objective) and not lacks_judge(run, objective)):
            return False, teacher
        teacher = ProcessTeacher.of(rows, seed, curves, known) if teacher is None else teacher
        if judge is not None and prefers(rival, teacher, judge, fresh, clearly=False):
            run.history.decide("teacher", f"{teacher} predicts held-out rows no better: not followed")
            return False, teacher
        try:
            taught, sentence = teach(run, objective.on(begun), plan, teacher, seed)
        except KeyboardInterrupt:
            run.best, run.best_score, run.best_penalties = rival, rival_score, penalties
            raise
        if run.over and judge is None:  # cut short, and no rows to say what that has done
            run.judge_anew(objective.on(rival), None)
            return False, teacher
    run.judge_anew(objective.on(taught), judge)
    if judge is not None and (
        goes_astray(taught, rival, teacher, judge)
        or prefers(rival, taught.unit_forward, judge, fresh, clearly=noisy, known=teacher)
    ):
        run.best, run.best_score, run.best_penalties = rival, rival_score, penalties
        run.history.decide("teacher", f"{sentence}; held-out rows prefer the network that learned from the rows")
        return False, teacher
    run.best_penalties = penalties
    run.history.decide("teacher", f"{sentence}; it stays so, as held-out rows do not ask for another")
    return True, teacher


def teach(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, teacher: ProcessTeacher, seed: int
) -> tuple[KAN, str]:
    """Trains the network on the teacher's mean; the run keeps the best state.

    Args:
        run: A run, which is judged by points of the teacher's mean that the network does not learn from.
        objective: The rows, whose network is the start.
        plan: The plan of the training.
        teacher: The teacher, in the units of the objective.
        seed: Seed of the points that are drawn.

    Returns:
        The network, whose score is what it misses between the rows, and a sentence about it.
    """
    points = _points(objective, seed)
    unseen = new_points(objective.u, round(HELD_OUT_SHARE * len(points)), seed)
    student = replace(objective, u=points, t=teacher(points), weights=None)
    judge = run.held_out
    between = replace(student, u=unseen, t=teacher(unseen))
    run.judge_anew(student, between)
    try:
        with run.approximating("teacher, ", TARGET_SHARE * teacher.uncertainty(unseen), SETTLES):
            run_stages(run, student, replace(plan, starts=min(plan.starts, N_STARTS), smooths="never"))
            _exchange(run, student, plan, objective.u, teacher, seed)
        assert run.best is not None
        run.judge_anew(student.on(run.best), between)
    finally:
        run.held_out = judge
    misfit = run.best_score / math.sqrt(objective.spread)
    return run.best, f"{len(points)} points of {teacher} taught the network, which differs by {100 * misfit:.2g} %"


def finish(
    run: TrainingRun, everything: DataObjective, plan: TrainingPlan, seed: int, teacher: ProcessTeacher | None
) -> None:
    """The last steps of a network that learned from a process, or from curves: that learns from all rows, and it from that."""
    assert run.best is not None
    if teacher is None:
        run.held_out, curves = None, estimated_curves(everything)
        assert curves is not None
        take_curves(run, everything, plan, curves)
        return
    everything, penalties = everything.on(copy.deepcopy(run.best)), run.best_penalties
    curves = None if teacher.curves is None else estimated_curves(everything)
    knowing = ProcessTeacher.of(rows_of(everything), seed, curves, teacher.covariances)
    points = _points(everything, seed)
    student = replace(everything, u=points, t=knowing(points), weights=None)
    run.judge_anew(student, None)
    with run.approximating("teacher, ", TARGET_SHARE * knowing.uncertainty(points), SETTLES):
        run.advance(student, plan.method, N_FINAL_STEPS, "polish")
        _exchange(run, student, plan, everything.u, knowing, seed)
    run.judge_anew(student.on(run.best), None)
    extend_margins(run, student)  # of a few rows one is more than the points that a grid may leave out
    run.best_penalties = penalties


def _exchange(
    run: TrainingRun, student: DataObjective, plan: TrainingPlan, rows: Tensor, teacher: ProcessTeacher, seed: int
) -> None:
    """Adds points where the run's best network differs most from its teacher to those that it has learned from, and goes on.

    After Remez' exchange algorithm. A network that agrees with its teacher in the mean may be off by dozens of spreads in a
    corner that few of the points have come to, and a little beyond the rows. What is between the rows comes first: where it is
    met less well after it, the network stays as it was.
    """
    assert run.best is not None
    count, first = len(student.u), run.best
    between, all_round = new_points(rows, count // 4, seed), _candidates(rows, count, teacher, seed)
    inner = replace(student, u=between, t=teacher(between), weights=None)
    misfit = math.sqrt(inner.on(first).loss_value())
    most = max(MAX_LOSS * misfit, run.target)
    student = student.on(copy.deepcopy(first))
    run.judge_anew(student, replace(student, **vars(all_round)))
    for turn in range(1, 1 + N_EXCHANGES):
        if run.over or run.best_score < MAX_RATIO * misfit:
            break
        candidates = _candidates(rows, N_CANDIDATES * count, teacher, seed + turn)
        student = _with_hardest(student, candidates, math.ceil(HARD_SHARE * len(student.u)))
        run.advance(student, plan.method, N_EXCHANGE_STEPS, "exchange")
    if math.sqrt(inner.on(run.best).loss_value()) > most:
        run.judge_anew(student.on(first), inner)


@torch.no_grad()
def _with_hardest(student: DataObjective, some: Samples, count: int) -> DataObjective:
    """The objective with further points: the `count` of some where its network differs most from the teacher."""
    assert some.weights is not None
    differences = some.weights * (student.model.unit_forward(some.u) - some.t).square().mean(1)
    hardest = some.rows(differences.topk(count).indices)
    before = torch.ones_like(student.u[:, 0]) if student.weights is None else student.weights
    u, t = torch.cat([student.u, hardest.u]), torch.cat([student.t, hardest.t])
    return replace(student, u=u, t=t, weights=torch.cat([before, cast(Tensor, hardest.weights)]))


def _candidates(rows: Tensor, count: int, teacher: ProcessTeacher, seed: int) -> Samples:
    """New points between the rows, and beyond; the less a teacher knows of the mean there, the less they weigh."""
    outer = outer_points(rows, math.ceil(OUTER_SHARE * count), torch.Generator().manual_seed(seed))
    between = new_points(rows, count, seed)
    points = torch.cat([between, outer])
    means, deviations = teacher.posterior(points)
    variance = deviations.square().mean(1)
    weights = (teacher.uncertainty(between) ** 2 / variance.clamp_min(1e-300)).clamp_max(1)
    return Samples(points, means, normalised_weights(weights))


def _points(objective: DataObjective, seed: int) -> Tensor:
    """Draws the points that the network learns from: the rows, and others where further rows would lie."""
    count = max(MIN_POINTS, POINTS_PER_PARAMETER * objective.model.parameter_count(active=True))
    return draw_points(objective.u, count, torch.Generator().manual_seed(seed))


def _is_exact(run: TrainingRun, objective: DataObjective) -> bool:
    """Whether the run's best state leaves nothing to learn."""
    return run.best_score**2 < MAX_NEGLIGIBLE_SHARE * objective.spread
