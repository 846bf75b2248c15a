"""Noise: the statistics that it promises, a stream for each model, and the floor that the truth has."""

import numpy as np
import pytest
from scipy import stats

from splinework.data import FormulaSet, Input
from splinework.data.designs import Uniform
from splinework.data.noise import (
    NOISES,
    Censored,
    Drift,
    Gaussian,
    Heteroscedastic,
    InputNoise,
    Missing,
    Outliers,
    Quantised,
    Rounded,
    StudentT,
)
from splinework.data.serialisation import from_dict, to_dict
from splinework.errors import ConfigError, FormulaError
from tests.families import every

INPUTS = (Input("a", 1.0, 3.0), Input("b", -2.0, 2.0))
ROWS = 20_000
MODELS = [
    Gaussian(0.1),
    Gaussian(0.1, of="std"),
    Heteroscedastic("0.1*a"),
    StudentT(0.1, 5.0),
    Outliers(0.01),
    InputNoise(0.2),
    Rounded(3),
    Censored(low=-1.0, high=2.0),
    Quantised(6),
    Missing(0.1, "all"),
    Drift(0.3),
]
every_model = every("model", MODELS)


def drawn(*models, rows=ROWS, seed=1):
    return FormulaSet("a*b + 3", INPUTS, Uniform(), models).draw(rows, seed=seed)


CLEAN = drawn()
RMS = np.sqrt(np.mean(CLEAN.y**2))


@every_model
def test_the_seed_decides_every_bit_and_only_what_it_must_is_changed(model):
    found = drawn(model)
    assert found.digest == drawn(model).digest != CLEAN.digest
    if isinstance(model, (InputNoise, Missing)):
        return
    np.testing.assert_array_equal(found.x, CLEAN.x)
    assert found.truth.noise_floor == pytest.approx(np.sqrt(np.mean((found.y - CLEAN.y) ** 2)), rel=1e-12)


@every_model
def test_a_model_survives_as_plain_values(model):
    assert from_dict(to_dict(model), NOISES) == model


def test_there_is_a_case_of_every_model():
    assert {type(model) for model in MODELS} == set(NOISES)


def test_gaussian_noise_has_its_size_and_shape():
    for model, scale in ((Gaussian(0.1), RMS), (Gaussian(0.1, of="std"), CLEAN.y.std())):
        gap = (drawn(model).y - CLEAN.y) / (0.1 * scale)
        assert stats.kstest(gap, stats.norm.cdf).pvalue > 0.01
        assert drawn(model).truth.noise_floor == pytest.approx(0.1 * scale, rel=0.02)
    assert drawn(Gaussian(0.0)).y.tobytes() == CLEAN.y.tobytes()


def test_heteroscedastic_noise_follows_its_formula():
    gap = (drawn(Heteroscedastic("0.1*a**2")).y - CLEAN.y) / (0.1 * CLEAN.x[:, 0] ** 2)
    assert stats.kstest(gap, stats.norm.cdf).pvalue > 0.01
    with pytest.raises(ConfigError, match="negative"):
        drawn(Heteroscedastic("b"))
    with pytest.raises(FormulaError, match="unknown"):
        drawn(Heteroscedastic("c"))


def test_student_noise_is_scaled_to_its_standard_deviation():
    gap = (drawn(StudentT(0.1, 5.0)).y - CLEAN.y) / (0.1 * RMS)
    assert stats.kstest(gap * np.sqrt(5 / 3), stats.t(5).cdf).pvalue > 0.01
    assert gap.std() == pytest.approx(1.0, rel=0.05)


def test_outliers_are_as_many_and_as_far_as_said():
    gap = np.abs(drawn(Outliers(0.02, 5.0)).y - CLEAN.y) / RMS
    hit = gap > 0
    assert hit.mean() == pytest.approx(0.02, abs=0.004)
    assert 5.0 <= gap[hit].min() < gap[hit].max() <= 10.0
    signs = np.sign(drawn(Outliers(0.5, 5.0)).y - CLEAN.y)
    assert abs(signs.mean()) < 0.02


def test_input_noise_attenuates_a_line_by_the_factor_on_the_card():
    recipe = FormulaSet("2*a", INPUTS[:1], Uniform(), (InputNoise(0.5),))
    found = recipe.draw(ROWS, seed=3)
    slope = np.polyfit(found.x[:, 0], found.y, 1)[0]
    assert slope / 2 == pytest.approx(InputNoise(0.5).attenuation(), rel=0.02)
    assert "by the factor 0.8" in found.card().to_markdown()
    # the truth at what was recorded misses by 2 times the error
    assert found.truth.noise_floor == pytest.approx(2 * 0.5 * 2 / np.sqrt(12), rel=0.02)


def test_rounding_quantising_and_censoring():
    rounded = drawn(Rounded(2), rows=500)
    np.testing.assert_array_equal(rounded.y, [float(f"{value:.1e}") for value in CLEAN_500.y])
    quantised = drawn(Quantised(4), rows=500).y
    assert len(np.unique(quantised)) <= 16
    low, high = CLEAN_500.y.min(), CLEAN_500.y.max()
    assert np.abs(quantised - CLEAN_500.y).max() <= (high - low) / 15 / 2 * (1 + 1e-12)
    np.testing.assert_array_equal(drawn(Censored(0.0, 4.0), rows=500).y, np.clip(CLEAN_500.y, 0, 4))
    np.testing.assert_array_equal(drawn(Censored(high=4.0), rows=500).y, np.minimum(CLEAN_500.y, 4))


CLEAN_500 = drawn(rows=500)


def test_missing_cells_are_as_many_as_said_and_where_said():
    for where, x, y in (("inputs", 0.1, 0.0), ("target", 0.0, 0.1), ("all", 0.1, 0.1)):
        found = drawn(Missing(0.1, where))
        assert np.isnan(found.x).mean() == pytest.approx(x, abs=0.01)
        assert np.isnan(found.y).mean() == pytest.approx(y, abs=0.01)
        assert found.truth.noise_floor == 0.0
        known = ~np.isnan(found.x)
        np.testing.assert_array_equal(found.x[known], CLEAN.x[known])


def test_a_drift_grows_evenly():
    gap = drawn(Drift(-0.5)).y - CLEAN.y
    np.testing.assert_allclose(gap, np.linspace(0, -0.5 * RMS, ROWS), atol=1e-12)


def test_models_are_applied_in_order_with_a_stream_each():
    both = drawn(Gaussian(0.1), Censored(high=4.0))
    np.testing.assert_array_equal(both.y, np.minimum(drawn(Gaussian(0.1)).y, 4.0))
    first, second = drawn(Gaussian(0.1)).y - CLEAN.y, drawn(Gaussian(0.0), Gaussian(0.1)).y - CLEAN.y
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


@every(
    ("make", "fragment"),
    [
        (lambda: Gaussian(-0.1), "gamma"),
        (lambda: Gaussian(float("nan")), "gamma"),
        (lambda: StudentT(0.1, 2.0), "above 2"),
        (lambda: Outliers(1.1), "between 0 and 1"),
        (lambda: Outliers(0.1, -1), "scale"),
        (lambda: InputNoise(-1), "at least 0"),
        (lambda: Rounded(0), "1 to 17"),
        (lambda: Censored(), "lowest"),
        (lambda: Censored(1.0, 1.0), "low < high"),
        (lambda: Quantised(60), "1 to 52"),
        (lambda: Missing(-0.1), "between 0 and 1"),
        (lambda: Drift(float("inf")), "finite"),
    ],
)
def test_what_cannot_be_is_refused(make, fragment):
    with pytest.raises(ConfigError, match=fragment):
        make()
