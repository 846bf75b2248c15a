"""Measured orbits of planets, dwarf planets and moons, with the mass of the central body, from the literature."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from splinework.errors.foreign import explained

if TYPE_CHECKING:
    import pandas as pd

ORBIT_COLUMNS = ("body", "central_body", "central_mass_kg", "semi_major_axis_km", "period_days")


@explained
def load_orbits() -> pd.DataFrame:
    """Load 68 measured orbits of the solar system.

    Kepler's third law in Newton's form holds in the table, `P = 2π √(a³ / (G (M + m)))`, with a root mean
    square residual of 0.16 % if the mass m of the orbiting body is included. The table has M only; bodies with
    more than 2 % of the central mass (Charon, Squannit, Beta) are excluded; the Moon deviates by 0.5 %.

    Sources: NASA/JPL Solar System Dynamics, NASA NSSDCA fact sheets, The Astronomical Almanac, and for the
    moons of small bodies the papers cited in `orbits.md` next to the table, with its limitations. The figures
    are facts in the public domain; the table is offered under CC0 1.0.

    Returns:
        A new frame with one row per orbit: `body` and `central_body` (names), `central_mass_kg` (kilograms),
        `semi_major_axis_km` (kilometres) and `period_days` (sidereal, in days of 86 400 s).

    Raises:
        OSError: If the package data are missing.

    Example:
        >>> orbits = load_orbits()
        >>> earth = orbits[orbits["body"] == "Earth"].iloc[0]
        >>> round(float(earth["period_days"]), 2)
        365.26
    """
    import pandas as pd  # local, since importing splinework.data must be fast

    numbers = dict.fromkeys(ORBIT_COLUMNS[2:], "float64")
    with files(__package__).joinpath("orbits.csv").open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=numbers)
