"""Training of one network: an additive model, a cross-validated ensemble on its residual, and the stacking of both.

First every input gets a curve (`additive.py`); then networks learn the interactions (`ensemble.py`), each with a fold of the rows
held out; the out-of-fold predictions give the stacking weights (`stacking.py`), and the result is merged into one network
(`assembly.py`). Where interactions do not improve the held-out loss significantly, the network stays additive, `[p, q]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.frame import FramedKAN
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import adapted_knots, refine_coefficients
from splinework.tabular.additive import AdditiveFit, DesignMatrix, fit_additive, make_design
from splinework.tabular.assembly import Standardisation, additive_network, combined_network
from splinework.tabular.continuation import continue_training
from splinework.tabular.cross_validation import CrossValidatedCurves, fit_curves
from splinework.tabular.ensemble import DecayGroup, EnsembleSettings, ProgressCallback, train_ensemble, wide_network
from splinework.tabular.rows import Floats
from splinework.tabular.selection import candidates, columns_of, defended_inputs, without_idle_curves
from splinework.tabular.smooth import fit_smooth
from splinework.tabular.stacking import Stacking, is_significant, stack
from splinework.tabular.tasks import Multiclass, Task

N_FOLDS = 6
HIDDEN_NODES = 8
MAX_CURVE_INTERVALS = 10
"""Intervals of a curve; fewer where there are many inputs."""
MIN_INTERACTION_ROWS = 30
"""Rows below which `hidden="auto"` fits no interactions."""
MAX_DESIGN_COLUMNS, MAX_DESIGN_COLUMNS_CLASSES = 600, 300
"""Columns of the design matrix: an iteration costs their cube, for several classes once per class."""
TOTAL_INTERVALS = 256
"""Intervals of the members' grids, shared by all non-binary inputs; each gets 16 to 64."""
GRID_EPS = 0.1
"""Share of uniform knots in the quantile grids."""


@dataclass(frozen=True)
class Hyperparameters:
    """The user's hyperparameters.

    Attributes:
        hidden: Hidden nodes of each member, one number per layer; 0 or () for an additive network; `auto` decides by
            held-out rows.
        grid: Intervals of the inputs' splines, or `auto`.
        degree: Degree of the splines.
        members: Size of the ensemble, or `auto`.
        max_iter: Maximum number of training steps.
    """

    hidden: int | Sequence[int] | str = "auto"
    grid: int | str = "auto"
    degree: int = 3
    members: int | str = "auto"
    max_iter: int = 5000

    def layers(self) -> tuple[int, ...] | None:
        """Nodes of the hidden layers; None for `auto`.

        Raises:
            ConfigError: If `hidden` is another text than `auto`.
        """
        if self.hidden == "auto":
            return None
        if isinstance(self.hidden, str):
            raise ConfigError(f"hidden is 'auto', a number of nodes or one number per layer, got {self.hidden!r}.")
        nodes = (self.hidden,) if isinstance(self.hidden, int) else tuple(self.hidden)
        return nodes if nodes != (0,) else ()


@dataclass(frozen=True)
class TrainedNetwork:
    """The result of a training.

    Attributes:
        model: The network in float64; its outputs are in raw units, or calibrated logits.
        loss: Mean loss on held-out rows, or on all rows where none were held out; for standardised targets.
        steps: Number of training steps.
        history: Records `{"stage", "step", "loss"}`.
        task: The likelihood, with estimated lapse rates; None if it is the given one.
    """

    model: KAN | FramedKAN
    loss: float
    steps: int
    history: list[dict[str, Any]] = field(default_factory=list)
    task: Task | None = None


def train(
    x: Floats,
    y: NDArray[Any],
    weights: Floats,
    *,
    task: Task,
    settings: Hyperparameters,
    seed: int,
    groups: Sequence[Sequence[int]] | None = None,
    on_step: ProgressCallback | None = None,
    start: KAN | None = None,
    names: Sequence[str] | None = None,
) -> TrainedNetwork:
    """Fits a network to rows; the result is a deterministic function of rows, settings and seed.

    Args:
        x: Inputs `(n, p)`, finite.
        y: Targets `(n, q)` of a regression, or class codes `(n,)`.
        weights: Positive row weights `(n,)`; only their ratios matter.
        task: Regression, binary or multi-class.
        settings: The hyperparameters.
        seed: Seed of folds, initial values and batches.
        groups: Inputs that are levels of one category.
        on_step: Called with stage, step, steps and loss; True ends the stage.
        start: A network to continue from; its grids stay.
        names: Names of the inputs.

    Raises:
        ConfigError: If `grid`, `degree` or `hidden` is invalid.
    """
    raw_x, w = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.asarray(weights) / np.mean(weights))
    raw_y = targets_of(y, task)
    unscaled = torch.zeros(raw_y.shape[1]).double(), torch.ones(raw_y.shape[1]).double()
    scaling = Standardisation(*_moments(raw_x, w), *(_moments(raw_y, w) if task.is_regression else unscaled))
    u, t = (raw_x - scaling.x_shift) / scaling.x_scale, (raw_y - scaling.y_shift) / scaling.y_scale
    log = TrainingLog(on_step)
    if start is not None:
        loss, steps, model = continue_training(start, raw_x, raw_y, w, task, settings.max_iter, seed, log)
        return TrainedNetwork(model, loss, steps, log.history)
    right = task.of_right_labels()
    return _NetworkFit(raw_x, raw_y, u, t, w, scaling, right, settings, seed, groups or (), names).run(log)


