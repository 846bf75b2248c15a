"""Classes with wrong labels and idle columns, drawn by a rule: accuracy, calibration error, and which columns the network keeps.

A seed draws the number of classes (2 to 4), of columns that matter (2 to 4; as many are idle), of rows (300, 1000 or 3000), and
the share of labels that are drawn evenly from all classes (0, 5, 10 or 20 %). The log odds of each class are a sum of curves of
the columns that matter (lines, waves and parabolas with normal weights) and, in every second problem, a product of two, times a
sharpness of 2 to 6. Inputs are normal. Scores are on 20,000 new rows with labels of the same kind.

Clusters are three normal classes in three columns, the closest two 5.6 apart and each with a deviation of 0.7 to 1.3, beside
three idle columns: 1000 rows, of which 5 % have wrong labels.

Sharp problems have three classes, three columns that matter and three idle ones, 1000 rows, 5 % wrong labels, and a sharpness of
100, so that the rule itself is nearly certain: there the accuracy against its choices is that against right labels. What so
many rows can teach is shown beside: the agreement of the rule's own terms, fitted to the same rows with the true share of
wrong labels and the ridge of five that suits the new rows best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist, pdist

from benchmarks.tabular.tables import table
from splinework.report.scores import calibration
from splinework.tabular import KANClassifier
from splinework.tabular.design import DesignMatrix
from splinework.tabular.multinomial import solve_classes
from splinework.tabular.tasks import Multiclass, targets_of

FRESH = 20_000
APART = 5.6
MOST = 0.02
"""Calibration error that is wanted at most."""
RIDGES = (1.0, 0.1, 0.01, 0.001, 0.0001)
CURVES = (lambda x: x, lambda x: np.sin(2 * x), lambda x: x**2 - 1)


@dataclass(frozen=True)
class Problem:
    """A drawn problem.

    Attributes:
        classes: Number of classes.
        columns: Number of columns that matter; as many more are idle.
        rows: Number of rows to learn from.
        wrong: Share of the labels that are drawn evenly from all classes.
        weights: Weight of each curve, `(columns, curves, classes)`.
        product: Weight of the product of the first two columns, `(classes,)`.
    """

    classes: int
    columns: int
    rows: int
    wrong: float
    weights: np.ndarray
    product: np.ndarray

    @classmethod
    def drawn(cls, seed: int, *, is_sharp: bool) -> Problem:
        """The problem of a seed."""
        random = np.random.default_rng(seed)
        classes, columns = int(random.integers(2, 5)), int(random.integers(2, 5))
        rows, wrong = int(random.choice([300, 1000, 3000])), float(random.choice([0.0, 0.05, 0.1, 0.2]))
        sharp = random.uniform(2, 6)
        if is_sharp:
            classes, columns, rows, wrong, sharp = 3, 3, 1000, 0.05, 100.0
        weights = sharp * random.normal(size=(columns, len(CURVES), classes)) / np.sqrt(columns)
        product = sharp * random.normal(size=classes) * (seed % 2)
        return cls(classes, columns, rows, wrong, weights, product)

    def draw(self, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs `(rows, 2 columns)`, labels, and the probabilities of the labels `(rows, classes)`."""
        random = np.random.default_rng([seed, rows])
        x = random.normal(size=(rows, 2 * self.columns))
        bases = np.stack([curve(x[:, : self.columns]) for curve in CURVES], axis=2)
        odds = np.einsum("ncb,cbk->nk", bases, self.weights) + x[:, :1] * x[:, 1:2] * self.product
        p = np.exp(odds - odds.max(axis=1, keepdims=True))
        p = (1 - self.wrong) * p / p.sum(axis=1, keepdims=True) + self.wrong / self.classes
        y = (p.cumsum(axis=1) < random.uniform(size=(rows, 1))).sum(axis=1)
        return x, np.minimum(y, self.classes - 1), p

    def agreement(self, x: np.ndarray, y: np.ndarray, fresh: np.ndarray, best: np.ndarray) -> float:
        """The share of new rows in which the rule's own terms, fitted to `x` and `y`, have the classes `best`."""
        terms = [
            np.concatenate([*(curve(rows[:, : self.columns]) for curve in CURVES), rows[:, :1] * rows[:, 1:2]], axis=1)
            for rows in (x, fresh)
        ]
        values, new = (torch.from_numpy(each if self.product.any() else each[:, :-1]) for each in terms)
        design = DesignMatrix(values, torch.zeros(values.shape[1], dtype=torch.long), (), ())
        task, weights = Multiclass((self.wrong / self.classes,) * self.classes), torch.ones(len(y)).double()
        start, shares = None, []
        for ridge in RIDGES:
            penalties = torch.full((design.width, self.classes), ridge).double()
            start = solve_classes(design, targets_of(y, task, self.classes), weights, penalties, task, start=start)
            shares.append(float(((new @ start[0] + start[1]).argmax(1).numpy() == best).mean()))
        return max(shares)


