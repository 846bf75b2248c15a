"""Optimisers: what every one of them promises, and what each is good for."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.nn.layer import GRID_KINDS
from splinework.train import Roughness, Sparsity
from splinework.train.data_objective import DataObjective
from splinework.train.grid_adaptation import extend_grids
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.optim import (
    BFGS,
    LBFGS,
    OPTIMISERS,
    SSBFGS,
    Adam,
    LevenbergMarquardt,
    NewtonCG,
    OneCycle,
    SSBroyden,
    TorchOptimiser,
    VariableProjection,
    make_optimiser,
)
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every, raising
from tests.interpret.edit.cases import BASES
from tests.train.cases import SHAPES, descent, fresh, objective_of, smooth, thinned, two, uniform
from tests.train.loss_cases import every_case

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
GAUSS_NEWTON = tuple(recipe(jump_penalty=0.0) for recipe in (LevenbergMarquardt, NewtonCG, VariableProjection))
SECOND = (*GAUSS_NEWTON, LBFGS(), BFGS(), SSBFGS(), SSBroyden())
PENALTIES = ((Sparsity(1e-2),), (Roughness(1e-3),), (Sparsity(1e-3), Roughness(1e-3)))
SETTINGS = [*((kind, ()) for kind in GRID_KINDS), *(("adaptive", penalties) for penalties in PENALTIES)]
by_name = {"ids": lambda recipe: recipe.name}


@pytest.mark.quick(4)
@pytest.mark.parametrize("recipe", SECOND, **by_name)
@pytest.mark.parametrize(("grid_kind", "penalties"), SETTINGS, ids=lambda v: str(v)[:30])
@every_shape
def test_the_objective_never_increases(shape, grid_kind, penalties, recipe):
    model, x = thinned(shape, grid_kind=grid_kind), uniform(80)
    objective = objective_of(model, x, two(x, model.outputs), *penalties)
    steps = 4 if recipe.name == "varpro" else 8  # whose steps take longest
    values = descent(recipe.attach(objective, 20, seeded()), objective, steps)
    assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(values))
    assert values[-1] < 0.95 * values[0]


@pytest.mark.parametrize("recipe", GAUSS_NEWTON[1:], **by_name)
@every_case
def test_nor_does_any_loss(case, recipe):
    model, x = thinned([2, 3, 3]), uniform(60)
    objective = DataObjective(model, u=x, t=case.targets(model(x).detach()), criterion=case.loss)
    values = descent(recipe.attach(objective, 20, seeded()), objective, 6)
    assert all(b <= a + 1e-12 * abs(a) for a, b in itertools.pairwise(values))
    assert values[-1] < values[0] - 0.02 * abs(values[0])


@pytest.mark.parametrize("native", [False, True])
def test_the_direction_of_lbfgs_is_that_of_the_matrix_that_its_pairs_make(monkeypatch, native):
    if not native:
        monkeypatch.setattr("splinework.kernels.native.available", lambda: False)
    model, x = thinned([2, 3, 1]), uniform(60)
    objective = objective_of(model, x, smooth(x))
    stepper: Any = LBFGS(memory=4).attach(objective, 20, seeded())
    descent(stepper, objective, 7)
    assert len(stepper.pairs) == 4
    s, y, _ = stepper.pairs[-1]
    eye = torch.eye(len(s), dtype=s.dtype)
    inverse = s.dot(y) / y.dot(y) * eye
    for s, y, _ in stepper.pairs:  # Nocedal & Wright 2006, eq. 7.16
        project = eye - torch.outer(y, s) / s.dot(y)
        inverse = project.T @ inverse @ project + torch.outer(s, s) / s.dot(y)
    expected = -inverse @ stepper.gradient
    assert float((stepper.direction(stepper.gradient) - expected).norm()) < 1e-8 * float(expected.norm())


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
@every_shape
def test_masks_are_kept_and_dead_edges_do_not_move_the_output(shape, name):
    model, x = thinned(shape), uniform(60)
    masks = [layer.mask.clone() for layer in model.kan_layers]
    objective = objective_of(model, x, two(x, model.outputs))
    descent(make_optimiser(name).attach(objective, 5, seeded()), objective, 5)
    assert all(torch.equal(layer.mask, mask) for layer, mask in zip(model.kan_layers, masks, strict=True))
    for layer in model.kan_layers:
        assert torch.equal(
            layer.edge_coefficients()[:, :, 0][layer.mask[:, 0] == 0].abs().sum(), torch.tensor(0.0).double()
        )


# -------------------------------------------------------------------------------------------------- going on

GOING_ON = (
    *(make_optimiser(name) for name in OPTIMISERS),
    LBFGS(memory=2),
    Adam(batch=9, schedule=OneCycle()),
    TorchOptimiser("SGD", 0.05, batch=17, options={"momentum": 0.9}),
    TorchOptimiser("RMSprop"),
    TorchOptimiser("NAdam", batch=9),
    TorchOptimiser("LBFGS", 0.5),
)


def leaves(state: Any) -> list[Any]:
    """What a state holds, flat; anything else than a tree of plain things is an error."""
    if isinstance(state, dict):
        assert all(isinstance(key, str) for key in state)
        return [leaf for value in state.values() for leaf in leaves(value)]
    if isinstance(state, list):
        return [leaf for value in state for leaf in leaves(value)]
    assert state is None or type(state) in (bool, int, float, str, torch.Tensor)
    return [state]


def same(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("recipe", GOING_ON, ids=str)
def test_going_on_from_a_state_gives_the_same_bits_as_never_having_stopped(recipe):
    x, model = uniform(40), thinned([2, 3, 1])
    models = [copy.deepcopy(model), model]
    straight = recipe.attach(objective_of(models[0], x, smooth(x)), 7, seeded())
    generator = seeded()
    first = recipe.attach(objective_of(model, x, smooth(x)), 7, generator)
    for _ in range(7):
        straight.step()
    for _ in range(3):
        first.step()
    models.append(copy.deepcopy(model))
    state, again = first.state(), seeded().set_state(generator.get_state())
    kept = copy.deepcopy(leaves(state))
    for _ in range(4):
        first.step()
    resumed = recipe.attach(objective_of(models[2], x, smooth(x)), 7, again)
    resumed.restore(state)
    for _ in range(4):
        resumed.step()
    assert all(same(a, b) for a, b in zip(leaves(state), kept, strict=True))  # later steps leave it alone
    for parameters in zip(*(each.parameters() for each in models), strict=True):
        assert torch.equal(parameters[0], parameters[1])
        assert torch.equal(parameters[0], parameters[2])


# --------------------------------------------------------------------------------------- Gauss–Newton methods


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize(("recipe", "steps"), [*zip(GAUSS_NEWTON, (50, 60, 1), strict=True)], ids=str)
def test_one_layer_is_solved_as_the_linear_problem_that_it_is(inputs, basis, recipe, steps):
    model, x = fresh([inputs, 1], basis=basis), uniform(200, inputs)
    y = torch.exp(torch.sin(3 * x)).prod(1, keepdim=True) + 0.1 * normal(200, 1)
    design = linearise(model, ParameterVector.of(model), x)[1][:, 0].numpy()
    truth = torch.from_numpy(design @ np.linalg.lstsq(design, y.numpy(), rcond=None)[0])
    objective = objective_of(model, x, y)
    descent(recipe.attach(objective, steps, seeded()), objective, steps)
    # Together with the base function Chebyshev's polynomials of one input are nearly dependent (condition 2e6): by products
    # alone the objective's own rounding ends the descent there.
    products_end = (recipe.name, basis, inputs) == ("newton-cg", "chebyshev", 1)
    assert relative_distance(model(x), truth) <= (1e-7 if products_end else 1e-10 if steps == 1 else 1e-8)
    if recipe.name == "lm":  # the jump penalty, which is on by default, costs little
        usual = objective_of(fresh([inputs, 1], basis=basis), x, y)
        descent(LevenbergMarquardt().attach(usual, 50, seeded()), usual, 50)
        best = float(((truth - y) ** 2).mean())
        assert best * (1 - 1e-9) <= usual.value().item() <= best * (1 + 0.05)


@pytest.mark.parametrize("penalties", [(), (Roughness(1e-3),)], ids=["none", "roughness"])
@pytest.mark.parametrize("shape", [[2, 1], [2, 1, 1], [2, 2, 1]], ids=str)
@pytest.mark.slow
def test_they_end_where_levenberg_marquardt_ends(shape, penalties):
    ends = []
    for recipe in GAUSS_NEWTON:
        model, x = thinned(shape, seed=4, grid=2), uniform(200, 2)
        with torch.no_grad():
            y = model(x) + 0.1 * normal(200, 1)
            for k, parameter in enumerate(model.parameters()):
                parameter.add_(0.02 * normal(*parameter.shape, seed=k))
        objective = objective_of(model, x, y, *penalties)
        ends.append(descent(recipe.attach(objective, 60, seeded()), objective, 60)[-1])
    # Flat valleys have no one end.
    assert ends == pytest.approx([ends[0]] * 3, rel=1e-6 if len(shape) == 2 else 0.1)


@pytest.mark.quick(2)
@pytest.mark.parametrize("shape", [[1, 1], [2, 1], [2, 2, 1], [2, (0, 1), 1]], ids=str)
def test_a_representable_target_is_reached_to_nine_digits(shape):
    for jump_penalty, digits in ((0.0, 1e-12), (0.01, 1e-5)):
        model, x = thinned(shape, seed=4), uniform(400, shape[0])
        extend_grids(model, x, near=1.0)  # grids that stay, as they hold the truth's activations
        with torch.no_grad():
            y = model(x)
            for k, parameter in enumerate(model.parameters()):
                parameter.add_(0.02 * normal(*parameter.shape, seed=k))
        objective = objective_of(model, x, y)
        values = descent(LevenbergMarquardt(jump_penalty=jump_penalty).attach(objective, 100, seeded()), objective, 100)
        assert values[-1] ** 0.5 <= digits * float(y.std())


def test_rows_in_parts_give_the_same_step():
    steps = []
    for chunk in (4_000_000, 500):
        model, x = thinned([2, 2, 1]), uniform(100)
        objective = objective_of(model, x, smooth(x))
        descent(LevenbergMarquardt(chunk=chunk).attach(objective, 3, seeded()), objective, 3)
        steps.append(ParameterVector.of(model).read(model))
    assert relative_distance(steps[1], steps[0]) <= 1e-7


@pytest.mark.parametrize("recipe", [LevenbergMarquardt(), NewtonCG()], **by_name)
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_fewer_rows_than_numbers_are_fitted_and_all_stays_finite(rows, recipe):
    model, x = fresh([2, 3, 1]), uniform(rows)
    objective = objective_of(model, x, smooth(x))
    values = descent(recipe.attach(objective, 60, seeded()), objective, 60)
    assert values[-1] < 1e-6 * values[0]
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("recipe", [LevenbergMarquardt(), NewtonCG()], **by_name)
def test_a_model_without_numbers_is_done_at_once(recipe):
    model, x = fresh([2, 1], bias=False), uniform(20)
    model.kan_layers[0].mask.zero_()
    objective = objective_of(model, x, smooth(x))
    stepper = recipe.attach(objective, 5, seeded())
    assert stepper.exhausted
    assert stepper.step() == pytest.approx(float(smooth(x).square().mean()))


def test_an_optimum_is_recognised():
    model, x = fresh([1, 1]), uniform(50, 1)
    objective = objective_of(model, x, torch.zeros(50, 1, dtype=torch.float64))
    stepper = LevenbergMarquardt().attach(objective, 100, seeded())
    values = descent(stepper, objective, 100)
    assert stepper.exhausted
    assert values[-1] <= 1e-15


# ------------------------------------------------------------------------------------------------------- Adam


class Watched:
    """An objective that notes which rows it is asked for."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.seen = inner, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def differentiate(self, part: torch.Tensor | None = None) -> float:
        self.seen.append(torch.arange(self.inner.count) if part is None else part)
        return self.inner.differentiate(part)


