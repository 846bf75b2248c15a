"""Gradient-boosted trees: the function that a network learns where the target is rough.

Steps and thresholds in several inputs are what trees find in few rows, and smooth models do not. Trees of the rows without each
fold are averaged (bagging, Breiman 1996), which is the better function, and each row has a prediction that has not seen it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor

from splinework.train.between_rows import blending_share, cross_validated, goes_astray, is_significant
from splinework.train.curve import CurveEstimate
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.distillation import teach
from splinework.train.plan import TrainingPlan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.run import TrainingRun

LEAVES = (8, 31)
"""Leaves of a tree that are tried: few rows hold no more, and 31 are what scikit-learn's own trees have."""
MAX_BEHIND = 3.0
"""Standard errors by which small trees may be behind a rival so that larger ones are tried."""
MIN_SHARE = 0.05
"""The weight of the estimate beside the trees below which these are alone."""


@dataclass(frozen=True)
class BoostedTrees:
    """Boosted trees for each output, the mean of as many as there are folds; in network units, on the CPU.

    Attributes:
        members: For each fold the models of the outputs, fitted to all other folds.
        leaves: Leaves of a tree, at most.
        left_out: Residual of every row under the trees without its fold, `(N, q)`.
    """

    members: Sequence[Sequence[HistGradientBoostingRegressor]]
    leaves: int
    left_out: Tensor

    @classmethod
    def of(cls, rows: Samples, seed: int, leaves: int) -> BoostedTrees:
        """The trees of the rows, with a seed for the random numbers of scikit-learn."""
        members: list[list[HistGradientBoostingRegressor]] = []

        def fitted(seen: Tensor) -> Callable[[Tensor], Tensor]:
            u, weights = rows.u[seen].cpu().numpy(), None if rows.weights is None else rows.weights[seen].cpu().numpy()
            how: dict[str, Any] = {"max_leaf_nodes": leaves, "random_state": seed}
            members.append(
                [HistGradientBoostingRegressor(**how).fit(u, y, weights) for y in rows.t[seen].cpu().numpy().T]
            )
            return partial(_predicted, members[-1])

        left_out = cross_validated(rows.u, rows.t, fitted)
        return cls(members, leaves, left_out)

    def __call__(self, u: Tensor) -> Tensor:
        """The means of the members' predictions `(M, q)` at `u (M, inputs)`."""
        return torch.stack([_predicted(trees, u) for trees in self.members]).mean(0)


def _predicted(trees: Sequence[HistGradientBoostingRegressor], u: Tensor) -> Tensor:
    """The predictions of the models of all outputs `(M, q)` at `u (M, inputs)`."""
    points = u.cpu().numpy()
    return torch.stack([torch.from_numpy(each.predict(points)) for each in trees], dim=1).to(u)


def best_trees(rows: Samples, seed: int, rival: Tensor) -> tuple[BoostedTrees, bool]:
    """The trees whose left-out rows are met best; larger ones are tried unless the smaller are far behind.

    Args:
        rows: The rows.
        seed: Seed of the trees.
        rival: Squared errors of a rival at rows that it has not seen, `(N,)`.

    Returns:
        The trees, and whether they are ahead of the rival by more than a standard error.
    """

    def gains(trees: BoostedTrees) -> Tensor:
        return rival - trees.left_out.square().mean(1)

    tried = [BoostedTrees.of(rows, seed, LEAVES[0])]
    if not is_significant(-gains(tried[0]), rows.weights, MAX_BEHIND):
        tried += [BoostedTrees.of(rows, seed, leaves) for leaves in LEAVES[1:]]
    best = max(tried, key=lambda trees: float(rows.all_weights @ gains(trees)))
    return best, is_significant(gains(best), rows.weights)


def better_trees(rows: Samples, seed: int, estimate: ProcessTeacher | CurveEstimate) -> BoostingTeacher | None:
    """Blends trees with a smooth estimate, where they predict left-out rows better by more than a standard error; else None."""
    trees, is_ahead = best_trees(rows, seed, estimate.left_out.to(rows.t).square().mean(1))
    return BoostingTeacher.of(trees, estimate) if is_ahead else None


