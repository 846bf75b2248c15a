"""Training of one network: an additive model, a cross-validated ensemble on its residual, and the stacking of both.

First every input gets a curve (`additive.py`); then networks learn the interactions (`ensemble.py`), each with a fold of the rows
held out; the out-of-fold predictions give the stacking weights (`stacking.py`), and the result is merged into one network
(`assembly.py`). Where interactions do not improve the held-out loss significantly, the network stays additive, `[p, q]`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.nn.frame import network_of
from splinework.nn.network import KAN
from splinework.tabular.assembly import Standardisation
from splinework.tabular.constant import constant_network
from splinework.tabular.continuation import continue_training
from splinework.tabular.curves import tuned_to_constant
from splinework.tabular.design import make_design
from splinework.tabular.directions import settle
from splinework.tabular.ensemble import ProgressCallback
from splinework.tabular.ensemble_size import N_FOLDS, n_members
from splinework.tabular.extrapolation import with_level_tails
from splinework.tabular.grids import quantile_layer
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.losses import LogNormalTask
from splinework.tabular.network_fit import NetworkFit
from splinework.tabular.repeated import counts_of, in_folds
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.screening import INTERVALS as SCREENING_INTERVALS
from splinework.tabular.screening import is_wide, screen
from splinework.tabular.target_scale import mean_of_exponentials
from splinework.tabular.tasks import Classification, Regression, Task, moments, targets_of
from splinework.tabular.trained import TrainedNetwork, TrainingLog
from splinework.train.data_split import Samples
from splinework.train.input_transform import even_scales


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
    signs: Sequence[int] | None = None,
) -> TrainedNetwork:
    """Fits a network to rows; the result is a deterministic function of rows, settings and seed.

    Args:
        x: Inputs `(n, p)`, finite.
        y: Targets `(n, q)` of a regression, or class codes `(n,)`.
        weights: Positive row weights `(n,)`; only their ratios matter, unless they are counts (`counts_of`).
        task: The likelihood.
        settings: The hyperparameters.
        seed: Seed of folds, initial values and batches.
        groups: Inputs that are levels of one category.
        owners: Column of the table to which each input belongs; by default each is a column.
        on_step: Called with stage, step, steps and loss; True ends the stage.
        start: A network to continue from; its grids stay.
        names: Names of the inputs.
        signs: 1, -1 or 0 for each input along which the outputs rise or fall by construction.

    Raises:
        ConfigError: If `grid`, `degree` or `hidden` is invalid.
    """
    if isinstance(task, LogNormalTask):
        how: dict[str, Any] = {"settings": settings, "seed": seed, "groups": groups, "owners": owners}
        how |= {"on_step": on_step, "start": start, "names": names, "signs": signs}
        rows = WeightedRows(x, np.asarray(y, dtype=np.float64), weights)
        return mean_of_exponentials(train(x, np.log(rows.y), weights, task=Regression(), **how), rows)
    raw_x, w = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.asarray(weights) / np.mean(weights))
    raw_y, right, generator = targets_of(y, task), task.of_right_labels(), torch.Generator().manual_seed(seed)
    folds = max(N_FOLDS, n_members(settings, len(raw_y), right))
    fold = torch.randperm(len(raw_y), generator=generator) % folds
    counts = counts_of(raw_x, np.asarray(weights)) if start is None and isinstance(task, Classification) else None
    if counts is not None:
        at, w, fold = in_folds(counts, fold, folds)
        raw_x, raw_y = raw_x[at], raw_y[at]
    belongs = torch.arange(raw_x.shape[1]) if owners is None else torch.as_tensor(owners)
    wide = is_wide(len(raw_x), len(torch.unique(belongs))) and signs is None
    free = start is None and signs is None and settings.is_auto() and not wide
    free = free and isinstance(task, Regression)
    transform, covariances = even_scales(Samples(raw_x, raw_y, w), seed) if free else (None, ())
    given = raw_x
    raw_x = given if transform is None else transform(given)
    scaling = Standardisation(*moments(raw_x, w), *task.units(raw_y, w))
    u, t = (raw_x - scaling.x_shift) / scaling.x_scale, task.in_units(raw_y, scaling.y_shift, scaling.y_scale)
    log = TrainingLog(on_step)
    if start is not None:
        loss, steps, model = continue_training(start, raw_x, raw_y, w, task, settings.max_iter, seed, log)
        return TrainedNetwork(model, loss, steps, log.history)
    judged, known = (raw_x, raw_y, u, t, w, fold), (groups or (), belongs, names)
    directions = None if signs is None else torch.tensor(signs, dtype=torch.float64)
    job = NetworkFit(
        *judged, scaling, right, settings, seed, generator, *known, signs=directions, covariances=covariances
    )
    found = _screened(job, log) if wide else job.run(log)
    if transform is not None:
        found = found.on_raw_inputs(transform, given, float(scaling.y_scale.mean()))
    if directions is None and isinstance(task, Classification):
        found = replace(found, model=with_level_tails(network_of(found.model)))
    if directions is not None:
        settle(found.model, directions)
    return found


def _screened(job: NetworkFit, log: TrainingLog) -> TrainedNetwork:
    """The network of the inputs that screening keeps."""
    layer = quantile_layer(job.u, job.t.shape[1], SCREENING_INTERVALS, job.settings.degree)
    design = make_design(layer, job.u, job.weights, job.groups)
    task = tuned_to_constant(job.t, job.weights, job.task)
    found = screen(design, job.t, job.weights, task, job.fold, job.owners)
    kept = tuple(found.inputs.tolist())
    log("screening", 1, 1, found.loss)
    log.history[-1] |= {"inputs": job.u.shape[1], "kept": len(kept)}
    if not kept:
        bias = job.scaling.y_shift + job.scaling.y_scale * job.task.constant(job.t, job.weights)
        model = constant_network((job.names or ["x1"])[:1], bias.numpy())
        return TrainedNetwork(model, found.loss, 1, log.history, kept=kept)
    place = {i: at for at, i in enumerate(kept)}
    at, names = found.inputs, [job.names[i] for i in kept] if job.names else None
    groups = [[place[i] for i in group if i in place] for group in job.groups]
    rows: dict[str, Any] = {"raw_x": job.raw_x[:, at], "u": job.u[:, at], "scaling": job.scaling.of_inputs(at)}
    own = replace(job, **rows, groups=groups, owners=job.owners[at], names=names, screening=found)
    result = own.run(log)
    return replace(result, kept=kept if result.kept is None else tuple(kept[i] for i in result.kept))
