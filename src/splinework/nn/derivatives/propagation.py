"""Propagation of Taylor series through models: networks layer by layer, and frames formula by formula.

Each function of one variable is composed with a series by its derivatives at the point,

    φ(u(t)) = Σ_r φ^{(r)}(u_0) (u(t) - u_0)^r / r!,

which for all edges of a layer together is one `contract` per order r, with the powers as its factors.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from splinework.errors.foreign import explained
from splinework.kernels import BasisTable, contract
from splinework.nn.derivatives.algebra import algebra_of, logarithm
from splinework.nn.derivatives.series import Monomial, Series, add, columns_of, compose, powers, product, side_by_side
from splinework.nn.frame import Expression, FramedKAN
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.splines.bases.activations import Tanh


@runtime_checkable
class SeriesModel(Protocol):
    """Protocol of a composite model that propagates Taylor series itself.

    >>> isinstance(KAN([2, 1]), SeriesModel)  # networks are propagated layer by layer
    False
    """

    inputs: int

    @property
    def input_names(self) -> tuple[str, ...]: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...
    def series(self, u: Series, wanted: Collection[Monomial]) -> Series:
        """The outputs `(B, J)` per monomial, of inputs `(B, I)`."""


Model = KAN | FramedKAN | SeriesModel


@dataclass(frozen=True)
class LayerSeries:
    """The Taylor series in one layer.

    Attributes:
        layer: The layer.
        u: Series of the inputs of its edges, after `squash`, `(B, I)` per monomial.
        sums: Series of its sums, bias included, `(B, J)` per monomial.

    Example:
        >>> from splinework.nn.derivatives import partials
        >>> with record_layers() as layers:
        ...     _ = partials(KAN([2, 3, 1]), torch.zeros(4, 2), 0)
        >>> layers[0].sums[(0,)].shape  # the first derivative of the hidden sums with respect to the first input
        torch.Size([4, 3])
    """

    layer: KANLayer
    u: Series
    sums: Series


_TAPE: ContextVar[list[LayerSeries] | None] = ContextVar("tape", default=None)


@explained
@contextmanager
def record_layers() -> Iterator[list[LayerSeries]]:
    """Context that records the series in every layer that `jet` and `partials` evaluate in this thread.

    Yields:
        A list to which a `LayerSeries` per layer is appended.

    Raises:
        Nothing by itself.

    Example:
        >>> from splinework.nn.derivatives import jet
        >>> with record_layers() as layers:
        ...     _ = jet(KAN([2, 3, 1]), torch.zeros(4, 2), [1.0, 0.0])
        >>> len(layers)
        2
    """
    tape: list[LayerSeries] = []
    token = _TAPE.set(tape)
    try:
        yield tape
    finally:
        _TAPE.reset(token)


def propagate(model: Model, u: Series, wanted: Collection[Monomial]) -> Series:
    """The outputs of a model, `(B, J)` per monomial.

    Args:
        model: A network, in a frame or not, or a model that `SeriesModel`.
        u: The inputs in raw units, `(B, I)` per monomial.
        wanted: Monomials to propagate, with all their divisors.
    """
    if isinstance(model, KAN):
        return _through_network(model, u, wanted)
    if not isinstance(model, FramedKAN):
        return model.series(u, wanted)
    frame = model.frame
    raw = columns_of(u)
    seen = side_by_side([formula_series(each, raw, wanted) for each in frame.before]) if frame.before else u
    z = _through_network(model.network, seen, wanted)
    if not frame.after:
        return z
    both = raw + columns_of(z)
    return side_by_side([formula_series(each, both, wanted) for each in frame.after])


def formula_series(formula: Expression, columns: Sequence[Series], wanted: Collection[Monomial]) -> Series:
    """The series of a formula, given one series per column."""
    value = formula.run(columns, algebra_of(wanted))
    return value if isinstance(value, dict) else {(): torch.full_like(columns[0][()], float(value))}


def _through_network(model: KAN, u: Series, wanted: Collection[Monomial]) -> Series:
    into, out = model.input_scaling, model.output_scaling
    u = _by_column(u, into.scales, logarithm, wanted)
    u = {m: (part - into.shift if m == () else part) / into.scale for m, part in u.items()}
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        u = _combine(nodes, _layer_sums(layer, u, wanted), wanted)
    u = {m: part * out.scale + out.shift if m == () else part * out.scale for m, part in u.items()}
    return _by_column(u, out.scales, lambda value, _: value.exp(), wanted)


def _layer_sums(layer: KANLayer, u: Series, wanted: Collection[Monomial]) -> Series:
    """The sums that a layer's nodes take."""
    functions, raw, u = layer.functions, u, _squash(layer, u, wanted)
    sums = edge_sums(layer.table(), u, layer.edge_coefficients(), wanted)
    if functions is not None:
        i, j = functions.places()
        own = compose(functions.at, {m: part[:, i] for m, part in raw.items()}, wanted)
        zero = torch.zeros_like(sums[()])
        sums = {m: sums.get(m, zero).index_add(1, j, own[m]) if m in own else sums[m] for m in {**sums, **own}}
    if layer.bias is not None:
        sums[()] = sums[()] + layer.bias
    tape = None if torch.compiler.is_compiling() else _TAPE.get()
    if tape is not None:
        tape.append(LayerSeries(layer, u, sums))
    return sums


