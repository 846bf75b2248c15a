"""The kernels in C++ (csrc/): the same sums as `reference`, touching only the k + 1 splines that are not zero at a point.

Here: the module that was compiled, or why there is none, and calls into it with plain tensors. What autograd, vmap and
torch.compile need to know about them stands in `ops`.
"""

import functools
import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.bases import activation
from splinework.errors import ConfigError, DtypeError, ShapeError
from splinework.kernels.edges import Edges, Units
from splinework.kernels.table import base_with_tails

TAILS = {"linear": 0, "constant": 1, "zero": 2, "natural": 2}
"""Number of each extrapolation in csrc/layer.hpp; B-splines as they are die out."""

ALGORITHMS = ("best", "sorted", "gather", "narrow", "dense")
_NOWHERE = (0, 0, 0)
_AS_IT_IS = (0, 0, 0, 0)
_HIGHEST_SILU = 4
_HALF = (torch.bfloat16, torch.float16)
_ABSENT, _SILU, _GIVEN = 0, 1, 2


@dataclass(frozen=True)
class Spline:
    """The B-splines of one layer, on their grid.

    Attributes:
        grid: Knots `(I, M + k + 1)`.
        pieces: `splinework.functional.cell_polynomials(grid, degree)`.
        degree: k.
        tail: A value of `TAILS`.
        base: Name of the base function, or `none`.
    """

    grid: Tensor
    pieces: Tensor
    degree: int
    tail: int
    base: str

    @property
    def size(self) -> int:
        """Number of splines M."""
        return self.grid.shape[1] - self.degree - 1

    @property
    def rows(self) -> int:
        """Number of rows of the table: M, and one more where there is a base function."""
        return self.size + (self.base != "none")


@functools.cache
def module() -> Any:
    """The compiled module, or an `ImportError` that says why there is none."""
    try:
        found = importlib.import_module("splinework._native")
    except ImportError as error:
        return error
    found.borrow_runtime(os.path.join("torch", "lib"))
    return found


def available() -> bool:
    """Whether the kernels were compiled for this installation."""
    return not isinstance(module(), ImportError)


def why_not() -> str | None:
    """Why the kernels are not there, and how to get them; None where they are."""
    if available():
        return None
    return (
        "this installation is pure Python: there was no C++ compiler when it was made. Install one (Debian and Ubuntu: apt "
        "install g++; macOS: xcode-select --install), then: pip install --force-reinstall --no-deps splinework"
    )


def force(name: str) -> None:
    """Lets one algorithm do all the work from now on, `best` the one that the sizes call for; for tests and benchmarks.

    The environment variable SPLINEWORK_KERNEL does so from the start.

    Raises:
        ConfigError: If there is none of that name.
    """
    global _forced
    if name not in ALGORITHMS:
        raise ConfigError(f"the algorithm is one of {', '.join(ALGORITHMS)}, got {name!r}.")
    _forced = ALGORITHMS.index(name)


_forced = 0
force(os.environ.get("SPLINEWORK_KERNEL", "best"))


# ------------------------------------------------------------------------------------------------ primitives


