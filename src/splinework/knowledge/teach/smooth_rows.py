"""Rows without their noise, for networks that learn under penalties or inside formulas.

Where axioms are penalties or formulas around the network, no smooth estimate of the rows obeys them, and the parameters follow
the noise of few rows. A plain network is fitted first, with all that `fit` does about noise, and the network under axioms learns
from it: at the rows and where further rows would lie (knowledge distillation, Hinton et al. 2015).
"""

import copy
import warnings
from dataclasses import replace

import torch

from splinework.errors import FitWarning
from splinework.knowledge.teach.informed import GivenRows
from splinework.nn.network import KAN
from splinework.train import fit as fit_rows
from splinework.train.between_rows import draw_points
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.refinement import MAX_UNEXPLAINED_SHARE
from splinework.train.teacher import MAX_ROWS, MIN_POINTS, MIN_ROWS, POINTS_PER_PARAMETER


def smooth_rows(model: KAN, rows: GivenRows, options: TrainingOptions) -> GivenRows | None:
    """Points and a smooth estimate there; None where the rows have hardly any noise, or the user's options say how to fit them.

    Args:
        model: The user's network, unchanged.
        rows: The rows, in raw units.
        options: Those of the fit.
    """
    usual = TrainingOptions()
    if not (
        isinstance(rows.loss, Squared)
        and rows.y.shape[1] == model.outputs
        and MIN_ROWS <= len(rows.x) <= MAX_ROWS
        and not options.residuals
        and not options.penalties
        and not isinstance(options.validation, (tuple, list))
        and all(
            getattr(options, name) == getattr(usual, name)
            for name in ("steps", "starts", "grids", "optimiser", "degree")
        )
    ):
        return None
    budget = None if options.budget is None else options.budget / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # what is handed back has warnings of its own
        own = replace(options, budget=budget, checkpoint=None)
        teacher = fit_rows(copy.deepcopy(model).double(), rows.x, rows.y, options=own).model
    with torch.no_grad():
        left = ((teacher(rows.x) - rows.y) / rows.spread).square().mean()
        if float(left) <= MAX_UNEXPLAINED_SHARE:
            return None
        count = max(MIN_POINTS, POINTS_PER_PARAMETER * model.parameter_count(active=True))
        points = draw_points(rows.x, max(count, len(rows.x)), torch.Generator().manual_seed(options.seed))
        return replace(rows, x=points, y=teacher(points))
