"""Gradient-boosted trees: the function that a network learns where the target is rough.

Steps and thresholds in several inputs are what trees find in few rows, and smooth models do not. Trees of the rows without each
fold are averaged (bagging, Breiman 1996), which is the better function, and each row has a prediction that has not seen it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor

from splinework.train.between_rows import N_FOLDS, blending_share, goes_astray, is_significant
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
        """The trees of the rows, with a seed for their folds."""
        u, t = rows.u.cpu().numpy(), rows.t.cpu().numpy()
        weights = None if rows.weights is None else rows.weights.cpu().numpy()
        fold = np.random.default_rng(seed).permutation(len(u)) % N_FOLDS
        members, left_out = [], np.empty_like(t)
        for k in range(N_FOLDS):
            seen = fold != k
            counted = None if weights is None else weights[seen]
            trees = [
                HistGradientBoostingRegressor(max_leaf_nodes=leaves, random_state=seed).fit(u[seen], y, counted)
                for y in t[seen].T
            ]
            left_out[~seen] = t[~seen] - _predicted(trees, u[~seen])
            members.append(trees)
        return cls(members, leaves, torch.from_numpy(left_out).to(rows.t))

    def __call__(self, u: Tensor) -> Tensor:
        """The means of the members' predictions `(M, q)` at `u (M, inputs)`."""
        points = u.cpu().numpy()
        return torch.from_numpy(np.mean([_predicted(trees, points) for trees in self.members], axis=0)).to(u)


def _predicted(trees: Sequence[HistGradientBoostingRegressor], points: np.ndarray) -> np.ndarray:
    """The predictions of the models of all outputs `(M, q)` at points `(M, inputs)`."""
    return np.stack([each.predict(points) for each in trees], axis=1)


def best_trees(rows: Samples, seed: int, rival: Tensor) -> BoostedTrees:
    """The trees whose left-out rows are met best; larger ones are tried unless the smaller are far behind.

    Args:
        rows: The rows.
        seed: Seed of the folds.
        rival: Squared errors of a rival at rows that it has not seen, `(N,)`.
    """
    best, *larger = LEAVES
    found = BoostedTrees.of(rows, seed, best)
    if is_significant(found.left_out.square().mean(1) - rival.to(found.left_out), rows.weights, MAX_BEHIND):
        return found
    others = [BoostedTrees.of(rows, seed, leaves) for leaves in larger]
    return min([found, *others], key=lambda trees: float(trees.left_out.square().mean()))


def better_trees(rows: Samples, seed: int, estimate: ProcessTeacher | CurveEstimate) -> BoostingTeacher | None:
    """Blends trees with a smooth estimate, where they predict left-out rows better by more than a standard error; else None."""
    rival = estimate.left_out.to(rows.t).square().mean(1)
    trees = best_trees(rows, seed, rival)
    clear = is_significant(rival - trees.left_out.square().mean(1), rows.weights)
    return BoostingTeacher.of(trees, estimate) if clear else None


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
    trees = best_trees(rows, seed, rival)
    clear = estimate is not None and is_significant(rival - trees.left_out.square().mean(1), rows.weights)
    if not (followed and estimate is not None):
        gains = errors - (trees(judge.u) - judge.t).square().mean(1)
        clear = is_significant(gains, judge.weights, 0.0 if clear else 1.0)
    if not clear:
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
