"""The three primitives, over every backend, basis, base function and extrapolation; closed under differentiation."""

import numpy as np
import pytest
import torch
from torch import Tensor

from splinework.kernels import BACKENDS, EXTRAPOLATIONS, Backend, BasisTable
from tests.contracts.cases import (
    RECIPES,
    every_base,
    every_recipe,
    name_of,
    normal,
    points,
    relative_distance,
    table_of,
    table_oracle,
)

B, I, J = 6, 3, 2
ORDERS = (0, 1, 2)
TAILS_AND_ORDERS = [(extrapolation, r) for extrapolation in EXTRAPOLATIONS for r in ORDERS]
every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def operands(table: BasisTable, batch: int = B) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x inside and outside the domains, s, C and g, in the units of each input."""
    low, high = table.basis.domain(table.grid)
    # Derivatives of an input whose domain is narrow are large; coefficients in proportion keep every sum in view.
    c = normal(I, table.size, J, seed=3)
    return points(batch, beyond=0.3), normal(batch, I, seed=2) / (1 + (high - low)), c, normal(batch, J, seed=4)


def assert_same(value: Tensor, truth: Tensor | np.ndarray, tolerance: float = 1e-11, where: object = "") -> None:
    scale = torch.as_tensor(truth).detach().abs().max().clamp_min(1e-300) if np.size(truth) else 1.0
    assert relative_distance(value / scale, torch.as_tensor(truth) / scale) <= tolerance, where


def gradients(output: Tensor, cotangent: Tensor, *leaves: Tensor) -> list[Tensor]:
    """Vector-Jacobian products; zeros for what the output does not depend on."""
    if not output.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(output, leaves, cotangent, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves, strict=True)]


# ----------------------------------------------------------------------------------------------------- values


@every_base
@every_recipe
@every_backend
def test_primitives_equal_the_sums_that_define_them(backend: Backend, basis, base):
    for extrapolation, r in TAILS_AND_ORDERS:
        table = table_of(basis, base, extrapolation)
        x, s, c, g = operands(table)
        beta = table_oracle(table, x, r)
        factor, coefficient, pull = s.cpu().numpy(), c.cpu().numpy(), g.cpu().numpy()
        contracted = np.einsum("bi,bim,imj->bj", factor, beta, coefficient)
        probed = np.einsum("bj,bim,imj->bi", pull, beta, coefficient)
        scattered = np.einsum("bi,bj,bim->imj", factor, pull, beta)
        assert_same(backend.contract(table, x, s, c, r), contracted, where=("contract", extrapolation, r))
        assert_same(backend.probe(table, x, c, g, r), probed, where=("probe", extrapolation, r))
        assert_same(backend.scatter(table, x, s, g, r), scattered, where=("scatter", extrapolation, r))


@every_backend
def test_no_factors_are_factors_of_one(backend: Backend):
    table = table_of(RECIPES[0], "silu", "linear")
    x, s, c, g = operands(table)
    ones = torch.ones_like(s)
    for r in ORDERS:
        assert_same(backend.contract(table, x, None, c, r), backend.contract(table, x, ones, c, r))
        assert_same(backend.scatter(table, x, None, g, r), backend.scatter(table, x, ones, g, r))


@every_recipe
@every_backend
def test_an_empty_batch_gives_empty_sums_and_a_scatter_of_zeros(backend: Backend, basis):
    table = table_of(basis, "silu", "linear")
    x, s, c, g = operands(table, batch=0)
    assert backend.contract(table, x, s, c).shape == (0, J)
    assert backend.probe(table, x, c, g, 1).shape == (0, I)
    assert torch.equal(backend.scatter(table, x, s, g), torch.zeros_like(c))


@every_recipe
def test_rows_and_their_gradients_are_the_same_beside_points_outside(basis):
    for extrapolation in EXTRAPOLATIONS:
        table = table_of(basis, "silu", extrapolation)
        x, far = points(9), points(9, beyond=1.0)
        alone, beside = table.rows(x), table.rows(torch.cat([x, far]))
        assert torch.equal(alone, beside[:9])
        leaf = x.clone().requires_grad_()
        assert_same(gradients(table.rows(leaf), torch.ones_like(alone), leaf)[0], table.rows(x, 1).sum(-1))


@every_recipe
@every_backend
def test_single_precision_agrees_with_double(backend: Backend, basis):
    table = table_of(basis, "silu", "linear")
    grid = table.grid.float()
    single = BasisTable(basis, table.base, table.extrapolation, grid, basis.prepare(grid))
    x, s, c, g = operands(table)
    for name, double in (("contract", (x, s, c)), ("probe", (x, c, g)), ("scatter", (x, s, g))):
        value = getattr(backend, name)(single, *(t.float() for t in double))
        assert value.dtype == torch.float32
        assert_same(value.double(), getattr(backend, name)(table, *double), 1e-4)


# -------------------------------------------------------------------------------------------- first derivatives


@every_recipe
@every_backend
def test_the_gradients_of_each_primitive_are_the_others(backend: Backend, basis):
    """All three are derivatives of `Σ s β g C`: each one's cotangent is the operand that it lacks."""
    for extrapolation, r in TAILS_AND_ORDERS:
        table = table_of(basis, "silu", extrapolation)
        x, s, c, g = operands(table)
        truth = {
            "x": s * backend.probe(table, x, c, g, r + 1),
            "s": backend.probe(table, x, c, g, r),
            "c": backend.scatter(table, x, s, g, r),
            "g": backend.contract(table, x, s, c, r),
        }
        for name, lacking in (("contract", "g"), ("probe", "s"), ("scatter", "c")):
            given = {"x": x, "s": s, "c": c, "g": g}
            cotangent = given.pop(lacking)
            leaves = {key: t.detach().clone().requires_grad_() for key, t in given.items()}
            found = gradients(getattr(backend, name)(table, *leaves.values(), r), cotangent, *leaves.values())
            for key, value in zip(leaves, found, strict=True):
                assert_same(value, truth[key], where=(name, key, extrapolation, r))


