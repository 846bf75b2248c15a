"""The model inside a page: its JavaScript export, the same layer by layer, and what the controls of the page need to know."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from splinework.errors import SplineworkError
from splinework.export.edge_networks import EdgeNetwork, edge_networks
from splinework.export.frozen import freeze
from splinework.export.js import js_file
from splinework.export.metadata import ModelMetadata
from splinework.export.network_arrays import network_arrays
from splinework.nn.frame import FramedKAN, frame_of, network_of
from splinework.nn.network import KAN
from splinework.report.plot.protocols import Floats

MAX_SCRIPT: Final = 1_100_000
"""Characters of the script of a model, above which the page has none, so that it stays below two megabytes."""
MAX_TRACED: Final = 400_000
"""Characters of the script of the single edges, above which the page does without them."""
MAX_TRACED_EDGES: Final = 1500
N_BACKGROUND: Final = 16
"""Rows that decompositions compare with."""


@dataclass(frozen=True)
class LiveModel:
    """A model as a script.

    Attributes:
        script: Statements that define `liveModel`, with `predict`, and `liveLayers`, functions from nodes to edges.
        trace: How the layers are joined, or None where `liveLayers` is empty.
        lacking: Why there is no model in the page, or no trace; empty otherwise.
    """

    script: str
    trace: dict[str, Any] | None
    lacking: str = ""


NO_MODEL: Final = "const liveModel = null;\nconst liveLayers = [];"


def live_model(model: KAN | FramedKAN | None) -> LiveModel:
    """The script of a model; names of columns are not in it, so that no name is ever part of a script."""
    if model is None:
        return LiveModel(NO_MODEL, None, "There is no network to evaluate.")
    bare = network_of(model)
    inputs = model.inputs
    try:
        whole = js_file(network_arrays(freeze(bare, torch.float64)), _neutral(inputs, model.outputs), frame_of(model))
    except SplineworkError as error:
        return LiveModel(NO_MODEL, None, f"This model cannot be evaluated in the page: {error}")
    if len(whole) > MAX_SCRIPT:
        kilobytes = len(whole) // 1000
        return LiveModel(NO_MODEL, None, f"The network is too large to be evaluated in the page ({kilobytes} kB).")
    script = f"const liveModel = {_wrapped(whole)};"
    layers = [] if isinstance(model, FramedKAN) or bare.active_edges() > MAX_TRACED_EDGES else edge_networks(bare)
    parts = [_wrapped(js_file(network_arrays(each.network), _neutral(each.network.inputs, 0))) for each in layers]
    if not parts or sum(map(len, parts)) > MAX_TRACED:
        return LiveModel(f"{script}\nconst liveLayers = [];", None)
    joined = ",\n".join(parts)
    return LiveModel(f"{script}\nconst liveLayers = [{joined}];", _trace(bare, layers))


def _neutral(inputs: int, outputs: int) -> ModelMetadata:
    columns, results = (tuple(f"{letter}{i + 1}" for i in range(n)) for letter, n in (("x", inputs), ("y", outputs)))
    return ModelMetadata("model", columns, results, shape="")


def _wrapped(module: str) -> str:
    """An ES module as an expression: an object with its `predict`."""
    lines = [line for line in module.splitlines() if not line.startswith(("export default", "export const", "//"))]
    body = "\n".join(line.removeprefix("export ") for line in lines)
    return f"(() => {{\n{body}\nreturn {{ predict }};\n}})()"


def _trace(model: KAN, layers: list[EdgeNetwork]) -> dict[str, Any]:
    config, before, after = model.config, model.input_scaling, model.output_scaling
    return {
        "in": {
            "log": [scale == "log" for scale in config.input_scales],
            "shift": before.shift.tolist(),
            "scale": before.scale.tolist(),
        },
        "layers": [
            {
                "edges": [[f"{l}:{i}:{j}", i, j] for i, j in each.edges],
                "bias": list(each.bias),
                "groups": [list(group) for group in each.groups],
            }
            for l, each in enumerate(layers)
        ],
        "out": {
            "log": [scale == "log" for scale in config.output_scales],
            "shift": after.shift.tolist(),
            "scale": after.scale.tolist(),
        },
    }


def background(x: Floats, predicted: Floats, count: int = N_BACKGROUND) -> list[list[float]]:
    """Rows at evenly spaced ranks of their first prediction, with which decompositions compare."""
    if len(x) <= count:
        return [[float(value) for value in row] for row in x]
    order = np.argsort(predicted[:, 0], kind="stable")
    places = order[((np.arange(count) + 0.5) * len(x) / count).astype(int)]
    return [[float(value) for value in row] for row in x[places]]
