"""Laws of the engine: parts add up to the network, rows held out are held out, and the same rows give the same bits."""

import dataclasses

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.nn.layer import KANLayer
from splinework.splines import refine_coefficients
from splinework.tabular.assembly import Standardisation, combined_network
from splinework.tabular.ensemble import DecayGroup, EnsembleSettings, train_ensemble, wide_network, with_all_inputs
from splinework.tabular.grids import layer_of
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.stacking import calibrate, stack
from splinework.tabular.tasks import Binary, Multiclass, Regression, Task
from splinework.tabular.training import train

QUICK = Hyperparameters(max_iter=25)


def table(count: int = 120, inputs: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, inputs))


def asked(task: Task, x: np.ndarray) -> np.ndarray:
    value = x[:, 0] * x[:, 1]
    if isinstance(task, Regression):
        return value[:, None]
    return (value > 0).astype(int) if isinstance(task, Binary) else np.digitize(value, [-0.3, 0.3])


def never(stage: str, step: int, steps: int, loss: float) -> bool:
    return False


TASKS: list[Task] = [Regression(), Binary(), Multiclass()]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
regression_first = pytest.mark.parametrize(
    "task",
    [TASKS[0], *(pytest.param(task, marks=pytest.mark.slow) for task in TASKS[1:])],
    ids=lambda task: type(task).__name__,
)


