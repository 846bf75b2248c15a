"""The record of a fit: one table, decisions in the right rows, and the same bits after JSON."""

import json
import math
import struct
from dataclasses import MISSING, fields
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splinework.errors import ConfigError
from splinework.train import History, Step
from splinework.train.history import METADATA_KEY, Decision, history_from_dict, join_histories
from tests.families import every

WHOLE = st.integers(-(2**40), 2**40)
LAYERS = st.lists(WHOLE, max_size=3).map(tuple)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: dict[Any, st.SearchStrategy[Any]] = {int: WHOLE, float: st.floats(), str: TEXT, tuple[int, ...]: LAYERS}


@st.composite
def histories(draw, seconds=VALUES[float]):
    """Any values in the fields; numbers go up, as they do in a fit, and decisions are taken on the way."""
    history, number = History(), 0
    for _ in range(draw(st.integers(0, 3))):
        history.decide(draw(TEXT), draw(TEXT))
    for gap in draw(st.lists(st.integers(1, 30), max_size=6)):
        number += gap
        values = {f.name: draw(VALUES[f.type]) for f in fields(Step)}
        history.steps.append(Step(**{**values, "number": number, "seconds": draw(seconds)}))
        for _ in range(draw(st.integers(0, 2))):
            history.decide(draw(TEXT), draw(TEXT))
    return history


