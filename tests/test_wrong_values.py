"""Each public function and class, given one wrong argument at a time: the error says which, what came, and what to write."""

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any

import pytest

from splinework.errors import SplineworkError
from tests.test_docstrings import EXCEPTIONS, NAMES
from tests.wrong_calls import CALLS, FITS, WRONG_DATA, WRONG_OPTIONS
from tests.wrong_values import KIND_OF, MODEL, RIGHT, SLIPS, UNCHECKED

LEAST = 10
RESULTS = {
    "EdgeSuggestion", "EdgeSuggestions", "Edited", "AffineUnits", "BasisTable", "Card", "Cone", "Contradiction",
    "Decision", "DistillationResult", "EdgeParameters", "Ensemble", "EquationSolution", "FeaturedResult",
    "FitResult", "FormulaRow", "FormulaTable", "GroundTruth", "History", "Identifiability", "InformedResult",
    "IntegerModel", "IntervalEstimate", "LayerSeries", "Sample", "Step", "Suggestion", "Teacher", "TransferResult",
}  # fmt: skip
"""Records that functions return: nobody else makes them."""
ABSTRACT = {"Axiom", "Backend", "Loss", "Penalty", "Region", "SeriesModel", "Strength"}
"""Classes to derive others from."""
NO_NUMBERS = ("three", None, {"a": 1}, float)
CHECKED_LATER = {"KANRegressor", "KANClassifier", "KANTransformer", "KANConfig"}
"""Classes whose options are checked at fit, as scikit-learn asks, or by the network that is made of them."""
FEWER = {
    **dict.fromkeys(("load_knots", "load_orbits", "problem_names", "active", "record_layers"), "takes no argument"),
    **dict.fromkeys(("Hard", "Verify", "Poisson", "Softmax", "Squared"), "takes no argument"),
    **dict.fromkeys(("data_names", "feynman_ids", "Soft", "Logistic"), "takes one or two options"),
    **dict.fromkeys(
        ("MLflow", "OptunaPruning", "PlotLive", "TensorBoard"), "takes an object of another package, and an interval"
    ),
    "powers": "takes a series of anything that multiplies",
}
"""Functions with fewer than ten cases, and why."""


def _short(name: str) -> str:
    return name.removeprefix("splinework.").removeprefix("knowledge.").removeprefix("nn.").removeprefix("interpret.")


PUBLIC = {
    _short(name): value
    for name, value in NAMES.items()
    if name not in EXCEPTIONS and name.split(".")[-1] not in RESULTS | ABSTRACT
}
Case = tuple[str, Callable[[], Any], tuple[str, ...]]
"""What is wrong, the call, and words of which the message has one."""


def _of(name: str, parameter: str, table: dict[str, Any]) -> Any:
    return table.get(f"{name.split('.')[-1]}.{parameter}", table.get(parameter))


def _cases(name: str) -> Iterator[Case]:
    function, short = PUBLIC[name], name.split(".")[-1]
    parameters = list(inspect.signature(function).parameters.values())
    wild = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    needed = [p for p in parameters if p.default is p.empty and p not in wild]
    places = [p.name for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD]
    right = {p.name: _of(name, p.name, RIGHT) for p in needed}

    def call(values: dict[str, Any], /, *more: Any, **keywords: Any) -> Callable[[], Any]:
        placed = [values[each] for each in places if each in values]
        named = {key: value for key, value in values.items() if key not in places}
        return lambda: function(*placed, *more, **named, **keywords)

    yield "an unknown keyword", call(right, nonsense_of_mine=1), ("nonsense_of_mine",)
    if options := [p.name for p in parameters if p not in wild and len(p.name) > 3]:
        yield "a misspelt keyword", call({}, **right, **{options[-1][:-1] + "zz": 1}), (f"{options[-1][:-1]}zz",)
    if not any(p.kind is p.VAR_POSITIONAL for p in wild):
        yield "too many by place", call(right, *range(20)), (short, "by place")
    if places:
        yield "one twice", call(right, **{places[0]: right[places[0]]}), (places[0], "twice")
    for p in needed:
        yield f"{p.name} missing", call({key: value for key, value in right.items() if key != p.name}), (p.name,)
        if f"{short}.{p.name}" in UNCHECKED:
            continue
        for value in SLIPS[_of(name, p.name, KIND_OF)]:
            came = type(value).__name__
            words = (p.name, short, came, _shown(value), f"got {value}", "finite", "rows", "relation", "range")
            yield f"{p.name} as {came}", call(right | {p.name: value}), words
    if is_dataclass(function) and short not in CHECKED_LATER:
        for p in parameters:
            free = re.search(r"Any|Callable", str(p.annotation)) or f"{short}.{p.name}" in UNCHECKED
            if p.default is not p.empty and not free:
                for value in (
                    print,
                    MODEL,
                    [print],
                    *(NO_NUMBERS if p.annotation in (int, float, "int", "float") else ()),
                ):
                    came = type(value).__name__
                    yield f"{p.name} as {came}", call(right, **{p.name: value}), (p.name, short, _shown(value))


def _shown(value: Any) -> str:
    return repr(value[0] if isinstance(value, list) and value else value)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_error_of_a_wrong_argument_names_it(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    poor = []
    for what, call, words in _cases(name):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                poor.append(f"{what}: no error, but {type(call()).__name__}")
        except SplineworkError as error:
            text = str(error)
            if not isinstance(error, (OSError, TypeError, ValueError)) or len(text) > 900:
                poor.append(f"{what}: {type(error).__name__} of {len(text)} letters")
            elif not any(word.casefold() in text.casefold() for word in words):
                poor.append(f"{what}: {text}")
        except Exception as error:  # noqa: BLE001 - whatever else is raised is what the test is for
            poor.append(f"{what}: {error!r}")
    assert not poor, "\n".join(poor)
    assert capsys.readouterr().out == ""


def _count(name: str) -> int:
    short = name.split(".")[-1]
    fits = len(WRONG_OPTIONS) + len(WRONG_DATA) if name in FITS else 0
    return len({what for what, *_ in _cases(name)}) + len(CALLS.get(name, CALLS.get(short, ()))) + fits


def test_each_has_at_least_ten_wrong_calls():
    few = {name: _count(name) for name in PUBLIC if _count(name) < LEAST}
    assert {name: count for name, count in few.items() if name.split(".")[-1] not in FEWER} == {}
    assert set(FEWER) - {name.split(".")[-1] for name in few} == set(), "these have enough"


def test_what_is_left_out_is_there():
    names = {name.split(".")[-1] for name in NAMES}
    assert (RESULTS | ABSTRACT) - names == set()
    assert {key for key in UNCHECKED if key.split(".")[0] not in names} == set()
