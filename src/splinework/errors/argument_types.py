"""Values beside the annotations of a signature: which argument is of another type, and how to write it.

Only what certainly is something else is refused: annotations that cannot be read or checked, such as those of protocols, admit
every value; a NumPy number is a number; a list stands for a tuple.
"""

import functools
import inspect
import numbers
import os
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

MAX_ITEMS = 100
"""Items of a collection that are looked at; a mistake in the type is one of all of them or of the first."""

_SCALARS: dict[type, type] = {int: numbers.Integral, float: numbers.Real, complex: numbers.Complex}


def admits(hint: Any, value: Any) -> bool:
    """Whether a value may be what an annotation says.

    >>> admits(tuple[str, ...] | None, ["a", "b"]), admits(tuple[str, ...] | None, "ab"), admits(float, "1")
    (True, False, False)
    """
    if isinstance(hint, TypeVar):
        hint = hint.__bound__ or Any
    if hint is Any:
        return True
    origin = get_origin(hint)
    if hint is None or hint is type(None):
        return value is None
    if origin in (Union, types.UnionType):
        return any(admits(each, value) for each in get_args(hint))
    if origin is Literal:
        return any(value is each or (type(value) is type(each) and value == each) for each in get_args(hint))
    if origin is Annotated:
        return admits(get_args(hint)[0], value)
    if hint is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
    if hint in _SCALARS:
        return isinstance(value, _SCALARS[hint]) or (hasattr(value, "__float__") and getattr(value, "ndim", None) == 0)
    kind = origin or hint
    if not isinstance(kind, type) or kind is object:
        return True
    if getattr(kind, "_is_protocol", False):
        return not getattr(kind, "_is_runtime_protocol", False) or isinstance(value, kind)
    if kind is type:
        return isinstance(value, type)
    if kind.__name__ == "Callable":
        return callable(value)
    if issubclass(kind, Mapping):
        items = islice(value.items(), MAX_ITEMS if get_args(hint) else 0) if isinstance(value, Mapping) else None
        return items is not None and all(all(map(admits, get_args(hint), each)) for each in items)
    if issubclass(kind, (str, bytes)) or not issubclass(kind, Iterable) or kind.__module__ not in _CONTAINERS:
        return isinstance(value, kind)
    return _is_collection(kind, get_args(hint), value)


_CONTAINERS = ("builtins", "collections.abc", "typing")


def _is_collection(kind: type, items: tuple[Any, ...], value: Any) -> bool:
    """Whether a value is a collection of such items; a text or a mapping is none, though Python iterates over both."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        return False
    if not isinstance(value, Collection):
        return not issubclass(kind, Collection)
    if kind is tuple and items and items[-1] is not Ellipsis:
        return items == ((),) or (len(value) == len(items) and all(map(admits, items, value)))
    return not items or all(admits(items[0], each) for each in islice(value, MAX_ITEMS))


def mistyped(call: Callable[..., Any], given: Mapping[str, Any], usual: str) -> str | None:
    """The message about the first argument whose value its annotation does not admit; None where there is none."""
    for name, value in given.items():
        hint = _hint(call, name)
        if not admits(hint, value):
            parameters = inspect.signature(call).parameters
            default = parameters[name].default if name in parameters else inspect.Parameter.empty
            return f"{name} must be {_described(hint)}, got {_what(value)}; {_way(hint, name, value, default, usual)}."
    return None


def names_tensor(call: Callable[..., Any], name: str) -> bool:
    """Whether the annotation of an argument is a tensor, and nothing else."""
    return getattr(_hint(call, name), "__name__", "") == "Tensor"


@functools.cache
def _hint(call: Callable[..., Any], name: str) -> Any:
    """The annotation of an argument; `Any` where it names what is not loaded."""
    parameter = inspect.signature(call).parameters.get(name)
    if parameter is None or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return Any
    if parameter.annotation is parameter.empty:
        return Any
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    try:
        return get_type_hints(types.SimpleNamespace(__annotations__={name: parameter.annotation}), _globals(call))[name]
    except (NameError, AttributeError, TypeError):
        return Any


def _globals(call: Callable[..., Any]) -> dict[str, Any]:
    return getattr(inspect.unwrap(call), "__globals__", {})


def _described(hint: Any) -> str:
    """An annotation in words.

    >>> _described(int | tuple[int, ...] | None)
    'int, tuple[int, …] or None'
    """
    if get_origin(hint) in (Union, types.UnionType):
        *others, last = (_described(each) for each in get_args(hint))
        return f"{', '.join(others)} or {last}"
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if hint is None or hint is type(None):
        return "None"
    if get_origin(hint) is None or str(hint).startswith("numpy"):
        return str(getattr(hint, "__name__", hint))
    items = ", ".join("…" if each is Ellipsis else _described(each) for each in get_args(hint))
    kind = str(getattr(get_origin(hint), "__name__", hint))
    return f"{kind}[{items}]" if items and kind != "Callable" else kind


def _what(value: Any) -> str:
    """A value, short: its type, and itself where that is one word."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None:
        return "None"
    text = repr(value) if isinstance(value, (str, numbers.Number, tuple, list, os.PathLike)) else ""
    return f"{type(value).__name__} {text}" if 0 < len(text) <= 40 and "\n" not in text else type(value).__name__


def _way(hint: Any, name: str, value: Any, default: Any, usual: str) -> str:
    """How to write the argument."""
    if isinstance(value, type):
        return f"make an instance: {value.__name__}(…)"
    kinds = (hint,) if get_origin(hint) not in (Union, types.UnionType) else get_args(hint)
    if any(getattr(each, "__name__", "") == "Tensor" for each in kinds) and hasattr(value, "__len__"):
        return f"write torch.as_tensor({name})"
    if isinstance(value, str) and admits(hint, (value,)):
        return f"write {name}=({value!r},)"
    if default is not inspect.Parameter.empty and default is not None and len(repr(default)) <= 40:
        return f"write {name}={default!r}, or another such value"
    return f"write {usual}"
