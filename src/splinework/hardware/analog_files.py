"""An analogue network as a file: `analog.json` with exact numbers and a digest.

It corresponds to the `golden.json` of digital artefacts; netlists and tool-chain documents are compared with it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from splinework.errors import FileError, SplineworkError
from splinework.hardware.analog.ekv import AnalogTechnology
from splinework.hardware.analog.network import (
    AnalogLayer,
    AnalogNetwork,
    AnalogUnits,
    EdgeCircuit,
    Element,
    ProductNode,
    Span,
    SumNode,
)
from splinework.hardware.golden import digest_of, read_document, write_json

FORMAT: Final = "splinework-analog/1"


def write_analog(network: AnalogNetwork, path: Path) -> None:
    """Writes an analogue network atomically.

    Raises:
        FileError: If the file cannot be written.
    """
    content = asdict(network)
    write_json(path, {"format": FORMAT, "digest": digest_of(content), **content})


def read_analog(path: Path) -> AnalogNetwork:
    """The network that `write_analog` wrote.

    Raises:
        FileError: If the file is missing, damaged, of another version, or its numbers do not match its digest.
    """
    content = read_document(path, FORMAT, "an analogue network")
    try:
        network = AnalogNetwork(
            AnalogTechnology(**content["technology"]),
            tuple(_layer(layer) for layer in content["layers"]),
            _units(content["input_units"]),
            _units(content["output_units"]),
            tuple(map(str, content["input_names"])),
            tuple(map(str, content["output_names"])),
        )
    except (SplineworkError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileError(f"{path} is not a complete analogue network ({error}); rebuild the artefact.") from error
    if content.get("digest") != digest_of(asdict(network)):
        raise FileError(f"{path} was changed after it was written: its digest does not match; rebuild the artefact.")
    return network


def _layer(content: dict[str, Any]) -> AnalogLayer:
    edges = tuple(
        EdgeCircuit(int(e["source"]), int(e["target"]), tuple(Element(**element) for element in e["elements"]))
        for e in content["edges"]
    )
    products = tuple(
        ProductNode(*(tuple(p[key]) for key in ("sums", "scales", "partial"))) for p in content["products"]
    )
    inputs = tuple(Span(**span) for span in content["inputs"])
    return AnalogLayer(inputs, edges, tuple(SumNode(**node) for node in content["sums"]), products)


def _units(content: dict[str, Any]) -> AnalogUnits:
    return AnalogUnits(*(tuple(content[key]) for key in ("scales", "shift", "scale")))
