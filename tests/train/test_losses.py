"""Losses: values against scipy and torch, expansions against autograd."""

import math

import pytest
import scipy.special
import sklearn.metrics
import torch
from torch import Tensor

from splinework.train.losses import Absolute, Custom, Huber, Logistic, Loss, Poisson, Quantile, Softmax, Squared
from tests.contracts.cases import normal, relative_distance
from tests.families import every
from tests.train.loss_cases import CASES, ONE, UNIT, cauchy, coupled, every_case

MAJORISED = [case for case in CASES if case.loss.regression]


def bilinear(curvature: Tensor, step: Tensor) -> Tensor:
    """δ'Hδ of every row."""
    if curvature.dim() == 2:
        return (curvature * step**2).sum(1)
    return torch.einsum("nj,njk,nk->n", step, curvature, step)


def slope_of(loss: Loss, f: Tensor, t: Tensor, unit: Tensor = UNIT) -> Tensor:
    leaf = f.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss.rows(leaf, t, unit).sum(), leaf)
    return slope


# ------------------------------------------------------------------------------------------------------- values


def test_the_squared_loss_of_all_rows_is_the_mean_squared_error():
    f, t = normal(40, 3), normal(40, 3, seed=1)
    assert relative_distance(Squared().rows(f, t, UNIT).mean(), torch.nn.functional.mse_loss(f, t)) <= 1e-15


def test_huber_s_is_scipy_s_with_the_threshold_in_units_of_y():
    f, t = 3 * normal(400, 3), normal(400, 3, seed=1)
    truth = 2 * scipy.special.huber(0.7 / UNIT.numpy(), (f - t).numpy()).mean(1)
    assert relative_distance(Huber(0.7).rows(f, t, UNIT), torch.from_numpy(truth)) <= 1e-14
    assert relative_distance(Huber(1e9).rows(f, t, UNIT), Squared().rows(f, t, UNIT)) <= 1e-14


@pytest.mark.parametrize("smoothing", [1e-2, 1e-4, 1e-8])
def test_the_absolute_loss_is_less_than_the_smoothing_below_the_magnitude(smoothing):
    f, t = normal(400, 3), normal(400, 3, seed=1)
    f[:3] = t[:3] + torch.tensor([0.0, 1e-9, -1e-3])
    short = (f - t).abs().mean(1) - Absolute(smoothing).rows(f, t, UNIT)
    assert short.min() >= -1e-15
    assert short.max() <= smoothing + 1e-15


