"""Arguments of the native kernels: addresses, sizes and strides of tensors, which are kept alive meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.errors import DtypeError, ShapeError
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.table import base_with_tails
from splinework.splines.bases import activation

TAILS = {"linear": 0, "constant": 1, "zero": 2, "natural": 2}
"""Code of each extrapolation in csrc/layer.hpp; a natural B-spline vanishes outside its knots, as with `zero`."""

MAX_SPLINES = 60000
"""Maximum number of splines on an edge, by the kernels' tables of cells."""

NULL_MATRIX = (0, 0, 0)
"""Address and strides of an absent matrix."""

_NULL_UNITS = (0, 0, 0, 0)
_MAX_SILU_ORDER = 4
_HALF = (torch.bfloat16, torch.float16)
_ABSENT, _SILU, TABULATED = 0, 1, 2
"""Codes of base functions in csrc/layer.hpp; the values of a tabulated one are an argument."""


@dataclass(frozen=True)
class Spline:
    """The B-splines of one layer, on their grid.

    Attributes:
        grid: Knots `(I, M + k + 1)`.
        pieces: `splinework.splines.cell_polynomials(grid, degree)`.
        degree: Degree k.
        tail: Extrapolation, a value of `TAILS`.
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


class Addresses:
    """Layers as the tuples that csrc/binding.cpp reads, with references to the tensors behind the addresses.

    They are valid as long as the tensors are unchanged, so a backward pass can reuse those of its forward pass.

    Attributes:
        layers: One tuple per layer.
        units: Four addresses.
        kept: The points sorted by cell, as the forward pass leaves them for its backward pass; None if it left none.
    """

    kept: Any = None

    def __init__(
        self,
        layers: Sequence[tuple[EdgeParameters | None, Spline]],
        outputs: Sequence[int],
        highest: int,
        kind: torch.dtype,
        units: AffineUnits | None,
    ) -> None:
        self.keep: list[Any] = []
        self.units = _units(units, kind, self.keep)
        # The kernels must know an inner layer's base function: its points are computed inside the call.
        self.layers = [
            _layer_tuple(edges, spline, j, highest, kind, self.keep)
            for (edges, spline), j in zip(layers, outputs, strict=True)
        ]


def working(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the computation: half precision is computed in single, since bfloat16 cannot resolve 100 cells at 1."""
    if dtype in (torch.float32, torch.float64):
        return dtype
    if dtype in _HALF:
        return torch.float32
    raise DtypeError(f"the native kernels support float32, float64, bfloat16 and float16, got {dtype}.")


def to_kind(t: Tensor, kind: torch.dtype) -> Tensor:
    """The tensor converted to a dtype; the tensor itself if it has it."""
    return t if t.dtype == kind else t.to(kind)


def rows_at(t: Tensor | None, keep: list[Any]) -> tuple[int, int]:
    """Address and row stride of a matrix with contiguous rows, copied if they are not."""
    if t is None:
        return (0, 0)
    if t.stride(1) != 1 and t.shape[1] > 1:
        t = t.contiguous()
    keep.append(t)
    return t.data_ptr(), t.stride(0)


def points(
    x: Tensor,
    s: Tensor | None,
    spline: Spline,
    orders: Sequence[int],
    keep: list[Any],
    units: AffineUnits | None = None,
) -> tuple[int, ...]:
    """The tuple that `read_points` reads: x, s, and for each order the values of a base function unknown to the kernels."""
    kind = working(x.dtype)
    found: list[int] = []
    matrices: list[Tensor | None] = [to_kind(x, kind), None if s is None else to_kind(s, kind), None, None]
    if base_kind(spline, max(orders)) == TABULATED:
        base = activation(spline.base)
        assert base is not None
        low, high = spline.grid[:, spline.degree], spline.grid[:, spline.size]
        name = next(key for key, number in TAILS.items() if number == spline.tail)
        for n, order in enumerate(orders):
            u = x.detach() if units is None else units.enter(x.detach())
            matrices[2 + n] = base_with_tails(base, u, low, high, name, order).to(kind)
    for t in matrices:
        keep.append(t)
        found += NULL_MATRIX if t is None else (t.data_ptr(), *t.stride())
    return tuple(found)


def _units(units: AffineUnits | None, kind: torch.dtype, keep: list[Any]) -> tuple[int, ...]:
    if units is None:
        return _NULL_UNITS
    tensors = [
        to_kind(t, kind).contiguous() for t in (units.shift_in, units.scale_in, units.shift_out, units.scale_out)
    ]
    keep += tensors
    return tuple([t.data_ptr() for t in tensors])


def base_kind(spline: Spline, highest: int) -> int:
    """Code of the base function in the kernels, for derivatives up to the order `highest`."""
    if spline.base == "none":
        return _ABSENT
    return _SILU if spline.base == "silu" and highest <= _MAX_SILU_ORDER else TABULATED


