"""Laws of the additive part: what its columns are, and that the rows say how smooth curves are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from splinework.nn.layer import KANLayer
from splinework.splines import adapted_knots
from splinework.tabular.additive import AdditiveFit, fit_additive, left_out, refit_additive
from splinework.tabular.cross_validation import cross_validated
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import make_design
from splinework.tabular.losses import GammaTask, HuberTask, PoissonTask, QuantileTask
from splinework.tabular.selection import columns_of, without_idle_curves
from splinework.tabular.tasks import Binary, Classification, Multiclass, Regression, Task

TASKS: list[Task] = [Regression(), Binary(), Multiclass()]
LOSSES: list[Task] = [PoissonTask(), GammaTask(), HuberTask((0.5, 0.5)), QuantileTask(0.7, (0.3, 0.3))]


def layer_on(u: torch.Tensor, grid: int = 8, degree: int = 3) -> KANLayer:
    layer = KANLayer(u.shape[1], 1, grid=grid, degree=degree, base="none", dtype=torch.float64)
    low, high = u.min(0).values, u.max(0).values
    layer.grid.copy_(adapted_knots(u, grid, degree, grid_eps=0.1, low=low, high=high))
    layer.refresh()
    return layer


def rows(count: int = 300, inputs: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, inputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(task: Task, truth: torch.Tensor, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if isinstance(task, Regression):
        return (truth + 0.1 * torch.randn(len(truth), generator=generator, dtype=torch.float64))[:, None]
    draw = torch.rand(len(truth), generator=generator, dtype=torch.float64)
    if task.is_regression:
        return (torch.exp(0.5 * truth) * (0.5 + draw))[:, None]
    if isinstance(task, Binary):
        return (draw < torch.sigmoid(2 * truth)).double()[:, None]
    logits = torch.stack([2 * truth, -2 * truth, 0 * truth], 1)
    codes = (draw[:, None] > torch.softmax(logits, 1).cumsum(1)).sum(1).clamp(max=2)
    return torch.nn.functional.one_hot(codes, 3).double()


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_columns_are_centred_and_their_curves_are_what_they_say(degree: int) -> None:
    u = rows()
    u[:, 1] = (u[:, 1] > 0).double()
    weights = torch.rand(len(u), generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.1
    layer = layer_on(u, degree=degree)
    design = make_design(layer, u, weights, [])
    assert (weights @ design.values / weights.sum()).abs().max() < 1e-12
    assert design.spans[1].stop - design.spans[1].start == 1  # two values, one step
    numbers = torch.randn(design.values.shape[1], 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    curves = torch.einsum("bim,imq->bq", layer.table().rows(u, 0), design.spline_coefficients(numbers))
    assert (curves - design.values @ numbers).abs().max() < 1e-10


def test_a_straight_truth_gets_straight_curves() -> None:
    u = rows(2000)
    design = make_design(layer_on(u), u, torch.ones(len(u), dtype=torch.float64), [])
    found = fit_additive(
        design, targets(Regression(), u[:, 0] - 0.5 * u[:, 1]), torch.ones(len(u)).double(), Regression()
    )
    assert 2 <= float(found.degrees_of_freedom) < 6  # two slopes, and what chance adds
    truth = u[:, 0] - 0.5 * u[:, 1]
    assert (found.values(design)[:, 0] - truth).square().mean().sqrt() < 0.02


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_an_input_that_tells_nothing_gets_a_flat_curve(task: Task) -> None:
    u = rows(1500)
    design = make_design(layer_on(u), u, torch.ones(len(u)).double(), [])
    found = fit_additive(design, targets(task, torch.sin(2 * u[:, 0])), torch.ones(len(u)).double(), task)
    size = [(design.values[:, span] @ found.coefficients[span]).std(0).max() for span in design.spans]
    assert max(size[1:]) < 0.25 * size[0]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_rows_of_weight_zero_leave_no_trace_in_a_refit(task: Task) -> None:
    u = rows(200)
    y = targets(task, u[:, 0] ** 2 - 1)
    weights = torch.ones(len(u)).double()
    design = make_design(layer_on(u), u, weights, [])
    found = fit_additive(design, y, weights, task)
    held = torch.arange(len(u)) % 5 == 0
    seen = weights * ~held
    other = y.clone()
    other[held] = other[held].flip(0) if task.is_regression else 1 - other[held]
    one, two = (refit_additive(found, design, t, seen) for t in (y, other))
    tolerance = 1e-12 if isinstance(task, Regression) else 1e-9
    assert (one.values(design) - two.values(design)).abs().max() < tolerance


@pytest.mark.parametrize("entries", [7, 100, 10_000])
def test_products_by_blocks_of_rows_are_those_of_the_whole_matrix(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    u, weights = rows(90), torch.rand(90, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    monkeypatch.setattr("splinework.tabular.design.MAX_BLOCK_ENTRIES", 10**9)
    whole = make_design(layer_on(u), u, weights, [])
    monkeypatch.setattr("splinework.tabular.design.MAX_BLOCK_ENTRIES", entries)
    design = make_design(layer_on(u), u, weights, [])
    x, held = design.values, torch.arange(90) % 4 == 1
    assert (x - whole.values).abs().max() < 1e-10 * x.abs().max()
    for own, (centre, gram) in (
        (weights, design.about_mean(weights)),
        (weights * ~held, design.without(design.about_mean(weights), weights, held)),
    ):
        mean = own @ x / own.sum()
        assert (centre - mean).abs().max() < 1e-12
        assert (gram - (x - mean).T @ (own[:, None] * (x - mean))).abs().max() < 1e-10
    coefficients = torch.randn(design.width, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    assert (design.times(coefficients) - x @ coefficients).abs().max() < 1e-10
    assert (design.moments(u[:, :2]) - x.T @ u[:, :2]).abs().max() < 1e-10
    assert (design.squares(weights) - weights @ x**2).abs().max() < 1e-10


@pytest.mark.parametrize("task", TASKS[:2], ids=lambda task: type(task).__name__)
def test_a_matrix_in_single_precision_gives_the_same_fit(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    u, weights = rows(400), torch.ones(400).double()
    y = targets(task, u[:, 0] ** 2 - 1)
    double = make_design(layer_on(u), u, weights, [])
    monkeypatch.setattr("splinework.tabular.design.MAX_DOUBLE_ENTRIES", 1)
    single = make_design(layer_on(u), u, weights, [])
    assert single.values.dtype == torch.float32
    one, two = (fit_additive(design, y, weights, task).values(design) for design in (double, single))
    assert (one - two).abs().max() < 1e-4


@pytest.mark.parametrize("task", [Regression(), *LOSSES], ids=lambda task: type(task).__name__)
def test_left_out_outputs_are_the_same_by_blocks_in_single_precision_and_with_known_products(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    u = rows(150)
    weights = torch.rand(150, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.5
    y = targets(task, u[:, 0])
    double = make_design(layer_on(u), u, weights, [])
    found = fit_additive(double, y, weights, task)
    exact = left_out(found, double, y, weights)
    monkeypatch.setattr("splinework.tabular.design.MAX_DOUBLE_ENTRIES", 1)
    monkeypatch.setattr("splinework.tabular.design.MAX_BLOCK_ENTRIES", 1000)
    single = make_design(layer_on(u), u, weights, [])
    products = single.about_mean(weights) if task.has_fixed_weights else None
    moved = left_out(found, single, y, weights, products) - exact
    assert moved.abs().max() < 1e-5
    assert (exact - found.values(double)).abs().max() > 1e-2


@pytest.mark.parametrize("task", LOSSES, ids=lambda task: type(task).__name__)
def test_outputs_of_a_regression_do_not_know_of_each_other(task: Task) -> None:
    u, weights = rows(200), torch.ones(200).double()
    y = torch.cat([targets(task, 2 * u[:, 0]), targets(task, u[:, 1] ** 2, seed=2)], dim=1)
    design = make_design(layer_on(u, grid=4), u, weights, [])
    found = fit_additive(design, y, weights, task)
    both = refit_additive(found, design, y, weights).values(design)
    single = replace(task, widths=task.widths[:1]) if isinstance(task, (HuberTask, QuantileTask)) else task
    for j in range(2):
        own = AdditiveFit(
            found.coefficients[:, [j]], found.bias[[j]], found.penalties[:, [j]], torch.zeros(1).double(), single
        )
        alone = refit_additive(own, design, y[:, [j]], weights).values(design)
        assert (both[:, [j]] - alone).abs().max() < 2e-3 * float(alone.std())


@pytest.mark.parametrize("task", [*TASKS[1:], PoissonTask()], ids=lambda task: type(task).__name__)
def test_variances_from_some_rows_leave_the_coefficients_to_all_rows(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    u, weights = rows(600), torch.ones(600).double()
    y = targets(task, u[:, 0])
    design = make_design(layer_on(u), u, weights, [])
    whole = fit_additive(design, y, weights, task)
    monkeypatch.setattr("splinework.tabular.additive.MAX_VARIANCE_ROWS", 300)
    found = fit_additive(design, y, weights, task)
    slope = design.moments(task.slope(found.values(design), y)) + found.penalties * found.coefficients
    assert (slope / (1 + found.penalties)).abs().max() / 600 < 1e-4
    assert (found.values(design) - whole.values(design)).square().mean().sqrt() < 0.2


def test_levels_of_a_category_are_shrunk_together() -> None:
    generator = np.random.default_rng(0)
    code = generator.integers(0, 12, 120)
    u = torch.from_numpy(np.eye(12)[code])
    y = torch.from_numpy(generator.normal(size=120))[:, None]  # noise: levels mean nothing
    weights = torch.ones(120).double()
    joint = fit_additive(make_design(layer_on(u), u, weights, [range(12)]), y, weights, Regression())
    assert len(torch.unique(joint.penalties)) == 1
    assert float(joint.degrees_of_freedom) < 5  # of eleven that levels without a common variance would take


def test_several_classes_end_where_the_slope_vanishes() -> None:
    u = rows(300)
    y = targets(Multiclass(), u[:, 0])
    weights = torch.ones(300).double()
    design = make_design(layer_on(u), u, weights, [])
    found = fit_additive(design, y, weights, Multiclass())
    numbers = found.coefficients.clone().requires_grad_()
    cost = Multiclass().loss(design.values @ numbers + found.bias, y).sum() + 0.5 * (found.penalties * numbers**2).sum()
    (slope,) = torch.autograd.grad(cost, numbers)
    assert (slope / (1 + found.penalties)).abs().max() / len(u) < 1e-4


def labelled(task: Task, wrong: float, count: int = 600) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs, classes by a threshold or two of the first input, and these with some labels drawn anew."""
    u = rows(count)
    cuts = torch.tensor([0.0] if isinstance(task, Binary) else [-0.5, 0.5], dtype=torch.float64)
    classes = len(cuts) + 1
    codes = torch.bucketize(u[:, 0].contiguous(), cuts)
    generator = torch.Generator().manual_seed(5)
    drawn = torch.rand(count, generator=generator) < wrong
    noisy = torch.where(drawn, torch.randint(classes, (count,), generator=generator), codes)
    if isinstance(task, Binary):
        return u, codes.double()[:, None], noisy.double()[:, None]
    return u, *(torch.nn.functional.one_hot(each, 3).double() for each in (codes, noisy))


