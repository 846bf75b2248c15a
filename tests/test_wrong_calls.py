"""Each public function with its likeliest wrong calls: habits of pykan, torch, scikit-learn and PySR, and slips with data.

Every error is a `SplineworkError` and the builtin of its kind, names what came, and names the way out.
"""

import contextlib
import importlib
import io
import operator
import re

import pytest

import splinework as sw
from splinework.errors import SplineworkError
from splinework.errors.foreign import ROWS as TABLE
from splinework.errors.foreign_methods import METHODS
from tests.families import every
from tests.wrong_calls import CALLS, FITS, MODEL, WRONG_DATA, WRONG_OPTIONS, X, Y


@pytest.fixture(scope="module")
def fitted():
    return sw.fit(MODEL, X, Y, steps=3, progress=False)


def _check(call, kind, parts):
    with pytest.raises(SplineworkError) as caught, contextlib.redirect_stdout(io.StringIO()):
        call()
    assert isinstance(caught.value, kind)
    text = str(caught.value)
    assert [part for part in parts if part not in text] == [], text
    assert len(text) < 900


@pytest.mark.parametrize(
    ("call", "kind", "parts"),
    [pytest.param(*case, id=f"{name}-{number}") for name, cases in CALLS.items() for number, case in enumerate(cases)],
)
def test_a_wrong_call_is_told_what_came_and_the_way_out(call, kind, parts, fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _check(lambda: call(fitted), kind, parts)


@pytest.mark.parametrize("verb", FITS)
@pytest.mark.parametrize(("options", "kind", "parts"), WRONG_OPTIONS, ids=str)
def test_an_option_of_another_package_is_told_ours(verb, options, kind, parts):
    _check(lambda: FITS[verb][0](MODEL, X, Y, progress=False, **options), kind, parts)


@pytest.mark.parametrize("verb", FITS)
@pytest.mark.parametrize("number", range(len(WRONG_DATA)))
def test_data_that_cannot_be_fitted_are_told_why(verb, number):
    call, parts = WRONG_DATA[number]
    _check(lambda: call(FITS[verb][0]), (ValueError, TypeError), parts)


@every(("name", "way"), [
        ("fit", "sw.fit(model, x, y)"), ("prune", "sw.prune(model, x)"), ("plot", "sw.plot(model, x)"),
        ("symbolic_formula", "sw.symbolify("), ("auto_symbolic", "sw.symbolify("), ("suggest_symbolic", "sw.suggest("),
        ("refine", "sw.refine(model, grid"), ("predict", "model(x)"), ("saveckpt", "sw.save("), ("attribute", "attribution("),
        ("update_grid_from_samples", "sw.adapt("), ("regularization_loss", "penalties="),
    ])  # fmt: skip
def test_a_method_of_another_package_is_told_the_function(name, way):
    assert not hasattr(MODEL, name)
    with pytest.raises(AttributeError) as caught:
        getattr(MODEL, name)
    assert "KAN" in str(caught.value)
    assert way in str(caught.value)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = MODEL.nonsense


def test_names_of_other_packages_at_the_top_are_told_ours():
    for name in ("MultKAN", "KANLinear", "PySRRegressor", "create_dataset", "predict", "auto_symbolic"):
        with pytest.raises(AttributeError, match=r"write (sw|model)"):
            getattr(sw, name)


def test_texts_as_the_target_of_a_regression_point_at_the_classifier():
    with pytest.raises(ValueError, match="KANClassifier"):
        sw.KANRegressor().fit(X, ["a", "b"] * 30)


def test_what_the_table_sends_to_is_there():
    texts = [text for row in TABLE for text in (row.home, row.example)] + list(METHODS.values())
    named = {found for text in texts for found in re.findall(r"\b(?:sw|splinework)\.[\w.]+\w", text)}
    for path in named:
        if path.startswith("sw."):
            operator.attrgetter(path.removeprefix("sw."))(sw)
            continue
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name) or importlib.import_module(path)
