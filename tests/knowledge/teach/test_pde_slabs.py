"""Laws of slabs: each begins with exactly what the one before ends with, and steep solutions are found from a few cells."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from splinework.data.simulators.equations import BurgersSet
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.axioms import Boundary, Initial, Periodic, ResidualEquation, Soft
from splinework.knowledge.teach.equations.ansatz import derivatives_of
from splinework.knowledge.teach.equations.equation import read_equation
from splinework.knowledge.teach.equations.separable import separable
from splinework.knowledge.teach.equations.slab import Collocation, Slab, SlabProblem
from splinework.knowledge.teach.equations.time_marching_model import TimeMarchingModel, join_slabs
from splinework.knowledge.teach.pde import EquationSolution, Slabs, solve_equations
from splinework.nn.derivatives import partials
from splinework.nn.frame import Frame
from splinework.nn.network import KAN
from splinework.splines import bspline_rows, cell_polynomials, uniform_knots
from splinework.splines.bases import BSpline
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every
from tests.nn.test_network import DOUBLE

STRIP = {"x": (-1.0, 1.0), "t": (0.0, 1.0)}


def solved(
    axioms: list, *, terms: int = 6, grid: int = 8, degree: int = 5, over=STRIP, slabs: int = 6, **options: object
) -> EquationSolution:
    names = list(over)
    return solve_equations(
        separable(names, terms, grid=grid, degree=degree), axioms, over=over, schedule=Slabs(slabs), **options
    )


def mesh(box: dict[str, tuple[float, float]], across: int = 61, along: int = 31) -> Tensor:
    ends = zip(box.values(), (across, along), strict=True)
    return torch.cartesian_prod(*(torch.linspace(a, b, n, **DOUBLE) for (a, b), n in ends))


def relative(model: torch.nn.Module, x: Tensor, truth: Tensor) -> float:
    with torch.no_grad():
        return float((model(x)[:, 0] - truth).norm() / truth.norm())


BURGERS = [ResidualEquation("u_t + u*u_x = 0.01/pi*u_xx"), Initial("t", 0, "-sin(pi*x)"), Boundary({"x": (-1, 1)}, 0)]


@pytest.mark.slow
def test_the_front_of_burgers_equation_is_found_with_knots_where_it_stands():
    found = solved(BURGERS, terms=7, grid=20, degree=7, slabs=20, tolerance=1e-3)
    x = mesh(STRIP)
    assert relative(found.model, x, torch.as_tensor(BurgersSet().evaluate(x.numpy())[:, 0])) < 1e-5
    last = found.model.slabs[-1].network.kan_layers[0]
    knots = last.grid[0, 7:-7]
    assert bool((knots.diff()[knots[:-1].abs() < 0.02] < 0.02).all())
    assert float(knots.diff()[knots[:-1].abs() > 0.5].min()) > 0.02
    assert any(decision.kind == "slab" for decision in found.history.decisions)


def test_a_string_is_found_from_its_start_and_its_rate():
    box = {"t": (0.0, 1.0), "y": (0.0, 1.0)}
    string = [
        ResidualEquation("u_tt = u_yy"),
        Initial("t", 0, "sin(pi*y)", rate="sin(2*pi*y)"),
        Boundary({"y": (0, 1)}, 0),
    ]
    found = solved(string, terms=6, degree=7, over=box, tolerance=1e-5)
    x = mesh(box)
    t, y = torch.pi * x[:, 0], torch.pi * x[:, 1]
    truth = torch.sin(y) * torch.cos(t) + torch.sin(2 * y) * torch.sin(2 * t) / (2 * torch.pi)
    assert relative(found.model, x, truth) < 1e-7


def test_a_wave_runs_through_the_ends_of_a_period():
    advected = [ResidualEquation("u_t + u_x = 0"), Initial("t", 0, "exp(sin(pi*x))"), Periodic("x", 2, strength=Soft())]
    found = solved(advected, degree=7, grid=12, tolerance=1e-4)
    x = mesh(STRIP)
    assert relative(found.model, x, torch.exp(torch.sin(torch.pi * (x[:, 0] - x[:, 1])))) < 1e-5


def test_ends_that_move_are_built_in():
    heated = [ResidualEquation("u_t = u_xx"), Initial("t", 0, "x"), Boundary({"x": (-1, 1)}, "x*exp(-t)")]
    found = solved(heated, tolerance=1e-4)
    for end in (-1.0, 1.0):
        t = torch.linspace(0, 1, 50, **DOUBLE)
        x = torch.stack([torch.full_like(t, end), t], dim=1)
        assert float((found.model(x)[:, 0] - end * torch.exp(-t)).detach().abs().max()) <= 1e-14


# -------------------------------------------------------------------------------------------------- one after the other


def slab_of(order: int = 1, free: int = 3, cells: int = 5, degree: int = 4) -> Slab:
    ends = torch.tensor([-1.0], **DOUBLE), torch.tensor([2.0], **DOUBLE)
    size = cells + degree
    return Slab(
        0.2, 0.7, uniform_knots(*ends, cells, degree)[0], normal(order, size, seed=1), normal(free, size, seed=2)
    )


def values_of(slab: Slab, x: Tensor, s: Tensor, degree: int = 4, derivative: int = 0) -> Tensor:
    rows = bspline_rows(x[:, None], slab.knots[None], cell_polynomials(slab.knots[None], degree), degree)[:, 0]
    return rows @ torch.cat([slab.held, slab.moved]).T @ slab.times(s, derivative).T


@pytest.mark.parametrize("order", [1, 2])
def test_a_slab_ends_with_the_values_and_rates_that_it_hands_on(order):
    slab, x, last = slab_of(order), torch.linspace(-1, 1.999, 30, **DOUBLE), torch.ones(1, **DOUBLE)
    rows = bspline_rows(x[:, None], slab.knots[None], cell_polynomials(slab.knots[None], 4), 4)[:, 0]
    for n, row in enumerate(slab.ends()):
        assert relative_distance(rows @ row, values_of(slab, x, last, derivative=n)[:, 0]) <= 1e-13


@pytest.mark.parametrize("order", [1, 2])
def test_a_slab_begins_with_what_it_holds(order):
    slab, x, first = slab_of(order), torch.linspace(-1, 1.999, 30, **DOUBLE), -torch.ones(1, **DOUBLE)
    rows = bspline_rows(x[:, None], slab.knots[None], cell_polynomials(slab.knots[None], 4), 4)[:, 0]
    for n in range(order):
        assert relative_distance(values_of(slab, x, first, derivative=n)[:, 0], rows @ slab.held[n]) <= 1e-13


def test_knots_are_inserted_exactly():
    slab, x, s = slab_of(), torch.linspace(-1, 1.999, 30, **DOUBLE), torch.linspace(-1, 1, 5, **DOUBLE)
    finer = slab.finer(torch.tensor([0.05, -0.7], **DOUBLE), 4)
    assert relative_distance(values_of(finer, x, s), values_of(slab, x, s)) <= 1e-13


@pytest.mark.parametrize("space", [0, 1])
def test_the_network_of_a_slab_is_the_slab(space):
    slab, names = slab_of(order=2), ("x", "t") if space == 0 else ("t", "x")
    model = join_slabs([slab], Frame(names, (), ("u",), ("z1",)), 4, space)
    x, t = torch.linspace(-1, 1.999, 9, **DOUBLE), torch.linspace(0.2, 0.7, 7, **DOUBLE)
    truth = values_of(slab, x, (t - slab.start) / slab.half - 1)
    points = torch.cartesian_prod(x, t) if space == 0 else torch.cartesian_prod(x, t).flip(1)
    assert relative_distance(model(points)[:, 0], truth.flatten()) <= 1e-12


def test_a_step_of_gauss_newton_is_the_one_of_dense_finite_differences():
    equation = read_equation("u_t + u*u_x = 0.1*u_xx", ["x", "t"], ["u"])

    def known(text):
        return lambda x, monomials: derivatives_of(text, ("x", "t"), x, monomials)

    setting = SlabProblem(equation, 0, known("sin(x)*(1+t)"), known("(1-x)*(2+x)"), 4, 1, 3, periodic=2.0)
    slab = slab_of()
    here = Collocation(setting, slab)

    def everything(moved: Tensor) -> Tensor:
        residual, _ = here._residual(moved)
        beyond, _ = here._periodic(moved)
        return torch.cat([(here.root * residual).flatten(), beyond])

    start, h = slab.moved, 1e-6
    columns = []
    for n in range(start.numel()):
        step = torch.zeros_like(start).flatten()
        step[n] = h
        step = step.reshape(start.shape)
        columns.append((everything(start + step) - everything(start - step)) / (2 * h))
    jacobian = torch.stack(columns, dim=1)
    expected = torch.linalg.lstsq(jacobian, -everything(start)).solution.reshape(start.shape)
    value, step = here._system(start)
    assert value == pytest.approx(float(everything(start).square().sum()), rel=1e-12)
    assert relative_distance(step(), expected) <= 1e-5


def test_the_residual_is_parted_by_the_polynomials_of_the_slab():
    equation = read_equation("u_t - x", ["x", "t"], ["u"])

    def known(text):
        return lambda x, monomials: derivatives_of(text, ("x", "t"), x, monomials)

    for g, late in (("t**2/2", 0.0), ("cos(40*t)", 1.0)):
        setting = SlabProblem(equation, 0, known(g), known("1"), 4, 1, 3)
        slab = slab_of()
        held, still = torch.zeros_like(slab.held), torch.zeros_like(slab.moved)
        here = Collocation(setting, Slab(0.2, 0.7, slab.knots, held, still))
        by_time, by_cell = here.parted(still)
        total = here.size() ** 2
        assert by_time + float(by_cell.sum()) == pytest.approx(total, rel=1e-12)
        assert (by_time > 0.1 * total) == bool(late)
        assert by_time >= -1e-12 * total


def test_slabs_join_without_a_gap_and_derivatives_are_those_of_the_parts():
    found = solved([ResidualEquation("u_t = 0.3*u_xx"), Initial("t", 0, "sin(pi*x)"), Boundary({"x": (-1, 1)}, 0)])
    model = found.model
    assert isinstance(model, TimeMarchingModel)
    assert len(model.parts) > 1
    x = torch.linspace(-1, 1, 21, **DOUBLE)
    for end in model.ends[:-1]:
        left = torch.stack([x, torch.full_like(x, end)], dim=1)
        right = torch.stack([x, torch.full_like(x, np.nextafter(end, 2.0))], dim=1)
        assert float((model(left) - model(right)).detach().abs().max()) <= 1e-14
    points = mesh(STRIP, 9, 9)
    u, u_t, u_xx = partials(model, points, (), "t", ("x", "x"))
    assert torch.equal(u, model(points))
    assert float((u_t - 0.3 * u_xx).detach().abs().max()) < 1e-2
    middle = torch.tensor([[0.3, (model.ends[0] + model.ends[1]) / 2]], **DOUBLE)
    for one, other in zip(partials(model, middle, "t", "x"), partials(model.slabs[1], middle, "t", "x"), strict=True):
        assert torch.equal(one, other)
    assert model(points.reshape(3, 27, 2)).shape == (3, 27, 1)
    assert model.parameter_count() == sum(part.network.parameter_count(active=True) for part in model.slabs)


# ------------------------------------------------------------------------------------------------- what is refused


@every(
    ("axioms", "options", "said"),
    [
        (BURGERS[:1], {}, "a hard Initial axiom"),
        ([*BURGERS, ResidualEquation("u_t = 0")], {}, "2 equations"),
        ([*BURGERS, Periodic("x", 2)], {}, r"Periodic\(…, strength=Soft\(\)\)"),
        (BURGERS, {"slabs": 0}, "at least 1"),
        (BURGERS, {"steps": 3}, "steps is for a problem"),
        (BURGERS, {"data": ([[0.0, 0.0]], [0.0])}, "data is for a problem"),
        (BURGERS, {"terms": 7}, "up to 6 terms"),
        (BURGERS, {"over": {"x": (-1.0, 1.0), "t": (-0.5, 1.0)}}, "the slabs begin at t = -0.5"),
        ([ResidualEquation("u_tt = u_xx"), *BURGERS[1:]], {}, "rate= for the second"),
        ([ResidualEquation("u_t = u_xx", {"k": 1.0}), *BURGERS[1:]], {}, "1 unknowns"),
    ],
)
def test_what_cannot_be_marched_is_refused_by_name(axioms, options, said):
    with pytest.raises(ConfigError, match=said):
        solved(axioms, **options)


def test_another_network_and_a_singular_start_are_refused():
    plain = KAN([2, 3, 1], names=["x", "t"], output_names=["u"], generator=seeded(), **DOUBLE)
    with pytest.raises(ConfigError, match="separable"):
        solve_equations(plain, BURGERS, over=STRIP, schedule=Slabs(2))
    with pytest.raises(DataError, match="not finite"):
        solved([ResidualEquation("u_t = u_xx + log(x)"), *BURGERS[1:]])


def test_parts_and_ends_go_together():
    model = join_slabs([slab_of()], Frame(("x", "t"), (), ("u",), ("z1",)), 4, 0)
    with pytest.raises(ConfigError, match="as many times"):
        TimeMarchingModel(model.slabs, [1.0, 2.0], 1)
    with pytest.raises(ShapeError):
        model(torch.zeros(2, 3, **DOUBLE))
    assert math.isclose(model.ends[0], 0.7)
    assert model.slabs[0].network.kan_layers[0].basis == BSpline(5, 4)
