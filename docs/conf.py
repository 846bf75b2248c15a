"""Sphinx settings: `make docs` builds docs/_build/html with warnings as errors."""

from __future__ import annotations

import re
from importlib.metadata import version as installed_version
from typing import Any

project = "splinework"
author = "splinework contributors"
copyright = "2026, splinework contributors"
release = version = installed_version("splinework")

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "api/modules.rst"]
suppress_warnings = ["ref.python"]  # a public name is shown by the package and by its home module
html_theme = "furo"
html_title = "splinework"

myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3

# One page per module, written anew at each build from the sources: docs/api is not kept in git.
apidoc_modules = [
    {
        "path": "../src/splinework",
        "destination": "api",
        "separate_modules": True,
        "module_first": True,
        "automodule_options": {"members", "show-inheritance"},
    }
]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"ignore-module-all": True}  # a name is shown where it is defined, not where it is offered
napoleon_google_docstring = True
napoleon_use_ivar = True  # the fields of a dataclass are described once
napoleon_numpy_docstring = False


def _is_of_scikit_learn(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Methods that scikit-learn gives every estimator are explained there, in words that refer to its own pages."""
    return True if re.fullmatch(r"set_\w+_request|set_callbacks", name) else None


def setup(app: Any) -> None:
    app.connect("autodoc-skip-member", _is_of_scikit_learn)
