"""All measures of importance side by side, and a sentence where they disagree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from scipy.stats import rankdata

from splinework.errors.foreign import explained
from splinework.interpret.importance.permutation import PermutationImportance, permuted
from splinework.interpret.importance.row_function import Floats, Group, RowFunction, row_function
from splinework.interpret.importance.shapley import shapley_terms
from splinework.interpret.importance.sobol import SobolIndices, indices_of
from splinework.interpret.scores import attribution

if TYPE_CHECKING:
    import pandas as pd

SHAPLEY_ROWS = 256
"""Rows whose Shapley values are averaged."""
IDLE_SHARE = 0.01
"""Share of the variance below which an input does next to nothing."""
MAX_NOTED = 3
"""Inputs that a sentence about a disagreement names."""


@final
@dataclass(frozen=True)
class Importance:
    """Importance of each input by several measures, each `(inputs, outputs)`.

    Attributes:
        inputs: Name of each input.
        outputs: Name of each output.
        sobol: First-order and total Sobol indices with standard errors.
        shapley: Mean magnitude of the Shapley values, in the units of the outputs.
        permutation: Growth of the held-out error where an input is permuted; None without targets.
        score: The attribution score of KAN 2.0; None for what is no plain network.
        notes: Where the measures disagree, a sentence each, and what they assume.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sobol: SobolIndices
    shapley: Floats
    permutation: PermutationImportance | None
    score: Floats | None
    notes: tuple[str, ...]

    @property
    def table(self) -> "pd.DataFrame":
        """One row per input, or per output and input if there are several outputs, in the order of the inputs."""
        import pandas as pd

        columns = {
            "total": self.sobol.total,
            "± total": self.sobol.total_error,
            "first": self.sobol.first,
            "± first": self.sobol.first_error,
            "shapley": self.shapley,
        }
        if self.permutation is not None:
            columns |= {"permutation": self.permutation.importance, "± permutation": self.permutation.error}
        if self.score is not None:
            columns["KAN 2.0 score"] = self.score
        index: Any = pd.Index(self.inputs, name="input")
        if len(self.outputs) > 1:
            index = pd.MultiIndex.from_product([self.outputs, self.inputs], names=["output", "input"])
        return pd.DataFrame({name: values.T.reshape(-1) for name, values in columns.items()}, index=index)

    def __str__(self) -> str:
        texts = self.table.to_string(float_format=lambda value: f"{value:.3f}")
        return "\n".join([texts, *self.notes])


@explained
def importance(
    predictor: Any, x: Any, y: Any = None, *, groups: Iterable[Group] | None = None, repeats: int = 10, seed: int = 0
) -> Importance:
    """Importance of each input by all measures beside each other, and sentences where they disagree.

    - `total` and `first`: shares of the variance with and without the interactions of an input (Sobol indices, `Σ S_i ≤ 1 ≤ Σ
      T_i`);
    - `shapley`: the mean size of its term in a prediction, in the units of the output;
    - `permutation`: the growth of the error on the rows where it is permuted, if y is given; rows that the fit has not seen are
      best;
    - `KAN 2.0 score`: the attribution of a network, which counts paths that cancel.

    The variance takes inputs as independent; those that are not may be joined by `groups`. The notes say where measures disagree.

    Args:
        predictor: A network, in a frame or not; a fitted estimator; or a function of an array `(n, inputs)`.
        x: Rows, `(n, inputs)`, at least two.
        y: Targets, for the permutation importance.
        groups: Inputs that count as one, by name or index.
        repeats: Permutations of each input.
        seed: Seed of samples and permutations.

    Returns:
        The measures; `print` shows them, `table` is a frame.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or y another number of rows or outputs.
        DataError: If x, y or the outputs are not finite numbers.
        ConfigError: If a group names an unknown input, or there are fewer than two repeats.

    References:
        Sobol 1993; Homma and Saltelli 1996; Lundberg and Lee 2017; Breiman 2001; Liu et al. 2024 (arXiv 2408.10205).

    Example:
        >>> import splinework as sw
        >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
        >>> result = sw.fit(sw.KAN([2, 1]), x, x[:, 0] ** 2, progress=False)
        >>> sw.importance(result.model, x).table["total"].round(2).tolist()
        [1.0, 0.0]
    """
    function = row_function(predictor, x, groups)
    sobol = indices_of(function, seed=seed)
    step = max(1, -(-len(function.x) // SHAPLEY_ROWS))
    shapley = np.abs(shapley_terms(function, function.x[::step], pairs=None, seed=seed).terms).mean(axis=0)
    growth = None if y is None else permuted(function, y, repeats=repeats, seed=seed)
    score = _score(function)
    notes = (*_disagreements(function, sobol, growth, score), *_assumptions(function))
    return Importance(function.inputs, function.outputs, sobol, shapley, growth, score, notes)


def _score(function: RowFunction) -> Floats | None:
    """The attribution of KAN 2.0, summed over the columns of an input."""
    if function.network is None:
        return None
    found = attribution(function.network, function.x).per_output.numpy()
    return np.array([found[list(columns)].sum(axis=0) for columns in function.columns])


def _disagreements(
    function: RowFunction, sobol: SobolIndices, growth: PermutationImportance | None, score: Floats | None
) -> Iterator[str]:
    names, total, first = function.inputs, sobol.total.max(axis=1), sobol.first.max(axis=1)
    if score is not None:
        # In a sum of independent terms the score is the square root of the share.
        for i in _worst(score.max(axis=1) - 2 * np.sqrt(total), 0.1):
            yield (
                f"The KAN 2.0 score of {names[i]} is {score[i].max():.2f}, but it has {total[i]:.3f} of the variance: "
                "its paths through the network cancel."
            )
    for i in _worst(total - first, 0.1):
        yield (
            f"{names[i]} acts through interactions: {first[i]:.2f} of the variance alone, {total[i]:.2f} with the others."
        )
    if growth is not None:
        most, spread = growth.importance.max(axis=1), growth.error.max(axis=1)
        for i in _worst(np.where(most <= 2 * spread, total, 0.0), IDLE_SHARE):
            yield (
                f"The function varies with {names[i]} ({total[i]:.3f} of the variance), but its error on these rows "
                "does not grow where it is permuted: what it does there may be noise."
            )
    if not np.any(sobol.variance > 0):
        yield "The function is constant."


def _worst(values: Floats, least: float) -> list[int]:
    """Indices of the largest values above a bound."""
    order = np.argsort(-values, kind="stable")[:MAX_NOTED]
    return [int(i) for i in order if values[i] > least]


def _assumptions(function: RowFunction) -> Iterator[str]:
    """Says which inputs are correlated, where the variance takes them as independent."""
    varies = function.x.std(axis=0) > 0
    single = [i for i, own in enumerate(function.columns) if len(own) == 1 and varies[own[0]]]
    if len(single) < 2:
        return
    ranks = rankdata(function.x[:, [function.columns[i][0] for i in single]], axis=0)
    related = np.abs(np.triu(np.corrcoef(ranks, rowvar=False), 1))
    i, j = np.unravel_index(np.argmax(related), related.shape)
    if related[i, j] > 0.5:
        a, b = function.inputs[single[i]], function.inputs[single[j]]
        yield (
            f"Inputs are correlated ({a} and {b} with ranks {related[i, j]:.2f}), and the shares take them as independent; "
            f"groups=[[{a!r}, {b!r}]] counts such as one."
        )
