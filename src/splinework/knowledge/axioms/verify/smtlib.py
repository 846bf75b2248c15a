"""Claims about a network of splines as SMT-LIB scripts, for a second opinion by another solver.

A script states the opposite of a claim in exact rational arithmetic: `unsat` means that the claim holds, `sat` that a point
refutes it. Networks have to be piecewise polynomials: B-splines, base functions that are lines, no logarithmic scales.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np

from splinework.errors import ConfigError, FormulaError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.verify.claim import Along, Claim, Environment
from splinework.knowledge.axioms.verify.numbers import LayerNumbers, Model, array, layer_numbers, network_of
from splinework.knowledge.axioms.verify.smt_terms import (
    ONE,
    SMT_ALGEBRA,
    ZERO,
    SmtJet,
    Term,
    added,
    chained,
    constant,
    horner,
    times,
)
from splinework.knowledge.axioms.verify.solver_claims import SolverClaim, solver_claims
from splinework.nn.frame import FramedKAN

Polynomial = list[Fraction]
_PRELUDE: Final = "(set-logic QF_NRA)"


def smt_scripts(model: Model, axioms: Axiom | str | Sequence[Any], *, box: Any = None) -> list[SolverClaim]:
    """The claims of some axioms about a model in SMT-LIB 2.6, one script for each, in the theory of real polynomials.

    The scripts refer to the same functions, boxes and tolerances as `verify`, so z3, cvc5 or any other solver of `QF_NRA` can
    confirm its answers. Solvers decide small networks only: the degree of the polynomials is the product of those of the layers.

    Args:
        model: A KAN of B-splines with linear base functions, or such a network in a frame.
        axioms: One axiom, its text, or several.
        box: Ranges of raw inputs, as of `verify`.

    Raises:
        ConfigError: If the model is not piecewise polynomial, or a claim is about jumps, an integral or a function that is
            not rational.

    Example:
        >>> import splinework as sw
        >>> script, = smt_scripts(sw.KAN([1, 1], grid=2, degree=1, base="none"), "monotone(x1)")
        Traceback (most recent call last):
            ...
        splinework.errors.ConfigError: derivative 1 of splines of degree 1 has jumps; solvers are given smooth derivatives only.
        >>> script, = smt_scripts(sw.KAN([1, 1], grid=2, degree=1, base="none"), "bounded(upper=9)")
        >>> script.text.splitlines()[0]
        '; y <= 9.0'

    Reference:
        Barrett, Fontaine, Tinelli: The SMT-LIB Standard, version 2.6 (2017).
    """
    return solver_claims(model, axioms, box, lambda claim, subject: script_of(claim, model))


def script_of(claim: Claim, model: Model) -> str:
    """The script that states the opposite of a claim."""
    if claim.total is not None or claim.vanishing is not None or claim.reason:
        raise ConfigError(
            f"the claim {claim.text!r} is not written for solvers: {claim.reason or 'it is not about a box'}."
        )
    env = SmtEnvironment(model, claim)
    try:
        value = claim.define(env).v
    except FormulaError as error:
        raise ConfigError(f"the claim {claim.text!r} is not a rational function, which solvers need: {error}") from None
    conditions = [f"(<= {low(env).v.text} {high(env).v.text})" for low, high in claim.conditions]
    names = [f"(declare-const {symbol} Real)" for symbol in env.symbols]
    ends = [
        f"({relation} {symbol} {constant(float(end)).text})"
        for symbol, low, high in zip(env.symbols, claim.lo, claim.hi, strict=True)
        for relation, end in ((">=", low), ("<=", high))
        if np.isfinite(end)
    ]
    opposite = f"(< {value.text} {constant(-claim.tolerance).text})"
    asserted = [f"(assert {each})" for each in (*ends, *conditions)]
    comment = "\n".join(f"; {line}" for line in claim.text.splitlines())
    lines = [comment, _PRELUDE, *names, *asserted, *env.lines, f"(assert {opposite})", "(check-sat)"]
    return "\n".join([*lines, f"(get-value ({' '.join(env.symbols)}))", ""])


@dataclass
class SmtEnvironment(Environment):
    """An environment whose numbers are terms; what they need is declared in `lines`."""

    model: Model
    claim: Claim
    lines: list[str] = field(default_factory=list)
    algebra: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: SMT_ALGEBRA)

    def __post_init__(self) -> None:
        self.symbols = [f"|{name}|" if "|" not in name else f"x_{i}" for i, name in enumerate(self.claim.names)]
        self.x = [SmtJet(Term(symbol), {i: ONE}) for i, symbol in enumerate(self.symbols)]
        self._own: list[SmtJet] | None = None
        self._layers = [layer_numbers(layer) for layer in network_of(self.model).kan_layers]

    def number(self, value: float) -> SmtJet:
        return SmtJet(constant(value))

    def f(self, arguments: Sequence[SmtJet]) -> list[SmtJet]:
        if all(a is b for a, b in zip(arguments, self.x, strict=False)):
            return [output.partial(()) for output in self._at_x()]
        return self._run([SmtJet(argument.v) for argument in arguments], order=0)

    def partial(self, output: int, along: Along) -> SmtJet:
        return self._at_x()[output].partial(along)

    def _at_x(self) -> list[SmtJet]:
        if self._own is None:
            order = self.claim.order
            inputs = self.x[: self.claim.inputs]
            self._own = self._run(inputs if order else [SmtJet(each.v) for each in inputs], order=order)
        return self._own

    def _named(self, jet: SmtJet) -> SmtJet:
        """A jet whose terms are constants of their own, so that none is written twice."""

        def named(term: Term) -> Term:
            if term.value is not None or " " not in term.text:
                return term
            symbol = f"t_{len(self.lines)}"
            self.lines.append(f"(define-fun {symbol} () Real {term.text})")
            return Term(symbol)

        d = {i: named(term) for i, term in jet.d.items()}
        return SmtJet(named(jet.v), d, {pair: named(term) for pair, term in jet.h.items()}, jet.kinked)

    def _run(self, raw: list[SmtJet], order: int) -> list[SmtJet]:
        network, frame = network_of(self.model), self.model.frame if isinstance(self.model, FramedKAN) else None
        u = [self.run(each, raw) for each in frame.before] if frame is not None and frame.before else raw
        into, out = network.input_scaling, network.output_scaling
        if "log" in (*into.scales, *out.scales):
            raise ConfigError("a logarithmic scale is not polynomial; solvers are given networks without one.")
        u = [_moved(a, 1 / Fraction(b), -Fraction(s) / Fraction(b)) for a, s, b in zip(u, *_pairs(into), strict=True)]
        for numbers, nodes in zip(self._layers, network.config.nodes[1:], strict=True):
            sums = self._layer(numbers, [self._named(each) for each in u], order)
            u = [_product([sums[j] for j in group]) for group in nodes.groups]
        z = [_moved(a, Fraction(b), Fraction(s)) for a, s, b in zip(u, *_pairs(out), strict=True)]
        return z if frame is None or not frame.after else [self.run(each, [*raw, *z]) for each in frame.after]

    def _layer(self, n: LayerNumbers, u: list[SmtJet], order: int) -> list[SmtJet]:
        sums = [SmtJet(constant(float(value))) for value in n.bias]
        for i, inner in enumerate(u):
            alive = [
                j for j in range(len(sums)) if n.weight[i, j] or (n.base_weight is not None and n.base_weight[i, j])
            ]
            edges = self._edges(n, i, alive, inner.v, order)
            for j, (value, slope, bend) in zip(alive, edges, strict=True):
                sums[j] = added(sums[j], chained(inner, value, slope, bend))
        return sums

    def _edges(
        self, n: LayerNumbers, i: int, alive: Sequence[int], x: Term, order: int
    ) -> list[tuple[Term, Term, Term]]:
        """Values, slopes and curvatures of the edges of an input: constants that the cell of x determines."""
        pieces = pieces_of(n, i, alive, order)
        if len(pieces) == 1:
            return [_derivatives(polynomial, x, order) for polynomial in pieces[0].edges]
        symbols = [[Term(f"e_{len(self.lines)}_{j}_{r}") for r in range(order + 1)] for j in alive]
        self.lines += [f"(declare-const {each.text} Real)" for row in symbols for each in row]
        cells = []
        for piece in pieces:
            held = [f"({relation} {x.text} {constant(end).text})" for relation, end in piece.ends]
            for row, polynomial in zip(symbols, piece.edges, strict=True):
                values = _derivatives(polynomial, x, order)
                held += [f"(= {s.text} {v.text})" for s, v in zip(row, values, strict=False)]
            cells.append(f"(and {' '.join(held)})")
        self.lines.append(f"(assert (or {' '.join(cells)}))")
        found = [(*row, ZERO, ZERO) for row in symbols]
        return [(row[0], row[1], row[2]) for row in found]


@dataclass(frozen=True)
class SmtPiece:
    """Edges of one input on a cell: ends as relations to x, and one polynomial for each edge, coefficients in rising order."""

    ends: tuple[tuple[str, Fraction], ...]
    edges: tuple[Polynomial, ...]


def pieces_of(n: LayerNumbers, i: int, alive: Sequence[int], order: int) -> list[SmtPiece]:
    """The edges of an input as polynomials on the cells of its grid and beyond, exactly.

    Raises:
        ConfigError: If they are not polynomials there, or their derivative of that order has jumps.
    """
    degree = n.basis.degree
    if degree is None or n.squashed or n.base not in ("none", "identity"):
        what = f"basis {n.basis.name!r} with base {n.base!r}{' on a normalised grid' if n.squashed else ''}"
        raise ConfigError(f"{what} is not piecewise polynomial; solvers take B-splines with base 'none' or 'identity'.")
    if order and order >= degree:
        raise ConfigError(
            f"derivative {order} of splines of degree {degree} has jumps; solvers are given smooth derivatives only."
        )
    knots = [Fraction(float(t)) for t in n.knots[i]]
    straight = n.extrapolation in ("linear", "constant")
    first, last = (degree, len(knots) - 1 - degree) if straight else (0, len(knots) - 1)
    edges = {}
    for m in range(first, last):
        if knots[m] < knots[m + 1]:
            rows = _basis_on(knots, degree, m)
            edges[m] = tuple(_edge(n, i, j, rows) for j in alive)
    cells = [((">=", knots[m]), ("<=", knots[m + 1])) for m in edges]
    low, high = knots[first], knots[last]
    tails = [_tail(n, i, alive, found, end) for found, end in ((edges[min(edges)], low), (edges[max(edges)], high))]
    inside = [SmtPiece(ends, found) for ends, found in zip(cells, edges.values(), strict=True)]
    return [SmtPiece((("<", low),), tails[0]), *inside, SmtPiece(((">", high),), tails[1])]


def _basis_on(t: Sequence[Fraction], degree: int, cell: int) -> dict[int, Polynomial]:
    """The B-splines that are not zero on a cell, as polynomials in x, by the recursion of Cox and de Boor."""
    rows: dict[int, Polynomial] = {cell: [Fraction(1)]}
    for k in range(1, degree + 1):
        raised: dict[int, Polynomial] = {}
        for m, own in rows.items():
            if m < 0 or m + k >= len(t):
                continue
            span = t[m + k] - t[m]
            if span:
                raised[m] = _plus(raised.get(m, []), _by_line(own, -t[m] / span, 1 / span))
                raised[m - 1] = _plus(raised.get(m - 1, []), _by_line(own, t[m + k] / span, -1 / span))
        rows = raised
    return {m: own for m, own in rows.items() if 0 <= m < len(t) - degree - 1}


def _plus(a: Polynomial, b: Polynomial) -> Polynomial:
    size = max(len(a), len(b))
    zero = Fraction(0)
    return [(a[k] if k < len(a) else zero) + (b[k] if k < len(b) else zero) for k in range(size)]


def _by_line(a: Polynomial, constant_part: Fraction, slope: Fraction) -> Polynomial:
    return _plus([constant_part * value for value in a], [Fraction(0), *(slope * value for value in a)])


def _edge(n: LayerNumbers, i: int, j: int, rows: Mapping[int, Polynomial]) -> Polynomial:
    found: Polynomial = []
    for m, own in rows.items():
        factor = Fraction(float(n.weight[i, j])) * Fraction(float(n.c[i, m, j]))
        found = _plus(found, [factor * value for value in own])
    return _plus(found, _base(n, i, j))


def _base(n: LayerNumbers, i: int, j: int) -> Polynomial:
    return [] if n.base_weight is None or n.base == "none" else [Fraction(0), Fraction(float(n.base_weight[i, j]))]


def _tail(
    n: LayerNumbers, i: int, alive: Sequence[int], found: Sequence[Polynomial], end: Fraction
) -> tuple[Polynomial, ...]:
    """The edges beyond one end of the grid."""
    if n.extrapolation not in ("linear", "constant"):
        return tuple(_base(n, i, j) for j in alive)
    tails = []
    for polynomial in found:
        value = sum((c * end**k for k, c in enumerate(polynomial)), Fraction(0))
        slope = sum((k * c * end ** (k - 1) for k, c in enumerate(polynomial) if k), Fraction(0))
        slope = slope if n.extrapolation == "linear" else Fraction(0)
        tails.append([value - slope * end, slope])
    return tuple(tails)


def _derivatives(polynomial: Polynomial, x: Term, order: int) -> tuple[Term, Term, Term]:
    found = []
    for r in range(3):
        found.append(horner(polynomial, x) if r <= order else ZERO)
        polynomial = [k * c for k, c in enumerate(polynomial)][1:]
    return found[0], found[1], found[2]


def _pairs(scaling: Any) -> tuple[list[float], list[float]]:
    return [float(v) for v in array(scaling.shift)], [float(v) for v in array(scaling.scale)]


def _moved(a: SmtJet, factor: Fraction, offset: Fraction) -> SmtJet:
    return added(times(SmtJet(constant(factor)), a), SmtJet(constant(offset)))


def _product(parts: Sequence[SmtJet]) -> SmtJet:
    found = parts[0]
    for part in parts[1:]:
        found = times(found, part)
    return found
