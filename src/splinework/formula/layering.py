"""Formulas as layers of sums and products of functions of one variable, each layer over the nodes of the one before it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import final

import numpy as np
from numpy.typing import NDArray

from splinework.errors.foreign import explained
from splinework.formula.arrays import array_operations
from splinework.formula.program import Program, compiled
from splinework.formula.superposition import NodeSum, Superposition, Value
from splinework.formula.superposition_algebra import SuperpositionAlgebra
from splinework.formula.univariate import UnivariateFunctions

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class LayeredFormulas:
    """Formulas as a network of functions of one variable.

    Attributes:
        functions: The functions, by number.
        layers: Nodes of every layer, each the product of one or more sums over the nodes of the layer before; sum nodes first.
    """

    functions: UnivariateFunctions
    layers: tuple[tuple[tuple[NodeSum, ...], ...], ...]

    @property
    def edges(self) -> int:
        """Number of functions on edges."""
        return sum(len(each.terms) for layer in self.layers for node in layer for each in node)

    @property
    def size(self) -> tuple[int, int, int]:
        """Number of layers, number of nodes, and number of edges."""
        return len(self.layers), sum(map(len, self.layers)), self.edges

    def activations(self, x: Floats) -> Iterator[Floats]:
        """Values of the nodes of every layer `(n, nodes)` at rows x `(n, inputs)`."""
        for layer in self.layers:
            x = np.stack([self._node(node, x) for node in layer], axis=1)
            yield x

    def _node(self, node: tuple[NodeSum, ...], x: Floats) -> Floats:
        found = np.ones(len(x))
        for each in node:
            total = np.full(len(x), each.constant)
            for before, function in each.terms:
                total = total + self.functions.program(function).run([x[:, before]], array_operations(), np.float64)
            found = found * total
        return found


@explained
def layered(texts: Sequence[str], ranges: Mapping[str, tuple[float, float]]) -> LayeredFormulas:
    """Formulas as layers: of few layers, then of few nodes, then of few edges.

    Every formula is an output. Equal parts occur once; what several layers need is passed on by identity edges.

    Args:
        texts: The formulas.
        ranges: Variable → ends of its range, in the order of the inputs.

    Raises:
        FormulaError: If a formula cannot be read, or has an unknown name.

    Example:
        >>> wave = layered(["exp(sin(pi*x) + y**2)"], {"x": (-1, 1), "y": (-1, 1)})
        >>> [[wave.functions.text(f) for _, f in node[0].terms] for layer in wave.layers for node in layer]
        [['sin(pi*u)', 'u**2'], ['exp(u)']]
    """
    programs = [compiled(text, tuple(ranges)) for text in texts]
    ends = list(ranges.values())
    with np.errstate(all="ignore"):
        ways = [
            _built(programs, Superposition(ends, distribute=distribute, gather=gather))
            for distribute, gather in product((True, False), repeat=2)
        ]
    return min(ways, key=lambda one: one.size)


def _built(programs: Sequence[Program], graph: Superposition) -> LayeredFormulas:
    operations = SuperpositionAlgebra(graph).operations
    values = [program.run(graph.inputs, operations, graph.number) for program in programs]
    outputs = _as_products(graph, values) or [(graph.gathered_sum(graph.sum_of(value)),) for value in values]
    depth = max(1, *(1 + graph.depth(each) for output in outputs for each in output))
    # A node is in a layer from its own depth up to that before its last use.
    last = {}
    for output in outputs:
        last.update({node: depth for each in output for node, _ in each.terms})
    for place in range(len(graph.nodes) - 1, -1, -1):
        if place in last:
            for each in graph.nodes[place].factors:
                for node, _ in each.terms:
                    last[node] = max(last.get(node, 0), graph.nodes[place].depth)
    before = list(range(len(graph.ranges)))
    layers = []
    identity = graph.functions.identity
    for level in range(1, depth):
        alive = [n for n in sorted(last) if graph.nodes[n].depth <= level < last[n]]
        made = {
            n: graph.nodes[n].factors if graph.nodes[n].depth == level else (NodeSum(0.0, ((n, identity),)),)
            for n in alive
        }
        order = sorted(alive, key=lambda n: len(made[n]) > 1)
        layers.append(tuple(_placed(made[n], before) for n in order))
        before = order
    layers.append(tuple(_placed(output, before) for output in outputs))
    return LayeredFormulas(graph.functions, tuple(layers))


def _as_products(graph: Superposition, values: Sequence[Value]) -> list[tuple[NodeSum, ...]] | None:
    """The outputs with products as product nodes; None where their layers or their order do not permit it."""
    found = [
        graph.gathered(tuple(map(graph.gathered_sum, v.factors)))
        if len(v.factors) > 1
        else (graph.gathered_sum(v.factors[0]),)
        for v in values
    ]
    depths = [max(map(graph.depth, output)) for output in found]
    counts = [len(output) for output in found]
    if max(counts) == 1 or any(d < max(depths) for d, n in zip(depths, counts, strict=True) if n > 1):
        return None
    if any(a > 1 and b == 1 for a, b in pairwise(counts)):
        return None
    return [
        (graph.scaled_sum(output[0], "mul", value.scale), *output[1:])
        for output, value in zip(found, values, strict=True)
    ]


def _placed(factors: tuple[NodeSum, ...], before: Sequence[int]) -> tuple[NodeSum, ...]:
    """Factors over places in the layer before instead of nodes."""
    place = {node: at for at, node in enumerate(before)}
    return tuple(NodeSum(each.constant, tuple((place[n], f) for n, f in each.terms)) for each in factors)
