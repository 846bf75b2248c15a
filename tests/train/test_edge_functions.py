"""Training of networks with edges that are functions: exact derivatives, and functions stay what they are."""

import pytest
import torch
from torch.func import functional_call, jacrev

from splinework.errors import ConfigError
from splinework.interpret.edit import fix, freeze
from splinework.nn.derivatives import partials
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.network import KAN
from splinework.train import fit, solve
from splinework.train.data_objective import DataObjective
from splinework.train.jacobian import Linearisation, ParameterVector
from splinework.train.multistart import best_start
from splinework.train.optim import LevenbergMarquardt
from splinework.train.optim.lbfgs import LBFGS
from splinework.train.options import TrainingOptions
from splinework.train.residual import Residual
from splinework.train.residual_jacobian import expand, matches_autograd
from splinework.train.run import TrainingRun
from tests.contracts.cases import normal, seeded
from tests.families import slow
from tests.nn.edge_function_cases import mixed

U = 0.6 * normal(25, 2, seed=5).double()
X = torch.rand(300, 2, generator=seeded(), dtype=torch.float64) * 2 - 1
Y = torch.exp(torch.sin(torch.pi * X[:, :1]) + X[:, 1:] ** 2)


def test_the_jacobian_is_that_of_autograd():
    model = mixed(call=True)
    parameters = ParameterVector.of(model)
    here = Linearisation(model, parameters, U)
    jacobian, numbers = here.dense(), dict(model.named_parameters())
    for layer, own in enumerate(parameters.function_spans(model)):
        names = [name for name in numbers if name.startswith(f"layers.{layer}.functions")]

        def outputs(*values, names=names):
            return functional_call(model, dict(zip(names, values, strict=True)), (U,))

        truth = jacrev(outputs, tuple(range(len(names))))(*(numbers[name].detach() for name in names))
        assert (jacobian[..., own] - torch.cat([each.flatten(2) for each in truth], -1)).abs().max() < 1e-12


def test_the_jacobian_is_that_of_differences_in_every_parameter():
    model = mixed()
    parameters = ParameterVector.of(model)
    values, jacobian = parameters.read(model), Linearisation(model, parameters, U).dense()
    for place in range(len(values)):
        sides = []
        for step in (1e-6, -1e-6):
            moved = values.clone()
            moved[place] += step
            parameters.write(model, moved)
            sides.append(model.unit_forward(U).detach())
        assert ((sides[0] - sides[1]) / 2e-6 - jacobian[..., place]).abs().max() < 1e-7
    parameters.write(model, values)
    assert torch.allclose(parameters.read(model), values, rtol=1e-15, atol=0)


def test_products_with_the_jacobian_are_those_with_its_matrix():
    model = mixed()
    parameters = ParameterVector.of(model)
    here = Linearisation(model, parameters, U)
    jacobian = here.dense()
    v, g = normal(parameters.size(model), seed=1).double(), normal(*jacobian.shape[:2], seed=2).double()
    flat, gram = jacobian.flatten(0, 1), torch.zeros(len(v), len(v), dtype=torch.float64)
    here.gram(gram, jacobian)
    assert (here.times(v) - jacobian @ v).abs().max() < 1e-12
    assert (here.transposed(g) - flat.T @ g.flatten()).abs().max() < 1e-12
    assert (here.squared_lengths() - flat.square().sum(0)).abs().max() < 1e-12
    assert (gram - flat.T @ flat).abs().max() < 1e-11


def session() -> KAN:
    """A network for `exp(sin(πx1) + x2²)` of which the last edge is known, and a function and a spline are frozen."""
    model = fix(KAN([2, 2, 1], generator=seeded(), dtype=torch.float64), (1, 0, 0), "exp", numbers=(1, 0, 1, 0))
    model = freeze(fix(model, ("x2", "h1"), "x^2", numbers=(1, 0, 1, 0)), ("x2", "h1"))
    return freeze(model, ("x1", "h2"))


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    "options",
    [
        {"steps": 20, "starts": 1, "grids": None, "degree": "keep"},
        *slow({"steps": 25}),
        {"optimiser": LBFGS(), "steps": 25, "starts": 1},
        {"optimiser": "adam", "steps": 60, "starts": 1},
        *slow({"optimiser": "adamw", "steps": 60, "starts": 1}),
        {"optimiser": "newton-cg", "steps": 15, "starts": 1},
        *slow({"optimiser": "varpro", "steps": 15, "starts": 1}, {"optimiser": "ssbroyden", "steps": 30, "starts": 1}),
    ],
    ids=lambda o: str(o.get("optimiser", o)),
)
@pytest.mark.filterwarnings("ignore::splinework.errors.FitWarning")
def test_a_fixed_edge_stays_its_function_and_a_frozen_one_its_bits(options):
    model = session()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    result = fit(model, X, Y, seed=1, **options)
    first, (last,) = (layer.functions.edges() for layer in result.model.kan_layers)
    for edge, frozen in zip(first, model.kan_layers[0].functions.edges(), strict=True):
        assert torch.equal(edge.numbers, frozen.numbers)
        assert torch.equal(edge(U[:, 0]), frozen(U[:, 0]))
    a, b, c, d = last.numbers.tolist()
    assert b == 0
    assert torch.allclose(last(U[:, 0]), c * torch.exp(a * U[:, 0]) + d, rtol=1e-14, atol=1e-14)
    assert (a, c, d) != (1, 1, 0)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert result.history[-1].rmse_train < 0.8 * float(Y.std())


