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

from splinework.nn.frame import FramedKAN
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import adapted_knots, refine_coefficients
from splinework.tabular.additive import AdditiveFit, fit_additive, refit_additive
from splinework.tabular.assembly import Standardisation, additive_network, combined_network, moments
from splinework.tabular.constant import constant_network
from splinework.tabular.continuation import continue_training
from splinework.tabular.design import DesignMatrix, make_design, many_valued
from splinework.tabular.ensemble import EnsembleSettings, ProgressCallback, held_out_rows, train_ensemble, wide_network
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.rows import Floats
from splinework.tabular.screening import INTERVALS as SCREENING_INTERVALS
from splinework.tabular.screening import Screening, is_wide, screen
from splinework.tabular.smooth import fit_smooth
from splinework.tabular.stacking import stack
from splinework.tabular.tasks import Multiclass, Task

N_FOLDS = 6
HIDDEN_NODES = 8
MAX_CURVE_INTERVALS = 10
"""Intervals of a curve; fewer where there are many inputs."""
MIN_INTERACTION_ROWS = 30
"""Rows below which `hidden="auto"` fits no interactions."""
MAX_REFIT_ROWS = 3000
"""Rows up to which penalties are re-estimated for every fold."""
MAX_DESIGN_COLUMNS, MAX_DESIGN_COLUMNS_CLASSES = 600, 300
"""Columns of the design matrix: an iteration costs their cube, for several classes once per class."""
TOTAL_INTERVALS = 256
"""Intervals of the members' grids, shared by all non-binary inputs; each gets 16 to 64."""
GRID_EPS = 0.1
"""Share of uniform knots in the quantile grids."""


@dataclass(frozen=True)
class TrainedNetwork:
    """The result of a training.

    Attributes:
        model: The network in float64; its outputs are in raw units, or calibrated logits.
        loss: Mean loss on held-out rows, or on all rows where none were held out; for standardised targets.
        steps: Number of training steps.
        history: Records `{"stage", "step", "loss"}`.
        kept: Indices of the inputs that the network has, where others were screened out; None for all of them.
    """

    model: KAN | FramedKAN
    loss: float
    steps: int
    history: list[dict[str, Any]] = field(default_factory=list)
    kept: tuple[int, ...] | None = field(default=None, kw_only=True)


