"""Structure first: what is left is what the function needs, whatever the penalty, and as accurate as the dense network."""

import itertools

import pytest
import torch

from splinework.errors import ConfigError
from splinework.nn.network import KAN
from splinework.train import Sparsity, StopTraining, fit
from splinework.train.penalties import PykanSparsity
from splinework.train.sparsification import sparsify
from tests.families import slow
from tests.train.cases import fresh, noise, smooth, uniform


def sparse(model, x, y, **options):
    """The structure; accuracy ends early."""
    return sparsify(model, x, y, **{"progress": False, "accuracy": 1e-3, **options})


def error(model, x, y):
    """Relative to the spread of y."""
    with torch.no_grad():
        return float((model(x) - y).square().mean().sqrt() / y.var(0, unbiased=False).mean().sqrt())


@pytest.mark.parametrize("penalty", [1e-1, *slow(Sparsity(1e-2), PykanSparsity(1e-3))])
@pytest.mark.slow
def test_the_structure_does_not_depend_on_the_penalty(penalty):
    x = uniform(200)
    result = sparse(fresh([2, 2, 1], grid=2), x, smooth(x), penalty=penalty)
    assert result.model.config.shape == [2, 1, 1]
    assert result.model.active_edges() == 3


@pytest.mark.slow
def test_accuracy_comes_after_structure():
    x, new = uniform(300), uniform(200, seed=5)
    model = sparsify(fresh([2, 2, 1], grid=3), x, smooth(x), progress=False, accuracy=1e-6).model
    assert model.active_edges() == 3
    assert error(model, new, smooth(new)) < 1e-5


@pytest.mark.slow
def test_under_noise_exactly_the_inputs_of_the_law_stay():
    x = uniform(300, 4)
    law = torch.sin(torch.pi * x[:, 1:2]) + x[:, 3:4] ** 2
    y = law + 0.1 * law.std() * noise(300)
    model = sparse(fresh([4, 2, 1], grid=2), x, y).model
    assert model.active_inputs() == ["x2", "x4"]
    assert error(model, x, law) < 0.07


def test_a_weak_edge_above_the_noise_stays():
    x = uniform(500, 3)
    y = torch.sin(torch.pi * x[:, :1]) + 0.15 * x[:, 1:2] ** 2 + 0.05 * noise(500)
    assert sparse(fresh([3, 1], grid=3), x, y).model.active_inputs() == ["x1", "x2"]


def test_a_model_without_hidden_nodes_loses_its_idle_inputs():
    x = uniform(200, 4)
    y = x[:, :1] ** 2 + torch.sin(2 * x[:, 2:3])
    model = sparse(fresh([4, 1]), x, y).model
    assert model.active_inputs() == ["x1", "x3"]
    assert model.active_edges() == 2


@pytest.mark.slow
def test_products_are_found_and_what_stands_beside_them_goes():
    x, new = uniform(300, 3), uniform(300, 3, seed=1)
    model = sparse(fresh([3, (1, 1), 1], grid=2), x, x[:, :1] * x[:, 1:2]).model
    assert model.active_inputs() == ["x1", "x2"]
    assert model.active_edges() <= 6
    assert error(model, new, new[:, :1] * new[:, 1:2]) < 1e-3


@pytest.mark.slow
def test_outputs_share_what_they_need():
    x, new = uniform(200), uniform(200, seed=1)

    def truth(x):
        return torch.cat([torch.exp(x[:, :1] + x[:, 1:2]), torch.sin(2 * (x[:, :1] + x[:, 1:2]))], dim=1)

    model = sparse(fresh([2, 2, 2], grid=2), x, truth(x)).model
    assert model.active_edges() <= 6
    assert error(model, new, truth(new)) < 1e-3


@pytest.mark.slow
def test_the_held_out_error_stays_within_one_and_a_half_times_the_dense_one():
    x, held = uniform(50), uniform(50, seed=1)

    def truth(x):
        return torch.cos(3 * x[:, :1] * x[:, 1:2]) + torch.tanh(3 * (x[:, :1] - x[:, 1:2]))

    settings = {"validation": (held, truth(held)), "progress": False}
    dense = fit(fresh([2, 2, 1], grid=3), x, truth(x), grids=None, degree="keep", starts=2, **settings)
    small = sparsify(fresh([2, 2, 1], grid=3), x, truth(x), **settings)
    assert error(small.model, held, truth(held)) <= 1.5 * error(dense.model, held, truth(held))


def test_the_model_handed_in_stays_and_its_mask_and_dtype_are_kept():
    x = uniform(200)
    model = fresh([2, 1]).float()
    with torch.no_grad():
        model.kan_layers[0].mask[1, 0] = 0
    before = {name: value.clone() for name, value in model.state_dict().items()}
    small = sparse(model, x, smooth(x)).model
    assert small.active_inputs() == ["x1"]
    assert {p.dtype for p in small.parameters()} == {torch.float32}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.slow
def test_a_constant_needs_no_edge():
    x = uniform(100)
    model = sparse(fresh([2, 1, 1], grid=2), x, torch.full((100, 1), 3.0, dtype=torch.float64)).model
    assert model.active_edges() == 0
    assert (model(x) - 3).abs().max() < 1e-9


def test_few_rows_are_judged_by_the_information_criterion():
    x = uniform(30, 3)
    assert sparse(fresh([3, 1], grid=2, degree=2), x, x[:, 1:2] ** 2).model.active_inputs() == ["x2"]


def test_a_loss_that_is_a_likelihood_loses_its_idle_inputs():
    x = uniform(400, 3)
    y = (x[:, :1] + 0.3 * noise(400) > 0).double()
    model = sparse(fresh([3, 1], grid=2), x, y, loss="logistic").model
    assert model.active_inputs() == ["x1"]


def test_the_history_goes_on_through_all_phases():
    x, told = uniform(200, 3), []
    result = sparse(fresh([3, 1]), x, x[:, :1] ** 2, callbacks=[told.append])
    assert [step.number for step in result.history] == list(range(1, len(told) + 1))
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(result.history))
    kinds = [decision.kind for decision in result.history.decisions]
    assert kinds.count("structure") >= 2
    assert kinds[-1] == "stop"


def test_the_same_seed_gives_the_same_bits():
    x = uniform(100, 3)
    first, second = (sparse(fresh([3, 1], grid=2), x, smooth(x), seed=3).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("signal", [StopTraining, KeyboardInterrupt])
@pytest.mark.parametrize("number", [1, 40])
def test_an_interruption_leaves_the_best_structure_so_far(signal, number):
    def stop(step):
        if step.number == number:
            raise signal("enough")

    x = uniform(200)
    result = sparse(fresh([2, 2, 1], grid=2), x, smooth(x), callbacks=[stop])
    assert torch.isfinite(result.model(x)).all()
    assert result.history.decisions[-1].kind == "stop"


def test_without_time_there_is_a_model():
    x = uniform(100)
    assert torch.isfinite(sparse(fresh([2, 2, 1]), x, smooth(x), budget=0).model(x)).all()


@pytest.mark.parametrize(
    "options", [{"penalty": "strong"}, {"penalty": True}, {"penalty": -1.0}, {"accuracy": 1.0}, {"seed": -1}]
)
def test_a_setting_that_makes_no_sense_is_refused(options):
    x = uniform(50)
    with pytest.raises(ConfigError):
        sparsify(KAN([2, 1]), x, smooth(x), progress=False, **options)


def test_the_model_comes_first():
    with pytest.raises(ConfigError, match="sparsify"):
        sparsify(uniform(10), KAN([2, 1]), uniform(10), progress=False)
