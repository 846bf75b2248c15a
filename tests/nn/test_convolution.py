"""Convolutions of splines: the sum over patches, torch's semantics, derivatives, and work piece by piece."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from splinework.errors import ConfigError, ShapeError
from splinework.nn import convolution
from splinework.nn.convolution import PADDING_MODES, KANConv2d
from splinework.nn.layer import KANLayer
from splinework.splines.bases import Chebyshev
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import pairwise
from tests.nn.convolution_cases import DOUBLE, KINDS, conv_of, image

TORCHS = {1: nn.Conv1d, 2: nn.Conv2d}
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
every_kind = pytest.mark.parametrize("dimensions", [1, 2])

FACTORS: dict[str, list[Any]] = {
    "dimensions": [1, 2],
    "kernel_size": [1, 2, 3],
    "stride": [1, 2],
    "padding": [0, 1, "same", "valid"],
    "padding_mode": list(PADDING_MODES),
    "dilation": [1, 2],
    "groups": [1, 2],
    "bias": [True, False],
    "base": ["silu", "none"],
    "grid_kind": ["adaptive", "learnable", "normalised"],
    "extrapolation": ["linear", "zero"],
    "batch": [None, 0, 1, 3],
}


PAIRWISE = pairwise(FACTORS, lambda case: not (case.get("padding") == "same" and case.get("stride") == 2))


def explicit(layer: Any, x: Tensor) -> Tensor:
    """The sum over patches, one pixel at a time: padding by numpy, edges by `KANLayer.edges`."""
    if x.dim() == layer.dimensions + 1:
        return explicit(layer, x[None])[0]
    spans = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    pads = {"same": [(s // 2, s - s // 2) for s in spans], "valid": [(0, 0)] * len(spans)}.get(str(layer.padding))
    pads = pads or [(p, p) for p in layer.padding]
    padded = x.numpy() if not len(x) else np.pad(x.numpy(), [(0, 0), (0, 0), *pads], mode=MODES[layer.padding_mode])
    size = [(n + sum(p) - s - 1) // t + 1 for n, p, s, t in zip(x.shape[2:], pads, spans, layer.stride, strict=True)]
    y = torch.zeros(len(x), layer.out_channels, *size, **DOUBLE)
    own_in, own_out = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    for image_, place, group in itertools.product(range(len(x)), np.ndindex(*size), range(layer.groups)):
        patch = []
        for channel, offset in itertools.product(range(own_in), np.ndindex(*layer.kernel_size)):
            at = tuple(t * p + d * u for t, p, d, u in zip(layer.stride, place, layer.dilation, offset, strict=True))
            patch.append(padded[(image_, group * own_in + channel, *at)])
        edges = layer.layers[group].edges(torch.tensor([patch], **DOUBLE)).detach().sum(1)[0]
        bias = layer.layers[group].bias
        y[(image_, slice(group * own_out, (group + 1) * own_out), *place)] = edges if bias is None else edges + bias
    return y.detach()


# --------------------------------------------------------------------------------------------- the sum over patches


@pytest.mark.parametrize("case", PAIRWISE, ids=lambda case: "-".join(map(str, case.values())))
def test_a_convolution_is_the_sum_over_patches(case):
    options = dict(case)
    dimensions, batch = options.pop("dimensions"), options.pop("batch")
    layer = conv_of(dimensions, (2, 4), **options)
    x = image(dimensions, batch)
    y, truth = layer(x), explicit(layer, x)
    assert y.shape == truth.shape
    assert y.is_contiguous()
    if y.numel():
        assert relative_distance(y, truth) <= 1e-13


def test_every_pair_of_options_meets():
    assert 12 <= len(PAIRWISE) <= 60


@pytest.mark.parametrize(
    "options", [{"basis": "fourier"}, {"basis": Chebyshev(order=3)}, {"degree": 1}, {"init": "power"}]
)
def test_every_option_of_a_layer_gets_through(options):
    layer = KANConv2d(2, 3, (2, 3), generator=seeded(3), domain=(0.0, 2.0), **DOUBLE, **options)
    alone = KANLayer(12, 3, generator=seeded(3), domain=(0.0, 2.0), **DOUBLE, **options)
    assert layer.state_dict().keys() == {f"layers.0.{name}" for name in alone.state_dict()}
    assert all(torch.equal(layer.state_dict()[f"layers.0.{k}"], v) for k, v in alone.state_dict().items())
    assert relative_distance(layer(image()), explicit(layer, image())) <= 1e-13


def number_or_tuple(dimensions: int, least: int, most: int) -> st.SearchStrategy[Any]:
    one = st.integers(least, most)
    return one | st.tuples(*[one] * dimensions)


@st.composite
def settings(draw: st.DrawFn) -> tuple[int, list[int], dict[str, Any]]:
    """A number of dimensions, the shape of an input, and options, valid for torch or not."""
    d = draw(st.sampled_from([1, 2]))
    groups = draw(st.integers(1, 3))
    options = {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(number_or_tuple(d, 1, 4)),
        "stride": draw(number_or_tuple(d, 1, 3)),
        "padding": draw(st.sampled_from(["same", "valid"]) | number_or_tuple(d, 0, 3)),
        "dilation": draw(number_or_tuple(d, 1, 3)),
        "groups": groups,
        "bias": draw(st.booleans()),
        "padding_mode": draw(st.sampled_from(PADDING_MODES)),
    }
    batch = draw(st.sampled_from([[], [0], [1], [2]]))
    return d, [*batch, options["in_channels"], *[draw(st.integers(1, 8)) for _ in range(d)]], options


@given(settings())
def test_linear_edges_make_torch_s_convolution_or_both_refuse(setting):
    dimensions, shape, options = setting
    x = normal(*shape)
    try:
        theirs = TORCHS[dimensions](**options, **DOUBLE)
        truth = theirs(x).detach()
    except (ValueError, RuntimeError):
        with pytest.raises((ConfigError, ShapeError)):
            KINDS[dimensions](**options, grid=1, **DOUBLE)(x)
        return
    layer = KINDS[dimensions](**options, grid=1, base="identity", **DOUBLE)
    with torch.no_grad():
        weights = theirs.weight.flatten(1).chunk(layer.groups)
        for group, (part, weight) in enumerate(zip(layer.kan_layers, weights, strict=True)):
            part.coefficients.zero_()
            part.base_weight.copy_(weight.T)
            if layer.layers[group].bias is not None:
                part.bias.copy_(theirs.bias.chunk(layer.groups)[group])
    y = layer(x)
    assert y.shape == truth.shape
    if y.numel():
        assert (y - truth).abs().max() <= 1e-13


@every_kind
def test_groups_are_layers_of_their_own(dimensions):
    layer = conv_of(dimensions, (6, 9), 2, groups=3, padding=1)
    x, parts = image(dimensions, channels=6), []
    for group, own in enumerate(x.chunk(3, dim=1)):
        alone = conv_of(dimensions, (2, 3), 2, padding=1)
        alone.layers[0].load_state_dict(layer.layers[group].state_dict())
        parts.append(alone(own))
    assert relative_distance(layer(x), torch.cat(parts, dim=1)) <= 1e-14


# ------------------------------------------------------------------------------------------------------ derivatives

CASES = [
    {"kernel_size": 2, "stride": 2, "padding": 1, "grid_kind": "learnable"},
    {"kernel_size": 3, "padding": "same", "padding_mode": "reflect", "groups": 2, "degree": 4},
    {"kernel_size": 2, "dilation": 2, "padding_mode": "circular", "padding": 1, "base": "none"},
]


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("options", CASES, ids=str)
@every_kind
def test_derivatives_are_those_of_differences_twice(dimensions, options, pieces, monkeypatch):
    monkeypatch.setattr(convolution, "MAX_PATCH_NUMBERS", 60 if pieces else 2**22)
    layer = conv_of(dimensions, (2, 2), **{"degree": 4, "grid": 2, **options})
    x = normal(2, 2, *(4, 3)[:dimensions]).requires_grad_()
    names, values = zip(*layer.named_parameters(), strict=True)

    def call(x: Tensor, *numbers: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, numbers, strict=True)), (x,)).sum((0, -1))

    values = tuple(value.detach().requires_grad_() for value in values)
    assert torch.autograd.gradcheck(call, (x, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(call, (x, *values), fast_mode=True)


@pytest.mark.parametrize("most", [1, 40, 300, 1000])
@pytest.mark.parametrize("stride", [1, 2])
@every_kind
def test_pieces_give_what_the_whole_gives(dimensions, stride, most, monkeypatch):
    layer, x = conv_of(dimensions, dilation=2, padding=1, stride=stride), image(dimensions, 5).requires_grad_()

    def found() -> list[Tensor]:
        y = layer(x)
        gradients = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])
        with torch.no_grad():
            return [y, layer(x), *gradients]

    truth = found()
    monkeypatch.setattr(convolution, "MAX_PATCH_NUMBERS", most)
    for value, true in zip(found(), truth, strict=True):
        assert relative_distance(value, true) <= 1e-13


def test_pieces_keep_no_patches_for_the_backward_pass(monkeypatch):
    layer, x = conv_of(2, (2, 3), padding=1), normal(4, 2, 20, 20)
    kept: list[int] = []
    original = KANLayer.forward

    def watched(self: KANLayer, patches: Tensor) -> Tensor:
        kept.append(patches.numel())
        return original(self, patches)

    monkeypatch.setattr(KANLayer, "forward", watched)
    monkeypatch.setattr(convolution, "MAX_PATCH_NUMBERS", 2000)
    y = layer(x)
    pieces = len(kept)
    assert max(kept) <= 2000
    assert pieces >= 4 * 20 * 20 * 18 / 2000
    y.sum().backward()
    assert len(kept) == 2 * pieces  # worked out once more
    with torch.no_grad():
        layer(x)
    assert len(kept) == 3 * pieces


@every_kind
def test_transforms_and_pieces_go_together(dimensions, monkeypatch):
    layer, x = conv_of(dimensions, padding=1), image(dimensions, 3)
    truth = torch.stack([layer(one) for one in x])
    slopes = torch.autograd.grad(layer(x.requires_grad_()).square().sum(), x)[0]
    for most in (2**22, 50):
        monkeypatch.setattr(convolution, "MAX_PATCH_NUMBERS", most)
        assert relative_distance(torch.func.vmap(layer)(x.detach()), truth) <= 1e-13
        found = torch.func.grad(lambda at: layer(at).square().sum())(x.detach())
        assert relative_distance(found, slopes) <= 1e-13
