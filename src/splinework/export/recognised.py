"""Formulas of networks that consist of known functions, found by `symbolify` on values of the network."""

from collections.abc import Sequence
from typing import Final, Protocol

import torch

from splinework.export.frozen import freeze
from splinework.export.metadata import ModelMetadata
from splinework.formula.languages import safe_names
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN

_N_ROWS: Final = 512
_BUDGET_SECONDS: Final = 30.0
_MAX_UNEXPLAINED_VARIANCE: Final = 1e-6
"""Maximum share of the network's variance that a formula may leave unexplained."""


class FoundFormula(Protocol):
    """Protocol of a formula, such as a `FormulaRow` of `symbolify`."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def rmse(self) -> float: ...

    def export(self, language: str) -> str: ...


def recognised(model: KAN | FramedKAN, metadata: ModelMetadata) -> tuple[FoundFormula, ...]:
    """A formula without splines for every output, equal to the network; empty if an output has none.

    The values are taken on the ranges of the inputs in the fit, if known, else on the domain of the grids.
    """
    from splinework import symbolify  # by its public name: exports must not depend on the search for formulas

    x = _points(model, metadata)
    with torch.no_grad():
        y = model(x)
    if not (bool(x.isfinite().all()) and bool(y.isfinite().all())):
        return ()
    table = symbolify(model, x, y, budget=_BUDGET_SECONDS)
    found: list[FoundFormula] = []
    for target in names_of(model)[1]:
        good = [row for row in table.of(target) if not row.splines and row.r2 >= 1 - _MAX_UNEXPLAINED_VARIANCE]
        found += good[:1]
    return tuple(found) if len(found) == model.outputs else ()


def _points(model: KAN | FramedKAN, metadata: ModelMetadata) -> torch.Tensor:
    """Random rows of raw values, `(rows, inputs)`; between 0 and 1 for a framed model without ranges."""
    if isinstance(model, FramedKAN):
        return _framed_points(model, metadata)
    network = freeze(model)
    x = torch.zeros(_N_ROWS, model.inputs, dtype=network.dtype)
    shares = torch.rand(_N_ROWS, model.inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(x)
    unit = torch.zeros(model.inputs, 2, dtype=x.dtype)
    layer = model.kan_layers[0]
    unit[:, 0], unit[:, 1] = (end.detach().cpu() for end in layer.basis.domain(layer.knots()))
    ends = model.input_scaling.inverse(unit.T.to(layer.coefficients)).detach().cpu().T
    for i in range(model.inputs):
        low, high = metadata.ranges.get(i, tuple(ends[i].tolist()))
        x[:, i] = low + shares[:, i] * (high - low)
    return x.to(layer.coefficients)


def _framed_points(model: FramedKAN, metadata: ModelMetadata) -> torch.Tensor:
    ranges = model.frame.ranges or ((0.0, 1.0),) * model.inputs
    ends = torch.tensor([metadata.ranges.get(i, own) for i, own in enumerate(ranges)], dtype=torch.float64)
    shares = torch.rand(_N_ROWS, model.inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (ends[:, 0] + shares * (ends[:, 1] - ends[:, 0])).to(next(model.parameters()))


def latex_formulas(rows: Sequence[FoundFormula], metadata: ModelMetadata) -> str:
    """An `align*` environment, one line for each output."""
    names = safe_names([*metadata.inputs, *(name for name in metadata.outputs if name not in metadata.inputs)], "latex")
    lines = [f"{names[name]} &= {row.export('latex')}" for name, row in zip(metadata.outputs, rows, strict=True)]
    notes = [*metadata.sentences(), *_quality(rows), "Needs the package amsmath."]
    return "\n".join([*(f"% {note}" for note in notes), r"\begin{align*}", " \\\\\n".join(lines), r"\end{align*}", ""])


def sympy_formulas(rows: Sequence[FoundFormula], metadata: ModelMetadata) -> str:
    """A Python file: the list `y` of the outputs, as expressions of the symbols `x`."""
    notes = "\n".join([*metadata.sentences(), *_quality(rows)])
    columns = safe_names(rows[0].names, "sympy")
    symbols = [
        f"{columns[own]} = Symbol({name!a}, real=True)"
        for own, name in zip(rows[0].names, metadata.inputs, strict=True)
    ]
    return "\n".join(
        [
            f'"""Formulas of a network of splines that consists of known functions: `y` in terms of `x`.\n\n{notes}\n"""\n',
            "from sympy import *\n",
            *symbols,
            f"x = [{', '.join(columns.values())}]",
            "y = [",
            *(f"    {row.export('sympy')}," for row in rows),
            "]",
            "",
        ]
    )


def _quality(rows: Sequence[FoundFormula]) -> list[str]:
    return [f"y[{j}] differs from the network by {row.rmse:.2g} (root mean square)." for j, row in enumerate(rows)]
