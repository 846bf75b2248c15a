"""`splinework predict`: the columns kept, a prediction beside them, and what is refused."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.nn.checkpoint import load, save
from splinework.nn.network import KAN
from tests.cli.stand_in import refused


@pytest.fixture
def model(run, data, pipeline) -> str:
    """A model fitted to data.csv: features a, b, c and target y."""
    assert run("fit", "data.csv", "--target", "y", "--quiet").exit_code == 0
    return "splinework-data/model.safetensors"


def expected(model: str, frame: pd.DataFrame) -> np.ndarray:
    with torch.no_grad():
        return load(model)(torch.tensor(frame[["a", "b", "c"]].to_numpy()))[:, 0].numpy()


def test_the_prediction_is_that_of_the_model_beside_the_columns(run, data, model):
    result = run("predict", model, "data.csv", "--out", "p.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "40 rows with y_predicted in p.csv" in result.stderr
    found, given = (pd.read_csv(path, dtype=str).astype(float) for path in ("p.csv", data))
    assert list(found.columns) == ["a", "b", "c", "y", "y_predicted"]
    pd.testing.assert_frame_equal(found[["a", "b", "c", "y"]], given, check_exact=True)
    np.testing.assert_array_equal(found["y_predicted"], expected(model, given))


def test_cells_are_kept_as_they_were_written(run, folder, model):
    (folder / "n.csv").write_text('id,c,b,a,text\n007,1.50,1e0,1,"x, y"\n008,2,1,1.0,\n')
    run("predict", model, "n.csv", "--out", "p.csv")
    lines = (folder / "p.csv").read_text().splitlines()
    assert lines[0] == "id,c,b,a,text,y_predicted"
    assert lines[1].startswith('007,1.50,1e0,1,"x, y",')
    assert lines[2].startswith("008,2,1,1.0,,")


def test_columns_may_come_in_any_order_with_others_between(run, folder, data, model):
    frame = pd.read_csv(data)
    frame.assign(z="text")[["z", "c", "y", "a", "b"]].to_csv("n.csv", index=False)
    run("predict", model, "n.csv", "--out", "p.csv")
    np.testing.assert_allclose(pd.read_csv("p.csv")["y_predicted"], expected(model, frame), rtol=1e-14)


def test_standard_input_and_output(run, data, model):
    result = run("predict", model, "-", "--out", "-", input=data.read_bytes())
    assert result.exit_code == 0, result.output
    assert list(pd.read_csv(io.StringIO(result.stdout)).columns) == ["a", "b", "c", "y", "y_predicted"]
    assert "rows with" not in result.stderr


def test_the_way_of_writing_is_kept(run, folder, model):
    (folder / "n.csv").write_text("a;b;c\n1,5;1,5;1,5\n")
    run("predict", model, "n.csv", "--out", "p.csv")
    head, row = (folder / "p.csv").read_text().splitlines()
    assert head == "a;b;c;y_predicted"
    assert row.startswith("1,5;1,5;1,5;")
    assert "." not in row


def test_columns_without_a_name_stay_without(run, data, model):
    pd.read_csv(data).to_csv("n.csv")
    run("predict", model, "n.csv", "--out", "p.csv")
    assert Path("p.csv").read_text().startswith(",a,b,c,y,y_predicted\n")


def test_no_rows_no_predictions(run, folder, model):
    (folder / "n.csv").write_text("a,b,c\n")
    assert run("predict", model, "n.csv", "--out", "p.csv").exit_code == 0
    assert (folder / "p.csv").read_text() == "a,b,c,y_predicted\n"


def test_rows_with_missing_cells_get_no_prediction_and_are_counted(run, folder, model):
    (folder / "n.csv").write_text("a,b,c\n1,1,1\n,1,1\n1,inf,1\n,NA,1\n")
    result = run("predict", model, "n.csv", "--out", "p.csv")
    assert result.exit_code == 0
    assert "3 rows got no prediction" in result.stderr
    assert "a: 2, b: 2" in result.stderr
    assert pd.read_csv("p.csv")["y_predicted"].notna().tolist() == [True, False, False, False]


def test_a_model_fitted_with_means_uses_them(run, folder, data, pipeline):
    lines = data.read_text().splitlines()
    data.write_text("\n".join([*lines, ",1.5,1.5,1"]))
    assert run("fit", "data.csv", "--target", "y", "--missing", "mean", "--out", "o").exit_code == 0
    (folder / "n.csv").write_text("a,b,c\n,1,1\n")
    result = run("predict", "o/model.safetensors", "n.csv", "--out", "p.csv")
    assert "1 cell of 'a' filled with the mean" in result.stderr
    assert pd.read_csv("p.csv")["y_predicted"].notna().all()


def test_rows_outside_the_range_of_the_fit_are_counted(run, folder, model):
    (folder / "n.csv").write_text("a,b,c\n1.5,1.5,1.5\n100,1.5,1.5\n")
    assert "extrapolated: 1 row" in run("predict", model, "n.csv", "--out", "p.csv").stderr


def test_values_that_the_model_does_not_take_get_no_prediction(run, folder):
    log = KAN([1, 1], names=["a"], input_scales=["log"], dtype=torch.float64)
    save(log, folder / "m.safetensors")
    (folder / "n.csv").write_text("a\n1\n-1\n")
    result = run("predict", "m.safetensors", "n.csv", "--out", "p.csv")
    assert "1 row got no prediction" in result.stderr
    assert pd.read_csv("p.csv")["y_predicted"].notna().tolist() == [True, False]


def test_a_model_saved_by_hand_goes_by_its_own_names(run, folder):
    save(KAN([2, 2], names=["a", "b"], output_names=["u", "v"]), folder / "m.safetensors")
    (folder / "n.csv").write_text("b,a\n1,2\n")
    assert run("predict", "m.safetensors", "n.csv", "--out", "p.csv").exit_code == 0
    assert list(pd.read_csv("p.csv").columns) == ["b", "a", "u_predicted", "v_predicted"]


def test_original_names_are_taken_where_formulas_have_others(run, folder, data, pipeline):
    pd.read_csv(data).rename(columns={"a": "a (kg)", "y": "y (m)"}).to_csv("k.csv", index=False)
    assert run("fit", "k.csv", "--target", "y (m)", "--out", "o").exit_code == 0
    assert run("predict", "o/model.safetensors", "k.csv", "--out", "p.csv").exit_code == 0
    assert list(pd.read_csv("p.csv").columns)[-1] == "y (m)_predicted"


def test_missing_columns_are_named_with_the_nearest(run, folder, model):
    (folder / "n.csv").write_text("A,bb,d\n1,2,3\n")
    result = run("predict", model, "n.csv", "--out", "p.csv")
    refused(
        result, "n.csv lacks 3 of the 3 columns", "'a': did you mean 'A'?", "'b': did you mean 'bb'?", "'c': there are"
    )


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        ("a,b,c\n1,x,1\n", ["column 'b'", "'x' (line 2)"]),
        ("a,b,c,y_predicted\n1,1,1,1\n", ["'y_predicted' already"]),
        ("a,a,b,c\n1,1,1,1\n", ["two columns named 'a'"]),
        ("", ["empty"]),
        ("a,b,c\n1,1\n", ["line 2 has 2 cells"]),
    ],
)
def test_wrong_data_are_refused(run, folder, model, content, fragments):
    (folder / "n.csv").write_text(content)
    refused(run("predict", model, "n.csv", "--out", "p.csv"), *fragments)


def broken(model: str, kind: str) -> None:
    content = Path(model).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if kind == "truncated":
        content = content[: len(content) // 2]
    elif kind == "text":
        content = b"a,b,c\n1,2,3\n"
    elif kind == "empty":
        content = b""
    else:
        if kind == "newer":
            inner = json.loads(header["__metadata__"]["splinework"])
            header["__metadata__"]["splinework"] = json.dumps(inner | {"format": 999, "version": "9.9"})
        else:
            del header["__metadata__"]
        text = json.dumps(header).encode()
        content = len(text).to_bytes(8, "little") + text + content[8 + size :]
    Path(model).write_bytes(content)


@pytest.mark.parametrize(
    ("kind", "fragment"),
    [
        ("truncated", "truncated"),
        ("text", "not a whole safetensors file"),
        ("empty", "not a whole safetensors file"),
        ("newer", "Upgrade splinework"),
        ("foreign", "not one of splinework's"),
    ],
)
def test_a_file_that_is_no_model_is_refused(run, folder, model, kind, fragment):
    broken(model, kind)
    refused(run("predict", model, "data.csv", "--out", "p.csv"), "model.safetensors", fragment)


def test_wrong_places_are_refused(run, folder, data, model):
    refused(run("predict", "none.safetensors", "data.csv", "--out", "p.csv"), "no file none.safetensors")
    refused(run("predict", "data.csv", "data.csv", "--out", "p.csv"), "data.csv is not a whole safetensors file")
    refused(run("predict", "splinework-data", "data.csv", "--out", "p.csv"), "is a folder", "model.safetensors")
    refused(run("predict", model, "none.csv", "--out", "p.csv"), "no file none.csv")
    refused(run("predict", model, "data.csv", "--out", "data.csv"), "is the file that is read")
    refused(run("predict", model, "data.csv", "--out", model), "is the file that is read")
    refused(run("predict", model, "data.csv", "--out", "splinework-data"), "is a folder")
    refused(run("predict", model, "data.csv", "--out", "no/p.csv"), "no folder")


def test_a_full_disk_is_told_and_a_device_stays_a_device(run, folder, model):
    refused(run("predict", model, "data.csv", "--out", "/dev/full"), "/dev/full", "No space left")
    assert run("predict", model, "data.csv", "--out", "/dev/null").exit_code == 0
    assert not (folder / "/dev/null").is_file()


def test_an_older_file_of_predictions_is_replaced_whole_or_not_at_all(run, folder, model, monkeypatch):
    (folder / "p.csv").write_text("old")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("splinework.nn.files.os.replace", full)
        refused(run("predict", model, "data.csv", "--out", "p.csv"), "cannot write p.csv")
    assert (folder / "p.csv").read_text() == "old"
    assert run("predict", model, "data.csv", "--out", "p.csv", "--quiet").output == ""
    assert (folder / "p.csv").read_text() != "old"
