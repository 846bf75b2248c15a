"""What differs between C and JavaScript: declarations, tables, numbers and calls."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final


class Dialect(ABC):
    """C or JavaScript.

    Attributes:
        language: `c` or `js`, as `splinework.formula.functions` calls it.
        prefix: Of every name.
        const: Begins the declaration of a number that stays.
        var: Of one that changes.
        whole: Of a whole number that changes.
        pick: Of a whole number that stays.
        row: Of a row of a table.
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
        """A number in full."""

    @abstractmethod
    def table(self, name: str, values: Any) -> str:
        """A constant table, numbers or whole numbers, of one to three dimensions."""

    @abstractmethod
    def block(self, name: str, columns: int) -> str:
        """Begins the declaration of a matrix of so many columns."""

    @abstractmethod
    def room(self, name: str, count: int) -> str:
        """A declaration of room for so many numbers."""

    @abstractmethod
    def call(self, function: str) -> str:
        """What a function of mathematics is called."""

    @abstractmethod
    def function(self, name: str, gives: str, takes: Sequence[tuple[str, str]], body: Sequence[str]) -> str:
        """A function that gives a `number`, a `whole` or nothing (``) and takes arguments of these kinds.

        Kinds of arguments: `whole`, `number`, `in` (a row that is read), `out` (a row that is written).
        """

    @final
    def name(self, what: str) -> str:
        """A name of this artefact's own."""
        return f"{self.prefix}{what}"
