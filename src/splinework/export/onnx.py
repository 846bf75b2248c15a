"""ONNX: one file for onnxruntime and other readers of the format, for any number of rows."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import torch

from splinework.errors import ConfigError, SplineworkError
from splinework.export.double_functions import InDouble
from splinework.export.frozen import FrozenNetwork
from splinework.export.graph import graph_of, program, with_constants
from splinework.export.metadata import ModelMetadata
from splinework.export.recording import called, values_and_slopes
from splinework.nn.checkpoint import own_version
from splinework.nn.frame import Frame
from splinework.splines.bases import Activation

_TOLERANCE: Final = {torch.float32: 1e-4, torch.float64: 1e-10}
"""Tolerance of the check relative to the largest value of an output: it detects wrong graphs, not rounding."""
_MAX_DIFFERING_SHARE: Final = 0.02
"""Maximum share of rows that may differ: at jumps of splines of degree 0 rounding decides the side."""
_N_CHECKED_ROWS: Final = 257


def onnx_file(
    network: FrozenNetwork,
    metadata: ModelMetadata,
    config: dict[str, Any],
    *,
    frame: Frame | None = None,
    check: bool = True,
) -> bytes:
    """The ONNX file, with input `x` `(batch, inputs)` and output `y` `(batch, outputs)` in the dtype of the model.

    Its metadata hold, as JSON under `splinework.*`, the names of the columns, their ranges, the config and the version.

    Raises:
        ConfigError: If onnx or onnxscript is not installed, or for another dtype.
        SplineworkError: If onnxruntime computes other values than the network.
    """
    if network.dtype not in _TOLERANCE:
        raise ConfigError(
            f"export to ONNX needs a model in float32 or float64, got {network.dtype}; use model.float()."
        )
    _require("onnx", "onnxscript")
    with _quiet():
        traced = program(_expressible(network), frame)
        if network.dtype == torch.float64:
            traced = with_constants(traced)
        made = torch.onnx.export(
            traced, input_names=["x"], output_names=["y"], dynamo=True, verbose=False, optimize=False
        )
        if made is None:
            raise SplineworkError("torch.onnx.export returned no program; update torch and onnxscript.")
        _simplify(made.model)
    content = _tidied(made.model_proto, metadata, config).SerializeToString(deterministic=True)
    if check:
        _check(content, network, frame)
    return bytes(content)


def _simplify(model: Any) -> None:
    """Folds constants and removes unused nodes.

    The exporter's optimiser is not used: it replaces numbers below 1e-8 by zero, whatever the units of the columns.
    """
    from onnx_ir.passes import common
    from onnxscript import optimizer

    optimizer.fold_constants(model, onnx_shape_inference=False)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.DeduplicateInitializersPass()(model)
    common.CommonSubexpressionEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)


def _expressible(network: FrozenNetwork) -> FrozenNetwork:
    """The network in functions that onnxruntime supports."""
    if network.dtype != torch.float64:
        return network

    def expressible(base: Activation) -> Activation:
        """Onnxruntime lacks the error function in double precision."""
        return InDouble(base) if "erfc" in called(values_and_slopes(lambda x, f: [base.formula(x, f)])[0]) else base

    layers = (layer if layer.base is None else replace(layer, base=expressible(layer.base)) for layer in network.layers)
    return replace(network, layers=tuple(layers))


def _require(*packages: str) -> None:
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"export to ONNX needs {' and '.join(missing)}; install with: pip install 'splinework[onnx]'."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Context that silences the exporter's warnings about optional packages."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _tidied(proto: Any, metadata: ModelMetadata, config: dict[str, Any]) -> Any:
    """The model with our metadata and nodes named by layer, without the exporter's debugging data."""
    proto.producer_name, proto.producer_version = "splinework", own_version()
    proto.doc_string = "\n".join(metadata.sentences())
    graph = proto.graph
    graph.name = metadata.name
    for tensor, names in ((graph.input[0], metadata.inputs), (graph.output[0], metadata.outputs)):
        tensor.doc_string = f"{len(names)} columns; the model's metadata has their names."
    batch = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == batch:
                size.dim_param = "batch"
    counts: dict[str, int] = {}
    for node in graph.node:
        layer = _layer_of(node)
        kind = f"{layer}/{node.op_type}"
        counts[kind] = counts.get(kind, 0) + 1
        node.name = f"{kind}_{counts[kind]}"
    for part in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del part.metadata_props[:]
    ranges = {metadata.inputs[i]: list(ends) for i, ends in metadata.ranges.items()}
    header = {
        "version": own_version(),
        "inputs": metadata.inputs,
        "outputs": metadata.outputs,
        "ranges": ranges,
        "config": config,
    }
    for key, value in header.items():
        proto.metadata_props.add(key=f"splinework.{key}", value=json.dumps(value))
    return proto


def _layer_of(node: Any) -> str:
    """The part of the network of a node: `layer_1` and so on, or `units` for the scaling."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            for scope in json.loads(entry.value.replace("'", '"')):
                if str(scope).startswith("layer_"):
                    return str(scope).split(".")[0]
    return "units"


def _check(content: bytes, network: FrozenNetwork, frame: Frame | None = None) -> None:
    """Checks that onnxruntime, if installed, computes the values of the network inside and around its domain."""
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None:
        return
    runtime: Any = import_module("onnxruntime")

    x = _points(network) if frame is None else _rows_of(frame, network.dtype)
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except runtime.capi.onnxruntime_pybind11_state.NotImplemented as error:
        raise ConfigError(
            f"onnxruntime {runtime.__version__} lacks a function of this model in {network.dtype} ({error}); convert the model "
            "with model.float(), or export to torch, c or numpy."
        ) from error
    got = torch.from_numpy(session.run(None, {"x": x.numpy()})[0])
    with torch.no_grad():
        expected = graph_of(network, frame)(x)
    largest = torch.where(expected.isfinite(), expected, 0).abs().amax(dim=0)
    close = ((got - expected).abs() <= _TOLERANCE[network.dtype] * largest) | (got == expected)
    wrong = ~(close | (got.isnan() & expected.isnan())).all(dim=1)
    if float(wrong.float().mean()) > _MAX_DIFFERING_SHARE:
        worst = float((got - expected).abs().nan_to_num().max())
        raise SplineworkError(
            f"onnxruntime {runtime.__version__} gives values that differ from the model's by up to {worst:.3g}; nothing "
            "was written. Try another version of onnxruntime or onnxscript, or another target."
        )


def _rows_of(frame: Frame, dtype: torch.dtype) -> torch.Tensor:
    """Rows of raw values in the ranges of a frame, or between 0 and 1."""
    ranges = torch.tensor(frame.ranges or ((0.0, 1.0),) * len(frame.input_names), dtype=torch.float64)
    share = torch.rand(_N_CHECKED_ROWS, len(ranges), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (ranges[:, 0] + share * (ranges[:, 1] - ranges[:, 0])).to(dtype)


def _points(network: FrozenNetwork) -> torch.Tensor:
    """Rows of raw values in the domain of the first layer, extended by a tenth at each end."""
    x = torch.zeros(_N_CHECKED_ROWS, network.inputs, dtype=network.dtype)
    if not network.columns:
        return x
    layer = network.layers[0]
    low, high = layer.basis.domain(layer.grid)
    share = torch.rand(
        _N_CHECKED_ROWS, len(network.columns), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    u = low + (1.2 * share.to(low) - 0.1) * (high - low)
    raw = u * network.in_scale + network.in_shift
    for place, column in enumerate(network.columns):
        x[:, column] = raw[:, place].exp() if network.in_log[place] else raw[:, place]
    return x
