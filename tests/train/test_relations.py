"""Relations as sources: rows of Polars, DuckDB and Arrow stream into a fit, the same as from arrays."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.train import fit
from splinework.train.sources import memmap, relation
from tests.train.cases import fresh

X = np.random.default_rng(0).uniform(-1, 1, (700, 2))
Y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2
W = 1 + X[:, 0] ** 2
COLUMNS = {"word": ["a"] * len(X), "b": X[:, 1], "y": Y, "a": X[:, 0], "w": W}


def table_of(kind: str, folder):
    if kind == "arrow":
        return pa.concat_tables([pa.table(COLUMNS)[:100], pa.table(COLUMNS)[100:]])
    if kind == "data set":
        pa.dataset.write_dataset(
            pa.table(COLUMNS), folder / "rows", format="parquet", max_rows_per_file=250, max_rows_per_group=250
        )
        return pa.dataset.dataset(folder / "rows")
    if kind in ("polars", "lazy"):
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame({name: list(values) for name, values in COLUMNS.items()})
        return frame if kind == "polars" else frame.lazy().filter(polars.col("w") > 0)
    duckdb = pytest.importorskip("duckdb")
    rows = pa.table(COLUMNS)
    connection = duckdb.connect()
    connection.register("rows", rows)
    return connection.sql("select * from rows where w > 0")


KINDS = ["arrow", "data set", "polars", "lazy", "duckdb"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_pass_gives_all_rows_in_parts_of_the_size(kind, tmp_path):
    source = relation(table_of(kind, tmp_path), target="y", inputs=["a", "b"], weights="w").bound(["x1", "x2"])
    assert source.rows == 700
    for size in (64, 150, 10_000):
        chunks = list(source.chunks(size))
        assert max(len(chunk.x) for chunk in chunks) <= size
        assert [chunk.first for chunk in chunks] == np.cumsum([0, *(len(c.x) for c in chunks[:-1])]).tolist()
        for got, given in ((c.x for c in chunks), X), ((c.y[:, 0] for c in chunks), Y), ((c.w for c in chunks), W):
            np.testing.assert_array_equal(torch.cat(list(got)).numpy(), given)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_comes_to_the_bits_of_one_from_arrays(kind, tmp_path):
    options = {"steps": 5, "grids": None, "progress": False, "seed": 3}
    own = fit(fresh([2, 1]), relation(table_of(kind, tmp_path), target="y", inputs=["a", "b"]), **options)
    other = fit(fresh([2, 1]), memmap(X, Y), **options)
    assert own.history[-1].objective == other.history[-1].objective
    assert own.history[-1].rmse_validation == other.history[-1].rmse_validation
    assert all(map(torch.equal, own.model.parameters(), other.model.parameters()))


@pytest.mark.slow
def test_mini_batches_learn_too(tmp_path):
    own = fit(
        fresh([2, 1]), relation(table_of("arrow", tmp_path), target="y", inputs=["a", "b"]), optimiser="adam", steps=300
    )
    assert own.history[-1].rmse_train < np.std(Y)


def test_what_is_no_relation_is_refused(tmp_path):
    table = table_of("arrow", tmp_path)
    with pytest.raises(ConfigError, match="can be read once"):
        relation(table.to_reader(), target="y")
    with pytest.raises(ConfigError, match=r"__arrow_c_stream__; got dict"):
        relation(COLUMNS, target="y")
    with pytest.raises(ConfigError, match="target names"):
        relation(table, target=[])
    with pytest.raises(DataError, match="no column z"):
        relation(table, target="z")
    with pytest.raises(DataError, match="word: string"):
        relation(table, target="word")
    with pytest.raises(DataError, match="no rows"):
        relation(table[:0], target="y")
    with pytest.raises(DataError, match="columns without numbers"):
        relation(table, target="y").bound(["u", "v"])
    with pytest.raises(ShapeError, match="takes 3 inputs, and 2 columns"):
        relation(table, target="y", inputs=["a", "b"]).bound(["u", "v", "w"])
