"""Files and folders: whole or not at all, whatever ends the writing."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from splinework.errors import ConfigError, FileError
from splinework.nn import files
from splinework.nn.files import check_writable, read_toml, whole_folder, write_into, write_whole

fcntl = pytest.importorskip("fcntl")


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def into_folder(place: Path, end: Callable[[], None]) -> None:
    with whole_folder(place) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a").write_text("new")
        end()


def beside_others(place: Path, end: Callable[[], None]) -> None:
    def first(path: Path) -> None:
        path.write_text("new")

    def second(path: Path) -> None:
        path.write_text("half")
        end()

    write_into(place, {"a": first, "b": second}, without=["gone"])


WAYS = {"whole_folder": into_folder, "write_into": beside_others}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("place", ["old", "new", "new/er/still"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("no"), KeyboardInterrupt()], ids=repr
)
def test_what_goes_wrong_leaves_everything_as_it_was(tmp_path, way, place, error):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a").write_text("old")
    (tmp_path / "old" / "gone").write_text("old")
    before = tree(tmp_path)

    def fail() -> None:
        raise error

    with pytest.raises(FileError if isinstance(error, OSError) else type(error)) as caught:
        way(tmp_path / place, fail)
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {tmp_path / place}: No space left on device; choose another place."
    assert tree(tmp_path) == before


def test_a_folder_replaces_what_was_there_and_files_go_beside_it(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("old")
        (tmp_path / name / "gone").write_text("old")
    into_folder(tmp_path / "one", lambda: None)
    beside_others(tmp_path / "two", lambda: None)
    beside_others(tmp_path / "three" / "four", lambda: None)
    assert tree(tmp_path) == {
        **{"one": None, "one/sub": None, "one/sub/a": b"new"},
        **{"two": None, "two/a": b"new", "two/b": b"half", "two/mine": b"old"},
        **{"three": None, "three/four": None, "three/four/a": b"new", "three/four/b": b"half"},
    }
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "two").stat().st_mode  # as of any folder


def test_a_place_that_cannot_be_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place, said in (
        (tmp_path / "file", "file is a file; name another folder"),
        (tmp_path / "file" / "below", "file is a file; name another folder"),
        (tmp_path / ("x" * 5000), "too long"),
        (tmp_path / "a\0b", "null"),
    ):
        with pytest.raises(FileError, match=said):
            check_writable(place)
    check_writable(tmp_path / "not" / "yet")
    assert tree(tmp_path) == {"file": b"mine"}


def test_write_whole_takes_a_name_as_long_as_the_file_system_does(tmp_path):
    path = tmp_path / ("n" * 250)
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_link_to_nothing_and_a_full_disk_are_told_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for place in ("link", "link/below"):
        with pytest.raises(FileError, match=r"is a link to .*gone, which does not exist"):
            check_writable(tmp_path / place)

    def full(place: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for place in (".", "new/er"):
        with pytest.raises(FileError, match="No space left on device"):
            check_writable(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_what_a_killed_process_left_goes_with_the_next_file_but_not_what_is_new_or_of_others(tmp_path):
    old, fresh, other, link = (tmp_path / f".saving-{letter * 8}" for letter in "abcd")
    for folder in (old, fresh, tmp_path / ".saving-mine", other):
        folder.mkdir()
    link.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (old / "new").write_text("half")
    for folder in (old, other, tmp_path / ".saving-mine", tmp_path / "elsewhere"):
        os.utime(folder, (0, 0))
    held = os.open(other, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    write_whole(tmp_path / "a", b"new")
    os.close(held)
    assert set(tree(tmp_path)) == {"a", fresh.name, ".saving-mine", other.name, link.name, "elsewhere"}


def test_what_was_about_to_be_replaced_when_a_process_died_comes_back(tmp_path):
    left = tmp_path / ".saving-aaaaaaaa"
    for name in ("artefact", "other"):
        (left / "old" / name).mkdir(parents=True)
        (left / "old" / name / "a").write_text("old")
    (tmp_path / "other").mkdir()
    os.utime(left, (0, 0))
    check_writable(tmp_path)
    assert tree(tmp_path) == {"artefact": None, "artefact/a": b"old", "other": None}


def test_a_pipe_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", b"content")
    assert os.read(reader, 100) == b"content"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_folder_without_permission_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # root may write anywhere
    with pytest.raises(FileError, match="no permission; name another folder"):
        check_writable(tmp_path / "new")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems exchange no names")
def test_a_folder_is_replaced_by_one_exchange_of_names(tmp_path, monkeypatch):
    """Between two renamings a kill would leave no folder."""
    into_folder(tmp_path / "out", lambda: None)
    (tmp_path / "out" / "sub" / "a").write_text("old")
    monkeypatch.setattr(os, "rename", lambda *_: pytest.fail("two names are changed one after the other"))
    into_folder(tmp_path / "out", lambda: None)
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out" / "sub" / "a").read_text() != "old"


def test_where_the_new_folder_cannot_take_its_place_the_old_one_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchanged", lambda *_: False)  # as on a system that cannot
    into_folder(tmp_path / "out", lambda: None)
    (tmp_path / "out" / "sub" / "a").write_text("old")
    before, real = tree(tmp_path), os.rename

    def rename(source: Path, target: Path) -> None:
        if Path(source).name == "new":
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(FileError, match="Input/output error"):
        into_folder(tmp_path / "out", lambda: None)
    assert tree(tmp_path) == before


def test_a_file_in_toml_is_read_up_to_its_limit_and_each_fault_has_its_message(tmp_path):
    path = tmp_path / "t.toml"

    def read(content: bytes, **options: int) -> dict[str, object]:
        path.write_bytes(content)
        return read_toml(path, "it takes TOML", what="a test", **options)

    assert read(b"a = 1\n", most=6) == {"a": 1}
    assert read(b"\xef\xbb\xbfa = 'e'\n") == {"a": "e"}
    assert read(b"#" * (2**20)) == {}
    for content, options, error, said in (
        (b"a = 1\n\n", {"most": 6}, ConfigError, "has 7 bytes, too many for a test; it takes TOML"),
        (b"#" * (2**20 + 1), {}, ConfigError, "has 1048577 bytes, too many for a test"),
        (b"a = ", {}, ConfigError, "is not TOML: .* It takes TOML"),
        (b"a = '\xff'", {}, ConfigError, "is not TOML: it is not a text in UTF-8; it takes TOML"),
    ):
        with pytest.raises(error, match=said):
            read(content, **options)
    with pytest.raises(FileError, match=r"there is no file .*none; it takes TOML"):
        read_toml(tmp_path / "none", "it takes TOML", what="a test")
    with pytest.raises(FileError, match=r"cannot read .*: Is a directory; it takes TOML"):
        read_toml(tmp_path, "it takes TOML", what="a test")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_toml(tmp_path / "a\0b", "it takes TOML", what="a test")


def test_a_name_with_a_null_character_is_refused():
    with pytest.raises(FileError, match="null character"):
        write_whole(Path("a\0b"), b"")


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    done, synced, renamed = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(os.fstat(file).st_size), synced(file))[1])
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(Path(new).name), renamed(old, new))[1])
    write_whole(tmp_path / "a", b"12345")
    assert done == [5, "a"]
    assert (tmp_path / "a").read_bytes() == b"12345"


def test_the_trial_of_a_folder_writes_enough_to_notice_a_full_disk(tmp_path, monkeypatch):
    sizes: list[int] = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    check_writable(tmp_path / "new")
    assert max(sizes) >= 1 << 16
    assert not (tmp_path / "new").exists()
