"""Laws of every experiment: its recipe is well-formed, what it makes of no, some and all results holds, and a small cell runs."""

import json
import math
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest
import torch
from matplotlib.figure import Figure

import splinework as sw
from splinework.reproduce import FinishedCell, experiment_names, recipe
from splinework.reproduce.experiment import SCALES
from splinework.reproduce.experiments.continual_learning import CENTRES, HALF, peaks, phases
from splinework.reproduce.experiments.poisson import PROBLEMS, laplacian, solution, source
from splinework.reproduce.experiments.toys import exponent
from splinework.reproduce.figures import draw_experiment
from splinework.reproduce.paper_method import (
    edge_grid_count,
    follow_grids,
    minimise,
    paper_network,
    rmse,
    train_by_paper,
)
from splinework.reproduce.perceptron import MLP
from splinework.reproduce.rates import derivative_errors, exponents
from splinework.reproduce.rivals import tensors
from splinework.reproduce.tables import row_checks
from tests.families import every, slow

NAMES = experiment_names()
FEW = {"seed": 0, "steps": 5}
SMALL = {
    "grid-extension": [
        {"method": "paper", "shape": [2, 1, 1], "rows": 60, "seed": 0, "grids": [5, 10], "steps": 2},
        {"method": "rival", "shape": [2, 3, 1], "rows": 60, "seed": 0, "steps": 5},
        {"method": "rates", "degree": 2, "grids": [5, 10]},
    ],
    "toys": [
        {"function": "bessel", "method": "paper", "shape": [1, 1], "rows": 60, "seed": 0, "grids": [3, 5], "steps": 2},
        {"function": "product", "method": "rival", "shape": [2, 3, 1], "rows": 60, "seed": 0, "steps": 5, "depth": 2},
    ],
    "continual-learning": [
        {"problem": "line", "method": "paper", "setting": "paper", "shape": [1, 1], "grid": 200, "rows": 50, **FEW},
        {"problem": "line", "method": "rival", "shape": [1, 3, 1], "rows": 20, "steps": 1, "seed": 0},
    ],
    "poisson": [
        {"problem": "squared", "method": "paper", "shape": [2, 2, 1], "grids": [3], "inside": 40, "edge": 16, **FEW},
        {"problem": "product", "method": "rival", "shape": [2, 3, 1], "inside": 40, "edge": 16, **FEW},
    ],
    "special-functions": [
        {"function": "jv", "method": "paper", "shape": [2, 1, 1], "rows": 60, "seed": 0, "grids": [3, 5], "steps": 2},
        {"function": "jv", "method": "rival", "shape": [2, 3, 1], "rows": 60, "seed": 0, "steps": 5},
    ],
    "feynman": [{"function": "I.6.2", "method": "rival", "shape": [2, 3, 1], "rows": 60, "seed": 0, "steps": 5}],
}  # fmt: skip
"""Settings of cells that take little time; those of further experiments are in their own tests."""


def ids(scale: str, name: str) -> list[str]:
    return [cell.name for cell in recipe(name).cells(scale)]


@every("name", NAMES)
def test_a_recipe_is_frozen_named_and_says_where_it_comes_from(name):
    one = recipe(name)
    assert one.name == name
    assert is_dataclass(one)
    with pytest.raises(FrozenInstanceError):
        setattr(one, fields(one)[0].name if fields(one) else "anything", 0)
    assert len(one.about) > 100
    assert 0 < one.minutes[0] <= one.minutes[1]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", NAMES)
def test_cells_are_plain_distinct_and_the_same_every_time(name, scale):
    one = recipe(name)
    cells = one.cells(scale)
    assert len({cell.name for cell in cells}) == len(cells) > 0
    assert len({cell.digest(name, "1") for cell in cells}) == len(cells)
    for cell, again in zip(cells, one.cells(scale), strict=True):
        assert json.loads(json.dumps(cell.settings)) == cell.settings == again.settings


@every("name", NAMES)
def test_without_results_nothing_is_claimed(name):
    one = recipe(name)
    rows = one.rows([])
    assert all(row.default_reached is None and row.own_method_reached is None for row in rows)
    assert [check.met for check in [*row_checks(rows), *one.checks([])] if check.met] == []


def test_the_quick_recipes_of_all_experiments_take_a_quarter_of_an_hour_on_two_cores():
    assert sum(recipe(name).minutes[0] for name in NAMES) <= 30


@pytest.mark.parametrize(("name", "place"), [(name, n) for name, small in SMALL.items() for n in range(len(small))])
def test_a_small_cell_runs_and_its_results_are_read(name, place):
    one, settings = recipe(name), SMALL[name][place]
    result = json.loads(json.dumps(one.run(settings)))
    numbers = [value for value in result.values() if isinstance(value, float)]
    assert result
    assert all(map(math.isfinite, numbers))
    finished = [FinishedCell("small", settings, result, 0.1)]
    draw_experiment(one, finished, Figure())
    assert all(isinstance(check.statement, str) for check in one.checks(finished))
    if settings["method"] != "rates":
        shown = [getattr(row, settings["method"]) for row in one.rows(finished)]
        assert any(value is not None for value in shown)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_same_cell_gives_the_same_result(name):
    one = recipe(name)
    settings = SMALL.get(name, [None])[0]
    if settings is None:
        pytest.skip("its small cells are in its own tests")
    assert one.run(settings) == one.run(settings)


@pytest.mark.slow
def test_every_quick_cell_of_our_default_runs_on_the_first_function_of_a_table():
    one = recipe("special-functions")
    cells = [cell for cell in one.cells("quick") if cell.settings["function"] == "sph_harm01"]
    assert {cell.settings["method"] for cell in cells} == {"paper", "ours", "sparse", "rival"}
    finished = [FinishedCell(cell.name, cell.settings, one.run(cell.settings), 0.0) for cell in cells]
    (row,) = one.rows(finished)
    assert row.default_reached
    assert "sparsify: [2, " in row.note


