"""The structure of known functions is found from derivatives, whatever the units, from tensors as from arrays."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.structure import find_structure
from tests.families import every
from tests.interpret.structure.trees import node

CASES = {
    "sum of three": (lambda a, b, c, d: torch.sin(a) + b**2 + torch.exp(c), node("sum", "x1", "x2", "x3")),
    "exp of a sum is a product": (lambda a, b, c, d: torch.exp(torch.sin(a) + b**2), node("product", "x1", "x2")),
    "product plus a constant": (lambda a, b, c, d: 3 + torch.sin(a) * (b + 2 * c**2), None),
    "norm of two differences": (
        lambda a, b, c, d: ((a - b) ** 2 + (c - d) ** 2 + 0.1).sqrt(),
        node("composite", node("composite", "x1", "x2"), node("composite", "x3", "x4")),
    ),
    "function of a sum of three": (
        lambda a, b, c, d: torch.tanh(a**3 + b**3 + c**3),
        node("composite", "x1", "x2", "x3"),
    ),
    "relativistic sum": (lambda a, b, c, d: (a + b) / (1 + a * b), node("composite", "x1", "x2")),
    "a group in a function": (
        lambda a, b, c, d: torch.sin(a * b) * c + (a * b) ** 2 * c**3,
        node("function", node("composite", "x1", "x2"), "x3"),
    ),
    "no structure": (lambda a, b, c, d: torch.sin(a) * b + torch.exp(a) * b**3, node("function", "x1", "x2")),
    "nested": (
        lambda a, b, c, d: torch.cos(torch.sin(a * b + c**3) * d + (a * b + c**3) ** 2 * d**3),
        node("function", node("composite", node("composite", "x1", "x2"), "x3"), "x4"),
    ),
}
CASES["product plus a constant"] = (CASES["product plus a constant"][0], node("product", "x1", node("sum", "x2", "x3")))


def points(rows=200, seed=0):
    return 0.3 + 0.6 * torch.rand(rows, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", CASES)
def test_the_tree_is_that_of_the_function(name):
    function, key = CASES[name]
    x = points()
    found = find_structure(lambda x: function(*x.T), x)
    assert found.tree.key == key
    assert all(each.evidence.effect < 1e-9 for each in found.holding)
    from_arrays = find_structure(lambda x: function(*torch.from_numpy(x).T).numpy(), x.numpy())
    assert from_arrays.tree.key == key


def test_units_do_not_matter():
    scale = torch.tensor([1e3, 1e-4, 10.0, 1.0], dtype=torch.float64)
    function = CASES["nested"][0]
    x = points()
    plain = find_structure(lambda x: function(*x.T), x)
    other = find_structure(lambda x: 1e5 * function(*(x / scale).T) - 3e4, x * scale)
    assert plain.tree.key == other.tree.key
    kinds = ("sum", "product", "group", "composite")
    known = {each.statement: each.evidence for each in plain.findings if each.kind in kinds}
    assert all(
        each.evidence.effect == pytest.approx(known[each.statement].effect, rel=1e-6, abs=1e-9)
        for each in other.findings
        if each.statement in known
    )


@pytest.mark.parametrize(
    ("expression", "function"),
    {
        "x1 - x2": lambda a, b: torch.sin(3 * (a - b)),
        "x1 + x2": lambda a, b: torch.sin(3 * (a + b)),
        "x1*x2": lambda a, b: torch.sin(3 * a * b),
        "x1/x2": lambda a, b: torch.sin(3 * a / b),
        "x1**2 + x2**2": lambda a, b: torch.sin(3 * (a**2 + b**2)),
        "x1**2 - x2**2": lambda a, b: torch.sin(3 * (a**2 - b**2)),
    }.items(),
)
def test_an_invariance_is_found_and_no_other(expression, function):
    found = find_structure(lambda x: function(x[:, 0], x[:, 1]) * (1 + x[:, 2]) + x[:, 2] ** 3, points()[:, :3])
    assert [each.expression for each in found.holding if each.kind == "invariance"] == [expression]


def test_parity_exchange_and_idle_inputs():
    x = 2 * points(400)[:, :4] - 1.2
    found = find_structure(lambda x: x[:, 0] ** 3 * torch.cos(x[:, 1] + x[:, 2] * x[:, 1]) * x[:, 2], x)
    assert found.idle == ("x4",)
    assert {(each.kind, each.groups[0]) for each in found.holding if each.kind in ("even", "odd")} == {
        ("odd", ("x1",)),
        ("even", ("x2",)),
    }
    swapped = find_structure(lambda x: torch.exp(x[:, 0] * x[:, 1]) + x[:, 0] + x[:, 1], x)
    assert ("exchange", (("x1", "x2"),)) in {(each.kind, each.groups) for each in swapped.holding}


def test_a_constant_has_no_tree():
    found = find_structure(lambda x: torch.ones(len(x), dtype=x.dtype) + 0 * x[:, 0], points())
    assert found.tree is None
    assert found.formula() == "constant"
    assert len(found.idle) == 4


def test_a_network_has_the_structure_of_its_shape_and_keeps_its_names():
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN([3, 1], names=["a", "b", "c"], dtype=torch.float64, generator=generator)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = find_structure(model, 2 * points()[:, :3] - 1)
    assert found.names == ("a", "b", "c")
    assert found.tree.kind == "sum"
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_text_shows_tree_and_evidence():
    found = find_structure(lambda x: CASES["nested"][0](*x.T), points(), names=list("abcd"))
    assert found.formula() == "f1(f2(f3(a*b) + f4(c)), d)"
    assert found.tree.text().splitlines()[0] == "function"
    assert "depends on a, b by a*b: yes" in str(found)
    assert len(list(found.tree.walk())) == 7


@every(
    ("call", "error"),
    [
        (lambda: find_structure(lambda x: x[:, 0], np.ones(40)), ShapeError),
        (lambda: find_structure(lambda x: x[:, 0], np.ones((4, 2))), DataError),
        (lambda: find_structure(lambda x: x, np.ones((40, 2)), output=2), ConfigError),
        (lambda: find_structure(lambda x: x[:, 0], np.ones((40, 2)), tolerance=2), ConfigError),
        (lambda: find_structure(lambda x: x[:, 0], np.ones((40, 2)), names=["a"]), ConfigError),
        (lambda: find_structure(lambda x: x[:, 0] * np.nan, np.ones((40, 2))), DataError),
        (lambda: find_structure(lambda x: 1.0, np.ones((40, 2))), ConfigError),
        (lambda: find_structure(np.ones((40, 2)), np.ones(30)), ShapeError),
        (lambda: find_structure(np.ones((40, 2)), np.full(40, np.nan)), DataError),
    ],
)
def test_wrong_calls_are_refused(call, error):
    with pytest.raises(error):
        call()
