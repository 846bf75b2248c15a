"""Gauss–Newton by conjugate gradients: it finds what the dense methods find, by products alone."""

import itertools

import pytest
import torch

from splinework.train import Roughness, Sparsity
from splinework.train.data_objective import DataObjective
from splinework.train.jacobian import ParameterVector
from splinework.train.optim import NewtonCG
from splinework.train.optim.jump_penalty import JumpPenalty
from splinework.train.optim.newton_cg import _ConjugateGradientPath, _PreconditionedSystem
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import slow
from tests.train.cases import SHAPES, descent, fresh, objective_of, smooth, thinned, two, uniform

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
PENALTIES = ((), (Sparsity(1e-2),), (Roughness(1e-3),), (Sparsity(1e-3), Roughness(1e-3)))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("penalties", PENALTIES, ids=lambda p: "+".join(type(q).__name__ for q in p) or "none")
@every_shape
def test_products_diagonal_and_blocks_are_those_of_the_matrix(shape, penalties, weighted):
    model, x = thinned(shape), uniform(60)
    weights = torch.rand(60, generator=seeded(5), dtype=torch.float64) + 0.1 if weighted else None
    objective = DataObjective(model, penalties, u=x, t=two(x, model.outputs), weights=weights)
    parameters = ParameterVector.of(model)
    matrix, vector = objective.quadratic(parameters, 10_000)
    products = objective.curvature_operator(parameters)
    v = normal(len(vector), seed=6)
    assert relative_distance(products.times(v), matrix @ v) <= 1e-12
    assert relative_distance(products.vector, vector) <= 1e-12
    assert relative_distance(products.diagonal, matrix.diagonal()) <= 1e-12
    for own, blocks in products.squares():
        whole = matrix[own, own].unflatten(1, (len(blocks), -1)).unflatten(0, (len(blocks), -1))
        assert relative_distance(blocks, torch.diagonal(whole, dim1=0, dim2=2).permute(2, 0, 1)) <= 1e-12


@every_shape
def test_the_tie_break_as_an_operator_is_that_of_its_rows(shape):
    model = thinned(shape)
    jump_penalty, parameters = JumpPenalty(model, ParameterVector.of(model)), ParameterVector.of(model)
    values = parameters.read(model)
    assert relative_distance(jump_penalty.times(values), jump_penalty.rows.T @ (jump_penalty.rows @ values)) <= 1e-12
    assert float(values @ jump_penalty.times(values)) == pytest.approx(jump_penalty.value(), rel=1e-12)


@pytest.mark.quick(3)
@pytest.mark.parametrize("share", [0.3, 2.0, *slow(1e-3, 0.03, 0.9)])
def test_a_step_within_the_region_is_no_longer_and_falls_as_it_says(share):
    model, x = thinned([2, 3, 1]), uniform(200)
    parameters = ParameterVector.of(model)
    system = _PreconditionedSystem(
        objective_of(model, x, smooth(x)).curvature_operator(parameters),
        JumpPenalty(model, parameters),
        parameters.read(model),
        1e-4,
    )
    whole = _ConjugateGradientPath(system, 1e-8, 500, float("inf")).until(float("inf"))
    radius = share * whole[1]
    path = _ConjugateGradientPath(system, 1e-8, 500, 3 * radius)
    falls = []
    for reach in (3 * radius, radius, radius / 2, radius / 50):
        move, length, fall = path.until(reach)
        assert length <= reach * (1 + 1e-9)
        assert length == pytest.approx(min(reach, whole[1]), rel=0.02)
        assert system.inner(move, move) ** 0.5 == pytest.approx(
            length, rel=1e-2
        )  # by recurrences, while rounding builds up
        assert fall == pytest.approx(float(-(2 * system.vector @ move + move @ system.times(move))), rel=1e-6)
        falls.append(fall)
    assert all(b < a * (1 + 1e-12) for a, b in itertools.pairwise(falls))
    # No worse than the steepest descent within the same length, which the first product gives (Cauchy's point).
    steep = -system.precondition(system.vector)
    most = system.inner(steep, steep) ** 0.5
    least = float(-(system.vector @ steep)) / float(steep @ system.times(steep))
    move = min(least, radius / most) * steep
    assert falls[1] >= float(-(2 * system.vector @ move + move @ system.times(move))) * (1 - 1e-9)


def test_a_representable_target_is_reached():
    model, x = thinned([2, 2, 1], seed=4, grid=3), uniform(200)
    with torch.no_grad():
        y = model(x)
        for k, parameter in enumerate(model.parameters()):
            parameter.add_(0.02 * normal(*parameter.shape, seed=k))
    objective = objective_of(model, x, y)
    values = descent(NewtonCG(jump_penalty=0.0).attach(objective, 40, seeded()), objective, 40)
    assert values[-1] ** 0.5 <= 1e-3 * float(y.std())


def test_without_data_a_spline_goes_on_smoothly():
    x = uniform(300, 1) * 0.4
    ends = []
    for jump_penalty in (0.0, 1e-2):
        model = fresh([1, 1], grid=20, base="none")
        objective = objective_of(model, x, torch.sin(2 * x))
        descent(NewtonCG(jump_penalty=jump_penalty).attach(objective, 100, seeded()), objective, 100)
        parameters = ParameterVector.of(model)
        ends.append(JumpPenalty(model, parameters).value())
        assert objective.value_on_all_rows() < 1e-6
    assert ends[1] < 0.1 * ends[0]
