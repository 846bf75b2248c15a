"""`splinework data`: lists, and writes tables that the other commands read."""

import io
import json

import pandas as pd
import pytest

from splinework.data import data_names, data_set
from splinework.tabular.tables import read_table
from tests.cli.stand_in import refused, tree


def read_back(source, expected: pd.DataFrame) -> pd.DataFrame:
    """A table with the types of another one; pandas reads numbers to the last digit only where they are texts first."""
    return pd.read_csv(source, dtype=str).astype(expected.dtypes.to_dict())


def test_the_list_names_all_and_says_what_they_are(run):
    short, long = run("data").stdout, run("data", "--all").stdout
    for name in data_names(formulas=False):
        assert f"  {name} " in short
        assert f"  {name} " in long
    assert "feynman:I.6.2 and 26 more" in short
    assert all(name in long for name in data_names())
    found = json.loads(run("data", "--json").stdout)["sets"]
    assert [one["name"] for one in found] == list(data_names())
    assert {"name", "measured", "about", "target", "features", "formula", "source"} == set(found[0])


@pytest.mark.parametrize("name", ["orbits", "diabetes", "iris", "ratio", "feynman:I.6.2"])
def test_a_table_comes_back_as_it_is(run, folder, name):
    result = run("data", name, "--out", "t.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert f"--target {data_set(name).target}" in result.stderr
    expected = data_set(name).frame()
    pd.testing.assert_frame_equal(read_back("t.csv", expected), expected, check_exact=True)
    assert read_table("t.csv").columns == list(expected.columns)
    assert {path.name for path in folder.iterdir()} == {"t.csv"}
    for arguments in ([name], [name, "--out", "-"]):
        assert run("data", *arguments).stdout == (folder / "t.csv").read_text()


def test_options_of_a_problem_are_used(run):
    options = ["--rows", "7", "--seed", "3", "--add-noise", "0.1"]
    expected = data_set("ratio").frame(7, seed=3, noise=0.1)
    found = read_back(io.StringIO(run("data", "ratio", *options).stdout), expected)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_json_is_one_object_and_nothing_else(run, folder):
    facts = json.loads(run("data", "ratio", "--json").stdout)
    assert (facts["target"], facts["features"], facts["formula"]) == ("y", ["x1", "x2"], "(x1 - x2)/(x1 + x2)")
    result = run("data", "ratio", "--json", "--rows", "7", "--out", "r.csv")
    assert json.loads(result.stdout) == {**facts, "rows": 7, "files": {"data": "r.csv"}}
    assert result.stderr == ""
    assert run("data", "ratio", "--quiet", "--out", "r.csv").output == ""


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["orbts"], ["no data set 'orbts'", "orbits"]),
        (["orbits", "--rows", "5"], ["measurements"]),
        (["--rows", "5"], ["name it"]),
        (["--out", "x.csv"], ["name it"]),
        (["ratio", "--add-noise", "-1"], ["at least 0", "-1"]),
        (["ratio", "--add-noise", "nan"], ["nan"]),
        (["ratio", "--rows", "0"], ["--rows", "0"]),
        (["ratio", "--out", "."], ["is a folder", "ratio.csv"]),
        (["ratio", "--out", "no/x.csv"], ["no folder"]),
        (["ratio", "--out", "x.xlsx"], ["x.csv", "x.parquet"]),
        (["ratio", "--out", "x" * 5000], ["cannot use"]),
        (["ratio", "--out", "a\0b"], ["cannot use"]),
        (["ratio", "--json", "--out", "-"], ["standard output"]),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(run, folder, arguments, fragments):
    refused(run("data", *arguments), *fragments)


def test_a_full_disk_leaves_the_old_file(run, folder, monkeypatch):
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    (folder / "r.csv").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr("splinework.nn.files.os.replace", full)
        refused(run("data", "ratio", "--out", "r.csv"), "No space left")
    assert tree(folder) == {"r.csv": b"old"}
