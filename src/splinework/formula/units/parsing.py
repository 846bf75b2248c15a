"""Parsing of units such as `x=m,t=s,y=kg*m/s^2` into dimensions, by a lexer and a recursive-descent parser.

A unit is a product of names with rational powers. Names are those of the SI with its prefixes, and common other units; only the
dimension is kept, so `km` and `m` are the same. User-defined units are written in square brackets: `[EUR]/kg`.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Final

from splinework.errors import ConfigError, nearest
from splinework.formula.units.dimensions import BASE_UNITS, PURE, Dimension

MAX_LENGTH: Final = 500
"""Maximum length of the text of one unit in characters."""
_MAX_EXPONENT_PART: Final = 100
"""Largest numerator and denominator of an exponent."""
_MAX_NESTING: Final = 20
"""Maximum nesting of parentheses."""

_DERIVED: Final = """
g kilogram=kg metre=m meter=m second=s sec=s gram=g ampere=A amp=A kelvin=K mole=mol candela=cd
Hz=1/s hertz=Hz N=kg*m/s^2 newton=N Pa=N/m^2 pascal=Pa J=N*m joule=J W=J/s watt=W C=A*s coulomb=C V=W/A volt=V
F=C/V farad=F Ohm=V/A ohm=Ohm Ω=Ohm S=A/V siemens=S Wb=V*s weber=Wb T=Wb/m^2 tesla=T H=Wb/A henry=H
lm=cd lumen=lm lx=cd/m^2 lux=lx Bq=1/s becquerel=Bq Gy=J/kg gray=Gy Sv=J/kg sievert=Sv kat=mol/s katal=kat
eV=J cal=J Wh=J erg=J dyn=N G=T gauss=G bar=Pa L=m^3 l=L litre=L liter=L t=kg tonne=t Da=kg u=kg pc=m Ci=1/s P=Pa*s M=mol/m^3
"""
"""Units with SI prefixes, as `name=definition` by earlier units."""
_UNPREFIXED: Final = """
min=s minute=s minutes=s h=s hr=s hour=s hours=s d=s day=s days=s week=s weeks=s yr=s year=s years=s a=s
rad=1 radian=1 radians=1 mrad=1 sr=1 deg=1 degree=1 degrees=1 arcmin=1 arcsec=1 rev=1 turn=1 cycle=1 rpm=1/s
Dimensionless=1 dimensionless=1 percent=1 ppm=1 ppb=1 count=1 counts=1
atm=Pa mmHg=Pa Torr=Pa torr=Pa psi=Pa hp=W kgf=N lbf=N ha=m^2 AU=m au=m ly=m angstrom=m Å=m micron=m
inch=m inches=m ft=m foot=m feet=m yd=m yard=m mi=m mile=m miles=m nmi=m lb=kg lbs=kg pound=kg
oz=kg gal=m^3 mph=m/s kph=m/s kn=m/s knot=m/s
"""
_PREFIXES: Final = ("da", *"QRYZEPTGMkhdcmuµμnpfazyrq")
_OFFSET_SCALES: Final = frozenset({"degC", "°C", "celsius", "degF", "°F", "fahrenheit"})
"""Scales with a conventional zero, whose powers are meaningless."""
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN: Final = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+(?:\.\d+)?)|(?P<own>\[[^\[\]]+\])|(?P<name>°?[^\W\d_]+|°|%)"
    r"|(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)|(?P<sign>\*\*|[*/^()+\-·⋅×])"
)


def parse_units(
    text: str | Mapping[str, str | Dimension], *, names: Sequence[str] | None = None
) -> dict[str, Dimension]:
    """Columns and their units.

    Args:
        text: A text such as `x=m,t=s,y=m/s^2`, or a mapping from columns to units.
        names: All columns, including the target; None accepts any name.

    Returns:
        The dimension of every column in the text, in order.

    Raises:
        ConfigError: If a unit cannot be parsed, or a column is named twice or does not exist.

    Example:
        >>> {name: str(unit) for name, unit in parse_units("x=km,F=N").items()}
        {'x': 'm', 'F': 'kg*m/s^2'}
    """
    pairs = _pairs(text) if isinstance(text, str) else [(str(name), unit) for name, unit in text.items()]
    found: dict[str, Dimension] = {}
    for name, unit in pairs:
        if names is not None and name not in names:
            raise ConfigError(f"a unit is given for {name!r}, which is not a column; {nearest(name, names)}")
        if name in found:
            raise ConfigError(f"{name!r} is given two units; name every column once.")
        try:
            found[name] = unit if isinstance(unit, Dimension) else parse_dimension(unit)
        except ConfigError as error:
            raise ConfigError(f"the unit of {name!r}: {error}") from None
    return found


def parse_dimension(text: str) -> Dimension:
    """The dimension of one unit.

    The syntax has `*`, `/`, `^` or `**`, parentheses and rational powers, left-associative: `m^2*s^(-2)`, `V/m^(1/2)`, `m·s⁻²`.
    A space before the first `/` multiplies, too. `1`, `-` and `Dimensionless` are pure numbers.

    Raises:
        ConfigError: If it cannot be parsed; for an unknown name the message suggests similar ones.
    """
    if not isinstance(text, str):
        raise ConfigError(f"a unit is text such as 'm/s^2', got {type(text).__name__}.")
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"the unit has {len(text)} characters, at most {MAX_LENGTH} are read.")
    if text.strip() == "-":
        return PURE
    return _Parser(text).whole()


def _pairs(text: str) -> list[tuple[str, str]]:
    """Splits a text at commas and semicolons into columns and units."""
    pairs = []
    for part in re.split(r"[,;]", text):
        name, equals, unit = (piece.strip() for piece in part.rpartition("="))
        if not equals or not name or not unit:
            raise ConfigError(
                f"units are given as 'column=unit, column=unit', such as 'x=m,t=s', got {part.strip()!r}."
            )
        pairs.append((name, unit))
    return pairs


class _Parser:
    """`product := power (('*' | '/' | ' ') power)*`, `power := atom ('^' exponent)?`, `atom := name | '1' | '(' product ')'`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.place = 0
        self.depth = 0

    def whole(self) -> Dimension:
        """Parses the whole text."""
        dimension = self._product()
        if self.place < len(self.tokens):
            raise self._error(f"unexpected {self._peek()!r}")
        return dimension

    def _tokens(self) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self._error(f"unexpected {self.text[at]!r}")
            if match.lastgroup != "space":
                tokens.append((str(match.lastgroup), match.group()))
            at = match.end()
        return tokens

    def _product(self) -> Dimension:
        result, divided = self._power(), False
        while self.place < len(self.tokens) and self._peek() != ")":
            sign = self._peek()
            if sign in ("*", "·", "⋅", "×", "/"):
                self.place += 1
            elif divided:
                raise self._error(
                    f"is {sign!r} in the numerator or the denominator? write parentheses, such as J/(kg*K)"
                )
            divided |= sign == "/"
            factor = self._power()
            result = result / factor if sign == "/" else result * factor
        return result

    def _power(self) -> Dimension:
        base = self._atom()
        kind, text = self._next() if self._peek() in ("^", "**") or self._kind() == "raised" else ("", "")
        if kind == "raised":
            return base ** self._number(text.translate(_SUPERSCRIPTS))
        return base ** self._exponent() if kind else base

    def _atom(self) -> Dimension:
        kind, text = self._next()
        if text == "(":
            self.depth += 1
            if self.depth > _MAX_NESTING:
                raise self._error(f"parentheses are nested more than {_MAX_NESTING} deep")
            inside = self._product()
            self._close()
            self.depth -= 1
            return inside
        if kind == "own":
            name = text[1:-1].strip()
            if not name or name in BASE_UNITS:
                raise self._error(f"{text} names no unit of your own")
            return Dimension.of({name: 1})
        if kind == "name":
            return self._named(text)
        if kind == "number" and float(text) == 1:
            return PURE
        hint = "only the dimension counts, leave numbers out" if kind == "number" else "a unit was expected"
        raise self._error(f"unexpected {text!r}: {hint}")

    def _exponent(self) -> Fraction:
        """`2`, `-2`, `(-2)` or `(1/2)`."""
        if self._peek() != "(":
            return self._signed()
        self.place += 1
        top = self._signed()
        if self._peek() == "/":
            self.place += 1
            bottom = self._signed()
            if bottom == 0:
                raise self._error("an exponent is divided by 0")
            top /= bottom
        self._close()
        return top

    def _signed(self) -> Fraction:
        sign = self._next()[1] if self._peek() in ("+", "-") else ""
        kind, text = self._next()
        if kind != "number":
            raise self._error(f"an exponent is a number such as 2 or (1/2), got {text!r}")
        return self._number(sign + text)

    def _number(self, text: str) -> Fraction:
        try:
            number = Fraction(text)
        except ValueError:
            raise self._error(f"{text!r} is not an exponent") from None
        if max(abs(number.numerator), number.denominator) > _MAX_EXPONENT_PART:
            raise self._error(f"the exponent {text} is beyond {_MAX_EXPONENT_PART}")
        return number

    def _named(self, name: str) -> Dimension:
        known = _table()
        if name in _OFFSET_SCALES:
            raise self._error(f"the zero of {name} is a convention, no power law can hold; convert the column to K")
        if name not in known:
            raise self._error(
                f"{name!r} is not a known unit; {nearest(name, known)} A unit of your own is written [{name}]"
            )
        return known[name]

    def _close(self) -> None:
        if self._next()[1] != ")":
            raise self._error("a parenthesis is not closed")

    def _next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise self._error("it ends where a unit or a number was expected")
        self.place += 1
        return self.tokens[self.place - 1]

    def _peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def _kind(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def _error(self, reason: str) -> ConfigError:
        short = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return ConfigError(f"cannot read the unit {short!r}: {reason}.")


@cache
def _table() -> dict[str, Dimension]:
    """All names of units; a unit's own name takes precedence over prefixed ones (`min`, `cd`, `Pa`)."""
    plain: dict[str, Dimension] = {unit: Dimension.of({unit: 1}) for unit in BASE_UNITS}
    plain |= {"°": PURE, "%": PURE, "g": plain["kg"]}
    prefixed = [unit for unit in BASE_UNITS if unit != "kg"]
    for entry in _DERIVED.split():
        name, _, definition = entry.partition("=")
        if definition:
            plain[name] = _defined(definition, plain)
        prefixed.append(name)
    table = {prefix + name: plain[name] for name in prefixed for prefix in _PREFIXES if len(name) < 4 or name == "Ohm"}
    table |= {long + "s": plain[long] for long in prefixed if len(long) > 3}
    for entry in _UNPREFIXED.split():
        name, _, definition = entry.partition("=")
        plain[name] = _defined(definition, plain)
    return table | plain


def _defined(definition: str, known: Mapping[str, Dimension]) -> Dimension:
    """The dimension of a definition in the tables: names and powers, with at most one `/`."""
    above, _, below = definition.partition("/")
    result = PURE
    for part, sign in ((above, 1), (below, -1)):
        for factor in filter(None, part.split("*")):
            name, _, power = factor.partition("^")
            result *= PURE if name == "1" else known[name] ** (sign * int(power or 1))
    return result
