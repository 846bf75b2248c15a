"""A higher degree: the same function exactly, or the closest one on the same intervals."""

import pytest
import torch

from splinework.errors import ConfigError
from splinework.interpret.edit.degree import elevate, raise_degree
from tests.contracts.cases import normal, relative_distance
from tests.train.cases import SHAPES, fresh, smooth, thinned, uniform


@pytest.mark.parametrize("extrapolation", ["linear", "constant"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("before", "after"), [(0, 1), (0, 4), (1, 2), (2, 5), (3, 4), (3, 7), (3, 9), (5, 6)])
def test_elevation_keeps_the_function_inside_and_outside_the_grid(before, after, shape, extrapolation):
    if before == 0 and extrapolation == "linear":
        pytest.skip("a step has no slope to go on with")
    model = thinned(shape, degree=before, extrapolation=extrapolation)
    higher = elevate(model, after)
    x = 1.5 * normal(300, model.inputs, seed=3)
    assert relative_distance(higher(x), model(x)) <= 1e-11
    assert [layer.basis.degree for layer in higher.kan_layers] == [after] * len(higher.kan_layers)
    assert all(torch.isfinite(p).all() for p in higher.parameters())


def test_elevation_twice_keeps_it_too():
    model = thinned([2, 3, 1], degree=2)
    x = uniform(200)
    assert relative_distance(elevate(elevate(model, 3), 4)(x), model(x)) <= 1e-11


@pytest.mark.parametrize("degree", [4, 5, 7, 9])
def test_raising_keeps_the_intervals_and_changes_a_smooth_function_little(degree):
    model, x = fresh([2, 1], grid=8), uniform(400)
    from splinework.train import fit

    model = fit(model, x, smooth(x), grids=None, degree="keep", progress=False).model
    higher = raise_degree(model, degree, x=x)
    assert [layer.basis.resolution for layer in higher.kan_layers] == [8]
    assert relative_distance(higher(x), model(x)) <= 1e-2


def test_what_is_not_higher_is_refused_by_name():
    with pytest.raises(ConfigError, match="only be raised"):
        elevate(fresh([2, 1]), 2)
    with pytest.raises(ConfigError, match="from 0 to 9, got 10"):
        raise_degree(fresh([2, 1]), 10)
    with pytest.raises(ConfigError, match="learnable"):
        elevate(fresh([2, 1], grid_kind="learnable"), 4)
