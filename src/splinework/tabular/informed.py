"""Fits under axioms: one network of a size that held-out rows choose, from `splinework.knowledge.teach.fit`, with a certificate.

Inputs and targets are in raw units here, on linear scales, so that an axiom is about the very numbers that a user has.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch

from splinework.errors import DataError, FitWarning
from splinework.knowledge.axioms import Axiom, Hard
from splinework.knowledge.axioms.contradictions import check_axioms
from splinework.knowledge.axioms.realise import anchored
from splinework.knowledge.axioms.sampling import read_unit
from splinework.knowledge.axioms.verify import Certificate, verify
from splinework.knowledge.teach.averaging import averaged
from splinework.knowledge.teach.informed import given_rows, replace_network, violations_of
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.tabular.axiom_status import AxiomStatus, axiom_statuses
from splinework.tabular.column_axioms import ColumnAxiom
from splinework.tabular.ensemble import ProgressCallback
from splinework.tabular.rows import WeightedRows, sampled
from splinework.tabular.stacking import is_significant
from splinework.tabular.tasks import Task
from splinework.tabular.training import Hyperparameters, TrainedNetwork, TrainingLog, targets_of

HIDDEN: Final = 5
"""Nodes of the hidden layer that is compared with none."""
FEWEST: Final = 60
"""Rows below which a hidden layer is not looked for unless asked for."""
HELD: Final = 0.25
"""Share of the rows by which sizes are compared."""
MOST_COMPARED, MOST = 1000, 10_000
"""Rows of which so many compare sizes, and are fitted; of more, as many drawn at random."""
FEW: Final = 1000
"""Rows up to which a network with hidden nodes has two starts: they cost little, and more rows leave fewer ways to be stuck."""
STEPS_COMPARED, STEPS_FEW, STEPS = 100, 150, 60
"""Steps of Levenberg–Marquardt at most: where sizes are compared, and in the fit of few and of many rows."""
SEVERAL: Final = (5000, 5000, 1000, 1000)
"""Rows up to which one network more is averaged: five of few rows, three of more, one of many."""
ASTRAY: Final = 1.5
"""A fit whose loss is so many times the best one's has gone astray, and is left out of the mean."""
ALONE: Final = 4.0
"""The same of one that is so many times farther from the median of all than the nearest, somewhere between the rows."""
BETWEEN, EXCHANGED = 2000, 0.15
"""How many such places are looked at, and the share of columns that come from another row there."""
GRID: Final = 5
"""Intervals of the splines at first."""
BUDGET: Final = 10.0
"""Seconds for proofs about a network that does not look at its inputs."""
LOSSES: Final[Mapping[str, str]] = {"Regression": "squared", "Binary": "logistic", "Multiclass": "softmax"}

Model = KAN | FramedKAN


@final
@dataclass(frozen=True)
class InformedNetwork(TrainedNetwork):
    """A fit under axioms, which may put the network into a frame.

    Attributes:
        certificate: What is proved of the axioms, in the names of the network's inputs; None where all hold by themselves.
        verdicts: One per axiom.
    """

    certificate: Certificate | None = None
    verdicts: tuple[AxiomStatus, ...] = ()


def train_informed(
    rows: WeightedRows,
    known: Sequence[ColumnAxiom],
    *,
    task: Task,
    settings: Hyperparameters,
    seed: int,
    names: tuple[Sequence[str], Sequence[str]],
    listen: ProgressCallback | None = None,
) -> InformedNetwork:
    """Fits a network that keeps the hard axioms, and is drawn to the soft ones.

    Args:
        rows: Canonical; x of the network's inputs, y numbers `(n, q)` or codes of classes `(n,)`.
        known: What the user knows.
        task: Regression, binary or multi-class.
        settings: What the user said; `members` networks with a hidden layer are averaged into one.
        seed: Seed of everything random.
        names: Of inputs and of outputs.
        listen: Called with stage, step, steps and loss; True ends that stage with the best so far.

    Raises:
        ConfigError: If two axioms contradict each other, or one cannot be built in.
    """
    axioms = _all(known)
    if axioms:  # contradictions are refused before anything is trained
        check_axioms(axioms, *names, box=torch.tensor(_box(rows), dtype=torch.float64), read_unit=read_unit)
    job = _InformedFit(rows, task, settings, seed, names, TrainingLog(listen))
    hidden, loss = job.hidden(tuple(axiom for axiom in axioms if axiom.strength == Hard()))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", FitWarning)
        fitted = job.mean(sampled(rows, MOST, seed), hidden, axioms)
    for warning in told:  # advice on grids and penalties is not for a user of tables; what rows say against an axiom is
        text = str(warning.message)
        if not issubclass(warning.category, FitWarning) or any(axiom.text() in text for axiom in axioms):
            warnings.warn(text, warning.category, stacklevel=2)
    if math.isnan(loss):
        loss = float(np.average(job.losses(fitted.model, rows), weights=rows.weights))
    verdicts = axiom_statuses(known, fitted.certificate, fitted.violations)
    for verdict in verdicts:
        if verdict.strength == "hard" and verdict.verdict == "refuted":
            text = f"the model does not keep {verdict.axiom} ({verdict.note}), which cannot be built in beside the other axioms"
            warnings.warn(f"{text}; give one of them strength='soft'.", FitWarning, stacklevel=2)
    model = fitted.model.requires_grad_(False).eval()
    history = job.heard.history
    return InformedNetwork(model, loss, len(history), history, fitted.certificate, verdicts)


