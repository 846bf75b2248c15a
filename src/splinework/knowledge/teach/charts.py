"""Families of models around that of a simulator, each in numbers z of which zero is the simulator itself.

- `residual`: `a f(x) + b + δ(x)` with δ smooth and additive (Kennedy and O'Hagan 2001, J. R. Statist. Soc. B 63, eq. 5).
- `gauge`: every edge keeps its shape; its output gets a factor, every sum a shift, every input a factor and a shift.
- `anchored`: every coefficient may move, at a price `(c - c_sim)ᵀ F (c - c_sim)` with F the diagonal of the Gauss–Newton matrix
  on the simulator's rows: coefficients that those hardly determine are cheap; a cell that no measurement reaches
  keeps the simulator's values.
- `additive`: no simulator, one smooth curve per input.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.knowledge.teach.additive_correction import add_correction, check_splines
from splinework.knowledge.teach.evidence_maximisation import NO_PRIOR
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import greville
from splinework.train.jacobian import Linearisation, ParameterVector, linearise

MIN_PRICE_SHARE = 1e-3
"""A coefficient that no simulated row sees costs as much as one with this share of the mean of F."""
MIN_SPREAD = 1e-6
"""A curve of a smaller spread, in network units, is taken for none."""


@final
@dataclass(frozen=True)
class Chart:
    """Numbers z, and what models they stand for.

    Attributes:
        start: The model whose scalings say what network units are.
        blocks: Numbers of the blocks that share a prior variance, `(P,)`; see `maximise_evidence`.
        at: From z `(P,)` and rows u `(n, p)` to outputs `(n, q)` and derivatives `(n, q, P)`, in network units.
        build: From z and the rows that it was fitted to, to the model.
    """

    start: KAN
    blocks: Tensor
    at: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    build: Callable[[Tensor, Tensor], KAN]


def residual(model: KAN, anchors: Tensor) -> Chart:
    """`(1 + z_a) f + z_b + Σ_i δ_i`; every output has its own numbers, and every δ_i a variance for slope and bend each.

    Raises:
        ConfigError: If the network has other edges than splines.
    """
    check_splines(model)
    q, first, lift = model.outputs, model.kan_layers[0], curves_of(model.kan_layers[0])
    width = 2 + sum(each.shape[1] for each in lift)
    inputs, parts = len(lift), []
    for j in range(q):
        base = j * (1 + 2 * inputs)
        parts += [base, NO_PRIOR]
        for i, each in enumerate(lift):
            parts += [base + 1 + 2 * i] + [base + 2 + 2 * i] * (each.shape[1] - 1)

    def at(z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        f = model.unit_forward(u)
        shared = _columns(first, lift, u)
        slopes = f.new_zeros(len(u), q, q * width)
        for j in range(q):
            slopes[:, j, j * width : (j + 1) * width] = torch.cat(
                [f[:, j : j + 1], torch.ones_like(f[:, :1]), shared], 1
            )
        return f + slopes @ z, slopes

    def build(z: Tensor, u: Tensor) -> KAN:
        each = z.reshape(q, width)
        curves, level = _curves(first, lift, each[:, 2:], u)
        return add_correction(model, 1 + each[:, 0], each[:, 1] + level, curves, u)

    return Chart(model, torch.tensor(parts), at, build)


def additive(model: KAN, anchors: Tensor) -> Chart:
    """`z_b + Σ_i δ_i` on the first layer's grid: the measurements alone. `model` is `[p, q]`, and its numbers play no part.

    Raises:
        ConfigError: If the network has other edges than splines.
    """
    check_splines(model)
    q, first, lift = model.outputs, model.kan_layers[0], curves_of(model.kan_layers[0])
    width, inputs, parts = 1 + sum(each.shape[1] for each in lift), len(lift), []
    for j in range(q):
        parts.append(NO_PRIOR)
        for i, each in enumerate(lift):
            base = 2 * (j * inputs + i)
            parts += [base] + [base + 1] * (each.shape[1] - 1)

    def at(z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        shared = torch.cat([torch.ones_like(u[:, :1]), _columns(first, lift, u)], 1)
        slopes = u.new_zeros(len(u), q, q * width)
        for j in range(q):
            slopes[:, j, j * width : (j + 1) * width] = shared
        return slopes @ z, slopes

    def build(z: Tensor, u: Tensor) -> KAN:
        each, whole = z.reshape(q, width), copy.deepcopy(model)
        layer = whole.kan_layers[0]
        curves, level = _curves(first, lift, each[:, 1:], u)
        values = torch.zeros_like(layer.edge_coefficients())
        values[:, : layer.basis.size] = curves
        layer.mask.copy_((curves != 0).any(1).to(layer.mask))
        layer.set_edge_coefficients(values)
        assert layer.bias is not None
        with torch.no_grad():
            layer.bias.copy_(each[:, 0] + level)
        return whole

    return Chart(model, torch.tensor(parts), at, build)


def gauge(model: KAN, anchors: Tensor) -> Chart:
    """Factors of edges, shifts of sums, and factors and shifts of inputs: one variance for each of the three kinds."""
    parameters = ParameterVector.of(model)
    start, spans, p = parameters.read(model), parameters.spans(model), model.inputs
    edges = [len(i) for i, _ in parameters.edges]
    shifts = [rest.stop - rest.start for _, rest in spans]
    blocks = [0] * sum(edges) + [1] * sum(shifts) + [2] * (2 * p)

    work = copy.deepcopy(model)

    def moved(z: Tensor, other: KAN) -> tuple[KAN, Tensor, Tensor]:
        vector, at, then = start.clone(), 0, sum(edges)
        for (own, rest), count, more in zip(spans, edges, shifts, strict=True):
            vector[own] = (vector[own].reshape(count, -1) * (1 + z[at : at + count, None])).flatten()
            vector[rest] += z[then : then + more]
            at, then = at + count, then + more
        parameters.write(other, vector)
        return other, z[then : then + p].exp(), z[then + p :]

    def at(z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        other, factor, shift = moved(z, work)
        seen = u * factor + shift
        outputs, jacobian = linearise(other, parameters, seen)
        columns = [
            (jacobian[..., own] * start[own]).unflatten(2, (count, -1)).sum(-1)
            for (own, _), count in zip(spans, edges, strict=True)
        ]
        columns += [jacobian[..., rest] for _, rest in spans]
        slope = _input_slopes(other, seen)
        return outputs, torch.cat([*columns, slope * (u * factor)[:, None], slope], 2)

    def build(z: Tensor, u: Tensor) -> KAN:
        other, factor, shift = moved(z, copy.deepcopy(model))
        scaling = other.input_scaling
        # u e^α + β with u = (s(x) - shift) / scale is a scaling again.
        scale = scaling.scale / factor
        scaling.set(scaling.shift - shift * scale, scale)
        return other

    return Chart(model, torch.tensor(blocks), at, build)


def anchored(model: KAN, anchors: Tensor) -> Chart:
    """All coefficients, each in units of what its move costs; `anchors` are the simulator's rows in network units, `(n, p)`."""
    parameters = ParameterVector.of(model)
    start = parameters.read(model)
    price = Linearisation(model, parameters, anchors).squared_lengths() / len(anchors)
    unit = 1 / (price + MIN_PRICE_SHARE * price.mean()).sqrt()

    work = copy.deepcopy(model)

    def moved(z: Tensor, other: KAN) -> KAN:
        parameters.write(other, start + unit * z)
        return other

    def at(z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        outputs, jacobian = linearise(moved(z, work), parameters, u)
        return outputs, jacobian * unit

    return Chart(model, torch.zeros(len(start), dtype=torch.long), at, lambda z, u: moved(z, copy.deepcopy(model)))


CHARTS: dict[str, Callable[[KAN, Tensor], Chart]] = {"residual": residual, "gauge": gauge, "anchored": anchored}


def curves_of(layer: KANLayer) -> list[Tensor]:
    """Per input coefficients `(M, 1 + M - 2)` of a straight line, and of functions whose bends are orthonormal.

    A bend is the change of slope from one control point to the next. All are without constants; a grid of two functions has
    only the line.
    """
    size = layer.basis.size
    places = greville(layer.knots(), size - layer.basis.resolution)
    low, high = layer.basis.domain(layer.knots())
    lifts = []
    for place, half in zip(places, (high - low) / 2, strict=True):
        unit = (place - place.mean()) / half
        apart = unit.diff()
        slopes = torch.diff(torch.eye(size, dtype=unit.dtype), dim=0) / apart[:, None]
        bends = slopes.diff(dim=0) / ((apart[1:] + apart[:-1]) / 2).sqrt()[:, None]
        lifts.append(torch.cat([unit[:, None], torch.linalg.pinv(bends)], 1) if size > 2 else unit[:, None])
    return lifts


def _columns(layer: KANLayer, lift: list[Tensor], u: Tensor) -> Tensor:
    """Values of all curves at rows, `(n, K)`."""
    rows = layer.table().rows(u)[..., : layer.basis.size]
    return torch.cat([rows[:, i] @ each for i, each in enumerate(lift)], 1)


def _curves(layer: KANLayer, lift: list[Tensor], numbers: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients `(p, M, q)` of curves of mean zero at the rows, from their numbers `(q, K)`; and the constants `(q,)`."""
    rows = layer.table().rows(u)[..., : layer.basis.size]
    found, at = [], 0
    for each in lift:
        found.append(each @ numbers[:, at : at + each.shape[1]].T)
        at += each.shape[1]
    curves = torch.stack(found)
    means = torch.einsum("bim,imj->ij", rows, curves) / len(u)
    curves = curves - means[:, None]  # the splines sum to one
    size = torch.einsum("bim,imj->bij", rows, curves).square().mean(0).sqrt()
    return torch.where((size > MIN_SPREAD)[:, None], curves, torch.zeros_like(curves)), means.sum(0)


def _input_slopes(model: KAN, u: Tensor) -> Tensor:
    """`∂f/∂u`, `(n, q, p)`."""
    with torch.enable_grad():
        leaf = u.detach().requires_grad_()
        outputs = model.unit_forward(leaf)
        slopes = [torch.autograd.grad(outputs[:, j].sum(), leaf, retain_graph=True)[0] for j in range(model.outputs)]
    return torch.stack(slopes, 1)
