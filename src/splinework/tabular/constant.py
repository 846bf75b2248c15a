"""The constant network, for tables with constant inputs or a constant target."""

from collections.abc import Sequence

import numpy as np
import torch

from splinework.errors import warn
from splinework.nn.network import KAN
from splinework.tabular.rows import Floats, WeightedRows

OUTLIER_DISTANCE, MIN_OUTLIER_SHARE = 9.0, 0.5
"""Distance of outliers from the median, in medians of that distance (six standard deviations of a normal variable), and the share
of the variance that they hold where they are the likeliest reason that nothing is learned."""
MAX_LOGIT = 40.0
"""Logit of the only class: its probability rounds to one."""


def is_constant(rows: WeightedRows) -> bool:
    """Whether all inputs or all targets are equal."""
    return bool(np.all(rows.x == rows.x[:1]) or np.all(rows.y == rows.y[:1]))


@torch.no_grad()
def constant_network(names: Sequence[str], values: Floats) -> KAN:
    """A network of these inputs with all edges masked and constant outputs `(q,)`.

    >>> constant_network(["a", "b"], np.array([3.0]))(torch.zeros(2, 2, dtype=torch.float64)).tolist()
    [[3.0], [3.0]]
    """
    model = KAN(
        [len(names), len(values)], grid=1, degree=1, names=names, dtype=torch.float64, generator=torch.Generator()
    )
    (layer,) = model.kan_layers
    layer.mask.zero_()
    assert layer.bias is not None
    layer.bias.copy_(torch.from_numpy(values))
    return model.requires_grad_(False)


def mean_target(rows: WeightedRows) -> Floats:
    """The weighted mean of the targets, `(q,)`."""
    y = np.asarray(rows.y, dtype=np.float64)
    low, high = y.min(axis=0), y.max(axis=0)
    return np.asarray(np.clip((rows.weights @ y) / rows.weights.sum(), low, high))  # rounding must not leave the range


def class_logits(rows: WeightedRows, classes: int) -> Floats:
    """Logits of the class frequencies: that of the second of two classes, else one per class."""
    counts = np.bincount(np.asarray(rows.y, dtype=np.intp), rows.weights, minlength=classes)
    with np.errstate(divide="ignore"):
        logs = np.log(counts) - np.log(counts.sum())
    logs = logs.clip(min=-MAX_LOGIT)
    return np.asarray(logs[1:] - logs[:1] if classes == 2 else logs - logs.mean())


def warn_of_constant(target: str, rows: WeightedRows) -> None:
    """Says that the model is a constant because nothing was better on held-out rows, and the likeliest reason."""
    reason = f"the columns may not determine it, or {len(rows)} rows are too few to show how"
    if rows.y.dtype.kind == "f" and (share := _share_of_outliers(rows.y)) > MIN_OUTLIER_SHARE:
        reason = f"outliers hold {share:.0%} of its variance, which loss='huber' of KANRegressor hardly sees"
    warn(
        f"nothing predicts {target} better than a constant on rows that the fit had not seen, so the model is one: {reason}."
    )


def _share_of_outliers(y: Floats) -> float:
    """The largest share of a column's variance that lies in outliers, of targets `(n, q)`."""
    off = np.abs(y - np.median(y, axis=0))
    typical = np.median(off, axis=0)
    far = (off > OUTLIER_DISTANCE * typical) & (typical > 0)  # of mostly equal numbers the others are no outliers
    squares = np.square(y - y.mean(axis=0))
    return float(((squares * far).sum(axis=0) / squares.sum(axis=0)).max())
