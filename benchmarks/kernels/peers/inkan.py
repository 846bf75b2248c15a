"""inkan: uniform cubic B-splines by a piecewise polynomial, written into a dense matrix, then one matrix product."""

import numpy as np
import torch

from benchmarks.speed import truth

PACKAGE = "inkan"
REQUIREMENTS = ("inkan==0.5.2",)
FAMILY = "spline"
NOTE = "cubic B-splines; the faster of its two ways to build the basis"


def alternatives(job, option, compiled):
    return [{"basis_mode": "local"}, {"basis_mode": "dense"}]


def build(job, option, *, basis_mode):
    from inkan import KANNetwork

    # compile_basis is for a network that is not compiled as a whole
    network = KANNetwork(list(job.shape), grid_size=job.grid, compile_basis=False, basis_mode=basis_mode)
    return network.to(getattr(torch, job.dtype))


def layers(model):
    return [_edges(layer) for layer in model.layers]


def _edges(layer):
    starts, coefficients, base = (
        tensor.detach().double().numpy() for tensor in (layer.grid_starts, layer.spline_weight, layer.base_weight)
    )
    knots = starts[0] + np.arange(layer.n_bases + 4) / layer.inv_h
    splines = truth.splines(np.tile(knots, (layer.in_features, 1)), coefficients.transpose(1, 2, 0), 3)
    return truth.Edges(layer.in_features, (splines, truth.silus(base.T)))
