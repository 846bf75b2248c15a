"""Training rows and held-out rows of an artefact, and the figures of merit of networks on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.formats import Floats
from splinework.hardware.integer import TASKS, IntegerModel, Task
from splinework.nn.arrays import as_columns, check_finite, data_of, numbers_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

MIN_ROWS: Final = 10
"""Smallest number of rows that an artefact can be built from."""
_ROWS_PER_CHUNK: Final = 16_384


@dataclass(frozen=True, eq=False)
class Examples:
    """Training and held-out rows in raw units.

    Attributes:
        x: Training rows, `(n, inputs)`.
        y: Targets `(n, outputs)`, or class indices `(n,)`.
        held_x: Held-out rows, on which all figures are computed.
        held_y: Targets of the held-out rows.
        task: `regression` or `classification`.
        notes: Sentences on how the rows were split.
    """

    x: Floats
    y: NDArray[Any]
    held_x: Floats
    held_y: NDArray[Any]
    task: Task = "regression"
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def all_x(self) -> Floats:
        """All rows, held-out ones included."""
        return np.concatenate([self.x, self.held_x])


def examples(
    model: KAN | FramedKAN | IntegerModel,
    x: Any,
    y: Any,
    *,
    test: tuple[Any, Any] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    held_out: float = 0.2,
    seed: int = 0,
) -> Examples:
    """Checks rows and holds some of them out.

    Args:
        model: The network; a quantised one knows its task and classes itself.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets in raw units, or class indices from 0 on.
        test: Held-out rows `(x, y)`; None holds out a share of x and y, stratified by class.
        task: `regression` or `classification`.
        classes: Names of the classes; None numbers them.
        held_out: Share of the rows to hold out.
        seed: Seed of the split.

    Raises:
        ConfigError: For an unknown task, or a number of classes that does not match the outputs.
        DataError: If there are too few rows, or values are not finite.
        ShapeError: If the shapes of x and y do not match the network.
    """
    if x is None or y is None:
        raise ConfigError("building from a trained network needs rows that are typical of its use; give x and y.")
    if isinstance(model, IntegerModel):
        task, classes = model.task, model.classes
    if task not in TASKS:
        raise ConfigError(f"task is one of {', '.join(TASKS)}, got {task!r}.")
    names = _class_names(model, task, classes)
    rows, targets = _checked(model, x, y, task)
    if test is not None:
        held = _checked(model, *test, task)
        return Examples(rows, targets, *held, task, names)
    if len(rows) < MIN_ROWS:
        raise DataError(f"an artefact needs at least {MIN_ROWS} rows, got {len(rows)}; add rows.")
    if not 0 < held_out < 1:
        raise ConfigError(f"held_out is a share of the rows between 0 and 1, got {held_out!r}.")
    back = _held(targets if task == "classification" else None, len(rows), held_out, seed)
    kept = np.setdiff1d(np.arange(len(rows)), back)
    note = f"{len(back)} of {len(rows)} rows were held out; all figures are computed on these"
    return Examples(rows[kept], targets[kept], rows[back], targets[back], task, names, (note,))


def _class_names(model: KAN | FramedKAN | IntegerModel, task: Task, classes: Sequence[str] | None) -> tuple[str, ...]:
    count = max(2, model.outputs)
    if task == "regression":
        return ()
    names = tuple(map(str, classes)) if classes is not None else tuple(map(str, range(count)))
    if len(names) != count:
        raise ConfigError(
            f"a network of {model.outputs} outputs distinguishes {count} classes, but {len(names)} were named: "
            f"{', '.join(names[:9])}."
        )
    return names


def _checked(model: KAN | FramedKAN | IntegerModel, x: Any, y: Any, task: Task) -> tuple[Floats, NDArray[Any]]:
    rows = _rows(model, x)
    return rows, targets_of(y, len(rows), model.outputs, task)


def targets_of(y: Any, rows: int, outputs: int, task: Task) -> NDArray[Any]:
    """Class indices `(rows,)`, int64, or values `(rows, outputs)`, float64.

    Raises:
        DataError: If a class index is out of range, or a value is not a number or not finite.
        ShapeError: If the shape of y does not match the rows and outputs.
    """
    values = np.asarray(y)
    if task == "classification":
        labels, count = values.reshape(-1), max(2, outputs)
        if len(labels) != rows:
            raise ShapeError(f"y has {len(labels)} class indices for {rows} rows.")
        if not np.isin(labels, np.arange(count)).all():
            raise DataError(
                f"y of a classification holds class indices from 0 to {count - 1}; got "
                f"{np.unique(labels)[:9].tolist()}."
            )
        return labels.astype(np.int64)
    wanted = numbers_of(y, "y")
    wanted = wanted.reshape(-1, outputs) if wanted.ndim < 2 and wanted.size == rows * outputs else wanted
    if wanted.shape != (rows, outputs):
        raise ShapeError(f"y has the shape {values.shape}, expected ({rows}, {outputs}) to go with x.")
    if not np.isfinite(wanted).all():
        raise DataError("y has non-finite values; leave out their rows.")
    return wanted


def _rows(model: KAN | FramedKAN | IntegerModel, x: Any) -> Floats:
    if isinstance(model, KAN):
        found: Floats = data_of(model, x).double().cpu().numpy()
        return found
    if isinstance(model, FramedKAN):
        columns = as_columns(x, model.inputs, "x", model.input_names, next(model.parameters())).detach()
        check_finite(columns, "x", model.input_names)
        return np.asarray(columns.double().cpu().numpy())
    found = np.asarray(x, dtype=np.float64)
    model.encode(found[:1] if found.ndim == 2 else found)  # raises if the shape is wrong
    if not np.isfinite(found).all():
        raise DataError("x has non-finite values; leave out their rows.")
    return found


def _held(labels: NDArray[Any] | None, rows: int, share: float, seed: int) -> NDArray[np.intp]:
    rng = np.random.default_rng(seed)
    groups = [np.arange(rows)] if labels is None else [np.flatnonzero(labels == k) for k in np.unique(labels)]
    parts = [rng.permutation(group)[: round(share * len(group))] for group in groups]
    held = np.sort(np.concatenate(parts))
    return held if len(held) else np.array([rng.integers(rows)])


@torch.no_grad()
def outputs_of(model: KAN | FramedKAN, x: Floats) -> Floats:
    """The outputs of a network in raw units, `(n, outputs)`."""
    like = next(model.parameters())
    parts = [model(part.to(like)) for part in torch.from_numpy(np.ascontiguousarray(x)).split(_ROWS_PER_CHUNK)]
    found: Floats = torch.cat(parts).double().cpu().numpy()
    return found


def merit(outputs: Floats, y: NDArray[Any], task: Task) -> float:
    """Accuracy, or the root-mean-square error in raw units; a single score `(n, 1)` decides by its sign."""
    if task == "classification":
        decided = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return float(np.mean(decided == y))
    return float(np.sqrt(np.mean((outputs - y) ** 2)))


def score(model: IntegerModel, x: Any, y: Any) -> float:
    """Accuracy, or minus the root-mean-square error in raw units for a regression: larger is better.

    Rows are in raw units; y holds class indices `(n,)` or raw targets `(n, outputs)`.
    """
    found = model.predict(x)
    if model.task == "classification":
        return float(np.mean(found == np.asarray(y).reshape(-1)))
    return -merit(np.asarray(found, dtype=np.float64), np.asarray(y).reshape(found.shape), "regression")


def figures_of(model: KAN | FramedKAN | None, golden: IntegerModel, rows: Examples) -> dict[str, float]:
    """`accuracy_float` and `accuracy_quantised`, or `rmse_…`, on the held-out rows; the first only if a model is given."""
    word = "accuracy" if rows.task == "classification" else "rmse"
    found = {}
    if model is not None:
        found[f"{word}_float"] = merit(outputs_of(model, rows.held_x), rows.held_y, rows.task)
    found[f"{word}_quantised"] = abs(score(golden, rows.held_x, rows.held_y))
    return found


def saturation(golden: IntegerModel, x: Floats) -> Mapping[str, int]:
    """Number of values of each used input that lie outside the range of its codes; inputs without any are left out."""
    used = np.flatnonzero(golden.layers[0].mask.any(axis=1)).tolist()
    counts = golden.saturated(x).tolist()
    return {golden.inputs[i].name: counts[i] for i in used if counts[i]}


def integer_figures(model: KAN | FramedKAN | None, golden: IntegerModel, rows: Examples | None) -> dict[str, Any]:
    """Figures common to all reports of quantised networks: merit on the held-out rows, saturated values, size.

    Merit is left out without a floating-point network or without rows.
    """
    figures: dict[str, Any] = {}
    if rows is not None:
        figures = {**figures_of(model, golden, rows), "rows_held_back": len(rows.held_x)}
        figures["saturated"] = dict(saturation(golden, rows.all_x))
    bits = [wire.format.width for wire in golden.inputs]
    return figures | {"shape": golden.shape, "tables": golden.edges, "input_bits": bits}
