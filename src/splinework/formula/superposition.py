"""Sums and products of functions of one variable, node by node: what a Kolmogorov–Arnold network computes.

A value is a sum `Σ f(node) + constant`, or a product of such sums. Sums gather terms, products gather factors, and a function of
what depends on one node only is composed with the functions before it; anything else needs a new node. `superposition_algebra.py`
has the operations of formulas on such values.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from splinework.formula.enclosures import DEFINED_VALUES
from splinework.formula.intervals import Interval, add, exactly
from splinework.formula.univariate import UnivariateFunctions, quotient


@final
@dataclass(frozen=True)
class NodeSum:
    """A sum of functions of nodes.

    Attributes:
        constant: Its constant.
        terms: Pairs of a node and the number of a function, each node once, in order.
    """

    constant: float = 0.0
    terms: tuple[tuple[int, int], ...] = ()


@final
@dataclass(frozen=True)
class Node:
    """The product of one or more sums; an input has none.

    Attributes:
        factors: The sums.
        depth: Its least layer; 0 for an input.
    """

    factors: tuple[NodeSum, ...]
    depth: int


@final
@dataclass(frozen=True)
class Value:
    """`scale` times the product of one or more sums; the scale of a single sum is 1."""

    factors: tuple[NodeSum, ...]
    scale: float = 1.0

    @property
    def constant(self) -> float | None:
        """Its value if it is a number."""
        return self.factors[0].constant if len(self.factors) == 1 and not self.factors[0].terms else None


@final
@dataclass
class Superposition:
    """Nodes, each made of earlier ones, that compute formulas.

    Attributes:
        ranges: Ends of the range of each input.
        distribute: Whether powers of products become products of powers, which may save a layer but share less.
        gather: Whether contributions from several layers below are gathered in a node first, which may make layers narrower.
        functions: The functions of one variable.
        nodes: The nodes; the first ones are the inputs.
        inputs: The inputs as values.
    """

    ranges: Sequence[tuple[float, float]]
    distribute: bool = True
    gather: bool = True
    functions: UnivariateFunctions = field(default_factory=UnivariateFunctions)
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = [Node((), 0) for _ in self.ranges]
        self._places: dict[tuple[NodeSum, ...], int] = {}
        self._enclosures = [Interval(np.array([float(low)]), np.array([float(high)])) for low, high in self.ranges]
        u = self.functions.identity
        self.inputs = [Value((NodeSum(0.0, ((place, u),)),)) for place in range(len(self.ranges))]

    def sum_of(self, value: Value) -> NodeSum:
        """A value as a sum of numbers; a product becomes a node, and a condition 1 or 0."""
        return self._numeric(self._sum_of(value))

    def _sum_of(self, value: Value) -> NodeSum:
        if len(value.factors) == 1:
            return value.factors[0]
        return self.scaled_sum(self._of_node(self.node(value.factors)), "mul", value.scale)

    def depth(self, found: NodeSum) -> int:
        """Largest depth of the nodes in a sum."""
        return max((self.nodes[node].depth for node, _ in found.terms), default=0)

    def node(self, factors: tuple[NodeSum, ...]) -> int:
        """The node that is a product of sums, or one sum."""
        factors = self.gathered(tuple(self.gathered_sum(each) for each in factors))
        if factors not in self._places:
            self.nodes.append(Node(factors, 1 + max(map(self.depth, factors))))
            self._places[factors] = len(self.nodes) - 1
            self._enclosures.append(self._enclosed(factors))
        return self._places[factors]

    def gathered_sum(self, found: NodeSum) -> NodeSum:
        """The sum with all terms from below its last layer in one node, if that is wanted and there are several."""
        top = self.depth(found)
        low = tuple(term for term in found.terms if self.nodes[term[0]].depth < top)
        if not self.gather or len(low) < 2:
            return found
        rest = NodeSum(found.constant, tuple(term for term in found.terms if term not in low))
        return self.added(rest, self._of_node(self.node((NodeSum(0.0, low),))))

    def gathered(self, factors: tuple[NodeSum, ...]) -> tuple[NodeSum, ...]:
        """The factors with all from below the last layer in one node, if that is wanted and there are several."""
        top = max(map(self.depth, factors))
        low = tuple(each for each in factors if self.depth(each) < top)
        if not self.gather or len(low) < 2:
            return factors
        return (*(each for each in factors if each not in low), self._of_node(self.node(low)))

    def composed(self, operation: str, *values: Value, order: int = 0) -> Value | None:
        """An operation on values that depend on one node only, as one function of that node; None for others."""
        sums = [self._sum_of(value) for value in values]
        singles = [self._single(each) for each in sums if each.terms]
        if any(single is None for single in singles):
            if len(singles) > 1:
                return None
            singles = [(self.node(tuple(each for each in sums if each.terms)), self.functions.identity)]
        of_nodes = {single[0] for single in singles if single is not None}
        if len(of_nodes) > 1:
            return None
        functions = iter([single[1] for single in singles if single is not None])
        arguments = [next(functions) if each.terms else self.functions.number(each.constant) for each in sums]
        found = self.functions.apply(operation, *arguments, order=order)
        value = self.functions.value(found)
        return self.number(value) if value is not None else Value((self._of_node(of_nodes.pop(), found),))

    def is_condition(self, value: Value) -> bool:
        """Whether a value is a condition on one node, such as `u < 1`."""
        (found, *more) = value.factors
        return not more and len(found.terms) == 1 and self.functions.is_condition(found.terms[0][1])

    def _numeric(self, found: NodeSum) -> NodeSum:
        if not self.is_condition(Value((found,))):
            return found
        ((node, function),) = found.terms
        one, zero = self.functions.number(1.0), self.functions.number(0.0)
        return self._of_node(node, self.functions.apply("where", function, one, zero))

    # ------------------------------------------------------------------------------------------------------ sums

    def number(self, value: float) -> Value:
        """A constant."""
        return Value((NodeSum(float(value)),))

    def _of_node(self, node: int, function: int | None = None) -> NodeSum:
        return NodeSum(0.0, ((node, self.functions.identity if function is None else function),))

    def added(self, a: NodeSum, b: NodeSum) -> NodeSum:
        """A sum of sums, one function for each node."""
        terms = dict(a.terms)
        for node, function in b.terms:
            terms[node] = self.functions.apply("add", terms[node], function) if node in terms else function
        return self._normal(a.constant + b.constant, terms)

    def _normal(self, constant: float, terms: dict[int, int]) -> NodeSum:
        """A sum without terms that turn out constant."""
        values = {node: self.functions.value(function) for node, function in terms.items()}
        constant += sum(v for v in values.values() if v is not None)
        return NodeSum(constant, tuple(sorted((n, f) for n, f in terms.items() if values[n] is None)))

    def scaled_sum(self, found: NodeSum, operation: str, number: float) -> NodeSum:
        """A sum times (`mul`) or over (`div`) a number."""
        own = self.functions.number(number)
        constant = found.constant * number if operation == "mul" else quotient(found.constant, number)
        return self._normal(constant, {n: self.functions.apply(operation, f, own) for n, f in found.terms})

    def scaled(self, value: Value, operation: str, number: float) -> Value:
        """A value times (`mul`) or over (`div`) a number."""
        if len(value.factors) == 1:
            return Value((self.scaled_sum(value.factors[0], operation, number),))
        return Value(value.factors, value.scale * number if operation == "mul" else quotient(value.scale, number))

    def _single(self, found: NodeSum) -> tuple[int, int] | None:
        """Node and function of a sum that depends on one node only, be it that of the sum itself; None otherwise."""
        if len(found.terms) == 1:
            ((node, function),) = found.terms
            return node, self.functions.apply("add", self.functions.number(found.constant), function)
        place = self._places.get((self.gathered_sum(found),)) if found.terms else None
        return None if place is None else (place, self.functions.identity)

    # -------------------------------------------------------------------------------------------------- products

    def product(self, a: Value, b: Value) -> Value:
        """The product, one factor for each node that a factor depends on alone."""
        a, b = (Value(tuple(map(self._numeric, value.factors)), value.scale) for value in (a, b))
        for number, other in ((a.constant, b), (b.constant, a)):
            if number is not None:
                return self.scaled(other, "mul", number)
        scale = a.scale * b.scale
        by_node: dict[int, int] = {}
        rest: list[NodeSum] = []
        for each in (*a.factors, *b.factors):
            single = self._single(each)
            if single is None:
                rest.append(each)
                continue
            node, function = single
            number, function = self.functions.factor(function)
            scale *= number
            by_node[node] = self.functions.apply("mul", by_node[node], function) if node in by_node else function
        found = tuple(sorted([*(self._of_node(n, f) for n, f in by_node.items()), *rest], key=lambda one: one.terms))
        if len(found) == 1:
            return Value((self.scaled_sum(self._normal(0.0, by_node), "mul", scale),))
        return Value(found, scale)

    def distributed(self, value: Value, power: Callable[[Value], Value], scale: float) -> Value | None:
        """The product of the powers of all factors and a number, where each factor depends on one node and that is wanted."""
        if not self.distribute or len(value.factors) == 1 or not math.isfinite(scale):
            return None
        if any(self._single(each) is None for each in value.factors):
            return None
        found = self.number(scale)
        for each in value.factors:
            found = self.product(found, power(Value((each,))))
        return found

    # ------------------------------------------------------------------------------------------------ enclosures

    def _enclosed(self, factors: Sequence[NodeSum]) -> Interval:
        """An enclosure of a product of sums."""
        found = None
        for each in factors:
            total = exactly(each.constant)
            for node, function in each.terms:
                program = self.functions.program(function)
                total = add(total, program.run([self._enclosures[node]], DEFINED_VALUES, exactly))
            found = total if found is None else DEFINED_VALUES["mul"](found, total)
        assert found is not None
        return found

    def bounds(self, value: Value) -> tuple[float, float]:
        """Ends of an enclosure of its values."""
        with np.errstate(all="ignore"):
            low, high = self._enclosed(value.factors)
        ends = sorted((float(low.item()) * value.scale, float(high.item()) * value.scale))
        return ends[0], ends[1]

    def is_positive(self, value: Value, *, or_zero: bool = False) -> bool:
        """Whether every factor is provably positive on the ranges."""
        lows = [self.bounds(Value((each,)))[0] for each in value.factors]
        return value.scale > 0 and all(low >= 0 if or_zero else low > 0 for low in lows)
