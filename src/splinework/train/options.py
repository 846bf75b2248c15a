"""The options of a training: what each means, its default, and what is refused. `fit`, `solve`, `ensemble`, … share them.

Users name options by keyword, or hand in one `TrainingOptions`; functions inside take the object. The groups of keywords below
say which verb takes which: type checkers read them in its signature, and so does `with_options`.
"""

import inspect
import multiprocessing
import operator
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, final

import torch
from torch import Tensor

from splinework.errors import ArgumentError, ConfigError
from splinework.errors.foreign import advice, explained, explained_record
from splinework.train.callbacks import Callback
from splinework.train.losses import Loss, make_loss
from splinework.train.optim import LBFGS, Optimiser, make_optimiser
from splinework.train.penalties import Penalty, Roughness
from splinework.train.residual import Residual, as_list

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Verb = TypeVar("Verb", bound=Callable[..., Any])
Options = TypeVar("Options", bound="DataclassInstance")


class RunKeywords(TypedDict, total=False):
    """Options of every function that takes a while."""

    seed: int
    progress: bool
    callbacks: Sequence[Callback]


class CommonKeywords(RunKeywords, total=False):
    """Options of every minimisation."""

    optimiser: str | Optimiser
    validation: float | Sequence[Any] | Residual | None
    budget: float | None


class DataKeywords(TypedDict, total=False):
    """Options of fits to rows."""

    loss: str | Loss | Callable[[Tensor, Tensor], Tensor]
    weights: Any
    standardise: bool | str


class GrowthKeywords(TypedDict, total=False):
    """Options of fits with several starts and adaptive refinement."""

    steps: int | None
    starts: int | None
    grids: Sequence[int] | str | None
    degree: str
    penalties: Sequence[Penalty]


class SparsifyKeywords(CommonKeywords, DataKeywords, total=False):
    """Options of `sparsify`, which decides on steps, starts and grids itself."""


class SolveKeywords(CommonKeywords, GrowthKeywords, total=False):
    """Options of `solve`: there are no rows."""

    checkpoint: str | os.PathLike[str] | None


class EnsembleKeywords(CommonKeywords, GrowthKeywords, DataKeywords, total=False):
    """Options of `ensemble`: a checkpoint is that of one fit, not of several."""

    residuals: Sequence[Residual]


class FitKeywords(EnsembleKeywords, total=False):
    """All options of `fit`."""

    checkpoint: str | os.PathLike[str] | None
    distributed: bool | None


