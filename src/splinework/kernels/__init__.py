"""Evaluation of the edges: three primitives, computed by the selected backend.

`reference` is plain torch and the oracle of the tests; `native` is C++ and touches only the non-zero splines. `use` or the
environment variable SPLINEWORK_BACKEND selects a backend; by default the native kernels, if compiled, evaluate B-splines on the
CPU, and the reference does everything else. A new backend is a class and a row of `BACKENDS`; the laws in `tests/contracts`
then run over it unedited.
"""

from splinework.kernels.backends import Backend
from splinework.kernels.dispatch import (
    BACKENDS,
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
    "BACKENDS", "EXTRAPOLATIONS", "AffineUnits", "Backend", "BasisTable", "EdgeParameters", "active",
    "check_extrapolation", "contract", "layer_sums", "network_sums", "probe", "scatter", "squared_error", "use",
]  # fmt: skip
