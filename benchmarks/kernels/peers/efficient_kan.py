"""efficient-kan (Blealtan): B-splines by Cox and de Boor, all of them at every point, then one matrix product.

Without its standalone scale of the splines, which only costs time: the same functions.
"""

from unittest.mock import patch

import torch
from torch import nn

from benchmarks.speed import truth

FOLDER = "src"
FAMILY = "spline"
NOTE = "dense cubic B-splines; without the standalone scale"


def alternatives(job, option, compiled):
    return [{}]


def build(job, option):
    from efficient_kan import KANLinear

    # Its start solves a least-squares problem per input, for minutes on fine grids; any numbers take the same time.
    with patch.object(KANLinear, "reset_parameters", _random):
        layers = [
            KANLinear(i, o, grid_size=job.grid, spline_order=3, enable_standalone_scale_spline=False)
            for i, o in zip(job.shape, job.shape[1:], strict=False)
        ]
    return nn.Sequential(*layers).to(getattr(torch, job.dtype))


def layers(model):
    return [_edges(layer) for layer in model]


def _random(layer):
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.1)


def _edges(layer):
    knots, coefficients, base = (
        tensor.detach().double().numpy() for tensor in (layer.grid, layer.spline_weight, layer.base_weight)
    )
    splines = truth.splines(knots, coefficients.transpose(1, 2, 0), 3)
    return truth.Edges(layer.in_features, (splines, truth.silus(base.T)))
