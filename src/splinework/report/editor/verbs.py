"""The edits that the editor offers, as data: each is one call of the library, and the line of Python that makes the call.

A request from the page becomes a `Call`, whose `line` is what the script of the session says and whose `run` does exactly that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from splinework.errors import ConfigError, nearest
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.naming import edge_names, edge_place
from splinework.nn.network import KAN

MAX_TEXT: Final = 500
"""Most characters of a text, such as the formula of an edge."""

Rows = Mapping[str, Any]
"""The rows that a session has: `x`, and `y` where the target is known."""


@final
@dataclass(frozen=True)
class Field:
    """An argument of an edit.

    Attributes:
        name: Its name in a request, and its keyword in the call.
        kind: What it is: `edge`, `node`, `input`, `inputs`, `count`, `score`, `flag`, `numbers` or a `text`.
        positional: Whether the call takes it by position.
        choices: The texts that are allowed; any if empty.
        required: Whether a request must give it.
    """

    name: str
    kind: str
    positional: bool = False
    choices: tuple[str, ...] = ()
    required: bool = False


@final
@dataclass(frozen=True)
class Verb:
    """An edit: a function of the library and its arguments.

    Attributes:
        call: The function, by its public name.
        title: What it does, for the list of steps; `{edge}` and other arguments are filled in.
        fields: Its arguments beyond the model and the rows.
        rows: How it takes rows: `x` as the second argument, `x=x` by keyword, `x, y`, or empty for none.
        optional: Whether it does without rows where there are none.
        member: What of the answer is the model: `.model`, or nothing.
    """

    call: str
    title: str
    fields: tuple[Field, ...] = ()
    rows: str = ""
    member: str = ""
    optional: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the rows without which there is no such edit."""
        return () if self.optional or not self.rows else ("x", "y") if "y" in self.rows else ("x",)


def _place(name: str, kind: str) -> Field:
    return Field(name, kind, positional=True, required=True)


def _count(name: str, *, required: bool = True) -> Field:
    return Field(name, "count", positional=required, required=required)


_EDGE, _NODE = _place("edge", "edge"), _place("node", "node")
_BY: Final = Field("by", "text", choices=("attribution", "ablation", "magnitude"))

VERBS: Final[Mapping[str, Verb]] = {
    "fix": Verb(
        "sw.fix",
        "{edge} is {function}",
        (_EDGE, Field("function", "text", positional=True, required=True), Field("numbers", "numbers")),
        "x=x",
        optional=True,
    ),
    "free": Verb("sw.free", "{edge} is a spline again", (_EDGE,), "x=x", optional=True),
    "freeze": Verb("sw.freeze", "freeze {edge}", (_EDGE, Field("affine", "flag"))),
    "unfreeze": Verb("sw.unfreeze", "unfreeze {edge}", (_EDGE,), "x=x", optional=True),
    "remove_edge": Verb("sw.edit.remove_edge", "remove {edge}", (_EDGE,), "x", ".model"),
    "remove_node": Verb("sw.edit.remove_node", "remove the node {node}", (_NODE,), "x", ".model"),
    "remove_input": Verb(
        "sw.edit.remove_input", "remove the input {input}", (_place("input", "input"),), "x", ".model"
    ),
    "prune": Verb(
        "sw.prune",
        "prune to {keep_edges} edges by {by}",
        (
            Field("keep_edges", "count"),
            Field("edges", "score"),
            Field("nodes", "score"),
            Field("inputs", "score"),
            _BY,
            Field("drop_inputs", "flag"),
        ),
        "x",
    ),
    "refine": Verb("sw.refine", "refine the grids to {grid}", (_count("grid"),), "x=x", optional=True),
    "coarsen": Verb("sw.edit.coarsen", "coarsen the grids to {grid}", (_count("grid"),), "x=x", ".model"),
    "adapt": Verb("sw.adapt", "adapt the grids to the rows", (), "x"),
    "widen": Verb("sw.edit.widen", "widen layer {layer} by {count}", (_count("layer"), _count("count"))),
    "deepen": Verb("sw.edit.deepen", "insert a layer after layer {where}", (_count("where"),)),
    "split": Verb("sw.edit.split", "split the node {node}", (_NODE,)),
    "merge": Verb(
        "sw.edit.merge",
        "merge {second} into {first}",
        (_place("first", "node"), _place("second", "node")),
        "x",
        ".model",
    ),
    "to_product": Verb("sw.edit.to_product", "make the node {node} a product", (_NODE,)),
    "to_sum": Verb("sw.edit.to_sum", "make the node {node} a sum", (_NODE,), "x", ".model"),
    "group_inputs": Verb(
        "sw.edit.group_inputs", "group the inputs {inputs}", (_place("inputs", "inputs"),), "x", ".model"
    ),
    "auto_swap": Verb("sw.edit.auto_swap", "order the nodes for few crossings", (), "x"),
    "refit": Verb(
        "sw.fit",
        "refit",
        (
            Field("steps", "count"),
            Field("starts", "count"),
            Field("grids", "text", choices=("keep", "auto")),
            Field("validation", "score"),
            Field("seed", "count"),
        ),
        "x, y",
        ".model",
    ),
}
"""Name of an edit in requests → what it calls. `refit` runs in the background."""


