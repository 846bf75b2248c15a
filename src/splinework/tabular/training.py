"""Training of one network: an additive model, a cross-validated ensemble on its residual, and the stacking of both.

First every input gets a curve (`additive.py`); then networks learn the interactions (`ensemble.py`), each with a fold of the rows
held out; the out-of-fold predictions give the stacking weights (`stacking.py`), and the result is merged into one network
(`assembly.py`). Where interactions do not improve the held-out loss significantly, the network stays additive, `[p, q]`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.additive import AdditiveFit
from splinework.tabular.assembly import Standardisation, additive_network, combined_network
from splinework.tabular.constant import constant_network
from splinework.tabular.continuation import continue_training
from splinework.tabular.cross_validation import CrossValidatedCurves, cross_validated
from splinework.tabular.curves import FittedCurves, fit_curves, tuned_to_constant
from splinework.tabular.design import make_design
from splinework.tabular.ensemble import EnsembleSettings, ProgressCallback
from splinework.tabular.grids import curve_intervals, quantile_layer
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.interactions import Interactions, InteractionTraining
from splinework.tabular.one_standard_error import simplest_curves, standard_error
from splinework.tabular.rows import Floats
from splinework.tabular.screening import INTERVALS as SCREENING_INTERVALS
from splinework.tabular.screening import Screening, is_wide, screen
from splinework.tabular.selection import columns_of, without_idle_curves
from splinework.tabular.smooth import SmoothEstimate, fit_network, smooth_estimates
from splinework.tabular.stacking import Stacking, calibrate, is_significant
from splinework.tabular.tasks import Multiclass, Regression, Task, moments
from splinework.tabular.trained import TrainedNetwork, TrainingLog

N_FOLDS = 6
HIDDEN_NODES = 8
MIN_CLEAN_LOSS, MAX_CLEAN_LOSS = 1e-14, 1e-3
"""Losses, as a share of the variance, between which a network is also fitted to the rows themselves."""
MIN_INTERACTION_ROWS = 30
"""Rows below which `hidden="auto"` fits no interactions."""


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
        task: The likelihood.
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
    scaling = Standardisation(*moments(raw_x, w), *task.units(raw_y, w))
    u, t = (raw_x - scaling.x_shift) / scaling.x_scale, task.in_units(raw_y, scaling.y_shift, scaling.y_scale)
    belongs = torch.arange(u.shape[1]) if owners is None else torch.as_tensor(owners)
    log = TrainingLog(on_step)
    if start is not None:
        loss, steps, model = continue_training(start, raw_x, raw_y, w, task, settings.max_iter, seed, log)
        return TrainedNetwork(model, loss, steps, log.history)
    right, generator = task.of_right_labels(), torch.Generator().manual_seed(seed)
    fold = torch.randperm(len(t), generator=generator) % max(N_FOLDS, n_members(settings, len(t)))
    rows, known = (raw_x, raw_y, u, t, w, fold), (groups or (), belongs, names)
    job = _NetworkFit(*rows, scaling, right, settings, seed, generator, *known)
    return job.screened(log) if job.is_wide() else job.run(log)


@dataclass(frozen=True)
class _NetworkFit:
    """The training of one network on standardised rows."""

    raw_x: Tensor
    raw_y: Tensor
    u: Tensor
    t: Tensor
    weights: Tensor
    fold: Tensor
    scaling: Standardisation
    task: Task
    settings: Hyperparameters
    seed: int
    generator: torch.Generator
    groups: Sequence[Sequence[int]]
    owners: Tensor
    names: Sequence[str] | None
    screening: Screening | None = None

    def is_wide(self) -> bool:
        """Whether columns are to be screened."""
        return is_wide(len(self.t), len(torch.unique(self.owners)))

    def screened(self, log: TrainingLog) -> TrainedNetwork:
        """The network of the inputs that screening keeps."""
        layer = quantile_layer(self.u, self.t.shape[1], SCREENING_INTERVALS, self.settings.degree)
        design = make_design(layer, self.u, self.weights, self.groups)
        task = tuned_to_constant(self.t, self.weights, self.task)
        found = screen(design, self.t, self.weights, task, self.fold, self.owners)
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
        """The network of all inputs."""
        intervals = curve_intervals(self.u, self.settings, self.task)
        layer = quantile_layer(self.u, self.t.shape[1], intervals, self.settings.degree)
        design = make_design(layer, self.u, self.weights, self.groups)
        curves = fit_curves(design, self.t, self.weights, self.task, self.screening)
        job = replace(self, task=curves.task)
        loss = float(self.weights @ job.task.loss(curves.whole.values(design), self.t)) / len(self.t)
        hidden, enough = self._hidden(), len(self.t) >= MIN_INTERACTION_ROWS
        compared = enough and not (self.task.is_regression and self.settings.prefer == "accuracy")
        if log("curves", 1, 1, loss) or not (hidden or compared):
            unseen = curves.unseen(self.fold) if self.task.is_regression else None
            return job._additive(layer, curves, curves.whole, 1.0, unseen, loss, log)
        ensemble, columns = self._ensemble_settings(hidden), columns_of(self.owners)
        parts = cross_validated(curves, self.fold, ensemble.members)
        if self.screening is None:
            parts = without_idle_curves(parts, design, self.t, self.weights, self.fold, columns)
        job = replace(job, task=parts.whole.task)
        kept = None if self.screening is None else self.screening.kept
        settings = job.settings
        how = settings, ensemble, layer, parts, self.fold, self.generator, log, kept
        found = InteractionTraining(self.u, self.t, self.weights, job.task, *how).run(design, columns)
        best, losses = job._smooth(parts.held, found.mixture, log), found.mixture.losses
        if best is None:
            best = job._merged(curves, parts, layer, ensemble, found, log)
        if settings.prefer == "accuracy" or self.screening is not None:
            return best
        return (
            job._simplest(curves, parts, layer, best.loss + standard_error(losses, self.weights[parts.held]), log)
            or best
        )

    def _simplest(
        self, curves: FittedCurves, parts: CrossValidatedCurves, layer: KANLayer, limit: float, log: TrainingLog
    ) -> TrainedNetwork | None:
        """The sum of curves of the fewest columns whose held-out loss is at most `limit`; None where there is none."""
        held = parts.held
        found = simplest_curves(curves, parts, self.fold, columns_of(self.owners), limit)
        if found is None:
            return None
        if self.task.is_regression:
            unseen = torch.full_like(self.t, float("nan"))
            unseen[held] = found.base
            return self._additive(layer, curves, found.whole, 1.0, unseen, found.loss, log)
        sharp = calibrate(found.base, self.t[held], self.weights[held], self.task)
        return self._additive(layer, curves, found.whole, sharp, None, found.loss, log)

    def _merged(
        self,
        curves: FittedCurves,
        parts: CrossValidatedCurves,
        layer: KANLayer,
        ensemble: EnsembleSettings,
        found: Interactions,
        log: TrainingLog,
    ) -> TrainedNetwork:
        """The network of the curves and, where these predict held-out rows better, the interactions."""
        mixture, held, design = found.mixture, parts.held, curves.design
        additive = not any(mixture.stacking_weights) or (self.settings.hidden == "auto" and not mixture.improves)
        unseen = None
        if self.task.is_regression:
            pairs = zip(mixture.stacking_weights, (group.out_of_fold[held] for group in found.groups), strict=True)
            mixed = sum((share * each for share, each in pairs), torch.zeros_like(parts.base))
            unseen = torch.full_like(self.t, float("nan"))
            unseen[held] = parts.base if additive else parts.base + mixed
        job = replace(self, task=mixture.task)
        shares, sharp = mixture.stacking_weights, mixture.inverse_temperature
        if additive:
            return job._additive(layer, curves, parts.whole, sharp, unseen, mixture.loss, log)
        scaling, raw = job._calibrated(unseen)
        table = design.spline_coefficients(torch.stack([part.coefficients for part in parts.parts]).mean(0))
        bias = torch.stack([part.bias for part in parts.parts]).mean(0)
        net, groups = found.net, found.groups
        model = combined_network(layer, table, bias, net, groups, shares, sharp, ensemble, scaling, self.names)
        return TrainedNetwork(model, mixture.loss, log.history[-1]["step"], log.history, raw, task=job.task)

    def _calibrated(self, unseen: Tensor | None) -> tuple[Standardisation, Tensor | None]:
        """The units with outputs shifted by what held-out rows say, and their outputs in raw units."""
        if unseen is None:
            return self.scaling, None
        held = torch.nonzero(~torch.isnan(unseen[:, 0]))[:, 0]
        shift = self.task.calibration(unseen[held], self.t[held], self.weights[held])
        moved = self.scaling.y_shift + self.scaling.y_scale * shift
        return replace(self.scaling, y_shift=moved), moved + self.scaling.y_scale * unseen

    def _smooth(self, held: Tensor, mixture: Stacking, log: TrainingLog) -> TrainedNetwork | None:
        """The network of a smooth estimate, where that predicts held-out rows better than curves and ensemble do.

        Splines on the grids that the rows ask for are preferred, as the simpler model, unless these are better by more than a
        standard error.
        """
        settings = self.settings
        if self.screening is not None:
            return None  # its left-out predictions would be those of inputs that the left-out rows helped to choose
        if not (
            isinstance(self.task, Regression)
            and settings == Hyperparameters(max_iter=settings.max_iter, prefer=settings.prefer)
        ):
            return None
        weights, units = self.weights[held], float(self.scaling.y_scale.square().mean())
        rivals: list[tuple[float, int, SmoothEstimate]] = []
        loss, best = mixture.loss, None
        for found in smooth_estimates(self.raw_x, self.raw_y, self.weights, seed=self.seed, names=self.names):
            unseen = (found.out_of_fold - self.scaling.y_shift) / self.scaling.y_scale
            losses = self.task.loss(unseen[held], self.t[held])
            own = float(weights @ losses / weights.sum())
            if found.teacher is None and not is_significant(losses - mixture.losses, weights):
                loss = max(loss, math.nextafter(own, math.inf))
            rivals.append((own, len(rivals), found))
        for own, _, found in sorted(rivals):
            if own >= loss:
                break
            model, misfit = found.network(self.seed, settings.max_iter, log)
            total = own + misfit / units  # the network's errors are the estimate's and its own misfit
            if total < loss:
                wider = (total / own) ** 0.5 if own > 0 else 1.0
                unseen = self.raw_y + wider * (found.out_of_fold - self.raw_y)
                loss, best = total, TrainedNetwork(model, total, log.history[-1]["step"], log.history, unseen)
        return self._fitted_if_better(held, loss, best, log)

    def _fitted_if_better(
        self, held: Tensor, loss: float, best: TrainedNetwork | None, log: TrainingLog
    ) -> TrainedNetwork | None:
        """The network fitted to the rows of all folds but one, where there is hardly any noise and it predicts those better."""
        if not MIN_CLEAN_LOSS < loss <= MAX_CLEAN_LOSS:
            return best
        unseen = held[self.fold[held] == 0]
        seen = self.fold != 0
        model = fit_network(
            self.raw_x[seen],
            self.raw_y[seen],
            self.weights[seen],
            seed=self.seed,
            max_iter=self.settings.max_iter,
            on_step=log,
            names=self.names,
        )
        if model is None:
            return best
        with torch.no_grad():
            outputs = model(self.raw_x[unseen])
        losses = self.task.loss((outputs - self.scaling.y_shift) / self.scaling.y_scale, self.t[unseen])
        weights = self.weights[unseen]
        own = float(weights @ losses / weights.sum())
        if not own < loss:
            return best
        predicted = torch.full_like(self.raw_y, float("nan"))
        predicted[unseen] = outputs
        return TrainedNetwork(model, own, log.history[-1]["step"], log.history, predicted)

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
        return EnsembleSettings(
            hidden, n_members(self.settings, count), steps=steps, batch_size=256 if count <= 10_000 else 512
        )

    def _additive(
        self,
        layer: KANLayer,
        curves: FittedCurves,
        found: AdditiveFit,
        factor: float,
        unseen: Tensor | None,
        loss: float,
        log: TrainingLog,
    ) -> TrainedNetwork:
        """The additive network with its outputs times a factor; of screened inputs only those that all rows keep."""
        scaling, raw = self._calibrated(unseen)
        table, bias = factor * curves.design.spline_coefficients(found.coefficients), factor * found.bias
        kept = self.screening.kept[-1] if self.screening is not None else None
        inputs = torch.nonzero(kept)[:, 0] if kept is not None and bool(kept.any()) else None
        model = additive_network(layer, table, bias, scaling, self.names, inputs)
        own = tuple(inputs.tolist()) if inputs is not None else None
        return TrainedNetwork(model, loss, log.history[-1]["step"], log.history, raw, own, self.task)


def n_members(settings: Hyperparameters, rows: int) -> int:
    """Members of each group of the ensemble: as given or one per fold, at most one per row."""
    return min(N_FOLDS if settings.members == "auto" else int(settings.members), rows)


def targets_of(y: NDArray[Any], task: Task, classes: int = -1) -> Tensor:
    """Targets `(n, q)`: numbers, or class indicators; `classes` is their number, by default that of the codes that occur."""
    if task.is_regression:
        return torch.from_numpy(np.ascontiguousarray(y, dtype=np.float64))
    codes = torch.from_numpy(np.asarray(y).astype(np.int64))
    if isinstance(task, Multiclass):
        return torch.nn.functional.one_hot(codes, classes).double()
    return codes.double()[:, None]
