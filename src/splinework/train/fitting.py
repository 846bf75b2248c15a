"""`fit`: data in, fitted model out."""

import copy
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Unpack

from splinework import notebook_html
from splinework.errors import ConfigError
from splinework.nn.network import KAN
from splinework.nn.scaling import Scaling
from splinework.train.additive_network import fit_linear, is_linear
from splinework.train.data_objective import DataObjective, JointObjective
from splinework.train.data_split import DataSplit, Samples, take_rows
from splinework.train.delivery import Outcome, deliver, working_copy
from splinework.train.diagnostics import Finding, diagnose
from splinework.train.history import History
from splinework.train.journal import fingerprint_of, open_journal
from splinework.train.losses import Loss, Squared
from splinework.train.options import FitKeywords, TrainingOptions, is_shared, options_of, with_options
from splinework.train.penalties import Penalty
from splinework.train.plan import TrainingPlan, make_plan
from splinework.train.progress import Progress
from splinework.train.residual_terms import with_residuals
from splinework.train.run import TrainingRun
from splinework.train.smoothing import is_oversized
from splinework.train.sources import Source
from splinework.train.stages import extend_margins, polish, polish_strays, run_stages
from splinework.train.stream import take_stream
from splinework.train.stream_objective import StreamObjective
from splinework.train.teacher import Learned, finish, is_knowable, is_teachable, run_taught_stages
from splinework.train.threads import one_thread
from splinework.train.uncertainty import (
    IntervalEstimate,
    Posterior,
    TrainingData,
    check_level,
    contrast_widths,
    evidence,
    intervals,
    posterior,
)


@dataclass(frozen=True)
class FitResult:
    """The fitted model, how it came about, and how sure it is.

    Attributes:
        model: The network.
        history: Steps and decisions.
        training_data: The rows that the model was fitted to, for `interval`. Of a source, a sample of 20,000 at most: then the
            mean is known better than `interval(x, kind="mean")` says, and predictions as well as it says.

    >>> FitResult(KAN([2, 1]), History()).model.inputs
    2
    """

    model: KAN
    history: History
    training_data: TrainingData | None = field(default=None, repr=False)

    def interval(self, x: Any, *, level: float = 0.9, kind: str = "prediction") -> IntervalEstimate:
        """Prediction interval for y at x, or with `kind="mean"` a confidence interval for its mean.

        Both come from the Gauss–Newton approximation of the posterior; see `splinework.train.uncertainty.intervals`.

        Args:
            x: `(B, inputs)` in raw units.
            level: Coverage probability.
            kind: `prediction` or `mean`.

        Returns:
            `IntervalEstimate(center, lower, upper, deviation)`, each `(B, outputs)` in raw units.

        Raises:
            ConfigError: If the loss was not squared, or an argument is out of range.
            DataError: If x is not finite, or the rows are too few to tell noise from function.
            ShapeError: If x does not fit the model.
        """
        check_level(level, kind)
        found = intervals(self.fitted_network, self._posterior, x, level=level, kind=kind)
        if self.fitted_network is self.model:
            return found
        with torch.no_grad():
            off = self.model(x).to(found.center) - found.center  # beyond the rows; next to nothing among them
        return replace(found, center=found.center + off, lower=found.lower + off, upper=found.upper + off)

    def contrast_widths(self, sets: Any, reference: Any, *, level: float = 0.9) -> Tensor:
        """Bands of effects (`interpret.importance.effects`); see `splinework.train.uncertainty.contrast_widths`."""
        return contrast_widths(self.fitted_network, self._posterior, sets, reference, level)

    def _repr_html_(self) -> str:
        return notebook_html(self)

    @cached_property
    def _posterior(self) -> Posterior:
        """The posterior, computed when first needed."""
        if self.training_data is None:
            raise ConfigError("this fit kept no rows, so there is no interval; fit again, or take sw.ensemble.")
        return posterior(self.fitted_network, self.training_data)

    @property
    def fitted_network(self) -> KAN:
        """The network whose numbers the rows determined: the model, unless skewed inputs had even scales during the fit."""
        kept = self.training_data
        return self.model if kept is None or kept.network is None else kept.network


