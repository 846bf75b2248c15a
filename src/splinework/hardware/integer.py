"""The golden model: a network of integer tables and exact sums in NumPy, which every artefact must reproduce bit for bit.

    a_j = bias_j + Σ_i T_ij[c_i],    c'_j = saturate(round_half_even(a_j / 2^guard))

The numbers come from `quantise` and `training`; `golden` saves and loads them.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.formats import MAX_WIRE_BITS, Floats, Integers, Wire, round_shift

Task = Literal["regression", "classification"]
TASKS: Final = ("regression", "classification")


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One layer of tables and sums.

    Attributes:
        tables: For each input, `(codes, J)`: row r is the contribution of the input's code `format.low + r` to each sum.
        mask: Flags `(I, J)` of the edges that exist; the tables of the others are 0.
        bias: Bias of each node, `(J,)`.
        guard: Guard bits of the sums, which rounding removes.
        outputs: Wires of the J nodes.
    """

    tables: tuple[Integers, ...]
    mask: NDArray[np.bool_]
    bias: Integers
    guard: int
    outputs: tuple[Wire, ...]

    @property
    def inputs(self) -> int:
        """Number of inputs I."""
        return len(self.tables)

    @property
    def width(self) -> int:
        """Number of nodes J."""
        return len(self.outputs)

    def fan_in(self, node: int) -> list[int]:
        """The inputs that a node has edges from."""
        return np.flatnonzero(self.mask[:, node]).tolist()

    def bounds(self) -> tuple[Integers, Integers]:
        """Lower and upper bound of each sum over all combinations of codes, `(J,)` each."""
        low = self.bias + sum((t.min(axis=0) for t in self.tables), np.zeros(self.width, dtype=np.int64))
        high = self.bias + sum((t.max(axis=0) for t in self.tables), np.zeros(self.width, dtype=np.int64))
        return low, high


@dataclass(frozen=True, eq=False)
class IntegerModel:
    """A quantised network of integer tables and exact sums: the golden model of every artefact.

        a_j = bias_j + Σ_i T_ij[c_i],    c'_j = saturate(round_half_even(a_j / 2^guard))

    Attributes:
        name: Identifier used in the names of artefacts.
        inputs: Wires of the inputs, with values in raw units.
        layers: At least one layer; the wires of the last hold every sum exactly and give raw units.
        task: `regression`, or `classification` with scores as outputs; a single score decides by its sign.
        classes: Names of the classes.
        axioms: Texts of the hard axioms of the original network; `sw.verify` proves or refutes them for this one.

    Raises:
        ConfigError: If sizes, formats or numbers are inconsistent, or a sum could overflow its accumulator.

    Example:
        >>> import splinework as sw
        >>> golden = sw.hardware.quantise(sw.KAN([2, 1]), [[0.1 * k, 1 - 0.1 * k] for k in range(10)], bits=4)
        >>> golden.encode([[0.0, 1.0]]).tolist(), golden.predict([[0.0, 1.0]]).shape
        ([[0, 15]], (1, 1))
    """

    name: str
    inputs: tuple[Wire, ...]
    layers: tuple[IntegerLayer, ...]
    task: Task = "regression"
    classes: tuple[str, ...] = field(default=())
    axioms: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.layers or not self.inputs:
            raise ConfigError("a quantised network needs at least one input and one layer.")
        if not self.name.isidentifier() or not self.name.isascii():
            raise ConfigError(
                f"the name of a quantised network must be an ASCII identifier such as 'wine', got {self.name!r}."
            )
        if self.task not in TASKS:
            raise ConfigError(f"task is one of {', '.join(TASKS)}, got {self.task!r}.")
        _check_sizes(self)
        _check_sums(self)
        wanted = 0 if self.task == "regression" else max(2, self.outputs)
        if len(self.classes) != wanted:
            raise ConfigError(
                f"{self.outputs} outputs of a {self.task} need {wanted} classes, got {list(self.classes)}."
            )

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.layers[-1].width

    @property
    def shape(self) -> list[int]:
        """Nodes per layer."""
        return [len(self.inputs), *(layer.width for layer in self.layers)]

    def wires(self, layer: int) -> tuple[Wire, ...]:
        """The wires into a layer; `wires(len(layers))` are the outputs."""
        return self.inputs if layer == 0 else self.layers[layer - 1].outputs

    @cached_property
    def edges(self) -> int:
        """Number of tables."""
        return int(sum(layer.mask.sum() for layer in self.layers))

    def encode(self, x: ArrayLike) -> Integers:
        """Raw rows `(n, I)` to codes, saturated at the ends.

        Raises:
            ShapeError: If x has another number of columns than the network has inputs.
            DataError: If a value is NaN.
        """
        values = self._rows(x)
        return np.column_stack([w.encode(column) for w, column in zip(self.inputs, values.T, strict=True)])

    def saturated(self, x: ArrayLike) -> Integers:
        """Number of values of each input that lie outside its codes, `(I,)`."""
        counts = []
        for wire, column in zip(self.inputs, self._rows(x).T, strict=True):
            codes = wire.unsaturated(column)
            counts.append(int(((codes < wire.format.low) | (codes > wire.format.high)).sum()))
        return np.array(counts, dtype=np.int64)

    def run(self, codes: ArrayLike) -> Integers:
        """Codes `(n, I)` to the codes of the outputs `(n, J)`, which are the exact sums."""
        return self.trace(codes)[-1]

    def trace(self, codes: ArrayLike) -> list[Integers]:
        """Codes `(n, I)` to the codes after every layer.

        Raises:
            ShapeError: If the number of columns differs from the number of inputs.
            DataError: If a code is outside its format or not an integer.
        """
        c = self._codes(codes)
        states = []
        for number, layer in enumerate(self.layers):
            sums = np.repeat(layer.bias[None, :], len(c), axis=0)
            for wire, table, column in zip(self.wires(number), layer.tables, c.T, strict=True):
                sums += table[column - wire.format.low]
            c = round_shift(sums, layer.guard)
            c = np.column_stack([w.format.saturate(column) for w, column in zip(layer.outputs, c.T, strict=True)])
            states.append(c)
        return states

    def decode(self, outputs: ArrayLike) -> Floats:
        """Codes of the outputs to raw units, `(n, J)`."""
        columns = zip(self.wires(len(self.layers)), np.asarray(outputs).T, strict=True)
        return np.column_stack([wire.decode(column) for wire, column in columns])

    def decide(self, outputs: ArrayLike) -> Integers:
        """Codes of the outputs to class indices `(n,)`: the first largest score, or whether a single score is above 0."""
        codes = np.asarray(outputs)
        return (codes[:, 0] > 0).astype(np.int64) if self.outputs == 1 else codes.argmax(axis=1).astype(np.int64)

    def predict(self, x: ArrayLike) -> NDArray[np.float64] | Integers:
        """Raw rows to raw outputs `(n, J)`; for a classification to class indices `(n,)`."""
        outputs = self.run(self.encode(x))
        return self.decode(outputs) if self.task == "regression" else self.decide(outputs)

    def _rows(self, x: ArrayLike) -> Floats:
        values = np.asarray(x, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.inputs):
            raise ShapeError(
                f"{self.name} takes rows of {len(self.inputs)} values, got an array of shape {values.shape}."
            )
        if np.isnan(values).any():
            row, column = np.argwhere(np.isnan(values))[0]
            raise DataError(
                f"row {row} has a missing value in {self.inputs[column].name!r}; impute it before quantising or running."
            )
        return values

    def _codes(self, codes: ArrayLike) -> Integers:
        c = np.asarray(codes)
        if c.ndim != 2 or c.shape[1] != len(self.inputs):
            raise ShapeError(f"{self.name} takes rows of {len(self.inputs)} codes, got an array of shape {c.shape}.")
        if not np.issubdtype(c.dtype, np.integer):
            raise DataError(f"codes are integers, got {c.dtype}; `encode` makes them from raw values.")
        for wire, column in zip(self.inputs, c.T, strict=True):
            low, high = wire.format.low, wire.format.high
            if len(column) and not low <= column.min() <= column.max() <= high:
                raise DataError(
                    f"codes of {wire.name!r} lie between {low} and {high}, got {column.min()} to {column.max()}."
                )
        return c.astype(np.int64)


