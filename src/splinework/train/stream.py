"""The first pass over a source: checks, units of the model, rows to hold out, and a sample of the others in memory.

Which rows are held out, and which are the sample, is decided by a key of each row that is as good as random (bottom-k sampling;
Cohen & Kaplan 2007): every pass tells them apart again without a list, and the number of rows need not be known before.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.network import KAN
from splinework.train.callbacks import Step
from splinework.train.data_split import (
    DataSplit,
    Samples,
    held_out_share,
    normalised_weights,
    set_units_from,
    target_names,
    validation_rows,
)
from splinework.train.losses import Loss, make_loss
from splinework.train.options import TrainingOptions
from splinework.train.progress import Progress
from splinework.train.sources import Chunk, Source

MAX_HELD_OUT_ROWS, MAX_SAMPLE_ROWS = 20_000, 20_000
"""Most rows in memory: of those held out, and of those to fit."""
MAX_CHUNK_VALUES, MAX_CHUNK_ROWS = 2**20, 2**16
"""Most values, and most rows, that a pass reads at a time."""
MAX_LABELS = 1000
"""Different values of y that are remembered for a loss that asks which labels there are."""


@final
@dataclass(frozen=True)
class Stream:
    """The rows to fit, in network units, chunk by chunk.

    Attributes:
        source: Where they lie.
        criterion: The loss, which reads the targets.
        seed: Seed of the rows' keys.
        pivot: DataSplit with a smaller key are held out.
        count: Number of rows to fit.
        mean_weight: Mean weight of the rows to fit.
        size: DataSplit read at a time.
        steps: Mini-batches in a pass where the source decides on them.
        facts: Results of the first pass, as a text.
    """

    source: Source
    criterion: Loss
    seed: int
    pivot: int
    count: int
    mean_weight: float
    size: int
    steps: int
    facts: str

    @property
    def identity(self) -> str:
        """A text that differs for other rows, as far as a pass shows."""
        return repr((self.source.identity, self.seed, self.pivot, self.count, self.mean_weight, self.facts))

    @property
    def n_blocks(self) -> int:
        """Groups of rows that can be read by themselves."""
        return self.source.n_groups

    def blocks(self, model: KAN, first: int, last: int) -> Iterator[tuple[int, Samples]]:
        """Rows to fit, in order, in parts of about `size` rows, with the number of the group that each is from.

        Raises:
            DataError: If there are more or fewer than there were.
        """
        seen = 0
        for index in range(first, last):
            waiting, waiting_rows = list[Samples](), 0
            for chunk in self.source.group(index, self.size):
                part = self._part(model, chunk)
                seen, waiting_rows = seen + len(part.u), waiting_rows + len(part.u)
                waiting.append(part)
                if waiting_rows >= self.size:
                    yield index, join_chunks(waiting)
                    waiting, waiting_rows = [], 0
            if waiting_rows:
                yield index, join_chunks(waiting)
        if last - first == self.n_blocks and seen != self.count:
            raise DataError(
                f"a pass over the rows gave {seen} to fit, and the first one {self.count}; every pass must give the same "
                "rows, none dropped, and none changed at random."
            )

    def shuffled(self, model: KAN, generator: torch.Generator) -> Iterator[Samples]:
        """All rows to fit, pieces in random order."""
        for chunk in self.source.shuffled(self.size, generator):
            part = self._part(model, chunk)
            if len(part.u):
                yield part

    def _part(self, model: KAN, chunk: Chunk) -> Samples:
        if self.pivot:
            kept = torch.from_numpy(self.source.keys(chunk, self.seed) >= np.uint64(self.pivot))
            chunk = Chunk(chunk.first, chunk.x[kept], chunk.y[kept], None if chunk.w is None else chunk.w[kept])
        return samples_of(model, self.criterion, chunk, self.mean_weight)


def join_chunks(parts: list[Samples]) -> Samples:
    """Several parts as one; their weights stay as they are."""
    if len(parts) == 1:
        return parts[0]
    weights = [part.weights for part in parts if part.weights is not None]
    return Samples(
        torch.cat([part.u for part in parts]),
        torch.cat([part.t for part in parts]),
        torch.cat(weights) if weights else None,
    )


def samples_of(model: KAN, criterion: Loss, chunk: Chunk, mean_weight: float) -> Samples:
    """Raw rows in network units, on the model's device."""
    like = next(model.parameters())
    t = criterion.targets(chunk.y, model.outputs, target_names(model, chunk.y)).to(like)
    t = model.output_scaling(t) if criterion.regression else t
    w = None if chunk.w is None else (chunk.w / mean_weight).to(like)
    return Samples(model.input_scaling(chunk.x.to(like)), t, w)


