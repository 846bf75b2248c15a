"""kanditioned: piecewise linear functions through G + k points on [-1, 1], looked up; there is no base function.

It does less than a cubic spline: tables mark it. Its own default (`sparse_matmul_csr`) raises; the faster of the other two runs.
"""

import numpy as np
import torch
from torch import nn

from benchmarks.speed import truth
from benchmarks.speed.cases import DEGREE

PACKAGE = "kanditioned"
REQUIREMENTS = ("kanditioned==1.0.4",)
FAMILY = "linear"
NOTE = "*linear* splines through G + k points, so less work; the faster of `embedding_bag` and `embedding`"


def alternatives(job, option, compiled):
    return [{"impl": "embedding_bag"}, {"impl": "embedding"}]


def build(job, option, *, impl):
    from KANditioned import KANLayer

    layers = [
        KANLayer(i, o, "random_normal", num_control_points=job.grid + DEGREE, spline_width=2.0, impl=impl)
        for i, o in zip(job.shape, job.shape[1:], strict=False)
    ]
    return nn.Sequential(*layers).to(getattr(torch, job.dtype))


def layers(model):
    return [_edges(layer) for layer in model]


def _edges(layer):
    half = layer.spline_width / 2
    points = np.linspace(-half, half, layer.num_control_points)
    return truth.Edges(layer.in_features, (truth.polylines(points, layer.kan_weight.detach().double().numpy()),))