@dataclass(frozen=True)
class BoostingTeacher:
    """Boosted trees, blended with a smooth estimate by weights from left-out rows (stacking, Wolpert 1992), in network units.

    Attributes:
        trees: The trees.
        beside: The smooth estimate, or None.
        share: Its weight; one less it is that of the trees.
    """

    trees: BoostedTrees
    beside: ProcessTeacher | CurveEstimate | None = None
    share: float = 0.0

    @classmethod
    def of(cls, trees: BoostedTrees, beside: ProcessTeacher | CurveEstimate | None) -> BoostingTeacher:
        """The blend of both; the trees alone where the other adds nothing."""
        if beside is None:
            return cls(trees)
        share = blending_share(beside.left_out.to(trees.left_out), trees.left_out)
        return cls(trees) if share < MIN_SHARE else cls(trees, beside, share)

    @torch.no_grad()
    def __call__(self, u: Tensor) -> Tensor:
        """The function `(M, outputs)` at `u (M, inputs)`."""
        steps = self.trees(u)
        return steps if self.beside is None else self.share * self.beside(u) + (1 - self.share) * steps

    def posterior(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The function, and its uncertainty, which is the same everywhere, `(M, outputs)` each."""
        means = self(u)
        return means, torch.full_like(means, self.uncertainty(u))

    def uncertainty(self, u: Tensor) -> float:
        """Root mean square of the residuals of left-out rows, noise and all: an upper bound of the function's error."""
        return math.sqrt(float(self.left_out.square().mean()))

    @property
    def left_out(self) -> Tensor:
        """Residual of every row under the teacher without it, `(N, outputs)`."""
        own = self.trees.left_out
        return own if self.beside is None else self.share * self.beside.left_out.to(own) + (1 - self.share) * own

    def __str__(self) -> str:
        text = f"boosted trees of up to {self.trees.leaves} leaves"
        if self.beside is None:
            return text
        other = "curves" if isinstance(self.beside, CurveEstimate) else self.beside
        return f"{100 - 100 * self.share:.0f} % {text} and {100 * self.share:.0f} % {other}"


def taught_by_trees(
    run: TrainingRun,
    objective: DataObjective,
    plan: TrainingPlan,
    estimate: ProcessTeacher | CurveEstimate | None,
    seed: int,
    *,
    followed: bool,
    last: bool,
) -> BoostingTeacher | None:
    """Teaches a network by boosted trees, where these predict unseen rows clearly better than the run's best one does.

    All rows are unseen by a smooth estimate without them, and so by a network that has followed it. Of one that has learned from
    rows only those are that the run holds out: few, so that trees which are better there need not be so clearly, where they
    clearly are better than the estimate of all rows. The held-out rows decide, at the end, between both networks.

    Args:
        run: A run with rows that are held out; it keeps the network that they prefer.
        objective: The rows, whose network is the start.
        plan: The plan of the training.
        estimate: A smooth estimate of the rows, which trees are blended with, or None.
        seed: Seed of folds and points.
        followed: Whether the run's best network has followed the estimate.
        last: Whether no `finish` follows.

    Returns:
        The teacher, or None where the network stays as it was.
    """
    judge = run.held_out
    assert isinstance(judge, DataObjective)
    assert run.best is not None
    kept, rows = (run.best, run.best_score, run.best_penalties), objective.samples
    with torch.no_grad():
        errors = (run.best.unit_forward(judge.u) - judge.t).square().mean(1)
    rival = errors.mean().expand(len(rows.u)) if estimate is None else estimate.left_out.to(rows.t).square().mean(1)
    trees, is_ahead = best_trees(rows, seed, rival)
    if not (followed and estimate is not None):
        gains = errors - (trees(judge.u) - judge.t).square().mean(1)
        is_ahead = is_significant(gains, judge.weights, 0.0 if is_ahead and estimate is not None else 1.0)
    if not is_ahead:
        return None
    teacher = BoostingTeacher.of(trees, estimate)
    try:
        taught, sentence = teach(run, objective, plan, teacher, seed, last, rough=True)
    except KeyboardInterrupt:
        run.best, run.best_score, run.best_penalties = kept
        raise
    penalties = run.best_penalties
    run.judge_anew(objective.on(taught), judge)
    run.best_penalties = penalties
    if goes_astray(taught, kept[0], teacher, judge) or run.best_score > kept[1]:
        run.best, run.best_score, run.best_penalties = kept
        run.history.decide("teacher", f"{sentence}; held-out rows prefer the network before it")
        return None
    run.history.decide("teacher", f"{sentence}; it stays so, as held-out rows are met better than before")
    return teacher
