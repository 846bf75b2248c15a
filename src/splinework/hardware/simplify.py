"""Simplifies a quantised network: constant tables become biases, unused hidden nodes are removed."""

from dataclasses import replace

import numpy as np

from splinework.hardware.formats import round_shift
from splinework.hardware.integer import IntegerLayer, IntegerModel


def simplify(model: IntegerModel) -> IntegerModel:
    """The same function with fewer edges and nodes; all inputs and outputs are kept."""
    layers = list(model.layers)
    while True:
        before = sum(int(layer.mask.sum()) + layer.width for layer in layers)
        layers = [_fold_constants(layer) for layer in layers]
        for number in range(len(layers) - 1):
            layers[number], layers[number + 1] = _drop_nodes(layers[number], layers[number + 1])
        if sum(int(layer.mask.sum()) + layer.width for layer in layers) == before:
            return replace(model, layers=tuple(layers))


def _fold_constants(layer: IntegerLayer) -> IntegerLayer:
    bias, mask, tables = layer.bias.copy(), layer.mask.copy(), []
    for i, table in enumerate(layer.tables):
        flat = (table == table[0]).all(axis=0)
        bias += np.where(flat, table[0], 0)
        mask[i] &= ~flat
        tables.append(np.where(flat, 0, table))
    return replace(layer, bias=bias, mask=mask, tables=tuple(tables))


def _drop_nodes(layer: IntegerLayer, following: IntegerLayer) -> tuple[IntegerLayer, IntegerLayer]:
    """Removes unused nodes and turns nodes with a single code into constants; at least one node is kept."""
    bias, mask, tables = following.bias.copy(), following.mask.copy(), list(following.tables)
    for node in np.flatnonzero(~layer.mask.any(axis=0)):
        form = layer.outputs[node].format
        code = int(form.saturate(round_shift(layer.bias[node : node + 1], layer.guard))[0])
        bias += tables[node][code - form.low]
        mask[node] = False
        tables[node] = np.zeros_like(tables[node])
    kept = np.flatnonzero(mask.any(axis=1))
    if not len(kept):
        kept = np.array([0])
    before = replace(
        layer,
        tables=tuple(table[:, kept] for table in layer.tables),
        mask=layer.mask[:, kept],
        bias=layer.bias[kept],
        outputs=tuple(layer.outputs[node] for node in kept),
    )
    after = replace(following, tables=tuple(tables[node] for node in kept), mask=mask[kept], bias=bias)
    return before, after