@pytest.mark.parametrize(("rows", "batch"), [(100, 10), (100, 30), (7, 3), (10, 10), (10, 50)])
def test_mini_batches_see_every_row_once_in_each_epoch(rows, batch):
    model, x = fresh([2, 1]), uniform(rows)
    objective = Watched(objective_of(model, x, smooth(x)))
    stepper = Adam(batch=batch).attach(objective, 100, seeded())
    per_epoch = -(-rows // batch)
    for _ in range(3 * per_epoch):
        stepper.step()
    epochs = [torch.cat(objective.seen[k * per_epoch : (k + 1) * per_epoch]) for k in range(3)]
    for epoch in epochs:
        assert torch.equal(epoch.sort().values, torch.arange(rows))
    if batch < rows:
        assert not torch.equal(epochs[0], epochs[1])


def test_the_rate_falls_along_a_half_cosine():
    objective = objective_of(fresh([1, 1]), uniform(20, 1), uniform(20, 1, seed=3))
    stepper = Adam(learning_rate=0.1).attach(objective, 100, seeded())
    rates = []
    for _ in range(101):
        rates.append(stepper.inner.param_groups[0]["lr"])  # type: ignore[attr-defined]
        stepper.step()
    share = np.arange(101) / 100
    np.testing.assert_allclose(rates, 0.1 * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * share))), rtol=1e-12)


