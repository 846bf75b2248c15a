"""`from_formula`: a network that computes given formulas exactly, with functions on its edges and product nodes."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, FormulaError, nearest
from splinework.errors.foreign import explained
from splinework.formula.boxes import Ranges, check_finite_on, rows_in
from splinework.formula.layering import LayeredFormulas, layered
from splinework.formula.reading import identifiers, names_in, parse, shortened
from splinework.formula.superposition import NodeSum
from splinework.formula.univariate import VARIABLE
from splinework.nn.config import EdgeFamily
from splinework.nn.edge_formula import edge_program
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes

MARGIN = 0.01
"""Share of its range by which the grid of a hidden node is wider than the values in the sample."""
_NEUTRAL = (1.0, 0.0, 1.0, 0.0)


@torch.no_grad()
@explained
def from_formula(
    formula: str | Sequence[str],
    ranges: Ranges,
    *,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    grid: int = 5,
    degree: int = 3,
    dtype: torch.dtype = torch.float64,
    device: torch.device | None = None,
) -> KAN:
    """Builds the network that computes one or more formulas: a theory to look at, to train, or to correct by data.

    Every node is a sum of functions of one variable, or a product of such sums, as in a Kolmogorov–Arnold network with product
    nodes. Functions inside each other are one edge where they depend on one node only, equal parts are one node, and what later
    layers need is passed on by identity edges. `sw.fit` trains the numbers that the formulas have; what an edge is stays, until
    `splinework.interpret.edit.to_splines` makes it a spline.

    Args:
        formula: A formula in the names of the inputs, such as `"exp(sin(pi*x) + y**2)"`, or one per output.
        ranges: Ends of the range of each input, on which the formulas have to be finite; the grids of later splines lie there.
        names: Names of the inputs in their order; by default those of `ranges` in theirs.
        output_names: Names of the outputs.
        grid: Intervals of the grids.
        degree: Degree of later splines.
        dtype: Dtype of the numbers.
        device: Device of the numbers.

    Returns:
        The network, with identical raw and network units. Powers with a variable exponent are undefined where their base is
        negative.

    Raises:
        FormulaError: If a formula cannot be read, has an unknown name, or is not finite on the ranges; with the place.
        ConfigError: If there is no formula, or ranges and names do not match.

    References:
        Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv 2408.10205, §3 (kanpiler).

    Example:
        >>> import splinework as sw
        >>> model = sw.from_formula("exp(sin(pi*x) + y**2)", ranges={"x": (-1, 1), "y": (-1, 1)})
        >>> model.config.shape, model.active_edges()
        ([2, 1, 1], 3)
        >>> model([[0.5, 1.0]]).detach()
        tensor([[7.3891]], dtype=torch.float64)
    """
    if not isinstance(formula, (str, list, tuple)) or not formula:
        raise ConfigError(f"formula is a text, or a list of at least one, one per output; got {formula!r}.")
    texts = [formula] if isinstance(formula, str) else list(formula)
    box = _box(texts, ranges, names)
    for text in texts:
        check_finite_on(text, box)
    layers = layered(texts, box)
    model = KAN(
        [len(box), *(_nodes(layer) for layer in layers.layers)],
        grid=grid,
        degree=degree,
        names=tuple(ranges) if names is None else names,
        output_names=output_names,
        bias=False,
        generator=torch.Generator(),
        dtype=dtype,
        device=device,
    )
    for layer, nodes in zip(model.kan_layers, layers.layers, strict=True):
        layer.mask.zero_()
        layer.set_functions(_edges(layers, nodes, layer))
    set_grids(model, torch.as_tensor(rows_in(box)).to(next(model.parameters())), box)
    return model


def _box(texts: Sequence[str], ranges: Ranges, names: Sequence[str] | None) -> dict[str, tuple[float, float]]:
    """The ranges in the order of the inputs, by the names that formulas call them."""
    if not isinstance(ranges, Mapping) or not ranges:
        raise ConfigError('ranges maps names to ends, such as {"x": (-1, 1)}; it names all inputs of the formulas.')
    order = list(ranges) if names is None else list(names)
    if missing := [name for name in order if name not in ranges]:
        raise ConfigError(
            f"names has {missing[0]!r}, for which ranges has no ends; {nearest(missing[0], list(ranges))}"
        )
    if extra := [name for name in ranges if name not in order]:
        raise ConfigError(f"ranges has {extra[0]!r}, which is not among names; {nearest(extra[0], order)}")
    box = {}
    for symbol, name in zip(identifiers(order), order, strict=True):
        ends = ranges[name]
        if not isinstance(ends, Sequence) or len(ends) != 2 or not -np.inf < ends[0] < ends[1] < np.inf:
            raise ConfigError(f"the range of {name!r} is (low, high) with low < high, both finite; got {ends}.")
        box[symbol] = float(ends[0]), float(ends[1])
    for text in texts:
        if unknown := sorted(names_in(parse(text), box) - set(box)):
            raise FormulaError(
                f"the formula {shortened(text)} has {unknown[0]!r}, for which ranges has no ends; "
                f"{nearest(unknown[0], list(box))}"
            )
    return box


def _nodes(layer: Sequence[tuple[NodeSum, ...]]) -> Nodes:
    arities = [len(factors) for factors in layer]
    return Nodes(arities.count(1), tuple(arity for arity in arities if arity > 1))


def _edges(found: LayeredFormulas, nodes: Sequence[tuple[NodeSum, ...]], layer: KANLayer) -> list[EdgeFunction]:
    """The functions of a layer; the constant of a sum goes to its first edge."""
    edges = []
    for j, each in enumerate(one for factors in nodes for one in factors):
        terms = each.terms or ((0, found.functions.number(0.0)),)
        for n, (i, function) in enumerate(terms):
            edges.append(_edge(found, function, i, j, each.constant if n == 0 else 0.0))
    return edges


def _edge(found: LayeredFormulas, function: int, i: int, j: int, constant: float) -> EdgeFunction:
    value = found.functions.value(function)
    if value is None:
        text, *numbers = found.functions.split(function)
    else:
        text, numbers = VARIABLE, [1.0, 0.0, 0.0, value]
    numbers[3] += constant
    own = edge_program(text)[1]
    name = text.removesuffix(f"({VARIABLE})")
    # The numbers that are in the formula are free; factors 1 and terms 0 are not in it.
    free = (*(number != neutral for number, neutral in zip(numbers, _NEUTRAL, strict=True)), *(True for _ in own))
    family = EdgeFamily(name if name.isidentifier() else text, text)
    return EdgeFunction(family, i, j, torch.tensor([*numbers, *own], dtype=torch.float64), free)


def set_grids(model: KAN, x: Tensor, box: Ranges) -> None:
    """Puts the grids of splines on the ranges of the inputs and of the values of hidden nodes at rows x."""
    low, high = torch.tensor(list(box.values())).to(x).T
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        layer.replace_grid(layer.basis, layer.basis.make_grid(low, high), layer.edge_coefficients())
        x = nodes.combine(layer(x))
        finite = x[x.isfinite().all(dim=1)]
        low, high = finite.amin(0), finite.amax(0)
        span = torch.where(high > low, high - low, 1 / MARGIN)
        low, high = low - MARGIN * span, high + MARGIN * span