@pytest.mark.parametrize("smoothing", [1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize("level", [0.01, 0.3, 0.5, 0.95])
def test_the_quantile_loss_is_the_pinball_loss_as_far_as_it_is_not_smoothed(level, smoothing):
    f, t = normal(400, 1), normal(400, 1, seed=1)
    f[:3, 0] = t[:3, 0] + torch.tensor([0.0, 1e-9, -1e-3])
    loss = Quantile((level,), smoothing)
    value, truth = loss.rows(f, t, ONE), torch.maximum(level * (t - f), (level - 1) * (t - f))[:, 0]
    assert (value - truth).abs().max() <= smoothing / math.sqrt(level * (1 - level))
    assert loss.rows(t, t, ONE).abs().max() == 0.0  # an exact fit costs nothing
    assert value.min() >= 0.0


@pytest.mark.parametrize("loss", [Absolute(), Quantile((0.1,)), Quantile((0.5,))], ids=str)
def test_a_smoothed_loss_is_accurate_to_rounding_at_its_least_value(loss):
    gap = torch.logspace(-16, -7, 10, dtype=torch.float64)[:, None]
    curvature = loss.expand(torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64), ONE)[1]
    slant = 2 * getattr(loss, "levels", (0.5,))[0] - 1
    truth = curvature * gap[:, 0] ** 2 / 2 * (1 - slant**2)  # second derivative at 0: (1 - s²) of the majoriser's
    assert relative_distance(loss.rows(gap, 0 * gap, ONE)[:8], truth[0, :8]) <= 1e-4
    assert relative_distance(loss.rows(gap, 0 * gap, ONE)[:5], truth[0, :5]) <= 1e-7


def test_the_losses_of_counts_and_classes_are_torch_s_and_sklearn_s():
    f, loss = normal(200, 3), torch.nn.functional
    t = CASES[6].targets(f)
    rows = Poisson().rows(f, t, UNIT)
    constant = scipy.special.xlogy(t.numpy(), t.numpy()) - t.numpy()
    truth = loss.poisson_nll_loss(f, t, reduction="none") + torch.from_numpy(constant)
    assert relative_distance(rows, truth.mean(1)) <= 1e-13
    deviance = sklearn.metrics.mean_poisson_deviance(t.flatten().numpy(), f.exp().flatten().numpy())
    assert float(rows.mean()) == pytest.approx(deviance / 2, rel=1e-12)
    t = (f > 0.3).double()
    truth = -(t * torch.sigmoid(f).log() + (1 - t) * torch.sigmoid(-f).log())
    assert relative_distance(Logistic().rows(f, t, UNIT), truth.mean(1)) <= 1e-14
    classes = normal(200, 3, seed=1).argmax(1)
    truth = loss.cross_entropy(f, classes, reduction="none")
    assert relative_distance(Softmax().rows(f, loss.one_hot(classes).double(), UNIT), truth) <= 1e-14


def test_poisson_is_accurate_where_the_rate_is_nearly_the_count():
    t = torch.tensor([[3.0], [1e6], [1e12]], dtype=torch.float64)
    f = t.log() + 1e-5
    value = Poisson().rows(f, t, ONE)
    gap = f - t.log()
    assert relative_distance(value / t[:, 0], (torch.exp(gap) - 1 - gap)[:, 0]) <= 1e-5


def test_softmax_of_two_classes_is_logistic():
    f = 3 * normal(100, 2)
    t = (normal(100, 1, seed=1) > 0).double()
    both, logit = torch.cat([1 - t, t], 1), f[:, 1:] - f[:, :1]
    (slope, curvature), truth = Softmax().expand(f, both, UNIT[:2]), Logistic().expand(logit, t, ONE)
    assert relative_distance(Softmax().rows(f, both, UNIT[:2]), Logistic().rows(logit, t, ONE)) <= 1e-14
    assert relative_distance(slope[:, 1:], truth[0]) <= 1e-14
    right = (2 * t - 1) * logit > 0
    assert relative_distance(curvature[:, 1:, 1][right], truth[1][right]) <= 1e-12


@every("case", [c for c in CASES if c.loss.regression or c.kind in ("counts", "labels")])
def test_independent_outputs_are_averaged(case):
    if isinstance(case.loss, Quantile):
        return
    f = normal(30, 3)
    t = case.targets(f)
    alone = [case.loss.rows(f[:, j : j + 1], t[:, j : j + 1], UNIT[j : j + 1]) for j in range(3)]
    assert relative_distance(case.loss.rows(f, t, UNIT), torch.stack(alone).mean(0)) <= 1e-14


# --------------------------------------------------------------------------------------------------- expansions


@every_case
@pytest.mark.parametrize("size", [1e-5, 0.1, 1.0, 10.0])
def test_the_expansion_has_autograd_s_gradient_and_no_negative_curvature(case, size):
    f = size * normal(100, 3)
    t = case.targets(f)
    slope, curvature = case.loss.expand(f, t, UNIT)
    assert relative_distance(slope, slope_of(case.loss, f, t)) <= 1e-11
    assert not slope.requires_grad
    assert not curvature.requires_grad
    if curvature.dim() == 3:
        assert relative_distance(curvature, curvature.mT) <= 1e-14
        assert torch.linalg.eigvalsh(curvature).min() >= -1e-14 * curvature.abs().max()
    else:
        assert curvature.min() >= 0


@pytest.mark.parametrize("case", MAJORISED, ids=str)
@pytest.mark.parametrize("size", [1e-4, 0.1, 1.0, 100.0])
def test_the_parabola_of_a_regression_lies_above_the_loss(case, size):
    f = 2 * normal(300, 3)
    f[:50] = case.targets(f)[:50] + 1e-4 * normal(50, 3, seed=9)
    t = case.targets(f)
    slope, curvature = case.loss.expand(f, t, UNIT)
    value = case.loss.rows(f, t, UNIT)
    for seed in range(20):
        step = size * normal(300, 3, seed=seed)
        bound = value + (slope * step).sum(1) + bilinear(curvature, step) / 2
        assert (case.loss.rows(f + step, t, UNIT) - bound).max() <= 1e-13 * (1 + bound.max())


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.loss.name in ("poisson", "logistic", "softmax")], ids=str
)
def test_the_curvature_is_the_hessian_of_rows_that_are_not_far_off_and_never_less(case):
    f = 3 * normal(300, 3)
    t = case.targets(f)
    _, curvature = case.loss.expand(f, t, UNIT)
    full = torch.diag_embed(curvature) if curvature.dim() == 2 else curvature
    truth = torch.func.vmap(torch.func.hessian(lambda a, b: case.loss.rows(a[None], b[None], UNIT)[0]))(f, t)
    # Rates have eps of their size, chances eps of one: measured 1 eps, on all paths of tests/portable.
    lost = -torch.linalg.eigvalsh(full - truth).amin(1) / full.abs().amax((1, 2)).clamp_min(1)
    assert lost.max() <= 64 * torch.finfo(torch.float64).eps
    if case.kind == "counts":
        near = (t.log() - f < 0.99).all(1)
    elif case.kind == "labels":
        near = ((2 * t - 1) * f > 0).all(1)
    else:
        near = (t.log() - torch.log_softmax(f, 1) < 0.99).all(1)
    assert near.sum() > 20
    assert (~near).sum() > 20
    assert relative_distance(full[near], truth[near]) <= 1e-13


