"""Roles of edges: a fixed edge is its function, a freed one a spline close to it, a frozen one stays; the old model too."""

import copy

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, SplineworkError
from splinework.interpret.edit import adapt, elevate, fix, free, freeze, prune, refine, unfreeze, without_edges
from splinework.interpret.symbolic import LIBRARY, own_function
from splinework.interpret.symbolic.chosen_function import chosen_function
from splinework.nn.checkpoint import load, save
from splinework.nn.network import KAN
from splinework.splines.bases import BASES
from tests.contracts.cases import normal, seeded
from tests.families import every
from tests.nn.edge_function_cases import mixed

X = (0.7 * normal(60, 2, seed=3).double()).clamp(-1, 1)


def carrying(curve, *, grid=12) -> KAN:
    """A network `[2, 1]` whose first edge is a spline close to a curve on [-1, 1]."""
    model = KAN([2, 1], grid=grid, degree=5, generator=seeded(), dtype=torch.float64)
    layer, u = model.kan_layers[0], torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None].expand(-1, 2)
    values = layer.edge_coefficients().detach().clone()
    rows = layer.table().rows(u)[:, 0]
    values[0, :, 0] = torch.linalg.lstsq(rows, curve(u[:, :1]), driver="gelsd").solution[:, 0]
    layer.set_edge_coefficients(values)
    return model


def state(model: KAN) -> dict:
    return {key: value.clone() for key, value in model.state_dict().items()}


def function_of(model: KAN, layer: int = 0):
    return model.kan_layers[layer].functions.edges()[0]


@every("function", LIBRARY)
def test_the_formula_of_a_library_function_is_the_function(function):
    edge = chosen_function(function.name).edge(0, 0)
    z = np.concatenate([np.linspace(-3, 3, 121), np.linspace(-0.05, 0.05, 21)]) + 1e-5
    with np.errstate(all="ignore"):
        value, slope = function.value(z), function.slope(z)
    inside = np.isfinite(value) & np.isfinite(slope)
    assert inside.sum() > 50
    found, by_u, _ = (part[:, 0].numpy() for part in edge.expand(torch.from_numpy(z)[:, None]))
    for truth, own in ((value, found), (slope, by_u)):
        assert np.abs(own - truth)[inside].max() < 2e-11 * (1 + np.abs(truth[inside]).max())


