"""Remez' exchange: a network learns points where it differs most from a Gaussian process, between the rows and beyond them.

A network that agrees with its teacher in the mean, or with its rows, may be off by dozens of spreads in a corner that few of them
have come to. The process knows how much it knows there.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.between_rows import new_points, outer_points
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples, normalised_weights
from splinework.train.plan import TrainingPlan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.run import TrainingRun

OUTER_SHARE, HARD_SHARE = 0.5, 0.25
"""Points beyond the rows for each one between them, by which a network is judged, and points that are added at a time, as a share
of those that it has learned from: where it differs most from the process."""
N_CANDIDATES, N_EXCHANGES, N_EXCHANGE_STEPS = 2, 4, 20
"""Candidates for each point learned from, how often some are added at most, and steps after each time."""
MAX_RATIO, MAX_LOSS, MIN_GAIN = 2.0, 1.1, 0.2
"""How much more than between the rows, or at the points that it has learned, a network may differ from the process all round, so
that nothing is added; how much more between the rows after a taught one has learned what lies beyond them; and the share by which
points must have lowered what it differs by, so that more are added."""
MAX_EXCESS, MAX_OFF = 10.0, 1e-3
"""A network that misses its points by this multiple of what its teacher asks for can do no better: where it is off all round by
less than this share of the spread, nothing is added, as what is won beyond the rows is lost between them and taken back."""


class TeacherFunction(Protocol):
    """A function in network units that a network learns, and what is known of its errors."""

    def __call__(self, u: Tensor) -> Tensor:
        """The function `(M, outputs)` at points `(M, inputs)`."""

    def posterior(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The function and its standard deviations, `(M, outputs)` each."""

    def uncertainty(self, u: Tensor) -> float:
        """Root mean square of its standard deviations at points."""