@pytest.mark.parametrize(
    "task", [Binary(), pytest.param(Multiclass(), marks=pytest.mark.slow)], ids=lambda task: type(task).__name__
)
@pytest.mark.parametrize("wrong", [0.0, 0.15])
def test_wrong_labels_are_told_from_uncertain_classes(task: Task, wrong: float) -> None:
    u, right, noisy = labelled(task, wrong)
    weights = torch.ones(len(u)).double()
    design = make_design(layer_on(u), u, weights, [])
    fold = torch.arange(len(u)) % 3
    found = cross_validated(fit_curves(design, noisy, weights, task), fold, 3)
    learned = found.whole.task
    assert isinstance(learned, Classification)
    assert abs(sum(learned.lapses) - wrong) < 0.06
    assert float(task.loss(found.whole.values(design), right).mean()) < (0.15 if wrong else 0.1)
    kept = without_idle_curves(found, design, noisy, weights, fold, columns_of(torch.arange(3)))
    size = [float((design.values[:, span] @ kept.whole.coefficients[span]).std(0).max()) for span in design.spans]
    assert size.count(0.0) >= 1  # an idle column whose curve happens to lower the held-out loss stays
    assert max(size[1:]) < 0.2 * size[0]


@pytest.mark.parametrize("seed", range(8))
def test_labels_of_separable_classes_are_right(seed: int) -> None:
    """Where a temperature explains every label, lapse rates would only let log odds grow."""
    random = np.random.default_rng([3, seed])
    own, spread = random.integers(2, size=150), random.uniform(0.7, 1.3, 3)
    u = torch.from_numpy(np.eye(3)[0] * 5 * own[:, None] + random.normal(size=(150, 3)) * spread)
    u, y, weights = (u - u.mean(0)) / u.std(0), torch.from_numpy(own).double()[:, None], torch.ones(150).double()
    design = make_design(layer_on(u), u, weights, [])
    found = cross_validated(fit_curves(design, y, weights, Binary()), torch.arange(150) % 5, 5)
    assert found.whole.task == Binary()


