"""The sets that one can have by name: every one is drawn from its seed to the last bit, and is what it says that it is."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from splinework.data import RECIPES, data_names, data_set, from_dict, to_dict
from splinework.data.problems import ProblemSet
from splinework.data.sample import Sample
from splinework.errors import ConfigError, DataError
from splinework.formula.expression import Expression
from splinework.knowledge.axioms.language import parse_axiom

NAMES = data_names()
MEASURED = [name for name in NAMES if data_set(name).measured]
DRAWN = [name for name in NAMES if not data_set(name).measured]
PROBLEMS = [name for name in DRAWN if isinstance(data_set(name).recipe, ProblemSet)]
OTHERS = [name for name in DRAWN if name not in PROBLEMS]
SINGLE = [name for name in DRAWN if len(data_set(name).targets) == 1]
ROWS = 20
CLASSES = ["aubry_andre", "mosaic", "exponential_hopping", "nearest_hopping"]


def thinned(names):
    """The names as parameters: of the many formulas every fourth by day, all of them with the slow tests."""
    often = {name for name in NAMES if ":" not in name} | {*NAMES[::4]}
    return [name if name in often else pytest.param(name, marks=pytest.mark.slow) for name in names]


@cache
def drawn_of(name: str) -> Sample:
    return data_set(name).draw(ROWS, seed=1)


def installed(name: str) -> str:
    if name == "knots":
        pytest.importorskip("database_knotinfo")
    return name


def test_names_are_distinct_and_measurements_come_first():
    assert len(set(NAMES)) == len(NAMES) == len(MEASURED) + len(PROBLEMS) + len(OTHERS)
    assert len(PROBLEMS) == 9 + 27 + 120
    assert NAMES[: len(MEASURED)] == tuple(MEASURED)
    assert set(data_names(formulas=False)) == {name for name in NAMES if ":" not in name}


@pytest.mark.parametrize("name", MEASURED)
def test_measurements_have_their_columns_and_are_new_at_every_call(name):
    found = data_set(installed(name))
    frame = found.frame()
    assert {found.target, *found.features} <= set(frame.columns)
    assert all(pd.api.types.is_float_dtype(frame[feature]) for feature in found.features)
    assert found.about.startswith(str(len(frame)))
    frame.iloc[:, :] = np.nan
    assert found.frame().notna().all().all()
    for options in ({"rows": 3}, {"seed": 1}, {"noise": 0.1}):
        with pytest.raises(ConfigError, match="measurements"):
            found.frame(**options)
    with pytest.raises(ConfigError, match="measurements"):
        found.draw(3)


@pytest.mark.quick(20)
@pytest.mark.parametrize("name", thinned(PROBLEMS))
def test_a_problem_is_its_formula_on_rows_that_the_seed_draws(name):
    found = data_set(name)
    frame = found.frame(20, seed=3)
    assert frame.columns.tolist() == [*found.features, found.target]
    x = frame[list(found.features)].to_numpy()
    if name != "pure_noise":
        np.testing.assert_array_equal(Expression(found.formula, found.features)(x), frame[found.target])
    pd.testing.assert_frame_equal(found.frame(20, seed=3), frame)
    assert not found.frame(20, seed=4).equals(frame)
    noisy = found.frame(20, seed=3, noise=0.5)
    np.testing.assert_array_equal(noisy[list(found.features)], x)
    assert noisy[found.target].equals(frame[found.target]) is (name == "pure_noise")  # a share of no spread is none


@pytest.mark.parametrize("name", PROBLEMS[::7])
def test_the_rows_of_a_problem_are_those_of_its_sample(name):
    recipe = data_set(name).recipe
    for share in (0.0, 0.3):
        x, y = recipe.found.sample(50, seed=5, noise=share)
        drawn = data_set(name).draw(50, seed=5, noise=share)
        np.testing.assert_array_equal(drawn.x, x)
        np.testing.assert_array_equal(drawn.y, y)


@pytest.mark.quick(20)
@pytest.mark.parametrize("name", thinned(DRAWN))
def test_the_same_seed_gives_the_same_bytes(name):
    first, again, other = drawn_of(name), data_set(name).draw(ROWS, seed=1), data_set(name).draw(4, seed=2)
    assert first.digest == again.digest != other.digest
    assert first.x.tobytes() == again.x.tobytes()
    assert first.y.tobytes() == again.y.tobytes()


@pytest.mark.parametrize("name", thinned(DRAWN))
def test_a_recipe_survives_json_and_its_card_is_json(name):
    found = data_set(name)
    assert from_dict(json.loads(json.dumps(to_dict(found.recipe), allow_nan=False)), RECIPES) == found.recipe
    drawn = drawn_of(name)
    card = json.loads(drawn.card().to_json())
    assert from_dict(card["recipe"], RECIPES) == found.recipe
    assert (card["seed"], card["rows"], card["sha256"]) == (1, len(drawn.x), drawn.digest)
    assert [column["name"] for column in card["columns"]] == [*drawn.names, *drawn.targets]
    page = drawn.card().to_markdown()
    assert card["sha256"] in page
    assert all(f"| {name} |" in page for name in drawn.names)


@pytest.mark.parametrize("name", thinned(DRAWN))
def test_columns_targets_and_truth_are_of_the_table(name):
    found = data_set(name)
    drawn = drawn_of(name)
    frame = drawn.frame()
    assert frame.columns.tolist() == [*drawn.names, *drawn.targets]
    assert found.target in drawn.targets
    assert set(found.features) <= set(drawn.names)
    assert set(drawn.truth.active) <= set(drawn.names)
    assert set(drawn.units) <= set(frame.columns)
    assert np.isfinite(drawn.x).all()
    assert np.isfinite(drawn.y).all()
    for text in drawn.truth.axioms:
        parse_axiom(text)


@pytest.mark.parametrize("name", thinned(n for n in SINGLE if data_set(n).formula and n not in CLASSES))
def test_the_formula_of_the_truth_is_the_target(name):
    if name == "pure_noise":
        return
    drawn = drawn_of(name)
    np.testing.assert_array_equal(Expression(drawn.truth.formula, drawn.names)(drawn.x), drawn.y)
    assert drawn.truth.noise_floor == 0.0


@pytest.mark.quick(20)
@pytest.mark.parametrize("name", thinned(name for name in DRAWN if name not in CLASSES))
def test_noise_changes_targets_only_and_is_its_floor(name):
    clean, noisy = drawn_of(name), data_set(name).draw(ROWS, seed=1, noise=0.1)
    np.testing.assert_array_equal(clean.x, noisy.x)
    gap = np.atleast_2d((noisy.y - clean.y).T)[0]
    if name != "pure_noise":
        assert noisy.truth.noise_floor == pytest.approx(np.sqrt(np.mean(gap**2)), rel=1e-9)
        assert 0.05 < noisy.truth.noise_floor / np.atleast_2d(clean.y.T)[0].std() < 0.2  # of few rows


def test_a_class_takes_no_gaussian_noise():
    with pytest.raises(ConfigError, match="categorical"):
        data_set("mosaic").draw(5, noise=0.1)


def test_a_random_formula_has_a_name_without_being_listed():
    first, second = data_set("random:0"), data_set("random:1")
    assert first.formula != second.formula
    assert first.draw(8, seed=0).digest == data_set("random:0").draw(8, seed=0).digest
    for name in ("random:", "random:x", "random:-1", "random:" + "9" * 40):
        with pytest.raises(DataError, match="no data set"):
            data_set(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("orbts", "orbits"),
        ("feynman:I.6.3", "feynman:I.6.2"),
        ("lorentz", "lorenz"),
        ("special:jx", "special:jv"),
        ("zzz", "diabetes"),
        ("", "orbits"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name, nearest):
    with pytest.raises(DataError, match=nearest):
        data_set(name)