@pytest.mark.parametrize("hidden", [(3,), (3, 2)], ids=str)
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_whole_is_the_sum_of_its_parts(hidden: tuple[int, ...], outputs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = KANLayer(2, 1, grid=4, base="none", dtype=torch.float64, generator=generator)
    finer = KANLayer(2, 1, grid=8, base="none", dtype=torch.float64, generator=generator)
    finer.grid.copy_(refine_coefficients(layer.grid, layer.edge_coefficients(), 3, 2)[0])
    finer.refresh()
    u = 2 * torch.rand(50, 2, generator=generator, dtype=torch.float64) - 1
    settings = EnsembleSettings(hidden, members=3)
    net = wide_network(finer, u, outputs, settings, generator)
    groups = []
    for index in range(2):  # each with numbers of its own time
        for parameter in net.parameters():
            parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        state = {name: value.clone() for name, value in net.state_dict().items()}
        groups.append(DecayGroup(index, torch.zeros(50, outputs), state, 1, 0.0))
    curves = torch.randn(2, layer.basis.size, outputs, generator=generator, dtype=torch.float64)
    bias = torch.randn(outputs, generator=generator, dtype=torch.float64)
    units = Standardisation(
        *(torch.full((n,), v).double() for n, v in ((2, 0.5), (2, 2.0), (outputs, -1.0), (outputs, 3.0)))
    )
    whole = combined_network(layer, curves, bias, net, groups, (0.3, 0.6), 1.7, settings, units, None)
    expected = torch.einsum("bim,imq->bq", layer.table().rows(u, 0), curves) + bias
    for group, share in zip(groups, (0.3, 0.6), strict=True):
        net.load_state_dict(group.state)
        with torch.no_grad():
            values = net.double().unit_forward(u).view(50, 2, 3, outputs)[:, group.index].mean(1)
        net.float()
        expected = expected + share * values
    with torch.no_grad():
        found = (whole(0.5 + 2 * u) + 1) / 3
    assert (found - 1.7 * expected).abs().max() < 1e-10 * expected.abs().max()
    only = combined_network(layer, curves, bias, net, groups, (0.0, 0.6), 1.0, settings, units, None)
    assert only.config.shape[1] == outputs + 3 * hidden[0]


def test_a_member_never_learns_from_its_fold() -> None:
    x = torch.from_numpy(table())
    y = x[:, :1] * x[:, 1:]
    fold = torch.arange(len(x)) % 3
    other = torch.where(fold[:, None] == 1, -5 * y, y)
    layer = KANLayer(2, 1, grid=4, domain=(-3, 3), base="none", dtype=torch.float64)
    settings = EnsembleSettings((2,), members=3, weight_decays=(1.0,), steps=20, batch_size=40)
    ends = []
    for targets in (y, other):
        generator = torch.Generator().manual_seed(5)
        net = wide_network(layer, x, 1, settings, generator)
        train_ensemble(
            net, x, targets, torch.ones(len(x)).double(), torch.zeros(len(x), 3, 1).double(), fold, Regression(), settings,
            generator, never,
        )  # fmt: skip
        ends.append(net.unit_forward(x.float()).detach())
    assert torch.equal(ends[0][:, 1], ends[1][:, 1])
    assert not torch.equal(ends[0][:, 0], ends[1][:, 0])


def test_a_network_of_some_inputs_is_one_of_all_inputs_that_ignores_the_others() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = KANLayer(5, 1, grid=4, domain=(-3, 3), base="none", dtype=torch.float64)
    u, inputs, settings = torch.from_numpy(table(inputs=5)), torch.tensor([1, 4]), EnsembleSettings((3, 2), members=2)
    some = wide_network(layer_of(layer, inputs), u[:, inputs], 1, settings, generator)
    states = [{n: (1 + k) * v if "coefficients" in n else v for n, v in some.state_dict().items()} for k in range(2)]
    groups = [DecayGroup(k, torch.zeros(len(u), 1), state, 1, 0.0) for k, state in enumerate(states)]
    full, spread = with_all_inputs(some, groups, layer, inputs)
    other = torch.where(torch.isin(torch.arange(5), inputs), u, u.flip(0))
    for own, group in zip(groups, spread, strict=True):
        some.load_state_dict(own.state)
        full.load_state_dict(group.state)
        for rows in (u, other):
            assert torch.allclose(full.unit_forward(rows.float()), some.unit_forward(u[:, inputs].float()), atol=1e-6)


def test_the_loss_of_rows_that_chose_is_less_than_that_of_others():
    generator, seen, expected, others = torch.Generator().manual_seed(0), [], [], []
    for _ in range(40):
        y = torch.randn(50, 1, dtype=torch.float64, generator=generator)
        steps = 0.5 * torch.randn(20, 50, 1, dtype=torch.float64, generator=generator)
        best = min(steps, key=lambda step: float((y - step).square().sum()))
        found = stack(0 * y, [best], y, torch.ones(50, dtype=torch.float64), Regression())
        fresh = torch.randn(50, 1, dtype=torch.float64, generator=generator)
        seen.append(found.loss)
        expected.append(found.expected_loss)
        others.append(float(Regression().loss(found.stacking_weights[0] * best, fresh).mean()))
    assert np.mean(seen) < np.mean(expected) < np.mean(others)


@each_task
def test_a_blend_is_never_worse_than_curves_alone_and_finds_a_true_correction(task: Task) -> None:
    generator = torch.Generator().manual_seed(0)
    q = 3 if isinstance(task, Multiclass) else 1
    truth = torch.randn(400, q, generator=generator, dtype=torch.float64)
    if isinstance(task, Regression):
        y = truth + 0.1 * torch.randn(400, q, generator=generator, dtype=torch.float64)
    elif isinstance(task, Binary):
        y = torch.bernoulli(torch.sigmoid(3 * truth), generator=generator)
    else:
        y = torch.nn.functional.one_hot(
            torch.multinomial(torch.softmax(3 * truth, 1), 1, generator=generator)[:, 0], 3
        ).double()
    noise = torch.randn(400, q, generator=generator, dtype=torch.float64)
    weights = torch.ones(400).double()
    mixture = stack(torch.zeros_like(truth), [noise, truth], y, weights, task)
    assert mixture.improves
    assert mixture.stacking_weights[1] >= 0.9
    assert mixture.stacking_weights[0] <= 0.2
    assert mixture.loss <= float(task.loss(torch.zeros_like(truth), y).mean())
    alone = stack(truth, [noise], y, weights, task)
    assert not alone.improves


def test_the_inverse_temperature_is_the_factor_that_was_taken_away() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(20_000, 1, generator=generator, dtype=torch.float64)
    y = torch.bernoulli(torch.sigmoid(logits), generator=generator)
    found = calibrate(logits / 1.6, y, torch.ones(len(y)).double(), Binary())
    assert abs(found - 1.6) < 0.08


@regression_first
@pytest.mark.slow
def test_the_same_rows_give_the_same_bits_whatever_the_unit_of_weights(task: Task) -> None:
    x = table()
    y = asked(task, x)
    outputs = []
    for scale in (1.0, 1.0, 4.0):
        trained = train(x, y, np.full(len(x), scale), task=task, settings=QUICK, seed=3)
        outputs.append(trained.model(torch.from_numpy(x)))
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    assert outputs[0].dtype == torch.float64


@pytest.mark.slow
@regression_first
def test_interactions_are_found_where_there_are_some(task: Task) -> None:
    x = table(400)
    trained = train(x, asked(task, x), np.ones(len(x)), task=task, settings=Hyperparameters(max_iter=300), seed=0)
    plain = train(x, asked(task, x), np.ones(len(x)), task=task, settings=Hyperparameters(hidden=0), seed=0)
    assert len(trained.model.config.shape) == 3
    assert len(plain.model.config.shape) == 2
    fresh = table(500, seed=9)
    y = asked(task, fresh)
    with torch.no_grad():
        losses = [_loss(task, each.model(torch.from_numpy(fresh)), y, x) for each in (trained, plain)]
    assert losses[0] < 0.6 * losses[1]


def _loss(task: Task, outputs: torch.Tensor, y: np.ndarray, x: np.ndarray) -> float:
    if isinstance(task, Regression):
        return float(task.loss(outputs, torch.from_numpy(y)).mean())
    targets = torch.from_numpy(y)
    shown = targets.double()[:, None] if isinstance(task, Binary) else torch.nn.functional.one_hot(targets, 3).double()
    return float(task.loss(outputs, shown).mean())


@pytest.mark.slow
def test_additive_truths_keep_an_additive_network_or_get_a_better_one() -> None:
    x = table(400)
    truth = np.sin(x[:, 0]) + x[:, 1] ** 2
    kept = []
    for seed in (2, 3, 4, 5):
        y = (truth + 0.3 * np.random.default_rng(seed).normal(size=400))[:, None]
        trained = train(x, y, np.ones(400), task=Regression(), settings=Hyperparameters(), seed=0).model
        curves = sw.fit(sw.KAN([2, 1]), x, y, progress=False).model
        with torch.no_grad():
            errors = [(model(torch.from_numpy(x))[:, 0].numpy() - truth).std() for model in (trained, curves)]
        kept.append(trained.config.shape == [2, 1])
        assert kept[-1] or errors[0] < errors[1]
    assert any(kept)


def test_a_listener_ends_the_training_and_hears_of_every_stage() -> None:
    x = table()
    heard: list[tuple[str, int, int]] = []

    def on_step(stage: str, step: int, steps: int, loss: float) -> bool:
        heard.append((stage, step, steps))
        return stage == "interactions"

    train(x, asked(Regression(), x), np.ones(len(x)), task=Regression(), settings=QUICK, seed=0, on_step=on_step)
    assert list(dict.fromkeys(stage for stage, _, _ in heard)) == ["curves", "interactions", "smooth"]
    assert [stage for stage, _, _ in heard].count("interactions") == 1


@each_task
def test_going_on_keeps_grids_and_lowers_the_loss_on_new_rows(task: Task) -> None:
    x, other = table(80), table(200, seed=5) + 0.5
    first = train(x, asked(task, x), np.ones(80), task=task, settings=dataclasses.replace(QUICK, hidden=4), seed=0)
    more = train(other, asked(task, other), np.ones(200), task=task, settings=QUICK, seed=0, start=first.model)
    for old, new in zip(first.model.kan_layers, more.model.kan_layers, strict=True):
        assert torch.equal(old.grid, new.grid)
        assert torch.equal(old.mask, new.mask)
    with torch.no_grad():
        losses = [_loss(task, each.model(torch.from_numpy(other)), asked(task, other), x) for each in (first, more)]
    assert losses[1] < losses[0]


def test_few_rows_and_constant_inputs_are_borne() -> None:
    x = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    trained = train(
        x, np.array([[0.0], [1.0], [2.0]]), np.ones(3), task=Regression(), settings=Hyperparameters(), seed=0
    )
    assert torch.isfinite(trained.model(torch.from_numpy(x))).all()


def test_an_unknown_word_for_hidden_is_refused() -> None:
    x = table()
    with pytest.raises(ConfigError, match="hidden is 'auto'"):
        train(
            x,
            asked(Regression(), x),
            np.ones(len(x)),
            task=Regression(),
            settings=Hyperparameters(hidden="many"),
            seed=0,
        )


@pytest.mark.parametrize("seed", [0, 2, *(pytest.param(each, marks=pytest.mark.slow) for each in (1, 3, 4))])
def test_labels_that_no_column_explains_leave_the_shares_of_the_classes(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, classes = (12, 20, 28, 60)[seed % 4], 2 + seed % 2
    x, labels = random.normal(size=(count, 4)), random.integers(classes, size=count)
    shares = (np.bincount(labels) + 0.5) / (count + 0.5 * classes)
    found = sw.KANClassifier().fit(x, labels).predict_proba(random.normal(size=(50, 4)))
    np.testing.assert_allclose(found, np.broadcast_to(shares, found.shape), atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 9])
def test_what_an_ensemble_gains_by_the_choices_of_a_few_rows_is_no_gain(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, labels = random.normal(size=(30, 10)), random.integers(3, size=30)  # held-out rows promise 0.56 and 0.41
    found = sw.KANClassifier().fit(x, labels).predict_proba(random.normal(size=(300, 10)))
    assert -np.log(found).mean() < 1.25
