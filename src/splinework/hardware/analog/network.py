"""A network of analogue circuits: its parts as data, its floating-gate values as flat arrays, and what it computes.

A layer is described in `parts`; everything there is imported from here.

The interface that programming, yield and noise-aware training build on, kept stable: `Element`, `EdgeCircuit`, `Span`,
`SumNode`, `ProductNode`, `AnalogLayer`, `AnalogNetwork` (all frozen); `Parameters` (everything programmable, as flat arrays:
`network.parameters()`, `network.with_parameters(p)`); `Perturbation` (what goes wrong with one chip or many); and
`network.forward(x, temperature=, perturbation=, parameters=)`, with NumPy arrays or torch tensors, one formula for both.
Elements are numbered through all layers, edges and their elements in order , sums likewise
(`network.node_names`). How a trained network becomes one is in `fitting` and `convert`, the currents in `circuits`.
"""

from dataclasses import dataclass, replace

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.ekv import NOMINAL, Technology, Values
from splinework.hardware.analog.parts import (
    KINDS,
    NO_PERTURBATION,
    AnalogLayer,
    EdgeCircuit,
    Element,
    Floats,
    Parameters,
    Perturbation,
    ProductNode,
    Span,
    SumNode,
    Units,
)
from splinework.hardware.analog.signals import Signals, signals

__all__ = [
    "KINDS",
    "NO_PERTURBATION",
    "AnalogLayer",
    "AnalogNetwork",
    "EdgeCircuit",
    "Element",
    "Floats",
    "Parameters",
    "Perturbation",
    "ProductNode",
    "Span",
    "SumNode",
    "Units",
]


@dataclass(frozen=True)
class AnalogNetwork:
    """A network of circuits in one technology; x and outputs are in raw units."""

    technology: Technology
    layers: tuple[AnalogLayer, ...]
    input_units: Units
    output_units: Units
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.plain + len(before.products) != len(after.inputs):
                raise ConfigError(
                    f"a layer of {len(after.inputs)} inputs follows one of {before.plain + len(before.products)} nodes."
                )

    def forward(
        self,
        x: Values,
        *,
        temperature: float = NOMINAL,
        perturbation: Perturbation = NO_PERTURBATION,
        parameters: Parameters | None = None,
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
        parameters: Parameters | None = None,
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

    def parameters(self) -> Parameters:
        """Everything programmable as flat float64 arrays (copies)."""
        elements = [e for layer in self.layers for e in layer.elements]
        sums = [s for layer in self.layers for s in layer.sums]
        return Parameters(
            np.array([e.gain for e in elements], dtype=np.float64),
            np.array([e.centre for e in elements], dtype=np.float64),
            np.array([s.offset for s in sums], dtype=np.float64),
            np.array([s.gain for s in sums], dtype=np.float64),
            np.array([s.trim for s in sums], dtype=np.float64),
        )

    def with_parameters(self, parameters: Parameters) -> "AnalogNetwork":
        """The same circuits, programmed otherwise.

        Raises:
            ConfigError: If an array has another length.
        """
        p = parameters
        sizes = [len(p.gains), len(p.centres), len(p.offsets), len(p.node_gains), len(p.node_trims)]
        wanted = [self.element_count] * 2 + [self.node_count] * 3
        if sizes != wanted:
            raise ConfigError(
                f"parameters of this network have lengths {wanted} (gains, centres, offsets, trims), got {sizes}."
            )
        gains, centres = iter(_plain(p.gains)), iter(_plain(p.centres))
        nodes = iter(zip(*(_plain(v) for v in (p.offsets, p.node_gains, p.node_trims)), strict=True))
        layers = []
        for layer in self.layers:
            edges = tuple(
                replace(edge, elements=tuple(replace(e, gain=next(gains), centre=next(centres)) for e in edge.elements))
                for edge in layer.edges
            )
            sums = []
            for node in layer.sums:
                offset, gain, trim = next(nodes)
                sums.append(replace(node, offset=offset, gain=gain, trim=trim))
            layers.append(replace(layer, edges=edges, sums=tuple(sums)))
        return replace(self, layers=tuple(layers))


def _plain(values: Values) -> list[float]:
    return [float(v) for v in values]
