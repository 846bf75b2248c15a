"""Networks that are sums of curves, whatever their depth, and the fit of one without hidden nodes."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import greville
from splinework.splines.bases import BSpline
from splinework.train.additive import SumOfCurves, additive_fit, is_estimable, judged_fit
from splinework.train.between_rows import is_significant
from splinework.train.coordinates import effective_parameters
from splinework.train.covariance import Covariance
from splinework.train.curve import FREEDOM_COST, MAX_CLEAN_SHARE, MIN_ROWS, CurveEstimate
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.losses import Squared
from splinework.train.objective import Objective
from splinework.train.plan import TrainingPlan
from splinework.train.process_teacher import ProcessTeacher, estimated_curve
from splinework.train.refinement import MIN_VALUES_PER_PARAMETER, converge, raise_degrees, refine_grids
from splinework.train.run import TrainingRun
from splinework.train.smoothing import Smoothing, penalty_matrices

N_STRENGTHS = 301
"""Strengths of a penalty that are compared, ten for each power of ten."""
MAX_ROUNDED_SHARE = 1e-20
"""Share of the variance left by curves without penalties below which they do not grow: hundreds of steps would win a digit."""
N_CHOICES = 2
"""Choices that left-out rows make for a smooth estimate: the scale of its inputs, and what curves weigh in it."""
MAX_GROWN_ERROR = 0.3
"""Of clean rows, richer splines without penalties are tried, too, and taken if their error is below this share of that with
penalties: of a smooth function it falls by orders of magnitude, of one with kinks hardly, while without penalties nothing holds
them between the rows."""
MAX_CLEAN_RATIO = 0.1
"""Share of the squared error of curves that leave nothing to explain below which a process must stay to be followed instead."""


def is_linear(objective: DataObjective, plan: TrainingPlan) -> bool:
    """Whether a fit is that of one curve or a sum of several: least squares by default of a network without hidden nodes.

    Whatever its hidden nodes, a network of one input is a curve, unless it goes on from its own numbers, with `starts=1`.
    """
    model = objective.model
    return (
        plan.smooths == "noisy"
        and plan.raises
        and plan.steps is None
        and type(objective) is DataObjective
        and isinstance(objective.criterion, Squared)
        and not objective.penalties
        and (len(model.kan_layers) == 1 or (model.inputs == 1 and plan.starts != 1))
        and may_hold_curves(model)
        and _are_estimable(objective)
    )


def _are_estimable(objective: DataObjective) -> bool:
    """Whether the rows determine curves."""
    if objective.model.inputs > 1:
        return is_estimable(objective)
    return objective.spread > 0 and len(torch.unique(objective.u)) >= MIN_ROWS


def estimated_curves(objective: DataObjective, known: SumOfCurves | None = None) -> SumOfCurves | None:
    """The curves of several inputs, on splines like those `known`; None where the network, or the rows, do not allow them."""
    if not (may_hold_curves(objective.model) and is_estimable(objective)):
        return None
    return judged_fit(objective.model, objective.samples, known)


def leaves_nothing(curves: CurveEstimate, objective: DataObjective) -> bool:
    """Whether rows that the curves have not seen are met so well that there is no noise, and nothing else to explain."""
    return float(curves.left_out.square().mean()) < MAX_CLEAN_SHARE * objective.spread


def better_process(
    curves: CurveEstimate, objective: DataObjective, seed: int, begun: Sequence[Covariance], run: TrainingRun
) -> ProcessTeacher | None:
    """A process, blended with curves, that predicts clean rows clearly better than these alone; None where there is none.

    The best score of the run is what held-out rows have under the curves without penalties, where these pay.
    """
    process = ProcessTeacher.of(objective.samples, seed, curves, begun, deadline=run.half_time)
    is_better = float(process.left_out.square().mean()) < MAX_CLEAN_RATIO * run.best_score**2
    return process if is_better and is_ahead(process, curves, objective) else None


def is_ahead(process: ProcessTeacher, curves: CurveEstimate, objective: DataObjective, misfit: float = 0.0) -> bool:
    """Whether a process, and a network that misses it by so much in the mean square, clearly leave less of the rows than curves.

    Of clean rows a few, at kinks, make most of the error, so that its standard error says nothing.
    """
    own, other = process.left_out.square() + misfit, curves.left_out.square().cpu()
    if leaves_nothing(curves, objective):
        return bool(own.mean() < MAX_CLEAN_RATIO * other.mean())
    return is_significant((other - own).mean(1))


def may_hold_curves(model: KAN) -> bool:
    """Whether a network of any depth can be a sum of curves: all layers are plain ones of B-splines, with sum nodes enough."""
    return all(
        type(layer.basis) is BSpline
        and layer.basis.degree > 0
        and layer.grid_kind == "adaptive"
        and layer.shaping is None
        and layer.bias is not None
        and layer.functions is None
        and bool((layer.mask != 0).all())
        and all(parameter.requires_grad for parameter in layer.parameters())
        and nodes.sums >= model.outputs
        for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True)
    )


@torch.no_grad()
def put_curves(model: KAN, curves: CurveEstimate, u: Tensor) -> None:
    """Makes a network the sum of curves: each output passes one node of every hidden layer, and all other edges go.

    Args:
        model: A network of any depth for which `may_hold_curves`; changed in place.
        curves: The curves.
        u: Rows `(N, d)`, which say how far the grids of passing edges reach.
    """
    own, outputs, sums = curves.network.kan_layers[0], model.outputs, curves(u)
    for number, layer in enumerate(model.kan_layers):
        extra = layer.edge_coefficients().shape[1] - layer.basis.size
        basis, grid = (own.basis, own.grid) if number == 0 else (layer.basis, _reaching(layer, sums))
        values = layer.coefficients.new_zeros(layer.inputs, basis.size + extra, layer.outputs)
        mask = torch.zeros_like(layer.mask)
        assert layer.bias is not None
        layer.bias.zero_()
        if number == 0:
            assert own.bias is not None
            values[:, : basis.size, :outputs] = own.edge_coefficients()
            layer.bias[:outputs] = own.bias
            mask[:, :outputs] = 1
        else:
            assert basis.degree is not None
            for j in range(outputs):
                values[j, : basis.size, j] = greville(grid, basis.degree)[j]
                mask[j, j] = 1
        layer.replace_grid(basis, grid, values)
        layer.mask.copy_(mask)


@torch.no_grad()
def take_constant(run: TrainingRun, objective: DataObjective) -> None:
    """Makes a network without edges, whose outputs are the means of the rows, the best state of the run."""
    model = copy.deepcopy(objective.model)
    for layer in model.kan_layers:
        assert layer.bias is not None
        layer.mask.zero_()
        layer.bias.zero_()
    weights = objective.samples.all_weights
    assert layer.bias is not None
    layer.bias[: model.outputs] = weights @ objective.t / weights.sum()
    fitted = replace(objective, model=model, penalties=())
    run.judge_anew(fitted, run.held_out)
    run.record(fitted, "mean")


@torch.no_grad()
def shows_nothing(left_out: Tensor, objective: DataObjective) -> bool:
    """Whether rows `(N, q)` that an estimate has not seen are predicted no better by it than by the mean of the others.

    Its error is that of other rows than those that have chosen `N_CHOICES` numbers for it (Akaike 1969).
    """
    weights = objective.samples.all_weights
    share = weights / weights.sum()
    alone = (objective.t - share @ objective.t) / (1 - share)[:, None]
    allowance = (objective.count + N_CHOICES) / max(objective.count - N_CHOICES, 1)
    return bool(allowance * (share @ left_out.to(alone).square().mean(1)) >= share @ alone.square().mean(1))


def _reaching(layer: KANLayer, sums: Tensor) -> Tensor:
    """The layer's grid, the first inputs of which reach over the sums `(N, q)`."""
    low, high = (each.clone() for each in layer.basis.domain(layer.grid))
    count = sums.shape[1]
    low[:count], high[:count] = sums.amin(0), torch.maximum(sums.amax(0), sums.amin(0) + 1e-6)
    grid: Tensor = layer.basis.make_grid(low, high)
    return grid