def check_constant(
    model: Model, known: Sequence[ColumnAxiom], rows: WeightedRows
) -> tuple[Certificate | None, tuple[AxiomStatus, ...]]:
    """What is known of a network that does not look at its inputs, for rows that leave nothing to learn.

    Raises:
        DataError: If a hard axiom does not hold for it.
    """
    axioms = _all(known)
    certificate = verify(model, axioms, box=_box(rows), budget=BUDGET) if axioms else None
    verdicts = axiom_statuses(known, certificate, {})
    for verdict in verdicts:
        if verdict.strength == "hard" and verdict.verdict == "refuted":
            raise DataError(
                f"the rows leave nothing to learn but a constant, and {verdict.axiom} does not hold for it ({verdict.note}); "
                "change the axiom, or give other rows."
            )
    return certificate, verdicts


def _all(known: Sequence[ColumnAxiom]) -> tuple[Axiom, ...]:
    return tuple(dict.fromkeys(axiom for each in known for axiom in each.axioms))


def _box(rows: WeightedRows) -> list[tuple[float, float]]:
    """The ranges of the inputs; a constant input has a range of 1."""
    low, high = rows.x.min(axis=0), rows.x.max(axis=0)
    return list(zip(low.tolist(), np.where(high > low, high, low + 1.0).tolist(), strict=True))


def _during(what: str, heard: TrainingLog) -> Callable[[Any], None]:
    """A callback of one fit, which ends with the best so far where the listener says so."""
    from splinework.train.callbacks import StopTraining

    def hear(step: Any) -> None:
        if heard(f"{what}, {step.stage}", step.number, step.number, step.loss):
            raise StopTraining

    return hear


