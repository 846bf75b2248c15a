"""Laws of work instead of seconds, of checkpoints of a search, and of the sentence on what a formula catches."""

import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import sympy

import splinework as sw
from splinework.discover.checkpoint import KIND, KeptSearch, SearchCheckpoint, read_checkpoint, search_of
from splinework.discover.networks import NetworkSearch, NetworkTrial, SplitRows
from splinework.discover.options import SearchOptions
from splinework.discover.plans import Plan
from splinework.discover.refusal import refusal, share_caught
from splinework.discover.search_space import with_parts
from splinework.errors import ConfigError, FileError
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.ranking import formula_row, is_steady, ranked
from splinework.interpret.symbolic.screening import initial_problem
from tests.discover.searches import answering
from tests.families import slow

X = symbol("x1")


def rows(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).uniform(0.5, 2.0, (n, 2))
    return x, np.sin(x[:, 0] + 1.7 / x[:, 1]) * x[:, 1]


def test_effort_and_jobs_are_checked():
    for wrong in ({"effort": 0}, {"effort": "x"}, {"jobs": 0}, {"jobs": 1.5}, {"checkpoint": 3}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            SearchOptions(**wrong)


def recording(calls, spends=0.0):
    """A search that says what it was given, and does some work."""

    def search(x, y, *, names, target, budget, seed, on_stage, effort=None, checkpoint=None, question=None, space=None):
        calls.append({"target": target, "effort": effort, "place": checkpoint, "question": question, "space": space})
        clock.spend(spends)
        return answering()(x, y, names=names, target=target, budget=budget, seed=seed, on_stage=on_stage)

    return search


def test_work_inside_of_work_counts_for_both():
    with clock.counting_work():
        began = clock.now()
        with clock.counting_work():
            clock.spend(3.0)
        assert 3.0 < clock.now() - began < 3.2


def test_a_question_shares_its_effort_and_its_file_among_its_searches(tmp_path):
    x, y = rows(30)
    both, place, calls = np.column_stack([y, np.exp(y)]), tmp_path / "all.json", []
    options = {"effort": 10.0, "checkpoint": place, "search": recording(calls, 4.0), "progress": False}
    sw.discover_multioutput(x, both, **options)
    assert [call["target"] for call in calls] == ["y1", "y2"]
    first, second = (call["effort"] for call in calls)
    assert first == pytest.approx(4.25, rel=0.1)  # half of what the searches may have
    assert second == pytest.approx(0.85 * 6.0, rel=0.1)  # what the first has left
    assert {call["place"] for call in calls} == {place}
    assert len({call["question"] for call in calls}) == 1
    KeptSearch.read(place, "a", calls[0]["question"]).write([X], ("x1",))
    KeptSearch.read(place, "b", calls[0]["question"]).write([X**2, X], ("x1",))
    KeptSearch.read(place, "a", calls[0]["question"]).write([X, X**3], ("x1",))
    found = [KeptSearch.read(place, each, calls[0]["question"]).found for each in ("a", "b", "c")]
    assert [each.runs for each in found] == [2, 1, 0]
    assert read_checkpoint(place, calls[0]["question"]).runs == 3
    assert found[0].expressions(["x1"]) == [X, X**3]
    assert found[1].expressions(["x1"]) == [X**2, X]
    for other in ({"x": x + 1e-9}, {"y": both * 2}, {"targets": ["a", "b"]}):
        asked = {"x": x, "y": both, **other}
        with pytest.raises(ConfigError, match="another search"):
            sw.discover_multioutput(asked.pop("x"), asked.pop("y"), **asked, **options)


def test_targets_may_have_times_of_their_own_and_see_the_parts_of_others():
    x, _ = rows(40)
    inside = np.sin(x[:, 0] * x[:, 1]) + x[:, 1]
    y = np.column_stack([inside, np.tanh(inside) / (x[:, 0] + inside**2), np.cos(3 * x[:, 1] / x[:, 0])])
    calls: list[dict] = []
    options = {"search": recording(calls), "progress": False, "effort": 20.0}
    sw.discover_multioutput(x, y, budgets={"y2": 5.0}, **options)
    assert [call["effort"] for call in calls] == pytest.approx([(17.0 - 5.0) / 2, 5.0, 17.0], rel=0.1)
    calls.clear()
    sw.discover_multioutput(x, y, budgets={"y1": 2.0, "y2": 3.0, "y3": 4.0}, **options)
    assert [call["effort"] for call in calls] == pytest.approx([2.0, 3.0, 4.0], rel=0.05)
    for wrong, word in (
        ({"y4": 1.0}, "no target"),
        ({"y1": 0}, "above 0"),
        ({"y1": "3"}, "above 0"),
        ({"y1": 18.0}, "leave nothing"),
    ):
        with pytest.raises(ConfigError, match=word):
            sw.discover_multioutput(x, y, budgets=wrong, **options)
    calls.clear()
    found = sympy.sin(X * symbol("x2")) + symbol("x2")

    def search(x, y, *, names, target, budget, seed, on_stage, space=None):
        calls.append({"target": target, "space": space})
        return answering(found)(x, y, names=names, target=target, budget=budget, seed=seed, on_stage=on_stage)

    sw.discover_multioutput(x, y[:, :2], budget=2.0, search=search, progress=False)
    assert calls[0]["space"] is None
    assert {found, sympy.sin(X * symbol("x2")), X * symbol("x2")} <= set(calls[1]["space"].parts)


@pytest.mark.bits
def test_a_part_of_another_formula_is_a_column_of_the_populations():
    x, _ = rows(60)
    part = sympy.sin(X * symbol("x2") ** 2)
    data = FitTarget(x, np.exp(np.sin(x[:, 0] * x[:, 1] ** 2)) / x[:, 0], ("x1", "x2"))
    problem = initial_problem(data)
    (wider,) = with_parts(problem, [part, sympy.log(X - 10)], data)
    assert wider.expressions == (*problem.expressions, part)  # the other one is not finite
    assert np.array_equal(wider.columns[:, 2], np.sin(x[:, 0] * x[:, 1] ** 2))
    assert with_parts(problem, [sympy.log(X - 10)], data) == ()


@pytest.mark.slow
def test_the_same_effort_gives_the_same_table_on_any_number_of_threads():
    x, y = rows()
    y = y + 0.05 * np.random.default_rng(1).normal(size=len(y))
    one, two = (sw.discover(x, y, effort=4.0, jobs=jobs, progress=False) for jobs in (1, 2))
    assert [row.text for row in one] == [row.text for row in two]
    assert one.notes == two.notes


def target(n: int = 40) -> FitTarget:
    x, y = rows(n)
    return FitTarget(x, y, ("x1", "x2"))


def test_a_checkpoint_keeps_formulas_to_all_digits(tmp_path):
    data, place = target(), tmp_path / "search.json"
    search = search_of(data, ["sin", "exp"], None)
    first = read_checkpoint(place, search)
    assert first == SearchCheckpoint(KIND, search)
    formulas = [sympy.Float(1 / 3) * sympy.sin(X) ** sympy.Rational(3, 2), X**2 + sympy.Float(np.pi * 1e-7)]
    KeptSearch(place, first).write(formulas, data.names)
    second = read_checkpoint(place, search)
    assert second.runs == 1
    for kept, given in zip(second.expressions(data.names), formulas, strict=True):
        assert abs(float((kept - given).subs(X, 0.83))) < 1e-15


def test_a_checkpoint_of_another_search_is_refused(tmp_path):
    data, place = target(), tmp_path / "search.json"
    search = search_of(data, ["sin"], None)
    KeptSearch.read(place, search).write([X], data.names)
    others = (
        search_of(data, ["sin", "exp"], None),
        search_of(data, ["sin"], 0.1),
        search_of(replace(data, y=data.y + 1e-12), ["sin"], None),
        search_of(replace(data, names=("x1", "z")), ["sin"], None),
        search_of(replace(data, weights=data.x[:, 0]), ["sin"], None),
        search_of(replace(data, weights=data.x[:, 1]), ["sin"], None),
    )
    assert len({search, *others}) == 7
    for other in others:
        with pytest.raises(ConfigError, match="another search"):
            read_checkpoint(place, other)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[1]", b'{"kind": "fit", "search": "x"}', b'{"kind": 3}', b"[" * 5000]
)
def test_a_file_of_another_kind_is_no_checkpoint(tmp_path, content):
    place = tmp_path / "search.json"
    place.write_bytes(content)
    with pytest.raises(FileError, match="not a checkpoint"):
        read_checkpoint(place, "x")
    with pytest.raises(FileError, match="no folder"):
        read_checkpoint(tmp_path / "absent" / "search.json", "x")


def test_a_checkpoint_is_read_up_to_a_size_and_keeps_each_formula_once(tmp_path, monkeypatch):
    module = import_module("splinework.discover.checkpoint")
    data, place = target(), tmp_path / "search.json"
    search = search_of(data, ["sin"], None)
    assert search == search_of(data, ["sin"], None)
    assert search_of(data, ["exp", "sin"], None) == search_of(data, ["sin", "exp"], None)  # in any order
    assert search_of(replace(data, x=data.x + 1e-12), ["sin"], None) != search
    before = read_checkpoint(place, search)
    KeptSearch(place, replace(before, runs=4)).write([X, X**2, X, X**3], data.names)
    found = read_checkpoint(place, search)
    assert (found.runs, len(found.formulas), found.kind, found.search) == (5, 3, KIND, search)
    assert found.expressions(data.names) == [X, X**2, X**3]
    assert place.read_text().count("\n") > 4  # for the eyes of people too
    size = place.stat().st_size
    for most, fits in ((size, True), (size - 1, False)):
        monkeypatch.setattr(module, "MAX_BYTES", most)
        if fits:
            assert read_checkpoint(place, search) == found
        else:
            with pytest.raises(FileError, match="it is too large"):
                read_checkpoint(place, search)
    monkeypatch.undo()
    assert 2**20 < module.MAX_BYTES < 2**28
    content = json.loads(place.read_text())
    for change, said in (
        ({"kind": "fit"}, "its kind is 'fit'"),
        ({"runs": "1"}, "runs of checkpoint"),
        ({"more": 1}, "more"),
    ):
        place.write_text(json.dumps(content | change))
        with pytest.raises(FileError, match=said):
            read_checkpoint(place, search)
    with pytest.raises(FileError, match="cannot write"):
        KeptSearch(tmp_path / "absent" / "search.json", found).write([X], data.names)


def test_a_formula_that_cannot_be_read_is_named(tmp_path):
    place = tmp_path / "search.json"
    place.write_text(json.dumps({"kind": KIND, "search": "x", "runs": 1, "formulas": ["import os"]}))
    with pytest.raises(FileError, match="cannot be read"):
        read_checkpoint(place, "x").expressions(["x1"])


@pytest.mark.slow
def test_a_search_goes_on_from_its_checkpoint(tmp_path):
    x, y = rows()
    place = tmp_path / "search.json"
    sw.discover(x, y, effort=1.0, checkpoint=place, progress=False)
    kept = json.loads(place.read_text())
    assert kept["runs"] == 1
    kept["formulas"] = ["3.0*sin(x1 + 1.5/x2)*x2"]  # what an earlier search may have been about to find
    place.write_text(json.dumps(kept))
    table = sw.discover(x, y, effort=1.0, checkpoint=place, progress=False)
    assert table.best.rmse < 1e-9
    assert any("it went on from 1 formulas" in note for note in table.notes)
    assert json.loads(place.read_text())["runs"] == 2


@pytest.mark.parametrize(("factor", "refused"), [(1.0, False), (0.97, False), (0.6, True), (0.2, True)])
def test_a_formula_that_catches_less_than_the_network_says_how_much(monkeypatch, factor, refused):
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (4000, 1))
    signal = np.sin(3 * x[:, 0])
    y = signal + 0.5 * random.normal(size=4000)
    data = SplitRows(x[2000:], y[2000:], x[:2000], y[:2000])
    network = NetworkTrial(Plan((1, 1), ("linear",), "linear", 1), None, None, 0.5)
    monkeypatch.setattr(
        import_module("splinework.discover.refusal"), "predictor", lambda model: lambda at: np.sin(3 * at[:, 0])
    )
    row = formula_row(sympy.Float(factor) * sympy.sin(3 * X), FitTarget(x, y, ("x1",)), "y", 1.0, {})
    message = refusal(row, network, data)
    assert (message is not None) == refused
    if refused:
        explained = [
            1 - np.mean((y - f * signal)[:2000] ** 2) / np.mean((y[:2000] - y[2000:].mean()) ** 2)
            for f in (factor, 1.0)
        ]
        assert f"the formula catches {explained[0] / explained[1]:.0%} of the variance" in message
        assert "as well as the spline model does" in message
    else:
        assert share_caught(row, network, data) is None


