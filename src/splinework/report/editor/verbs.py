"""The edits that the editor offers, as data: each is one call of the library, and the line of Python that makes the call.

A request from the page becomes a `Call`, whose `line` is what the script of the session says and whose `run` does exactly that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from splinework.errors import ConfigError, nearest
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.naming import edge_names, edge_place
from splinework.nn.network import KAN
from splinework.report.editor.arguments import EditArgument, literal, value_of

Rows = Mapping[str, Any]
"""The rows that a session has: `x`, and `y` where the target is known."""


@final
@dataclass(frozen=True)
class Verb:
    """An edit: a function of the library and its arguments.

    Attributes:
        call: The function, by its public name.
        title: Name of the edit, for the list of steps; `{edge}` and other arguments are filled in.
        fields: Its arguments beyond the model and the rows.
        rows: How it takes rows: `x` as the second argument, `x=x` by keyword, `x, y`, or empty for none.
        optional: Whether it does without rows where there are none.
        member: Attribute of the answer that is the model: `.model`; empty if the answer is the model itself.
    """

    call: str
    title: str
    fields: tuple[EditArgument, ...] = ()
    rows: str = ""
    member: str = ""
    optional: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the rows without which there is no such edit."""
        return () if self.optional or not self.rows else ("x", "y") if "y" in self.rows else ("x",)


def _place(name: str, kind: str) -> EditArgument:
    return EditArgument(name, kind, positional=True, required=True)


def _count(name: str, *, required: bool = True) -> EditArgument:
    return EditArgument(name, "count", positional=required, required=required)


_EDGE, _NODE = _place("edge", "edge"), _place("node", "node")
_BY: Final = EditArgument("by", "text", choices=("attribution", "ablation", "magnitude"))

VERBS: Final[Mapping[str, Verb]] = {
    "fix": Verb(
        "sw.fix",
        "{edge} is {function}",
        (_EDGE, EditArgument("function", "text", positional=True, required=True), EditArgument("numbers", "numbers")),
        "x=x",
        optional=True,
    ),
    "free": Verb("sw.free", "{edge} is a spline again", (_EDGE,), "x=x", optional=True),
    "freeze": Verb("sw.freeze", "freeze {edge}", (_EDGE, EditArgument("affine", "flag"))),
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
            EditArgument("keep_edges", "count"),
            EditArgument("edges", "score"),
            EditArgument("nodes", "score"),
            EditArgument("inputs", "score"),
            _BY,
            EditArgument("drop_inputs", "flag"),
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
            EditArgument("steps", "count"),
            EditArgument("starts", "count"),
            EditArgument("grids", "text", choices=("keep", "auto")),
            EditArgument("validation", "score"),
            EditArgument("seed", "count"),
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
        title: Name of the edit, for the list of steps.
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
        """The answer of the function of the library."""
        given = [rows[name] for name in self.rows.split(", ")] if self.rows and "=" not in self.rows else []
        named = {"x": rows["x"]} if "=" in self.rows else {}
        return function_of(VERBS[self.name].call)(model, *given, *self.positional, **named, **self.keywords, **more)

    def edited(self, answer: Any) -> KAN | FramedKAN:
        """The model in what `run` returned."""
        model = answer.model if VERBS[self.name].member else answer
        assert isinstance(model, KAN | FramedKAN)
        return model


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
        field.name: value_of(field, arguments[field.name], model)
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
    """Description of an edit, in words."""
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