def contract(x: Tensor, s: Tensor | None, c: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.contract`: `(B, J)`."""
    _check(x, s, c, spline)
    edges = Edges(c[:, : spline.size], None, c[:, spline.size] if spline.base != "none" else None, None, None)
    return forward(x, [(edges, spline)], s=s, order=order)[0]


def probe(x: Tensor, c: Tensor, g: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.probe`: `(B, I)`."""
    _check(x, None, c, spline, g)
    edges = Edges(c[:, : spline.size], None, c[:, spline.size] if spline.base != "none" else None, None, None)
    out = _empty(x, x.shape)
    _run_backward(x, [(edges, spline)], [], g, out, [None], probe_order=order)
    return _as(out, x)


def scatter(x: Tensor, s: Tensor | None, g: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.scatter`: `(I, M, J)`."""
    _check(x, s, None, spline, g)
    out = _empty(x, (x.shape[1], spline.rows, g.shape[1]))
    wanted = (out[:, : spline.size], None, out[:, spline.size] if spline.base != "none" else None, None)
    _run_backward(x, [(None, spline)], [], g, None, [wanted], s=s, scatter_order=order)
    return _as(out, x)


# --------------------------------------------------------------------------------------------------- networks


class Addresses:
    """Layers as the tuples that csrc/binding.cpp reads, and the tensors behind the addresses, kept alive.

    They hold as long as the tensors are what they were, so a backward pass can use those of its forward pass.

    Attributes:
        layers: One tuple per layer.
        units: Four addresses.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Edges | None, Spline]],
        outputs: Sequence[int],
        highest: int,
        kind: torch.dtype,
        units: Units | None,
    ) -> None:
        self.keep: list[Any] = []
        self.units = _units(units, kind, self.keep)
        # An inner layer's base function must be known to the kernels: its points are not known before.
        self.layers = [
            _layer(edges, spline, j, highest, kind, self.keep)
            for (edges, spline), j in zip(layers, outputs, strict=True)
        ]


def forward(
    x: Tensor, layers: Sequence[tuple[Edges, Spline]], *, s: Tensor | None = None, order: int = 0
) -> list[Tensor]:
    """The sums `(B, J)` of every layer, each taking what the one before gives; one layer where `s` or `order` is given.

    Args:
        x: `(B, I)`.
        layers: Edges and splines of each layer.
        s: Factors `(B, I)`.
        order: Of the derivative.
    """
    return forward_and_addresses(x, layers, s=s, order=order)[0]


def forward_and_addresses(
    x: Tensor,
    layers: Sequence[tuple[Edges, Spline]],
    *,
    s: Tensor | None = None,
    order: int = 0,
    units: Units | None = None,
) -> tuple[list[Tensor], Addresses]:
    """`forward`, and what `backward` may be given to spare it the same work."""
    kind = _working(x.dtype)
    outputs = [edges.coefficients.shape[2] for edges, _ in layers]
    sums = [torch.empty((x.shape[0], j), dtype=kind) for j in outputs]
    addresses = Addresses(layers, outputs, order, kind, units)
    points = _points(x, s, layers[0][1], (order,), addresses.keep, units)
    places = [(y.data_ptr(), j) for y, j in zip(sums, outputs, strict=True)]
    threads = torch.get_num_threads()
    module().forward(
        kind == torch.float64,
        x.shape[0],
        points,
        addresses.layers,
        places,
        addresses.units,
        order,
        threads,
        _forced,
    )
    return (sums if x.dtype == kind else [_as(y, x) for y in sums]), addresses


def squared_error(
    x: Tensor, t: Tensor, layers: Sequence[tuple[Edges, Spline]], wanted: Sequence[Sequence[bool]], units: Units | None
) -> tuple[float, list[list[Tensor | None]]]:
    """Mean squared error of the last sums against `t` `(B, J)`, and the gradients of each layer's parts as in `backward`.

    `wanted` may be empty: then only the error is worked out.
    """
    kind = _working(x.dtype)
    outputs = [edges.coefficients.shape[2] for edges, _ in layers]
    sums = [torch.empty((x.shape[0], j), dtype=kind) for j in outputs]
    addresses = Addresses(layers, outputs, 1, kind, units)
    results = [_places(edges, want, kind) for (edges, _), want in zip(layers, wanted, strict=bool(wanted))]
    error: float = module().squared_error(
        kind == torch.float64,
        x.shape[0],
        _points(x, None, layers[0][1], (0,), addresses.keep, units),
        addresses.layers,
        [(y.data_ptr(), j) for y, j in zip(sums, outputs, strict=True)],
        _rows(_to(t, kind), addresses.keep),
        [_target(r) for r in results],
        addresses.units,
        torch.get_num_threads(),
        _forced,
    )
    return error, results


def _places(edges: Edges, wanted: Sequence[bool], kind: torch.dtype) -> list[Tensor | None]:
    """Tensors for the gradients that are wanted of coefficients, spline_weight, base_weight and bias."""
    own = (edges.coefficients, edges.spline_weight, edges.base_weight, edges.bias)
    return [torch.empty(t.shape, dtype=kind) if w and t is not None else None for t, w in zip(own, wanted, strict=True)]


def fusable(spline: Spline) -> bool:
    """Whether a layer may stand behind another in one call: its base function is known to the kernels."""
    return spline.base in ("silu", "none")


def backward(
    x: Tensor,
    layers: Sequence[tuple[Edges, Spline]],
    hidden: Sequence[Tensor],
    g: Tensor,
    wanted: Sequence[Sequence[bool]],
    *,
    by_x: bool,
    addresses: Addresses | None = None,
    units: Units | None = None,
) -> tuple[Tensor | None, list[list[Tensor | None]]]:
    """Gradients of `forward`'s last sums, contracted with `g`.

    Args:
        x: `(B, I)`.
        layers: As given to `forward`.
        hidden: The sums of all layers but the last.
        g: `(B, J)`.
        wanted: For each layer whether coefficients, spline_weight, base_weight and bias want a gradient.
        by_x: Whether x wants one.
        addresses: Those of the forward pass, if they are at hand.
        units: Of x and of the outputs, as given to the forward pass.

    Returns:
        The gradient of x, and for each layer those four; None where not wanted.
    """
    kind = _working(x.dtype)
    out = torch.empty(x.shape, dtype=kind) if by_x else None
    results = [_places(edges, want, kind) for (edges, _), want in zip(layers, wanted, strict=True)]
    _run_backward(x, layers, hidden, g, out, results, addresses=addresses, units=units)
    if x.dtype == kind:
        return out, results
    return (
        None if out is None else _as(out, x),
        [[None if t is None else _as(t, x) for t in result] for result in results],
    )


def _run_backward(
    x: Tensor,
    layers: Sequence[tuple[Edges | None, Spline]],
    hidden: Sequence[Tensor],
    g: Tensor,
    by_x: Tensor | None,
    wanted: Sequence[Sequence[Tensor | None] | None],
    *,
    s: Tensor | None = None,
    probe_order: int = 1,
    scatter_order: int = 0,
    addresses: Addresses | None = None,
    units: Units | None = None,
) -> None:
    """Fills `by_x` and, for each layer, what `wanted` holds for coefficients, spline_weight, base_weight and bias."""
    kind = _working(x.dtype)
    orders = (probe_order, scatter_order) if by_x is not None else (scatter_order,)
    if addresses is None or _base_kind(layers[0][1], max(orders)) == _GIVEN:
        outputs = [*(h.shape[1] for h in hidden), g.shape[1]]
        addresses = Addresses(layers, outputs, max(orders), kind, units)
    keep: list[Any] = []
    module().backward(
        kind == torch.float64,
        x.shape[0],
        _points(x, s, layers[0][1], orders, keep, units),
        addresses.layers,
        [_rows(_to(h, kind), keep) for h in hidden],
        _rows(_to(g, kind), keep),
        _NOWHERE if by_x is None else (by_x.data_ptr(), *by_x.stride()),
        [_target(w) for w in wanted],
        addresses.units,
        probe_order,
        scatter_order,
        torch.get_num_threads(),
        _forced,
    )


# ------------------------------------------------------------------------------------- tensors as addresses


def _working(dtype: torch.dtype) -> torch.dtype:
    """Half precision is worked in single: a grid of 100 cells is finer than bfloat16 is at 1."""
    if dtype in (torch.float32, torch.float64):
        return dtype
    if dtype in _HALF:
        return torch.float32
    raise DtypeError(f"the native kernels take float32, float64, bfloat16 and float16, got {dtype}.")


def _to(t: Tensor, kind: torch.dtype) -> Tensor:
    return t if t.dtype == kind else t.to(kind)


def _empty(like: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=_working(like.dtype))


def _as(value: Tensor, like: Tensor) -> Tensor:
    return value if value.dtype == like.dtype else value.to(like.dtype)


def _rows(t: Tensor | None, keep: list[Any]) -> tuple[int, int]:
    """Address and row stride of a matrix whose columns lie side by side, copied where they do not."""
    if t is None:
        return (0, 0)
    if t.stride(1) != 1 and t.shape[1] > 1:
        t = t.contiguous()
    keep.append(t)
    return t.data_ptr(), t.stride(0)


def _points(
    x: Tensor, s: Tensor | None, spline: Spline, orders: Sequence[int], keep: list[Any], units: Units | None = None
) -> tuple[int, ...]:
    kind = _working(x.dtype)
    found: list[int] = []
    matrices: list[Tensor | None] = [_to(x, kind), None if s is None else _to(s, kind), None, None]
    if _base_kind(spline, max(orders)) == _GIVEN:
        base = activation(spline.base)
        assert base is not None
        low, high = spline.grid[:, spline.degree], spline.grid[:, spline.size]
        name = next(key for key, number in TAILS.items() if number == spline.tail)
        for n, order in enumerate(orders):
            u = x.detach() if units is None else units.enter(x.detach())
            matrices[2 + n] = base_with_tails(base, u, low, high, name, order).to(kind)
    for t in matrices:
        keep.append(t)
        found += _NOWHERE if t is None else (t.data_ptr(), *t.stride())
    return tuple(found)


def _units(units: Units | None, kind: torch.dtype, keep: list[Any]) -> tuple[int, ...]:
    if units is None:
        return _AS_IT_IS
    tensors = [_to(t, kind).contiguous() for t in (units.shift_in, units.scale_in, units.shift_out, units.scale_out)]
    keep += tensors
    return tuple([t.data_ptr() for t in tensors])


def _base_kind(spline: Spline, highest: int) -> int:
    if spline.base == "none":
        return _ABSENT
    return _SILU if spline.base == "silu" and highest <= _HIGHEST_SILU else _GIVEN


def _layer(
    edges: Edges | None, spline: Spline, outputs: int, highest: int, kind: torch.dtype, keep: list[Any]
) -> tuple[int, ...]:
    """The tuple that `read_layer` in csrc/binding.cpp reads."""
    grid, pieces = spline.grid, spline.pieces
    if grid.dtype != kind:
        grid, pieces = grid.to(kind), pieces.to(kind)
    if not grid.is_contiguous():
        grid = grid.contiguous()
    if not pieces.is_contiguous():
        pieces = pieces.contiguous()
    keep += (grid, pieces)
    head = (grid.shape[0], spline.size, outputs, spline.degree, spline.tail, _base_kind(spline, highest))
    places = (grid.data_ptr(), pieces.data_ptr())
    if edges is None:
        return (*head, *places, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    c = edges.coefficients
    if c.dtype != kind:
        edges = Edges(*(None if t is None else t.to(kind) for t in vars(edges).values()))  # type: ignore[arg-type]
        c = edges.coefficients
    if c.stride(2) != 1 and outputs > 1:
        c = c.contiguous()
    bias = edges.bias if edges.bias is None or edges.bias.is_contiguous() else edges.bias.contiguous()
    keep += (c, bias)
    return (
        *head, *places, c.data_ptr(), c.stride(0), c.stride(1),
        *_rows(edges.spline_weight, keep), *_rows(edges.base_weight, keep), *_rows(edges.mask, keep),
        0 if bias is None else bias.data_ptr(),
    )  # fmt: skip


def _target(wanted: Sequence[Tensor | None] | None) -> tuple[int, ...]:
    if wanted is None:
        return (0, 0, 0, 0, 0, 0, 0, 0)
    c, scale, base, bias = wanted
    return (
        *((0, 0, 0) if c is None else (c.data_ptr(), c.stride(0), c.stride(1))),
        *((0, 0) if scale is None else (scale.data_ptr(), scale.stride(0))),
        *((0, 0) if base is None else (base.data_ptr(), base.stride(0))),
        0 if bias is None else bias.data_ptr(),
    )


def _check(x: Tensor, s: Tensor | None, c: Tensor | None, spline: Spline, g: Tensor | None = None) -> None:
    """Raises before any memory is touched.

    Raises:
        ShapeError: If shapes do not fit each other.
        DtypeError: If dtypes differ, or a tensor is not on the processor.
    """
    inputs, k = spline.grid.shape[0], spline.degree
    if x.dim() != 2 or x.shape[1] != inputs:
        raise ShapeError(f"x is (batch, {inputs}) for this grid, got {tuple(x.shape)}.")
    if spline.pieces.shape != (inputs, spline.size + k, k + 1, k + 1):
        raise ShapeError(f"pieces of degree {k} do not fit the grid {tuple(spline.grid.shape)}; prepare them anew.")
    if s is not None and s.shape != x.shape:
        raise ShapeError(f"s has the shape of x, {tuple(x.shape)}, got {tuple(s.shape)}.")
    if c is not None and (c.dim() != 3 or c.shape[:2] != (inputs, spline.rows)):
        raise ShapeError(f"coefficients are ({inputs}, {spline.rows}, outputs), got {tuple(c.shape)}.")
    if g is not None and (g.dim() != 2 or g.shape[0] != x.shape[0] or (c is not None and g.shape[1] != c.shape[2])):
        wanted = "outputs" if c is None else c.shape[2]
        raise ShapeError(f"the cotangent is ({x.shape[0]}, {wanted}), got {tuple(g.shape)}.")
    for t in (s, c, g):
        if t is not None and (t.dtype != x.dtype or t.device != x.device):
            raise DtypeError(f"x is {x.dtype} on {x.device}, got {t.dtype} on {t.device} beside it.")
    if x.device.type != "cpu":
        raise DtypeError(f"the native kernels run on the processor, got tensors on {x.device}.")
