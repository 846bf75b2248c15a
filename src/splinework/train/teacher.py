"""Distillation of a Gaussian process: where rows are few or noisy, a network learns from the smooth estimate instead of the rows.

A network has no difficulty to be the better function; learning it from few rows is what fails. The process is fitted first, its
mean is known wherever one likes, without noise, and the network is trained on it (knowledge distillation, Hinton et al. 2015).
The held-out rows decide between that network and the one that learned from the rows themselves.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.additive import SumOfCurves
from splinework.train.additive_network import (
    better_process,
    estimated_curves,
    is_ahead,
    leaves_nothing,
    shows_nothing,
    take_constant,
    take_curves,
)
from splinework.train.between_rows import N_COMPARED_POINTS, draw_points, goes_astray, new_points, prefers
from splinework.train.covariance import Covariance
from splinework.train.curve import CurveEstimate
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.gaussian_process import EVIDENCE_ROWS, MAX_EXACT_ROWS
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.plan import TrainingPlan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.refinement import may_grow
from splinework.train.run import TrainingRun
from splinework.train.smoothing import lacks_judge, smooth_edges
from splinework.train.stages import extend_margins, run_stages

MIN_ROWS, MAX_ROWS, MAX_INPUTS, MAX_OUTPUTS = 8, 20_000, 64, 6
"""Sizes for which there is a teacher: with fewer rows nothing can be estimated, more say enough themselves."""
MIN_BUDGET = 10.0
"""Seconds that are given, below which there is no teacher."""
MAX_NEGLIGIBLE_SHARE = 1e-10
"""Share of the variance left by a network that needs no teacher."""
MAX_FOUND_SHARE = 1e-8
"""The same, left by a sum of curves of few rows that is the function itself, in corners without rows too."""
MAX_BEHIND = 3.0
"""Ratio of held-out errors from which on a process by some hundred rows, or a network that creeps, is far behind the other."""
MAX_LEFT_SHARE, MAX_OUTPACED_SHARE = 1e-4, 1e-2
"""Share of the held-out variance below which what rows have taught is a better start than a random one; and if they creep."""
MIN_NOISE_SHARE = 1e-3
"""Noise, as a share of the spread, below which a network may find the function itself, and is tried on the rows first."""
MIN_POINTS, POINTS_PER_PARAMETER, HELD_OUT_SHARE = 1500, 3, 0.15
"""Points that the network learns from, and the share of as many again by which its states are judged."""
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


@dataclass(frozen=True)
class Learned:
    """The source of what a network has learned.

    Attributes:
        source: `curves`, a Gaussian `process`, the `rows`, or no more than their `mean`.
        process: The process, where there is one.
        points: Points of the process beside the rows, where there are some.
        curves: The curves, where these are the source.
    """

    source: Literal["curves", "process", "rows", "mean"]
    process: ProcessTeacher | None = None
    points: Samples | None = None
    curves: SumOfCurves | None = None

    def beside(self, objective: DataObjective) -> DataObjective:
        """The objective with these points, if any."""
        return objective if self.points is None else objective.with_points(**vars(self.points))


def run_taught_stages(
    run: TrainingRun,
    objective: DataObjective,
    plan: TrainingPlan,
    seed: int,
    begun: Sequence[Covariance] = (),
    *,
    last: bool = True,
) -> Learned:
    """Runs the stages of a fit that may have a teacher; the run keeps the best state.

    A sum of curves is the simplest network of all: it stays unless held-out rows clearly prefer another one.
    The search for the process goes on from the covariances `begun`, where there are some. Curves do not grow unless these are
    the `last` stages.

    Returns:
        What the best state has learned from.
    """
    curves = estimated_curves(objective)
    if curves is not None and leaves_nothing(curves, objective):
        judged = run.held_out is not None and objective.count <= EVIDENCE_ROWS
        take_curves(run, objective, plan, curves, grows=last or judged)
        asks = judged and not run.over and run.best_score**2 > MAX_FOUND_SHARE * objective.spread
        better = better_process(curves, objective, seed, begun, run) if asks else None
        if better is None:
            run.history.decide("teacher", "a sum of curves leaves nothing to explain")
            return Learned("curves", curves=curves)
        run.judge_anew(objective, run.held_out)
        begun = better.covariances
    learned = _run_process_stages(run, objective, plan, seed, curves, begun, last)
    if curves is None or run.over or _is_exact(run, objective):
        return learned
    learned = _curves_or(learned, run, objective, plan, seed, curves, last=last)
    estimate = learned.process if learned.curves is None else learned.curves
    if learned.source != "rows" and estimate is not None and shows_nothing(estimate.left_out, objective):
        take_constant(run, objective)
        run.history.decide("teacher", "the mean: nothing predicts rows better that it has not seen")
        return Learned("mean")
    return learned


def _curves_or(
    learned: Learned,
    run: TrainingRun,
    objective: DataObjective,
    plan: TrainingPlan,
    seed: int,
    curves: SumOfCurves,
    *,
    last: bool,
) -> Learned:
    """The curves in place of what a network has learned, unless rows that neither has seen clearly ask for more."""
    judge = run.held_out
    assert run.best is not None
    assert judge is None or isinstance(judge, DataObjective)
    process, fresh = learned.process, new_points(objective.u, N_COMPARED_POINTS, seed)
    suffices = process is None or not is_ahead(process, curves, objective, process.misfit(run.best.unit_forward, fresh))
    suffices = suffices and (judge is None or not prefers(run.best, curves, judge, fresh, clearly=True))
    if not (suffices and (judge is not None or process is not None)):
        return learned
    take_curves(run, objective, plan, curves, grows=last)
    run.history.decide("teacher", "a sum of curves, one per input: held-out rows do not ask for more")
    return Learned("curves", curves=curves)


def _run_process_stages(
    run: TrainingRun,
    objective: DataObjective,
    plan: TrainingPlan,
    seed: int,
    curves: CurveEstimate | None,
    known: Sequence[Covariance],
    last: bool,
) -> Learned:
    """Runs the stages of networks that learn from the rows or from a Gaussian process; the run keeps the best state.

    A Gaussian process is fitted first. Where it is less uncertain of the function than a row is, or any network goes through rows
    so few that none judge, the network learns from it at once, and then from the rows, with the smoothing that they ask for; it
    must do better than by chance to replace the first.
    Elsewhere the network learns from the rows as it would without, is kept near the process where no rows are, and learns from
    that if it predicts held-out rows better. Where it creeps towards a process that is far ahead, it learns from that at once.
    The process is blended with the curves, if any, and its search goes on from the `known` covariances.
    """
    from splinework.train.exchange import keep_near, stays_near  # loaded by the first network that has a process

    begun, judge, points, left = copy.deepcopy(objective.model), run.held_out, None, False
    assert judge is None or isinstance(judge, DataObjective)
    rows, exact = objective.samples, objective.count <= MAX_EXACT_ROWS
    fresh = new_points(objective.u, N_COMPARED_POINTS, seed)

    def asked(begun: Sequence[Covariance], *, quick: bool = False) -> ProcessTeacher:
        return ProcessTeacher.of(rows, seed, curves, begun, quick=quick, deadline=run.half_time)

    def sees_noise(teacher: ProcessTeacher) -> bool:
        return teacher.noise > max(teacher.uncertainty(fresh), MIN_NOISE_SHARE * math.sqrt(objective.spread))

    noisy = unjudged = exact and lacks_judge(run, objective)
    teacher = asked(known, quick=not unjudged) if exact else None
    if teacher is not None and not unjudged and sees_noise(teacher):
        teacher = asked(teacher.covariances)
        noisy = sees_noise(teacher)
    if noisy:
        assert teacher is not None
        taught, sentence = teach(run, objective, plan, teacher, seed, last)
        run.judge_anew(objective.on(taught), judge)
        own = smooth_edges(run, objective.on(copy.deepcopy(taught)), plan.method)
        rival, rival_score, penalties = own.model, run.score(own), own.penalties
    else:
        if teacher is not None and judge is not None and not may_grow(objective, 1.0):
            run.ahead = judge.error(teacher(judge.u))
        run_stages(run, objective, plan)
        assert run.best is not None
        behind, run.ahead = run.history.creeps(run.ahead), 0.0
        if run.over or _is_exact(run, objective):
            return Learned("rows", teacher)
        far = teacher is not None and judge is not None and _missed(teacher, judge) > MAX_BEHIND * run.best_score
        if teacher is None or not (far and stays_near(run, objective, teacher, seed)):
            teacher = asked(known if teacher is None else teacher.covariances)
        alone, points = run.best_score**2, None
        left = behind and judge is not None and MAX_BEHIND * _missed(teacher, judge) < run.best_score
        left = left and judge is not None and not prefers(run.best, teacher, judge, fresh, clearly=False)
        if exact and judge is not None and not left:
            points = keep_near(run, objective, plan, teacher, seed)
        rival, rival_score, penalties = run.best, run.best_score, run.best_penalties
        if judge is not None and not left and prefers(rival, teacher, judge, fresh, clearly=False):
            run.history.decide("teacher", f"{teacher} predicts held-out rows no better: not followed")
            return Learned("rows", teacher, points)
        if judge is not None and alone < (MAX_OUTPACED_SHARE if behind else MAX_LEFT_SHARE) * objective.spread:
            begun, plan = copy.deepcopy(rival), replace(plan, starts=1)
        try:
            taught, sentence = teach(run, objective.on(begun), plan, teacher, seed, last)
        except KeyboardInterrupt:
            run.best, run.best_score, run.best_penalties = rival, rival_score, penalties
            raise
        if run.over and judge is None:  # cut short, and no rows to say what that has done
            run.judge_anew(objective.on(rival), None)
            return Learned("rows", teacher)
    run.judge_anew(objective.on(taught), judge)
    if judge is not None and (
        goes_astray(taught, rival, teacher, judge)
        or prefers(rival, taught.unit_forward, judge, fresh, clearly=noisy, known=teacher)
    ):
        run.best, run.best_score, run.best_penalties = rival, rival_score, penalties
        points = keep_near(run, objective, plan, teacher, seed) if left else points
        run.history.decide("teacher", f"{sentence}; held-out rows prefer the network that learned from the rows")
        return Learned("rows", teacher, points)
    run.best_penalties = penalties
    run.history.decide("teacher", f"{sentence}; it stays so, as held-out rows do not ask for another")
    return Learned("process", teacher)


def _missed(teacher: ProcessTeacher, judge: DataObjective) -> float:
    """The root of what a teacher misses held-out rows by."""
    return math.sqrt(float((teacher(judge.u) - judge.t).square().mean()))


def teach(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, teacher: ProcessTeacher, seed: int, end: bool = True
) -> tuple[KAN, str]:
    """Trains the network on the teacher's mean; the run keeps the best state.

    Args:
        run: A run, which is judged by points of the teacher's mean that the network does not learn from.
        objective: The rows, whose network is the start.
        plan: The plan of the training.
        teacher: The teacher, in the units of the objective.
        seed: Seed of the points that are drawn.
        end: Whether no `finish` follows, which learns what lies beyond the rows.

    Returns:
        The network, whose score is what it misses between the rows, and a sentence about it.
    """
    from splinework.train.exchange import exchange  # loaded by the first network that is taught

    points = _points(objective, seed)
    unseen = new_points(objective.u, round(HELD_OUT_SHARE * len(points)), seed)
    student = replace(objective, u=points, t=teacher(points), weights=None)
    judge = run.held_out
    between = replace(student, u=unseen, t=teacher(unseen))
    run.judge_anew(student, between)
    try:
        with run.approximating("teacher, ", TARGET_SHARE * teacher.uncertainty(unseen), SETTLES):
            run_stages(run, student, replace(plan, starts=min(plan.starts, N_STARTS), smooths="never"))
            if end:
                exchange(run, student, plan, objective.u, teacher, seed)
        assert run.best is not None
        run.judge_anew(student.on(run.best), between)
    finally:
        run.held_out = judge
    misfit = run.best_score / math.sqrt(objective.spread)
    return run.best, f"{len(points)} points of {teacher} taught the network, which differs by {100 * misfit:.2g} %"


def finish(run: TrainingRun, everything: DataObjective, plan: TrainingPlan, seed: int, learned: Learned) -> None:
    """The last steps of a network that learned from a process, or from curves: that learns from all rows, and it from that."""
    assert run.best is not None
    teacher = learned.process
    if learned.source == "mean":
        run.held_out = None
        return take_constant(run, everything)
    if teacher is None:
        run.held_out, curves = None, estimated_curves(everything, learned.curves)
        assert curves is not None
        take_curves(run, everything, plan, curves)
        return
    from splinework.train.exchange import exchange  # loaded by the first network that is taught

    everything, penalties = everything.on(copy.deepcopy(run.best)), run.best_penalties
    known = teacher.curves if isinstance(teacher.curves, SumOfCurves) else None
    curves = None if teacher.curves is None else estimated_curves(everything, known)
    # Where the network is far from the process, hyperparameters of more rows would not make it a better one.
    far = run.best_score > MAX_BEHIND * float(replace(teacher, curves=None).left_out.square().mean().sqrt())
    knowing = ProcessTeacher.of(
        everything.samples, seed, curves, teacher.covariances, quick=far, deadline=run.half_time
    )
    points = _points(everything, seed)
    student = replace(everything, u=points, t=knowing(points), weights=None)
    run.judge_anew(student, None)
    with run.approximating("teacher, ", TARGET_SHARE * knowing.uncertainty(points), SETTLES):
        run.advance(student, plan.method, N_FINAL_STEPS, "polish")
        exchange(run, student, plan, everything.u, knowing, seed)
    run.judge_anew(student.on(run.best), None)
    extend_margins(run, student)  # of a few rows one is more than the points that a grid may leave out
    run.best_penalties = penalties


def _points(objective: DataObjective, seed: int) -> Tensor:
    """Draws the points that the network learns from: the rows, and others where further rows would lie."""
    count = max(MIN_POINTS, POINTS_PER_PARAMETER * objective.model.parameter_count(active=True))
    return draw_points(objective.u, count, torch.Generator().manual_seed(seed))


def _is_exact(run: TrainingRun, objective: DataObjective) -> bool:
    """Whether the run's best state leaves nothing to learn: not if it goes through rows so few that any state could."""
    return run.best_score**2 < MAX_NEGLIGIBLE_SHARE * objective.spread and not lacks_judge(run, objective)
