"""Intervals: the textbook's for one layer, calibrated for several, wide where nothing is known."""

import copy
from dataclasses import replace

import pytest
import torch
from scipy import stats

from splinework.errors import ConfigError, DataError
from splinework.train import Roughness, linear_model
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.uncertainty import Posterior, TrainingData, contrast_widths, intervals, posterior
from tests.contracts.cases import relative_distance
from tests.interpret.edit.cases import same_state, state_of
from tests.train.cases import fresh, noise, quick, smooth, uniform

LEVELS = (0.8, 0.9, 0.95)


def evidence_of(model, x, y, **more):
    return TrainingData(model.input_scaling(x), model.output_scaling(y), **more)


def noisy(count, *, inputs=1, sd=0.2, seed=0, outputs=1):
    x = uniform(count, inputs, seed=seed)
    return x, torch.sin(2 * x[:, :1]) + x[:, -1:] ** 2 + sd * noise(count, outputs, seed=seed + 100)


def fitted(shape, x, y, **options):
    return quick(fresh(shape), x, y, **{"validation": 0, "standardise": False, "steps": 40, **options}).model


def textbook(model, x, points):
    """Leverages of the points under ordinary least squares, and the rank."""
    parameters = ParameterVector.of(model)
    jacobian, rows = (linearise(model, parameters, u)[1][:, 0] for u in (x, points))
    return (rows @ torch.linalg.pinv(jacobian)).square().sum(1, keepdim=True), torch.linalg.matrix_rank(jacobian)


@pytest.mark.parametrize("kind", ["mean", "prediction"])
@pytest.mark.parametrize("shape", [[1, 1], [2, 1]], ids=str)
def test_for_one_layer_they_are_those_of_ordinary_least_squares(shape, kind):
    x, y = noisy(150, inputs=shape[0])
    model, points = fitted(shape, x, y), 0.9 * uniform(50, shape[0], seed=5)
    leverage, rank = textbook(model, x, points)
    degrees = len(x) - float(rank)
    variance = (model(x) - y).square().sum() / degrees * (leverage + (kind == "prediction"))
    found = intervals(model, evidence_of(model, x, y), points, level=0.97, kind=kind)
    assert relative_distance(found.deviation, variance.sqrt()) <= 0.06
    assert relative_distance(found.center, model(points)) <= 1e-12
    half = stats.t.ppf(0.985, degrees) * variance.sqrt()
    assert relative_distance(found.upper - found.center, half) <= 0.06
    assert relative_distance(found.center - found.lower, half) <= 0.06


@pytest.mark.parametrize("shape", [[2, 3, 1], [2, (1, 2), 1]], ids=str)
@pytest.mark.slow
def test_directions_that_change_no_output_add_nothing(shape):
    x, y = noisy(400, inputs=2)
    model = fitted(shape, x, y)
    known = posterior(model, evidence_of(model, x, y))
    assert known.effective_parameters < len(ParameterVector.of(model).read(model))
    u = model.input_scaling(x)
    jacobian = linearise(model, ParameterVector.of(model), u)[1]
    spread = (jacobian @ known.root[:, :-1]).square().sum() / known.noise.square()
    assert abs(float(spread) / known.effective_parameters - 1) <= 0.01  # the mean of the leverages


def test_they_are_wide_where_there_are_no_rows():
    x, y = noisy(300)
    kept = (x[:, 0] < 0.1) | (x[:, 0] > 0.7)
    x, y = x[kept], y[kept]
    model = fitted([1, 1], x, y, grids=[10])
    evidence = evidence_of(model, x, y)
    points = torch.tensor([[-0.5], [0.4], [1.5], [3.0], [9.0]], dtype=torch.float64)
    inside, gap, *beyond = intervals(model, evidence, points, kind="mean").deviation[:, 0].tolist()
    assert gap > 3 * inside
    assert gap < 10  # unknown, but of the size of the function
    assert inside < beyond[0] < beyond[1] < beyond[2]


def test_a_logarithmic_output_has_the_ends_of_its_logarithm():
    x, y = noisy(120)
    logarithmic = fresh([1, 1], output_scales=["log"])
    logarithmic = quick(logarithmic, x, y.exp(), validation=0, standardise=False).model
    plain = quick(fresh([1, 1]), x, y, validation=0, standardise=False).model
    one = intervals(logarithmic, evidence_of(logarithmic, x, y.exp()), x)
    other = intervals(plain, evidence_of(plain, x, y), x)
    for end in ("center", "lower", "upper"):
        assert relative_distance(getattr(one, end).log(), getattr(other, end)) <= 1e-9
    assert relative_distance(one.deviation, one.center * other.deviation) <= 1e-9


