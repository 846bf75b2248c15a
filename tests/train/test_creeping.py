"""Networks that creep towards what a Gaussian process has are left to it; those that become ever better are not."""

from dataclasses import replace

import pytest
import torch

import splinework as sw
from splinework.train import teacher as teaching
from splinework.train.data_objective import DataObjective
from splinework.train.optim import LevenbergMarquardt
from splinework.train.run import TrainingRun
from tests.train.lessons import lesson


@pytest.mark.parametrize(
    ("shape", "exact"),
    [([2, 1], True), ([2, 1, 1], True), ([2, 1, 1], False), ([2, 2, 1], False), ([2, 3, 2, 1], False)],
    ids=str,
)
def test_a_network_that_meets_rows_ever_better_is_not_cut_short_and_one_that_creeps_is(exact, shape):
    generator = torch.Generator().manual_seed(0)
    u = 2 * torch.rand(400, 2, generator=generator, dtype=torch.float64) - 1
    found = []
    for ahead in (0.0, 1e-8):
        model = sw.KAN(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        t = model.unit_forward(u).detach() + (0.0 if exact else 0.1) * torch.sin(20 * u[:, :1] * u[:, 1:])
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.01 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2), dtype=p.dtype))
        objective, judge = (DataObjective(model, u=u[rows], t=t[rows]) for rows in (slice(300), slice(300, None)))
        run = TrainingRun(judge, torch.Generator().manual_seed(0), ahead=ahead)
        run.advance(objective, LevenbergMarquardt(jump_penalty=0.0), 100, "grid 5", settles=0.0)
        found.append((run.taken, run.best_score))
    assert (found[0] == found[1]) == exact
    assert exact == (found[1][1] < 1e-8)
    assert exact or found[1][0] == 20


@pytest.mark.parametrize(("rows", "few"), [(300, True), (1000, False)])
def test_only_a_network_that_rows_are_too_few_for_is_compared_with_a_process_on_its_way(rows, few, monkeypatch):
    u = 2 * torch.rand(rows + 100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    t = torch.sin(3 * u[:, :1] * u[:, 1:])
    run, objective, plan = lesson(u[:rows], t[:rows], 0)
    run.held_out = replace(objective, u=u[rows:], t=t[rows:])
    seen: list[float] = []

    def stopped(run, objective, plan):
        seen.append(run.ahead)
        raise KeyboardInterrupt

    monkeypatch.setattr(teaching, "run_stages", stopped)
    with pytest.raises(KeyboardInterrupt):
        teaching.run_taught_stages(run, objective, plan, 0)
    assert [ahead > 0 for ahead in seen] == [few]
