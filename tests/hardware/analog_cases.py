"""Random analogue networks and splines, the families over which the laws of circuits are tested."""

import numpy as np
import torch
from scipy.interpolate import BSpline

import splinework as sw
from splinework.hardware.analog.ekv import AnalogTechnology
from splinework.hardware.analog.network import (
    AnalogLayer,
    AnalogNetwork,
    AnalogUnits,
    EdgeCircuit,
    Element,
    ProductNode,
    Span,
    SumNode,
)


def random_spline(seed: int, grid: int = 5, points: int = 161) -> np.ndarray:
    """A cubic spline of random coefficients over [-1, 1]."""
    knots = -1 + 2 / grid * np.arange(-3, grid + 4)
    coefficients = np.random.default_rng(seed).normal(size=grid + 3)
    return np.asarray(BSpline(knots, coefficients, 3)(np.linspace(-1, 1, points)))


def random_elements(rng: np.random.Generator, kinds: tuple[str, ...], count: int) -> tuple[Element, ...]:
    """Elements of all sizes: tails from 1 nA to 0.3 uA, both signs, any centre and width."""
    return tuple(
        Element(
            str(rng.choice(kinds)),
            float(rng.uniform(1.2, 2.1)),
            float(rng.choice([-1, 1]) * 10 ** rng.uniform(-9, -6.5)),
            float(rng.uniform(0.3, 1)),
        )
        for _ in range(count)
    )


def random_network(
    seed: int,
    shape: tuple[int, ...] = (2, 3, 1),
    *,
    technology: AnalogTechnology | None = None,
    kinds: tuple[str, ...] = ("tanh", "bump", "constant"),
    product: bool = False,
    elements: int = 4,
) -> AnalogNetwork:
    """A network of random circuits; with `product` the last node of the first layer is a product of two sums."""
    technology = technology or AnalogTechnology()
    rng = np.random.default_rng(seed)
    layers = []
    width = shape[0]
    for number, count in enumerate(shape[1:]):
        multiplies = product and number == 0
        sums = count + 1 if multiplies else count
        edges = []
        for i in range(width):
            for j in range(sums):
                if rng.random() < 0.8 or i == 0:
                    own = random_elements(rng, kinds, int(rng.integers(1, elements + 1)))
                    edges.append(EdgeCircuit(i, j, (*own, Element("tanh", 1.65, 2e-7, 0.3))))
        nodes = tuple(
            SumNode(1.2e6, float(rng.normal() * 1e-7), -1.0, 1.0, float(rng.uniform(0.9, 1.1)), 0.01)
            for _ in range(sums)
        )
        products = (ProductNode((sums - 2, sums - 1), (1.0, 1.2), (1.0, 1.2)),) if multiplies else ()
        spans = tuple(Span(-1.0, 1.0, technology.input_low, technology.input_high) for _ in range(width))
        layers.append(AnalogLayer(spans, tuple(edges), nodes, products))
        width = count
    return AnalogNetwork(
        technology,
        tuple(layers),
        AnalogUnits(("linear",) * shape[0], (0.5,) * shape[0], (2.0,) * shape[0]),
        AnalogUnits(("linear",) * width, (0.1,) * width, (3.0,) * width),
        tuple(f"x{i}" for i in range(shape[0])),
        tuple(f"y{j}" for j in range(width)),
    )


def trained(
    shape: list[object], seed: int = 0, *, rows: int = 300, grid: int = 5, steps: int = 20
) -> tuple[sw.KAN, torch.Tensor]:
    """A network trained shortly on a smooth function of its inputs, and the rows."""
    generator = torch.Generator().manual_seed(seed)
    inputs = int(str(shape[0]))
    x = torch.rand(rows, inputs, generator=generator, dtype=torch.float64) * 4 - 1
    y = torch.sin(1.5 * x[:, :1]) * (1 + x[:, -1:]) + 0.3 * x.sum(1, keepdim=True) ** 2
    outputs = int(str(shape[-1]))
    y = torch.cat([y * (-0.5) ** j + j * x[:, :1] for j in range(outputs)], dim=1)
    model = sw.KAN(shape, grid=grid, generator=generator, dtype=torch.float64)
    return sw.fit(model, x, y, steps=steps, validation=None).model, x
