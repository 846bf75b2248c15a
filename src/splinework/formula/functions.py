"""The functions of the language: one row each, which all readers, evaluations, derivatives, enclosures and texts share.

A row says what a function is called here and elsewhere, where it is defined, how it is differentiated, and, by a formula in
simpler functions, how an arithmetic that has no rule of its own for it works it out. To add a function is to add a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, pi
from typing import Final, final

CONSTANTS: Final[Mapping[str, float]] = {"pi": 3.141592653589793, "e": 2.718281828459045}
"""Names that need not be declared; a column of the same name wins."""


@final
@dataclass(frozen=True)
class Function:
    """A function of real numbers.

    Attributes:
        name: What programs call it.
        arity: How many values it takes.
        aliases: Its other names in a text.
        derivative: The partial derivative by each argument, as a formula in the arguments `u`, `v` and the function's own
            value `w`; empty where there is none. Of a function with an order, `{lower}` and `{higher}` are the orders beside it.
        definition: The function as a formula in `u`, `v` of others; empty where it is primitive.
        domain: Ends of the first argument between which it is defined, the ends included or not.
        range: Ends of its values.
        rising: Whether it never falls on its domain.
        parity: `odd`, `even` or empty.
        jumps: Whether it is discontinuous inside its domain.
        kinks: Whether its slope is.
        order: Whether its first argument is a whole number, written as one.
        conditions: Which arguments are conditions, such as `u < 1`.
        truth: Whether its value is a condition.
        array: The function of NumPy arrays, as `module:name`.
        sympy: sympy's name of it; empty where the definition serves.
        torch: torch's name of it; empty where the definition, or a rule of its own, serves.
        mpmath: mpmath's name of it; empty likewise.
        texts: Language → template of a call, with `{0}`, `{1}` for the arguments.
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
    """A function that every language has, under its own name or, for inverse functions, with `arc` in NumPy."""
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

_LOGARITHMS_AND_POWERS: Final = (
    Function(
        "exp2",
        derivative=("w*log(2)",),
        definition="2**u",
        range=(0.0, inf),
        rising=True,
        array="numpy:exp2",
        torch="exp2",
    ),
    Function(
        "expm1",
        derivative=("exp(u)",),
        definition="exp(u) - 1",
        range=(-1.0, inf),
        rising=True,
        array="numpy:expm1",
        torch="expm1",
        mpmath="expm1",
        texts={"c": "expm1({0})", "js": "expm1({0})"},
    ),
    Function(
        "log2",
        derivative=("1/(u*log(2))",),
        definition="log(u)/log(2)",
        domain=(0.0, inf),
        rising=True,
        array="numpy:log2",
        torch="log2",
        texts={"c": "log2({0})", "js": "log2({0})"},
    ),
    Function(
        "log10",
        derivative=("1/(u*log(10))",),
        definition="log(u)/log(10)",
        domain=(0.0, inf),
        rising=True,
        array="numpy:log10",
        torch="log10",
        mpmath="log10",
        texts={"c": "log10({0})", "js": "log10({0})"},
    ),
    Function(
        "log1p",
        derivative=("1/(1 + u)",),
        definition="log(1 + u)",
        domain=(-1.0, inf),
        rising=True,
        array="numpy:log1p",
        torch="log1p",
        mpmath="log1p",
        texts={"c": "log1p({0})", "js": "log1p({0})"},
    ),
    Function(
        "cbrt",
        derivative=("1/(3*w**2)",),
        definition="sign(u)*abs(u)**(1/3)",
        rising=True,
        parity="odd",
        array="numpy:cbrt",
        texts={"c": "cbrt({0})", "js": "cbrt({0})"},
    ),
    Function(
        "square",
        derivative=("2*u",),
        definition="u**2",
        range=(0.0, inf),
        parity="even",
        array="numpy:square",
        torch="square",
    ),
    Function(
        "reciprocal",
        derivative=("-1/u**2",),
        definition="1/u",
        parity="odd",
        array="numpy:reciprocal",
        torch="reciprocal",
    ),
    Function("negative", derivative=("-1",), definition="-u", parity="odd", array="numpy:negative", torch="neg"),
    Function("power", 2, ("pow",), ("v*u**(v - 1)", "w*log(u)"), "u**v"),
    Function(
        "hypot",
        2,
        derivative=("u/w", "v/w"),
        definition="sqrt(u**2 + v**2)",
        range=(0.0, inf),
        array="numpy:hypot",
        texts={"c": "hypot({0}, {1})", "js": "hypot({0}, {1})"},
    ),
    Function(
        "sigmoid",
        aliases=("logistic", "expit"),
        derivative=("w*(1 - w)",),
        definition="1/(1 + exp(-u))",
        range=(0.0, 1.0),
        rising=True,
        array="scipy.special:expit",
        torch="sigmoid",
    ),
    Function(
        "softplus",
        derivative=("sigmoid(u)",),
        definition="log(1 + exp(u))",
        range=(0.0, inf),
        rising=True,
    ),
    Function(
        "sinc",  # NumPy's: sin(πu)/(πu)
        derivative=("where(u == 0, 0, (cos(3.141592653589793*u) - w)/u)",),
        definition="where(u == 0, 1, sin(pi*u)/(pi*u))",
        range=(-0.21723362821122166, 1.0),
        parity="even",
        array="numpy:sinc",
        torch="sinc",
    ),
)

