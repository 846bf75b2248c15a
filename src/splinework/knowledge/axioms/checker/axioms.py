"""The checker's own reader of the texts of axioms, in the form in which certificates hold them."""

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from splinework.knowledge.axioms.checker.formulas import Unreadable

_REQUIRED: Final = object()
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "monotone": {"input": _REQUIRED, "increasing": True},
    "convex": {"input": _REQUIRED},
    "concave": {"input": _REQUIRED},
    "bounded": {"lower": None, "upper": None},
    "positive": {},
    "lipschitz": {"constant": _REQUIRED, "along": ()},
    "symmetric": {"among": _REQUIRED},
    "antisymmetric": {"among": _REQUIRED},
    "even": {"input": _REQUIRED, "centre": 0.0},
    "odd": {"input": _REQUIRED, "centre": 0.0},
    "periodic": {"input": _REQUIRED, "period": 2 * math.pi},
    "invariant": {"group": _REQUIRED, "acts_on": ()},
    "no_interaction": {"first": _REQUIRED, "second": _REQUIRED},
    "additive": {"groups": ()},
    "sum_to_one": {"outputs": ()},
    "ordered": {"outputs": ()},
    "boundary": {"face": _REQUIRED, "value": 0.0},
    "initial": {"input": _REQUIRED, "at": 0.0, "value": 0.0, "rate": None},
    "units": {"of_inputs": _REQUIRED, "of_output": "1"},
    "through": {"points": _REQUIRED, "values": ()},
    "integral": {"equals": _REQUIRED, "over": None, "weight": "1"},
    "conserved": {"flow": _REQUIRED},
    "residual": {"equation": _REQUIRED, "unknowns": ()},
    "law": {"statement": _REQUIRED},
    "asymptote": {"input": _REQUIRED, "side": "both", "kind": "constant", "value": 0.0},
}
"""The fields of every axiom with their defaults, in order."""
_REGIONS: Final = {
    "box": ("ranges",),
    "disc": ("among", "centre", "radius"),
    "union": ("first", "second"),
    "intersection": ("first", "second"),
    "difference": ("first", "second"),
}


@dataclass(frozen=True)
class RegionText:
    """A region of some inputs, as it is written."""

    word: str
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class AxiomText:
    """An axiom as it is written: its word, its fields, its domain and its output."""

    word: str
    text: str
    fields: dict[str, Any]
    domain: Any
    output: Any

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


def parse(text: str) -> AxiomText:
    """An axiom.

    Raises:
        Unreadable: If it is not a call of a known word with literal fields.
    """
    try:
        tree = ast.parse(text, mode="eval").body
        if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in FIELDS):
            raise ValueError("it is no axiom")
        known = FIELDS[tree.func.id]
        given = dict(zip(known, map(_value, tree.args), strict=False))
        given |= {str(each.arg): _value(each.value) for each in tree.keywords}
        common = {key: given.pop(key, default) for key, default in (("domain", "grid"), ("output", None))}
        given.pop("strength", None)
        fields = {**known, **given}
        if len(tree.args) > len(known) or set(fields) != set(known) or _REQUIRED in fields.values():
            raise ValueError("its fields are not those of its word")
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise Unreadable(f"the axiom {text[:80]!r} cannot be read ({error})") from None
    return AxiomText(tree.func.id, text, fields, common["domain"], common["output"])


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Name) and node.id == "inf":
        return math.inf
    if isinstance(node, ast.Tuple):
        return tuple(map(_value, node.elts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.lower() in _REGIONS:
        word = node.func.id.lower()
        parts = dict(zip(_REGIONS[word], map(_value, node.args), strict=False))
        parts |= {str(each.arg): _value(each.value) for each in node.keywords}
        if set(parts) == set(_REGIONS[word]):
            return RegionText(word, tuple(parts[key] for key in _REGIONS[word]))
    raise ValueError(f"{ast.unparse(node)[:80]!r} is not a literal")


# --------------------------------------------------------------------------------------------------------- regions


def region_formula(region: RegionText) -> str:
    """A function that vanishes on the boundary of a region and is positive inside (Rvachev's R-functions)."""
    if region.word == "box":
        return "*".join(_sides(region.parts[0]))
    if region.word == "disc":
        among, centre, radius = region.parts
        squares = "+".join(f"({name}-({float(c)!r}))**2" for name, c in zip(among, centre, strict=True))
        return f"(({float(radius) ** 2!r}-({squares}))/{2 * float(radius)!r})"
    a, b = (f"({_signed(part)})" for part in region.parts)
    if region.word == "union":
        return f"({a}+{b}+sqrt({a}**2+{b}**2))"
    if region.word == "difference":
        b = f"(-{b})"
    return _both(a, b)


def _both(a: str, b: str) -> str:
    return f"({a}+{b}-sqrt({a}**2+{b}**2))"


def _signed(region: RegionText) -> str:
    """The same, and negative everywhere outside."""
    if region.word != "box":
        return region_formula(region)
    first, *others = _sides(region.parts[0])
    for side in others:
        first = _both(f"({first})", side)
    return first


def _sides(ranges: Sequence[tuple[str, tuple[float, float]]]) -> list[str]:
    found = []
    for name, (low, high) in ranges:
        below, above = f"({name}-({float(low)!r}))", f"(({float(high)!r})-{name})"
        if math.isfinite(low) and math.isfinite(high):
            found.append(f"({below}*{above}/{float(high) - float(low)!r})")
        elif math.isfinite(low) or math.isfinite(high):
            found.append(below if math.isfinite(low) else above)
    return found