@pytest.mark.parametrize("seed", range(3))
def test_all_idle_columns_go_that_together_lower_the_held_out_loss(seed: int) -> None:
    task = Regression()
    u = rows(200, 9, seed=seed)
    noise = torch.randn(200, generator=torch.Generator().manual_seed(seed)).double()
    y = targets(task, torch.sin(2 * u[:, 0]) + noise)
    weights, fold = torch.ones(200, dtype=torch.float64), torch.arange(200) % 5
    design = make_design(layer_on(u), u, weights, ())
    found = cross_validated(fit_curves(design, y, weights, task), fold, 5)
    kept = without_idle_curves(found, design, y, weights, fold, columns_of(torch.arange(9)))
    alive = [bool((kept.whole.coefficients[span] != 0).any()) for span in design.spans]
    assert alive[0]
    assert sum(alive[1:]) <= 5
    assert float(task.loss(kept.base, y[kept.held]).mean()) < float(task.loss(found.base, y[found.held]).mean())


@pytest.mark.parametrize("seed", range(4))
def test_of_columns_that_repeat_each_other_one_keeps_its_curve_and_the_held_out_loss_does_not_rise(seed: int) -> None:
    task = Regression()
    u = rows(200, 3, seed=seed)
    u[:, 1] = u[:, 0]
    y = targets(
        task, torch.sin(2 * u[:, 0]) + 0.5 * torch.randn(200, generator=torch.Generator().manual_seed(seed)).double()
    )
    weights, fold = torch.ones(200, dtype=torch.float64), torch.arange(200) % 5
    layer = layer_on(u)
    design = make_design(layer, u, weights, ())
    found = cross_validated(fit_curves(design, y, weights, task), fold, 5)
    kept = without_idle_curves(found, design, y, weights, fold, columns_of(torch.arange(3)))
    size = [float((design.values[:, span] @ kept.whole.coefficients[span]).std(0).max()) for span in design.spans]
    assert sum(size[:2]) > 0.4
    before, after = (float(task.loss(each.base, y[each.held]).mean()) for each in (found, kept))
    assert after <= before * 1.01