def test_the_numbers_are_found_by_the_default_fit():
    y = 2 * torch.exp(-0.7 * (1.5 * X[:, :1] - 0.3) ** 2) + torch.sin(2 * X[:, 1:])
    model = KAN([2, 1], generator=seeded(), dtype=torch.float64)
    model = fix(fix(model, (0, 0, 0), "gaussian", numbers=(1, 0, 1, 0)), (0, 1, 0), "sin", numbers=(1.5, 0, 1, 0))
    result = fit(model, X, y, validation=None)
    assert result.history[-1].rmse_train < 1e-12


@pytest.mark.quick(3)
@pytest.mark.parametrize("text", ["log(u)", "sqrt(u)", "1/u", "u**0.5", "asin(u)"])
@pytest.mark.filterwarnings("ignore::splinework.errors.FitWarning")
def test_rows_at_a_singular_place_leave_a_finite_model(text):
    x = torch.cat([torch.linspace(-1, 1, 41, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])[:, None]
    model = KAN([1, 2, 1], generator=seeded(), dtype=torch.float64)
    with torch.no_grad():
        model.kan_layers[0].set_functions([EdgeFunction.of(text, 0, 0)])
    for options in ({"steps": 10, "starts": 1}, {"optimiser": "adam", "steps": 10}):
        result = fit(model, x, x**2, validation=None, **options)
        assert all(bool(p.isfinite().all()) for p in result.model.parameters())
        assert bool(result.model(x).isfinite().all())


def test_units_that_numbers_are_given_in_stay():
    model = fix(KAN([1, 1], dtype=torch.float64), (0, 0, 0), "exp", numbers=(0.01, 0, 100, 0))
    x = torch.linspace(100, 300, 50, dtype=torch.float64)[:, None]
    result = fit(model, x, 100 * torch.exp(0.01 * x), validation=None)
    assert result.model.input_scaling.is_identity()
    assert (result.model(x) / (100 * torch.exp(0.01 * x)) - 1).abs().max() < 1e-9
    with pytest.raises(ConfigError, match="standardise=True would give the edges"):
        fit(model, x, x, standardise=True)


def test_the_jacobian_of_derivatives_in_the_inputs_is_that_of_differences():
    model, x = mixed(), U[:7]
    parameters = ParameterVector.of(model)

    def residual():
        twice, once = partials(model, x, (0, 0), (1,))
        return torch.cat([twice[:, :1] + once[:, 1:] ** 2, model(x)[:, :1] * once[:, :1]], dim=1)

    here = expand(model, parameters, residual)
    jacobian, values = here.dense(), parameters.read(model)
    assert matches_autograd(model, parameters, residual, here)
    v, w = normal(parameters.size(model), seed=1).double(), normal(7, 2, seed=2).double()
    assert (here.times(v) - jacobian @ v).abs().max() < 1e-10
    assert (here.transposed(w) - torch.einsum("bcp,bc->p", jacobian, w)).abs().max() < 1e-10
    places = [place for own in parameters.function_spans(model) for place in range(own.start, own.stop)]
    assert places
    for place in places:
        sides = []
        for step in (1e-5, -1e-5):
            moved = values.clone()
            moved[place] += step
            parameters.write(model, moved)
            sides.append(residual().detach())
        assert ((sides[0] - sides[1]) / 2e-5 - jacobian[..., place]).abs().max() < 1e-6


def test_an_equation_is_solved_in_a_known_form():
    model = fix(KAN([1, 1], dtype=torch.float64), (0, 0, 0), "sin", numbers=(2.8, 0.1, 0.5, 0))
    points = torch.linspace(-1, 1, 60, dtype=torch.float64)[:, None]
    source = Residual(lambda model, x: partials(model, x, (0, 0))[0] + torch.pi**2 * torch.sin(torch.pi * x), points)
    ends = Residual(lambda model, x: model(x), torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64))
    solved = solve(model, [source, ends]).model
    assert (solved(points) - torch.sin(torch.pi * points)).abs().max() < 1e-10


def test_the_numbers_that_the_best_start_has_found_go_on():
    model = session()
    objective = DataObjective(model, u=X, t=Y)
    run = TrainingRun.of(TrainingOptions(progress=False), None, torch.Generator().manual_seed(0))
    run.judge_anew(objective, None)
    best = best_start(run, objective, LevenbergMarquardt(), 2, 12)
    before, (after,) = session().kan_layers[1].functions.edges()[0], best.kan_layers[1].functions.edges()
    assert not torch.equal(before.numbers, after.numbers)
    assert best is model
