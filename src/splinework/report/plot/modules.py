"""Plot of the tree of modules of a function: inputs below, how they are joined above."""

from collections.abc import Sequence
from typing import Protocol

from matplotlib.axes import Axes

from splinework.errors import DataError
from splinework.report.plot import style

SIGNS = {"sum": "+", "product": "×", "composite": "φ(+)", "function": "f"}
COLOURS = {
    "sum": style.BLUE,
    "product": style.VERMILION,
    "composite": style.GREEN,
    "function": style.PURPLE,
    "input": style.MUTED,
}
WORDS = {"sum": "sum", "product": "product", "composite": "function of a sum", "function": "function"}
INCHES_PER_INPUT, INCHES_PER_LEVEL = 1.1, 0.8


class NodeLike(Protocol):
    """A module with its kind, inputs, children and known expression."""

    @property
    def kind(self) -> str: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def children(self) -> Sequence["NodeLike"]: ...

    @property
    def expression(self) -> str: ...


class StructureLike(Protocol):
    """An answer of `find_structure`."""

    @property
    def tree(self) -> NodeLike | None: ...


def plot_structure(structure: StructureLike, *, ax: Axes | None = None) -> Axes:
    """Draws the tree of modules: a box for every module with how it joins its children, inputs at the bottom.

    Args:
        structure: The result of `find_structure`.
        ax: Axes to draw in; None creates a figure.

    Raises:
        DataError: If the function is constant and has no tree.

    Example:
        >>> import numpy as np
        >>> from splinework.interpret.structure import find_structure
        >>> x = np.random.default_rng(0).uniform(1, 2, (100, 2))
        >>> axes = plot_structure(find_structure(lambda x: np.sin(3 * x[:, 0]) + x[:, 1] ** 2, x))
        >>> [text.get_text() for text in axes.texts]
        ['+', 'x₁', 'x₂']
    """
    if structure.tree is None:
        raise DataError("plot_structure draws a tree, and a constant function has none.")
    places: dict[int, tuple[float, float]] = {}
    _place(structure.tree, places, 0)
    width = max(x for x, _ in places.values()) + 1
    height = max(y for _, y in places.values())
    ax = style.axes_or_new(ax, max(2.4, INCHES_PER_INPUT * width), 0.6 + INCHES_PER_LEVEL * (height + 1))
    ax.set_axis_off()
    ax.set_xlim(-0.7, width - 0.3)
    ax.set_ylim(-0.5, height + 0.5)
    _draw(ax, structure.tree, places)
    kinds = dict.fromkeys(node.kind for node in _walk(structure.tree) if node.kind in WORDS)
    for kind in kinds:
        ax.plot([], [], color=COLOURS[kind], linewidth=4, label=f"{SIGNS[kind]}  {WORDS[kind]}")
    if kinds:
        style.legend(ax, loc="upper left", bbox_to_anchor=(0.0, 0.0), ncols=2)
    return ax


def _place(node: NodeLike, places: dict[int, tuple[float, float]], leaves: int) -> int:
    """Inputs side by side, every module above the middle of its children; the number of inputs placed so far."""
    if not node.children:
        places[id(node)] = float(leaves), 0.0
        return leaves + 1
    for child in node.children:
        leaves = _place(child, places, leaves)
    own = [places[id(child)] for child in node.children]
    places[id(node)] = sum(x for x, _ in own) / len(own), max(y for _, y in own) + 1
    return leaves


def _walk(node: NodeLike) -> list[NodeLike]:
    return [node, *(below for child in node.children for below in _walk(child))]


def _draw(ax: Axes, node: NodeLike, places: dict[int, tuple[float, float]]) -> None:
    x, y = places[id(node)]
    for child in node.children:
        ax.plot(*zip((x, y), places[id(child)], strict=True), color=style.RULE, linewidth=style.LINE_WIDTH, zorder=1)
    sign = SIGNS.get(node.kind)
    text = (
        style.shown_name(node.inputs[0]) if sign is None else f"{sign}\n{node.expression}" if node.expression else sign
    )
    ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=style.TEXT_POINTS,
        color=style.INK,
        parse_math=False,
        zorder=2,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": style.PAPER, "edgecolor": COLOURS[node.kind], "linewidth": 1.2},
    )
    for child in node.children:
        _draw(ax, child, places)
