"""Findings: none for ordinary good fits, the right one for every bad situation."""

import copy
import math

import pytest
import torch

import splinework as sw
from splinework.train import Roughness
from splinework.train.callbacks import Step
from splinework.train.diagnostics import (
    convergence,
    diagnose,
    empty_cells,
    few_numbers,
    independent_parameters,
    n_matched_sorted,
    outside_grid,
    overfitting,
)
from splinework.train.jacobian import ParameterVector, linearise
from tests.interpret.edit.cases import BASES
from tests.train.cases import SHAPES, fresh, noise, quick, smooth, thinned, uniform


def steps_of(values, *, stage="grid 5", validation=math.nan):
    return [Step(number, stage, 5, value, value**0.5, validation, 0.0) for number, value in enumerate(values, start=1)]


@pytest.mark.quick(3)
@pytest.mark.parametrize("sd", [0.0, 0.1, 0.3])
@pytest.mark.parametrize(
    ("shape", "rows", "options"),
    [
        ([2, 1], 100, {}),
        ([2, 1], 400, {"grids": [10]}),
        ([2, 2, 1], 300, {}),
        ([2, 3, 1], 600, {"steps": 60}),
        ([2, 1], 200, {"optimiser": "lbfgs"}),
    ],
    ids=str,
)
def test_ordinary_good_fits_have_no_findings(shape, rows, options, sd):
    if len(shape) > 2:
        sd = min(sd, 0.1)  # with more noise, activations leave grids that one long stage does not move
    x, held = uniform(rows, 2), uniform(rows // 5, 2, seed=1)
    y = smooth(x)
    unit = y.std()
    y, z = y + sd * unit * noise(rows), smooth(held) + sd * unit * noise(len(held), seed=3)
    model = fresh(shape)
    result = quick(model, x, y, **{"steps": 40, "validation": (held, z), **options})
    done = result.model
    held_out = (done.input_scaling(held), done.output_scaling(z))
    found = diagnose(done, done.input_scaling(x), done.output_scaling(y), steps=result.history.steps, held_out=held_out)
    assert found == []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_independent_parameters_are_at_least_the_rank_and_at_most_all(shape):
    model = thinned(shape)
    rows = linearise(model, ParameterVector.of(model), 0.9 * uniform(400))[1].flatten(0, 1)
    rank = int(torch.linalg.matrix_rank(rows))
    assert rank <= independent_parameters(model) <= rows.shape[1]


def test_few_numbers_are_found_unless_smoothness_makes_up_for_them():
    model = fresh([2, 3, 1])
    count = independent_parameters(model)
    assert few_numbers(model, 2 * count) is None
    finding = few_numbers(model, 2 * count - 1)
    assert finding.kind == "parameters"
    assert str(count) in finding.text
    assert few_numbers(model, 10, [Roughness(1e-3)]) is None
    assert few_numbers(model, 10, [Roughness(0.0)]) is not None


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_the_condition_of_schoenberg_and_whitney_is_the_rank(degree, seed):
    layer = fresh([1, 1], grid=6, degree=degree, base="none", bias=False).kan_layers[0]
    for count in (4, 8, 12, 30):
        x = (uniform(count, 1, seed=seed) * (0.4 if count == 30 else 1.0)).sort(0).values
        rows = layer.table().rows(x)[:, 0, : layer.basis.size]
        rank = int(torch.linalg.matrix_rank(rows / rows.norm(dim=0).clamp_min(1e-300), rtol=1e-11))
        assert n_matched_sorted(x[:, 0], layer.knots()[0], degree) == rank


def test_cells_without_rows_are_named_by_their_column_and_in_raw_units():
    model = fresh([2, 1], grid=10, names=["mass", "speed"])
    model.input_scaling.set(torch.tensor([10.0, 0.0]), torch.tensor([10.0, 1.0]))
    u = uniform(300)
    assert empty_cells(model, u) is None
    u = u[(u[:, 0] < -0.2) | (u[:, 0] > 0.9)]
    finding = empty_cells(model, u)
    assert finding.kind == "cells"
    assert "mass" in finding.text
    assert "speed" not in finding.text
    assert "between 8 and 18" in finding.text
    assert empty_cells(model, u, [Roughness(1e-3)]) is None
    model.kan_layers[0].mask[0] = 0.0
    assert empty_cells(model, u) is None  # nobody looks at that column


def test_codes_are_no_gaps_and_few_different_values_are():
    model = fresh([2, 1], grid=10)
    u = torch.stack([uniform(200, 1)[:, 0], torch.sign(uniform(200, 1, seed=2)[:, 0])], dim=1)
    assert empty_cells(model, u) is None
    assert empty_cells(model, u[:9]) is not None
    assert empty_cells(fresh([2, 1], basis="chebyshev"), u[:9]) is None


def test_a_fit_that_was_cut_short_while_improving_is_found():
    x = uniform(100)
    rows, model = (x, smooth(x)), fresh([2, 1])
    falling = [10 * 0.9**n for n in range(30)]
    settled = [1 + 0.9 ** (n + 60) for n in range(30)]
    finding = convergence(steps_of(falling), model, rows, cut_short=True)
    assert finding.kind == "convergence"
    assert "steps" in finding.text
    good = quick(model, *rows).model
    assert convergence(steps_of(falling), good, rows, cut_short=False) is None
    assert convergence(steps_of(settled), good, rows, cut_short=True) is None
    assert convergence(steps_of(falling[:6]), good, rows, cut_short=True) is not None
    assert convergence(steps_of(falling[:2]), good, rows, cut_short=True) is None  # too few to tell
    # What is chosen by held-out rows is judged by them, and a new stage begins anew.
    assert convergence(steps_of(falling, validation=0.3), good, rows, cut_short=True) is None
    staged = steps_of(falling) + steps_of(settled, stage="polish")
    assert convergence(staged, good, rows, cut_short=True) is None


def test_a_fit_that_learned_nothing_is_found():
    x = uniform(200)
    finding = convergence(steps_of([1.0] * 20), fresh([2, 1]), (x, 5 * noise(200)), cut_short=False)
    assert finding.kind == "convergence"
    assert "0%" in finding.text
    assert convergence(steps_of([1.0] * 20), fresh([2, 1]), (x, 5 * noise(200)), cut_short=False, squared=False) is None
    constant = torch.zeros(200, 1, dtype=torch.float64)
    assert convergence(steps_of([1.0] * 20), fresh([2, 1]), (x, constant), cut_short=False) is None


@pytest.mark.parametrize("basis", BASES)
def test_activations_outside_are_found_in_the_first_layer_and_behind_it(basis):
    model = sw.adapt(fresh([2, 3, 1], basis=basis, names=["mass", "speed"]), uniform(200))
    x = uniform(200)
    assert outside_grid(model, x) is None
    beyond = x * torch.tensor([1.0, 1.2])
    finding = outside_grid(model, beyond)
    assert finding.kind == "grid"
    assert "speed" in finding.text
    assert "mass" not in finding.text
    moved = copy.deepcopy(model)
    with torch.no_grad():
        moved.kan_layers[0].bias += 100.0
    assert "layer 2" in outside_grid(moved, x).text
    assert outside_grid(fresh([2, 3, 1], grid_kind="normalised"), 5 * x) is None


def test_train_and_validation_that_part_are_found_beyond_chance_only():
    x, held = uniform(60), uniform(30, seed=1)
    y, z = smooth(x) + 0.5 * noise(60), smooth(held) + 0.5 * noise(30, seed=4)
    model = quick(fresh([2, 4, 1]), x, y, steps=60, validation=0, standardise=False).model
    finding = overfitting(model, (x, y), (held, z))
    assert finding.kind == "validation"
    assert "held-out" in finding.text
    assert overfitting(model, (x, y), (held[:1], z[:1])) is None
    calm = quick(fresh([2, 1]), uniform(300), smooth(uniform(300)), validation=0, standardise=False).model
    assert overfitting(calm, (uniform(300), smooth(uniform(300))), (held, smooth(held))) is None
    assert overfitting(model, (x, y), None) is None


def test_a_bad_fit_tells_every_kind_once():
    x = uniform(40) * torch.tensor([1.0, 1.5])
    y = noise(40)
    model = quick(fresh([2, 4, 1], grid=8), x, y, steps=80, validation=0, standardise=False).model
    held = (uniform(30, seed=3), noise(30, seed=8))
    found = diagnose(model, x, y, steps=steps_of([2.0**-n for n in range(9)]), cut_short=True, held_out=held)
    kinds = [finding.kind for finding in found]
    assert len(set(kinds)) == len(kinds)
    assert {"parameters", "convergence", "validation"} <= set(kinds)
    assert all(finding.text.endswith(".") for finding in found)