# ------------------------------------------------------------------------------------------------ the paper's method


def rows_of(count: int, seed: int):
    x = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    return x, torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)


def test_the_papers_network_is_the_papers():
    model = paper_network([2, 3, 1], 4, seed=1)
    layer = model.kan_layers[0]
    assert (model.config.extrapolation, model.config.bias, model.config.grid_eps, model.config.base) == (
        "zero",
        False,
        1.0,
        "silu",
    )
    assert bool((layer.spline_weight == 1).all())
    assert layer.bias is None
    assert float(layer.coefficients.detach().abs().max()) < 0.05 / 4
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), paper_network([2, 3, 1], 4, 1).parameters(), strict=True)
    )
    assert edge_grid_count([2, 3, 1], 4) == 9 * 4


def test_training_by_the_paper_lowers_the_error_from_grid_to_grid_and_leaves_the_model_alone():
    model, rows = paper_network([2, 1, 1], 3, seed=0), rows_of(200, 0)
    before = [parameter.clone() for parameter in model.parameters()]
    trained, stages = train_by_paper(model, rows, rows_of(100, 1), grids=[3, 6, 12], steps=5)
    errors = [stage.train for stage in stages]
    assert errors == sorted(errors, reverse=True)
    assert stages[1].jump < 1e-12
    assert stages[-1].train == rmse(trained, *rows)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_grids_follow_only_where_they_are_asked_to():
    model, rows = paper_network([2, 1, 1], 3, seed=0), rows_of(50, 0)
    kept, _ = minimise(model, rows, rows, steps=2, follow=None)
    moved, _ = minimise(model, rows, rows, steps=2, follow=follow_grids)
    assert all(torch.equal(a.grid, b.grid) for a, b in zip(kept.kan_layers, model.kan_layers, strict=True))
    assert not torch.equal(moved.kan_layers[1].grid, model.kan_layers[1].grid)
    knots, x = moved.kan_layers[0].knots(), rows[0]
    assert bool((knots[:, 3] < x.amin(0)).all() and (knots[:, -4] > x.amax(0)).all())
    assert torch.allclose(knots.diff(), knots.diff()[:, :1].expand_as(knots.diff()), atol=1e-9)


def test_a_loss_of_ones_own_is_the_squared_error_where_it_is_the_same():
    model, rows = paper_network([2, 1, 1], 3, seed=0), rows_of(50, 0)
    own, _ = minimise(model, rows, rows, steps=2)
    given, _ = minimise(model, rows, rows, steps=2, loss=lambda network: (network(rows[0]) - rows[1]).square().mean())
    assert rmse(own, *rows) == pytest.approx(rmse(given, *rows), rel=1e-6)


def test_pairs_are_learned_from_however_small_the_error_is():
    x = torch.linspace(-1, 1, 80, dtype=torch.float64)[:, None]
    with torch.no_grad():
        rows = x, paper_network([1, 1], 5, seed=1)(x)
    trained, _ = minimise(paper_network([1, 1], 5, seed=0), rows, rows, steps=20, follow=None)
    assert rmse(trained, *rows) < 1e-9  # torch's L-BFGS is at 1e-5


# ------------------------------------------------------------------------------------------------------- single facts


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_source_of_poissons_equation_is_the_laplacian_of_its_solution(problem):
    p = 2 * torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    found = laplacian(lambda points: solution(problem, points), p)
    assert torch.allclose(found, source(problem, p), rtol=1e-10, atol=1e-10)
    edge = torch.tensor([[-1.0, 0.3], [1.0, -0.2], [0.4, 1.0], [0.1, -1.0]], dtype=torch.float64)
    assert float(solution(problem, edge).abs().max()) < 1e-15


def test_laplacians_of_networks_agree_with_automatic_differentiation():
    p = torch.rand(10, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = sw.KAN([2, 3, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(laplacian(model, p), laplacian(lambda points: model(points), p), rtol=1e-8)
    perceptron = MLP([2, 3, 1], dtype=torch.float64)
    assert laplacian(perceptron, p).shape == (10, 1)


def test_phases_see_one_peak_each():
    for number, (x, y) in enumerate(phases("line", 50, 0)):
        assert float((x - CENTRES[number]).abs().max()) <= HALF + 1e-12
        assert torch.equal(y, peaks(x, "line"))
        assert float(y.max()) == pytest.approx(1.0, abs=0.02)


def test_the_papers_continual_network_keeps_what_it_has_learned():
    result = recipe("continual-learning").run(SMALL["continual-learning"][0])
    assert max(result["untouched"]) == 0.0
    assert result["on_seen"] < 0.05


@pytest.mark.parametrize("degree", [3, *slow(2)])
def test_the_rates_of_approximation_are_those_of_the_theorem(degree):
    grids = [10, 20, 40]
    found = exponents(grids, [derivative_errors("exp(sin(pi*x) + y**2)", degree, grid) for grid in grids])
    assert found == pytest.approx([degree + 1, degree, degree - 1], abs=0.35)


def test_exponents_end_at_the_lowest_error():
    assert exponent([1, 2, 4, 8], [1.0, 2**-3, 2**-6, 1.0]) == pytest.approx(3.0)
    assert exponent([1, 2], [1.0, 0.1]) is None
    assert exponents([1, 2, 4], [[1.0], [1e-3], [1e-13]]) == pytest.approx([math.log2(1e3)])


def test_rows_become_columns():
    x, y = tensors([[1, 2], [3, 4]], [5, 6])
    assert (x.dtype, y.shape) == (torch.float64, (2, 1))
