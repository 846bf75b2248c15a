"""The targets of `export`. A new target is a file and a row of `TARGETS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch

from splinework.errors import ConfigError
from splinework.export.frozen import FrozenNetwork, freeze
from splinework.export.metadata import ModelMetadata
from splinework.export.network_arrays import NetworkArrays, network_arrays
from splinework.nn.frame import Frame, FramedKAN, frame_of, network_of
from splinework.nn.network import KAN


@dataclass(frozen=True)
class ExportJob:
    """The arguments of a target.

    Attributes:
        model: The network, with or without a frame.
        metadata: Names of the artefact and of its columns.
        precision: Number type for C: `float`, `double`, or None for that of the model.
        check: Whether to run and compare an ONNX file.
        recognise: Whether to search for known functions first.
    """

    model: KAN | FramedKAN
    metadata: ModelMetadata
    precision: str | None
    check: bool
    recognise: bool

    @property
    def bare(self) -> KAN:
        """The network without its frame."""
        return network_of(self.model)

    @property
    def frame(self) -> Frame | None:
        """The frame, or None."""
        return frame_of(self.model)

    def network(self) -> FrozenNetwork:
        """The network in its own dtype."""
        return freeze(self.bare)

    def double(self) -> FrozenNetwork:
        """The network in float64."""
        return freeze(self.bare, torch.float64)

    def arrays(self) -> NetworkArrays:
        """The tables of the network in float64."""
        return network_arrays(self.double())


@dataclass(frozen=True)
class ExportTarget:
    """One target."""

    make: Callable[[ExportJob], Any]
    suffixes: tuple[str, ...]
    text: bool
    description: str


# Imports are local: an export to C loads neither ONNX nor SymPy.


def _onnx(job: ExportJob) -> bytes:
    from splinework.export.onnx import onnx_file

    return onnx_file(job.network(), job.metadata, job.bare.config.to_dict(), frame=job.frame, check=job.check)


def _torch(job: ExportJob) -> torch.export.ExportedProgram:
    from splinework.export.torch_program import torch_program

    return torch_program(job.network(), job.frame)


def _numpy(job: ExportJob) -> str:
    from splinework.export.numpy_file import numpy_file

    return numpy_file(job.arrays(), job.metadata, job.frame)


def _c(job: ExportJob) -> str:
    from splinework.export.c import PRECISIONS, c_file

    own = "float" if next(job.model.parameters()).dtype == torch.float32 else "double"
    precision = own if job.precision is None else job.precision
    if precision not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}.")
    return c_file(job.arrays(), job.metadata, precision, job.frame)


def _js(job: ExportJob) -> str:
    from splinework.export.js import js_file

    return js_file(job.arrays(), job.metadata, job.frame)


def _latex(job: ExportJob) -> str:
    from splinework.export.latex_file import latex_file
    from splinework.export.recognised import latex_formulas, recognised

    formulas = recognised(job.model, job.metadata) if job.recognise else ()
    return latex_formulas(formulas, job.metadata) if formulas else latex_file(job.double(), job.metadata, job.frame)


def _sympy(job: ExportJob) -> str:
    from splinework.export.recognised import recognised, sympy_formulas
    from splinework.export.sympy_file import sympy_file

    formulas = recognised(job.model, job.metadata) if job.recognise else ()
    return sympy_formulas(formulas, job.metadata) if formulas else sympy_file(job.double(), job.metadata, job.frame)


TARGETS: Final[dict[str, ExportTarget]] = {
    "onnx": ExportTarget(_onnx, (".onnx",), False, "ONNX graph for onnxruntime and others"),
    "torch": ExportTarget(_torch, (".pt2",), False, "torch.export program"),
    "numpy": ExportTarget(_numpy, (".py",), True, "Python file that needs numpy only"),
    "c": ExportTarget(_c, (".c", ".h"), True, "C99 file without memory allocation"),
    "js": ExportTarget(_js, (".mjs", ".js"), True, "JavaScript module"),
    "latex": ExportTarget(_latex, (".tex",), True, "formulas for a paper, rounded"),
    "sympy": ExportTarget(_sympy, (), True, "Python file of exact expressions"),
}