# ------------------------------------------------------------------------------------------- higher derivatives

# A base function with every derivative, and bases whose second derivatives do not jump between these few points.
SMOOTH = [b for b in RECIPES if b.degree is None or b.degree >= 3]


def small(basis) -> tuple[BasisTable, Tensor, Tensor, Tensor, Tensor]:
    """Few enough numbers for finite differences, on the usual domain: a point inside, one on either side outside."""
    table = table_of(basis, "silu", "linear", inputs=1)
    x = torch.tensor([[-1.3], [0.23], [1.4]], dtype=torch.float64, requires_grad=True)
    s = normal(3, 1, seed=2).requires_grad_()
    c = (normal(1, table.size, 2, seed=3) / 4).requires_grad_()
    return table, x, s, c, normal(3, 2, seed=4).requires_grad_()


def with_extrapolation(table: BasisTable, extrapolation: str) -> BasisTable:
    return BasisTable(table.basis, table.base, extrapolation, table.grid, table.prepared)


@pytest.mark.parametrize("basis", SMOOTH, ids=name_of)
@every_backend
def test_first_and_second_gradients_of_contract_match_finite_differences(backend: Backend, basis):
    table, x, s, c, _ = small(basis)
    for extrapolation in ("linear", "natural"):
        bound = with_extrapolation(table, extrapolation)
        for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
            assert check(lambda x, s, c, t=bound: backend.contract(t, x, s, c), (x, s, c), fast_mode=True)


@pytest.mark.parametrize("basis", [RECIPES[0], RECIPES[5]], ids=name_of)
@every_backend
def test_second_gradients_of_probe_and_scatter_match_finite_differences(backend: Backend, basis):
    table, x, s, c, g = small(basis)
    assert torch.autograd.gradgradcheck(lambda x, c, g: backend.probe(table, x, c, g, 1), (x, c, g), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x, s, g: backend.scatter(table, x, s, g, 1), (x, s, g), fast_mode=True)


@every_recipe
@every_backend
def test_the_third_derivative_by_autograd_is_the_oracle_s(backend: Backend, basis):
    for extrapolation in EXTRAPOLATIONS:
        table = table_of(basis, "tanh", extrapolation)
        x, s, c, g = operands(table)
        x = x.requires_grad_()
        value = (backend.contract(table, x, s, c) * g).sum()
        for _ in range(3):
            if not value.requires_grad:
                value = torch.zeros_like(x)
                break
            (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        rows, arrays = table_oracle(table, x, 3), (t.cpu().numpy() for t in (s, c, g))
        assert_same(value, np.einsum("bim,bi,imj,bj->bi", rows, *arrays), 1e-10, where=extrapolation)


@every_recipe
@every_backend
def test_mixed_third_derivatives_are_the_primitives_of_order_two(backend: Backend, basis):
    table = table_of(basis, "sin", "linear")
    x, s, c, g = operands(table)
    x, c = x.requires_grad_(), c.requires_grad_()
    value = (backend.contract(table, x, s, c) * g).sum()
    for _ in range(2):
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (by_c,) = torch.autograd.grad(value.sum(), c)
    assert_same(by_c, backend.scatter(table, x, s, g, 2))


@pytest.mark.parametrize("basis", SMOOTH, ids=name_of)
@every_backend
def test_forward_mode_agrees_with_reverse_mode(backend: Backend, basis):
    for extrapolation in EXTRAPOLATIONS:
        table = with_extrapolation(small(basis)[0], extrapolation)
        x, c, direction = torch.tensor([[-1.3], [0.23], [1.4]]).double(), normal(1, table.size, 2), normal(3, 1, seed=9)
        _, forward = torch.func.jvp(lambda x, t=table, c=c: backend.contract(t, x, None, c), (x,), (direction,))
        assert_same(forward, backend.contract(table, x, direction, c, 1), where=extrapolation)


@every_recipe
@every_backend
def test_vmap_over_samples_is_the_batch(backend: Backend, basis):
    table = table_of(basis, "silu", "linear")
    x, s, c, g = operands(table)
    rows = torch.func.vmap(lambda x, s: backend.contract(table, x[None], s[None], c)[0])(x, s)
    assert_same(rows, backend.contract(table, x, s, c), 1e-13)
    probed = torch.func.vmap(lambda x, g: backend.probe(table, x[None], c, g[None], 1)[0])(x, g)
    assert_same(probed, backend.probe(table, x, c, g, 1), 1e-13)
