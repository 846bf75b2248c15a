"""Laws of quantisation: products are squares, errors fall with bits, monotone stays monotone, integers are the same."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.area import area
from splinework.hardware.expand import sum_layers
from splinework.hardware.monotone import monotone_inputs
from splinework.hardware.quantisation import Bits, as_bits, freeze, identifier, network_units, prepare, quantise
from splinework.hardware.training import QuantisationSchedule, score, train_quantised

SHAPES = [[2, 3, 1], [3, 4, 2], [2, (1, 2), 1], [3, (0, [3, 2]), (1, [2]), 2]]
KINDS = ["adaptive", "fixed", "normalised", "learnable"]
QUICK = QuantisationSchedule(steps=25, stages=3, first=1e-3, validation=0.25)


def _model(shape: list[object], seed: int = 0, **options: object) -> sw.KAN:
    return sw.KAN(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed), **options)  # type: ignore[arg-type]


def _rows(count: int, columns: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-1, 1, size=(count, columns))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_as_squares_keep_the_function(shape: list[object], kind: str) -> None:
    model = _model(shape, grid_kind=kind)
    u = torch.from_numpy(_rows(300, model.inputs))
    value = u
    for layer in sum_layers(model, u):
        value = layer(value)
    assert float((value - model.unit_forward(u)).detach().abs().max()) < 1e-12


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_more_bits_mean_less_error(shape: list[object]) -> None:
    model, x = _model(shape), _rows(1500, 3)
    x = x[:, : model.inputs]
    exact = model(torch.from_numpy(x)).detach().numpy()
    errors = []
    for bits in (4, 7, 10):
        found = quantise(model, x, bits=Bits(bits, bits, bits + 4)).predict(x)
        errors.append(np.sqrt(np.mean((found - exact) ** 2)) / exact.std())
    assert errors[1] < 0.4 * errors[0]
    assert errors[2] < 0.4 * errors[1]
    assert errors[2] < 0.02


@pytest.mark.parametrize("guard", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_integers_are_what_training_computes(shape: list[object], guard: int) -> None:
    model = _model(shape)
    x = _rows(500, model.inputs)
    u = network_units(model, x)
    ready = prepare(model, u, Bits(5, 4, 8, guard))
    golden = freeze(ready, model)
    with torch.no_grad():
        sums = ready(u).numpy()
    np.testing.assert_array_equal(golden.run(golden.encode(x)), sums)


def test_straight_through_gradients_are_those_of_the_network_in_the_limit() -> None:
    model = _model([2, 3, 1])
    x = torch.from_numpy(_rows(64, 2))
    ready = prepare(model, x, Bits(12, 12, 24))
    loss = (ready(x) * ready.parts[-1][2].step.detach()).square().mean()
    loss.backward()
    model(x).square().mean().backward()
    for layer, own in zip(ready.parts, model.kan_layers, strict=True):
        assert own.coefficients.grad is not None
        torch.testing.assert_close(layer[0].coefficients.grad, own.coefficients.grad, rtol=0.02, atol=2e-3)


def _monotone(seed: int) -> sw.KAN:
    """Rising in the first input by all its edges, free in the second."""
    model = _model([2, 4, 1], seed, base="none")
    with torch.no_grad():
        for layer, free in zip(model.kan_layers, (1, 2), strict=True):
            c = torch.cumsum(layer.coefficients.abs(), dim=1)
            c = c - c.mean(dim=1, keepdim=True)
            if free == 1:
                c[1] = layer.coefficients[1]
            layer.coefficients.copy_(c)
    return model


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_a_monotone_network_stays_monotone_in_every_code(seed: int, bits: int) -> None:
    model, x = _monotone(seed), _rows(400, 2, seed)
    y = model(torch.from_numpy(x)).detach().numpy() + np.random.default_rng(seed).normal(size=(400, 1))
    golden = [quantise(model, x, bits=Bits(bits, bits, 8, 1))]
    golden += [stage.model for stage in train_quantised(model, x, -y, bits=bits, schedule=QUICK).stages]
    for network in golden:
        assert set(monotone_inputs(network)[0].tolist()) <= {0, 1}
        grids = np.meshgrid(*(np.arange(w.format.low, w.format.high + 1) for w in network.inputs), indexing="ij")
        outputs = network.run(np.stack([g.ravel() for g in grids], axis=1)).reshape(grids[0].shape)
        assert (np.diff(outputs, axis=0) >= 0).all()


@pytest.mark.slow
def test_training_mends_what_rounding_broke() -> None:
    x = _rows(800, 2)
    y = (x[:, :1] * x[:, 1:]) + 0.3 * np.sin(3 * x[:, :1])
    model = sw.fit(_model([2, 4, 1]), x, y, steps=60).model
    fresh = _rows(800, 2, 1)
    truth = (fresh[:, :1] * fresh[:, 1:]) + 0.3 * np.sin(3 * fresh[:, :1])
    bits = Bits(4, 4, 7)
    before = score(quantise(model, x, bits=bits), fresh, truth)
    after = train_quantised(model, x, y, bits=bits, schedule=QuantisationSchedule(steps=200, stages=1))
    assert (
        score(after.model, fresh, truth) > 0.95 * before
    )  # most of the error is that of the inputs, whose bits are given


@pytest.mark.slow
def test_a_run_gives_a_front_of_area_and_score() -> None:
    x = _rows(600, 3)
    y = (x[:, 0] + x[:, 1] ** 2 > 0.3).astype(int)
    said: list[str] = []
    fit = train_quantised(
        _model([3, 3, 1]),
        x,
        y,
        bits=4,
        task="classification",
        schedule=QuantisationSchedule(steps=60, stages=6, first=1e-3),
        progress=said.append,
    )
    areas = [stage.area for stage in fit.stages]
    assert areas[-1] < 0.7 * areas[0]
    assert len(said) == len(fit.stages)
    assert fit.best(max_luts=areas[-1]).area <= areas[-1]
    assert fit.stages[0].area == area(fit.stages[0].model)
    with pytest.raises(ConfigError, match="no network of this run is as small"):
        fit.best(max_luts=0.0)
    with pytest.raises(ConfigError, match="reaches a score"):
        fit.best(min_score=1.5)


@pytest.mark.slow
def test_training_is_repeatable_and_leaves_the_model_alone() -> None:
    model, x = _model([2, 2, 1]), _rows(200, 2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    fits = [train_quantised(model, x, x[:, :1], bits=4, schedule=QUICK) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].model.predict(x), fits[1].model.predict(x))
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_wires_are_in_raw_units() -> None:
    model = _model([2, 1], names=["mass", "speed"], input_scales=("log", "linear"))
    with torch.no_grad():
        model.input_scaling.shift.copy_(torch.tensor([2.0, 100.0]))
        model.input_scaling.scale.copy_(torch.tensor([1.5, 40.0]))
        model.output_scaling.shift.fill_(7.0)
        model.output_scaling.scale.fill_(3.0)
    x = np.column_stack([np.exp(_rows(500, 1)[:, 0] * 1.5 + 2), 100 + 40 * _rows(500, 1, 1)[:, 0]])
    golden = quantise(model, x, bits=Bits(10, 10, 16))
    assert [w.name for w in golden.inputs] == ["mass", "speed"]
    exact = model(torch.from_numpy(x)).detach().numpy()
    assert np.abs(golden.predict(x) - exact).max() < 0.05 * np.ptp(exact)


def test_wrong_settings_are_refused() -> None:
    model, x = _model([2, 2, 1]), _rows(50, 2)
    with pytest.raises(ConfigError, match="1 to 12 bits, got 13"):
        quantise(model, x, bits=13)
    with pytest.raises(ConfigError, match="one number or 2, got 3"):
        quantise(model, x, bits=Bits((4, 4, 4)))
    with pytest.raises(ConfigError, match="whole number"):
        as_bits("six")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs rows"):
        quantise(model, x[:0])
    with pytest.raises(ConfigError, match="task is one of"):
        quantise(model, x, task="ranking")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="class indices"):
        train_quantised(model, x, np.full(50, 2), task="classification", schedule=QUICK)
    with pytest.raises(ShapeError, match="to go with x"):
        train_quantised(model, x, x, schedule=QUICK)
    with pytest.raises(ConfigError, match="keep is"):
        train_quantised(model, x, x[:, :1], schedule=QUICK, keep="convex")


def test_identifiers_are_what_languages_take() -> None:
    for text in ("model", "my model.v2", "3d", "größe", ""):
        assert identifier(text).isidentifier()
        assert identifier(text).isascii()
