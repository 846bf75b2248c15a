"""Penalties: their values by hand, their quadratics against autograd, and what they do to a fit."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.layer import GRID_KINDS, KANLayer
from splinework.train.jacobian import ParameterVector
from splinework.train.optim import LBFGS, Adam, LevenbergMarquardt
from splinework.train.penalties import GroupLasso, Penalty, PykanSparsity, Roughness, Sparsity
from splinework.train.smoothing import Smoothing
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every, raising, slow
from tests.interpret.edit.cases import BASES
from tests.train.cases import descent, fresh, objective_of, quick, smooth, thinned, uniform

every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)
every_method = pytest.mark.parametrize("recipe", [LevenbergMarquardt(), LBFGS(), Adam(0.1)], ids=lambda r: r.name)
NEW = [
    GroupLasso(0.3),
    GroupLasso(0.3, adaptive=0.5),
    PykanSparsity(0.3),
    PykanSparsity(0.3, entropy=0.0),
    PykanSparsity(0.3, l1=0.0),
    PykanSparsity(0.3, coefficients=0.5, differences=0.7),
]
STEPS = {"lm": 40, "lbfgs": 60, "adam": 120}


def sparsity_by_hand(layer: KANLayer, x: Tensor, l1: float, entropy: float) -> float:
    """Liu et al. 2024, eqs. 2.17 (mean magnitude), 2.18 (sum), 2.19 (entropy), 2.20 (together), in loops."""
    values = layer.edges(x).detach().numpy()
    rows, inputs, outputs = values.shape
    sizes = {
        (i, j): sum(abs(values[s, i, j]) for s in range(rows)) / rows for i in range(inputs) for j in range(outputs)
    }
    total = sum(sizes.values())
    shares = [size / total for size in sizes.values() if size > 0]
    return l1 * total - entropy * sum(p * math.log(p) for p in shares)


def pykan_by_hand(
    layer: KANLayer, x: Tensor, l1: float, entropy: float, coefficients: float, differences: float
) -> float:
    """pykan 0.2's `MultKAN.reg` with `edge_forward_spline_n`, in loops."""
    values, inputs, outputs = layer.edges(x).detach().numpy(), layer.inputs, layer.outputs
    s = np.array([[values[:, i, j].std(ddof=1) for i in range(inputs)] for j in range(outputs)])
    s = s / (x.numpy().std(0, ddof=1) + 0.1)
    total = l1 * s.sum()
    for shares in ([row / (row.sum() + 1) for row in s], [column / (column.sum() + 1) for column in s.T]):
        total -= entropy * np.mean([sum(p * math.log2(p + 1e-4) for p in share) for share in shares])
    c, alive = layer.coefficients.detach().numpy(), layer.mask.numpy() != 0
    for i in range(inputs):
        for j in range(outputs):
            if alive[i, j]:
                total += coefficients * np.abs(c[i, :, j]).sum() / outputs
                total += differences * np.abs(np.diff(c[i, :, j])).sum() / outputs
    return total


# ------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(("l1", "entropy"), [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.3, 2.0)])
@every_kind
def test_sparsity_is_the_paper_s(grid_kind, l1, entropy):
    layer, x = thinned([3, 4, 1], grid_kind=grid_kind).kan_layers[0], normal(40, 3)
    value = Sparsity(0.01, l1=l1, entropy=entropy).value(layer, x)
    assert value.item() == pytest.approx(0.01 * sparsity_by_hand(layer, x, l1, entropy), rel=1e-12)


@pytest.mark.parametrize("adaptive", [0.0, 0.5, 0.9])
@every_kind
def test_the_group_lasso_is_the_sum_of_the_edges_root_mean_squares(grid_kind, adaptive):
    layer, x = thinned([3, 4, 1], grid_kind=grid_kind).kan_layers[0], normal(40, 3)
    sizes = np.sqrt((layer.edges(x).detach().numpy() ** 2).mean(0))
    value, power = GroupLasso(0.01, adaptive).value(layer, x).item(), 1 - adaptive
    truth = (sizes**power).sum() / power
    assert value == pytest.approx(0.01 * truth, abs=0.01 * 12 * 1e-6**power / power)
    assert value <= 0.01 * truth


@pytest.mark.parametrize(
    "parts",
    [(1.0, 2.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.3, 2.0, 0.5, 0.7)],
)
@every_kind
def test_pykan_s_penalty_is_pykan_s(grid_kind, parts):
    layer, x = thinned([3, 4, 1], grid_kind=grid_kind).kan_layers[0], normal(40, 3)
    value = PykanSparsity(0.01, *parts).value(layer, x).item()
    assert value == pytest.approx(0.01 * pykan_by_hand(layer, x, *parts), rel=1e-4)  # kinks are rounded


