"""Distillation of a Gaussian process: where rows are few or noisy, a network learns from the smooth estimate instead of the rows.

A network has no difficulty to be the better function; learning it from few rows is what fails. The process is fitted first, its
mean is known wherever one likes, without noise, and the network is trained on it (knowledge distillation, Hinton et al. 2015).
The held-out rows decide between that network and the one that learned from the rows themselves.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.additive import SumOfCurves, additive_fit, is_estimable
from splinework.train.additive_network import MAX_CLEAN_SHARE, may_hold_curves, rows_of, take_curves
from splinework.train.between_rows import N_COMPARED_POINTS, agree, blending_share, draw_points, new_points
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.gaussian_process import MAX_EXACT_ROWS, GaussianProcess, fit_process
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.plan import TrainingPlan
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
TARGET_SHARE = 0.25
"""Share of the teacher's own uncertainty below which following it more closely is not worth while: it adds 3 % to the error."""
N_STARTS, N_FINAL_STEPS, SETTLES = 4, 30, 0.2
"""Starts of the network, steps after the teacher has seen all rows, and the gain of ten steps below which a stage ends."""
MAX_SHARE = 0.99
"""The weight of the process from which on it is alone."""
MIN_FREE_SHARE = 0.1
"""Least share of the rows that is left beside the hyperparameters of a process."""
N_UNCERTAINTY_POINTS = 200
"""Points at which the teacher's uncertainty is evaluated."""


@dataclass(frozen=True)
class ProcessTeacher:
    """A Gaussian process per output, in network units, and curves blended with it (stacking, Wolpert 1992).

    The process lives on the CPU, and takes points of any device.

    Attributes:
        processes: One per output.
        curves: A sum of curves, or None.
        share: The weight of the process; one less it is that of the curves.
    """

    processes: tuple[GaussianProcess, ...]
    curves: SumOfCurves | None = None
    share: float = 1.0

    @classmethod
    def of(
        cls, rows: Samples, seed: int, curves: SumOfCurves | None = None, earlier: ProcessTeacher | None = None
    ) -> ProcessTeacher:
        """The teacher fitted to the rows, blended with the curves by weights from out-of-sample errors.

        Args:
            rows: The rows.
            seed: Seed of the sample of rows that hyperparameters are estimated from.
            curves: A sum of curves, or None.
            earlier: A teacher fitted to most of these rows, from which the search for hyperparameters goes on.
        """
        u, weights = rows.u.cpu(), None if rows.weights is None else rows.weights.cpu()
        begun = [None] * rows.t.shape[1] if earlier is None else [each.covariance for each in earlier.processes]
        columns = zip(rows.t.cpu().T, begun, strict=True)
        alone = cls(tuple(fit_process(u, column, weights=weights, seed=seed, begun=one) for column, one in columns))
        if curves is None:
            return alone
        share = blending_share(alone.left_out, curves.left_out.cpu())
        return alone if share > MAX_SHARE else cls(alone.processes, curves, share)

    @torch.no_grad()
    def __call__(self, u: Tensor) -> Tensor:
        """The posterior means `(N, outputs)`."""
        means = torch.stack([process(u.cpu()) for process in self.processes], dim=1).to(u.device)
        return means if self.curves is None else self.share * means + (1 - self.share) * self.curves(u)

    @torch.no_grad()
    def uncertainty(self, u: Tensor) -> float:
        """Root mean square of the posterior standard deviations over some of the points, and outputs."""
        u = u[:N_UNCERTAINTY_POINTS]
        deviations = torch.stack([process.deviation(u.cpu()) for process in self.processes], dim=1)
        squares = self.share**2 * deviations.square().mean()
        if self.curves is not None:
            squares = squares + ((1 - self.share) * self.curves.deviation(u)).square().mean().cpu()
        return math.sqrt(float(squares))

    @property
    def noise(self) -> float:
        """Root mean square of the outputs' noise, in network units."""
        return math.sqrt(sum(process.noise**2 for process in self.processes) / len(self.processes))

    @property
    def left_out(self) -> Tensor:
        """Residual of every row under the teacher without it, `(N, outputs)`.

        Hyperparameters have seen all rows, which makes those of a process too small: by as much, about, as half a row for each.
        """
        errors = torch.stack([process.left_out * _inflation(process) for process in self.processes], dim=1)
        return errors if self.curves is None else self.share * errors + (1 - self.share) * self.curves.left_out.cpu()

    def __str__(self) -> str:
        share = max(process.covariance.noise for process in self.processes) ** 0.5
        text = f"a Gaussian process ({self.processes[0].covariance.family}, noise {100 * share:.2g} % of the spread)"
        return (
            text
            if self.curves is None
            else f"{100 * self.share:.0f} % {text} and {100 - 100 * self.share:.0f} % curves"
        )


