"""The axiom language of files, command lines and certificates: `monotone(age)`, `f(x,y) == f(y,x)`.

Texts are parsed by Python's parser, then interpreted by a whitelist of literals, names and known words; nothing is executed.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Final

from splinework.errors import ConfigError, FormulaError, SplineworkError, nearest
from splinework.errors.foreign import explained
from splinework.formula.expression import Expression
from splinework.formula.functions import CONSTANTS
from splinework.formula.reading import MAX_LENGTH, shortened
from splinework.formula.tensors import TENSORS
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.kinds import WORDS
from splinework.knowledge.axioms.kinds.equations import Law, ResidualEquation
from splinework.knowledge.axioms.relations import read_relation
from splinework.knowledge.axioms.strength import Hard, Soft, Strength, Verify
from splinework.nn.frame.regions import Box, Difference, Disc, Intersection, Region, Union

REGIONS: Final[Mapping[str, type[Region]]] = {
    kind.__name__.lower(): kind for kind in (Box, Disc, Union, Intersection, Difference)
}
MAX_CHARACTERS: Final = 4_000_000
"""The maximum length of one axiom, such as a `through` of some ten thousand points."""
_FORMULA_FIELDS: Final = frozenset({"value", "rate", "weight", "of_inputs", "of_output", "flow"})
"""Fields that hold a formula or a unit, which need no quotes."""
_NUMBER_FIELDS: Final = frozenset({"lower", "upper", "constant", "period", "centre", "at", "equals"})
"""Fields that hold a number, in which `pi` is the constant."""
_NAMED_NUMBERS: Final = {"inf": math.inf, **CONSTANTS}
_MAX_DEPTH: Final = 40
_CALL: Final = re.compile(r"\s*(\w+)\s*\(")


@explained
def parse_axiom(text: str) -> Axiom:
    """Parses an axiom.

    Args:
        text: A call, `monotone(age)`, `bounded(lower=0, strength=soft)`, with or without quotes around names; or a relation,
            which is a `Law`, or a `ResidualEquation` if it is a differential equation without conditions.

    Returns:
        The axiom.

    Raises:
        ConfigError: If a word, a field or a value is invalid.
        FormulaError: If the text cannot be parsed.

    Example:
        >>> parse_axiom("symmetric(a, b)")
        Symmetric(strength=Hard(), domain='grid', output=None, among=('a', 'b'))
        >>> parse_axiom("u_t = 0.1*u_xx").text()
        "residual('u_t = 0.1*u_xx')"
    """
    if not isinstance(text, str):
        raise ConfigError(f"an axiom is a text such as 'monotone(age)', got {type(text).__name__}.")
    tree = _tree_of(text)
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)):
        return _relation(text)
    kind = WORDS.get(_snake_case(tree.func.id))
    if kind is None:
        raise ConfigError(
            f"{tree.func.id!r} is not an axiom, in {shortened(text)}; {nearest(_snake_case(tree.func.id), WORDS)} A relation has "
            "a sign such as == or >=."
        )
    try:
        return _build(kind, tree, text)
    except RecursionError:
        raise FormulaError(f"the axiom {shortened(text)} is nested too deeply.") from None


@explained
def axioms_of(given: Any) -> tuple[Axiom, ...]:
    """Axioms from an axiom, a text, None, or a sequence of axioms and texts.

    Args:
        given: The axiom, text or sequence.

    Returns:
        The axioms.

    Raises:
        ConfigError: If the argument has another type, or a text names an unknown axiom.
        FormulaError: If a text cannot be parsed.

    Example:
        >>> [axiom.word for axiom in axioms_of(["positive()", "monotone(age)"])]
        ['positive', 'monotone']
    """
    if given is None:
        return ()
    if isinstance(given, Axiom):
        return (given,)
    if isinstance(given, str):
        return (parse_axiom(given),)
    if isinstance(given, Sequence):
        return tuple(axiom for each in given for axiom in _one_of(each))
    raise ConfigError(f"axioms are texts or axioms such as Monotone('age'), or a list of them, got {given!r}.")


def axiom_of(kind: str, values: Mapping[str, Any]) -> Axiom:
    """The axiom with a given word and fields, as in a table of a TOML file.

    Args:
        kind: Its word, such as `monotone`.
        values: Fields by name: lists for tuples, mappings for ranges, calls as texts for regions and strengths.

    Raises:
        ConfigError: If there is no such axiom or field, or a value is invalid.
    """
    if not isinstance(kind, str) or _snake_case(kind) not in WORDS:
        raise ConfigError(f"{kind!r} is not an axiom; {nearest(_snake_case(str(kind)), WORDS)}")
    axiom = WORDS[_snake_case(kind)]
    found = {key: _frozen(value) for key, value in values.items()}
    face = found.get("face")
    if isinstance(face, str):
        found["face"] = _value(_parsed(face, face), face, "face", 0)
    return _constructed(axiom, [], found, f"{kind} with {dict(values)!r}")


def _one_of(each: Any) -> tuple[Axiom, ...]:
    if isinstance(each, (Axiom, str)):
        return axioms_of(each)
    raise ConfigError(f"a list of axioms holds texts and axioms such as Monotone('age'), got {each!r}.")


def _snake_case(word: str) -> str:
    """Converts a class name to a word: `NoInteraction` to `no_interaction`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()


