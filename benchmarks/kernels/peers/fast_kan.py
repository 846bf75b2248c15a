"""fast-kan (ZiyaoLi): Gaussians instead of splines, G + k of them, on its own range [-2, 2].

Without its LayerNorm, as no other contender has one: less work for it.
"""

import torch
from torch import nn

from benchmarks.speed import truth
from benchmarks.speed.cases import DEGREE

FOLDER = ""
FAMILY = "rbf"
NOTE = "G + k Gaussians; without LayerNorm"


def alternatives(job, option, compiled):
    return [{}]


def build(job, option):
    from fastkan import FastKANLayer

    layers = [
        FastKANLayer(i, o, num_grids=job.grid + DEGREE, use_layernorm=False)
        for i, o in zip(job.shape, job.shape[1:], strict=False)
    ]
    return nn.Sequential(*layers).to(getattr(torch, job.dtype))


def layers(model):
    return [_edges(layer) for layer in model]


def _edges(layer):
    base, bias, weight, centres = (
        tensor.detach().double().numpy()
        for tensor in (layer.base_linear.weight, layer.base_linear.bias, layer.spline_linear.weight, layer.rbf.grid)
    )
    coefficients = weight.reshape(layer.output_dim, layer.input_dim, len(centres)).transpose(1, 2, 0)
    gaussians = truth.gaussians(centres, layer.rbf.denominator, coefficients)
    return truth.Edges(layer.input_dim, (gaussians, truth.silus(base.T)), bias)
