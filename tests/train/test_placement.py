"""Knots where the residual asks for them: few for a function with one steep place, even ones for a smooth function."""

import pytest
import torch

from splinework.interpret.edit import insert, refine
from splinework.splines import greville, grid_points
from splinework.train import refinement
from splinework.train.data_objective import DataObjective
from splinework.train.grid_adaptation import MAX_OFF_GRID_SHARE, adapt_grids, extend_grids, off_grid_share
from splinework.train.jacobian import ParameterVector
from splinework.train.losses import Huber
from splinework.train.optim import LevenbergMarquardt
from splinework.train.refinement import MAX_CELL_SHARE, cell_scores, residual_knots
from splinework.train.run import TrainingRun
from splinework.train.stages import extend_margins
from tests.contracts.cases import relative_distance, seeded
from tests.train.cases import SHAPES, descent, fresh, noise, objective_of, quick, smooth, thinned, uniform

PLACE = 0.3


def steep(x):
    return torch.tanh(40 * (x[:, :1] - PLACE))


def fitted(grid, target, x, shape=(1, 1)):
    model = fresh(list(shape), grid=grid)
    objective = objective_of(model, x, target(x))
    descent(LevenbergMarquardt().attach(objective, 40, seeded()), objective, 40)
    return objective


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_what_each_fine_spline_alone_would_gain_summed_up(shape):
    model, x = thinned(shape), uniform(200)
    y = torch.cat([smooth(x)] * model.outputs, 1)
    objective = DataObjective(
        model, u=x, t=y, criterion=Huber(0.5), weights=torch.rand(200, generator=seeded(), dtype=x.dtype)
    )
    found = cell_scores(objective)
    fine = refine(model, 2 * model.kan_layers[0].basis.grid)
    parameters = ParameterVector.of(fine)
    matrix, vector = objective.on(fine).quadratic(parameters, 1_000_000)
    gains = torch.where(matrix.diagonal() > 1e-12 * matrix.diagonal().max(), vector**2 / matrix.diagonal(), 0.0)
    for layer, score, (values, _) in zip(model.kan_layers, found, parameters.unpack(fine, gains), strict=True):
        assert score.shape == (layer.inputs, layer.basis.grid)
        assert (score >= 0).all()
        own = values[:, : 2 * layer.basis.grid + layer.basis.degree].sum((1, 2))
        assert relative_distance(score.sum(1), own) <= 1e-10


def test_the_best_cell_is_where_the_steep_place_is():
    objective = fitted(20, steep, uniform(500, 1))
    score = cell_scores(objective)[0][0]
    ends = grid_points(objective.model.kan_layers[0].grid, 3)[0]
    best = int(score.argmax())
    assert ends[best] - 0.1 <= PLACE <= ends[best + 1] + 0.1
    points = residual_knots(objective)
    assert points is not None
    assert 1 <= len(points[0]) <= MAX_CELL_SHARE * 20
    assert ((points[0] - PLACE).abs() < 0.55).all()
    finer = insert(objective.model, points)
    x = uniform(300, 1, seed=4)
    assert relative_distance(finer(x), objective.model(x)) <= 1e-12


@pytest.mark.parametrize("grid", [5, 10, 20, 40])
@pytest.mark.parametrize(
    "target", [lambda x: torch.sin(4 * x), lambda x: torch.special.bessel_j0(20 * x), lambda x: torch.exp(2 * x)]
)
def test_for_a_smooth_function_it_is_everywhere(target, grid):
    assert residual_knots(fitted(grid, target, uniform(500, 1))) is None


def test_and_for_noise():
    assert residual_knots(fitted(20, lambda x: torch.sin(4 * x) + 0.1 * noise(len(x)), uniform(500, 1))) is None


def test_the_inputs_of_a_layer_get_equally_many_in_their_own_cells():
    x = uniform(3000)
    objective = fitted(40, lambda x: torch.tanh(40 * (x[:, :1] - 0.3)) + torch.tanh(40 * (x[:, 1:] + 0.5)), x, (2, 1))
    points = residual_knots(objective)
    assert points is not None
    assert points[0].shape[1] == 2
    middle = points[0].mean(0)
    assert (middle - torch.tensor([0.3, -0.5])).abs().max() < 0.15


@pytest.mark.parametrize("options", [{"basis": "fourier"}, {"grid_kind": "learnable"}], ids=str)
def test_other_layers_are_refined_evenly(options):
    model, x = fresh([1, 1], **options), uniform(100, 1)
    assert residual_knots(objective_of(model, x, steep(x))) is None


def test_an_exact_model_asks_for_nothing():
    model, x = fresh([1, 1], grid=8), uniform(100, 1)
    assert residual_knots(objective_of(model, x, model(x).detach())) is None


