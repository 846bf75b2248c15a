"""`KANTransformer`: the hidden nodes of a network as features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions  # private: see base
from sklearn.utils.multiclass import type_of_target

from splinework.errors.foreign import explained
from splinework.nn.network import KAN
from splinework.tabular.base import KANEstimator
from splinework.tabular.classes import Classes, labels_of, target_names
from splinework.tabular.constant import class_logits, mean_target
from splinework.tabular.inner_network import MAX_BATCH_ROWS
from splinework.tabular.namespaces import Namespace
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tasks import Task

MAX_CLASSES = 20
"""Distinct integers up to which y holds classes, with `task="auto"`."""


@explained
@final
@dataclass(kw_only=True, eq=False, repr=False)
class KANTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, KANEstimator):
    """Supervised feature learning: the nodes of the last hidden layer of a Kolmogorov–Arnold network.

    An additive model on these features is as good as the network. Without a hidden layer the features are the network's
    outputs.

    Parameters:
        hidden: Nodes of the hidden layers, one number or one per layer; see `KANRegressor` for this and the following parameters.
        grid: Intervals of every spline, or `auto`.
        degree: Degree of the splines, from 1 to 9.
        members: Number of networks whose hidden nodes are concatenated, or `auto`.
        max_iter: Maximum number of training steps.
        prefer: `accuracy` (the default, since an estimator is there to predict) for the model of least held-out loss;
            `simplicity` for the simplest one within two standard errors of that, row by row: a constant, or the sum of curves
            of the fewest columns, with lines for curves where these will do; else the network of the fewest hidden nodes,
            columns and edges.
        categorical_features: Categorical columns.
        warm_start: Whether `fit` continues from the previous fit.
        formula_budget: Seconds for the search of `equations_`, or a dict of options of `SearchOptions`, such as
            `{"effort": 20, "checkpoint": "formulas.json"}`.
        callbacks: A function of a `splinework.train.Step`, or several.
        random_state: Random seed.
        task: `regression`, `classification`, or `auto` to infer it from y.

    Attributes:
        model_: The network.
        columns_: Encoding of the columns.
        classes_: The class labels, for a classification.
        loss_: Final loss.
        history_: Records of the training.
        n_iter_: Number of training steps.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where all are strings.

    Raises:
        ValueError: If a parameter is out of range or a table does not fit, as in scikit-learn.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).uniform(-1, 1, (100, 3))
        >>> KANTransformer(hidden=4, max_iter=20).fit_transform(X, X[:, 0] * X[:, 1]).shape[0]
        100
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **KANEstimator._parameter_constraints,
        "task": [StrOptions({"auto", "regression", "classification"})],
    }

    if TYPE_CHECKING:  # fitted attributes, no parameters
        model_: KAN

    hidden: int | Sequence[int] | str = 8
    members: int | str = 1
    task: str = "auto"

    def transform(self, X: Any) -> Any:
        """The hidden nodes `(n, nodes)`, in the network's units.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not match the table of the fit.
        """
        inputs, where = self._inputs(X, "transform")
        return where.back(_hidden(self.model_, inputs))

    @property
    def _n_features_out(self) -> int:
        nodes = self.model_.config.nodes
        return nodes[-2].width if len(nodes) > 2 else nodes[-1].width

    def _check_target(self, y: Any, where: Namespace, *, first: bool, partial: bool) -> tuple[NDArray[Any], Task]:
        kind = self.task
        if kind == "auto":
            kind = "classification" if _are_classes(y) else "regression"
        if not first and (kind == "classification") != hasattr(self, "classes_"):
            raise ValueError(
                f"y is a target of {kind}, but was not in the previous fit; set task, or warm_start=False."
            )
        if kind == "classification":
            labels = labels_of(y, self)
            classes = (None if first else self._classes) or Classes(np.unique(labels))
            codes = classes.codes(labels)
            self._classes, self.classes_ = classes, where.back(classes.values)
            return codes, classes.task
        self.__dict__.pop("classes_", None)
        self._classes = None
        return self._numbers(y, first=first)

    def _constant(self, rows: WeightedRows, task: Task) -> Floats:
        if self._classes is None:
            return mean_target(rows)
        return class_logits(rows, len(self._classes)) if len(self._classes) > 1 else np.zeros(1)

    def _targets(self, y: Any, targets: NDArray[Any]) -> tuple[str, ...]:
        return target_names(y, targets.shape[1]) if self._classes is None else self._classes.names(y)


def _are_classes(y: Any) -> bool:
    """Whether y holds class labels, such as few distinct integers."""
    if type_of_target(y, input_name="y") not in ("binary", "multiclass"):
        return False
    labels = np.asarray(y)
    return labels.dtype.kind not in "iuf" or len(np.unique(labels)) <= MAX_CLASSES


@torch.no_grad()
def _hidden(model: KAN, inputs: Floats) -> Floats:
    """The nodes of the last hidden layer, or the outputs of a network without one, `(n, nodes)`."""
    layers = model.kan_layers
    parts = []
    for part in torch.from_numpy(inputs).split(MAX_BATCH_ROWS):
        nodes = model.input_scaling(part)
        for layer, shape in zip(layers[: max(1, len(layers) - 1)], model.config.nodes[1:], strict=False):
            nodes = shape.combine(layer(nodes))
        parts.append(nodes)
    return np.asarray(torch.cat(parts).numpy())
