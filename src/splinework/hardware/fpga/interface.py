"""Reads the interface of a circuit from `design.json`, independent of the circuit generator."""

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
    """The interface of a circuit for testbenches and proofs.

    Attributes:
        top: Name of the top module.
        latency: Latency in cycles.
        handshake: `stream` or `valid_ready`.
        seen: Flags `(codes,)` of the codes of each input that the circuit supports, by `code - format.low`; None means all.
    """

    top: str
    latency: int
    handshake: Literal["stream", "valid_ready"] = "stream"
    seen: tuple[NDArray[np.bool_], ...] | None = None

    @property
    def ready(self) -> bool:
        """Whether the circuit has in_ready and out_ready."""
        return self.handshake == "valid_ready"


def read_interface(file: Path, model: IntegerModel) -> Interface:
    """Reads the interface from a `design.json`.

    Its keys are `format`, `digest` of the golden model, `latency_cycles`, `options` with `handshake` and `dont_care`, and, if
    `dont_care` is `data`, `seen` with a list of 0 and 1 for each input, one per code from the lowest.

    Raises:
        FileError: If it is missing, damaged, of another version, or belongs to another golden model.
    """
    content = read_document(file, FORMAT, "a design")
    if content.get("digest") != digest(model):
        raise FileError(f"{file} belongs to another golden model than golden.json beside it; rebuild the artefact.")
    try:
        options, latency = content["options"], content["latency_cycles"]
        handshake, data = options["handshake"], options["dont_care"] == "data"
        seen = _seen(content["seen"], model) if data else None
    except (LookupError, TypeError, ValueError) as error:
        raise FileError(f"{file} is not a complete design ({error!r}); rebuild the artefact.") from error
    if handshake not in _HANDSHAKES or not isinstance(latency, int) or not 1 <= latency <= _MAX_LATENCY_CYCLES:
        raise FileError(f"{file} has the handshake {handshake!r} and the latency {latency!r}; rebuild the artefact.")
    return Interface(model.name, latency, handshake, seen)


def _seen(value: Any, model: IntegerModel) -> tuple[NDArray[np.bool_], ...]:
    flags = tuple(np.array(codes, dtype=np.int64) for codes in value)
    if [f.shape for f in flags] != [(wire.format.count,) for wire in model.inputs] or not all(f.any() for f in flags):
        raise ValueError("the flags of seen codes do not match the inputs")
    return tuple(f != 0 for f in flags)
