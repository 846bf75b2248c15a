"""The quick loop: parts cover every test, a change calls for the tests that would see it, a run goes on where it was stopped."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.families import slow
from tests.loop import choice, imports, journal, parts, whole


def test_parts_hold_every_test_and_every_source_once():
    held = [path for part in parts.names() for path in parts.paths(part)]
    assert len(held) == len(set(held))
    for file in choice.tests():
        assert any(file == path or file.startswith(f"{path}/") for path in parts.paths(parts.part_of(file))), file


def test_an_unknown_part_gets_the_list_of_parts():
    with pytest.raises(SystemExit, match=r"There is no part 'trian'. PART is one of: .*train"):
        parts.paths("trian")


def test_a_name_of_a_package_leads_to_the_module_that_holds_it():
    assert "src/splinework/train/uncertainty.py" in imports.imported("tests/train/test_uncertainty.py")
    assert "src/splinework/train/losses/huber.py" not in imports.imported("tests/test_loop.py")


@pytest.mark.slow
def test_a_changed_module_calls_for_its_doctests_its_namesakes_and_its_importers_first():
    chosen = list(choice.choose(["src/splinework/nn/layer.py"]).reasons)
    assert chosen[:3] == [choice.OF_ALL_SOURCES, "src/splinework/nn/layer.py", "tests/nn/test_layer.py"]
    assert "tests/nn/test_checkpoint.py" in chosen
    assert len(chosen) <= choice.MAX_FILES + len(choice.ALWAYS)


@pytest.mark.slow
def test_a_module_that_many_import_says_what_was_left():
    chosen = choice.choose(["src/splinework/errors/__init__.py"])
    assert len(chosen.left) > 50
    assert not set(chosen.left) & set(chosen.reasons)


def test_a_page_calls_for_the_tests_that_mention_it_and_an_unknown_file_for_none():
    assert "tests/test_packaging.py" in choice.choose(["README.md"]).reasons
    assert choice.choose(["docs/nothing.png"]).reasons == {}


def run(folder, *options):
    (folder / "test_few.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_it(n):\n    assert n < 9\n"
    )
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "--rootdir=.", *options, "test_few.py"]
    environment = {"PYTHONPATH": f"{parts.ROOT}:{folder}", "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("processes", [*slow(()), ("-n", "2")])
def test_no_test_is_started_after_the_deadline_and_the_rest_is_counted(tmp_path, processes):
    (tmp_path / "early.py").write_text("from tests.loop import deadline\ndeadline.MIN_SECONDS = 0\n")
    printed = run(tmp_path, "-p", "early", "-p", "tests.loop.deadline", "--deadline", "0", *processes).stdout
    assert "6 tests of these files were not run:" in printed
    assert "passed" not in printed


@pytest.mark.slow
def test_what_passed_is_not_run_again_and_what_failed_is(tmp_path):
    plugin = ("-p", "tests.loop.journal", "--journal", "done.jsonl")
    assert "3 passed, 3 deselected" in run(tmp_path, *plugin, "-k", "0 or 1 or 2").stdout
    with (tmp_path / "done.jsonl").open("a") as file:
        file.write('{"test": "test_few.py::test_it[3]", "outc')  # killed while it wrote
    assert "3 passed" in run(tmp_path, *plugin, "-n", "2").stdout
    assert "6 deselected" in run(tmp_path, *plugin).stdout
    outcomes = journal.read(tmp_path / "done.jsonl")
    assert outcomes == {f"test_few.py::test_it[{n}]": "passed" for n in range(6)}
    assert 0 < journal.seconds(tmp_path / "done.jsonl") < 60


def test_a_failure_is_kept_as_one_and_run_again(tmp_path):
    (tmp_path / "few.jsonl").write_text(
        '{"test": "test_few.py::test_it[0]", "outcome": "failed", "session": 0, "seconds": 1}\n'
    )
    assert "6 passed" in run(tmp_path, "-p", "tests.loop.journal", "--journal", "few.jsonl").stdout
    assert set(journal.read(tmp_path / "few.jsonl").values()) == {"passed"}


def test_the_summary_ends_with_a_line_like_that_of_pytest():
    tallies = [
        whole.Tally("nn", Counter(passed=3, failed=1), 61.0, ("tests/nn/test_x.py::test_y",)),
        whole.Tally("train", Counter(passed=2, skipped=1), 3600.0, ()),
    ]
    lines = whole.summary(tallies).splitlines()
    assert lines[0] == "FAILED tests/nn/test_x.py::test_y"
    assert lines[-1].strip("= ") == "1 failed, 5 passed, 1 skipped in 1:01:01"
    page = whole.page(tallies, 2)
    assert "| **all** | 5 | 1 | 1 | 1:01:01 |" in page
    assert "- `tests/nn/test_x.py::test_y`" in page


@pytest.mark.parametrize(
    ("file", "concerned"),
    [
        ("src/splinework/nn/layer.py", True),
        ("tests/train/cases.py", True),
        ("tests/nn/test_network.py", True),  # whose cases other tests take
        ("tests/nn/test_checkpoint.py", True),
        ("tests/train/test_anneal.py", False),
        ("tests/test_import.py", False),
    ],
)
def test_results_of_a_part_hold_until_something_it_depends_on_changes(file, concerned):
    assert whole.concerns(file, "nn") == concerned
