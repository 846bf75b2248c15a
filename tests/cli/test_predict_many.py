"""`splinework predict` on Arrow data sets: folders, partitions, patterns, compressed CSV; output as Parquet; going on."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from splinework.nn.checkpoint import load, save
from splinework.nn.network import KAN
from splinework.tabular.tables import arrow_rows as rows_module
from splinework.tabular.tables.arrow_columns import as_array, as_numbers
from splinework.tabular.tables.arrow_rows import arrow_rows
from splinework.train.parallel import ahead
from tests.cli.stand_in import refused


@pytest.fixture
def model(folder) -> str:
    generator = torch.Generator().manual_seed(0)
    network = KAN([2, 2, 1], names=["a", "b"], output_names=["y"], dtype=torch.float64, generator=generator)
    save(network, folder / "m.safetensors")
    return "m.safetensors"


def frame(count: int = 50, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.array(["one", "two"])[rng.integers(0, 2, count)]
    x = rng.uniform(-1, 1, (count, 2))
    return pd.DataFrame({"id": range(count), "b": x[:, 1], "word": words, "a": x[:, 0], "y": x.sum(1)})


def expected(table: pd.DataFrame) -> np.ndarray:
    with torch.no_grad():
        return load("m.safetensors")(torch.from_numpy(np.ascontiguousarray(table[["a", "b"]])))[:, 0].numpy()


def written(name: str, table: pd.DataFrame) -> None:
    """The table as a file, or files, of some kind, in the folder `name`."""
    Path(name).mkdir()
    half = len(table) // 2
    if name == "csv":
        table[:half].to_csv("csv/1.csv", index=False)
        table[half:].to_csv("csv/2.csv.gz", index=False)
    elif name == "partitions":
        for year, part in ((2023, table[:half]), (2024, table[half:])):
            Path(name, f"year={year}").mkdir()
            part.to_parquet(f"{name}/year={year}/rows.parquet", index=False)
    else:
        table[:half].to_parquet(f"{name}/1.parquet", index=False, row_group_size=7)
        table[half:].to_parquet(f"{name}/2.parquet", index=False)
        Path(name, "_notes.txt").write_text("no table")


@pytest.mark.parametrize("kind", ["csv", "partitions", "parquet"])
@pytest.mark.parametrize("out", ["p.parquet", "p/", "p.csv"])
def test_every_row_of_a_folder_is_kept_with_its_prediction(run, folder, model, kind, out, monkeypatch):
    monkeypatch.setattr(rows_module, "MIN_PIECE_ROWS", 10)
    monkeypatch.setattr(rows_module, "BATCH_ROWS", 4)
    table = frame()
    written(kind, table)
    result = run("predict", model, kind, "--out", out)
    assert result.exit_code == 0, result.output
    found = pd.read_csv(out) if out == "p.csv" else pq.read_table(out).to_pandas()
    assert list(found.columns)[:5] == list(table.columns)
    pd.testing.assert_frame_equal(found[table.columns], table, check_dtype=False, rtol=1e-15)
    np.testing.assert_allclose(found["y_predicted"], expected(table), rtol=1e-13)
    assert "50 rows with y_predicted" in result.stderr
    if kind == "partitions":
        assert found["year"].tolist() == [2023] * 25 + [2024] * 25


def test_a_pattern_and_one_compressed_file_are_data_sets_too(run, folder, model):
    table = frame()
    written("parquet", table)
    assert run("predict", model, "parquet/*.parquet", "--out", "p.parquet").exit_code == 0
    np.testing.assert_allclose(pq.read_table("p.parquet")["y_predicted"], expected(table), rtol=1e-13)
    with gzip.open("n.csv.gz", "wt") as file:
        table.to_csv(file, index=False, sep=";", decimal=",")
    assert run("predict", model, "n.csv.gz", "--out", "q.parquet").exit_code == 0
    np.testing.assert_allclose(pq.read_table("q.parquet")["y_predicted"], expected(table), rtol=1e-13)


def test_cells_that_are_missing_get_no_prediction_and_other_columns_keep_their_kind(run, folder, model):
    table = frame().assign(when=pd.Timestamp("2024-02-29"))
    table.loc[3, "a"] = np.nan
    table.loc[4, "word"] = None
    table.to_parquet("n.parquet")
    result = run("predict", model, "n.parquet", "--out", "p.parquet")
    assert "1 row got no prediction" in result.stderr
    found, given = pq.read_table("p.parquet"), pq.read_table("n.parquet")
    assert found["y_predicted"].is_null().to_pylist() == [row == 3 for row in range(50)]
    assert found.drop_columns("y_predicted").schema.equals(given.schema.remove_metadata())
    assert found["word"].to_pylist() == given["word"].to_pylist()


def test_figures_of_all_rows_are_those_of_the_whole_table(run, folder, model, monkeypatch):
    monkeypatch.setattr(rows_module, "BATCH_ROWS", 7)
    table = frame()
    table.loc[5, "y"] = np.nan
    table.to_parquet("n.parquet")
    found = json.loads(run("predict", model, "n.parquet", "--out", "p.parquet", "--json", "--quiet").stdout)["figures"]
    known = table.dropna()
    errors = expected(known) - known["y"]
    assert found["rows"] == 49
    assert found["rmse"] == pytest.approx(float(np.sqrt((errors**2).mean())), rel=1e-12)
    assert found["mae"] == pytest.approx(float(errors.abs().mean()), rel=1e-12)
    assert found["r2"] == pytest.approx(1 - float((errors**2).sum() / ((known["y"] - known["y"].mean()) ** 2).sum()))


def test_what_was_interrupted_goes_on_with_the_pieces_that_are_missing(run, folder, model, monkeypatch):
    monkeypatch.setattr(rows_module, "MIN_PIECE_ROWS", 10)
    table = frame()
    table.to_parquet("n.parquet", row_group_size=10)
    assert run("predict", model, "n.parquet", "--out", "p/").exit_code == 0
    parts = sorted(Path("p").glob("*.parquet"))
    assert len(parts) == 5
    parts[3].unlink()
    before = {part: part.stat().st_mtime_ns for part in parts if part.exists()}
    result = run("predict", model, "n.parquet", "--out", "p/")
    assert "4 pieces of 5 had been done before" in result.stderr
    assert {part: part.stat().st_mtime_ns for part in before} == before
    np.testing.assert_allclose(pq.read_table("p")["y_predicted"], expected(table), rtol=1e-13)


def test_a_piece_that_cannot_be_read_leaves_those_before_it_and_no_half_file(run, folder, model):
    written("parquet", frame())
    whole = Path("parquet/2.parquet").read_bytes()
    Path("parquet/2.parquet").write_bytes(whole[:4] + bytes(300) + whole[304:])
    result = run("predict", model, "parquet", "--out", "p/")
    assert result.exit_code != 0
    assert [part.name for part in sorted(Path("p").glob("*.parquet"))] == ["part-000000.parquet"]


def test_refusals(run, folder, model):
    table = frame()
    written("parquet", table)
    Path("other").mkdir()
    Path("other/text").write_text("mine")
    refused(run("predict", model, "parquet", "--out", "other"), "other files in it")
    Path("empty").mkdir()
    refused(run("predict", model, "empty", "--out", "p/"), "no Parquet or CSV file")
    refused(run("predict", model, "x-*.parquet", "--out", "p/"), "no file has a name like")
    refused(run("predict", model, "-", "--out", "p.parquet", input=b""), "not from the standard input")
    assert run("predict", model, "parquet", "--out", "p/").exit_code == 0
    table[:20].to_parquet("parquet/1.parquet")
    refused(run("predict", model, "parquet", "--out", "p/"), "another model or for other rows")
    table.to_csv("parquet/3.csv")
    refused(run("predict", model, "parquet", "--out", "q/"), "side by side")
    Path("parquet/3.csv").unlink()
    table.assign(a="word").to_parquet("parquet/3.parquet")
    refused(run("predict", model, "parquet", "--out", "q/"), "do not fit each other")
    table.assign(y_predicted=1).to_parquet("n.parquet")
    refused(run("predict", model, "n.parquet", "--out", "q.parquet"), "has a column 'y_predicted' already")
    table.drop(columns="a").to_parquet("n.parquet")
    refused(run("predict", model, "n.parquet", "--out", "q.parquet"), "lacks 1 of the 2 columns")
    assert not Path("q.parquet").exists()


def test_no_rows_no_predictions(run, folder, model):
    frame(0).assign(a=0.0, b=0.0).to_parquet("n.parquet")
    assert run("predict", model, "n.parquet", "--out", "p.parquet").exit_code == 0
    found = pq.read_table("p.parquet")
    assert (found.num_rows, found.column_names[-1]) == (0, "y_predicted")


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "int8", "uint16", "bool"])
@pytest.mark.parametrize("missing", [False, True])
def test_columns_come_to_numpy_and_back_without_loss(kind, missing):
    values = [1, 0, 1, 1, 0, 1, 0, 0, 1, 1]
    column = pa.array([bool(v) if kind == "bool" else v for v in values], getattr(pa, kind.replace("bool", "bool_"))())
    if missing:
        column = pa.array([None if i == 3 else v for i, v in enumerate(column.to_pylist())], column.type)
    for part in (column, column.slice(2), column.slice(1, 5)):
        found = as_numbers(part).astype(np.float64)
        again = [None if v is None else float(v) for v in part.to_pylist()]
        assert [None if np.isnan(v) else v for v in found] == again
        assert as_array(found).to_pylist() == again


def test_work_ahead_keeps_the_order_passes_errors_on_and_ends_with_its_reader():
    assert list(ahead(range(100))) == list(range(100))
    made = []

    def items():
        for number in range(1000):
            made.append(number)
            if number == 50:
                raise ValueError("at 50")
            yield number

    with pytest.raises(ValueError, match="at 50"):
        list(ahead(items()))
    made.clear()
    begun = ahead(items())
    assert next(begun) == 0
    begun.close()
    assert len(made) <= 5


def test_partitions_that_are_no_numbers_are_words(folder):
    for name in ("kind=a", "kind=7"):
        Path("t", name).mkdir(parents=True)
        frame(3).to_parquet(f"t/{name}/1.parquet")
    rows = arrow_rows("t")
    assert [batch.column("kind").to_pylist() for piece in rows.pieces for batch in rows.batches(piece)] == [
        ["7"] * 3,
        ["a"] * 3,
    ]


def test_a_sample_is_taken_evenly_and_is_all_where_rows_are_few(run, folder):
    written("parquet", frame())
    rows = arrow_rows("parquet")
    pd.testing.assert_frame_equal(rows.sample(50).frame.reset_index(drop=True), frame(), check_dtype=False)
    for most in (49, 20, 3):
        found = rows.sample(most).frame["id"].to_numpy()
        assert most / 2 <= len(found) <= most
        assert len(set(np.diff(found))) == 1


@pytest.mark.parametrize("command", ["fit", "discover"])
@pytest.mark.parametrize("kind", ["csv", "partitions", "parquet"])
def test_a_folder_is_fitted_as_one_file_with_its_rows_is(run, folder, pipeline, command, kind, monkeypatch):
    table = frame()
    written(kind, table)
    table.to_csv("one.csv", index=False)
    options = ("--target", "y", "--features", "a,b", "--json", "--quiet")
    results = [run(command, data, *options) for data in (kind, "one.csv")]
    assert [result.exit_code for result in results] == [0, 0], results[0].output
    whole, single = (call for call in pipeline.calls)
    np.testing.assert_allclose(whole["x"], single["x"], rtol=1e-15)
    np.testing.assert_allclose(whole["y"], single["y"], rtol=1e-15)
    monkeypatch.setattr("splinework.cli.request.MAX_ROWS", 20)
    told = json.loads(run(command, kind, *options, "--overwrite").stdout)
    assert told["metrics"]["n_train"] + told["metrics"]["n_test"] == 13
    assert "13 of 50 rows were taken, evenly from all files" in told["notes"]


def test_a_folder_without_a_target_lists_its_columns(run, folder):
    written("partitions", frame())
    refused(run("fit", "partitions"), "--target is missing; partitions has 'id', 'b', 'word', 'a', 'y', 'year'.")


def test_a_report_on_a_folder_shows_some_rows_and_tells_the_errors_of_all(run, folder, model, monkeypatch):
    monkeypatch.setattr("splinework.cli.report.MAX_ROWS", 20)
    written("parquet", frame())
    result = run("report", model, "parquet", "--out", "r.html", "--json", "--quiet")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["figures"]["rows"] == 50
    assert 10 <= told["rows"] <= 20
    assert Path("r.html").exists()
