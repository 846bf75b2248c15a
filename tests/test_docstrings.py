"""Every public name is explained in full: a sentence, its arguments, what comes back, what is raised, an example, its source."""

import inspect
import re
from importlib import import_module
from typing import Any

import pytest

from tests.test_names import PUBLIC


def _public() -> dict[str, Any]:
    found: dict[int, tuple[str, Any]] = {}
    for package in PUBLIC:
        module = import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                found.setdefault(id(value), (f"{package}.{name}", value))
    return dict(found.values())


NAMES = _public()
FUNCTIONS = {name: value for name, value in NAMES.items() if inspect.isfunction(value)}
CLASSES = {name: value for name, value in NAMES.items() if inspect.isclass(value)}
EXCEPTIONS = {name for name, value in CLASSES.items() if issubclass(value, Exception)}


def _section(docstring: str, *titles: str) -> str:
    """The indented lines under one of some titles."""
    inside, lines = False, []
    for line in docstring.splitlines():
        if line.rstrip().rstrip(":") in titles and line.rstrip().endswith(":"):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        elif inside:
            lines.append(line)
    return "\n".join(lines)


def _parameters(value: Any) -> list[str]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return []
    return [
        name for name, each in signature.parameters.items() if each.kind not in kinds and name not in {"self", "cls"}
    ]


def _own(value: Any) -> str:
    return inspect.cleandoc(vars(value).get("__doc__") or "") if inspect.isclass(value) else inspect.getdoc(value) or ""


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_one_sentence(name):
    opening = _own(NAMES[name]).split("\n\n")[0]
    assert re.match(r"[A-Z0-9`]", opening), f"no docstring of its own: {opening!r}"
    assert opening.rstrip().endswith((".", ":")), opening


@pytest.mark.parametrize("name", sorted(set(NAMES) - EXCEPTIONS))
def test_every_argument_is_explained(name):
    text = _own(NAMES[name])
    if inspect.isclass(NAMES[name]):
        text += "\n" + inspect.cleandoc(vars(NAMES[name]).get("__init__", object).__doc__ or "")
    explained = set(
        re.findall(r"\*{0,2}(\w+)(?=[\w*, `]*(?: \([^)]*\))?:)", _section(text, "Args", "Parameters", "Attributes"))
    )
    assert [each for each in _parameters(NAMES[name]) if each not in explained] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_says_what_comes_back_and_what_is_raised(name):
    text, returns = _own(FUNCTIONS[name]), inspect.signature(FUNCTIONS[name]).return_annotation
    assert _section(text, "Raises").strip(), "no Raises"
    assert _section(text, "Returns", "Yields").strip() or returns in (None, "None"), "no Returns"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_an_example(name):
    assert ">>>" in _own(NAMES[name])
