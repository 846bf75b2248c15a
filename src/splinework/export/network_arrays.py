"""The tables of a frozen network for text targets, without duplicates.

B-splines are stored in one of two ways, whichever needs fewer numbers: as polynomial pieces, one matrix per cell of a knot vector
(a single one for evenly spaced knots) and G + k coefficients per edge; or, if few edges share a grid, as the polynomials of every
edge, k + 1 numbers per cell.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.export.frozen import FrozenLayer, FrozenNetwork
from splinework.splines.bases import Basis

Floats = NDArray[np.float64]

_N_DECIMALS: Final = 13
"""Number of decimals to which equal pieces, of order one, agree despite rounding."""


@dataclass
class BasisFamily:
    """The distinct grids of one basis, in all layers that use it.

    Attributes:
        number: Number of the family, from 1.
        clamped: Whether the functions are only evaluated in the domain; then cells beyond it are omitted.
        points: For each grid, the ends of the cells (B-splines) or the ends of the domain.
        last: For each grid, the index of the last cell of positive width.
        piece: For each grid and cell, the index of its piece.
        pieces: Matrices `(k + 1, k + 1)`, power by active spline.
        local: Whether every edge has its own polynomial in every cell: then the functions are the powers of the local
            coordinate, and there are no pieces.
    """

    basis: Basis
    number: int
    clamped: bool
    points: list[Floats]
    last: list[int]
    piece: list[list[int]]
    pieces: list[Floats]
    local: bool = False

    @property
    def size(self) -> int:
        """Number of coefficients of an edge."""
        return self.cells * (self.degree + 1) if self.local else self.basis.size

    @property
    def cells(self) -> int:
        """Number of cells of every grid."""
        return len(self.points[0]) - 1

    @property
    def degree(self) -> int:
        """Degree of the splines; 0 for other bases."""
        return self.basis.degree or 0

    @property
    def active(self) -> int:
        """Number of functions evaluated at a point: for B-splines the non-zero ones."""
        return self.size if self.basis.degree is None else self.degree + 1

    @property
    def ends(self) -> tuple[int, int]:
        """Indices in `points` of the ends of the domain."""
        if self.basis.degree is not None and not self.clamped:
            return self.degree, self.basis.size
        return 0, 1 if self.basis.degree is None else self.basis.resolution


@dataclass(frozen=True)
class LayerArrays:
    """The tables of one layer.

    Attributes:
        layer: The frozen layer.
        family: Family of its functions.
        grid: Index of the grid of each input.
        first: Index of the first edge of each input, followed by the number of edges.
        target: Index of the sum of each edge.
        weights: One row per edge: M coefficients and the weight of the base function, if any.
        bias: Constant of each sum.
    """

    layer: FrozenLayer
    family: BasisFamily
    grid: list[int]
    first: list[int]
    target: list[int]
    weights: Floats
    bias: Floats

    @property
    def splines(self) -> bool:
        """Whether there are edges that are splines."""
        return bool(self.target)


@dataclass(frozen=True)
class NetworkArrays:
    """The tables of a network: families and layers."""

    network: FrozenNetwork
    families: list[BasisFamily]
    layers: list[LayerArrays]

    @property
    def numbers(self) -> int:
        """Number of floating-point numbers in the tables."""
        count = sum(table.weights.size + table.bias.size for table in self.layers)
        for family in self.families:
            count += sum(points.size for points in family.points) + sum(piece.size for piece in family.pieces)
        return count


def network_arrays(network: FrozenNetwork) -> NetworkArrays:
    """The tables of a network.

    Raises:
        ConfigError: If a grid is not finite, or has no length.
    """
    families: dict[tuple[Any, ...], BasisFamily] = {}
    tables = [_layer_tables(layer, families) for layer in network.layers]
    used = [family for family in families.values() if family.points]
    for number, family in enumerate(used, start=1):
        family.number = number
        edges = sum(len(t.target) for t in tables if t.family is family)
        shared = sum(piece.size for piece in family.pieces) + edges * family.size
        if family.pieces and edges * family.cells * (family.degree + 1) < shared:
            tables = [_localised(t) if t.family is family else t for t in tables]
            family.local, family.pieces, family.piece = True, [], []
    return NetworkArrays(network, used, tables)


def _localised(t: LayerArrays) -> LayerArrays:
    """The layer with the polynomials of every edge, cell by cell, in place of its coefficients."""
    family, size, k = t.family, t.family.size, t.family.degree
    pieces, numbers = np.array(family.pieces), np.array(family.piece)
    edge_grids = np.repeat(np.array(t.grid, dtype=int), np.diff(t.first))
    beyond = 0 if family.clamped else k
    c = np.pad(t.weights[:, :size], [(0, 0), (beyond, beyond)])
    windows = np.lib.stride_tricks.sliding_window_view(c, k + 1, axis=1)  # (E, cells, k + 1)
    powers = np.einsum("ecpa,eca->ecp", pieces[numbers[edge_grids]], windows)
    return replace(t, weights=np.hstack([powers.reshape(len(c), family.cells * (k + 1)), t.weights[:, size:]]))


def _layer_tables(layer: FrozenLayer, families: dict[tuple[Any, ...], BasisFamily]) -> LayerArrays:
    clamped = layer.basis.degree is None or layer.extrapolation in ("linear", "constant")
    key = (layer.basis, clamped)
    family = families.setdefault(key, BasisFamily(layer.basis, 0, clamped, [], [], [], []))
    pairs = torch.nonzero(layer.alive)
    first = np.searchsorted(pairs[:, 0].numpy(), np.arange(layer.inputs + 1)).tolist()
    weights = layer.coefficients[pairs[:, 0], :, pairs[:, 1]].numpy()
    if layer.base is not None:
        weights = np.hstack([weights, layer.base_weight[pairs[:, 0], pairs[:, 1]].numpy()[:, None]])
    prepared = layer.basis.prepare(layer.grid).numpy()
    grids = zip(layer.grid, prepared, strict=True)
    grid = [_grid_number(family, g.numpy(), p) for g, p in grids] if len(pairs) else []
    return LayerArrays(layer, family, grid, first, pairs[:, 1].tolist(), weights, layer.bias.numpy())


def _grid_number(family: BasisFamily, grid: Floats, prepared: Floats) -> int:
    """The index of a grid in its family, added if it is new."""
    points, cells = grid, prepared
    if family.basis.degree is not None and family.clamped:
        k, size = family.basis.degree, family.basis.size
        points, cells = grid[k : size + 1], prepared[k:size]
    for number, known in enumerate(family.points):
        if np.array_equal(known, points):
            return number
    family.points.append(points)
    if family.basis.degree is not None:
        if not np.isfinite(points).all() or points[0] >= points[-1]:
            raise ConfigError(
                "a grid of the model is not finite, or has no length, so it cannot be exported. Fit it again."
            )
        family.last.append(int(np.flatnonzero(points[:-1] < points[-1])[-1]))
        known_pieces = {_key(piece): number for number, piece in enumerate(family.pieces)}
        numbers = []
        for piece in cells:
            number = known_pieces.setdefault(_key(piece), len(family.pieces))
            if number == len(family.pieces):
                family.pieces.append(piece)
            numbers.append(number)
        family.piece.append(numbers)
    return len(family.points) - 1


def _key(piece: Floats) -> bytes:
    return (np.round(piece, _N_DECIMALS) + 0.0).tobytes()  # + 0: one zero, not two
