"""Post-training quantisation of a trained network: ranges from activations, rounding, bias correction.

Quantisation-aware training starts from the same prepared network.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained, explained_record
from splinework.hardware.expand import sum_layers
from splinework.hardware.fake import FakeQuantised, WireRanges
from splinework.hardware.formats import Floats, Format, Wire
from splinework.hardware.integer import TASKS, IntegerModel, Task
from splinework.hardware.monotone import edge_signs, held_edges
from splinework.nn.arrays import data_of
from splinework.nn.frame import FramedKAN
from splinework.nn.naming import refuse_functions
from splinework.nn.network import KAN

MAX_CODE_BITS: Final = 12
"""Largest code width in bits; the table of such a code has 4096 entries."""

_CLIPPED_SHARES: Final = (0.0, 0.0005, 0.002, 0.005, 0.01, 0.02)
"""Shares of the rows clipped at either end that are tried; the one with the least squared error is taken."""


@explained_record
@dataclass(frozen=True)
class Bits:
    """Code widths of a quantised network, in bits.

    Attributes:
        inputs: Width of all inputs, or one width for each.
        hidden: Width of the hidden nodes.
        outputs: Resolution of the range of the outputs; their sums are kept exactly, however wide.
        guard: Guard bits: extra fractional bits of the sums of hidden nodes.

    Raises:
        ConfigError: If a width is out of range.

    Example:
        >>> Bits(inputs=(4, 8), hidden=5).of_inputs(2)
        (4, 8)
    """

    inputs: int | tuple[int, ...] = 6
    hidden: int = 6
    outputs: int = 8
    guard: int = 0

    def __post_init__(self) -> None:
        for what, values in (("inputs", self.inputs), ("hidden", self.hidden)):
            for bits in values if isinstance(values, tuple) else (values,):
                if not 1 <= bits <= MAX_CODE_BITS:
                    raise ConfigError(
                        f"{what} have 1 to {MAX_CODE_BITS} bits, got {bits}: a table has 2^bits entries; 4 to 6 bits are usual."
                    )
        if not 1 <= self.outputs <= 24 or not 0 <= self.guard <= 4:
            raise ConfigError(f"outputs have 1 to 24 bits and 0 to 4 guard bits, got {self.outputs} and {self.guard}.")

    def of_inputs(self, count: int) -> tuple[int, ...]:
        """One width per input.

        Raises:
            ConfigError: If the number of widths differs.
        """
        if isinstance(self.inputs, int):
            return (self.inputs,) * count
        if len(self.inputs) != count:
            raise ConfigError(f"bits of inputs: expected one number or {count}, got {len(self.inputs)}.")
        return self.inputs


@explained
def quantise(
    model: KAN,
    x: Any,
    *,
    bits: int | Bits = 6,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
) -> IntegerModel:
    """Post-training quantisation of a network without a frame; see `splinework.hardware.framed.quantise` for the arguments.

    Every node gets a fixed-point format whose range follows its activations, every edge a table over the codes of its input,
    rounded half to even to the step of its node; sums are exact; then each bias absorbs the mean error of its node.
    Monotonicity that follows from the edges is preserved in every code.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If x contains missing or non-finite values.
        ShapeError: If x has another number of columns than the network has inputs.

    Example:
        >>> import splinework as sw
        >>> from splinework.hardware.quantisation import quantise
        >>> model = sw.KAN([2, 3, 1])
        >>> x = torch.rand(200, 2) * 2 - 1
        >>> golden = quantise(model, x, bits=6)
        >>> golden.shape, [wire.format.width for wire in golden.inputs]
        ([2, 3, 1], [6, 6])
    """
    u = network_units(model, x)
    ready = prepare(model, u, as_bits(bits))
    correct_biases(ready, u)
    return freeze(ready, model, task=task, classes=classes, name=name)


def as_bits(bits: int | Bits) -> Bits:
    """A single number as the width of inputs and hidden nodes.

    Raises:
        ConfigError: If it is out of range or not a whole number.
    """
    if isinstance(bits, Bits):
        return bits
    if isinstance(bits, bool) or not isinstance(bits, int):
        raise ConfigError(f"bits is a whole number or Bits(...), got {bits!r}.")
    return Bits(bits, bits, max(8, bits))


@torch.no_grad()
def network_units(model: KAN, x: Any) -> Tensor:
    """Rows in network units and float64.

    Raises:
        ConfigError: If there are no rows, or the model has a frame.
        DataError: If x contains missing or non-finite values.
        ShapeError: If x has another number of columns than the network has inputs.
    """
    if isinstance(model, FramedKAN):
        raise ConfigError(
            "a framed model cannot be trained as integers; calibrate it with golden = sw.hardware.quantise(model, x), and build "
            "the artefact from golden."
        )
    rows = data_of(model, x)
    u: Tensor = model.input_scaling(rows).double()
    if len(u) == 0:
        raise ConfigError("calibration needs rows to find the ranges of the nodes, got none.")
    return u


@torch.no_grad()
def prepare(model: KAN, u: Tensor, bits: Bits, *, keep: str = "monotone") -> FakeQuantised:
    """A fake-quantised copy of the network whose ranges follow the activations at rows u, float64 in network units.

    With `keep="monotone"`, edges that make the network monotone in an input stay monotone; `keep="nothing"` leaves all free.
    """
    layers = [layer.double() for layer in sum_layers(_in_double(model), u)]
    widths = [bits.of_inputs(model.inputs)] + [(bits.hidden,) * layer.outputs for layer in layers[:-1]]
    wires: list[WireRanges] = []
    for layer, width in zip(layers, widths, strict=True):
        wires.append(_wires(u if wires else _evened(model, u), width, signed=bool(wires)))
        u = layer(u)
    span = torch.clamp(u.max(dim=0).values - u.min(dim=0).values, min=1e-9)
    form = Format(bits.outputs, 0, signed=True)
    # One step for all outputs, so that scores of classes can be compared.
    step = torch.full_like(span, float(span.max())) / form.count if len(span) > 1 else span / form.count
    wires.append(WireRanges([form] * len(span), torch.zeros_like(span), step))
    held = None
    if keep == "monotone":
        tables = [layer.edges(w.points()) for layer, w in zip(layers, wires, strict=False)]
        pairs = zip(tables, layers, strict=True)
        held = held_edges([edge_signs(t.numpy(), (layer.mask != 0).numpy()) for t, layer in pairs])
    elif keep != "nothing":
        raise ConfigError(f"keep is 'monotone' or 'nothing', got {keep!r}.")
    return FakeQuantised(layers, wires, guard=bits.guard, held=held)


def freeze(
    ready: FakeQuantised,
    model: KAN,
    *,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
) -> IntegerModel:
    """The integers of a fake-quantised network, with the names and units of the model that it came from.

    Raises:
        ConfigError: If the number of classes is wrong, or a sum exceeds the accumulator.
    """
    if task not in TASKS:
        raise ConfigError(f"task is one of {', '.join(TASKS)}, got {task!r}.")
    names: Sequence[str] = ()
    if task == "classification":
        count = max(2, model.outputs)
        names = tuple(str(c) for c in classes) if classes is not None else tuple(str(k) for k in range(count))
    config, before, after = model.config, model.input_scaling, model.output_scaling
    inputs = _scaled(config.input_names, config.input_scales, before.shift, before.scale)
    outputs = _scaled(config.output_names, config.output_scales, after.shift, after.scale)
    return ready.freeze(name, inputs, outputs, task=task, classes=names, axioms=config.axioms)


def identifier(text: str) -> str:
    """A valid identifier for an artefact, made from a file name.

    >>> identifier("my model-3"), identifier("3d")
    ('my_model_3', 'kan_3d')
    """
    plain = re.sub(r"[^0-9a-zA-Z_]+", "_", text).strip("_")
    return plain if plain and not plain[0].isdigit() else f"kan_{plain}".rstrip("_")


def _evened(model: KAN, u: Tensor) -> Tensor:
    """Rows for calibration: equal ranges for inputs that share their edges, symmetric ranges for even and odd ones."""
    first = model.kan_layers[0]
    if first.shaping is None:
        return u
    low, high = first.basis.domain(first.knots().detach())
    return first.shaping.symmetrised(u, low.double(), high.double())


def _in_double(model: KAN) -> KAN:
    refuse_functions(model, "integer tables")
    copy = KAN(model.config, dtype=torch.float64)
    copy.load_state_dict({key: value.detach().cpu().double() for key, value in model.state_dict().items()})
    return copy


def _wires(u: Tensor, widths: Sequence[int], *, signed: bool) -> WireRanges:
    """Formats and ranges that minimise the squared error of rounding and saturating the rows."""
    formats, shifts, steps = [], [], []
    for column, width in zip(u.numpy().T, widths, strict=True):
        sign = signed or bool(column.min() < 0 < column.max())
        form = Format(width, width - 1 if sign else width, sign)
        low, step = _range(column, form)
        formats.append(form)
        shifts.append(low - step * form.low)
        steps.append(step)
    return WireRanges(formats, torch.tensor(shifts, dtype=u.dtype), torch.tensor(steps, dtype=u.dtype))


def _range(column: np.ndarray[Any, Any], form: Format) -> tuple[float, float]:
    """The value of the smallest code, and the step."""
    best = (np.inf, 0.0, 1.0)
    for share in _CLIPPED_SHARES:
        low, high = np.quantile(column, [share, 1 - share])
        span = max(high - low, 1e-6 * max(1.0, abs(low)))
        # Codes are the midpoints of equal cells that cover the range; few distinct values get one code each.
        distinct = len(np.unique(column)) <= form.count
        step = span / (form.count - 1) if distinct else span / form.count
        first = low if distinct else low + step / 2
        codes = np.clip(np.rint((column - first) / step), 0, form.count - 1)
        error = float(np.mean((first + step * codes - column) ** 2))
        if error < best[0]:
            best = (error, float(first), float(step))
    return best[1], best[2]


def wires_of(names: Sequence[str], rows: Floats, widths: Sequence[int]) -> tuple[Wire, ...]:
    """Wires of raw columns `(n, C)` that minimise the squared error of rounding and saturating them."""
    found = _wires(torch.from_numpy(rows), widths, signed=False)
    parts = zip(names, found.formats, found.step.tolist(), found.shift.tolist(), strict=True)
    return tuple(Wire(name, form, step / form.step, shift) for name, form, step, shift in parts)


@torch.no_grad()
def correct_biases(ready: FakeQuantised, u: Tensor) -> None:
    """Bias correction: each bias absorbs the mean error of its sum, at the codes computed by the layers before."""
    exact, codes = u, ready.parts[0][1].encode(u)
    for number, (layer, before, after, guard) in enumerate(ready.parts):
        exact = layer(exact)
        sums = ready.tables()[number].sums(codes, before.low)
        if layer.bias is not None:
            layer.bias.add_((exact - after.shift - after.step * sums / 2**guard).mean(dim=0))
        codes = after.saturate(ready.tables()[number].sums(codes, before.low) / 2**guard)


def _scaled(names: Sequence[str], scales: Sequence[str], shift: Tensor, scale: Tensor) -> list[Wire]:
    """Wires on which code 1 is one network unit: `raw = shift + scale · u`, or its exponential."""
    unit = Format(2, 0, signed=True)
    rows = zip(names, scales, shift.tolist(), scale.tolist(), strict=True)
    return [Wire(name, unit, float(b), float(a), log=kind == "log") for name, kind, a, b in rows]