@with_options(FitKeywords)
def fit(
    model: KAN, x: Any, y: Any = None, *, options: TrainingOptions | None = None, **keywords: Unpack[FitKeywords]
) -> FitResult:
    """Fits a copy of the model to rows of data; the model handed in is left unchanged.

    One input without hidden nodes is a penalised spline, solved at once (`splinework.train.curve`). With hidden nodes, a Gaussian
    process teaches the network where rows are few or noisy, and boosted trees where the target is rough
    (`splinework.train.teacher`), unless settings forbid it.
    Otherwise the numbers come from Levenberg–Marquardt where the model is small enough, from several starts of which
    the best goes on; grids are refined and degrees raised while that lowers the error on held-out rows. The state with
    the lowest held-out error is returned (with the lowest objective, where no rows are held out), after a last polish on
    all rows. What was decided, and why, is in the history; what a user should worry about is warned of (`FitWarning`).

    Args:
        model: The network; inputs without names take those of a frame's columns. A number that is frozen
            (`requires_grad=False`) stays, but then `lm` cannot be used.
        x: `(N, inputs)`: a tensor, an array or a frame, in raw units. Or a source of both x and y that need not fit into
            memory: `parquet`, `memmap` or `batches` of `splinework.train.sources`.
        y: `(N, outputs)`, or `(N,)` for one output, in raw units; labels or counts where the loss is one of those.
            None with a source.
        **keywords: Fields of `TrainingOptions`.
        options: These as one object; what is named beside it counts instead.

    Returns:
        `FitResult(.model, .history)`. The model has the dtype of x if that is a float32 or float64 array or tensor, else float64;
        or the one that `KAN(…, dtype=…)` was given. Its numbers were found in float64, and `history[-1]` has the errors of the
        model as it is handed back.

    Raises:
        ShapeError: If x and y do not fit the model or each other.
        DataError: If there are no rows, or some are not finite.
        ConfigError: For a setting that makes no sense, or a checkpoint of another fit.
        FileError: If the checkpoint is a file of another kind.

    >>> x = torch.rand(200, 1)
    >>> result = fit(KAN([1, 1]), x, x**2, progress=False)
    >>> result.history[-1].rmse_train < 1e-3
    True
    """
    chosen = options_of(fit, options, keywords, TrainingOptions)
    began = time.monotonic()
    prepare_all, conduct_all = partial(prepared, began=began), partial(conduct, began=began)
    # Whatever the caller's: derivatives are needed here.
    with torch.inference_mode(False), torch.enable_grad():
        if is_shared(chosen):
            from splinework.train.shared_fit import fit_together

            rows, outcome = fit_together(model, x, y, chosen, prepare_all, conduct_all)
        else:
            rows, objective = prepare_all(model, x, y, chosen)
            outcome = conduct_all(model, x, rows, objective, chosen)
        return FitResult(
            outcome.model, outcome.history, evidence(rows, outcome.penalties, outcome.polished, outcome.network)
        )


def prepared(
    model: KAN, x: Any, y: Any, options: TrainingOptions, *, began: float | None = None
) -> tuple[DataSplit, DataObjective | StreamObjective]:
    """The checked rows, and the objective for a copy of the model, of a fit that began at a time on the clock."""
    work = working_copy(model, "fit", "x, y")
    work.take_names(x)
    rows, objective = prepare(work, x, y, options)
    if len(options.residuals):
        return rows, with_residuals(objective, options.residuals)
    if not isinstance(objective, DataObjective):
        return rows, objective
    if is_oversized(objective) or is_knowable(
        objective, make_plan(objective, options, smooth=options.smooths), options
    ):
        from splinework.train.subnetwork import simplified  # loaded by the first fit by default

        with Progress(options.progress, budget=options.budget, first="smooth estimate"):
            return simplified(objective, rows, options, began)
    return rows, objective


