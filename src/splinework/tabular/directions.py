"""Monotone directions: hidden nodes along which a sum of them rises or falls by construction.

A spline rises where its coefficients do (de Boor 1978, chapter XI), a sum of rising functions rises, and so does a rising
function of it. Hidden nodes are of two kinds therefore: those that see directed inputs and rise along them, whose further edges
rise; and those that see the other inputs only, whose edges are free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.design import identities

FREE_SHARE: Final = 0.25
"""Share of the hidden nodes that see inputs without a direction only."""


@dataclass(frozen=True)
class DirectedNetwork:
    """The signs and masks of all edges of a wide network of members, and their projection.

    Attributes:
        signs: Per layer 1, -1 or 0 for each edge, `(I, J)`.
        masks: Per layer which edges may be.
    """

    signs: tuple[Tensor, ...]
    masks: tuple[Tensor, ...]

    @classmethod
    def of(cls, inputs: Tensor, widths: tuple[int, ...], blocks: int, outputs: int) -> DirectedNetwork:
        """The signs of `blocks` members with these hidden layers, given those of the inputs `(p,)`."""
        before, signs, masks = inputs, list[Tensor](), list[Tensor]()
        for width in (*widths, outputs):
            last = len(signs) == len(widths)
            free = 0 if last or bool((inputs != 0).all()) else math.floor(FREE_SHARE * width)
            rises = (torch.arange(width) < width - free).to(inputs.dtype)
            once, open_ = before[:, None] * rises, (before[:, None] == 0) | (rises > 0)
            first = not signs
            signs.append(once.repeat(1, blocks) if first else torch.block_diag(*[once] * blocks))
            masks.append(open_.repeat(1, blocks) if first else torch.block_diag(*[open_.double()] * blocks) > 0)
            before = rises
        return cls(tuple(s.to(torch.float32) for s in signs), tuple(masks))

    @torch.no_grad()
    def begin(self, edges: KANLayer, number: int) -> None:
        """Makes directed edges of random values lines of their direction instead of base functions, and closes others."""
        assert edges.base_weight is not None
        sign = self.signs[number]
        lines = identities(edges)[:, :, None] * edges.base_weight.abs()[:, None]
        edges.coefficients.copy_(torch.where(sign[:, None] == 0, edges.coefficients, sign[:, None] * lines))
        edges.mask.mul_(self.masks[number])
        self.project(edges, number)

    @torch.no_grad()
    def project(self, edges: KANLayer, number: int) -> None:
        """Sets the coefficients of directed edges to the mean of the least rising majorant and the greatest minorant."""
        sign = self.signs[number][:, None]
        assert edges.base_weight is not None
        signed = sign * edges.coefficients
        above = signed.cummax(1).values
        below = signed.flip(1).cummin(1).values.flip(1)
        edges.coefficients.copy_(torch.where(sign == 0, edges.coefficients, sign * (above + below) / 2))
        edges.base_weight.mul_(sign[:, 0] == 0)

    def project_all(self, net: KAN) -> None:
        """Projects every layer."""
        for number, edges in enumerate(net.kan_layers):
            self.project(edges, number)


@torch.no_grad()
def settle(model: KAN | FramedKAN, signs: Tensor) -> None:
    """Removes what rounding left of steps against the directions, so that signs of coefficients prove them."""
    before = signs
    for edges in network_of(model).kan_layers:
        table, directed = edges.edge_coefficients(), before[:, None] * edges.mask
        spline, sign = table[:, : edges.basis.size], directed[:, None]
        table[:, : edges.basis.size] = torch.where(sign == 0, spline, sign * (sign * spline).cummax(1).values)
        edges.set_edge_coefficients(table)
        before = (directed != 0).any(0).to(before.dtype)