def is_teachable(objective: DataObjective, plan: TrainingPlan, options: TrainingOptions) -> bool:
    """Whether a Gaussian process may teach this fit: least squares of a network with hidden nodes, by default settings.

    With `starts=1` a network goes on from its own numbers; a short budget is for the rows.
    """
    return (
        plan.smooths == "noisy"
        and plan.steps is None
        and options.starts != 1
        and (options.budget is None or options.budget >= MIN_BUDGET)
        and type(objective) is DataObjective
        and isinstance(objective.criterion, Squared)
        and not objective.penalties
        and len(objective.model.kan_layers) > 1
        and all(layer.functions is None for layer in objective.model.kan_layers)
        and MIN_ROWS <= objective.count <= MAX_ROWS
        and objective.model.inputs <= MAX_INPUTS
        and objective.t.shape[1] <= MAX_OUTPUTS
        and objective.spread > 0
    )


def run_taught_stages(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, seed: int
) -> tuple[str, ProcessTeacher | None]:
    """Runs the stages of a fit that may have a teacher; the run keeps the best state.

    A sum of curves is the simplest network of all: it stays unless held-out rows clearly prefer another one.

    Args:
        run: A run before its first step.
        objective: The rows to fit.
        plan: The plan of the fit.
        seed: Seed of the points that are drawn.

    Returns:
        What the best state has learned from: `curves`, a Gaussian `process` or the `rows`; and the process, where there is one.
    """
    judge, curves = run.held_out, None
    if is_estimable(objective) and may_hold_curves(objective.model):
        curves = additive_fit(objective.model, rows_of(objective))
        if _share_left(curves.left_out, objective) < MAX_CLEAN_SHARE:
            take_curves(run, objective, plan, curves)
            run.history.decide("teacher", "a sum of curves leaves nothing to explain")
            return "curves", None
    taught, process = _run_process_stages(run, objective, plan, seed, curves)
    learned = "process" if taught else "rows"
    if curves is None or run.over or _is_exact(run, objective):
        return learned, process
    assert run.best is not None
    assert judge is None or isinstance(judge, DataObjective)
    fresh = new_points(objective.u, N_COMPARED_POINTS, seed)
    suffices = process is None or not _clearly_less(process.left_out, curves.left_out)
    if judge is not None:
        suffices = suffices and not _prefers(run.best, curves, judge, fresh, clearly=True)
    if not (suffices and (judge is not None or process is not None)):
        return learned, process
    take_curves(run, objective, plan, curves)
    run.history.decide("teacher", "a sum of curves, one per input: held-out rows do not ask for more")
    return "curves", None


