"""Arrays of which only slices are in memory: memory-mapped files, mostly."""

import hashlib
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import DataError, FileError, ShapeError
from splinework.train.sources.base import MIN_PIECE_ROWS, PiecedSource, file_status


@final
@dataclass(frozen=True, eq=False)
class ArraySource(PiecedSource):
    """Arrays that are sliced and never copied as a whole; see `memmap`."""

    x: Any = field(repr=False)
    y: Any = field(repr=False)
    w: Any = field(repr=False, default=None)

    @property
    def pieces(self) -> tuple[int, ...]:
        count = len(self.x)
        return tuple(min(MIN_PIECE_ROWS, count - start) for start in range(0, count, MIN_PIECE_ROWS))

    @property
    def identity(self) -> str:
        return repr([None if a is None else _identity(a) for a in (self.x, self.y, self.w)])

    def bound(self, names: Sequence[str]) -> "ArraySource":
        if self.x.shape[1] != len(names):
            raise ShapeError(
                f"x must have shape (rows, {len(names)}), one column per input of the model; got {self.x.shape}."
            )
        return self

    def read(self, piece: int, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        end = min((piece + 1) * MIN_PIECE_ROWS, len(self.x))
        for start in range(piece * MIN_PIECE_ROWS, end, size):
            rows = slice(start, min(start + size, end))
            yield _slice(self.x, rows), _slice(self.y, rows), None if self.w is None else _slice(self.w, rows)[:, 0]


def memmap(x: Any, y: Any, *, weights: Any = None) -> ArraySource:
    """Rows of arrays larger than memory, for `fit`: memory-mapped ones, or paths of `.npy` files, which will be mapped.

    Args:
        x: `(N, inputs)`, in raw units.
        y: `(N,)` or `(N, columns)`.
        weights: `(N,)`, what each row counts, or None.

    Raises:
        ShapeError: If the numbers of rows or dimensions do not fit.
        DataError: If there are no rows, or no numbers in an array.
        FileError: If a path is no `.npy` file.
    """
    xs, ys, ws = _mapped(x, "x"), _mapped(y, "y"), None if weights is None else _mapped(weights, "weights")
    for name, array, dims in (("x", xs, (2,)), ("y", ys, (1, 2)), ("weights", ws, (1,))):
        if array is None:
            continue
        if array.ndim not in dims:
            raise ShapeError(f"{name} must have {' or '.join(map(str, dims))} dimensions, got shape {array.shape}.")
        if len(array) != len(xs):
            raise ShapeError(f"x and {name} need the same number of rows, got {len(xs)} and {len(array)}.")
    if not len(xs):
        raise DataError("there are no rows in x; at least one is needed.")
    return ArraySource(xs, ys, ws)


def _mapped(array: Any, name: str) -> Any:
    if isinstance(array, (str, Path)):
        try:
            array = np.load(array, mmap_mode="r")
        except FileNotFoundError as error:
            raise FileError(f"there is no file {array}; {name} takes an array or the path of a .npy file.") from error
        except (OSError, ValueError, OverflowError, TypeError, tokenize.TokenError, SyntaxError, EOFError) as error:
            raise FileError(f"{array} cannot be mapped as {name} ({error}); save it with numpy.save.") from error
    array = array if isinstance(array, np.ndarray) else np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} must hold numbers, got an array of {array.dtype}.")
    return array


def _slice(array: Any, rows: slice) -> Tensor:
    values = torch.from_numpy(np.array(array[rows], dtype=np.float64))
    return values if values.dim() == 2 else values[:, None]


def _identity(array: Any) -> tuple[Any, ...]:
    """File and time of a mapped array; a hash of any other."""
    what = (array.shape, str(array.dtype))
    if isinstance(array, np.memmap) and array.filename is not None:
        found = file_status(str(array.filename))
        return (*what, str(array.filename), array.offset, found.st_size, found.st_mtime_ns)
    digest = hashlib.sha256()
    for start in range(0, len(array), MIN_PIECE_ROWS):
        digest.update(np.ascontiguousarray(array[start : start + MIN_PIECE_ROWS]).tobytes())
    return (*what, digest.hexdigest())
