"""Conversion of a symbolic network to a sympy expression over the raw columns, in a form without redundant constants.

Constants that could move between an edge and its sum are normalised: `exp(a u + b)` passes b to the amplitude, a power or
logarithm the scale of its argument, and sums of logarithms inside an exponential become products of powers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from splinework.errors import FormulaError
from splinework.formula.arrays import array_operations
from splinework.formula.languages.python import python as python
from splinework.formula.languages.python import tabulated as tabulated
from splinework.formula.program import Algebra
from splinework.formula.sympy_bridge import program_of_expression
from splinework.formula.sympy_bridge import symbol as symbol
from splinework.interpret.symbolic.edges import EdgeCandidate
from splinework.interpret.symbolic.library import Array, LibraryFunction
from splinework.interpret.symbolic.net import Place, SplineEdge, SymbolicEdge, SymbolicNet


@dataclass(frozen=True)
class ColumnScaling:
    """Scaling from columns to network units: `(s(value) - shift) / scale` with s the identity or the logarithm."""

    names: tuple[str, ...]
    scales: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True)
class _LinearSum:
    """`Σ coefficient · expression + constant`."""

    terms: tuple[tuple[float, Any], ...]
    constant: float

    def times(self, factor: float) -> "_LinearSum":
        return _LinearSum(tuple((factor * k, e) for k, e in self.terms), factor * self.constant)

    def over(self, divisor: float) -> "_LinearSum":
        """The quotient; the term whose coefficient is the divisor gets exactly 1."""
        return _LinearSum(tuple((k / divisor, e) for k, e in self.terms), self.constant / divisor)

    def plus(self, constant: float) -> "_LinearSum":
        return _LinearSum(self.terms, self.constant + constant)

    def merged(self, other: "_LinearSum") -> "_LinearSum":
        together: dict[Any, float] = {}
        for k, e in (*self.terms, *other.terms):
            together[e] = together.get(e, 0.0) + k
        return _LinearSum(tuple((k, e) for e, k in together.items()), self.constant + other.constant)

    def expression(self) -> Any:
        parts = [e if k == 1 else sympy.Float(k) * e for k, e in self.terms]
        if self.constant != 0 or not parts:
            parts.append(sympy.Float(self.constant))
        return sympy.Add(*parts)


@dataclass(frozen=True)
class NamedSpline:
    """A remaining spline of a formula: a function of a raw column, or of a node's value in network units."""

    edge: SplineEdge
    scale: str = "linear"
    shift: float = 0.0
    unit: float = 1.0

    def __call__(self, raw: Array) -> Array:
        """The values at `raw`, `(N,)`."""
        flat = np.log(raw) if self.scale == "log" else raw
        return self.edge.value((flat - self.shift) / self.unit)[0]

    def table(self, points: int = 201) -> tuple[Array, Array]:
        """Points and values of a piecewise linear interpolant, with the outermost points far out on the tails."""
        layer = self.edge.layer
        low, high = (float(end[self.edge.i]) for end in layer.basis.domain(layer.knots()))
        inner = np.linspace(low, high, points)
        flat = np.concatenate([[low - 10 * (high - low)], inner, [high + 10 * (high - low)]]) * self.unit + self.shift
        with np.errstate(all="ignore"):
            places = np.exp(flat) if self.scale == "log" else flat
        usable = np.isfinite(places)
        return places[usable], self(places[usable])

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.edge.layer.basis.size


Splines = dict[str, NamedSpline]


def build_expressions(net: SymbolicNet, inputs: ColumnScaling, outputs: ColumnScaling) -> tuple[list[Any], Splines]:
    """The expression of every output in raw units, with constants as floats, and the remaining splines by name."""
    splines: Splines = {}
    layer_values = [_input(inputs, i) for i in range(len(inputs.names))]
    for layer, constants in enumerate(net.constants):
        sums = [_LinearSum((), float(c)) for c in constants]
        for place, edge in net.edges.items():
            if place[0] == layer:
                if isinstance(edge, SymbolicEdge):
                    part = _compose(edge, layer_values[place[1]])
                else:
                    part = _spline(edge, place, layer_values[place[1]], inputs, splines)
                sums[place[2]] = sums[place[2]].merged(part)
        layer_values = [_node([sums[j] for j in group]) for group in net.nodes[layer + 1].groups]
    results = []
    for index, value in enumerate(layer_values):
        raw = value.times(outputs.scale[index]).plus(outputs.shift[index])
        results.append(_exponential(raw, 1.0).expression() if outputs.scales[index] == "log" else raw.expression())
    return results, splines


def monomial(powers: Mapping[str, Any]) -> Any:
    """The product of rational powers of columns, by name."""
    return sympy.Mul(*(symbol(name) ** sympy.Rational(str(Fraction(power))) for name, power in powers.items()))


def _input(units: ColumnScaling, i: int) -> _LinearSum:
    x = symbol(units.names[i])
    return _LinearSum(
        ((1 / units.scale[i], sympy.log(x) if units.scales[i] == "log" else x),), -units.shift[i] / units.scale[i]
    )


def _node(factors: Sequence[_LinearSum]) -> _LinearSum:
    """The value of a node: a sum, or a product with the leading coefficients of its factors in front."""
    if len(factors) == 1:
        return factors[0]
    amplitude, product = 1.0, sympy.Integer(1)
    for factor in factors:
        if not factor.terms:
            amplitude *= factor.constant
            continue
        lead = factor.terms[0][0]
        amplitude *= lead
        product *= factor.over(lead).expression()
    return _LinearSum(((amplitude, product),), 0.0)


