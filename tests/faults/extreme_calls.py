"""Calls of every public function that takes rows or numbers, with the one argument replaced by extreme or narrow numbers."""

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from tests.test_wrong_values import PUBLIC
from tests.wrong_calls import ROWS, TARGET
from tests.wrong_values import KIND_OF, RIGHT

KINDS = {"rows", "numbers", "column", "tensor", "labels"}
MORE: dict[str, dict[str, Any]] = {
    "fit": {"y": TARGET[:, None], "steps": 2, "progress": False},
    "train.fit": {"y": TARGET[:, None], "steps": 2, "progress": False},
    "discover": {"effort": 0.1, "progress": False},
    "discover_relation": {"effort": 0.1, "progress": False},
    "complete_formula": {"form": "y = a*x1 + x2", "progress": False},
    "discover_classes": {"y": (TARGET > 1).astype(int), "progress": False},
    "discover_ode": {"t": np.arange(60.0), "progress": False},
    "insert": {"points": [[[0.3], [0.4]]]},
}
"""Arguments beside those of the right call, by function."""
SLOW = (
    *("ensemble", "hardware.analog", "hardware.sweep", "hardware.train_quantised", "sparsify", "symbolify"),
    *("symbolic.symbolify", "axioms.suggest_axioms", "complete_formula", "discover", "discover_classes"),
    *("discover_constrained", "discover_multioutput", "discover_ode", "discover_relation"),
)
"""Functions that train or search."""
EXTREME = (1e300, -1e300, 1e-300, 5e-324, np.finfo(float).max, np.nan, np.inf, -np.inf)


class Call(NamedTuple):
    """A public function, the names of its arguments that are numbers or networks, and a right call of it."""

    function: Callable[..., Any]
    data: tuple[str, ...]
    networks: tuple[str, ...]
    placed: tuple[str, ...]
    values: dict[str, Any]

    def __call__(self, **changed: Any) -> Any:
        # What an optimiser changes begins anew with each call.
        values = (copy.deepcopy(self.values) if "optimiser" in self.values else self.values) | changed
        return self.function(
            *(values[name] for name in self.placed),
            **{name: value for name, value in values.items() if name not in self.placed},
        )


def _of(short: str, name: str, table: dict[str, Any]) -> Any:
    return table.get(f"{short}.{name}", table.get(name))


def calls() -> Iterator[tuple[str, Call]]:
    """Every public function with an argument of numbers, or a network."""
    for name, function in PUBLIC.items():
        short, more = name.split(".")[-1], MORE.get(name, MORE.get(name.split(".")[-1], {}))
        needed = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        values = {p.name: _of(short, p.name, RIGHT) for p in needed} | more
        data = tuple(key for key in values if _of(short, key, KIND_OF) in KINDS and has_numbers(values[key]))
        placed = tuple(p.name for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD)
        networks = tuple(key for key, value in values.items() if isinstance(value, torch.nn.Module))
        if data or networks:
            yield name, Call(function, data, networks, placed, values)


def has_numbers(value: Any) -> bool:
    """Whether a value is an array of floating-point numbers."""
    return (isinstance(value, torch.Tensor) and value.is_floating_point()) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )


def extremes(value: Any, numbers: tuple[float, ...] = EXTREME) -> Iterator[tuple[str, Any]]:
    """The same numbers with one row, one column, or all of another size."""
    for number in numbers:
        largest = torch.finfo(value.dtype).max if isinstance(value, torch.Tensor) else np.finfo(value.dtype).max
        fitting = float(np.clip(number, -float(largest), float(largest))) if np.isfinite(number) else number
        for where, place in (("first row", 0), ("last column", (..., -1)), ("all", ...)):
            changed = value.detach().clone() if isinstance(value, torch.Tensor) else value.copy()
            changed[place] = fitting
            yield f"{number:g} in the {where}", changed


def damaged(network: torch.nn.Module, number: float) -> Iterator[torch.nn.Module]:
    """The same network with a coefficient, all parameters, all grids, or all units of another size."""
    for place in ("first", "parameters", "grid", "scaling"):
        changed = copy.deepcopy(network)
        own = list(changed.parameters())
        tensors = [value for name, value in changed.named_buffers() if place in name]
        for tensor in [own[0].view(-1)[:1]] if place == "first" else own if place == "parameters" else tensors:
            largest = float(torch.finfo(tensor.dtype).max)
            tensor.detach().fill_(min(number, largest) if np.isfinite(number) else number)
        yield changed


def narrow(value: Any, dtype: torch.dtype) -> torch.Tensor:
    """The same numbers in a narrow type."""
    return torch.as_tensor(value).detach().to(dtype)


def numbers_in(value: Any) -> list[np.ndarray]:
    """All arrays of floating-point numbers in a result, also in its containers and records."""
    if isinstance(value, torch.Tensor):
        return [value.detach().double().cpu().numpy()] if value.is_floating_point() else []
    if isinstance(value, np.ndarray):
        return [value] if value.dtype.kind == "f" else []
    if isinstance(value, float):
        return [np.array(value)]
    if isinstance(value, dict):
        return [each for item in value.values() for each in numbers_in(item)]
    if isinstance(value, (list, tuple)):
        return [each for item in value for each in numbers_in(item)]
    if isinstance(value, torch.nn.Module):
        return numbers_in(list(value.state_dict().values()))
    return []


CALLS = dict(calls())
assert len(CALLS) > 60, len(CALLS)
assert ROWS.dtype == np.float64