class TrainingLog:
    """Records the steps of a training and passes them on to a callback."""

    def __init__(self, on_step: ProgressCallback | None) -> None:
        self._on_step, self.history = on_step, list[dict[str, Any]]()

    def __call__(self, stage: str, step: int, steps: int, loss: float) -> bool:
        self.history.append({"stage": stage, "step": step, "loss": loss})
        return bool(self._on_step(stage, step, steps, loss)) if self._on_step is not None else False


@dataclass(frozen=True)
class _NetworkFit:
    """The training of one network on standardised rows."""

    raw_x: Tensor
    raw_y: Tensor
    u: Tensor
    t: Tensor
    weights: Tensor
    scaling: Standardisation
    task: Task
    settings: Hyperparameters
    seed: int
    groups: Sequence[Sequence[int]]
    names: Sequence[str] | None

    def run(self, log: TrainingLog) -> TrainedNetwork:
        layer = self._layer()
        design = make_design(layer, self.u, self.weights, self.groups)
        whole = fit_additive(design, self.t, self.weights, self.task)
        loss = float(self.weights @ self.task.loss(whole.values(design), self.t)) / len(self.t)
        hidden, enough = self._hidden(), len(self.t) >= MIN_INTERACTION_ROWS
        if log("curves", 1, 1, loss) or not (hidden or (enough and not self.task.is_regression)):
            return TrainedNetwork(self._additive(layer, design, whole, 1.0), loss, 1, log.history, self.task)
        generator = torch.Generator().manual_seed(self.seed)
        ensemble = self._ensemble_settings(hidden)
        fold = torch.randperm(len(self.t), generator=generator) % max(N_FOLDS, ensemble.members)
        rows = design, self.t, self.weights, fold
        curves = fit_curves(whole, *rows, ensemble.members)
        curves = without_idle_curves(curves, *rows, columns_of(self.u.shape[1], self.groups))
        of_labels = replace(self, task=curves.whole.task)
        return of_labels.with_interactions(curves, layer, design, fold, ensemble, generator, log)

    def with_interactions(
        self,
        curves: CrossValidatedCurves,
        layer: KANLayer,
        design: DesignMatrix,
        fold: Tensor,
        ensemble: EnsembleSettings,
        generator: torch.Generator,
        log: TrainingLog,
    ) -> TrainedNetwork:
        """The network of curves and, where these predict held-out rows better, interactions."""
        held, columns = curves.held, columns_of(self.u.shape[1], self.groups)
        seen = candidates(curves, design, columns)
        net, groups, mixture = self._interactions(curves, layer, fold, ensemble, generator, log, seen)
        if groups:
            rows = self.u, self.t, self.weights, fold
            shares = mixture.stacking_weights
            living = defended_inputs(net, groups, shares, curves, *rows, columns, ensemble, generator)
            if living.any() and not torch.equal(living, seen):
                fewer = self._interactions(curves, layer, fold, ensemble, generator, log, living)
                if not is_significant(fewer[2].losses - mixture.losses, self.weights[held]):
                    net, groups, mixture = fewer
        steps, task = log.history[-1]["step"], mixture.task
        smooth = self._smooth(held, mixture.loss, log)
        if smooth is not None:
            return smooth
        if not any(mixture.stacking_weights) or (self.settings.hidden == "auto" and not mixture.improves):
            model = self._additive(layer, design, curves.whole, mixture.inverse_temperature)
            return TrainedNetwork(model, mixture.loss, steps, log.history, task)
        coefficients = design.spline_coefficients(torch.stack([part.coefficients for part in curves.parts]).mean(0))
        bias = torch.stack([part.bias for part in curves.parts]).mean(0)
        shares, sharp = mixture.stacking_weights, mixture.inverse_temperature
        model = combined_network(
            layer, coefficients, bias, net, groups, shares, sharp, ensemble, self.scaling, self.names
        )
        return TrainedNetwork(model, mixture.loss, steps, log.history, task)

    def _interactions(
        self,
        curves: CrossValidatedCurves,
        layer: KANLayer,
        fold: Tensor,
        ensemble: EnsembleSettings,
        generator: torch.Generator,
        log: TrainingLog,
        living: Tensor,
    ) -> tuple[KAN, list[DecayGroup], Stacking]:
        """The ensemble on these inputs `(p,)`, its trained groups, and their stacking; no groups without hidden nodes."""
        groups = list[DecayGroup]()
        net = wide_network(self._finer(layer, living), self.u, self.t.shape[1], ensemble, generator, living)
        if ensemble.hidden:
            rows = self.u, self.t, self.weights, curves.offsets, fold
            groups = train_ensemble(net, *rows, self.task, ensemble, generator, log)
        held = curves.held
        corrections = [group.out_of_fold[held] for group in groups]
        return net, groups, stack(curves.base, corrections, self.t[held], self.weights[held], self.task)

    def _smooth(self, held: Tensor, loss: float, log: TrainingLog) -> TrainedNetwork | None:
        """The network that learned a smooth estimate, where that predicts held-out rows better than curves and ensemble do."""
        settings = self.settings
        if not (self.task.is_regression and settings == Hyperparameters(max_iter=settings.max_iter)):
            return None
        found = fit_smooth(self.raw_x, self.raw_y, self.weights, seed=self.seed, names=self.names)
        if found is None:
            return None
        unseen = (found.out_of_fold - self.scaling.y_shift) / self.scaling.y_scale
        weights = self.weights[held]
        own = float(weights @ self.task.loss(unseen[held], self.t[held]) / weights.sum())
        if own >= loss:
            return None
        model, misfit = found.network(self.seed, settings.max_iter, log)
        own += misfit / float(self.scaling.y_scale.square().mean())
        if own >= loss:
            return None
        return TrainedNetwork(model, own, log.history[-1]["step"], log.history)

    def _hidden(self) -> tuple[int, ...]:
        hidden = self.settings.layers()
        if hidden is None:
            # The outputs share hidden nodes, so the layer grows with their number.
            return (
                (max(HIDDEN_NODES, min(2 * HIDDEN_NODES, 2 * self.t.shape[1])),)
                if len(self.t) >= MIN_INTERACTION_ROWS
                else ()
            )
        return hidden if len(self.t) > 1 else ()

    def _ensemble_settings(self, hidden: tuple[int, ...]) -> EnsembleSettings:
        count = len(self.t)
        members = N_FOLDS if self.settings.members == "auto" else int(self.settings.members)
        steps = min(self.settings.max_iter, max(300, min(4 * count, max(2000, count // 5))))
        return EnsembleSettings(hidden, min(members, count), steps=steps, batch_size=256 if count <= 10_000 else 512)

    def _layer(self) -> KANLayer:
        """The additive part's layer with its grid, without coefficients."""
        inputs = self.u.shape[1]
        many = self._many_valued()
        room = (MAX_DESIGN_COLUMNS_CLASSES if isinstance(self.task, Multiclass) else MAX_DESIGN_COLUMNS) - (
            inputs - many
        )
        auto = max(1, min(MAX_CURVE_INTERVALS, room // max(many, 1) - 2))
        grid = auto if self.settings.grid == "auto" else int(self.settings.grid)
        layer = self._empty(grid, self.t.shape[1])
        low, high = self.u.min(0).values, self.u.max(0).values
        high = torch.where(high > low, high, low + 1.0)
        layer.grid.copy_(adapted_knots(self.u, grid, self.settings.degree, grid_eps=GRID_EPS, low=low, high=high))
        layer.refresh()
        return layer

    def _finer(self, layer: KANLayer, living: Tensor) -> KANLayer:
        """The members' first grid, a refinement of the additive part's; the fewer inputs live, the finer."""
        factor = 1
        if self.settings.grid == "auto":
            wanted = max(16, min(64, TOTAL_INTERVALS // max(self._many_valued(living), 1)))
            factor = max(1, round(wanted / layer.basis.resolution))
        finer = self._empty(factor * layer.basis.resolution, 1)
        finer.grid.copy_(refine_coefficients(layer.grid, layer.edge_coefficients(), self.settings.degree, factor)[0])
        finer.refresh()
        return finer

    def _empty(self, grid: int, outputs: int) -> KANLayer:
        """A layer whose grid will be set."""
        degree = self.settings.degree
        like: dict[str, Any] = {"dtype": torch.float64, "generator": torch.Generator()}
        return KANLayer(self.u.shape[1], outputs, grid=grid, degree=degree, base="none", **like)

    def _many_valued(self, living: Tensor | None = None) -> int:
        columns = self.u.T if living is None else self.u.T[living]
        return sum(len(torch.unique(column)) > 2 for column in columns)

    def _additive(self, layer: KANLayer, design: DesignMatrix, found: AdditiveFit, inverse_temperature: float) -> KAN:
        curves, bias = design.spline_coefficients(found.coefficients), found.bias
        return additive_network(
            layer, inverse_temperature * curves, inverse_temperature * bias, self.scaling, self.names
        )


def targets_of(y: NDArray[Any], task: Task, classes: int = -1) -> Tensor:
    """Targets `(n, q)`: numbers, or class indicators; `classes` is their number, by default that of the codes that occur."""
    if task.is_regression:
        return torch.from_numpy(np.ascontiguousarray(y, dtype=np.float64))
    codes = torch.from_numpy(np.asarray(y).astype(np.int64))
    if isinstance(task, Multiclass):
        return torch.nn.functional.one_hot(codes, classes).double()
    return codes.double()[:, None]


def _moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted means and standard deviations of columns; that of a constant is 1."""
    share = weights / weights.sum()
    mean = share @ values
    spread = torch.sqrt(share @ (values - mean) ** 2)
    floor = 1e-12 * values.abs().amax(0)
    return mean, torch.where(spread > floor, spread, torch.ones_like(spread))
