"""Steps of Levenberg–Marquardt bend along geodesics, and splines go on smoothly on the grids that there are."""

import math

import pytest
import torch

from splinework.train.grid_adaptation import extend_grids
from splinework.train.jacobian import ParameterVector
from splinework.train.optim import LevenbergMarquardt
from splinework.train.optim.jump_penalty import JumpPenalty
from tests.contracts.cases import seeded
from tests.train.cases import SHAPES, descent, objective_of, thinned, two, uniform

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@every_shape
@pytest.mark.parametrize("refused", [0, 2, 6])
def test_a_step_bends_along_a_geodesic_from_where_it_begins_and_not_from_what_was_refused(shape, refused, monkeypatch):
    model, x = thinned(shape), uniform(80)
    objective = objective_of(model, x, two(x, model.outputs))
    stepper = LevenbergMarquardt().attach(objective, 20, seeded(0))
    descent(stepper, objective, 15)
    stepper.spread, found, left = math.inf, [], iter([(-1.0, 1.0, 1.0)] * refused)
    curvature, trial, begun = stepper._directional_curvature, stepper._trial, stepper.parameters.read(model)

    def watched(start, move):
        found.append((start, stepper.parameters.read(model)))
        return curvature(start, move)

    monkeypatch.setattr(stepper, "_directional_curvature", watched)
    monkeypatch.setattr(stepper, "_trial", lambda: next(left, None) or trial())
    stepper.step()
    assert len(found) == 1
    assert all(torch.equal(place, begun) for place in found[0])


@every_shape
def test_the_jump_penalty_of_grids_of_which_some_have_moved_is_that_of_all(shape):
    model, x = thinned(shape), uniform(80)
    parameters = ParameterVector.of(model)
    before = JumpPenalty(model, parameters)
    extend_grids(model, 3 * x, near=1.0)
    kept, anew = JumpPenalty(model, parameters, before), JumpPenalty(model, parameters)
    assert torch.equal(kept.rows, anew.rows)
    assert len(model.kan_layers) == 1 or not torch.equal(kept.rows, before.rows)
