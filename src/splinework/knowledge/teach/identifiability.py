"""Identifiability: whether rows of data can determine a model, before a fit or after one.

Three questions, each with its own reasons and ways out: are there points where each edge's splines are
(`data_coverage`); do the rows tell parameters and inputs apart (rank, condition, confounded columns); is there enough of
them against the noise to find each edge (power of the F test that the edge is zero, at the model as it is).
"""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.knowledge.teach.data_coverage import empty_cells, finest_grid, n_matched
from splinework.knowledge.teach.linear_system import SINGULAR_TOLERANCE, LinearisedSystem, power_of
from splinework.nn.arrays import as_columns, data_of
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector

MIN_CONFOUNDED_R2 = 0.98
"""Smallest share of an input's variance explained by the others at which they are confounded."""
SIGNIFICANCE_LEVEL, MIN_POWER = 0.05, 0.8
"""Level of the test for an edge, all edges together, and the power that counts as enough."""
MAX_PARAMETERS, MAX_JACOBIAN_ENTRIES = 2000, 20_000_000
"""Most parameters, and numbers of the Jacobian held (160 MB); of more rows some stand for all."""


@final
@dataclass(frozen=True)
class InputCheck:
    """One input of one layer.

    Attributes:
        layer: Number of the layer, from 0.
        name: Name of the input; `node 3` in hidden layers.
        splines: How many splines each of its edges has.
        matched: How many of them have a point of their own; all of them is what Schoenberg and Whitney ask for.
        empty: Cells without a point.
        run: The longest run of empty cells.
        grid: Intervals now.
        finest: The largest number of intervals that the points would determine.
    """

    layer: int
    name: str
    splines: int
    matched: int
    empty: int
    run: int
    grid: int
    finest: int

    @property
    def passes(self) -> bool:
        """Whether the points determine the edges' splines."""
        return self.matched == self.splines


@final
@dataclass(frozen=True)
class EdgeCheck:
    """One edge.

    Attributes:
        i: Its input.
        j: Its sum.
        size: Spread of what it adds, as a share of the outputs' noise; NaN where that is not known.
        error: Mean standard error of the edge over the rows, in the units of its sum, with the others free.
        power: Power of the test that the edge is zero.
    """

    layer: int
    i: int
    j: int
    size: float
    error: float
    power: float


@final
@dataclass(frozen=True)
class Identifiability:
    """Identifiability of a model by rows of data.

    Attributes:
        status: `yes`, `in part` or `no`.
        reasons: Why not, or not all.
        ways_out: A remedy for each reason.
        inputs: Per layer and input.
        edges: Per living edge; none where neither noise nor y is known.
        rank: How many independent directions of the parameters the rows see.
        parameters: How many there are, gauge freedoms not counted.
        condition: Condition number of the Jacobian on these directions, columns of unit length.
        confounded: Inputs that the others (or a constant) explain, with the share of variance explained.
        noise: Standard deviation of the noise that is reckoned with, in raw units; NaN where it is not known.
        error: Mean standard error of the output at the rows, in raw units.

    >>> identifiable(KAN([1, 1], grid=5, domain=(0, 1), dtype=torch.float64), torch.linspace(0, 1, 50)[:, None]).status
    'yes'
    """

    status: str
    reasons: tuple[str, ...]
    ways_out: tuple[str, ...]
    inputs: tuple[InputCheck, ...]
    edges: tuple[EdgeCheck, ...]
    rank: int
    parameters: int
    condition: float
    confounded: tuple[tuple[str, float], ...]
    noise: float
    error: float

    def text(self) -> str:
        """The status with its reasons and ways out, a line each."""
        lines = [f"identifiable: {self.status}; rank {self.rank} of {self.parameters}, condition {self.condition:.3g}"]
        lines += [f"- {why}; {out}" for why, out in zip(self.reasons, self.ways_out, strict=True)]
        return "\n".join(lines)


