"""A name means one thing: no two public classes share one, nor do two classes of one package; constants name a quantity."""

import ast
import inspect
from collections import defaultdict
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from docs.structure import statements

SOURCES = Path(__file__).resolve().parent.parent / "src" / "splinework"
PARTS = sorted(path.name for path in SOURCES.iterdir() if path.is_dir() and path.name != "__pycache__")
PUBLIC = (
    "splinework", "splinework.data", "splinework.formula", "splinework.hardware", "splinework.interpret.edit",
    "splinework.interpret.importance", "splinework.interpret.symbolic", "splinework.kernels",
    "splinework.knowledge.axioms", "splinework.knowledge.teach", "splinework.nn.derivatives", "splinework.splines",
    "splinework.tabular", "splinework.train",
)  # fmt: skip


@cache
def _classes(part: str = "*") -> dict[str, list[str]]:
    """Name of a class → the files that define it, in one part or in all."""
    found: dict[str, list[str]] = defaultdict(list)
    if part == "*":
        for each in ["", *PARTS]:
            for name, places in _classes(each).items():
                found[name].extend(places)
        return found
    for path in sorted((SOURCES / part).rglob("*.py") if part else SOURCES.glob("*.py")):
        for node in statements(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(SOURCES)))
    return found


@pytest.mark.parametrize("part", PARTS)
def test_no_two_classes_of_a_part_share_a_name(part):
    assert {name: places for name, places in _classes(part).items() if len(places) > 1} == {}


def test_no_two_classes_without_underscore_share_a_name():
    shared = {name: places for name, places in _classes().items() if len(places) > 1 and name[0] != "_"}
    assert shared == {}


def test_a_public_class_is_one_object():
    homes: dict[str, set[int]] = defaultdict(set)
    for package in PUBLIC:
        module = import_module(package)
        for name in module.__all__:
            if inspect.isclass(
                value := getattr(module, name)
            ):  # verbs that take axioms and frames wrap those that do not
                homes[name].add(id(value))
    assert [name for name, objects in homes.items() if len(objects) > 1] == []
