"""One column: the spline solves the penalised least squares, and is right for waves, noise and steps from any starting grid."""

import numpy as np
import pytest
import torch
from scipy.special import j0

import splinework as sw
from splinework.splines.bases import BSpline
from splinework.train import process_teacher
from splinework.train.curve import CurveEstimate, grid_range, smooth_curve, spline_network
from splinework.train.data_split import Samples
from splinework.train.penalised_spline import PenalisedSpline, penalty_rows
from splinework.train.process_teacher import ProcessTeacher, estimated_curve, learned_curve
from tests.families import slow


def spread_of(values):
    return float(np.std(values))


@pytest.mark.parametrize("degree", [3, 5, 7, 9])
@pytest.mark.parametrize("strength", [1e-6, 1.0, 1e3])
def test_coefficients_and_freedom_are_those_of_the_penalised_normal_equations(degree, strength):
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(60, generator=generator, dtype=torch.float64) * 2 - 1).sort().values
    root = torch.rand(60, generator=generator, dtype=torch.float64) + 0.5
    y = root * torch.sin(4 * x)
    basis = BSpline(6, degree)
    ends = torch.tensor([-1.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    grid = basis.make_grid(*ends)
    rows = root[:, None] * basis.rows(x[:, None], grid, basis.prepare(grid), 0)[:, 0]
    for order in {3, degree}:
        spline, penalty = PenalisedSpline.on(basis, grid, x, root, order), penalty_rows(basis, grid, order)
        balance = rows.norm() / penalty.norm()
        matrix = rows.T @ rows + strength * balance**2 * penalty.T @ penalty
        torch.testing.assert_close(
            rows @ spline.coefficients(y, strength), rows @ torch.linalg.solve(matrix, rows.T @ y), rtol=1e-6, atol=1e-7
        )
        freedom = torch.linalg.solve(matrix, rows.T @ rows).trace()
        found = spline.filters(torch.tensor([strength], dtype=torch.float64)).sum()
        torch.testing.assert_close(found, freedom, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("degree", "order"), [(3, 3), (5, 3), (9, 3), (5, 5), (9, 9)])
def test_the_penalty_is_the_integral_of_the_squared_derivative(degree, order):
    basis = BSpline(7, degree)
    ends = torch.tensor([-0.5], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    grid = basis.make_grid(*ends)
    c = torch.randn(7 + degree, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = torch.linspace(-0.5, 2.0, 140_001, dtype=torch.float64)  # ends and middles of steps
    slope = basis.rows((points[1:] + points[:-1])[:, None] / 2, grid, basis.prepare(grid), order)[:, 0] @ c
    expected = (slope.square() * torch.diff(points)).sum()
    torch.testing.assert_close((penalty_rows(basis, grid, order) @ c).square().sum(), expected, rtol=1e-6, atol=0)


WAVES = {
    "sin 25πx": lambda x: np.sin(25 * np.pi * x),
    "sin 40x": lambda x: np.sin(40 * x),
    "J0(20x)": lambda x: j0(20 * x),
    "sin 9(x + 1.2)²": lambda x: np.sin(9 * (x + 1.2) ** 2),
    "a narrow bump on a line": lambda x: np.exp(-200 * (x - 0.3) ** 2) + x,
}


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("sin 40x", 3),
        ("a narrow bump on a line", 3),
        *(
            pytest.param(*c, marks=pytest.mark.slow)
            for c in (("J0(20x)", 3), ("sin 25πx", 13), ("sin 9(x + 1.2)²", 3), ("J0(20x)", 20))
        ),
    ],
)
def test_waves_without_noise_are_met_from_any_starting_grid(name, grid):
    truth, x = WAVES[name], np.random.default_rng(2).uniform(-1, 1, (1000, 1))  # far apart at an end
    model = sw.fit(sw.KAN([1, 1], grid=grid), x, truth(x), progress=False).model
    fresh = np.linspace(x.min(), x.max(), 3001)[:, None]
    error = model(torch.from_numpy(fresh)).detach().numpy() - truth(fresh)
    assert spread_of(error) < 1e-9 * spread_of(truth(fresh))


@pytest.mark.parametrize(("name", "noise"), [*((name, 0.2) for name in list(WAVES)[1:]), ("sin 40x", 0.5)])
@pytest.mark.slow
def test_waves_under_noise_are_smoothed_not_missed(name, noise):
    rng, truth = np.random.default_rng(2), WAVES[name]
    x = rng.uniform(-1, 1, (400, 1))
    y = truth(x) + noise * spread_of(truth(x)) * rng.normal(size=x.shape)
    model = sw.fit(sw.KAN([1, 1]), x, y, progress=False).model
    fresh = np.linspace(x.min(), x.max(), 3001)[:, None]
    error = model(torch.from_numpy(fresh)).detach().numpy() - truth(fresh)
    assert spread_of(error) < 0.5 * noise * spread_of(truth(fresh))


@pytest.mark.quick(2)
@pytest.mark.parametrize(("shape", "noise"), [([1, 4, 5, 1], 0.0), ([1, [3, 2], 1], 0.2)])
def test_hidden_nodes_change_nothing_for_one_input(shape, noise):
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, (60, 1))
    y = np.sin(12 * x) + noise * rng.normal(size=x.shape)
    fresh = torch.linspace(-1.5, 1.5, 400, dtype=torch.float64)[:, None]  # beyond the rows, too
    plain, deep = (sw.fit(sw.KAN(each), x, y, progress=False).model for each in ([1, 1], shape))
    scale = float(plain(fresh).detach().abs().max())
    assert float((plain(fresh) - deep(fresh)).detach().abs().max()) < 1e-9 * scale


@pytest.mark.quick(2)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_of_few_noisy_rows_a_process_knows_more_than_cross_validation(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (40, 1))
    y = np.sin(4 * (x + 1.2) ** 2) + 0.1 * rng.normal(size=x.shape)
    fresh = torch.linspace(float(x.min()), float(x.max()), 1000, dtype=torch.float64)[:, None]
    rows = Samples(torch.from_numpy(x), torch.from_numpy(y), None)
    spline = smooth_curve(sw.KAN([1, 1], dtype=torch.float64), rows)
    model = sw.fit(sw.KAN([1, 1]), x, y, progress=False).model
    errors = [spread_of(f(fresh).detach().numpy() - np.sin(4 * (fresh.numpy() + 1.2) ** 2)) for f in (model, spline)]
    assert errors[0] < 0.8 * errors[1]


def test_standard_deviations_are_those_of_the_errors():
    u = torch.rand(120, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    fresh = torch.linspace(-0.95, 0.95, 200, dtype=torch.float64)[:, None]
    squares = []
    for seed in range(12):
        noise = 0.3 * torch.randn(120, 1, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
        curve = smooth_curve(sw.KAN([1, 1], dtype=torch.float64), Samples(u, torch.sin(6 * u) + noise, None))
        assert 0.2 < curve.noise[0] < 0.4
        squares.append(((curve(fresh) - torch.sin(6 * fresh)).detach() / curve.deviation(fresh)).square().mean())
    assert 0.5 < float(torch.stack(squares).mean()) < 2


def test_outputs_have_their_own_smoothness_and_rows_of_weight_zero_do_not_count():
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (150, 1))
    y = np.hstack([np.sin(20 * x), x**2 + 0.2 * rng.normal(size=x.shape)])
    weights = np.ones(170)
    weights[150:] = 0
    wrong = np.vstack([y, rng.normal(size=(20, 2)) * 100])
    everywhere = np.vstack([x, rng.uniform(x.min(), x.max(), (20, 1))])
    result = sw.fit(sw.KAN([1, 2]), everywhere, wrong, weights=weights, progress=False)
    fresh = np.linspace(-0.95, 0.95, 500)[:, None]
    found = result.model(torch.from_numpy(fresh)).detach().numpy()
    assert np.abs(found[:, 0] - np.sin(20 * fresh[:, 0])).max() < 1e-4
    assert spread_of(found[:, 1] - fresh[:, 0] ** 2) < 0.1


def test_what_is_reported_is_of_the_model_that_is_handed_back():
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 5, (200, 1))
    y = np.sin(7 * x) + 0.1 * rng.normal(size=x.shape)
    result = sw.fit(sw.KAN([1, 1]), x, y, progress=False)
    error = float(np.sqrt(np.mean((result.model(torch.from_numpy(x)).detach().numpy() - y) ** 2)))
    assert result.history[-1].rmse_train == pytest.approx(error, rel=1e-9)
    assert result.history[-1].grid == result.model.kan_layers[0].basis.resolution
    band = result.interval(x)
    assert 0.85 < np.mean((y >= band.lower.numpy()) & (y <= band.upper.numpy())) < 0.97


def test_a_grid_or_steps_that_are_given_are_kept():
    x = np.random.default_rng(5).uniform(-1, 1, (200, 1))
    kept = sw.fit(sw.KAN([1, 1], grid=6), x, np.sin(20 * x), grids=None, degree="keep", progress=False).model
    assert (kept.kan_layers[0].basis.resolution, kept.kan_layers[0].basis.degree) == (6, 3)


@pytest.mark.parametrize("settings", [{"validation": 0}, {"validation": 0.2}, {"standardise": False}])
def test_rows_beyond_the_grid_and_validation_of_ones_own_are_no_obstacle(settings):
    x = np.random.default_rng(6).uniform(-1.005, 1.2 if "standardise" in settings else 1.005, (600, 1))
    result = sw.fit(sw.KAN([1, 1]), x, np.sin(20 * x), progress=False, **settings)
    fresh = np.linspace(-0.99, 0.99, 500)[:, None]
    assert np.abs(result.model(torch.from_numpy(fresh)).detach().numpy() - np.sin(20 * fresh)).max() < 1e-6
    assert np.isnan(result.history[-1].rmse_validation) == (settings.get("validation") != 0.2)


@pytest.mark.parametrize("far", [-3.0, *slow(-1.0)])
def test_a_row_far_from_the_others_does_not_make_the_curve_wild(far):
    x = np.append(np.random.default_rng(0).uniform(0, 1, 39), far)[:, None]
    y = np.exp(-(((x - 0.4) / 0.1) ** 2))
    model = sw.fit(sw.KAN([1, 1]), x, y, progress=False).model
    values = model(torch.linspace(far - 0.2, 1.1, 500, dtype=torch.float64)[:, None]).detach()
    assert float(values.abs().max()) < 10


@pytest.mark.parametrize("count", [8, 9, 11, 40, 150])
@pytest.mark.parametrize("law", ["uniform", "skewed", "repeated", "clustered"])
def test_curves_of_few_or_uneven_rows_are_finite_and_not_wild(count, law):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        x = np.r_[-1, 1, rng.uniform(-1, 1, count - 2)]
        near = np.round(5 * x) / 5 + 1e-9 * x
        x = {"uniform": x, "skewed": x**9, "repeated": np.repeat(x, 3), "clustered": near}[law]
        y = np.sin(5 * x) + seed * rng.normal(size=x.shape)
        rows = Samples(torch.from_numpy(x[:, None]), torch.from_numpy(y[:, None]), None)
        curve = smooth_curve(sw.KAN([1, 1], dtype=torch.float64), rows)
        values = curve(torch.linspace(-1, 1, 300, dtype=torch.float64)[:, None]).detach()
        assert torch.isfinite(torch.cat([values, curve.left_out, curve.deviation(rows.u)])).all()
        assert float(values.abs().max()) < 10 * np.abs(y).max()


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
def test_a_higher_derivative_is_penalised_of_clean_rows_only(noise):
    """Under noise it would let curves loose beyond the rows; clean ones may be met by a function of a limited band as well."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (300, 1))
    y = np.sin(20 * x) + noise * rng.normal(size=x.shape)
    curve = smooth_curve(sw.KAN([1, 1], dtype=torch.float64), Samples(torch.from_numpy(x), torch.from_numpy(y), None))
    chosen, between = curve.chosen, np.linspace(x.min(), x.max(), 2001)[:, None]
    error = curve(torch.from_numpy(between)).detach().numpy() - np.sin(20 * between)
    if noise:
        assert chosen.order == 3
        # Of 300 rows and at most 40 parameters, three standard deviations.
        assert float(np.sqrt(np.square(error).mean())) < 3 * noise * np.sqrt(40 / 300)
    else:
        assert chosen.basis.degree > 3
        assert chosen.waves or chosen.order == chosen.basis.degree
        # Both leave the square root of `MAX_MET_SHARE`, 1e-10 of the spread, where they are as good as each other.
        assert float(np.sqrt(np.square(error).mean())) < 1e-10


@pytest.mark.parametrize("seed", range(2))
def test_clean_rows_in_clusters_go_on_as_all_rows_say(seed, monkeypatch):
    rng, fresh = np.random.default_rng(seed), np.linspace(-1, 1, 400)[:, None]
    x = np.concatenate([rng.uniform(-0.45, -0.15, 20), rng.uniform(0.2, 0.6, 20)])[:, None]

    def errors():
        model = sw.fit(sw.KAN([1, 1]), x, np.tanh(3 * x), progress=False).model
        return [spread_of(model(torch.from_numpy(at)).detach().numpy() - np.tanh(3 * at)) for at in (x, fresh)]

    inside, beyond = errors()
    monkeypatch.setattr(process_teacher, "_continued", lambda *given: None)
    as_it_was, on_a_line = errors()
    assert beyond < on_a_line / 3
    assert inside < as_it_was + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "law",
    [*slow(np.exp, lambda x: x**3 - x), lambda x: np.stack([np.sin(3 * x), np.cosh(x)], 1)],
    ids=["exponential", "cubic", "two outputs"],
)
def test_a_curve_that_is_made_longer_is_the_same_inside_and_a_process_beyond(law, monkeypatch):
    rng, fresh = np.random.default_rng(3), np.linspace(-1, 0.5, 400)
    x = 2 * rng.beta(3, 5, 60) - 1
    inside = (x.min() <= fresh) & (fresh <= x.max())

    def fitted():
        made = sw.KAN([1, 2 if law(x).ndim == 2 else 1])
        model = sw.fit(made, x[:, None], law(x), progress=False).model
        found = model(torch.from_numpy(fresh[:, None])).detach().numpy().reshape(law(fresh).shape)
        return model, found, np.sqrt(np.mean((found - law(fresh))[~inside] ** 2))

    model, longer, beyond = fitted()
    monkeypatch.setattr(process_teacher, "_lengthened", lambda *given: None)
    own, line, on_a_line = fitted()
    assert model.kan_layers[0].grid.shape[1] > own.kan_layers[0].grid.shape[1]
    np.testing.assert_allclose(longer[inside], line[inside], rtol=0, atol=1e-9)
    assert beyond < on_a_line / 10


class CurveOfNoDeviation(CurveEstimate):
    def deviation(self, u):
        return torch.zeros(len(u), 2).double()


@torch.no_grad()
@pytest.mark.parametrize("degree", [1, 3, 5, 9])
@pytest.mark.parametrize(("resolution", "sides"), [(4, (-1.3, 1.5)), (40, (-0.9, 1.4)), (7, (-1.2, 0.5))])
def test_a_longer_grid_changes_nothing_inside_and_is_not_made_for_little(degree, resolution, sides):
    ends = torch.tensor([-1.0]).double(), torch.tensor([1.0]).double()
    basis = BSpline(resolution, degree)
    values = torch.randn(1, basis.size, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    layer = sw.KAN([1, 2], dtype=torch.float64).kan_layers[0]
    made = spline_network(layer, basis, basis.make_grid(*ends), values, torch.zeros(2).double())
    curve = CurveOfNoDeviation(made, (1.0, 1.0), (0.0, 0.0), torch.zeros(3, 2).double())
    like = sw.KAN([1, 2], dtype=torch.float64)

    def longer(sides):
        reach = [torch.tensor([each]).double() for each in sides]
        return process_teacher._lengthened(
            like, curve, lambda u: torch.zeros(len(u), 2).double(), reach, torch.full((2,), 1e9)
        )

    found, u = longer(sides), torch.linspace(-1, 1, 333, dtype=torch.float64)[:, None]
    torch.testing.assert_close(found(u), curve(u), rtol=0, atol=1e-8)
    low, high = found.network.kan_layers[0].basis.domain(found.network.kan_layers[0].grid)
    assert float(low) <= max(sides[0], -1.0) + 1e-12
    assert float(high) >= min(sides[1], 1.0) - 1e-12
    assert longer((-1.01, 1.1)) is None


@pytest.mark.quick(2)
@pytest.mark.parametrize("seed", range(4))
def test_a_curve_of_noisy_rows_goes_on_beyond_them_like_the_process_that_it_is_blended_with(seed):
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(80, 1, generator=generator, dtype=torch.float64)
    u = u / u.abs().max()
    t = torch.sin(5 * u) + 0.5 * torch.randn(80, 1, generator=generator, dtype=torch.float64)
    model, rows = sw.KAN([1, 1], dtype=torch.float64), Samples(u, t, None)
    found, _, text = estimated_curve(model, rows, seed)
    process = ProcessTeacher.of(rows, seed)
    assert "curves" in text
    low, high = grid_range(model.kan_layers[0], u)
    assert low < u.min()
    assert high > u.max()
    for end, outermost in ((low, u.amin(0)), (high, u.amax(0))):
        own, its = (float((f(end[None]) - f(outermost[None])).detach()) for f in (found, process))
        assert abs(own - its) <= 0.02


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("end", [-0.99, -0.92, -0.82])
def test_a_curve_that_learns_a_rough_function_stays_near_it_on_all_of_its_grid(end, seed):
    u = torch.linspace(end, 0.95, 22, dtype=torch.float64)[:, None]
    values = np.random.default_rng(seed).normal(size=25)

    def rough(points):
        return torch.from_numpy(np.interp(points.numpy(), np.linspace(-1.2, 1.2, 25), values))

    found = learned_curve(sw.KAN([1, 1], dtype=torch.float64), u, rough)
    layer = found.network.kan_layers[0]
    low, high = (float(side) for side in layer.basis.domain(layer.grid))
    points = torch.linspace(low, high, 1000, dtype=torch.float64)[:, None]
    assert low < end
    assert high > 0.95
    assert float((found(points).detach() - rough(points)).abs().max()) < 0.5
