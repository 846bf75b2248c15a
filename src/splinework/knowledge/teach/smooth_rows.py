"""Rows without their noise, for networks that learn under penalties or inside formulas.

Where axioms are penalties or formulas around the network, no smooth estimate of the rows obeys them, and the parameters follow
the noise of few rows. A Gaussian process, blended with a sum of curves, is fitted first, and the network under axioms learns from
it: at the rows and where further rows would lie (knowledge distillation, Hinton et al. 2015).
"""

from dataclasses import replace

import torch

from splinework.knowledge.teach.informed import GivenRows
from splinework.nn.network import KAN
from splinework.train.additive import is_estimable, judged_fit
from splinework.train.between_rows import N_COMPARED_POINTS, draw_points, new_points
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples, set_units
from splinework.train.distillation import MIN_POINTS, POINTS_PER_PARAMETER
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.teacher import MAX_INPUTS, MAX_OUTPUTS, MAX_ROWS, MIN_ROWS


@torch.no_grad()
def smooth_rows(model: KAN, rows: GivenRows, options: TrainingOptions) -> GivenRows | None:
    """Points and a smooth estimate there; None where the rows have hardly any noise, or the user's options say how to fit them.

    Rows are noisy where the process says that one of them is more uncertain than the function, as for fits without axioms.
    """
    usual, (inputs, outputs) = TrainingOptions(), (rows.x.shape[1], rows.y.shape[1])
    kept = ("steps", "starts", "grids", "optimiser", "degree")
    if not (
        isinstance(rows.loss, Squared)
        and outputs == model.outputs <= MAX_OUTPUTS
        and inputs <= MAX_INPUTS
        and MIN_ROWS <= len(rows.x) <= MAX_ROWS
        and set(model.config.input_scales + model.config.output_scales) == {"linear"}
        and not options.residuals
        and not options.penalties
        and not isinstance(options.validation, (tuple, list))
        and all(getattr(options, name) == getattr(usual, name) for name in kept)
        and bool((rows.y.std(0) > 0).all())
    ):
        return None
    plain = KAN([inputs, outputs], dtype=torch.float64, generator=torch.Generator())
    set_units(plain, rows.x, rows.y, always=True)
    weights = None if options.weights is None else torch.as_tensor(options.weights, dtype=torch.float64)
    objective = DataObjective(plain, u=plain.input_scaling(rows.x), t=plain.output_scaling(rows.y), weights=weights)
    samples = Samples(objective.u, objective.t, weights)
    curves = judged_fit(plain, samples) if is_estimable(objective) else None
    teacher = ProcessTeacher.of(samples, options.seed, curves)
    if teacher.noise <= teacher.uncertainty(new_points(objective.u, N_COMPARED_POINTS, options.seed)):
        return None
    count = max(MIN_POINTS, POINTS_PER_PARAMETER * model.parameter_count(active=True), len(rows.x))
    points = draw_points(objective.u, count, torch.Generator().manual_seed(options.seed))
    return replace(rows, x=plain.input_scaling.inverse(points), y=plain.output_scaling.inverse(teacher(points)))