_PIECEWISE: Final = (
    Function(
        "abs",
        aliases=("absolute",),
        derivative=("sign(u)",),
        range=(0.0, inf),
        parity="even",
        kinks=True,
        array="numpy:abs",
        sympy="Abs",
        torch="abs",
        mpmath="fabs",
        texts={
            "numpy": "abs({0})",
            "sympy": "Abs({0})",
            "torch": "torch.abs({0})",
            "c": "fabs({0})",
            "js": "abs({0})",
            "julia": "abs({0})",
            "excel": "ABS({0})",
        },
    ),
    Function(
        "sign",
        derivative=("0",),
        range=(-1.0, 1.0),
        rising=True,
        parity="odd",
        jumps=True,
        array="numpy:sign",
        sympy="sign",
        mpmath="sign",
        texts={
            "numpy": "sign({0})",
            "sympy": "sign({0})",
            "torch": "sign({0})",
            "c": "sign_of({0})",
            "js": "sign({0})",
            "julia": "sign({0})",
            "excel": "SIGN({0})",
        },
    ),
    Function(
        "floor",
        derivative=("0",),
        rising=True,
        jumps=True,
        array="numpy:floor",
        sympy="floor",
        torch="floor",
        mpmath="floor",
        texts={
            **dict.fromkeys(("numpy", "sympy", "c", "js", "julia"), "floor({0})"),
            "torch": "torch.floor({0})",
            "excel": "INT({0})",
        },
    ),
    Function(
        "ceil",
        aliases=("ceiling",),
        derivative=("0",),
        definition="-floor(-u)",
        rising=True,
        jumps=True,
        array="numpy:ceil",
        sympy="ceiling",
        torch="ceil",
        mpmath="ceil",
        texts={
            **dict.fromkeys(("numpy", "c", "js", "julia"), "ceil({0})"),
            "sympy": "ceiling({0})",
            "torch": "torch.ceil({0})",
            "excel": "(0-INT(0-({0})))",
        },
    ),
    Function(
        "min",
        2,
        ("minimum",),
        ("(1 + sign(v - u))/2", "(1 + sign(u - v))/2"),
        kinks=True,
        array="numpy:minimum",
        sympy="Min",
        texts={
            "numpy": "minimum({0}, {1})",
            "sympy": "Min({0}, {1})",
            "torch": "torch.minimum({0}, {1})",
            "c": "smaller({0}, {1})",
            "julia": "min({0}, {1})",
        },
    ),
    Function(
        "max",
        2,
        ("maximum",),
        ("(1 + sign(u - v))/2", "(1 + sign(v - u))/2"),
        kinks=True,
        array="numpy:maximum",
        sympy="Max",
        texts={
            "numpy": "maximum({0}, {1})",
            "sympy": "Max({0}, {1})",
            "torch": "torch.maximum({0}, {1})",
            "c": "larger({0}, {1})",
            "julia": "max({0}, {1})",
        },
    ),
    Function(
        "heaviside",
        2,
        derivative=("0", "where(u == 0, 1, 0)"),
        definition="where(u < 0, 0, where(u > 0, 1, v))",
        jumps=True,
        array="numpy:heaviside",
        sympy="Heaviside",
        texts={"numpy": "heaviside({0}, {1})", "sympy": "Heaviside({0}, {1})"},
    ),
    Function(
        "atan2",  # of y and x
        2,
        ("arctan2",),
        ("v/(u**2 + v**2)", "-u/(u**2 + v**2)"),
        "where(v > 0, atan(u/v), where(v < 0, atan(u/v) + where(u >= 0, pi, -pi), sign(u)*pi/2))",
        range=(-pi, pi),
        jumps=True,
        array="numpy:arctan2",
        sympy="atan2",
        torch="atan2",
        mpmath="atan2",
        texts={
            "numpy": "arctan2({0}, {1})",
            "sympy": "atan2({0}, {1})",
            "torch": "torch.atan2({0}, {1})",
            "c": "atan2({0}, {1})",
            "js": "atan2({0}, {1})",
            "julia": "atan({0}, {1})",
            "excel": "ATAN2({1},{0})",
        },
    ),
    Function("where", 3, jumps=True, kinks=True, conditions=(0,), array="numpy:where"),
    *(
        Function(
            f"logical_{word}", 1 if word == "not" else 2, conditions=(0, 1), truth=True, array=f"numpy:logical_{word}"
        )
        for word in ("and", "or", "not")
    ),
)