def test_where_few_rows_cannot_tell_whether_a_formula_is_as_good_the_share_is_said_with_its_error(monkeypatch):
    random = np.random.default_rng(4)
    x = random.uniform(-1, 1, (60, 1))
    y = np.sin(3 * x[:, 0]) + 0.5 * random.normal(size=60)
    data = SplitRows(x[30:], y[30:], x[:30], y[:30])
    network = NetworkTrial(Plan((1, 1), ("linear",), "linear", 1), None, None, 0.5)
    monkeypatch.setattr(
        import_module("splinework.discover.refusal"), "predictor", lambda model: lambda at: np.sin(3 * at[:, 0])
    )
    row = formula_row(sympy.Float(0.7) * sympy.sin(3 * X), FitTarget(x, y, ("x1",)), "y", 1.0, {})
    assert refusal(row, network, data) is None
    worse = (0.7 * np.sin(3 * x[:30, 0]) - y[:30]) ** 2 - (np.sin(3 * x[:30, 0]) - y[:30]) ** 2
    explained = np.mean((y[:30] - y[30:].mean()) ** 2) - np.mean((np.sin(3 * x[:30, 0]) - y[:30]) ** 2)
    share, error = 1 - worse.mean() / explained, worse.std() / np.sqrt(30) / explained
    assert f"catches {share:.0%} of the variance" in share_caught(row, network, data)
    assert f"standard error of {error:.0%}" in share_caught(row, network, data)


