"""Backward elimination of edges, nodes and inputs: a smaller structure is fitted, compared, and kept if it is as good."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from splinework.interpret.edit.degree import raise_layer
from splinework.interpret.edit.grid_refinement import refine_layer
from splinework.interpret.edit.pruning import without_edges
from splinework.interpret.scores import Attribution, attribution
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines.bases import LINEAR_BASIS
from splinework.train.data_objective import DataObjective
from splinework.train.grid_adaptation import extend_grids
from splinework.train.journal import fingerprint_of
from splinework.train.losses import Squared
from splinework.train.multistart import MIN_UNEXPLAINED_SHARE, best_start, reinitialised
from splinework.train.optim import Optimiser
from splinework.train.refinement import map_layers
from splinework.train.run import TrainingRun

MAX_NOISELESS_ERROR = 1e-2
"""Up to this relative error the data count as free of noise: held-out rows judge. Above, an information criterion does."""
MAX_ERROR_RATIO, ERROR_TOLERANCE = 1.5, 1e-6
"""A smaller structure may have this many times the held-out error, and so much of y's spread more."""
RAISED_DEGREE, MAX_RESOLUTION = 7, 24
"""The degree that splines are raised to first, and the most intervals that they get then."""
N_STARTS, N_STEPS = 5, 25
"""Fresh starts of a smaller network, and second-order steps on each kind of spline."""
N_TRIAL_STEPS, MAX_REMAINING_SHARE, MAX_EXCESS_RATIO, MAX_NOISY_EXCESS_RATIO = 8, 0.5, 10.0, 2.0
"""Trial steps after an elimination; it is given up if they leave more than the second share of the error that it caused, and
more than the third multiple of what is allowed (under noise: the fourth multiple of the error before)."""


@dataclass(frozen=True)
class StructureCandidate:
    """A fitted structure.

    Attributes:
        error: On the held-out rows, as a share of y's spread.
        description: Bayesian information criterion (Schwarz 1978) on the fitted rows, in nats times two.
    """

    model: KAN
    error: float
    description: float

    @property
    def edges(self) -> int:
        """Number of living edges."""
        return self.model.active_edges()


