"""splinework: Kolmogorov–Arnold networks, fitted, interpreted and deployed.

`fit` trains a model, `sparsify` makes it small, `discover` finds a formula; `KANRegressor` and `KANClassifier` do all of it
with scikit-learn's interface. These 40 names are the top level; everything else is in its module, such as
`splinework.nn.derivatives.partials`. Each name is loaded on first use, so `import splinework` itself is cheap, and torch is
loaded with the first name that needs it.

>>> import splinework as sw
>>> sw.KAN([2, 5, 1]).parameter_count()
156
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from splinework.errors import SplineworkError

# Seen by type checkers and editors, and read by `lazy`. No name comes from a package that has a module of the same name: type
# checkers would take the module. The modules below are reached without an import, as in `sw.derivatives.partials`.
if TYPE_CHECKING:
    from splinework import data as data
    from splinework import hardware as hardware
    from splinework import kernels as kernels
    from splinework import reproduce as reproduce
    from splinework import train as train
    from splinework.discover import (
        complete_formula,
        discover,
        discover_classes,
        discover_constrained,
        discover_multioutput,
        discover_ode,
        discover_relation,
    )
    from splinework.errors import FitWarning
    from splinework.export import export
    from splinework.interpret import edit as edit
    from splinework.interpret import symbolic as symbolic
    from splinework.interpret.formula_network import from_formula
    from splinework.interpret.importance.explanation import explain
    from splinework.interpret.importance.table import importance
    from splinework.interpret.symbolic.suggestions import suggest
    from splinework.knowledge import axioms as axioms
    from splinework.knowledge import teach as teach
    from splinework.knowledge.axioms.verify import verify
    from splinework.knowledge.teach.fit import fit
    from splinework.knowledge.teach.formulas import symbolify
    from splinework.knowledge.teach.framed_edits import adapt, fix, free, freeze, prune, refine, unfreeze
    from splinework.nn import derivatives as derivatives
    from splinework.nn.checkpoint import load, save
    from splinework.nn.config import KANConfig
    from splinework.nn.layer import KANLayer
    from splinework.nn.network import KAN
    from splinework.nn.pykan import from_pykan
    from splinework.nn.trace import trace
    from splinework.report.plot import plot
    from splinework.report.reporting import report
    from splinework.tabular.classifier import KANClassifier
    from splinework.tabular.regressor import KANRegressor
    from splinework.tabular.transformer import KANTransformer
    from splinework.train.ensembles import ensemble
    from splinework.train.residual import Residual
    from splinework.train.solving import solve
    from splinework.train.sparsification import sparsify

__version__: str

# Names that users may expect at the top level, next to related ones.
_ELSEWHERE = {
    name: home
    for home, names in {
        "train": "FitResult",
        "interpret.symbolic": "FormulaTable",
        "nn.convolution": "KANConv1d KANConv2d",
        "interpret.scores": "attribution",
        "train.sources": "batches memmap parquet",
        "interpret.reading": "edge_parts off_grid",
        "interpret.importance": "effects interactions pair_surface permutation_importance sobol_indices",
        "discover": "discover_conserved",
        "interpret.edit": "elevate insert raise_degree",
        "interpret.structure": "find_structure",
        "nn.derivatives": "jet partials",
        "train.gradient": "squared_error_gradient",
    }.items()
    for name in names.split()
}

__all__ = [
    "KAN", "FitWarning", "KANClassifier", "KANConfig", "KANLayer", "KANRegressor", "KANTransformer", "Residual",
    "SplineworkError", "adapt", "complete_formula", "discover", "discover_classes", "discover_constrained",
    "discover_multioutput", "discover_ode", "discover_relation", "ensemble", "explain", "export", "fit", "fix",
    "free", "freeze", "from_formula", "from_pykan", "importance", "load", "plot", "prune", "refine", "report",
    "save", "solve", "sparsify", "suggest", "symbolify", "trace", "unfreeze", "verify",
]  # fmt: skip


@cache
def _homes(package: str) -> dict[str, str]:
    """Name → the module that it is imported from under `if TYPE_CHECKING:` in the source of a package.

    Evaluated on first use, so that importing the package costs neither `ast` nor reading the source.
    """
    import ast

    source = getattr(sys.modules[package], "__loader__").get_source(package)  # noqa: B009 - typed as what has no get_source
    if source is None:
        raise ImportError(
            f"{package} looks its names up in its own source, which is missing; install splinework with sources"
        )
    block = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    return {
        alias.name: each.module or "" for each in block.body if isinstance(each, ast.ImportFrom) for alias in each.names
    }


class _Package(ModuleType):
    """A package whose functions are not shadowed by submodules of the same name.

    Python binds a submodule to its package on the first import; without this, `sw.export` would turn from the function into the
    package as soon as `splinework.export.frozen` is imported.
    """

    __all__: Sequence[str]

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in self.__all__):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        held = vars(self)
        below = {name for name, value in held.items() if getattr(value, "__name__", "") == f"{self.__name__}.{name}"}
        dunders = {name for name in (*held, *held.get("__annotations__", ())) if name.startswith("__")}
        return sorted({*_homes(self.__name__), *self.__all__, *below, *dunders})


def notebook_html(value: Any) -> str:
    """The HTML with which a notebook shows a model, a result or a table; `splinework.report.notebook` makes it when asked."""
    found: str = import_module("splinework.report.notebook").html_of(value)
    return found


def lazy(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package that loads its names, listed under `if TYPE_CHECKING:`, on first use.

    Args:
        package: Its `__name__`; names in its `__all__` are not shadowed by submodules of the same name.
    """
    module = sys.modules[package]
    module.__class__ = _Package

    def load(name: str) -> Any:
        home = _homes(package).get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        held = vars(import_module(home))
        value = held[name] if name in held else import_module(f"{home}.{name}")
        setattr(module, name, value)
        return value

    return load


_load = lazy(__name__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("splinework")
    if name in _ELSEWHERE:
        raise AttributeError(
            f"module 'splinework' has no attribute {name!r}; write: from splinework.{_ELSEWHERE[name]} import {name}"
        )
    try:
        return _load(name)
    except AttributeError:
        from splinework.errors.foreign import method_advice

        text = method_advice("module 'splinework'", name)
        if text is None:
            raise
        raise AttributeError(text) from None
