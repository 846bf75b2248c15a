"""Skewed inputs on an even scale: the inverse hyperbolic sine, a logarithm that is defined for every number.

`v = asinh((x - c) / w)` is linear within a few w of c and logarithmic beyond (Johnson 1949; Burbidge, Magee and Robb 1988). For
each input c and w are those for which normal scores are correlated best with the values (Filliben 1975). A training then sees v,
and so do its penalties and length scales; what it hands back is a network of x: the first layer's edges, functions of v, are
fitted by splines of x whose knots are even in v. They rise where those rise. Whether the scales are taken is asked of rows that
a Gaussian process has not seen.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.nn.scaling import Scaling
from splinework.splines import grid_points, insert_knots, refine_coefficients, solve_least_squares
from splinework.splines.bases import make_basis
from splinework.splines.knots import extended
from splinework.train.between_rows import is_significant
from splinework.train.coordinates import is_shaped
from splinework.train.covariance import Covariance
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import DataSplit, Samples, set_units
from splinework.train.options import TrainingOptions
from splinework.train.process_teacher import ProcessTeacher, estimated_curve
from splinework.train.run import TrainingRun
from splinework.train.teacher import MAX_INPUTS, MAX_OUTPUTS, MIN_ROWS

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
MARGIN_SHARE, MARGIN = 0.1, 0.5
"""Intervals beyond the rows on each side, as a share of those among them, and how far they reach, as a share of the range of the
even scale: a line there is none on the raw scale, where a tail that is one would soon be far off."""
OUTER_WEIGHT, LEAST_OUTER_WEIGHT = 1e-3, 1e-6
"""Weight of points in these intervals, beside 1 of those among the rows; and the least one, for rows that are not met otherwise:
a kink at the ends is not felt there, but tails are worse."""
MAX_CHANGE = 0.01
"""Share of the root mean square error by which leaving the even scales may change the outputs of the rows."""
MAX_KNOWN_SHARE = 0.5
"""Share of the variance that a network explains as it comes, beyond which it goes on with the scales that it has."""
MAX_COMPARED_ROWS = 1000
"""Rows by which scales are compared."""


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
        centre, width = torch.tensor(list(found.values()), dtype=x.dtype, device=x.device).T
        return cls(torch.tensor(list(found), device=x.device), centre, width)

    def __call__(self, x: Tensor) -> Tensor:
        """The inputs on their even scales, `(n, p)`."""
        found = x.clone()
        found[:, self.inputs] = torch.asinh((x[:, self.inputs] - self.centre) / self.width)
        return found

    def inverse(self, v: Tensor) -> Tensor:
        """The inputs themselves, `(n, p)`, of those on their even scales."""
        found = v.clone()
        found[:, self.inputs] = self.centre + self.width * torch.sinh(v[:, self.inputs])
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
            found = self._refitted(model, x, intervals, OUTER_WEIGHT)
            if float((found(x) - outputs).square().mean().sqrt()) <= tolerance:
                return found
            if intervals >= MAX_INTERVALS:
                return self._refitted(model, x, intervals, LEAST_OUTER_WEIGHT)
            intervals *= 2

    def _refitted(self, model: KAN, x: Tensor, intervals: int, outer_weight: float) -> KAN:
        """The network of x, its first layer with this number of intervals at least."""
        found, inputs = copy.deepcopy(model), self.inputs
        first, scaling = found.kan_layers[0], found.input_scaling
        degree, size = first.basis.degree, first.basis.size
        assert degree is not None
        table, factor = first.edge_coefficients(), math.ceil(intervals / first.basis.resolution)
        grid, splines = refine_coefficients(first.grid, table[:, :size], degree, factor)
        points = grid_points(grid, degree)
        cells = points.shape[1] - 1
        outer = math.ceil(MARGIN_SHARE * cells)
        halved = torch.linspace(0, cells - 1, 2 * outer).round().long()  # as many more for the inputs that stay
        middles = (points[:, halved] + points[:, halved + 1]) / 2
        grid, splines = insert_knots(grid, splines, middles, degree)
        basis = make_basis(grid=cells + 2 * outer, degree=degree)
        centre, width, level, spread = (
            each[:, None] for each in (self.centre, self.width, x[:, inputs].mean(0), x[:, inputs].std(0))
        )
        shift, scale = scaling.shift[inputs, None], scaling.scale[inputs, None]
        even = _with_margins(points[inputs], outer)
        knots = centre + width * torch.sinh(shift + scale * even)
        ends = (knots - level) / spread
        own = extended(ends, degree)
        places = (torch.arange(POINTS_PER_INTERVAL, dtype=x.dtype, device=x.device) + 0.5) / POINTS_PER_INTERVAL
        at = torch.cat([ends, torch.lerp(ends[:, :-1, None], ends[:, 1:, None], places).flatten(1)], dim=1)
        before = (torch.asinh((level + spread * at - centre) / width) - shift) / scale
        values = first.edges(x.new_zeros(at.shape[1], model.inputs).index_copy(1, inputs, before.T))
        rows = basis.rows(at.T, own, basis.prepare(own), 0)
        beyond = (at < ends[:, outer, None]) | (at > ends[:, -1 - outer, None])
        weight = torch.where(beyond, outer_weight, 1.0)[:, :, None]
        fitted = solve_least_squares(weight * rows.transpose(0, 1), weight * values[:, inputs].transpose(0, 1))
        base = table[:, size:].index_fill(0, inputs, 0.0)
        splines = torch.cat([splines.index_copy(0, inputs, fitted), base], dim=1)
        first.replace_grid(basis, grid.index_copy(0, inputs, own), splines)
        scaling.set(scaling.shift.index_copy(0, inputs, level[:, 0]), scaling.scale.index_copy(0, inputs, spread[:, 0]))
        return found


@final
class EvenScaling(Scaling):
    """Raw units to network units by way of even scales, for the time of a fit; `plain` makes a network without it.

    Args:
        units: The scaling that the network had, whose units the transform is of.
        transform: The transform.
    """

    def __init__(self, units: Scaling, transform: InputTransform) -> None:
        super().__init__(units.scales, dtype=units.shift.dtype, device=units.shift.device)
        self.steps = units, transform  # in a tuple, so that a checkpoint has the same names with it and without

    def flatten_scales(self, raw: Tensor) -> Tensor:
        units, transform = self.steps
        return transform(units(raw))

    def inverse(self, unit: Tensor) -> Tensor:
        units, transform = self.steps
        return units.inverse(transform.inverse(unit * self.scale + self.shift))

    @property
    def is_affine(self) -> bool:
        return False

    def plain(self, model: KAN, rows: Tensor, tolerance: float) -> KAN:
        """The network with this scaling as one with the scaling that it had, with new edges in its first layer.

        Args:
            model: The network; left unchanged.
            rows: Rows in its units, `(n, p)`.
            tolerance: Root mean square by which the outputs of the rows may change.
        """
        units, transform = self.steps
        inner = copy.deepcopy(model)
        inner.input_scaling = Scaling(["linear"] * model.inputs).to(rows)
        inner.input_scaling.set(self.shift, self.scale)
        found = transform.on_raw_inputs(inner, transform.inverse(rows * self.scale + self.shift), tolerance)
        own, found.input_scaling = found.input_scaling, copy.deepcopy(units)
        found.input_scaling.set(units.shift + units.scale * own.shift, units.scale * own.scale)
        return found


def on_even_scales(
    objective: DataObjective, rows: DataSplit, options: TrainingOptions, until: float = math.inf
) -> DataSplit:
    """The rows with skewed inputs on even scales, which the network's scaling then has; the same where none are asked for.

    Args:
        objective: The objective of a network with its units; the network's scaling changes.
        rows: The rows in these units.
        options: The options of a fit by default; the scales of a network that knows something, or has shapes, stay.
        until: Time on the clock by which searches for a process end.
    """
    model = objective.model
    if not _may_change_scales(objective, options):
        return rows
    transform, known = even_scales(rows.used, options.seed, until)
    rows = replace(rows, covariances=known or rows.covariances)
    if transform is None:
        return rows
    units, model.input_scaling = model.input_scaling, EvenScaling(model.input_scaling, transform)
    set_units(model, units.inverse(rows.together.u), None, always=True)

    def moved(part: Samples) -> Samples:
        return replace(part, u=model.input_scaling(units.inverse(part.u)))

    return replace(rows, used=moved(rows.used), held_out=None if rows.held_out is None else moved(rows.held_out))


def _may_change_scales(objective: DataObjective, options: TrainingOptions) -> bool:
    first = objective.model.kan_layers[0]
    return (
        options.standardise is not False
        and first.basis.degree is not None
        and first.grid_kind == "adaptive"
        and not is_shaped(objective.model)
        and objective.unexplained_share() > 1 - MAX_KNOWN_SHARE
    )


@torch.no_grad()
def leave_even_scales(run: TrainingRun, final: DataObjective) -> tuple[KAN, DataObjective]:
    """The end of a fit on even scales: the run's best network becomes one of the inputs themselves.

    Args:
        run: A run; its best network and its held-out rows change.
        final: The objective of the best network.

    Returns:
        The network on even scales; and the objective in the units of the best network.
    """
    network = run.best
    assert network is not None
    even = network.input_scaling
    assert isinstance(even, EvenScaling)
    on_even = replace(final.on(network), penalties=())
    run.best = best = even.plain(network, final.u, MAX_CHANGE * on_even.rmse())

    def moved(part: DataObjective) -> DataObjective:
        return replace(part, model=best, u=best.input_scaling(even.inverse(part.u)), penalties=())

    if run.held_out is not None:
        assert isinstance(run.held_out, DataObjective)
        run.held_out = moved(run.held_out)
    run.best_penalties = ()  # of edges on even scales
    names, transform = network.config.input_names, even.steps[1]
    skewed = ", ".join(names[i] if names else f"x{i + 1}" for i in transform.inputs.tolist())
    run.history.decide(
        "scales", f"the fit has seen {skewed} on the scale of an inverse hyperbolic sine, where rows are even"
    )
    return network, moved(final)


@torch.no_grad()
def even_scales(
    rows: Samples, seed: int, until: float = math.inf
) -> tuple[InputTransform | None, tuple[Covariance, ...]]:
    """The transform of skewed inputs, where a Gaussian process on their even scales predicts left-out rows better.

    Better is: by more than a standard error. Of one input the curve that would be the estimate is asked: clean rows are met to
    orders of magnitude less on one scale than on the other, which one a process does not know.

    Args:
        rows: Inputs, targets of a regression, and weights.
        seed: Seed of the sample of rows that are asked.
        until: Time on the clock by which searches for a process end.

    Returns:
        The transform, or None; and the covariances of the process on the scales that are taken, where one was asked.
    """
    if len(rows.u) < MIN_ROWS or rows.u.shape[1] > MAX_INPUTS or rows.t.shape[1] > MAX_OUTPUTS:
        return None, ()
    order = torch.randperm(len(rows.u), generator=torch.Generator().manual_seed(seed)).to(rows.u.device)
    some = rows.rows(order[:MAX_COMPARED_ROWS])
    transform = InputTransform.of(some.u)
    if transform is None:
        return None, ()
    some = replace(some, t=(some.t - some.t.mean(0)) / some.t.std(0).clamp_min(1e-300))

    def asked(u: Tensor) -> tuple[Tensor, tuple[Covariance, ...]]:
        if u.shape[1] == 1:
            least, most = u.amin(0), u.amax(0)
            within = replace(some, u=(2 * u - least - most) / (most - least))
            errors = estimated_curve(KAN([1, some.t.shape[1]], dtype=u.dtype, device=u.device), within, seed)[1]
            return errors.to(u.device).square().mean(1), ()
        teacher = ProcessTeacher.of(replace(some, u=u), seed, quick=True, deadline=until)
        return teacher.left_out.to(u.device).square().mean(1), teacher.covariances

    (even, on_even), (raw, on_raw) = asked(transform(some.u)), asked(some.u)
    return (transform, on_even) if is_significant(raw - even, some.weights) else (None, on_raw)


def _with_margins(points: Tensor, outer: int) -> Tensor:
    """The ends of cells `(k, cells + 1)` and of `outer` more on each side, which together are `MARGIN` of their range."""
    width = MARGIN * (points[:, -1:] - points[:, :1]) / outer
    steps = width * torch.arange(1, outer + 1, dtype=points.dtype, device=points.device)
    return torch.cat([points[:, :1] - steps.flip(1), points, points[:, -1:] + steps], dim=1)


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
