"""Sobol indices: closed forms, scipy's estimates, and what the structure of a network makes exact."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import sobol_indices as scipy_indices
from scipy.stats import uniform

from splinework.errors import ConfigError
from splinework.interpret.importance import interactions, sobol_indices
from tests.interpret.importance.cases import PREDICTORS, cancelling_network, rows, sparse_network
from tests.nn.test_network import network


def ishigami(x: np.ndarray) -> np.ndarray:
    """The usual test function, on (-1, 1)."""
    z = math.pi * x
    return np.sin(z[:, 0]) + 7 * np.sin(z[:, 1]) ** 2 + 0.1 * z[:, 2] ** 4 * np.sin(z[:, 0])


FIRST, TOTAL = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437)  # Saltelli et al. 2008, §4.6


def even(count: int, inputs: int) -> np.ndarray:
    """Rows whose columns are evenly spaced, in random order."""
    generator = np.random.default_rng(0)
    values = (np.arange(count) + 0.5) / count * 2 - 1
    return np.stack([generator.permutation(values) for _ in range(inputs)], axis=1)


@pytest.mark.parametrize("idle", [0, 1, 3])
def test_closed_forms_are_met_by_grids_and_by_sampling_within_their_errors(idle):
    found = sobol_indices(ishigami, even(2000, 3 + idle), samples=16384)
    first, total = np.array([*FIRST, *[0.0] * idle]), np.array([*TOTAL, *[0.0] * idle])
    slack = 2e-3 if idle == 0 else 0.0
    assert np.all(np.abs(found.first[:, 0] - first) <= 4 * found.first_error[:, 0] + slack + 1e-3)
    assert np.all(np.abs(found.total[:, 0] - total) <= 4 * found.total_error[:, 0] + slack + 1e-3)
    assert np.all(found.total_error < 0.03)
    assert np.all(found.total[3:] == 0)
    assert np.all(found.first[3:] == 0)


def test_they_agree_with_those_of_scipy():
    model = network([4, 3, 1])

    def call(x: np.ndarray) -> np.ndarray:
        return model(x.T).detach().numpy().T

    theirs = scipy_indices(func=call, n=4096, dists=[uniform(-1, 2)] * 4, random_state=0)
    found = sobol_indices(model, even(2000, 4))
    assert np.abs(found.first[:, 0] - theirs.first_order).max() < 0.02
    assert np.abs(found.total[:, 0] - theirs.total_order).max() < 0.02


def test_a_sum_of_curves_is_exact_and_so_are_parts_that_nothing_joins():
    model, x = network([3, 2]), rows(500, 3)
    parts = model.kan_layers[0].edges(model.input_scaling(torch.from_numpy(x))).detach().numpy()
    variances = parts.var(axis=0)
    found = sobol_indices(model, x)
    assert np.abs(found.first - variances / variances.sum(axis=0)).max() < 1e-12
    assert np.abs(found.total - found.first).max() < 1e-12
    assert np.all(found.total_error == 0)
    sparse, x = sparse_network(), even(3000, 7)
    exact, sampled = sobol_indices(sparse, x), sobol_indices(lambda x: sparse(x).detach().numpy(), x)
    assert np.all(exact.total_error == 0)
    assert np.all(np.abs(exact.total - sampled.total) <= 5 * sampled.total_error + 2e-3)
    assert exact.total[6, 0] == 0


def test_a_large_constant_changes_no_share():
    x = even(1000, 4)
    plain, shifted = (sobol_indices(lambda x, c=c: ishigami(x) + c, x, samples=2048) for c in (0.0, 1e5))
    assert np.abs(plain.first - shifted.first).max() < 1e-6
    assert np.abs(plain.total - shifted.total).max() < 1e-6


def test_paths_that_cancel_have_no_share():
    found = sobol_indices(cancelling_network(), rows(300, 2))
    assert found.total[1, 0] < 1e-20
    assert abs(found.total[0, 0] - 1) < 1e-12


@pytest.mark.parametrize("name", PREDICTORS)
def test_the_laws_of_variances(name):
    predictor, inputs = PREDICTORS[name]
    found = sobol_indices(predictor, rows(200, inputs), samples=2048)
    assert np.all(found.total + 4 * found.total_error + 1e-6 >= found.first - 4 * found.first_error)
    assert np.all(found.first.sum(axis=0) <= 1 + 4 * found.first_error.sum(axis=0) + 1e-6)
    assert np.all(found.total.sum(axis=0) >= 1 - 4 * found.total_error.sum(axis=0) - 1e-2)
    assert np.array_equal(found.total, sobol_indices(predictor, rows(200, inputs), samples=2048).total)


def test_a_group_has_all_terms_of_its_members():
    x = even(5000, 3)
    found = sobol_indices(lambda x: x[:, 0] * x[:, 1] + x[:, 2], x, groups=[["x1", "x2"]])
    assert np.abs(found.total[:, 0] - [0.25, 0.75]).max() < 0.03
    copied = np.repeat(rows(1000, 1), 2, axis=1)  # the same column twice, drawn together, is one input
    assert sobol_indices(lambda x: x[:, 0] - x[:, 1], copied, groups=[[0, 1]]).variance[0] < 1e-25
    with pytest.raises(ConfigError, match="'x9'"):
        sobol_indices(ishigami, x, groups=[["x9", "x1"]])


def test_pairs_have_the_closed_form_and_none_where_nothing_joins_them():
    found = interactions(ishigami, even(2000, 3), samples=16384)
    share = dict(zip(found.pairs, found.share[:, 0], strict=True))
    error = dict(zip(found.pairs, found.error[:, 0], strict=True))
    assert abs(share[0, 2] - 0.2437) <= 4 * error[0, 2] + 2e-3
    assert max(share[0, 1], share[1, 2]) < 1e-20
    sparse = interactions(sparse_network(), rows(300, 7))
    joined = {pair for pair, s in zip(sparse.pairs, sparse.share[:, 0], strict=True) if s > 0}
    assert joined == {(0, 1), (2, 3)}
    assert sparse.table["share"].is_monotonic_decreasing
