"""Reading tables: what is recognised, what is refused, and that nothing but a `SplineworkError` ever comes out."""

import datetime
import gzip
import io
import keyword
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splinework.errors import DataError, FileError, SplineworkError
from splinework.tabular.tables import FileTable, identifiers, numbers, read_table


def read(tmp_path: Path, content: str | bytes, name: str = "data.csv") -> FileTable:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


def column(table: FileTable, name: str) -> list[float]:
    found = numbers(table, name)
    assert not found.non_numeric
    return found.values.tolist()


PLAIN = "a,b\n1,2.5\n-3e2,4\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(PLAIN.replace(",", ";"), id="semicolon"),
        pytest.param(PLAIN.replace(",", "\t"), id="tab"),
        pytest.param(PLAIN.replace(",", "|"), id="bar"),
        pytest.param(PLAIN.replace(",", "   "), id="blanks"),
        pytest.param(PLAIN.replace(",", ";").replace(".", ","), id="decimal comma"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(PLAIN.replace("\n", "\r"), id="CR"),
        pytest.param(PLAIN.rstrip("\n"), id="no last line end"),
        pytest.param("\n" + PLAIN + "\n  \n", id="blank lines"),
        pytest.param(PLAIN.replace(",", " , "), id="spaces"),
        pytest.param('"a","b"\n"1","2.5"\n"-3e2","4"\n', id="quoted"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN.encode(), id="BOM"),
        pytest.param(PLAIN.encode("utf-16"), id="UTF-16"),
        pytest.param(PLAIN + "\x1a", id="Ctrl-Z"),
    ],
)
def test_the_same_table_is_read_however_it_is_written(tmp_path, content):
    table = read(tmp_path, content)
    assert table.columns == ["a", "b"]
    assert column(table, "a") == [1.0, -300.0]
    assert column(table, "b") == [2.5, 4.0]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("a;b\n1;2\n", "semicolons"),
        ("a\tb\n1\t2\n", "tabs"),
        ("a b\n1 2\n", "blanks"),
        ("a;b\n1,5;2\n", "decimal commas"),
        ("a,größe\n1,2\n".encode("cp1252"), "Windows-1252"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_not_plain_is_said(tmp_path, content, note):
    assert note in " ".join(read(tmp_path, content).notes)
    assert read(tmp_path, PLAIN).notes == ()


def test_the_separator_is_that_which_gives_even_columns_of_numbers(tmp_path):
    assert read(tmp_path, "mass, kg;speed, m/s\n1,5;2,5\n3,5;4,5\n").columns == ["mass, kg", "speed, m/s"]
    assert read(tmp_path, '"a;b",c\n1,2\n').columns == ["a;b", "c"]
    assert read(tmp_path, "only\n1\n2\n").columns == ["only"]


def test_cells_stay_the_text_that_they_were(tmp_path):
    table = read(tmp_path, "id,y\n007,1.50\n1e3,NA\n")
    assert table.frame["id"].tolist() == ["007", "1e3"]
    assert table.frame["y"].tolist() == ["1.50", "NA"]


def test_the_index_is_the_line_of_the_file(tmp_path):
    table = read(tmp_path, 'a,b\n\n1,"x\ny"\n2,z\n')
    assert table.frame.index.tolist() == [3, 5]
    assert numbers(table, "b").non_numeric[1] == (5, "z")


def test_numbers_are_those_that_python_reads(tmp_path):
    texts = ["0.1", "1e-320", "1.7976931348623157e308", "123456789012345678", ".5", "+2."]
    assert column(read(tmp_path, "a\n" + "\n".join(texts)), "a") == [float(text) for text in texts]


def test_missing_and_infinite_cells(tmp_path):
    values = column(read(tmp_path, "a,b\n,1\nNA,1\nNaN,1\nnull,1\n?,1\ninf,1\n-Infinity,1\n1e999,1\n"), "a")
    assert np.isnan(values[:5]).all()
    assert values[5:] == [np.inf, -np.inf, np.inf]


def test_non_numeric_cells_come_with_their_places(tmp_path):
    found = numbers(read(tmp_path, "a\n1\ntwo\n3_000\n0x10\n"), "a")
    assert found.non_numeric == ((3, "two"), (4, "3_000"), (5, "0x10"))
    assert found.values[0] == 1.0


def test_dates_are_non_numeric(tmp_path):
    assert len(numbers(read(tmp_path, "a\n2024-01-02\n3.4.2024\n"), "a").non_numeric) == 2


def test_booleans_are_zero_and_one_and_said(tmp_path):
    found = numbers(read(tmp_path, "a,b\nTrue,1\nfalse,2\n,3\n"), "a")
    assert found.values[:2].tolist() == [1.0, 0.0]
    assert np.isnan(found.values[2])
    assert "true and false" in found.notes[0]


def test_huge_whole_numbers_are_rounded_and_said(tmp_path):
    found = numbers(read(tmp_path, "a\n123456789012345678901234567890\n1\n"), "a")
    assert found.values[0] == 1.2345678901234568e29
    assert "2**53" in found.notes[0]
    assert numbers(read(tmp_path, "a\n1e300\n1\n"), "a").notes == ()


def test_what_may_be_thousands_is_not_guessed(tmp_path):
    table = read(tmp_path, "a;b\n1,500;2\n2,500;3\n")
    assert len(numbers(table, "a").non_numeric) == 2
    table = read(tmp_path, "a;b\n1,5;1.500\n2,5;2.500\n")
    assert column(table, "a") == [1.5, 2.5]
    assert len(numbers(table, "b").non_numeric) == 2


def test_columns_without_a_name_are_called_as_pandas_calls_them(tmp_path):
    assert read(tmp_path, ",a,\n0,1,\n").columns == ["Unnamed: 0", "a", "Unnamed: 2"]
    assert read(tmp_path, ",Unnamed: 0,a\n0,0,1\n").columns == ["Unnamed: 0.1", "Unnamed: 0", "a"]


def test_a_packed_file_is_read_as_what_it_holds(tmp_path):
    assert column(read(tmp_path, gzip.compress(PLAIN.encode()), "a.csv.gz"), "b") == [2.5, 4.0]
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "plain.parquet")
    packed = gzip.compress((tmp_path / "plain.parquet").read_bytes())
    assert column(read(tmp_path, packed, "b.parquet.gz"), "a") == [1.0, 2.0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_two_bytes_a_letter_with_a_mark_or_without(tmp_path, encoding):
    table = read(tmp_path, "größe,b\n1,2.5\n".encode(encoding))
    assert (table.columns, table.notes[0][-6:]) == (["größe", "b"], "UTF-16")


def test_the_share_that_is_read_is_told(tmp_path):
    shares: list[float] = []
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 20_000)
    assert len(read_table(path, tell=shares.append).frame) == 20_000
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    assert len(read(tmp_path, "a,b\n").frame) == 0