@dataclass(frozen=True)
class _CertifiedModel:
    """A model, what is proved of it, and violations of soft axioms."""

    model: Model
    certificate: Certificate | None
    violations: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _InformedFit:
    """The rows and what to do with them."""

    rows: WeightedRows
    task: Task
    settings: Hyperparameters
    seed: int
    names: tuple[Sequence[str], Sequence[str]]
    heard: TrainingLog

    def hidden(self, hard: Sequence[Axiom]) -> tuple[tuple[int, ...], float]:
        """The hidden layers, and the mean loss of rows held out; NaN where the user or the number of rows decides.

        Soft axioms are left out: their weights are found by fits of their own, and they hardly change which size suits the rows.
        """
        asked = self.settings.layers()
        if asked is not None:
            return asked, math.nan
        if len(self.rows) < FEWEST:
            return (), math.nan
        few = sampled(self.rows, MOST_COMPARED, self.seed)
        order = np.random.default_rng(self.seed).permutation(len(few))
        count = round(HELD * len(few))
        held, seen = (WeightedRows(few.x[at], few.y[at], few.weights[at]) for at in (order[:count], order[count:]))
        losses = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # of fits that nobody will see
            for hidden in ((), (HIDDEN,)):
                losses.append(self.losses(self.mean(seen, hidden, hard, held).model, held))
        better = is_significant(torch.from_numpy(losses[0] - losses[1]), torch.from_numpy(held.weights))
        return ((HIDDEN,) if better else ()), float(np.average(losses[better], weights=held.weights))

    def mean(
        self, rows: WeightedRows, hidden: Sequence[int], axioms: Sequence[Axiom], held: WeightedRows | None = None
    ) -> _CertifiedModel:
        """The mean of several fits from different starts as one network; one fit where there is no hidden layer."""
        wanted = self.settings.members
        count = wanted if isinstance(wanted, int) else 1 + sum(len(rows) <= most for most in SEVERAL)
        fits = [self.fitted(rows, hidden, axioms, held, start=k) for k in range(count if hidden else 1)]
        losses = [float(np.average(self.losses(each.model, rows), weights=rows.weights)) for each in fits]
        apart = self._apart(rows, fits)
        kept = [
            each
            for each, loss, gap in zip(fits, losses, apart, strict=True)
            if loss <= ASTRAY * min(losses) and gap <= ALONE * min(apart)
        ]
        best = fits[int(np.argmin(losses))]
        mean = averaged([network_of(each.model) for each in kept]) if kept else None
        if len(kept) == 1 or mean is None:
            return best
        model = replace_network(best.model, mean)
        if held is not None:
            return _CertifiedModel(model, None, {})
        inputs, outputs = self.names
        given = given_rows(
            KAN([len(inputs), len(outputs)], names=inputs, output_names=outputs), rows.x, _column(rows), self.loss
        )
        model = anchored(model, axioms, list(given.box().values()))
        certificate = verify(model, axioms, box=given.box(), budget=BUDGET) if axioms else None
        return _CertifiedModel(model, certificate, violations_of(model, axioms, given))

    @torch.no_grad()
    def _apart(self, rows: WeightedRows, fits: Sequence[_CertifiedModel]) -> list[float]:
        """How far each fit is from the median of all, at most, on rows between the rows: these with some columns exchanged."""
        random = np.random.default_rng(self.seed)
        count = len(rows)
        one, other = (rows.x[random.integers(count, size=BETWEEN)] for _ in range(2))
        mixed = torch.from_numpy(np.where(random.random(one.shape) < EXCHANGED, other, one))
        found = torch.stack([each.model(mixed) for each in fits])
        gaps = (found - found.median(0).values).abs().flatten(1).amax(1)
        return [max(float(gap), 1e-300) for gap in gaps]

    @property
    def loss(self) -> str:
        """What is minimised, by its name."""
        return LOSSES[type(self.task).__name__]

    def fitted(
        self,
        rows: WeightedRows,
        hidden: Sequence[int],
        axioms: Sequence[Axiom],
        held: WeightedRows | None = None,
        *,
        start: int = 0,
    ) -> _CertifiedModel:
        """One fit; its own held-out rows decide on grids, or in a comparison of sizes those that are given."""
        # With these comes what no fit without axioms needs.
        from splinework.knowledge.teach.fit import fit
        from splinework.train.options import TrainingOptions

        inputs, outputs = self.names
        grid = GRID if self.settings.grid == "auto" else int(self.settings.grid)
        model = KAN(
            [len(inputs), *hidden, len(outputs)],
            grid=grid,
            degree=self.settings.degree,
            names=inputs,
            output_names=outputs,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(self.seed + start),
        )
        few = len(rows) <= FEW
        most = STEPS_COMPARED if held is not None else STEPS_FEW if few else STEPS
        options = TrainingOptions(
            steps=min(self.settings.max_iter, most),
            seed=self.seed + start,
            progress=False,
            callbacks=[_during("curves" if not hidden else "interactions", self.heard)],
            grids="auto" if self.settings.grid == "auto" else None,
            degree="keep",
            starts=2 if few else 1,
            loss=self.loss,
            weights=rows.weights,
            validation=None if held is None else (held.x, _column(held), held.weights),
        )
        if not axioms:
            return _CertifiedModel(fit(model, rows.x, _column(rows), options=options).model, None, {})
        result = fit(model, rows.x, _column(rows), axioms=axioms, options=options)
        return _CertifiedModel(result.model, result.certificate, result.violations)

    @torch.no_grad()
    def losses(self, model: Model, rows: WeightedRows) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What each row costs, `(n,)`; of a regression in units of the targets' variance."""
        outputs = model(torch.from_numpy(rows.x))
        y = targets_of(rows.y, self.task, outputs.shape[1])
        if self.task.is_regression:
            spread = torch.from_numpy(np.asarray(self.rows.y, dtype=np.float64)).std(0, unbiased=False)
            spread = torch.where(spread > 0, spread, torch.ones_like(spread))
            outputs, y = outputs / spread, y / spread
        return np.asarray(self.task.loss(outputs, y).numpy())


def _column(rows: WeightedRows) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Targets `(n, q)`, or codes of classes `(n, 1)`."""
    return np.asarray(rows.y, dtype=np.float64).reshape(len(rows), -1)
