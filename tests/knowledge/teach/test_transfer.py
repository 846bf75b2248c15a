"""From a simulator to reality: sums of networks are networks, evidence weighs as it should, the right recipe wins."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.teach.additive_correction import add_correction
from splinework.knowledge.teach.charts import CHARTS, additive, curves_of
from splinework.knowledge.teach.domain_randomisation import marginalised, randomised
from splinework.knowledge.teach.evidence_maximisation import NO_PRIOR, maximise_evidence, maximise_evidence_nonlinear
from splinework.knowledge.teach.transfer import transfer
from tests.contracts.cases import normal
from tests.train.cases import uniform

F64 = torch.float64


def network(shape, seed=0, **options):
    model = sw.KAN(shape, dtype=F64, generator=torch.Generator().manual_seed(seed), **options)
    model.input_scaling.set(torch.full((model.inputs,), 0.1, dtype=F64), torch.full((model.inputs,), 1.3, dtype=F64))
    model.output_scaling.set(torch.full((model.outputs,), 2.0, dtype=F64), torch.full((model.outputs,), 0.7, dtype=F64))
    return model


# --------------------------------------------------------------------------------------------------------- evidence


def test_with_one_block_the_answer_is_the_ridge_of_its_variances():
    columns, blocks = normal(40, 6), torch.zeros(6, dtype=torch.long)
    target = columns @ normal(6, seed=1) + 0.1 * normal(40, seed=2)
    found = maximise_evidence(columns, target, blocks)
    ridge = found.noise / found.variances[0]
    direct = torch.linalg.solve(columns.T @ columns + ridge * torch.eye(6, dtype=F64), columns.T @ target)
    assert torch.allclose(found.numbers, direct, rtol=1e-2, atol=1e-4)


def test_evidence_is_the_density_of_the_rows():
    columns, blocks = normal(30, 5), torch.tensor([0, 0, 1, 1, 1])
    target = columns @ normal(5, seed=1) + 0.3 * normal(30, seed=2)
    found = maximise_evidence(columns, target, blocks)
    covariance = columns @ torch.diag(found.variances[blocks]) @ columns.T + found.noise * torch.eye(30, dtype=F64)
    density = stats.multivariate_normal(np.zeros(30), covariance.numpy()).logpdf(target.numpy())
    assert abs(density + 15 * np.log(2 * np.pi) - found.evidence) < 0.05
    for factor in (0.3, 3.0):  # and it is at its maximum
        other = columns @ torch.diag(factor * found.variances[blocks]) @ columns.T + found.noise * torch.eye(
            30, dtype=F64
        )
        assert stats.multivariate_normal(np.zeros(30), other.numpy()).logpdf(target.numpy()) < density


def test_a_block_that_explains_nothing_is_taken_out():
    columns, blocks = normal(60, 30), torch.tensor([0] * 5 + [1] * 25)
    target = columns[:, :5] @ (3 + normal(5, seed=1)) + 0.1 * normal(60, seed=2)
    found = maximise_evidence(columns, target, blocks)
    assert found.freedom[1] < 3
    assert (found.numbers[5:].abs() < 0.03).all()
    assert 0.07 < found.noise**0.5 < 0.14


def test_free_numbers_take_what_is_theirs():
    columns, blocks = torch.cat([normal(50, 3), torch.ones(50, 1, dtype=F64)], 1), torch.tensor([0, 0, 0, NO_PRIOR])
    found = maximise_evidence(columns, 1e4 + 1e-3 * columns[:, 0] + 1e-4 * normal(50, seed=3), blocks)
    assert abs(float(found.numbers[3]) - 1e4) < 1e-3


def test_values_that_are_linear_need_one_step():
    columns, blocks = normal(30, 4), torch.zeros(4, dtype=torch.long)
    target = columns @ normal(4, seed=1) + 0.1 * normal(30, seed=2)
    near = maximise_evidence_nonlinear(lambda z: (columns @ z, columns), target, blocks)
    assert torch.allclose(near.numbers, maximise_evidence(columns, target, blocks).numbers, atol=1e-10)


# ----------------------------------------------------------------------------------------------------------- charts


@pytest.mark.parametrize("shape", [[3, 1], [3, 4, 2], [2, (2, 1), 1], [2, 3, 2, 1]], ids=str)
@pytest.mark.parametrize("base", ["silu", "none"])
def test_a_network_and_its_correction_are_one_network(shape, base):
    model = network(shape, base=base)
    p, q, size = model.inputs, model.outputs, model.kan_layers[0].basis.size
    curves = normal(p, size, q, seed=4)
    curves[1] = 0.0
    factor, shift, x = 0.7 + normal(q, seed=5), normal(q, seed=6), uniform(50, p, seed=7)
    u = model.input_scaling(x)
    whole = add_correction(model, factor, shift, curves, u)
    for rows in (x, 3 * x):  # tails included
        v = model.input_scaling(rows)
        first = model.kan_layers[0]
        added = torch.einsum("bim,imj->bj", first.table().rows(v)[..., :size], curves)
        wanted = model.output_scaling.inverse(factor * model.unit_forward(v) + shift + added)
        assert torch.allclose(whole(rows), wanted, rtol=1e-11, atol=1e-11)
    assert not whole.kan_layers[0].mask[1, :q].any()  # no curve, no edge
    assert whole.kan_layers[0].mask[0, :q].all()


@pytest.mark.parametrize("name", [*CHARTS, "additive"])
@pytest.mark.parametrize("shape", [[3, 1], [3, 4, 2]], ids=str)
def test_charts_know_their_derivatives_and_build_what_they_say(name, shape):
    model, x = network(shape), uniform(15, 3, seed=1)
    u = model.input_scaling(x)
    plain = network([3, shape[-1]])
    chart = additive(plain, u) if name == "additive" else CHARTS[name](model, u)
    z = 0.05 * normal(len(chart.blocks), seed=2)
    values, slopes = chart.at(z, u)
    assert torch.allclose(chart.start.output_scaling.inverse(values), chart.build(z, u)(x), atol=1e-10)
    for k in range(0, len(z), max(len(z) // 12, 1)):
        step = torch.zeros_like(z)
        step[k] = 1e-6
        numeric = (chart.at(z + step, u)[0] - chart.at(z - step, u)[0]) / 2e-6
        assert torch.allclose(slopes[..., k], numeric, atol=1e-6)
    if name != "additive":
        start = chart.build(torch.zeros_like(z), u)
        assert torch.allclose(start(x), model(x), atol=1e-12)


def test_curves_are_a_line_and_orthonormal_bends():
    layer = sw.KANLayer(2, 1, grid=7, dtype=F64)
    for lift in curves_of(layer):
        assert torch.linalg.matrix_rank(torch.cat([lift, torch.ones(len(lift), 1, dtype=F64)], 1)) == len(lift)
        assert (lift[:, 0].diff().diff().abs() < 0.5).all()


# --------------------------------------------------------------------------------------------------------- transfer


@torch.no_grad()
def error(model, x, wanted):
    return float((model(x) - wanted).square().mean().sqrt())


def truth(x, k):
    return torch.exp(-k * x[:, :1]) * torch.sin(3 * x[:, 1:2]) + 0.5 * k * x[:, 2:] ** 2


@pytest.fixture(scope="module")
def simulated():
    x = uniform(400, 3)
    model = sw.KAN([3, 4, 1], dtype=F64, generator=torch.Generator().manual_seed(0))
    return sw.fit(model, x, truth(x, 0.9), progress=False, steps=120, seed=1)


@pytest.mark.slow
def test_a_simulator_that_is_slightly_wrong_halves_the_error_and_more(simulated, tmp_path):
    x, fresh = uniform(20, 3, seed=5), uniform(1000, 3, seed=6)
    y = truth(x, 1.0) + 0.01 * normal(20, 1)
    found = transfer(simulated, x, y, progress=False)
    errors = {name: error(model, fresh, truth(fresh, 1.0)) for name, model in found.models.items()}
    assert errors[found.recipe] < 0.3 * min(errors["real"], errors["simulator"])
    assert {score.recipe for score in found.scores} == set(errors)
    assert f"**{found.recipe}**" in found.table()
    single = copy.deepcopy(simulated.model).float()
    assert transfer(single, x, y, recipes=["real"], progress=False).model(fresh.float()).dtype == torch.float32
    sw.save(found.model, tmp_path / "model.safetensors")
    assert torch.equal(sw.load(tmp_path / "model.safetensors")(fresh), found.model(fresh))


@pytest.mark.slow
def test_corrections_are_edges_that_can_be_read(simulated):
    x = uniform(30, 3, seed=5)
    with torch.no_grad():
        y = 1.5 * simulated.model(x) + 0.3 * torch.sin(2 * x[:, 2:]) - 1
    found = transfer(simulated, x, y, recipes=["residual"], progress=False)
    record = sw.trace(found.model, uniform(200, 3, seed=8))
    correction = record.layers[0].edges[:, 2, 0] * found.model.output_scaling.scale
    told = torch.corrcoef(torch.stack([correction, torch.sin(2 * uniform(200, 3, seed=8)[:, 2])]))
    assert told[0, 1] > 0.99
    assert "a = 1.5" in found.scores[0].note or "a = 1.49" in found.scores[0].note


@pytest.mark.slow
def test_a_useless_simulator_costs_little():
    x = uniform(300, 2)
    y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2
    model = sw.KAN([2, 3, 1], dtype=F64, generator=torch.Generator().manual_seed(0))
    useless = sw.fit(
        model, x, y[torch.randperm(300, generator=torch.Generator().manual_seed(1))], progress=False, steps=30
    )
    fresh, ratios = uniform(500, 2, seed=9), []
    for seed in range(3):
        few = uniform(20, 2, seed=20 + seed)
        told = torch.sin(3 * few[:, :1]) + few[:, 1:] ** 2 + 0.02 * normal(20, 1, seed=seed)
        found = transfer(useless, few, told, progress=False, recipes=["simulator", "residual", "real"])
        wanted = torch.sin(3 * fresh[:, :1]) + fresh[:, 1:] ** 2
        ratios.append(error(found.model, fresh, wanted) / error(found.models["real"], fresh, wanted))
    assert sorted(ratios)[1] <= 1.05


def test_simulated_rows_are_fitted_first():
    x = uniform(60, 1)
    few = uniform(8, 1, seed=3)
    found = transfer((x, torch.sin(3 * x)), few, torch.sin(3 * few) + 1, model=sw.KAN([1, 1]), progress=False)
    assert found.model(x).dtype == torch.float64  # the dtype of the rows
    assert error(found.model, x.float(), torch.sin(3 * x) + 1) < 0.03


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"recipes": ["magic"]}, ConfigError),
        ({"recipes": "gauge"}, ConfigError),
        ({"x": torch.zeros(3, 3, dtype=F64)}, ShapeError),
        ({"x": uniform(3, 3), "y": torch.zeros(3)}, DataError),
        ({"y": torch.full((20, 1), torch.nan)}, DataError),
        ({"simulated": torch.nn.Linear(3, 1)}, ConfigError),
        ({"x": uniform(4000, 3), "y": torch.zeros(4000)}, ConfigError),
    ],
)
def test_refusals(change, error):
    given = {"simulated": sw.KAN([3, 4, 1], dtype=F64), "x": uniform(20, 3), "y": torch.zeros(20, 1)} | change
    with pytest.raises(error):
        transfer(given.pop("simulated"), given.pop("x"), given.pop("y"), progress=False, **given)


# ------------------------------------------------------------------------------------------------- random parameters


def test_parameters_become_inputs_and_follow_their_priors():
    x = np.linspace(0, 1, 256)[:, None]
    table = randomised(lambda x, k, m: k * x[:, 0] + m, x, {"k": (1, 3), "m": stats.norm(5, 0.1)}, names=("t",))
    assert table.names == ("t", "k", "m")
    assert np.array_equal(table.y[:, 0], table.x[:, 1] * table.x[:, 0] + table.x[:, 2])
    assert abs(table.x[:, 1].mean() - 2) < 0.01
    assert abs(table.x[:, 2].std() - 0.1) < 0.005


def test_unknown_parameters_give_mean_and_spread():
    x = np.linspace(-1, 1, 11)[:, None]
    mean, spread = marginalised(lambda x, k: k * x[:, 0], x, {"k": (1, 3)}, draws=256)
    assert np.allclose(mean[:, 0], 2 * x[:, 0], atol=0.01)
    assert np.allclose(spread[:, 0], np.abs(x[:, 0]) * 2 / np.sqrt(12), atol=0.01)


@pytest.mark.parametrize("prior", [(2, 1), "wide", (0, np.inf), 3], ids=str)
def test_priors_are_checked(prior):
    with pytest.raises(ConfigError, match="low, high"):
        randomised(lambda x, k: x[:, 0], np.ones((4, 1)), {"k": prior})


def test_a_simulator_fitted_under_axioms_is_freed_of_them():
    x, few = uniform(100, 2), uniform(25, 2, seed=2)
    model = sw.KAN([2, 1], dtype=F64, generator=torch.Generator().manual_seed(0))
    options = {"progress": False, "grids": None, "degree": "keep", "steps": 20}
    simulated = sw.fit(model, x, x[:, :1] + x[:, 1:] ** 2, axioms=["monotone(x1)"], **options)
    found = transfer(simulated, few, -2 * few[:, :1] + few[:, 1:] ** 2, progress=False)
    assert found.model.config.axioms == ()
    for one in found.models.values():
        assert one.config.axioms == ()
        assert all(layer.shaping is None for layer in one.kan_layers)
    assert error(found.model, x, -2 * x[:, :1] + x[:, 1:] ** 2) < 0.05
