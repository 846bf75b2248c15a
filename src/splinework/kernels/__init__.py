"""How the edges are evaluated: the three primitives, by the backend in use.

`reference` is plain torch, the oracle; `native` is C++ and touches only the splines that are not zero. `use` chooses, as
does the environment variable SPLINEWORK_BACKEND; by default the native kernels run where they were compiled, for what they
know (B-splines on the processor), and the reference everywhere else. A new backend is a class and a row of `BACKENDS`;
the laws in `tests/contracts` then run over it unedited.
"""

from splinework.kernels.dispatch import (
    BACKENDS,
    Backend,
    active,
    contract,
    layer_sums,
    network_sums,
    probe,
    scatter,
    squared_error,
    use,
)
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.table import EXTRAPOLATIONS, BasisTable, check_extrapolation

__all__ = [
    "BACKENDS",
    "EXTRAPOLATIONS",
    "AffineUnits",
    "Backend",
    "BasisTable",
    "EdgeParameters",
    "active",
    "check_extrapolation",
    "contract",
    "layer_sums",
    "network_sums",
    "probe",
    "scatter",
    "squared_error",
    "use",
]
