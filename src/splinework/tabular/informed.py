"""Fits under axioms: one network, its size chosen by held-out rows, from `splinework.knowledge.teach.fit`, with a certificate.

Inputs and targets are in raw units here, on linear scales, so that axioms refer to the user's own numbers.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import FitWarning
from splinework.interpret.edit.side_by_side import mean_network
from splinework.knowledge.axioms import Axiom, Hard
from splinework.knowledge.axioms.contradictions import check_axioms
from splinework.knowledge.axioms.realise import anchored
from splinework.knowledge.axioms.sampling import read_unit
from splinework.knowledge.axioms.verify import Certificate, verify
from splinework.knowledge.teach.informed import given_rows, replace_network, violations_of
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.tabular.axiom_status import AxiomStatus, axiom_statuses
from splinework.tabular.column_axioms import ColumnAxiom
from splinework.tabular.ensemble import ProgressCallback
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.rows import Floats, WeightedRows, sampled
from splinework.tabular.tasks import Task, targets_of
from splinework.tabular.trained import TrainedNetwork, TrainingLog
from splinework.train.between_rows import is_significant

HIDDEN_NODES: Final = 5
"""Nodes of the hidden layer that is compared with an additive network."""
MIN_HIDDEN_ROWS: Final = 60
"""Rows below which `hidden="auto"` fits no hidden layer."""
HELD_OUT_SHARE: Final = 0.25
"""Share of held-out rows in the comparison of sizes."""
MAX_COMPARED_ROWS, MAX_ROWS = 1000, 10_000
"""Rows in the comparison of sizes and in the fit; of more rows a random sample is drawn."""
MAX_ROWS_TWO_STARTS: Final = 1000
"""Rows up to which a network with hidden nodes gets two starts; with more rows, local minima are rarer and starts expensive."""
MAX_STEPS_COMPARED, MAX_STEPS_FEW_ROWS, MAX_STEPS = 100, 150, 60
"""Steps of Levenberg–Marquardt: in the comparison of sizes, and in the fit of few and of many rows."""
MEMBER_ROWS: Final = (5000, 5000, 1000, 1000)
"""Rows up to which the ensemble has one more member: five networks for few rows, three for more, one for many."""
MAX_LOSS_RATIO: Final = 1.5
"""Members with a higher loss, relative to the best one, are outliers and left out of the mean."""
MAX_DISTANCE_RATIO: Final = 4.0
"""So are members farther from the median prediction between the rows, relative to the nearest one."""
N_MIXED_ROWS, EXCHANGED_SHARE = 2000, 0.15
"""Points between the rows at which members are compared, and the share of columns taken from another row."""
INITIAL_GRID: Final = 5
"""Initial intervals of the splines."""
PROOF_EFFORT: Final = 10.0
"""Seconds for the proofs about a constant or averaged network."""
LOSSES: Final[Mapping[str, str]] = {"Regression": "squared", "Binary": "logistic", "Multiclass": "softmax"}

Model = KAN | FramedKAN


@final
@dataclass(frozen=True)
class InformedNetwork(TrainedNetwork):
    """The result of a training under axioms, which may put the network into a frame.

    Attributes:
        certificate: Certificate of the axioms, in the names of the network's inputs; None where all are trivial.
        statuses: Status of each axiom.
    """

    certificate: Certificate | None = None
    statuses: tuple[AxiomStatus, ...] = ()


def all_of(known: Sequence[ColumnAxiom]) -> tuple[Axiom, ...]:
    """The axioms in terms of inputs, each once."""
    return tuple(dict.fromkeys(axiom for each in known for axiom in each.axioms))


def box_of(rows: WeightedRows) -> list[tuple[float, float]]:
    """Ranges of the inputs; that of a constant input has width 1."""
    low, high = rows.x.min(axis=0), rows.x.max(axis=0)
    return list(zip(low.tolist(), np.where(high > low, high, low + 1.0).tolist(), strict=True))


def _during(what: str, log: TrainingLog) -> Callable[[Any], None]:
    """The callback of one fit, which stops with the best network so far where the progress callback returns True."""
    from splinework.train.callbacks import StopTraining

    def callback(step: Any) -> None:
        if log(f"{what}, {step.stage}", step.number, step.number, step.loss):
            raise StopTraining

    return callback


@dataclass(frozen=True)
class _CertifiedModel:
    """A model with its certificate and the violations of its soft axioms."""

    model: Model
    certificate: Certificate | None
    violations: Mapping[str, tuple[float, float]]


class _Size(NamedTuple):
    """Hidden layers with their mean held-out loss, the held-out rows, and the outputs there; NaN and None without any."""

    hidden: tuple[int, ...]
    loss: float
    held: NDArray[np.intp]
    outputs: Tensor | None


@dataclass(frozen=True)
class AxiomFit:
    """The training of one network under axioms.

    Attributes:
        rows: Canonical rows: inputs of the network, and targets `(n, q)` or class codes `(n,)`.
        task: The likelihood.
        settings: The hyperparameters; `members` networks with a hidden layer are averaged into one.
        seed: Random seed.
        names: Names of inputs and of outputs.
        on_step: Called with stage, step, steps and loss; True ends that stage with the best network so far.
    """

    rows: WeightedRows
    task: Task
    settings: Hyperparameters
    seed: int
    names: tuple[Sequence[str], Sequence[str]]
    on_step: ProgressCallback | None = None

    @cached_property
    def log(self) -> TrainingLog:
        """The steps of all fits."""
        return TrainingLog(self.on_step)

    def train(self, known: Sequence[ColumnAxiom], rival: Tensor | None = None) -> InformedNetwork | None:
        """The network: hard axioms hold by construction, soft ones are penalties.

        Args:
            known: The user's axioms.
            rival: Outputs `(n, q)` of another model of a regression for rows that it has not seen.

        Returns:
            The network; None where the rival predicts the rows that are held out here better by more than a standard error.

        Raises:
            ConfigError: If two axioms contradict each other, or one cannot be built in.
        """
        axioms = all_of(known)
        if axioms:  # contradictions are refused before anything is trained
            check_axioms(
                axioms, *self.names, box=torch.tensor(box_of(self.rows), dtype=torch.float64), read_unit=read_unit
            )
        size = self.size(tuple(axiom for axiom in axioms if axiom.strength == Hard()))
        if rival is not None and size.outputs is not None:
            held = self.few(size.held)
            gains = self.losses_of(size.outputs, held) - self.losses_of(rival[torch.from_numpy(size.held)], held)
            if is_significant(torch.from_numpy(gains), torch.from_numpy(held.weights)):
                return None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", FitWarning)
            fitted = self.mean(sampled(self.rows, MAX_ROWS, self.seed), size.hidden, axioms)
        # Advice on grids and penalties does not concern users of estimators, data against an axiom do.
        for warning in caught:
            text = str(warning.message)
            if not issubclass(warning.category, FitWarning) or any(axiom.text() in text for axiom in axioms):
                warnings.warn(text, warning.category, stacklevel=2)
        loss, unseen = size.loss, None
        if size.outputs is None:
            loss = float(np.average(self.losses(fitted.model, self.rows), weights=self.rows.weights))
        elif self.task.is_regression and len(self.rows) <= MAX_COMPARED_ROWS:
            unseen = torch.full((len(self.rows), size.outputs.shape[1]), math.nan, dtype=torch.float64)
            unseen[torch.from_numpy(size.held)] = size.outputs
        statuses = axiom_statuses(known, fitted.certificate, fitted.violations)
        for each in statuses:
            if each.strength == "hard" and each.status == "refuted":
                text = f"the model violates {each.axiom} ({each.note}), which cannot hold by construction beside the other axioms"
                warnings.warn(f"{text}; give one of them strength='soft'.", FitWarning, stacklevel=2)
        model = fitted.model.requires_grad_(False).eval()
        history = self.log.history
        how: dict[str, Any] = {
            "task": self.task.of_right_labels(),
            "certificate": fitted.certificate,
            "statuses": statuses,
        }
        return InformedNetwork(model, loss, len(history), history, unseen, **how)

    def size(self, hard: Sequence[Axiom]) -> _Size:
        """The hidden layers by held-out rows, where neither the user nor the number of rows decides.

        Soft axioms are left out: their weights need further fits, and they hardly change the best size.
        """
        asked, none = self.settings.layers(), np.zeros(0, dtype=np.intp)
        if asked is not None or len(self.rows) < MIN_HIDDEN_ROWS:
            return _Size(asked or (), math.nan, none, None)
        order = np.random.default_rng(self.seed).permutation(min(len(self.rows), MAX_COMPARED_ROWS))
        count = round(HELD_OUT_SHARE * len(order))
        held, seen = self.few(order[:count]), self.few(order[count:])
        outputs = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # of fits that are discarded
            for hidden in ((), (HIDDEN_NODES,)):
                with torch.no_grad():
                    outputs.append(self.mean(seen, hidden, hard, held).model(torch.from_numpy(held.x)))
        losses = [self.losses_of(each, held) for each in outputs]
        better = is_significant(torch.from_numpy(losses[0] - losses[1]), torch.from_numpy(held.weights))
        loss = float(np.average(losses[better], weights=held.weights))
        return _Size((HIDDEN_NODES,) if better else (), loss, order[:count], outputs[better])

    def few(self, at: NDArray[np.intp]) -> WeightedRows:
        """Rows of the sample in which sizes are compared."""
        few = sampled(self.rows, MAX_COMPARED_ROWS, self.seed)
        return WeightedRows(few.x[at], few.y[at], few.weights[at])

    def mean(
        self, rows: WeightedRows, hidden: Sequence[int], axioms: Sequence[Axiom], held: WeightedRows | None = None
    ) -> _CertifiedModel:
        """The mean of several fits from different starts, as one network; a single fit if there is no hidden layer."""
        wanted = self.settings.members
        count = wanted if isinstance(wanted, int) else 1 + sum(len(rows) <= most for most in MEMBER_ROWS)
        fits = [self.fitted(rows, hidden, axioms, held, start=k) for k in range(count if hidden else 1)]
        losses = [float(np.average(self.losses(each.model, rows), weights=rows.weights)) for each in fits]
        apart = self._apart(rows, fits)
        kept = [
            each
            for each, loss, gap in zip(fits, losses, apart, strict=True)
            if loss <= MAX_LOSS_RATIO * min(losses) and gap <= MAX_DISTANCE_RATIO * min(apart)
        ]
        best = fits[int(np.argmin(losses))]
        mean = mean_network([network_of(each.model) for each in kept]) if kept else None
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
        certificate = verify(model, axioms, box=given.box(), effort=PROOF_EFFORT) if axioms else None
        return _CertifiedModel(model, certificate, violations_of(model, axioms, given))

    @torch.no_grad()
    def _apart(self, rows: WeightedRows, fits: Sequence[_CertifiedModel]) -> list[float]:
        """Largest distance of each fit from the median of all, on rows with some columns exchanged."""
        random = np.random.default_rng(self.seed)
        count = len(rows)
        one, other = (rows.x[random.integers(count, size=N_MIXED_ROWS)] for _ in range(2))
        mixed = torch.from_numpy(np.where(random.random(one.shape) < EXCHANGED_SHARE, other, one))
        found = torch.stack([each.model(mixed) for each in fits])
        gaps = (found - found.median(0).values).abs().flatten(1).amax(1)
        return [max(float(gap), 1e-300) for gap in gaps]

    @property
    def loss(self) -> str:
        """Name of the loss."""
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
        """One fit; grids are chosen by its own held-out rows, or by `held` in a comparison of sizes."""
        # Imported here, since no fit without axioms needs them.
        from splinework.knowledge.teach.fit import fit
        from splinework.train.options import TrainingOptions

        inputs, outputs = self.names
        grid = INITIAL_GRID if self.settings.grid == "auto" else int(self.settings.grid)
        model = KAN(
            [len(inputs), *hidden, len(outputs)],
            grid=grid,
            degree=self.settings.degree,
            names=inputs,
            output_names=outputs,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(self.seed + start),
        )
        few = len(rows) <= MAX_ROWS_TWO_STARTS
        most = MAX_STEPS_COMPARED if held is not None else MAX_STEPS_FEW_ROWS if few else MAX_STEPS
        options = TrainingOptions(
            steps=min(self.settings.max_iter, most),
            seed=self.seed + start,
            progress=False,
            callbacks=[_during("curves" if not hidden else "interactions", self.log)],
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
    def losses(self, model: Model, rows: WeightedRows) -> Floats:
        """Loss of each row, `(n,)`; for a regression with standardised targets."""
        return self.losses_of(model(torch.from_numpy(rows.x)), rows)

    def losses_of(self, outputs: Tensor, rows: WeightedRows) -> Floats:
        """The same of given outputs `(n, q)`."""
        y = targets_of(rows.y, self.task, outputs.shape[1])
        if self.task.is_regression:
            spread = torch.from_numpy(np.asarray(self.rows.y, dtype=np.float64)).std(0, unbiased=False)
            spread = torch.where(spread > 0, spread, torch.ones_like(spread))
            outputs, y = outputs / spread, y / spread
        return np.asarray(self.task.loss(outputs, y).numpy())


def _column(rows: WeightedRows) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Targets `(n, q)`, or class codes `(n, 1)`."""
    return np.asarray(rows.y, dtype=np.float64).reshape(len(rows), -1)