@torch.no_grad()
def fit_linear(run: TrainingRun, objective: DataObjective, plan: TrainingPlan, seed: int) -> None:
    """Fits a network `[d, q]` to rows, of which none need be held out; the result is the best state of the run."""
    if objective.model.inputs > 1:
        return take_curves(run, objective, plan, additive_fit(objective.model, objective.samples))
    curve, left_out, found = estimated_curve(objective.model, objective.samples, seed)
    _take(run, objective, curve, _equivalent_strengths(curve, objective.samples, left_out))
    run.history.decide("grid", found)


@torch.no_grad()
def take_curves(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, curves: SumOfCurves, *, grows: bool = True
) -> None:
    """Makes a network that is the sum of the curves the best state of the run.

    Where next to nothing is left, there is no noise to smooth away: then finer grids and higher degrees without penalties are
    tried, too, where it `grows`, and stay if generalised cross-validation clearly prefers them.
    """
    fitted = _take(run, objective, curves, curves.strengths)
    freedom = ", ".join(f"{f:.3g}" for f in curves.freedom)
    run.history.decide("grid", f"{curves.design.basis} by cross-validation: {freedom} effective parameters")
    if not grows or fitted.unexplained_share() > MAX_CLEAN_SHARE or run.over:
        return
    model = copy.deepcopy(fitted.model)
    kept, before = (
        (run.best, run.best_score, run.best_penalties),
        _generalisation_error(run, fitted, sum(curves.freedom)),
    )
    # Without penalties rows must be more than coefficients.
    put_curves(
        model, additive_fit(model, objective.samples, int(objective.count / MIN_VALUES_PER_PARAMETER)), objective.u
    )
    plain: Objective = replace(fitted, model=model, penalties=())
    run.judge_anew(plain, run.held_out)
    try:
        with torch.enable_grad():
            plain = _grown(run, plain, plan)
    except KeyboardInterrupt:
        run.best, run.best_score, run.best_penalties = kept
        raise
    after = _generalisation_error(run, plain, effective_parameters(plain))
    if not after < MAX_GROWN_ERROR * before:
        run.best, run.best_score, run.best_penalties = kept
        run.history.decide(
            "grid", f"splines without penalties did not pay: relative error {after:.3g} after {before:.3g}"
        )


