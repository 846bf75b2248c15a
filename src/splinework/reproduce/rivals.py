"""Fits that several experiments share: our default, and the multilayer perceptron beside it. Each returns plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import splinework as sw
from splinework.reproduce.paper_method import rmse
from splinework.reproduce.perceptron import MLP, fit_mlp

Rows = tuple[Tensor, Tensor]


def tensors(x: Any, y: Any) -> Rows:
    """Rows of NumPy as tensors in float64, y with one column."""
    return torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(y, dtype=torch.float64).reshape(len(y), -1)


def default_fit(shape: Sequence[Any], rows: Rows, test: Rows, *, seed: int = 0, **options: Any) -> dict[str, Any]:
    """`sw.fit(sw.KAN(shape), x, y)`, with nothing set but the seed.

    Returns:
        The test RMSE, the grid and the degree of the last layer, and the number of parameters.
    """
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(list(shape), dtype=torch.float64, generator=generator)
    fitted = sw.fit(model, *rows, seed=seed, progress=False, **options).model
    basis: Any = fitted.kan_layers[-1].basis
    return {
        "test": rmse(fitted, *test),
        "grid": basis.resolution,
        "degree": basis.degree,
        "parameters": fitted.parameter_count(),
    }


def perceptron_fit(
    shape: Sequence[int], rows: Rows, test: Rows, *, seed: int = 0, steps: int = 1800, activation: str = "tanh"
) -> dict[str, Any]:
    """A multilayer perceptron on standardised data, trained by L-BFGS in float64, with no rows held out.

    Returns:
        The test RMSE and the number of parameters.
    """
    generator = torch.Generator().manual_seed(seed)
    model = MLP(shape, activation=activation, generator=generator, dtype=torch.float64)
    fitted = fit_mlp(model, *rows, steps=steps)
    return {"test": rmse(fitted, *test), "parameters": fitted.parameter_count()}
