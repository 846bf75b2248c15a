"""What the files of an artefact say about a circuit: `design.json`, read apart from everything that wrote it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from splinework.errors import FileError
from splinework.hardware.golden import digest, read_document
from splinework.hardware.integer import IntegerModel

FORMAT: Final = "splinework-fpga/1"
_HANDSHAKES: Final = ("stream", "valid_ready")
_MAX_LATENCY_CYCLES: Final = 10_000


@dataclass(frozen=True, eq=False)
class Interface:
    """What a testbench and a proof must know of a circuit.

    Attributes:
        top: Name of the top module.
        latency: Cycles from an input to its result.
        handshake: `stream` or `valid_ready`.
        seen: For each input which codes the circuit was made for, `(codes,)` by `code - format.low`; None means all of them.
    """

    top: str
    latency: int
    handshake: Literal["stream", "valid_ready"] = "stream"
    seen: tuple[NDArray[np.bool_], ...] | None = None

    @property
    def ready(self) -> bool:
        """Whether there are in_ready and out_ready."""
        return self.handshake == "valid_ready"


def read_interface(file: Path, model: IntegerModel) -> Interface:
    """The interface in a `design.json`.

    Its keys: `format`; `digest` of the golden model; `latency_cycles`; `options` with `handshake` and `dont_care`; and `seen`,
    for each input a list of zeros and ones, one for each code from the lowest, where `dont_care` is `data`.

    Raises:
        FileError: If it is missing, damaged, of another version or of another golden model.
    """
    content = read_document(file, FORMAT, "a design")
    if content.get("digest") != digest(model):
        raise FileError(f"{file} belongs to another golden model than golden.json beside it; write the artefact anew.")
    try:
        options, latency = content["options"], content["latency_cycles"]
        handshake, data = options["handshake"], options["dont_care"] == "data"
        seen = _seen(content["seen"], model) if data else None
    except (LookupError, TypeError, ValueError) as error:
        raise FileError(f"{file} is no whole design ({error!r}); write the artefact anew.") from error
    if handshake not in _HANDSHAKES or not isinstance(latency, int) or not 1 <= latency <= _MAX_LATENCY_CYCLES:
        raise FileError(f"{file} has the handshake {handshake!r} and the latency {latency!r}; write the artefact anew.")
    return Interface(model.name, latency, handshake, seen)


def _seen(value: Any, model: IntegerModel) -> tuple[NDArray[np.bool_], ...]:
    flags = tuple(np.array(codes, dtype=np.int64) for codes in value)
    if [f.shape for f in flags] != [(wire.format.count,) for wire in model.inputs] or not all(f.any() for f in flags):
        raise ValueError("the seen codes do not fit the inputs")
    return tuple(f != 0 for f in flags)
