"""Whole networks: the composition, its numbers, its config, and what it refuses."""

import copy
import itertools
import json
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.errors import ConfigError, DataError, DtypeError, ShapeError
from splinework.nn.config import KANConfig, config_from_dict
from splinework.nn.layer import GRID_KINDS
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.splines.bases import BSpline, Chebyshev, Fourier, GaussianRBF
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every, raising

DOUBLE = {"dtype": torch.float64}
SHAPES = ([2, 1], [2, 3, 1], [2, (1, 2), (0, [3]), 2], [2, (2, [2, 5]), (1, [4]), 1], [1, 1, 1, 1, 1])
every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def network(shape, *, seed: int = 1, **options) -> KAN:
    """A network in which no number is special."""
    model = KAN(shape, generator=seeded(seed), **DOUBLE, **options)
    with torch.no_grad():
        for k, parameter in enumerate(model.parameters()):
            parameter.add_(0.3 * normal(*parameter.shape, seed=100 * seed + k))
    return model


# ------------------------------------------------------------------------------------------------ the function


@every_kind
@every_shape
def test_a_network_is_its_layers_and_nodes_one_after_the_other(shape, grid_kind):
    model = network(shape, grid_kind=grid_kind)
    x = normal(6, shape[0], seed=2)
    for b in range(6):
        u = x[b : b + 1]
        for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
            sums = [(layer.edges(u)[0, :, j].sum() + layer.bias[j]).item() for j in range(nodes.fan_in)]
            after = sums[: nodes.sums]
            rest = iter(sums[nodes.sums :])
            after += [math.prod(itertools.islice(rest, arity)) for arity in nodes.products]
            u = torch.tensor([after], **DOUBLE)
        assert relative_distance(model(x[b]), u[0]) <= 1e-11


def test_raw_units_go_in_and_come_out():
    model = network([2, 3, 2], input_scales=("linear", "log"), output_scales=("log", "linear"))
    model.input_scaling.set(torch.tensor([5.0, 1.0], **DOUBLE), torch.tensor([2.0, 3.0], **DOUBLE))
    model.output_scaling.set(torch.tensor([0.1, -7.0], **DOUBLE), torch.tensor([0.2, 10.0], **DOUBLE))
    x = torch.stack([5 + 2 * normal(9), (1 + normal(9, seed=1)).exp()], dim=1)
    unit = torch.stack([(x[:, 0] - 5) / 2, (x[:, 1].log() - 1) / 3], dim=1)
    y = model.unit_forward(unit)
    truth = torch.stack([(y[:, 0] * 0.2 + 0.1).exp(), y[:, 1] * 10 - 7], dim=1)
    assert relative_distance(model(x), truth) <= 1e-12


@pytest.mark.parametrize("batch", [(), (1,), (4, 3), (0,), (2, 0)])
def test_batch_dimensions_of_any_number_are_rows(batch):
    model, x = network([2, (2, 1), 2]), normal(*batch, 2)
    assert model(x).shape == (*batch, 2)
    assert relative_distance(model(x).reshape(-1, 2), model(x.reshape(-1, 2))) <= 1e-13


def test_layers_may_differ_in_grid_degree_and_basis():
    model = network([2, 3, 2, 1], grid=[4, 6, 8], degree=[1, 3, 2], basis=["bspline", "chebyshev", "fourier"])
    assert model.config.bases == (BSpline(4, 1), Chebyshev(order=8), Fourier(harmonics=8))
    assert [layer.coefficients.shape[1] for layer in model.kan_layers] == [5, 9, 17]
    mixed = network([2, 2, 1], basis=[BSpline(grid=2), GaussianRBF(centres=4)])
    assert mixed.config.bases == (BSpline(grid=2), GaussianRBF(centres=4))
    assert mixed(normal(3, 2)).isfinite().all()


