"""Laws of `solve_equations`: what is stated is solved, unknowns are found, and what cannot be solved is refused by name."""

import math
import re
import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor

import splinework as sw
from splinework.errors import ConfigError, DataError, FormulaError, ShapeError
from splinework.knowledge.axioms import (
    Boundary,
    Even,
    Initial,
    Integral,
    Periodic,
    ResidualEquation,
    Soft,
    Through,
    Verify,
)
from splinework.knowledge.teach.equations.equation import read_equation
from splinework.knowledge.teach.equations.global_solve import MIN_CHUNK_WEIGHT, _weights
from splinework.knowledge.teach.equations.problem import in_units, measurements, problem_of
from splinework.knowledge.teach.equations.separable import separable
from splinework.knowledge.teach.equations.unknowns import with_unknowns, without_unknowns
from splinework.knowledge.teach.pde import Causal, Whole, solve_equations
from splinework.nn.derivatives import partials
from splinework.nn.frame import Disc, FramedKAN
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector
from splinework.train.residual_jacobian import expand
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every
from tests.nn.test_network import DOUBLE, network

QUIET = {"progress": False}


def line(names: tuple[str, ...] = ("t",), outputs: tuple[str, ...] = ("u",), **options: object) -> KAN:
    return KAN([1, len(outputs)], names=names, output_names=outputs, generator=seeded(), **DOUBLE, **options)


def off(model: torch.nn.Module, x: Tensor, truth: Tensor) -> float:
    with torch.no_grad():
        return float((model(x)[:, 0] - truth).abs().max())


TIME = torch.linspace(0, 1, 41, **DOUBLE)[:, None]


# ------------------------------------------------------------------------------------------------ what is solved


def test_poisson_by_a_product_node_is_solved_to_rounding_in_seconds():
    statement = [
        ResidualEquation("u_xx + u_yy = -2*pi**2*sin(pi*x)*sin(pi*y)"),
        Boundary({"x": (-1, 1), "y": (-1, 1)}, 0),
    ]
    model = separable(["x", "y"], grid=10, degree=7, generator=seeded())
    found = solve_equations(model, statement, points=300, starts=3, grids=None, **QUIET)
    x = 2 * torch.rand(200, 2, generator=seeded(1), **DOUBLE) - 1
    assert off(found.model, x, torch.sin(torch.pi * x).prod(1)) < 1e-6
    assert found.residual[0] < 1e-4
    assert found.model.network.parameter_count(active=True) < 60


def test_an_ordinary_equation_of_second_order_has_its_start_built_in():
    found = solve_equations(
        line(), [ResidualEquation("u_tt + 9*u"), Initial("t", 0, 1, rate=0)], over={"t": (0, 1)}, **QUIET
    )
    assert off(found.model, TIME, torch.cos(3 * TIME[:, 0])) < 1e-8
    assert float(found.model(TIME[:1]).detach()) == 1


def test_a_system_is_solved_and_its_coefficients_are_found_from_few_values():
    both = [ResidualEquation("a_t = w*b", {"w": 1.0}), ResidualEquation("b_t = -w*a")]
    truth = torch.cat([torch.sin(2 * TIME), torch.cos(2 * TIME)], dim=1)
    known = truth[::10].clone()
    known[1, 0] = math.nan
    model = line(outputs=("a", "b"), degree=7)
    found = solve_equations(model, both, over={"t": (0, 1)}, data=(TIME[::10], known), **QUIET)
    assert found.unknowns["w"] == pytest.approx(2, rel=1e-6)
    assert off(found.model, TIME, truth[:, 0]) < 1e-6
    assert found.model.outputs == 2
    assert found.model.config.output_names == ("a", "b")


