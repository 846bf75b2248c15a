"""The functions of the language, one row each, shared by parsing, evaluation, differentiation, enclosures and export.

A row has the names of a function in all languages, its domain, its derivative and a definition by simpler functions for
arithmetics without a rule of their own. A new function is a new row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, pi
from typing import Final, final

from splinework.errors.foreign import explained_record

CONSTANTS: Final[Mapping[str, float]] = {"pi": 3.141592653589793, "e": 2.718281828459045}
"""Predefined names; a column of the same name takes precedence."""


@explained_record
@final
@dataclass(frozen=True)
class Function:
    """A real function of the language.

    Attributes:
        name: Canonical name.
        arity: Number of arguments.
        aliases: Alternative names.
        derivative: Partial derivatives by each argument, as formulas in the arguments `u`, `v` and the function value `w`; empty
            if there are none. For a function with an order, `{lower}` and `{higher}` are the adjacent orders.
        definition: Definition by other functions, as a formula in `u`, `v`; empty for a primitive.
        domain: Ends of the domain of the first argument, which may be open or closed.
        range: Ends of the range.
        rising: Whether it is non-decreasing on its domain.
        parity: `odd`, `even` or empty.
        jumps: Whether it is discontinuous inside its domain.
        kinks: Whether its derivative is.
        order: Whether its first argument is an integer order, given as a literal.
        conditions: Indices of the arguments that are conditions, such as `u < 1`.
        truth: Whether its value is a condition.
        array: Implementation for NumPy arrays, as `module:name`.
        sympy: Name in sympy; empty where the definition is used.
        torch: Name in torch; empty where the definition or a special rule is used.
        mpmath: Name in mpmath; empty where the definition is used.
        texts: Language → template of a call, with `{0}`, `{1}` for the arguments.

    Example:
        >>> log = FUNCTIONS["log"]
        >>> log.aliases, log.derivative, log.domain
        (('ln',), ('1/u',), (0.0, inf))
    """

    name: str
    arity: int = 1
    aliases: tuple[str, ...] = ()
    derivative: tuple[str, ...] = ()
    definition: str = ""
    domain: tuple[float, float] = (-inf, inf)
    range: tuple[float, float] = (-inf, inf)
    rising: bool = False
    parity: str = ""
    jumps: bool = False
    kinks: bool = False
    order: bool = False
    conditions: tuple[int, ...] = ()
    truth: bool = False
    array: str = ""
    sympy: str = ""
    torch: str = ""
    mpmath: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


def _everywhere(name: str, derivative: str, **rest: object) -> Function:
    """A function that every language has, with `arc` for inverse functions in NumPy."""
    arc = f"arc{name[1:]}" if name[0] == "a" and name[1:] in _INVERTED else name
    texts = {
        **dict.fromkeys(("sympy", "c", "js", "julia"), f"{name}({{0}})"),
        "numpy": f"{arc}({{0}})",
        "torch": f"torch.{name}({{0}})",
        "excel": f"{name.upper()}({{0}})",
        **rest.pop("texts", {}),  # type: ignore[dict-item]
    }
    aliases = (*((arc,) if arc != name else ()), *rest.pop("aliases", ()))  # type: ignore[misc]
    libraries = {"array": f"numpy:{arc}", "sympy": name, "torch": name, "mpmath": name}
    return Function(name, aliases=aliases, derivative=(derivative,), texts=texts, **{**libraries, **rest})  # type: ignore[arg-type]


_INVERTED: Final = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})

_ELEMENTARY: Final = (
    _everywhere("sin", "cos(u)", range=(-1.0, 1.0), parity="odd"),
    _everywhere("cos", "-sin(u)", range=(-1.0, 1.0), parity="even"),
    _everywhere("tan", "1 + w**2", parity="odd"),
    _everywhere("asin", "1/sqrt(1 - u**2)", domain=(-1.0, 1.0), range=(-pi / 2, pi / 2), rising=True, parity="odd"),
    _everywhere("acos", "-1/sqrt(1 - u**2)", domain=(-1.0, 1.0), range=(0.0, pi)),
    _everywhere("atan", "1/(1 + u**2)", range=(-pi / 2, pi / 2), rising=True, parity="odd"),
    _everywhere("sinh", "cosh(u)", rising=True, parity="odd"),
    _everywhere("cosh", "sinh(u)", range=(1.0, inf), parity="even"),
    _everywhere("tanh", "1 - w**2", range=(-1.0, 1.0), rising=True, parity="odd"),
    _everywhere("asinh", "1/sqrt(u**2 + 1)", rising=True, parity="odd"),
    _everywhere("acosh", "1/sqrt(u**2 - 1)", domain=(1.0, inf), range=(0.0, inf), rising=True),
    _everywhere("atanh", "1/(1 - u**2)", domain=(-1.0, 1.0), rising=True, parity="odd"),
    _everywhere("exp", "w", range=(0.0, inf), rising=True),
    _everywhere("log", "1/u", aliases=("ln",), domain=(0.0, inf), rising=True, texts={"excel": "LN({0})"}),
    _everywhere("sqrt", "1/(2*w)", domain=(0.0, inf), range=(0.0, inf), rising=True),
)


def _texts(same: str, **other: str) -> dict[str, str]:
    """Templates by language: `same` lists languages and the template they share; `other` has those of further languages."""
    *languages, template = same.split()
    return {**dict.fromkeys(languages, template), **other}


_PAIR: Final = "({0}, {1})"
_LOGARITHMS_AND_POWERS: Final = (
    Function("exp2", 1, (), ("w*log(2)",), "2**u", range=(0.0, inf), rising=True, array="numpy:exp2", torch="exp2"),
    *(
        Function(
            name, 1, (), (slope,), definition, (least, inf), range_, rising=True, array=f"numpy:{name}", torch=name,
            mpmath="" if name == "log2" else name, texts=_texts(f"c js {name}({{0}})"),
        )
        for name, slope, definition, least, range_ in (
            ("expm1", "exp(u)", "exp(u) - 1", -inf, (-1.0, inf)),
            ("log2", "1/(u*log(2))", "log(u)/log(2)", 0.0, (-inf, inf)),
            ("log10", "1/(u*log(10))", "log(u)/log(10)", 0.0, (-inf, inf)),
            ("log1p", "1/(1 + u)", "log(1 + u)", -1.0, (-inf, inf)),
        )
    ),
    Function(
        "cbrt", 1, (), ("1/(3*w**2)",), "sign(u)*abs(u)**(1/3)", rising=True, parity="odd", array="numpy:cbrt",
        texts=_texts("c js cbrt({0})"),
    ),
    Function("square", 1, (), ("2*u",), "u**2", range=(0.0, inf), parity="even", array="numpy:square", torch="square"),
    Function("reciprocal", 1, (), ("-1/u**2",), "1/u", parity="odd", array="numpy:reciprocal", torch="reciprocal"),
    Function("negative", 1, (), ("-1",), "-u", parity="odd", array="numpy:negative", torch="neg"),
    Function("power", 2, ("pow",), ("v*u**(v - 1)", "w*log(u)"), "u**v"),
    Function(
        "hypot", 2, (), ("u/w", "v/w"), "sqrt(u**2 + v**2)", range=(0.0, inf), array="numpy:hypot",
        texts=dict.fromkeys(("c", "js"), f"hypot{_PAIR}"),
    ),
    Function(
        "sigmoid", 1, ("logistic", "expit"), ("w*(1 - w)",), "1/(1 + exp(-u))", range=(0.0, 1.0), rising=True,
        array="scipy.special:expit", torch="sigmoid",
    ),
    Function("softplus", 1, (), ("sigmoid(u)",), "log(1 + exp(u))", range=(0.0, inf), rising=True),
    Function(  # NumPy's: sin(πu)/(πu)
        "sinc", 1, (), ("where(u == 0, 0, (cos(3.141592653589793*u) - w)/u)",), "where(u == 0, 1, sin(pi*u)/(pi*u))",
        range=(-0.21723362821122166, 1.0), parity="even", array="numpy:sinc", torch="sinc",
    ),
)  # fmt: skip


def _extreme(name: str, sign: str, c: str) -> Function:
    slopes = (f"(1 {sign} sign(u - v))/2", f"(1 {sign} sign(v - u))/2")
    texts = {"numpy": f"{name}imum", "sympy": name.title(), "torch": f"torch.{name}imum", "c": c, "julia": name}
    return Function(
        name, 2, (f"{name}imum",), slopes, kinks=True, array=f"numpy:{name}imum", sympy=name.title(),
        texts={language: f"{called}{_PAIR}" for language, called in texts.items()},
    )  # fmt: skip


_PIECEWISE: Final = (
    Function(
        "abs", 1, ("absolute",), ("sign(u)",), range=(0.0, inf), parity="even", kinks=True, array="numpy:abs",
        sympy="Abs", torch="abs", mpmath="fabs",
        texts=_texts("numpy js julia abs({0})", sympy="Abs({0})", torch="torch.abs({0})", c="fabs({0})", excel="ABS({0})"),
    ),
    Function(
        "sign", 1, (), ("0",), range=(-1.0, 1.0), rising=True, parity="odd", jumps=True, array="numpy:sign", sympy="sign",
        mpmath="sign", texts=_texts("numpy sympy torch js julia sign({0})", c="sign_of({0})", excel="SIGN({0})"),
    ),
    Function(
        "floor", 1, (), ("0",), rising=True, jumps=True, array="numpy:floor", sympy="floor", torch="floor", mpmath="floor",
        texts=_texts("numpy sympy c js julia floor({0})", torch="torch.floor({0})", excel="INT({0})"),
    ),
    Function(
        "ceil", 1, ("ceiling",), ("0",), "-floor(-u)", rising=True, jumps=True, array="numpy:ceil", sympy="ceiling",
        torch="ceil", mpmath="ceil",
        texts=_texts(
            "numpy c js julia ceil({0})", sympy="ceiling({0})", torch="torch.ceil({0})", excel="(0-INT(0-({0})))"
        ),
    ),
    _extreme("min", "-", "smaller"),
    _extreme("max", "+", "larger"),
    Function(
        "heaviside", 2, (), ("0", "where(u == 0, 1, 0)"), "where(u < 0, 0, where(u > 0, 1, v))", jumps=True,
        array="numpy:heaviside", sympy="Heaviside", texts={"numpy": f"heaviside{_PAIR}", "sympy": f"Heaviside{_PAIR}"},
    ),
    Function(  # of y and x; on the cut the sign of zero decides, so that enclosures contain both sides
        "atan2", 2, ("arctan2",), ("v/(u**2 + v**2)", "-u/(u**2 + v**2)"),
        "where(v > 0, atan(u/v), where(v < 0, atan(u/v) + "
        "where(u > 0, pi, where(u < 0, -pi, pi*min(1, max(-1, 1/u)))), sign(u)*pi/2))",
        range=(-pi, pi), jumps=True, array="numpy:arctan2", sympy="atan2", torch="atan2", mpmath="atan2",
        texts={
            **dict.fromkeys(("sympy", "c", "js"), f"atan2{_PAIR}"),
            **{"numpy": f"arctan2{_PAIR}", "torch": f"torch.atan2{_PAIR}", "julia": f"atan{_PAIR}", "excel": "ATAN2({1},{0})"},
        },
    ),
    Function("where", 3, jumps=True, kinks=True, conditions=(0,), array="numpy:where"),
    *(
        Function(f"logical_{word}", count, conditions=(0, 1), truth=True, array=f"numpy:logical_{word}")
        for word, count in (("and", 2), ("or", 2), ("not", 1))
    ),
)  # fmt: skip


def _special(name: str, derivative: str, *, texts: Mapping[str, str], **rest: object) -> Function:
    own = {**_texts(f"numpy sympy {name}({{0}})"), **texts}
    libraries = {"array": f"scipy.special:{name}", "sympy": name, "mpmath": name}
    return Function(name, derivative=(derivative,), texts=own, **{**libraries, **rest})  # type: ignore[arg-type]


_SPECIAL: Final = (
    _special(
        "erf", "1.1283791670955126*exp(-u**2)", range=(-1.0, 1.0), rising=True, parity="odd", torch="erf",
        texts=_texts("c julia erf({0})", torch="torch.erf({0})", js="(1 - erfc({0}))", excel="ERF({0})"),
    ),
    _special(
        "erfc", "-1.1283791670955126*exp(-u**2)", definition="1 - erf(u)", range=(0.0, 2.0), torch="erfc",
        texts=_texts("c js julia erfc({0})", torch="torch.erfc({0})", excel="ERFC({0})"),
    ),
    _special("gamma", "w*digamma(u)", texts=_texts("torch julia gamma({0})", c="tgamma({0})", excel="GAMMA({0})")),
    _special(
        "gammaln", "digamma(u)", aliases=("loggamma", "lgamma"), sympy="loggamma", mpmath="loggamma", torch="lgamma",
        texts={
            **_texts("sympy loggamma({0})", torch="torch.lgamma({0})", c="lgamma({0})", excel="GAMMALN({0})"),
            "julia": "first(logabsgamma({0}))",
        },
    ),
    _special(
        "digamma", "polygamma(1, u)", aliases=("psi",), definition="polygamma(0, u)", torch="digamma",
        texts=_texts("c julia digamma({0})", torch="torch.digamma({0})"),
    ),
    Function(
        "polygamma", 2, (), ("polygamma({higher}, u)",), order=True, array="scipy.special:polygamma", sympy="polygamma",
        mpmath="polygamma", texts=dict.fromkeys(("numpy", "sympy", "julia"), f"polygamma{_PAIR}"),
    ),
    *(
        Function(
            f"{kind}v", 2, (f"bessel{kind}",), (f"{minus}({kind}v({{lower}}, u) {sign} {kind}v({{higher}}, u))/2",), order=True,
            range=(-1.0, 1.0) if kind == "j" else (-inf, inf), array=f"scipy.special:{kind}v", sympy=f"bessel{kind}",
            mpmath=f"bessel{kind}",
        )
        for kind, minus, sign in (("j", "", "-"), ("y", "", "-"), ("i", "", "+"), ("k", "-", "+"))
    ),
    *(
        Function(
            f"{kind}{order}", 1, (), (slope,), f"{kind}v({order}, u)", array=f"scipy.special:{kind}{order}",
            parity=("even", "odd")[order] if kind in "ji" else "",
        )
        for kind, slopes in {
            "j": ("-j1(u)", "(j0(u) - jv(2, u))/2"),
            "y": ("-y1(u)", "(y0(u) - yv(2, u))/2"),
            "i": ("i1(u)", "(i0(u) + iv(2, u))/2"),
            "k": ("-k1(u)", "-(k0(u) + kv(2, u))/2"),
        }.items()
        for order, slope in enumerate(slopes)
    ),
)  # fmt: skip

FUNCTIONS: Final[Mapping[str, Function]] = {
    each.name: each for each in (*_ELEMENTARY, *_LOGARITHMS_AND_POWERS, *_PIECEWISE, *_SPECIAL)
}
"""Canonical name → function."""
NAMES: Final[Mapping[str, Function]] = {
    word: each for each in FUNCTIONS.values() for word in (each.name, *each.aliases)
}
"""Name or alias → function."""
RESERVED_NAMES: Final = frozenset(word for word, each in NAMES.items() if each.array.startswith("numpy")) | {"pi"}
"""Names of common functions that no column may have; all other names are allowed."""
COMPARISONS: Final[Mapping[str, str]] = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
"""Comparisons, whose value is a condition, and their operators."""
MAX_ORDER: Final = 100
"""Largest absolute order of a function with an order."""


def templates(language: str) -> dict[str, str]:
    """Sympy's name → template of a call, for all functions of a language."""
    return {each.sympy: each.texts[language] for each in FUNCTIONS.values() if each.sympy and language in each.texts}
