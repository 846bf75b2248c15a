"""The answer of `find_structure`: findings with their evidence, and the tree of modules that they imply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FindingKind = Literal["idle", "sum", "product", "group", "composite", "invariance", "exchange", "even", "odd"]
NodeKind = Literal["input", "sum", "product", "composite", "function"]
Key = tuple[str, frozenset["Key"]]


@dataclass(frozen=True)
class Evidence:
    """How far a function is from having a structure.

    Attributes:
        effect: Violation of the structure, relative to the function's own variation; 0 where it holds exactly.
        error: Standard error of the effect: over the points, or that of the noise.
        p_value: Probability of rows that contradict the structure as much as these, if it holds; None for a callable, which is
            known exactly at the points.
        holds: Whether the structure is not rejected.
        resolved: Whether the models that are compared follow the rows; where they do not, a structure is not rejected, as noise
            would not be, but does not hold either.
    """

    effect: float
    error: float
    p_value: float | None
    holds: bool
    resolved: bool = True


@dataclass(frozen=True)
class StructureFinding:
    """A structure that was tested.

    Attributes:
        kind: `idle`, `sum`, `product`, `group` (some inputs act as one), `composite` (a function of a sum), `invariance` (two
            inputs act as one known expression), `exchange`, `even` or `odd`.
        groups: The inputs concerned, in groups.
        evidence: Effect, standard error and p-value, and whether it holds.
        expression: The known expression of an invariance, such as `a - b`.
    """

    kind: FindingKind
    groups: tuple[tuple[str, ...], ...]
    evidence: Evidence
    expression: str = ""

    @property
    def holds(self) -> bool:
        """Whether the structure is not rejected."""
        return self.evidence.holds

    @property
    def statement(self) -> str:
        """The structure in words."""
        parts = [", ".join(group) for group in self.groups]
        if self.kind == "idle":
            return f"{parts[0]} has no effect"
        if self.kind in ("sum", "product"):
            return f"{'adds' if self.kind == 'sum' else 'multiplies'}: {' | '.join(parts)}"
        if self.kind == "group":
            return f"act as one: {parts[0]}"
        if self.kind == "composite":
            return f"function of a sum: {' | '.join(parts)}"
        if self.kind == "invariance":
            return f"depends on {parts[0]} by {self.expression}"
        return f"exchange of {parts[0]}" if self.kind == "exchange" else f"{self.kind} in {parts[0]}"

    def __str__(self) -> str:
        e = self.evidence
        p = "" if e.p_value is None else f", p = {e.p_value:.2g}"
        answer = "yes" if e.holds else "no" if e.resolved else "not resolved"
        return f"{self.statement}: {answer} (effect {e.effect:.2g} ± {e.error:.1g}{p})"


@dataclass(frozen=True)
class StructureNode:
    """A module: how some inputs are joined to one number.

    Attributes:
        kind: `input`, or how the children are joined: by a `sum`, a `product` (plus a constant), a `composite` (an unknown
            function of a sum of functions) or an unknown `function`.
        inputs: The inputs below.
        children: The modules that it joins.
        expression: A known expression that the module depends on, such as `a - b`; else empty.
    """

    kind: NodeKind
    inputs: tuple[str, ...]
    children: tuple[StructureNode, ...] = ()
    expression: str = ""

    @property
    def key(self) -> Key:
        """The kinds and inputs of the tree, whatever the order of children: equal for two trees of the same structure."""
        if self.kind == "input":
            return self.inputs[0], frozenset()
        return self.kind, frozenset(child.key for child in self.children)

    def walk(self) -> Iterator[StructureNode]:
        """The node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def formula(self) -> str:
        """The structure as one line with unknown functions, such as `f1(a) + f2(b - c)`."""
        return _Writer().text(self)

    def text(self) -> str:
        """The tree, one module a line, children indented below their parent."""
        return "\n".join(self._lines("", ""))

    def _lines(self, first: str, rest: str) -> Iterator[str]:
        yield first + self.label
        for child in self.children:
            last = child is self.children[-1]
            yield from child._lines(rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))

    @property
    def label(self) -> str:
        """The module in a word or two."""
        if self.kind == "input":
            return self.inputs[0]
        word = "function of a sum" if self.kind == "composite" else self.kind
        return f"{word} [{self.expression}]" if self.expression else word


class _Writer:
    """Numbers unknown functions in the order in which they are written."""

    def __init__(self) -> None:
        self.count = 0

    def text(self, node: StructureNode) -> str:
        if node.kind == "sum":
            return " + ".join(self.text(child) if child.kind != "input" else self._of(child) for child in node.children)
        if node.kind == "product":
            return "·".join(
                f"({self.text(child)})"
                if child.kind == "sum"
                else self._of(child)
                if child.kind != "product"
                else self.text(child)
                for child in node.children
            )
        return self._of(node)

    def _of(self, node: StructureNode) -> str:
        """An unknown function of the module's own arguments."""
        self.count += 1
        name = f"f{self.count}"
        return f"{name}({self._arguments(node)})"

    def _arguments(self, node: StructureNode) -> str:
        if node.kind == "input":
            return node.inputs[0]
        if node.expression:
            return node.expression
        inner = [child.inputs[0] if child.kind == "input" else child.expression for child in node.children]
        if node.kind == "composite":
            return " + ".join(self._of(child) for child in node.children)
        written = [text or self._of(child) for text, child in zip(inner, node.children, strict=True)]
        return ", ".join(written)


@dataclass(frozen=True)
class Structure:
    """The structure of a function.

    Attributes:
        names: The inputs.
        findings: Everything that was tested, with its evidence.
        tree: The modules that what holds implies; None for a constant.
        unexplained: Share of the spread that no model here explains on rows left out, which is noise or structure that the rows
            do not resolve; None for a callable.
    """

    names: tuple[str, ...]
    findings: tuple[StructureFinding, ...]
    tree: StructureNode | None
    unexplained: float | None = None

    @property
    def holding(self) -> tuple[StructureFinding, ...]:
        """The findings that hold."""
        return tuple(finding for finding in self.findings if finding.holds)

    @property
    def unresolved(self) -> tuple[StructureFinding, ...]:
        """The findings that the rows do not resolve: polynomials of so few rows miss what a Gaussian process still predicts."""
        return tuple(finding for finding in self.findings if not finding.evidence.resolved)

    @property
    def idle(self) -> tuple[str, ...]:
        """Inputs without an effect."""
        return tuple(each.groups[0][0] for each in self.holding if each.kind == "idle")

    @property
    def symmetries(self) -> tuple[str, ...]:
        """Invariances, exchanges and parities that hold, in words."""
        kinds = ("invariance", "exchange", "even", "odd")
        return tuple(each.statement for each in self.holding if each.kind in kinds)

    def formula(self) -> str:
        """The structure as one line with unknown functions."""
        return "constant" if self.tree is None else self.tree.formula()

    def __str__(self) -> str:
        tree = [] if self.tree is None else [self.tree.text()]
        lines = [str(each) for each in self.holding]
        if self.unresolved:
            lines.append(f"{len(self.unresolved)} of {len(self.findings)} structures are not resolved by these rows")
        if self.unexplained is not None:
            lines.append(f"noise, or structure that the rows do not resolve: {self.unexplained:.2g} of the spread")
        return "\n".join([self.formula(), *tree, *lines])