@every_case
def test_a_full_step_of_one_row_never_raises_its_loss(case):
    f = 6 * normal(500, 3)
    t = case.targets(f)
    slope, curvature = case.loss.expand(f, t, UNIT)
    full = torch.diag_embed(curvature) if curvature.dim() == 2 else curvature
    step = torch.einsum("njk,nk->nj", torch.linalg.pinv(full, rcond=1e-12), slope)
    before, after = case.loss.rows(f, t, UNIT), case.loss.rows(f - step, t, UNIT)
    if isinstance(case.loss, Custom):  # no bound is known: some fraction of the step lowers it
        fractions = torch.stack([case.loss.rows(f - step * 0.5**k, t, UNIT) for k in range(40)])
        after = fractions.amin(0)
    assert (after - before).max() <= 1e-12 * before.max()


@every_case
def test_extreme_outputs_have_finite_losses_and_derivatives(case):
    most = 50.0 if case.kind == "counts" or case.loss == Custom(coupled) else 1e4
    f = most * torch.tensor([[1, -1, 0], [-1, 1, 1], [1, 1, 1], [0, 0, 0], [-1, -1, 1]], dtype=torch.float64)
    t = case.targets(f)
    parts = [case.loss.rows(f, t, UNIT), *case.loss.expand(f, t, UNIT), slope_of(case.loss, f, t)]
    assert all(part.isfinite().all() for part in parts)
    if case.loss.regression:
        huge = [case.loss.rows(1e150 * f, t, UNIT), *case.loss.expand(1e150 * f, t, UNIT)]
        assert isinstance(case.loss, Squared) or all(part.isfinite().all() for part in huge)


def test_the_curvature_of_a_custom_loss_is_its_hessian_where_that_is_positive():
    f, t = 0.3 * normal(60, 3), torch.softmax(normal(60, 3, seed=1), 1)
    for function in (lambda f, t: torch.cosh(f - t), lambda f, t: torch.logsumexp(f, 1) - (f * t).sum(1)):
        slope, curvature = Custom(function).expand(f, t, UNIT)
        row = lambda a, b, function=function: Custom(function).rows(a[None], b[None], UNIT)[0]  # noqa: E731
        assert relative_distance(curvature, torch.func.vmap(torch.func.hessian(row))(f, t)) <= 1e-12
        assert relative_distance(slope, torch.func.vmap(torch.func.grad(row))(f, t)) <= 1e-12


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_curvature_of_a_custom_loss_is_the_hessian_s_magnitude_where_that_is_negative(outputs):
    f = 2 + normal(60, outputs).abs()  # log(1 + r²) is concave from r = 1 on
    _, curvature = Custom(cauchy).expand(f, torch.zeros_like(f), ONE)
    diagonal = curvature if outputs == 1 else curvature.diagonal(dim1=1, dim2=2)
    truth = 2 * (f**2 - 1) / (1 + f**2) ** 2 / outputs
    assert relative_distance(diagonal, truth) <= 1e-13


def test_a_custom_loss_may_average_or_not_and_needs_no_curvature():
    f, t = normal(50, 1), normal(50, 1, seed=1)
    by_row, by_output = Custom(lambda f, t: ((f - t) ** 2)[:, 0]), Custom(torch.nn.MSELoss(reduction="none"))
    for loss in (by_row, by_output):
        assert relative_distance(loss.rows(f, t, ONE), Squared().rows(f, t, ONE)) <= 1e-15
        for own, truth in zip(loss.expand(f, t, ONE), Squared().expand(f, t, ONE), strict=True):
            assert relative_distance(own, truth) <= 1e-15
    _, curvature = Custom(lambda f, t: (f - t).abs()).expand(f, t, ONE)
    assert relative_distance(curvature, 1 / (f - t).abs()) <= 1e-12  # the majoriser