@dataclass(frozen=True)
class Clusters:
    """Normal classes in the first columns, as many idle ones, and wrong labels.

    Attributes:
        means: Middle of each class, `(classes, columns)`.
        deviations: Standard deviation of each class, `(classes,)`.
        rows: Number of rows to learn from.
        wrong: Share of the labels that are drawn evenly from all classes.
    """

    means: np.ndarray
    deviations: np.ndarray
    rows: int = 1000
    wrong: float = 0.05

    @classmethod
    def drawn(cls, seed: int) -> Clusters:
        """The problem of a seed."""
        random = np.random.default_rng(seed)
        means = random.normal(size=(3, 3))
        return cls(APART / pdist(means).min() * means, random.uniform(0.7, 1.3, 3))

    @property
    def columns(self) -> int:
        """Number of columns that matter."""
        return self.means.shape[1]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.means)

    def draw(self, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs `(rows, 2 columns)`, labels, and the probabilities of the labels `(rows, classes)`."""
        random = np.random.default_rng([seed, rows])
        right = random.integers(self.classes, size=rows)
        x = random.normal(size=(rows, 2 * self.columns))
        x[:, : self.columns] = self.means[right] + self.deviations[right, None] * x[:, : self.columns]
        squares = cdist(x[:, : self.columns], self.means, "sqeuclidean")
        p = np.exp(-squares / (2 * self.deviations**2)) / self.deviations**self.columns
        p = (1 - self.wrong) * p / p.sum(axis=1, keepdims=True) + self.wrong / self.classes
        return x, np.where(random.uniform(size=rows) < self.wrong, random.integers(self.classes, size=rows), right), p


def run(seeds: list[int], *, is_sharp: bool, is_clusters: bool) -> str:
    """The table of some seeds."""
    lines = []
    for seed in seeds:
        problem = Clusters.drawn(seed) if is_clusters else Problem.drawn(seed, is_sharp=is_sharp)
        x, y, _ = problem.draw(problem.rows, seed)
        model = KANClassifier().fit(x, y)
        fresh, labels, truth = problem.draw(FRESH, seed)
        found = np.asarray(model.predict_proba(fresh))
        chosen = model.classes_[found.argmax(axis=1)]
        error = calibration(found.max(axis=1), chosen == labels).error
        idle = model.feature_importances_[problem.columns :]
        what = (str(seed), str(problem.classes), str(2 * problem.columns), str(problem.rows), f"{problem.wrong:.0%}")
        accuracy = [f"{(best == labels).mean():.3f}" for best in (chosen, truth.argmax(axis=1))]
        accuracy.append(f"{(chosen == truth.argmax(axis=1)).mean():.3f}")
        own = (
            isinstance(problem, Problem)
            and problem.classes > 2
            and problem.agreement(x, y, fresh, truth.argmax(axis=1))
        )
        accuracy.append(f"{own:.3f}" if own else "–")
        lines.append((*what, *accuracy, f"{error:.3f}", f"{model.lapse_rates_.sum():.3f}", f"{idle.max():.4f}"))
    head = (
        "seed",
        "classes",
        "columns",
        "rows",
        "wrong labels",
        "accuracy",
        "of the true rule",
        "agrees with it",
        "its terms do",
    )
    return table(
        (*head, "calibration error", "wrong labels, estimated", "importance of an idle column, at most"), lines
    )
