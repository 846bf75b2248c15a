"""One prediction explained: a term for each input, on request for each pair, which add up to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from splinework.errors import ConfigError, nearest
from splinework.errors.foreign import explained
from splinework.interpret.importance.row_function import Floats, Group, row_function
from splinework.interpret.importance.shapley import Pair, interacting_pairs, shapley_terms
from splinework.interpret.importance.structure import input_components

if TYPE_CHECKING:
    import pandas as pd

MAX_PAIRED_INPUTS = 60
"""Inputs whose pairs may have terms: 1770 pairs."""


@final
@dataclass(frozen=True)
class Explanation:
    """Terms that add up to predictions: `prediction = base + Σ terms + Σ pair_terms`, for each row and output.

    Attributes:
        inputs: Name of each input.
        outputs: Name of each output.
        base: The mean prediction of the background rows, `(outputs,)`, from which the terms start.
        terms: The term of each row and input, `(n, inputs, outputs)`, in the units of the output.
        errors: Standard errors of the terms over background rows and orders; zero where they are exact.
        pairs: Indices of the inputs of each pair.
        pair_terms: The term of each row and pair, `(n, pairs, outputs)`.
        prediction: The predictions, `(n, outputs)`.
        method: How the terms were found.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    base: Floats
    terms: Floats
    errors: Floats
    pairs: tuple[Pair, ...]
    pair_terms: Floats
    prediction: Floats
    method: str

    @property
    def shapley(self) -> Floats:
        """The Shapley values, `(n, inputs, outputs)`: the terms, and half of each pair for either of its inputs."""
        values = self.terms.copy()
        for k, pair in enumerate(self.pairs):
            values[:, list(pair)] += 0.5 * self.pair_terms[:, k, None]
        return values

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms: the inputs, and pairs as `a & b`."""
        return (*self.inputs, *(f"{self.inputs[i]} & {self.inputs[j]}" for i, j in self.pairs))

    def frame(self, output: str | int = 0) -> "pd.DataFrame":
        """One row per prediction: `base`, a column per term, `prediction`.

        Raises:
            ConfigError: If there is no such output.
        """
        import pandas as pd

        j = self._output(output)
        both = np.concatenate([self.terms, self.pair_terms], axis=1)[:, :, j]
        columns = np.column_stack([np.full(len(both), self.base[j]), both, self.prediction[:, j]])
        return pd.DataFrame(columns, columns=["base", *self.names, "prediction"])

    def row(self, number: int, output: str | int = 0) -> "pd.DataFrame":
        """The terms of one prediction, the largest first: `term` and `standard error` (of inputs).

        Raises:
            ConfigError: If there is no such row or output.
        """
        import pandas as pd

        j = self._output(output)
        if not -len(self.terms) <= number < len(self.terms):
            raise ConfigError(f"there are the rows 0 to {len(self.terms) - 1}, got {number}.")
        both = np.concatenate([self.terms[number], self.pair_terms[number]])[:, j]
        errors = np.concatenate([self.errors[number, :, j], np.full(len(self.pairs), np.nan)])
        order = np.argsort(-np.abs(both), kind="stable")
        table = pd.DataFrame({"term": both, "standard error": errors}, index=pd.Index(self.names))
        return table.iloc[order]

    def __len__(self) -> int:
        return len(self.terms)

    def __str__(self) -> str:
        more = f" (the first of {len(self)} rows)" if len(self) > 1 else ""
        lines = []
        for j, name in enumerate(self.outputs if len(self) else ()):
            lines.append(f"{name} = {self.prediction[0, j]:.6g}{more}")
            table = [("mean of the background", self.base[j]), *self.row(0, j)["term"].items()]
            width = max(len(str(term)) for term, _ in table)
            lines += [f"  {term!s:<{width}}  {value:+.6g}" for term, value in table]
        return "\n".join([*lines, f"Terms: {self.method}."])

    def _output(self, output: str | int) -> int:
        if isinstance(output, str) and output in self.outputs:
            return self.outputs.index(output)
        if isinstance(output, int) and 0 <= output < len(self.outputs):
            return output
        raise ConfigError(f"there is no output {output!r}; {nearest(output, self.outputs)}")


@explained
def explain(
    predictor: Any,
    x: Any,
    *,
    background: Any = None,
    pairs: bool = False,
    groups: Iterable[Group] | None = None,
    seed: int = 0,
) -> Explanation:
    """Explains predictions: for each row a term per input, and per pair of inputs, which add up to the prediction.

    The terms are Shapley values, `f(x) = base + Σ_i φ_i(x)`, against background rows: an input's mean contribution over all
    orders in which the inputs take their values of the row instead of those of a background row. With `pairs` the term of an
    input is what it does alone, `E f(x_i, z) - E f(z)`, and pairs have the rest, by their Shapley–Taylor indices; an input and
    half of its pairs are its Shapley value. A sum of curves has its own curves as terms, centred, and no pairs. Other functions
    are evaluated for all coalitions of a few inputs and few rows, else along random orders; the sum is the prediction to
    rounding either way, and the standard errors say how far the terms depend on the choice of background rows and orders.

    The inputs of coalitions are not conditioned on each other (interventional values), so that an input that the function does
    not use has no term. An estimator is explained by its columns, and a classifier on log odds.

    Args:
        predictor: A network, in a frame or not; a fitted estimator; or a function of an array `(n, inputs)`.
        x: Rows whose predictions to explain, `(n, inputs)`.
        background: Rows that the terms compare with, such as those of the fit. At evenly spaced ranks of their predictions at
            most 64 are taken. None takes x, and for an estimator the rows of its fit.
        pairs: Whether pairs of inputs have terms.
        groups: Inputs that belong together, by name or index.
        seed: Seed of the orders.

    Returns:
        The terms, which print as a table; `frame()` has them for all rows.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or there are fewer than two background rows.
        DataError: If x or the outputs are not finite numbers.
        ConfigError: If a group names an unknown input, or there are more than 60 inputs for pairs.

    References:
        Lundberg and Lee 2017 (Shapley values of predictions); Sundararajan, Dhamdhere and Agarwal 2020 (pairs).

    Example:
        >>> rows = np.array([[x, y] for x in (-1.0, 0.0, 1.0) for y in (0.0, 1.0, 2.0)])
        >>> found = explain(lambda x: x[:, 0] * x[:, 1], [[1.0, 2.0]], background=rows, pairs=True)
        >>> print(found)
        y = 2
          mean of the background  +0
          x1                      +1
          x1 & x2                 +1
          x2                      +0
        Terms: all 4 coalitions, 9 background rows.
    """
    reference = x if background is None and not hasattr(predictor, "row_function") else background
    function = row_function(predictor, reference, groups)
    if pairs and len(function.inputs) > MAX_PAIRED_INPUTS:
        raise ConfigError(
            f"pairs=True takes at most {MAX_PAIRED_INPUTS} inputs, got {len(function.inputs)}; join some by groups=, or leave "
            "pairs out."
        )
    rows = function.encode(x)
    which = interacting_pairs(input_components(function.network, function.columns)) if pairs else None
    found = shapley_terms(function, rows, pairs=which, seed=seed)
    count = len(function.inputs)
    return Explanation(
        function.inputs,
        function.outputs,
        found.base,
        found.terms[:, :count],
        found.errors[:, :count],
        tuple(which or ()),
        found.terms[:, count:],
        function(rows) if len(rows) else np.zeros((0, len(function.outputs))),
        found.method,
    )
