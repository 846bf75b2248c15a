"""A Parquet file that is read in parts is the file that is read whole."""

import numpy as np
import pandas as pd
import pytest

from splinework.tabular.tables import read_table, table_chunks

pytest.importorskip("pyarrow")


def _table(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=count), "n": np.arange(count), "big": np.arange(count) + 2**53})
    frame["missing late"] = pd.array([None if k == count - 1 else k for k in range(count)], dtype="Int64")
    frame["answer"] = [None if k == 3 else bool(k % 2) for k in range(count)]
    frame["text"] = [None if k % 5 == 2 else f"level {k % 3}" for k in range(count)]
    frame["kind"] = pd.Categorical([f"kind {k % 4}" for k in range(count)])
    frame["when"] = pd.Timestamp("2020-02-28") + pd.to_timedelta(np.arange(count), unit="D")
    frame["few"] = np.arange(count, dtype=np.int8)
    return frame


@pytest.mark.parametrize("index", [None, "place", "rows"])
@pytest.mark.parametrize("statistics", [True, False])
def test_parts_have_the_cells_and_dtypes_of_the_whole(tmp_path, index, statistics):
    frame = _table(53)
    if index == "place":
        frame.index = pd.Index([f"at {k}" for k in range(53)], name="place")
    elif index == "rows":
        frame.index = pd.RangeIndex(100, 153)
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, row_group_size=17, write_statistics=statistics)
    whole = read_table(path)
    for rows in (5, 20, 53, 1000):
        parts = list(table_chunks(path, rows=rows))
        assert len(parts) >= -(-53 // rows)
        assert max(len(part.frame) for part in parts) == min(rows, 17)
        same = [name for name in whole.frame if name != "kind"]
        assert all((part.frame[same].dtypes == whole.frame[same].dtypes).all() for part in parts)
        together = pd.concat([part.frame.astype({"kind": object}) for part in parts])
        expected = whole.frame.astype({"kind": object})
        pd.testing.assert_frame_equal(together, expected, check_index_type=False, check_freq=False)
        assert {part.place for part in parts} == {whole.place}
    assert whole.frame["missing late"].isna().sum() == 1


def test_a_table_without_rows_is_one_part(tmp_path):
    path = tmp_path / "t.parquet"
    _table(10)[:0].to_parquet(path)
    (part,) = table_chunks(path)
    pd.testing.assert_frame_equal(part.frame, read_table(path).frame, check_index_type=False)
    assert not len(part.frame)
    assert len(part.frame.columns) == 9