def train(
    x: Floats,
    y: NDArray[Any],
    weights: Floats,
    *,
    task: Task,
    settings: Hyperparameters,
    seed: int,
    groups: Sequence[Sequence[int]] | None = None,
    owners: Sequence[int] | None = None,
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
        owners: Column of the table to which each input belongs; by default each is a column.
        on_step: Called with stage, step, steps and loss; True ends the stage.
        start: A network to continue from; its grids stay.
        names: Names of the inputs.

    Raises:
        ConfigError: If `grid`, `degree` or `hidden` is invalid.
    """
    raw_x, w = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.asarray(weights) / np.mean(weights))
    raw_y = targets_of(y, task)
    unscaled = torch.zeros(raw_y.shape[1]).double(), torch.ones(raw_y.shape[1]).double()
    scaling = Standardisation(*moments(raw_x, w), *(moments(raw_y, w) if task.is_regression else unscaled))
    u, t = (raw_x - scaling.x_shift) / scaling.x_scale, (raw_y - scaling.y_shift) / scaling.y_scale
    belongs = torch.arange(u.shape[1]) if owners is None else torch.as_tensor(owners)
    job = _NetworkFit(raw_x, raw_y, u, t, w, scaling, task, settings, seed, groups or (), belongs, names)
    log = TrainingLog(on_step)
    if start is not None:
        loss, steps, model = continue_training(
            start, job.raw_x, job.raw_y, job.weights, task, settings.max_iter, seed, log
        )
        return TrainedNetwork(model, loss, steps, log.history)
    return job.screened(log) if job.is_wide() else job.run(log)


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
    owners: Tensor
    names: Sequence[str] | None
    screening: Screening | None = None

    def is_wide(self) -> bool:
        """Whether columns are to be screened."""
        return is_wide(len(self.t), len(torch.unique(self.owners)))

    def screened(self, log: TrainingLog) -> TrainedNetwork:
        """The network of the inputs that screening keeps."""
        design = make_design(self._layer(SCREENING_INTERVALS), self.u, self.weights, self.groups)
        fold, folds = self._folds(torch.Generator().manual_seed(self.seed))
        found = screen(design, self.t, self.weights, self.task, fold, folds, self.owners)
        kept = tuple(found.inputs.tolist())
        log("screening", 1, 1, found.loss)
        log.history[-1] |= {"inputs": self.u.shape[1], "kept": len(kept)}
        if not kept:
            bias = self.scaling.y_shift + self.scaling.y_scale * self.task.constant(self.t, self.weights)
            model = constant_network((self.names or ["x1"])[:1], bias.numpy())
            return TrainedNetwork(model, found.loss, 1, log.history, kept=kept)
        place = {i: at for at, i in enumerate(kept)}
        own = replace(
            self,
            raw_x=self.raw_x[:, found.inputs],
            u=self.u[:, found.inputs],
            scaling=self.scaling.of_inputs(found.inputs),
            groups=[[place[i] for i in group if i in place] for group in self.groups],
            owners=self.owners[found.inputs],
            names=[self.names[i] for i in kept] if self.names else None,
            screening=found,
        )
        result = own.run(log)
        return replace(result, kept=kept if result.kept is None else tuple(kept[i] for i in result.kept))

    def run(self, log: TrainingLog) -> TrainedNetwork:
        layer = self._layer()
        design = make_design(layer, self.u, self.weights, self.groups)
        products = design.about_mean(self.weights) if self.task.is_regression and self.screening is None else None
        whole = (
            fit_additive(design, self.t, self.weights, self.task, products)
            if self.screening is None
            else self.screening.fit(design, self.t, self.weights, self.task)
        )
        loss = float(self.weights @ self.task.loss(whole.values(design), self.t)) / len(self.t)
        hidden = self._hidden()
        if log("curves", 1, 1, loss) or not hidden:
            return self._additive(layer, design, whole, 1.0, loss, log)
        generator = torch.Generator().manual_seed(self.seed)
        ensemble = self._ensemble_settings(hidden)
        fold, _ = self._folds(generator)
        parts = self._without(whole, design, [fold == k for k in range(ensemble.members)], products)
        offsets = torch.stack([part.values(design) for part in parts], dim=1)
        finer = self._finer(layer)
        visible = self.screening.kept if self.screening is not None else None
        net = wide_network(finer, self.u, self.t.shape[1], ensemble, generator, visible)
        groups = train_ensemble(net, self.u, self.t, self.weights, offsets, fold, self.task, ensemble, generator, log)
        held = held_out_rows(fold, ensemble.members)
        base, corrections = offsets[held, fold[held]], [group.out_of_fold[held] for group in groups]
        mixture = stack(base, corrections, self.t[held], self.weights[held], self.task)
        smooth = self._smooth(held, mixture.loss, log)
        if smooth is not None:
            return smooth
        if not any(mixture.stacking_weights) or (self.settings.hidden == "auto" and not mixture.improves):
            return self._additive(layer, design, whole, mixture.inverse_temperature, mixture.loss, log)
        curves = design.spline_coefficients(torch.stack([part.coefficients for part in parts]).mean(0))
        bias = torch.stack([part.bias for part in parts]).mean(0)
        shares, sharp = mixture.stacking_weights, mixture.inverse_temperature
        model = combined_network(layer, curves, bias, net, groups, shares, sharp, ensemble, self.scaling, self.names)
        return TrainedNetwork(model, mixture.loss, log.history[-1]["step"], log.history)

    def _smooth(self, held: Tensor, loss: float, log: TrainingLog) -> TrainedNetwork | None:
        """The network that learned a smooth estimate, where that predicts held-out rows better than curves and ensemble do."""
        settings = self.settings
        if self.screening is not None:
            return None  # its left-out predictions would be those of inputs that the left-out rows helped to choose
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

    def _folds(self, generator: torch.Generator) -> tuple[Tensor, int]:
        """The fold of each row, and the number of folds."""
        folds = max(N_FOLDS, self._members())
        return torch.randperm(len(self.t), generator=generator) % folds, folds

    def _without(
        self,
        whole: AdditiveFit,
        design: DesignMatrix,
        parts: Sequence[Tensor],
        products: tuple[Tensor, Tensor] | None,
    ) -> list[AdditiveFit]:
        """The additive parts without each of these sets of held-out rows, given as masks.

        Penalties estimated on all rows leak a little into the held-out loss; on many rows that is negligible, and they stay.
        """
        if self.screening is not None:
            fit = self.screening.fit
            return [fit(design, self.t, self.weights * ~held, self.task, k) for k, held in enumerate(parts)]
        if len(self.t) <= MAX_REFIT_ROWS:
            return [fit_additive(design, self.t, self.weights * ~held, self.task) for held in parts]
        return [
            refit_additive(
                whole,
                design,
                self.t,
                self.weights * ~held,
                self.task,
                design.without(products, self.weights, held) if products else None,
            )
            for held in parts
        ]

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
        steps = min(self.settings.max_iter, max(300, min(4 * count, max(2000, count // 5))))
        return EnsembleSettings(hidden, self._members(), steps=steps, batch_size=256 if count <= 10_000 else 512)

    def _members(self) -> int:
        members = N_FOLDS if self.settings.members == "auto" else int(self.settings.members)
        return min(members, len(self.t))

    def _layer(self, intervals: int | None = None) -> KANLayer:
        """The additive part's layer with its grid, without coefficients; by default as many intervals as the table allows."""
        inputs = self.u.shape[1]
        many = self._many_valued()
        room = (MAX_DESIGN_COLUMNS_CLASSES if isinstance(self.task, Multiclass) else MAX_DESIGN_COLUMNS) - (
            inputs - many
        )
        auto = max(1, min(MAX_CURVE_INTERVALS, room // max(many, 1) - 2))
        grid = intervals or (auto if self.settings.grid == "auto" else int(self.settings.grid))
        layer = self._empty(grid, self.t.shape[1])
        low, high = self.u.min(0).values, self.u.max(0).values
        high = torch.where(high > low, high, low + 1.0)
        layer.grid.copy_(adapted_knots(self.u, grid, self.settings.degree, grid_eps=GRID_EPS, low=low, high=high))
        layer.refresh()
        return layer

    def _finer(self, layer: KANLayer) -> KANLayer:
        """The members' first grid, a refinement of the additive part's."""
        factor = 1
        if self.settings.grid == "auto":
            wanted = max(16, min(64, TOTAL_INTERVALS // max(self._many_valued(), 1)))
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

    def _many_valued(self) -> int:
        return int(many_valued(self.u).sum())

    def _additive(
        self, layer: KANLayer, design: DesignMatrix, found: AdditiveFit, factor: float, loss: float, log: TrainingLog
    ) -> TrainedNetwork:
        """The additive network with its outputs times a factor; of screened inputs only those that all rows keep."""
        curves, bias = factor * design.spline_coefficients(found.coefficients), factor * found.bias
        kept = self.screening.kept[-1] if self.screening is not None else None
        inputs = torch.nonzero(kept)[:, 0] if kept is not None and bool(kept.any()) else None
        model = additive_network(layer, curves, bias, self.scaling, self.names, inputs)
        own = tuple(inputs.tolist()) if inputs is not None else None
        return TrainedNetwork(model, loss, log.history[-1]["step"], log.history, kept=own)


def targets_of(y: NDArray[Any], task: Task, classes: int = -1) -> Tensor:
    """Targets `(n, q)`: numbers, or class indicators; `classes` is their number, by default that of the codes that occur."""
    if task.is_regression:
        return torch.from_numpy(np.ascontiguousarray(y, dtype=np.float64))
    codes = torch.from_numpy(np.asarray(y).astype(np.int64))
    if isinstance(task, Multiclass):
        return torch.nn.functional.one_hot(codes, classes).double()
    return codes.double()[:, None]