def _compose(edge: SymbolicEdge, node: _LinearSum) -> _LinearSum:
    """`c F(a node + b)`."""
    name = edge.function.name
    inner = node.times(edge.a).plus(edge.b)
    if name == "x":
        return inner.times(edge.c)
    if name == "sin":  # reduces the phase to [-π/2, π/2] by sign changes
        turns = round(inner.constant / np.pi)
        inner = inner.plus(-turns * np.pi)
        return _LinearSum((((-1) ** turns * edge.c, sympy.sin(inner.expression())),), 0.0)
    if not inner.terms:
        value = edge.function.value(np.array([inner.constant]))[0]
        return _LinearSum((), edge.c * float(value))
    if name == "exp":
        return _exponential(inner, edge.c)
    lead = inner.terms[0][0]
    size = abs(lead)
    if name == "log" and size > 0:
        return _LinearSum(((edge.c, sympy.log(inner.over(size).expression())),), edge.c * float(np.log(size)))
    exponent = _exponent(edge.function)
    if exponent is not None and size > 0:
        pulled = lead if exponent.is_Integer else size
        amplitude = edge.c * float(pulled ** int(exponent) if exponent.is_Integer else size ** float(exponent))
        return _LinearSum(((amplitude, inner.over(pulled).expression() ** exponent),), 0.0)
    if name == "abs" and size > 0:
        return _LinearSum(((edge.c * size, sympy.Abs(inner.over(lead).expression())),), 0.0)
    return _LinearSum(((edge.c, edge.function.build(inner.expression())),), 0.0)


def candidate_expression(candidate: EdgeCandidate, inner: Any) -> Any:
    """`c F(a inner + b) + d` in normalised form."""
    return _compose(SymbolicEdge.of(candidate), _LinearSum(((1.0, inner),), 0.0)).plus(candidate.d).expression()


def _exponent(function: LibraryFunction) -> Any:
    """The exponent if the function is a power, else None."""
    z = sympy.Dummy(positive=True)
    power = function.build(z)
    return power.exp if power.is_Pow and power.base == z else None


def _exponential(inner: _LinearSum, amplitude: float) -> _LinearSum:
    """`amplitude · exp(inner)`, with logarithms as powers."""
    product = sympy.Integer(1)
    rest = []
    for k, e in inner.terms:
        if isinstance(e, sympy.log):
            product *= e.args[0] ** (sympy.Integer(1) if k == 1 else sympy.Float(k))
        else:
            rest.append(e if k == 1 else sympy.Float(k) * e)
    if rest:
        product *= sympy.exp(sympy.Add(*rest))
    return _LinearSum(((amplitude * float(np.exp(inner.constant)), product),), 0.0)


def _spline(edge: SplineEdge, place: Place, node: _LinearSum, inputs: ColumnScaling, splines: Splines) -> _LinearSum:
    """A named spline of the raw column in the first layer, else of the node's value in network units."""
    name = f"spline_{len(splines) + 1}"
    if place[0] > 0:
        splines[name] = NamedSpline(edge)
        return _LinearSum(((1.0, sympy.Function(name)(node.expression())),), 0.0)
    i = place[1]
    splines[name] = NamedSpline(edge, inputs.scales[i], inputs.shift[i], inputs.scale[i])
    return _LinearSum(((1.0, sympy.Function(name)(symbol(inputs.names[i]))),), 0.0)


def node_count(expression: Any) -> int:
    """Complexity: the number of nodes of the expression's tree (sympy's preorder count, as in SRBench)."""
    return sum(1 for _ in sympy.preorder_traversal(expression))


def compiled(symbols: Sequence[Any], expressions: Any, splines: Splines | None = None) -> Callable[..., Any]:
    """A function of arrays, one for each symbol, which may have any name."""
    own = {**_special(), **(splines or {})}
    hidden = {s: sympy.Dummy(real=True) for s in symbols}
    many = [e.xreplace(hidden) for e in expressions] if isinstance(expressions, list) else expressions.xreplace(hidden)
    function: Callable[..., Any] = sympy.lambdify(list(hidden.values()), many, modules=[own, "numpy"], cse=True)
    return function


def _special() -> dict[str, Any]:
    """Functions that sympy's NumPy printer uses and NumPy lacks."""
    from scipy import special

    bessel = {"besselj": special.jv, "bessely": special.yv, "besseli": special.iv, "besselk": special.kv}
    gamma = {"gamma": special.gamma, "loggamma": special.gammaln, "polygamma": special.polygamma}
    jump = {"sign": np.sign, "DiracDelta": np.zeros_like}  # derivatives of a jump are 0 almost everywhere
    return {**bessel, **gamma, **jump, "erf": special.erf, "erfc": special.erfc}


def _evaluator(symbols: Sequence[Any], expression: Any, splines: Splines | None) -> Callable[..., Any]:
    try:
        program = program_of_expression(expression, symbols, (splines or {}).keys())
    except FormulaError:  # not real, or a sympy function that formulas lack
        return compiled(symbols, expression, splines)
    algebra: Algebra = {**array_operations(), **(splines or {})}
    return lambda *columns: program.run(columns, algebra, np.float64)


def compile_expression(
    expression: Any, names: Sequence[str], splines: Splines | None = None
) -> Callable[[Array], Array]:
    """A function of an array `(n, columns)` that returns `(n,)`; NaN where the expression is undefined."""
    symbols = [symbol(name) for name in names]
    function = _evaluator(symbols, expression, splines)

    def evaluate(x: Array) -> Array:
        x = np.asarray(x, dtype=float)
        with np.errstate(all="ignore"):
            value = function(*x.T)
        value = np.broadcast_to(np.asarray(value), (len(x),))
        return np.where(np.isreal(value), value.real, np.nan).astype(float)

    return evaluate
