"""`find_structure`: the structure of a callable or of rows."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.structure.derivative_tests import DerivativeTests
from splinework.interpret.structure.fields import Array, Field
from splinework.interpret.structure.findings import Structure
from splinework.interpret.structure.tree import Analysis, StructureTests
from splinework.nn.arrays import numbers_of

MIN_ROWS: Final = 30
MAX_POINTS: Final = 500
"""Points at which the derivatives of a callable are taken: evenly spaced rows if there are more."""


@explained
def find_structure(
    subject: Any,
    data: Any,
    *,
    names: Sequence[str] | None = None,
    output: int = 0,
    tolerance: float = 0.01,
    level: float = 0.01,
) -> Structure:
    """Finds idle inputs, sums, products, groups of inputs that act as one, symmetries, and the tree of modules they imply.

    `find_structure(function, x)` takes a callable (a network, a function of tensors or arrays, an estimator) and tests its
    derivatives at the rows of x. `find_structure(x, y)` takes rows, and compares a smooth model that has the structure with
    one that need not have it.

    Args:
        subject: The callable, of `(N, d)` to `(N,)` or `(N, outputs)` row by row, or a model with `predict`; or the inputs x.
        data: Inputs `(N, d)` where the callable is looked at; or the target y `(N,)`.
        names: Names of the inputs; by default those of a network or a frame, else `x1`, `x2`, ….
        output: The output looked at, where there are several.
        tolerance: The largest effect that counts as none: a violation relative to the function's variation. A fitted
            network has the structure of its data only up to its own relative error.
        level: For rows, the probability at which a structure that holds is rejected.

    Returns:
        The findings with effect, standard error and, for rows, p-value, and the tree of modules.

    Raises:
        ShapeError: If x is not a table, or sizes do not match.
        DataError: If a value is not finite, or there are fewer than 30 rows.
        ConfigError: For a tolerance or a level outside (0, 1), or an output that does not exist.

    Example:
        >>> import torch
        >>> from splinework.interpret.structure import find_structure
        >>> x = 1 + torch.rand(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        >>> found = find_structure(lambda x: (x[:, 0] * x[:, 1]).sin() + x[:, 2] ** 2, x, names=["a", "b", "c"])
        >>> print(found.formula())
        f1(a*b) + f2(c)
    """
    for what, value in (("tolerance", tolerance), ("level", level)):
        if not (isinstance(value, (int, float)) and 0 < value < 1):
            raise ConfigError(f"{what} is a number between 0 and 1, got {value!r}.")
    function = subject.predict if hasattr(subject, "predict") else subject if callable(subject) else None
    rows, inputs = (subject, "x") if function is None else (data, "x of a callable")
    x, labels = _table(rows, names or getattr(getattr(subject, "config", None), "input_names", None), inputs)
    tests: StructureTests
    if function is None:
        from splinework.interpret.structure.row_tests import RowTests

        tests = RowTests.of(x, _target(data, len(x), output), labels, level, tolerance)
    else:
        field = _field(function, x[np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).astype(int)], output)
        tests = DerivativeTests(labels, field, tolerance, float(np.std(field.f[np.isfinite(field.f)])))
    analysis = Analysis()
    tree = analysis.run(tests)
    return Structure(labels, tuple(analysis.findings), tree, tests.unexplained)


def _table(values: Any, names: Sequence[str] | None, what: str) -> tuple[Array, tuple[str, ...]]:
    if names is None and hasattr(values, "columns"):
        names = [str(column) for column in values.columns]
    x = np.asarray(numbers_of(values, what), dtype=float)
    if x.ndim != 2 or 0 in x.shape:
        raise ShapeError(f"{what} is a table (rows, columns), got shape {x.shape}; the call is find_structure(x, y).")
    if len(x) < MIN_ROWS:
        raise DataError(f"structure needs at least {MIN_ROWS} rows, got {len(x)}.")
    if not np.isfinite(x).all():
        raise DataError(f"{what} has {int((~np.isfinite(x)).sum())} values that are not finite; drop those rows first.")
    if names is not None and len(names) != x.shape[1]:
        raise ConfigError(f"names has {len(names)} names for {x.shape[1]} columns; give one name a column.")
    return x, tuple(map(str, names)) if names is not None else tuple(f"x{i + 1}" for i in range(x.shape[1]))


def _target(values: Any, rows: int, output: int) -> Array:
    y = np.asarray(numbers_of(values, "y"), dtype=float)
    y = _column(y, output)
    if len(y) != rows:
        raise ShapeError(f"x has {rows} rows and y {len(y)}; give one value of y per row.")
    if not np.isfinite(y).all():
        raise DataError(f"y has {int((~np.isfinite(y)).sum())} values that are not finite; drop those rows first.")
    return y


def _column(values: Array, output: int) -> Array:
    """One output `(N,)` of `(N,)` or `(N, outputs)`."""
    columns = values[:, None] if values.ndim == 1 else values
    if columns.ndim != 2 or not -columns.shape[1] <= output < columns.shape[1]:
        raise ConfigError(f"there is no output {output} in values of shape {values.shape}; count from 0.")
    return columns[:, output]


def _field(function: Callable[[Any], Any], x: Array, output: int) -> Field:
    """The callable as a field: of tensors where it takes them and returns one, else of arrays."""
    kind = next((p.dtype for p in getattr(function, "parameters", tuple)()), torch.float64)

    def tensors(points: Tensor) -> Tensor:
        value: Tensor = function(points.to(kind))
        return (value[:, output] if value.dim() == 2 else value).to(torch.float64)

    def of_tensors(points: Array) -> Array:
        with torch.no_grad():
            return np.asarray(tensors(torch.from_numpy(np.ascontiguousarray(points))).numpy())

    def of_arrays(points: Array) -> Array:
        with np.errstate(all="ignore"):
            return _column(np.asarray(function(points), dtype=float), output)

    try:
        first = function(torch.from_numpy(x[:2].copy()).to(kind).requires_grad_(True))
        follows = isinstance(first, Tensor) and first.requires_grad
    except (TypeError, ValueError, RuntimeError, AttributeError):
        follows = False
    if follows:
        _column(first.detach().numpy(), output)
        return _checked(Field(x, of_tensors, tensors))
    return _checked(Field(x, of_arrays))


def _checked(field: Field) -> Field:
    values = field.f
    if values.shape != (len(field.x),):
        raise ShapeError(
            f"the callable returns {values.shape} for {len(field.x)} rows; it must return one value per row."
        )
    if not np.isfinite(values).any():
        raise DataError("the callable is finite at none of the rows; give rows of its domain.")
    return field
