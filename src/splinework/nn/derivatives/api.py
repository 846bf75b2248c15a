"""`jet` and `partials`: derivatives of a model with respect to its inputs, in raw units."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.nn.arrays import columns_of
from splinework.nn.derivatives.propagation import Model, propagate
from splinework.nn.derivatives.series import Monomial, Series, derivative, divisors
from splinework.nn.network import KAN


@explained
def jet(model: Model, x: Any, direction: Any, order: int = 2) -> tuple[Tensor, ...]:
    """Directional derivatives of the network at x, in raw units: `dⁿ/dtⁿ model(x + t·v)` at t = 0 for n = 0, …, order.

    They are differentiable in x, in the direction and in the parameters.

    Args:
        model: The network, in a frame or not, or a model that `SeriesModel`.
        x: Points in raw units, `(B, inputs)`: a tensor, an array or a frame; converted to the model's dtype.
        direction: v in raw units: `(inputs,)`, or one for each point, `(B, inputs)`. Several at once, `(D, 1, inputs)` or
            `(D, B, inputs)`, share the value of the network.
        order: Highest n.

    Returns:
        order + 1 tensors `(B, outputs)`, the model's outputs first; `(D, B, outputs)` for several directions. Where an
        edge has a corner (on a knot of a spline of degree n or less) they are those of one side.

    Raises:
        ShapeError: If x or direction has another shape.
        ConfigError: If order is not a whole number or negative.
        DataError: If x or direction does not hold numbers.

    >>> line = KAN([2, 1], base="identity", generator=torch.Generator().manual_seed(0))
    >>> x = torch.tensor([[0.5, -0.5]])
    >>> u, slope, bend = jet(line, x, [1.0, 0.0], order=2)
    >>> torch.equal(u, line(x)), tuple(bend.shape)
    (True, (1, 1))
    """
    highest = _order_of(order)
    points = _points_of(model, x)
    directions = _directions_of(direction, points)
    several = directions.dim() == 3
    seeds = directions.unbind(0) if several else (directions,)
    wanted = [(d,) * n for n in range(1, highest + 1) for d in range(len(seeds))]
    monomials = {(), *wanted}
    moved: Series = {(d,): seed for d, seed in enumerate(seeds) if (d,) in monomials}
    series = propagate(model, {(): points, **moved}, monomials)
    result = [[derivative(series, (d,) * n) for d in range(len(seeds))] for n in range(highest + 1)]
    return tuple(torch.stack(each) if several else each[0] for each in result)


@explained
def partials(model: Model, x: Any, *wanted: str | int | Sequence[str | int]) -> tuple[Tensor, ...]:
    """Partial derivatives of the network with respect to its inputs, of any order, in raw units.

    All come from one pass, in which what they have in common is worked out once. They are differentiable in x and in the
    parameters, so that `(u_t - u_xx).square().mean().backward()` is a step of training.

    Args:
        model: The network, in a frame or not, or a model that `SeriesModel`.
        x: Points in raw units, `(B, inputs)`: a tensor, an array or a frame; converted to the model's dtype.
        *wanted: For each derivative the input's name or number (from 0), or several, in any order: `"t"`, `("x", "x")`,
            `("x", "y")`; `()` is the output itself.

    Returns:
        One tensor `(B, outputs)` for each, in the order asked.

    Raises:
        ConfigError: If no derivative is asked for, or the model has no such input.
        ShapeError: If x is not `(B, inputs)`.
        DataError: If x does not hold numbers.

    >>> model = KAN([2, 3, 1], names=["x", "t"])
    >>> u, u_t, u_xx = partials(model, torch.zeros(7, 2), (), "t", ("x", "x"))
    >>> residual = u_t + u - 0.1 * u_xx
    >>> residual.shape
    torch.Size([7, 1])
    """
    monomials = [_monomial_of(model, each) for each in wanted]
    if not monomials:
        raise ConfigError('partials takes the derivatives that are wanted, such as "t" or ("x", "x"); got none.')
    points = _points_of(model, x)
    eye = torch.eye(model.inputs, dtype=points.dtype, device=points.device)
    moved: Series = {(i,): eye[i].expand_as(points) for i in sorted({i for m in monomials for i in m})}
    series = propagate(model, {(): points, **moved}, divisors(monomials))
    return tuple(derivative(series, m) for m in monomials)


# ---------------------------------------------------------------------------------------------- checks of arguments


def _names_of(model: Model) -> tuple[str, ...]:
    return model.config.input_names if isinstance(model, KAN) else model.input_names


def _points_of(model: Model, x: Any) -> Tensor:
    return columns_of(x, model.inputs, "x", _names_of(model), next(iter(model.parameters())))


def _order_of(order: int) -> int:
    try:
        whole = operator.index(order)
    except TypeError:
        raise ConfigError(f"the order of a derivative is a whole number, got {order!r}.") from None
    if whole < 0:
        raise ConfigError(f"the order of a derivative is 0 (the output itself) or more, got {whole}.")
    return whole


def _directions_of(direction: Any, x: Tensor) -> Tensor:
    """The direction at every point, `(B, I)`, or `(D, B, I)` for several."""
    try:
        v = torch.as_tensor(direction, dtype=x.dtype, device=x.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"direction must be numbers, such as [1.0, 0.0]; {error}.") from error
    batch, inputs = x.shape
    leading = tuple(v.shape[:-1])
    if (
        v.dim() < 1
        or v.shape[-1] != inputs
        or leading[-1:] not in ((), (1,), (batch,))
        or len(leading) > 2
        or 0 in leading[:-1]
    ):
        raise ShapeError(
            f"direction has shape ({inputs},) or ({batch}, {inputs}) for this x, or (D, 1, {inputs}) for D directions at "
            f"once; got {tuple(v.shape)}."
        )
    return v.expand(*leading[:-1], batch, inputs)


def _monomial_of(model: Model, wanted: str | int | Sequence[str | int]) -> Monomial:
    """Indices of the inputs of one derivative, sorted."""
    names = _names_of(model)
    numbers = []
    for one in [wanted] if isinstance(wanted, str) or not isinstance(wanted, Sequence) else wanted:
        known = one in names if isinstance(one, str) else one in range(len(names))
        if not known:
            raise ConfigError(
                f"a derivative is an input's name or number, or several in a tuple such as ({names[0]!r}, {names[-1]!r}); "
                f"the inputs are {list(names)}, got {one!r}."
            )
        numbers.append(names.index(one) if isinstance(one, str) else int(one))
    return tuple(sorted(numbers))
