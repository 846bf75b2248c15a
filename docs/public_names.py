"""The pages of the API reference, written anew at each build: one page for each public package, public names only.

`docs/reference.md` is the page of the names at the top level; a name that it explains is linked, not repeated.
"""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGES = {
    "splinework.train": "Fitting: losses, penalties, callbacks, options",
    "splinework.nn.derivatives": "Derivatives",
    "splinework.nn.convolution": "Convolutions",
    "splinework.tabular": "Tables",
    "splinework.interpret.edit": "Editing",
    "splinework.interpret.importance": "Importance and effects",
    "splinework.interpret.symbolic": "Formulas of networks",
    "splinework.discover": "Formulas of data",
    "splinework.formula": "The language of formulas",
    "splinework.knowledge.axioms": "Axioms",
    "splinework.knowledge.teach": "Simulators, distillation, design of experiments",
    "splinework.data": "Data sets",
    "splinework.hardware": "Hardware",
    "splinework.kernels": "Kernels",
    "splinework.splines": "Splines",
}
"""Package → heading of its page."""


def names_of(package: str) -> dict[str, Any]:
    """Classes and functions that a package makes public, by name, in alphabetical order."""
    module = import_module(package)
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == package and name[0] != "_"
    ]
    found = {name: getattr(module, name) for name in sorted(names, key=str.lower)}
    return {name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)}


def page(package: str, elsewhere: dict[int, str]) -> str:
    """One page as MyST; names whose objects are in `elsewhere` (id → full name) are linked there, new ones are added to it."""
    module, new, linked = import_module(package), [], []
    for name, value in names_of(package).items():
        if id(value) in elsewhere:
            linked.append(f"{{py:obj}}`{name} <{elsewhere[id(value)]}>`")
            continue
        elsewhere[id(value)] = f"{package}.{name}"
        if not inspect.isclass(value):
            kind, members = "autofunction", []
        elif issubclass(value, Exception):
            kind, members = "autoexception", []
        else:
            kind, members = (
                "autoclass",
                ["   :members:", "   :inherited-members: Module, BaseEstimator, Exception, tuple"],
            )
        new.append("\n".join(["```{eval-rst}", f".. {kind}:: {package}.{name}", *members, "```"]))
    opening = (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    parts = [
        f"# {PACKAGES[package]}: `{package}`",
        opening,
        *([f"Also here: {', '.join(linked)}."] if linked else []),
        *new,
    ]
    return "\n\n".join(parts) + "\n"


def write(folder: Path) -> None:
    """Writes all pages, and their table of contents `index.md`, into a folder; files that stay equal are left alone."""
    folder.mkdir(exist_ok=True)
    elsewhere = {id(value): f"splinework.{name}" for name, value in names_of("splinework").items()}
    pages = {package.removeprefix("splinework."): page(package, elsewhere) for package in PACKAGES}
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    for file in folder.glob("*.md"):
        if file.stem not in pages:
            file.unlink()
