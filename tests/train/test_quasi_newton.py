"""Quasi-Newton methods: the laws of Broyden's family, and scipy's as oracle."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der
from torch import Tensor, nn

from splinework.errors import ConfigError
from splinework.train.objective import RowBatches
from splinework.train.optim import BFGS, LBFGS, SSBFGS, SSBroyden
from tests.contracts.cases import normal, relative_distance, seeded
from tests.train.cases import descent, fresh, objective_of, smooth, uniform

DENSE = (BFGS(), SSBFGS(), SSBroyden())
every_dense = pytest.mark.parametrize("recipe", DENSE, ids=lambda r: r.name)
every_method = pytest.mark.parametrize("recipe", [LBFGS(), *DENSE], ids=lambda r: r.name)


class Point(nn.Module):
    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.x = nn.Parameter(start.clone())


class Problem:
    """A function of one vector, as an objective: no more than every objective has."""

    count = 1

    def __init__(self, function: Callable[[Tensor], Tensor], start: Tensor) -> None:
        self.function, self.model, self.calls = function, Point(start), 0

    def batches(self, size: int | None, generator: torch.Generator) -> RowBatches:
        return RowBatches(self.count, size, generator, torch.device("cpu"))

    def value(self) -> Tensor:
        return self.function(self.model.x)

    def value_on_all_rows(self) -> float:
        return float(self.value().detach())

    def differentiate(self, part: Any = None) -> float:
        self.calls += 1
        self.model.zero_grad()
        value = self.value()
        value.backward()
        return float(value.detach())


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def convex(n: int, *, seed: int = 0, condition: float = 100.0) -> Tensor:
    """A symmetric positive definite matrix."""
    q, _ = torch.linalg.qr(normal(n, n, seed=seed))
    return q * torch.logspace(0, math.log10(condition), n, dtype=torch.float64) @ q.T


def stepper_of(recipe, n: int, *, inverse: Tensor | None = None):
    stepper = recipe.attach(Problem(lambda x: x.square().sum(), normal(n)), 10, seeded())
    stepper.inverse = inverse
    return stepper


def pair(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """A step and a change of the gradient over it, with positive curvature."""
    s = normal(n, seed=seed)
    return s, convex(n, seed=seed + 1) @ s + 0.1 * normal(n, seed=seed + 2) * s.abs().min()


# --------------------------------------------------------------------------------------------- the update formula


@every_dense
@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_the_secant_equation_holds_and_the_inverse_stays_symmetric_and_positive(recipe, n):
    stepper = stepper_of(recipe, n)
    for seed in range(6):
        s, y = pair(n, 10 * seed)
        bend = float(s @ s if stepper.inverse is None else s @ torch.linalg.solve(stepper.inverse, s))
        stepper.learn(s, y, bend)
        assert relative_distance(stepper.inverse @ y, s) <= 1e-9
        assert relative_distance(stepper.inverse, stepper.inverse.T) <= 1e-15
        assert torch.linalg.eigvalsh(stepper.inverse)[0] > 0


def theta_of(b: float, h: float) -> float:
    """θ of SSBroyden, in numpy and as the paper writes it."""
    a = b * h - 1
    lowest = min(1, h * (1 - np.sqrt(abs(a) / (1 + a))))
    return max((lowest - 1) / a, min(1 / lowest, (1 - b) / b))


@every_dense
@pytest.mark.parametrize("case", range(8))
def test_the_inverse_is_that_of_the_update_of_the_hessian(recipe, case):
    n = 6
    inverse = torch.linalg.inv(convex(n, seed=case + 50)) * 10.0 ** (case % 3 - 1)
    hessian = torch.linalg.inv(inverse)
    s, y = pair(n, 100 + 10 * case)
    bs, sy = hessian @ s, s @ y
    b, h = float(s @ bs / sy), float(y @ inverse @ y / sy)
    theta = theta_of(b, h) if recipe.name == "ssbroyden" else 0.0
    sigma = 1 + theta * (b * h - 1)
    if recipe.name == "bfgs":
        tau = 1.0
    elif theta <= 0:
        tau = min(min(1, 1 / b) * sigma ** (1 / (1 - n)), sigma)
    else:
        tau = min(1, 1 / b) * min(sigma ** (1 / (1 - n)), 1 / theta)
    if recipe.name == "ssbfgs":
        tau = min(1, 1 / b)
    w = y / sy - bs / (s @ bs)
    left = hessian - torch.outer(bs, bs) / (s @ bs) + theta * (s @ bs) * torch.outer(w, w)
    expected = tau * left + torch.outer(y, y) / sy
    stepper = stepper_of(recipe, n, inverse=inverse.clone())
    stepper.learn(s, y, float(s @ bs))
    assert relative_distance(stepper.inverse @ expected, torch.eye(n, dtype=torch.float64)) <= 1e-9


@every_dense
def test_the_first_step_takes_its_scale_from_the_curvature_found(recipe):
    n = 5
    s, y = pair(n, 3)
    stepper = stepper_of(recipe, n)
    stepper.learn(s, y, float(s @ s))
    b, h = float(s @ s / (s @ y)), float(y @ y / (s @ y))
    phi = recipe.factors(b, h, n)[1]
    theta = (1 - phi) / (1 + phi * (b * h - 1))
    scaled = torch.eye(n, dtype=torch.float64) * (1 + theta * (b * h - 1)) / h
    v = s / (s @ y) - y / (y @ y)
    old = scaled @ (torch.eye(n, dtype=torch.float64) - torch.outer(y, y) / (y @ y) + phi * (y @ y) * torch.outer(v, v))
    assert relative_distance(stepper.inverse, old + torch.outer(s, s) / (s @ y)) <= 1e-12


@pytest.mark.parametrize("b", [0.01, 0.5, 1.0, 1.5, 40.0])
@pytest.mark.parametrize("excess", [0.0, 1e-17, 1e-6, 0.3, 50.0, 1e12])
@pytest.mark.parametrize("n", [1, 2, 100])
def test_the_factors_differ_from_those_of_bfgs_where_they_should(b, excess, n):
    h = (1 + excess) / b
    assert BFGS().factors(b, h, n) == (1.0, 1.0)
    assert SSBFGS().factors(b, h, n) == (min(1.0, 1 / b), 1.0)
    tau, phi = SSBroyden().factors(b, h, n)
    assert 0 < tau <= 1 + 1e-12
    assert phi > -1 / max(excess, 1e-300)  # or H would not stay positive definite
    if excess > 1e-3 and b != 1.0:
        assert (tau, phi) != (1.0, 1.0)
        assert (phi > 1) == (b > 1)  # θ < 0 where the curvature was overrated, beyond BFGS as seen from DFP


@every_method
def test_a_pair_without_curvature_is_passed_over(recipe):
    stepper = recipe.attach(Problem(rosenbrock, normal(4)), 10, seeded())
    s, y = pair(4, 5)
    stepper.learn(s, y, float(s @ s))
    before = stepper.direction(normal(4, seed=9))
    for wrong in (-y, torch.zeros(4, dtype=torch.float64), y * math.nan, y - s * (y @ s) / (s @ s)):
        stepper.learn(s, wrong, 1.0)
        assert torch.equal(stepper.direction(normal(4, seed=9)), before)


# --------------------------------------------------------------------------------------------------- the descent


@every_method
@pytest.mark.parametrize("n", [1, 3, 12])
def test_with_exact_steps_a_convex_quadratic_is_done_in_n_steps(recipe, n):
    matrix, x = convex(n, seed=4, condition=10.0), normal(n, seed=5)
    stepper = recipe.attach(Problem(lambda x: x @ matrix @ x / 2, x), 10, seeded())
    gradient = matrix @ x
    first = float(gradient.norm())
    for _ in range(n):
        p = stepper.direction(gradient)
        step = float(-(gradient @ p) / (p @ matrix @ p))
        x = x + step * p
        stepper.learn(step * p, step * matrix @ p, float(-gradient @ p) * step**2)
        gradient = matrix @ x
    assert float(gradient.norm()) <= 1e-9 * first
    if recipe.name == "bfgs":
        assert relative_distance(stepper.inverse, torch.linalg.inv(matrix)) <= 1e-8


@every_method
@pytest.mark.parametrize("n", [2, 5, 20])
def test_it_ends_where_that_of_scipy_ends_in_about_as_many_evaluations(recipe, n):
    start = np.tile([-1.2, 1.0], n)[:n]
    oracle = minimize(rosen, start, jac=rosen_der, method="BFGS", options={"gtol": 1e-9})
    problem = Problem(rosenbrock, torch.from_numpy(start))
    stepper = recipe.attach(problem, 1000, seeded())
    while stepper.value > 1e-20 and not stepper.exhausted:
        stepper.step()
    assert relative_distance(problem.model.x, oracle.x) <= 1e-6
    assert stepper.value == problem.value_on_all_rows()
    assert problem.calls <= 2 * oracle.nfev


@every_method
def test_the_minimum_is_found_to_the_digits_of_the_gradient_where_values_are_rounding(recipe):
    matrix = convex(8, seed=2)
    problem = Problem(lambda x: 1.0 + (x @ matrix @ x) / 2, normal(8, seed=3))
    stepper = recipe.attach(problem, 200, seeded())
    for _ in range(200):
        stepper.step()
    assert stepper.exhausted
    assert float(problem.model.x.detach().abs().max()) <= 1e-10  # values alone could tell 1e-8


@every_method
@pytest.mark.parametrize("scale", [1e-100, 1e-12, 1e12, 1e100])
def test_the_unit_of_the_objective_does_not_matter(recipe, scale):
    problem = Problem(lambda x: scale * rosenbrock(x), torch.tensor([-1.2, 1.0], dtype=torch.float64))
    stepper = recipe.attach(problem, 100, seeded())
    values = descent(stepper, problem, 100)
    assert values[-1] <= 1e-12 * values[0]


@every_method
def test_trials_that_are_not_finite_are_turned_back_from(recipe):
    problem = Problem(lambda x: (x - torch.log(x)).sum(), torch.tensor([1e-3, 8.0, 0.5], dtype=torch.float64))
    stepper = recipe.attach(problem, 100, seeded())
    values = descent(stepper, problem, 100)
    assert all(math.isfinite(value) for value in values)
    np.testing.assert_allclose(problem.model.x.detach(), 1.0, rtol=1e-6)


@every_method
def test_a_start_that_is_not_finite_is_told(recipe):
    stepper = recipe.attach(Problem(lambda x: torch.log(x).sum(), -torch.ones(2)), 10, seeded())
    assert not math.isfinite(stepper.step())


@every_method
def test_an_objective_that_changed_is_taken_anew_by_restore(recipe):
    target = torch.zeros(3, dtype=torch.float64)
    problem = Problem(lambda x: (x - target).square().sum(), normal(3))
    stepper = recipe.attach(problem, 50, seeded())
    descent(stepper, problem, 50)
    target += 2.0
    stepper.restore({**stepper.state(), "exhausted": False, "idle": 0})
    descent(stepper, problem, 50)
    assert relative_distance(problem.model.x, target) <= 1e-8


def test_self_scaling_pays_on_a_network():
    def log_end(recipe) -> float:
        ends = []
        for seed in range(3):
            model, x = fresh([2, 5, 1], seed=seed), uniform(300, seed=seed)
            objective = objective_of(model, x, smooth(x))
            ends.append(math.log10(descent(recipe.attach(objective, 150, seeded()), objective, 150)[-1]))
        return sum(ends) / len(ends)

    plain = log_end(BFGS())
    assert log_end(SSBFGS()) <= plain - 0.5
    assert log_end(SSBroyden()) <= plain - 0.5
    assert plain <= log_end(LBFGS()) + 0.3


@every_dense
def test_too_many_parameters_are_refused_with_the_way_out(recipe):
    problem = Problem(lambda x: x.square().sum(), torch.zeros(12_000, dtype=torch.float64))
    with pytest.raises(ConfigError, match=r"12000 x 12000.*1\.1 GiB.*optimiser='lbfgs'"):
        recipe.attach(problem, 10, seeded())


@every_method
def test_a_frozen_model_is_refused(recipe):
    problem = Problem(rosenbrock, normal(3))
    problem.model.requires_grad_(False)
    with pytest.raises(ConfigError, match="frozen"):
        recipe.attach(problem, 10, seeded())


@every_method
def test_single_precision_goes_down_to_its_own_rounding(recipe):
    problem = Problem(rosenbrock, torch.tensor([-1.2, 1.0, -1.2], dtype=torch.float32))
    stepper = recipe.attach(problem, 300, seeded())
    values = descent(stepper, problem, 300)
    assert values[-1] <= 1e-9 * values[0]
