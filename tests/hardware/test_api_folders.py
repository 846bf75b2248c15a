"""The folder of an artefact: whole or not at all, never over anything else; what it says about itself is checked."""

import json
from pathlib import Path

import pytest

from splinework.errors import FileError
from splinework.hardware.folders import FORMAT, KINDS, MARKER_FILE, artefact_folder, check_place, read_marker
from tests.hardware.api_cases import tree


def write(place: Path, text: str, kind: str = "mcu") -> None:
    with artefact_folder(place, kind, "net", {"vectors": 5}) as folder:  # type: ignore[arg-type]
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(text)


def broken(place: Path, error: type[BaseException]) -> None:
    with artefact_folder(place, "mcu", "net", {}) as folder:
        (folder / "half.txt").write_text("half")
        raise error("no")


def test_it_takes_its_place_when_it_is_whole(tmp_path):
    place = tmp_path / "new" / "er" / "out"
    with artefact_folder(place, "fpga", "net", {}) as folder:
        (folder / "a.txt").write_text("a")
        assert not place.exists()
    assert sorted(p.name for p in place.iterdir()) == ["a.txt", MARKER_FILE]
    assert [p.name for p in place.parent.iterdir()] == ["out"]
    assert oct(place.stat().st_mode & 0o077) != "0o0"  # others may read it as they may read any folder


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_nothing_is_left_where_it_goes_wrong(tmp_path, error):
    write(tmp_path / "out", "old")
    before = tree(tmp_path)
    for place in (tmp_path / "out", tmp_path / "deep" / "out"):
        with pytest.raises(FileError if error is OSError else error):
            broken(place, error)
    assert tree(tmp_path) == before


def test_an_earlier_one_is_replaced_whole(tmp_path):
    write(tmp_path / "out", "old")
    with artefact_folder(tmp_path / "out", "mcu", "net", {}) as folder:
        (folder / "b.txt").write_text("new")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [MARKER_FILE, "b.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_marker_says_what_it_is(tmp_path):
    write(tmp_path / "out", "a")
    marker = read_marker(tmp_path / "out")
    assert (marker.kind, marker.name, marker.files, marker.details) == ("mcu", "net", ("sub/a.txt",), {"vectors": 5})
    assert set(KINDS) == {"fpga", "mcu", "analog"}


def test_what_else_lies_there_is_never_touched(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    write(tmp_path / "other", "a", kind="fpga")
    write(tmp_path / "more", "a")
    (tmp_path / "more" / "sub" / "mine.txt").write_text("mine")
    before = tree(tmp_path)
    for place, said in (
        ("file", "is a file"),
        ("full", "not empty .it holds mine.txt"),
        ("other", "another kind, fpga"),
        ("more", "sub/mine.txt, which would be lost"),
        ("file/below", "is a file; name another folder"),
        ("a\0b", "cannot use the folder"),
    ):
        with pytest.raises(FileError, match=said):
            check_place(tmp_path / place, "mcu")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "has no artefact.json"),
        ("{", "cannot be read"),
        ("[1]", "the format None, expected"),
        (json.dumps({"format": "splinework-artefact/9"}), "another version of splinework"),
        (json.dumps({"format": FORMAT, "kind": "toaster"}), "damaged"),
        (json.dumps({"format": FORMAT, "kind": "mcu", "files": 3, "details": {}}), "damaged"),
    ],
)
def test_a_marker_that_is_none_is_told(tmp_path, content, said):
    if content is not None:
        (tmp_path / MARKER_FILE).write_text(content)
    with pytest.raises(FileError, match=said):
        read_marker(tmp_path)
    with pytest.raises(FileError, match="there is no folder"):
        read_marker(tmp_path / "none")
