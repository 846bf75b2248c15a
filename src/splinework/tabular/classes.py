"""Class labels as codes, and logits as class probabilities."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor

from splinework.tabular.rows import Floats, WeightedRows, canonical
from splinework.tabular.tasks import Binary, Multiclass, Task, targets_of


@final
@dataclass(frozen=True)
class Classes:
    """The classes of a target; a network has one logit for two classes, that of the second, and else one per class.

    Attributes:
        values: The labels, sorted.
        lapses: Per class the probability that a label is this class whatever the inputs are; empty if labels are right.
    """

    values: NDArray[Any]
    lapses: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def task(self) -> Task:
        """The likelihood of these classes."""
        return Binary(self.lapses) if len(self) <= 2 else Multiclass(self.lapses)

    def codes(self, labels: NDArray[Any]) -> NDArray[np.intp]:
        """The index of each label among the classes.

        Raises:
            ValueError: If a label is not among them.
        """
        unknown = np.setdiff1d(labels, self.values)
        if len(unknown):
            raise ValueError(
                f"`y` contains classes not in `self.classes_`: {unknown.tolist()}; they are {self.values.tolist()}."
            )
        return np.searchsorted(self.values, labels)

    def indicators(self, codes: NDArray[np.intp]) -> Tensor:
        """Targets `(n, q)` of the outputs for the indices of classes `(n,)`; a single class is the second of two."""
        return targets_of(codes if len(self) > 1 else codes + 1, self.task, len(self))

    def names(self, y: Any) -> tuple[str, ...]:
        """Names of the logits; a series brings the name of the target."""
        (name,) = target_names(y, 1)
        return tuple(f"logit of {name}={label}" for label in (self.values if len(self) > 2 else self.values[-1:]))

    def completed(self, rows: WeightedRows) -> WeightedRows:
        """The rows, plus one of half the mean weight for every class without rows, so that its probability is not zero."""
        absent = np.setdiff1d(np.arange(len(self)), rows.y)
        if not len(absent):
            return rows
        x = np.concatenate([rows.x, np.repeat(rows.x[len(rows) // 2][None], len(absent), axis=0)])
        weights = np.concatenate([rows.weights, np.full(len(absent), 0.5 * rows.weights.mean())])
        return canonical(WeightedRows(x, np.concatenate([rows.y, absent]), weights))

    def probabilities(self, outputs: Floats) -> Floats:
        """Class probabilities `(n, classes)` of the network's outputs `(n, q)`."""
        return np.exp(self.log_probabilities(outputs)) if any(self.lapses) else self._genuine(outputs)

    def log_probabilities(self, outputs: Floats) -> Floats:
        """Logarithms of the probabilities, `(n, classes)`, accurate where a probability rounds to 0 or 1."""
        if len(self) > 2:
            logs = np.asarray(log_softmax(outputs, axis=1))
        else:
            both = np.concatenate([log_expit(-outputs), log_expit(outputs)], axis=1)
            logs = both if len(self) == 2 else np.zeros((len(outputs), 1))
        if not any(self.lapses):
            return logs
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp(logs + np.log1p(-sum(self.lapses)), np.log(self.lapses)))

    def logits(self, outputs: Floats) -> Floats:
        """Logits `(n, q)` of the probabilities: the network's outputs, unless labels may be wrong."""
        if not any(self.lapses):
            return outputs
        logs = self.log_probabilities(outputs)
        return logs if len(self) > 2 else logs[:, 1:] - logs[:, :1]

    def _genuine(self, outputs: Floats) -> Floats:
        """Probabilities `(n, classes)` of the classes if labels were right."""
        if len(self) > 2:
            return np.asarray(softmax(outputs, axis=1))
        both = np.concatenate([expit(-outputs), expit(outputs)], axis=1)
        return both if len(self) == 2 else np.ones((len(outputs), 1))


def target_names(y: Any, count: int) -> tuple[str, ...]:
    """Names of the `count` columns of y, taken from a series or a frame; else `y`, or `y1`, `y2` and so on."""
    if hasattr(y, "columns") and (hasattr(y, "iloc") or hasattr(y, "to_pandas")):
        names = tuple(str(name) for name in getattr(y, "column_names", y.columns))
        if len(set(names)) == count:
            return names
    name = getattr(y, "name", None)
    if count == 1:
        return (name if isinstance(name, str) and name else "y",)
    return tuple(f"y{j + 1}" for j in range(count))


def labels_of(y: Any, estimator: Any) -> NDArray[Any]:
    """The class labels `(n,)`.

    Args:
        y: The user's y.
        estimator: The estimator that messages name.

    Raises:
        ValueError: If y holds no labels, or missing values.
    """
    labels = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=estimator), warn=True)
    check_classification_targets(labels)
    return np.asarray(labels)
