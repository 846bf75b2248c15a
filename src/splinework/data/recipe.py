"""Base classes of recipes of sets: drawing rows, adding noise, and documenting them in a data card.

A recipe defines its rows without noise; `draw` returns all rows, `blocks` yields them block by block, bit-identical.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from splinework.data.designs import Design
from splinework.data.inputs import Input, check_inputs, correlated
from splinework.data.noise import ColumnStatistics, Noise, RecordedRows
from splinework.data.random_streams import NOISE_STREAM, Floats, checked_rows, checked_seed, stream
from splinework.data.sample import CardStatistics, Sample, Schema
from splinework.data.serialisation import to_dict
from splinework.errors import ConfigError, DataError


class Recipe(ABC):
    """A frozen recipe of a set. Members are frozen dataclasses, and may have a field `noise`."""

    @abstractmethod
    def schema(self) -> Schema:
        """The description of the set."""

    def axioms(self) -> tuple[str, ...]:
        """Axioms that hold for the function without noise, see `properties.statements`; computed on request."""
        return ()

    @abstractmethod
    def clean(self, rows: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
        """Inputs (n, d) and targets (n, k) without noise, block by block."""

    @abstractmethod
    def truth_at(self, x: Floats) -> Floats | None:
        """The true targets (n, k) at recorded inputs; None if they cannot be computed for arbitrary inputs."""

    def count(self, rows: int) -> int:
        """Number of rows if `rows` are requested."""
        return rows

    def notes(self, rows: int) -> list[str]:
        """Notes for the data card of that number of rows."""
        return []

    def noises(self) -> Sequence[Noise]:
        """The models of noise, in their order."""
        return tuple(getattr(self, "noise", ()))

    def blocks(
        self, rows: int, *, seed: int = 0, statistics: CardStatistics | None = None
    ) -> Iterator[tuple[Floats, Floats]]:
        """Rows block by block, with at most one block in memory.

        Yields:
            Inputs (n, d) and targets (n, k).

        Raises:
            ConfigError: If a number is out of range.
            DataError: If the truth is not finite somewhere in the box.
        """
        schema = self.schema()
        total = self.count(checked_rows(rows))
        scale: ColumnStatistics | None = None
        start = 0
        for block, (x, y) in enumerate(self.clean(rows, checked_seed(seed))):
            _refuse_undefined(schema, x, y)
            scale = scale or ColumnStatistics.of(x, y)
            found = self.disturbed(RecordedRows(x, y, schema.names, start, total, scale), seed, block)
            if statistics is not None:
                moved = found.x is not x
                truth = self.truth_at(found.x) if moved else y
                statistics.add(found.x, found.y, y if truth is None else truth)
                statistics.scale = scale
            yield found.x, found.y
            start += len(x)

    def disturbed(self, rows: RecordedRows, seed: int, block: int) -> RecordedRows:
        """Rows of a block with the noise of all noise models."""
        for place, model in enumerate(self.noises()):
            rows = model.disturb(rows, stream(seed, NOISE_STREAM, place, block))
        return rows

    def draw(self, rows: int, *, seed: int = 0) -> Sample:
        """Draws all rows.

        Args:
            rows: Requested number of rows; a design may round it, which its data card notes.
            seed: Seed of inputs and noise; equal seeds give equal bytes.

        Raises:
            ConfigError: If a number is out of range.
            DataError: If the truth is not finite somewhere in the box.
        """
        schema = self.schema()
        statistics = CardStatistics(schema, self.axioms())
        parts = list(self.blocks(rows, seed=seed, statistics=statistics))
        x, y = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        facts = self.card_of(statistics, rows, seed)
        flat = y[:, 0] if len(schema.targets) == 1 else y
        return Sample(
            x, flat, schema.names, schema.targets, dict(schema.units), statistics.truth(), facts, schema.classes
        )

    def card_of(self, statistics: CardStatistics, rows: int, seed: int) -> dict[str, Any]:
        """The values of the data card, after all rows were accumulated."""
        names = self.schema().names
        noted = [model.note(names, statistics.scale) for model in self.noises()] if statistics.scale is not None else []
        return statistics.facts(to_dict(self), seed, [*self.notes(rows), *filter(None, noted)])


class BoxSet(Recipe):
    """A function of inputs that come from a design on a box.

    Attributes:
        design: Design of the inputs.
    """

    design: Design

    @abstractmethod
    def box(self) -> tuple[Input, ...]:
        """The inputs, including inactive ones."""

    @abstractmethod
    def evaluate(self, x: Floats) -> Floats:
        """The targets, shape (n, k), of inputs of shape (n, d)."""

    def dependence(self) -> tuple[tuple[float, ...], ...]:
        """Correlation matrix of the Gaussian copula of the inputs; empty for independent inputs."""
        return ()

    def check(self) -> None:
        """Checks that inputs, design and dependence are compatible; for `__post_init__`."""
        if self.dependence() and not self.design.scattered:
            raise ConfigError(
                f"{type(self.design).__name__} does not support correlated inputs, which need Uniform, Sobol or "
                "LatinHypercube."
            )
        check_inputs(self.box(), self.dependence())

    def clean(self, rows: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
        design, inputs = self.design, self.box()
        dependence = self.dependence()
        for levels in design.levels(rows, len(inputs), seed=seed):
            if not design.boxed:
                x = levels  # already in the units of the inputs
            else:
                spread = correlated(levels, dependence) if dependence else levels
                x = np.column_stack([one.values(spread[:, place]) for place, one in enumerate(inputs)])
            yield x, self.evaluate(x)

    def truth_at(self, x: Floats) -> Floats | None:
        return self.evaluate(x)

    def count(self, rows: int) -> int:
        return self.design.count(rows, len(self.box()))

    def notes(self, rows: int) -> list[str]:
        return list(filter(None, [self.design.note(rows, len(self.box()))]))


def _refuse_undefined(schema: Schema, x: Floats, y: Floats) -> None:
    bad = np.logical_not(np.isfinite(y).all(axis=1)).reshape(-1)
    if bad.any():
        row = x[bad][0]
        place = ", ".join(f"{name}={value:.6g}" for name, value in zip(schema.names[:6], row[:6], strict=True))
        raise DataError(
            f"{schema.name} is not finite for {int(bad.sum())} of {len(bad)} rows, such as {place}; change the ranges."
        )
