"""Whether a regression is of y or of its logarithm, asked of rows that were left out; and the mean of y from that of log y.

Positive numbers whose noise grows with them, such as prices, incomes and concentrations, are predicted far better from their
logarithms. Which of the two it is, the likelihood of left-out rows says: the density of y under normal errors of log y is that
of log y over y (Box & Cox 1964). The mean of y is the exponential of the outputs times the mean of the exponentials of left-out
residuals (Duan, "Smearing estimate", JASA 78 (1983) 605).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.nn.frame import network_of
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import make_design
from splinework.tabular.grids import curve_intervals, quantile_layer
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.inner_network import outputs_of
from splinework.tabular.rows import WeightedRows
from splinework.tabular.screening import is_wide
from splinework.tabular.tasks import Regression, moments
from splinework.tabular.trained import TrainedNetwork
from splinework.train.between_rows import is_significant
from splinework.train.data_split import Samples
from splinework.train.gaussian_process import fit_process
from splinework.train.teacher import MAX_INPUTS, MAX_OUTPUTS, MIN_ROWS

MIN_SPREAD = 0.2
"""Least standard deviation of log y: with less, nearly all y are within a factor of two, where the logarithm is nearly a line."""
MAX_COMPARED_ROWS = 1000
"""Rows by which the scales are compared."""
Z_SCORE = 2.0
"""Standard errors by which left-out rows must be more likely on the scale of logarithms."""


def prefers_logarithm(rows: WeightedRows, groups: Sequence[Sequence[int]], owners: Sequence[int], seed: int) -> bool:
    """Whether left-out rows are more likely by models of log y than by those of y: curves first, then a Gaussian process.

    Curves take a hundredth of the time. The process, which is asked where there are few enough inputs and curves prefer
    logarithms, knows what inputs do together: logarithms of products are sums of curves, whatever their noise is.

    Args:
        rows: Inputs `(n, p)`, targets `(n, q)` and weights.
        groups: Inputs that are levels of one category.
        owners: Column of the table to which each input belongs.
        seed: Seed of the sample of rows.
    """
    y = np.asarray(rows.y, dtype=np.float64)
    if len(y) < MIN_ROWS or not np.all(y > 0) or is_wide(len(y), len(set(owners))):
        return False
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))[:MAX_COMPARED_ROWS]
    x, t = torch.from_numpy(rows.x)[order], torch.from_numpy(y)[order]
    weights = torch.from_numpy(rows.weights)[order]
    if float(t.log().std(0).amin()) < MIN_SPREAD:
        return False
    weights = weights / weights.mean()
    shift, scale = moments(x, weights)
    some = Samples((x - shift) / scale, t, weights)

    def by_curves(part: Samples) -> Tensor:
        settings = Hyperparameters()
        layer = quantile_layer(
            part.u, part.t.shape[1], curve_intervals(part.u, settings, Regression()), settings.degree
        )
        design = make_design(layer, part.u, part.all_weights, groups)
        curves = fit_curves(design, part.t, part.all_weights, Regression())
        return part.t - curves.unseen(torch.zeros(len(part.t), dtype=torch.long))

    def by_process(part: Samples) -> Tensor:
        how: dict[str, Any] = {"weights": part.weights, "seed": seed, "quick": True, "is_last": False}
        return torch.stack([fit_process(part.u, column, **how).left_out for column in part.t.T], dim=1)

    def surprise(left_out: Callable[[Samples], Tensor], of: Tensor) -> Tensor:
        """Minus the log density of left-out rows under normal errors, summed over the outputs, without a constant, `(n,)`."""
        centre, spread = moments(of, weights)
        squares = (spread * left_out(replace(some, t=(of - centre) / spread))).square()
        variance = (weights @ squares / weights.sum()).clamp_min(1e-300)
        return (variance.log() + squares / variance).sum(1) / 2

    asked = [by_curves]
    if x.shape[1] <= MAX_INPUTS and t.shape[1] <= MAX_OUTPUTS:
        asked.append(by_process)
    logs = t.log()
    gains = (surprise(each, t) - surprise(each, logs) - logs.sum(1) for each in asked)
    return all(is_significant(gain, weights, Z_SCORE) for gain in gains)


def mean_of_exponentials(found: TrainedNetwork, rows: WeightedRows) -> TrainedNetwork:
    """The result whose outputs are logarithms of the mean of y, of one that has learned log y.

    Args:
        found: The result; its network is left unchanged.
        rows: The rows of the fit, with y itself.
    """
    logs = torch.from_numpy(np.log(np.asarray(rows.y, dtype=np.float64)))
    unseen = found.out_of_fold
    held = None if unseen is None else ~torch.isnan(unseen[:, 0])
    if unseen is None or held is None or not bool(held.any()):
        unseen, held = torch.from_numpy(outputs_of(found.model, rows.x)), torch.ones(len(logs), dtype=torch.bool)
    shares = torch.from_numpy(rows.weights / rows.weights.sum())[held]
    shift = torch.logsumexp((logs - unseen)[held] + (shares / shares.sum()).log()[:, None], dim=0)
    model = copy.deepcopy(found.model)
    scaling = network_of(model).output_scaling
    scaling.set(scaling.shift + shift, scaling.scale)
    moved = None if found.out_of_fold is None else found.out_of_fold + shift
    return replace(found, model=model, out_of_fold=moved)
