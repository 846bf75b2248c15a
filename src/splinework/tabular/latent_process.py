"""Gaussian processes under the likelihoods of classes, counts, positive numbers and quantiles, and the networks that learn them.

Iteratively reweighted least squares finds the posterior mode of the outputs: their working responses are rows of a regression,
whose noise is known where the likelihood leaves no scale open, and whose marginal likelihood says how smooth the outputs are
(penalised quasi-likelihood: Breslow & Clayton, JASA 88 (1993) 9; Rasmussen & Williams 2006, ch. 3.4, without the derivatives of
the weights). What is taught to a network is the output whose probability is that of the posterior's mean, nearly (MacKay, Neural
Computation 4 (1992) 720; of several classes: Lu, Ie & Sha, arXiv 2006.07584).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from splinework.interpret.edit.pruning import without_edges
from splinework.interpret.edit.side_by_side import mean_network
from splinework.nn.network import KAN
from splinework.tabular.assembly import Standardisation
from splinework.tabular.ensemble_size import MIN_MANY_ROWS
from splinework.tabular.many_row_process import MIN_SLOPE, Mode, learned_network, mode_of_many, moderated
from splinework.tabular.smooth import MAX_ROWS, SmoothEstimate, network_for, of_inputs
from splinework.tabular.stacking import CHOSEN_Z, Stacking, stack
from splinework.tabular.tasks import Classification, Task
from splinework.tabular.trained import TrainedNetwork, TrainingLog
from splinework.train.additive_network import put_curves
from splinework.train.between_rows import PRIOR_ROWS, blending_share, is_significant
from splinework.train.covariance import Covariance
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples, set_units
from splinework.train.gaussian_process import MAX_EXACT_ROWS, GaussianProcess, fit_process, is_refitted
from splinework.train.process_search import CHANCE_GAIN
from splinework.train.process_teacher import ProcessTeacher, learned_curve
from splinework.train.teacher import MIN_ROWS

MAX_COVARIATES, MAX_OUTPUTS = 20, 6
"""Most covariates, and outputs, each of which has a process of its own, searched for three times. With 64 covariates
breast_cancer has a log loss of 0.0822 in five folds instead of 0.0767."""
N_SEARCHES, MAX_TURNS = 3, 10
"""Turns of reweighting in which hyperparameters are searched for, and further ones at most."""
MAX_CHANGE = 1e-3
"""Change of the loss in a turn, as a share of it, below which outputs are at the mode."""
GAIN_OF_LENGTH = 0.5
"""What a length scale that the rows have chosen adds to their log likelihood by chance, in the mean (Wilks 1938)."""
MIN_SHARE = 0.05
"""The least weight of the network of a process, or of curves and ensemble, beside the other."""
MAX_UNNEEDED_COST = 0.05
"""Share of the loss that edges from inputs which neither of both needs may save on rows that they have learned from."""


@dataclass(frozen=True)
class LatentTeacher(ProcessTeacher):
    """Processes of outputs, in network units, whose mean is taken over what they leave open of the probabilities.

    Attributes:
        slopes: `π / 8` in units of each output, `(outputs,)`; 0 where outputs are no logits.
        origin: An output of 0 in network units, `(outputs,)`.
        other: The function of points `(N, inputs)` that has the rest of the share; None where there is none.
    """

    slopes: Tensor = field(default_factory=lambda: torch.zeros(1))
    origin: Tensor = field(default_factory=lambda: torch.zeros(1))
    other: Callable[[Tensor], Tensor] | None = None

    def __call__(self, u: Tensor) -> Tensor:
        """The outputs `(N, outputs)`."""
        return self.posterior(u)[0]

    @torch.no_grad()
    def posterior(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs, and the standard deviations of the processes, `(N, outputs)` each."""
        means, deviations = super().posterior(u)
        own = moderated(means - self.origin, deviations.square() * self.slopes) + self.origin
        return (own if self.other is None else self.share * own + (1 - self.share) * self.other(u)), deviations


