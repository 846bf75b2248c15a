"""Transfer from a simulator to reality: a model fitted to simulated rows is corrected by few measurements.

Cross-validation on the measurements selects the recipe; two baselines that use only one of the two sources are always among them.
The result is one KAN like any other.
"""

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, FitWarning
from splinework.knowledge.teach.additive_correction import without_axioms
from splinework.knowledge.teach.charts import CHARTS, Chart, additive
from splinework.knowledge.teach.evidence_maximisation import EvidenceFit, maximise_evidence_nonlinear
from splinework.knowledge.teach.fit import InformedResult
from splinework.knowledge.teach.results import plain_result
from splinework.nn.arrays import as_columns, check_finite, paired_columns
from splinework.nn.network import KAN
from splinework.nn.precision import keep_unset, precision_of
from splinework.train.data_split import set_units
from splinework.train.fitting import FitResult, fit

RECIPES = ("simulator", "residual", "gauge", "anchored", "real", "network")
"""In the order of the table. Measurements alone: `real`, one smooth curve per input, and `network`, of the simulator's shape."""
DEFAULT_RECIPES = RECIPES[:-1]
MIN_NETWORK_ROWS = 40
"""Fewest measurements at which the network is among the default recipes: with fewer, `fit` overfits."""
N_FOLDS, N_REPEATS = 5, 3
"""Folds and repetitions of the cross-validation, each with other folds."""
MIN_ROWS = 4
MAX_VALUES = 3000
"""Most measured numbers; with more there is no need for a simulator."""
N_ANCHORS = 512
"""Rows drawn over the grids, where the simulator's own are not at hand."""
REAL_RESOLUTION = 8
"""Intervals of the curves of `real`; their smoothness says how much of them is used."""


@final
@dataclass(frozen=True)
class RecipeScore:
    """How one recipe did.

    Attributes:
        error: Cross-validated root mean squared error, in standard deviations of the measured outputs; NaN where it failed.
        spread: Standard error of that, from row to row.
        freedom: How many numbers the measurements have determined; NaN for networks fitted otherwise.
        note: A remark, or why the recipe failed.
    """

    recipe: str
    error: float
    spread: float
    freedom: float
    note: str


@final
@dataclass(frozen=True)
class TransferResult:
    """The result of `transfer`.

    Attributes:
        model: The model of the chosen recipe, fitted to all measurements.
        recipe: Its name.
        scores: Scores of all recipes tried.
        models: Models of all usable recipes, fitted to all measurements.

    >>> model = KAN([1, 1])
    >>> TransferResult(model, "nothing", (), {"nothing": model}).recipe
    'nothing'
    """

    model: KAN
    recipe: str
    scores: tuple[RecipeScore, ...]
    models: Mapping[str, KAN] = field(repr=False)

    def table(self) -> str:
        """All recipes, in Markdown."""
        lines = ["| recipe | error / sd of y | ± | numbers determined | |", "|---|---|---|---|---|"]
        for one in self.scores:
            name = f"**{one.recipe}**" if one.recipe == self.recipe else one.recipe
            lines.append(f"| {name} | {one.error:.3g} | {one.spread:.2g} | {one.freedom:.3g} | {one.note} |")
        return "\n".join(lines)