@pytest.mark.parametrize("task", TASKS[1:], ids=lambda task: type(task).__name__)
def test_working_response_is_the_slope_of_the_loss(task: Task) -> None:
    _, _, y = labelled(task, 0.1, 40)
    lapsed = task.with_lapses(0.2, 2 if isinstance(task, Binary) else 3)
    assert isinstance(lapsed, Classification)
    outputs = rows(40, y.shape[1], seed=2).requires_grad_()
    (slope,) = torch.autograd.grad(lapsed.loss(outputs, y).sum(), outputs)
    if isinstance(task, Binary):  # Fisher scoring: weight times step is the gradient
        response, working = lapsed.working(outputs[:, :1], y, torch.ones(40).double(), 0, 1e-300)
        assert torch.allclose(working * (response - outputs[:, 0]), -slope[:, 0], atol=1e-10)
    assert torch.allclose(lapsed.slope(outputs, y), slope, atol=1e-12)


@pytest.mark.parametrize("task", TASKS[1:], ids=lambda task: type(task).__name__)
def test_lapse_rates_of_zero_stay_zero_and_others_find_the_share_of_wrong_labels(task: Task) -> None:
    _, right, noisy = labelled(task, 0.3, 4000)
    classes = 2 if isinstance(task, Binary) else 3
    share = float((right != noisy).any(1).double().mean()) * classes / (classes - 1)  # one in so many is drawn right
    outputs = 20 * (2 * right - 1)
    weights = torch.ones(len(right)).double()
    assert task.updated(outputs, noisy, weights) == task
    found = task.with_lapses(0.05, classes)
    for _ in range(30):
        found = found.updated(outputs, noisy, weights)
    assert isinstance(found, Classification)
    assert sum(found.lapses) == pytest.approx(share, abs=1e-3)
