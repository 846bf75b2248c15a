"""Laws of the additive part of several classes: its curvature, where it ends, and how many steps it takes."""

import pytest
import torch

from splinework.tabular import multinomial
from splinework.tabular.design import make_design
from splinework.tabular.grids import quantile_layer
from splinework.tabular.tasks import Multiclass


def three_classes(count=300):
    """A design of three inputs, indicators of three classes, weights of which some are zero, and uneven penalties."""
    u = torch.randn(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.rand(count, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    weights = torch.where(weights < 0.1, 0.0, weights)
    design = make_design(quantile_layer(u, 1, 8, 3), u, torch.ones_like(weights), ())
    cuts = torch.tensor([-0.5, 0.8], dtype=torch.float64)
    y = torch.nn.functional.one_hot(torch.bucketize(u[:, 0] + 0.3 * u[:, 1] ** 2, cuts), 3).double()
    generator = torch.Generator().manual_seed(6)
    penalties = torch.exp(3 * torch.randn(design.width, 3, generator=generator, dtype=torch.float64))
    return design, y, weights, penalties


def test_the_curvature_of_all_classes_is_that_of_the_loss():
    design, y, weights, _ = three_classes(40)
    numbers = 0.1 * torch.randn(3 * (design.width + 1), generator=torch.Generator().manual_seed(7), dtype=torch.float64)

    def loss(flat):
        values = flat.view(3, -1)
        return weights @ Multiclass().loss(design.values @ values[:, :-1].T + values[:, -1], y)

    values = numbers.view(3, -1)
    share = torch.softmax(design.values @ values[:, :-1].T + values[:, -1], -1)
    wanted = torch.autograd.functional.hessian(loss, numbers)
    torch.testing.assert_close(multinomial._curvature(design, weights, share)[0], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("given", [False, True])
def test_several_classes_end_where_the_slope_vanishes_whatever_preconditions_the_steps(given):
    design, y, weights, penalties = three_classes()
    curvature = None
    if given:
        rows = torch.cat([design.values, torch.ones_like(design.values[:, :1])], 1)
        curvature = (0.25 * rows.T @ (weights[:, None] * rows)).expand(3, -1, -1)
    coefficients, bias = multinomial.solve_classes(design, y, weights, penalties, Multiclass(), curvature=curvature)
    slope = weights[:, None] * Multiclass().slope(design.times(coefficients) + bias, y)
    gradient = design.moments(slope) + penalties * coefficients
    assert float(gradient.abs().max()) < 1e-3 * float(weights.sum())
    assert float(slope.sum(0).abs().max()) < 1e-3 * float(weights.sum())


def test_several_classes_are_followed_in_few_steps(monkeypatch):
    design, y, weights, penalties = three_classes()
    counted, minimise = [], multinomial.minimize

    def count(cost, *rest, **options):
        found = minimise(cost, *rest, **options)
        counted.append(found.nfev)
        return found

    monkeypatch.setattr(multinomial, "minimize", count)
    found = None
    for factor in (1.0, 2.0, 4.0):
        found = multinomial.solve_classes(design, y, weights, factor * penalties, Multiclass(), start=found)
    assert max(counted[1:]) <= 16  # on the diagonal alone 33 and 39
