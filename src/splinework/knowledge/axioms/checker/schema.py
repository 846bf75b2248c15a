"""JSON values against `certificate.schema.json`, for the keywords of JSON Schema that it uses."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from splinework.knowledge.axioms.checker.formulas import Unreadable

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}


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
    schema = certificate_schema()
    wrong = _fault(value, schema, schema["$defs"], "it")
    if wrong:
        raise Unreadable(wrong)


def _fault(value: Any, schema: Mapping[str, Any], named: Mapping[str, Any], where: str) -> str:
    """The fault of a value; empty if it has none."""
    if "$ref" in schema:
        return _fault(value, named[schema["$ref"].rpartition("/")[2]], named, where)
    if "anyOf" in schema:
        faults = [_fault(value, each, named, where) for each in schema["anyOf"]]
        return "" if "" in faults else faults[0]
    if "const" in schema and value != schema["const"]:
        return f"{where} is {str(value)[:40]!r}, not {schema['const']!r}"
    if "enum" in schema and not (isinstance(value, str) and value in schema["enum"]):
        return f"{where} is {str(value)[:40]!r}, none of {', '.join(schema['enum'])}"
    if "type" in schema and (not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool)):
        return f"{where} is {type(value).__name__}, not {schema['type']}"
    if isinstance(value, dict):
        return _members(value, schema, named, where)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            return f"{where} has no entry"
        faults = [_fault(each, schema["items"], named, f"{where}[{n}]") for n, each in enumerate(value)]
        return next(filter(None, faults), "")
    return ""


def _members(value: Mapping[str, Any], schema: Mapping[str, Any], named: Mapping[str, Any], where: str) -> str:
    missing = [key for key in schema.get("required", ()) if key not in value]
    if missing:
        return f"{where} lacks {missing[0]!r}"
    known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, each in value.items():
        if key not in known and rest is False:
            return f"{where} has {str(key)[:40]!r}, which is not a field"
        inner = known.get(key, rest)
        wrong = _fault(each, inner, named, f"{where}.{str(key)[:40]}") if isinstance(inner, dict) else ""
        if wrong:
            return wrong
    return ""
