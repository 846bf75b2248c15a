"""The tree of modules of a function, from tests of single structures.

A group of inputs is a module if it acts as one number, `f = h(g(A), B)`. Modules that overlap exist only where the function is
a function of a sum over their parts, and those that overlap with no other form a tree (Gorman 1968, "The structure of utility
functions"): what is found by testing groups one by one. Sums and products at the top are split off first, as their parts are
functions of their own, known up to a constant or a factor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Final

from splinework.interpret.structure.findings import Evidence, FindingKind, NodeKind, StructureFinding, StructureNode

Group = tuple[int, ...]
INVARIANCES: Final = {
    "{} - {}": lambda a, b: a - b,
    "{} + {}": lambda a, b: a + b,
    "{}*{}": lambda a, b: a * b,
    "{}/{}": lambda a, b: a / b,
    "{}**2 + {}**2": lambda a, b: a**2 + b**2,
    "{}**2 - {}**2": lambda a, b: a**2 - b**2,
}
"""Expressions of two inputs, as text and as a function."""
SYMMETRIC: Final = ("{} + {}", "{}*{}", "{}**2 + {}**2")
"""Those that stay with the two inputs exchanged."""
MAX_GROUPED_INPUTS: Final = 7
"""Inputs up to which all groups are tested; with more, pairs, triples and their complements only."""


class StructureTests(ABC):
    """Tests of a function of the columns `names`; columns are numbered."""

    names: tuple[str, ...]

    @property
    def unexplained(self) -> float | None:
        """Share of the spread that no model explains; None where the function itself is known."""
        return None

    @abstractmethod
    def idle(self, i: int) -> Evidence:
        """Column i has no effect."""

    @abstractmethod
    def additive(self, i: int, j: int) -> Evidence:
        """`f = u(all but i) + v(all but j)`."""

    @abstractmethod
    def product(self, left: Group, right: Group) -> Evidence:
        """`f = c + g(left) h(right)`."""

    @abstractmethod
    def modules(self, groups: Sequence[Group]) -> list[Evidence]:
        """The test of `f = h(g(group), others)` for each group."""

    @abstractmethod
    def composite(self, parts: Sequence[Group]) -> Evidence:
        """`f = h(Σ u_k(part k), others)`."""

    @abstractmethod
    def invariance(self, text: str, i: int, j: int) -> Evidence | None:
        """`f = h(expression of i and j, others)`; None where the expression is not defined on the rows."""

    @abstractmethod
    def exchange(self, i: int, j: int) -> Evidence | None:
        """`f` is the same with i and j exchanged; None where their ranges differ."""

    @abstractmethod
    def parity(self, i: int, odd: bool) -> Evidence | None:
        """`f(-x_i) = ±f(x_i)`; None where the range is on one side of zero."""

    @abstractmethod
    def without(self, idle: Iterable[int]) -> StructureTests:
        """The same without some columns that have no effect."""

    @abstractmethod
    def part(self, kind: FindingKind, parts: Sequence[Group], k: int) -> StructureTests:
        """The tests of part k of a sum or a product."""


class Analysis:
    """Runs tests, and keeps what they found."""

    def __init__(self) -> None:
        self.findings: list[StructureFinding] = []
        self.known: dict[frozenset[str], str] = {}

    def run(self, tests: StructureTests) -> StructureNode | None:
        """All tests of a function; the tree, None for a constant."""
        idle = [i for i in range(len(tests.names)) if self._note(tests, "idle", [(i,)], tests.idle(i))]
        if len(idle) == len(tests.names):
            return None
        rest = tests.without(idle) if idle else tests
        self._symmetries(rest)
        return self._node(rest)

    def _note(
        self, tests: StructureTests, kind: FindingKind, groups: Sequence[Group], found: Evidence | None, text: str = ""
    ) -> bool:
        """Keeps a finding; whether it holds."""
        if found is not None:
            named = tuple(tuple(tests.names[i] for i in group) for group in groups)
            self.findings.append(StructureFinding(kind, named, found, text))
        return found is not None and found.holds

    def _symmetries(self, tests: StructureTests) -> None:
        count = len(tests.names)
        implied: dict[int, Evidence] = {}
        for i, j in combinations(range(count), 2):
            tried = {text: tests.invariance(text, i, j) for text in INVARIANCES}
            holding = {text: each for text, each in tried.items() if each and each.holds}
            best = min(holding, key=lambda text: holding[text].effect, default="")
            for text, found in tried.items():
                words = text.format(tests.names[i], tests.names[j])
                if self._note(tests, "invariance", [(i, j)], found, words) and text == best:
                    self.known[frozenset({tests.names[i], tests.names[j]})] = words
            self._note(
                tests, "exchange", [(i, j)], _implied(tests.exchange(i, j), best in SYMMETRIC, holding.get(best))
            )
            if "**2" in best:
                implied |= {i: holding[best], j: holding[best]}
        for i in range(count):
            for kind, odd in (("even", False), ("odd", True)):
                found = _implied(tests.parity(i, odd), not odd, implied.get(i))
                self._note(tests, kind, [(i,)], found)  # type: ignore[arg-type]

    def _node(self, tests: StructureTests) -> StructureNode:
        count = len(tests.names)
        if count == 1:
            return StructureNode("input", tests.names)
        pairs = list(combinations(range(count), 2))
        joined = [(i, j) for i, j in pairs if not self._note(tests, "sum", [(i,), (j,)], tests.additive(i, j))]
        parts = components(count, joined)
        if len(parts) > 1:
            return self._split(tests, "sum", parts)
        if not all(each.evidence.resolved for each in self.findings[-len(pairs) :]):
            inputs = tuple(StructureNode("input", (name,)) for name in tests.names)  # all else needs more of the rows
            return StructureNode("function", tests.names, inputs, self._expression(tests.names))
        parts = self._factors(tests)
        if len(parts) > 1:
            return self._split(tests, "product", parts)
        return self._inner(tests, tuple(range(count)), strong(self._modules(tests)))

    def _modules(self, tests: StructureTests) -> list[Group]:
        """The groups that act as one; a pair that is known to act as an expression needs no further test."""
        invariances = [each for each in self.findings if each.kind == "invariance" and each.holds]
        found = {frozenset(each.groups[0]): each.evidence for each in invariances}
        tried = groups(len(tests.names))
        named = {group: frozenset(tests.names[i] for i in group) for group in tried}
        unknown = [group for group in tried if named[group] not in found]
        found |= {named[g]: test for g, test in zip(unknown, tests.modules(unknown), strict=True)}
        return [group for group in tried if self._note(tests, "group", [group], found[named[group]])]

    def _split(self, tests: StructureTests, kind: NodeKind, parts: Sequence[Group]) -> StructureNode:
        children = tuple(self._node(tests.part(kind, parts, k)) for k in range(len(parts)))  # type: ignore[arg-type]
        return StructureNode(kind, tests.names, children, self._expression(tests.names))

    def _factors(self, tests: StructureTests) -> list[Group]:
        """The finest partition into factors: columns that no product parts stay together."""
        count = len(tests.names)
        together = dict.fromkeys(combinations(range(count), 2), True)
        for left in (g for size in range(1, count) for g in combinations(range(count), size) if 0 in g):
            right = tuple(i for i in range(count) if i not in left)
            if self._note(tests, "product", [left, right], tests.product(left, right)):
                for i, j in together:
                    together[i, j] &= (i in left) == (j in left)
        return components(count, [pair for pair, same in together.items() if same])

    def _inner(self, tests: StructureTests, group: Group, modules: Sequence[Group]) -> StructureNode:
        """The node of a module, whose children are the largest modules in it."""
        names = tuple(tests.names[i] for i in group)
        if len(group) == 1:
            return StructureNode("input", names)
        inside = [m for m in modules if set(m) < set(group)]
        largest = [m for m in inside if not any(set(m) < set(other) for other in inside)]
        covered = {i for m in largest for i in m}
        parts = sorted([*largest, *((i,) for i in group if i not in covered)])
        known = self._expression(names)
        holds = bool(known) or self._note(tests, "composite", parts, tests.composite(parts))
        children = tuple(self._inner(tests, part, modules) for part in parts)
        return StructureNode("composite" if holds else "function", names, children, known)

    def _expression(self, names: Sequence[str]) -> str:
        return self.known.get(frozenset(names), "")


def _implied(found: Evidence | None, implies: bool, known: Evidence | None) -> Evidence | None:
    """A test, or that of a structure that holds and implies what was tested."""
    return known if found is not None and not found.holds and implies and known is not None else found


def groups(count: int) -> list[Group]:
    """Groups of two columns or more that are not all, the smallest first."""
    sizes = range(2, count) if count <= MAX_GROUPED_INPUTS else [2, 3, *range(count - 2, count)]
    return [group for size in sizes for group in combinations(range(count), size)]


def strong(modules: Iterable[Group]) -> list[Group]:
    """The groups that overlap with no other group without containing it or lying in it.

    >>> strong([(0, 1), (1, 2), (3, 4), (3, 4, 5)])
    [(3, 4), (3, 4, 5)]
    """
    sets = [set(m) for m in modules]
    clear: Callable[[set[int]], bool] = lambda s: all(not s & t or s <= t or t <= s for t in sets)  # noqa: E731
    return [tuple(sorted(s)) for s in sets if clear(s)]


def components(count: int, joined: Iterable[tuple[int, int]]) -> list[Group]:
    """The connected components of a graph, in order.

    >>> components(4, [(0, 2)])
    [(0, 2), (1,), (3,)]
    """
    label = list(range(count))
    for i, j in joined:
        old, new = label[j], label[i]
        label = [new if each == old else each for each in label]
    return sorted(tuple(i for i in range(count) if label[i] == one) for one in set(label))
