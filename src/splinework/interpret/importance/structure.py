"""Sets of inputs that a network lets act together, of which its outputs are sums, read off its edges.

A sum of nodes is a sum over the inputs of these. An edge that is a straight line keeps a sum a sum; one that bends makes a
function of all inputs below it. So the answer holds for every x, and what shares no set has no interaction at all.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN

TOLERANCE = 1e-12
"""An edge is straight if it deviates by less than this share of its range from a straight line."""
REACH = 4
"""Widths of a grid beyond it on which an edge that is a function has to be straight, too."""

Block = frozenset[int]


@torch.no_grad()
def additive_blocks(network: KAN) -> list[set[Block]]:
    """The sets of inputs of which each output is a sum of functions, `f(x) = Σ_A f_A(x_A)`.

    >>> additive_blocks(KAN([3, 1]))[0] == {frozenset({0}), frozenset({1}), frozenset({2})}
    True
    """
    nodes: list[set[Block]] = [{frozenset({i})} for i in range(network.inputs)]
    for layer, shape in zip(network.kan_layers, network.config.nodes[1:], strict=True):
        alive, straight = _shapes(layer)
        sums = [
            set().union(*(_through(nodes[i], bool(straight[i, j])) for i in range(layer.inputs) if alive[i, j]))
            for j in range(layer.outputs)
        ]
        nodes = [sums[group[0]] if len(group) == 1 else _joined(sums[j] for j in group) for group in shape.groups]
    logs = network.output_scaling.scales
    return [_joined([blocks]) if scale == "log" else blocks for blocks, scale in zip(nodes, logs, strict=True)]


def components(blocks: Iterable[Block]) -> list[tuple[int, ...]]:
    """Sets that have nothing in common, each the union of blocks that overlap.

    >>> components([frozenset({0, 1}), frozenset({3}), frozenset({1, 2})])
    [(0, 1, 2), (3,)]
    """
    found: list[set[int]] = []
    for block in blocks:
        own = set(block).union(*(other for other in found if other & block))
        found = [other for other in found if not other & block] + ([own] if own else [])
    return sorted(tuple(sorted(each)) for each in found)


def input_components(network: KAN | None, columns: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Sets of inputs, each with its columns, that do not interact with each other in any output; idle inputs are in none.

    Args:
        network: The network; None for a function of unknown structure, where all inputs may interact.
        columns: The columns of each input.
    """
    if network is None:
        return components([frozenset(i for i, own in enumerate(columns) if own)])
    owner = {column: i for i, own in enumerate(columns) for column in own}
    found = (block for blocks in additive_blocks(network) for block in blocks)
    return components(frozenset(owner[column] for column in block) for block in found)


def _through(blocks: set[Block], straight: bool) -> set[Block]:
    return blocks if straight else _joined([blocks])


def _joined(several: Iterable[set[Block]]) -> set[Block]:
    return {frozenset().union(*(block for blocks in several for block in blocks))}


def _shapes(layer: KANLayer) -> tuple[Tensor, Tensor]:
    """Whether each edge varies, and whether it is a straight line everywhere, each `(I, J)`."""
    low, high = layer.basis.domain(layer.knots())
    # More points in each interval than a polynomial of the degree has zeros: what is straight there is straight.
    points = layer.basis.resolution * ((layer.basis.degree or 3) + 2) + 1
    share = torch.linspace(0, 1, points, dtype=low.dtype, device=low.device)[:, None]
    if layer.functions is not None:  # which may bend beyond the grid
        share = torch.cat([share, torch.linspace(-REACH, 1 + REACH, points).to(share)[:, None]])
    values = layer.edges(low + share * (high - low))  # (T, I, J)
    spread = values.amax(0) - values.amin(0)
    first, last = values[0], values[points - 1]
    chord = first + share[:, :, None] * (last - first)
    straight = (values - chord).abs().amax(0) <= TOLERANCE * spread
    if layer.grid_kind == "normalised" or layer.extrapolation not in ("linear", "natural"):
        straight = torch.zeros_like(straight)
    return layer.alive & (spread != 0), straight
