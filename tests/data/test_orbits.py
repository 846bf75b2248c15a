"""The table of orbits is well-formed, and the sky obeys Kepler in it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from splinework.data import load_orbits
from splinework.data.orbits import ORBIT_COLUMNS

GRAVITATION = 6.6743e-11  # m³/(kg s²), CODATA 2018
DAY = 86_400.0

# kg, of the bodies that are heaviest beside what they circle
HEAVY = {
    "Jupiter": 1.898125e27,
    "Saturn": 5.68317e26,
    "Moon": 7.346e22,
    "Titan": 1.345e23,
    "Triton": 2.14e22,
    "Dysnomia": 8.2e19,
    "Hi'iaka": 1.79e19,
    "Gamma": 9.8e10,
}


def kepler_residual(*, moving_mass: bool) -> NDArray[np.float64]:
    """Logarithm of period over the period of Kepler's third law."""
    orbits = load_orbits()
    mass = orbits["central_mass_kg"].to_numpy()
    if moving_mass:
        mass = mass + orbits["body"].map(HEAVY).fillna(0.0).to_numpy()
    axis = orbits["semi_major_axis_km"].to_numpy() * 1e3
    period = 2 * np.pi * np.sqrt(axis**3 / (GRAVITATION * mass)) / DAY
    return np.log(orbits["period_days"].to_numpy() / period)


def test_the_table_is_well_formed() -> None:
    orbits = load_orbits()
    assert tuple(orbits.columns) == ORBIT_COLUMNS
    assert len(orbits) == 68
    assert orbits["body"].is_unique
    assert not orbits.isna().to_numpy().any()
    numbers = orbits[list(ORBIT_COLUMNS[2:])]
    assert (numbers.dtypes == "float64").all()
    assert np.isfinite(numbers).to_numpy().all()
    assert (numbers > 0).to_numpy().all()


def test_one_central_body_has_one_mass() -> None:
    assert (load_orbits().groupby("central_body")["central_mass_kg"].nunique() == 1).all()


def test_axes_span_ten_orders_of_magnitude_and_masses_seventeen() -> None:
    orbits = load_orbits()
    for column, orders in (("semi_major_axis_km", 10), ("central_mass_kg", 17), ("period_days", 7)):
        assert np.log10(orbits[column].max() / orbits[column].min()) > orders


def test_the_law_of_kepler_holds_to_seven_tenths_of_a_per_cent() -> None:
    residual = kepler_residual(moving_mass=True)
    assert np.abs(residual).max() < 7e-3
    assert np.sqrt(np.mean(residual**2)) < 1.7e-3
    assert np.median(np.abs(residual)) < 5e-4


def test_the_law_holds_with_the_central_mass_alone_too() -> None:
    residual = np.abs(kepler_residual(moving_mass=False))
    assert residual.max() < 8e-3


def test_least_squares_finds_the_exponents() -> None:
    orbits = np.log(load_orbits()[list(ORBIT_COLUMNS[2:])].to_numpy())
    design = np.column_stack([orbits[:, :2], np.ones(len(orbits))])
    mass, axis, _ = np.linalg.lstsq(design, orbits[:, 2])[0]
    assert axis == pytest.approx(1.5, abs=2e-3)
    assert mass == pytest.approx(-0.5, abs=2e-3)


def test_each_call_gives_a_frame_of_its_own() -> None:
    orbits = load_orbits()
    orbits.loc[0, "period_days"] = -1.0
    assert (load_orbits()["period_days"] > 0).all()