@final
@dataclass(frozen=True)
class Call:
    """One edit, ready to be made.

    Attributes:
        name: Its name in `VERBS`.
        positional: Arguments after the model and the rows.
        keywords: Arguments by keyword.
        title: What it does.
        rows: How rows are taken, see `Verb`; empty also where they are optional and there are none.
    """

    name: str
    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]
    title: str
    rows: str

    @property
    def line(self) -> str:
        """The statement that makes the edit."""
        verb = VERBS[self.name]
        after, given = (self.rows, "") if "=" not in self.rows else ("", self.rows)
        parts = ["model", after, *map(literal, self.positional), given]
        parts += [f"{name}={literal(value)}" for name, value in self.keywords.items()]
        return f"model = {verb.call}({', '.join(filter(None, parts))}){verb.member}"

    def run(self, model: KAN | FramedKAN, rows: Rows, **more: Any) -> Any:
        """What the function of the library returns.

        Args:
            model: The model to edit; unchanged.
            rows: x and y.
            more: Keywords that do not change the result, such as callbacks.
        """
        given = [rows[name] for name in self.rows.split(", ")] if self.rows and "=" not in self.rows else []
        named = {"x": rows["x"]} if "=" in self.rows else {}
        return function_of(VERBS[self.name].call)(model, *given, *self.positional, **named, **self.keywords, **more)

    def edited(self, answer: Any) -> KAN | FramedKAN:
        """The model in what `run` returned."""
        model = answer.model if VERBS[self.name].member else answer
        assert isinstance(model, KAN | FramedKAN)
        return model


def literal(value: Any) -> str:
    """A value as a literal of Python, texts in double quotes where they need no escapes.

    >>> literal(("x1", [1, 2.5, None]))
    '("x1", [1, 2.5, None])'
    """
    if isinstance(value, str):
        plain = value.isprintable() and not set(value) & {'"', "\\"}
        return f'"{value}"' if plain else repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    return repr(value)


def function_of(call: str) -> Callable[..., Any]:
    """The function of a public name such as `sw.edit.merge`."""
    import splinework  # by its public name, as the script says it

    found: Any = splinework
    for name in call.split(".")[1:]:
        found = getattr(found, name)
    function: Callable[..., Any] = found
    return function


def call_of(name: Any, arguments: Any, model: KAN | FramedKAN, rows: Rows) -> Call:
    """The edit that a request asks for.

    Args:
        name: Name of the edit.
        arguments: Its arguments, as JSON values.
        model: The model that it is about.
        rows: The rows that there are.

    Raises:
        ConfigError: If there is no such edit, an argument is missing, unknown or of another kind, or the edit needs rows that the
            session has not.
    """
    if not isinstance(name, str) or name not in VERBS:
        raise ConfigError(f"there is no edit {name!r:.60}; {nearest(str(name)[:60], VERBS)}")
    verb = VERBS[name]
    if not isinstance(arguments, Mapping):
        raise ConfigError(f"the arguments of {name} are an object, got {type(arguments).__name__}.")
    known = {field.name: field for field in verb.fields}
    for given in arguments:
        if given not in known:
            raise ConfigError(f"{name} has no argument {given!r:.60}; {nearest(str(given)[:60], known)}")
    missing = [field.name for field in verb.fields if field.required and arguments.get(field.name) is None]
    if missing:
        raise ConfigError(f"{name} needs {', '.join(missing)}; none given.")
    for needed in verb.needs:
        if rows.get(needed) is None:
            raise ConfigError(_LACKING[needed].format(name=name.replace("_", " ")))
    values = {
        field.name: _value(field, arguments[field.name], model)
        for field in verb.fields
        if arguments.get(field.name) is not None
    }
    positional = tuple(values[field.name] for field in verb.fields if field.positional and field.name in values)
    keywords = {
        field.name: values[field.name] for field in verb.fields if not field.positional and field.name in values
    }
    if name == "refit" and keywords.pop("grids", "keep") == "keep":
        keywords |= {"grids": None, "degree": "keep"}
    taken = "" if verb.optional and rows.get("x") is None else verb.rows
    return Call(name, positional, keywords, _title(name, verb, values, model), taken)


