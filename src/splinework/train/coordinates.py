"""Coordinates of a shaped network: its parameters are `θ = T d`, each coordinate within bounds; and the freedom of a fit.

A fit moves d. So an edge that must rise does so at every step and to the last bit, and what binds is known exactly: these are
the coordinates at their bounds. How many parameters a fit has used up, penalties considered, is the trace of the matrix that
takes y to the fitted values.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.nn.network import KAN
from splinework.nn.shaping import Cones
from splinework.splines.cones import Floats
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import Objective

_Entries = tuple[NDArray[np.intp], NDArray[np.intp], Floats]
"""Rows, columns and values of a sparse matrix."""


@final
@dataclass(frozen=True, eq=False)
class Coordinates:
    """The map from coordinates d `(Q,)` to parameters θ `(P,)`.

    Attributes:
        map: T, `(P, Q)`, sparse.
        inverse: A left inverse of T, `(Q, P)`, sparse.
        lower: `(Q,)`.
        upper: `(Q,)`.
    """

    map: Tensor
    inverse: Tensor
    lower: Tensor
    upper: Tensor

    @classmethod
    def of(cls, model: KAN, parameters: ParameterVector) -> "Coordinates | None":
        """Those of a model; None where no layer is shaped, and the parameters are their own coordinates."""
        if not is_shaped(model):
            return None
        builder = _Builder(model, parameters)
        for index in range(len(model.kan_layers)):
            builder.add(index)
        for own in parameters.function_spans(model):
            builder._free(own.start, own.stop - own.start)
        return builder.built()

    @property
    def bounded(self) -> bool:
        """Whether there are bounds."""
        return bool(self.lower.isfinite().any() or self.upper.isfinite().any())

    def read(self, theta: Tensor) -> Tensor:
        """The coordinates of parameters, `(Q,)`."""
        return torch.clamp(self.inverse @ theta, self.lower, self.upper)

    def free(self, theta: Tensor) -> Tensor:
        """A mask of the coordinates that are not at a bound, `(Q,)`."""
        d = self.read(theta)
        near = 1e-12 * d.abs().max().clamp_min(1e-300)
        return (d > self.lower + near) & (d < self.upper - near)

    def write(self, d: Tensor) -> Tensor:
        """The parameters of coordinates, `(P,)`."""
        return self.map @ d

    def gradient(self, vector: Tensor) -> Tensor:
        """`Tᵀ v`, `(Q,)`."""
        return self.map.T @ vector

    def square(self, matrix: Tensor) -> Tensor:
        """`Tᵀ A T` of a symmetric A, `(Q, Q)`."""
        half = torch.sparse.mm(self.map.T, matrix)
        both: Tensor = torch.sparse.mm(self.map.T, half.T)
        return both

    def columns(self, rows: Tensor) -> Tensor:
        """`J T` of rows `(R, P)`, `(R, Q)`."""
        moved: Tensor = torch.sparse.mm(self.map.T, rows.T).T
        return moved


def is_shaped(model: KAN) -> bool:
    """Whether some layer has shaped edges."""
    return any(layer.shaping is not None for layer in model.kan_layers)


def project_onto_shapes(model: KAN) -> None:
    """Puts every shaped edge back to its shape, for methods that know no bounds."""
    for layer in model.kan_layers:
        layer.enforce_shaping()


class _Builder:
    """Collects the blocks of T."""

    def __init__(self, model: KAN, parameters: ParameterVector) -> None:
        self.model, self.parameters = model, parameters
        self.spans = parameters.spans(model)
        self.entries: list[_Entries] = []
        self.inverses: list[_Entries] = []
        self.lower: list[Floats] = []
        self.upper: list[Floats] = []
        self.count = 0

    def add(self, index: int) -> None:
        layer, (inputs, outputs), (own, rest) = (
            self.model.kan_layers[index],
            self.parameters.edges[index],
            self.spans[index],
        )
        size = layer.table().size
        place = {
            (i, j): own.start + number * size
            for number, (i, j) in enumerate(zip(inputs.tolist(), outputs.tolist(), strict=True))
        }
        cones: Cones = layer.cones()
        if not cones:
            self._free(own.start, own.stop - own.start)
        for group, columns, its in cones:
            for j in columns:
                starts = [place[i, j] for i in group if (i, j) in place]
                if starts:
                    self._block(starts, its.map, its.inverse, its.lower, its.upper)
                    for extra in range(its.map.shape[0], size):  # the base function's weight
                        self._block([start + extra for start in starts], *_UNBOUNDED)
        self._free(rest.start, rest.stop - rest.start)

    def _free(self, start: int, count: int) -> None:
        at = np.arange(count)
        ones = np.ones(count)
        self.entries.append((start + at, self.count + at, ones))
        self.inverses.append((self.count + at, start + at, ones))
        self.lower.append(np.full(count, -np.inf))
        self.upper.append(np.full(count, np.inf))
        self.count += count

    def _block(self, starts: list[int], shape: Floats, inverse: Floats, lower: Floats, upper: Floats) -> None:
        rows, columns = np.indices(shape.shape)
        for start in starts:
            self.entries.append((start + rows.ravel(), self.count + columns.ravel(), shape.ravel()))
            self.inverses.append(
                (self.count + columns.T.ravel(), start + rows.T.ravel(), inverse.ravel() / len(starts))
            )
        self.lower.append(lower)
        self.upper.append(upper)
        self.count += shape.shape[1]

    def built(self) -> Coordinates:
        like = self.model.kan_layers[0].coefficients
        total = self.parameters.size(self.model)

        def sparse(parts: list[_Entries], shape: tuple[int, int]) -> Tensor:
            rows, columns, values = (np.concatenate(each) for each in zip(*parts, strict=True))
            kept = values != 0
            index = torch.from_numpy(np.stack([rows[kept], columns[kept]]))
            made = torch.sparse_coo_tensor(index, torch.from_numpy(values[kept]), shape, check_invariants=True)
            return made.to(like.dtype).to(like.device).coalesce()

        def dense(parts: list[Floats]) -> Tensor:
            return torch.from_numpy(np.concatenate(parts)).to(like.detach())

        return Coordinates(
            sparse(self.entries, (total, self.count)),
            sparse(self.inverses, (self.count, total)),
            dense(self.lower),
            dense(self.upper),
        )


_UNBOUNDED = (np.ones((1, 1)), np.ones((1, 1)), np.array([-np.inf]), np.array([np.inf]))


MAX_JACOBIAN_ENTRIES = 4_000_000
"""Numbers of a Jacobian held at once."""


@torch.no_grad()
def effective_parameters(objective: Objective) -> float:
    """`tr((A + Λ)⁻¹A)`, with A the curvature of the loss and Λ that of the penalties (Hastie & Tibshirani 1990, §3.5)."""
    parameters = ParameterVector.of(objective.model)
    if not parameters.read(objective.model).numel():
        return 0.0
    loss, _ = objective.normal_equations(parameters, MAX_JACOBIAN_ENTRIES)
    if is_shaped(objective.model):
        both = objective.quadratic(parameters, MAX_JACOBIAN_ENTRIES)[0] if objective.penalties else loss
        return float((covariance_of(objective.model, parameters, both) * loss).sum())
    if not objective.penalties:
        size = torch.linalg.eigvalsh(loss)
        return float((size > 1e-12 * size[-1].clamp_min(1e-300)).sum())
    both, _ = objective.quadratic(parameters, MAX_JACOBIAN_ENTRIES)
    return float((inverse(both) * loss).sum())


def covariance_of(model: KAN, parameters: ParameterVector, matrix: Tensor) -> Tensor:
    """The inverse of a curvature `(P, P)`; for a shaped network, within the directions in which it can still move.

    A coordinate at its bound is settled: it takes up no freedom and has no variance.
    """
    directions = free_directions(model, parameters)
    if directions is None:
        return inverse(matrix)
    return directions @ inverse(directions.T @ matrix @ directions) @ directions.T


def free_directions(model: KAN, parameters: ParameterVector) -> Tensor | None:
    """The directions `(P, F)` in which a shaped network can still move; None for one that can move in all."""
    coordinates = Coordinates.of(model, parameters)
    if coordinates is None:
        return None
    return coordinates.map.to_dense()[:, coordinates.free(parameters.read(model))]


def inverse(matrix: Tensor) -> Tensor:
    """Inverse of a positive semi-definite matrix off its null space (constants that move from edge to edge)."""
    root = matrix.diagonal().clamp_min(1e-300).rsqrt()
    scaled = matrix * root[:, None] * root
    scaled.diagonal().add_(1e-9)
    factor, failed = torch.linalg.cholesky_ex(scaled)
    found = torch.linalg.pinv(scaled, hermitian=True) if int(failed) else torch.cholesky_inverse(factor)
    return found * root[:, None] * root
