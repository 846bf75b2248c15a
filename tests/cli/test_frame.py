"""The frame around the commands: what `--help` loads and how long it takes, how the program ends, `--debug`."""

import os
import statistics
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import splinework
from splinework.cli import COMMANDS, main
from splinework.cli.exits import ErrorHandling, run_and_exit
from splinework.cli.frame import CommandGroup
from splinework.errors import DataError, FitWarning
from tests.families import every

HEAVY = ["numpy", "pandas", "rich", "torch", "sklearn", "scipy", "sympy", "matplotlib", "pyarrow", "tomllib"]
HERE = {**os.environ, "PYTHONPATH": str(Path(splinework.__file__).parents[1])}


@pytest.fixture
def group():
    """A group of commands whose only command does as it is told."""

    def make(action):
        group = CommandGroup(table={}, package="splinework.cli", name="splinework")
        group.add_command(click.Command("act", callback=action))
        group.table = {"act": "acts"}
        return group

    return make


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_loads_nothing_heavy(command):
    code = (
        "import sys\n"
        "from splinework.cli import main\n"
        "try:\n"
        "    main([*sys.argv[1].split(), '--help'], prog_name='splinework')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print([m for m in sys.argv[2:] if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command, *HEAVY], capture_output=True, text=True, check=True, env=HERE
    )
    assert done.stderr.strip() == "[]"
    assert done.stdout.startswith(f"Usage: splinework {command}".rstrip())


def test_the_help_of_the_program_loads_no_command():
    code = (
        "import sys\n"
        "from splinework.cli import COMMANDS, main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    print([c for c in COMMANDS if f'splinework.cli.{c}' in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=HERE)
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="it does not count the time of children")
def test_the_help_takes_less_than_four_tenths_of_a_second():
    for command in ([], ["fit"]):
        times = []
        for _ in range(5):
            before = os.times()  # what the program takes itself: other work on the machine is not its own
            subprocess.run(
                [sys.executable, "-m", "splinework.cli", *command, "--help"],
                stdout=subprocess.DEVNULL,
                env=HERE,
                check=True,
            )
            after = os.times()
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        assert statistics.median(times) < 0.4


@every("name", COMMANDS)
def test_the_list_of_commands_says_what_each_one_says(name):
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name]
    assert main.get_command(context, name) is command  # loaded once


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(run, name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: splinework {name}" in result.stdout
    assert "Example" in result.stdout or name in ("demo", "completion")
    assert "--debug" in result.stdout
    assert ("--config FILE.toml" in result.stdout) == (name not in ("completion", "hardware"))


def test_the_exit_codes_are_told(run):
    text = run("--help").stdout
    for code in ("0 ", "1 ", "2 ", "130 ", "141 "):
        assert f"\n    {code}" in text
    for name, short in COMMANDS.items():
        assert f"  {name} " in text
        assert short in text


def test_an_unknown_command_suggests_the_nearest(run):
    result = run("fti", "data.csv")
    assert result.exit_code == 2
    assert result.stderr == "error: there is no command 'fti'; did you mean 'fit'? See: splinework --help\n"
    assert "there are: 'demo', 'fit'" in run("qqq").stderr
    assert run("--wrong").exit_code == 2


def test_debug_may_stand_before_or_after_the_command(run):
    plain = run("fit", "none.csv", "--target", "y")
    assert "Traceback" not in plain.stderr
    for arguments in (["--debug", "fit", "none.csv"], ["fit", "none.csv", "--debug"]):
        result = run(*arguments, "--target", "y")
        assert result.exit_code == 2
        assert "Traceback (most recent call last)" in result.stderr
        assert result.stderr.endswith(plain.stderr)


@pytest.mark.parametrize(
    ("error", "code", "fragment"),
    [
        (DataError("the table\nhas no rows."), 2, "error: the table has no rows."),
        (
            ZeroDivisionError("a defect"),
            1,
            "error: an internal error of splinework, not of your input (ZeroDivisionError: a defect).",
        ),
        (AssertionError(), 1, "not of your input (AssertionError)."),
        (MemoryError(), 1, "error: there is not enough memory"),
        (OSError(28, "No space left on device"), 1, "error: the system refused: No space left on device."),
        (click.UsageError("a wrong option"), 2, "error: a wrong option. See: splinework"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_every_end_has_its_code_and_at_most_one_line(group, error, code, fragment, debug):
    def fail():
        raise error

    result = CliRunner().invoke(group(fail), ["act"], prog_name="splinework")
    assert result.exit_code == code
    assert fragment in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert (result.stderr == "") == (fragment == "")

    frame = ErrorHandling(debug=debug)
    with pytest.raises(SystemExit) as ended:
        run_and_exit(fail, frame)
    assert ended.value.code == code


def test_a_reader_that_goes_away_is_no_reason_to_complain(tmp_path):
    command = [sys.executable, "-m", "splinework.cli", "data"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=HERE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stream:
        assert stream.read() == b""
    assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_the_output_is_told():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "splinework.cli", "data"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=HERE)
    assert done.returncode == 1
    assert done.stderr == "error: the system refused: No space left on device.\n"


@pytest.mark.parametrize(("category", "shown"), [(FitWarning, True), (UserWarning, False)])
def test_a_warning_is_a_note_without_a_place(group, category, shown):
    def warn():
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("few\nrows", category, stacklevel=1)

    result = CliRunner().invoke(group(warn), ["act"], prog_name="splinework")
    assert result.stderr == ("note: few rows\n" if shown else "")


def test_without_standalone_mode_errors_are_raised(group):
    def fail():
        raise DataError("as it is")

    with pytest.raises(DataError, match="as it is"):
        group(fail).main(["act"], standalone_mode=False)