def take_stream(model: KAN, source: Source, options: TrainingOptions) -> tuple[DataSplit, Stream, Tensor]:
    """Reads all rows once, sets the units of the model where asked, and splits.

    Returns:
        The sample and the held-out rows, in memory; the rows to fit, streamed; and the rows, in network units, that have the
        least or greatest value of an input.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or values that are not finite, or that mean nothing to the loss.
        ConfigError: If `validation` has neither two nor three parts, or the loss does not fit the model.
        FileError: If a file cannot be read.
    """
    criterion, validation = make_loss(options.loss), options.validation
    if not criterion.regression and "log" in model.config.output_scales:
        raise ConfigError(f"the loss {criterion.name} needs linear output_scales; it has a scale of its own.")
    pair = isinstance(validation, (tuple, list))
    source = source.bound(model.config.input_names)
    found = _StreamSummary(model, source, criterion, options.seed)
    began = time.monotonic()
    with Progress(options.progress, first="reading") as bar:
        for chunk in source.chunks(found.size):
            found.add(chunk)
            bar(_read(found.count, source.rows, time.monotonic() - began))
    if not found.count:
        raise DataError("there are no rows in the source; at least one is needed.")
    criterion = found.settled()
    if options.standardise:
        spread = (found.squares / found.count).sqrt()
        targets = (found.mean, spread) if criterion.regression else None
        ends = found.ends.to(next(model.parameters()))
        set_units_from(model, ends.amin(0), ends.amax(0), targets, always=options.standardise is True)
    chosen = 0 if pair else min(round(held_out_share(validation, found.count) * found.count), MAX_HELD_OUT_ROWS)
    if chosen and chosen >= found.count:
        raise DataError(
            f"holding out {chosen} of {found.count} rows leaves none to fit; use a smaller validation share."
        )
    return found.split(criterion, chosen, validation if pair else None, automatically=validation is None)


def _read(count: int, rows: int | None, seconds: float) -> Step:
    """A step for the line on the terminal."""
    stage = f"reading row {count:,}" + ("" if rows is None else f" of {rows:,}")
    return Step(0, stage, 0, math.nan, math.nan, math.nan, seconds)


