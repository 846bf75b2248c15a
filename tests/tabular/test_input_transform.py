"""Even scales of skewed inputs: their laws, and networks that leave them again."""

import math

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.tabular.input_transform import InputTransform
from splinework.tabular.smooth import even_scales
from splinework.tabular.tasks import Regression
from splinework.train.data_split import set_units


def skewed(seed: int, rows: int = 120) -> torch.Tensor:
    """A normal column, a lognormal one, one that is skewed to the left, a column of two values."""
    x = torch.randn(rows, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    x[:, 1], x[:, 2], x[:, 3] = 50 * torch.exp(1.5 * x[:, 1]), -torch.exp(x[:, 2]), (x[:, 3] > 0).to(x.dtype)
    return x


def network(transform: InputTransform, x: torch.Tensor, seed: int, **options: object) -> sw.KAN:
    """A network of the transformed inputs with random edges."""
    generator = torch.Generator().manual_seed(seed)
    made = sw.KAN([4, 3, 2], dtype=torch.float64, generator=generator, **options)
    set_units(made, transform(x), x[:, :2], always=True)
    with torch.no_grad():
        for layer in made.kan_layers:
            noise = torch.randn(layer.coefficients.shape, dtype=torch.float64, generator=generator)
            layer.coefficients.add_(0.2 * noise)
    return made


@pytest.mark.parametrize("seed", range(4))
def test_what_is_skewed_gets_even_in_any_units_and_rises(seed: int) -> None:
    x = skewed(seed)
    transform = InputTransform.of(x)
    assert transform is not None
    assert transform.inputs.tolist() == [1, 2]
    other = InputTransform.of(1e6 * x + 3.0)
    assert other is not None
    torch.testing.assert_close(other(1e6 * x + 3.0)[:, 1:3], transform(x)[:, 1:3], rtol=1e-6, atol=1e-6)
    fresh = torch.linspace(-1e9, 1e9, 999, dtype=torch.float64)[:, None].expand(-1, 4)
    assert bool((torch.diff(transform(fresh), dim=0) > 0).all())
    assert bool(transform(fresh).isfinite().all())
    assert InputTransform.of(x[:, [0, 3]]) is None


@pytest.mark.parametrize(("degree", "grid", "base"), [(3, 5, "silu"), (1, 3, "none"), (5, 7, "silu"), (3, 40, "none")])
def test_the_network_of_raw_inputs_is_the_same_function(degree: int, grid: int, base: str) -> None:
    x = skewed(degree)
    transform = InputTransform.of(x)
    assert transform is not None
    before = network(transform, x, degree, grid=grid, degree=degree, base=base)
    with torch.no_grad():
        outputs = before(transform(x))
        allowed = (1e-5 if degree > 1 else 1e-3) * float(outputs.std())
        after = transform.on_raw_inputs(before, x, allowed)
        assert float((after(x) - outputs).square().mean().sqrt()) <= allowed
        alone = x.clone()
        alone[:, transform.inputs] = x[:1, transform.inputs]  # the others are exact
        alone[:, [0, 3]] *= 3.0
        same = after.kan_layers[0].edges(after.input_scaling(alone)) - before.kan_layers[0].edges(
            before.input_scaling(transform(alone))
        )
    assert float(same[:, [0, 3]].abs().max()) < 1e-9
    assert after.config.input_names == before.config.input_names


def test_the_left_out_rows_choose() -> None:
    x = skewed(7, 50)
    rows = torch.ones(len(x), dtype=torch.float64)
    on_logs = torch.log(x[:, 1:2]) + 0.1 * x[:, :1]
    found = even_scales(x, torch.sin(2 * on_logs), rows, Regression(), 0)
    assert found is not None
    assert 1 in found.inputs.tolist()
    assert even_scales(x, x[:, 1:2] + 0.1 * x[:, 2:3], rows, Regression(), 0) is None


@pytest.mark.parametrize("seed", [0, 3])
def test_on_clean_rows_of_one_skewed_column_the_estimator_is_no_worse_than_the_curve_of_the_column(seed):
    generator = torch.Generator().manual_seed(seed)
    x, fresh = (2 * torch.rand(n, 1, generator=generator, dtype=torch.float64) ** 2.8 - 1 for n in (60, 1000))
    curve = sw.fit(sw.KAN([1, 1]), x, torch.tanh(2 * x), progress=False).model
    found = sw.KANRegressor(random_state=0).fit(x.numpy(), torch.tanh(2 * x)[:, 0].numpy()).model_
    with torch.no_grad():
        errors = [float((model(fresh) - torch.tanh(2 * fresh)).square().mean().sqrt()) for model in (curve, found)]
    assert errors[1] <= 2 * errors[0] + 1e-9


def test_an_estimator_of_a_skewed_column_is_a_network_of_the_column_itself() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.exp(1.5 * rng.normal(size=60)), rng.normal(size=60)])
    y = np.sin(2 * np.log(x[:, 0])) + x[:, 1] + 0.05 * rng.normal(size=60)
    model = sw.KANRegressor().fit(x, y)
    fresh = np.column_stack([np.exp(rng.uniform(-2, 2, 500)), rng.uniform(-1, 1, 500)])
    error = model.predict(fresh) - np.sin(2 * np.log(fresh[:, 0])) - fresh[:, 1]
    assert math.sqrt(np.mean(error**2)) < 0.12
    inputs = torch.from_numpy(fresh)
    assert np.allclose(model.model_(inputs).numpy()[:, 0], model.predict(fresh))
    assert set(model.model_.config.input_scales) == {"linear"}


def test_edges_that_rise_still_rise() -> None:
    x = skewed(3)
    transform = InputTransform.of(x)
    assert transform is not None
    before = network(transform, x, 3, grid=9, base="none")
    first = before.kan_layers[0]
    with torch.no_grad():
        first.set_edge_coefficients(first.edge_coefficients().abs().cumsum(1))
        after = transform.on_raw_inputs(before, x, 1e-6).kan_layers[0].edge_coefficients()
    assert float((-torch.diff(after, dim=1)).max()) < 1e-6
