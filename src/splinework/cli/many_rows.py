"""Predictions for Arrow data sets of any size, written as Parquet: one file, or a folder with a file for each piece.

A folder is written piece by piece, each whole or not at all, and says whose predictions it holds; the same command goes on where
it was interrupted, and leaves alone what it finds done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from splinework.cli.predictions import Columns, Predictor
from splinework.errors import ConfigError, DataError
from splinework.formula.figures import plural
from splinework.nn.files import whole_file, write_whole
from splinework.tabular.tables import FileTable
from splinework.tabular.tables.arrow_columns import NumberColumns, as_array, as_numbers, is_numeric
from splinework.tabular.tables.arrow_rows import ArrowRows, RowPiece
from splinework.train.parallel import ahead

if TYPE_CHECKING:
    import pyarrow as pa

    from splinework.cli.progress import Stages

MANIFEST: Final = "_splinework.json"
"""What a folder of predictions says about itself."""


@dataclass
class Figures:
    """Figures of merit of predictions whose target is known, summed up batch by batch.

    Squared deviations from the mean are merged by the rule of Chan, Golub & LeVeque 1979.
    """

    count: int = 0
    squares: float = 0.0
    absolute: float = 0.0
    mean: float = 0.0
    deviations: float = 0.0

    def add(self, predicted: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> None:
        """More rows; those without a prediction or a target do not count."""
        known = np.isfinite(predicted) & np.isfinite(y)
        errors, y = (predicted - y)[known], y[known]
        if not len(y):
            return
        mean, total = float(y.mean()), self.count + len(y)
        gap = mean - self.mean
        self.deviations += float(np.square(y - mean).sum()) + gap**2 * self.count * len(y) / total
        self.mean += gap * len(y) / total
        self.squares += float(np.square(errors).sum())
        self.absolute += float(np.abs(errors).sum())
        self.count = total

    @property
    def summary(self) -> dict[str, float | int | None]:
        """Rows, root mean squared error, mean absolute error and share of the variance explained."""
        if not self.count:
            return {"rows": 0, "rmse": None, "mae": None, "r2": None}
        r2 = 1 - self.squares / self.deviations if self.deviations > 0 else None
        return {
            "rows": self.count,
            "rmse": (self.squares / self.count) ** 0.5,
            "mae": self.absolute / self.count,
            "r2": r2,
        }


@dataclass
class ManyRows:
    """Predictions for a data set.

    Attributes:
        rows: The data set.
        predictor: The model.
        target: Column of the target, where it is among the columns and of numbers.
        figures: Figures of merit on the rows with a target.
        skipped: Pieces that an earlier run had done.
    """

    rows: ArrowRows
    predictor: Predictor
    target: str | None = None
    figures: Figures = field(default_factory=Figures)
    skipped: int = 0

    def __post_init__(self) -> None:
        import pyarrow as pa

        inputs = self.predictor.inputs
        held = self.rows.columns
        self.needed = [name for name in held if name in inputs]
        self.plain = self.predictor.takes_numbers and is_numeric(self.rows.schema, self.needed)
        target = self.predictor.target
        numeric = target in held and (
            pa.types.is_floating(kind := self.rows.schema.field(target).type) or pa.types.is_integer(kind)
        )
        self.target = target if numeric and target not in inputs else None

    @property
    def remarks(self) -> list[str]:
        """Figures of merit where the target is known, and what was done before, in sentences."""
        found = []
        if self.skipped:
            found.append(
                f"{plural(self.skipped, 'piece')} of {len(self.rows.pieces)} had been done before, and were left"
            )
        figures = self.figures.summary
        if figures["rows"]:
            share = "" if figures["r2"] is None else f", {figures['r2']:.4g} of the variance explained"
            found.append(
                f"{figures['rows']} rows have {self.target!r}: root mean squared error {figures['rmse']:.4g}{share}"
            )
        return found

    def measure(self, stages: Stages) -> None:
        """The figures of merit of all rows; nothing is written."""
        done = 0.0
        for piece in self.rows.pieces:
            for _ in self._predicted(ahead(self.rows.batches(piece))):
                pass
            done += piece.size * piece.share
            stages.share(done / max(self.rows.size, 1.0))

    def into_file(self, out: Path, stages: Stages) -> None:
        """Writes all rows and predictions into one Parquet file, whole or not at all."""
        with whole_file(out) as file:
            self._write(file, self.rows.pieces, stages, 0.0)

    def into_folder(self, out: Path, model: Path, stages: Stages) -> None:
        """Writes a Parquet file for each piece into a folder; pieces that are there are left.

        Raises:
            ConfigError: If the folder holds predictions of another model or for other rows, or other files.
        """
        about = self._about(model)
        known = self._known(out, about)
        out.mkdir(exist_ok=True)
        write_whole(out / MANIFEST, json.dumps(about, indent=1).encode())
        done = 0.0
        for number, piece in enumerate(self.rows.pieces):
            path = out / f"part-{number:06d}.parquet"
            if known and path.exists():
                self.skipped += 1
            else:
                with whole_file(path) as file:
                    self._write(file, (piece,), stages, done)
            done += piece.size * piece.share

    def _about(self, model: Path) -> dict[str, Any]:
        files = sorted({piece.path for piece in self.rows.pieces})
        state = [(file, (found := Path(file).stat()).st_size, found.st_mtime_ns) for file in files]
        return {
            "model": hashlib.sha256(model.read_bytes()).hexdigest(),
            "data": hashlib.sha256(repr(state).encode()).hexdigest(),
            "pieces": len(self.rows.pieces),
        }

    @staticmethod
    def _known(out: Path, about: dict[str, Any]) -> bool:
        """Whether the folder holds the beginning of the same predictions."""
        if not out.is_dir() or not any(out.iterdir()):
            return False
        try:
            found = json.loads((out / MANIFEST).read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(f"--out {out} is a folder with other files in it; name a new one.") from error
        if found != about:
            raise ConfigError(
                f"--out {out} holds predictions of another model or for other rows; name a new folder, or remove that one."
            )
        return True

    def _write(self, file: Any, pieces: tuple[RowPiece, ...], stages: Stages, done: float) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        total, writer = max(self.rows.size, 1.0), None
        for piece in pieces:
            expected, seen = piece.rows or 0, 0
            for batch, found in ahead(self._predicted(ahead(self.rows.batches(piece)))):
                columns = [as_array(column) for column in found.values()]
                table = pa.Table.from_arrays([*batch.columns, *columns], names=[*batch.schema.names, *found])
                if writer is None:
                    plain = {"use_dictionary": False, "write_statistics": False, "compression": "lz4"}
                    writer = parquet.ParquetWriter(file, table.schema, **plain)
                writer.write_table(table)
                seen += batch.num_rows
                stages.share((done + piece.size * piece.share * (seen / expected if expected else 0)) / total)
            done += piece.size * piece.share
        if writer is None:  # no rows
            nothing = FileTable(
                self.rows.schema.empty_table().select(self.needed).to_pandas(), self.rows.name, place="row"
            )
            kinds = [*self.rows.schema, *(pa.field(name, pa.float64()) for name in self.predictor.columns(nothing))]
            writer = parquet.ParquetWriter(file, pa.schema(kinds))
        writer.close()

    def _predicted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, Columns]]:
        for batch in batches:
            inputs = batch.select(self.needed)
            frame: Any = NumberColumns(inputs) if self.plain else inputs.to_pandas()
            table = FileTable(frame, self.rows.name, place="row")
            found = self.predictor.columns(table)
            for name in found:
                if name in self.rows.columns:
                    raise DataError(f"{self.rows.name} has a column {name!r} already; rename or remove it first.")
            if self.target is not None:
                y = as_numbers(batch.column(self.target)).astype(np.float64)
                first = next(iter(found.values()))
                if first.dtype.kind == "f":
                    self.figures.add(first, y)
            yield batch, found
