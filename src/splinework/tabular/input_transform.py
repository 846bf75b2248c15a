"""Skewed inputs on an even scale: the inverse hyperbolic sine, a logarithm that is defined for every number.

`v = asinh((x - c) / w)` is linear within a few w of c and logarithmic beyond (Johnson 1949; Burbidge, Magee and Robb 1988). For
each input c and w are those for which normal scores are correlated best with the values (Filliben 1975). A training then sees v,
and so do its penalties and length scales; what it hands back is a network of x: the first layer's edges, functions of v, are
fitted by splines of x whose knots are even in v. They rise where those rise.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.splines import grid_points, refine_coefficients, solve_least_squares
from splinework.splines.bases import make_basis
from splinework.splines.knots import extended

MIN_VALUES = 10
"""Different values below which an input stays as it is: it is a count or a code."""
MAX_DEPARTURE = 0.5
"""An input is transformed where this leaves at most such a share of its departure from normal scores."""
MIN_DEPARTURE = 0.05
"""Least departure, one less the squared correlation with normal scores; a uniform column has 0.04."""
WIDTHS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Quantiles of the distances from c that are tried as w."""
MIN_WIDTH = 1e-6
"""Least w, as a share of the largest distance from c: knots must differ in the units of x."""
MIN_INTERVALS, MAX_INTERVALS, POINTS_PER_INTERVAL = 20, 320, 6
"""Intervals of the splines of x, doubled until they are fine enough, and points in each where they are fitted."""


@dataclass(frozen=True)
class InputTransform:
    """`v = asinh((x - centre) / width)` of some inputs; the others stay as they are.

    Attributes:
        inputs: Indices of the transformed inputs, `(k,)`.
        centre: `(k,)`.
        width: `(k,)`.
    """

    inputs: Tensor
    centre: Tensor
    width: Tensor

    @classmethod
    def of(cls, x: Tensor) -> InputTransform | None:
        """The transform of the skewed inputs among those of x `(n, p)`; None where there are none.

        >>> x = torch.linspace(-3, 3, 50, dtype=torch.float64)
        >>> InputTransform.of(torch.stack([x, x.exp()], 1)).inputs.tolist()
        [1]
        """
        found = {i: pair for i, column in enumerate(x.T) if (pair := _evening(column)) is not None}
        if not found:
            return None
        centre, width = torch.tensor(list(found.values()), dtype=x.dtype).T
        return cls(torch.tensor(list(found)), centre, width)

    def __call__(self, x: Tensor) -> Tensor:
        """The inputs on their even scales, `(n, p)`."""
        found = x.clone()
        found[:, self.inputs] = torch.asinh((x[:, self.inputs] - self.centre) / self.width)
        return found

    @torch.no_grad()
    def on_raw_inputs(self, model: KAN, x: Tensor, tolerance: float) -> KAN:
        """The network of x for one of v: of transformed inputs to the accuracy of splines, of the others exactly.

        Args:
            model: A network whose first layer consists of splines.
            x: Rows `(n, p)` on the raw scales, which give the transformed inputs their units.
            tolerance: Root mean square by which the outputs of the rows may change; the finest splines may change them by more.
        """
        outputs, intervals = model(self(x)), MIN_INTERVALS
        while True:
            found = self._refitted(model, x, intervals)
            if intervals >= MAX_INTERVALS or float((found(x) - outputs).square().mean().sqrt()) <= tolerance:
                return found
            intervals *= 2

    def _refitted(self, model: KAN, x: Tensor, intervals: int) -> KAN:
        """The network of x, its first layer with this number of intervals at least."""
        found, inputs = copy.deepcopy(model), self.inputs
        first, scaling = found.kan_layers[0], found.input_scaling
        degree, size = first.basis.degree, first.basis.size
        assert degree is not None
        table, factor = first.edge_coefficients(), math.ceil(intervals / first.basis.resolution)
        grid, splines = refine_coefficients(first.grid, table[:, :size], degree, factor)
        basis = make_basis(grid=factor * first.basis.resolution, degree=degree)
        centre, width, level, spread = (
            each[:, None] for each in (self.centre, self.width, x[:, inputs].mean(0), x[:, inputs].std(0))
        )
        shift, scale = scaling.shift[inputs, None], scaling.scale[inputs, None]
        knots = centre + width * torch.sinh(shift + scale * grid_points(grid[inputs], degree))
        ends = (knots - level) / spread
        own = extended(ends, degree)
        places = (torch.arange(POINTS_PER_INTERVAL, dtype=x.dtype) + 0.5) / POINTS_PER_INTERVAL
        at = torch.cat([ends, torch.lerp(ends[:, :-1, None], ends[:, 1:, None], places).flatten(1)], dim=1)
        before = (torch.asinh((level + spread * at - centre) / width) - shift) / scale
        values = first.edges(x.new_zeros(at.shape[1], model.inputs).index_copy(1, inputs, before.T))
        rows = basis.rows(at.T, own, basis.prepare(own), 0)
        fitted = solve_least_squares(rows.transpose(0, 1), values[:, inputs].transpose(0, 1))
        base = table[:, size:].index_fill(0, inputs, 0.0)
        splines = torch.cat([splines.index_copy(0, inputs, fitted), base], dim=1)
        first.replace_grid(basis, grid.index_copy(0, inputs, own), splines)
        scaling.set(scaling.shift.index_copy(0, inputs, level[:, 0]), scaling.scale.index_copy(0, inputs, spread[:, 0]))
        return found


def _evening(values: Tensor) -> tuple[float, float] | None:
    """The centre and the width of a column `(n,)`; None where it is even enough as it is."""
    ordered = values.sort().values
    different, counts = torch.unique(ordered, return_counts=True)
    if len(different) < MIN_VALUES:
        return None
    ends = counts.cumsum(0).to(values.dtype)
    ranks = ends - (counts - 1) / 2  # equal values share the mean of their ranks
    scores = torch.special.ndtri((ranks - 0.375) / (len(values) + 0.25)).repeat_interleave(counts)

    def departure(column: Tensor) -> float:
        return 1 - float(torch.corrcoef(torch.stack([column, scores]))[0, 1]) ** 2

    before = departure(ordered)
    if before < MIN_DEPARTURE:
        return None
    tried = []
    for centre in (ordered[0], ordered[len(ordered) // 2], ordered[-1]):
        apart = (ordered - centre).abs()
        for width in torch.quantile(apart[apart > 0], apart.new_tensor(WIDTHS)).clamp_min(MIN_WIDTH * apart.amax()):
            tried.append((departure(torch.asinh((ordered - centre) / width)), float(centre), float(width)))
    least, *found = min(tried)
    return (found[0], found[1]) if least <= MAX_DEPARTURE * before else None