def exchange(
    run: TrainingRun, student: DataObjective, plan: TrainingPlan, rows: Tensor, teacher: TeacherFunction, seed: int
) -> None:
    """Goes on from the run's best network, which a teacher has taught, where it differs most from that.

    Where what is between the rows is met less well after it, the network stays as it was.

    Args:
        run: The run; its best state changes.
        student: The points that the network has learned from.
        plan: The plan of the training.
        rows: The rows `(N, inputs)`, between and beyond which points are drawn.
        teacher: The teacher.
        seed: Seed of the points.
    """
    between = new_points(rows, len(student.u) // 4, seed)
    inner = replace(student, u=between, t=teacher(between), weights=None)
    assert run.best is not None
    first, misfit = run.best, math.sqrt(inner.on(run.best).loss_value())
    least = MAX_OFF * math.sqrt(student.spread) if misfit > MAX_EXCESS * run.target else 0.0
    around = _Surroundings(student, rows, inner, teacher, teacher.uncertainty(between) ** 2, seed, least)
    _bring_near(run, plan, around)
    if math.sqrt(inner.on(run.best).loss_value()) > max(MAX_LOSS * misfit, run.target):
        run.judge_anew(student.on(first), inner)


def stays_near(run: TrainingRun, objective: DataObjective, teacher: ProcessTeacher, seed: int) -> bool:
    """Whether the run's best network, which the rows have taught, is nowhere off by more than a process allows."""
    assert run.best is not None
    judge, enough, _ = _Surroundings.beside_rows(run, objective, teacher, seed).judged(run.best)
    return judge.on(run.best).loss_value() < enough**2


def keep_near(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, teacher: ProcessTeacher, seed: int
) -> Samples | None:
    """Brings a network that the rows have taught nearer to a process, where it is off by more than that can be.

    Rows say most of what is among them, and nothing of corners where none lies; a process knows how much it knows there. Its
    means count beside the rows in proportion to the squared error of rows held out over its own variance.

    Args:
        run: The run, with rows that are held out; its best state changes.
        objective: The rows.
        plan: The plan of the training.
        teacher: The process.
        seed: Seed of the points.

    Returns:
        The points of the process that the best network has learned from, or None.
    """
    held, count = run.held_out, objective.count
    around = _Surroundings.beside_rows(run, replace(objective, penalties=run.best_penalties), teacher, seed)
    try:
        known = _bring_near(run, plan, around)
        assert run.best is not None
        run.judge_anew(known.on(run.best), held)
    finally:
        run.held_out = held
    if known.count == count:
        return None
    assert known.weights is not None
    what = f"{known.count - count} points of {teacher} keep the network near it where there are no rows"
    run.history.decide("teacher", what)
    return Samples(known.u[count:], known.t[count:], known.weights[count:])


@dataclass(frozen=True)
class _Surroundings:
    """The points all round the rows, where a network should be near to a process.

    Attributes:
        student: The objective that the network has learned from so far.
        rows: The rows `(N, inputs)`.
        inner: Points between the rows, or rows that are held out.
        teacher: The process.
        variance: The variance up to which its means count fully.
        seed: Seed of the points.
        least: The difference from the process, in the mean, that any network may have.
        with_rows: Whether the network learns rows, of weight 1, and is judged by others too; else the mean weight is 1.
    """

    student: DataObjective
    rows: Tensor
    inner: DataObjective
    teacher: TeacherFunction
    variance: float
    seed: int
    least: float = 0.0
    with_rows: bool = False

    @classmethod
    def beside_rows(
        cls, run: TrainingRun, objective: DataObjective, teacher: ProcessTeacher, seed: int
    ) -> _Surroundings:
        """The surroundings for a network that the rows have taught, by the rows that the run has held out."""
        held = run.held_out
        assert run.best is not None
        assert isinstance(held, DataObjective)
        means, deviations = teacher.posterior(held.u)
        off = float((means - held.t).square().mean() / (deviations.square() + teacher.noise**2).mean())
        variance = held.on(run.best).loss_value() / max(off, 1.0)
        return cls(objective, objective.u, held, teacher, variance, seed, with_rows=True)

    def points(self, count: int, turn: int = 0) -> Tensor:
        """New points between the rows, and half as many beyond; others at every turn."""
        seed = self.seed + turn
        outer = outer_points(self.rows, math.ceil(OUTER_SHARE * count), torch.Generator().manual_seed(seed))
        return torch.cat([new_points(self.rows, count, seed), outer])

    def certainty(self, deviations: Tensor) -> Tensor:
        """Weights `(N,)`, at most 1, of points where the process has these standard deviations `(N, outputs)`."""
        return (self.variance / deviations.square().mean(1).clamp_min(1e-300)).clamp_max(1)

    def judged(self, model: KAN) -> tuple[DataObjective, float, float]:
        """The objective that judges networks, the root of it that is near enough for this one, and the unit of weights."""
        points = self.points(len(self.student.u))
        means, deviations = self.teacher.posterior(points)
        weights, misfit = self.certainty(deviations), math.sqrt(self.inner.on(model).loss_value())
        if not self.with_rows:
            judge = replace(self.student, u=points, t=means, weights=normalised_weights(weights))
            misfit = min(misfit, math.sqrt(self.student.on(model).loss_value()))
            return judge, max(MAX_RATIO * misfit, self.least), float(weights.mean())
        count = len(points) + self.inner.count
        own = self.inner.samples.all_weights
        shares = torch.cat([weights * (count / len(points)), own * (count / len(own))])  # the sum of both means
        u, t = torch.cat([points, self.inner.u]), torch.cat([means, self.inner.t])
        return (
            replace(self.student, u=u, t=t, weights=shares, penalties=()),
            math.hypot(MAX_RATIO * misfit, misfit),
            1.0,
        )

    @torch.no_grad()
    def with_hardest(self, student: DataObjective, points: Tensor, scale: float) -> DataObjective:
        """The objective with those of some points where its network differs most from the process, by weights over a scale.

        As no weight is above 1, deviations are asked where differences are largest, until all others are too small.
        """
        means, count = self.teacher(points), math.ceil(HARD_SHARE * len(student.u))
        differences = (student.model.unit_forward(points) - means).square().mean(1)
        weights = torch.zeros_like(differences)
        for part in differences.argsort(descending=True).split(count):
            weights[part] = self.certainty(self.teacher.posterior(points[part])[1])
            hardest = (weights * differences).topk(count)
            if differences[part[-1]] <= hardest.values[-1]:
                break
        chosen = hardest.indices
        return student.with_points(points[chosen], means[chosen], weights[chosen] / scale)


def _bring_near(run: TrainingRun, plan: TrainingPlan, around: _Surroundings) -> DataObjective:
    """Adds points where the run's best network differs most from the process to those that it has learned from, and goes on.

    Returns:
        The objective with what the best network has learned from.
    """
    assert run.best is not None
    student, known, count = around.student.on(copy.deepcopy(run.best)), around.student, len(around.student.u)
    judge, enough, scale = around.judged(run.best)
    run.judge_anew(student, judge)
    before = math.inf
    for turn in range(1, 1 + N_EXCHANGES):
        if run.over or run.best_score < enough or run.best_score > (1 - MIN_GAIN) * before:
            break
        points, before = around.points(N_CANDIDATES * count, turn), run.best_score
        student = around.with_hardest(student, points, scale)
        run.advance(student, plan.method, N_EXCHANGE_STEPS, "exchange")
        known = student if run.best_score < before else known
    return known