def bits(value: Any) -> Any:
    """The value, with every float as its eight bytes: NaN is NaN, and 0 is not -0."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if isinstance(value, (list, tuple)):
        return [bits(entry) for entry in value]
    if isinstance(value, (History, Step, Decision)):
        return [(f.name, bits(getattr(value, f.name))) for f in fields(value)]
    return value


def example() -> History:
    history = History()
    history.decide("optimiser", "lm")
    for number in (1, 2, 25):
        history.steps.append(Step(number, "grid 5", 5, 0.5, 0.25, math.nan, 0.1 * number, grids=(5, 4)))
    history.decide("grid", "10 pays")
    history.steps.append(Step(30, "grid 10", 10, 0.5, 0.25, 0.3, 4.0, grids=(10, 8)))
    history.decide("warning", "stalled")
    history.decide("stop", "converged")
    return history


# ------------------------------------------------------------------------------------------------------- decisions


def test_a_decision_has_the_number_of_the_step_before_it_and_notes_are_the_texts():
    history = example()
    assert [decision.step for decision in history.decisions] == [0, 25, 30, 30]
    assert [decision.kind for decision in history.decisions] == ["optimiser", "grid", "warning", "stop"]
    assert history.notes == ("lm", "10 pays", "stalled", "converged")


def declining(errors, stage="grid 5") -> History:
    """Steps of a stage with these held-out errors."""
    return History([Step(n, stage, 5, 0.1, 0.1, error, 0.01) for n, error in enumerate(errors, start=1)])


@given(st.floats(1e-3, 0.5), st.floats(1.0, 12.0))
def test_a_steady_decline_creeps_towards_what_it_would_not_reach_in_fifty_steps(rate, decades):
    history = declining([math.exp(-rate * n) for n in range(30)])
    last, steps = history[-1].rmse_validation, decades * math.log(10) / rate
    if abs(steps - 50) > 1e-6:  # a decade is more than the lead
        assert history.creeps(last * 10**-decades) == (steps > 50)
    assert not history.creeps(0.6 * last)
    assert not history.creeps(0.0)
    assert not declining(history.column("rmse_validation")[:19]).creeps(1e-300)
    assert not History([*declining([1.0] * 30, "another"), *history.steps[:19]]).creeps(1e-300)


def test_what_stands_or_rises_creeps_and_what_declines_ever_faster_does_not():
    assert declining([1.0] * 20).creeps(0.4)
    assert declining([1.0 + n for n in range(40)]).creeps(0.4)
    assert not declining([1e-2 ** (1.1**n) for n in range(24)]).creeps(1e-30)


def test_the_table_holds_each_decision_once_in_the_row_after_which_it_was_taken():
    assert example().frame()["decision"].tolist() == ["lm", "", "10 pays", "stalled; converged"]
    assert example().arrow()["decision"].to_pylist() == ["lm", "", "10 pays", "stalled; converged"]


@given(histories())
def test_no_decision_is_lost_in_the_table(history):
    rows = history.arrow()["decision"].to_pylist()
    assert len(rows) == len(history)
    for place, row in enumerate(rows):
        until = history[place + 1].number if place + 1 < len(rows) else math.inf
        since = history[place].number if place else 0
        assert row == "; ".join(d.text for d in history.decisions if since <= d.step < until)


# ----------------------------------------------------------------------------------------------------------- table


@given(histories())
def test_the_tables_hold_every_field_of_every_step(history):
    table, frame = history.arrow(), history.frame()
    names = [f.name for f in fields(Step)]
    assert table.column_names == list(frame.columns) == [*names, "decision"]
    for name in names:
        assert bits(table[name].to_pylist()) == bits(history.column(name))
        assert bits(frame[name].tolist()) == bits(history.column(name))


@pytest.mark.parametrize("history", [History(), example()], ids=["empty", "full"])
def test_the_types_of_the_columns_do_not_depend_on_the_rows(history):
    table, frame = history.arrow(), history.frame()
    assert table.schema.equals(example().arrow().schema)
    assert frame.dtypes.equals(example().frame().dtypes)
    assert {str(frame[f.name].dtype) for f in fields(Step) if f.type is float} == {"float64"}
    assert str(table.schema.field("grids").type).startswith("list<")


def test_the_metadata_of_the_arrow_table_hold_format_and_decisions_also_on_disk(tmp_path):
    for history in (History([], [Decision(0, "stop", "no steps given")]), example()):
        pq.write_table(history.arrow(), tmp_path / "history.parquet")
        table = pq.read_table(tmp_path / "history.parquet")
        about = json.loads(table.schema.metadata[METADATA_KEY])
        assert about["format"] == 1
        assert [Decision(*decision) for decision in about["decisions"]] == history.decisions
        assert table["grids"].to_pylist() == [list(step.grids) for step in history]


# ------------------------------------------------------------------------------------------------------------ JSON


@given(histories())
def test_json_gives_the_same_history_bit_for_bit(history):
    text = json.dumps(history.to_dict(), allow_nan=False)  # strict JSON: no word for NaN
    again = history_from_dict(json.loads(text))
    assert bits(again) == bits(history)
    assert json.dumps(again.to_dict()) == text


def test_fields_that_an_older_version_did_not_know_have_their_defaults():
    values = example().to_dict()
    for f in fields(Step):
        if f.default is not MISSING:
            del values["steps"][f.name]
    steps = [
        Step(s.number, s.stage, s.grid, s.objective, s.rmse_train, s.rmse_validation, s.seconds) for s in example()
    ]
    assert bits(history_from_dict(values).steps) == bits(steps)


def damaged(change) -> Any:
    values = example().to_dict()
    change(values)
    return values


@every(
    "values",
    [
        None,
        [],
        "text",
        {},
        damaged(lambda v: v.update(format=2)),
        damaged(lambda v: v.pop("decisions")),
        damaged(lambda v: v.update(steps=[])),
        damaged(lambda v: v["steps"].pop("number")),
        damaged(lambda v: v["steps"].update(colour=[1, 2, 3, 4])),
        damaged(lambda v: v["steps"]["loss"].pop()),
        damaged(lambda v: v["steps"]["loss"].__setitem__(0, "nan")),
        damaged(lambda v: v["steps"]["loss"].__setitem__(0, "7ff8")),
        damaged(lambda v: v["steps"]["loss"].__setitem__(0, None)),
        damaged(lambda v: v["steps"]["loss"].__setitem__(0, True)),
        damaged(lambda v: v["steps"]["loss"].__setitem__(0, 10**400)),
        damaged(lambda v: v["steps"]["number"].__setitem__(0, 1.5)),
        damaged(lambda v: v["steps"]["number"].__setitem__(0, True)),
        damaged(lambda v: v["steps"]["stage"].__setitem__(0, 1)),
        damaged(lambda v: v["steps"]["grids"].__setitem__(0, "55")),
        damaged(lambda v: v["steps"]["grids"].__setitem__(0, [5.0])),
        damaged(lambda v: v["decisions"].append([1, "stop"])),
        damaged(lambda v: v["decisions"].append(["1", "stop", "done"])),
    ],
)
def test_what_is_no_recorded_history_is_refused(values):
    with pytest.raises(ConfigError, match="recorded history"):
        history_from_dict(values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["format", "steps", "decisions", *(f.name for f in fields(Step))]), JSON)
def test_any_part_replaced_by_anything_is_read_or_refused(part, value):
    values = example().to_dict()
    (values if part in values else values["steps"])[part] = value
    try:
        history = history_from_dict(values)
    except ConfigError:
        return
    assert bits(history_from_dict(history.to_dict())) == bits(history)


# ---------------------------------------------------------------------------------------------------------- joined


@given(histories(), histories())
def test_of_joined_histories_numbers_and_seconds_go_on_and_decisions_stay_with_their_steps(first, second):
    both = join_histories(first, second)
    assert both.notes == first.notes + second.notes
    assert bits(both.steps[: len(first)]) == bits(first.steps)
    assert both.column("number") == sorted(set(both.column("number")))
    assert both.column("stage") == first.column("stage") + second.column("stage")
    rows, late = both.arrow()["decision"].to_pylist(), second.arrow()["decision"].to_pylist()
    assert rows[len(first) + 1 :] == late[1:]  # the first row of the second: what came before it is now the last's


@given(histories())
def test_a_history_joined_with_an_empty_one_is_itself(history):
    assert bits(join_histories(history, History())) == bits(history)
    assert bits(join_histories(History(), history).decisions) == bits(history.decisions)
    assert join_histories(History(), history).column("number") == history.column("number")


WHOLE_SECONDS = histories(st.integers(0, 100).map(float))


@given(WHOLE_SECONDS, WHOLE_SECONDS, WHOLE_SECONDS)
def test_joining_is_associative(a, b, c):
    assert bits(join_histories(join_histories(a, b), c)) == bits(join_histories(a, join_histories(b, c)))