class _StreamSummary:
    """Statistics of the rows so far.

    Attributes:
        ends: `(2 inputs, inputs)`: inputs, logarithms taken, of the rows with the least and the greatest value of each.
        mean, squares: Of the targets, logarithms taken: mean and sum of squared deviations, per output.
    """

    def __init__(self, model: KAN, source: Source, criterion: Loss, seed: int) -> None:
        self.model, self.source, self.criterion, self.seed = model, source, criterion, seed
        self.size = max(min(MAX_CHUNK_VALUES // (model.inputs + model.outputs), MAX_CHUNK_ROWS), 256)
        self.count, self.total_weight, self.chunks_read = 0, 0.0, 0
        like = next(model.parameters())
        self.mean, self.squares = like.new_zeros(model.outputs), like.new_zeros(model.outputs)
        self.ends = self.raw_ends = torch.empty(0, model.inputs)
        self.settles = type(criterion).settle is not Loss.settle
        self.labels = torch.empty(0, 1, dtype=torch.float64)
        self.kept: Chunk | None = None
        self.keys = np.empty(0, dtype=np.uint64)

    def add(self, chunk: Chunk) -> None:
        """One more chunk."""
        names, scales = self.model.config.input_names, self.model.config.input_scales
        if chunk.x.shape[1] != self.model.inputs:
            raise ShapeError(f"the model takes {self.model.inputs} inputs, and x has {chunk.x.shape[1]} columns.")
        _check(chunk.x, names, chunk.first, "x")
        _check(chunk.y, target_names(self.model, chunk.y), chunk.first, "y")
        flat = self.model.input_scaling.flatten_scales(chunk.x)
        _check(flat, names, chunk.first, "x", scales)
        self._reach(flat, chunk.x)
        if self.settles and len(self.labels) <= MAX_LABELS:
            self.labels = torch.cat([self.labels, chunk.y.reshape(-1, 1)]).unique()[:, None]
        if self.criterion.regression or not self.settles or len(self.labels) > MAX_LABELS:
            self._targets(chunk)
        if chunk.w is not None:
            _check(chunk.w[:, None], ("weights",), chunk.first, "weights")
            if bool((chunk.w < 0).any()):
                raise DataError(f"weights must not be negative; the smallest is {float(chunk.w.min()):g}.")
            self.total_weight += float(chunk.w.sum())
        self._keep(chunk)
        self.count += len(chunk.x)
        self.chunks_read += 1

    def settled(self) -> Loss:
        """The loss that knows the labels."""
        return self.criterion.settle(self.labels) if self.settles else self.criterion

    def split(
        self, criterion: Loss, chosen: int, pair: Any, *, automatically: bool
    ) -> tuple[DataSplit, Stream, Tensor]:
        """Holds out about `chosen` rows, and samples the others."""
        assert self.kept is not None
        self._prune()
        pivot = int(self.keys[chosen]) if chosen else 0
        last = int((self.keys < np.uint64(pivot)).sum())  # fewer where rows are alike and so are their keys
        held, sample = _select(self.kept, slice(0, last)), _select(self.kept, slice(last, last + MAX_SAMPLE_ROWS))
        count, mean = self.count - last, 1.0
        if sample.w is not None:
            mean = (self.total_weight - (float(held.w.sum()) if held.w is not None else 0.0)) / count
            if not mean > 0:
                raise DataError("weights must not be all zero.")
        facts = repr((self.count, self.ends.tolist(), self.mean.tolist(), self.squares.tolist()))
        stream = Stream(self.source, criterion, self.seed, pivot, count, mean, self.size, self.chunks_read, facts)
        model = self.model
        out = samples_of(model, criterion, held, mean) if last else None
        if out is not None and out.weights is not None:
            out = replace(out, weights=normalised_weights(out.weights))
        if pair is not None:
            out = validation_rows(model, criterion, pair)
        used = samples_of(model, criterion, sample, mean)
        if used.weights is not None and count > len(used.u):
            used = replace(used, weights=normalised_weights(used.weights))
        # The whole of a small source is its own sample, with the same numbers to the bit.
        extremes = model.input_scaling(self.raw_ends.to(used.u)) if count > len(used.u) else used.u[:0]
        return DataSplit(used, out, automatically, criterion), stream, extremes

    def _reach(self, flat: Tensor, raw: Tensor) -> None:
        flat, raw = torch.cat([self.ends.to(flat), flat]), torch.cat([self.raw_ends.to(raw), raw])
        rows = torch.cat([flat.argmin(0), flat.argmax(0)])
        self.ends, self.raw_ends = flat[rows], raw[rows]

    def _targets(self, chunk: Chunk) -> None:
        """Mean and squared deviations, merged by the rule of Chan, Golub & LeVeque 1979."""
        names = target_names(self.model, chunk.y)
        t = self.criterion.targets(chunk.y, self.model.outputs, names)
        if not self.criterion.regression:
            return
        scaling = self.model.output_scaling
        flat = scaling.flatten_scales(t)
        _check(flat, self.model.config.output_names, chunk.first, "y", scaling.scales)
        mean, count = flat.mean(0), len(flat)
        gap, total = mean - self.mean.to(mean), self.count + count
        squares = (flat - mean).square().sum(0) + gap.square() * (self.count * count / total)
        self.squares = self.squares + squares.to(self.squares)
        self.mean = self.mean + (gap * (count / total)).to(self.mean)

    def _keep(self, chunk: Chunk) -> None:
        """Adds the rows whose keys are among the smallest so far."""
        keys, most = self.source.keys(chunk, self.seed), MAX_HELD_OUT_ROWS + MAX_SAMPLE_ROWS + 1
        if len(self.keys) >= most:
            fits = keys < self.keys[:most].max()
            keys, chunk = keys[fits], _select(chunk, torch.from_numpy(fits))
        self.kept = chunk if self.kept is None else _join(self.kept, chunk)
        self.keys = np.concatenate([self.keys, keys])
        if len(self.keys) >= 2 * most:
            self._prune()

    def _prune(self) -> None:
        assert self.kept is not None
        order = np.argsort(self.keys, kind="stable")[: MAX_HELD_OUT_ROWS + MAX_SAMPLE_ROWS + 1]
        self.keys, self.kept = self.keys[order], _select(self.kept, torch.from_numpy(order))


def _join(first: Chunk, second: Chunk) -> Chunk:
    w = None if first.w is None or second.w is None else torch.cat([first.w, second.w])
    return Chunk(0, torch.cat([first.x, second.x]), torch.cat([first.y, second.y]), w)


def _select(chunk: Chunk, which: Any) -> Chunk:
    return Chunk(0, chunk.x[which], chunk.y[which], None if chunk.w is None else chunk.w[which])


def _check(values: Tensor, names: Any, first: int, what: str, scales: Any = ()) -> None:
    """Raises DataError if a value is not finite, with its column and row."""
    if bool(torch.isfinite(values.sum())):  # all are, or some cancel, which an infinite value never does
        return
    bad = (~torch.isfinite(values)).nonzero()
    if not len(bad):
        return
    row, column = bad[0].tolist()
    why = "; a column with a logarithmic scale must be positive" if "log" in scales else ""
    raise DataError(
        f"{what} has values that are not finite numbers: the first is {names[column]} in row {first + row}{why}. Drop or "
        "fill those rows first."
    )
