"""The option `--shape`: its text, and whether it fits the columns."""

import ast
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.formula.figures import plural

MAX_EDGES: Final = 1_000_000
"""More edges than this are taken for a slip of the finger."""


def parse_shape(text: str) -> tuple[Any, ...]:
    """The shape in a text such as `2,5,1`, or `2,(3,2),1` with two products among the five hidden nodes.

    Raises:
        ConfigError: If the text is something else.

    >>> parse_shape("2,(3,2),1")
    (2, (3, 2), 1)
    """
    wrong = ConfigError(f"--shape is the number of nodes in each layer, such as 2,5,1; got {text!r}.")
    bare = text.strip().strip("[]")
    if not re.fullmatch(r"[\d\s,()]{1,200}", bare):
        raise wrong
    try:
        shape = ast.literal_eval(f"({bare},)")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise wrong from error
    if len(shape) < 2 or not all(_is_layer(layer) for layer in shape):
        raise wrong
    sizes = [sum(layer) + layer[1] if isinstance(layer, tuple) else layer for layer in shape]
    if sum(a * b for a, b in pairwise(sizes)) > MAX_EDGES:
        raise ConfigError(f"--shape {text} has more than {MAX_EDGES} edges; choose narrower layers.")
    return tuple(shape)


def check_shape(shape: tuple[Any, ...] | None, features: Sequence[str], constant: Sequence[str]) -> None:
    """Raises if the shape does not begin with the number of features or does not end with one output."""
    if shape is None:
        return
    shown = ",".join(str(layer).replace(" ", "") for layer in shape)
    if shape[0] != len(features):
        named = ", ".join(map(repr, features[:12])) + (", …" if len(features) > 12 else "")
        left_out = f" ({', '.join(map(repr, constant))} left out as constant)" if constant else ""
        there = f"there {'is' if len(features) == 1 else 'are'} {plural(len(features), 'feature')}"
        raise ConfigError(f"--shape {shown} begins with {shape[0]}, but {there}, {named}{left_out}; let it begin so.")
    if shape[-1] != 1:
        raise ConfigError(f"--shape {shown} ends with {shape[-1]}, but one target needs 1 output; let it end with ,1.")


def _is_layer(layer: Any) -> bool:
    if isinstance(layer, tuple):
        return len(layer) == 2 and all(isinstance(n, int) and n >= 0 for n in layer) and sum(layer) > 0
    return isinstance(layer, int) and layer > 0
