"""The steps of `fit` with axioms: a model for hard ones, residuals for soft ones, and corrections at the end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom, Hard, Soft
from splinework.knowledge.axioms.facts import GroupInvariance, Separability, facts_of
from splinework.knowledge.axioms.implications import implied, named
from splinework.knowledge.axioms.realise import anchored, is_anchored, realise, set_slopes, widened
from splinework.knowledge.axioms.terms import PenaltyTerm, terms_of, violation
from splinework.nn.arrays import as_columns, check_finite, paired_columns
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.splines.cones import ODD
from splinework.train import fit as fit_rows
from splinework.train.data_split import set_units
from splinework.train.distillation import N_STARTS
from splinework.train.fitting import FitResult
from splinework.train.losses import Loss, make_loss
from splinework.train.losses.framed import FramedLoss
from splinework.train.options import TrainingOptions
from splinework.train.residual import Residual
from splinework.train.sources import Source
from splinework.train.uncertainty import TrainingData

ANCHOR_WEIGHT = 10.0
"""What a hard point or integral weighs in training, so that little is left for its correction."""
AUTO_WEIGHTS = (1.0, 10.0, 100.0, 1000.0)
"""Weights that `auto` tries, in turn."""
MAX_VIOLATION, MAX_ERROR_RATIO = 0.01, 1.02
"""A violation (root mean square, in deviations of y) that is small enough; and how much higher the held-out error may be."""

Model = KAN | FramedKAN


@final
@dataclass(frozen=True)
class GivenRows:
    """Rows in raw units, in float64, and their loss."""

    x: Tensor
    y: Tensor
    loss: Loss
    names: tuple[str, ...]

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The smallest and largest of every input; a constant input has a range of 1."""
        low, high = self.x.amin(0), self.x.amax(0)
        return low, torch.where(high > low, high, low + 1)

    @property
    def spread(self) -> Tensor:
        """Standard deviation of every column of y; 1 where it is constant."""
        spread = self.y.std(0, unbiased=False)
        return torch.where(spread > 0, spread, torch.ones_like(spread))

    def box(self) -> dict[str, tuple[float, float]]:
        """The ranges of the inputs by name."""
        low, high = self.ends
        return dict(zip(self.names, zip(low.tolist(), high.tolist(), strict=True), strict=True))


@final
@dataclass(frozen=True)
class InformedFit:
    """A model, the fit of its network, and what the frame handed to that."""

    model: Model
    result: FitResult


def given_rows(model: KAN, x: Any, y: Any, loss: Any) -> GivenRows:
    """The rows, checked as far as axioms need them.

    Raises:
        ConfigError: If the model is no plain KAN, or rows stream.
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or some are not finite.
    """
    if not isinstance(model, KAN):
        raise ConfigError(
            f"fit takes the model first, a KAN, got {type(model).__name__}: fit(model, x, y, axioms=[…])."
        )
    if isinstance(x, Source) or y is None:
        raise ConfigError("with axioms, rows are in memory: write fit(model, x, y, axioms=[…]).")
    like = torch.empty(0, dtype=torch.float64, device=next(model.parameters()).device)
    shape = y.shape if hasattr(y, "shape") else torch.as_tensor(y).shape
    width = int(shape[1]) if len(shape) == 2 else 1
    labels = model.config.output_names if width == model.outputs else tuple(f"y{j + 1}" for j in range(width))
    xs, ys = paired_columns(x, y, model.config.input_names, labels, like)
    return GivenRows(xs, ys, make_loss(loss), model.config.input_names)


def with_implied(axioms: Sequence[Axiom], inputs: Sequence[str], outputs: Sequence[str]) -> tuple[Axiom, ...]:
    """The axioms, and what exchanges of inputs make of them; not what an invariance says in other words, which is built in."""
    given = tuple(named(axiom, inputs, outputs) for axiom in axioms)
    covered = {name for fact in facts_of(given, GroupInvariance) for name in fact.inputs}
    more = tuple(a for a in implied(axioms, inputs, outputs) if a not in given and not covered & set(a.inputs))
    kinds = {type(axiom) for axiom in given}
    return (*given, *(axiom for axiom in more if type(axiom) in kinds or not facts_of([axiom], Separability)))


