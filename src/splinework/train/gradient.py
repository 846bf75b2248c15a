"""The gradient of the mean squared error, and a step down it, in one call each where the native kernels can do it all."""

from collections.abc import Callable

import torch
from torch import Tensor

from splinework.errors import ShapeError
from splinework.errors.foreign import explained
from splinework.kernels import AffineUnits, squared_error
from splinework.nn.network import KAN


def squared_error_gradient(model: KAN, x: Tensor, y: Tensor) -> float:
    """Sets every parameter's `.grad` to the gradient of the mean squared error, and returns that error.

    The same as `model.zero_grad(); loss = mse_loss(model(x), y); loss.backward()`, for a custom training loop; for a small
    network several times faster, as no graph is built.

    Args:
        model: The network.
        x: Inputs in raw units, `(B, inputs)`, in the model's dtype.
        y: Targets, `(B, outputs)`.

    Raises:
        ShapeError: If y is not `(B, outputs)`.

    >>> model = KAN([2, 3, 1], generator=torch.Generator().manual_seed(0))
    >>> optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x, y = torch.rand(64, 2), torch.rand(64, 1)
    >>> before = squared_error_gradient(model, x, y)
    >>> optimiser.step()
    >>> squared_error_gradient(model, x, y) < before
    True
    """
    if y.shape != (x.shape[0], model.outputs):
        raise ShapeError(f"y is ({x.shape[0]}, {model.outputs}) for this model and x, got {tuple(y.shape)}.")
    before, after = model.input_scaling, model.output_scaling
    if before.is_affine and after.is_affine:
        units = AffineUnits(before.shift, before.scale, after.shift, after.scale)
        error = error_in_one_call(model, x, y, units, gradient=True)
        if error is not None:
            return error
    model.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    return float(loss.detach())


def output_gradient(model: KAN, u: Tensor, slope: Callable[[Tensor], Tensor]) -> None:
    """Sets every parameter's `.grad` to the gradient of `Σ g f`, with g the slope of a loss at the outputs f.

    Args:
        model: The network.
        u: Inputs in network units, `(B, inputs)`, in the model's dtype.
        slope: From outputs in network units, `(B, outputs)`, to the derivatives of a loss in them.
    """
    quick = model.quick(u, scaled=False)
    if quick is None or not quick.differentiate(u, slope):
        model.zero_grad()
        with torch.enable_grad():
            outputs = model.unit_forward(u)
        outputs.backward(slope(outputs.detach()))


@explained
def step(model: KAN, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """One step of an optimiser on the mean squared error, for a custom training loop.

    The same as `squared_error_gradient(model, x, y); optimiser.step()`, or for an optimiser that looks several times in a step,
    as torch's L-BFGS does, the same as a step with that gradient for its closure. With torch's Adam and AdamW the update is one
    native call too; their state is where torch keeps it, so that schedulers and `state_dict` work as ever.

    Args:
        model: The network.
        optimiser: An optimiser of `model.parameters()`.
        x: Inputs in raw units, `(B, inputs)`, in the model's dtype.
        y: Targets, `(B, outputs)`.

    Returns:
        The error before the step.

    Raises:
        ShapeError: If y is not `(B, outputs)`.

    >>> model = KAN([2, 3, 1], generator=torch.Generator().manual_seed(0))
    >>> optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    >>> x, y = torch.rand(64, 2), torch.rand(64, 1)
    >>> errors = [step(model, optimiser, x, y) for _ in range(50)]
    >>> errors[-1] < errors[0]
    True
    """
    from splinework.train.optim.updates import update

    error = update(optimiser, lambda: squared_error_gradient(model, x, y))
    assert error is not None
    return error


def error_in_one_call(
    model: KAN, x: Tensor, t: Tensor, units: AffineUnits | None = None, *, gradient: bool
) -> float | None:
    """`squared_error_gradient` in network units, or the error alone; None, and nothing done, where autograd is needed."""
    if not model.is_plain() or x.dim() != 2 or not len(x) or x.dtype != t.dtype:
        return None
    if x.dtype != model.kan_layers[0].coefficients.dtype:
        return None
    quick = model.quick(x, scaled=units is not None)
    if quick is not None:
        return quick.squared_error(x, t, gradient=gradient)
    return squared_error([(layer.table(), layer.parts()) for layer in model.kan_layers], x, t, units, gradient=gradient)
