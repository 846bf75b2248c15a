"""Derivatives of a network with respect to its inputs, in the forward pass: what a loss on a differential equation needs.

Each input is a truncated Taylor series in a few variables t, and so is every number of the network after it (Griewank and
Walther 2008, ch. 13). Each function of one variable takes a series on by its own derivatives at the point,

    φ(u(t)) = Σ_r φ^{(r)}(u_0) (u(t) - u_0)^r / r!,

which for all edges of a layer together is one `contract` per order r, with the powers as its factors. The result is an
ordinary function of the parameters: its gradient is one backward pass, and torch.compile takes both.

A series holds one tensor per monomial in t. The monomial `t_0² t_2` is `(0, 0, 2)`, and `()` is the value at t = 0; a
monomial that a series has not stands for zero.
"""

import math
import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from splinework.arrays import inputs_of
from splinework.bases.activations import Tanh
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.kernels import Table, contract
from splinework.layer import KANLayer
from splinework.network import KAN
from splinework.nodes import Nodes

Monomial = tuple[int, ...]
Series = dict[Monomial, Tensor]


@dataclass(frozen=True)
class Passage:
    """A series on its way through one layer: what the edges saw (`squash` is done), and the sums, bias included."""

    layer: KANLayer
    u: Series
    sums: Series


_TAPE: ContextVar[list[Passage] | None] = ContextVar("tape", default=None)


@contextmanager
def recorded() -> Iterator[list[Passage]]:
    """Writes down every passage through a layer that `jet` and `partials` make meanwhile in this thread."""
    tape: list[Passage] = []
    token = _TAPE.set(tape)
    try:
        yield tape
    finally:
        _TAPE.reset(token)


def jet(model: KAN, x: Any, direction: Any, order: int = 2) -> tuple[Tensor, ...]:
    """Directional derivatives of the network at x, in raw units: `dⁿ/dtⁿ model(x + t·v)` at t = 0 for n = 0, …, order.

    They are differentiable in x, in the direction and in the parameters.

    Args:
        model: The network.
        x: Points in raw units, `(B, inputs)`: a tensor, an array or a frame; converted to the model's dtype.
        direction: v in raw units: `(inputs,)`, or one for each point, `(B, inputs)`. Several at once, `(D, 1, inputs)` or
            `(D, B, inputs)`, share the value of the network.
        order: Highest n.

    Returns:
        order + 1 tensors `(B, outputs)`, the model's outputs first; `(D, B, outputs)` for several directions. Where an
        edge has a corner (on a knot of a spline of degree n or less) they are those of one side.

    Raises:
        ShapeError: If x or direction has another shape.
        ConfigError: If order is no whole number or negative.
        DataError: If x or direction does not hold numbers.

    >>> line = KAN([2, 1], base="identity", generator=torch.Generator().manual_seed(0))
    >>> x = torch.tensor([[0.5, -0.5]])
    >>> u, slope, bend = jet(line, x, [1.0, 0.0], order=2)
    >>> torch.equal(u, line(x)), tuple(bend.shape)
    (True, (1, 1))
    """
    highest = _order_of(order)
    points = inputs_of(model, x)
    directions = _directions_of(direction, points)
    several = directions.dim() == 3
    seeds = directions.unbind(0) if several else (directions,)
    wanted = [(d,) * n for n in range(1, highest + 1) for d in range(len(seeds))]
    series = _through(model, points, dict(enumerate(seeds)), {(), *wanted})
    result = [[_derivative(series, (d,) * n) for d in range(len(seeds))] for n in range(highest + 1)]
    return tuple(torch.stack(each) if several else each[0] for each in result)


def partials(model: KAN, x: Any, *wanted: str | int | Sequence[str | int]) -> tuple[Tensor, ...]:
    """Partial derivatives of the network with respect to its inputs, of any order, in raw units.

    All come from one pass, in which what they have in common is worked out once. They are differentiable in x and in the
    parameters, so that `(u_t - u_xx).square().mean().backward()` is a step of training.

    Args:
        model: The network.
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
    points = inputs_of(model, x)
    divisors = {tuple(part) for m in monomials for n in range(len(m) + 1) for part in combinations(m, n)}
    variables = sorted({i for m in monomials for i in m})
    eye = torch.eye(model.inputs, dtype=points.dtype, device=points.device)
    seeds = {i: eye[i].expand_as(points) for i in variables}
    series = _through(model, points, seeds, divisors)
    return tuple(_derivative(series, m) for m in monomials)


# ---------------------------------------------------------------------------------------- series through the network


def _through(model: KAN, x: Tensor, seeds: dict[int, Tensor], wanted: Collection[Monomial]) -> Series:
    """The model's outputs at `x + Σ_d t_d seeds_d`, as far as the monomials that are wanted, with all their divisors."""
    u: Series = {(): x, **{(d,): seed for d, seed in seeds.items() if (d,) in wanted}}
    into, out = model.input_scaling, model.output_scaling
    u = _by_column(u, into.scales, _logarithm, wanted)
    u = {m: (part - into.shift if m == () else part) / into.scale for m, part in u.items()}
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        u = _combine(nodes, _layer_sums(layer, _squash(layer, u, wanted), wanted), wanted)
    u = {m: part * out.scale + out.shift if m == () else part * out.scale for m, part in u.items()}
    return _by_column(u, out.scales, lambda value, _: value.exp(), wanted)


