"""The options that all searches for formulas share."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict, final

from splinework.errors import ConfigError
from splinework.interpret.symbolic.table import FormulaTable
from splinework.train.callbacks import Callback
from splinework.train.options import TrainingOptions

RegressionSearch = Callable[..., FormulaTable]
"""As `regress`: `search(x, y, names=, target=, budget=, seed=, on_stage=)`, and `weights=` and `network=` where it has them."""


class SearchKeywords(TypedDict, total=False):
    """The options of every search."""

    budget: float
    effort: float | None
    jobs: int | None
    checkpoint: str | os.PathLike[str] | None
    seed: int
    progress: bool
    on_stage: Callable[[str], None] | None
    callbacks: Sequence[Callback]


class InnerSearchKeywords(SearchKeywords, total=False):
    """The options of a search that calls one for a single column inside."""

    search: RegressionSearch | None


@final
@dataclass(frozen=True, eq=False)
class SearchOptions:
    """Options of a search for formulas, each with a default.

    Attributes:
        budget: Approximate time to take, in seconds.
        effort: Work instead of time, in units of about a second on one core: the same seed and effort give the same answer on
            the same kind of processor, however busy it is and whatever `jobs`.
        jobs: Populations of formulas that run at a time; by default as many as torch has threads.
        checkpoint: A file for the formulas found so far, those of each search for one column that a question takes. If it exists
            and belongs to the same question, these begin from them, with other random numbers.
        seed: Seed of everything random; the same seed gives the same result where the budget suffices.
        progress: Whether to show on a terminal what is being done.
        on_stage: Function called with a text at the beginning of each stage; nothing is shown on the terminal then.
        callbacks: Functions of a `Step`, called during the fits of networks.
        search: Search for formulas of one column that is called inside, with the arguments of the default one.

    Raises:
        ConfigError: For an option that makes no sense.

    >>> SearchOptions(budget=10).seed
    0
    """

    budget: float = 60.0
    effort: float | None = None
    jobs: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    seed: int = 0
    progress: bool = True
    on_stage: Callable[[str], None] | None = None
    callbacks: Sequence[Callback] = ()
    search: RegressionSearch | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.budget, int | float) and self.budget > 0 and math.isfinite(self.budget)):
            raise ConfigError(f"budget is a number of seconds above 0, got {self.budget!r}.")
        if self.effort is not None and not (
            isinstance(self.effort, int | float) and self.effort > 0 and math.isfinite(self.effort)
        ):
            raise ConfigError(f"effort is a number of units of work above 0, got {self.effort!r}.")
        if self.jobs is not None and not (isinstance(self.jobs, int) and self.jobs > 0):
            raise ConfigError(f"jobs is a number of threads, at least 1, got {self.jobs!r}.")
        if not isinstance(self.checkpoint, (str, os.PathLike, type(None))):
            raise ConfigError(f"checkpoint is the path of a file, got {self.checkpoint!r}.")
        TrainingOptions(seed=self.seed, callbacks=self.callbacks)  # which checks both