def latent_network(
    rows: Samples,
    scaling: Standardisation,
    held: Tensor,
    mixture: Stacking,
    others: tuple[KAN, Tensor, KAN, Tensor, Tensor],
    seed: int,
    names: Sequence[str] | None,
    max_iter: int,
    log: TrainingLog,
) -> TrainedNetwork | None:
    """The network of a process, blended with curves, unless curves and ensemble predict held-out rows better.

    Of classes it must do better than their shares: curves and ensemble may only seem to, as the same rows have chosen them.

    Args:
        rows: Raw inputs, standardised targets and weights.
        scaling: The units of the targets.
        held: The rows `(m,)` that judge.
        mixture: Curves and ensemble as these rows have judged them, and the likelihood.
        others: The network of curves, in raw units, and its outputs for the held rows without their folds, `(m, q)`; that of
            curves and ensemble, with the inputs that it needs, `(p,)`: from the rest it loses its edges beside the process; and
            the outputs of a constant.
        seed: Seed of all that is random.
        names: Names of the inputs.
        max_iter: Number of steps that is shown as the most.
        log: The log of steps.
    """
    assert rows.weights is not None
    t, weights, found = rows.t[held], rows.weights[held], None
    curves, of_curves, merged, needed, constant = others
    if isinstance(mixture.task, Classification):
        # From a constant Newton's steps do not overshoot.
        start = mixture.task.constant(rows.t, rows.weights).expand_as(rows.t)
    else:
        start = (curves(rows.u).detach() - scaling.y_shift) / scaling.y_scale
    many, of_many = isinstance(mixture.task, Classification) and len(rows.u) > MAX_EXACT_ROWS, None
    if many:
        of_many = torch.full_like(rows.t, math.nan).index_copy(0, held, mixture.outputs), needed
    for task, estimate in _estimates(rows, mixture.task, start, seed, names, of_many):
        share = _share(estimate.out_of_fold[held], of_curves, t, weights, task)
        blend = share * estimate.out_of_fold[held] + (1 - share) * of_curves
        judged = stack(blend, (), t, weights, task)
        if found is None or judged.loss < found[0].loss:
            found = judged, estimate, share, blend
    if found is None:
        return None
    judged, estimate, share, blend = found
    beside, shares, is_class = mixture.outputs, mixture.task.loss(constant, t), isinstance(mixture.task, Classification)
    pools = len(merged.kan_layers) > 1 and is_class and rows.u.shape[1] > 1
    pools = pools and len(rows.u) < MIN_MANY_ROWS  # of many the choice is clear, and one of them smaller
    # What curves and ensemble have gained may be what these rows' choices gain by chance.
    pools = pools and mixture.allowance(rows.u.shape[1]) * mixture.loss < float(weights @ shares / weights.sum())

    # Of what these rows promise for choices of their own, equal shares are held in place of as many rows.
    prior = max(PRIOR_ROWS, mixture.choices(rows.u.shape[1]))

    def is_behind() -> bool:
        if pools:
            return _share(judged.outputs, beside, t, weights, judged.task, prior) < MIN_SHARE
        return _is_behind(judged, mixture, rows.u.shape[1], weights)

    def is_chance() -> bool:
        """Whether left-out rows gain on the shares of classes no more than lengths that they have chosen gain by chance."""
        gains, lengths = shares - judged.losses, rows.u.shape[1] * max(1, t.shape[1] - 1)
        return float(weights @ gains) <= GAIN_OF_LENGTH * lengths or not is_significant(gains, weights, CHOSEN_Z)

    if share == 0 or is_behind() or (is_class and is_chance()):
        return None
    objective = estimate.objective
    units, inputs = objective.model.output_scaling, objective.model.input_scaling

    def rest(u: Tensor) -> Tensor:
        outputs: Tensor = units((curves(inputs.inverse(u)) - scaling.y_shift) / scaling.y_scale)
        return outputs

    assert isinstance(estimate.teacher, LatentTeacher)
    teacher = replace(estimate.teacher, share=share, other=rest)
    if many:

        def mean(x: Tensor) -> Tensor:
            return units.inverse(teacher(inputs(x)))

        learned: dict[str, Any] = {"seed": seed, "max_iter": max_iter, "on_step": log}
        model, taught = learned_network(curves, mean, rows.u, teacher.depends, scaling, **learned)
    elif rows.u.shape[1] > 1:
        used = teacher.depends
        if share < 1:
            used = used | curves.kan_layers[0].edge_coefficients().flatten(1).any(1)
        estimate = replace(estimate, objective=of_inputs(objective, used, seed), teacher=teacher)
        model, _ = estimate.network(seed, max_iter, log)
    else:
        model = objective.model
        put_curves(model, learned_curve(model, objective.u, teacher), objective.u)
    with torch.no_grad():
        taught = taught if many else units.inverse(teacher(objective.u))
        outputs, units = blend + (model(rows.u) - taught)[held], model.output_scaling
        judged = stack(outputs, (), t, weights, judged.task)
        if is_behind():
            return None
        factor = judged.inverse_temperature
        shift = scaling.y_shift + scaling.y_scale * judged.task.calibration(judged.outputs, t, weights)
        units.set(shift + factor * scaling.y_scale * units.shift, factor * scaling.y_scale * units.scale)
        outputs, task = judged.outputs, judged.task
        if pools:
            own = _share(outputs, beside, t, weights, task, prior)
            kept = [layer.alive for layer in merged.kan_layers]
            kept[0] = kept[0] & (model.kan_layers[0].alive.any(1) | needed)[:, None]
            fewer, seen = without_edges(merged, rows.u, kept), rows.u[held]
            without, before = (task.loss(own * model(seen) + (1 - own) * each(seen), t) for each in (fewer, merged))
            total, by_chance = float(weights @ judged.losses), CHANCE_GAIN * rows.u.shape[1] * max(1, t.shape[1] - 1)
            cost = float(weights @ (without - before))
            # Where less is lost than idle inputs gain by chance, rows cannot tell which are idle.
            idle = total > by_chance and cost <= MAX_UNNEEDED_COST * total
            parts = model, fewer if idle else merged
            pool = mean_network(parts, (own, 1 - own)) if own < 1 - MIN_SHARE else None
            if pool is None and own < 0.5:
                return None
            if pool is not None:
                model, outputs = pool, own * outputs + (1 - own) * beside
                task = min((task, mixture.task), key=lambda each: float(weights @ each.loss(outputs, t)))
        loss = float(weights @ task.loss(outputs, t) / weights.sum())
        unseen = torch.full_like(rows.t, math.nan).index_copy(0, held, shift + scaling.y_scale * outputs)
    return TrainedNetwork(model, loss, log.history[-1]["step"], log.history, unseen, task=task)


