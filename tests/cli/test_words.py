"""Columns of words in `discover`: indicators of their levels in the search, words again in `predict`."""

import json

import numpy as np
import pandas as pd
import pytest

from splinework.cli.levels import as_indicators, indicator, read_from, with_indicators
from splinework.errors import DataError
from splinework.tabular.tables import FileTable
from tests.cli.stand_in import refused

WOODS = ["oak", "ash", "fir tree"]


def frame(n: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    wood = draw.choice(WOODS, n)
    x = draw.uniform(1, 3, n)
    y = 2 * x + np.where(wood == "oak", 0.7, np.where(wood == "fir tree", -0.4, 0.0))
    return pd.DataFrame({"x": x, "wood": wood, "y": y})


def table(n: int = 60) -> FileTable:
    return FileTable(frame(n).astype(str), "wood.csv")


def test_each_level_but_the_first_is_a_column():
    made, chosen, levels = as_indicators(table(), "y", ["wood", "x"])
    assert made.columns == ["x", "wood_fir_tree", "wood_oak", "y"]
    assert chosen == ["wood_fir_tree", "wood_oak", "x"]
    assert levels["wood_oak"] == ["wood", "oak", "ash", "fir tree", "oak"]
    assert np.array_equal(made.frame["wood_oak"], (frame()["wood"] == "oak").astype(float))
    assert read_from(["x", *levels], levels) == ["x", "wood"]
    assert "ash elsewhere" in made.notes[-1]
    again = with_indicators(table(), levels)
    assert np.array_equal(again.frame["wood_fir_tree"], made.frame["wood_fir_tree"])


def test_numbers_and_the_target_stay():
    plain = FileTable(frame().drop(columns="wood").astype(str), "plain.csv")
    assert as_indicators(plain, "y", None) == (plain, None, {})
    words = table()
    made, chosen, levels = as_indicators(words, "wood", None)
    assert made is words
    assert chosen is None
    assert not levels


def test_empty_and_unknown_levels_have_no_indicator():
    cells = frame()
    cells.loc[3, "wood"] = None
    cells.loc[4, "wood"] = "elm"
    values = indicator(FileTable(cells, "new.csv"), ["wood", "oak", *sorted(WOODS)])
    assert np.isnan(values[[3, 4]]).all()
    assert np.isfinite(np.delete(values, [3, 4])).all()
    with pytest.raises(DataError, match="no mean"):
        as_indicators(FileTable(cells.astype({"x": str}), "new.csv"), "y", None, missing="mean")


def test_a_table_of_words_is_searched_and_predicted(run, folder, pipeline):
    frame().to_csv(folder / "wood.csv", index=False)
    done = run("discover", "wood.csv", "--target", "y", "--out", "o", "--checkpoint", "search.json")
    assert done.exit_code == 0, done.output
    assert list(pipeline.calls[0]["names"]) == ["x", "wood_fir_tree", "wood_oak"]
    assert pipeline.calls[0]["checkpoint"] == "search.json"
    made = run("predict", "o/model.safetensors", "wood.csv", "--out", "p.csv")
    assert made.exit_code == 0, made.output
    found = pd.read_csv(folder / "p.csv")
    assert list(found.columns) == ["x", "wood", "y", "y_predicted"]
    assert np.isfinite(found["y_predicted"]).all()
    summary = run("predict", "o/model.safetensors", "wood.csv", "--json")
    assert json.loads(summary.stdout)["predicted"] == 60
    pd.DataFrame({"x": [1.0], "y": [2.0]}).to_csv(folder / "short.csv", index=False)
    refused(run("predict", "o/model.safetensors", "short.csv", "--out", "q.csv"), "wood")


def test_effort_jobs_and_checkpoint_are_those_of_every_question(run, folder, pipeline):
    frame()[["x", "y"]].to_csv(folder / "rows.csv", index=False)
    limits = ("--effort", "3", "--jobs", "2", "--checkpoint", "search.json")
    done = run("discover", "rows.csv", "--target", "y", "--relation", "--out", "o", *limits)
    assert done.exit_code == 0, done.output
    assert {name: pipeline.calls[0][name] for name in ("effort", "jobs", "checkpoint")} == {
        "effort": 3.0,
        "jobs": 2,
        "checkpoint": "search.json",
    }