@dataclass
class StructureSearch:
    """The search for a structure: how candidates are fitted, and what they have to reach.

    Attributes:
        run: The fit in progress.
        objective: Rows in network units, without penalties; its model has the units.
        held_out: Rows that no step sees, or None: then the information criterion judges.
        x: All rows, in raw units.
        method: The optimiser.
        path: Accepted candidates, from the dense network on.
        reached: The lowest held-out error of these.
    """

    run: TrainingRun
    objective: DataObjective
    held_out: DataObjective | None
    x: Tensor
    method: Optimiser
    path: list[StructureCandidate] = field(default_factory=list)
    reached: float = math.inf

    @property
    def best(self) -> StructureCandidate:
        """The one accepted last."""
        return self.path[-1]

    @property
    def clean(self) -> bool:
        """Whether the held-out error judges."""
        return (
            self.held_out is not None
            and isinstance(self.objective.criterion, Squared)
            and self.reached < MAX_NOISELESS_ERROR
        )

    def steps(self, second_order: int) -> int:
        """The number of steps of the chosen method that is worth this number of second-order ones."""
        return second_order if self.method.second_order else self.method.default_steps // 4

    # ---------------------------------------------------------------------------------------------------- judging

    @torch.no_grad()
    def look(self, model: KAN) -> StructureCandidate:
        """Judges a model as it is."""
        seen = self.objective.on(model)
        spread = self.objective.spread or 1.0
        judged = seen if self.held_out is None else self.held_out.on(model)
        loss, count = seen.loss_value(), seen.n_values
        if self.objective.criterion.regression:
            misfit = count * math.log(max(loss / spread, 1e-30))
        else:
            misfit = 2 * count * loss
        description = misfit + model.parameter_count(active=True) * math.log(max(count, 2))
        return StructureCandidate(model, math.sqrt(max(judged.loss_value(), 0.0) / spread), description)

    def good(self, candidate: StructureCandidate) -> bool:
        """Whether it may take the place of the best."""
        if self.clean:
            return candidate.error <= self._allowed
        return candidate.description <= self.best.description

    @property
    def _allowed(self) -> float:
        return MAX_ERROR_RATIO * self.reached + ERROR_TOLERANCE

    def accept(self, candidate: StructureCandidate, why: str) -> None:
        """Makes it the best."""
        self.path.append(candidate)
        self.reached = min(self.reached, candidate.error)
        self.run.history.decide(
            "structure",
            f"{why}: {candidate.model.config.shape} with {candidate.edges} active edges, relative error {candidate.error:.3g}",
        )

    # ---------------------------------------------------------------------------------------------------- fitting

    def fitted(self, model: KAN, stage: str) -> StructureCandidate:
        """Fits a model on its own splines, then on richer ones as long as they pay and it is not good enough."""
        candidate = self.advanced(model, stage)
        while not self.run.over and self.path and not self.good(candidate):
            richer = self.richer(candidate)
            if richer is None:
                break
            new = self.advanced(richer, stage)
            if not (new.error < 0.7 * candidate.error if self.clean else new.description < candidate.description):
                break
            candidate = new
        return candidate

    def advanced(self, model: KAN, stage: str, steps: int = N_STEPS) -> StructureCandidate:
        """Fits a model in place on its own splines."""
        objective = self.objective.on(model)
        with torch.no_grad():
            extend_grids(model, objective.activations())
        self.run.advance(objective, self.method, self.steps(steps), stage)
        return self.look(model)

    def started(self, model: KAN, stage: str) -> StructureCandidate:
        """The same from fresh starts."""
        model = best_start(
            self.run, self.objective.on(reinitialised(model, self.run.generator)), self.method, N_STARTS, self.steps(12)
        )
        return self.fitted(model, stage)

    @torch.no_grad()
    def richer(self, candidate: StructureCandidate) -> KAN | None:
        """The same function on splines of a higher degree or on finer grids; None where the rows are too few for that."""
        layers = [layer for layer in candidate.model.kan_layers if _may_change(layer)]
        low = [layer for layer in layers if layer.basis.degree is not None and layer.basis.degree < RAISED_DEGREE]
        raising = bool(low) and self.method.second_order and candidate.error < MIN_UNEXPLAINED_SHARE
        if not raising and any(2 * layer.basis.resolution > MAX_RESOLUTION for layer in layers):
            return None

        def change(layer: KANLayer, u: Tensor) -> None:
            if not _may_change(layer):
                return
            if not raising:
                refine_layer(layer, 2 * layer.basis.resolution, u)
            elif layer.basis.degree is not None and layer.basis.degree < RAISED_DEGREE:
                raise_layer(layer, RAISED_DEGREE, u)

        other = map_layers(self.objective.on(candidate.model), change)
        enough = other.parameter_count(active=True) * 2.5 <= self.objective.n_values
        return other if layers and enough else None

    # ------------------------------------------------------------------------------------------------ elimination

    def eliminate(self) -> None:
        """Removes inputs, nodes and edges, the least important first, as long as the rest can compensate.

        Many networks have the same output (what one node leaves over, another can take); this finds one with few edges.
        The weakest are tried together first, then fewer of them, then each one alone.
        """
        going = True
        while going:
            going, refused = False, set[str]()
            for name, smaller in self._proposals():
                key = fingerprint_of(dict(smaller.state_dict()))  # an input's last edge is the input
                if self.run.over or len(refused) == 30:
                    return
                if key in refused or smaller.active_edges() >= self.best.edges:
                    continue
                candidate = self._made_up(smaller, f"without {name}")
                if self.good(candidate):
                    self.accept(candidate, f"without {name} the fit is as good")
                    going = True
                    break
                refused.add(key)

    def _made_up(self, smaller: KAN, stage: str) -> StructureCandidate:
        """The smaller network fitted, as far as there is hope."""
        before = self.look(smaller).error
        candidate = self.advanced(smaller, stage, N_TRIAL_STEPS)
        far = MAX_EXCESS_RATIO * self._allowed if self.clean else MAX_NOISY_EXCESS_RATIO * self.best.error
        if candidate.error > max(MAX_REMAINING_SHARE * before, far):
            return candidate
        return self.fitted(smaller, stage)

    def _proposals(self) -> Iterator[tuple[str, KAN]]:
        """Smaller structures of the best one, each as what is taken out and what is left."""
        model = self.best.model
        scores = attribution(model, self.x)
        alive = [layer.alive for layer in model.kan_layers]
        ranked = sorted(float(s) for score, mask in zip(scores.edges, alive, strict=True) for s in score[mask])
        size = len(ranked) // 2
        while size > 1:
            bound = ranked[size - 1]
            keep = [mask & (score > bound) for score, mask in zip(scores.edges, alive, strict=True)]
            yield f"the {size} weakest edges", without_edges(model, self.x, keep)
            size //= 2
        for _, name, keep in sorted(_single(model, scores, alive), key=lambda entry: entry[0]):
            yield name, without_edges(model, self.x, keep)


def _single(model: KAN, scores: Attribution, alive: list[Tensor]) -> Iterator[tuple[float, str, list[Tensor]]]:
    """Every input, hidden node and edge: its score, its name, and which edges stay without it."""
    depth = len(alive)
    for level in range(depth):
        for node in torch.nonzero(alive[level].any(1)).flatten().tolist():
            keep = [mask.clone() for mask in alive]
            keep[level][node] = False
            name = f"input {model.config.input_names[node]}" if level == 0 else f"node {node + 1} of layer {level}"
            yield float(scores.nodes[level][node]), name, keep
        for i, j in torch.nonzero(alive[level]).tolist():
            keep = [mask.clone() for mask in alive]
            keep[level][i, j] = False
            yield float(scores.edges[level][i, j]), f"the edge {i + 1} → {j + 1} of layer {level + 1}", keep


def narrowed(model: KAN, x: Tensor, scores: Attribution, width: int, inputs: Tensor) -> KAN:
    """The model on some inputs, with at most `width` sums and products in every hidden layer: those that matter most."""
    keep = [layer.alive for layer in model.kan_layers]
    keep[0] &= inputs[:, None]
    for level, shape in enumerate(model.config.nodes[1:-1], start=1):
        order = torch.argsort(scores.nodes[level], descending=True, stable=True).tolist()
        chosen = [n for n in order if n < shape.sums][:width] + [n for n in order if n >= shape.sums][:width]
        for node in set(order) - set(chosen):
            keep[level][node] = False
            keep[level - 1][:, list(shape.groups[node])] = False
    return without_edges(model, x, keep)


def _may_change(layer: KANLayer) -> bool:
    """Whether a layer's splines may become richer; a straight line is one by intention."""
    return layer.grid_kind == "adaptive" and layer.basis != LINEAR_BASIS
