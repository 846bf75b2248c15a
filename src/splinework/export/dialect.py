"""Differences between C and JavaScript: declarations, tables, numbers and calls."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final


class Dialect(ABC):
    """The syntax of C or JavaScript.

    Attributes:
        language: `c` or `js`, as in `splinework.formula.functions`.
        const: Start of the declaration of a constant number.
        var: Start of the declaration of a variable number.
        whole: Start of the declaration of a variable integer.
        pick: Start of the declaration of a constant integer.
        row: Start of the declaration of a row of a table.
    """

    language: ClassVar[str]
    const: ClassVar[str]
    var: ClassVar[str]
    whole: ClassVar[str]
    pick: ClassVar[str]
    row: ClassVar[str]

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    @abstractmethod
    def number(self, value: float) -> str:
        """A number in full precision."""

    @abstractmethod
    def table(self, name: str, values: Any) -> str:
        """A constant table of numbers or integers, of one to three dimensions."""

    @abstractmethod
    def block(self, name: str, columns: int) -> str:
        """Start of the declaration of a matrix with a given number of columns."""

    @abstractmethod
    def room(self, name: str, count: int) -> str:
        """Declaration of an array of `count` numbers."""

    @abstractmethod
    def call(self, function: str) -> str:
        """Name of a mathematical function."""

    @abstractmethod
    def function(self, name: str, gives: str, takes: Sequence[tuple[str, str]], body: Sequence[str]) -> str:
        """A function that returns a `number`, a `whole` or nothing (``).

        Types of arguments: `whole`, `number`, `in` (a row that is read), `out` (a row that is written).
        """

    @final
    def name(self, what: str) -> str:
        """A prefixed name."""
        return f"{self.prefix}{what}"
