"""Every optimiser of torch, by name; schedules of the rate; what diverges is told."""

import math

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.train import fit
from splinework.train.optim import (
    SCHEDULES,
    Adam,
    AdamW,
    ConstantRate,
    CosineDecay,
    ExponentialDecay,
    OneCycle,
    TorchOptimiser,
    make_optimiser,
)
from splinework.train.optim.schedules import make_schedule
from splinework.train.optim.torch_optim import torch_optimisers
from tests.contracts.cases import seeded
from tests.families import raising
from tests.train.cases import descent, fresh, objective_of, smooth, uniform

IMPOSSIBLE = {"sparseadam": "dense", "muon": "2D"}
"""What these say of gradients or parameters that they cannot take."""
POSSIBLE = sorted(set(torch_optimisers()) - set(IMPOSSIBLE))


def problem(rows=60, **options):
    x = uniform(rows)
    return objective_of(fresh([2, 2, 1], **options), x, smooth(x))


@pytest.mark.parametrize("batch", [None, 20])
@pytest.mark.parametrize("name", [name for name in POSSIBLE if name != "lbfgs"])  # that one needs all rows
def test_every_optimiser_of_torch_lowers_the_objective(name, batch):
    objective = problem()
    stepper = TorchOptimiser(name, batch=batch).attach(objective, 40, seeded())
    values = descent(stepper, objective, 40)
    assert values[-1] < values[0]


@pytest.mark.parametrize("name", sorted(IMPOSSIBLE))
def test_what_cannot_work_says_why(name):
    with pytest.raises(ConfigError, match=IMPOSSIBLE[name]) as caught:
        TorchOptimiser(name).attach(problem(), 10, seeded())
    assert torch_optimisers()[name].__name__ in str(caught.value)


