"""Figures of merit, None where there is none to give, and the values of a model for rows of data.

The error is `√(Σ (y - f)² / n)`, the share explained `R² = 1 - Σ (y - f)² / Σ (y - ȳ)²` (James et al. 2021, §3.1.3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from splinework.cli.json_output import finite
from splinework.cli.sample import Floats

if TYPE_CHECKING:
    from splinework.nn.frame import FramedKAN
    from splinework.nn.network import KAN

_CHUNK_ROWS: Final = 65_536  # rows at a time, so that memory stays small


def model_values(model: KAN | FramedKAN, x: Floats) -> Floats:
    """The outputs `(n, outputs)` of a model for x `(n, inputs)`, in float64."""
    import torch

    like = next(model.parameters())
    parts = [np.zeros((0, model.outputs))]
    with torch.no_grad():
        for chunk in np.array_split(x, max(1, math.ceil(len(x) / _CHUNK_ROWS))):
            parts.append(model(torch.from_numpy(np.ascontiguousarray(chunk)).to(like)).double().cpu().numpy())
    return np.concatenate(parts)


def rmse(values: Floats, y: Floats) -> float | None:
    """Root mean squared error; None without rows, or where it is not finite.

    >>> rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.4142135623730951
    """
    with np.errstate(all="ignore"):
        return finite(np.sqrt(np.mean(np.square(values - y)))) if len(y) else None


def r2(values: Floats, y: Floats) -> float | None:
    """Share of the variance explained, `1 - Σ(y - ŷ)² / Σ(y - ȳ)²`; None where y does not vary.

    >>> r2(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    1.0
    """
    if len(y) < 2 or np.ptp(y) == 0:
        return None
    with np.errstate(all="ignore"):
        return finite(1 - np.sum(np.square(values - y)) / np.sum(np.square(y - y.mean())))
