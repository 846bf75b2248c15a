"""The multilayer perceptron: it learns, it is decided by its seed, and it leaves the world as it was."""

from __future__ import annotations

import copy
import random

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.reproduce.perceptron import MLP, fit_mlp

OPTIMISERS = ["adam", "lbfgs"]


def global_states() -> tuple[bytes, bytes, object]:
    legacy = np.random.get_state()[1]  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), np.asarray(legacy).tobytes(), random.getstate()


def linear_map(rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(3.0, 5.0, size=(rows, 3))
    return x, x @ np.array([[1.0, 50.0], [-2.0, 0.0], [0.5, -10.0]]) + 100.0


def relative_error(model: MLP, x: np.ndarray, y: np.ndarray) -> float:
    with torch.no_grad():
        error = model(torch.from_numpy(x)).numpy() - y
    return float(np.sqrt(np.mean((error / y.std(axis=0)) ** 2)))


def same(first: MLP, second: MLP) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(("optimiser", "tolerance"), [("adam", 0.03), ("lbfgs", 1e-3)])
def test_it_learns_a_linear_map(optimiser: str, tolerance: float) -> None:
    x, y = linear_map()
    model = fit_mlp([3, 16, 2], x[:300], y[:300], steps=1000, optimiser=optimiser)  # type: ignore[arg-type]
    assert relative_error(model, x[:300], y[:300]) < tolerance


def test_it_learns_a_curve_and_holds_on_fresh_rows() -> None:
    x = np.random.default_rng(1).uniform(-1, 1, size=(600, 2))
    y = np.exp(np.sin(np.pi * x[:, :1]) + x[:, 1:] ** 2)
    model = fit_mlp([2, 16, 16, 1], x[:500], y[:500], steps=1000)
    assert relative_error(model, x[500:], y[500:]) < 0.06


def test_batches_learn_too() -> None:
    x, y = linear_map(4000)
    assert relative_error(fit_mlp([3, 8, 2], x, y, steps=800), x, y) < 0.06


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_seed_decides_every_bit(optimiser: str) -> None:
    x, y = linear_map(60)
    fitted = [fit_mlp([3, 4, 2], x, y, steps=30, optimiser=optimiser, seed=seed) for seed in (1, 1, 2)]  # type: ignore[arg-type]
    assert same(fitted[0], fitted[1])
    assert not same(fitted[0], fitted[2])


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_global_random_states_stay(optimiser: str) -> None:
    x, y = linear_map(60)
    before = global_states()
    MLP([3, 4, 2])
    fit_mlp([3, 4, 2], x, y, steps=10, optimiser=optimiser)  # type: ignore[arg-type]
    assert global_states() == before


def test_weights_come_from_the_generator() -> None:
    first, second = (MLP([2, 3, 1], generator=torch.Generator().manual_seed(5)) for _ in range(2))
    other = MLP([2, 3, 1], generator=torch.Generator().manual_seed(6))
    assert same(first, second)
    assert not same(first, other)
    first.reset_parameters(torch.Generator().manual_seed(6))
    assert same(first, other)


@pytest.mark.parametrize("activation", ["silu", "relu", "gelu", "tanh"])
def test_the_spread_survives_the_depth(activation: str) -> None:
    model = MLP([64, *[64] * 6, 64], activation=activation, dtype=torch.float64)
    x = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert 0.1 < float(model(x).detach().std()) < 3.0


def test_standardising_makes_the_layers_see_zero_mean_and_unit_spread() -> None:
    x, y = (torch.from_numpy(values) for values in linear_map())
    x = torch.cat([x, torch.full((len(x), 1), 7.0)], dim=1)  # and a constant column stays finite
    model = MLP([4, 8, 2], dtype=torch.float64)
    seen: list[torch.Tensor] = []
    model.layers[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    assert not model.is_standardised
    model.standardise(x, y)
    assert model.is_standardised
    assert bool(model(x).isfinite().all())
    torch.testing.assert_close(seen[0].mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    spread = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(seen[0].std(0, correction=0), spread, atol=1e-12, rtol=0)


def test_the_unit_of_the_data_does_not_matter() -> None:
    x, y = linear_map(100)
    plain = fit_mlp([3, 4, 2], x, y, steps=50)
    scaled = fit_mlp([3, 4, 2], x * 1024.0, y / 4096.0, steps=50)
    with torch.no_grad():
        difference = scaled(torch.from_numpy(x * 1024.0)) * 4096.0 - plain(torch.from_numpy(x))
    assert float(difference.abs().max()) < 1e-8


def test_a_state_dict_round_trip_keeps_every_bit() -> None:
    x, y = linear_map(60)
    model = fit_mlp([3, 4, 2], x, y, steps=20)
    other = MLP([3, 4, 2], dtype=torch.float64)
    other.load_state_dict(model.state_dict())
    assert same(model, other)
    assert torch.equal(model(torch.from_numpy(x)), other(torch.from_numpy(x)))
    assert same(model, copy.deepcopy(model))


def test_a_model_handed_in_stays_and_training_goes_on_from_it() -> None:
    x, y = linear_map(100)
    start = fit_mlp([3, 4, 2], x, y, steps=20)
    before = copy.deepcopy(start)
    further = fit_mlp(start, x, y, steps=200)
    assert same(start, before)
    assert further is not start
    assert torch.equal(further.x_mean, start.x_mean)
    assert relative_error(further, x, y) < relative_error(start, x, y)


def test_the_fit_is_never_worse_than_its_start_on_the_held_out_rows() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(80, 2)), generator.normal(size=80)  # noise: there is nothing to learn
    start = fit_mlp([2, 64, 1], x, y, steps=1, validation_fraction=0.0)
    fitted = fit_mlp(start, x, y, steps=300, validation_fraction=0.0)
    assert relative_error(fitted, x, y[:, None]) <= relative_error(start, x, y[:, None])
    cautious, bold = (fit_mlp([2, 64, 1], x, y, steps=1000, validation_fraction=f) for f in (0.3, 0.0))
    assert relative_error(bold, x, y[:, None]) < relative_error(cautious, x, y[:, None])  # stopped early


def test_arrays_frames_and_tensors_are_the_same_data() -> None:
    x, y = linear_map(60)
    fits = [
        fit_mlp([3, 4, 1], kind(x), kind(y[:, 0]), steps=10)
        for kind in (np.asarray, torch.from_numpy, lambda values: values.tolist())
    ]
    fits.append(fit_mlp([3, 4, 1], pd.DataFrame(x), pd.Series(y[:, 0]), steps=10))
    assert all(same(fits[0], other) for other in fits[1:])
    assert fits[0].x_mean.dtype == torch.float64
    assert fit_mlp([3, 4, 1], x.astype(np.float32), y[:, :1], steps=2).x_mean.dtype == torch.float32


def test_the_count_is_that_of_the_weights_and_biases() -> None:
    assert MLP([3, 5, 7, 2]).parameter_count() == 4 * 5 + 6 * 7 + 8 * 2


def test_any_batch_dimensions_go_through() -> None:
    model = MLP([3, 4, 2])
    assert model(torch.zeros(3)).shape == (2,)
    assert model(torch.zeros(5, 6, 3)).shape == (5, 6, 2)
    assert model(torch.zeros(0, 3)).shape == (0, 2)
    assert model.double()(torch.zeros(1, 3, dtype=torch.float64)).dtype == torch.float64
    assert "shape=[3, 4, 2], activation='silu'" in repr(model)


@pytest.mark.parametrize("shape", [[], [3], [3, 0], [3, -1, 1], [2.5, 1]])
def test_shapes_that_are_not_widths_are_refused(shape: list[int]) -> None:
    with pytest.raises(ShapeError, match="widths"):
        MLP(shape)


def test_wrong_arguments_are_refused_by_name() -> None:
    x, y = linear_map(20)
    bad = x.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ConfigError, match="activation"):
        MLP([2, 1], activation="sigmiod")
    with pytest.raises(ConfigError, match="optimiser"):
        fit_mlp([3, 2], x, y, optimiser="sgd")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="steps"):
        fit_mlp([3, 2], x, y, steps=0)
    for fraction in (1.0, -0.1, np.nan):
        with pytest.raises(ConfigError, match="validation_fraction"):
            fit_mlp([3, 2], x, y, validation_fraction=fraction)
    with pytest.raises(ShapeError, match=r"x of shape \(n, 4\)"):
        fit_mlp([4, 2], x, y)
    with pytest.raises(ShapeError, match=r"y of shape \(n, 1\)"):
        fit_mlp([3, 1], x, y)
    with pytest.raises(ShapeError, match="same number of rows"):
        fit_mlp([3, 2], x, y[:-1])
    with pytest.raises(ShapeError, match="2 rows"):
        fit_mlp([3, 2], x[:1], y[:1])
    with pytest.raises(DataError, match="x holds 1 values"):
        fit_mlp([3, 2], bad, y)
    with pytest.raises(DataError, match="numbers"):
        fit_mlp([3, 2], [["a", "b", "c"]] * 20, y)
    with pytest.raises(ShapeError, match="MLP takes x"):
        MLP([3, 2])(torch.zeros(4, 2))
    with pytest.raises(ShapeError, match="standardise takes y"):
        MLP([3, 2]).standardise(torch.zeros(4, 3), torch.zeros(4))
