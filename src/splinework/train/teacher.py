"""Teachers of networks: a Gaussian process where rows are few or noisy, boosted trees where the target is rough.

A network has no difficulty to be the better function; learning it from few rows is what fails. The process is fitted first, its
mean is known wherever one likes, without noise, and the network is trained on it (knowledge distillation, Hinton et al. 2015).
The held-out rows decide between that network and the one that learned from the rows themselves. Where these predict rows that
they have not seen less well than boosted trees, the network learns from the trees.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

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
from splinework.train.between_rows import N_COMPARED_POINTS, goes_astray, new_points, prefers
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
from splinework.train.stages import run_stages

if TYPE_CHECKING:
    from splinework.train.boosting import BoostingTeacher
    from splinework.train.exchange import TeacherFunction

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
        source: `curves`, a Gaussian `process`, boosted `trees`, the `rows`, or no more than their `mean`.
        process: The process, where there is one.
        points: Points of the process beside the rows, where there are some.
        curves: The curves, where these are the source.
        trees: The trees, where these are the source.
    """

    source: Literal["curves", "process", "trees", "rows", "mean"]
    process: ProcessTeacher | None = None
    points: Samples | None = None
    curves: SumOfCurves | None = None
    trees: "BoostingTeacher | None" = None

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
    start = copy.deepcopy(objective.model)
    learned = _run_process_stages(run, objective, plan, seed, curves, begun, last)
    if run.over or _is_exact(run, objective):
        return learned
    if curves is not None:
        learned = _curves_or(learned, run, objective, plan, seed, curves, last=last)
    learned = _trees_or(learned, run, objective.on(start), plan, seed, last=last)
    estimate = learned.process if learned.curves is None else learned.curves
    if curves is None or estimate is None or learned.source in ("rows", "trees"):
        return learned
    if shows_nothing(estimate.left_out, objective):
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


def _trees_or(
    learned: Learned, run: TrainingRun, objective: DataObjective, plan: TrainingPlan, seed: int, *, last: bool
) -> Learned:
    """Replaces what a network has learned by boosted trees, where these predict unseen rows better and it can follow them."""
    if run.held_out is None or run.best_score**2 < MAX_LEFT_SHARE * objective.spread:
        return learned
    from splinework.train.boosting import taught_by_trees  # loaded where networks leave something to learn

    estimate = learned.process if learned.curves is None else learned.curves
    teacher = taught_by_trees(run, objective, plan, estimate, seed, followed=learned.source != "rows", last=last)
    return learned if teacher is None else Learned("trees", trees=teacher)


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
    from splinework.train.distillation import teach  # loaded by the first network that has a process
    from splinework.train.exchange import keep_near, stays_near

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


def finish(run: TrainingRun, everything: DataObjective, plan: TrainingPlan, seed: int, learned: Learned) -> None:
    """The last steps of a network that has learned from an estimate: that learns from all rows, and the network from that."""
    assert run.best is not None
    if learned.source == "mean":
        run.held_out = None
        return take_constant(run, everything)
    if learned.source == "curves":
        run.held_out, curves = None, estimated_curves(everything, learned.curves)
        assert curves is not None
        take_curves(run, everything, plan, curves)
        return
    from splinework.train.distillation import teach_finally

    everything, penalties = everything.on(copy.deepcopy(run.best)), run.best_penalties
    knowing: TeacherFunction
    if learned.trees is None:
        assert learned.process is not None
        # Where the network is far from the process, hyperparameters of more rows would not make it a better one.
        left_out = replace(learned.process, curves=None).left_out
        far = run.best_score > MAX_BEHIND * float(left_out.square().mean().sqrt())
        knowing = _process_of_all(run, everything, seed, learned.process, quick=far)
    else:
        from splinework.train.boosting import BoostedTrees, BoostingTeacher

        beside, trees = learned.trees.beside, learned.trees.trees
        if isinstance(beside, ProcessTeacher):
            beside = _process_of_all(run, everything, seed, beside, quick=True)
        elif isinstance(beside, SumOfCurves):
            beside = estimated_curves(everything, beside)
        knowing = BoostingTeacher.of(BoostedTrees.of(everything.samples, seed, trees.leaves), beside)
    teach_finally(run, everything, plan, knowing, seed, rough=learned.source == "trees")
    run.best_penalties = penalties


def _process_of_all(
    run: TrainingRun, everything: DataObjective, seed: int, teacher: ProcessTeacher, *, quick: bool
) -> ProcessTeacher:
    """The process of most rows, and the curves beside it, fitted to all rows."""
    known = teacher.curves if isinstance(teacher.curves, SumOfCurves) else None
    curves = None if teacher.curves is None else estimated_curves(everything, known)
    return ProcessTeacher.of(everything.samples, seed, curves, teacher.covariances, quick=quick, deadline=run.half_time)


def _is_exact(run: TrainingRun, objective: DataObjective) -> bool:
    """Whether the run's best state leaves nothing to learn: not if it goes through rows so few that any state could."""
    return run.best_score**2 < MAX_NEGLIGIBLE_SHARE * objective.spread and not lacks_judge(run, objective)
