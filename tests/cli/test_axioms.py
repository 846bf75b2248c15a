"""`fit --axiom`, `--axioms` and `--monotone`, and what the other commands do with the models that come of it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from splinework.cli import main
from splinework.cli.complete import axiom_words
from splinework.knowledge.axioms.language import WORDS
from splinework.nn.checkpoint import load, read_header, save
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN
from tests.cli.stand_in import refused
from tests.cli.test_completion import offered

ROWS = 45
QUICK = ("--budget", "0.3", "--quiet")


def homes() -> pd.DataFrame:
    """A table with a name that is not an identifier, a category, and prices that are hardly ever negative."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.uniform(20, 80, ROWS), "floor area": rng.uniform(20, 200, ROWS)})
    frame["kind"] = rng.choice(["flat", "house"], ROWS)
    frame["price"] = (
        2 * frame["floor area"] - frame["age"] + 40 * (frame["kind"] == "house") + rng.normal(size=ROWS) * 20
    )
    frame["sold"] = np.where(frame["price"] + rng.normal(size=ROWS) * 150 > 200, "yes", "no")
    return frame


@pytest.fixture
def table(folder: Path) -> pd.DataFrame:
    frame = homes()
    frame.to_csv(folder / "homes.csv", index=False)
    return frame


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a fit whose axioms need a frame, and what it printed as JSON."""
    place = tmp_path_factory.mktemp("axioms")
    homes().to_csv(place / "homes.csv", index=False)
    (place / "known.toml").write_text(
        'axioms = ["bounded(lower=0)"]\n[[axiom]]\nkind = "convex"\ninput = "age"\nstrength = "verify"\n'
    )
    features = ["--features", "age,floor area,kind"]
    axioms = ["--monotone", "age=-1,floor area=1", "--axioms", str(place / "known.toml")]
    options = ["--target", "price", *features, *axioms, *QUICK, "--json", "--out", str(place / "out")]
    result = CliRunner().invoke(main, ["fit", str(place / "homes.csv"), *options])
    assert result.exit_code == 0, result.output
    (place / "out.json").write_text(result.stdout)
    return place


def printed(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "out.json").read_text())
    return found


@pytest.mark.slow
def test_statuses_are_in_the_json_and_in_the_model(made: Path) -> None:
    statuses = printed(made)["axioms"]
    assert [(v["axiom"], v["strength"]) for v in statuses] == [
        ("monotone('age', increasing=False)", "hard"),
        ("monotone('floor area')", "hard"),
        ("bounded(0.0)", "hard"),
        ("convex('age')", "verify"),
    ]
    assert [v["status"] for v in statuses[:3]] == ["proved"] * 3
    path = made / "out" / "model.safetensors"
    assert read_header(path)["notes"]["axioms"] == statuses
    assert isinstance(load(path), FramedKAN)
    assert any("formulas are found from the rows" in note for note in printed(made)["notes"])


def test_predictions_keep_the_axioms_for_new_rows(run: Any, folder: Path, made: Path) -> None:
    area = np.linspace(-100, 400, 60)
    pd.DataFrame({"kind": "flat", "age": 50.0, "floor area": area}).to_csv(folder / "new.csv", index=False)
    result = run("predict", str(made / "out" / "model.safetensors"), "new.csv", "--out", "-")
    assert result.exit_code == 0, result.output
    values = np.array([float(row["price_predicted"]) for row in csv.DictReader(io.StringIO(result.stdout))])
    assert values.min() >= 0
    assert np.diff(values).min() >= 0


def test_show_and_report_tell_frame_and_axioms(run: Any, folder: Path, made: Path) -> None:
    model = str(made / "out" / "model.safetensors")
    shown = run("show", model)
    assert shown.exit_code == 0, shown.output
    for fragment in (
        "axioms of the model",
        "monotone('floor area')",
        "proved",
        "softplus",
        "being the network's output",
    ):
        assert fragment in shown.stdout
    described = json.loads(run("show", model, "--json").stdout)
    assert described["axioms"] == printed(made)["axioms"]
    assert described["frame"]["features"] == []
    assert [column["name"] for column in described["inputs"]] == ["age", "floor area", "kind=house"]
    assert run("report", model, "--out", "r.html").exit_code == 0
    assert "softplus" in (folder / "r.html").read_text()


def test_export_and_hardware_say_what_they_cannot(run: Any, folder: Path, made: Path) -> None:
    refused(run("export", str(made / "out" / "model.safetensors"), "--to", "c", "--out", "m.c", "--quiet"), "frame")


@pytest.mark.slow
def test_the_end_of_a_fit_is_a_table_of_statuses(run: Any, table: pd.DataFrame) -> None:
    axioms = ["--axiom", "monotone(floor_area)", "--axiom", "concave(age, strength=soft(0.1))"]
    result = run("fit", "homes.csv", "--target", "price", "--features", "age,floor area", *axioms, "--budget", "0.3")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("axioms of the model"))
    rows = [line.split() for line in lines[head + 1 : head + 8]]
    assert ["axiom", "strength", "status"] in [row[:3] for row in rows]
    assert any("hard" in row and "proved" in row for row in rows)
    assert any("soft(0.1)" in row for row in rows)


@pytest.mark.slow
def test_classes_and_options_from_a_file(run: Any, folder: Path, table: pd.DataFrame) -> None:
    (folder / "run.toml").write_text(
        'data = "homes.csv"\n[fit]\ntarget = "sold"\nfeatures = ["age", "floor area"]\nmonotone = ["floor area=1"]\n'
        'axiom = ["bounded(0.02, 0.98)"]\nbudget = 0.3\n'
    )
    result = run("fit", "--config", "run.toml", "--json", "--quiet")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["metrics"]["task"] == "classification"
    assert [v["axiom"] for v in found["axioms"]] == ["monotone('floor area')", "bounded(0.02, upper=0.98)"]
    again = run("fit", "--config", "run.toml", "--print-config").stdout
    assert 'monotone = ["floor area=1"]' in again
    assert 'axiom = ["bounded(0.02, 0.98)"]' in again


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--axiom", "monotone(agee)"], ["'agee'", "does not exist", "did you mean 'age'"]),
        (["--axiom", "monotone(age"], ["cannot read", "monotone(age"]),
        (["--axiom", "monoton(age)"], ["'monoton' is not an axiom", "did you mean 'monotone'"]),
        (["--axiom", "monotone(age)", "--monotone", "age=-1"], ["contradict", "monotone('age', increasing=False)"]),
        (["--axiom", "monotone(kind)"], ["'kind'", "category"]),
        (["--monotone", "age"], ["COLUMN=1", "'age'"]),
        (["--monotone", "age=up"], ["COLUMN=1", "'age=up'"]),
        (["--monotone", "age=1,age=-1"], ["rises and falls"]),
        (["--axioms", "none.toml"], ["no file none.toml"]),
        (["--axioms", "homes.csv"], ["homes.csv is not TOML"]),
        (["--axioms", "empty.toml"], ["empty.toml holds no axiom"]),
        (["--axiom", "convex(age)", "--shape", "3,1"], ["--shape", "axioms"]),
        (["--axiom", "convex(age)", "--missing", "mean"], ["--missing mean"]),
        (["--axiom", ""], ["--axiom is empty"]),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(
    run: Any, folder: Path, table: pd.DataFrame, options: list[str], fragments: list[str]
) -> None:
    (folder / "empty.toml").write_text("")
    columns = ["--features", "age,floor area,kind"]
    refused(run("fit", "homes.csv", "--target", "price", *columns, "--quiet", *options), *fragments)


def test_axioms_and_columns_are_offered(table: pd.DataFrame) -> None:
    assert axiom_words() == sorted(WORDS)
    assert offered("fit", "homes.csv", "--axiom", "mono") == ["plain,monotone("]
    assert offered("fit", "homes.csv", "--axiom", "symmetric(age,pr") == ["plain,symmetric(age,price"]
    assert offered("fit", "homes.csv", "--monotone", "ag") == ["plain,age=1", "plain,age=-1"]


def test_a_framed_network_saved_by_hand(run: Any, folder: Path) -> None:
    network = KAN([1, 1], dtype=torch.float64, names=["r"], generator=torch.Generator().manual_seed(0))
    ranges = ((-1.0, 1.0), (-1.0, 1.0))
    frame = Frame(("x", "y"), ("sqrt(x*x+y*y)",), ("u",), ("z1*z1",), ranges)
    save(FramedKAN(network, frame), folder / "m.safetensors")
    x = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    pd.DataFrame(x, columns=["x", "y"]).assign(u=x[:, 0]).to_csv(folder / "d.csv", index=False)
    shown = json.loads(run("show", "m.safetensors", "--json").stdout)
    assert [(column["name"], column["used"], column["low"]) for column in shown["inputs"]] == [
        ("x", True, -1),
        ("y", True, -1),
    ]
    assert shown["frame"] == {"features": ["sqrt(x*x+y*y)"], "answers": ["z1*z1"]}
    predicted = json.loads(run("predict", "m.safetensors", "d.csv", "--json").stdout)["predictions"]["u_predicted"]
    with torch.no_grad():
        expected = FramedKAN(network, frame)(torch.from_numpy(x))[:, 0]
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)
    for options in ([], ["d.csv"], ["d.csv", "--held-out"]):
        result = run("report", "m.safetensors", *options, "--out", "r.html")
        assert result.exit_code == 0, result.output
        assert ("</dd><dt>RMSE on" in (folder / "r.html").read_text()) == bool(options)
    bare = Frame(("x", "y"), ("x*y",))
    save(FramedKAN(network, bare), folder / "b.safetensors")
    refused(run("show", "b.safetensors", "--quiet"), "does not say in which ranges")