def conduct(
    model: KAN,
    x: Any,
    rows: DataSplit,
    objective: DataObjective | StreamObjective,
    chosen: TrainingOptions,
    *,
    began: float | None = None,
) -> Outcome:
    """The fit itself, which began at a time on the clock, from the plan to the model that is handed back."""
    plan = make_plan(objective, chosen, smooth=chosen.smooths)
    held_out = None if rows.held_out is None else objective_of(objective.model, rows.held_out, rows.criterion, ())
    run = TrainingRun.of(chosen, held_out, torch.Generator().manual_seed(chosen.seed), began)
    if chosen.checkpoint is not None:
        run.journal = open_journal(Path(chosen.checkpoint), _fingerprint(objective, rows, plan, chosen))
    counts = f"{objective.count} rows to fit, {rows.held_out_count} held out"
    run.history.decide("optimiser", f"optimiser {plan.method.name}, {plan.why}; {counts}")
    if objective.model.active_edges() < model.active_edges():
        part = f"{objective.model.active_edges()} of {model.active_edges()} edges"
        run.history.decide(
            "network", f"{part}, of {len(objective.model.active_inputs())} inputs: rows are few for more"
        )
    elif model.inputs > objective.count + rows.held_out_count:
        run.warn(
            f"{model.inputs} inputs for {objective.count + rows.held_out_count} rows: that many edges fit any target, and "
            "nothing here leaves inputs out; splinework.tabular.KANRegressor and KANClassifier screen columns, or give fit "
            "the columns that they keep."
        )
    run.judge_anew(objective, run.held_out)
    estimates = isinstance(objective, DataObjective) and is_teachable(objective, plan, chosen)
    with one_thread(objective.is_small), run.listening(chosen, "smooth estimate" if estimates else "starting"):
        final, judge, taught = _take_all_steps(run, objective, rows, plan, chosen)
    for finding in _findings(run, rows, judge, objective, taught=taught):
        run.warn(finding.text)
    penalties, polished, network = run.best_penalties, final is not objective, None
    judge = judge or run.best
    if isinstance(final, DataObjective) and type(final.model.input_scaling) is not Scaling:
        from splinework.train.input_transform import leave_even_scales  # loaded where scales have changed

        network, final = leave_even_scales(run, final)
    run.history.decide("stop", f"ended: {run.stopped or 'converged'}")
    return Outcome(deliver(run, model, final, x), run.history, penalties, polished, network, judge)


def _take_all_steps(
    run: TrainingRun,
    objective: DataObjective | StreamObjective,
    rows: DataSplit,
    plan: TrainingPlan,
    options: TrainingOptions,
) -> tuple[DataObjective | StreamObjective, KAN | None, bool]:
    """All stages and the polish.

    Returns:
        What was minimised last; the model before a polish, which held-out rows judged; and whether a smooth estimate taught it.
    """
    judge, final, seed, learned = None, objective, options.seed, Learned("rows")
    try:
        if isinstance(objective, DataObjective) and is_linear(objective, plan) and not run.over:
            if rows.held_out is not None and rows.held_out_automatically:  # nothing is left for them to judge
                everything = rows.together
                objective = replace(objective, u=everything.u, t=everything.t, weights=everything.weights)
                run.held_out = None
            fit_linear(run, objective, plan, seed)
            return objective, None, True
        # A stream keeps its held-out rows for itself: they are few of many, and each step would be one more pass.
        polishes = rows.held_out is not None and rows.held_out_automatically and plan.method.second_order
        if isinstance(objective, DataObjective) and is_teachable(objective, plan, options):
            learned = run_taught_stages(run, objective, plan, seed, rows.covariances, last=not polishes)
        else:
            run_stages(run, objective, plan)
        if isinstance(objective, DataObjective) and polishes and not run.over:
            judge, held_out = copy.deepcopy(run.best), run.held_out
            assert judge is not None
            assert held_out is not None
            everything = rows.together
            whole = replace(objective, u=everything.u, t=everything.t, weights=everything.weights)
            final = whole
            if learned.source != "rows":
                finish(run, whole, plan, seed, learned)
            elif not polish(run, learned.beside(whole), plan) or polish_strays(
                run, objective.on(judge), held_out, seed
            ):
                judge, final = None, objective
        if judge is None and learned.source == "rows" and isinstance(objective, DataObjective):
            extend_margins(run, objective)
    except KeyboardInterrupt:
        run.stopped = "interrupted; the best state so far was kept"
    return final, judge, learned.source != "rows"


