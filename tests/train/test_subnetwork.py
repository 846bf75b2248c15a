"""Networks with far more numbers than rows are fitted in part: which part, when, and how well."""

from itertools import product

import pytest
import torch

from splinework import KAN, fit
from splinework.train import StopTraining
from splinework.train.fitting import prepare
from splinework.train.options import TrainingOptions
from splinework.train.subnetwork import MAX_PARAMETERS, subnetwork, within_reach
from tests.families import slow
from tests.train.lessons import EvidenceClock

SHAPES = {
    "two layers": [30, 40, 2],
    "three layers": [12, 20, 9, 1],
    "products": [9, (6, 8), 1],
    "no hidden nodes": [40, 3],
    "one of many inputs": [300, 1],
}


@pytest.mark.parametrize(("case", "share"), [*product(SHAPES, (0.2, 0.6, 1.0))])
def test_a_part_has_some_edges_of_the_network_and_every_layer_a_node(case, share):
    model = KAN(SHAPES[case], grid=8, generator=torch.Generator().manual_seed(0))
    inputs = torch.rand(model.inputs, generator=torch.Generator().manual_seed(1)) < share
    inputs[-1] = True
    part = subnetwork(model, inputs)
    assert part.config.shape == model.config.shape
    reached, hidden = inputs, []
    for own, layer, nodes in zip(model.kan_layers, part.kan_layers, model.config.nodes[1:], strict=True):
        open_ = layer.mask != 0
        assert not bool((open_ & (own.mask == 0)).any())
        assert torch.equal(open_.any(1), reached)
        ends = open_.any(0)
        assert torch.equal(open_, reached[:, None] & ends)  # all edges between the nodes that stay
        stays = [bool(ends[list(group)].all()) for group in nodes.groups]
        assert stays == [bool(ends[list(group)].any()) for group in nodes.groups]  # a product has all its factors
        assert stays == sorted(stays, reverse=True)
        reached = torch.tensor(stays)
        hidden.append(sum(stays))
    assert bool(reached.all())
    assert part.parameter_count(active=True) <= MAX_PARAMETERS or set(hidden[:-1]) <= {1}


def few_rows(count=80, inputs=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, fresh = (2 * torch.rand(n, inputs, generator=generator, dtype=torch.float64) - 1 for n in (count, 1000))

    def truth(u):
        return u[:, 3] * u[:, 7] + torch.sin(2 * u[:, 11])

    return x, truth(x) + 0.02 * torch.randn(count, generator=generator, dtype=torch.float64), fresh, truth(fresh)


@pytest.mark.slow
def test_few_rows_of_many_inputs_are_fitted_by_the_inputs_that_they_show():
    x, y, fresh, truth = few_rows()
    result = fit(KAN([24, 12, 1]), x, y, progress=False)
    assert result.model.config.shape == [24, 12, 1]
    assert {"x4", "x8", "x12"} <= set(result.model.active_inputs())
    assert len(result.model.active_inputs()) <= 5
    with torch.no_grad():
        error = (result.model(fresh)[:, 0] - truth).square().mean().sqrt() / truth.std()
    assert float(error) < 0.1
    assert any("rows are few for more" in decision.text for decision in result.history.decisions)


HOW = {
    "defaults": {},
    "steps": {"steps": 50},
    "starts": {"starts": 1},
    "budget": {"budget": 2},
    "grids": {"grids": [5]},
}


@pytest.mark.parametrize("how", HOW)
def test_only_a_fit_by_default_is_one_of_a_part(how):
    x, y, *_ = few_rows(60, 12)
    options = TrainingOptions(**HOW[how])
    rows, objective = prepare(KAN([12, 24, 1], dtype=torch.float64), x, y, options)
    found, known = within_reach(objective, rows, options)
    assert (found is objective and known is rows) == (how != "defaults")
    assert (found.model.active_edges() < 12 * 24 + 24) == (how == "defaults")
    assert bool(known.covariances) == (how == "defaults")


SEARCHES = {"oversized": (40, [12, 41, 1]), "skewed": (60, [2, 5, 1]), "few and noisy": (60, [3, 7, 1])}


@pytest.mark.parametrize("case", SEARCHES)
@pytest.mark.parametrize("budget", [100.0, *slow(300.0)])
def test_searches_before_the_first_step_leave_time_for_steps(case, budget, monkeypatch):
    count, shape = SEARCHES[case]
    x = torch.rand(count, shape[0], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.sin(3 * x[:, 0]) + 0.3 * torch.randn(count, generator=torch.Generator().manual_seed(1)).double()
    x, seen = x.pow(-2) if case == "skewed" else x, []

    def first(step):
        seen.append(step.seconds)
        raise StopTraining("seen")

    for limit in (None, budget):
        EvidenceClock(monkeypatch)
        fit(KAN(shape), x, y, budget=limit, callbacks=(first,), progress=False)
        monkeypatch.undo()
    unlimited, limited = seen
    assert limited <= min(budget, 0.5 * unlimited)
