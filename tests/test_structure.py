"""The house stays in order: small files, few parts and arrows, and no verb loads what it does not need."""

import ast
import re
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs import structure
from splinework.knowledge.axioms.kinds import WORDS

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "docs")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)


SOURCES = [path for path in FILES if (ROOT / "src") in path.parents]


def test_there_are_files():
    assert len(FILES) > 100


def test_no_file_is_longer_than_350_lines():
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > 350} == {}


def test_every_module_opens_with_a_docstring():
    starts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").lstrip()[:10] for path in FILES}
    assert [name for name, text in starts.items() if text and not text.startswith(('"""', "#!", 'r"""'))] == []


CLOCKS = {f"time.{name}" for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time")}


def test_no_test_looks_at_a_clock():
    """A busy machine would fail it: count work (tests/work.py), or measure in benchmarks/. Deadlines that are handed on may."""
    found = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if not any(clock in text for clock in CLOCKS):
            continue
        tree = ast.parse(text)
        handed = {id(node) for call in ast.walk(tree) if isinstance(call, ast.keyword) for node in ast.walk(call.value)}
        for node in ast.walk(tree):
            function = node.func if isinstance(node, ast.Call) and id(node) not in handed else None
            if isinstance(function, ast.Attribute) and ast.unparse(function) in CLOCKS:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


# --------------------------------------------------------------------------------------------- parts and arrows


@pytest.fixture(scope="module")
def house():
    return structure.read()


def test_parts_and_arrows_are_few(house):
    assert len(house.parts) <= structure.LIMITS["parts"]
    assert len(house.arrows) <= structure.LIMITS["arrows"]


def test_every_part_has_a_place_in_the_layers_and_arrows_go_down(house):
    depth = {part: n for n, row in enumerate(house.rows) for part in row}
    assert house.parts == set(depth) - structure.EVERYBODYS
    assert [(a, b) for a, b in house.arrows if depth[a] >= depth[b]] == []


def test_direct_arrows_reach_all_that_arrows_reach_and_none_is_superfluous():
    code = "import splinework.{}\n"
    below = {"a": "bcd", "b": "cd", "c": "d", "d": "", "e": "ad"}
    files = {f"{part}.py": "".join(code.format(other) for other in others) for part, others in below.items()}
    house = structure.House(files, ())
    assert set(house.arrows) == {(a, b) for a, others in below.items() for b in others}
    assert house.direct == {("a", "b"), ("b", "c"), ("c", "d"), ("e", "a")}


def test_the_picture_shows_every_part_and_arrow(house):
    space = "{http://www.w3.org/2000/svg}"
    tree = ElementTree.fromstring(structure.picture(house, "<&>"))
    words = {text.text for text in tree.iter(f"{space}text")}
    assert house.parts <= words
    titles = {title.text.split(":")[0] for title in tree.iter(f"{space}title")}
    assert titles == {f"{a} → {b}" for a, b in house.arrows}


@pytest.mark.parametrize(
    ("what", "foreign"),
    [
        ("fit", ("knowledge.axioms", "export", "discover", "interpret.symbolic", "train.ensemble", "train.solve")),
        ("export", ("knowledge", "interpret", "train", "export.onnx", "export.sympy_file")),
    ],
)
def test_a_verb_loads_few_modules_and_none_that_it_does_not_need(what, foreign):
    names = structure.loaded()[what]
    assert len(names) <= structure.LIMITS[f"modules of {what}"]
    assert not set(names) & {f"splinework.{name}" for name in foreign}


@pytest.fixture(scope="module")
def files_by_axiom() -> dict[str, set[Path]]:
    """Class of an axiom → the files of the package whose code defines or imports it."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for node in structure.statements(text if "knowledge.axioms" in text or "kinds" in path.parts else ""):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("splinework.knowledge.axioms"):
                for alias in node.names:
                    found[alias.name].add(path)
            elif isinstance(node, ast.ClassDef) and "kinds" in path.parts:
                found[node.name].add(path)
    return found


@pytest.mark.parametrize("kind", sorted(kind.__name__ for kind in WORDS.values()))
def test_an_axiom_is_named_in_at_most_three_files(kind, files_by_axiom):
    assert 1 <= len(files_by_axiom[kind]) <= 3


def test_a_base_function_is_named_in_at_most_three_files():
    networks = [path for path in SOURCES if path.name != "perceptron.py"]  # the rival has activations of its own
    assert len([path for path in networks if "silu" in path.read_text(encoding="utf-8").lower()]) <= 3


# --------------------------------------------------------------------------------------------- the page about it


def test_every_file_that_the_page_on_architecture_names_is_there():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = [name for name in re.findall(r"`([\w/*-]+\.(?:py|hpp|cpp))`", page) if "NAME" not in name]
    files = [
        f"/{path}" for folder in ("src", "csrc", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.[pch]*")
    ]
    assert [name for name in names if not any(fnmatch(file, f"*/{name}") for file in files)] == []
