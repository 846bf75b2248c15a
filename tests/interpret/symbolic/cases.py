"""What the tests of formulas share: planted functions, small nets, and networks whose edges are known exactly."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework import KAN, fit, symbolify
from splinework.interpret.symbolic.library import BOTH, BY_NAME, LIBRARY, NONE, RATE, SHIFT, LibraryFunction
from splinework.interpret.symbolic.net import Place, SymbolicEdge, SymbolicNet

Array = NDArray[np.float64]
FUNCTIONS = LIBRARY


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def planted(function: LibraryFunction, draw: np.random.Generator) -> tuple[float, float, float, float]:
    """A range (low, high) and (a, b), such that the function shows its shape there and stays inside its domain."""
    low = draw.uniform(-3, 3)
    reach = 10 ** draw.uniform(-1, 1)
    high = low + reach
    middle = (low + high) / 2
    if function.free == NONE:
        if function.domain == "positive":  # a power without a shift
            low = 10 ** draw.uniform(-1, 1)
            return low, low + reach, 1.0, 0.0
        return low, high, 1.0, 0.0
    if function.domain == "positive":
        sign = draw.choice([-1.0, 1.0])
        gap = reach * 10 ** draw.uniform(-1.5, 0.3)
        rate = 1.0 if function.free == SHIFT else 10 ** draw.uniform(0, 1) / reach
        return low, high, sign * rate, rate * (gap - min(sign * low, sign * high))
    if function.name in ("abs", "relu", "sign"):  # the kink in view
        return low, high, 1.0, -draw.uniform(low + 0.1 * reach, high - 0.1 * reach)
    if function.free == SHIFT:
        return low, high, 1.0, -draw.uniform(low - 0.5 * reach, high + 0.5 * reach)
    if function.free == RATE:
        rate = draw.choice([-1, 1]) * 10 ** draw.uniform(-0.3, 1) / reach
        return low, high, rate, -rate * middle
    assert function.free == BOTH
    if function.domain == "unit":
        left = draw.uniform(-0.95, 0.6) * function.limit
        right = draw.uniform(left + 0.3 * function.limit, 0.95 * function.limit)
        rate = (right - left) / reach
        return low, high, rate, left - rate * low
    rate = 2 * np.pi * draw.uniform(0.6, 3) / reach if function.wave else 10 ** draw.uniform(0.3, 1.0) / reach
    return low, high, rate, -rate * draw.uniform(low, high)


def edge(name: str, a: float = 1.0, b: float = 0.0, c: float = 1.0) -> SymbolicEdge:
    return SymbolicEdge(BY_NAME[name], a, b, c)


def symbolic_net(shape: Sequence[Any], edges: dict[Place, SymbolicEdge], constants: Sequence[Any]) -> SymbolicNet:
    """A net of the given edges on the nodes of a shape, with constants per layer."""
    return SymbolicNet(edges, tuple(np.asarray(c, dtype=float) for c in constants), KAN(list(shape)).config.nodes)


def network(
    shape: Sequence[Any],
    curves: dict[Place, Callable[[Array], Any]],
    *,
    low: float = -1.0,
    high: float = 1.0,
    domains: dict[int, tuple[float, float]] | None = None,
    grid: int = 60,
    degree: int = 7,
    bias: dict[tuple[int, int], float] | None = None,
    **options: Any,
) -> KAN:
    """A KAN without base functions whose edges are the given curves, to the accuracy of their splines (about 1e-12).

    Args:
        shape: Of the network.
        curves: By layer, input and sum; other edges are masked.
        low: Lower end of every grid.
        high: Upper end.
        domains: Ends of the grids of a layer, where they differ.
        grid: Intervals of each spline.
        degree: Of each spline.
        bias: By layer and sum.
        **options: Of `KAN`.
    """
    model = KAN(list(shape), grid=grid, degree=degree, base="none", domain=(low, high), dtype=torch.float64, **options)
    for index, layer in enumerate(model.kan_layers):
        ends = (domains or {}).get(index, (low, high))
        inputs = torch.full((layer.inputs,), 1.0, dtype=torch.float64)
        layer.grid = layer.basis.make_grid(ends[0] * inputs, ends[1] * inputs)
        layer.refresh()
        points = torch.linspace(*ends, 40 * grid, dtype=torch.float64)[:, None].expand(-1, layer.inputs)
        rows = layer.table().rows(points)
        values = torch.zeros(layer.inputs, layer.basis.size, layer.outputs, dtype=torch.float64)
        with torch.no_grad():
            layer.mask.zero_()
            for (at, i, j), curve in curves.items():
                if at == index:
                    layer.mask[i, j] = 1.0
                    wanted = torch.from_numpy(np.asarray(curve(points[:, i].numpy())))
                    values[i, :, j] = torch.linalg.lstsq(rows[:, i], wanted[:, None]).solution[:, 0]
            for (at, j), constant in (bias or {}).items():
                if at == index:
                    layer.bias[j] = constant  # type: ignore[index]
        layer.set_edge_coefficients(values)
    return model


def uniform(rows: int, columns: int, low: float = -1.0, high: float = 1.0, seed: int = 0) -> Array:
    return generator(seed).uniform(low, high, (rows, columns))


def relative(found: Any, truth: Any) -> float:
    """Largest gap over the largest size."""
    found, truth = np.asarray(found), np.asarray(truth)
    return float(np.abs(found - truth).max() / max(np.abs(truth).max(), 1e-300))


def trained(shape, function, *, low=-1.0, high=1.0, **options):
    """A network fitted to rows of a function, and the rows."""
    x = uniform(300, shape[0], low, high)
    y = function(x)
    model = KAN(list(shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64, **options)
    return fit(model, x, y, progress=False, starts=3 if len(shape) > 2 else 1).model, x, y


@cache
def paper_example():
    """exp(sin(πx₁) + x₂²) as a [2, 1, 1] network of exact splines, and rows of it."""
    curves = {
        (0, 0, 0): lambda v: np.sin(np.pi * v),
        (0, 1, 0): lambda v: v**2,
        (1, 0, 0): np.exp,
    }
    model = network([2, 1, 1], curves, domains={1: (-1.2, 2.2)})
    x = uniform(250, 2)
    return model, x, np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)


@cache
def paper_table():
    return symbolify(*paper_example())