@pytest.mark.slow
def test_the_diffusivity_of_the_heat_equation_is_found_from_measurements():
    def truth(p: Tensor) -> Tensor:
        return torch.sin(torch.pi * p[:, 0]) * torch.exp(-0.1 * torch.pi**2 * p[:, 1])

    statement = [
        ResidualEquation("u_t = nu*u_xx", {"nu": 1.0}),
        Boundary({"x": (0, 1)}, 0),
        Initial("t", 0, "sin(pi*x)"),
    ]
    p = torch.cartesian_prod(*[torch.linspace(0, 1, 4, **DOUBLE)] * 2)
    model = separable(["x", "t"], grid=4, degree=7, generator=seeded())
    found = solve_equations(
        model, statement, over={"t": (0, 1)}, data=(p, truth(p)), points=100, starts=3, grids=None, **QUIET
    )
    assert found.unknowns["nu"] == pytest.approx(0.1, rel=1e-3)
    assert isinstance(found.model, FramedKAN)
    assert found.model.frame.output_names == ("u",)


def test_soft_values_integrals_and_points_are_fulfilled_together():
    soft = Soft(10.0)
    straight = [
        ResidualEquation("u_xx = 0"),
        Boundary({"x": (0, math.inf)}, 1.0, strength=soft),
        Integral(2.0, strength=soft),
        Through([[0.5]], [2.0], strength=soft),
        Initial("x", 0, 1, rate=2, strength=soft),
        Boundary({"x": (0, 1)}, 99, strength=Verify()),
    ]
    found = solve_equations(line(("x",)), straight, over={"x": (0, 1)}, **QUIET)
    assert off(found.model, TIME, 1 + 2 * TIME[:, 0]) < 1e-5


@pytest.mark.parametrize("strength", [None, Soft()], ids=["hard", "soft"])
def test_a_periodic_solution_is_found_with_the_period_built_in_or_asked_for(strength):
    period = Periodic("t", 2.0) if strength is None else Periodic("t", 2.0, strength=strength)
    forced = [ResidualEquation("u_t + u = cos(pi*t)"), period]
    model = line(grid=8, degree=7)
    found = solve_equations(model, forced, over={"t": (0, 2)}, **QUIET)
    t = 2 * TIME
    truth = (torch.cos(torch.pi * t) + torch.pi * torch.sin(torch.pi * t))[:, 0] / (1 + torch.pi**2)
    assert off(found.model, t, truth) < 1e-5


def test_a_region_is_its_own_domain():
    flat = [ResidualEquation("u_xx + u_yy = -4"), Boundary(Disc(("x", "y"), (0.0, 0.0), 1.0), "x*y")]
    model = KAN([2, 1, 1], names=["x", "y"], output_names=["u"], generator=seeded(), **DOUBLE)
    found = solve_equations(model, flat, points=150, starts=2, **QUIET)
    x = torch.rand(50, 2, generator=seeded(1), **DOUBLE) - 0.5
    assert off(found.model, x, 1 - x.square().sum(1) + x.prod(1)) < 1e-5


def test_functions_of_the_model_may_stand_beside_axioms():
    decay = sw.train.Residual(lambda model, t: sum(partials(model, t, (), "t")), TIME, name="decay")
    found = solve_equations(line(), [decay, Initial("t", 0, 1)], over={"t": (0, 1)}, **QUIET)
    assert off(found.model, TIME, torch.exp(-TIME[:, 0])) < 1e-6
    assert found.residual == ()


def test_points_drawn_anew_where_the_residual_is_large_do_no_harm():
    found = solve_equations(
        line(),
        [ResidualEquation("u_t = -u"), Initial("t", 0, 1)],
        over={"t": (0, 1)},
        schedule=Whole(rounds=1),
        **QUIET,
    )
    assert off(found.model, TIME, torch.exp(-TIME[:, 0])) < 1e-6


def test_causal_weights_lead_in_from_the_start_and_count_the_same_in_the_end():
    causal = Causal(chunks=4, rounds=4, steps=5)
    logistic = [ResidualEquation("u_t = 5*u*(1 - u)"), Initial("t", 0, 0.1)]
    found = solve_equations(line(), logistic, over={"t": (0, 1)}, schedule=causal, **QUIET)
    t = TIME[:, 0]
    assert off(found.model, TIME, 0.1 * torch.exp(5 * t) / (0.9 + 0.1 * torch.exp(5 * t))) < 1e-6
    with pytest.raises(ConfigError, match="time of an Initial"):
        solve_equations(line(), [WAVE], over={"t": (0, 1)}, schedule=causal, **QUIET)