def build(model: KAN, axioms: Sequence[Axiom], rows: GivenRows) -> Model:
    """The model that fulfils the hard axioms, with units that suit them and the rows, in float64."""
    low, high = rows.ends
    regression = rows.loss.regression and rows.y.shape[1] == model.outputs
    sizes = rows.spread.tolist() if regression else [1.0] * model.outputs
    built = realise(model, axioms, list(zip(low.tolist(), high.tolist(), strict=True)), spread=sizes).double()
    network = network_of(built)
    inputs = widened(rows.x, built, axioms)
    check_finite(inputs, "what an axiom makes of x", network.config.input_names)
    targets = rows.y if regression else None
    if isinstance(built, FramedKAN) and built.frame.answers:
        targets = _network_targets(built, rows)
    if targets is not None:
        targets = torch.cat([targets, targets[:1], targets[:1]])
    shaping = network.kan_layers[0].shaping
    set_units(
        network, inputs, targets, always=isinstance(built, FramedKAN) or (shaping is not None and shaping.symmetric)
    )
    odd = _odd_outputs(network)
    if bool(odd.any()):  # a constant that is added is not odd, however small the mean of the rows
        scaling = network.output_scaling
        scaling.set(torch.where(odd, torch.zeros_like(scaling.shift), scaling.shift), scaling.scale)
    set_slopes(network, axioms, model.config.input_names)
    return built


def _odd_outputs(network: KAN) -> Tensor:
    """A mask of the outputs that are odd by construction, `(J,)`: all edges on every path to them are odd."""
    odd = torch.ones(network.inputs, dtype=torch.bool)
    for layer in network.kan_layers:
        if layer.shaping is None:
            return torch.zeros(network.outputs, dtype=torch.bool)
        edges = ((layer.shaping.flags & ODD) != 0) & odd[:, None].to(layer.shaping.flags.device)
        odd = edges.all(dim=0).cpu()
    return odd if len(odd) == network.outputs else torch.zeros(network.outputs, dtype=torch.bool)


def replace_network(model: Model, network: KAN) -> Model:
    """The same frame, if any, around another network."""
    return FramedKAN(network, model.frame) if isinstance(model, FramedKAN) else network


def _network_targets(model: FramedKAN, rows: GivenRows) -> Tensor:
    """About what the network should give for each row, `(N, J)`: one Newton step from zero, where the frame listens to it."""
    with torch.enable_grad():
        z = torch.zeros(len(rows.x), model.outputs, dtype=torch.float64).requires_grad_()
        answers = model.frame.answers_of(rows.x, z)
        (slope,) = torch.autograd.grad(answers.sum(), z, materialize_grads=True)
    gap = rows.y[:, : model.outputs] - answers.detach()
    firm = slope.abs() > 0.1 * slope.abs().median(0).values
    return torch.where(firm, gap / torch.where(firm, slope, 1.0), 0.0)


def learns_under_penalties(built: Model, axioms: Sequence[Axiom]) -> bool:
    """Whether the rows are not all that the network learns from, or it answers through formulas."""
    framed = isinstance(built, FramedKAN) and bool(built.frame.answers)
    return framed or any(isinstance(axiom.strength, Soft) or is_anchored(axiom) for axiom in axioms)


def fit_with_penalties(
    built: Model, axioms: Sequence[Axiom], rows: GivenRows, options: TrainingOptions, smooth: GivenRows | None = None
) -> tuple[InformedFit, dict[str, float]]:
    """Fits the network, with penalties for soft axioms; weights that are `auto` are raised in turn.

    Args:
        built: The model that fulfils the hard axioms.
        axioms: All axioms.
        rows: The rows.
        options: The user's options.
        smooth: Points and a smooth estimate of the rows, from which the network learns instead; None for the rows themselves.

    Returns:
        The fit, and the weights that were found.
    """
    terms = _terms(built, axioms, rows)
    open_ = [term for term in terms if term.auto]
    if not open_:
        return _fit_terms(built, axioms, rows, options, terms, smooth), {}
    best: InformedFit | None = None
    before = math.inf
    found: dict[str, float] = {}
    for weight in AUTO_WEIGHTS:
        tried = [replace(term, weight=weight) if term.auto else term for term in terms]
        fitted = _fit_terms(built, axioms, rows, options, tried, smooth)
        error = _held_out_error(fitted) if smooth is None else error_of(fitted.model, rows)
        if best is not None and error > MAX_ERROR_RATIO * before:
            return best, found
        best, before = fitted, min(before, error)
        found = {term.name: weight for term in open_}
        if all(float(term.violation(fitted.model).detach().square().mean()) <= MAX_VIOLATION**2 for term in open_):
            break
    assert best is not None
    return best, found


@torch.no_grad()
def error_of(model: Model, rows: GivenRows) -> float:
    """The root mean square error of the rows."""
    return float((model(rows.x) - rows.y).square().mean().sqrt())


def _held_out_error(fitted: InformedFit) -> float:
    """The held-out error of the last step that had one, or else the error of the rows."""
    steps = fitted.result.history.steps
    judged = [step.rmse_validation for step in steps if step.rmse_validation == step.rmse_validation]
    if judged:
        return min(judged)
    return math.sqrt(min((step.loss for step in steps if step.loss == step.loss), default=math.inf))