def test_every_output_has_its_own_noise():
    x = uniform(300, 1)
    y = torch.cat([torch.sin(2 * x), x**2], dim=1) + noise(300, 2) * torch.tensor([0.02, 0.5])
    model = fitted([1, 2], x, y)
    both = intervals(model, evidence_of(model, x, y), x, kind="mean")
    known = posterior(model, evidence_of(model, x, y))
    assert (known.noise / torch.tensor([0.02, 0.5]) - 1).abs().max() <= 0.15
    for j in range(2):
        alone = fitted([1, 1], x, y[:, j : j + 1])
        single = intervals(alone, evidence_of(alone, x, y[:, j : j + 1]), x, kind="mean")
        assert relative_distance(both.deviation[:, j], single.deviation[:, 0]) <= 0.2


def test_units_do_not_matter():
    x, y = noisy(150)
    plain = quick(fresh([1, 1]), x, y, validation=0, standardise=True).model
    large = quick(fresh([1, 1]), 50 * x + 7, 1e3 * y - 4, validation=0, standardise=True).model
    one = intervals(plain, evidence_of(plain, x, y), x)
    other = intervals(large, evidence_of(large, 50 * x + 7, 1e3 * y - 4), 50 * x + 7)
    assert relative_distance(other.deviation, 1e3 * one.deviation) <= 1e-6
    assert relative_distance(other.upper, 1e3 * one.upper - 4) <= 1e-6


def test_weights_are_precisions_and_only_their_ratios_count():
    x, y = noisy(400, sd=0.0)
    weights = torch.where(x[:, 0] > 0, 4.0, 0.25)
    y = y + 0.1 * noise(400) * weights.rsqrt()[:, None]
    model = fitted([1, 1], x, y, weights=weights)
    found = [posterior(model, evidence_of(model, x, y, weights=factor * weights)) for factor in (1.0, 7.0)]
    assert relative_distance(found[0].root, found[1].root) <= 1e-6
    assert abs(float(found[0].noise) * float(weights.mean().sqrt()) / 0.1 - 1) <= 0.1


def test_penalties_narrow_them():
    x, y = noisy(60)
    model = fitted([1, 1], x, y)
    bare, smoothed = (
        posterior(model, evidence_of(model, x, y, penalties=penalties)) for penalties in ((), (Roughness(1e-2),))
    )
    assert smoothed.effective_parameters < 0.9 * bare.effective_parameters


def test_in_parts_they_are_the_same(monkeypatch):
    x, y = noisy(400, inputs=2)
    y = torch.cat([y, x[:, :1]], dim=1)
    model = fitted([2, 2, 2], x, y, steps=10)
    monkeypatch.setattr(linear_model, "N_FOLDS", 2)
    whole, evidence = [], evidence_of(model, x, y)
    for size in (linear_model.MAX_JACOBIAN_ENTRIES, 3000):
        monkeypatch.setattr(linear_model, "MAX_JACOBIAN_ENTRIES", size)
        known = posterior(model, evidence)
        assert known.inflation.isfinite().all()
        plain = replace(known, inflation=torch.ones(2))  # rounding may lead a refit elsewhere
        whole.append(intervals(model, plain, x))
    assert relative_distance(whole[0].deviation, whole[1].deviation) <= 1e-6
    assert relative_distance(whole[0].lower, whole[1].lower) <= 1e-6


def test_what_is_frozen_is_known():
    x, y = noisy(100, inputs=2)
    model = fitted([2, 1], x, y)
    free = intervals(model, evidence_of(model, x, y), x, kind="mean").deviation
    frozen = copy.deepcopy(model)
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    frozen.kan_layers[0].bias.requires_grad_(True)
    only_bias = posterior(frozen, evidence_of(model, x, y))
    assert only_bias.effective_parameters <= 1
    assert intervals(frozen, evidence_of(model, x, y), x, kind="mean").deviation.mean() < free.mean()


@pytest.mark.slow
def test_the_model_stays_and_a_posterior_saves_the_work():
    x, y = noisy(100, inputs=2)
    model = fitted([2, 2, 1], x, y).float()
    state, random = state_of(model), torch.get_rng_state()
    evidence = evidence_of(model, x.float(), y.float())
    one = intervals(model, evidence, x.numpy())
    other = intervals(model, posterior(model, evidence), x)
    assert torch.equal(one.lower, other.lower)
    assert one.upper.dtype == torch.float64
    assert (one.lower < one.center).all()
    assert (one.center < one.upper).all()
    assert same_state(model, state)
    assert torch.equal(torch.get_rng_state(), random)
    assert intervals(model, evidence, x[:0]).center.shape == (0, 1)


