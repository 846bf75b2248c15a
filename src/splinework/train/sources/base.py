"""The base class of sources: rows that need not fit into memory, read in chunks, the same in every pass."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from splinework.errors import FileError

MIN_PIECE_ROWS = 65_536
"""Rows that a piece has at least, where a file has smaller groups of rows; and rows of a slice of an array."""
N_INTERLEAVED_PIECES = 4
"""Pieces that are read in turns where rows are shuffled: rows that lie side by side are often alike."""


@dataclass(frozen=True)
class Chunk:
    """Some rows in raw units and float64: `x (n, inputs)`, `y (n, columns)`, weights `w (n,)`.

    `first` is the number of the first row, in the order of `Source.chunks`.
    """

    first: int
    x: Tensor
    y: Tensor
    w: Tensor | None = None


class Source(ABC):
    """Rows of x and y that are read in chunks; every pass gives the same rows."""

    @property
    @abstractmethod
    def rows(self) -> int | None:
        """How many; None where only a pass can tell."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """A text that differs for other rows, as far as that is known without reading them all."""

    @abstractmethod
    def bound(self, names: Sequence[str]) -> Self:
        """The same for a model with these inputs.

        Raises:
            ShapeError: If the number of columns is another.
            DataError: If columns are missing, or are not numbers.
        """

    @abstractmethod
    def chunks(self, size: int) -> Iterator[Chunk]:
        """All rows in order, at most `size` at a time.

        Raises:
            DataError: If there is something else than rows of numbers.
            FileError: If a file cannot be read.
        """

    @property
    def n_groups(self) -> int:
        """Groups of rows, one after the other, each of which can be read without the others."""
        return 1

    def group(self, index: int, size: int) -> Iterator[Chunk]:
        """The rows of one group in order, at most `size` at a time."""
        return self.chunks(size)

    @abstractmethod
    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Chunk]:
        """All rows, those that lie far apart in random order; where the order is not ours, the same as `chunks`."""

    @abstractmethod
    def keys(self, chunk: Chunk, seed: int) -> np.ndarray:
        """A number for each row, uint64 and as good as random, the same in every pass."""


class PiecedSource(Source):
    """Rows in pieces each of which can be read by itself."""

    @property
    @abstractmethod
    def pieces(self) -> tuple[int, ...]:
        """Number of rows of each."""

    @abstractmethod
    def read(self, piece: int, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """x, y and w of one piece, at most `size` rows at a time."""

    @property
    def rows(self) -> int:
        return sum(self.pieces)

    @cached_property
    def _groups(self) -> list[tuple[int, int]]:
        """Neighbouring pieces that together have rows enough: the number of the first one, and of its first row."""
        groups, rows, total = [], MIN_PIECE_ROWS, 0
        for piece, count in enumerate(self.pieces):
            if rows >= MIN_PIECE_ROWS:
                groups.append((piece, total))
                rows = 0
            rows, total = rows + count, total + count
        return groups

    @property
    def n_groups(self) -> int:
        return len(self._groups)

    def group(self, index: int, size: int) -> Iterator[Chunk]:
        ends = [*(piece for piece, _ in self._groups[1:]), len(self.pieces)]
        start, first = self._groups[index]
        for piece in range(start, ends[index]):
            for x, y, w in self.read(piece, size):
                yield Chunk(first, x, y, w)
                first += len(x)

    def chunks(self, size: int) -> Iterator[Chunk]:
        for index in range(self.n_groups):
            yield from self.group(index, size)

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Chunk]:
        starts = np.concatenate([[0], np.cumsum(self.pieces)]).tolist()
        waiting = torch.randperm(len(self.pieces), generator=generator).tolist()
        open_ones: list[tuple[int, Iterator[tuple[Tensor, Tensor, Tensor | None]]]] = []
        while waiting or open_ones:
            while waiting and len(open_ones) < N_INTERLEAVED_PIECES:
                piece = waiting.pop()
                open_ones.append((starts[piece], self.read(piece, max(size // N_INTERLEAVED_PIECES, 1))))
            which = int(torch.randint(len(open_ones), (), generator=generator))
            first, piece_rows = open_ones.pop(which)
            rows = next(piece_rows, None)
            if rows is not None:
                yield Chunk(first, *rows)
                open_ones.insert(which, (first + len(rows[0]), piece_rows))

    def keys(self, chunk: Chunk, seed: int) -> np.ndarray:
        return row_keys(chunk, seed)


def row_keys(chunk: Chunk, seed: int) -> np.ndarray:
    """Keys from the numbers of the rows, where every pass gives them in the same order."""
    rows = np.arange(chunk.first, chunk.first + len(chunk.x), dtype=np.uint64)
    return splitmix64(rows + splitmix64(np.array([seed], np.uint64)))


def splitmix64(numbers: np.ndarray) -> np.ndarray:
    """Different numbers to different numbers without a pattern: the finaliser of splitmix64 (Steele et al. 2014)."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def file_status(path: str) -> Any:
    """The status of a file.

    Raises:
        FileError: If it is not there.
    """
    try:
        return Path(path).stat()
    except OSError as error:
        raise FileError(
            f"there is no file {path}, or no longer; it must stay where it is until the fit has ended."
        ) from error
