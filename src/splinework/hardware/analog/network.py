"""A network of analogue circuits: its parts as data, its floating-gate values as flat arrays, and what it computes.

A layer has one voltage for every input node, edges of a few elements each (`tanh`: a differential pair; `bump`; `constant`: a
current), and per sum two wires: an element of positive gain sends its first current to the wire `plus` and its second to
`minus`, one of negative gain the other way round. A mirror takes the wires' difference, a programmed constant current joins it,
and a transresistance makes the node's value. Nodes in a product go through a translinear multiplier.

The interface that programming, yield and noise-aware training build on, kept stable: `Element`, `EdgeCircuit`, `Span`,
`SumNode`, `ProductNode`, `AnalogLayer`, `AnalogNetwork` (all frozen); `AnalogParameters` (everything programmable, as flat
arrays: `network.parameters()`, `network.with_parameters(p)`); `Perturbation` (what goes wrong with one chip or many); and
`network.forward(x, temperature=, perturbation=, parameters=)`, with NumPy arrays or torch tensors, one formula for both.
Elements are numbered through all layers, edges and their elements in order, sums likewise
(`network.node_names`). How a trained network becomes one is in `fitting` and `convert`, the currents in `circuits`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.hardware.analog.ekv import NOMINAL, AnalogTechnology, Values, like
from splinework.hardware.analog.signals import Signals, signals

Floats = NDArray[np.float64]

KINDS: Final = ("tanh", "bump", "constant")


@dataclass(frozen=True)
class Element:
    """One current of an edge.

    Attributes:
        kind: `tanh` (differential pair), `bump` or `constant`.
        centre: V_m in V, the input voltage at which the gates balance; without meaning for a constant.
        gain: Tail current in A with the sign of the wire it goes to; programmed.
        divider: C_in/C_T, fixed when the circuit is laid out: the width is `2 U_T / (κ divider)`.
    """

    kind: str
    centre: float
    gain: float
    divider: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"the kind of an element is one of {', '.join(KINDS)}, got {self.kind!r}.")
        if not (np.isfinite(self.centre) and np.isfinite(self.gain) and 0 < self.divider <= 1):
            raise ConfigError(
                f"an element has a finite centre and gain and a divider in (0, 1], got {self.centre!r} V, {self.gain!r} A, "
                f"{self.divider!r}."
            )


@dataclass(frozen=True)
class EdgeCircuit:
    """The elements of the edge from input node `source` to sum `target` of one layer."""

    source: int
    target: int
    elements: tuple[Element, ...]


@dataclass(frozen=True)
class Span:
    """The map between a node's values (network units) from `low` to `high` and the voltages that stand for them."""

    low: float
    high: float
    low_voltage: float
    high_voltage: float

    def __post_init__(self) -> None:
        if not (self.low < self.high and self.low_voltage < self.high_voltage):
            raise ConfigError(f"a span has low < high in values and in volts, got {self}.")

    @property
    def slope(self) -> float:
        """Volts for one unit of value."""
        return (self.high_voltage - self.low_voltage) / (self.high - self.low)

    @property
    def middle(self) -> float:
        """Voltage in the middle, in V."""
        return (self.low_voltage + self.high_voltage) / 2

    def voltage(self, value: Values) -> Values:
        """The voltage in V that stands for a value, at 27 °C and without rails."""
        return self.low_voltage + (value - self.low) * self.slope

    def value(self, voltage: Values) -> Values:
        """The inverse of `voltage`."""
        return self.low + (voltage - self.low_voltage) / self.slope


@dataclass(frozen=True)
class SumNode:
    """A wire pair and what reads it: `value = gain · unit · (m(I_plus) - I_minus + offset) + trim`, m the mirror.

    Attributes:
        unit: Value of one ampere, fixed when the circuit is laid out.
        offset: The constant current in A that joins; programmed.
        low: Smallest value in use, in network units; with `high` the node's span, to which noise and errors refer.
        high: Largest value in use.
        gain: Trim of the transresistance; 1 before calibration.
        trim: Trim of the offset in units of value; 0 before calibration.
    """

    unit: float
    offset: float
    low: float
    high: float
    gain: float = 1.0
    trim: float = 0.0

    def __post_init__(self) -> None:
        if not (self.unit > 0 and self.low < self.high):
            raise ConfigError(f"a sum node has a positive unit and low < high, got {self}.")


