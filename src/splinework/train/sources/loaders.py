"""Loaders: a `DataLoader` of torch, or anything else that gives batches (x, y) each time it is iterated over."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.arrays import as_columns, width_of
from splinework.train.sources.base import Chunk, Source, splitmix64

TEMPLATE = torch.empty(0, dtype=torch.float64)


@final
@dataclass(frozen=True, eq=False)
class BatchSource(Source):
    """The batches of a loader as they come; see `batches`."""

    loader: Any = field(repr=False)
    names: tuple[str, ...] = ()

    @property
    def rows(self) -> None:
        return None

    @property
    def identity(self) -> str:
        return type(self.loader).__name__

    def bound(self, names: Sequence[str]) -> "BatchSource":
        return BatchSource(self.loader, tuple(names))

    def chunks(self, size: int) -> Iterator[Chunk]:
        first, width, weighted = 0, 0, False
        for number, batch in enumerate(self.loader):
            x, y, w = self._read(batch, number)
            if number == 0:
                width, weighted = y.shape[1], w is not None
            if y.shape[1] != width:
                raise ShapeError(f"y of batch {number} has {y.shape[1]} columns, and that of batch 0 had {width}.")
            if (w is not None) != weighted:
                raise ShapeError(f"batch {number} has {'' if w is not None else 'no '}weights, unlike batch 0.")
            yield Chunk(first, x, y, w)
            first += len(x)

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Chunk]:
        return self.chunks(size)

    def keys(self, chunk: Chunk, seed: int) -> np.ndarray:
        """Keys from the values of a row, as a loader that shuffles gives it another number in every pass."""
        found = np.full(len(chunk.x), seed, dtype=np.uint64)
        for column in itertools.chain(chunk.x.unbind(1), chunk.y.unbind(1)):
            found = splitmix64(found ^ column.contiguous().numpy().view(np.uint64))
        return found

    def _read(self, batch: Any, number: int) -> tuple[Tensor, Tensor, Tensor | None]:
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            shown = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else f"a {type(batch).__name__}"
            raise DataError(f"a batch is a pair (x, y), or (x, y, weights); batch {number} of the loader is {shown}.")
        x = as_columns(batch[0], len(self.names), f"x of batch {number}", self.names, TEMPLATE)
        width = width_of(batch[1])
        y = as_columns(batch[1], width, f"y of batch {number}", tuple(f"y{j + 1}" for j in range(width)), TEMPLATE)
        w = None
        if len(batch) == 3:
            w = as_columns(batch[2], 1, f"weights of batch {number}", ("weights",), TEMPLATE)[:, 0]
        if len(x) == 0:
            raise DataError(
                f"batch {number} of the loader has 0 rows; a batch has at least one: leave empty ones out of the loader."
            )
        if len(y) != len(x) or (w is not None and len(w) != len(x)):
            counts = ", ".join(str(len(each)) for each in (x, y, w) if each is not None)
            raise ShapeError(f"the parts of batch {number} need the same number of rows, got {counts}.")
        return x, y, w


def batches(loader: Any) -> BatchSource:
    """Batches for `fit`, of the size that they come in: `(x, y)` or `(x, y, weights)` each, in raw units.

    Every pass iterates over the loader anew and must give the same rows, in any order: so it may shuffle, and must neither
    drop the last batch nor change rows at random. A step on mini-batches takes one batch. Held-out rows are recognised by
    their values. A fit that goes on from a checkpoint does so to the same bits if the loader's order is the same.

    Args:
        loader: A `torch.utils.data.DataLoader`, a list of batches, or an object with `__iter__`; not a generator, which
            can be read only once.

    Raises:
        ConfigError: If it cannot be iterated over more than once.
    """
    if isinstance(loader, Iterator):
        raise ConfigError(
            f"batches takes what can be read again and again, got a {type(loader).__name__}, which can be read once; give a "
            "DataLoader, a list, or an object whose __iter__ begins anew."
        )
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise ConfigError(f"batches takes a DataLoader or another iterable of (x, y), got {type(loader).__name__}.")
    return BatchSource(loader)
