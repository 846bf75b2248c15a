"""A network of analogue circuits: its parts as data, its programmable values as flat arrays, and its evaluation.

A layer has one voltage for every input node, edges of a few elements each (`tanh`: a differential pair; `bump`; `constant`: a
current), and two wires per sum: an element of positive gain sends its first current to the wire `plus` and its second to
`minus`, one of negative gain the other way round. A mirror subtracts the wires, a programmed constant current is added, and a
transresistance converts the sum to the node's value. Nodes in a product go through a translinear multiplier.

The stable interface for programming, yield and noise-aware training is `Element`, `EdgeCircuit`, `Span`,
`SumNode`, `ProductNode`, `AnalogLayer`, `AnalogNetwork` (all frozen); `AnalogParameters` (everything programmable, as flat
arrays: `network.parameters()`, `network.with_parameters(p)`); `Perturbation` (errors of one or many chips); and
`network.forward(x, temperature=, perturbation=, parameters=)`, with NumPy arrays or torch tensors, one formula for both.
Elements are numbered consecutively through all layers and edges, and so are sums (`network.node_names`). `convert` makes such a
network from a trained one; the currents are in `circuits`.
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
        centre: Programmed centre V_m in V, the input voltage at which the gates balance; unused for a constant.
        gain: Programmed tail current in A, signed by its wire.
        divider: C_in/C_T, fixed by the layout; the width is `2 U_T / (κ divider)`.
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
    """The linear map between a node's values from `low` to `high`, in network units, and its voltages."""

    low: float
    high: float
    low_voltage: float
    high_voltage: float

    def __post_init__(self) -> None:
        if not (self.low < self.high and self.low_voltage < self.high_voltage):
            raise ConfigError(f"a span needs low < high in values and in volts, got {self}.")

    @property
    def slope(self) -> float:
        """Voltage per unit of value."""
        return (self.high_voltage - self.low_voltage) / (self.high - self.low)

    @property
    def middle(self) -> float:
        """Mid-span voltage in V."""
        return (self.low_voltage + self.high_voltage) / 2

    def voltage(self, value: Values) -> Values:
        """Voltage in V of a value, at 27 °C and without rails."""
        return self.low_voltage + (value - self.low) * self.slope

    def value(self, voltage: Values) -> Values:
        """The inverse of `voltage`."""
        return self.low + (voltage - self.low_voltage) / self.slope


@dataclass(frozen=True)
class SumNode:
    """A pair of wires and its readout, `value = gain · unit · (m(I_plus) - I_minus + offset) + trim`, m the mirror.

    Attributes:
        unit: Value of one ampere, fixed by the layout.
        offset: Programmed constant current in A.
        low: Smallest value in use, in network units; noise and errors are relative to the span from `low` to `high`.
        high: Largest value in use, in network units.
        gain: Trim of the transresistance; 1 before calibration.
        trim: Trim of the offset in network units; 0 before calibration.
    """

    unit: float
    offset: float
    low: float
    high: float
    gain: float = 1.0
    trim: float = 0.0

    def __post_init__(self) -> None:
        if not (self.unit > 0 and self.low < self.high):
            raise ConfigError(f"a sum node needs a positive unit and low < high, got {self}.")


@dataclass(frozen=True)
class ProductNode:
    """A product of two or more sums by a chain of translinear multipliers.

    Attributes:
        sums: Indices of the factors.
        scales: Full scale of each factor, its largest value, which is mapped to most of the multiplier's I_0.
        partial: Full scale of each partial product.
    """

    sums: tuple[int, ...]
    scales: tuple[float, ...]
    partial: tuple[float, ...]


