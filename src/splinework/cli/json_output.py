"""Values for programs: JSON as the standard has it, and numbers that it has a word for."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any


def json_text(values: Any) -> str:
    """JSON as the standard has it, without NaN, ending in a line end."""
    return json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def finite(value: Any) -> float | None:
    """The number; None for none, and for one that JSON has no word for.

    >>> finite(1), finite(float("inf"))
    (1.0, None)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def only(record: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields of these names."""
    return {name: record[name] for name in names}