def test_causal_weights_are_those_of_the_paper():
    square, chunk = torch.tensor([1.0, 3.0, 4.0, 5.0], **DOUBLE), torch.tensor([0, 0, 1, 2])
    weights = _weights(square, chunk, Causal(epsilon=0.5, chunks=3))
    assert torch.allclose(weights, torch.exp(-0.5 * torch.tensor([0.0, 2.0, 6.0], **DOUBLE)))
    assert float(_weights(1e9 * square, chunk, Causal(chunks=3)).min()) == MIN_CHUNK_WEIGHT


def test_the_model_is_left_as_it_was_and_the_dtype_is_kept():
    model = KAN([1, 1], names=["t"], output_names=["u"], generator=seeded(), dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = solve_equations(
        model, [ResidualEquation("u_t = -k*u", {"k": 1.0}), Initial("t", 0, 1)], over={"t": (0, 5)},
        data=([[0.0], [0.5]], [[1.0], [math.exp(-0.5)]]), steps=20, **QUIET,
    )  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert found.model(torch.zeros(1, 1)).dtype == torch.float32


def test_the_same_seed_gives_the_same_solution():
    first, second = (
        solve_equations(line(), [ResidualEquation("u_t = -u"), Initial("t", 0, 1)], over={"t": (0, 1)}, seed=3, **QUIET)
        for _ in range(2)
    )
    assert torch.equal(first.model(TIME), second.model(TIME))


@pytest.mark.slow
def test_the_page_s_examples_say_what_they_promise(tmp_path, capsys):
    page = Path(__file__).resolve().parents[3] / "docs" / "equations.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    runpy.run_path(str(script))
    said = capsys.readouterr().out
    assert float(re.search(r"off by (\S+)", said).group(1)) < 1e-7
    assert "(sin(pi * x) + ((x*(1 - x))*t)*z1)" in said
    assert "nu = 0.100000" in said
    assert float(re.search(r"slabs, (\S+) left", said).group(1)) < 1e-3


# --------------------------------------------------------------------------------------------- what it is made of


def test_rows_of_a_framed_residual_have_the_jacobian_of_finite_differences():
    axioms = [
        ResidualEquation("u_t + u*u_x = nu*u_xx", {"nu": 0.3}),
        Boundary({"x": (0, 1)}, 0),
        Initial("t", 0, "sin(pi*x)"),
    ]
    model = network([2, 2, 1], degree=6, names=["x", "t"], output_names=["u"])
    problem = problem_of(model, axioms, {"t": (0, 1)})
    wide, x = problem.network(0), problem.points(7, 0)
    parameters = ParameterVector.of(wide)
    function = problem.equations[0][0]

    def values() -> Tensor:
        return function(problem.whole(wide), x)

    jacobian = expand(wide, parameters, values).dense()[:, 0]
    start, step = parameters.read(wide), 1e-6
    for column in range(0, len(start), 7):
        ends = []
        for sign in (1, -1):
            moved = start.clone()
            moved[column] += sign * step
            parameters.write(wide, moved)
            ends.append(values().detach()[:, 0])
        slope = (ends[0] - ends[1]) / (2 * step)
        assert torch.allclose(jacobian[:, column], slope, rtol=1e-5, atol=1e-6 * (1 + float(slope.abs().max())))


def test_a_network_with_unknowns_is_the_network_beside_constants():
    model, x = network([2, (1, 1), 2]), normal(5, 2)
    model.output_scaling.set(torch.tensor([0.3, -1.0], **DOUBLE), torch.tensor([2.0, 0.5], **DOUBLE))
    wide = with_unknowns(model, [0.1, 0.0, -3.0])
    found = wide(x)
    assert relative_distance(found[:, :2], model(x)) <= 1e-14
    assert torch.equal(found[:, 2:], torch.tensor([[0.1, 0.0, -3.0]], **DOUBLE).expand(5, 3))
    back, values = without_unknowns(wide, model.config.output_names)
    assert relative_distance(back(x), model(x)) <= 1e-14
    assert values.tolist() == pytest.approx([0.1, 0.0, -3.0])
    assert back.config == model.config


def test_a_network_in_units_spans_the_domain():
    model = in_units(network([2, 1]), [(3.0, 5.0), (-10.0, 0.0)])
    ends = model.input_scaling(torch.tensor([[3.0, -10.0], [5.0, 0.0]], **DOUBLE))
    assert torch.allclose(ends, torch.tensor([[-1.0, -1.0], [1.0, 1.0]], **DOUBLE))


def test_a_separable_network_is_a_sum_of_products_of_functions_of_one_input():
    model, x = separable(["x", "y", "z"], 2, grid=3, degree=3, generator=seeded()), normal(6, 3)
    first = model.kan_layers[0]
    assert int(first.mask.sum()) == 6
    factors = first(x).unflatten(1, (2, 3))
    assert torch.allclose(model(x), model.kan_layers[1](factors.prod(2)))


def test_an_equation_is_the_formula_in_its_derivatives():
    equation = read_equation("u_t + u*u_x = k*u_xx + x", ["x", "t"], ["u"], ["k"])
    model, x = network([2, 2, 1], names=["x", "t"]), normal(4, 2)
    u, u_t, u_x, u_xx = (each[:, 0] for each in partials(model, x, (), "t", "x", ("x", "x")))
    parts = dict(zip([(0, ()), (0, (1,)), (0, (0,)), (0, (0, 0))], [u, u_t, u_x, u_xx], strict=True))
    found = equation.value(x, parts, [torch.full_like(u, 0.3)])
    assert relative_distance(found, u_t + u * u_x - 0.3 * u_xx - x[:, 0]) <= 1e-14


# ------------------------------------------------------------------------------------------------ what is refused

WAVE = ResidualEquation("u_tt = -u")
REFUSED = [
    ([Initial("t", 0, 1)], ConfigError, "no equation"),
    ([ResidualEquation("t**2")], ConfigError, "outputs and their derivatives"),
    ([WAVE, Through([[0.0]], [1.0])], ConfigError, r"strength=Soft\(\)"),
    ([WAVE, Even("t")], ConfigError, "solved with the axioms"),
    (
        [ResidualEquation("u_t = k*u", {"k": 1.0}), ResidualEquation("u_t = k*u", {"k": 2.0})],
        ConfigError,
        "the unknown 'k'",
    ),
    ([ResidualEquation("u_t = t*u", {"t": 1.0})], ConfigError, "the unknown 't'"),
    ([WAVE, "u"], ConfigError, "list such as"),
    ([ResidualEquation("u_q = 1")], FormulaError, "u_q|q"),
    ([WAVE, Through([[0.0, 1.0]], [1.0], strength=Soft())], ConfigError, "1 inputs"),
]


@every(("axioms", "kind", "said"), REFUSED)
def test_what_cannot_be_solved_is_refused_by_name(axioms, kind, said):
    with pytest.raises(kind, match=said):
        solve_equations(line(), axioms, **QUIET)


def test_what_is_no_model_and_what_are_no_points_or_values_is_refused():
    with pytest.raises(ConfigError, match="a KAN, got"):
        solve_equations(None, [WAVE])
    with pytest.raises(ConfigError, match="must be words"):
        solve_equations(line(("the time",)), [WAVE])
    with pytest.raises(ConfigError, match="at least 1"):
        solve_equations(line(), [WAVE], points=0)
    with pytest.raises(ConfigError, match="schedule is"):
        solve_equations(line(), [WAVE], schedule=3)
    for wrong in ({"chunks": 0}, {"rounds": True}, {"epsilon": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Causal(**wrong)
    with pytest.raises(ShapeError, match="points"):
        solve_equations(line(), [WAVE], points=[[0.0, 1.0]])
    with pytest.raises(DataError, match="no measurement"):
        measurements(line(), ([[0.0]], [[math.nan]]))
    with pytest.raises(ConfigError, match="bias=True"):
        solve_equations(line(bias=False), [ResidualEquation("u_t = k*u", {"k": 1.0})])
