"""The models and data that the laws of editing run over, and what least squares allows by scipy."""

from typing import Any

import numpy as np
import pytest
import scipy.interpolate
import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from tests.contracts.cases import normal, seeded
from tests.nn.test_network import network

SHAPES = ([2, 1], [2, 3, 1], [2, (1, 2), (1, [3]), 2])
BASES = ("bspline", "fourier", "chebyshev", "gaussian_rbf")
FAMILIES = [
    *((basis, kind) for basis in BASES for kind in ("adaptive", "normalised")),
    ("bspline", "fixed"),
    ("bspline", "learnable"),
]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_family = pytest.mark.parametrize(("basis", "grid_kind"), FAMILIES)


def masked(shape: Any, **options: Any) -> KAN:
    """A network in which no number is special, with units and some edges gone (their numbers are not zero)."""
    model = network(shape, **options)
    model.input_scaling.set(torch.tensor([0.2, -1.0]), torch.tensor([0.5, 2.0]))
    model.output_scaling.set(normal(model.outputs), 3 * torch.ones(model.outputs))
    with torch.no_grad():
        for layer in model.kan_layers:
            if layer.outputs > 1:
                layer.mask[0, 0] = 0.0
    return model


def inside(count: int = 300, *, seed: int = 1) -> Tensor:
    """Rows that fill the units of `masked`."""
    share = 2 * torch.rand(count, 2, generator=seeded(seed), dtype=torch.float64) - 1
    return torch.tensor([0.2, -1.0]) + share * torch.tensor([0.5, 2.0])


def everywhere(count: int = 400) -> Tensor:
    """Rows inside, somewhat outside and far outside."""
    return torch.cat([inside(count), 4 * inside(count, seed=2), 1e3 * normal(50, 2, seed=3)])


def distance(value: Tensor, truth: Tensor) -> float:
    """Largest difference, relative to the numbers themselves: `1e-12` means twelve digits, however large they are."""
    value, truth = value.detach(), truth.detach()
    return float(((value - truth).abs() / truth.abs().clamp_min(1.0)).max())


def allowed(old: KANLayer, new: KANLayer, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square change of every edge on x `(B, I)`, and the least that any coefficients on the new knots cause.

    The second by scipy's `make_lsq_spline`, of what the spline has to give: the old edge less the base function's part.
    """
    basis, knots = new.basis, new.knots().detach().numpy()
    with torch.no_grad():
        target = old.edges(x)
        base = new.edge_coefficients()[:, basis.size :]
        part = target - torch.einsum("bim,imj->bij", new.table().rows(x)[..., basis.size :], base)
        change = (new.edges(x) - target).square().mean(0).sqrt().numpy()
    least = np.zeros_like(change)
    for i in range(old.inputs):
        order = np.argsort(x[:, i].numpy(), kind="stable")
        at, values = x[:, i].numpy()[order], part[:, i].numpy()[order]
        fitted = scipy.interpolate.make_lsq_spline(at, values, knots[i], basis.degree)
        least[i] = np.sqrt(((fitted(at) - values) ** 2).mean(0))
    return change, least


def state_of(model: KAN) -> dict[str, Tensor]:
    """Every tensor of the model, copied."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same_state(model: KAN, state: dict[str, Tensor]) -> bool:
    """Whether every bit is as it was."""
    now = model.state_dict()
    return now.keys() == state.keys() and all(torch.equal(now[name], value) for name, value in state.items())


def storages(model: KAN) -> set[int]:
    """Where the numbers of a model lie, buffers that are not saved too."""
    tensors = [*model.parameters(), *model.buffers()]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()}
