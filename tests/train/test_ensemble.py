"""Ensembles: members of their own, a mean, intervals that cover, for any loss."""

import pytest
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.train.ensembles import _draw, ensemble
from tests.contracts.cases import relative_distance
from tests.interpret.edit.cases import same_state, state_of
from tests.train.cases import fresh, noise, smooth, thinned, uniform

RESAMPLES = ("bootstrap", "seeds")
every_resample = pytest.mark.parametrize("resample", RESAMPLES)
QUICK = {"steps": 12, "grids": None, "starts": 1, "progress": False}


def noisy(count, *, inputs=1, sd=0.2, seed=0):
    x = uniform(count, inputs, seed=seed)
    return x, torch.sin(2 * x[:, :1]) + x[:, -1:] ** 2 + sd * noise(count, seed=seed + 100)


@every_resample
def test_members_differ_the_mean_is_theirs_and_the_model_stays(resample):
    x, y = noisy(120, inputs=2)
    model = thinned([2, 3, 1])
    state, random = state_of(model), torch.get_rng_state()
    several = ensemble(model, x, y, members=4, resample=resample, **QUICK)
    values = torch.stack([member(x) for member in several.models]).detach()
    assert relative_distance(several.predict(x), values.mean(0)) <= 1e-12
    assert values.std(0).min() > 0
    assert len(several.histories) == 4
    assert all(torch.equal(member.kan_layers[0].mask, model.kan_layers[0].mask) for member in several.models)
    assert same_state(model, state)
    assert torch.equal(torch.get_rng_state(), random)


@every_resample
def test_the_same_seed_gives_the_same_bits_and_another_does_not(resample):
    x, y = noisy(80)
    one, same, other = (
        ensemble(fresh([1, 1]), x, y, members=3, resample=resample, seed=seed, **QUICK).predict(x) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@every_resample
@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.slow
def test_intervals_cover_what_they_promise_and_the_reported_coverage_agrees(resample, inputs):
    gaps, reported = [], []
    for seed in range(4):
        x, y = noisy(300 + 2000, inputs=inputs, seed=seed)
        several = ensemble(fresh([inputs, 1]), x[:300], y[:300], members=6, resample=resample, seed=seed, **QUICK)
        for level in (0.8, 0.9, 0.95):
            found = several.interval(x[300:], level=level)
            inside = (found.lower <= y[300:]) & (y[300:] <= found.upper)
            gaps.append(inside.double().mean() - level)
        reported.append(several.coverage)
    assert torch.stack(gaps).reshape(4, 3).mean(0).abs().max() <= 0.03
    assert (torch.stack(reported).mean() - 0.9).abs() <= 0.03


def test_the_noise_is_found_and_the_mean_is_surer_than_a_prediction():
    x, y = noisy(400, sd=0.2)
    several = ensemble(fresh([1, 1]), x, y, members=6, **QUICK)
    assert abs(float(several.noise) / 0.2 - 1) <= 0.15
    mean, prediction = (several.interval(x, kind=kind) for kind in ("mean", "prediction"))
    assert torch.equal(mean.center, prediction.center)
    assert (mean.deviation < prediction.deviation).all()
    wide, narrow = several.interval(x, level=0.95), several.interval(x, level=0.5)
    assert (wide.lower < narrow.lower).all()
    far = several.interval(torch.tensor([[0.0], [5.0]], dtype=torch.float64), kind="mean").deviation
    assert far[1] > 3 * far[0]


def test_a_logarithmic_output_is_positive_and_its_ends_are_around_the_geometric_mean():
    x, y = noisy(200)
    several = ensemble(fresh([1, 1], output_scales=["log"]), x, y.exp(), members=4, **QUICK)
    found = several.interval(x)
    assert relative_distance(several.predict(x), found.center) <= 1e-12
    assert relative_distance(found.lower * found.upper, found.center**2) <= 1e-9
    assert abs(float(several.noise) / 0.2 - 1) <= 0.3


def test_it_takes_any_loss_and_weights():
    x, y = noisy(150)
    robust = ensemble(fresh([1, 1]), x, y, members=3, loss="huber", weights=torch.ones(150), **QUICK)
    assert robust.interval(x).lower.isfinite().all()
    counts = (y.exp() * 3).round()
    several = ensemble(fresh([1, 1]), x, counts, members=3, loss="poisson", **QUICK)
    assert several.noise.isnan().all()
    mean = several.interval(x, kind="mean")
    assert (mean.lower < mean.upper).all()
    with pytest.raises(ConfigError, match="mean"):
        several.interval(x)


@every_resample
@pytest.mark.parametrize("count", [3, 10, 57])
def test_no_member_is_judged_or_checked_by_rows_that_it_was_fitted_to(count, resample):
    generator = torch.Generator().manual_seed(0)
    folds = torch.arange(count).tensor_split(3)
    for fold in folds:
        parts = [set(part.tolist()) for part in _draw(count, fold, resample, True, generator)]
        assert sum(map(len, parts)) == len(set.union(*parts)) <= count
        drawn, judges, left = parts
        assert drawn
        assert len(judges) <= max(len(left), 1)


def test_an_interrupt_ends_it_with_the_members_that_there_are():
    x, y = noisy(60)
    fits = []

    def interrupt(after):
        def callback(step):
            if step.number == 1:
                fits.append(step)
            if len(fits) == after:
                raise KeyboardInterrupt

        return callback

    several = ensemble(fresh([1, 1]), x, y, members=5, callbacks=[interrupt(3)], **QUICK)
    assert len(several.models) == 3
    assert several.interval(x).lower.isfinite().all()
    fits.clear()
    with pytest.raises(KeyboardInterrupt):
        ensemble(fresh([1, 1]), x, y, members=5, callbacks=[interrupt(1)], **QUICK)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": 1}, "members"),
        ({"members": 2.5}, "members"),
        ({"resample": "jackknife"}, "bootstrap"),
        ({"epochs": 3}, "epochs"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_said(options, words):
    x, y = noisy(50)
    with pytest.raises(ConfigError, match=words):
        ensemble(fresh([1, 1]), x, y, **{**QUICK, **options})


def test_wrong_data_are_said():
    x, y = noisy(50)
    with pytest.raises(ShapeError, match="50"):
        ensemble(fresh([1, 1]), x, y[:40], **QUICK)
    with pytest.raises(DataError, match="finite"):
        ensemble(fresh([1, 1]), x, y / 0, **QUICK)
    several = ensemble(fresh([1, 1]), x, y, members=2, **QUICK)
    for options in ({"level": 0}, {"kind": "both"}):
        with pytest.raises(ConfigError):
            several.interval(x, **options)


def test_smooth_functions_of_two_inputs_are_better_known_by_several():
    x = uniform(150, 2)
    y = smooth(x)
    y = y + 0.3 * y.std() * noise(150)
    new = uniform(1000, 2, seed=5)
    several = ensemble(fresh([2, 2, 1]), x, y, members=5, **QUICK)
    errors = torch.stack([(member(new) - smooth(new)).square().mean() for member in several.models])
    assert (several.predict(new) - smooth(new)).square().mean() < errors.mean()
