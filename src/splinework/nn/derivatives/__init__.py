"""Derivatives of a model with respect to its inputs in forward mode, for losses on differential equations.

Each input is a truncated Taylor series in a few variables t, and so is every number after it. The result is an ordinary
function of the parameters: its gradient is one backward pass, and torch.compile takes both.
"""

from splinework.nn.derivatives.api import jet, partials
from splinework.nn.derivatives.propagation import LayerSeries, Model, SeriesModel, edge_sums, record_layers
from splinework.nn.derivatives.series import Monomial, Series, powers

__all__ = [
    "LayerSeries", "Model", "Monomial", "Series", "SeriesModel", "edge_sums", "jet", "partials", "powers",
    "record_layers",
]  # fmt: skip