def _layer_sums(layer: KANLayer, u: Series, wanted: Collection[Monomial]) -> Series:
    """The sums that a layer's nodes take."""
    sums = edge_sums(layer.table(), u, layer.edge_coefficients(), wanted)
    if layer.bias is not None:
        sums[()] = sums[()] + layer.bias
    tape = None if torch.compiler.is_compiling() else _TAPE.get()
    if tape is not None:
        tape.append(Passage(layer, u, sums))
    return sums


def edge_sums(table: Table, u: Series, c: Tensor, wanted: Collection[Monomial]) -> Series:
    """The sums of a layer's edges: one contraction per order, with all monomials below one another in the batch.

    Args:
        table: The functions that the edges combine.
        u: What the edges see, `(B, I)` per monomial.
        c: Coefficients of the edges, `(I, M, J)`, in which this is linear.
        wanted: Monomials to carry.
    """
    x = u[()]
    sums: Series = {(): contract(table, x, None, c, 0)}
    for r, power in enumerate(powers(u, wanted), start=1):
        s = torch.cat(list(power.values())) / math.factorial(r)
        parts = contract(table, x.repeat(len(power), 1), s, c, r)
        _add(sums, dict(zip(power, parts.unflatten(0, (len(power), x.shape[0])).unbind(0), strict=True)))
    return sums


def _squash(layer: KANLayer, u: Series, wanted: Collection[Monomial]) -> Series:
    """`KANLayer.squash` of a series."""
    if layer.grid_kind != "normalised":
        return u
    low, high = layer.basis.domain(layer.grid)
    middle, half = (low + high) / 2, (high - low) / 2
    unit = {m: (part - middle if m == () else part) / half for m, part in u.items()}
    bent = _compose(Tanh().derivative, unit, wanted)
    return {m: middle + half * part if m == () else half * part for m, part in bent.items()}


def _combine(nodes: Nodes, sums: Series, wanted: Collection[Monomial]) -> Series:
    """`Nodes.combine` of a series."""
    if not nodes.products:
        return sums
    columns = [{m: part[..., : nodes.sums] for m, part in sums.items()}]
    for group in nodes.groups[nodes.sums :]:
        factors = [{m: part[..., j : j + 1] for m, part in sums.items()} for j in group]
        product = factors[0]
        for factor in factors[1:]:
            product = _product(product, factor, wanted)
        columns.append(product)
    return _side_by_side(columns)


def _by_column(
    u: Series, scales: Sequence[str], function: Callable[[Tensor, int], Tensor], wanted: Collection[Monomial]
) -> Series:
    """The series with the function, given by its derivatives, taken of the columns that have a logarithmic scale."""
    if "log" not in scales:
        return u
    columns = [{m: part[..., j : j + 1] for m, part in u.items()} for j in range(len(scales))]
    return _side_by_side(
        [
            _compose(function, column, wanted) if s == "log" else column
            for s, column in zip(scales, columns, strict=True)
        ]
    )


def _logarithm(x: Tensor, derivative: int) -> Tensor:
    if derivative == 0:
        return x.log()
    return -math.factorial(derivative - 1) * (-1 / x) ** derivative


# -------------------------------------------------------------------------------------------- arithmetic of series


def _product(a: Series, b: Series, wanted: Collection[Monomial]) -> Series:
    """`a · b`, Leibniz' rule."""
    result: Series = {}
    for m, left in a.items():
        for n, right in b.items():
            if tuple(sorted(m + n)) in wanted:
                _add(result, {tuple(sorted(m + n)): left * right})
    return result


def powers(u: Series, wanted: Collection[Monomial]) -> list[Series]:
    """`(u - u_0)^r` for r = 1, 2, …, as long as there is anything left of it."""
    rest = {m: part for m, part in u.items() if m}
    powers = []
    power = rest
    while power:
        powers.append(power)
        power = _product(power, rest, wanted)
    return powers


def _compose(function: Callable[[Tensor, int], Tensor], u: Series, wanted: Collection[Monomial]) -> Series:
    """`f(u)`, element by element, where `function(u_0, r)` is f's r-th derivative."""
    result: Series = {(): function(u[()], 0)}
    for r, power in enumerate(powers(u, wanted), start=1):
        rate = function(u[()], r) / math.factorial(r)
        _add(result, {m: rate * part for m, part in power.items()})
    return result


def _add(total: Series, more: Series) -> None:
    for m, part in more.items():
        total[m] = total[m] + part if m in total else part


def _side_by_side(columns: Sequence[Series]) -> Series:
    """One series of the columns of several; what one of them has not is zero."""
    monomials = list(dict.fromkeys(m for series in columns for m in series))
    return {m: torch.cat([s[m] if m in s else torch.zeros_like(s[()]) for s in columns], dim=-1) for m in monomials}


def _derivative(series: Series, m: Monomial) -> Tensor:
    """From the coefficient of `t^α` to the derivative: times α!; zero where the series has none."""
    if m not in series:
        return torch.zeros_like(series[()])
    # Not m.count(i): torch.compile has not always known the method.
    factor = math.prod([math.factorial(len([j for j in m if j == i])) for i in dict.fromkeys(m)])
    return series[m] if factor == 1 else factor * series[m]


# ------------------------------------------------------------------------------------------------- what users wrote


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


def _monomial_of(model: KAN, wanted: str | int | Sequence[str | int]) -> Monomial:
    """The numbers of the inputs in one derivative, in order."""
    names = model.config.input_names
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
