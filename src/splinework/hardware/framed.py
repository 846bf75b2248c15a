"""Frames as tables: frame formulas of a single input or output become part of the quantised network.

A feature of one raw input is evaluated at every code of that input and composed with the table behind it. An output formula of
one network output becomes one more table over the codes of its sum; its codes stay between the least and the largest value
there, so bounds hold in every code. Formulas of several inputs or outputs need arithmetic that a network of tables lacks.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.hardware.formats import Floats, Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel, Task
from splinework.hardware.quantisation import MAX_CODE_BITS, Bits, as_bits, wires_of
from splinework.hardware.quantisation import quantise as quantise_network
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import Expression, FramedKAN
from splinework.nn.network import KAN

_WAY_OUT: Final = (
    "quantise the network alone, sw.hardware.quantise(model.network, model.inside(x)), and evaluate the frame outside the "
    "artefact."
)


@explained
def quantise(
    model: KAN | FramedKAN,
    x: Any,
    *,
    bits: int | Bits = 6,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
) -> IntegerModel:
    """Post-training quantisation: the model as a network of integer tables, calibrated on rows without training.

    Frame features of one input and frame outputs of one network output become tables, too. Monotonicity that follows from the
    edges is preserved, and bounds that the frame guarantees hold in every code. `sw.verify` proves axioms of the result.

    Args:
        model: A trained model, framed or not; it is not changed.
        x: Rows that are typical of its use, `(n, inputs)` in raw units.
        bits: Code widths; a single number is the width of inputs and hidden nodes.
        task: `classification` if the outputs are logits; not supported for framed models.
        classes: Names of the classes; None numbers them.
        name: Identifier used in the names of artefacts.

    Returns:
        The golden model: integer tables, exact sums, roundings.

    Raises:
        ConfigError: If a setting is out of range, a feature depends on several inputs, or an output on other outputs.
        DataError: If x contains missing or non-finite values.
        ShapeError: If x has another number of columns than the model has inputs.

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
        raise ConfigError(f"a framed model is quantised as a regression, got task={task!r}; {_WAY_OUT}")
    return _of_framed(model, x, as_bits(bits), name)


def _of_framed(model: FramedKAN, x: Any, bits: Bits, name: str) -> IntegerModel:
    _check(model)
    like = next(model.parameters())
    rows = as_columns(x, model.inputs, "x", model.input_names, like).detach()
    check_finite(rows, "x", model.input_names)
    with torch.no_grad():
        seen = model.frame.features_of(rows)
    # The codes of features vanish once their tables are composed, so they can be as fine as possible.
    inner = replace(bits, inputs=MAX_CODE_BITS) if model.frame.before else bits
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
                f"the frame feature {feature.text} depends on {names}, but a table has one input; {_WAY_OUT}"
            )
    for j, answer in enumerate(frame.after):
        if not set(answer.columns) <= {inputs + j}:
            raise ConfigError(
                f"the frame output {frame.output_names[j]} = {answer.text} depends on more than one output of the network; "
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
    """The last layer with the narrowest output wires that hold its sums."""
    low, high = layer.bounds()
    outputs = tuple(
        replace(wire, format=Format.holding(min(int(a), -1), int(b), wire.format.fraction))
        for wire, a, b in zip(layer.outputs, low, high, strict=True)
    )
    return replace(layer, outputs=outputs)


def _with_answers(golden: IntegerModel, model: FramedKAN, bits: Bits) -> IntegerModel:
    """The network with one more layer that has a table for each output."""
    last, frame = golden.layers[-1], model.frame
    guard = max(0, max(wire.format.width for wire in last.outputs) - MAX_CODE_BITS)
    hidden = []  # the wires of the sums without their guard bits
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
    """Values rounded to multiples of a power of two, within their range, and the wire that gives their codes a meaning."""
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
