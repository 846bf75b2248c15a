"""The function that is explained, with its inputs and rows, whether it is a network, an estimator or any callable."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.errors import ArgumentError, ConfigError, DataError, ShapeError, nearest
from splinework.errors.foreign import not_a_model
from splinework.nn.arrays import as_columns, check_finite, data_of, numbers_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

Floats = NDArray[np.float64]
Group = Sequence[str | int]

BATCH_ROWS = 65_536
"""Rows that a function is asked for at a time."""


@final
@dataclass(frozen=True)
class RowFunction:
    """A function of rows in float64, its inputs, and rows that say where these lie.

    Attributes:
        call: From columns `(n, p)` to outputs `(n, q)`.
        encode: From the user's rows to columns `(n, p)`.
        x: The columns of the rows that the measures refer to, `(n, p)`.
        inputs: Name of each input.
        outputs: Name of each output.
        columns: The columns of each input: one, several where they belong together, or none.
        network: The network that `call` computes, where it is one without a frame.
        loss: From outputs `(n, q)` and the user's targets to the loss of each row, `(n,)` or `(n, q)`; None is the squared error
            over the variance of the targets.
        slope: From outputs and the user's targets to the derivative of each row's loss by the outputs, `(n, q)`; None is outputs
            less targets.
        widths: Half widths `(m, q)`, or None, of intervals of mean outputs over rows `(m, B, p)` less that over rows `(B, p)`, by
            `widths(sets, reference, level=level)`; None is a function that does not know how sure it is.
    """

    call: Callable[[Floats], Floats]
    encode: Callable[[Any], Floats]
    x: Floats
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    network: KAN | None = None
    loss: Callable[[Floats, Any], Floats] | None = None
    slope: Callable[[Floats, Any], Floats] | None = None
    widths: Callable[..., Any] | None = None

    def __call__(self, x: Floats) -> Floats:
        """Outputs `(n, q)`, in batches, checked to be finite."""
        parts = [self.call(x[start : start + BATCH_ROWS]) for start in range(0, len(x), BATCH_ROWS)]
        values = np.concatenate(parts)
        if bad := int((~np.isfinite(values)).any(axis=1).sum()):
            raise DataError(
                f"the function is not finite at {bad} of {len(x)} rows that combine the inputs of different rows; guard it there."
            )
        return values

    def targets(self, y: Any, rows: int) -> Floats:
        """Targets that are numbers, `(rows, q)`.

        Raises:
            ShapeError: If there is not one row for each of x, or the outputs are others.
            DataError: If they are not finite numbers.
        """
        found = numbers_of(y, "y")
        found = found[:, None] if found.ndim == 1 else found
        wanted = (rows, len(self.outputs))
        if found.shape != wanted:
            raise ShapeError(f"y has the shape {wanted}, one row for each of x, got {np.shape(y)}.")
        if not np.all(np.isfinite(found)):
            raise DataError("y has values that are not finite numbers; drop those rows first.")
        return found

    def residuals(self, outputs: Floats, y: Any) -> Floats:
        """The residuals of targets, `(n, q)`: targets less outputs, or the derivative of the log likelihood.

        Raises:
            ShapeError: If there is not one row of y for each of outputs.
            DataError: If y is not finite numbers.
        """
        return self.targets(y, len(outputs)) - outputs if self.slope is None else -self.slope(outputs, y)

    def place(self, name: str | int) -> int:
        """The index of an input, given by name or index."""
        if isinstance(name, str) and name in self.inputs:
            return self.inputs.index(name)
        if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(self.inputs):
            return name
        raise ConfigError(f"there is no input {name!r}; {nearest(name, self.inputs)}")

    def grouped(self, groups: Iterable[Group] | None) -> "RowFunction":
        """The same function with each group of inputs as one input, which changes as a whole.

        Raises:
            ConfigError: If a group names an unknown input, or two have one in common.
        """
        if not groups:
            return self
        wanted = [[self.place(name) for name in ([group] if isinstance(group, str) else group)] for group in groups]
        members = [i for group in wanted for i in group]
        if len(set(members)) < len(members):
            raise ConfigError("groups of inputs have none in common; name each input in one group.")
        first = {group[0]: group for group in wanted if group}
        kept = [first.get(i, [i]) for i in range(len(self.inputs)) if i in first or i not in members]
        return replace(
            self,
            inputs=tuple(" & ".join(self.inputs[i] for i in group) for group in kept),
            columns=tuple(tuple(c for i in group for c in self.columns[i]) for group in kept),
        )


def row_function(predictor: Any, x: Any, groups: Iterable[Group] | None = None) -> RowFunction:
    """The function that a network, an estimator or a callable is, with rows of its inputs.

    Args:
        predictor: A network, in a frame or not; an estimator of this package, which says itself how it is read; a function of
            an array `(n, p)`, a torch module, or an object with `predict`; or a `RowFunction`, which has its rows already.
        x: Rows, as the predictor takes them; for an estimator None stands for the rows of its fit.
        groups: Inputs that belong together, by name or index.

    Raises:
        ArgumentError: If the predictor is none of these.
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
        ConfigError: If a group names an unknown input.
    """
    if isinstance(predictor, type):
        raise ArgumentError(_refusal(predictor))
    if isinstance(predictor, RowFunction):
        found = predictor
    elif hasattr(predictor, "row_function"):
        found = predictor.row_function(x)
    elif isinstance(predictor, (KAN, FramedKAN)):
        found = _of_network(predictor, x)
    else:
        found = _of_callable(predictor, x)
    if len(found.x) < 2:
        raise ShapeError(
            f"x has {len(found.x)} rows; at least 2 are needed to compare with, as they say what the inputs may be; "
            "give more, to sw.explain by background=, such as the rows of the fit."
        )
    return found.grouped(groups)


def _refusal(predictor: Any) -> str:
    """The message for something that is not a function, with the advice that other functions give for it."""
    kind = f"the class {predictor.__name__}" if isinstance(predictor, type) else type(predictor).__name__
    advice = not_a_model("sw.explain", predictor, "x").partition("; ")[2]
    return f"predictor is a network, a fitted estimator or a function of rows, got {kind}; {advice}"


def _of_network(model: KAN | FramedKAN, x: Any) -> RowFunction:
    work = copy.deepcopy(model).double().cpu().requires_grad_(False)
    names, outputs = (
        (work.input_names, work.output_names)
        if isinstance(work, FramedKAN)
        else (work.config.input_names, work.config.output_names)
    )

    def encode(rows: Any) -> Floats:
        if isinstance(work, KAN):
            return np.asarray(data_of(work, rows).numpy())
        found = as_columns(rows, work.inputs, "x", names, next(work.parameters()))
        check_finite(found, "x", names)
        return np.asarray(found.numpy())

    def call(columns: Floats) -> Floats:
        return np.asarray(work(torch.from_numpy(columns)).numpy())

    columns = tuple((i,) for i in range(work.inputs))
    return RowFunction(
        call, encode, encode(x), tuple(names), tuple(outputs), columns, work if isinstance(work, KAN) else None
    )


def _of_callable(predictor: Any, x: Any) -> RowFunction:
    ask = getattr(predictor, "predict", predictor)
    if not callable(ask):
        raise ArgumentError(_refusal(predictor))

    def encode(rows: Any) -> Floats:
        found = numbers_of(rows, "x")
        if found.ndim != 2:
            raise ShapeError(f"x has the shape (rows, inputs), got {found.shape}.")
        check_finite(torch.from_numpy(found), "x", _names(rows, found.shape[1]))
        return found

    def call(columns: Floats) -> Floats:
        given: Any = columns
        if isinstance(predictor, torch.nn.Module):
            given = torch.from_numpy(columns).to(next(predictor.parameters(), torch.empty(0, dtype=torch.float64)))
        values = numbers_of(ask(given), "what the function returns")
        if values.ndim not in (1, 2) or len(values) != len(columns):
            raise ShapeError(f"a function of {len(columns)} rows returns one value for each, got {values.shape}.")
        return values.reshape(len(columns), -1)

    encoded = encode(x)
    width = call(encoded[:2]).shape[1] if len(encoded) else 1
    return RowFunction(
        call,
        encode,
        encoded,
        _names(x, encoded.shape[1]),
        ("y",) if width == 1 else tuple(f"y{j + 1}" for j in range(width)),
        tuple((i,) for i in range(encoded.shape[1])),
    )


def _names(rows: Any, count: int) -> tuple[str, ...]:
    held = tuple(str(name) for name in getattr(rows, "columns", ()))
    return held if len(held) == count else tuple(f"x{i + 1}" for i in range(count))
