"""Converts a trained KAN to an analogue network: spans from the activations, fitted edges, scaled currents, trimmed nodes.

`fitting` fits one edge; this module maps a node's values to voltages and a sum's to currents, sets the multipliers of product
nodes and the constant currents, and refuses edges that are too steep for the device.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from splinework.errors import ConfigError, DataError
from splinework.hardware.analog.budget import check_headroom
from splinework.hardware.analog.calibration import offset_currents, trim
from splinework.hardware.analog.ekv import GENERIC, AnalogTechnology
from splinework.hardware.analog.fitting import DEFAULT_RECIPE, N_POINTS, EdgeFit, EdgeFitRecipe, fit_edge
from splinework.hardware.analog.network import (
    AnalogLayer,
    AnalogNetwork,
    AnalogUnits,
    EdgeCircuit,
    Floats,
    ProductNode,
    Span,
    SumNode,
)
from splinework.nn.arrays import inputs_of
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.scaling import Scaling
from splinework.nn.trace import LayerTrace, trace

_MIN_SPAN_SHARE: Final = 1e-4  # Edges below this share of the widest span into their node become constants


@dataclass(frozen=True)
class Conversion:
    """An analogue network with the fits of its edges and their recipe.

    Fits are indexed by `(layer, source, target)`; masked and constant edges have none.
    """

    network: AnalogNetwork
    fits: dict[tuple[int, int, int], EdgeFit]
    recipe: EdgeFitRecipe

    @property
    def median_rms(self) -> float:
        """Median rms error of the edges, relative to their spans."""
        return float(np.median([f.rms for f in self.fits.values()])) if self.fits else 0.0


def convert(
    model: KAN,
    x: Any,
    *,
    technology: AnalogTechnology = GENERIC,
    recipe: EdgeFitRecipe = DEFAULT_RECIPE,
    tolerance: float = 0.02,
    margin: float = 0.02,
    occupancy: float = 0.5,
) -> Conversion:
    """Converts a trained network to an analogue one.

    Args:
        model: A network of any shape, with sums and products.
        x: Representative rows in raw units; they determine the span of every node and should include the extremes.
        technology: Parameters of the device.
        recipe: Recipe of the edge fits.
        tolerance: Largest error of an edge, relative to its span or a tenth of the widest span into its node.
        margin: Extension of spans beyond the activations at each end, relative to these.
        occupancy: Share of an edge's fit weights that follows the density of the activations; the rest is uniform.

    Returns:
        The analogue network and the fits of its edges.

    Raises:
        ConfigError: If an edge is too steep for the device, or a transistor has too little headroom from 0 to 85 °C.
        DataError: If x has fewer than 8 rows, or activations are not finite.
    """
    if not 0 <= occupancy <= 1 or not 0 <= margin < 1 or tolerance <= 0:
        raise ConfigError(
            f"expected occupancy in [0, 1], margin in [0, 1) and tolerance > 0; got {occupancy}, {margin}, {tolerance}."
        )
    with torch.no_grad():
        rows = inputs_of(model, x)
        record = trace(model, rows)
    if len(rows) < 8 or not all(bool(torch.isfinite(r.nodes).all()) for r in record.layers):
        raise DataError(f"spans need at least 8 rows with finite activations, got {len(rows)} rows.")
    layers: list[AnalogLayer] = []
    fits: dict[tuple[int, int, int], EdgeFit] = {}
    for l, (layer, nodes) in enumerate(zip(model.kan_layers, model.config.nodes[1:], strict=True)):
        made, found = _layer(layer, nodes, record.layers[l], technology, recipe, margin, occupancy)
        fits |= {(l, i, j): fit for (i, j), fit in found.items()}
        layers.append(made)
    _refuse_poor(fits, layers, technology, recipe, model, record.layers, tolerance)
    config = model.config
    network = AnalogNetwork(
        technology,
        tuple(layers),
        _units(model.input_scaling),
        _units(model.output_scaling),
        config.input_names,
        config.output_names,
    )
    sums = [_floats(r.sums) for r in record.layers]
    check_headroom(network)
    network = offset_currents(network, _floats(rows), sums)
    return Conversion(trim(network, _floats(rows), sums), fits, recipe)


def _layer(
    layer: KANLayer,
    nodes: Nodes,
    record: LayerTrace,
    technology: AnalogTechnology,
    recipe: EdgeFitRecipe,
    margin: float,
    occupancy: float,
) -> tuple[AnalogLayer, dict[tuple[int, int], EdgeFit]]:
    """The circuits and fits of one layer; constant currents of the sums include those of the edges."""
    inputs = _floats(record.inputs)
    volts = technology.input_low, technology.input_high
    spans = [Span(*_ends(column, margin), *volts) for column in inputs.T]
    grid = np.column_stack([np.linspace(s.low, s.high, N_POINTS) for s in spans])
    like = layer.coefficients
    with torch.no_grad():
        curves = _floats(layer.edges(torch.as_tensor(grid, dtype=like.dtype, device=like.device)))  # (POINTS, I, J)
    mask = layer.alive.cpu().numpy()
    sizes = np.ptp(curves, axis=0) * mask
    widest = sizes.max(axis=0)
    units = np.where(widest > 0, widest, 1.0) / technology.node_current
    bias = np.zeros(mask.shape[1]) if layer.bias is None else _floats(layer.bias.detach())
    offsets, edges, fits = bias / units, [], {}
    for i, j in zip(*np.nonzero(mask), strict=True):
        if sizes[i, j] <= _MIN_SPAN_SHARE * widest[j] or sizes[i, j] == 0:
            offsets[j] += curves[:, i, j].mean() / units[j]
            continue
        fit = fit_edge(
            curves[:, i, j],
            spans[i],
            unit=float(units[j]),
            technology=technology,
            recipe=recipe,
            weights=_density(inputs[:, i], spans[i], occupancy),
        )
        offsets[j] += fit.constant
        fits[int(i), int(j)] = fit
        if fit.elements:
            edges.append(EdgeCircuit(int(i), int(j), fit.elements))
    sums = tuple(
        SumNode(float(unit), float(offset), *_ends(column, margin))
        for unit, offset, column in zip(units, offsets, _floats(record.sums).T, strict=True)
    )
    return AnalogLayer(tuple(spans), tuple(edges), sums, _products(nodes, _floats(record.sums))), fits


def _products(nodes: Nodes, sums: Floats) -> tuple[ProductNode, ...]:
    found = []
    for group in nodes.groups[nodes.sums :]:
        factors = sums[:, list(group)]
        partial = np.abs(np.cumprod(factors, axis=1)).max(axis=0)
        scales = np.abs(factors).max(axis=0)
        ones = [np.where(v > 0, 1.05 * v, 1.0) for v in (scales, partial)]
        found.append(ProductNode(tuple(group), tuple(map(float, ones[0])), tuple(map(float, ones[1]))))
    return tuple(found)


def _ends(column: Floats, margin: float) -> tuple[float, float]:
    low, high = float(column.min()), float(column.max())
    size = high - low
    if size <= 1e-9 * max(1.0, abs(low), abs(high)):
        return low - 0.5, high + 0.5
    return low - margin * size, high + margin * size


def _density(column: Floats, span: Span, occupancy: float) -> Floats:
    """Uniform weights mixed with a smoothed histogram of the activations."""
    bins = 20
    count, _ = np.histogram(column, bins=bins, range=(span.low, span.high))
    smooth = np.convolve(np.pad(count.astype(np.float64), 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    middles = (np.arange(bins) + 0.5) / bins
    density = np.interp(np.linspace(0, 1, N_POINTS), middles, smooth / smooth.mean())
    out: Floats = 1 - occupancy + occupancy * density
    return out


def _units(scaling: Scaling) -> AnalogUnits:
    return AnalogUnits(scaling.scales, tuple(map(float, scaling.shift)), tuple(map(float, scaling.scale)))


def _floats(values: torch.Tensor) -> Floats:
    return values.detach().cpu().to(torch.float64).numpy()


def _refuse_poor(
    fits: dict[tuple[int, int, int], EdgeFit],
    layers: list[AnalogLayer],
    technology: AnalogTechnology,
    recipe: EdgeFitRecipe,
    model: KAN,
    records: tuple[LayerTrace, ...],
    tolerance: float,
) -> None:
    widest: dict[tuple[int, int], float] = {}
    for (l, _, j), fit in fits.items():
        widest[l, j] = max(widest.get((l, j), 0.0), fit.span)
    error = {key: fit.rms * fit.span / max(fit.span, 0.1 * widest[key[0], key[2]]) for key, fit in fits.items()}
    poor = sorted((key for key in error if error[key] > tolerance), key=lambda key: -error[key])
    if not poor:
        return
    l, i, j = poor[0]
    column = _floats(records[l].inputs)[:, i]
    tried = remedies(model.kan_layers[l], i, j, column, technology=technology, recipe=recipe)
    names = model.config.input_names
    name = f"edge ({l}, {i}, {j})" + (f" of {names[i]}" if l == 0 else "")
    others = f"; likewise {len(poor) - 1} more edges" if len(poor) > 1 else ""
    raise ConfigError(
        f"{name} is too steep for the device: its error is {100 * fits[poor[0]].rms:.2g} % of its span rms with "
        f"{recipe.max_elements} elements of a width of at least {1e3 * technology.width(technology.divider_max):.0f} mV in "
        f"{1e3 * (technology.input_high - technology.input_low):.0f} mV, but tolerance is {100 * tolerance:.2g} %{others}. "
        f"Possible remedies: {'; '.join(tried)}; or train with a coarser grid, or raise tolerance."
    )


def remedies(
    layer: KANLayer, i: int, j: int, column: Floats, *, technology: AnalogTechnology, recipe: EdgeFitRecipe
) -> list[str]:
    """Remedies that improve the fit of the edge (i, j), each with the error that it reaches.

    `column` holds the activations of its input; the recipe is that of the original fit.
    """

    def error(changed: AnalogTechnology, way: EdgeFitRecipe, ends: tuple[float, float]) -> float:
        span = Span(*ends, changed.input_low, changed.input_high)
        like = layer.coefficients
        x = torch.zeros(N_POINTS, layer.inputs, dtype=like.dtype, device=like.device)
        x[:, i] = torch.linspace(*ends, N_POINTS, dtype=like.dtype)
        with torch.no_grad():
            values = _floats(layer.edges(x)[:, i, j])
        unit = max(float(np.ptp(values)), 1e-300) / changed.node_current
        return fit_edge(values, span, unit=unit, technology=changed, recipe=way).rms

    whole = _ends(column, 0.02)
    inner = (float(np.quantile(column, 0.01)), float(np.quantile(column, 0.99)))
    middle = (technology.input_low + technology.input_high) / 2
    half = min(0.75 * (technology.input_high - technology.input_low), middle - 0.3, technology.supply - middle - 0.3)
    wider = replace(technology, input_low=middle - half, input_high=middle + half)
    more = replace(recipe, max_elements=min(64, 2 * recipe.max_elements))
    tried = [
        (f"{more.max_elements} elements", error(technology, more, whole)),
        (f"an input range of {2 * half:.2g} V (input_low, input_high)", error(wider, recipe, whole)),
        ("both", error(wider, more, whole)),
    ]
    if inner[0] < inner[1]:
        tried.append(("a span cut to 98 % of the rows", error(technology, recipe, inner)))
    return [f"{what}: {100 * value:.2g} %" for what, value in tried]
