"""Evaluates LaTeX as a reader would: adjacent factors multiply, a function takes the bracket that follows it."""

import re

import numpy as np
from scipy import special

TOKEN = re.compile(r"\s*(\\begin\{cases\}|\\end\{cases\}|\\(?:left|right)[.()|\[\]{}]|\\operatorname\{\w+\}|\\[A-Za-z]+|\\.|"
                   r"\d+\.?\d*|[A-Za-z]|[-+^_{}()=<>,&|!\[\]])")  # fmt: skip
FUNCTIONS = {
    **{
        rf"\{name}": getattr(np, name)
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan")
    },
    **{rf"\operatorname{{ar{name}}}": getattr(np, f"arc{name}") for name in ("sinh", "cosh", "tanh")},
    r"\sec": lambda z: 1 / np.cos(z),
    r"\csc": lambda z: 1 / np.sin(z),
    r"\cot": lambda z: 1 / np.tan(z),
    r"\coth": lambda z: 1 / np.tanh(z),
    r"\operatorname{sech}": lambda z: 1 / np.cosh(z),
    r"\operatorname{csch}": lambda z: 1 / np.sinh(z),
    r"\ln": np.log,
    r"\Gamma": special.gamma,
    r"\operatorname{erf}": special.erf,
    r"\operatorname{erfc}": special.erfc,
    r"\operatorname{sign}": np.sign,
    r"\operatorname{loggamma}": special.gammaln,
    r"\operatorname{atan}": np.arctan2,
    r"\min": lambda *a: np.minimum.reduce(np.broadcast_arrays(*a)),
    r"\max": lambda *a: np.maximum.reduce(np.broadcast_arrays(*a)),
    r"\theta": lambda z: np.heaviside(z, 0.5),
    r"\operatorname{polygamma}": special.polygamma,
    r"\operatorname{sinc}": lambda z: np.sinc(z / np.pi),
}
ORDERED = {"J": special.jv, "Y": special.yv, "I": special.iv, "K": special.kv}
SIGNS = {
    "<": np.less,
    ">": np.greater,
    r"\leq": np.less_equal,
    r"\geq": np.greater_equal,
    "=": np.equal,
    r"\neq": np.not_equal,
}
CLOSING = {r"\right)", r"\right|", r"\right]", r"\right\}", ")", "}", r"\rfloor", r"\rceil", "]"}
STOP = CLOSING | set(SIGNS) | {"+", "-", ",", "&", r"\row", r"\end{cases}", r"\wedge", r"\vee", None}


class Latex:
    def __init__(self, names):
        """`names` maps LaTeX symbols to values."""
        self.names = names
        self.symbols = sorted(names, key=len, reverse=True)

    def __call__(self, text):
        text = text.replace("\\\\", r" \row ").replace(r"\left\l", r"\l").replace(r"\right\r", r"\r")
        for number, symbol in enumerate(self.symbols):  # whole symbols become marks of their own
            text = re.sub(rf"(?<![A-Za-z\\]){re.escape(symbol)}(?![A-Za-z_])", rf"\\column{'abcdefgh'[number]} ", text)
        text = (
            re.sub(r"\\(?:text\{for\}|text\{otherwise\}|:|,)", "", text).replace(r"\left\{", "").replace(r"\right.", "")
        )
        self.read, position = [], 0
        while position < len(text.rstrip()):
            match = TOKEN.match(text, position)
            assert match, f"unreadable at {text[position : position + 25]!r}"
            self.read.append(match.group(1))
            position = match.end()
        with np.errstate(all="ignore"):
            value = self.sum()
        assert not self.read, f"left over {self.read}"
        return value

    def peek(self):
        return self.read[0] if self.read else None

    def take(self, *wanted):
        token = self.read.pop(0)
        assert not wanted or token in wanted, f"{token!r} where {wanted} belongs"
        return token

    def sum(self):
        total = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total

    def product(self):
        value = self.factor()
        while self.peek() not in STOP:
            if self.peek() == r"\cdot":
                self.take()
            value = value * self.factor()
        return value

    def factor(self):
        value = self.atom()
        if self.peek() == "^":
            self.take()
            value = np.power(np.asarray(value, float), self.braced())
        if self.peek() == "!":
            self.take()
            value = special.gamma(value + 1)
        return value

    def braced(self):
        if self.peek() != "{":
            return self.atom()
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def bracket(self):
        """Arguments in round brackets, with or without braces around."""
        if self.peek() == "{":
            self.take()
            arguments = self.bracket()
            self.take("}")
            return arguments
        self.take(r"\left(", "(")
        arguments = [self.sum()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.sum())
        self.take(r"\right)", ")")
        return arguments

    def applied(self, function):
        power = None
        if self.peek() == "_":
            self.take()
            self.braced()
        if self.peek() == "^":
            self.take()
            power = self.braced()
        value = function(*self.bracket())
        return value if power is None else np.power(value, power)

    def atom(self):
        token = self.take()
        if re.match(r"\d", token):
            return np.float64(token)
        if token.startswith(r"\column"):
            return self.names[self.symbols["abcdefgh".index(token[-1])]]
        if token == r"\operatorname{atan}" and self.peek() == "_":
            return self.applied(np.arctan2)
        if token in FUNCTIONS:
            return self.applied(FUNCTIONS[token])
        if token in ORDERED:
            self.take("_")
            order = self.braced()
            return self.applied(lambda z: ORDERED[token](order, z))
        if token == "e":
            return np.e
        if token == r"\pi":
            return np.pi
        if token == r"\frac":
            return self.braced() / self.braced()
        if token == r"\sqrt":
            root = 2.0
            if self.peek() == "[":
                self.take()
                root = self.sum()
                self.take("]")
            return np.power(np.asarray(self.braced(), float), 1 / root)
        if token == r"\begin{cases}":
            return self.cases()
        pairs = {"{": "}", r"\left(": r"\right)", r"\left|": r"\right|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
        value = self.sum()
        self.take(pairs[token])
        return {r"\left|": np.abs, r"\lfloor": np.floor, r"\lceil": np.ceil}.get(token, lambda v: v)(value)

    def cases(self):
        pieces = []
        while True:
            value = self.sum()
            self.take("&")
            pieces.append((value, True if self.peek() in (r"\row", r"\end{cases}") else self.condition()))
            if self.take(r"\row", r"\end{cases}") == r"\end{cases}":
                result = np.nan
                for value, condition in reversed(pieces):
                    result = np.where(condition, value, result)
                return result

    def condition(self):
        left = self.sum()
        value = SIGNS[self.take()](left, self.sum())
        while self.peek() in (r"\wedge", r"\vee"):
            join = np.logical_and if self.take() == r"\wedge" else np.logical_or
            left = self.sum()
            value = join(value, SIGNS[self.take()](left, self.sum()))
        return value
