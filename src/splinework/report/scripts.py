"""The scripts and style sheets of pages: small ES modules in `assets`, joined into one script without imports."""

import json
import re
from importlib.resources import files
from typing import Any, Final

from splinework.errors import ConfigError

_IMPORT: Final = re.compile(r'^import (?:\{[^}]*\} from )?"\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function |const |let |class )", re.MULTILINE)


def asset(name: str) -> str:
    """The text of a file in `assets`."""
    return files("splinework.report").joinpath("assets", name).read_text("utf-8").strip()


def bundled(*entries: str, before: str = "") -> str:
    """One script of modules and all that they import, each once, in an order in which everything is defined before it is used.

    Raises:
        ConfigError: If modules import each other in a circle.

    >>> bundled("dom").count("function html(")
    1
    """
    texts: dict[str, str] = {}
    open_modules: list[str] = []

    def add(name: str) -> None:
        if name in open_modules:
            raise ConfigError(f"scripts import each other in a circle: {' -> '.join([*open_modules, name])}.")
        if name in texts:
            return
        open_modules.append(name)
        text = asset(f"{name}.js") + "\n"
        for needed in _IMPORT.findall(text):
            add(needed)
        open_modules.pop()
        texts[name] = _EXPORT.sub("", _IMPORT.sub("", text)).strip()

    for entry in entries:
        add(entry)
    return "\n\n".join(['"use strict";', *([before] if before else []), *texts.values()])


def embedded(value: Any) -> str:
    r"""JSON that is safe inside a script element: no markup begins in it, and numbers that are not finite are null.

    >>> embedded({"</script>": float("nan")})
    '{"\\u003c/script\\u003e":null}'
    """
    written = json.dumps(_plain(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    """The value with lists, strings and finite numbers only."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value
