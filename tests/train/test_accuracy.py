"""Accuracy by the default `fit`: the paper's toy figures (Liu et al. 2024, §3.1, Fig. 3.1), on 1000 uniform rows."""

import pytest
import torch

from splinework.train import fit
from tests.train.cases import fresh, smooth, uniform

TOYS = {
    "exp(sin(πx)+y²)": (smooth, [2, 1, 1], 1.4e-6),
    "x·y": (lambda x: x[:, :1] * x[:, 1:], [2, 2, 1], 2.4e-8),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("function", "shape", "limit"), TOYS.values(), ids=TOYS)
def test_the_paper_s_best_error_is_reached_at_once(function, shape, limit, seed):
    x, test = uniform(1000, seed=seed), uniform(1000, seed=100 + seed)
    result = fit(fresh(shape, seed=seed), x, function(x), seed=seed, progress=False)
    assert (result.model(test) - function(test)).square().mean().sqrt() <= limit


def test_a_small_budget_is_enough_for_four_digits():
    x, test = uniform(500), uniform(500, seed=7)
    result = fit(fresh([2, 1, 1]), x, smooth(x), progress=False, starts=2, grids=[10, 20])
    assert (result.model(test) - smooth(test)).square().mean().sqrt() <= 3e-4


def test_noise_is_not_fitted_beyond_what_it_allows():
    x, test = uniform(600), uniform(600, seed=7)
    y = smooth(x) + 0.3 * torch.randn(600, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    result = fit(fresh([2, 1]), x, y, progress=False)
    plain = fit(fresh([2, 1]), x, smooth(x), progress=False, grids=None)
    excess = (result.model(test) - plain.model(test)).square().mean().sqrt()
    assert excess <= 0.1
