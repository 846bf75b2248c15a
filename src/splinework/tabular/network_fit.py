"""The training of one network on standardised rows: curves, interactions, smooth estimates, and the choice among them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from splinework.nn.frame import network_of
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.additive import AdditiveFit
from splinework.tabular.assembly import Standardisation, additive_network, combined_network, for_reading
from splinework.tabular.cross_validation import CrossValidatedCurves, cross_validated
from splinework.tabular.curves import FittedCurves, fit_curves
from splinework.tabular.design import make_design
from splinework.tabular.ensemble import EnsembleSettings
from splinework.tabular.ensemble_size import ensemble_settings, hidden_layers
from splinework.tabular.few_nodes import fewest_nodes
from splinework.tabular.grids import curve_intervals, quantile_layer
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.interactions import Interactions, InteractionTraining
from splinework.tabular.latent_process import latent_network
from splinework.tabular.monotone_curves import given_up, half_directed
from splinework.tabular.one_standard_error import Reference, curves_of, simplest_curves
from splinework.tabular.products import nodes_of_products, with_level_terms, with_more_terms
from splinework.tabular.screening import Screening
from splinework.tabular.selection import columns_of, in_terms, without_idle_curves, without_idle_inputs
from splinework.tabular.smooth import MAX_ROWS as MAX_PROCESS_ROWS
from splinework.tabular.smooth import SmoothEstimate, fit_network, smooth_estimates
from splinework.tabular.stacking import CHOSEN_Z, Stacking, calibrate
from splinework.tabular.student import Distillation
from splinework.tabular.tasks import Regression, Task
from splinework.tabular.trained import TrainedNetwork, TrainingLog
from splinework.train.between_rows import is_significant
from splinework.train.covariance import Covariance
from splinework.train.data_split import Samples
from splinework.train.gaussian_process import MAX_EXACT_ROWS
from splinework.train.teacher import MIN_ROWS

MIN_CLEAN_LOSS, MAX_CLEAN_LOSS = 1e-14, 1e-3
"""Losses, as a share of the variance, between which a network is also fitted to the rows themselves."""
MAX_NOISE_SHARE = 0.5
"""Share of the noise in a loss below which the rows say more of the function than the estimate does: then so it is, too."""
MAX_LONG_COVARIATES = 8
"""Most covariates where no process is asked: 14,000 rows take 13 s of one core with two, 21 with eight, 40 with ten."""


@dataclass(frozen=True)
class NetworkFit:
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
    signs: Tensor | None = None
    covariances: tuple[Covariance, ...] = ()

    def run(self, log: TrainingLog) -> TrainedNetwork:
        """The network of all inputs."""
        intervals = curve_intervals(self.u, self.settings, self.task)
        layer = quantile_layer(self.u, self.t.shape[1], intervals, self.settings.degree)
        design = make_design(layer, self.u, self.weights, self.groups)
        curves = fit_curves(design, self.t, self.weights, self.task, self.screening, self.signs)
        job = replace(self, task=curves.task)
        loss = float(self.weights @ job.task.loss(curves.whole.values(design), self.t) / self.weights.sum())
        hidden, enough = hidden_layers(self.settings, len(self.t), self.t.shape[1]), len(self.t) >= MIN_ROWS
        compared = enough and not (self.task.is_regression and self.settings.prefer == "accuracy")
        if log("curves", 1, 1, loss) or not (hidden or compared):
            unseen = curves.unseen(self.fold) if self.task.is_regression else None
            return job._additive(layer, curves, curves.whole, 1.0, unseen, loss, log)
        ensemble = ensemble_settings(self.settings, hidden, len(self.t), self.task, self.signs is not None)
        columns, rows, known, alone = columns_of(self.owners), (self.u, self.groups, self.owners, self.fold), None, None
        free = self.settings.is_auto() and self.signs is None and self.screening is None
        if free:
            curves, known, alone = with_level_terms(curves, *rows, ensemble.members)
        parts, judges = cross_validated(curves, self.fold, ensemble.members, known), (self.t, self.weights, self.fold)
        alone, classes = alone or parts, free and not self.task.is_regression
        alone = without_idle_curves(alone, design, *judges, columns) if classes else alone
        table = design.spline_coefficients(alone.whole.coefficients)
        plain = additive_network(layer, table, alone.whole.bias, self.scaling, self.names), alone.base
        if classes:
            curves, parts, layer = with_more_terms(curves, parts, layer, *rows)
        design, chosen = curves.design, 0.0
        if self.screening is None:
            fewer = without_idle_curves(parts, design, *judges, columns)
            chosen, parts = parts.loss(*judges[:2]) - fewer.loss(*judges[:2]), fewer
        job = replace(job, task=parts.whole.task)
        lost = None if self.signs is None else given_up(parts.parts, design, self.signs)
        kept = None if self.screening is None else self.screening.kept
        how = self.settings, ensemble, layer, parts, self.fold, self.generator, log, kept, self.signs, lost
        training = InteractionTraining(self.u, self.t, self.weights, job.task, *how)
        found = training.run(design, columns)
        merged = job._merged(curves, parts, layer, ensemble, found, log)
        nothing = curves_of(curves, self.fold, len(parts.parts), ())
        others = *plain, network_of(merged.model), found.needed | in_terms(parts.whole, design), nothing.base
        smooth = job._smooth(parts.held, found.mixture, others, chosen, log)
        best = smooth or merged
        if classes:
            outputs = found.mixture.outputs
            best = without_idle_inputs(best, self.raw_x, outputs, self.t, self.weights, parts.held, columns)
        more = 1.0 if smooth else found.mixture.allowance(0 if self.task.is_regression else self.u.shape[1])
        constant = job._constant_if_as_good((curves, nothing, layer), best, found.mixture, more, log)
        if constant is not None or self.screening is not None or self.settings.prefer == "accuracy":
            return constant or best
        return job._simplest(curves, layer, training, smooth, found.mixture.losses, log) or best

    def _constant_if_as_good(
        self,
        of: tuple[FittedCurves, CrossValidatedCurves, KANLayer],
        best: TrainedNetwork,
        found: Stacking,
        by: float,
        log: TrainingLog,
    ) -> TrainedNetwork | None:
        """The constant, where held-out losses, times an allowance `by` for what they have chosen, are hardly less; else None."""
        curves, constant, layer = of
        if self.settings.hidden != "auto" or self.screening is not None:
            return None
        held, own, outputs = constant.held, found.losses, best.out_of_fold
        if outputs is not None:
            held = held[~torch.isnan(outputs[held, 0])]
            unseen = (outputs[held] - self.scaling.y_shift) / self.scaling.y_scale
            own = (best.task or self.task).loss(unseen, self.t[held])
        base = constant.offsets[held, self.fold[held]]
        losses, weights = self.task.loss(base, self.t[held]), self.weights[held]
        chosen = by > 1 or not self.task.is_regression  # rows have chosen a temperature at least
        if is_significant(losses - by * own, weights, CHOSEN_Z if chosen else 1.0):
            return None
        loss = float(weights @ losses / weights.sum())
        known = self._unseen(held, base) if self.task.is_regression else None
        return self._additive(layer, curves, constant.whole, 1.0, known, loss, log)

    def _simplest(
        self,
        curves: FittedCurves,
        layer: KANLayer,
        training: InteractionTraining,
        smooth: TrainedNetwork | None,
        losses: Tensor,
        log: TrainingLog,
    ) -> TrainedNetwork | None:
        """The simplest network within two standard errors of the best: a `smooth` one, or one with these held-out losses.

        The sum of curves of the fewest columns; where none will do, one with the fewest hidden nodes. None if neither will.
        """
        parts, columns = training.parts, columns_of(self.owners)
        held, weights = parts.held, self.weights[parts.held]
        outputs = None
        if smooth is not None and smooth.out_of_fold is not None:
            outputs = (smooth.out_of_fold[held] - self.scaling.y_shift) / self.scaling.y_scale
            losses = self.task.loss(outputs, self.t[held])
        reference = Reference(losses, weights)
        found = simplest_curves(curves, parts, self.fold, columns, reference)
        if found is not None:
            unseen, sharp = None, 1.0
            if self.task.is_regression:
                unseen = self._unseen(held, found.parts.base)
            else:
                sharp = calibrate(found.parts.base, self.t[held], weights, self.task)
            return self._additive(layer, curves, found.parts.whole, sharp, unseen, found.loss, log)
        if smooth is not None and outputs is not None and isinstance(smooth.model, KAN):
            how = smooth.model, self.raw_x, self.t, held, outputs, self.scaling.y_scale, self.task, reference
            distillation = Distillation(*how, columns, self.names, self.seed, self.settings.max_iter, log)
            model = distillation.smallest()
            if model is not None:
                return distillation.result(model, smooth)
        if self.settings.hidden != "auto" or self.signs is not None:
            return None
        if (few := fewest_nodes(training, curves, columns, reference)) is None:
            return None
        whole, mixture = few.parts.whole.against_first(), few.mixture
        unseen = None
        if self.task.is_regression:
            corrections = mixture.stacking_weights[0] * few.group.out_of_fold[held]
            unseen = self._unseen(held, few.parts.base + corrections)
        scaling, raw = replace(self, task=mixture.task)._calibrated(unseen)
        table = curves.design.spline_coefficients(whole.coefficients)
        own = layer, table, whole.bias, few.net, [few.group], mixture.stacking_weights, mixture.inverse_temperature
        last, products = few.ensemble.members - 1, nodes_of_products(curves.design, whole.coefficients, layer, few.net)
        model = combined_network(*own, few.ensemble, scaling, self.names, member=last, further=products)
        model = for_reading(model, self.raw_x, self.task)
        return TrainedNetwork(model, mixture.loss, log.history[-1]["step"], log.history, raw, task=mixture.task)

    def _unseen(self, held: Tensor, outputs: Tensor) -> Tensor:
        """Outputs `(n, q)` that are known for the held-out rows only, NaN for the others."""
        found = torch.full_like(self.t, float("nan"))
        found[held] = outputs
        return found

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
            unseen = self._unseen(held, parts.base if additive else parts.base + mixed)
        job = replace(self, task=mixture.task)
        shares, sharp = mixture.stacking_weights, mixture.inverse_temperature
        fits = [parts.whole] if additive else parts.parts
        coefficients = torch.stack([fit.coefficients for fit in fits]).mean(0)
        bias = torch.stack([fit.bias for fit in fits]).mean(0)
        products = nodes_of_products(design, coefficients, layer, found.net)
        if additive and products is None:
            return job._additive(layer, curves, parts.whole, sharp, unseen, mixture.loss, log)
        if self.signs is not None:
            coefficients = coefficients * (1 - sum(shares) * half_directed(design, self.signs))[:, None]
        shares = (0.0,) * len(shares) if additive else shares
        table = design.spline_coefficients(coefficients)
        scaling, raw = job._calibrated(unseen)
        own = layer, table, bias, found.net, found.groups, shares, sharp, ensemble
        model = combined_network(*own, scaling, self.names, further=products)
        return TrainedNetwork(model, mixture.loss, log.history[-1]["step"], log.history, raw, task=job.task)

    def _calibrated(self, unseen: Tensor | None) -> tuple[Standardisation, Tensor | None]:
        """The units with outputs shifted by what held-out rows say, and their outputs in raw units."""
        if unseen is None:
            return self.scaling, None
        held = torch.nonzero(~torch.isnan(unseen[:, 0]))[:, 0]
        shift = self.task.calibration(unseen[held], self.t[held], self.weights[held])
        moved = self.scaling.y_shift + self.scaling.y_scale * shift
        return replace(self.scaling, y_shift=moved), moved + self.scaling.y_scale * unseen

    def _smooth(
        self,
        held: Tensor,
        mixture: Stacking,
        others: tuple[KAN, Tensor, KAN, Tensor, Tensor],
        chosen: float,
        log: TrainingLog,
    ) -> TrainedNetwork | None:
        """The network of a smooth estimate, where that predicts held-out rows better than curves and ensemble do.

        Splines on the grids that the rows ask for are preferred, as the simpler model, unless these are better by more than a
        standard error. Under other likelihoods a process is blended with others: the network of curves, of which there are
        outputs for the held rows, and that of curves and ensemble, which needs some inputs. What held-out rows have gained where
        they have `chosen` the curves that stay is not counted: of many columns it is a good part of the loss.
        """
        if self.screening is not None or self.signs is not None or not self.settings.is_auto():
            return None  # its left-out predictions would be those of inputs that the left-out rows helped to choose
        if not isinstance(self.task, Regression):
            rows, more = Samples(self.raw_x, self.t, self.weights), (self.seed, self.names, self.settings.max_iter, log)
            return latent_network(rows, self.scaling, held, mixture, others, *more)
        weights, variance = self.weights[held], float(self.scaling.y_scale.square().mean())
        rivals: list[tuple[float, Tensor, SmoothEstimate]] = []
        loss, best, noise = mixture.expected_loss + max(chosen, 0.0), None, math.inf
        how: dict[str, Any] = {"seed": self.seed, "names": self.names, "covariances": self.covariances}
        for found in smooth_estimates(self.raw_x, self.raw_y, self.weights, **how):
            unseen = (found.out_of_fold - self.scaling.y_shift) / self.scaling.y_scale
            each = self.task.loss(unseen[held], self.t[held])
            own = float(weights @ each / weights.sum())
            if found.process is not None:
                noise, how["covariances"] = found.noise**2 / variance, found.process.covariances
            elif found.teacher is None and not is_significant(each - mixture.losses, weights):
                loss = max(loss, math.nextafter(own, math.inf))
            rivals.append((own, each, found))
        rivals.sort(key=itemgetter(0))
        least = rivals[0][:2] if rivals and rivals[0][0] < loss else (loss, mixture.losses)
        # A network that learns an estimate has at least its loss, so one fitted to the rows may show that none need learn.
        fitted = self._fitted(held, *least, noise, how, log)
        if fitted is not None and fitted.loss < loss:
            loss, best = fitted.loss, fitted
        for own, each, found in rivals:
            if own >= loss:
                break
            model, misfit = found.network(self.seed, self.settings.max_iter, log)
            total = own + misfit / variance  # errors of the estimate, and of the network that has learned it
            if total < loss:
                wider = total / max(own, 1e-300)
                unseen = self.raw_y + math.sqrt(wider) * (found.out_of_fold - self.raw_y)
                loss, best = total, TrainedNetwork(model, total, log.history[-1]["step"], log.history, unseen)
                least = loss, wider * each
        if fitted is None:  # what has been learned may leave more than the estimate did
            fitted = self._fitted(held, *least, noise, how, log)
        return fitted if fitted is not None and fitted.loss < loss else best

    def _fitted(
        self, held: Tensor, loss: float, losses: Tensor, noise: float, how: Mapping[str, Any], log: TrainingLog
    ) -> TrainedNetwork | None:
        """The network of `fit` for the rows; None where most of the loss is noise and a process knows all rows, or it takes long.

        Its loss is that of the best model so far, of losses `(m,)` of the held rows, times the ratio of both on rows that it has
        held out itself.
        """
        count, columns = len(self.t), self.raw_x.shape[1]
        seen = count <= MAX_EXACT_ROWS or (count > MAX_PROCESS_ROWS and columns > MAX_LONG_COVARIATES)
        if loss <= MIN_CLEAN_LOSS or (seen and loss > MAX_CLEAN_LOSS and noise > MAX_NOISE_SHARE * loss):
            return None
        rows, steps = (self.raw_x, self.raw_y, self.weights, self.fold == 0), self.settings.max_iter
        found = fit_network(*rows, max_iter=steps, on_step=log, **how)
        if found is None:
            return None
        model, outputs = found
        own = self.task.loss((outputs[held] - self.scaling.y_shift) / self.scaling.y_scale, self.t[held])
        there, weights = ~torch.isnan(own), self.weights[held]
        share = float(weights[there] @ own[there] / (weights[there] @ losses[there]).clamp_min(1e-300))
        return TrainedNetwork(model, share * loss, log.history[-1]["step"], log.history, outputs)

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
        found = found if self.settings.prefer == "accuracy" else found.against_first()
        table, bias = factor * curves.design.spline_coefficients(found.coefficients), factor * found.bias
        kept = self.screening.kept[-1] if self.screening is not None else None
        inputs = torch.nonzero(kept)[:, 0] if kept is not None and bool(kept.any()) else None
        model = additive_network(layer, table, bias, scaling, self.names, inputs)
        own = tuple(inputs.tolist()) if inputs is not None else None
        return TrainedNetwork(model, loss, log.history[-1]["step"], log.history, raw, own, self.task)
