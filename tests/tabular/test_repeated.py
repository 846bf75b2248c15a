"""Laws of rows that agree by chance: copies are evidence, lie in several folds, and teach as much as their rows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from splinework.tabular import KANClassifier
from splinework.tabular.repeated import counts_of, in_folds
from splinework.train.between_rows import is_significant


@given(st.lists(st.integers(1, 12), min_size=2, max_size=20), st.integers(2, 6), st.randoms(use_true_random=False))
def test_rows_are_divided_among_different_folds(counts, folds, random) -> None:
    whole, first = torch.tensor(counts).double(), torch.tensor([random.randrange(folds) for _ in counts])
    at, parts, fold = in_folds(whole, first, folds)
    assert torch.equal(torch.zeros_like(whole).index_add(0, at, parts), whole)
    assert parts.min() >= 1
    assert len({(int(i), int(f)) for i, f in zip(at, fold, strict=True)}) == len(at)
    assert torch.equal(
        in_folds(torch.ones_like(whole), first, folds)[2], first
    )  # rows without copies stay where they are


def test_copies_count_where_rows_agree_by_chance() -> None:
    random = np.random.default_rng(0)
    weights = random.integers(1, 9, 60).astype(float)
    few, many = torch.from_numpy(random.integers(0, 2, (60, 4))).double(), torch.from_numpy(random.normal(size=(60, 2)))
    assert torch.equal(counts_of(few, weights), torch.from_numpy(weights))
    assert torch.equal(counts_of(few, 3 * weights), torch.from_numpy(weights))
    assert counts_of(many, weights) is None  # a sample with replacement
    assert counts_of(few, weights / 2.5) is None
    assert counts_of(few, np.ones(60)) is None


def test_counted_gains_are_as_significant_as_their_rows() -> None:
    gains, counts = torch.tensor([0.3, -0.1, 0.2]).double(), torch.tensor([5, 9, 2])
    for z_score in (0.5, 0.7, 0.8, 0.9, 1.0):
        rows = is_significant(gains.repeat_interleave(counts), z_score=z_score)
        assert is_significant(gains, counts.double(), z_score) == rows


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tables_of_counts_are_learned_as_by_their_rows(seed) -> None:
    """The log odds are a sum over six yes or no columns, of which logistic regression knows that they are."""
    random = np.random.default_rng([17, seed])
    slopes, shares = random.normal(size=6), random.uniform(0.05, 0.5, 6)

    def rows(count):
        x = (random.random((count, 6)) < shares).astype(float)
        return x, 1 / (1 + np.exp(2.5 - x @ slopes))

    (x, p), (fresh, q) = rows(500), rows(4000)
    y = random.random(500) < p

    def excess(model):
        found = model.fit(x, y).predict_proba(fresh)[:, 1]
        return (q * np.log(q / found) + (1 - q) * np.log((1 - q) / (1 - found))).mean()

    assert excess(KANClassifier()) < excess(LogisticRegression()) + 0.004
