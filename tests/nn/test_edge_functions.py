"""Edges that are functions: what they compute, and that all that holds for a network holds with them."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, FileError, FormulaError
from splinework.formula.guarded import GUARDED
from splinework.formula.program import compiled
from splinework.formula.tensors import TENSORS
from splinework.nn.checkpoint import load, read_header, save
from splinework.nn.config import EdgeFamily
from splinework.nn.derivatives import partials
from splinework.nn.edge_formula import edge_program, edge_text
from splinework.nn.edge_functions import EdgeFunction, edges_of
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal
from tests.families import every
from tests.nn.edge_function_cases import mixed

X = 0.7 * normal(40, 2, seed=3).double()
SINGULAR = [
    "log(u)", "log10(u)", "log1p(u)", "sqrt(u)", "1/u", "1/u**4", "u**0.5", "u**-1.5", "1/sqrt(1 - u**2)",
    "exp(400*u)", "asin(u)", "acos(u)", "acosh(u)", "atanh(u)", "gamma(u)", "gammaln(u)", "u/expm1(u)",
    "reciprocal(u)", "k0(u)", "sinh(500*u)",
]  # fmt: skip


def only(function: EdgeFunction) -> KAN:
    """A network of one edge, a function, with its input and output in raw units."""
    model = KAN([1, 1], dtype=torch.float64, bias=False)
    model.kan_layers[0].set_functions([function])
    return model


def test_an_edge_is_its_formula():
    numbers = (1.5, -0.2, 0.7, 0.4)
    u = np.linspace(-2, 2, 41)
    found = only(EdgeFunction.of("exp(-0.5*u**2)", 0, 0, numbers=numbers))(torch.from_numpy(u[:, None]))
    z = 1.5 * u - 0.2
    assert np.abs(found.detach().numpy()[:, 0] - (0.7 * np.exp(-0.5 * z**2) + 0.4)).max() < 1e-15


def test_every_edge_of_a_trace_is_what_its_sum_is_made_of():
    model = mixed(call=True)
    record = trace(model, X)
    for layer, seen in zip(model.kan_layers, record.layers, strict=True):
        assert (seen.edges.sum(1) + layer.bias - layer(seen.inputs)).abs().max() < 1e-13
        for each in layer.functions.edges():
            assert torch.equal(seen.edges[:, each.i, each.j], each(seen.inputs[:, each.i]))
    assert (record.outputs - model(X)).abs().max() < 1e-13


@pytest.mark.parametrize("options", [{}, {"grid_kind": "learnable"}, {"extrapolation": "zero"}], ids=str)
def test_a_held_spline_is_the_spline_of_its_layer(options):
    model = KAN([2, (2, 1), 2], generator=torch.Generator().manual_seed(0), dtype=torch.float64, **options)
    record, held = trace(model, X), trace(mixed(**options), X)
    assert (record.layers[0].edges[:, 1, 0] - held.layers[0].edges[:, 1, 0]).abs().max() < 1e-14


def test_a_file_a_copy_and_a_state_give_the_same_bits(tmp_path):
    model = mixed()
    with torch.no_grad():
        for seed, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * normal(*parameter.shape, seed=seed).to(parameter))
    save(model, tmp_path / "model.safetensors")
    other = KAN(model.config, dtype=torch.float64)
    other.load_state_dict(model.state_dict())
    for again in (load(tmp_path / "model.safetensors"), copy.deepcopy(model), pickle.loads(pickle.dumps(model)), other):
        assert again.config == model.config
        assert torch.equal(again(X), model(X))
    assert read_header(tmp_path / "model.safetensors")["format"] == 2


def test_a_file_without_functions_is_one_that_older_versions_read(tmp_path):
    save(KAN([2, 1]), tmp_path / "model.safetensors")
    header = read_header(tmp_path / "model.safetensors")
    assert header["format"] == 1
    assert "functions" not in header["config"]


def test_a_callable_is_not_saved_and_the_way_out_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"'erf' .* callable, which a file cannot keep; fix the edge to its formula"):
        save(mixed(call=True), tmp_path / "model.safetensors")


def test_gradients_are_those_of_differences():
    model = mixed(call=True)
    numbers = [p for p in model.parameters() if p.numel() < 40]
    assert torch.autograd.gradcheck(lambda *_: model(X[:4]), numbers, eps=1e-6, atol=1e-6)
    inputs = X[:4].clone().requires_grad_()
    assert torch.autograd.gradcheck(model, [inputs], eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_taylor_series_are_nested_gradients(order):
    model, x = mixed(), X[:6].clone().requires_grad_()
    found = model(x)[:, :1]
    for _ in range(order):
        found = torch.autograd.grad(found.sum(), x, create_graph=True)[0][:, 1:]
    assert (partials(model, x, (1,) * order)[0][:, :1] - found).abs().max() < 1e-10 * found.abs().max()


def test_edges_and_numbers_are_counted():
    plain, model = KAN([2, (2, 1), 2]), mixed()
    per_edge = 5 + 3 + 2
    assert model.active_edges() == plain.active_edges() == 14
    assert model.parameter_count() == plain.parameter_count() - 6 * per_edge + (4 + 5 + 2 + 0) + (4 + 4)
    assert model.parameter_count(active=True) == model.parameter_count()
    assert model.kan_layers[0].alive.all()
    assert model.active_inputs() == ["x1", "x2"]


@pytest.mark.parametrize("text", SINGULAR)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_values_and_gradients_are_finite_everywhere(text, dtype):
    u = torch.tensor([-2.0, -1.0, -1e-9, -0.0, 0.0, 1e-30, 1.0, 1.0 + 1e-9, 2.0], dtype=dtype)[:, None]
    model = only(EdgeFunction.of(text, 0, 0)).to(dtype)
    value = model(u.requires_grad_())
    value.sum().backward()
    every = [value, u.grad, *(p.grad for p in model.kan_layers[0].functions.parameters())]
    assert all(bool(part.isfinite().all()) for part in every)


@every("text", [text for text in SINGULAR if "400" not in text and "500" not in text])
def test_inside_the_domain_guards_change_nothing(text):
    u = torch.linspace(-3, 3, 301, dtype=torch.float64) + 1e-3
    program = compiled(text, ["u"])
    plain, guarded = (program.run([u], algebra) for algebra in (TENSORS, GUARDED))
    inside = plain.isfinite()
    assert int(inside.sum()) > 50
    assert torch.equal(plain[inside], guarded[inside])


def test_decimals_are_constants_and_integers_exact():
    assert edge_program("2*exp(-0.5*u**2) + 1e-3*u")[1] == (0.5, 1e-3)
    assert edge_text("exp(-0.5*u**2)", [2.0, -1.0, -1.0, 0.5, -0.25]) == "-exp(0.25*(2.0*u - 1.0)**2) + 0.5"


@pytest.mark.parametrize("text", ["2.5", "v + 1", "u +", "sin", ""])
def test_a_text_that_is_no_function_of_u_is_refused(text):
    with pytest.raises(FormulaError):
        EdgeFunction.of(text, 0, 0)


@pytest.mark.parametrize("places", [[(0, 3)], [(2, 0)], [(0, 0), (0, 0)], [(-1, 0)]])
def test_an_edge_outside_the_layer_or_twice_is_refused(places):
    layer = KAN([2, 3]).kan_layers[0]
    with pytest.raises(ConfigError, match="2 × 3"):
        layer.set_functions([EdgeFunction.of("sin(u)", i, j) for i, j in places])


def test_a_configuration_that_contradicts_its_formula_is_refused():
    with pytest.raises(ConfigError, match="has 5 numbers, got 4 flags"):
        edges_of([EdgeFamily("own", "exp(0.5*u)", ((0, 0),), (True,) * 4)])


def test_a_callable_that_gives_another_shape_is_refused():
    model = only(EdgeFunction(EdgeFamily("mean", call=lambda z: z.mean()), 0, 0, torch.ones(4).double(), (True,) * 4))
    with pytest.raises(ConfigError, match=r"'mean' of an edge .* same shape \(3, 1\), got \(\)"):
        model(torch.ones(3, 1, dtype=torch.float64))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"text": "tanh(u)"', '"text": "tanh(q)"'),
        ('"text": "tanh(u)"', '"text": "open(u)"'),
        ('"free": [true, true, true, true, true]', '"free": [true, true, true, true]'),
        ('"grid": 5, "degree": 3}, "silu"', '"grid": 99999999999, "degree": 3}, "silu"'),
        ('"edges": [[0, 0]]', '"edges": [[0, 9]]'),
        ('"edges": [[1, 0]]', '"edges": [[1, 0], [0, 1]]'),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(old, new, tmp_path):
    save(mixed(), tmp_path / "model.safetensors")
    content = (tmp_path / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + size].decode()
    written = json.dumps(old)[1:-1], json.dumps(new)[1:-1]  # the header is a text inside a JSON text
    assert written[0] in header, header
    changed = header.replace(*written, 1).encode()
    (tmp_path / "bad.safetensors").write_bytes(len(changed).to_bytes(8, "little") + changed + content[8 + size :])
    with pytest.raises(FileError, match="inconsistent splinework file"):
        load(tmp_path / "bad.safetensors")