def _take(run: TrainingRun, objective: DataObjective, curves: CurveEstimate, strengths: Tensor) -> DataObjective:
    """Makes the curves, of which `strengths` are λ and μ, the best state of the run, and returns it."""
    model = copy.deepcopy(objective.model)
    put_curves(model, curves, objective.u)
    fitted = replace(objective, model=model, penalties=(_penalty(model, strengths / objective.t.numel()),))
    run.judge_anew(fitted, run.held_out)
    run.record(fitted, f"curves of {curves.network.kan_layers[0].basis}")
    return fitted


def _grown(run: TrainingRun, plain: Objective, plan: TrainingPlan) -> Objective:
    """The curves without penalties, with the degrees and grids that pay."""
    converge(run, plain, plan.method, plan.stage_steps, f"grid {plain.model.kan_layers[0].basis.resolution}")
    plain = raise_degrees(run, plain, plan.method, plan.stage_steps, enough=MAX_ROUNDED_SHARE)
    if plain.unexplained_share() <= MAX_ROUNDED_SHARE:
        return plain
    return refine_grids(run, plain, plan.method, None, plan.stage_steps)


def _generalisation_error(run: TrainingRun, objective: Objective, freedom: float) -> float:
    """The held-out error or, without held-out rows, generalised cross-validation as the curves were chosen by."""
    if run.held_out is not None:
        return run.score(objective)
    left = 1 - FREEDOM_COST * freedom / objective.n_values
    return math.sqrt(max(objective.loss_value(), 0.0)) / left if left > 0 else math.inf


def _penalty(model: KAN, strengths: Tensor) -> Smoothing:
    """The penalty of the first layer's edges by which a sum of curves is the minimum, from λ and μ `(2, d, q)`."""
    found = [layer.coefficients.new_zeros(2, layer.inputs, layer.outputs) for layer in model.kan_layers]
    found[0][:, :, : model.outputs] = strengths
    return Smoothing(1.0, tuple(found))


def _equivalent_strengths(curve: CurveEstimate, rows: Samples, left_out: Tensor) -> Tensor:
    """λ and μ, `(2, 1, q)`, with which splines would have as many effective parameters as the estimate that they show.

    An estimate follows rows by the share by which their residuals are smaller than without them: that is its freedom, which
    standard errors rest on. Directions `a` that rows see and `1 - a` that bend keep `Σ a / (a + λ (1 - a))` of it.
    """
    layer = curve.network.kan_layers[0]
    table = layer.table().rows(rows.u, 0)[:, 0]
    seen = table.T @ (table if rows.weights is None else rows.weights[:, None] * table)
    bent = penalty_matrices(layer)[0, 0]
    balance = seen.trace() / bent.trace()
    size, axes = torch.linalg.eigh(seen + balance * bent)
    kept = size > 1e-12 * size[-1]
    axes = axes[:, kept] / size[kept].sqrt()
    share = torch.linalg.eigvalsh(axes.T @ seen @ axes).clamp(0, 1)
    counted = (rows.all_weights > 0)[:, None].to(rows.t)
    errors, unseen = counted * (rows.t - curve(rows.u)), counted * left_out
    free = ((errors * unseen).sum(0) / unseen.square().sum(0).clamp_min(1e-300)).clamp(0, 1)
    strengths = torch.logspace(-20, 10, N_STRENGTHS, dtype=share.dtype, device=share.device)
    freedom = (share / (share + strengths[:, None] * (1 - share)).clamp_min(1e-300)).sum(1)
    nearest = (freedom[:, None] - counted.sum() * (1 - free)).abs().argmin(0)
    return torch.stack([balance * strengths[nearest], torch.zeros_like(free)])[:, None]