@pytest.mark.parametrize("inputs", [1, 3, 4])
def test_the_classical_representation_has_two_n_plus_one_inner_nodes(inputs):
    model = KAN.representation(inputs, grid=3, generator=seeded(), **DOUBLE)
    assert model.config.shape == [inputs, 2 * inputs + 1, 1]
    assert KAN.representation(inputs, 2).config.shape == [inputs, 2 * inputs + 1, 2]
    same = KAN([inputs, 2 * inputs + 1, 1], grid=3, generator=seeded(), **DOUBLE)
    assert torch.equal(model(normal(4, inputs)), same(normal(4, inputs)))


# ------------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    "options", [{}, {"base": "none"}, {"bias": False}, {"basis": "fourier"}, {"grid_kind": "learnable"}]
)
@every_shape
def test_parameter_count_is_the_number_of_trainable_numbers(shape, options):
    model = KAN(shape, **options)
    assert model.parameter_count() == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_parameter_count_is_the_documented_formula():
    # Σ edges (G + k + 2) + sums: 2·5 + 5·1 edges, 5 + 1 sums
    assert KAN([2, 5, 1], grid=7, degree=2).parameter_count() == 15 * (7 + 2 + 2) + 6


def test_active_counts_leave_masked_edges_out():
    model = network([3, 2, 1], names=["a", "b", "c"])
    first = model.kan_layers[0]
    first.mask[1] = 0.0  # b is idle
    first.mask[0, 0] = 0.0
    assert model.active_edges() == 8 - 3
    assert model.active_inputs() == ["a", "c"]
    assert model.parameter_count() - model.parameter_count(active=True) == 3 * (5 + 3 + 2)


@every_kind
def test_the_same_generator_gives_the_same_network_and_leaves_torch_s_own_alone(grid_kind):
    before = torch.random.get_rng_state()
    one, two = (KAN([2, (2, 1), 1], generator=seeded(4), grid_kind=grid_kind) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one(normal(5, 2).float()), two(normal(5, 2).float()))
    # Layers of one network differ, although they draw from one generator.
    first, second = KAN([1, 1, 1], generator=seeded(), grid_kind=grid_kind).kan_layers
    assert not torch.equal(first.coefficients, second.coefficients)


def test_dtype_is_torch_s_default_unless_given():
    assert {t.dtype for t in KAN([2, 2, 1]).state_dict().values()} == {torch.get_default_dtype()}
    assert {t.dtype for t in KAN([2, 2, 1], **DOUBLE).state_dict().values()} == {torch.float64}


@every_kind
def test_copies_states_and_moves_keep_the_function(grid_kind):
    model = network([2, (2, 1), 1], grid_kind=grid_kind)
    x, y = normal(8, 2), model(normal(8, 2)).detach()
    assert torch.equal(copy.deepcopy(model)(x), y)
    other = network([2, (2, 1), 1], seed=2, grid_kind=grid_kind)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), y)
    assert relative_distance(model.float()(x.float()).double(), y) <= 1e-5
    assert all(torch.equal(layer.prepared, layer.basis.prepare(layer.grid)) for layer in model.double().kan_layers)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@every_kind
def test_a_network_on_a_gpu_is_the_same_function(grid_kind):
    model, x = network([2, (2, 1), 1], grid_kind=grid_kind), normal(8, 2)
    y = model(x).detach()
    moved = copy.deepcopy(model).to("cuda")
    assert {t.device.type for t in moved.state_dict().values()} == {"cuda"}
    assert relative_distance(moved(x.to("cuda")).cpu(), y) <= 1e-12
    assert torch.equal(moved.to("cpu")(x), y)
    with pytest.raises(DtypeError, match=r"cuda.*x on cpu.*\.to\(device\)"):
        moved.to("cuda")(x)


def test_forward_stores_nothing_anywhere():
    model = network([2, (2, 1), 1])
    names = {name: set(module.__dict__) for name, module in model.named_modules()}
    state = copy.deepcopy(model.state_dict())
    model(normal(5, 2)).sum().backward()
    assert {name: set(module.__dict__) for name, module in model.named_modules()} == names
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


# ------------------------------------------------------------------------------------------------------- config

