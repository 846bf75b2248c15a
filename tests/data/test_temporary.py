"""Temporary folders: gone at the end, kept while their process lives, swept afterwards; what they had replaced is put back."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from splinework.data import temporary
from splinework.data.temporary import MIN_AGE_SECONDS, PREFIX, REPLACED, sweep, temporary_folder

OLD = MIN_AGE_SECONDS + 5


def left_by_a_dead_process(parent: Path, age: float = OLD, name: str = "abcd_123") -> Path:
    """A temporary folder with a file, of which nobody holds the lock."""
    folder = parent / f"{PREFIX}{name}"
    folder.mkdir()
    (folder / "half").write_text("half")
    aged(folder, age)
    return folder


def aged(folder: Path, seconds: float) -> None:
    then = folder.stat().st_mtime - seconds
    os.utime(folder, (then, then))


def test_a_folder_is_empty_private_named_by_the_prefix_and_gone_at_the_end(tmp_path):
    with temporary_folder(tmp_path) as first, temporary_folder(tmp_path) as second:
        for folder in (first, second):
            assert folder.parent == tmp_path
            assert temporary._NAME.fullmatch(folder.name)
            assert list(folder.iterdir()) == []
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert first != second
        (first / "a").mkdir()
        (first / "a" / "b").write_text("b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError, SystemExit])
def test_an_error_passes_and_leaves_nothing(tmp_path, error):
    def fail(folder: Path) -> None:
        (folder / "a").write_text("a")
        raise error

    with pytest.raises(error), temporary_folder(tmp_path) as folder:
        fail(folder)
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_parent_the_system_says_so(tmp_path):
    with pytest.raises(FileNotFoundError), temporary_folder(tmp_path / "none"):
        pytest.fail("there is no such folder")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("age", "stays"), [(0.0, True), (MIN_AGE_SECONDS - 5, True), (OLD, False), (1e6, False)])
def test_a_folder_without_a_lock_is_swept_once_it_is_old(tmp_path, age, stays):
    folder = left_by_a_dead_process(tmp_path, age)
    with temporary_folder(tmp_path):
        assert folder.exists() == stays


def test_a_folder_in_use_is_never_swept_and_its_lock_ends_with_it(tmp_path):
    with temporary_folder(tmp_path) as held:
        aged(held, OLD)
        sweep(tmp_path)
        assert held.is_dir()
        kept = tmp_path / "kept"
        shutil.copytree(held, kept)
    kept.rename(held)
    aged(held, OLD)
    sweep(tmp_path)
    assert not held.exists()


@pytest.mark.parametrize("name", ["abcd_1234", "abcd_12", "ABCD_123", "abcd-123", "abcd 123", "", "abcdefgh.old"])
def test_other_names_are_left_alone(tmp_path, name):
    folder = left_by_a_dead_process(tmp_path, name=name)
    sweep(tmp_path)
    assert (folder / "half").read_text() == "half"


def test_files_links_and_folders_of_others_are_left_alone(tmp_path, monkeypatch):
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine").write_text("mine")
    aged(target, OLD)
    link, file = tmp_path / f"{PREFIX}linklink", tmp_path / f"{PREFIX}filefile"
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    file.write_text("file")
    aged(file, OLD)
    foreign = left_by_a_dead_process(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: foreign.stat().st_uid + 1)
    sweep(tmp_path)
    assert (target / "mine").read_text() == "mine"
    assert link.is_symlink()
    assert file.read_text() == "file"
    assert foreign.is_dir()
    monkeypatch.undo()
    sweep(tmp_path)
    assert not foreign.exists()


def test_what_a_dead_process_was_replacing_comes_back_unless_its_successor_is_there(tmp_path):
    folder = left_by_a_dead_process(tmp_path)
    for name in ("lost", "replaced"):
        (folder / REPLACED / name).mkdir(parents=True)
        (folder / REPLACED / name / "a").write_text("old")
    (tmp_path / "replaced").mkdir()
    (tmp_path / "replaced" / "a").write_text("new")
    aged(folder, OLD)
    sweep(tmp_path)
    assert {path.name: (path / "a").read_text() for path in tmp_path.iterdir()} == {"lost": "old", "replaced": "new"}


def test_one_folder_that_cannot_be_swept_does_not_keep_the_others(tmp_path, monkeypatch):
    folders = [left_by_a_dead_process(tmp_path, name=f"abcd_12{n}") for n in range(3)]
    real = temporary._sweep_one

    def sweep_one(folder: Path) -> None:
        if folder == folders[1]:
            raise PermissionError
        real(folder)

    monkeypatch.setattr(temporary, "_sweep_one", sweep_one)
    sweep(tmp_path)
    assert [folder.exists() for folder in folders] == [False, True, False]
    sweep(tmp_path / "none")  # there is nothing to sweep


def test_without_locks_in_the_system_nothing_is_swept_and_all_else_is_the_same(tmp_path, monkeypatch):
    import fcntl

    def refuse(*arguments: object) -> None:
        raise OSError

    folder = left_by_a_dead_process(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    with temporary_folder(tmp_path) as made:
        assert made.is_dir()
    assert list(tmp_path.iterdir()) == [folder]


def test_memory_is_held_back_while_the_folder_is_in_use(tmp_path):
    import tracemalloc

    assert temporary.SPARE_BYTES >= 2**20
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with temporary_folder(tmp_path):
            assert tracemalloc.get_traced_memory()[0] - before >= temporary.SPARE_BYTES
        assert tracemalloc.get_traced_memory()[0] - before < temporary.SPARE_BYTES / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["mkdir", "rmtree"])
def test_an_interruption_while_a_folder_is_made_or_removed_leaves_none(tmp_path, monkeypatch, name):
    """As a signal may come right after the call of the system."""
    where = Path if name == "mkdir" else shutil
    real, asked = getattr(where, name), []

    def interrupted(*arguments: object, **words: object) -> None:
        if name == "mkdir" or asked:
            real(*arguments, **words)
        if not asked:
            asked.append(name)
            raise KeyboardInterrupt

    monkeypatch.setattr(where, name, interrupted)
    with pytest.raises(KeyboardInterrupt), temporary_folder(tmp_path) as held:
        (held / "a").touch()
    monkeypatch.undo()
    assert asked == [name]
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_taken_are_not_drawn(tmp_path, monkeypatch):
    import secrets

    letters = iter("a" * 16 + "b" * 8)
    monkeypatch.setattr(secrets, "choice", lambda among: next(letters))
    (tmp_path / f"{PREFIX}aaaaaaaa").mkdir()
    with temporary_folder(tmp_path) as folder:
        assert folder.name == f"{PREFIX}bbbbbbbb"
    assert (tmp_path / f"{PREFIX}aaaaaaaa").is_dir()


def test_names_are_of_letters_and_digits(tmp_path):
    assert len(set(temporary._LETTERS)) == 36


@pytest.mark.parametrize("how", ["the end", "sweeping"])
def test_what_cannot_be_removed_stays_alone_and_is_no_error(tmp_path, monkeypatch, how):
    refused: list[object] = []
    real = os.unlink

    def unlink(path: object, **words: object) -> None:
        if not refused:
            refused.append(path)
            raise PermissionError
        real(path, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "unlink", unlink)
    if how == "the end":
        with temporary_folder(tmp_path) as folder:
            for name in "abcd":
                (folder / name).touch()
    else:
        folder = left_by_a_dead_process(tmp_path)
        for name in "abc":
            (folder / name).touch()
        aged(folder, OLD)
        sweep(tmp_path)
    assert [path.name for path in folder.iterdir()] == refused


def test_on_systems_without_locks_nothing_is_swept(tmp_path, monkeypatch):
    import sys

    folder = left_by_a_dead_process(tmp_path)
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    with temporary_folder(tmp_path) as made:
        assert made.is_dir()
    assert list(tmp_path.iterdir()) == [folder]
