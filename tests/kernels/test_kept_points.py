"""What a forward pass keeps for its backward pass changes no bit of the gradients, and is not taken for other points."""

import pytest
import torch

from splinework import KAN
from splinework.kernels import native
from tests.contracts.cases import normal, seeded
from tests.kernels.cases import DTYPES, VARIANTS, Problem, needs_native, problem, spline_of

pytestmark = needs_native

CASES = {
    "cubic": {},
    "a coarse grid": {"grid": 2},
    "a fine grid": {"grid": 90},
    "uneven knots": {"knots": "adapted", "grid": 40},
    "knots that coincide": {"knots": "repeated"},
    "constant tails": {"extrapolation": "constant"},
    "no tails": {"extrapolation": "zero"},
    "edges taken out": {"mask": "edges"},
    "not a number where there is no edge": {"mask": "nan"},
    "no base function": {"base": "none"},
    "wide": {"size": (40, 3, 150)},
    "several blocks": {"size": (1500, 18, 20)},
    **{f"degree {k}": {"degree": k} for k in range(10)},
}


def passes(p: Problem, *, keep: bool) -> list[torch.Tensor]:
    layer = (p.edges, spline_of(p.table))
    sums, addresses = native.forward_and_addresses(p.x, [layer], keep=keep)
    assert (addresses.kept is not None) == keep
    by_x, grads = native.backward(p.x, [layer], [], p.g, [(True,) * 4], by_x=True, addresses=addresses)
    return [t for t in (*sums, by_x, *grads[0]) if t is not None]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_not_a_bit_differs(force, variant, dtype):
    force(algorithm="sorted", variant=variant)
    for name, options in CASES.items():
        p = problem(**{"size": (130, 4, 9), "dtype": dtype, **options})
        for kept, not_kept in zip(passes(p, keep=True), passes(p, keep=False), strict=True):
            assert kept.numpy().tobytes() == not_kept.numpy().tobytes(), name


def test_another_instruction_set_sorts_again(force):
    p = problem(size=(130, 4, 9))
    truth = passes(p, keep=False)
    layer = (p.edges, spline_of(p.table))
    for made, used in ((VARIANTS[0], VARIANTS[-1]), (VARIANTS[-1], VARIANTS[0])):
        force(algorithm="sorted", variant=made)
        _, addresses = native.forward_and_addresses(p.x, [layer], keep=True)
        force(variant=used)
        by_x, _ = native.backward(p.x, [layer], [], p.g, [(True,) * 4], by_x=True, addresses=addresses)
        assert torch.allclose(by_x, truth[1], rtol=1e-10, atol=1e-12)


def test_a_graph_may_be_used_twice_and_two_at_once():
    model = KAN([9, 20, 3], generator=seeded(1), dtype=torch.float64)
    first, second = (normal(200, 9, seed=n).requires_grad_() for n in range(2))
    truth = [torch.autograd.grad(model(x).square().sum(), x)[0] for x in (first, second)]
    sums = [model(x).square().sum() for x in (first, second)]
    for _ in range(2):
        for y, x, expected in reversed(list(zip(sums, (first, second), truth, strict=True))):
            assert torch.equal(torch.autograd.grad(y, x, retain_graph=True)[0], expected)


def test_points_that_were_written_to_are_refused():
    model, x = KAN([9, 20, 3], generator=seeded(1)), normal(200, 9).float()
    y = model(x)
    x += 1
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()