def test_what_it_returns_is_the_objective_after_the_step():
    for recipe in [make_optimiser(name) for name in (*OPTIMISERS, "sgd")]:
        objective = objective_of(thinned([2, 2, 1]), uniform(30), smooth(uniform(30)), Sparsity(1e-3))
        stepper = recipe.attach(objective, 10, seeded())
        for _ in range(4):
            assert stepper.step() == pytest.approx(objective.value().item(), rel=1e-12)
    batches = Adam(batch=5).attach(objective, 10, seeded())
    assert batches.step() is None
    assert batches.every == 1
    assert (
        Adam(batch=5).attach(objective_of(fresh([2, 1]), uniform(1000), smooth(uniform(1000))), 9, seeded()).every == 50
    )


# ----------------------------------------------------------------------------------------------------- errors


@every(
    ("make", "told"),
    [
        (lambda: make_optimiser("sdg"), ["auto, adam, adamw, lbfgs, bfgs, ssbfgs, ssbroyden, lm", "rmsprop", "'sdg'"]),
        (lambda: make_optimiser(None), ["auto, adam, adamw, lbfgs", "None"]),
        (lambda: Adam(learning_rate=0), ["learning_rate", "0"]),
        (lambda: Adam(learning_rate=float("nan")), ["learning_rate", "nan"]),
        (lambda: Adam(batch=0), ["batch", "0", "None takes all"]),
        (lambda: LBFGS(memory=0), ["memory", "0"]),
        (lambda: LevenbergMarquardt(damping=0), ["damping", "0"]),
        (lambda: LevenbergMarquardt(jump_penalty=-1), ["jump_penalty", "-1"]),
        (lambda: LevenbergMarquardt(chunk=0), ["chunk", "0"]),
        (lambda: NewtonCG(products=0), ["products", "0"]),
        (lambda: NewtonCG(jump_penalty=-1), ["jump_penalty", "-1"]),
        (lambda: VariableProjection(damping=0), ["damping", "0"]),
        (lambda: VariableProjection(jump_penalty=-1), ["jump_penalty", "-1"]),
        (lambda: VariableProjection(chunk=0), ["chunk", "0"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_came_and_the_way_out(make, told):
    with raising(ConfigError, told):
        make()