@pytest.mark.parametrize(
    ("name", "content", "fragment"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n\n", "empty"),
        ("a.csv", b"\xef\xbb\xbf", "is empty"),
        ("a.csv", b",,\n1,2,3\n", "no column names"),
        ("a.csv", b"\x00\x01\x02", "binary"),
        ("a.csv", b"a,b\n1,\x002\n", "binary"),
        ("a.csv", bytes(range(128, 256)), "binary"),
        ("a.xlsx", b"PK\x03\x04....", "Excel"),
        ("a.csv.gz", b"\x1f\x8b....", "not a whole gzip file"),
        ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:-4], "not a whole gzip file"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "empty"),
        ("a.csv.gz", gzip.compress(b"PK\x03\x04....", mtime=0), "Excel"),
        ("a.csv", b'{"a": 1}', "JSON"),
        ("a.csv", b'[{"a": 1}]', "JSON"),
        ("a.csv", b"<!DOCTYPE html><p>a,b</p>", "web page"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "line 3 has 3 cells"),
        ("a.csv", b"a,b,c\n1,2,3\n1,2\n", "line 3 has 2 cells"),
        ("a.csv", b"a,b\n1,5,2,5\n", "semicolons"),
        ("a.csv", b'a,b\n1,"2\n', "line 2"),
        ("a.csv", b"a," + b"b" * 200_000 + b"\n1,2\n", "field"),
        ("a.parquet", b"a,b\n1,2\n", "Parquet"),
        ("a.csv", b"PAR1 and no more", "Parquet"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, fragment):
    with pytest.raises(FileError, match=fragment) as caught:
        read(tmp_path, content, name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_places_that_are_no_files_are_refused(tmp_path):
    (tmp_path / "orbits.csv").write_text(PLAIN)
    with pytest.raises(FileError, match=r"did you mean .*orbits.csv"):
        read_table(tmp_path / "orbit.csv")
    with pytest.raises(FileError, match="there is no file"):
        read_table(tmp_path / "none" / "x.csv")
    with pytest.raises(FileError, match="folder"):
        read_table(tmp_path)
    with pytest.raises(FileError, match="device"):
        read_table("/dev/zero")
    with pytest.raises(FileError, match="cannot read"):
        read_table("a\0b")
    with pytest.raises(FileError, match="cannot read"):
        read_table("x" * 5000)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text(PLAIN)

    def deny(self: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(FileError, match="Permission denied"):
        read_table(path)


def test_duplicated_names_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"two columns named 'a', number 1 and number 3"):
        read(tmp_path, "a,b, a\n1,2,3\n")


def test_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "real": [0.1, np.nan, np.inf],
            "truth": [True, False, True],
            "decimal": [Decimal("1.5"), Decimal("2.5"), None],
            "day": pd.to_datetime(["2024-01-01", "2024-01-02", None]),
            "date": [datetime.date(2024, 1, 1)] * 3,
            "text": ["a", "2", None],
            "kind": pd.Categorical([1.0, 2.0, 1.0]),
            "list": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
            7: [1, 2, 3],
        }
    )
    frame.columns = frame.columns.astype(str)
    frame.to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.place == "row"
    np.testing.assert_array_equal(column(table, "whole"), [1, np.nan, 3])
    np.testing.assert_array_equal(column(table, "real"), [0.1, np.nan, np.inf])
    assert column(table, "truth") == [1, 0, 1]
    np.testing.assert_array_equal(column(table, "decimal"), [1.5, 2.5, np.nan])
    assert column(table, "kind") == [1, 2, 1]
    assert column(table, "7") == [1, 2, 3]
    assert len(numbers(table, "day").non_numeric) == 2
    assert len(numbers(table, "date").non_numeric) == 3
    assert numbers(table, "text").non_numeric == ((1, "a"),)
    assert len(numbers(table, "list").non_numeric) == 3


