"""The kernels in C++ (csrc/): the same sums as `reference`, touching only the k + 1 splines that are non-zero at a point.

Here: the compiled module, or the reason why it is missing, and calls into it with plain tensors. The rules for autograd, vmap
and torch.compile are in `ops`.
"""

import functools
import importlib
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.kernels.addresses import (
    NULL_MATRIX,
    TABULATED,
    Addresses,
    Spline,
    base_kind,
    check_operands,
    points,
    rows_at,
    target,
    to_kind,
    working,
)
from splinework.kernels.edges import AffineUnits, EdgeParameters

FusedLayers = Sequence[tuple[EdgeParameters, Spline]]
"""The parameters and the functions of layers that one call evaluates, the first layer first."""
ALGORITHMS = ("best", "sorted", "gather", "narrow", "dense")


@functools.cache
def module() -> Any:
    """The compiled module, or the `ImportError` of the attempt to load it.

    Raises:
        ConfigError: If the environment variable SPLINEWORK_ISA names an unavailable instruction set.
    """
    try:
        found = importlib.import_module("splinework._native")
    except ImportError as error:
        return error
    wanted = os.environ.get("SPLINEWORK_ISA")
    if wanted and wanted not in found.variants():
        raise ConfigError(f"SPLINEWORK_ISA is one of {', '.join(found.variants())} on this processor, got {wanted!r}.")
    found.borrow_runtime(os.path.join("torch", "lib"))
    return found


def available() -> bool:
    """Whether the compiled kernels can be loaded."""
    return not isinstance(module(), ImportError)


def why_not() -> str | None:
    """The reason why the kernels are missing, and how to get them; None if they are available."""
    error = module()
    if not isinstance(error, ImportError):
        return None
    if not isinstance(error, ModuleNotFoundError):
        return (
            f"they were compiled, but cannot be loaded ({error}); compile them again: pip install --force-reinstall ."
        )
    return (
        "this installation is pure Python: no C++ compiler was found when it was built. Install one (Debian and Ubuntu: apt "
        "install g++; macOS: xcode-select --install), then: pip install --force-reinstall --no-deps splinework"
    )


def force(name: str) -> None:
    """Selects one algorithm for all calls, or `best` for a choice by sizes; for tests and benchmarks.

    The environment variable SPLINEWORK_KERNEL sets the initial choice.
    """
    global _forced
    if name not in ALGORITHMS:
        raise ConfigError(f"the algorithm must be one of {', '.join(ALGORITHMS)}, got {name!r}.")
    _forced = ALGORITHMS.index(name)


def forced() -> int:
    """The selected algorithm, as a number for the compiled module."""
    return _forced


_forced = 0
force(os.environ.get("SPLINEWORK_KERNEL", "best"))


# ------------------------------------------------------------------------------------------------ primitives


