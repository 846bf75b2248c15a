"""Inputs that do nothing: a Gaussian process is to leave them out, and no others."""

from itertools import product

import pytest
import torch

from splinework.train import process_search
from splinework.train.covariance import Covariance
from splinework.train.gaussian_process import fit_process
from splinework.train.process_search import EvidenceRows
from tests.families import slow


def test_columns_that_do_nothing_are_told_from_few_rows():
    generator = torch.Generator().manual_seed(6)
    x, fresh = (2 * torch.rand(n, 7, generator=generator, dtype=torch.float64) - 1 for n in (40, 500))
    process = fit_process(x, x[:, 0] * x[:, 1] + 0.02 * torch.randn(40, generator=generator, dtype=torch.float64))
    truth = fresh[:, 0] * fresh[:, 1]
    assert float((process(fresh) - truth).square().mean().sqrt()) < 0.1 * float(truth.std())


IDLE_CASES = {
    "sum": (2, lambda x: torch.sin(3 * x[:, 0]) + x[:, 1].square()),
    "product": (2, lambda x: x[:, 0] * x[:, 1]),
    "composition": (3, lambda x: torch.exp(x[:, 0] - x[:, 1] * x[:, 2])),
    "line": (2, lambda x: x[:, 0] - 0.7 * x[:, 1]),
}


@pytest.mark.parametrize("count", [60, *slow(200)])
@pytest.mark.parametrize("case", ["composition", *slow(*(case for case in IDLE_CASES if case != "composition"))])
def test_inputs_that_do_nothing_are_left_out_and_no_others(case, count):
    active, function = IDLE_CASES[case]
    generator = torch.Generator().manual_seed(count)
    x, fresh = (2 * torch.rand(n, active + 4, generator=generator, dtype=torch.float64) - 1 for n in (count, 500))
    truth = function(fresh)
    y = function(x) + 0.1 * truth.std() * torch.randn(count, generator=generator, dtype=torch.float64)
    process, oracle = fit_process(x, y), fit_process(x[:, :active], y)
    used = process.covariance.depends
    assert bool(used[:active].all())
    assert int((~used).sum()) >= 3
    other = torch.where(used, fresh, fresh.flip(0))
    torch.testing.assert_close(process(other), process(fresh), rtol=0, atol=0)
    errors = [float((found - truth).square().mean()) for found in (process(fresh), oracle(fresh[:, :active]))]
    assert errors[0] < 1.3 * errors[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_a_weak_input_that_all_rows_show_stays_though_a_sample_of_them_may_not_show_it(seed):
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(1500, 2, generator=generator, dtype=torch.float64) - 1
    y = torch.sin(2 * x[:, 0]) + 0.08 * x[:, 1] + 0.5 * torch.randn(1500, generator=generator, dtype=torch.float64)
    assert fit_process(x, y, seed=seed).covariance.depends.tolist() == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "seed"),
    [("product", 2), *(pytest.param(*each, marks=pytest.mark.slow) for each in product(IDLE_CASES, (3, 5, 8)))],
)
def test_few_inputs_of_many_are_found_by_few_rows(case, seed):
    active, function = IDLE_CASES[case]
    generator = torch.Generator().manual_seed(seed)
    x, fresh = (2 * torch.rand(n, active + 28, generator=generator, dtype=torch.float64) - 1 for n in (90, 500))
    truth = function(fresh)
    y = function(x) + 0.2 * truth.std() * torch.randn(90, generator=generator, dtype=torch.float64)
    process, oracle = fit_process(x, y), fit_process(x[:, :active], y)
    used = process.covariance.depends
    assert bool(used[:active].all())
    assert int(used[active:].sum()) <= 1
    errors = [float((found - truth).square().mean()) for found in (process(fresh), oracle(fresh[:, :active]))]
    assert errors[0] < 2 * errors[1]


@pytest.mark.parametrize("used", [1, 3, 6])
def test_the_cost_of_a_set_of_inputs_counts_the_sets_of_its_size(used):
    generator = torch.Generator().manual_seed(used)
    x, y = torch.randn(20, 6, generator=generator).double(), torch.randn(20, generator=generator).double()
    one = Covariance("matern 5/2", torch.randn(14, generator=generator).double(), 6)
    for i in range(used, 6):
        one = one.without(i)
    rows = EvidenceRows.of(x, y, torch.ones_like(y))
    density = -process_search.negative_evidence(one, rows)[0]
    density -= process_search._priors(one)(one.values)[0]
    sets = {1: 6, 3: 20, 6: 1}[used]
    expected = torch.tensor(float(sets)).double().log() + used - density
    assert process_search._cost(one, rows) == pytest.approx(float(expected), rel=1e-12)


def test_a_search_on_the_inputs_that_stay_begins_with_few_of_the_rows_and_ends_with_all(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(80, 4, generator=generator, dtype=torch.float64) - 1
    y = torch.sin(3 * x[:, 0]) + x[:, 1]
    rows, own, asked = EvidenceRows.of(x, (y - y.mean()) / y.std(), torch.ones_like(y)), process_search.estimate, []

    def counted(some, noise):
        asked.append(some.z.shape)
        return own(some, noise)

    begun, density = process_search.maximise(process_search._start(process_search.FAMILIES[0], x, 0.1), rows, 20)
    monkeypatch.setattr(process_search, "estimate", counted)
    found, ended = process_search.without_idle_inputs(begun, density, rows, 20, 50, begins=False)
    assert {count for count, _ in asked} == {50}
    assert asked[-1] == (50, 2)
    assert found.depends.tolist() == [True, True, False, False]
    assert found.rows == 80
    assert ended == process_search._density(found, rows)
    assert process_search.maximise(found, rows, 20)[1] < ended + 0.01
