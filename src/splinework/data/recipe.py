"""Recipes of whole sets: what they have in common is how rows are drawn, disturbed, counted and written down.

A member says what its rows are without noise; `draw` gives them at once, `blocks` one block after the other, and both are the
same rows to the last bit.
"""

from __future__ import annotations

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
    def outline(self) -> Schema:
        """What is known before a row is drawn."""

    def axioms(self) -> tuple[str, ...]:
        """Sentences that hold of the function without noise, see `properties.statements`; found out when they are asked for."""
        return ()

    @abstractmethod
    def clean(self, rows: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
        """Inputs (n, d) and targets (n, k) without noise, block by block."""

    @abstractmethod
    def truth_at(self, x: Floats) -> Floats | None:
        """The targets (n, k) at inputs as they were recorded; None where they cannot be had for any inputs."""

    def count(self, rows: int) -> int:
        """Rows that there are if so many are asked for."""
        return rows

    def notes(self, rows: int) -> list[str]:
        """What the card must say about so many rows."""
        return []

    def noises(self) -> Sequence[Noise]:
        """The models of noise, in their order."""
        return tuple(getattr(self, "noise", ()))

    def blocks(
        self, rows: int, *, seed: int = 0, tally: CardStatistics | None = None
    ) -> Iterator[tuple[Floats, Floats]]:
        """Rows block by block, so that no more than one block is held.

        Args:
            rows: How many to ask for.
            seed: Of all that is drawn.
            tally: Counts them for the data card.

        Yields:
            Inputs (n, d) and targets (n, k).

        Raises:
            ConfigError: If a number is out of range.
            DataError: If the truth is not finite somewhere in the box.
        """
        outline = self.outline()
        total = self.count(checked_rows(rows))
        scale: ColumnStatistics | None = None
        start = 0
        for block, (x, y) in enumerate(self.clean(rows, checked_seed(seed))):
            _refuse_undefined(outline, x, y)
            scale = scale or ColumnStatistics.of(x, y)
            found = self.disturbed(RecordedRows(x, y, outline.names, start, total, scale), seed, block)
            if tally is not None:
                moved = found.x is not x
                truth = self.truth_at(found.x) if moved else y
                tally.add(found.x, found.y, y if truth is None else truth)
                tally.scale = scale
            yield found.x, found.y
            start += len(x)

    def disturbed(self, rows: RecordedRows, seed: int, block: int) -> RecordedRows:
        """Rows of a block with the noise of all models."""
        for place, model in enumerate(self.noises()):
            rows = model.disturb(rows, stream(seed, NOISE_STREAM, place, block))
        return rows

    def draw(self, rows: int, *, seed: int = 0) -> Sample:
        """Draws the rows, at once.

        Args:
            rows: How many; a design may round it, which its data card says.
            seed: Of all that is drawn; the same seed gives the same bytes.

        Raises:
            ConfigError: If a number is out of range.
            DataError: If the truth is not finite somewhere in the box.
        """
        outline = self.outline()
        tally = CardStatistics(outline, self.axioms())
        parts = list(self.blocks(rows, seed=seed, tally=tally))
        x, y = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        facts = self.card_of(tally, rows, seed)
        flat = y[:, 0] if len(outline.targets) == 1 else y
        return Sample(
            x, flat, outline.names, outline.targets, dict(outline.units), tally.truth(), facts, outline.classes
        )

    def card_of(self, tally: CardStatistics, rows: int, seed: int) -> dict[str, Any]:
        """The values of the data card, when all rows have been counted."""
        names = self.outline().names
        said = [model.note(names, tally.scale) for model in self.noises()] if tally.scale is not None else []
        return tally.facts(to_dict(self), seed, [*self.notes(rows), *filter(None, said)])


class BoxSet(Recipe):
    """A function of inputs that come from a design on a box.

    Attributes:
        design: Where the inputs lie.
    """

    design: Design

    @abstractmethod
    def box(self) -> tuple[Input, ...]:
        """The inputs, those that do nothing among them."""

    @abstractmethod
    def evaluate(self, x: Floats) -> Floats:
        """The targets, shape (n, k), of inputs of shape (n, d)."""

    def dependence(self) -> tuple[tuple[float, ...], ...]:
        """Correlation of the normal numbers behind the inputs; empty if they are independent."""
        return ()

    def check(self) -> None:
        """Raises unless inputs, design and dependence go together; for `__post_init__`.

        Raises:
            ConfigError: If not.
        """
        if self.dependence() and not self.design.scattered:
            raise ConfigError(
                f"{type(self.design).__name__} places its points by itself; correlated inputs need Uniform, Sobol or "
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


def _refuse_undefined(outline: Schema, x: Floats, y: Floats) -> None:
    bad = np.logical_not(np.isfinite(y).all(axis=1)).reshape(-1)
    if bad.any():
        row = x[bad][0]
        place = ", ".join(f"{name}={value:.6g}" for name, value in zip(outline.names[:6], row[:6], strict=True))
        raise DataError(
            f"{outline.name} is not finite for {int(bad.sum())} of {len(bad)} rows, such as {place}; change the ranges."
        )