CONFIGS = (
    KAN([2, 5, 1]).config,
    KAN([2, (3, 2), 1], grid=[4, 7], basis=["fourier", "bspline"], domain=(0.0, 2.5)).config,
    KAN([1, (0, [2, 3]), 2], names=["mass"], output_names=["a", "b"], base="none", bias=False, init="power").config,
    KAN(
        [2, 1], input_scales=["log", "linear"], output_scales=["log"], extrapolation="zero", grid_kind="learnable"
    ).config,
    KAN([2, 1], basis=GaussianRBF(centres=5, width=0.5), domain=[-3, 3], grid_eps=0.1).config,
)
every_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: str(c.shape))


@every_config
def test_a_config_survives_json(config):
    back = config_from_dict(json.loads(json.dumps(config.to_dict())))
    assert back == config
    assert hash(back) == hash(config)


@every_config
def test_a_network_made_of_a_config_has_that_config(config):
    model = KAN(config, generator=seeded(), **DOUBLE)
    assert model.config == config
    assert KAN(model.config.shape).config.nodes == config.nodes  # the shape reads back as one would type it
    assert KAN(config, generator=seeded(), **DOUBLE).state_dict().keys() == model.state_dict().keys()


def test_the_config_follows_a_refined_layer():
    model = network([2, 3, 1])
    layer = model.kan_layers[1]
    layer.replace_grid(BSpline(grid=9), BSpline(grid=9).make_grid(*layer.basis.domain(layer.grid)), normal(3, 13, 1))
    assert model.config.bases == (BSpline(grid=5), BSpline(grid=9))
    twin = KAN(model.config, **DOUBLE)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(normal(4, 2)), model(normal(4, 2)))


def test_a_config_is_frozen_and_changed_by_replace():
    config = CONFIGS[0]
    with pytest.raises(FrozenInstanceError):
        config.base = "sin"
    assert replace(config, base="sin").base == "sin"
    assert config.base == "silu"


def test_names_are_given_or_made_up():
    assert KAN([2, 1], names=["mass", "speed"]).config.input_names == ("mass", "speed")
    assert KAN([2, 1]).config.input_names == ("x1", "x2")
    assert KAN([2, 1]).config.output_names == ("y",)
    assert KAN([2, 3]).config.output_names == ("y1", "y2", "y3")
    assert KAN([1, 2], output_names=["a", "b"]).config.output_names == ("a", "b")


# ------------------------------------------------------------------------------------------------------- errors


