"""A fit in progress: the clock, the history, the callbacks, the best state so far, and the checkpoint to resume from."""

import contextlib
import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.nn.utils import get_total_norm

from splinework.errors import warn
from splinework.nn.network import KAN
from splinework.train.callbacks import Callback, Step, StopTraining, notify
from splinework.train.coordinates import is_shaped, project_onto_shapes
from splinework.train.grid_adaptation import MIN_PART_STEPS, strays
from splinework.train.history import History, history_from_dict
from splinework.train.journal import CHECKPOINT_SECONDS, Journal, Snapshot, copied, reopened
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser, Stepper
from splinework.train.options import TrainingOptions
from splinework.train.penalties import Penalty
from splinework.train.progress import Progress


def half_time(deadline: float | None, *, resumes: bool) -> float:
    """Time on the clock when half of what is left until a deadline is used up, by which a search before the steps ends.

    Infinite where there is no deadline, and where the fit `resumes` from a checkpoint and so has to find the same again.
    """
    return math.inf if deadline is None or resumes else (time.monotonic() + deadline) / 2


@dataclass
class TrainingRun:
    """Keeps what must outlive a stage of the fit.

    Attributes:
        held_out: The loss on rows that no step sees, or None.
        deadline: Time on the clock after which no step begins, or None.
        remaining: Steps that may still be taken, or None.
        judging: Whether states may become the best one.
        journal: The record of the stages, from which a fit that was killed goes on.
        last_is_best: Whether the model of the last step is the best one.
        target: A score that is good enough: no step begins from there on.
        settles: Gain of ten steps, as a share, below which a stage ends; that of the optimiser where it is None.
        prefix: Begins the names of the stages.
        ahead: The error of held-out rows, in units of y, that another model has; a stage that creeps towards it ends.
    """

    held_out: Objective | None
    generator: torch.Generator
    callbacks: Sequence[Callback] = ()
    deadline: float | None = None
    remaining: int | None = None
    journal: Journal = field(default_factory=Journal)
    began: float = field(default_factory=time.monotonic)
    history: History = field(default_factory=History)
    best: KAN | None = None
    best_score: float = math.inf
    best_penalties: tuple[Penalty, ...] = ()
    best_stage: int = -1
    marked: tuple[KAN | None, float] = (None, math.inf)
    stopped: str = ""
    judging: bool = True
    last_is_best: bool = False
    target: float = 0.0
    settles: float | None = None
    prefix: str = ""
    taken: int = 0
    stages: int = 0
    ahead: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the fit must end."""
        if not self.stopped and self.deadline is not None and time.monotonic() > self.deadline:
            self.stopped = "the budget was used up"
        if not self.stopped and self.remaining is not None and self.remaining <= 0:
            self.stopped = "the steps given were used up"
        return bool(self.stopped) or self.best_score <= self.target

    @property
    def half_time(self) -> float:
        """Time on the clock by which a search before the steps ends."""
        return half_time(self.deadline, resumes=self.journal.path is not None)

    @classmethod
    def of(
        cls,
        options: TrainingOptions,
        held_out: Objective | None,
        generator: torch.Generator,
        began: float | None = None,
    ) -> "TrainingRun":
        """A run that began at a time on the clock, or begins now."""
        began = time.monotonic() if began is None else began
        deadline = options.deadline(began)
        return cls(held_out, generator, deadline=deadline, remaining=options.steps, began=began)

    @contextlib.contextmanager
    def listening(self, options: TrainingOptions, first: str = "starting") -> Iterator[None]:
        """Passes every step to the callbacks and to a line on the terminal; callbacks that are context managers are entered.

        Before there are steps the line says what is done `first`.
        """
        with contextlib.ExitStack() as stack:
            for callback in options.callbacks:
                if isinstance(callback, contextlib.AbstractContextManager):
                    stack.enter_context(callback)
            bar = stack.enter_context(
                Progress(options.progress, steps=self.remaining, budget=options.budget, first=first)
            )
            self.callbacks = (*options.callbacks, bar)
            yield

    @contextlib.contextmanager
    def approximating(self, prefix: str, target: float, settles: float) -> Iterator[None]:
        """Stages whose names begin with `prefix`, and which need not go further than `target` or gain less than `settles`."""
        self.prefix, self.target, self.settles = prefix, target, settles
        try:
            yield
        finally:
            self.prefix, self.target, self.settles = "", 0.0, None

    def warn(self, text: str) -> None:
        """Warns the caller of the public function, and records it in the history."""
        self.history.decide("warning", text)
        warn(text)

    def advance(
        self,
        objective: Objective,
        optimiser: Optimiser,
        steps: int,
        stage: str,
        *,
        settles: float | None = None,
        patience: int | None = None,
    ) -> float:
        """Takes up to `steps` steps; returns the objective.

        Ends early when the optimiser is exhausted or has left the hidden grids, or when the last `patience` steps (the
        objective's) gained less than at the rate of the share `settles` (the optimiser's) in ten.
        """
        number, self.stages = self.stages, self.stages + 1
        if number == self.journal.book.get("best_stage"):
            self.best_penalties = objective.penalties
        if number < len(self.journal.done):
            return self._replay(objective, self.journal.done[number])
        first, state, saved = len(self.history), self.journal.current, time.monotonic()
        if state is not None:
            self._reopen(objective, state)
        stepper = optimiser.attach(objective, steps, self.generator)
        values, unseen, done = [objective.value_on_all_rows()], 0, 0
        if state is not None:
            Snapshot(**state["model"]).put_into(objective.model)  # attaching may have moved the ends of grids
            stepper.restore(state["stepper"])
            self.generator.set_state(state["generator"])
            values, unseen, done = list(state["values"]), state["unseen"], state["count"]
        window, holds = patience or objective.patience, is_shaped(objective.model) and not optimiser.second_order
        share = next(s for s in (settles, self.settles, optimiser.settles) if s is not None) * window / 10
        for count in range(done + 1, steps + 1):
            if self.over:
                break
            began = time.monotonic()
            value = stepper.step()
            if holds:
                project_onto_shapes(objective.model)
                value = None if value is None else objective.value_on_all_rows()
            self.taken, unseen = self.taken + 1, unseen + 1
            self.remaining = None if self.remaining is None else self.remaining - 1
            if value is None and unseen < stepper.every and count < steps and not self.over:
                continue
            unseen = 0
            value = objective.value_on_all_rows() if value is None else value
            length = float(get_total_norm(objective.model.parameters()))
            if not (math.isfinite(value) and math.isfinite(length)):
                self.stopped = "the fit diverged, or its numbers stopped being finite; the best state before was kept"
                break
            values.append(value)
            strayed = self._record(objective, stepper, value, stage, length, time.monotonic() - began)
            settled = len(values) > window and values[-window - 1] - value <= share * values[-window - 1]
            creeps = self.judging and self.history.creeps(self.ahead)
            if stepper.exhausted or settled or creeps or (strayed and count >= MIN_PART_STEPS):
                break
            if self.journal.path is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
                kept = {"stepper": stepper.state(), "values": values[-11:], "unseen": unseen, "count": count}
                self._save({**kept, **self._kept(objective, first)})
                saved = time.monotonic()
        if self.journal.path is not None:
            self._save(None)
            # What follows may begin from the best state, which is not always that of the last step.
            best = {name: self.journal.book[name] for name in ("best", "best_score")}
            outcome = {"value": values[-1], "stopped": self.stopped, **self._kept(objective, first), **best}
            self.journal.done.append(outcome)
            self.journal.write()
        return values[-1]

    def take_over(self, steps: Sequence[Step], after: float) -> None:
        """Puts steps that were taken elsewhere, `after` seconds on, into the history."""
        for step in steps:
            self.taken += 1
            self.history.steps.append(replace(step, number=self.taken, seconds=step.seconds + after))
            self._call_back(self.history.steps[-1])

    @torch.no_grad()
    def score(self, objective: Objective) -> float:
        """The criterion of the best state: the root of the objective, on the held-out rows where there are any."""
        return self._score(objective, objective.value_on_all_rows(), self._held_out_loss(objective.model))

    def consider(self, objective: Objective) -> None:
        """Makes the objective's model the best state if it is better."""
        score = self.score(objective)
        if score < self.best_score:
            self.best_score, self.best, self.best_penalties = score, copy.deepcopy(objective.model), objective.penalties
            self.last_is_best = False

    def record(self, objective: Objective, stage: str) -> None:
        """Puts a state that was found without steps into the history."""
        self.taken += 1
        length = float(get_total_norm(objective.model.parameters()))
        self._record(objective, None, objective.value_on_all_rows(), stage, length, 0.0)

    def mark(self) -> None:
        """Remembers the best state so far, for `rewind`."""
        self.marked = (copy.deepcopy(self.best), self.best_score)

    def rewind(self, objective: Objective) -> None:
        """Back to the best state at the mark: what was tried since then did not pay for what it costs."""
        self.best, self.best_score = self.marked
        self.best_penalties, self.last_is_best = objective.penalties, False

    def judge_anew(self, objective: Objective, held_out: Objective | None) -> None:
        """Makes the objective's model the best state, and from now on judges by other rows."""
        self.held_out = held_out
        score = self.score(objective)
        self.best, self.best_score = copy.deepcopy(objective.model), score if math.isfinite(score) else math.inf
        self.best_penalties, self.last_is_best = objective.penalties, False

    @torch.no_grad()
    def _record(
        self, objective: Objective, stepper: Stepper | None, value: float, stage: str, length: float, seconds: float
    ) -> bool:
        """Puts a step into the history; returns whether it left hidden grids behind, as it does not move them itself."""
        model = objective.model
        loss = value - float(objective.penalty()) if objective.penalties else value
        held = self._held_out_loss(model)
        step = Step(
            number=self.taken,
            stage=self.prefix + stage,
            grid=max(layer.basis.resolution for layer in model.kan_layers),
            objective=value,
            rmse_train=objective.rmse(None if objective.penalties else value),
            rmse_validation=math.nan if self.held_out is None else self.held_out.on(model).rmse(held),
            seconds=time.monotonic() - self.began,
            loss=loss,
            gradient_norm=getattr(stepper, "gradient_norm", math.nan),
            step_norm=getattr(stepper, "step_norm", math.nan),
            parameter_norm=length,
            step_seconds=seconds,
            grids=tuple(layer.basis.resolution for layer in model.kan_layers),
            degrees=tuple(layer.basis.size - layer.basis.resolution for layer in model.kan_layers),
            parameters=model.parameter_count(active=True),
            damping=getattr(stepper, "damping", math.nan),
        )
        self.history.steps.append(step)
        score = self._score(objective, value, held)
        strayed = not getattr(stepper, "follows", stepper is None) and strays(model, objective.activations())
        self.last_is_best = self.judging and score < self.best_score and not strayed
        if self.last_is_best:
            self.best_score, self.best, self.best_penalties = score, copied(model, self.best), objective.penalties
            self.best_stage = self.stages - 1
        self._call_back(step, model)
        return strayed

    def _call_back(self, step: Step, model: KAN | None = None) -> None:
        for callback in self.callbacks:
            try:
                notify(callback, step, model)
            except StopTraining as signal:
                self.stopped = str(signal) or "a callback ended the fit"

    def _held_out_loss(self, model: KAN) -> float:
        return math.nan if self.held_out is None else self.held_out.on(model).loss_value()

    def _score(self, objective: Objective, value: float, held: float) -> float:
        if self.held_out is None:
            return math.sqrt(max(value, 0.0))
        counted = tuple(penalty for penalty in objective.penalties if penalty.judged)
        penalty = float(replace(objective, penalties=counted).penalty()) if counted else 0.0
        return math.sqrt(max(held + max(penalty, 0.0), 0.0))

    def _kept(self, objective: Objective, first: int) -> dict[str, Any]:
        """The model, the counts, and the steps from number `first` on."""
        return {
            "model": vars(Snapshot.of(objective.model)),
            "taken": self.taken,
            "remaining": self.remaining,
            "generator": self.generator.get_state(),
            "history": History(self.history.steps[first:]).to_dict(),
        }

    def _save(self, current: dict[str, Any] | None) -> None:
        """Writes the record, with the state of the stage in progress or None between stages."""
        best, marked = (None if m is None else vars(Snapshot.of(m)) for m in (self.best, self.marked[0]))
        self.journal.book = {
            "best": best,
            "best_score": self.best_score,
            "best_stage": self.best_stage,
            "marked": marked,
            "marked_score": self.marked[1],
            "seconds": time.monotonic() - self.began,
        }
        self.journal.current = current
        self.journal.write()
        self.journal.current = None

    def _replay(self, objective: Objective, outcome: dict[str, Any]) -> float:
        """A stage that was done before the fit was killed."""
        self._reopen(objective, outcome)
        self.best, self.best_score = reopened(objective.model, outcome["best"]), outcome["best_score"]
        self.generator.set_state(outcome["generator"])
        self.stopped = outcome["stopped"]
        return float(outcome["value"])

    def _reopen(self, objective: Objective, kept: dict[str, Any]) -> None:
        """Restores the model, the counts and the steps, and replays these to the callbacks."""
        Snapshot(**kept["model"]).put_into(objective.model)
        self.taken, self.remaining = kept["taken"], kept["remaining"]
        for step in history_from_dict(kept["history"]):
            self.history.steps.append(step)
            stopped = self.stopped
            self._call_back(step)
            self.stopped = stopped
        ahead = self.stages - len(self.journal.done)
        if ahead > 0 or (ahead == 0 and self.journal.current is None):
            self._restore_book(objective.model)

    def _restore_book(self, model: KAN) -> None:
        """The best model so far, and the time that was spent."""
        book = self.journal.book
        self.best_score, self.best_stage = book["best_score"], book["best_stage"]
        self.best = reopened(model, book["best"])
        self.marked = reopened(model, book["marked"]), book["marked_score"]
        self.began -= book["seconds"]
        if self.deadline is not None:
            self.deadline -= book["seconds"]