def test_the_named_index_of_a_parquet_file_is_a_column(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index([5, 6], name="id"))
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").columns == ["id", "a"]


def test_a_truncated_parquet_file_is_refused(tmp_path):
    buffer = io.BytesIO()
    pd.DataFrame({"a": np.arange(100.0)}).to_parquet(buffer)
    content = buffer.getvalue()
    for length in (5, 50, len(content) // 2, len(content) - 1):
        with pytest.raises(FileError, match="Parquet"):
            read(tmp_path, content[:length], "a.parquet")


def survives(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        table = read_table(path)
        for name in table.columns:
            assert len(numbers(table, name).values) == len(table.frame)
    except SplineworkError:
        pass  # refused, with a message


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "data.csv"


@given(content=st.binary(max_size=400))
def test_any_bytes_are_a_table_or_an_error_of_ours(scratch, content):
    survives(scratch, content)


@given(content=st.text(alphabet="ab1,;\t|\"'.-eE \r\n_é\ufeff", max_size=80))
def test_any_text_is_a_table_or_an_error_of_ours(scratch, content):
    survives(scratch, content.encode())


@given(at=st.integers(0, 600), byte=st.integers(0, 255))
def test_a_damaged_parquet_file_is_a_table_or_an_error_of_ours(scratch, at, byte):
    buffer = io.BytesIO()
    pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", None]}).to_parquet(buffer)
    content = bytearray(buffer.getvalue())
    content[at % len(content)] = byte
    survives(scratch, bytes(content))


RESERVED = {"sin", "exp", "pi"}


@given(names=st.lists(st.text(max_size=12), unique=True, max_size=8))
def test_identifiers_are_distinct_usable_and_in_order(names):
    found = identifiers(names, reserved=RESERVED)
    assert list(found.values()) == names
    for key, name in found.items():
        assert key.isidentifier()
        assert not keyword.iskeyword(key)
        assert key not in RESERVED
        space: dict[str, object] = {}
        exec(f"{key} = 1", space)
        assert key in space  # Python reads it back as the same name
        if name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and not name.startswith("__"):
            assert name in RESERVED or key == name


def test_identifiers_of_awkward_names():
    names = ["mass (kg)", "class", "sin", "2x", "größe", "m²", "%", "__debug__", "mass_kg"]
    assert list(identifiers(names, reserved=RESERVED)) == [
        "mass_kg_2", "class_", "sin_", "x_2x", "größe", "m2", "x", "debug", "mass_kg"
    ]  # fmt: skip


def test_reading_a_table_loads_no_estimator():
    code = "import sys, splinework.tabular.tables; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "sklearn", "scipy"} & set(loaded)