@every(
    "penalty",
    [*NEW, Sparsity(0.3), Roughness(0.3), Smoothing(1.0, (torch.ones(2, 3, 4).double(), torch.ones(2, 4, 1).double()))],
)
def test_a_penalty_depends_on_the_activations_where_it_says_that_it_sees_them(penalty):
    model = thinned([3, 4, 1])
    own, other = (objective_of(model, normal(40, 3, seed=seed), normal(40, 1), penalty) for seed in (0, 1))
    same = own.penalty().item() == other.penalty().item()
    assert own.penalty().item() > 0
    assert same == (not penalty.sees_activations)
    parameters = ParameterVector.of(model)
    pairs = zip(own.penalty_curvatures(parameters), other.penalty_curvatures(parameters), strict=True)
    assert all(torch.equal(a, b) for one, two in pairs for a, b in zip(one[1:], two[1:], strict=True)) == same


def test_an_added_constant_costs_pykan_s_penalty_nothing_and_the_paper_s_something():
    layer, x = thinned([3, 4, 1]).kan_layers[0], uniform(60, 3)
    penalties = (PykanSparsity(), Sparsity(), GroupLasso())
    before = [penalty.value(layer, x).item() for penalty in penalties]
    with torch.no_grad():
        values = layer.edge_coefficients()
        values[:, : layer.basis.size] += 3.0 * (layer.mask != 0)[:, None, :]  # the splines sum to 1
        layer.set_edge_coefficients(values)
    after = [penalty.value(layer, x).item() for penalty in penalties]
    assert after[0] == pytest.approx(before[0], rel=1e-12)
    assert after[1] > 1.5 * before[1]
    assert after[2] > 1.5 * before[2]


