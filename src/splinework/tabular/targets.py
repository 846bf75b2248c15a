"""What a target is called."""

from __future__ import annotations

from typing import Any


def target_names(y: Any, count: int) -> tuple[str, ...]:
    """Names of the `count` columns of y, as a series or a frame brings them; else `y`, or `y1`, `y2` and so on."""
    if hasattr(y, "columns") and (hasattr(y, "iloc") or hasattr(y, "to_pandas")):
        names = tuple(str(name) for name in getattr(y, "column_names", y.columns))
        if len(set(names)) == count:
            return names
    name = getattr(y, "name", None)
    if count == 1:
        return (name if isinstance(name, str) and name else "y",)
    return tuple(f"y{j + 1}" for j in range(count))