@explained_record
@final
@dataclass(frozen=True, eq=False)
class TrainingOptions:
    """How a model is trained. Every option has a default that suits most data.

    Attributes:
        steps: Most steps of the optimiser in all; None lets each stage converge.
        optimiser: `auto`, `lm`, `ssbroyden`, `lbfgs`, `adam` and others, any of `torch.optim` by name, or a recipe such
            as `Adam(learning_rate=1e-3, batch=64)`.
        validation: Share of rows (or of the points of every residual) to hold out, or rows of their own as `(x, y)` or
            `(x, y, weights)`, or for `solve` residuals of their own; None holds out 15 % where there are 40 or more. 0 holds
            out none: then generalised cross-validation decides on grids.
        seed: Seed of everything random here; same seed, same bits on one machine. The global seed is not touched.
        progress: Whether to show progress on a terminal.
        callbacks: Functions of a `Step`; one may raise `StopTraining`. One that is a context manager is entered too.
        penalties: Such as `Sparsity(1e-3)`; `Roughness("auto")` smooths every edge as its likelihood asks for, which is what
            noisy data get anyway where `grids` is `auto`.
        grids: `auto`, a list of resolutions to go through such as `[5, 10, 20]` (those not finer than the model's are
            passed over), or None to keep the model's.
        degree: `auto` lets second-order methods raise the degree of the splines if that lowers the error; `keep` forbids it.
        starts: Number of starts; None takes 12 for a network with hidden nodes and a second-order method (fewer where
            `steps` are few), else 1.
        standardise: Whether to set the units of the model from the data; `auto` does where x does not fit the grids'
            domain or y is far from unit size, and the model has no units yet.
        budget: Most seconds to take; None sets no limit.
        loss: `squared`, `huber`, `absolute`, `quantile`, `poisson`, `logistic`, `softmax`, a recipe such as `Huber(0.5)`,
            or a function of outputs and targets that gives one value per row.
        weights: `(N,)`, weights of the rows; only their ratios matter.
        checkpoint: A file to record the training in. If it exists and belongs to the same training, the
            training resumes from it, bit for bit as if it had never been interrupted.
        residuals: Residuals to minimise besides, such as `[sw.Residual(function, points, weight)]`; the mean of the squares of
            each is added to the loss, which is in units of the standardised outputs.
        distributed: Whether all processes that `torchrun` or `torch.distributed` started fit one model together, each working out
            sums over its share of the rows; None does where there are several.

    Raises:
        ConfigError: For an option that makes no sense.

    >>> TrainingOptions(budget=60, loss="huber").penalties
    ()
    """

    steps: int | None = None
    optimiser: str | Optimiser = "auto"
    validation: float | Sequence[Any] | Residual | None = None
    seed: int = 0
    progress: bool = True
    callbacks: Sequence[Callback] = ()
    penalties: Sequence[Penalty] = ()
    grids: Sequence[int] | str | None = "auto"
    degree: str = "auto"
    starts: int | None = None
    standardise: bool | str = "auto"
    budget: float | None = None
    loss: str | Loss | Callable[[Tensor, Tensor], Tensor] = "squared"
    weights: Any = field(default=None, repr=False)
    checkpoint: str | os.PathLike[str] | None = None
    residuals: Sequence[Residual] = ()
    distributed: bool | None = None

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("starts", 1), ("seed", 0)):
            number = getattr(self, name)
            whole = hasattr(number, "__index__") and operator.index(number) >= least
            if not (whole or (number is None and name != "seed")):
                raise ConfigError(f"{name} is a whole number of at least {least}, got {number!r}.")
        if self.budget is not None and not (isinstance(self.budget, (int, float)) and self.budget >= 0):
            raise ConfigError(f"budget is a number of seconds, zero or more, got {self.budget!r}.")
        if not isinstance(self.callbacks, Sequence) or not all(map(callable, self.callbacks)):
            raise ConfigError(f"callbacks is a list of functions of a Step, got {self.callbacks!r}; write [callback].")
        if not isinstance(self.penalties, Sequence) or not all(isinstance(one, Penalty) for one in self.penalties):
            raise ConfigError(f"penalties is a list such as [Sparsity(1e-3)], got {self.penalties!r}.")
        if self.degree not in ("auto", "keep"):
            raise ConfigError(f"degree is 'auto' (raised if that lowers the error) or 'keep', got {self.degree!r}.")
        if self.distributed not in (True, False, None):
            raise ConfigError(
                f"distributed is True, False or None (where there are processes), got {self.distributed!r}."
            )
        if self.standardise not in (True, False, "auto"):
            raise ConfigError(f"standardise is True, False or 'auto', got {self.standardise!r}.")
        if not isinstance(self.checkpoint, (str, os.PathLike, type(None))):
            raise ConfigError(f"checkpoint is the path of a file, got {self.checkpoint!r}.")
        if not (isinstance(self.residuals, Sequence) and len(self.residuals) == 0):
            as_list(self.residuals)
        value = self.validation
        share = isinstance(value, (int, float)) and 0 <= value < 1
        if not (value is None or share or isinstance(value, (Sequence, Residual))) or isinstance(value, str):
            raise ConfigError(
                f"validation is a share of the rows, 0 <= share < 1, or a pair (x, y), or a list of residuals; got {value!r}."
            )
        object.__setattr__(self, "grids", _resolutions(self.grids))
        make_loss(self.loss)
        if self.optimiser != "auto":
            make_optimiser(self.optimiser)

    @classmethod
    def paper(
        cls, *, grids: Sequence[int] = (3, 5, 10, 20, 50, 100, 200), steps: int = 200, **options: Any
    ) -> "TrainingOptions":
        """Training as in the paper (Liu et al. 2024, arXiv 2404.19756, §3.2; its toys go on to 500 and 1000 intervals).

        L-BFGS with a memory of 10 on all rows, from the initial values that the model has, in raw units; the same number of steps
        on every grid, and nothing is held out, smoothed or polished. A step is one iteration; one of pykan's is up to 20 of them.

        Args:
            grids: Resolutions in order; those not finer than the model's are passed over.
            steps: Steps on each grid.
            **options: Options that take the place of these, or go with them, such as `penalties=[Sparsity(1e-2)]`.

        >>> TrainingOptions.paper(grids=[3, 5, 10]).steps
        600
        """
        own = {
            "optimiser": LBFGS(memory=10),
            "steps": steps * len(grids),
            "grids": grids,
            "starts": 1,
            "standardise": False,
            "degree": "keep",
            "validation": 0,
        }
        return cls(**{**own, **options})

    def deadline(self, began: float | None = None) -> float | None:
        """Time on the monotonic clock at which a fit that began then, or begins now, must end; None without a limit."""
        return None if self.budget is None else self.budget + (time.monotonic() if began is None else began)

    @property
    def smooths(self) -> bool:
        """Whether the strengths of smoothing are to be found."""
        return Roughness("auto") in self.penalties

    @property
    def fixed_penalties(self) -> tuple[Penalty, ...]:
        """The penalties whose strength is given."""
        return tuple(penalty for penalty in self.penalties if penalty != Roughness("auto"))


