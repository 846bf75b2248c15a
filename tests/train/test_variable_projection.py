"""Variable projection: the last layer is always at its best, and the rest goes where Levenberg–Marquardt goes."""

import itertools

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.train import Roughness, Sparsity
from splinework.train.data_objective import DataObjective
from splinework.train.grid_adaptation import adapt_grids
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.optim import LevenbergMarquardt, VariableProjection, solve_last_layer
from splinework.train.optim.jump_penalty import JumpPenalty
from tests.contracts.cases import normal, relative_distance, seeded
from tests.interpret.edit.cases import BASES
from tests.train.cases import SHAPES, descent, fresh, objective_of, smooth, thinned, uniform
from tests.train.loss_cases import every_case

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
PENALTIES = ((Sparsity(1e-2),), (Roughness(1e-3),))


def two(x: torch.Tensor, outputs: int) -> torch.Tensor:
    return torch.cat([smooth(x), x[:, :1] * x[:, 1:2]], dim=1)[:, :outputs]


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


@pytest.mark.parametrize("penalties", [(), *PENALTIES], ids=lambda p: "+".join(type(q).__name__ for q in p) or "none")
@every_shape
def test_the_objective_never_increases(shape, penalties):
    model, x = thinned(shape), uniform(80)
    objective = objective_of(model, x, two(x, model.outputs), *penalties)
    values = descent(VariableProjection(jump_penalty=0.0).attach(objective, 20, seeded()), objective, 4)
    assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(values))
    assert values[-1] < 0.9 * values[0]


@every_case
def test_nor_does_any_loss(case):
    model, x = thinned([2, 3, 3]), uniform(60)
    objective = DataObjective(model, u=x, t=case.targets(model(x).detach()), criterion=case.loss)
    values = descent(VariableProjection(jump_penalty=0.0).attach(objective, 20, seeded()), objective, 5)
    assert all(b <= a + 1e-12 * abs(a) for a, b in itertools.pairwise(values))
    assert values[-1] < values[0] - 0.02 * abs(values[0])


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("inputs", [1, 3])
def test_one_layer_is_solved_in_one_step(inputs, basis):
    model, x = fresh([inputs, 1], basis=basis), uniform(200, inputs)
    y = torch.exp(torch.sin(3 * x)).prod(1, keepdim=True) + 0.1 * normal(200, 1)
    design = linearise(model, ParameterVector.of(model), x)[1][:, 0].numpy()
    truth = design @ np.linalg.lstsq(design, y.numpy(), rcond=None)[0]
    objective = objective_of(model, x, y)
    VariableProjection(jump_penalty=0.0).attach(objective, 1, seeded()).step()
    assert relative_distance(model(x), torch.from_numpy(truth)) <= 1e-10


@pytest.mark.parametrize("shape", [[2, 1], [2, 1, 1], [2, 2, 1]], ids=str)
@pytest.mark.slow
def test_it_ends_where_levenberg_marquardt_ends(shape):
    ends = []
    for recipe in (LevenbergMarquardt(jump_penalty=0.0), VariableProjection(jump_penalty=0.0)):
        model, x = thinned(shape, seed=4, grid=2), uniform(400, 2)
        with torch.no_grad():
            y = model(x) + 0.1 * normal(400, 1)
            for k, parameter in enumerate(model.parameters()):
                parameter.add_(0.02 * normal(*parameter.shape, seed=k))
        objective = objective_of(model, x, y)
        ends.append(descent(recipe.attach(objective, 60, seeded()), objective, 60)[-1])
    assert ends[1] == pytest.approx(ends[0], rel=1e-6 if len(shape) == 2 else 0.05)  # flat valleys have no one end


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


@pytest.mark.parametrize(
    ("options", "told"), [({"damping": 0}, "got 0"), ({"jump_penalty": -1}, "-1"), ({"chunk": 0}, "and 0")]
)
def test_a_wrong_setting_is_refused_with_what_came(options, told):
    with pytest.raises(ConfigError, match=told):
        VariableProjection(**options)
