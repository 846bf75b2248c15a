"""Laws of residuals: the Jacobian through series is the one of automatic differentiation, for every equation and shape."""

import pytest
import torch
from torch import Tensor

import splinework as sw
from splinework.nn.derivatives import record_layers
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector
from splinework.train.residual import Residual, ResidualObjective
from splinework.train.residual_jacobian import expand, highest_order, is_separate, matches_autograd
from splinework.train.residual_terms import check_term, term_of
from tests.contracts.cases import normal, seeded
from tests.train.cases import thinned, uniform

SHAPES = ([2, 1], [2, 2, 1], [2, (1, 1), 1], [2, (1, 2), (1, [3]), 2])


def value(model: KAN, x: Tensor) -> Tensor:
    return model(x)


def slope(model: KAN, x: Tensor) -> Tensor:
    return sw.derivatives.partials(model, x, "x1")[0]


def laplacian(model: KAN, x: Tensor) -> Tensor:
    return sum(sw.derivatives.partials(model, x, (0, 0), (1, 1)))


def burgers(model: KAN, x: Tensor) -> Tensor:
    u, u_t, u_x, u_xx = sw.derivatives.partials(model, x, (), 0, 1, (1, 1))
    return u_t + u * u_x - 0.01 * u_xx


def monge_ampere(model: KAN, x: Tensor) -> Tensor:
    u_xx, u_yy, u_xy = sw.derivatives.partials(model, x, (0, 0), (1, 1), (0, 1))
    return u_xx * u_yy - u_xy**2


def beam(model: KAN, x: Tensor) -> Tensor:
    return sw.derivatives.partials(model, x, (0, 0, 0, 0))[0] + model(x)


def several(model: KAN, x: Tensor) -> Tensor:
    u, along = sw.derivatives.jet(model, x, [1.0, -0.5], order=1)
    return torch.cat([u * along, model(x).square(), sw.derivatives.partials(model, x, (0, 1))[0]], dim=1)


def periodic(model: KAN, x: Tensor) -> Tensor:
    return model(x) - model(x + torch.tensor([0.3, 0.0], dtype=x.dtype))


def averaged(model: KAN, x: Tensor) -> Tensor:
    """Several points of the model for each of the residual."""
    shifts = torch.linspace(-0.1, 0.1, 3, dtype=x.dtype)[:, None]
    return model(x[:, None] + shifts).mean(1)


EQUATIONS = (value, slope, laplacian, burgers, monge_ampere, beam, several, periodic, averaged)


def model_of(shape: object, **options: object) -> KAN:
    return thinned(shape, degree=6, grid=3, **options)


def rows(model: KAN) -> Tensor:
    return 0.8 * uniform(9) + (2.0 if "log" in model.config.input_scales else 0.0)


def by_autograd(model: KAN, parameters: ParameterVector, function: object, x: Tensor) -> Tensor:
    """The Jacobian in the coefficients as they are in the layers, from one backward pass per value."""
    values = function(model, x)
    numbers = [
        p for layer in model.kan_layers for p in (layer.coefficients, layer.base_weight, layer.bias) if p is not None
    ]
    found = []
    for each in values.flatten():
        slopes = torch.autograd.grad(each, numbers, retain_graph=True, allow_unused=True)
        rest = iter([torch.zeros_like(p) if s is None else s for p, s in zip(numbers, slopes, strict=True)])
        parts = []
        for layer in model.kan_layers:
            alive = torch.where(layer.mask != 0, layer.mask, torch.ones_like(layer.mask))
            spline = next(rest) / (layer.spline_weight * alive)[:, None]
            parts.append((torch.cat([spline, (next(rest) / alive)[:, None]], dim=1), next(rest)))
        found.append(parameters.pack(parts))
    return torch.stack(found).unflatten(0, values.shape)


