"""A frozen network in plain torch operations, for the graph targets `torch.export` and ONNX.

The edges use the functions of the reference backend, so the graph has no custom operators.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from splinework.export.frames import SOFTPLUS_THRESHOLD
from splinework.export.frozen import FrozenLayer, FrozenNetwork
from splinework.formula.tensors import TENSORS
from splinework.kernels import BasisTable
from splinework.nn.frame import Expression, Frame

MIN_BATCH: Final = 3
"""Rows of the example for tracing; a batch of one would be specialised to a constant."""


class GraphLayer(nn.Module):
    """Nodes `(B, I)` to nodes `(B, N)`."""

    grid: Tensor
    prepared: Tensor
    coefficients: Tensor
    bias: Tensor

    def __init__(self, layer: FrozenLayer) -> None:
        super().__init__()
        self.layer = layer
        rows = [layer.coefficients]
        if layer.base is not None:
            rows.append(layer.base_weight[:, None, :])
        table = layer.table()
        self.register_buffer("grid", table.grid)
        self.register_buffer("prepared", table.prepared)
        self.register_buffer(
            "coefficients", torch.cat(rows, dim=1).flatten(0, 1)
        )  # a matrix: it keeps its name in ONNX
        self.register_buffer("bias", layer.bias)

    def forward(self, u: Tensor) -> Tensor:
        layer, raw = self.layer, u
        if not layer.inputs:
            sums = self.bias.expand(u.shape[0], layer.sums)
        else:
            if layer.squashed:
                u = squash(u, *layer.basis.domain(self.grid))
            table = BasisTable(layer.basis, layer.base, layer.extrapolation, self.grid, self.prepared)
            sums = table.rows(u).flatten(1) @ self.coefficients + self.bias
        if layer.functions:
            columns = list(sums.unbind(1))
            for each in layer.functions:
                columns[each.sum] = columns[each.sum] + each.formula.run([raw[:, each.input]], _TENSORS)
            sums = torch.stack(columns, dim=1)
        if not layer.multiplies:
            return sums
        return torch.stack([_product(sums, group) for group in layer.groups], dim=1)


class Graph(nn.Module):
    """Raw inputs `(B, inputs)` to raw outputs `(B, outputs)`."""

    columns: Tensor
    in_shift: Tensor
    in_scale: Tensor
    out_shift: Tensor
    out_scale: Tensor

    def __init__(self, network: FrozenNetwork) -> None:
        super().__init__()
        self.network = network
        for name in ("in_shift", "in_scale", "out_shift", "out_scale"):
            self.register_buffer(name, getattr(network, name))
        self.register_buffer("columns", torch.tensor(network.columns, dtype=torch.int64))
        for number, layer in enumerate(network.layers, start=1):
            self.add_module(f"layer_{number}", GraphLayer(layer))

    def forward(self, x: Tensor) -> Tensor:
        network = self.network
        if len(network.columns) < network.inputs:
            x = x.index_select(1, self.columns)
        if any(network.in_log):
            x = torch.stack([x[:, i].log() if log else x[:, i] for i, log in enumerate(network.in_log)], dim=1)
        u = (x - self.in_shift) / self.in_scale
        for number in range(1, len(network.layers) + 1):
            u = self.get_submodule(f"layer_{number}")(u)
        y = u * self.out_scale + self.out_shift
        if any(network.out_log):
            y = torch.stack([y[:, j].exp() if log else y[:, j] for j, log in enumerate(network.out_log)], dim=1)
        return y


class FramedGraph(nn.Module):
    """Raw inputs `(B, inputs)` to raw outputs `(B, outputs)` of a network in a frame."""

    def __init__(self, network: FrozenNetwork, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.network = Graph(network)

    def forward(self, x: Tensor) -> Tensor:
        frame = self.frame
        z = self.network(_formulas(frame.before, x) if frame.before else x)
        return _formulas(frame.after, torch.cat([x, z], dim=1)) if frame.after else z


def _formulas(formulas: Sequence[Expression], columns: Tensor) -> Tensor:
    """Formulas of the columns `(B, C)`, side by side."""
    found = []
    for formula in formulas:
        value = formula.run(columns.unbind(1), _TENSORS)
        found.append(value if isinstance(value, Tensor) else columns.new_full((), value).expand(columns.shape[0]))
    return torch.stack(found, dim=1)


def _softplus(x: Any) -> Any:
    """The softplus by elementary operations: onnxruntime lacks it in double precision."""
    x = x if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64)
    return torch.where(x > SOFTPLUS_THRESHOLD, x, torch.log(1 + torch.exp(torch.clamp(x, max=SOFTPLUS_THRESHOLD))))


_TENSORS: Final = {**TENSORS, "softplus": _softplus}


def graph_of(network: FrozenNetwork, frame: Frame | None) -> nn.Module:
    """The module to be traced."""
    return Graph(network) if frame is None else FramedGraph(network, frame)


def program(network: FrozenNetwork, frame: Frame | None = None) -> torch.export.ExportedProgram:
    """The graph traced for any number of rows."""
    graph = graph_of(network, frame).eval().requires_grad_(False)
    inputs = network.inputs if frame is None else len(frame.input_names)
    example = torch.zeros(MIN_BATCH, inputs, dtype=network.dtype)
    return _traced(graph, example)


def with_constants(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The program with factors, summands and tensors of one number that single precision cannot represent as constants.

    The ONNX exporter writes plain numbers in single precision.
    """
    module: Any = exported.module()
    takes = [getattr(torch.ops.aten, name).Tensor for name in ("add", "sub", "mul", "div")]
    count = 0
    for node in list(module.graph.nodes):
        if node.target is torch.ops.aten.full_like.default and isinstance(node.args[1], float):  # ones times the number
            with module.graph.inserting_after(node):
                filled = module.graph.call_function(torch.ops.aten.mul.Tensor, (node, node.args[1]))
            node.replace_all_uses_with(filled, delete_user_cb=lambda user, filled=filled: user is not filled)
            node.update_arg(1, 1.0)
    for node in list(module.graph.nodes):
        if node.op != "call_function" or node.target not in takes:
            continue
        for place, value in enumerate(node.args):
            if isinstance(value, float) and torch.tensor(value, dtype=torch.float32).item() != value:
                name, count = f"constant_{count}", count + 1
                module.register_buffer(name, torch.tensor(value, dtype=torch.float64))
                with module.graph.inserting_before(node):
                    node.update_arg(place, module.graph.get_attr(name))
    if not count:
        return exported
    module.recompile()
    (example,), _ = exported.example_inputs
    return _traced(module, example)


def _traced(module: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    with torch.no_grad():  # else the search for cells, which has no gradient, becomes a nested program
        # torch 2.7 needs both arguments, which later versions choose by default.
        batch = torch.export.Dim("batch", max=2**48)
        return torch.export.export(module, (example,), dynamic_shapes={"x": {0: batch}}, strict=False)


def squash(u: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Values squashed smoothly into the domain, as in `KANLayer.squash`."""
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * torch.tanh((u - middle) / half)


def _product(sums: Tensor, group: tuple[int, ...]) -> Tensor:
    value = sums[:, group[0]]
    for j in group[1:]:
        value = value * sums[:, j]
    return value
