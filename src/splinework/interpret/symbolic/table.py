"""The answer: formulas from simple to accurate, the best first."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from splinework.errors import FormulaError
from splinework.formula.languages import FormulaModule, write
from splinework.formula.languages.python import python, tabulated
from splinework.interpret.symbolic.constants import FittedConstant
from splinework.interpret.symbolic.expression import Splines, compile_expression, node_count
from splinework.interpret.symbolic.library import Array


@dataclass(frozen=True)
class FormulaRow:
    """One formula.

    Attributes:
        target: The output that it gives.
        expression: A sympy expression over the names of the inputs.
        names: Names of all inputs, in the order of the columns.
        rmse: Root mean squared error on the rows it was fitted to, in the units of y.
        r2: Share of variance explained there.
        description: Description length in nats, up to a constant that all rows of a table share; lower is better.
        notes: What one should know, such as splines that it still contains.
        splines: Those that it still contains, by name.
        held_out: Root mean squared error on rows that were held out of the search; None where none were.
        probability: Of the row among those of its target in the table, by their description lengths.
        constants: Its free numbers with their 95 % intervals.
        valid: Range of every input that occurs in the data it comes from.
    """

    target: str
    expression: Any
    names: tuple[str, ...]
    rmse: float
    r2: float
    description: float
    notes: tuple[str, ...] = ()
    splines: Splines = field(default_factory=dict)
    held_out: float | None = None
    probability: float = 1.0
    constants: tuple[FittedConstant, ...] = ()
    valid: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def bits(self) -> float:
        """The description length in bits."""
        return self.description / math.log(2)

    @property
    def text(self) -> str:
        """Python syntax over the column names and numpy's functions, such as `2.0*exp(sin(pi*x1))`."""
        return python(self.expression, self.names)

    @property
    def code(self) -> str:
        """The same, with the splines that are left written out as numpy's `interp`: it can be evaluated as it stands."""
        return tabulated(self.expression, self.names, self.splines) if self.splines else self.text

    @property
    def complexity(self) -> int:
        """Number of nodes of the expression's tree."""
        return node_count(self.expression)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that occur."""
        present = {s.name for s in self.expression.free_symbols}
        return tuple(name for name in self.names if name in present)

    def sympy(self) -> Any:
        """The expression itself."""
        return self.expression

    def latex(self) -> str:
        """LaTeX, numbers to six digits."""
        import sympy

        return str(sympy.latex(_rounded(self.expression)))

    def numpy(self) -> Callable[[Array], Array]:
        """A function of an array `(n, columns)` that returns `(n,)`."""
        return compile_expression(self.expression, self.names, self.splines)

    def torch(self) -> FormulaModule:
        """A torch module of tensors `(..., columns)` -> `(...)`, with gradients."""
        return FormulaModule(self.expression, self.names, self.splines)

    def export(self, language: str) -> str:
        """Text of a language, such as `c` or `excel`: see `splinework.formula.languages.write`.

        Raises:
            FormulaError: If the language is unknown or cannot say the formula.
        """
        return write(self.expression, self.names, language, self.splines)

    def __str__(self) -> str:
        return f"{self.target} = {python(_rounded(self.expression), self.names)}"


@dataclass(frozen=True)
class FormulaTable:
    """Formulas of one model, best first: the shortest description of formula and errors together.

    Attributes:
        rows: Best first; where there are several outputs, those of each output together, in order.
        notes: Sentences on the whole.
        model: The network that they come from, where one was fitted on the way.
        history: Of the fit that led to it.
        noise: Root mean square, in units of the target (of its logarithm, where that is the scale), of what no smooth function
            of the inputs explains; None where it was not estimated.
        refusal: A sentence, where no formula explains the data as well as the network does.
    """

    rows: tuple[FormulaRow, ...]
    notes: tuple[str, ...] = ()
    model: Any = field(default=None, repr=False)
    history: Any = field(default=None, repr=False)
    noise: float | None = None
    refusal: str | None = None

    @property
    def best(self) -> FormulaRow:
        """The first row."""
        return self.rows[0]

    @property
    def most_accurate(self) -> FormulaRow:
        """The row of the least held-out error, or of the least error where no rows were held out."""
        return min(self.rows, key=lambda row: row.rmse if row.held_out is None else row.held_out)

    def export(self, language: str) -> str:
        """Text of the best row: see `FormulaRow.export`."""
        return self.best.export(language)

    def simplest(self, worse: float = 1.1) -> FormulaRow:
        """The row with the fewest nodes whose error is at most `worse` times that of the most accurate one."""
        least = self.most_accurate
        limit = worse * (least.rmse if least.held_out is None else least.held_out)
        good = [row for row in self.rows if (row.rmse if row.held_out is None else row.held_out) <= limit]
        return min(good or [least], key=lambda row: row.complexity)

    def of(self, target: str) -> tuple[FormulaRow, ...]:
        """The rows of one output, best first.

        Raises:
            FormulaError: If there is no such output.
        """
        rows = tuple(row for row in self.rows if row.target == target)
        if not rows:
            names = list(dict.fromkeys(row.target for row in self.rows))
            raise FormulaError(f"the table has formulas for {', '.join(names)}, none for {target!r}.")
        return rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[FormulaRow]:
        return iter(self.rows)

    def latex(self) -> str:
        """LaTeX of the best row."""
        return self.best.latex()

    def sympy(self) -> Any:
        """Expression of the best row."""
        return self.best.sympy()

    def numpy(self) -> Callable[[Array], Array]:
        """Function of the best row."""
        return self.best.numpy()

    def __str__(self) -> str:
        lines = [f"{'complexity':>10}  {'rmse':>9}  formula"]
        lines += [f"{row.complexity:>10}  {row.rmse:>9.3g}  {row}" for row in self.rows]
        return "\n".join([*lines, *self.notes])


def _rounded(expression: Any, digits: int = 6) -> Any:
    import sympy

    return expression.xreplace({f: sympy.Float(f"{float(f):.{digits}g}") for f in expression.atoms(sympy.Float)})
