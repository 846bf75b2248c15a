"""`splinework fit`: what it writes and says."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest

from splinework.nn.checkpoint import load, read_header

FILES = {"model.safetensors", "equations.csv", "metrics.json", "report.html"}
METRICS = {
    "rmse_train", "rmse_test", "r2_test", "n_train", "n_test", "seconds", "parameters", "active_edges", "active_inputs",
    "seed", "version",
}  # fmt: skip


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_four_files_are_written(run, data, pipeline):
    result = run("fit", "data.csv", "--target", "y")
    assert result.exit_code == 0, result.output
    folder = data.parent / "splinework-data"
    assert {path.name for path in folder.iterdir()} == FILES
    assert {path.name for path in data.parent.iterdir()} == {"data.csv", "splinework-data"}
    assert (folder / "equations.csv").read_text().splitlines()[0] == (
        "rank,target,formula,complexity,rmse_train,rmse_test,r2_test"
    )
    assert load(folder / "model.safetensors").config.input_names == ("a", "b", "c")


def test_the_first_formula_can_be_evaluated_over_the_columns(run, data, pipeline):
    assert run("fit", "data.csv", "--target", "y").exit_code == 0
    first = rows_of(data.parent / "splinework-data" / "equations.csv")[0]
    frame = pd.read_csv(data)
    found = eval(first["formula"], {**vars(np)}, {name: frame[name].to_numpy() for name in frame})
    np.testing.assert_allclose(found, frame["y"], rtol=1e-12)
    assert (first["rank"], first["target"]) == ("1", "y")
    assert float(first["rmse_test"]) < 1e-12
    assert float(first["r2_test"]) == pytest.approx(1)


def test_the_metrics_are_strict_json(run, data, pipeline):
    assert run("fit", "data.csv", "--target", "y", "--test-fraction", "0", "--seed", "7").exit_code == 0

    def refuse(text: str) -> None:
        raise AssertionError(text)

    metrics = json.loads((data.parent / "splinework-data" / "metrics.json").read_text(), parse_constant=refuse)
    assert set(metrics) == METRICS
    assert metrics["n_train"] == 40
    assert metrics["n_test"] == 0
    assert metrics["rmse_test"] is None
    assert metrics["r2_test"] is None
    assert metrics["active_inputs"] == ["a", "b", "c"]
    assert metrics["seed"] == 7


def test_formulas_that_are_undefined_somewhere_have_no_figures(run, data, pipeline):
    data.write_text(data.read_text() + "1e149,1,1,1\n")
    assert run("fit", "data.csv", "--target", "y", "--out", "o", "--test-fraction", "0").exit_code == 0
    assert "nan" not in (data.parent / "o" / "equations.csv").read_text()
    assert "NaN" not in (data.parent / "o" / "metrics.json").read_text()


def test_json_is_one_object_and_nothing_else(run, data, pipeline):
    result = run("fit", "data.csv", "--target", "y", "--json")
    found = json.loads(result.stdout)
    assert set(found) == {"metrics", "formulas", "notes", "interrupted", "files"}
    assert found["interrupted"] is False
    assert set(found["metrics"]) == METRICS
    assert [row["rank"] for row in found["formulas"]] == [1, 2]
    assert all((data.parent / path).is_file() for path in found["files"].values())
    assert "screening" in result.stderr
    assert run("fit", "data.csv", "--target", "y", "--json", "--quiet", "--overwrite").stderr == ""


def test_quiet_says_nothing(run, data, pipeline):
    result = run("fit", "data.csv", "--target", "y", "--quiet")
    assert result.output == ""
    assert (data.parent / "splinework-data" / "report.html").exists()


def test_what_is_said_without_a_terminal(run, data, pipeline):
    result = run("fit", "data.csv", "--target", "y")
    assert [re.split(r"s  (?: *\d+%  )?|; at most", line)[1] for line in result.stderr.splitlines()] == [
        "screening", "fitting [1]", "measuring", "writing the report"
    ]  # fmt: skip
    assert "\x1b" not in result.output
    for fragment in (
        "formulas for y",
        "a note of the pipeline",
        "splinework-data/report.html",
        "splinework predict splinework-data/model.safetensors data.csv --out predictions.csv",
    ):
        assert fragment in result.stdout


def test_options_reach_the_pipeline(run, data, pipeline):
    options = ["--features", "b, a", "--seed", "3", "--test-fraction", "0.25", "--shape", "2,(3,2),1", "--budget", "9"]
    result = run("fit", "data.csv", "--target", "y", *options)
    assert result.exit_code == 0, result.output
    call = pipeline.calls[0]
    assert call["x"].shape == (30, 2)
    assert call["x"].dtype == call["y"].dtype == np.float64
    assert (call["names"], call["target"]) == (["b", "a"], "y")
    assert (call["seed"], call["budget"], call["shape"]) == (3, 9.0, [2, (3, 2), 1])
    report = pipeline.reports[0]
    assert report["x"] is call["x"]
    assert len(report["test"][1]) == 10
    assert "data.csv" in report["title"]


def test_the_split_is_that_of_the_seed(run, data, pipeline):
    for seed in ("0", "0", "1"):
        run("fit", "data.csv", "--target", "y", "--seed", seed, "--overwrite")
    first, again, other = (call["y"] for call in pipeline.calls)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("rows", "option", "train", "test"),
    [
        (8, None, 8, 0),
        (9, None, 8, 1),
        (20, None, 18, 2),
        (49, None, 44, 5),
        (50, None, 40, 10),
        (16, "0.5", 8, 8),
        (10, "0.01", 9, 1),
    ],
)
def test_few_rows_hold_back_a_smaller_share(run, data, pipeline, rows, option, train, test):
    text = ["a,b,c,y", *(f"{i},{i * i % 7},{i % 3},{2 * i}" for i in range(rows))]
    data.write_text("\n".join(text))
    option = [] if option is None else ["--test-fraction", option]
    result = run("fit", "data.csv", "--target", "y", "--json", "--quiet", *option)
    metrics = json.loads(result.stdout)["metrics"]
    assert (metrics["n_train"], metrics["n_test"]) == (train, test)


def test_awkward_names_get_identifiers(run, folder, pipeline):
    generator = np.random.default_rng(0)
    x = generator.uniform(1, 2, (30, 3))
    frame = pd.DataFrame({"mass [kg]": x[:, 0], "class": x[:, 1], "sin": x[:, 2], "größe, total": x.sum(1)})
    frame.to_csv("d.csv", index=False)
    result = run("fit", "d.csv", "--target", "größe, total", "--json")
    found = json.loads(result.stdout)
    formula = found["formulas"][0]
    assert formula["target"] == "größe, total"
    values = {"mass_kg": x[:, 0], "class_": x[:, 1], "sin_": x[:, 2]}
    np.testing.assert_allclose(eval(formula["formula"], {}, values), x.sum(1))
    assert "'mass [kg]' is called mass_kg in formulas" in found["notes"]
    assert found["metrics"]["active_inputs"] == ["mass [kg]", "class", "sin"]
    header = read_header(folder / "splinework-d" / "model.safetensors")["notes"]
    assert header["columns"] == {
        "mass_kg": "mass [kg]", "class_": "class", "sin_": "sin", "größe_total": "größe, total"
    }  # fmt: skip
    result = run("fit", "d.csv", "--target", "sin", "--features", '"größe, total",class', "--out", "o")
    assert result.exit_code == 0, result.output


def test_constant_columns_are_left_out_and_said(run, folder, pipeline):
    text = "\n".join(["a,b,y", *(f"{i},5,{2 * i}" for i in range(20))])
    (folder / "d.csv").write_text(text)
    result = run("fit", "d.csv", "--target", "y")
    assert "'b' is 5 in every row to fit: left out" in result.stdout
    assert pipeline.calls[0]["names"] == ["a"]


def test_row_numbers_and_empty_columns_are_left_out_and_said(run, folder, pipeline):
    pd.DataFrame({"a": np.arange(20.0) ** 2, "e": None, "y": np.arange(20.0)}).to_csv("d.csv")
    result = run("fit", "d.csv", "--target", "y")
    assert "'Unnamed: 0' only numbers the rows: left out" in result.stdout
    assert "'e' is empty: left out" in result.stdout
    assert pipeline.calls[0]["names"] == ["a"]


def test_booleans_are_numbers(run, folder, pipeline):
    text = "\n".join(["a,b,y", *(f"{i},{'true' if i % 2 else 'false'},{2 * i}" for i in range(20))])
    (folder / "d.csv").write_text(text)
    assert "true and false" in run("fit", "d.csv", "--target", "y").stdout
    assert set(pipeline.calls[0]["x"][:, 1]) == {0.0, 1.0}


HOLES = ["a,b,y", *(f"{i},{i * i},{2 * i}" for i in range(20)), ",1,1", "1,inf,2", "2,3,"]


def test_missing_drop_leaves_out_the_rows(run, folder, pipeline):
    (folder / "d.csv").write_text("\n".join(HOLES))
    result = run("fit", "d.csv", "--target", "y", "--missing", "drop", "--test-fraction", "0")
    assert "3 rows left out" in result.stdout
    assert "a: 1 empty" in result.stdout
    assert "b: 1 infinite" in result.stdout
    assert pipeline.calls[0]["x"].shape == (20, 2)


def test_missing_mean_fills_features_with_the_mean_of_the_rows_fitted(run, folder, pipeline):
    (folder / "d.csv").write_text("\n".join(HOLES))
    result = run("fit", "d.csv", "--target", "y", "--missing", "mean")
    assert "1 row left out" in result.stdout
    assert "2 cells of features filled" in result.stdout
    x = np.concatenate([pipeline.calls[0]["x"], pipeline.reports[0]["test"][0]])
    assert x.shape == (22, 2)
    means = read_header(folder / "splinework-d" / "model.safetensors")["notes"]["means"]
    assert means["a"] in x[:, 0]
    fitted = pipeline.calls[0]["x"][:, 0]
    assert means["a"] == pytest.approx(fitted[fitted != means["a"]].mean())


def test_other_ways_to_write_a_table_are_read_and_said(run, folder, pipeline):
    (folder / "d.csv").write_bytes("\r\n".join(["\ufeffa;y", *(f"{i},5;{i}" for i in range(20))]).encode())
    result = run("fit", "d.csv", "--target", "y")
    assert result.exit_code == 0, result.output
    assert "semicolons" in result.stdout
    assert "decimal commas" in result.stdout
    pd.DataFrame({"a": np.arange(20.0), "y": np.arange(20.0)}).to_parquet("d.parquet")
    assert run("fit", "d.parquet", "--target", "y", "--overwrite").exit_code == 0
    assert run("fit", "-", "--target", "y", input=(folder / "d.csv").read_bytes()).exit_code == 0
    assert (folder / "splinework-stdin" / "report.html").exists()


def test_overwrite_replaces_the_results_and_nothing_else(run, data, pipeline):
    folder = data.parent / "o"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "metrics.json").write_text("old")
    assert run("fit", "data.csv", "--target", "y", "--out", "o", "--overwrite").exit_code == 0
    assert {path.name for path in folder.iterdir()} == FILES | {"mine.txt"}
    assert (folder / "mine.txt").read_text() == "mine"
    assert json.loads((folder / "metrics.json").read_text())["n_train"]


def test_an_empty_folder_and_folders_to_be_made_will_do(run, data, pipeline):
    (data.parent / "o").mkdir()
    assert run("fit", "data.csv", "--target", "y", "--out", "o").exit_code == 0
    assert run("fit", "data.csv", "--target", "y", "--out", "p/q/r").exit_code == 0
    assert {path.name for path in (data.parent / "p" / "q" / "r").iterdir()} == FILES
