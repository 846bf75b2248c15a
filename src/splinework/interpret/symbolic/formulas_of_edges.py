"""`symbolify`: from a fitted model to formulas."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sympy.core.function import AppliedUndef

from splinework.errors.foreign import explained
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import ColumnScaling, Splines, build_expressions
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.interpret.symbolic.net import SymbolicNet
from splinework.interpret.symbolic.network_as_formula import code_length, network_as_it_is
from splinework.interpret.symbolic.own_functions import functions_of
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.ranking import formula_row, formula_rows, ranked
from splinework.interpret.symbolic.search import Choices, JointSearch, edge_options
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.nn.arrays import check_finite, paired_columns
from splinework.nn.network import KAN

MAX_ERROR_RATIO = 2.0
"""Error of the best formula, relative to that of the network, beyond which the network itself is a row, too."""


@explained
def symbolify(
    model: KAN,
    x: Any,
    y: Any,
    *,
    library: Sequence[str | LibraryFunction] = LIBRARY,
    rows: int = 8,
    budget: float | None = None,
    scale: str | None = None,
) -> FormulaTable:
    """Converts a fitted model to formulas by replacing its edges with library functions (symbolic regression).

    Library functions are fitted to each active edge by variable projection; the best joint choices are refitted to the data,
    their constants snapped to simple numbers where that shortens the description length `N/2 ln(RSS/N) + code length`, and
    ranked by it. An edge without a close function remains a spline, as the notes of the row say.

    Args:
        model: A fitted, preferably pruned network; unchanged.
        x: Data in raw units, `(N, inputs)`.
        y: Targets in raw units, `(N, outputs)` or `(N,)`.
        library: Functions to choose from: their names, such as `sin`, formulas over `z`, or `LibraryFunction` objects.
        rows: Maximum number of table rows for each output.
        budget: Seconds after which no further choices are tried.
        scale: Scale of y for the errors and the final fit, `linear` or `log`; None takes that of the model's outputs.

    Returns:
        Formulas, best first; at least one, a constant if nothing else fits.

    Raises:
        ShapeError: If x or y do not fit the model or each other.
        DataError: If there are no rows, or values that are not finite.
        ConfigError: If the library names an unknown function.

    References:
        Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv 2404.19756, §2.5; Bartlett et al., "Exhaustive Symbolic
        Regression", arXiv 2211.11461, for the description length.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = 2 * torch.rand(400, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
        >>> result = sw.fit(sw.KAN([1, 1]), x, torch.exp(x), validation=None)
        >>> print(sw.symbolify(result.model, x, torch.exp(x)).best)
        y = exp(x1)
    """
    functions = functions_of(library)
    model = copy.deepcopy(model).double().requires_grad_(False)
    xs, ys = _checked(model, x, y)
    deadline = math.inf if budget is None else clock.now() + budget
    table: list[FormulaRow] = []
    with np.errstate(all="ignore"):  # trials that are not finite are rejected
        options = edge_options(model, xs, functions, deadline)
        built = _searched(model, xs, ys, options, deadline)
        own_errors = (model(xs) - ys).square().mean(0).sqrt().tolist()
        for index, name in enumerate(model.config.output_names):
            own = scale or model.config.output_scales[index]
            pool = Pool(FitTarget(xs.numpy(), ys[:, index].numpy(), model.config.input_names, own))
            for expressions, splines in built:
                if pool.entries and clock.now() > deadline:
                    break
                if expressions[index].free_symbols:
                    pool.offer(expressions[index], splines)
            found = formula_rows(pool, name, rows=rows, deadline=deadline)
            if min(row.rmse for row in found) > MAX_ERROR_RATIO * own_errors[index]:
                found = ranked([*found, *_as_it_is(model, xs, ys, options[0], pool.target, index)], rows)
            table += found
    return FormulaTable(tuple(table))


def _checked(model: KAN, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The data as columns in raw units, checked to be finite in the model's units too."""
    config = model.config
    xs, ys = paired_columns(x, y, config.input_names, config.output_names, next(model.parameters()))
    check_finite(model.input_scaling(xs), "x", config.input_names, scales=config.input_scales)
    check_finite(model.output_scaling(ys), "y", config.output_names, scales=config.output_scales)
    return xs, ys


def propose(
    model: KAN,
    xs: torch.Tensor,
    ys: torch.Tensor,
    *,
    library: Sequence[LibraryFunction] = LIBRARY,
    deadline: float = math.inf,
) -> list[tuple[list[Any], Splines]]:
    """Candidate expressions of every output in raw units, with their remaining splines.

    Args:
        model: The network in float64, without gradients.
        xs: Data in raw units, `(N, inputs)`.
        ys: Targets, `(N, outputs)`.
        library: Library of functions.
        deadline: Time of `clock` after which no further choices are tried.
    """
    return _searched(model, xs, ys, edge_options(model, xs, library, deadline), deadline)


def _searched(
    model: KAN, xs: torch.Tensor, ys: torch.Tensor, options: tuple[Choices, Choices], deadline: float
) -> list[tuple[list[Any], Splines]]:
    u, t = model.input_scaling(xs).numpy(), model.output_scaling(ys).numpy()
    return [_expressions(model, net) for net in JointSearch(model, u, t, *options, deadline).run()]


def _as_it_is(
    model: KAN, xs: torch.Tensor, ys: torch.Tensor, options: Choices, target: FitTarget, index: int
) -> list[FormulaRow]:
    """The row of the network itself, however long: what no function describes stays a spline."""
    error = float((model.unit_forward(model.input_scaling(xs)) - model.output_scaling(ys)).square().mean().sqrt())
    net = network_as_it_is(model, xs, error, options)
    expressions, splines = _expressions(model, net)
    used = {part.func.__name__ for part in expressions[index].atoms(AppliedUndef)}
    own = {name: spline for name, spline in splines.items() if name in used}
    row = formula_row(
        expressions[index], target, model.config.output_names[index], code_length(net, len(xs)), own,
        notes=("no formula is nearly as good as the network: this is the network",),
    )  # fmt: skip
    return [] if row is None else [row]


def _expressions(model: KAN, net: SymbolicNet) -> tuple[list[Any], Splines]:
    inputs = _units(model.input_scaling, model.config.input_names)
    return build_expressions(net, inputs, _units(model.output_scaling, model.config.output_names))


def _units(scaling: Any, names: tuple[str, ...]) -> ColumnScaling:
    return ColumnScaling(names, scaling.scales, tuple(scaling.shift.tolist()), tuple(scaling.scale.tolist()))