def test_a_formula_that_explodes_beyond_the_data_loses_against_one_that_does_not():
    x = np.linspace(1.0, 2.0, 100)[:, None]
    y = x[:, 0]
    data = FitTarget(x, y, ("x1",))
    tame = formula_row(X + sympy.Float(1e-4), data, "y", 8.0, {})
    pole = formula_row(X + sympy.Float(1e-6) / (sympy.Float(2.0601) - X), data, "y", 1.0, {})
    assert is_steady(tame, data)
    assert is_steady(formula_row(1 / X, data, "y", 1.0, {}), data)
    wild = replace(pole, expression=X + sympy.exp(400 * (X - 2)) * sympy.Float(1e-9))
    assert not is_steady(wild, data)
    for gap, wins in ((15.0, tame), (25.0, wild)):
        better = replace(wild, description=tame.description - gap, rmse=tame.rmse / 10)
        first = ranked([tame, better], 5, steady=lambda row: is_steady(row, data))[0]
        assert first.text == wins.text
        assert ranked([tame, better], 5)[0].text == wild.text


@pytest.mark.parametrize("most", [*slow(1), 2, *slow(3.5)])
def test_no_formula_has_larger_exponents_than_asked_for(most):
    x, _ = rows(60)
    table = sw.discover(x, x[:, 0] ** 4 / x[:, 1], max_exponent=most, effort=0.5, progress=False)
    powers = [p for row in table for p in row.expression.atoms(sympy.Pow) if p.exp.is_number]
    assert all(abs(p.exp) <= most for p in powers)


@pytest.mark.parametrize("wrong", [0, 0.5, "2", float("nan"), True])
def test_a_largest_exponent_is_checked(wrong):
    x, y = rows(30)
    with pytest.raises(ConfigError, match="max_exponent"):
        sw.discover(x, y, max_exponent=wrong, progress=False)


def test_the_last_networks_keep_to_what_is_left_of_the_budget(monkeypatch):
    """Where no network was fitted before: up to three, the first for as long as is left, all for a fiftieth at least."""
    regression, spent = import_module("splinework.discover.regression"), []

    def run(self, shape):
        self.pool.offer(sympy.Float(2.0) * X)
        clock.spend(9.6)

    def only(self, plan, *, budget):
        spent.append(budget)
        clock.spend(budget)
        return NetworkTrial(plan, None, None, 1.0)

    monkeypatch.setattr(regression._RegressionSearch, "run", run)
    monkeypatch.setattr(NetworkSearch, "only", only)
    sw.discover(*rows(), effort=10, progress=False)
    assert len(spent) == 3
    assert sum(spent) <= 10 - 9.6 + 2 * 0.2