@dataclass(frozen=True)
class AnalogLayer:
    """One layer: input spans, edges, sums, and products of some of the sums; plain sums come first."""

    inputs: tuple[Span, ...]
    edges: tuple[EdgeCircuit, ...]
    sums: tuple[SumNode, ...]
    products: tuple[ProductNode, ...] = ()

    def __post_init__(self) -> None:
        for edge in self.edges:
            if not (0 <= edge.source < len(self.inputs) and 0 <= edge.target < len(self.sums)):
                raise ConfigError(
                    f"an edge must connect one of {len(self.inputs)} inputs to one of {len(self.sums)} sums, "
                    f"got {edge.source} → {edge.target}."
                )

    @property
    def plain(self) -> int:
        """Number of sums that are nodes themselves; they come first."""
        return len(self.sums) - sum(len(p.sums) for p in self.products)

    @property
    def nodes(self) -> int:
        """Number of nodes: plain sums and products."""
        return self.plain + len(self.products)

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """All elements, edge by edge."""
        return tuple(element for edge in self.edges for element in edge.elements)

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The index of the input node, and of the sum, of every element."""
        pairs = [(edge.source, edge.target) for edge in self.edges for _ in edge.elements]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]


@dataclass(frozen=True)
class AnalogUnits:
    """Conversion of raw columns to network units, `(s(raw) - shift) / scale` with s the identity or the logarithm."""

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
    """Programmable values of the E elements and N sums of all layers, as NumPy arrays or torch tensors.

    Attributes:
        gains: Signed tail currents in A, `(E,)`.
        centres: Centres V_m in V, `(E,)`.
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
    """Deviations from the programmed network; every field is a number, or an array over elements or sums on its last axis.

    Leading axes stand for many chips: with rows of x as `(B, inputs)`, a field of shape `(D, 1, E)` gives outputs
    `(D, B, outputs)`; a field of shape `(E,)` holds for all rows.

    Attributes:
        gain_error: Relative error of every element's current, `(…, E)`.
        centre_shift: Shift of every element's centre in V, `(…, E)`.
        kappa_factor: Factor of κ of every element, `(…, E)`.
        offset_error: Relative error of the sums' constant currents, `(…, N)`.
        node_gain: Relative error of the sums' gains, `(…, N)`.
        node_offset: Offset of the sums relative to their spans, `(…, N)`.
        read_noise: Sampled noise of the sums relative to their spans, `(…, B, N)`.
        supply_shift: Deviation of V_DD from its nominal value in V, a number.
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
                raise ConfigError(f"a layer with {len(after.inputs)} inputs follows one with {before.nodes} nodes.")

    def forward(
        self,
        x: Values,
        *,
        temperature: float = NOMINAL,
        perturbation: Perturbation = NO_PERTURBATION,
        parameters: AnalogParameters | None = None,
    ) -> Values:
        """Outputs `(…, B, outputs)` in raw units, as a tensor if x is one.

        Args:
            x: Rows in raw units, `(B, inputs)`, float64.
            temperature: Temperature in K.
            perturbation: Errors of one or many chips.
            parameters: Values in place of the programmed ones.

        Raises:
            ShapeError: If x has another number of columns than the network has inputs.
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
        """All internal signals by layer: voltages, currents, sums; arguments as for `forward`."""
        return signals(self, x, temperature=temperature, perturbation=perturbation, parameters=parameters)

    @property
    def element_count(self) -> int:
        """Number of elements E."""
        return sum(len(layer.elements) for layer in self.layers)

    @property
    def node_count(self) -> int:
        """Number of sums N."""
        return sum(len(layer.sums) for layer in self.layers)

    @property
    def node_names(self) -> list[str]:
        """The name `n<layer>_<index>` of every sum."""
        return [f"n{l}_{j}" for l, layer in enumerate(self.layers) for j in range(len(layer.sums))]

    def parameters(self) -> AnalogParameters:
        """Copies of all programmable values as flat float64 arrays."""
        elements = [e for layer in self.layers for e in layer.elements]
        sums = [s for layer in self.layers for s in layer.sums]
        each = [[e.gain for e in elements], [e.centre for e in elements]]
        each += [[s.offset for s in sums], [s.gain for s in sums], [s.trim for s in sums]]
        return AnalogParameters(*(np.array(values, dtype=np.float64) for values in each))

    def with_parameters(self, parameters: AnalogParameters) -> "AnalogNetwork":
        """The same circuits with other programmed values.

        Raises:
            ConfigError: If the length of an array differs.
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