@torch.no_grad()
@explained
def identifiable(model: KAN, x: Any, *, y: Any = None, noise: float | None = None) -> Identifiability:
    """Whether rows x determine the model, and how well at a given noise.

    For `[p, q]` the answer does not depend on the model's numbers, but for the power; deeper networks are looked at as they
    are, through their linearisation, so ask after a fit, or of a model drawn as one expects it.

    Args:
        model: The network.
        x: Rows in raw units, `(n, inputs)`.
        y: Their outputs, for the noise where `noise` is not given: what the model leaves of them.
        noise: Standard deviation of the noise of one output, in raw units; of its logarithm, where its scale is that.

    Returns:
        The status with reasons, and standard errors where the noise is known.

    Raises:
        ConfigError: If the model is no KAN, or the noise negative.
        ShapeError: If x or y do not fit the model, or there are fewer than two rows.
        DataError: If values are not finite, or the model or its derivatives are not on x.

    >>> x = torch.tensor([[0.0], [0.1], [0.2], [0.9], [1.0]], dtype=torch.float64)
    >>> identifiable(KAN([1, 1], grid=5, domain=(0, 1), dtype=torch.float64), x).status
    'no'
    """
    work, rows, targets = _checked(model, x, y, noise)
    u = work.input_scaling(rows)
    scale = float(work.output_scaling.scale.square().mean().sqrt())
    inputs, confounded = tuple(_inputs(work, u)), tuple(_confounded(work, u))
    kept = _subsample(work, len(u))
    system = LinearisedSystem(work, u[kept], len(u) / len(kept))
    sigma = math.nan if noise is None else noise / scale
    if noise is None and targets is not None:
        sigma = system.noise(targets[kept])
    edges = tuple(_edges(system, sigma, u)) if not math.isnan(sigma) else ()
    error = sigma * math.sqrt(system.rank / system.numbers) * scale
    plain = Identifiability(
        "yes", (), (), inputs, edges, system.rank, system.asked, system.condition, confounded, sigma * scale, error
    )
    return _with_conclusion(plain, len(u))


def _checked(model: Any, x: Any, y: Any, noise: Any) -> tuple[KAN, Tensor, Tensor | None]:
    if not isinstance(model, KAN):
        raise ConfigError(
            f"identifiable looks at a KAN, got {type(model).__name__}; of a FitResult pass .model, of a framed one .network with "
            "its features."
        )
    if noise is not None and not (isinstance(noise, (int, float)) and 0 <= noise < math.inf):
        raise ConfigError(f"noise is a standard deviation in the units of y, 0 or more, got {noise!r}.")
    work = copy.deepcopy(model).double().cpu()
    rows = data_of(work, x)
    if len(rows) < 2:
        raise ShapeError(f"identifiable compares rows and needs at least 2, got {len(rows)}.")
    targets = None
    if y is not None:
        targets = as_columns(y, work.outputs, "y", work.config.output_names, rows)
        if len(targets) != len(rows):
            raise ShapeError(f"x and y need the same number of rows, got {len(rows)} and {len(targets)}.")
        targets = work.output_scaling(targets)
        if not bool(targets.isfinite().all()):
            raise DataError("y has values that are not finite numbers; drop or fill those rows first.")
    return work, rows, targets


