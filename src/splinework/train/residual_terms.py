"""Checked terms of an objective, from the residuals that a user passes."""

import math
from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import Frame
from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective, JointObjective
from splinework.train.objective import Objective
from splinework.train.residual import Residual, ResidualTerm, as_list


def term_of(model: KAN, residual: Residual, number: int, kind: str = "", frame: Frame | None = None) -> ResidualTerm:
    """The recipe with its points and data as tensors, checked; points are in the columns that the frame takes, if any."""
    name = residual.name or getattr(residual.function, "__name__", "").replace("<lambda>", "")
    name = f"{kind}residual {number}" + (f" ({name})" if name else "")
    if not (isinstance(residual.weight, (int, float)) and 0 < residual.weight < math.inf):
        raise ConfigError(f"the weight of {name} is a positive number, got {residual.weight!r}.")
    like, names = next(model.parameters()), model.config.input_names if frame is None else frame.input_names
    what = f"points of {name}"
    x = as_columns(residual.points, len(names), what, names, like)
    if len(x) == 0:
        raise DataError(f"there are no {what}; at least one is needed.")
    check_finite(x, what, names)
    seen = x if frame is None else frame.features_of(x)
    check_finite(model.input_scaling(seen), what, model.config.input_names, scales=model.config.input_scales)
    data = residual.data
    if data is not None:
        try:
            data = torch.as_tensor(data.to_numpy() if hasattr(data, "to_numpy") else data).detach().to(like)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"data of {name} must be numbers, one row per point; {error}.") from error
        if data.dim() == 0 or len(data) != len(x):
            raise ShapeError(f"data of {name} has one row per point: {len(x)}, got shape {tuple(data.shape)}.")
        data = data[:, None] if data.dim() == 1 else data
        if not bool(torch.isfinite(data).all()):
            raise DataError(f"data of {name} has values that are not finite numbers; drop those points first.")
    return ResidualTerm(residual.function, x, data, float(residual.weight), name, frame=frame)


def check_term(model: KAN, term: ResidualTerm) -> ResidualTerm:
    """The term with what a first evaluation tells: its columns, and whether its rows depend on several points.

    Raises:
        ConfigError: If it does not depend on the model.
        ShapeError: If it has no shape that makes sense.
        DataError: If it is not finite.
    """
    found = term.called(model, term.x, term.data)
    if not isinstance(found, Tensor) or found.dim() > 2 or found.numel() == 0:
        what = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ShapeError(
            f"{term.name} gives a tensor with one row per point, ({len(term.x)}, columns) or ({len(term.x)},), got {what}."
        )
    if found.dim() == 2 and len(found) not in (1, len(term.x)):
        raise ShapeError(
            f"{term.name} gives one row per point, {len(term.x)}, or a single one for all together; got shape "
            f"{tuple(found.shape)}."
        )
    if not bool(torch.isfinite(found).all()):
        bad = int((~torch.isfinite(found)).sum())
        raise DataError(
            f"{term.name} is not finite in {bad} of {found.numel()} values with the model as it is; keep the points away from "
            "singularities."
        )
    numbers = [p for p in model.parameters() if p.requires_grad]
    slopes = (
        torch.autograd.grad(found.square().sum() + found.sum(), numbers, allow_unused=True)
        if found.requires_grad
        else ()
    )
    moves = any(slope is not None and bool((slope != 0).any()) for slope in slopes)
    # What holds with room to spare, such as a bound, has no slope yet, and no value either.
    if not moves and not (found.requires_grad and bool((found == 0).all())):
        raise ConfigError(
            f"{term.name} does not depend on the model: its derivative in every coefficient is zero. Work it out from the "
            "model passed to the function, by model(x) or sw.derivatives.partials(model, x, …), with splines of a degree above "
            "the order of the derivatives."
        )
    term = replace(term, differentiates=_differentiates(model, term))
    whole = found.dim() == 0 or len(found) != len(term.x)
    if not whole and _parts(model, term, found):
        return replace(term, columns=1 if found.dim() == 1 else found.shape[1])
    return replace(term, columns=found.numel(), coupled=True)


def with_residuals(objective: Objective, residuals: Sequence[Residual]) -> JointObjective:
    """The objective with residuals besides; a ConfigError if rows stream, or one does not depend on the model."""
    if not isinstance(objective, DataObjective):
        raise ConfigError("residuals go with rows in memory; hand in x and y as arrays, or fit without residuals.")
    model = objective.model
    terms = [check_term(model, term_of(model, each, n + 1)) for n, each in enumerate(as_list(residuals))]
    parts = {each.name: getattr(objective, each.name) for each in fields(objective)}
    return JointObjective(**parts, terms=tuple(terms))


@torch.no_grad()
def _differentiates(model: KAN, term: ResidualTerm) -> bool:
    """Whether the function takes gradients itself: it worked before, and does not without a graph."""
    try:
        term.values(model)
    except RuntimeError:
        return True
    return False


def _parts(model: KAN, term: ResidualTerm, found: Tensor) -> bool:
    """Whether rows depend on their own points alone; a ConfigError if some points cannot be taken without the others."""
    if len(term.x) > 1:
        rows = torch.arange(0, len(term.x), 2, device=term.x.device)
        try:
            some = term.values(model, rows)
        except (RuntimeError, IndexError) as error:
            raise ConfigError(
                f"{term.name} cannot be called with some of its points: {error}. Work out from x what depends on the point, "
                "or hand it over with data=."
            ) from error
        expected = (found[:, None] if found.dim() == 1 else found)[rows]
        if some.shape != expected.shape or not torch.allclose(some, expected, rtol=1e-6, atol=1e-9):
            return False
    from splinework.train.residual_jacobian import is_separate  # loaded where there are residuals

    return is_separate(model, lambda: term.values(model))
