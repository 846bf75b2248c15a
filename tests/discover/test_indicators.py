"""Laws of categories as columns of 0 and 1."""

import numpy as np
import pandas as pd
import pytest

import splinework as sw
from splinework.discover.indicators import with_indicators
from splinework.errors import DataError


def frame(levels: int, n: int = 90) -> pd.DataFrame:
    random = np.random.default_rng(levels)
    words = np.array([f"kind {k}" for k in range(levels)])[np.arange(n) % levels]
    return pd.DataFrame({"a": random.uniform(1, 2, n), "the kind": words, "on": np.arange(n) % 2 == 0})


@pytest.mark.parametrize("levels", [2, 3, 7, 20])
@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_each_level_but_the_first_has_a_column(levels, kind):
    x = frame(levels)
    x["the kind"] = x["the kind"].astype(kind)
    values, names, notes = with_indicators(x)
    assert names == ["a", *(f"the_kind_kind_{k}" for k in sorted(map(str, range(levels)))[1:]), "on"]
    assert values.shape == (90, levels + 1)
    inner, words = values[:, 1:-1], np.array(x["the kind"].tolist())
    assert set(np.unique(inner)) == {0.0, 1.0}
    assert (inner.sum(1) == (words != "kind 0")).all()
    for k, name in enumerate(names[1:-1]):
        assert (words[inner[:, k] == 1] == name.replace("the_kind_kind_", "kind ")).all()
    assert len(notes) == 1
    assert notes[0].startswith("the kind is a category")


def test_numbers_alone_stay_as_they_are():
    assert with_indicators(frame(3)[["a", "on"]]) is None
    assert with_indicators(np.zeros((4, 2))) is None
    assert with_indicators([["a", "b"]]) is None


def test_names_are_not_taken_twice():
    x = pd.DataFrame({"c": ["p", "q"] * 5, "c_q": np.arange(10.0)})
    assert with_indicators(x)[1] == ["c_q_", "c_q"]


@pytest.mark.parametrize("words", [["p"] * 50, [str(k) for k in range(50)], ["p", None] * 25, ["p", float("nan")] * 25])
def test_what_is_no_category_is_refused_with_its_name(words):
    with pytest.raises(DataError, match="word"):
        with_indicators(pd.DataFrame({"word": words, "a": np.arange(50.0)}))


def test_effects_of_levels_are_found():
    x = frame(3)
    level = x["the kind"].map({"kind 0": 0.0, "kind 1": 1.5, "kind 2": -0.75}).to_numpy()
    table = sw.discover(x, 2 * x["a"] ** 2 + level, target="y", progress=False, budget=20)
    assert table.best.rmse < 1e-9
    assert table.best.inputs == ("a", "the_kind_kind_1", "the_kind_kind_2")
    assert any("is a category" in note for note in table.notes)
