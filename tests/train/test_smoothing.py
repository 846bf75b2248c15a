"""Edges as smooth as their likelihood asks for."""

import pytest
import torch

from splinework.errors import ConfigError
from splinework.train import Roughness, fit
from splinework.train.coordinates import effective_parameters
from splinework.train.optim import LevenbergMarquardt
from splinework.train.run import TrainingRun
from splinework.train.smoothing import Smoothing, _update_smoothing, penalty_matrices, smooth_edges
from tests.contracts.cases import normal, relative_distance, seeded
from tests.train.cases import SHAPES, fresh, noise, objective_of, thinned, uniform
from tests.train.cases import smooth as curve


def strengths_of(model):
    return tuple(normal(2, layer.inputs, layer.outputs, seed=n).exp() for n, layer in enumerate(model.kan_layers))


def smoothed(model, x, y):
    objective = objective_of(model, x, y)
    run = TrainingRun(held_out=None, generator=seeded())
    run.judge_anew(objective, None)
    run.advance(objective, LevenbergMarquardt(), 40, "first")
    return smooth_edges(run, objective, LevenbergMarquardt())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_value_and_its_quadratic_agree(shape):
    model = thinned(shape)
    penalty = Smoothing(1.0, strengths_of(model))
    for index, layer in enumerate(model.kan_layers):
        mine = penalty.of_layer(index)
        x = uniform(20, layer.inputs)
        gradient, curvature = mine.quadratic(layer, x)
        move = 0.1 * normal(layer.inputs, layer.outputs, layer.table().size, seed=9) * layer.mask[..., None]
        before = mine.value(layer, x)
        layer.set_edge_coefficients(layer.edge_coefficients().detach() + move.transpose(1, 2))
        expected = before + (gradient * move).sum() + torch.einsum("ijm,ijmn,ijn->", move, curvature, move)
        assert relative_distance(mine.value(layer, x), expected) <= 1e-10


def test_forms_are_the_bend_and_the_slope_of_a_parabola_and_a_line():
    model = fresh([1, 1], base="none", domain=(-2.0, 2.0))
    layer, t = model.kan_layers[0], torch.linspace(-2, 2, 200, dtype=torch.float64)[:, None]
    for function, bend, slope in ((lambda t: 3 * t, 0.0, 36.0), (lambda t: t**2, 64.0, 0.0)):
        c = torch.linalg.lstsq(layer.table().rows(t)[:, 0], function(t)).solution[:, 0]
        sizes = torch.einsum("m,kmn,n->k", c, penalty_matrices(layer)[:, 0], c)
        assert sizes.tolist() == pytest.approx([bend, slope], abs=1e-8)


@pytest.mark.quick(2)
@pytest.mark.parametrize(("shape", "sd"), [([1, 1], 0.2), ([2, 1], 0.5), ([2, 2, 1], 0.3)], ids=str)
def test_the_strengths_that_are_found_ask_for_no_others(shape, sd):
    x = uniform(300, shape[0])
    y = torch.sin(3 * x[:, :1]) + sd * noise(300)
    found = smoothed(fresh(shape), x, y)
    (penalty,) = found.penalties
    _, freedom = _update_smoothing(objective_of(found.model, x, y), penalty.strengths)
    again, now = _update_smoothing(
        objective_of(found.model, x, y), _update_smoothing(objective_of(found.model, x, y), penalty.strengths)[0]
    )
    assert len(again) == len(penalty.strengths)
    assert now == pytest.approx(freedom, rel=0.1)


def test_noise_alone_leaves_next_to_nothing_and_a_line_stays_a_line():
    x = uniform(300, 1)
    nothing = smoothed(fresh([1, 1]), x, noise(300))
    assert effective_parameters(nothing) < 4
    line = smoothed(fresh([1, 1]), x, 2 * x + 0.3 * noise(300))
    assert effective_parameters(line) < 4
    assert float((line.model(x) - 2 * x).detach().square().mean().sqrt()) < 0.08


@pytest.mark.slow
def test_smoothing_by_default_beats_none_under_noise():
    gains = []
    for seed in range(4):
        x, new = uniform(150, seed=seed), uniform(1000, seed=50 + seed)
        y = curve(x) + 0.5 * noise(150, seed=seed + 20)
        errors = []
        for options in ({}, {"grids": None, "degree": "keep"}):
            model = fit(fresh([2, 1], grid=8), x, y, progress=False, seed=seed, **options).model
            errors.append(float((model(new) - curve(new)).detach().square().mean().sqrt()))
        gains.append(errors[0] / errors[1])
    assert sorted(gains)[1] < 0.95
    assert max(gains) < 1.1


def test_it_can_be_asked_for_and_wrong_settings_are_refused():
    x = uniform(100)
    result = fit(fresh([2, 1]), x, curve(x), penalties=[Roughness("auto")], grids=None, progress=False)
    assert any(decision.kind == "smoothing" for decision in result.history.decisions)
    with pytest.raises(ConfigError, match="a number or 'auto', got 'strong'"):
        Roughness("strong")
    with pytest.raises(ConfigError, match="needs a second-order method"):
        fit(fresh([2, 1]), x, curve(x), penalties=[Roughness("auto")], optimiser="adam", progress=False)


@pytest.mark.parametrize("shape", [[2, 1], [2, 2, 1]], ids=str)
def test_a_smoothed_fit_knows_how_sure_it_is(shape):
    x, new = uniform(300), uniform(2000, seed=5)
    y = curve(x) + 0.4 * noise(300)
    result = fit(fresh(shape), x, y, progress=False, steps=150)
    assert any(isinstance(penalty, Smoothing) for penalty in result.training_data.penalties)
    found = result.interval(new, level=0.9)
    seen = curve(new) + 0.4 * noise(2000, seed=77)
    inside = ((seen >= found.lower) & (seen <= found.upper)).double().mean()
    assert 0.84 < float(inside) < 0.96
