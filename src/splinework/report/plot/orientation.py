"""Signs of hidden sums in a picture, chosen so that curves look like what they are called and otherwise rise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.report.plot.curves import Curves

Key = tuple[int, int, int]


def functions_of(model: KAN) -> dict[Key, EdgeFunction]:
    """The edges that are functions, by `(layer, input, sum)`; held splines, which have no name, are not among them."""
    layers = [(l, layer.functions) for l, layer in enumerate(model.kan_layers) if layer.functions is not None]
    every = [(l, edge) for l, functions in layers for edge in functions.edges()]
    return {(l, edge.i, edge.j): edge for l, edge in every if edge.family.spline is None}


def function_names(model: KAN) -> dict[Key, str]:
    """Names of the edges that are functions, by `(layer, input, sum)`; held splines have none."""
    return {key: edge.family.name for key, edge in functions_of(model).items()}


def oriented(
    curves: Curves,
    nodes: Sequence[Nodes],
    functions: Mapping[Key, EdgeFunction] | None = None,
    *,
    numbers: bool = False,
) -> Curves:
    """The curves with a sign for every hidden sum.

    A hidden sum can be negated in a picture: the curves that lead to it are turned upside down, those that start at it are
    mirrored. Where functions meet at it, most of them shall look like what they are called: `sin`, and not `-sin`. Elsewhere what
    follows it rises with it: then an exponential is not drawn as a falling curve of falling curves. Sums that multiply keep their
    sign.
    """
    if not curves.y.shape[1]:
        return curves
    x, y = curves.x.copy(), curves.y.copy()
    signs = {key: _Signs.of(edge) for key, edge in (functions or {}).items()}
    for l in range(len(nodes) - 2, 0, -1):
        for n, group in enumerate(nodes[l].groups):
            if len(group) > 1:
                continue
            out = (curves.layer == l) & (curves.source == n)
            into = (curves.layer == l - 1) & (curves.target == group[0])
            after = [one for key, one in signs.items() if key[0] == l and key[1] == n]
            before = [one for key, one in signs.items() if key[0] == l - 1 and key[2] == group[0]]
            if numbers and (after or before):
                continue
            vote = sum(one.inside for one in after) + sum(one.outside for one in before)
            spans = np.ptp(y[out], axis=1)
            rises = curves.score[out] * (y[out, -1] - y[out, 0]) / np.where(spans > 0, spans, 1.0)
            if vote < 0 or (vote == 0 and rises.sum() < 0):
                x[out], y[out] = -x[out, ::-1], y[out, ::-1]
                y[into] = -y[into]
                for one in after:
                    one.a = -one.a
                for one in before:
                    one.c = -one.c
    return replace(curves, x=x, y=y)


class _Signs:
    """How a function `c F(a u + b) + d` differs from F: the signs of a and c, and whether F is even or odd."""

    def __init__(self, a: float, c: float, parity: int) -> None:
        self.a, self.c, self.parity = a, c, parity

    @classmethod
    def of(cls, edge: EdgeFunction) -> "_Signs":
        own = edge.numbers[4:].double()
        plain = replace(edge, numbers=torch.cat([own.new_tensor([1.0, 0.0, 1.0, 0.0]), own]))
        u = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
        there, back = plain(u), plain(-u)
        even, odd = bool(torch.allclose(there, back)), bool(torch.allclose(there, -back))
        a, c = (float(np.sign(float(edge.numbers[place]))) for place in (0, 2))
        return cls(a, c, 1 if even else -1 if odd else 0)

    @property
    def inside(self) -> float:
        """Sign that a negation of the input changes: negative where the curve is mirrored, zero where it makes no difference."""
        return 0.0 if self.parity == 1 else self.a * self.c if self.parity == -1 else self.a

    @property
    def outside(self) -> float:
        """Sign that a negation of the output changes."""
        return self.a * self.c if self.parity == -1 else self.c