def test_the_adaptive_group_lasso_pulls_small_edges_harder_and_large_ones_less():
    sizes = torch.tensor([1e-2, 1.0, 10.0], dtype=torch.float64)
    slopes = []
    for adaptive in (0.0, 0.5):
        layer, x = fresh([1, 3], base="none").kan_layers[0], uniform(50, 1)
        with torch.no_grad():
            layer.set_edge_coefficients(sizes.expand(1, layer.basis.size, 3).clone())  # constants
        (slope,) = torch.autograd.grad(GroupLasso(1.0, adaptive).value(layer, x), layer.coefficients)
        slopes.append((slope * layer.spline_weight[:, None, :] ** -1).sum((0, 1)))  # in the size of an edge
    np.testing.assert_allclose(slopes[0].detach().numpy(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(slopes[1].detach().numpy(), sizes.numpy() ** -0.5, rtol=1e-3)


def test_the_objective_adds_every_penalty_of_every_layer():
    model, x = thinned([2, (1, 1), 2]), uniform(30)
    y = torch.cat([smooth(x), smooth(x) ** 2], dim=1)
    parts, u = [(model(x) - y).square().mean()], x
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        parts += [Sparsity(0.1).value(layer, u), Roughness(0.2).value(layer, u)]
        u = nodes.combine(layer(u))
    total = objective_of(model, x, y, Sparsity(0.1), Roughness(0.2)).value()
    assert relative_distance(total, sum(parts)) <= 1e-12
    assert relative_distance(objective_of(model, x, y).value(), parts[0]) <= 1e-14
    rows = torch.tensor([3, 1])
    part = objective_of(model, x[rows], y[rows], Sparsity(0.1)).value()
    assert relative_distance(objective_of(model, x, y, Sparsity(0.1)).value(rows), part) <= 1e-14


def test_roughness_is_the_mean_square_of_the_second_derivative():
    layer = thinned([2, 1], domain=(-3.0, 1.0)).kan_layers[0]
    at = torch.linspace(-3, 1, 20001, dtype=torch.float64)[:, None].expand(-1, 2)
    bend = layer.edges(at, derivative=2).detach().numpy() * 4  # in units of the half width: d²/du² = 2² d²/dx²
    integral = np.trapezoid(bend**2, at[:, 0].numpy(), axis=0).sum() / 4
    assert Roughness(0.1, points=2001).value(layer, at).item() == pytest.approx(0.1 * integral, rel=2e-3)
    assert Roughness(0.1).value(layer, at).item() == pytest.approx(0.1 * integral, rel=0.1)


def test_a_layer_of_no_size_costs_nothing_and_has_a_gradient():
    layer = fresh([2, 2]).kan_layers[0]
    with torch.no_grad():
        layer.set_edge_coefficients(torch.zeros_like(layer.edge_coefficients()))
    for x in (uniform(20), uniform(1), torch.zeros(20, 2, dtype=torch.float64)):
        for penalty in (Sparsity(1.0), Roughness(1.0), *NEW):
            at = x.clone().requires_grad_()
            value = penalty.value(layer, at)
            assert value.item() == 0.0
            gradients = torch.autograd.grad(value, (layer.coefficients, at), materialize_grads=True)
            assert all(gradient.isfinite().all() for gradient in gradients)
            assert all(part.isfinite().all() for part in penalty.quadratic(layer, x))


# --------------------------------------------------------------------------------------------------- quadratics

PENALTIES = [Sparsity(0.3), Sparsity(0.3, entropy=0.0), Sparsity(0.3, l1=0.0), Roughness(0.3), *NEW]
MAJORISED = [penalty for penalty in PENALTIES if not getattr(penalty, "entropy", 0.0)]


def by_coefficients(layer: KANLayer, penalty: Penalty, x: Tensor, values: Tensor) -> Tensor:
    """The penalty as a function of the edge coefficients."""
    size, weight = layer.basis.size, layer.spline_weight * layer.mask
    weight = torch.where(weight != 0, weight, torch.ones_like(weight))
    tensors = {"coefficients": values[:, :size] / weight[:, None, :]}
    if layer.base_weight is not None:
        tensors["base_weight"] = values[:, size] / torch.where(layer.mask != 0, layer.mask, torch.ones_like(layer.mask))

    class Valued(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self) -> Tensor:
            return penalty.value(self.layer, x)

    return torch.func.functional_call(Valued(), {f"layer.{name}": value for name, value in tensors.items()}, ())


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("basis", BASES)
@every_kind
def test_the_quadratic_touches_the_value_and_its_gradient(grid_kind, basis, penalty):
    if grid_kind == "learnable" and basis != "bspline":
        return
    layer, x = thinned([3, 2], basis=basis, grid_kind=grid_kind).kan_layers[0], normal(200, 3)
    gradient, curvature = penalty.quadratic(layer, x)
    values = layer.edge_coefficients().detach().requires_grad_()
    (truth,) = torch.autograd.grad(by_coefficients(layer, penalty, x, values), values)
    alive = (layer.mask != 0)[:, None, :]
    error = ((gradient.transpose(1, 2) - truth) * alive).norm() / truth.norm()
    assert error <= (1e-2 if isinstance(penalty, Sparsity) else 1e-12)  # its quadratic alone smooths values near zero
    assert relative_distance(curvature, curvature.mT) <= 1e-13
    assert torch.linalg.eigvalsh(curvature).min() >= -1e-10 * curvature.abs().max()


@pytest.mark.parametrize(
    "penalty", [*MAJORISED, PykanSparsity(0.3, entropy=0.0, coefficients=0.5, differences=0.7)], ids=str
)
@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0, 10.0])
def test_the_quadratic_lies_above_the_value(size, penalty):
    layer, x = thinned([3, 2]).kan_layers[0], normal(100, 3)
    layer.mask.fill_(1.0)
    gradient, curvature = penalty.quadratic(layer, x)
    start = layer.edge_coefficients().detach()
    for seed in range(20):
        move = size * normal(*start.shape, seed=seed)
        step = move.transpose(1, 2)
        bound = penalty.value(layer, x) + (gradient * step).sum()
        bound = bound + torch.einsum("ijm,ijmn,ijn->", step, curvature, step)
        slack = (1e-3 if isinstance(penalty, Sparsity) else 1e-12) * penalty.value(layer, x)  # of the smoothing
        assert by_coefficients(layer, penalty, x, start + move) <= bound + slack


# --------------------------------------------------------------------------------------------------- on a fit


@pytest.mark.parametrize(
    "penalty", [Sparsity(3e-2), *slow(GroupLasso(3e-2), GroupLasso(3e-2, adaptive=0.5), PykanSparsity(1e-2))], ids=str
)
@every_method
def test_sparsity_shrinks_the_edge_that_is_not_needed(recipe, penalty):
    x = uniform(150, 3)
    y = x[:, :1] ** 2 + torch.sin(3 * x[:, 1:2])
    spreads = []
    for penalties in ((), (penalty,)):
        objective = objective_of(fresh([3, 1]), x, y, *penalties)
        steps = STEPS[recipe.name]
        descent(recipe.attach(objective, steps, seeded()), objective, steps)
        spreads.append(objective.model.kan_layers[0].edges(x).std(0)[:, 0].detach())
        if not penalties:  # the need for three inputs is noise of the start: keep some of it
            assert spreads[0][:2].min() > 0.2
    assert spreads[1][2] <= (0.01 if recipe.name == "lm" else 0.1) * spreads[1][:2].min()
    assert spreads[1][:2].min() > 0.15


