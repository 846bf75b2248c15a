"""The spectrum of the loss's Hessian in the numbers of a network.

pykan's Interp_10_hessian: a picture of the spectrum of [1, 5, 1]
"""

import torch
from common import uniform

import splinework as sw

x = uniform(200, 1)
y = torch.sin(torch.pi * x[:, 0])
model = sw.fit(sw.KAN([1, 5, 1]), x, y, steps=50, grids=None, degree="keep", progress=False).model
parameters = {name: value.detach() for name, value in model.named_parameters()}
flat = torch.nn.utils.parameters_to_vector(parameters.values())


def loss(numbers: torch.Tensor) -> torch.Tensor:
    """The mean squared error at given numbers."""
    pieces = numbers.split([value.numel() for value in parameters.values()])
    values = {name: piece.view_as(parameters[name]) for name, piece in zip(parameters, pieces, strict=True)}
    return (torch.func.functional_call(model, values, (x,))[:, 0] - y).square().mean()


hessian = torch.autograd.functional.hessian(loss, flat)
spectrum = torch.linalg.eigvalsh(hessian)
print(f"{len(spectrum)} eigenvalues from {float(spectrum[0]):.1e} to {float(spectrum[-1]):.1e}")
assert torch.allclose(hessian, hessian.T, atol=1e-8)
assert spectrum[-1] > 0
assert spectrum[0] > -1e-3 * spectrum[-1], "at a minimum no direction leads down"
