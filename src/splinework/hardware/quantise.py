"""From a trained network to one of integer tables without training: ranges from activations, rounding, corrected biases.

Here is also how a network is made ready for quantisation-aware training, which starts from the same place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.hardware.expand import sum_layers
from splinework.hardware.fake import FakeQuantised, WireRanges
from splinework.hardware.formats import Floats, Format, Wire
from splinework.hardware.integer import TASKS, IntegerModel, Task
from splinework.hardware.monotone import edge_signs, held_edges
from splinework.nn.arrays import data_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

WIDEST_CODE: Final = 12
"""Bits of the widest code that tables are made for: 4096 entries."""

_CLIPPED: Final = (0.0, 0.0005, 0.002, 0.005, 0.01, 0.02)
"""Shares of the rows at either end that may lie outside the codes; the one with the least squared error is taken."""


@dataclass(frozen=True)
class Bits:
    """Widths of codes.

    Attributes:
        inputs: Of all inputs, or one for each.
        hidden: Of the hidden nodes.
        outputs: Of the range of the outputs; their sums are kept whole, however wide.
        guard: Bits of the sums of hidden nodes behind the last bit of their codes.

    Raises:
        ConfigError: If a number is out of range.
    """

    inputs: int | tuple[int, ...] = 6
    hidden: int = 6
    outputs: int = 8
    guard: int = 0

    def __post_init__(self) -> None:
        for what, values in (("inputs", self.inputs), ("hidden", self.hidden)):
            for bits in values if isinstance(values, tuple) else (values,):
                if not 1 <= bits <= WIDEST_CODE:
                    raise ConfigError(
                        f"{what} have 1 to {WIDEST_CODE} bits, got {bits}: a table has 2^bits entries; 4 to 6 bits are usual."
                    )
        if not 1 <= self.outputs <= 24 or not 0 <= self.guard <= 4:
            raise ConfigError(f"outputs have 1 to 24 bits and 0 to 4 guard bits, got {self.outputs} and {self.guard}.")

    def of_inputs(self, count: int) -> tuple[int, ...]:
        """One width per input.

        Raises:
            ConfigError: If there are more or fewer.
        """
        if isinstance(self.inputs, int):
            return (self.inputs,) * count
        if len(self.inputs) != count:
            raise ConfigError(f"bits of inputs: expected one number or {count}, got {len(self.inputs)}.")
        return self.inputs


def quantise(
    model: KAN,
    x: Any,
    *,
    bits: int | Bits = 6,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
) -> IntegerModel:
    """The network as tables of integers, by calibration on rows; no training.

    Every node gets a fixed-point format whose range follows its activations, every edge a table over the codes of its input,
    rounded half to even to the step of its node; sums are exact; then each bias takes up the mean error of its node.

    What is monotone because of its edges stays so in every code. For a network in a frame see `splinework.hardware.framed`,
    whose `quantise` takes the same arguments.

    Raises:
        ConfigError: For settings out of range.
        DataError: If x is not usable.
        ShapeError: If x has another number of columns.

    Example:
        >>> import splinework as sw
        >>> from splinework.hardware.quantise import quantise
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
    """One number as widths of inputs and hidden nodes.

    Raises:
        ConfigError: If it is out of range, or no number.
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
        ConfigError: If there are no rows, or the network is in a frame.
        DataError: If x is not usable.
        ShapeError: If x has another number of columns.
    """
    if isinstance(model, FramedKAN):
        raise ConfigError(
            "a model in a frame is not trained as integers; calibrate it, golden = sw.hardware.quantise(model, x), and build "
            "artefacts from these integers."
        )
    rows = data_of(model, x)
    u: Tensor = model.input_scaling(rows).double()
    if len(u) == 0:
        raise ConfigError("calibration needs rows to see the ranges of the nodes, got none.")
    return u


