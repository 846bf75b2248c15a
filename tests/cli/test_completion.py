"""What a shell is offered, and the scripts that ask for it."""

import gzip

import pandas as pd
import pytest
from click.testing import CliRunner

from splinework.cli import COMMANDS, main
from splinework.data import data_names


def offered(*words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    environment = {
        "COMP_WORDS": " ".join(["splinework", *words]),
        "COMP_CWORD": str(len(words)),
        "_SPLINEWORK_COMPLETE": "bash_complete",
    }
    result = CliRunner().invoke(main, prog_name="splinework", env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(run, shell):
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_SPLINEWORK_COMPLETE" in result.stdout
    assert f"{shell}_complete" in result.stdout


def test_an_unknown_shell_is_told(run):
    result = run("completion", "tcsh")
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish', 'powershell'" in result.stderr


def test_commands_are_offered():
    assert offered("") == [f"plain,{name}" for name in COMMANDS]
    assert offered("fi") == ["plain,fit"]
    assert "plain,--debug" in offered("--")


def test_options_values_and_files_are_offered():
    assert "plain,--budget" in offered("fit", "--b")
    assert offered("discover", "d.csv", "--missing", "") == ["plain,drop", "plain,mean"]
    assert offered("fit", "dat") == ["file,dat"]
    assert offered("predict", "m", "da") == ["file,da"]
    assert offered("fit", "d.csv", "--config", "r") == ["file,r"]
    assert offered("data", "feynman:I.6") == [f"plain,{n}" for n in data_names() if n.startswith("feynman:I.6")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", b"mass,time,y\n1,2,3\n"),
        ("d.csv", "\ufeffmass;time;y\r\n1,5;2;3\r\n".encode()),
        ("d.csv", "mass\ttime\ty\n1\t2\t3\n".encode("utf-16")),
        ("d.csv.gz", gzip.compress(b'"mass","time",y\n', mtime=0)),
        ("d.parquet", None),
    ],
)
def test_columns_of_the_table_are_offered(folder, name, content):
    if content is None:
        pd.DataFrame({"mass": [1], "time": [2], "y": [3]}).to_parquet(name)
    else:
        (folder / name).write_bytes(content)
    assert offered("fit", name, "--target", "") == ["plain,mass", "plain,time", "plain,y"]
    assert offered("fit", "--target", "y", name, "--features", "mass,t") == ["plain,mass,time"]
    assert offered("discover", name, "--target", "m") == ["plain,mass"]


@pytest.mark.parametrize("content", [None, b"", b"\x1f\x8b..", b"a\x00b,c", b"\x01\x02"])
@pytest.mark.parametrize("name", ["d.csv", "d.parquet"])
def test_a_table_that_cannot_be_read_offers_nothing(folder, name, content):
    if content is not None:
        (folder / name).write_bytes(content)
    assert offered("fit", name, "--target", "") == []
    assert offered("fit", ".", "--target", "") == []