def _estimates(
    rows: Samples,
    task: Task,
    start: Tensor,
    seed: int,
    names: Sequence[str] | None,
    seen: tuple[Tensor, Tensor] | None,
) -> Iterator[tuple[Task, SmoothEstimate]]:
    """The process under right labels and under the likelihood, where these differ; of many rows, `seen`, one for both."""
    assert rows.weights is not None
    tasks = tuple(dict.fromkeys((task.of_right_labels(), task)))
    how: dict[str, Any] = {"seed": seed, "names": names, "seen": seen}
    for each in tasks if seen is None else (task,):
        found = latent_estimate(rows.u, rows.t, rows.weights, each, start, **how)
        if found is None or found.process is None:
            return
        how["begun"] = found.process.covariances
        yield from ((own, found) for own in ((each,) if seen is None else reversed(tasks)))


def _share(one: Tensor, other: Tensor, y: Tensor, weights: Tensor, task: Task, prior_rows: float = PRIOR_ROWS) -> float:
    """The weight of outputs `(m, q)` beside others that the working residuals of rows which neither has seen ask for."""
    middle, apart = (one + other) / 2, []
    for j in range(y.shape[1]):
        response, known = task.working(middle, y, weights, j, MIN_SLOPE)
        apart.append(known.sqrt() * torch.stack([response - one[:, j], response - other[:, j]]))
    first, second = torch.stack(apart, dim=2)
    return blending_share(first, second, prior_rows)


def _is_behind(judged: Stacking, mixture: Stacking, inputs: int, weights: Tensor) -> bool:
    """Whether curves and ensemble predict held-out rows better: of classes by more than a standard error, after an allowance.

    The rows have chosen where groups stop and what sees which input. Of few rows, the log loss of others is up to twice theirs.
    """
    if not isinstance(mixture.task, Classification):
        return not judged.loss < mixture.loss
    apart = judged.losses - mixture.allowance(inputs) * mixture.losses
    return not math.isfinite(judged.loss) or is_significant(apart, weights)