_LACKING: Final = {
    "x": "{name} needs rows of data; open the model with --data, or without rows fix, free, freeze, widen or split.",
    "y": "{name} needs measured values of the outputs; open the model with --data whose columns include the target.",
}


def _title(name: str, verb: Verb, values: Mapping[str, Any], model: KAN | FramedKAN) -> str:
    """What an edit does, in words."""
    if name == "prune":
        by = values.get("by", "attribution")
        if "keep_edges" in values:
            return f"prune to {values['keep_edges']} edges by {by}"
        return f"prune below the thresholds by {by}"
    shown = dict(values)
    if "edge" in shown:
        network = network_of(model)
        shown["edge"] = " → ".join(edge_names(network, [edge_place(network, shown["edge"])])[0])
    if "inputs" in shown:
        shown["inputs"] = ", ".join(shown["inputs"])
    return verb.title.format_map(shown)


# ----------------------------------------------------------------------------------------------- values of requests


def _value(field: Field, value: Any, model: KAN | FramedKAN) -> Any:
    """An argument as a value whose `repr` is a literal of Python.

    Raises:
        ConfigError: If it is of another kind.
    """
    found = _READERS[field.kind](value, model)
    if found is None:
        raise ConfigError(f"{field.name} is {_KINDS[field.kind]}; got {value!r:.80}.")
    if field.choices and found not in field.choices:
        raise ConfigError(f"{field.name} is one of {', '.join(field.choices)}; got {found!r:.80}.")
    return found


def _edge(value: Any, model: KAN | FramedKAN) -> tuple[int | str, ...] | None:
    """The edge by its two names, or where these are not unique by index."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    network = network_of(model)
    place = edge_place(network, value)
    names = edge_names(network, [place])[0]
    try:
        unique = edge_place(network, names) == place
    except ConfigError:
        unique = False
    return names if unique else place


def _whole(value: Any, model: KAN | FramedKAN) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31 else None


def _number(value: Any, model: KAN | FramedKAN) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def _numbers(value: Any, model: KAN | FramedKAN) -> list[float] | None:
    listed = [_number(each, model) for each in value] if isinstance(value, list) and len(value) <= 16 else [None]
    return None if None in listed else [each for each in listed if each is not None]


def _text(value: Any, model: KAN | FramedKAN) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def _node(value: Any, model: KAN | FramedKAN) -> str | tuple[int, ...] | None:
    if isinstance(value, list) and len(value) == 2 and all(_whole(each, model) is not None for each in value):
        return tuple(value)
    return _text(value, model)


def _input(value: Any, model: KAN | FramedKAN) -> int | str | None:
    return _text(value, model) if isinstance(value, str) else _whole(value, model)


def _inputs(value: Any, model: KAN | FramedKAN) -> list[str] | None:
    is_list = isinstance(value, list) and value and all(_text(each, model) is not None for each in value)
    return list(value) if is_list else None


def _flag(value: Any, model: KAN | FramedKAN) -> bool | None:
    return value if isinstance(value, bool) else None


_READERS: Final[Mapping[str, Callable[[Any, KAN | FramedKAN], Any]]] = {
    "edge": _edge,
    "node": _node,
    "input": _input,
    "inputs": _inputs,
    "count": _whole,
    "score": _number,
    "flag": _flag,
    "numbers": _numbers,
    "text": _text,
}
_KINDS: Final = {
    "edge": "an edge: [layer, input, sum] or two names",
    "node": "a node: its name or [layer, n]",
    "input": "an input: its name or index",
    "inputs": "a list of names of inputs",
    "count": "a whole number",
    "score": "a finite number",
    "flag": "true or false",
    "numbers": "a list of finite numbers",
    "text": f"a text of at most {MAX_TEXT} characters",
}
