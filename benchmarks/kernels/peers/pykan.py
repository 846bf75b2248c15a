"""pykan, the package of the KAN paper: every edge's activations are kept. In its fast setting: `model.speed()`."""

from importlib import import_module
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.speed import truth

PACKAGE = "pykan"
REQUIREMENTS = ("pykan==0.2.8", "tqdm", "pyyaml")
FAMILY = "spline"
NOTE = "cubic B-splines; without its symbolic part and without keeping activations, as `speed()` sets it"


def alternatives(job, option, compiled):
    return [{}]


def build(job, option):
    from kan import KAN

    # Without auto_save it writes no files; the other two are what `speed()` does.
    # Its start solves a least-squares problem per input, for minutes on fine grids; any numbers take the same time.
    with patch.object(import_module("kan.KANLayer"), "curve2coef", _random):
        model = KAN(
            width=list(job.shape), grid=job.grid, k=3, auto_save=False, symbolic_enabled=False, save_act=False, seed=0
        )
    nn.Module.to(model, getattr(torch, job.dtype))  # its own `to` takes devices only
    for parameter in model.symbolic_fun.parameters():
        parameter.requires_grad_(False)  # not used, so it never gets a gradient
    return model


def layers(model):
    return [_edges(layer) for layer in model.act_fun]


def _random(points, values, grid, k):
    return 0.1 * torch.randn(*values.shape[1:], grid.shape[1] - k - 1)


def _edges(layer):
    knots, coefficients, spline_scale, base = (
        tensor.detach().double().numpy() for tensor in (layer.grid, layer.coef, layer.scale_sp, layer.scale_base)
    )
    scaled = (coefficients * spline_scale[:, :, None]).transpose(0, 2, 1)
    return truth.Edges(layer.in_dim, (truth.splines(knots, scaled, 3), truth.silus(base)))
