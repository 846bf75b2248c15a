"""JSON values against `certificate.schema.json`, for the keywords of JSON Schema that it uses."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from splinework.knowledge.axioms.checker.formulas import Unreadable

_TYPES: Final[Mapping[str, Any]] = {
    "object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "null": type(None),
}  # fmt: skip


@cache
def certificate_schema() -> dict[str, Any]:
    """The schema of certificates, JSON Schema 2020-12."""
    text = files("splinework.knowledge.axioms.checker").joinpath("certificate.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def conform(value: Any) -> None:
    """Checks that JSON values are those of a certificate.

    Raises:
        Unreadable: If not, with the place.
    """
    for wrong in _faults(value, certificate_schema(), "it"):
        raise Unreadable(wrong)


def _faults(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """The faults of a value."""
    if "$ref" in schema:
        schema = certificate_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        every = [next(_faults(value, each, where), "") for each in schema["anyOf"]]
        yield from [] if "" in every else every[:1]
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {str(value)[:40]!r}, not {schema['const']!r}"
    if "enum" in schema and not (isinstance(value, str) and value in schema["enum"]):
        yield f"{where} is {str(value)[:40]!r}, none of {', '.join(schema['enum'])}"
    if "type" in schema and (not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool)):
        yield f"{where} is {type(value).__name__}, not {schema['type']}"
    elif schema.get("type") == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{where} has no entry"
        for n, each in enumerate(value):
            yield from _faults(each, schema["items"], f"{where}[{n}]")
    elif schema.get("type") == "object":
        yield from (f"{where} lacks {key!r}" for key in schema.get("required", ()) if key not in value)
        for key, each in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            if inner is False:
                yield f"{where} has {str(key)[:40]!r}, which is not a field"
            else:
                yield from _faults(each, inner, f"{where}.{str(key)[:40]}")