def _resolutions(grids: Any) -> list[int] | str | None:
    """`auto`, None or a list of resolutions, in order."""
    if grids is None or (isinstance(grids, str) and grids == "auto"):
        return grids
    try:
        wanted = sorted(operator.index(g) for g in grids)
    except TypeError:
        wanted = []
    if not wanted or wanted[0] < 1:
        raise ConfigError(f"grids is 'auto', None or a list of resolutions such as [5, 10, 20], got {grids!r}.")
    return wanted


# ----------------------------------------------------------------------------------------------- verbs that take options


def with_options(keywords: type, record: type[Any] = TrainingOptions) -> Callable[[Verb], Verb]:
    """Spells out the options that a verb takes as `**keywords`, in its signature and under `Args:` of its docstring.

    An option that the docstring describes itself keeps that description.

    Args:
        keywords: The `TypedDict` of the verb's `Unpack`.
        record: The dataclass of the options.
    """

    def spelled_out(verb: Verb) -> Verb:
        signature = inspect.signature(verb)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        taken = [each for each in fields(record) if each.name in keywords.__annotations__]
        named = [
            inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
            for each in taken
        ]
        # "options" stays last.
        spelled = signature.replace(parameters=[*own[:-1], *named, own[-1]])
        verb.__signature__ = spelled  # type: ignore[attr-defined]
        if verb.__doc__:
            described = verb.__doc__
            texts = [_text(record, each.name) for each in taken if f"\n        {each.name}: " not in described]
            verb.__doc__ = re.sub(r" {8}\*\*keywords: .*\n", lambda _: "".join(texts), verb.__doc__)
        return explained(verb)

    return spelled_out


def _text(record: type, name: str) -> str:
    """The description of a field in the docstring of a dataclass."""
    found = re.search(rf"^        {name}: .*\n(?:            .*\n)*", record.__doc__ or "", re.MULTILINE)
    return found[0] if found else ""


def options_of(
    verb: Callable[..., Any], options: Options | None, keywords: Mapping[str, Any], record: type[Options]
) -> Options:
    """The options of one call of a verb that is under `with_options`: those of the object, with what is named beside it.

    Raises:
        ConfigError: For one that the verb does not take, or that makes no sense.
    """
    if not isinstance(options, (record, type(None))):
        raise ConfigError(f"options is a {record.__name__}, got {options!r}; name single options by keyword.")
    begun = record() if options is None else options
    allowed = [p.name for p in inspect.signature(verb).parameters.values() if p.kind is p.KEYWORD_ONLY]
    allowed.remove("options")
    for name in (*changed(begun), *keywords):
        if name not in allowed:
            raise ArgumentError(advice(verb.__name__, name, allowed))
    return replace(begun, **keywords)


def is_shared(options: TrainingOptions) -> bool:
    """Whether several processes fit one model: as asked for, or else where `torchrun` or the user connected them.

    Raises:
        ConfigError: If that is asked for, and there is one process.
    """
    if options.distributed is False:
        return False
    connected = torch.distributed.is_available() and torch.distributed.is_initialized()
    if connected:
        several = torch.distributed.get_world_size() > 1
    else:  # workers of a pool inherit the variables of torchrun, and are no processes of its
        several = multiprocessing.parent_process() is None and "RANK" in os.environ
        several = several and os.environ.get("WORLD_SIZE", "1") not in ("", "1")
    if options.distributed and not (several or connected):
        raise ConfigError(
            "distributed=True needs several processes: start the program with `torchrun --nproc-per-node 2 program.py`, or call "
            "torch.distributed.init_process_group first."
        )
    # Fits in threads would mix up each other's sums.
    return several and (bool(options.distributed) or threading.current_thread() is threading.main_thread())


def changed(options: Any) -> tuple[str, ...]:
    """Names of the options that are not at their default."""
    # What is of another type may be an array, which is not to be compared.
    pairs = ((each.name, getattr(options, each.name), each.default) for each in fields(options))
    return tuple(name for name, value, default in pairs if type(value) is not type(default) or value != default)
