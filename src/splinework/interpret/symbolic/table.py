"""The table of formulas, best first."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from splinework import notebook_html
from splinework.errors import ConfigError, FormulaError
from splinework.formula.languages import FormulaModule, write
from splinework.formula.languages.python import python, tabulated
from splinework.interpret.symbolic.constants import FittedConstant
from splinework.interpret.symbolic.expression import Splines, compile_expression, node_count
from splinework.interpret.symbolic.library import Array

if TYPE_CHECKING:
    from splinework.nn.network import KAN


@dataclass(frozen=True)
class FormulaRow:
    """One formula.

    Attributes:
        target: Name of the output.
        expression: A sympy expression over the names of the inputs.
        names: Names of all inputs, in the order of the columns.
        rmse: Root mean squared error on the fitted rows, in the units of y.
        r2: Coefficient of determination R² there.
        description: Description length in nats, up to a constant that all rows of a table share; lower is better.
        notes: Notes for the user, such as remaining splines.
        splines: The remaining splines, by name.
        held_out: Root mean squared error on held-out rows; None where there were none.
        probability: Posterior probability among the rows of its target in the table, from the description lengths.
        constants: Its constants with 95 % confidence intervals.
        valid: Range of every input in the data.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x1", real=True)
        >>> row = FormulaRow("y", 2.0 * x**2, ("x1",), rmse=0.0, r2=1.0, description=9.0)
        >>> print(row, row.complexity, row.numpy()([[3.0]]))
        y = 2.0*x1**2 5 [18.]
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
        """The same with remaining splines as calls of numpy's `interp`, so that it can be evaluated."""
        return tabulated(self.expression, self.names, self.splines) if self.splines else self.text

    @property
    def complexity(self) -> int:
        """Number of nodes of the expression's tree."""
        return node_count(self.expression)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs in the formula."""
        present = {s.name for s in self.expression.free_symbols}
        return tuple(name for name in self.names if name in present)

    def sympy(self) -> Any:
        """The expression itself."""
        return self.expression

    def latex(self) -> str:
        """LaTeX, with six significant digits."""
        import sympy

        return str(sympy.latex(_rounded(self.expression)))

    def numpy(self) -> Callable[[Array], Array]:
        """A function of an array `(n, columns)` that returns `(n,)`."""
        return compile_expression(self.expression, self.names, self.splines)

    def torch(self) -> FormulaModule:
        """A torch module of tensors `(..., columns)` -> `(...)`, with gradients, whose constants can be trained."""
        return FormulaModule(self.expression, self.names, self.splines)

    def network(self, ranges: Mapping[str, tuple[float, float]] | None = None) -> "KAN":
        """The network that computes the formula exactly, with functions on its edges, to look at, edit and train on.

        The inverse is `sw.symbolify`, which gives the formula of a network of functions.

        Args:
            ranges: Ends of the ranges of inputs, beside and before those of the data in `valid`.

        Returns:
            The network of `sw.from_formula`, with all inputs in the order of the columns.

        Raises:
            FormulaError: If the formula has splines, which are no functions of the language, or is not finite on the ranges.
            ConfigError: If the range of an input is not known.

        Example:
            >>> import sympy
            >>> x = sympy.Symbol("x1", real=True)
            >>> row = FormulaRow("y", sympy.sin(3.5 * x), ("x1", "x2"), rmse=0.0, r2=1.0, description=9.0)
            >>> row.network({"x1": (-1, 1), "x2": (0, 2)}).config.shape
            [2, 1]
        """
        from splinework.interpret.formula_network import from_formula

        if self.splines:
            raise FormulaError(
                f"the formula has {', '.join(self.splines)}, and a network of functions has no splines of its own; take another "
                "row, or fix the edges of the network that it comes from by sw.fix."
            )
        known = {**self.valid, **(ranges or {})}
        lacking = [name for name in self.names if name not in known]
        if lacking:
            raise ConfigError(
                f"the range of {', '.join(map(repr, lacking))} is not known; give it, such as "
                f"network({{{lacking[0]!r}: (-1, 1)}})."
            )
        chosen = {name: known[name] for name in self.names}
        return from_formula(self.text, chosen, names=self.names, output_names=[self.target])

    def export(self, language: str) -> str:
        """The formula in a language such as `c` or `excel`; see `splinework.formula.languages.write`.

        Raises:
            FormulaError: If the language is unknown or cannot express the formula.
        """
        return write(self.expression, self.names, language, self.splines)

    def __str__(self) -> str:
        return f"{self.target} = {python(_rounded(self.expression), self.names)}"


@dataclass(frozen=True)
class FormulaTable:
    """Formulas of one model, ordered by description length.

    Attributes:
        rows: Formulas, best first; for several outputs grouped by output.
        notes: Notes for the user.
        model: The network behind the formulas, if one was fitted. Formulas may come from the data alone and be far more
            accurate; the notes of a search have the network's held-out error.
        history: History of its fit.
        noise: Estimated standard deviation of the noise, in units of the target (of its logarithm on a log scale); None where
            it was not estimated.
        refusal: Message where no formula fits the data as well as the network.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x1", real=True)
        >>> row = FormulaRow("y", sympy.sin(x), ("x1",), rmse=0.0, r2=1.0, description=5.0)
        >>> print(FormulaTable((row,)).best)
        y = sin(x1)
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
        """The row of least held-out error, or of least error where no rows were held out."""
        return min(self.rows, key=lambda row: row.rmse if row.held_out is None else row.held_out)

    def export(self, language: str) -> str:
        """The best formula in a language; see `FormulaRow.export`."""
        return self.best.export(language)

    def simplest(self, worse: float = 1.1) -> FormulaRow:
        """The formula of lowest complexity whose error is at most `worse` times that of the most accurate one."""
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
        """LaTeX of the best formula."""
        return self.best.latex()

    def sympy(self) -> Any:
        """The best formula as a sympy expression."""
        return self.best.sympy()

    def numpy(self) -> Callable[[Array], Array]:
        """The best formula as a NumPy function."""
        return self.best.numpy()

    def __str__(self) -> str:
        lines = [f"{'complexity':>10}  {'rmse':>9}  formula"]
        lines += [f"{row.complexity:>10}  {row.rmse:>9.3g}  {row}" for row in self.rows]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        return notebook_html(self)


def _rounded(expression: Any, digits: int = 6) -> Any:
    import sympy

    return expression.xreplace({f: sympy.Float(f"{float(f):.{digits}g}") for f in expression.atoms(sympy.Float)})