@pytest.mark.parametrize(
    ("more", "options", "words"),
    [
        ({"loss": "poisson"}, {}, "ensemble"),
        ({}, {"level": 1.0}, "level"),
        ({}, {"level": "high"}, "level"),
        ({}, {"kind": "both"}, "kind"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_said(more, options, words):
    x, y = noisy(50)
    model = fresh([1, 1])
    with pytest.raises(ConfigError, match=words):
        intervals(model, evidence_of(model, x, y, **more), x, **options)


def test_too_few_rows_and_too_many_parameters_are_said(monkeypatch):
    x, y = noisy(8)
    model = fitted([1, 1], x, y)
    with pytest.raises(DataError, match="more rows"):
        posterior(model, evidence_of(model, x, y))
    monkeypatch.setattr(linear_model, "MAX_PARAMETERS", 5)
    with pytest.raises(ConfigError, match="ensemble"):
        posterior(model, evidence_of(model, x, y))
    with pytest.raises(DataError, match="x1"):
        intervals(model, evidence_of(model, x, y), torch.full((1, 1), torch.nan))


@pytest.mark.parametrize("count", [5, 30, 400])
def test_rows_of_the_fit_count_no_more_than_those_held_out_and_distance_from_the_end_only_without_them(count):
    x, y = noisy(100)
    model = fitted([1, 1], x, y, steps=1)  # it has not ended
    alone = posterior(model, evidence_of(model, x, y))
    held = tuple(part.detach() for part in noisy(count, seed=7))
    scaled = (model.input_scaling(held[0]), model.output_scaling(held[1]))
    known = posterior(model, evidence_of(model, x, y, held_out=scaled))
    assert torch.equal(known.degrees, alone.degrees.clamp_max(count) + count)
    assert known.root.shape[1] == alone.root.shape[1] - 1
    assert torch.equal(known.root, alone.root[:, :-1])
    deviation = intervals(model, replace(known, inflation=torch.ones(1)), held[0]).deviation
    scores = ((held[1] - model(held[0])) / deviation).square().sum(0)
    own = alone.degrees.clamp_max(count)
    assert relative_distance(known.inflation.square(), (own + scores) / (own + count)) <= 1e-9


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_difference_of_means_has_the_deviation_of_its_derivative_by_the_parameters(scale):
    x, y = noisy(60)
    y = y.exp() if scale == "log" else y
    model = quick(fresh([1, 1], output_scales=[scale]), x, y, validation=0, standardise=False, steps=5).model
    known = posterior(model, evidence_of(model, x, y))
    sets, reference, parameters = x[:6].reshape(2, 3, 1), x[6:8], ParameterVector.of(model)

    def mean(rows):
        jacobian = linearise(model, parameters, model.input_scaling(rows))[1]
        return ((model(rows) if scale == "log" else torch.ones(len(rows), 1))[:, :, None] * jacobian).mean(0)

    found = contrast_widths(model, known, sets, reference, 0.8)
    for width, rows in zip(found, sets, strict=True):
        deviation = ((mean(rows) - mean(reference)) @ known.root).norm() * known.inflation
        assert relative_distance(width, torch.as_tensor(stats.t.ppf(0.9, known.degrees)) * deviation.detach()) <= 1e-9
    assert contrast_widths(model, known, reference[None], reference, 0.8).abs().max() <= 1e-12
    assert torch.equal(intervals(model, known, x).upper, intervals(model, known, x, level=0.9).upper)


def test_errors_show_the_shape_of_the_noise_where_more_than_half_of_the_rows_are_left():
    x, y = noisy(100)
    model = fitted([1, 1], x, y)
    few = fitted([1, 1], x[:14], y[:14])
    assert len(posterior(model, evidence_of(model, x, y)).scores) == 100
    assert len(posterior(few, evidence_of(few, x[:14], y[:14])).scores) == 0


# ------------------------------------------------------------------------------------------------------- coverage

TRUTHS = {
    "1-D": ([1, 1], lambda x: torch.sin(3 * x[:, :1]) + x[:, :1] ** 2),
    "additive": ([2, 1], lambda x: torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2),
    "deep": ([2, 3, 1], lambda x: smooth(x / torch.tensor([2.0, 1.0]))),
}


def coverage(case, rows, sd, seed, *, judged, shape_of_noise="normal", **options):
    """Share of fresh rows, and of the true function's values there, inside the intervals of every level."""
    shape, truth = TRUTHS[case]
    x = uniform(rows + 2000, shape[0], seed=seed)
    y = truth(x)
    z = noise(len(x), seed=seed + 50)
    if shape_of_noise == "uniform":
        z = 3**0.5 * uniform(len(x), 1, seed=seed + 50)
    sd = sd * y.std()
    seen, held = slice(0, rows - judged), slice(rows - judged, rows)
    observed = y + sd * z
    validation = (x[held], observed[held]) if judged else 0
    settings = {"steps": 30, "starts": 2 if len(shape) > 2 else 1, "seed": seed, "validation": validation, **options}
    model = quick(fresh(shape, seed=seed), x[seen], observed[seen], **settings).model
    more = {"held_out": (model.input_scaling(x[held]), model.output_scaling(observed[held]))} if judged else {}
    known = posterior(model, evidence_of(model, x[seen], observed[seen], **more))
    new, shares = slice(rows, None), []
    for level in LEVELS:
        for kind, target in (("prediction", observed), ("mean", y)):
            found = intervals(model, known, x[new], level=level, kind=kind)
            shares.append(((found.lower <= target[new]) & (target[new] <= found.upper)).double().mean())
    return torch.stack(shares).reshape(len(LEVELS), 2)


def mean_gap(case, rows, sd, seeds, **more):
    shares = torch.stack([coverage(case, rows, sd, seed, **more) for seed in range(seeds)]).mean(0)
    return shares - torch.tensor(LEVELS, dtype=shares.dtype)[:, None]


@pytest.mark.parametrize(
    ("case", "rows", "judged"), [("1-D", 100, 0), ("additive", 300, 0), ("deep", 500, 0), ("deep", 500, 100)], ids=str
)
@pytest.mark.slow
def test_prediction_intervals_cover_what_they_promise(case, rows, judged):
    gap = mean_gap(case, rows, 0.2, 4 if case == "deep" else 8, judged=judged)
    assert gap[:, 0].abs().max() <= 0.03
    assert gap[:, 1].min() >= -0.08


@pytest.mark.slow
@pytest.mark.parametrize("shape_of_noise", ["normal", "uniform"])
@pytest.mark.parametrize("sd", [0.05, 0.3])
@pytest.mark.parametrize("rows", [100, 300, 1000, 2000])
@pytest.mark.parametrize("case", TRUTHS)
def test_and_so_they_do_for_every_size_and_noise(case, rows, sd, shape_of_noise):
    if rows < 300 and (case == "deep" or shape_of_noise == "uniform"):
        return  # the shape of the noise is not to be had from so few rows, nor are 76 parameters
    seeds = max(4, min(24, 7200 // rows))
    for judged, grids in ((0, None), (rows // 5, "auto")):
        more = {"shape_of_noise": shape_of_noise, "grids": grids, "steps": 60}
        gaps = mean_gap(case, rows, sd, seeds, judged=judged, **more)[:, 0].abs()
        # At 80 % even noise ends where the density is full: what its shape is mistaken by costs most there.
        assert gaps[0] <= (0.04 if shape_of_noise == "uniform" else 0.03)
        assert gaps[1:].max() <= 0.03


@pytest.mark.parametrize("count", [9, 10, 19, 20, 39, 40, 99])
@pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.75, 0.8, 0.9])
def test_a_prediction_interval_takes_the_conformal_rank_of_the_errors(count, level):
    """`⌈(n + 1) p⌉` of n sorted errors (Lei et al. 2018), where enough of them lie beyond; else Student's quantile."""
    model = fresh([1, 2])
    scores = torch.arange(1.0, count + 1, dtype=torch.float64)[:, None] * torch.tensor([[1.0, 3.0]]).double()
    noise, inflation = torch.tensor([0.5, 2.0]).double(), torch.tensor([1.0, 1.5]).double()
    parameters = len(posterior(model, evidence_of(model, uniform(40, 1), noisy(40, outputs=2)[1])).root)
    known = Posterior(
        torch.zeros(parameters, 1).double(), noise, torch.tensor([7.0, 30.0]).double(), scores, inflation, 1.0
    )
    found = intervals(model, known, uniform(3, 1), level=level)
    rank = -(-(count + 1) * round(100 * level) // 100)
    student = torch.from_numpy(stats.t.ppf((1 + level) / 2, [7.0, 30.0]))
    factor = scores[rank - 1] if count - rank >= 5 else student
    scale = model.output_scaling.scale.double()
    half = ((found.upper - found.lower) / 2).mean(0)
    assert torch.allclose(half, factor * noise * inflation * scale, rtol=1e-12)
    assert torch.allclose(found.deviation, (noise * inflation * scale).expand(3, 2), rtol=1e-12)
    mean = intervals(
        model, replace(known, root=torch.full((parameters, 1), 1e-3).double()), uniform(3, 1), level=level, kind="mean"
    )
    assert torch.allclose((mean.upper - mean.lower) / 2, student * mean.deviation, rtol=1e-10)
