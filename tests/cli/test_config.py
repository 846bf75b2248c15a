"""Files of options: who wins, what is refused, and that what is printed is read back as it was."""

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splinework.cli import COMMANDS, main
from splinework.cli.common import Amount
from splinework.cli.config import _keys, as_toml
from splinework.cli.options import list_text, split_list
from tests.cli.stand_in import refused, said

WITH_OPTIONS = [name for name in COMMANDS if name not in ("completion", "hardware")]


def printed(run, *arguments: str, **options) -> dict[str, str]:
    """The options that a command would use, as `--print-config` writes them."""
    result = run(*arguments, "--print-config", **options)
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert head == f"[{arguments[0]}]"
    return dict(line.split(" = ", 1) for line in lines)


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(run, folder, monkeypatch):
    fit = ["fit", "d.csv", "--target", "y", "--config", "run.toml"]
    (folder / "run.toml").write_text("seed = 1\n[fit]\nbudget = 11\n[discover]\nbudget = 99\n")
    found = printed(run, *fit)
    assert (found["budget"], found["seed"], found["quiet"]) == ("11.0", "1", "false")
    monkeypatch.setenv("SPLINEWORK_FIT_BUDGET", "12")
    assert printed(run, *fit)["budget"] == "12.0"
    assert printed(run, *fit, "--budget", "13")["budget"] == "13.0"
    monkeypatch.delenv("SPLINEWORK_FIT_BUDGET")
    assert printed(run, "fit", "d.csv", "--target", "y")["budget"] == "45.0"
    (folder / "run.toml").write_text("[fit]\nseed = 2\n")
    (folder / "other.toml").write_text("seed = 1\n[fit]\nseed = 2\n")
    assert printed(run, "fit", "d.csv", "--target", "y", "--config", "other.toml")["seed"] == "2"  # the nearer one


def test_a_file_reaches_the_work(run, data, pipeline):
    text = '\ufeffdata = "data.csv"\n[fit]\ntarget = "y"\nfeatures = ["b", "a"]\ntest_fraction = 0.25\nquiet = true\n'
    (data.parent / "run.toml").write_text(text + 'shape = "2,5,1"\nout = "o"\n')
    result = run("fit", "--config", "run.toml")
    assert result.exit_code == 0, result.output
    assert result.output == ""
    assert pipeline.calls[0]["names"] == ["b", "a"]
    assert pipeline.calls[0]["shape"] == [2, 5, 1]
    assert len(pipeline.calls[0]["y"]) == 30
    assert (data.parent / "o" / "model.safetensors").exists()


