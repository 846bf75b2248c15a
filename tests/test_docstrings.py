"""Every public name is explained in full: a sentence, its arguments, what comes back, what is raised, an example, its source."""

import ast
import inspect
import re
from importlib import import_module
from typing import Any

from tests.families import every
from tests.test_names import PUBLIC, SOURCES


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


@every("name", NAMES)
def test_it_opens_with_one_sentence(name):
    opening = _own(NAMES[name]).split("\n\n")[0]
    assert re.match(r"[A-Z0-9`]", opening), f"no docstring of its own: {opening!r}"
    assert opening.rstrip().endswith((".", ":")), opening


@every("name", sorted(set(NAMES) - EXCEPTIONS))
def test_every_argument_is_explained(name):
    text = _own(NAMES[name])
    if inspect.isclass(NAMES[name]):
        text += "\n" + inspect.cleandoc(vars(NAMES[name]).get("__init__", object).__doc__ or "")
    explained = set(
        re.findall(r"\*{0,2}(\w+)(?=[\w*, `]*(?: \([^)]*\))?:)", _section(text, "Args", "Parameters", "Attributes"))
    )
    assert [each for each in _parameters(NAMES[name]) if each not in explained] == []


@every("name", FUNCTIONS)
def test_it_says_what_comes_back_and_what_is_raised(name):
    text, returns = _own(FUNCTIONS[name]), inspect.signature(FUNCTIONS[name]).return_annotation
    assert _section(text, "Raises").strip(), "no Raises"
    assert _section(text, "Returns", "Yields").strip() or returns in (None, "None"), "no Returns"


@every("name", NAMES)
def test_it_has_an_example(name):
    assert ">>>" in _own(NAMES[name])


SUBJECTS = {
    "losses": "train/losses/*.py",
    "penalties": "train/penalties.py",
    "splines": "splines/*.py",
    "bases": "splines/bases/*.py",
    "optimisers": "train/optim/*.py",
    "calculus of the kernels": "kernels/calculus.py",
    "uncertainty, conformal prediction": "train/uncertainty.py",
    "smoothing": "train/smoothing.py",
    "Gaussian processes": "train/gaussian_process.py",
    "covariances": "train/covariance.py",
    "axioms": "knowledge/axioms/kinds/*.py",
    "screening": "interpret/symbolic/screening/*.py",
    "scores": "interpret/scores.py",
    "metrics": "cli/figures.py",
    "additive models": "tabular/additive.py",
    "stacking": "tabular/stacking.py",
}
"""Subjects that have formulas, and where they are."""
WITHOUT = {
    "splines/bases/functions.py": "functions of several kinds of numbers, for the formulas of the bases",
    "train/optim/base.py": "what an optimiser is asked for",
    "splines/torch_internals.py": "queries of torch's state",
    "train/optim/torch_optim.py": "optimisers of torch, wrapped",
}
"""Modules of these subjects that have no formula of their own, and why."""
DEFINITIONS = "knowledge/axioms/kinds"
"""Where a formula is the definition of a property and has no author."""
OWN = "is our own; no paper describes it"
"""What a docstring says in the place of a source."""
FORMULA = re.compile(r"`[^`\n]*[=<>≤≥+*/^∂ΣΠ∫√‖·²→←∈][^`\n]*`")
SOURCE = re.compile(r"[A-Z][\w’'-]+(?:,? (?:and|&|et al\.?|[A-Z])[^.;()]{0,60})?[ ,(of]+(?:1[6-9]|20)\d\d[a-z]?\b")


def _with_formulas() -> dict[str, str]:
    """Path of a module below the package → its docstring."""
    found = (path for pattern in SUBJECTS.values() for path in SOURCES.glob(pattern) if path.name != "__init__.py")
    named = {path.relative_to(SOURCES).as_posix(): path.read_text(encoding="utf-8") for path in found}
    return {name: ast.get_docstring(ast.parse(text)) or "" for name, text in named.items() if name not in WITHOUT}


def _public_docstrings(name: str) -> list[tuple[str, str]]:
    tree = ast.parse((SOURCES / name).read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [(n.name, ast.get_docstring(n) or "") for n in tree.body if isinstance(n, kinds) and n.name[0] != "_"]


@every(("name", "text"), _with_formulas().items())
def test_it_has_its_formula_and_its_source(name, text):
    public = _public_docstrings(name)
    assert [each for each, own in public if not FORMULA.search(own) and not FORMULA.search(text)] == [], "no formula"
    if name.startswith(DEFINITIONS):
        return
    sources = [each for each, own in public if not any(SOURCE.search(t) or OWN in t for t in (own, text))]
    assert sources == [], "no source"


def test_each_subject_is_in_its_place():
    assert [subject for subject, pattern in SUBJECTS.items() if not list(SOURCES.glob(pattern))] == []
    assert [name for name in WITHOUT if not (SOURCES / name).is_file()] == []
