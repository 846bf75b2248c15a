"""Frames as tables: what a frame does with one input or one output alone becomes part of a quantised network.

A feature of one raw input is worked out for every code of that input, and the table behind it read there. An answer of one
output is one more table, over the codes of the sum; its codes stay between the least and the largest value that it has there,
so that bounds hold in every code. Formulas of several inputs or outputs need arithmetic, which a network of tables has not.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch

from splinework.errors import ConfigError
from splinework.hardware.formats import Floats, Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel, Task
from splinework.hardware.quantise import WIDEST_CODE, Bits, as_bits, wires_of
from splinework.hardware.quantise import quantise as quantise_network
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import Expression, FramedKAN
from splinework.nn.network import KAN

_WAY_OUT: Final = (
    "quantise the network alone, sw.hardware.quantise(model.network, model.inside(x)), and do what the frame does outside of "
    "the tables."
)


def quantise(
    model: KAN | FramedKAN,
    x: Any,
    *,
    bits: int | Bits = 6,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
) -> IntegerModel:
    """The model as tables of integers, by calibration on rows; no training. See `splinework.hardware.quantise.quantise`.

    Of a frame, features of one input and answers of one output become tables too. What is monotone because of its edges stays
    so, and bounds that the frame keeps hold in every code. `sw.verify` proves axioms of the result.

    Args:
        model: A trained model, in a frame or not; it is left as it is.
        x: Rows that are typical for its use, `(n, inputs)` in raw units.
        bits: Widths of codes; one number is that of inputs and hidden nodes.
        task: `classification` if the outputs are logits; not of a model in a frame.
        classes: Names of the classes; None numbers them.
        name: An identifier, after which artefacts are called.

    Raises:
        ConfigError: For settings out of range; if a feature depends on several inputs, or an answer on more than its own output.
        DataError: If x is not usable.
        ShapeError: If x has another number of columns.

    Example:
        >>> from splinework.nn.frame import Frame
        >>> model = FramedKAN(KAN([1, 1]), Frame(("a",), (), ("y",), ("3*sigmoid(z1)",)))
        >>> golden = quantise(model, torch.rand(100, 1))
        >>> low, high = golden.decode([[golden.layers[-1].tables[0].min()], [golden.layers[-1].tables[0].max()]])[:, 0]
        >>> bool(0 <= low < high <= 3)
        True
    """
    if isinstance(model, KAN):
        return quantise_network(model, x, bits=bits, task=task, classes=classes, name=name)
    if task != "regression":
        raise ConfigError(f"a model in a frame is quantised as a regression, got task={task!r}; {_WAY_OUT}")
    return _of_framed(model, x, as_bits(bits), name)


def _of_framed(model: FramedKAN, x: Any, bits: Bits, name: str) -> IntegerModel:
    _check(model)
    like = next(model.parameters())
    rows = as_columns(x, model.inputs, "x", model.input_names, like).detach()
    check_finite(rows, "x", model.input_names)
    with torch.no_grad():
        seen = model.frame.features_of(rows)
    # What features have for codes is gone once they are folded: they may as well be fine.
    inner = replace(bits, inputs=WIDEST_CODE) if model.frame.before else bits
    golden = quantise_network(model.network, seen, bits=inner, name=name)
    if model.frame.before:
        golden = _with_features(golden, model, rows.double().numpy(), bits)
    if model.frame.after:
        golden = _with_answers(golden, model, bits)
    last, frame = golden.layers[-1], model.frame
    inputs = tuple(replace(wire, name=name) for wire, name in zip(golden.inputs, frame.input_names, strict=True))
    outputs = tuple(replace(wire, name=name) for wire, name in zip(last.outputs, frame.output_names, strict=True))
    return replace(golden, inputs=inputs, layers=(*golden.layers[:-1], replace(last, outputs=outputs)))


def _check(model: FramedKAN) -> None:
    frame, inputs = model.frame, model.inputs
    for feature in frame.before:
        if len(feature.columns) > 1:
            names = ", ".join(frame.input_names[i] for i in feature.columns)
            raise ConfigError(
                f"the frame makes {feature.text} of {names}, which no table of one input can do; {_WAY_OUT}"
            )
    for j, answer in enumerate(frame.after):
        if not set(answer.columns) <= {inputs + j}:
            raise ConfigError(
                f"the frame makes {frame.output_names[j]} = {answer.text}, which depends on more than one output of the network; "
                f"{_WAY_OUT}"
            )


def _with_features(golden: IntegerModel, model: FramedKAN, rows: Floats, bits: Bits) -> IntegerModel:
    """The network over the raw inputs."""
    first, frame = golden.layers[0], model.frame
    inputs = wires_of(frame.input_names, rows, bits.of_inputs(model.inputs))
    tables = [np.zeros((wire.format.count, first.width), dtype=np.int64) for wire in inputs]
    mask, bias = np.zeros((len(inputs), first.width), dtype=bool), first.bias.copy()
    for number, (wire, feature) in enumerate(zip(golden.inputs, frame.before, strict=True)):
        table = first.tables[number]
        if not feature.columns:
            bias += table[wire.encode(_values(feature, np.zeros((1, model.inputs))))[0] - wire.format.low]
            continue
        (i,) = feature.columns
        codes = np.arange(inputs[i].format.low, inputs[i].format.high + 1)
        raw = np.zeros((len(codes), model.inputs))
        raw[:, i] = inputs[i].decode(codes)
        tables[i] += table[wire.encode(_values(feature, raw)) - wire.format.low]
        mask[i] |= first.mask[number]
    made = IntegerLayer(tuple(tables), mask, bias, first.guard, first.outputs)
    layers = (_exact(made) if len(golden.layers) == 1 else made, *golden.layers[1:])
    return replace(golden, inputs=inputs, layers=layers)


def _exact(layer: IntegerLayer) -> IntegerLayer:
    """A last layer whose wires hold its sums, and no more."""
    low, high = layer.bounds()
    outputs = tuple(
        replace(wire, format=Format.holding(min(int(a), -1), int(b), wire.format.fraction))
        for wire, a, b in zip(layer.outputs, low, high, strict=True)
    )
    return replace(layer, outputs=outputs)


def _with_answers(golden: IntegerModel, model: FramedKAN, bits: Bits) -> IntegerModel:
    """The network with one more layer, of a table for each output."""
    last, frame = golden.layers[-1], model.frame
    guard = max(0, max(wire.format.width for wire in last.outputs) - WIDEST_CODE)
    hidden = []  # the wires of the sums, so many bits less exact
    for wire in last.outputs:
        form = wire.format
        narrow = Format(max(1, form.width - guard), form.fraction - guard, form.signed)
        hidden.append(replace(wire, name=f"z_{wire.name}", format=narrow))
    tables, outputs, bias = [], [], np.zeros(last.width, dtype=np.int64)
    for j, (wire, answer) in enumerate(zip(hidden, frame.after, strict=True)):
        codes = np.arange(wire.format.low, wire.format.high + 1)
        columns = np.zeros((len(codes), model.inputs + last.width))
        columns[:, model.inputs + j] = wire.decode(codes)
        table, out = _rounded(_values(answer, columns), frame.output_names[j], bits.outputs)
        full = np.zeros((len(codes), last.width), dtype=np.int64)
        full[:, j] = table
        tables.append(full)
        outputs.append(out)
    layers = (
        *golden.layers[:-1],
        replace(last, guard=guard, outputs=tuple(hidden)),
        IntegerLayer(tuple(tables), np.eye(last.width, dtype=bool), bias, 0, tuple(outputs)),
    )
    return replace(golden, layers=layers)


def _rounded(values: Floats, name: str, width: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Wire]:
    """Values in steps of a power of two, none beyond the least and the largest of them, and what their codes mean."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ConfigError(f"{name} is not finite for all codes of the network's sum; {_WAY_OUT}")
    fraction = width - int(np.ceil(np.log2(max(high - low, 1e-300)))) if high > low else width
    step = 2.0**-fraction
    least, most = np.ceil(low / step), np.floor(high / step)
    codes = np.clip(np.rint(values / step), least, max(least, most)).astype(np.int64)
    return codes, Wire(name, Format.holding(int(codes.min()), int(codes.max()), fraction))


def _values(formula: Expression, columns: Floats) -> Floats:
    return np.asarray(formula.of(torch.from_numpy(columns)).numpy())
