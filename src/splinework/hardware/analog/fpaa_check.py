"""Checks FPAA documents from any source: their form by the schema, their meaning by tracing every switch.

The schema is JSON Schema (2020-12); the keywords that it uses are implemented here. Further checks concern slots, limits, and
that the switches connect exactly the terminals of each net.
"""

import json
import re
from collections import Counter, defaultdict
from importlib.resources import files
from typing import Any

from splinework.errors import DataError
from splinework.hardware.analog.fpaa import TERMINALS, FpaaDevice, device_of
from splinework.hardware.analog.fpaa_placement import column_of, columns_of

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def schema() -> dict[str, Any]:
    """The schema of the format."""
    text = files("splinework.hardware.analog").joinpath("fpaa.schema.json").read_text(encoding="utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def check_fpaa(document: Any) -> None:
    """Raises a DataError with the first problems unless a document is valid."""
    if found := problems(document):
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        raise DataError(f"this is not a valid FPAA document: {'; '.join(found[:5])}{more}; write it again.")


def problems(document: Any) -> list[str]:
    """The problems of a document, empty if it is valid; the meaning is checked only if the form is valid."""
    rules = schema()
    if found := form_problems(document, rules, rules, "the document"):
        return found
    device = device_of(document)
    return [*_places(document, device), *_values(document, device), *_nets(document, device), *_used(document)]


def form_problems(value: Any, rule: dict[str, Any], root: dict[str, Any], where: str) -> list[str]:
    """Violations of a schema by a JSON value, for the keywords that this format's schema uses.

    `root` is the whole schema, for `$ref`, and `where` names the value in messages.
    """
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return [f"{where} is {type(value).__name__}, not {' or '.join(kinds)}"]
    found = []
    if "const" in rule and value != rule["const"]:
        found.append(f"{where} is {value!r}, not {rule['const']!r}")
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{where} is {value!r}, not one of {rule['enum']}")
    if isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value):
        found.append(f"{where} is {value!r}, which does not match {rule['pattern']}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        below = "minimum" in rule and value < rule["minimum"]
        if below or ("exclusiveMinimum" in rule and value <= rule["exclusiveMinimum"]):
            found.append(f"{where} is {value}, which is too small")
        if "maximum" in rule and value > rule["maximum"]:
            found.append(f"{where} is {value}, which is too large")
    if isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            found.append(f"{where} has {len(value)} items, at least {rule['minItems']} are needed")
        for number, item in enumerate(value):
            found += form_problems(item, rule.get("items", {}), root, f"{where}[{number}]")
    if isinstance(value, dict):
        found += _object_problems(value, rule, root, where)
    return found


def _object_problems(value: dict[str, Any], rule: dict[str, Any], root: dict[str, Any], where: str) -> list[str]:
    found = [f"{where} has no {name!r}" for name in rule.get("required", []) if name not in value]
    known, rest = rule.get("properties", {}), rule.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            found += form_problems(item, known[name], root, f"{where}.{name}")
        elif rest is False:
            found.append(f"{where} has an unknown {name!r}")
        elif isinstance(rest, dict):
            found += form_problems(item, rest, root, f"{where}.{name}")
    return found


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _places(document: dict[str, Any], device: FpaaDevice) -> list[str]:
    """Checks that every block is in an existing slot of its own and has a unique name."""
    found = []
    taken: Counter[tuple[int, str, int]] = Counter()
    for block in document["blocks"]:
        is_pad = block["type"] == "pad"
        cabs = range(device.cabs, device.cabs + 1) if is_pad else range(device.cabs)
        slots = device.pads if is_pad else device.slots.get(block["type"], 0)
        if block["cab"] not in cabs or block["slot"] >= slots:
            found.append(f"{block['id']} is in slot {block['slot']} of CAB {block['cab']}, which does not exist")
        taken[block["cab"], block["type"], block["slot"]] += 1
    found += [f"{n} blocks are in slot {s} for {k} of CAB {c}" for (c, k, s), n in taken.items() if n > 1]
    names = Counter(block["id"] for block in document["blocks"])
    return found + [f"{n} blocks are called {name}" for name, n in names.items() if n > 1]


def _values(document: dict[str, Any], device: FpaaDevice) -> list[str]:
    """Checks that currents and centres are within limits, and that their codes are the nearest ones."""
    found = []
    for block in document["blocks"]:
        has_bias, has_centre = block["type"] in ("diff_pair", "bump", "current"), block["type"] in ("diff_pair", "bump")
        if has_bias != ("bias_A" in block) or has_centre != ("offset_V" in block):
            found.append(
                f"{block['id']} is a {block['type']} and has the values {sorted(set(block) & {'bias_A', 'offset_V'})}"
            )
            continue
        if has_bias:
            low, high = device.current_min * (1 - 1e-9), device.current_max * (1 + 1e-9)
            if not low <= block["bias_A"] <= high:
                found.append(f"the current of {block['id']} is {block['bias_A']:.3g} A, outside the device's limits")
            elif block.get("bias_code") != device.bias_code(block["bias_A"]):
                found.append(f"the bias code of {block['id']} is not that of its current")
        if has_centre:
            if not device.offset_low <= block["offset_V"] <= device.offset_high:
                found.append(f"the centre of {block['id']} is {block['offset_V']:.3g} V, outside the device's limits")
            elif block.get("offset_code") != device.offset_code(block["offset_V"]):
                found.append(f"the offset code of {block['id']} is not that of its centre")
    return found


def _nets(document: dict[str, Any], device: FpaaDevice) -> list[str]:
    """Checks by tracing the switches that nets are connected, not shorted and complete, and that lines and fan-out fit."""
    place = {}
    for block in document["blocks"]:
        for terminal in TERMINALS[block["type"]]:
            column = column_of(device, block["type"], block["slot"], terminal)
            place[f"{block['id']}.{terminal}"] = ("column", block["cab"], column)
    joined = _joined(document, device)
    found = []
    nets_at: defaultdict[Any, list[str]] = defaultdict(list)
    wired: Counter[str] = Counter()
    for net in document["nets"]:
        unknown = [name for name in net["terminals"] if name not in place]
        found += [f"the net {net['id']} has a terminal {name} that no block has" for name in unknown]
        wired.update(net["terminals"])
        groups = {joined(place[name]) for name in net["terminals"] if name in place}
        if len(groups) > 1:
            found.append(f"the net {net['id']} is open: its terminals are in {len(groups)} parts")
        for group in groups:
            nets_at[group].append(net["id"])
        lines: list[Any] = [("row", line["cab"], line["row"]) for line in net["lines"]]
        lines += [] if net["global"] is None else [("global", net["global"])]
        found += [
            f"the net {net['id']} is not on the line {line}, which it names"
            for line in lines
            if joined(line) not in groups
        ]
        if len(net["terminals"]) > device.fan_out:
            found.append(f"{len(net['terminals'])} terminals are on the net {net['id']}")
    found += [f"the nets {' and '.join(names)} are shorted" for names in nets_at.values() if len(set(names)) > 1]
    found += [f"the terminal {name} is in {wired[name]} nets" for name in place if wired[name] != 1]
    for switch in document["switches"]:
        pads = switch["cab"] == device.cabs
        rows = device.pads if pads else device.lines_local
        columns = columns_of(device, switch["cab"]) + device.lines_global
        if switch["cab"] > device.cabs or switch["row"] >= rows or switch["col"] >= columns:
            found.append(f"there is no switch at row {switch['row']}, column {switch['col']} of CAB {switch['cab']}")
    return found


def _joined(document: dict[str, Any], device: FpaaDevice) -> Any:
    """A function from a row or column to the representative of its connected group."""
    parent: dict[Any, Any] = {}

    def root(x: Any) -> Any:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for switch in document["switches"]:
        first = columns_of(device, switch["cab"])
        column = switch["col"]
        is_global = column >= first
        end = ("global", column - first) if is_global else ("column", switch["cab"], column)
        parent[root(("row", switch["cab"], switch["row"]))] = root(end)
    return root


def _used(document: dict[str, Any]) -> list[str]:
    counts = Counter(block["type"] for block in document["blocks"])
    found = []
    for name, numbers in document["used"].items():
        if numbers["used"] > numbers["available"]:
            found.append(f"{numbers['used']} of {name} are used but {numbers['available']} are available")
        if name in TERMINALS and counts[name] != numbers["used"]:
            found.append(f"{counts[name]} blocks are of {name}, but {numbers['used']} are listed as used")
    return found
