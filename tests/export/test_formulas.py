"""Law: the expressions for sympy equal the model; LaTeX is well formed; known functions are recognised."""

import re

import numpy as np
import pytest
import sympy
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.export import export
from tests.export.cases import Case, distance, pairwise, points
from tests.export.runners import run_python

CASES = pairwise()


def check(case: Case, predict) -> None:
    model = case.model()
    x = points(case, model) if case.degree else case.raw(200, 7, model)  # degree 0 jumps at its knots
    if case.logs:
        x = x[(x > 0).all(1)]
    with np.errstate(all="ignore"):  # numpy's select works out all cases
        columns = predict(*x.numpy().T)
    got = np.column_stack([np.broadcast_to(column, len(x)) for column in columns])
    # In numpy every case is worked out everywhere: sympy multiplies out (t - a), which costs some digits far away.
    assert distance(model, x, got) <= 1e-11


@pytest.mark.quick(5)
@pytest.mark.parametrize("case", [case for case in CASES[::3] if case.degree * case.grid < 40], ids=str)
def test_sympy_equals_the_model(case):
    check(case, run_python(export(case.model(), "sympy"))["function"]())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sympy_equals_the_model_over_the_family(case):
    check(case, run_python(export(case.model(), "sympy"))["function"]())


def test_sympy_expressions_can_be_differentiated():
    case = Case([1, 1], base="none")
    model = case.model()
    names = run_python(export(model, "sympy"))
    (unit, meaning), symbol = names["steps"][0], names["x"][0]
    slope = sympy.diff(names["y"][0], unit) * sympy.diff(meaning, symbol)
    x = case.raw(20, 0, model).requires_grad_(True)
    (expected,) = torch.autograd.grad(model(x).sum(), x)
    for at, value in zip(x[:, 0].tolist(), expected[:, 0].tolist(), strict=True):
        place = float(meaning.subs(symbol, at))
        assert abs(float(slope.subs(unit, place).subs(symbol, at)) - value) <= 1e-10


@pytest.mark.parametrize("case", CASES, ids=str)
def test_latex_is_well_formed(case):
    model = case.model()
    text = export(model, "latex")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert body.count("{") == body.count("}")
    for left, right in (
        (r"\begin{cases}", r"\end{cases}"),
        (r"\left(", r"\right)"),
        (r"\begin{align*}", r"\end{align*}"),
    ):
        assert body.count(left) == body.count(right)
    assert "nan" not in body
    assert "inf" not in body
    edges = {tuple(map(int, found)) for found in re.findall(r"\\varphi_\{(\d+),(\d+),(\d+)\}\(t\)", body)}
    used = {tuple(map(int, found)) for found in re.findall(r"\\varphi_\{(\d+),(\d+),(\d+)\}\(h", body)}
    assert edges == used


def test_the_numbers_of_latex_are_those_of_the_model():
    model = Case([1, 1], base="none", bias=False, scaled=False).model()
    first = re.search(r"begin\{cases\}\n(.*?) & t < (\S+)", export(model, "latex"))
    value, slope = (float(v.replace(" ", "")) for v in re.match(r"(\S+) ([+-] \S+)\\,", first[1]).groups())
    low = float(model.kan_layers[0].knots()[0, 3])
    assert abs(float(first[2]) - low) < 1e-5
    x = torch.tensor([[low], [low - 10]], dtype=torch.float64)
    assert np.allclose(model(x)[:, 0].numpy(), [value, value - 10 * slope], atol=1e-4)


def test_formulas_have_a_limit_and_say_the_way_out():
    model = sw.KAN([20, 20, 1], grid=20, generator=torch.Generator())
    for target in ("latex", "sympy"):
        with pytest.raises(ConfigError, match=r"9240 pieces.*prune or sparsify.*symbolify.*numpy, c or js"):
            export(model, target)


def known_functions() -> sw.KAN:
    """sin(3 x1) + x2² to machine precision, as a network would have it after a good fit."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(400, 2, generator=generator, dtype=torch.float64) * 2 - 1
    model = sw.KAN([2, 1], grid=16, degree=7, base="none", generator=generator, dtype=torch.float64)
    return sw.fit(model, x, torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2, validation=None).model


@pytest.mark.slow
def test_known_functions_are_recognised():
    model = known_functions()
    names = run_python(export(model, "sympy", recognise=True))
    x1, x2 = names["x"]
    assert sympy.simplify(names["y"][0] - sympy.sin(3 * x1) - x2**2).subs({x1: 0.3, x2: 0.7}) < 1e-9
    assert r"\sin{\left(3 x_{1} \right)}" in export(model, "latex", recognise=True)


def test_what_is_not_recognised_is_written_piece_by_piece():
    model = Case([1, 1]).model()
    assert export(model, "sympy", recognise=True) == export(model, "sympy")
