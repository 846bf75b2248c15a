"""`torch.export`: a program of torch's operators that runs without splinework."""

import io
import json

import torch

from splinework.export.frozen import FrozenNetwork
from splinework.export.graph import program
from splinework.export.metadata import ModelMetadata
from splinework.nn.frame import Frame


def torch_program(network: FrozenNetwork, frame: Frame | None = None) -> torch.export.ExportedProgram:
    """The network as an exported program, in its own dtype; its `.module()` takes `(batch, inputs)` for any batch."""
    exported = program(network, frame)
    for node in exported.graph.nodes:
        for key in ("stack_trace", "from_node", "source_fn_stack", "torch_fn"):
            node.meta.pop(key, None)  # local debugging data, the largest part of a file
    return exported


def program_bytes(exported: torch.export.ExportedProgram, metadata: ModelMetadata) -> bytes:
    """The file for `torch.export.load`, with the names of the columns in its extra file `splinework.json`."""
    names = json.dumps({"inputs": metadata.inputs, "outputs": metadata.outputs})
    buffer = io.BytesIO()
    torch.export.save(exported, buffer, extra_files={"splinework.json": names})
    return buffer.getvalue()
