"""Small evaluators of other languages' texts, written from their grammars and not from our printers.

A Pratt parser over a table of operators; Excel's and Julia's tables differ where the languages do: in Excel a prefix minus
binds tighter than a power and powers group from the left, in Julia and mathematics neither.
"""

import re
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from scipy import special

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([^\W\d]\w*)|(<>|<=|>=|==|!=|&&|\|\||[-+*/^(),<>=?:!]))")


def tokens(text):
    found, position = [], 0
    while position < len(text.rstrip()):
        match = TOKEN.match(text, position)
        assert match, f"unreadable at {text[position : position + 20]!r}"
        number = match.group(1)
        if number:
            following = text[match.end() : match.end() + 1]
            assert re.match(r"[^\W\d]", following) is None, "a number runs into a name"
        found.append((match.lastindex, match.group(match.lastindex)))
        position = match.end()
    return found


@dataclass
class Infix:
    """Evaluates infix text over numpy arrays."""

    names: dict
    functions: dict
    binary: dict  # operator -> (binds left, binds right, function)
    prefix: dict  # operator -> (binds right, function)
    read: list = field(default_factory=list)

    def __call__(self, text):
        self.read = tokens(text)
        with np.errstate(all="ignore"):
            value = self._expression(0)
        assert not self.read, f"left over: {self.read}"
        return value

    def _peek(self):
        return self.read[0][1] if self.read else None

    def _take(self, wanted=None):
        kind, token = self.read.pop(0)
        assert wanted is None or token == wanted, f"{token!r} where {wanted!r} belongs"
        return kind, token

    def _expression(self, floor):
        value = self._operand()
        while True:
            operator = self._peek()
            if operator == "?" and floor <= 1:
                self._take()
                yes = self._expression(0)
                self._take(":")
                value = np.where(value, yes, self._expression(1))
            elif operator in self.binary and self.binary[operator][0] > floor:
                self._take()
                _, right, function = self.binary[operator]
                value = function(value, self._expression(right))
            else:
                return value

    def _operand(self):
        kind, token = self._take()
        if kind == 1:
            return np.float64(token)
        if kind == 2 and self._peek() == "(":
            return self.functions[token](*self._arguments())
        if kind == 2:
            return self.names[token]
        if token == "(":
            value = self._expression(0)
            self._take(")")
            return value
        right, function = self.prefix[token]
        return function(self._expression(right))

    def _arguments(self):
        self._take("(")
        arguments = []
        while self._peek() != ")":
            arguments.append(self._expression(0))
            if self._peek() == ",":
                self._take()
        self._take(")")
        return arguments


def _power(a, b):
    return np.power(np.asarray(a, float), b)


ARITHMETIC = {
    "<": (10, 10, np.less),
    ">": (10, 10, np.greater),
    "<=": (10, 10, np.less_equal),
    ">=": (10, 10, np.greater_equal),
    "+": (20, 20, np.add),
    "-": (20, 20, np.subtract),
    "*": (30, 30, np.multiply),
    "/": (30, 30, np.true_divide),
}
PLAIN = {
    name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "sqrt", "sign", "abs")
} | {f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}


def _match(value, column, kind):
    assert kind == 1
    return np.searchsorted(column, value, side="right").astype(float)


EXCEL_FUNCTIONS = {name.upper(): function for name, function in PLAIN.items()} | {
    "LN": np.log,
    "INT": np.floor,
    "PI": lambda: np.pi,
    "NA": lambda: np.nan,
    "IF": np.where,
    "AND": lambda *a: reduce(np.logical_and, a),
    "OR": lambda *a: reduce(np.logical_or, a),
    "NOT": np.logical_not,
    "MIN": lambda *a: a[0].min() if len(a) == 1 else reduce(np.minimum, a),
    "MAX": lambda *a: a[0].max() if len(a) == 1 else reduce(np.maximum, a),
    "MEDIAN": lambda *a: np.median(np.broadcast_arrays(*a), axis=0),
    "ERF": special.erf,
    "ERFC": special.erfc,
    "GAMMA": special.gamma,
    "GAMMALN": lambda z: np.where(np.asarray(z) > 0, special.gammaln(z), np.nan),
    "BESSELJ": lambda x, n: special.jv(n, x),
    "BESSELY": lambda x, n: special.yv(n, x),
    "BESSELI": lambda x, n: special.iv(n, x),
    "BESSELK": lambda x, n: special.kv(n, x),
    "ATAN2": lambda x, y: np.arctan2(y, x),
    "MATCH": _match,
    "INDEX": lambda column, row: column[np.asarray(row, int) - 1],
    "ROWS": len,
}


def excel(text, names):
    """Value of one cell's formula."""
    assert text.startswith("=")
    binary = ARITHMETIC | {"=": (10, 10, np.equal), "<>": (10, 10, np.not_equal), "^": (40, 40, _power)}
    return Infix(names, EXCEL_FUNCTIONS, binary, {"-": (50, np.negative), "+": (50, np.positive)})(text[1:])


JULIA_BASE = PLAIN | {
    "log": np.log,
    "floor": np.floor,
    "ceil": np.ceil,
    "first": lambda pair: pair[0],
    "min": np.minimum,
    "max": np.maximum,
    "atan": lambda y, x=None: np.arctan(y) if x is None else np.arctan2(y, x),
}
JULIA_SPECIAL = {
    "erf": special.erf,
    "erfc": special.erfc,
    "gamma": special.gamma,
    "logabsgamma": lambda z: (special.gammaln(z), special.gammasgn(z)),
    "digamma": special.digamma,
    "polygamma": special.polygamma,
    "besselj": special.jv,
    "bessely": special.yv,
    "besseli": special.iv,
    "besselk": special.kv,
}


def julia(text, columns):
    """Value of the function `f` of a file; `columns` are its arguments in order."""
    head, _, body = (
        text.partition("\nfunction f(") if "\nfunction f(" in text else ("", "", text.partition("function f(")[2])
    )
    arguments = [a.strip() for a in body.partition(")")[0].split(",")]
    imported = re.findall(r"using SpecialFunctions: (.*)", head)
    special_names = imported[0].split(", ") if imported else []
    functions = JULIA_BASE | {name: JULIA_SPECIAL[name] for name in special_names}
    for name, places, values in re.findall(r"const (\w+)_table = \(\[(.*?)\], \[(.*?)\]\)", head):
        x, y = (np.array([float(v) for v in column.split(",")]) for column in (places, values))
        functions[name] = lambda z, x=x, y=y: np.interp(z, x, y)
    binary = ARITHMETIC | {
        "==": (10, 10, np.equal),
        "!=": (10, 10, np.not_equal),
        "&&": (6, 6, np.logical_and),
        "||": (4, 4, np.logical_or),
        "^": (50, 39, _power),  # groups from the right
    }
    prefix = {"-": (40, np.negative), "!": (60, np.logical_not)}
    (line,) = re.findall(r"return (.*)\n", re.sub(r"return NaN\n", "", body))
    names = dict(zip(arguments, columns, strict=True)) | {"pi": np.pi, "NaN": np.nan}
    value = Infix(names, functions, binary, prefix)(line)
    if "catch" not in body:  # Julia throws where others give NaN
        assert not np.isnan(value).any()
    return value