def test_the_group_lasso_s_minimum_is_the_one_of_its_optimality_conditions():
    """Yuan & Lin 2006, eqs. 2.3–2.4: where an edge lives the gradients cancel; where it is 0 the error's is short enough."""
    x, weight = uniform(150, 3), 0.1
    y = x[:, :1] ** 2 - 1 / 3 + torch.sin(3 * x[:, 1:2]) + 0.02 * normal(150, 1)
    objective = objective_of(fresh([3, 1], base="none", bias=False, grid=4), x, y, GroupLasso(weight))
    descent(LevenbergMarquardt(jump_penalty=0.0).attach(objective, 300, seeded()), objective, 300)
    layer = objective.model.kan_layers[0]
    with torch.no_grad():
        rows, gap = layer.table().rows(x), objective.model(x) - y
        values = layer.edges(x)[:, :, 0]
        sizes = values.square().mean(0).sqrt()
    assert sizes[:2].min() > 0.1
    assert sizes[2] < 1e-5
    for i in range(3):
        # In an orthonormal basis of the edge's functions on the data the group's norm is the plain one.
        q, _ = torch.linalg.qr(rows[:, i] / math.sqrt(len(x)))
        slope = 2 * q.T @ gap[:, 0] / math.sqrt(len(x))
        if i < 2:
            direction = q.T @ values[:, i] / math.sqrt(len(x)) / sizes[i]
            assert (slope + weight * direction).norm() <= 1e-5 * weight
        else:
            assert slope.norm() <= weight


@every_method
def test_roughness_smooths_and_a_heavy_one_leaves_a_line(recipe):
    x = uniform(100, 1).sort(0).values
    y = torch.sin(3 * x) + 0.3 * normal(100, 1)
    bends, misfits = [], []
    steps = STEPS[recipe.name]
    for weight in (0.0, 1e4) if recipe.name == "adam" else (0.0, 1e-4, 1e-2, 1e4):
        penalties = (Roughness(weight),) if weight else ()
        objective = objective_of(fresh([1, 1], grid=10), x, y, *penalties)
        descent(recipe.attach(objective, steps, seeded()), objective, steps)
        bends.append(Roughness(1.0).value(objective.model.kan_layers[0], x).item())
        misfits.append(objective.loss_value())
    assert all(b < 0.8 * a for a, b in itertools.pairwise(bends))
    assert all(b > a for a, b in itertools.pairwise(misfits))
    assert bends[-1] < 1e-3 * bends[0]
    if recipe.name != "adam":
        assert bends[-1] < 1e-6
    if recipe.name == "lm":
        line = np.polynomial.Polynomial.fit(x[:, 0].numpy(), y[:, 0].numpy(), 1)(x[:, 0].numpy())
        assert np.abs(objective.model(x)[:, 0].detach().numpy() - line).max() <= 1e-3


def test_the_penalised_state_is_the_one_that_is_returned():
    x = uniform(200, 3)
    y = x[:, :1] ** 2 + torch.sin(3 * x[:, 1:2])
    plain = quick(fresh([3, 1]), x, y, steps=60, validation=0.2).model
    sparse = quick(fresh([3, 1]), x, y, steps=60, validation=0.2, penalties=[Sparsity(3e-2)]).model
    sizes = [model.kan_layers[0].edges(model.input_scaling(x)).abs().mean(0).sum().item() for model in (plain, sparse)]
    assert sizes[1] < sizes[0]
    assert sparse.kan_layers[0].edges(x)[:, 2].std() <= 1e-2 * sparse.kan_layers[0].edges(x)[:, 0].std()


# ------------------------------------------------------------------------------------------------------ errors


@every(
    ("make", "told"),
    [
        (lambda: Sparsity(-1e-3), ["weight of Sparsity", "-0.001"]),
        (lambda: Sparsity(1e-3, entropy=-1.0), ["entropy of Sparsity", "-1.0"]),
        (lambda: Roughness(math.nan), ["weight of Roughness", "nan"]),
        (lambda: Roughness(math.inf), ["weight of Roughness", "inf"]),
        (lambda: Roughness(1.0, points=1), ["points of Roughness", "1"]),
        (lambda: GroupLasso(-1.0), ["weight of GroupLasso", "-1.0"]),
        (lambda: GroupLasso(1.0, adaptive=1.0), ["adaptive of GroupLasso", "1.0"]),
        (lambda: PykanSparsity(differences=-1.0), ["differences of PykanSparsity", "-1.0"]),
    ],
)
def test_a_wrong_number_is_refused(make, told):
    with raising(ConfigError, told):
        make()
