"""Variable projection: the last layer is always at its best, and the rest goes where Levenberg–Marquardt goes."""

import itertools

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.train.data_objective import DataObjective
from splinework.train.grid_adaptation import adapt_grids
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.optim import VariableProjection, solve_last_layer
from splinework.train.optim.jump_penalty import JumpPenalty
from tests.contracts.cases import normal, seeded
from tests.train.cases import SHAPES, fresh, objective_of, smooth, thinned, two, uniform

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def slope_of_last(objective: DataObjective) -> float:
    """The largest gradient in the last layer's numbers, as a share of what its parts would sum up to if none cancelled."""
    parameters = ParameterVector.of(objective.model)
    own, rest = parameters.spans(objective.model)[-1]
    outputs, jacobian = linearise(objective.model, parameters, objective.u)
    weights = torch.ones(objective.count, dtype=torch.float64) if objective.weights is None else objective.weights
    terms = jacobian[..., own.start : rest.stop] * ((outputs - objective.t) * weights[:, None])[..., None]
    return float(terms.sum((0, 1)).abs().max() / terms.abs().sum((0, 1)).max())


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("shape", [[2, 1], [2, 3, 2], [2, (1, 1), 2], [2, 2, 2, 1]], ids=str)
def test_after_every_step_the_gradient_in_the_last_layer_is_zero(shape, weighted):
    model, x = thinned(shape), uniform(120)
    adapt_grids(model, x)  # far outside a grid all splines of an edge are one straight line
    weights = torch.rand(120, generator=seeded(5), dtype=torch.float64) + 0.1 if weighted else None
    objective = DataObjective(model, u=x, t=two(x, model.outputs) + 0.1 * normal(120, model.outputs), weights=weights)
    stepper = VariableProjection(jump_penalty=0.0).attach(objective, 20, seeded())
    for _ in range(5):
        stepper.step()
        assert slope_of_last(objective) <= 1e-8


@every_shape
def test_the_last_layer_alone_moves_and_its_optimum_is_scipy_s(shape):
    model, x = thinned(shape), uniform(150)
    y = two(x, model.outputs)
    objective = objective_of(model, x, y)
    others = [p.detach().clone() for layer in model.kan_layers[:-1] for p in layer.parameters()]
    parameters = ParameterVector.of(model)
    own, rest = parameters.spans(model)[-1]
    outputs, jacobian = linearise(model, parameters, x)
    design = jacobian[..., own.start : rest.stop].flatten(0, 1).numpy()
    left = (y - outputs).flatten().numpy()
    truth = left - design @ np.linalg.lstsq(design, left, rcond=None)[0]
    solve_last_layer(objective)
    assert objective.value_on_all_rows() == pytest.approx(float((truth**2).mean()), rel=1e-9)
    now = [p.detach() for layer in model.kan_layers[:-1] for p in layer.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(others, now, strict=True))


def test_smoothness_is_weighed_against_the_objective():
    ends = []
    for smoothness in (0.0, 1e-6, 1e-2, 1e2):
        model, x = fresh([1, 1], grid=20, base="none"), uniform(60, 1)
        objective = objective_of(model, x, torch.sin(3 * x) + 0.1 * normal(60, 1))
        solve_last_layer(objective, smoothness=smoothness)
        ends.append((objective.value_on_all_rows(), JumpPenalty(model, ParameterVector.of(model)).value()))
    assert all(b[0] > a[0] and b[1] < a[1] for a, b in itertools.pairwise(ends))


def test_a_layer_that_data_do_not_determine_stays_finite():
    model, x = fresh([2, 3, 1]), uniform(3)
    objective = objective_of(model, x, smooth(x))
    solve_last_layer(objective)
    assert objective.value_on_all_rows() < 1e-20
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_outputs_that_are_products_are_refused_with_the_way_out():
    model, x = fresh([2, (0, 1)]), uniform(20)
    for attempt in (
        lambda objective: VariableProjection().attach(objective, 5, seeded()),
        lambda objective: solve_last_layer(objective),
    ):
        with pytest.raises(ConfigError, match=r"products; take optimiser='lm'"):
            attempt(objective_of(model, x, smooth(x)))