def contract(x: Tensor, s: Tensor | None, c: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.contract`: `(B, J)`."""
    check_operands(x, spline, c, s=s)
    return forward(x, [(_edges(c, spline), spline)], s=s, order=order)[0]


def _edges(c: Tensor, spline: Spline) -> EdgeParameters:
    """Edges with the coefficients of a whole table, `(I, rows, J)`."""
    return EdgeParameters(c[:, : spline.size], None, c[:, spline.size] if spline.base != "none" else None, None, None)


def probe(x: Tensor, c: Tensor, g: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.probe`: `(B, I)`."""
    check_operands(x, spline, c, g=g)
    out = torch.empty(x.shape, dtype=working(x.dtype))
    run_backward(x, [(_edges(c, spline), spline)], [], g, out, [None], probe_order=order)
    return to_kind(out, x.dtype)


def scatter(x: Tensor, s: Tensor | None, g: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.scatter`: `(I, M, J)`."""
    check_operands(x, spline, s=s, g=g)
    out = torch.empty((x.shape[1], spline.rows, g.shape[1]), dtype=working(x.dtype))
    wanted = (out[:, : spline.size], None, out[:, spline.size] if spline.base != "none" else None, None)
    run_backward(x, [(None, spline)], [], g, None, [wanted], s=s, scatter_order=order)
    return to_kind(out, x.dtype)


# --------------------------------------------------------------------------------------------------- networks


def forward(x: Tensor, layers: FusedLayers, *, s: Tensor | None = None, order: int = 0) -> list[Tensor]:
    """The sums `(B, J)` of every layer in a chain; `s` and `order` are for a single layer.

    Args:
        x: Points `(B, I)`.
        layers: Edges and splines of each layer.
        s: Factors `(B, I)`.
        order: Order of the derivative.
    """
    return forward_and_addresses(x, layers, s=s, order=order)[0]


def forward_and_addresses(
    x: Tensor,
    layers: FusedLayers,
    *,
    s: Tensor | None = None,
    order: int = 0,
    units: AffineUnits | None = None,
    keep: bool = False,
) -> tuple[list[Tensor], Addresses]:
    """`forward`, and the addresses that `backward` can reuse; with `keep` also the sorted points, as `kept`."""
    kind = working(x.dtype)
    outputs = [edges.coefficients.shape[2] for edges, _ in layers]
    sums = [torch.empty((x.shape[0], j), dtype=kind) for j in outputs]
    addresses = Addresses(layers, outputs, order, kind, units)
    where = points(x, s, layers[0][1], (order,), addresses.keep, units)
    places = [(y.data_ptr(), j) for y, j in zip(sums, outputs, strict=True)]
    threads, double = torch.get_num_threads(), kind == torch.float64
    addresses.kept = module().forward(
        double, x.shape[0], where, addresses.layers, places, addresses.units, order, threads, _forced, keep
    )
    return (sums if x.dtype == kind else [to_kind(y, x.dtype) for y in sums]), addresses


def _places(edges: EdgeParameters, wanted: Sequence[bool], kind: torch.dtype) -> list[Tensor | None]:
    """Empty tensors for the requested gradients of coefficients, spline_weight, base_weight and bias."""
    own = (edges.coefficients, edges.spline_weight, edges.base_weight, edges.bias)
    return [torch.empty(t.shape, dtype=kind) if w and t is not None else None for t, w in zip(own, wanted, strict=True)]


def fusable(spline: Spline) -> bool:
    """Whether a layer can follow another one in the same call: the kernels know its base function."""
    return base_kind(spline, 0) != TABULATED


def backward(
    x: Tensor,
    layers: FusedLayers,
    hidden: Sequence[Tensor],
    g: Tensor,
    wanted: Sequence[Sequence[bool]],
    *,
    by_x: bool,
    addresses: Addresses | None = None,
    units: AffineUnits | None = None,
) -> tuple[Tensor | None, list[list[Tensor | None]]]:
    """Gradients of `forward`'s last sums, contracted with `g`.

    Args:
        x: Points `(B, I)`.
        layers: Edges and splines of each layer.
        hidden: Sums of all layers but the last.
        g: Cotangents `(B, J)`.
        wanted: For each layer, whether coefficients, spline_weight, base_weight and bias need a gradient.
        by_x: Whether x needs one.
        addresses: Addresses of the forward pass, if available.
        units: Units of x and of the outputs, as in the forward pass.

    Returns:
        The gradient of x, and these four for each layer; None if not needed.
    """
    kind = working(x.dtype)
    out = torch.empty(x.shape, dtype=kind) if by_x else None
    results = [_places(edges, want, kind) for (edges, _), want in zip(layers, wanted, strict=True)]
    run_backward(x, layers, hidden, g, out, results, addresses=addresses, units=units)
    if x.dtype == kind:
        return out, results
    return (
        None if out is None else to_kind(out, x.dtype),
        [[None if t is None else to_kind(t, x.dtype) for t in result] for result in results],
    )


def run_backward(
    x: Tensor,
    layers: Sequence[tuple[EdgeParameters | None, Spline]],
    hidden: Sequence[Tensor],
    g: Tensor,
    by_x: Tensor | None,
    wanted: Sequence[Sequence[Tensor | None] | None],
    *,
    s: Tensor | None = None,
    probe_order: int = 1,
    scatter_order: int = 0,
    addresses: Addresses | None = None,
    units: AffineUnits | None = None,
) -> None:
    """Fills `by_x` and the tensors in `wanted` for each layer's coefficients, spline_weight, base_weight and bias."""
    kind = working(x.dtype)
    orders = (probe_order, scatter_order) if by_x is not None else (scatter_order,)
    if addresses is None or base_kind(layers[0][1], max(orders)) == TABULATED:
        outputs = [*(h.shape[1] for h in hidden), g.shape[1]]
        addresses = Addresses(layers, outputs, max(orders), kind, units)
    keep: list[Any] = []
    module().backward(
        kind == torch.float64,
        x.shape[0],
        points(x, s, layers[0][1], orders, keep, units),
        addresses.layers,
        [rows_at(to_kind(h, kind), keep) for h in hidden],
        rows_at(to_kind(g, kind), keep),
        NULL_MATRIX if by_x is None else (by_x.data_ptr(), *by_x.stride()),
        [target(w) for w in wanted],
        addresses.units,
        probe_order,
        scatter_order,
        torch.get_num_threads(),
        _forced,
        addresses.kept,
    )
