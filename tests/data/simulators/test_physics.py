"""Chains of atoms obey their mobility edges; stresses are those of tensors; knots are numbers."""

import numpy as np
import pytest

from splinework.data import load_knots
from splinework.data.knots import KNOT_FEATURES
from splinework.data.simulators.localisation import AMBIGUOUS_RANGE, GOLDEN_RATIO, LocalisationSet
from splinework.data.simulators.materials import material, material_names
from splinework.errors import ConfigError, DataError

MODELS = ("aubry_andre", "mosaic", "exponential_hopping", "nearest_hopping")


@pytest.mark.parametrize("model", MODELS)
def test_clear_states_lie_on_the_analytic_side_of_the_edge(model):
    recipe = LocalisationSet(model, sites=610 if model.endswith("hopping") else 987, states=400)
    drawn = recipe.draw(4000, seed=0)
    agree = (recipe.edge(drawn.x) > 0) == (drawn.y > 0)
    assert agree.mean() >= 0.99
    assert 0.05 < drawn.y.mean() < 0.95


@pytest.mark.parametrize("model", MODELS)
def test_states_are_those_of_the_dense_matrix(model):
    sites, values, phase = 60, [0.8, 0.6][: 1 if model == "mosaic" else 2], 0.3
    n = np.arange(1, sites + 1)
    wave = np.cos(2 * np.pi * GOLDEN_RATIO * n + phase)
    if model.endswith("hopping"):
        matrix = np.exp(-0.6 * np.abs(n[:, None] - n)) * (np.exp(0.6) if model == "nearest_hopping" else 1.0)
        np.fill_diagonal(matrix, 0.8 * wave)
    else:
        potential = 1.6 * wave / (1 - 0.6 * wave) if model == "aubry_andre" else 1.6 * wave * (n % 2 == 0)
        matrix = np.diag(potential) + np.eye(sites, k=1) + np.eye(sites, k=-1)
    energies, states = np.linalg.eigh(matrix)
    found, ratios = LocalisationSet(model, sites=sites).spectrum(values, phase=phase)
    np.testing.assert_allclose(found, energies, atol=1e-12)
    np.testing.assert_allclose(ratios, -np.log((states**4).sum(axis=0)) / np.log(sites), atol=1e-9)


def test_the_two_conventions_of_hopping_are_told_apart():
    drawn = LocalisationSet("nearest_hopping", sites=233).draw(1000, seed=0)
    mixed = (LocalisationSet("exponential_hopping").edge(drawn.x) > 0) == (drawn.y > 0)
    assert mixed.mean() < 0.8


def test_labels_are_words_and_unclear_states_are_dropped():
    drawn = LocalisationSet("mosaic", sites=233).draw(200, seed=0)
    assert set(drawn.frame()["state"]) == {"localised", "extended"}
    assert (drawn.frame()["state"] == "extended").sum() == drawn.y.sum()
    assert AMBIGUOUS_RANGE[0] < AMBIGUOUS_RANGE[1]
    assert drawn.x.shape == (200, 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LocalisationSet("anderson"),
        lambda: LocalisationSet("mosaic", sites=3),
        lambda: LocalisationSet("mosaic", states=0),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ConfigError):
        make()


@pytest.mark.parametrize("name", material_names())
def test_stresses_are_those_of_tensors(name):
    drawn = material(name).draw(1000, seed=0)
    law, _, component = name.partition(":P")
    i, j = (int(digit) - 1 for digit in component)
    mu, lam = 1 / 2.4, 0.2 / (1.2 * 0.6)
    for row, y in zip(drawn.x[::25].reshape(-1, 3, 3), drawn.y[::25], strict=True):
        inverse = np.linalg.inv(row).T
        strain = (row + row.T) / 2 - np.eye(3)
        stress = {
            "linear_elastic": lam * np.trace(strain) * np.eye(3) + 2 * mu * strain,
            "neo_hookean": mu * (row - inverse) + lam * np.log(np.linalg.det(row)) * inverse,
        }[law]
        assert y == pytest.approx(stress[i, j], rel=1e-12, abs=1e-14)


def test_the_stress_free_state_is_free_of_stress():
    for name in material_names():
        assert material(name).evaluate(np.eye(3).reshape(1, 9))[0, 0] == pytest.approx(0.0, abs=1e-16)


def test_without_the_package_of_knots_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "database_knotinfo", None)
    with pytest.raises(DataError, match=r"splinework\[knots\]"):
        load_knots()


def test_knots_are_numbers_that_obey_geometry():
    pytest.importorskip("database_knotinfo")
    knots = load_knots()
    assert len(knots) == 2945
    assert knots[list(KNOT_FEATURES)].notna().all().all()
    eight = knots.set_index("name").loc["4_1"]
    assert (eight["volume"], eight["longitude"]) == pytest.approx((2.0298832128, 2 * np.sqrt(3)))
    assert (knots["signature"] % 2 == 0).all()
    np.testing.assert_allclose(
        np.hypot(knots["meridian_re"], knots["meridian_im"]), knots["meridian_length"], rtol=1e-6
    )
    # twice the volume of the cusp is the area of its torus
    np.testing.assert_allclose(knots["longitude"] * knots["meridian_im"], 2 * knots["cusp_volume"], rtol=1e-6)
    assert (knots.loc[knots["amphicheiral"] == 1, "signature"] == 0).all()
