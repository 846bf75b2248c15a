"""Output for programs: standard JSON, and numbers that it can represent."""

import json
import math
from collections.abc import Sequence
from typing import Any


def json_text(values: Any) -> str:
    """Standard JSON, without NaN, with a final newline."""
    return json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def finite(value: Any) -> float | None:
    """The number; None for None and for a number that JSON cannot represent.

    >>> finite(1), finite(float("inf"))
    (1.0, None)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def only(record: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields with these names."""
    return {name: record[name] for name in names}