def _terms(built: Model, axioms: Sequence[Axiom], rows: GivenRows) -> tuple[PenaltyTerm, ...]:
    """Soft axioms, and hard points and integrals, as what should vanish."""
    wanted = [replace(a, strength=Soft(ANCHOR_WEIGHT)) if is_anchored(a) else a for a in axioms]
    regression = rows.y.shape[1] == built.outputs
    spread = rows.spread if regression else torch.ones(built.outputs, dtype=torch.float64)
    centre = rows.y.mean(0) if regression else torch.zeros(built.outputs, dtype=torch.float64)
    box = torch.stack(rows.ends, dim=1)
    return terms_of(wanted, built, box=box, spread=spread, centre=centre)


def _fit_terms(
    built: Model,
    axioms: Sequence[Axiom],
    rows: GivenRows,
    options: TrainingOptions,
    terms: Sequence[PenaltyTerm],
    smooth: GivenRows | None,
) -> InformedFit:
    given = [_residual(_residual_as_tensors(each, rows), built) for each in options.residuals]
    own = replace(options, residuals=[*given, *(_residual(term, built) for term in terms)])
    shaping = network_of(built).kan_layers[0].shaping
    if isinstance(built, FramedKAN) or (shaping is not None and shaping.symmetric):
        own = replace(own, standardise=False)  # the units are such that axioms hold in them
    learned = rows if smooth is None else smooth
    if smooth is not None:
        own = replace(own, weights=None, starts=N_STARTS, degree="keep")
    x, y = learned.x, learned.y
    if isinstance(built, FramedKAN):
        x = built.frame.features_of(x)
        if built.frame.answers:
            y = torch.cat([learned.y, learned.x], dim=1)
            own = replace(own, loss=FramedLoss(built.frame, rows.loss))
        if isinstance(own.validation, (tuple, list)):
            own = replace(own, validation=_validation(built, own.validation, rows))
    result = fit_rows(network_of(built), x, y, options=own)
    low, high = rows.ends
    model = replace_network(built, result.model)
    made, steps = anchored(model, axioms, list(zip(low.tolist(), high.tolist(), strict=True))), result.history.steps
    if (
        (made is not model or smooth is not None) and steps and rows.loss.regression
    ):  # corrections change the errors, too
        steps[-1] = replace(steps[-1], rmse_train=error_of(made, rows), rmse_validation=math.nan)
    if smooth is not None and isinstance(built, KAN):
        data = TrainingData(result.model.input_scaling(rows.x), result.model.output_scaling(rows.y), options.weights)
        result = replace(result, training_data=data)
    return InformedFit(made, result)


def _residual_as_tensors(residual: Residual, rows: GivenRows) -> Residual:
    """A residual of the user's with points and data as tensors like the rows."""
    points = as_columns(residual.points, len(rows.names), "points of a residual", rows.names, rows.x)
    data = None if residual.data is None else torch.as_tensor(np.asarray(residual.data)).to(rows.x)
    data = data[:, None] if data is not None and data.dim() == 1 else data
    return replace(residual, points=points, data=data, name=residual.name or residual.function.__name__)


def _residual(term: PenaltyTerm | Residual, built: Model) -> Residual:
    """A term as a residual of the network, whose inputs may be features."""
    if not isinstance(built, FramedKAN):
        return Residual(term.function, term.points, term.weight, term.data, term.name)
    frame, raw = built.frame, term.points
    width = raw.shape[1]
    data = raw if term.data is None else torch.cat([raw, term.data.flatten(1)], dim=1)

    def function(network: KAN, _: Tensor, known: Tensor) -> Tensor:
        model = FramedKAN(network, frame)
        if term.data is None:
            return term.function(model, known)
        return term.function(model, known[:, :width], known[:, width:].reshape(len(known), *term.data.shape[1:]))

    return Residual(function, frame.features_of(raw), term.weight, data, term.name)


def _validation(model: FramedKAN, validation: Sequence[Any], rows: GivenRows) -> tuple[Any, ...]:
    """Held-out rows that came as arrays, as the network takes them."""
    x = as_columns(validation[0], model.inputs, "x of validation", model.input_names, rows.x)
    columns = tuple(f"y{j + 1}" for j in range(rows.y.shape[1]))
    y = as_columns(validation[1], rows.y.shape[1], "y of validation", columns, rows.y)
    y = torch.cat([y, x], dim=1) if model.frame.answers else y
    return (model.frame.features_of(x), y, *validation[2:])


def violations_of(model: Model, axioms: Sequence[Axiom], rows: GivenRows) -> dict[str, tuple[float, float]]:
    """Violations of the axioms that are not hard: root mean square and worst, in standard deviations of y."""
    found = {}
    spread = rows.spread if rows.y.shape[1] == model.outputs else 1.0
    for axiom in axioms:
        if axiom.strength != Hard():
            seen = violation(model, axiom, box=torch.stack(rows.ends, dim=1), spread=spread)
            found[axiom.text()] = (seen.mean_square**0.5, seen.worst)
    return found
