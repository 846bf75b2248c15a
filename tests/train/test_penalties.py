"""Penalties: their values by hand, their quadratics against autograd, and what they do to a fit."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.layer import GRID_KINDS, KANLayer
from splinework.train import Penalty, Roughness, Sparsity
from splinework.train.objective import Objective
from splinework.train.optim import LBFGS, Adam, LevenbergMarquardt
from tests.contracts.cases import normal, relative_distance, seeded
from tests.edit.cases import BASES
from tests.train.cases import descent, fresh, objective_of, quick, smooth, thinned, uniform

every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)
every_method = pytest.mark.parametrize("recipe", [LevenbergMarquardt(), LBFGS(), Adam(0.1)], ids=lambda r: r.name)
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


# ------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(("l1", "entropy"), [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.3, 2.0)])
@every_kind
def test_sparsity_is_the_paper_s(grid_kind, l1, entropy):
    layer, x = thinned([3, 4, 1], grid_kind=grid_kind).kan_layers[0], normal(40, 3)
    value = Sparsity(0.01, l1=l1, entropy=entropy).value(layer, x)
    assert value.item() == pytest.approx(0.01 * sparsity_by_hand(layer, x, l1, entropy), rel=1e-12)


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
    part = Objective(model, x[rows], y[rows], (Sparsity(0.1),)).value()
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
    for penalty in (Sparsity(1.0), Roughness(1.0)):
        value = penalty.value(layer, uniform(20))
        assert value.item() == 0.0
        (gradient,) = torch.autograd.grad(value, layer.coefficients)
        assert gradient.isfinite().all()
        assert all(part.isfinite().all() for part in penalty.quadratic(layer, uniform(20)))


# --------------------------------------------------------------------------------------------------- quadratics

PENALTIES = [Sparsity(0.3), Sparsity(0.3, entropy=0.0), Sparsity(0.3, l1=0.0), Roughness(0.3)]


def by_coefficients(layer: KANLayer, penalty: Penalty, x: Tensor, values: Tensor) -> Tensor:
    """The penalty as a function of the edge coefficients."""
    size = layer.basis.size
    tensors = {"coefficients": values[:, :size], "spline_weight": torch.ones_like(layer.mask)}
    tensors |= {"base_weight": values[:, size]} if layer.base_weight is not None else {}
    tensors["mask"] = torch.ones_like(layer.mask)

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
    assert error <= (1e-12 if isinstance(penalty, Roughness) else 1e-2)  # values near zero are smoothed
    assert relative_distance(curvature, curvature.mT) <= 1e-13
    assert torch.linalg.eigvalsh(curvature).min() >= -1e-10 * curvature.abs().max()


@pytest.mark.parametrize("penalty", [Sparsity(0.3, entropy=0.0), Roughness(0.3)], ids=str)
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
        slack = 1e-3 * penalty.value(layer, x)  # of the smoothing
        assert by_coefficients(layer, penalty, x, start + move) <= bound + slack


# --------------------------------------------------------------------------------------------------- on a fit


@every_method
def test_sparsity_shrinks_the_edge_that_is_not_needed(recipe):
    x = uniform(150, 3)
    y = x[:, :1] ** 2 + torch.sin(3 * x[:, 1:2])
    spreads = []
    for penalties in ((), (Sparsity(3e-2),)):
        objective = objective_of(fresh([3, 1]), x, y, *penalties)
        steps = STEPS[recipe.name]
        descent(recipe.attach(objective, steps, seeded()), objective, steps)
        spreads.append(objective.model.kan_layers[0].edges(x).std(0)[:, 0].detach())
        if not penalties:  # the need for three inputs is noise of the start: keep some of it
            assert spreads[0][:2].min() > 0.2
    assert spreads[1][2] <= (0.01 if recipe.name == "lm" else 0.1) * spreads[1][:2].min()
    assert spreads[1][:2].min() > 0.15


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
        misfits.append(objective.error().item())
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


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sparsity(-1e-3), ["weight of Sparsity", "-0.001"]),
        (lambda: Sparsity(1e-3, entropy=-1.0), ["entropy of Sparsity", "-1.0"]),
        (lambda: Roughness(math.nan), ["weight of Roughness", "nan"]),
        (lambda: Roughness(math.inf), ["weight of Roughness", "inf"]),
        (lambda: Roughness(1.0, points=1), ["points of Roughness", "1"]),
    ],
)
def test_a_wrong_number_is_refused(make, told):
    with pytest.raises(ConfigError) as caught:
        make()
    for word in told:
        assert word in str(caught.value)