def transfer(
    simulated: KAN | FitResult | InformedResult | tuple[Any, Any],
    x: Any,
    y: Any,
    *,
    recipes: Sequence[str] | None = None,
    model: KAN | None = None,
    simulated_x: Any = None,
    seed: int = 0,
    progress: bool = True,
) -> TransferResult:
    """Corrects a model of a simulator with few measurements, by the recipe with the lowest cross-validation error.

    The recipes are `residual`, `gauge` and `anchored` (see `charts`), each with strengths by the evidence of
    the measurements; and the rivals `simulator` (as it is), `real` (one smooth curve per input, measurements alone) and
    `network` (a network of the simulator's shape, measurements alone). Strengths are estimated again within every fold, so the
    errors are out of sample except for the selection itself. The winner is fitted to all measurements.

    Args:
        simulated: A KAN or `FitResult` fitted to simulated rows; or these rows `(x, y)`, to which `model` is fitted first.
        x: Measured inputs, `(n, inputs)` in raw units: a tensor, an array or a frame.
        y: Measured outputs, `(n, outputs)` or `(n,)`.
        recipes: The recipes to try; None takes all, and `network` only from 40 measurements on.
        model: The model to fit to simulated rows; None takes `[p, 2p + 1, q]` on five intervals.
        simulated_x: Inputs of the simulator's rows, for `anchored`; where they are not known, points all over the grids.
        seed: Seed of everything random here.
        progress: Whether fits show their progress on a terminal.

    Returns:
        `TransferResult(.model, .recipe, .scores, .table())`.

    Raises:
        ConfigError: For an unknown recipe, a model that is none, or more than 3000 measured numbers.
        ShapeError: If x and y do not fit the model or each other.
        DataError: If there are fewer than 4 measurements, or values that are not finite.

    >>> x = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None]
    >>> simulated = fit(KAN([1, 1], dtype=torch.float64), x, torch.sin(3 * x), progress=False)
    >>> few = x[::40]
    >>> found = transfer(simulated, few, 2 * torch.sin(3 * few) + 0.5, progress=False)
    >>> bool((found.model(x) - 2 * torch.sin(3 * x) - 0.5).abs().max() < 1e-2)
    True
    """
    with torch.inference_mode(False):
        source, anchors, like = _simulated(simulated, model, simulated_x, seed, progress)
        xs, ys = _measured(source, x, y)
        chosen = _recipes(recipes, len(xs))
        contest = _RecipeComparison(source, anchors, xs, ys, seed, progress)
        orders = (torch.randperm(len(xs), generator=torch.Generator().manual_seed(seed + n)) for n in range(N_REPEATS))
        folds = [list(order.tensor_split(min(N_FOLDS, len(xs)))) for order in orders]
        entered = {name: contest.enter(name, folds) for name in chosen}
        scores = tuple(score for score, _ in entered.values())
        models = {name: found for name, (_, found) in entered.items() if found is not None}
        best = min((one for one in scores if one.recipe in models), key=lambda one: one.error, default=None)
        if best is None:
            raise ConfigError("no recipe could be used: " + "; ".join(f"{one.recipe}: {one.note}" for one in scores))
        if source.dtype_unset:  # neither the measurements nor the simulator's rows lose anything
            rows = (torch.empty(0, dtype=like.dtype), x, simulated[0] if isinstance(simulated, tuple) else x)
            like = like.to(precision_of(*rows))
        models = {name: one.to(like) for name, one in models.items()}
        return TransferResult(models[best.recipe], best.recipe, scores, models)


@dataclass(frozen=True)
class _RecipeComparison:
    """One simulator, one set of measurements, any recipe."""

    source: KAN
    anchors: Tensor
    x: Tensor
    y: Tensor
    seed: int
    progress: bool

    def enter(self, name: str, folds: list[list[Tensor]]) -> tuple[RecipeScore, KAN | None]:
        """The score of one recipe, and its model of all measurements; None where it cannot be used."""
        flat = self.source.output_scaling.flatten_scales
        scale = flat(self.y).std(0).clamp_min(1e-300)
        squares = torch.zeros(len(self.x), dtype=self.y.dtype)
        try:
            for parts in folds if name != "network" else folds[:1]:
                for part in parts:
                    kept = torch.ones(len(self.x), dtype=torch.bool)
                    kept[part] = False
                    with torch.no_grad():
                        predicted = self.fitted(name, self.x[kept], self.y[kept])[0](self.x[part])
                    error = ((flat(predicted) - flat(self.y[part])) / scale).square().mean(1)
                    squares[part] += error / (1 if name == "network" else len(folds))
            model, found, note = self.fitted(name, self.x, self.y)
            if not bool(squares.isfinite().all()):
                raise ConfigError("predictions are not finite")
        except ConfigError as error:
            return RecipeScore(name, math.nan, math.nan, math.nan, str(error)), None
        root = float(squares.mean().sqrt())
        spread = float(squares.std()) / len(squares) ** 0.5 / (2 * max(root, 1e-300))
        freedom = 0.0 if name == "simulator" else math.nan if found is None else float(found.freedom.sum())
        return RecipeScore(name, root, spread, freedom, note), model

    def fitted(self, name: str, x: Tensor, y: Tensor) -> tuple[KAN, EvidenceFit | None, str]:
        """A recipe's model of some measurements, its evidence fit, and a remark."""
        if name == "simulator":
            return copy.deepcopy(self.source), None, "as it is"
        if name == "network":
            config = self.source.config
            begun = KAN(config, dtype=torch.float64, generator=torch.Generator().manual_seed(self.seed))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FitWarning)  # the table tells how good it is
                return fit(begun, x, y, seed=self.seed, progress=self.progress).model, None, str(config.shape)
        chart = self._alone(x, y) if name == "real" else CHARTS[name](self.source, self.anchors)
        u, t = chart.start.input_scaling(x), chart.start.output_scaling(y)

        def at(z: Tensor) -> tuple[Tensor, Tensor]:
            values, slopes = chart.at(z, u)
            return values.flatten(), slopes.flatten(0, 1)

        found = maximise_evidence_nonlinear(at, t.flatten(), chart.blocks)
        model = chart.build(found.numbers, u)
        return model, found, self._remark(name, chart, found, u)

    def _alone(self, x: Tensor, y: Tensor) -> Chart:
        """The chart of curves on grids over the measurements."""
        config = self.source.config
        plain = KAN(
            [self.source.inputs, self.source.outputs],
            grid=REAL_RESOLUTION,
            base="none",
            names=config.input_names,
            output_names=config.output_names,
            input_scales=config.input_scales,
            output_scales=config.output_scales,
            dtype=torch.float64,
            generator=torch.Generator(),
        )
        set_units(plain, x, y, always=True)
        return additive(plain, x)

    def _remark(self, name: str, chart: Chart, found: EvidenceFit, u: Tensor) -> str:
        """The change by the measurements, in network units, as a text."""
        with torch.no_grad():
            values, _ = chart.at(found.numbers, u)
            change = float((values - self.source.unit_forward(u)).square().mean().sqrt()) if name != "real" else 0.0
        if name == "residual":
            width = len(found.numbers) // self.source.outputs
            factors = ", ".join(f"{1 + float(a):.4g}" for a in found.numbers[::width])
            return f"a = {factors}, moved by {change:.3g} sd"
        return "one curve per input" if name == "real" else f"moved by {change:.3g} sd"


