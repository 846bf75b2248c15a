"""Sets of formulas: the formula is the target, recipes go to plain values and back, and what does not fit is refused."""

import dataclasses
import hashlib
import json
import random
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from splinework.data import RECIPES, FormulaSet, Input, from_dict, to_dict
from splinework.data.designs import Corners, Grid, LatinHypercube, Sobol, Uniform
from splinework.data.marginals import Marginals
from splinework.data.noise import Gaussian, Missing, Outliers
from splinework.data.serialisation import toml_text
from splinework.errors import ConfigError, DataError, FormulaError
from splinework.formula.expression import Expression
from tests.families import every

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

INPUTS = (Input("a", 0.0, 1.0, "m"), Input("b", 1.0, 100.0, "s", "loguniform"))
PLAIN = FormulaSet("a*exp(-b/50)", INPUTS)
RICH = FormulaSet(
    "a*exp(-b/50)",
    INPUTS,
    LatinHypercube(),
    (Gaussian(0.1), Outliers(0.02), Missing(0.1)),
    idle=2,
    correlation=((1.0, 0.6), (0.6, 1.0)),
    target="z",
    unit="m",
    name="rich",
    about="a set with everything",
)
SAMPLED = FormulaSet("a*exp(-b/50)", INPUTS, Marginals(((0.1, 3.0), (0.2, 9.0), (0.7, 20.0))))
RECIPES_OF_FORMULAS = [PLAIN, RICH, SAMPLED, dataclasses.replace(PLAIN, design=Grid(7), idle=1)]


@pytest.mark.parametrize("recipe", RECIPES_OF_FORMULAS, ids=["plain", "rich", "sampled", "grid"])
def test_a_recipe_is_the_same_from_json_and_from_toml(recipe):
    values = to_dict(recipe)
    assert from_dict(json.loads(json.dumps(values, allow_nan=False)), RECIPES) == recipe
    assert from_dict(tomllib.loads(toml_text(values)), RECIPES) == recipe


@pytest.mark.parametrize("recipe", RECIPES_OF_FORMULAS, ids=["plain", "rich", "sampled", "grid"])
def test_what_is_drawn_is_decided_by_recipe_and_seed(recipe):
    states = (np.random.get_state()[1].tobytes(), random.getstate(), torch.get_rng_state().numpy().tobytes())  # noqa: NPY002
    first, again = recipe.draw(50, seed=3), recipe.draw(50, seed=3)
    assert (first.x.tobytes(), first.y.tobytes(), first.digest) == (again.x.tobytes(), again.y.tobytes(), again.digest)
    assert (
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        random.getstate(),
        torch.get_rng_state().numpy().tobytes(),
    ) == states


def test_the_digest_is_that_of_names_and_values():
    drawn = RICH.draw(16, seed=1)
    head = "".join(f"{name}\n" for name in (*drawn.names, "z")).encode()
    whole = np.column_stack([drawn.x, drawn.y]).astype("<f8").tobytes()
    assert drawn.digest == hashlib.sha256(head + whole).hexdigest()


def test_the_truth_is_the_formula_and_names_the_active_inputs():
    drawn = RICH.draw(64, seed=1)
    clean = dataclasses.replace(RICH, noise=()).draw(64, seed=1)
    np.testing.assert_array_equal(Expression(clean.truth.formula, clean.names)(clean.x), clean.y)
    assert clean.truth.active == ("a", "b")
    assert clean.names == ("a", "b", "idle1", "idle2")
    assert drawn.units == {"a": "m", "b": "s", "z": "m"}
    assert {"monotone(a)", "monotone(b, increasing=False)", "convex(b)"} <= set(drawn.truth.axioms)


def test_idle_inputs_do_nothing_and_have_free_names():
    recipe = FormulaSet("idle1 + x", (Input("idle1"), Input("x"), Input("y")), idle=2, target="z")
    drawn = recipe.draw(512, seed=0)
    assert drawn.names == ("idle1", "x", "y", "idle2", "idle3")
    assert drawn.truth.active == ("idle1", "x")
    assert np.abs(np.corrcoef(np.column_stack([drawn.x[:, 2:], drawn.y]).T)[-1, :-1]).max() < 0.1


def test_correlation_is_between_the_inputs_and_not_the_idle_ones():
    drawn = dataclasses.replace(RICH, design=Sobol(), noise=()).draw(4096, seed=0)
    ranks = stats.spearmanr(drawn.x).statistic
    assert ranks[0, 1] == pytest.approx(6 / np.pi * np.arcsin(0.3), abs=0.02)
    assert np.abs(ranks[2:, :2]).max() < 0.03
    assert stats.kstest(np.log(drawn.x[:, 1]), stats.uniform(0, np.log(100)).cdf).pvalue > 0.01


def test_rows_that_were_rounded_up_are_on_the_card():
    drawn = PLAIN.draw(100, seed=0)
    assert len(drawn.x) == 128
    assert "power of two: 128 rows where 100" in drawn.card().to_markdown()


