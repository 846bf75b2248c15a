"""`splinework fit` and `predict` where a table has categories, classes or gaps."""

import csv
import importlib
import io
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from splinework.data import data_set
from splinework.tabular import KANClassifier, load
from tests.cli.stand_in import Estimator, refused

ROWS = 40
KINDS = ["red", "green", "blue", "red"]


@pytest.fixture
def learner(monkeypatch):
    """A stand-in for the estimators; what it was given."""
    seen = []

    def fitted(request, wanted, rows, stages, stop):
        seen.append((wanted, rows))
        return Estimator(request, wanted, rows, stages)

    monkeypatch.setattr(importlib.import_module("splinework.cli.estimation"), "_fitted", fitted)
    return seen


@pytest.fixture
def mixed(folder):
    """A table with a number, a category, gaps, names, a number to explain and a class."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": generator.uniform(1, 2, ROWS),
            "kind": [KINDS[i % 4] for i in range(ROWS)],
            "name": [f"n{i}" for i in range(ROWS)],
            "y": generator.normal(size=ROWS),
            "class": ["good" if i % 3 else "bad" for i in range(ROWS)],
        }
    )
    frame.loc[5, "a"] = np.nan
    frame.loc[6, "kind"] = None
    frame.to_csv(folder / "m.csv", index=False)
    return frame


def test_categories_and_gaps_reach_the_estimator_as_they_are(run, folder, mixed, learner):
    result = run("fit", "m.csv", "--target", "y", "--json")
    assert result.exit_code == 0, result.output
    wanted, rows = learner[0]
    assert not wanted.classes
    assert list(rows.x.columns) == ["a", "kind", "class"]
    assert rows.x["a"].dtype == np.float64
    assert set(rows.x["kind"].dropna()) == set(KINDS)
    assert len(rows.y) == 36  # of 40, a tenth is held back
    found = json.loads(result.stdout)
    assert set(found) == {"metrics", "formulas", "notes", "interrupted", "files"}
    assert found["metrics"]["task"] == "regression"
    assert (found["metrics"]["n_train"], found["metrics"]["n_test"]) == (36, 4)
    assert "'name' holds words that are nearly all different, so no categories: left out" in found["notes"]
    assert "2 cells missing: what that means is learned" in found["notes"]
    assert "a note of the estimator" in found["notes"]
    assert {path.name for path in (folder / "splinework-m").iterdir()} == {
        "model.safetensors", "equations.csv", "metrics.json", "report.html"
    }  # fmt: skip
    with (folder / "splinework-m" / "equations.csv").open(newline="") as file:
        assert [row["formula"] for row in csv.DictReader(file)] == ["1.5"]


def test_a_target_of_words_is_classified(run, mixed, learner):
    result = run("fit", "m.csv", "--target", "class", "--features", "a,kind")
    assert result.exit_code == 0, result.output
    wanted, rows = learner[0]
    assert wanted.classes
    assert set(rows.y) == {"good", "bad"}
    for fragment in ("formulas for class", "are right", "of 4 rows held out", "splinework predict"):
        assert fragment in result.stdout
    metrics = json.loads(run("fit", "m.csv", "--target", "class", "--json", "--overwrite").stdout)["metrics"]
    assert metrics["classes"] == ["bad", "good"]
    assert 0 <= metrics["accuracy_test"] <= 1
    assert metrics["log_loss_test"] > 0


def test_the_task_and_gaps_can_be_asked_for(run, folder, data, pipeline, learner):
    frame = pd.read_csv(data)
    assert run("fit", "data.csv", "--target", "y", "--task", "regression", "--out", "o").exit_code == 0
    assert not learner  # all numbers, so the search for a formula takes it
    frame.assign(c=np.arange(40) % 3).to_csv("c.csv", index=False)
    assert run("fit", "c.csv", "--target", "c", "--task", "classification").exit_code == 0
    assert set(learner[0][1].y) == {"0", "1", "2"}
    frame.loc[3, "a"] = np.nan
    frame.to_csv("h.csv", index=False)
    refused(run("fit", "h.csv", "--target", "y", "--out", "h"), "--missing drop")
    assert run("fit", "h.csv", "--target", "y", "--missing", "learn", "--out", "h").exit_code == 0
    assert learner[1][1].x["a"].isna().sum() == 1


def test_rows_without_a_target_or_with_gaps_are_left_out_and_counted(run, folder, mixed, learner):
    mixed.loc[[1, 2], "y"] = np.nan
    mixed.to_csv("m.csv", index=False)
    options = ["--target", "y", "--test-fraction", "0", "--json"]
    found = json.loads(run("fit", "m.csv", *options).stdout)
    assert found["metrics"]["n_train"] == 38
    assert "2 rows left out for cells that are empty or not finite" in found["notes"]
    dropped = json.loads(run("fit", "m.csv", *options, "--missing", "drop", "--overwrite").stdout)
    assert dropped["metrics"]["n_train"] == 36


@pytest.mark.parametrize(
    ("text", "options", "fragments"),
    [
        ("kind,y\n" + "red,1\nblue,2\n" * 10, ["--shape", "1,5,1"], ["--shape is for tables of numbers"]),
        ("kind,y\n" + "red,1\nblue,2\n" * 10, ["--missing", "mean"], ["--missing mean", "learns"]),
        ("kind,y\n" + "red,1\nblue,1\n" * 10, [], ["'y' is 1", "nothing to explain"]),
        ("kind,y\n" + "red,1\n" * 3, [], ["3 rows", "at least 9"]),
        ("kind,y\n" + "red,1\nblue,x\n" * 10, ["--task", "regression"], ["column 'y'", "'x' (line 3)"]),
        ("a,y\n" + "1,one\n2,one\n" * 10, [], ["1 class", "at least 2"]),
        ("a,y\n" + "".join(f"{i},{i}\n" for i in range(40)), ["--task", "classification"], ["40 classes in 40 rows"]),
        ("kind,n,y\n" + "".join(f"red,{'x' if i == 3 else i},{i}\n" for i in range(20)), [], ["'n'", "'x' (line 5)"]),
        (
            "kind,n,y\n" + "".join(f"red,n{i},{i}\n" for i in range(20)),
            ["--features", "kind,n"],
            ["'n'", "'n0' (line 2)"],
        ),
        ("y,n\n" + "".join(f"red,n{i}\nblue,m{i}\n" for i in range(10)), [], ["no column beside 'y'"]),
        ("kind,y\n" + "red,\nblue,\n" * 10, [], ["every row of d.csv"]),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(run, folder, learner, text, options, fragments):
    (folder / "d.csv").write_text(text)
    refused(run("fit", "d.csv", "--target", "y", "--quiet", *options), *fragments)
    assert not learner


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """A folder with a table of flowers of two colours, and a quick model that tells them apart."""
    place = tmp_path_factory.mktemp("flowers")
    frame = data_set("iris").frame()[::2].reset_index(drop=True)
    frame["colour"] = ["blue" if i % 3 else "white" for i in range(len(frame))]
    frame.to_csv(place / "iris.csv", index=False)
    quick = KANClassifier(hidden=0, grid=3, members=1, max_iter=5)
    quick.fit(frame.drop(columns="species"), frame["species"]).save(place / "m.safetensors")
    return place


def test_classes_come_with_their_probabilities(flowers, run):
    model, table = str(flowers / "m.safetensors"), str(flowers / "iris.csv")
    result = run("predict", model, table, "--out", "-", "--quiet")
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(io.StringIO(result.stdout))
    assert (frame.species_predicted == frame.species).mean() > 0.9
    shares = frame[[f"species_probability_{name}" for name in ("setosa", "versicolor", "virginica")]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares.to_numpy().argmax(axis=1) == pd.Categorical(frame.species_predicted).codes).all()
    expected = load(model).predict_proba(pd.read_csv(table).drop(columns="species"))
    np.testing.assert_allclose(shares, expected, rtol=1e-12)
    found = json.loads(run("predict", model, table, "--json").stdout)
    assert found["predictions"]["species_predicted"] == frame.species_predicted.tolist()
    assert found["predicted"] == 75
    assert found["notes"] == []


def test_gaps_and_new_categories_are_predicted_and_told(flowers, run, folder):
    head = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,colour\n"
    (folder / "d.csv").write_text(head + "5,3,1.4,0.2,purple\n5,,1.4,0.2,\n")
    result = run("predict", str(flowers / "m.safetensors"), "d.csv", "--out", "-")
    assert result.exit_code == 0, result.output
    assert [row.split(",")[5] for row in result.stdout.splitlines()[1:]] == ["setosa", "setosa"]
    assert "1 cell of 'colour' is a category that the fit has not seen, such as 'purple'" in result.stderr
    (folder / "d.csv").write_text(head)
    assert run("predict", str(flowers / "m.safetensors"), "d.csv", "--out", "-").exit_code == 0


def test_the_model_is_shown_and_reported(flowers, run):
    model = str(flowers / "m.safetensors")
    assert "petal_length_cm" in run("show", model).stdout
    assert run("report", model, "--out", "r.html").exit_code == 0
    for options in ([], ["--held-out"]):
        result = run("report", model, str(flowers / "iris.csv"), *options, "--out", "s.html", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["rows"] == 75
        text = Path("s.html").read_text()
        assert "Confusion matrix on the" in text
        assert "Accuracy on" in text or "accuracy on" in text
    table = pd.read_csv(flowers / "iris.csv").drop(columns="species")
    table.to_csv("x.csv", index=False)
    assert "no column 'species'" in run("report", model, "x.csv", "--out", "t.html").stderr
    refused(run("report", model, "x.csv", "--held-out", "--out", "t.html", "--quiet"), "--held-out says nothing")


@pytest.mark.slow
@pytest.mark.parametrize(("target", "figure"), [("species", "accuracy_test"), ("petal_length_cm", "r2_test")])
def test_the_real_estimators_learn_flowers(run, folder, target, figure):
    data_set("iris").frame().to_csv("iris.csv", index=False)
    result = run("fit", "iris.csv", "--target", target, "--budget", "10", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["metrics"][figure] > 0.85
    assert found["formulas"]
    predicted = run("predict", found["files"]["model"], "iris.csv", "--out", "-", "--quiet")
    assert f"{target}_predicted" in predicted.stdout.splitlines()[0].split(",")


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("sepal_length_cm\n1\n", ["lacks 3 of the 5 columns"]),
        (
            "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm\n1,2,3,x\n",
            ["'petal_width_cm'", "'x' (line 2)"],
        ),
        ("sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,species_predicted\n1,2,3,4,5\n", ["already"]),
    ],
)
def test_tables_that_do_not_fit_the_model_are_told(flowers, run, folder, text, fragments):
    text = text.replace("\n", ",colour\n", 1).replace("\n", ",blue\n").replace(",colour,blue", ",colour")
    (folder / "d.csv").write_text(text)
    model = str(flowers / "m.safetensors")
    refused(run("predict", model, "d.csv", "--out", "p.csv", "--quiet"), *fragments)
    assert not (folder / "p.csv").exists()


@pytest.mark.quick(1)
@pytest.mark.parametrize("where", ["fit", "formulas"])
def test_ctrl_c_keeps_the_best_model(run, folder, monkeypatch, where):
    """In the fit it ends the training; in the search for formulas it ends that; the files are written either way."""
    import splinework.tabular.interactions as engine
    from splinework.tabular.explanation import ExplanationMixin

    train = engine.train_ensemble

    def pressed(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return train(*arguments)

    def interrupted(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    if where == "fit":
        monkeypatch.setattr(engine, "train_ensemble", pressed)
    else:
        monkeypatch.setattr(ExplanationMixin, "formulas_", property(interrupted))
    lines = ["a,b,y", *(f"{i / 60},{'pq'[i % 2]},{i * (i % 2)}" for i in range(60))]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    result = run("fit", "data.csv", "--target", "y", "--json")
    assert result.exit_code == 130, result.stderr
    found = json.loads(result.stdout)
    assert found["interrupted"]
    assert all(Path(path).exists() for path in found["files"].values())
    assert run("predict", found["files"]["model"], "data.csv", "--out", "-").exit_code == 0
