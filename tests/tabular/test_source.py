"""Laws of where the bytes of a table come from: files, pipes, the standard input, packed or not, up to a limit."""

import gzip
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from splinework.errors import ConfigError, FileError
from splinework.tabular.tables.source import MAX_RATIO, MIN_UNPACKED_BYTES, opened

CONTENT = b"a,b\n1,2\n" * 1000


def everything(source: str | Path, **options: float) -> bytes:
    with opened(source, **options) as found:
        return found.stream.read()


@pytest.mark.parametrize("packed", [False, True])
def test_the_content_is_what_was_written_and_can_be_rewound_and_its_share_grows(tmp_path, packed):
    path = tmp_path / "t"
    path.write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    with opened(path) as found:
        assert (found.name, found.size) == (str(path), path.stat().st_size)
        assert found.share == 0.0
        assert found.stream.read(3) == CONTENT[:3]
        assert 0 < found.share <= 1.0
        assert packed or found.share == 3 / found.size
        assert found.stream.tell() == 3
        found.stream.seek(0)
        assert found.stream.read() == CONTENT
        assert found.share == 1.0
    assert found.packed.closed


def test_an_empty_file_and_one_of_a_byte_are_read():
    import tempfile

    for content in (b"", b"a", b"\x1f", b"\x1f\x8c"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            assert everything(file.name) == content
            with opened(file.name) as found:
                assert found.share == 0.0


def test_the_limit_is_a_size_or_a_ratio_and_counts_unpacked_bytes_only(tmp_path):
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(bytes(2**21), 9))
    size = path.stat().st_size
    with opened(path) as found:
        assert found.limit == MIN_UNPACKED_BYTES
    assert (
        f"{MIN_UNPACKED_BYTES >> 20}, or {MAX_RATIO} times the file" == "64, or 20 times the file"
    )  # as the commands say
    assert len(everything(path, max_unpacked=2)) == 2**21
    for megabytes, bytes_, next_ in ((1.5, 1572864, 4), (1, 1048576, 4), (0.5, 524288, 4), (0.001, 1048, 4)):
        with pytest.raises(FileError) as caught:
            everything(path, max_unpacked=megabytes)
        assert str(caught.value) == (
            f"{path} has {size} bytes and unpacks to more than {bytes_} bytes; if you trust it, raise the limit with "
            f"--max-unpacked {next_} (MiB), or max_unpacked in Python."
        )
    with opened(path, 5) as found:
        assert "unpacks to 7 rows than 5242880 bytes" in str(found.too_large("7 rows"))
        assert "--max-unpacked 20 (MiB)" in str(found.too_large())
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(MIN_UNPACKED_BYTES // MAX_RATIO + 10)
    with opened(large) as found:
        assert found.limit == MAX_RATIO * found.size > MIN_UNPACKED_BYTES
        assert len(found.stream.read()) == found.size
    assert len(everything(large, max_unpacked=0.001)) == large.stat().st_size  # it is not packed


@pytest.mark.parametrize("wrong", [0, -1, float("nan")])
def test_a_limit_is_above_0(tmp_path, wrong):
    with pytest.raises(ConfigError, match=f"above 0, such as 1000; got {wrong}"):
        everything(tmp_path, max_unpacked=wrong)


def test_what_is_cut_off_or_damaged_is_said(tmp_path):
    whole = gzip.compress(os.urandom(5000), mtime=0)
    changed = whole[:3000] + bytes([whole[3000] ^ 255]) + whole[3001:]
    for content in (whole[:-300], whole[:30], changed, b"\x1f\x8b" + bytes(40)):
        (tmp_path / "t").write_bytes(content)
        with pytest.raises(FileError, match=r"is not a whole gzip file .*; compress it again, or give the plain file"):
            everything(tmp_path / "t")


def test_places_that_hold_no_table_are_refused_by_name(tmp_path, monkeypatch):
    (tmp_path / "orders.csv").write_bytes(b"a\n1\n")
    (tmp_path / "other.parquet").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    (tmp_path / "folder.csv").mkdir()
    for place, said in (
        (tmp_path, "is a folder; give a CSV or Parquet file in it"),
        (Path("/dev/null"), "/dev/null is a device; give a CSV or Parquet file, or - for the standard input"),
        (tmp_path / "order.csv", "there is no file .*order.csv; did you mean 'orders.csv'"),
        (tmp_path / "zzz.csv", "there is no file .*zzz.csv; tables in this folder: 'orders.csv', 'other.parquet'\\."),
        (tmp_path / "letters.csv", "tables in this folder"),
        (tmp_path / "folder.csv" / "x", "tables in this folder: none"),
        (tmp_path / "none" / "zzz.csv", "there is no file .*; give the path of a CSV or Parquet file"),
        (tmp_path / "orders.csv" / "x", "cannot read .*: Not a directory"),
        (tmp_path / "a\0b", "cannot read .*null"),
    ):
        with pytest.raises(FileError, match=said):
            everything(place)


def test_pipes_and_the_standard_input_are_kept_so_that_they_can_be_rewound(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(gzip.compress(CONTENT)))
    writer.start()
    with opened(tmp_path / "pipe") as found:
        assert found.stream.read() == CONTENT
        found.stream.seek(0)
        assert (found.stream.read(), found.name) == (CONTENT, str(tmp_path / "pipe"))
    writer.join()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(CONTENT)))
    with opened("-") as found:
        assert found.stream.read() == CONTENT
        found.stream.seek(0)
        assert (found.stream.read(2), found.name, found.size) == (CONTENT[:2], "the standard input", len(CONTENT))