def _check_sizes(model: IntegerModel) -> None:
    for number, layer in enumerate(model.layers):
        wires = model.wires(number)
        shapes = [(w.format.count, layer.width) for w in wires]
        if [t.shape for t in layer.tables] != shapes:
            raise ConfigError(
                f"layer {number} needs tables of the shapes {shapes}, got {[t.shape for t in layer.tables]}."
            )
        if layer.mask.shape != (len(wires), layer.width) or layer.bias.shape != (layer.width,):
            raise ConfigError(f"layer {number} needs a mask of {len(wires)} x {layer.width} and {layer.width} biases.")
        for i, table in enumerate(layer.tables):
            if table.dtype != np.int64 or (table[:, ~layer.mask[i]] != 0).any():
                raise ConfigError(
                    f"the tables of layer {number} are 64-bit integers, and 0 where the mask says there is no edge."
                )
        if not 0 <= layer.guard <= 8 or (layer.guard and number == len(model.layers) - 1):
            raise ConfigError(
                f"layer {number} has {layer.guard} guard bits; hidden layers have 0 to 8, the last has none."
            )


def _check_sums(model: IntegerModel) -> None:
    """Checks that every sum fits its accumulator and its output wire."""
    for number, layer in enumerate(model.layers):
        for node, (low, high) in enumerate(zip(*(b.tolist() for b in layer.bounds()), strict=True)):
            wire = layer.outputs[node]
            width = accumulator_width(int(low), int(high))
            if width > MAX_WIRE_BITS:
                raise ConfigError(
                    f"the sum of {wire.name!r} in layer {number} ranges from {low} to {high} and needs {width} bits, at most "
                    f"{MAX_WIRE_BITS} are supported; use fewer bits, fewer guard bits or fewer edges into this node."
                )
            last = number == len(model.layers) - 1
            if last and not (wire.format.low <= low and high <= wire.format.high):
                raise ConfigError(
                    f"the output {wire.name!r} ranges from {low} to {high}, beyond its {wire.format.width} bits "
                    f"({wire.format.low} to {wire.format.high}); widen its format."
                )


def accumulator_width(low: int, high: int) -> int:
    """Width of the two's-complement numbers from low to high.

    >>> accumulator_width(-4, 3), accumulator_width(0, 4)
    (3, 4)
    """
    return 1 + max(~low, high, 0).bit_length()


def equal(one: IntegerModel, other: IntegerModel) -> bool:
    """Whether two models have the same numbers and wires; names of the models and classes are not compared."""
    return (
        one.inputs == other.inputs
        and len(one.layers) == len(other.layers)
        and all(
            a.outputs == b.outputs
            and a.guard == b.guard
            and np.array_equal(a.mask, b.mask)
            and np.array_equal(a.bias, b.bias)
            and all(np.array_equal(s, t) for s, t in zip(a.tables, b.tables, strict=True))
            for a, b in zip(one.layers, other.layers, strict=True)
        )
    )