@pytest.mark.parametrize("function", EQUATIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_jacobian_is_that_of_automatic_differentiation(shape, function):
    model = model_of(shape)
    parameters, x = ParameterVector.of(model), rows(model)
    with torch.no_grad():
        found = expand(model, parameters, lambda: function(model, x))
    truth = by_autograd(model, parameters, function, x).detach()
    assert found.values.equal(function(model, x).detach())
    assert (found.dense() - truth).abs().max() <= 1e-10 * truth.abs().max()


@pytest.mark.parametrize(
    "options",
    [
        {"input_scales": ("log", "linear")},
        {"output_scales": ("log",)},
        {"grid_kind": "normalised"},
        {"basis": "chebyshev"},
        {"extrapolation": "natural"},
    ],
    ids=str,
)
@pytest.mark.parametrize("function", [laplacian, several], ids=lambda f: f.__name__)
def test_the_jacobian_knows_scales_grids_and_bases(function, options):
    model = model_of([2, (1, 1), 1], **options)
    parameters, x = ParameterVector.of(model), rows(model)
    truth = by_autograd(model, parameters, function, x).detach()
    found = expand(model, parameters, lambda: function(model, x)).dense()
    assert (found - truth).abs().max() <= 1e-10 * truth.abs().max()


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("function", EQUATIONS, ids=lambda f: f.__name__)
def test_products_with_the_jacobian_are_products_with_the_matrix(function, coupled):
    model = model_of([2, (1, 1), 2])
    parameters, x = ParameterVector.of(model), rows(model)
    found = expand(model, parameters, lambda: function(model, x), coupled=coupled)
    dense = found.dense()
    v, w = normal(dense.shape[-1]), normal(*found.values.shape, seed=1)
    assert torch.allclose(found.times(v), dense @ v, rtol=1e-10, atol=1e-10)
    assert torch.allclose(found.transposed(w), torch.einsum("bc,bcp->p", w, dense), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("function", EQUATIONS, ids=lambda f: f.__name__)
def test_rows_that_are_separate_are_known_as_such_and_means_are_not(function):
    model, x = model_of([2, 2, 1]), uniform(9)
    assert is_separate(model, lambda: function(model, x))
    assert not is_separate(model, lambda: function(model, x) - function(model, x).mean())


def test_a_derivative_by_autograd_is_seen_not_to_be_known():
    model, x = model_of([2, 2, 1]), uniform(9)

    def by_hand() -> Tensor:
        at = x.clone().requires_grad_()
        return torch.autograd.grad(model(at).sum(), at, create_graph=True)[0]

    parameters = ParameterVector.of(model)
    assert not matches_autograd(model, parameters, by_hand, expand(model, parameters, by_hand))
    assert matches_autograd(
        model, parameters, lambda: slope(model, x), expand(model, parameters, lambda: slope(model, x))
    )


@pytest.mark.parametrize(("function", "order"), [(value, 0), (slope, 1), (burgers, 2), (beam, 4)])
def test_the_order_of_an_equation_is_read_off_it(function, order):
    model, x = model_of([2, 2, 1]), uniform(5)
    assert highest_order(model, lambda: function(model, x)) == order


def test_recording_ends_with_its_block():
    model, x = model_of([2, 2, 1]), uniform(5)
    with record_layers() as tape:
        laplacian(model, x)
    count = len(tape)
    laplacian(model, x)
    expand(model, ParameterVector.of(model), lambda: model(x))
    assert count == len(tape) == 2
    assert model.is_plain()


# ------------------------------------------------------------------------------------------------------ the objective


def objective() -> ResidualObjective:
    model = model_of([2, (1, 1), 1])
    residuals = [
        Residual(burgers, uniform(30), weight=0.1),
        Residual(lambda m, x, y: m(x) - y, uniform(8, seed=1), data=normal(8)),
        Residual(lambda m, x: m(x).mean(), uniform(12, seed=2)),
    ]
    terms = [check_term(model, term_of(model, each, n)) for n, each in enumerate(residuals)]
    return ResidualObjective(model, terms=tuple(terms))


def test_the_gradient_is_the_one_of_the_quadratic():
    it = objective()
    parameters = ParameterVector.of(it.model)
    _, vector = it.quadratic(parameters, 10**6)
    start = parameters.read(it.model)
    direction = normal(len(start))
    sides = []
    for sign in (1, -1):
        parameters.write(it.model, start + sign * 1e-6 * direction)
        sides.append(it.value_on_all_rows())
    assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(float(2 * vector @ direction), rel=1e-5)


def test_blocks_of_rows_and_products_are_the_quadratic_whatever_the_budget():
    it = objective()
    parameters = ParameterVector.of(it.model)
    matrix, vector = it.quadratic(parameters, 10**6)
    small, b = it.quadratic(parameters, 500)
    blocks = list(it.jacobian_blocks(parameters, 500))
    products = it.curvature_operator(parameters)
    v = normal(len(vector))
    assert len(blocks) > 5
    assert torch.allclose(small, matrix)
    assert torch.allclose(b, vector)
    assert sum(float(r.square().sum()) for _, r in blocks) == pytest.approx(it.value_on_all_rows())
    assert torch.allclose(products.times(v), matrix @ v)
    assert torch.allclose(products.vector, vector)
    assert torch.allclose(products.diagonal, matrix.diagonal())


def test_the_bend_is_the_second_derivative_along_the_move():
    it = objective()
    parameters = ParameterVector.of(it.model)
    start = parameters.read(it.model)
    move = 0.1 * normal(len(start))

    def stacked() -> tuple[Tensor, Tensor]:
        blocks = list(it.jacobian_blocks(parameters, 10**6))
        return torch.cat([j for j, _ in blocks]), torch.cat([r for _, r in blocks])

    jacobian, middle = stacked()
    h = 1e-3
    sides = []
    for sign in (1, -1):
        parameters.write(it.model, start + sign * h * move)
        sides.append(stacked()[1])
    parameters.write(it.model, start)
    second = (sides[0] - 2 * middle + sides[1]) / h**2
    found = it.geodesic_gradient(parameters, start, move, 1e-4)
    assert found is not None
    assert torch.allclose(found, jacobian.T @ second, rtol=1e-2, atol=1e-3 * float(found.abs().max()))


def test_parts_of_the_points_are_everything_once_in_an_epoch():
    it = objective()
    batches = it.batches(25, seeded(0))
    seen = [batches.next() for _ in range(batches.per_epoch)]
    for n, term in enumerate(it.terms[:2]):
        assert sorted(torch.cat([part[n] for part in seen]).tolist())[: len(term.x)] == sorted(range(len(term.x)))
    assert all(part[2] is None for part in seen)
    assert it.differentiate(seen[0]) > 0
    assert it.batches(None, seeded(0)).next() is None


def test_batches_go_on_where_their_state_was_taken():
    it = objective()
    generator = seeded(3)
    batches = it.batches(25, generator)
    batches.next()
    state, random = batches.state(), generator.get_state()
    expected = [batches.next() for _ in range(3)]
    generator.set_state(random)
    other = it.batches(25, generator)
    other.restore(state)
    for part in expected:
        assert all((a is None and b is None) or a.equal(b) for a, b in zip(part, other.next(), strict=True))