def _run_process_stages(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, seed: int, curves: SumOfCurves | None
) -> tuple[bool, ProcessTeacher | None]:
    """Runs the stages of networks that learn from the rows or from a Gaussian process; the run keeps the best state.

    A Gaussian process is fitted first. Where it is less uncertain of the function than a row is, the network learns from it at
    once, and then from the rows, with the smoothing that they ask for; it must do better than by chance to replace the first.
    Elsewhere the network learns from the rows as it would without, and from the process if that predicts held-out rows better.

    Args:
        run: A run before its first step.
        objective: The rows to fit.
        plan: The plan of the fit.
        seed: Seed of the points that are drawn.
        curves: A sum of curves to blend with the process, or None.

    Returns:
        Whether the network that the process taught was chosen; and the process, where there is one.
    """
    begun, judge = copy.deepcopy(objective.model), run.held_out
    assert judge is None or isinstance(judge, DataObjective)
    rows, fresh = rows_of(objective), new_points(objective.u, N_COMPARED_POINTS, seed)
    teacher = ProcessTeacher.of(rows, seed, curves) if objective.count <= MAX_EXACT_ROWS else None
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
        teacher = ProcessTeacher.of(rows, seed, curves) if teacher is None else teacher
        if judge is not None and _prefers(rival, teacher, judge, fresh, clearly=False):
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
    if judge is not None and _prefers(rival, taught.unit_forward, judge, fresh, clearly=noisy):
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
        The network, and a sentence about it.
    """
    points = _points(objective, seed)
    unseen = new_points(objective.u, round(HELD_OUT_SHARE * len(points)), seed)
    student = replace(objective, u=points, t=teacher(points), weights=None)
    judge = run.held_out
    run.judge_anew(student, replace(student, u=unseen, t=teacher(unseen)))
    try:
        with run.approximating("teacher, ", TARGET_SHARE * teacher.uncertainty(unseen), SETTLES):
            run_stages(run, student, replace(plan, starts=min(plan.starts, N_STARTS), smooths="never", raises=False))
    finally:
        run.held_out = judge
    assert run.best is not None
    misfit = run.best_score / math.sqrt(objective.spread)
    return run.best, f"{len(points)} points of {teacher} taught the network, which differs by {100 * misfit:.2g} %"


def finish(
    run: TrainingRun, everything: DataObjective, plan: TrainingPlan, seed: int, teacher: ProcessTeacher | None
) -> None:
    """The last steps of a network that learned from a process, or from curves: that learns from all rows, and it from that."""
    assert run.best is not None
    if teacher is None:
        run.held_out = None
        take_curves(run, everything, plan, additive_fit(everything.model, rows_of(everything)))
        return
    everything, penalties = everything.on(copy.deepcopy(run.best)), run.best_penalties
    curves = None
    if is_estimable(everything) and may_hold_curves(everything.model):
        curves = additive_fit(everything.model, rows_of(everything))
    knowing = ProcessTeacher.of(rows_of(everything), seed, curves, teacher)
    points = _points(everything, seed)
    student = replace(everything, u=points, t=knowing(points), weights=None)
    run.judge_anew(student, None)
    with run.approximating("teacher, ", TARGET_SHARE * knowing.uncertainty(points), SETTLES):
        run.advance(student, plan.method, N_FINAL_STEPS, "polish")
    extend_margins(run, student)  # of a few rows one is more than the points that a grid may leave out
    run.best_penalties = penalties


def _points(objective: DataObjective, seed: int) -> Tensor:
    """Draws the points that the network learns from: the rows, and others where further rows would lie."""
    count = max(MIN_POINTS, POINTS_PER_PARAMETER * objective.model.parameter_count(active=True))
    return draw_points(objective.u, count, torch.Generator().manual_seed(seed))


def _inflation(process: GaussianProcess) -> float:
    """The factor of a process's left-out residuals that allows for its hyperparameters."""
    count = len(process.left_out)
    return math.sqrt(count / max(count - len(process.covariance.values) / 2, MIN_FREE_SHARE * count))


def _share_left(errors: Tensor, objective: DataObjective) -> float:
    """The mean square of errors as a share of the variance of the targets."""
    return float(errors.square().mean()) / objective.spread


def _clearly_less(one: Tensor, other: Tensor) -> bool:
    """Whether the squares of some errors `(N, q)` are less than of others by more than a standard error."""
    gain = (other.square() - one.square()).mean(1)
    return bool(gain.mean() > gain.std() / math.sqrt(len(gain)))


def _is_exact(run: TrainingRun, objective: DataObjective) -> bool:
    """Whether the run's best state leaves nothing to learn."""
    return run.best_score**2 < MAX_NEGLIGIBLE_SHARE * objective.spread


@torch.no_grad()
def _prefers(
    rival: KAN, smooth: Callable[[Tensor], Tensor], held_out: DataObjective, fresh: Tensor, *, clearly: bool
) -> bool:
    """Whether held-out rows prefer a rival to a smooth prediction, and the rival does not go astray between the rows.

    It is preferred where its squared error is smaller, `clearly`: by more than a standard error.
    """
    errors = [(f(held_out.u) - held_out.t).square().mean(1) for f in (smooth, rival.unit_forward)]
    if held_out.weights is not None:
        errors = [error * held_out.weights for error in errors]
    loss = errors[0] - errors[1]
    if loss.mean() <= (loss.std() / math.sqrt(len(loss)) if clearly else 0.0):
        return False
    return agree(smooth(fresh), rival.unit_forward(fresh), float(errors[0].mean() + errors[1].mean()))
