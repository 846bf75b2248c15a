"""Can these rows determine this model: Schoenberg and Whitney against the rank, power against simulation, known cases."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline as ScipySpline

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.teach.data_coverage import empty_cells, finest_grid, n_matched
from splinework.knowledge.teach.identifiability import identifiable
from splinework.knowledge.teach.linear_system import power_of
from tests.train.cases import uniform

F64 = torch.float64


def additive(inputs=2, grid=5, seed=0, **options):
    return sw.KAN([inputs, 1], grid=grid, dtype=F64, generator=torch.Generator().manual_seed(seed), **options)


# ------------------------------------------------------------------------------------------- Schoenberg and Whitney


@given(st.integers(1, 4), st.integers(1, 8), st.integers(2, 25), st.integers(0, 10**6))
def test_matched_splines_are_the_rank_of_the_design(degree, grid, count, seed):
    rng = np.random.default_rng(seed)
    knots = np.concatenate(
        [-np.arange(degree, 0, -1) * 1.0, np.arange(grid + 1) * 1.0, grid + np.arange(1, degree + 1)]
    )
    x = np.sort(rng.uniform(0.02, grid - 0.02, count) ** rng.choice([1.0, 2.0]) % grid)
    design = ScipySpline.design_matrix(x, knots, degree).toarray()
    rank = np.linalg.matrix_rank(design, tol=1e-10 * count)
    assert n_matched(torch.as_tensor(x), torch.as_tensor(knots), degree) >= rank  # tiny values count for matching only
    full = n_matched(torch.as_tensor(x), torch.as_tensor(knots), degree) == grid + degree
    exact = np.linalg.svd(design, compute_uv=False)
    if full:
        assert count >= grid + degree
        assert exact[-1] > 0
    else:
        assert rank < grid + degree


def test_equal_points_count_once_and_those_outside_for_nothing():
    knots = torch.arange(-3, 9, dtype=F64)  # degree 3 on [0, 5], eight splines
    x = torch.linspace(0.1, 4.9, 8, dtype=F64)
    assert n_matched(x, knots, 3) == 8
    assert n_matched(x.repeat(5), knots, 3) == 8
    assert n_matched(torch.cat([x[:-1], torch.tensor([7.0, -2.0], dtype=F64)]), knots, 3) == 7
    assert n_matched(torch.full((50,), 2.5, dtype=F64), knots, 3) == 1


def test_runs_of_empty_cells():
    knots = torch.arange(-3, 9, dtype=F64)
    assert empty_cells(torch.tensor([0.5, 4.5], dtype=F64), knots, 3) == (3, 3)
    assert empty_cells(torch.tensor([0.5, 2.5, 4.5], dtype=F64), knots, 3) == (2, 1)
    assert empty_cells(torch.tensor([5.0, 0.0], dtype=F64), knots, 3) == (3, 3)


def test_the_finest_grid_passes_and_a_finer_one_does_not():
    layer = sw.KANLayer(1, 1, grid=5, dtype=F64)
    for count in (6, 12, 30):
        x = torch.linspace(-1, 1, count, dtype=F64)
        assert finest_grid(layer, 0, x) == count - 3  # as many splines as points, each with its own
    assert finest_grid(layer, 0, torch.zeros(40, dtype=F64)) == 0


# --------------------------------------------------------------------------------------------------------- verdicts


def test_ample_rows_are_enough():
    report = identifiable(additive(), uniform(200, 2))
    assert (report.status, report.reasons, report.rank, report.parameters) == ("yes", (), 17, 17)
    assert report.text().startswith("identifiable: yes")


def test_an_empty_region_is_named_with_the_grid_that_would_pass():
    x = uniform(60, 2)
    x[:, 0] = torch.where(x[:, 0] > -0.2, x[:, 0].abs() * 0.2 + 0.8, x[:, 0])
    report = identifiable(additive(grid=10), x)
    checks = {one.name: one for one in report.inputs}
    assert report.status != "yes"
    assert not checks["x1"].passes
    assert checks["x2"].passes
    assert checks["x1"].run >= 3
    assert any("x1" in reason for reason in report.reasons)
    coarse = identifiable(additive(grid=max(checks["x1"].finest, 1)), x)
    assert len([one for one in coarse.inputs if one.passes]) == 2


def test_too_few_rows_do_not_determine_the_parameters():
    report = identifiable(additive(), uniform(12, 2))
    assert report.status == "no"
    assert report.rank <= 12 < report.parameters == 17


@pytest.mark.parametrize("kind", ["copy", "sum", "parabola", "constant"])
def test_confounded_inputs_are_named(kind):
    x = uniform(200, 3)
    x[:, 2] = {
        "copy": -x[:, 0],
        "sum": (x[:, 0] + x[:, 1]) / 2,
        "parabola": x[:, 1] ** 2,
        "constant": 0 * x[:, 0] + 0.3,
    }[kind]
    report = identifiable(additive(3), x)
    assert report.status == "no"
    assert "x3" in dict(report.confounded)
    assert dict(report.confounded)["x3"] > 0.999
    assert not identifiable(additive(3), uniform(200, 3)).confounded


def test_noise_comes_from_y_or_by_hand_and_errors_follow_it():
    x, model = uniform(400, 2), additive()
    y = (
        torch.sin(2 * x[:, :1])
        + 0.3 * x[:, 1:]
        + 0.1 * torch.randn(400, 1, generator=torch.Generator().manual_seed(3), dtype=F64)
    )
    found = identifiable(model, x, y=y)  # the model need not be fitted
    assert found.noise == pytest.approx(0.1, rel=0.1)
    assert found.error == pytest.approx(found.noise * (17 / 400) ** 0.5)
    twice = identifiable(model, x, noise=2 * found.noise)
    assert twice.edges[0].error == pytest.approx(2 * found.edges[0].error)
    assert identifiable(model, x).edges == ()


def test_standard_errors_of_edges_are_those_of_least_squares():
    x, model = uniform(60, 2), additive(grid=3, base="none")
    rows = model.kan_layers[0].table().rows(x)
    design = torch.cat([rows[:, 0], rows[:, 1], torch.ones(60, 1, dtype=F64)], 1)
    covariance = torch.linalg.pinv(design.T @ design, hermitian=True, rtol=1e-12)
    report = identifiable(model, x, noise=0.3)
    size = rows.shape[2]
    for i, edge in enumerate(report.edges):
        centred = rows[:, i] - rows[:, i].mean(0)
        block = covariance[i * size : (i + 1) * size, i * size : (i + 1) * size]
        wanted = 0.3 * float((centred @ block * centred).sum(1).mean().sqrt())
        assert edge.error == pytest.approx(wanted, rel=1e-3)


def test_power_is_the_share_of_experiments_in_which_the_test_finds_the_edge():
    x, model = uniform(40, 2, seed=4), additive(grid=3, base="none")
    with torch.no_grad():
        model.kan_layers[0].coefficients[1] *= 1.5
        report = identifiable(model, x, noise=0.12)
        rows = model.kan_layers[0].table().rows(x)
        ones = torch.ones(40, 1, dtype=F64)
        whole, without = torch.cat([rows[:, 0], rows[:, 1], ones], 1), torch.cat([rows[:, 0], ones], 1)
        y = model(x) + 0.12 * torch.randn(40, 4000, generator=torch.Generator().manual_seed(1), dtype=F64)
        projections = [a @ torch.linalg.pinv(a, rtol=1e-10) for a in (whole, without)]
        rss = [(y - p @ y).square().sum(0) for p in projections]
        ranks = [round(float(p.trace())) for p in projections]
    ratio = (rss[1] - rss[0]) / (ranks[0] - ranks[1]) / (rss[0] / (40 - ranks[0]))
    from scipy.stats import f

    found = float((ratio > f.ppf(1 - 0.05 / 2, ranks[0] - ranks[1], 40 - ranks[0])).double().mean())
    assert 0.1 < found < 0.95
    assert report.edges[1].power == pytest.approx(found, abs=0.03)


def test_power_rises_from_the_level_to_one():
    powers = [power_of(effect, 1.0, 4, 80, 0.05) for effect in (0.0, 1.0, 10.0, 40.0, 1e9)]
    assert powers[0] == pytest.approx(0.05)
    assert powers == sorted(powers)
    assert powers[-1] == 1.0


def test_an_edge_below_the_noise_is_not_promised():
    x = uniform(150, 2)
    y = (
        torch.sin(3 * x[:, :1])
        + 0.01 * x[:, 1:]
        + 0.2 * torch.randn(150, 1, generator=torch.Generator().manual_seed(3), dtype=F64)
    )
    result = sw.fit(additive(), x, y, progress=False, grids=None, degree="keep")
    report = identifiable(result.model, x, y=y)
    assert report.edges[0].power > 0.99
    assert report.edges[1].power < 0.8
    assert report.status == "in part"
    assert "1:2→1" in report.reasons[-1]


def test_deep_networks_are_looked_at_layer_by_layer():
    model = sw.KAN([2, 3, 1], dtype=F64, generator=torch.Generator().manual_seed(0))
    report = identifiable(sw.adapt(model, uniform(300, 2)), uniform(300, 2), noise=0.01)
    assert {(one.layer, one.name) for one in report.inputs} >= {(0, "x1"), (1, "node 1"), (1, "node 3")}
    assert len(report.edges) == 9
    assert report.rank <= report.parameters


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": torch.nn.Linear(2, 1)}, ConfigError),
        ({"noise": -1.0}, ConfigError),
        ({"x": torch.zeros(1, 2)}, ShapeError),
        ({"y": torch.zeros(3, 1)}, ShapeError),
        ({"y": torch.full((20, 1), torch.inf)}, DataError),
        ({"model": sw.KAN([2, 30, 30, 1], grid=10)}, ConfigError),
    ],
)
def test_refusals(change, error):
    given = {"model": additive(), "x": uniform(20, 2)} | change
    with pytest.raises(error):
        identifiable(given.pop("model"), given.pop("x"), **given)