def test_options_that_may_come_several_times_are_arrays(run, folder):
    (folder / "run.toml").write_text('[discover]\nrequire = ["a*b", "sin(c)"]\nforbid = "tan"\nclasses = false\n')
    found = printed(run, "discover", "d.csv", "--target", "y", "--config", "run.toml")
    assert found["require"] == '["a*b", "sin(c)"]'
    assert found["forbid"] == '["tan"]'
    assert found["classes"] == "false"


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("budgt = 3", ["run.toml has a key 'budgt'", "not an option of fit", "did you mean 'budget'"]),
        ("[fit]\nzzzzz = 3", ["[fit] of run.toml has a key 'zzzzz'", "there are: 'data', 'target'"]),
        ("config = 'x'", ["'config'"]),
        ("debug = true", ["'debug'"]),
        ("[fitt]", ["a table [fitt]", "did you mean 'fit'?"]),
        ("fit = 3", ["fit is a command", "[fit]"]),
        ('budget = "soon"', ["budget = 'soon' does not fit", "not a valid float"]),
        ("budget = true", ["budget takes a value", "got true"]),
        ("budget = [1, 2]", ["budget takes one value", "array of 2"]),
        ("budget = {a = 1}\n", ["a table [budget]"]),
        ("[fit]\nbudget = {a = 1}\n", ["budget takes a text or a number"]),
        ("quiet = 1", ["quiet takes true or false; got 1"]),
        ("seed = -1", ["seed = -1 does not fit", "range"]),
        ("target = 1979-05-27", ["target takes a text or a number"]),
        ("missing = 'guess'", ["missing = 'guess' does not fit", "'drop', 'mean'"]),
        ("x = = 3", ["run.toml is not TOML", "line 1"]),
        ("\x00", ["run.toml is not TOML"]),
        ("a = " + "[" * 10_000, ["run.toml is not TOML"]),
        ("a = 1" + "0" * 5000, ["run.toml is not TOML"]),
        (b"a = '\xff'", ["not a text in UTF-8"]),
        ("#" * 2**21, ["too many for a file of options"]),
    ],
)
def test_what_is_wrong_in_a_file_is_told(run, folder, text, fragments):
    (folder / "run.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(run("fit", "d.csv", "--target", "y", "--config", "run.toml"), *fragments)


def test_files_that_are_none_are_told(run, folder):
    refused(run("fit", "--config", "none.toml"), "no file none.toml", "budget = 20")
    refused(run("fit", "--config", "."), "cannot read .")
    refused(run("fit", "--config", "a\0b"), "not TOML", "null")


def values_of(parameter: click.Parameter) -> st.SearchStrategy[object]:
    """Values that an option takes."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return st.booleans()
    kind = parameter.type
    if isinstance(kind, Amount):
        return st.floats(1e-3, 1e6)
    if isinstance(kind, click.Choice):
        return st.sampled_from([str(choice) for choice in kind.choices])
    if isinstance(kind, click.IntRange):
        return st.integers(int(kind.min or 0), int(kind.max or 1000))
    if isinstance(kind, click.FloatRange):
        return st.floats(float(kind.min or 0.0), float(kind.max or 1000.0))
    if kind is click.FLOAT:
        return st.floats(allow_nan=False)
    if kind is click.INT:
        return st.integers(-(10**6), 10**6)
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    several = parameter.nargs == -1 or (isinstance(parameter, click.Option) and parameter.multiple)
    return st.lists(text, min_size=1, max_size=3).map(tuple) if several else text


@pytest.mark.parametrize("name", WITH_OPTIONS)
@given(draws=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_printed_is_read_back_as_it_was(name, draws, tmp_path):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    parent = click.Context(main, info_name="splinework")
    context = click.Context(command, parent=parent, info_name=name)
    keys = _keys(command)
    given = {key: p for key, p in keys.items() if p.required or draws.draw(st.booleans(), label=key)}
    chosen = {p.name: draws.draw(values_of(p), label=key) for key, p in given.items()}
    context.params = {p.name: p.type_cast_value(context, chosen[p.name]) for p in keys.values() if p.name in chosen}
    path = tmp_path / "run.toml"
    path.write_text(as_toml(context), encoding="utf-8", newline="")
    arguments = ["--config", str(path), "--print-config"]
    result = CliRunner().invoke(main, [name, *arguments], prog_name="splinework")
    assert result.exit_code == 0, result.output
    again = set(result.stdout.split("\n"))
    assert set(path.read_text(encoding="utf-8").split("\n")) <= again


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_of_a_file_ends_in_a_traceback(content, tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    arguments = ["fit", str(tmp_path / "none.csv"), "--target", "y", "--config", str(path)]
    result = CliRunner().invoke(main, arguments, prog_name="splinework")
    assert result.exit_code == 2, result.output
    (line,) = said(result.stderr)
    assert line.startswith("error: ")


@given(
    key=st.sampled_from(["budget", "seed", "features", "quiet", "fit", "missing", "zzz", "data"]),
    value=st.sampled_from(
        [
            "1", "-1", "1e999", "nan", "true", "''", "'a,b'", "[]", "[1]", "['a', 'b']", "[[1]]", "{}", "{a = 1}",
            "1979-05-27",
        ]
    ),
    table=st.sampled_from(["", "[fit]\n", "[discover]\n", "[fit.x]\n", "[[fit]]\n"]),
)  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_of_a_file_ends_in_a_traceback(key, value, table, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(f"{table}{key} = {value}\n")
    arguments = ["fit", str(tmp_path / "none.csv"), "--target", "y", "--config", str(path)]
    result = CliRunner().invoke(main, arguments, prog_name="splinework")
    assert result.exit_code == 2, result.output
    assert said(result.stderr)[0].startswith("error: ")


def test_an_item_of_an_array_stays_one_item(run, folder):
    (folder / "run.toml").write_text('[discover]\nfeatures = ["a", "b, c", "f(x, y)"]\nforbid = "sin,tan"\n')
    found = printed(run, "discover", "d.csv", "--target", "y", "--config", "run.toml")
    assert found["features"] == '["a", "b, c", "f(x, y)"]'
    assert found["forbid"] == '["sin", "tan"]'


@pytest.mark.parametrize("items", [["a"], ["a, b", "c"], ['say "x"', "f(a, b)"], ["g(", "h"], ["(a,", "b"]])
def test_a_list_is_written_so_that_it_is_read_again(items):
    assert split_list(list_text(items)) == items
