"""How the edges are evaluated. A backend is a module with the three primitives; `reference` is plain torch.

A new backend is one file and one row in `BACKENDS`; the laws in `tests/contracts` then run over it unedited.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from splinework.kernels import reference
from splinework.kernels.table import EXTRAPOLATIONS, Table, check_extrapolation

__all__ = ["BACKENDS", "EXTRAPOLATIONS", "Backend", "Table", "check_extrapolation", "contract", "probe", "scatter"]


@dataclass(frozen=True)
class Backend:
    """The three primitives; see `splinework.kernels.reference` for what each must return."""

    name: str
    contract: Callable[..., Tensor]
    probe: Callable[..., Tensor]
    scatter: Callable[..., Tensor]

    @classmethod
    def of(cls, module: Any, name: str) -> "Backend":
        """The backend that a module of that kind offers."""
        return cls(name, module.contract, module.probe, module.scatter)


BACKENDS: dict[str, Backend] = {"reference": Backend.of(reference, "reference")}

contract = reference.contract
probe = reference.probe
scatter = reference.scatter