def _tree_of(text: str) -> ast.expr | None:
    """The syntax tree of a text; None if it can only be a relation."""
    call = _CALL.match(text[:200])
    known = call is not None and _snake_case(call.group(1)) in WORDS
    if not known and len(text) > MAX_LENGTH:  # a relation, which is refused as too long where it is read
        return None
    try:
        return _parsed(text, text)
    except FormulaError:
        if known:
            raise
        return None


def _parsed(text: str, whole: str) -> ast.expr:
    # Formulas end at commas, so a long part without one is not a table of points.
    if len(text) > MAX_CHARACTERS or max(map(len, text.split(","))) > MAX_LENGTH:
        raise FormulaError(f"the axiom {shortened(whole)} has {len(text)} characters, which is too long; split it.")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, OverflowError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise FormulaError(f"cannot read the axiom {shortened(whole)}: {reason}.") from None
    except (MemoryError, RecursionError):
        raise FormulaError(f"the axiom {shortened(whole)} is nested too deeply.") from None


def _relation(text: str) -> Axiom:
    relation = read_relation(text)
    statement = text.strip()
    if relation.differential:
        return ResidualEquation(statement.replace("==", "="))
    return Law(statement)


# ---------------------------------------------------------------------------------------------------------- calls


def _build(kind: type[Axiom], call: ast.Call, text: str) -> Axiom:
    keys = [each.name for each in fields(kind) if not each.kw_only]
    gathers = kind.gathers
    own = call.args if gathers is None else call.args[:gathers]
    values = [_value(node, text, keys[i] if i < len(keys) else "", 0) for i, node in enumerate(own)]
    if gathers is not None and len(call.args) > gathers:
        rest = [_value(node, text, keys[gathers], 0) for node in call.args[gathers:]]
        values.append(rest[0] if len(rest) == 1 else tuple(rest))
    named: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in named:
            raise FormulaError(f"{shortened(text)} names a field twice, or has ** without a name.")
        named[keyword.arg] = _value(keyword.value, text, keyword.arg, 0)
    return _constructed(kind, values, named, shortened(text))


def _constructed(kind: type[Axiom], values: Sequence[Any], named: Mapping[str, Any], shown: str) -> Axiom:
    """Constructs an axiom; errors name its fields."""
    keys = [each.name for each in fields(kind) if not each.kw_only]
    if len(values) > len(keys):
        raise ConfigError(f"{kind.word} takes {', '.join(keys) or 'no values'}, got {len(values)} values in {shown}.")
    filled = dict(zip(keys, values, strict=False))
    known = [each.name for each in fields(kind)]
    for key in named:
        if key not in known or key in filled:
            raise ConfigError(f"{kind.word} has no field {key!r} left, in {shown}; {nearest(key, known)}")
    filled |= named
    missing = [each.name for each in fields(kind) if each.default is MISSING and each.name not in filled]
    if missing:
        raise ConfigError(f"{kind.word} needs {', '.join(missing)}, in {shown}; its fields are {', '.join(known)}.")
    if "strength" in filled:
        filled["strength"] = strength_of(filled["strength"])
    axiom: Axiom = constructed(kind, filled, shown)
    return axiom


def constructed(kind: Callable[..., Any], filled: Mapping[str, Any], shown: str) -> Any:
    """Constructs a recipe from its fields; errors that Python raises for them become a `ConfigError`."""
    try:
        made = kind(**filled)
        hash(made)
    except SplineworkError:
        raise
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ConfigError(f"a value does not fit its field, in {shown}: {error}.") from None
    return made