def _fingerprint(
    objective: DataObjective | StreamObjective, rows: DataSplit, plan: TrainingPlan, options: TrainingOptions
) -> str:
    """A hash of all that must be the same for a fit to resume from a checkpoint."""
    parts: dict[str, Any] = {f"model.{name}": value for name, value in objective.model.state_dict().items()}
    parts["config"] = objective.model.config
    parts["stream"] = objective.stream.identity if isinstance(objective, StreamObjective) else None
    for name, part in (("used", rows.used), ("held out", rows.held_out)):
        if part is not None:
            parts.update({f"{name}.{key}": value for key, value in vars(part).items()})
    if isinstance(objective, JointObjective):
        parts.update({f"{term.name} of weight {term.weight}": term.x for term in objective.terms})
    parts.update(plan=plan, penalties=objective.penalties, criterion=rows.criterion)
    parts.update(seed=options.seed, budget=options.budget)
    return fingerprint_of(parts)


def _findings(
    run: TrainingRun, rows: DataSplit, judge: KAN | None, objective: DataObjective | StreamObjective, *, taught: bool
) -> list[Finding]:
    """Warnings about the fit."""
    assert run.best is not None
    return diagnose(
        run.best,
        rows.used.u,
        rows.used.t,
        steps=run.history.steps,
        cut_short="used up" in run.stopped,
        held_out=None if rows.held_out is None else (rows.held_out.u, rows.held_out.t),
        judged=judge,
        penalties=run.best_penalties,
        squared=isinstance(rows.criterion, Squared),
        sampled=objective.count > len(rows.used.u),
        taught=taught,
    )


def prepare(model: KAN, x: Any, y: Any, options: TrainingOptions) -> tuple[DataSplit, DataObjective | StreamObjective]:
    """Checks the data, sets the units of the model where asked, splits, and makes the objective.

    Of a source, the rows to fit that are handed back are a sample.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or values that are not finite, or that mean nothing to the loss.
        ConfigError: If y is missing, or comes twice, or the loss does not fit the model.
        FileError: If a file of a source cannot be read.
    """
    if isinstance(x, Source):
        if y is not None or options.weights is not None:
            raise ConfigError(
                f"a source has y and weights in it, got {'y' if y is not None else 'weights'} besides; write fit(model, source), "
                "and name the weights where the source is made."
            )
        rows, stream, extremes = take_stream(model, x, options)
        return rows, StreamObjective(model, options.fixed_penalties, stream=stream, sample=rows.used, extremes=extremes)
    if y is None:
        way = 'such as splinework.train.sources.parquet("rows.parquet", target="y")'
        raise ConfigError(f"y is missing: write fit(model, x, y), or fit(model, source) with a source of both, {way}.")
    rows = take_rows(model, x, y, options)
    return rows, replace(objective_of(model, rows.used, rows.criterion, options.fixed_penalties), seed=options.seed)


def objective_of(model: KAN, part: Samples, criterion: Loss, penalties: tuple[Penalty, ...]) -> DataObjective:
    """The objective of rows in memory."""
    return DataObjective(model, penalties, u=part.u, t=part.t, criterion=criterion, weights=part.weights)
