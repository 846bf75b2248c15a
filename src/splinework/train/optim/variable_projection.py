"""Variable projection: the last layer is linear, so it is solved exactly, and only the others are searched for.

With the last layer's table A(θ), `c = A⁺ y` and the search is over `‖y - A(θ) A(θ)⁺ y‖²` (Golub & Pereyra 1973).
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.splines import solve_least_squares
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import Objective
from splinework.train.optim.base import Stepper
from splinework.train.optim.damped_systems import triangle_of
from splinework.train.optim.jump_penalty import JumpPenalty
from splinework.train.optim.marquardt_stepper import DampedLeastSquares, MarquardtStepper

MAX_NEWTON_STEPS, MAX_HALVINGS, MIN_RELATIVE_DECREASE = 4, 8, 1e-12
"""Newton steps for the last layer where the objective is not its square, and halvings of one; a round that gains less than the
last share ends them."""


@final
@dataclass(frozen=True)
class VariableProjection(DampedLeastSquares):
    """Levenberg–Marquardt on what is left once the last layer is eliminated (Golub & Pereyra 1973).

    A trial moves all layers, the last one next to undamped (which is the approximation of Kaufman 1975), and is judged after the
    last layer has been solved anew: exactly, by least squares, for a sum of squares, by a few Newton steps else.

    Raises:
        ConfigError: If a number is out of range, or later if the outputs are products, which are not linear.
    """

    name: ClassVar[str] = "varpro"

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _ProjectedStepper(self, objective)


@torch.no_grad()
def solve_last_layer(objective: Objective, *, smoothness: float = 0.0) -> None:
    """Puts the coefficients and biases of the last layer where the objective is least, the other layers as they are.

    In one go for a sum of squares: of all that are as good, the nearest to those at hand. Else by a few Newton steps.

    Args:
        objective: Its model is changed in place.
        smoothness: Weight of the squared jumps of the splines' highest derivative; see `JumpPenalty`.

    Raises:
        ConfigError: If the outputs of the network are products.

    >>> from splinework.nn.network import KAN
    >>> from splinework.train.data_objective import DataObjective
    >>> u = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
    >>> objective = DataObjective(KAN([1, 1], dtype=torch.float64), u=u, t=u**3)
    >>> solve_last_layer(objective)
    >>> objective.value_on_all_rows() < 1e-20
    True
    """
    _LastLayer(objective, VariableProjection.chunk).solve(smoothness)


class _LastLayer:
    """The numbers of the last layer, and how to find the best."""

    def __init__(self, objective: Objective, chunk: int) -> None:
        model = objective.model
        if model.config.nodes[-1].products:
            raise ConfigError(
                f"varpro solves the last layer as the linear one that it is, but the outputs of {model.config.shape} are "
                "products; take optimiser='lm'."
            )
        self.objective, self.model, self.chunk = objective, model, chunk
        everything = ParameterVector.of(model)
        none = everything.edges[-1][0][:0]
        # The biases of the other layers stay among these; there are few.
        self.parameters = ParameterVector((*((none, none) for _ in everything.edges[:-1]), everything.edges[-1]))
        own, rest = self.parameters.spans(model)[-1]
        self.own = slice(own.start, rest.stop)
        self.jump_penalty = JumpPenalty(model, self.parameters)

    def solve(self, weight: float) -> None:
        value = self._value(weight)
        if not math.isfinite(value):
            return  # the other layers are not finite
        if self.objective.is_sum_of_squares:
            self._write(self._least_squares(weight), 1.0)
            return
        for _ in range(MAX_NEWTON_STEPS):
            move, before = self._newton(weight), self._read()
            for halving in range(MAX_HALVINGS):
                self._write(move, 0.5**halving)
                after = self._value(weight)
                if math.isfinite(after) and after < value:
                    break
                self._restore(before)
            else:
                return
            if value - after < MIN_RELATIVE_DECREASE * abs(value):
                return
            value = after

    def _least_squares(self, weight: float) -> Tensor:
        """Least squares on the rows of J, not on JᵀJ, so that the condition number is not squared."""
        blocks = [(j[:, self.own], r) for j, r in self.objective.jacobian_blocks(self.parameters, self.chunk)]
        if weight:
            smooth = math.sqrt(weight) * self.jump_penalty.rows
            blocks.append((smooth[:, self.own], smooth @ self.parameters.read(self.model)))
        triangle, rest = triangle_of(blocks)
        return solve_least_squares(triangle, -rest[:, None])[:, 0]

    def _newton(self, weight: float) -> Tensor:
        matrix, vector = self.objective.quadratic(self.parameters, self.chunk)
        if weight:
            self.jump_penalty.add_to(matrix, vector, self.parameters.read(self.model), weight)
        matrix, vector = matrix[self.own, self.own], vector[self.own]
        root = matrix.diagonal().clamp_min(1e-300).rsqrt()
        return solve_least_squares(matrix * root[:, None] * root, -(vector * root)[:, None])[:, 0] * root

    def _value(self, weight: float) -> float:
        return self.objective.value_on_all_rows() + (weight * self.jump_penalty.value() if weight else 0.0)

    def _read(self) -> tuple[Tensor, Tensor | None]:
        layer = self.model.kan_layers[-1]
        return layer.edge_coefficients().detach(), None if layer.bias is None else layer.bias.detach().clone()

    def _write(self, move: Tensor, share: float) -> None:
        """Moves the numbers by a share of δ."""
        whole = move.new_zeros(self.own.stop)
        whole[self.own] = share * move
        values, bias = self._read()
        change, change_bias = self.parameters.unpack(self.model, whole)[-1]
        self._restore((values + change, None if bias is None or change_bias is None else bias + change_bias))

    def _restore(self, numbers: tuple[Tensor, Tensor | None]) -> None:
        layer, (values, bias) = self.model.kan_layers[-1], numbers
        layer.set_edge_coefficients(values)
        if layer.bias is not None and bias is not None:
            layer.bias.copy_(bias)


class _ProjectedStepper(MarquardtStepper):
    """A look at the model solves the last layer first; what is searched for is the objective with that layer eliminated."""

    def __init__(self, recipe: VariableProjection, objective: Objective) -> None:
        self.last, self.projects = _LastLayer(objective, recipe.chunk), False
        own, rest = ParameterVector.of(objective.model).spans(objective.model)[-1]
        super().__init__(recipe, objective, lightly=slice(own.start, rest.stop))

    def _take_grids(self) -> None:
        super()._take_grids()
        self.last.jump_penalty = JumpPenalty(self.model, self.last.parameters)

    def step(self) -> float:
        if not self.projects and not self.exhausted:
            self.projects = True
            self.error, self.jump_size = self._evaluate()
            self._update_weight()
        return super().step()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "projects": self.projects}

    @torch.no_grad()
    def _evaluate(self) -> tuple[float, float]:
        if self.projects:
            self.last.solve(self.weight)
        return super()._evaluate()