def _subsample(model: KAN, rows: int) -> Tensor:
    """Numbers of the rows that the Jacobian is taken at: all, or as many as fit into memory.

    Raises:
        ConfigError: If there are too many parameters.
    """
    size = len(ParameterVector.of(model).read(model))
    if size > MAX_PARAMETERS:
        raise ConfigError(
            f"identifiable takes at most {MAX_PARAMETERS} parameters (it needs the matrix of all pairs), got {size}; prune the "
            "model, or ask about a coarser grid."
        )
    most = max(MAX_JACOBIAN_ENTRIES // (size * model.outputs), 2 * size)
    return torch.linspace(0, rows - 1, min(rows, most)).round().long()


def _inputs(model: KAN, u: Tensor) -> list[InputCheck]:
    """Schoenberg and Whitney, per layer and input."""
    found = []
    for number, (layer, nodes) in enumerate(zip(model.kan_layers, model.config.nodes[1:], strict=True)):
        basis = layer.basis
        if basis.degree is not None:
            seen, knots = layer.squash(u), layer.knots()
            for i in range(layer.inputs):
                if not bool((layer.mask[i] != 0).any()):
                    continue
                name = model.config.input_names[i] if number == 0 else f"node {i + 1}"
                empty, run = empty_cells(seen[:, i], knots[i], basis.degree)
                good = n_matched(seen[:, i], knots[i], basis.degree)
                finest = finest_grid(layer, i, seen[:, i])
                found.append(InputCheck(number, name, basis.size, good, empty, run, basis.resolution, finest))
        u = nodes.combine(layer(u))
    return found


def _edges(system: LinearisedSystem, sigma: float, u: Tensor) -> list[EdgeCheck]:
    """The F-test of each living edge against a constant: its effect that other edges cannot replace, against the noise."""
    found = []
    tables = []
    for layer, nodes in zip(system.model.kan_layers, system.model.config.nodes[1:], strict=True):
        tables.append(layer.table().rows(layer.squash(u)))
        u = nodes.combine(layer(u))
    for place in system.edges():
        rows = tables[place.layer][:, place.i]
        free = system.numbers - system.rank
        power = power_of(place.effect, sigma, place.rank, free, SIGNIFICANCE_LEVEL / system.edge_count)
        size = place.spread / sigma if sigma > 0 else math.inf
        found.append(EdgeCheck(place.layer, place.i, place.j, size, sigma * system.edge_error(place, rows), power))
    return found


def _confounded(model: KAN, u: Tensor) -> list[tuple[str, float]]:
    """Inputs that are constant, or that lines and parabolas in the others explain."""
    names, found = model.config.input_names, []
    for i in range(u.shape[1]):
        own = u[:, i] - u[:, i].mean()
        total = float(own.square().sum())
        if total <= SINGULAR_TOLERANCE**2 * len(u) * max(float(u[:, i].square().max()), 1e-300):
            found.append((names[i], 1.0))
            continue
        others = torch.cat([u[:, :i], u[:, i + 1 :]], 1)
        if not others.shape[1]:
            continue
        columns = torch.cat([others, others.square()], 1)
        columns = columns - columns.mean(0)
        left_vectors, singular, _ = torch.linalg.svd(
            columns / columns.square().sum(0).sqrt().clamp_min(1e-300), full_matrices=False
        )
        basis = left_vectors[:, singular > SINGULAR_TOLERANCE * singular.max().clamp_min(1e-300)]
        free = len(u) - 1 - basis.shape[1]
        if free < 1:
            continue
        left = float((own - basis @ (basis.T @ own)).square().sum())
        share = 1 - left / free / (total / (len(u) - 1))  # adjusted: many columns explain a little of anything
        if share > MIN_CONFOUNDED_R2:
            found.append((names[i], share))
    return found


def _with_conclusion(plain: Identifiability, rows: int) -> Identifiability:
    """The status, with reasons and remedies."""
    reasons, ways = [], []
    for one in plain.inputs:
        if not one.passes:
            place = f"layer {one.layer + 1}, {one.name}"
            reasons.append(
                f"{place}: {one.matched} of {one.splines} splines have a point of their own, {one.empty} of {one.grid} cells are "
                f"empty ({one.run} in a row)"
            )
            fewer = one.finest < one.grid
            coarser = f"take grid <= {one.finest}" if fewer else "let the grid follow the rows (sw.adapt)"
            ways.append(f"{coarser}, or take rows in the empty cells" if one.finest else "vary this input")
    for name, share in plain.confounded:
        constant = share == 1.0
        reasons.append(f"{name} is constant" if constant else f"{name} is {share:.1%} a function of the other inputs")
        ways.append("vary it or leave it out" if constant else "vary it by itself, or leave it out")
    if plain.rank < plain.parameters and not reasons:
        reasons.append(f"{rows} rows determine {plain.rank} of {plain.parameters} parameters")
        ways.append("take more rows, a coarser grid or fewer edges")
    lost = [edge for edge in plain.edges if edge.power < MIN_POWER]
    if lost:
        named = ", ".join(f"{e.layer + 1}:{e.i + 1}→{e.j + 1} ({e.power:.0%})" for e in lost[:6])
        more = "" if len(lost) <= 6 else f" and {len(lost) - 6} more"
        reasons.append(f"{len(lost)} of {len(plain.edges)} edges cannot be detected at this noise: {named}{more}")
        ways.append("take more rows, measure with less noise, or a coarser grid")
    status = "yes"
    if reasons:
        blind = plain.rank < plain.parameters or bool(plain.confounded)
        status = "no" if blind or (lost and len(lost) == len(plain.edges)) else "in part"
    return replace(plain, status=status, reasons=tuple(reasons), ways_out=tuple(ways))
