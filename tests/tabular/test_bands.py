"""Bands of effects of estimators: they cover the truth about as often as they say, and are in the units of the target."""

import numpy as np
import pytest

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.importance import effects


def truth(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x[:, 0]) + 0.7 * x[:, 1] ** 2 + 0.3 * x[:, 2]


def rows(seed: int, count: int = 150) -> np.ndarray:
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 3))
    x[:, 2] = x[:, 2] > 0
    return x


def coverage(make, targets, logits, seeds: int, count: int) -> float:
    inside = []
    for seed in range(seeds):
        x, generator = rows(seed, count), np.random.default_rng([seed, 1])
        model = make().fit(x, targets(logits(x), generator))
        for found, wanted in zip(effects(model, x), effects(logits, x), strict=True):
            inside.append(np.mean(np.abs(found.effect - wanted.effect) <= found.width + 1e-12))
    return float(np.mean(inside))


def normal(values, generator):
    return values + generator.normal(0, 0.4, len(values))


def labels(values, generator):
    return (generator.uniform(size=len(values)) < 1 / (1 + np.exp(-values))).astype(int)


@pytest.mark.slow
def test_bands_of_ninety_percent_cover_about_that_share():
    assert 0.82 <= coverage(lambda: sw.KANRegressor(hidden=0), normal, truth, 6, 150) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "targets", "logits", "seeds", "count", "least"),
    [
        (lambda: sw.KANRegressor(), normal, lambda x: truth(x) + x[:, 0] * x[:, 1], 6, 200, 0.82),
        (lambda: sw.KANRegressor(hidden=0, loss="poisson"), lambda v, g: g.poisson(np.exp(v)), truth, 12, 200, 0.82),
        (lambda: sw.KANClassifier(hidden=0), labels, lambda x: 4 * truth(x) - 2, 12, 500, 0.75),
    ],
    ids=["interaction", "counts", "classes"],
)
def test_bands_of_other_likelihoods(make, targets, logits, seeds, count, least):
    assert least <= coverage(make, targets, logits, seeds, count)


def test_bands_are_in_the_units_of_the_target_and_grow_with_the_noise():
    x, generator = rows(0), np.random.default_rng(5)
    noise = generator.normal(size=150)
    found = {}
    for scale, share in ((1, 0.1), (1000, 0.1), (1, 0.4)):
        model = sw.KANRegressor(hidden=0).fit(x, scale * (truth(x) + share * noise))
        found[scale, share] = effects(model, x)
    for one, other, noisy in zip(*found.values(), strict=True):
        np.testing.assert_allclose(1000 * one.effect, other.effect, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(1000 * one.width, other.width, rtol=1e-6)
        assert 2 < np.median(noisy.width) / np.median(one.width) < 8


def test_a_wider_level_is_wider_and_what_has_no_rows_has_no_band(tmp_path):
    x = rows(0)
    model = sw.KANRegressor(hidden=0).fit(x, normal(truth(x), np.random.default_rng(0)))
    narrow, wide = (effects(model, x, level=level) for level in (0.5, 0.99))
    assert all(np.all(a.width < b.width) for a, b in zip(narrow, wide, strict=True))
    assert effects(model, None)[0].width is not None  # the rows of the fit
    with pytest.raises(ConfigError, match="between 0 and 1"):
        effects(model, x, level=1.5)
    model._sample = None
    assert all(each.width is None for each in effects(model, x))
    constant = sw.KANRegressor(hidden=0).fit(x, np.ones(len(x)))
    assert all(np.all(each.width == 0) for each in effects(constant, x))


def test_the_report_draws_the_bands_where_the_estimator_has_rows(tmp_path):
    x = rows(0)
    model = sw.KANRegressor(hidden=0).fit(x, normal(truth(x), np.random.default_rng(0)))
    page = model.report(tmp_path / "a.html", equations=False).read_text()
    assert page.count('class="band"') >= 2
    assert "90 % confidence bands of the effect" in page
    model._sample = None
    other = model.report(
        tmp_path / "b.html", x, normal(truth(x), np.random.default_rng(0)), equations=False
    ).read_text()
    assert 'class="band"' not in other.partition('id="effects"')[2].partition("</section>")[0]


@pytest.mark.slow
def test_categories_and_several_outputs_have_bands():
    import pandas as pd

    x = rows(1, 200)
    frame = pd.DataFrame({"a": x[:, 0], "kind": np.where(x[:, 2] > 0, "new", np.where(x[:, 1] > 0, "old", "used"))})
    y = np.stack([x[:, 0] + x[:, 2], x[:, 0] ** 2], axis=1) + 0.1 * np.random.default_rng(0).normal(size=(200, 2))
    a, kind = effects(sw.KANRegressor(hidden=0).fit(frame, y), frame)
    assert a.width.shape == a.effect.shape == (49, 2)
    assert kind.width.shape == kind.effect.shape
    assert kind.width.min() > 0
    refitted = sw.KANRegressor(hidden=0).fit(frame, y)
    before = effects(refitted, frame)[0].width
    refitted.fit(frame, 10 * y)
    np.testing.assert_allclose(effects(refitted, frame)[0].width, 10 * before, rtol=1e-6)


@pytest.mark.parametrize("targets", [normal, labels])
def test_features_that_were_learned_have_bands_of_their_network(targets):
    x = rows(3, 120)
    model = sw.KANTransformer(hidden=0, max_iter=20).fit(x, targets(truth(x), np.random.default_rng(2)))
    estimator = sw.KANRegressor if targets is normal else sw.KANClassifier
    same = estimator(hidden=0, max_iter=20, members=1).fit(x, targets(truth(x), np.random.default_rng(2)))
    for found, wanted in zip(effects(model, x), effects(same, x), strict=True):
        assert np.isfinite(found.width).all()
        assert (found.width > 0).any()
        assert np.allclose(found.effect, wanted.effect, atol=1e-6)
