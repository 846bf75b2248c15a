"""From columns to inputs: what a fit learns about gaps and levels, and what new rows become."""

import json

import numpy as np
import pytest

from splinework.errors import ConfigError
from splinework.tabular.columns import (
    MAX_LEVELS,
    UNKNOWN_CODE,
    CategoricalColumn,
    Columns,
    NumericColumn,
    column_from_dict,
    columns_from_dict,
    learn_columns,
)
from splinework.tabular.rows import WeightedRows, canonical

NAN = float("nan")


def learned(values, *, levels=(), weights=None, name="c") -> Columns:
    x = np.asarray(values, dtype=float)[:, None]
    y = np.arange(len(x), dtype=float)[:, None]
    rows = canonical(WeightedRows(x, y, np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)))
    return learn_columns(rows, [name], {0: tuple(levels)} if levels else {}, ["y"])


def encoded(columns: Columns, values) -> np.ndarray:
    return columns.encode(np.asarray(values, dtype=float)[:, None])


def test_numbers_are_themselves() -> None:
    columns = learned([1.0, 2.0, 4.0])
    assert columns.labels == ("c",)
    assert encoded(columns, [3.0, -7.0]).tolist() == [[3.0], [-7.0]]


def test_a_gap_is_the_median_and_says_so() -> None:
    columns = learned([1.0, 2.0, 9.0, NAN])
    assert columns.labels == ("c", "c missing")
    assert encoded(columns, [NAN, 5.0]).tolist() == [[2.0, 1.0], [5.0, 0.0]]


def test_the_median_is_weighted() -> None:
    columns = learned([1.0, 2.0, 9.0, NAN], weights=[1, 1, 5, 1])
    assert encoded(columns, [NAN]).tolist() == [[9.0, 1.0]]


def test_a_gap_that_the_fit_has_not_seen_is_the_median() -> None:
    assert encoded(learned([1.0, 2.0, 9.0]), [NAN]).tolist() == [[2.0]]


def test_constants_and_empty_columns_are_no_inputs() -> None:
    for values in ([3.0, 3.0], [NAN, NAN]):
        columns = learned(values)
        assert not columns.columns[0].inputs
        assert columns.labels == ("c",)  # a network has one input at least
        assert encoded(columns, [1.0, NAN]).tolist() == [[0.0], [0.0]]


def test_a_constant_with_gaps_says_where_they_are() -> None:
    columns = learned([3.0, 3.0, NAN])
    assert columns.labels == ("c missing",)
    assert encoded(columns, [3.0, NAN]).tolist() == [[0.0], [1.0]]


def test_two_levels_are_one_input() -> None:
    columns = learned([0, 1, 1, 0], levels=["no", "yes"])
    assert columns.labels == ("c=yes",)
    assert encoded(columns, [0, 1]).tolist() == [[0.0], [1.0]]


def test_levels_have_an_input_each_and_gaps_one_more() -> None:
    columns = learned([0, 1, 2, 0, 1, 2, NAN], levels=["a", "b", 3.0])
    assert columns.labels == ("c=a", "c=b", "c=3", "c missing")
    assert columns.groups == ((0, 1, 2, 3),)
    assert encoded(columns, [1, 2, NAN]).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_an_unknown_level_is_the_mean_of_all() -> None:
    columns = learned([0, 0, 1, 1, 2, 2, 2], levels=["a", "b", "d"])
    inputs = encoded(columns, [0, 0, 1, 1, 2, 2, 2])
    assert encoded(columns, [UNKNOWN_CODE, NAN]).tolist() == [inputs.mean(0).tolist()] * 2


def test_rare_levels_are_joined_and_unknown_ones_are_like_them() -> None:
    values = [0] * 9 + [1] * 9 + [2, 3]
    columns = learned(values, levels=["a", "b", "d", "e"])
    assert columns.labels == ("c=a", "c=b", "c=(other)")
    assert encoded(columns, [2, 3, UNKNOWN_CODE, 0]).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 0]]


def test_many_levels_leave_the_most_frequent_ones() -> None:
    values = [code for code in range(2 * MAX_LEVELS) for _ in range(5 + code)]
    columns = learned(values, levels=[f"l{code:03}" for code in range(2 * MAX_LEVELS)])
    assert len(columns.labels) == MAX_LEVELS + 1
    assert columns.labels[-2] == f"c=l{2 * MAX_LEVELS - 1:03}"
    assert (encoded(columns, list(range(2 * MAX_LEVELS))).sum(1) == 1).all()


def test_a_level_without_weight_is_unknown() -> None:
    columns = learned([0, 1, 2], levels=["a", "b", "d"], weights=[1, 1, 0])
    assert columns.labels == ("c=b",)
    assert encoded(columns, [2]).tolist() == [[0.5]]


def test_what_rows_are_said_by_is_the_same_whatever_weights_are_called() -> None:
    values, levels = [0] * 6 + [1] * 6 + [2, 2], ["a", "b", "d"]
    light, heavy = (learned(values, levels=levels, weights=np.full(14, w)) for w in (0.001, 1000.0))
    assert light.labels == heavy.labels


def test_words_are_identifiers_and_differ() -> None:
    columns = Columns(
        (
            NumericColumn("a=b", 0.0, True, False),
            CategoricalColumn("a", ("b", "c", "d"), (0, 1, 2), (), (), False, (0.0,) * 3),
            NumericColumn("sin", 0.0, True, True),
        ),
        ("sin",),
    )
    inputs, (target,) = columns.formula_names()
    assert len({*inputs, target}) == 7
    assert all(word.isidentifier() and word not in ("sin", "pi") for word in (*inputs, target))


def test_columns_survive_json() -> None:
    for columns in (learned([1.0, NAN, 2.0]), learned([0, 1, 2, 2, NAN], levels=["a", 2.0, "d"])):
        again = columns_from_dict(json.loads(json.dumps(columns.to_dict())))
        assert again == columns


def test_a_column_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs 'fill'"):
        column_from_dict({"kind": "numbers", "name": "a"})


@pytest.mark.parametrize("seed", range(5))
def test_a_gap_is_filled_with_the_weighted_median(seed) -> None:
    draw = np.random.default_rng(seed)
    values, weights = draw.permutation(np.arange(1.0, 30.0)), draw.uniform(0.1, 5, 29)
    (column,) = learned([*values, NAN], weights=[*weights, 1.0]).columns
    below, above = weights[values < column.fill].sum(), weights[values > column.fill].sum()
    assert column.fill in values
    assert max(below, above) <= weights.sum() / 2
    assert learned([1.0, 2.0, 3.0, NAN], weights=[1.0, 1.4, 1.6, 1.0]).columns[0].fill == 2
    assert learned([1.0, 2.0, 3.0, NAN], weights=[1.6, 1.4, 3.2, 1.0]).columns[0].fill == 3
