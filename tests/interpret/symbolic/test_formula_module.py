"""The constants of a formula as a torch module: parameters that training moves, with the right gradient."""

import pytest
import sympy
import torch

from splinework.errors import ConfigError, FormulaError
from splinework.formula.languages import FormulaModule
from splinework.interpret.symbolic import symbolify
from splinework.interpret.symbolic.expression import compile_expression
from splinework.interpret.symbolic.table import FormulaRow
from tests.interpret.symbolic.language_cases import NAMES, POINTS, SPLINES, X, Y, agrees

TRAINABLE = [
    2.5 * sympy.sin(1.5 * X) + Y**2 / 3 - 0.25,
    sympy.exp(-0.7 * (X - Y) ** 2) * (1.2 + X) ** 1.3,
    sympy.Piecewise((0.3 * X, X < 0.9), (2.2 * Y**2.0, True)),
    1.5 * X * sympy.Function("spline_1")(X) + 0.5,
]


@pytest.mark.parametrize("expression", TRAINABLE, ids=str)
def test_the_gradient_in_the_constants_is_that_of_differences(expression):
    module = FormulaModule(expression, NAMES, {"spline_1": SPLINES["spline_1"]})
    x = torch.tensor(POINTS).abs()
    assert agrees(module(x).detach().numpy(), compile_expression(expression, NAMES, SPLINES)(x.numpy()))
    assert [float(f) for f in sorted(module.expression.atoms(sympy.Float))] == module.constants.tolist()
    assert len(module.constants) == len([f for f in expression.atoms(sympy.Float) if f != 2])

    def of(constants):
        return torch.func.functional_call(module, {"constants": constants}, (x,))

    assert torch.autograd.gradcheck(of, module.constants)


def test_the_constants_of_a_row_are_trained_towards_the_data():
    row = FormulaRow("y", 1.1 * sympy.sin(2.2 * X) + 0.1, NAMES, 0.0, 1.0, 0.0)
    x = torch.tensor(POINTS)
    y, module = 1.4 * torch.sin(2.0 * x[:, 0]) + 0.3, row.torch()
    optimiser = torch.optim.LBFGS(
        module.parameters(), max_iter=200, tolerance_grad=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        loss = (module(x) - y).square().mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    assert torch.allclose(module.constants, torch.tensor([0.3, 1.4, 2.0], dtype=torch.float64), atol=1e-6)
    assert "1.39999" in repr(module)
    again = row.torch()
    again.load_state_dict(module.state_dict())
    assert torch.equal(again(x), module(x))


def test_a_formula_of_exact_numbers_has_nothing_to_train():
    assert list(FormulaModule(2 * X**2 / 3 + sympy.pi, NAMES).parameters()) == []


@pytest.mark.parametrize(
    "expression", [2.5 * sympy.sin(1.5 * X) + Y**2 / 3 - 0.25, sympy.exp(-0.7 * (X - Y) ** 2) * (1.2 + X), 2 * X * Y, X]
)
def test_a_formula_becomes_a_network_and_the_network_the_formula(expression):
    """The network computes the formula, has all columns, and is read back as the same function."""
    columns = tuple(str(name) for name in NAMES)
    row = FormulaRow("energy", expression, columns, 0.0, 1.0, 0.0, valid=dict.fromkeys(columns[:1], (0.2, 1.4)))
    model = row.network(dict.fromkeys(columns[1:], (0.2, 1.4)))
    assert model.config.input_names == columns
    assert model.config.output_names == ("energy",)
    x = 0.2 + 1.2 * torch.rand(60, len(columns), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = row.numpy()(x.numpy())
    assert agrees(model(x).detach().numpy()[:, 0], wanted)
    again = symbolify(model, x, model(x).detach(), budget=5.0).best
    assert agrees(again.numpy()(x.numpy()), wanted)


def test_a_row_without_a_range_or_with_a_spline_is_no_network():
    row = FormulaRow("y", X + Y, NAMES, 0.0, 1.0, 0.0, valid={str(NAMES[0]): (0.0, 1.0)})
    with pytest.raises(ConfigError, match=repr(str(NAMES[1]))):
        row.network()
    held = FormulaRow("y", sympy.Function("spline_1")(X), NAMES, 0.0, 1.0, 0.0, splines=SPLINES)
    with pytest.raises(FormulaError, match="spline_1"):
        held.network()