@every(
    ("make", "told"),
    [
        (lambda: KAN([3]), ["at least two layers", "[3]"]),
        (lambda: KAN("2,5,1"), ["[2, 5, 1]", "'2,5,1'"]),
        (lambda: KAN([2, 0, 1]), ["at least one node", "0 sum nodes"]),
        (lambda: KAN([2, -5, 1]), ["at least one node", "-5"]),
        (lambda: KAN([2, 2.5, 1]), ["2.5", "(3, 2)"]),
        (lambda: KAN([2, (3, [1]), 1]), ["arity of 2 or more", "[1]"]),
        (lambda: KAN([(1, 1), 1]), ["inputs are plain numbers", "(1, 1)"]),
        (lambda: KAN([2, 3, 1], grid=[5]), ["grid", "2, one per layer", "got 1"]),
        (lambda: KAN([2, 3, 1], degree=[3, 3, 3]), ["degree", "2, one per layer", "got 3"]),
        (lambda: KAN([2, 3, 1], basis=["bspline"]), ["basis", "2, one per layer", "got 1"]),
        (lambda: KAN([2, 1], grid=0), ["grid", "at least 1", "0"]),
        (lambda: KAN([2, 1], grid=2.5), ["grid", "whole number", "2.5"]),
        (lambda: KAN([2, 1], basis="wavelet"), ["bspline", "'wavelet'"]),
        (lambda: KAN([2, 1], names=["a"]), ["input_names", "2 entries", "got 1", "a"]),
        (lambda: KAN([2, 1], names=["a", "a"]), ["input_names", "differ", "['a', 'a']"]),
        (lambda: KAN([2, 2], output_names=["a", "a"]), ["output_names", "differ"]),
        (lambda: KAN([2, 1], input_scales=["log"]), ["input_scales", "2 entries", "got 1"]),
        (lambda: KAN([2, 1], output_scales=["cubic"]), ["linear, log", "'cubic'"]),
        (lambda: KAN([2, 1], extrapolation="cubic"), ["linear", "'cubic'"]),
        (lambda: KAN([2, 1], grid_kind="free"), ["adaptive", "'free'"]),
        (lambda: KAN([2, 1], grid_eps=1.5), ["grid_eps", "0", "1", "1.5"]),
        (lambda: KAN([2, 1], domain=(1, 0)), ["low < high", "(1, 0)"]),
        (lambda: KAN([2, 1], base="relu"), ["silu", "'relu'"]),
        (lambda: KAN([2, 1], init="kaiming"), ["paper", "'kaiming'"]),
        (lambda: KAN([2, 1], gird=7), ["no option", "'gird'"]),
        (lambda: KAN([2, 1], nodes=7), ["no option", "'nodes'"]),
        (lambda: KAN(CONFIGS[0], grid=7), ["KANConfig", "grid", "dataclasses.replace"]),
        (lambda: KAN(CONFIGS[0], base="sin"), ["KANConfig", "base", "dataclasses.replace"]),
        (lambda: KAN(CONFIGS[0], names=["a", "b"]), ["KANConfig", "names", "dataclasses.replace"]),
        (lambda: KANConfig((Nodes(2), Nodes(1)), ()), ["1 layers", "got 0"]),
        (lambda: config_from_dict({"nodes": []}), ["fields", "bases", "['nodes']"]),
        (lambda: config_from_dict({**CONFIGS[0].to_dict(), "colour": 1}), ["fields", "colour"]),
    ],
)
def test_a_wrong_network_is_refused_by_name_value_and_way_out(make, told):
    with raising(ConfigError, told):
        make()


@every(
    ("x", "error", "told"),
    [
        (torch.zeros(4, 3, **DOUBLE), ShapeError, ["KAN", "(…, 2)", "(4, 3)"]),
        (torch.zeros(4, **DOUBLE), ShapeError, ["KAN", "(…, 2)", "(4,)"]),
        (torch.zeros((), **DOUBLE), ShapeError, ["KAN", "()"]),
        (torch.zeros(4, 2, dtype=torch.complex64), DtypeError, ["floating-point", "complex64"]),
        (torch.zeros(4, 2, device="meta", **DOUBLE), DtypeError, ["cpu", "meta"]),
        (np.array([["a", "b"]]), DataError, ["x must be numbers", "(rows, 2)", "<U1"]),
        ("abc", DataError, ["x must be numbers", "(rows, 2)"]),
        (None, DataError, ["x must be numbers", "(rows, 2)"]),
        (object(), DataError, ["x must be numbers", "(rows, 2)"]),
    ],
)
def test_a_wrong_input_is_refused_with_what_came_and_the_way_out(x, error, told):
    with raising(error, told):
        network([2, 3, 1])(x)


def test_errors_are_the_builtins_of_their_kind_too():
    assert issubclass(ShapeError, ValueError)
    assert issubclass(ConfigError, ValueError)
    assert issubclass(DtypeError, TypeError)


def test_inputs_without_names_take_those_of_a_frame():
    frame = pd.DataFrame(np.zeros((2, 2)), columns=["mass", "speed"])
    for model, wanted in (
        (KAN([2, 1]), ("mass", "speed")),
        (KAN([2, 1], names=["a", "b"]), ("a", "b")),
        (KAN([3, 1]), ("x1", "x2", "x3")),
    ):
        model.take_names(frame)
        assert model.config.input_names == wanted
    for columns in (["x2", "x1"], ["a", 3], ["a", "a"]):
        kept = KAN([2, 1])
        kept.take_names(frame.set_axis(columns, axis=1))
        assert kept.config.input_names == ("x1", "x2")
    kept.take_names(np.zeros((2, 2)))
    assert kept.config.input_names == ("x1", "x2")