def latent_estimate(
    x: Tensor,
    y: Tensor,
    weights: Tensor,
    task: Task,
    start: Tensor,
    *,
    seed: int,
    names: Sequence[str] | None = None,
    begun: Sequence[Covariance] = (),
    seen: tuple[Tensor, Tensor] | None = None,
) -> SmoothEstimate | None:
    """The process of the outputs of a likelihood; None of tables that are too small, too long or too wide.

    Args:
        x: Inputs `(n, p)`.
        y: Targets `(n, q)` as the task takes them.
        weights: Row weights `(n,)` of mean 1.
        task: The likelihood.
        start: Outputs `(n, q)` to begin with.
        seed: Seed of the sample of rows that hyperparameters are estimated from, and of the network's values.
        names: Names of the inputs.
        begun: Covariances under a likelihood that is nearly the same, from which the search goes on.
        seen: Outputs `(n, q)` of a model that has not seen the row, NaN where there are none, and the inputs `(p,)` that it
            needs, on which alone processes of many rows of classes depend; None for other tables.
    """
    if not (MIN_ROWS <= len(x) <= MAX_ROWS and x.shape[1] <= MAX_COVARIATES and y.shape[1] <= MAX_OUTPUTS):
        return None
    model = network_for(x.shape[1], y.shape[1], seed, names, base="none")  # to stand beside any other network
    set_units(model, x, start, always=True)
    u = model.input_scaling(x)
    if seen is None:
        mode = _posterior_mode(u, y, weights, task, start, seed, begun)
    else:
        mode = mode_of_many(u, y, weights, task, *seen, seed)
    set_units(model, x, mode.outputs, always=True)
    scaling, factor = model.output_scaling, math.pi / 8 if isinstance(task, Classification) else 0.0
    units = zip(mode.processes, scaling.shift.tolist(), scaling.scale.tolist(), strict=True)
    teacher = LatentTeacher(
        tuple(process.in_units(shift, scale) for process, shift, scale in units),
        slopes=factor * scaling.scale.square(),
        origin=-scaling.shift / scaling.scale,
    )
    if factor and mode.variance is None:
        variance = torch.stack([process.deviation(u).square() for process in mode.processes], dim=1)
        mode = replace(mode, variance=variance)
    unseen = mode.moderated if factor else mode.unseen
    objective = DataObjective(model, u=u, t=scaling(mode.outputs), weights=weights, seed=seed)
    return SmoothEstimate(unseen, objective, teacher)


def _posterior_mode(
    u: Tensor, y: Tensor, weights: Tensor, task: Task, start: Tensor, seed: int, begun: Sequence[Covariance]
) -> Mode:
    """The mode, by one output after the other: first with a search for hyperparameters, then to its end at these."""
    count = start.shape[1]
    outputs, known = start.clone(), torch.empty_like(start)
    processes, responses = list[GaussianProcess](), torch.empty_like(start)
    searched = list[Covariance | None](begun) or [None] * count

    def response(j: int) -> tuple[Tensor, Tensor, float | None]:
        responses[:, j], known[:, j] = task.working(outputs, y, weights, j, MIN_SLOPE)
        mean = float(known[:, j].mean())
        return responses[:, j], known[:, j] / mean, None if task.has_dispersion else 1 / mean

    for turn in range(bool(begun), N_SEARCHES):
        processes, last = [], turn == N_SEARCHES - 1
        for j in range(count):
            t, share, noise = response(j)
            how: dict[str, Any] = {"seed": seed, "changed": True, "is_last": last}
            processes.append(fit_process(u, t, weights=share, begun=searched[j], noise=noise, **how))
            searched[j], outputs[:, j] = processes[j].covariance, processes[j](u)
    unseen = responses - torch.stack([process.left_out for process in processes], dim=1)
    kernels, loss = [process.kernel(u) for process in processes], math.inf
    for _ in range(MAX_TURNS):
        for j in range(count):
            t, share, noise = response(j)
            processes[j] = processes[j].given(t, share, noise, kernels[j])
            outputs[:, j] = processes[j].mean(kernels[j])
        last_loss, loss = loss, float(weights @ task.loss(outputs, y)) / len(y)
        if abs(last_loss - loss) < MAX_CHANGE * abs(loss):
            break
    if not is_refitted(u):
        unseen = responses - torch.stack([process.left_out for process in processes], dim=1)
    return Mode(tuple(processes), outputs, unseen, known)
