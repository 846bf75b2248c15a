"""`fit` for networks of features: formulas in the raw inputs that the network takes beside them or instead of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import torch

from splinework.errors import ConfigError
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import FramedKAN, with_features
from splinework.nn.network import KAN
from splinework.nn.precision import precision_of
from splinework.train import fit as fit_rows
from splinework.train.fitting import FitResult
from splinework.train.options import TrainingOptions
from splinework.train.sources import Source

if TYPE_CHECKING:
    from splinework.train.history import History
    from splinework.train.uncertainty import IntervalEstimate


@final
@dataclass(frozen=True)
class FeaturedResult:
    """A fitted network of features.

    Attributes:
        model: The network and the formulas of its features, called with raw inputs.
        rows: The fit of the network itself, whose inputs are the features.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.rand(60, 2, dtype=torch.float64) + 0.5
        >>> y = torch.sin(x[:, 0] / x[:, 1])
        >>> result = sw.fit(sw.KAN([1, 1], names=["a", "b"], features=["a/b"]), x, y, progress=False)
        >>> result.model.input_names, result.history[-1].rmse_train < 1e-3
        (('a', 'b'), True)
    """

    model: FramedKAN
    rows: FitResult = field(repr=False)

    @property
    def history(self) -> History:
        """Steps and decisions."""
        return self.rows.history

    def interval(self, x: Any, *, level: float = 0.9, kind: str = "prediction") -> IntervalEstimate:
        """The intervals of `FitResult.interval` at x `(B, inputs)` in raw units."""
        return self.rows.interval(self.model.inside(x), level=level, kind=kind)


def fit_features(
    model: KAN | FramedKAN, x: Any, y: Any, features: Sequence[str], axioms: Sequence[Any], options: TrainingOptions
) -> FeaturedResult:
    """Fits the network inside to the features of x.

    Raises:
        ConfigError: If there are axioms too, features come twice, rows stream, or the frame has more than features.
        DataError: If a feature is not finite on a row.
    """
    if len(axioms):
        raise ConfigError(
            "axioms and features do not go together yet; give fit a KAN of the raw inputs with its axioms."
        )
    if isinstance(model, FramedKAN) and len(features):
        raise ConfigError(f"the model has the features {list(model.frame.features)}; leave features= out.")
    if isinstance(x, Source):
        raise ConfigError("features are made of rows in memory: write fit(model, x, y), with x an array or a frame.")
    columns = x.shape[1] if len(getattr(x, "shape", ())) == 2 else None
    if not isinstance(model, FramedKAN) and columns == model.inputs:
        raise ConfigError(
            f"features are inputs of the network beside the {columns} columns of x: make one of {columns + len(features)} "
            "inputs, or of the features alone by KAN(shape, names=[…], features=[…])."
        )
    framed = model if isinstance(model, FramedKAN) else with_features(model, features)
    if framed.frame.after:
        raise ConfigError(
            "the model's answers are formulas of its network's outputs, which axioms made: fit a KAN with these axioms."
        )
    exact = torch.empty(0, dtype=torch.float64, device=next(framed.parameters()).device)
    inside = framed.frame.features_of(as_columns(x, framed.inputs, "x", framed.input_names, exact))
    check_finite(inside, "x with its features", framed.network.config.input_names)
    result = fit_rows(framed.network, inside.to(precision_of(x)), y, options=options)
    return FeaturedResult(FramedKAN(result.model, framed.frame), result)