def grown(monkeypatch, adaptive, target, tolerance, most=110):
    """Parameters with which the error on fresh points first falls below a tolerance, and the history."""
    if not adaptive:
        monkeypatch.setattr(refinement, "residual_knots", lambda objective: None)
    x, new, sizes = uniform(int(2.5 * most), 1), uniform(1000, 1, seed=5), []
    truth, held_out, objective = target(new), uniform(100, 1, seed=6), fitted(5, target, x)
    run = TrainingRun(held_out=objective_of(objective.model, held_out, target(held_out)), generator=seeded())
    run.judge_anew(objective, run.held_out)
    advance = TrainingRun.advance

    def watched(run, objective, *arguments, **options):
        value = advance(run, objective, *arguments, **options)
        with torch.no_grad():
            sizes.append(
                (objective.model.parameter_count(), float((objective.model(new) - truth).square().mean().sqrt()))
            )
        return value

    monkeypatch.setattr(TrainingRun, "advance", watched)
    refinement.refine_grids(run, objective, LevenbergMarquardt(), None, 30)
    monkeypatch.undo()
    return next((size for size, error in sizes if error < tolerance), None), run.history


def test_a_steep_place_takes_three_fifths_of_the_numbers_at_most(monkeypatch):
    even, plain = grown(monkeypatch, False, steep, 2e-4, most=330)
    adaptive, history = grown(monkeypatch, True, steep, 2e-4, most=330)
    assert adaptive <= 0.6 * even
    assert any("where the residual asks" in d.text for d in history.decisions if d.kind == "grid")
    assert not any("where the residual asks" in text for text in plain.notes)


def test_a_smooth_function_grows_by_doubling(monkeypatch):
    _, history = grown(monkeypatch, True, lambda x: torch.sin(4 * x), 1e-4)
    assert not any("where the residual asks" in text for text in history.notes)
    assert sorted(set(history.column("grid"))) == [10, 20, 40, 80]


def test_uneven_hidden_grids_are_widened_as_even_ones_and_fitted_on():
    model, x = fresh([2, 2, 1]), uniform(300)
    adapt_grids(model, x)
    objective = objective_of(model, x, smooth(x))
    with torch.no_grad():  # activations go on a little way beyond the ends
        model.kan_layers[0].bias += 0.1 * (model.kan_layers[1].grid[:, -4] - model.kan_layers[1].grid[:, 3])
    finer = insert(model, [[[-0.5, 0.1], [-0.45, 0.7]], (model.kan_layers[1].grid[:, [5, 6]] + 0.01).T])
    extend_grids(model, x)
    extend_grids(finer, x)
    assert model.kan_layers[1].grid[0, 3] == finer.kan_layers[1].grid[0, 3]
    assert relative_distance(finer(x), model(x)) <= 1e-9
    again = objective.on(finer)
    values = descent(LevenbergMarquardt().attach(again, 15, seeded()), again, 15)
    assert values[-1] < 0.9 * values[0]


class Shares:
    """A callback that keeps the share of rows off hidden grids after every step."""

    def __init__(self, x):
        self.x, self.found = x, []

    def watch(self, step, model):
        self.found.append(off_grid_share(model, model.input_scaling(self.x)))

    def __call__(self, step):
        pass


@pytest.mark.parametrize(
    ("optimiser", "hidden", "grid", "noisy"),
    [
        ("lm", [3], 20, 0.1),
        ("lm", [3, 2], 3, 0.0),
        ("lbfgs", [3, 2], 3, 0.0),
        *(
            pytest.param(optimiser, hidden, *case, marks=pytest.mark.slow)
            for optimiser in ("lm", "varpro", "newton-cg", "lbfgs", "adam")
            for hidden in ([3], [3, 2])
            for case in ((3, 0.0), (20, 0.1))
        ),
    ],
)
def test_hidden_grids_hold_the_activations_of_every_state_that_may_be_the_best(optimiser, hidden, grid, noisy):
    x = uniform(150)
    y, shares = torch.sin(5 * x[:, :1] * x[:, 1:]) + noisy * noise(150), Shares(x)
    fit = quick(
        fresh([2, *hidden, 1], grid=grid), x, y, optimiser=optimiser, steps=25, validation=0.0, callbacks=[shares]
    )
    if optimiser in ("lm", "varpro", "newton-cg"):
        assert len(shares.found) >= 10
        assert max(shares.found) <= MAX_OFF_GRID_SHARE
    assert off_grid_share(fit.model, fit.model.input_scaling(x)) <= MAX_OFF_GRID_SHARE


def test_margins_are_not_widened_where_a_row_of_the_fit_loses_what_held_out_rows_do_not_see():
    model, x = fresh([1, 1, 1], grid=4, degree=5, base="none"), torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None]
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.set_edge_coefficients(1.4 * greville(layer.grid, 5)[:, :, None])
        inner = model.kan_layers[1]
        inner.set_edge_coefficients(inner.edge_coefficients() + noise(inner.basis.size).view(1, -1, 1))
        y = model(x)  # activations go to ±1.4 on the tails of a grid to ±1, where the polynomials are another function
    objective = objective_of(model, x, y)
    run = TrainingRun(objective_of(model, x[40:61], y[40:61]), seeded())
    run.taken = 1
    run.judge_anew(objective, run.held_out)
    best = run.best
    extend_margins(run, objective)
    assert run.best is best
    extend_grids(model, x, near=1.0)
    assert relative_distance(model(x), y) > 1e-3  # what would have been handed back
    assert relative_distance(model(x[40:61]), y[40:61]) < 1e-9
