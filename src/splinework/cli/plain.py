"""Values for programs: JSON as the standard has it, and numbers that it has a word for."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
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


def ranks(rows: Iterable[Any]) -> list[int]:
    """The rank of each formula among those of its target, such as a state of a differential equation or the odds of a class."""
    counts: Counter[str] = Counter()
    found = []
    for row in rows:
        counts[row.target] += 1
        found.append(counts[row.target])
    return found


def only(record: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields of these names."""
    return {name: record[name] for name in names}