LOOPS = [
    ("SGD", 0.05, {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", 0.01, {"alpha": 0.9}),
    ("NAdam", 0.01, {}),
    ("AdamW", 0.01, {"weight_decay": 0.1}),
    ("LBFGS", 1.0, {"max_iter": 3, "line_search_fn": "strong_wolfe"}),
]


@pytest.mark.parametrize(("name", "rate", "options"), LOOPS, ids=lambda v: v if isinstance(v, str) else "")
def test_it_is_the_loop_that_one_would_write(name, rate, options):
    objective, other = problem(), problem()
    stepper = TorchOptimiser(name, rate, schedule="constant", options=options).attach(objective, 6, seeded())
    inner = getattr(torch.optim, name)(other.model.parameters(), lr=rate, **options)

    def closure() -> torch.Tensor:
        inner.zero_grad()
        value = other.value()
        value.backward()
        return value

    for _ in range(6):
        stepper.step()
        inner.step(closure)
    for ours, theirs in zip(objective.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("recipe", "name"), [(Adam(0.02), "adam"), (AdamW(0.02, weight_decay=0.1), "AdamW")])
def test_ours_are_those_of_torch(recipe, name):
    options = {"weight_decay": 0.1} if name == "AdamW" else {}
    ends = []
    for one in (recipe, TorchOptimiser(name, 0.02, options=options)):
        objective = problem()
        descent(one.attach(objective, 10, seeded()), objective, 10)
        ends.append(objective.value_on_all_rows())
    assert ends[1] == pytest.approx(ends[0], rel=1e-9)


def test_a_name_in_any_case_finds_it():
    for name, kind in (("sgd", "SGD"), ("rmsprop", "RMSprop"), ("NADAM", "NAdam")):
        recipe = make_optimiser(name)
        assert isinstance(recipe, TorchOptimiser)
        assert recipe.name == kind
    assert TorchOptimiser("lbfgs").name == "LBFGS"
    assert make_optimiser("Adam") == Adam()
    assert make_optimiser("SSBroyden").name == "ssbroyden"


def test_without_a_rate_the_one_of_torch_is_taken():
    stepper = TorchOptimiser("Adadelta", schedule="constant").attach(problem(), 10, seeded())
    assert stepper.inner.param_groups[0]["lr"] == 1.0  # type: ignore[attr-defined]


# -------------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_stays_between_nothing_and_the_whole_rate_without_leaps(name):
    schedule = make_schedule(name)
    shares = np.array([schedule.factor(done) for done in np.linspace(0, 1, 1001)])
    assert shares.max() == pytest.approx(1.0)
    assert (shares > 0).all()
    assert np.abs(np.diff(shares)).max() <= 0.011
    assert shares[-1] == pytest.approx(1.0 if name == "constant" else 0.01)
    assert make_schedule(schedule) is schedule


def test_schedules_are_the_curves_that_they_are_called_after():
    done = np.linspace(0, 1, 101)
    np.testing.assert_allclose([ExponentialDecay(0.1).factor(d) for d in done], 0.1**done)
    np.testing.assert_allclose([CosineDecay(0.2).factor(d) for d in done], 0.6 + 0.4 * np.cos(np.pi * done))
    cycle = OneCycle(warm_up=0.25, start=0.2, end=0.0)
    np.testing.assert_allclose([cycle.factor(d) for d in done[:26]], 0.2 + 0.8 * done[:26] / 0.25)
    np.testing.assert_allclose(
        [cycle.factor(d) for d in done[25:]],
        [CosineDecay(0.0).factor(d) for d in (done[25:] - 0.25) / 0.75],
        atol=1e-15,
    )
    assert OneCycle(warm_up=0.0).factor(0.0) == 1.0
    assert {ConstantRate().factor(d) for d in done} == {1.0}


@pytest.mark.parametrize("schedule", ["constant", "one_cycle", ExponentialDecay(0.1)], ids=str)
@pytest.mark.parametrize("make", [Adam, AdamW, lambda **o: TorchOptimiser("SGD", **o)], ids=["adam", "adamw", "torch"])
def test_the_rate_follows_its_schedule_and_stays_at_its_end(make, schedule):
    stepper = make(learning_rate=0.1, schedule=schedule, batch=20).attach(problem(), 8, seeded())
    rates = []
    for _ in range(11):
        rates.append(stepper.inner.param_groups[0]["lr"])
        stepper.step()
    expected = [0.1 * make_schedule(schedule).factor(min(k / 8, 1.0)) for k in range(11)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


# -------------------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("rate", [1e5, 1e150, 1e300])
@pytest.mark.parametrize("batch", [None, 15])
@pytest.mark.parametrize("make", [Adam, AdamW, lambda r, b: TorchOptimiser("SGD", r, b)], ids=["adam", "adamw", "sgd"])
def test_a_rate_that_diverges_is_told_within_an_epoch(make, batch, rate):
    stepper = make(rate, batch).attach(problem(), 20, seeded())
    values = [stepper.step() for _ in range(8)]
    assert math.inf in values


@pytest.mark.parametrize("batch", [None, 15])
def test_leaving_a_perfect_start_is_no_divergence(batch):
    objective = problem()
    with torch.no_grad():
        perfect = objective_of(objective.model, uniform(60), objective.model(uniform(60)))
    assert perfect.value_on_all_rows() < 1e-25
    stepper = Adam(batch=batch).attach(perfect, 20, seeded())
    assert math.inf not in [stepper.step() for _ in range(20)]


def test_a_batch_with_one_row_that_is_far_off_is_no_divergence():
    x = uniform(2000)
    y = smooth(x)
    y[7] += 1e5
    stepper = Adam(1e-4, batch=1).attach(objective_of(fresh([2, 1]), x, y), 2000, seeded())
    assert math.inf not in [stepper.step() for _ in range(2000)]


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: TorchOptimiser("sdg"), ["SGD", "RMSprop", "'sdg'"]),
        (lambda: TorchOptimiser("Optimizer"), ["SGD", "'Optimizer'"]),
        (lambda: TorchOptimiser("SGD", options={"momentums": 0.9}), ["SGD", "momentums"]),
        (lambda: TorchOptimiser("SGD", options={"momentum": -1}), ["SGD", "momentum", "-1"]),
        (lambda: TorchOptimiser("SGD", options={"lr": 1.0}, learning_rate=0.1), ["SGD", "lr"]),
        (lambda: TorchOptimiser("SGD", learning_rate=-1), ["learning_rate", "-1"]),
        (lambda: TorchOptimiser("SGD", batch=0), ["batch", "None takes all"]),
        (lambda: TorchOptimiser("SGD", schedule="cos"), ["constant, cosine, one_cycle, exponential", "'cos'"]),
        (lambda: Adam(schedule=None), ["cosine", "None"]),
        (lambda: AdamW(weight_decay=-1), ["weight_decay", "-1"]),
        (lambda: AdamW(learning_rate=math.inf), ["learning_rate", "inf"]),
        (lambda: CosineDecay(end=2), ["end", "2"]),
        (lambda: OneCycle(warm_up=1.0), ["warm_up", "1.0"]),
        (lambda: OneCycle(start=-1), ["start", "-1"]),
        (lambda: ExponentialDecay(end=0), ["end", "0"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_came_and_the_way_out(make, told):
    with raising(ConfigError, told):
        make()


@pytest.mark.quick(3)
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam", "ssbroyden", "bfgs", Adam(batch=64)], ids=str)
@pytest.mark.parametrize("steps", [40, 160])
def test_grids_follow_the_activations_however_many_steps_are_given(optimiser, steps):
    x = uniform(300, 3)
    y = torch.tanh(3 * x[:, :1] * x[:, 1:2]) + x[:, 2:] ** 2
    model = fit(fresh([3, 4, 1]), x, y, optimiser=optimiser, steps=steps, progress=False).model
    h = model.kan_layers[0](model.input_scaling(x))
    low, high = model.kan_layers[1].basis.domain(model.kan_layers[1].grid)
    assert float(((h < low) | (h > high)).double().mean()) <= 0.02
