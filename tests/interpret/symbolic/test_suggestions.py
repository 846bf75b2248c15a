"""Suggestions for one edge, and formulas of networks whose edges are functions already."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.interpret.edit import fix, freeze
from splinework.interpret.symbolic import own_function, suggest, symbolify
from splinework.nn.network import KAN
from tests.contracts.cases import seeded
from tests.interpret.edit.test_edge_roles import CURVES, X, carrying

NAMED = [name for name in CURVES if "(" not in name and name not in ("cos", "sigmoid")]


@pytest.mark.parametrize("name", NAMED)
def test_the_function_of_an_edge_comes_first_with_its_numbers(name):
    model = carrying(CURVES[name], grid=20)
    found = suggest(model, X, ("x1", "y"))
    best = found[0]
    assert best.name == name
    assert 1 - 1e-9 < best.r2 <= 1
    assert list(found) == sorted(found, key=lambda row: row.length)
    a, b, c, d = best.numbers
    fixed = fix(model, found.edge, best.name, x=X).kan_layers[0].functions.edges()[0]
    assert np.allclose(fixed.numbers[:4].numpy(), [a, b, c, d], rtol=1e-4, atol=1e-4)
    assert abs(sum(row.probability for row in found) - 1) < 1e-6


def test_a_table_and_its_pictures():
    found = suggest(carrying(torch.sin), X, (0, 0, 0), rows=3)
    page = found._repr_html_()
    pictures = ElementTree.fromstring(f"<div>{page}</div>").iter("svg")
    assert [picture.get("aria-label") for picture in pictures] == [row.name for row in found]
    assert len(found) == len(found[:5]) == 3
    assert str(found).splitlines()[0] == "edge (0, 0, 0), x1 → y"
    assert found[0].text in str(found)


def test_a_library_of_ones_own_and_a_constant_edge():
    softsign = own_function("softsign", "z/(1 + abs(z))")
    model = carrying(lambda u: 3 * u / (1 + (3 * u).abs()), grid=50)
    names = [row.name for row in suggest(model, X, (0, 0, 0), library=["sin", softsign])]
    assert "softsign" in names
    assert "exp" not in names
    flat = fix(model, (0, 0, 0), "exp", numbers=(1, 0, 0, 2))
    assert len(suggest(flat, X, (0, 0, 0))) == 0
    with pytest.raises(ConfigError, match="at least 1"):
        suggest(model, X, (0, 0, 0), rows=0)


def exact() -> KAN:
    """The network `exp(sin(pi x1) + x2²)` of functions alone."""
    model = KAN([2, 1, 1], generator=seeded(), dtype=torch.float64)
    model = fix(model, (0, 0, 0), "sin", numbers=(3.1, 0, 1.1, 0))
    model = fix(model, (0, 1, 0), "x^2", numbers=(1, 0, 0.9, 0))
    return fix(model, (1, 0, 0), "exp", numbers=(1.0, 0, 1, 0))


def test_the_formula_of_functions_is_found_at_once():
    y = torch.exp(torch.sin(torch.pi * X[:, :1]) + X[:, 1:] ** 2)
    assert str(symbolify(exact(), X, y).best) == "y = exp(x2**2 + sin(pi*x1))"


def test_own_formulas_and_held_splines_are_parts_of_the_formula():
    model = fix(exact(), (0, 1, 0), "exp(-2.5*u**2)", numbers=(1, 0, 1, 0))
    y = torch.exp(torch.sin(torch.pi * X[:, :1]) + torch.exp(-2.5 * X[:, 1:] ** 2))
    best = symbolify(model, X, y).best
    assert best.rmse < 1e-12
    spline = carrying(torch.sin)
    held = freeze(freeze(spline, (0, 0, 0)), (0, 1, 0))
    row = symbolify(held, X, spline(X).detach()).best
    assert row.rmse < 1e-10
    assert row.splines


def test_a_function_that_was_fixed_stays_though_a_polynomial_would_do():
    model = fix(KAN([2, 1], generator=seeded(), dtype=torch.float64), (0, 0, 0), "cosh", numbers=(0.1, 0, 300, 0))
    model = fix(model, (0, 1, 0), "x", numbers=(1, 0, 2, 0))
    best = symbolify(model, X, model(X).detach()).best
    assert "cosh" in str(best)
    assert best.rmse < 1e-9
