"""Nodes of a layer: each returns a sum of edges, or the product of a group of sums (KAN 2.0, Liu et al. 2024b).

A layer of `sums` plain nodes and products of arities a_1, a_2, … takes `sums + a_1 + a_2 + …` sums and has
`sums + number of products` nodes, the plain ones first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Nodes:
    """The nodes of one layer: `sums` that add, then one product node for each arity in `products`."""

    sums: int
    products: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.sums < 0 or self.width < 1 or any(arity < 2 for arity in self.products):
            raise ConfigError(
                f"a layer needs at least one node, and products an arity of 2 or more; got {self.sums} sum nodes "
                f"and products of arities {list(self.products)}."
            )

    @property
    def width(self) -> int:
        """Number of nodes."""
        return self.sums + len(self.products)

    @property
    def fan_in(self) -> int:
        """Number of sums that the nodes take."""
        return self.sums + sum(self.products)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the sums of each node."""
        groups: list[tuple[int, ...]] = [(j,) for j in range(self.sums)]
        start = self.sums
        for arity in self.products:
            groups.append(tuple(range(start, start + arity)))
            start += arity
        return tuple(groups)

    def combine(self, sums: Tensor) -> Tensor:
        """Sums `(…, fan_in)` to nodes `(…, width)`."""
        if not self.products:
            return sums
        columns = [sums[..., : self.sums]]
        for group in self.groups[self.sums :]:
            product = sums[..., group[0]]
            for j in group[1:]:
                product = product * sums[..., j]
            columns.append(product[..., None])
        return torch.cat(columns, dim=-1)

    def pull_back(self, sums: Tensor, gradient: Tensor) -> Tensor:
        """The gradient with respect to the sums `(…, fan_in)`, given the one with respect to the nodes `(…, width)`."""
        if not self.products:
            return gradient
        columns = [gradient[..., : self.sums]]
        for node, group in enumerate(self.groups[self.sums :], start=self.sums):
            for j in group:
                others = torch.ones_like(sums[..., 0])
                for other in group:
                    if other != j:
                        others = others * sums[..., other]
                columns.append((gradient[..., node] * others)[..., None])
        return torch.cat(columns, dim=-1)

    def push_forward(self, sums: Tensor, tangent: Tensor) -> Tensor:
        """The first-order change of the nodes `(…, width)` under a change of the sums `(…, fan_in)`."""
        if not self.products:
            return tangent
        columns = [tangent[..., : self.sums]]
        for group in self.groups[self.sums :]:
            total = torch.zeros_like(tangent[..., 0])
            for j in group:
                change = tangent[..., j]
                for other in group:
                    if other != j:
                        change = change * sums[..., other]
                total = total + change
            columns.append(total[..., None])
        return torch.cat(columns, dim=-1)

    def to_list(self) -> list[Any]:
        """JSON values from which `nodes_of` restores the nodes."""
        return [self.sums, list(self.products)]

    @property
    def entry(self) -> Any:
        """The entry of a shape for these nodes: `5`, `(3, 2)` or `(3, [2, 4])`; see `nodes_of`."""
        short = len(self.products) if set(self.products) == {2} else list(self.products)
        return (self.sums, short) if self.products else self.sums

    def __str__(self) -> str:
        return str(self.entry)


def nodes_of(entry: int | Nodes | Sequence[Any]) -> Nodes:
    """The nodes of one entry of a shape.

    `5` is five sum nodes; `(3, 2)` three sum nodes and two products of arity 2; `(3, [2, 4])` three sum nodes, one product
    of two and one of four sums.
    """
    if isinstance(entry, Nodes):
        return entry
    if isinstance(entry, int) and not isinstance(entry, bool):
        return Nodes(entry)
    if isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) == 2 and isinstance(entry[0], int):
        sums, products = entry
        if isinstance(products, int) and products >= 0:
            return Nodes(sums, (2,) * products)
        if isinstance(products, Sequence) and all(isinstance(arity, int) for arity in products):
            return Nodes(sums, tuple(products))
    raise ConfigError(
        f"an entry of a shape is 5, (3, 2) for three sums and two products, or (3, [2, 4]); got {entry!r}."
    )


def shape_of(shape: Sequence[Any]) -> tuple[Nodes, ...]:
    """The nodes of every layer, input first.

    Raises:
        ConfigError: If there are fewer than two entries, or the inputs are not plain numbers.
    """
    if isinstance(shape, str) or not isinstance(shape, Sequence) or len(shape) < 2:
        raise ConfigError(f"a shape lists the nodes of at least two layers, such as [2, 5, 1]; got {shape!r}.")
    nodes = tuple(nodes_of(entry) for entry in shape)
    if nodes[0].products:
        raise ConfigError(f"inputs are plain numbers, not products; got {shape[0]!r} as the first entry of the shape.")
    return nodes
