"""Laws of the one check of stored values: a value of the type comes out as that type, any other is refused by name."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from splinework.data.noise import Gaussian
from splinework.errors import MAX_MESSAGE_LENGTH, ConfigError
from splinework.errors.stored_values import fields_of, shown, typed
from tests.families import every

GOOD_AND_BAD = [
    (int, 3, [True, 3.0, "3", None, [3]]),
    (float, 3, [True, "3", None, 10**400]),
    (float, "inf", ["infinity", ""]),
    (bool, True, [1, "true", None]),
    (str, "a", [1, None, ["a"], b"a"]),
    (int | None, None, ["", 1.5]),
    (str | float, 2.5, [None, True, []]),
    (tuple[int, ...], [1, 2], [[1, 2.5], "12", {"1": 2}, None, 1]),
    (tuple[float, float], [1, 2], [[1], [1, 2, 3], [1, "2"]]),
    (dict[str, int], {"a": 1}, [{"a": "1"}, [["a", 1]], None]),
    (Literal["a", "b"], "a", ["c", 1, None, ["a"]]),
    (NDArray[np.float64], [[1, 2], [3, 4]], [[[1], [2, 3]], ["a"], [None], "1", {"a": 1}, [True], [10**400]]),
    (Gaussian, {"gamma": 0.1}, [{"gamma": "x"}, {"gama": 0.1}, {}, [], {"gamma": 0.1, "of": 3}]),
]


@every(("hint", "good", "bad"), GOOD_AND_BAD)
def test_a_value_has_the_type_of_its_field_or_is_refused(hint, good, bad):
    found = typed(hint, good, "a field")
    assert not isinstance(found, list)
    for value in bad:
        with pytest.raises(ConfigError, match="a field"):
            typed(hint, value, "a field")


@dataclass(frozen=True)
class Inner:
    """A record in a record."""

    n: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    """A record with fields of every kind."""

    inner: Inner
    scale: float = 1.0
    table: dict[str, Inner] = field(default_factory=dict)
    choice: Literal["a", "b"] | None = None
    made: int = field(default=3, init=False)


class Own:
    """A class that is stored in a way of its own."""

    def __init__(self, text: str) -> None:
        self.text = text


class Derived(Own):
    """A class derived from it."""


@every(
    ("hint", "value", "expected"),
    [
        (float, 3, 3.0),
        (float, "-inf", -math.inf),
        (int, -(2**70), -(2**70)),
        (bool, False, False),
        (None, None, None),
        (Any, {"a": [1]}, {"a": [1]}),
        (object, "x", "x"),
        (tuple[int, ...], [], ()),
        (tuple[int, str], [1, "a"], (1, "a")),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (list[float], (1,), [1.0]),
        (dict[str, tuple[int, ...]], {"a": [1, 2]}, {"a": (1, 2)}),
        (str | float | None, 2, 2.0),
        (str | float | None, "a", "a"),
        (int | str, "3", "3"),
        (Literal[1, "x"], 1, 1),
        (Outer, {"inner": {"n": 1}}, Outer(Inner(1))),
        (Outer, {"inner": {"n": 1, "words": ["a"]}, "scale": "nan", "choice": "b"}, None),
        (Outer, {"inner": {"n": 0}, "table": {"k": {"n": 2}}}, Outer(Inner(0), table={"k": Inner(2)})),
    ],
)
def test_a_value_comes_out_as_the_type_of_its_field(hint, value, expected):
    found = typed(hint, value, "it")
    if expected is None and hint is Outer:
        assert (found.inner, found.choice, math.isnan(found.scale)) == (Inner(1, ("a",)), "b", True)
        return
    assert found == expected
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)  # 3.0 and not 3


def test_arrays_are_float64_and_hold_the_numbers():
    for value in ([[1, 2], [3, 4.5]], [1, 2, 3], 7, [], [[0.5]]):
        found = typed(NDArray[np.float64], value, "it")
        assert found.dtype == np.float64
        assert found.tolist() == value
    for value in ([[1, 2], [3]], [True], [[1, True]], [["a"]], "1", None, {"a": 1}, True, [[[1], 2]]):
        with pytest.raises(ConfigError, match="it is numbers, all rows of one length, got "):
            typed(NDArray[np.float64], value, "it")


@every(
    ("hint", "value", "message"),
    [
        (int, "3", "it is a whole number, got '3'."),
        (bool, 1, "it is true or false, got 1."),
        (str, 1, "it is a text, got 1."),
        (None, 1, "it is nothing, got 1."),
        (float, True, "it is a number, got True."),
        (float, 10**400, "it is a number within float64 (about 1.8e308), got a whole number of many digits."),
        (tuple[int, int], [1], "it is a list of 2, got [1]."),
        (tuple[int, ...], 3, "it is a list, got 3."),
        (tuple[int, ...], [1, "x"], "it is a whole number, got 'x'."),
        (dict[str, int], [1], "it is a table, got [1]."),
        (dict[str, int], {1: 2}, "a key of it is a text, got 1."),
        (dict[str, int], {"k": "x"}, "'k' of it is a whole number, got 'x'."),
        (Literal["a", "b"], "c", "it is one of a, b, got 'c'."),
        (Literal[1], True, "it is one of 1, got True."),
        (int | str, [1], "it is a whole number, got [1]."),
        (int | None, "x", "it is a whole number, got 'x'."),
        (Inner, [1], "it is a table of values, got [1]."),
        (Inner, {}, "it needs 'n' of its fields n, words, got []; add it."),
        (Inner, {"n": "x"}, "n of it is a whole number, got 'x'."),
        (Outer, {"inner": {"n": 1, "words": [2]}}, "words of inner of it is a text, got 2."),
    ],
)
def test_the_message_says_where_what_and_what_came(hint, value, message):
    with pytest.raises(ConfigError) as caught:
        typed(hint, value, "it")
    assert str(caught.value) == message


@pytest.mark.parametrize("word", ["m", "made", ""])
def test_a_field_that_is_none_is_named_with_the_nearest(word):
    with pytest.raises(ConfigError, match=f"it has the fields inner, scale, table, choice, none '{word}'; "):
        fields_of(Outer, {"inner": {"n": 1}, word: 3}, "it")


def test_classes_with_a_reader_are_read_by_it_and_those_derived_from_them_too():
    asked: list[tuple[Any, Any, str]] = []

    def read(kind: Any, value: Any, where: str) -> Any:
        asked.append((kind, value, where))
        return kind(value)

    found = typed(dict[str, list[Own | None]], {"k": ["a", None]}, "it", {Own: read})
    assert [each.text if each else None for each in found["k"]] == ["a", None]
    assert isinstance(typed(Derived, "b", "it", {Own: read}), Derived)
    assert typed(tuple[Own, int], ["c", 1], "it", {Own: read})[0].text == "c"
    assert asked == [(Own, "a", "'k' of it"), (Derived, "b", "it"), (Own, "c", "it")]
    assert typed(Own, "d", "it") == "d"  # without a reader it is left alone


@pytest.mark.parametrize(
    "value",
    [
        "a" * 10**6,
        b"a" * 10**6,
        list(range(10**5)),
        {n: n for n in range(10**5)},
        10**5000,
        [10**5000],
        [["x" * 30] * 3] * 3,
    ],
    ids=range(7),
)
def test_what_is_shown_is_short(value):
    text = shown(value)
    assert 3 < len(text) <= 60
    with pytest.raises(ConfigError) as caught:
        typed(bool, value, "it")
    assert len(str(caught.value)) <= MAX_MESSAGE_LENGTH


def test_what_is_short_is_shown_whole():
    for value in ("a", [1] * 20, {"a": 1}, 10**39, -(10**39), 2.5, None, (1, 2), "b" * 50):
        assert shown(value) in (repr(value), repr(value)[:56] + "…")
    assert shown([1] * 21) == "list of 21"
    assert shown((1,) * 21) == "tuple of 21"
    assert shown(10**40) == shown(-(10**40)) == "a whole number of many digits"
    assert shown("a" * 58) == repr("a" * 58)
    assert shown("a" * 59) == "'" + "a" * 55 + "…"
    assert len(json.dumps(shown("é" * 1000))) < 500
