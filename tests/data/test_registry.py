"""The sets that one can have by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from splinework.data import compile_formula, data_names, data_set
from splinework.errors import ConfigError, DataError

NAMES = data_names()
MEASURED = [name for name in NAMES if data_set(name).measured]
DRAWN = [name for name in NAMES if not data_set(name).measured]


def test_names_are_distinct_and_measurements_come_first():
    assert len(set(NAMES)) == len(NAMES) == len(MEASURED) + 9 + 27 + 120
    assert NAMES[: len(MEASURED)] == tuple(MEASURED)
    assert set(data_names(formulas=False)) == {name for name in NAMES if ":" not in name}


@pytest.mark.parametrize("name", MEASURED)
def test_measurements_have_their_columns_and_are_new_at_every_call(name):
    found = data_set(name)
    frame = found.frame()
    assert {found.target, *found.features} <= set(frame.columns)
    assert all(pd.api.types.is_float_dtype(frame[feature]) for feature in found.features)
    assert found.about.startswith(str(len(frame)))
    frame.iloc[:, :] = np.nan
    assert found.frame().notna().all().all()
    for options in ({"rows": 3}, {"seed": 1}, {"noise": 0.1}):
        with pytest.raises(ConfigError, match="measurements"):
            found.frame(**options)


@pytest.mark.parametrize("name", DRAWN)
def test_a_problem_is_its_formula_on_rows_that_the_seed_draws(name):
    found = data_set(name)
    frame = found.frame(20, seed=3)
    assert frame.columns.tolist() == [*found.features, found.target]
    x = frame[list(found.features)].to_numpy()
    if name != "pure_noise":
        np.testing.assert_array_equal(compile_formula(found.formula, found.features)(x), frame[found.target])
    pd.testing.assert_frame_equal(found.frame(20, seed=3), frame)
    assert not found.frame(20, seed=4).equals(frame)
    noisy = found.frame(20, seed=3, noise=0.5)
    np.testing.assert_array_equal(noisy[list(found.features)], x)
    assert noisy[found.target].equals(frame[found.target]) is (name == "pure_noise")  # a share of no spread is none


@pytest.mark.parametrize(
    ("name", "nearest"), [("orbts", "orbits"), ("feynman:I.6.3", "feynman:I.6.2"), ("zzz", "diabetes"), ("", "orbits")]
)
def test_an_unknown_name_is_told_with_the_nearest(name, nearest):
    with pytest.raises(DataError, match=nearest):
        data_set(name)
