"""Options as fields of a dataclass: what the command gets is what click read, and each type makes its own kind of option."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner

from splinework.cli.options import argument, flag, given, option, takes


@dataclass(frozen=True)
class Every:
    """One option of each kind."""

    model: str = argument()
    out: str = option(required=True, metavar="DIR", help="A folder.")
    data: str | None = argument(required=False)
    title: str | None = option(help="A text.")
    steps: int = option(default=0, within=(0, 9), help="A whole number.")
    cells: int | None = option(within=(1, None), help="Another.")
    share: float = option(default=0.5, help="A number.")
    task: Literal["auto", "classes"] = option(default="auto", help="A choice.")
    tools: tuple[Literal["gcc", "clang"], ...] = option("--tool", default=(), help="Several of a choice.")
    ranges: tuple[str, ...] = option("--range", default=(), help="Several texts.")
    test_fraction: float | None = option(help="With a dash.")
    as_json: bool = option("--json", default=False, help="A switch.")
    classes: bool = option(default=False, help="Another switch.")


LIST = ("a", "f(b, c)", "d,e")
USUAL = Every(model="m", out="o")


def run(*words: str, **changes: dict[str, Any]) -> tuple[Any, click.testing.Result]:
    found: list[Any] = []

    @click.command()
    @takes(Every, **changes)
    def command(every: Every) -> None:
        found.append(every)

    result = CliRunner().invoke(command, list(words))
    return (found[0] if found else None), result


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["d"], {"data": "d"}),
        (["--title", "x", "--test-fraction", "0.2"], {"title": "x", "test_fraction": 0.2}),
        (["--steps", "9", "--cells", "100", "--share", "1"], {"steps": 9, "cells": 100, "share": 1.0}),
        (["--task", "classes", "--json", "--classes"], {"task": "classes", "as_json": True, "classes": True}),
        (["--tool", "gcc", "--tool", "clang", "--range", "a"], {"tools": ("gcc", "clang"), "ranges": ("a",)}),
        (
            ["--tool", "gcc,clang", "--range", "a, f(b, c)", "--range", '"d,e"'],
            {"tools": ("gcc", "clang"), "ranges": LIST},
        ),
    ],
    ids=str,
)
def test_the_command_gets_what_was_given_and_the_defaults_of_the_fields(words, expected):
    found, result = run("m", "--out", "o", *words)
    assert result.exit_code == 0, result.output
    values = {each.name: getattr(USUAL, each.name) for each in fields(Every)} | expected
    assert found == Every(**values)
    assert all(type(getattr(found, name)) is type(value) for name, value in values.items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "o"], "Missing argument 'MODEL'"),
        (["m"], "Missing option '--out'"),
        (["m", "--out", "o", "--steps", "10"], "0<=x<=9"),
        (["m", "--out", "o", "--cells", "0"], "x>=1"),
        (["m", "--out", "o", "--share", "x"], "not a valid float"),
        (["m", "--out", "o", "--task", "x"], "not one of 'auto', 'classes'"),
        (["m", "--out", "o", "--tool", "x"], "not one of 'gcc', 'clang'"),
    ],
    ids=str,
)
def test_what_a_type_does_not_take_is_refused(words, said):
    found, result = run(*words)
    assert found is None
    assert result.exit_code == 2
    assert said in result.output


def test_the_help_has_the_options_in_the_order_of_the_fields_with_their_defaults():
    _, result = run("--help")
    at = [result.output.index(flag(Every, each.name)) for each in fields(Every)[3:]]
    assert at == sorted(at)
    for shown in ("[default: 0;", "[default: 0.5]", "[default: auto]", "[required]", "--test-fraction FLOAT"):
        assert shown in result.output
    assert "[default: False]" not in result.output


def test_a_command_may_change_a_word_of_an_option_and_no_other_command_sees_it():
    found, result = run("m", "--out", "o", share={"default": 0.25}, task={"type": click.Choice(["auto", "x"])})
    assert found == Every(model="m", out="o", share=0.25), result.output
    assert run("m", "--out", "o")[0] == USUAL


def test_objects_come_in_the_order_of_the_decorators():
    @dataclass(frozen=True)
    class Other:
        name: str = option(default="n", help="A name.")

    @click.command()
    @takes(Every)
    @takes(Other)
    def command(every: Every, other: Other) -> None:
        click.echo(f"{every.model} {other.name}")

    assert CliRunner().invoke(command, ["m", "--out", "o", "--name", "q"]).output == "m q\n"


def test_what_was_given_is_named_as_it_is_written():
    every = Every(model="m", out="o", tools=("gcc",), test_fraction=0.0, classes=False)
    names = ("model", "title", "tools", "ranges", "test_fraction", "classes")
    assert given(every, *names) == ["MODEL", "--tool", "--test-fraction", "--classes"]
