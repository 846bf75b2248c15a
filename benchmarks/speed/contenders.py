"""Contenders for speed: a name, the Python file that builds each, and the interpreter that runs it.

That file offers three functions:

- `alternatives(job, option, compiled)`: settings to try, a list of dictionaries; the fastest is timed;
- `build`, of a job, an option and settings: an `nn.Module` from `(B, inputs)` to `(B, outputs)` in the job's dtype;
- `layers(model)`: what it claims to compute, a list of `truth.Layer` made of its own numbers;
- `gradient(model, option)`, which may be missing: a function of x and y that sets every `.grad` to the gradient of the mean
  squared error; None or missing, and autograd does it.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from splinework.cli.versions import own_version

FAMILIES: Final = ("ours", "reference", "spline", "rbf", "linear", "mlp-width", "mlp-parameters")


@dataclass(frozen=True)
class Contender:
    """A contender.

    Attributes:
        name: Name in tables.
        family: One of `FAMILIES`: what may be compared with what.
        source: An importable module, or the path of a file, with the three functions.
        option: Option that is handed to these functions.
        compiled: Whether it goes through `torch.compile`.
        python: The interpreter.
        paths: Folders that it imports from besides.
        version: Version that was measured.
        note: Remark for the readers of the table.
        modes: Modes that it takes part in; empty means all.
    """

    name: str
    family: str
    source: str
    option: str = ""
    compiled: bool = False
    python: str = sys.executable
    paths: tuple[str, ...] = ()
    version: str = ""
    note: str = ""
    modes: tuple[str, ...] = ()

    def through_compiler(self) -> Contender:
        """The same behind `torch.compile`."""
        return replace(self, name=f"{self.name}, compiled", compiled=True)

    def to_dict(self) -> dict[str, Any]:
        """The arguments of a worker, as JSON values."""
        return asdict(self)

    def facts(self) -> dict[str, Any]:
        """The facts for readers, without paths."""
        return {key: getattr(self, key) for key in ("name", "family", "compiled", "version", "note")}


def own_contenders(*, compiled: bool = True) -> list[Contender]:
    """The networks of this package, by each backend, and two multilayer perceptrons."""
    here = __name__.rpartition(".")[0]
    ours = Contender("splinework", "ours", f"{here}.ours", "native", version=own_version())
    step = replace(ours, name="splinework, one call", option="native, one call", modes=("adam",))
    eager = [
        ours,
        replace(step, note="`squared_error_gradient` instead of autograd"),
        replace(ours, name="splinework, reference", family="reference", option="reference", note="plain torch"),
        Contender(
            "MLP, same width", "mlp-width", f"{here}.perceptron", "width", note="one Linear and one SiLU per layer"
        ),
        Contender(
            "MLP, same parameters",
            "mlp-parameters",
            f"{here}.perceptron",
            "parameters",
            note="hidden layers as wide as G + k + 1 numbers per edge allow",
        ),
    ]
    if not compiled:
        return eager
    return [each for c in eager for each in ([c] if c.family == "reference" or c.modes else [c, c.through_compiler()])]