@torch.no_grad()
def prepare(model: KAN, u: Tensor, bits: Bits, *, keep: str = "monotone") -> FakeQuantised:
    """A copy of the network between wires whose ranges follow the activations at rows u, float64 in network units.

    With `keep` as `monotone`, what is monotone in an input because all edges on its paths are, stays so; else it is `nothing`.
    """
    layers = [layer.double() for layer in sum_layers(_in_double(model), u)]
    widths = [bits.of_inputs(model.inputs)] + [(bits.hidden,) * layer.outputs for layer in layers[:-1]]
    wires: list[WireRanges] = []
    for layer, width in zip(layers, widths, strict=True):
        wires.append(_wires(u if wires else _evened(model, u), width, signed=bool(wires)))
        u = layer(u)
    span = torch.clamp(u.max(dim=0).values - u.min(dim=0).values, min=1e-9)
    form = Format(bits.outputs, 0, signed=True)
    # One step for all outputs, so that classes can be compared.
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
    """The integers of a network that was made ready, with the names and units of the model that it came from.

    Raises:
        ConfigError: If the number of classes is wrong, or a sum does not fit.
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
    """A name for an artefact, from a file's name or the like.

    >>> identifier("my model-3"), identifier("3d")
    ('my_model_3', 'kan_3d')
    """
    plain = re.sub(r"[^0-9a-zA-Z_]+", "_", text).strip("_")
    return plain if plain and not plain[0].isdigit() else f"kan_{plain}".rstrip("_")


def _evened(model: KAN, u: Tensor) -> Tensor:
    """Rows of inputs as their codes should see them: alike for inputs that share their edges, mirrored for even and odd ones."""
    first = model.kan_layers[0]
    if first.shaping is None:
        return u
    low, high = first.basis.domain(first.knots().detach())
    return first.shaping.evened(u, low.double(), high.double())


def _in_double(model: KAN) -> KAN:
    copy = KAN(model.config, dtype=torch.float64)
    copy.load_state_dict({key: value.detach().cpu().double() for key, value in model.state_dict().items()})
    return copy


def _wires(u: Tensor, widths: Sequence[int], *, signed: bool) -> WireRanges:
    """Formats and ranges by the least squared error of rounding and saturating the rows."""
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
    """The value of the smallest code and the step."""
    best = (np.inf, 0.0, 1.0)
    for share in _CLIPPED:
        low, high = np.quantile(column, [share, 1 - share])
        span = max(high - low, 1e-6 * max(1.0, abs(low)))
        # Codes stand in the middle of equal cells that fill the range; of two values there is one code for each.
        distinct = len(np.unique(column)) <= form.count
        step = span / (form.count - 1) if distinct else span / form.count
        first = low if distinct else low + step / 2
        codes = np.clip(np.rint((column - first) / step), 0, form.count - 1)
        error = float(np.mean((first + step * codes - column) ** 2))
        if error < best[0]:
            best = (error, float(first), float(step))
    return best[1], best[2]


def wires_of(names: Sequence[str], rows: Floats, widths: Sequence[int]) -> tuple[Wire, ...]:
    """Wires of raw columns `(n, C)`, by the least squared error of rounding and saturating them."""
    found = _wires(torch.from_numpy(rows), widths, signed=False)
    parts = zip(names, found.formats, found.step.tolist(), found.shift.tolist(), strict=True)
    return tuple(Wire(name, form, step / form.step, shift) for name, form, step, shift in parts)


@torch.no_grad()
def correct_biases(ready: FakeQuantised, u: Tensor) -> None:
    """Each layer's bias takes up the mean error of its sums, on the codes that the layers before give."""
    exact, codes = u, ready.parts[0][1].encode(u)
    for number, (layer, before, after, guard) in enumerate(ready.parts):
        exact = layer(exact)
        sums = ready.tables()[number].sums(codes, before.low)
        if layer.bias is not None:
            layer.bias.add_((exact - after.shift - after.step * sums / 2**guard).mean(dim=0))
        codes = after.saturate(ready.tables()[number].sums(codes, before.low) / 2**guard)


def _scaled(names: Sequence[str], scales: Sequence[str], shift: Tensor, scale: Tensor) -> list[Wire]:
    """Wires whose code 1 is one network unit: `raw = shift + scale · u`, or its exponential."""
    unit = Format(2, 0, signed=True)
    rows = zip(names, scales, shift.tolist(), scale.tolist(), strict=True)
    return [Wire(name, unit, float(b), float(a), log=kind == "log") for name, kind, a, b in rows]