def _special(name: str, derivative: str, *, texts: Mapping[str, str], **rest: object) -> Function:
    own = {"numpy": f"{name}({{0}})", "sympy": f"{name}({{0}})", **texts}
    libraries = {"array": f"scipy.special:{name}", "sympy": name, "mpmath": name}
    return Function(name, derivative=(derivative,), texts=own, **{**libraries, **rest})  # type: ignore[arg-type]


_SPECIAL: Final = (
    _special(
        "erf",
        "1.1283791670955126*exp(-u**2)",
        texts={
            "torch": "torch.erf({0})",
            "c": "erf({0})",
            "js": "(1 - erfc({0}))",
            "julia": "erf({0})",
            "excel": "ERF({0})",
        },
        range=(-1.0, 1.0),
        rising=True,
        parity="odd",
        torch="erf",
    ),
    _special(
        "erfc",
        "-1.1283791670955126*exp(-u**2)",
        texts={
            "torch": "torch.erfc({0})",
            "c": "erfc({0})",
            "js": "erfc({0})",
            "julia": "erfc({0})",
            "excel": "ERFC({0})",
        },
        definition="1 - erf(u)",
        range=(0.0, 2.0),
        torch="erfc",
    ),
    _special(
        "gamma",
        "w*digamma(u)",
        texts={"torch": "gamma({0})", "c": "tgamma({0})", "julia": "gamma({0})", "excel": "GAMMA({0})"},
    ),
    _special(
        "gammaln",
        "digamma(u)",
        texts={
            "sympy": "loggamma({0})",
            "torch": "torch.lgamma({0})",
            "c": "lgamma({0})",
            "julia": "first(logabsgamma({0}))",
            "excel": "GAMMALN({0})",
        },
        aliases=("loggamma", "lgamma"),
        sympy="loggamma",
        mpmath="loggamma",
        torch="lgamma",
    ),
    _special(
        "digamma",
        "polygamma(1, u)",
        texts={"torch": "torch.digamma({0})", "c": "digamma({0})", "julia": "digamma({0})"},
        aliases=("psi",),
        definition="polygamma(0, u)",
        torch="digamma",
    ),
    Function(
        "polygamma",
        2,
        derivative=("polygamma({higher}, u)",),
        order=True,
        array="scipy.special:polygamma",
        sympy="polygamma",
        mpmath="polygamma",
        texts={
            "numpy": "polygamma({0}, {1})",
            "sympy": "polygamma({0}, {1})",
            "julia": "polygamma({0}, {1})",
        },
    ),
    *(
        Function(
            f"{kind}v",
            2,
            (f"bessel{kind}",),
            (slope,),
            order=True,
            range=(-1.0, 1.0) if kind == "j" else (-inf, inf),
            array=f"scipy.special:{kind}v",
            sympy=f"bessel{kind}",
            mpmath=f"bessel{kind}",
        )
        for kind, slope in {
            "j": "(jv({lower}, u) - jv({higher}, u))/2",
            "y": "(yv({lower}, u) - yv({higher}, u))/2",
            "i": "(iv({lower}, u) + iv({higher}, u))/2",
            "k": "-(kv({lower}, u) + kv({higher}, u))/2",
        }.items()
    ),
    *(
        Function(
            f"{kind}{order}",
            derivative=(slope,),
            definition=f"{kind}v({order}, u)",
            parity={"j0": "even", "j1": "odd", "i0": "even", "i1": "odd"}.get(f"{kind}{order}", ""),
            array=f"scipy.special:{kind}{order}",
        )
        for kind, slopes in {
            "j": ("-j1(u)", "(j0(u) - jv(2, u))/2"),
            "y": ("-y1(u)", "(y0(u) - yv(2, u))/2"),
            "i": ("i1(u)", "(i0(u) + iv(2, u))/2"),
            "k": ("-k1(u)", "-(k0(u) + kv(2, u))/2"),
        }.items()
        for order, slope in enumerate(slopes)
    ),
)

FUNCTIONS: Final[Mapping[str, Function]] = {
    each.name: each for each in (*_ELEMENTARY, *_LOGARITHMS_AND_POWERS, *_PIECEWISE, *_SPECIAL)
}
"""Name → function: all that a formula may call."""
NAMES: Final[Mapping[str, Function]] = {
    word: each for each in FUNCTIONS.values() for word in (each.name, *each.aliases)
}
"""Every name that a text may call, aliases too."""
PLAIN_WORDS: Final = frozenset(word for word, each in NAMES.items() if each.array.startswith("numpy")) | {"pi"}
"""Words that formulas in tables use so often that no column is called so; any other name may be a column's."""
COMPARISONS: Final[Mapping[str, str]] = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
"""Operations between two numbers whose value is a condition, and their signs."""
MOST_ORDER: Final = 100
"""Largest order, in size, of the functions that have one."""


def templates(language: str) -> dict[str, str]:
    """Sympy's name of a function → the template of a call in a language, of all functions that it has."""
    return {each.sympy: each.texts[language] for each in FUNCTIONS.values() if each.sympy and language in each.texts}
