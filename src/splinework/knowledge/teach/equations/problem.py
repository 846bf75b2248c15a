"""A differential equation with all that is known about its solution, put together from axioms."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError
from splinework.formula.reading import identifiers
from splinework.knowledge.axioms import Axiom
from splinework.knowledge.teach.equations.ansatz import frame_of
from splinework.knowledge.teach.equations.conditions import Box, conditions_of, periods_of
from splinework.knowledge.teach.equations.domain import Domain, domain_of
from splinework.knowledge.teach.equations.soft_constraints import (
    DEFAULT_WEIGHT,
    equations_of,
    measured,
    rows_of,
    unknowns_of,
    weight_of,
)
from splinework.knowledge.teach.equations.unknowns import with_unknowns, without_unknowns
from splinework.nn.arrays import as_columns
from splinework.nn.derivatives import Model
from splinework.nn.frame import Frame, FramedKAN, Region
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.precision import keep_unset
from splinework.train import Residual

N_POINTS = {1: 200, 2: 1000}
N_POINTS_MANY_INPUTS = 2000
"""Points inside, by the number of inputs, and for more inputs."""


@final
@dataclass(frozen=True)
class EquationProblem:
    """A problem to solve.

    Attributes:
        model: The network as it was handed in.
        recipes: Residuals given as functions.
        frame: The frame that builds conditions in, or None.
        unknowns: Coefficients to be found, each with where it starts.
        equations: Residuals inside the domain, functions of the whole model and of points, each with its weight and name.
    """

    model: KAN
    axioms: tuple[Axiom, ...]
    recipes: tuple[Residual, ...]
    domain: Domain
    frame: Frame | None
    unknowns: dict[str, float]
    equations: tuple[tuple[Callable[[Model, Tensor], Tensor], float, str], ...]

    def whole(self, network: KAN) -> KAN | FramedKAN:
        """The network in the frame."""
        return network if self.frame is None else FramedKAN(network, self.frame)

    def inside(self, x: Tensor) -> list[Residual]:
        """The equations at points inside."""
        return [Residual(function, x, weight, name=name) for function, weight, name in self.equations]

    def beside(self, count: int, seed: int) -> list[Residual]:
        """The residuals besides the equations, at points of their own."""
        soft = rows_of(self.axioms, self.domain, self.model.config.output_names, count, seed)
        return [*soft, *self.recipes]

    def points(self, given: Any, seed: int) -> Tensor:
        """The points inside, `(N, inputs)`: as given, or this number of them.

        Raises:
            ConfigError: If it is not a sensible number.
            ShapeError: If points have another number of columns.
            DataError: If they are not numbers.
        """
        if given is None:
            given = N_POINTS.get(len(self.domain.inputs), N_POINTS_MANY_INPUTS)
        if isinstance(given, int) and not isinstance(given, bool):
            if given < 1:
                raise ConfigError(f"points is how many, at least 1, or the points themselves; got {given}.")
            return self.domain.draw(given, seed)
        like = torch.zeros(0, dtype=torch.float64)
        return as_columns(given, len(self.domain.inputs), "points", self.domain.inputs, like)

    def network(self, seed: int) -> KAN:
        """The network to train: with the inputs that the frame makes, in the units of the domain, and unknowns as outputs."""
        network = copy.deepcopy(self.model)
        if self.frame is not None and self.frame.features:
            network = _with_inputs(network, self.frame.features, seed)
        network = with_unknowns(network, list(self.unknowns.values()))
        return in_units(network, self._ranges())

    def solution(self, network: KAN) -> tuple[KAN | FramedKAN, dict[str, float]]:
        """The model without the unknowns, and these."""
        if not self.unknowns:
            return self.whole(network), {}
        outputs = self.model.config.output_names
        narrow, values = without_unknowns(network, outputs)
        found = dict(zip(self.unknowns, values.tolist(), strict=True))
        if self.frame is None:
            return narrow, found
        count = len(outputs)
        frame = replace(self.frame, output_names=outputs, answers=self.frame.answers[:count])
        return FramedKAN(narrow, frame), found

    def _ranges(self) -> list[tuple[float, float]]:
        """The range of everything that the network is given."""
        if self.frame is None or not self.frame.features:
            return [self.domain.box[name] for name in self.domain.inputs]
        return [self.domain.box.get(text, (-1.0, 1.0)) for text in self.frame.features]


def problem_of(model: KAN, given: Sequence[Axiom | Residual], over: Box | Region | None) -> EquationProblem:
    """The problem that axioms state.

    Raises:
        ConfigError: If an axiom cannot be used, or values do not agree at a corner.
        FormulaError: If a formula cannot be read.
    """
    if not isinstance(model, KAN):
        raise ConfigError(f"solve_equations takes a KAN, got {type(model).__name__}.")
    if isinstance(given, (Axiom, Residual)) or not all(isinstance(each, (Axiom, Residual)) for each in given):
        raise ConfigError(
            f"the axioms are a list such as [ResidualEquation('u_xx = -u'), Boundary({{'x': (0, 1)}}, 0)], got {given!r}."
        )
    inputs, outputs = model.config.input_names, model.config.output_names
    names = (*inputs, *outputs)
    if identifiers(names) != names:
        raise ConfigError(
            f"equations are written in the names of inputs and outputs, so these must be words; got {list(names)}."
        )
    axioms = tuple(each for each in given if isinstance(each, Axiom))
    recipes = tuple(each for each in given if isinstance(each, Residual))
    statements = equations_of(axioms, inputs, outputs)
    if not statements and not recipes:
        raise ConfigError("there is no equation among the axioms; give one, such as ResidualEquation('u_t = u_xx').")
    unknowns = unknowns_of(axioms, names)
    domain = domain_of(axioms, inputs, over, _grid_ranges(model))
    frame = frame_of(
        conditions_of(axioms, inputs, outputs), periods_of(axioms, inputs), inputs, outputs, list(unknowns), domain.box
    )

    def vanishing(equation: Any) -> Callable[[Model, Tensor], Tensor]:
        return lambda whole, x: equation.residual(whole, x, len(outputs))

    equations = tuple((vanishing(equation), weight_of(axiom, 1.0), equation.text) for axiom, equation in statements)
    return EquationProblem(model, axioms, recipes, domain, frame, unknowns, equations)


def measurements(model: KAN, data: tuple[Any, Any]) -> list[Residual]:
    """Measured values of outputs at points as residuals, one for each output; what is NaN was not measured.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there is no value.
    """
    like = torch.zeros(0, dtype=torch.float64)
    x = as_columns(data[0], model.inputs, "x of data", model.config.input_names, like)
    y = as_columns(data[1], model.outputs, "y of data", model.config.output_names, like)
    found = []
    for j, name in enumerate(model.config.output_names):
        known = torch.isfinite(y[:, j]) if len(y) == len(x) else torch.zeros(len(x), dtype=torch.bool)
        if bool(known.any()):
            found.append(measured(x[known], y[known, j : j + 1], [j], DEFAULT_WEIGHT, f"measured {name}"))
    if not found:
        raise DataError(
            f"data holds no measurement: x has {len(x)} rows, y {len(y)}, of which none is a number in all columns."
        )
    return found


def in_units(network: KAN, ranges: Sequence[tuple[float, float]]) -> KAN:
    """The network with these ranges of its inputs mapped onto its first grids; logarithmic inputs stay as they are."""
    if "log" in network.config.input_scales:
        return network
    layer = network.kan_layers[0]
    low, high = layer.basis.domain(layer.grid)
    ends = torch.tensor(ranges, dtype=low.dtype, device=low.device)
    scale = (ends[:, 1] - ends[:, 0]) / (high - low)
    if not bool((scale > 0).all()):
        raise ConfigError(f"the ranges of the inputs are (low, high) with low < high, got {list(ranges)}.")
    network.input_scaling.set(ends[:, 0] - scale * low, scale)
    return network


def _grid_ranges(model: KAN) -> dict[str, tuple[float, float]]:
    """The raw range that the first grids span, by input."""
    layer = model.kan_layers[0]
    ends = [model.input_scaling.inverse(end).tolist() for end in layer.basis.domain(layer.grid)]
    return dict(zip(model.config.input_names, zip(*ends, strict=True), strict=True))


def _with_inputs(model: KAN, features: Sequence[str], seed: int) -> KAN:
    """A network like this one that takes the features: with new numbers, as its first layer has other edges."""
    first = next(model.parameters())
    config = replace(
        model.config,
        nodes=(Nodes(len(features)), *model.config.nodes[1:]),
        input_names=tuple(features),
        input_scales=("linear",) * len(features),
    )
    made = KAN(config, dtype=first.dtype, device=first.device, generator=torch.Generator().manual_seed(seed))
    return keep_unset(made, model)
