"""Sphinx settings: `make docs` builds docs/_build/html with warnings as errors."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from sphinx import addnodes

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import figures  # noqa: E402 - beside this file
import public_names  # noqa: E402

project = "splinework"
author = "splinework contributors"
copyright = "2026, splinework contributors"
release = version = installed_version("splinework")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "splinework"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

nitpicky = True
default_role = "code"  # `x` in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"ignore-module-all": True, "show-inheritance": False}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
napoleon_google_docstring = True
napoleon_use_ivar = True  # the fields of a dataclass are described once
napoleon_numpy_docstring = False


def _is_inherited(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Methods that scikit-learn and torch give their classes are explained there."""
    home = str(getattr(value, "__module__", "")).partition(".")[0]
    made = re.fullmatch(r"set_\w+_request|set_callbacks|get_metadata_routing", name)
    return True if made or home in {"sklearn", "torch"} else None


def _link(app: Any, env: Any, node: Any, text: Any) -> Any:
    """A type in a signature links to its page if it is public, by its last name; otherwise it is plain text."""
    if node.get("refdomain") != "py" or node.get("refexplicit"):
        return None
    name, domain = node["reftarget"].rsplit(".", 1)[-1], env.get_domain("py")
    shown = addnodes.desc_sig_name("", name)
    if node["reftarget"].startswith("splinework"):
        for full in domain.objects:
            if full.rsplit(".", 1)[-1] == name:
                return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, shown)
    return shown


def _shorten(
    app: Any, what: str, name: str, value: Any, options: Any, signature: str | None, returns: str | None
) -> Any:
    """The whole library as a default is written by its name."""
    if not signature or "(LibraryFunction(" not in signature:
        return None
    begin = signature.index("(LibraryFunction(")
    depth, end = 0, begin
    for end in range(begin, len(signature)):
        depth += {"(": 1, ")": -1}.get(signature[end], 0)
        if depth == 0:
            break
    return f"{signature[:begin]}LIBRARY{signature[end + 1 :]}", returns


def _prepare(app: Any) -> None:
    public_names.write(HERE / "api")
    figures.draw(HERE / "figures")


def setup(app: Any) -> None:
    app.connect("builder-inited", _prepare)
    app.connect("autodoc-skip-member", _is_inherited)
    app.connect("autodoc-process-signature", _shorten)
    app.connect("missing-reference", _link)
