"""Steps of Levenberg–Marquardt bend along geodesics, and splines go on smoothly on the grids that there are."""

import copy
import math

import pytest
import torch

from splinework.train.grid_adaptation import extend_grids
from splinework.train.jacobian import ParameterVector
from splinework.train.optim import LevenbergMarquardt
from splinework.train.optim.jump_penalty import JumpPenalty
from splinework.train.optim.marquardt_stepper import DIFFERENCE_STEP
from tests.contracts.cases import relative_distance, seeded
from tests.train.cases import SHAPES, descent, objective_of, thinned, two, uniform

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@every_shape
@pytest.mark.parametrize("refused", [1, 3])
def test_a_step_bends_along_the_geodesic_from_where_it_begins_however_often_it_is_refused(shape, refused, monkeypatch):
    model, x = thinned(shape), uniform(80)
    objective = objective_of(model, x, two(x, model.outputs))
    stepper = LevenbergMarquardt().attach(objective, 20, seeded(0))
    descent(stepper, objective, 15)
    stepper.spread, bends, left = math.inf, [], iter([(-1.0, 1.0, 1.0)] * 2 * refused)
    curvature, trial, anew = stepper._directional_curvature, stepper._trial, objective.on(copy.deepcopy(model))

    def watched(geodesic, start, move):
        bends.append((start, move, curvature(geodesic, start, move)))
        return bends[-1][2]

    monkeypatch.setattr(stepper, "_directional_curvature", watched)
    monkeypatch.setattr(stepper, "_trial", lambda: next(left, None) or trial())
    stepper.step()
    assert len(bends) > refused
    for start, move, bend in bends:
        stepper.parameters.write(anew.model, start)
        expected = anew.geodesic(stepper.parameters)(start, move, DIFFERENCE_STEP)
        assert relative_distance(bend, expected) < 1e-9


@every_shape
def test_the_jump_penalty_of_grids_of_which_some_have_moved_is_that_of_all(shape):
    model, x = thinned(shape), uniform(80)
    parameters = ParameterVector.of(model)
    before = JumpPenalty(model, parameters)
    extend_grids(model, 3 * x, near=1.0)
    kept, anew = JumpPenalty(model, parameters, before), JumpPenalty(model, parameters)
    assert torch.equal(kept.rows, anew.rows)
    assert len(model.kan_layers) == 1 or not torch.equal(kept.rows, before.rows)