CURVES = {
    "sin": lambda u: torch.sin(3 * u + 0.4),
    "cos": lambda u: 2 * torch.cos(4 * u) - 1,
    "tanh": lambda u: torch.tanh(2 * u - 0.3),
    "x^2": lambda u: 1.5 * (u - 0.2) ** 2,
    "power": lambda u: (u + 1.5) ** 1.7,
    "log": lambda u: torch.log(u + 1.3),
    "1/x": lambda u: 1 / (u + 2),
    "sigmoid": lambda u: torch.sigmoid(4 * u),
    "exp(-0.7*z**2)": lambda u: torch.exp(-2 * (u - 0.1) ** 2),
    "exp(u) + 2.0*exp(-3.0*u)": lambda u: torch.exp(u) + 0.5 * torch.exp(-2 * u),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("given", [True, False], ids=["data", "grid"])
def test_fix_finds_the_numbers_of_a_curve(name, given):
    model = carrying(CURVES[name])
    before = state(model)
    fixed = fix(model, ("x1", "y"), name, x=X if given else None)
    distance = (fixed(X) - model(X)).abs().max()
    assert distance < 3 * (model.kan_layers[0].edges(X)[:, 0] - CURVES[name](X[:, :1])).abs().max() + 1e-9
    assert function_of(fixed).family.name == name
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_numbers_a_library_function_of_ones_own_and_a_callable():
    model = carrying(torch.erf)
    softsign = own_function("softsign", "z/(1 + abs(z))")
    for function, truth in (("sin", torch.sin), (softsign, lambda z: z / (1 + z.abs())), (torch.erf, torch.erf)):
        fixed = fix(model, (0, 0, 0), function, numbers=(1.5, -0.2, 2, 0.5))
        rest = without_edges(model, X, [[[False], [True]]])
        rest.kan_layers[0].bias.data.copy_(model.kan_layers[0].bias)
        expected = 2 * truth(1.5 * X[:, :1] - 0.2) + 0.5 + rest(X)
        assert (fixed(X) - expected).abs().max() < 1e-14
    assert (fix(model, (0, 0, 0), torch.erf, x=X)(X) - model(X)).abs().max() < 1e-6


def test_a_freed_edge_reproduces_the_function_and_is_a_spline():
    fixed = fix(carrying(torch.sin), (0, 0, 0), "exp", numbers=(1.2, 0, 1, 0))
    before = state(fixed)
    for x in (None, X):
        freed = free(fixed, ("x1", "y"), x=x)
        assert freed.kan_layers[0].functions is None
        assert (freed(X) - fixed(X)).abs().max() < 1e-8
    assert all(torch.equal(value, before[key]) for key, value in fixed.state_dict().items())


@pytest.mark.parametrize("edge", [(0, 0, 1), (0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_freezing_changes_nothing_and_is_undone(edge):
    model = mixed()
    frozen = freeze(model, edge)
    assert (frozen(X) - model(X)).abs().max() < 1e-14
    own = next(e for e in frozen.kan_layers[edge[0]].functions.edges() if (e.i, e.j) == edge[1:])
    assert not any(own.free)
    again = unfreeze(frozen, edge)
    assert (again(X) - model(X)).abs().max() < 1e-14
    assert edge in {(0, 1, 1), (0, 0, 0)} or again.parameter_count() == model.parameter_count()


def test_only_the_affine_numbers_stay_free():
    frozen = freeze(mixed(), (0, 1, 1), affine=True)
    free_flags = [e.free for e in frozen.kan_layers[0].functions.edges() if (e.i, e.j) == (1, 1)]
    assert free_flags == [(True, True, True, True, False)]
    assert freeze(KAN([1, 1]), (0, 0, 0), affine=True).parameter_count() == 4 + 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: refine(m, 10),
        lambda m: refine(m, 7, x=X),
        lambda m: adapt(m, X),
        lambda m: elevate(m, 4),
        lambda m: prune(m, X, edges=0.0, nodes=0.0, inputs=0.0),
    ],
    ids=["refine", "refit", "adapt", "elevate", "prune"],
)
def test_other_edits_keep_functions_to_the_bit(edit):
    model = mixed(call=True)
    edited = edit(model)
    for layer, other in zip(model.kan_layers, edited.kan_layers, strict=True):
        for one, same in zip(layer.functions.edges(), other.functions.edges(), strict=True):
            assert (one.family, one.i, one.j, one.free) == (same.family, same.i, same.j, same.free)
            assert torch.equal(one.numbers, same.numbers)
    inside = 0.9 * X
    assert (edited(inside) - model(inside)).abs().max() < 5e-2


def test_pruning_takes_functions_out_and_moves_the_others():
    model = mixed()
    keep = [torch.ones_like(layer.alive) for layer in model.kan_layers]
    keep[0][:, 0] = False  # the first node, with functions into it and out of it
    keep[1][0] = False
    smaller = without_edges(model, X, keep)
    assert smaller.config.shape == [2, (1, 1), 2]
    assert [(e.family.name, e.i, e.j) for e in smaller.kan_layers[0].functions.edges()] == [
        ("exp(-0.5*u**2)", 1, 0),
        ("sin", 1, 2),
    ]
    fixed = copy.deepcopy(model)
    with torch.no_grad():
        record = fixed.kan_layers[1].edges(torch.zeros(1, 3, dtype=torch.float64))
    assert record.shape == (1, 3, 2)
    left = smaller.kan_layers[0](model.input_scaling(X)) - model.kan_layers[0](model.input_scaling(X))[:, 1:]
    assert left.abs().max() < 1e-13


@every(
    ("edge", "function", "match"),
    [
        ((0, 5, 0), "sin", r"no edge \(0, 5, 0\); did you mean '\(0, 1, 0\)'"),
        (("x1", "h9"), "sin", r"did you mean \"\('x1', 'y'\)\""),
        (("a",), "sin", r"an edge is \(layer, input, sum\)"),
        ((0, 0, 0), "sni", "did you mean 'sin'"),
        ((0, 0, 0), "u + v", "formula of one variable"),
        ((0, 0, 0), "2", "formula of one variable"),
        ((0, 0, 0), 3, "a name, a formula"),
        ((0, 0, 0), "__import__('os')", "formula of one variable"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest(edge, function, match):
    model = carrying(torch.sin)
    before = state(model)
    with pytest.raises(SplineworkError, match=match):
        fix(model, edge, function)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("numbers", [(1, 2, 3), (1, 0, float("nan"), 0), (1, 0, 1, 0, 0)])
def test_numbers_are_four_finite_ones(numbers):
    with pytest.raises(ConfigError, match="four finite ones"):
        fix(carrying(torch.sin), (0, 0, 0), "sin", numbers=numbers)


def test_a_constant_edge_says_what_to_give():
    model = carrying(lambda u: 0 * u + 1)
    with pytest.raises(ConfigError, match=r"give its numbers=\(a, b, c, d\)"):
        fix(without_edges(model, X, [[[False], [True]]]), (0, 0, 0), "sin", x=X)


@pytest.mark.parametrize("verb", [free, freeze, unfreeze])
def test_every_verb_names_the_edge_that_there_is_not(verb):
    with pytest.raises(ConfigError, match="no edge"):
        verb(mixed(), (0, 0, 9))


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("base", ["silu", "none"])
def test_a_frozen_spline_of_every_basis_is_kept_in_a_file(basis, base, tmp_path):
    model = KAN([2, 2, 1], basis=basis, base=base, generator=seeded(), dtype=torch.float64)
    frozen = freeze(freeze(model, (0, 1, 1), affine=True), (1, 0, 0))
    assert (frozen(X) - model(X)).abs().max() < 1e-14
    save(frozen, tmp_path / "model.safetensors")
    assert torch.equal(load(tmp_path / "model.safetensors")(X), frozen(X))
