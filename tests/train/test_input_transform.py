"""Even scales of skewed inputs: their laws, and networks that leave them again."""

import math
import warnings

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.nn.scaling import Scaling
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import DataSplit, Samples, set_units
from splinework.train.input_transform import EvenScaling, InputTransform, even_scales, on_even_scales
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.process_teacher import ProcessTeacher
from tests.families import every, slow


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


@pytest.mark.slow
def test_the_left_out_rows_choose() -> None:
    x = skewed(7, 50)
    on_logs = torch.log(x[:, 1:2]) + 0.1 * x[:, :1]
    t = torch.sin(2 * on_logs)
    found, known = even_scales(Samples(x, t, None), 0)
    assert found is not None
    assert 1 in found.inputs.tolist()
    none, other = even_scales(Samples(x, x[:, 1:2] + 0.1 * x[:, 2:3], None), 0)
    assert none is None
    assert len(known) == len(other) == 1
    there, raw = (ProcessTeacher.of(Samples(u, t, None), 0, None, known) for u in (found(x), x))
    assert there.left_out.square().mean() < raw.left_out.square().mean()  # they are of the scales that were taken


@pytest.mark.quick(1)
@pytest.mark.parametrize("scales", [("linear", "log", "linear", "linear"), *slow(("linear",) * 4)])
def test_a_scaling_by_way_of_even_scales_is_left_for_the_one_that_was_there(scales: tuple[str, ...]) -> None:
    x = skewed(7, 60)
    made = sw.KAN([4, 3, 1], dtype=torch.float64, input_scales=scales, generator=torch.Generator().manual_seed(0))
    set_units(made, x, None, always=True)
    before = made.input_scaling
    heavy = before.inverse(torch.sinh(3 * before(x)))  # skewed in the model's units
    rows = DataSplit(Samples(before(heavy), torch.sin(3 * before(x)[:, :1]), None), None, True, Squared())
    objective = DataObjective(made, u=rows.used.u, t=rows.used.t)
    rows = on_even_scales(objective, rows, TrainingOptions())
    even = made.input_scaling
    assert isinstance(even, EvenScaling)
    torch.testing.assert_close(rows.used.u, even(heavy), rtol=0, atol=1e-9)
    torch.testing.assert_close(even.inverse(even(heavy)), heavy, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        outputs = made(heavy)
        after = even.plain(made, rows.used.u, 1e-6 * float(outputs.std()))
        assert type(after.input_scaling) is Scaling
        assert after.input_scaling.scales == scales
        assert float((after(heavy) - outputs).square().mean().sqrt()) <= 1e-6 * float(outputs.std())
        beyond = even.inverse(torch.linspace(-1.8, 1.8, 57, dtype=torch.float64)[:, None].expand(-1, 4))
        assert float((after(beyond) - made(beyond)).abs().max()) < 0.1 * float(outputs.std())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])
def test_on_clean_rows_of_one_skewed_column_the_estimator_is_no_worse_than_the_curve_of_the_column(seed):
    generator = torch.Generator().manual_seed(seed)
    x, fresh = (2 * torch.rand(n, 1, generator=generator, dtype=torch.float64) ** 2.8 - 1 for n in (60, 1000))
    curve = sw.fit(sw.KAN([1, 1]), x, torch.tanh(2 * x), progress=False).model
    found = sw.KANRegressor(random_state=0).fit(x.numpy(), torch.tanh(2 * x)[:, 0].numpy()).model_
    with torch.no_grad():
        errors = [float((model(fresh) - torch.tanh(2 * fresh)).square().mean().sqrt()) for model in (curve, found)]
    assert errors[1] <= 2 * errors[0] + 1e-9


@pytest.mark.slow
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


def wave_of_the_logarithm(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A column that spans five orders of magnitude, and a wave of its logarithm with a little noise."""
    log = 2 * torch.randn(rows, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = 0.05 * torch.randn(rows, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return torch.exp(log), torch.sin(log) + noise


def test_a_fit_to_a_skewed_column_is_as_good_as_one_to_its_logarithm() -> None:
    x, y = wave_of_the_logarithm(80)
    fresh = torch.linspace(-3, 3, 99, dtype=torch.float64)[:, None]
    result, other = (sw.fit(sw.KAN([1, 2, 1]), rows, y, progress=False) for rows in (x, torch.log(x)))
    predictions = result.model(fresh.exp()).detach(), other.model(fresh).detach()
    errors = [(each - torch.sin(fresh)).square().mean().sqrt() for each in predictions]
    assert float(errors[0]) < 1.5 * float(errors[1])
    assert type(result.model.input_scaling) is Scaling
    assert result.history.notes[-1] == "ended: converged"  # by which others see how a fit has ended
    assert result.history[-1].rmse_train == pytest.approx(
        float((result.model(x) - y).detach().square().mean().sqrt()), rel=1e-9
    )
    band = result.interval(fresh.exp())
    torch.testing.assert_close(band.center, predictions[0], rtol=1e-12, atol=1e-12)
    assert float((band.upper - band.lower).min()) > 3 * 0.05


@every("options", [{"standardise": False}, {"starts": 1}, {"steps": 3}, {"grids": None}, {"loss": "huber", "steps": 3}])
def test_settings_keep_the_scales_as_they_are(options: dict[str, object]) -> None:
    x, y = wave_of_the_logarithm(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = sw.fit(sw.KAN([1, 1]), x, y, progress=False, **options)
    assert result.fitted_network is result.model


def test_a_network_that_knows_the_rows_goes_on_with_its_own_scales() -> None:
    x, y = wave_of_the_logarithm(60)
    known = sw.fit(sw.KAN([1, 1]), x, y, progress=False).model
    result = sw.fit(known, x, y, progress=False)
    assert result.fitted_network is result.model