# ------------------------------------------------------------------------------------------------------ what comes in


def _simulated(
    simulated: Any, model: KAN | None, simulated_x: Any, seed: int, progress: bool
) -> tuple[KAN, Tensor, Tensor]:
    """The simulator's model in float64, its rows in network units, and a tensor of the dtype and device that it had."""
    begun: KAN | None = None
    if isinstance(simulated, tuple) and len(simulated) == 2:
        xs, ys = (torch.as_tensor(np.asarray(part), dtype=torch.float64) for part in simulated)
        inputs, outputs = (part.shape[1] if part.dim() > 1 else 1 for part in (xs, ys))
        begun = model or KAN([inputs, 2 * inputs + 1, outputs], generator=torch.Generator().manual_seed(seed))
        exact = keep_unset(copy.deepcopy(begun).double(), begun)
        simulated = fit(exact, xs, ys, seed=seed, progress=progress)
    elif model is not None:
        raise ConfigError(
            "model is what simulated rows (x, y) are fitted to; simulated is a model already, leave it out."
        )
    simulated = plain_result(simulated)
    result = simulated if isinstance(simulated, FitResult) else None
    source = simulated.model if isinstance(simulated, FitResult) else simulated
    if not isinstance(source, KAN):
        raise ConfigError(
            f"simulated is a KAN or FitResult fitted to simulated rows, or these rows as (x, y); got {type(source).__name__}."
        )
    given = source if begun is None else begun
    like = next(given.parameters()).detach()
    source = keep_unset(without_axioms(copy.deepcopy(source).cpu()), given)
    if simulated_x is not None:
        rows = as_columns(
            simulated_x, source.inputs, "simulated_x", source.config.input_names, next(source.parameters())
        )
        return source, source.input_scaling(rows), like
    if result is not None and result.training_data is not None:
        raw = result.fitted_network.input_scaling.inverse(result.training_data.u)
        return source, source.input_scaling(raw.double().cpu()), like
    low, high = source.kan_layers[0].basis.domain(source.kan_layers[0].knots().detach())
    drawn = torch.rand(N_ANCHORS, source.inputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return source, low + (high - low) * drawn, like


def _measured(source: KAN, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    config = source.config
    xs, ys = paired_columns(x, y, config.input_names, config.output_names, next(source.parameters()))
    if len(xs) < MIN_ROWS:
        raise DataError(
            f"cross-validation needs at least {MIN_ROWS} measurements, got {len(xs)}; use the simulator as it is."
        )
    if ys.numel() > MAX_VALUES:
        raise ConfigError(
            f"transfer is for few measurements, at most {MAX_VALUES} numbers, got {ys.numel()}; fit them directly."
        )
    check_finite(source.input_scaling(xs), "x", config.input_names, scales=config.input_scales)
    check_finite(source.output_scaling(ys), "y", config.output_names, scales=config.output_scales)
    return xs, ys


def _recipes(recipes: Sequence[str] | None, rows: int) -> tuple[str, ...]:
    if recipes is None:
        return RECIPES if rows >= MIN_NETWORK_ROWS else DEFAULT_RECIPES
    unknown = [name for name in recipes if name not in RECIPES] if not isinstance(recipes, str) else [recipes]
    if unknown or not recipes:
        raise ConfigError(f"recipes is a list out of {', '.join(RECIPES)}; got {recipes!r}.")
    return tuple(name for name in RECIPES if name in recipes)