def _layer_tuple(
    edges: EdgeParameters | None, spline: Spline, outputs: int, highest: int, kind: torch.dtype, keep: list[Any]
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
    head = (grid.shape[0], spline.size, outputs, spline.degree, spline.tail, base_kind(spline, highest))
    places = (grid.data_ptr(), pieces.data_ptr())
    if edges is None:
        return (*head, *places, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    c = edges.coefficients
    if c.dtype != kind:
        edges = EdgeParameters(*(None if t is None else t.to(kind) for t in vars(edges).values()))  # type: ignore[arg-type]
        c = edges.coefficients
    if c.stride(2) != 1 and outputs > 1:
        c = c.contiguous()
    bias = edges.bias if edges.bias is None or edges.bias.is_contiguous() else edges.bias.contiguous()
    keep += (c, bias)
    return (
        *head, *places, c.data_ptr(), c.stride(0), c.stride(1),
        *rows_at(edges.spline_weight, keep), *rows_at(edges.base_weight, keep), *rows_at(edges.mask, keep),
        0 if bias is None else bias.data_ptr(),
    )  # fmt: skip


def target(wanted: Sequence[Tensor | None] | None) -> tuple[int, ...]:
    """Addresses for a layer's gradients: coefficients, spline_weight, base_weight and bias, 0 if not needed."""
    if wanted is None:
        return (0, 0, 0, 0, 0, 0, 0, 0)
    c, scale, base, bias = wanted
    return (
        *((0, 0, 0) if c is None else (c.data_ptr(), c.stride(0), c.stride(1))),
        *((0, 0) if scale is None else (scale.data_ptr(), scale.stride(0))),
        *((0, 0) if base is None else (base.data_ptr(), base.stride(0))),
        0 if bias is None else bias.data_ptr(),
    )


def check_operands(
    x: Tensor,
    spline: Spline,
    c: Tensor | None = None,
    *,
    s: Tensor | None = None,
    g: Tensor | None = None,
    device: str = "cpu",
) -> None:
    """Checks the operands of a primitive before any memory is touched.

    Args:
        x: Points `(B, I)`.
        spline: Splines of I inputs.
        c: Coefficients `(I, rows of the table, J)`.
        s: Factors `(B, I)`.
        g: Cotangents `(B, J)`.
        device: The type of device that all must lie on.

    Raises:
        ShapeError: If shapes do not match.
        DtypeError: If dtypes differ, or a tensor lies on another device.
    """
    inputs, k = spline.grid.shape[0] if spline.grid.dim() == 2 else -1, spline.degree
    if not 0 <= k <= 9 or inputs < 1 or not k < spline.size <= MAX_SPLINES:
        raise ShapeError(
            f"the native kernels support degrees 0 to 9 and grids (inputs, splines + degree + 1) of at most {MAX_SPLINES} "
            f"splines, got degree {k} and grid {tuple(spline.grid.shape)}."
        )
    if x.dim() != 2 or x.shape[1] != inputs:
        raise ShapeError(f"x is (batch, {inputs}) for this grid, got {tuple(x.shape)}.")
    if spline.pieces.shape != (inputs, spline.size + k, k + 1, k + 1):
        raise ShapeError(f"pieces of degree {k} do not match the grid {tuple(spline.grid.shape)}; prepare them again.")
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
    for t in (x, spline.grid, spline.pieces):
        if t.device.type != device:
            raise DtypeError(
                f"the kernels take x, knots and pieces on one device, here {device}, got a tensor on {t.device}."
            )


def check_layer(x: Tensor, edges: EdgeParameters, spline: Spline, g: Tensor | None = None) -> None:
    """Checks the parameters of a layer before any memory is touched.

    Raises:
        ShapeError: If shapes do not match.
        DtypeError: If dtypes differ, or a tensor is not on the CPU.
    """
    check_operands(x, spline, g=g)
    c, inputs = edges.coefficients, spline.grid.shape[0]
    if c.dim() != 3 or c.shape[:2] != (inputs, spline.size):
        raise ShapeError(f"coefficients are ({inputs}, {spline.size}, outputs), got {tuple(c.shape)}.")
    if (edges.base_weight is None) != (spline.base == "none"):
        raise ShapeError(f"base function {spline.base!r} does not match base_weight {edges.base_weight}.")
    outputs = c.shape[2]
    if g is not None and g.shape[1] != outputs:
        raise ShapeError(f"the cotangent is ({x.shape[0]}, {outputs}), got {tuple(g.shape)}.")
    for name, t in vars(edges).items():
        if t is None:
            continue
        if name not in ("coefficients", "bias") and t.shape != (inputs, outputs):
            raise ShapeError(f"{name} is ({inputs}, {outputs}), got {tuple(t.shape)}.")
        if name == "bias" and t.shape != (outputs,):
            raise ShapeError(f"bias is ({outputs},), got {tuple(t.shape)}.")
        if t.dtype != x.dtype or t.device != x.device:
            raise DtypeError(f"x is {x.dtype} on {x.device}, got {name} of {t.dtype} on {t.device} beside it.")
