"""The linearised least-squares problem of a network: rank, condition number and standard errors, edge by edge.

With G the squares of the columns scaled to unit length, the block of `G⁻¹` that belongs to an edge is the inverse of what is left
of its columns once all others have had their say (the Schur complement): one inversion answers for all edges.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from scipy.stats import f as fisher
from scipy.stats import ncf
from torch import Tensor

from splinework.errors import DataError
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector, linearise

SINGULAR_TOLERANCE = 1e-9
"""Singular values below this share of the largest are none."""
RIDGE = 1e-11
"""Added to the diagonal of G: a direction that no row sees has a variance of about its inverse."""
SCHUR_TOLERANCE = 1e-6
"""Eigenvalues of a Schur complement below this are those of directions that only the sum of several edges has."""


@final
@dataclass(frozen=True)
class EdgeBlock:
    """One edge.

    Attributes:
        i: Its input.
        j: Its sum.
        part: Its columns.
        inverse: Their block of `G⁻¹`.
        rank: How many of its directions only it has.
        effect: Sum of squares of the outputs that only it explains.
        spread: Standard deviation of all that it adds to the outputs.
    """

    layer: int
    i: int
    j: int
    part: slice
    inverse: Tensor
    rank: int
    effect: float
    spread: float


class LinearisedSystem:
    """The problem at a model's present numbers.

    Args:
        model: The network, in float64.
        u: Rows in network units, `(n, p)`.
        weight: How many rows each of these stands for.

    Raises:
        DataError: If the model or its derivatives are not finite on the rows.
    """

    def __init__(self, model: KAN, u: Tensor, weight: float = 1.0) -> None:
        self.model, self.parameters = model, ParameterVector.of(model)
        self.outputs, jacobian = linearise(model, self.parameters, u)
        matrix = jacobian.flatten(0, 1)
        if not bool((self.outputs.sum() + matrix.square().sum()).isfinite()):
            raise DataError("the model is not finite on these rows, or steeper than float64 can square; fit it again.")
        self.numbers, self.weight = round(len(matrix) * weight), weight
        self.lengths = matrix.square().sum(0).sqrt().clamp_min(1e-300)
        self.unit = matrix / self.lengths
        self.lengths = self.lengths * math.sqrt(weight)
        # The trace of G is the number of columns, so its unit is one.
        singular = torch.linalg.svdvals(self.unit)
        kept = singular > SINGULAR_TOLERANCE * singular.max().clamp_min(1e-300)
        self.rank = int(kept.sum())
        self.condition = float(singular.max() / singular[kept].min()) if self.rank else math.inf

    @property
    def edge_count(self) -> int:
        """Number of living edges."""
        return sum(len(i) for i, _ in self.parameters.edges)

    @cached_property
    def asked(self) -> int:
        """Parameters less gauge freedoms, which no rows whatever could see: the rank on ample points of the first grids."""
        layer = self.model.kan_layers[0]
        low, high = layer.basis.domain(layer.knots())
        count = 2 * self.unit.shape[1] + 50
        drawn = torch.rand(count, layer.inputs, generator=torch.Generator().manual_seed(0), dtype=low.dtype)
        flat = linearise(self.model, self.parameters, low + (high - low) * drawn)[1].flatten(0, 1)
        flat = flat / flat.square().sum(0).sqrt().clamp_min(1e-300)
        singular = torch.linalg.svdvals(flat)
        return max(int((singular > SINGULAR_TOLERANCE * singular.max()).sum()), self.rank)

    def noise(self, targets: Tensor) -> float:
        """Standard deviation of what no change of the numbers explains, to first order; targets `(n, q)`."""
        # The step to the least-squares solution is taken: the model may not have been fitted to these rows.
        left = (targets - self.outputs).flatten()
        step = torch.linalg.lstsq(self.unit, left[:, None], rcond=SINGULAR_TOLERANCE, driver="gelsd").solution
        squares = float((left - (self.unit @ step)[:, 0]).square().sum())
        return math.sqrt(squares / max(len(left) - self.rank, 1))

    def edges(self) -> Iterator[EdgeBlock]:
        """All living edges."""
        gram = self.unit.T @ self.unit
        gram.diagonal().add_(RIDGE)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        values = self.parameters.read(self.model) * self.lengths
        for number, ((i, j), (own, _)) in enumerate(
            zip(self.parameters.edges, self.parameters.spans(self.model), strict=True)
        ):
            size = self.model.kan_layers[number].table().size
            for edge, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
                part = slice(own.start + edge * size, own.start + (edge + 1) * size)
                block = inverse[part, part]
                schur, vectors = torch.linalg.eigh(block)
                schur = 1 / schur.clamp_min(1e-300)
                alone = schur > SCHUR_TOLERANCE
                effect = float(((vectors.T @ values[part]).square() * schur)[alone].sum())
                whole = self.unit[:, part] @ values[part] / math.sqrt(self.weight)
                spread = float(whole.std()) if len(whole) > 1 else 0.0
                yield EdgeBlock(number, a, b, part, block, int(alone.sum()), effect, spread)

    def edge_error(self, place: EdgeBlock, rows: Tensor) -> float:
        """Mean standard error of an edge about its mean at noise 1, over rows of its table `(n, size)`; inf where it is free."""
        centred = (rows - rows.mean(0)) / self.lengths[place.part]
        variances, vectors = torch.linalg.eigh(place.inverse)
        seen = (centred @ vectors).square().mean(0)
        unseen = variances > 1 / SCHUR_TOLERANCE
        # Numbers of the two kinds of directions differ by rounding of the large ones: the remainder of a constant is ignored.
        if float(seen[unseen].sum()) > SINGULAR_TOLERANCE * float(seen.sum()):
            return math.inf
        return math.sqrt(float((seen * variances)[~unseen].sum()))


def power_of(effect: float, sigma: float, rank: int, free: int, level: float) -> float:
    """Power of the F-test with `rank` and `free` degrees of freedom and noncentrality effect/σ².

    >>> round(power_of(0.0, 1.0, 3, 50, 0.05), 6)
    0.05
    """
    if rank < 1 or free < 1:
        return 0.0
    if effect > 1e6 * sigma**2:
        return 1.0
    if effect == 0:
        return level
    return float(1 - ncf.cdf(fisher.ppf(1 - level, rank, free), rank, free, effect / sigma**2))
