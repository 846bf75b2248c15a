"""The orbits of planets, dwarf planets and moons, with the mass of the body that each one circles.

Measurements, typed from the literature; no physics is computed here.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ORBIT_COLUMNS = ("body", "central_body", "central_mass_kg", "semi_major_axis_km", "period_days")


def load_orbits() -> pd.DataFrame:
    """Load 68 measured orbits of the solar system.

    Kepler's third law in Newton's form holds in the table, `P = 2π √(a³ / (G (M + m)))`, with a root mean
    square residual of 0.16 % once the mass m of the moving body is counted. The table has M only, and bodies
    with more than 2 % of the mass that they circle (Charon, Squannit, Beta) are left out; the Moon is 0.5 % off.

    Sources: NASA/JPL Solar System Dynamics, NASA NSSDCA fact sheets, The Astronomical Almanac, and for the
    moons of small bodies the papers named in `orbits.md` beside the table, which also says what the table
    cannot show. The figures are facts in the public domain; the table is offered under CC0 1.0.

    Returns:
        A frame with one row an orbit: `body` and `central_body` (names), `central_mass_kg` (kilograms),
        `semi_major_axis_km` (kilometres) and `period_days` (sidereal, in days of 86 400 s). A new frame at
        each call.

    Example:
        >>> orbits = load_orbits()
        >>> earth = orbits[orbits["body"] == "Earth"].iloc[0]
        >>> round(float(earth["period_days"]), 2)
        365.26
    """
    import pandas as pd  # here, not above: importing splinework.data must stay light

    numbers = dict.fromkeys(ORBIT_COLUMNS[2:], "float64")
    with files(__package__).joinpath("orbits.csv").open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=numbers)
