"""The multilayer perceptron: it learns, it is decided by its generator, and it leaves the world as it was."""

import copy

import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.reproduce.perceptron import MLP, fit_mlp


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear_map(rows: int = 100) -> tuple[Tensor, Tensor]:
    x = 5 * drawn(rows, 3) + 3
    return x, x @ torch.tensor([[1.0, 50.0], [-2.0, 0.0], [0.5, -10.0]], dtype=torch.float64) + 100


def made(*shape: int, seed: int = 0) -> MLP:
    return MLP(shape, activation="tanh", generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def relative_error(model: MLP, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float(((model(x) - y) / y.std(0)).square().mean().sqrt())


def same(first: MLP, second: MLP) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_it_learns_a_map_and_a_curve_on_fresh_rows():
    x, y = linear_map(400)
    assert relative_error(fit_mlp(made(3, 16, 2), x[:300], y[:300], steps=300), x[300:], y[300:]) < 0.01
    x = 2 * torch.rand(600, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
    assert relative_error(fit_mlp(made(2, 16, 16, 1), x[:500], y[:500], steps=200), x[500:], y[500:]) < 0.06


def test_the_generator_decides_every_bit_and_global_states_stay():
    before = torch.get_rng_state()
    first, second, other = (fit_mlp(made(3, 4, 2, seed=seed), *linear_map(), steps=30) for seed in (1, 1, 2))
    MLP([3, 4, 2])
    assert same(first, second)
    assert not same(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("activation", ["silu", "tanh"])
def test_the_spread_survives_the_depth(activation: str):
    model = MLP([64, *[64] * 6, 64], activation=activation, dtype=torch.float64)
    assert 0.1 < float(model(drawn(2000, 64)).detach().std()) < 3.0


def test_standardising_makes_the_layers_see_zero_mean_and_unit_spread():
    x, y = linear_map()
    x = torch.cat([x, torch.full((len(x), 1), 7.0, dtype=torch.float64)], dim=1)  # and a constant column stays finite
    model = made(4, 8, 2)
    seen: list[Tensor] = []
    model.layers[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    assert not model.is_standardised
    model.standardise(x, y)
    assert model.is_standardised
    assert bool(model(x).isfinite().all())
    torch.testing.assert_close(seen[0].mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    spread = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(seen[0].std(0, correction=0), spread, atol=1e-12, rtol=0)


def test_the_unit_of_the_data_does_not_matter():
    x, y = linear_map()
    plain = fit_mlp(made(3, 4, 2), x, y, steps=50)
    scaled = fit_mlp(made(3, 4, 2), x * 1024, y / 4096, steps=50)
    with torch.no_grad():
        assert float((scaled(x * 1024) * 4096 - plain(x)).abs().max()) < 1e-8


def test_a_model_handed_in_stays_and_training_goes_on_from_it():
    x, y = linear_map()
    start = fit_mlp(made(3, 4, 2), x, y, steps=20)
    before = copy.deepcopy(start)
    further = fit_mlp(start, x, y, steps=200)
    assert same(start, before)
    assert further is not start
    assert torch.equal(further.x_mean, start.x_mean)
    assert relative_error(further, x, y) < relative_error(start, x, y)


def test_any_batch_dimensions_go_through_and_the_count_is_that_of_weights_and_biases():
    model = MLP([3, 4, 2])
    assert model.parameter_count() == 4 * 4 + 5 * 2
    assert [model(torch.zeros(*size, 3)).shape for size in ((), (5, 6), (0,))] == [(2,), (5, 6, 2), (0, 2)]


@pytest.mark.parametrize("shape", [[], [3], [3, 0], [3, -1, 1]])
def test_shapes_that_are_not_widths_are_refused(shape: list[int]):
    with pytest.raises(ShapeError, match="widths"):
        MLP(shape)


def test_wrong_arguments_are_refused_by_name():
    with pytest.raises(ConfigError, match="activation"):
        MLP([2, 1], activation="sigmiod")
    with pytest.raises(ShapeError, match="MLP takes x"):
        MLP([3, 2])(torch.zeros(4, 2))
    with pytest.raises(ShapeError, match="standardise takes y"):
        MLP([3, 2]).standardise(torch.zeros(4, 3), torch.zeros(4))
