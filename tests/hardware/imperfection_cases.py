"""Small analogue networks that need no fit: random pairs on even centres, spans as the network itself fills them."""

import numpy as np

from splinework.hardware.analog.ekv import AnalogTechnology
from splinework.hardware.analog.network import (
    AnalogLayer,
    AnalogNetwork,
    AnalogUnits,
    EdgeCircuit,
    Element,
    Span,
    SumNode,
)


def random_network(seed: int, shape: tuple[int, ...] = (2, 3, 1), pairs: int = 5) -> AnalogNetwork:
    """Edges of so many differential pairs; node spans are those of inputs uniform in −1 to 1."""
    rng, tech = np.random.default_rng(seed), AnalogTechnology()
    low, high = tech.input_low, tech.input_high
    spans = tuple(Span(-1.0, 1.0, low, high) for _ in range(shape[0]))
    x = rng.uniform(-1, 1, size=(200, shape[0]))
    layers: list[AnalogLayer] = []
    for width in shape[1:]:
        edges = tuple(
            EdgeCircuit(i, j, tuple(_pair(c, rng) for c in np.linspace(low, high, pairs)))
            for i in range(len(spans))
            for j in range(width)
        )
        sums = tuple(SumNode(1.0 / tech.node_current, 0.0, -1.0, 1.0) for _ in range(width))
        draft = _network(tech, (*layers, AnalogLayer(spans, edges, sums)))
        values = draft.forward(x)
        ends = np.quantile(values, [0.0, 1.0], axis=0)
        wide = np.maximum(ends[1] - ends[0], 1e-3)
        ends = ends + np.array([[-0.05], [0.05]]) * wide
        sums = tuple(SumNode(1.0 / tech.node_current, 0.0, float(a), float(b)) for a, b in ends.T)
        layers.append(AnalogLayer(spans, edges, sums))
        spans = tuple(Span(s.low, s.high, low, high) for s in sums)
    return _network(tech, tuple(layers))


def _pair(centre: float, rng: np.random.Generator) -> Element:
    size = float(np.exp(rng.uniform(np.log(5e-9), np.log(1e-7))))
    return Element("tanh", float(centre), size * float(rng.choice([-1.0, 1.0])), 0.5)


def _network(technology: AnalogTechnology, layers: tuple[AnalogLayer, ...]) -> AnalogNetwork:
    inputs, outputs = len(layers[0].inputs), len(layers[-1].sums)
    return AnalogNetwork(
        technology,
        layers,
        AnalogUnits(("linear",) * inputs, (0.0,) * inputs, (1.0,) * inputs),
        AnalogUnits(("linear",) * outputs, (0.0,) * outputs, (1.0,) * outputs),
        tuple(f"x{i}" for i in range(inputs)),
        tuple(f"y{j}" for j in range(outputs)),
    )
