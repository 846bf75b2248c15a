"""Small changes of valid things: JSON values, texts, bytes, safetensors files."""

import copy
import json
import math
from random import Random
from typing import Any

import numpy as np

WORDS = (
    "",
    "x1",
    "inf",
    "nan",
    "-inf",
    "1e400",
    "<U500000000",
    "|O",
    "é",
    "\u202e",
    "\x00",
    "a" * 3000,
    "2**63",
    "None",
    "y",
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    1e308,
    -1e308,
    1e-308,
    5e-324,
    2**31,
    2**53 + 1,
    2**63,
    10**30,
    10**400,
    1e9,
    0.5,
    math.nan,
    math.inf,
)


def any_value(rng: Random, depth: int = 3) -> Any:
    """A value of any JSON type, with containers in containers up to a depth."""
    kind = rng.randrange(7 if depth else 3)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(WORDS)
    if kind == 2:
        return rng.choice((True, False, None))
    if kind == 3:
        return [any_value(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 20)))]
    if kind == 4:
        return {rng.choice(WORDS)[:20]: any_value(rng, depth - 1) for _ in range(rng.choice((0, 1, 3)))}
    if kind == 5:
        nested: Any = 1
        for _ in range(rng.choice((3, 60, 300))):
            nested = [nested]
        return nested
    return rng.choice(NUMBERS[:6])


def changed(value: Any, rng: Random) -> Any:
    """A copy of JSON values with one to three changes at random places."""
    whole = [copy.deepcopy(value)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change_once(whole, rng)
    return whole[0]


def _change_once(whole: list[Any], rng: Random) -> None:
    holder, key = _place(whole, rng)
    old = holder[key]
    kind = rng.randrange(6)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1 and isinstance(old, list) and old:
        holder[key] = old[: rng.randrange(len(old))] if rng.random() < 0.5 else old + old
    elif kind == 2 and isinstance(old, (int, float)) and not isinstance(old, bool):
        holder[key] = rng.choice(
            (-old, old + 1, old * 1000 if abs(old) < 1e300 else 0, str(old), float(old) if abs(old) < 1e300 else 0.0)
        )
    elif kind == 3:
        other, place = _place(whole, rng)
        holder[key] = copy.deepcopy(other[place])
    elif kind == 4 and isinstance(holder, dict):
        holder[rng.choice(WORDS)[:20]] = any_value(rng)
    else:
        holder[key] = any_value(rng)


def _place(whole: list[Any], rng: Random) -> tuple[Any, Any]:
    """A random container and a key in it: a walk from the top that may end at every level."""
    holder: Any = whole
    key: Any = 0
    while isinstance(holder[key], (dict, list)) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    return holder, key


def changed_text(text: str, rng: Random, pieces: tuple[str, ...]) -> str:
    """A text in which some pieces are left out, repeated, swapped, or replaced by others of the same language."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        end = min(end, at + rng.choice((0, 1, 3, 10)))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:end] + text[at:end] * rng.choice((1, 2, 50)) + text[end:]
        elif kind == 2:
            text = text[:at] + rng.choice(pieces) + text[end:]
        elif kind == 3:
            other = rng.choice(pieces)
            text = f"{text[:at]}{other}{text[at:]}"
        else:
            text = text[:at] + chr(rng.choice((0, 9, 10, 34, 39, 92, 0x661, 0x2028, 0xFFFF, 0x1F600))) + text[end:]
        text = text[:50_000]
    return text


def changed_bytes(content: bytes, rng: Random) -> bytes:
    """Bytes of which some are changed, left out or repeated."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if not found:
            break
        at = rng.randrange(len(found))
        kind = rng.randrange(4)
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del found[at : at + rng.choice((1, 4, 1000))]
        elif kind == 2:
            found[at:at] = found[at : at + rng.choice((1, 16, 500))]
        else:
            found[at : at + 4] = rng.choice((b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"9999"))
    return bytes(found)


def split_safetensors(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The header of a model file without its metadata, the metadata as values, and the numbers."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__")
    return header, {key: json.loads(text) for key, text in metadata.items()}, content[8 + size :]


def joined_safetensors(header: Any, metadata: dict[str, Any], numbers: bytes) -> bytes:
    """The model file of these parts."""
    texts = {key: json.dumps(value) for key, value in metadata.items()}
    text = json.dumps({"__metadata__": texts, **header} if isinstance(header, dict) else header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def changed_safetensors(content: bytes, rng: Random) -> bytes:
    """A model file with a change in its metadata, in its header, or in its numbers."""
    kind = rng.random()
    if kind < 0.1:
        return changed_bytes(content, rng)
    header, metadata, numbers = split_safetensors(content)
    if kind < 0.7:
        metadata = {key: changed(value, rng) for key, value in metadata.items()}
    elif kind < 0.8:
        header = changed(header, rng)
    else:
        found = bytearray(numbers)
        for _ in range(rng.choice((1, 3))):
            place = rng.randrange(max(len(found) // 8, 1)) * 8
            found[place : place + 8] = np.float64(
                rng.choice((math.nan, math.inf, -1e308, 1e308, 5e-324, 0.0, -3.0))
            ).tobytes()
        numbers = bytes(found[: len(numbers)])
    return joined_safetensors(header, metadata, numbers)
