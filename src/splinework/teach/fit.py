"""`fit` with what is known beforehand: data and axioms in, a model out that fulfils the hard ones by construction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, final, overload

import torch
from torch import Tensor
from typing_extensions import Unpack

from splinework.arrays import as_columns, check_finite
from splinework.axioms import Axiom, Hard
from splinework.axioms.realise import realise, set_slopes, widened
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.frame import FramedKAN
from splinework.network import KAN
from splinework.train import fit as fit_rows
from splinework.train.callbacks import Callback
from splinework.train.fit import FitResult
from splinework.train.history import History
from splinework.train.losses import Loss, make_loss
from splinework.train.losses.framed import Framed
from splinework.train.optim import Optimiser
from splinework.train.penalties import Penalty
from splinework.train.rows import set_units
from splinework.train.sources import Source


class FitSettings(TypedDict, total=False):
    """What `fit` takes besides; see `splinework.train.fit`."""

    steps: int | None
    optimiser: str | Optimiser
    validation: float | tuple[Any, ...] | None
    seed: int
    progress: bool
    callbacks: Sequence[Callback]
    penalties: Sequence[Penalty]
    grids: Sequence[int] | str | None
    degree: str
    starts: int | None
    standardise: bool | str
    seconds: float | None
    loss: str | Loss | Callable[[Tensor, Tensor], Tensor]
    weights: Any
    checkpoint: Any


@final
@dataclass(frozen=True)
class InformedResult:
    """A model fitted to data under axioms.

    Attributes:
        model: A `KAN`, or a `FramedKAN` where an axiom needs formulas before or after the network.
        history: Steps and decisions.
        axioms: All axioms that were given, with what is implied by them.
        rows: The fit of the network itself, in the units that the frame hands it.
    """

    model: KAN | FramedKAN
    history: History
    axioms: tuple[Axiom, ...]
    rows: FitResult = field(repr=False)


@overload
def fit(model: KAN, x: Any, y: Any = None, **settings: Unpack[FitSettings]) -> FitResult: ...


@overload
def fit(
    model: KAN, x: Any, y: Any = None, *, axioms: Sequence[Axiom | str], **settings: Unpack[FitSettings]
) -> InformedResult: ...


def fit(
    model: KAN, x: Any, y: Any = None, *, axioms: Sequence[Axiom | str] = (), **settings: Unpack[FitSettings]
) -> FitResult | InformedResult:
    """Fits a copy of the model to rows of data; with axioms, so that these hold.

    Without axioms this is `splinework.train.fit`, bit for bit.
    """
    if len(axioms) == 0:
        return fit_rows(model, x, y, **settings)
    listed = tuple(axioms)
    rows = _taken(model, x, y, settings)
    built = _built(model, listed, rows)
    return _fitted(built, listed, rows, settings)


@dataclass(frozen=True)
class _Rows:
    x: Tensor
    y: Tensor
    loss: Loss


def _taken(model: KAN, x: Any, y: Any, settings: FitSettings) -> _Rows:
    """The rows, checked as far as axioms need them."""
    if isinstance(x, Source) or y is None:
        raise ConfigError("with axioms, rows are in memory: write fit(model, x, y, axioms=[…]).")
    loss = make_loss(settings.get("loss", "squared"))
    like = torch.empty(0, dtype=torch.float64, device=next(model.parameters()).device)
    xs = as_columns(x, model.inputs, "x", model.config.input_names, like)
    width = y.shape[1] if getattr(y, "ndim", 1) == 2 else 1
    ys = as_columns(y, width, "y", tuple(f"y{j + 1}" for j in range(width)), like)
    if len(xs) != len(ys):
        raise ShapeError(f"x and y need the same number of rows, got {len(xs)} and {len(ys)}.")
    if len(xs) == 0:
        raise DataError("there are no rows in x; at least one is needed.")
    check_finite(xs, "x", model.config.input_names)
    check_finite(ys, "y", model.config.output_names if width == model.outputs else ("y",) * width)
    return _Rows(xs, ys, loss)


def _built(model: KAN, axioms: tuple[Axiom, ...], rows: _Rows) -> KAN | FramedKAN:
    """The model that fulfils the hard axioms, with units that suit them and the data, in float64."""
    low, high = rows.x.amin(0), rows.x.amax(0)
    high = torch.where(high > low, high, low + 1)
    spread = rows.y.std(0, unbiased=False)
    regression = rows.loss.regression and rows.y.shape[1] == model.outputs
    sizes = [float(s) or 1.0 for s in spread] if regression else [1.0] * model.outputs
    built = realise(model, axioms, list(zip(low.tolist(), high.tolist(), strict=True)), spread=sizes).double()
    network = built.network if isinstance(built, FramedKAN) else built
    inputs = widened(rows.x, built, axioms)
    check_finite(inputs, "a feature that an axiom makes of x", network.config.input_names)
    framed = isinstance(built, FramedKAN) and bool(built.frame.answers)
    targets = rows.y if regression else None
    if isinstance(built, FramedKAN) and framed:
        targets = _network_targets(built, rows)
    if targets is not None:
        targets = torch.cat([targets, targets[:1], targets[:1]])
    symmetric = network.kan_layers[0].shaping is not None and network.kan_layers[0].shaping.symmetric
    set_units(network, inputs, targets, always=symmetric or framed)
    set_slopes(network, axioms, model.config.input_names)
    return built


def _network_targets(model: FramedKAN, rows: _Rows) -> Tensor:
    """About what the network should give for each row, `(N, J)`: one Newton step from zero, where the frame listens to it."""
    with torch.enable_grad():
        z = torch.zeros(len(rows.x), model.outputs, dtype=torch.float64).requires_grad_()
        answers = model.frame.answers_of(rows.x, z)
        (slope,) = torch.autograd.grad(answers.sum(), z, materialize_grads=True)
    gap = rows.y[:, : model.outputs] - answers.detach()
    firm = slope.abs() > 0.1 * slope.abs().median(0).values
    return torch.where(firm, gap / torch.where(firm, slope, 1.0), 0.0)


def _fitted(built: KAN | FramedKAN, axioms: tuple[Axiom, ...], rows: _Rows, settings: FitSettings) -> InformedResult:
    network = built.network if isinstance(built, FramedKAN) else built
    own: FitSettings = {
        **settings,
        "standardise": settings.get("standardise") is True and not isinstance(built, FramedKAN),
    }
    x, y = rows.x, rows.y
    if isinstance(built, FramedKAN):
        x = built.frame.features_of(x)
        if built.frame.answers:
            y = torch.cat([rows.y, rows.x], dim=1)
            own["loss"] = Framed(built.frame, rows.loss)
            own["validation"] = _validation(built, settings.get("validation"), rows)
    result = fit_rows(network, x, y, **own)
    model = replace_network(built, result.model)
    return InformedResult(model, result.history, axioms, result)


def _validation(model: FramedKAN, validation: Any, rows: _Rows) -> Any:
    """Held-out rows that came as arrays, as the framed loss takes them."""
    if not isinstance(validation, (tuple, list)):
        return validation
    like = rows.x
    x = as_columns(validation[0], model.inputs, "x of validation", model.input_names, like)
    y = as_columns(validation[1], rows.y.shape[1], "y of validation", ("y",) * rows.y.shape[1], like)
    return (model.frame.features_of(x), torch.cat([y, x], dim=1), *validation[2:])


def replace_network(model: KAN | FramedKAN, network: KAN) -> KAN | FramedKAN:
    """The same frame, if any, around another network."""
    return FramedKAN(network, model.frame) if isinstance(model, FramedKAN) else network


def is_hard(axiom: Axiom) -> bool:
    """Whether an axiom holds by construction."""
    return axiom.strength == Hard()
