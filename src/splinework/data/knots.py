"""Invariants of mathematical knots, from the tables of KnotInfo in the package `database_knotinfo`.

That package is optional and under the GPL; none of its data are part of splinework.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from splinework.errors import DataError
from splinework.errors.foreign import explained

if TYPE_CHECKING:
    import pandas as pd

KNOT_TARGET: Final = "signature"
KNOT_FEATURES: Final = (
    "crossing_number", "three_genus", "smooth_four_genus", "bridge_index", "braid_index", "turaev_genus",
    "determinant", "arf_invariant", "alternating", "amphicheiral", "volume", "cusp_volume", "longitude",
    "meridian_re", "meridian_im", "meridian_length", "chern_simons",
)  # fmt: skip
"""17 invariants. The 17 of the KAN paper (Davies et al. 2021) include some that KnotInfo lacks: injectivity radius, adjoint
torsion degrees."""
_NUMERIC_COLUMNS: Final = {
    **{name: name for name in (*KNOT_FEATURES[:8], "volume", "meridian_length")},
    "cusp_volume": "maximum_cusp_volume",
    "chern_simons": "chern_simons_invariant",
}
_PAIR_PATTERN: Final = re.compile(r"\(\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\)")


@explained
def load_knots() -> pd.DataFrame:
    """The hyperbolic knots with up to 12 crossings whose invariants are all known, one row per knot.

    Returns:
        A frame with `name`, the 17 columns of `KNOT_FEATURES` and `signature`. `alternating` and `amphicheiral` are 0 or 1;
        `longitude`, `meridian_re` and `meridian_im` are the translations of longitude and meridian.

    Raises:
        DataError: If the package is not installed.

    Example:
        >>> load_knots().shape  # doctest: +SKIP
        (2945, 19)
    """
    import pandas as pd

    try:
        link_list = import_module("database_knotinfo").link_list
    except ImportError:
        raise DataError(
            "the table of knots comes with the package database_knotinfo, which is not installed; install the extra: "
            "pip install 'splinework[knots]'."
        ) from None
    rows = [row for record in link_list()[1:] if (row := _row(record)) is not None]  # its first row holds titles
    return pd.DataFrame(rows, columns=["name", *KNOT_FEATURES, KNOT_TARGET])


def _row(record: dict[str, Any]) -> dict[str, Any] | None:
    """The invariants of a knot; None if one is missing, a range, or undefined."""
    meridian, longitude = (_PAIR_PATTERN.fullmatch(record[f"{word}_translation"]) for word in ("meridian", "longitude"))
    if meridian is None or longitude is None:
        return None
    try:
        plain = {name: float(record[column]) for name, column in _NUMERIC_COLUMNS.items()}
        return {
            "name": record["name"],
            **plain,
            "alternating": float(record["alternating"] == "Y"),
            "amphicheiral": float("amphicheiral" in record["symmetry_type"]),
            "longitude": float(longitude[1]),
            "meridian_re": float(meridian[1]),
            "meridian_im": float(meridian[2]),
            KNOT_TARGET: float(record["signature"]),
        }
    except ValueError:
        return None