@explained
def edge_sums(table: BasisTable, u: Series, c: Tensor, wanted: Collection[Monomial]) -> Series:
    """The series of a layer's sums: one contraction per order, with the monomials stacked along the batch.

    Args:
        table: The functions that the edges combine.
        u: Series of the inputs of the edges, `(B, I)` per monomial.
        c: Coefficients of the edges, `(I, M, J)`; the result is linear in them.
        wanted: Monomials to propagate.

    Returns:
        `(B, J)` per monomial, without bias.

    Raises:
        ShapeError: If shapes do not match.

    Example:
        >>> layer = KANLayer(2, 3)
        >>> u = {(): torch.zeros(4, 2), (0,): torch.ones(4, 2)}
        >>> edge_sums(layer.table(), u, layer.edge_coefficients(), {(), (0,)})[(0,)].shape
        torch.Size([4, 3])
    """
    x = u[()]
    sums: Series = {(): contract(table, x, None, c, 0)}
    for r, power in enumerate(powers(u, wanted), start=1):
        s = torch.cat(list(power.values())) / math.factorial(r)
        parts = contract(table, x.repeat(len(power), 1), s, c, r)
        add(sums, dict(zip(power, parts.unflatten(0, (len(power), x.shape[0])).unbind(0), strict=True)))
    return sums


def _squash(layer: KANLayer, u: Series, wanted: Collection[Monomial]) -> Series:
    """`KANLayer.squash` of a series."""
    if layer.grid_kind != "normalised":
        return u
    low, high = layer.basis.domain(layer.grid)
    middle, half = (low + high) / 2, (high - low) / 2
    unit = {m: (part - middle if m == () else part) / half for m, part in u.items()}
    bent = compose(Tanh().derivative, unit, wanted)
    return {m: middle + half * part if m == () else half * part for m, part in bent.items()}


def _combine(nodes: Nodes, sums: Series, wanted: Collection[Monomial]) -> Series:
    """`Nodes.combine` of a series."""
    if not nodes.products:
        return sums
    columns = [{m: part[..., : nodes.sums] for m, part in sums.items()}]
    for group in nodes.groups[nodes.sums :]:
        factors = [{m: part[..., j : j + 1] for m, part in sums.items()} for j in group]
        result = factors[0]
        for factor in factors[1:]:
            result = product(result, factor, wanted)
        columns.append(result)
    return side_by_side(columns)


def _by_column(
    u: Series, scales: Sequence[str], function: Callable[[Tensor, int], Any], wanted: Collection[Monomial]
) -> Series:
    """The series with a function, given by its derivatives, applied to the columns on a logarithmic scale."""
    if "log" not in scales:
        return u
    return side_by_side(
        [
            compose(function, column, wanted) if s == "log" else column
            for s, column in zip(scales, columns_of(u), strict=True)
        ]
    )
