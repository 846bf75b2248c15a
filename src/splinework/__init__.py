"""splinework: networks of splines that one can fit, read and deploy.

The public names are loaded when first used, so `import splinework` costs nothing by itself, and torch is loaded with the
first of them that needs it.

>>> import splinework as sw
>>> sw.KAN([2, 5, 1]).parameter_count()
156
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from splinework.errors import SplineworkError

if TYPE_CHECKING:
    from splinework.checkpoint import load, save
    from splinework.discover import discover
    from splinework.edit.adapt import adapt
    from splinework.edit.degree import elevate, raise_degree
    from splinework.edit.insert import insert
    from splinework.edit.prune import prune
    from splinework.edit.refine import refine
    from splinework.errors import FitWarning
    from splinework.jets import jet, partials
    from splinework.layer import KANLayer
    from splinework.network import KAN, KANConfig
    from splinework.plot import plot
    from splinework.report.report import report
    from splinework.scores import attribution
    from splinework.symbolic.symbolify import symbolify
    from splinework.symbolic.table import FormulaTable
    from splinework.trace import trace
    from splinework.train.ensemble import ensemble
    from splinework.train.fit import FitResult, fit
    from splinework.train.gradient import squared_error_gradient
    from splinework.train.residual import Residual
    from splinework.train.solve import solve
    from splinework.train.sources import batches, memmap, parquet
    from splinework.train.sparsify import sparsify

_HOMES = {
    "FitResult": "train",
    "FitWarning": "errors",
    "FormulaTable": "symbolic",
    "KAN": "network",
    "KANConfig": "network",
    "KANLayer": "layer",
    "Residual": "train.residual",
    "adapt": "edit",
    "attribution": "scores",
    "batches": "train.sources",
    "discover": "discover",
    "elevate": "edit",
    "ensemble": "train",
    "fit": "train",
    "insert": "edit",
    "jet": "jets",
    "load": "checkpoint",
    "memmap": "train.sources",
    "parquet": "train.sources",
    "partials": "jets",
    "plot": "plot",
    "prune": "edit",
    "raise_degree": "edit",
    "refine": "edit",
    "report": "report",
    "save": "checkpoint",
    "solve": "train.solve",
    "sparsify": "train.sparsify",
    "squared_error_gradient": "train.gradient",
    "symbolify": "symbolic",
    "trace": "trace",
}

__all__ = [
    "KAN",
    "FitResult",
    "FitWarning",
    "FormulaTable",
    "KANConfig",
    "KANLayer",
    "Residual",
    "SplineworkError",
    "adapt",
    "attribution",
    "batches",
    "discover",
    "elevate",
    "ensemble",
    "fit",
    "insert",
    "jet",
    "load",
    "memmap",
    "parquet",
    "partials",
    "plot",
    "prune",
    "raise_degree",
    "refine",
    "report",
    "save",
    "solve",
    "sparsify",
    "squared_error_gradient",
    "symbolify",
    "trace",
]


class _Package(ModuleType):
    """This package: a verb that has the name of its module (`sw.trace`, in trace.py) stays the verb.

    Python binds a submodule to its package when it is first imported; without this, `sw.trace` would turn from the function
    into the module as soon as somebody imports `splinework.trace`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOMES.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("splinework")
    if name == "kernels":  # a package and not a name out of one: `sw.kernels.use("reference")`
        return import_module("splinework.kernels")
    if name not in _HOMES:
        raise AttributeError(f"module 'splinework' has no attribute {name!r}")
    value = getattr(import_module(f"splinework.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