@dataclass(frozen=True)
class ProductNode:
    """A product of two or more sums by translinear multipliers, one after the other.

    Attributes:
        sums: Numbers of the sums that are multiplied.
        scales: Full scale of each: the largest value that it takes, which stands for most of the multiplier's I_0.
        partial: Full scale of the product so far, after the first factor, the second, ….
    """

    sums: tuple[int, ...]
    scales: tuple[float, ...]
    partial: tuple[float, ...]


@dataclass(frozen=True)
class AnalogLayer:
    """One layer: input spans, edges, sums, and the products that some of the sums go into; the plain sums go on first."""

    inputs: tuple[Span, ...]
    edges: tuple[EdgeCircuit, ...]
    sums: tuple[SumNode, ...]
    products: tuple[ProductNode, ...] = ()

    def __post_init__(self) -> None:
        for edge in self.edges:
            if not (0 <= edge.source < len(self.inputs) and 0 <= edge.target < len(self.sums)):
                raise ConfigError(
                    f"an edge joins one of {len(self.inputs)} inputs with one of {len(self.sums)} sums, "
                    f"got {edge.source} → {edge.target}."
                )

    @property
    def plain(self) -> int:
        """How many sums are nodes themselves; they come first."""
        return len(self.sums) - sum(len(p.sums) for p in self.products)

    @property
    def nodes(self) -> int:
        """How many values go on: plain sums and products."""
        return self.plain + len(self.products)

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """All elements, edge by edge."""
        return tuple(element for edge in self.edges for element in edge.elements)

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For every element the number of its input node, and that of its sum."""
        pairs = [(edge.source, edge.target) for edge in self.edges for _ in edge.elements]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]


@dataclass(frozen=True)
class AnalogUnits:
    """From raw columns to network units and back: `(s(raw) - shift) / scale` with s the identity or the logarithm."""

    scales: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]

    def apply(self, raw: Values) -> Values:
        """Raw `(…, n)` to network units."""
        return (_columns(raw, self.scales, "log") - like(raw, self.shift)) / like(raw, self.scale)

    def inverse(self, value: Values) -> Values:
        """Network units `(…, n)` to raw."""
        return _columns(value * like(value, self.scale) + like(value, self.shift), self.scales, "exp")


@dataclass(frozen=True)
class AnalogParameters:
    """What can be programmed: E elements and N sums, counted through all layers. NumPy arrays or torch tensors.

    Attributes:
        gains: Signed tail currents in A, `(E,)`.
        centres: V_m in V, `(E,)`.
        offsets: Constant currents of the sums in A, `(N,)`.
        node_gains: Trims of the sums' gains, `(N,)`.
        node_trims: Trims of the sums' offsets in network units, `(N,)`.
    """

    gains: Values
    centres: Values
    offsets: Values
    node_gains: Values
    node_trims: Values


@dataclass(frozen=True)
class Perturbation:
    """What differs from the programmed network. Every field is a number, or an array whose last axis counts elements or sums.

    Further axes in front make many chips at once: with rows of x as `(B, inputs)`, a field of shape `(D, 1, E)` gives outputs
    `(D, B, outputs)`; a field of shape `(E,)` holds for all rows.

    Attributes:
        gain_error: ε of every element's current, `I (1 + ε)`; `(…, E)`.
        centre_shift: δ of every element's centre in V, `(…, E)`.
        kappa_factor: Multiplies κ of every element, `(…, E)`.
        offset_error: ε of the sums' constant currents, `(…, N)`.
        node_gain: Relative error of the sums' gains, `(…, N)`.
        node_offset: Offset of the sums in parts of their spans, `(…, N)`.
        read_noise: Noise of the sums in parts of their spans, as drawn: `(…, B, N)`.
        supply_shift: V_DD minus its nominal value, in V; one number.
    """

    gain_error: Values = 0.0
    centre_shift: Values = 0.0
    kappa_factor: Values = 1.0
    offset_error: Values = 0.0
    node_gain: Values = 0.0
    node_offset: Values = 0.0
    read_noise: Values = 0.0
    supply_shift: float = 0.0


NO_PERTURBATION: Final = Perturbation()


@dataclass(frozen=True)
class AnalogNetwork:
    """A network of circuits in one technology; x and outputs are in raw units."""

    technology: AnalogTechnology
    layers: tuple[AnalogLayer, ...]
    input_units: AnalogUnits
    output_units: AnalogUnits
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.nodes != len(after.inputs):
                raise ConfigError(f"a layer of {len(after.inputs)} inputs follows one of {before.nodes} nodes.")

    def forward(
        self,
        x: Values,
        *,
        temperature: float = NOMINAL,
        perturbation: Perturbation = NO_PERTURBATION,
        parameters: AnalogParameters | None = None,
    ) -> Values:
        """Outputs `(…, B, outputs)` in raw units, in torch if x is a tensor.

        Args:
            x: Rows in raw units, `(B, inputs)`, float64.
            temperature: In K.
            perturbation: One chip's errors, or many chips'.
            parameters: In place of the network's own.

        Raises:
            ShapeError: If x has another number of columns.
        """
        return self.signals(x, temperature=temperature, perturbation=perturbation, parameters=parameters).outputs

    def signals(
        self,
        x: Values,
        *,
        temperature: float = NOMINAL,
        perturbation: Perturbation = NO_PERTURBATION,
        parameters: AnalogParameters | None = None,
    ) -> Signals:
        """Everything inside: voltages, currents, sums, layer by layer; arguments as for `forward`."""
        return signals(self, x, temperature=temperature, perturbation=perturbation, parameters=parameters)

    @property
    def element_count(self) -> int:
        """E."""
        return sum(len(layer.elements) for layer in self.layers)

    @property
    def node_count(self) -> int:
        """N, counting sums."""
        return sum(len(layer.sums) for layer in self.layers)

    @property
    def node_names(self) -> list[str]:
        """`n<layer>_<number>` of every sum."""
        return [f"n{l}_{j}" for l, layer in enumerate(self.layers) for j in range(len(layer.sums))]

    def parameters(self) -> AnalogParameters:
        """Everything programmable as flat float64 arrays (copies)."""
        elements = [e for layer in self.layers for e in layer.elements]
        sums = [s for layer in self.layers for s in layer.sums]
        each = [[e.gain for e in elements], [e.centre for e in elements]]
        each += [[s.offset for s in sums], [s.gain for s in sums], [s.trim for s in sums]]
        return AnalogParameters(*(np.array(values, dtype=np.float64) for values in each))

    def with_parameters(self, parameters: AnalogParameters) -> "AnalogNetwork":
        """The same circuits, programmed otherwise.

        Raises:
            ConfigError: If an array has another length.
        """
        values = [[float(v) for v in column] for column in vars(parameters).values()]
        wanted = [self.element_count] * 2 + [self.node_count] * 3
        if (sizes := [len(column) for column in values]) != wanted:
            raise ConfigError(
                f"parameters of this network have lengths {wanted} (gains, centres, offsets, trims), got {sizes}."
            )
        gains, centres, offsets, node_gains, trims = map(iter, values)
        layers = []
        for layer in self.layers:
            edges = tuple(
                replace(edge, elements=tuple(replace(e, gain=next(gains), centre=next(centres)) for e in edge.elements))
                for edge in layer.edges
            )
            sums = tuple(
                replace(node, offset=next(offsets), gain=next(node_gains), trim=next(trims)) for node in layer.sums
            )
            layers.append(replace(layer, edges=edges, sums=sums))
        return replace(self, layers=tuple(layers))


def _columns(values: Values, scales: tuple[str, ...], function: str) -> Values:
    if "log" not in scales:
        return values
    space = torch if isinstance(values, torch.Tensor) else np
    columns = [getattr(space, function)(values[..., i]) if s == "log" else values[..., i] for i, s in enumerate(scales)]
    return torch.stack(columns, -1) if isinstance(values, torch.Tensor) else np.stack(columns, -1)