def test_a_card_has_ranges_units_floor_and_versions():
    facts = RICH.draw(64, seed=1).card().facts
    columns = {column["name"]: column for column in facts["columns"]}
    assert columns["a"]["unit"] == "m"
    assert 0.0 <= columns["a"]["low"] < columns["a"]["high"] <= 1.0
    assert facts["truth"]["noise_floor"] > 0
    assert {"numpy", "scipy", "splinework"} == set(facts["versions"])
    assert facts["licence"]
    assert facts["recipe"]["name"] == "rich"


def test_a_frame_has_inputs_first():
    frame = RICH.draw(16, seed=0).frame()
    assert frame.columns.tolist() == ["a", "b", "idle1", "idle2", "z"]
    assert frame.isna().to_numpy().any()


@every(
    ("make", "error", "fragment"),
    [
        (lambda: FormulaSet("1", ()), ConfigError, "needs inputs"),
        (lambda: FormulaSet("a", INPUTS, idle=-1), ConfigError, "idle"),
        (lambda: FormulaSet("a", INPUTS, target="b"), ConfigError, "another name"),
        (lambda: FormulaSet("a + c", INPUTS), FormulaError, "unknown name 'c'"),
        (lambda: FormulaSet("a +", INPUTS), FormulaError, "cannot read"),
        (
            lambda: FormulaSet("a", INPUTS, Grid(), correlation=((1.0, 0.5), (0.5, 1.0))),
            ConfigError,
            "Grid does not support",
        ),
        (lambda: FormulaSet("a", INPUTS, Corners(), correlation=((1.0, 0.5), (0.5, 1.0))), ConfigError, "Corners"),
        (lambda: FormulaSet("a", INPUTS, correlation=((1.0, 2.0), (2.0, 1.0))), ConfigError, "inconsistent"),
        (lambda: FormulaSet("a", INPUTS, Marginals(((1.0,), (2.0,)))), ConfigError, "1 columns"),
        (
            lambda: FormulaSet("a", INPUTS, Marginals(((0.5, 2.0), (2.0, 3.0)))),
            ConfigError,
            "'a' from 0.5 to 2, outside",
        ),
        (lambda: PLAIN.draw(0), ConfigError, "rows"),
        (lambda: PLAIN.draw(10, seed=True), ConfigError, "seed"),
        (lambda: FormulaSet("log(a - 0.5)", INPUTS).draw(16), DataError, r"of 16 rows, such as a="),
    ],
)
def test_what_cannot_be_is_refused(make, error, fragment):
    with pytest.raises(error, match=fragment):
        make()


GOOD = to_dict(RICH)


@every(
    ("change", "fragment"),
    [
        ({"kind": "FormulaSett"}, "did you mean 'FormulaSet'"),
        ({"kind": None}, "kind None"),
        ({"formla": "a"}, "did you mean 'formula'"),
        ({"idle": 1.5}, "idle of FormulaSet is a whole number"),
        ({"idle": True}, "whole number"),
        ({"inputs": 3}, "is a list"),
        ({"inputs": [3]}, "table of values"),
        ({"inputs": [{"kind": "Input", "name": "a", "distribution": "cauchy"}]}, "one of uniform"),
        ({"design": {"kind": "Grid", "m": "many"}}, "m of Grid is a whole number"),
        ({"design": {"kind": "Gauss"}}, "kind 'Gauss'"),
        ({"noise": [{"kind": "Gaussian"}]}, "needs 'gamma'"),
        ({"noise": [{"kind": "Gaussian", "gamma": "x"}]}, "is a number"),
        ({"noise": [{"kind": "Gaussian", "gamma": -1}]}, "at least 0"),
        ({"unit": 3}, "is a text"),
    ],
)
def test_what_cannot_be_read_is_told(change, fragment):
    with pytest.raises(ConfigError, match=fragment):
        from_dict({**GOOD, **change}, RECIPES)
    with pytest.raises(ConfigError, match="table of values"):
        from_dict([1], RECIPES)


def test_an_input_needs_no_kind():
    values = {"kind": "FormulaSet", "formula": "x", "inputs": [{"name": "x", "low": 0, "high": 2}]}
    assert from_dict(values, RECIPES) == FormulaSet("x", (Input("x", 0.0, 2.0),))


def test_texts_survive_toml():
    text = 'a "quoted" \\ text\n\x7f é'
    assert tomllib.loads(toml_text({"a b": text, "x": [1.5, True], "y": float("inf")})) == {
        "a b": text,
        "x": [1.5, True],
        "y": float("inf"),
    }


def test_uniform_rows_are_independent_of_the_noise():
    for noise in ((), (Gaussian(0.1),), (Outliers(0.5), Gaussian(0.2))):
        x = dataclasses.replace(PLAIN, design=Uniform(), noise=noise).draw(20, seed=8).x
        np.testing.assert_array_equal(x, dataclasses.replace(PLAIN, design=Uniform()).draw(20, seed=8).x)