def strength_of(given: Any) -> Strength:
    """A strength from its text, `hard`, `soft`, `soft(0.1)` or `verify`; raises ConfigError for anything else."""
    if isinstance(given, Strength):
        return given
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", given) if isinstance(given, str) else None
    word, weight = (found.group(1).lower(), found.group(2)) if found else ("", None)
    if word in ("hard", "verify") and not (weight or "").strip():
        return Hard() if word == "hard" else Verify()
    if word == "soft":
        inside = (weight or "").strip().strip("'\"")
        if inside in ("", "auto"):
            return Soft()
        try:
            return Soft(float(inside))
        except ValueError:
            pass
    raise ConfigError(f"a strength is hard, soft, soft(0.1) or verify, got {given!r}.")


# --------------------------------------------------------------------------------------------------------- values


def _value(node: ast.expr, text: str, key: str, depth: int) -> Any:
    """The value of a literal, name, number, region, strength or formula."""
    if depth > _MAX_DEPTH:
        raise FormulaError(f"the axiom {shortened(text)} is nested more than {_MAX_DEPTH} levels deep.")
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (bool, int, float, str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inside = node.operand
        if isinstance(inside, ast.Constant) and isinstance(inside.value, (int, float)):
            return -inside.value if isinstance(node.op, ast.USub) else inside.value
    if isinstance(node, ast.Name) and key not in _FORMULA_FIELDS:
        number = node.id == "inf" or (key in _NUMBER_FIELDS and node.id in _NAMED_NUMBERS)
        return _NAMED_NUMBERS[node.id] if number else node.id
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(each, text, key, depth + 1) for each in node.elts)
    if isinstance(node, ast.Dict):
        return _mapping(node, text, key, depth)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        word = _snake_case(node.func.id)
        if key == "strength":
            return ast.unparse(node)
        if word in REGIONS:
            return _region(REGIONS[word], node, text, depth)
        if key == "face":
            raise ConfigError(f"{word!r} is not a region, in {shortened(text)}; {nearest(word, REGIONS)}")
    if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Name)):
        return _formula(node, text, key)
    raise FormulaError(
        f"{type(node).__name__} is not allowed in the axiom {shortened(text)}; write names, numbers or tuples."
    )


def _mapping(node: ast.Dict, text: str, key: str, depth: int) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in zip(node.keys, node.values, strict=True):
        read = None if name is None else _value(name, text, "", depth + 1)
        if not isinstance(read, (str, int)) or read in found:
            raise FormulaError(f"a key in {shortened(text)} is not a name, or occurs twice.")
        found[read] = _value(value, text, key, depth + 1)
    return found


def _formula(node: ast.expr, text: str, key: str) -> float | str:
    """The number of an arithmetic expression, or its text if it contains names and the field holds formulas."""
    if key in _FORMULA_FIELDS and any(
        isinstance(part, ast.Name) and part.id not in _NAMED_NUMBERS for part in ast.walk(node)
    ):
        return ast.unparse(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Name) and node.operand.id == "inf":
        return -math.inf if isinstance(node.op, ast.USub) else math.inf
    try:
        value = Expression(ast.unparse(node), ()).run((), TENSORS)
    except (ArithmeticError, TypeError):
        value = math.nan
    if not isinstance(value, (int, float)) or math.isnan(value):
        raise FormulaError(f"{shortened(ast.unparse(node))} in {shortened(text)} is not a number.")
    return float(value)


def _region(kind: type[Region], call: ast.Call, text: str, depth: int) -> Region:
    keys = [each.name for each in fields(kind)]
    if len(call.args) > len(keys) or any(word.arg not in keys for word in call.keywords):
        raise ConfigError(f"{kind.__name__.lower()} takes {', '.join(keys)}, in {shortened(text)}.")
    filled = {key: _value(node, text, "region", depth + 1) for key, node in zip(keys, call.args, strict=False)}
    for word in call.keywords:
        filled[str(word.arg)] = _value(word.value, text, "region", depth + 1)
    pair = kind in (Union, Intersection, Difference)
    if set(filled) != set(keys) or (pair and not all(isinstance(part, Region) for part in filled.values())):
        wanted = "two regions" if pair else f"{', '.join(keys)}"
        raise ConfigError(f"{kind.__name__.lower()} takes {wanted}, in {shortened(text)}.")
    made: Region = constructed(kind, filled, shortened(text))
    return made


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(each) for each in value)
    if isinstance(value, Mapping):
        return {key: _frozen(each) for key, each in value.items()}
    return value
