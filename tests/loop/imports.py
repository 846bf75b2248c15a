"""Which file imports which, read from the text: sources, tests and what the tests share.

A name that a package hands out (`sw.fit`, `from splinework.train import Roughness`) leads to the module that holds it.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.loop.parts import ROOT

FOLDERS = ("src/splinework", "tests", "benchmarks", "docs", ".ci")


@cache
def files() -> dict[str, str]:
    """Module → file, relative to the root, of all Python files."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            found[module_of(name)] = name
    return found


def module_of(file: str) -> str:
    """`src/splinework/nn/layer.py` → `splinework.nn.layer`."""
    parts = Path(file).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(file: str) -> frozenset[str]:
    """The files that a file imports, in functions too, without the packages on the way."""
    return frozenset(files()[module] for module in _modules(file) if module in files())


def importers(file: str) -> list[str]:
    """The files that import a file directly."""
    return [other for other in files().values() if file in imported(other)]


def _modules(file: str) -> Iterator[str]:
    nodes = list(ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))))
    aliases = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name
                first = name.name.partition(".")[0]
                aliases[name.asname or first] = name.name if name.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield (module := _holder(node.module, name.name))
                aliases[name.asname or name.name] = module
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield _holder(aliases[node.value.id], node.attr)


def _holder(package: str, name: str, hops: int = 4) -> str:
    """The module that a name of a package lives in."""
    if name in _handed_out(package) and hops:
        return _holder(*_handed_out(package)[name], hops - 1)
    return f"{package}.{name}" if f"{package}.{name}" in files() else package


@cache
def _handed_out(package: str) -> dict[str, tuple[str, str]]:
    """Name → where a package has it from, by its own imports, those for type checkers among them."""
    file = files().get(package, "")
    if not file.endswith("__init__.py"):
        return {}
    nodes = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    return {
        name.asname or name.name: (node.module, name.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and node.module != package
        for name in node.names
    }
