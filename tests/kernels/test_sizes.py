"""Index arithmetic is 64 bits wide: views past 2^31 elements that need next to no memory."""

import mmap
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from splinework.kernels import BACKENDS, BasisTable, EdgeParameters
from splinework.splines.bases import BSpline
from tests.contracts.cases import normal
from tests.kernels.cases import needs_native, problem, sums_and_gradients

pytestmark = needs_native
ALGORITHMS = ("sorted", "gather", "narrow", "dense")
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
PAST = 2**31 + 4096


def test_expanded_coefficients_of_more_than_two_billion_numbers():
    inputs, grid, outputs = 300, 250, 30_000
    basis = BSpline(grid, 3)
    knots = basis.make_grid(-torch.ones(inputs), torch.ones(inputs))
    table = BasisTable(basis, None, "linear", knots, basis.prepare(knots))
    row = normal(outputs).float()
    c = row.expand(inputs, basis.size, outputs)
    assert c.numel() > 2**31
    x, g = normal(1, inputs).float(), normal(1, outputs, seed=2).float()
    s = normal(1, inputs, seed=3).float()
    # Splines sum to one, and so do their linear tails: every edge from an input is the constant of its output.
    y = BACKENDS["native"].contract(table, x, s, c)
    assert torch.allclose(y, s.sum() * row[None], rtol=1e-4, atol=1e-3)
    drawn = BACKENDS["native"].probe(table, x, c, g)
    total = (row.double() @ g[0].double()).float()
    assert torch.allclose(drawn, total.expand(1, inputs), rtol=1e-4, atol=5e-2)


@every_algorithm
def test_points_expanded_over_the_rows(force, algorithm):
    force(algorithm=algorithm)
    p = problem(size=(50, 3, 4), grid=2)
    x, g = p.x[:1].expand(50, 3), p.g
    truth, found = (sums_and_gradients(name, replace(p, x=x, g=g)) for name in ("reference", "native"))
    for key, value in truth.items():
        assert torch.allclose(found[key], value, rtol=1e-12, atol=1e-12), key


def reserved(elements: int, dtype: torch.dtype) -> Tensor:
    """Zeros of which only the pages that are written to take up memory."""
    no_reserve = 0x4000  # MAP_NORESERVE
    size = elements * torch.finfo(dtype).bits // 8
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    return torch.frombuffer(room, dtype=dtype)


def far_apart(t: Tensor) -> Tensor:
    """The same values with the first and the last along every dimension more than 2^31 elements apart."""
    steps, span = [], PAST
    for n in t.shape:
        steps.append(-(-span // max(n - 1, 1)) if n > 1 else 1)
        span += 17
    view = reserved(1 + sum(step * (n - 1) for step, n in zip(steps, t.shape, strict=True)), t.dtype).as_strided(
        t.shape, steps
    )
    return view.copy_(t)


def far_rows(t: Tensor) -> Tensor:
    """The same, but the last dimension side by side, so that nothing is copied on the way in."""
    steps = [-(-PAST // max(n - 1, 1)) + 64 * k for k, n in enumerate(t.shape[:-1])] + [1]
    size = 1 + sum(step * (n - 1) for step, n in zip(steps, t.shape, strict=True))
    return reserved(size, t.dtype).as_strided(t.shape, steps).copy_(t)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for memory that is never touched")
@every_algorithm
@pytest.mark.parametrize("spread", [far_rows, far_apart])
def test_strides_of_more_than_two_billion_elements(force, spread, algorithm):
    force(algorithm=algorithm)
    p = problem(size=(20, 2, 3), grid=2, degree=2, mask="fractional", dtype=torch.float32)
    truth = sums_and_gradients("native", p)
    parts = {key: t if t is None or key == "bias" else spread(t) for key, t in vars(p.edges).items()}
    far = replace(p, x=spread(p.x), g=spread(p.g), edges=EdgeParameters(**parts))
    for key, value in sums_and_gradients("native", far).items():
        assert torch.equal(value, truth[key]), key


def test_a_batch_of_which_chunks_are_made():
    """More rows than one chunk of records holds: each one's sums are those of the rows alone."""
    p = problem(size=(20_000, 64, 2), grid=3, dtype=torch.float32)
    y = BACKENDS["native"].layer_sums(p.table, p.x, p.edges)
    for start in (0, 9_999, 19_990):
        few = BACKENDS["native"].layer_sums(p.table, p.x[start : start + 10], p.edges)
        assert torch.allclose(y[start : start + 10], few, rtol=1e-5, atol=1e-4)
