"""Canonical rows: order and repetition leave no trace."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splinework import KANRegressor
from splinework.tabular import base
from splinework.tabular.rows import WeightedRows, canonical, joined, sampled, unweighted

cells = st.sampled_from([0.0, -0.0, 1.0, -2.5, np.nan])
tables = st.lists(st.tuples(cells, cells, st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=12)


def made(table: list[tuple[float, float, int, int]]) -> WeightedRows:
    x = np.array([row[:2] for row in table], dtype=float)
    return WeightedRows(x, np.array([row[2] for row in table]), np.array([row[3] for row in table], dtype=float))


def same(a: WeightedRows, b: WeightedRows) -> bool:
    return all(
        np.array_equal(p, q, equal_nan=p.dtype.kind == "f")
        for p, q in zip((a.x, a.y, a.weights), (b.x, b.y, b.weights), strict=True)
    )


@given(tables, st.randoms(use_true_random=False))
def test_order_leaves_no_trace(table, random) -> None:
    shuffled = list(table)
    random.shuffle(shuffled)
    assert same(canonical(made(table)), canonical(made(shuffled)))


@given(tables)
def test_weights_are_repetition(table) -> None:
    repeated = [(*row[:3], 1) for row in table for _ in range(row[3])]
    if repeated:
        assert same(canonical(made(table)), canonical(made(repeated)))
    else:
        assert len(canonical(made(table))) == 0


@given(tables)
def test_canonical_rows_are_canonical_and_weigh_the_same(table) -> None:
    rows = canonical(made(table))
    assert same(canonical(rows), rows)
    assert rows.weights.sum() == sum(row[3] for row in table)
    assert not np.signbit(rows.x[rows.x == 0]).any()


def test_sums_of_weights_do_not_depend_on_order() -> None:
    weights = np.random.default_rng(0).uniform(0, 1, 50)
    one = canonical(WeightedRows(np.zeros((50, 1)), np.zeros((50, 1)), weights))
    other = canonical(WeightedRows(np.zeros((50, 1)), np.zeros((50, 1)), weights[::-1]))
    assert one.weights == other.weights


def test_a_sample_weighs_what_all_rows_did() -> None:
    rows = canonical(WeightedRows(np.arange(100.0)[:, None], np.zeros((100, 1)), np.arange(1.0, 101)))
    chosen = sampled(rows, 10, seed=1)
    assert len(chosen) == 10
    assert chosen.weights.sum() == pytest.approx(rows.weights.sum())
    assert same(canonical(chosen), chosen)
    assert sampled(rows, 100, seed=1) is rows


def test_rows_without_weights_come_as_often_as_they_weigh() -> None:
    rows = canonical(WeightedRows(np.array([[0.0], [1.0]]), np.zeros((2, 1)), np.array([1.0, 3.0])))
    assert unweighted(rows, 8).x[:, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    even = WeightedRows(rows.x, rows.y, np.full(2, 5.0))
    assert unweighted(even, 8).weights.tolist() == [1, 1]


def test_joined_rows_are_those_of_both() -> None:
    rows = canonical(made([(0.0, 1.0, 0, 1), (1.0, 1.0, 0, 2)]))
    assert same(joined(rows, rows), WeightedRows(rows.x, rows.y, 2 * rows.weights))


def test_nothing_but_the_rows_of_the_fit_is_held_while_a_network_is_trained(monkeypatch):
    random = np.random.default_rng(0)
    x, y, held = random.uniform(size=(4000, 20)), random.uniform(size=4000), []

    def peek(*_, **__):
        held.append(tracemalloc.get_traced_memory()[0])
        raise StopIteration

    monkeypatch.setattr(base, "train", peek)
    tracemalloc.start()
    try:
        with pytest.raises(StopIteration):
            KANRegressor().fit(x, y)
    finally:
        tracemalloc.stop()
    assert held[0] < 1.5 * x.nbytes  # once, and what goes with it
