"""Convolutions of splines as modules: copies, files, compilers, and what wrong settings and inputs get."""

import copy
import pickle

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, DtypeError, ShapeError
from splinework.nn.convolution import KANConv1d, KANConv2d
from tests.contracts.cases import relative_distance
from tests.families import every, raising
from tests.nn.convolution_cases import DOUBLE, KINDS, conv_of, image, randomised

every_kind = pytest.mark.parametrize("dimensions", [1, 2])


# ------------------------------------------------------------------------------------------------ manners as a module


@every_kind
def test_copies_and_files_hold_the_same_function(dimensions, tmp_path):
    layer, x = conv_of(dimensions, groups=1, padding=1), image(dimensions)
    truth = layer(x)
    torch.save(layer.state_dict(), tmp_path / "state.pt")
    other = KINDS[dimensions](2, 3, 3, padding=1, grid=3, **DOUBLE)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for twin in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), truth)
        randomised(twin.layers[0]).bias.data.add_(1.0)
        assert torch.equal(layer(x), truth)
    assert layer.float()(x.float()).dtype == torch.float32


@every_kind
def test_forward_stores_nothing_and_autocast_is_let_through(dimensions):
    layer, x = conv_of(dimensions).float(), image(dimensions).float()
    names, state = set(layer.__dict__), copy.deepcopy(layer.state_dict())
    truth = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = layer(x)
        assert layer(x.bfloat16()).isfinite().all()
    assert (mixed - truth).abs().max() < 0.05
    assert set(layer.__dict__) == names
    assert all(torch.equal(value, state[key]) for key, value in layer.state_dict().items())


@pytest.mark.quick(1)
@every_kind
def test_compilers_see_one_graph_for_any_number_of_images(dimensions):
    layer, x = conv_of(dimensions, padding="same", groups=1), image(dimensions, 4)
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    shapes = {"x": {0: torch.export.Dim("batch")}}
    exported = torch.export.export(layer, (x,), dynamic_shapes=shapes).module()
    for batch in (4, 2, 7):
        images = image(dimensions, batch)
        assert relative_distance(compiled(images), layer(images)) <= 1e-13
        assert relative_distance(exported(images), layer(images)) <= 1e-13
    torch.compiler.reset()


def test_a_layer_says_what_it_is():
    assert "(1, 8, kernel_size=(3, 5), stride=(1, 1)" in repr(KANConv2d(1, 8, (3, 5))).replace("KANConv2d(\n  ", "(")
    text = repr(KANConv1d(2, 4, 3, padding="same", groups=2, dilation=2, padding_mode="circular"))
    for word in (
        "KANConv1d",
        "kernel_size=(3,)",
        "padding='same'",
        "dilation=(2,)",
        "groups=2",
        "'circular'",
        "BSpline",
    ):
        assert word in text


# ------------------------------------------------------------------------------------------------------------ errors


@every(
    ("options", "told"),
    [
        ({"in_channels": 0}, ["in_channels", "at least 1", "0"]),
        ({"out_channels": 2.0}, ["out_channels", "2.0"]),
        ({"in_channels": 3, "groups": 2}, ["in_channels", "divisible by groups", "3 and 2"]),
        ({"out_channels": 3, "groups": 2}, ["out_channels", "divisible by groups", "3 and 2"]),
        ({"groups": 0}, ["groups", "at least 1"]),
        ({"kernel_size": 0}, ["kernel_size", "at least 1", "0"]),
        ({"kernel_size": (3, 3, 3)}, ["kernel_size", "2 of them", "(3, 3, 3)"]),
        ({"stride": 0}, ["stride", "at least 1", "0"]),
        ({"stride": (1, 0)}, ["stride", "(1, 0)"]),
        ({"dilation": True}, ["dilation", "True"]),
        ({"padding": -1}, ["padding", "'same'", "-1"]),
        ({"padding": "full"}, ["'same'", "'valid'", "'full'"]),
        ({"padding": "same", "stride": 2}, ["'same'", "stride 1", "(2, 2)"]),
        ({"padding_mode": "mirror"}, ["reflect", "circular", "'mirror'"]),
        ({"width": 3}, ["no option 'width'", "KAN(shape)", "domain"]),
        ({"base": "relu"}, ["silu", "'relu'"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name_value_and_way_out(options, told):
    with raising(ConfigError, told):
        KANConv2d(**{"in_channels": 2, "out_channels": 4, "kernel_size": 3, **options})


@every(
    ("x", "options", "error", "told"),
    [
        (torch.zeros(7, 6, **DOUBLE), {}, ShapeError, ["(batch, 2, height, width)", "(7, 6)"]),
        (torch.zeros(1, 1, 2, 7, 6, **DOUBLE), {}, ShapeError, ["(1, 1, 2, 7, 6)"]),
        (torch.zeros(4, 7, 6, 2, **DOUBLE), {}, ShapeError, ["2 channels", "(4, 7, 6, 2)", "7 channels"]),
        (torch.zeros(1, 2, 2, 6, **DOUBLE), {}, ShapeError, ["(3, 3) pixels", "(2, 6)", "smaller kernel"]),
        (torch.zeros(1, 2, 2, 6, **DOUBLE), {"padding": 2, "padding_mode": "reflect"}, ShapeError, ["pads 2", "zeros"]),
        (torch.zeros(4, 2, 7, 6), {}, DtypeError, ["float64", "float32", ".to("]),
        (torch.zeros(4, 2, 7, 6, dtype=torch.uint8), {}, DtypeError, ["floating-point", "uint8"]),
        (torch.zeros(4, 2, 7, 6, device="meta", **DOUBLE), {}, DtypeError, ["cpu", "meta"]),
        (np.zeros((4, 2, 7, 6)), {}, DtypeError, ["ndarray", "torch.as_tensor"]),
    ],
)
def test_a_wrong_input_is_refused_with_what_came_and_the_way_out(x, options, error, told):
    with raising(error, ["KANConv2d", *told]):
        conv_of(2, **options)(x)
